"""Samples that leave the data for good."""

from __future__ import annotations

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.course import Course, persisting
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.watching.samples import FLED, Variety, variety


def _trial(course: Course) -> Seen:
    samples = Variety.of(course.probes(*variety(course)))
    return persisting(
        samples.steps,
        samples.fled,
        str(samples),
        "lower learning rates, or a critic that keeps up (--set n_critic=5)",
    )


CHECK = Check(
    "samples_flee",
    Status.ERROR,
    "Do samples stay near the data?",
    f"samples that spread {FLED:g} times as far as the data",
    "Nothing holds the generator where the data are.",
    "",
    _trial,
)
