"""Metrics that need more than two sets of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from steadygan.evaluation.real_features import shuffled
from steadygan.evaluation.work import Plan, Work
from steadygan.features.prepare import as_stored
from steadygan.interfaces import Samples, Stored
from steadygan.metrics import (
    Measurement,
    Pair,
    Value,
    classification_accuracy,
    copying,
    held_out_estimate,
    measure_modes,
    nearest_neighbours,
)
from steadygan.metrics.bootstrap import interval, mean_interval
from steadygan.networks.call import score
from steadygan.stabilisers import pack
from steadygan.training import evaluating

_TAUGHT = 2_000  # samples that a classifier is trained and tested on at most
_SCORED = 1_000  # samples of each kind that the critic scores at most
_FEWEST = 20  # held-out samples that copies are told from
_SHOWN = 16  # generated samples whose nearest training samples are written down


@dataclass(frozen=True)
class Special:
    """Such a metric.

    Attributes:
        text: what it says, in a few words.
        hindrance: why a plan does not allow it, or nothing.
        measure: computes it.
    """

    text: str
    hindrance: Callable[[Plan], str]
    measure: Callable[[Work], list[Measurement]]


def _memorisation(work: Work) -> list[Measurement]:
    train, held_out = work.parts
    found = copying(train, held_out, work.fake)
    halves = held_out.tensor_split(2)
    reference = copying(train, *halves).c_t if len(halves[1]) > 1 else None
    total = len(work.subject.dataset.train)
    note = (
        f"C_T, a z-score: below −2 copies, above 2 misses; {len(train):,} of {total:,} training "
        f"samples searched, {len(held_out):,} held out; real is one half of those against the other"
    )
    value = Value(found.c_t, len(train), len(work.fake), note=note)
    return [work.measurement("memorisation", value, reference)]


def _no_held_out(plan: Plan) -> str:
    few, there_are = plan.held_out, len(plan.subject.dataset.validation)
    if few >= _FEWEST:
        return ""
    reason = f"it needs {_FEWEST} held-out samples, there are {few}"
    return reason if few == there_are else f"{reason} among the real ones chosen; raise -n"


def _accuracy_score(work: Work) -> list[Measurement]:
    data, labels = work.subject.dataset, work.subject.fake.y
    assert labels is not None
    assert data.train.y is not None
    assert data.validation.y is not None
    n = _taught(work)
    chosen = shuffled(len(data.train), work.seed)[:n]
    tested = shuffled(len(data.validation), work.seed)[:_TAUGHT]
    train, test = (
        work.extractor(as_stored(data.codec.encode(part.take(index).x.cpu())))
        for part, index in ((data.train, chosen), (data.validation, tested))
    )
    answers = data.validation.y[tested]
    right = classification_accuracy(work.fake[:n], labels[:n].cpu(), test, answers).double()
    on_real = classification_accuracy(train, data.train.y[chosen], test, answers).double()
    rng = torch.Generator().manual_seed(work.seed)
    between = mean_interval(right, work.draws, rng) if work.draws else None
    note = f"an SVM trained on {n:,} generated, tested on real; real: trained on as many real"
    over = "held-out samples" if between else ""
    value = Value(float(right.mean()), len(test), n, between, over, note)
    return [work.measurement("accuracy-score", value, float(on_real.mean()))]


def _taught(plan: Plan) -> int:
    """Samples that each of the two classifiers is trained on."""
    return min(_TAUGHT, len(plan.subject.fake.x), len(plan.subject.dataset.train))


def _no_labels(plan: Plan) -> str:
    data, labels = plan.subject.dataset, plan.subject.fake.y
    if labels is None or data.train.y is None or data.validation.y is None:
        return (
            "it needs labels of real and generated samples, of the same classes: a conditional run"
        )
    n = _taught(plan)
    for taught in (labels[:n], data.train.y[shuffled(len(data.train), plan.seed)[:n]]):
        counts = torch.bincount(taught)
        if int((counts > 0).sum()) < 2 or int(counts[counts > 0].min()) < 5:
            return f"it needs at least 5 samples of each class among {n:,} to train on; raise -n"
    return ""


def _critic_estimate(work: Work) -> list[Measurement]:
    subject, data = work.subject, work.subject.dataset
    run = subject.run
    assert run is not None
    critic, packing = run.critic(subject.checkpoint), run.recipe.packing
    conditional = run.recipe.conditional

    def scores(samples: Samples) -> Tensor:
        x, y = samples.x[:_SCORED], None if samples.y is None else samples.y[:_SCORED].cpu()
        if packing is not None:
            x = pack(x[: len(x) // packing.size * packing.size], packing.size)
        with evaluating(critic):
            return score(critic, x, y if conditional else None).double()

    def chosen(part: Stored) -> Samples:
        few = part.take(shuffled(len(part), work.seed)[:_SCORED])
        return Samples(data.codec.encode(few.x.cpu()), few.y)

    train, held_out, fake = map(scores, (chosen(data.train), chosen(data.validation), subject.fake))
    found = held_out_estimate(train, held_out, fake)
    rows = []
    for name, real, value in (
        ("critic estimate, held out", held_out, found.held_out),
        ("critic estimate, training", train, found.train),
    ):
        between = None
        if work.draws:
            pair = Pair(real[:, None], fake[:, None], draws=work.draws, seed=work.seed)
            means = [float(real[i].mean() - fake[j].mean()) for i, j in pair.resampled()]
            between = interval(value, torch.tensor(means))
        note = "mean score of real less generated samples; units of the critic's score"
        over = "real and generated samples" if between else ""
        rows.append(
            Measurement(
                name, value, len(real), len(fake), "critic", None, note, between, over,
                "none", "as in training",
            )
        )  # fmt: skip
    return rows


def _no_critic(plan: Plan) -> str:
    return "" if plan.subject.run is not None else "it needs a run, which has a critic"


def _modes(work: Work) -> list[Measurement]:
    modes, fake = work.subject.dataset.modes, work.subject.fake
    assert modes is not None
    return measure_modes(modes, fake.x, fake.y)


def _no_modes(plan: Plan) -> str:
    return "" if plan.subject.dataset.modes is not None else "the data's modes are not known"


def neighbours(work: Work) -> tuple[Mapping[str, float], ...]:
    """The nearest training sample of the first generated ones, where all were searched."""
    train, _ = work.parts
    if len(train) != len(work.subject.dataset.train):
        return ()  # an index into a choice would tell nobody which sample it is
    distances, indices = nearest_neighbours(work.fake[:_SHOWN], train)
    return tuple(
        {"sample": number, "train": int(index), "distance": float(distance)}
        for number, (index, distance) in enumerate(
            zip(indices[:, 0].tolist(), distances[:, 0].tolist(), strict=True)
        )
    )


SPECIALS: dict[str, Special] = {
    "memorisation": Special("near copies of training samples (C_T)", _no_held_out, _memorisation),
    "accuracy-score": Special(
        "train on generated samples, test on real", _no_labels, _accuracy_score
    ),
    "critic-estimate": Special("what the critic makes of held-out data", _no_critic,
                               _critic_estimate),
    "modes": Special("known modes found", _no_modes, _modes),
}  # fmt: skip
