"""The interfaces that the pieces meet at, and the names of the shapes they exchange.

``docs/decisions/0002-interfaces.md`` holds each of them against what is still to come
(relativistic losses, labels, lazy penalties, translation with four networks, tables, text).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image
    from torch import Tensor, nn

# Tensors are named by their shape; ``batch`` is the number of samples.
PerSample: TypeAlias = "Tensor"  # (batch,) one value per sample, reduced only by the step
Scores: TypeAlias = "Tensor"  # (batch,) what a critic says of each sample
Gradients: TypeAlias = "Tensor"  # (batch, *shape) gradient of each score by its own input


def name_of(component: object) -> str:
    """What a component is called in records and settings: its ``name``, or that of its class."""
    return str(getattr(component, "name", type(component).__name__))


class Samples(NamedTuple):
    """A batch: ``x`` of shape ``(batch, *shape)`` and, where the run is conditional, ``y``.

    ``y`` is whatever the networks take as their second argument: integer labels ``(batch,)``, the
    conditional vector of a table row, the image to translate. A fake batch carries the ``y`` of the
    real batch that it is compared with, sample by sample.
    """

    x: Tensor
    y: Tensor | None = None

    def __len__(self) -> int:  # the number of samples, not of fields
        return self.x.shape[0]

    def take(self, indices: Tensor) -> Samples:
        """Copies of the samples that ``indices`` ``(k,)`` name, in that order."""
        chosen = _sent(indices, self.x.device)
        # Bytes are gathered several times as fast as by x[chosen].
        return Samples(
            self.x.index_select(0, chosen),
            None if self.y is None else self.y[_sent(indices, self.y.device)],
        )

    def on(self, device: torch.device, *, labels: bool) -> Samples:
        """The samples on a device; ``y`` only if ``labels``."""
        y = self.y if labels else None
        return Samples(self.x.to(device), None if y is None else y.to(device))


def _sent(indices: Tensor, device: torch.device) -> Tensor:
    """To a device; a copy from memory that is not pinned first waits until a GPU has done all that
    it was asked for."""
    if device.type == "cuda" and indices.device.type == "cpu":
        indices = indices.pin_memory()
    return indices.to(device, non_blocking=True)


class Stored(Protocol):
    """Samples as a data set holds them: ``Samples`` in memory, or others that lie in a file.

    Who wants some takes them (``take``); ``x`` of samples in a file reads all of them into memory.
    """

    @property
    def x(self) -> Tensor: ...

    @property
    def y(self) -> Tensor | None: ...

    def __len__(self) -> int: ...

    def take(self, indices: Tensor) -> Samples:
        """Copies of the samples that ``indices`` ``(k,)`` name, in that order."""
        ...

    def on(self, device: torch.device, *, labels: bool) -> Stored:
        """The samples where a run on ``device`` trains on them; ``y`` only if ``labels``."""
        ...


class Judgement(NamedTuple):
    """What a critic with an auxiliary classifier returns: ``scores`` ``(batch,)`` and the classes'
    ``logits`` ``(batch, classes)``."""

    scores: Tensor
    logits: Tensor


class SampleSpec(NamedTuple):
    """What an architecture must know of the data.

    Attributes:
        shape: of one sample, without the batch: ``(2,)`` points, ``(channels, height, width)``.
        bounds: the range that every encoded value lies in, or None where it is unbounded.
        classes: the number of classes where ``y`` holds labels, else None.
    """

    shape: tuple[int, ...]
    bounds: tuple[float, float] | None = None
    classes: int | None = None


class Codec(Protocol):
    """Turns stored data into tensors, and samples back into what the user brought.

    A frozen dataclass: it is written to the run directory, so that sampling needs no data.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded sample, without the batch."""
        ...

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range of encoded values, or None where it is unbounded."""
        ...

    def encode(self, stored: Tensor) -> Tensor:
        """Stored values ``(batch, …)`` to float32 ``(batch, *shape)`` on the same device."""
        ...

    def decode(self, samples: Tensor) -> np.ndarray:
        """Samples ``(batch, *shape)`` to the user's form, values clipped to what it can hold."""
        ...

    def sheet(self, decoded: np.ndarray, *, real: np.ndarray | None = None) -> Image:
        """One picture of decoded samples; ``real`` ones may be drawn behind them."""
        ...

    def write(self, decoded: np.ndarray, path: Path) -> list[Path]:
        """Write decoded samples in the form that the ending of ``path`` asks for."""
        ...


