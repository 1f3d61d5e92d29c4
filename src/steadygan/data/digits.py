"""scikit-learn's handwritten digits: 1,797 grey images of 8×8, values 0 to 16 (Alpaydin & Kaynak
1998, UCI). They come with scikit-learn, so they need no download."""

from __future__ import annotations

import torch

from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import DataOptions, Dataset, split


def load_digits(options: DataOptions) -> Dataset:
    """The digits with their labels; ``options.size`` resizes them, ``options.channels`` 3 repeats
    the grey one."""
    from sklearn.datasets import load_digits as read

    from steadygan.data.pixels import fit_pixels

    bunch = read()
    images = torch.from_numpy(bunch.images).to(torch.uint8)[:, None]
    images, notes = fit_pixels(images, options, maximum=16)
    codec = ImageCodec(size=images.shape[-1], channels=images.shape[1], maximum=16)
    return split(
        "digits",
        images,
        torch.from_numpy(bunch.target).long(),
        codec,
        options,
        class_names=tuple(str(digit) for digit in range(10)),
        notes=notes,
    )
