"""Dense networks in NumPy, with their input gradient and the gradient of a penalty on it.

Arrays have one sample per row; ``batch`` is their number. Weights are ``(inputs, outputs)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from steadygan.errors import NetworkError, did_you_mean

Array: TypeAlias = np.ndarray
Gradients: TypeAlias = list[Array]  # like ``Dense.parameters``: W1, b1, W2, b2, …

# Keeps the derivative of ‖u‖ finite at u = 0; far below the rounding of any norm that matters.
_TINY = 1e-16


@dataclass(frozen=True)
class Activation:
    """φ and its first two derivatives, each of the pre-activation z, element by element.

    ``bend`` is None where φ is piecewise linear: φ″ is 0 (at the kink: taken to be).
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    bend: Callable[[Array], Array] | None = None


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1.0 + np.tanh(0.5 * z))  # never overflows


def _silu_slope(z: Array) -> Array:
    s = _sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


def _silu_bend(z: Array) -> Array:
    s = _sigmoid(z)
    return s * (1.0 - s) * (2.0 + z * (1.0 - 2.0 * s))


ACTIVATIONS: Mapping[str, Activation] = {
    "identity": Activation(lambda z: z, np.ones_like),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "leaky_relu": Activation(
        lambda z: np.maximum(z, 0.2 * z), lambda z: np.where(z > 0, 1.0, 0.2).astype(z.dtype)
    ),
    "tanh": Activation(
        np.tanh,
        lambda z: 1.0 - np.tanh(z) ** 2,
        lambda z: -2.0 * np.tanh(z) * (1.0 - np.tanh(z) ** 2),
    ),
    "elu": Activation(
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 1.0, np.exp(np.minimum(z, 0))),
        lambda z: np.where(z > 0, 0.0, np.exp(np.minimum(z, 0))),
    ),
    "silu": Activation(lambda z: z * _sigmoid(z), _silu_slope, _silu_bend),
    "softplus": Activation(
        lambda z: np.logaddexp(0.0, z),
        _sigmoid,
        lambda z: _sigmoid(z) * (1.0 - _sigmoid(z)),
    ),
}


def he_uniform(rng: np.random.Generator, inputs: int, outputs: int) -> Array:
    """U(−a, a) with a = √(6 / inputs) (He et al. 2015, section 2.2)."""
    bound = np.sqrt(6.0 / inputs)
    return rng.uniform(-bound, bound, (inputs, outputs))


def glorot_uniform(rng: np.random.Generator, inputs: int, outputs: int) -> Array:
    """U(−a, a) with a = √(6 / (inputs + outputs)) (Glorot & Bengio 2010, eq. 16)."""
    bound = np.sqrt(6.0 / (inputs + outputs))
    return rng.uniform(-bound, bound, (inputs, outputs))


INITIALISATIONS = {"he_uniform": he_uniform, "glorot_uniform": glorot_uniform}


def pick(table: Mapping[str, object], name: str, what: str) -> object:
    """The entry called ``name``; raises NetworkError, with the nearest name, if there is none."""
    if name not in table:
        raise NetworkError(f"unknown {what} {name!r}.{did_you_mean(name, list(table))}")
    return table[name]


@dataclass
class Pass:
    """What a forward pass leaves for the way back.

    Attributes:
        activations: a₀ = x, a₁, …, the output last; each ``(batch, units)``.
        before: z₁, z₂, …, the hidden layers' pre-activations.
        phi: the hidden layers' φ.
    """

    activations: list[Array]
    before: list[Array]
    phi: Activation

    @property
    def output(self) -> Array:
        return self.activations[-1]

    @cached_property
    def slopes(self) -> list[Array]:
        """φ′(z₁), φ′(z₂), …, which the way back needs more than once."""
        return [self.phi.slope(z) for z in self.before]


