"""The doctor: every check of a run's course, at its end or on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from steadygan.diagnosis.course import Course
from steadygan.diagnosis.finding import Diagnosis, Finding, Status
from steadygan.diagnosis.watching import CHECKS
from steadygan.history import History
from steadygan.record import Row


def diagnose(history: History, recipe: Mapping[str, Any] | None = None) -> Diagnosis:
    """What the rows so far tell, the finding that explains most first.

    After a remedy only the rows since then count.

    Args:
        history: of a run, finished or not.
        recipe: its JSON; without it checks that depend on the objective do not run.
    """
    rows, began = since_last_remedy(history.rows)
    if not any(row.kind in ("record", "probe") for row in rows):
        # Some checks only ask what the objective is: nothing of a run is fine by that.
        why = "there is nothing to judge yet: neither a record nor a probe has been written"
        since = f" since the remedy at step {began:,}" if began else ""
        return Diagnosis(tuple(Finding(c.name, Status.NOT_RUN, why + since) for c in CHECKS))
    if not began:
        course = Course(history, recipe)
        return Diagnosis(tuple(check(course) for check in CHECKS))
    course = Course(History(rows), _with_what_is_left(recipe or {}, began))
    findings = (check(course) for check in CHECKS)
    return Diagnosis(
        tuple(f if f.since is None else replace(f, since=f.since + began) for f in findings)
    )


def since_last_remedy(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """The rows after the last remedy, counted from there as those of a run of its own, and the
    step at which it was carried out; all rows and 0 where there was none."""
    places = [i for i, row in enumerate(rows) if row.values.get("event") == "remedy"]
    if not places:
        return list(rows), 0
    began = rows[places[-1]].step
    return [replace(row, step=row.step - began) for row in rows[places[-1] + 1 :]], began


def gone(rows: Sequence[Row], now: Diagnosis) -> list[tuple[str, int]]:
    """What was found on the way since the last remedy and is found no longer: the checks, with the
    steps at which they spoke. One that no longer runs may still be right."""
    remedies = [i for i, row in enumerate(rows) if row.values.get("event") == "remedy"]
    fine = {finding.check for finding in now.of(Status.OK)}
    return [
        (str(row.values["check"]), row.step)
        for row in rows[remedies[-1] + 1 if remedies else 0 :]
        if row.kind == "finding" and row.values["check"] in fine
    ]


def _with_what_is_left(recipe: Mapping[str, Any], began: int) -> dict[str, Any]:
    """The recipe with the steps that are left after ``began``."""
    training = recipe.get("training", {})
    if not training.get("steps"):
        return dict(recipe)
    return {**recipe, "training": {**training, "steps": max(1, training["steps"] - began)}}


class Doctor:
    """An observer that looks at every probe, and says what it finds when it first finds it.

    Args:
        recipe: the run's JSON; a remedy gives it another.
        rows: that were written before, of a run that goes on.

    Attributes:
        present: what it found when it was last asked, new or not.
    """

    def __init__(self, recipe: Mapping[str, Any], rows: list[Row] | None = None) -> None:
        self.recipe = recipe
        self.present: tuple[Finding, ...] = ()
        self._rows = list(rows or [])
        self._known = {
            str(row.values["check"])
            for row in since_last_remedy(self._rows)[0]
            if row.kind == "finding"
        }

    def __call__(self, row: Row) -> None:
        if row.kind == "finding":
            return
        self._rows.append(row)
        if row.values.get("event") == "remedy":
            self._known = set()

    def diagnosis(self) -> Diagnosis:
        """Of the rows so far."""
        return diagnose(History(self._rows), self.recipe)

    def found(self) -> list[dict[str, Any]]:
        """What is new since it was last asked, as rows of the history carry it."""
        self.present = self.diagnosis().of(Status.ERROR, Status.WARNING)
        new = [finding for finding in self.present if finding.check not in self._known]
        self._known |= {finding.check for finding in new}
        return [finding.to_json() for finding in new]
