"""MobileNetV2's features (Sandler et al. 2018), trained on ImageNet: 1,280 of them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from steadygan.features.extractor import NetworkFeatures
from steadygan.features.prepare import ImagesTo
from steadygan.features.weights import digest, find_weights, load_into

_SIDE = 224
_PATTERN = "mobilenet_v2*.safetensors"
# Table 2 of the paper: expansion, channels, blocks, stride of the first.
_STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
    (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


def mobilenet(weights: Path | None = None, device: torch.device | None = None) -> NetworkFeatures:
    """The network with weights of a ``.safetensors`` file under torchvision's names.

    Args:
        weights: the file; None looks for ``mobilenet_v2*.safetensors`` where nets are kept.
        device: to compute on.

    Raises:
        DataError: there is no such file, or it holds other weights.
    """
    path = find_weights(weights, "MobileNetV2", _PATTERN)
    network = MobileNetV2()
    load_into(network, path)
    prepare, chosen = ImagesTo(_SIDE), device or torch.device("cpu")
    return NetworkFeatures(
        name="MobileNetV2, ImageNet",
        dim=1_280,
        network=network.to(chosen, memory_format=torch.channels_last),  # type: ignore[call-overload]
        prepare=prepare,
        resize=prepare.resize,
        preprocessing=prepare.preprocessing,
        identity=f"mobilenet {digest(path)[:16]} {prepare}",
        device=chosen,
        batch=32,
    )


class MobileNetV2(nn.Module):
    """Without the classifier: normalised images ``(n, 3, s, s)`` to ``(n, 1280)``."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, 32, 3, stride=2)]
        channels = 32
        for expansion, width, blocks, stride in _STAGES:
            for index in range(blocks):
                layers.append(_Block(channels, width, expansion, stride if index == 0 else 1))
                channels = width
        layers.append(_convolution(channels, 1_280, 1))
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.features(images)
        return maps.mean((2, 3))


class _Block(nn.Module):
    """Expand, filter each channel, project; added to its input where that has the same shape."""

    def __init__(self, channels: int, width: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = channels * expansion
        expand = [] if expansion == 1 else [_convolution(channels, inner, 1)]
        self.conv = nn.Sequential(
            *expand,
            _convolution(inner, inner, 3, stride=stride, groups=inner),
            nn.Conv2d(inner, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.adds = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(x)
        return x + made if self.adds else made


def _convolution(
    channels: int, width: int, size: int, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, size, stride, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU6(),
    )
