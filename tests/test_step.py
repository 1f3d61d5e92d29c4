"""The step: gradients against finite differences, terms apart, refusal of what is not finite."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from steadygan.errors import NetworkError
from steadygan.interfaces import Samples, SampleSpec
from steadygan.networks import MLP
from steadygan.objectives import AuxiliaryClassifier, Hinge, RelativisticPairing, Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.stabilisers import Packing
from steadygan.step import apply_update, critic_step, generator_step, has_batch_statistics

SHAPES = {"mlp": (6,), "conv": (2, 8, 8)}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}


def make_critic(kind: str, activation: str, layer_norm: bool) -> nn.Module:
    act = ACTIVATIONS[activation]
    torch.manual_seed(3)
    if kind == "mlp":
        norm = [nn.LayerNorm(16)] if layer_norm else []
        layers = [nn.Linear(6, 16), *norm, act(), nn.Linear(16, 16), act(), nn.Linear(16, 1)]
    else:
        norm = [nn.LayerNorm([4, 4, 4])] if layer_norm else []
        layers = [
            nn.Conv2d(2, 4, 4, 2, 1), *norm, act(),
            nn.Conv2d(4, 8, 4, 2, 1), act(),
            nn.Flatten(), nn.Linear(32, 1),
        ]  # fmt: skip
    return nn.Sequential(*layers).double()


class Other(TwoSided):
    """A second gradient penalty, of another name."""

    name = "other_penalty"


class GradientOnly(torch.optim.Optimizer):
    """Leaves weights as they are, so that the step's gradient can be read."""

    def __init__(self, parameters: object) -> None:
        super().__init__(parameters, {})  # type: ignore[arg-type]

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """No update."""


def batches(shape: tuple[int, ...], n: int = 8) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(5)
    real = torch.randn(n, *shape, generator=rng, dtype=torch.float64)
    return real, torch.randn(n, *shape, generator=rng, dtype=torch.float64)


def loss_and_gradient(critic: nn.Module, real: Tensor, fake: Tensor) -> tuple[float, Tensor]:
    record = critic_step(
        critic,
        GradientOnly(critic.parameters()),
        Wasserstein(),
        real,
        fake,
        rng=torch.Generator().manual_seed(11),  # the same interpolates at every call
        penalties=[Term(TwoSided(), 10.0)],
    )
    assert record.applied
    gradient = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in critic.parameters()]
    )
    return float(record.loss), gradient.clone()


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", SHAPES)
def test_gradient_of_the_whole_critic_loss_agrees_with_finite_differences(
    kind: str, activation: str, layer_norm: bool
) -> None:
    critic = make_critic(kind, activation, layer_norm)
    real, fake = batches(SHAPES[kind])
    _, gradient = loss_and_gradient(critic, real, fake)
    start = nn.utils.parameters_to_vector(critic.parameters()).detach().clone()
    h = 1e-6
    errors, sizes = [], []
    for seed in range(6):
        direction = torch.randn(
            start.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        direction /= direction.norm()
        values = []
        for sign in (1, -1):
            nn.utils.vector_to_parameters(start + sign * h * direction, critic.parameters())
            values.append(loss_and_gradient(critic, real, fake)[0])
        errors.append((values[0] - values[1]) / (2 * h) - float(gradient @ direction))
        sizes.append(float(gradient @ direction))
    # Norm-wise over the directions. With h = 1e-6 the central difference itself is good to about
    # 1e-9; a kink crossed within ±h would show as an error of the order of the slope's jump.
    relative = torch.tensor(errors).norm() / torch.tensor(sizes).norm()
    assert relative < 1e-6


def test_the_loss_is_the_sum_of_its_terms_and_each_is_reported_apart() -> None:
    critic = make_critic("mlp", "silu", False)
    real, fake = batches((6,))
    record = critic_step(
        critic,
        GradientOnly(critic.parameters()),
        Wasserstein(),
        real,
        fake,
        rng=torch.Generator().manual_seed(0),
        penalties=[Term(TwoSided(), 10.0)],
    )
    assert set(record.terms) == {"wasserstein", "gradient_penalty"}
    assert record.loss == pytest.approx(float(sum(record.terms.values())))
    with torch.no_grad():
        expected = critic(fake).mean() - critic(real).mean()
        real_mean = critic(real).mean()
    assert float(record.terms["wasserstein"]) == pytest.approx(float(expected), rel=1e-12)
    norms = record.input_gradient_norms["gradient_penalty"]
    assert norms.min <= norms.mean <= norms.max
    assert float(record.scores["real"].mean) == pytest.approx(float(real_mean))
    whole = torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None])
    assert float(record.gradient_norms["critic"]) == pytest.approx(float(whole.norm()))


