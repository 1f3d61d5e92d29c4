"""The duality gap against closed forms, and beside a run that it must not touch."""

from __future__ import annotations

import copy
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import steadygan
from steadygan.constraints import WeightClipping
from steadygan.errors import RecipeError
from steadygan.interfaces import Objective, Samples
from steadygan.objectives import (
    Hinge,
    LeastSquares,
    Minimax,
    RelativisticAverage,
    RelativisticPairing,
    Wasserstein,
)
from steadygan.penalties import R1, Term
from steadygan.stabilisers import FeatureMatching, Packing
from steadygan.training import (
    SGD,
    Adam,
    AlternatingUpdates,
    DualityGapProbe,
    Sampler,
    Training,
    TrainingState,
)

N = 2_000
STEPS = 150
REAL = torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
HELD_OUT = torch.randn(N, 2, generator=torch.Generator().manual_seed(1))


class Affine(nn.Module):
    """z · scale + shift: N(0, 1) where the scale is 1 and the shift 0."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale), requires_grad=False)
        self.shift = nn.Parameter(torch.tensor([shift, 0.0]))

    def forward(self, z: Tensor) -> Tensor:
        return z * self.scale + self.shift


def measure(
    generator: nn.Module,
    critic: nn.Module,
    updates: AlternatingUpdates,
    *,
    real: Tensor = REAL,
    held_out: Tensor = HELD_OUT,
    steps: int = STEPS,
    seed: int = 0,
) -> dict[str, float]:
    probe = DualityGapProbe(
        updates,
        Training(batch_size=updates.batch_size, duality_gap_steps=steps),
        Samples(real),
        lambda samples: samples,
        Samples(held_out),
    )
    return probe(state_of(generator, critic), torch.Generator().manual_seed(seed))


def state_of(generator: nn.Module, critic: nn.Module) -> TrainingState:
    return TrainingState(
        seed=0, device=torch.device("cpu"), networks={"generator": generator, "critic": critic},
        optimisers={}, averages={}, sampler=Sampler(N, 0),
    )  # fmt: skip


def updates_of(objective: Objective, **others: object) -> AlternatingUpdates:
    settings = {
        "critic_optimiser": Adam(lr=5e-3, beta1=0.5),
        "generator_optimiser": Adam(lr=5e-3, beta1=0.5),
        "latent_dim": 2,
        "batch_size": 64,
    }
    return AlternatingUpdates(objective, **(settings | others))  # type: ignore[arg-type]


def linear(*weights: float) -> nn.Linear:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([weights])
    return layer


def small_critic() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))


def test_the_bilinear_game_is_its_closed_form() -> None:
    """V = w·(E x − E G). Weights within ±c: max V = c Σ|E x − E G|, whatever the critic was. A step
    of SGD moves the generator by lr·w up the slope: k of them take k·lr·|w|² off V."""
    w, c, rate, shift = (0.3, -0.2), 0.5, 0.01, -3.0
    updates = updates_of(
        Wasserstein(),
        constraints=(WeightClipping(c),),
        critic_optimiser=SGD(lr=0.1),
        generator_optimiser=SGD(lr=rate),
    )
    found = measure(Affine(1.0, shift), linear(*w), updates)
    primal = c * -shift  # of the first coordinate; the other's means agree
    assert found["duality_gap.primal"] == pytest.approx(primal, abs=0.1)
    gained = STEPS * rate * (w[0] ** 2 + w[1] ** 2)
    assert found["duality_gap.generator"] == pytest.approx(gained, rel=1e-3)
    value = w[0] * -shift
    assert found["duality_gap"] == pytest.approx(primal - (value - gained), abs=0.1)
    assert found["duality_gap"] == pytest.approx(
        found["duality_gap.critic"] + found["duality_gap.generator"]
    )


@pytest.mark.parametrize(
    ("objective", "at_equilibrium"),
    [
        (Minimax(), -2 * math.log(2)),
        (Minimax(saturating=True), -2 * math.log(2)),
        (RelativisticPairing(), -math.log(2)),
        (RelativisticAverage(), -2 * math.log(2)),
        (LeastSquares(), -0.25),
        (Hinge(), -2.0),
    ],
)
def test_the_worst_critic_knows_the_data_from_what_collapsed(
    objective: Objective, at_equilibrium: float
) -> None:
    """Where fakes are the data no critic beats the one that says nothing; fakes that are one point
    apart from them are told from the data nearly without error."""
    flat = linear(0.0, 0.0)
    if isinstance(objective, LeastSquares):
        flat = nn.Linear(2, 1)
        flat.weight.data.zero_()
        flat.bias.data.fill_(0.5)
    here = measure(Affine(1.0, 0.0), flat, updates_of(objective))
    assert here["duality_gap.primal"] == pytest.approx(at_equilibrium, abs=0.02)
    assert abs(here["duality_gap"]) < 0.02
    collapsed = measure(Affine(0.0, 4.0), small_critic(), updates_of(objective))
    assert collapsed["duality_gap.primal"] > 0.2 * at_equilibrium
    assert collapsed["duality_gap"] > 10 * 0.02


def test_a_gap_falls_on_the_way_to_the_data() -> None:
    updates = updates_of(Minimax(), penalties=(Term(R1(), 0.1),))
    critic = linear(0.0, 0.0)
    gaps = [measure(Affine(1.0, x), critic, updates)["duality_gap"] for x in (4.0, 2.0, 1.0, 0.0)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[2] > 5 * abs(gaps[3])


def test_a_stationary_pair_that_is_no_equilibrium_has_a_gap() -> None:
    """All weights of the critic zero: no gradient moves a copy that is not pushed."""
    critic = nn.Sequential(nn.Linear(2, 32, bias=False), nn.ReLU(), nn.Linear(32, 1, bias=False))
    for parameter in critic.parameters():
        nn.init.zeros_(parameter)
    found = measure(Affine(0.0, 4.0), critic, updates_of(Minimax()))
    assert found["duality_gap.critic"] > 1.0


def test_the_number_of_updates_counts() -> None:
    updates = updates_of(Wasserstein(), generator_optimiser=SGD(lr=0.01))
    few, many = (measure(Affine(1.0, 0.0), linear(1.0, 0.0), updates, steps=k) for k in (10, 40))
    assert few["duality_gap.generator"] == pytest.approx(0.1, rel=1e-3)
    assert many["duality_gap.generator"] == pytest.approx(0.4, rel=1e-3)


def test_what_takes_the_objectives_place_is_no_part_of_the_game() -> None:
    updates = updates_of(Wasserstein(), generator_optimiser=SGD(lr=0.01))
    matched = replace(updates, stabilisers=(FeatureMatching(),))
    pair = Affine(1.0, 0.0), linear(1.0, 0.0)
    assert measure(*pair, matched, steps=5) == measure(*pair, updates, steps=5)


def test_packs_are_what_a_packed_critic_judges() -> None:
    updates = updates_of(Minimax(), stabilisers=(Packing(2),))
    found = measure(Affine(0.0, 4.0), nn.Linear(4, 1), updates, steps=20)
    assert found["duality_gap.critic"] > 0


def test_a_copy_that_diverges_is_not_a_number() -> None:
    updates = updates_of(Wasserstein(), critic_optimiser=SGD(lr=1e30))
    critic = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 1))
    found = measure(Affine(1.0, 3.0), critic, updates, steps=20)
    assert math.isnan(found["duality_gap"])
    assert math.isfinite(found["duality_gap.generator"])


def test_measuring_changes_nothing() -> None:
    generator = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    layer = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(2, 8))
    critic = nn.Sequential(layer, nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    state = state_of(generator, critic)
    state.optimisers["critic"] = Adam().build(critic.parameters())
    probe = DualityGapProbe(
        updates_of(Minimax()), Training(batch_size=64, duality_gap_steps=3), Samples(REAL),
        lambda samples: samples, Samples(HELD_OUT),
    )  # fmt: skip
    last = critic[3]
    assert isinstance(last, nn.Linear)
    last.weight.grad = torch.ones(1, 8)
    tensors = {name: value.clone() for name, value in state.tensors().items()}
    numbers = copy.deepcopy(state.numbers())
    first = probe(state, torch.Generator().manual_seed(7))
    assert state.numbers() == numbers
    assert state.tensors().keys() == tensors.keys()
    assert all(torch.equal(value, tensors[name]) for name, value in state.tensors().items())
    assert generator.training
    assert critic.training
    assert torch.equal(last.weight.grad, torch.ones(1, 8))
    assert critic[1].weight.grad is None
    # And depends on no random state but its own.
    torch.manual_seed(99)
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002
    assert probe(state, torch.Generator().manual_seed(7)) == first
    assert probe(state, torch.Generator().manual_seed(8)) != first


SMALL = [
    "architecture=MLP(hidden=(16,))", "training.probe_every=4", "training.checkpoint_every=2",
    "training.threads=1", "training.batch_size=32",
]  # fmt: skip
ASKED = [*SMALL, "training.duality_gap_steps=5"]


def gaps(run: steadygan.Run) -> list[dict[str, object]]:
    return [
        {name: value for name, value in row.values.items() if "duality_gap" in name}
        for row in run.history.of_kind("probe")
    ]


def test_a_run_is_bit_identical_to_one_without(tmp_path: Path) -> None:
    plain = steadygan.train("8-ring", out=tmp_path / "plain", steps=8, overrides=SMALL)
    asked = steadygan.train("8-ring", out=tmp_path / "asked", steps=8, overrides=ASKED)
    checkpoints = [sorted((run.directory / "checkpoints").iterdir()) for run in (plain, asked)]
    assert [each.name for each in checkpoints[0]] == [each.name for each in checkpoints[1]]
    one, other = plain.weights()[0], asked.weights()[0]
    assert all(torch.equal(one[name], other[name]) for name in one)
    rows = [
        [
            {k: v for k, v in row.values.items() if "duality_gap" not in k}
            for row in run.history.rows
        ]
        for run in (plain, asked)
    ]
    assert json.dumps(rows[0]) == json.dumps(rows[1])
    assert [len(each) for each in gaps(asked)] == [4, 4]
    assert not any(gaps(plain))


def test_a_resumed_run_measures_the_same_bits(tmp_path: Path) -> None:
    whole = steadygan.train("8-ring", out=tmp_path / "whole", steps=8, overrides=ASKED)
    steadygan.train("8-ring", out=tmp_path / "halves", steps=8, overrides=[
        *ASKED, "training.keep_checkpoints=9",
    ])  # fmt: skip
    for file in (tmp_path / "halves" / "checkpoints").iterdir():
        if "step-" in file.name and int(file.stem.removeprefix("step-")) > 6:
            file.unlink()
    again = steadygan.resume(tmp_path / "halves")
    assert gaps(again) == gaps(whole)


def test_settings_are_checked() -> None:
    with pytest.raises(RecipeError, match="duality_gap_steps is -1"):
        Training(duality_gap_steps=-1)


def test_no_held_out_pack_is_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="duality_gap_steps: there are"):
        steadygan.train(
            torch.randn(64, 2).numpy(), out=tmp_path / "run", steps=2,
            overrides=[*ASKED, "stabiliser=Packing(32)", "training.batch_size=64"],
        )  # fmt: skip
