"""A fourth set of loops of strangers: 20 faulty, 10 sound, and 13 written afterwards.

The 30 were written before the monitor's code was read, in styles that the other sets lack: trainer
classes, modules as Lightning has them, calls by keyword, scores in dictionaries. The names that
count as right were fixed with 17 of the faulty ones; for three there was no check, and these loops
are why there is one now. The last 13 were written to try that code, once it was read. Some read
$STEADYGAN_DATA (USPS, Shakespeare).
"""

from __future__ import annotations

import copy
import gzip
import itertools
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from loop_cases import Case, Watch
from loop_cases_third import Loop, data
from sklearn.datasets import load_breast_cancer, load_wine, make_moons
from sklearn.preprocessing import StandardScaler
from torch import Tensor, autograd, nn, optim
from torch.utils.data import DataLoader, TensorDataset

CASES: list[Case] = []


def faulty(fault: str, *names: str, afterwards: str = "") -> Callable[[Loop], Loop]:
    def add(loop: Loop) -> Loop:
        case = Case(loop.__name__, fault, frozenset(names), loop, afterwards=afterwards)
        CASES.append(case)
        return loop

    return add


def sound(afterwards: str = "") -> Callable[[Loop], Loop]:
    return faulty("", afterwards=afterwards)


# Data.


