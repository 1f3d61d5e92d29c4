"""Values that change over a run: learning rates, penalty weights, noise levels.

A setting of type ``Value`` is a number, or a schedule: a frozen dataclass called with the progress
of the run, from 0.0 (first step) to 1.0 (end of the budget), that returns the number to use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from steadygan.errors import RecipeError


class Schedule(Protocol):
    def __call__(self, progress: float) -> float: ...


Value: TypeAlias = float | Schedule


def at(value: Value, progress: float) -> float:
    """The number that ``value`` stands for at ``progress`` in [0, 1]."""
    return value(progress) if callable(value) else value


def smallest(value: Value) -> float:
    """The smaller of the values at the start and the end of the run; schedules are monotone."""
    return min(at(value, 0.0), at(value, 1.0))


def _check(start: float, stop: float, begin: float, end: float) -> None:
    if not all(math.isfinite(each) for each in (start, stop)):
        raise RecipeError(f"a schedule from {start} to {stop}: choose finite numbers.")
    if not 0.0 <= begin < end <= 1.0:
        raise RecipeError(
            f"a schedule between {begin} and {end} of the run: choose 0 ≤ begin < end ≤ 1."
        )


def _share(progress: float, begin: float, end: float) -> float:
    """How far progress has come from ``begin`` to ``end``, in [0, 1]."""
    if progress >= end:
        return 1.0
    return max(0.0, progress - begin) / (end - begin)


@dataclass(frozen=True)
class Linear:
    """A straight line from ``start`` to ``stop`` between the progress ``begin`` and ``end``."""

    start: float
    stop: float = 0.0
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        _check(self.start, self.stop, self.begin, self.end)

    def __call__(self, progress: float) -> float:
        return self.start + (self.stop - self.start) * _share(progress, self.begin, self.end)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from ``start`` to ``stop`` between ``begin`` and ``end`` (Loshchilov & Hutter
    2017, eq. 5, without restarts)."""

    start: float
    stop: float = 0.0
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        _check(self.start, self.stop, self.begin, self.end)

    def __call__(self, progress: float) -> float:
        share = _share(progress, self.begin, self.end)
        return self.stop + (self.start - self.stop) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Exponential:
    """A geometric path from ``start`` to ``stop`` (both > 0) between ``begin`` and ``end``."""

    start: float
    stop: float
    begin: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        _check(self.start, self.stop, self.begin, self.end)
        if not (self.start > 0 and self.stop > 0):
            raise RecipeError(f"Exponential({self.start}, {self.stop}): both must be above 0.")

    def __call__(self, progress: float) -> float:
        share = _share(progress, self.begin, self.end)
        return float(self.start * (self.stop / self.start) ** share)
