"""Encoded images to what pretrained networks take."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import interpolate

from steadygan.errors import DataError
from steadygan.interfaces import SampleSpec

# Of the training images of ImageNet, in [0, 1].
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class ImagesTo:
    """Images in [−1, 1] ``(n, 1 | 3 | 4, s, s)`` to normalised RGB ``(n, 3, side, side)``.

    Attributes:
        side: in pixels.
        mean, std: of each channel, in [0, 1].
    """

    side: int
    mean: tuple[float, ...] = IMAGENET[0]
    std: tuple[float, ...] = IMAGENET[1]

    def __call__(self, images: Tensor) -> Tensor:
        colour = resized(rgb(images), self.side)
        shape = (1, 3, 1, 1)
        mean, std = (colour.new_tensor(each).view(shape) for each in (self.mean, self.std))
        return (colour - mean) / std

    @property
    def resize(self) -> str:
        return f"bicubic with antialiasing to {self.side}×{self.side}"

    @property
    def preprocessing(self) -> str:
        mean, std = ("/".join(f"{each:g}" for each in part) for part in (self.mean, self.std))
        return f"8 bits, RGB on white, mean {mean}, std {std}"


def as_stored(samples: Tensor) -> Tensor:
    """Images in [−1, 1] in steps of a byte, as a file would hold them: generated ones must not be
    told from real ones by what no file keeps. Vectors as they are."""
    return _levels(samples) * 2.0 - 1.0 if samples.ndim == 4 else samples


def _levels(images: Tensor) -> Tensor:
    return ((images.float().clamp(-1.0, 1.0) + 1.0) * 127.5).round() / 255.0


def rgb(images: Tensor) -> Tensor:
    """Encoded images to RGB in [0, 1], in steps of 1/255 as a file would hold them; grey thrice,
    transparency on white."""
    levels = _levels(images)
    if levels.shape[1] == 4:
        opacity = levels[:, 3:]
        return levels[:, :3] * opacity + (1.0 - opacity)
    return levels.expand(-1, 3, -1, -1)


def resized(images: Tensor, side: int) -> Tensor:
    """To ``side`` pixels, in [0, 1]; without antialiasing smaller images would show what larger
    ones do not have (Parmar et al. 2022)."""
    if images.shape[-1] == side:
        return images
    larger = interpolate(images, (side, side), mode="bicubic", antialias=True)
    return larger.clamp(0.0, 1.0)


def check_images(name: str, spec: SampleSpec) -> None:
    """Raises DataError where samples of ``spec`` are no images."""
    if len(spec.shape) != 3:
        shape = "×".join(str(side) for side in spec.shape)
        raise DataError(
            f"{name} takes images, and the samples are of shape {shape}: use --features pixels."
        )
