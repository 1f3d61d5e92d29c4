"""What the doctor costs: the same training with it and without.

    STEADYGAN_DATA=… python benchmarks/doctor/overhead.py [training|monitor]

Each training is composed by ``steadygan.train`` and runs twice per round from the same seed, in the
precision that is chosen for the recipe's whole budget: with looks, and with ``probe_every=0``,
which leaves out probes, duality gap and doctor and trains the same weights. The order changes from
round to round; the clocks run from the first step to the end of the last one's look. One look at
the recipe's interval would drown in the noise of a minute's training, so there are four, and what
they add is taken over four such intervals. That counts the first, which makes what the others use
again, as one in four. The doctor reads all rows each time: its time on those at the end of the
budget, the longest, is added to each look. Loops of one's own run side by side, with and without
``Monitor``. All of it on one thread.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # beside which report lies

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there to read it

import report
import torch
from substrates import DEVELOPMENT
from torch import Tensor, nn

import steadygan
from steadygan import app
from steadygan.data import DataOptions, Dataset, load
from steadygan.diagnosis.doctor import Doctor
from steadygan.interfaces import Architecture
from steadygan.networks import DCGAN, MLP
from steadygan.record import Row
from steadygan.training import Outcome, Status, Trainer

# Written down before the runs.
MOST = 5.0  # per cent
LOOKS = 4
BUDGET = 20_000  # steps, that presets have
UPDATES = {"digits": 2_000, "fashion-mnist": 400}  # of loops of one's own
WATCHED = 100  # of them at first, closely
PART = 20  # updates of the one loop, then of the other


@dataclass
class Timed(Trainer):
    """Attributes:
    trains: False where only its settings are asked for.
    wall, cpu: seconds of all steps and of what is done between them.
    doctor: CPU seconds of a diagnosis of as many rows as the recipe's whole budget has.
    """

    trains: bool = field(default=True, init=False)
    wall: float = field(default=0.0, init=False)
    cpu: float = field(default=0.0, init=False)
    doctor: float = field(default=0.0, init=False)

    def run(self) -> Outcome:
        rows: list[Row] = []
        if not self.trains:
            return Outcome(Status.INTERRUPTED, "SIGINT")
        self.observers = [*self.observers, rows.append]
        began = time.perf_counter(), time.process_time()
        super().run()
        self.wall = time.perf_counter() - began[0]
        self.cpu = time.process_time() - began[1]
        if self.settings.probe_every:
            whole = whole_run(rows, self.settings.record_every)
            doctor: Any = getattr(self.findings, "__self__", None)
            began_doctor = time.process_time()
            Doctor(doctor.recipe, whole).found()
            self.doctor = time.process_time() - began_doctor
        return Outcome(Status.INTERRUPTED, "SIGINT")  # what follows a training is not asked


def whole_run(rows: list[Row], record_every: int) -> list[Row]:
    """As many rows as a long budget has, of those that there are."""
    found = []
    for step in range(1, BUDGET + 1):
        for kind, every in (("record", record_every), ("probe", 500)):
            if step % every == 0:
                few = [row for row in rows if row.kind == kind]
                row = few[step // every % len(few)]
                found.append(Row(row.kind, step, 0.0, row.values))
    return found


def trained(data: Dataset, recipe: str | None, *overrides: str, trains: bool = True) -> Timed:
    made: list[Timed] = []

    def keep(*given: Any, **named: Any) -> Timed:
        made.append(Timed(*given, **named))
        made[-1].trains = trains
        return made[-1]

    composed = app.Trainer
    app.Trainer = keep  # type: ignore[misc, assignment]
    try:
        with tempfile.TemporaryDirectory() as folder:
            steadygan.train(data, recipe, out=Path(folder) / "run", overrides=overrides, seed=0)
    finally:
        app.Trainer = composed  # type: ignore[misc]
    return made[0]


@dataclass(frozen=True)
class Pair:
    """A training to be run with the doctor and without; ``steps`` have ``LOOKS`` looks."""

    title: str
    data: Callable[[DataOptions], Dataset]
    recipe: str | None
    steps: int
    rounds: int

    def measured(self) -> tuple[list[str], float]:
        """Cells of a row, and the extra CPU time at the recipe's interval in per cent."""
        data = self.data(DataOptions(limit=4_000))
        chosen = trained(data, self.recipe, trains=False).settings
        frozen = f"precision={chosen.precision}", f"memory_format={chosen.memory_format}"
        both: list[tuple[Timed, Timed]] = []
        for number in range(self.rounds):
            arms = (0, self.steps // LOOKS)
            taken = {}
            for looks in arms[:: 1 if number % 2 else -1]:
                settings = *frozen, f"steps={self.steps}", f"probe_every={looks}"
                overrides = [f"training.{each}" for each in settings]
                taken[looks] = trained(data, self.recipe, *overrides)
            both.append((taken[arms[0]], taken[arms[1]]))
        every = chosen.probe_every
        share = 100 * self.steps / LOOKS / every
        doctor = statistics.median(b.doctor for _, b in both)
        cpu = [share * ((b.cpu + LOOKS * doctor) / a.cpu - 1) for a, b in both]
        wall = [share * ((b.wall + LOOKS * doctor) / a.wall - 1) for a, b in both]
        step = statistics.median(a.cpu for a, _ in both) / self.steps
        look = statistics.median(b.cpu - a.cpu for a, b in both) / LOOKS
        extra = statistics.median(cpu)
        return [
            self.title, f"{self.rounds} × {self.steps:,} steps", f"{1e3 * step:.1f} ms",
            f"{1e3 * look:.0f} ms", f"{1e3 * doctor:.0f} ms", f"{every} steps",
            *(f"{statistics.median(e):.2f} % ({min(e):.2f} to {max(e):.2f})" for e in (cpu, wall)),
            f"{extra * every / 250:.2f} %",
        ], extra  # fmt: skip


class Loop:
    """A plain loop as it is found everywhere, with or without a monitor."""

    def __init__(self, dataset: Dataset, architecture: Architecture, monitored: bool) -> None:
        torch.manual_seed(0)
        networks = architecture.build(dataset.spec._replace(classes=None), 100)
        self.generator, self.critic = networks["generator"], networks["critic"]
        adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))
        self.of_critic = adam(self.critic.parameters())
        self.of_generator = adam(self.generator.parameters())
        self.data = dataset
        self.loss = nn.BCEWithLogitsLoss()
        self.monitor = None
        if monitored:
            self.folder = tempfile.TemporaryDirectory()
            self.monitor = steadygan.Monitor(
                self.generator, self.critic, self.of_critic, self.of_generator,
                out=Path(self.folder.name) / "watched",
            )  # fmt: skip

    def updates(self, count: int) -> None:
        for _ in range(count):
            chosen = torch.randint(len(self.data.train), (64,))
            self.update(self.data.codec.encode(self.data.train.take(chosen).x))

    def update(self, real: Tensor) -> None:
        fake = self.generator(torch.randn(len(real), 100))
        of_real, of_fake = self.critic(real).flatten(), self.critic(fake.detach()).flatten()
        loss = self.loss(of_real, torch.ones_like(of_real))
        loss = loss + self.loss(of_fake, torch.zeros_like(of_fake))
        self.of_critic.zero_grad()
        if self.monitor is not None:
            self.monitor.critic(of_real, of_fake, loss=loss, real=real, fake=fake)
        loss.backward()
        self.of_critic.step()
        of_fake = self.critic(fake).flatten()
        loss = self.loss(of_fake, torch.ones_like(of_fake))
        self.of_generator.zero_grad()
        if self.monitor is not None:
            self.monitor.generator(of_fake, loss=loss)
        loss.backward()
        self.of_generator.step()