def test_fakes_are_detached_and_the_inputs_stay_as_they_were() -> None:
    generator, critic = nn.Linear(3, 6), nn.Linear(6, 1)
    real, fake = torch.randn(4, 6), generator(torch.randn(4, 3))
    before = real.clone(), fake.detach().clone()
    critic_step(
        critic,
        torch.optim.SGD(critic.parameters(), lr=0.1),
        Wasserstein(),
        real,
        fake,
        rng=torch.Generator(),
        penalties=[Term(TwoSided())],
    )
    assert generator.weight.grad is None
    assert not real.requires_grad
    assert torch.equal(real, before[0])
    assert torch.equal(fake, before[1])


def test_the_generator_step_leaves_the_critic_alone() -> None:
    generator, critic = nn.Linear(3, 6), nn.Linear(6, 1)
    weights = copy.deepcopy(critic.state_dict())
    before = generator.weight.detach().clone()
    latent = torch.randn(8, 3)
    record = generator_step(
        generator, critic, torch.optim.SGD(generator.parameters(), lr=0.1), Wasserstein(), latent
    )
    assert critic.weight.grad is None
    assert all(torch.equal(weights[k], v) for k, v in critic.state_dict().items())
    # −D(G(z)) falls along the critic's weight: dLoss/dW = −mean over the batch of w ⊗ z.
    expected = before + 0.1 * critic.weight.detach().T @ latent.mean(0, keepdim=True)
    assert torch.allclose(generator.weight, expected, atol=1e-6)
    assert set(record.scores) == {"fake"}


@pytest.mark.parametrize("where", ["real", "weights"])
def test_a_non_finite_update_is_refused_and_nothing_moves(where: str) -> None:
    critic = nn.Linear(6, 1)
    optimiser = torch.optim.Adam(critic.parameters(), lr=0.1)
    real, fake = torch.randn(4, 6), torch.randn(4, 6)
    rng = torch.Generator()
    critic_step(critic, optimiser, Wasserstein(), real, fake, rng=rng)
    if where == "real":
        real[1, 2] = float("nan")
    else:
        fake = fake * float("inf")
    weights = copy.deepcopy(critic.state_dict())
    slots = copy.deepcopy(optimiser.state_dict()["state"])
    record = critic_step(critic, optimiser, Wasserstein(), real, fake, rng=rng)
    assert not record.applied
    assert all(torch.equal(weights[k], v) for k, v in critic.state_dict().items())
    for index, slot in optimiser.state_dict()["state"].items():
        assert all(torch.equal(slots[index][name], value) for name, value in slot.items())


@pytest.mark.parametrize("kind", SHAPES)
def test_accumulation_gives_the_gradient_of_the_whole_batch(kind: str) -> None:
    real, fake = batches(SHAPES[kind])
    gradients = []
    for parts in (1, 4):
        critic = make_critic(kind, "tanh", True)
        record = critic_step(
            critic,
            GradientOnly(critic.parameters()),
            Wasserstein(),
            real,
            fake,
            rng=torch.Generator().manual_seed(1),
            penalties=[Term(TwoSided(), 10.0)],
            accumulation=parts,
        )
        gradients.append(
            (
                torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None]),
                record,
            )
        )
    (one, record_one), (four, record_four) = gradients
    assert torch.allclose(one, four, rtol=1e-10, atol=1e-12)
    assert record_one.flat().names == record_four.flat().names
    torch.testing.assert_close(
        record_four.flat().values, record_one.flat().values, rtol=1e-9, atol=0.0
    )


