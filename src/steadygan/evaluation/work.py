"""What is measured, in features, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from steadygan.data import Dataset
from steadygan.evaluation.real_features import encoded, shuffled
from steadygan.features import Extractor, NetworkFeatures
from steadygan.features.prepare import as_stored
from steadygan.interfaces import Samples
from steadygan.metrics import Measurement, Value
from steadygan.run import Run

_SEARCHED = 50_000  # training samples that near copies are looked for among at most
_HELD_OUT = 10_000  # held-out samples that their distances are compared with, at most


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        real, fake: what was compared, by name.
        features: of the extractor.
        n: samples of each set that the metrics of two sets were computed on.
        seed: of samples, choices and bootstrap.
        measurements: every value with what it was computed on.
        neighbours: of the first generated samples: ``sample``, ``train`` (indices) and
            ``distance`` in features.
        notes: what was left out, and why.
    """

    real: str
    fake: str
    features: str
    n: int
    seed: int
    measurements: tuple[Measurement, ...]
    neighbours: tuple[Mapping[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        dataset: the real samples.
        fake: encoded, with labels or None.
        name: of the fakes.
        run: that they are of, or None.
        checkpoint: of the run.
    """

    dataset: Dataset
    fake: Samples
    name: str
    run: Run | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Plan:
    """What is to be measured, before anything has been computed.

    Attributes:
        subject: what is measured.
        extractor: of the features.
        chosen: indices into training and held-out samples together, of the real samples that
            are to have features: the first n to compare with, then as many others.
        seed, draws: of the bootstrap.
    """

    subject: Subject
    extractor: Extractor
    chosen: Tensor
    seed: int
    draws: int

    @property
    def held_out(self) -> int:
        """Held-out samples that ``Work.parts`` has features of."""
        if isinstance(self.extractor, NetworkFeatures):
            return int((self.chosen >= len(self.subject.dataset.train)).sum())
        return len(self.subject.dataset.validation)


@dataclass(frozen=True)
class Work(Plan):
    """A plan with the features that it takes.

    Attributes:
        real, others, fake: features ``(n, d)``; of the others perhaps none.
    """

    real: Tensor
    others: Tensor
    fake: Tensor

    def measurement(self, name: str, value: Value, reference: float | None) -> Measurement:
        return Measurement(
            name, value.value, value.n_real, value.n_fake, described(self.extractor), reference,
            value.note, value.interval, value.over, self.extractor.resize,
            self.extractor.preprocessing,
        )  # fmt: skip

    @cached_property
    def parts(self) -> tuple[Tensor, Tensor]:
        """Features of training and of held-out samples: all there are where that costs nothing,
        else those among ``chosen``."""
        data = self.subject.dataset
        n = len(data.train)
        if isinstance(self.extractor, NetworkFeatures):
            both, held_out = torch.cat([self.real, self.others]), self.chosen >= n
            return both[~held_out], both[held_out]
        train = shuffled(n, self.seed)[:_SEARCHED].sort().values
        held_out = n + shuffled(len(data.validation), self.seed)[:_HELD_OUT].sort().values
        first, second = (
            torch.cat([self.extractor(as_stored(x)) for x in encoded(data, chosen)])
            for chosen in (train, held_out)
        )
        return first, second


def described(extractor: Extractor) -> str:
    """The name of the features, with what must be known of them: a classifier's accuracy …"""
    return f"{extractor.name} ({extractor.note})" if extractor.note else extractor.name
