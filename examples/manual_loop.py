"""WGAN-GP on the 25-grid, the loop written by hand."""

import sys

import torch

from steadygan.data import load
from steadygan.data.points import grid_mixture
from steadygan.metrics import mode_report
from steadygan.networks import MLPCritic, MLPGenerator
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.step import critic_step, generator_step

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000
torch.manual_seed(0)
rng = torch.Generator().manual_seed(0)

grid, mixture = load("25-grid"), grid_mixture()
generator, critic = MLPGenerator(2, (2,)), MLPCritic((2,))
critic_optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
generator_optimiser = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
objective, penalties = Wasserstein(), [Term(TwoSided(), weight=0.1)]

for step in range(1, steps + 1):
    for _ in range(5):
        real = grid.train.x[torch.randint(len(grid.train), (256,))]
        fake = generator(torch.randn(256, 2))
        record = critic_step(
            critic, critic_optimiser, objective, real, fake, rng=rng, penalties=penalties
        )
    generator_step(generator, critic, generator_optimiser, objective, torch.randn(256, 2))
    if step % 500 == 0 or step == steps:
        with torch.no_grad():
            modes = mode_report(generator(torch.randn(10_000, 2)), mixture.centres, mixture.sigma)
        estimate = -record.terms["wasserstein"].item()
        print(f"step {step}: estimate {estimate:.4f}, {modes.found} of {modes.total} modes")
