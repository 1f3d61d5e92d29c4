"""What every data source becomes: tensors in two splits, and a codec back to the user's form."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from steadygan.data.mapped import MappedSamples
from steadygan.errors import DataError
from steadygan.interfaces import Codec, Samples, SampleSpec, Stored

_BLOCK = 1024  # samples that are digested at a time


@dataclass(frozen=True)
class DataOptions:
    """How a source is read; part of the recipe.

    Attributes:
        size: height and width of images in pixels; None infers it from the images.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); None infers it.
        validation: share of the samples held out, in (0, 1). Sources that come with a test split
            of their own hold that out instead.
        split_seed: seed of the split; apart from the run's seed, so that runs share a split.
        limit: use at most this many training samples, chosen by ``split_seed``; None uses all.
    """

    size: int | None = None
    channels: int | None = None
    validation: float = 0.2
    split_seed: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.validation < 1.0:
            raise DataError(
                f"data.validation is {self.validation}: choose a share between 0 and 1."
            )
        if self.size is not None and self.size < 1:
            raise DataError(f"data.size is {self.size}: choose a number of pixels, at least 1.")
        if self.channels not in (None, 1, 3, 4):
            raise DataError(f"data.channels is {self.channels}: choose 1, 3 or 4.")
        if self.limit is not None and self.limit < 2:
            raise DataError(f"data.limit is {self.limit}: choose at least 2 samples.")


@dataclass(frozen=True)
class Mixture:
    """A known mixture of equal Gaussians, in encoded units.

    Attributes:
        centres: ``(modes, dimensions)``.
        sigma: standard deviation of every mode along every axis.
    """

    centres: Tensor
    sigma: float

    def nearest(self, x: Tensor) -> Tensor:
        """The mode whose centre is nearest to each of ``x`` ``(n, dimensions)``: ``(n,)`` int64."""
        return torch.cdist(x, self.centres).argmin(1)


@dataclass(frozen=True)
class StackedDigits:
    """Images with a digit in each of three channels: what they show, in order, is their mode.

    Attributes:
        train, held_out: the single digits, stored ``(n, 1, size, size)`` with labels 0 to 9, that
            the training and the held-out images are made of.
        codec: of one digit.
    """

    train: Stored
    held_out: Stored
    codec: Codec

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the digits."""
        return digest(self.train, self.held_out)


# How modes are told apart, where there is a truth to count them against.
Modes: TypeAlias = Mixture | StackedDigits


@dataclass(frozen=True)
class Dataset:
    """Samples in stored form (what ``codec.encode`` takes), split in two.

    Attributes:
        name: the named set, or the last part of the path.
        train, validation: stored samples, in memory or in a file; ``y`` holds integer labels
            ``(n,)`` or is None.
        codec: between stored samples, tensors and the user's form.
        class_names: one per label, or None.
        notes: what was chosen, inferred or skipped, one line each, to be printed.
        modes: the truth behind made-up samples, where they have modes that can be counted.
    """

    name: str
    train: Stored
    validation: Stored
    codec: Codec
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    modes: Modes | None = None

    @property
    def spec(self) -> SampleSpec:
        labelled = self.train.y is not None and self.class_names is not None
        classes = len(self.class_names or ()) if labelled else None
        return SampleSpec(tuple(self.codec.shape), self.codec.bounds, classes)

    def encode(self, stored: Stored) -> Samples:
        return Samples(self.codec.encode(stored.x), stored.y)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the training and validation tensors: a resume refuses other data."""
        return digest(self.train, self.validation)

    @property
    def class_counts(self) -> tuple[int, ...] | None:
        """How often each class occurs in training, or None without labels."""
        if self.train.y is None or self.spec.classes is None:
            return None
        return tuple(torch.bincount(self.train.y, minlength=self.spec.classes).tolist())


def digest(*parts: Stored) -> str:
    """SHA-256 over samples and labels, their types and shapes."""
    digested = hashlib.sha256()

    def add(tensor: Tensor) -> None:
        digested.update(tensor.contiguous().cpu().reshape(-1).numpy().data)

    for part in parts:
        for number, indices in enumerate(torch.split(torch.arange(len(part)), _BLOCK)):
            x = part.take(indices).x
            if number == 0:
                digested.update(f"{x.dtype}{(len(part), *x.shape[1:])}".encode())
            add(x)
        if part.y is not None:
            digested.update(f"{part.y.dtype}{tuple(part.y.shape)}".encode())
            add(part.y)
    return digested.hexdigest()


def split(
    name: str,
    x: Tensor | np.ndarray,
    y: Tensor | None,
    codec: Codec,
    options: DataOptions,
    *,
    class_names: tuple[str, ...] | None = None,
    notes: tuple[str, ...] = (),
    modes: Modes | None = None,
    held_out: Stored | None = None,
) -> Dataset:
    """Make a data set with a validation split: ``held_out``, or a random share of ``x``.

    Args:
        x: ``(n, …)``; an array is one in a file, whose samples stay there (``stored``).

    Raises:
        DataError: fewer than 2 samples, so that nothing can be held out.
    """
    n = x.shape[0]
    if n < 2:
        raise DataError(
            f"{name} has {n} usable sample(s): at least 2 are needed, 1 of them held out."
        )
    order = torch.randperm(n, generator=torch.Generator().manual_seed(options.split_seed))
    if held_out is None:
        n_held = min(max(1, round(n * options.validation)), n - 1)
        held, order = order[:n_held], order[n_held:]
        held_out = stored(x, y, held)
    if options.limit is not None:
        order = order[: options.limit]
    # Sorted, so that a split of ordered data stays readable and does not depend on the shuffle.
    train = stored(x, y, order.sort().values)
    return Dataset(name, train, held_out, codec, class_names, notes, modes)


def stored(x: Tensor | np.ndarray, y: Tensor | None, rows: Tensor) -> Stored:
    """Some of the samples ``x`` ``(n, …)`` with their labels ``y`` ``(n,)``: copies in memory; of
    an array, which lies in a file, their rows in it."""
    if isinstance(x, Tensor):
        return Samples(x, y).take(rows)
    return MappedSamples(x, rows, None if y is None else y[rows])
