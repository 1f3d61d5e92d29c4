"""steadygan compare as a user types it, stops it and mistypes it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steadygan.cli import main

TINY = ["--set", "architecture=MLP(hidden=(16,16))", "--set", "training.batch_size=16"]


def command(out: Path, *options: str, recipes: str = "wgan-gp") -> list[str]:
    arguments = ["compare", "swiss-roll", "--recipes", recipes, "--out", str(out), *TINY]
    return [*arguments, *options]


@pytest.mark.parametrize("width", [60, 80, 100, 132])
def test_the_table_fits_the_terminal(
    tmp_path: Path, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    grid = ["--grid", "generator_optimiser.lr=1e-3,Linear(1e-3,0)"]
    recipes = "wgan-gp,wgan-gp-resnet"
    assert (
        main(command(tmp_path / "a", "--steps", "3", "--seeds", "1", *grid, recipes=recipes)) == 0
    )
    text = capsys.readouterr().out
    table = text[text.index("\nrecipe ") :].splitlines()[:-1]  # all but the path
    assert max(map(len, table)) <= width
    assert "1/4 wgan-gp generator_optimiser.lr=1e-3 seed 0 …" in text
    assert "generator_optimiser.lr=Linear(1e-3,0) " in text  # not broken
    assert "coverage" in text
    assert "of real samples" in text
    assert "wgan-gp-resnet is for images" in text
    assert "\x1b" not in text


def test_json_stands_alone_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a"
    assert main(command(out, "--steps", "3", "--seeds", "1", "--json")) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == json.loads((out / "results.json").read_text())
    assert "coverage" in captured.err
    assert main(["compare", "--resume", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["finished"] == 1


def test_none_that_finishes_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a"
    assert main(command(out, "--steps", "3", "--seeds", "1", recipes="wgan-gp-resnet")) == 1
    assert "failed with seed 0" in capsys.readouterr().out
    assert (out / "figure.png").stat().st_size > 1_000


def test_directories_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = ["compare", "swiss-roll", "--steps", "2", "--seeds", "1", *TINY]
    assert main(short) == 0
    assert main(short) == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == [
        "compare-swiss-roll-1",
        "compare-swiss-roll-2",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "with a space"
    arguments = command(out, "--steps", "400", "--seeds", "2", "--set", "training.probe_every=0")
    process = subprocess.Popen(
        [sys.executable, "-m", "steadygan", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first, second = (out / "runs" / f"wgan-gp-seed{seed}" for seed in (0, 1))
    while not (first / "checkpoints" / "step-000000000.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    text, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == ""
    assert f"go on with: steadygan compare --resume '{out}'" in text
    assert json.loads((first / "status.json").read_text())["status"] == "interrupted"
    assert not second.exists()
    members = json.loads((out / "results.json").read_text())["members"]
    assert [m["status"] for m in members] == ["interrupted", "not started"]

    assert main(arguments) == 0
    assert "resume" in (first / "history.jsonl").read_text()
    assert json.loads((second / "status.json").read_text())["step"] == 400


BAD = [
    (["compare"], "DATA is missing"),
    (["compare", "digit"], "Did you mean 'digits'"),
    (["compare", "digits", "--recipes", "wgangp,wgan"], "Did you mean 'wgan-gp'"),
    (["compare", "digits", "--recipes", "wgan,"], "unknown recipe ''"),
    (["compare", "digits", "--recipes", "wgan,wgan"], "'wgan' is given twice"),
    (["compare", "digits", "--seeds", "0"], "seeds is 0"),
    (["compare", "digits", "--seeds", "1001"], "1,001 trainings"),
    (["compare", "digits", "--steps", "5", "--minutes", "1"], "two budgets"),
    (["compare", "digits", "--seconds", "5", "--minutes", "1"], "two budgets"),
    (["compare", "digits", "--seconds", "0"], "minutes is 0"),
    (["compare", "digits", "--steps", "-1"], "steps is -1"),
    (["compare", "digits", "--set", "n_critics=3"], "Did you mean 'n_critic'"),
    (["compare", "digits", "--set", "seed=3"], "seed cannot be set"),
    (["compare", "digits", "--recipes", "wgan-gp,wgan", "--set", "penalty.weight=1"], "wgan: "),
    (["compare", "digits", "--grid", "n_critic"], "key=value"),
    (["compare", "digits", "--grid", "n_critic=1,0"], "n_critic is 0"),
    (["compare", "digits", "--grid", "n_critic=1,two"], "n_critic takes a whole number"),
    (["compare", "digits", "--grid", "data.validation=0.1,2"], "validation is 2"),
    (["compare", "digits", "--device", "gpu"], "gpu"),
    (["compare", "digits", "--out", "full"], "not empty"),
    (["compare", "digits", "--out", "full/precious.txt/a"], "no directory can be made"),
    (["compare", "digits", "--resume", "full"], "leave out DATA"),
    (["compare", "--resume", "full", "--seeds", "3"], "leave out DATA"),
    (["compare", "--resume", "full"], "not a comparison"),
    (["compare", "--resume", "damaged"], "seeds"),
]


@pytest.mark.parametrize(("arguments", "complaint"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_what_is_wrong_ends_in_one_line_and_code_2(
    tmp_path: Path,
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, file, content in (
        ("full", "precious.txt", "keep me"),
        ("damaged", "comparison.json", '{"data": "digits", "fingerprint": "", "recipes": []}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(content)
    before = {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("steadygan: ")
    assert complaint in captured.err
    assert {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert {p.name for p in tmp_path.iterdir()} == {"full", "damaged"}
