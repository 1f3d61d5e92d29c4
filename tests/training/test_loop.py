"""The trainer on a problem of two numbers: intervals, ends, rollback, interruption, resume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadygan.errors import RecipeError
from steadygan.interfaces import Samples, SampleSpec
from steadygan.networks import MLP
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.processes import Processes
from steadygan.record import Row
from steadygan.stabilisers import EMA, untrained_copy
from steadygan.training import (
    Adam,
    AlternatingUpdates,
    Burst,
    CheckpointStore,
    Outcome,
    Plateau,
    Sampler,
    ScoreProbe,
    Signal,
    Status,
    Stop,
    Trainer,
    Training,
    TrainingState,
    draw_latent,
    load_tensors,
)

DATA = torch.randn(64, 2, generator=torch.Generator().manual_seed(0)) * 0.1 + 2


class Rows:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __call__(self, row: Row) -> None:
        self.rows.append(row)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [dict(r.values) for r in self.rows if r.values.get("event") == name]

    def steps(self, kind: str) -> list[int]:
        return [row.step for row in self.rows if row.kind == kind]


def make(
    folder: Path,
    training: Training,
    *,
    data: Tensor = DATA,
    observers: list[Any] | None = None,
    on_sheet: Any = None,
    probes: bool = True,
    **changes: Any,
) -> Trainer:
    torch.manual_seed(1)
    architecture = MLP(hidden=(8,), generator_norm="batch")
    networks = architecture.build(SampleSpec((2,)), 3)
    settings = Adam(1e-3)
    ema = EMA(0.9)
    state = TrainingState(
        seed=4,
        device=torch.device("cpu"),
        networks=networks,
        optimisers={n: settings.build(m.parameters()) for n, m in networks.items()},
        averages={"generator": untrained_copy(networks["generator"])},
        sampler=Sampler(len(data), 0),
    )
    updates = AlternatingUpdates(
        objective=Wasserstein(),
        critic_optimiser=settings,
        generator_optimiser=settings,
        latent_dim=3,
        batch_size=training.batch_size,
        penalties=(Term(TwoSided(), 10.0),),
        n_critic=2,
        ema=ema,
    )
    return Trainer(
        state=state,
        updates=replace(updates, **changes),
        stored=Samples(data),
        encode=lambda samples: samples,
        settings=training,
        store=CheckpointStore(folder, training.keep_checkpoints),
        observers=observers or [],
        probes=[ScoreProbe(Samples(DATA[:16]), Samples(DATA[16:32]), 3)] if probes else [],
        sheet_latent=draw_latent(4, 3, torch.Generator().manual_seed(0)),
        on_sheet=on_sheet,
    )


SHORT = Training(
    steps=20, batch_size=8, record_every=5, probe_every=10, sample_every=10, checkpoint_every=10,
    best=None,
)  # fmt: skip


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in trainer.state.tensors().items() if not k.startswith("rngs.")}


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@dataclass(frozen=True)
class SignalledWhileTheyMeet(Processes):
    """One of two; a signal reaches it while both agree before their step ``at``."""

    size: int = 2
    state: TrainingState | None = None
    at: int = 0

    def wait(self) -> None:
        pass

    def largest(self, values: Sequence[float]) -> list[float]:
        assert self.state is not None
        if self.state.step == self.at:
            self.state.stop = Stop(Status.INTERRUPTED, "SIGTERM")
        return list(values)


def test_a_signal_during_the_agreement_is_for_the_next_step(tmp_path: Path) -> None:
    """The other process goes on with this step, and would wait for this one for ever."""
    trainer = make(tmp_path, SHORT)
    trainer.processes = SignalledWhileTheyMeet(state=trainer.state, at=3)
    assert trainer.run().status is Status.INTERRUPTED
    assert trainer.state.step == 4


def test_rows_sheets_and_checkpoints_come_at_their_intervals(tmp_path: Path) -> None:
    rows, sheets = Rows(), []
    trainer = make(tmp_path, SHORT, observers=[rows], on_sheet=lambda s, x: sheets.append((s, x)))
    outcome = trainer.run()
    assert outcome.status is Status.FINISHED
    assert rows.steps("record") == [5, 10, 15, 20]
    assert rows.steps("probe") == [10, 20]
    assert [step for step, _ in sheets] == [0, 10, 20]
    assert [p.stem for p in trainer.store.paths()] == [f"step-{s:09d}" for s in (0, 10, 20)]
    row = rows.rows[0]
    assert row.values["critic.refused"] == 0
    assert {"critic.terms.wasserstein", "critic.terms.gradient_penalty"} <= set(row.values)
    assert {"generator.loss", "generator.gradient_norms.generator"} <= set(row.values)
    # The fixed latent batch: the same vectors, other weights, so other samples.
    assert not torch.equal(sheets[0][1], sheets[-1][1])


def test_probes_and_sheets_do_not_change_what_is_trained(tmp_path: Path) -> None:
    plain = make(tmp_path / "a", replace(SHORT, probe_every=0, sample_every=0))
    probed = make(tmp_path / "b", replace(SHORT, probe_every=1, sample_every=1, record_every=1))
    plain.run()
    probed.run()
    assert_same(weights(plain), weights(probed))


@pytest.mark.parametrize("stop_at", [1, 7, 10, 19])
def test_interrupted_and_resumed_equals_never_interrupted(tmp_path: Path, stop_at: int) -> None:
    whole = make(tmp_path / "whole", SHORT)
    whole.run()

    class StopAt:
        def __call__(self, row: Row) -> Stop | None:
            return Stop(Status.INTERRUPTED, "test") if row.step == stop_at else None

    settings = replace(SHORT, record_every=1)
    first = make(tmp_path / "cut", settings, observers=[StopAt()])
    assert first.run().status is Status.INTERRUPTED
    assert first.state.step == stop_at
    second = make(tmp_path / "cut", SHORT)
    second.state.networks["critic"].load_state_dict(  # must come from the checkpoint
        {k: torch.zeros_like(v) for k, v in second.state.networks["critic"].state_dict().items()}
    )
    second.store.restore(second.state)
    assert second.run().status is Status.FINISHED
    assert_same(weights(whole), weights(second))


def test_rows_of_a_resumed_run_are_those_of_the_whole_one(tmp_path: Path) -> None:
    def records(rows: Rows) -> list[dict[str, Any]]:
        return [dict(r.values) for r in rows.rows if r.kind in ("record", "probe")]

    whole_rows = Rows()
    make(tmp_path / "whole", SHORT, observers=[whole_rows]).run()
    first_rows, second_rows = Rows(), Rows()
    first = make(tmp_path / "cut", SHORT, observers=[first_rows])
    updates, calls = first.updates, 0

    def interrupting(*arguments: Any) -> Any:  # in the middle of a window of records
        nonlocal calls
        calls += 1
        if calls == 8:
            first.state.stop = Stop(Status.INTERRUPTED, "test")
        return updates(*arguments)

    first.updates = interrupting
    first.run()
    assert first.state.step == 8
    second = make(tmp_path / "cut", SHORT, observers=[second_rows])
    second.store.restore(second.state)
    second.run()
    assert records(first_rows) + records(second_rows) == records(whole_rows)


def test_the_best_checkpoint_is_that_of_the_best_signal(tmp_path: Path) -> None:
    rows = Rows()
    signal = Signal("probe.estimate.validation", "lower")
    trainer = make(tmp_path, replace(SHORT, probe_every=2, best=signal), observers=[rows])
    trainer.run()
    seen = {r.step: r.values[signal.name] for r in rows.rows if signal.name in r.values}
    expected = min(seen, key=seen.__getitem__)
    state = make(tmp_path / "other", SHORT).state
    state.controllers["best"] = trainer.state.controllers["best"]
    trainer.store.restore(state, trainer.store.best)
    assert state.step == expected


def test_a_plateau_ends_the_run(tmp_path: Path) -> None:
    plateau = Plateau(Signal("probe.weight_norm.critic", "higher"), patience=2, minimum=1e6)
    trainer = make(tmp_path, replace(SHORT, probe_every=2, plateau=plateau))
    outcome = trainer.run()
    assert outcome.status is Status.PLATEAU
    assert trainer.state.step == 6  # the first probe sets the mark, the next two do not improve
    assert "probe.weight_norm.critic" in outcome.reason


def test_a_plateau_is_an_end_after_a_resume_too(tmp_path: Path) -> None:
    plateau = Plateau(Signal("probe.weight_norm.critic", "higher"), patience=2, minimum=1e6)
    settings = replace(SHORT, probe_every=2, plateau=plateau)
    first = make(tmp_path, settings)
    first.run()
    again = make(tmp_path, settings)
    again.store.restore(again.state)
    assert again.run().status is Status.PLATEAU
    assert again.state.step == first.state.step
    assert_same(weights(first), weights(again))


@pytest.mark.parametrize("name", ["probe.weight_norm.crtic", "critic.los"])
def test_a_signal_that_no_row_carries_is_refused(tmp_path: Path, name: str) -> None:
    trainer = make(tmp_path, replace(SHORT, plateau=Plateau(Signal(name, "lower"))))
    with pytest.raises(RecipeError, match=f"no signal '{name}'.*Did you mean"):
        trainer.run()


def test_a_kill_while_the_best_is_saved_does_not_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SHORT, probe_every=10, best=Signal("probe.weight_norm.critic", "higher"))
    whole = make(tmp_path / "whole", settings)
    whole.run()
    cut = make(tmp_path / "cut", settings)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("steadygan.training.checkpoint._link", killed)
        with pytest.raises(KeyboardInterrupt):
            cut.run()
    again = make(tmp_path / "cut", settings)
    again.store.restore(again.state)
    again.run()
    assert_same(weights(whole), weights(again))
    best, _ = load_tensors(again.store.best)
    expected, _ = load_tensors(whole.store.best)
    assert_same(expected, best)


@pytest.mark.parametrize(("epochs", "steps"), [(1.0, 4), (2.5, 10)])
def test_epochs_count_what_the_critic_has_drawn(tmp_path: Path, epochs: float, steps: int) -> None:
    trainer = make(tmp_path, replace(SHORT, steps=None, epochs=epochs))
    trainer.run()
    assert trainer.state.step == steps  # 64 samples, 2 critic updates of 8 a step


def test_minutes_end_the_run_and_count_over_resumes(tmp_path: Path) -> None:
    settings = replace(SHORT, steps=10_000, minutes=0.5 / 60)
    trainer = make(tmp_path, settings)
    outcome = trainer.run()
    assert outcome.status is Status.FINISHED
    assert 0.5 <= trainer.state.seconds < 5
    again = make(tmp_path, settings)
    again.store.restore(again.state)
    step = again.state.step
    again.run()
    assert again.state.step == step


class Poisoned:
    """Real batches that hold a NaN at some draws."""

    def __init__(self, trainer: Trainer, when: set[int]) -> None:
        self.encode, self.when, self.drawn = trainer.encode, when, 0
        trainer.encode = self

    def __call__(self, samples: Samples) -> Samples:
        self.drawn += 1
        if self.drawn in self.when:
            return Samples(samples.x * math.nan)
        return self.encode(samples)


def test_a_non_finite_update_rolls_back_and_the_run_goes_on(tmp_path: Path) -> None:
    rows = Rows()
    trainer = make(tmp_path, SHORT, observers=[rows])
    Poisoned(trainer, {25})  # in step 13, after the checkpoint of step 10
    outcome = trainer.run()
    assert outcome.status is Status.FINISHED
    assert rows.events("rollback") == [{"event": "rollback", "from": 13, "to": 10, "count": 1}]
    evidence = next(r for r in rows.rows if r.values.get("critic.refused"))
    assert evidence.step == 13
    assert all(torch.isfinite(v).all() for v in weights(trainer).values())


def test_after_the_rollback_limit_the_run_is_given_up(tmp_path: Path) -> None:
    rows = Rows()
    trainer = make(tmp_path, replace(SHORT, rollback_limit=2), observers=[rows])
    Poisoned(trainer, set(range(25, 1000)))
    outcome = trainer.run()
    assert outcome.status is Status.NON_FINITE
    assert len(rows.events("rollback")) == 2
    # The last good checkpoint stands: nothing was saved after it.
    assert trainer.store.paths()[-1].stem == "step-000000010"


def test_a_rollback_takes_another_path(tmp_path: Path) -> None:
    trainer = make(tmp_path, SHORT)
    Poisoned(trainer, {25})
    trainer.run()
    plain = make(tmp_path / "plain", SHORT)
    plain.run()
    name = "networks.critic.layers.0.weight"
    names = [k for k in weights(plain) if k.startswith("networks.critic") and "weight" in k]
    assert names, name
    assert any(not torch.equal(weights(plain)[k], weights(trainer)[k]) for k in names)


def test_a_burst_has_more_critic_updates(tmp_path: Path) -> None:
    trainer = make(tmp_path, replace(SHORT, steps=5), burst=Burst(n_critic=7, first=2, every=4))
    trainer.run()
    assert trainer.state.updates == {"critic": 7 + 7 + 2 + 2 + 7, "generator": 5}


def test_a_training_that_learns(tmp_path: Path) -> None:
    fast = Adam(1e-2)
    trainer = make(
        tmp_path, replace(SHORT, steps=600), generator_optimiser=fast, critic_optimiser=fast
    )
    generator = trainer.state.networks["generator"]
    latent = torch.randn(256, 3, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        before = (generator(latent).mean(0) - DATA.mean(0)).norm()
    assert isinstance(trainer.run(), Outcome)
    with torch.no_grad():
        after = (generator(latent).mean(0) - DATA.mean(0)).norm()
    assert after < 0.25 * before


class Random(nn.Module):
    """A user's network that draws from every global random state."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, z: Tensor) -> Tensor:
        import random

        import numpy as np

        noise = torch.randn_like(z) + random.random() + float(np.random.rand())  # noqa: NPY002
        return self.linear(z + 0.1 * noise)


def test_global_random_states_are_resumed_too(tmp_path: Path) -> None:
    def with_random(folder: Path, **options: Any) -> Trainer:
        trainer = make(folder, SHORT, probes=False, **options)
        torch.manual_seed(2)
        generator = Random()
        state = trainer.state
        state.networks["generator"] = generator
        state.optimisers["generator"] = Adam(1e-3).build(generator.parameters())
        state.averages["generator"] = untrained_copy(generator)
        state.reseed()
        return trainer

    whole = with_random(tmp_path / "whole")
    whole.run()
    cut = with_random(tmp_path / "cut")
    updates = cut.updates

    def interrupting(state: TrainingState, *rest: Any) -> Any:
        if state.step == 6:
            state.stop = Stop(Status.INTERRUPTED, "test")
        return updates(state, *rest)

    cut.updates = interrupting
    cut.run()
    again = with_random(tmp_path / "cut")
    again.store.restore(again.state)
    again.run()
    assert_same(weights(whole), weights(again))
