"""A plain DCGAN on the digits, of the kind found everywhere, with a monitor in it.

python examples/monitor_dcgan.py [STEPS] [RUN]

Five lines are the monitor's: those that name it.
"""

import sys

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from steadygan import Monitor, load

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 500
out = sys.argv[2] if len(sys.argv) > 2 else None
torch.manual_seed(0)

digits = load("digits")
images = TensorDataset(digits.encode(digits.train).x)  # (n, 1, 8, 8) in [−1, 1]
loader = DataLoader(images, batch_size=64, shuffle=True, drop_last=True)

generator = nn.Sequential(
    nn.Linear(32, 64 * 2 * 2), nn.Unflatten(1, (64, 2, 2)), nn.BatchNorm2d(64), nn.ReLU(),
    nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
    nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
)  # fmt: skip
critic = nn.Sequential(
    nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2),
    nn.Conv2d(32, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(64 * 2 * 2, 1),
)  # fmt: skip
critic_optimiser = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
generator_optimiser = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
monitor = Monitor(generator, critic, critic_optimiser, generator_optimiser, out=out, say=print)

step = 0
while step < steps:
    for (real,) in loader:
        fake = generator(torch.randn(len(real), 32))
        real_scores, fake_scores = critic(real), critic(fake.detach())
        loss = binary_cross_entropy_with_logits(real_scores, torch.ones_like(real_scores))
        loss += binary_cross_entropy_with_logits(fake_scores, torch.zeros_like(fake_scores))
        critic_optimiser.zero_grad()
        monitor.critic(real_scores, fake_scores, loss=loss, real=real, fake=fake)
        loss.backward()
        critic_optimiser.step()

        fake_scores = critic(fake)
        loss = binary_cross_entropy_with_logits(fake_scores, torch.ones_like(fake_scores))
        generator_optimiser.zero_grad()
        monitor.generator(fake_scores, loss=loss)
        loss.backward()
        generator_optimiser.step()
        step += 1
        if step == steps:
            break

print(monitor.close())
