"""The complete description of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from steadygan.data import DataOptions
from steadygan.errors import RecipeError
from steadygan.interfaces import Architecture, Constraint, Objective
from steadygan.networks import MLP
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.stabilisers import EMA
from steadygan.training import Adam, Burst, OptimiserSettings, Training


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run trains, but for the data source itself.

    Attributes:
        name: of the preset it came from, or ``"custom"``.
        seed: of every random stream of the run.
        data: how the source is read.
        architecture: builds the networks.
        latent_dim: length of the generator's latent vector, drawn from N(0, 1).
        objective: the pair of losses.
        penalty: terms added to the critic's loss.
        constraint: imposed on the critic's weights.
        n_critic: critic updates per step.
        burst: more critic updates in some steps, or None.
        critic_optimiser, generator_optimiser: of the two networks.
        ema: the generator's average, or None to sample from the raw weights.
        training: budget, batch size and intervals.
    """

    name: str = "custom"
    seed: int = 0
    data: DataOptions = field(default_factory=DataOptions)
    architecture: Architecture = field(default_factory=MLP)
    latent_dim: int = 128
    objective: Objective = field(default_factory=Wasserstein)
    # A critic of the Wasserstein objective needs one or the other; none of both must be asked for.
    penalty: tuple[Term, ...] = (Term(TwoSided(), 10.0),)
    constraint: tuple[Constraint, ...] = ()
    n_critic: int = 5
    burst: Burst | None = None
    critic_optimiser: OptimiserSettings = field(default_factory=Adam)
    generator_optimiser: OptimiserSettings = field(default_factory=Adam)
    ema: EMA | None = field(default_factory=EMA)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        for name in ("latent_dim", "n_critic"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}: choose at least 1.")
        terms = [term.name for term in self.penalty]
        twice = next((name for name in terms if terms.count(name) > 1), None)
        if twice is not None:
            raise RecipeError(
                f"two penalties are called {twice!r}: give one a class with a name of its own."
            )
        if not 0 <= self.seed < 2**63:
            raise RecipeError(f"seed is {self.seed}: choose a number from 0 to 2^63 − 1.")
