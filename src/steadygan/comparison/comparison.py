"""Trains the members of a comparison one after the other, and writes down what came of them."""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from steadygan.app import DataSource, Say, alone, open_run, recipe_for, resume, train
from steadygan.comparison.figure import Panel, draw
from steadygan.comparison.plan import Member, Plan, data_options, parse_axis
from steadygan.comparison.results import FINISHED, MemberResult, ResultRow, Results
from steadygan.comparison.table import markdown
from steadygan.data import DataOptions, Dataset, load
from steadygan.data import names as data_names
from steadygan.environment import choose_device
from steadygan.errors import RecipeError, RunError, SteadyganError, UsageError
from steadygan.history import RunFiles
from steadygan.interfaces import SampleSpec
from steadygan.recipes import PRESETS, default_for, override, resolve
from steadygan.run import Run
from steadygan.training import Observer, write_atomically

Around: TypeAlias = Callable[[Member], AbstractContextManager[object]]

_FIGURE_IMAGES = 64
_FIGURE_VECTORS = 2_000
_FIGURE_REAL = 1_000  # points drawn behind the samples, at most
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Comparison:
    """The directory of a comparison and what it found.

    Attributes:
        directory: with ``comparison.json``, ``results.json``, ``table.md``, ``figure.png`` and the
            members' run directories under ``runs``.
        results: as in ``results.json``.
    """

    directory: Path
    results: Results

    def run(self, member: Member) -> Run:
        """The run of a member; with its recipe, since that may hold classes of the user's own."""
        own = _own(member.combination.recipe)
        return open_run(_Files(self.directory).runs / member.name, own)


class _Files:
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
class _Job:
    """What the training of every member needs."""

    files: _Files
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


def _silent(line: str) -> None:
    """The default: nobody reads."""


def _nothing(member: Member) -> AbstractContextManager[object]:
    return nullcontext()


def compare(
    data: DataSource,
    recipes: str | Sequence[str] | None = None,
    *,
    seeds: int = 3,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    grid: Sequence[str] = (),
    steps: int | None = None,
    minutes: float | None = None,
    seconds: float | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    retry: bool = False,
    observers: Sequence[Observer] = (),
    around: Around = _nothing,
    say: Say = _silent,
) -> Comparison:
    """Train several recipes with several seeds under one budget, and say how they differ.

    A member that fails is recorded and the others go on. Called again with the same ``out`` it goes
    on where it was stopped: what has finished is kept, what was interrupted is resumed.

    Args:
        data: as in ``train``.
        recipes: presets, ``"module:function"`` or ``"file.py:function"``, or one text with commas;
            None takes the data set's default.
        seeds: each recipe is trained with the seeds from 0 to ``seeds`` − 1.
        out: the directory, new, empty or of the same comparison; None makes
            ``runs/compare-DATA-N``.
        overrides: ``"key=value"`` settings of every recipe.
        grid: ``"key=v1,v2"`` settings; every recipe is trained with every combination of them.
        steps, minutes, seconds: the budget of each training, at most one of them; None of them
            keeps each recipe's own.
        device, data_root: as in ``train``.
        retry: train those again that failed.
        observers: see every row of every member's history as it is written.
        around: makes a context that each member trains in.
        say: gets the lines that a person should read.

    Raises:
        UsageError: something given cannot be used, for any recipe; nothing was written then.
    """
    if sum(budget is not None for budget in (steps, minutes, seconds)) > 1:
        raise UsageError("two budgets are given: choose one of steps, minutes and seconds.")
    choose_device(device)
    named = _named(recipes)
    for name in named:
        resolve(name)  # a misspelt one is said before the data are read
    dataset = load(data, data_options(overrides), root=data_root)
    plan = Plan(
        data=_source(data),
        fingerprint=dataset.fingerprint,
        recipes=named or (default_for(dataset.name),),
        seeds=seeds,
        overrides=tuple(overrides),
        grid=tuple(parse_axis(text) for text in grid),
        steps=steps,
        minutes=minutes if seconds is None else seconds / 60.0,
    )
    _check_settings(plan, data, dataset, data_root)
    files = _directory(out, dataset.name, plan)  # nothing above writes, nothing below refuses
    root = None if data_root is None else str(Path(data_root).resolve())
    if not files.plan.exists():
        files.runs.mkdir(exist_ok=True)
        _write_json(files.plan, {**plan.to_json(), "device": device, "data_root": root})
    name, real = dataset.name, _drawn_behind(dataset)
    del dataset  # every member reads the data for itself: not twice in memory
    return _run(
        _Job(
            files=files,
            plan=plan,
            data=data,
            data_name=name,
            real=real,
            device=device,
            data_root=data_root,
            retry=retry,
            observers=observers,
            around=around,
            say=say,
        )
    )


