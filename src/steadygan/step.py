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

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.errors import NetworkError
from steadygan.interfaces import (
    Constraint,
    GradientPenalty,
    Objective,
    PerSample,
    Samples,
    Scores,
    name_of,
)
from steadygan.networks.call import generate, judge, score
from steadygan.networks.conditioning import MinibatchStandardDeviation
from steadygan.networks.dense_pass import DenseLayers, dense_critic
from steadygan.networks.double_backward import differentiable_gradients
from steadygan.objectives import AuxiliaryClassifier
from steadygan.penalties import Term, gradient_norms, leaf
from steadygan.processes import ALONE, Processes
from steadygan.record import Record, Scalar, Statistics

View: TypeAlias = Callable[[Samples], Samples]  # what the critic sees instead of a batch
ScalarTerm: TypeAlias = Callable[[], Tensor]  # a term on parameters: () with a graph
BatchTerms: TypeAlias = Mapping[str, Callable[[Samples, Samples], Tensor]]  # of real, fake: ()


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
    auxiliary: AuxiliaryClassifier | None = None,
    view: View | None = None,
    parameter_terms: Mapping[str, ScalarTerm] | None = None,
    update: int = 0,
    progress: float = 0.0,
    clip_gradient_norm: float | None = None,
    accumulation: int = 1,
    couples_samples: bool | None = None,
    processes: Processes = ALONE,
    sound: Tensor | None = None,
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
        auxiliary: adds the classification of both batches, whose ``y`` hold labels.
        view: applied to both batches first: noise, augmentation, packing.
        parameter_terms: weighted scalars on the critic's parameters, by name.
        update: how many critic updates came before; decides which lazy penalties are due.
        progress: of the run, in [0, 1]; read by weight schedules.
        clip_gradient_norm: scale the gradient down to this Euclidean norm where it is longer.
        accumulation: number of equal parts the batch is computed in, one after the other; the
            gradient is the same up to rounding, unless the critic or objective couples samples.
        couples_samples: whether the critic's score of a sample depends on the rest of its batch;
            then real, fake and points are scored apart. None looks for batch normalisation
            and minibatch standard deviation and no further: ``networks.couples_samples`` finds by
            trial what else there may be.
        processes: that share the batch.
        sound: see ``apply_update``.

    Raises:
        ValueError: the batches differ in size, or cannot be divided into as many parts.
    """
    real, fake = _samples(real), _samples(fake)
    fake = Samples(fake.x.detach(), fake.y)
    if real.x.shape != fake.x.shape:
        raise ValueError(
            f"real has shape {tuple(real.x.shape)} and fake {tuple(fake.x.shape)}: they must agree."
        )
    if view is not None:
        with torch.no_grad():
            real, fake = view(real), view(fake)
    if couples_samples is None:
        couples_samples = has_batch_statistics(critic)
    scalars = parameter_terms or {}
    names = [name_of(objective), *(term.name for term in penalties), *scalars]
    if auxiliary is not None:
        names.append(auxiliary.name)
    if len(set(names)) < len(names):
        raise ValueError(f"two terms of the loss have one name, of {names}: name them apart.")
    due = [term for term in penalties if term.is_due(update)]
    points = [
        term.penalty.points(real, fake, rng=rng)
        if isinstance(term.penalty, GradientPenalty)
        else None
        for term in due
    ]
    parts = _Parts(accumulation, len(real), processes)
    optimiser.zero_grad(set_to_none=True)
    with processes.passing():
        for index in range(accumulation):
            part_real, part_fake = parts.take(real, index), parts.take(fake, index)
            at = [None if p is None else parts.take(p, index) for p in points]
            judged, gradients, joint = _passes(
                critic,
                [part_real, part_fake],
                [p for p in at if p is not None],
                apart=couples_samples,
            )
            (real_scores, real_logits), (fake_scores, fake_logits) = judged
            terms = {name_of(objective): objective.critic_loss(real_scores, fake_scores)}
            if auxiliary is not None:
                terms[auxiliary.name] = auxiliary.critic_loss(
                    *_classified(real_logits, part_real), *_classified(fake_logits, part_fake)
                )
            parts.keep_scores(real_scores, fake_scores)
            if not joint:  # its graph is freed before that of the points is made
                parts.backward(terms, critic.parameters())
                terms = {}
            for term, where in zip(due, at, strict=True):
                if where is None:
                    cost = term.penalty(critic, part_real, part_fake, rng=rng)
                else:
                    assert isinstance(term.penalty, GradientPenalty)
                    gradient = next(gradients)
                    cost = term.penalty.cost(gradient)
                    parts.keep_norms(term.name, gradient_norms(gradient.detach()))
                terms[term.name] = cost * term.factor(progress)
            terms |= {name: term() for name, term in scalars.items()}
            if terms:
                parts.backward(terms, critic.parameters())
    parts.share(critic.parameters())
    norms, applied = apply_update(
        {"critic": critic},
        [optimiser],
        parts.loss,
        clip_gradient_norm=clip_gradient_norm,
        sound=sound,
    )
    if applied is not False:
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
    auxiliary: AuxiliaryClassifier | None = None,
    view: View | None = None,
    parameter_terms: Mapping[str, ScalarTerm] | None = None,
    batch_terms: BatchTerms | None = None,
    objective_weight: float = 1.0,
    clip_gradient_norm: float | None = None,
    accumulation: int = 1,
    processes: Processes = ALONE,
    sound: Tensor | None = None,
) -> Record:
    """One update of the generator; the critic is left without gradients.

    Args:
        generator: maps ``latent`` (and ``real.y``) to fakes ``(batch, *shape)``.
        critic: scores the fakes.
        optimiser: of the generator's parameters.
        objective: its ``generator_loss`` is minimised.
        latent: ``(batch, …)``, whatever the generator takes.
        real: needed where the objective needs real scores, for batch terms, or for its condition
            ``y``.
        auxiliary: adds the classification of the fakes, by the labels ``real.y``.
        view: applied to fakes, and to real samples where they are scored.
        parameter_terms: weighted scalars on the generator's parameters, by name.
        batch_terms: weighted scalars from real and fake samples, as the critic sees them, by name.
        objective_weight: what the objective's loss is multiplied by; 0 where a batch term replaces
            it.
        clip_gradient_norm, accumulation, processes, sound: as in ``critic_step``.

    Raises:
        ValueError: the objective or a batch term needs real samples and ``real`` is None.
    """
    if (objective.needs_real_scores or batch_terms) and real is None:
        raise ValueError(
            f"{name_of(objective)} or a batch term needs real samples in the generator's step: "
            "pass real."
        )
    real = None if real is None else _samples(real)
    parts = _Parts(accumulation, latent.shape[0], processes)
    optimiser.zero_grad(set_to_none=True)
    with processes.passing():
        for index in range(accumulation):
            part_real = None if real is None else parts.part(real, index)
            y = None if part_real is None else part_real.y
            own_y = None if y is None else processes.own(y)
            own_latent = processes.own(parts.part_tensor(latent, index))
            fake = Samples(generate(generator, own_latent, own_y), own_y)
            if view is not None:  # sees the whole batch, as it draws for the whole batch
                fake = parts.own(view(Samples(processes.whole(fake.x), y)))
            fake_scores, logits = judge(critic, fake.x, fake.y)
            real_scores = None
            if objective.needs_real_scores or batch_terms:
                assert part_real is not None
                with torch.no_grad():  # a constant to the generator
                    part_real = parts.own(part_real if view is None else view(part_real))
                    if objective.needs_real_scores:
                        real_scores = score(critic, part_real.x, part_real.y)
            parts.keep_scores(real_scores, fake_scores)
            loss = objective.generator_loss(real_scores, fake_scores)
            terms = {
                name_of(objective): loss if objective_weight == 1.0 else objective_weight * loss
            }
            if auxiliary is not None:
                terms[auxiliary.name] = auxiliary.generator_loss(*_classified(logits, fake))
            if batch_terms:
                assert part_real is not None
                terms |= {name: term(part_real, fake) for name, term in batch_terms.items()}
            terms |= {name: term() for name, term in (parameter_terms or {}).items()}
            parts.backward(terms, generator.parameters())
    parts.share(generator.parameters())
    norms, applied = apply_update(
        {"generator": generator},
        [optimiser],
        parts.loss,
        clip_gradient_norm=clip_gradient_norm,
        sound=sound,
    )
    return parts.record(norms, applied)


def apply_update(
    networks: Mapping[str, nn.Module],
    optimisers: Iterable[Optimizer],
    loss: Tensor,
    *,
    clip_gradient_norm: float | None = None,
    sound: Tensor | None = None,
) -> tuple[dict[str, Scalar], bool | Tensor]:
    """Step the optimisers with the gradients at hand, unless the loss or one of them is not finite.

    Args:
        networks: whose ``.grad`` were just computed, by name.
        optimisers: of their parameters.
        loss: the value that was differentiated, ``()``.
        clip_gradient_norm: largest Euclidean norm per network.
        sound: ``()`` bool, true at first, for a step that must not wait for its device: it is
            lowered by an update that is not finite, and from then on no update moves the weights.
            The state of the optimisers, whose learning rates must be tensors, goes on: whoever
            reads ``sound`` lowered goes back to an earlier state.

    Returns:
        The gradient norm of each network before clipping, and whether the update was applied: with
        ``sound``, a tensor.
    """
    norms = {}
    gradients = {
        name: [p.grad for p in network.parameters() if p.grad is not None]
        for name, network in networks.items()
    }
    for name, grads in gradients.items():
        norms[name] = torch.nn.utils.get_total_norm(grads) if grads else torch.zeros_like(loss)
    verdict = torch.stack([loss.detach().to(torch.float64), *(n.double() for n in norms.values())])
    finite = torch.isfinite(verdict).all()
    if sound is not None:
        sound.logical_and_(finite)
    elif not bool(finite):  # the one place that waits for the device
        return norms, False
    if clip_gradient_norm is not None:
        for name, grads in gradients.items():
            scale = (clip_gradient_norm / (norms[name] + 1e-12)).clamp(max=1.0)
            torch._foreach_mul_(grads, scale)
    if sound is None:
        for optimiser in optimisers:
            optimiser.step()
        return norms, True
    for gradient in (g for grads in gradients.values() for g in grads):
        gradient.masked_fill_(~sound, 0.0)
    for optimiser in optimisers:
        rates = [group["lr"] for group in optimiser.param_groups]
        for group in optimiser.param_groups:
            group["lr"] = group["lr"] * sound
        optimiser.step()
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate
    return norms, sound.clone()


def has_batch_statistics(network: nn.Module) -> bool:
    """Whether ``network`` holds a layer that uses the statistics of its batch: batch normalisation
    or minibatch standard deviation."""
    kind = torch.nn.modules.batchnorm._BatchNorm
    return any(
        isinstance(m, MinibatchStandardDeviation)
        or (isinstance(m, kind) and (m.training or m.running_mean is None))
        for m in network.modules()
    )


@dataclass
class _Parts:
    """The parts that a batch is computed in, one after the other and each shared out to processes,
    and the sums that make the record of the whole."""

    count: int
    size: int
    processes: Processes

    def __post_init__(self) -> None:
        if self.count < 1 or self.size % (self.count * self.processes.size):
            raise ValueError(
                f"accumulation={self.count} does not divide the batch of {self.size} samples"
                f"{f' of {self.processes.size} processes' if self.processes.size > 1 else ''}."
            )
        self._terms: dict[str, Scalar] = {}
        self._scores: dict[str, list[Tensor]] = {"real": [], "fake": []}
        self._norms: dict[str, list[Tensor]] = {}

    def part_tensor(self, values: Tensor, index: int) -> Tensor:
        return values if self.count == 1 else values.chunk(self.count)[index]

    def part(self, samples: Samples, index: int) -> Samples:
        """One part, of all processes."""
        y = None if samples.y is None else self.part_tensor(samples.y, index)
        return Samples(self.part_tensor(samples.x, index), y)

    def own(self, samples: Samples) -> Samples:
        """What of a part is this process's."""
        y = None if samples.y is None else self.processes.own(samples.y)
        return Samples(self.processes.own(samples.x), y)

    def take(self, samples: Samples, index: int) -> Samples:
        return self.own(self.part(samples, index))

    def keep_scores(self, real: Scores | None, fake: Scores) -> None:
        if real is not None:
            self._scores["real"].append(real.detach())
        self._scores["fake"].append(fake.detach())

    def keep_norms(self, name: str, norms: PerSample) -> None:
        self._norms.setdefault(name, []).append(norms)

    def backward(self, terms: Mapping[str, PerSample], parameters: Iterable[nn.Parameter]) -> None:
        """Add this part's share of every term to the loss, and its gradients to ``.grad``."""
        means = {name: values.mean() / self.count for name, values in terms.items()}
        total = torch.stack(list(means.values())).sum()
        if total.requires_grad:  # a penalty alone may not depend on the weights
            # Only the gradients that the update needs: the other network's are not even computed.
            torch.autograd.backward(total, inputs=[p for p in parameters if p.requires_grad])
        for name, mean in means.items():
            so_far = self._terms.get(name)
            self._terms[name] = mean.detach() if so_far is None else so_far + mean.detach()

    def share(self, parameters: Iterable[nn.Parameter]) -> None:
        """Bring gradients, terms, scores and norms of all processes together, in one exchange."""
        if self.processes.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        kept = [*self._scores.values(), *self._norms.values()]
        samples = [self.processes.spread(torch.cat(values)) for values in kept if values]
        found = self.processes.mean([*gradients, *self._terms.values(), *samples])
        torch._foreach_copy_(gradients, found[: len(gradients)])
        means = iter(found[len(gradients) :])
        self._terms = {name: next(means) for name in self._terms}
        for values in kept:
            if values:
                values[:] = [next(means)]

    @property
    def loss(self) -> Scalar:
        return torch.stack(list(self._terms.values())).sum()

    def record(self, gradient_norms: Mapping[str, Scalar], applied: bool | Tensor) -> Record:
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


