from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from steadygan.data import load
from steadygan.data.idx import read_idx
from steadygan.errors import DataError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def write_idx(path: Path, array: np.ndarray) -> None:
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("name", ["a-idx3-ubyte", "a-idx3-ubyte.gz"])
def test_every_type_comes_back(tmp_path: Path, dtype: str, name: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    write_idx(tmp_path / name, array)
    read = read_idx(tmp_path / name)
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)


def make_mnist(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for part, n in (("train", 30), ("t10k", 10)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(n, dtype=np.uint8) % 10)


def test_labels_and_the_test_set_are_found_beside_the_images(tmp_path: Path) -> None:
    make_mnist(tmp_path)
    dataset = load(tmp_path / "train-images-idx3-ubyte.gz")
    assert (len(dataset.train), len(dataset.validation)) == (30, 10)
    assert dataset.train.y is not None
    assert dataset.train.y.tolist() == [i % 10 for i in range(30)]
    assert dataset.spec == load(tmp_path).spec


def test_a_named_set_is_found_under_the_root_and_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEADYGAN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="STEADYGAN_DATA") as caught:
        load("mnist", root=tmp_path)
    assert "\n" not in str(caught.value)
    folder = tmp_path / "images" / "mnist"
    folder.mkdir(parents=True)
    make_mnist(folder)
    assert load("mnist", root=tmp_path).name == "mnist"
    monkeypatch.setenv("STEADYGAN_DATA", str(tmp_path))
    assert len(load("mnist").validation) == 10


def test_a_test_set_of_another_size_is_fitted_to_the_training_set(tmp_path: Path) -> None:
    make_mnist(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", np.zeros((10, 20, 20), np.uint8))
    dataset = load(tmp_path)
    assert dataset.validation.x.shape == (10, 1, 28, 28)


@pytest.mark.parametrize("damage", ["cut", "magic", "gzip", "header", "labels"])
def test_damaged_files_are_errors_in_one_line(tmp_path: Path, damage: str) -> None:
    make_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = gzip.decompress(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-5])
    elif damage == "magic":
        path.write_bytes(b"PNG" + content[3:])
    elif damage == "gzip":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "header":
        path.write_bytes(content[:9])
    else:
        write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="train-") as caught:
        load(path)
    assert "\n" not in str(caught.value)
