"""Differentiable augmentation of images (DiffAugment: Zhao et al. 2020, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from steadygan.errors import RecipeError
from steadygan.interfaces import Samples


def _uniform(x: Tensor, low: float, high: float, rng: torch.Generator) -> Tensor:
    """One number per image, ``(batch, 1, 1, 1)``, from U[low, high)."""
    shape = (x.shape[0], 1, 1, 1)
    return torch.empty(shape, device=x.device, dtype=x.dtype).uniform_(low, high, generator=rng)


def change_colours(x: Tensor, *, rng: torch.Generator) -> Tensor:
    """Brightness moved by U[−½, ½), saturation times U[0, 2), contrast times U[½, 3⁄2), per image.

    Images ``(batch, channels, height, width)`` in [−1, 1]; the result may lie outside.
    """
    x = x + _uniform(x, -0.5, 0.5, rng)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * _uniform(x, 0.0, 2.0, rng)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * _uniform(x, 0.5, 1.5, rng)


def translate(x: Tensor, *, rng: torch.Generator, share: float = 0.125) -> Tensor:
    """Moved by up to ``share`` of the side along both axes, per image; what comes in is 0."""
    n, _, height, width = x.shape
    most = [int(side * share + 0.5) for side in (height, width)]
    down, right = (
        torch.randint(-m, m + 1, (n, 1, 1), generator=rng, device=x.device) for m in most
    )
    rows = torch.arange(height, device=x.device)[None, :, None] + down + most[0]
    columns = torch.arange(width, device=x.device)[None, None, :] + right + most[1]
    framed = pad(x, (most[1], most[1], most[0], most[0]))
    images = torch.arange(n, device=x.device)[:, None, None]
    moved: Tensor = framed.permute(0, 2, 3, 1)[images, rows, columns].permute(0, 3, 1, 2)
    return moved


def cut_out(x: Tensor, *, rng: torch.Generator, share: float = 0.5) -> Tensor:
    """A rectangle of ``share`` of each side set to 0, per image, its middle anywhere."""
    n, _, height, width = x.shape
    inside = []
    for side, shape in ((height, (1, -1, 1)), (width, (1, 1, -1))):
        length = int(side * share + 0.5)
        middle = torch.randint(0, side + 1 - length % 2, (n, 1, 1), generator=rng, device=x.device)
        at = torch.arange(side, device=x.device).view(shape)
        first = middle - length // 2
        inside.append((at >= first) & (at < first + length))
    kept: Tensor = ~(inside[0] & inside[1])[:, None]
    return x * kept.to(x.dtype)


@dataclass(frozen=True)
class DifferentiableAugmentation:
    """Random changes of every image that the critic sees, real or fake, through which the
    generator's gradient flows: with few images the critic overfits later. For images only.

    Attributes:
        colour: brightness, saturation and contrast.
        translation: largest move, as a share of the side; 0 for none.
        cutout: side of the hole, as a share of the image's; 0 for none.
    """

    colour: bool = True
    translation: float = 0.125
    cutout: float = 0.5
    name = "augmentation"

    def __post_init__(self) -> None:
        if not (0.0 <= self.translation < 1.0 and 0.0 <= self.cutout < 1.0):
            raise RecipeError("stabiliser: translation and cutout must lie in [0, 1).")

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        x = samples.x
        if x.ndim != 4:
            raise RecipeError(
                f"augmentation is for images, not for samples of shape {tuple(x.shape[1:])}: "
                "leave it out."
            )
        if self.colour:
            x = change_colours(x, rng=rng)
        if self.translation:
            x = translate(x, rng=rng, share=self.translation)
        if self.cutout:
            x = cut_out(x, rng=rng, share=self.cutout)
        return Samples(x, samples.y)
