"""A ResNet of 56 layers trained on CIFAR-10 (He et al. 2016, section 4.2): 64 features."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from steadygan.features.extractor import NetworkFeatures
from steadygan.features.prepare import ImagesTo
from steadygan.features.weights import digest, find_weights, load_into

_PATTERN = "resnet56_cifar10*.safetensors"
_BLOCKS = 9  # 6 · 9 + 2 layers
_CLASSES = 10


def resnet56(weights: Path | None = None, device: torch.device | None = None) -> NetworkFeatures:
    """The network with weights of a ``.safetensors`` file (``conv1``, ``layer1.0.conv1`` …).

    Args:
        weights: the file; None looks for ``resnet56_cifar10*.safetensors`` where nets are kept.
        device: to compute on.

    Raises:
        DataError: there is no such file, or it holds other weights.
    """
    path = find_weights(weights, "ResNet-56", _PATTERN)
    network = ResNet56()
    load_into(network, path)
    prepare, chosen = ImagesTo(32), device or torch.device("cpu")
    network.to(chosen)
    return NetworkFeatures(
        name="ResNet-56, CIFAR-10",
        dim=64,
        network=network,
        prepare=prepare,
        resize=prepare.resize,
        preprocessing=prepare.preprocessing,
        identity=f"resnet56 {digest(path)[:16]} {prepare}",
        head=network.linear,
        device=chosen,
        batch=256,
    )


class ResNet56(nn.Module):
    """Normalised images ``(n, 3, 32, 32)`` to what its last layer takes, ``(n, 64)``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16)
        self.layer2 = _stage(16, 32)
        self.layer3 = _stage(32, 64)
        self.linear = nn.Linear(64, _CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = relu(self.bn1(self.conv1(images)))
        maps: Tensor = self.layer3(self.layer2(self.layer1(x)))
        return maps.mean((2, 3))


def _stage(channels: int, width: int) -> nn.Sequential:
    first = _Block(channels, width)
    return nn.Sequential(first, *(_Block(width, width) for _ in range(_BLOCKS - 1)))


class _Block(nn.Module):
    """Two convolutions added to the input; a wider one halves the sides, and its input is thinned
    out and padded with channels of 0 (option A)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.widens = width != channels
        stride = 2 if self.widens else 1
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.margin = (width - channels) // 2

    def forward(self, x: Tensor) -> Tensor:
        made = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        if self.widens:
            x = pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.margin, self.margin))
        return relu(made + x)
