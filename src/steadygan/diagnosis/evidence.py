"""What a monitor has seen of somebody's own loop, and the checks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.optim import Optimizer

from steadygan.diagnosis import reading, trial
from steadygan.diagnosis.call import Alone, Call, wide
from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.preflight.data import BEYOND, extent, within
from steadygan.diagnosis.preflight.networks import COUPLED
from steadygan.networks import copy_of
from steadygan.objectives import Wasserstein

ENOUGH = 20  # calls before which little is said
_ALIKE = 0.99  # the cosine of two gradients that are one, but for a factor
_STEADY = 0.6  # of a push: its mean over its mean size
_RIGHT = ("two-sided", "one-sided", "zero-centred", "R1", "R2")
_LOSE = 0.15  # of the slope: what a formula may leave unexplained of a penalty
_WIN = 0.2  # and what a wrong one must not, to be named
_FAR = 1e8  # times the data: where scores of a critic that nothing squashes are large
_LARGE = 1e4  # of scores
_AT_LIMIT = 0.01  # of the weights, equal to the largest: clipped


class Look(NamedTuple):
    """A penalty that was handed over, and per formula its root and the slope that is in it."""

    given: float
    formulas: dict[str, tuple[float, float]]


@dataclass
class Evidence:
    """What was seen so far.

    Attributes:
        steps: of each optimiser, by the network that it is for.
        scores, slopes: of ``critic.real``, ``critic.fake`` and ``generator.fake``: the scores, and
            the loss's gradient by each times the number of its head's.
        losses, linear: of the critic: its loss, and the part of it that is linear in scores.
        bends: the second derivatives by the same scores, times their number.
        asked, undetached: how often the critic's loss was asked whether it reaches the generator,
            and did.
        kept: steps of the generator that such gradients went into.
        leftover: steps with gradients from before the last step, by network.
        alike: cosines of the gradient that was stepped with that of the loss handed over, and with
            those of its parts, at each step, by network.
        reach: how a penalty misses the critic's weights, "" where it does not.
        shares: ε of each batch of points between real and fake samples that the critic scored.
        moved: how far weights have gone, relative to where they began, by network.
        pushed: of each step that was looked at, whether any gradient was not zero, by network.
        frozen: of those, how often there was none since no parameter required it, by network.
        batches: fingerprints of each real batch's rows.
        penalties: what was handed over, and what formulas give.
        at_limit: the share of the critic's weights that equal the largest, at each call.
        failure: why the monitor stopped watching.
        halves: what was float16.
        not_finite: calls with a loss that was not.
        call, made: how the critic was called last, and the generator.
        latents: fingerprints of the rows that each call of the generator was given.
        pair: the last real and fake batch.
        heads: which of the tensors that it returns are the scores that were handed over.
        incomparable: why the last penalty could not be compared with formulas, "" where it could.
    """

    generator: nn.Module
    critic: nn.Module
    optimisers: dict[str, Optimizer]
    calls: dict[str, int] = field(default_factory=lambda: {"critic": 0, "generator": 0})
    steps: dict[str, int] = field(default_factory=lambda: {"critic": 0, "generator": 0})
    scores: dict[str, list[Tensor]] = field(default_factory=dict)
    slopes: dict[str, list[Tensor]] = field(default_factory=dict)
    bends: dict[str, list[Tensor | None]] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    linear: list[float] = field(default_factory=list)
    asked: int = 0
    undetached: int = 0
    kept: int = 0
    leftover: dict[str, int] = field(default_factory=lambda: {"critic": 0, "generator": 0})
    alike: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    reach: list[str] = field(default_factory=list)
    shares: list[Tensor] = field(default_factory=list)
    moved: dict[str, float] = field(default_factory=dict)
    pushed: dict[str, list[bool]] = field(default_factory=dict)
    frozen: dict[str, int] = field(default_factory=lambda: {"critic": 0, "generator": 0})
    batches: list[reading.Rows] = field(default_factory=list)
    penalties: list[Look] = field(default_factory=list)
    has_penalty: bool = False
    at_limit: list[float] = field(default_factory=list)
    failure: str = ""
    halves: set[str] = field(default_factory=set)
    not_finite: int = 0
    call: Call | None = None
    made: Call | None = None
    latents: list[reading.Rows] = field(default_factory=list)
    pair: tuple[Tensor, Tensor] | None = None
    heads: tuple[int, ...] = (0,)
    incomparable: str = ""

    @property
    def is_shared(self) -> bool:
        return self.optimisers["critic"] is self.optimisers["generator"]


def _need(evidence: Evidence, *networks: str) -> None:
    if evidence.failure:
        raise NotKnownError(f"the monitor stopped watching: {evidence.failure}")
    for name in networks or ("critic", "generator"):
        if evidence.calls[name] < ENOUGH:
            raise NotKnownError(
                f"the monitor was told of {evidence.calls[name]} updates of the {name}, and says "
                f"little before {ENOUGH}"
            )


def push(evidence: Evidence, name: str) -> float:
    """Which way a loss pushes these scores, in [−1, 1]: 1 always down, −1 always up."""
    slopes = [each.mean() for each in evidence.slopes.get(name, [])]
    if not slopes:
        raise NotKnownError(f"the loss does not depend on the scores of {name} that were given")
    means = torch.stack(slopes)
    return float(means.mean() / means.abs().mean().clamp(min=1e-30))


def is_wasserstein(evidence: Evidence) -> bool:
    """Whether the loss's gradient is the same at every score, real and fake."""
    for name in ("critic.real", "critic.fake"):
        push(evidence, name)  # which says where it is not known
        slopes = torch.cat(evidence.slopes[name])
        if not bool(slopes.std(correction=0) <= 1e-4 * slopes.mean().abs()) or not slopes.any():
            return False
    return True


