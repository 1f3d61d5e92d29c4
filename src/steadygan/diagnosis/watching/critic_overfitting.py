"""A critic that knows its training samples by heart."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import Course, persisting, scores
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import COVERED

GAP = 0.3  # of the way from fakes to training samples do held-out ones lie nearer to the fakes
APART = 0.3  # standard deviations between training and held-out scores


def _trial(course: Course) -> Seen:
    looks = course.probes(*scores("train", "validation", "fake"), *course.among("coverage"))
    train, held_out, fake = (looks[f"scores.{kind}"] for kind in ("train", "validation", "fake"))
    gap = (train - held_out) / np.where(train > fake, train - fake, np.inf)
    apart = looks.told("train", "validation")
    covered = looks["coverage"] if "coverage" in looks else np.zeros(len(gap))
    coverage = f", while samples cover {covered[-1]:.0%} of them" if "coverage" in looks else ""
    return persisting(
        looks.steps,
        (gap > GAP) & (apart > APART) & (covered < COVERED),  # else it does no harm yet
        f"held-out samples lie {gap[-1]:.0%} of the way from training samples to fakes, and "
        f"{apart[-1]:.2f} standard deviations below training samples{coverage}",
        "differentiable augmentation of images, more data, a smaller critic, or an earlier end",
    )


CHECK = Check(
    "critic_overfitting",
    Status.WARNING,
    "Does the critic score held-out samples as it does training samples?",
    f"{GAP:.0%} of the way to the fakes, and {APART} standard deviations, while samples cover less "
    f"than {COVERED:.0%} of held-out ones",
    "The critic tells training samples from all others, and the generator learns to copy them.",
    "Karras et al. 2020 (ADA), section 2; Naeem et al. 2020",
    _trial,
)
