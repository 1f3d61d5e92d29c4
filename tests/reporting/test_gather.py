"""Run directories become documents: all of it, what is left of it, and several side by side."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from written import write_run

import steadygan
from steadygan.reporting import Document, WrittenReport, gather, gather_several, outline
from steadygan.reporting.document import (
    Code,
    Facts,
    Findings,
    Gallery,
    Image,
    Lines,
    Missing,
    Scatter,
    Sheets,
    Table,
)
from steadygan.run import Run

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
Train = Callable[[str, str], Path]
Reported = Callable[[str, str], WrittenReport]


def check_snapshot(name: str, found: Any) -> None:
    """Compare with what is kept; STEADYGAN_SNAPSHOTS=write keeps it, after a change that means to
    change it."""
    path = SNAPSHOTS / f"{name}.json"
    if os.environ.get("STEADYGAN_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert found == json.loads(path.read_text())


def shape(document: Document) -> list[Any]:
    """What a document shows, without the numbers that differ between machines."""
    found: list[Any] = []
    for section in document.sections:
        found.append(f"# {section.title}")
        for block in section.blocks:
            what = outline(block)
            entry = [what["is"], what.get("title", what.get("what", ""))]
            if "x" in what:
                entry += [str(block.x), str(block.y)]  # type: ignore[union-attr]
                entry += [f"{s['name']}: {s['role']}, {len(s['y'])}" for s in what["series"]]
                entry += [f"at {reference['label']}" for reference in what.get("references", [])]
            if isinstance(block, Sheets):
                entry += list(block.labels)
            if isinstance(block, Table):
                entry += [" | ".join(block.columns)]
            if isinstance(block, Facts):
                entry += [name for name, _ in block.entries]
            found.append(entry)
    return found


def test_a_run_written_by_hand_in_full(written: Run) -> None:
    document = gather(written)
    # What is folded is recipe.json and data.json as they are, which other tests keep.
    blocks = [b for b in document.blocks() if not (isinstance(b, Code) and b.folded)]
    found = [document.title, document.status, [s.title for s in document.sections], outline(blocks)]
    text = json.dumps(found, ensure_ascii=False).replace(str(written.directory), "RUN")
    check_snapshot("report-written", json.loads(text))


@pytest.mark.parametrize(
    ("data", "recipe"),
    [("digits", "digits"), ("25-grid", "wgan-gp"), ("digits", "wgan"), ("digits", "acgan"),
     ("8-ring", "r3gan")],
)  # fmt: skip
def test_whole_runs_have_everything(reported: Reported, data: str, recipe: str) -> None:
    document = reported(data, recipe).document
    assert document.missing() == []
    check_snapshot(f"report-{data}-{recipe}", shape(document))


def test_every_axis_has_a_label_and_every_figure_says_what_it_is_of(reported: Reported) -> None:
    for data in ("digits", "25-grid"):
        recipe = "digits" if data == "digits" else "wgan-gp"
        for figure in reported(data, recipe).document.figures():
            for axis in (figure.x, figure.y):
                assert axis.label, figure.title
                assert axis.unit or axis.label == "layer", (figure.title, axis)
            assert figure.caption, figure.title
            assert figure.series, figure.title


def test_two_reports_of_a_run_are_the_same(trained: Train, reported: Reported) -> None:
    again = gather(Run(trained("digits", "digits")))
    assert outline(again) == outline(reported("digits", "digits").document)


def test_metrics_stand_with_n_features_and_real_data(written: Run) -> None:
    (table,) = [
        b for b in gather(written).blocks() if isinstance(b, Table) and b.title == "Metrics"
    ]
    first, second = table.rows
    assert first[:6] == ("coverage", "0.910 [0.900, 0.920]", "0.964", "1,438", "1,438", "pixels")
    assert first[6] == "k=5; resize: bicubic; interval over samples"
    assert second[:5] == ("modes found", "24", "", "10,000", "none")


def test_events_are_marked_on_the_curves_and_gaps_stay_gaps(written: Run) -> None:
    curves = {b.title: b for b in gather(written).blocks() if isinstance(b, Lines)}
    losses = curves["Terms of the critic's loss"]
    assert [(mark.x, mark.label) for mark in losses.marks] == [(20, "best"), (30, "rollback")]
    estimate = next(s for s in losses.series if s.name == "wasserstein")
    # 30 was not finite, then training went back and came to 30 again.
    assert estimate.x == (10, 20, 30, 30, 30, 40)
    assert estimate.y == (-2.0, -1.5, None, None, -1.25, -1.0)
    slopes = curves["Norm of the critic's gradient by its input"]
    assert [reference.value for reference in slopes.references] == [1.0]
    assert slopes.series[0].low[0] == pytest.approx(1.0)
    assert slopes.series[0].high[0] == pytest.approx(1.2)


def test_findings_are_shown_and_marked_where_they_began(written: Run) -> None:
    found = {"kind": "finding", "step": 30, "seconds": 3.0, "check": "mode_collapse",
             "status": "error", "evidence": "spread 0.1", "try_next": "packing"}  # fmt: skip
    with written.files.history.open("a") as file:
        for line in ({**found, "since": 20}, {**found, "check": "lipschitz", "since": None}):
            file.write(json.dumps(line) + "\n")
    blocks = list(gather(written).blocks())
    (block,) = [each for each in blocks if isinstance(each, Findings)]
    assert [(step, each.check) for step, each in block.entries] == [
        (30, "mode_collapse"), (30, "lipschitz"),
    ]  # fmt: skip
    losses = next(each for each in blocks if isinstance(each, Lines) and each.marks)
    assert [(mark.x, mark.label, mark.tone, mark.anchor) for mark in losses.marks] == [
        (20, "mode collapse", "error", "finding-1"), (20, "best", "event", ""),
        (30, "lipschitz", "error", "finding-2"), (30, "rollback", "event", ""),
    ]  # fmt: skip


LIVE = {"Latent interpolation", "Scores of the last critic", "Nearest training samples"}
PARTS = {
    "history.jsonl": {"Coverage during training", "Terms of the losses", "Events", "Timings"},
    "metrics.json": {"Metrics"},
    "environment.json": {"Environment"},
    "checkpoints": {"Gradient norms by layer", "Scores of the last critic"},
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", ["removed", "torn"])
def test_a_part_that_is_gone_is_named_with_the_reason(
    digits_run: Path, name: str, damage: str
) -> None:
    path = digits_run / name
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    for file in files:
        if damage == "removed":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] + b"\nx\n{")
    document = gather(Run(digits_run))
    missing = {block.what: block.why for block in document.missing()}
    assert set(missing) >= PARTS[name]
    assert all(len(why) > 10 for why in missing.values())
    tables = [b for b in document.blocks() if isinstance(b, Table)]
    assert any(table.title == "Not in this report" for table in tables)


def test_values_that_cannot_be_are_no_reason_to_show_nothing(written: Run) -> None:
    def damage(path: Path, **changed: Any) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    damage(written.files.status, step="x", seconds=None)
    damage(written.files.environment, command=None, began=5)
    damage(written.files.metrics, measurements=[{"name": "fid", "value": None, "n_fake": None}])
    with written.files.history.open("a") as file:
        file.write('{"kind": "record", "step": null, "seconds": "y"}\n\n')
    document = gather(Run(written.directory))
    missing = {block.what: block.why for block in document.missing()}
    assert "is not a row of a history" in missing["Speed"]
    assert "Metrics" not in missing
    assert gather_several([written, Run(written.directory)]).figures() == []
    damage(written.files.metrics, measurements=3)
    damage(written.files.data, n_train="many", spec=None)
    missing = {block.what: block.why for block in gather(Run(written.directory)).missing()}
    assert "holds no measurements" in missing["Metrics"]
    assert "Data" in missing


def test_a_history_that_is_no_text_is_a_reason(written: Run) -> None:
    written.files.history.write_bytes(b"\xff\xfe\x00 a disk that failed")
    missing = {block.what: block.why for block in gather(written).missing()}
    assert "history.jsonl cannot be read" in missing["Terms of the losses"]


@pytest.mark.parametrize("name", ["samples", "status.json", "generator.safetensors"])
def test_parts_that_others_make_up_for(digits_run: Path, name: str) -> None:
    path = digits_run / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    document = gather(Run(digits_run))
    assert document.missing() == []
    if name == "samples":  # drawn anew
        assert any(isinstance(b, Image) and b.title == "Samples" for b in document.blocks())
    if name == "status.json":
        assert document.status == "running"


def test_a_sheet_that_was_torn_is_left_out(digits_run: Path) -> None:
    last = digits_run / "samples" / "step-000000020.png"
    last.write_bytes(last.read_bytes()[:200])
    (sheets,) = [b for b in gather(Run(digits_run)).blocks() if isinstance(b, Sheets)]
    assert sheets.labels == ("step 0", "step 10")


def test_a_run_killed_before_it_left_anything(digits_run: Path) -> None:
    for path in digits_run.iterdir():
        if path.name not in ("recipe.json", "data.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    document = gather(Run(digits_run))
    assert document.status == "running"
    assert {block.what for block in document.missing()} >= LIVE | PARTS["history.jsonl"]
    assert not document.figures()


def test_a_run_that_was_given_up(tmp_path: Path) -> None:
    run = steadygan.train(
        "digits", "wgan-gp", out=tmp_path / "run", steps=20,
        overrides=["architecture=MLP(hidden=(8,))", "training.batch_size=16",
                   "critic_optimiser.lr=1e25", "generator_optimiser.lr=1e25"],
    )  # fmt: skip
    assert run.status == "non_finite"
    document = gather(run)
    missing = {block.what for block in document.missing()}
    assert "Metrics" in missing
    assert "Latent interpolation" not in missing  # of the last good weights
    (events,) = [b for b in document.blocks() if isinstance(b, Table) and b.title == "Events"]
    assert [row[2] for row in events.rows].count("rollback") == 3


def test_data_that_are_gone_are_the_reason(digits_run: Path, tmp_path: Path) -> None:
    path = digits_run / "data.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "source": str(tmp_path / "moved.npy")}))
    missing = {block.what: block.why for block in gather(Run(digits_run)).missing()}
    assert "moved.npy" in missing["Scores of the last critic"]
    assert "Latent interpolation" not in missing
    path.write_text(json.dumps({**data, "fingerprint": "other"}))
    missing = {block.what: block.why for block in gather(Run(digits_run)).missing()}
    assert "not those that" in missing["Nearest training samples"]
    path.write_text(json.dumps({**data, "source": None}))
    missing = {block.what: block.why for block in gather(Run(digits_run)).missing()}
    assert "an array in memory" in missing["Scores of the last critic"]


def test_classes_of_ones_own_without_their_recipe(digits_run: Path) -> None:
    path = digits_run / "recipe.json"
    recipe = json.loads(path.read_text())
    recipe["objective"] = {"class": "mine:Own", "source_sha256": None, "margin": 2.0}
    path.write_text(json.dumps(recipe))
    document = gather(Run(digits_run))
    missing = {block.what: block.why for block in document.missing()}
    assert "--recipe" in missing["Latent interpolation"]
    assert "Coverage during training" not in missing
    facts = [b for b in document.blocks() if isinstance(b, Facts) and b.title == "Recipe"]
    assert dict(facts[0].entries)["objective"] == "Own(margin=2)"


def test_several_runs_side_by_side(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a" / "run")
    other = write_run(tmp_path / "b" / "run", "wgan")
    recipe = json.loads(one.files.recipe.read_text())
    recipe["training"]["batch_size"] = 32
    one.files.recipe.write_text(json.dumps(recipe))
    document = gather_several([Run(one.directory), other])
    tables = {b.title: b for b in document.blocks() if isinstance(b, Table)}
    assert tables["Runs"].columns == ("", "a/run", "b/run")
    settings = {row[0]: row[1:] for row in tables["Settings that differ"].rows}
    assert settings["training.batch_size"] == ("32", "64")
    assert settings["penalty"] == ("Term(penalty=TwoSided())", "none")
    assert "objective" not in settings
    assert "latent_dim" not in settings
    (coverage,) = [b for b in document.blocks() if isinstance(b, Lines) and "Coverage" in b.title]
    assert [series.name for series in coverage.series] == ["a/run", "b/run"]
    assert {series.role for series in coverage.series} == {0, 1}
    losses = next(b for b in document.blocks() if isinstance(b, Lines) and "critic's" in b.title)
    assert "each run's own size" in losses.caption  # they differ, and nothing is claimed of both
    metrics = {row[0]: row[1:] for row in tables["Metrics"].rows}
    assert metrics["coverage"][:2] == ("pixels", "0.910 [0.900, 0.920] (real 0.964); n 1,438/1,438")


def test_a_metric_in_two_features_and_of_two_checkpoints_is_not_one_value(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "two")
    fid = {"name": "fid", "n_real": 90, "n_fake": 90, "reference": None}
    measured = [
        {**fid, "value": 1.0, "features": "pixels"},
        {**fid, "value": 2.0, "features": "pixels", "checkpoint": "best"},
        {**fid, "value": 3.0, "features": "MobileNetV2"},
    ]
    one.files.metrics.write_text(json.dumps({"measurements": measured}))
    tables = {b.title: b for b in gather_several([one, other]).blocks() if isinstance(b, Table)}
    rows = [row[1:3] for row in tables["Metrics"].rows if row[0] == "fid"]
    assert rows == [
        ("pixels", "1.000; n 90/90"),
        ("pixels, checkpoint best", "2.000; n 90/90"),
        ("MobileNetV2", "3.000; n 90/90"),
    ]
    alone = {b.title: b for b in gather(one).blocks() if isinstance(b, Table)}
    assert [row[6] for row in alone["Metrics"].rows] == ["", "of checkpoint best", ""]


def test_metrics_of_training_are_drawn_in_their_units(written: Run) -> None:
    recipe = json.loads(written.files.recipe.read_text())
    recipe["training"]["metrics"] = ["fid@mobilenet", "coverage", "recall"]
    written.files.recipe.write_text(json.dumps(recipe))
    probe = {"kind": "probe", "step": 40, "seconds": 4.0, "probe.fid@mobilenet": 12.5}
    with written.files.history.open("a") as file:
        file.write(json.dumps(probe) + "\n")
    document = gather(Run(written.directory))
    curves = {b.title: b for b in document.blocks() if isinstance(b, Lines)}
    fid = curves["fid@mobilenet during training"]
    assert (str(fid.y), fid.series[0].y) == ("fid (squared units of the features)", (12.5,))
    assert "features: mobilenet. Lower is better" in fid.caption
    assert "recall during training" in {block.what for block in document.missing()}
    written.files.history.write_bytes(b"")
    missing = {block.what: block.why for block in gather(Run(written.directory)).missing()}
    assert "before its first row" in missing["Metrics during training"]


def test_metrics_of_training_are_drawn_for_several_runs(written: Run) -> None:
    recipe = json.loads(written.files.recipe.read_text())
    recipe["training"]["metrics"] = ["fid@mobilenet"]
    written.files.recipe.write_text(json.dumps(recipe))
    probe = {"kind": "probe", "step": 40, "seconds": 4.0, "probe.fid@mobilenet": 12.5}
    with written.files.history.open("a") as file:
        file.write(json.dumps(probe) + "\n")
    both = gather_several([Run(written.directory), Run(written.directory)])
    assert "fid@mobilenet during training" in {getattr(b, "title", "") for b in both.blocks()}


def test_runs_that_lack_something_are_compared_all_the_same(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "two")
    for path in (other.files.history, other.files.metrics, other.files.status):
        path.unlink()
    document = gather_several([one, other])
    tables = {b.title: b for b in document.blocks() if isinstance(b, Table)}
    assert {row[0]: row[3] for row in tables["Metrics"].rows}["coverage"] == "—"
    steps = {row[0]: row[1:] for row in tables["Runs"].rows}["steps"]
    assert steps == ("40", "?")
    whats = [block.what for block in document.missing()]
    assert "History of two" in whats
    (coverage,) = [b for b in document.blocks() if isinstance(b, Lines) and "Coverage" in b.title]
    assert coverage.caption.endswith("Not recorded by two.")


def test_a_killed_run_beside_another_came_as_far_as_its_history(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "two")
    other.files.status.unlink()
    lines = other.files.history.read_text().splitlines(keepends=True)
    other.files.history.write_text("".join(lines[:2]))
    tables = {b.title: b for b in gather_several([one, other]).blocks() if isinstance(b, Table)}
    rows = {row[0]: row[1:] for row in tables["Runs"].rows}
    assert rows["status"] == ("finished", "running")
    assert rows["steps"] == ("40", "20")


def test_points_are_drawn_in_their_own_units(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "points.npy", (1e4 + 30 * rng.normal(size=(300, 2))).astype("f4"))
    run = steadygan.train(
        tmp_path / "points.npy", out=tmp_path / "run", steps=3,
        overrides=["architecture=MLP(hidden=(8,))", "training.batch_size=16"],
    )  # fmt: skip
    held_out = run.codec.decode(run.dataset().validation.x * 0)  # decode(0) is the shift
    (points,) = [b for b in gather(run).blocks() if isinstance(b, Scatter) and "points" in b.title]
    real = points.series[0]
    assert np.mean([x for x in real.x if x is not None]) == pytest.approx(1e4, abs=20)
    assert held_out[0] == pytest.approx([1e4, 1e4], abs=20)


def test_copies_are_found_among_the_nearest(reported: Reported) -> None:
    (gallery,) = [
        b for b in reported("digits", "digits").document.blocks() if isinstance(b, Gallery)
    ]
    for _, group in gallery.groups:
        for row in group:
            distances = [float(tile.note) for tile in row[1:]]
            assert distances == sorted(distances)
    closest = [float(row[1].note) for row in gallery.groups[1][1]]
    assert closest == sorted(closest)


def test_missing_is_all_that_a_report_of_a_broken_part_raises(
    written: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Run) -> Any:
        raise ZeroDivisionError("of somebody's own")

    monkeypatch.setattr(Run, "metrics", property(fail))
    with pytest.raises(ZeroDivisionError):
        _ = written.metrics
    missing = gather(written).missing()
    assert Missing("Metrics", "ZeroDivisionError: of somebody's own") in missing
