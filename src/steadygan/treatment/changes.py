"""Changes of a recipe, each with settings that are known to be steady.

They look at the recipe and at the kind of data, and at nothing else of a run.
"""

from __future__ import annotations

from dataclasses import replace

from steadygan.constraints import WeightClipping
from steadygan.interfaces import SampleSpec
from steadygan.networks import DCGAN, MLP
from steadygan.objectives import Minimax, Wasserstein
from steadygan.penalties import R1, Term, TwoSided
from steadygan.recipes import Recipe
from steadygan.schedules import Linear
from steadygan.stabilisers import EMA, DifferentiableAugmentation, InstanceNoise, Packing
from steadygan.training import Adam, OptimiserSettings

_N_CRITIC = 5  # of the Wasserstein objectives
_MOST = 2  # critic updates per step, of the others


def _is_image(spec: SampleSpec) -> bool:
    return len(spec.shape) == 3


def _is_point(spec: SampleSpec) -> bool:
    return len(spec.shape) == 1 and spec.shape[0] <= 3


def usual_optimisers(recipe: Recipe, spec: SampleSpec) -> Recipe:
    """Adam for both networks, at the same rate: falling from 1e-3 for dense networks (as the
    presets for points), 2e-4 for others (Radford et al. 2016)."""
    optimiser: OptimiserSettings = Adam(lr=2e-4, beta1=0.5, beta2=0.9)
    if not _is_image(spec) or isinstance(recipe.architecture, MLP):
        optimiser = Adam(lr=Linear(1e-3, 1e-4), beta1=0.5, beta2=0.9)
    return replace(recipe, critic_optimiser=optimiser, generator_optimiser=optimiser)


def bounded_slope(recipe: Recipe, spec: SampleSpec) -> Recipe:
    """The usual penalty of the objective at its usual weight, and nothing else on the slope."""
    weight = 0.1 if _is_point(spec) else 10.0
    term = Term(TwoSided(), weight)
    if not isinstance(recipe.objective, Wasserstein):
        if recipe.constraint:
            return recipe  # bounded by construction
        term = Term(R1(), 0.5 * weight if _is_point(spec) else 0.1 * weight)
    kept = tuple(each for each in recipe.constraint if not isinstance(each, WeightClipping))
    architecture = recipe.architecture
    if isinstance(architecture, (MLP, DCGAN)) and architecture.critic_norm == "batch":
        architecture = replace(architecture, critic_norm="layer")  # a penalty is one per sample
    return replace(recipe, penalty=(term,), constraint=kept, architecture=architecture)


def non_saturating(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """The generator's loss that is steep where the critic is sure."""
    if not isinstance(recipe.objective, Minimax) or not recipe.objective.saturating:
        return None
    return replace(recipe, objective=replace(recipe.objective, saturating=False))


def balanced_updates(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """Five critic updates per step for a distance, at most two for a game that saturates."""
    if recipe.extragradient:
        return None
    if isinstance(recipe.objective, Wasserstein):
        return replace(recipe, n_critic=_N_CRITIC, burst=None)
    return replace(recipe, n_critic=min(recipe.n_critic, _MOST), burst=None)


def averaged(recipe: Recipe, spec: SampleSpec) -> Recipe:
    """An average of the generator to sample from."""
    return recipe if recipe.ema is not None else replace(recipe, ema=EMA())


def clipped_gradients(recipe: Recipe, spec: SampleSpec) -> Recipe:
    """No gradient longer than 1 enters an update."""
    return replace(recipe, training=replace(recipe.training, clip_gradient_norm=1.0))


def patience(recipe: Recipe, spec: SampleSpec) -> Recipe:
    """More refused updates before the run is given up, and less that is lost with each."""
    training = recipe.training
    return replace(
        recipe,
        training=replace(
            training,
            rollback_limit=max(training.rollback_limit, 300),
            checkpoint_every=min(training.checkpoint_every, 5),
        ),
    )


def softened(recipe: Recipe, spec: SampleSpec) -> Recipe:
    """Noise that makes real and fake samples overlap, and smoothed labels where there are any."""
    objective = recipe.objective
    if isinstance(objective, Minimax) and objective.real_label == 1.0:
        objective = replace(objective, real_label=0.9)
    others = tuple(each for each in recipe.stabiliser if not isinstance(each, InstanceNoise))
    noise = InstanceNoise(Linear(0.2, 0.0, end=0.9))
    return replace(recipe, objective=objective, stabiliser=(noise, *others))


def packed(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """The critic judges pairs."""
    if recipe.packing is not None or recipe.conditional:
        return None
    return replace(recipe, stabiliser=(*recipe.stabiliser, Packing(2)))


def augmented(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """The critic sees images moved about; holes and colours would hide too much of small ones."""
    kinds = {type(each) for each in recipe.stabiliser}
    if not _is_image(spec) or DifferentiableAugmentation in kinds:
        return None
    augmentation = DifferentiableAugmentation(colour=False, translation=0.125, cutout=0.25)
    return replace(recipe, stabiliser=(augmentation, *recipe.stabiliser))


def blurred(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """Noise on what the critic sees, to the end: single samples can no longer be told apart."""
    if any(isinstance(each, InstanceNoise) for each in recipe.stabiliser):
        return None
    return replace(recipe, stabiliser=(InstanceNoise(0.1), *recipe.stabiliser))


def leaky(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """Units that cannot die."""
    if not isinstance(recipe.architecture, MLP):
        return None
    return replace(recipe, architecture=replace(recipe.architecture, activation="leaky_relu"))


def wasserstein(recipe: Recipe, spec: SampleSpec) -> Recipe | None:
    """The Wasserstein objective, without what was added for another one."""
    if recipe.auxiliary is not None:
        return None
    return replace(
        recipe, objective=Wasserstein(), constraint=(), stabiliser=(), extragradient=False
    )
