"""A small network that reads single digits; trained when first needed, then kept in the cache."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.cache import cache_folder
from steadygan.data import StackedDigits
from steadygan.errors import RunError
from steadygan.features.label_classifier import accuracy_of, train_classifier
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
        with evaluating(self.network):
            return torch.cat([self.network(x).argmax(dim=1) for x in torch.split(images, _BLOCK)])


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
    """Train a reader: the same digits, on the same machine and threads, give the same weights."""
    network = _network()
    train_classifier(
        network, digits.train, digits.codec.encode, epochs=epochs, batch=_BATCH, rate=_RATE
    )
    return DigitReader(network, accuracy_of(network, digits.held_out, digits.codec.encode))


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
