from __future__ import annotations

import numpy as np
import pytest

from steadygan.errors import DataError, RecipeError
from steadygan.reference import WGANGP, Adam, RMSProp


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


def test_what_cannot_be_is_one_line() -> None:
    with pytest.raises(DataError, match="finite rows"):
        small().fit(np.full((3, 2), np.nan), progress=False)
    with pytest.raises(DataError, match="finite rows"):
        small().fit(np.zeros(3), progress=False)
    with pytest.raises(RecipeError, match="n_critic"):
        small(n_critic=0)
    with pytest.raises(RecipeError, match="average"):
        small(average=1.0)
    with pytest.raises(RecipeError, match="call fit"):
        small().sample(3)
    with pytest.raises(RecipeError, match="not finite"), np.errstate(all="ignore"):
        small(optimiser=Adam(1e9)).fit(ring(), steps=50, progress=False)
