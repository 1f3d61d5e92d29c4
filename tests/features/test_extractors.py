from __future__ import annotations

import hashlib
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from steadygan.data import DataOptions, load
from steadygan.errors import DataError, MissingExtraError, NetworkError, UsageError
from steadygan.features import (
    EXTRACTORS,
    Classifier,
    MobileNetV2,
    ResNet56,
    choose_extractor,
    label_classifier,
    mobilenet,
    principal_components,
    resnet56,
)
from steadygan.features.prepare import ImagesTo, rgb
from steadygan.features.pretrained import _prepared_as, timm_model

DATA = os.environ.get("STEADYGAN_DATA")
needs_nets = pytest.mark.skipif(
    not DATA or not list(Path(DATA).glob("nets/mobilenet*")),
    reason="STEADYGAN_DATA names no folder with nets",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADYGAN_CACHE", str(tmp_path / "cache"))


def images(n: int, channels: int, side: int) -> torch.Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_images_become_rgb_in_steps_of_a_byte() -> None:
    grey = rgb(images(2, 1, 4))
    assert grey.shape == (2, 3, 4, 4)
    assert torch.equal(grey[:, 0], grey[:, 2])
    assert torch.allclose(grey * 255, (grey * 255).round(), atol=1e-4)
    clear = torch.cat([images(2, 3, 4), torch.full((2, 1, 4, 4), -1.0)], dim=1)
    assert torch.equal(rgb(clear), torch.ones(2, 3, 4, 4))  # wholly transparent: white
    beyond = torch.full((1, 3, 2, 2), 7.0)
    assert torch.equal(rgb(beyond), torch.ones(1, 3, 2, 2))


def test_preparing_says_and_does_the_same() -> None:
    to = ImagesTo(16, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    prepared = to(torch.zeros(1, 1, 8, 8) + 1.0)
    assert prepared.shape == (1, 3, 16, 16)
    assert torch.allclose(prepared, torch.full_like(prepared, 2.0), atol=1e-5)
    assert "16×16" in to.resize
    assert "0.25" in to.preprocessing


def test_principal_components_keep_distances_along_them() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 3)) @ rng.standard_normal((3, 10))
    dataset = load(rows.astype(np.float32))
    found = principal_components(dataset, 3)
    assert found.share == pytest.approx(1.0)
    x = dataset.codec.encode(dataset.validation.x)
    assert torch.allclose(torch.pdist(found(x)), torch.pdist(x), atol=1e-4)
    assert found.dim == 3
    with pytest.raises(DataError, match="at most 10"):
        principal_components(dataset, 11)


def test_the_label_classifier_is_trained_once_and_knows_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    digits = load("digits")
    found = label_classifier(digits)
    assert torch.equal(torch.get_rng_state(), before)
    assert float(found.note.split()[1]) > 0.95
    x, y = digits.codec.encode(digits.validation.x), digits.validation.y
    features = found(x)
    assert features.shape == (len(x), found.dim)
    probabilities = found.probabilities(features)
    assert torch.allclose(probabilities.sum(1), torch.ones(len(x), dtype=torch.float64))
    assert float((probabilities.argmax(1) == y).double().mean()) > 0.95

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("trained again")

    home = sys.modules["steadygan.features.label_classifier"]
    monkeypatch.setattr(home, "train_classifier", refuse)
    again = label_classifier(digits)
    assert torch.equal(again(x), features)
    assert again.identity == found.identity


def test_a_classifier_of_points_and_of_nothing() -> None:
    ring = load("8-ring")
    found = choose_extractor("classifier", ring)
    assert isinstance(found, Classifier)
    assert float(found.note.split()[1]) > 0.9
    with pytest.raises(DataError, match="no labels"):
        choose_extractor("classifier", load(np.zeros((20, 3), dtype=np.float32)))


def make(spec: object) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))


def make_nothing(spec: object) -> int:
    return 3


def make_wrong(spec: object) -> nn.Module:
    return nn.Linear(7, 7)


def test_a_module_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = load("digits")
    found = choose_extractor(f"{__name__}:make", digits)
    assert found.dim == 5
    assert found(images(3, 1, 8)).shape == (3, 5)
    # The same code with other weights has other features.
    torch.manual_seed(9)
    assert choose_extractor(f"{__name__}:make", digits).identity != found.identity
    for name, words in (("make_nothing", "int"), ("make_wrong", "makes no features"),
                        ("makes", "Did you mean")):  # fmt: skip
        with pytest.raises(NetworkError, match=words):
            choose_extractor(f"{__name__}:{name}", digits)


def test_another_version_of_the_code_of_a_module_has_another_identity(tmp_path: Path) -> None:
    # Features of real samples are kept under it: those of the old code are not compared with
    # generated samples' of the new one.
    file, digits = tmp_path / "own_features.py", load("digits")
    code = (
        "from torch import nn\n"
        "class Own(nn.Module):\n"
        "    def forward(self, x): return x.{}((2, 3))\n"
        "def make(spec): return Own()\n"
    )
    identities = []
    for reduction in ("mean", "amax", "mean"):
        file.write_text(code.format(reduction))
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            identities.append(choose_extractor(f"{file}:make", digits).identity)
        finally:
            sys.dont_write_bytecode = before
            sys.modules.pop("own_features", None)
    assert identities[0] == identities[2] != identities[1]


