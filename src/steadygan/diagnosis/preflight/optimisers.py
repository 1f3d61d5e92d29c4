"""Checks of what the optimisers hold, and of what surrounds them."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.preflight.networks import COUPLED, coupling_of_critic
from steadygan.diagnosis.setting import Setting

_MAKE = (
    "make each optimiser of its own network's parameters, after the last change of its layers "
    "(weight norm, a move to another device): Adam(critic.parameters())"
)


def _held(optimiser: Optimizer) -> set[int]:
    return {id(p) for group in optimiser.param_groups for p in group["params"]}


def _known(setting: Setting) -> dict[str, tuple[nn.Module, Optimizer]]:
    pairs = {
        "critic": (setting.critic, setting.critic_optimiser),
        "generator": (setting.generator, setting.generator_optimiser),
    }
    known = {name: (net, each) for name, (net, each) in pairs.items() if each is not None}
    if not known:
        raise NotKnownError(
            "the optimisers are not known: pass critic_optimiser= and generator_optimiser="
        )
    return known


def _optimiser_parameters(setting: Setting) -> Seen:
    known = _known(setting)
    networks = (setting.generator, setting.critic)
    everything = {id(p) for network in networks for p in network.parameters()}
    told, fine = [], True
    for name, (network, optimiser) in known.items():
        held = _held(optimiser)
        trained = [n for n, p in network.named_parameters() if p.requires_grad]
        missing = [
            n for n, p in network.named_parameters() if p.requires_grad and id(p) not in held
        ]
        strange = held - everything
        fine = fine and not missing and not strange
        told.append(
            f"the {name}'s optimiser holds {len(trained) - len(missing)} of its {len(trained)} "
            "trainable parameters"
            + (
                f" (not {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''})"
                if missing
                else ""
            )
            + (f" and {len(strange)} of neither network" if strange else "")
        )
    if fine and len(known) < 2:
        raise NotKnownError(f"{told[0]}; the other network's optimiser is not known")
    return Seen(fine, "; ".join(told), _MAKE)


def _shared_optimiser(setting: Setting) -> Seen:
    known = _known(setting)
    own = {
        name: {id(p) for p in network.parameters()}
        for name, network in (("critic", setting.critic), ("generator", setting.generator))
    }
    for name, (_, optimiser) in known.items():
        other = "generator" if name == "critic" else "critic"
        taken = _held(optimiser) & (own[other] - own[name])
        if taken:
            return Seen(
                False,
                f"the {name}'s optimiser also holds {len(taken)} parameters of the {other}",
                _MAKE,
            )
    if len(known) < 2:
        raise NotKnownError("one of the optimisers is not known")
    return Seen(True, "each optimiser holds one network's parameters")


def _ema(setting: Setting) -> Seen:
    if setting.ema is None:
        raise NotKnownError("it is not known whether the generator is averaged: pass ema=")
    return Seen(
        setting.ema,
        f"the generator {'is' if setting.ema else 'is not'} averaged over its steps",
        setting.advice(
            "sample from an exponential moving average of the generator", "'ema=EMA(0.999)'"
        ),
    )


def _mixed(setting: Setting) -> Seen:
    if setting.joined is None:
        raise NotKnownError("it is not known whether real and fake samples share a batch: "
                            "pass joined=")  # fmt: skip
    if not setting.joined:
        return Seen(True, "the critic scores real and fake samples in batches of their own")
    share = coupling_of_critic(setting)
    return Seen(
        share < COUPLED,
        "real and fake samples share a batch, and the rest of the batch moves a score's gradient "
        f"by {share:.0%} of itself ({len(setting.usable)} samples)",
        "score real and fake samples in batches of their own, each with its own statistics",
    )


def _fp16(setting: Setting) -> Seen:
    networks = (setting.generator, setting.critic)
    halves = sum(p.dtype == torch.float16 for network in networks for p in network.parameters())
    if halves or setting.precision in ("float16", "fp16", "half"):
        return Seen(
            False,
            f"{halves} parameters are float16" if halves else "networks compute in float16",
            setting.advice("use bfloat16, or float32", "training.precision=bfloat16"),
        )
    if setting.precision is None:
        raise NotKnownError("parameters are not float16; what networks compute in is not known: "
                            "pass precision=")  # fmt: skip
    return Seen(True, f"networks compute in {setting.precision}")


CHECKS = (
    Check(
        "optimiser_parameters",
        Status.ERROR,
        "Does each optimiser hold its network's parameters, all of them and no others?",
        "none missing, none strange",
        "what no optimiser holds stays as it was initialised, whatever the loss says",
        "",
        _optimiser_parameters,
    ),
    Check(
        "shared_optimiser",
        Status.ERROR,
        "Does each network have an optimiser of its own?",
        "no parameter of the other",
        "a step of the critic then moves the generator too, towards what the critic wants",
        "Goodfellow et al. 2014, algorithm 1",
        _shared_optimiser,
    ),
    Check(
        "ema",
        Status.WARNING,
        "Is the generator averaged?",
        "an average",
        "the last step's generator swings with every batch; its average is better at no cost in "
        "training",
        "Yazıcı et al. 2019",
        _ema,
    ),
    Check(
        "mixed_batch_norm",
        Status.WARNING,
        "Do real and fake samples have batch statistics of their own?",
        f"coupled by {COUPLED:.0%} of the gradient",
        "shared statistics tell the critic which batch it sees, and are others when one of both is "
        "missing",
        "Radford et al. 2016; the authors' code keeps the batches apart",
        _mixed,
    ),
    Check(
        "fp16",
        Status.WARNING,
        "Is anything computed in float16?",
        "no float16",
        "gradients of scores underflow in float16, and their norms overflow when squared",
        "Huang et al. 2024 (R3GAN) trains in bfloat16",
        _fp16,
    ),
)  # fmt: skip