@runtime_checkable
class Architecture(Protocol):
    """A frozen dataclass that builds the networks of a run, by name.

    The common case returns ``{"generator": …, "critic": …}``; translation returns four. Generators
    map a latent batch ``(batch, latent_dim)`` (or ``(z, y)``) to ``(batch, *spec.shape)``; critics
    map ``x`` (or ``(x, y)``) to scores ``(batch,)`` or ``(batch, 1)``, or to a ``Judgement``. The
    ``y`` is passed where ``spec.classes`` is set: integer labels ``(batch,)``.
    """

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]: ...


@runtime_checkable
class Objective(Protocol):
    """The pair of losses. Both always get both score vectors: relativistic losses need them."""

    @property
    def needs_real_scores(self) -> bool:
        """Whether ``generator_loss`` reads the real scores; if not, the step does not compute them
        and passes None."""
        ...

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample: ...

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> PerSample: ...


@runtime_checkable
class Penalty(Protocol):
    """The general form: any differentiable term per sample, added to the critic's loss."""

    def __call__(
        self, critic: nn.Module, real: Samples, fake: Samples, *, rng: torch.Generator
    ) -> PerSample: ...


@runtime_checkable
class GradientPenalty(Penalty, Protocol):
    """A penalty on the gradient of the score by its input: *where*, and *how much*.

    The step scores real, fake and all points in one pass and takes one gradient; called as the
    general form (``penalties.InputGradientPenalty`` provides that) it makes a pass of its own.
    """

    def points(self, real: Samples, fake: Samples, *, rng: torch.Generator) -> Samples:
        """The inputs ``(batch, *shape)`` at which the gradient is wanted, detached."""
        ...

    def cost(self, gradients: Gradients) -> PerSample: ...


@runtime_checkable
class Constraint(Protocol):
    """Something imposed on the critic's weights."""

    def prepare(self, critic: nn.Module) -> None:
        """Once, before the critic's optimiser is made: may reparametrise, or do nothing."""
        ...

    def project(self, critic: nn.Module) -> None:
        """In place, after every update of the critic: may do nothing."""
        ...


@runtime_checkable
class InputStabiliser(Protocol):
    """Changes every batch that the critic is to see, real or fake, in both networks' updates."""

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        """What the critic sees instead: differentiable by ``samples.x``, nothing in place."""
        ...


@runtime_checkable
class LatentStabiliser(Protocol):
    """Changes the latent vectors ``(batch, latent_dim)`` of training; sampling is left as it is."""

    def latent(self, z: Tensor, *, rng: torch.Generator, progress: float) -> Tensor: ...


@runtime_checkable
class ParameterTerm(Protocol):
    """A term on the weights of each network, from them and a running average of their past."""

    def parameter_term(self, network: nn.Module, average: nn.Module) -> Tensor:
        """A scalar ``()``; no gradient flows into ``average``."""
        ...

    def average(self, average: nn.Module, network: nn.Module, update: int) -> None:
        """Take the network after its ``update``-th update (from 0) into the average, in place."""
        ...


@runtime_checkable
class BatchTerm(Protocol):
    """A term of the generator's loss on whole batches."""

    @property
    def objective_weight(self) -> float:
        """What is left of the objective's own loss beside it: 1 keeps it, 0 replaces it."""
        ...

    def batch_term(self, critic: nn.Module, real: Samples, fake: Samples) -> Tensor:
        """A scalar ``()``; differentiable by ``fake.x``."""
        ...


@runtime_checkable
class CriticAverage(Protocol):
    """The generator learns from an average of the critic instead of the critic itself."""

    def average_critic(self, average: nn.Module, critic: nn.Module, update: int) -> None:
        """Take the critic after its ``update``-th update (from 0) into the average, in place."""
        ...


# What ``Recipe.stabiliser`` takes: a frozen dataclass with the methods of one or more of these.
Stabiliser: TypeAlias = (
    InputStabiliser | LatentStabiliser | ParameterTerm | BatchTerm | CriticAverage
)


class Stateful(Protocol):
    """Whatever must survive a resume: its state is JSON (numbers, strings, lists, dicts)."""

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: Mapping[str, Any]) -> None: ...


# The sides of square images, in pixels, that the image architectures build (base · 2ᵏ, base 4 to 7)
# and that images of unknown size are fitted to.
IMAGE_SIZES: tuple[int, ...] = tuple(
    sorted({base << k for base in (4, 5, 6, 7) for k in range(1, 6) if base << k <= 128})
)
