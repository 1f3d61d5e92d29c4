from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from test_idx import write_idx

from steadygan.data import DataOptions, Dataset, StackedDigits, load
from steadygan.data.stacked_mnist import draw, mode_number
from steadygan.errors import DataError

needs_data = pytest.mark.skipif(
    "STEADYGAN_DATA" not in os.environ, reason="STEADYGAN_DATA does not name a folder of data sets"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root whose MNIST has even pixels in training and odd ones in testing, so that every
    channel tells which of the two it is from; the first pixel says which digit it is."""
    folder = tmp_path / "images" / "mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n, odd in (("train", 40, 0), ("t10k", 20, 1)):
        images = rng.integers(0, 128, (n, 28, 28), dtype=np.uint8) * 2 + odd
        labels = rng.permutation(np.arange(n, dtype=np.uint8) % 10)
        images[:, 0, 0] = labels * 2 + odd
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return tmp_path


@pytest.fixture
def tiny(root: Path) -> Dataset:
    return load("stacked-mnist", DataOptions(limit=500), root=root)


def test_the_form_is_that_of_the_papers(root: Path) -> None:
    dataset = load("stacked-mnist", root=root)
    assert dataset.train.x.shape == (128_000, 3, 28, 28)
    assert dataset.train.x.dtype == torch.uint8
    assert len(dataset.validation) == 10_000
    assert dataset.spec == ((3, 28, 28), (-1.0, 1.0), 1000)
    assert dataset.class_names is not None
    assert (dataset.class_names[7], dataset.class_names[-1]) == ("007", "999")


def test_each_channel_is_the_digit_that_the_label_names(tiny: Dataset) -> None:
    assert isinstance(tiny.modes, StackedDigits)
    for part, single in (
        (tiny.train, tiny.modes.train),
        (tiny.validation, tiny.modes.held_out),
    ):
        assert part.y is not None
        assert single.y is not None
        known = {x.numpy().tobytes(): int(y) for x, y in zip(single.x, single.y, strict=True)}
        for image, label in zip(part.x[:200], part.y[:200].tolist(), strict=True):
            digits = [known[channel.numpy().tobytes()] for channel in image]
            assert label == int("".join(map(str, digits)))
            assert [int(pixel) // 2 for pixel in image[:, 0, 0]] == digits


def test_training_and_held_out_stacks_share_no_digit(tiny: Dataset) -> None:
    assert set((tiny.train.x % 2).unique().tolist()) == {0}
    assert set((tiny.validation.x % 2).unique().tolist()) == {1}


def test_the_split_seed_decides_and_a_limit_takes_the_first(root: Path, tiny: Dataset) -> None:
    again = load("stacked-mnist", DataOptions(limit=500), root=root)
    assert again.fingerprint == tiny.fingerprint
    other = load("stacked-mnist", DataOptions(limit=500, split_seed=1), root=root)
    assert not torch.equal(other.train.x, tiny.train.x)
    assert not torch.equal(other.validation.x, tiny.validation.x)
    fewer = load("stacked-mnist", DataOptions(limit=100), root=root)
    assert torch.equal(fewer.train.x, tiny.train.x[:100])
    assert torch.equal(fewer.validation.x, tiny.validation.x)


def test_a_size_resizes_the_digits_and_another_number_of_channels_is_refused(root: Path) -> None:
    resized = load("stacked-mnist", DataOptions(size=16, limit=50, channels=3), root=root)
    assert resized.spec.shape == (3, 16, 16)
    assert isinstance(resized.modes, StackedDigits)
    assert resized.modes.train.x.shape == (40, 1, 16, 16)
    with pytest.raises(DataError, match=r"data\.channels is 1") as caught:
        load("stacked-mnist", DataOptions(channels=1), root=root)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "images" / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="needs labels"):
        load("stacked-mnist", root=root)
    monkeypatch.delenv("STEADYGAN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"^mnist was not found.*the four IDX files"):
        load("stacked-mnist", root=tmp_path / "absent")


def test_without_a_test_set_some_of_the_digits_are_held_out(root: Path) -> None:
    for path in (root / "images" / "mnist").glob("t10k-*"):
        path.unlink()
    digits = load("stacked-mnist", DataOptions(limit=10), root=root).modes
    assert isinstance(digits, StackedDigits)
    assert (len(digits.train), len(digits.held_out)) == (32, 8)
    assert not {x.numpy().tobytes() for x in digits.train.x} & {
        x.numpy().tobytes() for x in digits.held_out.x
    }


def test_numbers_of_modes_and_draws() -> None:
    assert mode_number(torch.tensor([[0, 0, 7], [1, 2, 3], [9, 9, 9]])).tolist() == [7, 123, 999]
    drawn = draw(7, 5000, seed=3)
    assert drawn.shape == (5000, 3)
    assert torch.equal(drawn, draw(7, 5000, seed=3))
    assert torch.bincount(drawn.flatten(), minlength=7).min() > 5000 * 3 / 7 * 0.9


@needs_data
def test_stacks_of_the_real_digits_have_all_modes() -> None:
    dataset = load("stacked-mnist")
    for part, least in ((dataset.train, 50), (dataset.validation, 1)):
        assert part.y is not None
        assert int(torch.bincount(part.y, minlength=1000).min()) >= least
    # The published mean of MNIST's pixels: stacking leaves it as it is.
    mean = int(dataset.train.x.sum()) / dataset.train.x.numel()
    assert mean / 255 == pytest.approx(0.1307, abs=5e-4)
