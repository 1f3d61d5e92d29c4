"""Checks of the networks: what couples, saturates, is cut off or does not fit its batches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from steadygan.diagnosis import trial
from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.setting import Setting
from steadygan.interfaces import Judgement, Samples
from steadygan.networks import copy_of
from steadygan.networks.call import generate

# Of a sample's own gradient. Batch normalisation gave 0.21 to 1.1 on convolutions of 16 to 64
# pixels and dense layers. Minibatch standard deviation, which goes with penalties in published work
# (Karras et al. 2018), gave 0.00 to 0.02 over whole batches, 0.11 over groups of four.
COUPLED = 0.15
_MOST_IN_A_GROUP = 16
_SHOWN = 4  # names in a message


def coupling_of_critic(setting: Setting) -> float:
    """The larger of that with its own weights and with slightly changed ones."""
    seen = setting.usable
    critics = (copy_of(setting.constrained, "critic"), trial.shaken(setting.constrained, "critic"))

    def values(critic: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda x: trial.scores_of(critic, Samples(x, seen.y))

    return max(trial.coupling(values(critic), seen.x.float()) for critic in critics)


def coupling_of_generator(setting: Setting) -> float:
    y = setting.conditions(setting.size)
    generator = trial.shaken(setting.generator, "generator").train()
    latent = setting.draw(setting.size)
    with torch.no_grad():
        weights = torch.randn_like(generate(generator, latent, y)[:1])
    return trial.coupling(lambda z: (generate(generator, z, y) * weights).flatten(1).sum(1), latent)


def _networks(setting: Setting) -> Seen:
    try:
        size = setting.size
    except NotKnownError:
        size = setting.batch_size  # which of the two fails on it, and why, is said below
    seen = setting.seen(size)
    critic = copy_of(setting.constrained, "critic")
    generator = copy_of(setting.generator, "generator").train()
    running, given = "critic", f"data of shape {tuple(seen.x.shape[1:])}, {seen.x.dtype}"
    try:
        with torch.no_grad():
            scores = trial.scores_of(critic, seen)
            running, given = "generator", "latent vectors"
            fake = setting.fakes(generator, size)
    except RuntimeError as error:  # of torch: shapes and types that do not fit
        reason = " ".join(str(error).split())[:200]
        return Seen(
            False,
            f"the {running} fails on {size} {given} ({reason})",
            f"make the {running}'s input fit what it is given",
        )
    if fake.x.shape != seen.x.shape:
        return Seen(
            False,
            f"the generator makes samples of shape {tuple(fake.x.shape[1:])}, the data have "
            f"{tuple(seen.x.shape[1:])}",
            "give the generator the shape of the data",
        )
    finite = bool(torch.isfinite(scores).all()) and bool(torch.isfinite(fake.x).all())
    return Seen(
        finite,
        f"on {size} samples scores and fakes are {'finite' if finite else 'not finite'}",
        "look for a division by zero or a logarithm in the networks, and at their initialisation",
    )


def _batch_coupling(setting: Setting) -> Seen:
    if not setting.terms:
        return Seen(True, "no penalty asks for a gradient per sample")
    share = coupling_of_critic(setting)
    names = " and ".join(term.name for term in setting.terms)
    return Seen(
        share < COUPLED,
        f"the gradient that {names} takes of a score is off by {share:.0%} of itself: so large is "
        f"the part that the rest of the batch has in the score ({len(setting.usable)} samples)",
        setting.advice(
            "use a normalisation that sees one sample, or none", "architecture.critic_norm=layer"
        ),
    )


def _bounded_critic(setting: Setting) -> Seen:
    if setting.objective is None:
        raise NotKnownError("it is not known which objective scores go into: pass objective=")
    seen = setting.usable
    bounds = trial.reach(setting.constrained, lambda c: trial.scores_of(c, seen))
    if bounds is None:
        raise NotKnownError("the scale of the critic's weights changes nothing of its scores")
    if not bounds.is_bounded:
        return Seen(True, "scores are not bounded (random weights, by trial)")
    share = trial.share_within(setting.objective, bounds)
    return Seen(
        share > 0.8,
        f"whatever the weights, scores lie in [{bounds.low:.3g}, {bounds.high:.3g}], and within "
        f"it the objective's loss can fall by {share:.0%} of what it should",
        "return the score as it is, without sigmoid or tanh at the critic's end",
    )


def _gradients(setting: Setting) -> Seen:
    silent = [f"critic.{name}" for name in _silent_in_critic(setting)]
    silent += [f"generator.{name}" for name in _silent_in_generator(setting)]
    return Seen(
        not silent,
        f"{_few(silent)} receive no gradient (a backward pass on {len(setting.usable)} samples)"
        if silent
        else f"every parameter receives one ({len(setting.usable)} samples)",
        "look for detach(), .data, no_grad(), round() or NumPy between these and the score, for "
        "layers that forward() does not use, and for requires_grad=False on all of a network",
    )


def _silent_in_critic(setting: Setting) -> list[str]:
    critic, seen = trial.shaken(setting.constrained, "critic"), setting.usable
    returned = critic(seen.x) if seen.y is None else critic(seen.x, seen.y)
    outputs = list(returned) if isinstance(returned, Judgement) else [returned]
    return _silent(critic, outputs)


def _silent_in_generator(setting: Setting) -> list[str]:
    generator = trial.shaken(setting.generator, "generator").train()
    critic = trial.shaken(setting.constrained, "critic")
    return _silent(generator, [trial.scores_of(critic, setting.fakes(generator))])


def _silent(network: nn.Module, outputs: list[Tensor]) -> list[str]:
    """The trainable parameters that a random sum of the outputs has no slope by; weights of layers
    also where it is exactly zero."""
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if not trained:
        return ["(all)"]
    total = torch.stack([(out.float() * torch.randn_like(out.float())).sum() for out in outputs])
    if not total.requires_grad:
        return list(trained)
    found = torch.autograd.grad(total.sum(), list(trained.values()), allow_unused=True)
    return [
        name
        for (name, parameter), gradient in zip(trained.items(), found, strict=True)
        if gradient is None or (parameter.ndim > 1 and not bool((gradient != 0).any()))
    ]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _parts(setting: Setting) -> list[int]:
    """The sizes of what passes through the networks at once."""
    if not setting.batch_sizes:
        raise NotKnownError("the size of batches is not known: pass batch_size= or a loader")
    return sorted({max(1, size // setting.parts) for size in setting.batch_sizes})


def _batch_of_one(setting: Setting) -> Seen:
    sizes = _parts(setting)
    if sizes[0] // setting.packing > 1:
        return Seen(True, f"the smallest batch has {sizes[0]} samples")
    shares = {
        "critic": coupling_of_critic(setting),
        "generator": coupling_of_generator(setting) if sizes[0] == 1 else 0.0,
    }
    names = [f"the {name}" for name, share in shares.items() if share >= COUPLED]
    return Seen(
        not names,
        f"a batch (or a part of one, or the last) holds one sample, and {' and '.join(names)} "
        "uses the statistics of its batch"
        if names
        else "a batch holds one sample, and neither network looks at the rest of its batch",
        setting.advice(
            "choose larger batches and drop the last incomplete one (drop_last=True)",
            "training.batch_size=64",
            "training.accumulation=1",
        ),
    )


def _group_size(setting: Setting) -> Seen:
    sizes = _parts(setting)
    works = setting.size
    coupled = sizes[0] == 1 and not _batch_of_one(setting).fine
    for size in sizes:
        if size == 1 and coupled:
            continue  # is named by itself
        try:
            setting.run(size)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            fits = _larger_that_runs(setting, size)
            if fits is None:  # no matter of groups: of memory, say
                raise NotKnownError(f"the networks fail on {size} samples ({reason})") from error
            return Seen(
                False,
                f"the networks run on {works} and on {fits} samples and fail on {size}, a size "
                f"that training will show ({reason})",
                setting.advice(
                    "make the group size divide every batch, and drop the last incomplete one "
                    "(drop_last=True)",
                    "training.batch_size=64",
                ),
            )
    return Seen(True, f"the networks run on batches of {', '.join(map(str, sizes))}")


def _larger_that_runs(setting: Setting, size: int) -> int | None:
    for larger in range(size + 1, size + _MOST_IN_A_GROUP + 1):
        try:
            setting.run(larger)
        except Exception:  # whatever a layer raises that gets no whole groups
            continue
        return larger
    return None


def _labels(setting: Setting) -> Seen:
    if setting.labels is None:
        return Seen(True, "the networks take no labels")
    low, high = (float(end) for end in torch.aminmax(setting.labels.float()))
    return Seen(
        setting.labels_fit,
        f"labels run from {low:g} to {high:g} ({len(setting.labels)} of them tried), and the "
        f"networks {'take' if setting.labels_fit else 'fail on'} them",
        "number the classes from 0, and build the networks for as many as there are",
    )


CHECKS = (
    Check(
        "networks",
        Status.ERROR,
        "Do both networks run, and return finite numbers of the data's shape?",
        "every number finite",
        "nothing can be trained otherwise",
        "",
        _networks,
    ),
    Check(
        "labels",
        Status.ERROR,
        "Do the networks take every label of the data?",
        "no label fails",
        "a label beyond the embedding ends the training at the batch it comes up in, on a GPU "
        "without saying why",
        "Mirza & Osindero 2014",
        _labels,
    ),
    Check(
        "batch_coupling",
        Status.ERROR,
        "Is a sample's gradient its own, where a penalty needs that?",
        f"{COUPLED:.0%} of the gradient",
        "a penalty per sample then holds the slope of something that is no score of one sample",
        "Gulrajani et al. 2017, section 4",
        _batch_coupling,
    ),
    Check(
        "bounded_critic",
        Status.ERROR,
        "Can scores take the values that the objective asks for?",
        "80 % of the loss's fall",
        "the critic's loss stops where the bound begins, and its gradient with it",
        "Arjovsky et al. 2017, section 3",
        _bounded_critic,
    ),
    Check(
        "gradients",
        Status.ERROR,
        "Does every parameter receive a gradient?",
        "none missing, no weight's exactly zero",
        "what receives none never learns",
        "",
        _gradients,
    ),
    Check(
        "batch_of_one",
        Status.ERROR,
        "Is there a batch of one sample under batch statistics?",
        f"coupled by {COUPLED:.0%} of the gradient",
        "one sample has no spread: batch normalisation fails on it or turns it into a constant",
        "Ioffe & Szegedy 2015, section 3",
        _batch_of_one,
    ),
    Check(
        "group_size",
        Status.ERROR,
        "Do the networks take every size of batch that training will show?",
        "no size fails",
        "a layer of groups (minibatch standard deviation) needs batches that they divide",
        "Karras et al. 2018, section 3",
        _group_size,
    ),
)
