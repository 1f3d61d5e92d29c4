"""Checks of penalties and of what bounds the critic's slope."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import nn

from steadygan.diagnosis import trial
from steadygan.diagnosis.check import Check, NotKnownError, Seen
from steadygan.diagnosis.finding import Status
from steadygan.diagnosis.preflight.clipping import clipping_limit
from steadygan.diagnosis.setting import Setting
from steadygan.errors import NetworkError
from steadygan.interfaces import Penalty, Samples
from steadygan.networks import copy_of
from steadygan.penalties import Term

_GROWTH = 1e3  # of the slope where weights grow by 1e6: less, and something bounds it
_STEEP, _GENTLE = 3.0, 0.5  # slopes on the two sides of a trial's critic
_FAR = 10.0  # of its samples from the kink between them
_NORMS = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 5.0, 10.0)  # slopes that penalties are asked for
_LIGHT, _HEAVY = 1e-2, 1e2  # a penalty's price of one unit of slope, in units of the data
_OFF = 0.3  # of the penalty's slope: what finite differences may find it off by
_BETA1 = 0.5  # the largest that published penalties are used with


def _columns(setting: Setting) -> bool:
    """Whether the critic returns ``(batch, 1)``, as functions of people's own may expect."""
    with torch.no_grad():
        x, y = setting.usable
        critic = copy_of(setting.constrained, "critic")
        returned = critic(x) if y is None else critic(x, y)
    return isinstance(returned, torch.Tensor) and returned.ndim > 1


def _lipschitz(setting: Setting) -> Seen:
    if setting.objective is None:
        raise NotKnownError("it is not known which objective scores go into: pass objective=")
    if not trial.rewards_any_slope(setting.objective):
        return Seen(True, "the objective's loss does not fall without end as scores move apart")
    if setting.terms:
        return Seen(True, f"{' and '.join(term.name for term in setting.terms)} bounds the slope")
    growth = _growth(setting)
    return Seen(
        growth < _GROWTH,
        f"the slope grows {growth:.1e}-fold when every weight grows 1e6-fold, constraints applied: "
        + ("something bounds it" if growth < _GROWTH else "nothing bounds it, and no penalty does"),
        setting.advice(
            "add a gradient penalty of positive weight, clip the weights after every update of the "
            "critic, or normalise them spectrally",
            "'penalty=TwoSided()'",
        ),
    )


def _growth(setting: Setting) -> float:
    """How much steeper the critic is when all its weights are 1e6 times larger."""
    large, (x, y) = trial.shaken(setting.constrained, "critic"), setting.usable

    def slope() -> float:
        return trial.slope(lambda at: trial.scores_of(large, Samples(at, y)), x.float())

    for constraint in setting.constraints:
        constraint.project(large)
    before = slope()
    with torch.no_grad():
        for parameter in large.parameters():
            parameter.mul_(1e6)
    for constraint in setting.constraints:
        constraint.project(large)
    return slope() / max(before, 1e-30)


def _penalty_per_sample(setting: Setting) -> Seen:
    if not setting.terms:
        return Seen(True, "there is no penalty")
    columns = _columns(setting)
    for term in setting.terms:
        seen = _of_two_slopes(term.penalty, setting, columns) or _of_pixels(
            term.penalty, setting, columns
        )
        if seen is not None:
            return Seen(
                False,
                f"{term.name}: {seen}",
                "take the norm of each sample's gradient over all its dimensions, "
                "gradients.flatten(1).norm(2, dim=1), and the mean of the penalties after that",
            )
    names = " and ".join(term.name for term in setting.terms)
    return Seen(True, f"{names} is the mean of every sample's own (critics of known slope)")


