"""Somebody's own loop with the faults of public code, each planted and each named."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits
from torch.utils._python_dispatch import TorchDispatchMode

from steadygan.diagnosis import Diagnosis, Monitor
from steadygan.errors import UsageError
from steadygan.history import History

N = 64
Scores = Callable[[Tensor], Tensor]


def points(n: int) -> Tensor:
    angle = torch.randint(8, (n,)) * (math.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * torch.randn(n, 2)


def mlp(inputs: int, outputs: int, norm: Any = None, *end: nn.Module) -> nn.Sequential:
    normed = [norm(32)] if norm else []
    return nn.Sequential(
        nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, 32), *normed, nn.ReLU(),
        nn.Linear(32, outputs), *end,
    )  # fmt: skip


def slopes(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
    epsilon = torch.rand(len(real), *(1,) * (real.ndim - 1))
    at = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    return torch.autograd.grad(critic(at).sum(), at, create_graph=True)[0]


def per_sample(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
    return (slopes(critic, real, fake).flatten(1).norm(dim=1) - 1).square().mean()


def batch_wide(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
    return (slopes(critic, real, fake).norm() - 1).square()


def over_channels(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
    return (slopes(critic, real, fake).norm(dim=1) - 1).square().mean()


def between(
    epsilon_of: Callable[[Tensor], Tensor],
) -> Callable[[Scores, Tensor, Tensor], Tensor]:
    def penalty(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
        epsilon = epsilon_of(real)
        at = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
        (found,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
        return (found.flatten(1).norm(dim=1) - 1).square().mean()

    return penalty


def without_graph(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
    return per_sample(critic, real, fake).detach()


def same_rows() -> Callable[[int], Tensor]:
    """Always the same rows, in another order and some of them twice."""
    data: list[Tensor] = []

    def draw(n: int) -> Tensor:
        if not data:
            data.append(points(n))
        return data[0][torch.randint(n, (n,))]

    return draw


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def cross_entropy(real_label: float = 1.0, fake_label: float = 0.0) -> Callable[..., Tensor]:
    def loss(real: Tensor, fake: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(
            real, torch.full_like(real, real_label)
        ) + binary_cross_entropy_with_logits(fake, torch.full_like(fake, fake_label))

    return loss


def probabilities(real: Tensor, fake: Tensor) -> Tensor:
    return binary_cross_entropy(real, torch.ones_like(real)) + binary_cross_entropy(
        fake, torch.zeros_like(fake)
    )


def least_squares(real: Tensor, fake: Tensor) -> Tensor:
    return (real - 1).square().mean() + fake.square().mean()


@dataclass(frozen=True)
class Loop:
    """A WGAN-GP on points; each field is a place where something can go wrong."""

    critic: Callable[[], nn.Module] = lambda: mlp(2, 1)
    generator: Callable[[], nn.Module] = lambda: mlp(2, 2)
    draw: Callable[[int], Tensor] = points
    latent: Callable[[], Tensor] = lambda: torch.randn(N, 2)
    shown: Callable[[Tensor], Tensor] = lambda fake: fake
    loss: Callable[[Tensor, Tensor], Tensor] = wasserstein
    generator_loss: Callable[[Tensor], Tensor] = lambda fake: -fake.mean()
    penalty: Callable[[Scores, Tensor, Tensor], Tensor] | None = per_sample
    weight: float = 0.1
    clip: float | None = None
    detach: bool = True
    detach_in_generator: bool = False
    zero_critic: bool = True
    zero_generator: bool = True
    one_adam: bool = False
    same_batch: bool = False
    minimise: str = "all"
    half: bool = False
    generator_steps: bool = True
    n_critic: int = 2
    lr: float = 1e-3
    ask: Callable[[nn.Module, Tensor], Tensor] = lambda critic, x: critic(x)
    logged: Callable[[Tensor, Tensor], Tensor] | None = None

    def run(self, steps: int = 40, **options: Any) -> Diagnosis:
        torch.manual_seed(0)
        generator, critic = self.generator(), self.critic()
        if self.one_adam:
            both = [*critic.parameters(), *generator.parameters()]
            of_critic = of_generator = torch.optim.Adam(both, lr=self.lr, betas=(0.0, 0.9))
        else:
            of_critic, of_generator = (
                torch.optim.Adam(n.parameters(), lr=self.lr, betas=(0.0, 0.9))
                for n in (critic, generator)
            )
        monitor = Monitor(generator, critic, of_critic, of_generator, **options)
        first = self.draw(N)
        score = functools.partial(self.ask, critic)
        for _ in range(steps):
            for _ in range(self.n_critic):
                real = first if self.same_batch else self.draw(N)
                fake = self.shown(generator(self.latent()))
                fake = fake.detach() if self.detach else fake
                real_scores, fake_scores = score(real), score(fake)
                loss, penalty = self.loss(real_scores, fake_scores), None
                if self.penalty is not None:
                    penalty = self.penalty(score, real, fake)
                    penalty = penalty.half() if self.half else penalty
                total = loss if penalty is None else loss + self.weight * penalty.float()
                if self.zero_critic:
                    of_critic.zero_grad()
                monitor.critic(
                    real_scores, fake_scores, loss=total if self.logged is None else
                    self.logged(real_scores, fake_scores), penalty=penalty, real=real,
                    fake=fake.detach(),
                )  # fmt: skip
                parts = {"all": [total], "penalty": [penalty], "scores": [loss]}
                parts["apart"] = [loss, penalty]
                for part in parts[self.minimise]:
                    assert part is not None
                    of_critic.zero_grad(set_to_none=True) if self.minimise == "apart" else None
                    if part is penalty and self.minimise == "apart":
                        part = per_sample(score, real, fake)
                    part.backward()
                    of_critic.step()
                if self.clip is not None:
                    with torch.no_grad():
                        for p in critic.parameters():
                            p.clamp_(-self.clip, self.clip)
            if self.zero_generator:
                of_generator.zero_grad()
            fake = self.shown(generator(self.latent()))
            scores = score(fake.detach() if self.detach_in_generator else fake)
            loss = self.generator_loss(scores)
            monitor.generator(scores, loss=loss)
            loss.backward()
            if self.generator_steps:
                of_generator.step()
        return monitor.close()


def saturating(fake: Tensor) -> Tensor:
    return -binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))


def non_saturating(fake: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


def towards_zero(fake: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))


def spectral() -> nn.Module:
    network = mlp(2, 1)
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.utils.parametrizations.spectral_norm(layer)
    return network


def far(n: int) -> Tensor:
    return 5 * points(n)


class Sized(nn.Sequential):
    """Makes batches of one size, as where it is a setting."""

    def forward(self, z: Tensor) -> Tensor:
        samples: Tensor = super().forward(z.view(N, -1))
        return samples


class Restoring(nn.Module):
    """Scores how badly it restores its samples."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = (x - self.body(x)).abs().mean(1)
        return scores


