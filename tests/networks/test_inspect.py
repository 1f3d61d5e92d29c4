from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec
from steadygan.networks import (
    DCGANCritic,
    MLPCritic,
    MLPGenerator,
    ResNetCritic,
    check_networks,
    couples_samples,
    parameter_count,
)

SPEC = SampleSpec((3,), (-1.0, 1.0))


class MinibatchStd(nn.Module):
    """Appends the standard deviation over groups of the batch; nothing about it is declared."""

    def __init__(self, group: int, *, strided: bool) -> None:
        super().__init__()
        self.group, self.strided = group, strided

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        if self.strided:  # sample i with i + n / group, …
            std = x.reshape(self.group, n // self.group, -1).std(0, unbiased=False).mean(1)
            std = std.repeat(self.group)
        else:  # neighbours
            std = x.reshape(n // self.group, self.group, -1).std(1, unbiased=False).mean(1)
            std = std.repeat_interleave(self.group)
        return torch.cat([x, std[:, None]], 1)


class Gated(nn.Module):
    """A coupling that its weight, zero at the start, hides."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.gate = nn.Linear(6, 1), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.gate * x.mean()


class Lambda(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


class OnlyFloat32(nn.Module):
    def __init__(self, *, couple: bool) -> None:
        super().__init__()
        self.couple = couple
        self.weight = torch.randn(6)  # neither parameter nor buffer: .double() misses it

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + (0.01 * x.std() if self.couple else 0)


def old_weight_norm() -> nn.Module:
    with pytest.warns(FutureWarning):
        layer = torch.nn.utils.weight_norm(nn.Linear(6, 1))
    layer(torch.randn(2, 6))  # leaves a computed tensor behind, as an attribute
    return layer


SEPARATE = {
    "mlp": lambda: MLPCritic((6,), hidden=(16, 16)),
    "layer norm": lambda: MLPCritic((6,), hidden=(16, 16), norm="layer"),
    "batch norm in eval mode": lambda: MLPCritic((6,), hidden=(8,), norm="batch").eval(),
    "scores (batch, 1)": lambda: nn.Linear(6, 1),
    "dropout in eval mode": lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 1)).eval(),
    "spectral norm": lambda: torch.nn.utils.parametrizations.spectral_norm(nn.Linear(6, 9)),
    "old weight norm": old_weight_norm,
    "float32 only": lambda: OnlyFloat32(couple=False),
    "rounding of a float32 reduction": lambda: Lambda(
        lambda x: x.square().sum(1) * (1 + 6e-8 * torch.randn(len(x)))
    ),
    "constant": lambda: Lambda(lambda x: 0 * x[:, 0]),
    "bfloat16": lambda: nn.Linear(6, 1).bfloat16(),
}
COUPLED = {
    "batch norm": lambda: MLPCritic((6,), hidden=(8,), norm="batch"),
    "minibatch std, strided": lambda: nn.Sequential(MinibatchStd(4, strided=True), nn.Linear(7, 1)),
    "minibatch std, blocks": lambda: nn.Sequential(MinibatchStd(4, strided=False), nn.Linear(7, 1)),
    "dropout": lambda: nn.Sequential(nn.Linear(6, 64), nn.Dropout(0.5), nn.Linear(64, 1)),
    "numpy noise": lambda: Lambda(lambda x: x.sum(1) + np.random.rand()),  # noqa: NPY002
    "python noise": lambda: Lambda(lambda x: x.sum(1) + random.random()),
    "zero gate": Gated,
    "running sum": lambda: Lambda(lambda x: x.cumsum(0).sum(1)),
    "neighbour before": lambda: Lambda(lambda x: x.sum(1) + torch.cat([x[:1] * 0, x[:-1]]).sum(1)),
    "tiny scores": lambda: Lambda(lambda x: 1e-9 * (x.sum(1) + x.mean())),
    "batch size": lambda: Lambda(lambda x: x.sum(1) / len(x)),
    "place in the batch": lambda: Lambda(lambda x: x.sum(1) + torch.arange(len(x))),
    "packed in pairs": lambda: Lambda(lambda x: x.reshape(len(x) // 2, -1).sum(1)),
    "one score": lambda: Lambda(lambda x: x.mean()),
    "fixed batch size": lambda: Lambda(lambda x: x.reshape(8, 6).sum(1)),
    "not a number": lambda: Lambda(lambda x: x.sum(1) * float("nan")),
    "float32 only": lambda: OnlyFloat32(couple=True),
}


@pytest.mark.parametrize("name", SEPARATE)
def test_separate_samples_are_found_separate(name: str) -> None:
    torch.manual_seed(0)
    critic = SEPARATE[name]()
    x = torch.randn(8, 6)
    assert couples_samples(critic, x.bfloat16() if name == "bfloat16" else x) is False


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_samples_are_found_coupled(name: str) -> None:
    torch.manual_seed(0)
    assert couples_samples(COUPLED[name](), torch.randn(8, 6)) is True


@pytest.mark.parametrize("kind", [DCGANCritic, ResNetCritic])
@pytest.mark.parametrize(
    ("norm", "coupled"), [(None, False), ("layer", False), ("instance", False), ("batch", True)]
)
def test_image_critics(kind, norm: str | None, coupled: bool) -> None:
    critic = kind((3, 16, 16), width=4, norm=norm)
    assert couples_samples(critic, torch.rand(6, 3, 16, 16) * 2 - 1) is coupled


def test_identical_samples_do_not_hide_coupling() -> None:
    critic = MLPCritic((6,), hidden=(8,), norm="batch")
    assert couples_samples(critic, torch.zeros(4, 6)) is True
    assert couples_samples(MLPCritic((6,), hidden=(8,)), torch.zeros(4, 6)) is False


def test_labels_go_with_their_samples() -> None:
    labels = torch.arange(8) % 3
    conditional = Lambda(lambda x, y: x.sum(1) * y)
    across = Lambda(lambda x, y: x.sum(1) * y.double().mean())
    assert couples_samples(conditional, torch.randn(8, 6), labels) is False
    assert couples_samples(across, torch.randn(8, 6), labels) is True


def test_whole_numbers_as_samples() -> None:
    words = torch.arange(32).reshape(8, 4) % 10
    embed = nn.Embedding(10, 3)
    alone = nn.Sequential(embed, nn.Flatten(), nn.Linear(12, 1))
    together = nn.Sequential(embed, nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 1))
    assert couples_samples(alone, words) is False
    assert couples_samples(together, words) is True


def states() -> tuple[bytes, object, str]:
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    with np.printoptions(threshold=10**6):
        return torch.get_rng_state().numpy().tobytes(), random.getstate(), str(numpy)


class Noisy(nn.Module):
    """Batch norm, and noise from every global source."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(6), nn.Linear(6, 1)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        noise = torch.randn_like(x) + random.random() + np.random.rand()  # noqa: NPY002
        return self.linear(self.norm(x + noise))


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind(fails: bool) -> None:
    critic = Noisy()
    critic.linear.weight.grad = torch.ones(1, 6)
    weights = copy.deepcopy(critic.state_dict())
    width = 5 if fails else 6
    x = torch.randn(8, width, requires_grad=True)
    before = states()
    if fails:
        with pytest.raises(NetworkError):
            couples_samples(critic, x)
        with pytest.raises(NetworkError):
            check_networks({"critic": critic}, SampleSpec((width,)), 3)
    else:
        couples_samples(critic, x)
        check_networks({"critic": critic.eval()}, SampleSpec((width,)), 3)
        assert not critic.training
    assert states() == before
    assert critic.calls == 0
    assert all(torch.equal(v, weights[k]) for k, v in critic.state_dict().items())
    assert torch.equal(critic.linear.weight.grad, torch.ones(1, 6))
    assert x.grad is None


def test_a_surrounding_autocast_changes_nothing() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert couples_samples(OnlyFloat32(couple=False), torch.randn(8, 6)) is False
        check_networks({"critic": nn.Linear(3, 1), "generator": nn.Linear(5, 3)}, SPEC, 5)


def test_one_sample_is_too_few() -> None:
    with pytest.raises(NetworkError, match="at least 2"):
        couples_samples(nn.Linear(6, 1), torch.randn(1, 6))


def test_what_cannot_be_copied_is_refused_by_name() -> None:
    critic = nn.Linear(6, 1)
    critic.generator_of_numbers = (i for i in range(3))
    with pytest.raises(NetworkError, match="the critic cannot be copied"):
        couples_samples(critic, torch.randn(4, 6))


def test_good_networks_pass() -> None:
    critics = [MLPCritic((3,), hidden=(4,), norm="batch"), nn.Linear(3, 1)]
    generators = [MLPGenerator(5, (3,), hidden=(4,), norm="batch"), nn.Linear(5, 3).double()]
    for critic, generator in zip(critics, generators, strict=True):
        check_networks({"generator": generator, "critic": critic}, SPEC, 5)


def test_batch_norm_is_checked_in_train_mode_and_left_in_eval_mode() -> None:
    generator = MLPGenerator(5, (3,), norm="batch").eval()
    modes: list[bool] = []
    generator.body.register_forward_hook(lambda m, *_: modes.append(m.training))
    check_networks({"generator": generator}, SPEC, 5)
    assert modes == [True]
    assert not generator.training


def test_only_generator_and_critic_are_looked_at() -> None:
    check_networks({"encoder": nn.Linear(1, 1)}, SPEC, 5)


def test_labels_are_given_where_the_data_has_classes() -> None:
    spec = SampleSpec((3,), None, 2)
    seen: list[list[int]] = []

    def critic(x: Tensor, y: Tensor) -> Tensor:
        seen.append(y.tolist())
        return x.sum(1) * y

    check_networks({"critic": Lambda(critic)}, spec, 5)
    assert seen == [[0, 1, 0, 1]]
    with pytest.raises(NetworkError, match=r"critic fails .*\(4, 3\) and \(4,\): TypeError"):
        check_networks({"critic": nn.Linear(3, 1)}, spec, 5)


def test_the_critics_input_lies_in_the_bounds() -> None:
    seen: list[Tensor] = []
    critic = Lambda(lambda x: seen.append(x) or x.sum((1, 2)))
    check_networks({"critic": critic}, SampleSpec((50, 50), (3.0, 4.0)), 5)
    assert seen[0].min() >= 3
    assert seen[0].max() <= 4
    assert seen[0].std() > 0.2


@pytest.mark.parametrize(
    ("name", "network", "said"),
    [
        ("generator", nn.Linear(5, 4), r"generator returns samples of shape \(4, 4\).*\(4, 3\)"),
        ("generator", nn.Linear(6, 3), r"generator fails on an input of shape \(4, 5\): Runtime"),
        ("generator", Lambda(lambda _: None), "generator returns a NoneType"),
        ("generator", Lambda(lambda z: z[:, :3].half()), "float16 .*float32"),
        ("critic", nn.Linear(3, 2), r"critic returns scores of shape \(4, 2\).*\(4,\) or \(4, 1\)"),
        ("critic", Lambda(lambda x: x.mean()), r"critic returns scores of shape \(\)"),
        ("critic", Lambda(lambda x: (x.sum(1), x)), "critic returns a tuple"),
        ("critic", Lambda(lambda x: x.sum(1).double()), "float64 .*float32"),
        ("critic", Lambda(lambda x: x.sum(1) > 0), "bool .*float32"),
        ("critic", Lambda(lambda _: 1 / 0), "critic fails .*ZeroDivisionError: division by zero"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(name: str, network: nn.Module, said: str) -> None:
    with pytest.raises(NetworkError, match=said) as caught:
        check_networks({name: network}, SPEC, 5)
    assert "\n" not in str(caught.value)


def test_an_error_of_many_lines_is_told_in_one_and_kept_as_the_cause() -> None:
    def broken(_: Tensor) -> Tensor:
        raise KeyError("one\ntwo\n  three")

    with pytest.raises(NetworkError) as caught:
        check_networks({"critic": Lambda(broken)}, SPEC, 5)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_parameter_count_counts_shared_once_frozen_too_and_no_buffers() -> None:
    shared = nn.Linear(3, 3)
    shared.weight.requires_grad_(False)
    assert parameter_count(nn.Sequential(shared, shared, nn.BatchNorm1d(3))) == 9 + 3 + 6
