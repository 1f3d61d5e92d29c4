"""What a comparison found: one result per member, and their spread over the seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steadygan.comparison.plan import Combination, Member, Plan

FINISHED = ("finished", "plateau")  # the statuses of a run that was measured


@dataclass(frozen=True)
class MemberResult:
    """How one member stands.

    Attributes:
        member: which.
        status: ``finished``, ``plateau``, ``failed``, ``interrupted`` or ``not started``.
        reason: of the status, one line.
        step, seconds: of training; None where there was none.
        measurements: as in the run's ``metrics.json``; empty where it did not finish.
    """

    member: Member
    status: str
    reason: str | None = None
    step: int | None = None
    seconds: float | None = None
    measurements: tuple[Mapping[str, Any], ...] = ()

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    def to_json(self) -> dict[str, Any]:
        return {
            "recipe": self.member.combination.recipe,
            "setting": list(self.member.combination.setting),
            "seed": self.member.seed,
            "run": f"runs/{self.member.name}",
            "status": self.status,
            "reason": self.reason,
            "step": self.step,
            "seconds": self.seconds,
            "measurements": [dict(each) for each in self.measurements],
        }


@dataclass(frozen=True)
class Spread:
    """A number over seeds.

    Attributes:
        mean: over the seeds that have it.
        std: the sample standard deviation (n − 1); None of a single value.
        values: by seed.
    """

    mean: float
    std: float | None
    values: Mapping[int, float]

    @property
    def whole(self) -> bool:
        """Whether every value is a count."""
        return all(isinstance(value, int) for value in self.values.values())

    def __str__(self) -> str:
        digits = 1 if self.whole and len(self.values) > 1 else 0 if self.whole else 3
        spread = "" if self.std is None else f" ± {self.std:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread}"


def spread_of(values: Mapping[int, float]) -> Spread:
    """Mean and sample standard deviation of at least one value."""
    numbers = list(values.values())
    std = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Spread(statistics.fmean(numbers), std, values)


@dataclass(frozen=True)
class ResultRow:
    """A recipe with a setting of the grid, and the results of its seeds."""

    combination: Combination
    results: tuple[MemberResult, ...]

    @property
    def finished(self) -> list[MemberResult]:
        return [result for result in self.results if result.finished]

    @property
    def status(self) -> str:
        """``finished`` where all are; else what the others are, with how many."""
        others = [result.status for result in self.results if not result.finished]
        counts = [f"{others.count(each)} {each}" for each in dict.fromkeys(others)]
        return ", ".join(counts) or "finished"

    @property
    def seconds(self) -> float | None:
        """Median seconds of training of the finished members, or None."""
        known = [result.seconds for result in self.finished if result.seconds is not None]
        return statistics.median(known) if known else None

    def spreads(self) -> dict[str, Spread]:
        """Every metric that a finished member measured."""
        values: dict[str, dict[int, float]] = {}
        for result in self.finished:
            for measurement in result.measurements:
                by_seed = values.setdefault(str(measurement["name"]), {})
                # The first is of the end of training; others may be of other features.
                by_seed.setdefault(result.member.seed, measurement["value"])
        return {name: spread_of(by_seed) for name, by_seed in values.items()}

    def to_json(self) -> dict[str, Any]:
        return {
            "recipe": self.combination.recipe,
            "setting": list(self.combination.setting),
            "status": self.status,
            "finished": len(self.finished),
            "of": len(self.results),
            "seconds": self.seconds,
            "metrics": [
                {
                    "name": name,
                    "mean": spread.mean,
                    "std": spread.std,
                    "n": len(spread.values),
                    "values": {str(seed): value for seed, value in spread.values.items()},
                }
                for name, spread in self.spreads().items()
            ],
        }


@dataclass(frozen=True)
class Results:
    """All that a comparison found so far, in the order of its plan."""

    data_name: str
    plan: Plan
    members: tuple[MemberResult, ...]

    @property
    def rows(self) -> list[ResultRow]:
        return [
            ResultRow(each, tuple(r for r in self.members if r.member.combination == each))
            for each in self.plan.combinations()
        ]

    @property
    def finished(self) -> bool:
        """Whether at least one member did."""
        return any(result.finished for result in self.members)

    @property
    def interrupted(self) -> str | None:
        """The name of the signal that stopped the comparison, or None."""
        reasons = (r.reason for r in self.members if r.status == "interrupted")
        return next(reasons, None)

    def metric_names(self) -> list[str]:
        """Every metric of any row, in the order they were measured."""
        return list(dict.fromkeys(name for row in self.rows for name in row.spreads()))

    def failures(self) -> list[str]:
        """One line for the seeds of a row that failed for the same reason."""
        seeds: dict[tuple[str, str], list[int]] = {}
        for result in self.members:
            if result.status == "failed":
                key = (result.member.combination.label, result.reason or "")
                seeds.setdefault(key, []).append(result.member.seed)
        return [
            f"{label} failed with seed {', '.join(map(str, those))}: {reason}"
            for (label, reason), those in seeds.items()
        ]

    def caption(self) -> list[str]:
        """What the numbers are, and what each metric was computed on; one line each."""
        budget = {
            "steps": f"{self.plan.steps} steps each",
            "minutes": f"{60 * (self.plan.minutes or 0):g} seconds of training each",
            "own": "each recipe's own budget",
        }["steps" if self.plan.steps else "minutes" if self.plan.minutes else "own"]
        seeds = "seed 0" if self.plan.seeds == 1 else f"seeds 0 to {self.plan.seeds - 1}"
        measured = [m for result in self.members for m in result.measurements]
        return [
            f"{self.data_name}, {seeds}, {budget}. Metrics: mean ± sample standard deviation over "
            "the finished seeds, no ± of a single one. Seconds: median of training.",
            *(
                _computed_on(name, [m for m in measured if m["name"] == name])
                for name in self.metric_names()
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "data": self.data_name,
            "plan": self.plan.to_json(),
            "caption": self.caption(),
            "rows": [row.to_json() for row in self.rows],
            "members": [result.to_json() for result in self.members],
        }


def _computed_on(name: str, measured: Sequence[Mapping[str, Any]]) -> str:
    """The samples a metric was computed on, and its value for real ones where all agree on it."""
    bases = dict.fromkeys(
        f"{m['n_fake']:,} samples"
        + (f" and {m['n_real']:,} real" if m["n_real"] else "")
        + f", {m['features']}"
        for m in measured
    )
    references = {m.get("reference") for m in measured}
    reference = references.pop() if len(references) == 1 else None
    real = "" if reference is None else f"; of real samples {reference:.3f}"
    return f"{name}: on {' or '.join(bases)}{real}."
