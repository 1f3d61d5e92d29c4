"""Fashion-MNIST in bfloat16 and in float32, as long as each other by the clock: is it worse?

    python benchmarks/speed/quality.py [FOLDER]

Steps are timed first, in turn; then every run gets as many as fit into its minutes at that speed,
so that a busy moment of the machine does not decide.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

# As the command line does, and before torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for report.py

import report

import steadygan
from steadygan.memory import keep_freed_memory

# Written down before the runs.
MINUTES, SEEDS = 3.0, (0, 1, 2)
PRECISIONS = ("float32", "bfloat16")
TIMED_STEPS, ROUNDS = 40, 3
SETTINGS = [
    "architecture=DCGAN(width=32, generator_norm='batch', critic_norm=None)",
    "training.probe_every=0", "training.sample_every=0", "training.best=none",
]  # fmt: skip
# bfloat16's median coverage is at least float32's, less the range that float32 has over seeds.


def train(folder: Path, precision: str, seed: int, steps: int) -> tuple[float, dict[str, Any]]:
    """Milliseconds per step, and the measurements by name."""
    if not (folder / "metrics.json").exists():
        steadygan.train(
            "fashion-mnist", "wgan-gp", out=folder, seed=seed, steps=steps,
            overrides=[*SETTINGS, f"training.precision={precision}",
                       "training.memory_format=channels_last"],
        )  # fmt: skip
    status = json.loads((folder / "status.json").read_text())
    found = json.loads((folder / "metrics.json").read_text())["measurements"]
    return 1e3 * status["seconds"] / status["step"], {each["name"]: each for each in found}


def main(folder: Path) -> None:
    keep_freed_memory()
    times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for index in range(ROUNDS):
        for precision in PRECISIONS:
            out = folder / f"time-{precision}-{index}"
            times[precision].append(train(out, precision, 0, TIMED_STEPS)[0])
    rows = [["precision", "seed", "ms per step", "steps", "coverage", "real against real",
             "smallest and largest class"]]  # fmt: skip
    coverage: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for seed in SEEDS:
        for precision in PRECISIONS:
            speed = statistics.median(times[precision])
            steps = round(MINUTES * 60_000 / speed)
            print(f"{precision}, seed {seed}: {steps} steps", file=sys.stderr, flush=True)
            _, found = train(folder / f"{precision}-{seed}", precision, seed, steps)
            coverage[precision].append(found["coverage"]["value"])
            shares = [found[f"{which} class share"]["value"] for which in ("smallest", "largest")]
            rows.append([
                precision, str(seed), f"{speed:.0f}", str(steps),
                f"{found['coverage']['value']:.3f}", f"{found['coverage']['reference']:.3f}",
                f"{shares[0]:.3f}, {shares[1]:.3f}",
            ])  # fmt: skip
    plain, quick = (coverage[precision] for precision in PRECISIONS)
    least = statistics.median(plain) - (max(plain) - min(plain))
    holds = statistics.median(quick) >= least
    report.write(
        "speed/quality",
        "Fashion-MNIST, bfloat16 and float32 for the same time",
        rows,
        [
            f"- **{'holds' if holds else 'DOES NOT HOLD'}**: bfloat16's median coverage "
            f"({statistics.median(quick):.3f}) is at least float32's "
            f"({statistics.median(plain):.3f}), less the range that float32 has over the seeds.",
            "",
            f"`wgan-gp` with DCGAN of width 32, {MINUTES:g} minutes' worth of steps each at the "
            "speeds measured in turn before; two cores.",
        ],
    )


if __name__ == "__main__":
    report.in_folder(main)
