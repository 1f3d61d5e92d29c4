"""steadygan evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steadygan.cli.options import (
    CheckpointOption,
    DataRootOption,
    DeviceOption,
    JsonOption,
    OwnRecipeOption,
)
from steadygan.cli.output import print_json
from steadygan.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from steadygan.evaluation import Evaluation
    from steadygan.metrics import Measurement


def evaluate(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="The run directory. Left out with --real and --fake.",
            show_default=False,
        ),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(
            "--real", metavar="DATA", help="Real samples: a named set, a folder, an array file."
        ),
    ] = None,
    fake: Annotated[
        str | None,
        typer.Option("--fake", metavar="DATA", help="Generated samples, to compare with --real."),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            "--features",
            metavar="F",
            help="The space distances are taken in: pixels, pca:N, classifier, mobilenet, "
            "resnet56-cifar10, inception, timm:NAME, transformers:FOLDER, or module:function of "
            "your own.",
        ),
    ] = "pixels",
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="M,M",
            help="Names with commas; all that fit if not given. 'list' names them.",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--count",
            metavar="N",
            help="Samples of each set. If not given, half of the real ones, at most 10,000, so "
            "that as many other real ones are left to compare with.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of samples, choices and bootstrap.")
    ] = 0,
    draws: Annotated[
        int,
        typer.Option("--draws", metavar="N", help="Of the bootstrap; 0 leaves intervals out."),
    ] = 50,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Of the network that --features names."),
    ] = None,
    checkpoint: CheckpointOption = None,
    recipe: OwnRecipeOption = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DATA", help="Where the run's data are now, if they have moved."
        ),
    ] = None,
    data_root: DataRootOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Measure a run, or the samples of --fake against those of --real.

    Every value stands beside what other real samples score at the same number, with a 95 %
    interval. Those of a run are added to its metrics.json.
    """
    if metrics == "list":
        _list()
        return
    if run is None and (real is None or fake is None):
        raise UsageError("name a RUN, or real and generated samples with --real and --fake.")
    if run is not None and (real is not None or fake is not None):
        raise UsageError("a RUN has its own samples: leave out --real and --fake, or the RUN.")
    of_runs = {"--checkpoint": checkpoint, "--recipe": recipe, "--data": data}
    for option, value in of_runs.items():
        if run is None and value is not None:
            raise UsageError(f"{option} is for a RUN: leave it out with --real and --fake.")
    from rich.console import Console

    chosen = None if metrics is None else [each.strip() for each in metrics.split(",")]
    console = Console(file=sys.stderr if json else sys.stdout, highlight=False)
    with _progress(console) as progress:
        from steadygan.app import open_run
        from steadygan.evaluation import evaluate_run, evaluate_samples

        shared: dict[str, Any] = {
            "features": features, "metrics": chosen, "count": count, "seed": seed, "draws": draws,
            "weights": weights, "data_root": data_root, "device": device, "progress": progress,
        }  # fmt: skip
        if run is not None:
            found = evaluate_run(open_run(run, recipe), checkpoint=checkpoint, data=data, **shared)
        else:
            assert real is not None
            assert fake is not None
            found = evaluate_samples(real, fake, **shared)
    if json:
        print_json(found.to_json())
    else:
        _show(found, console)


def _list() -> None:
    from steadygan.cli.output import print_lines
    from steadygan.evaluation import names

    print_lines(*(f"{name:<20} {text}" for name, text in names().items()))


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal; a line for each thing begun elsewhere."""
    if not console.is_terminal:
        said: set[str] = set()

        def say(what: str, done: int, total: int) -> None:
            if what not in said and what != "done":
                said.add(what)
                print(what, file=sys.stderr)  # noqa: T201

        yield say
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        current = ""

        def update(what: str, done: int, total: int) -> None:
            nonlocal current
            if what != current:
                current = what
                bar.reset(task)
            bar.update(task, description=what, completed=done, total=total)

        yield update


def _show(found: Evaluation, console: Console) -> None:
    """The table, then what it was computed with and on."""
    console.print(
        f"{found.fake} against {found.real}: {found.n:,} samples of each, features: "
        f"{found.features}",
        markup=False,
    )
    console.print(_table(found.measurements))
    prepared = next((m for m in found.measurements if m.preprocessing and m.resize), None)
    if prepared is not None:
        console.print(
            f"resize: {prepared.resize}; preprocessing: {prepared.preprocessing}", markup=False
        )
    for line in _footnotes(found):
        console.print(line, markup=False)


def _table(measurements: tuple[Measurement, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    # Folded where the window is narrow, so that no number is cut.
    table.add_column("metric", overflow="fold")
    for heading in ("value", "95 % interval", "other\nreal", "n\nreal", "n\ngenerated"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in measurements:
        between = each.interval
        cells = (
            each.name,
            _short(each.value),
            "" if between is None else f"{_short(between[0])} to {_short(between[1])}",
            "" if each.reference is None else _short(each.reference),
            f"{each.n_real:,}" if each.n_real else "",
            f"{each.n_fake:,}",
        )
        table.add_row(*map(Text, cells))
    return table


def _short(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}"


def _footnotes(found: Evaluation) -> Iterator[str]:
    notes: dict[str, list[str]] = {}
    over: dict[str, list[str]] = {}
    for each in found.measurements:
        if each.note:
            notes.setdefault(each.note, []).append(each.name)
        if each.over:
            over.setdefault(each.over, []).append(each.name)
    for note, names in notes.items():
        yield f"{', '.join(names)}: {note}"
    for what, names in over.items():
        yield f"intervals by bootstrap over {what}: {', '.join(names)}"
    yield from (f"note: {note}" for note in found.notes)
