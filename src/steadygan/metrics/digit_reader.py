"""A small network that reads single digits; trained when first needed, then kept in the cache."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.cache import cache_folder
from steadygan.data import StackedDigits
from steadygan.errors import RunError
from steadygan.training import evaluating, load_tensors, save_tensors

_VERSION = 1  # of all that decides the weights; another one is trained anew
_SIDE = 28
_SEED = 0
_EPOCHS, _BATCH, _RATE = 8, 128, 3e-3
_BLOCK = 2_000  # images read at a time


@dataclass(frozen=True)
class DigitReader:
    """A trained network, and its accuracy in [0, 1] on digits it was not trained on."""

    network: nn.Module
    accuracy: float

    def read(self, images: Tensor) -> Tensor:
        """The digit 0 to 9 that each encoded image ``(n, 1, size, size)`` shows most likely."""
        return _read(self.network, images)


def digit_reader(digits: StackedDigits) -> DigitReader:
    """The reader trained on ``digits.train``, from the user's cache where it is there.

    Training takes well under a minute on one core and leaves the global random state alone. The
    file is named after the digits, so that others get a reader of their own; one that is damaged
    is replaced, and a cache that cannot be written only costs the training again.
    """
    path = cache_folder() / f"digit-reader-{_VERSION}-{digits.fingerprint[:16]}.safetensors"
    network = _network()
    try:
        weights, numbers = load_tensors(path)
        network.load_state_dict(weights)
        return DigitReader(network, float(numbers["accuracy"]))
    except (RunError, RuntimeError, KeyError):
        reader = train_reader(digits)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, reader.network.state_dict(), {"accuracy": reader.accuracy})
    return reader


def train_reader(digits: StackedDigits, epochs: int = _EPOCHS) -> DigitReader:
    """Train a reader: Adam, the learning rate rising and falling once over all ``epochs``.

    The same digits, on the same machine and threads, give the same weights.
    """
    network = _network()
    assert digits.train.y is not None
    n = len(digits.train)
    batch = min(_BATCH, n)
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=_RATE, total_steps=epochs * (n // batch)
    )
    rng = torch.Generator().manual_seed(_SEED)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(n, generator=rng), batch)[: n // batch]:
            scores = network(digits.codec.encode(digits.train.x[chosen]))
            loss = nn.functional.cross_entropy(scores, digits.train.y[chosen])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return DigitReader(network, _accuracy(network, digits))


def _network() -> nn.Module:
    """Two convolutions and a hidden layer, 106,122 weights, initialised from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(_SIDE),  # digits of another size; at 28 it changes nothing
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * (_SIDE // 4) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


def _read(network: nn.Module, images: Tensor) -> Tensor:
    with evaluating(network):
        return torch.cat([network(block).argmax(dim=1) for block in torch.split(images, _BLOCK)])


def _accuracy(network: nn.Module, digits: StackedDigits) -> float:
    assert digits.held_out.y is not None
    read = _read(network, digits.codec.encode(digits.held_out.x))
    return float(read.eq(digits.held_out.y).double().mean())
