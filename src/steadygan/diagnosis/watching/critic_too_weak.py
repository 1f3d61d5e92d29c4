"""A critic that cannot tell real from fake, though they differ."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import EXPLODED, Course, persisting, scores
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import SWAYING, WINDOW, Variety, variety

TOLD = 0.2  # standard deviations between training and fake scores
UNSURE = 1 / 3  # of the last probes
MOSTLY = 2 / 3


def _trial(course: Course) -> Seen:
    # Training samples: held-out ones that it scores lower mean that it overfits.
    looks = course.probes(*scores("train", "fake"), *variety(course))
    samples, told = Variety.of(looks), looks.told("train", "fake")
    # A critic that guesses is now and then right.
    wrong = told < TOLD
    unsure = np.array([wrong[max(0, i - WINDOW + 1) : i + 1].mean() for i in range(len(wrong))])
    # Where samples go back and forth, so does a critic that follows them.
    weak = (unsure > MOSTLY) | ((unsure >= UNSURE) & (samples.sway <= SWAYING))
    return persisting(
        looks.steps,
        # One that has exploded is not weak, however it scores.
        weak & samples.far & ~samples.growing & (course.slopes(looks.steps) <= EXPLODED),
        f"at {unsure[-1]:.0%} of the last probes real scores lay less than {TOLD:g} standard "
        f"deviations above fake ones, at the last one {told[-1]:.2f}, while {samples}",
        "more critic updates (--set n_critic=5), a higher learning rate or a larger network for "
        "the critic",
    )


CHECK = Check(
    "critic_too_weak",
    Status.ERROR,
    "Does the critic see the difference between real and fake samples?",
    f"real scores less than {TOLD} standard deviations above fake ones at {UNSURE:.0%} of the last "
    f"{WINDOW} probes, while samples are far off and do not get better",
    "The generator follows a critic that knows nothing.",
    "Arjovsky et al. 2017, section 3",
    _trial,
)
