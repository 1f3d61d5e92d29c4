"""Configurations that are faulty, and others that are sound, for the score of the preflight.

Written down before any rule was. A case is edited afterwards only where the case itself is wrong,
and the list at the end of this docstring says so.

Checks that stop a run: ``batch_coupling`` (a sample's score hangs on the rest of its batch, under a
penalty per sample), ``bounded_critic`` (scores end in a sigmoid or the like, where the objective
needs free ones), ``lipschitz`` (Wasserstein with nothing that bounds the slope),
``penalty_per_sample``, ``data_range`` (values that the generator cannot produce),
``optimiser_parameters``,
``shared_optimiser``, ``gradients`` (parameters that receive none), ``batch_of_one`` (under batch
normalisation), ``group_size`` (groups that do not divide a batch), ``excluding_penalties``,
``labels`` (outside the embedding), ``double_backward``.

Checks that warn: ``clipping_momentum``, ``clipping_depth``, ``clipping_learning_rate``,
``clipping_n_critic``, ``betas``, ``ema``, ``mixed_batch_norm``, ``fp16``, ``validation``,
``class_imbalance``, ``evaluation_samples``, ``penalty_weight``.

Cases edited after the rules were written, because they were not what they said:

- ``gp-bn-dcgan`` and ``r1-bn`` were on images of 8 pixels, on which DCGAN's critic has one
  convolution, the first, which is never normalised: there was no batch normalisation. Now 16
  pixels; so are ``gp-layer-norm-images`` and ``gp-instance-norm``, which had no normalisation
  either.
- ``root-at-zero`` had its power after torch's ReLU, whose derivative masks what is not finite;
  now after a product with the mask, which does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.utils.data import DataLoader, TensorDataset

from steadygan import DataOptions, Dataset, Recipe, Samples, Term, load
from steadygan.constraints import SpectralNorm, WeightClipping, WeightNorm
from steadygan.data import ImageCodec, VectorCodec
from steadygan.networks import Custom
from steadygan.objectives import Hinge, LeastSquares, Minimax, RelativisticPairing, Wasserstein
from steadygan.penalties import DRAGAN, R1, R2, FiniteDifference, OneSided, TwoSided, ZeroCentred
from steadygan.recipes import PRESETS, override
from steadygan.schedules import Linear

LATENT = 8
IMAGE = (1, 8, 8)


@dataclass(frozen=True)
class RecipeCase:
    """A preset with settings changed, on a data set.

    Attributes:
        data: a function that gives the data set.
        change: made to the recipe after the settings, for what only Python can say.
    """

    data: Callable[[], Dataset]
    preset: str
    settings: tuple[str, ...] = ()
    change: Callable[[Recipe], Recipe] = lambda recipe: recipe

    def recipe(self) -> tuple[Recipe, Dataset]:
        dataset = self.data()
        return self.change(override(PRESETS[self.preset][1](dataset.spec), self.settings)), dataset


@dataclass(frozen=True)
class LoopCase:
    """Somebody's own networks, optimisers and batch.

    Attributes:
        build: gives the arguments of ``preflight_networks``.
    """

    build: Callable[[], Loop]


@dataclass(frozen=True)
class Loop:
    """The arguments of ``preflight_networks``; what is None was not told."""

    generator: nn.Module
    critic: nn.Module
    real: Any  # Tensor, Samples or DataLoader
    latent_dim: int = LATENT
    critic_optimiser: torch.optim.Optimizer | None = None
    generator_optimiser: torch.optim.Optimizer | None = None
    objective: Any = None
    penalties: tuple[Term, ...] = ()
    constraints: tuple[Any, ...] = ()
    batch_size: int | None = None
    n_critic: int | None = None
    ema: bool | None = None
    joined: bool | None = None
    held_out: int | None = None
    precision: str | None = None


@dataclass(frozen=True)
class Case:
    """One configuration.

    Attributes:
        name: unique.
        how: to build it.
        wrong: the checks that may name what is wrong; empty where it is sound.
        status: what the right finding must be; of no meaning where it is sound.
        may_warn: warnings that a sound one deserves.
    """

    name: str
    how: RecipeCase | LoopCase
    wrong: tuple[str, ...] = ()
    status: Literal["error", "warning"] = "error"
    may_warn: tuple[str, ...] = ()


# Data.


def named(name: str) -> Dataset:
    return load(name, DataOptions(limit=2_000))


def digits() -> Dataset:
    return named("digits")


def grid() -> Dataset:
    return named("25-grid")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def images(n: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    """``(n, *IMAGE)`` that fill [low, high]."""
    x = unit(n, *IMAGE) * (high - low) + low
    x.view(-1)[:2] = torch.tensor([low, high])
    return x


def of_images(
    x: Tensor, y: Tensor | None = None, *, maximum: int = 255, classes: int = 0
) -> Dataset:
    """Stored images as a data set, a fifth held out."""
    names = tuple(str(i) for i in range(classes)) or None
    codec = ImageCodec(x.shape[-1], x.shape[1], maximum)
    return _of(x, y, codec, names)


def of_rows(x: Tensor, y: Tensor | None = None, *, classes: int = 0) -> Dataset:
    names = tuple(str(i) for i in range(classes)) or None
    return _of(x, y, VectorCodec((0.0,) * x.shape[1], (1.0,) * x.shape[1]), names)


def _of(x: Tensor, y: Tensor | None, codec: Any, names: tuple[str, ...] | None) -> Dataset:
    n = len(x) // 5
    train, held = (
        Samples(x[n:], None if y is None else y[n:]),
        Samples(x[:n], None if y is None else y[:n]),
    )
    return Dataset("made-up", train, held, codec, names)


def stored(n: int, shape: tuple[int, ...] = IMAGE) -> Tensor:
    return (unit(n, *shape) * 255).to(torch.uint8)


def larger() -> Dataset:
    """Images of 16 pixels."""
    return of_images(stored(2_000, (1, 16, 16)))


def imbalanced(n: int = 1_000, few: int = 20) -> Dataset:
    y = torch.zeros(n, dtype=torch.int64)
    y[:: n // few] = 1
    return of_rows(noise(n, 2) + 3.0 * y[:, None], y, classes=2)


def balanced() -> Dataset:
    y = torch.arange(1_000) % 5
    return of_rows(noise(1_000, 2) + y[:, None], y, classes=5)


def labels_beyond() -> Dataset:
    """Labels 1 to 5 where classes are named 0 to 4: counted from one."""
    dataset = balanced()
    return dataclasses.replace(
        dataset,
        train=Samples(dataset.train.x, dataset.train.y + 1),
        validation=Samples(dataset.validation.x, dataset.validation.y + 1),
    )


def labels_negative() -> Dataset:
    """-1 for "no label"."""
    dataset = balanced()
    y = dataset.train.y.clone()
    y[7] = -1
    return dataclasses.replace(dataset, train=Samples(dataset.train.x, y))


def without_validation() -> Dataset:
    dataset = balanced()
    nothing = Samples(dataset.train.x[:0], dataset.train.y[:0])
    return dataclasses.replace(dataset, validation=nothing)


# Networks.


def dense(
    sizes: tuple[int, ...], activation: Callable[[], nn.Module], norm: Any = None
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), *([norm(after)] if norm else []), activation()]
    return layers


def generator(
    outputs: int = 2,
    *end: nn.Module,
    shape: tuple[int, ...] | None = None,
    norm: Any = None,
    inputs: int = LATENT,
) -> nn.Sequential:
    body = [*dense((inputs, 32, 32), nn.ReLU, norm), nn.Linear(32, outputs), *end]
    return nn.Sequential(*body, *([nn.Unflatten(1, shape)] if shape else []))


def critic(
    inputs: int = 2, *end: nn.Module, norm: Any = None, activation: Any = nn.ReLU, hidden: int = 32
) -> nn.Sequential:
    body = dense((inputs, hidden, hidden), activation, norm)
    return nn.Sequential(nn.Flatten(), *body, nn.Linear(hidden, 1), *end)


def image_generator(*end: nn.Module) -> nn.Sequential:
    return generator(64, *(end or (nn.Tanh(),)), shape=IMAGE)


def conv_critic(norm: Any = None, *end: nn.Module) -> nn.Sequential:
    def normed(channels: int) -> list[nn.Module]:
        return [norm(channels)] if norm else []

    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 4, 2, 1), *normed(32), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(128, 1), *end,
    )  # fmt: skip


def normalised(
    network: nn.Module, how: Callable[[nn.Module], nn.Module] = spectral_norm
) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            how(layer)
    return network


class Labelled(nn.Module):
    """A network that takes an embedded label beside its input."""

    def __init__(self, body: nn.Module, classes: int, width: int = 4) -> None:
        super().__init__()
        self.embedding, self.body = nn.Embedding(classes, width), body

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.body(torch.cat([x, self.embedding(y)], dim=1))


class OneHot(nn.Module):
    def __init__(self, body: nn.Module, classes: int) -> None:
        super().__init__()
        self.body, self.classes = body, classes

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.body(torch.cat([x, one_hot(y, self.classes).to(x)], dim=1))


class GroupSpread(nn.Module):
    """Minibatch standard deviation over groups of consecutive samples, as StyleGAN2 lays it out."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        groups = x.view(self.size, -1, x.shape[1])
        spread = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean(1)
        return torch.cat([x, spread.repeat(self.size)[:, None]], dim=1)


