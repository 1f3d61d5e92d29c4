"""How a step's time and memory grow with resolution, batch, width and processes, and what ends it.

    python benchmarks/speed/scaling.py [--axes NAME…] [--rounds R] [--threads N]

Each point is a process of its own that makes our step on a DCGAN: its time, and the memory that its
steps took beyond what the process had before the first.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for report.py

import memory
import numpy as np
import report
from alternation import Worker, alternate
from contestants import Contestant
from settings import Setting, dcgan

# Written down before the runs: what is too long. The recipe's 20,000 iterations in a day.
ITERATIONS, DAY = 20_000, 86_400.0
SIZE, WIDTH, BATCH = 32, 32, 64  # where the other axes stand


@dataclass(frozen=True)
class Axis:
    """What is varied: its values, and for each the setting and who trains it."""

    title: str
    unit: str
    values: tuple[int, ...]
    setting: Callable[[int], Setting]
    contestant: Callable[[int], Contestant] = lambda value: Contestant("ours")
    goes_on: bool = True  # beyond its last point; processes end with the machine's cores


AXES = {
    "resolution": Axis(
        "resolution", "px", (8, 16, 32, 64, 128), lambda size: dcgan(size, WIDTH, BATCH)
    ),
    "batch": Axis(
        "batch", "samples", (16, 32, 64, 128, 256), lambda batch: dcgan(SIZE, WIDTH, batch)
    ),
    "width": Axis("width", "channels", (16, 32, 64, 128), lambda width: dcgan(SIZE, width, BATCH)),
    "processes": Axis(
        "processes",
        "process(es)",
        (1, 2),
        lambda count: dcgan(SIZE, WIDTH, BATCH),
        lambda count: (
            Contestant("ours") if count == 1 else Contestant("ours_shared", {"processes": count})
        ),
        goes_on=False,
    ),
}


class Point(NamedTuple):
    value: int
    seconds: float  # of an iteration
    bytes: int  # of the steps


def measured(axis: Axis, rounds: int, threads: int) -> tuple[list[Point], int]:
    """Every point of an axis, one process after the other (large ones would crowd each other out),
    and the memory that the last process had before its first step."""
    points = []
    for value in axis.values:
        worker = Worker(axis.contestant(value), axis.setting(value), None, threads)
        try:
            worker.seconds(1)
            times = alternate({"": worker}, rounds, 1)[""]
        finally:
            worker.close()
        taken = max(worker.peak - worker.before, 1)
        points.append(Point(value, statistics.median(times), taken))
        print(f"{axis.title} {value}: {points[-1]}", file=sys.stderr, flush=True)
    return points, worker.before


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """b of the least-squares line log y = a + b log x."""
    slope, _ = np.polyfit(np.log(x), np.log(y), 1)
    return float(slope)


def powers(points: Sequence[Point]) -> dict[str, float]:
    """With which power of the axis time and memory grow."""
    x = [point.value for point in points]
    return {
        "time": exponent(x, [point.seconds for point in points]),
        "memory": exponent(x, [point.bytes for point in points]),
    }


def reached(x: float, y: float, power: float, limit: float) -> float:
    """Where y, which is ``y`` at ``x`` and grows with this power of it, reaches ``limit``."""
    return x * (limit / y) ** (1 / power) if power > 0 else math.inf


def ends(last: Point, before: int, growth: Mapping[str, float]) -> tuple[str, float]:
    """What breaks first, going on from the last point: ``"memory"`` or ``"time"``, and where."""
    free = memory.of_machine() - before
    at = {
        "memory": reached(last.value, last.bytes, growth["memory"], free),
        "time": reached(last.value, last.seconds, growth["time"], DAY / ITERATIONS),
    }
    first = min(at, key=lambda name: at[name])
    return first, at[first]


def main(names: Sequence[str], rounds: int, threads: int) -> None:
    rows = [["axis", "value", "ms per iteration", "MiB of the steps"]]
    notes = []
    for axis in (AXES[name] for name in names):
        points, before = measured(axis, rounds, threads)
        rows += [
            [axis.title, f"{p.value} {axis.unit}", f"{1e3 * p.seconds:.1f}",
             f"{p.bytes / memory.MIB:.0f}"]
            for p in points
        ]  # fmt: skip
        if len(points) < 2:
            notes.append(f"- {axis.title}: one point, and so no exponent.")
            continue
        whole, last = powers(points), powers(points[-2:])
        note = (
            f"- {axis.title}: time grows with its power {whole['time']:.2f} ({last['time']:.2f} "
            f"between the last two), memory with {whole['memory']:.2f} ({last['memory']:.2f})."
        )
        if axis.goes_on:
            what, where = ends(points[-1], before, last)
            note += f" First to break is **{what}**, at about {where:,.0f} {axis.unit}."
        notes.append(note)
    report.write(
        "speed/scaling",
        "How a step grows",
        rows,
        [
            f"Ours, float32, {threads} thread(s), medians of {rounds} iterations; WGAN-GP on a "
            f"DCGAN at {SIZE} px, batch {BATCH}, width {WIDTH} but for what is varied. Powers are "
            "least squares on logarithms over all points. *Breaks*: going on from the last point "
            "with the power between the last two, the steps fill this machine's "
            f"{memory.of_machine() / 2**30:.0f} GiB, or {ITERATIONS:,} iterations take more "
            "than a day. Processes share the batch and the threads; memory is the first one's.",
            "",
            *notes,
        ],
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    main(given.axes, given.rounds, given.threads)
