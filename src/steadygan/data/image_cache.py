"""Images of a folder, decoded once and kept in a file that every later run maps into memory.

What is kept is named after everything that decides the pixels: each file's place, size and times,
the options of decoding and the decoder. What is damaged is made again; where nothing can be kept
the images are decoded into memory, with a note.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from steadygan.cache import NOWHERE, cache_folder
from steadygan.data.dataset import DataOptions
from steadygan.data.decoding import DECODER, Decoding, Form, Skipped

# Smaller folders take about a second to decode (docs/decisions/0015-image-cache.md).
_LEAST_FILES = 2_500
_LEAST_BYTES = 64 * 2**20
_SPARE = 2**28  # bytes of a disk that are left free

_CHECKSUM_BYTES = 4
_FOOTER = struct.Struct("<QI")  # the length of the JSON before it, the checksum of all before that


@dataclass(frozen=True)
class Images:
    """Decoded images.

    Attributes:
        pixels: ``(n, channels, size, size)`` uint8, the held-out images after the others: a
            tensor in memory, or a read-only array in a file.
        form: size and channels.
        skipped: files that could not be read.
        notes: why they are not kept, if they should have been.
    """

    pixels: Tensor | np.ndarray
    form: Form
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()


def read_images(
    root: Path, files: Sequence[Path], held_out: Sequence[Path], options: DataOptions
) -> Images:
    """The images in ``files``, below ``root``, and in ``held_out``; from the cache, or into it.

    Raises:
        DataError: none of ``files`` is an image.
    """
    listing = _Listing.of([*files, *held_out])

    def decoding() -> Decoding:
        return Decoding(root, files, held_out, options)

    folder = cache_folder()
    if folder == NOWHERE or not listing.is_large:
        return _in_memory(decoding())
    entry = _Entry(folder / "decoded", root, listing, options)
    kept = entry.read()
    if kept is not None:
        return kept
    try:
        with entry.alone() as alone:
            kept = entry.read()  # another process may have made it while this one waited
            if kept is None:
                entry.write(decoding(), alone=alone)
                kept = entry.opened()
        reason = "it cannot be read back"
    except OSError as error:
        reason = error.strerror or str(error)
    if kept is not None:
        return kept
    return _in_memory(decoding(), f"decoded images are not kept in {folder}: {reason}")


def _in_memory(decoding: Decoding, *notes: str) -> Images:
    form, count = decoding.form, 0
    pixels = torch.empty(decoding.most, form.channels, form.size, form.size, dtype=torch.uint8)
    for block in decoding.blocks():
        pixels[count : count + len(block)] = torch.from_numpy(block)
        count += len(block)
    return Images(pixels[:count], form, decoding.skipped, notes)


@dataclass(frozen=True)
class _Listing:
    """Files in order, and what tells that one of them is another than it was."""

    files: tuple[Path, ...]
    stats: tuple[os.stat_result | None, ...]

    @classmethod
    def of(cls, files: Sequence[Path]) -> _Listing:
        return cls(tuple(files), tuple(_stat(path) for path in files))

    @property
    def is_large(self) -> bool:
        size = sum(stat.st_size for stat in self.stats if stat is not None)
        return len(self.files) >= _LEAST_FILES or size >= _LEAST_BYTES

    def digest(self, root: Path, *more: object) -> str:
        digested = hashlib.sha256(repr(more).encode())
        place = cache(lambda folder: os.path.relpath(folder, root))
        for path, stat in zip(self.files, self.stats, strict=True):
            # With the time of the last change of any kind: another file may have been given the
            # size and the time of writing of the one before, as archives do.
            state = None if stat is None else (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            digested.update(os.fsencode(f"{place(path.parent)}\0{path.name}\0{state}\0"))
        return digested.hexdigest()


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


class _Entry:
    """The place of one folder's images in the cache, at one size and number of channels.

    A folder of its own, which holds the images as they were found last in one file: the pixels,
    JSON with what else must be known of them, and a footer of the JSON's length and the CRC-32 of
    all before it. The file is complete or absent.

    Args:
        place: where entries lie.
        root, listing: of the images.
        options: of their decoding.
    """

    def __init__(self, place: Path, root: Path, listing: _Listing, options: DataOptions) -> None:
        from PIL import Image
        from PIL import __version__ as pillow

        asked = (options.size, options.channels)
        name = hashlib.sha256(os.fsencode(os.path.realpath(root)) + repr(asked).encode())
        self.folder = place / name.hexdigest()[:32]
        key = listing.digest(root, DECODER, pillow, Image.MAX_IMAGE_PIXELS, asked)
        self.file = self.folder / f"{key[:32]}.pixels"
        self._files = listing.files

    def read(self) -> Images | None:
        """What is kept, if it is there, whole, and all that can be read today."""
        kept = self.opened()
        if kept is None or any(each.refused and _opens(each.path) for each in kept.skipped):
            return None
        return kept

    def opened(self) -> Images | None:
        """What is kept, if it is there and whole."""
        try:
            data = np.memmap(self.file, np.uint8, "r")
            length, checksum = _FOOTER.unpack(data[-_FOOTER.size :].tobytes())
        except (OSError, ValueError, struct.error):
            return None  # not there, or next to empty
        if zlib.crc32(data[:-_CHECKSUM_BYTES].data) != checksum:
            return None
        end = len(data) - _FOOTER.size
        about = json.loads(data[end - length : end].tobytes())
        form = Form(about["size"], about["channels"], tuple(about["notes"]))
        skipped = tuple(
            Skipped(self._files[index], reason, refused)
            for index, reason, refused in about["skipped"]
        )
        pixels = data[: end - length].reshape(-1, form.channels, form.size, form.size)
        return Images(pixels, form, skipped)

    def write(self, decoding: Decoding, *, alone: bool) -> None:
        """Decode into the cache, block by block, and remove what was kept of the folder before.

        Raises:
            OSError: there is no room, or it cannot be written.
        """
        form = decoding.form
        needed = decoding.most * form.channels * form.size**2
        free = shutil.disk_usage(self.folder).free
        if needed + _SPARE > free:
            raise OSError(f"they take {needed / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free")
        temporary = self.file.with_suffix(f".{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                # Written, not mapped: on a full disk writing says so, a map ends the process.
                checksum = 0
                for part in self._parts(decoding):
                    file.write(part)
                    checksum = zlib.crc32(part, checksum)
                file.write(checksum.to_bytes(_CHECKSUM_BYTES, "little"))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.file)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if alone:
            self._tidy()

    def _parts(self, decoding: Decoding) -> Iterator[bytes | memoryview]:
        """The file's content up to its checksum."""
        for block in decoding.blocks():
            yield block.data
        numbers = {path: index for index, path in enumerate(self._files)}
        skipped = [(numbers[each.path], each.reason, each.refused) for each in decoding.skipped]
        about = json.dumps(asdict(decoding.form) | {"skipped": skipped}).encode()
        yield about
        yield len(about).to_bytes(_FOOTER.size - _CHECKSUM_BYTES, "little")

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """One process decodes while the others wait for it; whether that could be had. The system
        gives a lock back however a process ends.

        Raises:
            OSError: there can be no such folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            except (ImportError, OSError):  # no POSIX system, or a file system without locks:
                yield False  # each decodes, and writes the same
            else:
                yield True

    def _tidy(self) -> None:
        """Remove what is of no more use: the images as they were before, and what a process that
        was killed had begun. Whoever has it mapped keeps it."""
        for path in self.folder.iterdir():
            if path.name not in (self.file.name, "lock"):
                with suppress(OSError):
                    path.unlink()


def _opens(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False
