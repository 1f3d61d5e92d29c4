"""The metrics that fit a data set, measured together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from steadygan.data import Dataset
from steadygan.metrics.classes import class_report
from steadygan.metrics.coverage import coverage
from steadygan.metrics.measurement import Measurement
from steadygan.metrics.modes import mode_report
from steadygan.metrics.near_copies import near_copies
from steadygan.training import TrainingState, draw_latent, evaluating

SAMPLES = 2_000  # what class shares are counted on
MODE_SAMPLES = 10_000  # what modes are counted on
_MOST = 5_000  # samples that distances and the classifier are computed on at most


def sample(
    generator: nn.Module, count: int, latent_dim: int, rng: torch.Generator, batch: int = 500
) -> Tensor:
    """``count`` samples ``(count, *shape)`` on the CPU, the generator in evaluation mode."""
    with evaluating(generator):
        return torch.cat(
            [
                generator(draw_latent(min(batch, count - done), latent_dim, rng)).float().cpu()
                for done in range(0, count, batch)
            ]
        )


def samples_wanted(dataset: Dataset) -> int:
    """How many samples ``measure`` uses of this data set."""
    if dataset.mixture is not None:
        return MODE_SAMPLES
    return max(SAMPLES, min(_MOST, len(dataset.train)))


def measure(dataset: Dataset, samples: Tensor) -> list[Measurement]:
    """Every metric that fits: coverage and near-copies always; classes with labels; modes of a
    known mixture.

    Args:
        dataset: whose training samples are the real ones.
        samples: ``(n, *shape)`` in encoded form, independent of the data; ``samples_wanted``.
    """
    space = "pixels" if len(dataset.spec.shape) == 3 else "coordinates"
    train, held_out = (
        dataset.codec.encode(part.x[:_MOST].cpu()).flatten(1)
        for part in (dataset.train, dataset.validation)
    )
    fake = samples.flatten(1)
    n = min(len(train), len(fake))
    real = train[_spread(len(train), n)]
    everything = torch.cat([train, held_out])
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(0))
    first, second = everything[order].tensor_split(2)
    halves = min(len(first), len(second))
    results = []
    if n > 5 and halves > 5:
        results.append(
            Measurement(
                "coverage",
                coverage(real, fake[:n]),
                n,
                n,
                space,
                reference=coverage(first[:halves], second[:halves]),
                note=f"k=5; the reference on two halves of {halves}",
            )
        )
    copies = near_copies(train, held_out, fake)
    results.append(
        Measurement(
            "near-copies",
            copies.fake,
            len(train),
            len(fake),
            space,
            reference=copies.held_out,
            note="share nearer to a training sample than half the median held-out distance",
        )
    )
    results += _classes(dataset, train, held_out, fake, space)
    if dataset.mixture is not None:
        results += _modes(dataset, fake)
    return results


def _classes(
    dataset: Dataset, train: Tensor, held_out: Tensor, fake: Tensor, space: str
) -> list[Measurement]:
    if dataset.train.y is None or dataset.validation.y is None or dataset.class_names is None:
        return []
    labels = dataset.train.y[: len(train)]
    counts = torch.bincount(labels)
    if len(counts) < 2 or int(counts[counts > 0].min()) < 5:
        return []  # a classifier would be trained on next to nothing
    few = fake[:SAMPLES]
    report = class_report(train, labels, held_out, dataset.validation.y[: len(held_out)], few)
    classifier = (
        f"support vector machine, accuracy {report.held_out_accuracy:.3f} "
        f"on {report.n_held_out} held-out samples"
    )
    shares = dict(zip(dataset.class_names, report.shares, strict=True))
    listed = ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
    low, high = min(report.shares), max(report.shares)
    n = report.n_train
    return [
        Measurement("smallest class share", low, n, len(few), space, note=classifier),
        Measurement("largest class share", high, n, len(few), space, note=listed),
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


def _modes(dataset: Dataset, fake: Tensor) -> list[Measurement]:
    assert dataset.mixture is not None
    report = mode_report(fake, dataset.mixture.centres, dataset.mixture.sigma)
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
    ]


def _spread(size: int, count: int) -> Tensor:
    """``count`` indices spread evenly over ``size``."""
    return torch.linspace(0, size - 1, count).round().long()


@dataclass(frozen=True)
class CoverageProbe:
    """Coverage of held-out samples by the sampling generator, as many fakes as real ones.

    Attributes:
        real: encoded held-out samples ``(n, *shape)``, n > 5.
        latent_dim: of the generator.
    """

    real: Tensor
    latent_dim: int

    def __call__(self, state: TrainingState, rng: torch.Generator) -> dict[str, float]:
        fake = sample(state.sampling_generator, len(self.real), self.latent_dim, rng)
        return {"coverage": coverage(self.real.flatten(1).cpu(), fake.flatten(1))}
