from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from written import write_run

import steadygan
from steadygan.reporting import WrittenReport
from steadygan.run import Run

TINY = (
    "training.batch_size=16", "training.record_every=5",
    "training.probe_every=10", "training.sample_every=10", "training.checkpoint_every=10",
)  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Run:
    return write_run(tmp_path / "written")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A short run of a recipe on data, trained once; not to be changed."""
    root = tmp_path_factory.mktemp("reported")

    def train(data: str, recipe: str) -> Path:
        path = root / f"{data}-{recipe}"
        if not path.exists():
            dense = recipe == "digits" or data != "digits"
            small = "architecture.hidden=(16, 8)" if dense else "architecture.width=8"
            steadygan.train(data, recipe, out=path, overrides=[small, *TINY], steps=20, seed=1)
        return path

    return train


@pytest.fixture(scope="session")
def reported(
    trained: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], WrittenReport]:
    """The report of such a run, written once; not to be changed."""
    root = tmp_path_factory.mktemp("reports")

    @cache
    def write(data: str, recipe: str) -> WrittenReport:
        return steadygan.report(trained(data, recipe), root / f"{data}-{recipe}.html")

    return write


@pytest.fixture
def digits_run(trained: Callable[[str, str], Path], tmp_path: Path) -> Path:
    """A copy of a short run on digits, to be damaged."""
    return Path(shutil.copytree(trained("digits", "digits"), tmp_path / "copy"))
