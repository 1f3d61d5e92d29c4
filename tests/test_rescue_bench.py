"""The rescue benchmark's own rules: what is trained, in which arms, and how it is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steadygan import Recipe, SampleSpec
from steadygan.recipes import resolve, to_json
from steadygan.treatment import REMEDIES, Start

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "doctor"


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are scripts: their folder is where they find each other."""
    monkeypatch.syspath_prepend(str(BENCHMARK))


def case(cause: str, seed: int = 0) -> Any:
    from cases import Case

    return Case("development", cause, "8-ring", "wgan-gp", 1.0, seed)


def run(of: Any, distance: float, status: str = "finished", **about: Any) -> Any:
    from truth import Run

    return Run(of, Path(), status, distance, {"seconds": 1.0, "remedies": [], **about})


def rescue(cause: str, good: set[str]) -> Any:
    """A run that ends good in these arms."""
    from arms import ARMS
    from rescue import Rescue

    arms = {arm: run(case(cause), 1.0 if arm in good else 9.0, replaced=[]) for arm in ARMS}
    return Rescue(arms["nothing"], arms, limit=2.0)


@pytest.mark.parametrize("group", ["development", "test"])
def test_a_third_of_the_faults_has_every_cause_once(group: str) -> None:
    from faults import CAUSES
    from rescue import chosen

    causes = [each.cause for each in chosen(group)]
    assert sorted(causes) == sorted(CAUSES)
    assert len({each.on for each in chosen(group)}) == 3


def test_what_no_setting_mends_exists_and_is_seen_by_the_doctor_alone() -> None:
    from arms import ARMS, BEYOND
    from faults import CAUSES
    from rescue import arms_for
    from truth import Limits

    assert set(CAUSES) > BEYOND
    limits = Limits([run(case("as it is"), 2.0)])
    assert arms_for(run(case("detached"), 9.0), limits) == {"doctor"}
    assert arms_for(run(case("momentum"), 9.0), limits) == set(ARMS) - {"nothing"}
    assert arms_for(run(case("momentum"), 2.1), limits) == set()  # within the slack: it bites not


def test_no_arm_draws_the_remedy_that_is_indicated() -> None:
    from arms import ARMS

    random_arm = ARMS["random"].policy
    assert random_arm is not None
    first, again, other = (random_arm(case("momentum", seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for check, indicated in REMEDIES.items():
        assert first[check]
        assert not set(indicated[:1]) & set(first[check])


def test_a_rollback_changes_nothing_and_is_due_all_the_same() -> None:
    from arms import ARMS

    policy = ARMS["rollback"].policy
    assert policy is not None
    recipe, spec = Recipe(), SampleSpec((2,))
    for remedies in policy(case("momentum")).values():
        assert {each.start for each in remedies} == {Start.SOUND}
        assert len({each.name for each in remedies}) == 3
        assert all(each.applied(recipe, spec) == recipe for each in remedies)


def test_blind_arms_have_the_budget_and_the_data_of_the_case() -> None:
    from arms import ARMS

    spec = SampleSpec((2,))
    broken = case("few samples, penalty").recipe(spec)
    for arm in ARMS.values():
        recipe = arm.recipe(case("few samples, penalty"), broken, spec)
        assert recipe.training == broken.training
        assert recipe.data == broken.data
    half = ARMS["half"].recipe(case("as it is"), broken, spec)
    assert half.critic_optimiser.lr.start == broken.critic_optimiser.lr.start / 2
    assert replace(half, critic_optimiser=broken.critic_optimiser,
                   generator_optimiser=broken.generator_optimiser) == broken  # fmt: skip
    blind, sound = case("blind critic").recipe(spec), case("as it is").recipe(spec)
    preset = ARMS["preset"].recipe(case("blind critic"), blind, spec)
    assert preset.architecture == sound.architecture
    assert preset.critic_optimiser == resolve("wgan-gp")(spec).critic_optimiser
    assert preset.stabiliser == () != blind.stabiliser


def test_a_planted_piece_that_is_replaced_is_seen() -> None:
    from rescue import planted

    spec = SampleSpec((2,))
    assert planted(to_json(case("blind critic").recipe(spec))) == {"Blinding"}
    assert planted(to_json(case("as it is").recipe(spec))) == set()


def test_paired_differences_and_their_bounds() -> None:
    from rescue import difference

    ours, theirs = [True] * 8 + [False] * 2, [True] * 2 + [False] * 8
    middle, low, high = difference(ours, theirs)
    assert middle == pytest.approx(0.6)
    # By hand: (7/12 - 1/12) -+ 1.96 sqrt((8/12 - 0.25) / 12)
    assert (low, high) == pytest.approx((0.5 - 0.36521, 0.5 + 0.36521), abs=1e-4)
    flat, low, high = difference(ours, ours)
    assert flat == 0
    assert low == pytest.approx(-high)


def test_the_page_counts_arms_and_harm() -> None:
    from rescue import page

    rescues = [
        rescue("momentum", {"doctor", "preset"}), rescue("overflow", {"doctor", "half"}),
        rescue("rates of one", set()), rescue("saturating", {"nothing", "doctor"}),
        rescue("detached", {"doctor"}),
    ]  # fmt: skip
    calm, spoilt, spared = (run(case("as it is", seed), 1.0) for seed in range(3))
    sound = [(calm, None), (spoilt, run(spoilt.case, 1.3)), (spared, run(spared.case, 1.2))]
    text = "\n".join(page(rescues, sound, 0))
    assert "1 that no setting mends, 1 that do not bite, 3 that count" in text
    assert "| doctor | ≥ 90 % | 2 of 3 = 66.7%" in text
    assert "| half |  | 1 of 3 = 33.3%" in text
    assert "(`half`): +33 points" in text
    assert "would treat 2 of 3" in text
    assert "Worse for it: 1 of 3" in text
