"""The relativistic objectives: how much more real than the other side a sample looks
(Jolicoeur-Martineau 2019, sections 4.1 and 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import softplus

from steadygan.interfaces import PerSample, Scores
from steadygan.processes import batch_mean


def pairing_loss(winners: Scores, losers: Scores) -> PerSample:
    """−log σ(winner − loser), shape ``(batch,)``: small where each winner is scored above its
    loser."""
    return softplus(losers - winners)


def average_loss(winners: Scores, losers: Scores) -> PerSample:
    """−log σ(winner − mean loser) − log(1 − σ(loser − mean winner)), shape ``(batch,)``."""
    return softplus(batch_mean(losers) - winners) + softplus(losers - batch_mean(winners))


def _given(real_scores: Scores | None) -> Scores:
    if real_scores is None:
        raise ValueError("a relativistic generator's loss needs the real scores.")
    return real_scores


@dataclass(frozen=True)
class RelativisticPairing:
    """RpGAN: every real sample against one fake. No mode can be left out at no cost, as it can be
    in the minimax game (Sun et al. 2020; Huang et al. 2024, R3GAN, section 2)."""

    name = "relativistic_pairing"
    needs_real_scores = True

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return pairing_loss(real_scores, fake_scores)

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return pairing_loss(fake_scores, _given(real_scores))


@dataclass(frozen=True)
class RelativisticAverage:
    """RaGAN: every sample against the average of the other side, over the batch."""

    name = "relativistic_average"
    needs_real_scores = True

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return average_loss(real_scores, fake_scores)

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return average_loss(fake_scores, _given(real_scores))
