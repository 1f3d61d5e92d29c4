"""Every preset on 25-grid and on digits under one budget: it trains, without a Python warning.

    python benchmarks/presets.py [FOLDER]

The runs lie in FOLDER; called again with it, what is finished is kept.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import report

from steadygan import compare
from steadygan.comparison import ResultRow
from steadygan.recipes import names

# Written down before the runs.
SECONDS = 60.0  # of training each, on one thread
METRICS = {
    "25-grid": ("modes found", "high-quality share", "label accuracy"),
    "digits": ("coverage", "mean top probability", "smallest class share", "label accuracy"),
}


def main(folder: Path) -> None:
    warnings.simplefilter("error")
    tables = []
    said: list[str] = []
    for data, metrics in METRICS.items():
        done = compare(
            data,
            list(names()),
            seeds=1,
            seconds=SECONDS,
            out=folder / data,
            overrides=["training.threads=1"],
            say=lambda line: _keep(line, said),
        )
        report.keep_picture(done.directory / "figure.png", f"presets-{data}")
        tables.append([["recipe", "status", "steps", *metrics]])
        tables[-1] += [_row(row, metrics) for row in done.results.rows]
    notes = list(dict.fromkeys(line for line in said if line.startswith("note:")))
    report.write(
        "presets",
        "Every preset on 25-grid and on digits",
        tables[0],
        [
            "That was 25-grid; digits:",
            "",
            *report.table(tables[1]),
            "",
            f"Budget: {SECONDS:.0f} s of training each on one thread of two busy cores, seed 0; "
            "far from what most presets ask for, and no ranking. Python warnings are errors here. "
            f"Notes that the runs made: {'; '.join(notes) or 'none'}.",
            "",
            *(f"![samples on {data}](presets-{data}.png)" for data in METRICS),
        ],
    )


def _keep(line: str, said: list[str]) -> None:
    said.append(line)
    print(line, file=sys.stderr, flush=True)


def _row(row: ResultRow, metrics: tuple[str, ...]) -> list[str]:
    spreads = row.spreads()
    values = [str(spreads[name]) if name in spreads else "" for name in metrics]
    (result,) = row.results
    status = result.status if result.finished else f"{result.status}: {result.reason}"
    return [row.combination.recipe, status, f"{result.step or 0:,}", *values]


if __name__ == "__main__":
    report.in_folder(main)
