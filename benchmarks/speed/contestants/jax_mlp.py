"""WGAN-GP on MLPs in JAX, written for this comparison: a whole iteration is one compiled call.

Runs under a Python of its own that has JAX, and neither torch nor this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from settings import Setting

from contestants import Work

BATCHES = 16
EPSILON = 1e-8  # of Adam

Layers = list[tuple[Any, Any]]


class Network(NamedTuple):
    """Weights, and Adam's state of them."""

    layers: Layers
    first: Layers
    second: Layers
    step: Any


def layers(key: Any, sizes: Sequence[int]) -> Layers:
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.uniform(k, (a, b), minval=-(a**-0.5), maxval=a**-0.5), jnp.zeros(b))
        for k, (a, b) in zip(keys, pairwise(sizes), strict=True)
    ]


def network(key: Any, sizes: Sequence[int]) -> Network:
    made = layers(key, sizes)
    # Buffers of their own: each is given back to the compiled call.
    zeros = partial(jax.tree.map, jnp.zeros_like)
    return Network(made, zeros(made), zeros(made), jnp.zeros((), jnp.int32))


def forward(stack: Layers, x: Any) -> Any:
    for weight, bias in stack[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = stack[-1]
    return x @ weight + bias


def scores(critic: Layers, x: Any) -> Any:
    return forward(critic, x)[:, 0]


def critic_loss(critic: Layers, real: Any, fake: Any, points: Any, weight: float) -> Any:
    gradients = jax.grad(lambda x: scores(critic, x).sum())(points)
    norms = jnp.sqrt(jnp.square(gradients).sum(1) + 1e-12)
    penalty = jnp.square(norms - 1).mean()
    return scores(critic, fake).mean() - scores(critic, real).mean() + weight * penalty


def updated(before: Network, gradients: Layers, setting: Setting) -> Network:
    step = before.step + 1
    b1, b2 = setting.beta1, setting.beta2
    first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, before.first, gradients)
    second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, before.second, gradients)
    rate, root = setting.lr / (1 - b1**step), jnp.sqrt(1 - b2**step)
    moved = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + EPSILON), before.layers, first, second
    )
    return Network(moved, first, second, step)


def prepare(setting: Setting, folder: Path | None = None) -> Work:
    columns, hidden = setting.columns, setting.hidden
    one, other, key = jax.random.split(jax.random.key(0), 3)
    generator = network(one, (setting.latent_dim, *hidden, columns))
    critic = network(other, (columns, *hidden, 1))
    rng = np.random.default_rng(1)
    shape = (BATCHES, setting.batch, columns)
    data = jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32)

    def latent(key: Any) -> Any:
        return jax.random.normal(key, (setting.batch, setting.latent_dim))

    @partial(jax.jit, donate_argnums=(0, 1))
    def iteration(generator: Network, critic: Network, key: Any, index: Any) -> Any:
        def critic_update(critic: Network, given: Any) -> Any:
            key, index = given
            for_latent, for_epsilon = jax.random.split(key)
            real = data[index % BATCHES]
            fake = forward(generator.layers, latent(for_latent))
            epsilon = jax.random.uniform(for_epsilon, (setting.batch, 1))
            points = epsilon * real + (1 - epsilon) * fake
            gradients = jax.grad(critic_loss)(critic.layers, real, fake, points, setting.weight)
            return updated(critic, gradients, setting), None

        key, last, *keys = jax.random.split(key, setting.n_critic + 2)
        given = jnp.stack(keys), index + jnp.arange(setting.n_critic)
        critic, _ = jax.lax.scan(critic_update, critic, given)

        def generator_loss(stack: Layers) -> Any:
            return -scores(critic.layers, forward(stack, latent(last))).mean()

        gradients = jax.grad(generator_loss)(generator.layers)
        return updated(generator, gradients, setting), critic, key, index + setting.n_critic

    state = (generator, critic, key, jnp.zeros((), jnp.int32))

    def iterate(count: int) -> None:
        nonlocal state
        for _ in range(count):
            state = iteration(*state)
        jax.block_until_ready(state)

    def size(of: Network) -> int:
        return sum(array.size for array in jax.tree.leaves(of.layers))

    sizes = size(generator), size(critic)  # before they are given away
    return Work(iterate, sizes, lambda: (int(state[1].step), int(state[0].step)))
