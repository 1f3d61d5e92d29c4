"""steadygan report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from steadygan.cli.options import DataRootOption, JsonOption, OwnRecipeOption
from steadygan.cli.output import print_json, print_lines


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="A run directory, or several, or a comparison's, to be compared.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The HTML file. If not given: report.html in the run, or in this folder where "
            "there are several runs.",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", metavar="FOLDER", help="Write every figure there too, as PNG and SVG."
        ),
    ] = None,
    data_root: DataRootOption = None,
    recipe: OwnRecipeOption = None,
    json: JsonOption = False,
) -> None:
    """Write what is known of a run, or of several, into one HTML file.

    The file holds everything it shows: it opens from a disk, without a network, and prints. What a
    run does not hold (it was killed, its data have moved) is named in the report.
    """
    from steadygan.app import report as write_report
    from steadygan.reporting import by_reason

    written = write_report(runs, output, figures=figures, data_root=data_root, recipe=recipe)
    missing = by_reason(written.document.missing())
    if json:
        print_json(
            {
                "report": str(written.page),
                "figures": [str(path) for path in written.figures],
                "missing": [{"why": why, "what": what} for why, what in missing],
            }
        )
        return
    print_lines(*(f"not in the report: {', '.join(what)}: {why}" for why, what in missing))
    if figures is not None:
        print_lines(f"figures: {len(written.figures)} files in {shlex.quote(str(figures))}")
    print_lines(f"report: {shlex.quote(str(written.page))}")
