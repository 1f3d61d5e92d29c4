"""A measured value, with what it was computed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One metric of samples.

    Attributes:
        name: of the metric.
        value: of the samples.
        n_real, n_fake: how many samples of each it was computed on; 0 where none were used.
        features: the space distances were taken in, ``"pixels"`` or ``"coordinates"`` …
        reference: the same metric of held-out real samples, where it makes sense.
        note: how to read it, or what it was computed with; one line.
        interval: how far it moves with other samples, 95 %, or None.
        over: what was resampled for that: ``"real and generated samples"`` …
        resize, preprocessing: how samples were prepared for the features, where that was done.
        checkpoint: of the run whose weights were measured: ``"best"``, a step; nothing for the
            last.
    """

    name: str
    value: float
    n_real: int
    n_fake: int
    features: str
    reference: float | None = None
    note: str = ""
    interval: Sequence[float] | None = None
    over: str = ""
    resize: str = ""
    preprocessing: str = ""
    checkpoint: str = ""

    def __str__(self) -> str:
        """One line, in columns that stand below each other for several measurements."""
        value = _short(self.value)
        real = "" if self.reference is None else f"real {_short(self.reference)}"
        on = f"{self.n_fake:,} samples" + (f", {self.n_real:,} real" if self.n_real else "")
        said = (self.checkpoint and f"checkpoint {self.checkpoint}", self.note)
        note = "".join(f"; {each}" for each in said if each)
        between = "" if self.interval is None else f" [{' to '.join(map(_short, self.interval))}]"
        return f"{self.name:<20} {value:>6}{between}  {real:<10}  {on}, {self.features}{note}"


def _short(value: float) -> str:
    """As many digits as say something, also of a kernel distance of 0.0004."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"
