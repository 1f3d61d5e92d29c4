"""DCGAN's strided convolutions, for square images of 8 to 128 pixels.

Source: Radford, Metz and Chintala 2016, section 3: no pooling, no hidden dense layers, ReLU in the
generator, leaky ReLU in the critic, normalisation everywhere but at the generator's output and the
critic's input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from steadygan.interfaces import Judgement, SampleSpec
from steadygan.networks import layers
from steadygan.networks.conditioning import (
    CONCATENATION,
    CONDITIONINGS,
    Head,
    join_label,
    joined_classes,
)

INITIALISATIONS: Mapping[str, layers.Initialise] = {
    "dcgan": layers.normal_002,
    "framework": layers.leave,
}


class DCGANGenerator(nn.Module):
    """Latent ``(batch, latent_dim)`` to images ``(batch, channels, size, size)``.

    A dense layer to ``base x base`` (4 to 7) pixels, then a transposed convolution (4 x 4, stride
    2) per doubling.

    Args:
        latent_dim: size of the latent vector.
        shape: ``(channels, size, size)``, ``size`` in ``layers.SIZES``.
        width: channels at ``size / 2`` pixels, the finest hidden layer; each coarser one has twice
            as many, up to ``max_growth * width``.
        max_growth: see ``width``.
        norm: before each activation: ``"batch"``, ``"layer"``, ``"instance"`` or None.
        activation: a name in ``layers.ACTIVATIONS``.
        bounds: range of the samples: tanh for ``(-1, 1)``, linear for None, else a stretched tanh.
        classes: number of classes of the labels it takes as second argument, or None.
        initialisation: ``"dcgan"``, N(0, 0.02), or ``"framework"``, torch's own.

    Raises:
        NetworkError: an image size cannot be built, a number is not positive, a name is unknown.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        *,
        width: int = 64,
        max_growth: int = 8,
        norm: str | None = "batch",
        activation: str = "relu",
        bounds: tuple[float, float] | None = (-1.0, 1.0),
        classes: int | None = None,
        initialisation: str = "dcgan",
    ) -> None:
        super().__init__()
        layers.check_positive("latent_dim", latent_dim)
        layers.check_positive("width and max_growth", width, max_growth)
        make_activation = layers.pick(layers.ACTIVATIONS, activation, "activation")
        channels, base, doublings = layers.plan_image("DCGAN", tuple(shape))
        sizes = layers.widths(width, max_growth, doublings)[::-1]  # coarsest first

        stack: list[nn.Module] = [
            nn.Linear(latent_dim + (classes or 0), sizes[0] * base * base),
            nn.Unflatten(1, (sizes[0], base, base)),
            *layers.normalisation(layers.IMAGE_NORMS, norm, sizes[0]),
            make_activation(),
        ]
        for before, after in pairwise(sizes):
            stack += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=layers.needs_bias(norm)),
                *layers.normalisation(layers.IMAGE_NORMS, norm, after),
                make_activation(),
            ]
        stack += [nn.ConvTranspose2d(sizes[-1], channels, 4, 2, 1), layers.output(bounds)]
        self.body = nn.Sequential(*stack)
        self.classes = classes
        layers.pick(INITIALISATIONS, initialisation, "initialisation")(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        images: Tensor = self.body(join_label(z, y, self.classes))
        return images


class DCGANCritic(nn.Module):
    """Images ``(batch, channels, size, size)`` to scores ``(batch,)``.

    A convolution (4 x 4, stride 2) per halving down to 4 to 7 pixels, then a dense layer.

    Args:
        shape: ``(channels, size, size)``, ``size`` in ``layers.SIZES``.
        width: channels at ``size / 2`` pixels, the finest hidden layer; each coarser one has twice
            as many, up to ``max_growth * width``.
        max_growth: see ``width``.
        norm: before each activation but the first: ``"layer"`` (over channels, height and width, as
            WGAN-GP), ``"instance"``, None, or ``"batch"``, which couples the samples of a batch and
            so does not go with a gradient penalty.
        activation: a name in ``layers.ACTIVATIONS``.
        classes: number of classes of the labels it takes as second argument, or None.
        conditioning: how it takes them: a name in ``conditioning.CONDITIONINGS``.
        minibatch_std: add the minibatch standard deviation to the last features.
        initialisation: ``"dcgan"``, N(0, 0.02), or ``"framework"``, torch's own.

    Raises:
        NetworkError: an image size cannot be built, a number is not positive, a name is unknown.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        width: int = 64,
        max_growth: int = 8,
        norm: str | None = None,
        activation: str = "leaky_relu",
        classes: int | None = None,
        conditioning: str = CONCATENATION,
        minibatch_std: bool = False,
        initialisation: str = "dcgan",
    ) -> None:
        super().__init__()
        layers.check_positive("width and max_growth", width, max_growth)
        layers.check_norm(layers.IMAGE_NORMS, norm, "normalisation")
        make_activation = layers.pick(layers.ACTIVATIONS, activation, "activation")
        channels, base, doublings = layers.plan_image("DCGAN", tuple(shape))
        sizes = layers.widths(width, max_growth, doublings)

        self.joined = joined_classes(classes, conditioning)
        seen = channels + (self.joined or 0)

        stack: list[nn.Module] = [nn.Conv2d(seen, sizes[0], 4, 2, 1), make_activation()]
        for before, after in pairwise(sizes):
            stack += [
                nn.Conv2d(before, after, 4, 2, 1, bias=layers.needs_bias(norm)),
                *layers.normalisation(layers.IMAGE_NORMS, norm, after),
                make_activation(),
            ]
        self.body = nn.Sequential(*stack, nn.Flatten())
        features = sizes[-1] * base * base
        self.head = Head(features, classes, conditioning, minibatch_std=minibatch_std)
        layers.pick(INITIALISATIONS, initialisation, "initialisation")(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | Judgement:
        judgement: Tensor | Judgement = self.head(self.body(join_label(x, y, self.joined)), y)
        return judgement


@dataclass(frozen=True)
class DCGAN:
    """DCGAN's generator and critic for square images, 8 to 128 pixels, any number of channels.

    Sizes are 4, 5, 6 or 7 pixels doubled one or more times: ``layers.SIZES``.

    Attributes:
        width: channels of the finest hidden layer, at half the image's size; each coarser one has
            twice as many, up to ``max_growth * width`` (64 px: 64, 128, 256, 512).
        max_growth: see ``width``.
        generator_norm: ``"batch"``, ``"layer"``, ``"instance"`` or None.
        critic_norm: ``"layer"``, ``"instance"``, ``"batch"`` or None.
        generator_activation: a name in ``layers.ACTIVATIONS``.
        critic_activation: a name in ``layers.ACTIVATIONS``.
        initialisation: ``"dcgan"``, N(0, 0.02), or ``"framework"``, torch's own.
        conditioning: how the critic takes labels, where the recipe is conditional:
            ``"concatenation"``, ``"projection"`` or ``"auxiliary"``.
        minibatch_std: give the critic the minibatch standard deviation of its last features.

    Raises:
        NetworkError: a number is not positive or a name is unknown.
    """

    width: int = 64
    max_growth: int = 8
    generator_norm: str | None = "batch"
    critic_norm: str | None = None
    generator_activation: str = "relu"
    critic_activation: str = "leaky_relu"
    initialisation: str = "dcgan"
    conditioning: str = CONCATENATION
    minibatch_std: bool = False

    def __post_init__(self) -> None:
        layers.check_positive("width and max_growth", self.width, self.max_growth)
        layers.check_norm(layers.IMAGE_NORMS, self.generator_norm, "generator_norm")
        layers.check_norm(layers.IMAGE_NORMS, self.critic_norm, "critic_norm")
        layers.pick(layers.ACTIVATIONS, self.generator_activation, "generator_activation")
        layers.pick(layers.ACTIVATIONS, self.critic_activation, "critic_activation")
        layers.pick(INITIALISATIONS, self.initialisation, "initialisation")
        layers.pick(CONDITIONINGS, self.conditioning, "conditioning")

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        """``{"generator", "critic"}``; raises NetworkError where ``spec`` does not fit."""
        return {
            "generator": DCGANGenerator(
                latent_dim,
                spec.shape,
                width=self.width,
                max_growth=self.max_growth,
                norm=self.generator_norm,
                activation=self.generator_activation,
                bounds=spec.bounds,
                classes=spec.classes,
                initialisation=self.initialisation,
            ),
            "critic": DCGANCritic(
                spec.shape,
                width=self.width,
                max_growth=self.max_growth,
                norm=self.critic_norm,
                activation=self.critic_activation,
                classes=spec.classes,
                conditioning=self.conditioning,
                minibatch_std=self.minibatch_std,
                initialisation=self.initialisation,
            ),
        }
