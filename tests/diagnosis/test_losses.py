"""What plain losses tell."""

from __future__ import annotations

import numpy as np
import pytest

from steadygan.diagnosis import Status
from steadygan.diagnosis.losses import FROM_LOSSES, Losses, diagnose_losses
from steadygan.diagnosis.watching import CHECKS

ROWS = 100
NOISE = np.random.default_rng(0).normal(size=(2, ROWS))
SOUND = Losses(1.0 + 0.1 * NOISE[0], 1.0 + 0.1 * NOISE[1])


def found(losses: Losses) -> list[str]:
    return [each.check for each in diagnose_losses(losses).of(Status.ERROR, Status.WARNING)]


def test_sound_losses_are_not_called_healthy() -> None:
    diagnosis = diagnose_losses(SOUND)
    assert found(SOUND) == []
    assert diagnosis.verdict == "nothing found of 4 checks; 10 did not run"
    assert {each.check for each in diagnosis.findings} == {check.name for check in CHECKS}
    assert {check.name for check in FROM_LOSSES} == {each.check for each in diagnosis.of(Status.OK)}


def test_a_loss_that_is_not_finite() -> None:
    broken = SOUND.generator.copy()
    broken[[40, 60]] = np.nan, np.inf
    diagnosis = diagnose_losses(Losses(SOUND.critic, broken))
    assert [each.check for each in diagnosis.errors] == ["divergence"]
    assert "the generator's loss is not finite in 2 of 100 rows" in diagnosis.errors[0].evidence
    assert diagnosis.errors[0].since == 40


@pytest.mark.parametrize(("times", "names"), [(99.0, []), (101.0, ["exploding_gradients"])])
def test_a_loss_that_grows(times: float, names: list[str]) -> None:
    grown = np.where(np.arange(ROWS) < 50, 1.0, times) * (1 + 1e-3 * NOISE[0] / abs(NOISE).max())
    assert found(Losses(SOUND.critic, grown)) == names


def test_a_loss_that_stands_still() -> None:
    still = np.where(np.arange(ROWS) < 50, SOUND.critic, 0.6931)
    assert found(Losses(still, SOUND.generator)) == ["nothing_learns"]
    nothing = np.zeros(ROWS)
    assert found(Losses(nothing, nothing)) == ["nothing_learns"]


def test_a_critic_that_is_sure_while_the_generators_loss_rises() -> None:
    sure = 1e-3 * (1 + 0.1 * NOISE[0])
    rising = np.linspace(1.0, 5.0, ROWS)
    assert found(Losses(sure, rising)) == ["critic_too_strong"]
    assert found(Losses(sure, SOUND.generator)) == []
    assert found(Losses(SOUND.critic, rising)) == []


def test_few_rows_tell_only_whether_they_are_finite() -> None:
    diagnosis = diagnose_losses(Losses(SOUND.critic[:19], SOUND.generator[:19]))
    assert [each.check for each in diagnosis.of(Status.OK)] == ["divergence"]


def test_where_a_loss_stopped_being_finite_is_told_in_steps_where_they_are_known() -> None:
    broken = np.array([1.0, np.nan])
    diagnosis = diagnose_losses(Losses(broken, broken, np.array([0, 500])))
    assert [each.since for each in diagnosis.errors] == [500]
    nothing = np.array([])
    assert diagnose_losses(Losses(nothing, nothing)).of(Status.OK) == ()
