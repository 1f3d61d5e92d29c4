"""Updates captured in CUDA graphs.

An update of a small GAN is a thousand small kernels, and a GPU waits longer for them to be launched
than it works on them. So one update of each network, with double backward, optimiser, averages and
statistics, is captured once and replayed from then on. What changes from update to update lies in
tensors that are filled before each replay: the real batch, learning rates, values of schedules, the
count of updates. Nothing in it waits for the device: whether every update was finite is kept there
(``step.apply_update``) and read when a row of the history is due.

What cannot be captured trains as it is, and a run says why: ``why_not`` knows what rules it out,
``differs`` finds the rest by trial.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from math import ceil
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor

from steadygan.interfaces import Samples
from steadygan.record import FlatRecord, which_applied
from steadygan.schedules import Follower
from steadygan.training.optimisers import (
    OptimisticAdam,
    constant_but_for_the_rate,
    make_capturable,
    set_values,
)
from steadygan.training.state import TrainingState
from steadygan.training.updates import AlternatingUpdates, NextBatch, Report, Updates, alternate

T = TypeVar("T")

# Of the weights' movement in a trial, what may differ: the same kernels are replayed, but sums that
# a GPU takes in no fixed order are rounded otherwise each time, and so are learning rates.
_ROUNDING = 1e-3
# Adam's first steps have the size of the learning rate whatever the gradient's: rounding may turn
# some of them round. Where plain updates too end apart, about as much may differ, up to this: a
# wrong schedule of the critic's input was found to end 5e-3 apart.
_MOST_NOISE = 4e-3


class Graphs(Protocol):
    """What captures a computation and replays it."""

    def warm_up(self, work: Callable[[], T]) -> T:
        """Carry it out once, so that nothing is left that is made at a first call."""
        ...

    def capture(
        self, work: Callable[[], T], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], T]:
        """What carries it out again, and its result, whose tensors that fills. Capturing computes
        nothing."""
        ...


@cache
def _side_stream(device: int) -> torch.cuda.Stream:
    """On which a device's updates are warmed up and captured: one for all, since memory that was
    used on a stream, and the workspace of its matrix products, are kept for that stream. Torch's
    own for this lies on the device that was the first to capture."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class CudaGraphs:
    """CUDA graphs, each with a memory pool of its own."""

    def warm_up(self, work: Callable[[], T]) -> T:
        current, side = torch.cuda.current_stream(), _side_stream(torch.cuda.current_device())
        side.wait_stream(current)
        with torch.cuda.stream(side), warnings.catch_warnings():
            # Torch's optimisers complain of every step that could be captured and is not.
            warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
            result = work()
        current.wait_stream(side)
        return result

    def capture(
        self, work: Callable[[], T], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], T]:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        stream = _side_stream(torch.cuda.current_device())
        with (
            # A capture that breaks off leaves its stream the current one; this puts it back.
            torch.cuda.stream(torch.cuda.current_stream()),
            # Other threads, of a user's data, may go on.
            torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"),
            _refusing_to_wait(),
        ):
            result = work()
        return graph.replay, result


