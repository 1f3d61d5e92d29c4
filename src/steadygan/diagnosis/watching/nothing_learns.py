"""Networks that do not move."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.course import Course, persisting
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.generator_vanishing import NOTHING

STILL = 1e-7  # of the length of the weights, per update


def _trial(course: Course) -> Seen:
    names = ("generator", "critic")
    looks = course.probes(*(f"movement.{name}" for name in names))
    moved = np.array([looks[f"movement.{name}"] for name in names])
    least = int(np.argmin(moved[:, -1]))
    # One that has moved and then rests may be at its end; it is stuck where no gradient arrives.
    ever = np.array([_most_so_far(course, f"probe.movement.{name}", looks.steps) for name in names])
    stuck = ever < STILL
    with suppress(NotKnownError):  # no row may carry gradients
        for row, name in enumerate(names):
            norm = course.lately(f"{name}.gradient_norms.{name}", looks.steps)
            stuck[row] |= norm == 0
            if name == "generator":  # where it arrives and has vanished, that keeps it still
                stuck[row] &= (norm == 0) | (norm >= NOTHING)
    still: np.ndarray = np.any((moved < STILL) & stuck, axis=0)
    return persisting(
        looks.steps,
        still,
        f"an update moves the {names[least]} by {moved[least, -1]:.2g} of the length of its "
        "weights",
        f"look whether the {names[least]}'s optimiser holds its parameters, whether its loss "
        "reaches them (detached samples?), and its learning rate",
    )


def _most_so_far(course: Course, name: str, steps: np.ndarray) -> np.ndarray:
    """The largest finite value of a number of the probes up to each step."""
    seen = course.series(name)
    most = np.maximum.accumulate(np.nan_to_num(seen.values, nan=0.0))
    found: np.ndarray = most[np.searchsorted(seen.steps, steps, side="right") - 1]
    return found


CHECK = Check(
    "nothing_learns",
    Status.ERROR,
    "Do both networks move?",
    f"less than {STILL:g} of the weights per update, ever or for want of any gradient",
    "A network that does not move learns nothing: mostly a fault of the code.",
    "",
    _trial,
)
