"""Image files to pixels, by Pillow: first what is in each, then every one at one square size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from steadygan.data.dataset import DataOptions
from steadygan.errors import DataError
from steadygan.interfaces import IMAGE_SIZES
from steadygan.processes import usable_cores

if TYPE_CHECKING:
    from PIL.Image import Image

# To be raised when the same file would give other pixels than before.
DECODER = 1

# An inferred size: larger ones cost more than most would expect, so they are asked for.
_LARGEST = 64
_NAMED = 5  # skipped files that a note names
_BLOCK = 256  # files that are decoded before their pixels are handed on
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    Warning,
    IndexError,
    KeyError,
)


@dataclass(frozen=True)
class Skipped:
    """A file that looked like an image and could not be read.

    Attributes:
        path, reason: which, and why.
        refused: by the system rather than for what is in it: next time it may be read.
    """

    path: Path
    reason: str
    refused: bool = False


@dataclass(frozen=True)
class Form:
    """What every image is brought to, and the notes that say why."""

    size: int
    channels: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """An image that opened: its path, its short side, and whether it has colour."""

    path: Path
    side: int
    colour: bool


class Decoding:
    """Files opened to learn their form, and what it takes to decode them.

    Args:
        root, files: of the images to train on, whose form decides; and their folder.
        held_out: other files, to be brought to the same form.
        options: size and channels, where they are chosen.

    Raises:
        DataError: none of ``files`` is an image.
    """

    def __init__(
        self, root: Path, files: Sequence[Path], held_out: Sequence[Path], options: DataOptions
    ) -> None:
        found, self._skipped = _probe(files)
        more, skipped = _probe(held_out)
        self._skipped += skipped
        if not found:
            raise DataError(nothing_readable(root, self._skipped))
        self.form = _form(found, options)
        self._paths = [each.path for each in (*found, *more)]
        self._failed: list[Skipped] = []

    @property
    def most(self) -> int:
        """Images that there will be, if all that opened can be decoded."""
        return len(self._paths)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What could not be read; known when ``blocks`` are through."""
        return (*self._skipped, *self._failed)

    def blocks(self) -> Iterator[np.ndarray]:
        """Pixels ``(n, channels, size, size)`` uint8, a few hundred images at a time, in order."""
        self._failed = []
        size, channels = self.form.size, self.form.channels

        def decode(path: Path) -> np.ndarray | Skipped:
            try:
                with _opened(path) as image:
                    pixels = np.array(_fitted(image, size, channels))
            except _UNREADABLE as error:
                return _skipped(path, error)
            planes = pixels.reshape(size, size, channels).transpose(2, 0, 1)
            return np.ascontiguousarray(planes)

        # Pillow lets go of the interpreter while it decodes. Its plugins are loaded by now: while
        # one thread loads them, another would be told that there is none for its file.
        with ThreadPoolExecutor(usable_cores()) as pool:
            for begin in range(0, len(self._paths), _BLOCK):
                with _quiet():
                    results = list(pool.map(decode, self._paths[begin : begin + _BLOCK]))
                self._failed += [each for each in results if isinstance(each, Skipped)]
                decoded = [each for each in results if not isinstance(each, Skipped)]
                if decoded:
                    yield np.stack(decoded)


def _probe(files: Sequence[Path]) -> tuple[list[_Found], list[Skipped]]:
    """Open every file to learn its size and mode; pixels are decoded later, at the chosen size."""
    found, skipped = [], []
    with _quiet():
        for path in files:
            try:
                with _opened(path) as image:
                    colour = image.mode not in ("1", "L", "LA", "La", "I", "F") and not (
                        image.mode.startswith("I;16")
                    )
                    if image.mode == "P":
                        colour = _has_colour(image)
                    found.append(_Found(path, min(image.size), colour))
            except _UNREADABLE as error:
                skipped.append(_skipped(path, error))
    return found, skipped


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's warnings (damaged metadata) are passed over; that of a bomb of pixels is an error.

    Around whole loops: the filters are those of all threads.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _opened(path: Path) -> Image:
    from PIL import Image

    try:
        return Image.open(path)
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from None


