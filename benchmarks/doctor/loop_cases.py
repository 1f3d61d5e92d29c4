"""Loops of strangers, faulty and sound, with five lines of a monitor in each.

Written from the documentation alone, before the monitor's code was read. Each is a whole script of
the kind that stands in tutorials and repositories, made small: it is to differ from the others in
networks, objective and style, so little is shared but the data.
"""

from __future__ import annotations

import copy
import io
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from torch.utils.data import DataLoader, TensorDataset

Watch = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """
    ``names``: the checks of which any names the fault rightly; none for a sound loop. ``beside``:
    those that are true as well, but not enough. ``afterwards``: "written", or of an earlier loop
    "named", by somebody who had read the monitor's code.
    """

    name: str
    fault: str
    names: frozenset[str]
    run: Callable[[Watch], None]
    beside: frozenset[str] = frozenset()
    afterwards: str = ""


CASES: list[Case] = []


def faulty(fault: str, *names: str) -> Callable[[Callable[[Watch], None]], Callable[[Watch], None]]:
    def register(run: Callable[[Watch], None]) -> Callable[[Watch], None]:
        CASES.append(Case(run.__name__, fault, frozenset(names), run))
        return run

    return register


def sound(run: Callable[[Watch], None]) -> Callable[[Watch], None]:
    CASES.append(Case(run.__name__, "", frozenset(), run))
    return run


# Data: points, waves, tables, pictures, words.


def ring(n: int = 1024) -> Tensor:
    angle = torch.randint(8, (n,)) * (2 * math.pi / 8)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


def waves(n: int = 512) -> Tensor:  # (n, 1, 16)
    t = torch.linspace(0, 2 * math.pi, 16)
    return torch.sin(t * (1 + torch.rand(n, 1, 1)) + 6 * torch.rand(n, 1, 1))


def table(n: int = 800) -> Tensor:  # (n, 7): three numbers, a category of four
    return torch.cat([torch.randn(n, 3), F.one_hot(torch.randint(4, (n,)), 4).float()], 1)


def pictures(n: int = 512) -> tuple[Tensor, Tensor]:  # (n, 1, 8, 8) in [−1, 1], labels of 4
    y = torch.randint(4, (n,))
    x = -torch.ones(n, 1, 8, 8)
    for i in range(n):
        x[i, 0, y[i] * 2 : y[i] * 2 + 2] = 1
    return (x + 0.1 * torch.randn_like(x)).clamp(-1, 1), y


def words(n: int = 512) -> Tensor:  # (n, 6, 5), one-hot
    return F.one_hot((torch.randint(5, (n, 1)) + torch.arange(6)) % 5, 5).float()


def forever(data: Tensor, size: int = 32) -> Iterator[Tensor]:
    loader = DataLoader(TensorDataset(data), batch_size=size, shuffle=True, drop_last=True)
    while True:
        for (x,) in loader:
            yield x


# Networks that several use.


def mlp(*sizes: int, act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1])


class GRUGenerator(nn.Module):
    def __init__(self, out: int, length: int, hidden: int = 24) -> None:
        super().__init__()
        self.gru = nn.GRU(4, hidden, batch_first=True)
        self.out = nn.Linear(hidden, out)
        self.length = length

    def forward(self, z: Tensor) -> Tensor:  # (n, length, 4)
        out: Tensor = self.out(self.gru(z)[0])
        return out


class GRUCritic(nn.Module):
    def __init__(self, channels: int, hidden: int = 24) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.gru(x)[1][0])
        return out


class Block(nn.Module):
    def __init__(self, width: int, wrap: Callable[[nn.Module], nn.Module] = lambda m: m) -> None:
        super().__init__()
        self.a = wrap(nn.Conv2d(width, width, 3, padding=1))
        self.b = wrap(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.b(F.relu(self.a(F.relu(x))))
        return out


def resnet_critic(wrap: Callable[[nn.Module], nn.Module] = lambda m: m) -> nn.Sequential:
    return nn.Sequential(
        wrap(nn.Conv2d(1, 8, 3, 2, 1)), Block(8, wrap), nn.AvgPool2d(2), Block(8, wrap),
        nn.Flatten(), wrap(nn.Linear(32, 1)),
    )  # fmt: skip


def resnet_generator() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(8, 32), nn.Unflatten(1, (8, 2, 2)), nn.Upsample(scale_factor=2), Block(8),
        nn.BatchNorm2d(8), nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3, padding=1), nn.Tanh(),
    )  # fmt: skip


def wave_generator() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(8, 64), nn.Unflatten(1, (16, 4)), nn.ConvTranspose1d(16, 8, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose1d(8, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def wave_critic(norm: Callable[[int], nn.Module] = lambda _: nn.Identity()) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv1d(8, 16, 4, 2, 1), norm(16),
        nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1),
    )  # fmt: skip


def dcgan() -> tuple[nn.Sequential, nn.Sequential]:
    g = nn.Sequential(
        nn.ConvTranspose2d(8, 16, 2), nn.BatchNorm2d(16), nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    d = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1), nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2), nn.Conv2d(16, 1, 2), nn.Sigmoid(), nn.Flatten(0),
    )  # fmt: skip
    return g, d


def adam(net: nn.Module, lr: float = 2e-4, b1: float = 0.5) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), lr=lr, betas=(b1, 0.9))


