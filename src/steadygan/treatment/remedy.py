"""A remedy: a change of the recipe, and the weights that the run goes on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from steadygan.errors import RecipeError
from steadygan.interfaces import SampleSpec
from steadygan.recipes import Recipe

# The recipe changed; as it is where there is nothing to change, None where the change is not for
# this recipe or these data.
Change: TypeAlias = Callable[[Recipe, SampleSpec], Recipe | None]


class Start(StrEnum):
    """The weights that a run goes on from under a remedy."""

    SOUND = "sound"  # the last checkpoint from before the finding began; new ones if there is none
    ANEW = "anew"  # new ones of the recipe's own making
    REDRAWN = "redrawn"  # new ones, each layer's drawn as torch draws them


@dataclass(frozen=True)
class Remedy:
    """One answer to a finding.

    Attributes:
        name: as the history calls it.
        change: of the recipe.
        start: the weights that it goes on from.
        why: it should help.
        source: where that is known from.
    """

    name: str
    change: Change
    start: Start
    why: str
    source: str = ""

    def applied(self, recipe: Recipe, spec: SampleSpec) -> Recipe | None:
        """The recipe under this remedy; None where it changes nothing, or does not fit.

        A remedy that redraws the weights applies to a recipe that stays as it is.
        """
        try:
            changed = self.change(recipe, spec)
        except RecipeError:  # what it would add goes with something else of the recipe's
            return None
        return None if changed == recipe and self.start is not Start.REDRAWN else changed


def together(*changes: Change) -> Change:
    """All changes, in order; those that are not for a recipe are left out."""

    def change(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
        for each in changes:
            recipe = each(recipe, spec) or recipe
        return recipe

    return change
