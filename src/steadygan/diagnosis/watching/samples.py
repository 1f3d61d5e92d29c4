"""How far samples are from the data, for the checks that must know it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steadygan.diagnosis.course import PERSISTS, TINY, Course, Looks

NARROW = 0.5  # of the real spread, in all
FLAT = 0.3  # of the real spread, along one of the main directions
DESERTED = 0.55  # of the real samples lie where next to no fake does
PARTLY = 0.2  # deserted: with less, what is missing is a few outliers
COVERED = 0.8  # of held-out samples have a fake near by: nothing much is missing; real ones 0.969
FLED = 2.0  # times the real spread
WINDOW = 2 * PERSISTS  # probes
SWAYING = 0.3  # of the logarithm of the spread, up and down
GAIN = 0.3  # of the data, or of their spread, in a budget: at that pace they get somewhere
CHANCE = 2.0  # standard errors


_SPREADS = ("spread", "spread.narrowest")
_REGIONS = "deserted"  # only where there are samples enough for several
_COVERAGE = "coverage"  # only of data with held-out samples


def variety(course: Course) -> list[str]:
    """The numbers of probes that ``Variety`` is made of."""
    names = [*_SPREADS, *course.among(_REGIONS)]
    beside_real = [f"{name}{suffix}" for name in names for suffix in ("", ".real")]
    return [*beside_real, *course.among(_COVERAGE)]


@dataclass(frozen=True)
class Variety:
    """Of each probe since the run settled, beside real samples.

    Attributes:
        steps: of the probes.
        wide, flat: the spread in all, and along the flattest main direction, over the real one.
        deserted: the share of real samples in regions without fakes, less that of chance; NaN
            where there are too few samples for regions.
        covered: the share of held-out samples with a fake near by; NaN where it was not measured.
        budget: of the run, in steps.
    """

    steps: np.ndarray
    wide: np.ndarray
    flat: np.ndarray
    deserted: np.ndarray
    covered: np.ndarray
    budget: float

    @classmethod
    def of(cls, looks: Looks) -> Variety:
        """Read it from probes that carry what ``variety`` names."""
        wide, flat = (
            looks[name] / np.maximum(looks[f"{name}.real"], TINY) for name in _SPREADS
        )  # fmt: skip
        deserted = np.full(len(looks.steps), np.nan)
        if _REGIONS in looks:
            deserted = looks[_REGIONS] - looks[f"{_REGIONS}.real"]
        covered = looks[_COVERAGE] if _COVERAGE in looks else np.full(len(looks.steps), np.nan)
        return cls(looks.steps, wide, flat, deserted, covered, looks.budget)

    @property
    def narrow(self) -> np.ndarray:
        """Whether they spread clearly less than the data."""
        lost: np.ndarray = (self.wide < NARROW) | (self.flat < FLAT)
        return lost & ~(self.deserted < PARTLY)

    @property
    def poor(self) -> np.ndarray:
        """Whether they are clearly less varied than the data."""
        left = (self.deserted > DESERTED) & (self.wide < FLED)
        poor: np.ndarray = (self.narrow | left) & ~(self.covered > COVERED)
        return poor

    @property
    def growing(self) -> np.ndarray:
        """Whether they reach more of the data, at a pace that matters in the budget and is no
        chance: a heap may widen and reach none."""
        reached = [each for each in (self.covered, -self.deserted) if not np.isnan(each).all()]
        rose: np.ndarray = np.any([
            _rising(values, self.steps, self.budget)
            for values in reached or (np.minimum(self.wide, 1.0), np.minimum(self.flat, 1.0))
        ], axis=0)  # fmt: skip
        return rose

    @property
    def fled(self) -> np.ndarray:
        """Whether they lie far outside of the data."""
        far: np.ndarray = self.wide > FLED
        return far

    @property
    def far(self) -> np.ndarray:
        """Whether they are anything but like the data."""
        off: np.ndarray = self.poor | self.fled
        return off

    @property
    def sway(self) -> np.ndarray:
        """How far the spread went up and down over the last ``WINDOW`` probes: the standard
        deviation of its logarithm around a line; 0 before there are as many."""
        sway = np.zeros(len(self.wide))
        if len(sway) >= WINDOW:
            _, sway[WINDOW - 1 :] = _lines(np.log(np.maximum(self.wide, 1e-12)), WINDOW)
        return sway

    def __str__(self) -> str:
        """The last probe in words."""
        regions = (
            ""
            if np.isnan(self.deserted[-1])
            else f", and {self.deserted[-1]:.0%} of the data lie where next to no sample falls"
        )
        return (
            f"samples spread {self.wide[-1]:.2f} times as far as real ones, {self.flat[-1]:.2f} "
            f"times along their flattest main direction{regions}"
        )


def _rising(values: np.ndarray, steps: np.ndarray, budget: float) -> np.ndarray:
    """Whether the line through the last ``WINDOW`` values up to each, or through as many as there
    are from ``PERSISTS`` on, rises by more than ``GAIN`` in the budget and than chance lets it."""
    rising = np.zeros(len(values), dtype=bool)
    probes = budget * (len(steps) - 1) / max(1, steps[-1] - steps[0])
    for size in range(PERSISTS, min(WINDOW, len(values)) + 1):
        slopes, deviations = _lines(values if size == WINDOW else values[:size], size)
        errors = deviations / np.sqrt((size - 2) * (size**2 - 1) / 12)
        rising[size - 1 : size - 1 + len(slopes)] = slopes > np.maximum(
            GAIN / probes, CHANCE * errors
        )
    return rising


def _lines(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The slope of the least squares line through each ``size`` values in a row, and the standard
    deviation around it."""
    windows = np.lib.stride_tricks.sliding_window_view(values, size)
    at = np.arange(size) - (size - 1) / 2
    slopes = windows @ at / (at @ at)
    around = windows - windows.mean(axis=1, keepdims=True) - slopes[:, None] * at
    return slopes, around.std(axis=1)
