"""One update of the critic, one of the generator: public, and all that the training loop uses.

    record = critic_step(critic, optimiser, objective, real, fake, rng=rng, penalties=[Term(…)])
    record = generator_step(generator, critic, optimiser, objective, latent)

Objectives and penalties return one value per sample; only here are they reduced (to the mean),
weighted and summed. Steps with more networks (translation: two generators, two critics) are made
of the same ``apply_update``: one loss, several networks, several optimisers.

A loss or gradient that is not finite is never applied: the step leaves weights and optimiser state
as they were and returns a record with ``applied=False``. Running statistics that a forward pass
writes (batch normalisation) are not undone: the training loop rolls back to a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.interfaces import Constraint, GradientPenalty, Objective, PerSample, Samples, Scores
from steadygan.networks.call import generate, score
from steadygan.penalties import Term, gradient_norms, leaf
from steadygan.record import Record, Scalar, Statistics


def critic_step(
    critic: nn.Module,
    optimiser: Optimizer,
    objective: Objective,
    real: Samples | Tensor,
    fake: Samples | Tensor,
    *,
    rng: torch.Generator,
    penalties: Sequence[Term] = (),
    constraints: Sequence[Constraint] = (),
    update: int = 0,
    progress: float = 0.0,
    clip_gradient_norm: float | None = None,
    accumulation: int = 1,
    couples_samples: bool | None = None,
) -> Record:
    """One update of the critic.

    Args:
        critic: maps ``(batch, *shape)`` (and ``y``) to scores ``(batch,)`` or ``(batch, 1)``.
        optimiser: of the critic's parameters.
        objective: its ``critic_loss`` is minimised.
        real, fake: batches of the same shape, compared pairwise; fakes are detached here.
        rng: the random state that penalties draw from, on the critic's device.
        penalties: terms added to the loss, those due at ``update``.
        constraints: imposed after the update.
        update: how many critic updates came before; decides which lazy penalties are due.
        progress: of the run, in [0, 1]; read by weight schedules.
        clip_gradient_norm: scale the gradient down to this Euclidean norm where it is longer.
        accumulation: number of equal parts the batch is computed in, one after the other; the
            gradient is the same up to rounding, unless the critic or objective couples samples.
        couples_samples: whether the critic's score of a sample depends on the rest of its batch;
            then real, fake and points are scored apart. None looks for batch normalisation and
            no further: ``networks.couples_samples`` finds by trial what else there may be.

    Raises:
        ValueError: the batches differ in size, or ``accumulation`` does not divide it.
    """
    real, fake = _samples(real), _samples(fake)
    fake = Samples(fake.x.detach(), fake.y)
    if real.x.shape != fake.x.shape:
        raise ValueError(
            f"real has shape {tuple(real.x.shape)} and fake {tuple(fake.x.shape)}: they must agree."
        )
    if couples_samples is None:
        couples_samples = has_batch_norm(critic)
    names = [_name(objective), *(term.name for term in penalties)]
    if len(set(names)) < len(names):
        raise ValueError(f"two terms of the loss have one name, of {names}: name them apart.")
    due = [term for term in penalties if term.is_due(update)]
    points = [
        term.penalty.points(real, fake, rng=rng)
        if isinstance(term.penalty, GradientPenalty)
        else None
        for term in due
    ]
    parts = _Parts(accumulation, len(real))
    optimiser.zero_grad(set_to_none=True)
    for index in range(accumulation):
        part_real, part_fake = parts.take(real, index), parts.take(fake, index)
        real_scores, fake_scores = _score_apart_or_joined(
            critic, [part_real, part_fake], apart=couples_samples
        )
        terms = {_name(objective): objective.critic_loss(real_scores, fake_scores)}
        parts.keep_scores(real_scores, fake_scores)
        at = [None if p is None else leaf(parts.take(p, index)) for p in points]
        gradients = _gradients_at(critic, [p for p in at if p is not None], apart=couples_samples)
        for term, where in zip(due, at, strict=True):
            if where is None:
                cost = term.penalty(critic, part_real, part_fake, rng=rng)
            else:
                assert isinstance(term.penalty, GradientPenalty)
                gradient = next(gradients)
                cost = term.penalty.cost(gradient)
                parts.keep_norms(term.name, gradient_norms(gradient.detach()))
            terms[term.name] = cost * term.factor(progress)
        parts.backward(terms, critic.parameters())
    norms, applied = apply_update(
        {"critic": critic}, [optimiser], parts.loss, clip_gradient_norm=clip_gradient_norm
    )
    if applied:
        for constraint in constraints:
            constraint.project(critic)
    return parts.record(norms, applied)


def generator_step(
    generator: nn.Module,
    critic: nn.Module,
    optimiser: Optimizer,
    objective: Objective,
    latent: Tensor,
    *,
    real: Samples | Tensor | None = None,
    clip_gradient_norm: float | None = None,
    accumulation: int = 1,
) -> Record:
    """One update of the generator; the critic is left without gradients.

    Args:
        generator: maps ``latent`` (and ``real.y``) to fakes ``(batch, *shape)``.
        critic: scores the fakes.
        optimiser: of the generator's parameters.
        objective: its ``generator_loss`` is minimised.
        latent: ``(batch, …)``, whatever the generator takes.
        real: needed where the objective needs real scores, or for its condition ``y``.
        clip_gradient_norm, accumulation: as in ``critic_step``.

    Raises:
        ValueError: the objective needs real scores and ``real`` is None.
    """
    if objective.needs_real_scores and real is None:
        raise ValueError(
            f"{_name(objective)} needs real scores in the generator's step: pass real."
        )
    real = None if real is None else _samples(real)
    parts = _Parts(accumulation, latent.shape[0])
    optimiser.zero_grad(set_to_none=True)
    for index in range(accumulation):
        part_real = None if real is None else parts.take(real, index)
        y = None if part_real is None else part_real.y
        fake_scores = score(critic, generate(generator, parts.take_tensor(latent, index), y), y)
        real_scores = None
        if objective.needs_real_scores:
            assert part_real is not None
            with torch.no_grad():  # a constant to the generator
                real_scores = score(critic, part_real.x, y)
        parts.keep_scores(real_scores, fake_scores)
        loss = objective.generator_loss(real_scores, fake_scores)
        parts.backward({_name(objective): loss}, generator.parameters())
    norms, applied = apply_update(
        {"generator": generator}, [optimiser], parts.loss, clip_gradient_norm=clip_gradient_norm
    )
    return parts.record(norms, applied)


def apply_update(
    networks: Mapping[str, nn.Module],
    optimisers: Iterable[Optimizer],
    loss: Tensor,
    *,
    clip_gradient_norm: float | None = None,
) -> tuple[dict[str, Scalar], bool]:
    """Step the optimisers with the gradients at hand, unless the loss or one of them is not finite.

    Args:
        networks: whose ``.grad`` were just computed, by name.
        optimisers: of their parameters.
        loss: the value that was differentiated, ``()``.
        clip_gradient_norm: largest Euclidean norm per network.

    Returns:
        The gradient norm of each network before clipping, and whether the update was applied.
    """
    norms = {}
    gradients = {
        name: [p.grad for p in network.parameters() if p.grad is not None]
        for name, network in networks.items()
    }
    for name, grads in gradients.items():
        norms[name] = torch.nn.utils.get_total_norm(grads) if grads else torch.zeros_like(loss)
    # The one place that waits for the device: nothing non-finite may reach the weights.
    verdict = torch.stack([loss.detach().to(torch.float64), *(n.double() for n in norms.values())])
    if not bool(torch.isfinite(verdict).all()):
        return norms, False
    if clip_gradient_norm is not None:
        for name, grads in gradients.items():
            scale = (clip_gradient_norm / (norms[name] + 1e-12)).clamp(max=1.0)
            torch._foreach_mul_(grads, scale)
    for optimiser in optimisers:
        optimiser.step()
    return norms, True


def has_batch_norm(network: nn.Module) -> bool:
    """Whether ``network`` holds a batch normalisation that uses the statistics of its batch."""
    kind = torch.nn.modules.batchnorm._BatchNorm
    return any(
        isinstance(m, kind) and (m.training or m.running_mean is None) for m in network.modules()
    )


@dataclass
class _Parts:
    """The parts that a batch is computed in, and the sums that make the record of the whole."""

    count: int
    size: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.size % self.count:
            raise ValueError(
                f"accumulation={self.count} does not divide the batch of {self.size} samples."
            )
        self._terms: dict[str, Scalar] = {}
        self._scores: dict[str, list[Tensor]] = {"real": [], "fake": []}
        self._norms: dict[str, list[Tensor]] = {}

    def take_tensor(self, values: Tensor, index: int) -> Tensor:
        return values if self.count == 1 else values.chunk(self.count)[index]

    def take(self, samples: Samples, index: int) -> Samples:
        y = None if samples.y is None else self.take_tensor(samples.y, index)
        return Samples(self.take_tensor(samples.x, index), y)

    def keep_scores(self, real: Scores | None, fake: Scores) -> None:
        if real is not None:
            self._scores["real"].append(real.detach())
        self._scores["fake"].append(fake.detach())

    def keep_norms(self, name: str, norms: PerSample) -> None:
        self._norms.setdefault(name, []).append(norms)

    def backward(self, terms: Mapping[str, PerSample], parameters: Iterable[nn.Parameter]) -> None:
        """Add this part's share of every term to the loss, and its gradients to ``.grad``."""
        means = {name: values.mean() / self.count for name, values in terms.items()}
        # Only the gradients that the update needs: the other network's are not even computed.
        torch.autograd.backward(
            torch.stack(list(means.values())).sum(),
            inputs=[p for p in parameters if p.requires_grad],
        )
        for name, mean in means.items():
            so_far = self._terms.get(name)
            self._terms[name] = mean.detach() if so_far is None else so_far + mean.detach()

    @property
    def loss(self) -> Scalar:
        return torch.stack(list(self._terms.values())).sum()

    def record(self, gradient_norms: Mapping[str, Scalar], applied: bool) -> Record:
        return Record(
            loss=self.loss,
            terms=self._terms,
            gradient_norms=gradient_norms,
            applied=applied,
            input_gradient_norms={n: Statistics.of(torch.cat(v)) for n, v in self._norms.items()},
            scores={n: Statistics.of(torch.cat(v)) for n, v in self._scores.items() if v},
        )