def _classified(logits: Tensor | None, samples: Samples) -> tuple[Tensor, Tensor]:
    """Logits and labels, where the critic and the data have them."""
    if logits is None:
        raise NetworkError(
            "the critic returns no logits: an auxiliary classifier needs a Judgement of both, "
            "as architectures with conditioning='auxiliary' return."
        )
    if samples.y is None:
        raise ValueError("an auxiliary classifier needs labelled samples: y is None.")
    return logits, samples.y


def _judge_apart_or_joined(
    critic: nn.Module, batches: Sequence[Samples], *, apart: bool
) -> list[tuple[Scores, Tensor | None]]:
    """The scores (and logits) of several batches, in one pass where that changes nothing."""
    if apart or len(batches) == 1:
        return [judge(critic, batch.x, batch.y) for batch in batches]
    conditions = [batch.y for batch in batches if batch.y is not None]
    scores, logits = judge(
        critic,
        torch.cat([batch.x for batch in batches]),
        torch.cat(conditions) if conditions else None,
    )
    sizes = [len(batch) for batch in batches]
    no_logits: list[Tensor | None] = [None] * len(sizes)
    split = no_logits if logits is None else list(torch.split(logits, sizes))
    return list(zip(torch.split(scores, sizes), split, strict=True))


def _passes(
    critic: nn.Module, batches: Sequence[Samples], points: Sequence[Samples], *, apart: bool
) -> tuple[list[tuple[Scores, Tensor | None]], Iterator[Tensor], bool]:
    """The scores (and logits) of the batches, the input gradients at the points, in order, and
    whether both come from one pass.

    The points have a pass of their own, made when the first gradient is taken, apart from real and
    fake samples: the graph of the second derivative spans the whole batch it is taken in, and with
    all three joined it costs 1.3 to 2 times as much (docs/decisions/0003-two-passes.md). Not so in
    a dense critic, whose gradients are worked out by hand.
    """
    dense = dense_critic(critic, points[0].x) if points and not apart else None
    if dense is not None:
        return *_dense_passes(*dense, batches, points), True
    return (
        _judge_apart_or_joined(critic, batches, apart=apart),
        _gradients(critic, points, apart=apart),
        False,
    )


