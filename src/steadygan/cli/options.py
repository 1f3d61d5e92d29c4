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
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of the recipe: --set training.batch_size=128. Repeatable.",
    ),
]
AllowOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="CHECK",
        help="Let a check of the preflight pass: see 'steadygan check'. Repeatable.",
    ),
]
CheckpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--checkpoint", metavar="C", help="best, or a step; the last if not given."),
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")
]
TensorBoardOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Write rows and samples for TensorBoard, too, into RUN/tensorboard (an extra).",
    ),
]
AutoRemedyOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--auto-remedy", help="Treat what the doctor finds: changes settings and rolls back."
    ),
]
ResumeRemedyOption: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--auto-remedy/--no-auto-remedy",
        help="Treat what the doctor finds, or no longer; as the run was begun if not given.",
    ),
]
