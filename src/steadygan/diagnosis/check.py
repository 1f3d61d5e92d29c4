"""A check: what it looks for, in words that do not change, and the trial that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from steadygan.diagnosis.finding import Finding, Status

Subject = TypeVar("Subject")


class NotKnownError(Exception):
    """Raised by a trial that lacks something: its check did not run."""


@dataclass(frozen=True)
class Seen:
    """What a trial saw.

    Attributes:
        fine: whether nothing is wrong.
        evidence: with its numbers and what they were computed on.
        try_next: the exact change to make, where something is wrong.
        severity: where it is another than the check's.
        since: the step at which it began, of a run.
    """

    fine: bool
    evidence: str
    try_next: str = ""
    severity: Status | None = None
    since: int | None = None


@dataclass(frozen=True)
class Check(Generic[Subject]):
    """One thing that can be wrong.

    Attributes:
        name: as findings and ``--allow`` call it.
        severity: of what it finds.
        question: what it asks, for people to read.
        threshold: where it draws its line.
        meaning: why it matters.
        source: where that is known from.
        trial: looks; changes nothing of what it is given.
    """

    name: str
    severity: Status
    question: str
    threshold: str
    meaning: str
    source: str
    trial: Callable[[Subject], Seen]

    def __call__(self, subject: Subject) -> Finding:
        try:
            seen = self.trial(subject)
        except NotKnownError as missing:
            return Finding(self.name, Status.NOT_RUN, str(missing), self.threshold)
        except Exception as error:  # whatever networks and terms of the user's raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return Finding(self.name, Status.NOT_RUN, f"the trial failed ({reason})")
        return Finding(
            self.name,
            Status.OK if seen.fine else seen.severity or self.severity,
            seen.evidence,
            self.threshold,
            self.meaning,
            "" if seen.fine else seen.try_next,
            self.source,
            None if seen.fine else seen.since,
        )
