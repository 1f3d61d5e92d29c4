"""A CUDA graph's meaning on a CPU: operations are recorded once and carried out again as recorded.

As in a graph, what was a plain number when recorded stays that number, every result lies where it
lay, and what reads a value off the device (``item``, ``bool``) is refused while recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

T = TypeVar("T")


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        if func is torch.ops.aten.set_.source_Tensor:
            raise RuntimeError("storage must stay where it is when stream is capturing")
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


def _is_view(func: Any) -> bool:
    return any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)


class Tape:
    """``training.capture.Graphs`` on a CPU. Unlike a graph, recording computes: what it changes in
    tensors that were there before is put back."""

    def __init__(self, kept: Callable[[], Sequence[Tensor]] = tuple) -> None:
        self.kept = kept
        self.replays = 0

    def warm_up(self, work: Callable[[], T]) -> T:
        return work()

    def capture(
        self, work: Callable[[], T], generators: Sequence[torch.Generator]
    ) -> tuple[Callable[[], None], T]:
        kept = list(self.kept())
        before = [tensor.detach().clone() for tensor in kept]
        states = [generator.get_state() for generator in generators]
        recorder = _Recorder()
        with recorder:
            result = work()
        with torch.no_grad():
            for tensor, value in zip(kept, before, strict=True):
                tensor.copy_(value)
        for generator, rng in zip(generators, states, strict=True):
            generator.set_state(rng)

        def replay() -> None:
            self.replays += 1
            with torch.no_grad(), torch.autograd._force_original_view_tracking(False):
                for func, args, kwargs, recorded in recorder.calls:
                    if _is_view(func):
                        continue  # of a result that lies where it lay
                    again = func(*args, **kwargs)
                    for old, new in zip(tree_leaves(recorded), tree_leaves(again), strict=True):
                        if isinstance(old, Tensor) and old is not new:
                            old.detach().copy_(new)

        return replay, result
