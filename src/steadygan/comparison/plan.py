"""What a comparison trains: every recipe, with every combination of a grid, with every seed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steadygan.data import DataOptions
from steadygan.errors import RecipeError, RunError, UsageError
from steadygan.recipes import Recipe, override
from steadygan.training import Training

_MOST_MEMBERS = 1_000
_LONGEST_NAME = 120  # of a run directory, without its number
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Axis:
    """One setting of a grid and the values it takes, as text."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Combination:
    """One row of the table: a recipe, and the ``"key=value"`` settings the grid gives it."""

    recipe: str
    setting: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Its name on several lines: the recipe, then each setting."""
        return (self.recipe, *self.setting)

    @property
    def label(self) -> str:
        return " ".join(self.lines)


@dataclass(frozen=True)
class Member:
    """One training: a combination, a seed, and the name of its run directory."""

    combination: Combination
    seed: int
    name: str

    @property
    def label(self) -> str:
        return f"{self.combination.label} seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """The whole of a comparison, but for the machine it runs on.

    Attributes:
        data: the named set or full path; None where the data came as an array.
        fingerprint: of the data, so that all members train on the same.
        recipes: presets, ``module:function`` or ``file.py:function``.
        seeds: each combination is trained with the seeds from 0 to ``seeds`` − 1.
        overrides: ``"key=value"`` settings of every member.
        grid: the settings that vary; every combination of their values is trained.
        steps, minutes: the budget of each member; None for both is each recipe's own.

    Raises:
        UsageError: nothing to train, too much of it, or parts that contradict each other.
    """

    data: str | None
    fingerprint: str
    recipes: tuple[str, ...]
    seeds: int
    overrides: tuple[str, ...] = ()
    grid: tuple[Axis, ...] = ()
    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if not self.recipes:
            raise UsageError("no recipe is given: name at least one.")
        _refuse_twice("recipe", self.recipes)
        if self.seeds < 1:
            raise UsageError(f"seeds is {self.seeds}: choose at least 1.")
        if self.steps is not None and self.minutes is not None:
            raise UsageError("two budgets are given: choose steps, minutes or seconds.")
        if self.steps is not None:
            Training(steps=self.steps)  # says itself what it cannot be
        if self.minutes is not None:
            Training(minutes=self.minutes)
        self._check_keys()
        count = math.prod([len(self.recipes), self.seeds, *(len(a.values) for a in self.grid)])
        if count > _MOST_MEMBERS:
            raise UsageError(
                f"that is {count:,} trainings: choose at most {_MOST_MEMBERS:,}, with fewer "
                "recipes, grid values or seeds."
            )

    def _check_keys(self) -> None:
        """Refuse a setting that another part of the plan would silently win over."""
        assigned = [assignment.partition("=")[0].strip() for assignment in self.overrides]
        keys = [axis.key for axis in self.grid]
        _refuse_twice("grid setting", keys)
        for key in keys:
            if key in assigned:
                raise RecipeError(f"{key} is both set and in the grid: choose one.")
        if "seed" in [*assigned, *keys]:
            raise RecipeError("seed cannot be set: a comparison trains the seeds from 0 on.")
        for limit in ("steps", "minutes"):
            if getattr(self, limit) is not None and f"training.{limit}" in [*assigned, *keys]:
                raise RecipeError(f"training.{limit} is set beside the budget: choose one.")

    def combinations(self) -> list[Combination]:
        """The rows of the table: the recipes in order, within each the grid."""
        choices = [[f"{axis.key}={value}" for value in axis.values] for axis in self.grid]
        settings = list(itertools.product(*choices))
        return [Combination(recipe, setting) for recipe in self.recipes for setting in settings]

    def members(self) -> list[Member]:
        """Every training in order, the seeds of a combination one after the other."""
        taken: set[str] = set()
        members = []
        for combination in self.combinations():
            name = _directory_name(combination, taken)
            members += [
                Member(combination, seed, f"{name}-seed{seed}") for seed in range(self.seeds)
            ]
        return members

    def overrides_of(self, combination: Combination) -> tuple[str, ...]:
        return (*self.overrides, *combination.setting)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "grid": {axis.key: list(axis.values) for axis in self.grid}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Plan:
        """The plan that ``to_json`` wrote.

        Raises:
            RunError: something is missing or of another kind.
        """
        try:
            return cls(
                data=content["data"],
                fingerprint=content["fingerprint"],
                recipes=tuple(content["recipes"]),
                seeds=content["seeds"],
                overrides=tuple(content["overrides"]),
                grid=tuple(Axis(key, tuple(v)) for key, v in content["grid"].items()),
                steps=content["steps"],
                minutes=content["minutes"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"the plan of the comparison cannot be read ({type(error).__name__}: {error}): is "
                "the file damaged?"
            ) from None

    def differences(self, other: Plan) -> list[str]:
        """What ``other`` has otherwise, one phrase each; empty where the plans are the same."""
        mine, theirs = self.to_json(), other.to_json()
        return [
            "the data have changed"
            if key == "fingerprint"
            else f"{key} was {_short(mine[key])} and is {_short(theirs[key])}"
            for key in mine
            if mine[key] != theirs[key]
        ]


def parse_axis(text: str) -> Axis:
    """``"key=v1,v2"`` of a grid; commas within brackets or quotes belong to a value.

    Raises:
        RecipeError: no key, no or an empty value, a value twice, or brackets that do not close.
    """
    key, equals, values = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise RecipeError(f"--grid {text!r}: write it as key=value,value, n_critic=1,2,5.")
    split = [value.strip() for value in _at_top_level_commas(values, text)]
    if not all(split):
        raise RecipeError(f"--grid {text!r}: a value is empty.")
    _refuse_twice(f"value of {key}", split)
    return Axis(key, tuple(split))


def _at_top_level_commas(values: str, text: str) -> list[str]:
    parts, open_brackets, quote = [""], "", ""
    for letter in values:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in _OPENING:
            open_brackets += letter
        elif letter in _CLOSING:
            if open_brackets[-1:] != _OPENING[_CLOSING.index(letter)]:
                raise RecipeError(f"--grid {text!r}: {letter} closes nothing.")
            open_brackets = open_brackets[:-1]
        elif letter == "," and not open_brackets:
            parts.append("")
            continue
        parts[-1] += letter
    if quote or open_brackets:
        raise RecipeError(f"--grid {text!r}: {quote or open_brackets[-1]} is never closed.")
    return parts


def data_options(overrides: Sequence[str]) -> DataOptions:
    """How the data are read by the ``data.`` settings alone, whatever the recipe."""
    return override(Recipe(), [each for each in overrides if each.startswith("data.")]).data


def _refuse_twice(what: str, given: Sequence[str]) -> None:
    twice = next((each for each in given if list(given).count(each) > 1), None)
    if twice is not None:
        raise RecipeError(f"the {what} {twice!r} is given twice.")


def _directory_name(combination: Combination, taken: set[str]) -> str:
    """A name that every file system takes, unlike those in ``taken``, which gets it."""
    parts = [combination.recipe, *combination.setting]
    safe = [re.sub(r"[^A-Za-z0-9._=+-]+", "-", part).strip("-.") for part in parts]
    stem = "-".join(each for each in safe if each)[:_LONGEST_NAME] or "recipe"
    name, number = stem, 1
    while name.casefold() in taken:  # some file systems do not tell a from A
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.casefold())
    return name


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{key}={','.join(values)}" for key, values in value.items()]
    if isinstance(value, (list, tuple)):
        return " ".join(str(each) for each in value) or "empty"
    return "not given" if value is None else str(value)
