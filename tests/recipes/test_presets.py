from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from steadygan.errors import RecipeError
from steadygan.interfaces import SampleSpec
from steadygan.recipes import PRESETS, default_for, names, resolve
from steadygan.training import Adam, RMSProp

IMAGES = SampleSpec((3, 32, 32), (-1.0, 1.0))
POINTS = SampleSpec((2,))


def test_the_published_settings() -> None:
    gp = PRESETS["wgan-gp"][1](IMAGES)
    assert gp.penalty[0].weight == 10.0
    assert gp.n_critic == 5
    assert gp.training.batch_size == 64
    assert gp.critic_optimiser == gp.generator_optimiser == Adam(lr=1e-4, beta1=0.0, beta2=0.9)
    assert PRESETS["wgan-gp"][1](POINTS).penalty[0].weight == 0.1
    clipped = PRESETS["wgan"][1](IMAGES)
    assert clipped.constraint[0].limit == 0.01  # type: ignore[attr-defined]
    assert clipped.penalty == ()
    assert clipped.critic_optimiser == RMSProp(lr=5e-5)
    assert clipped.burst is not None
    assert (clipped.burst.n_critic, clipped.burst.first, clipped.burst.every) == (100, 25, 500)


@pytest.mark.parametrize("name", PRESETS)
def test_the_networks_of_every_preset_fit_images_and_points(name: str) -> None:
    for spec in (IMAGES, POINTS):
        if name == "wgan-gp-resnet" and spec is POINTS:
            with pytest.raises(RecipeError, match="for images"):
                PRESETS[name][1](spec)
            continue
        recipe = PRESETS[name][1](spec)
        networks = recipe.architecture.build(spec, recipe.latent_dim)
        assert set(networks) == {"generator", "critic"}


def test_names_are_described_and_the_default_is_one_of_them() -> None:
    assert set(names()) == set(PRESETS)
    assert default_for("digits") in PRESETS
    assert default_for("my-images") in PRESETS


OWN = "from steadygan.recipes import PRESETS\nrecipe = PRESETS['wgan'][1]\nnumber = 3\n"


def test_own_recipes_are_found_by_module_and_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_presets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    assert resolve("mine_presets:recipe")(POINTS).name == "wgan"
    assert resolve(f"{tmp_path / 'mine_presets.py'}:recipe")(POINTS).name == "wgan"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("wgangp", "Did you mean 'wgan-gp'"),
        ("absent_module:recipe", "ModuleNotFoundError"),
        ("mine_two:recipes", "Did you mean 'recipe'"),
        ("mine_two:number", "no function 'number'"),
        ("absent.py:recipe", "no file absent.py"),
        ("broken.py:recipe", "SyntaxError"),
        ("leaves:recipe", r"cannot be imported \(SystemExit: 3\)"),
        ("leaves.py:recipe", r"cannot be imported \(SystemExit: 3\)"),
        ("json.py:recipe", "has the name of another module, 'json'"),
        ("torch.py:recipe", "has the name of another module, 'torch'"),
    ],
)
def test_what_cannot_be_found_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaint: str
) -> None:
    (tmp_path / "mine_two.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("def recipe(:\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "json.py").write_text(OWN)
    (tmp_path / "torch.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    with pytest.raises(RecipeError, match=complaint) as caught:
        resolve(text)
    assert "\n" not in str(caught.value)
    assert sys.modules["json"] is json
    assert sys.modules["torch"] is torch
    assert "broken" not in sys.modules
    assert sys.path == before


def test_a_file_finds_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_the_recipe.py").write_text(OWN)
    (tmp_path / "finder.py").write_text("from beside_the_recipe import recipe\n")
    assert resolve(f"{tmp_path / 'finder.py'}:recipe")(POINTS).name == "wgan"