def _gradients(critic: nn.Module, points: Sequence[Samples], *, apart: bool) -> Iterator[Tensor]:
    """The input gradients at the points, all from one pass, when the first is taken."""
    leaves = [leaf(p) for p in points]

    def total() -> Tensor:
        judged = _judge_apart_or_joined(critic, leaves, apart=apart)
        return torch.stack([scores.sum() for scores, _ in judged]).sum()

    yield from differentiable_gradients(total, [p.x for p in leaves])


def _dense_passes(
    layers: DenseLayers,
    rows: Callable[[Tensor, Tensor | None], Tensor],
    batches: Sequence[Samples],
    points: Sequence[Samples],
) -> tuple[list[tuple[Scores, Tensor | None]], Iterator[Tensor]]:
    scores, gradients = layers.scores_and_gradients(
        torch.cat([rows(batch.x, batch.y) for batch in batches]),
        torch.cat([rows(p.x, p.y) for p in points]),
    )
    apart = torch.split(scores, [len(batch) for batch in batches])
    by_points = torch.split(gradients, [len(p) for p in points])
    return [(each, None) for each in apart], (
        # A label that was joined to the input comes after it.
        found[:, : p.x[0].numel()].reshape(p.x.shape)
        for found, p in zip(by_points, points, strict=True)
    )
