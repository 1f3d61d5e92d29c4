"""Any network of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.features.extractor import NetworkFeatures
from steadygan.interfaces import SampleSpec
from steadygan.own_code import own_function
from steadygan.training import evaluating


def module(
    network: nn.Module, spec: SampleSpec, name: str, device: torch.device | None = None
) -> NetworkFeatures:
    """Features of a module that takes encoded samples ``(n, *shape)``, images in [−1, 1], and
    returns ``(n, …)``, flattened.

    Raises:
        NetworkError: it does not take such samples, or returns something else.
    """
    chosen = device or torch.device("cpu")
    network = network.to(chosen)
    try:
        with evaluating(network):
            found = network(_trial(spec).to(chosen))
        dim = int(found.flatten(1).shape[1])
        if len(found) != 2:
            raise ValueError(f"2 samples became {len(found)}")
    except Exception as error:  # whatever a network of the user's raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise NetworkError(f"{name} makes no features of the samples ({reason}).") from error
    return NetworkFeatures(
        name=name,
        dim=dim,
        network=network,
        prepare=lambda samples: samples,
        resize="none",
        preprocessing="in [−1, 1]" if len(spec.shape) == 3 else "standardised",
        identity=f"{name} {_digest(network, found)}",
        device=chosen,
    )


def own_module(text: str, spec: SampleSpec, device: torch.device | None = None) -> NetworkFeatures:
    """What ``module:function`` or ``file.py:function`` makes of the data's ``SampleSpec``.

    Raises:
        UsageError: there is no such function, or it does not return a module.
    """
    make: Callable[[SampleSpec], Any] = own_function(text, NetworkError)
    try:
        with torch.random.fork_rng(devices=[]):
            made = make(spec)
    except Exception as error:  # whatever the user's function raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise NetworkError(f"{text} failed ({reason}).") from error
    if not isinstance(made, nn.Module):
        raise NetworkError(f"{text} returned {type(made).__name__}, not a torch.nn.Module.")
    return module(made, spec, text, device)


def _trial(spec: SampleSpec) -> Tensor:
    """Two samples, always the same."""
    return torch.rand(2, *spec.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0


def _digest(network: nn.Module, features: Tensor) -> str:
    """Of its weights, and of what it makes of the trial: another training of it has other features,
    and so has another version of its code."""
    import hashlib

    found = hashlib.sha256(repr(network).encode())
    for name, tensor in [("features", features), *network.state_dict().items()]:
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]
