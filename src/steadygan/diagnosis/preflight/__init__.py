"""What is checked before the first step, on recipes and on people's own networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.diagnosis.check import Check
from steadygan.diagnosis.finding import Diagnosis
from steadygan.diagnosis.given import (
    require,
    require_able,
    require_networks,
    require_optimisers,
    require_series,
)
from steadygan.diagnosis.preflight import clipping, data, networks, optimisers, penalties
from steadygan.diagnosis.setting import Setting
from steadygan.diagnosis.trial import trying
from steadygan.errors import UsageError, did_you_mean
from steadygan.interfaces import Constraint, Objective, Samples
from steadygan.networks import copy_of
from steadygan.penalties import Term

CHECKS: tuple[Check[Setting], ...] = (
    *networks.CHECKS,
    *penalties.CHECKS,
    *data.CHECKS,
    *optimisers.CHECKS,
    *clipping.CHECKS,
)

_MOST_BATCHES = 100  # of a loader that are read for its labels


def names() -> dict[str, str]:
    """Every check with what it asks."""
    return {check.name: check.question for check in CHECKS}


def check_names(given: Iterable[str]) -> None:
    """Raises UsageError, with the nearest name, where one is no check's."""
    known = list(names())
    for name in given:
        if name not in known:
            raise UsageError(f"there is no check {name!r}.{did_you_mean(name, known)}")


def examine(setting: Setting) -> Diagnosis:
    """Every check of a setting, on copies; networks and random states are left as they were."""
    with trying(setting.generator, setting.critic):
        return Diagnosis(tuple(check(setting) for check in CHECKS))


def preflight_networks(
    generator: nn.Module,
    critic: nn.Module,
    real: Tensor | Samples | Iterable[Any],
    *,
    latent: int | Callable[[int], Tensor],
    critic_optimiser: Optimizer | None = None,
    generator_optimiser: Optimizer | None = None,
    objective: Objective | None = None,
    penalties: Sequence[Term] = (),
    constraints: Sequence[Constraint] = (),
    batch_size: int | None = None,
    n_critic: int | None = None,
    ema: bool | None = None,
    joined: bool | None = None,
    held_out: int | None = None,
    precision: str | None = None,
) -> Diagnosis:
    """Check somebody's own networks, optimisers and data before the first step.

    Every check that needs something that is not given comes out ``not_run`` and says what.

    Args:
        generator: maps latent vectors (and labels) to samples ``(batch, *shape)``.
        critic: maps samples (and labels) to scores, ``(batch,)`` or ``(batch, 1)``.
        real: a batch ``(n, *shape)``, with labels as ``Samples(x, y)``, or a ``DataLoader``. As the
            critic sees them: encoded, on its device.
        latent: the length of the generator's normal latent vector, or a function from ``n`` to
            latent vectors.
        critic_optimiser, generator_optimiser: are read, never stepped.
        objective: a name's class of ``steadygan.objectives``, or your own.
        penalties: ``Term(TwoSided(), 10.0)``, or of your own function of critic, real and fake
            ``Term(PenaltyFunction(function), 10.0)``.
        constraints: ``WeightClipping(0.01)`` says that weights are clipped after every update.
        batch_size: of training; that of the loader where one is given.
        n_critic: critic updates per generator update.
        ema: whether the generator is averaged.
        joined: whether the critic scores real and fake samples in one batch.
        held_out: how many samples are not trained on.
        precision: what networks compute in: ``"float32"``, ``"bfloat16"``, ``"float16"``.

    Raises:
        UsageError: something given is of another kind than is asked for.
    """
    require_networks(generator, critic)
    if critic_optimiser is not None:
        require_optimisers(critic_optimiser=critic_optimiser)
    if generator_optimiser is not None:
        require_optimisers(generator_optimiser=generator_optimiser)
    if objective is not None:
        require_able(objective, "critic_loss", "objective", "pass one, as Wasserstein()")
    require_series(penalties, "factor", "penalties", "pass a list of Term(penalty, weight)")
    require_series(constraints, "project", "constraints", "pass a list, as [WeightClipping(0.01)]")
    require(
        latent, (int, Callable), "latent", "pass a length, or a function from n to latent vectors"
    )
    samples, labels, sizes = _read(real)
    if batch_size is not None:
        sizes = (batch_size,)
    draw = _normal(latent, generator, samples.x) if isinstance(latent, int) else latent
    counts = () if labels is None else _counts(labels)
    if labels is not None and not _takes_labels(critic, samples):
        samples, labels = Samples(samples.x), None
    return examine(
        Setting(
            generator,
            critic,
            samples,
            draw,
            critic_optimiser=critic_optimiser,
            generator_optimiser=generator_optimiser,
            objective=objective,
            penalties=tuple(penalties),
            constraints=tuple(constraints),
            batch_sizes=sizes,
            n_critic=n_critic,
            ema=ema,
            joined=joined,
            held_out=held_out,
            class_counts=counts,
            labels=None if labels is None else distinct(labels),
            precision=precision,
        )
    )