@contextmanager
def _refusing_to_wait() -> Iterator[None]:
    """What would wait for the device raises instead. CUDA too refuses it while capturing, but
    breaks the capture off, and torch's allocator then goes on as if it were not over."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is called a prototype, which may miss some
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@dataclass
class CapturedUpdates:
    """``AlternatingUpdates`` that are replayed. The first update of each kind is carried out as it
    is, the second is captured; the same again after a rollback, which makes optimisers anew.

    Attributes:
        updates: what is captured; for which ``why_not`` finds no reason.
        graphs: how.
    """

    updates: AlternatingUpdates
    graphs: Graphs = field(default_factory=CudaGraphs)
    _kinds: dict[object, _Kind] = field(default_factory=dict, init=False)
    _of: tuple[int, int] | None = field(default=None, init=False)

    def __call__(
        self, state: TrainingState, next_real: NextBatch, progress: float
    ) -> Mapping[str, Sequence[Report]]:
        now = (id(state), state.rollbacks)
        if now != self._of:
            self._of = now
            self._kinds.clear()
            sound = torch.ones((), dtype=torch.bool, device=state.device)
            self.updates = replace(self.updates, sound=sound)
            for optimiser in state.optimisers.values():
                make_capturable(optimiser, state.device)
        with _on(state.device):
            return alternate(self, state, next_real, progress)

    def critic_updates(self, step: int) -> int:
        return self.updates.critic_updates(step)

    def take_critic(self, state: TrainingState, real: Samples, progress: float) -> Report:
        update, updates = state.updates["critic"], self.updates
        set_values(state.optimisers["critic"], updates.critic_optimiser, progress)
        due = tuple(term.is_due(update) for term in updates.penalties)
        report = self._kind("critic", due).take(state, real, progress)
        state.updates["critic"] += 1
        return report

    def take_generator(self, state: TrainingState, real: Samples, progress: float) -> Report:
        settings = self.updates.generator_optimiser
        set_values(state.optimisers["generator"], settings, progress)
        report = self._kind("generator", ()).take(state, real, progress)
        state.updates["generator"] += 1
        return report

    def _kind(self, network: str, due: tuple[bool, ...]) -> _Kind:
        if (network, due) not in self._kinds:
            self._kinds[network, due] = _Kind(network, self.updates, self.graphs)
        return self._kinds[network, due]


@dataclass(frozen=True)
class _Inputs:
    """What a captured update reads anew at each replay; all of it lies still."""

    real: Samples
    progress: Follower
    update: Follower

    def fill(self, real: Samples, progress: float, update: int) -> None:
        self.real.x.copy_(real.x)
        if self.real.y is not None and real.y is not None:
            self.real.y.copy_(real.y)
        self.progress.set(progress)
        self.update.set(update)


@dataclass
class _Kind:
    """Updates of one network that launch the same kernels."""

    network: str
    updates: AlternatingUpdates
    graphs: Graphs
    _inputs: _Inputs | None = None
    _captured: tuple[Callable[[], None], FlatRecord] | None = None

    def take(self, state: TrainingState, real: Samples, progress: float) -> FlatRecord:
        update = state.updates[self.network]
        if self._inputs is None:
            still = Samples(real.x.clone(), None if real.y is None else real.y.clone())
            inputs = _Inputs(still, Follower(state.device), Follower(state.device))
            self._inputs = inputs
            return self.graphs.warm_up(lambda: self._work(state, inputs, progress, update))
        inputs = self._inputs
        if self._captured is None:
            self._captured = self.graphs.capture(
                lambda: self._work(state, inputs, progress, update), list(state.rngs.values())
            )
        inputs.fill(real, progress, update)
        replay, report = self._captured
        replay()
        assert isinstance(report.applied, Tensor)
        # The next replay writes over them.
        return FlatRecord(report.names, report.values.clone(), report.applied.clone())

    def _work(
        self, state: TrainingState, inputs: _Inputs, progress: float, update: int
    ) -> FlatRecord:
        live, count = inputs.progress.begin(progress), cast("int", inputs.update.begin(update))
        if self.network == "critic":
            record = self.updates.critic_record(state, inputs.real, live)
            self.updates.average_critic(state, count)
        else:
            record = self.updates.generator_record(state, inputs.real, live)
            self.updates.average_generator(state, count)
        return record.flat()


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Streams that are asked for without naming a device are this one's."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def why_not(updates: Updates, device: torch.device) -> str | None:
    """What rules capturing out, in words; None where nothing is known to."""
    if device.type != "cuda":
        return "the device is no GPU"
    if not isinstance(updates, AlternatingUpdates):
        return "extragradient goes back and forth between weights"
    if updates.processes.size > 1:
        return "several processes train together"
    for settings in (updates.critic_optimiser, updates.generator_optimiser):
        if isinstance(settings, OptimisticAdam):
            return "OptimisticAdam keeps its last update outside of what is captured"
        if not constant_but_for_the_rate(settings):
            return f"{type(settings).__name__} changes more than its learning rate over the run"
    return None


def differs(
    updates: AlternatingUpdates,
    start: Callable[[], tuple[TrainingState, NextBatch]],
    graphs: Graphs | None = None,
) -> str | None:
    """Carry out the same steps as they are and captured: why they cannot be captured, or do not
    end where they should; None where all is well.

    So many steps that every kind of update is replayed, at moments of the run far apart: what was
    captured with a number that changes later (by a piece of the user's, say) ends elsewhere.

    Args:
        start: a state to be thrown away and batches, the same each time.
    """
    updates = replace(updates, burst=None)
    rarest = max((term.every for term in updates.penalties), default=1)
    steps = max(6, ceil((2 * rarest + 1) / updates.n_critic))

    def movement(way: Updates) -> Tensor | None:
        """Of the weights; None where an update was not finite."""
        state, next_real = start()
        before = _weights(state)
        for state.step in range(steps):
            reports = way(state, next_real, state.step / steps)
            if not all(which_applied([r.flat() for each in reports.values() for r in each])):
                return None
        return _weights(state) - before

    plain = movement(updates)
    try:
        captured = movement(CapturedUpdates(updates, graphs or CudaGraphs()))
    except Exception as error:  # whatever a piece of the user's, or the capturing, raises
        return " ".join(f"{type(error).__name__}: {error}".split())[:200]
    if plain is None or captured is None:
        return "an update of the trial was not finite"
    apart = _share_apart(plain, captured)
    if apart > _ROUNDING:
        again = movement(updates)
        noise = _MOST_NOISE if again is None else _share_apart(plain, again)
        if apart > min(1.5 * noise, _MOST_NOISE):
            return f"replayed updates end elsewhere ({apart:.1%} of the way apart)"
    return None


def _share_apart(one: Tensor, other: Tensor) -> float:
    return float((other - one).norm() / one.norm().clamp(min=1e-30))


def _weights(state: TrainingState) -> Tensor:
    """Every floating-point tensor of networks and averages, in one vector."""
    return torch.cat([
        tensor.detach().double().flatten()
        for modules in (state.networks, state.averages)
        for module in modules.values()
        for tensor in module.state_dict().values()
        if tensor.is_floating_point()
    ])  # fmt: skip
