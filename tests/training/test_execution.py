"""How steps are carried out is measured, kept, frozen, and never worse in what it computes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import nn

import steadygan
from steadygan.errors import RecipeError
from steadygan.networks import DCGAN
from steadygan.run import Run
from steadygan.training import Execution, Training, Trial, choose, execution
from steadygan.training.execution import bfloat16_gain

CPU = torch.device("cpu")
KEY = {"recipe": "made up"}


class Machine:
    """A made-up machine: seconds of each way to carry out a step, and what it was asked."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[Execution] = []
        self.penalties = {"float32": 2.0, "bfloat16": 2.001}

    def __call__(self, way: Execution) -> Trial:
        self.asked.append(way)
        factor = self.seconds.get(way.precision, 1.0) * self.seconds.get(way.memory_format, 1.0)
        factor *= self.seconds.get(f"threads{way.threads}", 1.0)
        return Trial(factor, {"gradient_penalty": self.penalties[way.precision]})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(execution, "bfloat16_gain", lambda device: 4.0)
    torch.set_num_threads(4)


def chosen(
    training: Training, trial: Machine, *, images: bool = True, convolutional: bool = True
) -> Execution:
    return choose(
        training, trial, key=KEY, images=images, convolutional=images and convolutional, device=CPU
    )


def test_the_fastest_way_is_taken() -> None:
    quick = Machine(channels_last=0.8, bfloat16=0.5, threads2=1.3)
    assert chosen(Training(), quick) == Execution("bfloat16", "channels_last", 4)


def test_dense_networks_have_no_memory_format_to_choose() -> None:
    noisy = Machine(channels_last=0.5)
    assert chosen(Training(), noisy, convolutional=False).memory_format == "contiguous"
    assert {way.memory_format for way in noisy.asked} == {"contiguous"}


def test_what_gains_little_is_not_taken() -> None:
    slow = Machine(channels_last=0.95, bfloat16=0.95, threads2=0.95)
    assert chosen(Training(), slow) == Execution("float32", "contiguous", 4)


def test_fewer_threads_are_tried_while_they_gain() -> None:
    waiting = Machine(threads2=0.7, threads1=0.5)
    assert chosen(Training(), waiting, images=False).threads == 1
    assert [way.threads for way in waiting.asked] == [4, 2, 1]
    best_with_two = Machine(threads2=0.7, threads1=0.8)
    again = replace(Training(), precision="float32")
    assert chosen(again, best_with_two, images=False).threads == 2


def test_bfloat16_is_not_taken_unasked_for_numbers_that_are_no_pixels() -> None:
    quick = Machine(bfloat16=0.1)
    assert chosen(Training(), quick, images=False).precision == "float32"
    assert {way.precision for way in quick.asked} == {"float32"}


def test_bfloat16_is_not_taken_where_the_penalty_comes_out_otherwise() -> None:
    wrong = Machine(bfloat16=0.1)
    wrong.penalties["bfloat16"] = 2.05
    assert chosen(Training(), wrong).precision == "float32"


def test_bfloat16_is_not_even_tried_where_it_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "bfloat16_gain", lambda device: 0.6)
    machine = Machine(bfloat16=0.1)
    assert chosen(Training(), machine).precision == "float32"
    assert {way.precision for way in machine.asked} == {"float32"}


def test_what_is_set_stays_and_is_not_measured_otherwise() -> None:
    machine = Machine(bfloat16=0.1, channels_last=0.1, threads2=0.1, threads1=0.01)
    given = Training(precision="float32", memory_format="contiguous", threads=3)
    assert chosen(given, machine) == Execution("float32", "contiguous", 3)
    assert len(machine.asked) == 1


def test_the_answer_is_kept_and_damage_is_measured_again(tmp_path: Path) -> None:
    first = Machine(bfloat16=0.5)
    assert chosen(Training(), first).precision == "bfloat16"
    second = Machine(bfloat16=2.0)
    assert chosen(Training(), second).precision == "bfloat16"
    assert second.asked == []
    (file,) = (tmp_path / "cache" / "execution").iterdir()
    file.write_text("{")
    assert chosen(Training(), second).precision == "float32"


