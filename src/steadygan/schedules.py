"""Values that change over a run: learning rates, penalty weights, noise levels.

A setting of type ``Value`` is a number, or a schedule: a frozen dataclass called with the progress
of the run, from 0.0 (first step) to 1.0 (end of the budget), that returns the number to use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from steadygan.errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor


class Schedule(Protocol):
    def __call__(self, progress: float) -> float: ...


Value: TypeAlias = float | Schedule


def at(value: Value, progress: float) -> float:
    """The number that ``value`` stands for at ``progress`` in [0, 1]."""
    return follow(value, progress) if callable(value) else value


def follow(function: Callable[[float], float], number: float) -> float:
    """``function(number)``; of a ``Live`` number a tensor ``()`` that follows it, to be multiplied
    with others as a number is."""
    return number.follow(function) if isinstance(number, Live) else function(number)


class Live(float):
    """A number that a captured computation reads anew at each replay.

    What is captured holds plain numbers as they were. So a function of a live one is a tensor,
    computed here, on the host, whenever the number changes (``Follower.set``).
    """

    follower: Follower

    def follow(self, function: Callable[[float], float]) -> Any:
        return self.follower.tensor(function)


class Follower:
    """Functions of one number that changes, in the order in which a computation asks for them.

    Args:
        device: of their tensors.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._functions: list[Callable[[float], float]] = []
        self._tensors: list[Tensor] = []
        self._asked = 0
        self._number = 0.0

    def begin(self, number: float) -> Live:
        """The number for one run of the computation, which asks for its functions in order. Their
        tensors are made in the first run, and only read in those after it: what fills them in
        between (``set``) is no part of the computation."""
        self._asked, self._number = 0, number
        live = Live(number)
        live.follower = self
        return live

    def set(self, number: float) -> None:
        for function, tensor in zip(self._functions, self._tensors, strict=True):
            tensor.fill_(function(number))

    def tensor(self, function: Callable[[float], float]) -> Tensor:
        import torch

        if self._asked == len(self._functions):
            value = function(self._number)
            self._tensors.append(torch.tensor(value, dtype=torch.float64, device=self._device))
            self._functions.append(function)
        self._asked += 1
        return self._tensors[self._asked - 1]


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
