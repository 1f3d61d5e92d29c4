"""Mode collapse and mode dropping: samples that are less varied than the data."""

from __future__ import annotations

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import LASTS, Course, persisting
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import (
    COVERED,
    DESERTED,
    FLAT,
    NARROW,
    Variety,
    variety,
)


def _trial(course: Course) -> Seen:
    samples = Variety.of(course.probes(*variety(course)))
    return persisting(
        samples.steps,
        samples.poor & ~samples.growing,
        str(samples),
        "packing (--set 'stabiliser=Packing(2)'), minibatch standard deviation, a gradient "
        "penalty, or a generator that learns more slowly",
        LASTS * samples.budget,
    )


CHECK = Check(
    "mode_collapse",
    Status.ERROR,
    "Are samples as varied as the data?",
    f"spread below {NARROW} of the real one, or below {FLAT} along a main direction, or more than "
    f"{DESERTED:.0%} of the data deserted, for {LASTS:.0%} of the budget; unless samples cover "
    f"{COVERED:.0%} of held-out ones, or come to cover more and more",
    "The generator makes a part of the data only, or always nearly the same.",
    "Richardson & Weiss 2018; Lin et al. 2018",
    _trial,
)
