"""Stacked-MNIST: three random MNIST digits as the channels of one image, and so 1,000 modes.

Metz et al. 2017 (unrolled GANs), section 3.3.1, who draw stacks without end. A data set of 128,000
is that of VEEGAN's experiment (Srivastava et al. 2017) as PacGAN's authors (Lin et al. 2018) repeat
it in their published settings.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import DataOptions, Dataset, StackedDigits
from steadygan.data.idx import load_named
from steadygan.errors import DataError
from steadygan.interfaces import Samples, Stored

CHANNELS = 3
MODES = 10**CHANNELS
_TRAIN, _HELD_OUT = 128_000, 10_000


def load_stacked_mnist(folder: Path, options: DataOptions) -> Dataset:
    """Stacks of MNIST's training digits; those held out are stacks of its test digits alone.

    Digits are drawn evenly over the images, and MNIST's classes are not quite even: neither are
    the modes. The stacks are those of ``split_seed``; a ``limit`` takes the first of them.

    Args:
        folder: with MNIST, as for ``mnist``.
        options: ``size`` resizes the digits; ``channels`` can only be 3.

    Raises:
        DataError: ``channels`` is not 3, the files are not there, or the digits have no labels.
    """
    if options.channels not in (None, CHANNELS):
        raise DataError(
            f"data.channels is {options.channels}: stacked-mnist has {CHANNELS}, a digit in each."
        )
    digits = load_named("mnist", folder, replace(options, channels=1, limit=None))
    for part in (digits.train, digits.validation):
        if part.y is None or int(part.y.max()) > 9:
            raise DataError(
                f"stacked-mnist needs labels from 0 to 9 beside the images in {folder}."
            )
    note = (
        f"training stacks are made of {len(digits.train):,} digits, "
        f"held-out ones of {len(digits.validation):,} others"
    )
    count = min(_TRAIN, options.limit or _TRAIN)
    # As for points: two seeds that no other split_seed has.
    seed = 2 * options.split_seed
    size = digits.spec.shape[-1]
    return Dataset(
        name="stacked-mnist",
        train=stack(digits.train, draw(len(digits.train), _TRAIN, seed=seed)[:count]),
        validation=stack(digits.validation, draw(len(digits.validation), _HELD_OUT, seed=seed + 1)),
        codec=ImageCodec(size=size, channels=CHANNELS),
        class_names=tuple(f"{number:03d}" for number in range(MODES)),
        notes=(*digits.notes, note),
        modes=StackedDigits(digits.train, digits.validation, digits.codec),
    )


def draw(count: int, stacks: int, *, seed: int) -> Tensor:
    """Which of ``count`` digits each stack is made of: ``(stacks, 3)``, drawn with replacement."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(count, (stacks, CHANNELS), generator=rng)


def stack(digits: Stored, chosen: Tensor) -> Samples:
    """Images ``(n, 3, size, size)`` of the digits ``(m, 1, size, size)`` that ``chosen`` ``(n, 3)``
    names, labelled by ``mode_number``."""
    assert digits.y is not None
    x = digits.x
    images = x.new_empty((len(chosen), CHANNELS, *x.shape[2:]))
    for channel in range(CHANNELS):  # in place: the whole is 300 MB
        images[:, channel] = x[chosen[:, channel], 0]
    return Samples(images, mode_number(digits.y[chosen]))


def mode_number(digits: Tensor) -> Tensor:
    """100·a + 10·b + c, 0 to 999, of digits a, b, c ``(n, 3)`` in the channels; ``(n,)``."""
    return digits @ digits.new_tensor([100, 10, 1])