def test_without_a_cache_it_is_measured_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADYGAN_CACHE", os.devnull)
    for _ in range(2):
        machine = Machine(bfloat16=0.5)
        assert chosen(Training(), machine).precision == "bfloat16"
        assert machine.asked


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEADYGAN_CACHE", str(tmp_path / "file"))
    assert chosen(Training(), Machine(bfloat16=0.5)).precision == "bfloat16"


def test_products_in_bfloat16_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gain = bfloat16_gain(CPU)
    assert gain > 0
    monkeypatch.setattr(torch.Tensor, "__matmul__", None)  # it would fail if measured again
    assert bfloat16_gain(CPU) == pytest.approx(gain, abs=0.01)


@pytest.mark.parametrize("name", ["x" * 300, "file/below"])
def test_a_cache_that_cannot_be_looked_at_is_no_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEADYGAN_CACHE", str(tmp_path / name))
    assert bfloat16_gain(CPU) > 0


@pytest.mark.parametrize("setting", ["precision=float16", "memory_format=nhwc"])
def test_what_does_not_exist_is_refused(setting: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(RecipeError, match=f"training.{name} is '{value}': choose auto"):
        Training(**{name: value})


def trained(tmp_path: Path, name: str, **changes: str) -> Run:
    overrides = [
        "training.threads=1", "training.batch_size=8", "training.checkpoint_every=2",
        "training.probe_every=0", "training.sample_every=0",
        *(f"training.{key}={value}" for key, value in changes.items()),
    ]  # fmt: skip
    recipe = steadygan.Recipe(architecture=DCGAN(width=4), latent_dim=4, n_critic=1)
    return steadygan.train("digits", recipe, out=tmp_path / name, steps=4, overrides=overrides)


def test_a_run_in_bfloat16_keeps_its_weights_in_float32_and_resumes_bit_by_bit(
    tmp_path: Path,
) -> None:
    how = {"precision": "bfloat16", "memory_format": "channels_last"}
    run = trained(tmp_path, "whole", **how)
    assert run.recipe.training.precision == "bfloat16"
    assert {value.dtype for value in run.generator().state_dict().values()} <= {
        torch.float32, torch.int64,
    }  # fmt: skip
    last = run.files.checkpoints / "step-000000004.safetensors"
    whole = last.read_bytes()
    for file in run.files.checkpoints.iterdir():
        if "000000002" not in file.name:
            file.unlink()
    assert steadygan.resume(run).files.checkpoints.exists()
    tensors, _ = steadygan.training.load_tensors(last)
    (tmp_path / "whole.safetensors").write_bytes(whole)
    expected, _ = steadygan.training.load_tensors(tmp_path / "whole.safetensors")
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_memory_format_changes_nothing_but_rounding(tmp_path: Path) -> None:
    runs = [
        trained(tmp_path, name, precision="float32", memory_format=name)
        for name in ("contiguous", "channels_last")
    ]
    for a, b in zip(*(run.generator().parameters() for run in runs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_short_run_is_not_measured(tmp_path: Path) -> None:
    run = trained(tmp_path, "short")
    assert asdict(run.recipe.training) | asdict(Execution("float32", "contiguous", 1)) == asdict(
        run.recipe.training
    )


def test_a_long_one_is_and_what_was_chosen_is_frozen(tmp_path: Path) -> None:
    recipe = steadygan.Recipe(architecture=DCGAN(width=4), latent_dim=4, n_critic=1)
    overrides = ["training.threads=1", "training.batch_size=8", "training.steps=200",
                 "training.minutes=0.0001", "training.probe_every=0"]  # fmt: skip
    run = steadygan.train("digits", recipe, out=tmp_path / "long", overrides=overrides)
    kept = [json.loads(f.read_text()) for f in (tmp_path / "cache" / "execution").iterdir()]
    assert asdict(Execution.of(run.recipe.training)) in kept
    assert run.recipe.training.precision != "auto"


def test_channels_last_weights_are_laid_out() -> None:
    network = nn.Conv2d(3, 8, 3)
    Execution("float32", "channels_last", 1).lay_out(network)
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
