from __future__ import annotations

import pytest
import torch

from steadygan.errors import NetworkError
from steadygan.interfaces import Architecture, Judgement, SampleSpec
from steadygan.networks import DCGAN, MLP, Recurrent, ResNet, check_networks, couples_samples
from steadygan.networks.conditioning import MinibatchStandardDeviation, join_label

CLASSES = 4
VECTORS, IMAGES, SERIES = (
    SampleSpec((5,), None, CLASSES),
    SampleSpec((1, 8, 8), (-1.0, 1.0), CLASSES),
    SampleSpec((6, 3), (0.0, 1.0), CLASSES),
)
CASES: list[tuple[Architecture, SampleSpec]] = [
    (architecture, spec)
    for conditioning in ("concatenation", "projection", "auxiliary")
    for architecture, spec in (
        (MLP(hidden=(8, 8), conditioning=conditioning), VECTORS),
        (MLP(hidden=(), conditioning=conditioning), VECTORS),
        (DCGAN(width=4, conditioning=conditioning), IMAGES),
        (ResNet(width=4, conditioning=conditioning), IMAGES),
        (Recurrent(hidden=5, conditioning=conditioning), SERIES),
    )
]


@pytest.mark.parametrize(("architecture", "spec"), CASES, ids=str)
def test_every_network_takes_labels_in_every_way(
    architecture: Architecture, spec: SampleSpec
) -> None:
    torch.manual_seed(0)
    networks = architecture.build(spec, 3)
    check_networks(networks, spec, 3)
    networks["generator"].eval()
    z = torch.randn(1, 3).expand(CLASSES, 3)
    y = torch.arange(CLASSES)
    fake = networks["generator"](z, y)
    assert fake.shape == (CLASSES, *spec.shape)
    # the same latent vector, another label, another sample
    assert all(not torch.allclose(fake[0], other) for other in fake[1:])
    x = torch.rand(1, *spec.shape).expand(CLASSES, *spec.shape)
    judged = networks["critic"](x, y)
    if getattr(architecture, "conditioning", None) == "auxiliary":
        assert isinstance(judged, Judgement)
        assert judged.logits.shape == (CLASSES, CLASSES)
        # it names the class, so it must not see it
        assert torch.allclose(judged.scores, judged.scores[:1].expand(CLASSES))
        assert torch.allclose(judged.logits, judged.logits[:1].expand(CLASSES, -1))
    else:
        assert judged.shape == (CLASSES,)
        assert judged.detach().unique().numel() == CLASSES


def test_the_projection_is_the_product_of_embedding_and_features() -> None:
    critic = MLP(hidden=(7,), conditioning="projection").build(VECTORS, 3)["critic"]
    x, y = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 0, 1])
    features = critic.body(x)
    head = critic.head
    expected = head.score(features).squeeze(1) + (head.embedding.weight[y] * features).sum(1)
    torch.testing.assert_close(critic(x, y), expected)


def test_a_label_is_joined_as_numbers_or_as_planes() -> None:
    y = torch.tensor([2, 0])
    flat = join_label(torch.zeros(2, 3), y, 3)
    assert flat.tolist() == [[0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]]
    planes = join_label(torch.zeros(2, 1, 4, 4), y, 3)
    assert planes.shape == (2, 4, 4, 4)
    assert planes[0, 3].eq(1).all()
    assert planes[0, :3].eq(0).all()
    x = torch.randn(2, 3)
    assert join_label(x, None, None) is x
    with pytest.raises(ValueError, match="needs labels"):
        join_label(x, None, 3)


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        (MLP(hidden=(8,), minibatch_std=True), (5,)),
        (DCGAN(width=4, minibatch_std=True), (1, 8, 8)),
        (ResNet(width=4, minibatch_std=True), (1, 8, 8)),
        (Recurrent(hidden=4, minibatch_std=True), (6, 2)),
    ],
    ids=str,
)
def test_the_minibatch_standard_deviation_couples_samples(
    architecture: Architecture, shape: tuple[int, ...]
) -> None:
    critic = architecture.build(SampleSpec(shape), 3)["critic"]
    assert couples_samples(critic, torch.randn(8, *shape))


def test_the_minibatch_standard_deviation_is_that_of_the_features() -> None:
    x = torch.tensor([[1.0, 10.0], [3.0, 10.0]])
    # stds over the batch: 1 and 0 (1e-8 below the root); their mean is a half
    assert MinibatchStandardDeviation()(x)[:, 2].tolist() == pytest.approx([0.5, 0.5], abs=1e-3)
    alone = torch.ones(1, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(MinibatchStandardDeviation()(alone).sum(), alone)
    assert torch.isfinite(slope).all()


def test_an_unknown_way_is_refused_with_the_nearest() -> None:
    for make in (MLP, DCGAN, ResNet, Recurrent):
        with pytest.raises(NetworkError, match="Did you mean 'projection'"):
            make(conditioning="projektion")
