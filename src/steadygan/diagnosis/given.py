"""What people hand over, looked at before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from steadygan.errors import UsageError


def require(given: Any, kind: Any, name: str, advice: str) -> None:
    """Raises UsageError, of one line, where ``given`` is nothing of this kind."""
    if not isinstance(given, kind):
        raise UsageError(f"{name} is {_shown(given)}: {advice}.")


def require_networks(generator: Any, critic: Any) -> None:
    """Raises UsageError where one is no module: a function has no weights to look at."""
    for name, network in (("generator", generator), ("critic", critic)):
        advice = "pass an nn.Module, with your function as its forward() if it is one"
        require(network, nn.Module, name, advice)


def require_optimisers(**optimisers: Any) -> None:
    """Raises UsageError where one is none."""
    for name, optimiser in optimisers.items():
        require(optimiser, Optimizer, name, "pass the torch.optim optimiser that steps the network")


def require_able(given: Any, method: str, name: str, advice: str) -> None:
    """Raises UsageError where ``given`` lacks the method; a class is none of its objects."""
    if isinstance(given, type) or not hasattr(given, method):
        raise UsageError(f"{name} is {_shown(given)}: {advice}.")


def require_series(given: Any, method: str, name: str, advice: str) -> None:
    """Raises UsageError where ``given`` is no series of what has this method."""
    require(given, Iterable, name, advice)
    for number, each in enumerate(given):
        require_able(each, method, f"{name}[{number}]", advice)


def _shown(given: Any) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
