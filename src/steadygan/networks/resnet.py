"""WGAN-GP's residual networks, for square images of 8 to 128 pixels.

Source: Gulrajani et al. 2017, the CIFAR-10 architecture of the appendix. At 32 pixels with the
defaults these are its networks; other sizes keep its blocks and change how often they occur.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from steadygan.interfaces import Judgement, SampleSpec
from steadygan.networks import layers
from steadygan.networks.conditioning import (
    CONCATENATION,
    CONDITIONINGS,
    Head,
    join_label,
    joined_classes,
)


def _same(x: Tensor) -> Tensor:
    return x


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def _halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


class UpBlock(nn.Module):
    """``(batch, before, s, s)`` to ``(batch, after, 2s, 2s)``: norm, activation, nearest-neighbour
    upsampling, convolution, norm, activation, convolution; plus a 1 x 1 shortcut."""

    def __init__(
        self, before: int, after: int, norm: str | None, activation: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.enter = _entry(norm, before, activation)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.middle = _entry(norm, after, activation)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv2(self.middle(self.conv1(_double(self.enter(x)))))
        # A 1 x 1 convolution commutes with repeating pixels, at a quarter of the work.
        summed: Tensor = _double(self.shortcut(x)) + residual
        return summed


class DownBlock(nn.Module):
    """``(batch, before, s, s)`` to ``(batch, after, s/2, s/2)``: norm, activation, convolution,
    norm, activation, convolution, mean pooling; plus a 1 x 1 shortcut.

    ``first``: the critic's first block, which starts with the convolution (the image is not
    activated) and normalises nothing.
    """

    def __init__(
        self,
        before: int,
        after: int,
        norm: str | None,
        activation: Callable[[], nn.Module],
        *,
        first: bool = False,
    ) -> None:
        super().__init__()
        middle = after if first else before
        self.enter = nn.Identity() if first else _entry(norm, before, activation)
        self.conv1 = nn.Conv2d(before, middle, 3, padding=1)
        self.middle = _entry(None if first else norm, middle, activation)
        self.conv2 = nn.Conv2d(middle, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv2(self.middle(self.conv1(self.enter(x))))
        # A 1 x 1 convolution commutes with mean pooling, at a quarter of the work.
        summed: Tensor = self.shortcut(_halve(x)) + _halve(residual)
        return summed


class PlainBlock(nn.Module):
    """``(batch, width, s, s)`` to the same shape: norm, activation and convolution, twice, added to
    the input."""

    def __init__(self, width: int, norm: str | None, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.enter = _entry(norm, width, activation)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.middle = _entry(norm, width, activation)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.conv2(self.middle(self.conv1(self.enter(x))))
        return summed


def _entry(norm: str | None, channels: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(*layers.normalisation(layers.IMAGE_NORMS, norm, channels), activation())


def _wgan_gp(network: nn.Module) -> None:
    """He uniform for the 3 x 3 convolutions inside blocks, Xavier uniform elsewhere, biases 0.

    As in the paper's code, "He" doubles the variance of Xavier, ``4 / (fan_in + fan_out)``, rather
    than going by the fan-in alone; the two agree where both fans are equal.
    """
    layers.xavier_uniform(network)
    for block in network.modules():
        if isinstance(block, UpBlock | DownBlock | PlainBlock):
            for conv in (block.conv1, block.conv2):
                nn.init.xavier_uniform_(conv.weight, gain=math.sqrt(2))


INITIALISATIONS: Mapping[str, layers.Initialise] = {"wgan-gp": _wgan_gp, "framework": layers.leave}


class ResNetGenerator(nn.Module):
    """Latent ``(batch, latent_dim)`` to images ``(batch, channels, size, size)``.

    A dense layer to ``base x base`` (4 to 7) pixels, an upsampling residual block per doubling,
    norm, activation, a 3 x 3 convolution to the image.

    Args:
        latent_dim: size of the latent vector.
        shape: ``(channels, size, size)``, ``size`` in ``layers.SIZES``.
        width: channels at the full size; each coarser level has twice as many, up to
            ``max_growth * width``. The paper's CIFAR-10 network is 128 throughout.
        max_growth: see ``width``.
        norm: before each activation: ``"batch"``, ``"layer"``, ``"instance"`` or None.
        activation: a name in ``layers.ACTIVATIONS``.
        bounds: range of the samples: tanh for ``(-1, 1)``, linear for None, else a stretched tanh.
        classes: number of classes of the labels it takes as second argument, or None.
        initialisation: ``"wgan-gp"`` or ``"framework"``, torch's own.

    Raises:
        NetworkError: an image size cannot be built, a number is not positive, a name is unknown.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: Sequence[int],
        *,
        width: int = 128,
        max_growth: int = 1,
        norm: str | None = "batch",
        activation: str = "relu",
        bounds: tuple[float, float] | None = (-1.0, 1.0),
        classes: int | None = None,
        initialisation: str = "wgan-gp",
    ) -> None:
        super().__init__()
        layers.check_positive("latent_dim", latent_dim)
        layers.check_positive("width and max_growth", width, max_growth)
        make_activation = layers.pick(layers.ACTIVATIONS, activation, "activation")
        channels, base, doublings = layers.plan_image("ResNet", tuple(shape))
        sizes = layers.widths(width, max_growth, doublings + 1)[::-1]  # coarsest first
        self.body = nn.Sequential(
            nn.Linear(latent_dim + (classes or 0), sizes[0] * base * base),
            nn.Unflatten(1, (sizes[0], base, base)),
            *(UpBlock(b, a, norm, make_activation) for b, a in pairwise(sizes)),
            *_entry(norm, sizes[-1], make_activation),
            nn.Conv2d(sizes[-1], channels, 3, padding=1),
            layers.output(bounds),
        )
        self.classes = classes
        layers.pick(INITIALISATIONS, initialisation, "initialisation")(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        images: Tensor = self.body(join_label(z, y, self.classes))
        return images


class ResNetCritic(nn.Module):
    """Images ``(batch, channels, size, size)`` to scores ``(batch,)``.

    Downsampling residual blocks to 8 to 14 pixels (from 8 to 14 pixels: one, to 4 to 7), two plain
    blocks, activation, mean over the pixels, a dense layer.

    Args:
        shape: ``(channels, size, size)``, ``size`` in ``layers.SIZES``.
        width: channels of the first block; each further downsampling block doubles them, up to
            ``max_growth * width``. The paper's CIFAR-10 network is 128 throughout.
        max_growth: see ``width``.
        norm: before each activation but the first block's and the last: ``"layer"`` (over channels,
            height and width, as WGAN-GP), ``"instance"``, None (as the paper's CIFAR-10 critic), or
            ``"batch"``, which couples the samples of a batch and so does not go with a gradient
            penalty.
        activation: a name in ``layers.ACTIVATIONS``.
        classes: number of classes of the labels it takes as second argument, or None.
        conditioning: how it takes them: a name in ``conditioning.CONDITIONINGS``.
        minibatch_std: add the minibatch standard deviation to the last features.
        initialisation: ``"wgan-gp"`` or ``"framework"``, torch's own.

    Raises:
        NetworkError: an image size cannot be built, a number is not positive, a name is unknown.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        width: int = 128,
        max_growth: int = 1,
        norm: str | None = None,
        activation: str = "relu",
        classes: int | None = None,
        conditioning: str = CONCATENATION,
        minibatch_std: bool = False,
        initialisation: str = "wgan-gp",
    ) -> None:
        super().__init__()
        layers.check_positive("width and max_growth", width, max_growth)
        make_activation = layers.pick(layers.ACTIVATIONS, activation, "activation")
        channels, _, doublings = layers.plan_image("ResNet", tuple(shape))
        sizes = layers.widths(width, max_growth, max(1, doublings - 1))
        self.joined = joined_classes(classes, conditioning)
        self.body = nn.Sequential(
            DownBlock(channels + (self.joined or 0), sizes[0], norm, make_activation, first=True),
            *(DownBlock(b, a, norm, make_activation) for b, a in pairwise(sizes)),
            PlainBlock(sizes[-1], norm, make_activation),
            PlainBlock(sizes[-1], norm, make_activation),
            make_activation(),
        )
        self.head = Head(sizes[-1], classes, conditioning, minibatch_std=minibatch_std)
        layers.pick(INITIALISATIONS, initialisation, "initialisation")(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor | Judgement:
        features = self.body(join_label(x, y, self.joined)).mean((2, 3))
        judgement: Tensor | Judgement = self.head(features, y)
        return judgement


@dataclass(frozen=True)
class ResNet:
    """WGAN-GP's residual generator and critic for square images, any number of channels.

    Sizes are 4, 5, 6 or 7 pixels doubled one to five times, up to 128: ``layers.SIZES``.

    Attributes:
        width: channels at the finest level; each coarser one has twice as many, up to
            ``max_growth * width``.
        max_growth: 1 keeps ``width`` throughout, as the paper's CIFAR-10 networks; 4 or 8 suits 64
            pixels and more.
        generator_norm: ``"batch"``, ``"layer"``, ``"instance"`` or None.
        critic_norm: ``"layer"``, ``"instance"``, ``"batch"`` or None.
        activation: a name in ``layers.ACTIVATIONS``, in both networks.
        initialisation: ``"wgan-gp"`` (He inside blocks, Xavier elsewhere) or ``"framework"``,
            torch's own.
        conditioning: how the critic takes labels, where the recipe is conditional:
            ``"concatenation"``, ``"projection"`` or ``"auxiliary"``.
        minibatch_std: give the critic the minibatch standard deviation of its last features.

    Raises:
        NetworkError: a number is not positive or a name is unknown.
    """

    width: int = 128
    max_growth: int = 1
    generator_norm: str | None = "batch"
    critic_norm: str | None = None
    activation: str = "relu"
    initialisation: str = "wgan-gp"
    conditioning: str = CONCATENATION
    minibatch_std: bool = False

    def __post_init__(self) -> None:
        layers.check_positive("width and max_growth", self.width, self.max_growth)
        layers.check_norm(layers.IMAGE_NORMS, self.generator_norm, "generator_norm")
        layers.check_norm(layers.IMAGE_NORMS, self.critic_norm, "critic_norm")
        layers.pick(layers.ACTIVATIONS, self.activation, "activation")
        layers.pick(INITIALISATIONS, self.initialisation, "initialisation")
        layers.pick(CONDITIONINGS, self.conditioning, "conditioning")

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        """``{"generator", "critic"}``; raises NetworkError where ``spec`` does not fit."""
        return {
            "generator": ResNetGenerator(
                latent_dim,
                spec.shape,
                width=self.width,
                max_growth=self.max_growth,
                norm=self.generator_norm,
                activation=self.activation,
                bounds=spec.bounds,
                classes=spec.classes,
                initialisation=self.initialisation,
            ),
            "critic": ResNetCritic(
                spec.shape,
                width=self.width,
                max_growth=self.max_growth,
                norm=self.critic_norm,
                activation=self.activation,
                classes=spec.classes,
                conditioning=self.conditioning,
                minibatch_std=self.minibatch_std,
                initialisation=self.initialisation,
            ),
        }
