"""The kernel distance: squared maximum mean discrepancy (KID, Bińkowski et al. 2018, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 1024  # rows of the kernel matrix at a time


@dataclass(frozen=True)
class KernelDistance:
    """Attributes:
    mean: over subsets, of the unbiased estimate of MMD²; may be below 0 where the two agree.
    std: over subsets, with n in the denominator as in other tools; 0 for a single one.
    """

    mean: float
    std: float


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """Unbiased MMD² of all pairs, under the kernel (x·y/d + 1)³.

    Its expectation does not depend on the number of samples, unlike the Fréchet distance's.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``, n, m > 1.
    """
    return float(
        weighted_kernel_distances(real, fake, *(torch.ones(1, len(x)) for x in (real, fake)))
    )


def weighted_kernel_distances(
    real: Tensor, fake: Tensor, real_weights: Tensor, fake_weights: Tensor
) -> Tensor:
    """The same where sample i counts as often as its weight says, for several weightings at once.

    A sample is never paired with itself, however much it counts: resampling does not bias it.

    Args:
        real_weights, fake_weights: ``(draws, n)`` and ``(draws, m)``, not negative.

    Returns:
        ``(draws,)`` float64.
    """
    return (
        _mean_within(real, real_weights.double())
        + _mean_within(fake, fake_weights.double())
        - 2.0 * _mean_between(real, fake, real_weights.double(), fake_weights.double())
    )


def kernel_distance_of_subsets(
    real: Tensor,
    fake: Tensor,
    *,
    size: int = 1_000,
    subsets: int = 100,
    rng: torch.Generator,
) -> KernelDistance:
    """Mean and spread over random subsets, as the paper and other tools report it.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``.
        size: of each subset, at most n and m are used.
        subsets: how many.
        rng: on the CPU, chooses them.
    """
    size = min(size, len(real), len(fake))
    chosen = [
        [torch.randperm(len(x), generator=rng)[:size] for x in (real, fake)] for _ in range(subsets)
    ]
    if len(real) ** 2 + len(fake) ** 2 + len(real) * len(fake) <= 3 * subsets * size**2:
        # Subsets have more pairs among them than there are: each pair is looked at once.
        weights = (
            torch.zeros(subsets, len(x)).scatter_(1, torch.stack(rows), 1.0)
            for x, rows in zip((real, fake), zip(*chosen, strict=True), strict=True)
        )
        found = weighted_kernel_distances(real, fake, *weights)
    else:
        values = [kernel_distance(real[one], fake[other]) for one, other in chosen]
        found = torch.tensor(values, dtype=torch.float64)
    return KernelDistance(float(found.mean()), float(found.std(correction=0)))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x.double() @ y.double().T / x.shape[1] + 1.0) ** 3


def _mean_within(x: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of the kernel over pairs of different samples."""
    total = torch.zeros(len(weights), dtype=torch.float64)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        kernel = _kernel(x[rows], x)
        index = torch.arange(kernel.shape[0])
        kernel[index, start + index] = 0.0
        total += ((weights @ kernel.T) * weights[:, rows]).sum(1)
    return total / (weights.sum(1).square() - weights.square().sum(1))


def _mean_between(x: Tensor, y: Tensor, x_weights: Tensor, y_weights: Tensor) -> Tensor:
    total = torch.zeros(len(x_weights), dtype=torch.float64)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        total += ((y_weights @ _kernel(x[rows], y).T) * x_weights[:, rows]).sum(1)
    return total / (x_weights.sum(1) * y_weights.sum(1))
