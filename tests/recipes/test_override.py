from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from torch import nn

from steadygan.constraints import WeightClipping
from steadygan.errors import DataError, NetworkError, RecipeError, UsageError
from steadygan.interfaces import SampleSpec
from steadygan.networks import DCGAN, MLP
from steadygan.penalties import Term, TwoSided
from steadygan.recipes import Recipe, override
from steadygan.schedules import Linear
from steadygan.stabilisers import EMA
from steadygan.training import Adam, Plateau, RMSProp, Signal

ONE = Recipe(penalty=(Term(TwoSided(), 10.0),))


@dataclass(frozen=True)
class ZeroCentred(TwoSided):
    target: float = 0.0
    name = "zero_centred"


TWO = Recipe(penalty=(Term(TwoSided(), 10.0), Term(ZeroCentred(), 1.0)))


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("training.steps=500", "training.steps", 500),
        ("training.steps=1e5", "training.steps", 100_000),
        ("n_critic = 3", "n_critic", 3),
        ("training.minutes=2", "training.minutes", 2.0),
        ("training.clip_gradient_norm=none", "training.clip_gradient_norm", None),
        ("ema=none", "ema", None),
        ("ema.decay=0.5", "ema", EMA(0.5)),
        ("ema=EMA(0.9)", "ema", EMA(0.9)),
        ("critic_optimiser.lr=3e-4", "critic_optimiser", Adam(lr=3e-4)),
        ("critic_optimiser.lr=Linear(1e-3, 0)", "critic_optimiser", Adam(lr=Linear(1e-3, 0))),
        ("critic_optimiser=RMSProp(lr=1e-5)", "critic_optimiser", RMSProp(1e-5)),
        ("architecture=DCGAN(width=32)", "architecture", DCGAN(width=32)),
        ("architecture.hidden=64,32", "architecture", MLP(hidden=(64, 32))),
        ("architecture.hidden=(64,)", "architecture", MLP(hidden=(64,))),
        ("architecture.hidden=64", "architecture", MLP(hidden=(64,))),
        ("architecture.activation=silu", "architecture", MLP(activation="silu")),
        ("penalty.weight=1", "penalty", (Term(TwoSided(), 1.0),)),
        ("penalty.0.weight=1", "penalty", (Term(TwoSided(), 1.0),)),
        ("penalty.gradient_penalty.weight=1", "penalty", (Term(TwoSided(), 1.0),)),
        ("penalty.0=Term(TwoSided(), 5)", "penalty", (Term(TwoSided(), 5.0),)),
        ("architecture.hidden.1=64", "architecture", MLP(hidden=(512, 64, 512))),
        ("training.best=Signal(probe.x, lower)", "training.best", Signal("probe.x", "lower")),
        ("penalty=none", "penalty", ()),
        ("penalty.penalty.target=0", "penalty", (Term(TwoSided(0.0), 10.0),)),
        ("penalty=Term(TwoSided(), 5)", "penalty", (Term(TwoSided(), 5.0),)),
        ("penalty=()", "penalty", ()),
        ("constraint=WeightClipping(0.1)", "constraint", (WeightClipping(0.1),)),
        ("training.best=none", "training.best", None),
        ("name=mine", "name", "mine"),
        (
            'training.plateau=Plateau(Signal("probe.coverage", "higher"), patience=3)',
            "training.plateau",
            Plateau(Signal("probe.coverage", "higher"), 3),
        ),
    ],
)
def test_values_are_typed_by_their_field(text: str, path: str, value: object) -> None:
    recipe: object = override(ONE, [text])
    for key in path.split("."):
        recipe = getattr(recipe, key)
    assert recipe == value
    assert type(recipe) is type(value)


