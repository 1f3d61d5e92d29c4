"""Probes of the live networks: what costs a pass of its own, at an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from steadygan.interfaces import Samples
from steadygan.networks.call import generate, score
from steadygan.penalties import gradient_norms, input_gradients, interpolates
from steadygan.stabilisers import Packing, pack
from steadygan.training.state import TrainingState, evaluating
from steadygan.training.updates import draw_latent


class Probe(Protocol):
    """Numbers from the live networks, named without the ``probe.`` that the history adds.

    Draws from ``rng`` only, and leaves networks, optimisers and random states as it found them:
    a run with other probes must train the same weights.
    """

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]: ...


@dataclass(frozen=True)
class ScoreProbe:
    """The critic on training, held-out and fake samples, with networks in evaluation mode.

    Attributes:
        train, validation: encoded samples on the run's device; about as many of each.
        latent_dim: of the generator.
        packing: what the critic sees together, or None.
    """

    train: Samples
    validation: Samples
    latent_dim: int
    packing: Packing | None = None

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        generator, critic = state.networks["generator"], state.networks["critic"]
        real = self.validation
        with evaluating(generator, critic):
            latent = draw_latent(len(real), self.latent_dim, rng)
            fake = self._seen(Samples(generate(generator, latent, real.y), real.y)).x
            real, train = self._seen(real), self._seen(self.train)
            scores = {
                "train": score(critic, train.x, train.y).mean(),
                "validation": score(critic, real.x, real.y).mean(),
                "fake": score(critic, fake, real.y).mean(),
            }
            with torch.enable_grad():
                points = interpolates(real.x, fake, rng=rng).requires_grad_()
                gradients = input_gradients(
                    score(critic, points, real.y), points, create_graph=False
                )
            slope = gradient_norms(gradients).mean()
        numbers = {f"scores.{name}": value for name, value in scores.items()}
        # Free of the critic's offset; not of its scale, which the slope tells.
        numbers["estimate.train"] = scores["train"] - scores["fake"]
        numbers["estimate.validation"] = scores["validation"] - scores["fake"]
        numbers["input_gradient_norm"] = slope
        for name, network in state.networks.items():
            numbers[f"weight_norm.{name}"] = torch.nn.utils.get_total_norm(
                [parameter.detach() for parameter in network.parameters()]
            )
        values = torch.stack([value.double() for value in numbers.values()]).tolist()
        return dict(zip(numbers, values, strict=True))

    def _seen(self, samples: Samples) -> Samples:
        """The samples, in as many whole packs as they fill; at least one."""
        if self.packing is None:
            return samples
        size = self.packing.size
        return Samples(pack(samples.x[: len(samples) // size * size], size))
