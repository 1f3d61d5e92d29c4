"""A third set of loops of strangers: 29 faulty, 21 sound, in styles unlike one another.

Written from docs/doctor.md and the README alone, before the monitor's code, the earlier loops or
the benchmark were read. Each is a plain script in a function that gets the class to watch it with;
the names that count as right are fixed with it. Some read $STEADYGAN_DATA (USPS, Adult,
Shakespeare).
"""

from __future__ import annotations

import copy
import csv
import gzip
import itertools
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from loop_cases import Case, Watch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from torch import autograd, nn, optim
from torch.utils.data import DataLoader, TensorDataset

CASES: list[Case] = []
Loop = Callable[[Watch], None]


def faulty(fault: str, *names: str, beside: tuple[str, ...] = ()) -> Callable[[Loop], Loop]:
    def add(loop: Loop) -> Loop:
        CASES.append(Case(loop.__name__, fault, frozenset(names), loop, frozenset(beside)))
        return loop

    return add


def sound(loop: Loop) -> Loop:
    CASES.append(Case(loop.__name__, "", frozenset(), loop))
    return loop


def data(*parts: str) -> Path:
    if "STEADYGAN_DATA" not in os.environ:
        raise SystemExit("set STEADYGAN_DATA to the folder with images/usps, tables and text")
    return Path(os.environ["STEADYGAN_DATA"]).joinpath(*parts)


# Data.


def digit_pictures() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = load_digits(return_X_y=True)
    pictures = torch.tensor(x, dtype=torch.float32).view(-1, 1, 8, 8) / 8 - 1
    return pictures, torch.tensor(y)


def usps(n: int = 2000) -> tuple[torch.Tensor, torch.Tensor]:
    folder = data("images", "usps")
    x = gzip.decompress((folder / "usps-train-images-idx3-ubyte.gz").read_bytes())
    y = gzip.decompress((folder / "usps-train-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(x, np.uint8, offset=16).reshape(-1, 1, 16, 16)[:n]
    labels = np.frombuffer(y, np.uint8, offset=8)[:n].astype(np.int64)
    return torch.tensor(pixels / 127.5 - 1, dtype=torch.float32), torch.tensor(labels)


def adult(n: int = 3000) -> tuple[torch.Tensor, list[int]]:
    """Four scaled numbers, then the one-hot blocks of four categories; and the blocks' widths."""
    path = data("tables", "adult.data.gz")
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if len(row) == 15][:n]
    numbers = torch.tensor([[float(row[i]) for i in (0, 2, 4, 12)] for row in rows])
    parts, widths = [(numbers - numbers.mean(0)) / numbers.std(0)], []
    for i in (1, 5, 8, 9):
        names = sorted({row[i] for row in rows})
        index = torch.tensor([names.index(row[i]) for row in rows])
        parts.append(F.one_hot(index, len(names)).float())
        widths.append(len(names))
    return torch.cat(parts, 1), widths


def shakespeare(length: int = 12, n: int = 4000) -> tuple[torch.Tensor, int]:
    text = data("text", "tinyshakespeare.txt").read_text()[:60000]
    letters = sorted(set(text.lower()))
    codes = torch.tensor([letters.index(c) for c in text.lower()])
    starts = torch.randint(0, len(codes) - length, (n,))
    return torch.stack([codes[s : s + length] for s in starts]), len(letters)


def sensors(n: int = 1500, length: int = 32) -> torch.Tensor:
    t = torch.linspace(0, 1, length)
    f, p = 1 + 3 * torch.rand(n, 3, 1), 6.28 * torch.rand(n, 3, 1)
    return torch.sin(6.28 * f * t + p) + 0.1 * torch.randn(n, 3, length)


def table(load: Callable[..., Any]) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = load(return_X_y=True)
    values = torch.tensor(x, dtype=torch.float32)
    return (values - values.mean(0)) / values.std(0), torch.tensor(y)


def endless(loader: Any) -> Any:
    while True:
        yield from loader


# Nets.


class LabelledGenerator(nn.Module):
    def __init__(self, classes: int = 10, latent: int = 16, side: int = 16) -> None:
        super().__init__()
        self.label_emb = nn.Embedding(classes, classes)
        self.side = side
        self.model = nn.Sequential(
            nn.Linear(latent + classes, 64), nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(64, 128), nn.BatchNorm1d(128, 0.8), nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(128, side * side), nn.Tanh(),
        )  # fmt: skip

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        img = self.model(torch.cat((self.label_emb(labels), noise), -1))
        return img.view(img.size(0), 1, self.side, self.side)


class LabelledCritic(nn.Module):
    def __init__(self, classes: int = 10, side: int = 16) -> None:
        super().__init__()
        self.label_embedding = nn.Embedding(classes, classes)
        self.model = nn.Sequential(
            nn.Linear(classes + side * side, 128), nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(128, 64), nn.LeakyReLU(0.2, inplace=True), nn.Linear(64, 1),
        )  # fmt: skip

    def forward(self, img: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.model(torch.cat((img.flatten(1), self.label_embedding(labels)), -1))


class ProjectionCritic(nn.Module):
    def __init__(self, classes: int = 10, width: int = 16, spectral: bool = True) -> None:
        super().__init__()
        sn = nn.utils.parametrizations.spectral_norm if spectral else (lambda m: m)
        self.c1 = sn(nn.Conv2d(1, width, 3, 2, 1))
        self.c2 = sn(nn.Conv2d(width, 2 * width, 3, 2, 1))
        self.out = sn(nn.Linear(2 * width, 1))
        self.embed = sn(nn.Embedding(classes, 2 * width))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.c2(F.relu(self.c1(x)))).sum((2, 3))
        return (self.out(h) + (self.embed(y) * h).sum(1, keepdim=True)).squeeze(1)


class ConvGenerator(nn.Module):
    def __init__(self, latent: int = 16, side: int = 8, width: int = 16) -> None:
        super().__init__()
        self.side, self.width = side // 4, width
        self.fc = nn.Linear(latent, width * self.side**2)
        self.up1 = nn.ConvTranspose2d(width, width, 4, 2, 1)
        self.bn = nn.BatchNorm2d(width)
        self.up2 = nn.ConvTranspose2d(width, 1, 4, 2, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.fc(z)).view(-1, self.width, self.side, self.side)
        return torch.tanh(self.up2(F.relu(self.bn(self.up1(h)))))


def conv_critic(side: int = 8, width: int = 16, norm: bool = False, last: int = 1) -> nn.Sequential:
    middle: list[nn.Module] = [nn.BatchNorm2d(2 * width)] if norm else []
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1), *middle, nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(2 * width * (side // 4) ** 2, last),
    )  # fmt: skip


def mlp(*sizes: int, act: Callable[[], nn.Module] = nn.ReLU, end: nn.Module | None = None) -> Any:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), act()]
    layers.pop()
    return nn.Sequential(*layers, *([end] if end else []))


class MixedColumns(nn.Module):
    """Numbers through tanh or bare, categories through a Gumbel softmax, as in CTGAN."""

    def __init__(self, latent: int, numbers: int, widths: list[int]) -> None:
        super().__init__()
        self.numbers, self.widths = numbers, widths
        self.body = nn.Sequential(
            nn.Linear(latent, 64), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, numbers + sum(widths)),
        )  # fmt: skip

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        first, *rest = self.body(z).split([self.numbers, *self.widths], 1)
        return torch.cat([first, *(F.gumbel_softmax(r, tau=0.5) for r in rest)], 1)


