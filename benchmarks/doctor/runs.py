"""Train the doctor's runs, those that have not been trained yet.

    python benchmarks/doctor/runs.py FOLDER [--group GROUP] [--only WORD…] [--share I/N]

Each run becomes FOLDER/NAME: what any run leaves, and ``oracle.json``, which the doctor does not
read. Several processes may work at once, each on its share. The checkpoints of a finished run are
removed but for the last.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import torch
from cases import CASES, GROUPS, Case
from substrates import oracle

from steadygan import Run, app
from steadygan.data import DataOptions, Dataset
from steadygan.diagnosis import names
from steadygan.errors import SteadyganError
from steadygan.recipes import Recipe


def carry_out(case: Case, folder: Path) -> None:
    """Train a case and write what is true of it."""
    root = folder / case.name
    if (root / "oracle.json").exists():
        return
    if root.exists():
        shutil.rmtree(root)  # of an earlier time that was cut off
    began = time.monotonic()
    first = case.substrate.load(DataOptions())
    recipe = case.recipe(first.spec)
    data = data_of(case, recipe, first)
    run = app.train(data, recipe, out=root, allow=list(names()))  # the preflight is scored apart
    truth = truth_of(run, data)
    about = {
        "group": case.group, "cause": case.cause, "on": case.on, "start": case.start,
        "severity": case.severity, "seed": case.seed, "faulty": case.faulty,
        "accepted": case.accepted, "status": run.status,
        "seconds": round(time.monotonic() - began, 1), "truth": truth,
    }  # fmt: skip
    for file in sorted((root / "checkpoints").glob("*.safetensors"))[:-1]:
        file.unlink()
    (root / "oracle.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"{case.name}: {run.status}, {about['seconds']} s, {truth}", file=sys.stderr, flush=True)


def data_of(case: Case, recipe: Recipe, first: Dataset) -> Dataset:
    """What a recipe trains on: the case's data as they were first read, or as it wants them."""
    return first if recipe.data == DataOptions() else case.substrate.load(recipe.data)


def truth_of(run: Run, data: Dataset) -> dict[str, float]:
    """What the oracle says of a run's samples."""
    fake = torch.from_numpy(run.sample(1_000)).float()
    return oracle(data, _encoded(data, fake), data.encode(data.validation).x)


def _encoded(data: Dataset, decoded: torch.Tensor) -> torch.Tensor:
    """Samples in the user's form, encoded again."""
    codec = data.codec
    stored = decoded.permute(0, 3, 1, 2) if decoded.ndim == 4 else decoded
    if decoded.ndim == 4:  # bytes of 0 to 255, whatever the data's own maximum
        return stored / 127.5 - 1.0
    return codec.encode(stored)


def main(given: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    part, parts = map(int, given.share.split("/"))
    chosen = [
        case
        for case in CASES
        if given.group in (None, case.group) and all(word in case.name for word in given.only)
    ]
    failed = []
    for case in chosen[part::parts]:
        try:
            carry_out(case, given.folder)
        except SteadyganError as error:  # a fault of this benchmark: the others go on
            failed.append(f"{case.name}: {error}")
            print(f"FAILED {failed[-1]}", file=sys.stderr, flush=True)
    if failed:
        raise SystemExit("\n".join(["these were not trained:", *failed]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--group", choices=GROUPS)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--share", default="0/1")
    main(parser.parse_args())
