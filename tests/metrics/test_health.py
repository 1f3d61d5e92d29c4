"""The probe of samples, on generators that give back what they are told to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from steadygan.interfaces import Samples
from steadygan.metrics import HealthProbe
from steadygan.training import Sampler, TrainingState

CENTRES = torch.tensor([[10.0, 0.0], [-10.0, 0.0], [0.0, 10.0], [0.0, -10.0]])


class Given(nn.Module):
    """A generator that gives back these samples, whatever its input."""

    def __init__(self, samples: Tensor) -> None:
        super().__init__()
        self.register_buffer("samples", samples)

    def forward(self, latent: Tensor) -> Tensor:
        return self.samples[: len(latent)]  # type: ignore[index]


def draw(count: int, seed: int) -> Tensor:
    """Of four modes alike."""
    rng = torch.Generator().manual_seed(seed)
    which = torch.arange(count) % 4
    return CENTRES[which] + torch.randn(count, 2, generator=rng)


TRAIN, REAL = draw(400, 1), draw(400, 2)


def state_of(samples: Tensor, average: Tensor | None = None) -> TrainingState:
    averages: dict[str, nn.Module] = {} if average is None else {"generator": Given(average)}
    return TrainingState(
        seed=0, device=torch.device("cpu"),
        networks={"generator": Given(samples), "critic": nn.Linear(2, 1)},
        optimisers={}, averages=averages, sampler=Sampler(400, 0),
    )  # fmt: skip


def probe(samples: Tensor, average: Tensor | None = None) -> dict[str, float]:
    health = HealthProbe(Samples(TRAIN), Samples(REAL), 2)
    return health(state_of(samples, average), torch.Generator().manual_seed(0))


def test_samples_as_good_as_real_ones_score_as_these_do() -> None:
    found = probe(draw(400, 3))
    for name in ("coverage", "spread", "spread.narrowest"):
        assert found[name] == pytest.approx(found[f"{name}.real"], abs=0.1)
    assert found["deserted"] == 0.0
    assert found["deserted.real"] == 0.0
    assert abs(found["copying"]) < 3.0


def test_a_mode_that_is_dropped_deserts_its_share() -> None:
    for kept in (3, 2, 1):
        fake = draw(4 * 400, 3)[torch.arange(1600) % 4 < kept][:400]
        assert probe(fake)["deserted"] == pytest.approx(1 - kept / 4, abs=0.03)


def test_scaling_samples_scales_their_spread() -> None:
    found = probe(0.1 * REAL)
    assert found["spread"] == pytest.approx(0.1, rel=1e-4)
    assert found["spread.narrowest"] == pytest.approx(0.1, rel=1e-4)


def test_training_samples_given_back_are_copies() -> None:
    assert probe(TRAIN)["copying"] < -10
    assert "copying.real" not in probe(TRAIN)


def test_what_real_samples_score_does_not_change() -> None:
    one, other = probe(draw(400, 3)), probe(0.1 * REAL)
    reals = [name for name in one if name.endswith(".real")]
    assert {name: one[name] for name in reals} == {name: other[name] for name in reals}
    assert len(reals) == 5


def test_the_average_is_judged_and_the_newest_beside_it() -> None:
    found = probe(torch.zeros(400, 2), average=REAL)
    assert found["coverage"] == 1.0
    assert found["coverage.newest"] < 0.1
    assert "coverage.newest" not in probe(REAL)


def test_few_samples_have_no_regions() -> None:
    health = HealthProbe(Samples(TRAIN[:30]), Samples(REAL[:30]), 2)
    found = health(state_of(REAL[:30]), torch.Generator().manual_seed(0))
    assert "spread" in found
    assert "deserted" not in found


def test_data_of_few_values_have_as_many_regions_at_most() -> None:
    for values, regions in ((3, False), (6, True)):
        data = torch.arange(400).remainder(values)[:, None].float() * torch.ones(2)
        health = HealthProbe(Samples(data), Samples(data), 2)
        found = health(state_of(data), torch.Generator().manual_seed(0))
        assert ("deserted" in found) == regions


def test_held_out_samples_that_are_all_alike_leave_numbers_open() -> None:
    """A rare event may be in none of them; the training goes on."""
    health = HealthProbe(Samples(TRAIN), Samples(torch.zeros(400, 2)), 2)
    found = health(state_of(REAL), torch.Generator().manual_seed(0))
    assert math.isnan(found["spread"])
    assert math.isnan(found["spread.narrowest.real"])