class Clipped(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.clamp(-0.05, 0.05)


def parametrised(network: nn.Module) -> nn.Module:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.utils.parametrize.register_parametrization(layer, "weight", Clipped())
    return network


GP = Loop()
DCGAN = Loop(
    loss=cross_entropy(), generator_loss=non_saturating, penalty=None, n_critic=1,
    critic=lambda: mlp(2, 1, nn.BatchNorm1d),
)  # fmt: skip
WGAN = Loop(penalty=None, clip=0.05, lr=1e-3)


def images(n: int) -> Tensor:
    return torch.rand(n, 2, 6, 6) * 2 - 1


IMAGES = replace(
    GP,
    draw=images,
    critic=lambda: nn.Sequential(nn.Flatten(), mlp(72, 1)),
    generator=lambda: nn.Sequential(mlp(2, 72), nn.Tanh(), nn.Unflatten(1, (2, 6, 6))),
)


class Headed(nn.Module):
    """Its last layer has no use, as a head for classes or for a later resolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = mlp(2, outputs)
        self.classes = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


HEADED = replace(GP, critic=lambda: Headed(1), generator=lambda: Headed(2))


@pytest.mark.parametrize(
    "loop",
    [
        GP,
        HEADED,
        replace(GP, n_critic=1),
        replace(GP, n_critic=5, weight=10.0),
        replace(GP, critic=lambda: mlp(2, 1, nn.LayerNorm)),
        replace(GP, loss=cross_entropy(), generator_loss=non_saturating, weight=1.0),
        IMAGES,
        replace(IMAGES, weight=10.0),
        DCGAN,
        replace(DCGAN, loss=cross_entropy(0.9)),
        replace(DCGAN, generator_loss=saturating),
        replace(
            DCGAN,
            critic=lambda: mlp(2, 1, None, nn.Sigmoid()),
            loss=probabilities,
            generator_loss=lambda p: binary_cross_entropy(p, torch.ones_like(p)),
        ),
        replace(DCGAN, loss=least_squares, generator_loss=lambda s: (s - 1).square().mean()),
        replace(
            DCGAN,
            loss=lambda r, f: (1 - r).relu().mean() + (1 + f).relu().mean(),
            generator_loss=lambda s: -s.mean(),
        ),
        # Fakes are 1 and real samples 0, in both losses: a convention, and no fault.
        replace(DCGAN, loss=cross_entropy(0.0, 1.0), generator_loss=towards_zero),
        WGAN,
        replace(WGAN, n_critic=5),
        replace(WGAN, clip=None, critic=spectral),
        replace(WGAN, clip=None, critic=lambda: parametrised(mlp(2, 1))),
        replace(WGAN, clip=None, critic=lambda: nn.utils.spectral_norm(nn.Linear(2, 1, False))),
        # BEGAN: errors of an autoencoder, those of fakes with less weight.
        replace(
            WGAN, clip=None, critic=Restoring, generator_loss=lambda s: s.mean(),
            loss=lambda r, f: r.mean() - 0.3 * f.mean(),
        ),
        # Whatever the generator's range, what the critic sees of it counts.
        replace(IMAGES, draw=lambda n: 255 * images(n), shown=lambda fake: 255 * fake),
        replace(GP, draw=lambda n: 100 * points(n), weight=1e-4),
    ],
    ids=lambda loop: "",
)  # fmt: skip
def test_a_healthy_loop_has_no_finding(loop: Loop) -> None:
    diagnosis = loop.run()
    assert not diagnosis.errors, diagnosis
    assert not diagnosis.warnings, diagnosis
    assert "penalty_points" not in {finding.check for finding in diagnosis.not_run}


@pytest.mark.parametrize(
    ("loop", "names"),
    [
        (replace(GP, loss=lambda r, f: r.mean() - f.mean()), {"critic_sign"}),
        (replace(WGAN, loss=lambda r, f: r.mean() - f.mean()), {"critic_sign"}),
        (replace(DCGAN, loss=cross_entropy(0.0, 1.0)), {"critic_sign"}),
        (replace(GP, minimise="penalty"), {"minimised_loss"}),
        (replace(GP, logged=lambda real, fake: -real.mean()), {"minimised_loss"}),
        (replace(DCGAN, loss=cross_entropy(0.9, 0.9)), {"label_smoothing"}),
        (replace(DCGAN, loss=cross_entropy(1.1, 0.1)), {"label_smoothing"}),
        (replace(DCGAN, loss=cross_entropy(1.0, 0.1)), {"label_smoothing"}),
        (replace(DCGAN, loss=cross_entropy(0.9, 0.1)), {"label_smoothing"}),
        (replace(GP, penalty=between(lambda x: torch.rand(()))), {"penalty_points"}),
        (
            replace(GP, penalty=between(lambda x: torch.randn(len(x), 1))),
            {"penalty_points"},
        ),
        (replace(GP, penalty=without_graph), {"penalty_gradient"}),
        (replace(GP, minimise="scores", logged=wasserstein), {"penalty_gradient"}),
        (replace(GP, weight=100.0, minimise="penalty"), {"minimised_loss"}),
        (replace(GP, minimise="apart", logged=wasserstein), {"penalty_step"}),
        (replace(GP, draw=same_rows()), {"repeated_batches"}),
        (replace(WGAN, clip=None), {"lipschitz"}),
        (replace(GP, one_adam=True), {"shared_optimiser"}),
        (replace(GP, detach=False, zero_generator=False), {"undetached_fakes"}),
        (replace(GP, detach=False), {"undetached_fakes"}),
        (replace(GP, zero_critic=False), {"leftover_gradients"}),
        (replace(GP, generator_steps=False), {"network_moves"}),
        (replace(GP, same_batch=True), {"repeated_batches"}),
        (replace(GP, half=True), {"fp16"}),
        (replace(GP, latent=itertools.repeat(torch.randn(N, 2)).__next__), {"repeated_latents"}),
        (replace(IMAGES, draw=lambda n: 127.5 + 127.5 * images(n)), {"data_range"}),
        (
            replace(GP, generator=lambda: Sized(mlp(2, 2, None, nn.Tanh())), draw=far),
            {"data_range"},
        ),
        (replace(WGAN, critic=lambda: mlp(2, 1, None, nn.Sigmoid())), {"bounded_critic"}),
        (replace(GP, critic=lambda: mlp(2, 1, nn.BatchNorm1d)), {"batch_coupling"}),
        (replace(GP, penalty=batch_wide), {"penalty_per_sample"}),
        (replace(IMAGES, penalty=batch_wide), {"penalty_per_sample"}),
        (replace(IMAGES, penalty=over_channels, weight=10.0), {"penalty_per_sample"}),
        (replace(HEADED, detach=False), {"undetached_fakes"}),
        (replace(HEADED, zero_critic=False), {"leftover_gradients"}),
        (replace(HEADED, minimise="penalty"), {"minimised_loss"}),
        (replace(HEADED, generator_steps=False), {"network_moves"}),
    ],
    ids=[
        "sign", "sign-clipped", "labels-swapped", "backward-penalty", "another-loss-logged",
        "labels-alike", "labels-beyond-one", "fake-labels-smoothed", "both-sides-smoothed",
        "one-epsilon", "normal-epsilon", "no-create-graph", "penalty-not-in-the-loss",
        "backward-heavy-penalty", "penalty-steps-apart", "same-rows", "no-clipping",
        "one-adam", "undetached-kept",
        "undetached-zeroed", "no-zero-grad", "generator-never-steps", "same-batch", "half",
        "same-latents", "bytes-against-tanh", "far-from-a-sized-one", "sigmoid",
        "batch-norm", "batch-wide", "batch-wide-images", "over-channels",
        "headed-undetached", "headed-no-zero-grad", "headed-backward-penalty",
        "headed-generator-never-steps",
    ],
)  # fmt: skip
def test_a_planted_fault_is_named(loop: Loop, names: set[str]) -> None:
    diagnosis = loop.run()
    found = {finding.check for finding in (*diagnosis.errors, *diagnosis.warnings)}
    assert names <= found, diagnosis


class Conditional(nn.Module):
    """Takes its condition and its samples by name, and returns features beside its scores."""

    def __init__(self, norm: Any = None) -> None:
        super().__init__()
        self.body = mlp(4, 8, norm)
        self.last = nn.Linear(8, 1)

    def forward(self, *, label: Tensor, sample: Tensor) -> dict[str, Tensor]:
        features = self.body(torch.cat([sample, nn.functional.one_hot(label, 2)], 1))
        return {"features": features, "scores": self.last(features)}


class Tupled(Conditional):
    """Takes one-hot conditions, first, and returns a tuple."""

    def forward(self, label: Tensor, sample: Tensor) -> Any:
        features = self.body(torch.cat([sample, label], 1))
        return features, self.last(features)


def by_name(critic: nn.Module, x: Tensor) -> Tensor:
    scores: Tensor = critic(label=torch.arange(len(x)) % 2, sample=x)["scores"]
    return scores


def of_tuple(critic: nn.Module, x: Tensor) -> Tensor:
    scores: Tensor = critic(torch.eye(2)[torch.arange(len(x)) % 2], x)[1]
    return scores.squeeze(1)


class Packed(nn.Module):
    """Scores packs of two samples that it puts together itself."""

    def __init__(self, norm: Any = None, *, of_halves: bool = False) -> None:
        super().__init__()
        self.body, self.of_halves = mlp(4, 1, norm), of_halves

    def forward(self, x: Tensor) -> Tensor:
        packs = torch.cat(x.chunk(2), 1) if self.of_halves else x.reshape(len(x) // 2, -1)
        scores: Tensor = self.body(packs)
        return scores


@pytest.mark.parametrize(
    ("critic", "ask"),
    [(Conditional, by_name), (Tupled, of_tuple)],
    ids=["by name", "beside features"],
)
@pytest.mark.parametrize(
    ("norm", "penalty", "names"),
    [
        (None, per_sample, set()),
        (nn.BatchNorm1d, per_sample, {"batch_coupling"}),
        (None, batch_wide, {"penalty_per_sample"}),
        (None, None, {"lipschitz"}),
    ],
    ids=["sound", "batch-norm", "batch-wide", "nothing bounds it"],
)
def test_a_critic_is_asked_as_the_loop_asks_it(
    critic: Callable[[Any], nn.Module],
    ask: Callable[[nn.Module, Tensor], Tensor],
    norm: Any,
    penalty: Any,
    names: set[str],
) -> None:
    diagnosis = replace(GP, critic=lambda: critic(norm), ask=ask, penalty=penalty).run()
    assert alarms(diagnosis) == names
    assert not diagnosis.not_run, diagnosis


@pytest.mark.parametrize("of_halves", [False, True])
@pytest.mark.parametrize(("norm", "names"), [(None, set()), (nn.BatchNorm1d, {"batch_coupling"})])
def test_packs_are_no_coupling(of_halves: bool, norm: Any, names: set[str]) -> None:
    diagnosis = replace(GP, critic=lambda: Packed(norm, of_halves=of_halves)).run()
    assert alarms(diagnosis) == names
    (missing,) = diagnosis.not_run
    assert missing.check == "penalty_per_sample"
    assert "returned shape (32,) for 64 samples" in missing.evidence


def test_where_the_critic_scores_something_else_it_is_said_what_to_hand_over() -> None:
    packs = replace(GP, critic=lambda: mlp(4, 1), ask=lambda critic, x: critic(x.reshape(-1, 4)))
    (missing,) = packs.run().not_run
    assert missing.check == "penalty_per_sample"
    assert "shape (4,), and those handed over have (2,): hand over what" in missing.evidence


def inside_of_func(critic: Scores, real: Tensor, fake: Tensor) -> Tensor:
    at = torch.lerp(fake, real, torch.rand(len(real), 1))
    return (torch.func.grad(lambda x: critic(x).sum())(at).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize(
    "loop",
    [
        replace(GP, penalty=inside_of_func),
        replace(
            GP,
            draw=lambda n: points(n).double(),
            critic=lambda: mlp(2, 1).double(),
            ask=lambda critic, x: critic(x.double()),
        ),
    ],
    ids=["torch.func", "float64"],
)
def test_unusual_tensors_are_compared_as_others_are(loop: Loop) -> None:
    diagnosis = loop.run()
    assert not alarms(diagnosis), diagnosis
    assert not diagnosis.not_run, diagnosis


def test_a_generator_that_is_cut_off_is_named_when_its_loss_has_no_graph() -> None:
    loop = replace(GP, detach_in_generator=True)
    diagnosis = loop.run()
    assert "network_moves" in {finding.check for finding in diagnosis.errors}


def test_the_history_is_read_as_any_other(tmp_path: Path) -> None:
    GP.run(40, out=tmp_path / "mine", every=10)
    history = History.read(tmp_path / "mine" / "history.jsonl")
    steps, losses = history.column("critic.loss")
    assert steps == [10, 20, 30, 40]
    assert all(map(math.isfinite, losses))
    for name in (
        "critic.scores.real.mean", "critic.scores.fake.std", "critic.terms.penalty",
        "critic.gradient_norms.critic", "generator.loss", "generator.gradient_norms.generator",
    ):  # fmt: skip
        assert history.column(name)[0] == steps, name
    findings = [row.values for row in history.of_kind("finding")]
    assert {each["status"] for each in findings} <= {"ok", "not_run"}
    json.dumps([dict(each) for each in findings])
    with pytest.raises(UsageError, match="already holds a history"):
        GP.run(1, out=tmp_path / "mine")


def test_training_is_the_same_with_and_without() -> None:
    """The monitor draws nothing from the loop's random state and moves no weight."""

    def weights(watch: int) -> Tensor:
        torch.manual_seed(0)
        kept: list[nn.Module] = []

        def critic() -> nn.Module:
            kept.append(mlp(2, 1))
            return kept[-1]

        replace(GP, critic=critic).run(30, watch=watch)
        return nn.utils.parameters_to_vector(kept[0].parameters())

    assert torch.equal(weights(1), weights(1_000))


def test_faults_are_said_while_it_trains() -> None:
    said: list[str] = []
    replace(GP, one_adam=True).run(40, say=said.append)
    assert sum("shared_optimiser" in line for line in said) == 1


def test_little_is_said_of_a_few_updates() -> None:
    diagnosis = GP.run(3)
    assert not diagnosis.errors
    assert {"critic_sign", "label_smoothing", "repeated_batches"} <= {
        finding.check for finding in diagnosis.not_run
    }


def test_a_score_for_each_pixel_is_read_without_keeping_them_all() -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1))
    critic = nn.Sequential(nn.Conv2d(1, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(2, 1, 1))
    of_generator, of_critic = (torch.optim.Adam(n.parameters()) for n in (generator, critic))
    monitor = Monitor(generator, critic, of_critic, of_generator)
    loss = cross_entropy(0.9, 0.1)
    for _ in range(24):
        real, fake = torch.randn(4, 1, 128, 128), generator(torch.randn(4, 1, 128, 128))
        scores = critic(real), critic(fake.detach())
        of_critic.zero_grad()
        monitor.critic(*scores, loss=(total := loss(*scores)))
        total.backward()
        of_critic.step()
        of_generator.zero_grad()
        score = critic(fake)
        monitor.generator(score, loss=(total := non_saturating(score)))
        total.backward()
        of_generator.step()
    assert alarms(monitor.close()) == {"label_smoothing"}
    kept = [sum(each.untyped_storage().nbytes() for each in of) for of in (
        monitor.evidence.scores["critic.real"], monitor.evidence.slopes["critic.real"]
    )]  # fmt: skip
    assert max(kept) < 24 * 4 * 128 * 128 * 8 / 4


def test_one_sided_smoothing_is_told_of_and_no_alarm() -> None:
    diagnosis = replace(DCGAN, loss=cross_entropy(0.9)).run()
    (finding,) = [f for f in diagnosis.findings if f.check == "label_smoothing"]
    assert finding.status == "ok"
    assert "one-sided smoothing" in finding.evidence
    assert "0.90" in finding.evidence


class Own:
    """A sound loop of hinge losses; what is handed to the monitor, and how it steps, differ."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator, self.critic = mlp(2, 2), mlp(2, 1)
        self.of_critic = torch.optim.SGD(self.critic.parameters(), lr=0.05)
        self.of_generator = torch.optim.SGD(self.generator.parameters(), lr=0.05)

    def watched(self, **options: Any) -> Monitor:
        return Monitor(self.generator, self.critic, self.of_critic, self.of_generator, **options)

    def critic_loss(self) -> tuple[Tensor, Tensor, Tensor]:
        scores = self.critic(torch.cat([points(N), self.generator(torch.randn(N, 2)).detach()]))
        signs = torch.cat([torch.ones(N, 1), -torch.ones(N, 1)])
        loss = 2 * (1 - signs * scores).relu().mean()
        real, fake = scores.chunk(2)  # after the loss: its graph does not hold them
        return real, fake, loss

    def generator_loss(self) -> tuple[Tensor, Tensor]:
        scores = self.critic(self.generator(torch.randn(N, 2)))
        return scores, -scores.mean()

    def update(self, monitor: Monitor) -> dict[str, Tensor]:
        """Of both networks; returns all that was handed over."""
        real, fake, loss = self.critic_loss()
        self.of_critic.zero_grad()
        monitor.critic(real, fake, loss=loss)
        loss.backward()
        self.of_critic.step()
        scores, of_generator = self.generator_loss()
        self.of_generator.zero_grad()
        monitor.generator(scores, loss=of_generator)
        of_generator.backward()
        self.of_generator.step()
        return {
            "critic.scores.real": real, "critic.scores.fake": fake, "critic.loss": loss,
            "generator.scores.fake": scores, "generator.loss": of_generator,
        }  # fmt: skip


def alarms(diagnosis: Diagnosis) -> set[str]:
    return {finding.check for finding in (*diagnosis.errors, *diagnosis.warnings)}


def test_halves_of_joined_scores_tell_the_sign() -> None:
    own = Own()
    monitor = own.watched()
    for _ in range(30):
        real, fake, loss = own.critic_loss()
        monitor.critic(fake, real, loss=loss)  # exchanged: the sign is reversed
        own.of_critic.zero_grad()
        loss.backward()
        own.of_critic.step()
        scores, loss = own.generator_loss()
        monitor.generator(scores, loss=-loss)
        own.of_generator.zero_grad()
        (-loss).backward()
        own.of_generator.step()
    status = {finding.check: finding.status for finding in monitor.close().findings}
    assert status["critic_sign"] == "ok"  # the critic pushes what is called fake up, the other down


@pytest.mark.parametrize("to_none", [False, True])
def test_a_network_that_stays_frozen_is_named_and_nothing_else(to_none: bool) -> None:
    """Frozen for the generator's step, as many do, and never again set free."""
    own = Own()
    monitor = own.watched()
    for _ in range(40):
        own.of_critic.zero_grad(set_to_none=to_none)
        fake = own.generator(torch.randn(N, 2))
        r, f = own.critic(points(N)), own.critic(fake)
        loss = (1 - r).relu().mean() + (1 + f).relu().mean()
        monitor.critic(r, f, loss=loss)
        loss.backward()
        own.of_critic.step()
        own.critic.requires_grad_(False)
        own.of_generator.zero_grad()
        scores, of_generator = own.generator_loss()
        monitor.generator(scores, loss=of_generator)
        of_generator.backward()
        own.of_generator.step()
    diagnosis = monitor.close()
    assert alarms(diagnosis) == {"network_moves", "undetached_fakes"}
    (finding,) = diagnosis.errors
    assert "steps of the critic none of its parameters requires a gradient" in finding.evidence
    assert "critic.requires_grad_(True)" in finding.try_next


def test_closures_and_accumulated_batches_are_sound() -> None:
    own = Own()
    monitor = own.watched()

    def of_critic() -> Tensor:
        own.of_critic.zero_grad()
        for _ in range(3):
            real, fake, loss = own.critic_loss()
            monitor.critic(real, fake, loss=loss / 3)
            (loss / 3).backward()
        return loss

    def of_generator() -> Tensor:
        own.of_generator.zero_grad()
        for _ in range(3):
            scores, loss = own.generator_loss()
            monitor.generator(scores, loss=loss / 3)
            (loss / 3).backward()
        nn.utils.clip_grad_value_(own.generator.parameters(), 1e-3)
        return loss

    for _ in range(30):
        own.of_critic.step(of_critic)
        own.of_generator.step(of_generator)
    diagnosis = monitor.close()
    assert not alarms(diagnosis), diagnosis
    assert "minimised_loss" not in {finding.check for finding in diagnosis.not_run}


def test_weights_clipped_before_the_step_are_clipped() -> None:
    own = Own()
    monitor = own.watched()
    for _ in range(30):
        with torch.no_grad():
            for p in own.critic.parameters():
                p.clamp_(-0.05, 0.05)
        real, fake = own.critic(points(N)), own.critic(own.generator(torch.randn(N, 2)).detach())
        monitor.critic(real, fake, loss=fake.mean() - real.mean())
        own.of_critic.zero_grad()
        (fake.mean() - real.mean()).backward()
        own.of_critic.step()
        scores, loss = own.generator_loss()
        monitor.generator(scores, loss=loss)
        own.of_generator.zero_grad()
        loss.backward()
        own.of_generator.step()
    assert "lipschitz" not in alarms(monitor.close())


def test_watched_networks_are_copied_and_saved_as_others_are(tmp_path: Path) -> None:
    own = Own()
    monitor = own.watched()
    copied = copy.deepcopy(own.critic)
    torch.save((own.generator, own.critic), tmp_path / "networks.pt")
    assert b"steadygan" not in (tmp_path / "networks.pt").read_bytes()
    _, loaded = torch.load(tmp_path / "networks.pt", weights_only=False)
    x = points(N)
    assert torch.equal(copied(x), own.critic(x))
    assert torch.equal(loaded(x), own.critic(x))
    monitor.close()


@pytest.mark.parametrize(
    ("hand_over", "message"),
    [
        (lambda m, r, f, x: m.critic("scores", f, loss=x), "real_scores is str"),
        (lambda m, r, f, x: m.critic(r, f, loss=x.expand(5)), r"loss has shape \(5,\)"),
        (lambda m, r, f, x: m.critic(r, f, loss=x, real={"x": 1}), "real is dict"),
    ],
)
def test_wrong_use_is_told_of_once_and_ends_no_training(
    hand_over: Callable[[Monitor, Tensor, Tensor, Tensor], None], message: str
) -> None:
    own = Own()
    monitor = own.watched()
    real, fake, loss = own.critic_loss()
    with pytest.warns(RuntimeWarning, match=message):
        hand_over(monitor, real, fake, loss)
    for _ in range(30):
        real, fake, loss = own.critic_loss()
        hand_over(monitor, real, fake, loss)
        own.of_critic.zero_grad()
        loss.backward()
        own.of_critic.step()
    diagnosis = monitor.close()
    assert not alarms(diagnosis)
    assert any("stopped watching" in finding.evidence for finding in diagnosis.not_run)


@pytest.mark.parametrize(
    "hand_over",
    [
        lambda m, r, f, x: m.critic(r, f, loss=x.item(), penalty=0.0),
        lambda m, r, f, x: m.critic([r, r], [f, f], loss=x.view(1, 1)),
        lambda m, r, f, x: m.critic(r.detach().numpy(), f.detach().numpy(), loss=x.detach()),
    ],
    ids=["numbers", "lists", "arrays"],
)
def test_what_is_not_quite_right_is_taken_as_far_as_it_goes(
    hand_over: Callable[[Monitor, Tensor, Tensor, Tensor], None],
) -> None:
    own = Own()
    monitor = own.watched()
    for _ in range(25):
        hand_over(monitor, *own.critic_loss())
        own.of_critic.step()
    assert "stopped" not in str(monitor.close())


def of_heads(
    critic_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor],
    join: Callable[[list[Tensor]], Any],
) -> Diagnosis:
    """A loop whose critic looks at two scales, at as many places as each has."""
    torch.manual_seed(0)
    critic = nn.ModuleList(nn.Conv1d(1, 1, 3, stride) for stride in (1, 3))
    generator = nn.Sequential(nn.Linear(2, 12), nn.Unflatten(1, (1, 12)))
    of_critic, of_generator = (
        torch.optim.Adam(n.parameters(), lr=1e-3) for n in (critic, generator)
    )
    monitor = Monitor(generator, critic, of_critic, of_generator)
    for _ in range(40):
        real, fake = torch.randn(16, 1, 12).cumsum(2), generator(torch.randn(16, 2))
        r, f = ([head(x) for head in critic] for x in (real, fake.detach()))
        loss = torch.stack([critic_loss(*each) for each in zip(r, f, strict=True)]).sum()
        of_critic.zero_grad()
        monitor.critic(join(r), join(f), loss=loss, real=real, fake=fake)
        loss.backward()
        of_critic.step()
        f = [head(fake) for head in critic]
        loss = torch.stack([generator_loss(each) for each in f]).sum()
        of_generator.zero_grad()
        monitor.generator(join(f), loss=loss)
        loss.backward()
        of_generator.step()
    return monitor.close()


