"""Contestants in processes of their own, of which one works at a time, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from contestants import Contestant
from settings import Setting

HERE = Path(__file__).resolve().parent


class WorkerError(Exception):
    """A contestant cannot be made ready or fails, with its own reason."""


class Runs(Protocol):
    """What takes turns."""

    def seconds(self, iterations: int) -> float: ...


class Worker:
    """A contestant in a process of its own, made ready and waiting.

    Attributes:
        parameters: of generator and critic.
        updates: optimiser steps of critic and generator so far.
        peak: the most memory that the process had so far, in bytes.
        before: what it had before its first iteration.

    Raises:
        WorkerError: it cannot be made ready.
    """

    def __init__(
        self, contestant: Contestant, setting: Setting, peers: Path | None, threads: int
    ) -> None:
        folder = None
        python = sys.executable
        if contestant.folder is not None:
            if peers is None or not (peers / contestant.folder).is_dir():
                raise WorkerError(f"there is no folder {contestant.folder} among the peers")
            folder = str((peers / contestant.folder).resolve())
        if contestant.python is not None:
            assert peers is not None
            python = str(peers.absolute() / contestant.python)
        task = {
            "module": contestant.module,
            "options": dict(contestant.options),
            "setting": setting.to_json(),
            "folder": folder,
            "threads": threads,
        }
        paths = [str(HERE), str(HERE.parents[1] / "src"), os.environ.get("PYTHONPATH", "")]
        self._scratch = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / "worker.py"), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self._scratch.name,  # some make folders where they are
            env=os.environ
            | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self.updates, self.peak, self.before = (0, 0), 0, 0
        self.parameters: tuple[int, int] = tuple(self._answer()["parameters"])

    def seconds(self, iterations: int) -> float:
        """Do so many iterations; their seconds, measured by the process itself."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{iterations}\n")
        self._process.stdin.flush()
        found = self._answer()
        self.updates = tuple(found["updates"])
        self.peak, self.before = found["peak"], found["before"]
        return float(found["seconds"])

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()
        self._scratch.cleanup()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
        if "error" in found:
            self.close()
            raise WorkerError(found["error"])
        return found


def order(names: Sequence[str], turn: int) -> list[str]:
    """Everybody once, beginning with another one each turn."""
    first = turn % len(names)
    return [*names[first:], *names[:first]]


def alternate(
    runs: Mapping[str, Runs],
    rounds: int,
    iterations: int,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, list[float]]:
    """Seconds per iteration of everyone in every round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds):
        for name in order(list(runs), turn):
            times[name].append(runs[name].seconds(iterations) / iterations)
        say(f"round {turn + 1} of {rounds}")
    return times


def ratios(times: Mapping[str, Sequence[float]], name: str, base: str) -> list[float]:
    """How many times as long as ``base`` this one took, round by round."""
    return [one / other for one, other in zip(times[name], times[base], strict=True)]


def with_spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
