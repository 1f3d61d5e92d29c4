"""A penalty in the step: what, how strong, how often."""

from __future__ import annotations

from dataclasses import dataclass

from steadygan.errors import RecipeError
from steadygan.interfaces import Penalty, name_of
from steadygan.schedules import Value, at, smallest


@dataclass(frozen=True)
class Term:
    """A penalty with its weight, applied at every ``every``-th update of the critic.

    Attributes:
        penalty: a gradient penalty or the general form.
        weight: λ, a number or a schedule over the run.
        every: 1 applies it at each update; k > 1 at every k-th with k times the weight
            (Karras et al. 2020, appendix B), which has the same mean but is not equivalent.
    """

    penalty: Penalty
    weight: Value = 10.0
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise RecipeError(f"penalty.every is {self.every}: choose at least 1.")
        if not smallest(self.weight) >= 0:
            raise RecipeError(f"penalty.weight is {self.weight}: choose 0 or more.")

    @property
    def name(self) -> str:
        return name_of(self.penalty)

    def is_due(self, update: int) -> bool:
        return update % self.every == 0

    def factor(self, progress: float) -> float:
        """What the penalty is multiplied by when it is due."""
        return at(self.weight, progress) * self.every
