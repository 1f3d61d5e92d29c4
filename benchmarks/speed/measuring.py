"""Metrics from features, beside other tools' own code: the same arrays, in turns, in one process.

    python benchmarks/speed/measuring.py [--rounds N] [--samples N] [--threads N]

Needs clean-fid, prdc, pytorch-fid and torch-fidelity (the extras ``fid`` and ``bench``). What it
takes to get features out of images is left out: that is one network's forward pass for all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import report

from metrics import LARGE, features, let_torchvision_load
from steadygan.metrics.frechet import frechet_distance, gaussian
from steadygan.metrics.inception_score import inception_score
from steadygan.metrics.kernel import kernel_distance, kernel_distance_of_subsets
from steadygan.metrics.prdc import prdc

SUBSETS, SUBSET = 100, 1_000  # of the kernel distance, as all tools have it
Ways = Mapping[str, Callable[[], float]]


def contests(real: Tensor, fake: Tensor) -> dict[str, Ways]:
    """Each metric by every tool; the value is the same up to the choice of subsets."""
    _library = let_torchvision_load()
    from cleanfid import fid as clean
    from prdc import compute_prdc
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    x, y = real.numpy(), fake.numpy()
    logits = fake[:, :1_008]

    def moments(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return a.mean(axis=0), np.cov(a, rowvar=False)

    def torch_fidelity_fid() -> float:
        found = [metric_fid.fid_features_to_statistics(each) for each in (real, fake)]
        metric = metric_fid.fid_statistics_to_metric(*found, False)
        return float(metric["frechet_inception_distance"])

    def torch_fidelity_kid() -> float:
        found = metric_kid.kid_features_to_metric(
            real, fake, kid_subsets=SUBSETS, kid_subset_size=SUBSET, verbose=False, rng_seed=0
        )
        return float(found["kernel_inception_distance_mean"])

    def torch_fidelity_prc() -> float:
        found = metric_prc.prc_features_to_metric(
            fake, real, prc_neighborhood=5, prc_batch_size=len(real), save_cpu_ram=False,
            verbose=False,
        )  # fmt: skip
        return float(found["recall"])

    def torch_fidelity_isc() -> float:
        found = metric_isc.isc_features_to_metric(logits, 10, shuffle=False)
        return float(found["inception_score_mean"])

    def ours_of_subsets() -> float:
        rng = torch.Generator().manual_seed(0)
        found = kernel_distance_of_subsets(real, fake, size=SUBSET, subsets=SUBSETS, rng=rng)
        return found.mean

    return {
        "FID": {
            "ours": lambda: frechet_distance(gaussian(real), gaussian(fake)),
            "pytorch-fid": lambda: float(calculate_frechet_distance(*moments(x), *moments(y))),
            "clean-fid": lambda: float(clean.frechet_distance(*moments(x), *moments(y))),
            "torch-fidelity": torch_fidelity_fid,
        },
        f"KID, {SUBSETS} subsets of {SUBSET:,}": {
            "ours": ours_of_subsets,
            "ours, all pairs": lambda: kernel_distance(real, fake),
            "clean-fid": lambda: float(clean.kernel_distance(x, y, SUBSETS, SUBSET)),
            "torch-fidelity": torch_fidelity_kid,
        },
        "precision to coverage (recall's value)": {
            "ours": lambda: prdc(real, fake).means()["recall"],
            "prdc": lambda: float(compute_prdc(x, y, nearest_k=5)["recall"]),
            "torch-fidelity, without density and coverage": torch_fidelity_prc,
        },
        "IS of 1,008 classes": {
            "ours": lambda: inception_score(logits.softmax(1)).mean,
            "torch-fidelity": torch_fidelity_isc,
        },
    }


def timed(ways: Ways, rounds: int) -> list[list[str]]:
    """Rows of a table: medians, round by round beside ours, values."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    values, failed = {}, {}
    for number in range(rounds):
        order = list(ways)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            if name in failed:
                continue
            began = time.perf_counter()
            try:
                values[name] = ways[name]()
            except (TypeError, ValueError) as error:  # beside newer libraries than it was made for
                failed[name] = " ".join(str(error).split())[:80]
                continue
            seconds[name].append(time.perf_counter() - began)
    rows = []
    for name in ways:
        if name in failed:
            rows.append([name, f"does not run here ({failed[name]})", "", ""])
            continue
        ratios = [a / b for a, b in zip(seconds[name], seconds["ours"], strict=True)]
        rows.append([
            name, f"{statistics.median(seconds[name]):.2f} s",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{values[name]:.6g}",
        ])  # fmt: skip
    return rows


def main(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    real, fake = (features(given.samples, LARGE, seed) for seed in (0, 1))
    rows = [["metric", "tool", "time", "× ours, by the round", "value"]]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for metric, ways in contests(real, fake).items():
            rows += [[metric, *row] for row in timed(ways, given.rounds)]
    notes = [
        f"{given.samples:,} × {LARGE:,} features of each set in float32, {given.threads} "
        f"thread(s), {given.rounds} rounds in turns, the order turned round each time; medians "
        "(least to most). FID with mean and covariance of both sets. clean-fid and prdc take as "
        "many threads as they choose by themselves.",
    ]  # fmt: skip
    report.write("speed/measuring", "Metrics from features, beside other tools", rows, notes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--threads", type=int, default=2)
    main(parser.parse_args())
