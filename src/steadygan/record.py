"""What one step reports, and the rows that a run emits.

A record holds 0-dimensional tensors on the device of the networks: reading them waits for the
device, so the training loop keeps them and reads a whole window at once (``summarise``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

Scalar: TypeAlias = Tensor  # () detached


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

    @classmethod
    def of_rows(cls, values: Tensor) -> Statistics:
        """Of each row of ``(n, values)``, each ``(n,)``."""
        std, mean = torch.std_mean(values, dim=1, correction=0)
        low, high = torch.aminmax(values, dim=1)
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
        applied: False where the loss or a gradient was not finite and the update was refused. A
            step that does not wait for its device says so by a tensor ``()``.
    """

    loss: Scalar
    terms: Mapping[str, Scalar]
    gradient_norms: Mapping[str, Scalar]
    applied: bool | Tensor
    input_gradient_norms: Mapping[str, Statistics] = field(default_factory=dict)
    scores: Mapping[str, Statistics] = field(default_factory=dict)

    def flat(self) -> FlatRecord:
        """Every number by its dotted name: ``terms.gradient_penalty``, ``scores.real.mean`` …"""
        numbers = {"loss": self.loss}
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
        # Double, so that a window saved in a checkpoint and read back gives the same sums.
        values = torch.stack(list(numbers.values())).double()
        return FlatRecord(tuple(numbers), values, self.applied)


class FlatRecord(NamedTuple):
    """The numbers of one update in one vector: to keep and to sum up costs one operation for all.

    Attributes:
        names: of the numbers.
        values: ``(names,)`` float64, on the device.
        applied: as in ``Record``.
    """

    names: tuple[str, ...]
    values: Tensor
    applied: bool | Tensor

    def flat(self) -> FlatRecord:
        return self

    def to_json(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "values": self.values.tolist(),
            "applied": bool(self.applied),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], device: torch.device) -> FlatRecord:
        values = torch.tensor(content["values"], dtype=torch.float64, device=device)
        return cls(tuple(content["names"]), values, content["applied"])


def which_applied(records: Sequence[FlatRecord]) -> list[bool]:
    """Of each update, whether it was applied; waits once for the device where that is open."""
    flags = [record.applied for record in records]
    unread = [flag for flag in flags if isinstance(flag, Tensor)]
    read = iter(torch.stack(unread).tolist() if unread else [])
    return [next(read) if isinstance(flag, Tensor) else flag for flag in flags]


def summarise(records: Sequence[FlatRecord]) -> dict[str, float]:
    """Mean of every number over several records of the same kind; ``.min``/``.max`` keep extremes.

    A term that only some records carry (a lazily applied penalty) is averaged over those. Refused
    updates are counted in ``refused`` and kept out of the means, which would be non-finite; where
    every update was refused their numbers stand as they are, as the evidence.
    """
    applied = [
        r for r, is_applied in zip(records, which_applied(records), strict=True) if is_applied
    ]
    alike: dict[tuple[str, ...], list[Tensor]] = {}
    for record in applied or records:
        alike.setdefault(record.names, []).append(record.values)
    reduce = {"min": np.min, "max": np.max}
    columns: dict[str, list[np.ndarray]] = {}
    for names, values in alike.items():
        for name, column in zip(names, torch.stack(values, dim=1).cpu().numpy(), strict=True):
            columns.setdefault(name, []).append(column)
    summary = {
        name: float(reduce.get(name.rpartition(".")[2], np.mean)(np.concatenate(column)))
        for name, column in columns.items()
    }
    return summary | {"refused": float(len(records) - len(applied))}


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
