from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadygan.errors import RecipeError
from steadygan.interfaces import SampleSpec
from steadygan.penalties import Term, TwoSided
from steadygan.recipes import PRESETS, Recipe, from_json, override, settings, to_json
from steadygan.schedules import Cosine, Exponential, Linear
from steadygan.training import Adam

SPECS = [SampleSpec((2,)), SampleSpec((9,)), SampleSpec((3, 32, 32), (-1.0, 1.0))]


def through_text(recipe: Recipe) -> Any:
    return json.loads(json.dumps(to_json(recipe), allow_nan=False))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_exactly(name: str) -> None:
    for spec in SPECS:
        if name == "wgan-gp-resnet" and len(spec.shape) == 1:
            continue
        recipe = PRESETS[name][1](spec)
        assert from_json(through_text(recipe)) == recipe
        assert recipe.name == name


finite = st.floats(1e-9, 1e3)
schedules = st.one_of(
    finite,
    st.builds(Linear, finite, finite),
    st.builds(Cosine, finite, finite),
    st.builds(Exponential, finite, finite),
)


@given(schedules, schedules, st.integers(0, 2**63 - 1))
def test_numbers_and_schedules_come_back_exactly(lr: Any, weight: Any, seed: int) -> None:
    recipe = Recipe(seed=seed, critic_optimiser=Adam(lr=lr), penalty=(Term(TwoSided(), weight),))
    assert from_json(through_text(recipe)) == recipe


def test_every_setting_that_is_shown_can_be_set() -> None:
    recipe = PRESETS["wgan-gp"][1](SPECS[2])
    for path, value in settings(recipe):
        if not value[:1].isupper():  # a component's own name is shown beside its settings
            assert override(recipe, [f"{path}={value}"]) == recipe, path


OWN = """
from dataclasses import dataclass, field
from steadygan.penalties import Term, TwoSided
from steadygan.recipes import Recipe
from steadygan.networks import Custom

@dataclass(frozen=True)
class MyObjective:
    strength: float = {strength}
    needs_real_scores = False
    def critic_loss(self, real_scores, fake_scores):
        return {factor} * (fake_scores - real_scores)
    def generator_loss(self, real_scores, fake_scores):
        return -fake_scores

def make_generator(spec, latent_dim): ...
def make_critic(spec): ...

def recipe(spec):
    return Recipe(objective=MyObjective(), architecture=Custom(make_generator, make_critic))
"""


def own_module(folder: Path, strength: float = 1.0, factor: int = 1) -> ModuleType:
    path = folder / f"own_{strength}_{factor}".replace(".", "_")
    path.mkdir(exist_ok=True)
    source = path / "mine.py"
    source.write_text(OWN.format(strength=strength, factor=factor))
    spec = importlib.util.spec_from_file_location("mine", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mine"] = module
    spec.loader.exec_module(module)
    return module


def test_own_classes_are_taken_from_the_own_recipe_and_compared(tmp_path: Path) -> None:
    recipe = own_module(tmp_path).recipe(SPECS[0])
    written = through_text(recipe)
    assert written["objective"]["class"] == "mine:MyObjective"
    assert written["architecture"]["generator"]["function"] == "mine:make_generator"
    assert from_json(written, own=recipe) == recipe
    with pytest.raises(RecipeError, match=r"mine:.*--recipe module:function") as caught:
        from_json(written)
    assert "\n" not in str(caught.value)
    changed = own_module(tmp_path, strength=2.0).recipe(SPECS[0])
    with pytest.raises(RecipeError, match=r"source code was|strength was 1\.0 and is 2\.0"):
        from_json(written, own=changed)
    edited = own_module(tmp_path, factor=3).recipe(SPECS[0])
    with pytest.raises(RecipeError, match="its source code"):
        from_json(written, own=edited)
    ours = Recipe(architecture=recipe.architecture)
    with pytest.raises(
        RecipeError, match=r"recipe\.objective was 'mine:MyObjective' and is 'Wasserstein'"
    ):
        from_json(written, own=ours)


def test_a_changed_field_of_an_own_class_is_named_before_its_source(tmp_path: Path) -> None:
    written = through_text(own_module(tmp_path).recipe(SPECS[0]))
    changed = own_module(tmp_path, strength=2.0).recipe(SPECS[0])
    with pytest.raises(RecipeError, match=r"recipe\.objective\.strength was 1\.0 and is 2\.0\."):
        from_json(written, own=changed)


@dataclass(frozen=True)
class Mean:
    """A penalty of one's own that holds another."""

    inner: TwoSided = field(default_factory=TwoSided)
    weights: tuple[float, ...] = (1.0, 2.0)


def test_own_parts_are_compared_to_the_bottom_and_at_their_place() -> None:
    def holding(*penalties: Mean) -> Recipe:
        return Recipe(penalty=tuple(Term(each) for each in penalties))  # type: ignore[arg-type]

    written = through_text(holding(Mean()))
    assert from_json(written, own=holding(Mean())) == holding(Mean())
    for own, complaint in [
        (holding(Mean(TwoSided(0.5))), r"penalty\.0\.penalty\.inner\.target was 1\.0 and is 0\.5"),
        (
            holding(Mean(weights=(1.0, 3.0))),
            r"penalty\.0\.penalty\.weights\.1 was 2\.0 and is 3\.0",
        ),
        (holding(), r"recipe\.penalty\.0\.penalty was '.*Mean' and is 'nothing'"),
    ]:
        with pytest.raises(RecipeError, match=complaint) as caught:
            from_json(written, own=own)
        assert "--recipe" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"class": "Nothing"}, "unknown component 'Nothing'"),
        ({"class": "TwoSided", "target": 1.0}, "not a recipe"),
        ({"class": "Recipe", "nonsense": 1}, "recipe.nonsense is unknown"),
        ({"class": "Recipe", "objective": {}}, "recipe.objective has neither"),
        ({"class": "Recipe", "ema": {"class": "EMA", "dekay": 1}}, "recipe.ema.dekay"),
        ({"class": "os:system", "command": "true"}, "not steadygan's"),
    ],
)
def test_a_damaged_recipe_is_one_line(damage: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint) as caught:
        from_json(damage)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["seed", "training.steps", "penalty.0.penalty", "ema.decay"])
def test_a_field_that_is_missing_is_named_and_never_guessed(path: str) -> None:
    written = through_text(Recipe(penalty=(Term(TwoSided()),)))
    part = written
    *before, last = path.split(".")
    for key in before:
        part = part[int(key) if key.isdigit() else key]
    del part[last]
    with pytest.raises(RecipeError, match=rf"recipe\.{path} is missing"):
        from_json(written)


@pytest.mark.parametrize(("name", "value"), [("seed", "abc"), ("latent_dim", None)])
def test_a_value_of_another_type_is_no_traceback(name: str, value: object) -> None:
    with pytest.raises(RecipeError, match="is the file damaged") as caught:
        from_json(through_text(Recipe()) | {name: value})
    assert "\n" not in str(caught.value)


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(RecipeError, match=r"recipe\.penalty\.0\.penalty\.target is inf"):
        to_json(Recipe(penalty=(Term(TwoSided(float("inf"))),)))
    with pytest.raises(RecipeError, match=r"recipe\.objective holds a object"):
        to_json(Recipe(objective=object()))  # type: ignore[arg-type]
