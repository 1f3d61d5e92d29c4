"""Samples as they are: pixels or coordinates, and their principal components."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.data import Dataset
from steadygan.errors import DataError

_MOST = 20_000  # samples that components are fitted to at most


@dataclass(frozen=True)
class Pixels:
    """The values of a sample in one row, ``(n, d)``, as they are encoded.

    Attributes:
        shape: of one sample.
    """

    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return "pixels" if len(self.shape) == 3 else "coordinates"

    @property
    def dim(self) -> int:
        return int(torch.Size(self.shape).numel())

    @property
    def resize(self) -> str:
        return "none"

    @property
    def preprocessing(self) -> str:
        return "8 bits, in [−1, 1]" if len(self.shape) == 3 else "standardised as for training"

    @property
    def identity(self) -> str:
        return f"pixels {self.shape}"

    @property
    def note(self) -> str:
        return ""

    def __call__(self, samples: Tensor) -> Tensor:
        return samples.flatten(1).float().cpu()


@dataclass(frozen=True)
class PrincipalComponents:
    """The first principal components of real samples' pixels: their own units, fewer of them.

    Attributes:
        pixels: what they are components of.
        mean: ``(d,)``.
        directions: orthonormal ``(d, dim)``.
        share: of the real samples' variance that is kept, in [0, 1].
        n: real samples they were fitted to.
        fingerprint: of the data they were fitted to.
    """

    pixels: Pixels
    mean: Tensor
    directions: Tensor
    share: float
    n: int
    fingerprint: str

    @property
    def name(self) -> str:
        return f"{self.dim} principal components"

    @property
    def dim(self) -> int:
        return self.directions.shape[1]

    @property
    def resize(self) -> str:
        return "none"

    @property
    def preprocessing(self) -> str:
        return f"{self.pixels.preprocessing}, projected"

    @property
    def identity(self) -> str:
        return f"pca {self.dim} of {self.pixels.identity} fitted to {self.n} of {self.fingerprint}"

    @property
    def note(self) -> str:
        return f"{100 * self.share:.0f} % of the variance of {self.n:,} training samples"

    def __call__(self, samples: Tensor) -> Tensor:
        return (self.pixels(samples) - self.mean) @ self.directions


def principal_components(dataset: Dataset, dim: int = 64) -> PrincipalComponents:
    """The first ``dim`` components of the training samples.

    Raises:
        DataError: a sample has fewer values, or there are fewer samples.
    """
    pixels = Pixels(tuple(dataset.spec.shape))
    order = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(0))[:_MOST]
    rows = pixels(dataset.codec.encode(dataset.train.take(order).x.cpu())).double()
    if not 0 < dim <= min(rows.shape):
        raise DataError(
            f"{dim} principal components cannot be had of {len(rows):,} samples of "
            f"{rows.shape[1]} values: choose --features pca:N with N at most {min(rows.shape)}."
        )
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(rows.T).reshape(pixels.dim, pixels.dim))
    kept = values[-dim:].sum() / values.sum()
    return PrincipalComponents(
        pixels,
        mean.float(),
        vectors[:, -dim:].flip(1).float().contiguous(),
        share=float(kept),
        n=len(rows),
        fingerprint=dataset.fingerprint[:16],
    )
