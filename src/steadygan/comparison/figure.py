"""The figure of a comparison: sheets of samples side by side."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_PER_ROW = 5
_INCHES = 3.2  # the side of a panel
_DPI = 150
_TITLE_LETTERS = 38  # that fit a panel's width
_TEXT_LETTERS = 34


@dataclass(frozen=True)
class Panel:
    """One sheet of samples, or why there is none.

    Attributes:
        title: printed above it.
        picture: uint8 ``(height, width, 3)``, or None.
        message: printed in its place where there is no picture.
    """

    title: str
    picture: np.ndarray | None
    message: str = ""


def draw(panels: Sequence[Panel], heading: str) -> bytes:
    """A PNG of at least one panel, at most five in a row, rows of equal length."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(len(panels) / _PER_ROW)
    columns = math.ceil(len(panels) / rows)
    titles = [_wrapped(panel.title, _TITLE_LETTERS, 6) for panel in panels]
    lines = max(title.count("\n") + 1 for title in titles)
    size = (_INCHES * columns, (_INCHES + 0.19 * lines) * rows + 0.35)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_wrapped(heading, _TITLE_LETTERS * columns, 3), fontsize=10)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.set_title(title, fontsize=9, parse_math=False)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(panel.picture is None)
        if panel.picture is not None:
            axes.imshow(panel.picture, interpolation="antialiased")
            continue
        axes.set(facecolor="0.94", box_aspect=1)
        axes.spines[:].set_color("0.8")
        text = _wrapped(panel.message, _TEXT_LETTERS, 10)
        where: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, text, fontsize=8, color="0.25", parse_math=False, **where)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _wrapped(text: str, width: int, most: int) -> str:
    """At most ``most`` lines of ``width`` letters; lines that are there already stay."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width)]
    return "\n".join(lines if len(lines) <= most else [*lines[: most - 1], "…"])
