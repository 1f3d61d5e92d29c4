"""What can be said from the losses of both networks alone, as people's own loops write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Diagnosis, Finding, Status
from steadygan.diagnosis.watching import CHECKS

_FEWEST = 20  # rows that anything is said of
_GROWN = 100.0  # times what the loss was early on
_STILL = 1e-6  # of its own size does a loss vary that nothing changes
_SURE = 0.02  # a critic's minimax loss, in nats; 2 ln 2 where it knows nothing


@dataclass(frozen=True)
class Losses:
    """Losses of both networks, in order; not finite where they were not.

    Attributes:
        critic, generator: may differ in length, as where one is updated less often.
        critic_steps, generator_steps: of each value; None where nobody wrote them, and rows are
            counted from 0.
    """

    critic: np.ndarray
    generator: np.ndarray
    critic_steps: np.ndarray | None = None
    generator_steps: np.ndarray | None = None


def _finite(losses: Losses) -> Seen:
    for name, values, steps in (
        ("critic", losses.critic, losses.critic_steps),
        ("generator", losses.generator, losses.generator_steps),
    ):
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            return Seen(
                False,
                f"the {name}'s loss is not finite in {len(bad)} of {len(values)} rows",
                "look at the step before: a lower learning rate, gradient clipping, or data that "
                "are not finite",
                since=int(bad[0] if steps is None else steps[bad[0]]),
            )
    counts = sorted({len(losses.critic), len(losses.generator)})
    if not counts[0]:
        raise NotKnownError("there are no values to look at")
    return Seen(True, f"both losses are finite in all {' and '.join(map(str, counts))} rows")


def _grows(losses: Losses) -> Seen:
    worst, which = 0.0, "critic"
    for name, values in (("critic", losses.critic), ("generator", losses.generator)):
        early, late = _ends(values)
        growth = float(np.median(np.abs(late)) / max(np.median(np.abs(early)), 1e-12))
        if growth > worst:
            worst, which = growth, name
    return Seen(
        worst < _GROWN,
        f"the {which}'s loss is {worst:.3g} times what it was early on",
        "a gradient penalty, or lower learning rates",
    )


def _moves(losses: Losses) -> Seen:
    for name, values in (("critic", losses.critic), ("generator", losses.generator)):
        _, late = _ends(values)
        size = float(np.abs(late).max()) or 1.0
        if float(np.ptp(late)) < _STILL * size:
            return Seen(
                False,
                f"the {name}'s loss has not changed in the last {len(late)} rows",
                f"look whether the {name}'s optimiser steps, and whether its loss reaches it",
            )
    return Seen(True, "both losses change")


def _sure(losses: Losses) -> Seen:
    _, late = _ends(losses.critic)
    early, last = _ends(losses.generator)
    loss, rise = float(np.median(late)), float(np.median(last) - np.median(early))
    return Seen(
        not (0.0 <= loss < _SURE and rise > 1.0),
        f"the critic's loss is {loss:.3g}, and the generator's has risen by {rise:.3g}",
        "instance noise, smoothed labels, or fewer critic updates",
    )


def _ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last fifth of those that are finite."""
    finite = values[np.isfinite(values)]
    if len(finite) < _FEWEST:
        raise NotKnownError(f"{len(finite)} finite rows; {_FEWEST} are needed")
    fifth = len(finite) // 5
    return finite[:fifth], finite[-fifth:]


FROM_LOSSES: tuple[Check[Losses], ...] = (
    Check("divergence", Status.ERROR, "Are both losses finite?", "any that is not",
          "Weights may be lost since then.", "", _finite),
    Check("nothing_learns", Status.ERROR, "Do both losses change?", f"by {_STILL:g} of their size",
          "A loss that stands still reaches nothing.", "", _moves),
    Check("exploding_gradients", Status.WARNING, "Do losses stay within bounds?",
          f"{_GROWN:g} times the early ones", "What grows without end breaks.", "", _grows),
    Check("critic_too_strong", Status.WARNING, "Is the critic unsure of anything?",
          f"a minimax loss below {_SURE} nats while the generator's rises",
          "If this is a minimax loss, the generator learns next to nothing.",
          "Arjovsky & Bottou 2017, theorem 2.4", _sure),
)  # fmt: skip


def diagnose_losses(losses: Losses) -> Diagnosis:
    """What can be said from losses alone, and what cannot: those checks are ``not_run``."""
    said = [check(losses) for check in FROM_LOSSES]
    known = {finding.check for finding in said}
    unsaid = [
        Finding(check.name, Status.NOT_RUN, "losses alone do not tell: it takes samples or weights")
        for check in CHECKS
        if check.name not in known
    ]
    return Diagnosis((*said, *unsaid))
