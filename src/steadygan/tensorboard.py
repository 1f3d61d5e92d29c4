"""TensorBoard (an extra): the rows and sheets of a run, written for it while it trains, and the
scalars that any script wrote, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from steadygan.errors import MissingExtraError, UsageError
from steadygan.history import RunFiles
from steadygan.record import Row

# Steps and values of every scalar, by its tag.
Scalars: TypeAlias = "dict[str, tuple[list[int], list[float]]]"


def require_tensorboard() -> Any:
    """The class that writes its files.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError(
            "TensorBoard needs an extra: pip install 'steadygan[tensorboard]'."
        ) from None
    return SummaryWriter


class TensorBoard:
    """An observer that writes the numbers of every row, the events, and the sample sheets.

    Args:
        files: of the run; what is written goes into its folder ``tensorboard``.
        step: that training goes on from. What an earlier start wrote after it is no longer shown.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, files: RunFiles, step: int = 0) -> None:
        self._files = files
        self._written = {path.name for path in files.samples.glob("step-*.png")} if step else set()
        self._writer = require_tensorboard()(str(files.tensorboard), purge_step=step + 1)

    def __call__(self, row: Row) -> None:
        if row.kind == "event":
            said = ", ".join(f"{key} {value}" for key, value in row.values.items())
            self._writer.add_text("events", said, row.step)
        else:
            for name, value in row.values.items():
                if isinstance(value, (int, float)):
                    group, _, rest = name.partition(".")  # boards group by what is before a slash
                    self._writer.add_scalar(f"{group}/{rest}" if rest else name, value, row.step)
        self._sheets()

    def _sheets(self) -> None:
        """Those that training has written since the last row."""
        import numpy as np
        from PIL import Image

        for path in sorted(self._files.samples.glob("step-*.png")):
            if path.name not in self._written:
                self._written.add(path.name)
                step = int(path.stem.removeprefix("step-"))
                with Image.open(path) as sheet:
                    pixels = np.asarray(sheet.convert("RGB"))
                self._writer.add_image("samples", pixels, step, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()


def are_events(path: Path) -> bool:
    """Whether ``path`` is an event file, or a folder with one somewhere in it."""
    return _is_event_file(path) or (path.is_dir() and any(_event_files(path)))


def read_scalars(path: Path) -> Scalars:
    """What any script has written.

    Where a script was started again and went back some steps, what it wrote after them at first is
    left out. Scalars of ``add_scalars``, which writes each into a folder of its own, are called
    ``TAG/NAME``.

    Args:
        path: an event file, or the folder of one run.

    Raises:
        MissingExtraError: TensorBoard is not installed.
        UsageError: the folder is of several runs, or there are no scalars.
    """
    load = _loader()
    if path.is_dir():
        folders = _folders(path)
        run = _only_run(path, folders)
        scalars = _merged(load(file) for file in folders[run])
        for folder, files in folders.items():
            if folder.parent == run:
                scalars |= _one_of_several(folder.name, _merged(map(load, files)))
    else:
        scalars = _merged([load(path)])
    if not scalars:
        raise UsageError(f"{path} holds no scalars that TensorBoard can read.")
    return scalars


def _is_event_file(path: Path) -> bool:
    return "tfevents" in path.name and path.is_file()


def _event_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*tfevents*") if _is_event_file(path))


def _folders(path: Path) -> dict[Path, list[Path]]:
    """The event files of every folder, in the order in which they were begun."""
    folders: dict[Path, list[Path]] = {}
    for file in sorted(_event_files(path)):
        folders.setdefault(file.parent, []).append(file)
    return folders


def _only_run(path: Path, folders: Iterable[Path]) -> Path:
    """The folder that is not below another one's: what is below belongs to it."""
    found = set(folders)
    runs = sorted(each for each in found if not found & set(each.parents))
    if len(runs) > 1:
        names = [str(each.relative_to(path)) for each in runs]
        some = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        raise UsageError(
            f"{path} holds {len(names)} runs of TensorBoard: name one of them, as "
            f"{path / names[0]}. There are: {some}."
        )
    return runs[0]


def _one_of_several(folder: str, scalars: Scalars) -> Scalars:
    """What ``add_scalars`` wrote there, by tag and name; nothing where it was something else."""
    return {
        f"{tag}/{folder.removeprefix(start)}": pair
        for tag, pair in scalars.items()
        if folder.startswith(start := f"{tag.replace('/', '_')}_")
    }


def _merged(files: Iterable[Scalars]) -> Scalars:
    """What later files began with replaces what earlier ones wrote from there on."""
    merged: Scalars = {}
    for scalars in files:
        for tag, (steps, values) in scalars.items():
            before, values_before = merged.get(tag, ([], []))
            keep = [i for i, step in enumerate(before) if step < steps[0]]
            merged[tag] = (
                [*(before[i] for i in keep), *steps],
                [*(values_before[i] for i in keep), *values],
            )
    return merged


def _loader() -> Callable[[Path], Scalars]:
    """A function that reads one file.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise MissingExtraError(
            "Event files of TensorBoard need an extra: pip install 'steadygan[tensorboard]'."
        ) from None

    def load(path: Path) -> Scalars:
        found: Scalars = {}
        # The loader makes tensors of all scalars, whichever version has written them.
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    steps, values = found.setdefault(value.tag, ([], []))
                    steps.append(event.step)
                    values.append(float(make_ndarray(value.tensor).item()))
        return found

    return load
