"""``steadygan check``, and what ``train`` does with its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steadygan.cli import main

SMALL = ["--set", "architecture=MLP(hidden=(8,))", "--set", "training.batch_size=16"]
COUPLED = ["--set", "architecture=MLP(hidden=(8,), critic_norm=batch)"]


def test_a_sound_recipe_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wgan-gp", "25-grid", *SMALL]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("healthy")


def test_an_error_says_what_why_and_what_to_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wgan-gp", "25-grid", *COUPLED]) == 2
    shown = capsys.readouterr().out
    assert shown.startswith("error: batch_coupling\n")
    assert "--set architecture.critic_norm=layer" in shown
    assert "Gulrajani et al. 2017" in shown
    assert "1 error of" in shown
    assert max(len(line) for line in shown.splitlines()) <= 100
    # And the change that is named is the one that helps.
    change = ["--set", "architecture.critic_norm=layer"]
    assert main(["check", "wgan-gp", "25-grid", *COUPLED, *change]) == 0


def test_warnings_do_not_change_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wgan-gp", "25-grid", *SMALL, "--set", "ema=none"]) == 0
    assert capsys.readouterr().out.startswith("warning: ema\n")


def test_a_named_check_can_be_allowed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", "wgan-gp", "25-grid", *COUPLED, "--allow", "batch_coupling"]) == 0
    assert "batch_coupling (allowed)" in capsys.readouterr().out
    train = ["train", "25-grid", "--steps", "2", "--out", str(tmp_path / "run"), *COUPLED]
    assert main(train) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("steadygan: ") for line in lines)
    assert lines[-1].endswith("--allow batch_coupling")
    assert not (tmp_path / "run").exists()
    assert main([*train, "--allow", "batch_coupling"]) == 0
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["allowed"] == ["batch_coupling"]


def test_a_misspelt_check_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wgan-gp", "25-grid", "--allow", "batch_copling"]) == 2
    assert "Did you mean 'batch_coupling'?" in capsys.readouterr().err


def test_json_holds_every_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wgan-gp", "25-grid", *COUPLED, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    by_name = {finding["check"]: finding["status"] for finding in told["findings"]}
    assert by_name["batch_coupling"] == "error"
    assert by_name["lipschitz"] == "ok"


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "wgan-gq", "25-grid"]) == 2
    assert main(["check", "wgan-gp", "26-grid"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
