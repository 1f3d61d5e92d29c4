from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import steadygan
from steadygan.errors import RecipeError
from steadygan.features import Pixels
from steadygan.metrics import METRICS, MetricProbe, Pair, with_metrics
from steadygan.training import Plateau, Signal, Training

SMALL = ["architecture=MLP(hidden=(16,))", "training.probe_every=2", "training.checkpoint_every=4"]


def test_a_signal_that_is_a_metric_is_measured_in_its_own_direction() -> None:
    asked = Training(best=Signal("probe.fid", "higher"), metrics=("kid", "fid @ pca"))
    found = with_metrics(asked)
    assert found.metrics == ("kid", "fid@pca", "fid")
    assert found.best == Signal("probe.fid", "lower")
    stops = with_metrics(Training(plateau=Plateau(Signal("probe.recall@pca", "lower"))))
    assert stops.metrics == ("recall@pca",)
    assert stops.plateau is not None
    assert stops.plateau.signal.better == "higher"
    other = Training(best=Signal("probe.estimate.validation", "lower"))
    assert with_metrics(other) == other
    assert with_metrics(Training()) == Training()
    with pytest.raises(RecipeError, match="Did you mean 'fid'"):
        with_metrics(Training(metrics=("fidd",)))
    with pytest.raises(RecipeError, match="Did you mean 'pixels'"):
        with_metrics(Training(metrics=("fid@pixel",)))


def test_the_best_checkpoint_is_kept_by_a_metric(tmp_path: Path) -> None:
    run = steadygan.train(
        "digits", out=tmp_path / "run", steps=8,
        overrides=[*SMALL, "training.best.name=probe.fid", "training.metrics=precision,fid@pca:8"],
    )  # fmt: skip
    steps, values = run.history.column("probe.fid")
    assert steps == [2, 4, 6, 8]
    assert {"probe.precision", "probe.fid@pca:8", "probe.coverage"} <= set(run.history.names())
    assert run.recipe.training.best == Signal("probe.fid", "lower")
    best = [row for row in run.history.rows if row.values.get("event") == "best"]
    assert best[-1].values["value"] == min(values)
    kept, _ = run.weights("best")
    same, _ = run.weights(str(best[-1].step)) if best[-1].step in (4, 8) else (kept, "")
    assert all(torch.equal(kept[name], same[name]) for name in kept)


def test_measuring_changes_no_weight_and_is_the_metric_of_held_out_samples(tmp_path: Path) -> None:
    plain = steadygan.train("8-ring", out=tmp_path / "plain", steps=4, overrides=SMALL)
    watched = steadygan.train(
        "8-ring", out=tmp_path / "watched", steps=4, overrides=[*SMALL, "training.metrics=kid"]
    )
    one, other = plain.weights()[0], watched.weights()[0]
    assert all(torch.equal(one[name], other[name]) for name in one)
    dataset = steadygan.load("8-ring")
    real = dataset.codec.encode(dataset.validation.x)[:1_000]
    samples = watched.generator()(torch.randn(1_000, watched.recipe.latent_dim))
    near = METRICS["kid"].family(Pair(real, samples))["kid"].value
    assert watched.history.last("probe.kid") == pytest.approx(near, rel=0.5)


def test_samples_that_are_not_finite_do_not_end_the_training() -> None:
    features = Pixels((2,))
    probe = MetricProbe(("fid", "ndb"), "", features, torch.randn(50, 2), None, latent_dim=3)
    broken = torch.nn.Linear(3, 2)
    torch.nn.init.constant_(broken.weight, torch.nan)
    state = SimpleNamespace(sampling_generator=broken)
    found = probe(state, torch.Generator())  # type: ignore[arg-type]
    assert list(found) == ["fid", "ndb"]
    assert all(math.isnan(value) for value in found.values())


def test_what_cannot_be_measured_leaves_nothing_behind(tmp_path: Path) -> None:
    for setting, words in (
        ("training.metrics=inception-score", "inception-score@classifier"),
        ("training.metrics=fid@mobilenet", "takes images"),
        ("training.metrics=fod", "Did you mean 'fid'"),
    ):
        with pytest.raises(steadygan.SteadyganError, match=words):
            steadygan.train("8-ring", out=tmp_path / "run", steps=2, overrides=[*SMALL, setting])
        assert not (tmp_path / "run").exists()


def test_a_resumed_run_goes_on_measuring(tmp_path: Path) -> None:
    out = tmp_path / "run"
    steadygan.train("8-ring", out=out, steps=2, overrides=[*SMALL, "training.metrics=fid"])
    run = steadygan.resume(out, steps=6)
    assert run.history.column("probe.fid")[0] == [2, 4, 6]
    assert json.loads((out / "recipe.json").read_text())["training"]["metrics"] == ["fid"]
