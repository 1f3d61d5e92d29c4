"""Checks of the data: what the generator can produce, and what can be judged with them."""

from __future__ import annotations

import torch
from torch import Tensor

from steadygan.diagnosis import trial
from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.setting import Setting
from steadygan.networks.call import generate

BEYOND = 0.1  # of the width of what can be reached: one value farther out is too many
_SHARE = 0.01  # of the values that may lie outside at all
_ROUNDING = 1e-3  # of that width
_IMBALANCE = 10.0
_PER_CLASS = 20  # samples per class, on average, below which counts say little


def _data_range(setting: Setting) -> Seen:
    values = setting.real.x.double()
    finite = torch.isfinite(values)
    if not bool(finite.all()):
        return Seen(
            False,
            f"{int((~finite).sum())} of {values.numel():,} values of the data are not finite",
            "leave these samples out, or fill the gaps",
        )
    y = setting.conditions(setting.size)
    bounds = trial.reach(
        setting.generator, lambda g: generate(g.train(), setting.draw(setting.size), y)
    )
    return within(values, bounds)


def extent(values: Tensor) -> str:
    """Where the data lie, in words."""
    low, high = (float(end) for end in torch.aminmax(values))
    return f"the data lie in [{low:.4g}, {high:.4g}] ({len(values):,} samples)"


def within(values: Tensor, bounds: trial.Range | None) -> Seen:
    """Whether the data lie in what a generator can produce.

    Args:
        values: finite, ``(n, …)``.
        bounds: of the generator's values, by ``trial.reach``.

    Raises:
        NotKnownError: there are no bounds to be had.
    """
    if bounds is None:
        raise NotKnownError("the scale of the generator's weights changes nothing of its samples")
    told = extent(values)
    if not bounds.is_bounded:
        return Seen(True, f"{told}, and nothing bounds the generator's values")
    low, high = (float(end) for end in torch.aminmax(values))
    ends = [end for end in bounds if abs(end) < torch.inf]
    width = max(ends) - min(ends) if len(ends) == 2 else max(high - low, 1e-30)
    outside = (values < bounds.low - _ROUNDING * width) | (values > bounds.high + _ROUNDING * width)
    share = float(outside.double().mean())
    far = max(bounds.low - low, high - bounds.high) / width
    return Seen(
        share <= _SHARE and far <= BEYOND,
        f"{told}, and whatever its weights, the generator's values in "
        f"[{bounds.low:.4g}, {bounds.high:.4g}]: {share:.1%} of the data's values are out of reach",
        "scale the data to the range of the generator's last layer ([−1, 1] for tanh, [0, 1] for a "
        "sigmoid), or leave that layer linear",
    )


def _validation(setting: Setting) -> Seen:
    if setting.held_out is None:
        raise NotKnownError("it is not known how many samples are held out: pass held_out=")
    return Seen(
        setting.held_out > 0,
        f"{setting.held_out:,} samples are held out",
        setting.advice("hold some samples out of training", "data.validation=0.2"),
    )


def _imbalance(setting: Setting) -> Seen:
    counts = setting.class_counts
    if counts is None:
        raise NotKnownError("it is not known how often each class occurs")
    if len(counts) < 2:
        return Seen(True, "there are no classes")
    if sum(counts) < _PER_CLASS * len(counts):
        raise NotKnownError(f"{sum(counts)} labels say little of {len(counts)} classes")
    most, fewest = max(counts), min(counts)
    ratio = most / fewest if fewest else torch.inf
    return Seen(
        ratio <= _IMBALANCE,
        f"the most frequent class has {most:,} samples and the rarest {fewest:,} "
        f"({sum(counts):,} samples, {len(counts)} classes)",
        "draw rare classes more often, or train on fewer samples of the frequent ones",
    )


def _evaluation(setting: Setting) -> Seen:
    if not setting.held_out:
        raise NotKnownError("no held-out samples are known that could be evaluated on")
    features = setting.real.x[0].numel()
    return Seen(
        setting.held_out >= features,
        f"{setting.held_out:,} samples are held out, and samples have {features:,} numbers",
        setting.advice("hold more samples out, or evaluate fewer features", "data.validation=0.4"),
    )


CHECKS = (
    Check(
        "data_range",
        Status.ERROR,
        "Can the generator produce the values of the data?",
        f"{_SHARE:.0%} of the values, or one beyond {BEYOND:.0%} of the range",
        "what the generator cannot reach, the critic tells from it for ever",
        "Radford et al. 2016, section 4: data scaled to the range of tanh",
        _data_range,
    ),
    Check(
        "validation",
        Status.WARNING,
        "Are samples held out?",
        "at least one",
        "a critic that learns its samples by heart cannot be told from one that does not",
        "Gulrajani et al. 2017, section 5 (figure 5b)",
        _validation,
    ),
    Check(
        "class_imbalance",
        Status.WARNING,
        "Are all classes about as frequent?",
        f"{_IMBALANCE:g} to 1",
        "a class that is hardly shown is learned last, or not at all",
        "Mariani et al. 2018 (BAGAN)",
        _imbalance,
    ),
    Check(
        "evaluation_samples",
        Status.WARNING,
        "Are there as many held-out samples as features?",
        "one per feature",
        "distances and covariances of fewer samples than dimensions are mostly noise",
        "Heusel et al. 2017: at least as many samples as features",
        _evaluation,
    ),
)
