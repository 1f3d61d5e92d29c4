"""What one step reports, and the rows that a run emits.

A record holds 0-dimensional tensors on the device of the networks: reading them waits for the
device, so the training loop keeps them and reads a whole window at once (``summarise``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

Scalar: TypeAlias = Tensor  # () detached
FlatRecord: TypeAlias = "dict[str, Scalar | float]"


class Statistics(NamedTuple):
    """Of the values of one batch; ``std`` is the population standard deviation."""

    mean: Scalar
    std: Scalar
    min: Scalar
    max: Scalar

    @classmethod
    def of(cls, values: Tensor) -> Statistics:
        """Statistics of all elements of ``values``, which must not be empty."""
        flat = values.detach().flatten()
        std, mean = torch.std_mean(flat, correction=0)
        low, high = torch.aminmax(flat)
        return cls(mean, std, low, high)


@dataclass(frozen=True)
class Record:
    """One update of one network, or of several that share a loss.

    Attributes:
        loss: what was minimised: the sum of ``terms``.
        terms: every term of the loss by name, weighted as it entered the loss.
        gradient_norms: Euclidean norm of the loss's gradient by all parameters, per network,
            before any clipping.
        input_gradient_norms: per gradient penalty, ‖∇ₓ D(x)‖ over the samples it was taken at.
        scores: the critic's scores, of ``"real"`` and of ``"fake"`` samples where computed.
        applied: False where the loss or a gradient was not finite and the update was refused.
    """

    loss: Scalar
    terms: Mapping[str, Scalar]
    gradient_norms: Mapping[str, Scalar]
    applied: bool
    input_gradient_norms: Mapping[str, Statistics] = field(default_factory=dict)
    scores: Mapping[str, Statistics] = field(default_factory=dict)

    def flat(self) -> FlatRecord:
        """Every number by its dotted name: ``terms.gradient_penalty``, ``scores.real.mean`` …,
        and ``refused``, 1.0 where the update was not applied."""
        numbers: FlatRecord = {"loss": self.loss, "refused": 0.0 if self.applied else 1.0}
        numbers |= {f"terms.{name}": value for name, value in self.terms.items()}
        numbers |= {f"gradient_norms.{name}": value for name, value in self.gradient_norms.items()}
        for group, entries in (
            ("input_gradient_norms", self.input_gradient_norms),
            ("scores", self.scores),
        ):
            for name, statistics in entries.items():
                numbers |= {
                    f"{group}.{name}.{key}": value for key, value in statistics._asdict().items()
                }
        return numbers


def to_floats(record: FlatRecord) -> dict[str, float]:
    """The same numbers off the device, in one transfer."""
    device = next((v.device for v in record.values() if isinstance(v, Tensor)), None)
    stacked = torch.stack(
        [torch.as_tensor(v, dtype=torch.float64, device=device) for v in record.values()]
    )
    return dict(zip(record, stacked.tolist(), strict=True))


def summarise(records: Sequence[FlatRecord]) -> dict[str, float]:
    """Mean of every number over several records of the same kind; ``.min``/``.max`` keep extremes.

    A term that only some records carry (a lazily applied penalty) is averaged over those. Refused
    updates are counted in ``refused`` and kept out of the means, which would be non-finite; where
    every update was refused their numbers stand as they are, as the evidence.
    """
    refused = sum(float(record["refused"]) for record in records)
    columns: dict[str, list[Scalar | float]] = {}
    for record in [r for r in records if not r["refused"]] or records:
        for name, value in record.items():
            columns.setdefault(name, []).append(value)
    del columns["refused"]
    reduced: FlatRecord = {}
    for name, values in columns.items():
        # Double, so that a window saved in a checkpoint and read back gives the same sums.
        stacked = torch.stack([torch.as_tensor(value).double() for value in values])
        if name.endswith(".min"):
            reduced[name] = stacked.min()
        elif name.endswith(".max"):
            reduced[name] = stacked.max()
        else:
            reduced[name] = stacked.mean()
    return to_floats(reduced) | {"refused": refused}


RowKind: TypeAlias = Literal["record", "probe", "event", "finding"]


@dataclass(frozen=True)
class Row:
    """One line of the history.

    Attributes:
        kind: ``record`` (a window of steps), ``probe``, ``event`` (checkpoint, rollback, status …)
            or ``finding``.
        step: steps done when the row was made.
        seconds: of training so far, over all resumes.
        values: numbers by dotted name (``critic.terms.wasserstein``), for events also strings.
        waited: seconds, of those, in which training waited for its data.
    """

    kind: RowKind
    step: int
    seconds: float
    values: Mapping[str, Any]
    waited: float = 0.0


def prefixed(prefix: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in numbers.items()}


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}
