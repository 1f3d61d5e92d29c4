"""Every gradient of the reference against central differences, in double."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import steadygan.reference
from steadygan.errors import NetworkError
from steadygan.reference import Dense, norms, penalty
from steadygan.reference.layers import ACTIVATIONS, Array

STEP = 1e-5


def critic_of(activation: str, depth: int, seed: int = 0) -> Dense:
    rng = np.random.default_rng(seed)
    sizes = (4, *(7,) * depth, 1)
    critic = Dense(sizes, activation=activation, rng=rng, dtype=np.float64)
    for bias in critic.biases:
        bias += 0.3 * rng.standard_normal(bias.shape)
    return critic


def signs(critic: Dense, x: Array) -> list[Array]:
    return [z > 0 for z in critic.forward(x).before]


def relative_error(critic: Dense, x: Array, value: Callable[[], float], gradient: Array) -> float:
    """Norm-wise over random directions; directions that cross a kink are left out."""
    parameters = critic.parameters
    rng = np.random.default_rng(1)
    found, expected = [], []
    while len(found) < 6:
        directions = [rng.standard_normal(p.shape) for p in parameters]
        length = np.sqrt(sum((d**2).sum() for d in directions))
        ends, patterns = [], []
        for sign in (1.0, -1.0):
            for p, d in zip(parameters, directions, strict=True):
                p += sign * STEP * d / length
            ends.append(value())
            patterns.append(signs(critic, x))
            for p, d in zip(parameters, directions, strict=True):
                p -= sign * STEP * d / length
        crossed = any(not np.array_equal(a, b) for a, b in zip(*patterns, strict=True))
        if crossed and critic.phi.bend is None:
            continue
        found.append((ends[0] - ends[1]) / (2 * STEP))
        flat = np.concatenate([d.ravel() for d in directions]) / length
        expected.append(float(flat @ gradient))
    difference = np.array(found) - np.array(expected)
    return float(np.linalg.norm(difference) / np.linalg.norm(found))


def flat(gradients: list[Array]) -> Array:
    return np.concatenate([g.ravel() for g in gradients])


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_the_penalty_by_every_weight(activation: str, depth: int) -> None:
    critic = critic_of(activation, depth)
    x = np.random.default_rng(2).standard_normal((9, 4))
    _, gradients, _ = penalty(critic, x)
    error = relative_error(critic, x, lambda: penalty(critic, x)[0], flat(gradients))
    assert error <= 1e-7


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_the_scores_by_weights_and_input(activation: str, depth: int) -> None:
    critic = critic_of(activation, depth)
    x = np.random.default_rng(3).standard_normal((9, 4))
    weights = np.random.default_rng(4).standard_normal((9, 1))
    gradients, by_input = critic.backward(critic.forward(x), weights)

    def value() -> float:
        return float((weights * critic.forward(x).output).sum())

    assert relative_error(critic, x, value, flat(gradients)) <= 1e-7
    np.testing.assert_allclose(
        by_input, weights * critic.input_gradients(critic.forward(x)), rtol=1e-12
    )
    moves = np.random.default_rng(5).standard_normal(x.shape)
    moves /= np.linalg.norm(moves)
    ends = [float((weights * critic.forward(x + s * STEP * moves).output).sum()) for s in (1, -1)]
    slope = float((by_input * moves).sum())
    assert abs((ends[0] - ends[1]) / (2 * STEP) - slope) <= 1e-6 * abs(slope)


def test_without_its_second_derivative_a_smooth_penalty_would_be_wrong() -> None:
    """What numpy-ml's leaves out; the check above would see it."""
    critic = critic_of("tanh", 2)
    x = np.random.default_rng(2).standard_normal((9, 4))
    _, right, _ = penalty(critic, x)
    critic.phi = replace(ACTIVATIONS["tanh"], bend=None)
    _, wrong, _ = penalty(critic, x)
    assert np.linalg.norm(flat(right) - flat(wrong)) > 0.1 * np.linalg.norm(flat(right))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_and_bends_are_derivatives(name: str) -> None:
    phi = ACTIVATIONS[name]
    bend = phi.bend or np.zeros_like
    z = np.array([-30.0, -2.0, -0.3, 0.4, 1.7, 30.0])
    np.testing.assert_allclose(
        phi.slope(z), (phi.value(z + 1e-6) - phi.value(z - 1e-6)) / 2e-6, atol=1e-7
    )
    np.testing.assert_allclose(
        bend(z), (phi.slope(z + 1e-6) - phi.slope(z - 1e-6)) / 2e-6, atol=1e-7
    )
    for function in (phi.value, phi.slope, bend):
        assert function(z.astype(np.float32)).dtype == np.float32


def test_a_linear_critic_has_the_closed_form() -> None:
    critic = Dense((3, 1), rng=np.random.default_rng(0), dtype=np.float64)
    x = np.random.default_rng(1).standard_normal((5, 3))
    length = np.linalg.norm(critic.weights[0])
    cost, gradients, sizes = penalty(critic, x)
    np.testing.assert_allclose(sizes, length)
    np.testing.assert_allclose(cost, (length - 1) ** 2)
    np.testing.assert_allclose(gradients[0], 2 * (length - 1) * critic.weights[0] / length)
    np.testing.assert_allclose(norms(np.zeros((2, 3))), 0, atol=1e-7)


def test_unknown_names_are_one_line() -> None:
    with pytest.raises(NetworkError, match="Did you mean 'softplus'"):
        Dense((2, 1), activation="softplu", rng=np.random.default_rng(0))


def test_it_imports_no_torch_and_can_be_read_in_one_sitting() -> None:
    code = "import sys, steadygan.reference; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"
    folder = Path(steadygan.reference.__file__).parent
    assert sum(len(path.read_text().splitlines()) for path in folder.glob("*.py")) < 600
