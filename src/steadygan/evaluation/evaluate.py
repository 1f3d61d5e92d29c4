"""Measures a run, or one set of samples against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from steadygan.data import DataOptions, Dataset, ImageCodec, load
from steadygan.environment import choose_device
from steadygan.errors import DataError, RunError, UsageError
from steadygan.evaluation.real_features import (
    BLOCK,
    Progress,
    features_of,
    keep_references,
    key_of,
    known_references,
    real_features,
    shuffled,
    taken,
)
from steadygan.evaluation.specials import SPECIALS, neighbours
from steadygan.evaluation.work import Evaluation, Plan, Subject, Work, described
from steadygan.features import Classifier, Extractor, choose_extractor
from steadygan.interfaces import Samples
from steadygan.metrics import METRICS, Measurement, Pair, check_names, sample
from steadygan.run import Run, write_json
from steadygan.training import derive_seed

Source: TypeAlias = "str | Path | np.ndarray | Tensor | Dataset"

SAMPLES = 10_000  # of each set, at most, where nobody says how many
DRAWS = 50  # of the bootstrap
_DEFAULT = (
    "fid", "kid", "precision", "recall", "density", "coverage", "ndb", "sliced-wasserstein",
    "inception-score", "memorisation", "accuracy-score", "critic-estimate", "modes",
)  # fmt: skip


def _unseen(what: str, done: int, total: int) -> None:
    """The default: nobody watches."""


def evaluate_run(
    run: str | Path | Run,
    *,
    features: str = "pixels",
    metrics: Sequence[str] | None = None,
    count: int | None = None,
    checkpoint: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    weights: Path | None = None,
    data: Source | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    progress: Progress = _unseen,
) -> Evaluation:
    """Measure a run's generator and add the values to its ``metrics.json``.

    Args:
        run: the run directory.
        features: the extractor, by name (``features.choose_extractor``).
        metrics: names (``names``); None takes all that fit.
        count: samples of each set; None takes half of the real ones, so that as many others are
            left to compare with, 10,000 at most.
        checkpoint: see ``Run.weights``.
        seed: of samples, choices and bootstrap.
        draws: of the bootstrap; 0 leaves intervals out.
        weights: a file for the extractor.
        data: only where the source was an array, or has moved.
        data_root: where named sets are looked for first.
        device: for generator and extractor.
        progress: is told how far things are.

    Raises:
        UsageError: something given cannot be used; nothing was written then.
    """
    run = run if isinstance(run, Run) else Run(run)
    chosen_device = choose_device(device)
    _check(metrics, draws, seed)
    before = run.metrics  # first, so that no work is lost to a damaged file
    dataset = _data_of(run, data, data_root)
    extractor = choose_extractor(features, dataset, weights=weights, device=chosen_device)
    n = _count(count, dataset, None)
    generator = run.generator(checkpoint).to(chosen_device)
    rng = torch.Generator(chosen_device).manual_seed(derive_seed(seed, "evaluate"))
    labels = run.labels(n, None, seed)
    parts = []
    for done in range(0, n, BLOCK):
        progress("sampling", done, n)
        y = None if labels is None else labels[done : done + BLOCK]
        size = min(BLOCK, n - done)
        parts.append(sample(generator, size, run.recipe.latent_dim, rng, labels=y))
    fake = torch.cat(parts)
    bad = int((~torch.isfinite(fake)).flatten(1).any(1).sum())
    if bad:
        raise RunError(
            f"{bad:,} of {n:,} samples of {run.directory} are not finite: measure an earlier "
            "checkpoint with --checkpoint."
        )
    where = f"{run.directory}, {checkpoint or 'last'} weights"
    subject = Subject(dataset, Samples(fake, labels), where, run, checkpoint)
    found = _evaluate(subject, extractor, metrics, n, seed, draws, progress)
    measured = tuple(replace(each, checkpoint=checkpoint or "") for each in found.measurements)
    found = replace(found, measurements=measured)
    _write(run, before, found, checkpoint)
    return found


def evaluate_samples(
    real: Source,
    fake: Source,
    *,
    features: str = "pixels",
    metrics: Sequence[str] | None = None,
    count: int | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    options: DataOptions | None = None,
    weights: Path | None = None,
    data_root: str | Path | None = None,
    device: str = "auto",
    progress: Progress = _unseen,
) -> Evaluation:
    """Measure samples against real ones: folders, arrays or named sets.

    Args:
        real, fake: as ``data.load`` takes them; ``fake`` is brought to the real ones' size and
            channels, its numbers to their units.
        options: how ``real`` is read.
        features, metrics, count, seed, draws, weights, data_root, device, progress: as in
            ``evaluate_run``; ``count`` is at most the number of fakes.

    Raises:
        UsageError: something given cannot be used.
    """
    chosen_device = choose_device(device)
    _check(metrics, draws, seed)
    dataset = load(real, options, root=data_root)
    made = _like(dataset, fake, data_root)
    extractor = choose_extractor(features, dataset, weights=weights, device=chosen_device)
    n = _count(count, dataset, len(made.train) + len(made.validation))
    order = shuffled(len(made.train) + len(made.validation), seed)[:n]
    chosen = taken(made, order)
    codec = made.codec if isinstance(made.codec, ImageCodec) else dataset.codec
    labels = chosen.y if made.class_names == dataset.class_names else None
    subject = Subject(dataset, Samples(codec.encode(chosen.x), labels), made.name)
    return _evaluate(subject, extractor, metrics, n, seed, draws, progress)


def names() -> dict[str, str]:
    """Every metric by name, with a few words on it."""
    of_two_sets = {name: metric.text for name, metric in METRICS.items()}
    return of_two_sets | {name: special.text for name, special in SPECIALS.items()}


def _check(metrics: Sequence[str] | None, draws: int, seed: int) -> None:
    if metrics is not None:
        check_names(metrics, list(names()))
        if not metrics:
            raise UsageError("no metric is named.")
    if draws < 0 or draws == 1:
        raise UsageError(f"{draws} draws of the bootstrap: choose 0 for none, or some dozens.")
    if not 0 <= seed < 2**63:
        raise UsageError(f"the seed is {seed}: choose a number from 0 to 2^63 − 1.")


def _data_of(run: Run, data: Source | None, data_root: str | Path | None) -> Dataset:
    """The data that the run was trained on."""
    content = run.files.read(run.files.data)
    source = data if data is not None else content["source"]
    if source is None:
        raise RunError(f"{run.directory} was trained on an array in memory: pass it with --data.")
    root = data_root or run.files.read(run.files.environment).get("data_root")
    dataset = load(source, run.recipe.data, root=root)
    if dataset.fingerprint != content["fingerprint"]:
        raise RunError(
            f"the data at {dataset.name} are not those that {run.directory} was trained on: name "
            "them with --data."
        )
    return dataset


def _like(dataset: Dataset, fake: Source, data_root: str | Path | None) -> Dataset:
    """The fakes, read to the size and channels of the real samples."""
    shape = dataset.spec.shape
    options = DataOptions()
    if len(shape) == 3:
        options = DataOptions(size=shape[-1], channels=shape[0])
    made = load(fake, options, root=data_root)
    if tuple(made.spec.shape) != tuple(shape):
        one, other = ("×".join(map(str, each)) for each in (shape, made.spec.shape))
        raise DataError(
            f"the samples of {made.name} are of shape {other}, the real ones of {one}: they cannot "
            "be compared."
        )
    return made


def _count(count: int | None, dataset: Dataset, fakes: int | None) -> int:
    real = len(dataset.train) + len(dataset.validation)
    most = real if fakes is None else min(real, fakes)
    if count is None:
        count = min(SAMPLES, max(2, real // 2), most)
    if not 2 <= count <= most:
        there = f"{real:,} real" + ("" if fakes is None else f" and {fakes:,} generated")
        raise UsageError(
            f"{count:,} samples of each cannot be compared: there are {there}; choose 2 to "
            f"{most:,}."
        )
    return count


def _evaluate(
    subject: Subject,
    extractor: Extractor,
    metrics: Sequence[str] | None,
    n: int,
    seed: int,
    draws: int,
    progress: Progress,
) -> Evaluation:
    data = subject.dataset
    pool = len(data.train) + len(data.validation)
    chosen = shuffled(pool, seed)[: 2 * n if 2 * n <= pool else n]
    plan = Plan(subject, extractor, chosen, seed, draws)
    asked, notes = _possible(plan, metrics, n)
    key = key_of(data, extractor, n, seed)
    features = real_features(data, extractor, chosen, key, progress)
    made = iter([subject.fake.x])
    fake = features_of(extractor, made, "features of generated samples", progress, n)
    if len(chosen) == n:
        notes += (
            f"no real against real: {2 * n:,} real samples are needed, there are {pool:,}"
            + (f"; choose -n {pool // 2}" if pool >= 4 else ""),
        )
    work = Work(subject, extractor, chosen, seed, draws, features[:n], features[n:], fake)
    measurements: list[Measurement] = []
    for done, name in enumerate(asked):
        progress(name, done, len(asked))
        if name in METRICS:
            have = {each.name for each in measurements}
            measurements += [m for m in _compared(work, name, key) if m.name not in have]
        else:
            measurements += SPECIALS[name].measure(work)
    progress("done", len(asked), len(asked))
    wanted = set(asked) & set(METRICS)  # a family has others besides
    kept = [each for each in measurements if each.name not in METRICS or each.name in wanted]
    near = neighbours(work) if "memorisation" in asked else ()
    return Evaluation(
        data.name, subject.name, described(extractor), n, seed, tuple(kept), near, tuple(notes)
    )


def _possible(
    plan: Plan, metrics: Sequence[str] | None, n: int
) -> tuple[list[str], tuple[str, ...]]:
    """The metrics to compute; one that was asked for and cannot be is refused, one that was not is
    left out, with a note where more samples would help."""
    asked, notes = list(dict.fromkeys(_DEFAULT if metrics is None else metrics)), []
    for name in list(asked):
        reason, silent = _hindrance(plan, name, n)
        if not reason:
            continue
        if metrics is not None:
            raise UsageError(f"{name} cannot be measured: {reason}.")
        asked.remove(name)
        if not silent:
            notes.append(f"{name} left out: {reason}")
    return asked, tuple(notes)


def _hindrance(plan: Plan, name: str, n: int) -> tuple[str, bool]:
    """Why a metric cannot be had, or nothing; and whether that is in the nature of the subject."""
    if name in SPECIALS:
        return SPECIALS[name].hindrance(plan), True
    metric, extractor = METRICS[name], plan.extractor
    if metric.classes and not (isinstance(extractor, Classifier) and extractor.classifies):
        return "these features come without a classifier; choose --features classifier", True
    if n < metric.least:
        return f"it needs {metric.least} samples of each, there are {n}", False
    return "", True


def _compared(work: Work, name: str, key: str) -> list[Measurement]:
    """A family of metrics, beside what other real samples score."""
    probabilities = work.extractor.probabilities if isinstance(work.extractor, Classifier) else None
    pair = Pair(work.real, work.fake, probabilities, work.draws, work.seed)
    family = METRICS[name].family
    values = family(pair)
    references: dict[str, float | None] = dict.fromkeys(values)
    if len(work.others):
        known = known_references(key)
        if not set(values) <= set(known):
            other = family(replace(pair, fake=work.others, draws=0))
            known |= {each: value.value for each, value in other.items()}
            keep_references(key, known)
        references = {each: known[each] for each in values}
    return [work.measurement(each, value, references[each]) for each, value in values.items()]


def _write(
    run: Run, before: list[dict[str, Any]], found: Evaluation, checkpoint: str | None
) -> None:
    """Add to the run's ``metrics.json``, in the place of a value of the same name, features and
    checkpoint where there is one."""

    def what(each: Mapping[str, Any]) -> tuple[Any, ...]:
        return each.get("name"), each.get("features"), each.get("checkpoint", "")

    files = run.files
    old = {what(each): each for each in before}
    new = {what(each): each for each in map(asdict, found.measurements)}
    content = files.read(files.metrics) if files.metrics.exists() else {}
    content |= {"measurements": list((old | new).values())}
    if found.neighbours and checkpoint is None:
        content["neighbours"] = {"features": found.features, "of": list(found.neighbours)}
    write_json(files.metrics, content)
