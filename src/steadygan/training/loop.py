"""The loop: steps until a limit, with rows to observers and checkpoints on the way."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from steadygan.errors import RecipeError, did_you_mean
from steadygan.interfaces import Samples, Stored
from steadygan.networks.call import generate
from steadygan.processes import ALONE, Processes
from steadygan.record import Row, RowKind, merged, prefixed, summarise, which_applied
from steadygan.training.checkpoint import CheckpointStore
from steadygan.training.probes import Probe
from steadygan.training.seeds import derive_seed
from steadygan.training.settings import Training
from steadygan.training.state import Status, Stop, TrainingState, evaluating
from steadygan.training.updates import Report, Updates
from steadygan.training.watch import BestSoFar, Observer, PlateauStop

# A stop as one number, for the other processes: its status times this, and the signal's number.
_STATUS = 1_000


@dataclass(frozen=True)
class Outcome:
    """How the run ended."""

    status: Status
    reason: str


@dataclass
class Trainer:
    """Trains a state; what it is given decides nothing but when to report and to save.

    Attributes:
        state: changed in place.
        updates: one step.
        stored: training samples in stored form, on the run's device or in a file.
        encode: stored samples to the form the networks take.
        settings: budget, batch size and intervals.
        store: where checkpoints go.
        observers: see every row, in order.
        probes: computed at their interval; their numbers join one row.
        sheet_latent, sheet_labels: the fixed latent batch of the sample sheets and its labels, or
            None.
        on_sheet: gets the step and the samples of ``sheet_latent``.
        findings: asked after each probe, and before the run is given up; what it returns becomes
            rows of the history.
        processes: that train together; only the first one reports and saves.
    """

    state: TrainingState
    updates: Updates
    stored: Stored
    encode: Callable[[Samples], Samples]
    settings: Training
    store: CheckpointStore
    observers: Sequence[Observer] = ()
    probes: Sequence[Probe] = ()
    sheet_latent: Tensor | None = None
    sheet_labels: Tensor | None = None
    on_sheet: Callable[[int, Tensor], None] | None = None
    findings: Callable[[], Iterable[Mapping[str, Any]]] = tuple
    processes: Processes = ALONE
    _best: BestSoFar | None = field(default=None, init=False)
    _signals_checked: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        controllers: list[Any] = []
        if self.settings.best is not None:
            self._best = BestSoFar(self.settings.best)
            self.state.controllers["best"] = self._best
            controllers.append(self._best)
        if self.settings.plateau is not None:
            plateau = PlateauStop(self.settings.plateau)
            self.state.controllers["plateau"] = plateau
            controllers.append(plateau)
        self.observers = [*self.observers, *controllers]

    def progress(self) -> float:
        """How much of the budget is spent, from 0; 1 or more ends the run."""
        return self.state.spent(self.settings)

    def run(self) -> Outcome:
        """Train until a limit, a stop or the rollback limit; the last state is saved.

        A stop with the status ``running`` ends nothing but this call: whoever asked for it changes
        something and lets another trainer go on.
        """
        state = self.state
        began, spent = time.monotonic(), state.seconds
        if self.processes.leads and not self.store.has_any():
            self._sheet()
            self.store.save(state)  # a rollback always has somewhere to go
        self.processes.wait()
        while True:
            progress, stop = self._agreed()
            if stop is not None:
                state.stop = stop
                if not self._all_applied():
                    self._roll_back()
                break
            if progress >= 1.0:
                state.stop = Stop(Status.FINISHED, "the budget is spent")
                break
            records = self.updates(state, self._next_real, progress)
            state.step += 1
            state.seconds = spent + time.monotonic() - began
            self._check_signals(records)
            for name, new in records.items():
                state.window.setdefault(name, []).extend(record.flat() for record in new)
            final = self.progress() >= 1.0
            refused = any(each.applied is False for new in records.values() for each in new)
            if refused or (self._is_due(final) and not self._all_applied()):
                self._roll_back()
                continue
            self._report(final=final)
        outcome = Outcome(state.stop.status, state.stop.reason)
        if outcome.status is Status.RUNNING:
            return outcome
        self._emit(
            "event", {"event": "end", "status": str(outcome.status), "reason": outcome.reason}
        )
        if self.processes.leads and outcome.status is not Status.NON_FINITE:
            self.store.save(state)  # where it is, the last good checkpoint stands
        return outcome

    def _agreed(self) -> tuple[float, Stop | None]:
        """The share of the budget that the first process has spent, in all; and whether one of them
        is to stop, so that all do after the same step."""
        state, statuses = self.state, list(Status)
        asked = state.stop  # once: a signal that comes from here on is for the next step
        if self.processes.size == 1:
            return self.progress(), asked
        code = 0.0
        if asked is not None:
            number = signal.Signals.__members__.get(asked.reason, 0)
            code = float(_STATUS * (1 + statuses.index(asked.status)) + number)
        mine = self.progress() if self.processes.leads else -1.0
        progress, code = self.processes.largest([mine, code])
        if code and asked is None:
            status, number = divmod(int(code), _STATUS)
            reason = signal.Signals(number).name if number else "another process ended it"
            asked = Stop(statuses[status - 1], reason)
        return progress, asked

    def _check_signals(self, records: Mapping[str, Sequence[Report]]) -> None:
        """Refuse a signal that no row will carry; once, on the records of the first step."""
        if self.state.step != 1 or self._signals_checked or not self.processes.leads:
            return  # never after a resume: a probe that remembers would have looked once more
        self._signals_checked = True
        best, plateau = self.settings.best, self.settings.plateau
        signals = [best, None if plateau is None else plateau.signal]
        wanted = [signal.name for signal in signals if signal is not None]
        known = {
            f"{name}.{key}"
            for name, new in records.items()
            for report in new
            for key in ("refused", *report.flat().names)
        }
        if self.settings.probe_every and any(name.startswith("probe.") for name in wanted):
            known |= {f"probe.{key}" for probe in self.probes for key in self._probe(probe)}
        for name in wanted:
            if name not in known:
                raise RecipeError(
                    f"there is no signal {name!r}.{did_you_mean(name, sorted(known))}"
                )

    def _next_real(self) -> Samples:
        began = time.monotonic()
        real = self._draw()
        self.state.waited += time.monotonic() - began
        return real

    def _draw(self) -> Samples:
        return self.encode(self.stored.take(self.state.sampler.draw(self.settings.batch_size)))

    def _is_due(self, final: bool) -> bool:
        """Whether this step has anything to write or to save."""
        settings = self.settings
        intervals = (
            settings.record_every,
            settings.probe_every,
            settings.sample_every,
            settings.checkpoint_every,
        )
        return final or any(every and self.state.step % every == 0 for every in intervals)

    def _all_applied(self) -> bool:
        """Of the updates since the last row: some may not have waited for their device to tell."""
        return all(all(which_applied(records)) for records in self.state.window.values())

    def _report(self, *, final: bool) -> None:
        """The rows, sheets and checkpoints that are due after this step."""
        step, settings = self.state.step, self.settings
        if not self.processes.leads:
            self.state.window = {}
            return
        if step % settings.record_every == 0 or final:
            self._flush()
        best = False
        if settings.probe_every and self.probes and (step % settings.probe_every == 0 or final):
            self._emit("probe", prefixed("probe", merged(self._probe(p) for p in self.probes)))
            best = self._best is not None and self._best.improved
            self._find()
        if settings.sample_every and (step % settings.sample_every == 0 or final):
            self._sheet()
        if best or step % settings.checkpoint_every == 0:
            if self._best is not None and best:
                self._emit("event", {"event": "best", "value": self._best.value})
            self.store.save(self.state, best=best)

    def _flush(self) -> None:
        """One row that sums up the steps since the last one."""
        window = {name: records for name, records in self.state.window.items() if records}
        if window:
            self.state.window = {}
            numbers = merged(prefixed(n, summarise(r)) for n, r in window.items())
            self._emit("record", {"progress": min(1.0, self.progress()), **numbers})

    def _emit(self, kind: RowKind, values: Mapping[str, Any]) -> None:
        if not self.processes.leads:
            return
        self.state.rows += 1
        times = round(self.state.seconds, 3), round(self.state.waited, 3)
        row = Row(kind, self.state.step, times[0], values, times[1])
        for observer in self.observers:
            action = observer(row)
            if action is not None:
                action.apply(self.state)

    def emit_event(self, **values: Any) -> None:
        """Write an event of the caller's into the history (a resume, an override)."""
        self._emit("event", values)

    def _probe(self, probe: Probe) -> dict[str, float]:
        # Its own random stream: with or without probes, the run trains the same weights.
        seed = derive_seed(self.state.seed, "probe", self.state.step)
        return probe(self.state, torch.Generator(self.state.device).manual_seed(seed))

    def _find(self) -> None:
        for finding in self.findings():
            self._emit("finding", finding)

    def _sheet(self) -> None:
        if self.on_sheet is None or self.sheet_latent is None:
            return
        generator = self.state.sampling_generator
        with evaluating(generator):
            samples = generate(generator, self.sheet_latent, self.sheet_labels)
        self.on_sheet(self.state.step, samples)

    def _roll_back(self) -> None:
        """Back to the last checkpoint after a refused update, or give up."""
        state = self.state
        self._flush()
        rollbacks, rows, at = state.rollbacks + 1, state.rows, state.step
        state.rollbacks = rollbacks
        if rollbacks > self.settings.rollback_limit:
            state.stop = Stop(
                Status.NON_FINITE,
                f"a loss or gradient was not finite at step {at}, after "
                f"{self.settings.rollback_limit} rollback(s)",
            )
            self._find()
            return
        seconds, waited, stop = state.seconds, state.waited, state.stop
        self.store.restore(state)
        state.rollbacks, state.rows, state.stop = rollbacks, rows, stop
        state.seconds, state.waited = seconds, waited
        state.reseed()
        self._emit("event", {"event": "rollback", "from": at, "to": state.step, "count": rollbacks})