@pytest.mark.parametrize(
    ("critic_loss", "generator_loss", "names"),
    [
        (least_squares, lambda f: (f - 1).square().mean(), set()),
        (cross_entropy(), non_saturating, set()),
        (cross_entropy(), towards_zero, {"critic_sign"}),
        (cross_entropy(0.9, 0.1), non_saturating, {"label_smoothing"}),
        (lambda r, f: r.mean() - f.mean(), lambda f: -f.mean(), {"critic_sign"}),
    ],
    ids=["least-squares", "cross-entropy", "sign", "labels", "sign-wasserstein"],
)
def test_scores_of_several_heads_are_handed_over_as_a_list(
    critic_loss: Callable[[Tensor, Tensor], Tensor],
    generator_loss: Callable[[Tensor], Tensor],
    names: set[str],
) -> None:
    diagnosis = of_heads(critic_loss, generator_loss, list)
    assert alarms(diagnosis) == names
    # The heads are no one network.
    assert {f.check for f in diagnosis.not_run} <= {"lipschitz", "bounded_critic"}


def test_of_scores_that_the_loss_does_not_know_nothing_is_said() -> None:
    def join(heads: list[Tensor]) -> Tensor:
        return torch.cat([each.flatten() for each in heads])

    diagnosis = of_heads(wasserstein, lambda f: -f.mean(), join)
    assert not alarms(diagnosis)
    assert {"critic_sign", "label_smoothing", "lipschitz"} <= {f.check for f in diagnosis.not_run}


