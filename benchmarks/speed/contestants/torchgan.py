"""torchgan (torchgan/torchgan): its ``Trainer`` and its Wasserstein losses with the penalty.

Its trainer gets our networks inside its own base classes. An iteration is ``n_critic`` batches of
``Trainer.train_iter``, with the counting and the logging that its ``train`` does after each batch;
what it does at the end of an epoch (a model on disk, pictures) is left out. It asks for torchvision
only there: an empty module stands for it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import problem
import torch
from peer_code import packages
from settings import Setting
from torch import Tensor, nn

from contestants import Work
from contestants.torch_work import work

_SILENT = ("TENSORBOARD_LOGGING", "VISDOM_LOGGING", "CONSOLE_LOGGING")


def prepare(setting: Setting, folder: Path) -> Work:
    os.environ.update(dict.fromkeys(_SILENT, "0"))
    sys.modules.setdefault("torchvision", ModuleType("torchvision"))
    packages(folder, {name: name.replace(".", "/") for name in ("torchgan", "torchgan.trainer")})
    models: Any = import_module("torchgan.models.model")
    losses: Any = import_module("torchgan.losses")
    trainers: Any = import_module("torchgan.trainer.trainer")
    generator, critic = problem.networks(setting)

    class Generator(models.Generator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(setting.latent_dim)
            self.network: nn.Module = generator

        def forward(self, z: Tensor) -> Tensor:
            fake: Tensor = self.network(z)
            return fake

    class Critic(models.Discriminator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(setting.columns)
            self.network: nn.Module = critic

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.network(x)
            return scores

    adam = {
        "name": torch.optim.Adam,
        "args": {"lr": setting.lr, "betas": (setting.beta1, setting.beta2)},
    }
    trainer = trainers.Trainer(
        {
            "generator": {"name": Generator, "optimizer": adam},
            "discriminator": {"name": Critic, "optimizer": adam},
        },
        [
            losses.WassersteinGeneratorLoss(),
            losses.WassersteinDiscriminatorLoss(),
            losses.WassersteinGradientPenalty(lambd=setting.weight),
        ],
        device=torch.device("cpu"),
        ncritic=setting.n_critic,
    )
    trainer.batch_size = setting.batch
    real = problem.batches(setting)
    kinds = ("generator_losses", "discriminator_losses", "generator_iters", "discriminator_iters")

    def iterate(count: int) -> None:
        for _ in range(count * setting.n_critic):
            trainer.real_inputs = next(real)
            for kind, more in zip(kinds, trainer.train_iter(), strict=True):
                trainer.loss_information[kind] += more
            trainer.logger.run_mid_epoch(trainer)

    return work(
        iterate, generator, critic, trainer.optimizer_generator, trainer.optimizer_discriminator
    )
