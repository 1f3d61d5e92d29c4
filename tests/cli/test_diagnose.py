"""``steadygan diagnose``, and findings while a run goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import steadygan
from steadygan.cli import main
from steadygan.diagnosis import Finding
from steadygan.history import History
from steadygan.record import Row

# Its generator never moves: a finding at the third probe after a fifth of the steps.
STILL = [
    "architecture=MLP(hidden=(8,))", "training.batch_size=16", "training.record_every=1",
    "training.probe_every=2", "training.checkpoint_every=4", "training.keep_checkpoints=9",
    "training.sample_every=0",
    "training.threads=1", "generator_optimiser=SGD(lr=1e-12)",
]  # fmt: skip


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    """The run, not to be changed, and the rows that an observer saw."""
    seen: list[Row] = []
    out = tmp_path_factory.mktemp("diagnosed") / "run"
    steadygan.train(
        "8-ring", "wgan-gp", out=out, steps=20, overrides=STILL, observers=[seen.append]
    )
    return out, seen


def findings(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.kind == "finding"]


def test_findings_appear_while_the_run_goes_on(still: tuple[Path, list[Row]]) -> None:
    out, seen = still
    live = [row for row in findings(seen) if row.values["check"] == "nothing_learns"]
    assert len(live) == 1  # said once
    found = Finding.from_json(live[0].values)
    assert live[0].step == 8  # probes at 4, 6 and 8
    assert found.since == 4
    assert "moves the generator" in found.evidence
    assert seen[seen.index(live[0]) - 1].kind in ("probe", "finding")
    assert findings(History.read(out / "history.jsonl").rows) == findings(seen)


def test_a_resumed_run_finds_what_one_finds_that_was_never_killed(
    still: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    whole = History.read(still[0] / "history.jsonl").rows
    for last in (0, 4, 12):  # the checkpoint that a kill left
        out = tmp_path / f"killed-{last}"
        shutil.copytree(still[0], out)
        for path in (out / "checkpoints").iterdir():
            if path.name == "best.safetensors" or int(path.stem.removeprefix("step-")) > last:
                path.unlink()
        rows = History.read(steadygan.resume(out).files.history).rows
        kinds = ("record", "probe", "finding")
        told = [(r.kind, r.step, dict(r.values)) for r in rows if r.kind in kinds]
        assert told == [(r.kind, r.step, dict(r.values)) for r in whole if r.kind in kinds]


def test_findings_stand_in_the_report(still: tuple[Path, list[Row]], tmp_path: Path) -> None:
    report = steadygan.report(still[0], tmp_path / "report.html")
    page = report.page.read_text()
    assert "nothing learns" in page
    assert "healthy" not in page


def test_a_run_is_diagnosed_with_evidence(
    still: tuple[Path, list[Row]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", str(still[0])]) == 0
    shown = capsys.readouterr().out
    assert "error: nothing_learns (since step 4)\n  seen     an update moves the generator" in shown
    for part in ("  limit ", "  meaning ", "  try ", "nothing found: ", "divergence"):
        assert part in shown
    assert "healthy" not in shown
    assert main(["diagnose", str(still[0]), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    by_name = {finding["check"]: finding for finding in told["findings"]}
    assert by_name["nothing_learns"]["status"] == "error"
    assert by_name["nothing_learns"]["since"] == 4
    assert len(by_name) == 14


@pytest.mark.parametrize("kinds", [(), ("event",)])
def test_of_a_run_that_has_only_begun_nothing_is_judged(
    kinds: tuple[str, ...],
    still: tuple[Path, list[Row]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "begun"
    shutil.copytree(still[0], out)
    lines = (out / "history.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["kind"] in kinds]
    (out / "history.jsonl").write_text("".join(kept))
    assert main(["diagnose", str(out)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("nothing to judge: none of 14 checks ran\n\nnot checked:\n")
    assert shown.count("neither a record nor a probe has been written") == 14
    assert "nothing found" not in shown


def test_findings_are_shown_in_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    from steadygan.cli.display import Display

    found = {"check": "lipschitz", "status": "error", "evidence": "too [steep]", "try_next": "less"}
    Display()(Row("finding", 1_200, 3.0, found))
    Display()(Row("finding", 1_300, 3.0, {**found, "try_next": ""}))
    assert capsys.readouterr().out.splitlines() == [
        "step 1,200: error lipschitz: too [steep]",
        "  try: less",
        "step 1,300: error lipschitz: too [steep]",
    ]


@pytest.mark.parametrize(("before", "after", "told"), [
    ("lr=1", "lr=2", "lr=1 becomes lr=2"), ("", "packing=2", "nothing becomes packing=2"),
    ("", "", "the settings stay as they are"),
])  # fmt: skip
def test_remedies_are_shown_in_the_progress(
    before: str, after: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from steadygan.cli.display import Display

    done = {
        "event": "remedy", "number": 2, "finding": "lipschitz", "remedy": "bounded slope",
        "undone": "packing", "weights": "of step 90", "before": before, "after": after,
    }  # fmt: skip
    Display()(Row("event", 120, 3.0, done))
    assert capsys.readouterr().out.splitlines() == [
        "step 120: remedy 2 for lipschitz: bounded slope, instead of packing; on with weights of "
        "step 90",
        f"  {told}",
    ]


def test_losses_of_a_loop_of_somebodys_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("a,b\n" + "".join(f"{1 + i % 7},{2 + i % 5}\n" for i in range(40)) + "nan,2\n")
    columns = ["--critic-loss", "a", "--generator-loss", "b"]
    assert main(["diagnose", "--history", str(path), *columns]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("1 error of 4 checks; 10 did not run")
    assert "mode_collapse: losses alone do not tell" in shown


def test_bad_input_is_one_line(
    still: tuple[Path, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("a,b\n1,2\n")
    monitored = tmp_path / "monitored"
    monitored.mkdir()
    (monitored / "history.jsonl").write_text("")
    given: list[tuple[list[str], str]] = [
        ([], "give a run directory, or --history FILE"),
        ([str(still[0]), "--history", str(path)], "and not both"),
        ([str(still[0]), "--critic-loss", "a"], "name columns of --history"),
        ([str(tmp_path)], "is not a run directory"),
        ([str(monitored)], f"diagnose --history {monitored}/history.jsonl"),
        (["--history", str(tmp_path / "none.csv")], "No such file"),
        (["--history", str(tmp_path)], "directory"),
        (["--history", str(path)], "name it with --critic-loss"),
        (["--history", str(path), "--critic-loss", "c"], "has no column 'c'"),
        (["--history", str(path), "--critic-loss", "a"], "name it with --generator-loss"),
    ]
    for arguments, words in given:
        assert main(["diagnose", *arguments]) == 2, arguments
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


def test_what_was_found_on_the_way_and_is_gone_is_named(
    still: tuple[Path, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(still[0], out)
    file = out / "history.jsonl"
    said = {"kind": "finding", "step": 9, "seconds": 0.1}
    before = [said | {"check": check, "status": "error", "evidence": ""}
              for check in ("samples_flee", "nothing_learns")]  # fmt: skip
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:-1], *map(json.dumps, before), lines[-1]]) + "\n")
    assert main(["diagnose", str(out)]) == 0
    assert "found on the way, and no longer: samples_flee (at step 9)" in capsys.readouterr().out
    assert main(["diagnose", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gone"] == [{"check": "samples_flee", "step": 9}]
    remedy = {"kind": "event", "step": 9, "seconds": 0.1, "event": "remedy"}
    file.write_text("\n".join([*lines[:-1], *map(json.dumps, [*before, remedy])]) + "\n")
    assert main(["diagnose", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gone"] == []
