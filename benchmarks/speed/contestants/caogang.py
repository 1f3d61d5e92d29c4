"""caogang/wgan-gp: the loops of ``gan_cifar10.py`` (images) and ``gan_toy.py`` (vectors).

Its function for the penalty and its whole training loop run, with our networks, Adam and data under
the names that they use. Written for Python 2 and torch 0.2, they are changed when they are read:

- print statements become ``pass``; ``/`` in the penalty becomes ``//``, as it divides integers;
- the latent vector of the toy script has as many numbers as the setting says, instead of 2.

Names that are gone are given in the sense they had: ``xrange`` is ``range``; ``one`` and ``mone``
are numbers instead of tensors of one, which ``backward`` no longer takes; what a ``Variable`` that
is ``volatile`` goes through keeps no graph. Its plots (``lib``) do nothing, and what is due every
hundredth iteration is never reached.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import problem
import torch
from peer_code import Script, floor_division, with_argument
from settings import Setting
from torch import Tensor, nn

from contestants import Work
from contestants.torch_work import work

_LATENT_OF_THE_TOY = 2


class _Generator(nn.Module):
    """Ours, without a graph for a volatile latent vector; the toy script hands real data too."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, noise: Tensor, real: Tensor | None = None) -> Tensor:
        with torch.set_grad_enabled(not getattr(noise, "volatile", False)):
            fake: Tensor = self.generator(noise)
        return fake


class _Real:
    """Batches of NumPy, from a generator of Python 2 (``next`` is a method)."""

    def __init__(self, setting: Setting) -> None:
        self.batches = problem.batches(setting)

    def next(self) -> np.ndarray:
        return next(self.batches).numpy()


def _variable(data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    made = torch.autograd.Variable(data, requires_grad=requires_grad)
    if volatile:
        made.volatile = True  # type: ignore[attr-defined]
    return made


def _to_tensor(image: np.ndarray) -> Tensor:
    """In place of torchvision's: our pixels, ``(32, 32, 3)``, are in [-1, 1] already."""
    return torch.from_numpy(image).permute(2, 0, 1)


def _nothing(*values: object) -> None:
    """Its plots."""


def prepare(setting: Setting, folder: Path) -> Work:
    images = len(setting.shape) == 3
    script = Script(folder / ("gan_cifar10.py" if images else "gan_toy.py"), python2=True)
    generator, critic = problem.networks(setting)
    optimisers = problem.adam(setting, generator), problem.adam(setting, critic)
    real = _Real(setting)
    one = torch.tensor(1.0)
    names: dict[str, Any] = {
        "torch": torch,
        "autograd": SimpleNamespace(Variable=_variable, grad=torch.autograd.grad),
        "time": time,
        "xrange": range,
        "lib": SimpleNamespace(plot=SimpleNamespace(plot=_nothing, flush=_nothing, tick=_nothing)),
        "netG": _Generator(generator),
        "netD": critic,
        "optimizerG": optimisers[0],
        "optimizerD": optimisers[1],
        "one": one,
        "mone": -one,
        "use_cuda": False,
        "preprocess": _to_tensor,
        "data": real,  # as the toy script calls it
        "gen": real,  # as the other does
        "FIXED_GENERATOR": False,
        "DATASET": "",
        "BATCH_SIZE": setting.batch,
        "CRITIC_ITERS": setting.n_critic,
        "LAMBDA": setting.weight,
    }
    script.run([floor_division(script.function("calc_gradient_penalty"))], names)
    loop = script.loop("iteration", "xrange(ITERS)")
    if not images:
        with_argument(loop, "torch.randn", 1, _LATENT_OF_THE_TOY, setting.latent_dim)
    code = script.compiled([loop])

    def iterate(count: int) -> None:
        assert count < 100, "every hundredth iteration it draws pictures"
        names["ITERS"] = count
        exec(code, names)

    return work(iterate, generator, critic, *optimisers)
