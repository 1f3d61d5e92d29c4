"""mimicry (kwotsin/mimicry): ``train_step`` of its WGAN-GP classes, in its trainer's order.

Its base classes get our networks as their ``forward``. The loop over critic and generator updates
is the one in its ``Trainer.train``. Its packages are loaded without their ``__init__``, which would
ask for TensorFlow; its log of the losses is filled, and not written anywhere.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import problem
import torch
from peer_code import Script, packages
from settings import Setting
from torch import Tensor, nn

from contestants import Work
from contestants.torch_work import work


def prepare(setting: Setting, folder: Path) -> Work:
    bare = ("torch_mimicry", "torch_mimicry.nets", "torch_mimicry.nets.wgan_gp",
            "torch_mimicry.training")  # fmt: skip
    packages(folder, {name: name.replace(".", "/") for name in bare})
    sys.path.insert(0, str(folder))
    base: Any = import_module("torch_mimicry.nets.wgan_gp.wgan_gp_base")
    log: Any = import_module("torch_mimicry.training.metric_log")
    script = Script(folder / "torch_mimicry" / "training" / "trainer.py")
    generator, critic = problem.networks(setting)

    class Generator(base.WGANGPBaseGenerator):  # type: ignore[misc]
        def __init__(self, network: nn.Module) -> None:
            super().__init__(nz=setting.latent_dim, ngf=0, bottom_width=0)
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            fake: Tensor = self.network(x)
            return fake

    class Critic(base.WGANGPBaseDiscriminator):  # type: ignore[misc]
        def __init__(self, network: nn.Module) -> None:
            super().__init__(ndf=0, gp_scale=setting.weight)
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.network(x)
            return scores

    real = problem.batches(setting)
    optimisers = problem.adam(setting, generator), problem.adam(setting, critic)

    def fetch(iter_dataloader: object) -> tuple[object, tuple[Tensor, None]]:
        return iter_dataloader, (next(real), None)

    names: dict[str, Any] = {
        "self": SimpleNamespace(
            n_dis=setting.n_critic,
            netD=Critic(critic),
            netG=Generator(generator),
            optG=optimisers[0],
            optD=optimisers[1],
            device=torch.device("cpu"),
            _fetch_data=fetch,
        ),
        "iter_dataloader": None,
        "global_step": 0,
    }
    step = script.compiled([script.loop("i", "range(self.n_dis)")])

    def iterate(count: int) -> None:
        for _ in range(count):
            names["log_data"] = log.MetricLog()
            exec(step, names)

    return work(iterate, generator, critic, *optimisers)
