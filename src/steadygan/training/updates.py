"""What one step of a run does: its updates, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from steadygan.errors import RecipeError
from steadygan.interfaces import Constraint, Objective, Samples
from steadygan.networks.call import generate
from steadygan.penalties import Term
from steadygan.record import Record
from steadygan.stabilisers import EMA
from steadygan.step import critic_step, generator_step
from steadygan.training.optimisers import OptimiserSettings, set_learning_rate
from steadygan.training.state import TrainingState

NextBatch: TypeAlias = Callable[[], Samples]


class Updates(Protocol):
    """One step on the state; returns the records of each network's updates, in order.

    Two networks with alternating updates are the common case (``AlternatingUpdates``); translation
    brings another class with the same call.
    """

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> Mapping[str, list[Record]]: ...


def draw_latent(count: int, latent_dim: int, rng: torch.Generator) -> Tensor:
    """Latent vectors ``(count, latent_dim)`` from N(0, 1), on the device of ``rng``."""
    return torch.randn(count, latent_dim, generator=rng, device=rng.device)


@dataclass(frozen=True)
class Burst:
    """More critic updates now and then, as the WGAN authors' code does (Arjovsky et al. 2017).

    Attributes:
        n_critic: critic updates in such a step.
        first: how many of the first steps are such.
        every: and then each step that this divides.
    """

    n_critic: int = 100
    first: int = 25
    every: int = 500

    def __post_init__(self) -> None:
        if self.n_critic < 1 or self.first < 0 or self.every < 1:
            raise RecipeError("burst: n_critic and every must be at least 1, first at least 0.")

    def is_due(self, step: int) -> bool:
        return step < self.first or step % self.every == 0


@dataclass(frozen=True)
class AlternatingUpdates:
    """``n_critic`` updates of the critic, then one of the generator and of its average."""

    objective: Objective
    critic_optimiser: OptimiserSettings
    generator_optimiser: OptimiserSettings
    latent_dim: int
    batch_size: int
    penalties: tuple[Term, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    n_critic: int = 5
    burst: Burst | None = None
    ema: EMA | None = None
    clip_gradient_norm: float | None = None
    accumulation: int = 1
    couples_samples: bool | None = None

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> dict[str, list[Record]]:
        generator, critic = state.networks["generator"], state.networks["critic"]
        optimisers = state.optimisers
        set_learning_rate(optimisers["critic"], self.critic_optimiser, progress)
        set_learning_rate(optimisers["generator"], self.generator_optimiser, progress)
        n_critic = self.n_critic
        if self.burst is not None and self.burst.is_due(state.step):
            n_critic = self.burst.n_critic
        records: dict[str, list[Record]] = {"critic": [], "generator": []}
        for _ in range(n_critic):
            real = next_real()
            with torch.no_grad():
                fake = generate(generator, self._latent(state), real.y)
            record = critic_step(
                critic,
                optimisers["critic"],
                self.objective,
                real,
                Samples(fake, real.y),
                rng=state.rngs["penalty"],
                penalties=self.penalties,
                constraints=self.constraints,
                update=state.updates["critic"],
                progress=progress,
                clip_gradient_norm=self.clip_gradient_norm,
                accumulation=self.accumulation,
                couples_samples=self.couples_samples,
            )
            state.updates["critic"] += 1
            records["critic"].append(record)
            if not record.applied:
                return records
        # The last real batch serves the generator's step as well: it needs only the condition, or
        # the scores, and a batch of its own would make the critic's epochs uneven.
        record = generator_step(
            generator,
            critic,
            optimisers["generator"],
            self.objective,
            self._latent(state),
            real=real,
            clip_gradient_norm=self.clip_gradient_norm,
            accumulation=self.accumulation,
        )
        records["generator"].append(record)
        if record.applied and self.ema is not None:
            self.ema.update(state.averages["generator"], generator, state.updates["generator"])
        state.updates["generator"] += 1
        return records

    def _latent(self, state: TrainingState) -> Tensor:
        return draw_latent(self.batch_size, self.latent_dim, state.rngs["latent"])
