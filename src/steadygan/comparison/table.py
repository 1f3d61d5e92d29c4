"""The table of a comparison: columns of text, for a terminal of any width and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from steadygan.comparison.results import ResultRow, Results

_PADDING = 2  # between two columns on a terminal


@dataclass(frozen=True)
class Column:
    """A heading, which may be wrapped between words, and one cell per row, of one or more lines
    that may not."""

    heading: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        """In letters, at its narrowest."""
        lines = [line for cell in self.cells for line in cell.splitlines()]
        return max(len(each) for each in (*self.heading.split(), *lines))

    @property
    def wrapped_heading(self) -> str:
        """On as many lines as the narrowest column takes."""
        return "\n".join(textwrap.wrap(self.heading, self.width, break_on_hyphens=False))


def columns_of(results: Results) -> list[Column]:
    """The rows' names first, then how they ended, then every metric."""
    rows = results.rows
    return [
        Column("recipe", tuple("\n".join(row.combination.lines) for row in rows)),
        Column("finished", tuple(f"{len(r.finished)} of {len(r.results)}" for r in rows)),
        Column("status", tuple(row.status for row in rows)),
        Column("seconds", tuple("–" if r.seconds is None else f"{r.seconds:.1f}" for r in rows)),
        *(Column(name, _cells(rows, name)) for name in results.metric_names()),
    ]


def _cells(rows: Sequence[ResultRow], name: str) -> tuple[str, ...]:
    spreads = [row.spreads().get(name) for row in rows]
    return tuple("–" if spread is None else str(spread) for spread in spreads)


def pack(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Columns in tables that are no wider than ``width`` letters, each led by the first column.

    The first column is counted as at most half of the width: its cells may be wrapped.
    """
    first, *others = columns
    lead = min(first.width, width // 2) + _PADDING
    tables: list[list[Column]] = [[first]]
    used = lead
    for column in others:
        needed = column.width + _PADDING
        if used + needed > width and len(tables[-1]) > 1:
            tables.append([first])
            used = lead
        tables[-1].append(column)
        used += needed
    return tables


def markdown(results: Results) -> str:
    """The table, what it says, the failures and, where it is drawn, the figure, as a page."""
    columns = columns_of(results)
    rows = list(zip(*(column.cells for column in columns), strict=True))
    ruler = ["---", *["---:"] * (len(columns) - 1)]
    lines = [_row(each) for each in ([column.heading for column in columns], ruler, *rows)]
    notes = [f"- {_escaped(line)}" for line in (*results.caption(), *results.failures())]
    page = [f"# Comparison on {results.data_name}", "", *lines, "", *notes, ""]
    if results.interrupted is None:
        page += ["![Samples of every recipe side by side](figure.png)", ""]
    return "\n".join(page)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
