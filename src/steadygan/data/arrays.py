"""Arrays: .npy and .npz files, NumPy arrays and tensors in memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadygan.data.codecs import ImageCodec, VectorCodec
from steadygan.data.dataset import DataOptions, Dataset, split
from steadygan.data.pixels import fit_pixels
from steadygan.errors import DataError

_SAMPLES = ("x", "images", "data", "samples", "arr_0")
_LABELS = ("y", "labels", "label", "arr_1")


def load_array_file(path: Path, options: DataOptions) -> Dataset:
    """A ``.npy`` array, or a ``.npz`` with samples under ``x``, ``images``, ``data``, ``samples``
    or ``arr_0`` and perhaps labels under ``y`` or ``labels``.

    Raises:
        DataError: the file cannot be read, holds objects, or what it holds cannot be trained on.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return load_array(loaded, options, name=path.stem)
        with loaded:
            keys = list(loaded.files)
            samples = next((key for key in _SAMPLES if key in keys), None)
            if samples is None and len(keys) == 1:
                samples = keys[0]
            if samples is None:
                raise DataError(
                    f"{path} has the arrays {', '.join(keys) or '(none)'}: "
                    f"name the samples one of {', '.join(_SAMPLES)}."
                )
            labels = next((key for key in _LABELS if key in keys and key != samples), None)
            return load_array(
                loaded[samples],
                options,
                labels=None if labels is None else loaded[labels],
                name=path.stem,
            )
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        reason = "it holds Python objects, not numbers" if "pickle" in str(error) else str(error)
        raise DataError(f"{path} cannot be read as an array: {' '.join(reason.split())}.") from None


def load_array(
    array: np.ndarray | Tensor,
    options: DataOptions,
    *,
    labels: np.ndarray | None = None,
    name: str = "array",
) -> Dataset:
    """Samples in memory.

    Args:
        array: ``(n, columns)`` or ``(n,)`` numbers become vectors, standardised by the training
            samples' mean and standard deviation; ``(n, height, width)``, ``(n, height, width,
            channels)`` or ``(n, channels, height, width)`` become images: bytes as they are, floats
            from [0, 1], [−1, 1] or [0, 255] as their values show, others by their smallest and
            largest.
        labels: integers or names ``(n,)``, or None.

    Raises:
        DataError: no numbers, not finite, empty, or of another shape.
    """
    values = array.detach().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)
    if values.dtype.kind not in "buif":
        raise DataError(f"{name} holds {values.dtype}, not real numbers.")
    if values.ndim == 0 or 0 in values.shape:
        raise DataError(f"{name} has shape {values.shape}: there are no samples in it.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{name} holds {int(bad.sum())} value(s) that are not finite, the first at {first}: "
            "remove or fill them."
        )
    y, class_names = _read_labels(labels, len(values), name)
    if values.ndim <= 2:
        return _vectors(values.reshape(len(values), -1), y, class_names, options, name)
    return _images(values, y, class_names, options, name)


def _read_labels(
    labels: np.ndarray | None, count: int, name: str
) -> tuple[Tensor | None, tuple[str, ...] | None]:
    if labels is None:
        return None, None
    flat = np.asarray(labels)
    if flat.shape not in ((count,), (count, 1)) or flat.dtype.kind not in "buiUS":
        raise DataError(
            f"{name} has labels {flat.dtype} of shape {flat.shape} for {count} samples: "
            "give one integer or name each."
        )
    names, codes = np.unique(flat.reshape(-1), return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64)), tuple(str(each) for each in names)


def _vectors(
    values: np.ndarray,
    y: Tensor | None,
    class_names: tuple[str, ...] | None,
    options: DataOptions,
    name: str,
) -> Dataset:
    with np.errstate(over="ignore"):
        x = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    if not bool(torch.isfinite(x).all()):
        raise DataError(f"{name} holds values beyond float32 (3e38): scale them down.")
    unscaled = VectorCodec(shift=(0.0,) * x.shape[1], scale=(1.0,) * x.shape[1])
    dataset = split(name, x, y, unscaled, options, class_names=class_names)
    train = dataset.train.x.double()
    std = train.std(0, correction=0)
    constant = std <= 1e-12 * train.abs().amax(0).clamp(min=1.0)
    scale = torch.where(constant, torch.ones_like(std), std)
    notes = [f"{x.shape[1]} column(s), standardised by the training samples"]
    if bool(constant.any()):
        notes.append(f"{int(constant.sum())} column(s) are constant")
    codec = VectorCodec(tuple(train.mean(0).tolist()), tuple(scale.tolist()))
    return Dataset(name, dataset.train, dataset.validation, codec, class_names, tuple(notes))


def _images(
    values: np.ndarray,
    y: Tensor | None,
    class_names: tuple[str, ...] | None,
    options: DataOptions,
    name: str,
) -> Dataset:
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[1] not in (1, 3, 4) and values.shape[3] in (1, 3, 4):
        values = values.transpose(0, 3, 1, 2)
    if values.ndim != 4 or values.shape[1] not in (1, 3, 4):
        raise DataError(
            f"{name} has shape {values.shape}: images are (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width) with 1, 3 or 4 channels."
        )
    pixels, note = _to_bytes(values)
    images, notes = fit_pixels(torch.from_numpy(np.ascontiguousarray(pixels)), options)
    return split(
        name,
        images,
        y,
        ImageCodec(size=images.shape[-1], channels=images.shape[1]),
        options,
        class_names=class_names,
        notes=(note, *notes) if note else notes,
    )


def _to_bytes(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Pixels as uint8 from 0 to 255, and how their range was read."""
    if values.dtype == np.uint8:
        return values, ""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0.0 and high <= 1.0:
        ends, how = (0.0, 1.0), "[0, 1]"
    elif values.dtype.kind == "f" and low >= -1.0 and high <= 1.0:
        ends, how = (-1.0, 1.0), "[−1, 1]"
    elif low >= 0.0 and 1.0 < high <= 255.0:
        ends, how = (0.0, 255.0), "[0, 255]"
    else:
        ends, how = (low, high), f"their smallest and largest, [{low:g}, {high:g}]"
    scaled = (values.astype(np.float32) - ends[0]) / max(ends[1] - ends[0], 1e-12) * 255
    return scaled.round().astype(np.uint8), f"pixel values of {values.dtype} read as {how}"
