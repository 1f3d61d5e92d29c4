"""The members of a comparison, trained one after the other, and how each stands on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from steadygan.app import DataSource, Say, resume, train
from steadygan.comparison.plan import Member, Plan
from steadygan.comparison.results import FINISHED, MemberResult, Results
from steadygan.errors import RecipeError, RunError, SteadyganError
from steadygan.history import RunFiles
from steadygan.recipes import PRESETS
from steadygan.run import Run, write_json
from steadygan.training import Observer

Around: TypeAlias = Callable[[Member], AbstractContextManager[object]]

_LONGEST_REASON = 300


class Files:
    """What lies where in the directory of a comparison."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plan = root / "comparison.json"
        self.results = root / "results.json"
        self.table = root / "table.md"
        self.figure = root / "figure.png"
        self.runs = root / "runs"

    def read(self, path: Path) -> dict[str, Any]:
        """A JSON object; raises RunError where there is none."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{self.root} is not a comparison: it has no {path.name}.") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error}).") from None
        if not isinstance(content, dict):
            raise RunError(f"{path} does not hold a JSON object.")
        return content


@dataclass(frozen=True)
class Job:
    """What the training of every member needs."""

    files: Files
    plan: Plan
    data: DataSource
    data_name: str
    real: np.ndarray | None  # rows (n, columns) to draw behind samples; None of images
    device: str
    data_root: str | Path | None
    retry: bool
    observers: Sequence[Observer]
    around: Around
    say: Say


def train_all(job: Job) -> Results:
    """Train each member that is not done with; what has been found is written after each."""
    members = job.plan.members()
    failed_before = _failures(job.files)
    standing = {each: _standing(job, each, failed_before.get(each.name)) for each in members}
    for number, member in enumerate(members, start=1):
        where, before = f"{number}/{len(members)} {member.label}", standing[member]
        if before.finished or (before.status == "failed" and not job.retry):
            job.say(f"{where}: kept, {ending(before)}")
            continue
        job.say(f"{where} …")
        standing[member] = _train(job, member)
        job.say(f"{where}: {ending(standing[member])}")
        results = Results(job.data_name, job.plan, tuple(standing.values()))
        write_json(job.files.results, results.to_json())
        if standing[member].status == "interrupted":
            return results
    results = Results(job.data_name, job.plan, tuple(standing.values()))
    write_json(job.files.results, results.to_json())
    return results


def ending(result: MemberResult) -> str:
    """How a member stands, in a few words."""
    if result.finished and result.seconds is not None:
        return f"{result.status} after {result.seconds:.1f} s"
    return f"{result.status}: {result.reason}"


def _failures(files: Files) -> dict[str, str]:
    """The members that failed before, by name, with the reason. A failure may leave no run, or one
    that looks as if it had been killed, so the results are where it is known.

    Raises:
        RunError: the results are damaged.
    """
    if not files.results.exists():
        return {}
    try:
        return {
            Path(each["run"]).name: str(each["reason"])
            for each in files.read(files.results)["members"]
            if each["status"] == "failed"
        }
    except (KeyError, TypeError):
        raise RunError(
            f"{files.results} is damaged: remove it; what failed is then tried again."
        ) from None


def _standing(job: Job, member: Member, failed: str | None) -> MemberResult:
    """How a member stands by what lies on the disk; ``failed`` is why it did, as far as known."""
    directory = job.files.runs / member.name
    if not RunFiles(directory).recipe.exists():
        return (
            MemberResult(member, "not started")
            if failed is None
            else MemberResult(member, "failed", failed)
        )
    try:
        result = _result(member, Run(directory))
    except SteadyganError as error:
        return MemberResult(member, "failed", reason_of(error))
    if failed is None or result.finished:
        return result
    return replace(result, status="failed", reason=failed)


def _result(member: Member, run: Run) -> MemberResult:
    """What a run directory says of its member."""
    info = run.info()
    status, reason = info["status"], info["reason"]
    if status in FINISHED and not run.files.metrics.exists():
        status, reason = "interrupted", "killed while it was measured"
    elif status == "non_finite":
        status, reason = "failed", f"non_finite: {reason}"
    elif status == "running":
        status, reason = "interrupted", "killed"
    return MemberResult(
        member, status, reason, info["step"], info["seconds"], tuple(info["metrics"])
    )


def _train(job: Job, member: Member) -> MemberResult:
    """Start or resume a member; whatever goes wrong within it is its result."""
    threads = torch.get_num_threads()
    try:
        with job.around(member):
            return _result(member, _started(job, member))
    except Exception as error:  # the recipe may run code of the user's, which may raise anything
        return MemberResult(member, "failed", reason_of(error))
    finally:
        torch.set_num_threads(threads)  # a recipe may have chosen its own: not for the next one


def _started(job: Job, member: Member) -> Run:
    directory = job.files.runs / member.name
    if directory.exists() and _begins_anew(RunFiles(directory)):
        shutil.rmtree(directory)
    if directory.exists():
        try:
            return _resumed(job, member)
        except RecipeError:  # code of the user's has changed since: mended, most likely
            if not job.retry:
                raise
            shutil.rmtree(directory)
    return train(
        job.data,
        member.combination.recipe,
        out=directory,
        overrides=job.plan.overrides_of(member.combination),
        seed=member.seed,
        steps=job.plan.steps,
        minutes=job.plan.minutes,
        device=job.device,
        data_root=job.data_root,
        observers=job.observers,
        say=job.say,
    )


def _resumed(job: Job, member: Member) -> Run:
    return resume(
        job.files.runs / member.name,
        own_recipe(member.combination.recipe),
        data=job.data,
        device=None if job.device == "auto" else job.device,
        data_root=job.data_root,
        observers=job.observers,
        say=job.say,
    )


def _begins_anew(files: RunFiles) -> bool:
    """Whether there is nothing to go on from: half made, or given up for its numbers."""
    return not files.recipe.exists() or Run(files.root).status == "non_finite"


def own_recipe(recipe: str) -> str | None:
    """The recipe where it may hold classes of the user's own, which a run's files do not."""
    return None if recipe in PRESETS else recipe


def reason_of(error: Exception) -> str:
    """One line; our own errors say all themselves, others need their class."""
    kind = "" if isinstance(error, SteadyganError) else f"{type(error).__name__}: "
    text = " ".join(f"{kind}{error}".split())
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
