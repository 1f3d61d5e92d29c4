"""Extragradient and optimistic Adam on the bilinear game x·y, where plain steps spiral out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from steadygan.interfaces import Samples
from steadygan.objectives import Wasserstein
from steadygan.penalties import R1, Term
from steadygan.stabilisers import HistoricalAveraging
from steadygan.training import (
    SGD,
    AlternatingUpdates,
    ExtragradientUpdates,
    OptimisticAdam,
    Sampler,
    TrainingState,
)


class Point(nn.Module):
    """A generator that is one number, whatever the latent vector."""

    def __init__(self, x: float) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([x], dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.x.expand(len(z), 1)


class Slope(nn.Module):
    """The critic D(x) = y·x. With real samples at 0 the game's value is −x·y for the critic."""

    def __init__(self, y: float) -> None:
        super().__init__()
        self.y = nn.Parameter(torch.tensor([y], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.y).squeeze(1)


@dataclass
class Game:
    state: TrainingState
    updates: AlternatingUpdates


def game(x: float = 1.0, y: float = 0.5, lr: float = 0.1) -> Game:
    networks: dict[str, nn.Module] = {"generator": Point(x), "critic": Slope(y)}
    settings = SGD(lr)
    state = TrainingState(
        seed=0,
        device=torch.device("cpu"),
        networks=networks,
        optimisers={name: settings.build(n.parameters()) for name, n in networks.items()},
        averages={},
        sampler=Sampler(4, seed=0),
    )
    updates = AlternatingUpdates(
        objective=Wasserstein(),
        critic_optimiser=settings,
        generator_optimiser=settings,
        latent_dim=1,
        batch_size=4,
        n_critic=1,
    )
    return Game(state, updates)


def real() -> Samples:
    return Samples(torch.zeros(4, 1, dtype=torch.float64))


def place(state: TrainingState) -> tuple[float, float]:
    generator, critic = state.networks["generator"], state.networks["critic"]
    return float(generator.x.detach()), float(critic.y.detach())


def test_one_step_is_the_textbook_one() -> None:
    # Losses: critic x·y (descends in y), generator −x·y (descends in x).
    one = game()
    ExtragradientUpdates(one.updates)(one.state, real, 0.0)
    x, y, lr = 1.0, 0.5, 0.1
    ahead_x, ahead_y = x + lr * y, y - lr * x
    x, y = x + lr * ahead_y, y - lr * ahead_x
    assert place(one.state) == pytest.approx((x, y))


def test_it_converges_where_simultaneous_steps_would_not() -> None:
    one = game()
    start = sum(each**2 for each in place(one.state))
    for _ in range(400):
        records = ExtragradientUpdates(one.updates)(one.state, real, 0.0)
    assert sum(each**2 for each in place(one.state)) < 0.1 * start
    assert {name: len(made) for name, made in records.items()} == {"critic": 2, "generator": 2}
    # alternating steps keep orbiting
    other = game()
    for _ in range(400):
        other.updates(other.state, real, 0.0)
    assert sum(each**2 for each in place(other.state)) > 0.5 * start


def test_a_refused_update_ends_the_step() -> None:
    one = game(y=float("nan"))
    records = ExtragradientUpdates(one.updates)(one.state, real, 0.0)
    assert not all(record.applied for made in records.values() for record in made)


def test_optimistic_adam_steps_twice_and_takes_the_last_one_back() -> None:
    plain, optimistic = (nn.Parameter(torch.tensor([5.0])) for _ in range(2))
    settings = OptimisticAdam(lr=0.1, beta1=0.5, beta2=0.9)
    adam = torch.optim.Adam([plain], lr=0.1, betas=(0.5, 0.9), eps=settings.eps)
    other = settings.build([optimistic])
    updates, expected = [], 5.0
    for gradient in (1.0, 1.0, -3.0):
        for parameter, optimiser in ((plain, adam), (optimistic, other)):
            parameter.grad = torch.tensor([gradient])
            before = float(parameter.detach())
            optimiser.step()
            if parameter is plain:
                updates.append(before - float(parameter.detach()))
        previous = updates[-2] if len(updates) > 1 else 0.0
        expected += -2 * updates[-1] + previous
    assert float(optimistic.detach()) == pytest.approx(expected, abs=1e-5)


def test_lazy_penalties_and_averages_count_steps_and_not_looks_ahead() -> None:
    one = game()
    settings = replace(
        one.updates,
        penalties=(Term(R1(), 1.0, every=2),),
        stabilisers=(HistoricalAveraging(0.0),),
        ema=None,
    )
    one.state.averages.update(settings.averages(one.state.networks))
    updates = ExtragradientUpdates(settings)
    places, due = [], []
    for _ in range(4):
        records = updates(one.state, real, 0.0)
        places.append(place(one.state))
        due.append(["r1" in record.terms for record in records["critic"]])
    assert one.state.updates == {"generator": 4, "critic": 4}
    assert due == [[True, True], [False, False]] * 2
    averages = one.state.averages
    mean = float(averages["history_generator"].x), float(averages["history_critic"].y)
    assert mean == pytest.approx(
        (sum(x for x, _ in places) / 4, sum(y for _, y in places) / 4), abs=1e-6
    )
