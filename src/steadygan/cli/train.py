"""steadygan train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steadygan.cli.display import Display
from steadygan.cli.ending import end
from steadygan.cli.options import (
    AllowOption,
    AutoRemedyOption,
    DataRootOption,
    DeviceOption,
    JsonOption,
    MinutesOption,
    RecipeOption,
    SetOption,
    StepsOption,
    TensorBoardOption,
)


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A named data set (digits, 25-grid, mnist …) or a path: a folder of images, "
            ".npy, .npz, an IDX file.",
        ),
    ],
    recipe: RecipeOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="RUN", help="The run directory; made if not given."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of the run.")] = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    device: DeviceOption = "auto",
    data_root: DataRootOption = None,
    assignments: SetOption = None,
    allow: AllowOption = None,
    tensorboard: TensorBoardOption = False,
    auto_remedy: AutoRemedyOption = False,
    json: JsonOption = False,
) -> int:
    """Train a GAN on DATA and leave a run directory."""
    with Display(json=json) as display:
        from steadygan.app import train as train_run

        run = train_run(
            data,
            recipe,
            out=out,
            overrides=assignments or (),
            seed=seed,
            steps=steps,
            minutes=minutes,
            device=device,
            data_root=data_root,
            allow=allow or (),
            observers=[display],
            tensorboard=tensorboard,
            auto_remedy=auto_remedy,
            say=display.say,
        )
    return end(run, display, json=json)
