"""How far networks went: sketched distances beside true ones."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from steadygan.training import MovementProbe, Sampler, TrainingState

RNG = torch.Generator()


def state(size: int = 3_000) -> TrainingState:
    torch.manual_seed(0)
    networks = {"generator": nn.Linear(size, 1, bias=False), "critic": nn.Linear(5, 1)}
    return TrainingState(
        seed=0, device=torch.device("cpu"), networks=networks, optimisers={}, averages={},
        sampler=Sampler(8, 0), updates={"generator": 0, "critic": 0},
    )  # fmt: skip


def weights(of: TrainingState) -> torch.Tensor:
    return next(of.networks["generator"].parameters()).data


def move(of: TrainingState, by: torch.Tensor, updates: int = 1) -> None:
    weights(of).add_(by)
    of.updates["generator"] += updates


def test_a_sketched_distance_is_the_true_one_within_a_tenth() -> None:
    probe, here, ratios = MovementProbe(), state(), []
    probe(here, RNG)
    for seed in range(100):
        step = torch.randn(1, 3_000, generator=torch.Generator().manual_seed(seed))
        move(here, step, updates=2)
        true = step.norm() / weights(here).norm() / 2
        ratios.append(probe(here, RNG)["movement.generator"] / true.item())
    squared = torch.tensor(ratios).square()
    # Of 64 sums the squared distance has the standard deviation √(2/64) = 0.18.
    assert squared.mean().item() == pytest.approx(1.0, abs=0.06)
    assert squared.std().item() == pytest.approx(0.18, abs=0.05)


def test_turning_tells_on_from_back_and_aside() -> None:
    probe, here = MovementProbe(), state()
    assert probe(here, RNG) == {}
    step, aside = torch.randn(2, 1, 3_000)
    turns = []
    for by in (step, 2 * step, -step, aside):
        move(here, by)
        turns.append(probe(here, RNG).get("turning.generator"))
    assert turns[0] is None
    assert turns[1] == pytest.approx(1.0, abs=1e-4)
    assert turns[2] == pytest.approx(-1.0, abs=1e-4)
    assert turns[3] == pytest.approx(0.0, abs=0.4)


def test_networks_that_stand_still_or_were_not_updated() -> None:
    probe, here = MovementProbe(), state()
    probe(here, RNG)
    here.updates["generator"] += 5
    found = probe(here, RNG)
    assert found == {"movement.generator": 0.0}  # the critic had no update: nothing to say


def test_a_probe_that_goes_on_says_what_one_says_that_never_stopped() -> None:
    one, here = MovementProbe(), state()
    steps = torch.randn(4, 1, 3_000)
    said = []
    for number, by in enumerate(steps):
        if number == 2:
            kept = json.loads(json.dumps(one.state()))
            at = weights(here).clone()
        move(here, by)
        said.append(one(here, RNG))
    other, again = MovementProbe(), state()
    other.load_state(kept)
    weights(again).copy_(at)
    again.updates["generator"] = 2
    for number in (2, 3):
        move(again, steps[number])
        assert other(again, RNG) == said[number]
