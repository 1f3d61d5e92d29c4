"""IDX files, the format of MNIST and Fashion-MNIST (LeCun, Cortes & Burges 1998)."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import DataOptions, Dataset, split
from steadygan.data.pixels import fit_pixels
from steadygan.errors import DataError
from steadygan.interfaces import Samples

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}

FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
           "ankle boot")  # fmt: skip


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, plain or gzipped, in native byte order.

    Raises:
        DataError: the file is missing, no IDX file, or shorter or longer than its header says.
    """
    content = _read_bytes(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or content[3] == 0:
        raise DataError(f"{path} is not an IDX file: it does not begin with an IDX header.")
    dtype, dimensions = _TYPES[content[2]], content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataError(f"{path} ends within its header: is the file truncated?")
    shape = tuple(np.frombuffer(content, ">u4", dimensions, offset=4).astype(int).tolist())
    expected = header + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(content) != expected:
        raise DataError(
            f"{path} holds {len(content):,} bytes where its header says {expected:,}: "
            "is the file truncated?"
        )
    array = np.frombuffer(content, dtype, offset=header).reshape(shape)
    native: np.ndarray = array.astype(dtype.newbyteorder("="))
    return native


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error}).") from None


def is_idx(path: Path) -> bool:
    """Whether the file is named as IDX files are."""
    return "-ubyte" in path.name or path.suffix in (".idx", ".ubyte")


def load_idx(path: Path, options: DataOptions, *, class_names: tuple[str, ...] = ()) -> Dataset:
    """A file of images ``(n, height, width)``, with the labels and the test set found beside it.

    The usual names: ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte``; a test set becomes the held-out split.

    Raises:
        DataError: a file is unreadable, holds no images, or labels and images differ in number.
    """
    train = _labelled(path)
    test_name = path.name.replace("train-", "t10k-", 1)
    test = _find(path.parent, test_name) if path.name.startswith("train-") else None
    images, notes = fit_pixels(train.x, options)
    held_out = None
    if test is not None:
        labelled = _labelled(test)
        alike = replace(options, size=images.shape[-1], channels=images.shape[1])
        held_out = Samples(fit_pixels(labelled.x, alike)[0], labelled.y)
        if (labelled.y is None) != (train.y is None):
            held_out, train = Samples(held_out.x), Samples(train.x)
        notes = (*notes, f"held out: the test set {test.name}, {len(labelled):,} images")
    names: tuple[str, ...] | None = None
    if train.y is not None:
        count = int(train.y.max()) + 1
        if held_out is not None and held_out.y is not None:
            count = max(count, int(held_out.y.max()) + 1)
        names = class_names or tuple(str(index) for index in range(count))
    return split(
        _stem(path),
        images,
        train.y,
        ImageCodec(size=images.shape[-1], channels=images.shape[1]),
        options,
        class_names=names,
        notes=notes,
        held_out=held_out,
    )


def load_named(name: str, folder: Path, options: DataOptions) -> Dataset:
    """MNIST or Fashion-MNIST in ``folder``, under their published file names."""
    path = _find(folder, "train-images-idx3-ubyte")
    if path is None:
        raise DataError(f"{folder} has no train-images-idx3-ubyte or train-images-idx3-ubyte.gz.")
    names = FASHION if name == "fashion-mnist" else ()
    return replace(load_idx(path, options, class_names=names), name=name)


def _find(folder: Path, name: str) -> Path | None:
    plain = name.removesuffix(".gz")
    return next((p for p in (folder / plain, folder / f"{plain}.gz") if p.exists()), None)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix("-idx3-ubyte")


def _labelled(path: Path) -> Samples:
    array = read_idx(path)
    if array.ndim != 3 or array.dtype != np.uint8 or 0 in array.shape:
        raise DataError(
            f"{path} holds {array.dtype} of shape {array.shape}, "
            "not images: bytes (n, height, width)."
        )
    images = torch.from_numpy(array)[:, None]
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    labels_path = _find(path.parent, name) if name != path.name else None
    if labels_path is None:
        return Samples(images)
    labels = torch.from_numpy(read_idx(labels_path).astype(np.int64))
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"{labels_path} holds {tuple(labels.shape)} labels for {len(images)} images of {path}."
        )
    return Samples(images, labels)