class BatchSpread(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
        return torch.cat([x, spread.expand(len(x), 1)], dim=1)


class Centred(nn.Module):
    """Own batch normalisation without torch's class: subtract the batch's mean, divide by its
    deviation."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.std(0, unbiased=False) + 1e-5)


class Attention(nn.Module):
    """Attends over the batch instead of over places: the axes are mixed up."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (x @ x.T / x.shape[1] ** 0.5).softmax(1) @ x


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.score = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.cell(x.flatten(1, 2))[0][:, -1])


class Residual(nn.Module):
    """A residual critic whose branch and score start at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.first, self.second = nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 32)
        self.score = nn.Linear(32, 1)
        for layer in (self.second, self.score):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        return self.score((h + self.second(torch.relu(self.first(h)))).relu())


class Unused(nn.Module):
    """A critic with a layer that ``forward`` forgets."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.forgotten = critic(), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class CutOff(nn.Module):
    """A network that detaches halfway: what comes before learns nothing."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).detach())


class Rounded(nn.Module):
    """Binary data, so the samples are rounded: no gradient passes."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x).round()


class Functional(nn.Module):
    """A critic whose sigmoid is no module."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.body(x)).squeeze(1)


class PatchSigmoid(nn.Module):
    """The mean of probabilities, one per patch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 1, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.body(x)).mean((1, 2, 3))


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * grad


