"""Objectives: the pair of losses, one value per sample."""

from steadygan.objectives.wasserstein import (
    Wasserstein,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)

__all__ = ["Wasserstein", "wasserstein_critic_loss", "wasserstein_generator_loss"]
