"""Fitting images that are already arrays: to a square, a size and a number of channels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from steadygan.data.dataset import DataOptions
from steadygan.interfaces import IMAGE_SIZES

_BLOCK = 4096  # images at a time, so that the float copies stay small


def fit_pixels(
    images: Tensor, options: DataOptions, *, maximum: int = 255
) -> tuple[Tensor, tuple[str, ...]]:
    """Crop, resize and convert images as the options say, or as the networks need.

    Args:
        images: uint8 ``(n, channels, height, width)``, 1, 3 or 4 channels, 0 to ``maximum``.
        options: without a ``size``, one that can be built is kept and another goes to the nearest.
        maximum: the largest value of a pixel.

    Returns:
        uint8 ``(n, channels, size, size)`` and a note for each thing that was changed.
    """
    notes = []
    height, width = images.shape[2:]
    side = min(height, width)
    if height != width:
        top, left = (height - side) // 2, (width - side) // 2
        images = images[:, :, top : top + side, left : left + side]
        notes.append(f"images of {height}×{width} cropped to their middle {side}×{side}")
    size = options.size or nearest_size(side)
    if size != side:
        images = torch.cat([_resize(block, size, maximum) for block in torch.split(images, _BLOCK)])
        notes.append(f"images resized from {side}×{side} to {size}×{size}")
    channels = options.channels or images.shape[1]
    if channels != images.shape[1]:
        notes.append(f"images converted from {images.shape[1]} to {channels} channel(s)")
        images = torch.cat(
            [_convert(block, channels, maximum) for block in torch.split(images, _BLOCK)]
        )
    return images.contiguous(), tuple(notes)


def nearest_size(side: int) -> int:
    """The size that the image networks can build which is nearest to ``side``."""
    return min(IMAGE_SIZES, key=lambda size: (abs(size - side), size))


def _resize(images: Tensor, size: int, maximum: int) -> Tensor:
    resized = interpolate(images.float(), (size, size), mode="bicubic", antialias=True)
    return resized.round().clamp(0, maximum).to(torch.uint8)


def _convert(images: Tensor, channels: int, maximum: int) -> Tensor:
    alpha = images[:, 3:] if images.shape[1] == 4 else torch.full_like(images[:, :1], maximum)
    colour = images[:, :3] if images.shape[1] >= 3 else images.expand(-1, 3, -1, -1)
    if channels == 4:
        return torch.cat([colour, alpha], dim=1)
    if images.shape[1] == 4:  # onto white
        opacity = alpha.float() / maximum
        colour = (colour * opacity + maximum * (1 - opacity)).round().to(torch.uint8)
    if channels == 3:
        return colour
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R BT.601 luma
    return (colour * weights).sum(1, keepdim=True).round().to(torch.uint8)