class FusedSquare(nn.Module):
    """An own kernel that can be differentiated once."""

    def forward(self, x: Tensor) -> Tensor:
        return _Square.apply(x)


class RawRoot(nn.Module):
    """A smooth activation whose second derivative is not finite at zero: max(0, x)^1.5."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * (x > 0)) ** 1.5


class NumpyCritic(nn.Module):
    """Leaves the graph halfway, to compute a feature elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.score = nn.Linear(2, 32), nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(torch.from_numpy(self.body(x).relu().detach().numpy()))


# Penalties as they stand in public code: functions of (critic, real, fake) that give a scalar.


def _gradient(
    network: nn.Module, real: Tensor, fake: Tensor, *, create_graph: bool = True
) -> Tensor:
    epsilon = torch.rand(len(real), *(1,) * (real.ndim - 1))
    at = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    return torch.autograd.grad(network(at).sum(), at, create_graph=create_graph)[0]


def good_penalty(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return ((_gradient(network, real, fake).flatten(1).norm(2, dim=1) - 1) ** 2).mean()


def batch_wide(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return (_gradient(network, real, fake).norm(2) - 1) ** 2


def over_channels(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return ((_gradient(network, real, fake).norm(2, dim=1) - 1) ** 2).mean()


def norm_of_mean(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return (_gradient(network, real, fake).mean(0).norm(2) - 1) ** 2


def mean_norm(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """The penalty of the mean of the norms, and not the mean of the penalties."""
    return (_gradient(network, real, fake).flatten(1).norm(2, dim=1).mean() - 1) ** 2


def without_graph(network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    slopes = _gradient(network, real, fake, create_graph=False).flatten(1).norm(2, dim=1)
    return ((slopes - 1) ** 2).mean().requires_grad_()


def own(function: Callable[..., Tensor], weight: float = 10.0) -> Term:
    from steadygan.diagnosis import PenaltyFunction

    return Term(PenaltyFunction(function), weight)


# Own loops, whole.


def adam(
    *networks: nn.Module, lr: float = 1e-4, betas: tuple[float, float] = (0.0, 0.9)
) -> torch.optim.Adam:
    return torch.optim.Adam([p for n in networks for p in n.parameters()], lr=lr, betas=betas)


def rmsprop(network: nn.Module, lr: float = 5e-5, momentum: float = 0.0) -> torch.optim.RMSprop:
    return torch.optim.RMSprop(network.parameters(), lr=lr, momentum=momentum)


GP = (Term(TwoSided(), 1.0),)


def points_loop(
    make_critic: Callable[[], nn.Module] = critic,
    make_generator: Callable[[], nn.Module] = generator,
    *,
    real: Any = None,
    objective: Any = None,
    penalties: tuple[Term, ...] | Callable[[], tuple[Term, ...]] = GP,
    constraints: tuple[Any, ...] = (),
    optimisers: Callable[[nn.Module, nn.Module], tuple[Any, Any]] | None = None,
    **more: Any,
) -> Loop:
    """A sound WGAN-GP on points, but for what is given."""
    torch.manual_seed(0)
    g, c = make_generator(), make_critic()
    critic_optimiser, generator_optimiser = (
        (adam(c), adam(g)) if optimisers is None else optimisers(g, c)
    )
    return Loop(
        g, c, noise(64, 2) if real is None else real,
        critic_optimiser=critic_optimiser, generator_optimiser=generator_optimiser,
        objective=Wasserstein() if objective is None else objective,
        penalties=penalties() if callable(penalties) else penalties,
        constraints=constraints, **more,
    )  # fmt: skip


def image_loop(
    make_critic: Callable[[], nn.Module] = conv_critic,
    make_generator: Callable[[], nn.Module] = image_generator,
    *,
    real: Any = None,
    **more: Any,
) -> Loop:
    return points_loop(
        make_critic, make_generator, real=images(64) if real is None else real, **more
    )


def loop(
    name: str,
    *wrong: str,
    build: Callable[..., Loop] = points_loop,
    status: Any = "error",
    **arguments: Any,
) -> Case:
    return Case(name, LoopCase(partial(build, **arguments)), wrong, status)


def fine(
    name: str, *may_warn: str, build: Callable[..., Loop] = points_loop, **arguments: Any
) -> Case:
    return Case(name, LoopCase(partial(build, **arguments)), may_warn=may_warn)


def recipe(
    name: str, data: Callable[[], Dataset], preset: str, *settings: str, wrong: tuple[str, ...],
    status: Any = "error", change: Callable[[Recipe], Recipe] = lambda r: r,
) -> Case:  # fmt: skip
    return Case(name, RecipeCase(data, preset, settings, change), wrong, status)


def sound(
    name: str, data: Callable[[], Dataset], preset: str, *settings: str,
    may_warn: tuple[str, ...] = (), change: Callable[[Recipe], Recipe] = lambda r: r,
) -> Case:  # fmt: skip
    return Case(name, RecipeCase(data, preset, settings, change), may_warn=may_warn)


def with_networks(
    make_generator: Callable[..., nn.Module], make_critic: Callable[..., nn.Module]
) -> Callable[[Recipe], Recipe]:
    return lambda r: dataclasses.replace(
        r,
        architecture=Custom(
            lambda spec, latent: make_generator(latent), lambda spec: make_critic()
        ),
    )


def _one_adam(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    both = adam(g, c)
    return both, both


def _crossed(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    return adam(g), adam(c)


def _critic_takes_both(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    return adam(c, g), adam(g)


def _generator_takes_both(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    return adam(c), adam(g, c)


def _first_layers_only(g: nn.Module, c: nn.Sequential) -> tuple[Any, Any]:
    return adam(c[:3]), adam(g)


def _stale(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    """Made for a network that was replaced afterwards."""
    return adam(c), adam(generator())


def _before_weight_norm(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    optimiser = adam(c)
    normalised(c, weight_norm)
    return optimiser, adam(g)


def _frozen_critic() -> nn.Module:
    network = critic()
    return network.requires_grad_(False)


def _partly_frozen() -> nn.Sequential:
    network = critic()
    network[1].requires_grad_(False)
    return network


def _trainable_only(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    return torch.optim.Adam(
        [p for p in c.parameters() if p.requires_grad], lr=1e-4, betas=(0.0, 0.9)
    ), adam(g)


def _groups(g: nn.Module, c: nn.Sequential) -> tuple[Any, Any]:
    groups = [{"params": c[:3].parameters(), "lr": 1e-5}, {"params": c[3:].parameters()}]
    return torch.optim.Adam(groups, lr=1e-4, betas=(0.0, 0.9)), adam(g)


def _default_adam(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    return torch.optim.Adam(c.parameters(), lr=1e-4), torch.optim.Adam(g.parameters(), lr=1e-4)


def _rms(g: nn.Module, c: nn.Module, *, lr: float = 5e-5, momentum: float = 0.0) -> tuple[Any, Any]:
    return rmsprop(c, lr, momentum), rmsprop(g, lr, momentum)


def _dcgan(g: nn.Module, c: nn.Module) -> tuple[Any, Any]:
    return adam(c, lr=2e-4, betas=(0.5, 0.999)), adam(g, lr=2e-4, betas=(0.5, 0.999))


def loader(
    n: int, batch: int, *, drop_last: bool = False, y: Tensor | None = None
) -> DataLoader[Any]:
    tensors = [noise(n, 2)] + ([] if y is None else [y])
    return DataLoader(TensorDataset(*tensors), batch_size=batch, drop_last=drop_last)


CLIP = (WeightClipping(0.01),)
BN1, BN2 = nn.BatchNorm1d, nn.BatchNorm2d

FAULTY: tuple[Case, ...] = (
    # Batch statistics in a critic under a penalty per sample.
    recipe(
        "gp-bn-mlp", grid, "wgan-gp", "architecture.critic_norm=batch", wrong=("batch_coupling",)
    ),
    recipe(
        "gp-bn-dcgan",
        larger,
        "wgan-gp",
        "architecture.critic_norm=batch",
        wrong=("batch_coupling",),
    ),
    recipe("r1-bn", larger, "r3gan", "architecture.critic_norm=batch", wrong=("batch_coupling",)),
    recipe(
        "dragan-bn", grid, "dragan", "architecture.critic_norm=batch", wrong=("batch_coupling",)
    ),
    loop("own-bn-gp", "batch_coupling", build=image_loop, make_critic=partial(conv_critic, BN2)),
    loop(
        "own-centring-gp",
        "batch_coupling",
        make_critic=lambda: nn.Sequential(nn.Linear(2, 32), Centred(), nn.ReLU(), nn.Linear(32, 1)),
    ),
    loop(
        "attention-over-batch",
        "batch_coupling",
        make_critic=lambda: nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), Attention(), nn.Linear(32, 1)
        ),
    ),
    # Scores that are bounded.
    loop("sigmoid-module", "bounded_critic", make_critic=partial(critic, 2, nn.Sigmoid())),
    loop("sigmoid-function", "bounded_critic", make_critic=lambda: Functional(critic())),
    loop("tanh-end", "bounded_critic", make_critic=partial(critic, 2, nn.Tanh())),
    loop("patch-sigmoid", "bounded_critic", build=image_loop, make_critic=PatchSigmoid),
    loop(
        "sigmoid-and-logit-loss",
        "bounded_critic",
        make_critic=partial(critic, 2, nn.Sigmoid()),
        objective=Minimax(),
        penalties=(),
    ),
    loop(
        "sigmoid-clipped",
        "bounded_critic",
        make_critic=partial(critic, 2, nn.Sigmoid()),
        penalties=(),
        constraints=CLIP,
        optimisers=_rms,
        n_critic=5,
    ),
    # Nothing bounds the slope.
    recipe("wasserstein-bare", grid, "gan", "objective=Wasserstein()", wrong=("lipschitz",)),
    recipe("weight-zero", grid, "wgan-gp", "penalty.weight=0", wrong=("lipschitz",)),
    recipe(
        "weight-zero-always", digits, "digits", "penalty.weight=Linear(0, 0)", wrong=("lipschitz",)
    ),
    loop("own-nothing", "lipschitz", penalties=()),
    loop(
        "weight-norm-only",
        "lipschitz",
        penalties=(),
        constraints=(WeightNorm(),),
        optimisers=lambda g, c: (None, adam(g)),
    ),
    loop(
        "layer-norm-only", "lipschitz", make_critic=partial(critic, norm=nn.LayerNorm), penalties=()
    ),
    # Penalties that are not per sample, or whose norm is another.
    loop(
        "batch-wide", "penalty_per_sample", build=image_loop, penalties=lambda: (own(batch_wide),)
    ),
    loop("batch-wide-points", "penalty_per_sample", penalties=lambda: (own(batch_wide),)),
    loop(
        "norm-over-channels",
        "penalty_per_sample",
        build=image_loop,
        penalties=lambda: (own(over_channels),),
    ),
    loop(
        "norm-of-mean",
        "penalty_per_sample",
        build=image_loop,
        penalties=lambda: (own(norm_of_mean),),
    ),
    loop("penalty-of-mean-norm", "penalty_per_sample", penalties=lambda: (own(mean_norm),)),
    # Data that the generator cannot produce.
    loop("bytes-and-tanh", "data_range", build=image_loop, real=images(64, 0.0, 255.0)),
    loop(
        "sigmoid-and-signed",
        "data_range",
        build=image_loop,
        make_generator=partial(image_generator, nn.Sigmoid()),
    ),
    loop("tanh-and-standardised", "data_range", make_generator=partial(generator, 2, nn.Tanh())),
    loop("relu-and-signed", "data_range", make_generator=partial(generator, 2, nn.ReLU())),
    recipe(
        "codec-of-other-depth",
        lambda: of_images(stored(400), maximum=15),
        "wgan-gp",
        wrong=("data_range",),
    ),
    recipe(
        "rows-and-tanh",
        grid,
        "wgan-gp",
        wrong=("data_range",),
        change=with_networks(lambda n: generator(2, nn.Tanh(), inputs=n), critic),
    ),
    # Optimisers.
    loop("one-adam", "shared_optimiser", optimisers=_one_adam),
    loop(
        "critic-takes-both",
        "shared_optimiser",
        "optimiser_parameters",
        optimisers=_critic_takes_both,
    ),
    loop(
        "generator-takes-both",
        "shared_optimiser",
        "optimiser_parameters",
        optimisers=_generator_takes_both,
    ),
    loop("crossed", "optimiser_parameters", "shared_optimiser", optimisers=_crossed),
    loop("first-layers-only", "optimiser_parameters", optimisers=_first_layers_only),
    loop("stale-generator", "optimiser_parameters", optimisers=_stale),
    loop("before-weight-norm", "optimiser_parameters", optimisers=_before_weight_norm),
    # No gradient.
    loop("forgotten-layer", "gradients", make_critic=Unused),
    loop(
        "generator-detaches",
        "gradients",
        make_generator=lambda: CutOff(
            nn.Sequential(nn.Linear(LATENT, 32), nn.ReLU()), nn.Linear(32, 2)
        ),
    ),
    loop(
        "rounded-samples",
        "gradients",
        build=image_loop,
        make_generator=partial(image_generator, Rounded()),
        real=unit(64, *IMAGE).round(),
    ),
    loop("critic-frozen", "gradients", "optimiser_parameters", make_critic=_frozen_critic),
    # A batch of one.
    loop("one-and-bn", "batch_of_one", make_generator=partial(generator, norm=BN1), batch_size=1),
    recipe(
        "accumulated-to-one",
        grid,
        "wgan-gp",
        "architecture.generator_norm=batch",
        "training.batch_size=8",
        "training.accumulation=8",
        wrong=("batch_of_one",),
    ),
    Case(
        "last-batch-of-one",
        LoopCase(
            lambda: points_loop(
                partial(critic, norm=BN1),
                penalties=(),
                objective=Minimax(),
                real=loader(129, 64),
                optimisers=_dcgan,
            )
        ),
        ("batch_of_one",),
    ),
    # Groups.
    loop(
        "groups-of-four-in-six",
        "group_size",
        make_critic=lambda: nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), GroupSpread(4), nn.Linear(33, 1)
        ),
        penalties=(),
        objective=Minimax(),
        batch_size=6,
        optimisers=_dcgan,
    ),
    Case(
        "groups-and-last-batch",
        LoopCase(
            lambda: points_loop(
                lambda: nn.Sequential(
                    nn.Linear(2, 32), nn.ReLU(), GroupSpread(4), nn.Linear(33, 1)
                ),
                penalties=(),
                objective=Minimax(),
                real=loader(130, 64),
                optimisers=_dcgan,
            )
        ),
        ("group_size",),
    ),
    recipe("packs-of-three", grid, "pacgan", "stabiliser=Packing(3)", wrong=("group_size",)),
    # Penalties that exclude each other.
    loop(
        "slope-one-and-none",
        "excluding_penalties",
        penalties=(Term(TwoSided(), 1.0), Term(R1(), 1.0)),
    ),
    loop(
        "dragan-and-zero",
        "excluding_penalties",
        penalties=(Term(DRAGAN(), 1.0), Term(ZeroCentred(), 1.0)),
        objective=Minimax(),
    ),
    loop("penalty-and-clipping", "excluding_penalties", constraints=CLIP, n_critic=5),
    recipe(
        "spectral-and-weight-norm",
        grid,
        "wgan",
        "constraint=SpectralNorm()",
        wrong=("excluding_penalties",),
        change=lambda r: dataclasses.replace(r, constraint=(SpectralNorm(), WeightNorm())),
    ),
    # Labels.
    recipe("labels-from-one", labels_beyond, "cgan", wrong=("labels",)),
    recipe("label-minus-one", labels_negative, "projection", wrong=("labels",)),
    Case(
        "own-embedding-small",
        LoopCase(
            lambda: points_loop(
                lambda: Labelled(critic(6), 5),
                lambda: Labelled(generator(inputs=LATENT + 4), 5),
                real=Samples(noise(64, 2), torch.arange(64) % 6),
            )
        ),
        ("labels",),
    ),
    # A second derivative that fails.
    loop(
        "once-differentiable",
        "double_backward",
        make_critic=lambda: nn.Sequential(nn.Linear(2, 32), FusedSquare(), nn.Linear(32, 1)),
    ),
    loop(
        "root-at-zero",
        "double_backward",
        make_critic=lambda: nn.Sequential(nn.Linear(2, 32), RawRoot(), nn.Linear(32, 1)),
    ),
    loop("no-create-graph", "double_backward", penalties=lambda: (own(without_graph),)),
    loop("through-numpy", "double_backward", "gradients", make_critic=NumpyCritic),
    # Warnings: clipping.
    recipe(
        "clipping-adam-half",
        grid,
        "wgan",
        "critic_optimiser=Adam(lr=5e-5, beta1=0.5)",
        wrong=("clipping_momentum",),
        status="warning",
    ),
    recipe(
        "clipping-rms-momentum",
        digits,
        "wgan",
        "critic_optimiser.momentum=0.9",
        wrong=("clipping_momentum",),
        status="warning",
    ),
    recipe(
        "clipping-fast",
        grid,
        "wgan",
        "critic_optimiser.lr=1e-3",
        wrong=("clipping_learning_rate",),
        status="warning",
    ),
    loop(
        "clipping-fast-own",
        "clipping_learning_rate",
        status="warning",
        penalties=(),
        constraints=CLIP,
        optimisers=partial(_rms, lr=2e-3),
        n_critic=5,
    ),
    recipe(
        "clipping-one",
        grid,
        "wgan",
        "n_critic=1",
        "burst=none",
        wrong=("clipping_n_critic",),
        status="warning",
    ),
    loop(
        "clipping-one-own",
        "clipping_n_critic",
        status="warning",
        penalties=(),
        constraints=CLIP,
        optimisers=_rms,
        n_critic=1,
    ),
    recipe(
        "clipping-deep",
        grid,
        "wgan",
        "architecture.hidden=64,64,64,64,64,64,64,64",
        wrong=("clipping_depth",),
        status="warning",
    ),
    recipe(
        "clipping-deep-tight",
        digits,
        "wgan",
        "architecture=MLP(hidden=(128, 128, 128, 128, 128, 128))",
        wrong=("clipping_depth",),
        status="warning",
        change=lambda r: dataclasses.replace(r, constraint=(WeightClipping(0.003),)),
    ),
    # Warnings: the rest.
    recipe(
        "momentum-under-penalty",
        grid,
        "wgan-gp",
        "critic_optimiser.beta1=0.9",
        wrong=("betas",),
        status="warning",
    ),
    loop("default-adam", "betas", status="warning", optimisers=_default_adam),
    recipe("no-average", digits, "digits", "ema=none", wrong=("ema",), status="warning"),
    loop("no-average-own", "ema", status="warning", ema=False),
    loop(
        "joined-bn",
        "mixed_batch_norm",
        status="warning",
        build=image_loop,
        make_critic=partial(conv_critic, BN2),
        penalties=(),
        objective=Minimax(),
        joined=True,
        optimisers=_dcgan,
    ),
    loop("half-precision", "fp16", status="warning", build=image_loop, precision="float16"),
    loop(
        "half-parameters",
        "fp16",
        status="warning",
        make_critic=lambda: critic().half(),
        make_generator=lambda: generator().half(),
        real=noise(64, 2).half(),
    ),
    recipe(
        "nothing-held-out", without_validation, "wgan-gp", wrong=("validation",), status="warning"
    ),
    loop("nothing-held-out-own", "validation", status="warning", held_out=0),
    recipe(
        "two-classes-fifty-to-one", imbalanced, "cgan", wrong=("class_imbalance",), status="warning"
    ),
    Case(
        "imbalanced-loader",
        LoopCase(
            lambda: points_loop(
                lambda: Labelled(critic(6), 2),
                lambda: Labelled(generator(inputs=LATENT + 4), 2),
                real=Samples(noise(200, 2), (torch.arange(200) % 40 == 0).long()),
            )
        ),
        ("class_imbalance",),
        "warning",
    ),
    recipe(
        "few-held-out",
        lambda: of_images(stored(100)),
        "wgan-gp",
        wrong=("evaluation_samples",),
        status="warning",
    ),
    loop("few-held-out-own", "evaluation_samples", status="warning", build=image_loop, held_out=20),
    recipe(
        "weight-tiny",
        grid,
        "wgan-gp",
        "penalty.weight=1e-4",
        wrong=("penalty_weight",),
        status="warning",
    ),
    recipe(
        "weight-huge",
        grid,
        "wgan-gp",
        "penalty.weight=5000",
        wrong=("penalty_weight",),
        status="warning",
    ),
    loop(
        "weight-of-images-on-tiny-units",
        "penalty_weight",
        status="warning",
        real=1e-3 * noise(64, 2),
        penalties=(Term(TwoSided(), 10.0),),
    ),
)


def _presets() -> tuple[Case, ...]:
    """Every preset, with the published settings, on points and on small images."""
    cases = []
    for name in PRESETS:
        few = () if name != "wgan" else ("clipping_depth",)
        if name != "wgan-gp-resnet":
            cases.append(sound(f"{name}-on-grid", grid, name, may_warn=few))
        settings = ("architecture.width=16",) if name == "wgan-gp-resnet" else ()
        cases.append(sound(f"{name}-on-digits", digits, name, *settings, may_warn=few))
    return tuple(cases)


SOUND: tuple[Case, ...] = (
    *_presets(),
    # Normalisations that look at one sample only.
    sound("gp-layer-norm", grid, "wgan-gp", "architecture.critic_norm=layer"),
    sound("gp-layer-norm-images", larger, "wgan-gp", "architecture.critic_norm=layer"),
    sound("gp-instance-norm", larger, "wgan-gp", "architecture.critic_norm=instance"),
    fine(
        "gp-group-norm",
        build=image_loop,
        make_critic=partial(conv_critic, partial(nn.GroupNorm, 4)),
    ),
    fine(
        "gp-dropout",
        make_critic=lambda: nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1)
        ),
    ),
    fine("gp-weight-norm", make_critic=lambda: normalised(critic(), weight_norm)),
    # Batch statistics without a penalty, or weak ones under it.
    fine(
        "bn-without-penalty",
        build=image_loop,
        make_critic=partial(conv_critic, BN2),
        penalties=(),
        objective=Minimax(),
        optimisers=_dcgan,
    ),
    fine(
        "bn-hinge-own",
        make_critic=partial(critic, norm=BN1),
        penalties=(),
        objective=Hinge(),
        optimisers=_dcgan,
    ),
    fine(
        "wgan-clipping-with-bn",
        "clipping_depth",
        build=image_loop,
        make_critic=partial(conv_critic, BN2),
        penalties=(),
        constraints=CLIP,
        optimisers=_rms,
        n_critic=5,
    ),
    sound("minibatch-spread-under-r1", digits, "r3gan", "architecture.minibatch_std=true"),
    sound("minibatch-spread-under-gp", digits, "wgan-gp", "architecture.minibatch_std=true"),
    fine(
        "groups-that-divide",
        make_critic=lambda: nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), GroupSpread(4), nn.Linear(33, 1)
        ),
        penalties=(Term(R1(), 1.0),),
        objective=Minimax(),
        batch_size=64,
    ),
    Case(
        "groups-drop-last",
        LoopCase(
            lambda: points_loop(
                lambda: nn.Sequential(
                    nn.Linear(2, 32), nn.ReLU(), GroupSpread(4), nn.Linear(33, 1)
                ),
                penalties=(),
                objective=Minimax(),
                real=loader(130, 64, drop_last=True),
                optimisers=_dcgan,
            )
        ),
    ),
    fine(
        "packed-pairs-batch-spread",
        penalties=(),
        objective=Minimax(),
        optimisers=_dcgan,
        make_critic=lambda: nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), BatchSpread(), nn.Linear(33, 1)
        ),
    ),
    # Slopes bounded by other means.
    sound("spectral-wasserstein", grid, "sngan", "objective=Wasserstein()"),
    fine("own-spectral", make_critic=lambda: normalised(critic()), penalties=()),
    fine("spectral-and-gp", constraints=(SpectralNorm(),), optimisers=lambda g, c: (None, adam(g))),
    fine("r1-wasserstein", penalties=(Term(R1(), 1.0),)),
    fine("r1-r2", penalties=(Term(R1(), 1.0), Term(R2(), 1.0)), objective=RelativisticPairing()),
    fine("one-sided-and-r1", penalties=(Term(OneSided(), 1.0), Term(R1(), 0.1))),
    sound(
        "lazy-r1",
        grid,
        "r3gan",
        change=lambda r: dataclasses.replace(
            r, penalty=tuple(dataclasses.replace(t, every=16) for t in r.penalty)
        ),
    ),
    sound(
        "weight-falls-to-zero",
        grid,
        "wgan-gp",
        change=lambda r: dataclasses.replace(r, penalty=(Term(TwoSided(), Linear(1.0, 0.0)),)),
    ),
    fine("r1-non-saturating", penalties=(Term(R1(), 5.0),), objective=Minimax()),
    fine("no-penalty-hinge", penalties=(), objective=Hinge(), optimisers=_dcgan),
    # Smooth networks, and those that are hard to differentiate.
    fine("gp-silu", make_critic=partial(critic, activation=nn.SiLU)),
    fine("gp-tanh-units", make_critic=partial(critic, activation=nn.Tanh)),
    fine("gp-softplus", make_critic=partial(critic, activation=nn.Softplus)),
    fine("gp-gru", build=image_loop, make_critic=Recurrent),
    fine(
        "finite-difference",
        make_critic=partial(critic, activation=nn.SiLU),
        penalties=(Term(FiniteDifference(TwoSided()), 1.0),),
    ),
    fine("zero-initialised-residual", make_critic=Residual),
    fine("own-good-penalty", build=image_loop, penalties=lambda: (own(good_penalty),)),
    # Bounded scores where the objective wants them.
    fine(
        "sigmoid-least-squares",
        make_critic=partial(critic, 2, nn.Sigmoid()),
        penalties=(),
        objective=LeastSquares(),
        optimisers=_dcgan,
    ),
    # Ranges.
    fine("linear-on-unbounded"),
    fine("large-units", real=1e4 * noise(64, 2), penalties=(Term(R1(), 1.0),), objective=Minimax()),
    fine(
        "sigmoid-on-unit-range",
        build=image_loop,
        make_generator=partial(image_generator, nn.Sigmoid()),
        real=images(64, 0.0, 1.0),
    ),
    fine(
        "binary",
        build=image_loop,
        make_generator=partial(image_generator, nn.Sigmoid()),
        real=unit(64, *IMAGE).round(),
    ),
    fine("binary-signed", build=image_loop, real=2 * unit(64, *IMAGE).round() - 1),
    fine("hardly-beyond", build=image_loop, real=images(64) * (1 + 1e-6)),
    fine(
        "linear-end-on-images",
        build=image_loop,
        make_generator=partial(image_generator, nn.Identity()),
    ),
    sound("dark-images", lambda: of_images(stored(400) // 8), "wgan-gp"),
    # Optimisers and frozen parts.
    fine("layers-frozen", make_critic=_partly_frozen, optimisers=_trainable_only),
    fine("layers-frozen-but-given", make_critic=_partly_frozen),
    fine("parameter-groups", optimisers=_groups),
    fine(
        "sgd",
        optimisers=lambda g, c: (
            torch.optim.SGD(c.parameters(), 1e-2),
            torch.optim.SGD(g.parameters(), 1e-2),
        ),
    ),
    fine(
        "adamw",
        optimisers=lambda g, c: (
            torch.optim.AdamW(c.parameters(), 1e-4, betas=(0.0, 0.9)),
            torch.optim.AdamW(g.parameters(), 1e-4, betas=(0.0, 0.9)),
        ),
    ),
    # Batches.
    fine("batch-of-one-without-bn", batch_size=1),
    fine("batch-of-two-with-bn", make_generator=partial(generator, norm=BN1), batch_size=2),
    Case("uneven-last-batch", LoopCase(lambda: points_loop(real=loader(130, 64)))),
    sound("small-batch", digits, "wgan-gp", "training.batch_size=4"),
    sound("accumulation", digits, "wgan-gp", "training.accumulation=4"),
    # Labels that fit.
    Case(
        "embedding-with-room",
        LoopCase(
            lambda: points_loop(
                lambda: Labelled(critic(6), 10),
                lambda: Labelled(generator(inputs=LATENT + 4), 10),
                real=Samples(noise(64, 2), torch.arange(64) % 6),
            )
        ),
    ),
    Case(
        "one-hot-labels",
        LoopCase(
            lambda: points_loop(
                lambda: OneHot(critic(2 + 6), 6),
                lambda: OneHot(generator(inputs=LATENT + 6), 6),
                real=Samples(noise(64, 2), torch.arange(64) % 6),
            )
        ),
    ),
    sound("balanced-rows", balanced, "cgan"),
    sound("classes-three-to-one", lambda: imbalanced(1_000, 250), "cgan"),
    # Settings off the beaten track.
    sound("n-critic-one-under-gp", grid, "wgan-gp", "n_critic=1"),
    sound("image-weight-on-points", grid, "wgan-gp", "penalty.weight=10"),
    sound(
        "clipping-adam-without-momentum",
        grid,
        "wgan",
        "critic_optimiser=Adam(lr=5e-5)",
        may_warn=("clipping_depth",),
    ),
    sound("clipping-wider", grid, "wgan", "constraint.limit=0.1", "critic_optimiser.lr=1e-4"),
    sound("smoothed", digits, "dcgan", "objective.real_label=0.9"),
    sound("bfloat16", digits, "digits", "training.precision=bfloat16"),
)
