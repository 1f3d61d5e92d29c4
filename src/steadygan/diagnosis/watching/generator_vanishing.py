"""Generator gradients that vanish: over the run, or from the last layer to the first."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.course import TINY, Course, persisting
from steadygan.diagnosis.finding import Status

FALLEN = 0.01  # of what the gradient was early in the run
DEEP = 1e-4  # of the last layer's relative gradient reaches the first
DULL = 1e-3  # of the real spread
NOTHING = 1e-6  # of all weights: below that, Adam's ε of 1e-8 for each of them takes over


def _trial(course: Course) -> Seen:
    norms = "generator.gradient_norms.generator"
    if not course.series(norms).values.any():
        raise NotKnownError("no gradient ever reached the generator")
    first, last = course.layers("generator")
    looks = course.probes(first, last)
    deep = looks[first] / np.maximum(looks[last], TINY)
    left, norm = course.beside_early(norms, looks.steps), course.lately(norms, looks.steps)
    dull = _never_spread(course, looks.steps)
    ever = ", and samples have hardly depended on the latent vector yet" if dull[-1] else ""
    return persisting(
        looks.steps,
        (deep < DEEP) | (left < FALLEN) | (norm < NOTHING) | dull,
        f"the generator's gradient is {norm[-1]:.2g}, {left[-1]:.2g} of what it was early on, "
        f"and its first layer gets {deep[-1]:.2g} of what its last one gets, each relative to its "
        f"weights{ever}",
        "the Wasserstein objective or the minimax loss that does not saturate, instance noise, "
        "or a generator with fewer saturating layers",
    )


def _never_spread(course: Course, steps: np.ndarray) -> np.ndarray:
    """Whether samples have been all the same at every probe up to each step: what goes in at the
    first layer does not come out at the last, and no more does the gradient come back."""
    with suppress(NotKnownError):
        spread = course.series("probe.spread")
        widest = np.maximum.accumulate(np.nan_to_num(spread.values, nan=np.inf))
        real = course.series("probe.spread.real").values
        ends = np.searchsorted(spread.steps, steps, side="right") - 1
        if (ends >= 0).all():
            never: np.ndarray = (widest < DULL * real)[ends]
            return never
    return np.zeros(len(steps), dtype=bool)


CHECK = Check(
    "generator_vanishing",
    Status.ERROR,
    "Does the generator still get a gradient?",
    f"below {FALLEN} of the early one, below {NOTHING:g} in all, or below {DEEP} from the last to "
    f"the first layer; or samples that never spread {DULL:g} times as far as the data",
    "The generator hardly moves any more, whatever the critic knows.",
    "Arjovsky & Bottou 2017, section 2",
    _trial,
)