def resume_comparison(
    directory: str | Path,
    *,
    data: DataSource = None,
    device: str | None = None,
    data_root: str | Path | None = None,
    retry: bool = False,
    observers: Sequence[Observer] = (),
    around: Around = _nothing,
    say: Say = _silent,
) -> Comparison:
    """Go on with a comparison as its ``comparison.json`` planned it.

    Args:
        directory: of the comparison.
        data: only where the data came as an array, or have moved.
        device, data_root: None takes those it was begun with.
        retry, observers, around, say: as in ``compare``.

    Raises:
        UsageError: it is not a comparison, or its data are missing or not what they were.
    """
    files = _Files(Path(directory))
    content = files.read(files.plan)
    plan = Plan.from_json(content)
    source = data if data is not None else plan.data
    if source is None:
        raise RunError(f"{directory} compares on an array in memory: pass it again as data.")
    chosen = str(device or content.get("device", "auto"))
    choose_device(chosen)
    for recipe in plan.recipes:
        resolve(recipe)  # a file of one may not be where it was
    root = data_root or content.get("data_root")
    dataset = load(source, data_options(plan.overrides), root=root)
    if dataset.fingerprint != plan.fingerprint:
        raise RunError(f"the data at {dataset.name} are not those that {directory} began with.")
    name, real = dataset.name, _drawn_behind(dataset)
    del dataset  # as in compare
    return _run(
        _Job(
            files=files,
            plan=plan,
            data=source,
            data_name=name,
            real=real,
            device=chosen,
            data_root=root,
            retry=retry,
            observers=observers,
            around=around,
            say=say,
        )
    )


def _named(recipes: str | Sequence[str] | None) -> tuple[str, ...]:
    if recipes is None:
        return ()
    return tuple(
        each.strip() for each in (recipes.split(",") if isinstance(recipes, str) else recipes)
    )


def _source(data: DataSource) -> str | None:
    """How a later call finds the data again: by name, by full path, or not at all."""
    if isinstance(data, str) and data in data_names():
        return data
    return str(Path(data).resolve()) if isinstance(data, (str, Path)) else None


def _check_settings(
    plan: Plan, data: DataSource, dataset: Dataset, data_root: str | Path | None
) -> None:
    """Refuse, before anything is trained, a setting that one of the recipes does not take.

    ``dataset`` is ``data`` as read without the grid. A recipe that is not for such data at all
    passes: its members fail, and the others go on.

    Raises:
        UsageError: of the first setting or way to read the data that cannot be used.
    """
    specs: dict[DataOptions, SampleSpec] = {
        data_options(plan.overrides): dataset.without_labels().spec
    }
    for combination in plan.combinations():
        overrides = plan.overrides_of(combination)
        options = data_options(overrides)
        if options not in specs:
            specs[options] = load(data, options, root=data_root).without_labels().spec
        try:
            recipe = recipe_for(combination.recipe, specs[options])
        except SteadyganError:
            continue
        try:
            override(recipe, overrides)
        except UsageError as error:
            raise RecipeError(f"{combination.recipe}: {error}") from None


def _directory(out: str | Path | None, data_name: str, plan: Plan) -> _Files:
    """A new or empty directory, or the one that holds this comparison already.

    Raises:
        RunError: ``out`` holds something else, or cannot be made.
    """
    try:
        if out is None:
            return _numbered(Path("runs"), f"compare-{data_name}")
        files = _Files(Path(out))
        if files.plan.exists():
            differences = Plan.from_json(files.read(files.plan)).differences(plan)
            if differences:
                raise RunError(
                    f"{out} holds another comparison ({'; '.join(differences)}): choose another "
                    "--out."
                )
            return files
        files.root.mkdir(parents=True, exist_ok=True)
        if any(files.root.iterdir()):
            raise RunError(f"{out} is not empty: choose another --out.")
        return files
    except OSError as error:
        raise RunError(f"no directory can be made at {error.filename}: {error.strerror}.") from None


def _numbered(parent: Path, stem: str) -> _Files:
    parent.mkdir(exist_ok=True)
    for number in itertools.count(1):
        root = parent / f"{stem}-{number}"
        try:
            root.mkdir()
        except FileExistsError:
            continue
        return _Files(root)
    raise AssertionError("numbers end nowhere")


