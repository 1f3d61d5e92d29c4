from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from steadygan.errors import NetworkError
from steadygan.networks import layers


def test_sizes_are_those_promised() -> None:
    promised = (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128)
    assert promised == layers.SIZES


@pytest.mark.parametrize("size", layers.SIZES)
def test_a_plan_multiplies_out_to_the_size(size: int) -> None:
    channels, base, doublings = layers.plan_image("X", (2, size, size))
    assert channels == 2
    assert 4 <= base <= 7
    assert doublings >= 1
    assert base * 2**doublings == size


@pytest.mark.parametrize(
    ("size", "near"),
    [(30, "28 or 32"), (33, "32 or 40"), (127, "112 or 128"), (7, "8"), (4, "8"), (256, "128")],
)
def test_an_unbuildable_size_names_itself_and_its_neighbours(size: int, near: str) -> None:
    with pytest.raises(NetworkError) as caught:
        layers.plan_image("DCGAN", (3, size, size))
    message = str(caught.value)
    assert f"{size} x {size}" in message
    assert message.endswith(f"resize them to {near}.")
    assert "\n" not in message


@pytest.mark.parametrize("shape", [(3, 32, 40), (32, 32), (2,), (1, 3, 32, 32)])
def test_what_is_no_square_image_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(NetworkError) as caught:
        layers.plan_image("DCGAN", shape)
    assert str(shape) in str(caught.value)


def test_no_channels_are_refused() -> None:
    with pytest.raises(NetworkError, match="0"):
        layers.plan_image("DCGAN", (0, 32, 32))


def test_pick_suggests_the_nearest_name() -> None:
    with pytest.raises(NetworkError, match=r"unknown activation 'relo'\. Did you mean 'relu'"):
        layers.pick(layers.ACTIVATIONS, "relo", "activation")
    with pytest.raises(NetworkError, match="unknown norm 3"):
        layers.pick(layers.IMAGE_NORMS, 3, "norm")


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8"])
def test_check_positive_refuses(value: object) -> None:
    with pytest.raises(NetworkError, match="width"):
        layers.check_positive("width", 4, value)


def test_output_is_plain_tanh_or_linear_in_the_common_cases() -> None:
    x = torch.linspace(-3, 3, 7)
    assert torch.equal(layers.output((-1, 1))(x), torch.tanh(x))
    assert torch.equal(layers.output(None)(x), x)


@given(low=st.floats(-1e3, 1e3, width=32), span=st.floats(0.015625, 1e3, width=32))
def test_stretched_tanh_fills_its_bounds_and_never_leaves_them(low: float, span: float) -> None:
    low, high = torch.tensor([low, low + span]).tolist()  # as float32 holds them
    if not low < high:
        return
    y = layers.output((low, high))(torch.tensor([-100.0, -1.0, 0.0, 1.0, 100.0]))
    assert y.min() >= low
    assert y.max() <= high
    assert y[-1] - y[0] == pytest.approx(high - low, rel=1e-2)
    assert y[2] == pytest.approx((low + high) / 2, abs=1e-3 * max(abs(low), abs(high)))


@pytest.mark.parametrize(
    "bounds", [(1.0, -1.0), (0.0, 0.0), (0.0, float("inf")), (float("nan"), 1)]
)
def test_other_bounds_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(NetworkError, match="bounds"):
        layers.output(bounds)


def test_layer_norm_on_images_is_over_channels_height_and_width() -> None:
    x = torch.randn(3, 4, 5, 5) * 7 + 2
    mean = x.mean((1, 2, 3), keepdim=True)
    var = x.var((1, 2, 3), keepdim=True, unbiased=False)
    layer = layers.IMAGE_NORMS["layer"](4)
    torch.testing.assert_close(layer(x), (x - mean) / (var + 1e-5).sqrt())
    assert layer.weight.shape == (4,)


@pytest.mark.parametrize("norm", ["batch", "instance", "layer"])
def test_a_bias_is_left_out_exactly_where_the_normalisation_cancels_it(norm: str) -> None:
    x, bias = torch.randn(4, 3, 8, 8), torch.tensor([5.0, -1.0, 0.5]).view(1, 3, 1, 1)
    layer = layers.IMAGE_NORMS[norm](3)
    cancels = torch.allclose(layer(x), layer(x + bias), atol=1e-4)
    assert cancels is not layers.needs_bias(norm)


def test_every_activation_is_twice_differentiable_and_leaves_its_input_alone() -> None:
    for name, make in layers.ACTIVATIONS.items():
        activate = make()
        x = torch.tensor([-1.3, -0.2, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
        before = x.detach().clone()
        assert torch.autograd.gradgradcheck(lambda x, f=activate: f(x).square(), x), name
        assert torch.equal(x.detach(), before), name


def test_normal_002_sets_what_radford_names() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(32, 64, 4), nn.BatchNorm2d(64), nn.Linear(100, 100))
    layers.normal_002(net)
    for weighted in (net[0], net[2]):
        assert weighted.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert weighted.weight.mean().item() == pytest.approx(0.0, abs=1e-3)
        assert not weighted.bias.any()
    assert net[1].weight.mean().item() == pytest.approx(1.0, abs=0.01)
    assert net[1].weight.std().item() == pytest.approx(0.02, rel=0.3)
