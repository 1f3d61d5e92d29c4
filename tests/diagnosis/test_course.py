"""What checks read of a history."""

from __future__ import annotations

import math

import numpy as np
import pytest
from courses import RECIPE, STEPS, history

from steadygan.diagnosis.check import NotKnownError
from steadygan.diagnosis.course import Course, persisting, scores
from steadygan.history import History
from steadygan.record import Row


def test_probes_are_those_of_the_settled_run() -> None:
    assert Course(history(), RECIPE).probes("spread").steps.tolist() == list(range(200, 1001, 100))
    longer = {**RECIPE, "training": {"steps": 3 * STEPS}}
    assert Course(history(), longer).probes("spread").steps[0] == 600
    with pytest.raises(NotKnownError, match="3 are needed"):
        Course(history(), {**RECIPE, "training": {"steps": 5 * STEPS}}).probes("spread")
    # Without a budget in steps, of what there is so far.
    assert Course(history()).probes("spread").steps[0] == 200


def test_a_budget_of_epochs_or_minutes_settles_by_what_is_spent() -> None:
    """Not by the steps so far, of which a fifth is soon over; after a remedy by what was left."""
    third = {"progress": lambda step: step / (3 * STEPS)}
    for limit in ("epochs", "minutes"):
        timed = {**RECIPE, "training": {"steps": 10 * STEPS, limit: 5.0}}
        assert Course(history(), timed).probes("spread").steps[0] == 300  # a fifth, seen at 210
        assert Course(history(records=third), timed).probes("spread").steps[0] == 700
        early = History([row for row in history(records=third).rows if row.step < 600])
        with pytest.raises(NotKnownError, match="0 probe"):
            Course(early, timed).probes("spread")
        treated = history(records={"progress": lambda step: 0.5 + 0.5 * step / STEPS})
        assert Course(treated, timed).probes("spread").steps[0] == 300


def test_numbers_of_the_same_probes_stay_together() -> None:
    spread: list[float] = list(range(10))
    turning: list[float] = [10.0 * i for i in range(10)]
    spread[4], turning[6] = math.nan, math.inf
    looks = Course(history({"spread": spread, "turning.generator": turning}), RECIPE).probes(
        "spread", "turning.generator"
    )
    assert looks.steps.tolist() == [200, 300, 400, 600, 800, 900, 1000]
    np.testing.assert_array_equal(looks["turning.generator"], 10 * looks["spread"])


def test_what_a_rollback_undid_is_not_seen_twice() -> None:
    def probe(step: int, spread: float) -> Row:
        return Row("probe", step, 0.0, {"probe.spread": spread})

    rows = [probe(step, 1.0) for step in (100, 200, 300, 400)]
    rows.append(Row("event", 200, 0.0, {"event": "rollback", "from": 410, "to": 200, "count": 1}))
    rows += [probe(step, 2.0) for step in (300, 400)]
    looks = Course(History(rows)).probes("spread")
    assert looks.steps.tolist() == [100, 200, 300, 400]
    assert looks["spread"].tolist() == [1.0, 1.0, 2.0, 2.0]


def test_scores_are_told_apart_free_of_offset_and_scale() -> None:
    def told(scale: float, offset: float) -> float:
        probes = {
            "scores.validation": 3.0 * scale + offset, "scores.validation.std": 1.0 * scale,
            "scores.fake": 1.0 * scale + offset, "scores.fake.std": math.sqrt(7.0) * scale,
        }  # fmt: skip
        looks = Course(history(probes), RECIPE).probes(*scores("validation", "fake"))
        return float(looks.told("validation", "fake")[-1])

    assert told(1.0, 0.0) == pytest.approx(1.0)  # 2 over the root of (1 + 7) / 2
    assert told(1e6, -5e6) == pytest.approx(1.0)


def test_beside_early_follows_the_number() -> None:
    name, steps = "critic.gradient_norms.critic", np.array([100, 500, 1000])
    grows = Course(history(records={name: lambda step: float(step)}), RECIPE)
    # Medians of ten rows: 10 to 100, 410 to 500, 910 to 1000.
    np.testing.assert_allclose(grows.beside_early(name, steps), np.array([55, 455, 955]) / 55)
    for constant in (0.0, 3.0):
        same = Course(history(records={name: constant}), RECIPE)
        np.testing.assert_array_equal(same.beside_early(name, steps), 1.0)
    few = History([row for row in history().rows if row.step <= 50])
    with pytest.raises(NotKnownError, match="5 row"):
        Course(few, RECIPE).beside_early(name, steps)


def test_a_component_is_told_by_its_class() -> None:
    recipe = {
        "objective": {"class": "Wasserstein"},
        "penalty": [{"class": "Term", "penalty": {"class": "TwoSided", "target": 1.0}}],
        "constraint": [{"class": "mine:Bound", "source_sha256": "0"}],
    }
    course = Course(history(), recipe)
    assert course.has("objective", "Minimax", "Wasserstein")
    assert not course.has("objective", "Minimax")
    assert course.has("penalty", "TwoSided")
    assert not course.has("penalty", "Two")
    with pytest.raises(NotKnownError, match="mine:Bound"):
        course.has("constraint", "WeightClipping")
    with pytest.raises(NotKnownError, match="no recipe"):
        Course(history()).has("objective", "Minimax")


@pytest.mark.parametrize(
    ("wrong", "since"),
    [
        ([0, 0, 0, 0, 0], None),
        ([1, 1, 1, 1, 1], 10),
        ([1, 1, 0, 1, 1], None),
        ([1, 0, 1, 1, 1], 30),
        ([1, 1, 1, 1, 0], None),
    ],
)
def test_only_what_lasts_to_the_end_is_said(wrong: list[int], since: int | None) -> None:
    steps = np.array([10, 20, 30, 40, 50])
    seen = persisting(steps, np.array(wrong, dtype=bool), "seen", "do")
    assert seen.fine == (since is None)
    assert seen.since == since
    if since is not None:
        assert seen.evidence == f"seen, at {(60 - since) // 10} probes in a row"


def test_a_number_that_is_not_there_is_named() -> None:
    with pytest.raises(NotKnownError, match=r"no row of the history carries probe\.copying"):
        Course(history({"copying": None}), RECIPE).probes("copying")
    assert Course(history(), RECIPE).among("deserted", "deserters") == ["deserted"]
