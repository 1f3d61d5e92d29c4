"""Checkpoints: one safetensors file each, complete or absent, never half written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from steadygan.errors import RunError
from steadygan.training.state import TrainingState

_FORMAT = 1


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds either it or what was there before, whatever
    happens: temporary file in the same folder, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and renames are durable enough
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and JSON metadata as one safetensors file, atomically.

    The same tensors and metadata give the same bytes.
    """
    # Clones: safetensors refuses tensors that share memory, which tied weights do.
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    text = json.dumps(metadata, sort_keys=True)
    write_atomically(path, save(plain, {"steadygan": text}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors (on the CPU) and the metadata of a file that ``save_tensors`` wrote.

    Raises:
        RunError: the file is missing, damaged or not ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["steadygan"])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise RunError(f"{path} does not exist.") from None
    except (SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
        raise RunError(f"{path} cannot be read as a steadygan file ({error}).") from None


class CheckpointStore:
    """The checkpoints of one run: the last few, and the best.

    Args:
        folder: created when the first is saved.
        keep: how many of the last are kept.
        older: how many of those before them are kept as well: the last at multiples of ``apart``
            steps, so that they reach far back however often checkpoints are written.
    """

    def __init__(self, folder: Path, keep: int, *, older: int = 0, apart: int = 1) -> None:
        self.folder = folder
        self.keep = keep
        self.older = older
        self.apart = apart

    def paths(self) -> list[Path]:
        """The last checkpoints, oldest first."""
        return sorted(self.folder.glob("step-*.safetensors"))

    @property
    def best(self) -> Path:
        return self.folder / "best.safetensors"

    def save(self, state: TrainingState, *, best: bool = False) -> Path:
        """Write the state; with ``best`` also as the best so far. Removes what is too old."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.folder.glob(".*.tmp"):  # of a process killed while writing
            leftover.unlink(missing_ok=True)
        path = self.folder / f"step-{state.step:09d}.safetensors"
        # The best first: a process killed between the two resumes from before both, and writes
        # them again; the other way round it would never name its best.
        first = self.best if best else path
        save_tensors(first, state.tensors(), {"format": _FORMAT, **state.numbers()})
        if best:
            _link(first, path)
        old = self.paths()[: -self.keep]
        far = [each for each in old if step_of(each) % self.apart == 0]
        for each in set(old).difference(far[max(0, len(far) - self.older) :]):
            each.unlink()
        return path

    def restore(self, state: TrainingState, path: Path | None = None) -> Path:
        """Load ``path``, or the newest checkpoint that can be read, into ``state``.

        Raises:
            RunError: none can be read, or it does not fit the networks.
        """
        damaged: list[str] = []
        for candidate in [path] if path is not None else self.paths()[::-1]:
            try:
                tensors, numbers = load_tensors(candidate)
            except RunError as error:
                damaged.append(str(error))
                continue
            if numbers.get("format") != _FORMAT:
                raise RunError(
                    f"{candidate} has checkpoint format {numbers.get('format')}, this version of "
                    f"steadygan reads {_FORMAT}: resume it with the version that wrote it."
                )
            try:
                state.load(tensors, numbers)
            except (RuntimeError, KeyError, ValueError) as error:
                reason = " ".join(str(error).split())[:300]
                raise RunError(f"{candidate} does not fit this run's networks: {reason}") from None
            return candidate
        raise RunError(f"{self.folder} holds no readable checkpoint. {' '.join(damaged)}".strip())

    def rows(self) -> int | None:
        """How many rows the run had emitted at the checkpoint that ``restore`` would take."""
        for path in self.paths()[::-1]:
            try:
                return int(load_tensors(path)[1]["rows"])
            except RunError:
                continue
        return None

    def has_any(self) -> bool:
        return bool(self.paths())


def step_of(checkpoint: Path) -> int:
    """The step that one of the last checkpoints is of, by its name."""
    return int(checkpoint.stem.removeprefix("step-"))


def _link(source: Path, target: Path) -> None:
    """Make ``target`` the same file as ``source``, or a copy where links are not to be had."""
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)
