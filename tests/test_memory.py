"""Freed memory stays with the process: what is asked for again costs no new page."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from steadygan.memory import keep_freed_memory

print(keep_freed_memory() if sys.argv[1] == "keep" else "")
for _ in range(3):
    np.ones(6_000_000)  # 48 MB: more than glibc ever keeps by itself
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(6_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> tuple[str, int]:
    run = subprocess.run(
        [sys.executable, "-c", CODE, how], check=True, capture_output=True, text=True
    )
    kept, count = run.stdout.split("\n")[:2]
    return kept, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_memory_that_was_freed_is_used_again() -> None:
    kept, count = faults("keep")
    assert kept == "True"
    _, usual = faults("leave")
    assert count < 100 < usual


def test_elsewhere_it_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    from steadygan.memory import keep_freed_memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
