from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from steadygan.data import ImageCodec, VectorCodec
from steadygan.errors import DataError


@given(st.sampled_from([1, 3, 4]), st.integers(0, 1000))
def test_stored_images_come_back_as_they_were(channels: int, seed: int) -> None:
    codec = ImageCodec(size=6, channels=channels)
    rng = torch.Generator().manual_seed(seed)
    stored = torch.randint(0, 256, (3, channels, 6, 6), generator=rng, dtype=torch.uint8)
    encoded = codec.encode(stored)
    assert encoded.dtype == torch.float32
    assert encoded.abs().max() <= 1
    assert np.array_equal(codec.decode(encoded), stored.permute(0, 2, 3, 1).numpy())


def test_the_range_of_other_depths_is_filled() -> None:
    codec = ImageCodec(size=1, channels=1, maximum=16)
    encoded = codec.encode(torch.tensor([0, 8, 16], dtype=torch.uint8).view(3, 1, 1, 1))
    assert encoded.flatten().tolist() == [-1.0, 0.0, 1.0]
    assert codec.decode(encoded).flatten().tolist() == [0, 128, 255]
    assert codec.decode(torch.tensor([[[[9.0]]]])).item() == 255  # clipped


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3)), min_size=1, max_size=5),
    st.integers(0, 1000),
)
def test_rows_come_back_in_their_units(scales: list[tuple[float, float]], seed: int) -> None:
    shift, scale = zip(*scales, strict=True)
    codec = VectorCodec(shift, scale)
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randn(7, len(shift), generator=rng) * torch.tensor(scale) + torch.tensor(shift)
    back = codec.decode(codec.encode(rows))
    bound = 1e-5 * (np.abs(shift).max() + np.abs(scale).max())
    assert np.abs(back - rows.numpy()).max() <= bound


def test_a_sheet_shows_every_image_in_its_place(tmp_path: Path) -> None:
    codec = ImageCodec(size=8, channels=1)
    decoded = np.zeros((5, 8, 8, 1), np.uint8)
    for index in range(5):
        decoded[index] = 40 * (index + 1)
    (path,) = codec.write(decoded, tmp_path / "sheet.png")
    with Image.open(path) as sheet:
        colours = set(np.unique(np.asarray(sheet.convert("L"))))
        assert set(range(40, 201, 40)) <= colours
        assert sheet.width > 3 * 8  # enlarged


def test_images_are_written_by_the_ending_of_the_path(tmp_path: Path) -> None:
    codec = ImageCodec(size=4, channels=3)
    rng = np.random.default_rng(0)
    decoded = rng.integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    paths = codec.write(decoded, tmp_path / "new" / "folder")
    assert [p.name for p in paths] == ["00000.png", "00001.png", "00002.png"]
    with Image.open(paths[1]) as image:
        assert np.array_equal(np.asarray(image), decoded[1])
    codec.write(decoded, tmp_path / "a.npz")
    codec.write(decoded, tmp_path / "a.npy")
    assert np.array_equal(np.load(tmp_path / "a.npz")["x"], decoded)
    assert np.array_equal(np.load(tmp_path / "a.npy"), decoded)
    with pytest.raises(DataError, match="not an empty folder"):
        codec.write(decoded, tmp_path / "new" / "folder")
    with pytest.raises(DataError, match=r"\.gif") as caught:
        codec.write(decoded, tmp_path / "a.gif")
    assert "\n" not in str(caught.value)


def test_rows_are_written_by_the_ending_of_the_path(tmp_path: Path) -> None:
    codec = VectorCodec((0.0, 0.0), (1.0, 1.0))
    rows = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    codec.write(rows, tmp_path / "a.csv")
    read = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1).astype(np.float32)
    assert np.array_equal(read, rows)
    codec.write(rows, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as plot:
        assert min(plot.size) > 300
    with pytest.raises(DataError, match=r"\.txt"):
        codec.write(rows, tmp_path / "a.txt")


@pytest.mark.parametrize("columns", [1, 2, 3, 20])
def test_rows_of_any_width_have_a_sheet(columns: int) -> None:
    codec = VectorCodec((0.0,) * columns, (1.0,) * columns)
    rows = np.random.default_rng(0).normal(size=(50, columns)).astype(np.float32)
    assert codec.sheet(rows, real=rows + 1).width > 300
    assert codec.sheet(np.zeros_like(rows)).width > 300  # nothing but one value
