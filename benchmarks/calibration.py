"""What real samples score against other real samples, and which metric sees which fault.

    STEADYGAN_DATA=FOLDER python benchmarks/calibration.py

FOLDER has ``mnist``, ``fashion-mnist`` and ``nets``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import report
import torch
from torch import Tensor

from steadygan import load
from steadygan.data import Dataset
from steadygan.features import Classifier, Extractor, choose_extractor
from steadygan.features.prepare import as_stored
from steadygan.metrics import METRICS, Pair, copying

# Data, features, samples of each set.
CASES = [
    ("digits", "pixels", 400),
    ("digits", "pixels", 898),
    ("digits", "classifier", 898),
    ("digits", "mobilenet", 898),
    ("mnist", "pixels", 1_000),
    ("mnist", "pixels", 5_000),
    ("mnist", "classifier", 5_000),
    ("mnist", "mobilenet", 1_000),
    ("fashion-mnist", "pixels", 1_000),
    ("fashion-mnist", "pixels", 5_000),
    ("fashion-mnist", "classifier", 5_000),
    ("fashion-mnist", "mobilenet", 1_000),
]
SHOWN = ("fid", "kid", "precision", "recall", "density", "coverage", "ndb", "sliced-wasserstein",
         "inception-score")  # fmt: skip
DRAWS = 20
DROPPED = 3  # the class that is left out
NOISE, SHIFT = 0.3, 0.2  # of values in [−1, 1]

Change = Callable[[Tensor, Tensor], Tensor]  # real samples and their labels, to a flawed copy


def _noise(x: Tensor, y: Tensor) -> Tensor:
    return x + NOISE * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))


def _without_class(x: Tensor, y: Tensor) -> Tensor:
    """As many samples, of the other classes."""
    kept = x[y != DROPPED]
    return torch.cat([kept, kept])[: len(x)]


def _one_in_ten(x: Tensor, y: Tensor) -> Tensor:
    """A tenth of the samples, ten times."""
    return x[torch.arange(len(x)) // 10]


CHANGES: dict[str, Change] = {
    "other real samples": lambda x, y: x,
    f"… and noise, σ {NOISE}": _noise,
    f"… {SHIFT} brighter": lambda x, y: x + SHIFT,
    f"… without class {DROPPED}": _without_class,
    "… a tenth, ten times": _one_in_ten,
}


def measured(data: Dataset, extractor: Extractor, n: int) -> list[list[str]]:
    order = torch.randperm(
        len(data.train) + len(data.validation), generator=torch.Generator().manual_seed(0)
    )[: 2 * n]
    assert data.train.y is not None
    assert data.validation.y is not None
    stored = torch.cat([data.train.x, data.validation.x])[order]
    labels = torch.cat([data.train.y, data.validation.y])[order]
    x = as_stored(data.codec.encode(stored))
    real = extractor(x[:n])
    probabilities = extractor.probabilities if isinstance(extractor, Classifier) else None
    can_score = isinstance(extractor, Classifier) and extractor.classifies
    rows = []
    for name, change in CHANGES.items():
        fake = extractor(as_stored(change(x[n:], labels[n:])))
        draws = DRAWS if name == next(iter(CHANGES)) else 0
        pair = Pair(real, fake, probabilities, draws=draws)
        found = {}
        for metric in SHOWN:
            if metric not in found and (can_score or not METRICS[metric].classes):
                found |= METRICS[metric].family(pair)
        cells = []
        for metric in SHOWN:
            value = found.get(metric)
            between = "" if value is None or value.interval is None else (
                f" ({_short(value.interval[0])} to {_short(value.interval[1])})"
            )  # fmt: skip
            cells.append("" if value is None else _short(value.value) + between)
        rows.append([name, *cells])
    return rows


def copies() -> list[list[str]]:
    """C_T of held-out digits, and of copies, in pixels."""
    rows = []
    for source in ("digits", "mnist", "fashion-mnist"):
        data = load(source)
        train, held_out = (
            data.codec.encode(part.x[:20_000]).flatten(1) for part in (data.train, data.validation)
        )
        held_out = held_out[torch.randperm(len(held_out), generator=_rng())[:2_000]]
        known, fresh = held_out.tensor_split(2)
        n = len(fresh)
        near = train[torch.randperm(len(train), generator=_rng())[:n]]
        jitter = 0.02 * torch.randn(near.shape, generator=_rng())
        some = torch.cat([(near + jitter)[: n // 5], fresh[n // 5 :]])
        noisy = fresh + NOISE * torch.randn(fresh.shape, generator=_rng())
        sets = {"held-out": fresh, "a fifth copies": some, "copies": near + jitter, "noise": noisy}
        found = [f"{copying(train, known, each).c_t:.1f}" for each in sets.values()]
        rows.append([f"{source}, {n} of {len(train):,}", *found])
    return [["data", "held-out samples", "a fifth near copies", "all near copies",
             f"noise, σ {NOISE}"], *rows]  # fmt: skip


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _short(value: float) -> str:
    return f"{value:.3g}"


def main() -> None:
    lines = [
        f"95 % intervals by bootstrap ({DRAWS} draws). Each set is of n images that are in no",
        "other; values in [−1, 1], as a file would hold them.",
        "",
    ]
    for source, features, n in CASES:
        began = time.perf_counter()
        data = load(source)
        extractor = choose_extractor(features, data)
        rows = measured(data, extractor, n)
        note = f" ({extractor.note})" if extractor.note else ""
        lines += [
            f"## {source}, {extractor.name}, n {n:,}",
            "",
            f"{extractor.dim:,} features{note}; resize: {extractor.resize}; preprocessing: "
            f"{extractor.preprocessing}. {time.perf_counter() - began:.0f} s.",
            "",
            *report.table([["against real samples", *SHOWN], *rows]),
            "",
        ]
    lines += [
        "## C_T, pixels",
        "",
        "Held-out samples are compared with as many others.",
        "",
        *report.table(copies()),
    ]
    report.write_page("calibration", "Real against real, and known faults", lines)


if __name__ == "__main__":
    main()
