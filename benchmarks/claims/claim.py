"""What every claim shares: the verdicts on thresholds written before the runs, the result, figures.

A claim's file states source, claim and thresholds at its top, measures, and calls ``write``. Its
results go to ``benchmarks/results/claims/NAME.md`` and ``NAME.png``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for report.py

import report


@dataclass(frozen=True)
class Verdict:
    """A threshold and what was measured.

    Attributes:
        statement: what the claim says, with its threshold in words.
        measured: the figure, with its unit or spread.
        holds: whether it does.
    """

    statement: str
    measured: str
    holds: bool


def say(line: str) -> None:
    """Progress, apart from the result."""
    print(line, file=sys.stderr, flush=True)


def keep_figure(name: str, which: str, path: Path) -> None:
    """Keep a figure that a comparison drew, as ``NAME-WHICH.png``."""
    report.keep_picture(path, f"claims/{name}-{which}")


def write(
    name: str,
    title: str,
    rows: Sequence[Sequence[str]],
    verdicts: Sequence[Verdict],
    notes: Sequence[str] = (),
    figure: Figure | None = None,
) -> None:
    """Write table, verdicts, notes and figure of the claim in ``benchmarks/claims/NAME.py``."""
    lines = [
        f"- **{'holds' if verdict.holds else 'DOES NOT HOLD'}**: {verdict.statement} "
        f"Measured: {verdict.measured}."
        for verdict in verdicts
    ]
    if figure is not None:
        path = report.RESULTS / "claims" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, bbox_inches="tight")
        lines += ["", f"![{title}]({name}.png)"]
    report.write(f"claims/{name}", title, rows, [*lines, *(["", *notes] if notes else [])])
