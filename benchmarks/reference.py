"""The NumPy reference: 25-grid and digits, and an iteration's time beside numpy-ml's.

    python benchmarks/reference.py PEER

PEER is a folder with numpy-ml's own code (its ``numpy_ml``), which is no part of this project.
"""

from __future__ import annotations

import collections
import collections.abc
import statistics
import sys
import time
import types
from pathlib import Path

import numpy as np
import report
import torch

import steadygan
from steadygan.metrics import measure, mode_report
from steadygan.reference import WGANGP, Adam

# Written down before the runs.
MODES = 25
COVERAGE, SMALLEST_CLASS = 0.9, 0.05  # of real digits' own coverage; share of the rarest class
FASTER = 2.0
COLUMNS, ITERATIONS, ROUNDS = 64, 6, 5


def grid() -> tuple[list[str], bool]:
    """25-grid with the engine's settings for points."""
    dataset = steadygan.load("25-grid")
    model = WGANGP(
        latent_dim=2, hidden=(256, 256, 256), penalty=0.1, batch_size=256, decay=True,
        average=0.999, optimiser=Adam(1e-3, beta1=0.5, beta2=0.9),
    )  # fmt: skip
    began = time.perf_counter()
    model.fit(dataset.train.x.numpy(), steps=5_000, progress=False)
    seconds = time.perf_counter() - began
    assert dataset.modes is not None
    found = mode_report(
        torch.from_numpy(model.sample(10_000)), dataset.modes.centres, dataset.modes.sigma
    )
    row = ["25-grid, 5,000 iterations", f"{found.found} of {found.total} modes",
           f"{found.high_quality:.3f} within 3σ", f"{seconds:.0f} s"]  # fmt: skip
    return row, found.found == MODES


def digits() -> tuple[list[str], bool]:
    """Digits with the engine's recipe for them."""
    dataset = steadygan.load("digits")
    rows = dataset.codec.encode(dataset.train.x).flatten(1).numpy()
    model = WGANGP(
        latent_dim=64, hidden=(256, 256, 256), penalty=1.0, n_critic=2, batch_size=64, decay=True,
        average=0.999, activation="leaky_relu", bounds=(-1.0, 1.0), optimiser=Adam(1e-3),
    )  # fmt: skip
    began = time.perf_counter()
    model.fit(rows, steps=9_000, progress=False)
    seconds = time.perf_counter() - began
    samples = torch.from_numpy(model.sample(2_000)).reshape(-1, *dataset.spec.shape)
    found = {m.name: m for m in measure(dataset, samples)}
    coverage, rarest = found["coverage"], found["smallest class share"]
    assert coverage.reference is not None
    covered = f"coverage {coverage.value:.3f} (real {coverage.reference:.3f})"
    row = ["digits, 9,000 iterations", covered, f"rarest class {rarest.value:.3f}",
           f"{seconds:.0f} s"]  # fmt: skip
    good = coverage.value >= COVERAGE * coverage.reference and rarest.value >= SMALLEST_CLASS
    return row, good


def peer(folder: Path) -> type:
    """numpy-ml's WGAN_GP, without the rest of its package, which needs more than NumPy."""
    collections.Hashable = collections.abc.Hashable  # type: ignore[attr-defined]  # until Python 3.9
    for name in ("numpy_ml", "numpy_ml.neural_nets", "numpy_ml.neural_nets.models"):
        package = types.ModuleType(name)
        package.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = package
    from numpy_ml.neural_nets.models.wgan_gp import WGAN_GP

    found: type = WGAN_GP
    return found


def times(folder: Path) -> tuple[list[str], float]:
    """Seconds of one whole iteration at numpy-ml's defaults, in alternating rounds."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((5 * 128, COLUMNS))  # numpy-ml takes one pass at most
    ours = WGANGP.numpy_ml(latent_dim=COLUMNS, dtype=np.float64)
    ours.fit(data, steps=1, progress=False)
    theirs = peer(folder)(g_hidden=512)
    mine, its = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ours.fit(data, steps=ITERATIONS, progress=False)
        mine.append((time.perf_counter() - began) / ITERATIONS)
        began = time.perf_counter()
        # One batch per epoch, so that an epoch is an iteration.
        theirs.fit(data, lambda_=10, n_steps=ITERATIONS, batchsize=128, c_updates_per_epoch=5,
                   verbose=False)  # fmt: skip
        its.append((time.perf_counter() - began) / ITERATIONS)
    ratio = statistics.median(t / m for m, t in zip(mine, its, strict=True))
    row = [
        f"iteration, {COLUMNS} columns, 512 × 3 units, batch 128, float64",
        f"ours {1000 * statistics.median(mine):.0f} ms",
        f"numpy-ml {1000 * statistics.median(its):.0f} ms",
        f"{ratio:.1f} times as fast",
    ]
    return row, ratio


def main(folder: Path) -> None:
    timed, ratio = times(folder)
    (grid_row, found_all), (digits_row, passed) = grid(), digits()
    report.write(
        "reference",
        "The NumPy reference",
        [["what", "", "", "time"], grid_row, digits_row, timed],
        [
            f"- **{_verdict(found_all)}**: all {MODES} modes of 25-grid.",
            f"- **{_verdict(passed)}**: digits: at least 90 % of real digits' own coverage, and "
            "every class in at least 5 % of 2,000 samples.",
            f"- **{_verdict(ratio >= FASTER)}**: at least twice as fast as numpy-ml, side by side "
            "in one run (median of the rounds' ratios).",
        ],
    )


def _verdict(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
