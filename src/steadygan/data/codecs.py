"""Codecs: stored samples to tensors for the networks, and samples back to what a user brought."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from steadygan.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_SHEET_PIXELS = 900  # a sheet is enlarged, by whole factors, up to about this width
_SHEET_MOST = 400  # images a sheet shows at most
_GAP = (255, 255, 255)
_BACKDROP = (128, 128, 128)  # behind transparent pixels


@lru_cache(maxsize=16)
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """On the device, made once: a copy there for each batch would wait for it."""
    return torch.tensor(values, device=device)


@dataclass(frozen=True)
class ImageCodec:
    """Square images, stored as uint8 ``(n, channels, size, size)`` from 0 to ``maximum``.

    Encoded: float32 in [−1, 1], same shape. Decoded: uint8 ``(n, size, size, channels)`` from 0 to
    255.
    """

    size: int
    channels: int
    maximum: int = 255

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.channels, self.size, self.size)

    @property
    def bounds(self) -> tuple[float, float]:
        return (-1.0, 1.0)

    def encode(self, stored: Tensor) -> Tensor:
        return stored * (2.0 / self.maximum) - 1.0

    def decode(self, samples: Tensor) -> np.ndarray:
        scaled = (samples.detach().float().cpu().clamp(-1.0, 1.0) + 1.0) * 127.5
        return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    def sheet(self, decoded: np.ndarray, *, real: np.ndarray | None = None) -> Image:
        """A near-square grid of the first images, small ones enlarged; ``real`` is not drawn."""
        from PIL import Image

        images = decoded[:_SHEET_MOST]
        columns = math.ceil(math.sqrt(len(images)))
        rows = math.ceil(len(images) / columns)
        zoom = max(1, _SHEET_PIXELS // (columns * (self.size + 1)))
        gap = max(1, zoom // 2)
        pitch = self.size * zoom + gap
        sheet = Image.new("RGB", (columns * pitch + gap, rows * pitch + gap), _GAP)
        for index, pixels in enumerate(images):
            tile = self._picture(pixels).resize((self.size * zoom,) * 2, Image.Resampling.NEAREST)
            corner = (index % columns * pitch + gap, index // columns * pitch + gap)
            if self.channels == 4:
                sheet.paste(Image.new("RGB", tile.size, _BACKDROP), corner)
            sheet.paste(tile, corner, tile if self.channels == 4 else None)
        return sheet

    def write(self, decoded: np.ndarray, path: Path) -> list[Path]:
        """``.png``: one sheet. ``.npy``, ``.npz`` (key ``x``): the array. No ending: a new or empty
        folder, one PNG per image.

        Raises:
            DataError: another ending, a folder that holds something, or a place that takes no file.
        """
        with _writing(path):
            if path.suffix == "":
                return self._write_folder(decoded, path)
            return _write(self, path, decoded, _ARRAY_WRITERS)

    def _write_folder(self, decoded: np.ndarray, path: Path) -> list[Path]:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(f"{path} is not an empty folder: choose another name.")
        path.mkdir(parents=True, exist_ok=True)
        digits = max(5, len(str(len(decoded) - 1)))
        paths = [path / f"{index:0{digits}d}.png" for index in range(len(decoded))]
        for target, pixels in zip(paths, decoded, strict=True):
            self._picture(pixels).save(target)
        return paths

    def _picture(self, pixels: np.ndarray) -> Image:
        from PIL import Image

        return Image.fromarray(pixels[..., 0] if self.channels == 1 else pixels)


@dataclass(frozen=True)
class VectorCodec:
    """Rows of numbers, stored as float32 ``(n, columns)``.

    Encoded: ``(x − shift) / scale``, unbounded. Decoded: float32 rows in the user's units.
    """

    shift: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def shape(self) -> tuple[int]:
        return (len(self.shift),)

    @property
    def bounds(self) -> None:
        return None

    def encode(self, stored: Tensor) -> Tensor:
        shift, scale = (_constant(each, stored.device) for each in (self.shift, self.scale))
        return (stored.float() - shift) / scale

    def decode(self, samples: Tensor) -> np.ndarray:
        rows = samples.detach().double().cpu().numpy()
        decoded: np.ndarray = (rows * np.asarray(self.scale) + np.asarray(self.shift)).astype("f4")
        return decoded

    def sheet(self, decoded: np.ndarray, *, real: np.ndarray | None = None) -> Image:
        """Two columns: a scatter plot. Other numbers: a histogram of each of the first 16."""
        import io

        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        figure = Figure(figsize=(6, 6), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        if decoded.shape[1] == 2:
            _scatter(figure, decoded, real)
        else:
            _histograms(figure, decoded[:, :16], None if real is None else real[:, :16])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        picture = Image.open(buffer)
        picture.load()
        return picture

    def write(self, decoded: np.ndarray, path: Path) -> list[Path]:
        """``.csv``, ``.npy``, ``.npz`` (key ``x``): the rows. ``.png``: a plot.

        Raises:
            DataError: another ending.
        """
        with _writing(path):
            return _write(self, path, decoded, {**_ARRAY_WRITERS, ".csv": _write_csv})


def _scatter(figure: Any, fake: np.ndarray, real: np.ndarray | None) -> None:
    axes = figure.add_subplot()
    if real is not None:
        axes.scatter(*real.T, s=6, color="0.75", linewidths=0, label=f"{len(real):,} real")
    axes.scatter(
        *fake.T, s=6, color="tab:blue", alpha=0.6, linewidths=0, label=f"{len(fake):,} samples"
    )
    reference = fake if real is None else real
    low, high = reference.min(0), reference.max(0)
    margin = 0.15 * max(float((high - low).max()), 1e-6)
    centre, half = (low + high) / 2, float((high - low).max()) / 2 + margin
    axes.set(
        xlim=(centre[0] - half, centre[0] + half),
        ylim=(centre[1] - half, centre[1] + half),
        xlabel="x₁",
        ylabel="x₂",
        aspect="equal",
    )
    axes.legend(loc="upper right", markerscale=2)


def _histograms(figure: Any, fake: np.ndarray, real: np.ndarray | None) -> None:
    columns = fake.shape[1]
    side = math.ceil(math.sqrt(columns))
    for index in range(columns):
        axes = figure.add_subplot(math.ceil(columns / side), side, index + 1)
        both = fake[:, index] if real is None else np.append(fake[:, index], real[:, index])
        edges = np.histogram_bin_edges(both, bins=30)
        if real is not None:
            axes.hist(real[:, index], edges, density=True, color="0.75", label="real")
        axes.hist(
            fake[:, index], edges, density=True, histtype="step", color="tab:blue", label="samples"
        )
        axes.set_title(f"column {index}", fontsize="small")
        axes.set_yticks([])
        if index == 0:
            axes.legend(fontsize="x-small")


_Writer = Callable[[Any, np.ndarray], None]


def _write_npz(file: Any, decoded: np.ndarray) -> None:
    np.savez_compressed(file, x=decoded)


def _write_csv(file: Any, decoded: np.ndarray) -> None:
    header = ",".join(f"x{index}" for index in range(decoded.shape[1]))
    # 9 digits give every float32 back.
    np.savetxt(file, decoded, delimiter=",", header=header, comments="", fmt="%.9g")


_ARRAY_WRITERS: dict[str, _Writer] = {".npy": np.save, ".npz": _write_npz}


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None


def _write(
    codec: ImageCodec | VectorCodec,
    path: Path,
    decoded: np.ndarray,
    writers: dict[str, _Writer],
) -> list[Path]:
    """Write one file by the ending of ``path``, whole or not at all."""
    suffix = path.suffix.lower()
    if suffix != ".png" and suffix not in writers:
        known = ", ".join([".png", *writers])
        folder = " or no ending for a folder of PNGs" if isinstance(codec, ImageCodec) else ""
        raise DataError(f"{path}: samples cannot be written as {suffix}: choose {known}{folder}.")
    if path.is_dir():
        raise DataError(f"{path} is a folder: choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            if suffix == ".png":
                codec.sheet(decoded).save(file, format="PNG")
            else:
                writers[suffix](file, decoded)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return [path]
