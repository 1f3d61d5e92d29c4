"""Recurrent networks for sequences ``(length, features)``: series, and text as one-hot characters.

cuDNN's recurrent layers have no second derivative, which a gradient penalty needs. This critic
therefore runs without cuDNN, on any device; a critic of your own does the same inside
``torch.backends.cudnn.flags(enabled=False)``, or keeps cuDNN and takes its penalty as
``FiniteDifference(TwoSided())``, which needs first derivatives only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.interfaces import Judgement, SampleSpec
from steadygan.networks import layers
from steadygan.networks.conditioning import (
    CONCATENATION,
    CONDITIONINGS,
    Head,
    join_label,
    joined_classes,
)

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"gru": nn.GRU, "lstm": nn.LSTM}


def _sequence(shape: Sequence[int]) -> tuple[int, int]:
    """Steps and features per step; ``(length,)`` is a series of one number per step."""
    if len(shape) not in (1, 2):
        raise NetworkError(
            f"Recurrent needs sequences (length,) or (length, features), not shape {tuple(shape)}."
        )
    layers.check_positive("every number in a sample's shape", *shape)
    return shape[0], math.prod(shape[1:])


class RecurrentGenerator(nn.Module):
    """Latent ``(batch, latent_dim)`` to sequences ``(batch, length, features)``.

    Every step of the recurrent layers gets the latent vector; a dense layer makes the features.

    Args:
        latent_dim: size of the latent vector.
        shape: ``(length, features)`` or ``(length,)``.
        hidden: units of each recurrent layer.
        depth: recurrent layers.
        cell: ``"gru"`` or ``"lstm"``.
        bounds: range of the samples: tanh for ``(-1, 1)``, linear for None, else a stretched tanh.
        classes: number of classes of the labels it takes as second argument, or None.

    Raises:
        NetworkError: a size is not positive, a name is unknown, or the shape is no sequence.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        *,
        hidden: int = 128,
        depth: int = 1,
        cell: str = "gru",
        bounds: tuple[float, float] | None = None,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        layers.check_positive("latent_dim, hidden and depth", latent_dim, hidden, depth)
        self.length, features = _sequence(shape)
        make = layers.pick(CELLS, cell, "cell")
        self.body = make(latent_dim + (classes or 0), hidden, num_layers=depth, batch_first=True)
        self.features = nn.Linear(hidden, features)
        self.output = layers.output(bounds)
        self.shape = tuple(shape)
        self.classes = classes

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        steps = join_label(z, y, self.classes)[:, None].expand(-1, self.length, -1)
        states, _ = self.body(steps)
        samples: Tensor = self.output(self.features(states)).reshape(len(z), *self.shape)
        return samples


class RecurrentCritic(nn.Module):
    """Sequences ``(batch, length, features)`` to scores ``(batch,)``.

    Recurrent layers in both directions; the mean of their states over the steps is scored.

    Args:
        shape: ``(length, features)`` or ``(length,)``.
        hidden, depth, cell: as the generator's; ``hidden`` per direction.
        classes: number of classes of the labels it takes as second argument, or None.
        conditioning: how it takes them: a name in ``conditioning.CONDITIONINGS``.
        minibatch_std: add the minibatch standard deviation to the last features.

    Raises:
        NetworkError: a size is not positive, a name is unknown, or the shape is no sequence.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        hidden: int = 128,
        depth: int = 1,
        cell: str = "gru",
        classes: int | None = None,
        conditioning: str = CONCATENATION,
        minibatch_std: bool = False,
    ) -> None:
        super().__init__()
        layers.check_positive("hidden and depth", hidden, depth)
        self.length, features = _sequence(shape)
        self.joined = joined_classes(classes, conditioning)
        make = layers.pick(CELLS, cell, "cell")
        inputs = features + (self.joined or 0)
        self.body = make(inputs, hidden, num_layers=depth, batch_first=True, bidirectional=True)
        self.head = Head(2 * hidden, classes, conditioning, minibatch_std=minibatch_std)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | Judgement:
        steps = x.reshape(len(x), self.length, -1)
        joined = join_label(steps.transpose(1, 2), y, self.joined).transpose(1, 2)
        with torch.backends.cudnn.flags(enabled=False):  # it cannot be differentiated twice
            states, _ = self.body(joined)
        judgement: Tensor | Judgement = self.head(states.mean(1), y)
        return judgement


@dataclass(frozen=True)
class Recurrent:
    """A recurrent generator and critic for sequences ``(length, features)`` or ``(length,)``.

    Attributes:
        hidden: units of each recurrent layer.
        depth: recurrent layers.
        cell: ``"gru"`` or ``"lstm"``.
        conditioning: how the critic takes labels, where the recipe is conditional:
            ``"concatenation"``, ``"projection"`` or ``"auxiliary"``.
        minibatch_std: give the critic the minibatch standard deviation of its last features.

    Raises:
        NetworkError: a size is not positive or a name is unknown.
    """

    hidden: int = 128
    depth: int = 1
    cell: str = "gru"
    conditioning: str = CONCATENATION
    minibatch_std: bool = False

    def __post_init__(self) -> None:
        layers.check_positive("hidden and depth", self.hidden, self.depth)
        layers.pick(CELLS, self.cell, "cell")
        layers.pick(CONDITIONINGS, self.conditioning, "conditioning")

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        """``{"generator", "critic"}``; raises NetworkError where ``spec`` does not fit."""
        generator = RecurrentGenerator(
            latent_dim,
            spec.shape,
            hidden=self.hidden,
            depth=self.depth,
            cell=self.cell,
            bounds=spec.bounds,
            classes=spec.classes,
        )
        critic = RecurrentCritic(
            spec.shape,
            hidden=self.hidden,
            depth=self.depth,
            cell=self.cell,
            classes=spec.classes,
            conditioning=self.conditioning,
            minibatch_std=self.minibatch_std,
        )
        return {"generator": generator, "critic": critic}
