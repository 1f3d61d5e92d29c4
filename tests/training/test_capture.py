"""Captured updates against plain ones: on a CPU by a tape that means what a CUDA graph means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from tape import Tape
from torch import Tensor

from steadygan import app
from steadygan.data import Dataset, load
from steadygan.interfaces import Samples
from steadygan.penalties import R1, Term, TwoSided
from steadygan.recipes import Recipe
from steadygan.record import Row
from steadygan.schedules import Cosine, Linear
from steadygan.stabilisers import (
    EMA,
    DifferentiableAugmentation,
    HistoricalAveraging,
    HistoricalCritic,
    InstanceNoise,
    LatentNoise,
)
from steadygan.training import (
    SGD,
    Adam,
    AdamW,
    CapturedUpdates,
    CheckpointStore,
    CudaGraphs,
    OptimisticAdam,
    Status,
    Trainer,
    Training,
    TrainingState,
    differs,
    why_not,
)
from steadygan.training.updates import NextBatch

BATCH = 8
CPU = torch.device("cpu")
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def recipe(digits: Dataset, name: str = "wgan-gp", **changes: object) -> Recipe:
    chosen = app.recipe_for(name, digits.spec, [f"training.batch_size={BATCH}"])
    return replace(chosen, **changes)  # type: ignore[arg-type]


def starts(
    recipe: Recipe, digits: Dataset, device: torch.device = CPU
) -> tuple[Callable[[], tuple[TrainingState, NextBatch]], Tape]:
    """A new state with batches that differ, and a tape that knows its tensors."""
    held: dict[str, TrainingState] = {}

    def start() -> tuple[TrainingState, NextBatch]:
        torch.manual_seed(0)
        state = held["state"] = app._new_state(recipe, digits, device)

        def next_real() -> Samples:
            chosen = state.sampler.draw(BATCH)
            y = digits.train.y[chosen].to(device) if recipe.conditional else None  # type: ignore[index]
            return digits.encode(Samples(digits.train.x[chosen].to(device), y))

        return state, next_real

    return start, Tape(lambda: tensors(held["state"]))


def tensors(state: TrainingState) -> list[Tensor]:
    return [t for name, t in state.tensors().items() if not name.startswith("rngs")]


RATE = Linear(1e-3, 1e-5)
CASES: dict[str, tuple[str, dict[str, object]]] = {
    "penalty": ("wgan-gp", {}),
    "batch norm": ("dcgan", {}),
    "spectral norm": ("sngan", {}),
    "labels": ("acgan", {}),
    "projection": ("projection", {}),
    "packs": ("pacgan", {}),
    "lazy": ("wgan-gp", {"penalty": (Term(TwoSided()), Term(R1(), 1.0, every=3)), "n_critic": 2}),
    "schedules": (
        "wgan-gp",
        {
            "penalty": (Term(TwoSided(), Cosine(10.0, 0.1)),),
            "critic_optimiser": Adam(lr=RATE),
            "generator_optimiser": AdamW(lr=RATE),
            "stabiliser": (InstanceNoise(Linear(0.5, 0.0)), LatentNoise(Linear(0.5, 0.0))),
            "n_critic": 1,
        },
    ),
    "averages": (
        "wgan-gp",
        {
            "ema": EMA(0.99),
            "stabiliser": (
                HistoricalAveraging(0.1),
                HistoricalCritic(),
                DifferentiableAugmentation(),
            ),
            "critic_optimiser": SGD(lr=RATE, momentum=0.5),
            "n_critic": 2,
        },
    ),
    "noise that has faded before the end": (
        "wgan-gp",
        {
            "stabiliser": (InstanceNoise(), LatentNoise(), DifferentiableAugmentation()),
            "n_critic": 1,
        },
    ),
    "clipped and in parts": (
        "wgan-gp",
        {"training": Training(batch_size=BATCH, accumulation=2, clip_gradient_norm=0.1)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_replayed_updates_end_where_plain_ones_do(case: str, digits: Dataset) -> None:
    name, changes = CASES[case]
    chosen = recipe(digits, name, **changes)
    start, tape = starts(chosen, digits)
    assert differs(app._updates(chosen), start, tape) is None
    assert tape.replays > 0


# Torch's RMSprop can be captured on a GPU only.
GPU_CASES = CASES | {"RMSProp and clipped weights": ("wgan", {})}


@pytest.mark.gpu
@GPU
@pytest.mark.parametrize("case", GPU_CASES)
@pytest.mark.filterwarnings("error:.*capturable")
def test_replayed_updates_end_where_plain_ones_do_on_a_gpu(case: str, digits: Dataset) -> None:
    name, changes = GPU_CASES[case]
    chosen = recipe(digits, name, **changes)
    start, _ = starts(chosen, digits, torch.device("cuda"))
    assert differs(app._updates(chosen), start, CudaGraphs()) is None


def test_numbers_of_replayed_updates_are_those_of_plain_ones(digits: Dataset) -> None:
    chosen = recipe(digits, n_critic=2)
    start, tape = starts(chosen, digits)
    seen = []
    for updates in (app._updates(chosen), CapturedUpdates(app._updates(chosen), tape)):
        state, next_real = start()
        for state.step in range(4):
            reports = updates(state, next_real, state.step / 4)
        seen.append([r.flat() for each in reports.values() for r in each])
    assert tape.replays == 4 * 3 - 2  # all but the first update of each network
    for plain, replayed in zip(*seen, strict=True):
        assert plain.names == replayed.names
        torch.testing.assert_close(plain.values, replayed.values, rtol=1e-3, atol=1e-4)


@dataclass(frozen=True)
class Fading:
    """Reads the progress as a plain number, which a graph would keep as it was."""

    name = "fading"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        return Samples(samples.x * float.__sub__(1.0, float(progress)), samples.y)


@dataclass(frozen=True)
class Looking:
    """Waits for the device."""

    name = "looking"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        return Samples(samples.x / float(samples.x.detach().abs().max()), samples.y)


@pytest.mark.parametrize(
    ("piece", "reason"), [(Fading(), "end elsewhere"), (Looking(), "not permitted")]
)
def test_what_cannot_be_captured_is_found_by_trial(
    piece: object, reason: str, digits: Dataset
) -> None:
    chosen = recipe(digits, n_critic=1, stabiliser=(piece,))
    start, tape = starts(chosen, digits)
    found = differs(app._updates(chosen), start, tape)
    assert found is not None
    assert reason in found


@dataclass(frozen=True)
class Shaking:
    """Never twice the same, as sums are that a GPU takes in no fixed order."""

    share: float
    rng: torch.Generator = field(default_factory=torch.Generator)
    name = "shaking"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        noise = torch.randn(samples.x.shape, generator=self.rng)
        return Samples(samples.x + self.share * noise, samples.y)


@pytest.mark.parametrize(("share", "is_right"), [(1e-3, True), (1.0, False)])
def test_captured_updates_may_differ_as_plain_ones_do(
    share: float, is_right: bool, digits: Dataset
) -> None:
    start, tape = starts(recipe(digits), digits)
    found = []
    for capturing in (True, False):
        updates = app._updates(recipe(digits, n_critic=1, stabiliser=(Shaking(share),)))
        if not capturing:  # the bound is no looser than it need be
            updates = replace(updates, stabilisers=(Shaking(share), Fading()))
        found.append(differs(updates, start, tape))
    assert (found[0] is None) is is_right
    assert "end elsewhere" in str(found[1])


@pytest.mark.gpu
@GPU
def test_what_waits_is_refused_without_harm_to_later_captures(digits: Dataset) -> None:
    found = []
    for pieces in ((Looking(),), ()):
        chosen = recipe(digits, n_critic=1, stabiliser=pieces)
        start, _ = starts(chosen, digits, torch.device("cuda"))
        found.append(differs(app._updates(chosen), start, CudaGraphs()))
    assert "synchronizing" in str(found[0])
    assert found[1] is None


@pytest.mark.gpu
@GPU
def test_drawing_a_batch_does_not_wait_for_the_gpu(digits: Dataset, tmp_path: Path) -> None:
    drawing, _ = trainer(recipe(digits), digits, tmp_path, None)
    drawing.stored = Samples(digits.train.x.cuda(), digits.train.y.cuda())  # type: ignore[union-attr]
    torch.cuda.set_sync_debug_mode("error")
    try:
        drawing._draw()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_reasons_that_are_known_beforehand(digits: Dataset) -> None:
    cuda = torch.device("cuda")
    plain = app._updates(recipe(digits))
    assert why_not(plain, cuda) is None
    assert why_not(plain, CPU) == "the device is no GPU"
    rising = Adam(beta2=Linear(0.9, 0.99))
    for changes, words in (
        ({"critic_optimiser": OptimisticAdam()}, "OptimisticAdam"),
        ({"generator_optimiser": rising}, "learning rate"),
    ):
        assert words in str(why_not(replace(plain, **changes), cuda))  # type: ignore[arg-type]
    from steadygan.training import ExtragradientUpdates

    assert "extragradient" in str(why_not(ExtragradientUpdates(plain), cuda))


def trainer(
    chosen: Recipe, digits: Dataset, folder: Path, tape: Tape | None, bad: int | None = None
) -> tuple[Trainer, list[Row]]:
    """A training of its recipe; the real batch that step ``bad`` begins with is not finite."""
    state = app._new_state(chosen, digits, CPU)
    updates = app._updates(chosen)
    rows: list[Row] = []
    poisoned = []

    def encode(stored: Samples) -> Samples:
        samples = digits.encode(stored)
        if state.step == bad and not poisoned:
            poisoned.append(state.step)
            samples.x[0] = torch.nan
        return samples

    if tape is not None:
        tape.kept = lambda: tensors(state)
    made = Trainer(
        state=state,
        updates=updates if tape is None else CapturedUpdates(updates, tape),
        stored=Samples(digits.train.x),
        encode=encode,
        settings=replace(chosen.training, best=None, probe_every=0, sample_every=0),
        store=CheckpointStore(folder, 3),
        observers=[rows.append],
    )
    return made, rows


TIMES = Training(steps=14, batch_size=BATCH, record_every=4, checkpoint_every=4)


def test_a_captured_run_writes_the_rows_of_a_plain_one(digits: Dataset, tmp_path: Path) -> None:
    chosen = recipe(digits, n_critic=1, training=TIMES)
    plain, rows = trainer(chosen, digits, tmp_path / "plain", None)
    captured, others = trainer(chosen, digits, tmp_path / "captured", Tape())
    assert plain.run() == captured.run()
    assert [(r.kind, r.step) for r in rows] == [(r.kind, r.step) for r in others]
    for mine, its in zip(rows, others, strict=True):
        if mine.kind == "record":
            assert its.values == pytest.approx(mine.values, rel=1e-3, abs=1e-4)


def test_a_refused_update_is_found_when_a_row_is_due_and_undone(
    digits: Dataset, tmp_path: Path
) -> None:
    chosen = recipe(digits, n_critic=1, training=TIMES)
    captured, rows = trainer(chosen, digits, tmp_path, Tape(), bad=5)
    outcome = captured.run()
    assert outcome.status is Status.FINISHED
    refused = [r.values["critic.refused"] for r in rows if r.kind == "record"]
    assert sum(refused) == 3  # of step 5, and of 6 and 7, which nothing was built on
    events = [r.values for r in rows if r.kind == "event"]
    assert {"event": "rollback", "from": 8, "to": 4, "count": 1} in events
    assert all(t.isfinite().all() for t in tensors(captured.state))


def test_no_refused_update_moves_the_weights(digits: Dataset) -> None:
    chosen = recipe(digits, n_critic=2, critic_optimiser=AdamW(weight_decay=0.1))
    start, tape = starts(chosen, digits)
    state, next_real = start()
    updates = CapturedUpdates(app._updates(chosen), tape)
    for state.step in range(3):
        updates(state, next_real, 0.0)
    before = [p.detach().clone() for n in state.networks.values() for p in n.parameters()]

    def broken() -> Samples:
        real = next_real()
        return Samples(real.x * torch.inf)

    for _ in range(2):
        reports = updates(state, broken, 0.0)
    after = [p for n in state.networks.values() for p in n.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not any(bool(r.applied) for each in reports.values() for r in each)


@pytest.mark.parametrize("captured_first", [True, False])
def test_runs_are_resumed_captured_or_not(
    captured_first: bool, digits: Dataset, tmp_path: Path
) -> None:
    chosen = recipe(digits, n_critic=1, training=TIMES)
    first, _ = trainer(chosen, digits, tmp_path, Tape() if captured_first else None)
    first.run()
    numbers = json.dumps(first.state.numbers())
    assert "capturable" not in numbers  # it would go to a device where it is refused
    longer = replace(chosen, training=replace(TIMES, steps=20))
    second, rows = trainer(longer, digits, tmp_path, None if captured_first else Tape())
    second.store.restore(second.state)
    assert second.state.step == 14
    assert second.run().status is Status.FINISHED
    assert rows[-1].step == 20
