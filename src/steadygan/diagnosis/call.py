"""How a loop calls its networks, and a critic of samples alone that is asked in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree


@dataclass(frozen=True, eq=False)
class Call:
    """What a network was given in one pass, by place, by name or inside of anything.

    Attributes:
        inputs: each of it, tensors detached.
        form: how they were arranged.
        samples: which of the inputs are the samples.
    """

    inputs: tuple[Any, ...]
    form: pytree.TreeSpec
    samples: int

    @classmethod
    def seen(cls, given: tuple[Any, ...], named: Mapping[str, Any]) -> Call | None:
        """None where no batch of two or more samples is among what was given."""
        found, form = pytree.tree_flatten((given, dict(named)))
        inputs = tuple(each.detach() if isinstance(each, Tensor) else each for each in found)
        batches = [i for i, each in enumerate(inputs) if _rows(each) > 1]
        if not batches:
            return None
        # Labels may come first: they are whole numbers, or at least need no gradient.
        samples = max(
            batches, key=lambda i: (inputs[i].is_floating_point(), found[i].requires_grad)
        )
        return cls(inputs, form, samples)

    @property
    def x(self) -> Tensor:
        samples: Tensor = self.inputs[self.samples]
        return samples

    def place(self, shape: Sequence[int]) -> int | None:
        """Of an input that is a batch of samples of this shape: the samples, if they are."""
        fits = [
            i
            for i, each in enumerate(self.inputs)
            if _rows(each) and each.is_floating_point() and each.shape[1:] == torch.Size(shape)
        ]
        return self.samples if self.samples in fits else next(iter(fits), None)

    def on(self, network: nn.Module, x: Tensor | None = None) -> list[Tensor]:
        """Every tensor that a network returns when it is called so; with samples ``x`` in place of
        those that were given, and of other batches as many rows as there are samples then."""
        x = self.x if x is None else x
        place = self.place(x.shape[1:])
        inputs = [self._beside(each, len(x)) for each in self.inputs]
        inputs[self.samples if place is None else place] = wide(x)
        given, named = pytree.tree_unflatten(inputs, self.form)
        return tensors_of(network(*given, **named))

    def _beside(self, given: Any, rows: int) -> Any:
        if not isinstance(given, Tensor):
            return given
        return wide(given[:rows] if _rows(given) == len(self.x) else given)


class Alone(nn.Module):
    """A critic of samples alone, called as a loop was seen to call it.

    Where several of the tensors that it returns are scores, a sample's are added up.

    Args:
        critic: is kept, and not copied.
        call: one of its passes.
        heads: which of the tensors that it returns are its scores.
    """

    def __init__(self, critic: nn.Module, call: Call, heads: Sequence[int]) -> None:
        super().__init__()
        self.critic, self.call, self.heads = critic, call, tuple(heads)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, *shape)`` to scores ``(batch,)``; of a critic of packs one for each pack."""
        returned = self.call.on(self.critic, x)
        scores = [returned[head] for head in self.heads]
        return torch.stack([each.reshape(len(each), -1).mean(1) for each in scores]).sum(0)


def tensors_of(returned: Any) -> list[Tensor]:
    """Every tensor of what a network returned, in order."""
    return [each for each in pytree.tree_leaves(returned) if isinstance(each, Tensor)]


def memory_of(tensor: Tensor) -> int | None:
    """Where its numbers lie; None where they have no place of their own, as inside of
    ``torch.func``."""
    try:
        return tensor.untyped_storage().data_ptr() or None
    except NotImplementedError:
        return None


def wide(x: Tensor) -> Tensor:
    """In float32 at least, where these are no whole numbers: trials run without autocast."""
    return x.float() if x.is_floating_point() and x.dtype != torch.float64 else x


def _rows(given: Any) -> int:
    return len(given) if isinstance(given, Tensor) and given.ndim > 0 else 0
