"""CIFAR-10 (Krizhevsky 2009): the published binary version, or lossless sheets of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import DataOptions, Dataset, split
from steadygan.data.pixels import fit_pixels
from steadygan.errors import DataError
from steadygan.interfaces import Samples

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE  # a label, then the red, green and blue planes
_BINARY = "cifar-10-batches-bin"

# Any of these in a folder says that it is CIFAR-10.
CIFAR10_MARKS = (_BINARY, "test_batch.bin", "labels_train.npy")


def load_cifar10(folder: Path, options: DataOptions) -> Dataset:
    """CIFAR-10 with its labels; its test set is the held-out split.

    Args:
        folder: holds ``data_batch_1.bin`` … ``test_batch.bin`` (or the folder
            ``cifar-10-batches-bin`` with them), or ``train_*.webp``, ``test_*.webp`` sheets with
            ``labels_train.npy``, ``labels_test.npy``.

    Raises:
        DataError: neither is there, or a file is damaged.
    """
    inner = folder / _BINARY
    binary = inner if inner.is_dir() else folder
    batches = sorted(binary.glob("data_batch_*.bin"))
    if batches and (binary / "test_batch.bin").exists():
        train = _read_binary(batches)
        test = _read_binary([binary / "test_batch.bin"])
    elif (folder / "labels_train.npy").exists():
        train, test = _read_sheets(folder, "train"), _read_sheets(folder, "test")
    else:
        raise DataError(f"{folder} has no data_batch_*.bin with test_batch.bin, and no sheets.")
    images, notes = fit_pixels(train.x, options)
    held_out = Samples(fit_pixels(test.x, options)[0], test.y)
    return split(
        "cifar10",
        images,
        train.y,
        ImageCodec(size=images.shape[-1], channels=images.shape[1]),
        options,
        class_names=CLASSES,
        notes=notes,
        held_out=held_out,
    )


def _read_binary(paths: list[Path]) -> Samples:
    parts = []
    for path in paths:
        content = np.fromfile(path, np.uint8)
        if not len(content) or len(content) % _RECORD:
            raise DataError(
                f"{path} has {len(content):,} bytes, not a multiple of {_RECORD}: is it truncated?"
            )
        parts.append(content.reshape(-1, _RECORD))
    records = torch.from_numpy(np.concatenate(parts))
    return _checked(records[:, 1:].reshape(-1, 3, _SIDE, _SIDE), records[:, 0].long(), paths[0])


def _read_sheets(folder: Path, part: str) -> Samples:
    from PIL import Image

    parts = []
    labels_path = folder / f"labels_{part}.npy"
    try:
        for path in sorted(folder.glob(f"{part}_*.webp")):
            with Image.open(path) as sheet:
                pixels = np.asarray(sheet.convert("RGB"))
            rows, columns = pixels.shape[0] // _SIDE, pixels.shape[1] // _SIDE
            tiles = pixels.reshape(rows, _SIDE, columns, _SIDE, 3).transpose(0, 2, 4, 1, 3)
            parts.append(tiles.reshape(-1, 3, _SIDE, _SIDE))
        labels = torch.from_numpy(np.load(labels_path, allow_pickle=False).astype(np.int64))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the {part} sheets in {folder} cannot be read: {reason}.") from None
    images = torch.from_numpy(np.concatenate(parts)) if parts else torch.empty(0, 3, _SIDE, _SIDE)
    if len(images) < len(labels):
        raise DataError(f"{folder} has {len(images)} {part} images for {len(labels)} labels.")
    return _checked(images[: len(labels)].clone(), labels, labels_path)


def _checked(images: Tensor, labels: Tensor, path: Path) -> Samples:
    if int(labels.min()) < 0 or int(labels.max()) >= len(CLASSES):
        raise DataError(f"{path} has a label outside 0 to 9: is it CIFAR-10?")
    return Samples(images, labels)