def bends(evidence: Evidence, name: str) -> bool:
    """Whether the loss was last seen to bend with these scores, as no Wasserstein loss does."""
    last = evidence.bends.get(name, [None])[-1]
    return last is not None and bool(last.any())


def _sign(evidence: Evidence) -> Seen:
    _need(evidence)
    real, fake = push(evidence, "critic.real"), push(evidence, "critic.fake")
    wanted = push(evidence, "generator.fake")
    told = (
        f"over {evidence.calls['critic']} updates the critic's loss moves real scores "
        f"{_way(real)} and fake ones {_way(fake)}, the generator's moves fake ones {_way(wanted)}"
    )
    same = fake * wanted > 0 and min(abs(fake), abs(wanted)) > _STEADY and real * fake < 0
    return Seen(
        not same,
        told,
        "reverse the sign of one: the critic minimises fake.mean() − real.mean(), the generator "
        "−fake.mean()",
    )


def _way(push: float) -> str:
    return "to and fro" if abs(push) <= _STEADY else ("down" if push > 0 else "up")


def _labels(evidence: Evidence, name: str) -> reading.Labels | None:
    seen = zip(
        evidence.scores.get(name, []),
        evidence.slopes.get(name, []),
        evidence.bends.get(name, []),
        strict=True,
    )
    known = [(score, slope, bend) for score, slope, bend in seen if bend is not None]
    if not known:
        return None
    scores, slopes, bends = (torch.cat(each) for each in zip(*known, strict=True))
    return reading.labels(scores, slopes, bends)


