"""The library's front: train, look, sample, with networks of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import steadygan
from steadygan.data import VectorCodec
from steadygan.errors import PreflightError, RecipeError, UsageError
from steadygan.interfaces import SampleSpec
from steadygan.metrics import measure
from steadygan.networks import Custom
from steadygan.record import Row
from steadygan.training import Status, Stop, Training, load_tensors


def my_generator(spec: SampleSpec, latent_dim: int) -> nn.Module:
    return nn.Sequential(nn.Linear(latent_dim, 8), nn.SiLU(), nn.Linear(8, spec.shape[0]))


def my_critic(spec: SampleSpec) -> nn.Module:
    return nn.Sequential(nn.Linear(spec.shape[0], 8), nn.SiLU(), nn.Linear(8, 1))


def test_own_networks_on_an_array(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(5.0, 2.0, (300, 3))
    recipe = steadygan.Recipe(architecture=Custom(my_generator, my_critic), latent_dim=4)
    seen: list[Row] = []
    said: list[str] = []
    run = steadygan.train(
        rows, recipe, out=tmp_path / "run", steps=20, observers=[seen.append], say=said.append
    )
    assert run.status == "finished"
    assert [row.step for row in seen if row.kind == "record"] == [10, 20]
    assert any("300" in line or "240 training" in line for line in said)
    samples = run.sample(7, seed=1)
    assert samples.shape == (7, 3)
    assert np.array_equal(samples, run.sample(7, seed=1))

    again = steadygan.Run(tmp_path / "run")  # which does not know the networks
    with pytest.raises(RecipeError, match="my_generator"):
        again.sample(1)
    assert np.array_equal(steadygan.Run(tmp_path / "run", recipe).sample(7, seed=1), samples)

    with pytest.raises(steadygan.SteadyganError, match="pass it again as data"):
        steadygan.resume(run, recipe, steps=30)
    longer = steadygan.resume(run, recipe, data=rows, steps=30)
    assert longer.history.column("critic.loss")[0] == [10, 20, 30]


def test_errors_before_the_first_step_stop_a_run_that_does_not_allow_them(tmp_path: Path) -> None:
    said: list[str] = []
    options = ["architecture=MLP(hidden=(8,), critic_norm=batch)", "training.batch_size=16"]
    out = tmp_path / "a"
    with pytest.raises(PreflightError, match="rest of the batch") as stopped:
        steadygan.train("8-ring", out=out, steps=2, overrides=options)
    assert stopped.value.lines[-1].endswith("--allow batch_coupling")
    assert not out.exists()
    with pytest.raises(UsageError, match="Did you mean 'batch_coupling'"):
        steadygan.train("8-ring", out=out, steps=2, overrides=options, allow=["batch_couplin"])
    run = steadygan.train(
        "8-ring", out=out, steps=2, overrides=options, allow=["batch_coupling"], say=said.append
    )
    assert any(line.startswith("allowed: batch_coupling") for line in said)
    assert run.files.read(run.files.environment)["allowed"] == ["batch_coupling"]
    assert steadygan.resume(run, steps=4).status == "finished"
    said.clear()
    plain = ["architecture=MLP(hidden=(8,), critic_norm=layer)", "training.batch_size=16"]
    steadygan.train("8-ring", out=tmp_path / "b", steps=2, overrides=plain, say=said.append)
    assert not any(line.startswith(("allowed", "warning", "error")) for line in said)
    steadygan.train(
        "8-ring", out=tmp_path / "c", steps=2, overrides=[*plain, "ema=none"], say=said.append
    )
    assert any(line.startswith("warning ema") and "--set" in line for line in said)


def test_the_generator_can_be_taken_along(tmp_path: Path) -> None:
    run = steadygan.train(
        "8-ring", out=tmp_path / "run", steps=3, overrides=["architecture=MLP(hidden=(8,))"]
    )
    generator = run.generator()
    assert not generator.training
    assert generator(torch.zeros(2, 2)).shape == (2, 2)


TINY = ["architecture=MLP(hidden=(8,))", "training.batch_size=16", "training.threads=1"]


@pytest.mark.parametrize("recipe", ["cgan", "acgan", "projection"])
def test_a_conditional_run_samples_the_label_asked_for(recipe: str, tmp_path: Path) -> None:
    conditioning = {"cgan": "concatenation", "acgan": "auxiliary"}.get(recipe, "projection")
    network = f"architecture=MLP(hidden=(8,), conditioning={conditioning})"
    run = steadygan.train(
        "8-ring", recipe, out=tmp_path / "run", steps=3, overrides=[*TINY, network]
    )
    assert any(each["name"] == "label accuracy" for each in run.metrics)
    first, again, other = (run.sample(5, seed=1, label=label) for label in (3, "3", 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert run.sample(6).shape == (6, 2)
    with pytest.raises(steadygan.SteadyganError, match="no class '8'"):
        run.sample(1, label=8)


def test_labels_are_asked_for_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="data has no labels"):
        steadygan.train("swiss-roll", "cgan", out=tmp_path / "a", steps=2)
    run = steadygan.train("8-ring", out=tmp_path / "b", steps=2, overrides=TINY)
    with pytest.raises(steadygan.SteadyganError, match="without labels"):
        run.sample(1, label="3")


STABILISED = {
    "input": "InstanceNoise(0.1)",
    "latent": "LatentNoise(0.5)",
    "packing": "Packing(4)",
    "parameters": "HistoricalAveraging(0.1)",
    "critic": "HistoricalCritic(0.9)",
    "features": "FeatureMatching()",
    "several": "InstanceNoise(0.1), Packing(2), HistoricalAveraging(0.1), HistoricalCritic(none)",
}


@pytest.mark.parametrize("stabiliser", STABILISED.values(), ids=list(STABILISED))
def test_every_stabiliser_changes_the_run_is_recorded_and_resumes_bit_by_bit(
    stabiliser: str, tmp_path: Path
) -> None:
    def weights(run: steadygan.Run) -> torch.Tensor:
        return torch.cat([p.flatten() for p in run.generator().parameters()])

    options = [*TINY, "objective=RelativisticPairing()", "training.record_every=1"]
    stabilised = [*options, f"stabiliser={stabiliser}"]
    plain = steadygan.train("8-ring", out=tmp_path / "plain", steps=6, overrides=options)
    whole = steadygan.train("8-ring", out=tmp_path / "whole", steps=6, overrides=stabilised)
    assert not torch.equal(weights(plain), weights(whole))
    part = steadygan.train(
        "8-ring",
        out=tmp_path / "part",
        steps=6,
        overrides=stabilised,
        observers=[lambda row: Stop(Status.INTERRUPTED, "SIGINT") if row.step == 3 else None],
    )
    assert part.status == "interrupted"
    resumed = steadygan.resume(part)
    assert torch.equal(weights(resumed), weights(whole))
    terms = {name for name in whole.history.names() if ".terms." in name}
    for name in ("historical_averaging", "feature_matching"):
        assert any(term.endswith(name) for term in terms) == (
            name.replace("_", "") in stabiliser.lower()
        )


def test_the_critic_of_packs_is_wider_and_the_generator_is_not(tmp_path: Path) -> None:
    run = steadygan.train("8-ring", "pacgan", out=tmp_path / "run", steps=2, overrides=TINY)
    weights, _ = run.weights()
    assert weights["body.2.weight"].shape == (2, 8)
    checkpoint = sorted(run.files.checkpoints.glob("step-*.safetensors"))[-1]
    tensors, _ = load_tensors(checkpoint)
    assert tensors["networks.critic.body.0.weight"].shape == (8, 4)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["stabiliser=Packing(3)"], "packs of 3 do not divide"),
        (["stabiliser=Packing()", "conditional=true"], "packing and labels"),
        (["stabiliser=InstanceNoise(), InstanceNoise()"], "are called 'instance_noise'"),
        (["auxiliary=AuxiliaryClassifier()"], "conditional=true"),
        (["extragradient=true", "n_critic=2"], "n_critic=1"),
        (["stabiliser=DifferentiableAugmentation()"], "for images"),
        (["conditional=true", "auxiliary=AuxiliaryClassifier()"], "no logits"),
        (["conditional=true", "architecture.conditioning=auxiliary"], "nothing trains"),
        (["stabiliser=Packing(), InstanceNoise()"], "must come after"),
        (["constraint=SpectralNorm(), WeightNorm()"], "go together"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    options: list[str], complaint: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(steadygan.SteadyganError, match=complaint):
        steadygan.train("8-ring", "nsgan", out=out, steps=2, overrides=[*TINY, *options])
    assert not out.exists()  # nothing was written


def test_packs_larger_than_the_data_hold_out_train_all_the_same(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 2))  # two held out
    options = [*TINY, "stabiliser=Packing(4)"]
    run = steadygan.train(rows, "nsgan", out=tmp_path / "run", steps=2, overrides=options)
    assert run.status == "finished"


class Names(nn.Module):
    """A generator that draws the number of the label, and a critic that reads it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.shift = nn.Parameter(torch.zeros(1))
        self.seen: list[bool] = []

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if self.size:  # the generator
            return y[:, None].float().expand(-1, self.size) + self.shift
        self.seen.append(bool((x[:, 0].round() == y).all()))
        return x[:, 0] * self.shift


