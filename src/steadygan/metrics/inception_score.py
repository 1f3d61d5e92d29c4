"""The Inception Score (Salimans et al. 2016, section 4), of any classifier."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class InceptionScore:
    """Attributes:
    mean: over splits, from 1 to the number of classes; higher is better.
    std: over splits, with n in the denominator; 0 for a single one.
    """

    mean: float
    std: float


def inception_score(probabilities: Tensor, splits: int = 10) -> InceptionScore:
    """exp of the mean Kullback-Leibler divergence of each sample's classes from all samples' mean.

    High where every sample is surely of one class and all classes are as frequent: it knows no real
    data, and one sample per class is enough for the best value.

    Args:
        probabilities: of each class ``(n, classes)``, rows sum to 1.
        splits: parts of n that are scored apart, in the order they come in; n of each at least 1.

    Raises:
        ValueError: there are fewer samples than splits.
    """
    if len(probabilities) < splits:
        raise ValueError(f"{splits} splits need as many samples; there are {len(probabilities)}.")
    scores = [_score(part) for part in probabilities.double().tensor_split(splits)]
    found = torch.stack(scores)
    return InceptionScore(float(found.mean()), float(found.std(correction=0)))


def _score(probabilities: Tensor) -> Tensor:
    marginal = probabilities.mean(0, keepdim=True)
    # xlogy: a class that never occurs adds 0 and not NaN.
    divergence = torch.xlogy(probabilities, probabilities) - torch.xlogy(probabilities, marginal)
    return divergence.sum(1).mean().exp()
