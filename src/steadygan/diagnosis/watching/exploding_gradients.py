"""Gradients that grow without end."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import EXPLODED, TINY, Course, persisting
from steadygan.diagnosis.finding import Status

GROWN = 30.0  # times what they were early in the run
WEIGHTS = 10.0  # times what the weights were


def _trial(course: Course) -> Seen:
    names = ("critic", "generator")
    looks = course.probes(*(f"weight_norm.{name}" for name in names))
    norms = [looks[f"weight_norm.{name}"] for name in names]
    grown = np.max([norm / max(norm[0], TINY) for norm in norms], axis=0)
    gradients = np.array([
        course.beside_early(f"{name}.gradient_norms.{name}", looks.steps) for name in names
    ])  # fmt: skip
    worst = int(np.argmax(gradients[:, -1]))
    slopes = course.slopes(looks.steps)
    said = (
        f", and the critic's slope is {slopes[-1]:.3g} times what it should be"
        if slopes[-1]
        else ""
    )
    return persisting(
        looks.steps,
        (grown > WEIGHTS) | (gradients.max(axis=0) > GROWN) | (slopes > EXPLODED),
        f"the {names[worst]}'s gradient is {gradients[worst, -1]:.3g} times what it was early on, "
        f"and weights are {grown[-1]:.3g} times as long{said}",
        "a gradient penalty, or a lower learning rate (--set critic_optimiser.lr=1e-4)",
    )


CHECK = Check(
    "exploding_gradients",
    Status.ERROR,
    "Do gradients and weights stay within bounds?",
    f"{GROWN:g} times the early gradient, {WEIGHTS:g} times the weights, or a Wasserstein critic's "
    f"slope of {EXPLODED:g}",
    "Each update undoes more than the last one did.",
    "Gulrajani et al. 2017, section 3",
    _trial,
)
