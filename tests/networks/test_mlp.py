from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import torch

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec
from steadygan.networks import MLP, MLPCritic, MLPGenerator, parameter_count


@pytest.mark.parametrize("shape", [(2,), (7,), (3, 5), (3, 8, 6)])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_shapes(shape: tuple[int, ...], norm: str | None) -> None:
    networks = MLP(hidden=(8, 6), generator_norm=norm, critic_norm=norm).build(
        SampleSpec(shape), latent_dim=5
    )
    fake = networks["generator"](torch.randn(4, 5))
    assert fake.shape == (4, *shape)
    assert networks["critic"](fake).shape == (4,)


def test_a_channels_last_image_scores_as_its_contiguous_copy() -> None:
    critic = MLPCritic((3, 4, 4), hidden=(8,))
    x = torch.randn(5, 3, 4, 4)
    torch.testing.assert_close(critic(x.to(memory_format=torch.channels_last)), critic(x))


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 1.0), (-3.0, 0.7)])
def test_samples_stay_in_their_bounds_and_reach_them(bounds: tuple[float, float]) -> None:
    generator = MLP(hidden=(16,)).build(SampleSpec((4,), bounds), 3)["generator"]
    fake = generator(1e4 * torch.randn(64, 3))
    low, high = torch.tensor(bounds)
    assert low <= fake.min() < low + 0.01
    assert high - 0.01 < fake.max() <= high


def test_unbounded_samples_are_linear_in_the_last_layer() -> None:
    generator = MLP(hidden=()).build(SampleSpec((4,)), 3)["generator"]
    z = torch.randn(2, 3)
    origin = generator(torch.zeros(2, 3))
    torch.testing.assert_close(generator(100 * z) - origin, 100 * (generator(z) - origin))


def test_no_hidden_layer_is_the_linear_critic() -> None:
    critic = MLPCritic((3,), hidden=())
    x = torch.randn(6, 3)
    linear = critic.head.score
    torch.testing.assert_close(critic(x), x @ linear.weight[0] + linear.bias[0])


def test_parameter_counts() -> None:
    networks = MLP(hidden=(512, 512, 512)).build(SampleSpec((2,)), 64)
    hidden = 2 * (512 * 512 + 512)
    assert parameter_count(networks["generator"]) == 65 * 512 + hidden + 513 * 2
    assert parameter_count(networks["critic"]) == 3 * 512 + hidden + 513


@pytest.mark.parametrize("initialisation", ["framework", "he", "xavier", "dcgan"])
def test_the_seed_decides_the_weights(initialisation: str) -> None:
    def build(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        networks = MLP((8, 8), initialisation=initialisation).build(SampleSpec((2,)), 3)
        return torch.cat([p.flatten() for n in networks.values() for p in n.parameters()])

    assert torch.equal(build(1), build(1))
    assert not torch.equal(build(1), build(2))


def test_initialisations_have_the_variance_of_their_papers() -> None:
    def std(initialisation: str) -> float:
        critic = MLPCritic((300,), hidden=(100,), initialisation=initialisation)
        return critic.body[0].weight.std().item()

    assert std("he") == pytest.approx((2 / 300) ** 0.5, rel=0.03)
    assert std("xavier") == pytest.approx((2 / 400) ** 0.5, rel=0.03)
    assert std("dcgan") == pytest.approx(0.02, rel=0.03)
    assert std("framework") == pytest.approx((1 / 900) ** 0.5, rel=0.03)


@pytest.mark.parametrize("norm", [None, "layer", "batch"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_double_backward(norm, activation, check_double_backward) -> None:
    torch.manual_seed(0)
    critic = MLPCritic((2, 2), hidden=(5, 4), activation=activation, norm=norm)
    check_double_backward(critic, torch.randn(3, 2, 2))


def test_the_penalty_reaches_every_weight(penalty_gradients) -> None:
    grads = penalty_gradients(MLPCritic((4,), hidden=(16, 16)), torch.randn(8, 4))
    assert all(g is not None and g.any() for name, g in grads.items() if "weight" in name)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation": "relo"}, "Did you mean 'relu'"),
        ({"generator_norm": "bach"}, "unknown generator_norm 'bach'. Did you mean 'batch'"),
        ({"critic_norm": "instance"}, "critic_norm"),
        ({"initialisation": "hee"}, "Did you mean 'he'"),
        ({"hidden": (8, 0)}, "hidden"),
    ],
)
def test_a_wrong_option_is_refused_when_it_is_written_down(options, said: str) -> None:
    with pytest.raises(NetworkError, match=said):
        MLP(**options)


def test_specs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NetworkError, match="dimension"):
        MLP().build(SampleSpec(()), 3)
    with pytest.raises(NetworkError, match="latent_dim"):
        MLPGenerator(0, (2,))


def test_it_is_a_frozen_description_that_survives_json() -> None:
    architecture = MLP(hidden=[4, 4])
    assert architecture == MLP(hidden=(4, 4))
    assert hash(architecture) == hash(MLP(hidden=(4, 4)))
    with pytest.raises(FrozenInstanceError):
        architecture.activation = "elu"
