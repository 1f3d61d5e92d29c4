"""A folder of images: found recursively, decoded once, fitted to one square size."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from steadygan.data.codecs import ImageCodec
from steadygan.data.dataset import DataOptions, Dataset, split, stored
from steadygan.data.decoding import nothing_readable, skipped_note
from steadygan.data.image_cache import read_images
from steadygan.errors import DataError

# Files that lie beside images and are none: passed over without a word.
_NOT_IMAGES = frozenset(
    (".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml",
     ".html", ".pdf", ".py", ".ipynb", ".log", ".npy", ".npz", ".zip", ".gz", ".tar", ".db", ".ini")
)  # fmt: skip
_TRAIN = frozenset({"train", "training"})
_HELD_OUT = ("validation", "valid", "val", "test", "testing")


def load_folder(root: Path, options: DataOptions) -> Dataset:
    """Every image under ``root`` that Pillow reads.

    Sub-folders of ``root`` become labels where each image lies in one and there are at least two. A
    ``train`` folder beside a ``validation`` or ``test`` one makes them the two splits, their
    sub-folders the labels. Images are turned as EXIF says, cropped to their middle square and
    resized; of an animation the first frame is taken; transparency is laid on white unless
    ``options.channels`` is 4. A large folder is decoded once and cached (``image_cache``).

    Raises:
        DataError: no image can be read.
    """
    splits = _split_folders(root)
    train_root, held_root = (root, root) if splits is None else splits
    files = list(find_files(train_root))
    held_files = [] if splits is None else list(find_files(held_root))
    images = read_images(train_root, files, held_files, options)
    failed = {each.path for each in images.skipped}
    kept = [path for path in files if path not in failed]
    held_kept = [path for path in held_files if path not in failed]
    if not kept:
        raise DataError(nothing_readable(train_root, images.skipped))
    notes = [f"{len(kept)} images read from {train_root}", *images.form.notes]
    classes = _classes(train_root, kept)
    labels = None if classes is None else _labels(train_root, kept, classes)
    held = None
    if held_kept:
        held_labels = None
        if classes is not None:
            known = {name: index for index, name in enumerate(classes)}
            names = [_class_of(held_root, path) for path in held_kept]
            if all(name in known for name in names):
                held_labels = torch.tensor([known[name] for name in names if name is not None])
            else:
                classes = labels = None
                notes.append("labels left out: the held-out folder has other classes")
        held = stored(images.pixels[len(kept) :], held_labels, torch.arange(len(held_kept)))
        notes.append(f"held out: {len(held_kept)} images of {held_root.name}/")
    if splits is not None:
        loose = sum(_may_be_image(path) for path in root.iterdir() if not path.is_dir())
        if loose:
            notes.append(
                f"{loose} file(s) beside {train_root.name}/ and {held_root.name}/ left out"
            )
    if classes is not None:
        notes.append(f"{len(classes)} classes from sub-folders: {', '.join(classes[:12])}"
                     + (" …" if len(classes) > 12 else ""))  # fmt: skip
    if images.skipped:
        notes.append(skipped_note(root, images.skipped))
    return split(
        root.resolve().name or "images",
        images.pixels[: len(kept)],
        labels,
        ImageCodec(size=images.form.size, channels=images.form.channels),
        options,
        class_names=classes,
        notes=(*notes, *images.notes),
        held_out=held,
    )


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
            if entry.is_dir():
                if not entry.name.startswith("."):
                    yield from walk(entry)
            elif _may_be_image(entry):
                yield entry

    yield from walk(root)


def _may_be_image(path: Path) -> bool:
    """By its name; and no pipe or device, where reading could wait forever."""
    return (
        not path.name.startswith(".")
        and path.suffix.lower() not in _NOT_IMAGES
        and (path.is_file() or path.is_symlink())
    )


def _class_of(root: Path, path: Path) -> str | None:
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else None


def _classes(root: Path, kept: Sequence[Path]) -> tuple[str, ...] | None:
    names = {_class_of(root, each) for each in kept}
    if None in names or len(names) < 2:
        return None
    return tuple(sorted(name for name in names if name is not None))


def _labels(root: Path, kept: Sequence[Path], classes: tuple[str, ...]) -> Tensor:
    index = {name: number for number, name in enumerate(classes)}
    return torch.tensor([index[_class_of(root, each) or ""] for each in kept])
