"""Modes found and their evenness, for stacks of three digits (Metz et al. 2017, section 3.3.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from steadygan.data import StackedDigits
from steadygan.data.stacked_mnist import CHANNELS, MODES, draw, mode_number

Read: TypeAlias = Callable[[Tensor], Tensor]  # encoded digits (n, 1, size, size) -> 0 to 9, (n,)

_SEED = 0  # of the real stacks that samples are compared with


@dataclass(frozen=True)
class StackReport:
    """Attributes:
    found: modes with at least one sample; however bad, a sample counts as what it is read as.
    total: modes there are.
    kl: Σ p ln(p · total) over the shares p of the modes, in nats: 0 where all are equal, ln(total)
        where all samples are in one. Even samples of the uniform distribution itself have about
        (total − 1) / (2 · samples), 0.019 for 26,000.
    """

    found: int
    total: int
    kl: float


def stack_report(modes: Tensor, total: int = MODES) -> StackReport:
    """How many modes occur, and the Kullback-Leibler divergence from their shares to uniform.

    Published values are of 25,600 or 26,000 samples (Lin et al. 2018, in the settings of the
    unrolled and of the VEEGAN experiment). They hang on the networks and the classifier too: ours
    are not to be compared with them.

    Args:
        modes: integers ``(n,)`` from 0 to ``total`` − 1, n > 0.
    """
    counts = torch.bincount(modes, minlength=total)
    shares = counts[counts > 0].double() / len(modes)
    kl = float((shares * shares.log()).sum()) + math.log(total)
    return StackReport(found=len(shares), total=total, kl=max(0.0, kl))  # not −1e-16


def modes_of(stacks: Tensor, read: Read) -> Tensor:
    """The mode of each encoded image ``(n, 3, size, size)``, its channels read one by one."""
    digits = read(stacks.flatten(0, 1).unsqueeze(1))
    return mode_number(digits.reshape(-1, CHANNELS))


def held_out_modes(digits: StackedDigits, count: int, read: Read) -> Tensor:
    """The modes ``(count,)`` that random stacks of the held-out digits are read as.

    Each digit is read once: a stack's channels are read apart anyway.
    """
    known = read(digits.codec.encode(digits.held_out.x))
    return mode_number(known[draw(len(known), count, seed=_SEED)])
