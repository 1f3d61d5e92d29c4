"""The hinge objective (Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import relu

from steadygan.interfaces import PerSample, Scores


def hinge_critic_loss(real_scores: Scores, fake_scores: Scores) -> PerSample:
    """max(0, 1 − D(real)) + max(0, 1 + D(fake)), shape ``(batch,)``."""
    return relu(1.0 - real_scores) + relu(1.0 + fake_scores)


def hinge_generator_loss(fake_scores: Scores) -> PerSample:
    """−D(fake), shape ``(batch,)``."""
    return -fake_scores


@dataclass(frozen=True)
class Hinge:
    """The critic keeps a margin of 1 on both sides; what is beyond it moves the critic no more."""

    name = "hinge"
    needs_real_scores = False

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return hinge_critic_loss(real_scores, fake_scores)

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return hinge_generator_loss(fake_scores)
