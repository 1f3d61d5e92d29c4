"""25-grid with the preset wgan-gp on several seeds."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import report

# Written down before the runs, from the issue.
MODES, SHARE, SECONDS = 25, 0.80, 300.0


def main(seeds: list[int]) -> None:
    rows = [["seed", "training", "modes of 25", "within 3σ", "rarest mode's share (even: 0.040)"]]
    good = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            command = ["steadygan", "train", "25-grid", "--recipe", "wgan-gp", "--out", str(out)]
            subprocess.run([*command, "--seed", str(seed)], check=True, stdout=sys.stderr)
            seconds = json.loads((out / "status.json").read_text())["seconds"]
            found = json.loads((out / "metrics.json").read_text())["measurements"]
        value = {m["name"]: m["value"] for m in found}
        modes, share = int(value["modes found"]), value["high-quality share"]
        good += modes == MODES and share >= SHARE and seconds <= SECONDS
        rows.append([
            str(seed), f"{seconds:.0f} s", str(modes), f"{share:.3f}",
            f"{value['smallest mode share']:.3f}",
        ])  # fmt: skip
    report.write(
        "grid",
        "25-grid with wgan-gp",
        rows,
        [
            f"{good} of {len(seeds)} seeds find all 25 modes with at least 80 % of 10,000 samples "
            "within 3σ, in at most 300 s. Samples of the mixture itself: 0.989 within 3σ.",
        ],
    )


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [0, 1, 2])
