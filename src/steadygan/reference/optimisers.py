"""SGD, RMSProp and Adam, as torch defines them, on lists of arrays changed in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steadygan.reference.layers import Array


class Optimiser(Protocol):
    """Settings of an optimiser; what it remembers of each array is in ``memory``."""

    lr: float

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], memory: dict[str, Any]
    ) -> None: ...


@dataclass
class SGD:
    """θ ← θ − lr · g."""

    lr: float = 1e-2

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], memory: dict[str, Any]
    ) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= self.lr * gradient


@dataclass
class RMSProp:
    """v ← α v + (1 − α) g²;  θ ← θ − lr · g / (√v + ε)  (Tieleman & Hinton 2012)."""

    lr: float = 5e-5
    alpha: float = 0.99
    eps: float = 1e-8

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], memory: dict[str, Any]
    ) -> None:
        squares = memory.setdefault("squares", [np.zeros_like(p) for p in parameters])
        for parameter, gradient, v in zip(parameters, gradients, squares, strict=True):
            _blend(v, gradient**2, self.alpha)
            _move(parameter, gradient, v, self.lr, self.eps)


@dataclass
class Adam:
    """Moments m and v of g and g², freed of their start at 0 (Kingma & Ba 2015, algorithm 1)."""

    lr: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    eps: float = 1e-8

    def step(
        self, parameters: Sequence[Array], gradients: Sequence[Array], memory: dict[str, Any]
    ) -> None:
        means = memory.setdefault("means", [np.zeros_like(p) for p in parameters])
        squares = memory.setdefault("squares", [np.zeros_like(p) for p in parameters])
        memory["count"] = count = memory.get("count", 0) + 1
        lr = self.lr / (1.0 - self.beta1**count)
        correction = np.sqrt(1.0 - self.beta2**count)
        for parameter, gradient, m, v in zip(parameters, gradients, means, squares, strict=True):
            _blend(m, gradient.copy(), self.beta1)
            _blend(v, gradient**2, self.beta2)
            _move(parameter, m, v, lr * correction, self.eps * correction)


def _blend(average: Array, value: Array, past: float) -> None:
    """average ← past · average + (1 − past) · value, without a new array; ``value`` is used up."""
    average *= past
    value *= 1.0 - past
    average += value


def _move(parameter: Array, gradient: Array, squares: Array, lr: float, eps: float) -> None:
    """θ ← θ − lr · g / (√v + ε), with one new array."""
    step = np.sqrt(squares)
    step += eps
    np.divide(gradient, step, out=step)
    step *= lr
    parameter -= step
