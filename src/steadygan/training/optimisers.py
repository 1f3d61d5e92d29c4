"""The optimisers a recipe can name: their settings, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.errors import RecipeError
from steadygan.schedules import Value, at, smallest


@runtime_checkable
class OptimiserSettings(Protocol):
    """A frozen dataclass that makes a torch optimiser."""

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer: ...

    def values(self, progress: float) -> dict[str, Any]:
        """What its parameter groups hold at ``progress`` in [0, 1]: ``lr``, and what else a
        schedule may change."""
        ...


def set_values(optimiser: Optimizer, settings: OptimiserSettings, progress: float) -> None:
    """Give every parameter group the learning rate (and betas) of ``progress`` in [0, 1]."""
    values = settings.values(progress)
    for group in optimiser.param_groups:
        rate = group["lr"]
        group.update(values)
        if isinstance(rate, Tensor):  # a captured step reads it where it lies
            group["lr"] = rate.fill_(values["lr"])


def constant_but_for_the_rate(settings: OptimiserSettings) -> bool:
    """Whether nothing that the optimiser's groups hold changes over a run but the learning rate."""
    first, *others = (settings.values(progress) | {"lr": None} for progress in (0.0, 0.5, 1.0))
    return all(other == first for other in others)


def make_capturable(optimiser: Optimizer, device: torch.device) -> None:
    """Let its step be captured: what changes between two steps lies in tensors on the device."""
    for group in optimiser.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), dtype=torch.float32, device=device)
        if "capturable" in group:
            group["capturable"] = device.type == "cuda"
    for slots in optimiser.state.values():
        if isinstance(slots.get("step"), Tensor):
            slots["step"] = slots["step"].to(device)


def _betas(beta1: Value, beta2: Value, progress: float) -> tuple[float, float]:
    return float(at(beta1, progress)), float(at(beta2, progress))


def _check(lr: Value, *, eps: float = 1.0, weight_decay: float = 0.0, **shares: Value) -> None:
    if not at(lr, 0.0) > 0 or not smallest(lr) >= 0:
        raise RecipeError(f"the learning rate is {lr}: choose a number above 0.")
    if not eps > 0:
        raise RecipeError(f"eps of the optimiser is {eps}: choose a number above 0.")
    if not weight_decay >= 0:
        raise RecipeError(f"weight_decay of the optimiser is {weight_decay}: choose 0 or more.")
    for name, share in shares.items():
        if not all(0.0 <= at(share, progress) < 1.0 for progress in (0.0, 1.0)):
            raise RecipeError(f"{name} of the optimiser is {share}: choose a number in [0, 1).")


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015). The defaults are those of WGAN-GP (Gulrajani et al. 2017)."""

    lr: Value = 1e-4
    beta1: Value = 0.0
    beta2: Value = 0.9
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check(self.lr, eps=self.eps, beta1=self.beta1, beta2=self.beta2)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return torch.optim.Adam(
            parameters,
            **self.values(0.0),
            eps=self.eps,
            fused=True,
        )

    def values(self, progress: float) -> dict[str, Any]:
        return {"lr": at(self.lr, progress), "betas": _betas(self.beta1, self.beta2, progress)}


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    lr: Value = 1e-4
    beta1: Value = 0.0
    beta2: Value = 0.9
    eps: float = 1e-8
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        _check(
            self.lr,
            eps=self.eps,
            weight_decay=self.weight_decay,
            beta1=self.beta1,
            beta2=self.beta2,
        )

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return torch.optim.AdamW(
            parameters,
            **self.values(0.0),
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
        )

    def values(self, progress: float) -> dict[str, Any]:
        return {"lr": at(self.lr, progress), "betas": _betas(self.beta1, self.beta2, progress)}


@dataclass(frozen=True)
class RMSProp:
    """RMSProp (Tieleman & Hinton 2012). The defaults are those of WGAN (Arjovsky et al. 2017)."""

    lr: Value = 5e-5
    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0

    def __post_init__(self) -> None:
        _check(self.lr, eps=self.eps, alpha=self.alpha, momentum=self.momentum)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return torch.optim.RMSprop(
            parameters, lr=at(self.lr, 0.0), alpha=self.alpha, eps=self.eps, momentum=self.momentum
        )

    def values(self, progress: float) -> dict[str, Any]:
        return {"lr": at(self.lr, progress)}


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with momentum if wanted."""

    lr: Value = 1e-2
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check(self.lr, momentum=self.momentum)
        if self.nesterov and not self.momentum:
            raise RecipeError("nesterov needs momentum: set the optimiser's momentum above 0.")

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return torch.optim.SGD(
            parameters,
            lr=at(self.lr, 0.0),
            momentum=self.momentum,
            nesterov=self.nesterov,
            fused=True,
        )

    def values(self, progress: float) -> dict[str, Any]:
        return {"lr": at(self.lr, progress)}


@dataclass(frozen=True)
class OptimisticAdam:
    """Adam that steps twice along its update and takes the previous one back (Daskalakis et al.
    2018, algorithm 1): θ ← θ − 2·uₜ + uₜ₋₁, where u is Adam's update; it damps the rotation of a
    game where plain steps spiral outwards."""

    lr: Value = 1e-4
    beta1: Value = 0.5
    beta2: Value = 0.9
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check(self.lr, eps=self.eps, beta1=self.beta1, beta2=self.beta2)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return _OptimisticAdam(parameters, eps=self.eps, **self.values(0.0))

    def values(self, progress: float) -> dict[str, Any]:
        return {"lr": at(self.lr, progress), "betas": _betas(self.beta1, self.beta2, progress)}


class _OptimisticAdam(torch.optim.Adam):
    """Adam's own step, then its update once more and the update before it back."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        moved = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.detach().clone() for p in moved]
        loss: float | None = super().step(closure)
        for parameter, old in zip(moved, before, strict=True):
            update = parameter - old
            previous = self.state[parameter].get("previous_update")
            parameter.add_(update if previous is None else update - previous)
            self.state[parameter]["previous_update"] = update
        return loss
