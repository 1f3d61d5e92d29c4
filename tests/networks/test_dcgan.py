from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec
from steadygan.networks import DCGAN, DCGANCritic, DCGANGenerator
from steadygan.networks.layers import SIZES


@pytest.mark.parametrize("size", SIZES)
def test_shapes_for_every_size(size: int) -> None:
    channels = 1 + size % 3
    networks = DCGAN(width=2).build(SampleSpec((channels, size, size), (-1, 1)), 3)
    fake = networks["generator"](torch.randn(2, 3))
    assert fake.shape == (2, channels, size, size)
    assert networks["critic"](fake).shape == (2,)


@pytest.mark.parametrize("norm", [None, "layer", "instance", "batch"])
def test_every_normalisation_builds_and_runs_in_both(norm: str | None) -> None:
    networks = DCGAN(width=2, generator_norm=norm, critic_norm=norm).build(
        SampleSpec((3, 32, 32), (-1, 1)), 3
    )
    assert networks["critic"](networks["generator"](torch.randn(2, 3))).shape == (2,)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 1.0)])
def test_images_stay_in_their_bounds_and_reach_them(bounds: tuple[float, float]) -> None:
    torch.manual_seed(0)
    generator = DCGAN(width=4, generator_norm=None).build(SampleSpec((1, 16, 16), bounds), 3)[
        "generator"
    ]
    fake = generator(1e6 * torch.randn(16, 3))
    low, high = bounds
    assert low <= fake.min() < low + 0.01
    assert high - 0.01 < fake.max() <= high


def test_unbounded_images_exceed_one() -> None:
    torch.manual_seed(0)
    generator = DCGAN(width=4, generator_norm=None).build(SampleSpec((1, 16, 16)), 3)["generator"]
    assert generator(1e6 * torch.randn(16, 3)).abs().max() > 1.5


def test_width_is_the_finest_layer_and_growth_is_capped() -> None:
    critic = DCGANCritic((3, 128, 128), width=2)
    convs = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [2, 4, 8, 16, 16]
    generator = DCGANGenerator(5, (3, 128, 128), width=2, max_growth=4)
    ups = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [u.in_channels for u in ups] == [8, 8, 8, 4, 2]
    assert ups[-1].out_channels == 3


def test_normalisation_is_absent_at_image_ends_only() -> None:
    critic = DCGANCritic((3, 32, 32), width=2, norm="layer")
    assert [type(m) for m in critic.body][:2] == [nn.Conv2d, nn.LeakyReLU]
    assert sum(isinstance(m, nn.GroupNorm) for m in critic.modules()) == 2
    generator = DCGANGenerator(5, (3, 32, 32), width=2)
    assert [type(m) for m in generator.body][-2:] == [nn.ConvTranspose2d, nn.Tanh]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in generator.modules()) == 3


def test_initialisation_is_selectable() -> None:
    torch.manual_seed(0)
    critic = DCGANCritic((3, 16, 16), width=32)
    assert critic.body[2].weight.std().item() == pytest.approx(0.02, rel=0.02)
    critic = DCGANCritic((3, 16, 16), width=32, initialisation="framework")
    fan_in = 32 * 16
    assert critic.body[2].weight.std().item() == pytest.approx((1 / 3 / fan_in) ** 0.5, rel=0.02)


@pytest.mark.parametrize("initialisation", ["dcgan", "framework"])
def test_the_seed_decides_the_weights(initialisation: str) -> None:
    def build(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        networks = DCGAN(width=2, initialisation=initialisation).build(SampleSpec((1, 16, 16)), 3)
        return torch.cat([p.flatten() for n in networks.values() for p in n.parameters()])

    assert torch.equal(build(1), build(1))
    assert not torch.equal(build(1), build(2))


@pytest.mark.parametrize("norm", [None, "layer", "instance", "batch"])
def test_double_backward(norm, check_double_backward) -> None:
    torch.manual_seed(0)
    critic = DCGANCritic((2, 16, 16), width=2, norm=norm, initialisation="framework")
    check_double_backward(critic, torch.randn(2, 2, 16, 16))


def test_double_backward_of_the_generator(check_double_backward) -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator(3, (1, 8, 8), width=2, initialisation="framework")
    check_double_backward(generator, torch.randn(3, 3))


@pytest.mark.parametrize("norm", [None, "layer", "instance"])
def test_the_penalty_reaches_every_weight(norm, penalty_gradients) -> None:
    critic = DCGANCritic((3, 16, 16), width=4, norm=norm, initialisation="framework")
    grads = penalty_gradients(critic, torch.randn(4, 3, 16, 16))
    assert all(g is not None and g.any() for name, g in grads.items() if name.endswith("0.weight"))


@pytest.mark.parametrize("norm", [None, "layer", "batch"])
def test_channels_last_is_kept_between_convolutions(norm: str | None) -> None:
    critic = DCGANCritic((3, 32, 32), width=4, norm=norm).to(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 32, 32)
    kept: list[bool] = []
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(
                lambda _, inputs: kept.append(
                    inputs[0].is_contiguous(memory_format=torch.channels_last)
                )
            )
    scores = critic(x.to(memory_format=torch.channels_last))
    assert kept == [True, True, True]
    torch.testing.assert_close(scores, critic.to(memory_format=torch.contiguous_format)(x))


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(NetworkError, match=r"30 x 30.* 28 or 32") as caught:
        DCGAN().build(SampleSpec((3, 30, 30), (-1, 1)), 8)
    assert "\n" not in str(caught.value)
    with pytest.raises(NetworkError, match="square"):
        DCGAN().build(SampleSpec((2,)), 8)
    with pytest.raises(NetworkError, match="generator_norm 'bach'"):
        DCGAN(generator_norm="bach")
    with pytest.raises(
        NetworkError, match=r"critic_activation 'leaky'\. Did you mean 'leaky_relu'"
    ):
        DCGAN(critic_activation="leaky")
    with pytest.raises(NetworkError, match="width"):
        DCGAN(width=0)
    with pytest.raises(NetworkError, match="layr"):
        DCGANCritic((1, 8, 8), norm="layr")
