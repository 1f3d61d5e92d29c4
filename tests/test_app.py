"""The library's front: train, look, sample, with networks of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import steadygan
from steadygan.errors import RecipeError
from steadygan.interfaces import SampleSpec
from steadygan.networks import Custom
from steadygan.record import Row


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


def test_a_critic_that_couples_samples_is_told_of(tmp_path: Path) -> None:
    said: list[str] = []
    options = ["architecture=MLP(hidden=(8,), critic_norm=batch)", "training.batch_size=16"]
    steadygan.train("8-ring", out=tmp_path / "a", steps=2, overrides=options, say=said.append)
    assert any("rest of its batch" in line for line in said)
    said.clear()
    plain = ["architecture=MLP(hidden=(8,), critic_norm=layer)", "training.batch_size=16"]
    steadygan.train("8-ring", out=tmp_path / "b", steps=2, overrides=plain, say=said.append)
    assert not any("rest of its batch" in line for line in said)


def test_the_generator_can_be_taken_along(tmp_path: Path) -> None:
    run = steadygan.train(
        "8-ring", out=tmp_path / "run", steps=3, overrides=["architecture=MLP(hidden=(8,))"]
    )
    generator = run.generator()
    assert not generator.training
    assert generator(torch.zeros(2, 2)).shape == (2, 2)
