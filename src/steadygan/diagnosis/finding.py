"""The words of a diagnosis: what was looked for, what was seen, what it means, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Finding:
    """What one check came to.

    Attributes:
        check: its name, as ``--allow`` takes it.
        status: ``not_run`` is no "ok": nothing was shown.
        evidence: what was seen, with its numbers and what they were computed on; of ``not_run``,
            what was missing.
        threshold: where the check draws its line.
        meaning: why it matters.
        try_next: the exact change to make; empty where there is nothing to change.
        source: where that is known from.
        since: the step of the run at which it began; None before a run, or where it is not known.
    """

    check: str
    status: Status
    evidence: str
    threshold: str = ""
    meaning: str = ""
    try_next: str = ""
    source: str = ""
    since: int | None = None

    @property
    def line(self) -> str:
        """All of it, in one line."""
        if self.status in (Status.OK, Status.NOT_RUN):
            return f"{self.status} {self.check}: {self.evidence}."
        source = f" ({self.source})" if self.source else ""
        do = f" Try: {self.try_next}." if self.try_next else ""
        why = f" {self.meaning[0].upper()}{self.meaning[1:]}{source}." if self.meaning else ""
        return f"{self.status} {self.check}: {self.evidence}.{why}{do}"

    def __str__(self) -> str:
        return self.line

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"status": str(self.status)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Finding:
        return cls(**{**content, "status": Status(content["status"])})


@dataclass(frozen=True)
class Diagnosis:
    """The findings of several checks.

    Attributes:
        findings: one or more per check, also of those that found nothing or did not run.
    """

    findings: tuple[Finding, ...]

    def of(self, *statuses: Status) -> tuple[Finding, ...]:
        """The findings of these statuses, in order."""
        return tuple(each for each in self.findings if each.status in statuses)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return self.of(Status.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return self.of(Status.WARNING)

    @property
    def not_run(self) -> tuple[Finding, ...]:
        return self.of(Status.NOT_RUN)

    def without(self, checks: Iterable[str]) -> Diagnosis:
        """The findings of all other checks."""
        left_out = set(checks)
        return Diagnosis(tuple(each for each in self.findings if each.check not in left_out))

    @property
    def verdict(self) -> str:
        """One line; "healthy" only where every check ran and found nothing."""
        counts = [
            f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
            for what, found in (("error", self.errors), ("warning", self.warnings))
            if found
        ]
        ran = len(self.findings) - len(self.not_run)
        if not ran:
            return f"nothing to judge: none of {len(self.findings)} checks ran"
        of = f"of {ran} check{'' if ran == 1 else 's'}"
        missing = f"{len(self.not_run)} did not run" if self.not_run else ""
        if not counts and not missing:
            return f"healthy: {of.removeprefix('of ')}, nothing found"
        found = " and ".join(counts) if counts else "nothing found"
        return "; ".join(part for part in (f"{found} {of}", missing) if part)

    def report(self) -> list[str]:
        """The verdict, then for each finding what was seen, what it means and what to do; what did
        not run, and what was found fine."""
        lines = [self.verdict]
        for finding in (*self.errors, *self.warnings):
            since = "" if finding.since is None else f" (since step {finding.since:,})"
            source = f" ({finding.source})" if finding.source else ""
            lines += ["", f"{finding.status}: {finding.check}{since}",
                      f"  seen     {finding.evidence}"]  # fmt: skip
            lines += [
                f"  {name:<8} {text}"
                for name, text in (
                    ("limit", finding.threshold),
                    ("meaning", finding.meaning + source if finding.meaning else ""),
                    ("try", finding.try_next),
                )
                if text
            ]
        if self.not_run:
            lines += ["", "not checked:"]
            lines += [f"  {each.check}: {each.evidence}" for each in self.not_run]
        fine = self.of(Status.OK)
        if fine:
            lines += ["", f"nothing found: {', '.join(each.check for each in fine)}"]
        return lines

    def __str__(self) -> str:
        """The verdict, and a line for each finding that is not ok."""
        shown = self.errors + self.warnings + self.not_run
        return "\n".join([self.verdict, *(each.line for each in shown)])
