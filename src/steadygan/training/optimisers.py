"""The optimisers a recipe can name: their settings, and how they are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.optim import Optimizer

from steadygan.errors import RecipeError
from steadygan.schedules import Value, at, smallest


@runtime_checkable
class OptimiserSettings(Protocol):
    """A frozen dataclass with a learning rate that makes a torch optimiser."""

    @property
    def lr(self) -> Value: ...

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer: ...


def set_learning_rate(optimiser: Optimizer, settings: OptimiserSettings, progress: float) -> None:
    """Give every parameter group the learning rate of ``progress`` in [0, 1]."""
    lr = at(settings.lr, progress)
    for group in optimiser.param_groups:
        group["lr"] = lr


def _check(lr: Value, *, eps: float = 1.0, weight_decay: float = 0.0, **shares: float) -> None:
    if not at(lr, 0.0) > 0 or not smallest(lr) >= 0:
        raise RecipeError(f"the learning rate is {lr}: choose a number above 0.")
    if not eps > 0:
        raise RecipeError(f"eps of the optimiser is {eps}: choose a number above 0.")
    if not weight_decay >= 0:
        raise RecipeError(f"weight_decay of the optimiser is {weight_decay}: choose 0 or more.")
    for name, share in shares.items():
        if not 0.0 <= share < 1.0:
            raise RecipeError(f"{name} of the optimiser is {share}: choose a number in [0, 1).")


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015). The defaults are those of WGAN-GP (Gulrajani et al. 2017)."""

    lr: Value = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check(self.lr, eps=self.eps, beta1=self.beta1, beta2=self.beta2)

    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        return torch.optim.Adam(
            parameters,
            lr=at(self.lr, 0.0),
            betas=(float(self.beta1), float(self.beta2)),
            eps=self.eps,
            fused=True,
        )


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    lr: Value = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
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
            lr=at(self.lr, 0.0),
            betas=(float(self.beta1), float(self.beta2)),
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
        )


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
