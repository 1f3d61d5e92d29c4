"""A watcher for people's own training loops: five lines, and the faults of a loop get names.

monitor = Monitor(generator, critic, critic_optimiser, generator_optimiser, out="runs/mine")
…
monitor.critic(real_scores, fake_scores, loss=loss, penalty=penalty, real=real, fake=fake)
loss.backward()                 # the critic's
…
monitor.generator(fake_scores, loss=loss)
loss.backward()                 # the generator's
…
print(monitor.close())
"""

from __future__ import annotations

import functools
import itertools
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.diagnosis import reading, trial
from steadygan.diagnosis.call import Alone, Call, memory_of, tensors_of, wide
from steadygan.diagnosis.evidence import CHECKS, Evidence, Look, bends
from steadygan.diagnosis.finding import Diagnosis, Finding, Status
from steadygan.diagnosis.given import require_networks, require_optimisers
from steadygan.errors import UsageError
from steadygan.history import HistoryWriter, RunFiles
from steadygan.interfaces import Samples
from steadygan.networks import copy_of
from steadygan.penalties import gradient_norms, interpolates
from steadygan.record import Row, RowKind, Statistics

_EARLY = 30  # updates of the critic after which findings are said for the first time
_LOOKS = 12  # updates, at first, with trials that cost a pass of their own
_PASSES = 8  # of the critic, in one update, whose inputs are kept
_KEPT = 128  # updates whose scores are kept until their statistics are taken, at most
_SCORES = 4096  # of a batch that are kept, at most about: there may be one per pixel
_LATE = 1.0  # seconds that a row waits for others to be written with, at most
_GOLDEN = (5**0.5 - 1) / 2  # whose multiples are in no step with anything that comes at every nth

P = ParamSpec("P")


def _harmless(
    method: Callable[Concatenate[Monitor, P], None],
) -> Callable[Concatenate[Monitor, P], None]:
    """What goes wrong in the monitor ends the watching, and never the training."""

    @functools.wraps(method)
    def guarded(monitor: Monitor, /, *args: P.args, **named: P.kwargs) -> None:
        if monitor.evidence.failure:
            return
        try:
            method(monitor, *args, **named)
        except Exception as error:
            monitor._fail(error)

    return guarded


class _Sight:
    """A hook that stays behind: a network that is copied or saved while it is watched takes along
    what does nothing, whatever it is told, and needs nothing of ours to be read: the end of a
    context that is none."""

    def __init__(self, saw: Callable[[tuple[Any, ...], dict[str, Any], Any], None]) -> None:
        self._saw = saw

    def __call__(
        self, module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], returned: Any
    ) -> None:
        self._saw(given, named, returned)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (nullcontext(), "__exit__")


class _Told(NamedTuple):
    """An update until its row is written."""

    network: str
    numbers: dict[str, Tensor]  # ()
    scores: dict[str, Tensor]
    norms: list[Tensor]  # () of the gradient's parts, where they are wanted


def _read(updates: Sequence[tuple[int, _Told]]) -> Iterator[tuple[int, str, float]]:
    """Every number of these updates, with its row and its name there.

    All are taken by a few operations at once: between the updates of a small network each operation
    on its own, however little it computes, takes some percent of the time.
    """
    numbers = [
        (row, f"{told.network}.{name}", value)
        for row, told in updates
        for name, value in told.numbers.items()
    ]
    for (row, name, _), found in zip(numbers, _values([v for *_, v in numbers]), strict=True):
        yield row, name, found
    sizes: dict[int, list[tuple[int, str, Tensor]]] = {}
    for row, told in updates:
        for which, scores in told.scores.items():
            alike = sizes.setdefault(scores.numel(), [])
            alike.append((row, f"{told.network}.scores.{which}", scores.flatten()))
    for alike in sizes.values():
        of = Statistics.of_rows(torch.stack([scores for *_, scores in alike]).float())
        for (row, name, _), each in zip(alike, torch.stack(of, dim=1).tolist(), strict=True):
            yield from ((row, f"{name}.{k}", v) for k, v in zip(of._fields, each, strict=True))
    norms = iter(_values([norm for _, told in updates for norm in told.norms]))
    for row, told in updates:
        if told.norms:
            squares = sum(norm * norm for norm in itertools.islice(norms, len(told.norms)))
            yield row, f"{told.network}.gradient_norms.{told.network}", math.sqrt(squares)


