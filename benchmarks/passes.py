"""The critic's step with gradient points in a pass of their own, against all in one pass."""

from __future__ import annotations

import statistics
import sys
import time

import report
import torch
from torch import Tensor, nn

from steadygan.networks import DCGANCritic, MLPCritic
from steadygan.penalties import gradient_norms

BATCH = 64


def loss(real: Tensor, fake: Tensor, gradients: Tensor) -> Tensor:
    return fake.mean() - real.mean() + 10 * (gradient_norms(gradients) - 1).square().mean()


def apart(critic: nn.Module, real: Tensor, fake: Tensor, points: Tensor) -> Tensor:
    x = points.detach().requires_grad_()
    real_scores, fake_scores = critic(torch.cat([real, fake])).chunk(2)
    (gradients,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return loss(real_scores, fake_scores, gradients)


def joined(critic: nn.Module, real: Tensor, fake: Tensor, points: Tensor) -> Tensor:
    x = points.detach().requires_grad_()
    real_scores, fake_scores, scores = critic(torch.cat([real, fake, x])).chunk(3)
    (gradients,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return loss(real_scores, fake_scores, gradients)


def main(threads: list[int]) -> None:
    cases: list[tuple[str, nn.Module, tuple[int, ...], int]] = [
        ("MLP 2-512-512-512", MLPCritic((2,)), (2,), 60),
        ("MLP 64-512-512-512", MLPCritic((64,)), (64,), 60),
        ("DCGAN 8×8, width 64", DCGANCritic((1, 8, 8), width=64), (1, 8, 8), 60),
        ("DCGAN 32×32, width 64", DCGANCritic((3, 32, 32), width=64), (3, 32, 32), 12),
    ]
    rows = [["critic", "threads", "points apart", "all in one", "ratio"]]
    for count in threads:
        torch.set_num_threads(count)
        for name, critic, shape, runs in cases:
            batches = [torch.randn(BATCH, *shape) for _ in range(3)]
            times: dict[str, list[float]] = {"apart": [], "joined": []}
            for run in range(runs + 2):
                for kind, step in (("apart", apart), ("joined", joined)):
                    critic.zero_grad()
                    began = time.perf_counter()
                    step(critic, *batches).backward()
                    if run >= 2:
                        times[kind].append(time.perf_counter() - began)
            one, other = (1e3 * statistics.median(times[kind]) for kind in ("apart", "joined"))
            rows.append(
                [name, str(count), f"{one:.1f} ms", f"{other:.1f} ms", f"{other / one:.2f}"]
            )
    report.write(
        "passes",
        "Gradient points in a pass of their own",
        rows,
        [f"Medians of one critic loss and its gradient, float32, batch {BATCH}, in turn."],
    )


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [1, 2])
