"""Figures as files, and the report on the disk."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import steadygan
from steadygan.errors import RunError, UsageError
from steadygan.reporting import WrittenReport, gather, write, write_figures
from steadygan.run import Run

Reported = Callable[[str, str], WrittenReport]


def test_every_figure_as_png_and_svg(reported: Reported, tmp_path: Path) -> None:
    document = reported("digits", "digits").document
    paths = write_figures(document, tmp_path / "figures")
    stems = {path.stem for path in paths}
    titles = [figure.title for figure in document.figures()]
    assert len(stems) == len(titles) + 1  # and the latent interpolation, which is a picture
    svgs = [path for path in paths if path.suffix == ".svg"]
    assert len(svgs) == len(titles)
    for path in paths:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 50
    text = "".join(ET.parse(svgs[0]).getroot().itertext())
    figure = document.figures()[0]
    assert str(figure.y) in text  # the axis with its unit, as text


def test_the_same_figures_give_the_same_bytes(written: Run, tmp_path: Path) -> None:
    document = gather(written)
    first, second = (write_figures(document, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_library_writes_into_the_run(written: Run, tmp_path: Path) -> None:
    report = steadygan.report(written)
    assert report.page == written.directory / "report.html"
    assert report.figures == ()
    again = steadygan.report(str(written.directory), tmp_path / "deep" / "mine.html")
    assert again.page.read_text() == report.page.read_text()
    assert [path.name for path in again.page.parent.iterdir()] == ["mine.html"]  # nothing else


def test_a_comparison_stands_for_its_runs(written: Run, tmp_path: Path) -> None:
    folder = tmp_path / "comparison"
    (folder / "runs").mkdir(parents=True)
    (folder / "comparison.json").write_text("{}")
    with pytest.raises(RunError, match="no training has begun"):
        steadygan.report(folder)
    written.directory.rename(folder / "runs" / "one")
    report = steadygan.report([folder, folder / "runs" / "one"], tmp_path / "both.html")
    assert report.document.title == "2 runs compared"


def test_places_that_cannot_be_written(written: Run, tmp_path: Path) -> None:
    document = gather(written)
    with pytest.raises(UsageError, match=r"must end in \.html"):
        write(document, tmp_path / "report.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write(document, tmp_path / "file" / "report.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write(document, tmp_path / "folder.html")
    assert sorted(p.name for p in tmp_path.glob(".*")) == []
    with pytest.raises(UsageError, match="cannot be written"):
        write_figures(document, tmp_path / "file")
    with pytest.raises(UsageError, match="at least one run"):
        steadygan.report([])