def _values(numbers: list[Tensor]) -> list[float]:
    if not numbers:
        return []
    values: list[float] = torch.stack([each.to(numbers[0].device) for each in numbers]).tolist()
    return values


def _summary(name: str, values: list[float]) -> float:
    """As ``record.summarise`` has it."""
    if any(map(math.isnan, values)):
        return math.nan
    extreme = {"min": min, "max": max}.get(name.rpartition(".")[2])
    return extreme(values) if extreme else sum(values) / len(values)


class Monitor:
    """Sees what a loop does, by hooks and by what it is told, and writes a history.

    Structure (signs, labels, what moves what) is watched for the first ``watch`` updates of each
    network, then the hooks are taken off; the history goes on. Its rows hold means over losses and
    scores of every update, and over the gradient norms of some: the first of a row, and an eighth
    of the others. Rows reach the file at most a second late.

    Args:
        generator, critic: as they are trained.
        critic_optimiser, generator_optimiser: that step them.
        out: a new directory for ``history.jsonl``; None keeps no history.
        every: generator updates per row.
        watch: updates of each network that are watched closely.
        say: gets a line for each error and warning when it is found.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        critic_optimiser: Optimizer,
        generator_optimiser: Optimizer,
        *,
        out: str | Path | None = None,
        every: int = 10,
        watch: int = 100,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if every < 1 or watch < 1:
            raise UsageError(f"every is {every} and watch {watch}: choose at least 1.")
        require_networks(generator, critic)
        require_optimisers(
            critic_optimiser=critic_optimiser, generator_optimiser=generator_optimiser
        )
        self._networks = {"critic": critic, "generator": generator}
        self.evidence = Evidence(
            generator, critic, {"critic": critic_optimiser, "generator": generator_optimiser}
        )
        self._every, self._watch, self._say = every, watch, say
        self._history = None if out is None else _new_history(Path(out))
        self._began = time.monotonic()
        self._pending: dict[str, _Told] = {}
        self._row, self._rows_at = 0, self._began
        self._updates: list[tuple[int, _Told]] = []  # each with its row
        self._windows: dict[int, dict[str, list[float]]] = {}  # of rows, by number
        self._due: list[tuple[int, int, float]] = []  # rows that are complete: step and seconds
        self._weighed: set[str] = set()  # networks, in the row at hand
        self._told: set[str] = set()
        self._asking = False
        self._stamps: dict[str, list[tuple[int, int]]] = {name: [] for name in self._networks}
        self._incoming: dict[str, Tensor] = {}
        self._expected: dict[str, dict[str, Tensor]] = {}
        self._latest = "critic"
        # What the critic scored since it was last told of, and what it returned.
        self._passes: list[tuple[Call, list[Tensor]]] = []
        self._whole: dict[str, Tensor] = {}  # gradients as they arrived, before anyone clips them
        self._told_of: dict[str, list[bool]] = {name: [] for name in self._networks}
        self._watching: list[Any] = [
            critic.register_forward_hook(_Sight(self._saw), with_kwargs=True),
            generator.register_forward_hook(_Sight(self._made), with_kwargs=True),
        ]
        # One parameter stands for its network.
        self._probes: dict[str, nn.Parameter] = {}
        self._first: dict[str, Tensor] = {}
        for name, network in self._networks.items():
            self._stand(name, _last_weight(network.parameters()))
        self._steps: list[Any] = []
        self._stepped: list[Any] = []
        for name, optimiser in self.evidence.optimisers.items():
            if name == "generator" and self.evidence.is_shared:
                continue
            before, after = (functools.partial(f, name) for f in (self._before, self._after))
            self._steps.append(optimiser.register_step_pre_hook(before))
            self._stepped.append(optimiser.register_step_post_hook(after))

    # What the loop says.

    @_harmless
    def critic(
        self,
        real_scores: Tensor,
        fake_scores: Tensor,
        *,
        loss: Tensor,
        penalty: Tensor | None = None,
        real: Tensor | None = None,
        fake: Tensor | None = None,
    ) -> None:
        """Of an update of the critic, before ``loss.backward()``.

        Wrong use is told of once, by a warning of one line, and ends the watching.

        Args:
            real_scores, fake_scores: as the loss was computed from them, with their graph.
            loss: all that is to be minimised, one number.
            penalty: the part of it that is a penalty, with or without its weight.
            real, fake: the batches; without them batches that repeat, and penalties of another
                formula, stay unseen.
        """
        seen = self.evidence
        self._latest = "critic"
        loss = _number(loss, "loss")
        numbers = {"loss": loss}
        if penalty is not None:
            penalty = numbers["terms.penalty"] = _tensor(penalty, "penalty").mean()
            seen.has_penalty = True
        given = {"real": real_scores, "fake": fake_scores}
        scores = {which: _tensor(each, f"{which}_scores") for which, each in given.items()}
        self._keep("critic", numbers, scores)
        if self._watches("critic"):
            looks = self._looks("critic")
            self._recognise([part for each in given.values() for part in _parts(each)])
            self._ask("critic", loss, {w: _parts(s) for w, s in given.items()}, penalty)
            if real is not None:
                real = _tensor(real, "real").detach()
                seen.batches.append(reading.rows(real, closely=looks))
            halves = {"scores are": scores["real"], "the penalty is": penalty}
            seen.halves |= {w for w, t in halves.items() if t is not None and t.dtype is torch.half}
            if real is not None and fake is not None:
                fake = _tensor(fake, "fake").detach()
                if looks:
                    seen.pair = real, fake
                if seen.has_penalty:
                    self._locate(real, fake)
                if penalty is not None and looks:
                    self._compare(penalty, real, fake)
            if penalty is None and looks and not bends(seen, "critic.real"):
                seen.at_limit.append(_at_limit(seen.critic))
        self._passes = []
        seen.calls["critic"] += 1
        if seen.calls["critic"] in (_EARLY, self._watch):
            self._tell(self.diagnosis())
        most = seen.calls["critic"] >= 10 * self._watch
        if self._watching and (most or min(seen.calls.values()) >= self._watch):
            self._release()
            for handle in self._steps:  # of a step that is under way none can be taken off
                handle.remove()

    @_harmless
    def generator(self, fake_scores: Tensor, *, loss: Tensor) -> None:
        """Of an update of the generator, before ``loss.backward()``.

        Args:
            fake_scores: as the loss was computed from them, with their graph.
            loss: all that is to be minimised, one number.
        """
        self._latest = "generator"
        loss, scores = _number(loss, "loss"), _tensor(fake_scores, "fake_scores")
        self._keep("generator", {"loss": loss}, {"fake": scores})
        if self._watches("generator"):
            self._ask("generator", loss, {"fake": _parts(fake_scores)}, None)
        self.evidence.calls["generator"] += 1

    def diagnosis(self) -> Diagnosis:
        """Every check of what was seen so far."""
        seen = self.evidence
        try:
            for name, probe in self._probes.items():
                first = self._first[name]
                size = first.norm().clamp(min=1e-30)
                seen.moved[name] = float((probe.detach() - first).norm() / size)
            with trial.trying(seen.generator, seen.critic):
                return Diagnosis(tuple(check(seen) for check in CHECKS))
        except Exception as error:
            self._fail(error)
            why = f"the monitor stopped watching: {seen.failure}"
            return Diagnosis(tuple(Finding(c.name, Status.NOT_RUN, why) for c in CHECKS))

    def close(self) -> Diagnosis:
        """The diagnosis; hooks are taken off, and the history ends with the findings."""
        diagnosis = self.diagnosis()
        self._release()
        for handle in (*self._steps, *self._stepped):
            handle.remove()
        for last in (
            functools.partial(self._tell, diagnosis),
            self._end_row,
            self._write_rows,
            functools.partial(self._end, diagnosis),
            self._shut,
        ):
            self._safely(last)
        return diagnosis

    # What hooks see.

    def _stand(self, name: str, probe: nn.Parameter) -> None:
        self._probes[name], self._first[name] = probe, probe.detach().clone()
        hooks: Any = probe  # torch leaves these two without types
        for register, method in (
            (hooks.register_hook, self._arriving),
            (hooks.register_post_accumulate_grad_hook, self._arrived),
        ):
            self._watching.append(register(functools.partial(method, name, probe)))

    def _watches(self, name: str) -> bool:
        return bool(self._watching) and self.evidence.calls[name] < self._watch

    def _looks(self, name: str) -> bool:
        """At each of the first updates, and then at every fourth: all that is told between two
        steps, which may be more than one batch."""
        steps = self.evidence.steps[name]
        return steps < _LOOKS or steps % 4 == 0

    def _safely(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.evidence.failure:
            return
        reason = " ".join(str(error).split()) or type(error).__name__
        self.evidence.failure = reason
        self._release()
        told = f"the monitor stopped watching: {reason}"
        try:
            warnings.warn(told, RuntimeWarning, stacklevel=4)
        except RuntimeWarning:  # where warnings are errors, this one is still none of the training
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn(told, RuntimeWarning, stacklevel=4)

    @_harmless
    def _saw(self, given: tuple[Any, ...], named: dict[str, Any], returned: Any) -> None:
        call = None if self._asking else Call.seen(given, named)
        if call is not None:
            self.evidence.call = call
            if self._looks("critic"):
                scores = [each.detach() for each in tensors_of(returned)]
                self._passes = [*self._passes, (call, scores)][-_PASSES:]

    @_harmless
    def _made(self, given: tuple[Any, ...], named: dict[str, Any], returned: Any) -> None:
        call = None if self._asking else Call.seen(given, named)
        if call is None:
            return
        self.evidence.made = call
        if self._watches("generator") and self._looks("generator"):
            rows = reading.rows(call.x)
            # What is few values, or all alike, may be a condition: what differs is drawn inside.
            if rows.is_continuous:
                self.evidence.latents.append(rows)

    @_harmless
    def _arriving(self, name: str, probe: nn.Parameter, gradient: Tensor) -> None:
        if not self._asking and probe is self._probes[name]:
            self._incoming[name] = gradient.detach()

    @_harmless
    def _arrived(self, name: str, probe: nn.Parameter, parameter: Tensor) -> None:
        """Stamps each gradient with the steps that came before; those that were set to zero since
        are forgotten, which shows in a sum that is no more than what arrived."""
        if probe is not self._probes[name]:
            return
        incoming, gradient = self._incoming.pop(name, None), probe.grad
        if self._asking or incoming is None or gradient is None:
            return
        if self._looks(name):
            self._whole[name] = gradient.detach().clone()
        steps = self.evidence.steps
        stamp = (steps["critic"], steps["generator"])
        # A gradient that is no number equals itself here.
        same = torch.equal(gradient, incoming) or torch.allclose(
            gradient, incoming, rtol=0, atol=0, equal_nan=True
        )
        fresh = same and bool(incoming.any())
        self._stamps[name] = [stamp] if fresh else [*self._stamps[name], stamp]

    @_harmless
    def _before(self, name: str, optimiser: Optimizer, args: Any = (), named: Any = None) -> None:
        if not _has_closure(args, named):
            self._stepping(self._latest if self.evidence.is_shared else name)

    @_harmless
    def _after(self, name: str, optimiser: Optimizer, args: Any = (), named: Any = None) -> None:
        stepped = self._latest if self.evidence.is_shared else name
        if _has_closure(args, named):  # which made the gradients inside of the step
            self._stepping(stepped)
        self._took(stepped)

    def _took(self, name: str) -> None:
        if name in self._pending:
            self._weigh(self._pending.pop(name))
        self.evidence.steps[name] += 1
        if name == "generator" and self.evidence.steps[name] % self._every == 0:
            self._end_row()

    def _stepping(self, name: str) -> None:
        """Right before a step: its gradients, and where they came from."""
        if not self._watching:
            return
        seen = self.evidence
        if self._looks(name):
            pushed = any(bool(each.any()) for each in self._gradients(name))
            seen.pushed.setdefault(name, []).append(pushed)
            trained = any(p.requires_grad for p in self._networks[name].parameters())
            seen.frozen[name] += not (pushed or trained)
        gradient = self._probes[name].grad
        if gradient is None or not bool(gradient.any()):  # nothing is there to be taken along
            self._stamps[name] = []
        stamps, steps = self._stamps[name], seen.steps
        if name == "critic":
            # What came before the generator's last step is of its loss; before its own, of another.
            old = [s for s in stamps if s[0] < steps["critic"] or s[1] < steps["generator"]]
        else:
            old = [s for s in stamps if s[1] < steps["generator"]]
            now = (steps["critic"], steps["generator"])
            mixed = {s[0] for s in stamps if s[1] == now[1]}
            seen.kept += len(mixed) > 1
        seen.leftover[name] += bool(old)
        self._match(name)

    def _gradients(self, name: str) -> list[Tensor]:
        return [p.grad for p in self._networks[name].parameters() if p.grad is not None]

    def _match(self, name: str) -> None:
        """How far the gradient at hand is that of the loss that was handed over."""
        expected, gradient = self._expected.pop(name, None), self._whole.pop(name, None)
        complete, self._told_of[name] = all(self._told_of[name]), []
        if gradient is None:
            gradient = self._probes[name].grad
        if expected and complete and gradient is not None:
            found = {part: _cosine(gradient, of) for part, of in expected.items()}
            self.evidence.alike.setdefault(name, []).append(found)

    # Questions to autograd and to the critic.

    def _ask(
        self, name: str, loss: Tensor, heads: dict[str, list[Tensor]], penalty: Tensor | None
    ) -> None:
        """The loss's slopes by each score, and its gradient, and those of its parts, by one weight
        of the network.

        Args:
            heads: the scores, of each head of the critic apart: the loss knows them so.
        """
        seen, looks = self.evidence, self._looks(name)
        self._whole.pop(name, None)
        self._told_of[name].append(looks)
        if not bool(torch.isfinite(loss.detach()).all()):
            seen.not_finite += 1
            return
        if not looks:
            return
        self._asking = True
        try:
            first, scores = {}, {which: _tensor(parts, which) for which, parts in heads.items()}
            linear: float | None = 0.0
            for which, parts in heads.items():
                score = scores[which]
                ask = functools.partial(reading.slopes_of_parts, loss, parts)
                found = self._of(ask) if score.requires_grad and loss.requires_grad else None
                if found is None:
                    linear = None
                    continue
                first[which] = found.first
                key = f"{name}.{which}"
                flat = score.detach().flatten().cpu().double()
                if linear is not None:
                    linear += float((flat * found.first).sum())
                # Odd, so as to be in no step with the width of a map of scores.
                some = slice(None, None, max(1, len(flat) // _SCORES) | 1)
                sizes = torch.cat([torch.full((p.numel(),), p.numel()) for p in parts])[some]
                second = None if found.second is None else found.second[some] * sizes
                seen.scores.setdefault(key, []).append(flat[some].clone())
                seen.slopes.setdefault(key, []).append(found.first[some] * sizes)
                seen.bends.setdefault(key, []).append(second)
            if name == "critic" and linear is not None:
                seen.losses.append(float(loss.detach()))
                seen.linear.append(linear)
            if loss.requires_grad:
                self._part(name, loss, scores, first, penalty)
        finally:
            self._asking = False

    @staticmethod
    def _of(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except RuntimeError:  # its graph was used up already: the question stays open
            return None

    def _part(
        self,
        name: str,
        loss: Tensor,
        scores: dict[str, Tensor],
        first: dict[str, Tensor],
        penalty: Tensor | None,
    ) -> None:
        """The gradients, by one weight, that a step may be made of."""
        seen = self.evidence

        def by(value: Tensor, at: nn.Parameter, weights: Tensor | None = None) -> Tensor | None:
            def question() -> Tensor | None:
                found = torch.autograd.grad(
                    value, at, weights, retain_graph=True, allow_unused=True
                )
                return found[0]

            found: Tensor | None = self._of(question) if at.requires_grad else None
            return found

        of_loss = by(loss, self._probes[name])
        if of_loss is None and self._stands_elsewhere(name, loss):
            of_loss = by(loss, self._probes[name])
        if of_loss is None:
            return
        probe = self._probes[name]
        if name == "critic":
            seen.asked += 1
            seen.undetached += by(loss, self._probes["generator"]) is not None
        parts = {"loss": of_loss}
        if name == "critic":
            for which, slope in first.items():
                score = scores[which]
                part = by(score, probe, slope.to(score).view_as(score))
                if part is not None:
                    parts[f"{which} scores"] = part
            if len(parts) == 3:
                parts["scores"] = parts["real scores"] + parts["fake scores"]
            if penalty is not None and bool(penalty.detach() != 0):
                of_penalty = by(penalty, probe) if penalty.requires_grad else None
                if of_penalty is not None:
                    parts["penalty"] = of_penalty
                seen.reach.append(_reach(penalty, parts))
        before = self._expected.get(name)
        if before is not None:  # more than one batch per step
            parts = {k: before[k] + v for k, v in parts.items() if k in before}
        self._expected[name] = parts

    def _stands_elsewhere(self, name: str, loss: Tensor) -> bool:
        """Whether another weight had to be taken for the network: its last one may have no use, or
        none yet, as a head for classes or for a later resolution. Before the first step only."""
        if self.evidence.steps[name]:
            return False
        trained = [p for p in self._networks[name].parameters() if p.requires_grad]
        ask = functools.partial(
            torch.autograd.grad, loss, trained, retain_graph=True, allow_unused=True
        )
        found = (self._of(ask) if trained else None) or ()
        reached = [p for p, of in zip(trained, found, strict=False) if of is not None]
        if reached:
            self._stand(name, _last_weight(reached))
        return bool(reached)

    def _recognise(self, scores: list[Tensor]) -> None:
        """Which of the tensors that the critic returns are scores: what was handed over lies in the
        same memory, or was computed from it, and then the first one is taken for them."""
        places = {memory_of(each) for each in scores} - {None}
        for _, returned in self._passes:
            found = tuple(i for i, each in enumerate(returned) if memory_of(each) in places)
            if found:
                self.evidence.heads = found

    def _locate(self, real: Tensor, fake: Tensor) -> None:
        """Where between real and fake samples the critic was asked."""
        if real.shape != fake.shape or not real.is_floating_point():
            return
        for call, _ in self._passes:
            place = call.place(real.shape[1:])
            if place is None or len(at := call.inputs[place]) % len(real):
                continue
            for part in torch.split(at, len(real)):
                found = reading.shares(part.float(), real.float(), fake.float())
                if found is not None:
                    self.evidence.shares.append(found)

    def _compare(self, penalty: Tensor, real: Tensor, fake: Tensor) -> None:
        """The penalty beside what formulas, right and wrong, give on this batch."""
        seen = self.evidence
        if real.shape != fake.shape or seen.call is None:
            return
        place = seen.call.place(real.shape[1:])
        if place is None:
            seen.incomparable = (
                f"the critic scores samples of shape {tuple(seen.call.x.shape[1:])}, and those "
                f"handed over have {tuple(real.shape[1:])}: hand over what it scores"
            )
            return
        self._asking = True
        try:
            with trial.trying(seen.critic):
                critic = Alone(copy_of(seen.critic, "critic"), seen.call, seen.heads)
                dtype = wide(seen.call.inputs[place]).dtype
                real, fake = real.to(dtype), fake.to(dtype)

                def gradients(x: Tensor) -> Tensor:
                    at = x.detach().requires_grad_()
                    return torch.autograd.grad(trial.scores_of(critic, Samples(at)).sum(), at)[0]

                rng = torch.Generator(real.device).manual_seed(seen.calls["critic"])
                between = gradients(interpolates(real, fake, rng=rng))
                norms, whole = gradient_norms(between), between.norm()
                of_mean = between.mean(0).norm()
                pairs = {
                    "two-sided": ((norms - 1).square().mean(), norms.mean()),
                    "one-sided": ((norms - 1).clamp(min=0).square().mean(), norms.mean()),
                    "one norm over the whole batch": ((whole - 1).square(), whole),
                    "the norm of the mean gradient": ((of_mean - 1).square(), of_mean),
                }
                for name, x in (("zero-centred", None), ("R1", real), ("R2", fake)):
                    squares = (norms if x is None else gradient_norms(gradients(x))).square().mean()
                    pairs[name] = (squares, squares.sqrt())
                if between.ndim > 2:
                    pixels = between.norm(dim=1)
                    pairs["norms over the channels of each pixel"] = (
                        (pixels - 1).square().mean(),
                        pixels.mean(),
                    )
                formulas = {
                    n: (float(cost) ** 0.5, float(slope)) for n, (cost, slope) in pairs.items()
                }
                seen.penalties.append(Look(float(penalty.detach().float().mean()), formulas))
        except Exception as error:  # whatever a critic raises that is asked by itself
            seen.incomparable = " ".join(f"{type(error).__name__}: {error}".split())
        finally:
            self._asking = False

    # The history.

    def _release(self) -> None:
        for handle in self._watching:
            handle.remove()
        self._watching, self._passes, self._whole, self._expected = [], [], {}, {}

    def _keep(self, name: str, numbers: dict[str, Tensor], scores: dict[str, Tensor]) -> None:
        """What a row is made of, until it is written; nothing here waits for a device."""
        if self._history is not None:
            kept = {key: value.detach().clone() for key, value in numbers.items()}
            by_name = {key: value.detach().clone() for key, value in scores.items()}
            self._pending[name] = _Told(name, kept, by_name, [])

    def _weigh(self, told: _Told) -> None:
        """The gradient's norm takes a pass over the network: it is wanted of the first update of
        each row and of an eighth of the others."""
        name = told.network
        if name not in self._weighed or self.evidence.steps[name] * _GOLDEN % 1 < 0.125:
            parts = [torch.linalg.vector_norm(each) for each in self._gradients(name)]
            told.norms.extend(parts or [torch.zeros(())])
            self._weighed.add(name)
        self._updates.append((self._row, told))
        if len(self._updates) == _KEPT:
            self._write_rows()

    def _end_row(self) -> None:
        if self._history is not None:
            self._due.append((self._row, self.evidence.steps["generator"], time.monotonic()))
            self._row, self._weighed = self._row + 1, set()
            if time.monotonic() - self._rows_at >= _LATE:
                self._write_rows()

    def _write_rows(self) -> None:
        updates, self._updates = self._updates, []
        for row, name, value in _read(updates):
            self._windows.setdefault(row, {}).setdefault(name, []).append(value)
        due, self._due, self._rows_at = self._due, [], time.monotonic()
        for row, step, at in due:
            numbers = {name: _summary(name, v) for name, v in self._windows.pop(row, {}).items()}
            if numbers:
                self._write("record", numbers, step, at)

    def _write(self, kind: RowKind, values: dict[str, Any], step: int, at: float) -> None:
        if self._history is not None:
            self._history(Row(kind, step, round(at - self._began, 3), values))

    def _end(self, diagnosis: Diagnosis) -> None:
        for finding in diagnosis.findings:
            step = self.evidence.steps["generator"]
            self._write("finding", finding.to_json(), step, time.monotonic())

    def _shut(self) -> None:
        history, self._history = self._history, None
        if history is not None:
            history.close()

    def _tell(self, diagnosis: Diagnosis) -> None:
        for finding in diagnosis.of(Status.ERROR, Status.WARNING):
            if self._say is not None and finding.check not in self._told:
                self._say(finding.line)
            self._told.add(finding.check)


def _last_weight(parameters: Iterable[nn.Parameter]) -> nn.Parameter:
    trained = [p for p in parameters if p.requires_grad]
    if not trained:
        raise UsageError("a network has no parameter that requires a gradient: nothing can train.")
    return next((p for p in reversed(trained) if p.ndim > 1), trained[-1])


def _parts(given: Any) -> list[Tensor]:
    """Of scores that ``_tensor`` takes, each head's."""
    return list(given) if isinstance(given, (list, tuple)) else [_tensor(given, "scores")]


