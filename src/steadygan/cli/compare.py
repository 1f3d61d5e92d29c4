"""steadygan compare."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steadygan.cli.display import Display
from steadygan.cli.options import DataRootOption, JsonOption, MinutesOption, StepsOption
from steadygan.cli.output import print_json
from steadygan.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from steadygan.comparison import Column, Comparison


def compare(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="As in 'steadygan train'. Left out with --resume.",
            show_default=False,
        ),
    ] = None,
    recipes: Annotated[
        str | None,
        typer.Option(
            "--recipes",
            metavar="R,R",
            help="Presets, module:function or file.py:function, with commas. The data set's "
            "default if not given.",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", metavar="N", help="Train each with the seeds 0 to N − 1; 3 if not given."
        ),
    ] = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="S", help="Budget in seconds of training.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="The directory; made if not given. One that holds this comparison is gone on "
            "with.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting of every recipe. Repeatable."
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="KEY=V,V",
            help="Train every recipe with each of these values: --grid n_critic=1,2,5. Repeatable: "
            "every combination. Commas in brackets belong to a value.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="DIR", help="Go on with the comparison in DIR as it was planned."
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Train those again that failed.")] = False,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="D", help="auto (if not given), cpu, cuda, cuda:1 …"),
    ] = None,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> int:
    """Train several recipes and seeds under one budget, and tabulate how they differ.

    Leaves one directory with every run, results.json, table.md and figure.png. The budget of each
    training is --steps, --minutes or --seconds, or else each recipe's own. One that fails is
    recorded and the others go on. The same command with the same --out goes on where it stopped.
    """
    plan: dict[str, Any] = {
        "recipes": recipes, "seeds": seeds, "steps": steps, "minutes": minutes, "seconds": seconds,
        "out": out, "overrides": assignments, "grid": grid,
    }  # fmt: skip
    given = {name: value for name, value in plan.items() if value not in (None, [])}
    if resume is not None and (data is not None or given):
        raise UsageError(f"--resume goes on as {resume} was planned: leave out DATA and its plan.")
    if resume is None and data is None:
        raise UsageError("DATA is missing: name what to train on, or --resume a comparison.")
    with Display(json=json) as display:
        from steadygan.comparison import compare as compare_recipes
        from steadygan.comparison import resume_comparison

        shared: dict[str, Any] = {
            "data_root": data_root,
            "retry": retry,
            "observers": [display],
            "around": lambda member: display.one_of_several(),
            "say": display.say,
        }
        if resume is not None:
            comparison = resume_comparison(resume, device=device, **shared)
        else:
            comparison = compare_recipes(data, **given, device=device or "auto", **shared)
    return _end(comparison, display, json=json)


def _end(comparison: Comparison, display: Display, *, json: bool) -> int:
    """Print what was found; 0 where at least one finished, else 1, 128 + signal interrupted."""
    from steadygan.comparison import columns_of, pack

    results = comparison.results
    display.say("")
    if json:
        print_json(results.to_json())
    for columns in pack(columns_of(results), display.console.width):
        display.console.print(_table(columns, display.console.width), "", soft_wrap=False)
    for line in (*results.caption(), *results.failures()):
        display.console.print(line, markup=False, soft_wrap=False)
    display.say(f"comparison: {shlex.quote(str(comparison.directory))}")
    if results.interrupted is not None:
        return 128 + signal.Signals[results.interrupted].value
    return 0 if results.finished else 1


def _table(columns: list[Column], width: int) -> Table:
    """The first column may be wrapped within half of the width; no other is."""
    from rich.table import Table
    from rich.text import Text

    first, *others = columns
    several_lines = any("\n" in cell for cell in first.cells)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(first.heading, width=min(first.width, width // 2), overflow="fold")
    for column in others:
        table.add_column(column.wrapped_heading, justify="right", width=column.width)
    gap = "\n" if several_lines else ""
    for name, *cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(Text(name + gap), *(Text(cell) for cell in cells))
    return table
