"""Our training step beside others': one run, the same networks, batch and threads, in turns.

    python benchmarks/speed/step.py PEERS [--only NAME…] [--settings NAME…] [--rounds R]
        [--threads N]

PEERS is a folder with the peers' own code, which is no part of this project: ``pytorch_gan``
(eriklindernoren/PyTorch-GAN), ``torchgan`` (torchgan/torchgan), ``mimicry`` (kwotsin/mimicry) and
``caogang`` (caogang/wgan-gp), each as it is in its repository, with a file ``COMMIT`` if the result
is to name it, and ``jax``, a virtual environment with JAX. Who is not there is left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for report.py

import rates
import report
import torch
from alternation import Worker, WorkerError, alternate, ratios, with_spread
from contestants import CONTESTANTS
from memory import MIB
from settings import SETTINGS, Setting

BASES = ("eager float32", "ours float32", "ours bfloat16")
WARM_UP = 2  # iterations: allocators, compilation
HEADER = [
    "setting", "contestant", "ms per iteration", "× eager float32", "× ours float32",
    "× ours bfloat16", "critic + generator updates", "GFLOP/s", "share of products",
    "peak MiB", "of that, steps",
]  # fmt: skip

COLUMNS = (
    "× X: this one's time over X's, round by round. Ours keeps freed memory, as the command does.",
    "GFLOP/s: the operations of the plain eager loop over the time, whoever does fewer; *share of "
    "products*: of the fastest matrix product in the contestant's precision, by whichever way.",
    "Peak: of the whole process; *of that, steps*: beyond what it had before its first iteration.",
)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def started(
    setting: Setting, names: Sequence[str], peers: Path, threads: int
) -> tuple[dict[str, Worker], list[str]]:
    """Everyone who can train this setting, warm, and why the others cannot."""
    workers: dict[str, Worker] = {}
    left_out = []
    for name in names:
        contestant = CONTESTANTS[name]
        reason = contestant.leaves_out.get(setting.name)
        if reason is None:
            try:
                worker = Worker(contestant, setting, peers, threads)
                worker.seconds(WARM_UP)
                workers[name] = worker
                say(f"{setting.name}: {name} is ready")
                continue
            except WorkerError as error:
                reason = str(error)
        left_out.append(f"- {setting.title}: without {name}: {reason}.")
        say(left_out[-1])
    sizes = {worker.parameters for worker in workers.values()}
    assert len(sizes) <= 1, f"networks of different sizes: {sizes}"
    return workers, left_out


def rows_of(
    setting: Setting,
    times: Mapping[str, Sequence[float]],
    workers: Mapping[str, Worker],
    fastest: Mapping[str, float],
    operations: int,
    iterations: int,
) -> list[list[str]]:
    rows = []
    for name, seconds in times.items():
        precision = CONTESTANTS[name].precision
        rate = operations / statistics.median(seconds)
        critic, generator = (count / iterations for count in workers[name].updates)
        peak, before = workers[name].peak / MIB, workers[name].before / MIB
        rows.append([
            setting.title,
            name,
            with_spread([1e3 * each for each in seconds], 1),
            *(with_spread(ratios(times, name, base)) if base in times else "" for base in BASES),
            f"{critic:g} + {generator:g}",
            f"{rate / 1e9:.0f}",
            f"{100 * rate / fastest[precision]:.0f} %",
            f"{peak:.0f}",
            f"{max(0.0, peak - before):.0f}",
        ])  # fmt: skip
    return rows


def provenance(peers: Path, names: Sequence[str]) -> str:
    """At which commit each peer's code was."""
    found = []
    for name in names:
        folder = CONTESTANTS[name].folder
        commit = None if folder is None else peers / folder / "COMMIT"
        if commit is not None and commit.is_file():
            found.append(f"{name} at {commit.read_text().strip()[:10]}")
    return ", ".join(found) or "none with a file COMMIT"


def main(
    peers: Path, names: Sequence[str], settings: Sequence[str], rounds: int, threads: int
) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    rows, notes = [HEADER], []
    speed = rates.products()
    for setting in (each for each in SETTINGS if each.name in settings):
        operations = rates.counted(setting)
        needed = rates.by_hand(setting).needed
        workers, left_out = started(setting, names, peers, threads)
        try:
            times = alternate(workers, rounds, setting.per_round, say)
        finally:
            for worker in workers.values():
                worker.close()
        done = WARM_UP + rounds * setting.per_round
        rows += rows_of(setting, times, workers, rates.best(speed), operations, done)
        notes += left_out
        notes.append(
            f"- {setting.title}: {operations / 1e9:.1f} GFLOP an iteration as plain eager torch "
            f"does it (its own counter), of which the result needs {needed / 1e9:.1f}; "
            f"{setting.per_round} iterations a round."
        )
    report.write(
        "speed/step",
        "A training step, beside others",
        rows,
        [
            f"WGAN-GP; {threads} thread(s), {rounds} rounds in turns, medians (least to most). An "
            f"iteration is {SETTINGS[0].n_critic} critic updates and one of the generator.",
            "",
            *(f"- {line}" for line in COLUMNS),
            "",
            f"- Matrix products, GFLOP/s: {rates.as_rows(speed)}.",
            f"- Peers: {provenance(peers, names)}.",
            *notes,
        ],
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peers", type=Path, metavar="PEERS")
    all_settings = [each.name for each in SETTINGS]
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--settings", nargs="+", choices=all_settings, default=all_settings)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    main(given.peers, given.only, given.settings, given.rounds, given.threads)