class Dense:
    """Hidden layers aₗ = φ(zₗ), zₗ = aₗ₋₁Wₗ + bₗ, and a last layer without φ.

    Args:
        sizes: inputs, units of each hidden layer, outputs.
        activation: φ, a name in ``ACTIVATIONS``.
        initialisation: of the weights; biases start at 0.
        rng: that they are drawn from.
        dtype: of all numbers.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str = "relu",
        initialisation: str = "he_uniform",
        rng: np.random.Generator,
        dtype: type = np.float32,
    ) -> None:
        phi, draw = (
            pick(ACTIVATIONS, activation, "activation"),
            pick(INITIALISATIONS, initialisation, "initialisation"),
        )
        assert isinstance(phi, Activation)
        assert callable(draw)
        self.phi = phi
        self.weights = [draw(rng, a, b).astype(dtype) for a, b in pairwise(sizes)]
        self.biases: list[Array] = [np.zeros(b, dtype) for _, b in pairwise(sizes)]

    @property
    def parameters(self) -> list[Array]:
        """W₁, b₁, W₂, b₂, …: the arrays themselves, to be changed in place."""
        return [each for pair in zip(self.weights, self.biases, strict=True) for each in pair]

    def forward(self, x: Array) -> Pass:
        """``x`` ``(batch, inputs)`` through all layers."""
        activations, before = [x], []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = activations[-1] @ weight
            z += bias
            before.append(z)
            activations.append(self.phi.value(z))
        activations.append(activations[-1] @ self.weights[-1] + self.biases[-1])
        return Pass(activations, before, self.phi)

    def backward(
        self, done: Pass, output: Array, hidden: Sequence[Array] | None = None
    ) -> tuple[Gradients, Array]:
        """Gradients by all parameters and by the input, from those by the output ``(batch,
        outputs)`` and, where there are any, those that reach the zₗ from elsewhere (``hidden``)."""
        gradients: Gradients = []
        z = output  # ∂ loss / ∂ z of the layer at hand
        for layer in reversed(range(len(self.weights))):
            gradients = [done.activations[layer].T @ z, z.sum(0), *gradients]
            z = z @ self.weights[layer].T
            if layer > 0:
                z *= done.slopes[layer - 1]
                if hidden is not None:
                    z += hidden[layer - 1]
        return gradients, z

    def score_gradients(self, done: Pass) -> tuple[list[Array], list[Array]]:
        """gₗ = ∂ score / ∂ zₗ and tₗ = ∂ score / ∂ aₗ of every hidden layer, then the last g.

        g of the last layer is 1; before it tₗ = gₗ₊₁ Wₗ₊₁ᵀ and gₗ = tₗ ⊙ φ′(zₗ).
        """
        g, t = [np.ones_like(done.output)], list[Array]()
        for weight, slope in zip(self.weights[:0:-1], done.slopes[::-1], strict=True):
            t.insert(0, g[0] @ weight.T)
            g.insert(0, t[0] * slope)
        return g, t

    def input_gradients(self, done: Pass) -> Array:
        """u = ∂ score / ∂ x ``(batch, inputs)``, each sample's own: u = g₁ W₁ᵀ."""
        gradients: Array = self.score_gradients(done)[0][0] @ self.weights[0].T
        return gradients


def norms(gradients: Array) -> Array:
    """‖u‖ of each row, ``(batch,)``."""
    sizes: Array = np.sqrt((gradients**2).sum(1) + _TINY)
    return sizes


def penalty(critic: Dense, x: Array, target: float = 1.0) -> tuple[float, Gradients, Array]:
    """mean (‖u‖ − target)² at the points ``x``, its gradient by every parameter, and the norms.

    Double backpropagation. The input gradient is itself a computation,

        gₗ = tₗ ⊙ φ′(zₗ),   tₗ = gₗ₊₁ Wₗ₊₁ᵀ,   u = g₁ W₁ᵀ,

    and it is differentiated like any other, from u back to g₁, g₂, … Write x̄ for ∂ penalty / ∂ x.

        ū  = 2 (‖u‖ − target) / ‖u‖ · u / batch
        ḡ₁ = ū W₁                  and W̄₁ gains ūᵀ g₁
        t̄ₗ = ḡₗ ⊙ φ′(zₗ)           and z̄ₗ gains ḡₗ ⊙ tₗ ⊙ φ″(zₗ)
        ḡₗ₊₁ = t̄ₗ Wₗ₊₁             and W̄ₗ₊₁ gains t̄ₗᵀ gₗ₊₁

    The z̄ₗ are where smooth activations differ from ReLU, for which φ″ = 0: they go back through the
    ordinary forward pass, to all weights and biases below.
    """
    done = critic.forward(x)
    g, t = critic.score_gradients(done)
    u = g[0] @ critic.weights[0].T
    sizes = norms(u)
    bar = (2.0 * (sizes - target) / sizes / len(x))[:, None] * u  # ū, then the t̄ₗ
    gains = [bar.T @ g[0]]  # of the weights, layer by layer
    hidden: list[Array] = []  # the z̄ₗ
    for layer, z in enumerate(done.before):
        bar = bar @ critic.weights[layer]
        if critic.phi.bend is not None:
            hidden.append(bar * t[layer] * critic.phi.bend(z))
        bar *= done.slopes[layer]
        gains.append(bar.T @ g[layer + 1])
    if critic.phi.bend is None:  # nothing goes back through the forward pass
        no_gains = [np.zeros_like(bias) for bias in critic.biases]
        gradients = [each for pair in zip(gains, no_gains, strict=True) for each in pair]
    else:
        gradients, _ = critic.backward(done, np.zeros_like(done.output), hidden)
        for layer, gain in enumerate(gains):
            gradients[2 * layer] += gain
    return float(np.mean((sizes - target) ** 2)), gradients, sizes
