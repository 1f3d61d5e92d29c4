"""The duality gap: what each network could still gain if the other one stood still."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from steadygan.interfaces import InputStabiliser, LatentStabiliser, Samples, Stored
from steadygan.networks import copy_of, undisturbed
from steadygan.networks.call import generate, score
from steadygan.training.sampler import Sampler
from steadygan.training.settings import Training
from steadygan.training.state import TrainingState, evaluating
from steadygan.training.updates import AlternatingUpdates, draw_latent, see

_PUSH = 0.01  # of a layer's usual initial scale


@dataclass(frozen=True)
class DualityGapProbe:
    """How far a pair (G, D) is from an equilibrium, on held-out samples (Grnarova et al. 2019):
    copies of both are trained for ``settings.duality_gap_steps`` updates each, D′ against the fixed
    G and G′ against the fixed D.

    With L_D and L_G the means of the objective's two losses, ``duality_gap.critic`` is
    L_D(G, D) − L_D(G, D′), ``duality_gap.generator`` is L_G(G, D) − L_G(G′, D), and ``duality_gap``
    their sum (Nikaido & Isoda 1955), which is max V(G, ·) − min V(·, D) where the game has one
    value V: L_D = −V, and L_G = V but for what G does not change. ``duality_gap.primal`` is
    −L_D(G, D′), which is max V(G, ·).

    Copies start a small random step away, since at a point that is stationary without being an
    equilibrium no gradient leads on (Sidheekh et al. 2021). Their optimisers are the recipe's, new
    and at their first learning rates: what is measured depends on the weights, and not on how far a
    schedule has come. Of the stabilisers those stay that make the game another one, by what the
    networks see; terms that hold weights back or take the objective's place do not.

    Attributes:
        updates: how the run updates its networks, in one process.
        settings: of the run.
        stored, encode: training samples, and how they are encoded, that copies are trained on.
        held_out: encoded samples that the losses are taken of; whole packs of them.
    """

    updates: AlternatingUpdates
    settings: Training
    stored: Stored
    encode: Callable[[Samples], Samples]
    held_out: Samples

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        generator, critic = state.networks["generator"], state.networks["critic"]
        seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
        with undisturbed(generator, *critic.parameters()), torch.enable_grad():
            best_critic = self._trained("critic", state, seed)
            best_generator = self._trained("generator", state, seed)
            now = self._losses(generator, critic, state, seed)
            with_critic = self._losses(generator, best_critic, state, seed)
            with_generator = self._losses(best_generator, critic, state, seed)
        gains = now[0] - with_critic[0], now[1] - with_generator[1]
        return {
            "duality_gap": gains[0] + gains[1],
            "duality_gap.critic": gains[0],
            "duality_gap.generator": gains[1],
            "duality_gap.primal": -with_critic[0],
        }

    def _trained(
        self, name: Literal["critic", "generator"], state: TrainingState, seed: int
    ) -> nn.Module | None:
        """A copy of one network after its updates against a copy of the other; None where one of
        them was not finite."""
        networks = {each: copy_of(network, each) for each, network in state.networks.items()}
        updates = self._updates()
        settings = {"critic": updates.critic_optimiser, "generator": updates.generator_optimiser}
        apart = TrainingState(
            seed=seed,
            device=state.device,
            networks=networks,
            optimisers={name: settings[name].build(networks[name].parameters())},
            averages={},
            sampler=Sampler(len(self.stored), seed),
            updates=dict(state.updates),
        )
        _push(networks[name], apart.rngs["latent"])
        update = updates.critic_record if name == "critic" else updates.generator_record
        progress = state.spent(self.settings)
        for _ in range(self.settings.duality_gap_steps):
            chosen = apart.sampler.draw(self.settings.batch_size)
            record = update(apart, self.encode(self.stored.take(chosen)), progress)
            if record.applied is False:
                return None
            apart.updates[name] += 1  # decides which lazy penalties are due
        return networks[name]

    def _updates(self) -> AlternatingUpdates:
        kept = (InputStabiliser, LatentStabiliser)
        stabilisers = tuple(each for each in self.updates.stabilisers if isinstance(each, kept))
        return replace(self.updates, stabilisers=stabilisers)

    @torch.no_grad()
    def _losses(
        self,
        generator: nn.Module | None,
        critic: nn.Module | None,
        state: TrainingState,
        seed: int,
    ) -> tuple[float, float]:
        """Both networks' mean losses, of the same draws for whichever networks."""
        if generator is None or critic is None:
            return math.nan, math.nan
        rng = torch.Generator(state.device).manual_seed(seed)
        progress, objective = state.spent(self.settings), self.updates.objective
        views = [each for each in self.updates.stabilisers if isinstance(each, InputStabiliser)]
        real = self.held_out
        with evaluating(generator, critic):
            latent = draw_latent(len(real), self.updates.latent_dim, rng)
            fake = Samples(generate(generator, latent, real.y), real.y)
            seen = [see(views, each, rng=rng, progress=progress) for each in (real, fake)]
            real_scores, fake_scores = (score(critic, each.x, each.y) for each in seen)
            losses = (
                objective.critic_loss(real_scores, fake_scores),
                objective.generator_loss(
                    real_scores if objective.needs_real_scores else None, fake_scores
                ),
            )
        of_critic, of_generator = torch.stack([each.double().mean() for each in losses]).tolist()
        return of_critic, of_generator


@torch.no_grad()
def _push(network: nn.Module, rng: torch.Generator) -> None:
    """Move weights a little, relative to 1/√(inputs of a unit): to their own size would leave those
    that are zero where they are."""
    for parameter in network.parameters():
        if parameter.requires_grad and parameter.ndim >= 2:
            noise = _normal(parameter, rng)
            parameter.add_(noise, alpha=_PUSH / math.sqrt(parameter[0].numel()))


def _normal(like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng, device=like.device, dtype=like.dtype)
