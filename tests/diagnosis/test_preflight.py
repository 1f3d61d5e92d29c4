"""The preflight as people use it: nothing is disturbed, everything is answered, every fault of the
benchmark's configurations is named."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import steadygan
from steadygan import Samples, Term, preflight_networks
from steadygan.constraints import WeightClipping
from steadygan.diagnosis import PenaltyFunction, Status, names
from steadygan.errors import UsageError
from steadygan.objectives import Wasserstein
from steadygan.penalties import TwoSided
from steadygan.recipes import PRESETS, override, preflight

FOLDER = Path(__file__).parents[2] / "benchmarks" / "doctor"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


CASES = _load("preflight_cases")


@pytest.mark.parametrize("case", CASES.FAULTY, ids=lambda case: case.name)
def test_faults_are_named(case: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    score = _load("preflight")
    assert score.is_named(case, score.examine(case))


# One of each kind; the benchmark runs them all.
@pytest.mark.parametrize(
    "name",
    [
        "minibatch-spread-under-gp", "gp-dropout", "own-spectral", "sigmoid-least-squares",
        "binary", "layers-frozen", "uneven-last-batch", "one-hot-labels",
        "zero-initialised-residual", "own-good-penalty", "large-units", "gp-gru",
    ],
)  # fmt: skip
def test_what_only_looks_faulty_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    score = _load("preflight")
    (case,) = (each for each in CASES.SOUND if each.name == name)
    diagnosis = score.examine(case)
    assert not diagnosis.errors
    assert not diagnosis.warnings


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "wgan-gp-resnet"])
@pytest.mark.parametrize("data", ["25-grid", "digits"])
def test_every_preset_passes(preset: str, data: str) -> None:
    dataset = steadygan.load(data)
    diagnosis = preflight(PRESETS[preset][1](dataset.spec), dataset)
    assert diagnosis.verdict.startswith("healthy"), diagnosis


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    return generator, nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))


def test_nothing_is_disturbed() -> None:
    generator, critic = networks()
    optimisers = [torch.optim.Adam(n.parameters()) for n in (critic, generator)]
    before = copy.deepcopy([generator.state_dict(), critic.state_dict()])
    torch.manual_seed(5)
    state = torch.get_rng_state()
    preflight_networks(
        generator, critic, torch.randn(16, 2, generator=torch.Generator().manual_seed(1)),
        latent=4, critic_optimiser=optimisers[0], generator_optimiser=optimisers[1],
        objective=Wasserstein(), penalties=[Term(TwoSided())],
    )  # fmt: skip
    assert torch.equal(torch.get_rng_state(), state)
    for network, kept in zip((generator, critic), before, strict=True):
        assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())
        assert all(p.grad is None for p in network.parameters())
    assert not any(optimiser.state for optimiser in optimisers)


def test_what_was_not_told_did_not_run() -> None:
    generator, critic = networks()
    diagnosis = preflight_networks(generator, critic, torch.randn(16, 2), latent=4)
    missing = {finding.check for finding in diagnosis.not_run}
    assert {"lipschitz", "bounded_critic", "optimiser_parameters", "ema", "validation"} <= missing
    assert "healthy" not in str(diagnosis)
    assert [finding.check for finding in diagnosis.findings] == list(names())


def test_labels_of_a_loader_are_left_out_where_networks_take_none() -> None:
    generator, critic = networks()
    loader = DataLoader(TensorDataset(torch.randn(64, 2), torch.arange(64) % 2), batch_size=16)
    diagnosis = preflight_networks(generator, critic, loader, latent=4)
    assert not diagnosis.errors
    by_name = {finding.check: finding for finding in diagnosis.findings}
    assert by_name["networks"].status is Status.OK
    assert by_name["group_size"].status is Status.OK  # the loader says how large batches are


def test_a_penalty_of_a_conditional_loop_gets_a_critic_of_samples_alone() -> None:
    class Conditional(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.embed, self.body = nn.Embedding(3, 2), nn.Linear(inputs + 2, outputs)

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            out: Tensor = self.body(torch.cat([x, self.embed(y)], 1)).square()
            return out

    def penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        at = fake.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
        return ((gradient.norm(dim=1) - 1) ** 2).mean()

    diagnosis = preflight_networks(
        Conditional(4, 2), Conditional(2, 1), Samples(torch.rand(30, 2), torch.arange(30) % 3),
        latent=4, penalties=[Term(PenaltyFunction(penalty))], objective=Wasserstein(),
    )  # fmt: skip
    by_name = {finding.check: finding for finding in diagnosis.findings}
    for check in ("penalty_per_sample", "double_backward", "labels", "batch_coupling"):
        assert by_name[check].status is Status.OK, by_name[check]


def test_advice_on_a_recipe_is_a_setting_that_can_be_typed() -> None:
    dataset = steadygan.load("25-grid")
    recipe = override(PRESETS["wgan-gp"][1](dataset.spec), ["penalty.weight=5000"])
    (finding,) = preflight(recipe, dataset).warnings
    setting = finding.try_next.split("--set ")[1]
    assert not preflight(override(recipe, [setting]), dataset).warnings


@pytest.mark.parametrize(
    ("latent", "data", "fails"),
    [
        (5, torch.randn(16, 2), "generator"),
        (4, torch.randn(16, 3), "critic"),
        (4, torch.randint(0, 256, (16, 2), dtype=torch.uint8), "critic"),
    ],
    ids=["another latent", "another shape", "bytes"],
)
def test_networks_that_cannot_run_are_an_error(latent: int, data: torch.Tensor, fails: str) -> None:
    generator, critic = nn.Linear(4, 2), nn.Linear(2, 1)
    found = preflight_networks(generator, critic, data, latent=latent)
    (error,) = (each for each in found.errors if each.check == "networks")
    assert f"the {fails} fails on 16" in error.evidence


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"generator": lambda z: z[:, :2]}, "generator is function: pass an nn.Module"),
        ({"critic": nn.Linear}, "critic is the class Linear: pass an nn.Module"),
        ({"real": None}, "real is NoneType: pass a batch of samples"),
        ({"real": TensorDataset(torch.randn(16, 2))}, "real is TensorDataset: .* or a loader"),
        ({"real": torch.randn(16, 2).numpy()}, r"torch.as_tensor\(real\) is one"),
        ({"real": torch.randn(0, 2)}, r"real has shape \(0, 2\)"),
        ({"real": torch.tensor(1.0)}, r"real has shape \(\)"),
        ({"latent": (4,)}, "latent is tuple: pass a length, or a function"),
        ({"critic_optimiser": torch.optim.Adam}, "critic_optimiser is the class Adam: pass"),
        ({"objective": Wasserstein}, r"objective is the class Wasserstein: .* Wasserstein\(\)"),
        ({"penalties": Term(TwoSided())}, "penalties is Term: pass a list"),
        ({"penalties": [TwoSided()]}, r"penalties\[0\] is TwoSided: pass a list of Term"),
        ({"constraints": WeightClipping(0.01)}, "constraints is WeightClipping: pass a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_refused_in_one_line(given: dict[str, Any], words: str) -> None:
    generator, critic = networks()
    whole = {"generator": generator, "critic": critic, "real": torch.randn(16, 2), "latent": 4}
    with pytest.raises(UsageError, match=words) as refused:
        preflight_networks(**(whole | given))
    assert len(str(refused.value).splitlines()) == 1


def test_a_critic_without_parameters_has_none_to_clip() -> None:
    class Length(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.square().sum(1)

    found = preflight_networks(
        nn.Linear(4, 2), Length(), torch.randn(16, 2), latent=4, constraints=[WeightClipping(0.01)]
    )
    assert [each.check for each in found.errors] == ["gradients"]
    assert "the trial failed" not in str(found)
    by_name = {each.check: each for each in found.findings}
    assert by_name["clipping_depth"].evidence == "weights are not clipped"


def test_networks_that_are_called_otherwise_are_not_known() -> None:
    class Keywords(nn.Linear):
        def forward(self, x: torch.Tensor, *, scale: float) -> torch.Tensor:
            return scale * super().forward(x)

    found = preflight_networks(nn.Linear(4, 2), Keywords(2, 1), torch.randn(16, 2), latent=4)
    assert "networks" not in [each.check for each in found.errors]
