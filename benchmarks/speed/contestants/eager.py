"""The textbook loop in plain eager torch, written for this comparison: nothing clever."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import problem
import torch
from settings import Setting
from torch import Tensor, nn

from contestants import Work
from contestants.torch_work import work


def prepare(setting: Setting, folder: Path | None = None, *, precision: str = "float32") -> Work:
    generator, critic = problem.networks(setting)
    critic_optimiser = problem.adam(setting, critic)
    generator_optimiser = problem.adam(setting, generator)
    real_batches = problem.batches(setting)

    def lowered() -> AbstractContextManager[object]:
        if precision == "float32":
            return nullcontext()
        return torch.autocast("cpu", dtype=torch.bfloat16)

    def latent() -> Tensor:
        return torch.randn(setting.batch, setting.latent_dim)

    def iterate(count: int) -> None:
        for _ in range(count):
            for _ in range(setting.n_critic):
                real = next(real_batches)
                critic_optimiser.zero_grad()
                with lowered():
                    fake = generator(latent()).detach()
                    loss = critic(fake).mean() - critic(real).mean()
                    loss = loss + setting.weight * gradient_penalty(critic, real, fake)
                loss.backward()
                critic_optimiser.step()
            generator_optimiser.zero_grad()
            with lowered():
                loss = -critic(generator(latent())).mean()
            loss.backward()
            generator_optimiser.step()

    return work(iterate, generator, critic, generator_optimiser, critic_optimiser)


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    epsilon = torch.rand(real.shape[0], *[1] * (real.dim() - 1))
    points = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
    (gradients,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return (gradients.flatten(1).norm(2, dim=1) - 1).square().mean()