def test_fakes_carry_the_labels_that_they_were_made_of(tmp_path: Path) -> None:
    """Rows that hold the number of their class; classes whose names are other numbers."""
    values = np.repeat([[0.0, 0.0], [1.0, 1.0]], 40, axis=0)
    np.savez(tmp_path / "rows.npz", x=values, y=np.repeat(["3", "7"], 40))
    dataset = replace(
        steadygan.load(tmp_path / "rows.npz"), codec=VectorCodec((0.0, 0.0), (1.0, 1.0))
    )
    assert dataset.class_names == ("3", "7")
    critics: list[Names] = []

    def critic(spec: SampleSpec) -> nn.Module:
        critics.append(Names(0))
        return critics[-1]

    def generator(spec: SampleSpec, latent_dim: int) -> nn.Module:
        return Names(spec.shape[0])

    recipe = steadygan.Recipe(
        architecture=Custom(generator, critic),
        conditional=True,
        penalty=(),
        ema=None,
        training=Training(batch_size=8, steps=3, threads=1, probe_every=0, best=None),
    )
    run = steadygan.train(dataset, recipe, out=tmp_path / "run", allow=["lipschitz"])
    assert run.status == "finished"
    seen = critics[-1].seen  # of the run itself: every batch of real samples and of fakes
    assert len(seen) >= 3 * (5 + 1)
    assert all(seen)
    assert np.allclose(run.sample(3, label="7"), run.sample(3, label="3") + 1.0)
    assert np.array_equal(run.sample(3, label="7"), run.sample(3, label=1))


def test_label_accuracy_is_that_of_the_labels_asked_for() -> None:
    dataset = steadygan.load("digits")
    assert dataset.validation.y is not None
    x, y = dataset.codec.encode(dataset.validation.x), dataset.validation.y
    wrong = torch.cat([y[:180], (y[180:] + 1) % 10])

    def accuracy(labels: torch.Tensor) -> float:
        return next(m.value for m in measure(dataset, x, labels) if m.name == "label accuracy")

    assert accuracy(y) > 0.97
    assert accuracy(wrong) == pytest.approx(180 / len(y), abs=0.03)
