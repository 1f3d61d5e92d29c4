"""A folder of images as people have them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pictures import picture
from steadygan.data import DataOptions, load
from steadygan.errors import DataError


def test_a_mixed_folder_is_read_and_what_is_skipped_is_named(mixed: Path) -> None:
    dataset = load(mixed)
    assert len(dataset.train) + len(dataset.validation) == 8
    assert len(dataset.validation) >= 1
    text = " ".join(dataset.notes)
    assert "8 images" in text
    assert "4 unreadable" in text
    for name in ("truncated.png", "text.png (not an image)", "empty.jpg (empty)", "dangling.png"):
        assert name in text
    assert "notes.txt" not in text
    assert "size 20×20 (inferred" in text
    assert "3 channel(s) (inferred)" in text


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
    for index in range(2):
        Image.fromarray(ramp).save(tmp_path / f"{index}.png")
    dataset = load(tmp_path)
    pixels = dataset.train.x[0, 0].flatten().float()
    assert dataset.codec.shape == (1, 32, 32)
    expected = torch.linspace(0, 255, 1024)
    assert (pixels - expected).abs().max() <= 1


def test_orientation_is_honoured(tmp_path: Path) -> None:
    # Stored with its upper half red; EXIF orientation 6 says: turn by 90° clockwise to see it.
    stored = np.zeros((16, 16, 3), np.uint8)
    stored[:8, :, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    for index in range(2):
        Image.fromarray(stored).save(tmp_path / f"{index}.jpg", exif=exif, quality=95)
    red = load(tmp_path, DataOptions(size=16)).train.x[0, 0].float()
    assert red[:, 10:].mean() > 200  # the right half, as seen
    assert red[:, :6].mean() < 60


def test_transparency_is_laid_on_white_unless_kept(tmp_path: Path) -> None:
    for index in range(2):
        Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(tmp_path / f"{index}.png")
    assert (load(tmp_path, DataOptions(channels=3)).train.x == 255).all()
    kept = load(tmp_path, DataOptions(channels=4)).train.x
    assert (kept[:, 3] == 0).all()


def test_sub_folders_are_labels_only_where_every_image_lies_in_one(tmp_path: Path) -> None:
    for name, colour in (("cat", "red"), ("dog", "blue")):
        (tmp_path / name).mkdir()
        for index in range(5):
            Image.new("RGB", (16, 16), colour).save(tmp_path / name / f"{index}.png")
    dataset = load(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.train.y is not None
    is_red = dataset.train.x[:, 0].float().mean((1, 2)) > 128
    assert torch.equal(is_red, dataset.train.y == 0)
    Image.new("RGB", (16, 16)).save(tmp_path / "stray.png")
    assert load(tmp_path).class_names is None


def test_train_and_test_folders_are_the_splits(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("test", 3)):
        for name, colour in (("cat", "red"), ("dog", "blue")):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(count):
                picture = Image.new("RGB", (16, 16), colour)
                picture.save(tmp_path / part / name / f"{index}.png")
    dataset = load(tmp_path)
    assert (len(dataset.train), len(dataset.validation)) == (8, 6)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.validation.y is not None
    assert torch.bincount(dataset.validation.y).tolist() == [3, 3]


def test_size_and_channels_are_chosen_or_inferred(tmp_path: Path) -> None:
    for index, side in enumerate((30, 50, 70)):
        picture("L", (side, side + 9)).save(tmp_path / f"{index}.png")
    inferred = load(tmp_path)
    assert inferred.codec.shape == (1, 48, 48)  # the largest buildable side up to the median, 50
    chosen = load(tmp_path, DataOptions(size=24, channels=3))
    assert chosen.codec.shape == (3, 24, 24)
    assert any("24×24 (chosen)" in note for note in chosen.notes)


def test_an_unequal_picture_is_cropped_to_its_middle(tmp_path: Path) -> None:
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, 16:32, 1] = 255
    for index in range(2):
        Image.fromarray(wide).save(tmp_path / f"{index}.png")
    green = load(tmp_path, DataOptions(size=16)).train.x[0, 1]
    assert (green == 255).all()


@pytest.mark.parametrize("content", ["nothing", "text only", "unreadable"])
def test_nothing_readable_is_an_error_in_one_line(tmp_path: Path, content: str) -> None:
    if content == "text only":
        (tmp_path / "a.txt").write_text("hello")
    if content == "unreadable":
        (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError, match="image") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    if content == "unreadable":
        assert "a.png (not an image)" in str(caught.value)


def test_a_bomb_of_pixels_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    picture(size=(100, 100)).save(tmp_path / "huge.png")
    for index in range(2):
        picture(size=(20, 20)).save(tmp_path / f"{index}.png")
    assert any("huge.png" in note for note in load(tmp_path).notes)


def test_the_order_does_not_depend_on_the_file_system(mixed: Path) -> None:
    first = load(mixed).fingerprint
    os.utime(mixed / "plain.png")
    (mixed / "plain.png").rename(mixed / "other")
    (mixed / "other").rename(mixed / "plain.png")
    assert load(mixed).fingerprint == first


def test_runs_below_the_folder_are_no_data(mixed: Path) -> None:
    before = load(mixed).fingerprint
    run = mixed / "runs" / "mixed-1"
    (run / "samples").mkdir(parents=True)
    for name in ("recipe.json", "data.json"):
        (run / name).write_text("{}")
    picture(seed=9).save(run / "samples" / "step-000000000.png")
    assert load(mixed).fingerprint == before


def test_hidden_folders_and_loose_files_do_not_hide_the_splits(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for index in range(3):
            picture(seed=index).save(tmp_path / part / f"{index}.png")
    (tmp_path / ".cache").mkdir()
    picture().save(tmp_path / "loose.png")
    dataset = load(tmp_path)
    assert (len(dataset.train), len(dataset.validation)) == (3, 3)
    assert dataset.class_names is None
    assert any("1 file(s) beside train/ and test/ left out" in note for note in dataset.notes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_does_not_hang(mixed: Path) -> None:
    os.mkfifo(mixed / "pipe.png")
    assert len(load(mixed).train) == 6