class TextTransformer(nn.Module):
    def __init__(self, letters: int, length: int, latent: int = 16, width: int = 32) -> None:
        super().__init__()
        self.length, self.start = length, nn.Linear(latent, length * width)
        layer = nn.TransformerEncoderLayer(width, 2, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(width, letters)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        h = self.start(z).view(len(z), self.length, -1)
        return F.softmax(self.head(self.encoder(h)), -1)


class TextCritic(nn.Module):
    def __init__(self, letters: int, length: int, width: int = 32) -> None:
        super().__init__()
        self.into = nn.Linear(letters, width)
        self.place = nn.Parameter(0.1 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(width, 2, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with nn.attention.sdpa_kernel(
            nn.attention.SDPBackend.MATH
        ):  # the one with a double backward
            return self.head(self.encoder(self.into(x) + self.place).mean(1))


class SeriesGenerator(nn.Module):
    def __init__(self, latent: int = 8, channels: int = 3, hidden: int = 32) -> None:
        super().__init__()
        self.rnn = nn.LSTM(latent, hidden, batch_first=True)
        self.head = nn.Linear(hidden, channels)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(z)[0])


class SeriesCritic(nn.Module):
    def __init__(self, channels: int = 3, hidden: int = 32, sigmoid: bool = False) -> None:
        super().__init__()
        self.rnn = nn.GRU(channels, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.sigmoid = sigmoid

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = self.head(self.rnn(x)[1][-1])
        return torch.sigmoid(score) if self.sigmoid else score


# Faulty loops.


@faulty("batch-wide penalty", "penalty_per_sample")
def conditional_norm_of_everything(Monitor: Watch) -> None:
    torch.manual_seed(11)
    X, Y = usps()
    loader = DataLoader(TensorDataset(X, Y), batch_size=32, shuffle=True, drop_last=True)
    netG, netD = LabelledGenerator(), LabelledCritic()
    optimizer_G = optim.Adam(netG.parameters(), lr=2e-4, betas=(0.0, 0.9))
    optimizer_D = optim.Adam(netD.parameters(), lr=2e-4, betas=(0.0, 0.9))
    mon = Monitor(netG, netD, optimizer_D, optimizer_G)

    def compute_gradient_penalty(D: nn.Module, real: Any, fake: Any, labels: Any) -> torch.Tensor:
        alpha = torch.rand(real.size(0), 1, 1, 1)
        interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        d_interpolates = D(interpolates, labels)
        gradients = autograd.grad(
            outputs=d_interpolates, inputs=interpolates,
            grad_outputs=torch.ones_like(d_interpolates), create_graph=True,
            retain_graph=True, only_inputs=True,
        )[0]  # fmt: skip
        return (gradients.norm(2) - 1) ** 2

    batches_done = 0
    for _epoch in range(3):
        for imgs, labels in loader:
            optimizer_D.zero_grad()
            gen_labels = labels
            fake_imgs = netG(torch.randn(32, 16), gen_labels)
            rv, fv = netD(imgs, labels), netD(fake_imgs.detach(), gen_labels)
            gp = compute_gradient_penalty(netD, imgs.data, fake_imgs.data, labels)
            d_loss = -torch.mean(rv) + torch.mean(fv) + 10 * gp
            mon.critic(rv, fv, loss=d_loss, penalty=gp, real=imgs, fake=fake_imgs)
            d_loss.backward()
            optimizer_D.step()
            optimizer_G.zero_grad()
            if batches_done % 2 == 0:
                wanted = torch.randint(0, 10, (32,))
                fv = netD(netG(torch.randn(32, 16), wanted), wanted)
                g_loss = -torch.mean(fv)
                mon.generator(fv, loss=g_loss)
                g_loss.backward()
                optimizer_G.step()
            batches_done += 1
    print(mon.close())


@faulty("norm over channels", "penalty_per_sample")
def sensors_norm_of_each_moment(Monitor: Watch) -> None:
    torch.manual_seed(12)
    waves = sensors()
    G = nn.Sequential(
        nn.Linear(16, 32 * 8), nn.Unflatten(1, (32, 8)), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv1d(32, 16, 5, padding=2), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv1d(16, 3, 5, padding=2),
    )  # fmt: skip
    D = nn.Sequential(
        nn.Conv1d(3, 16, 5, 2, 2), nn.LeakyReLU(0.2), nn.Conv1d(16, 32, 5, 2, 2), nn.LeakyReLU(0.2),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 1),
    )  # fmt: skip
    g_opt, d_opt = optim.RMSprop(G.parameters(), 1e-4), optim.RMSprop(D.parameters(), 1e-4)
    watch = Monitor(G, D, d_opt, g_opt)
    for _step in range(130):
        for _ in range(2):
            x = waves[torch.randint(len(waves), (24,))]
            with torch.no_grad():
                x_fake = G(torch.randn(24, 16))
            t = torch.rand(24, 1, 1)
            mid = x.lerp(x_fake, t).requires_grad_()
            (slope,) = autograd.grad(D(mid).sum(), mid, create_graph=True)
            penalty = 10 * ((slope.norm(2, dim=1) - 1) ** 2).mean()
            s_real, s_fake = D(x), D(x_fake)
            loss = s_fake.mean() - s_real.mean() + penalty
            d_opt.zero_grad(set_to_none=True)
            watch.critic(s_real, s_fake, loss=loss, penalty=penalty, real=x, fake=x_fake)
            loss.backward()
            d_opt.step()
        s_fake = D(G(torch.randn(24, 16)))
        loss = -s_fake.mean()
        g_opt.zero_grad(set_to_none=True)
        watch.generator(s_fake, loss=loss)
        loss.backward()
        g_opt.step()
    print(watch.close())


@faulty("one ε for the batch", "penalty_points")
def text_transformer_one_alpha(Monitor: Watch) -> None:
    torch.manual_seed(13)
    text, letters = shakespeare()
    G, D = TextTransformer(letters, 12), TextCritic(letters, 12)
    optG = optim.Adam(G.parameters(), lr=1e-4, betas=(0.5, 0.9))
    optD = optim.Adam(D.parameters(), lr=1e-4, betas=(0.5, 0.9))
    monitor = Monitor(G, D, optD, optG)
    for _iteration in range(110):
        for _ in range(2):
            real = F.one_hot(text[torch.randint(len(text), (16,))], letters).float()
            fake = G(torch.randn(16, 16)).detach()
            alpha = torch.rand(1).expand(real.size())
            interpolates = alpha * real + ((1 - alpha) * fake)
            interpolates = autograd.Variable(interpolates, requires_grad=True)
            out = D(interpolates)
            grads = autograd.grad(out, interpolates, torch.ones(out.size()), create_graph=True)[0]
            gp = ((grads.reshape(16, -1).norm(2, dim=1) - 1) ** 2).mean() * 10
            d_real, d_fake = D(real), D(fake)
            cost = d_fake.mean() - d_real.mean() + gp
            D.zero_grad()
            monitor.critic(d_real, d_fake, loss=cost, penalty=gp, real=real, fake=fake)
            cost.backward()
            optD.step()
        d_fake = D(G(torch.randn(16, 16)))
        G.zero_grad()
        cost = -d_fake.mean()
        monitor.generator(d_fake, loss=cost)
        cost.backward()
        optG.step()
    print(monitor.close())


@faulty("ε of a normal", "penalty_points")
def adult_mixed_columns_normal_alpha(Monitor: Watch) -> None:
    torch.manual_seed(14)
    rows, widths = adult()
    gen = MixedColumns(16, 4, widths)
    dis = mlp(rows.shape[1], 64, 64, 1, act=lambda: nn.LeakyReLU(0.2))
    go = optim.AdamW(gen.parameters(), lr=2e-4, betas=(0.5, 0.9), weight_decay=1e-6)
    do = optim.AdamW(dis.parameters(), lr=2e-4, betas=(0.5, 0.9))
    monitor = Monitor(gen, dis, do, go)
    for i, (x,) in enumerate(endless(DataLoader(TensorDataset(rows), 50, shuffle=True))):
        if i == 260:
            break
        f = gen(torch.randn(len(x), 16))
        e = torch.randn(len(x), 1)
        xhat = (e * x + (1 - e) * f.detach()).requires_grad_(True)
        g = autograd.grad(dis(xhat).sum(), xhat, create_graph=True)[0]
        gp = (g.norm(dim=1) - 1).square().mean()
        yr, yf = dis(x), dis(f.detach())
        d_loss = -(yr.mean() - yf.mean())
        total = d_loss + 10.0 * gp
        do.zero_grad()
        monitor.critic(yr, yf, loss=total, penalty=gp, real=x, fake=f)
        total.backward()
        do.step()
        if i % 2:
            yf = dis(gen(torch.randn(50, 16)))
            go.zero_grad()
            lg = -yf.mean()
            monitor.generator(yf, loss=lg)
            lg.backward()
            go.step()
    print(monitor.close())


@faulty("undetached fakes", "undetached_fakes")
def cycle_of_two_pairs_undetached(Monitor: Watch) -> None:
    torch.manual_seed(15)
    A = digit_pictures()[0]
    B = A.flip(3).neg()
    G_AB, G_BA = (nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1), nn.InstanceNorm2d(16), nn.ReLU(),
                                nn.Conv2d(16, 1, 3, 1, 1), nn.Tanh())
                  for _ in range(2))  # fmt: skip
    D_A, D_B = (nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2, True),
                              nn.Conv2d(16, 1, 3, 1, 1)) for _ in range(2))  # fmt: skip
    optimizer_G = optim.Adam(
        itertools.chain(G_AB.parameters(), G_BA.parameters()), 2e-4, (0.5, 0.999)
    )
    optimizer_D_A = optim.Adam(D_A.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_D_B = optim.Adam(D_B.parameters(), lr=2e-4, betas=(0.5, 0.999))
    one = Monitor(G_BA, D_A, optimizer_D_A, optimizer_G)
    two = Monitor(G_AB, D_B, optimizer_D_B, optimizer_G)
    gan, cycle = nn.MSELoss(), nn.L1Loss()
    for _ in range(120):
        a, b = A[torch.randint(len(A), (8,))], B[torch.randint(len(B), (8,))]
        optimizer_G.zero_grad()
        fake_b, fake_a = G_AB(a), G_BA(b)
        pa, pb = D_A(fake_a), D_B(fake_b)
        back = cycle(G_BA(fake_b), a) + cycle(G_AB(fake_a), b)
        loss_G = gan(pa, torch.ones_like(pa)) + gan(pb, torch.ones_like(pb)) + 10 * back
        one.generator(pa, loss=loss_G)
        two.generator(pb, loss=loss_G)
        loss_G.backward()
        optimizer_G.step()
        for net, opt, mon, real, other, make in (
            (D_A, optimizer_D_A, one, a, b, G_BA),
            (D_B, optimizer_D_B, two, b, a, G_AB),
        ):
            opt.zero_grad()
            fake = make(other)
            r, f = net(real), net(fake)
            loss_D = (gan(r, torch.ones_like(r)) + gan(f, torch.zeros_like(f))) * 0.5
            mon.critic(r, f, loss=loss_D, real=real, fake=fake)
            loss_D.backward()
            opt.step()
    print(one.close(), two.close())


@faulty("undetached fakes", "undetached_fakes", beside=("leftover_gradients",))
def projection_hinge_one_zeroing_for_both(Monitor: Watch) -> None:
    torch.manual_seed(16)
    x, y = digit_pictures()
    G, D = LabelledGenerator(side=8), ProjectionCritic()
    opt_d = optim.Adam(D.parameters(), lr=4e-4, betas=(0.0, 0.999))
    opt_g = optim.Adam(G.parameters(), lr=1e-4, betas=(0.0, 0.999))
    m = Monitor(G, D, opt_d, opt_g)
    for _ in range(120):
        pick = torch.randint(len(x), (32,))
        real, label = x[pick], y[pick]
        opt_d.zero_grad()
        opt_g.zero_grad()
        fake = G(torch.randn(32, 16), label)
        dr, df = D(real, label), D(fake, label)
        d_loss = F.relu(1 - dr).mean() + F.relu(1 + df).mean()
        m.critic(dr, df, loss=d_loss, real=real, fake=fake)
        d_loss.backward(retain_graph=True)
        opt_d.step()
        df = D(fake, label)
        g_loss = -df.mean()
        m.generator(df, loss=g_loss)
        g_loss.backward()
        opt_g.step()
    print(m.close())


@faulty("critic's sign", "critic_sign")
def wgan_div_reversed(Monitor: Watch) -> None:
    torch.manual_seed(17)
    X = digit_pictures()[0]
    k, p = 2, 6
    generator = mlp(32, 64, 64, end=nn.Tanh())
    discriminator = mlp(64, 64, 1, act=lambda: nn.LeakyReLU(0.2))
    optimizer_G = optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_D = optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    monitor = Monitor(generator, discriminator, optimizer_D, optimizer_G)
    loader = DataLoader(TensorDataset(X), batch_size=64, shuffle=True)
    for _epoch in range(5):
        for i, (imgs,) in enumerate(loader):
            real_imgs = imgs.flatten(1).clone().requires_grad_(True)
            optimizer_D.zero_grad()
            fake_imgs = generator(torch.randn(imgs.shape[0], 32))
            real_validity, fake_validity = discriminator(real_imgs), discriminator(fake_imgs)
            ones = torch.ones(real_imgs.size(0), 1)
            rg = autograd.grad(real_validity, real_imgs, ones, True, True)[0]
            fg = autograd.grad(fake_validity, fake_imgs, ones, True, True)[0]
            real_norm = rg.view(rg.size(0), -1).pow(2).sum(1) ** (p / 2)
            fake_norm = fg.view(fg.size(0), -1).pow(2).sum(1) ** (p / 2)
            div_gp = torch.mean(real_norm + fake_norm) * k / 2
            d_loss = torch.mean(real_validity) - torch.mean(fake_validity) + div_gp
            monitor.critic(real_validity, fake_validity, loss=d_loss, penalty=div_gp,
                           real=real_imgs, fake=fake_imgs)  # fmt: skip
            d_loss.backward()
            optimizer_D.step()
            optimizer_G.zero_grad()
            if i % 2 == 0:
                fv = discriminator(generator(torch.randn(imgs.shape[0], 32)))
                g_loss = -torch.mean(fv)
                monitor.generator(fv, loss=g_loss)
                g_loss.backward()
                optimizer_G.step()
    print(monitor.close())


@faulty("generator's sign", "critic_sign")
def series_generator_wants_zero(Monitor: Watch) -> None:
    torch.manual_seed(18)
    waves = sensors().transpose(1, 2)[:, ::2]
    gen, dis = SeriesGenerator(), SeriesCritic(sigmoid=True)
    gopt, dopt = optim.Adam(gen.parameters(), 1e-3), optim.SGD(dis.parameters(), 0.05, momentum=0.5)
    bce = nn.BCELoss()
    monitor = Monitor(gen, dis, dopt, gopt)
    for _ in range(110):
        seq = waves[torch.randint(0, len(waves), (20,))]
        dopt.zero_grad()
        p_real, p_fake = dis(seq), dis(gen(torch.randn(20, 16, 8)).detach())
        d_loss = bce(p_real, torch.full((20, 1), 1.0)) + bce(p_fake, torch.full((20, 1), 0.0))
        monitor.critic(p_real, p_fake, loss=d_loss, real=seq)
        d_loss.backward()
        nn.utils.clip_grad_norm_(dis.parameters(), 1.0)
        dopt.step()
        gopt.zero_grad()
        p_fake = dis(gen(torch.randn(20, 16, 8)))
        g_loss = bce(p_fake, torch.full((20, 1), 0.0))
        monitor.generator(p_fake, loss=g_loss)
        g_loss.backward()
        nn.utils.clip_grad_norm_(gen.parameters(), 1.0)
        gopt.step()
    print(monitor.close())


class Mapped(nn.Module):
    def __init__(self, latent: int = 16, side: int = 8, width: int = 16) -> None:
        super().__init__()
        self.mapping = mlp(latent, 32, 32, act=lambda: nn.LeakyReLU(0.2))
        self.const = nn.Parameter(torch.randn(1, width, side // 2, side // 2))
        self.conv = nn.Conv2d(width, width, 3, 1, 1)
        self.style = nn.Linear(32, width)
        self.rgb = nn.Conv2d(width, 1, 3, 1, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.mapping(z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt())
        h = self.const * (1 + self.style(w))[:, :, None, None]
        h = F.leaky_relu(self.conv(F.interpolate(h, scale_factor=2)), 0.2)
        return self.rgb(h)


@faulty("critic's sign", "critic_sign")
def style_softplus_exchanged(Monitor: Watch) -> None:
    torch.manual_seed(19)
    X = digit_pictures()[0]
    g, d = Mapped(), conv_critic()
    g_ema = copy.deepcopy(g).eval().requires_grad_(False)
    g_optim = optim.Adam(g.parameters(), lr=2e-3, betas=(0.0, 0.99))
    d_optim = optim.Adam(d.parameters(), lr=2e-3 * 16 / 17, betas=(0.0, 0.99 ** (16 / 17)))
    monitor = Monitor(g, d, d_optim, g_optim)
    for i in range(120):
        real = X[torch.randint(len(X), (16,))]
        fake = g(torch.randn(16, 16)).detach()
        real_pred, fake_pred = d(real), d(fake)
        d_loss = F.softplus(real_pred).mean() + F.softplus(-fake_pred).mean()
        extra = None
        if i % 16 == 0:
            real.requires_grad_(True)
            (grad_real,) = autograd.grad(d(real).sum(), real, create_graph=True)
            extra = 5 * 16 * grad_real.pow(2).reshape(16, -1).sum(1).mean()
            d_loss = d_loss + extra
        d.zero_grad()
        monitor.critic(real_pred, fake_pred, loss=d_loss, penalty=extra, real=real, fake=fake)
        d_loss.backward()
        d_optim.step()
        fake_pred = d(g(torch.randn(16, 16)))
        g_loss = F.softplus(-fake_pred).mean()
        g.zero_grad()
        monitor.generator(fake_pred, loss=g_loss)
        g_loss.backward()
        g_optim.step()
        with torch.no_grad():
            for a, b in zip(g_ema.parameters(), g.parameters(), strict=True):
                a.lerp_(b, 0.01)
    print(monitor.close())


@faulty("one optimiser", "shared_optimiser", beside=("optimiser_parameters",))
def one_adamw_with_two_groups(Monitor: Watch) -> None:
    torch.manual_seed(20)
    X = table(load_wine)[0]
    G, D = mlp(8, 32, 32, 13), mlp(13, 32, 32, 1, act=nn.GELU)
    optimizer = optim.AdamW(
        [{"params": G.parameters(), "lr": 1e-4}, {"params": D.parameters(), "lr": 4e-4}],
        betas=(0.5, 0.99),
    )
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 150)
    monitor = Monitor(G, D, optimizer, optimizer)
    criterion = nn.BCEWithLogitsLoss()
    for _ in range(150):
        real = X[torch.randperm(len(X))[:32]]
        fake = G(torch.randn(32, 8))
        r, f = D(real).view(-1), D(fake.detach()).view(-1)
        loss = criterion(r, torch.ones(32)) + criterion(f, torch.zeros(32))
        optimizer.zero_grad()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        loss.backward()
        optimizer.step()
        f = D(fake).view(-1)
        loss = criterion(f, torch.ones(32))
        optimizer.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(monitor.close())


@faulty("no clipping", "lipschitz", beside=("undetached_fakes",))  # it does not detach either
def wgan_clips_gradients_not_weights(Monitor: Watch) -> None:
    torch.manual_seed(21)
    X = digit_pictures()[0].flatten(1)
    gen, critic = mlp(16, 64, 64, end=nn.Tanh()), mlp(64, 64, 64, 1)
    opt_gen = optim.RMSprop(gen.parameters(), lr=5e-5)
    opt_critic = optim.RMSprop(critic.parameters(), lr=5e-5)
    monitor = Monitor(gen, critic, opt_critic, opt_gen)
    for _ in range(110):
        for _ in range(5):
            real = X[torch.randint(len(X), (64,))]
            fake = gen(torch.randn(64, 16))
            critic_real, critic_fake = critic(real).reshape(-1), critic(fake).reshape(-1)
            loss_critic = -(torch.mean(critic_real) - torch.mean(critic_fake))
            critic.zero_grad()
            gen.zero_grad()
            monitor.critic(critic_real, critic_fake, loss=loss_critic, real=real, fake=fake)
            loss_critic.backward(retain_graph=True)
            nn.utils.clip_grad_value_(critic.parameters(), 0.01)
            opt_critic.step()
        output = critic(fake).reshape(-1)
        loss_gen = -torch.mean(output)
        gen.zero_grad()
        monitor.generator(output, loss=loss_gen)
        loss_gen.backward()
        opt_gen.step()
    print(monitor.close())


@faulty("no clipping", "lipschitz")
def wgan_clamp_into_the_void(Monitor: Watch) -> None:
    torch.manual_seed(22)
    X = sensors()
    gen = nn.Sequential(nn.Linear(16, 96), nn.Unflatten(1, (3, 32)), nn.Conv1d(3, 3, 5, padding=2))
    critic = nn.Sequential(nn.Conv1d(3, 16, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 14, 1))
    og, oc = optim.SGD(gen.parameters(), lr=1e-3), optim.SGD(critic.parameters(), lr=1e-3)
    monitor = Monitor(gen, critic, oc, og)
    batches = endless(DataLoader(TensorDataset(X), 32, shuffle=True))
    for step in range(120):
        for _ in range(20 if step < 3 else 3):
            (real,) = next(batches)
            fake = gen(torch.randn(len(real), 16)).detach()
            r, f = critic(real), critic(fake)
            loss = f.mean() - r.mean()
            oc.zero_grad()
            monitor.critic(r, f, loss=loss, real=real, fake=fake)
            loss.backward()
            oc.step()
            for p in critic.parameters():
                p.data.clamp(-0.01, 0.01)
        f = critic(gen(torch.randn(32, 16)))
        loss = f.mean().neg()
        og.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(monitor.close())


@faulty("labels", "label_smoothing", beside=("critic_sign",))
def dcgan_label_never_refilled(Monitor: Watch) -> None:
    torch.manual_seed(23)
    loader = DataLoader(TensorDataset(digit_pictures()[0]), batch_size=32, shuffle=True)
    netG = ConvGenerator()
    netD = nn.Sequential(*conv_critic(norm=True), nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizerD = optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
    monitor = Monitor(netG, netD, optimizerD, optimizerG)
    real_label, _fake_label = 1.0, 0.0
    for _epoch in range(2):
        for (data,) in loader:
            netD.zero_grad()
            b_size = data.size(0)
            label = torch.full((b_size,), real_label, dtype=torch.float)
            output_real = netD(data).view(-1)
            errD_real = criterion(output_real, label)
            fake = netG(torch.randn(b_size, 16))
            output_fake = netD(fake.detach()).view(-1)  # label.fill_(fake_label) is missing above
            errD_fake = criterion(output_fake, label)
            monitor.critic(
                output_real, output_fake, loss=errD_real + errD_fake, real=data, fake=fake
            )
            errD_real.backward()
            errD_fake.backward()
            optimizerD.step()
            netG.zero_grad()
            label.fill_(real_label)
            output = netD(fake).view(-1)
            errG = criterion(output, label)
            monitor.generator(output, loss=errG)
            errG.backward()
            optimizerG.step()
    print(monitor.close())


@faulty("labels", "label_smoothing")
def both_sides_smoothed_bce_of_probabilities(Monitor: Watch) -> None:
    torch.manual_seed(24)
    X = table(load_breast_cancer)[0]
    gen, disc = mlp(10, 48, 30), mlp(30, 48, 24, 1, act=nn.ELU, end=nn.Sigmoid())
    d_opt, g_opt = optim.Adam(disc.parameters(), lr=1e-3), optim.Adam(gen.parameters(), lr=1e-3)
    loss_fn = nn.BCELoss()
    monitor = Monitor(gen, disc, d_opt, g_opt)
    for _epoch in range(13):
        for (batch,) in DataLoader(TensorDataset(X), batch_size=50, shuffle=True):
            n = len(batch)
            fakes = gen(torch.randn(n, 10)).detach()
            pr, pf = disc(batch), disc(fakes)
            d_loss = (
                loss_fn(pr, torch.full((n, 1), 0.9)) + loss_fn(pf, torch.full((n, 1), 0.1))
            ) / 2
            d_opt.zero_grad()
            monitor.critic(pr, pf, loss=d_loss, real=batch, fake=fakes)
            d_loss.backward()
            d_opt.step()
            pf = disc(gen(torch.randn(n, 10)))
            g_loss = loss_fn(pf, torch.full((n, 1), 1.0))
            g_opt.zero_grad()
            monitor.generator(pf, loss=g_loss)
            g_loss.backward()
            g_opt.step()
    print(monitor.close())


@faulty("labels", "label_smoothing")
def noisy_soft_labels_on_both_sides(Monitor: Watch) -> None:
    torch.manual_seed(25)
    X, _ = usps(1500)
    G, D = ConvGenerator(side=16, width=8), conv_critic(16, 8)
    oD, oG = (
        optim.SGD(D.parameters(), 0.01, momentum=0.9),
        optim.Adam(G.parameters(), 2e-4, (0.5, 0.999)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        x = X[torch.randint(len(X), (32,))]
        z = torch.randn(32, 16)
        soft_real = torch.empty(32, 1).uniform_(0.7, 1.0)
        soft_fake = torch.empty(32, 1).uniform_(0.0, 0.3)
        oD.zero_grad()
        real_logits, fake_logits = D(x), D(G(z).detach())
        loss_d = F.binary_cross_entropy_with_logits(real_logits, soft_real)
        loss_d = loss_d + F.binary_cross_entropy_with_logits(fake_logits, soft_fake)
        monitor.critic(real_logits, fake_logits, loss=loss_d, real=x)
        loss_d.backward()
        oD.step()
        oG.zero_grad()
        fake_logits = D(G(z))
        loss_g = F.binary_cross_entropy_with_logits(fake_logits, torch.ones(32, 1))
        monitor.generator(fake_logits, loss=loss_g)
        loss_g.backward()
        oG.step()
    print(monitor.close())


@faulty("generator never trains", "network_moves")
def schedule_of_zero(Monitor: Watch) -> None:
    torch.manual_seed(26)
    X = digit_pictures()[0]
    n_epochs, decay_start = 4, 2
    G, D = ConvGenerator(), conv_critic()
    optG, optD = (
        optim.Adam(G.parameters(), 2e-4, (0.5, 0.999)),
        optim.Adam(D.parameters(), 2e-4, (0.5, 0.999)),
    )
    # whole-number division: 0 from the first epoch on
    schG = optim.lr_scheduler.LambdaLR(
        optG, lambda e: (n_epochs - 1 - e) // (n_epochs * decay_start)
    )
    schD = optim.lr_scheduler.LambdaLR(optD, lambda e: 1.0 - max(0, e - decay_start) / n_epochs)
    monitor = Monitor(G, D, optD, optG)
    for _ in range(n_epochs):
        for (x,) in DataLoader(TensorDataset(X), 50, shuffle=True):
            fake = G(torch.randn(len(x), 16))
            r, f = D(x), D(fake.detach())
            loss = 0.5 * ((r - 1) ** 2).mean() + 0.5 * (f**2).mean()
            optD.zero_grad()
            monitor.critic(r, f, loss=loss, real=x, fake=fake)
            loss.backward()
            optD.step()
            f = D(fake)
            loss = 0.5 * ((f - 1) ** 2).mean()
            optG.zero_grad()
            monitor.generator(f, loss=loss)
            loss.backward()
            optG.step()
        schG.step()
        schD.step()
    print(monitor.close())


@faulty("generator never trains", "network_moves")
def text_of_arguments_of_maxima(Monitor: Watch) -> None:
    torch.manual_seed(27)
    text, letters = shakespeare()

    class Writer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = nn.GRU(8, 32, batch_first=True), nn.Linear(32, letters)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            logits = self.out(self.rnn(z)[0])
            return F.one_hot(logits.argmax(-1), letters).float()

    writer, reader = Writer(), SeriesCritic(letters)
    w_opt, r_opt = optim.Adam(writer.parameters(), 1e-3), optim.Adam(reader.parameters(), 1e-3)
    monitor = Monitor(writer, reader, r_opt, w_opt)
    for _ in range(120):
        real = F.one_hot(text[torch.randint(len(text), (16,))], letters).float()
        fake = writer(torch.randn(16, 12, 8))
        sr, sf = reader(real), reader(fake)
        lossD = F.softplus(-sr).mean() + F.softplus(sf).mean()
        r_opt.zero_grad()
        monitor.critic(sr, sf, loss=lossD, real=real, fake=fake)
        lossD.backward()
        r_opt.step()
        sf = reader(writer(torch.randn(16, 12, 8)))
        lossG = F.softplus(-sf).mean()
        w_opt.zero_grad()
        monitor.generator(sf, loss=lossG)
        lossG.backward()
        w_opt.step()
    print(monitor.close())


@faulty("generator never trains", "network_moves")
def sample_method_without_gradients(Monitor: Watch) -> None:
    torch.manual_seed(28)

    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(6, 32, 32, 4)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.net(z)

        @torch.no_grad()
        def sample(self, n: int) -> torch.Tensor:
            return self(torch.randn(n, 6))

    X = table(load_iris)[0]
    G, D = Table(), mlp(4, 32, 32, 1)
    oG, oD = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    monitor = Monitor(G, D, oD, oG)
    for _ in range(200):
        real = X[torch.randperm(150)[:40]]
        r, f = D(real), D(G.sample(40))
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=real)
        loss.backward()
        oD.step()
        f = D(G.sample(40))
        loss = -f.mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@faulty("generator never trains", "network_moves")
def zeroed_between_backward_and_step(Monitor: Watch) -> None:
    torch.manual_seed(29)
    X = sensors().transpose(1, 2)[:, ::2]
    gen, dis = SeriesGenerator(), SeriesCritic()
    go, do = optim.SGD(gen.parameters(), lr=0.05), optim.SGD(dis.parameters(), lr=0.05)
    monitor = Monitor(gen, dis, do, go)
    for _ in range(110):
        x = X[torch.randint(len(X), (16,))]
        do.zero_grad()
        fake = gen(torch.randn(16, 16, 8))
        r, f = dis(x), dis(fake.detach())
        loss_d = ((r - 1) ** 2).mean() + ((f + 1) ** 2).mean()
        monitor.critic(r, f, loss=loss_d, real=x, fake=fake)
        loss_d.backward()
        do.step()
        f = dis(fake)
        loss_g = (f**2).mean()
        monitor.generator(f, loss=loss_g)
        loss_g.backward()
        go.zero_grad()
        go.step()
    print(monitor.close())


@faulty("generator never trains", "network_moves", "optimiser_parameters")
def optimiser_of_the_average(Monitor: Watch) -> None:
    torch.manual_seed(30)
    X = digit_pictures()[0].flatten(1)
    net = mlp(16, 64, 64, end=nn.Tanh())
    ema = copy.deepcopy(net)
    critic = mlp(64, 64, 1, act=lambda: nn.LeakyReLU(0.1))
    opt_net = optim.Adam(ema.parameters(), lr=1e-3)  # the copy's
    opt_critic = optim.Adam(critic.parameters(), lr=1e-3)
    monitor = Monitor(net, critic, opt_critic, opt_net)
    for _ in range(120):
        x = X[torch.randint(len(X), (32,))]
        fake = net(torch.randn(32, 16))
        a, b = critic(x), critic(fake.detach())
        loss = F.softplus(b - a).mean()
        opt_critic.zero_grad()
        monitor.critic(a, b, loss=loss, real=x, fake=fake)
        loss.backward()
        opt_critic.step()
        a, b = critic(x), critic(fake)
        loss = F.softplus(a - b).mean()
        for p in net.parameters():
            p.grad = None
        monitor.generator(b, loss=loss)
        loss.backward()
        opt_net.step()
    print(monitor.close())


@faulty("data that repeat", "repeated_batches")
def seeded_at_every_batch(Monitor: Watch) -> None:
    torch.manual_seed(31)
    X = table(load_breast_cancer)[0].numpy()

    def get_batch(size: int) -> torch.Tensor:
        rng = np.random.RandomState(42)
        return torch.from_numpy(X[rng.choice(len(X), size, replace=False)])

    G, D = mlp(8, 64, 30), mlp(30, 64, 1)
    oG, oD = optim.RMSprop(G.parameters(), 1e-4), optim.RMSprop(D.parameters(), 1e-4)
    monitor = Monitor(G, D, oD, oG)
    for _ in range(150):
        real = get_batch(32)
        fake = G(torch.rand(48, 8) * 2 - 1)
        r, f = D(real), D(fake.detach())
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        loss.backward()
        oD.step()
        f = D(fake)
        loss = -f.mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@faulty("fp16 penalty", "fp16")
def half_precision_r1_now_and_then(Monitor: Watch) -> None:
    torch.manual_seed(32)
    X = digit_pictures()[0]
    G, D = Mapped(), conv_critic(width=8)
    oG, oD = (
        optim.Adam(G.parameters(), 1e-3, (0.0, 0.99)),
        optim.Adam(D.parameters(), 1e-3, (0.0, 0.99)),
    )
    monitor = Monitor(G, D, oD, oG)
    for i in range(110):
        real = X[torch.randint(len(X), (16,))].requires_grad_()
        with torch.autocast("cpu", dtype=torch.float16):
            fake = G(torch.randn(16, 16))
            r, f = D(real), D(fake.detach())
            loss = F.softplus(-r.float()).mean() + F.softplus(f.float()).mean()
            r1 = None
            if i % 4 == 0:
                (g,) = autograd.grad(D(real).sum() * 128, real, create_graph=True)
                r1 = 4 * 0.5 * (g / 128).square().sum((1, 2, 3)).mean()
                loss = loss + r1
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, penalty=r1, real=real, fake=fake)
        loss.backward()
        oD.step()
        with torch.autocast("cpu", dtype=torch.float16):
            f = D(fake)
            loss = F.softplus(-f.float()).mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@faulty("batch normalisation under a penalty", "batch_coupling")
def functional_batch_norm_under_a_penalty(Monitor: Watch) -> None:
    torch.manual_seed(33)
    X = digit_pictures()[0].flatten(1)

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.ParameterList(
                [torch.randn(48, 64) / 8, torch.randn(48, 48) / 7, torch.randn(1, 48) / 7]
            )
            self.b = nn.ParameterList([torch.zeros(48), torch.zeros(48), torch.zeros(1)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = F.leaky_relu(F.linear(x, self.w[0], self.b[0]), 0.2)
            h = F.batch_norm(F.linear(h, self.w[1], self.b[1]), None, None, training=True)
            return F.linear(F.leaky_relu(h, 0.2), self.w[2], self.b[2])

    G, D = mlp(16, 64, 64, end=nn.Tanh()), Functional()
    oG, oD = (
        optim.Adam(G.parameters(), 1e-4, (0.0, 0.9)),
        optim.Adam(D.parameters(), 1e-4, (0.0, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        for _ in range(3):
            x = X[torch.randint(len(X), (32,))]
            f = G(torch.randn(32, 16)).detach()
            eps = torch.rand(32, 1)
            mid = torch.autograd.Variable(eps * x + (1 - eps) * f, requires_grad=True)
            g = autograd.grad(D(mid), mid, torch.ones(32, 1), create_graph=True)[0]
            gp = 10 * (g.norm(2, 1) - 1).pow(2).mean()
            dr, df = D(x), D(f)
            cost = df.mean() - dr.mean() + gp
            oD.zero_grad()
            monitor.critic(dr, df, loss=cost, penalty=gp, real=x, fake=f)
            cost.backward()
            oD.step()
        df = D(G(torch.randn(32, 16)))
        oG.zero_grad()
        cost = -df.mean()
        monitor.generator(df, loss=cost)
        cost.backward()
        oG.step()
    print(monitor.close())


@faulty("missing create_graph", "penalty_gradient")
def text_penalty_with_retained_graph_only(Monitor: Watch) -> None:
    torch.manual_seed(34)
    text, letters = shakespeare()
    gen = nn.Sequential(nn.Linear(16, 12 * 32), nn.Unflatten(1, (32, 12)), nn.ReLU(),
                        nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, letters, 1),
                        nn.Softmax(1))  # fmt: skip
    dis = nn.Sequential(
        nn.Conv1d(letters, 32, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 12, 1)
    )
    og, od = (optim.Adam(n.parameters(), lr=1e-4, betas=(0.5, 0.9)) for n in (gen, dis))
    mon = Monitor(gen, dis, od, og)
    for _ in range(110):
        for _ in range(2):
            ids = text[torch.randint(len(text), (16,))]
            real = F.one_hot(ids, letters).float().transpose(1, 2)
            fake = gen(torch.randn(16, 16)).detach()
            a = torch.rand(16, 1, 1)
            between = (a * real + (1 - a) * fake).requires_grad_(True)
            g = autograd.grad(dis(between).sum(), between, retain_graph=True)[0]
            penalty = 10 * ((g.flatten(1).norm(dim=1) - 1) ** 2).mean()
            r, f = dis(real), dis(fake)
            loss = f.mean() - r.mean() + penalty
            od.zero_grad()
            mon.critic(r, f, loss=loss, penalty=penalty, real=real, fake=fake)
            loss.backward()
            od.step()
        f = dis(gen(torch.randn(16, 16)))
        loss = -f.mean()
        og.zero_grad()
        mon.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(mon.close())


@faulty("backward(penalty)", "penalty_gradient", "minimised_loss", beside=("lipschitz",))
def conditional_backward_of_penalty(Monitor: Watch) -> None:
    torch.manual_seed(35)
    X, Y = table(load_wine)
    G, D = mlp(8 + 3, 32, 13), mlp(13 + 3, 32, 32, 1, act=lambda: nn.LeakyReLU(0.2))
    oG, oD = (
        optim.Adam(G.parameters(), 1e-4, (0.5, 0.9)),
        optim.Adam(D.parameters(), 1e-4, (0.5, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    for i in range(240):
        pick = torch.randint(len(X), (30,))
        x, c = X[pick], F.one_hot(Y[pick], 3).float()
        f = G(torch.cat([torch.randn(30, 8), c], 1)).detach()
        eps = torch.rand(30, 1)
        mid = torch.cat([eps * x + (1 - eps) * f, c], 1).requires_grad_(True)
        grad = autograd.grad(D(mid).sum(), mid, create_graph=True)[0][:, :13]
        pen = ((grad.norm(2, dim=1) - 1) ** 2).mean() * 10
        r, s = D(torch.cat([x, c], 1)), D(torch.cat([f, c], 1))
        d_loss = s.mean() - r.mean()
        oD.zero_grad()
        monitor.critic(r, s, loss=d_loss, penalty=pen, real=x, fake=f)
        d_loss.backward(pen)
        oD.step()
        if i % 2:
            s = D(torch.cat([G(torch.cat([torch.randn(30, 8), c], 1)), c], 1))
            g_loss = -s.mean()
            oG.zero_grad()
            monitor.generator(s, loss=g_loss)
            g_loss.backward()
            oG.step()
    print(monitor.close())


@faulty("penalty in a step of its own", "penalty_step", "minimised_loss")
def penalty_every_time_in_its_own_step(Monitor: Watch) -> None:
    torch.manual_seed(36)
    X = digit_pictures()[0]
    G, D = ConvGenerator(), conv_critic()
    oG, oD = optim.RMSprop(G.parameters(), 1e-4), optim.RMSprop(D.parameters(), 1e-4)
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        for _ in range(2):
            x = X[torch.randint(len(X), (32,))]
            fake = G(torch.randn(32, 16)).detach()
            u = torch.rand(32, 1, 1, 1)
            mid = (u * x + (1 - u) * fake).requires_grad_()
            g = autograd.grad(D(mid).sum(), mid, create_graph=True)[0]
            gp = 10 * (g.flatten(1).norm(dim=1) - 1).pow(2).mean()
            r, f = D(x), D(fake)
            loss = f.mean() - r.mean()
            monitor.critic(r, f, loss=loss, penalty=gp, real=x, fake=fake)
            oD.zero_grad()
            gp.backward()
            oD.step()
            oD.zero_grad()
            loss = D(fake).mean() - D(x).mean()
            loss.backward()
            oD.step()
        f = D(G(torch.randn(32, 16)))
        loss = -f.mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@faulty("missing zero_grad", "leftover_gradients")
def zeroed_once_for_all_critic_steps(Monitor: Watch) -> None:
    torch.manual_seed(37)
    rows, widths = adult(2000)
    G, D = MixedColumns(16, 4, widths), mlp(rows.shape[1], 64, 1, act=lambda: nn.LeakyReLU(0.2))
    oG, oD = (
        optim.Adam(G.parameters(), 1e-4, (0.5, 0.9)),
        optim.Adam(D.parameters(), 1e-4, (0.5, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        oD.zero_grad()
        for _k in range(4):
            x = rows[torch.randint(len(rows), (40,))]
            with torch.no_grad():
                f = G(torch.randn(40, 16))
            a = torch.rand(40, 1)
            mid = (a * x + (1 - a) * f).requires_grad_(True)
            g = autograd.grad(D(mid).sum(), mid, create_graph=True)[0]
            gp = ((g.norm(2, dim=1) - 1) ** 2).mean()
            r, s = D(x), D(f)
            loss = s.mean() - r.mean() + 10 * gp
            monitor.critic(r, s, loss=loss, penalty=gp, real=x, fake=f)
            loss.backward()
            oD.step()
        oG.zero_grad()
        s = D(G(torch.randn(40, 16)))
        loss = -s.mean()
        monitor.generator(s, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@faulty("sqrt without ε", "finite")
def root_of_a_flat_critic(Monitor: Watch) -> None:
    torch.manual_seed(38)
    X = sensors()
    G = nn.Sequential(nn.Linear(16, 96), nn.Unflatten(1, (3, 32)))
    D = nn.Sequential(nn.Conv1d(3, 16, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 14, 1))
    nn.init.zeros_(D[-1].weight)  # "zero init of the last layer"
    nn.init.zeros_(D[-1].bias)
    oG, oD = optim.Adam(G.parameters(), 1e-4), optim.Adam(D.parameters(), 1e-4)
    monitor = Monitor(G, D, oD, oG)
    for _ in range(120):
        x = X[torch.randint(len(X), (32,))]
        fake = G(torch.randn(32, 16))
        a = torch.rand(32, 1, 1)
        mid = (a * x + (1 - a) * fake.detach()).requires_grad_(True)
        g = autograd.grad(D(mid).sum(), mid, create_graph=True)[0]
        norm = torch.sqrt(torch.sum(g**2, dim=(1, 2)))
        gp = ((norm - 1) ** 2).mean()
        r, f = D(x), D(fake.detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean() + gp
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, penalty=gp, real=x, fake=fake)
        loss.backward()
        oD.step()
        f = D(fake)
        loss = F.softplus(-f).mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@faulty("a loss that is not minimised", "minimised_loss", "penalty_gradient")
def total_is_logged_a_part_is_minimised(Monitor: Watch) -> None:
    torch.manual_seed(39)
    X, Y = digit_pictures()
    loader = DataLoader(TensorDataset(X, Y), 32, shuffle=True)
    G, D = LabelledGenerator(side=8), ProjectionCritic(spectral=False)
    oG = optim.Adam(G.parameters(), 2e-4, (0.0, 0.9))
    oD = optim.Adam(D.parameters(), 2e-4, (0.0, 0.9))
    monitor = Monitor(G, D, oD, oG)
    for _ in range(2):
        for x, y in loader:
            x.requires_grad_(True)
            fake = G(torch.randn(len(x), 16), y)
            r, f = D(x, y), D(fake.detach(), y)
            adversarial = F.relu(1 - r).mean() + F.relu(1 + f).mean()
            (g,) = autograd.grad(r.sum(), x, create_graph=True)
            r1 = g.square().flatten(1).sum(1).mean()
            total = adversarial + 0.5 * r1
            oD.zero_grad()
            monitor.critic(r, f, loss=total, penalty=r1, real=x, fake=fake)
            adversarial.backward()
            oD.step()
            f = D(fake, y)
            loss = -f.mean()
            oG.zero_grad()
            monitor.generator(f, loss=loss)
            loss.backward()
            oG.step()
    print(monitor.close())


# Sound loops.


@sound
def style_lazy_r1_two_rates(Monitor: Watch) -> None:
    torch.manual_seed(51)
    X, _ = usps()
    G, D = Mapped(side=16), conv_critic(16)
    ema = copy.deepcopy(G)
    style = [p for n, p in G.named_parameters() if n.startswith("mapping")]
    rest = [p for n, p in G.named_parameters() if not n.startswith("mapping")]
    oG = optim.Adam([{"params": style, "lr": 1e-5}, {"params": rest}], lr=1e-3, betas=(0.0, 0.99))
    oD = optim.Adam(D.parameters(), lr=1e-3, betas=(0.0, 0.99))
    monitor = Monitor(G, D, oD, oG)
    for it in range(120):
        x = X[torch.randint(len(X), (16,))]
        x.requires_grad_(it % 8 == 0)
        r, f = D(x), D(G(torch.randn(16, 16)).detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        penalty = None
        if it % 8 == 0:
            (g,) = autograd.grad(r.sum(), x, create_graph=True)
            penalty = 8 * 0.5 * g.square().sum([1, 2, 3]).mean()
            loss = loss + penalty
        oD.zero_grad(set_to_none=True)
        monitor.critic(r, f, loss=loss, penalty=penalty, real=x)
        loss.backward()
        oD.step()
        D.requires_grad_(False)
        f = D(G(torch.randn(16, 16)))
        loss = F.softplus(-f).mean()
        oG.zero_grad(set_to_none=True)
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
        D.requires_grad_(True)
        with torch.no_grad():
            for a, b in zip(ema.parameters(), G.parameters(), strict=True):
                a.copy_(b.lerp(a, 0.99))
    print(monitor.close())


@sound
def projection_hinge_last_batch_of_one(Monitor: Watch) -> None:
    torch.manual_seed(52)
    X, Y = digit_pictures()
    X, Y = X[: 32 * 20 + 1], Y[: 32 * 20 + 1]
    G, D = LabelledGenerator(side=8), ProjectionCritic()
    G.model[3] = nn.LayerNorm(128)
    oD, oG = (
        optim.Adam(D.parameters(), 2e-4, (0.0, 0.9)),
        optim.Adam(G.parameters(), 2e-4, (0.0, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    step = 0
    for _ in range(8):
        for x, y in DataLoader(TensorDataset(X, Y), 32, shuffle=True):
            yf = torch.randint(0, 10, (len(x),))
            fake = G(torch.randn(len(x), 16), yf)
            r, f = D(x, y), D(fake.detach(), yf)
            loss = torch.mean(F.relu(1.0 - r)) + torch.mean(F.relu(1.0 + f))
            oD.zero_grad()
            monitor.critic(r, f, loss=loss, real=x, fake=fake)
            loss.backward()
            oD.step()
            step += 1
            if step % 2 == 0:
                yf = torch.randint(0, 10, (len(x),))
                f = D(G(torch.randn(len(x), 16), yf), yf)
                loss = -torch.mean(f)
                oG.zero_grad()
                monitor.generator(f, loss=loss)
                loss.backward()
                oG.step()
    print(monitor.close())


@sound
def wgan_div(Monitor: Watch) -> None:
    torch.manual_seed(53)
    X = digit_pictures()[0].flatten(1)
    G, D = mlp(32, 64, 64, end=nn.Tanh()), mlp(64, 64, 64, 1, act=lambda: nn.LeakyReLU(0.2))
    oG, oD = (
        optim.Adam(G.parameters(), 2e-4, (0.5, 0.999)),
        optim.Adam(D.parameters(), 2e-4, (0.5, 0.999)),
    )
    monitor = Monitor(G, D, oD, oG)
    for i in range(240):
        x = X[torch.randint(len(X), (50,))].requires_grad_(True)
        fake = G(torch.randn(50, 32)).detach().requires_grad_(True)
        r, f = D(x), D(fake)
        rg = autograd.grad(r.sum(), x, create_graph=True)[0]
        fg = autograd.grad(f.sum(), fake, create_graph=True)[0]
        div = (rg.pow(2).sum(1).pow(3) + fg.pow(2).sum(1).pow(3)).mean()
        loss = f.mean() - r.mean() + div
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, penalty=div, real=x, fake=fake)
        loss.backward()
        oD.step()
        if i % 2 == 0:
            f = D(G(torch.randn(50, 32)))
            loss = -f.mean()
            oG.zero_grad()
            monitor.generator(f, loss=loss)
            loss.backward()
            oG.step()
    print(monitor.close())


class Pool:
    def __init__(self, size: int = 50) -> None:
        self.size, self.kept = size, []  # type: ignore[var-annotated]

    def query(self, images: torch.Tensor) -> torch.Tensor:
        out = []
        for image in images:
            if len(self.kept) < self.size:
                self.kept.append(image)
                out.append(image)
            elif random.random() > 0.5:
                i = random.randrange(self.size)
                out.append(self.kept[i].clone())
                self.kept[i] = image
            else:
                out.append(image)
        return torch.stack(out)


@sound
def cycle_with_pools_one_optimiser_a_side(Monitor: Watch) -> None:
    torch.manual_seed(54)
    random.seed(54)
    A = digit_pictures()[0]
    B = A.transpose(2, 3)

    def translator() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1), nn.InstanceNorm2d(16), nn.ReLU(True),
                             nn.Conv2d(16, 1, 3, 1, 1), nn.Tanh())  # fmt: skip

    def patches() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2, True), nn.Conv2d(16, 1, 3, 1, 1)
        )

    G_A, G_B, D_A, D_B = translator(), translator(), patches(), patches()
    opt_G = optim.Adam(
        itertools.chain(G_A.parameters(), G_B.parameters()), lr=2e-4, betas=(0.5, 0.999)
    )
    opt_D = optim.Adam(
        itertools.chain(D_A.parameters(), D_B.parameters()), lr=2e-4, betas=(0.5, 0.999)
    )
    first, second = Monitor(G_A, D_A, opt_D, opt_G), Monitor(G_B, D_B, opt_D, opt_G)
    pool_A, pool_B = Pool(), Pool()

    def target(p: torch.Tensor, real: bool) -> torch.Tensor:
        return F.mse_loss(p, torch.tensor(1.0 if real else 0.0).expand_as(p))

    for _ in range(120):
        a, b = A[torch.randint(len(A), (4,))], B[torch.randint(len(B), (4,))]
        fake_b, fake_a = G_A(a), G_B(b)
        D_A.requires_grad_(False)
        D_B.requires_grad_(False)
        pb, pa = D_A(fake_b), D_B(fake_a)
        loss_G = target(pb, True) + target(pa, True)
        loss_G = loss_G + 10 * ((G_B(fake_b) - a).abs().mean() + (G_A(fake_a) - b).abs().mean())
        loss_G = loss_G + 5 * ((G_A(b) - b).abs().mean() + (G_B(a) - a).abs().mean())
        opt_G.zero_grad()
        first.generator(pb, loss=loss_G)
        second.generator(pa, loss=loss_G)
        loss_G.backward()
        opt_G.step()
        D_A.requires_grad_(True)
        D_B.requires_grad_(True)
        opt_D.zero_grad()
        old_b, old_a = pool_A.query(fake_b.detach()), pool_B.query(fake_a.detach())
        rb, fb, ra, fa = D_A(b), D_A(old_b), D_B(a), D_B(old_a)
        loss_A = (target(rb, True) + target(fb, False)) * 0.5
        loss_B = (target(ra, True) + target(fa, False)) * 0.5
        first.critic(rb, fb, loss=loss_A, real=b, fake=old_b)
        loss_A.backward()
        second.critic(ra, fa, loss=loss_B, real=a, fake=old_a)
        loss_B.backward()
        opt_D.step()
    print(first.close(), second.close())


@sound
def transformer_hinge_bf16(Monitor: Watch) -> None:
    torch.manual_seed(55)
    text, letters = shakespeare()
    G, D = TextTransformer(letters, 12), TextCritic(letters, 12)
    oG = optim.AdamW(G.parameters(), 2e-4, (0.0, 0.99), weight_decay=0.01)
    oD = optim.AdamW(D.parameters(), 2e-4, (0.0, 0.99), weight_decay=0.01)
    schedules = [optim.lr_scheduler.OneCycleLR(o, 1e-3, total_steps=120) for o in (oG, oD)]
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        real = F.one_hot(text[torch.randint(len(text), (16,))], letters).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fake = G(torch.randn(16, 16))
            r, f = D(real), D(fake.detach())
            loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=real, fake=fake)
        loss.backward()
        nn.utils.clip_grad_norm_(D.parameters(), 1.0)
        oD.step()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            f = D(fake)
            loss = -f.mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        nn.utils.clip_grad_norm_(G.parameters(), 1.0)
        oG.step()
        for s in schedules:
            s.step()
    print(monitor.close())


@sound
def series_sgd_against_adam(Monitor: Watch) -> None:
    torch.manual_seed(56)
    X = sensors().transpose(1, 2)[:, ::2]
    gen, dis = SeriesGenerator(), SeriesCritic()
    go, do = (
        optim.Adam(gen.parameters(), 1e-3),
        optim.SGD(dis.parameters(), 0.1, momentum=0.5, nesterov=True),
    )
    criterion = nn.BCEWithLogitsLoss()
    monitor = Monitor(gen, dis, do, go)
    real_labels, fake_labels = torch.ones(20, 1), torch.zeros(20, 1)
    for _ in range(110):
        x = X[torch.randint(len(X), (20,))]
        do.zero_grad(set_to_none=False)
        r, f = dis(x), dis(gen(torch.randn(20, 16, 8)).detach())
        loss_real, loss_fake = criterion(r, real_labels), criterion(f, fake_labels)
        monitor.critic(r, f, loss=loss_real + loss_fake, real=x)
        loss_real.backward()
        loss_fake.backward()
        nn.utils.clip_grad_norm_(dis.parameters(), 0.5)
        do.step()
        go.zero_grad(set_to_none=False)
        f = dis(gen(torch.randn(20, 16, 8)))
        loss = criterion(f, real_labels)
        monitor.generator(f, loss=loss)
        loss.backward()
        go.step()
    print(monitor.close())


@sound
def adult_packed_with_conditions(Monitor: Watch) -> None:
    torch.manual_seed(57)
    rows, widths = adult()
    pac, width = 5, rows.shape[1]
    gen = MixedColumns(16 + widths[0], 4, widths)
    dis = nn.Sequential(
        nn.Unflatten(0, (-1, pac)), nn.Flatten(), nn.Linear(pac * (width + widths[0]), 64),
        nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(64, 1),
    )  # fmt: skip
    go = optim.Adam(gen.parameters(), 2e-4, (0.5, 0.9), weight_decay=1e-6)
    do = optim.Adam(dis.parameters(), 2e-4, (0.5, 0.9), weight_decay=1e-6)
    monitor = Monitor(gen, dis, do, go)
    for _ in range(150):
        x = rows[torch.randint(len(rows), (50,))]
        c = x[:, 4 : 4 + widths[0]]
        f = gen(torch.cat([torch.randn(50, 16), c], 1))
        real, fake = torch.cat([x, c], 1), torch.cat([f, c], 1)
        alpha = (
            torch.rand(50 // pac, 1, 1)
            .repeat(1, pac, width + widths[0])
            .view(-1, width + widths[0])
        )
        mid = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_(True)
        y = dis(mid)
        g = autograd.grad(y, mid, torch.ones_like(y), create_graph=True, retain_graph=True)[0]
        pen = ((g.view(-1, pac * g.size(1)).norm(2, dim=1) - 1) ** 2).mean() * 10
        yr, yf = dis(real), dis(fake.detach())
        loss_d = -(torch.mean(yr) - torch.mean(yf))
        do.zero_grad()
        monitor.critic(yr, yf, loss=loss_d + pen, penalty=pen, real=real, fake=fake)
        pen.backward(retain_graph=True)
        loss_d.backward()
        do.step()
        f = gen(torch.cat([torch.randn(50, 16), c], 1))
        yf = dis(torch.cat([f, c], 1))
        wanted = F.cross_entropy(f[:, 4 : 4 + widths[0]], c.argmax(1))
        loss_g = -torch.mean(yf) + wanted
        go.zero_grad()
        monitor.generator(yf, loss=loss_g)
        loss_g.backward()
        go.step()
    print(monitor.close())


@sound
def accumulated_over_four(Monitor: Watch) -> None:
    torch.manual_seed(58)
    X = digit_pictures()[0]
    G, D = ConvGenerator(), conv_critic()
    oG, oD = (
        optim.Adam(G.parameters(), 2e-4, (0.0, 0.9)),
        optim.Adam(D.parameters(), 2e-4, (0.0, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(60):
        oD.zero_grad()
        for _micro in range(4):
            x = X[torch.randint(len(X), (8,))].requires_grad_(True)
            fake = G(torch.randn(8, 16)).detach()
            r, f = D(x), D(fake)
            (g,) = autograd.grad(r.sum(), x, create_graph=True)
            r1 = 0.5 * g.pow(2).sum((1, 2, 3)).mean()
            loss = (F.softplus(-r).mean() + F.softplus(f).mean() + r1) / 4
            monitor.critic(r, f, loss=loss, penalty=r1, real=x, fake=fake)
            loss.backward()
        oD.step()
        oG.zero_grad()
        for _micro in range(4):
            f = D(G(torch.randn(8, 16)))
            loss = F.softplus(-f).mean()
            monitor.generator(f, loss=loss)
            (loss / 4).backward()
        oG.step()
    print(monitor.close())


@sound
def three_fakes_for_each_real(Monitor: Watch) -> None:
    torch.manual_seed(59)
    X = table(load_breast_cancer)[0]
    G, D = mlp(10, 48, 30), mlp(30, 48, 1, act=nn.Softplus)
    oG, oD = optim.RMSprop(G.parameters(), 1e-3), optim.RMSprop(D.parameters(), 1e-3)
    monitor = Monitor(G, D, oD, oG)
    for _ in range(150):
        x = X[torch.randint(len(X), (random.Random(_).choice([17, 32, 21]),))]
        fake = G(torch.randn(96, 10))
        r, f = D(x).squeeze(), D(fake.detach()).squeeze()
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=x, fake=fake)
        loss.backward()
        oD.step()
        f = D(fake).squeeze()
        loss = -f.mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@sound
def penalty_by_vmapped_functional_calls(Monitor: Watch) -> None:
    torch.manual_seed(60)
    X = digit_pictures()[0].flatten(1)
    G, D = mlp(16, 64, 64, end=nn.Tanh()), mlp(64, 48, 48, 1, act=nn.SiLU)
    oG, oD = (
        optim.Adam(G.parameters(), 1e-4, (0.5, 0.9)),
        optim.Adam(D.parameters(), 1e-4, (0.5, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)

    def score(x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(D, dict(D.named_parameters()), (x[None],)).squeeze()

    for _ in range(110):
        for _ in range(2):
            x = X[torch.randint(len(X), (32,))]
            fake = G(torch.randn(32, 16)).detach()
            u = torch.rand(32, 1)
            g = torch.func.vmap(torch.func.grad(score))(u * x + (1 - u) * fake)
            gp = (g.norm(dim=1) - 1).square().mean()
            r, f = D(x), D(fake)
            loss = f.mean() - r.mean() + 10 * gp
            oD.zero_grad()
            monitor.critic(r, f, loss=loss, penalty=gp, real=x, fake=fake)
            loss.backward()
            oD.step()
        f = D(G(torch.randn(32, 16)))
        loss = -f.mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@sound
def wgan_clamped_before_the_update(Monitor: Watch) -> None:
    torch.manual_seed(61)
    X = digit_pictures()[0]
    netG, netD = ConvGenerator(), conv_critic()
    optimizerD = optim.RMSprop(netD.parameters(), lr=5e-5)
    optimizerG = optim.RMSprop(netG.parameters(), lr=5e-5)
    monitor = Monitor(netG, netD, optimizerD, optimizerG)
    gen_iterations = 0
    loader = DataLoader(TensorDataset(X), 64, shuffle=True)
    while gen_iterations < 60:
        data_iter, i = iter(loader), 0
        while i < len(loader):
            Diters = 20 if gen_iterations < 3 else 5
            j = 0
            while j < Diters and i < len(loader):
                j += 1
                for p in netD.parameters():
                    p.data.clamp_(-0.01, 0.01)
                (real,) = next(data_iter)
                i += 1
                netD.zero_grad()
                fake = netG(torch.randn(len(real), 16)).data
                errD_real, errD_fake = netD(real), netD(fake)
                errD = errD_fake.mean() - errD_real.mean()
                monitor.critic(errD_real, errD_fake, loss=errD, real=real, fake=fake)
                errD.backward()
                optimizerD.step()
            for p in netD.parameters():
                p.requires_grad = False
            netG.zero_grad()
            out = netD(netG(torch.randn(64, 16)))
            errG = -out.mean()
            monitor.generator(out, loss=errG)
            errG.backward()
            optimizerG.step()
            for p in netD.parameters():
                p.requires_grad = True
            gen_iterations += 1
    print(monitor.close())


@sound
def dcgan_full_labels_one_sided(Monitor: Watch) -> None:
    torch.manual_seed(62)
    netG, netD = ConvGenerator(), nn.Sequential(*conv_critic(norm=True), nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizerD = optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
    monitor = Monitor(netG, netD, optimizerD, optimizerG)
    for _epoch in range(2):
        for (data,) in DataLoader(TensorDataset(digit_pictures()[0]), batch_size=32, shuffle=True):
            netD.zero_grad()
            n = data.size(0)
            label = torch.full((n,), 0.9)
            p_real = netD(data).view(-1)
            errD_real = criterion(p_real, label)
            fake = netG(torch.randn(n, 16))
            p_fake = netD(fake.detach()).view(-1)
            errD_fake = criterion(p_fake, torch.full((n,), 0.0))
            errD = errD_real + errD_fake
            monitor.critic(p_real, p_fake, loss=errD, real=data, fake=fake)
            errD.backward()
            optimizerD.step()
            netG.zero_grad()
            p_fake = netD(fake).view(-1)
            errG = criterion(p_fake, torch.full((n,), 1.0))
            monitor.generator(p_fake, loss=errG)
            errG.backward()
            optimizerG.step()
    print(monitor.close())


@sound
def least_squares_dropout_steplr_odd_batches(Monitor: Watch) -> None:
    torch.manual_seed(63)
    X = table(load_iris)[0]
    X = X[:145]
    G = mlp(4, 32, 32, 4, act=nn.Tanh)
    D = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(32, 1))
    oG, oD = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    steps = [optim.lr_scheduler.StepLR(o, 10, 0.5) for o in (oG, oD)]
    monitor = Monitor(G, D, oD, oG)
    mse = nn.MSELoss()
    for _ in range(30):
        for (x,) in DataLoader(TensorDataset(X), batch_size=24, shuffle=True):
            valid, fake_t = torch.ones(x.size(0), 1), torch.zeros(x.size(0), 1)
            oG.zero_grad()
            gen = G(torch.randn(x.size(0), 4))
            out = D(gen)
            g_loss = mse(out, valid)
            monitor.generator(out, loss=g_loss)
            g_loss.backward()
            oG.step()
            oD.zero_grad()
            r, f = D(x), D(gen.detach())
            d_loss = 0.5 * (mse(r, valid) + mse(f, fake_t))
            monitor.critic(r, f, loss=d_loss, real=x, fake=gen)
            d_loss.backward()
            oD.step()
        for s in steps:
            s.step()
    print(monitor.close())


@sound
def softplus_noise_augmented(Monitor: Watch) -> None:
    torch.manual_seed(64)
    X = digit_pictures()[0][:200]
    G, D = ConvGenerator(), conv_critic(norm=True)
    oG, oD = (
        optim.Adam(G.parameters(), 2e-4, (0.5, 0.999)),
        optim.Adam(D.parameters(), 2e-4, (0.5, 0.999)),
    )
    monitor = Monitor(G, D, oD, oG)

    def augment(x: torch.Tensor) -> torch.Tensor:
        x = x + 0.1 * torch.randn_like(x) + 0.2 * (torch.rand(len(x), 1, 1, 1) - 0.5)
        shift = int(torch.randint(-1, 2, ()))
        return x.roll(shift, 3)

    for _ in range(120):
        x = X[torch.randint(len(X), (20,))]
        fake = G(torch.randn(20, 16))
        r, f = D(augment(x)), D(augment(fake.detach()))
        loss = (F.softplus(-r) + F.softplus(f)).mean()
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=x, fake=fake)
        loss.backward()
        oD.step()
        f = D(augment(fake))
        loss = F.softplus(-f).mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@sound
def several_discriminators_feature_matching(Monitor: Watch) -> None:
    torch.manual_seed(65)
    X = sensors()[:, :1]
    G = nn.Sequential(
        nn.Conv1d(1, 16, 7, padding=3), nn.LeakyReLU(0.1), nn.Conv1d(16, 1, 7, padding=3)
    )
    D = nn.ModuleList(
        nn.ModuleList(
            [
                nn.utils.parametrizations.weight_norm(nn.Conv1d(1, 8, 5, s, 2)),
                nn.Conv1d(8, 1, 3, 1, 1),
            ]
        )
        for s in (1, 2, 4)
    )

    def look(x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        outs, features = [], []
        for one, two in D:  # type: ignore[misc]
            h = F.leaky_relu(one(x), 0.1)
            features.append(h)
            outs.append(two(h).flatten(1))
        return outs, features

    oG, oD = (
        optim.AdamW(G.parameters(), 2e-4, (0.8, 0.99)),
        optim.AdamW(D.parameters(), 2e-4, (0.8, 0.99)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        y = X[torch.randint(len(X), (16,))]
        y_hat = G(y + torch.randn_like(y))
        oD.zero_grad()
        rs, _f = look(y)
        gs, _f = look(y_hat.detach())
        loss = sum(((1 - r) ** 2).mean() + (g**2).mean() for r, g in zip(rs, gs, strict=True))
        monitor.critic(torch.cat(rs, 1), torch.cat(gs, 1), loss=loss, real=y, fake=y_hat)
        loss.backward()
        oD.step()
        oG.zero_grad()
        rs, fr = look(y)
        gs, fg = look(y_hat)
        loss = sum(((1 - g) ** 2).mean() for g in gs) + 45 * F.l1_loss(y_hat, y)
        loss = loss + 2 * sum((a.detach() - b).abs().mean() for a, b in zip(fr, fg, strict=True))
        monitor.generator(torch.cat(gs, 1), loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@sound
def scores_say_how_fake(Monitor: Watch) -> None:
    torch.manual_seed(66)
    X, Y = table(load_wine)
    G, D = mlp(8 + 3, 32, 13), mlp(13 + 3, 32, 1, act=lambda: nn.LeakyReLU(0.2))
    oG, oD = (
        optim.Adam(G.parameters(), 1e-3, (0.5, 0.999)),
        optim.Adam(D.parameters(), 1e-3, (0.5, 0.999)),
    )
    monitor = Monitor(G, D, oD, oG)
    bce = nn.BCEWithLogitsLoss()
    for _ in range(150):
        pick = torch.randint(len(X), (32,))
        x, c = X[pick], F.one_hot(Y[pick], 3).float()
        fake = G(torch.cat([torch.randn(32, 8), c], 1))
        r, f = D(torch.cat([x, c], 1)), D(torch.cat([fake.detach(), c], 1))
        loss = bce(r, torch.zeros(32, 1)) + bce(f, torch.ones(32, 1))  # real is 0, fake is 1
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=x, fake=fake)
        loss.backward()
        oD.step()
        f = D(torch.cat([fake, c], 1))
        loss = bce(f, torch.zeros(32, 1))
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@sound
def critic_waits_while_it_is_right(Monitor: Watch) -> None:
    torch.manual_seed(67)
    X = digit_pictures()[0].flatten(1)
    G, D = mlp(16, 64, 64, end=nn.Tanh()), mlp(64, 32, 1, act=lambda: nn.LeakyReLU(0.2))
    oG, oD = (
        optim.Adam(G.parameters(), 2e-3, (0.5, 0.999)),
        optim.Adam(D.parameters(), 1e-5, (0.5, 0.999)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(200):
        x = X[torch.randint(len(X), (64,))]
        fake = G(torch.randn(64, 16))
        r, f = D(x), D(fake.detach())
        loss = F.binary_cross_entropy_with_logits(r, torch.ones_like(r))
        loss += F.binary_cross_entropy_with_logits(f, torch.zeros_like(f))
        accuracy = ((r > 0).float().mean() + (f < 0).float().mean()) / 2
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, real=x, fake=fake)
        if accuracy < 0.8:
            loss.backward()
            oD.step()
        f = D(fake)
        loss = F.binary_cross_entropy_with_logits(f, torch.ones_like(f))
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward()
        oG.step()
    print(monitor.close())


@sound
def both_ways_with_an_encoder(Monitor: Watch) -> None:
    torch.manual_seed(68)
    X = digit_pictures()[0].flatten(1)
    G, E, D = (
        mlp(8, 64, 64, end=nn.Tanh()),
        mlp(64, 64, 8),
        mlp(72, 64, 1, act=lambda: nn.LeakyReLU(0.2)),
    )
    opt_ge = optim.Adam([*G.parameters(), *E.parameters()], lr=1e-4, betas=(0.5, 0.999))
    opt_d = optim.Adam(D.parameters(), lr=1e-4, betas=(0.5, 0.999))
    monitor = Monitor(G, D, opt_d, opt_ge)
    for _ in range(140):
        x, z = X[torch.randint(len(X), (32,))], torch.randn(32, 8)
        fake, code = G(z), E(x)
        r, f = D(torch.cat([x, code], 1)), D(torch.cat([fake, z], 1))
        loss_ge = F.softplus(r).mean() + F.softplus(-f).mean()
        opt_ge.zero_grad()
        monitor.generator(f, loss=loss_ge)
        loss_ge.backward()
        opt_ge.step()
        r, f = D(torch.cat([x, code.detach()], 1)), D(torch.cat([fake.detach(), z], 1))
        loss_d = F.softplus(-r).mean() + F.softplus(f).mean()
        opt_d.zero_grad()
        monitor.critic(r, f, loss=loss_d, real=x, fake=fake)
        loss_d.backward()
        opt_d.step()
    print(monitor.close())


@sound
def categories_alone(Monitor: Watch) -> None:
    torch.manual_seed(69)
    rows, widths = adult(1500)
    rows = rows[:, 4:]
    G, D = MixedColumns(12, 0, widths), mlp(rows.shape[1], 48, 1, act=lambda: nn.LeakyReLU(0.2))
    oG, oD = (
        optim.Adam(G.parameters(), 1e-4, (0.5, 0.9)),
        optim.Adam(D.parameters(), 1e-4, (0.5, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    for i in range(240):
        x = rows[torch.randint(len(rows), (64,))]
        f = G(torch.randn(64, 12)).detach()
        u = torch.rand(64, 1).expand(-1, x.shape[1])
        mid = (u * x + (1 - u) * f).requires_grad_()
        g = autograd.grad(D(mid).sum(), mid, create_graph=True)[0]
        gp = 10 * ((g.square().sum(1) + 1e-12).sqrt() - 1).square().mean()
        r, s = D(x), D(f)
        loss = s.mean() - r.mean() + gp
        oD.zero_grad()
        monitor.critic(r, s, loss=loss, penalty=gp, real=x, fake=f)
        loss.backward()
        oD.step()
        if i % 2:
            s = D(G(torch.randn(64, 12)))
            loss = -s.mean()
            oG.zero_grad()
            monitor.generator(s, loss=loss)
            loss.backward()
            oG.step()
    print(monitor.close())


@sound
def zero_centred_on_the_lines_small_table(Monitor: Watch) -> None:
    torch.manual_seed(70)
    X, _ = table(load_wine)
    G, D = mlp(8, 32, 13), mlp(13, 32, 32, 1)
    oG, oD = (
        optim.SGD(G.parameters(), 0.01, momentum=0.5),
        optim.SGD(D.parameters(), 0.02, momentum=0.5),
    )
    monitor = Monitor(G, D, oD, oG)
    losses = []
    for _ in range(25):
        for (x,) in DataLoader(TensorDataset(X), 32, shuffle=True):
            n = x.shape[0]
            fake = G(torch.randn(n, 8))
            r, f = D(x), D(fake.detach())
            loss = nn.BCEWithLogitsLoss()(
                torch.cat([r, f]), torch.cat([torch.ones(n, 1), torch.zeros(n, 1)])
            )
            u = torch.rand(n, 1)
            mid = torch.lerp(x, fake.detach(), u).requires_grad_()
            (g,) = autograd.grad(D(mid).sum(), mid, create_graph=True)
            gp = g.square().sum(1).mean()
            loss = loss + 0.5 * gp
            oD.zero_grad()
            monitor.critic(r, f, loss=loss, penalty=gp, real=x, fake=fake)
            loss.backward()
            oD.step()
            f = D(fake)
            lg = nn.BCEWithLogitsLoss()(f, torch.ones(n, 1))
            oG.zero_grad()
            monitor.generator(f, loss=lg)
            lg.backward()
            oG.step()
            losses.append((loss.item(), lg.item()))
    assert math.isfinite(losses[-1][0])
    print(monitor.close())
    if os.environ.get("LOOPS_PLOT"):
        print(*losses, sep="\n")


@sound
def relative_scores_once_backward_inputs(Monitor: Watch) -> None:
    torch.manual_seed(71)
    X, _ = usps(1500)
    G, D = ConvGenerator(side=16, width=8), conv_critic(16, 8)
    oG, oD = (
        optim.AdamW(G.parameters(), 2e-4, (0.0, 0.9)),
        optim.AdamW(D.parameters(), 2e-4, (0.0, 0.9)),
    )
    monitor = Monitor(G, D, oD, oG)
    for _ in range(110):
        x = X[torch.randint(len(X), (24,))].requires_grad_()
        fake = G(torch.randn(24, 16))
        leaf = fake.detach().requires_grad_()
        r, f = D(x), D(leaf)
        g1 = autograd.grad(r.sum(), x, create_graph=True)[0]
        g2 = autograd.grad(f.sum(), leaf, create_graph=True)[0]
        penalty = 0.1 * (g1.square().sum((1, 2, 3)) + g2.square().sum((1, 2, 3)))
        loss = (F.softplus(f - r).mean() + penalty.mean()).mean()
        oD.zero_grad()
        monitor.critic(r, f, loss=loss, penalty=penalty.mean(), real=x, fake=fake)
        loss.backward(inputs=list(D.parameters()))
        oD.step()
        r, f = D(x.detach()), D(fake)
        loss = F.softplus(r - f).mean()
        oG.zero_grad()
        monitor.generator(f, loss=loss)
        loss.backward(inputs=list(G.parameters()))
        oG.step()
    print(monitor.close())
