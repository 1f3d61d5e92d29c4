"""Networks that go back and forth instead of on."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import LASTS, Course, persisting
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import SWAYING, WINDOW, Variety, variety

BACK = -0.75  # cosine between moves from probe to probe; noise around a point has -0.5


def _trial(course: Course) -> Seen:
    looks = course.probes("turning.generator", *variety(course))
    samples, turning = Variety.of(looks), looks["turning.generator"]
    return persisting(
        samples.steps,
        (turning < BACK) | (samples.sway > SWAYING),
        f"between probes the generator turned with a cosine of {turning[-1]:.2f}, and over the "
        f"last {WINDOW} the spread of its samples swayed by a factor of "
        f"{np.exp(samples.sway[-1]):.2f}",
        "beta1=0 or 0.5 for both optimisers, lower learning rates, a zero-centred penalty (R1), or "
        "an average of the generator (--set ema.decay=0.999)",
        LASTS * samples.budget,
    )


CHECK = Check(
    "oscillation",
    Status.WARNING,
    "Do the networks get anywhere?",
    f"a cosine below {BACK}, or a spread that sways by a factor of {np.exp(SWAYING):.2f}, for "
    f"{LASTS:.0%} of the budget",
    "Both networks answer each other in circles; where the run stops is chance.",
    "Mescheder et al. 2018; Berard et al. 2020",
    _trial,
)
