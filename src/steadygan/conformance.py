"""The checks that every objective, penalty, constraint and stabiliser passes, ours and yours.

    from steadygan.conformance import check_objective
    check_objective(MyObjective())            # AssertionError says what does not hold

Plain functions without a test framework: call them from your own tests. Each runs in float64 on
small batches, on the CPU unless told otherwise.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.interfaces import (
    BatchTerm,
    Constraint,
    CriticAverage,
    GradientPenalty,
    InputStabiliser,
    LatentStabiliser,
    Objective,
    ParameterTerm,
    Penalty,
    Samples,
    Stabiliser,
)

_BATCH = 6
_SHAPES = ((5,), (2, 8, 8))


def check_objective(objective: Objective, device: str = "cpu") -> None:
    """Shapes ``(batch,)``, dtype and device kept, inputs unchanged, gradients against finite
    differences, the same values at every call.

    Raises:
        AssertionError: with what does not hold.
    """
    rng = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        real = torch.randn(_BATCH, generator=rng, dtype=dtype).to(device)
        fake = torch.randn(_BATCH, generator=rng, dtype=dtype).to(device)
        before = real.clone(), fake.clone()
        given = real if objective.needs_real_scores else None
        for name, loss in (
            ("critic_loss", objective.critic_loss(real, fake)),
            ("generator_loss", objective.generator_loss(given, fake)),
        ):
            _check_per_sample(f"{name} of {objective}", loss, real)
        assert torch.equal(real, before[0]), f"{objective} changed the real scores in place"
        assert torch.equal(fake, before[1]), f"{objective} changed the fake scores in place"
        again = objective.critic_loss(real, fake)
        assert torch.equal(again, objective.critic_loss(real, fake)), (
            f"{objective} is not determined"
        )
    real = real.requires_grad_()
    fake = fake.requires_grad_()
    assert torch.autograd.gradcheck(objective.critic_loss, (real, fake)), "critic_loss"
    if objective.needs_real_scores:
        assert torch.autograd.gradcheck(objective.generator_loss, (real.detach(), fake))
    else:
        assert torch.autograd.gradcheck(lambda f: objective.generator_loss(None, f), (fake,))
    moved = torch.autograd.grad(objective.generator_loss(given, fake).sum(), fake)[0]
    assert bool((moved != 0).any()), f"the generator's loss of {objective} gives it no gradient"


def check_penalty(penalty: Penalty, device: str = "cpu") -> None:
    """Values per sample and not negative, seeded, inputs unchanged, and a gradient by the critic's
    weights that agrees with finite differences; for a gradient penalty also its two halves.

    Raises:
        AssertionError: with what does not hold.
    """
    for critic, real, fake in _critics(device):
        before = copy.deepcopy(critic.state_dict()), real.x.clone(), fake.x.clone()

        def value(critic: nn.Module = critic, real: Samples = real, fake: Samples = fake) -> Tensor:
            return penalty(critic, real, fake, rng=torch.Generator(device).manual_seed(1))

        cost = value()
        _check_per_sample(str(penalty), cost, real.x)
        assert bool((cost >= 0).all()), f"{penalty} is negative for some sample"
        assert torch.equal(cost, value()), f"{penalty} differs between calls with the same seed"
        assert not real.x.requires_grad, f"{penalty} marked the real samples as requiring grad"
        assert torch.equal(real.x, before[1]), f"{penalty} changed the real samples in place"
        assert torch.equal(fake.x, before[2]), f"{penalty} changed the fake samples in place"
        for name, kept in before[0].items():
            assert torch.equal(kept, critic.state_dict()[name]), f"{penalty} changed the critic"
        _check_directional(f"gradient of {penalty}", critic, lambda: value().mean())
        _check_alone(penalty, critic, real, fake, device)
        if isinstance(penalty, GradientPenalty):
            rng = torch.Generator(device).manual_seed(1)
            points = penalty.points(real, fake, rng=rng)
            assert points.x.shape == real.x.shape, f"points of {penalty}: {tuple(points.x.shape)}"
            assert not points.x.requires_grad, f"points of {penalty} must be detached"
            at_rest = penalty.cost(torch.zeros_like(real.x).requires_grad_())
            (slope,) = torch.autograd.grad(
                penalty.cost(zero := torch.zeros_like(real.x).requires_grad_()).sum(), zero
            )
            assert bool(torch.isfinite(at_rest).all()), f"{penalty} at a zero gradient"
            assert bool(torch.isfinite(slope).all()), f"{penalty} has no slope at a zero gradient"


def check_constraint(constraint: Constraint) -> None:
    """``project`` changes weights in place only, keeps them parameters, and a second time changes
    nothing more.

    Raises:
        AssertionError: with what does not hold.
    """
    for critic, real, _ in _critics("cpu"):
        constraint.prepare(critic)
        parameters = list(critic.parameters())
        constraint.project(critic)
        once = [p.detach().clone() for p in critic.parameters()]
        assert all(a is b for a, b in zip(parameters, critic.parameters(), strict=True)), (
            f"{constraint} replaced parameters: the optimiser would go on with the old ones"
        )
        constraint.project(critic)
        for first, second in zip(once, critic.parameters(), strict=True):
            assert torch.allclose(first, second), f"{constraint} is not a projection"
        assert critic(real.x).shape[0] == len(real), f"the critic no longer runs under {constraint}"


def check_stabiliser(stabiliser: Stabiliser, device: str = "cpu") -> None:
    """What each kind of stabiliser promises; a class that is none of them fails.

    Raises:
        AssertionError: with what does not hold.
    """
    checks: dict[Any, Callable[[Any, str], None]] = {
        InputStabiliser: _check_view,
        LatentStabiliser: _check_latent,
        ParameterTerm: _check_parameter_term,
        BatchTerm: _check_batch_term,
        CriticAverage: _check_critic_average,
    }
    kinds = [kind for kind in checks if isinstance(stabiliser, kind)]
    assert kinds, f"{stabiliser} has the methods of no kind of stabiliser"
    for kind in kinds:
        checks[kind](stabiliser, device)


def _check_view(stabiliser: InputStabiliser, device: str) -> None:
    """Seeded, nothing in place, differentiable; on vectors, or on images, or on both."""
    fits = 0
    for _, real, _ in _critics(device):

        def view(x: Tensor) -> Tensor:
            rng = torch.Generator(device).manual_seed(1)
            return stabiliser.view(Samples(x), rng=rng, progress=0.25).x

        before = real.x.clone()
        try:
            seen = view(real.x)
        except RecipeError:  # not for samples of this shape
            continue
        fits += 1
        assert torch.equal(real.x, before), f"{stabiliser} changed the samples in place"
        assert seen.dtype == real.x.dtype, f"{stabiliser} turned {real.x.dtype} into {seen.dtype}"
        assert seen.numel() == real.x.numel(), f"{stabiliser} lost or made samples"
        assert torch.equal(seen, view(real.x)), f"{stabiliser} differs between calls with one seed"
        point = real.x.clone().requires_grad_()
        assert torch.autograd.gradcheck(view, (point,), fast_mode=True), f"{stabiliser}'s gradient"
    assert fits, f"{stabiliser} fits neither vectors nor images"


def _check_latent(stabiliser: LatentStabiliser, device: str) -> None:
    z = torch.randn(_BATCH, 3, generator=torch.Generator().manual_seed(0)).to(device)
    before = z.clone()
    first, second = (
        stabiliser.latent(z, rng=torch.Generator(device).manual_seed(1), progress=0.25)
        for _ in range(2)
    )
    assert first.shape == z.shape, f"{stabiliser} made latents of shape {tuple(first.shape)}"
    assert torch.equal(z, before), f"{stabiliser} changed the latents in place"
    assert torch.equal(first, second), f"{stabiliser} differs between calls with the same seed"


def _check_parameter_term(stabiliser: ParameterTerm, device: str) -> None:
    for network, _, _ in _critics(device):
        average = copy.deepcopy(network).requires_grad_(False)
        with torch.no_grad():
            for parameter in average.parameters():
                parameter.mul_(0.5)
        term = stabiliser.parameter_term(network, average)
        assert term.shape == (), f"{stabiliser} is no scalar but of shape {tuple(term.shape)}"
        _check_directional(
            f"gradient of {stabiliser}",
            network,
            partial(stabiliser.parameter_term, network, average),
        )
        kept = copy.deepcopy(network.state_dict())
        stabiliser.average(average, network, 0)
        for name, value in kept.items():
            assert torch.equal(value, network.state_dict()[name]), f"{stabiliser} moved the network"
            close = torch.allclose(value, average.state_dict()[name])
            assert close, f"{stabiliser}: after one update the average is not that network"


def _check_batch_term(stabiliser: BatchTerm, device: str) -> None:
    for critic, real, fake in _critics(device):
        point = fake.x.clone().requires_grad_()

        def term(x: Tensor, critic: nn.Module = critic, real: Samples = real) -> Tensor:
            return stabiliser.batch_term(critic, real, Samples(x))

        value = term(point)
        assert value.shape == (), f"{stabiliser} is no scalar but of shape {tuple(value.shape)}"
        assert torch.autograd.gradcheck(term, (point,), fast_mode=True), f"{stabiliser}'s gradient"


def _check_critic_average(stabiliser: CriticAverage, device: str) -> None:
    for critic, real, _ in _critics(device):
        average = copy.deepcopy(critic).requires_grad_(False)
        with torch.no_grad():
            for parameter in critic.parameters():
                parameter.mul_(2.0)
        critic.requires_grad_(False)
        kept, before = copy.deepcopy(critic.state_dict()), average(real.x)
        stabiliser.average_critic(average, critic, 0)
        for name, value in kept.items():
            assert torch.equal(value, critic.state_dict()[name]), f"{stabiliser} moved the critic"
        ahead, behind = critic(real.x) - before, average(real.x) - before
        assert float((ahead * behind).sum()) > 0, f"{stabiliser} does not follow the critic"


def _check_per_sample(name: str, values: Tensor, like: Tensor) -> None:
    assert tuple(values.shape) == (_BATCH,), f"{name} has shape {tuple(values.shape)}, not (batch,)"
    assert values.dtype == like.dtype, f"{name} turned {like.dtype} into {values.dtype}"
    assert values.device == like.device, f"{name} moved from {like.device} to {values.device}"


def _check_alone(
    penalty: Penalty, critic: nn.Module, real: Samples, fake: Samples, device: str
) -> None:
    """A sample's penalty is its own: other samples in the batch do not change it.

    Of a gradient penalty this is asked of the cost; where its points lie may hang on the batch (the
    spread of the data, in DRAGAN).
    """
    if isinstance(penalty, GradientPenalty):
        gradients = real.x.clone()
        alone = penalty.cost(gradients)[0]
        gradients[1:] += 3.0
        in_company = penalty.cost(gradients)[0]
        assert torch.allclose(alone, in_company, rtol=1e-9, atol=1e-12), (
            f"{penalty} of the first sample depends on the others: is a norm taken over the batch?"
        )
        return
    changed = Samples(real.x.clone(), real.y), Samples(fake.x.clone(), fake.y)
    changed[0].x[1:] += 3.0
    changed[1].x[1:] += 1.0
    first = penalty(critic, real, fake, rng=torch.Generator(device).manual_seed(1))[0]
    second = penalty(critic, *changed, rng=torch.Generator(device).manual_seed(1))[0]
    assert torch.allclose(first, second, rtol=1e-9, atol=1e-12), (
        f"{penalty} of the first sample depends on the others: is a norm taken over the batch?"
    )


def _check_directional(name: str, critic: nn.Module, value: object) -> None:
    assert callable(value)
    parameters = [p for p in critic.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(value(), parameters, allow_unused=True, materialize_grads=True)
    gradient = torch.cat([g.flatten() for g in gradients])
    start = nn.utils.parameters_to_vector(parameters).detach().clone()
    step = 1e-6
    differences, slopes = [], []
    for seed in range(4):
        rng = torch.Generator().manual_seed(seed)
        direction = torch.randn(start.shape, generator=rng, dtype=start.dtype).to(start.device)
        direction /= direction.norm()
        ends = []
        for sign in (1.0, -1.0):
            nn.utils.vector_to_parameters(start + sign * step * direction, parameters)
            ends.append(float(value().detach()))
        differences.append((ends[0] - ends[1]) / (2 * step))
        slopes.append(float(gradient @ direction))
    nn.utils.vector_to_parameters(start, parameters)
    error = (torch.tensor(differences) - torch.tensor(slopes)).norm()
    scale = torch.tensor(differences).norm().clamp(min=1e-8)
    assert error / scale < 1e-5, (
        f"{name} by the critic's weights is off by {float(error / scale):.1e} from finite "
        "differences: is create_graph missing?"
    )


def _critics(device: str) -> Iterator[tuple[nn.Module, Samples, Samples]]:
    """Smooth critics, so that finite differences meet no kink."""
    for shape in _SHAPES:
        rng = torch.Generator().manual_seed(2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            size = int(torch.tensor(shape).prod())
            critic = nn.Sequential(
                nn.Flatten(), nn.Linear(size, 12), nn.SiLU(), nn.Linear(12, 12), nn.Tanh(),
                nn.Linear(12, 1),
            )  # fmt: skip
        real = torch.randn(_BATCH, *shape, generator=rng, dtype=torch.float64).to(device)
        fake = torch.randn(_BATCH, *shape, generator=rng, dtype=torch.float64).to(device)
        yield critic.double().to(device), Samples(real), Samples(fake)
