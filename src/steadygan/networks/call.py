"""How the engine calls networks: with ``x`` alone, or with ``x`` and a condition ``y``."""

from __future__ import annotations

from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.interfaces import Scores


def score(critic: nn.Module, x: Tensor, y: Tensor | None = None) -> Scores:
    """The critic's scores of ``x``, ``(batch,)``; ``critic(x)``, or ``critic(x, y)`` given ``y``.

    Raises:
        NetworkError: the critic returns neither ``(batch,)`` nor ``(batch, 1)``.
    """
    scores: Tensor = critic(x) if y is None else critic(x, y)
    if scores.shape == (x.shape[0], 1):
        return scores.squeeze(1)
    if scores.shape != (x.shape[0],):
        raise NetworkError(
            f"the critic returned shape {tuple(scores.shape)} for a batch of {x.shape[0]}: "
            "it must give one score per sample, (batch,) or (batch, 1)."
        )
    return scores


def generate(generator: nn.Module, latent: Tensor, y: Tensor | None = None) -> Tensor:
    """Fake samples ``(batch, *shape)``; ``generator(z)``, or ``generator(z, y)`` given ``y``."""
    fake: Tensor = generator(latent) if y is None else generator(latent, y)
    return fake
