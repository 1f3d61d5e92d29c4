"""Trials on copies of networks: what can be learned by asking them, and not by their classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from steadygan.interfaces import Judgement, Objective, Penalty, Samples
from steadygan.networks import copy_of, undisturbed

_SCALES = (1e3, 1e5)  # that weights are multiplied by: what saturates does so at the first
_DRAWS = (3, 12)  # of random weights: at least, and while all that is returned is one value


@contextmanager
def trying(*networks: nn.Module) -> Iterator[None]:
    """Gradients on, autocast off, all random states seeded inside and restored after."""
    with undisturbed(nn.ModuleList(networks)), torch.enable_grad():
        torch.manual_seed(0)
        yield


def scores_of(critic: nn.Module, samples: Samples) -> Tensor:
    """One score per sample, ``(batch,)``; the mean where a critic gives several (of patches)."""
    returned = critic(samples.x) if samples.y is None else critic(samples.x, samples.y)
    scores: Tensor = returned.scores if isinstance(returned, Judgement) else returned
    if not isinstance(scores, Tensor):
        raise ValueError(
            f"the critic returned {type(scores).__name__}: what is asked here is a module whose "
            "forward() gives the scores alone"
        )
    if scores.ndim == 0 or scores.shape[0] != samples.x.shape[0]:
        raise ValueError(
            f"the critic returned shape {tuple(scores.shape)} for {samples.x.shape[0]} samples"
        )
    return scores.reshape(samples.x.shape[0], -1).float().mean(1)


def shaken(network: nn.Module, name: str) -> nn.Module:
    """A copy with slightly changed weights: those that start at zero hide what they multiply."""
    copy = copy_of(network, name)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in copy.parameters():
            if p.is_floating_point():
                noise = torch.randn(p.shape, generator=rng).to(p)
                p.add_(noise * (0.1 * p.abs().mean() + 0.01))
    return copy


def coupling(values: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """How far the gradient of a batch's summed values is from each sample's own, in units of it.

    0 where every value depends on its own sample only. The gradient penalties take the gradient of
    the sum for that of each score; this is their relative error (root mean square over samples).

    Args:
        values: ``(batch, …)`` to one value per sample, ``(batch,)``, or per pack of samples: then a
            sample belongs to the pack whose value it moves most, however packs are put together.
        x: ``(batch, …)``.
    """
    at = x.detach().clone().requires_grad_()
    found = values(at)
    of_each = [torch.autograd.grad(value, at, retain_graph=True)[0] for value in found]
    owners = torch.arange(len(at))
    if len(found) != len(at):
        owners = torch.stack([each.flatten(1).norm(dim=1) for each in of_each]).argmax(0)
    own = torch.stack([of_each[owner][i] for i, owner in enumerate(owners.tolist())])
    (total,) = torch.autograd.grad(found.sum(), at)
    return float(((total - own).norm() / own.norm().clamp(min=1e-30)).detach())


class Range(NamedTuple):
    """Infinite where nothing bounds the values on that side."""

    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        return self.low > -torch.inf or self.high < torch.inf


def reach(network: nn.Module, outputs: Callable[[nn.Module], Tensor]) -> Range | None:
    """The range of what a network can return, whatever its weights: found with random ones of ever
    larger scale. None where the scale of the weights changes nothing (spectral norm without bias).

    Args:
        network: is copied.
        outputs: of a network, any shape.
    """
    extremes: list[tuple[float, float]] = []
    for scale in _SCALES:
        found: list[Tensor] = []
        for seed in range(_DRAWS[1]):
            if len(found) >= _DRAWS[0] and _varies(found):
                break
            copy = copy_of(network, "network")
            rng = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for p in copy.parameters():
                    noise = torch.randn(p.shape, generator=rng).to(p)
                    p.copy_(noise * scale * (p.abs().mean() + 0.01))
                returned = outputs(copy).double()
            # What overflows is not bounded.
            found.append(returned.nan_to_num(nan=torch.inf))
        values = torch.cat([each.flatten() for each in found])
        signs = torch.isinf(values) & (values > 0)
        low = float(values[~signs].min()) if bool((~signs).any()) else -torch.inf
        high = float(values.max())
        if bool(signs.any()):  # an overflow's sign says little: both sides are free
            low, high = min(low, -torch.inf if low < 0 else low), torch.inf
        extremes.append((low, high))
    (low, high), (wide_low, wide_high) = extremes
    width = max(abs(low), abs(high), 1e-30)
    if width == max(abs(wide_low), abs(wide_high)) and _ignores_scale(network, outputs):
        return None
    return Range(
        wide_low if abs(wide_low - low) <= 0.01 * width else -torch.inf,
        wide_high if abs(wide_high - high) <= 0.01 * width else torch.inf,
    )


def _varies(found: list[Tensor]) -> bool:
    low, high = torch.aminmax(torch.stack(found))
    return bool(high - low > 1e-3 * torch.maximum(low.abs(), high.abs()))


def _ignores_scale(network: nn.Module, outputs: Callable[[nn.Module], Tensor]) -> bool:
    large = copy_of(network, "network")
    with torch.no_grad():
        for p in large.parameters():
            p.mul_(1e3)
        return torch.allclose(outputs(large), outputs(copy_of(network, "network")), rtol=1e-3)


def slope(scores: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """The root mean square of ‖∇D‖ over the samples; infinite where it is not finite.

    Args:
        scores: ``(batch, …)`` to ``(batch,)``, or fewer, of packs.
        x: ``(batch, …)``.
    """
    x = x.detach().clone().requires_grad_()
    (gradients,) = torch.autograd.grad(scores(x).sum(), x)
    found = float(gradients.flatten(1).double().norm() / len(x) ** 0.5)
    return found if found == found else torch.inf


class Linear(nn.Module):
    """The critic w·x: its gradient is ``weight``, everywhere.

    Args:
        weight: ``(*shape,)``.
        columns: scores of shape ``(batch, 1)``, else ``(batch,)``.
    """

    def __init__(self, weight: Tensor, *, columns: bool = False) -> None:
        super().__init__()
        self.weight, self.columns = nn.Parameter(weight), columns

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        scores = (x * self.weight).flatten(1).sum(1)
        return scores[:, None] if self.columns else scores


class Kinked(nn.Module):
    """A critic along a unit direction: its gradient is ``steep`` times it on one side of the
    origin and ``gentle`` times it on the other, so constant around every sample far from there."""

    def __init__(
        self, direction: Tensor, steep: float, gentle: float, *, columns: bool = False
    ) -> None:
        super().__init__()
        self.direction, self.columns = nn.Parameter(direction), columns
        self.steep, self.gentle = steep, gentle

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        along = (x * self.direction).flatten(1).sum(1)
        scores = self.steep * along.relu() - self.gentle * (-along).relu()
        return scores[:, None] if self.columns else scores


def cost(penalty: Penalty, critic: nn.Module, real: Samples, fake: Samples) -> Tensor:
    """A penalty's value over a batch, its mean ``()``; always the same draws.

    Raises:
        ValueError: it is neither a scalar nor one value per sample.
    """
    torch.manual_seed(1)
    rng = torch.Generator(real.x.device).manual_seed(1)
    value = penalty(critic, real, fake, rng=rng)
    if value.shape not in ((), (len(real),), (len(real), 1)):
        raise ValueError(
            f"{tuple(value.shape)} is neither a scalar nor one value for each of {len(real)}"
        )
    return value.mean()


def worst_slope_error(penalty: Penalty, critic: nn.Module, real: Samples, fake: Samples) -> float:
    """How far the penalty's slope by the critic's weights is from finite differences, in units of
    the larger: the least over two random directions, since one may meet a kink. In float64."""
    real, fake = Samples(real.x.double(), real.y), Samples(fake.x.double(), fake.y)
    errors = []
    for seed in range(2):
        rng = torch.Generator().manual_seed(seed)
        moved = copy_of(critic, "critic").double()
        trained = [p for p in moved.parameters() if p.requires_grad]
        directions = [torch.randn(p.shape, generator=rng).to(p) for p in trained]
        length = torch.stack([d.square().sum() for d in directions]).sum().sqrt()
        network = copy_with(moved, directions, 0.0)
        value = cost(penalty, network, real, fake)
        of = [p for p in network.parameters() if p.requires_grad]
        found = torch.autograd.grad(value, of, allow_unused=True, materialize_grads=True)
        pairs = zip(found, directions, strict=True)
        slope = float(torch.stack([(g * d).sum() for g, d in pairs]).sum() / length)
        step = 1e-9  # small, since the penalty itself jumps where a sample crosses a kink
        ends = []
        for sign in (1.0, -1.0):
            end = copy_with(moved, directions, sign * step / float(length))
            ends.append(float(cost(penalty, end, real, fake).detach()))
        difference = (ends[0] - ends[1]) / (2 * step)
        floor = 1e-4 * abs(ends[0]) + 1e-30  # below it rounding decides
        errors.append(abs(slope - difference) / max(abs(slope), abs(difference), floor))
    return min(errors)


def copy_with(network: nn.Module, directions: list[Tensor], step: float) -> nn.Module:
    """A copy whose trainable parameters are moved by ``step`` along the directions."""
    copy = copy_of(network, "critic")
    with torch.no_grad():
        trained = [p for p in copy.parameters() if p.requires_grad]
        for parameter, direction in zip(trained, directions, strict=True):
            parameter.add_(direction, alpha=step)
    return copy


def cost_at_slope(penalty: Penalty, norm: float, like: Samples, *, columns: bool = False) -> float:
    """What a penalty costs on a critic whose slope is ``norm`` everywhere."""
    weight = torch.ones_like(like.x[0])
    weight *= norm / weight.norm()
    critic = Linear(weight, columns=columns)
    return float(cost(penalty, critic, like, Samples(like.x.roll(1, 0), like.y)).detach())


def loss_at(objective: Objective, real: float, fake: float) -> float:
    """The critic's loss where all real and all fake scores are these."""
    two = torch.ones(2)
    return float(objective.critic_loss(two * real, two * fake).mean())


def rewards_any_slope(objective: Objective) -> bool:
    """Whether the critic's loss falls without end as real and fake scores move apart: then
    something must bound the slope. So of Wasserstein, and of nothing that saturates."""
    return loss_at(objective, 1e4, -1e4) < loss_at(objective, 1e2, -1e2) - 10.0


def share_within(objective: Objective, bounds: Range) -> float:
    """Of what the critic's loss can fall below its value at equal scores, the share that scores
    within ``bounds`` can have."""
    half_bounded = bounds.low == -torch.inf or bounds.high == torch.inf
    if half_bounded and rewards_any_slope(objective):
        return 1.0  # what counts is how far apart scores are, and nothing bounds that
    ends = [max(bounds.low, -1e4), min(bounds.high, 1e4)]
    inside = torch.linspace(ends[0], ends[1], 21).tolist()
    outside = [sign * 10.0**power for sign in (-1, 1) for power in range(-1, 5)] + [0.0]
    equal = loss_at(objective, sum(ends) / 2, sum(ends) / 2)
    best = min(loss_at(objective, r, f) for r in inside for f in inside)
    free = min(best, *(loss_at(objective, r, f) for r in outside for f in outside))
    return 1.0 if equal <= free else (equal - best) / (equal - free)
