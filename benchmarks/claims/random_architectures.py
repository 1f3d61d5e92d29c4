"""Claim 7: how many of 20 random small architectures each objective trains, on digits.

Source: Gulrajani et al. 2017, section 5.1 and table 1: 200 random architectures at 32×32, of which
WGAN-GP trained 189 and the standard GAN 42 to an Inception Score above 5. Here 20 small ones on 8×8
digits for 1,500 steps: not comparable with those counts.

    python benchmarks/claims/random_architectures.py [FOLDER]

The runs lie in FOLDER; called again with it, what is finished is kept.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import claim

import steadygan
from steadygan.networks import DCGAN, MLP
from steadygan.recipes import resolve
from steadygan.schedules import Linear

# Written down before the runs.
OBJECTIVES = ("nsgan", "lsgan", "wgan-gp")
ARCHITECTURES, SEED = 20, 2017
STEPS = 1_500
# Trained: a quarter of the coverage that real digits have of real digits, and no class lost.
COVERAGE_SHARE, SMALLEST_CLASS = 0.25, 0.02
ACTIVATIONS = ("relu", "leaky_relu", "tanh", "softplus", "elu")


def draw(rng: random.Random) -> MLP | DCGAN:
    """A random architecture; normalisation in the critic is by batch, or by layer for wgan-gp, as
    in the paper."""
    norms = [rng.choice((None, "batch")), rng.choice((None, "batch"))]
    if rng.random() < 0.5:
        width = rng.choice((32, 64, 128))
        return MLP(
            hidden=(width,) * rng.choice((1, 2, 4, 6)),
            activation=rng.choice(ACTIVATIONS),
            generator_norm=norms[0],
            critic_norm=norms[1],
        )
    return DCGAN(
        width=rng.choice((8, 16, 32)),
        generator_norm=norms[0],
        critic_norm=norms[1],
        generator_activation=rng.choice(ACTIVATIONS),
        critic_activation=rng.choice(ACTIVATIONS),
    )


def recipe_for(objective: str, architecture: MLP | DCGAN) -> steadygan.Recipe:
    """The preset with learning rates for so few steps, alike for all, and for ``wgan-gp`` the λ and
    n_critic of the recipe for digits."""
    recipe = resolve(objective)(steadygan.SampleSpec((1, 8, 8), (-1.0, 1.0)))
    adam = replace(recipe.critic_optimiser, lr=Linear(1e-3, 0.0))
    recipe = replace(
        recipe,
        architecture=adapted(architecture, objective),
        critic_optimiser=adam,
        generator_optimiser=adam,
        training=replace(
            recipe.training, steps=STEPS, batch_size=64, threads=1, probe_every=0, best=None
        ),
    )
    if objective != "wgan-gp":
        return recipe
    return replace(recipe, n_critic=2, penalty=(replace(recipe.penalty[0], weight=1.0),))


def adapted(architecture: MLP | DCGAN, objective: str) -> MLP | DCGAN:
    if objective == "wgan-gp" and architecture.critic_norm == "batch":
        return replace(architecture, critic_norm="layer")
    return architecture


def train(architecture: MLP | DCGAN, objective: str, out: Path) -> dict[str, float]:
    """The run's metrics by name, and the real digits' coverage; empty where it did not finish."""
    if not (out / "status.json").exists():
        steadygan.train("digits", recipe_for(objective, architecture), out=out)
    if not (out / "metrics.json").exists():
        return {}
    measured = json.loads((out / "metrics.json").read_text())["measurements"]
    reference = next(m["reference"] for m in measured if m["name"] == "coverage")
    return {m["name"]: m["value"] for m in measured} | {"real coverage": reference}


def trained(metrics: dict[str, float]) -> bool:
    return (
        bool(metrics)
        and metrics["coverage"] >= COVERAGE_SHARE * metrics["real coverage"]
        and metrics["smallest class share"] >= SMALLEST_CLASS
    )


def main(folder: Path) -> None:
    rng = random.Random(SEED)
    architectures = [draw(rng) for _ in range(ARCHITECTURES)]
    rows = [["architecture", *OBJECTIVES]]
    counts = dict.fromkeys(OBJECTIVES, 0)
    coverages: dict[str, list[float]] = {name: [] for name in OBJECTIVES}
    for number, architecture in enumerate(architectures):
        cells = []
        for objective in OBJECTIVES:
            claim.say(f"{number + 1}/{ARCHITECTURES} {objective}")
            metrics = train(architecture, objective, folder / f"{number:02d}-{objective}")
            good = trained(metrics)
            counts[objective] += good
            coverages[objective].append(metrics.get("coverage", 0.0))
            value = f"{metrics['coverage']:.2f}" if metrics else "non-finite"
            cells.append(f"**{value}**" if good else value)
        rows.append([f"`{_drawn(architecture)}`", *cells])
    rows.append(["trained", *(f"{count} of {ARCHITECTURES}" for count in counts.values())])
    claim.write(
        "random_architectures",
        "Random small architectures on digits",
        rows,
        [
            claim.Verdict(
                f"`wgan-gp` trains more of them than `{other}`.",
                f"{counts['wgan-gp']} against {counts[other]}",
                counts["wgan-gp"] > counts[other],
            )
            for other in ("nsgan", "lsgan")
        ],
        [
            "Coverage of the real digits; bold where at least a quarter of what real digits reach, "
            f"with every class in at least {SMALLEST_CLASS:.0%} of the samples. {STEPS:,} steps of "
            "batch 64, Adam 1e-3 falling to 0, seed 0; `wgan-gp` with λ 1 and two critic updates "
            "per step, as the recipe `digits`.",
        ],
        figure=_figure(coverages),
    )


def _drawn(architecture: MLP | DCGAN) -> str:
    """The architecture with what was drawn of it, and nothing that is the same for all."""
    same = r", (max_growth|initialisation|conditioning|minibatch_std)=[^,)]+"
    return re.sub(same, "", str(architecture))


def _figure(coverages: dict[str, list[float]]) -> claim.Figure:
    figure = claim.Figure(figsize=(6.4, 3.2))
    axes = figure.subplots()
    for name, values in coverages.items():
        axes.plot(sorted(values, reverse=True), marker="o", markersize=4, label=name)
    axes.set(
        xlabel="architectures, best first", ylabel="coverage of real digits", ylim=(0, 1), xticks=[]
    )
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    claim.report.in_folder(main)
