"""The page: one file, well-formed, that loads nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from written import write_run

from steadygan.reporting import (
    Document,
    Missing,
    Section,
    WrittenReport,
    gather,
    gather_several,
    to_html,
)
from steadygan.reporting.document import (
    Axis,
    Code,
    Lines,
    Series,
    Table,
    Text,
)
from steadygan.reporting.figures import _COLOURS
from steadygan.run import Run

Reported = Callable[[str, str], WrittenReport]
VOID = {"meta", "link", "img", "input", "br"}


class Parsed(HTMLParser):
    """Every element and its attributes; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


@pytest.fixture(params=["trained", "written", "several"])
def page(request: pytest.FixtureRequest, reported: Reported, tmp_path: Path) -> str:
    if request.param == "trained":
        return to_html(reported("digits", "digits").document)
    if request.param == "written":
        return to_html(gather(write_run(tmp_path / "run")))
    return to_html(gather_several([write_run(tmp_path / "a"), write_run(tmp_path / "b")]))


def test_the_page_is_well_formed_and_whole(page: str) -> None:
    parsed = Parsed(page)
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(set(ids)) == len(ids)
    links = [a["href"] for tag, a in parsed.elements if tag == "a"]
    assert all(link is not None and link[1:] in ids for link in links)
    for tag, attributes in parsed.elements:
        if tag == "img":
            assert attributes["alt"], "a picture that says nothing to who cannot see it"
        if tag == "input":
            assert attributes["aria-label"]


def test_the_page_loads_nothing(page: str) -> None:
    for tag, attributes in Parsed(page).elements:
        for name in ("src", "href", "srcset", "data", "action", "poster", "background"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert re.findall(r"https?://[^\s\"'<]*", page) == ["http://www.w3.org/2000/svg"]  # a name
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|importScripts|sendBeacon)\b", page)
    assert "default-src 'none'" in page


def test_figures_are_their_numbers(page: str) -> None:
    figures = [json.loads(script) for script in Parsed(page).scripts if script.startswith("{")]
    assert figures
    for figure in figures:
        assert figure["is"] in ("Lines", "Histogram", "Layers", "Scatter")
        for series in figure["series"]:
            assert len(series["y"]) == (
                len(figure["edges"]) - 1 if "edges" in figure else len(series["x"])
            )


def test_whatever_a_run_is_called_stays_text() -> None:
    evil = "</script><script>alert(1)</script>\"'&<img src=x onerror=y>"
    figure = Lines(
        evil, evil, Axis(evil, evil), Axis(evil, evil), (Series(evil, (0.0,), (1.0,), 0),)
    )
    blocks = (Text(evil), Table(evil, (evil,), ((evil,),), evil), Code(evil, evil), figure,
              Missing(evil, evil))  # fmt: skip
    page = to_html(Document(evil, evil, "x", (Section("One", evil, blocks),)))
    plain = to_html(Document("t", "s", "x", (Section("One", "l", (
        Text("a"), Table("b", ("c",), (("d",),), "e"), Code("f", "g"),
        replace(figure, title="h"), Missing("i", "j"))),)))  # fmt: skip
    assert [tag for tag, _ in Parsed(page).elements] == [tag for tag, _ in Parsed(plain).elements]
    (data,) = [json.loads(s) for s in Parsed(page).scripts if s.startswith("{")]
    assert data["title"] == evil


def test_what_is_missing_is_said_on_the_page(written: Run) -> None:
    page = to_html(gather(written))
    assert "Not in this report" in page
    assert "holds no weights yet" in page


def test_colours_stand_out_from_the_ground_in_the_light_and_in_the_dark() -> None:
    """WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what is drawn."""
    style = files("steadygan.reporting").joinpath("page.css").read_text(encoding="utf-8")
    pairs = re.findall(r"--([a-z0-9-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    colours = {name: both for name, *both in pairs}
    text = ("ink", "muted", "accent", "good", "bad", "warn")
    drawn = ("train", "held-out", "generated", "plain", *(f"s{i}" for i in range(8)))
    for name, least in [*((name, 4.5) for name in text), *((name, 3.0) for name in drawn)]:
        for mode in (0, 1):
            first, second = (_luminance(colours[each][mode]) for each in (name, "surface"))
            ratio = (max(first, second) + 0.05) / (min(first, second) + 0.05)
            assert ratio >= least, (name, mode, ratio)
    for name, colour in _COLOURS.items():  # the files of figures look like the page in the light
        assert colour == colours[f"s{name}" if isinstance(name, int) else name][0]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
