"""Samples that are copies of training samples."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import Course, persisting
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import Variety, variety

COPIED = -3.0  # C_T, a z-score; held-out samples have 0
NEARER = 0.7  # of samples, to training ones; new samples have a half


def _trial(course: Course) -> Seen:
    looks = course.probes("copying", *course.among("nearer"), *variety(course))
    samples, c_t = Variety.of(looks), looks["copying"]
    # Distances are small where the data are dense, too: only copies prefer training samples.
    nearer = looks["nearer"] if "nearer" in looks else np.ones(len(c_t))
    return persisting(
        looks.steps,
        # A heap lies near the training samples that it lies among.
        (c_t < COPIED) & (nearer > NEARER) & ~samples.narrow,
        f"held against held-out samples, the distances of samples to training ones have a C_T of "
        f"{c_t[-1]:.1f}, and {nearer[-1]:.0%} of samples lie nearer to a training than to a "
        "held-out one, of as many of both",
        "more data, differentiable augmentation of images, or an earlier checkpoint",
    )


CHECK = Check(
    "memorisation",
    Status.ERROR,
    "Are samples new?",
    f"C_T below {COPIED:g}, and {NEARER:.0%} nearer to training samples",
    "The generator gives training samples back.",
    "Meehan et al. 2020",
    _trial,
)
