from __future__ import annotations

import pytest
import torch
from torch import nn

from steadygan.errors import NetworkError
from steadygan.interfaces import SampleSpec
from steadygan.networks import Custom, MLPCritic, MLPGenerator

SPEC = SampleSpec((3,), (-1.0, 1.0))


def test_the_users_networks_come_back_under_their_names() -> None:
    architecture = Custom(
        generator=lambda spec, latent_dim: MLPGenerator(latent_dim, spec.shape, hidden=(4,)),
        critic=lambda spec: MLPCritic(spec.shape, hidden=(4,)),
    )
    networks = architecture.build(SPEC, 5)
    assert set(networks) == {"generator", "critic"}
    fake = networks["generator"](torch.randn(2, 5))
    assert fake.shape == (2, 3)
    assert networks["critic"](fake).shape == (2,)


@pytest.mark.parametrize(
    ("returned", "said"),
    [(None, "NoneType"), (nn.Linear, "the class Linear"), (lambda z: z, "function")],
)
def test_what_is_no_module_is_refused_in_one_line(returned: object, said: str) -> None:
    def linear(*_: object) -> nn.Module:
        return nn.Linear(3, 1)

    for name, architecture in {
        "generator": Custom(generator=lambda *_: returned, critic=linear),
        "critic": Custom(generator=linear, critic=lambda *_: returned),
    }.items():
        with pytest.raises(NetworkError, match=f"{name} function must return .* {said}") as caught:
            architecture.build(SPEC, 5)
        assert "\n" not in str(caught.value)


def test_a_network_in_place_of_its_builder_is_refused() -> None:
    with pytest.raises(NetworkError, match="generator is a network"):
        Custom(generator=nn.Linear(5, 3), critic=lambda _: nn.Linear(3, 1))
    with pytest.raises(NetworkError, match="critic must be a function"):
        Custom(generator=lambda *_: nn.Linear(5, 3), critic="MLP")
