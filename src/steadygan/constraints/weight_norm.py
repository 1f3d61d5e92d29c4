"""Weight normalisation (Salimans & Kingma 2016, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from steadygan.constraints.reparametrise import weights


@dataclass(frozen=True)
class WeightNorm:
    """Writes every weight of the critic as a length times a direction, one pair per output.

    It changes how the weights move, not what the critic can be: no bound on its slope.
    """

    name = "weight_norm"

    def prepare(self, critic: nn.Module) -> None:
        for layer, name, outputs in weights(critic):
            weight_norm(layer, name, dim=outputs)

    def project(self, critic: nn.Module) -> None:
        """Nothing: the weights are put together whenever they are used."""
