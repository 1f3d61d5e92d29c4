"""steadygan export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steadygan.cli.options import CheckpointOption, JsonOption, OwnRecipeOption, RunArgument
from steadygan.cli.output import print_json, print_lines


def export(
    run: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help=".safetensors (weights) or .onnx (the network; needs the extra 'onnx'). "
            "RUN/export/generator.safetensors if not given.",
        ),
    ] = None,
    checkpoint: CheckpointOption = None,
    recipe: OwnRecipeOption = None,
    json: JsonOption = False,
) -> None:
    """Write a run's generator for use elsewhere."""
    from steadygan.app import open_run

    target = output or run / "export" / "generator.safetensors"
    path = open_run(run, recipe).export(target, checkpoint=checkpoint)
    if json:
        print_json({"path": str(path), "bytes": path.stat().st_size})
    else:
        print_lines(f"exported: {path} ({path.stat().st_size:,} bytes)")