def _samples(batch: Samples | Tensor) -> Samples:
    return batch if isinstance(batch, Samples) else Samples(batch)


def _name(component: object) -> str:
    return str(getattr(component, "name", type(component).__name__))


def _score_apart_or_joined(
    critic: nn.Module, batches: Sequence[Samples], *, apart: bool
) -> Sequence[Scores]:
    """The scores of several batches, in one pass where that changes nothing."""
    if apart or len(batches) == 1:
        return [score(critic, batch.x, batch.y) for batch in batches]
    conditions = [batch.y for batch in batches if batch.y is not None]
    joined = score(
        critic,
        torch.cat([batch.x for batch in batches]),
        torch.cat(conditions) if conditions else None,
    )
    return torch.split(joined, [len(batch) for batch in batches])


def _gradients_at(critic: nn.Module, points: Sequence[Samples], *, apart: bool) -> Iterator[Tensor]:
    """The input gradients at several sets of points, in order, from one pass and one gradient.

    The points have a pass of their own, apart from real and fake samples: the graph of the second
    derivative spans the whole batch it is taken in, and with all three joined it costs 1.3 to 2
    times as much (docs/decisions/0003-two-passes.md).
    """
    if not points:
        return iter(())
    scores = _score_apart_or_joined(critic, points, apart=apart)
    return iter(
        torch.autograd.grad(
            [values.sum() for values in scores], [p.x for p in points], create_graph=True
        )
    )
