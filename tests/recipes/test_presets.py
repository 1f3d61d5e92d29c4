from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from steadygan.constraints import SpectralNorm
from steadygan.errors import RecipeError
from steadygan.interfaces import SampleSpec
from steadygan.objectives import Hinge, LeastSquares, Minimax, RelativisticPairing, Wasserstein
from steadygan.penalties import DRAGAN, R1, R2, OneSided, Term
from steadygan.recipes import PRESETS, default_for, names, resolve
from steadygan.schedules import Cosine
from steadygan.stabilisers import Packing
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


DCGAN_ADAM = Adam(lr=2e-4, beta1=0.5, beta2=0.999)
SNGAN_ADAM = Adam(lr=2e-4, beta1=0.0, beta2=0.9)
R3GAN_LR, R3GAN_BETA2 = Cosine(2e-4, 5e-5, end=0.5), Cosine(0.9, 0.99, end=0.5)
R3GAN_WEIGHT = Cosine(0.5, 0.05, end=0.5)
# On images: objective, penalties, constraints, stabilisers, n_critic, optimiser, batch, latent.
PUBLISHED: dict[str, tuple[object, ...]] = {
    "gan": (Minimax(saturating=True), (), (), (), 1, DCGAN_ADAM, 128, 100),
    "nsgan": (Minimax(), (), (), (), 1, DCGAN_ADAM, 128, 100),
    "lsgan": (LeastSquares(), (), (), (), 1, DCGAN_ADAM, 64, 100),
    "dcgan": (Minimax(), (), (), (), 1, DCGAN_ADAM, 128, 100),
    "wgan-lp": (Wasserstein(), (Term(OneSided(), 10.0),), (), (), 5, Adam(1e-4), 64, 128),
    "dragan": (
        Minimax(), (Term(DRAGAN(), 10.0),), (), (), 1, Adam(1e-4, 0.5, 0.9), 64, 100,
    ),
    "sngan": (Hinge(), (), (SpectralNorm(),), (), 5, SNGAN_ADAM, 64, 128),
    "pacgan": (Minimax(), (), (), (Packing(2),), 1, DCGAN_ADAM, 128, 100),
    "r3gan": (
        RelativisticPairing(), (Term(R1(), R3GAN_WEIGHT), Term(R2(), R3GAN_WEIGHT)), (), (), 1,
        Adam(R3GAN_LR, 0.0, R3GAN_BETA2), 128, 100,
    ),
    "cgan": (Minimax(), (), (), (), 1, DCGAN_ADAM, 128, 100),
    "acgan": (Minimax(), (), (), (), 1, DCGAN_ADAM, 100, 110),
    "projection": (Hinge(), (), (SpectralNorm(),), (), 5, SNGAN_ADAM, 64, 128),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_preset_has_its_published_settings(name: str) -> None:
    recipe = PRESETS[name][1](IMAGES)
    assert recipe.name == name
    assert recipe.critic_optimiser == recipe.generator_optimiser
    assert (
        recipe.objective,
        recipe.penalty,
        recipe.constraint,
        recipe.stabiliser,
        recipe.n_critic,
        recipe.critic_optimiser,
        recipe.training.batch_size,
        recipe.latent_dim,
    ) == PUBLISHED[name]
    conditioning = {"cgan": "concatenation", "acgan": "auxiliary", "projection": "projection"}
    assert recipe.conditional == (name in conditioning)
    assert (recipe.auxiliary is not None) == (name == "acgan")
    if recipe.conditional:
        assert getattr(recipe.architecture, "conditioning", None) == conditioning[name]
    critic_norm = getattr(recipe.architecture, "critic_norm", None)
    assert critic_norm == ("batch" if name == "dcgan" else None)


def test_rows_of_a_table_do_not_get_the_settings_of_toy_points() -> None:
    rows = SampleSpec((14,))
    for name in ("wgan-gp", "wgan-lp", "dragan"):
        assert PRESETS[name][1](rows).penalty[0].weight == 10.0
        assert PRESETS[name][1](POINTS).penalty[0].weight == 0.1


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
