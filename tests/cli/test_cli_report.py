"""steadygan report, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steadygan.cli import main

TINY = ["--set", "architecture=MLP(hidden=(8,))", "--set", "training.batch_size=16"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "digits", "--out", str(path), "--steps", "10", *TINY]) == 0
    return path


def test_a_report_lies_in_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"report: {run / 'report.html'}\n"
    assert "<!doctype html>" in (run / "report.html").read_text()[:20]
    assert main(["report", str(run)]) == 0  # again, in place of the first


def test_figures_and_json(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, figures = tmp_path / "a b.html", tmp_path / "figures"
    capsys.readouterr()
    assert main(["report", str(run), "-o", str(out), "--figures", str(figures), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["report"] == str(out)
    assert printed["missing"] == []
    assert sorted(printed["figures"]) == sorted(str(path) for path in figures.iterdir())


def test_what_is_missing_is_printed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("recipe.json", "data.json"):
        (bare / name).write_bytes((run / name).read_bytes())
    assert main(["report", str(bare), str(run), "-o", str(tmp_path / "two.html")]) == 0
    assert "History of bare: training wrote no history." in capsys.readouterr().out
    assert main(["report", str(bare)]) == 0
    out = capsys.readouterr().out
    assert "Scores of the last critic" in out
    assert "train or resume it first" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere is not a run directory"),
        ([], "Missing argument"),
        (["RUN", "-o", "report.txt"], "must end in .html"),
        (["RUN", "--recipe", "wgn-gp"], "unknown recipe"),
    ],
)
def test_what_cannot_be_used(
    run: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["report", *(str(run) if a == "RUN" else a for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.out == ""
