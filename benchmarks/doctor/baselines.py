"""Rules that people have without a doctor, scored beside it on the same histories.

Their numbers were fixed before any of them was tried on a run, from what is advised in public:
Chintala et al., "How to train a GAN?" (2016), tip 10: a discriminator's loss that goes to 0 is a
failure, and so is a gradient norm above 100; Brownlee 2019, "How to identify and diagnose GAN
failure modes": the same zero, under a generator's loss that lies above it; Arjovsky et al. 2017,
section 3: what a Wasserstein critic minimises is minus a distance, hence negative. To their
advantage they need three rows in a row, as the doctor needs three probes, and leave out the first
fifth of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from steadygan.diagnosis import Status
from steadygan.diagnosis.losses import Losses, diagnose_losses
from steadygan.history import History

HUGE = 1_000.0  # of a loss, in the units that scripts print
NOTHING = 0.01  # of a critic's loss
STEEP = 100.0  # of a gradient norm: tip 10
ROWS = 3  # in a row
SETTLING = 0.2  # of a run


@dataclass(frozen=True)
class Printed:
    """What a script prints of a run.

    Attributes:
        critic, generator: losses, row by row.
        gradients: norms of both networks', one after the other in any order.
        refused: whether any update was.
        wasserstein: whether the script says that it trains such a critic.
        finished: whether the run did.
    """

    critic: np.ndarray
    generator: np.ndarray
    gradients: tuple[np.ndarray, ...]
    refused: bool
    wasserstein: bool
    finished: bool

    @classmethod
    def of(cls, history: History, *, wasserstein: bool, finished: bool) -> Printed:
        def column(name: str) -> np.ndarray:
            return np.array(history.column(name)[1], dtype=float)

        networks = ("critic", "generator")
        return cls(
            column("critic.loss"),
            column("generator.loss"),
            gradients=tuple(column(f"{n}.gradient_norms.{n}") for n in networks),
            refused=any((column(f"{network}.refused") > 0).any() for network in networks),
            wasserstein=wasserstein,
            finished=finished,
        )


def lasts(wrong: np.ndarray) -> bool:
    """Whether it is so in ``ROWS`` rows in a row after the first fifth."""
    streak = 0
    for each in wrong[int(SETTLING * len(wrong)) :]:
        streak = streak + 1 if each else 0
        if streak == ROWS:
            return True
    return False


def not_a_number(run: Printed) -> list[str]:
    finite = all(np.isfinite(losses).all() for losses in (run.critic, run.generator))
    return [] if finite and run.finished and not run.refused else ["divergence"]


def thresholds(run: Printed) -> list[str]:
    grown = any(lasts(np.abs(losses) > HUGE) for losses in (run.critic, run.generator))
    steep = any(lasts(norms > STEEP) for norms in run.gradients)
    said = ["exploding_gradients"] if grown or steep else []
    return said + (["critic_too_strong"] if lasts(np.abs(run.critic) < NOTHING) else [])


def signs(run: Printed) -> list[str]:
    if run.wasserstein:
        return ["critic_too_weak"] if lasts(run.critic > 0) else []
    n = min(len(run.critic), len(run.generator))
    return ["critic_too_strong"] if lasts(run.generator[:n] > run.critic[:n]) else []


def losses_alone(run: Printed) -> list[str]:
    said = diagnose_losses(Losses(run.critic, run.generator))
    return [finding.check for finding in said.of(Status.ERROR, Status.WARNING)]


BASELINES: Mapping[str, Callable[[Printed], list[str]]] = {
    "not a number, or stopped": not_a_number,
    f"a loss above {HUGE:g}, a critic's below {NOTHING:g}, a gradient above {STEEP:g}": thresholds,
    "signs and order of the losses": signs,
    "all three": lambda run: [*not_a_number(run), *thresholds(run), *signs(run)],
    "`diagnose --history`: losses alone": losses_alone,
}
