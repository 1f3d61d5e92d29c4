"""What a run's samples tell of its health, at an interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from steadygan.interfaces import Samples
from steadygan.metrics.coverage import coverage
from steadygan.metrics.memorisation import copying, nearer_to_training
from steadygan.metrics.ndb import Bins, bins_of, different_bins
from steadygan.metrics.suite import sample
from steadygan.metrics.variety import main_directions, spread
from steadygan.training import TrainingState

_PER_BIN = 10  # held-out samples, on average
_MOST_BINS = 50
_DESERTED = 0.1  # of a bin's share of real samples: fewer fakes leave it deserted


@dataclass(frozen=True)
class HealthProbe:
    """Variety, shares of regions, and copies, of as many fakes as held-out samples.

    ``deserted`` is the share of real samples in bins (k-means cells) where next to no fake falls.
    Everything that is compared with another run or with a bound of chance comes with its value for
    real samples in place of the fakes, ``*.real``, which does not change over a run.

    Attributes:
        train, real: encoded training and held-out samples, at least about as many of those,
            n > 5. Copies are looked for among all of them; all else takes as many of both.
        latent_dim: of the generator.
    """

    train: Samples
    real: Samples
    latent_dim: int

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        fake = self._fakes(state, state.sampling_generator, rng)
        numbers = self._of(fake) | {f"{name}.real": v for name, v in self._reference.items()}
        if "generator" in state.averages:
            newest = self._fakes(state, state.networks["generator"], rng)
            numbers["coverage.newest"] = coverage(self._held_out, newest)
        return numbers

    def _of(self, fake: Tensor) -> dict[str, float]:
        width = spread(self._held_out, fake, self._directions)
        numbers = {
            "coverage": coverage(self._held_out, fake),
            "spread": width.total,
            "spread.narrowest": width.narrowest,
            "copying": copying(self._train, self._held_out, fake).c_t,
            "nearer": nearer_to_training(self._train, self._held_out, fake),
        }
        if self._bins is not None:
            shares = self._bins.shares(self._held_out), self._bins.shares(fake)
            counts = len(self._held_out), len(fake)
            found = different_bins(shares[0], counts[0], shares[1], counts[1])
            numbers["bins"] = found.different / found.bins
            deserted = shares[1] < _DESERTED * shares[0]
            numbers["deserted"] = float(shares[0][deserted].sum())
        return numbers

    @cached_property
    def _held_out(self) -> Tensor:
        return self.real.x.flatten(1).float().cpu()

    @cached_property
    def _train(self) -> Tensor:
        return self.train.x.flatten(1).float().cpu()

    @property
    def _as_many(self) -> Tensor:
        """Training samples, as many as are held out."""
        return self._train[: len(self._held_out)]

    @cached_property
    def _directions(self) -> Tensor:
        return main_directions(self._held_out)

    @cached_property
    def _bins(self) -> Bins | None:
        """Of training samples, so that held-out ones fall into them by chance as fakes do."""
        train = self._as_many
        bins = min(_MOST_BINS, len(self._held_out) // _PER_BIN, len(train) // _PER_BIN)
        bins = min(bins, len(torch.unique(train, dim=0)))  # no more than there are values
        return bins_of(train, bins) if bins >= 4 else None

    @cached_property
    def _reference(self) -> dict[str, float]:
        """The same of training samples against held-out ones."""
        of_train = self._of(self._as_many)
        for of_themselves in ("copying", "nearer"):  # each is its own neighbour
            del of_train[of_themselves]
        return of_train

    def _fakes(
        self, state: TrainingState, generator: torch.nn.Module, rng: torch.Generator
    ) -> Tensor:
        real = self.real
        fake = sample(generator, len(real), self.latent_dim, rng, labels=real.y)
        return fake.flatten(1)