def test_a_row_sums_up_all_updates_since_the_last(tmp_path: Path) -> None:
    own = Own()
    monitor = own.watched(out=tmp_path / "own", every=50, watch=10)  # more than are kept at once
    seen = [{k: v.detach() for k, v in own.update(monitor).items()} for _ in range(50)]
    monitor.close()
    (row,) = History.read(tmp_path / "own" / "history.jsonl").of_kind("record")
    expected = {}
    for name in seen[0]:
        values = torch.stack([each[name].double().flatten() for each in seen])
        if "scores" not in name:
            expected[name] = values.mean()
            continue
        expected[f"{name}.mean"], expected[f"{name}.std"] = (
            values.mean(), values.std(dim=1, correction=0).mean(),
        )  # fmt: skip
        expected[f"{name}.min"], expected[f"{name}.max"] = values.min(), values.max()
    weighed = {"critic.gradient_norms.critic", "generator.gradient_norms.generator"}
    assert set(row.values) == set(expected) | weighed
    for name, value in expected.items():
        assert row.values[name] == pytest.approx(float(value), rel=1e-5), name


def test_a_gradient_norm_is_that_of_the_whole_network(tmp_path: Path) -> None:
    own = Own()
    monitor = own.watched(out=tmp_path / "own", every=1)
    norms = []
    for _ in range(5):
        own.update(monitor)
        norms.append(
            float(torch.cat([p.grad.flatten() for p in own.generator.parameters()]).norm())
        )
    monitor.close()
    history = History.read(tmp_path / "own" / "history.jsonl")
    _, found = history.column("generator.gradient_norms.generator")
    assert found == pytest.approx(norms, rel=1e-5)


