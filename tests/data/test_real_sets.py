"""The real sets, where STEADYGAN_DATA says they are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from steadygan.data import DataOptions, load, names
from steadygan.data.cifar10 import load_cifar10
from steadygan.errors import DataError

needs_data = pytest.mark.skipif(
    "STEADYGAN_DATA" not in os.environ, reason="STEADYGAN_DATA does not name a folder of data sets"
)


def test_digits_are_there_without_any_file() -> None:
    dataset = load("digits")
    assert len(dataset.train) + len(dataset.validation) == 1797
    assert dataset.spec.shape == (1, 8, 8)
    assert dataset.class_names == tuple("0123456789")
    assert dataset.train.y is not None
    assert torch.bincount(dataset.train.y).min() > 100
    encoded = dataset.encode(dataset.train).x
    assert (float(encoded.min()), float(encoded.max())) == (-1.0, 1.0)
    assert load("digits", DataOptions(size=16, channels=3)).spec.shape == (3, 16, 16)


@needs_data
@pytest.mark.parametrize(
    ("name", "shape", "mean"),
    # The means are those that everybody normalises with: 0.1307, 0.2860, 0.4734.
    [("mnist", (1, 28, 28), 0.1307), ("fashion-mnist", (1, 28, 28), 0.2860),
     ("cifar10", (3, 32, 32), 0.4734)],
)  # fmt: skip
def test_named_sets_have_the_published_statistics(
    name: str, shape: tuple[int, ...], mean: float
) -> None:
    dataset = load(name)
    assert dataset.spec.shape == shape
    assert len(dataset.validation) == 10_000
    assert float(dataset.train.x.double().mean() / 255) == pytest.approx(mean, abs=1e-4)
    assert dataset.train.y is not None
    assert len(torch.bincount(dataset.train.y)) == 10


def test_the_binary_version_of_cifar10_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(6, dtype=np.uint8)
    records = np.concatenate([labels[:, None], images.reshape(6, -1)], axis=1)
    (folder / "data_batch_1.bin").write_bytes(records[:4].tobytes())
    (folder / "test_batch.bin").write_bytes(records[4:].tobytes())
    for root in (tmp_path, folder):
        dataset = load_cifar10(root, DataOptions())
        assert np.array_equal(dataset.train.x.numpy(), images[:4])
        assert np.array_equal(dataset.validation.x.numpy(), images[4:])
    (folder / "data_batch_1.bin").write_bytes(records[:4].tobytes()[:-1])
    with pytest.raises(DataError, match="truncated"):
        load_cifar10(folder, DataOptions())


def test_an_unknown_source_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'digits'"):
        load("digit")
    with pytest.raises(DataError, match="no file"):
        load(tmp_path / "absent.npy")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not a kind of file"):
        load(tmp_path / "table.csv")


def test_every_name_is_described() -> None:
    assert {"digits", "8-ring", "25-grid", "swiss-roll", "mnist", "cifar10"} <= set(names())
    assert all(text and "\n" not in text for text in names().values())


@pytest.mark.parametrize(
    "options",
    [{"validation": 0.0}, {"validation": 1.0}, {"size": 0}, {"channels": 2}, {"limit": 1}],
)
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(DataError, match=next(iter(options))):
        DataOptions(**options)  # type: ignore[arg-type]