def _targets(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    real, fake = _labels(evidence, "critic.real"), _labels(evidence, "critic.fake")
    if real is None or fake is None:
        if is_wasserstein(evidence):
            return Seen(True, "the loss has no labels")
        raise NotKnownError("no labels could be read from the loss's slopes")
    means = float(real.values.mean()), float(fake.values.mean())
    told = f"{real.form} pulls real scores to {means[0]:.2f} and fake ones to {means[1]:.2f}"
    if abs(means[0] - means[1]) < 0.2:
        return Seen(False, f"{told}: alike", _SMOOTH)
    if real.form == "least squares":  # whose labels may be any two numbers
        return Seen(True, told)
    both = torch.cat([real.values, fake.values])
    low, high = float(both.quantile(0.001)), float(both.quantile(0.999))
    if low < -0.02 or high > 1.02:
        return Seen(False, f"{told}, from {low:.2f} to {high:.2f}: beyond 0 and 1", _SMOOTH)
    # Where fakes are 1 and real samples 0, smoothing has the same two sides.
    if means[0] < means[1]:
        means = 1 - means[0], 1 - means[1]
    if means[1] > 0.02:
        sides = "both sides" if means[0] < 0.98 else "fake labels alone"
        return Seen(False, f"{told}: {sides} smoothed", _SMOOTH, Status.WARNING)
    return Seen(True, told + (": one-sided smoothing" if means[0] < 0.98 else ""))


_SMOOTH = "smooth the labels of real samples only: 0.9 for real samples, 0 for fakes"


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def _alone(pairs: list[dict[str, float]]) -> str:
    """The part of a loss that is minimised alone; "" where it is the whole."""
    middle = {
        part: _median([pair[part] for pair in pairs if part in pair])
        for part in ("loss", "penalty", "scores", "real scores", "fake scores")
    }
    missed = 1 - middle.pop("loss")
    part, best = max(middle.items(), key=lambda each: each[1])
    # Where the part is nearly all of the loss only rounding, some 1e-12, limits the difference.
    return part if missed > 1e-9 and 1 - best < min(1e-5, 0.01 * missed) else ""


def _minimised(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    if not evidence.alike:
        raise NotKnownError("no gradient could be compared: call the monitor before backward()")
    told, fine = [], True
    for name, pairs in evidence.alike.items():
        of_loss, alone = _median([pair["loss"] for pair in pairs]), _alone(pairs)
        excused = evidence.leftover[name] > 0 or (name == "generator" and evidence.undetached > 0)
        wrong = (of_loss < _ALIKE or alone != "") and not excused
        fine = fine and not wrong
        only = f", and is that of the {alone} alone" if wrong and alone else ""
        told.append(
            f"the gradient that moves the {name} has a cosine of {of_loss:.3f} with that of the "
            f"loss handed to the monitor{only} (median of {len(pairs)} steps)"
        )
    return Seen(
        fine,
        "; ".join(told),
        "call backward() on the whole loss, penalty included, and log that one",
    )


def _own_steps(evidence: Evidence) -> bool:
    return evidence.steps["critic"] > 1.5 * evidence.calls["critic"]


def _reaches(evidence: Evidence) -> Seen:
    if not evidence.has_penalty:
        return Seen(True, "no penalty was handed over")
    _need(evidence, "critic")
    n = len(evidence.reach)
    if not n:
        raise NotKnownError("no penalty above zero was handed over before backward()")
    if 2 * evidence.reach.count("graph") > n:
        return Seen(
            False,
            f"the penalty has no graph at {evidence.reach.count('graph')} of {n} updates, so it "
            "moves no weight",
            "take its gradient with create_graph=True, and detach nothing of it",
        )
    absent = evidence.reach.count("loss")
    if 2 * absent > n and not _own_steps(evidence):
        return Seen(
            False,
            f"at {absent} of {n} updates the gradient of the loss is that of its scores alone: the "
            "penalty that was handed over has no part in it",
            "minimise loss + weight · penalty, and hand over that sum; no .item() in it",
        )
    return Seen(True, f"the penalty can move the critic ({n} updates)")


def _one_step(evidence: Evidence) -> Seen:
    if not evidence.has_penalty:
        return Seen(True, "no penalty was handed over")
    _need(evidence, "critic")
    apart = (
        2 * evidence.reach.count("loss") > len(evidence.reach)
        or _alone(evidence.alike.get("critic", [])) == "scores"
    )
    told = f"{evidence.steps['critic']} steps of the critic for {evidence.calls['critic']} updates"
    if apart and _own_steps(evidence):
        return Seen(
            False,
            f"{told}, and the loss's steps are without the penalty: it has steps of its own",
            "call backward() on the sum of loss and penalty, and step once",
        )
    return Seen(True, told)


def _points(evidence: Evidence) -> Seen:
    if not evidence.has_penalty:
        return Seen(True, "no penalty was handed over")
    _need(evidence, "critic")
    if not evidence.batches:
        raise NotKnownError("points can be placed only with real= and fake= handed over too")
    n = len(evidence.shares)
    if n < 6:
        return Seen(True, "no points between the samples handed over were scored")
    one = sum(bool((each - each.mean()).abs().max() < 1e-3) for each in evidence.shares)
    every = torch.cat(evidence.shares)
    outside = float(((every < -0.01) | (every > 1.01)).double().mean())
    told = f"ε of {n} batches of points, {len(every)} in all"
    if 2 * one > n:
        return Seen(
            False,
            f"{told}, is one number for the whole batch in {one} of them",
            "draw an ε for each sample: torch.rand(len(real), *[1] * (real.ndim - 1))",
        )
    return Seen(
        outside < 0.05,
        f"{told}, is outside of [0, 1] for {outside:.0%} of them",
        "draw ε from a uniform distribution, torch.rand, not torch.randn",
    )


def _undetached(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    if not evidence.asked:
        raise NotKnownError(
            "the critic's loss could not be asked: call the monitor before backward()"
        )
    told = (
        f"at {evidence.undetached} of {evidence.asked} updates the critic's loss reached the "
        "generator's weights"
    )
    advice = "score fake.detach() in the critic's step"
    if evidence.undetached <= evidence.asked // 10:
        return Seen(True, told)
    pairs = evidence.alike.get("generator", [])
    mixed = bool(pairs) and _median([pair["loss"] for pair in pairs]) < _ALIKE
    if evidence.kept or mixed:
        return Seen(False, f"{told}, and such gradients went into the generator's steps", advice)
    return Seen(
        False, f"{told}: wasted, where they are set to zero in time", advice, Status.WARNING
    )


def _leftover(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    many = {
        name: count
        for name, count in evidence.leftover.items()
        if count > max(2, evidence.steps[name] // 10)
    }
    return Seen(
        not many,
        "; ".join(
            f"{count} of {evidence.steps[name]} steps of the {name} took gradients along from "
            "before the step that came last"
            for name, count in many.items()
        )
        or "every step has gradients of its own",
        "call the optimiser's zero_grad() right before backward(), in both steps",
    )


def _moves(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    told, fine = [], True
    advice = (
        "in the generator's step score fakes that are not detached, call backward() on its loss "
        "and step an optimiser of its own parameters"
    )
    for name in ("critic", "generator"):
        pushed, frozen = evidence.pushed.get(name, []), evidence.frozen[name]
        if 2 * frozen > len(pushed):
            fine = False
            told.append(
                f"at {frozen} of {len(pushed)} steps of the {name} none of its parameters requires "
                "a gradient"
            )
            advice = f"call {name}.requires_grad_(True) before each update of the {name}"
            continue
        if evidence.moved.get(name, 0.0) != 0:  # what is no number has moved too
            told.append(f"the {name} has moved by {evidence.moved[name]:.1e} of its weights")
            continue
        if evidence.steps[name] == 0:
            why = "its optimiser never steps"
        elif pushed and not any(pushed):
            why = f"its gradient is zero or absent at each of {len(pushed)} steps"
        else:
            why = "its optimiser steps and does not move it: does it hold its parameters?"
        fine = False
        told.append(f"the {name} has not moved in {evidence.calls['critic']} updates: {why}")
    return Seen(fine, "; ".join(told), advice)


def _call(evidence: Evidence) -> Call:
    if evidence.call is None:
        raise NotKnownError("the critic was not seen to score anything")
    return evidence.call


def _few(critic: Alone) -> Tensor:
    """Of the samples of the call as many as eight scores are made of."""
    x = wide(critic.call.x)
    with torch.no_grad():
        in_a_pack = max(1, len(x) // len(critic(x)))
    return x[: 8 * in_a_pack]


def _bound(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    if not is_wasserstein(evidence):
        return Seen(True, "the loss does not reward any slope")
    if evidence.has_penalty:
        return Seen(True, "a penalty was handed over")
    sizes = [
        abs(float(torch.cat(evidence.slopes[n]).mean())) for n in ("critic.real", "critic.fake")
    ]
    if max(sizes) > 1.01 * min(sizes):  # of scores that are no difference: errors of autoencoders
        raise NotKnownError(
            "the loss weighs real and fake scores unequally, so it is no difference of means"
        )
    at_limit = _median(evidence.at_limit)
    if at_limit >= _AT_LIMIT:
        return Seen(True, f"{at_limit:.0%} of the critic's weights are at one limit (median)")
    others = [abs(a - b) for a, b in zip(evidence.losses, evidence.linear, strict=True)]
    scale = max(map(abs, evidence.losses), default=0.0)
    if others and max(others) > 1e-3 * scale + 1e-9:
        return Seen(True, "the loss holds another term beside the scores")
    call = _call(evidence)
    x = wide(call.x)
    large = Alone(trial.shaken(evidence.critic, "critic"), call, evidence.heads)
    before = trial.slope(large, x)
    with torch.no_grad():
        for parameter in large.parameters():
            parameter.mul_(1e6)
    growth = trial.slope(large, x) / max(before, 1e-30)
    return Seen(
        growth < 1e3,
        f"the loss is the difference of mean scores and nothing else, {at_limit:.1%} of "
        "the critic's weights are at one limit, and its slope grows with them without end"
        if growth >= 1e3
        else "the slope does not grow with the weights",
        "clip the critic's weights after its step, or add a gradient penalty to its loss",
    )


def _bounded(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    if not is_wasserstein(evidence):
        return Seen(True, "the loss has an end, which bounded scores may reach")
    call = _call(evidence)
    critic = Alone(copy_of(evidence.critic, "critic"), call, evidence.heads)
    x = _few(critic)
    # Weights that are bounded, by clipping or a norm, bound scores of these samples only.
    with torch.no_grad():
        if x.is_floating_point() and not bool((critic(_FAR * x).abs() < _LARGE).all()):
            return Seen(True, f"scores are not bounded ({len(x)} samples, times {_FAR:.0e})")
    if any(is_parametrized(module) for module in evidence.critic.modules()):
        raise NotKnownError("a parametrisation bounds weights, and so the scores of these samples")
    bounds = trial.reach(evidence.critic, lambda critic: Alone(critic, call, evidence.heads)(x))
    if bounds is None:
        raise NotKnownError("the scale of the critic's weights changes nothing of its scores")
    share = trial.share_within(Wasserstein(), bounds)
    if share > 0.8:
        return Seen(True, "scores are not bounded (random weights, by trial)")
    return Seen(
        False,
        f"whatever the weights, scores lie in [{bounds.low:.3g}, {bounds.high:.3g}], and the loss "
        "asks for scores that are ever farther apart",
        "return the score as it is, without sigmoid or tanh at the critic's end",
    )


def _reachable(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    if evidence.pair is None:
        raise NotKnownError("no real batch was handed over with a fake one (real=, fake=)")
    real, fake = (each.double() for each in evidence.pair)
    if not bool(real.isfinite().all() and fake.isfinite().all()):
        raise NotKnownError("not every value of the last batches is finite")
    low, high = (float(end) for end in torch.aminmax(real))
    lowest, highest = (float(end) for end in torch.aminmax(fake))
    near = BEYOND * (highest - lowest)
    if low >= lowest - near and high <= highest + near:
        return Seen(True, f"{extent(real)}, and fakes are as large")
    made = evidence.made
    if made is None:
        raise NotKnownError("the generator was not seen to make anything")

    def samples(generator: nn.Module) -> Tensor:
        returned = made.on(generator)  # of a whole batch, whose size it may have been told
        alike = [t for t in returned if t.ndim and t.numel() == len(t) * fake[0].numel()]
        if not alike and len(returned) > 1:
            raise NotKnownError("none that the generator returns is like the fakes handed over")
        return (alike or returned)[0]

    bounds = trial.reach(evidence.generator, samples)
    if not within(fake, bounds).fine:
        raise NotKnownError("fakes are scaled after the generator made them")
    return within(real, bounds)


def unexplained(looks: Sequence[Look]) -> dict[str, float]:
    """Per formula what is left of the penalty's root when the formula's, times the factor that fits
    best, is taken from it, in units of the slope: the factor is the penalty's weight."""
    left = {}
    given = torch.tensor([max(look.given, 0.0) for look in looks]).double().sqrt()
    for name in looks[0].formulas:
        pairs = torch.tensor([look.formulas[name] for look in looks]).double()
        roots, slopes = pairs.unbind(1)
        factor = (roots @ given) / (given @ given).clamp(min=1e-300)
        rest = (factor * given - roots).square().mean().sqrt()
        # A formula that is zero below a slope explains nothing there: its own size counts.
        unit = roots if name == "one-sided" else slopes
        left[name] = float(rest / unit.square().mean().sqrt()) if bool(unit.any()) else torch.inf
    return left


def _penalty(evidence: Evidence) -> Seen:
    if not evidence.has_penalty:
        return Seen(True, "no penalty was handed over")
    if len(evidence.penalties) < 6:
        why = evidence.incomparable
        raise NotKnownError(
            f"the penalty could not be compared: {why}"
            if why
            else "penalties can be compared only with real= and fake= handed over too"
        )
    left = unexplained(evidence.penalties)
    right = min((rest, name) for name, rest in left.items() if name in _RIGHT)
    wrong = min((rest, name) for name, rest in left.items() if name not in _RIGHT)
    n = len(evidence.penalties)
    if wrong[0] < _WIN and right[0] > max(_LOSE, 3 * wrong[0]):
        return Seen(
            False,
            f"over {n} updates it is {wrong[1]}, within {wrong[0]:.0%} of the slope, and no "
            f"formula per sample, of which the best is off by {right[0]:.0%}",
            "take the norm of each sample's gradient over all its dimensions, "
            "gradients.flatten(1).norm(2, dim=1), and the mean of the penalties after that",
        )
    if right[0] < _LOSE:
        return Seen(
            True, f"it goes with the {right[1]} one (log ratio ± {right[0]:.2f}, {n} times)"
        )
    raise NotKnownError("the penalty is none of those that are known here")


def _coupling(evidence: Evidence) -> Seen:
    if not evidence.has_penalty:
        return Seen(True, "no penalty was handed over")
    call = _call(evidence)
    if not all(bool(p.isfinite().all()) for p in evidence.critic.parameters()):
        raise NotKnownError("the critic's weights are no longer finite")
    critic = Alone(copy_of(evidence.critic, "critic"), call, evidence.heads)
    x = _few(critic)
    share = trial.coupling(critic, x)
    return Seen(
        share < COUPLED,
        f"the gradient of a score is off by {share:.0%} of itself: so large is the part that the "
        f"rest of the batch has in it ({len(x)} samples)",
        "use a normalisation that sees one sample, or none",
    )


def _half(evidence: Evidence) -> Seen:
    _need(evidence, "critic")
    return Seen(
        not evidence.halves,
        f"{' and '.join(sorted(evidence.halves))} in float16"
        if evidence.halves
        else "nothing handed over was float16",
        "use bfloat16, or compute the penalty outside of autocast in float32",
    )


def _repeats(evidence: Evidence) -> Seen:
    n = len(evidence.batches)
    if n < ENOUGH:
        raise NotKnownError(f"{n} real batches were handed over (real=)")
    batches, rows = reading.different(evidence.batches)
    size = max(len(each.prints) for each in evidence.batches)
    few = rows <= size and all(each.is_continuous is not False for each in evidence.batches)
    return Seen(
        batches > max(1, n // 50) and not few,
        f"{batches} different real batches in {n} updates of the critic, {rows} different rows",
        "draw a new batch in every update, from all of the data: make the loader's iterator "
        "outside of the loop, with shuffle=True",
    )


def _latents(evidence: Evidence) -> Seen:
    n = len(evidence.latents)
    if n < ENOUGH // 2:
        raise NotKnownError(
            f"the generator was given {n} batches of what may be latent vectors: labels are none, "
            "and what it draws itself is not seen"
        )
    batches, _ = reading.different(evidence.latents)
    return Seen(
        batches > max(1, n // 50),
        f"{batches} different latent batches in {n} passes of the generator",
        "draw new latent vectors for every pass; keep a fixed batch for pictures alone",
    )


def _finite(evidence: Evidence) -> Seen:
    if not sum(evidence.calls.values()):
        raise NotKnownError("the monitor was told of no update")
    return Seen(
        evidence.not_finite == 0,
        f"{evidence.not_finite} of {sum(evidence.calls.values())} losses were not finite",
        "lower the learning rates; go back to the last good weights",
    )


def _held(optimiser: Optimizer) -> set[int]:
    return {id(p) for group in optimiser.param_groups for p in group["params"]}


def _shared(evidence: Evidence) -> Seen:
    networks = {"critic": evidence.critic, "generator": evidence.generator}
    own = {name: {id(p) for p in network.parameters()} for name, network in networks.items()}
    for name, other in (("critic", "generator"), ("generator", "critic")):
        taken = _held(evidence.optimisers[name]) & (own[other] - own[name])
        if taken:
            return Seen(
                False,
                f"the optimiser that steps the {name} also holds {len(taken)} parameters of the "
                f"{other}",
                f"make one optimiser of {name}.parameters() alone",
            )
    return Seen(True, "each optimiser holds one network's parameters")


def _held_by(evidence: Evidence) -> Seen:
    networks = {"critic": evidence.critic, "generator": evidence.generator}
    for name, network in networks.items():
        held = _held(evidence.optimisers[name])
        missing = [
            n for n, p in network.named_parameters() if p.requires_grad and id(p) not in held
        ]
        if missing:
            return Seen(
                False,
                f"{len(missing)} parameters of the {name} are in no optimiser of its own "
                f"({', '.join(missing[:3])}{' …' if len(missing) > 3 else ''})",
                f"make its optimiser of {name}.parameters(), after the last change of its layers",
            )
    return Seen(True, "each optimiser holds all of its network's parameters")


_E, _W = Status.ERROR, Status.WARNING
CHECKS: tuple[Check[Evidence], ...] = (
    Check(
        "finite",
        _E,
        "Are the losses finite?",
        "all of them",
        "nothing is learned from what is not a number",
        "",
        _finite,
    ),
    Check(
        "shared_optimiser",
        _E,
        "Does each network have an optimiser of its own?",
        "no parameter of the other",
        "a step of the critic then moves the generator too, towards what the critic wants",
        "Goodfellow et al. 2014, algorithm 1",
        _shared,
    ),
    Check(
        "optimiser_parameters",
        _E,
        "Does each optimiser hold its network's parameters?",
        "none missing",
        "what no optimiser holds stays as it was initialised",
        "",
        _held_by,
    ),
    Check(
        "network_moves",
        _E,
        "Do both networks move?",
        "any movement",
        "a network that stays where it began makes losses that look like a game and are none",
        "",
        _moves,
    ),
    Check(
        "critic_sign",
        _E,
        "Do the two losses pull fake scores apart?",
        f"pushes of one sign in {_STEADY:.0%} of their size",
        "a critic that wants for fakes what the generator wants is no adversary: its loss falls "
        "and says nothing",
        "Arjovsky et al. 2017, eq. 2",
        _sign,
    ),
    Check(
        "label_smoothing",
        _E,
        "Do real and fake samples have labels that differ?",
        "0.2 apart, in [0, 1], those of fakes at 0",
        "labels that are alike, or beyond 0 and 1, ask for nothing that tells real from fake; "
        "smoothed labels of fakes hold them where they are",
        "Salimans et al. 2016, section 3.4",
        _targets,
    ),
    Check(
        "minimised_loss",
        _E,
        "Is the loss that is logged the one that is minimised?",
        f"a cosine of {_ALIKE}",
        "a curve of another loss than the one minimised shows nothing of the training",
        "",
        _minimised,
    ),
    Check(
        "undetached_fakes",
        _E,
        "Are fakes detached in the critic's step?",
        "a tenth of the steps",
        "the critic's loss then teaches the generator too, the wrong way round",
        "Goodfellow et al. 2014, algorithm 1",
        _undetached,
    ),
    Check(
        "leftover_gradients",
        _E,
        "Does every step have gradients of its own?",
        "a tenth of the steps",
        "gradients of the other network's loss, or of earlier steps, move it as well",
        "",
        _leftover,
    ),
    Check(
        "lipschitz",
        _E,
        "Does anything bound the critic's slope, where the loss rewards any?",
        f"{_AT_LIMIT:.0%} of the weights at one limit",
        "the loss then falls without end as the critic grows, and no distance is estimated",
        "Arjovsky et al. 2017, section 3",
        _bound,
    ),
    Check(
        "bounded_critic",
        _E,
        "Can scores move apart without end, where the loss rewards that?",
        "80 % of the loss's fall",
        "the critic's loss stops where the bound begins, and its gradient with it",
        "Arjovsky et al. 2017, section 3",
        _bounded,
    ),
    Check(
        "data_range",
        _E,
        "Can the generator produce the values of the data?",
        f"1% of the values, or one beyond {BEYOND:.0%} of the range",
        "what the generator cannot reach, the critic tells from it for ever",
        "Radford et al. 2016, section 4: data scaled to the range of tanh",
        _reachable,
    ),
    Check(
        "penalty_per_sample",
        _E,
        "Is the penalty the mean of every sample's own?",
        f"off by {_LOSE:.0%} of the slope, and another formula by less than {_WIN:.0%}",
        "a norm over the whole batch holds another slope than the one meant",
        "Gulrajani et al. 2017, eq. 3 and algorithm 1",
        _penalty,
    ),
    Check(
        "penalty_gradient",
        _E,
        "Does the penalty move the critic?",
        "half of the updates",
        "a penalty that is no part of what is minimised is a number in a log, and bounds nothing",
        "Gulrajani et al. 2017, algorithm 1",
        _reaches,
    ),
    Check(
        "penalty_step",
        _W,
        "Do loss and penalty move the critic together?",
        "1.5 steps per update",
        "two steps, each by moments of both losses, are no step along their sum",
        "Gulrajani et al. 2017, algorithm 1",
        _one_step,
    ),
    Check(
        "penalty_points",
        _W,
        "Is the penalty taken on the whole of the lines, at a point of its own for each sample?",
        "an ε per sample, 95% of them in [0, 1]",
        "one ε for the batch looks at one distance from the data at a time; a normal one leaves "
        "the lines between real and fake samples",
        "Gulrajani et al. 2017, algorithm 1",
        _points,
    ),
    Check(
        "batch_coupling",
        _E,
        "Is a sample's gradient its own, under the penalty?",
        f"{COUPLED:.0%} of the gradient",
        "a penalty per sample then holds the slope of something that is no score of one sample",
        "Gulrajani et al. 2017, section 4",
        _coupling,
    ),
    Check(
        "fp16",
        _W,
        "Is anything computed in float16?",
        "no float16",
        "gradients of scores underflow in float16, and their norms overflow when squared",
        "Huang et al. 2024 (R3GAN) trains in bfloat16",
        _half,
    ),
    Check(
        "repeated_batches",
        _W,
        "Are real batches different from each other?",
        "more than one in fifty",
        "the critic learns these samples by heart, and the generator copies them",
        "",
        _repeats,
    ),
    Check(
        "repeated_latents",
        _W,
        "Are latent batches different from each other?",
        "more than one in fifty",
        "the generator learns these few vectors, and of others it was never asked anything",
        "",
        _latents,
    ),
)  # fmt: skip
