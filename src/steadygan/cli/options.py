"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

RunArgument: TypeAlias = Annotated[Path, typer.Argument(help="The run directory.", metavar="RUN")]
RecipeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="R",
        help="A preset's name, module:function or file.py:function. See 'steadygan recipes'.",
    ),
]
OwnRecipeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="R",
        help="Where the run uses classes of your own: module:function or file.py:function, again.",
    ),
]
StepsOption: TypeAlias = Annotated[
    int | None, typer.Option("--steps", metavar="N", help="Budget in steps.")
]
MinutesOption: TypeAlias = Annotated[
    float | None, typer.Option("--minutes", metavar="M", help="Budget in minutes of training.")
]
DeviceOption: TypeAlias = Annotated[
    str, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:1 …")
]
ResumeDeviceOption: TypeAlias = Annotated[
    str | None, typer.Option("--device", metavar="D", help="Another device than the run had.")
]
DataRootOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="DIR",
        help="Where named data sets are looked for first; then STEADYGAN_DATA, then the cache.",
    ),
]
CheckpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--checkpoint", metavar="C", help="best, or a step; the last if not given."),
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")
]
