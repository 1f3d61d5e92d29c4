"""steadygan recipes."""

from __future__ import annotations

from typing import Annotated

import typer

from steadygan.cli.options import JsonOption
from steadygan.cli.output import print_json, print_lines

recipes = typer.Typer(help="List the presets, or show one.", rich_markup_mode=None)


@recipes.callback(invoke_without_command=True)
def listing(context: typer.Context, json: JsonOption = False) -> None:
    """List the presets, or show one with all its settings."""
    if context.invoked_subcommand is not None:
        return
    from steadygan.recipes import names

    described = names()
    if json:
        print_json(described)
    else:
        print_lines(*(f"{name:<16} {text}" for name, text in described.items()))


@recipes.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A preset, or module:function.")],
    data: Annotated[
        str, typer.Option("--data", metavar="KIND", help="points, or the side of images: 8, 32 …")
    ] = "points",
    json: JsonOption = False,
) -> None:
    """Show a preset with all its settings, as they are for one kind of data."""
    from steadygan.app import recipe_for
    from steadygan.errors import UsageError
    from steadygan.interfaces import SampleSpec
    from steadygan.recipes import settings, to_json

    if data == "points":
        spec = SampleSpec((2,))
    elif data.isdigit():
        spec = SampleSpec((3, int(data), int(data)), (-1.0, 1.0))
    else:
        raise UsageError(f"--data {data!r}: choose points, or the side of images in pixels.")
    recipe = recipe_for(name, spec)
    if json:
        print_json(to_json(recipe))
    else:
        print_lines(*(f"{key} = {value}" for key, value in settings(recipe)))
