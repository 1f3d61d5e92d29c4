from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from steadygan.errors import UsageError
from steadygan.reference import WGANGP, Adam, RMSProp
from steadygan.reference.layers import Array


def ring(n: int = 500) -> np.ndarray:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, n)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def small(**changes: object) -> WGANGP:
    settings: dict[str, object] = {
        "latent_dim": 2, "hidden": (32, 32), "penalty": 0.1, "batch_size": 64,
        "optimiser": Adam(1e-3, beta1=0.5, beta2=0.9), "seed": 1,
    }  # fmt: skip
    return WGANGP(**{**settings, **changes})  # type: ignore[arg-type]


def test_both_networks_train_and_samples_come_near_the_data() -> None:
    model = small()
    model.build(2)
    assert model.generator is not None
    before = [p.copy() for p in model.generator.parameters]
    untrained = model.sample(300)
    model.fit(ring(), steps=600, progress=False)
    assert all(
        not np.array_equal(a, b) for a, b in zip(before, model.generator.parameters, strict=True)
    )  # numpy-ml's never do
    off = [abs(np.linalg.norm(x, axis=1) - 1).mean() for x in (untrained, model.sample(300))]
    assert off[1] < 0.5 * off[0]
    assert {len(values) for values in model.history.values()} == {600}


def test_a_seed_gives_the_same_run_and_the_same_samples() -> None:
    first, second = (small().fit(ring(), steps=5, progress=False) for _ in range(2))
    assert np.array_equal(first.sample(7), second.sample(7))
    assert first.history == second.history
    assert not np.array_equal(first.sample(7, seed=1), first.sample(7, seed=2))
    other = small(seed=2).fit(ring(), steps=5, progress=False)
    assert not np.array_equal(first.sample(7), other.sample(7))


def test_fit_goes_on_where_it_was() -> None:
    model = small().fit(ring(), steps=3, progress=False).fit(ring(), steps=2, progress=False)
    whole = small().fit(ring(), steps=5, progress=False)
    assert np.array_equal(model.sample(4), whole.sample(4))


def test_all_rows_are_drawn() -> None:
    """numpy-ml uses the first rows only."""
    data = np.concatenate([np.zeros((1000, 1)), np.ones((1000, 1))])
    seen: list[float] = []
    model = small()
    original = model.update_critic

    def spy(real: np.ndarray, latent: np.ndarray, epsilon: np.ndarray) -> dict[str, float]:
        seen.append(float(real.mean()))
        return original(real, latent, epsilon)

    model.update_critic = spy  # type: ignore[method-assign]
    model.fit(data, steps=4, progress=False)
    assert 0.4 < np.mean(seen) < 0.6


def test_clipping_keeps_the_critics_weights() -> None:
    model = small(clip=0.05, optimiser=RMSProp(1e-3)).fit(ring(), steps=5, progress=False)
    assert model.critic is not None
    assert max(float(abs(p).max()) for p in model.critic.parameters) <= np.float32(0.05)
    assert set(model.history["penalty"]) == {0.0}


def test_bounds_average_and_decay() -> None:
    model = small(bounds=(-0.5, 0.5), average=0.9, decay=True, dtype=np.float64)
    model.fit(ring(), steps=10, progress=False)
    assert abs(model.sample(200)).max() <= 0.5
    assert not np.array_equal(
        model.sample(5), model.generate(np.random.default_rng([1, 0]).standard_normal((5, 2)))
    )
    assert model.optimiser.lr == 1e-3  # as it was given


def test_the_estimate_is_the_difference_of_mean_scores() -> None:
    model = small().fit(ring(), steps=20, progress=False)
    data = ring(100).astype(np.float32)
    assert model.critic is not None
    scores = [model.critic.forward(x).output.mean() for x in (data, model.sample(100))]
    assert model.critic_estimate(data) == pytest.approx(float(scores[0] - scores[1]))


