"""Trains small recipes in double, alone or as one of several processes, and keeps the weights.

python sharing.py FOLDER      under the environment that torchrun sets, or none
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadygan import processes
from steadygan.app import _new_state, _updates
from steadygan.data import Dataset
from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import split
from steadygan.interfaces import Samples
from steadygan.networks import DCGAN, MLP
from steadygan.objectives import Hinge, Minimax, RelativisticAverage
from steadygan.penalties import DRAGAN, R1, Term, TwoSided
from steadygan.recipes import Recipe
from steadygan.stabilisers import (
    EMA,
    DifferentiableAugmentation,
    FeatureMatching,
    HistoricalAveraging,
    InstanceNoise,
    Packing,
)
from steadygan.training import ExtragradientUpdates, Training, save_tensors

SIZE, BATCH = 8, 16
SMALL = DCGAN(width=4, max_growth=2)
PENALTY = (Term(TwoSided(), 10.0),)


@dataclass(frozen=True)
class Case:
    recipe: Recipe
    labels: bool = False
    training: dict[str, Any] = field(default_factory=dict)


CASES = {
    "dense": Case(Recipe(architecture=MLP(hidden=(16, 16)), penalty=PENALTY, n_critic=2)),
    "batch norm in the generator": Case(Recipe(architecture=SMALL, penalty=PENALTY, n_critic=2)),
    "batch norm in both": Case(
        Recipe(architecture=replace(SMALL, critic_norm="batch"), objective=Minimax(), n_critic=1)
    ),
    "minibatch std under a penalty": Case(
        Recipe(architecture=replace(SMALL, minibatch_std=True), penalty=PENALTY, n_critic=1)
    ),
    "relativistic average, feature matching": Case(
        Recipe(
            architecture=SMALL, objective=RelativisticAverage(), n_critic=1,
            stabiliser=(FeatureMatching(objective_weight=1.0),),
        )
    ),
    "lazy penalty, averages, clipped": Case(
        Recipe(
            architecture=MLP(hidden=(16,)), objective=Hinge(), n_critic=2, ema=EMA(0.9),
            penalty=(Term(R1(), 1.0, every=3), Term(TwoSided(), 1.0)),
            stabiliser=(HistoricalAveraging(),),
        ),
        training={"clip_gradient_norm": 0.5},
    ),
    "noise, augmentation, in parts": Case(
        Recipe(
            architecture=SMALL, penalty=PENALTY, n_critic=1,
            stabiliser=(InstanceNoise(0.1), DifferentiableAugmentation(cutout=0.0)),
        ),
        training={"accumulation": 2},
    ),
    "packs": Case(
        Recipe(architecture=SMALL, penalty=PENALTY, n_critic=1, stabiliser=(Packing(2),))
    ),
    "labels": Case(
        Recipe(architecture=SMALL, penalty=PENALTY, n_critic=1, conditional=True), labels=True
    ),
    "extragradient": Case(
        Recipe(architecture=MLP(hidden=(16,)), penalty=(Term(DRAGAN(), 1.0),), n_critic=1,
               extragradient=True)
    ),
}  # fmt: skip


def dataset(labels: bool) -> Dataset:
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (60, 1, SIZE, SIZE), generator=rng).to(torch.uint8)
    y = torch.arange(60) % 3 if labels else None
    recipe = Recipe()
    names = ("a", "b", "c") if labels else None
    return split("made up", x, y, ImageCodec(SIZE, 1), recipe.data, class_names=names)


def run(case: Case, mine: processes.Processes, dtype: torch.dtype, steps: int) -> dict[str, Tensor]:
    """The weights and running statistics after so many steps, and the last record's numbers."""
    data = dataset(case.labels)
    recipe = replace(case.recipe, training=Training(batch_size=BATCH, **case.training))
    state = _new_state(recipe, data, torch.device("cpu"), mine)
    for network in (*state.networks.values(), *state.averages.values()):
        network.to(dtype)
    updates = replace(_updates(recipe), processes=mine)
    step = ExtragradientUpdates(updates) if recipe.extragradient else updates

    def next_real() -> Samples:
        chosen = state.sampler.draw(BATCH)
        y = data.train.y[chosen] if case.labels and data.train.y is not None else None
        return Samples(data.train.x[chosen].to(dtype) / 127.5 - 1.0, y)

    for index in range(steps):
        records = step(state, next_real, index / steps)
        state.step += 1
    kept = {
        f"{group}.{name}.{key}": value
        for group, modules in (("networks", state.networks), ("averages", state.averages))
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    for name, made in records.items():
        last = made[-1].flat()
        kept |= {f"record.{name}.{k}": v for k, v in zip(last.names, last.values, strict=True)}
    return kept


def refused(mine: processes.Processes) -> dict[str, Tensor]:
    """Whether an update was refused whose batch is not finite in the last slice alone, and whether
    the weights changed."""
    data, recipe = dataset(False), replace(CASES["dense"].recipe, training=Training(batch_size=8))
    state = _new_state(recipe, data, torch.device("cpu"), mine)
    before = [p.detach().clone() for p in state.networks["critic"].parameters()]
    x = torch.zeros(8, 1, SIZE, SIZE)
    x[-1] = torch.nan
    updates = replace(_updates(recipe), processes=mine)
    record = updates.update_critic(state, Samples(x), 0.0)
    after = state.networks["critic"].parameters()
    same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    return {"refused": torch.tensor(not record.applied), "same": torch.tensor(same)}


def main(folder: Path, dtype: torch.dtype, steps: int) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(dtype)
    mine = processes.join()
    results = {name: run(case, mine, dtype, steps) for name, case in CASES.items()}
    torch.set_default_dtype(torch.float32)
    results["refused"] = refused(mine)
    for name, tensors in results.items():
        save_tensors(folder / f"{name}-{mine.size}-{mine.rank}.safetensors", tensors, {})
    processes.leave(mine)


if __name__ == "__main__":
    main(Path(sys.argv[1]), getattr(torch, sys.argv[2]), int(sys.argv[3]))
