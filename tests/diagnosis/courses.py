"""Histories written by hand, of a run with nothing wrong but for what a test changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from steadygan.history import History
from steadygan.record import Row

STEPS = 1_000
PROBES = range(100, STEPS + 1, 100)
RECORDS = range(10, STEPS + 1, 10)
RECIPE: dict[str, Any] = {
    "objective": {"class": "Wasserstein"},
    "constraint": [],
    "training": {"class": "Training", "steps": STEPS},
}

Number = float | Sequence[float] | Callable[[int], float] | None  # None: it is missing

SOUND: dict[str, Number] = {
    "scores.train": 1.0, "scores.train.std": 1.0, "scores.validation": 1.0,
    "scores.validation.std": 1.0, "scores.fake": 0.0, "scores.fake.std": 1.0,
    "input_gradient_norm": 1.0, "slopes.most": 2.0,
    "weight_norm.critic": 10.0, "weight_norm.generator": 10.0,
    "layers.generator.0": 0.1, "layers.generator.2": 0.1,
    "silent.generator": 0.1, "silent.critic": 0.1, "at_bounds.fake": 0.2, "at_bounds.real": 0.2,
    "movement.generator": 1e-3, "movement.critic": 1e-3, "turning.generator": 0.0,
    "spread": 1.0, "spread.real": 1.0, "spread.narrowest": 1.0, "spread.narrowest.real": 1.0,
    "deserted": 0.05, "deserted.real": 0.05, "copying": 0.0, "nearer": 0.5,
    "coverage": 0.5, "saturated.critic": 0.1,
}  # fmt: skip

_NOISE = np.random.default_rng(0).normal(size=(2, STEPS + 1))


def _gap(step: int) -> float:
    return float(_NOISE[0, step])


def _score(step: int) -> float:
    return float(_NOISE[1, step])


TRAINED: dict[str, Number] = {
    "progress": lambda step: step / STEPS,
    "critic.terms.wasserstein": lambda step: 2.0 - _gap(step),
    "critic.terms.gradient_penalty": 0.5,
    "critic.scores.real.mean": lambda step: _gap(step),
    "critic.scores.fake.mean": 0.0,
    "critic.gradient_norms.critic": 1.0,
    "critic.refused": 0.0,
    "generator.terms.wasserstein": lambda step: -_score(step),
    "generator.scores.fake.mean": lambda step: _score(step),
    "generator.gradient_norms.generator": 1.0,
    "generator.refused": 0.0,
}


def history(
    probes: Mapping[str, Number] | None = None, records: Mapping[str, Number] | None = None
) -> History:
    """Of probes and records as given, and otherwise sound: a number is the same throughout, one per
    row, or a function of the step."""
    seen = {f"probe.{name}": number for name, number in (SOUND | dict(probes or {})).items()}
    rows = _rows("probe", PROBES, seen)
    rows += _rows("record", RECORDS, TRAINED | dict(records or {}))
    return History(sorted(rows, key=lambda row: (row.step, row.kind == "probe")))


def _rows(kind: Any, steps: range, numbers: Mapping[str, Number]) -> list[Row]:
    return [
        Row(kind, step, step / 10, {
            name: _at(number, index, step) for name, number in numbers.items() if number is not None
        })
        for index, step in enumerate(steps)
    ]  # fmt: skip


def _at(number: Number, index: int, step: int) -> float:
    if callable(number):
        return number(step)
    return number[index] if isinstance(number, Sequence) else float(number or 0.0)


def at_the_end(value: float, before: float, looks: int = 3) -> list[float]:
    """A number of the probes that changes at the last ones."""
    return [before] * (len(PROBES) - looks) + [value] * looks
