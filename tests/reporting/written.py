"""A run directory written by hand, without training."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from steadygan.data import load
from steadygan.history import to_line
from steadygan.recipes import resolve, to_json
from steadygan.record import Row
from steadygan.run import Run, data_to_json


def write_run(directory: Path, recipe: str = "wgan-gp", data: str = "digits") -> Run:
    """A run written by hand, without weights or samples: its report is the same everywhere."""
    directory.mkdir(parents=True)
    dataset = load(data)
    spec = dataset.spec
    _write(directory / "recipe.json", to_json(resolve(recipe)(spec)))
    _write(directory / "data.json", data_to_json(dataset, data))
    _write(
        directory / "environment.json",
        {"steadygan": "0.1.0", "torch": "2.13.0", "processor": "AVX512", "device": "cpu",
         "cores": 2, "command": ["steadygan", "train", data], "began": "2026-11-21T08:00:00+00:00",
         "data_root": None, "overrides": []},
    )  # fmt: skip
    _write(
        directory / "status.json",
        {"status": "finished", "reason": "the budget is spent", "step": 40, "seconds": 4.0},
    )
    _write(directory / "metrics.json", {"measurements": MEASUREMENTS})
    (directory / "history.jsonl").write_text("".join(f"{to_line(row)}\n" for row in rows()))
    return Run(directory)


MEASUREMENTS = [
    {"name": "coverage", "value": 0.91, "n_real": 1438, "n_fake": 1438, "features": "pixels",
     "reference": 0.964, "note": "k=5", "interval": [0.9, 0.92], "over": "samples",
     "resize": "bicubic"},
    {"name": "modes found", "value": 24, "n_real": 0, "n_fake": 10000, "features": "coordinates",
     "reference": None, "note": "of 25", "unheard": 1},
]  # fmt: skip


def rows() -> list[Row]:
    """A history with one rollback, one refused update and one number that is not finite."""

    def record(step: int, estimate: float) -> Row:
        values = {
            "progress": step / 40, "critic.loss": 0.5 - estimate,
            "critic.terms.wasserstein": -estimate, "critic.terms.gradient_penalty": 0.5,
            "critic.gradient_norms.critic": 2.0,
            "critic.input_gradient_norms.gradient_penalty.mean": 1.1,
            "critic.input_gradient_norms.gradient_penalty.std": 0.1,
            "critic.scores.real.mean": estimate, "critic.scores.fake.mean": 0.0,
            "critic.refused": float(math.isnan(estimate)), "generator.loss": 0.1,
            "generator.terms.wasserstein": 0.1, "generator.gradient_norms.generator": 0.5,
        }  # fmt: skip
        return Row("record", step, step / 10, values, step / 100)

    def probe(step: int, coverage: float) -> Row:
        values = {
            "probe.coverage": coverage, "probe.estimate.train": 1.0,
            "probe.estimate.validation": 0.8, "probe.input_gradient_norm": 1.05,
            "probe.weight_norm.generator": 9.0, "probe.weight_norm.critic": 8.0,
        }  # fmt: skip
        return Row("probe", step, step / 10, values)

    return [
        record(10, 2.0),
        record(20, 1.5),
        probe(20, 0.5),
        Row("event", 20, 2.0, {"event": "best", "value": 0.5}),
        record(30, math.nan),
        Row("event", 20, 3.0, {"event": "rollback", "from": 30, "to": 20, "count": 1}),
        record(30, 1.25),
        record(40, 1.0),
        probe(40, 0.75),
        Row("event", 40, 4.0, {"event": "end", "status": "finished", "reason": "done"}),
    ]


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))
