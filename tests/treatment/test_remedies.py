"""Remedies change what they say, and fit every recipe that they are offered to."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from steadygan import load
from steadygan.constraints import WeightClipping
from steadygan.diagnosis.watching import CHECKS
from steadygan.interfaces import SampleSpec
from steadygan.networks import MLP
from steadygan.objectives import Minimax
from steadygan.penalties import R1, TwoSided
from steadygan.recipes import PRESETS, Recipe, from_json, preflight, to_json
from steadygan.stabilisers import InstanceNoise, Packing
from steadygan.training import Training
from steadygan.treatment import REMEDIES, Start
from steadygan.treatment.changes import (
    augmented,
    balanced_updates,
    bounded_slope,
    non_saturating,
    packed,
    usual_optimisers,
    wasserstein,
)

POINTS = SampleSpec((2,), None, None)
IMAGES = SampleSpec((3, 16, 16), (-1.0, 1.0), None)


def test_every_check_has_an_answer_even_if_it_is_none() -> None:
    assert set(REMEDIES) == {check.name for check in CHECKS}


def test_a_finding_is_never_answered_twice_by_the_same_name() -> None:
    for remedies in REMEDIES.values():
        names = [each.name for each in remedies]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - {"wgan-gp-resnet", "acgan"}))
def test_a_treated_preset_passes_the_preflight(preset: str) -> None:
    """A remedy must not bring in what the doctor itself would have refused."""
    data = load("8-ring")
    recipe = PRESETS[preset][1](data.spec)
    if isinstance(recipe.architecture, MLP):
        recipe = replace(recipe, architecture=replace(recipe.architecture, hidden=(16, 16)))
    refused = {finding.check for finding in preflight(recipe, data).errors}
    changed = {
        json: each
        for remedies in REMEDIES.values()
        for remedy in remedies
        if (each := remedy.applied(recipe, data.spec)) is not None and (json := str(to_json(each)))
    }
    assert changed
    for each in changed.values():
        assert {f.check for f in preflight(each, data).errors} <= refused
        assert from_json(to_json(each)) == each


def test_the_slope_is_bounded_as_the_objective_needs_it() -> None:
    clipped = Recipe(penalty=(), constraint=(WeightClipping(1.0),))
    bounded = bounded_slope(clipped, POINTS)
    assert [type(term.penalty) for term in bounded.penalty] == [TwoSided]
    assert bounded.constraint == ()
    other = bounded_slope(Recipe(objective=Minimax(), penalty=()), POINTS)
    assert [type(term.penalty) for term in other.penalty] == [R1]


def test_a_critic_with_batch_statistics_gets_no_penalty_on_top_of_them() -> None:
    recipe = Recipe(architecture=MLP(critic_norm="batch"), objective=Minimax(), penalty=())
    changed = bounded_slope(recipe, POINTS)
    assert isinstance(changed.architecture, MLP)
    assert changed.architecture.critic_norm != "batch"


def test_both_networks_get_the_same_usual_rate() -> None:
    changed = usual_optimisers(Recipe(), POINTS)
    assert changed.critic_optimiser == changed.generator_optimiser
    assert 0 < changed.critic_optimiser.values(1.0)["lr"] <= 1e-3


def test_updates_are_balanced_for_the_objective() -> None:
    assert balanced_updates(Recipe(n_critic=1), POINTS).n_critic == 5  # type: ignore[union-attr]
    many = balanced_updates(Recipe(objective=Minimax(), n_critic=10), POINTS)
    assert many is not None
    assert many.n_critic <= 2


def test_what_is_not_for_a_recipe_says_so() -> None:
    assert non_saturating(Recipe(), POINTS) is None
    assert augmented(Recipe(), POINTS) is None
    assert augmented(Recipe(), IMAGES) is not None
    assert packed(Recipe(stabiliser=(Packing(2),)), POINTS) is None
    odd = Recipe(training=Training(batch_size=63))
    [packing] = [each for each in REMEDIES["mode_collapse"] if each.name == "packing"]
    assert packing.applied(odd, POINTS) is None  # pairs do not divide the batch


def test_another_objective_leaves_nothing_of_the_old_one() -> None:
    recipe = Recipe(
        objective=Minimax(), constraint=(WeightClipping(),), stabiliser=(InstanceNoise(),)
    )
    changed = wasserstein(recipe, POINTS)
    assert changed is not None
    assert (changed.objective.name, changed.constraint) == ("wasserstein", ())
    assert changed.stabiliser == ()


def test_a_sound_recipe_under_its_own_settings_gets_new_weights_at_most() -> None:
    for remedies in REMEDIES.values():
        for remedy in remedies:
            once = remedy.applied(Recipe(), POINTS)
            if once is not None and remedy.start is not Start.REDRAWN:
                assert remedy.applied(once, POINTS) is None, remedy.name


def test_redrawn_weights_follow_the_layers_and_not_the_architecture() -> None:
    from steadygan.app import _new_state
    from steadygan.treatment import redraw

    data = load("8-ring")
    recipe = Recipe(architecture=MLP(hidden=(8,)))
    state = _new_state(recipe, data, torch.device("cpu"))
    for network in state.networks.values():
        for parameter in network.parameters():
            parameter.data.fill_(-6.0)
    redraw(state, (WeightClipping(0.01),))
    weights = torch.cat([p.flatten() for p in state.networks["generator"].parameters()])
    assert weights.abs().max() < 1.0
    assert weights.std() > 0.05
    assert max(p.abs().max() for p in state.networks["critic"].parameters()) <= 0.01
    average = state.averages["generator"].state_dict()
    assert all(
        torch.equal(value, average[name])
        for name, value in state.networks["generator"].state_dict().items()
    )
