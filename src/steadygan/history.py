"""The history of a run: rows as JSON Lines, written as they come, read back as columns.

The seam between training and what looks at it afterwards: metrics, diagnosis and reports read the
run directory and never import the trainer.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steadygan.errors import RunError
from steadygan.record import Row, RowKind


def to_line(row: Row) -> str:
    """One line of JSON. Numbers that are not finite become the strings "nan", "inf", "-inf"."""
    values = {name: _plain(value) for name, value in row.values.items()}
    times = {"seconds": row.seconds, "waited": row.waited}
    line = {"kind": row.kind, "step": row.step, **times, **values}
    return json.dumps(line, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def from_line(line: str) -> Row:
    parsed = json.loads(line)
    kind, step, seconds = parsed.pop("kind"), parsed.pop("step"), parsed.pop("seconds")
    waited = parsed.pop("waited", 0.0)
    if not (isinstance(step, int) and all(isinstance(s, (int, float)) for s in (seconds, waited))):
        raise TypeError(f"step {step!r} after {seconds!r} seconds")
    values = {
        name: _SPECIAL.get(value, value) if isinstance(value, str) else value
        for name, value in parsed.items()
    }
    return Row(kind, step, seconds, values, waited)


class HistoryWriter:
    """An observer that appends every row to a file; each row reaches the system at once.

    Args:
        path: of the file; created if missing.
        keep: rows of an existing file to keep, those that belong to the checkpoint resumed from;
            what came after it is cut off. None appends to all.
    """

    def __init__(self, path: Path, keep: int | None = None) -> None:
        if keep is not None and path.exists():
            complete = path.read_bytes().split(b"\n")[:-1]  # the last may be torn
            temporary = path.with_name(f".{path.name}.tmp")
            with temporary.open("wb") as file:
                file.writelines(line + b"\n" for line in complete[:keep])
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        self._file = path.open("a", encoding="utf-8")

    def __call__(self, row: Row) -> None:
        self._file.write(to_line(row) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class History:
    """The rows of a run, read once."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    @classmethod
    def read(cls, path: Path) -> History:
        """Read a history; a torn last line, of a process killed while writing, is left out.

        Raises:
            RunError: the file is missing, or another line is damaged.
        """
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{path} does not exist: is this a run directory?") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error}).") from None
        rows = []
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                rows.append(from_line(line))
            except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
                if number == len(lines):
                    break
                raise RunError(f"{path}, line {number}, is not a row of a history.") from None
        return cls(rows)

    def of_kind(self, kind: RowKind) -> Iterator[Row]:
        return (row for row in self.rows if row.kind == kind)

    def column(self, name: str) -> tuple[list[int], list[float]]:
        """Steps and values of every row that carries the number ``name``."""
        pairs = [
            (row.step, float(row.values[name]))
            for row in self.rows
            if isinstance(row.values.get(name), (int, float))
        ]
        return [step for step, _ in pairs], [value for _, value in pairs]

    def names(self) -> list[str]:
        """Every number that some row carries, sorted."""
        return sorted(
            {n for row in self.rows for n, v in row.values.items() if isinstance(v, (int, float))}
        )

    def last(self, name: str) -> float | None:
        """The latest value of ``name``, or None."""
        _, values = self.column(name)
        return values[-1] if values else None


class RunFiles:
    """What lies where in a run directory.

    Args:
        root: the run directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recipe = root / "recipe.json"
        self.data = root / "data.json"
        self.environment = root / "environment.json"
        self.status = root / "status.json"
        self.history = root / "history.jsonl"
        self.metrics = root / "metrics.json"
        self.samples = root / "samples"
        self.checkpoints = root / "checkpoints"
        self.remedies = root / "remedies"
        self.tensorboard = root / "tensorboard"
        self.generator = root / "generator.safetensors"
        self._required = {
            self.data: (
                "name", "source", "fingerprint", "n_train", "n_validation", "spec", "codec"
            ),
            self.environment: ("steadygan", "torch", "processor", "device"),
            self.status: ("status",),
            self.metrics: ("measurements",),
        }  # fmt: skip

    def read(self, path: Path) -> dict[str, Any]:
        """A JSON object of the run, with the keys that its file must have.

        Raises:
            RunError: the file is missing or damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"{self.root} is not a run directory: it has no {path.name}.") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read ({error}).") from None
        if not isinstance(content, dict):
            raise RunError(f"{path} does not hold a JSON object.")
        missing = [key for key in self._required.get(path, ()) if key not in content]
        if missing:
            raise RunError(f"{path} lacks {', '.join(missing)}: is the file damaged?")
        return content