def test_the_published_defaults_of_numpy_ml() -> None:
    model = WGANGP.numpy_ml(seed=4)
    assert model.hidden == (512, 512, 512)
    assert model.optimiser == RMSProp(lr=1e-4)
    assert (model.penalty, model.n_critic, model.batch_size) == (10.0, 5, 128)
    assert model.initialisation == "he_uniform"


def fitted() -> WGANGP:
    return small().fit(ring(), steps=1, progress=False)


@pytest.mark.parametrize(
    ("attempt", "complaint"),
    [
        (lambda: small().fit(np.full((3, 2), np.nan), progress=False), "NaN or infinite"),
        (lambda: small().fit(np.zeros(3), progress=False), r"shape \(n, columns\), not \(3,\)"),
        (lambda: small().fit(np.array([["a"]]), progress=False), "not numbers"),
        (lambda: fitted().fit(np.zeros((4, 3)), progress=False), "3 columns"),
        (lambda: fitted().critic_estimate(np.zeros((4, 3))), "3 columns"),
        (lambda: small().critic_estimate(ring()), "call fit"),
        (lambda: small().sample(3), "call fit"),
        (lambda: fitted().sample(-1), "count is -1"),
        (lambda: small(n_critic=0), "n_critic is 0"),
        (lambda: small(hidden=(8, 0)), r"hidden\[1\] is 0"),
        (lambda: small(average=1.0), "average"),
        (lambda: small(penalty=-1.0), "penalty"),
        (lambda: small(bounds=(1.0, -1.0)), "lower one first"),
        (lambda: small(optimiser=Adam(-1.0)), "learning rate"),
        (lambda: small(optimiser=Adam(1e9)).fit(ring(), steps=50, progress=False), "not finite"),
    ],
)
def test_what_cannot_be_is_one_line(attempt: Callable[[], object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        attempt()


def test_an_interrupted_fit_keeps_its_settings_and_goes_on() -> None:
    class Interrupting(WGANGP):
        def update_generator(self, latent: Array) -> float:
            if len(self.history.get("estimate", [])) == 2 and not self.interrupted:
                self.interrupted = True
                raise KeyboardInterrupt
            return super().update_generator(latent)

        interrupted = False

    model = Interrupting(latent_dim=2, hidden=(8,), decay=True, optimiser=Adam(1e-3))
    with pytest.raises(KeyboardInterrupt):
        model.fit(ring(), steps=5, progress=False)
    assert model.optimiser == Adam(1e-3)
    model.fit(ring(), steps=5, progress=False)
    assert len(model.history["estimate"]) == 7


class Watched(WGANGP):
    """Keeps what its updates are given."""

    def update_critic(self, real: Array, latent: Array, epsilon: Array) -> dict[str, float]:
        self.seen.append((real, latent, epsilon, self.optimiser.lr))
        return super().update_critic(real, latent, epsilon)

    seen: list[tuple[Array, Array, Array, float]]


def test_every_update_has_samples_noise_and_places_of_its_own() -> None:
    model = Watched(latent_dim=2, hidden=(8,), batch_size=16, n_critic=2)
    model.seen = []
    model.fit(ring(), steps=2, progress=False)
    assert len(model.seen) == 4
    for index in range(3):  # samples, latents, ε: all differ, within a batch and between batches
        drawn = np.stack([seen[index] for seen in model.seen]).reshape(64, -1)
        assert len(np.unique(drawn, axis=0)) >= 60
    epsilon = np.stack([seen[2] for seen in model.seen])
    assert epsilon.shape == (4, 16, 1)
    assert 0.0 <= epsilon.min() < 0.2 < 0.8 < epsilon.max() < 1.0


def test_the_learning_rate_falls_to_zero_over_a_fit() -> None:
    model = Watched(latent_dim=2, hidden=(8,), n_critic=1, decay=True, optimiser=Adam(0.4))
    model.seen = []
    model.fit(ring(), steps=4, progress=False)
    assert [seen[3] for seen in model.seen] == pytest.approx([0.4, 0.3, 0.2, 0.1])
