"""What one step of a run does: its updates, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.interfaces import (
    BatchTerm,
    Constraint,
    CriticAverage,
    InputStabiliser,
    LatentStabiliser,
    Objective,
    ParameterTerm,
    Samples,
    Stabiliser,
    name_of,
)
from steadygan.networks.call import generate
from steadygan.objectives import AuxiliaryClassifier
from steadygan.penalties import Term
from steadygan.processes import ALONE, Processes
from steadygan.record import FlatRecord, Record
from steadygan.stabilisers import EMA, untrained_copy
from steadygan.step import ScalarTerm, View, critic_step, generator_step
from steadygan.training.optimisers import OptimiserSettings, set_values
from steadygan.training.state import TrainingState

NextBatch: TypeAlias = Callable[[], Samples]
T = TypeVar("T")


class Report(Protocol):
    """What an update tells: a ``Record``, or its numbers alone."""

    @property
    def applied(self) -> bool | Tensor: ...

    def flat(self) -> FlatRecord: ...


class Updates(Protocol):
    """One step on the state; returns what each network's updates report, in order.

    Two networks with alternating updates are the common case (``AlternatingUpdates``); translation
    brings another class with the same call.
    """

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> Mapping[str, Sequence[Report]]: ...


def draw_latent(count: int, latent_dim: int, rng: torch.Generator) -> Tensor:
    """Latent vectors ``(count, latent_dim)`` from N(0, 1), on the device of ``rng``."""
    return torch.randn(count, latent_dim, generator=rng, device=rng.device)


def draw_labels(count: int, class_counts: Sequence[int], rng: torch.Generator) -> Tensor:
    """Labels ``(count,)``, each class as likely as it is frequent, on the device of ``rng``."""
    shares = torch.tensor(class_counts, dtype=torch.float64, device=rng.device)
    return torch.multinomial(shares, count, replacement=True, generator=rng)


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


# Averages of networks that stabilisers keep, by their place in ``TrainingState.averages``; that of
# the generator that samples are drawn from is there as "generator".
HISTORICAL_CRITIC = "historical_critic"


def history_of(network: str) -> str:
    """Where the mean of a network's past is kept for terms on its parameters."""
    return f"history_{network}"


