"""A critic of the Wasserstein objective that is steeper than it may be."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import TINY, Course, persisting
from steadygan.diagnosis.finding import Status

STEEP = 3.0  # times the slope that is asked for, on the lines between real and fake samples
ANYWHERE = 20.0  # at some sample
GROWN = 20.0  # times the slope at the first probe, of a clipped critic


def _trial(course: Course) -> Seen:
    if not course.has("objective", "Wasserstein"):
        return Seen(True, "the objective asks for no Lipschitz bound")
    looks = course.probes("input_gradient_norm", "slopes.most")
    lines, most = looks["input_gradient_norm"], looks["slopes.most"]
    if course.has("constraint", "WeightClipping"):
        # Their scale is free, but not that it grows without end.
        first = course.series("probe.input_gradient_norm").values
        grown = lines / max(float(first[np.isfinite(first)][0]), TINY)
        return persisting(
            looks.steps,
            grown > GROWN,
            f"under clipping the critic's slope is {lines[-1]:.3g}, {grown[-1]:.3g} times what it "
            "was at the first probe",
            "a smaller bound (--set constraint.limit=0.01) or a gradient penalty instead",
        )
    return persisting(
        looks.steps,
        (lines > STEEP * course.target) | (most > ANYWHERE * course.target),
        f"between real and fake samples the critic's slope is {lines[-1]:.3g}, and at most "
        f"{most[-1]:.3g} at some sample, where {course.target:g} is asked for",
        "a gradient penalty, or ten times the present weight (--set penalty.weight=…), on the "
        "lines between real and fake samples",
    )


CHECK = Check(
    "lipschitz",
    Status.ERROR,
    "Is the critic's slope at most about 1, as the Wasserstein estimate needs?",
    f"on the lines a mean of {STEEP:g} times what is asked for, anywhere {ANYWHERE:g} times; under "
    f"clipping {GROWN:g} times the first one",
    "The estimate is then no distance, and gradients have any size.",
    "Gulrajani et al. 2017, section 4",
    _trial,
)
