from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import steadygan
from steadygan.cli import main


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def rows(tmp_path: Path) -> tuple[str, str]:
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((120, 3)))
    return str(tmp_path / "real.npy"), str(tmp_path / "fake.npy")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["evaluate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    lines = captured.err.strip().splitlines()
    assert lines[-1].startswith("steadygan: ")
    return lines[-1]


def test_two_sets_as_a_table(rows: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = rows
    assert main(["evaluate", "--real", real, "--fake", fake, "--draws", "10"]) == 0
    out = capsys.readouterr().out
    assert "60 samples of each, features: coordinates" in out
    assert "95 % interval" in out
    assert "precision, recall, density, coverage: k=5" in out
    # A pipe is 80 columns wide: no number may be cut, and no note stand as a column of letters.
    assert "…" not in out
    assert len(out.splitlines()) < 40
    for name in ("fid", "kid", "precision", "coverage", "memorisation"):
        assert any(line.startswith(name) for line in out.splitlines()), name
    assert "intervals by bootstrap over real samples: recall, coverage" in out
    assert "preprocessing: standardised as for training" in out


def test_numbers_of_any_size_leave_the_table_in_its_width(
    rows: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "far.npy", np.load(rows[1]) * 1e20)
    far = str(tmp_path / "far.npy")
    assert main(["evaluate", "--real", rows[0], "--fake", far, "--metrics", "fid,kid"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert re.search(r"^fid +\d\.\d+e\+\d+ ", out, re.MULTILINE)


def test_json_is_all_there_is_on_standard_output(
    rows: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    real, fake = rows
    code = main(
        ["evaluate", "--real", real, "--fake", fake, "--json", "--metrics", "fid, kid", "-n", "50",
         "--draws", "0", "--seed", "3"]
    )  # fmt: skip
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert code == 0
    assert (found["n"], found["seed"], found["features"]) == (50, 3, "coordinates")
    assert [each["name"] for each in found["measurements"]] == ["fid", "kid"]
    assert "features of real samples" in captured.err


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    steadygan.train("25-grid", out=out, steps=2, overrides=["architecture=MLP(hidden=(8,))"])
    assert main(["evaluate", str(out), "-n", "100", "--draws", "5"]) == 0
    shown = capsys.readouterr().out
    assert "modes found" in shown
    assert "critic estimate, held out" in shown
    assert main(["info", str(out)]) == 0
    assert "fid" in capsys.readouterr().out


def test_metrics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--metrics", "list"]) == 0
    listed = capsys.readouterr().out
    assert "fid" in listed
    assert "memorisation" in listed


def test_bad_input_is_one_line_and_code_2(
    rows: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, fake = rows
    both = ("--real", real, "--fake", fake)
    assert "name a RUN" in refused(capsys)
    assert "name a RUN" in refused(capsys, "--real", real)
    assert "leave out" in refused(capsys, str(tmp_path), *both)
    assert "--checkpoint is for a RUN" in refused(capsys, *both, "--checkpoint", "best")
    assert "Did you mean 'fid'" in refused(capsys, *both, "--metrics", "fids")
    assert "Did you mean 'pixels'" in refused(capsys, *both, "--features", "pixel")
    assert "mobilenet takes images" in refused(capsys, *both, "--features", "mobilenet")
    assert "is not a run directory" in refused(capsys, str(tmp_path / "nothing"))
    assert "no data set and no file" in refused(capsys, "--real", "nothing", "--fake", fake)
    assert "choose 2 to 120" in refused(capsys, *both, "-n", "121")
    assert "device 'abacus'" in refused(capsys, *both, "--device", "abacus")