def test_several_are_applied_in_order_and_the_original_stays() -> None:
    changed = override(ONE, ["n_critic=1", "n_critic=2", "training.steps=7", "seed=3"])
    assert (changed.n_critic, changed.training.steps, changed.seed) == (2, 7, 3)
    assert ONE.n_critic == 5
    assert override(TWO, ["penalty.1.weight=3"]).penalty[1].weight == 3.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("training.step=5", r"unknown setting 'training.step'. Did you mean 'training.steps'\?"),
        ("trainin.steps=5", "Did you mean 'training'"),
        ("steps", "key=value"),
        ("=5", "key=value"),
        ("training.steps=abc", "training.steps takes a whole number or none, not 'abc'"),
        ("training.steps=5.5", "whole number"),
        ("training.steps=true", "whole number"),
        ("training.steps=-3", r"training\.steps is -3: choose a number above 0"),
        ("ema.decay=inf", "takes a number"),
        ("ema.decay=nan", "takes a number"),
        ("ema.decay=2", r"ema\.decay is 2"),
        ("n_critic=none", "whole number"),
        ("objective=TwoSided()", "component such as Wasserstein"),
        ("objective=Wasserstien()", "Did you mean 'Wasserstein'"),
        ("architecture=DCGAN(widht=3)", "Did you mean 'width'"),
        ("architecture=DCGAN(width=abc)", "DCGAN.width takes a whole number"),
        ("architecture=DCGAN(1,2,3,4,5,6,7,8,9,10)", "at most"),
        ("architecture=DCGAN", "component such as"),
        ("architecture=DCGAN(**x)", r"DCGAN has no setting '\*\*'"),
        ("architecture=Adam()", r"component such as MLP\(…\), .*, ResNet\(…\), .*, not 'Adam"),
        ("architecture.activation.x=1", "is 'relu' and has no settings"),
        ("architecture.hidden.0.x=3", "architecture.hidden.0 is 512 and has no settings"),
        ("architecture.hidden.9=3", "there is 0, 1, 2 here"),
        ("architecture.hidden.²=3", "there is 0, 1, 2 here"),
        ("constraint.limit=3", "there is nothing here"),
        ("penalty=Term(Linear(1))", "Term.penalty takes a component such as TwoSided"),
        ("penalty=Term()", "Term needs penalty"),
        ("penalty.0=5", r"penalty\.0 takes a component such as Term"),
        ("penalty.gradient_penlty.weight=1", r"Did you mean 'penalty\.gradient_penalty'\?"),
        ("penalty.wieght=1", r"Did you mean 'penalty\.weight'\?"),
        ("critic_optimiser.lr=Linear(1, start=2)", "Linear is given 'start' twice"),
        ("critic_optimiser.lr=Linear(1, stop=2, stop=3)", "Linear is given 'stop' twice"),
        ("training.steps={[]: 1}", "takes a whole number"),
        ("training.steps=" + "-" * 5000 + "1", "takes a whole number"),
        ("ema.decay=" + "9" * 400, "takes a number"),
        ("critic_optimiser.lr=__import__('os')", "unknown component"),
        ("critic_optimiser.lr=Linear()", "start"),
        ("burst.first=3", "has no settings"),
        ("training.plateau=5", "component such as"),
        ("data.size=banana", "data.size takes"),
    ],
)
def test_what_does_not_fit_is_one_line(text: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint) as caught:
        override(ONE, [text])
    assert "\n" not in str(caught.value)


def test_a_choice_among_words_or_none_says_so() -> None:
    convolutions = override(ONE, ["architecture=DCGAN()"])
    with pytest.raises(RecipeError, match="generator_norm takes a word or none, not '5'"):
        override(convolutions, ["architecture.generator_norm=5"])


@pytest.mark.parametrize(
    ("text", "error", "complaint"),
    [
        ("architecture=DCGAN(width=0)", NetworkError, "width and max_growth must be"),
        ("architecture.hidden=0", NetworkError, "hidden must be"),
        ("data=DataOptions(limit=1)", DataError, r"data\.limit is 1"),
        ("critic_optimiser=SGD(nesterov=true)", RecipeError, "nesterov needs momentum"),
    ],
)
def test_what_a_component_says_of_itself_passes_through(
    text: str, error: type[UsageError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        override(ONE, [text])


@dataclass(frozen=True)
class Own:
    pair: tuple[int, float] = (1, 2.0)
    sizes: Sequence[int] = (1, 2)

    def build(self, spec: SampleSpec, latent_dim: int) -> dict[str, nn.Module]:
        return {}


def test_settings_of_an_own_component_are_typed_too() -> None:
    recipe = Recipe(architecture=Own())
    assert override(recipe, ["architecture.pair=3,4"]).architecture == Own((3, 4.0))
    assert override(recipe, ["architecture.pair.1=5"]).architecture == Own((1, 5.0))
    for text in ("architecture.pair=3", "architecture.pair.0=1.5", "architecture.sizes.0=3"):
        with pytest.raises(RecipeError, match=text.split("=")[0]):
            override(recipe, [text])


def test_a_penalty_among_several_must_be_named() -> None:
    with pytest.raises(RecipeError, match="gradient_penalty"):
        override(TWO, ["penalty.weight=1"])
    assert override(TWO, ["penalty.zero_centred.weight=3"]).penalty[1].weight == 3.0


def test_two_penalties_of_one_name_are_refused() -> None:
    with pytest.raises(RecipeError, match="are called 'gradient_penalty'"):
        Recipe(penalty=(Term(TwoSided()), Term(TwoSided(0.0))))