def _run(job: _Job) -> Comparison:
    """Train what is left to be trained, and write results, table and figure."""
    files = job.files
    with alone(files.plan, f"{files.root} is being trained by another process."):
        hint = f"go on with: steadygan compare --resume {shlex.quote(str(files.root))}"
        try:
            results = _train_all(job)
            if results.interrupted is None:
                write_atomically(files.figure, draw(_panels(job, results), _heading(job)))
        except KeyboardInterrupt:
            job.say(hint)
            raise
        write_atomically(files.table, markdown(results).encode())
        if results.interrupted is not None:
            job.say(hint)
    return Comparison(files.root, results)


def _train_all(job: _Job) -> Results:
    """Train each member that is not done with; what has been found is written after each."""
    members = job.plan.members()
    failed_before = _failures(job.files)
    standing = {each: _standing(job, each, failed_before.get(each.name)) for each in members}
    for number, member in enumerate(members, start=1):
        where, before = f"{number}/{len(members)} {member.label}", standing[member]
        if before.finished or (before.status == "failed" and not job.retry):
            job.say(f"{where}: kept, {_ending(before)}")
            continue
        job.say(f"{where} …")
        standing[member] = _train(job, member)
        job.say(f"{where}: {_ending(standing[member])}")
        results = Results(job.data_name, job.plan, tuple(standing.values()))
        _write_json(job.files.results, results.to_json())
        if standing[member].status == "interrupted":
            return results
    results = Results(job.data_name, job.plan, tuple(standing.values()))
    _write_json(job.files.results, results.to_json())
    return results


def _ending(result: MemberResult) -> str:
    if result.finished and result.seconds is not None:
        return f"{result.status} after {result.seconds:.1f} s"
    return f"{result.status}: {result.reason}"


def _failures(files: _Files) -> dict[str, str]:
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


def _standing(job: _Job, member: Member, failed: str | None) -> MemberResult:
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
        return MemberResult(member, "failed", _reason(error))
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


def _train(job: _Job, member: Member) -> MemberResult:
    """Start or resume a member; whatever goes wrong within it is its result."""
    threads = torch.get_num_threads()
    try:
        with job.around(member):
            return _result(member, _started(job, member))
    except Exception as error:  # the recipe may run code of the user's, which may raise anything
        return MemberResult(member, "failed", _reason(error))
    finally:
        torch.set_num_threads(threads)  # a recipe may have chosen its own: not for the next one


def _started(job: _Job, member: Member) -> Run:
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


def _resumed(job: _Job, member: Member) -> Run:
    return resume(
        job.files.runs / member.name,
        _own(member.combination.recipe),
        data=job.data,
        device=None if job.device == "auto" else job.device,
        data_root=job.data_root,
        observers=job.observers,
        say=job.say,
    )


def _begins_anew(files: RunFiles) -> bool:
    """Whether there is nothing to go on from: half made, or given up for its numbers."""
    return not files.recipe.exists() or Run(files.root).status == "non_finite"


def _own(recipe: str) -> str | None:
    """The recipe where it may hold classes of the user's own, which a run's files do not."""
    return None if recipe in PRESETS else recipe


def _reason(error: Exception) -> str:
    kind = "" if isinstance(error, SteadyganError) else f"{type(error).__name__}: "
    text = " ".join(f"{kind}{error}".split())
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


def _drawn_behind(dataset: Dataset) -> np.ndarray | None:
    """Some held-out rows in the user's units; None where the data are images."""
    if len(dataset.codec.shape) == 3:
        return None
    held_out = dataset.validation.x
    order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))
    return dataset.codec.decode(dataset.codec.encode(held_out[order[:_FIGURE_REAL]]))


def _heading(job: _Job) -> str:
    return f"{job.data_name}: {_count(job):,} samples each, from the same latent seed"


def _count(job: _Job) -> int:
    return _FIGURE_IMAGES if job.real is None else _FIGURE_VECTORS


def _panels(job: _Job, results: Results) -> list[Panel]:
    """One per row of the table: samples of its first seed that finished, or why there are none."""
    return [_panel(job, row) for row in results.rows]


def _panel(job: _Job, row: ResultRow) -> Panel:
    recipe, *setting = row.combination.lines
    if not row.finished:
        return Panel("\n".join([recipe, *setting]), None, _ending(row.results[0]))
    member = row.finished[0].member
    title = "\n".join([f"{recipe}, seed {member.seed}", *setting])
    try:
        run = open_run(job.files.runs / member.name, _own(recipe))
        sheet = run.codec.sheet(run.sample(_count(job)), real=job.real)
    except SteadyganError as error:
        return Panel(title, None, _reason(error))
    return Panel(title, np.asarray(sheet.convert("RGB")))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
