"""The minimax objective (Goodfellow et al. 2014, eq. 1 and section 3), saturating or not."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import softplus

from steadygan.errors import RecipeError
from steadygan.interfaces import PerSample, Scores


def cross_entropy(scores: Scores, label: float) -> PerSample:
    """−label · log σ(score) − (1 − label) · log(1 − σ(score)), shape ``(batch,)``.

    The critic's output is the logit: σ of it is the probability that a sample is real.
    """
    return label * softplus(-scores) + (1.0 - label) * softplus(scores)


def minimax_critic_loss(
    real_scores: Scores, fake_scores: Scores, *, real_label: float = 1.0, fake_label: float = 0.0
) -> PerSample:
    """−log σ(D(real)) − log(1 − σ(D(fake))), shape ``(batch,)``, with labels that may be smoothed.

    For the best critic its mean is 2 log 2 − 2 JSD(real, fake) (theorem 1 there).
    """
    return cross_entropy(real_scores, real_label) + cross_entropy(fake_scores, fake_label)


def saturating_generator_loss(fake_scores: Scores) -> PerSample:
    """log(1 − σ(D(fake))), shape ``(batch,)``: its slope vanishes where the critic is sure."""
    return -softplus(fake_scores)


def non_saturating_generator_loss(fake_scores: Scores) -> PerSample:
    """−log σ(D(fake)), shape ``(batch,)``: the same fixed point, steep where the critic is sure."""
    return softplus(-fake_scores)


@dataclass(frozen=True)
class Minimax:
    """The critic tells real from fake; the generator makes it fail.

    Attributes:
        saturating: the generator minimises log(1 − σ(D)), the game's own value; else −log σ(D),
            which its authors advise.
        real_label, fake_label: the critic's targets. Label smoothing: one-sided with
            ``real_label=0.9`` (Salimans et al. 2016, section 3.4), two-sided with
            ``fake_label=0.1`` as well (Szegedy et al. 2016, section 7), which lets the best critic
            reward fakes where there is no data.
    """

    saturating: bool = False
    real_label: float = 1.0
    fake_label: float = 0.0
    name = "minimax"
    needs_real_scores = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.fake_label < self.real_label <= 1.0:
            raise RecipeError(
                f"objective: real_label is {self.real_label} and fake_label {self.fake_label}: "
                "choose 0 ≤ fake_label < real_label ≤ 1."
            )

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return minimax_critic_loss(
            real_scores, fake_scores, real_label=self.real_label, fake_label=self.fake_label
        )

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        if self.saturating:
            return saturating_generator_loss(fake_scores)
        return non_saturating_generator_loss(fake_scores)
