"""Who is compared: one file each, with a function ``prepare`` from a setting to a ``Work``.

This file loads none of them: each runs in a process of its own, where what it needs is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Work:
    """A training that is ready.

    Attributes:
        iterate: do so many iterations, and return when they are done.
        parameters: of generator and critic, to see that all train networks of one size.
        updates: optimiser steps so far, of critic and generator.
    """

    iterate: Callable[[int], None]
    parameters: tuple[int, int]
    updates: Callable[[], tuple[int, int]]


@dataclass(frozen=True)
class Contestant:
    """Where a contestant is found.

    Attributes:
        module: its file here.
        options: further arguments of its ``prepare``.
        folder: with its code, in the folder of peers; None where there is none to look for.
        python: that runs it, in the folder of peers; None for the one that runs the benchmark.
        leaves_out: settings that it cannot train, with the reason.
        precision: of its matrix products.
    """

    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None
    python: str | None = None
    leaves_out: Mapping[str, str] = field(default_factory=dict)
    precision: str = "float32"


_COLOUR = "its penalty reshapes to three channels"
_DENSE = "it is written for MLPs alone"

CONTESTANTS = {
    "ours float32": Contestant("ours"),
    "ours bfloat16": Contestant("ours", {"precision": "bfloat16"}, precision="bfloat16"),
    "eager float32": Contestant("eager"),
    "eager bfloat16": Contestant("eager", {"precision": "bfloat16"}, precision="bfloat16"),
    "PyTorch-GAN": Contestant("pytorch_gan", folder="pytorch_gan"),
    "torchgan": Contestant("torchgan", folder="torchgan"),
    "mimicry": Contestant(
        "mimicry", folder="mimicry", leaves_out={"mlp-64": _COLOUR, "mlp-2": _COLOUR}
    ),
    "caogang": Contestant("caogang", folder="caogang"),
    "JAX": Contestant(
        "jax_mlp", folder="jax", python="jax/bin/python", leaves_out={"dcgan": _DENSE}
    ),
}
