"""The critic's estimate on samples it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """Attributes:
    held_out: mean score of held-out samples less that of fakes, in units of the critic's score.
    train: the same of training samples; far above the first, the critic knows them by heart.
    """

    held_out: float
    train: float


def held_out_estimate(train: Tensor, held_out: Tensor, fake: Tensor) -> Estimate:
    """From scores ``(n,)``, ``(h,)``, ``(m,)``.

    With a 1-Lipschitz critic a lower bound, in expectation, of the earth mover's distance of
    generator and data (Arjovsky et al. 2017, eq. 2); of another critic it says
    nothing but the sign.
    """
    of_fake = fake.double().mean()
    return Estimate(
        held_out=float(held_out.double().mean() - of_fake),
        train=float(train.double().mean() - of_fake),
    )
