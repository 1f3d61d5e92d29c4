"""Files of losses that people's own loops write: tables, JSON, TensorBoard's event files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steadygan.diagnosis.losses import Losses
from steadygan.errors import UsageError, did_you_mean
from steadygan.tensorboard import are_events, read_scalars

# The words that such columns are named with, whatever stands between them: Loss/D, d_loss, errD.
_CRITIC = {"d", "disc", "discriminator", "critic", "netd"}
_GENERATOR = {"g", "gen", "generator", "netg"}
_LOSS = {"loss", "losses", "err", "error"}
# What may stand beside them and changes nothing.
_BESIDE = {
    "train", "training", "step", "epoch", "batch", "iter", "total", "avg", "mean", "gan", "net"
}  # fmt: skip
_STEPS = ("step", "global_step", "_step", "iteration", "iter", "batches_done", "epoch")
_NOTHING = {"", "none", "null", "na", "n/a", "-"}  # cells in which nothing was written
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class _Column:
    """The values of one column, those left out in which nothing was written.

    Attributes:
        places: of each value: its step, or where nobody wrote steps its row.
        cells: as they stand there.
        has_steps: whether ``places`` are steps.
    """

    places: Sequence[int]
    cells: Sequence[object]
    has_steps: bool = False


def read_losses(path: Path, critic: str | None = None, generator: str | None = None) -> Losses:
    """Read the losses of both networks from a file, or from a folder of TensorBoard's.

    A table (CSV, also with semicolons or tabs) has a header; JSON is an object per line, a list of
    objects, or an object of lists. Text may be gzipped.

    Args:
        path: the file or folder.
        critic, generator: the columns' names; None looks for the usual ones.

    Raises:
        UsageError: it cannot be read, or has no such columns.
        MissingExtraError: it is TensorBoard's, which is not installed.
    """
    if are_events(path):
        columns = {name: _Column(*pair, True) for name, pair in read_scalars(path).items()}
    else:
        columns = _columns(path, _text(path))
    chosen = [
        _chosen(path, columns, name, words, option)
        for name, words, option in (
            (critic, _CRITIC, "--critic-loss"),
            (generator, _GENERATOR, "--generator-loss"),
        )
    ]
    values = [_numbers(path, name, columns[name]) for name in chosen]
    steps = [np.array(columns[name].places) if columns[name].has_steps else None for name in chosen]
    return Losses(values[0], values[1], steps[0], steps[1])


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        # Shells of Windows write UTF-16 where a script's output is sent to a file.
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        if path.is_dir():
            reason = "this directory holds no event files of TensorBoard; name a file"
        raise UsageError(f"{path} cannot be read: {reason}.") from None
    if "\0" in text:
        raise UsageError(f"{path} cannot be read: it is no text.")
    if not text.strip():
        raise UsageError(f"{path} is empty.")
    return text


def _columns(path: Path, text: str) -> dict[str, _Column]:
    start = text.lstrip()[0]
    rows = _json_rows(path, text) if start in "{[" else _table_rows(path, text)
    names = list(dict.fromkeys(name for row in rows for name in row))
    steps = _steps(rows)
    columns = {}
    for name in names:
        there = [i for i, row in enumerate(rows) if not _is_nothing(row.get(name))]
        places = there if steps is None else [steps[i] for i in there]
        cells = [rows[i][name] for i in there]
        columns[name] = _Column(places, cells, steps is not None)
    return columns


def _is_nothing(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _NOTHING)


def _steps(rows: Sequence[Mapping[str, object]]) -> list[int] | None:
    """The step of every row, where a column tells it and never goes back, as batches do that are
    counted anew in each epoch."""
    lower = {name.strip().lower(): name for row in rows[:1] for name in row}
    for usual in _STEPS:
        if usual in lower:
            try:
                steps = [int(float(str(row.get(lower[usual])))) for row in rows]
            except (ValueError, OverflowError):
                continue
            if steps == sorted(steps) and steps[0] < steps[-1]:
                return steps
    return None


def _json_rows(path: Path, text: str) -> list[Mapping[str, object]]:
    try:
        whole = json.loads(text, parse_int=float)  # int() refuses thousands of digits
    except json.JSONDecodeError:
        lines = [each for each in enumerate(text.split("\n"), 1) if each[1].strip()]
        if len(lines) > 1 and not text.endswith("\n") and not _is_json(lines[-1][1]):
            del lines[-1]  # which is being written, or was when its script was killed
        return [_json_row(path, *each) for each in lines]
    except RecursionError:
        raise UsageError(f"{path} is JSON, but no losses: it is nested too deep.") from None
    if isinstance(whole, dict) and any(isinstance(each, list) for each in whole.values()):
        lists = {name: each for name, each in whole.items() if isinstance(each, list)}
        most = max(map(len, lists.values()))
        return [{n: each[i] for n, each in lists.items() if i < len(each)} for i in range(most)]
    rows = whole if isinstance(whole, list) else [whole]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} is JSON, but neither objects nor an object of lists.")
    return rows


def _is_json(line: str) -> bool:
    try:
        json.loads(line, parse_int=float)
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def _json_row(path: Path, number: int, line: str) -> Mapping[str, object]:
    try:
        row = json.loads(line, parse_int=float)
    except (json.JSONDecodeError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UsageError(f"{path}, line {number}, is no JSON object.")
    return row


def _table_rows(path: Path, text: str) -> list[Mapping[str, object]]:
    header = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV file: {error}.") from None
    names, *rows = [line for line in lines if any(cell.strip() for cell in line)]
    if delimiter == ";":  # where numbers have a decimal comma
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    # A script that was started again may have written its header once more.
    rows = [row for row in rows if row != names]
    if not rows:
        raise UsageError(f"{path} is no table: a header and rows of losses below it are needed.")
    return [dict(zip(names, row, strict=False)) for row in rows]


def _numbers(path: Path, name: str, column: _Column) -> np.ndarray:
    """Raises UsageError where a cell is no number; ``nan`` and ``inf`` are."""
    if not column.cells:
        raise UsageError(f"{path}: the column {name!r} holds nothing.")
    numbers = []
    for cell in column.cells:
        try:
            numbers.append(float(str(cell)))
        except ValueError:
            shown = str(cell) if len(str(cell)) <= 40 else f"{str(cell)[:37]}…"
            raise UsageError(
                f"{path}: the column {name!r} holds more than numbers: {shown!r}."
            ) from None
    return np.array(numbers)


def _chosen(
    path: Path,
    columns: Mapping[str, Any],
    name: str | None,
    network: set[str],
    option: str,
) -> str:
    if name is not None:
        if name not in columns:
            raise UsageError(f"{path} has no column {name!r}.{did_you_mean(name, list(columns))}")
        return name
    ranks = {column: _rank(column, network) for column in columns}
    known = {column: rank for column, rank in ranks.items() if rank is not None}
    found = [column for column, rank in known.items() if rank == min(known.values())]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{path} has several columns that look like this loss, {_some(found)}: "
            f"choose one with {option}."
        )
    among = _some(columns) or "no columns at all"
    raise UsageError(
        f"{path} has no column that looks like this loss among {among}: name it with {option}."
    )


def _rank(column: str, network: set[str]) -> int | None:
    """How far a name is from that of this network's loss, 0 at best; None where it is none."""
    words = _words(column.rpartition(" - ")[2])  # Weights & Biases put the run before it
    rest = words - network - _LOSS
    if not words & network or not rest <= _BESIDE:
        return None
    if not words & _LOSS:
        return 100 if len(words) == 1 else None  # a column that is called D and nothing else
    return len(rest) + ("epoch" in rest)  # of both, means over less come first


def _words(name: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # lossD, GeneratorLoss
    words = set(re.findall(r"[a-z]+|\d+", apart.lower()))
    for word in list(words):
        short = re.fullmatch(r"(loss|err)([dg])|([dg])(loss|err)", word)  # errD, dloss
        if short:
            words = words - {word} | {part for part in short.groups() if part}
    return words


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")
