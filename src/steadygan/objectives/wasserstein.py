"""The Wasserstein objective (Arjovsky, Chintala & Bottou 2017, eq. 2 and algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

from steadygan.interfaces import PerSample, Scores


def wasserstein_critic_loss(real_scores: Scores, fake_scores: Scores) -> PerSample:
    """D(fake) − D(real), shape ``(batch,)``.

    Its negated mean estimates the earth mover's distance, up to the critic's Lipschitz constant:
    an estimate, not the distance.
    """
    return fake_scores - real_scores


def wasserstein_generator_loss(fake_scores: Scores) -> PerSample:
    """−D(fake), shape ``(batch,)``. Its value carries the critic's free offset; compare slopes."""
    return -fake_scores


@dataclass(frozen=True)
class Wasserstein:
    """The critic maximises D(real) − D(fake); the generator maximises D(fake).

    Needs a Lipschitz critic: give it a gradient penalty or a constraint.
    """

    name = "wasserstein"
    needs_real_scores = False

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return wasserstein_critic_loss(real_scores, fake_scores)

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return wasserstein_generator_loss(fake_scores)