def test_scores_of_batches_that_differ_in_size_share_a_row(tmp_path: Path) -> None:
    own = Own()
    monitor = own.watched(out=tmp_path / "own", every=2)
    for scores in (torch.tensor([1.0, 3.0]), torch.tensor([[5.0], [5.0], [math.nan]])):
        own.generator_loss()[1].backward()
        monitor.generator(scores, loss=scores.mean())
        own.of_generator.step()
    monitor.close()
    (row,) = History.read(tmp_path / "own" / "history.jsonl").of_kind("record")
    assert math.isnan(row.values["generator.scores.fake.min"])
    assert math.isnan(row.values["generator.loss"])


class Waits(TorchDispatchMode):
    """Counts the operations that wait for a device."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_after_the_watch_nothing_waits_and_no_hook_is_left(tmp_path: Path) -> None:
    own = Own()
    monitor = own.watched(out=tmp_path / "own", every=1_000, watch=5)
    with Waits() as watching:
        for _ in range(5):
            own.update(monitor)
    with Waits() as later:
        for _ in range(20):
            own.update(monitor)
    assert watching.count > 0
    assert later.count == 0
    assert not own.critic._forward_hooks
    assert not own.generator._forward_hooks
    for optimiser in (own.of_critic, own.of_generator):
        assert not optimiser._optimizer_step_pre_hooks
    for p in (*own.critic.parameters(), *own.generator.parameters()):
        assert not p._backward_hooks
        assert not p._post_accumulate_grad_hooks
    monitor.close()
    assert not own.of_critic._optimizer_step_post_hooks


def _hooks_break(monitor: Monitor) -> None:
    monitor._incoming = None  # type: ignore[assignment]


def _stamps_break(monitor: Monitor) -> None:
    monitor._stamps = None  # type: ignore[assignment]


def _steps_break(monitor: Monitor) -> None:
    monitor.evidence.steps = {}


def _disk_breaks(monitor: Monitor) -> None:
    assert monitor._history is not None
    monitor._history.close()


def _saying_breaks(monitor: Monitor) -> None:
    def say(line: str) -> None:
        raise BrokenPipeError("nobody listens")

    monitor._say = say
    monitor.evidence.halves.add("something is")


@pytest.mark.parametrize(
    "breaks", [_hooks_break, _stamps_break, _steps_break, _disk_breaks, _saying_breaks]
)
@pytest.mark.parametrize("are_errors", [False, True])
def test_no_failure_of_the_monitor_ends_a_training(
    breaks: Callable[[Monitor], None], are_errors: bool, tmp_path: Path
) -> None:
    def trained(monitored: bool) -> Tensor:
        own = Own()
        monitor = own.watched(out=tmp_path / str(monitored), every=10)
        if monitored:
            breaks(monitor)
        for _ in range(40):
            own.update(monitor)
        diagnosis = monitor.close()
        assert bool(monitor.evidence.failure) == monitored
        assert diagnosis.findings
        return nn.utils.parameters_to_vector(own.generator.parameters())

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error" if are_errors else "always")
        weights = trained(True), trained(False)
    assert torch.equal(*weights)
    assert ["stopped watching" in str(each.message) for each in told] == [True]