@pytest.mark.parametrize("kind", SHAPES)
def test_scoring_real_and_fake_in_one_pass_equals_separate_passes(kind: str) -> None:
    real, fake = batches(SHAPES[kind])
    gradients = []
    for couples in (False, True):
        critic = make_critic(kind, "silu", True)
        critic_step(
            critic,
            GradientOnly(critic.parameters()),
            Wasserstein(),
            real,
            fake,
            rng=torch.Generator().manual_seed(1),
            penalties=[Term(TwoSided(), 10.0), Term(Other(2.0), 1.0)],
            couples_samples=couples,
        )
        gradients.append(
            torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None])
        )
    assert torch.allclose(*gradients, rtol=1e-10, atol=1e-12)


def test_a_critic_with_batch_norm_scores_real_and_fake_apart() -> None:
    critic = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1)).double()
    real, fake = batches((6,))
    assert has_batch_statistics(critic)
    record = critic_step(
        critic,
        GradientOnly(critic.parameters()),
        Wasserstein(),
        real,
        fake + 3,
        rng=torch.Generator(),
    )
    with torch.no_grad():
        apart = critic(fake + 3).mean() - critic(real).mean()
        joined = critic(torch.cat([real, fake + 3])).squeeze(1)
        mixed = joined[8:].mean() - joined[:8].mean()
    assert float(record.loss) == pytest.approx(float(apart))
    assert float(record.loss) != pytest.approx(float(mixed), abs=1e-3)


def test_clipping_scales_the_gradient_and_reports_it_unclipped() -> None:
    critic = make_critic("mlp", "silu", False)
    real, fake = batches((6,))
    _, whole = loss_and_gradient(critic, real, fake)
    record = critic_step(
        critic,
        GradientOnly(critic.parameters()),
        Wasserstein(),
        real,
        fake,
        rng=torch.Generator().manual_seed(11),
        penalties=[Term(TwoSided(), 10.0)],
        clip_gradient_norm=0.5,
    )
    clipped = torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None])
    assert float(clipped.norm()) == pytest.approx(0.5)
    assert float(record.gradient_norms["critic"]) == pytest.approx(float(whole.norm()))


def test_a_lazy_term_is_applied_every_k_updates_with_k_times_the_weight() -> None:
    critic = make_critic("mlp", "silu", False)
    real, fake = batches((6,))
    seen = []
    for update in range(4):
        for term in (Term(TwoSided(), 10.0, every=2), Term(TwoSided(), 10.0)):
            record = critic_step(
                critic,
                GradientOnly(critic.parameters()),
                Wasserstein(),
                real,
                fake,
                rng=torch.Generator().manual_seed(1),
                penalties=[term],
                update=update,
            )
            seen.append(float(record.terms.get("gradient_penalty", torch.tensor(0.0))))
    lazy, eager = seen[::2], seen[1::2]
    assert lazy == pytest.approx([2 * eager[0], 0.0, 2 * eager[2], 0.0])


def test_a_critic_with_a_condition_gets_it_with_every_batch() -> None:
    class Conditional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.linear = nn.Embedding(3, 6), nn.Linear(6, 1)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return self.linear(torch.tanh(x * self.embed(y)))

    critic = Conditional().double()
    real, fake = batches((6,))
    y = torch.arange(8) % 3
    record = critic_step(
        critic,
        torch.optim.Adam(critic.parameters()),
        Wasserstein(),
        Samples(real, y),
        Samples(fake, y),
        rng=torch.Generator(),
        penalties=[Term(TwoSided())],
        accumulation=2,
    )
    assert record.applied
    assert critic.embed.weight.grad is not None