def gradient_penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """As it should be."""
    eps = torch.rand(len(real), *[1] * (real.dim() - 1))
    x = (eps * real + (1 - eps) * fake).detach().requires_grad_(True)
    (g,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    return ((g.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


# ---------------------------------------------------------------------------------------------
# Sound loops


@sound
def hinge_resnet_spectral(watch: Watch) -> None:
    data, _ = pictures()
    G, D = resnet_generator(), resnet_critic(parametrizations.spectral_norm)
    opt_d, opt_g = adam(D, b1=0.0), adam(G, b1=0.0)
    monitor = watch(G, D, opt_d, opt_g)
    it = forever(data)
    for _ in range(130):
        real = next(it)
        fake = G(torch.randn(32, 8)).detach()
        dr, df = D(real), D(fake)
        loss = F.relu(1 - dr).mean() + F.relu(1 + df).mean()
        monitor.critic(dr, df, loss=loss, real=real, fake=fake)
        opt_d.zero_grad()
        loss.backward()
        opt_d.step()
        df = D(G(torch.randn(32, 8)))
        loss_g = -df.mean()
        monitor.generator(df, loss=loss_g)
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
    monitor.close()


@sound
def relativistic_gru(watch: Watch) -> None:
    data = waves().transpose(1, 2).contiguous()
    netG, netD = GRUGenerator(1, 16), GRUCritic(1)
    optD, optG = adam(netD, 1e-3), adam(netG, 1e-3)
    monitor = watch(netG, netD, optD, optG)
    it = forever(data, 16)
    for _ in range(110):
        real = next(it)
        fake = netG(torch.randn(16, 16, 4))
        netD.zero_grad()
        r, f = netD(real), netD(fake.detach())
        lossD = F.softplus(f - r).mean()
        monitor.critic(r, f, loss=lossD, real=real, fake=fake.detach())
        lossD.backward()
        optD.step()
        netG.zero_grad()
        r, f = netD(real).detach(), netD(fake)
        lossG = F.softplus(r - f).mean()
        monitor.generator(f, loss=lossG)
        lossG.backward()
        optG.step()
    monitor.close()


@sound
def relativistic_average_conv1d(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    bce = nn.BCEWithLogitsLoss()
    one, zero = torch.ones(32, 1), torch.zeros(32, 1)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real = next(it)
        fake = G(torch.randn(32, 8))
        # the critic's parameters are frozen in the generator's step
        for p in D.parameters():
            p.requires_grad_(True)
        od.zero_grad()
        cr, cf = D(real), D(fake.detach())
        loss = (bce(cr - cf.mean(), one) + bce(cf - cr.mean(), zero)) / 2
        monitor.critic(cr, cf, loss=loss, real=real, fake=fake)
        loss.backward()
        od.step()
        for p in D.parameters():
            p.requires_grad_(False)
        og.zero_grad()
        cr, cf = D(real), D(fake)
        loss = (bce(cr - cf.mean(), zero) + bce(cf - cr.mean(), one)) / 2
        monitor.generator(cf, loss=loss)
        loss.backward()
        og.step()
    monitor.close()


@sound
def lsgan_minus_one_to_one_table(watch: Watch) -> None:
    it = forever(table(), 50)
    G, D = mlp(6, 32, 32, 7), mlp(7, 32, 32, 1, act=nn.LeakyReLU)
    d_opt, g_opt = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, d_opt, g_opt)
    for _ in range(150):
        x = next(it)
        gx = G(torch.randn(50, 6)).detach()
        a, b = D(x), D(gx)
        loss = 0.5 * ((a - 1) ** 2).mean() + 0.5 * ((b + 1) ** 2).mean()
        monitor.critic(a, b, loss=loss, real=x, fake=gx)
        d_opt.zero_grad()
        loss.backward()
        d_opt.step()
        b = D(G(torch.randn(50, 6)))
        loss = 0.5 * (b**2).mean()
        monitor.generator(b, loss=loss)
        g_opt.zero_grad()
        loss.backward()
        g_opt.step()
    monitor.close()


class ConditionalG(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(4, 4)
        self.net = mlp(12, 48, 64)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.tanh(self.net(torch.cat([z, self.embed(y)], 1))).view(-1, 1, 8, 8)


class ProjectionD(nn.Module):
    def __init__(self, classes: int = 4, aux: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1),
            nn.LeakyReLU(0.2), nn.Flatten(),
        )  # fmt: skip
        self.out = nn.Linear(64, 1)
        self.embed = nn.Embedding(classes, 64)
        self.aux = nn.Linear(64, classes) if aux else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        h = self.body(x)
        if self.aux is not None:
            return self.out(h), self.aux(h)
        assert y is not None
        return self.out(h) + (self.embed(y) * h).sum(1, keepdim=True)


@sound
def lsgan_conditional_projection(watch: Watch) -> None:
    x, y = pictures()
    loader = DataLoader(TensorDataset(x, y), 32, shuffle=True, drop_last=True)
    G, D = ConditionalG(), ProjectionD()
    od, og = adam(D), adam(G)
    monitor = watch(G, D, od, og)
    mse = nn.MSELoss()
    for _ in range(9):
        for real, label in loader:
            n = len(real)
            valid, fake = torch.ones(n, 1), torch.zeros(n, 1)
            # the generator first, as many scripts have it
            og.zero_grad()
            z, yy = torch.randn(n, 8), torch.randint(4, (n,))
            gen = G(z, yy)
            s = D(gen, yy)
            g_loss = mse(s, valid)
            monitor.generator(s, loss=g_loss)
            g_loss.backward()
            og.step()
            od.zero_grad()
            sr, sf = D(real, label), D(gen.detach(), yy)
            d_loss = (mse(sr, valid) + mse(sf, fake)) / 2
            monitor.critic(sr, sf, loss=d_loss, real=real, fake=gen.detach())
            d_loss.backward()
            od.step()
    monitor.close()


@sound
def dcgan_tutorial_two_backwards(watch: Watch) -> None:
    """The monitor stands where the tutorial sums the parts: the real part's graph is gone."""
    data, _ = pictures()
    netG, netD = dcgan()
    criterion = nn.BCELoss()
    optD, optG = adam(netD), adam(netG)
    monitor = watch(netG, netD, optD, optG)
    it = forever(data)
    for _ in range(120):
        real = next(it)
        netD.zero_grad()
        label = torch.full((32,), 1.0)
        out_real = netD(real)
        errD_real = criterion(out_real, label)
        errD_real.backward()
        noise = torch.randn(32, 8, 1, 1)
        fake = netG(noise)
        label.fill_(0.0)
        out_fake = netD(fake.detach())
        errD_fake = criterion(out_fake, label)
        errD = errD_real + errD_fake
        monitor.critic(out_real, out_fake, loss=errD, real=real, fake=fake)
        errD_fake.backward()
        optD.step()
        netG.zero_grad()
        label.fill_(1.0)
        output = netD(fake)
        errG = criterion(output, label)
        monitor.generator(output, loss=errG)
        errG.backward()
        optG.step()
    monitor.close()


@sound
def wgan_original_flipped_sign(watch: Watch) -> None:
    """As the original code has it: the critic is low on real samples, and so is the generator's
    aim; clipped at the start of an iteration; two backward calls with one and minus one."""
    it = forever(table(), 64)
    netG, netD = mlp(6, 32, 7), mlp(7, 32, 32, 1)
    optD = torch.optim.RMSprop(netD.parameters(), lr=5e-5)
    optG = torch.optim.RMSprop(netG.parameters(), lr=5e-5)
    one, mone = torch.tensor(1.0), torch.tensor(-1.0)
    monitor = watch(netG, netD, optD, optG)
    for _ in range(60):
        for p in netD.parameters():
            p.requires_grad = True
        for _ in range(5):
            for p in netD.parameters():
                p.data.clamp_(-0.01, 0.01)
            real = next(it)
            netD.zero_grad()
            with torch.no_grad():
                fake = netG(torch.randn(64, 6))
            r, f = netD(real), netD(fake)
            errD_real, errD_fake = r.mean(), f.mean()
            monitor.critic(r, f, loss=errD_real - errD_fake, real=real, fake=fake)
            errD_real.backward(one)
            errD_fake.backward(mone)
            optD.step()
        for p in netD.parameters():
            p.requires_grad = False
        netG.zero_grad()
        f = netD(netG(torch.randn(64, 6)))
        errG = f.mean()
        monitor.generator(f, loss=errG)
        errG.backward(one)
        optG.step()
    monitor.close()


@sound
def wgan_gp_manual_gradients(watch: Watch) -> None:
    it = forever(ring(), 64)
    G, D = mlp(2, 64, 2), mlp(2, 64, 64, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(60):
        for _ in range(3):
            x = next(it)
            with torch.no_grad():
                gx = G(torch.randn(64, 2))
            a, b = D(x), D(gx)
            gp = gradient_penalty(D, x, gx)
            loss = b.mean() - a.mean() + 0.1 * gp
            monitor.critic(a, b, loss=loss, penalty=gp, real=x, fake=gx)
            for p, g in zip(
                D.parameters(), torch.autograd.grad(loss, list(D.parameters())), strict=True
            ):
                p.grad = g
            od.step()
        b = D(G(torch.randn(64, 2)))
        loss = -b.mean()
        monitor.generator(b, loss=loss)
        for p, g in zip(
            G.parameters(), torch.autograd.grad(loss, list(G.parameters())), strict=True
        ):
            p.grad = g
        og.step()
    monitor.close()


@sound
def wgan_gp_penalty_not_handed_over(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D, 1e-4, 0.0), adam(G, 1e-4, 0.0)

    def critic_loss(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r, f = D(real), D(fake)
        return r, f, f.mean() - r.mean() + 10 * gradient_penalty(D, real, fake)

    monitor = watch(G, D, od, og)
    for _ in range(40):
        for _ in range(5):
            real, fake = next(it), G(torch.randn(32, 8)).detach()
            r, f, loss = critic_loss(real, fake)
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(32, 8)))
        monitor.generator(f, loss=-f.mean())
        og.zero_grad()
        (-f.mean()).backward()
        og.step()
    monitor.close()


@sound
def bf16_autocast_r1(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real = next(it).requires_grad_(True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fake = G(torch.randn(32, 8)).detach()
            r, f = D(real), D(fake)
        loss = F.softplus(-r.float()).mean() + F.softplus(f.float()).mean()
        with torch.autocast("cpu", enabled=False):
            (g,) = torch.autograd.grad(D(real).sum(), real, create_graph=True)
            r1 = g.square().sum((1, 2)).mean()
        loss = loss + 0.5 * r1
        monitor.critic(r, f, loss=loss, penalty=r1, real=real, fake=fake)
        od.zero_grad(set_to_none=False)
        loss.backward()
        od.step()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            f = D(G(torch.randn(32, 8)))
        loss = F.softplus(-f.float()).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad(set_to_none=False)
        loss.backward()
        og.step()
    monitor.close()


@sound
def grad_scaler_hinge(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic(nn.utils.spectral_norm)
    od, og = adam(D, b1=0.0), adam(G, b1=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real = next(it)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fake = G(torch.randn(32, 8))
            r, f = D(real), D(fake.detach())
            loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(od)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            f = D(fake)
            loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(og)
        nn.utils.clip_grad_norm_(G.parameters(), 1.0)
        scaler.step(og)
        scaler.update()
    monitor.close()


@sound
def gradient_accumulation(watch: Watch) -> None:
    it = forever(table(), 16)
    G, D = mlp(6, 32, 7), mlp(7, 32, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    bce = F.binary_cross_entropy_with_logits
    for _ in range(110):
        od.zero_grad()
        for _ in range(4):
            real, fake = next(it), G(torch.randn(16, 6)).detach()
            r, f = D(real), D(fake)
            loss = (bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))) / 4
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            loss.backward()
        od.step()
        og.zero_grad()
        for _ in range(4):
            f = D(G(torch.randn(16, 6)))
            loss = bce(f, torch.ones_like(f)) / 4
            monitor.generator(f, loss=loss)
            loss.backward()
        og.step()
    monitor.close()


@sound
def compiled_networks(watch: Watch) -> None:
    it, g, d = forever(waves()), wave_generator(), wave_critic()
    G = torch.compile(g, backend="aot_eager")
    D = torch.compile(d, backend="aot_eager")
    od, og = adam(d, 1e-3), adam(g, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def data_parallel(watch: Watch) -> None:
    it = forever(ring())
    G, D = nn.DataParallel(mlp(2, 32, 2)), nn.DataParallel(mlp(2, 32, 1))
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G.module, D.module, od, og)
    for _ in range(150):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r.squeeze(), f.squeeze(), loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 2)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def closures(watch: Watch) -> None:
    it = forever(ring())
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = torch.optim.SGD(D.parameters(), 0.05), torch.optim.SGD(G.parameters(), 0.05)
    monitor = watch(G, D, od, og)
    for _ in range(150):
        real = next(it)
        z = torch.randn(32, 2)

        def critic_closure() -> Tensor:
            od.zero_grad()
            fake = G(z).detach()  # noqa: B023
            r, f = D(real), D(fake)  # noqa: B023
            loss = F.softplus(-r).mean() + F.softplus(f).mean()
            monitor.critic(r, f, loss=loss, real=real, fake=fake)  # noqa: B023
            loss.backward()
            return loss

        def generator_closure() -> Tensor:
            og.zero_grad()
            f = D(G(z))  # noqa: B023
            loss = F.softplus(-f).mean()
            monitor.generator(f, loss=loss)
            loss.backward()
            return loss

        od.step(critic_closure)
        og.step(generator_closure)
    monitor.close()


@sound
def three_generator_updates(watch: Watch) -> None:
    it = forever(words(), 32)
    G, D = GRUGenerator(5, 6), GRUCritic(5)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(60):
        real = next(it)
        fake = G(torch.randn(32, 6, 4)).softmax(-1).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        for _ in range(3):
            f = D(G(torch.randn(32, 6, 4)).softmax(-1))
            loss = F.softplus(-f).mean()
            monitor.generator(f, loss=loss)
            og.zero_grad()
            loss.backward()
            og.step()
    monitor.close()


@sound
def joined_forward(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic()
    od, og = adam(D), adam(G)
    targets = torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        scores = D(torch.cat([real, fake]))
        loss = F.binary_cross_entropy_with_logits(scores, targets)
        r, f = scores.chunk(2)
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        loss = F.binary_cross_entropy_with_logits(f, torch.ones(32, 1))
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def ema_schedulers_checkpoints(watch: Watch) -> None:
    """Copies and saves whole networks while they are watched; warms up from a rate of nought."""
    it = forever(ring())
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 2e-3), adam(G, 2e-3)
    monitor = watch(G, D, od, og)
    ema = copy.deepcopy(G)
    warm = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda i: min(1.0, i / 50) * 0.99**i) for o in (od, og)
    ]
    best = None
    for step in range(150):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
        for w in warm:
            w.step()
        with torch.no_grad():
            for a, b in zip(ema.parameters(), G.parameters(), strict=True):
                a.lerp_(b, 0.01)
        if step % 20 == 0:
            best = copy.deepcopy(G), copy.deepcopy(D), copy.deepcopy(od.state_dict())
            torch.save(G, io.BytesIO())
            torch.save({"d": D.state_dict(), "od": od.state_dict(), "net": D}, io.BytesIO())
            ema(torch.randn(4, 2))
    assert best is not None
    monitor.close()


@sound
def frozen_layers(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic()
    for p in itertools.chain(G[0].parameters(), D[0].parameters()):
        p.requires_grad_(False)
    od = torch.optim.Adam([p for p in D.parameters() if p.requires_grad], 2e-4, betas=(0.5, 0.99))
    og = torch.optim.Adam(filter(lambda p: p.requires_grad, G.parameters()), 2e-4)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def autoencoder_gan(watch: Watch) -> None:
    """The generator's optimiser holds an encoder too, and its loss a reconstruction."""
    it = forever(table(), 32)
    E, G, D = mlp(7, 16, 3), mlp(3, 16, 7), mlp(7, 32, 1)
    od = adam(D, 1e-3)
    og = torch.optim.Adam([*E.parameters(), *G.parameters()], 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(150):
        real = next(it)
        recon = G(E(real))
        fake = G(torch.randn(32, 3))
        r, f = D(real), D(fake.detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake.detach())
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(fake)
        loss = F.softplus(-f).mean() + 100 * F.l1_loss(recon, real)
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def acgan_one_sided_smoothing(watch: Watch) -> None:
    x, y = pictures()
    loader = DataLoader(TensorDataset(x, y), 32, shuffle=True, drop_last=True)
    G, D = ConditionalG(), ProjectionD(aux=True)
    del D.embed
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    bce, ce = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()
    for _ in range(9):
        for real, label in loader:
            yy = torch.randint(4, (32,))
            fake = G(torch.randn(32, 8), yy)
            r, cr = D(real)
            f, cf = D(fake.detach())
            loss = bce(r, torch.full_like(r, 0.9)) + bce(f, torch.zeros_like(f))
            loss = (loss + ce(cr, label) + ce(cf, yy)) / 4
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
            f, cf = D(fake)
            loss = (bce(f, torch.ones_like(f)) + ce(cf, yy)) / 2
            monitor.generator(f, loss=loss)
            og.zero_grad()
            loss.backward()
            og.step()
    monitor.close()


@sound
def feature_matching(watch: Watch) -> None:
    """The generator's loss does not pass through the scores."""
    it = forever(waves())
    G, D = wave_generator(), wave_critic()
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        h_real, h_fake = D[:-1](real).mean(0).detach(), D[:-1](G(torch.randn(32, 8)))
        loss = (h_real - h_fake.mean(0)).square().sum()
        monitor.generator(D[-1](h_fake), loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def one_sided_smoothing(watch: Watch) -> None:
    """Salimans et al. 2016 recommend it: to be named in the evidence, without an alarm."""
    it = forever(ring(), 64)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    bce = F.binary_cross_entropy_with_logits
    for _ in range(150):
        real, fake = next(it), G(torch.randn(64, 2)).detach()
        r, f = D(real), D(fake)
        loss = bce(r, torch.empty_like(r).uniform_(0.8, 1.0)) + bce(f, torch.zeros_like(f))
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(64, 2)))
        loss = bce(f, torch.ones_like(f))
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def flipped_labels(watch: Watch) -> None:
    """Fakes are 1 and real samples 0, throughout."""
    data, _ = pictures()
    G, D = dcgan()
    it, od, og = forever(data), adam(D), adam(G)
    monitor = watch(G, D, od, og)
    bce = nn.BCELoss()
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8, 1, 1)).detach()
        p, q = D(real), D(fake)
        loss = bce(torch.cat([q, p]), torch.cat([torch.ones(32), torch.zeros(32)]))
        monitor.critic(p, q, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        q = D(G(torch.randn(32, 8, 1, 1)))
        loss = bce(q, torch.zeros(32))
        monitor.generator(q, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def lazy_r1_in_a_step_of_its_own(watch: Watch) -> None:
    """As StyleGAN2 does it, every fourth step; the penalty's step is not told of."""
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for step in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        if step % 4 == 0:
            x = real.clone().requires_grad_(True)
            (g,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
            r1 = g.square().sum((1, 2)).mean()
            loss = loss + 4 * 0.5 * r1
            monitor.critic(r, f, loss=loss, penalty=r1, real=real, fake=fake)
        else:
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def few_samples(watch: Watch) -> None:
    """96 rows of binary data, of which many are alike, reshuffled every epoch."""
    it = forever((torch.rand(96, 4) > 0.5).float(), 32)
    G, D = nn.Sequential(mlp(4, 32, 4), nn.Sigmoid()), mlp(4, 32, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(150):
        real, fake = next(it), G(torch.randn(32, 4)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 4)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def wasserstein_spectral(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic(nn.utils.spectral_norm)
    od, og = adam(D, b1=0.0), adam(G, b1=0.0)
    monitor = watch(G, D, od, og)
    for _ in range(60):
        for _ in range(2):
            real, fake = next(it), G(torch.randn(32, 8)).detach()
            r, f = D(real), D(fake)
            loss = f.mean() - r.mean()
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(32, 8)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


class Clamp(nn.Module):
    def forward(self, w: Tensor) -> Tensor:
        return w.clamp(-0.05, 0.05)


@sound
def wasserstein_clipped_by_parametrisation(watch: Watch) -> None:
    it = forever(ring(), 64)
    G, D = mlp(2, 32, 2), mlp(2, 32, 32, 1)
    for m in D:
        if isinstance(m, nn.Linear):
            parametrize.register_parametrization(m, "weight", Clamp())
    od, og = torch.optim.RMSprop(D.parameters(), 1e-4), torch.optim.RMSprop(G.parameters(), 1e-4)
    monitor = watch(G, D, od, og)
    for _ in range(40):
        for _ in range(5):
            real, fake = next(it), G(torch.randn(64, 2)).detach()
            r, f = D(real), D(fake)
            loss = -(r.mean() - f.mean())
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(64, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def wgan_lp_negated_loss(watch: Watch) -> None:
    """Maximises: ``(-objective).backward()``, and hands over what is minimised."""
    it = forever(words(), 32)
    G, D = GRUGenerator(5, 6), nn.Sequential(nn.Flatten(), mlp(30, 32, 1, act=nn.SiLU))
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(50):
        for _ in range(3):
            real, fake = next(it), G(torch.randn(32, 6, 4)).softmax(-1).detach()
            r, f = D(real), D(fake)
            eps = torch.rand(32, 1, 1)
            x = torch.lerp(real, fake, eps).requires_grad_(True)
            (g,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
            slope = (g.square().sum((1, 2)) + 1e-12).sqrt()
            penalty = 10 * F.relu(slope - 1).square().mean()
            objective = r.mean() - f.mean() - penalty
            monitor.critic(r, f, loss=-objective, penalty=penalty, real=real, fake=fake)
            od.zero_grad()
            (-objective).backward()
            od.step()
        f = D(G(torch.randn(32, 6, 4)).softmax(-1))
        monitor.generator(f, loss=-f.mean())
        og.zero_grad()
        (-f.mean()).backward()
        og.step()
    monitor.close()


@sound
def dragan_bce(watch: Watch) -> None:
    it = forever(table(), 32)
    G, D = mlp(6, 32, 7), mlp(7, 32, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    bce = nn.BCEWithLogitsLoss()
    for _ in range(150):
        real, fake = next(it), G(torch.randn(32, 6)).detach()
        r, f = D(real), D(fake)
        x = (real + 0.5 * real.std() * torch.rand_like(real)).requires_grad_(True)
        (g,) = torch.autograd.grad(D(x), x, torch.ones(32, 1), create_graph=True)
        gp = ((g.norm(2, dim=1) - 1) ** 2).mean()
        loss = bce(r, torch.ones(32, 1)) + bce(f, torch.zeros(32, 1)) + 10 * gp
        monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 6)))
        loss = bce(f, torch.ones(32, 1))
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def saturating_minimax_adamw(watch: Watch) -> None:
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), nn.Sequential(mlp(2, 32, 1), nn.Sigmoid())
    od = torch.optim.AdamW(D.parameters(), 1e-3, weight_decay=0.1)
    og = torch.optim.AdamW(G.parameters(), 1e-3, weight_decay=0.1)
    monitor = watch(G, D, od, og)
    for _ in range(150):
        real, z = next(it), torch.randn(32, 2)
        p, q = D(real), D(G(z).detach())
        loss = -(torch.log(p + 1e-8) + torch.log(1 - q + 1e-8)).mean()
        monitor.critic(p, q, loss=loss, real=real)
        od.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(D.parameters(), 0.1)
        od.step()
        q = D(G(z))
        loss = torch.log(1 - q + 1e-8).mean()
        monitor.generator(q, loss=loss)
        og.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(G.parameters(), 0.01)
        og.step()
    monitor.close()


@sound
def critic_warm_up(watch: Watch) -> None:
    """150 updates of the critic before the generator's first."""
    it = forever(ring(), 8)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for step in range(80):
        for _ in range(150 if step == 0 else 2):
            real, fake = next(it), G(torch.randn(8, 2)).detach()
            r, f = D(real), D(fake)
            gp = gradient_penalty(D, real, fake)
            loss = f.mean() - r.mean() + gp
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(8, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def translation_with_patches(watch: Watch) -> None:
    """From pictures to pictures: a score for each patch, and a distance that outweighs it."""
    data, _ = pictures()
    it = forever(data)
    G = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.InstanceNorm2d(8), nn.ReLU(),
                      nn.Conv2d(8, 1, 3, padding=1), nn.Tanh())  # fmt: skip
    D = nn.Sequential(nn.Conv2d(2, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3, padding=1))
    od, og = adam(D), adam(G)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        b = next(it)
        a = b.flip(2)
        fake = G(a)
        r, f = D(torch.cat([a, b], 1)), D(torch.cat([a, fake.detach()], 1))
        loss = ((r - 1).square().mean() + f.square().mean()) * 0.5
        monitor.critic(r, f, loss=loss, real=b, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(torch.cat([a, fake], 1))
        loss = (f - 1).square().mean() + 100 * (fake - b).abs().mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@sound
def packed(watch: Watch) -> None:
    """The critic scores pairs of samples."""
    it = forever(ring(), 64)
    G, D = mlp(2, 32, 2), mlp(4, 32, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(60):
        for _ in range(2):
            real, fake = next(it), G(torch.randn(64, 2)).detach()
            pr, pf = real.view(32, 4), fake.view(32, 4)
            r, f = D(pr), D(pf)
            gp = gradient_penalty(D, pr, pf)
            loss = f.mean() - r.mean() + gp
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(64, 2)).view(32, 4))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


# ---------------------------------------------------------------------------------------------
# Faults


@faulty("batch-wide penalty", "penalty_per_sample")
def batch_norm_of_gradients_points(watch: Watch) -> None:
    it = forever(ring(), 64)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(40):
        for _ in range(4):
            real, fake = next(it), G(torch.randn(64, 2)).detach()
            r, f = D(real), D(fake)
            eps = torch.rand(64, 1)
            x = (eps * real + (1 - eps) * fake).requires_grad_(True)
            (g,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
            gp = (g.norm(2) - 1) ** 2
            loss = f.mean() - r.mean() + 10 * gp
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(64, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("batch-wide penalty", "penalty_per_sample")
def batch_norm_of_gradients_hinge_waves(watch: Watch) -> None:
    """Under a hinge loss, weighted before it is handed over, by backward on mean scores."""
    it, G, D = forever(waves(), 16), wave_generator(), wave_critic()
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)

    def gp(real: Tensor, fake: Tensor) -> Tensor:
        a = torch.rand(real.size(0), 1, 1).expand_as(real)
        x = torch.autograd.Variable(a * real + (1 - a) * fake, requires_grad=True)
        g = torch.autograd.grad(
            D(x), x, grad_outputs=torch.ones(len(x), 1), create_graph=True, retain_graph=True
        )[0]
        return torch.pow(torch.sqrt(torch.sum(g**2) + 1e-12) - 1, 2) * 5

    for _ in range(110):
        real, fake = next(it), G(torch.randn(16, 8)).detach()
        r, f = D(real), D(fake)
        penalty = gp(real, fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean() + penalty
        monitor.critic(r, f, loss=loss, penalty=penalty, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(16, 8)))
        monitor.generator(f, loss=-f.mean())
        og.zero_grad()
        (-f.mean()).backward()
        og.step()
    monitor.close()


@faulty("norm over channels", "penalty_per_sample")
def norm_over_channels_pictures(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic()
    od, og = adam(D, b1=0.0), adam(G, b1=0.0)
    monitor = watch(G, D, od, og)
    for _ in range(40):
        for _ in range(3):
            real, fake = next(it), G(torch.randn(32, 8)).detach()
            r, f = D(real), D(fake)
            eps = torch.rand(32, 1, 1, 1)
            x = (eps * real + (1 - eps) * fake).requires_grad_(True)
            (g,) = torch.autograd.grad(D(x), x, torch.ones(32, 1), create_graph=True)
            gp = ((g.norm(2, dim=1) - 1) ** 2).mean()
            loss = f.mean() - r.mean() + 10 * gp
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(32, 8)))
        monitor.generator(f, loss=-f.mean())
        og.zero_grad()
        (-f.mean()).backward()
        og.step()
    monitor.close()


@faulty("undetached fakes", "undetached_fakes")
def undetached_least_squares(watch: Watch) -> None:
    """All gradients are set to zero at the top: the critic's enter the generator's step."""
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic()
    od, og = adam(D), adam(G)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        od.zero_grad()
        og.zero_grad()
        real, fake = next(it), G(torch.randn(32, 8))
        r, f = D(real), D(fake)
        d_loss = (r - 1).square().mean() + f.square().mean()
        monitor.critic(r, f, loss=d_loss, real=real, fake=fake)
        d_loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        g_loss = (f - 1).square().mean()
        monitor.generator(f, loss=g_loss)
        g_loss.backward()
        og.step()
    monitor.close()


@faulty("undetached fakes", "undetached_fakes")
def undetached_gru_retained_graph(watch: Watch) -> None:
    """Both losses first, then both backward passes, the first retaining the graph."""
    it = forever(words(), 32)
    G, D = GRUGenerator(5, 6), GRUCritic(5)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    bce = nn.BCEWithLogitsLoss()
    for _ in range(110):
        real = next(it)
        fake = G(torch.randn(32, 6, 4)).softmax(-1)
        r, f = D(real), D(fake)
        d_loss = bce(r, torch.ones(32, 1)) + bce(f, torch.zeros(32, 1))
        g_loss = bce(f, torch.ones(32, 1))
        od.zero_grad()
        og.zero_grad()
        monitor.critic(r, f, loss=d_loss, real=real, fake=fake)
        monitor.generator(f, loss=g_loss)
        d_loss.backward(retain_graph=True)
        g_loss.backward()
        od.step()
        og.step()
    monitor.close()


@faulty("undetached fakes", "undetached_fakes")
def undetached_and_zeroed(watch: Watch) -> None:
    """Wasteful: the gradients are thrown away."""
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 2))
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("critic's sign", "critic_sign")
def reversed_wgan_gp(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D, 1e-4, 0.0), adam(G, 1e-4, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(30):
        for _ in range(4):
            real, fake = next(it), G(torch.randn(32, 8)).detach()
            r, f = D(real), D(fake)
            gp = gradient_penalty(D, real, fake)
            loss = r.mean() - f.mean() + 10 * gp
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(32, 8)))
        loss = -torch.mean(f)
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("critic's sign", "critic_sign", "minimised_loss")
def reversed_by_a_minus_in_backward(watch: Watch) -> None:
    """The loss is right; its negative is minimised."""
    it = forever(ring(), 64)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1, act=nn.LeakyReLU)
    od, og = torch.optim.RMSprop(D.parameters(), 5e-5), torch.optim.RMSprop(G.parameters(), 5e-5)
    monitor = watch(G, D, od, og)
    for _ in range(40):
        for _ in range(5):
            real, fake = next(it), G(torch.randn(64, 2)).detach()
            r, f = D(real), D(fake)
            loss = f.mean() - r.mean()
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            (-loss).backward()
            od.step()
            with torch.no_grad():
                for p in D.parameters():
                    p.clamp_(-0.05, 0.05)
        f = D(G(torch.randn(64, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("critic's sign", "critic_sign")
def reversed_hinge(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic(parametrizations.spectral_norm)
    od, og = adam(D, b1=0.0), adam(G, b1=0.0)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(torch.cat([real, fake])).split(32)
        loss = F.relu(1 + r).mean() + F.relu(1 - f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("critic's sign", "critic_sign")
def reversed_labels_gru(watch: Watch) -> None:
    it = forever(words(), 32)
    G, D = GRUGenerator(5, 6), nn.Sequential(GRUCritic(5), nn.Sigmoid())
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    bce, real_label, fake_label = nn.BCELoss(), torch.zeros(32, 1), torch.ones(32, 1)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 6, 4)).softmax(-1)
        r, f = D(real), D(fake.detach())
        loss = 0.5 * (bce(r, real_label) + bce(f, fake_label))
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(fake)
        loss = bce(f, torch.ones(32, 1))
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("critic's sign", "critic_sign")
def generator_reversed_wgan_clip(watch: Watch) -> None:
    it = forever(table(), 64)
    G, D = mlp(6, 32, 7), mlp(7, 32, 32, 1)
    od, og = torch.optim.RMSprop(D.parameters(), 5e-5), torch.optim.RMSprop(G.parameters(), 5e-5)
    monitor = watch(G, D, od, og)
    for _ in range(40):
        for _ in range(5):
            real, fake = next(it), G(torch.randn(64, 6)).detach()
            r, f = D(real), D(fake)
            loss = -torch.mean(r) + torch.mean(f)
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
            for p in D.parameters():
                p.data.clamp_(-0.01, 0.01)
        f = D(G(torch.randn(64, 6)))
        loss = torch.mean(f)
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("critic's sign", "critic_sign")
def reversed_relativistic(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8))
        r, f = D(real), D(fake.detach())
        loss = F.softplus(r - f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        r, f = D(real), D(fake)
        loss = F.softplus(r - f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("one optimiser", "shared_optimiser")
def one_adam_list(watch: Watch) -> None:
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    optimizer = torch.optim.Adam(list(G.parameters()) + list(D.parameters()), 1e-3)
    monitor = watch(G, D, optimizer, optimizer)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        f = D(G(torch.randn(32, 2)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    monitor.close()


@faulty("one optimiser", "shared_optimiser")
def one_adam_of_one_module(watch: Watch) -> None:
    """A module that holds both, and the sum of both losses in one step."""

    class GAN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.g, self.d = wave_generator(), wave_critic()

    gan, it = GAN(), forever(waves())
    opt = torch.optim.Adam([{"params": gan.g.parameters()}, {"params": gan.d.parameters()}], 2e-4)
    monitor = watch(gan.g, gan.d, opt, opt)
    for _ in range(110):
        real = next(it)
        fake = gan.g(torch.randn(32, 8))
        r, f = gan.d(real), gan.d(fake.detach())
        d_loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=d_loss, real=real, fake=fake)
        f = gan.d(fake)
        g_loss = -f.mean()
        monitor.generator(f, loss=g_loss)
        opt.zero_grad()
        (d_loss + g_loss).backward()
        opt.step()
    monitor.close()


@faulty("one optimiser", "shared_optimiser")
def two_adams_of_everything(watch: Watch) -> None:
    it = forever(table(), 32)
    G, D = mlp(6, 32, 7), mlp(7, 32, 1)
    both = [*G.parameters(), *D.parameters()]
    od, og = torch.optim.Adam(both, 1e-3), torch.optim.Adam(both, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 6)).detach()
        r, f = D(real), D(fake)
        loss = (r - 1).square().mean() + f.square().mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 6)))
        loss = (f - 1).square().mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


def _unclipped(watch: Watch, clip: Callable[[nn.Module, nn.Module, int], None]) -> None:
    it = forever(table(), 64)
    G, D = mlp(6, 32, 7), mlp(7, 32, 32, 1)
    od, og = torch.optim.RMSprop(D.parameters(), 5e-5), torch.optim.RMSprop(G.parameters(), 5e-5)
    monitor = watch(G, D, od, og)
    for step in range(40):
        for _ in range(5):
            real, fake = next(it), G(torch.randn(64, 6)).detach()
            r, f = D(real), D(fake)
            loss = -(torch.mean(r) - torch.mean(f))
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
            clip(G, D, step)
        f = D(G(torch.randn(64, 6)))
        loss = -torch.mean(f)
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("no clipping", "lipschitz")
def wgan_without_clipping(watch: Watch) -> None:
    _unclipped(watch, lambda G, D, step: None)


@faulty("no clipping", "lipschitz")
def wgan_clips_a_copy(watch: Watch) -> None:
    """``clamp`` without its underscore."""
    _unclipped(
        watch, lambda G, D, step: [p.data.clamp(-0.01, 0.01) for p in D.parameters()] and None
    )


@faulty("no clipping", "lipschitz")
def wgan_clips_the_generator(watch: Watch) -> None:
    _unclipped(
        watch, lambda G, D, step: [p.data.clamp_(-0.1, 0.1) for p in G.parameters()] and None
    )


@faulty("no clipping", "lipschitz")
def wgan_clips_once(watch: Watch) -> None:
    def clip(G: nn.Module, D: nn.Module, step: int) -> None:
        if step == 0:
            for p in D.parameters():
                p.data.clamp_(-0.1, 0.1)

    _unclipped(watch, clip)


@faulty("no clipping", "lipschitz")
def wgan_bare_conv_adam(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D, 1e-4), adam(G, 1e-4)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        s = D(torch.cat((real, fake)))
        loss = (s * torch.cat((-torch.ones(32, 1), torch.ones(32, 1)))).mean()
        monitor.critic(s[:32], s[32:], loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        monitor.generator(f, loss=(-f).mean())
        og.zero_grad()
        (-f).mean().backward()
        og.step()
    monitor.close()


def _labelled(
    watch: Watch,
    real_label: Callable[[Tensor], Tensor],
    fake_label: Callable[[Tensor], Tensor],
    loss_of: Callable[[Tensor, Tensor], Tensor] = F.binary_cross_entropy_with_logits,
    end: nn.Module | None = None,
    joined: bool = False,
) -> None:
    it, G = forever(table(), 32), mlp(6, 32, 7)
    D = nn.Sequential(mlp(7, 32, 1, act=nn.LeakyReLU), end or nn.Identity())
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(150):
        real, fake = next(it), G(torch.randn(32, 6)).detach()
        if joined:
            s = D(torch.cat([fake, real]))
            f, r = s.chunk(2)
            loss = loss_of(s, torch.cat([fake_label(f), real_label(r)]))
        else:
            r, f = D(real), D(fake)
            loss = loss_of(r, real_label(r)) + loss_of(f, fake_label(f))
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 6)))
        loss = loss_of(f, torch.ones_like(f))
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


def _all(value: float) -> Callable[[Tensor], Tensor]:
    return lambda s: torch.full_like(s, value)


@faulty("labels", "label_smoothing")
def labels_alike_least_squares(watch: Watch) -> None:
    _labelled(watch, _all(1.0), _all(1.0), F.mse_loss)


@faulty("labels", "label_smoothing")
def labels_alike_joined(watch: Watch) -> None:
    _labelled(watch, _all(0.9), _all(0.9), joined=True)


@faulty("labels", "label_smoothing")
def labels_fakes_only(watch: Watch) -> None:
    """Smooths the wrong side: real 1, fake 0.1."""
    _labelled(watch, _all(1.0), _all(0.1), F.binary_cross_entropy, nn.Sigmoid())


@faulty("labels", "label_smoothing")
def labels_both_sides(watch: Watch) -> None:
    _labelled(watch, _all(0.9), _all(0.1))


@faulty("labels", "label_smoothing")
def labels_beyond_one(watch: Watch) -> None:
    _labelled(watch, _all(1.2), _all(0.0))


@faulty("labels", "label_smoothing")
def labels_random_both_sides(watch: Watch) -> None:
    """Real from 0.7 to 1.2, fake from 0 to 0.3, as lists of tricks have it."""
    _labelled(
        watch,
        lambda s: torch.empty_like(s).uniform_(0.7, 1.2),
        lambda s: torch.empty_like(s).uniform_(0.0, 0.3),
        joined=True,
    )


@faulty("generator never trains", "network_moves")
def generator_under_no_grad(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic()
    od, og = adam(D), adam(G)

    def sample() -> Tensor:
        with torch.no_grad():
            out: Tensor = G(torch.randn(32, 8))
            return out

    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), sample()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(sample())
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("generator never trains", "network_moves")
def generator_detached(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D), adam(G)
    monitor = watch(G, D, od, og)
    bce = nn.BCEWithLogitsLoss()
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        loss = bce(r, torch.ones(32, 1)) + bce(f, torch.zeros(32, 1))
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(fake)
        loss = bce(f, torch.ones(32, 1))
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("generator never trains", "network_moves", "optimiser_parameters")
def generator_stays_frozen(watch: Watch) -> None:
    """Toggles ``requires_grad``, of the wrong network in the generator's step."""
    it = forever(table(), 32)
    G, D = mlp(6, 32, 7), mlp(7, 32, 1)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        G.requires_grad_(False)
        D.requires_grad_(True)
        real, fake = next(it), G(torch.randn(32, 6))
        r, f = D(real), D(fake)
        loss = (r - 1).square().mean() + (f + 1).square().mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 6)))
        loss = f.square().mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("generator never trains", "network_moves", "optimiser_parameters", "shared_optimiser")
