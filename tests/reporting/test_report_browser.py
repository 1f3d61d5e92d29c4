"""The page in a real browser: it complains of nothing, asks for nothing, and moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Page, browser, installed
from written import write_run

import steadygan
from steadygan.reporting import WrittenReport

PROGRAM = installed()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
Reported = Callable[[str, str], WrittenReport]

SHEET = "document.querySelector('.sheets .stack img:not([hidden])').src"
CLIPPED = """[...document.querySelectorAll('main *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !e.closest('.scroll, pre, svg');
}).map(e => e.outerHTML.slice(0, 80))"""
UNDRAWN = """[...document.querySelectorAll('figure.chart')].filter(f => {
  const svg = f.querySelector('.plot > div:last-child > svg');
  return !svg || svg.clientHeight < 80 || svg.querySelectorAll('.axis-label').length === 0
    || !svg.querySelector('g[clip-path] path');
}).map(f => f.querySelector('h3').textContent)"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    assert PROGRAM is not None
    with browser(PROGRAM) as opened:
        yield opened


@pytest.fixture
def opened(page: Page) -> Page:
    page.complaints.clear()
    page.requests.clear()
    return page


def check(page: Page, path: Path, width: int, scheme: str) -> None:
    page.open(path, width=width, scheme=scheme)
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(UNDRAWN) == []
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("data", "recipe"), [("digits", "digits"), ("25-grid", "wgan-gp")])
def test_a_run_on_a_desk_and_on_a_phone(
    opened: Page, reported: Reported, data: str, recipe: str, width: int
) -> None:
    report = reported(data, recipe)
    check(opened, report.page.resolve(), width, "dark" if width == 390 else "light")
    assert opened.evaluate("document.querySelectorAll('figure.chart').length") == len(
        report.document.figures()
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_left_of_a_run_and_several(opened: Page, tmp_path: Path, width: int) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "two")
    several = steadygan.report([one, other], tmp_path / "several.html")
    check(opened, several.page.resolve(), width, "light")
    opened.requests.clear()
    other.files.history.unlink()
    check(opened, steadygan.report(other).page.resolve(), width, "light")


def test_the_slider_moves_the_picture(opened: Page, reported: Reported) -> None:
    report = reported("digits", "digits")
    opened.open(report.page)
    last = opened.evaluate(SHEET)
    assert opened.evaluate("document.querySelector('.sheets output').textContent") == "step 20"
    opened.evaluate(
        "(() => { const i = document.querySelector('.sheets input'); i.value = 0;"
        "i.dispatchEvent(new Event('input')); })()"
    )
    assert opened.evaluate("document.querySelector('.sheets output').textContent") == "step 0"
    first = opened.evaluate(SHEET)
    assert first != last
    opened.evaluate("document.querySelector('.sheets .play').click()")
    opened.evaluate("new Promise(done => setTimeout(done, 1300))")
    assert opened.evaluate(SHEET) != first
    assert opened.complaints == []


def test_figures_answer_to_the_pointer_and_the_keyboard(opened: Page, reported: Reported) -> None:
    report = reported("digits", "digits")
    opened.open(report.page)
    opened.evaluate("document.documentElement.style.scrollBehavior = 'auto'")

    def place(title: str) -> tuple[float, float, float, float]:
        found = opened.evaluate(
            f"""(() => {{ window.figure = [...document.querySelectorAll('figure')]
              .find(f => f.querySelector('h3').textContent === {title!r});
              const svg = figure.querySelector('.plot > div:last-child svg');
              svg.scrollIntoView({{block: 'center'}}); const r = svg.getBoundingClientRect();
              return [r.x, r.y, r.width, r.height]; }})()"""
        )
        return tuple(found)  # type: ignore[return-value]

    x, y, width, height = place("Terms of the critic's loss".replace("'", "\u0027"))
    opened.move(x + width / 2, y + height / 2)
    tip = opened.evaluate("document.getElementById('tip').innerText")
    assert "step " in tip
    assert "wasserstein" in tip
    ticks = "[...figure.querySelectorAll('svg text')].map(t => t.textContent).join()"
    before = opened.evaluate(ticks)
    opened.drag((x + width * 0.5, y + height / 2), (x + width * 0.8, y + height / 2))
    assert opened.evaluate(ticks) != before
    opened.evaluate(
        "[...figure.querySelectorAll('button')].find(b => b.innerText === 'Reset zoom').click()"
    )
    assert opened.evaluate(ticks) == before

    opened.evaluate("figure.querySelector('.legend button').click()")
    assert opened.evaluate(
        "figure.querySelector('.legend button').getAttribute('aria-pressed')"
    ) == "false"  # fmt: skip
    opened.evaluate(
        "figure.querySelector('.plot > div:last-child svg').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowRight'}))"
    )
    tip = opened.evaluate("document.getElementById('tip').innerText")
    assert "step 5" in tip
    assert "wasserstein" not in tip  # it was hidden

    x, y, width, height = place("PCA of real and generated samples")
    steps = [(i / 12, j / 12) for i in range(1, 12) for j in range(1, 12)]
    for across, down in steps:  # somewhere lies a point
        opened.move(x + width * across, y + height * down)
        if opened.evaluate("Boolean(document.querySelector('#tip:not([hidden]) .thumb'))"):
            break
    else:
        pytest.fail("no point shows what it is")
    assert opened.complaints == []


def test_light_and_dark(opened: Page, reported: Reported) -> None:
    report = reported("digits", "digits")
    ground = "getComputedStyle(document.body).backgroundColor"
    opened.open(report.page, scheme="light")
    light = opened.evaluate(ground)
    opened.open(report.page, scheme="dark")
    dark = opened.evaluate(ground)
    assert light != dark
    opened.evaluate("document.getElementById('theme').click()")
    assert opened.evaluate(ground) == light
    opened.evaluate("localStorage.clear()")


def test_it_prints(opened: Page, reported: Reported) -> None:
    report = reported("digits", "digits")
    opened.open(report.page, scheme="dark")
    printed = opened.pdf()
    assert printed.startswith(b"%PDF")
    assert len(printed) > 50_000