def test_one_loss_over_several_networks_moves_all_or_none() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    networks = {"generator_ab": first, "generator_ba": second}
    optimisers = [torch.optim.SGD(n.parameters(), lr=0.1) for n in networks.values()]
    x = torch.randn(4, 2)
    loss = (second(first(x)) - x).square().mean()
    loss.backward()
    before = [p.detach().clone() for n in networks.values() for p in n.parameters()]
    norms, applied = apply_update(networks, optimisers, loss)
    assert applied
    assert set(norms) == set(networks)
    after = [p.detach().clone() for n in networks.values() for p in n.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert second.weight.grad is not None
    second.weight.grad[0, 0] = float("inf")
    _, applied = apply_update(networks, optimisers, loss)
    assert not applied
    still = [p.detach() for n in networks.values() for p in n.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(after, still, strict=True))


def test_two_terms_of_one_name_are_refused() -> None:
    critic = make_critic("mlp", "silu", False)
    real, fake = batches((6,))
    with pytest.raises(ValueError, match="one name"):
        critic_step(
            critic, GradientOnly(critic.parameters()), Wasserstein(), real, fake,
            rng=torch.Generator(), penalties=[Term(TwoSided()), Term(TwoSided(0.0))],
        )  # fmt: skip


def test_what_does_not_fit_is_an_error() -> None:
    critic = nn.Linear(6, 1)
    optimiser = torch.optim.SGD(critic.parameters(), lr=0.1)
    rng = torch.Generator()
    with pytest.raises(ValueError, match="must agree"):
        critic_step(critic, optimiser, Wasserstein(), torch.ones(4, 6), torch.ones(3, 6), rng=rng)
    with pytest.raises(ValueError, match="does not divide"):
        critic_step(
            critic, optimiser, Wasserstein(), torch.ones(4, 6), torch.ones(4, 6), rng=rng,
            accumulation=3,
        )  # fmt: skip
    with pytest.raises(ValueError, match="one score per sample"):
        critic_step(
            nn.Linear(6, 2), optimiser, Wasserstein(), torch.ones(4, 6), torch.ones(4, 6), rng=rng
        )


def conditional_batches() -> tuple[Samples, Samples]:
    real, fake = batches((6,))
    y = torch.arange(8) % 3
    return Samples(real, y), Samples(fake, y.flip(0))


def test_an_auxiliary_classifier_adds_its_cross_entropy_to_both_losses() -> None:
    torch.manual_seed(0)
    spec = SampleSpec((6,), None, 3)
    networks = MLP(hidden=(8,), conditioning="auxiliary").build(spec, 4)
    generator, critic = networks["generator"].double(), networks["critic"].double()
    real, fake = conditional_batches()
    record = critic_step(
        critic,
        GradientOnly(critic.parameters()),
        Hinge(),
        real,
        fake,
        rng=torch.Generator(),
        penalties=[Term(TwoSided())],
        auxiliary=AuxiliaryClassifier(weight=2.0),
    )
    assert set(record.terms) == {"hinge", "gradient_penalty", "auxiliary_classifier"}
    with torch.no_grad():
        of_real, of_fake = critic(real.x, real.y).logits, critic(fake.x, fake.y).logits
        expected = 2.0 * (cross_entropy(of_real, real.y) + cross_entropy(of_fake, fake.y))
    assert float(record.terms["auxiliary_classifier"]) == pytest.approx(float(expected))
    z = torch.randn(8, 4, dtype=torch.float64)
    record = generator_step(
        generator,
        critic,
        GradientOnly(generator.parameters()),
        Hinge(),
        z,
        real=real,
        auxiliary=AuxiliaryClassifier(generator_weight=0.5),
    )
    with torch.no_grad():
        logits = critic(generator(z, real.y), real.y).logits
    expected = 0.5 * cross_entropy(logits, real.y)
    assert float(record.terms["auxiliary_classifier"]) == pytest.approx(float(expected))
    found = [p.grad.clone() for p in generator.parameters() if p.grad is not None]
    judged = critic(generator(z, real.y), real.y)
    loss = -judged.scores.mean() + 0.5 * cross_entropy(judged.logits, real.y)
    for mine, its in zip(
        found, torch.autograd.grad(loss, list(generator.parameters())), strict=True
    ):
        torch.testing.assert_close(mine, its)


def test_minibatch_statistics_keep_real_and_fake_apart() -> None:
    torch.manual_seed(0)
    critic = MLP(hidden=(8,), minibatch_std=True).build(SampleSpec((6,)), 4)["critic"].double()
    real, fake = batches((6,))
    losses = [
        critic_step(
            critic, GradientOnly(critic.parameters()), Wasserstein(), real, 3.0 * fake,
            rng=torch.Generator(), couples_samples=couples,
        ).loss
        for couples in (None, True, False)
    ]  # fmt: skip
    assert float(losses[0]) == pytest.approx(float(losses[1]))
    assert float(losses[0]) != pytest.approx(float(losses[2]))


def test_an_auxiliary_classifier_needs_logits_and_labels() -> None:
    critic = make_critic("mlp", "silu", False)
    real, fake = batches((6,))
    step = {"rng": torch.Generator(), "auxiliary": AuxiliaryClassifier()}
    with pytest.raises(NetworkError, match="no logits"):
        critic_step(critic, GradientOnly(critic.parameters()), Hinge(), real, fake, **step)
    judge = MLP(hidden=(8,), conditioning="auxiliary").build(SampleSpec((6,), None, 3), 4)["critic"]
    judge = judge.double()
    with pytest.raises(ValueError, match="labelled samples"):
        critic_step(judge, GradientOnly(judge.parameters()), Hinge(), real, fake, **step)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_view_is_what_the_critic_sees_of_every_batch(accumulation: int) -> None:
    critic = make_critic("mlp", "silu", False)
    generator = nn.Linear(3, 6).double()
    real, fake = batches((6,))
    seen: list[Tensor] = []

    def doubled(samples: Samples) -> Samples:
        seen.append(samples.x)
        return Samples(2.0 * samples.x, samples.y)

    record = critic_step(
        critic, GradientOnly(critic.parameters()), Wasserstein(), real, fake,
        rng=torch.Generator().manual_seed(1), penalties=[Term(TwoSided())], view=doubled,
        accumulation=accumulation,
    )  # fmt: skip
    twice = critic_step(
        critic, GradientOnly(critic.parameters()), Wasserstein(), 2.0 * real, 2.0 * fake,
        rng=torch.Generator().manual_seed(1), penalties=[Term(TwoSided())],
        accumulation=accumulation,
    )  # fmt: skip
    assert {n: float(v) for n, v in record.terms.items()} == pytest.approx(
        {n: float(v) for n, v in twice.terms.items()}
    )
    z = torch.randn(8, 3, dtype=torch.float64)
    record = generator_step(
        generator, critic, GradientOnly(generator.parameters()), RelativisticPairing(), z,
        real=real, view=doubled, accumulation=accumulation,
    )  # fmt: skip
    with torch.no_grad():
        expected = softplus(critic(2.0 * real) - critic(2.0 * generator(z))).mean()
    assert float(record.loss) == pytest.approx(float(expected))
    assert generator.weight.grad is not None
    assert bool(generator.weight.grad.any())


def test_packs_are_penalised_as_one_sample_each() -> None:
    critic = nn.Linear(12, 1).double()
    real, fake = batches((6,))
    packing = Packing(2)
    record = critic_step(
        critic, GradientOnly(critic.parameters()), Wasserstein(), real, fake,
        rng=torch.Generator().manual_seed(1), penalties=[Term(TwoSided(), 1.0)],
        view=lambda s: packing.view(s, rng=torch.Generator(), progress=0.0),
    )  # fmt: skip
    norm = critic.weight.detach().norm()
    assert float(record.terms["gradient_penalty"]) == pytest.approx(float((norm - 1) ** 2))
    expected = critic(fake.reshape(4, 12)).mean() - critic(real.reshape(4, 12)).mean()
    assert float(record.terms["wasserstein"]) == pytest.approx(float(expected.detach()))


@pytest.mark.parametrize("accumulation", [1, 4])
def test_terms_on_parameters_and_batches_enter_once(accumulation: int) -> None:
    critic = make_critic("mlp", "silu", False)
    generator = nn.Linear(3, 6).double()
    real, fake = batches((6,))

    def size() -> Tensor:
        return torch.stack([p.square().sum() for p in critic.parameters()]).sum()

    record = critic_step(
        critic, GradientOnly(critic.parameters()), Wasserstein(), real, fake,
        rng=torch.Generator(), parameter_terms={"size": size}, accumulation=accumulation,
    )  # fmt: skip
    assert float(record.terms["size"]) == pytest.approx(float(size().detach()))
    record = generator_step(
        generator, critic, GradientOnly(generator.parameters()), Wasserstein(),
        torch.randn(8, 3, dtype=torch.float64), real=real, accumulation=accumulation,
        batch_terms={"mean": lambda real, fake: (real.x.mean() - fake.x.mean()).square()},
        objective_weight=0.0,
    )  # fmt: skip
    assert float(record.terms["wasserstein"]) == 0.0
    assert float(record.loss) == float(record.terms["mean"]) > 0
    with pytest.raises(ValueError, match="pass real"):
        generator_step(
            generator, critic, GradientOnly(generator.parameters()), Wasserstein(),
            torch.randn(8, 3, dtype=torch.float64), batch_terms={"mean": lambda r, f: f.x.mean()},
        )  # fmt: skip
