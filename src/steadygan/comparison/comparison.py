"""Plans a comparison, has its members trained, and writes down what came of them."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from steadygan.app import DataSource, Say, alone, open_run, recipe_for
from steadygan.comparison.figure import Panel, draw
from steadygan.comparison.members import (
    Around,
    Files,
    Job,
    ending,
    own_recipe,
    reason_of,
    train_all,
)
from steadygan.comparison.plan import Member, Plan, data_options, parse_axis
from steadygan.comparison.results import ResultRow, Results
from steadygan.comparison.table import markdown
from steadygan.data import DataOptions, Dataset, load
from steadygan.data import names as data_names
from steadygan.environment import choose_device
from steadygan.errors import RecipeError, RunError, SteadyganError, UsageError
from steadygan.interfaces import SampleSpec
from steadygan.recipes import default_for, override, resolve
from steadygan.run import Run, write_json
from steadygan.training import Observer, write_atomically

_FIGURE_IMAGES = 64
_FIGURE_VECTORS = 2_000
_FIGURE_REAL = 1_000  # points drawn behind the samples, at most


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
        own = own_recipe(member.combination.recipe)
        return open_run(Files(self.directory).runs / member.name, own)


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
        write_json(files.plan, {**plan.to_json(), "device": device, "data_root": root})
    name, real = dataset.name, _drawn_behind(dataset)
    del dataset  # every member reads the data for itself: not twice in memory
    return _run(
        Job(
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
    files = Files(Path(directory))
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
        Job(
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
    specs: dict[DataOptions, SampleSpec] = {data_options(plan.overrides): dataset.spec}
    for combination in plan.combinations():
        overrides = plan.overrides_of(combination)
        options = data_options(overrides)
        if options not in specs:
            specs[options] = load(data, options, root=data_root).spec
        try:
            recipe = recipe_for(combination.recipe, specs[options])
        except SteadyganError:
            continue
        try:
            override(recipe, overrides)
        except UsageError as error:
            raise RecipeError(f"{combination.recipe}: {error}") from None


def _directory(out: str | Path | None, data_name: str, plan: Plan) -> Files:
    """A new or empty directory, or the one that holds this comparison already.

    Raises:
        RunError: ``out`` holds something else, or cannot be made.
    """
    try:
        if out is None:
            return _numbered(Path("runs"), f"compare-{data_name}")
        files = Files(Path(out))
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


def _numbered(parent: Path, stem: str) -> Files:
    parent.mkdir(exist_ok=True)
    for number in itertools.count(1):
        root = parent / f"{stem}-{number}"
        try:
            root.mkdir()
        except FileExistsError:
            continue
        return Files(root)
    raise AssertionError("numbers end nowhere")


def _run(job: Job) -> Comparison:
    """Train what is left to be trained, and write results, table and figure."""
    files = job.files
    with alone(files.plan, f"{files.root} is being trained by another process."):
        hint = f"go on with: steadygan compare --resume {shlex.quote(str(files.root))}"
        try:
            results = train_all(job)
            if results.interrupted is None:
                write_atomically(files.figure, draw(_panels(job, results), _heading(job)))
        except KeyboardInterrupt:
            job.say(hint)
            raise
        write_atomically(files.table, markdown(results).encode())
        if results.interrupted is not None:
            job.say(hint)
    return Comparison(files.root, results)


def _drawn_behind(dataset: Dataset) -> np.ndarray | None:
    """Some held-out rows in the user's units; None where the data are images."""
    if len(dataset.codec.shape) == 3:
        return None
    held_out = dataset.validation.x
    order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))
    return dataset.codec.decode(dataset.codec.encode(held_out[order[:_FIGURE_REAL]]))


def _heading(job: Job) -> str:
    return f"{job.data_name}: {_count(job):,} samples each, from the same latent seed"


def _count(job: Job) -> int:
    return _FIGURE_IMAGES if job.real is None else _FIGURE_VECTORS


def _panels(job: Job, results: Results) -> list[Panel]:
    """One per row of the table: samples of its first seed that finished, or why there are none."""
    return [_panel(job, row) for row in results.rows]


def _panel(job: Job, row: ResultRow) -> Panel:
    recipe, *setting = row.combination.lines
    if not row.finished:
        return Panel("\n".join([recipe, *setting]), None, ending(row.results[0]))
    member = row.finished[0].member
    title = "\n".join([f"{recipe}, seed {member.seed}", *setting])
    try:
        run = open_run(job.files.runs / member.name, own_recipe(recipe))
        sheet = run.codec.sheet(run.sample(_count(job)), real=job.real)
    except SteadyganError as error:
        return Panel(title, None, reason_of(error))
    return Panel(title, np.asarray(sheet.convert("RGB")))