def _tensor(given: Any, name: str) -> Tensor:
    """Scores of several heads, or of patches at several scales, are one list of scores."""
    if isinstance(given, (list, tuple)) and given and all(isinstance(g, Tensor) for g in given):
        return torch.cat([each.flatten() for each in given])
    if isinstance(given, Tensor):
        return given
    try:
        return torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(f"{name} is {type(given).__name__}: hand over a tensor.") from None


def _number(given: Any, name: str) -> Tensor:
    value = _tensor(given, name)
    if value.numel() != 1:
        raise UsageError(
            f"{name} has shape {tuple(value.shape)}: hand over the number that backward() is "
            "called on."
        )
    return value.reshape(())


def _has_closure(args: Any, named: Any) -> bool:
    return any(callable(each) for each in (*args[1:], *(named or {}).values()))


def _at_limit(network: nn.Module) -> float:
    """The share of weights that equal the largest in size."""
    sizes = torch.cat([p.detach().abs().flatten() for p in network.parameters()])
    equal = sizes >= 0.9999 * sizes.max()
    return float(equal.float().mean()) if int(equal.sum()) > 2 else 0.0


def _reach(penalty: Tensor, parts: dict[str, Tensor]) -> str:
    """Whether a penalty that was handed over can move the critic: how not, or nothing."""
    if not penalty.requires_grad:
        return "graph"
    if "scores" not in parts:
        return ""
    rest = parts["loss"] - parts["scores"]
    share = float(rest.norm() / parts["loss"].norm().clamp(min=1e-30))
    if "penalty" in parts:
        return "loss" if share < 1e-3 and _cosine(rest, parts["penalty"]) < 0.5 else ""
    return "loss" if share < 1e-5 else ""


def _cosine(a: Tensor, b: Tensor) -> float:
    a, b = (each.detach().flatten().cpu().double() for each in (a, b))  # not all devices have it
    return float((a @ b) / (a.norm() * b.norm()).clamp(min=1e-300))


def _new_history(root: Path) -> HistoryWriter:
    files = RunFiles(root)
    if files.history.exists():
        raise UsageError(f"{root} already holds a history: choose another out.")
    root.mkdir(parents=True, exist_ok=True)
    return HistoryWriter(files.history)
