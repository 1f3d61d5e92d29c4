"""The complete description of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

from steadygan.data import DataOptions
from steadygan.errors import RecipeError
from steadygan.interfaces import (
    Architecture,
    Constraint,
    CriticAverage,
    InputStabiliser,
    Objective,
    ParameterTerm,
    SampleSpec,
    Stabiliser,
    name_of,
)
from steadygan.networks import MLP
from steadygan.networks.conditioning import AUXILIARY
from steadygan.objectives import AuxiliaryClassifier, Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.stabilisers import EMA, Packing
from steadygan.training import Adam, Burst, OptimiserSettings, Training


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run trains, but for the data source itself.

    Attributes:
        name: of the preset it came from, or ``"custom"``.
        seed: of every random stream of the run.
        data: how the source is read.
        architecture: builds the networks.
        conditional: the networks take the data's labels, which it must have.
        latent_dim: length of the generator's latent vector, drawn from N(0, 1).
        objective: the pair of losses.
        auxiliary: adds the classification of AC-GAN to both losses, or None.
        penalty: terms added to the critic's loss.
        constraint: imposed on the critic's weights.
        stabiliser: what else steadies training, in the order that samples pass through them.
        n_critic: critic updates per step.
        burst: more critic updates in some steps, or None.
        extragradient: both networks look one step ahead before each step; n_critic must be 1.
        critic_optimiser, generator_optimiser: of the two networks.
        ema: the generator's average, or None to sample from the raw weights.
        training: budget, batch size and intervals.
    """

    name: str = "custom"
    seed: int = 0
    data: DataOptions = field(default_factory=DataOptions)
    architecture: Architecture = field(default_factory=MLP)
    conditional: bool = False
    latent_dim: int = 128
    objective: Objective = field(default_factory=Wasserstein)
    auxiliary: AuxiliaryClassifier | None = None
    # A critic of the Wasserstein objective needs one or the other; none of both must be asked for.
    penalty: tuple[Term, ...] = (Term(TwoSided(), 10.0),)
    constraint: tuple[Constraint, ...] = ()
    stabiliser: tuple[Stabiliser, ...] = ()
    n_critic: int = 5
    burst: Burst | None = None
    extragradient: bool = False
    critic_optimiser: OptimiserSettings = field(default_factory=Adam)
    generator_optimiser: OptimiserSettings = field(default_factory=Adam)
    ema: EMA | None = field(default_factory=EMA)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        for name in ("latent_dim", "n_critic"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}: choose at least 1.")
        named = [term.name for term in self.penalty] + [name_of(each) for each in self.stabiliser]
        for kind in (ParameterTerm, CriticAverage):  # each kind has one average per network
            several = [name_of(each) for each in self.stabiliser if isinstance(each, kind)]
            if len(several) > 1:
                raise RecipeError(f"{' and '.join(several)} keep the same average: choose one.")
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise RecipeError(
                f"two penalties or stabilisers are called {twice!r}: give one a class with a name "
                "of its own."
            )
        if self.auxiliary is not None and not self.conditional:
            raise RecipeError("an auxiliary classifier needs labels: set conditional=true.")
        classifies = getattr(self.architecture, "conditioning", None) == AUXILIARY
        if self.conditional and classifies and self.auxiliary is None:
            raise RecipeError(
                "the critic's conditioning is auxiliary, and nothing trains its classifier: "
                "set auxiliary=AuxiliaryClassifier()."
            )
        if self.extragradient and (self.n_critic != 1 or self.burst is not None):
            raise RecipeError(
                "extragradient moves both networks at once: set n_critic=1 and burst=none."
            )
        self._check_packing()
        if not 0 <= self.seed < 2**63:
            raise RecipeError(f"seed is {self.seed}: choose a number from 0 to 2^63 − 1.")

    def _check_packing(self) -> None:
        packing = self.packing
        if packing is None:
            return
        if self.conditional:
            raise RecipeError("packing and labels do not go together: leave one of them out.")
        names = [name_of(each) for each in self.stabiliser if isinstance(each, InputStabiliser)]
        if names[-1] != packing.name:
            raise RecipeError(f"packing must come after {names[-1]}, which is for single samples.")
        size, parts = self.training.batch_size, self.training.accumulation
        if size % (packing.size * parts):
            raise RecipeError(
                f"packs of {packing.size} do not divide the {size // parts} samples of a batch "
                "(or of its parts): choose another training.batch_size."
            )

    @property
    def packing(self) -> Packing | None:
        """The stabiliser that makes the critic judge several samples together, if there is one."""
        return next((each for each in self.stabiliser if isinstance(each, Packing)), None)

    def generator_spec(self, spec: SampleSpec) -> SampleSpec:
        """What the architecture is told of data of ``spec`` when it builds the generator.

        Raises:
            RecipeError: the recipe is conditional and the data has no labels.
        """
        if not self.conditional:
            return spec._replace(classes=None)
        if spec.classes is None:
            raise RecipeError(
                f"the recipe {self.name} is conditional, and the data has no labels: "
                "give data with labels, or set conditional=false."
            )
        return spec

    def critic_spec(self, spec: SampleSpec) -> SampleSpec:
        """The same for the critic, which may see packs of samples."""
        seen = self.generator_spec(spec)
        packing = self.packing
        return seen if packing is None else seen._replace(shape=packing.packed(spec.shape))