def test_settings_of_transformers_in_either_form(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    for size in ("96", '{"height": 96, "width": 96}', '{"shortest_edge": 96}'):
        path.write_text(f'{{"size": {size}, "image_mean": [0.5, 0.5, 0.5]}}')
        assert _prepared_as(path) == ImagesTo(96, (0.5, 0.5, 0.5))
    path.write_text('{"size": 256, "crop_size": 96}')
    assert _prepared_as(path).side == 96


def test_a_file_of_timm_holds_the_classifier_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Model(nn.Module):
        num_features = 3

        def __init__(self, num_classes: int = 7) -> None:
            super().__init__()
            self.body = nn.Linear(12, 3)
            self.reset_classifier(num_classes)

        def reset_classifier(self, num_classes: int) -> None:
            self.head = nn.Linear(3, num_classes) if num_classes else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.head(self.body(x.flatten(1)))
            return made

    settings = {"input_size": (3, 2, 2), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    timm = types.ModuleType("timm")
    timm.create_model = lambda name, pretrained, **more: Model(**more)  # type: ignore[attr-defined]
    timm.data = types.SimpleNamespace(  # type: ignore[attr-defined]
        resolve_model_data_config=lambda network: settings
    )
    monkeypatch.setitem(sys.modules, "timm", timm)
    published = Model()
    save_file(published.state_dict(), tmp_path / "published.safetensors")
    found = timm_model("small", tmp_path / "published.safetensors")
    assert found.dim == 3
    x = images(4, 3, 2)
    assert torch.allclose(found(x), published.body(found.prepare(x).flatten(1)), atol=1e-6)


def test_names_that_are_unknown_or_do_not_fit() -> None:
    with pytest.raises(UsageError, match="Did you mean 'mobilenet'"):
        choose_extractor("mobilnet", load("digits"))
    with pytest.raises(DataError, match="takes images"):
        choose_extractor("mobilenet", load("25-grid"))
    with pytest.raises(UsageError, match="pca:64"):
        choose_extractor("pca:many", load("digits"))
    assert choose_extractor("pca:7", load("digits")).dim == 7


def test_weights_that_are_missing_or_of_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADYGAN_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"mobilenet_v2\*.safetensors.*--weights"):
        mobilenet()
    with pytest.raises(DataError, match="no file"):
        resnet56(tmp_path / "none.safetensors")
    other = tmp_path / "nets" / "mobilenet_v2_mine.safetensors"
    other.parent.mkdir()
    save_file({"features.0.0.weight": torch.zeros(3)}, other)
    with pytest.raises(DataError, match="does not hold the weights"):
        mobilenet()
    other.write_bytes(b"no safetensors")
    with pytest.raises(DataError, match="does not hold the weights"):
        mobilenet()
    save_file(MobileNetV2().state_dict(), other)  # what is found there is taken
    assert mobilenet()(images(2, 1, 8)).shape == (2, 1_280)


def test_extras_that_are_not_installed_are_named() -> None:
    digits = load("digits")
    for name, package in (("inception", "torch_fidelity"), ("timm:vit", "timm"),
                          ("transformers:folder", "transformers")):  # fmt: skip
        try:
            __import__(package)
        except ImportError:
            with pytest.raises(MissingExtraError, match="pip install 'steadygan"):
                choose_extractor(name, digits)


@pytest.mark.parametrize("name", ["timm", "transformers"])
def test_a_torchvision_of_another_torch_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingExtraError, match=r"nms.*install the torchvision that belongs"):
        choose_extractor(f"{name}:model", load("digits"))


def test_networks_have_the_published_sizes() -> None:
    # Parameters of MobileNetV2 1.0 without its classifier, and of ResNet-56 (0.85 million).
    assert sum(p.numel() for p in MobileNetV2().parameters()) == 2_223_872
    assert sum(p.numel() for p in ResNet56().parameters()) == 853_018


def test_features_do_not_depend_on_how_samples_are_batched(tmp_path: Path) -> None:
    path = tmp_path / "resnet56_cifar10.safetensors"
    torch.manual_seed(0)
    save_file(ResNet56().state_dict(), path)
    found = resnet56(path)
    x = images(300, 3, 16)
    apart = torch.cat([found(x[:1]), found(x[1:])])
    assert torch.allclose(found(x), apart, atol=1e-5)
    assert found.classifies
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest[:16] in found.identity
    assert found(x[:0]).shape == (0, 64)


def test_every_extractor_is_described() -> None:
    assert all(text for text, _, _ in EXTRACTORS.values())


@needs_nets
def test_the_pretrained_networks_see_what_they_were_trained_for() -> None:
    cifar = load("cifar10", DataOptions(limit=2))
    x, y = cifar.codec.encode(cifar.validation.x[:500]), cifar.validation.y
    assert y is not None
    reader = resnet56()
    right = reader.probabilities(reader(x)).argmax(1) == y[:500]
    assert float(right.double().mean()) > 0.91  # 0.934 on all 10,000
    trunk = mobilenet()
    few, labels = trunk(x[:200]), y[:200]
    distances = torch.cdist(few, few).fill_diagonal_(torch.inf)
    same = labels[distances.argmin(1)] == labels
    plain = x[:200].flatten(1)
    by_pixels = labels[torch.cdist(plain, plain).fill_diagonal_(torch.inf).argmin(1)] == labels
    assert float(same.double().mean()) > 0.15 + float(by_pixels.double().mean())