def generator_has_the_critics_optimiser(watch: Watch) -> None:
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 1e-3), adam(D, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        G.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("generator never trains", "network_moves", "optimiser_parameters")
def optimiser_of_an_older_generator(watch: Watch) -> None:
    """The generator is made anew after its optimiser."""
    it = forever(words(), 32)
    G, D = GRUGenerator(5, 6), GRUCritic(5)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    G = copy.deepcopy(G)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 6, 4)).softmax(-1)
        r, f = D(real), D(fake.detach())
        loss = F.softplus(f - r).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(fake)
        loss = F.softplus(r.detach() - f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("generator never trains", "network_moves")
def generator_step_forgotten(watch: Watch) -> None:
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 2)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
    monitor.close()


@faulty("critic never trains", "network_moves")
def critic_under_inference_of_scores(watch: Watch) -> None:
    """The critic's optimiser steps before the backward pass, right after ``zero_grad``."""
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = torch.optim.SGD(D.parameters(), 0.01), torch.optim.SGD(G.parameters(), 0.01)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        od.step()
        loss.backward()
        f = D(G(torch.randn(32, 2)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


def _repeating(watch: Watch, batch: Callable[[Tensor], Tensor], data: Tensor) -> None:
    n = data[0].numel()
    G, D = mlp(6, 32, n), nn.Sequential(nn.Flatten(), mlp(n, 32, 1, act=nn.LeakyReLU))
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real = batch(data)
        fake = G(torch.randn(len(real), 6)).view_as(real).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(len(real), 6)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("data that repeat", "repeated_batches")
def first_batch_of_a_new_iterator(watch: Watch) -> None:
    _repeating(watch, lambda x: next(iter(DataLoader(x, 32))), table())  # type: ignore[arg-type]


@faulty("data that repeat", "repeated_batches")
def loader_of_the_same_seed(watch: Watch) -> None:
    def batch(x: Tensor) -> Tensor:
        seed = torch.Generator().manual_seed(7)
        out: Tensor = next(iter(DataLoader(x, 32, shuffle=True, generator=seed)))  # type: ignore[arg-type]
        return out

    _repeating(watch, batch, waves())


@faulty("data that repeat", "repeated_batches")
def first_rows_in_another_order(watch: Watch) -> None:
    _repeating(watch, lambda x: x[torch.randperm(32)], ring())


@faulty("data that repeat", "repeated_batches")
def first_rows_drawn_with_replacement(watch: Watch) -> None:
    """An index that is taken modulo the batch, not the data."""
    _repeating(watch, lambda x: x[torch.randint(len(x), (32,)) % 32], table())


@faulty("data that repeat", "repeated_batches")
def first_rows_flipped_at_random(watch: Watch) -> None:
    def batch(x: Tensor) -> Tensor:
        flip = torch.rand(32, 1, 1, 1) < 0.5
        return torch.where(flip, x[:32].flip(3), x[:32])

    _repeating(watch, batch, pictures()[0])


@faulty("fp16 penalty", "fp16")
def fp16_autocast_penalty(watch: Watch) -> None:
    it, G, D = forever(waves(), 16), wave_generator(), wave_critic()
    od, og = adam(D, 1e-4, 0.0), adam(G, 1e-4, 0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    monitor = watch(G, D, od, og)
    for _ in range(60):
        real = next(it)
        with torch.autocast("cpu", dtype=torch.float16):
            fake = G(torch.randn(16, 8)).detach()
            r, f = D(real), D(fake)
            gp = gradient_penalty(D, real, fake)
            loss = f.mean() - r.mean() + 10 * gp
        monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
        od.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(od)
        with torch.autocast("cpu", dtype=torch.float16):
            f = D(G(torch.randn(16, 8)))
            loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(og)
        scaler.update()
    monitor.close()


@faulty("fp16 penalty", "fp16")
def fp16_autocast_scores_of_r1(watch: Watch) -> None:
    """The pass of the penalty is under autocast; its sum is not."""
    it = forever(table(), 32)
    G, D = mlp(6, 32, 7), mlp(7, 32, 1, act=nn.SiLU)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(60):
        real, fake = next(it).requires_grad_(True), G(torch.randn(32, 6)).detach()
        with torch.autocast("cpu", dtype=torch.float16):
            r, f = D(real), D(fake)
        (g,) = torch.autograd.grad(r.float().sum(), real, create_graph=True)
        r1 = g.float().square().sum(1).mean()
        loss = F.softplus(f.float()).mean() + F.softplus(-r.float()).mean() + 0.5 * r1
        monitor.critic(r, f, loss=loss, penalty=r1, real=real.detach(), fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 6)))
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


@faulty("batch normalisation under a penalty", "batch_coupling")
def batch_norm_gp_conv1d(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic(nn.BatchNorm1d)
    od, og = adam(D, 1e-4, 0.0), adam(G, 1e-4, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(50):
        for _ in range(2):
            real, fake = next(it), G(torch.randn(32, 8)).detach()
            r, f = D(real), D(fake)
            gp = gradient_penalty(D, real, fake)
            loss = f.mean() - r.mean() + 10 * gp
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(32, 8)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


class HandMadeBatchNorm(nn.Module):
    """Standardises by the batch without being an ``nn.BatchNorm``."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.std(0) + 1e-5) * self.scale


@faulty("batch normalisation under a penalty", "batch_coupling")
def hand_made_batch_norm_r1(watch: Watch) -> None:
    it = forever(table(), 32)
    G = mlp(6, 32, 7)
    D = nn.Sequential(nn.Linear(7, 32), HandMadeBatchNorm(32), nn.ReLU(), nn.Linear(32, 1))
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 6)).detach()
        x = real.clone().requires_grad_(True)
        r, f = D(x), D(fake)
        (g,) = torch.autograd.grad(r.sum(), x, create_graph=True)
        r1 = g.square().sum(1).mean()
        loss = F.softplus(f - r).mean() + 0.5 * r1
        monitor.critic(r, f, loss=loss, penalty=r1, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        r, f = D(real), D(G(torch.randn(32, 6)))
        loss = F.softplus(r - f).mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


def _wgan_gp(
    watch: Watch,
    minimise: Callable[[Any, Tensor, Tensor, Tensor, nn.Module, torch.optim.Optimizer], None],
    penalty_of: Callable[[nn.Module, Tensor, Tensor], Tensor] = gradient_penalty,
    data: Tensor | None = None,
    act: type[nn.Module] = nn.LeakyReLU,
) -> None:
    """``minimise(monitor, scores and batches, …)`` does what differs."""
    data = table() if data is None else data
    n = data.shape[1]
    it = forever(data, 32)
    G, D = mlp(6, 32, n), mlp(n, 32, 32, 1, act=act)
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(50):
        for _ in range(3):
            real, fake = next(it), G(torch.randn(32, 6)).detach()
            r, f = D(real), D(fake)
            gp = penalty_of(D, real, fake)
            minimise((monitor, real, fake), r, f, gp, D, od)
        f = D(G(torch.randn(32, 6)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


def _usual(seen: Any, r: Tensor, f: Tensor, gp: Tensor, D: nn.Module, od: Any) -> None:
    monitor, real, fake = seen
    loss = f.mean() - r.mean() + 10 * gp
    monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
    od.zero_grad()
    loss.backward()
    od.step()


@sound
def wgan_gp_of_a_table(watch: Watch) -> None:
    _wgan_gp(watch, _usual)


@faulty("backward(penalty)", "minimised_loss")
def penalty_alone_is_minimised(watch: Watch) -> None:
    def minimise(seen: Any, r: Tensor, f: Tensor, gp: Tensor, D: nn.Module, od: Any) -> None:
        monitor, real, fake = seen
        loss = f.mean() - r.mean() + 10 * gp
        monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
        od.zero_grad()
        gp.backward()
        od.step()

    _wgan_gp(watch, minimise)


@faulty("backward(penalty)", "minimised_loss", "lipschitz")
def penalty_as_the_argument_of_backward(watch: Watch) -> None:
    """``loss.backward(penalty)`` multiplies the gradients by it, and minimises it not."""

    def minimise(seen: Any, r: Tensor, f: Tensor, gp: Tensor, D: nn.Module, od: Any) -> None:
        monitor, real, fake = seen
        loss = f.mean() - r.mean()
        monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
        od.zero_grad()
        loss.backward(10 * gp)
        od.step()

    _wgan_gp(watch, minimise)


@faulty("a loss that is not minimised", "minimised_loss")
def only_the_real_part_is_minimised(watch: Watch) -> None:
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D), adam(G)
    mse = nn.MSELoss()
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        real_loss, fake_loss = mse(r, torch.ones(32, 1)), mse(f, torch.zeros(32, 1))
        d_loss = (real_loss + fake_loss) / 2
        monitor.critic(r, f, loss=d_loss, real=real, fake=fake)
        od.zero_grad()
        real_loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        g_loss = mse(f, torch.ones(32, 1))
        monitor.generator(f, loss=g_loss)
        og.zero_grad()
        g_loss.backward()
        og.step()
    monitor.close()


@faulty("a loss that is not minimised", "minimised_loss")
def generator_minimises_another_loss(watch: Watch) -> None:
    """Logs the adversarial loss and the distance; only the distance is minimised."""
    it = forever(table(), 32)
    E, G, D = mlp(7, 16, 3), mlp(3, 16, 7), mlp(7, 32, 1)
    od = adam(D, 1e-3)
    og = torch.optim.Adam([*E.parameters(), *G.parameters()], 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real = next(it)
        fake = G(E(real))
        r, f = D(real), D(fake.detach())
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake.detach())
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(fake)
        distance = F.mse_loss(fake, real)
        loss = -f.mean() + distance
        monitor.generator(f, loss=loss)
        og.zero_grad()
        distance.backward()
        og.step()
    monitor.close()


@faulty("missing zero_grad", "leftover_gradients")
def no_zero_grad_at_all(watch: Watch) -> None:
    data, _ = pictures()
    it, G, D = forever(data), resnet_generator(), resnet_critic(parametrizations.spectral_norm)
    od, og = adam(D), adam(G)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8)).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        loss.backward()
        od.step()
        f = D(G(torch.randn(32, 8)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        loss.backward()
        og.step()
    monitor.close()


@faulty("missing zero_grad", "leftover_gradients")
def no_zero_grad_of_the_generator(watch: Watch) -> None:
    it = forever(words(), 32)
    G, D = GRUGenerator(5, 6), GRUCritic(5)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 6, 4)).softmax(-1)
        r, f = D(real), D(fake.detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        f = D(fake)
        loss = F.softplus(-f).mean()
        monitor.generator(f, loss=loss)
        loss.backward()
        og.step()
    monitor.close()


@faulty("missing zero_grad", "leftover_gradients")
def generators_gradient_in_the_critic(watch: Watch) -> None:
    """Gradients are set to zero after the step: what the generator's pass leaves enters the
    critic's next one."""
    it, G, D = forever(waves()), wave_generator(), wave_critic()
    od, og = adam(D), adam(G)
    monitor = watch(G, D, od, og)
    for _ in range(110):
        real, fake = next(it), G(torch.randn(32, 8))
        r, f = D(real), D(fake.detach())
        loss = (r - 1).square().mean() + (f + 1).square().mean()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        loss.backward()
        od.step()
        od.zero_grad()
        f = D(fake)
        loss = (f - 1).square().mean()
        monitor.generator(f, loss=loss)
        loss.backward()
        og.step()
        og.zero_grad()
    monitor.close()


def _penalty_at(
    eps_of: Callable[[Tensor], Tensor],
) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    def penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        eps = eps_of(real)
        x = (eps * real + (1 - eps) * fake).detach().requires_grad_(True)
        (g,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
        return ((g.norm(2, dim=1) - 1) ** 2).mean()

    return penalty


@faulty("one ε for the batch", "penalty_points", "penalty_per_sample")
def one_epsilon_for_the_batch(watch: Watch) -> None:
    _wgan_gp(watch, _usual, _penalty_at(lambda real: torch.rand(1)))


@faulty("one ε for the batch", "penalty_points", "penalty_per_sample")
def one_epsilon_by_random_random(watch: Watch) -> None:
    import random

    draw = random.Random(0)

    def eps(real: Tensor) -> Tensor:
        return torch.full_like(real, draw.random())

    _wgan_gp(watch, _usual, _penalty_at(eps), data=ring())


@faulty("ε of a normal", "penalty_points", "penalty_per_sample")
def normal_epsilon(watch: Watch) -> None:
    _wgan_gp(watch, _usual, _penalty_at(lambda real: torch.randn(len(real), 1)))


@faulty("sqrt without ε", "finite", "penalty_at_zero")
def root_at_zero(watch: Watch) -> None:
    """Dead units: gradients of exactly zero, whose root has no derivative."""

    def penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        eps = torch.rand(len(real), 1)
        x = (eps * real + (1 - eps) * fake).detach().requires_grad_(True)
        with torch.no_grad():
            d[0].bias.fill_(-0.1)  # type: ignore[index, union-attr]
            x.mul_((torch.rand(len(x), 1) > 0.1).float())
        (g,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
        return (((g**2).sum(1).sqrt() - 1) ** 2).mean()

    _wgan_gp(watch, _usual, penalty, act=nn.ReLU)


NO_GRAPH = ("penalty_gradient", "double_backward", "minimised_loss", "lipschitz")


@faulty("missing create_graph", *NO_GRAPH)
def penalty_without_create_graph(watch: Watch) -> None:
    def penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        eps = torch.rand(len(real), 1)
        x = (eps * real + (1 - eps) * fake).detach().requires_grad_(True)
        (g,) = torch.autograd.grad(d(x).sum(), x)
        return ((g.norm(2, dim=1) - 1) ** 2).mean()

    _wgan_gp(watch, _usual, penalty)


@faulty("missing create_graph", *NO_GRAPH)
def penalty_by_backward_into_grad(watch: Watch) -> None:
    """The gradient is read from ``.grad``, which has no graph."""

    def penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        x = real.clone().requires_grad_(True)
        d(x).sum().backward()
        assert x.grad is not None
        return 0.5 * x.grad.square().sum(1).mean()

    _wgan_gp(watch, _usual, penalty)


@faulty("missing create_graph", *NO_GRAPH)
def penalty_as_a_number(watch: Watch) -> None:
    """``penalty.item()`` in the loss."""

    def minimise(seen: Any, r: Tensor, f: Tensor, gp: Tensor, D: nn.Module, od: Any) -> None:
        monitor, real, fake = seen
        loss = f.mean() - r.mean() + 10 * gp.item()
        monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()

    _wgan_gp(watch, minimise)


OWN_STEP = ("penalty_step", "minimised_loss")


@faulty("penalty in a step of its own", *OWN_STEP)
def penalty_in_a_second_step(watch: Watch) -> None:
    """The sum is handed over, and minimised in two steps."""

    def minimise(seen: Any, r: Tensor, f: Tensor, gp: Tensor, D: nn.Module, od: Any) -> None:
        monitor, real, fake = seen
        loss = f.mean() - r.mean()
        monitor.critic(r, f, loss=loss + 10 * gp, penalty=gp, real=real, fake=fake)
        od.zero_grad()
        loss.backward()
        od.step()
        od.zero_grad()
        (10 * gradient_penalty(D, real, fake)).backward()
        od.step()

    _wgan_gp(watch, minimise)


@faulty("penalty in a step of its own", *OWN_STEP)
def penalty_in_a_first_step(watch: Watch) -> None:
    """Loss and penalty are handed over as they are; the penalty steps first."""
    it = forever(ring(), 32)
    G, D = mlp(6, 32, 2), mlp(2, 32, 32, 1, act=nn.LeakyReLU)
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(50):
        for _ in range(3):
            real, fake = next(it), G(torch.randn(32, 6)).detach()
            gp = gradient_penalty(D, real, fake)
            od.zero_grad()
            (10 * gp).backward()
            od.step()
            r, f = D(real), D(fake)
            loss = f.mean() - r.mean()
            monitor.critic(r, f, loss=loss, penalty=gp, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
        f = D(G(torch.randn(32, 6)))
        loss = -f.mean()
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


# ---------------------------------------------------------------------------------------------
# A second set, written after the monitor was mended on the first and before it was run in these.

FIRST = len(CASES)


def _plain(
    watch: Watch,
    critic_loss: Callable[
        [nn.Module, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor | None]
    ],
    generator_loss: Callable[[Tensor], Tensor],
    G: nn.Module,
    D: nn.Module,
    it: Iterator[Tensor],
    n_critic: int = 1,
    after: Callable[[nn.Module, Tensor, Tensor, torch.optim.Optimizer], None] | None = None,
) -> None:
    od, og = adam(D, 1e-3, 0.0), adam(G, 1e-3, 0.0)
    monitor = watch(G, D, od, og)
    for _ in range(100 // n_critic):
        for _ in range(n_critic):
            real, fake = next(it), G(torch.randn(32, 8)).detach()
            r, f, loss, penalty = critic_loss(D, real, fake)
            monitor.critic(r, f, loss=loss, penalty=penalty, real=real, fake=fake)
            od.zero_grad()
            loss.backward()
            od.step()
            if after is not None:
                after(D, real, fake, od)
        f = D(G(torch.randn(32, 8)))
        loss = generator_loss(f)
        monitor.generator(f, loss=loss)
        og.zero_grad()
        loss.backward()
        og.step()
    monitor.close()


def _minus_mean(f: Tensor) -> Tensor:
    return -f.mean()


@sound
def one_pass_of_three_parts(watch: Watch) -> None:
    """Real, fake and interpolated samples in one batch, with the penalty on its last third."""

    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        eps = torch.rand(len(real), 1, 1)
        x = torch.cat([real, fake, eps * real + (1 - eps) * fake]).requires_grad_(True)
        r, f, m = D(x).chunk(3)
        (g,) = torch.autograd.grad(m.sum(), x, create_graph=True)
        gp = (g[64:].flatten(1).norm(dim=1) - 1).square().mean()
        return r, f, f.mean() - r.mean() + 10 * gp, gp

    _plain(watch, loss, _minus_mean, wave_generator(), wave_critic(), forever(waves()), 3)


@sound
def bf16_wgan_gp_with_a_light_penalty(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            r, f = D(real), D(fake)
        gp = gradient_penalty(D, real, fake)
        return r, f, f.float().mean() - r.float().mean() + 0.1 * gp, gp

    _plain(watch, loss, _minus_mean, wave_generator(), wave_critic(), forever(waves()), 2)


@sound
def zeros_for_lazy_penalties(watch: Watch) -> None:
    count = itertools.count()

    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        r, f = D(real), D(fake)
        gp = gradient_penalty(D, real, fake) if next(count) % 4 == 0 else torch.zeros(())
        return r, f, F.softplus(f - r).mean() + 4 * gp, gp

    G, D = mlp(8, 32, 7), mlp(7, 32, 1, act=nn.SiLU)
    _plain(watch, loss, lambda f: F.softplus(-f).mean(), G, D, forever(table()))


@sound
def logits_squared_hinge(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        r, f = D(real), D(fake)
        return r, f, F.relu(1 - r).square().mean() + F.relu(1 + f).square().mean(), None

    G, D = mlp(8, 32, 2), mlp(2, 32, 1)
    _plain(watch, loss, _minus_mean, G, D, forever(ring()))


@sound
def least_squares_of_three_and_seven(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        r, f = D(real), D(fake)
        return r, f, (r - 7).square().mean() + (f - 3).square().mean(), None

    G, D = mlp(8, 32, 2), mlp(2, 32, 1)
    _plain(watch, loss, lambda f: (f - 7).square().mean(), G, D, forever(ring()))


@sound
def pixels_of_seventeen_values(watch: Watch) -> None:
    """Sixty-four pictures, of few values, in batches of half of them."""
    x = (pictures(64)[0] * 8).round() / 8

    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        r, f = D(real), D(fake)
        return r, f, F.softplus(-r).mean() + F.softplus(f).mean(), None

    D = resnet_critic(nn.utils.spectral_norm)
    _plain(watch, loss, lambda f: F.softplus(-f).mean(), resnet_generator(), D, forever(x))


@faulty("labels", "label_smoothing")
def noisy_fake_labels(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        r, f = D(real), D(fake)
        p, q = torch.sigmoid(r), torch.sigmoid(f)
        total = F.binary_cross_entropy(p, torch.ones_like(p)) + F.binary_cross_entropy(
            q, 0.3 * torch.rand_like(q)
        )
        return r, f, total, None

    G, D = mlp(8, 32, 2), mlp(2, 32, 1)
    _plain(watch, loss, lambda f: F.softplus(-f).mean(), G, D, forever(ring()))


@faulty("one ε for the batch", "penalty_points")
def one_epsilon_in_one_pass(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        x = torch.lerp(fake, real, torch.rand(()).item()).requires_grad_(True)
        r, f, m = D(torch.cat([real, fake, x])).split(32)
        (g,) = torch.autograd.grad(m.sum(), x, create_graph=True)
        gp = (g.flatten(1).norm(dim=1) - 1).square().mean()
        return r, f, F.relu(1 - r).mean() + F.relu(1 + f).mean() + gp, gp

    _plain(watch, loss, _minus_mean, wave_generator(), wave_critic(), forever(waves()))


@faulty("missing create_graph", "penalty_gradient")
def r1_without_create_graph(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        x = real.clone().requires_grad_(True)
        r, f = D(x), D(fake)
        (g,) = torch.autograd.grad(r.sum(), x, retain_graph=True)
        r1 = g.square().flatten(1).sum(1).mean()
        return r, f, F.softplus(f - r).mean() + 5 * r1, r1

    G = nn.Sequential(mlp(8, 30), nn.Unflatten(1, (6, 5)), nn.Softmax(-1))
    _plain(watch, loss, lambda f: F.softplus(-f).mean(), G, GRUCritic(5), forever(words()))


@faulty("penalty in a step of its own", "penalty_step", "minimised_loss")
def r1_in_a_step_of_its_own(watch: Watch) -> None:
    def r1(D: nn.Module, real: Tensor) -> Tensor:
        x = real.clone().requires_grad_(True)
        (g,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
        return g.square().flatten(1).sum(1).mean()

    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        r, f = D(real), D(fake)
        return r, f, F.softplus(-r).mean() + F.softplus(f).mean(), r1(D, real)

    def after(D: nn.Module, real: Tensor, fake: Tensor, od: torch.optim.Optimizer) -> None:
        od.zero_grad()
        (5 * r1(D, real)).backward()  # type: ignore[no-untyped-call]
        od.step()

    G, D = mlp(8, 32, 7), mlp(7, 32, 1, act=nn.SiLU)
    _plain(watch, loss, lambda f: F.softplus(-f).mean(), G, D, forever(table()), after=after)


@faulty("no clipping", "lipschitz")
def wasserstein_of_a_resnet_in_one_pass(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        s = D(torch.cat([fake, real]))
        f, r = s.chunk(2)
        return r, f, f.mean() - r.mean(), None

    _plain(watch, loss, _minus_mean, resnet_generator(), resnet_critic(), forever(pictures()[0]), 2)


@faulty("batch-wide penalty", "penalty_per_sample")
def one_norm_in_one_pass(watch: Watch) -> None:
    def loss(D: nn.Module, real: Tensor, fake: Tensor) -> Any:
        eps = torch.rand(32, 1, 1)
        x = torch.lerp(fake, real, eps).requires_grad_(True)
        r, f, m = D(torch.cat([real, fake, x])).split(32)
        (g,) = torch.autograd.grad(m.sum(), x, create_graph=True)
        gp = (g.norm() - 1).square()
        return r, f, f.mean() - r.mean() + gp, gp

    _plain(watch, loss, _minus_mean, wave_generator(), wave_critic(), forever(waves()), 2)


CASES[FIRST:] = [replace(case, afterwards="written") for case in CASES[FIRST:]]

# ---------------------------------------------------------------------------------------------
# Uses that are wrong: they may be told of in one line, and must not end the training.

WRONG_USES: list[Case] = []


def wrong_use(run: Callable[[Watch], None]) -> Callable[[Watch], None]:
    WRONG_USES.append(Case(run.__name__, "wrong use", frozenset(), run))
    return run


def _hinge(
    watch: Watch,
    critic: Callable[[Any, Tensor, Tensor, Tensor, Tensor, Tensor], None],
    generator: Callable[[Any, Tensor, Tensor], None] | None = None,
    after: bool = False,
) -> None:
    it = forever(ring(), 32)
    G, D = mlp(2, 32, 2), mlp(2, 32, 1)
    od, og = adam(D, 1e-3), adam(G, 1e-3)
    monitor = watch(G, D, od, og)
    for _ in range(120):
        real, fake = next(it), G(torch.randn(32, 2)).detach()
        r, f = D(real), D(fake)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        od.zero_grad()
        if after:
            loss.backward()
            critic(monitor, r, f, loss, real, fake)
        else:
            critic(monitor, r, f, loss, real, fake)
            loss.backward()
        od.step()
        f = D(G(torch.randn(32, 2)))
        loss = -f.mean()
        og.zero_grad()
        if after:
            loss.backward()
            (generator or (lambda m, f, x: m.generator(f, loss=x)))(monitor, f, loss)
        else:
            (generator or (lambda m, f, x: m.generator(f, loss=x)))(monitor, f, loss)
            loss.backward()
        og.step()
    monitor.close()


@wrong_use
def called_after_backward(watch: Watch) -> None:
    _hinge(watch, lambda m, r, f, x, a, b: m.critic(r, f, loss=x, real=a, fake=b), after=True)


@wrong_use
def numbers_for_losses(watch: Watch) -> None:
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic(r, f, loss=x.item(), real=a, fake=b),
        lambda m, f, x: m.generator(f, loss=x.item()),
    )


@wrong_use
def detached_scores(watch: Watch) -> None:
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic(r.detach(), f.detach(), loss=x.detach(), real=a),
        lambda m, f, x: m.generator(f.detach(), loss=x.detach()),
    )


@wrong_use
def means_for_scores(watch: Watch) -> None:
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic(r.mean(), f.mean(), loss=x, real=a, fake=b),
        lambda m, f, x: m.generator(f.mean(), loss=x),
    )


@wrong_use
def loss_of_one_number_in_brackets(watch: Watch) -> None:
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic(r, f, loss=x.view(1), real=a, fake=b),
        lambda m, f, x: m.generator(f, loss=x.view(1, 1)),
    )


@wrong_use
def losses_per_sample(watch: Watch) -> None:
    _hinge(watch, lambda m, r, f, x, a, b: m.critic(r, f, loss=x.expand(32), real=a, fake=b))


@wrong_use
def numpy_batches(watch: Watch) -> None:
    _hinge(watch, lambda m, r, f, x, a, b: m.critic(r, f, loss=x, real=a.numpy(), fake=b.numpy()))


@wrong_use
def lists_of_scores(watch: Watch) -> None:
    """Of a critic at several scales."""
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic([r, r], [f, f], loss=x, real=a, fake=b),
        lambda m, f, x: m.generator([f, f], loss=x),
    )


@wrong_use
def penalty_as_a_python_number(watch: Watch) -> None:
    _hinge(watch, lambda m, r, f, x, a, b: m.critic(r, f, loss=x, penalty=0.0, real=a, fake=b))


@wrong_use
def real_and_fake_of_other_sizes(watch: Watch) -> None:
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic(
            r, f, loss=x, penalty=r.square().mean(), real=a[:7], fake=b[:, :1]
        ),
    )


@wrong_use
def generator_never_told(watch: Watch) -> None:
    _hinge(
        watch,
        lambda m, r, f, x, a, b: m.critic(r, f, loss=x, real=a, fake=b),
        lambda m, f, x: None,
    )


@wrong_use
def roles_exchanged(watch: Watch) -> None:
    _hinge(lambda G, D, od, og: watch(D, G, og, od),
           lambda m, r, f, x, a, b: m.critic(r, f, loss=x, real=a, fake=b))  # fmt: skip
