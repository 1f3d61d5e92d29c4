from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec
from steadygan.networks import ResNet, ResNetCritic, ResNetGenerator, parameter_count
from steadygan.networks.layers import SIZES
from steadygan.networks.resnet import DownBlock, PlainBlock, UpBlock


def test_parameter_counts_of_the_published_cifar_networks() -> None:
    # Gulrajani et al. 2017, appendix, CIFAR-10: latent 128, 128 channels throughout, biases
    # everywhere. c3 = 3*3*128*128 + 128 = 147584, c1 = 128*128 + 128 = 16512, BN = 2*128 = 256.
    #
    # Generator: linear 128 -> 4*4*128:          128*2048 + 2048      =   264192
    #   3 up blocks: 2 BN + 2 c3 + c1            3 * 312192           =   936576
    #   BN, conv 128 -> 3:                       256 + 3*3*128*3 + 3  =     3715
    # Critic: first block: conv 3 -> 128, c3, 1x1 3 -> 128:
    #                                            3584 + 147584 + 512  =   151680
    #   down block: 2 c3 + c1                                         =   311680
    #   2 plain blocks: 2 c3 each                                     =   590336
    #   linear 128 -> 1                                               =      129
    networks = ResNet().build(SampleSpec((3, 32, 32), (-1, 1)), 128)
    assert parameter_count(networks["generator"]) == 1_204_483
    assert parameter_count(networks["critic"]) == 1_053_825


def test_the_published_critic_goes_32_16_8_and_stays() -> None:
    critic = ResNetCritic((3, 32, 32), width=4)
    sizes: list[tuple[type, int]] = []
    for block in critic.body:
        block.register_forward_hook(lambda m, _, out: sizes.append((type(m), out.shape[-1])))
    critic(torch.randn(2, 3, 32, 32))
    assert sizes == [
        (DownBlock, 16),
        (DownBlock, 8),
        (PlainBlock, 8),
        (PlainBlock, 8),
        (nn.ReLU, 8),
    ]


@pytest.mark.parametrize("size", SIZES)
def test_shapes_for_every_size(size: int) -> None:
    channels = 1 + size % 3
    networks = ResNet(width=2).build(SampleSpec((channels, size, size), (-1, 1)), 3)
    fake = networks["generator"](torch.randn(2, 3))
    assert fake.shape == (2, channels, size, size)
    assert networks["critic"](fake).shape == (2,)


def test_growth_doubles_towards_the_coarse_end_up_to_its_cap() -> None:
    generator = ResNetGenerator(3, (3, 64, 64), width=2, max_growth=4)
    ups = [m.conv1.out_channels for m in generator.modules() if isinstance(m, UpBlock)]
    assert ups == [8, 8, 4, 2]
    critic = ResNetCritic((3, 128, 128), width=2, max_growth=4)
    downs = [m.conv2.out_channels for m in critic.modules() if isinstance(m, DownBlock)]
    assert downs == [2, 4, 8, 8]
    assert critic(generator(torch.randn(2, 3)).repeat(1, 1, 2, 2)).shape == (2,)


@pytest.mark.parametrize("norm", [None, "layer", "instance", "batch"])
def test_every_normalisation_builds_and_runs_in_both(norm: str | None) -> None:
    networks = ResNet(width=2, generator_norm=norm, critic_norm=norm).build(
        SampleSpec((3, 32, 32), (-1, 1)), 3
    )
    assert networks["critic"](networks["generator"](torch.randn(2, 3))).shape == (2,)


def test_the_cheap_shortcuts_equal_those_of_the_paper() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    up, down = UpBlock(3, 4, None, nn.ReLU).double(), DownBlock(3, 4, None, nn.ReLU).double()
    for block in (up, down):  # leave the shortcut alone
        nn.init.zeros_(block.conv2.weight)
        nn.init.zeros_(block.conv2.bias)
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(up(x), up.shortcut(doubled))
    torch.testing.assert_close(down(x), F.avg_pool2d(down.shortcut(x), 2))


