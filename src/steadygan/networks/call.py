"""How the engine calls networks: with ``x`` alone, or with ``x`` and a condition ``y``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.interfaces import Judgement, Scores


def judge(critic: nn.Module, x: Tensor, y: Tensor | None = None) -> tuple[Scores, Tensor | None]:
    """The critic's scores of ``x``, ``(batch,)``, and the logits of an auxiliary classifier,
    ``(batch, classes)``, if it has one; ``critic(x)``, or ``critic(x, y)`` given ``y``.

    Raises:
        NetworkError: the critic returns neither ``(batch,)`` nor ``(batch, 1)`` scores.
    """
    returned: Tensor | Judgement = critic(x) if y is None else critic(x, y)
    scores, logits = returned if isinstance(returned, Judgement) else (returned, None)
    scores, logits = at_least_float32(scores), None if logits is None else at_least_float32(logits)
    if scores.shape == (x.shape[0], 1):
        return scores.squeeze(1), logits
    if scores.shape != (x.shape[0],):
        raise NetworkError(
            f"the critic returned shape {tuple(scores.shape)} for a batch of {x.shape[0]}: "
            "it must give one score per sample, (batch,) or (batch, 1)."
        )
    return scores, logits


def score(critic: nn.Module, x: Tensor, y: Tensor | None = None) -> Scores:
    """The critic's scores of ``x``, ``(batch,)``, as ``judge``."""
    return judge(critic, x, y)[0]


def generate(generator: nn.Module, latent: Tensor, y: Tensor | None = None) -> Tensor:
    """Fake samples ``(batch, *shape)``; ``generator(z)``, or ``generator(z, y)`` given ``y``."""
    fake: Tensor = generator(latent) if y is None else generator(latent, y)
    return at_least_float32(fake)


def at_least_float32(values: Tensor) -> Tensor:
    """What leaves a network under autocast, in float32: losses, norms and interpolates of it are
    not to be rounded further."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def features(critic: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
    """What the critic's last dense layer sees of ``x``, ``(batch, features)``, with its graph.

    Raises:
        NetworkError: the critic has no dense layer, or does not use it.
    """
    dense = [module for module in critic.modules() if isinstance(module, nn.Linear)]
    if not dense:
        raise NetworkError("the critic has no dense layer whose input could serve as features.")
    seen: list[Tensor] = []
    handle = dense[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        judge(critic, x, y)
    finally:
        handle.remove()
    if not seen:
        raise NetworkError("the critic's last dense layer takes no part in its scores.")
    return seen[-1].flatten(1)
