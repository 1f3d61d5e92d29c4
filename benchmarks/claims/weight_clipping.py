"""Claim 4: weight clipping piles the weights up at ±c and makes gradients vanish or explode through
12 layers; the gradient penalty does neither.

Source: Gulrajani et al. 2017, section 3 and figure 1b: deep ReLU critics trained to optimality on
the swiss roll, against a generator held at the data plus Gaussian noise of unit variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import claim
import torch
from torch import Tensor, nn

from steadygan.constraints import WeightClipping
from steadygan.data.points import swiss_roll
from steadygan.interfaces import Constraint
from steadygan.networks import MLPCritic
from steadygan.objectives import Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.step import critic_step

# Written down before the runs.
LIMITS = (0.1, 0.01, 0.001)
PILED = 0.50  # of the weights lie within 1 % of ±c, for every c
GROWTH = 1e3  # up or down from the first hidden layer to the last, for every c
PENALTY_PILED = 0.05  # the penalty's, within 1 % of its own largest weight
PENALTY_GROWTH = 1e2
SEEDS = (0, 1)
LAYERS, UNITS, BATCH, STEPS = 12, 64, 256, 3_000


@dataclass(frozen=True)
class Case:
    """A way to hold the critic.

    ``inside`` starts its weights from U(−c, c), so that a pile at ±c is training's and not that of
    clipping He's initial weights.
    """

    name: str
    inside: float | None = None
    constraints: tuple[Constraint, ...] = ()
    penalties: tuple[Term, ...] = ()


CASES = (
    *(Case(f"clipping, c = {limit:g}", None, (WeightClipping(limit),)) for limit in LIMITS),
    Case("gradient penalty, λ = 10", penalties=(Term(TwoSided(), 10.0),)),
)
INSIDE = tuple(
    Case(f"clipping, c = {limit:g}, from U(−c, c)", limit, (WeightClipping(limit),))
    for limit in LIMITS
)


@dataclass(frozen=True)
class Trained:
    """Of a trained critic: ‖∂ loss / ∂ activations‖ of each hidden layer, first to last; its
    weights; the share of them near the largest size, before and after training."""

    gradients: list[float]
    weights: Tensor
    piled_before: float
    piled: float

    @property
    def growth(self) -> float:
        """Of the gradient on its way back, from the last hidden layer to the first."""
        return self.gradients[0] / self.gradients[-1]


def train(case: Case, seed: int) -> Trained:
    """Train the critic of ``case`` against a fixed generator; optimisers are the papers' own."""
    torch.manual_seed(seed)
    critic = MLPCritic((2,), hidden=(UNITS,) * LAYERS, initialisation="he")
    if case.inside is not None:
        for parameter in critic.parameters():
            nn.init.uniform_(parameter, -case.inside, case.inside)
    for constraint in case.constraints:
        constraint.prepare(critic)
    before = piled(weights_of(critic))
    optimiser: torch.optim.Optimizer = torch.optim.Adam(
        critic.parameters(), lr=1e-4, betas=(0.5, 0.9)
    )
    if case.constraints:
        optimiser = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    data = swiss_roll(100_000, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        real, fake = batches(data, rng)
        critic_step(
            critic, optimiser, Wasserstein(), real, fake, rng=rng,
            penalties=case.penalties, constraints=case.constraints,
        )  # fmt: skip
    gradients = activation_gradients(critic, *batches(data, rng))
    weights = weights_of(critic)
    return Trained(gradients, weights, before, piled(weights))


def batches(data: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Real samples, and others with noise of unit variance: the generator held fixed."""
    first, second = (data[torch.randint(len(data), (BATCH,), generator=rng)] for _ in range(2))
    return first, second + torch.randn(second.shape, generator=rng)


def activation_gradients(critic: nn.Module, real: Tensor, fake: Tensor) -> list[float]:
    """Norm of the loss's gradient by the output of every activation, first layer first."""
    outputs: list[Tensor] = []
    layers = [module for module in critic.modules() if isinstance(module, nn.ReLU)]
    handles = [
        layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
        for layer in layers
    ]
    # In double: through 12 layers a gradient may shrink below what float32 can hold.
    critic = critic.double()
    scores = critic(torch.cat([real, fake]).double())
    loss = (scores[BATCH:] - scores[:BATCH]).mean()
    gradients = torch.autograd.grad(loss, outputs)
    for handle in handles:
        handle.remove()
    return [float(gradient.norm()) for gradient in gradients]


def weights_of(critic: nn.Module) -> Tensor:
    layers = [module for module in critic.modules() if isinstance(module, nn.Linear)]
    return torch.cat([layer.weight.detach().flatten() for layer in layers]).float()


def piled(weights: Tensor) -> float:
    """The share of weights within 1 % of the largest."""
    return float((weights.abs() >= 0.99 * weights.abs().max()).float().mean())


def main() -> None:
    rows = [["critic", "seed", "gradient, first / last layer", "weights at the extremes", "before"]]
    found: dict[str, list[Trained]] = {}
    for case in (*CASES, *INSIDE):
        for seed in SEEDS:
            claim.say(f"{case.name}, seed {seed}")
            trained = train(case, seed)
            found.setdefault(case.name, []).append(trained)
            rows.append([
                case.name, str(seed), f"{trained.growth:.1e}", f"{trained.piled:.1%}",
                f"{trained.piled_before:.1%}",
            ])  # fmt: skip
    clipped = [each for case in CASES[:-1] for each in found[case.name]]
    penalised = found[CASES[-1].name]
    inside = [each for case in INSIDE for each in found[case.name]]
    least = min(abs(math.log10(each.growth)) for each in clipped)
    most = max(abs(math.log10(each.growth)) for each in penalised)
    claim.write(
        "weight_clipping",
        "Weight clipping and the gradient penalty through 12 layers",
        rows,
        [
            claim.Verdict(
                "Of weights that start from U(−c, c) at least half end within 1 % of ±c, for every "
                "c and seed.",
                f"least {min(each.piled for each in inside):.1%}",
                min(each.piled for each in inside) >= PILED,
            ),
            claim.Verdict(
                "The gradient grows or shrinks at least 1,000-fold through the hidden layers, for "
                "every c and seed.",
                f"least 10^{least:.1f}",
                least >= math.log10(GROWTH),
            ),
            claim.Verdict(
                "Under the penalty it changes less than 100-fold.",
                f"most 10^{most:.1f}",
                most <= math.log10(PENALTY_GROWTH),
            ),
            claim.Verdict(
                "Under the penalty at most 5 % of the weights lie within 1 % of the largest.",
                f"most {max(each.piled for each in penalised):.2%}",
                max(each.piled for each in penalised) <= PENALTY_PILED,
            ),
        ],
        [
            f"{LAYERS} hidden layers of {UNITS} ReLU units, He initialisation, {STEPS:,} updates "
            f"of batch {BATCH}; RMSProp 5e-5 where weights are clipped, Adam 1e-4 under the "
            "penalty. The column before says how many weights lie there before training: where "
            "He's are clipped, the clipping puts them there, and the pile says nothing of "
            "training. The first result judged the pile on those; the threshold is the same.",
        ],
        figure=_figure({case.name: found[case.name][0] for case in CASES}),
    )


def _figure(found: dict[str, Trained]) -> claim.Figure:
    figure = claim.Figure(figsize=(9.0, 3.4))
    left, *panels = figure.subplots(1, 1 + len(found), width_ratios=[2.6, 1, 1, 1, 1])
    for name, trained in found.items():
        left.semilogy(range(1, LAYERS + 1), trained.gradients, marker="o", markersize=3, label=name)
    left.set(xlabel="hidden layer", ylabel="‖∂ loss / ∂ activation‖")
    left.legend(frameon=False, fontsize=7)
    for (name, trained), axes in zip(found.items(), panels, strict=True):
        axes.hist(trained.weights.numpy(), bins=41, color="C0")
        axes.set_title(name.replace(", ", "\n"), fontsize=8)
        axes.set_yticks([])
        axes.tick_params(labelsize=7)
        axes.set_xlabel("weight", fontsize=8)
    for axes in (left, *panels):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
