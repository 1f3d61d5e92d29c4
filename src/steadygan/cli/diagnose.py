"""steadygan diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steadygan.cli.options import JsonOption
from steadygan.cli.output import print_json, print_lines


def diagnose(
    run: Annotated[
        Path | None, typer.Argument(help="The run directory; it may be running.", metavar="[RUN]")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Losses of a loop of your own instead: CSV with a header, a JSON object per line, "
            "or TensorBoard's event file or folder (an extra).",
        ),
    ] = None,
    critic_loss: Annotated[
        str | None, typer.Option(metavar="NAME", help="The critic's column or tag in that file.")
    ] = None,
    generator_loss: Annotated[
        str | None, typer.Option(metavar="NAME", help="The generator's.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what is wrong with a run, with the evidence, and what was not checked."""
    from steadygan.diagnosis import gone
    from steadygan.diagnosis.loss_files import read_losses
    from steadygan.diagnosis.losses import diagnose_losses
    from steadygan.errors import UsageError
    from steadygan.history import RunFiles
    from steadygan.run import Run

    if (run is None) == (history is None):
        raise UsageError("give a run directory, or --history FILE, and not both.")
    if history is None and (critic_loss is not None or generator_loss is not None):
        raise UsageError("--critic-loss and --generator-loss name columns of --history FILE.")
    before: list[tuple[str, int]] = []
    if history is not None:
        diagnosis = diagnose_losses(read_losses(history, critic_loss, generator_loss))
    else:
        assert run is not None
        files = RunFiles(run)
        if files.history.exists() and not files.recipe.exists():
            raise UsageError(
                f"{run} holds a history without a recipe, as a monitor leaves it: "
                f"steadygan diagnose --history {files.history} looks at its losses."
            )
        read = Run(run)
        diagnosis = read.diagnosis()
        before = gone(read.history.rows, diagnosis)
    if json:
        print_json({
            "verdict": diagnosis.verdict,
            "findings": [finding.to_json() for finding in diagnosis.findings],
            "gone": [{"check": check, "step": step} for check, step in before],
        })  # fmt: skip
        return
    lines = diagnosis.report()
    if before:
        said = ", ".join(f"{check} (at step {step:,})" for check, step in before)
        lines += ["", f"found on the way, and no longer: {said}"]
    print_lines(*lines)
