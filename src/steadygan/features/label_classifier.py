"""A small classifier of the user's own labels; its last hidden layer as features."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from steadygan.cache import cache_folder
from steadygan.data import Dataset
from steadygan.errors import DataError, RunError
from steadygan.features.extractor import NetworkFeatures
from steadygan.interfaces import SampleSpec, Stored
from steadygan.training import evaluating, load_tensors, save_tensors

_VERSION = 1  # of all that decides the weights; another one is trained anew
_SEED = 0
_BATCH, _RATE = 128, 3e-3
_UPDATES, _EPOCHS = 2_000, (4, 30)  # about as many updates, within so many passes
_SIDE = 32  # larger images are averaged down to this
_HIDDEN = 128
_BLOCK = 1_000  # samples classified at a time


def label_classifier(dataset: Dataset, device: torch.device | None = None) -> NetworkFeatures:
    """The classifier trained on ``dataset.train``, from the user's cache where it is there.

    Three convolutions (of vectors: one dense layer) and a layer of 128 units, which are the
    features. Training takes about a minute at most and leaves the global random state alone.

    Raises:
        DataError: the data have no labels, or labels of one class only.
    """
    counts = dataset.class_counts
    if counts is None or dataset.validation.y is None or sum(count > 0 for count in counts) < 2:
        raise DataError(
            f"{dataset.name} has no labels to train a classifier on: use --features pixels or "
            "mobilenet."
        )
    trunk, head = _network(dataset.spec, len(counts))
    whole = nn.Sequential(trunk, head)
    key = dataset.fingerprint[:16]
    path = cache_folder() / f"label-classifier-{_VERSION}-{key}.safetensors"
    try:
        weights, numbers = load_tensors(path)
        whole.load_state_dict(weights)
        accuracy = float(numbers["accuracy"])
    except (RunError, RuntimeError, KeyError):
        accuracy = _train_on(dataset, whole, path)
    chosen = device or torch.device("cpu")
    large = len(dataset.spec.shape) == 3 and dataset.spec.shape[-1] > _SIDE
    return NetworkFeatures(
        name="label classifier",
        dim=_HIDDEN,
        network=trunk.to(chosen),
        prepare=lambda samples: samples,
        resize=f"averaged to {_SIDE}×{_SIDE}" if large else "none",
        preprocessing="in [−1, 1]" if len(dataset.spec.shape) == 3 else "standardised",
        identity=f"label classifier {_VERSION} of {key}",
        note=f"accuracy {accuracy:.3f} on {len(dataset.validation):,} held out",
        head=head.to(chosen),
        device=chosen,
        batch=_BLOCK,
    )


def train_classifier(
    network: nn.Module,
    data: Stored,
    encode: Callable[[Tensor], Tensor],
    *,
    epochs: int,
    batch: int = _BATCH,
    rate: float = _RATE,
    seed: int = _SEED,
) -> None:
    """Train in place: Adam, the learning rate rising and falling once over all ``epochs``.

    The same samples, on the same machine and threads, give the same weights.

    Args:
        network: from encoded samples to logits.
        data: stored samples with labels.
        encode: stored samples to what the network takes.
    """
    assert data.y is not None
    n = len(data)
    batch = min(batch, n)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=rate, total_steps=epochs * (n // batch)
    )
    rng = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(n, generator=rng), batch)[: n // batch]:
            x, y = data.take(chosen)
            assert y is not None
            loss = nn.functional.cross_entropy(network(encode(x)), y)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()


def accuracy_of(network: nn.Module, data: Stored, encode: Callable[[Tensor], Tensor]) -> float:
    """The share of stored samples whose label is the most probable class."""
    assert data.y is not None
    with evaluating(network):
        found = [
            network(encode(data.take(block).x)).argmax(1)
            for block in torch.split(torch.arange(len(data)), _BLOCK)
        ]
    return float(torch.cat(found).eq(data.y).double().mean())


def _train_on(dataset: Dataset, network: nn.Module, path: Path) -> float:
    """Train ``network``, keep its weights, and return its accuracy on held-out samples."""
    batches = max(1, len(dataset.train) // _BATCH)
    epochs = max(_EPOCHS[0], min(_EPOCHS[1], _UPDATES // batches))
    train_classifier(network, dataset.train, dataset.codec.encode, epochs=epochs)
    accuracy = accuracy_of(network, dataset.validation, dataset.codec.encode)
    with suppress(OSError):  # a cache that cannot be written only costs the training again
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, network.state_dict(), {"accuracy": accuracy})
    return accuracy


def _network(spec: SampleSpec, classes: int) -> tuple[nn.Module, nn.Module]:
    """The layers up to the features, and the one from them to the classes' logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        layers = _convolutions(spec) if len(spec.shape) == 3 else _dense(spec)
        return nn.Sequential(*layers), nn.Linear(_HIDDEN, classes)


def _convolutions(spec: SampleSpec) -> list[nn.Module]:
    channels, side = spec.shape[0], min(spec.shape[-1], _SIDE)
    smallest = (side + 3) // 4
    return [
        nn.AdaptiveAvgPool2d(side),  # changes nothing at 32 pixels and below
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * smallest**2, _HIDDEN),
        nn.ReLU(),
    ]


def _dense(spec: SampleSpec) -> list[nn.Module]:
    width = int(torch.Size(spec.shape).numel())
    return [nn.Flatten(), nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, _HIDDEN), nn.ReLU()]
