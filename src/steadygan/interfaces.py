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
    map ``x`` (or ``(x, y)``) to scores ``(batch,)`` or ``(batch, 1)``.
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


class Stateful(Protocol):
    """Whatever must survive a resume: its state is JSON (numbers, strings, lists, dicts)."""

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: Mapping[str, Any]) -> None: ...


# The sides of square images, in pixels, that the image architectures build (base · 2ᵏ, base 4 to 7)
# and that images of unknown size are fitted to.
IMAGE_SIZES: tuple[int, ...] = tuple(
    sorted({base << k for base in (4, 5, 6, 7) for k in range(1, 6) if base << k <= 128})
)