def _normal(length: int, generator: nn.Module, like: Tensor) -> Callable[[int], Tensor]:
    dtype = next((p.dtype for p in generator.parameters()), like.dtype)
    return lambda n: torch.randn(n, length, device=like.device, dtype=dtype)


def _takes_labels(critic: nn.Module, samples: Samples) -> bool:
    """Whether it fails without them: many loaders give labels to networks that take none."""
    with trying(critic), torch.no_grad():
        try:
            copy_of(critic, "critic")(samples.x[:16])
        except Exception:  # whatever a missing argument raises
            return True
    return False


def distinct(labels: Tensor) -> Tensor:
    """Every condition that may come up, once; all ends included where there are very many."""
    if labels.is_floating_point() or labels.ndim != 1:
        return labels[:256]
    found = torch.unique(labels)
    return found if len(found) <= 256 else torch.cat([found[:128], found[-128:]])


def _counts(labels: Tensor) -> tuple[int, ...] | None:
    if labels.is_floating_point() or labels.ndim != 1:
        return None
    return tuple(torch.unique(labels, return_counts=True)[1].tolist())


def _read(real: Tensor | Samples | Iterable[Any]) -> tuple[Samples, Tensor | None, tuple[int, ...]]:
    """Samples to try, all labels, and the sizes of the batches."""
    wanted = "pass a batch of samples (a tensor, or Samples with labels) or a loader"
    if isinstance(real, np.ndarray):
        raise UsageError(f"real is an array: {wanted}: torch.as_tensor(real) is one.")
    require(real, Iterable, "real", wanted)
    if isinstance(real, Tensor):
        real = Samples(real)
    if isinstance(real, Samples):
        if real.x.ndim < 2 or not len(real):
            raise UsageError(
                f"real has shape {tuple(real.x.shape)}: its first dimension is that of samples, "
                "of which one or more are needed, each with one dimension or more."
            )
        return real, real.y, ()
    with torch.random.fork_rng(devices=[]):
        batches = [_batch(each) for each in islice(iter(real), _MOST_BATCHES)]
    if not batches:
        raise UsageError("the loader gives no batch: pass one that does, or a batch of samples.")
    few = batches[:4]
    conditions = [each.y for each in batches if each.y is not None]
    some = [each.y for each in few if each.y is not None]
    samples = Samples(torch.cat([each.x for each in few]), torch.cat(some) if some else None)
    sizes = {len(each) for each in batches}
    dataset, size = getattr(real, "dataset", None), getattr(real, "batch_size", None)
    if isinstance(dataset, Sized) and size and not getattr(real, "drop_last", True):
        sizes |= {len(dataset) % size} - {0}  # of the last, which may not have been read
    return samples, torch.cat(conditions) if conditions else None, tuple(sorted(sizes))


def _batch(given: Any) -> Samples:
    if isinstance(given, Samples):
        return given
    if isinstance(given, Tensor):
        return Samples(given)
    if isinstance(given, (tuple, list)) and given and isinstance(given[0], Tensor):
        second = given[1] if len(given) > 1 and isinstance(given[1], Tensor) else None
        return Samples(given[0], second)
    raise UsageError(
        f"the loader gives batches of {type(given).__name__}: a tensor, or a pair of samples and "
        "labels, is needed."
    )