def test_the_first_block_does_not_activate_the_image() -> None:
    block = DownBlock(1, 2, "layer", nn.ReLU, first=True)
    dark = -torch.rand(1, 1, 4, 4) - 1
    assert not torch.equal(block.conv1(block.enter(dark)), block.conv1(torch.zeros_like(dark)))
    assert not any(isinstance(m, nn.GroupNorm) for m in block.modules())


def test_a_residual_block_keeps_its_input_for_the_shortcut() -> None:
    block = PlainBlock(2, None, nn.ReLU)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    x = torch.randn(2, 2, 4, 4)
    assert torch.equal(block(x), x)


def test_initialisation_is_he_inside_blocks_and_xavier_elsewhere() -> None:
    torch.manual_seed(0)
    critic = ResNetCritic((3, 32, 32), width=64)
    plain, down = critic.body[2], critic.body[1]
    assert plain.conv1.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert down.shortcut.weight.std().item() == pytest.approx((1 / 64) ** 0.5, rel=0.05)
    assert not any(p.any() for name, p in critic.named_parameters() if name.endswith("bias"))
    framework = ResNetCritic((3, 32, 32), width=64, initialisation="framework")
    assert framework.body[2].conv1.weight.std().item() == pytest.approx(
        (1 / 3 / (9 * 64)) ** 0.5, rel=0.02
    )


@pytest.mark.parametrize("initialisation", ["wgan-gp", "framework"])
def test_the_seed_decides_the_weights(initialisation: str) -> None:
    def build(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        networks = ResNet(width=2, initialisation=initialisation).build(SampleSpec((1, 8, 8)), 3)
        return torch.cat([p.flatten() for n in networks.values() for p in n.parameters()])

    assert torch.equal(build(1), build(1))
    assert not torch.equal(build(1), build(2))


@pytest.mark.parametrize("norm", [None, "layer", "instance", "batch"])
def test_double_backward(norm, check_double_backward) -> None:
    torch.manual_seed(0)
    critic = ResNetCritic((1, 8, 8), width=2, norm=norm)
    check_double_backward(critic, torch.randn(2, 1, 8, 8))


def test_double_backward_of_the_generator(check_double_backward) -> None:
    torch.manual_seed(0)
    check_double_backward(ResNetGenerator(3, (1, 8, 8), width=2), torch.randn(3, 3))


@pytest.mark.parametrize("norm", [None, "layer"])
def test_the_penalty_reaches_every_weight(norm, penalty_gradients) -> None:
    torch.manual_seed(0)
    critic = ResNetCritic((3, 16, 16), width=4, norm=norm)
    grads = penalty_gradients(critic, torch.randn(4, 3, 16, 16))
    assert all(g is not None and g.any() for name, g in grads.items() if name.endswith("weight"))


def test_channels_last_is_kept_between_convolutions() -> None:
    critic = ResNetCritic((3, 32, 32), width=4).to(memory_format=torch.channels_last)
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
    assert kept == [True] * 10
    torch.testing.assert_close(scores, critic.to(memory_format=torch.contiguous_format)(x))


def test_bounds_are_respected() -> None:
    torch.manual_seed(0)
    for bounds in ((-1.0, 1.0), (0.0, 1.0)):
        generator = ResNet(width=4).build(SampleSpec((1, 8, 8), bounds), 3)["generator"]
        with torch.no_grad():
            generator.body[-2].weight.mul_(1e4)
        fake = generator(torch.randn(16, 3))
        assert bounds[0] <= fake.min() < bounds[0] + 0.01
        assert bounds[1] - 0.01 < fake.max() <= bounds[1]


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(NetworkError, match=r"ResNet .*36 x 36.* 32 or 40") as caught:
        ResNet().build(SampleSpec((3, 36, 36), (-1, 1)), 8)
    assert "\n" not in str(caught.value)
    with pytest.raises(NetworkError, match="Did you mean 'wgan-gp'"):
        ResNet(initialisation="wgangp")
    with pytest.raises(NetworkError, match="max_growth"):
        ResNet(max_growth=0)
