"""Metrics on feature arrays: agreement with other tools, time and memory, and what real data score
against other real data.

    python benchmarks/metrics.py            needs the extras ``fid`` and ``bench``
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import report
import torch
from torch import Tensor

from steadygan.metrics.earth_mover import earth_mover
from steadygan.metrics.frechet import frechet_distance, gaussian
from steadygan.metrics.inception_score import inception_score
from steadygan.metrics.kernel import kernel_distance
from steadygan.metrics.prdc import prdc
from steadygan.metrics.sliced_wasserstein import directions, sliced_wasserstein

# Written down before the runs, from the issue.
AGREEMENT, FASTER, MEMORY = 1e-4, 5.0, {"prdc": 1.0, "statistics": 2.0}

N, DIMENSIONS = 2_000, 256
LARGE = 2_048


def features(n: int, d: int, seed: int) -> Tensor:
    """Like what a network leaves: not negative, correlated, a spectrum that falls."""
    rng = torch.Generator().manual_seed(seed)
    fixed = torch.Generator().manual_seed(1)
    mixing = torch.randn(d, d, generator=fixed) * torch.linspace(1.0, 0.05, d) / d**0.5
    shift = 0.1 * seed
    return torch.relu(torch.randn(n, d, generator=rng) @ mixing.T + shift)


def let_torchvision_load() -> torch.library.Library:
    """Other tools import torchvision, whose operators need the very torch it was built for; none is
    used here, only their names are asked for when it is loaded. They are known as long as what is
    returned is held."""
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def agreement() -> tuple[list[list[str]], float]:
    """The same arrays through other tools; the largest relative difference."""
    _library = let_torchvision_load()
    from cleanfid import fid as cleanfid
    from prdc import compute_prdc
    from scipy.linalg import sqrtm
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    real, fake = features(N, DIMENSIONS, 0).double(), features(N, DIMENSIONS, 1).double()
    x, y = real.numpy(), fake.numpy()
    logits = fake[:, :10] * 4
    few_real, few_fake = real[:200], fake[:200]
    ours = frechet_distance(gaussian(real), gaussian(fake))
    thin = frechet_distance(gaussian(few_real), gaussian(few_fake))
    found, score = prdc(real, fake).means(), inception_score(logits.softmax(1))
    kid = kernel_distance(real, fake)

    def torch_fidelity_fid(a: Tensor, b: Tensor) -> float:
        statistics = [metric_fid.fid_features_to_statistics(each) for each in (a, b)]
        return float(
            metric_fid.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
        )

    def scipy_fid(a: np.ndarray, b: np.ndarray) -> float:
        s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        gap = a.mean(0) - b.mean(0)
        return float(gap @ gap + np.trace(s) + np.trace(t) - 2 * np.trace(sqrtm(s @ t).real))

    def torch_fidelity_kid() -> float:
        whole = metric_kid.kid_features_to_metric(
            real, fake, kid_subsets=1, kid_subset_size=N, verbose=False, rng_seed=0
        )
        return float(whole["kernel_inception_distance_mean"])

    def torch_fidelity_prc() -> dict[str, float]:
        return metric_prc.prc_features_to_metric(
            fake, real, prc_neighborhood=5, prc_batch_size=1_000, save_cpu_ram=False, verbose=False
        )

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        isc = metric_isc.isc_features_to_metric(logits, 10, shuffle=False)
        theirs = compute_prdc(x, y, nearest_k=5)
        prc = torch_fidelity_prc()
        pairs = [
            ("FID", "torch-fidelity", ours, torch_fidelity_fid(real, fake)),
            ("FID", "scipy sqrtm", ours, scipy_fid(x, y)),
            ("FID", "clean-fid", ours, _or_reason(lambda: cleanfid.fid_from_feats(x, y))),
            ("FID, 200 samples", "torch-fidelity", thin, torch_fidelity_fid(few_real, few_fake)),
            ("KID, all pairs", "torch-fidelity", kid, torch_fidelity_kid()),
            ("KID, all pairs", "clean-fid", kid, cleanfid.kernel_distance(x, y, 1, N)),
            ("IS, mean", "torch-fidelity", score.mean, isc["inception_score_mean"]),
            ("IS, std", "torch-fidelity", score.std, isc["inception_score_std"]),
            *((name, "prdc", found[name], float(theirs[name])) for name in found),
            ("precision", "torch-fidelity", found["precision"], prc["precision"]),
            ("recall", "torch-fidelity", found["recall"], prc["recall"]),
            *_transport(few_real, few_fake),
        ]
    rows, worst = [], 0.0
    for name, tool, mine, its in pairs:
        if isinstance(its, str):
            rows.append([name, tool, f"{mine:.8g}", its, ""])
            continue
        difference = abs(mine - its) / max(abs(its), 1e-12)
        worst = max(worst, difference)
        rows.append([name, tool, f"{mine:.8g}", f"{its:.8g}", f"{difference:.1e}"])
    return rows, worst


def _transport(real: Tensor, fake: Tensor) -> list[tuple[str, str, float, float]]:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist
    from scipy.stats import wasserstein_distance

    costs = cdist(real.numpy(), fake.numpy())
    best = float(costs[linear_sum_assignment(costs)].mean())
    along = directions(real.shape[1], 50, torch.Generator().manual_seed(0)).double()
    gaps = (real @ along).sort(0).values - (fake @ along).sort(0).values
    line = wasserstein_distance((real @ along)[:, 0].numpy(), (fake @ along)[:, 0].numpy())
    return [
        ("earth mover", "scipy assignment", earth_mover(real, fake), best),
        ("earth mover, one direction", "scipy", earth_mover(
            (real @ along)[:, :1], (fake @ along)[:, :1]), line),
        ("sliced Wasserstein", "sorted by NumPy", sliced_wasserstein(real, fake, along),
         float(gaps.square().mean().sqrt())),
    ]  # fmt: skip


def _or_reason(compute: Callable[[], float]) -> float | str:
    """A tool that does not run beside the libraries that are here is no failure of ours."""
    try:
        return float(compute())
    except (TypeError, ValueError) as error:
        return f"does not run here ({' '.join(str(error).split())[:80]})"


def times() -> tuple[list[list[str]], float]:
    """The distance of two Gaussians of 2,048 dimensions, in turns: the same covariances in."""
    from scipy.linalg import sqrtm

    a, b = (features(10_000, LARGE, seed) for seed in (0, 1))
    first, second = (torch.cov(x.T.double()) for x in (a, b))
    gap = float((a.double().mean(0) - b.double().mean(0)).square().sum())
    traces = float(first.trace() + second.trace())

    def through_sqrtm() -> float:
        root = sqrtm(first.numpy() @ second.numpy()).real
        return gap + traces - 2 * float(np.trace(root))

    def through_product() -> float:  # as torch-fidelity does it
        values = np.linalg.eigvals(first.numpy() @ second.numpy())
        return gap + traces - 2 * float(np.sqrt(values.astype("complex128")).real.sum())

    def ours() -> float:
        from steadygan.metrics.frechet import gaussian_of

        means = (x.double().mean(0) for x in (a, b))
        pairs = zip(means, (first, second), strict=True)
        return frechet_distance(*(gaussian_of(mean, each, 10_000) for mean, each in pairs))

    ways = {"scipy sqrtm": through_sqrtm, "eigenvalues of the product": through_product}
    taken: dict[str, list[float]] = {name: [] for name in ("ours", *ways)}
    values = {}
    for _ in range(3):
        for name, way in {"ours": ours, **ways}.items():
            began = time.perf_counter()
            values[name] = way()
            taken[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(each) for name, each in taken.items()}
    ratios = {name: medians[name] / medians["ours"] for name in medians}
    rows = [
        [name, f"{medians[name]:.2f} s", f"{ratios[name]:.1f} ×", f"{values[name]:.10g}"]
        for name in medians
    ]
    return rows, ratios["scipy sqrtm"]


def peaks() -> dict[str, tuple[float, float, float]]:
    """Memory above that of the arrays, and seconds, each in a process of its own."""
    found = {}
    for name in MEMORY:
        result = subprocess.run(
            [sys.executable, __file__, f"--peak={name}"], check=True, capture_output=True, text=True
        )
        arrays, extra, seconds = (float(each) for each in result.stdout.split())
        found[name] = arrays, extra, seconds
    return found


def peak(name: str) -> None:
    """One measurement, printed: GB of the arrays, GB that computing took besides, seconds."""
    n, d = {"prdc": (10_000, LARGE), "statistics": (50_000, LARGE)}[name]
    arrays = [torch.rand(n, d) for _ in range(2 if name == "prdc" else 1)]
    torch.rand(64, 64) @ torch.rand(64, 64)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is held now
    before = _peak_so_far()
    began = time.perf_counter()
    if name == "prdc":
        prdc(*arrays)
    else:
        gaussian(arrays[0])
    seconds = time.perf_counter() - began
    extra = _peak_so_far() - before
    size = sum(each.numel() * each.element_size() for each in arrays) / 1e9
    print(size, extra, seconds)


def _peak_so_far() -> float:
    """GB of memory that the process has held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * float(line.split()[1]) / 1e9 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    peers, worst = agreement()
    timed, ratio = times()
    memory = peaks()
    lines = [
        "## The same arrays through other tools",
        "",
        f"{N:,} × {DIMENSIONS} features of each set, k = 5 neighbours; transport on 200.",
        "",
        *report.table([["metric", "tool", "ours", "theirs", "relative difference"], *peers]),
        "",
        f"## The Fréchet distance in {LARGE:,} dimensions",
        "",
        f"From the same two covariances, in turns, medians of 3, {torch.get_num_threads()} "
        "thread(s).",
        "",
        *report.table([["way", "time", "against ours", "value"], *timed]),
        "",
        "## Memory",
        "",
        *report.table([
            ["what", "the arrays", "besides them", "time"],
            *(
                [what, f"{memory[name][0]:.2f} GB", f"{memory[name][1]:.2f} GB",
                 f"{memory[name][2]:.0f} s"]
                for name, what in (
                    ("prdc", f"precision to coverage, 10,000 × 10,000, {LARGE:,} features"),
                    ("statistics", f"mean and covariance of 50,000 × {LARGE:,}"),
                )
            ),
        ]),
        "",
        f"- **{_verdict(worst <= AGREEMENT)}**: relative difference at most {AGREEMENT:g} "
        f"(the largest is {worst:.1e}).",
        f"- **{_verdict(ratio >= FASTER)}**: at least {FASTER:g} times as fast as scipy's sqrtm.",
        f"- **{_verdict(memory['prdc'][1] <= MEMORY['prdc'])}**: precision to coverage in under "
        f"{MEMORY['prdc']:g} GB.",
        f"- **{_verdict(sum(memory['statistics'][:2]) <= MEMORY['statistics'])}**: statistics "
        f"in under {MEMORY['statistics']:g} GB, the features among them.",
    ]  # fmt: skip
    report.write_page("metrics", "Metrics on feature arrays", lines)


def _verdict(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD"


if __name__ == "__main__":
    chosen = next((each for each in sys.argv[1:] if each.startswith("--peak=")), None)
    if chosen:
        peak(chosen.removeprefix("--peak="))
    else:
        main()
