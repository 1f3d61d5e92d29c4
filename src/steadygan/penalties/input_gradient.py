"""What every penalty on the critic's input gradient shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor, nn

from steadygan.interfaces import Gradients, PerSample, Samples
from steadygan.networks.call import score
from steadygan.networks.double_backward import differentiable_gradients

# Below the rounding of float32 for any norm that matters; it keeps the derivative of the square
# root finite at a zero gradient, where it would otherwise be NaN.
_TINY = 1e-16


def input_gradients(scores: Tensor, points: Tensor, *, create_graph: bool = True) -> Gradients:
    """Gradient of each score by its own input, ``(batch, *shape)``.

    Args:
        scores: ``(batch,)``, computed from ``points`` so that each depends on its own sample only.
        points: ``(batch, *shape)``, requiring grad.
        create_graph: keep the graph, so that a function of the gradient can be differentiated by
            the critic's weights. False only for measuring.
    """
    # The gradient of the sum holds every sample's own gradient, because no score depends on
    # another sample's input.
    (gradients,) = torch.autograd.grad(scores.sum(), points, create_graph=create_graph)
    return gradients


def squared_norms(gradients: Gradients) -> PerSample:
    """Squared Euclidean norm of each sample's gradient over all its dimensions, ``(batch,)``; at
    least float32 whatever the autocast."""
    flat = gradients.flatten(1)
    if flat.dtype in (torch.float16, torch.bfloat16):
        flat = flat.float()
    return flat.square().sum(1)


def gradient_norms(gradients: Gradients) -> PerSample:
    """Euclidean norm of each sample's gradient, ``(batch,)``; exact to 1e-16 in the square, so that
    a zero gradient has a finite derivative."""
    return (squared_norms(gradients) + _TINY).sqrt()


def leaf(points: Samples) -> Samples:
    """Points whose gradient can be taken: new tensors, since they may be the real batch itself."""
    return Samples(points.x.detach().requires_grad_(), points.y)


class InputGradientPenalty(ABC):
    """A penalty that says where the critic's gradient is wanted and what it costs.

    Subclasses implement ``points`` and ``cost`` and are frozen dataclasses with a ``name``; the
    general form follows. The step joins the points of several into one pass.
    """

    name: str

    @abstractmethod
    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        """The inputs at which the gradient is wanted: ``(batch, *shape)``, detached."""

    @abstractmethod
    def cost(self, gradients: Gradients) -> PerSample:
        """The penalty of each sample, ``(batch,)``, from gradients ``(batch, *shape)``."""

    @final
    def __call__(
        self, critic: nn.Module, real: Samples, fake: Samples, *, rng: torch.Generator
    ) -> PerSample:
        """The penalty of each sample, ``(batch,)``, in a pass of its own: for own loops."""
        at = leaf(self.points(real, fake, rng=rng))
        (gradients,) = differentiable_gradients(lambda: score(critic, at.x, at.y).sum(), [at.x])
        return self.cost(gradients)
