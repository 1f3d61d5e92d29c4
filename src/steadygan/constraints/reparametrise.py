"""Which weights a reparametrisation applies to."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from steadygan.errors import NetworkError

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Embedding, *_TRANSPOSED)


def weights(critic: nn.Module) -> list[tuple[nn.Module, str, int]]:
    """The weight matrices of the dense, convolutional, embedding and recurrent layers of
    ``critic``: the layer, the weight's name, and the dimension that its outputs lie along.

    Raises:
        NetworkError: there is none, so that the constraint would constrain nothing; or one has a
            reparametrisation already.
    """
    found = list(_weights(critic))
    if not found:
        raise NetworkError(
            "the critic has no dense, convolutional or recurrent layer that this constraint could "
            "apply to."
        )
    if any(is_parametrized(layer, name) for layer, name, _ in found):
        raise NetworkError("spectral and weight norm do not go together: choose one.")
    return found


def _weights(critic: nn.Module) -> Iterator[tuple[nn.Module, str, int]]:
    for layer in critic.modules():
        if isinstance(layer, _WEIGHTED):
            yield layer, "weight", 1 if isinstance(layer, _TRANSPOSED) else 0
        elif isinstance(layer, nn.RNNBase):
            names = [name for name, _ in layer.named_parameters(recurse=False)]
            yield from ((layer, name, 0) for name in names if name.startswith("weight_"))
