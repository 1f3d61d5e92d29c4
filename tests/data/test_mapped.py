"""Samples in a file are what the same samples in memory are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import steadygan
from steadygan.data import DataOptions, Dataset, ImageCodec
from steadygan.data.dataset import digest, split
from steadygan.data.mapped import MappedSamples
from steadygan.interfaces import Samples

ROWS = torch.arange(39, -1, -3)


@pytest.fixture
def pixels(tmp_path: Path) -> np.ndarray:
    array = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), np.uint8)
    array.tofile(tmp_path / "pixels")
    return np.memmap(tmp_path / "pixels", np.uint8, "r", shape=array.shape)


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(40) % 4


def same(first: Tensor | None, second: Tensor | None) -> bool:
    if first is None or second is None:
        return first is second
    return first.dtype == second.dtype and torch.equal(first, second)


@pytest.mark.parametrize("labelled", [True, False])
def test_they_are_those_in_memory(pixels: np.ndarray, labels: Tensor, labelled: bool) -> None:
    y = labels if labelled else None
    memory = Samples(torch.from_numpy(np.array(pixels)), y).take(ROWS)
    mapped = MappedSamples(pixels, ROWS, None if y is None else y[ROWS])
    assert len(mapped) == len(memory) == len(ROWS)
    assert same(mapped.x, memory.x)
    assert same(mapped.y, memory.y)
    assert digest(mapped) == digest(memory)
    for indices in (torch.tensor([5, 0, 5, 13]), torch.tensor([], dtype=torch.long)):
        assert same(mapped.take(indices).x, memory.take(indices).x)
        assert same(mapped.take(indices).y, memory.take(indices).y)


def test_what_is_taken_may_be_written_to_and_the_file_is_left_alone(pixels: np.ndarray) -> None:
    mapped = MappedSamples(pixels, ROWS)
    before = mapped.x
    mapped.take(torch.arange(3)).x.zero_()
    mapped.x.zero_()
    assert same(mapped.x, before)


def test_a_run_on_the_cpu_reads_the_file_and_another_device_gets_copies(
    pixels: np.ndarray, labels: Tensor
) -> None:
    mapped = MappedSamples(pixels, torch.arange(40), labels)
    here = mapped.on(torch.device("cpu"), labels=False)
    assert isinstance(here, MappedSamples)
    assert here.array is pixels
    assert here.y is None
    assert mapped.y is labels
    there = mapped.on(torch.device("meta"), labels=True)  # stands for any other device
    assert there.x.shape == (40, 3, 8, 8)
    assert there.x.dtype == torch.uint8
    assert there.y is not None
    assert {there.x.device.type, there.y.device.type} == {"meta"}


def test_a_split_of_a_file_is_that_of_memory(pixels: np.ndarray, labels: Tensor) -> None:
    options = DataOptions(limit=20)
    codec = ImageCodec(size=8, channels=3)
    memory = split("set", torch.from_numpy(np.array(pixels)), labels, codec, options)
    mapped = split("set", pixels, labels, codec, options)
    assert isinstance(mapped.train, MappedSamples)
    assert isinstance(mapped.validation, MappedSamples)
    assert mapped.fingerprint == memory.fingerprint
    assert same(mapped.train.y, memory.train.y)


def test_training_on_a_file_gives_the_weights_of_training_in_memory(
    pixels: np.ndarray, labels: Tensor, tmp_path: Path
) -> None:
    mapped = split(
        "set", pixels, labels, ImageCodec(size=8, channels=3), DataOptions(), class_names=(*"abcd",)
    )
    memory = replace(
        mapped,
        train=mapped.train.take(torch.arange(len(mapped.train))),
        validation=mapped.validation.take(torch.arange(len(mapped.validation))),
    )

    def weights(dataset: Dataset, name: str) -> bytes:
        steadygan.train(
            dataset,
            "cgan",
            out=tmp_path / name,
            overrides=["architecture=MLP(hidden=(16,))", "training.batch_size=8"],
            steps=4,
        )
        return (tmp_path / name / "generator.safetensors").read_bytes()

    assert weights(mapped, "mapped") == weights(memory, "memory")
