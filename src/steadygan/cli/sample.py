"""steadygan sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steadygan.cli.options import CheckpointOption, JsonOption, OwnRecipeOption, RunArgument
from steadygan.cli.output import print_json, print_lines


def sample(
    run: RunArgument,
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", help="How many.")] = 100,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="Its ending chooses the form. Images: .png one sheet, .npz or .npy an array, no "
            "ending a folder of PNGs. Vectors: .csv, .npy, .npz, or .png a plot.",
        ),
    ] = Path("samples.png"),
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the samples.")] = 0,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="CLASS",
            help="Of a conditional run: only this class, by name or number; without it all "
            "classes, as they are frequent in the training data.",
        ),
    ] = None,
    checkpoint: CheckpointOption = None,
    recipe: OwnRecipeOption = None,
    json: JsonOption = False,
) -> None:
    """Draw samples from a run's generator."""
    from steadygan.app import open_run

    paths = open_run(run, recipe).write_samples(
        output, count, seed=seed, label=label, checkpoint=checkpoint
    )
    if json:
        written = [str(path) for path in paths]
        print_json({"samples": count, "seed": seed, "label": label, "paths": written})
    elif len(paths) == 1:
        print_lines(f"{count} samples: {paths[0]}")
    else:
        print_lines(f"{count} samples: {len(paths)} files in {output}")
