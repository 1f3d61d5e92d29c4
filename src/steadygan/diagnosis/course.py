"""The course of a run: what its history and its recipe tell, as far as it went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steadygan.diagnosis.check import NotKnownError, Seen
from steadygan.history import History
from steadygan.record import Row

# What is said of a run must show at so many looks in a row: a single one may be chance.
PERSISTS = 3
# What sound runs show as well while they are slow must show for this share of the budget.
LASTS = 0.25
# Before this share of the budget networks may be anywhere.
SETTLING = 0.2
# The slope of a Wasserstein critic, which should be 1, is out of all bounds.
EXPLODED = 100.0
# Instead of a division by nothing.
TINY = 1e-300


@dataclass(frozen=True)
class Series:
    """A number of the history over the steps.

    Attributes:
        steps: at which it was seen, growing.
        values: at each; those that are not finite are kept.
    """

    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class Looks:
    """Numbers of the same probes.

    Attributes:
        steps: of the probes, growing.
        values: by the name that was asked for, one per step, all finite.
        budget: of the run, in steps, as far as it is known.
    """

    steps: np.ndarray
    values: Mapping[str, np.ndarray]
    budget: float

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def told(self, high: str, low: str) -> np.ndarray:
        """How far the scores of one kind of sample lie above another's, in standard deviations
        (root mean square of both): free of the critic's offset and scale."""
        above = self[f"scores.{high}"] - self[f"scores.{low}"]
        variances = self[f"scores.{high}.std"] ** 2 + self[f"scores.{low}.std"] ** 2
        apart: np.ndarray = above / np.maximum(np.sqrt(variances / 2), TINY)
        return apart


def scores(*kinds: str) -> list[str]:
    """The numbers that ``Looks.told`` needs of these kinds of samples."""
    return [f"scores.{kind}{part}" for kind in kinds for part in ("", ".std")]