def _of_two_slopes(penalty: Penalty, setting: Setting, columns: bool) -> str | None:
    """Half of the samples where the critic is steep, half where it is gentle: the penalty must be
    the mean of both halves' own. Real samples are also the fakes, so that whatever lies between
    them is where they are."""
    n = setting.usable.x.shape[0] // 2 * 2
    like = setting.usable.x[:1].float()
    rng = torch.Generator().manual_seed(0)
    direction = torch.randint(0, 2, like.shape[1:], generator=rng).to(like) * 2 - 1
    direction /= direction.norm()
    y = None if setting.usable.y is None else setting.usable.y[:n]
    critic = trial.Kinked(direction, _STEEP, _GENTLE, columns=columns)
    signs = torch.ones(n, *(1,) * direction.ndim).to(like)
    values = []
    for each in (
        signs,
        -signs,
        signs * torch.tensor([1.0, -1.0]).to(like).repeat(n // 2).view_as(signs),
    ):
        at = Samples(_FAR * each * direction, y)
        values.append(float(trial.cost(penalty, critic, at, at).detach()))
    steep, gentle, mixed = values
    expected = (steep + gentle) / 2
    if abs(mixed - expected) <= 1e-3 * max(abs(steep), abs(gentle), abs(mixed)):
        return None
    return (
        f"on {n} samples, half of slope {_STEEP:g} and half of {_GENTLE:g}, it is {mixed:.3g}, and "
        f"the mean of every sample's own is {expected:.3g}"
    )


def _of_pixels(penalty: Penalty, setting: Setting, columns: bool) -> str | None:
    """Whether the cost of a gradient is the sum of its places' costs, as where the norm is taken
    over the channels of each; the square of a norm is such a sum by rights."""
    real = Samples(setting.usable.x.float(), setting.usable.y)
    if real.x.ndim < 3:
        return None

    def value(*places: int, scale: float = 1.0) -> float:
        weight = torch.zeros_like(real.x[0])
        for place in places:
            weight.flatten(1)[:, place] = scale
        fake = Samples(real.x.roll(1, 0), real.y)
        critic = trial.Linear(weight, columns=columns)
        return float(trial.cost(penalty, critic, real, fake).detach())

    none, first, last, both = value(), value(0), value(-1), value(0, -1)
    twice = value(0, -1, scale=2.0)
    scale = max(abs(none), abs(twice), 1e-30)
    adds_up = abs(both + none - first - last) <= 1e-4 * scale
    is_square = abs(none) <= 1e-6 * scale and abs(twice - 4 * both) <= 1e-3 * scale
    if not adds_up or is_square or abs(both - none) <= 1e-9 * scale:
        return None
    return (
        "the cost of a gradient is the sum of the costs of its pixels, so the norm is taken over "
        "the channels of each pixel and not over the sample"
    )


def _least(term: Term, setting: Setting, columns: bool) -> list[float]:
    """The slopes, of some, at which the penalty costs least."""
    like = Samples(setting.usable.x.float(), setting.usable.y)
    costs = [trial.cost_at_slope(term.penalty, t, like, columns=columns) for t in _NORMS]
    least = min(costs)
    return [t for t, c in zip(_NORMS, costs, strict=True) if c - least <= 1e-6 * max(costs)]


def _excluding(setting: Setting) -> Seen:
    try:
        _ = setting.constrained
    except NetworkError as error:
        return Seen(False, str(error).rstrip("."), "leave one of the constraints out")
    if not setting.terms:
        return Seen(True, "there is no penalty that could exclude another")
    columns = _columns(setting)
    wanted = {term.name: _least(term, setting, columns) for term in setting.terms}
    for (one, first), (other, second) in combinations(wanted.items(), 2):
        if not set(first) & set(second):
            return Seen(
                False,
                f"{one} costs least at a slope of {first[-1]:g} and {other} at {second[-1]:g}",
                "keep one of them, or choose both with one target (R1 and R2 go together)",
            )
    limit = clipping_limit(setting)
    for name, slopes in wanted.items():
        if limit is not None and 0.0 not in slopes:
            return Seen(
                False,
                f"{name} asks for a slope of {slopes[0]:g}, and weights clipped at {limit:g} make "
                "the critic as flat as they can",
                setting.advice("keep one of them", "constraint=none"),
            )
    asked = ", ".join(f"{n} at {s[-1]:g}" for n, s in wanted.items())
    return Seen(True, f"cost least at slopes that go together: {asked}")


def _double_backward(setting: Setting) -> Seen:
    if not setting.terms:
        return Seen(True, "no penalty asks for a second derivative")
    real = Samples(setting.usable.x.float(), setting.usable.y)
    with torch.no_grad():
        generator = copy_of(setting.generator, "generator").train()
        fake = Samples(setting.fakes(generator).x.float(), real.y)
    if fake.x.shape != real.x.shape:
        raise NotKnownError("fakes and real samples differ in shape")
    own, shaken = (
        copy_of(setting.constrained, "critic"),
        trial.shaken(setting.constrained, "critic"),
    )
    for term in setting.terms:
        failed = (
            _second_derivative(term, own, real, fake)
            or _second_derivative(term, shaken, real, fake)
            or _off(term, shaken, real, fake)
        )
        if failed is not None:
            return Seen(
                False,
                f"{term.name}: {failed} ({len(real)} samples)",
                setting.advice(
                    "differentiate with create_graph=True, use layers that can be differentiated "
                    "twice, or take FiniteDifference(penalty) for a smooth critic without a second "
                    "derivative",
                    "'penalty=FiniteDifference(TwoSided())'",
                ),
            )
    names = " and ".join(term.name for term in setting.terms)
    return Seen(True, f"{names} reaches the critic's weights, finite, on {len(real)} samples")


def _second_derivative(term: Term, critic: nn.Module, real: Samples, fake: Samples) -> str | None:
    """What is wrong with the penalty's gradient by the critic's weights, if anything is."""
    trained = [p for p in critic.parameters() if p.requires_grad]
    try:
        value = trial.cost(term.penalty, critic, real, fake)
        critic.zero_grad(set_to_none=True)
        if value.requires_grad:
            # All of the graph: asked for the weights alone, autograd leaves out a layer that says
            # it cannot be differentiated twice, and with it a part of the gradient.
            torch.autograd.backward(value)
    except Exception as error:  # of autograd, or of a function of the user's
        return " ".join(f"{type(error).__name__}: {error}".split())
    reached = [p.grad for p in trained if p.grad is not None]
    if not reached:
        return "no gradient of it reaches the critic's weights"
    if not all(bool(torch.isfinite(each).all()) for each in (value, *reached)):
        return "its gradient by the critic's weights is not finite"
    return None


def _off(term: Term, critic: nn.Module, real: Samples, fake: Samples) -> str | None:
    """Whether the gradient is another than finite differences find."""
    try:
        off = trial.worst_slope_error(term.penalty, critic, real, fake)
    except Exception:  # a critic that fixes its own dtype: what float64 could show stays unseen
        return None
    if off > _OFF:
        return f"its gradient by the critic's weights is off by {off:.0%} from finite differences"
    return None


def _at_zero(setting: Setting) -> Seen:
    if not setting.terms:
        return Seen(True, "there is no penalty")
    real = Samples(setting.usable.x.float(), setting.usable.y)
    columns = _columns(setting)
    for term in setting.terms:
        flat = trial.Linear(torch.zeros_like(real.x[0]), columns=columns)
        value = trial.cost(term.penalty, flat, real, Samples(real.x.roll(1, 0), real.y))
        (slope,) = torch.autograd.grad(value, flat.weight, allow_unused=True)
        if slope is not None and not bool(torch.isfinite(slope).all()):
            return Seen(
                False,
                f"{term.name} has no finite derivative where the critic is flat",
                "add a small number under the root, (squares.sum(1) + 1e-12).sqrt()",
            )
    return Seen(True, "the derivative is finite where the critic is flat")


def _penalty_weight(setting: Setting) -> Seen:
    if not setting.terms:
        return Seen(True, "there is no penalty")
    real = Samples(setting.usable.x.float(), setting.usable.y)
    many = setting.samples(min(len(setting.real), 512)).x.float().flatten(1)
    apart = float(torch.pdist(many).square().mean().sqrt()) if len(many) > 1 else 0.0
    if not apart > 0:
        raise NotKnownError("the real samples are all the same")
    columns = _columns(setting)
    told = []
    for term in setting.terms:
        weight = max(term.factor(t) for t in torch.linspace(0.0, 1.0, 11).tolist()) / term.every
        target = _least(term, setting, columns)[-1]
        at_rest = trial.cost_at_slope(term.penalty, target, real, columns=columns)
        # What a critic gains by one more unit of slope is the distance between samples; where the
        # penalty wants none at all, scores that differ by 1 between samples are what it weighs.
        step, gain = (1.0, apart) if target > 0 else (1.0 / apart, 1.0)
        price = weight * (
            trial.cost_at_slope(term.penalty, target + step, real, columns=columns) - at_rest
        )
        if not price > 0:
            raise NotKnownError(f"{term.name} does not grow with the slope")
        ratio = price / gain
        told.append(f"{term.name}'s is {ratio:.1e}")
        if ratio > _HEAVY or (target > 0 and ratio < _LIGHT):
            what = "heavy" if ratio > _HEAVY else "light"
            return Seen(
                False,
                f"{term.name} of weight {weight:g} is far too {what}: the price of one unit of "
                f"slope is {ratio:.1e} of what it gains over samples {apart:.3g} apart (root mean "
                f"square over {len(many)})",
                setting.advice(
                    f"choose a weight near {weight / ratio:.1g}, or scale the data to unit spread",
                    f"penalty.weight={weight / ratio:.1g}",
                ),
            )
    return Seen(True, f"of what slope gains over samples {apart:.3g} apart, {' and '.join(told)}")


def _betas(setting: Setting) -> Seen:
    if not setting.terms:
        return Seen(True, "there is no penalty")
    optimisers = {"critic": setting.critic_optimiser, "generator": setting.generator_optimiser}
    known = {
        name: [group["betas"] for group in each.param_groups if "betas" in group]
        for name, each in optimisers.items()
        if each is not None
    }
    if not known:
        raise NotKnownError("the optimisers are not known: pass critic_optimiser= and "
                            "generator_optimiser=")  # fmt: skip
    high = {n: float(max(b[0] for b in betas)) for n, betas in known.items() if betas}
    over = {name: beta for name, beta in high.items() if beta > _BETA1}
    told = " and ".join(f"{beta:g} of the {name}" for name, beta in (over or high).items())
    return Seen(
        not over,
        f"β1 is {told}" if told else "the optimisers have no β1",
        setting.advice(
            "use β (0, 0.9), or at most 0.5",
            *(f"{name}_optimiser.beta1=0" for name in over),
        ),
    )


CHECKS = (
    Check(
        "lipschitz",
        Status.ERROR,
        "Does anything bound the critic's slope, where the objective rewards any?",
        f"{_GROWTH:.0e}-fold",
        "the loss then falls without end as the critic grows, and no distance is estimated",
        "Arjovsky et al. 2017, section 3; Gulrajani et al. 2017, section 2",
        _lipschitz,
    ),
    Check(
        "penalty_per_sample",
        Status.ERROR,
        "Is the penalty the mean of every sample's own?",
        "a thousandth",
        "a norm over the whole batch, or over one pixel, holds another slope than the one meant: "
        "64 samples of slope 1 cost 49 instead of 0",
        "Gulrajani et al. 2017, eq. 3 and algorithm 1",
        _penalty_per_sample,
    ),
    Check(
        "excluding_penalties",
        Status.ERROR,
        "Can all penalties and constraints be met at once?",
        "one slope at which each costs least",
        "they pull the critic's slope to different places, and it ends at neither",
        "Gulrajani et al. 2017, section 3; Mescheder et al. 2018, section 4",
        _excluding,
    ),
    Check(
        "double_backward",
        Status.ERROR,
        "Does the penalty's gradient reach the critic's weights, finite?",
        f"finite, within {_OFF:.0%} of finite differences",
        "a penalty whose gradient does not arrive does nothing, one that is not finite ends the "
        "run",
        "Gulrajani et al. 2017, algorithm 1",
        _double_backward,
    ),
    Check(
        "penalty_at_zero",
        Status.WARNING,
        "Is the penalty's derivative finite where the critic is flat?",
        "finite",
        "one sample at which the critic is flat, as under dead units, turns all weights into NaN",
        "",
        _at_zero,
    ),
    Check(
        "penalty_weight",
        Status.WARNING,
        "Does the penalty's weight fit the scale of the data?",
        f"{_LIGHT:g} to {_HEAVY:g} times what slope gains",
        "λ is in the units of the data: 10 is for images, 0.1 for points in the plane",
        "Gulrajani et al. 2017, sections 4 and 5, and the authors' toy code",
        _penalty_weight,
    ),
    Check(
        "betas",
        Status.WARNING,
        "Is Adam's momentum low, under a penalty?",
        f"β1 at most {_BETA1:g}",
        "momentum carries the critic past the slope that the penalty asks for",
        "Gulrajani et al. 2017, algorithm 1: β (0, 0.9)",
        _betas,
    ),
)  # fmt: skip
