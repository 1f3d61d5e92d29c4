"""The metrics that fit a data set, measured together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from steadygan.data import Dataset, Mixture, StackedDigits
from steadygan.data.dataset import Modes
from steadygan.interfaces import Samples, Stored
from steadygan.metrics.classes import class_report
from steadygan.metrics.coverage import coverage
from steadygan.metrics.digit_reader import digit_reader
from steadygan.metrics.measurement import Measurement
from steadygan.metrics.modes import mode_report
from steadygan.metrics.near_copies import near_copies
from steadygan.metrics.stacked_modes import held_out_modes, modes_of, stack_report
from steadygan.networks.call import generate
from steadygan.training import draw_latent, evaluating

SAMPLES = 2_000  # what class shares are counted on
MODE_SAMPLES = 10_000  # what the modes of a mixture are counted on
STACK_SAMPLES = 26_000  # what the modes of stacked digits are counted on, as in PacGAN's settings
_MOST = 5_000  # samples that distances and the classifier are computed on at most


def sample(
    generator: nn.Module,
    count: int,
    latent_dim: int,
    rng: torch.Generator,
    *,
    labels: Tensor | None = None,
    batch: int = 500,
) -> Tensor:
    """``count`` samples ``(count, *shape)`` on the CPU, the generator in evaluation mode; of
    ``labels`` ``(count,)`` where it takes them."""
    parts = []
    with evaluating(generator):
        for done in range(0, count, batch):
            latent = draw_latent(min(batch, count - done), latent_dim, rng)
            y = None if labels is None else labels[done : done + batch].to(latent.device)
            parts.append(generate(generator, latent, y).float().cpu())
    return torch.cat(parts)


def samples_wanted(dataset: Dataset) -> int:
    """How many samples ``measure`` uses of this data set."""
    match dataset.modes:
        case Mixture():
            return MODE_SAMPLES
        case StackedDigits():
            return STACK_SAMPLES
    return max(SAMPLES, min(_MOST, len(dataset.train)))


def measure(dataset: Dataset, samples: Tensor, labels: Tensor | None = None) -> list[Measurement]:
    """Every metric that fits: coverage and near-copies always; modes where they are known, else
    classes where there are labels.

    Args:
        dataset: whose training samples are the real ones.
        samples: ``(n, *shape)`` in encoded form, independent of the data; ``samples_wanted``.
        labels: ``(n,)`` that the samples were asked for, of a conditional generator.
    """
    space = "pixels" if len(dataset.spec.shape) == 3 else "coordinates"
    train, held_out = (_chosen(dataset, part) for part in (dataset.train, dataset.validation))
    fake = samples[:_MOST].flatten(1)
    n = min(len(train), len(fake))
    everything = torch.cat([train.x, held_out.x])
    first, second = everything[_shuffled(len(everything))].tensor_split(2)
    halves = min(len(first), len(second))
    results = []
    if n > 5 and halves > 5:
        results.append(
            Measurement(
                "coverage",
                coverage(train.x[:n], fake[:n]),
                n,
                n,
                space,
                reference=coverage(first[:halves], second[:halves]),
                note=f"k=5; real against real on two halves of {halves:,}",
            )
        )
    copies = near_copies(train.x, held_out.x, fake)
    results.append(
        Measurement(
            "near-copies",
            copies.fake,
            len(train),
            len(fake),
            space,
            reference=copies.held_out,
            note="nearer to one of them than half the held-out median",
        )
    )
    if dataset.modes is not None:
        return results + measure_modes(dataset.modes, samples, labels)
    return results + _classes(dataset, train, held_out, Samples(fake, labels), space)


def measure_modes(modes: Modes, samples: Tensor, labels: Tensor | None = None) -> list[Measurement]:
    """The modes of a known truth that samples hit, as ``measure`` has them."""
    match modes:
        case Mixture():
            return _mixture(modes, samples.flatten(1), labels)
        case StackedDigits():
            return _stacks(modes, samples, labels)


def _classes(
    dataset: Dataset, train: Samples, held_out: Samples, fake: Samples, space: str
) -> list[Measurement]:
    if train.y is None or held_out.y is None or dataset.class_names is None:
        return []
    counts = torch.bincount(train.y, minlength=len(dataset.class_names))
    if int((counts > 0).sum()) < 2 or int(counts[counts > 0].min()) < 5:
        return []  # a classifier would be trained on next to nothing
    few, asked_for = fake.x[:SAMPLES], None if fake.y is None else fake.y[:SAMPLES]
    report = class_report(train.x, train.y, held_out.x, held_out.y, few)
    classifier = (
        f"by an SVM, accuracy {report.held_out_accuracy:.3f} on {report.n_held_out:,} held out"
    )
    # The last classes may have no sample at all, and so no share.
    shares = dict.fromkeys(dataset.class_names, 0.0)
    shares |= dict(zip(dataset.class_names, report.shares, strict=False))
    rarest, commonest = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    n = report.n_train
    results = [
        Measurement(f"{which} class share", shares[name], n, len(few), space, note=f"class {name}")
        for which, name in (("smallest", rarest), ("largest", commonest))
    ]
    return [
        *results,
        *_asked_for(report.predicted, asked_for, space, n, report.held_out_accuracy),
        Measurement(
            "mean top probability",
            report.top_probability,
            n,
            len(few),
            space,
            reference=report.held_out_top_probability,
            note=classifier,
        ),
    ]


def _mixture(mixture: Mixture, fake: Tensor, labels: Tensor | None) -> list[Measurement]:
    report = mode_report(fake, mixture.centres, mixture.sigma)
    where = "coordinates"
    n = len(fake)
    return [
        Measurement("modes found", report.found, 0, n, where, note=f"of {report.total}"),
        Measurement("high-quality share", report.high_quality, 0, n, where, note="within 3σ"),
        Measurement(
            "smallest mode share",
            report.smallest_share,
            0,
            n,
            where,
            note=f"of the high-quality samples; {1 / report.total:.3f} if even",
        ),
        *_asked_for(mixture.nearest(fake), labels, where),
    ]


def _stacks(digits: StackedDigits, fake: Tensor, labels: Tensor | None) -> list[Measurement]:
    reader = digit_reader(digits)
    modes = modes_of(fake, reader.read)
    report = stack_report(modes)
    n = len(fake)
    real = stack_report(held_out_modes(digits, n, reader.read))
    network = (
        f"digits read by a network, accuracy {reader.accuracy:.3f} on {len(digits.held_out):,}"
    )
    return [
        Measurement(
            "modes found",
            report.found,
            n,
            n,
            "digits",
            reference=real.found,
            note=f"of {report.total}; {network}",
        ),
        Measurement(
            "KL to uniform",
            report.kl,
            n,
            n,
            "digits",
            reference=real.kl,
            note="of the modes, in nats; real is of as many held-out stacks",
        ),
        *_asked_for(modes, labels, "digits"),
    ]


def _asked_for(
    shown: Tensor,
    labels: Tensor | None,
    space: str,
    n_real: int = 0,
    reference: float | None = None,
) -> list[Measurement]:
    """How many samples show the class that a conditional generator was asked for."""
    if labels is None:
        return []
    right = float((shown == labels.cpu()).double().mean())
    note = "samples that show the class asked for"
    n = len(shown)
    return [Measurement("label accuracy", right, n_real, n, space, reference=reference, note=note)]


def _chosen(dataset: Dataset, part: Stored) -> Samples:
    """At most ``_MOST`` samples of a split, in random order (a split may be sorted by class), as
    vectors ``(n, d)`` in encoded form."""
    few = part.take(_shuffled(len(part))[:_MOST])
    return Samples(dataset.codec.encode(few.x.cpu()).flatten(1), few.y)


def _shuffled(count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))
