"""What each stabiliser computes; that it keeps its promises is in tests/conformance."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError, RecipeError
from steadygan.interfaces import Samples
from steadygan.networks import MLPCritic
from steadygan.networks.call import features
from steadygan.schedules import Linear
from steadygan.stabilisers import (
    DifferentiableAugmentation,
    FeatureMatching,
    HistoricalAveraging,
    HistoricalCritic,
    InstanceNoise,
    LatentNoise,
    Packing,
    change_colours,
    cut_out,
    pack,
    translate,
)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("progress", "sigma"), [(0.0, 2.0), (0.25, 1.0), (0.5, 0.0), (1.0, 0.0)])
def test_noise_has_its_standard_deviation_and_fades(progress: float, sigma: float) -> None:
    schedule = Linear(2.0, 0.0, end=0.5)
    x = torch.zeros(20_000, 3)
    seen = InstanceNoise(schedule).view(Samples(x, x[:, 0]), rng=rng(), progress=progress)
    assert float(seen.x.std()) == pytest.approx(sigma, rel=0.02)
    assert seen.y is not None
    latent = LatentNoise(schedule).latent(x, rng=rng(), progress=progress)
    assert float(latent.std()) == pytest.approx(sigma, rel=0.02)
    if sigma == 0.0:
        assert torch.equal(seen.x, x)
        assert torch.equal(latent, x)


def test_historical_averaging_is_the_distance_to_the_mean_of_the_past() -> None:
    network, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    stabiliser = HistoricalAveraging(weight=0.5)
    past = [2.0, 4.0, 9.0]
    for update, value in enumerate(past):
        with torch.no_grad():
            network.weight.fill_(value)
        stabiliser.average(average, network, update)
    assert float(average.weight.detach()) == pytest.approx(5.0)
    with torch.no_grad():
        network.weight.fill_(8.0)
    term = stabiliser.parameter_term(network, average)
    assert float(term.detach()) == pytest.approx(0.5 * (8 - 5) ** 2)
    (slope,) = torch.autograd.grad(term, network.weight)
    assert float(slope) == pytest.approx(0.5 * 2 * (8 - 5))


def test_a_historical_critic_is_the_mean_or_a_moving_average() -> None:
    critic, mean, moving = (nn.Linear(1, 1, bias=False) for _ in range(3))
    for update, value in enumerate([1.0, 2.0, 6.0]):
        with torch.no_grad():
            critic.weight.fill_(value)
        HistoricalCritic(None).average_critic(mean, critic, update)
        HistoricalCritic(0.0).average_critic(moving, critic, update)
    assert float(mean.weight.detach()) == pytest.approx(3.0)
    assert float(moving.weight.detach()) == pytest.approx(6.0)


def test_feature_matching_compares_what_the_last_layer_sees() -> None:
    critic = MLPCritic((4,), hidden=(6,))
    real, fake = Samples(torch.randn(8, 4)), Samples(torch.randn(8, 4))
    seen = critic.body(real.x), critic.body(fake.x)
    torch.testing.assert_close(features(critic, real.x), seen[0])
    expected = 3.0 * (seen[0].mean(0) - seen[1].mean(0)).square().sum()
    torch.testing.assert_close(FeatureMatching(3.0).batch_term(critic, real, fake), expected)
    with pytest.raises(NetworkError, match="no dense"):
        features(nn.Conv1d(1, 1, 1), torch.zeros(2, 1, 1))


def test_packs_lie_side_by_side() -> None:
    x = torch.arange(8.0).view(4, 2)
    assert pack(x, 2).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    images = torch.randn(6, 1, 5, 5)
    packed = pack(images, 3)
    assert packed.shape == (2, 3, 5, 5)
    assert torch.equal(packed[1, 2], images[5, 0])
    with pytest.raises(ValueError, match="do not divide"):
        pack(x, 3)
    with pytest.raises(RecipeError, match="labels"):
        Packing().view(Samples(x, x[:, 0]), rng=rng(), progress=0.0)


def test_translation_moves_whole_images_and_fills_with_nothing() -> None:
    x = torch.zeros(200, 1, 8, 8)
    x[:, :, 4, 4] = 1.0
    moved = translate(x, rng=rng(), share=0.25)
    places = moved.flatten(1).argmax(1)
    assert torch.equal(moved.flatten(1).sum(1), torch.ones(200))  # inside, one pixel each
    rows, columns = places // 8, places % 8
    assert set(rows.tolist()) == set(range(2, 7)) == set(columns.tolist())
    edge = torch.ones(200, 1, 8, 8)
    assert float(translate(edge, rng=rng(), share=0.25).mean()) < 0.95


def test_the_hole_has_its_size_and_lies_anywhere() -> None:
    holes = cut_out(torch.ones(500, 2, 8, 8), rng=rng(), share=0.5).eq(0)
    assert torch.equal(holes[:, 0], holes[:, 1])
    sizes = holes[:, 0].flatten(1).sum(1)
    assert int(sizes.max()) == 16
    assert int(sizes.min()) >= 4  # partly outside, the middle never
    assert bool(holes[:, 0].any(0).all())


def test_colours_keep_an_image_of_one_colour_so() -> None:
    x = torch.full((50, 3, 4, 4), 0.2)
    changed = change_colours(x, rng=rng())
    torch.testing.assert_close(changed, changed[:, :1, :1, :1].expand_as(changed))
    brightness = changed[:, 0, 0, 0] - 0.2
    assert brightness.min() >= -0.5
    assert brightness.max() < 0.5
    assert brightness.std() > 0.2  # per image, not per batch


def test_augmentation_is_for_images_only() -> None:
    with pytest.raises(RecipeError, match="images"):
        DifferentiableAugmentation().view(Samples(torch.zeros(4, 2)), rng=rng(), progress=0.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: InstanceNoise(-0.1),
        lambda: LatentNoise(Linear(1.0, -1.0)),
        lambda: HistoricalAveraging(-1.0),
        lambda: HistoricalCritic(1.0),
        lambda: FeatureMatching(0.0),
        lambda: Packing(0),
        lambda: DifferentiableAugmentation(cutout=1.0),
    ],
)
def test_what_cannot_be_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(RecipeError, match="stabiliser"):
        make()
