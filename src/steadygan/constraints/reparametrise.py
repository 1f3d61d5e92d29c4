"""Which layers a reparametrisation of the weights applies to."""

from __future__ import annotations

from torch import nn

from steadygan.errors import NetworkError

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Embedding)


def weighted_layers(critic: nn.Module) -> list[nn.Module]:
    """The dense, convolutional and embedding layers of ``critic``.

    Raises:
        NetworkError: there is none, so that the constraint would constrain nothing.
    """
    layers: list[nn.Module] = [layer for layer in critic.modules() if isinstance(layer, _WEIGHTED)]
    if not layers:
        raise NetworkError(
            "the critic has no dense or convolutional layer that this constraint could apply to."
        )
    return layers
