from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steadygan.data import DataOptions, load
from steadygan.errors import DataError

RNG = np.random.default_rng(0)


def test_vectors_are_standardised_by_the_training_samples_and_come_back(tmp_path: Path) -> None:
    rows = RNG.normal([10, -3, 5], [2, 0.1, 0], (200, 3))
    np.save(tmp_path / "rows.npy", rows)
    dataset = load(tmp_path / "rows.npy")
    encoded = dataset.encode(dataset.train).x
    assert encoded.mean(0).abs().max() < 1e-5
    assert encoded.std(0, correction=0)[:2].tolist() == pytest.approx([1, 1], rel=1e-4)
    assert "1 column(s) are constant" in dataset.notes
    back = dataset.codec.decode(encoded)
    assert np.abs(back - dataset.train.x.numpy()).max() < 1e-4
    assert len(dataset.validation) == 40


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((9, 16, 16), (1, 16, 16)), ((9, 16, 16, 3), (3, 16, 16)), ((9, 3, 16, 16), (3, 16, 16)),
     ((9, 17, 17), (1, 16, 16)), ((9, 16, 20, 1), (1, 16, 16)), ((9,), (1,))],
)  # fmt: skip
def test_the_shape_says_what_they_are(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert load(RNG.integers(0, 256, shape, dtype=np.uint8)).spec.shape == expected


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0, 1, "[0, 1]"), (-1, 1, "[−1, 1]"), (0, 255, "[0, 255]"),
                              (-5, 300, "smallest and largest")],
)  # fmt: skip
def test_the_range_of_float_images_is_read_from_their_values(
    low: float, high: float, said: str
) -> None:
    images = np.linspace(low, high, 4 * 64, dtype=np.float32).reshape(4, 8, 8)
    dataset = load(images)
    assert any(said in note for note in dataset.notes)
    both = torch.cat([dataset.train.x, dataset.validation.x])
    assert (int(both.min()), int(both.max())) == (0, 255)


def test_labels_may_be_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=RNG.integers(0, 256, (6, 8, 8), dtype=np.uint8),
             labels=np.array(["b", "a", "b", "a", "c", "c"]))  # fmt: skip
    dataset = load(tmp_path / "a.npz")
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.spec.classes == 3


def test_the_limit_keeps_so_many_training_samples() -> None:
    full, limited = (load(RNG.normal(size=(100, 2)), DataOptions(limit=n)) for n in (None, 7))
    assert (len(full.train), len(limited.train)) == (80, 7)
    assert len(limited.validation) == 20


BAD: list[tuple[Any, str]] = [
    (
        np.array([[1.0, np.nan], [2, np.inf]]),
        r"2 value\(s\) that are not finite, the first at \(0, 1\)",
    ),
    (np.full((4, 2), 1e300), "beyond float32"),
    (np.empty((0, 3)), "no samples"),
    (np.array(3.0), "no samples"),
    (np.zeros((1, 3)), "at least 2"),
    (np.zeros((4, 5, 6, 7)), "1, 3 or 4 channels"),
    (np.zeros((2, 2, 2, 2, 2)), "shape"),
    (np.array(["a", "b"]), "not real numbers"),
    (np.zeros((4, 2), complex), "not real numbers"),
]


@pytest.mark.parametrize(("array", "complaint"), BAD)
def test_what_cannot_be_trained_on_is_an_error_in_one_line(array: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        load(array)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_errors_in_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "two.npz", left=np.zeros(3), right=np.zeros(3))
    np.savez(tmp_path / "few.npz", x=np.zeros((4, 2)), y=np.zeros(3))
    for name, complaint in (
        ("objects.npy", "objects"),
        ("text.npy", "cannot be read"),
        ("empty.npz", "cannot be read"),
        ("two.npz", "left, right"),
        ("few.npz", "labels"),
    ):
        with pytest.raises(DataError, match=complaint) as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name.split(".")[0] in str(caught.value)
