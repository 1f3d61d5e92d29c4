"""The interface of feature extractors, and the one around any network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from steadygan.training import evaluating

Prepare: TypeAlias = Callable[[Tensor], Tensor]  # encoded samples to what a network takes


class Extractor(Protocol):
    """Maps samples to the space that distances are taken in.

    Attributes:
        name: for people.
        dim: of a feature vector.
        resize: how images are brought to the network's size; ``"none"``.
        preprocessing: all else that is done to a sample before, in one line.
        identity: differs wherever features could differ: names the weights too.
        note: what else there is to know, or nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def resize(self) -> str: ...

    @property
    def preprocessing(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def note(self) -> str: ...

    def __call__(self, samples: Tensor) -> Tensor:
        """Encoded samples ``(n, *shape)`` to float32 features ``(n, dim)`` on the CPU."""
        ...


@runtime_checkable
class Classifier(Extractor, Protocol):
    """An extractor whose features decide a class, so that the Inception Score can be computed."""

    @property
    def classifies(self) -> bool:
        """Whether it does: a network may come without its last layer."""
        ...

    def probabilities(self, features: Tensor) -> Tensor:
        """Of each class ``(n, classes)``, from features ``(n, dim)``."""
        ...


@dataclass(frozen=True)
class NetworkFeatures:
    """What a network makes of samples, a batch at a time, in evaluation mode.

    Attributes:
        name, dim, resize, preprocessing, identity, note: see ``Extractor``.
        network: from prepared samples to features ``(n, dim)``.
        prepare: does what ``resize`` and ``preprocessing`` say.
        head: from features to the classes' logits, or None.
        device: that the network is on.
        batch: samples at a time.
    """

    name: str
    dim: int
    network: nn.Module
    prepare: Prepare
    resize: str
    preprocessing: str
    identity: str
    note: str = ""
    head: nn.Module | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    batch: int = 64

    @property
    def classifies(self) -> bool:
        return self.head is not None

    def __call__(self, samples: Tensor) -> Tensor:
        with evaluating(self.network):
            parts = [
                self.network(self.prepare(block.to(self.device))).flatten(1).float().cpu()
                for block in torch.split(samples, self.batch)
            ]
        return torch.cat(parts) if parts else torch.empty(0, self.dim)

    def probabilities(self, features: Tensor) -> Tensor:
        assert self.head is not None
        with evaluating(self.head):
            logits: Tensor = self.head(features.to(self.device))
        return logits.double().softmax(1).cpu()
