"""steadygan check."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from steadygan.cli.options import AllowOption, DataRootOption, DeviceOption, JsonOption, SetOption
from steadygan.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from steadygan.diagnosis import Finding

_WIDTH = 100


def check(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A preset's name, module:function or file.py:function."
        ),
    ],
    data: Annotated[str, typer.Argument(metavar="DATA", help="As in 'steadygan train'.")],
    assignments: SetOption = None,
    allow: AllowOption = None,
    device: DeviceOption = "auto",
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> int:
    """Check a recipe on DATA before training: what is wrong, why, and what to change.

    Exit code 0 where nothing would stop a training, warnings or not; 2 where something would.
    """
    from steadygan.app import check as check_recipe
    from steadygan.diagnosis import Status, check_names

    allowed = allow or []
    check_names(allowed)
    diagnosis = check_recipe(
        recipe,
        data,
        overrides=assignments or (),
        device=device,
        data_root=data_root,
        say=lambda line: None if json else print_lines(line),
    )
    errors = diagnosis.without(allowed).errors
    if json:
        findings = [finding.to_json() for finding in diagnosis.findings]
        print_json({"verdict": diagnosis.verdict, "findings": findings, "allowed": allowed})
        return 2 if errors else 0
    for finding in diagnosis.of(Status.ERROR, Status.WARNING, Status.NOT_RUN):
        print_lines(*_lines(finding, allowed=finding.check in allowed), "")
    print_lines(diagnosis.verdict)
    return 2 if errors else 0


def _lines(finding: Finding, *, allowed: bool) -> list[str]:
    """The finding, a heading and what follows it indented."""
    source = f" ({finding.source})" if finding.source else ""
    parts = {
        "": finding.evidence,
        "line: ": finding.threshold if finding.try_next else "",
        "why: ": f"{finding.meaning}{source}" if finding.try_next else "",
        "try: ": finding.try_next,
    }
    head = f"{finding.status}: {finding.check}{' (allowed)' if allowed else ''}"
    return [head] + [
        line
        for label, text in parts.items()
        if text
        # A word that is longer than the line is a command to copy: it stays whole.
        for line in textwrap.wrap(
            label + text,
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