def usps() -> tuple[Tensor, Tensor]:
    """Pixels as they come, from 0 to 255, and classes from 0 to 9."""
    folder = data("images", "usps")
    x = gzip.decompress((folder / "usps-train-images-idx3-ubyte.gz").read_bytes())
    y = gzip.decompress((folder / "usps-train-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(x, np.uint8, offset=16).reshape(-1, 1, 16, 16)
    labels = torch.tensor(np.frombuffer(y, np.uint8, offset=8).astype(np.int64))
    return torch.tensor(pixels.astype(np.float32)), labels - labels.min()


def usps_scaled() -> Tensor:
    return usps()[0] / 127.5 - 1


def wine() -> Tensor:
    return torch.tensor(StandardScaler().fit_transform(load_wine().data)).float()


def breast_cancer() -> tuple[Tensor, Tensor]:
    table = load_breast_cancer()
    values = torch.tensor(StandardScaler().fit_transform(table.data)).float()
    return values, torch.tensor(table.target)


def moons() -> Tensor:
    return torch.tensor(make_moons(4000, noise=0.05, random_state=0)[0]).float()


def some(values: Tensor, n: int) -> Tensor:
    return values[torch.randint(len(values), (n,))]


def shakespeare(characters: int) -> tuple[Tensor, int]:
    text = data("text", "tinyshakespeare.txt").read_text()[:characters]
    codes = {c: i for i, c in enumerate(sorted(set(text)))}
    return torch.tensor([codes[c] for c in text]), len(codes)


# Networks, and a loop that several use.


def leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def mlp(
    *widths: int,
    last: nn.Module | None = None,
    act: Callable[[], nn.Module] = nn.ReLU,
    norm: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Linear(a, b))
        if i < len(widths) - 2:
            layers += [norm(b)] if norm else []
            layers.append(act())
    return nn.Sequential(*layers, *([last] if last else []))


def plain_wgan_gp(
    Monitor: Watch,
    batch: Callable[[], Tensor],
    latent: Callable[[], Tensor] = lambda: torch.randn(64, 4),
    optimiser: Callable[[Any], optim.Optimizer] = lambda p: optim.Adam(p, 1e-3, (0.0, 0.9)),
    G: nn.Module | None = None,
    D: nn.Module | None = None,
    **named: Any,
) -> None:
    G = G or mlp(4, 64, 2)
    D = D or mlp(2, 64, 64, 1)
    og, od = optimiser(G.parameters()), optimiser(D.parameters())
    m = Monitor(G, D, od, og, **named)
    for _ in range(150):
        for _ in range(3):
            x, y = batch(), G(latent()).detach()
            h = torch.lerp(y, x, torch.rand(64, *[1] * (x.dim() - 1))).requires_grad_()
            slopes = autograd.grad(D(h).sum(), h, create_graph=True)[0].flatten(1)
            p = ((slopes.norm(dim=-1) - 1) ** 2).mean() * 10
            a, b = D(x), D(y)
            loss = b.mean() - a.mean() + p
            od.zero_grad()
            m.critic(a, b, loss=loss, penalty=p, real=x, fake=y)
            loss.backward()
            od.step()
        b = D(G(latent()))
        loss = -b.mean()
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


class Adversaries(nn.Module):
    """Both networks and both losses in one module, as Lightning wants them."""

    def __init__(self, sign: int = 1) -> None:
        super().__init__()
        self.generator = mlp(4, 64, 64, 2)
        self.critic = mlp(2, 64, 64, 1)
        self.sign = sign

    def configure_optimizers(self) -> list[optim.Optimizer]:
        return [
            optim.Adam(self.generator.parameters(), 1e-3, (0.0, 0.9)),
            optim.Adam(self.critic.parameters(), 1e-3, (0.0, 0.9)),
        ]

    def toggle(self, on: nn.Module, off: nn.Module) -> None:
        on.requires_grad_(True)
        off.requires_grad_(False)

    def training_step(self, batch: Tensor, which: int) -> dict[str, Tensor]:
        z = torch.randn(len(batch), 4)
        if which == 0:
            self.toggle(self.generator, self.critic)
            scores = self.critic(self.generator(z))
            return {"loss": -scores.mean(), "fake_scores": scores}
        self.toggle(self.critic, self.generator)
        fake = self.generator(z)
        r, f = self.critic(batch), self.critic(fake)
        e = torch.rand(len(batch), 1)
        h = (e * batch + (1 - e) * fake).detach().requires_grad_()
        slopes = autograd.grad(self.critic(h).sum(), h, create_graph=True)[0]
        penalty = ((slopes.norm(dim=1) - 1) ** 2).mean()
        loss = self.sign * (f.mean() - r.mean()) + 10 * penalty
        return {
            "loss": loss, "real_scores": r, "fake_scores": f,
            "penalty": penalty, "real": batch, "fake": fake,
        }  # fmt: skip


def fit_adversaries(Monitor: Watch, sign: int) -> None:
    X = moons()
    module = Adversaries(sign)
    og, od = module.configure_optimizers()
    m = Monitor(module.generator, module.critic, od, og)
    for i in range(900):
        which = 0 if i % 6 == 5 else 1
        out = module.training_step(some(X, 64), which)
        optimiser = (og, od)[which]
        optimiser.zero_grad()
        (m.generator, m.critic)[which](**out)
        out["loss"].backward()
        optimiser.step()
    print(m.close())


# Faulty loops.


@faulty("batch-wide penalty", "penalty_per_sample")
def trainer_with_one_norm(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class Trainer:
        def __init__(self, X: Tensor) -> None:
            self.X = X
            self.G = nn.Sequential(
                nn.Linear(16, 128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4)),
                nn.Upsample(scale_factor=2), nn.Conv2d(8, 16, 3, 1, 1), nn.ReLU(),
                nn.Upsample(scale_factor=2), nn.Conv2d(16, 1, 3, 1, 1), nn.Tanh(),
            )  # fmt: skip
            self.D = nn.Sequential(
                nn.Conv2d(1, 16, 4, 2, 1), nn.SiLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.SiLU(),
                nn.Flatten(), nn.Linear(512, 1),
            )  # fmt: skip
            self.og = optim.AdamW(self.G.parameters(), 1e-4, betas=(0.0, 0.9))
            self.od = optim.AdamW(self.D.parameters(), 1e-4, betas=(0.0, 0.9))
            self.monitor = Monitor(self.G, self.D, self.od, self.og)

        def penalty(self, x: Tensor, y: Tensor) -> Tensor:
            t = torch.rand(len(x)).view(-1, 1, 1, 1)
            mid = x.detach().lerp(y.detach(), t).requires_grad_()
            (g,) = autograd.grad(self.D(mid).mean() * len(x), mid, create_graph=True)
            return (torch.linalg.vector_norm(g) - 1).square()

        def critic_step(self, x: Tensor) -> None:
            with torch.no_grad():
                y = self.G(torch.randn(len(x), 16))
            a, b = self.D(x), self.D(y)
            penalty = self.penalty(x, y)
            loss = b.mean() - a.mean() + 10 * penalty
            self.od.zero_grad(set_to_none=True)
            self.monitor.critic(a, b, loss=loss, penalty=penalty, real=x, fake=y)
            loss.backward()
            self.od.step()

        def generator_step(self, n: int) -> None:
            b = self.D(self.G(torch.randn(n, 16)))
            loss = b.mean().neg()
            self.og.zero_grad(set_to_none=True)
            self.monitor.generator(b, loss=loss)
            loss.backward()
            self.og.step()

        def fit(self, steps: int) -> None:
            for i in range(steps):
                self.critic_step(some(self.X, 32) / 127.5 - 1)
                if i % 3 == 2:
                    self.generator_step(32)
            print(self.monitor.close())

    Trainer(usps()[0]).fit(360)


@faulty("undetached fakes", "undetached_fakes")
def hinge_of_a_table_in_one_graph(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = wine()
    G, D = mlp(8, 64, 64, 13), mlp(13, 64, 64, 1, act=leaky)
    optG = optim.Adam(G.parameters(), 2e-4, (0.5, 0.999))
    optD = optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))
    m = Monitor(G, D, optD, optG)
    for _ in range(200):
        x = X[torch.randperm(len(X))[:32]]
        optD.zero_grad()
        optG.zero_grad()
        y = G(torch.randn(32, 8))
        r, f = D(x), D(y)
        d_loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        m.critic(r, f, loss=d_loss, real=x, fake=y)
        d_loss.backward(retain_graph=True)
        optD.step()
        f = D(y)
        g_loss = -f.mean()
        m.generator(f, loss=g_loss)
        g_loss.backward()
        optG.step()
    print(m.close())


@faulty("critic's sign", "critic_sign")
def adversaries_of_the_wrong_sign(Monitor: Watch) -> None:
    torch.manual_seed(1)
    fit_adversaries(Monitor, -1)


@faulty("one optimiser", "shared_optimiser")
def one_adam_of_a_module_dict(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X, _ = breast_cancer()
    gan = nn.ModuleDict({"G": mlp(10, 64, 30), "D": mlp(30, 64, 1)})
    opt = optim.Adam(gan.parameters(), 3e-4)
    m = Monitor(gan["G"], gan["D"], opt, opt)
    for _ in range(150):
        x = some(X, 50)
        fake = gan["G"](torch.randn(50, 10))
        r, f = gan["D"](x), gan["D"](fake.detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        gan.zero_grad()
        m.critic(r, f, loss=loss, real=x, fake=fake)
        loss.backward()
        opt.step()
        f = gan["D"](gan["G"](torch.randn(50, 10)))
        loss = F.softplus(-f).mean()
        gan.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        opt.step()
    print(m.close())


@faulty("no clipping", "lipschitz")
def gradients_clipped_by_value(Monitor: Watch) -> None:
    """In place of the weights."""
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(2, 64, 64, 2), mlp(2, 64, 64, 1)
    og, od = optim.RMSprop(G.parameters(), 5e-5), optim.RMSprop(D.parameters(), 5e-5)
    m = Monitor(G, D, od, og)
    batches = itertools.cycle(X.split(64)[:-1])
    for _ in range(120):
        for _ in range(5):
            x = next(batches)
            x = x[torch.randperm(len(x))]
            f = G(torch.randn(64, 2)).detach()
            a, b = D(x), D(f)
            loss = -(a.mean() - b.mean())
            od.zero_grad()
            m.critic(a, b, loss=loss, real=x, fake=f)
            loss.backward()
            nn.utils.clip_grad_value_(D.parameters(), 0.01)
            od.step()
        b = D(G(torch.randn(64, 2)))
        loss = -torch.mean(b)
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("labels", "label_smoothing")
def one_array_of_smoothed_labels(Monitor: Watch) -> None:
    """As train_on_batch of Keras wants it: both halves joined, and every label moved by 0.1."""
    torch.manual_seed(1)
    X = usps_scaled().flatten(1)
    G = mlp(16, 128, 256, last=nn.Tanh())
    D = mlp(256, 128, 1, last=nn.Sigmoid(), act=leaky)
    og = optim.Adam(G.parameters(), 2e-4, (0.5, 0.999))
    od = optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))
    m = Monitor(G, D, od, og)
    bce = nn.BCELoss()
    for _ in range(200):
        x = some(X, 64)
        y = G(torch.randn(64, 16)).detach()
        p = D(torch.cat([x, y]))
        labels = torch.cat([torch.full((64, 1), 0.9), torch.full((64, 1), 0.1)])
        loss = bce(p, labels)
        od.zero_grad()
        m.critic(p[:64], p[64:], loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        p = D(G(torch.randn(64, 16)))
        loss = bce(p, torch.ones(64, 1))
        og.zero_grad()
        m.generator(p, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("generator never trains", "optimiser_parameters", "network_moves")
def generator_built_anew(Monitor: Watch) -> None:
    """After its optimiser was made."""
    torch.manual_seed(1)
    X = wine()
    G, D = mlp(8, 64, 13), mlp(13, 64, 1)
    og, od = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    G = mlp(8, 64, 13)
    m = Monitor(G, D, od, og)
    for _ in range(150):
        x = X[torch.randperm(178)[:40]]
        y = G(torch.randn(40, 8))
        r, f = D(x), D(y.detach())
        loss = ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2
        od.zero_grad()
        m.critic(r, f, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        f = D(y)
        loss = ((f - 1) ** 2).mean() / 2
        og.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("data that repeat", "repeated_batches")
def next_of_iter_of_an_ordered_loader(Monitor: Watch) -> None:
    torch.manual_seed(1)
    loader = DataLoader(TensorDataset(usps_scaled()), 32, shuffle=False)
    G = mlp(16, 128, 256, last=nn.Tanh())
    D = nn.Sequential(nn.Flatten(), mlp(256, 128, 1))
    og, od = optim.Adam(G.parameters(), 2e-4), optim.Adam(D.parameters(), 2e-4)
    m = Monitor(G, D, od, og)
    bce = F.binary_cross_entropy_with_logits
    for _ in range(150):
        (x,) = next(iter(loader))
        y = G(torch.randn(32, 16)).view(32, 1, 16, 16)
        r, f = D(x), D(y.detach())
        loss = bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))
        od.zero_grad()
        m.critic(r, f, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        f = D(y)
        loss = bce(f, torch.ones_like(f))
        og.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("fp16 penalty", "fp16")
def half_precision_table(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = wine()
    G, D = mlp(8, 64, 13), mlp(13, 64, 64, 1)
    og = optim.Adam(G.parameters(), 1e-4, (0.0, 0.9))
    od = optim.Adam(D.parameters(), 1e-4, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for i in range(300):
        x = some(X, 32)
        with torch.autocast("cpu", torch.float16):
            y = G(torch.randn(32, 8)).detach()
            r, f = D(x), D(y)
            a = torch.rand(32, 1)
            h = (a * x + (1 - a) * y).requires_grad_()
            g = autograd.grad(D(h).sum(), h, create_graph=True)[0]
            gp = ((g.norm(2, 1) - 1) ** 2).mean()
            loss = f.mean() - r.mean() + 10 * gp
        od.zero_grad()
        m.critic(r, f, loss=loss, penalty=gp, real=x, fake=y)
        scaler.scale(loss).backward()
        scaler.step(od)
        scaler.update()
        if i % 5 == 4:
            with torch.autocast("cpu", torch.float16):
                f = D(G(torch.randn(32, 8)))
                loss = -f.mean()
            og.zero_grad()
            m.generator(f, loss=loss)
            loss.backward()
            og.step()
    print(m.close())


@faulty("batch normalisation under a penalty", "batch_coupling")
def dragan_with_batch_norm(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X, _ = breast_cancer()
    G = mlp(8, 64, 30, norm=nn.BatchNorm1d)
    D = mlp(30, 64, 64, 1, norm=nn.BatchNorm1d)
    og = optim.Adam(G.parameters(), 1e-4, (0.5, 0.9))
    od = optim.Adam(D.parameters(), 1e-4, (0.5, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(150):
        x = some(X, 64)
        y = G(torch.randn(64, 8))
        r, f = D(x), D(y.detach())
        h = (x + 0.5 * x.std() * torch.rand_like(x)).requires_grad_()
        g = autograd.grad(D(h), h, torch.ones(64, 1), create_graph=True)[0]
        p = ((g.pow(2).sum(1).sqrt() - 1) ** 2).mean()
        loss = F.softplus(-r).mean() + F.softplus(f).mean() + 10 * p
        od.zero_grad()
        m.critic(r, f, loss=loss, penalty=p, real=x, fake=y)
        loss.backward()
        od.step()
        f = D(y)
        loss = F.softplus(-f).mean()
        og.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("backward(penalty)", "minimised_loss")
def backward_of_the_weighted_penalty(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(4, 64, 2), mlp(2, 64, 64, 1)
    og = optim.Adam(G.parameters(), 1e-3, (0.0, 0.9))
    od = optim.Adam(D.parameters(), 1e-3, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(150):
        for _ in range(2):
            x = some(X, 64)
            y = G(torch.randn(64, 4)).detach()
            h = torch.lerp(y, x, torch.rand(64, 1)).requires_grad_()
            slopes = autograd.grad(D(h).sum(), h, create_graph=True)[0]
            p = ((slopes.norm(dim=-1) - 1) ** 2).mean() * 10
            a, b = D(x), D(y)
            logged = b.mean() - a.mean() + p
            od.zero_grad()
            m.critic(a, b, loss=logged, penalty=p, real=x, fake=y)
            p.backward()
            od.step()
        b = D(G(torch.randn(64, 4)))
        loss = -b.mean()
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("a loss that is not minimised", "minimised_loss")
def moments_alone_are_matched(Monitor: Watch) -> None:
    """The generator's logged loss has the critic in it, and the minimised one has not."""
    torch.manual_seed(1)
    X = wine()
    G, D = mlp(8, 64, 13), mlp(13, 64, 1)
    og, od = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    m = Monitor(G, D, od, og)
    for _ in range(150):
        x = some(X, 40)
        y = G(torch.randn(40, 8))
        r, f = D(x), D(y.detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean()
        od.zero_grad()
        m.critic(r, f, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        f = D(y)
        moments = (y.mean(0) - x.mean(0)).square().sum()
        loss = F.softplus(-f).mean() + 0.1 * moments
        og.zero_grad()
        m.generator(f, loss=loss)
        (0.1 * moments).backward()
        og.step()
    print(m.close())


@faulty("learning rate", "finite", "divergence", "exploding_gradients")
def rate_of_one_half(Monitor: Watch) -> None:
    """With a history on the disk."""
    torch.manual_seed(1)
    X = moons()
    with tempfile.TemporaryDirectory() as folder:
        plain_wgan_gp(
            Monitor, lambda: some(X, 64),
            optimiser=lambda p: optim.SGD(p, 0.5, momentum=0.9), out=folder,
        )  # fmt: skip


@faulty("critic never trains", "network_moves")
def critic_frozen_for_good(Monitor: Watch) -> None:
    """For the generator's step. The fakes are not detached, so that backward() runs at all."""
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(4, 64, 2), mlp(2, 64, 64, 1)
    og, od = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    m = Monitor(G, D, od, og)
    for _ in range(150):
        x = some(X, 64)
        y = G(torch.randn(64, 4))
        a, b = D(x), D(y)
        loss = F.softplus(-a).mean() + F.softplus(b).mean()
        od.zero_grad()
        m.critic(a, b, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        for q in D.parameters():
            q.requires_grad = False
        b = D(G(torch.randn(64, 4)))
        loss = F.softplus(-b).mean()
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("missing zero_grad", "leftover_gradients")
def softplus_never_zeroed(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(4, 64, 2), mlp(2, 64, 64, 1)
    og, od = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    m = Monitor(G, D, od, og)
    for _ in range(150):
        x = some(X, 64)
        y = G(torch.randn(64, 4))
        a, b = D(x), D(y.detach())
        loss = F.softplus(-a).mean() + F.softplus(b).mean()
        m.critic(a, b, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        b = D(y)
        loss = F.softplus(-b).mean()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("generator never trains", "network_moves")
def sampler_under_a_no_grad_decorator(Monitor: Watch) -> None:
    """Of both updates; the generator's loss has a graph all the same, the critic's."""
    torch.manual_seed(1)
    X = wine()
    G, D = mlp(8, 64, 13), mlp(13, 64, 1)
    og, od = optim.Adam(G.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    m = Monitor(G, D, od, og)

    @torch.no_grad()
    def sample(n: int) -> Any:
        G.eval()
        return G(torch.randn(n, 8))

    for _ in range(150):
        x = some(X, 40)
        y = sample(40)
        r, f = D(x), D(y)
        loss = F.relu(1 - r).mean() + F.relu(1 + f).mean()
        D.zero_grad()
        m.critic(r, f, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        f = D(sample(40))
        loss = -f.mean()
        D.zero_grad()
        G.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("latents that repeat", "repeated_latents", afterwards="named")
def one_latent_batch(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = moons()
    z = torch.randn(64, 4)
    plain_wgan_gp(Monitor, lambda: some(X, 64), latent=lambda: z)


@faulty("data out of reach", "data_range", afterwards="named")
def pixels_of_255_against_tanh(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X, _ = usps()
    plain_wgan_gp(
        Monitor,
        lambda: some(X, 64),
        latent=lambda: torch.randn(64, 16),
        G=nn.Sequential(mlp(16, 128, 256, last=nn.Tanh()), nn.Unflatten(1, (1, 16, 16))),
        D=nn.Sequential(nn.Flatten(), mlp(256, 64, 1)),
    )


@faulty("sigmoid on a critic", "bounded_critic", afterwards="named")
def sigmoid_of_a_clipped_critic(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(2, 64, 64, 2), mlp(2, 64, 64, 1, last=nn.Sigmoid())
    og, od = optim.RMSprop(G.parameters(), 5e-5), optim.RMSprop(D.parameters(), 5e-5)
    m = Monitor(G, D, od, og)
    for _ in range(120):
        for _ in range(5):
            x = some(X, 64)
            f = G(torch.randn(64, 2)).detach()
            a, b = D(x), D(f)
            loss = -(a.mean() - b.mean())
            od.zero_grad()
            m.critic(a, b, loss=loss, real=x, fake=f)
            loss.backward()
            od.step()
            with torch.no_grad():
                torch._foreach_clamp_max_(list(D.parameters()), 0.01)
                torch._foreach_clamp_min_(list(D.parameters()), -0.01)
        b = D(G(torch.randn(64, 2)))
        loss = -torch.mean(b)
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@faulty("generator never trains", "optimiser_parameters", "network_moves", "shared_optimiser")
def critic_in_both_optimisers(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(4, 64, 2), mlp(2, 64, 64, 1)
    od, og = optim.Adam(D.parameters(), 1e-3), optim.Adam(D.parameters(), 1e-3)
    m = Monitor(G, D, od, og)
    for _ in range(120):
        x = some(X, 64)
        y = G(torch.randn(64, 4))
        a, b = D(x), D(y.detach())
        loss = F.softplus(-a).mean() + F.softplus(b).mean()
        od.zero_grad()
        m.critic(a, b, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        b = D(y)
        loss = F.softplus(-b).mean()
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


# Sound loops.


@sound()
def adversaries_in_one_module(Monitor: Watch) -> None:
    torch.manual_seed(1)
    fit_adversaries(Monitor, 1)


@sound()
def projection_by_keyword(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, 8)
            self.net = mlp(24, 128, 256, last=nn.Tanh())

        def forward(self, *, noise: Tensor, cls: Tensor) -> Tensor:
            return self.net(torch.cat([noise, self.embed(cls)], 1)).view(-1, 1, 16, 16)

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(256, 128, 64, act=leaky)
            self.out = nn.Linear(64, 1)
            self.embed = nn.Embedding(10, 64)

        def forward(self, *, image: Tensor, cls: Tensor) -> Tensor:
            h = F.leaky_relu(self.body(image.flatten(1)), 0.2)
            return self.out(h).squeeze(1) + (h * self.embed(cls)).sum(1)

    pixels, classes = usps()
    X = pixels / 127.5 - 1
    G, D = Generator(), Critic()
    og = optim.Adam(G.parameters(), 1e-4, (0.0, 0.9))
    od = optim.Adam(D.parameters(), 4e-4, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    for i in range(400):
        k = torch.randint(len(X), (32,))
        x, c = X[k], classes[k]
        y = G(noise=torch.randn(32, 16), cls=c).detach()
        r, f = D(image=x, cls=c), D(image=y, cls=c)
        t = torch.rand(32, 1, 1, 1)
        h = (t * x + (1 - t) * y).requires_grad_()
        slopes = autograd.grad(D(image=h, cls=c).sum(), h, create_graph=True)[0].flatten(1)
        p = ((slopes.norm(dim=1) - 1) ** 2).mean()
        loss = f.mean() - r.mean() + 10 * p
        od.zero_grad()
        m.critic(r, f, loss=loss, penalty=p, real=x, fake=y)
        loss.backward()
        od.step()
        if i % 4 == 3:
            c = torch.randint(10, (32,))
            f = D(image=G(noise=torch.randn(32, 16), cls=c), cls=c)
            loss = -f.mean()
            og.zero_grad()
            m.generator(f, loss=loss)
            loss.backward()
            og.step()
    print(m.close())


@sound()
def bf16_accumulated_and_scheduled(Monitor: Watch) -> None:
    torch.manual_seed(1)
    X = usps_scaled().flatten(1)
    parts = 4
    G, D = mlp(16, 128, 256, last=nn.Tanh()), mlp(256, 128, 1, act=nn.GELU)
    og = optim.AdamW(G.parameters(), 4e-4, (0.5, 0.99))
    od = optim.AdamW(D.parameters(), 4e-4, (0.5, 0.99))
    sg = optim.lr_scheduler.CosineAnnealingLR(og, 150)
    sd = optim.lr_scheduler.LinearLR(od, 0.1, 1.0, 20)
    m = Monitor(G, D, od, og)
    for _ in range(150):
        od.zero_grad(set_to_none=True)
        for _ in range(parts):
            x = some(X, 16)
            with torch.autocast("cpu", torch.bfloat16):
                with torch.no_grad():
                    y = G(torch.randn(16, 16))
                r, f = D(x), D(y)
                loss = (F.softplus(-r.float()).mean() + F.softplus(f.float()).mean()) / parts
            m.critic(r, f, loss=loss, real=x, fake=y)
            loss.backward()
        nn.utils.clip_grad_norm_(D.parameters(), 1.0)
        od.step()
        sd.step()
        og.zero_grad(set_to_none=True)
        for _ in range(parts):
            with torch.autocast("cpu", torch.bfloat16):
                f = D(G(torch.randn(16, 16)))
                loss = F.softplus(-f.float()).mean() / parts
            m.generator(f, loss=loss)
            loss.backward()
        og.step()
        sg.step()
    print(m.close())


@sound()
def two_scales_of_patches(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class TwoScales(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.critics = nn.ModuleList(
                nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), leaky(), nn.Conv2d(16, 1, 3, 1, 1))
                for _ in range(2)
            )

        def forward(self, x: Tensor) -> list[Tensor]:
            return [self.critics[0](x), self.critics[1](F.avg_pool2d(x, 2))]

    X = usps_scaled()
    G = nn.Sequential(mlp(16, 128, 256, last=nn.Tanh()), nn.Unflatten(1, (1, 16, 16)))
    D = TwoScales()
    og = optim.Adam(G.parameters(), 2e-4, (0.5, 0.999))
    od = optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))
    m = Monitor(G, D, od, og)
    for _ in range(150):
        x = some(X, 32)
        y = G(torch.randn(32, 16))
        r, f = D(x), D(y.detach())
        both = zip(r, f, strict=True)
        loss: Any = sum(((a - 1) ** 2).mean() + (b**2).mean() for a, b in both) / 2
        od.zero_grad()
        m.critic(r, f, loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        f = D(y)
        loss = sum(((b - 1) ** 2).mean() for b in f)
        og.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@sound()
def features_in_a_dictionary(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(13, 64, 64, act=leaky)
            self.out = nn.utils.parametrizations.spectral_norm(nn.Linear(64, 1))

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            h = F.leaky_relu(self.body(x), 0.2)
            return {"score": self.out(h), "features": h}

    X = wine()
    G, D = mlp(8, 64, 13), Critic()
    og = optim.Adam(G.parameters(), 1e-3, (0.5, 0.9))
    od = optim.Adam(D.parameters(), 1e-3, (0.5, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(200):
        x = some(X, 40)
        y = G(torch.randn(40, 8))
        real, fake = D(x), D(y.detach())
        loss = F.relu(1 - real["score"]).mean() + F.relu(1 + fake["score"]).mean()
        od.zero_grad()
        m.critic(real["score"], fake["score"], loss=loss, real=x, fake=y)
        loss.backward()
        od.step()
        fake = D(y)
        wanted = D(x)["features"].mean(0).detach()
        matching = (fake["features"].mean(0) - wanted).abs().mean()
        loss = -fake["score"].mean() + 5 * matching
        og.zero_grad()
        m.generator(fake["score"], loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@sound()
def acgan_in_a_tuple_with_lazy_r1(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(256, 128, 64)
            self.score = nn.Linear(64, 1)
            self.classes = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = F.relu(self.body(x.flatten(1)))
            return self.score(h), self.classes(h)

    embed = nn.Embedding(10, 16)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = embed
            self.net = mlp(32, 128, 256, last=nn.Tanh())

        def forward(self, z: Tensor, c: Tensor) -> Tensor:
            return self.net(torch.cat([z, self.embed(c)], 1))

    pixels, classes = usps()
    X = (pixels / 127.5 - 1).flatten(1)
    G, D = Generator(), Critic()
    og = optim.Adam(G.parameters(), 2e-4, (0.0, 0.99))
    od = optim.Adam(D.parameters(), 2e-4, (0.0, 0.99))
    m = Monitor(G, D, od, og)
    for i in range(320):
        k = torch.randint(len(X), (32,))
        x, c = X[k], classes[k]
        wanted = torch.randint(10, (32,))
        y = G(torch.randn(32, 16), wanted)
        lazy = i % 8 == 0
        if lazy:
            x = x.clone().requires_grad_()
        (r, r_classes), (f, _) = D(x), D(y.detach())
        loss = F.softplus(-r).mean() + F.softplus(f).mean() + F.cross_entropy(r_classes, c)
        p = None
        if lazy:
            slopes = autograd.grad(r.sum(), x, create_graph=True)[0]
            p = 8 * 0.5 * slopes.square().sum(1).mean()
            loss = loss + p
        od.zero_grad()
        m.critic(r, f, loss=loss, penalty=p, real=x, fake=y)
        loss.backward()
        od.step()
        f, f_classes = D(y)
        loss = F.softplus(-f).mean() + F.cross_entropy(f_classes, wanted)
        og.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@sound()
def characters_by_gumbel_relativistic(Monitor: Watch) -> None:
    """A recurrent generator; pairs of real and fake; a zero-centred penalty on both."""
    torch.manual_seed(1)
    codes, letters = shakespeare(200_000)

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(16, 48, batch_first=True)
            self.out = nn.Linear(48, letters)

        def forward(self, z: Tensor) -> Tensor:
            h = self.rnn(z.unsqueeze(1).expand(-1, 12, -1))[0]
            return F.gumbel_softmax(self.out(h), tau=1.0)

    G = Generator()
    D = nn.Sequential(nn.Flatten(), mlp(12 * letters, 64, 1, act=nn.SiLU))
    og = optim.Adam(G.parameters(), 1e-3, (0.0, 0.9))
    od = optim.Adam(D.parameters(), 1e-3, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(150):
        starts = torch.randint(len(codes) - 12, (32,))
        x = F.one_hot(codes[starts[:, None] + torch.arange(12)], letters).float().requires_grad_()
        y = G(torch.randn(32, 16)).detach().requires_grad_()
        r, f = D(x), D(y)
        gx = autograd.grad(r.sum(), x, create_graph=True)[0]
        gy = autograd.grad(f.sum(), y, create_graph=True)[0]
        p = gx.square().sum((1, 2)).mean() + gy.square().sum((1, 2)).mean()
        loss = F.softplus(-(r - f)).mean() + 0.5 * p
        od.zero_grad()
        m.critic(r, f, loss=loss, penalty=p, real=x, fake=y)
        loss.backward()
        od.step()
        r = D(x.detach())
        f = D(G(torch.randn(32, 16)))
        loss = F.softplus(-(f - r)).mean()
        og.zero_grad()
        m.generator(f, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@sound()
def clipped_as_one_vector(Monitor: Watch) -> None:
    """Before each update of the critic."""
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(2, 64, 64, 2), mlp(2, 64, 64, 1)
    og, od = optim.RMSprop(G.parameters(), 5e-4), optim.RMSprop(D.parameters(), 5e-4)
    m = Monitor(G, D, od, og)

    def clamp() -> None:
        flat = nn.utils.parameters_to_vector(D.parameters()).clamp(-0.05, 0.05)
        nn.utils.vector_to_parameters(flat.detach(), D.parameters())

    for _ in range(120):
        for _ in range(5):
            clamp()
            x = some(X, 64)
            f = G(torch.randn(64, 2)).detach()
            a, b = D(x), D(f)
            loss = -(a.mean() - b.mean())
            od.zero_grad()
            m.critic(a, b, loss=loss, real=x, fake=f)
            loss.backward()
            od.step()
        b = D(G(torch.randn(64, 2)))
        loss = -torch.mean(b)
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


@sound()
def pairs_of_rows_side_by_side(Monitor: Watch) -> None:
    """The critic sees packs; the monitor is handed the rows."""
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(4, 64, 2), mlp(4, 64, 64, 1)
    og = optim.Adam(G.parameters(), 1e-3, (0.0, 0.9))
    od = optim.Adam(D.parameters(), 1e-3, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    for i in range(400):
        x = some(X, 64)
        y = G(torch.randn(64, 4)).detach()
        xp, yp = x.view(32, 4), y.view(32, 4)
        h = torch.lerp(yp, xp, torch.rand(32, 1)).requires_grad_()
        slopes = autograd.grad(D(h).sum(), h, create_graph=True)[0]
        p = ((slopes.norm(dim=1) - 1) ** 2).mean()
        a, b = D(xp), D(yp)
        loss = b.mean() - a.mean() + 10 * p
        od.zero_grad()
        m.critic(a, b, loss=loss, penalty=p, real=x, fake=y)
        loss.backward()
        od.step()
        if i % 4 == 3:
            b = D(G(torch.randn(64, 4)).view(32, 4))
            loss = -b.mean()
            og.zero_grad()
            m.generator(b, loss=loss)
            loss.backward()
            og.step()
    print(m.close())


@sound()
def one_sided_by_vmap_sgd_and_adam(Monitor: Watch) -> None:
    """The slope of each sample by torch.func, and an average of the generator."""
    torch.manual_seed(1)
    X = moons()
    G, D = mlp(4, 64, 2), mlp(2, 64, 64, 1, act=nn.Tanh)
    average = copy.deepcopy(G)
    og = optim.SGD(G.parameters(), 1e-3, momentum=0.0)
    od = optim.Adam(D.parameters(), 1e-3, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(300):
        x = some(X, 64)
        y = G(torch.randn(64, 4)).detach()
        a, b = D(x), D(y)
        weights = dict(D.named_parameters())
        h = torch.lerp(y, x, torch.rand(64, 1))

        def score(point: Tensor, weights: Any = weights) -> Any:
            return torch.func.functional_call(D, weights, (point[None],)).squeeze()

        slopes = torch.func.vmap(torch.func.grad(score))(h)
        p = F.relu(slopes.norm(dim=1) - 1).square().mean()
        loss = b.mean() - a.mean() + 10 * p
        od.zero_grad()
        m.critic(a, b, loss=loss, penalty=p, real=x, fake=y)
        loss.backward()
        od.step()
        b = D(G(torch.randn(64, 4)))
        loss = -b.mean()
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
        with torch.no_grad():
            for q, w in zip(average.parameters(), G.parameters(), strict=True):
                q.lerp_(w, 0.01)
    print(m.close())


# ---------------------------------------------------------------------------------------------
# Written after the monitor's code was read: ways of calling a critic, on a table.

Score = Callable[[Tensor, Tensor], Any]  # of samples and classes


def slopes_of_one(scores: Callable[[Tensor], Tensor], x: Tensor, f: Tensor) -> Tensor:
    return (_slopes(scores, x, f).flatten(1).norm(dim=1) - 1).pow(2).mean()


def slopes_of_all(scores: Callable[[Tensor], Tensor], x: Tensor, f: Tensor) -> Tensor:
    return (_slopes(scores, x, f).norm() - 1).pow(2).mean()


def _slopes(scores: Callable[[Tensor], Tensor], x: Tensor, f: Tensor) -> Any:
    h = torch.lerp(f, x, torch.rand(len(x), 1)).requires_grad_()
    return autograd.grad(scores(h).sum(), h, create_graph=True)[0]


def wgan_gp_of_a_table(
    Monitor: Watch,
    G: nn.Module,
    D: nn.Module,
    make: Callable[[Tensor], Any],
    score: Score,
    penalty: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor] = slopes_of_one,
) -> None:
    X, Y = breast_cancer()

    def batch() -> tuple[Tensor, Tensor]:
        k = torch.randint(len(X), (48,))
        return X[k], Y[k]

    og = optim.Adam(G.parameters(), 1e-3, (0.0, 0.9))
    od = optim.Adam(D.parameters(), 1e-3, (0.0, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(40):
        for _ in range(2):
            x, c = batch()
            f = make(c).detach()
            a, b = score(x, c), score(f, c)
            p = penalty(lambda h, c=c: score(h, c), x, f)
            loss = b.mean() - a.mean() + 10 * p
            od.zero_grad()
            m.critic(a, b, loss=loss, penalty=p, real=x, fake=f)
            loss.backward()
            od.step()
        _, c = batch()
        b = score(make(c), c)
        loss = -b.mean()
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


class OfClasses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(2, 4)
        self.net = mlp(12, 64, 30)

    def forward(self, n: int, y: Tensor) -> Any:
        return self.net(torch.cat([torch.randn(n, 8), self.embed(y)], 1))


class Packing(nn.Module):
    """Rows that lie together, or chunks of the batch side by side, are one pack."""

    def __init__(self, size: int, chunks: bool = False, norm: Any = None) -> None:
        super().__init__()
        self.size, self.chunks = size, chunks
        self.net = mlp(30 * size, 64, 64, 1, norm=norm)

    def forward(self, x: Tensor) -> Any:
        if self.chunks:
            packs = torch.cat(x.chunk(self.size), 1)
        else:
            packs = x.reshape(len(x) // self.size, -1)
        return self.net(packs).squeeze(1)


@sound("written")
def critic_by_keyword_alone(Monitor: Watch) -> None:
    """The class comes first, and there is a setting with a default."""
    torch.manual_seed(1)

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(2, 30)
            self.net = mlp(60, 64, 64, 1)

        def forward(self, *, target: Tensor, sample: Tensor, alpha: float = 1.0) -> Any:
            return self.net(torch.cat([sample, self.embed(target)], 1)) * alpha

    D, G = Critic(), OfClasses()
    wgan_gp_of_a_table(
        Monitor, G, D, lambda c: G(n=len(c), y=c), lambda x, c: D(target=c, sample=x)
    )


@faulty("batch-wide penalty", "penalty_per_sample", afterwards="written")
def one_norm_behind_one_hot_classes(Monitor: Watch) -> None:
    """Which are floats, of the batch's length, and stand before the samples."""
    torch.manual_seed(1)

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(32, 64, 64, 1)

        def forward(self, hot: Tensor, sample: Tensor) -> Any:
            return self.net(torch.cat([sample, hot], 1))

    D, G = Critic(), OfClasses()

    def score(x: Tensor, c: Tensor) -> Any:
        return D(F.one_hot(c, 2).float(), x)

    wgan_gp_of_a_table(Monitor, G, D, lambda c: G(len(c), c), score, slopes_of_all)


@sound("written")
def dictionaries_in_and_out(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(30, 64, 64, 1)

        def forward(self, batch: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
            return {"logits": {"score": self.net(batch["x"])}}

    G, D = mlp(8, 64, 30), Critic()

    def score(x: Tensor, c: Tensor) -> Any:
        return D({"x": x, "y": c})["logits"]["score"]

    wgan_gp_of_a_table(Monitor, G, D, lambda c: G(torch.randn(len(c), 8)), score)


@sound("written")
def packs_of_three_chunks(Monitor: Watch) -> None:
    torch.manual_seed(1)
    D, G = Packing(3, chunks=True), mlp(8, 64, 30)
    wgan_gp_of_a_table(Monitor, G, D, lambda c: G(torch.randn(len(c), 8)), lambda x, c: D(x))


@faulty("batch normalisation under a penalty", "batch_coupling", afterwards="written")
def packs_with_batch_norm(Monitor: Watch) -> None:
    torch.manual_seed(1)
    D, G = Packing(2, norm=nn.BatchNorm1d), mlp(8, 64, 30)
    wgan_gp_of_a_table(Monitor, G, D, lambda c: G(torch.randn(len(c), 8)), lambda x, c: D(x))


@faulty("batch-wide penalty", "penalty_per_sample", afterwards="written")
def one_norm_of_a_vjp(Monitor: Watch) -> None:
    torch.manual_seed(1)
    D = mlp(30, 64, 64, 1)

    def penalty(scores: Any, x: Tensor, f: Tensor) -> Any:
        h = torch.lerp(f, x, torch.rand(len(x), 1))
        out, vjp = torch.func.vjp(D, h)
        return (vjp(torch.ones_like(out))[0].norm() - 1).pow(2)

    G = mlp(8, 64, 30)
    wgan_gp_of_a_table(
        Monitor, G, D, lambda c: G(torch.randn(len(c), 8)), lambda x, c: D(x), penalty
    )


# Written against the checks that came of the three: bounds of scores, of data, latents that repeat.


def no_penalty(
    Monitor: Watch,
    G: nn.Module,
    D: nn.Module,
    critic_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor] = lambda b: -b.mean(),
    *,
    X: Tensor | None = None,
    make: Callable[[], Any] | None = None,
    clip: float | None = None,
) -> None:
    X = wine() if X is None else X
    make = make or (lambda: G(torch.randn(48, 8)))
    og = optim.Adam(G.parameters(), 1e-3, (0.5, 0.9))
    od = optim.Adam(D.parameters(), 1e-3, (0.5, 0.9))
    m = Monitor(G, D, od, og)
    for _ in range(60):
        for _ in range(2):
            x = some(X, 48)
            f = make().detach()
            a, b = D(x), D(f)
            loss = critic_loss(a, b)
            od.zero_grad()
            m.critic(a, b, loss=loss, real=x, fake=f)
            loss.backward()
            od.step()
            if clip:
                with torch.no_grad():
                    for p in D.parameters():
                        p.clamp_(-clip, clip)
        b = D(make())
        loss = generator_loss(b)
        og.zero_grad()
        m.generator(b, loss=loss)
        loss.backward()
        og.step()
    print(m.close())


def wasserstein(a: Tensor, b: Tensor) -> Tensor:
    return b.mean() - a.mean()


def hinge(a: Tensor, b: Tensor) -> Tensor:
    return F.relu(1 - a).mean() + F.relu(1 + b).mean()


@sound("written")
def weights_clamped_in_forward(Monitor: Watch) -> None:
    """WGAN whose weights themselves are never clipped."""
    torch.manual_seed(1)

    class Clamped(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.weight.clamp(-0.05, 0.05), self.bias.clamp(-0.05, 0.05))

    G = mlp(8, 64, 13)
    no_penalty(Monitor, G, nn.Sequential(Clamped(13, 64), nn.ReLU(), Clamped(64, 1)), wasserstein)


@sound("written")
def began(Monitor: Watch) -> None:
    """The critic is an autoencoder; its score is the error, and never below zero."""
    torch.manual_seed(1)

    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(13, 32, 13)

        def forward(self, x: Tensor) -> Tensor:
            return (x - self.net(x)).abs().mean(1)

    def equilibrium(a: Tensor, b: Tensor) -> Tensor:
        return a.mean() - 0.3 * b.mean()

    G = mlp(8, 64, 13)
    no_penalty(Monitor, G, Autoencoder(), equilibrium, lambda b: b.mean())


@sound("written")
def linear_less_a_square_clipped(Monitor: Watch) -> None:
    torch.manual_seed(1)

    class Quadratic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = mlp(13, 64, 1), mlp(13, 64, 1)

        def forward(self, x: Tensor) -> Any:
            return self.a(x) - self.b(x).square()

    G = mlp(8, 64, 13)
    no_penalty(Monitor, G, Quadratic(), wasserstein, clip=0.05)


@faulty("data out of reach", "data_range", afterwards="written")
def standardised_against_tanh(Monitor: Watch) -> None:
    torch.manual_seed(1)
    G = mlp(8, 64, 13, last=nn.Tanh())
    no_penalty(Monitor, G, mlp(13, 64, 1), hinge)


@sound("written")
def tanh_scaled_outside(Monitor: Watch) -> None:
    torch.manual_seed(1)
    G = mlp(8, 64, 13, last=nn.Tanh())
    no_penalty(Monitor, G, mlp(13, 64, 1), hinge, make=lambda: 4 * G(torch.randn(48, 8)))


@sound("written")
def noise_inside_of_the_generator(Monitor: Watch) -> None:
    """What it is given is the same conditions, again and again."""
    torch.manual_seed(1)

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(16, 64, 13)

        def forward(self, c: Tensor) -> Any:
            return self.net(torch.cat([c, torch.randn(len(c), 8)], 1))

    conditions = torch.eye(8).repeat(6, 1)
    G = Noisy()
    no_penalty(Monitor, G, mlp(13, 64, 1), hinge, make=lambda: G(conditions))


@sound("written")
def spectral_norm_by_hooks(Monitor: Watch) -> None:
    """As torch had it before there were parametrisations."""
    torch.manual_seed(1)
    sn = nn.utils.spectral_norm
    G = mlp(8, 64, 13)
    D = nn.Sequential(
        sn(nn.Linear(13, 64, bias=False)), nn.ReLU(), sn(nn.Linear(64, 1, bias=False))
    )
    no_penalty(Monitor, G, D, wasserstein)
