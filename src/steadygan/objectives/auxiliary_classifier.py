"""The auxiliary classifier of AC-GAN (Odena, Olah & Shlens 2017, eq. 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from steadygan.errors import RecipeError
from steadygan.interfaces import PerSample


@dataclass(frozen=True)
class AuxiliaryClassifier:
    """A second task for the critic, and a second aim for the generator: the class of a sample.

    Added to the objective's losses. The critic returns ``Judgement(scores, logits)``, as the
    architectures with ``conditioning="auxiliary"`` do.

    Attributes:
        weight: of the classification in the critic's loss, of real and of fake samples alike.
        generator_weight: of it in the generator's.
    """

    weight: float = 1.0
    generator_weight: float = 1.0
    name = "auxiliary_classifier"

    def __post_init__(self) -> None:
        if not (self.weight > 0 and self.generator_weight >= 0):
            raise RecipeError("auxiliary: weight must be above 0, generator_weight 0 or more.")

    def critic_loss(
        self, real_logits: Tensor, real_y: Tensor, fake_logits: Tensor, fake_y: Tensor
    ) -> PerSample:
        """Cross-entropy of the right classes, shape ``(batch,)``; logits ``(batch, classes)``."""
        real = cross_entropy(real_logits, real_y, reduction="none")
        return self.weight * (real + cross_entropy(fake_logits, fake_y, reduction="none"))

    def generator_loss(self, fake_logits: Tensor, fake_y: Tensor) -> PerSample:
        """Cross-entropy of the classes asked for, shape ``(batch,)``."""
        return self.generator_weight * cross_entropy(fake_logits, fake_y, reduction="none")
