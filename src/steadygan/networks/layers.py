"""What several architectures share: layers by name, the generator's last layer, image sizes.

Everything here is twice differentiable, as gradient penalties need it, and creates all of its
parameters when it is built, drawing from torch's default random state only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError, did_you_mean
from steadygan.interfaces import IMAGE_SIZES

T = TypeVar("T")
Features = Callable[[int], nn.Module]  # number of features or channels -> layer
Initialise = Callable[[nn.Module], None]  # sets the parameters of a whole network, in place

# Not in place: a residual block's shortcut reads the same tensor as its first activation.
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.2),  # the slope of DCGAN, and of most critics since
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}

VECTOR_NORMS: Mapping[str, Features] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}

# "layer" on images takes its statistics over (channels, height, width) of each sample and has one
# scale and offset per channel, as in WGAN-GP's critic: that is GroupNorm with one group.
# nn.LayerNorm((C, H, W)) would learn a scale per pixel and tie the weights to the image size.
IMAGE_NORMS: Mapping[str, Features] = {
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),
    "instance": partial(nn.InstanceNorm2d, affine=True),
}

# These subtract each channel's mean, and with it any bias of the layer before.
_CANCELS_BIAS = frozenset({"batch", "instance"})


def pick(table: Mapping[str, T], name: object, what: str) -> T:
    """The entry called ``name``; raises NetworkError, with the nearest name, if there is none."""
    if isinstance(name, str) and name in table:
        return table[name]
    raise NetworkError(f"unknown {what} {name!r}.{did_you_mean(str(name), list(table))}")


def check_norm(table: Mapping[str, Features], name: object, what: str) -> None:
    """Raises NetworkError unless ``name`` is None or in ``table``."""
    if name is not None:
        pick(table, name, what)


def check_positive(what: str, *values: object) -> None:
    """Raises NetworkError unless all ``values`` are integers of 1 or more."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise NetworkError(f"{what} must be a whole number of 1 or more, not {value!r}.")


def normalisation(
    table: Mapping[str, Features], name: str | None, features: int
) -> list[nn.Module]:
    """The layer called ``name``, or an empty list where ``name`` is None."""
    return [] if name is None else [pick(table, name, "normalisation")(features)]


def needs_bias(norm: str | None) -> bool:
    """Whether a bias right before the normalisation ``norm`` changes anything."""
    return norm not in _CANCELS_BIAS


class ScaledTanh(nn.Module):
    """``tanh`` stretched to ``(low, high)``; rounding never leads outside."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        half = (self.high - self.low) / 2
        return (torch.tanh(x) * half + (self.low + half)).clamp(self.low, self.high)

    def extra_repr(self) -> str:
        return f"{self.low}, {self.high}"


def output(bounds: tuple[float, float] | None) -> nn.Module:
    """A generator's last layer: tanh for ``(-1, 1)``, linear for None, else a stretched tanh.

    Raises:
        NetworkError: ``bounds`` are not two finite numbers in rising order.
    """
    if bounds is None:
        return nn.Identity()
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise NetworkError(f"bounds must be two finite rising numbers or None, not {bounds!r}.")
    return nn.Tanh() if (low, high) == (-1, 1) else ScaledTanh(float(low), float(high))


# Image sizes: a base of 4 to 7 pixels, doubled one to five times.
SIZES = IMAGE_SIZES


class ImagePlan(NamedTuple):
    """How a square image is reached: ``base`` pixels, doubled ``doublings`` times."""

    channels: int
    base: int
    doublings: int


def plan_image(architecture: str, shape: tuple[int, ...]) -> ImagePlan:
    """Splits ``shape`` ``(channels, size, size)`` into what the convolutional networks need.

    Raises:
        NetworkError: not a square image, or ``size`` is not in ``SIZES``.
    """
    if len(shape) != 3 or shape[1] != shape[2]:
        raise NetworkError(
            f"{architecture} needs square images (channels, size, size), not shape {tuple(shape)}."
        )
    check_positive("every number in a sample's shape", *shape)
    channels, size = shape[0], shape[1]
    if size not in SIZES:
        nearest = [max((s for s in SIZES if s < size), default=None)]
        nearest.append(min((s for s in SIZES if s > size), default=None))
        near = " or ".join(f"{s}" for s in nearest if s is not None)
        raise NetworkError(
            f"{architecture} cannot build images of {size} x {size} pixels: resize them to {near}."
        )
    doublings = (size // 4).bit_length() - 1
    return ImagePlan(channels, size >> doublings, doublings)


def widths(width: int, max_growth: int, levels: int) -> list[int]:
    """Channels per level, finest first: doubled at each, up to ``max_growth * width``."""
    return [width * min(1 << level, max_growth) for level in range(levels)]


# Initialisations. Each sets every weight and bias of the network, in place.
_WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm, nn.LayerNorm)


def zero_bias(layer: nn.Module) -> None:
    """Sets the bias to zero where there is one."""
    if isinstance(layer.bias, Tensor):
        nn.init.zeros_(layer.bias)


def leave(network: nn.Module) -> None:
    """The framework's own initialisation: what the layers drew when they were made."""


def normal_002(network: nn.Module) -> None:
    """Weights N(0, 0.02), scales of normalisations N(1, 0.02), biases 0.

    Source: Radford et al. 2016, section 4; the scales as in the authors' code.
    """
    for layer in network.modules():
        if isinstance(layer, _WEIGHTED + _NORMS):
            nn.init.normal_(layer.weight, 0.0 if isinstance(layer, _WEIGHTED) else 1.0, 0.02)
            zero_bias(layer)


def he_uniform(network: nn.Module) -> None:
    """Weights He uniform by fan-in for ReLU, biases 0 (He et al. 2015, section 2.2)."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            zero_bias(layer)


def xavier_uniform(network: nn.Module) -> None:
    """Weights Xavier uniform, biases 0 (Glorot and Bengio 2010, equation 16)."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            zero_bias(layer)