def _has_colour(image: Image) -> bool:
    palette = np.asarray(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((palette != palette[:, :1]).any())


def _skipped(path: Path, error: BaseException) -> Skipped:
    # Pillow's own complaints are OSErrors too, but without a number.
    refused = isinstance(error, MemoryError) or getattr(error, "errno", None) is not None
    return Skipped(path, _reason(path, error), refused)


def _reason(path: Path, error: BaseException) -> str:
    from PIL import UnidentifiedImageError

    try:
        if path.stat().st_size == 0:
            return "empty"
    except OSError as missing:
        return missing.strerror or "cannot be opened"
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split())[:80] or type(error).__name__


def _form(found: Sequence[_Found], options: DataOptions) -> Form:
    """Size and channels, chosen or inferred, with a note that says which."""
    median = int(np.median([each.side for each in found]))
    size, how = options.size, "chosen"
    if size is None:
        fitting = [s for s in IMAGE_SIZES if s <= min(median, _LARGEST)]
        size = fitting[-1] if fitting else IMAGE_SIZES[0]
        how = f"inferred: the median short side is {median}; --set data.size=N for another"
    channels, which = options.channels, "chosen"
    if channels is None:
        channels = 3 if any(each.colour for each in found) else 1
        which = "inferred"
    notes = f"size {size}×{size} ({how})", f"{channels} channel(s) ({which})"
    return Form(size, channels, notes)


def _fitted(image: Image, size: int, channels: int) -> Image:
    """The image upright, in the right mode, its middle square resized."""
    from PIL import Image as Images
    from PIL import ImageOps

    image.seek(0)
    if image.format == "JPEG":  # decode at a smaller scale where that is enough
        image.draft(None, (2 * size, 2 * size))
    upright = ImageOps.exif_transpose(_plain(image))
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    if channels != 4 and upright.mode == "RGBA":
        white = Images.new("RGBA", upright.size, "white")
        upright = Images.alpha_composite(white, upright)
    side = min(upright.size)
    left, top = (upright.width - side) // 2, (upright.height - side) // 2
    box = (left, top, left + side, top + side)
    return upright.convert(mode).resize((size, size), Images.Resampling.LANCZOS, box=box)


def _plain(image: Image) -> Image:
    """The image in mode L, RGB or RGBA; 16 bits and floats scaled to 8, not cut off."""
    from PIL import Image as Images

    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64)
        low, high = float(values.min()), float(values.max())
        if image.mode != "F" and low >= 0 and high <= 65535:
            low, high = 0.0, 65535.0 if high > 255 or image.mode.startswith("I;16") else 255.0
        elif image.mode == "F" and low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        scaled = (values - low) / max(high - low, 1e-12) * 255
        plain = Images.fromarray(scaled.round().astype(np.uint8))
        plain.info.update(image.info)
        return plain
    if image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info:
        plain = image.convert("RGBA")
    elif image.mode in ("L", "RGB", "RGBA"):
        plain = image.copy()
    else:
        plain = image.convert("L" if image.mode == "1" else "RGB")
    # exif_transpose reads the orientation from here, which convert does not always carry over.
    exif = image.getexif()
    if exif:
        plain.info["exif"] = exif.tobytes()
    return plain


def skipped_note(root: Path, skipped: Sequence[Skipped]) -> str:
    """How many files could not be read, and the first of them with the reason."""
    named = ", ".join(
        f"{os.path.relpath(each.path, root)} ({each.reason})" for each in skipped[:_NAMED]
    )
    more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return f"{len(skipped)} unreadable file(s) skipped: {named}{more}"


def nothing_readable(root: Path, skipped: Sequence[Skipped]) -> str:
    """Why there is nothing to train on."""
    if not skipped:
        return f"{root} holds no images: give a folder with image files in it."
    return f"no image in {root} can be read. {skipped_note(root, skipped)}"
