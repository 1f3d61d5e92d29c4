"""Updates that are not finite."""

from __future__ import annotations

from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.course import Course
from steadygan.diagnosis.finding import Status


def _trial(course: Course) -> Seen:
    # Of all rows: those that a rollback undid are the evidence.
    refused = [
        (row.step, float(row.values[f"{network}.refused"]))
        for row in course.history.of_kind("record")
        for network in ("critic", "generator")
        if row.values.get(f"{network}.refused", 0.0) > 0
    ]
    if not refused:
        if next(course.history.of_kind("record"), None) is None:
            raise NotKnownError("there are no records yet")
        return Seen(True, "every update was finite")
    count = sum(number for _, number in refused)
    return Seen(
        False,
        f"{count:.0f} update(s) were refused because a loss or gradient was not finite",
        "a lower learning rate, gradient clipping (--set training.clip_gradient_norm=1), and a "
        "look at the data for values that are not finite",
        since=refused[0][0],
    )


CHECK = Check(
    "divergence",
    Status.ERROR,
    "Was every update finite?",
    "any that is not",
    "The run goes on from its last checkpoint; what broke it is still there.",
    "",
    _trial,
)
