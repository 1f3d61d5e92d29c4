"""PyTorch-GAN (eriklindernoren/PyTorch-GAN): the loop of ``implementations/wgan_gp/wgan_gp.py``.

Its function for the penalty, its optimisers and its loop over batches run as they are. Given to
them: our networks (scores as a column, as its own critic returns them), our settings as its command
line's, our batches as its data loader. Its penalty takes images only: vectors come as images of one
channel, which our networks flatten. What it prints goes nowhere; its pictures are not due.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import problem
import torch
from peer_code import Script
from settings import Setting

from contestants import Work
from contestants.torch_work import work


def prepare(setting: Setting, folder: Path) -> Work:
    script = Script(folder / "implementations" / "wgan_gp" / "wgan_gp.py")
    setting = problem.as_image(setting)
    generator, critic = problem.networks(setting)
    real = problem.batches(setting)
    names: dict[str, Any] = {
        "torch": torch,
        "np": np,
        "autograd": torch.autograd,
        "Variable": torch.autograd.Variable,
        "Tensor": torch.FloatTensor,
        "generator": generator,
        "discriminator": problem.Column(critic),
        "opt": SimpleNamespace(
            lr=setting.lr,
            b1=setting.beta1,
            b2=setting.beta2,
            latent_dim=setting.latent_dim,
            n_critic=setting.n_critic,
            n_epochs=1,
            sample_interval=2**62,
        ),
        "epoch": 0,
        "batches_done": 1,  # at 0 it would save a picture
    }
    beginning = [
        script.function("compute_gradient_penalty"),
        script.assignment("lambda_gp"),
        script.assignment("optimizer_G"),
        script.assignment("optimizer_D"),
    ]
    script.run(beginning, names)
    names["lambda_gp"] = setting.weight
    loop = script.compiled([script.loop("(i, (imgs, _))", "enumerate(dataloader)")])

    def iterate(count: int) -> None:
        names["dataloader"] = [(next(real), None) for _ in range(count * setting.n_critic)]
        exec(loop, names)

    return work(iterate, generator, critic, names["optimizer_G"], names["optimizer_D"])
