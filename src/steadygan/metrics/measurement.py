"""A measured value, with what it was computed on."""

from __future__ import annotations

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
    """

    name: str
    value: float
    n_real: int
    n_fake: int
    features: str
    reference: float | None = None
    note: str = ""

    def __str__(self) -> str:
        """One line, in columns that stand below each other for several measurements."""
        value = _short(self.value)
        real = "" if self.reference is None else f"real {_short(self.reference)}"
        on = f"{self.n_fake:,} samples" + (f", {self.n_real:,} real" if self.n_real else "")
        note = f"; {self.note}" if self.note else ""
        return f"{self.name:<20} {value:>6}  {real:<10}  {on}, {self.features}{note}"


def _short(value: float) -> str:
    return f"{value:.0f}" if isinstance(value, int) else f"{value:.3f}"
