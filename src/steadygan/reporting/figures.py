"""The figures of a document as files, PNG and SVG, for papers and slides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from steadygan.errors import UsageError
from steadygan.reporting.document import (
    Axis,
    Document,
    Figure,
    Histogram,
    Image,
    Layers,
    Lines,
    Mark,
    Numbers,
    Role,
    Scatter,
    Series,
)

_DPI = 200
_INCHES = {True: (5.0, 5.0), False: (6.4, 4.0)}  # of a square figure, and of any other
# Those of page.css in the light.
_COLOURS: dict[Any, str] = {
    "train": "#0072b2", "held-out": "#00805d", "generated": "#d55e00", "plain": "#58616d",
    0: "#3b6fb6", 1: "#b0307f", 2: "#1d7a3a", 3: "#9a6b00", 4: "#1695b5", 5: "#c8443c",
    6: "#6a51a3", 7: "#444b54",
}  # fmt: skip
_DASHES: dict[Any, Any] = {"held-out": (0, (5, 2)), 1: (0, (5, 2)), 2: (0, (1, 1)), 3: "dashdot"}
_MARKS = {"event": "#8a5a00", "warning": "#8a5a00", "error": "#b3261e"}
_LETTER = 0.0105  # width of one of a mark's label, as a share of the axis
_MOST_ROWS = 4  # of such labels; the rest are lines alone
_DASHED_UP_TO = 60  # points; dashes and noise look alike
_DOTTED_UP_TO = 40


def write_figures(document: Document, folder: Path) -> tuple[Path, ...]:
    """Write every figure that is drawn from numbers as PNG and SVG, and every single picture as it
    is, into ``folder``; numbered in the order of the report. The same figures give the same bytes.

    Raises:
        UsageError: the folder cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 0
        for block in document.blocks():
            if not isinstance(block, (Lines, Histogram, Layers, Scatter, Image)):
                continue
            number += 1
            stem = f"{number:02d}-{re.sub(r'[^a-z0-9]+', '-', block.title.lower()).strip('-')}"
            if isinstance(block, Image):
                path = folder / f"{stem}.{block.picture.media.split('/')[-1]}"
                path.write_bytes(block.picture.data)
                written.append(path)
            else:
                written += _save(block, folder / stem)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from None
    return tuple(written)


def _save(block: Figure, stem: Path) -> list[Path]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    # Text stays text, and nothing in the file tells when it was made.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "steadygan", "font.size": 9}):
        canvas = Canvas(figsize=_INCHES[isinstance(block, Scatter)], layout="constrained")
        FigureCanvasAgg(canvas)
        axes = canvas.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(block.title, fontsize=10, loc="left", parse_math=False)
        axes.set_xlabel(str(block.x), parse_math=False)
        axes.set_ylabel(str(block.y), parse_math=False)
        _draw(block, axes)
        if len(block.series) > 1:
            axes.legend(fontsize=8, frameon=False)
        paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "svg")]
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            canvas.savefig(path, dpi=_DPI, metadata=metadata)
    return paths


@singledispatch
def _draw(block: Any, axes: Any) -> None:
    raise TypeError(f"{type(block).__name__} is not drawn from numbers")


@_draw.register
def _(block: Lines, axes: Any) -> None:
    axes.grid(axis="y", alpha=0.3)
    for series in block.series:
        x, y = _array(series.x), _array(series.y)
        colour = _colour(series.role)
        if series.low:
            low, high = _array(series.low), _array(series.high)
            axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        marker = "o" if len(x) <= _DOTTED_UP_TO else None
        axes.plot(
            x, y, color=colour, linestyle=_dash(series), marker=marker, markersize=3,
            linewidth=1.3, label=series.name,
        )  # fmt: skip
    for reference in block.references:
        axes.axhline(reference.value, color="0.3", linewidth=0.8, linestyle=":")
    _logarithmic(block.y, block.series, axes)
    _mark(block.marks, axes)


def _mark(marks: Sequence[Mark], axes: Any) -> None:
    """Lines where something happened or began, with labels in the first row that has room."""
    left, right = axes.get_xlim()
    shown = [mark for mark in marks if left <= mark.x <= right]
    taken: list[float] = []  # how far each row is, as a share of the axis
    for mark in shown:
        colour = _MARKS[mark.tone]
        style = ":" if mark.tone == "event" else (0, (5, 3))
        axes.axvline(mark.x, color=colour, linewidth=0.8, linestyle=style)
        at, width = (mark.x - left) / (right - left), 0.02 + _LETTER * len(mark.label)
        flip = at + width > 1.0
        start, end = (at - width, at) if flip else (at, at + width)
        row = next((i for i, used in enumerate(taken) if used <= start), len(taken))
        if row == _MOST_ROWS:
            continue
        taken[row : row + 1] = [end]
        axes.annotate(
            mark.label, (mark.x, 1.0), xycoords=("data", "axes fraction"),
            xytext=(-2 if flip else 2, -8 - 9 * row), textcoords="offset points", fontsize=7,
            color=colour, ha="right" if flip else "left", parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )  # fmt: skip


@_draw.register
def _(block: Histogram, axes: Any) -> None:
    edges = np.asarray(block.edges)
    for series in block.series:
        colour = _colour(series.role)
        axes.stairs(_array(series.y), edges, fill=True, color=colour, alpha=0.15)
        axes.stairs(
            _array(series.y), edges, color=colour, linestyle=_dash(series), label=series.name
        )
    for reference in block.references:
        axes.axvline(reference.value, color="0.3", linewidth=0.8, linestyle=":")


@_draw.register
def _(block: Layers, axes: Any) -> None:
    axes.grid(axis="y", alpha=0.3)
    for series in block.series:
        axes.plot(
            _array(series.x), _array(series.y), color=_colour(series.role), marker="o",
            linestyle=_dash(series), markersize=4, linewidth=1.2, label=series.name,
        )  # fmt: skip
    names = [name.split("\n")[0] for name in block.layers]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", parse_math=False)
    _logarithmic(block.y, block.series, axes)


@_draw.register
def _(block: Scatter, axes: Any) -> None:
    for series in block.series:
        x, y = _array(series.x), _array(series.y)
        if series.name in block.joined:
            axes.plot(x, y, color=_colour(series.role), linewidth=1.4, label=series.name)
            continue
        marker = "^" if series.role == "generated" else "o"
        axes.scatter(
            x, y, s=8, color=_colour(series.role), marker=marker, alpha=0.5, linewidths=0,
            label=series.name,
        )  # fmt: skip
    axes.set_aspect("equal", adjustable="datalim")


def _array(numbers: Numbers) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in numbers], dtype=float)


def _colour(role: Role) -> str:
    return _COLOURS[role % 8 if isinstance(role, int) else role]


def _dash(series: Series) -> Any:
    few = max(len(series.x), len(series.y)) <= _DASHED_UP_TO
    role = series.role % 8 if isinstance(series.role, int) else series.role
    return _DASHES.get(role, "-") if few else "-"


def _logarithmic(axis: Axis, series: Sequence[Series], axes: Any) -> None:
    if axis.log and any(v is not None and v > 0 for each in series for v in each.y):
        axes.set_yscale("log")
