"""Any networks of the user's own, as an architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec


@dataclass(frozen=True)
class Custom:
    """Networks that the user's functions (or classes) build.

    Attributes:
        generator: ``(spec, latent_dim)`` to a module that maps ``(batch, latent_dim)`` to
            ``(batch, *spec.shape)``.
        critic: ``(spec)`` to a module that maps ``(batch, *spec.shape)`` to scores ``(batch,)`` or
            ``(batch, 1)``.

    Where ``spec.classes`` is set both modules take ``y``, ``(batch,)``, as second argument;
    ``steadygan.train`` is unconditional and leaves it None.

    Raises:
        NetworkError: a field is a network already, or cannot be called.
    """

    generator: Callable[[SampleSpec, int], nn.Module]
    critic: Callable[[SampleSpec], nn.Module]

    def __post_init__(self) -> None:
        for name, maker in (("generator", self.generator), ("critic", self.critic)):
            if isinstance(maker, nn.Module):  # callable too, but not with a spec
                raise NetworkError(
                    f"Custom's {name} is a network: give the function or class that builds it."
                )
            if not callable(maker):
                raise NetworkError(
                    f"Custom's {name} must be a function that builds a network, not {maker!r}."
                )

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        """``{"generator", "critic"}``; raises NetworkError where a function returns no module."""
        return {
            "generator": _module("generator", self.generator(spec, latent_dim)),
            "critic": _module("critic", self.critic(spec)),
        }


def _module(name: str, built: object) -> nn.Module:
    if not isinstance(built, nn.Module):
        what = f"the class {built.__name__}" if isinstance(built, type) else type(built).__name__
        raise NetworkError(
            f"Custom's {name} function must return a torch.nn.Module, it returned {what}."
        )
    return built
