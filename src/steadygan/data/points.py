"""Two-dimensional points whose distribution is known, with the constants of the WGAN-GP paper's
toy experiments (Gulrajani et al. 2017, figure 1, and the authors' published settings)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from steadygan.data.codecs import VectorCodec
from steadygan.data.dataset import DataOptions, Dataset, Mixture, split
from steadygan.interfaces import Samples

_TRAIN, _VALIDATION = 100_000, 10_000

# Each is divided by about its standard deviation, so that the data have unit scale.
_RING_RADIUS, _RING_STD, _RING_SCALE = 2.0, 0.02, 1.414
_GRID_PITCH, _GRID_STD, _GRID_SCALE = 2.0, 0.05, 2.828
_ROLL_NOISE, _ROLL_SCALE = 0.25, 7.5


def ring_mixture() -> Mixture:
    """Eight Gaussians on a circle: radius 2, standard deviation 0.02, both divided by 1.414."""
    angles = torch.arange(8) * (math.pi / 4)
    centres = _RING_RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)
    return Mixture(centres / _RING_SCALE, _RING_STD / _RING_SCALE)


def grid_mixture() -> Mixture:
    """25 Gaussians on {−4, −2, 0, 2, 4}², standard deviation 0.05, all divided by 2.828."""
    axis = _GRID_PITCH * torch.arange(-2.0, 3.0)
    return Mixture(torch.cartesian_prod(axis, axis) / _GRID_SCALE, _GRID_STD / _GRID_SCALE)


def from_mixture(mixture: Mixture, n: int, *, seed: int) -> Tensor:
    """``n`` samples ``(n, 2)`` of a mixture, every mode equally likely."""
    rng = torch.Generator().manual_seed(seed)
    modes = torch.randint(len(mixture.centres), (n,), generator=rng)
    noise = torch.randn(n, mixture.centres.shape[1], generator=rng)
    return mixture.centres[modes] + mixture.sigma * noise


def ring(n: int, *, seed: int) -> Tensor:
    """``n`` points ``(n, 2)`` of ``ring_mixture``."""
    return from_mixture(ring_mixture(), n, seed=seed)


def grid(n: int, *, seed: int) -> Tensor:
    """``n`` points ``(n, 2)`` of ``grid_mixture``."""
    return from_mixture(grid_mixture(), n, seed=seed)


def swiss_roll(n: int, *, seed: int) -> Tensor:
    """``n`` points ``(n, 2)`` of scikit-learn's swiss roll seen from its side, noise 0.25, divided
    by 7.5."""
    from sklearn.datasets import make_swiss_roll

    points, _ = make_swiss_roll(n_samples=n, noise=_ROLL_NOISE, random_state=seed % 2**32)
    return torch.from_numpy(points[:, [0, 2]] / _ROLL_SCALE).float()


def parallel_lines(n: int, *, seed: int, theta: float = 0.0) -> Tensor:
    """``n`` points ``(n, 2)`` (θ, Z), Z ~ U[0, 1): example 1 of Arjovsky et al. 2017, where the
    line at 0 is the data and the one at θ the generator's."""
    height = torch.rand(n, generator=torch.Generator().manual_seed(seed))
    return torch.stack([torch.full((n,), theta), height], dim=1)


def _load(
    name: str, draw: Callable[..., Tensor], mixture: Mixture | None, options: DataOptions
) -> Dataset:
    # Training and validation samples are independent draws of the same distribution.
    train = draw(_TRAIN, seed=2 * options.split_seed)
    held_out = draw(_VALIDATION, seed=2 * options.split_seed + 1)
    codec = VectorCodec(shift=(0.0, 0.0), scale=(1.0, 1.0))
    if mixture is None:
        return split(name, train, None, codec, options, held_out=Samples(held_out))
    # A point's label is its mode; modes lie so far apart that the nearest one is the right one.
    return split(
        name,
        train,
        mixture.nearest(train),
        codec,
        options,
        class_names=tuple(str(mode) for mode in range(len(mixture.centres))),
        modes=mixture,
        held_out=Samples(held_out, mixture.nearest(held_out)),
    )


def load_ring(options: DataOptions) -> Dataset:
    return _load("8-ring", ring, ring_mixture(), options)


def load_grid(options: DataOptions) -> Dataset:
    return _load("25-grid", grid, grid_mixture(), options)


def load_swiss_roll(options: DataOptions) -> Dataset:
    return _load("swiss-roll", swiss_roll, None, options)


def load_parallel_lines(options: DataOptions) -> Dataset:
    return _load("parallel-lines", parallel_lines, None, options)
