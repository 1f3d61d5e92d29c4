"""Fully connected networks, for samples of any shape: points, table rows, small images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
from steadygan.networks.dense_pass import DenseLayers

INITIALISATIONS: Mapping[str, layers.Initialise] = {
    "framework": layers.leave,
    "he": layers.he_uniform,  # as WGAN-GP's toy experiments
    "xavier": layers.xavier_uniform,
    "dcgan": layers.normal_002,
}


class MLPGenerator(nn.Module):
    """Latent ``(batch, latent_dim)`` to samples ``(batch, *shape)``.

    Args:
        latent_dim: size of the latent vector.
        shape: of one sample, without the batch.
        hidden: units of each hidden layer; empty for a linear map.
        activation: after each hidden layer; a name in ``layers.ACTIVATIONS``.
        norm: before each activation: ``"batch"``, ``"layer"`` or None.
        bounds: range of the samples: tanh for ``(-1, 1)``, linear for None, else a stretched tanh.
        classes: number of classes of the labels it takes as second argument, or None.
        initialisation: ``"framework"`` (torch's own), ``"he"``, ``"xavier"`` or ``"dcgan"``.

    Raises:
        NetworkError: a size is not positive, a name is unknown, or ``bounds`` are not finite.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        *,
        hidden: Sequence[int] = (512, 512, 512),
        activation: str = "relu",
        norm: str | None = None,
        bounds: tuple[float, float] | None = None,
        classes: int | None = None,
        initialisation: str = "framework",
    ) -> None:
        super().__init__()
        layers.check_positive("latent_dim", latent_dim)
        inputs = latent_dim + (classes or 0)
        last = hidden[-1] if hidden else inputs
        self.body = _body(inputs, hidden, activation, norm)
        self.body.append(nn.Linear(last, _features(shape)))
        self.output = layers.output(bounds)
        self.shape = tuple(shape)
        self.classes = classes
        layers.pick(INITIALISATIONS, initialisation, "initialisation")(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        flat = self.body(join_label(z, y, self.classes))
        samples: Tensor = self.output(flat).unflatten(1, self.shape)
        return samples


class MLPCritic(nn.Module):
    """Samples ``(batch, *shape)`` to scores ``(batch,)``.

    Args:
        shape: of one sample, without the batch.
        hidden: units of each hidden layer; empty for a linear critic ``w·x + b``.
        activation: after each hidden layer; a name in ``layers.ACTIVATIONS``.
        norm: before each activation: ``"layer"``, None, or ``"batch"``, which couples the samples
            of a batch and so does not go with a gradient penalty.
        classes: number of classes of the labels it takes as second argument, or None.
        conditioning: how it takes them: a name in ``conditioning.CONDITIONINGS``.
        minibatch_std: add the minibatch standard deviation to the last features.
        initialisation: ``"framework"`` (torch's own), ``"he"``, ``"xavier"`` or ``"dcgan"``.

    Raises:
        NetworkError: a size is not positive or a name is unknown.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        hidden: Sequence[int] = (512, 512, 512),
        activation: str = "relu",
        norm: str | None = None,
        classes: int | None = None,
        conditioning: str = CONCATENATION,
        minibatch_std: bool = False,
        initialisation: str = "framework",
    ) -> None:
        super().__init__()
        self.joined = joined_classes(classes, conditioning)
        inputs = _features(shape) + (self.joined or 0)
        self.body = _body(inputs, hidden, activation, norm)
        last = hidden[-1] if hidden else inputs
        self.head = Head(last, classes, conditioning, minibatch_std=minibatch_std)
        layers.pick(INITIALISATIONS, initialisation, "initialisation")(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | Judgement:
        judgement: Tensor | Judgement = self.head(self.body(self.rows(x, y)), y)
        return judgement

    def rows(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """What the first layer takes: ``(batch, inputs)``."""
        return join_label(x.flatten(1), y, self.joined)

    def dense_layers(self) -> DenseLayers | None:
        """Its layers, where they are no more than ``forward`` calls one after the other."""
        if type(self).forward is not MLPCritic.forward or not self.head.is_linear:
            return None
        return DenseLayers.of([*self.body, self.head.score])


@dataclass(frozen=True)
class MLP:
    """Fully connected generator and critic of equal depth.

    Attributes:
        hidden: units of each hidden layer, in both networks (WGAN-GP's toy networks: 512 x 3).
        activation: a name in ``layers.ACTIVATIONS``.
        generator_norm: ``"batch"``, ``"layer"`` or None.
        critic_norm: ``"layer"``, ``"batch"`` or None.
        initialisation: ``"framework"``, ``"he"``, ``"xavier"`` or ``"dcgan"``.
        conditioning: how the critic takes labels, where the recipe is conditional:
            ``"concatenation"``, ``"projection"`` or ``"auxiliary"``.
        minibatch_std: give the critic the minibatch standard deviation of its last features.

    Raises:
        NetworkError: a size is not positive or a name is unknown.
    """

    hidden: tuple[int, ...] = (512, 512, 512)
    activation: str = "relu"
    generator_norm: str | None = None
    critic_norm: str | None = None
    initialisation: str = "framework"
    conditioning: str = CONCATENATION
    minibatch_std: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # JSON brings a list
        layers.check_positive("every number in hidden", *self.hidden)
        layers.pick(layers.ACTIVATIONS, self.activation, "activation")
        layers.check_norm(layers.VECTOR_NORMS, self.generator_norm, "generator_norm")
        layers.check_norm(layers.VECTOR_NORMS, self.critic_norm, "critic_norm")
        layers.pick(INITIALISATIONS, self.initialisation, "initialisation")
        layers.pick(CONDITIONINGS, self.conditioning, "conditioning")

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        """``{"generator", "critic"}``; raises NetworkError where ``spec`` does not fit."""
        return {
            "generator": MLPGenerator(
                latent_dim,
                spec.shape,
                hidden=self.hidden,
                activation=self.activation,
                norm=self.generator_norm,
                bounds=spec.bounds,
                classes=spec.classes,
                initialisation=self.initialisation,
            ),
            "critic": MLPCritic(
                spec.shape,
                hidden=self.hidden,
                activation=self.activation,
                norm=self.critic_norm,
                classes=spec.classes,
                conditioning=self.conditioning,
                minibatch_std=self.minibatch_std,
                initialisation=self.initialisation,
            ),
        }


def _features(shape: Sequence[int]) -> int:
    if not shape:
        raise NetworkError("an MLP needs samples of at least one dimension, not shape ().")
    layers.check_positive("every number in a sample's shape", *shape)
    return math.prod(shape)


def _body(inputs: int, hidden: Sequence[int], activation: str, norm: str | None) -> nn.Sequential:
    """The hidden layers."""
    layers.check_positive("every number in hidden", *hidden)
    make_activation = layers.pick(layers.ACTIVATIONS, activation, "activation")
    sizes = (inputs, *hidden)
    stack: list[nn.Module] = []
    for before, after in pairwise(sizes):
        stack += [
            nn.Linear(before, after, bias=layers.needs_bias(norm)),
            *layers.normalisation(layers.VECTOR_NORMS, norm, after),
            make_activation(),
        ]
    return nn.Sequential(*stack)