def monitored(dataset: Dataset, architecture: Architecture, updates: int) -> list[str]:
    """Cells of a row: the loop's own time, and what the monitor adds at first, later, over all."""
    plain, watched = (Loop(dataset, architecture, each) for each in (False, True))
    Loop(dataset, architecture, False).updates(PART)  # warm
    pairs = []
    for part in range(updates // PART):
        taken = {}
        for loop in (plain, watched)[:: 1 if part % 2 else -1]:
            began = time.perf_counter(), time.process_time()
            loop.updates(PART)
            taken[loop is watched] = time.perf_counter() - began[0], time.process_time() - began[1]
        pairs.append((*taken[False], *taken[True]))
    first, later = pairs[: WATCHED // PART], pairs[WATCHED // PART :]
    wall = [100 * (with_it / without - 1) for without, _, with_it, _ in later]
    cpu = [100 * (with_it / without - 1) for _, without, _, with_it in later]
    total = [sum(each) for each in zip(*pairs, strict=True)]
    return [
        f"{1e3 * statistics.median(each[1] for each in pairs) / PART:.2f} ms",
        f"{100 * (sum(e[3] for e in first) / sum(e[1] for e in first) - 1):.0f} %",
        *(f"{statistics.median(each):.1f} % ({quartiles(each)})" for each in (cpu, wall)),
        f"{100 * (total[3] / total[1] - 1):.1f} % of {updates:,} updates",
    ]


def quartiles(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:.1f} to {high:.1f}"


PAIRS = (
    Pair("points: 8-ring, wgan-gp", partial(load, "8-ring"), "wgan-gp", 200, 3),
    Pair("digits, digits", partial(load, "digits"), None, 800, 3),
    Pair("images: Fashion-MNIST, dcgan", partial(load, "fashion-mnist"), "dcgan", 100, 2),
    Pair("table: six columns of Adult, wgan-gp", DEVELOPMENT["adult"].load, "wgan-gp", 200, 3),
)


def trainings() -> None:
    rows = [["training", "each way", "CPU of a step", "CPU of a look",
             f"of a diagnosis at {BUDGET:,} steps", "a look every", "extra CPU time (range)",
             "extra time (range)", "extra CPU time, a look every 250 steps"]]  # fmt: skip
    verdicts = []
    for pair in PAIRS:
        cells, extra = pair.measured()
        rows.append(cells)
        print(" | ".join(cells), flush=True)
        verdict = "holds" if extra <= MOST else "DOES NOT HOLD"
        verdicts.append(f"- **{verdict}**: {pair.title}: at most {MOST:g} % of extra CPU time.")
    report.write_page(
        "doctor/overhead",
        "What the doctor costs",
        [
            *report.table(rows), "",
            f"Medians over the rounds of what {LOOKS} looks add to a training, per {LOOKS} of the "
            "recipe's intervals, and their range. A look is all that the interval decides: every "
            "probe on at most 1,000 held-out samples, the duality gap where the recipe has it, and "
            f"a diagnosis of the rows so far, counted as that at {BUDGET:,} steps. Data: at most "
            "4,000 samples.", "",
            *verdicts,
        ],
    )  # fmt: skip


def loops() -> None:
    rows = [["loop of one's own", "CPU of an update of both", f"extra CPU in the first {WATCHED}",
             "extra CPU after them (quartiles)", "extra time after them (quartiles)",
             "extra CPU in all"]]  # fmt: skip
    verdicts = []
    for name, network in (("digits", MLP(hidden=(256, 256))), ("fashion-mnist", DCGAN(width=32))):
        cells = monitored(load(name, DataOptions()), network, UPDATES[name])
        rows.append([f"{name}, {type(network).__name__}, batch 64", *cells])
        verdict = "holds" if float(cells[2].split()[0]) <= MOST else "DOES NOT HOLD"
        verdicts.append(f"- **{verdict}**: on {name}: at most {MOST:g} % after them.")
    report.write_to(
        report.RESULTS / "doctor/overhead_monitor.md",
        "doctor/overhead",
        "What the monitor costs",
        [
            *report.table(rows), "",
            f"Side by side, in turns of {PART} updates, the order changing.", "", *verdicts,
        ],
    )  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    parts = {"training": trainings, "monitor": loops}
    for part in sys.argv[1:] or parts:
        parts[part]()


if __name__ == "__main__":
    main()
