"""How long a run trains, in what batches, and how often it reports and saves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from steadygan.errors import RecipeError

PRECISIONS = ("auto", "float32", "bfloat16")
MEMORY_FORMATS = ("auto", "contiguous", "channels_last")


@dataclass(frozen=True)
class Signal:
    """A number of the history by its dotted name, and which way is better.

    Attributes:
        name: as in the history's rows: ``critic.terms.wasserstein``, ``probe.coverage`` …
        better: ``"higher"`` or ``"lower"``.
    """

    name: str
    better: Literal["higher", "lower"]

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower"):
            raise RecipeError(f"{self.name}: better is {self.better!r}, choose higher or lower.")

    def improves(self, value: float, on: float | None, by: float = 0.0) -> bool:
        """Whether ``value`` is better than ``on`` by more than ``by``; NaN never is."""
        if on is None:
            return value == value
        return value > on + by if self.better == "higher" else value < on - by


@dataclass(frozen=True)
class Plateau:
    """Stop when ``signal`` has not improved by ``minimum`` for ``patience`` reports in a row."""

    signal: Signal
    patience: int = 10
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise RecipeError(f"plateau.patience is {self.patience}: choose at least 1.")
        if self.minimum < 0:
            raise RecipeError(f"plateau.minimum is {self.minimum}: choose 0 or more.")


@dataclass(frozen=True)
class Training:
    """The trainer's settings; part of the recipe.

    A step is ``n_critic`` critic updates and one generator update. The run ends at
    the first limit reached; at least one is given.

    Attributes:
        steps: limit in steps.
        epochs: limit in passes of the critic over the training data.
        minutes: limit in minutes of training. Such a run is not reproducible bit by bit.
        batch_size: samples per update.
        accumulation: parts each batch is computed in; must divide ``batch_size``.
        clip_gradient_norm: largest gradient norm per network and update; None does not clip.
        record_every: steps that one row of the history sums up.
        probe_every, sample_every, checkpoint_every: intervals in steps; 0 turns the first two off.
        keep_checkpoints: how many of the last are kept, at least 1; the best is kept besides.
        metrics: computed with the probes, of generated against held-out samples, by name: ``fid``,
            ``kid@mobilenet`` (metric, features; pixels where none are named).
        duality_gap_steps: updates of each network's copy by which the duality gap is measured, with
            the probes; 0 does not measure it. It costs as much as so many steps with n_critic 1.
        best: the signal that chooses the best checkpoint; None keeps none.
        plateau: an optional early end.
        rollback_limit: non-finite updates after which the run is given up; before that each one
            is refused and the run rolls back to its last checkpoint.
        precision: ``"float32"``, ``"bfloat16"`` (autocast) or ``"auto"``.
        memory_format: of images and convolutions: ``"contiguous"``, ``"channels_last"`` or
            ``"auto"``.
        threads: of the CPU; None chooses. What is left open here is measured before training
            (``training.execution``) and frozen in the run.
        graphs: whether updates are captured in CUDA graphs where a GPU and the recipe allow it.
    """

    steps: int | None = 10_000
    epochs: float | None = None
    minutes: float | None = None
    batch_size: int = 64
    accumulation: int = 1
    clip_gradient_norm: float | None = None
    record_every: int = 10
    probe_every: int = 500
    sample_every: int = 500
    checkpoint_every: int = 500
    keep_checkpoints: int = 3
    metrics: tuple[str, ...] = ()
    duality_gap_steps: int = 0
    best: Signal | None = Signal("probe.coverage", "higher")
    plateau: Plateau | None = None
    rollback_limit: int = 3
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    threads: int | None = None
    graphs: bool = True

    def __post_init__(self) -> None:
        limits = {"steps": self.steps, "epochs": self.epochs, "minutes": self.minutes}
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if not given:
            raise RecipeError("no limit is set: give training.steps, training.epochs or .minutes.")
        positive = given | {
            "batch_size": self.batch_size,
            "accumulation": self.accumulation,
            "record_every": self.record_every,
            "checkpoint_every": self.checkpoint_every,
            "keep_checkpoints": self.keep_checkpoints,
        }
        optional = {"clip_gradient_norm": self.clip_gradient_norm, "threads": self.threads}
        positive |= {name: value for name, value in optional.items() if value is not None}
        for name, value in positive.items():
            if not 0 < value < math.inf:
                raise RecipeError(f"training.{name} is {value}: choose a number above 0.")
        for name, most in (("threads", 1_024), ("batch_size", 1_000_000)):
            if (getattr(self, name) or 0) > most:
                raise RecipeError(
                    f"training.{name} is {getattr(self, name):,}: choose at most {most:,}."
                )
        for name, choices in (("precision", PRECISIONS), ("memory_format", MEMORY_FORMATS)):
            if getattr(self, name) not in choices:
                raise RecipeError(
                    f"training.{name} is {getattr(self, name)!r}: choose {', '.join(choices)}."
                )
        for name in ("probe_every", "sample_every", "duality_gap_steps", "rollback_limit"):
            if getattr(self, name) < 0:
                raise RecipeError(f"training.{name} is {getattr(self, name)}: choose 0 or more.")
        if self.batch_size % self.accumulation:
            raise RecipeError(
                f"training.accumulation={self.accumulation} does not divide "
                f"training.batch_size={self.batch_size}."
            )
