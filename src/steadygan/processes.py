"""Several processes that train one run together, as ``torchrun`` starts them.

Every process draws the whole batch: real samples, latent vectors, noise, penalty points. Only the
passes through the networks are shared out: a process takes its slice through them, and what it
finds (gradients, losses, scores) is brought together in one all-reduce per update. So N processes
compute what one computes, but for the order of sums (docs/decisions/0012-processes.md).

    torchrun --nproc-per-node 2 -m steadygan train digits
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.autograd import Function
from torch.distributed.rendezvous import rendezvous
from torch.overrides import TorchFunctionMode

from steadygan.errors import ProcessLostError, UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among those that train the run.

    Attributes:
        rank: its number, from 0; 0 alone writes and speaks.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def own(self, whole: Tensor) -> Tensor:
        """This process's slice of a batch."""
        if self.size == 1:
            return whole
        count = len(whole) // self.size
        return whole[self.rank * count : (self.rank + 1) * count]

    def whole(self, own: Tensor) -> Tensor:
        """The batch whose slices all have computed; only the own slice carries a gradient."""
        if self.size == 1:
            return own
        slices = [torch.empty_like(own, memory_format=torch.contiguous_format)
                  for _ in range(self.size)]  # fmt: skip
        _together(distributed.all_gather, slices, own.detach().contiguous())
        slices[self.rank] = own
        return torch.cat(slices)

    def mean(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The mean over processes of every tensor, in one all-reduce; detached."""
        if self.size == 1:
            return list(values)
        dtype = torch.float32
        for each in values:
            dtype = torch.promote_types(dtype, each.dtype)
        flat = torch.cat([each.detach().reshape(-1).to(dtype) for each in values])
        _together(distributed.all_reduce, flat)
        flat /= self.size
        parts = torch.split(flat, [each.numel() for each in values])
        return [p.view(v.shape).to(v.dtype) for p, v in zip(parts, values, strict=True)]

    def spread(self, own: Tensor) -> Tensor:
        """The own slice in a batch of zeros, times their number: a mean over processes then is the
        whole batch."""
        if self.size == 1:
            return own
        batch = own.new_zeros(self.size, *own.shape)
        batch[self.rank] = own * self.size
        return batch.flatten(0, 1)

    def largest(self, values: Sequence[float]) -> list[float]:
        """Of each number the largest that any process has; asked on the CPU, so that nobody waits
        for what a GPU still has to do."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64, device="cpu")
        _together(distributed.all_reduce, numbers, distributed.ReduceOp.MAX)
        found: list[float] = numbers.tolist()
        return found

    def told(self, decide: Callable[[], T]) -> T:
        """What rank 0 decides; the others wait for it."""
        if self.size == 1:
            return decide()
        said = [decide() if self.leads else None]
        _together(distributed.broadcast_object_list, said)
        return said[0]  # type: ignore[return-value]

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            _together(distributed.barrier)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Around passes through networks: statistics of a batch are taken over all its slices."""
        if self.size == 1:
            yield
            return
        token = _CURRENT.set(self)
        try:
            with _WholeBatchNormalisation():
                yield
        finally:
            _CURRENT.reset(token)


ALONE = Processes()
_CURRENT: ContextVar[Processes] = ContextVar("processes", default=ALONE)


def batch_mean(values: Tensor) -> Tensor:
    """The mean over the first axis; where several processes pass, over their slices too."""
    mean = values.mean(0)
    return mean if _CURRENT.get().size == 1 else _averaged(mean)


def join() -> Processes:
    """Meet the other processes, where ``torchrun`` started several; else ``ALONE``.

    Raises:
        ProcessLostError: they are not to be met.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if not distributed.is_initialized():
        gpu = a_gpu_each()
        if gpu:
            torch.cuda.set_device(local_rank())
        # Both where both can be: a run may be asked to train on the CPU all the same.
        _together(_meet, "cpu:gloo,cuda:nccl" if gpu else "gloo")
    return Processes(distributed.get_rank(), size)


def _meet(backend: str) -> None:
    """Where the processes were started anew, what the first ones told each other may still be in
    torchrun's store: addresses at which nobody answers. So each start has keys of its own."""
    store, rank, size = next(rendezvous("env://"))
    store = distributed.PrefixStore(  # type: ignore[attr-defined]
        f"steadygan-{restarts()}", store
    )
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size)


def leave(processes: Processes) -> None:
    """Part from the others; each ends for itself."""
    if processes.size > 1 and distributed.is_initialized():
        with suppress(ProcessLostError):
            processes.wait()  # one whose peers are gone while it still hangs up may be aborted
        distributed.destroy_process_group()


def local_rank() -> int:
    """This process's number on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_size() -> int:
    """How many of the processes run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def a_gpu_each() -> bool:
    """Whether each process of this machine has a GPU of its own."""
    return torch.cuda.is_available() and local_size() <= torch.cuda.device_count()


def restarts() -> int:
    """How often ``torchrun`` has started the processes anew, after one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def most_threads(processes: Processes) -> int:
    """Threads of the CPU that this process may use: torch's own number, or its share of the cores
    where it is one of several (``torchrun`` tells each to use one, however many cores there are).
    """
    if processes.size == 1:
        return torch.get_num_threads()
    return max(1, usable_cores() // local_size())


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_batch(batch_size: int, accumulation: int, pack: int, processes: Processes) -> None:
    """Raises UsageError where a batch cannot be shared out evenly."""
    parts = accumulation * processes.size * pack
    if batch_size % parts:
        raise UsageError(
            f"training.batch_size={batch_size} cannot be shared out to {processes.size} processes"
            f"{f' in {accumulation} parts' if accumulation > 1 else ''}"
            f"{f' of packs of {pack}' if pack > 1 else ''}: choose a multiple of {parts}."
        )


def _together(collective: Callable[..., Any], *arguments: Any) -> None:
    try:
        collective(*arguments)
    except (
        RuntimeError
    ) as error:  # distributed's errors are of this class; a peer that died, mostly
        # "[file:line] what happened. What the library's authors suppose."
        reason = str(error).strip().splitlines()[0].rpartition("] ")[2].partition(". ")[0]
        raise ProcessLostError(f"another process of this training was lost ({reason}).") from None


class _Average(Function):
    """The mean over processes. Losses are means over processes as well, so that the gradient of a
    slice is the mean of the gradients that all have of the mean."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone(memory_format=torch.contiguous_format)
        _together(distributed.all_reduce, total)
        return total / distributed.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _averaged(gradients[0])


def _averaged(own: Tensor) -> Tensor:
    mean: Tensor = _Average.apply(own)  # type: ignore[no-untyped-call]
    return mean


class _WholeBatchNormalisation(TorchFunctionMode):
    """Batch normalisation in training mode, in any module, by the statistics of all slices."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is torch.nn.functional.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``torch.nn.functional.batch_norm`` over all processes' slices."""
    if not training:
        return torch.nn.functional.batch_norm(
            input, running_mean, running_var, weight, bias, training, momentum, eps
        )
    axes = [0, *range(2, input.ndim)]
    shape = [1, -1] + [1] * (input.ndim - 2)
    x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
    mean = _averaged(x.mean(axes))
    centred = x - mean.view(shape)
    variance = _averaged(centred.square().mean(axes))
    if running_mean is not None and running_var is not None:
        count = input.numel() // input.shape[1] * distributed.get_world_size()
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            unbiased = variance * (count / max(1, count - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    result = centred * (variance + eps).rsqrt().view(shape)
    if weight is not None:
        result = result * weight.view(shape)
    if bias is not None:
        result = result + bias.view(shape)
    return result.to(input.dtype)
