"""What the doctor's runs train on, and the oracle's view of it, which the doctor never gets."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadygan.data import DataOptions, Dataset, load

ROWS = 4_000  # of a table, so that an epoch is short


@dataclass(frozen=True)
class Substrate:
    """A data set that runs in seconds.

    Attributes:
        load: how it is read, with options.
        hidden: units of both MLPs.
    """

    load: Callable[[DataOptions], Dataset]
    hidden: tuple[int, ...]


def _table(file: str, columns: tuple[int, ...], skip: int = 0) -> np.ndarray:
    """Numeric columns of a gzipped CSV file, its first rows."""
    root = Path(os.environ["STEADYGAN_DATA"]) / "tables" / file
    with gzip.open(root, "rt") as lines:
        rows = [line.split(",") for line in lines if line.strip()][skip : ROWS + skip]
    return np.array([[float(row[c]) for c in columns] for row in rows], dtype=np.float32)


@cache
def _array(name: str) -> np.ndarray:
    if name == "adult":
        return _table("adult.data.gz", (0, 2, 4, 10, 11, 12))
    if name == "credit":  # limit, age, six bills, six payments
        return _table("UCI_Credit_Card.csv.gz", (1, 5, *range(12, 24)), skip=1)
    if name == "payments":  # limit, age, six states of repayment, of other people
        return _table("UCI_Credit_Card.csv.gz", (1, 5, *range(6, 12)), skip=1 + ROWS)
    if name == "fashion":  # 7 x 7 pixels
        clothes = load("fashion-mnist", DataOptions(limit=ROWS)).train.x
        means = torch.nn.functional.avg_pool2d(clothes.float(), 4)
        return means.round().to(torch.uint8).squeeze(1).numpy()
    if name == "colours":  # photos of 8 x 8 pixels
        photos = load("cifar10", DataOptions(limit=ROWS)).train.x
        means = torch.nn.functional.avg_pool2d(photos.float(), photos.shape[-1] // 8)
        return means.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    file = "usps-train-images-idx3-ubyte.gz"
    data = load(Path(os.environ["STEADYGAN_DATA"]) / "images" / "usps" / file)
    return data.train.x[:ROWS].squeeze(1).numpy()


def _named(name: str) -> Callable[[DataOptions], Dataset]:
    return lambda options: load(name, options)


def _of_array(name: str) -> Callable[[DataOptions], Dataset]:
    return lambda options: load(_array(name), options)


DEVELOPMENT = {
    "8-ring": Substrate(_named("8-ring"), (64, 64, 64)),
    "digits": Substrate(_named("digits"), (128, 128)),
    "adult": Substrate(_of_array("adult"), (96, 96, 96)),
}
TEST = {
    "25-grid": Substrate(_named("25-grid"), (96, 96, 96)),
    "usps": Substrate(_of_array("usps"), (192, 192)),
    "credit": Substrate(_of_array("credit"), (128, 128)),
}
# Neither the first rules nor those that were mended on the test runs were seen on these.
FRESH = {
    "swiss-roll": Substrate(_named("swiss-roll"), (80, 80, 80)),
    "colours": Substrate(_of_array("colours"), (160, 160)),
}
# Nor those that were mended on the fresh runs on these.
UNSEEN = {
    "payments": Substrate(_of_array("payments"), (112, 112)),
    "fashion": Substrate(_of_array("fashion"), (144, 144)),
}
SUBSTRATES = DEVELOPMENT | TEST | FRESH | UNSEEN


def oracle(dataset: Dataset, fake: Tensor, real: Tensor) -> dict[str, float]:
    """What is true of a run's final samples: exact earth mover's distance to held-out ones over the
    same between real ones, and, of mixtures, modes found and the high-quality share.

    Args:
        fake, real: encoded samples; the first thousand of each are used.
    """
    import ot

    def w1(a: Tensor, b: Tensor) -> float:
        n = min(len(a), len(b), 1_000)
        cost = torch.cdist(a[:n].flatten(1).double(), b[:n].flatten(1).double()).numpy()
        return float(ot.emd2(np.full(n, 1 / n), np.full(n, 1 / n), cost, numItermax=1_000_000))

    if not bool(fake.isfinite().all()):
        return {"distance": float("inf")}
    halves = real[torch.randperm(len(real), generator=torch.Generator().manual_seed(0))].chunk(2)
    n = len(halves[0])
    found = {"distance": w1(fake[:n], halves[1]) / w1(*halves)}
    if dataset.modes is not None:
        from steadygan.metrics import mode_report

        report = mode_report(fake.flatten(1), dataset.modes.centres, dataset.modes.sigma)  # type: ignore[union-attr]
        found |= {"modes": report.found / report.total, "high_quality": report.high_quality}
    return found
