"""Every check of a run's course, on histories just beyond and just within its limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from courses import PROBES, RECIPE, SOUND, STEPS, Number, at_the_end, history

from steadygan.diagnosis import Diagnosis, Finding, Status, diagnose
from steadygan.diagnosis.course import EXPLODED
from steadygan.diagnosis.watching import (
    CHECKS,
    critic_overfitting,
    critic_too_strong,
    critic_too_weak,
    exploding_gradients,
    generator_vanishing,
    lipschitz,
    memorisation,
    nothing_learns,
    oscillation,
    samples,
    saturation,
)
from steadygan.errors import RecipeError
from steadygan.history import History
from steadygan.interfaces import SampleSpec
from steadygan.recipes import Recipe, override, resolve
from steadygan.record import Row

MINIMAX = {"objective": {"class": "Minimax"}}
CLIPPED = {"constraint": [{"class": "WeightClipping", "limit": 0.01}]}


@dataclass(frozen=True)
class Limit:
    """One number of the probes that a check draws a line for.

    Attributes:
        beyond, within: values on its two sides.
        changes: of the recipe.
        others: numbers of the probes that must be so for the check to speak.
        usual: the number before, where it is not that of a sound run.
        looks: that must show it.
        streak: of looks in a row at which the check then finds it.
    """

    check: str
    number: str
    within: float
    beyond: float
    changes: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Number] = field(default_factory=dict)
    usual: float | None = None
    looks: int = 3
    streak: int = 3

    def __str__(self) -> str:
        return f"{self.check}: {self.number}"

    @property
    def before(self) -> float:
        sound = SOUND[self.number]
        assert isinstance(sound, float)
        return sound if self.usual is None else self.usual

    def seen(self, values: Number) -> Finding:
        return finding(self.check, {**self.others, self.number: values}, changes=self.changes)


def above(check: str, number: str, line: float, **more: Any) -> Limit:
    return Limit(check, number, 0.999 * line, 1.001 * line, **more)


def below(check: str, number: str, line: float, **more: Any) -> Limit:
    return Limit(check, number, line + 0.001 * abs(line), line - 0.001 * abs(line), **more)


# A quarter of the budget lies between four probes, not between three.
SLOW: Mapping[str, Any] = {"looks": 4, "streak": 4}
LIMITS = [
    above("saturation", "silent.generator", saturation.SILENT),
    above("saturation", "silent.critic", saturation.SILENT),
    above("saturation", "saturated.critic", saturation.SATURATED),
    above("saturation", "at_bounds.fake", 0.2 + saturation.AT_BOUNDS),
    # Of data that lie mostly at the ends, outputs must leave something inside as well.
    above("saturation", "at_bounds.fake", 1 - 0.1 * saturation.LEFT, usual=0.9,
          others={"at_bounds.real": 0.9}),
    above("critic_too_strong", "scores.validation", critic_too_strong.SURE, changes=MINIMAX,
          others={"spread": 0.1, "deserted": 0.5}),
    above("exploding_gradients", "weight_norm.critic", 10 * exploding_gradients.WEIGHTS),
    above("lipschitz", "input_gradient_norm", lipschitz.STEEP),
    above("lipschitz", "slopes.most", lipschitz.ANYWHERE),
    above("lipschitz", "input_gradient_norm", lipschitz.GROWN, changes=CLIPPED),
    below("generator_vanishing", "layers.generator.0", 0.1 * generator_vanishing.DEEP),
    below("critic_too_weak", "scores.train", critic_too_weak.TOLD, looks=4,
          others={"spread": 0.1, "deserted": 0.5}),
    below("memorisation", "copying", memorisation.COPIED, others={"nearer": 0.9}),
    above("memorisation", "nearer", memorisation.NEARER, others={"copying": -9.0}),
    # The gap to the training samples' score of 1: of the way to the fakes' 0, and in deviations.
    below("critic_overfitting", "scores.validation", 1 - critic_overfitting.GAP),
    below("critic_overfitting", "coverage", critic_overfitting.COVERED, usual=0.9,
          others={"scores.validation": 0.5}),
    above("samples_flee", "spread", samples.FLED),
    below("mode_collapse", "spread", samples.NARROW, others={"deserted": 0.3}, **SLOW),
    below("mode_collapse", "spread.narrowest", samples.FLAT, others={"deserted": 0.3}, **SLOW),
    above("mode_collapse", "deserted", 0.05 + samples.DESERTED, **SLOW),
    below("mode_collapse", "coverage", samples.COVERED, usual=0.9,
          others={"spread.narrowest": 0.1, "deserted": 0.3}, **SLOW),
    below("oscillation", "turning.generator", oscillation.BACK, **SLOW),
]  # fmt: skip


def diagnosis(
    probes: Mapping[str, Number] | None = None,
    records: Mapping[str, Number] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Diagnosis:
    return diagnose(history(probes, records), {**RECIPE, **(changes or {})})


def named(found: Diagnosis, check: str) -> Finding:
    (finding,) = (each for each in found.findings if each.check == check)
    return finding


def finding(check: str, *given: Any, **more: Any) -> Finding:
    return named(diagnosis(*given, **more), check)


@pytest.mark.parametrize("changes", [{}, MINIMAX, CLIPPED], ids=["wasserstein", "minimax", "wgan"])
def test_a_sound_run_is_healthy(changes: Mapping[str, Any]) -> None:
    assert diagnosis(changes=changes).verdict == "healthy: 14 checks, nothing found"


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_limit_is_where_it_is_said_to_be(limit: Limit) -> None:
    assert limit.seen(at_the_end(limit.within, limit.before, limit.looks)).status == Status.OK
    found = limit.seen(at_the_end(limit.beyond, limit.before, limit.looks))
    (check,) = (each for each in CHECKS if each.name == limit.check)
    assert found.status == check.severity
    assert found.since == PROBES[-limit.streak]
    assert found.evidence
    assert found.threshold
    assert found.meaning
    assert found.try_next


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_what_to_try_is_something_that_can_be_set(limit: Limit) -> None:
    found = limit.seen(at_the_end(limit.beyond, limit.before, limit.looks))
    spec = SampleSpec((2,), None, None)
    presets = [resolve(name)(spec) for name in ("wgan-gp", "wgan", "nsgan")]
    for quoted, plain in re.findall(r"--set (?:'(.+?)'|([\w.]+=[\w.-]+))", found.try_next):
        setting = quoted or plain
        assert any(_accepts(preset, setting) for preset in presets), setting


def _accepts(recipe: Recipe, setting: str) -> bool:
    with suppress(RecipeError):
        override(recipe, [setting])
        return True
    return False


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_single_odd_probe_is_no_finding(limit: Limit) -> None:
    usual, odd = limit.before, limit.beyond
    for values in (at_the_end(odd, usual, 1), at_the_end(odd, usual, limit.streak - 1),
                   [usual] * 6 + [odd, usual, odd, odd]):  # fmt: skip
        assert limit.seen(values).status == Status.OK


# Without these a check does with the others of their kind.
SPARE = (
    "silent.generator", "silent.critic", "saturated.critic", "at_bounds.fake", "deserted",
    "coverage", "nearer", "layers.generator.0",
)  # fmt: skip


@pytest.mark.parametrize("limit", [each for each in LIMITS if each.number not in SPARE], ids=str)
def test_without_its_number_a_check_did_not_run(limit: Limit) -> None:
    found = limit.seen(None)
    assert found.status == Status.NOT_RUN
    assert f"probe.{limit.number}" in found.evidence
    assert found.try_next == ""


def test_no_check_runs_on_nothing() -> None:
    # Nor those that only ask for the objective, and need no look at a run.
    for recipe in (RECIPE, {**RECIPE, **MINIMAX}):
        found = diagnose(History([]), recipe)
        assert {each.status for each in found.findings} == {Status.NOT_RUN}


def test_records_alone_and_too_few_probes_do_not_run() -> None:
    early = History([row for row in history().rows if row.step <= 350])
    found = diagnose(early, RECIPE)
    told = {each.check for each in found.findings if each.status is not Status.NOT_RUN}
    assert told == {"divergence", "reversed_loss", "critic_too_strong"}


def test_every_kind_of_failure_has_a_limit_here() -> None:
    others = {"divergence", "reversed_loss", "nothing_learns"}  # below
    assert {limit.check for limit in LIMITS} | others == {check.name for check in CHECKS}


def test_the_docs_list_the_checks_in_their_order() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    section = page.partition("## While training, and after it")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == [check.name for check in CHECKS]


# Where numbers mean something only beside others.


def test_a_strong_critic_is_good_under_the_wasserstein_loss() -> None:
    assert finding("critic_too_strong", {"scores.validation": 50.0}).status == Status.OK


def test_of_an_objective_of_somebodys_own_nothing_is_assumed() -> None:
    own = {"objective": {"class": "mine:Minimax", "source_sha256": "0"}}
    for check in ("critic_too_strong", "lipschitz"):
        found = finding(check, {"scores.validation": 50.0, "slopes.most": 50.0}, changes=own)
        assert found.status == Status.NOT_RUN
        assert "mine:Minimax" in found.evidence


def test_a_critic_is_strong_where_its_loss_is_next_to_nothing() -> None:
    """Beside what it is where the critic knows nothing: 2 log 2, and a quarter of the squared
    distance of the labels."""
    far = {"spread": 0.1, "deserted": 0.5}
    squares = {"objective": {"class": "LeastSquares", "real_label": 3.0, "fake_label": -1.0}}
    for changes, ignorant in ((MINIMAX, 1.386294), (squares, 4.0)):
        for size, status in ((1.01, Status.OK), (0.99, Status.WARNING)):
            loss = {"critic.terms.wasserstein": size * critic_too_strong.CERTAIN * ignorant}
            found = finding("critic_too_strong", far, loss, changes)
            assert found.status == status
        near = finding("critic_too_strong", {}, {"critic.terms.wasserstein": 1e-6}, changes)
        assert near.status == Status.OK  # the generator has come all the same


def test_a_critic_that_sees_no_difference_is_right_where_there_is_none() -> None:
    assert finding("critic_too_weak", {"scores.train": 0.0}).status == Status.OK
    for far in (5.0, 0.1):
        fled = finding("critic_too_weak", {"scores.train": 0.0, "spread": far, "deserted": 0.5})
        assert fled.status == Status.ERROR


def test_a_critic_that_guesses_is_weak_though_it_is_right_at_times() -> None:
    guesses = {"scores.train": [3.0, -2.0] * 5}
    assert (
        finding("critic_too_weak", {**guesses, "spread": 0.1, "deserted": 0.5}).status
        == Status.ERROR
    )
    swaying = [0.05, 0.45] * 5  # a critic that follows samples back and forth is not blind
    moving = {**guesses, "spread": swaying}
    assert finding("critic_too_weak", moving).status == Status.OK
    assert finding("oscillation", moving).status == Status.WARNING
    overfit = {
        "scores.validation": -0.5,
        "spread": 0.1,
        "deserted": 0.5,
    }  # it knows training samples well
    assert finding("critic_too_weak", overfit).status == Status.OK


def test_a_heap_of_samples_is_no_copy() -> None:
    copies = {"copying": -9.0, "nearer": 0.9, "deserted": 0.4}
    assert finding("memorisation", copies).status == Status.ERROR
    assert finding("memorisation", {**copies, "spread": 0.1}).status == Status.OK
    assert finding("memorisation", {**copies, "nearer": None}).status == Status.ERROR


@pytest.mark.parametrize("check", ["mode_collapse", "critic_too_weak"])
def test_samples_that_reach_more_and_more_of_the_data_are_only_slow(check: str) -> None:
    poor = {"spread": 0.1, "deserted": 0.5, "scores.train": 0.0}
    line = samples.GAIN / len(PROBES)  # per probe
    for pace, status in ((0.99 * line, Status.ERROR), (1.01 * line, Status.OK)):
        reached = [pace * look for look in range(len(PROBES))]
        assert finding(check, {**poor, "coverage": reached}).status == status
        left = [0.6 - pace * look for look in range(len(PROBES))]
        assert finding(check, {**poor, "deserted": left}).status == status
    stopped = [min(0.2, 0.1 * look) for look in range(len(PROBES))]
    assert finding(check, {**poor, "coverage": stopped}).status == Status.ERROR
    chance = [0.05 + 0.05 * (-1) ** look for look in range(len(PROBES))]
    assert finding(check, {**poor, "coverage": chance}).status == Status.ERROR


def test_a_heap_that_widens_and_reaches_no_data_is_none_the_better() -> None:
    wider = {"spread": [0.04 * (look + 1) for look in range(len(PROBES))], "deserted": 0.5}
    assert finding("mode_collapse", wider).status == Status.ERROR
    unknown = dict.fromkeys(("deserted", "deserted.real", "coverage"))  # then width is all there is
    assert finding("mode_collapse", {**wider, **unknown}).status == Status.OK


def test_a_direction_of_outliers_is_no_collapse() -> None:
    flat = {"spread.narrowest": 0.1}
    assert finding("mode_collapse", flat).status == Status.OK
    assert finding("mode_collapse", {**flat, "deserted": 0.4}).status == Status.ERROR
    unknown = {**flat, "deserted": None, "deserted.real": None}
    assert finding("mode_collapse", unknown).status == Status.ERROR


@pytest.mark.parametrize("network", ["critic", "generator"])
def test_a_network_that_never_moved_is_still_and_one_at_its_end_is_not(network: str) -> None:
    number, line = f"movement.{network}", nothing_learns.STILL
    for moved, status in ((0.999 * line, Status.ERROR), (1.001 * line, Status.OK)):
        found = finding("nothing_learns", {number: moved})
        assert found.status == status
        assert found.since == (200 if status is Status.ERROR else None)
    rests = {number: at_the_end(0.0, 1e-3, 5)}  # as where a schedule ends
    assert finding("nothing_learns", rests).status == Status.OK
    name = f"{network}.gradient_norms.{network}"
    stuck = finding("nothing_learns", rests, {name: lambda step: float(step <= 550)})
    assert stuck.status == Status.ERROR  # no gradient arrives any more


def test_changes_that_are_all_alike_tell_no_sign() -> None:
    name = "critic.terms.wasserstein"
    steady = {name: lambda step: float(step), "critic.scores.real.mean": lambda step: float(step)}
    assert finding("reversed_loss", records=steady).status == Status.NOT_RUN


def test_a_slope_is_held_against_the_one_that_is_asked_for() -> None:
    terms = [{"class": "Term", "penalty": {"class": "TwoSided", "target": 5.0}, "weight": 10.0}]
    for slope, status in ((5.0, Status.OK), (5.01 * lipschitz.STEEP, Status.ERROR)):
        steep = {"input_gradient_norm": slope, "slopes.most": 2 * slope}
        assert finding("lipschitz", steep, changes={"penalty": terms}).status == status


def test_a_gradient_that_was_nothing_early_is_no_measure() -> None:
    name = "critic.gradient_norms.critic"
    found = finding("exploding_gradients", records={name: lambda step: float(step > 500)})
    assert found.status == Status.NOT_RUN
    assert "exactly 0" in found.evidence


def test_a_generator_without_gradient_is_not_called_still() -> None:
    name = "generator.gradient_norms.generator"
    still = {"movement.generator": 0.0}
    for norm, checks in (
        (1.0, ["nothing_learns"]),
        (0.5 * generator_vanishing.NOTHING, ["generator_vanishing"]),
        (0.0, ["nothing_learns"]),  # none arrives: a fault of the code
    ):
        assert [each.check for each in diagnosis(still, {name: norm}).errors] == checks


def test_a_critic_overfits_only_by_deviations_too() -> None:
    near = {"scores.validation": 0.5, "scores.train.std": 5.0, "scores.validation.std": 5.0}
    assert finding("critic_overfitting", near).status == Status.OK
    # Fakes above training samples: no way leads from these to those.
    above_train = {"scores.validation": 0.5, "scores.fake": 2.0}
    assert finding("critic_overfitting", above_train).status == Status.OK


def test_spread_is_held_against_real_samples() -> None:
    narrow_data = {"spread": 0.4, "spread.real": 0.4}
    assert finding("mode_collapse", narrow_data).status == Status.OK
    scattered = {"deserted": 0.7, "spread": 5.0}  # far away, not collapsed
    assert finding("mode_collapse", scattered).status == Status.OK
    assert finding("samples_flee", scattered).status == Status.ERROR
    few = {"deserted": None, "deserted.real": None, "spread": 0.4}  # too few samples for regions
    assert finding("mode_collapse", few).status == Status.ERROR


def test_a_spread_that_sways_is_an_oscillation() -> None:
    for size, status in ((0.99, Status.OK), (1.01, Status.WARNING)):
        turns, looks = np.array([1, -1] * 5), np.arange(samples.WINDOW)
        line = np.polyval(np.polyfit(looks, turns[: samples.WINDOW], 1), looks)
        height = samples.SWAYING / (turns[: samples.WINDOW] - line).std()
        swaying = np.exp(size * height * turns).tolist()
        assert finding("oscillation", {"spread": swaying}).status == status
    rising = np.geomspace(0.1, 100.0, len(PROBES)).tolist()  # far, but straight
    assert finding("oscillation", {"spread": rising}).status == Status.OK


def test_saturation_looks_at_what_could_saturate() -> None:
    nothing = dict.fromkeys(
        (
            "silent.generator",
            "silent.critic",
            "saturated.critic",
            "at_bounds.fake",
            "at_bounds.real",
        )
    )
    assert finding("saturation", nothing).status == Status.OK
    unseen = {**nothing, "layers.generator.0": None, "layers.generator.2": None}
    assert finding("saturation", unseen).status == Status.NOT_RUN
    only_bounds = {**nothing, "at_bounds.fake": 0.9, "at_bounds.real": 0.2}
    assert "units" not in (found := finding("saturation", only_bounds)).evidence
    assert found.status == Status.ERROR
    binary = {"at_bounds.fake": 0.95, "at_bounds.real": 0.95}  # saturates legitimately
    assert finding("saturation", binary).status == Status.OK


# Of records.


def late(value: float, since: int) -> Number:
    return lambda step: value if step > since else 1.0


@pytest.mark.parametrize("network", ["critic", "generator"])
def test_gradients_explode_beside_what_they_were(network: str) -> None:
    name = f"{network}.gradient_norms.{network}"
    for size, since, status in (
        (1.001, 700, Status.ERROR),  # at 800, 900 and 1000
        (0.999, 700, Status.OK),
        (1e6, 850, Status.OK),  # at 900 and 1000 only
    ):
        grown = late(size * exploding_gradients.GROWN, since)
        found = finding("exploding_gradients", records={name: grown})
        assert found.status == status
        assert found.since == (800 if status is Status.ERROR else None)
    assert f"the {network}'s gradient" in finding(
        "exploding_gradients", records={name: late(1e4, 700)}
    ).evidence  # fmt: skip


def test_the_generators_gradient_vanishes_beside_what_it_was() -> None:
    name = "generator.gradient_norms.generator"
    for size, status in ((1.001, Status.OK), (0.999, Status.ERROR)):
        faint = late(size * generator_vanishing.FALLEN, 700)
        assert finding("generator_vanishing", records={name: faint}).status == status
    never = finding("generator_vanishing", records={name: 0.0})
    assert never.status == Status.NOT_RUN
    assert "no gradient ever" in never.evidence


def test_a_refused_update_is_a_divergence_though_it_was_undone() -> None:
    rows = history().rows
    refused = Row("record", 505, 0.0, {"critic.refused": 1.0, "generator.refused": 0.0})
    back = Row("event", 500, 0.0, {"event": "rollback", "from": 505, "to": 500, "count": 1})
    at = next(i for i, row in enumerate(rows) if row.step > 500)
    found = diagnose(History([*rows[:at], refused, back, *rows[at:]]), RECIPE)
    assert [each.check for each in found.errors] == ["divergence"]
    assert found.errors[0].since == 505
    assert not found.not_run


def test_a_loss_of_the_wrong_sign_is_named() -> None:
    ours = history().column("critic.terms.wasserstein")[1]
    turned = finding("reversed_loss", records={"critic.terms.wasserstein": [-v for v in ours]})
    assert turned.status == Status.ERROR
    assert "the critic's loss rises" in turned.evidence
    assert "generator" not in turned.evidence
    theirs = history().column("generator.terms.wasserstein")[1]
    own = finding("reversed_loss", records={"generator.terms.wasserstein": [-v for v in theirs]})
    assert "the generator's loss rises" in own.evidence
    unrelated = finding("reversed_loss", records={"critic.terms.wasserstein": theirs})
    assert unrelated.status == Status.OK
    still = finding("reversed_loss", records={"critic.terms.wasserstein": 1.0})
    assert still.status == Status.NOT_RUN


def test_the_first_finding_explains_the_others() -> None:
    """A generator that stands still has collapsed samples, too; it is named by the cause."""
    found = diagnosis({"movement.generator": 0.0, "spread": 0.1, "deserted": 0.5})
    assert [each.check for each in found.errors] == ["nothing_learns", "mode_collapse"]
    assert found.report()[2].startswith("error: nothing_learns (since step 200)")


def test_a_run_that_goes_on_is_judged_by_what_there_is() -> None:
    collapsed = history({"spread": 0.1, "deserted": 0.5})
    for step, status in (
        (300, Status.NOT_RUN), (400, Status.OK), (500, Status.ERROR), (STEPS, Status.ERROR)
    ):  # fmt: skip
        so_far = History([row for row in collapsed.rows if row.step <= step])
        assert named(diagnose(so_far, RECIPE), "mode_collapse").status == status


def test_a_critic_that_has_exploded_is_not_called_weak() -> None:
    steep = {"input_gradient_norm": 1.01 * EXPLODED}
    assert [each.check for each in diagnosis(steep).errors] == ["exploding_gradients", "lipschitz"]
    assert finding("exploding_gradients", steep, changes=CLIPPED).status == Status.OK
    guessing = {"scores.train": 0.0, "spread": 0.1, "deserted": 0.5}
    assert finding("critic_too_weak", guessing).status == Status.ERROR
    assert finding("critic_too_weak", {**guessing, **steep}).status == Status.OK


def test_samples_that_never_spread_did_not_collapse() -> None:
    never = {"spread": 0.9 * generator_vanishing.DULL, "deserted": 0.9}
    assert [each.check for each in diagnosis(never).errors] == [
        "generator_vanishing", "mode_collapse",
    ]  # fmt: skip
    collapsed = {**never, "spread": [0.5] + [0.0] * (len(PROBES) - 1)}
    assert [each.check for each in diagnosis(collapsed).errors] == ["mode_collapse"]
