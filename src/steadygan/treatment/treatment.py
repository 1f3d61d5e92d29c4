"""The treatment of one run: which remedy is due, and what was tried so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steadygan.diagnosis import Finding
from steadygan.diagnosis import Status as Level
from steadygan.diagnosis.course import PERSISTS
from steadygan.history import History, RunFiles
from steadygan.interfaces import SampleSpec
from steadygan.recipes import Recipe, from_json, settings, to_json
from steadygan.record import Row
from steadygan.run import write_json
from steadygan.training import CheckpointStore, Status, Stop, TrainingState
from steadygan.treatment.carry_out import go_on_from, last_sound, redraw
from steadygan.treatment.policy import REMEDIES, SLOW
from steadygan.treatment.remedy import Remedy, Start

MOST = 3  # remedies in a run
LEAST_LEFT = 0.1  # of the budget: what begins later cannot show whether it helps
# Of the budget since the last remedy: as long must a finding last that a slow run shows as well, or
# that nothing mends.
LASTING = 0.4
# Checkpoints at probes, beside those that the recipe keeps: a run goes back to one from before a
# finding, which is sure only some probes after it began.
OLDER_CHECKPOINTS = 4

Values = Mapping[str, Any]
Policy = Mapping[str, tuple[Remedy, ...]]


@dataclass(frozen=True)
class _Due:
    """A remedy that is to be carried out.

    Attributes:
        base: the number of the recipe that it changes: the one before the last remedy where that
            one is undone.
    """

    finding: Finding
    remedy: Remedy
    base: int
    recipe: Recipe


class Treatment:
    """Chooses remedies for what the doctor finds, one at a time, and carries them out.

    It sees every row. A remedy's effect is judged by the doctor on the rows after it alone. If its
    finding comes back, the remedy is undone and the next one for the finding is tried in its place;
    another finding is treated on top of it.

    Args:
        files: of the run; the recipe before every remedy and after each is kept in its
            ``remedies``.
        recipe: as it is, after ``rows``.
        spec: of the data.
        rows: that were written before, of a run that goes on.
        rebuild: a state before its first step, of a recipe.
        own: the recipe that names classes of the user's own, if there are any.
        policy: the remedies for each finding, in the order in which they are tried.
        most: remedies in the run.
    """

    def __init__(
        self,
        files: RunFiles,
        recipe: Recipe,
        spec: SampleSpec,
        rows: Sequence[Row],
        rebuild: Callable[[Recipe], TrainingState],
        own: Recipe | None = None,
        *,
        policy: Policy = REMEDIES,
        most: int = MOST,
    ) -> None:
        self._files, self._spec, self._rebuild = files, spec, rebuild
        self._policy, self._most = policy, most
        self._applied: list[Values] = []
        self._found: dict[str, int] = {}  # by the check, the step at which it was first found
        self._began = 0  # the step at which the last remedy was carried out
        self._refused = 0  # the step of the first refused update of those that followed each other
        self._quiet = PERSISTS  # probes since the last of them
        for row in rows:
            self(row)
        self._recipes = [
            from_json(files.read(_recipe_file(files, number)), own)
            for number in range(len(self._applied))
        ]
        self._recipes.append(recipe)
        self._due: _Due | None = None

    def __call__(self, row: Row) -> None:
        if row.kind == "finding":
            self._found.setdefault(str(row.values["check"]), row.step)
        elif row.values.get("event") == "remedy":
            self._applied.append(row.values)
            self._found, self._began, self._quiet = {}, row.step, PERSISTS
        elif row.kind == "probe":
            self._quiet += 1
        elif any(row.values.get(f"{name}.refused", 0.0) > 0 for name in ("critic", "generator")):
            if self._quiet >= PERSISTS:
                self._refused = row.step
            self._quiet = 0

    def consider(self, present: Sequence[Finding], state: TrainingState, progress: float) -> None:
        """Stop the state where a remedy is due, or where none is left for an error that lasts.

        Args:
            present: what the doctor finds at this probe, what explains most first.
            progress: the share of the budget that is spent.
        """
        gave_up = state.stop is not None and state.stop.status is Status.NON_FINITE
        if gave_up:
            present = [each for each in present if each.check == "divergence"]
        elif state.stop is not None or progress > 1.0 - LEAST_LEFT:
            return
        for finding in present:
            if finding.check == "divergence" and not gave_up:
                continue  # a refused update harms nothing as long as the run goes on
            lasting = gave_up or self._lasts(finding, state.step, progress)
            due = self._next(finding)
            if due is not None:
                if lasting or finding.check not in SLOW:
                    self._due = due
                    state.stop = Stop(Status.RUNNING, f"{due.remedy.name} is due")
                return
            if finding.status is Level.ERROR:
                if lasting:
                    state.stop = Stop(Status.UNSAVED, self._why_unsaved(finding))
                return  # what comes after it, it explains

    def _lasts(self, finding: Finding, step: int, progress: float) -> bool:
        """Whether it has been there for long enough, of the steps from the last remedy to the end:
        since its streak of probes began, or since it was found where it knows no beginning."""
        whole = step / progress - self._began
        began = finding.since
        if began is None:
            began = self._found.get(finding.check, step)
        return step - began >= LASTING * whole

    def _next(self, finding: Finding) -> _Due | None:
        if len(self._applied) >= self._most:
            return None
        check = finding.check
        tried = {each["remedy"] for each in self._applied if each["finding"] == check}
        base = len(self._applied)
        if self._applied and self._applied[-1]["finding"] == check:
            base = int(self._applied[-1]["base"])
        recipe = self._recipes[base]
        # Whatever budget was added in between stays.
        recipe = replace(recipe, training=_budget_of(self._recipes[-1], recipe))
        for remedy in self._policy.get(check, ()):
            changed = None if remedy.name in tried else remedy.applied(recipe, self._spec)
            if changed is not None:
                return _Due(finding, remedy, base, changed)
        return None

    def _why_unsaved(self, finding: Finding) -> str:
        check = finding.check
        tried = [each["remedy"] for each in self._applied if each["finding"] == check]
        spent = len(self._applied) >= self._most
        why = (
            f"{check} is left after {len(self._applied)} remedies"
            if spent
            else f"{check} came back after {', '.join(tried)}"
            if tried
            else f"{check} is nothing that another setting mends"
        )
        return f"{why}; try: {finding.try_next}" if finding.try_next else why

    def carry_out(self, state: TrainingState, store: CheckpointStore) -> tuple[Recipe, Values]:
        """Let the state go on under the remedy that is due.

        Returns:
            The recipe from here on, and the event that says what was done.
        """
        assert self._due is not None
        due, before = self._due, self._recipes[-1]
        self._due = None
        checkpoint = None
        if due.remedy.start is Start.SOUND:
            since = due.finding.since
            if due.finding.check == "divergence":
                since = self._refused  # what the run got over does not count
            checkpoint = last_sound(store, self._began, state.step if since is None else since)
        fresh = self._rebuild(due.recipe)
        if due.remedy.start is Start.REDRAWN:
            redraw(fresh, due.recipe.constraint)
        at = go_on_from(state, fresh, checkpoint)
        number = len(self._applied) + 1
        self._files.remedies.mkdir(exist_ok=True)
        for each, recipe in ((number - 1, before), (number, due.recipe)):
            write_json(_recipe_file(self._files, each), to_json(recipe))
        write_json(self._files.recipe, to_json(due.recipe))
        self._recipes.append(due.recipe)
        was, now = _differences(before, due.recipe)
        undone = due.base < number - 1
        return due.recipe, {
            "event": "remedy",
            "number": number,
            "finding": due.finding.check,
            "remedy": due.remedy.name,
            "base": due.base,
            "undone": str(self._applied[-1]["remedy"]) if undone else "",
            "from": state.step,
            "to": 0 if at is None else at,
            "weights": "new" if at is None else f"of step {at}",
            "before": was,
            "after": now,
            "why": due.remedy.why,
            "source": due.remedy.source,
        }


def recipe_file_of(files: RunFiles) -> Path:
    """Where the recipe of a run at its last checkpoint lies: remedies may have changed it, and the
    run may have been killed before a checkpoint of what they made of it was written."""
    if not files.remedies.exists():
        return files.recipe
    rows = CheckpointStore(files.checkpoints, keep=1).rows() or 0
    kept = History.read(files.history).rows[:rows]
    number = sum(row.values.get("event") == "remedy" for row in kept)
    file = _recipe_file(files, number)
    return file if file.exists() else files.recipe


def _recipe_file(files: RunFiles, number: int) -> Path:
    """The recipe after so many remedies."""
    return files.remedies / f"recipe-{number}.json"


def _budget_of(now: Recipe, then: Recipe) -> Any:
    limits = now.training
    return replace(then.training, steps=limits.steps, epochs=limits.epochs, minutes=limits.minutes)


def _differences(before: Recipe, after: Recipe) -> tuple[str, str]:
    """The settings in which two recipes differ, as ``--set`` takes them."""
    first, second = dict(settings(before)), dict(settings(after))
    keys = [k for k in {**first, **second} if first.get(k) != second.get(k)]

    def words(values: Mapping[str, str]) -> str:
        return ", ".join(f"{key}={values[key]}" for key in keys if key in values)

    return words(first), words(second)
