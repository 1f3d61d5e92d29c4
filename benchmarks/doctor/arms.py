"""The arms of the rescue: what is done about a run, none of them looking at the oracle.

All were written down before any test run was rescued, and so was ``BEYOND``, but not before all
rescues: some development runs had been treated by the doctor when its entries were listed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any
from unittest.mock import patch

from cases import Case, base

from steadygan import Recipe, SampleSpec, app
from steadygan.recipes import resolve
from steadygan.schedules import Linear, Value
from steadygan.treatment import REMEDIES, Remedy, Start, Treatment
from steadygan.treatment.treatment import Policy

# Faults of the code and of the data, which no setting mends: a rescue of these is not counted.
BEYOND = frozenset({
    "linear critic", "detached", "critic reversed", "critic reversed, clipped",
    "generator reversed", "few samples, minimax", "few samples, penalty", "few samples, hinge",
    "copies, strong fit", "copies, minimax", "copies, hinge",
})  # fmt: skip


class RollBack(Remedy):
    """Back to the last checkpoint from before the finding, with other draws, and nothing else."""

    def applied(self, recipe: Recipe, spec: SampleSpec) -> Recipe:
        return recipe


def _rollbacks(case: Case) -> Policy:
    """As often as the doctor may apply remedies."""
    each = tuple(
        RollBack(f"rollback {number}", lambda recipe, spec: recipe, Start.SOUND, "other draws")
        for number in (1, 2, 3)
    )
    return dict.fromkeys(REMEDIES, each)


def _drawn(case: Case) -> Policy:
    """For each finding all remedies but the one that it indicates, in an order drawn by the case's
    seed."""
    every = {remedy.name: remedy for remedy in chain(*REMEDIES.values())}
    rng = random.Random(case.seed)
    drawn = {}
    for check, indicated in REMEDIES.items():
        others = [each for each in every.values() if each not in indicated[:1]]
        drawn[check] = tuple(rng.sample(others, len(others)))
    return drawn


def _as_it_is(case: Case, recipe: Recipe, spec: SampleSpec) -> Recipe:
    return recipe


def _another_seed(case: Case, recipe: Recipe, spec: SampleSpec) -> Recipe:
    return replace(recipe, seed=recipe.seed + 10_000)


def _halved(case: Case, recipe: Recipe, spec: SampleSpec) -> Recipe:
    """Both learning rates."""

    def half(settings: Any) -> Any:
        return replace(settings, lr=_half(settings.lr))

    return replace(
        recipe,
        critic_optimiser=half(recipe.critic_optimiser),
        generator_optimiser=half(recipe.generator_optimiser),
    )


def _half(rate: Value) -> Value:
    if isinstance(rate, Linear):
        return replace(rate, start=0.5 * rate.start, stop=0.5 * rate.stop)
    assert isinstance(rate, float)
    return 0.5 * rate


def _preset(case: Case, recipe: Recipe, spec: SampleSpec) -> Recipe:
    """The preset ``wgan-gp`` as it is shipped, with networks and a budget that fit the substrate:
    what is planted in networks, losses and settings goes. It is not the sound recipe that the fault
    was planted in: to know that one is to know the answer."""
    sound = base("wgan-gp", spec, case.substrate.hidden)
    return replace(
        resolve("wgan-gp")(spec), architecture=sound.architecture, latent_dim=sound.latent_dim,
        training=sound.training, seed=recipe.seed, data=recipe.data,
    )  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """What is done about a run.

    Attributes:
        recipe: that it is trained with, from a case's own.
        policy: of the treatment while it trains; None where it is left alone.
        keeps: whether the recipe stays the user's but for what the arm is named after.
    """

    recipe: Callable[[Case, Recipe, SampleSpec], Recipe] = _as_it_is
    policy: Callable[[Case], Policy] | None = None
    keeps: bool = True


ARMS: Mapping[str, Arm] = {
    "doctor": Arm(policy=lambda case: REMEDIES),
    "nothing": Arm(),
    "seed": Arm(_another_seed),
    "half": Arm(_halved),
    "rollback": Arm(policy=_rollbacks),
    "random": Arm(policy=_drawn),
    "preset": Arm(_preset, keeps=False),
}


@contextmanager
def treating(policy: Policy) -> Iterator[None]:
    """Let ``--auto-remedy`` take its remedies from another policy."""
    with patch.object(app, "Treatment", partial(Treatment, policy=policy)):
        yield
