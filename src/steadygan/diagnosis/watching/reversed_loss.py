"""A loss with the wrong sign."""

from __future__ import annotations

import numpy as np

from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.course import PERSISTS, Course
from steadygan.diagnosis.finding import Status

TOGETHER = 0.9  # correlation of changes from row to row
_FEWEST = 4 * PERSISTS  # rows with changes


def _trial(course: Course) -> Seen:
    real, fake = (course.series(f"critic.scores.{name}.mean") for name in ("real", "fake"))
    gap = _rise(course.series(course.objective("critic")).values, real.values - fake.values)
    scores = course.series("generator.scores.fake.mean")
    own = _rise(course.series(course.objective("generator")).values, scores.values)
    wrong = [
        f"the {name}'s loss rises as {what} (correlation {value:.2f})"
        for name, what, value in (
            ("critic", "real scores rise above fake ones", gap),
            ("generator", "its samples' scores rise", own),
        )
        if value > TOGETHER
    ]
    return Seen(
        not wrong,
        " and ".join(wrong)
        or "the critic's loss falls as real scores rise above fake ones, the generator's as its "
        "samples' scores rise",
        "turn the sign of that loss",
        since=int(real.steps[0]),
    )


def _rise(loss: np.ndarray, scores: np.ndarray) -> float:
    """Correlation of the changes of a loss with those of what it should push up."""
    from scipy.stats import rankdata

    if len(loss) != len(scores):
        raise NotKnownError("not every row carries the loss and the scores")
    first, second = np.diff(loss), np.diff(scores)
    changed = np.isfinite(first) & np.isfinite(second) & (first != 0) & (second != 0)
    if changed.sum() < _FEWEST:
        raise NotKnownError(f"{changed.sum()} rows with changes; {_FEWEST} are needed")
    # Of ranks: a single jump must not decide.
    ranks = [rankdata(each[changed]) for each in (first, second)]
    if any(each.std() == 0 for each in ranks):
        raise NotKnownError("all changes from row to row are the same")
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


CHECK = Check(
    "reversed_loss",
    Status.ERROR,
    "Do both losses push scores the right way?",
    f"a rank correlation of {TOGETHER} between the loss and what it should lower",
    "One of the losses has the wrong sign: its network learns what it should unlearn.",
    "",
    _trial,
)
