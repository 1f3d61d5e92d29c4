"""A critic that is sure of everything, under a loss that then is flat."""

from __future__ import annotations

import math

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import Course, persisting, scores
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import Variety, variety

SURE = 6.0  # standard deviations between held-out and fake scores
LABELS = {"real_label": 1.0, "fake_label": 0.0}  # where the recipe is silent
CERTAIN = 0.03  # of the loss of a critic that knows nothing


def _trial(course: Course) -> Seen:
    if not course.has("objective", "Minimax", "LeastSquares"):
        return Seen(True, "under this objective a strong critic does no harm")
    looks = course.probes(*scores("validation", "fake"), *variety(course))
    samples, told = Variety.of(looks), looks.told("validation", "fake")
    loss = course.lately(course.objective("critic"), looks.steps) / _of_ignorance(course)
    return persisting(
        looks.steps,
        ((told > SURE) | (loss < CERTAIN)) & samples.far & ~samples.growing,
        f"held-out and fake scores lie {told[-1]:.1f} standard deviations apart, and the critic's "
        f"loss is {loss[-1]:.2g} of that of one that knows nothing, while {samples}",
        "instance noise, smoothed labels (--set objective.real_label=0.9), fewer critic updates, "
        "or the Wasserstein objective",
    )


def _of_ignorance(course: Course) -> float:
    """The critic's loss where it scores all samples alike, as well as it can."""
    objective = course.recipe["objective"]
    real, fake = (float(objective.get(name, usual)) for name, usual in LABELS.items())
    if course.has("objective", "LeastSquares"):
        return (real - fake) ** 2 / 4
    mean = (real + fake) / 2
    return -2 * (mean * math.log(mean) + (1 - mean) * math.log(1 - mean))


CHECK = Check(
    "critic_too_strong",
    Status.WARNING,
    "Is there anything left that the critic is unsure of?",
    f"scores {SURE:g} standard deviations apart, or a loss of {CERTAIN:.0%} of that of ignorance, "
    "while samples are far off",
    "Its loss is flat where the fakes are: the generator learns next to nothing.",
    "Arjovsky & Bottou 2017, theorem 2.4",
    _trial,
)
