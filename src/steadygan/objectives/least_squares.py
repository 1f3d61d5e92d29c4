"""The least-squares objective, LSGAN (Mao et al. 2017, eq. 2 and 9)."""

from __future__ import annotations

from dataclasses import dataclass

from steadygan.errors import RecipeError
from steadygan.interfaces import PerSample, Scores


def least_squares_critic_loss(
    real_scores: Scores, fake_scores: Scores, *, real_label: float = 1.0, fake_label: float = 0.0
) -> PerSample:
    """½ (D(real) − b)² + ½ (D(fake) − a)², shape ``(batch,)``; b real, a fake label."""
    real, fake = (real_scores - real_label).square(), (fake_scores - fake_label).square()
    return 0.5 * (real + fake)


def least_squares_generator_loss(fake_scores: Scores, *, target: float = 1.0) -> PerSample:
    """½ (D(fake) − c)², shape ``(batch,)``."""
    return 0.5 * (fake_scores - target).square()


@dataclass(frozen=True)
class LeastSquares:
    """The critic regresses labels; the generator wants its fakes scored ``target``.

    The defaults are the paper's 0-1 coding (eq. 9); its other choice, −1, 1 and 0 (eq. 8),
    minimises Pearson's χ² divergence. A ``real_label`` of 0.9 is one-sided label smoothing.

    Attributes:
        real_label, fake_label, target: b, a and c of the paper.
    """

    real_label: float = 1.0
    fake_label: float = 0.0
    target: float = 1.0
    name = "least_squares"
    needs_real_scores = False

    def __post_init__(self) -> None:
        if not self.fake_label < self.real_label or not self.fake_label < self.target:
            raise RecipeError("objective: fake_label must be below real_label and target.")

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return least_squares_critic_loss(
            real_scores, fake_scores, real_label=self.real_label, fake_label=self.fake_label
        )

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample:
        return least_squares_generator_loss(fake_scores, target=self.target)
