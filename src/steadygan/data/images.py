"""A folder of images: found recursively, decoded once, fitted to one square size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import DataOptions, Dataset, split
from steadygan.errors import DataError
from steadygan.interfaces import IMAGE_SIZES, Samples

if TYPE_CHECKING:
    from PIL.Image import Image

_LARGEST = (
    64  # an inferred size; larger ones cost more than most would expect, so they are asked for
)
_NAMED = 5  # skipped files that a note names
# Files that lie beside images and are none: passed over without a word.
_NOT_IMAGES = frozenset(
    (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml",
     ".html", ".pdf", ".py", ".ipynb", ".log", ".npy", ".npz", ".zip", ".gz", ".tar", ".db", ".ini")
)  # fmt: skip
_TRAIN = frozenset({"train", "training"})
_HELD_OUT = ("validation", "valid", "val", "test", "testing")


@dataclass(frozen=True)
class Skipped:
    """A file that looked like an image and could not be read."""

    path: Path
    reason: str


def load_folder(root: Path, options: DataOptions) -> Dataset:
    """Every image under ``root`` that Pillow reads.

    Sub-folders of ``root`` become labels where each image lies in one and there are at least two. A
    ``train`` folder beside a ``validation`` or ``test`` one makes them the two splits, their
    sub-folders the labels. Images are turned as EXIF says, cropped to their middle square and
    resized; of an animation the first frame is taken; transparency is laid on white unless
    ``options.channels`` is 4.

    Raises:
        DataError: no image can be read.
    """
    splits = _split_folders(root)
    train_root = root if splits is None else splits[0]
    found, skipped = _probe(train_root)
    held_out: list[_Found] = []
    if splits is not None:
        held_out, more = _probe(splits[1])
        skipped += more
    if not found:
        raise DataError(_nothing(train_root, skipped))
    size, channels, notes = _form(found, options)
    train_x, kept, more = _decode(found, size, channels)
    skipped += more
    if not kept:
        raise DataError(_nothing(train_root, skipped))
    held_x, held_kept, more = _decode(held_out, size, channels)
    skipped += more
    classes = _classes(train_root, kept)
    labels = None if classes is None else _labels(train_root, kept, classes)
    held = None
    if splits is not None and held_kept:
        held_labels = None
        if classes is not None:
            known = {name: index for index, name in enumerate(classes)}
            names = [_class_of(splits[1], each.path) for each in held_kept]
            if all(name in known for name in names):
                held_labels = torch.tensor([known[name] for name in names if name is not None])
            else:
                classes = labels = None
                notes.append("labels left out: the held-out folder has other classes")
        held = Samples(held_x, held_labels)
        notes.append(f"held out: {len(held_kept)} images of {splits[1].name}/")
    if splits is not None:
        loose = sum(path.parent == root for path in find_files(root))
        if loose:
            notes.append(f"{loose} file(s) beside {splits[0].name}/ and {splits[1].name}/ left out")
    notes.insert(0, f"{len(kept)} images read from {train_root}")
    if classes is not None:
        notes.append(f"{len(classes)} classes from sub-folders: {', '.join(classes[:12])}"
                     + (" …" if len(classes) > 12 else ""))  # fmt: skip
    if skipped:
        notes.append(_skipped_note(root, skipped))
    return split(
        root.resolve().name or "images",
        train_x,
        labels,
        ImageCodec(size=size, channels=channels),
        options,
        class_names=classes,
        notes=tuple(notes),
        held_out=held,
    )


@dataclass(frozen=True)
class _Found:
    """An image that opened: its path, its size as seen (after EXIF), and whether it has colour."""

    path: Path
    side: int
    colour: bool


def _split_folders(root: Path) -> tuple[Path, Path] | None:
    """The training and held-out folders, where ``root`` is laid out in such."""
    folders = {
        p.name.lower(): p
        for p in sorted(root.iterdir())
        if p.is_dir() and not p.name.startswith(".")
    }
    train = next((folders[name] for name in folders if name in _TRAIN), None)
    held_out = next((folders[name] for name in _HELD_OUT if name in folders), None)
    if train is None or held_out is None or not set(folders) <= {*_TRAIN, *_HELD_OUT}:
        return None
    return train, held_out


def find_files(root: Path) -> Iterator[Path]:
    """Files under ``root`` in the order of their names; links are followed, but no folder is
    visited twice, so that a loop of links ends; hidden ones and our own runs are left out."""
    seen: set[str] = set()

    def walk(folder: Path) -> Iterator[Path]:
        real = os.path.realpath(folder)
        if real in seen:
            return
        seen.add(real)
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            return
        if {"recipe.json", "data.json"} <= {entry.name for entry in entries}:
            return  # a run of ours: its sample sheets are no data
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from walk(entry)
            elif entry.suffix.lower() not in _NOT_IMAGES and (
                entry.is_file()
                or entry.is_symlink()  # no pipe or device: reading could wait forever
            ):
                yield entry

    yield from walk(root)


def _probe(root: Path) -> tuple[list[_Found], list[Skipped]]:
    """Open every file to learn its size and mode; pixels are decoded later, at the chosen size."""
    found, skipped = [], []
    for path in find_files(root):
        try:
            with _opened(path) as image:
                colour = image.mode not in ("1", "L", "LA", "La", "I", "F") and not (
                    image.mode.startswith("I;16")
                )
                if image.mode == "P":
                    colour = _has_colour(image)
                found.append(_Found(path, min(image.size), colour))
        except _UNREADABLE as error:
            skipped.append(Skipped(path, _reason(path, error)))
    return found, skipped


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


class _opened:
    """Open an image with Pillow; a warning (a bomb of pixels, damaged metadata) is an error only
    where it is about a bomb."""

    def __init__(self, path: Path) -> None:
        from PIL import Image

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                self.image = Image.open(path)
            except Image.DecompressionBombError as error:
                raise ValueError(str(error)) from None

    def __enter__(self) -> Image:
        return self.image

    def __exit__(self, *error: object) -> None:
        self.image.close()


def _has_colour(image: Image) -> bool:
    palette = np.asarray(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((palette != palette[:, :1]).any())


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


def _form(found: list[_Found], options: DataOptions) -> tuple[int, int, list[str]]:
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
    return size, channels, [f"size {size}×{size} ({how})", f"{channels} channel(s) ({which})"]


def _decode(
    found: list[_Found], size: int, channels: int
) -> tuple[Tensor, list[_Found], list[Skipped]]:
    """Pixels ``(kept, channels, size, size)`` uint8, the images they are of, and what failed."""
    pixels = torch.empty(len(found), channels, size, size, dtype=torch.uint8)
    kept: list[_Found] = []
    skipped = []
    for each in found:
        try:
            with _opened(each.path) as image, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                array = np.array(_fitted(image, size, channels))
        except _UNREADABLE as error:
            skipped.append(Skipped(each.path, _reason(each.path, error)))
            continue
        pixels[len(kept)] = torch.from_numpy(array.reshape(size, size, channels)).permute(2, 0, 1)
        kept.append(each)
    return pixels[: len(kept)], kept, skipped


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


def _class_of(root: Path, path: Path) -> str | None:
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else None


def _classes(root: Path, kept: list[_Found]) -> tuple[str, ...] | None:
    names = {_class_of(root, each.path) for each in kept}
    if None in names or len(names) < 2:
        return None
    return tuple(sorted(name for name in names if name is not None))


def _labels(root: Path, kept: list[_Found], classes: tuple[str, ...]) -> Tensor:
    index = {name: number for number, name in enumerate(classes)}
    return torch.tensor([index[_class_of(root, each.path) or ""] for each in kept])


def _skipped_note(root: Path, skipped: list[Skipped]) -> str:
    named = ", ".join(
        f"{os.path.relpath(each.path, root)} ({each.reason})" for each in skipped[:_NAMED]
    )
    more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return f"{len(skipped)} unreadable file(s) skipped: {named}{more}"


def _nothing(root: Path, skipped: list[Skipped]) -> str:
    if not skipped:
        return f"{root} holds no images: give a folder with image files in it."
    return f"no image in {root} can be read. {_skipped_note(root, skipped)}"
