"""What a step is held against: how fast this machine multiplies matrices, and what a step asks.

**Operations of an iteration.** One multiplication and one addition count as two. Let cₗ and gₗ be
those of layer l of critic and generator in a forward pass over one batch: ``2 · batch · in · out``
for a dense layer, ``2 · batch · in · out · kernel · pixels`` for a convolution, with its output's
pixels, for a transposed one with its input's. C = Σ cₗ, G = Σ gₗ, first and last layer c₁ and c_L.

Plain eager torch does, in a critic update,

- G for the fakes,
- 2 C forward for scores of real and fake, 2 C for weights and 2 (C − c₁) for inputs backward,
- at the points C forward and C for their gradients, and behind the penalty C for weights and
  C − c_L for what comes in from above,
- and then (C − c_L) twice more, for weights and inputs of the pass at the points: through
  activations whose second derivative is zero, but torch multiplies those zeros;

in the generator's update G + C forward, C for the critic's inputs and, since nothing tells it
otherwise, C for its weights, and 2 G − g₁ for the generator.

What the result needs is less: neither the zeros nor the critic's weights in the generator's update.
``counted`` measures the first with torch's counter; a test holds it against ``by_hand``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import problem
import torch
from contestants import eager
from settings import Setting
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

SIZES = (1024, 2048, 4096)
ONEDNN = "float32 by oneDNN"
DTYPES = {
    "float32": torch.float32,
    ONEDNN: torch.float32,
    "bfloat16": torch.bfloat16,
}


def products(repeats: int = 3) -> dict[str, dict[int, float]]:
    """Operations per second of products of square matrices, by way and size; the best of
    ``repeats``, with the threads that torch has.

    In float32 torch multiplies by BLAS, but convolves by oneDNN, and on some processors one of them
    is twice as fast as the other: both count.
    """
    found: dict[str, dict[int, float]] = {}
    for way, dtype in DTYPES.items():
        found[way] = {}
        for size in SIZES:
            factor = torch.ones(size, size, dtype=dtype)
            product: Callable[[], Tensor] = partial(torch.mm, factor, factor)
            if way == ONEDNN:
                product = partial(nn.functional.linear, factor.to_mkldnn(), factor.to_mkldnn())
            product()
            seconds = []
            for _ in range(repeats):
                began = time.perf_counter()
                product()
                seconds.append(time.perf_counter() - began)
            found[way][size] = 2 * size**3 / min(seconds)
    return found


def counted(setting: Setting) -> int:
    """Operations of an iteration of the plain eager loop, by torch's own counts of its kernels."""
    work = eager.prepare(setting)
    with _Counter() as counter:
        work.iterate(1)
    return counter.total


class _Counter(TorchDispatchMode):
    """torch's ``FlopCounterMode`` without its sums per module, whose hooks forbid a gradient with
    respect to inputs inside a step."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


@dataclass(frozen=True)
class Operations:
    """Of an iteration: as plain eager torch does it, and as few as the result needs."""

    eager: int
    needed: int


def by_hand(setting: Setting) -> Operations:
    """From the layers' shapes, as this file's head says."""
    generator, critic = problem.networks(setting)
    g = _forward(generator, torch.zeros(setting.batch, setting.latent_dim))
    c = _forward(critic, torch.zeros(setting.batch, *setting.shape))
    whole, fakes, first, last = sum(c), sum(g), c[0], c[-1]
    scores = 2 * whole + 2 * whole + 2 * (whole - first)
    points = 2 * whole + whole + whole - last
    zeros = 2 * (whole - last)
    update = fakes + whole + whole + 2 * fakes - g[0]
    return Operations(
        eager=setting.n_critic * (fakes + scores + points + zeros) + update + whole,
        needed=setting.n_critic * (fakes + scores + points) + update,
    )


def _forward(network: nn.Module, x: Tensor) -> list[int]:
    """Operations of each layer in a forward pass over ``x``, in order."""
    found: list[int] = []

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            found.append(2 * inputs[0].shape[0] * module.weight.numel())
        elif isinstance(module, nn.ConvTranspose2d):
            found.append(2 * module.weight.numel() * inputs[0][:, 0].numel())
        elif isinstance(module, nn.Conv2d):
            found.append(2 * module.weight.numel() * output[:, 0].numel())

    handles = [module.register_forward_hook(add) for module in network.modules()]
    with torch.no_grad():
        network(x)
    for handle in handles:
        handle.remove()
    return found


def best(rates: dict[str, dict[int, float]]) -> dict[str, float]:
    """The highest rate of each precision."""
    found: dict[str, float] = {}
    for way, by_size in rates.items():
        precision = way.split()[0]
        found[precision] = max(found.get(precision, 0.0), *by_size.values())
    return found


def as_rows(rates: dict[str, dict[int, float]]) -> str:
    """One line for a result."""
    each = (
        (f"{name} {size}: {rate / 1e9:.0f}" for size, rate in by_size.items())
        for name, by_size in rates.items()
    )
    return ", ".join(chain.from_iterable(each))
