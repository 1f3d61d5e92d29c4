"""A report as data: what is said and drawn, before anything decides how it looks.

    Document → Section → Block (Text, Facts, Table, Lines, Histogram, Layers, Scatter, …, Missing)

Every block is frozen and knows nothing of HTML or matplotlib: ``page.py`` and ``figures.py`` render
it, ``outline`` is what tests keep. A figure carries its numbers, the labels and units of its axes,
and in its caption what they were computed on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from steadygan.diagnosis import Finding

# Whose numbers a series shows; each has one colour, mark and dash wherever it is drawn.
Role: TypeAlias = Literal["train", "held-out", "generated", "plain"] | int
Numbers: TypeAlias = "tuple[float | None, ...]"  # None where there is no finite number


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values, each on a line of its own."""

    title: str
    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tile:
    """One number that is read first.

    Attributes:
        name: what it is.
        value: as it is printed.
        note: what it was computed on, or is to be compared with.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Tiles:
    """The few numbers that are read first, and perhaps the picture beside them."""

    tiles: tuple[Tile, ...]
    picture: Picture | None = None


@dataclass(frozen=True)
class Table:
    """Rows of text; columns whose index is in ``numeric`` are set flush right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True)
class Findings:
    """What the doctor found while a run trained, and what it says at the end.

    Attributes:
        entries: in the order in which they were found, each with the step.
        verdict: on the whole run, one line.
        not_run: what was not checked, and why.
        curves: title of the section whose figures carry their marks.
    """

    title: str
    entries: tuple[tuple[int, Finding], ...]
    verdict: str
    not_run: tuple[Finding, ...]
    curves: str

    @staticmethod
    def anchor(index: int) -> str:
        """By which marks lead to an entry."""
        return f"finding-{index + 1}"


@dataclass(frozen=True)
class Code:
    """Text to be copied: commands, BibTeX, JSON.

    Attributes:
        folded: shown only when it is asked for.
    """

    title: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    Attributes:
        data: the bytes of a file.
        media: its media type, ``image/png`` …
        width, height: in pixels.
        alt: what it shows, for those who cannot see it.
        pixelated: enlarge it without smoothing.
    """

    data: bytes
    media: str
    width: int
    height: int
    alt: str
    pixelated: bool = False


@dataclass(frozen=True)
class Image:
    """A picture with a title and a caption.

    Attributes:
        tile: one of several that stand side by side.
    """

    title: str
    caption: str
    picture: Picture
    tile: bool = False


@dataclass(frozen=True)
class Sheets:
    """Pictures in order, one of them shown at a time.

    Attributes:
        labels: of the pictures, ``step 500`` …
        start: index of the picture shown first.
    """

    title: str
    caption: str
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    start: int


@dataclass(frozen=True)
class Captioned:
    """A picture in a gallery and the line below it."""

    picture: Picture
    note: str


@dataclass(frozen=True)
class Gallery:
    """Rows of a first picture and those it is to be compared with.

    Attributes:
        heads: of the columns.
        groups: named, each with its rows.
    """

    title: str
    caption: str
    heads: tuple[str, ...]
    groups: tuple[tuple[str, tuple[tuple[Captioned, ...], ...]], ...]


@dataclass(frozen=True)
class Axis:
    """Attributes:
    label: what is drawn along it.
    unit: of the numbers; ``""`` only where they have none.
    log: logarithmic where the reader does not choose otherwise.
    """

    label: str
    unit: str = ""
    log: bool = False

    def __str__(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Series:
    """Points of one thing, in order.

    Attributes:
        x, y: as long as each other; None breaks the line.
        low, high: a band around it, or empty.
    """

    name: str
    x: Numbers
    y: Numbers
    role: Role = "plain"
    low: Numbers = ()
    high: Numbers = ()


@dataclass(frozen=True)
class Reference:
    """A value that the reader should compare with: a line across the figure."""

    value: float
    label: str


@dataclass(frozen=True)
class Mark:
    """Something that happened, or began, at ``x``.

    Attributes:
        tone: what it is: an event of the run, or a finding by its status.
        anchor: of what is said of it elsewhere in the document, or ``""``.
    """

    x: float
    label: str
    tone: Literal["event", "warning", "error"] = "event"
    anchor: str = ""


@dataclass(frozen=True)
class Lines:
    """Curves over a common axis, with a band where a series has one."""

    title: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    references: tuple[Reference, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Histogram:
    """Distributions over common bins.

    Attributes:
        edges: of the bins, one more than each of ``series`` has values in ``y`` (its ``x`` is
            empty).
        references: along x.
        small: one of many that stand side by side.
    """

    title: str
    caption: str
    x: Axis
    y: Axis
    edges: tuple[float, ...]
    series: tuple[Series, ...]
    references: tuple[Reference, ...] = ()
    small: bool = False


@dataclass(frozen=True)
class Layers:
    """One value per layer and series; layers from input to output.

    Attributes:
        layers: their names; ``x`` of the series are their indices.
    """

    title: str
    caption: str
    x: Axis
    y: Axis
    layers: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Sprite:
    """Small pictures in one, left to right and then down, in the order of a figure's points."""

    picture: Picture
    side: int
    columns: int


@dataclass(frozen=True)
class Scatter:
    """Points in a plane, one unit as long along x as along y.

    Attributes:
        joined: names of series whose points are joined by a line.
        sprite: what each point shows, series after series.
    """

    title: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    joined: tuple[str, ...] = ()
    sprite: Sprite | None = None


@dataclass(frozen=True)
class Missing:
    """What should stand here, and why it does not."""

    what: str
    why: str


Figure: TypeAlias = Lines | Histogram | Layers | Scatter
Block: TypeAlias = (
    Text | Facts | Tiles | Table | Findings | Code | Image | Sheets | Gallery | Figure | Missing
)


@dataclass(frozen=True)
class Section:
    """Attributes:
    title: short, unique in its document.
    lead: one or two sentences on how to read what follows.
    """

    title: str
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """Attributes:
    title: what was trained, or compared.
    subtitle: on what, and when.
    status: of the run, one word, or ``""``.
    """

    title: str
    subtitle: str
    status: str
    sections: tuple[Section, ...]

    def blocks(self) -> Iterator[Block]:
        for section in self.sections:
            yield from section.blocks

    def figures(self) -> list[Figure]:
        """Everything that is drawn from numbers, in order."""
        return [b for b in self.blocks() if isinstance(b, (Lines, Histogram, Layers, Scatter))]

    def missing(self) -> list[Missing]:
        """What could not be shown, in order."""
        return [block for block in self.blocks() if isinstance(block, Missing)]


def finite(values: Iterable[float | None]) -> Numbers:
    """The same numbers, rounded to six digits, with None for those that are not finite."""
    return tuple(
        None if v is None or not math.isfinite(v) else float(f"{v:.6g}")
        for v in map(_float, values)
    )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def outline(part: Any) -> Any:
    """A document, or any part of it, as JSON-able data; pictures by size and digest."""
    if isinstance(part, bytes):
        return f"{len(part)} bytes, sha256 {hashlib.sha256(part).hexdigest()[:16]}"
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {f.name: outline(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return {"is": type(part).__name__, **fields}
    if isinstance(part, Mapping):
        return {key: outline(value) for key, value in part.items()}
    if isinstance(part, (tuple, list)):
        return [outline(each) for each in part]
    return part
