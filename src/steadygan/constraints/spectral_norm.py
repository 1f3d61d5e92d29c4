"""Spectral normalisation (Miyato et al. 2018, section 2.1 and algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from steadygan.constraints.reparametrise import weights
from steadygan.errors import RecipeError


@dataclass(frozen=True)
class SpectralNorm:
    """Divides every weight matrix of the critic by its largest singular value.

    Each dense or recurrent weight is then 1-Lipschitz (of a convolution its reshaped kernel is, as
    in the paper). The singular value is tracked by power iteration, in every forward pass
    in train mode.

    Attributes:
        iterations: of the power method per pass; 1 in the paper.
    """

    iterations: int = 1
    name = "spectral_norm"

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise RecipeError(f"constraint.iterations is {self.iterations}: choose at least 1.")

    def prepare(self, critic: nn.Module) -> None:
        for layer, name, outputs in weights(critic):
            spectral_norm(layer, name, n_power_iterations=self.iterations, dim=outputs)

    def project(self, critic: nn.Module) -> None:
        """Nothing: the weights are normalised whenever they are used."""
