"""Golden curves: a refactor leaves short fixed-seed runs on the CPU bit-identical.

Sums are rounded differently on other processors and by other torch builds, so the curves are kept
per kind of machine; on a kind that is not in the file they are compared to a relative 1e-3 with
those of the first kind. To write them for this kind, after a change that means to change them:

    STEADYGAN_GOLDEN=write pytest tests/golden
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest
import torch

import steadygan
from steadygan.training import load_tensors

FILE = Path(__file__).with_name("curves.json")
COMMON = ["training.threads=1", "training.record_every=1", "training.probe_every=0",
          "training.sample_every=0", "training.best=none"]  # fmt: skip
RUNS: dict[str, tuple[str, str, int, list[str]]] = {
    "wgan-gp on points": ("25-grid", "wgan-gp", 6, ["training.batch_size=32"]),
    "wgan-gp on images": (
        "digits", "wgan-gp", 4, ["architecture.width=8", "training.batch_size=16"],
    ),
    "wgan on images": (
        "digits", "wgan", 3,
        ["architecture.width=8", "training.batch_size=16", "burst.n_critic=7", "burst.first=1"],
    ),
    "resnet": (
        "digits", "wgan-gp-resnet", 3,
        ["architecture.width=8", "training.batch_size=16", "training.accumulation=2"],
    ),
    "digits": ("digits", "digits", 10, ["training.clip_gradient_norm=1.0"]),
    "r3gan on points": ("25-grid", "r3gan", 6, ["training.batch_size=32"]),
    "acgan": ("digits", "acgan", 4, ["architecture.width=8", "training.batch_size=16"]),
    "projection": ("digits", "projection", 3, ["architecture.width=8", "training.batch_size=16"]),
    "stabilisers": (
        "digits", "nsgan", 4,
        ["architecture.width=8", "training.batch_size=16", "stabiliser=InstanceNoise(0.1), "
         "DifferentiableAugmentation(), Packing(2), LatentNoise(0.3), HistoricalAveraging(0.1), "
         "HistoricalCritic(0.9), FeatureMatching(1.0, 1.0)", "penalty=Term(DRAGAN(), 1.0, 2)"],
    ),
    "extragradient": (
        "25-grid", "nsgan", 4,
        ["extragradient=true", "generator_optimiser=OptimisticAdam()", "training.batch_size=32"],
    ),
}  # fmt: skip


def machine_kind() -> str:
    cpu = Path("/proc/cpuinfo")
    model = "unknown"
    if cpu.exists():
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in cpu.read_text().split("\n\n")[0].splitlines()
            if ":" in line
        )
        names = ("vendor_id", "cpu family", "model")
        model = "/".join(fields.get(name, "?") for name in names)
    capability = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, {platform.machine()}, {model}, {capability}"


def curve(name: str, folder: Path) -> dict[str, Any]:
    data, recipe, steps, overrides = RUNS[name]
    run = steadygan.train(
        data, recipe, out=folder / "run", steps=steps, seed=7, overrides=[*COMMON, *overrides],
        device="cpu",
    )  # fmt: skip
    weights, _ = load_tensors(run.files.generator)
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(weights[key].numpy().tobytes())
    signals = ("critic.loss", "generator.loss", "critic.gradient_norms.critic")
    numbers = {signal: run.history.column(signal)[1] for signal in signals}
    return {"numbers": numbers, "weights_sha256": digest.hexdigest()}


@pytest.mark.parametrize("name", RUNS)
def test_golden(name: str, tmp_path: Path) -> None:
    found = curve(name, tmp_path)
    golden = json.loads(FILE.read_text()) if FILE.exists() else {}
    kind = machine_kind()
    if os.environ.get("STEADYGAN_GOLDEN") == "write":
        golden.setdefault(kind, {})[name] = found
        FILE.write_text(json.dumps(golden, indent=1) + "\n")
    if kind in golden:
        assert found == golden[kind][name]
        return
    reference = next(iter(golden.values()))[name]["numbers"]
    for signal, values in reference.items():
        # Relative to the curve's own size: a loss that crosses zero has no scale of its own there.
        scale = max(abs(value) for value in values)
        assert found["numbers"][signal] == pytest.approx(values, abs=1e-3 * scale), signal
