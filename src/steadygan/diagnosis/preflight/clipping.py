"""Checks of weight clipping, found by what it does to weights and not by its class."""

from __future__ import annotations

import torch
from torch import nn

from steadygan.diagnosis import trial
from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.setting import Setting
from steadygan.networks import copy_of

_STEP = 0.05  # of the limit: what one step of the optimiser may move a weight by
_EPSILONS = 3.0  # of the optimiser: with smaller gradients steps are a quarter too short, or more
_SOURCE = "Arjovsky et al. 2017, algorithm 1 and section 4"


def clipping_limit(setting: Setting) -> float | None:
    """The largest weight that the constraints leave of a critic of huge ones; None where they let
    it grow."""
    large = trial.shaken(setting.constrained, "critic")
    with torch.no_grad():
        for parameter in large.parameters():
            parameter.mul_(1e6)
    before = _largest(large)
    for constraint in setting.constraints:
        constraint.project(large)
    after = _largest(large)
    return after if after < 1e-2 * before else None


def _largest(network: nn.Module) -> float:
    """The size of the largest weight; 0 where there is none."""
    return max((float(p.detach().abs().max()) for p in network.parameters()), default=0.0)


_FINE = Seen(True, "weights are not clipped")


def _momentum(setting: Setting) -> Seen:
    limit = clipping_limit(setting)
    if limit is None:
        return _FINE
    found = _most(setting, "momentum", "betas")
    return Seen(
        found == 0,
        f"the critic's optimiser has a momentum of {found:g}, and its weights are clipped at "
        f"{limit:g}",
        setting.advice("use RMSProp without momentum", "'critic_optimiser=RMSProp()'"),
    )


def _most(setting: Setting, *names: str) -> float:
    """The largest of these settings over the groups of the critic's optimiser."""
    if setting.critic_optimiser is None:
        raise NotKnownError("the critic's optimiser is not known: pass critic_optimiser=")
    values = [
        group[name] for group in setting.critic_optimiser.param_groups for name in names
        if name in group
    ]  # fmt: skip
    return max((float(v[0] if isinstance(v, tuple) else v) for v in values), default=0.0)


def _learning_rate(setting: Setting) -> Seen:
    limit = clipping_limit(setting)
    if limit is None:
        return _FINE
    rate = _most(setting, "lr")
    return Seen(
        rate <= _STEP * limit,
        f"a step moves a weight by about {rate:g}, {rate / limit:.1%} of the limit {limit:g}",
        setting.advice("use a learning rate near 5e-5", "critic_optimiser.lr=5e-5"),
    )


def _n_critic(setting: Setting) -> Seen:
    limit = clipping_limit(setting)
    if limit is None:
        return _FINE
    if setting.n_critic is None:
        raise NotKnownError("the critic's updates per step are not known: pass n_critic=")
    return Seen(
        setting.n_critic > 1,
        f"n_critic is {setting.n_critic}, with weights clipped at {limit:g}",
        setting.advice("update the critic five times per step", "n_critic=5"),
    )


def _depth(setting: Setting) -> Seen:
    limit = clipping_limit(setting)
    if limit is None:
        return _FINE
    critic = copy_of(setting.constrained, "critic")
    for constraint in setting.constraints:
        constraint.project(critic)
    generator = copy_of(setting.generator, "generator").train()
    torch.autograd.backward(trial.scores_of(critic, setting.fakes(generator)).mean())
    gradients = [p.grad.flatten() for p in generator.parameters() if p.grad is not None]
    if not gradients:
        raise NotKnownError("no gradient reaches the generator")
    size = float(torch.cat(gradients).square().mean().sqrt())
    groups = [] if setting.generator_optimiser is None else setting.generator_optimiser.param_groups
    epsilon = max((float(group["eps"]) for group in groups if "eps" in group), default=1e-8)
    return Seen(
        size > _EPSILONS * epsilon,
        f"through the clipped critic the generator's gradient is {size:.1e} (root mean square over "
        f"its parameters, {len(setting.usable)} samples); the optimiser's ε is {epsilon:.0e}",
        setting.advice(
            "use fewer layers, a normalisation in the critic, or a gradient penalty in place of "
            "clipping",
            "constraint=none",
            "'penalty=TwoSided()'",
        ),
    )


CHECKS = (
    Check(
        "clipping_momentum",
        Status.WARNING,
        "Is the critic's momentum zero under clipping?",
        "0",
        "momentum keeps pushing weights that the limit stops, and the loss becomes unsteady",
        _SOURCE,
        _momentum,
    ),
    Check(
        "clipping_learning_rate",
        Status.WARNING,
        "Is the learning rate small beside the clipping limit?",
        f"{_STEP:.0%} of the limit",
        "a few steps then carry a weight from one limit to the other",
        _SOURCE,
        _learning_rate,
    ),
    Check(
        "clipping_n_critic",
        Status.WARNING,
        "Does the critic have several updates per step under clipping?",
        "more than 1",
        "a clipped critic learns slowly: after one update it says little of the fakes it is given",
        _SOURCE,
        _n_critic,
    ),
    Check(
        "clipping_depth",
        Status.WARNING,
        "Does a gradient arrive through the clipped critic?",
        f"{_EPSILONS:g} times the optimiser's ε",
        "every clipped layer shrinks the gradient, and what is left no longer decides the step",
        "Gulrajani et al. 2017, section 3 and figure 1b",
        _depth,
    ),
)