class Course:
    """Everything that checks of a run may look at.

    Args:
        history: rows so far.
        recipe: its JSON, or empty where there is none (a loop of somebody's own).
    """

    def __init__(self, history: History, recipe: Mapping[str, Any] | None = None) -> None:
        self.history = history
        self.recipe = recipe or {}
        self._series: dict[str, Series] = {}  # of long runs reading takes most of the time

    @cached_property
    def standing(self) -> History:
        """The rows of training that no rollback undid: steps grow, and none comes twice."""
        rows: list[Row] = []
        for row in self.history.rows:
            if row.values.get("event") == "rollback":
                back = int(row.values["to"])
                rows = [each for each in rows if each.step <= back]
            rows.append(row)
        return History(rows)

    @cached_property
    def looks(self) -> History:
        """The probes alone: few rows, and all that carry their numbers."""
        return History(list(self.standing.of_kind("probe")))

    @cached_property
    def settled(self) -> float:
        """The step from which on networks are judged; infinite before it is known."""
        budget = self.recipe.get("training", {})
        if budget.get("epochs") or budget.get("minutes"):
            return self._settled_by_progress()
        steps = budget.get("steps")
        return SETTLING * (int(steps) if steps else self.history.rows[-1].step)

    def _settled_by_progress(self) -> float:
        """How many steps there will be is not known: rows say how much of the budget is spent."""
        progress = self.series("progress")
        began = progress.values[0]
        settled = progress.values >= began + SETTLING * (1.0 - began)
        return float(progress.steps[settled.argmax()]) if settled.any() else math.inf

    def series(self, name: str) -> Series:
        """A number over the steps.

        Raises:
            NotKnownError: no row carries it.
        """
        if name not in self._series:
            rows = self.looks if name.startswith("probe.") else self.standing
            steps, values = rows.column(name)
            self._series[name] = Series(np.array(steps), np.array(values, dtype=float))
        if not len(self._series[name]):
            raise NotKnownError(f"no row of the history carries {name}")
        return self._series[name]

    def probes(self, *names: str) -> Looks:
        """Several numbers of the same probes, of those since the run settled at which all of them
        were finite.

        Raises:
            NotKnownError: one is not there, or there were fewer probes than are asked for.
        """
        found = {name: self.series(f"probe.{name}") for name in names}
        finite = [each.steps[np.isfinite(each.values)] for each in found.values()]
        steps = finite[0][finite[0] >= self.settled]
        for others in finite[1:]:
            steps = np.intersect1d(steps, others)
        if len(steps) < PERSISTS:
            raise NotKnownError(
                f"{len(steps)} probe(s) of {', '.join(names)} since the run settled; "
                f"{PERSISTS} are needed"
            )
        values = {n: each.values[np.isin(each.steps, steps)] for n, each in found.items()}
        return Looks(steps, values, self.settled / SETTLING)

    def among(self, *names: str) -> list[str]:
        """Those of the names that some probe carries."""
        return [name for name in names if self.looks.last(f"probe.{name}") is not None]

    def slopes(self, steps: np.ndarray) -> np.ndarray:
        """How steep a critic of the Wasserstein objective is on the lines between real and fake
        samples, beside what it should be, at the probes of these steps; 0 where its scale is free,
        as under clipping, or not known."""
        found = np.zeros(len(steps))
        with suppress(NotKnownError):
            clipped = self.has("constraint", "WeightClipping")
            if self.has("objective", "Wasserstein") and not clipped:
                seen = self.series("probe.input_gradient_norm")
                at = dict(zip(seen.steps.tolist(), seen.values.tolist(), strict=True))
                found = np.array([at.get(step, 0.0) for step in steps.tolist()]) / self.target
        return np.nan_to_num(found, nan=0.0)

    @property
    def target(self) -> float:
        """The slope that penalties ask for; 1 where they name none."""
        terms = self.recipe.get("penalty", ())
        named = [float(term.get("penalty", {}).get("target", 1.0)) for term in terms]
        return max(named, default=1.0) or 1.0

    def layers(self, network: str) -> tuple[str, str]:
        """The numbers of the first and of the last layer.

        Raises:
            NotKnownError: no probe looked at layers.
        """
        start = f"probe.layers.{network}."
        names = self.looks.names()
        numbers = [int(n.removeprefix(start)) for n in names if n.startswith(start)]
        if not numbers:
            raise NotKnownError(f"no probe looked at the {network}'s layers")
        return f"layers.{network}.{min(numbers)}", f"layers.{network}.{max(numbers)}"

    def objective(self, network: str) -> str:
        """The term of a network's loss that comes from the objective: the first of them.

        Raises:
            NotKnownError: no row carries terms.
        """
        start = f"{network}.terms."
        for row in self.standing.of_kind("record"):
            for name in row.values:
                if name.startswith(start):
                    return name
        raise NotKnownError(f"no row carries the terms of the {network}'s loss")

    def lately(self, name: str, steps: np.ndarray) -> np.ndarray:
        """A number of the records at each of the steps: the median of the last tenth of all rows
        up to there.

        Raises:
            NotKnownError: it is not there, or in too few rows.
        """
        at, values, window = self._windows(name)
        ends = np.maximum(np.searchsorted(at, steps, side="right"), 1)
        return np.array([np.median(values[max(0, end - window) : end]) for end in ends])

    def beside_early(self, name: str, steps: np.ndarray) -> np.ndarray:
        """What it was lately, over what it was early in the run: in the first tenth of all rows.

        Raises:
            NotKnownError: it is not there, or in too few rows, or was nothing.
        """
        _, values, window = self._windows(name)
        late, early = self.lately(name, steps), np.median(values[:window])
        if early == 0 and late.any():
            raise NotKnownError(f"{name} was exactly 0 early in the run")
        beside: np.ndarray = late / early if early else np.ones(len(steps))
        return beside

    def _windows(self, name: str) -> tuple[np.ndarray, np.ndarray, int]:
        """The finite values of the records with their steps, and how many are a tenth."""
        series = self.series(name)
        finite = np.isfinite(series.values)
        at, values = series.steps[finite], series.values[finite]
        if len(values) < 2 * PERSISTS:
            raise NotKnownError(f"{len(values)} row(s) carry {name}; {2 * PERSISTS} are needed")
        return at, values, max(1, len(values) // 10)

    def has(self, field: str, *classes: str) -> bool:
        """Whether the recipe's ``field`` is, or holds, a component of one of these classes.

        Raises:
            NotKnownError: there is no recipe, or what it has is somebody's own, which may be
                anything.
        """
        if not self.recipe:
            raise NotKnownError("there is no recipe to read")
        held = _classes(self.recipe.get(field))
        own = [name for name in held if ":" in name]
        if not held.intersection(classes) and own:
            raise NotKnownError(f"the {field} {own[0]} is none that its kind is known of")
        return bool(held.intersection(classes))


def _classes(part: Any) -> set[str]:
    """The names of all components in a part of a recipe's JSON."""
    if isinstance(part, list):
        return set().union(*map(_classes, part))
    if not isinstance(part, Mapping):
        return set()
    inner = set().union(*map(_classes, part.values()))
    return inner | {part[key] for key in ("class", "function") if key in part}


def persisting(
    steps: np.ndarray, wrong: np.ndarray, evidence: str, try_next: str, lasting: float = 0.0
) -> Seen:
    """What is wrong at the last ``PERSISTS`` looks in a row.

    Args:
        steps: of the looks.
        wrong: whether each shows it.
        evidence: of the last look.
        try_next: where it is wrong.
        lasting: steps that it must be seen for, at more looks if these do not span them.
    """
    streak = len(wrong) - (int(np.flatnonzero(~wrong)[-1]) + 1 if (~wrong).any() else 0)
    if streak < PERSISTS or steps[-1] - steps[-streak] < lasting:
        return Seen(True, evidence)
    said = f"{evidence}, at {streak} probes in a row"
    return Seen(False, said, try_next, since=int(steps[-streak]))
