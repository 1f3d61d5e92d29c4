"""What surrounds the step: ``steadygan train`` against its own updates in a bare loop.

    python benchmarks/speed/pipeline.py [--data NAME…] [--intervals N] [--threads N]

The command itself composes and runs each training, with its data, rows, progress, probes, pictures
and checkpoints at their default intervals. After every few of its steps the same updates object
makes as many on the same networks, but on batches that lie ready, with nothing around them. An
interval is the steps from one checkpoint to the next.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for report.py

import report
from alternation import with_spread

from steadygan import app
from steadygan.cli import main as command
from steadygan.interfaces import Samples
from steadygan.record import Record
from steadygan.training import Execution, Outcome, Status, Trainer, Training, TrainingState
from steadygan.training.updates import NextBatch, Updates

# Written down before the runs.
MOST = 3.0  # per cent of extra time around the step
TURN = 25  # steps of the one, then of the other
RECIPES = {"digits": "digits", "fashion-mnist": "wgan-gp"}


@dataclass
class Turns:
    """Updates that, after each ``TURN`` of a trainer's calls, are called as often without it.

    Attributes:
        updates: the trainer's own.
        with_pipeline, bare: seconds of each turn. The first holds all that the trainer does from
            one call to the next; the second nothing but the calls.
    """

    updates: Updates
    turn: int = TURN
    clock: Callable[[], float] = time.perf_counter
    with_pipeline: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    _calls: int = 0
    _began: float | None = None
    _ready: list[Samples] = field(default_factory=list)

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> Mapping[str, list[Record]]:
        if self._calls % self.turn == 0:
            self._end_turn(state, progress)
        self._calls += 1
        return self.updates(state, lambda: self._kept(next_real()), progress)

    def _kept(self, real: Samples) -> Samples:
        if len(self._ready) < 16:
            self._ready.append(real)
        return real

    def _end_turn(self, state: TrainingState, progress: float) -> None:
        if self._began is not None:
            self.with_pipeline.append(self.clock() - self._began)
            batches = self._batches()
            began = self.clock()
            for _ in range(self.turn):
                self.updates(state, batches, progress)
            self.bare.append(self.clock() - began)
        self._began = self.clock()

    def _batches(self) -> NextBatch:
        numbers = iter(range(10**9))
        return lambda: self._ready[next(numbers) % len(self._ready)]

    def intervals(self, turns: int) -> list[tuple[float, float]]:
        """Seconds with and without, summed over as many turns each; a rest is dropped."""
        ends = range(turns, len(self.bare) + 1, turns)
        return [
            (sum(self.with_pipeline[e - turns : e]), sum(self.bare[e - turns : e])) for e in ends
        ]

    def median(self) -> float:
        """The ratio of a median turn, which what is done once in an interval does not touch."""
        return statistics.median(
            one / other for one, other in zip(self.with_pipeline, self.bare, strict=True)
        )


def trained(data: str, intervals: int, threads: int) -> tuple[Turns, Training]:
    """Turns of a training by the command, and the settings that it had."""
    found: list[tuple[Turns, Training]] = []

    class InTurns(Trainer):
        def run(self) -> Outcome:
            turns = Turns(self.updates)
            found.append((turns, self.settings))
            self.updates = turns
            # One step more than the intervals: it ends the last turn.
            steps = intervals * self.settings.checkpoint_every + 1
            self.settings = replace(self.settings, steps=steps)
            super().run()
            # What follows a training that has finished is not asked.
            return Outcome(Status.INTERRUPTED, "SIGINT")

    composed = app.Trainer
    app.Trainer = InTurns  # type: ignore[misc]
    try:
        with tempfile.TemporaryDirectory() as folder:
            command([
                "train", data, "--recipe", RECIPES[data], "--out", str(Path(folder) / "run"),
                "--set", f"training.threads={threads}",
            ])  # fmt: skip
    finally:
        app.Trainer = composed  # type: ignore[misc]
    return found[0]


def main(data: list[str], intervals: int, threads: int) -> None:
    rows = [["training", "interval, steps", "ms per step, with", "bare",
             "extra time per interval, %", "in all", "in a median turn"]]  # fmt: skip
    verdicts = []
    for name in data:
        turns, settings = trained(name, intervals, threads)
        pairs = turns.intervals(settings.checkpoint_every // TURN)
        extra = [100 * (one / other - 1) for one, other in pairs]
        one, other = (sum(each) for each in zip(*pairs, strict=True))
        share = 100 * (one / other - 1)
        steps = len(pairs) * settings.checkpoint_every
        rows.append([
            f"{name}, recipe {RECIPES[name]}, {Execution.of(settings)}",
            str(settings.checkpoint_every), f"{1e3 * one / steps:.2f}",
            f"{1e3 * other / steps:.2f}", with_spread(extra), f"{share:.2f} %",
            f"{100 * (turns.median() - 1):.2f} %",
        ])  # fmt: skip
        verdict = "holds" if share <= MOST else "DOES NOT HOLD"
        verdicts.append(f"- **{verdict}**: {name}: at most {MOST:g} % of extra time.")
    report.write(
        "speed/pipeline",
        "What surrounds the step",
        rows,
        [
            f"{intervals} interval(s), {threads} thread(s), in turns of {TURN} steps. Once in an "
            "interval: a checkpoint, the probes and a sheet of samples, which a median turn does "
            "not see.",
            "",
            *verdicts,
        ],
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--intervals", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    main(given.data, given.intervals, given.threads)
