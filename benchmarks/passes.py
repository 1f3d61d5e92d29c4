"""A critic's step with a gradient penalty, four ways: gradient points in a pass of their own or all
in one, by torch alone; and what the engine does, in float32 and in bfloat16.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import report
import torch
from torch import Tensor, nn

from steadygan.interfaces import Samples
from steadygan.memory import keep_freed_memory
from steadygan.networks import DCGANCritic, MLPCritic, ResNetCritic
from steadygan.penalties import gradient_norms
from steadygan.step import _passes

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


def engine(critic: nn.Module, real: Tensor, fake: Tensor, points: Tensor) -> Tensor:
    batches = [Samples(real), Samples(fake)]
    judged, gradients, _ = _passes(critic, batches, [Samples(points)], apart=False)
    return loss(judged[0][0], judged[1][0], next(gradients))


def in_bfloat16(
    way: Callable[..., Tensor], critic: nn.Module, real: Tensor, fake: Tensor, points: Tensor
) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return way(critic, real, fake, points).float()


WAYS = {
    "points apart": apart,
    "all in one": joined,
    "engine": engine,
    "points apart, bf16": partial(in_bfloat16, apart),
    "engine, bf16": partial(in_bfloat16, engine),
}


def main(threads: list[int]) -> None:
    keep_freed_memory()
    cases: list[tuple[str, nn.Module, tuple[int, ...], int]] = [
        ("MLP 2-512-512-512", MLPCritic((2,)), (2,), 60),
        ("MLP 64-512-512-512", MLPCritic((64,)), (64,), 60),
        ("DCGAN 8×8, width 64", DCGANCritic((1, 8, 8), width=64), (1, 8, 8), 60),
        ("DCGAN 32×32, width 64", DCGANCritic((3, 32, 32), width=64), (3, 32, 32), 12),
        ("ResNet 32×32, width 64", ResNetCritic((3, 32, 32), width=64), (3, 32, 32), 8),
    ]
    rows = [["critic", "threads", *WAYS, "engine is faster by"]]
    for count in threads:
        torch.set_num_threads(count)
        for name, critic, shape, runs in cases:
            if len(shape) == 3:
                critic.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            batches = [torch.randn(BATCH, *shape) for _ in range(3)]
            times: dict[str, list[float]] = {way: [] for way in WAYS}
            for run in range(runs + 2):
                for way, step in WAYS.items():
                    critic.zero_grad()
                    began = time.perf_counter()
                    step(critic, *batches).backward(inputs=list(critic.parameters()))
                    if run >= 2:
                        times[way].append(time.perf_counter() - began)
            medians = {way: 1e3 * statistics.median(times[way]) for way in WAYS}
            gains = [medians["points apart"] / medians["engine"],
                     medians["points apart, bf16"] / medians["engine, bf16"]]  # fmt: skip
            rows.append(
                [name, str(count), *(f"{value:.1f} ms" for value in medians.values()),
                 f"{gains[0]:.1f}, bf16 {gains[1]:.1f}"]
            )  # fmt: skip
    report.write(
        "passes",
        "The critic's passes under a gradient penalty",
        rows,
        [
            f"Medians of one critic loss and its gradient, batch {BATCH}, the five ways in turn, "
            "convolutions channels last. The last column compares the engine with points apart."
        ],
    )


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [1, 2])
