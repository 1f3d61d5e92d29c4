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
        reference: the same metric of real samples against real ones, where it makes sense.
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
        beside = "" if self.reference is None else f" (real against real {self.reference:.3f})"
        on = [f"{self.n_fake} samples"]
        if self.n_real:
            on.append(f"{self.n_real} real")
        text = f"{self.name} {self.value:.3f}{beside}, on {' and '.join(on)}, {self.features}"
        return f"{text}; {self.note}" if self.note else text
