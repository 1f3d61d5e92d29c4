"""WGAN-GP (Gulrajani et al. 2017, algorithm 1), and WGAN with weight clipping, in NumPy."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steadygan.errors import DataError, RecipeError
from steadygan.reference.layers import Array, Dense, norms, penalty
from steadygan.reference.optimisers import Adam, Optimiser, RMSProp


@dataclass
class WGANGP:
    """A generator and a critic of dense layers, trained on rows of numbers.

        model = WGANGP(latent_dim=2, penalty=0.1).fit(points, steps=5_000)
        samples = model.sample(1_000)

    Attributes:
        latent_dim: numbers in a latent vector, drawn from N(0, 1).
        hidden: units of each hidden layer, in both networks.
        penalty: λ of the gradient penalty.
        clip: limit of the critic's weights, the other mode; then there is no penalty.
        n_critic: critic updates per generator update.
        batch_size: samples per update.
        optimiser: of both networks, each with a memory of its own.
        decay: let the learning rate fall to 0 over the steps of a ``fit``.
        average: weight of the past in the average of the generator that ``sample`` draws from; 0
            takes the generator itself.
        activation, initialisation: names in ``layers``.
        bounds: of the samples: a stretched tanh after the generator; None leaves them unbounded.
        seed: of weights, batches and noise.
        dtype: of all numbers.
        history: one entry per generator update: ``estimate``, ``penalty``, ``slope`` (of the last
            critic update) and ``generator_loss``.
    """

    latent_dim: int = 128
    hidden: tuple[int, ...] = (512, 512, 512)
    penalty: float = 10.0
    clip: float | None = None
    n_critic: int = 5
    batch_size: int = 64
    optimiser: Optimiser = field(default_factory=Adam)
    decay: bool = False
    average: float = 0.0
    activation: str = "relu"
    initialisation: str = "he_uniform"
    bounds: tuple[float, float] | None = None
    seed: int = 0
    dtype: type = np.float32
    history: dict[str, list[float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("latent_dim", "n_critic", "batch_size")}
        counts |= {f"hidden[{i}]": units for i, units in enumerate(np.atleast_1d(self.hidden))}
        for name, count in counts.items():
            if count != int(count) or count < 1:
                raise RecipeError(f"{name} is {count}: choose a whole number, at least 1.")
        self.hidden = tuple(int(units) for units in np.atleast_1d(self.hidden))
        if not self.optimiser.lr > 0:
            raise RecipeError(f"the learning rate is {self.optimiser.lr}: choose one above 0.")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise RecipeError(f"bounds are {self.bounds}: give the lower one first.")
        if self.penalty < 0 or (self.clip is not None and self.clip <= 0):
            raise RecipeError("penalty must be 0 or more, clip above 0 or None.")
        if not 0.0 <= self.average < 1.0:
            raise RecipeError(f"average is {self.average}: choose a number in [0, 1).")
        self._rng = np.random.default_rng(self.seed)
        self._memory: dict[str, dict[str, Any]] = {"critic": {}, "generator": {}}
        self._updates = 0
        self.critic: Dense | None = None
        self.generator: Dense | None = None
        self._averaged: Dense | None = None

    @classmethod
    def numpy_ml(cls, **changes: Any) -> WGANGP:
        """The published defaults of numpy-ml's WGAN-GP: 512 units, He uniform, RMSProp 1e-4, λ 10,
        five critic updates, batches of 128."""
        settings: dict[str, Any] = {"optimiser": RMSProp(lr=1e-4), "batch_size": 128}
        return cls(**{**settings, **changes})

    def build(self, columns: int) -> None:
        """Draw the networks for rows of ``columns`` numbers; ``fit`` does it where nobody has."""
        how: dict[str, Any] = {
            "activation": self.activation,
            "initialisation": self.initialisation,
            "rng": self._rng,
            "dtype": self.dtype,
        }
        self.generator = Dense((self.latent_dim, *self.hidden, columns), **how)
        self.critic = Dense((columns, *self.hidden, 1), **how)
        self._averaged = copy.deepcopy(self.generator)
        if self.clip is not None:
            self._clip()

    def fit(self, data: Array, steps: int = 1_000, *, progress: bool = True) -> WGANGP:
        """Train on rows ``(n, columns)`` for ``steps`` generator updates; may be called again.

        Raises:
            DataError: not a table of finite numbers with at least one row, or not as wide as what
                the networks were built for.
            RecipeError: a loss is no longer finite.
        """
        data = self._rows(data)
        if self.critic is None:
            self.build(data.shape[1])
        full = self.optimiser
        try:
            for step in _counted(steps, progress):
                if self.decay:
                    self.optimiser = replace(full, lr=full.lr * (1.0 - step / steps))  # type: ignore[type-var]
                numbers = self._step(data)
                if not np.isfinite(list(numbers.values())).all():
                    raise RecipeError(f"a loss is not finite at step {step + 1}: lower lr.")
                for name, value in numbers.items():
                    self.history.setdefault(name, []).append(value)
        finally:  # an interrupted fit can be continued
            self.optimiser = full
        return self

    def _step(self, data: Array) -> dict[str, float]:
        """``n_critic`` updates of the critic, each on fresh samples, and one of the generator."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is said by ``fit``
            for _ in range(self.n_critic):
                chosen = self._rng.integers(len(data), size=self.batch_size)
                epsilon = self._rng.random((self.batch_size, 1), self.dtype)
                numbers = self.update_critic(data[chosen], self._latent(), epsilon)
            return numbers | {"generator_loss": self.update_generator(self._latent())}

    def update_critic(self, real: Array, latent: Array, epsilon: Array) -> dict[str, float]:
        """One critic update on rows ``(batch, columns)``, latents ``(batch, latent_dim)`` and the
        places of the interpolates between real (1) and fake (0), ``(batch, 1)``.

        The loss is mean D(fake) − mean D(real) + λ · penalty.
        """
        assert self.critic is not None
        n = len(real)
        fake = self.generate(latent)
        done = self.critic.forward(np.concatenate([real, fake]))
        signs = np.concatenate([np.full((n, 1), -1.0 / n), np.full((n, 1), 1.0 / n)])
        gradients, _ = self.critic.backward(done, signs.astype(self.dtype))
        between = fake + epsilon * (real - fake)
        if self.clip is None:
            cost, extra, sizes = penalty(self.critic, between)
            for gradient, its in zip(gradients, extra, strict=True):
                gradient += self.penalty * its
        else:
            cost, sizes = 0.0, norms(self.critic.input_gradients(self.critic.forward(between)))
        self.optimiser.step(self.critic.parameters, gradients, self._memory["critic"])
        if self.clip is not None:
            self._clip()
        estimate = float(done.output[:n].mean() - done.output[n:].mean())
        return {"estimate": estimate, "penalty": self.penalty * cost, "slope": float(sizes.mean())}

    def update_generator(self, latent: Array) -> float:
        """One generator update; the loss is −mean D(G(latent)), and it goes through the critic."""
        assert self.critic is not None
        assert self.generator is not None
        made = self.generator.forward(latent)
        fake, slope = self._bounded(made.output)
        done = self.critic.forward(fake)
        by_fake = self.critic.input_gradients(done) / -len(latent)
        gradients, _ = self.generator.backward(made, by_fake * slope)
        self.optimiser.step(self.generator.parameters, gradients, self._memory["generator"])
        self._take_average()
        return -float(done.output.mean())

    def generate(self, latent: Array, *, averaged: bool = False) -> Array:
        """Samples ``(batch, columns)`` of latent vectors ``(batch, latent_dim)``."""
        network = self._averaged if averaged else self.generator
        if network is None:
            raise RecipeError("there is no generator yet: call fit first.")
        return self._bounded(network.forward(latent).output)[0]

    def sample(self, count: int, *, seed: int = 0) -> Array:
        """``count`` rows; the same seed gives the same rows."""
        if count < 0:
            raise RecipeError(f"count is {count}: choose 0 or more.")
        rng = np.random.default_rng([self.seed, seed])
        latent: Array = rng.standard_normal((count, self.latent_dim)).astype(self.dtype)
        return self.generate(latent, averaged=self.average > 0)

    def critic_estimate(self, data: Array, *, seed: int = 0) -> float:
        """mean D(data) − mean D(as many samples): the earth mover's distance, up to the slope."""
        fake = self.sample(len(np.atleast_1d(data)), seed=seed)
        data = self._rows(data)
        assert self.critic is not None
        return float(
            self.critic.forward(data).output.mean() - self.critic.forward(fake).output.mean()
        )

    def _rows(self, data: Array) -> Array:
        """``data`` as finite rows of the networks' width; raises DataError if they are not."""
        try:
            rows: Array = np.asarray(data, self.dtype)
        except (TypeError, ValueError) as error:
            raise DataError(f"the data are not numbers ({error}).") from None
        if rows.ndim != 2 or 0 in rows.shape:
            raise DataError(f"the data need the shape (n, columns), not {rows.shape}.")
        if not np.isfinite(rows).all():
            raise DataError("the data hold NaN or infinite numbers: fill or remove them.")
        if self.critic is not None and rows.shape[1] != len(self.critic.weights[0]):
            raise DataError(
                f"the data have {rows.shape[1]} columns, the networks were built for "
                f"{len(self.critic.weights[0])}."
            )
        return rows

    def _latent(self) -> Array:
        shape = (self.batch_size, self.latent_dim)
        return self._rng.standard_normal(shape, self.dtype)

    def _bounded(self, output: Array) -> tuple[Array, Array]:
        """Samples from the generator's output, and their derivative by it."""
        if self.bounds is None:
            return output, np.ones_like(output)
        low, high = self.bounds
        half = (high - low) / 2.0
        tanh = np.tanh(output)
        return half * tanh + (low + half), half * (1.0 - tanh**2)

    def _clip(self) -> None:
        assert self.critic is not None
        for parameter in self.critic.parameters:
            np.clip(parameter, -self.clip, self.clip, out=parameter)  # type: ignore[operator]

    def _take_average(self) -> None:
        assert self._averaged is not None
        assert self.generator is not None
        decay = min(self.average, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        for mine, its in zip(self._averaged.parameters, self.generator.parameters, strict=True):
            mine += (1.0 - decay) * (its - mine)


def _counted(steps: int, progress: bool) -> Any:
    """``range(steps)``, with a bar on a terminal where it is wanted."""
    if not progress:
        return range(steps)
    from rich.progress import track

    return track(range(steps), description="fit")
