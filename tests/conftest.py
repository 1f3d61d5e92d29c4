from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pictures import mixed_folder

# What runs measure of the machine is kept for the tests alone, those in processes of their own too.
os.environ["STEADYGAN_CACHE"] = tempfile.mkdtemp(prefix="steadygan-test-cache-")

if "PYTEST_XDIST_WORKER" in os.environ:  # the others have the other cores
    os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_world_per_test() -> Iterator[None]:
    """Runs set the number of threads and the global random state; the next test sees neither."""
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return mixed_folder(tmp_path / "mixed")