@dataclass(frozen=True)
class AlternatingUpdates:
    """``n_critic`` updates of the critic, then one of the generator and of its average.

    Attributes:
        sound: where it is set, updates do not wait for their device (``step.apply_update``).
    """

    objective: Objective
    critic_optimiser: OptimiserSettings
    generator_optimiser: OptimiserSettings
    latent_dim: int
    batch_size: int
    penalties: tuple[Term, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    auxiliary: AuxiliaryClassifier | None = None
    stabilisers: tuple[Stabiliser, ...] = ()
    n_critic: int = 5
    burst: Burst | None = None
    ema: EMA | None = None
    clip_gradient_norm: float | None = None
    accumulation: int = 1
    couples_samples: bool | None = None
    precision: str = "float32"
    processes: Processes = ALONE
    sound: Tensor | None = None

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> dict[str, list[Report]]:
        return alternate(self, state, next_real, progress)

    def critic_updates(self, step: int) -> int:
        """How many there are in this step."""
        if self.burst is not None and self.burst.is_due(step):
            return self.burst.n_critic
        return self.n_critic

    def take_critic(self, state: TrainingState, real: Samples, progress: float) -> Record:
        """An update of the critic, and of what is kept of its past."""
        record = self.update_critic(state, real, progress)
        if record.applied is not False:
            self.average_critic(state, state.updates["critic"] - 1)
        return record

    def take_generator(self, state: TrainingState, real: Samples, progress: float) -> Record:
        """An update of the generator and of its averages."""
        record = self.update_generator(state, real, progress)
        if record.applied is not False:
            self.average_generator(state, state.updates["generator"] - 1)
        return record

    def update_critic(self, state: TrainingState, real: Samples, progress: float) -> Record:
        """One update of the critic on one real batch and as many fakes."""
        set_values(state.optimisers["critic"], self.critic_optimiser, progress)
        record = self.critic_record(state, real, progress)
        state.updates["critic"] += 1
        return record

    def update_generator(self, state: TrainingState, real: Samples, progress: float) -> Record:
        """One update of the generator; ``real`` gives conditions and, where needed, scores."""
        set_values(state.optimisers["generator"], self.generator_optimiser, progress)
        record = self.generator_record(state, real, progress)
        state.updates["generator"] += 1
        return record

    def critic_record(self, state: TrainingState, real: Samples, progress: float) -> Record:
        """What is carried out for an update of the critic; nothing is counted or scheduled."""
        with self._autocast(state):
            return self._critic_record(state, real, progress)

    def generator_record(self, state: TrainingState, real: Samples, progress: float) -> Record:
        """What is carried out for an update of the generator."""
        with self._autocast(state):
            return self._generator_record(state, real, progress)

    def _critic_record(self, state: TrainingState, real: Samples, progress: float) -> Record:
        generator, critic = state.networks["generator"], state.networks["critic"]
        mine = self.processes
        with torch.no_grad(), mine.passing():
            y = None if real.y is None else mine.own(real.y)
            fake = generate(generator, mine.own(self._latent(state, progress)), y)
            fake = mine.whole(fake)
        return critic_step(
            critic,
            state.optimisers["critic"],
            self.objective,
            real,
            Samples(fake, real.y),
            rng=state.rngs["penalty"],
            penalties=self.penalties,
            constraints=self.constraints,
            auxiliary=self.auxiliary,
            view=self._view(state, progress),
            parameter_terms=self._parameter_terms(state, "critic"),
            update=state.updates["critic"],
            progress=progress,
            clip_gradient_norm=self.clip_gradient_norm,
            accumulation=self.accumulation,
            couples_samples=self.couples_samples,
            processes=self.processes,
            sound=self.sound,
        )

    def _generator_record(self, state: TrainingState, real: Samples, progress: float) -> Record:
        critic = state.averages.get(HISTORICAL_CRITIC, state.networks["critic"])
        batch_terms = {name_of(each): each for each in self._each(BatchTerm)}
        return generator_step(
            state.networks["generator"],
            critic,
            state.optimisers["generator"],
            self.objective,
            self._latent(state, progress),
            real=real,
            auxiliary=self.auxiliary,
            view=self._view(state, progress),
            parameter_terms=self._parameter_terms(state, "generator"),
            batch_terms={n: partial(t.batch_term, critic) for n, t in batch_terms.items()},
            objective_weight=min((t.objective_weight for t in batch_terms.values()), default=1.0),
            clip_gradient_norm=self.clip_gradient_norm,
            accumulation=self.accumulation,
            processes=self.processes,
            sound=self.sound,
        )

    def average_critic(self, state: TrainingState, update: int) -> None:
        """Take the critic after its ``update``-th update into what stabilisers keep of its past."""
        critic = state.networks["critic"]
        for average in self._each(CriticAverage):
            average.average_critic(state.averages[HISTORICAL_CRITIC], critic, update)
        for term in self._each(ParameterTerm):
            term.average(state.averages[history_of("critic")], critic, update)

    def average_generator(self, state: TrainingState, update: int) -> None:
        """Take the generator after its ``update``-th update into its averages."""
        generator = state.networks["generator"]
        if self.ema is not None:
            self.ema.update(state.averages["generator"], generator, update)
        for term in self._each(ParameterTerm):
            term.average(state.averages[history_of("generator")], generator, update)

    def averages(self, networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
        """The averages that this keeps, before the first update: copies without gradients."""
        kept = {}
        if self.ema is not None:
            kept["generator"] = networks["generator"]
        if self._each(CriticAverage):
            kept[HISTORICAL_CRITIC] = networks["critic"]
        if self._each(ParameterTerm):
            kept |= {history_of(name): network for name, network in networks.items()}
        return {name: untrained_copy(network) for name, network in kept.items()}

    def _autocast(self, state: TrainingState) -> AbstractContextManager[object]:
        """One per update: casts of weights are kept within it, and the update changes weights."""
        if self.precision == "float32":
            return nullcontext()
        # What is captured must not take a cast from what was not.
        cached = self.sound is None
        return torch.autocast(state.device.type, dtype=torch.bfloat16, cache_enabled=cached)

    def _each(self, kind: type[T]) -> list[T]:
        return [each for each in self.stabilisers if isinstance(each, kind)]

    def _latent(self, state: TrainingState, progress: float) -> Tensor:
        z = draw_latent(self.batch_size, self.latent_dim, state.rngs["latent"])
        for each in self._each(LatentStabiliser):
            z = each.latent(z, rng=state.rngs["view"], progress=progress)
        return z

    def _view(self, state: TrainingState, progress: float) -> View | None:
        chain = self._each(InputStabiliser)
        return partial(see, chain, rng=state.rngs["view"], progress=progress) if chain else None

    def _parameter_terms(self, state: TrainingState, network: str) -> dict[str, ScalarTerm]:
        terms = self._each(ParameterTerm)
        if not terms:
            return {}
        pair = state.networks[network], state.averages[history_of(network)]
        return {name_of(term): partial(term.parameter_term, *pair) for term in terms}


class ByNetwork(Protocol):
    """One update of either network at a time, with all that belongs to it."""

    def critic_updates(self, step: int) -> int: ...

    def take_critic(self, state: TrainingState, real: Samples, progress: float) -> Report: ...

    def take_generator(self, state: TrainingState, real: Samples, progress: float) -> Report: ...


def alternate(
    updates: ByNetwork, state: TrainingState, next_real: NextBatch, progress: float
) -> dict[str, list[Report]]:
    """A step: several updates of the critic, then one of the generator."""
    reports: dict[str, list[Report]] = {"critic": [], "generator": []}
    for _ in range(updates.critic_updates(state.step)):
        real = next_real()
        reports["critic"].append(updates.take_critic(state, real, progress))
        if reports["critic"][-1].applied is False:
            return reports
    # The last real batch serves the generator's step as well: it needs only the condition, or
    # the scores, and a batch of its own would make the critic's epochs uneven.
    reports["generator"].append(updates.take_generator(state, real, progress))
    return reports


def see(
    chain: Sequence[InputStabiliser], samples: Samples, *, rng: torch.Generator, progress: float
) -> Samples:
    """The samples as the critic sees them: through each stabiliser in turn."""
    for each in chain:
        samples = each.view(samples, rng=rng, progress=progress)
    return samples
