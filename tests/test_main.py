"""How the command line ends as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from steadygan import cli
from steadygan.errors import PreflightError

# What an interpreter that takes itself apart runs into, where threads of others still work.
ABORTING = """
import atexit, os, runpy, sys
atexit.register(os.abort)
sys.argv = ["steadygan", *sys.argv[1:]]
runpy.run_module("steadygan", run_name="__main__")
"""


@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("--wrong", 2)])
def test_one_of_several_processes_ends_without_taking_itself_apart(
    argument: str, code: int
) -> None:
    def ending(processes: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", ABORTING, argument], capture_output=True, text=True, check=False,
            env=os.environ | {"WORLD_SIZE": str(processes)},
        )  # fmt: skip

    together, alone = ending(2), ending(1)
    assert together.returncode == code
    assert alone.returncode == -signal.SIGABRT
    assert "steadygan" in together.stdout + together.stderr  # nothing is left in a buffer


# Time does not pass, and it is told who would have waited.
TIMELESS = """
import runpy, sys, time
time.sleep = lambda seconds: print("waited", flush=True)
sys.argv = ["steadygan", *sys.argv[1:]]
runpy.run_module("steadygan", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("rank", "argument", "waits"),
    [("0", "--wrong", False), ("1", "--wrong", True), ("1", "--version", False)],
)
def test_of_several_processes_the_first_one_says_first_why_they_end(
    rank: str, argument: str, waits: bool
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", TIMELESS, argument], stdout=subprocess.PIPE, text=True, check=False,
        stderr=subprocess.STDOUT, env=os.environ | {"WORLD_SIZE": "2", "RANK": rank},
    )  # fmt: skip
    lines = run.stdout.splitlines()
    assert (lines[0] == "waited") == waits
    assert lines[-1].startswith("steadygan")  # who is not ended meanwhile has failed alone


def test_who_waits_before_it_says_several_lines_waits_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(cli.time, "sleep", waited.append)
    monkeypatch.setenv("RANK", "1")

    def refused(*_: object, **__: object) -> None:
        raise PreflightError(["error one: a.", "error two: b.", "to train all the same: --allow"])

    monkeypatch.setattr(cli, "app", refused)
    assert cli.main(["train"]) == 2
    assert len(waited) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3
