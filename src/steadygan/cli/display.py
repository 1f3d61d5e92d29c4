"""What a person sees of a running training: a progress bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from steadygan.record import Row

_LOG_SECONDS = 10.0  # between plain lines


class Display:
    """An observer of rows and a sink of lines, on standard output, or on standard error where
    ``json`` keeps standard output for the result."""

    def __init__(self, *, json: bool = False) -> None:
        from rich.console import Console

        # Wide where nobody resizes a window: a log line is one line.
        stream = sys.stderr if json else sys.stdout
        self.console: Console = Console(file=stream, highlight=False, soft_wrap=True)
        self._begin()

    def _begin(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._first: tuple[int, float, float] | None = None  # step, seconds, progress
        self._coverage = ""
        self._said = 0.0

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn

            self._progress = Progress(
                TextColumn("{task.percentage:>3.0f} %"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[line]}"),
                console=self.console,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @contextmanager
    def one_of_several(self) -> Iterator[None]:
        """A bar of its own for one of several runs, stopped however the run ends."""
        self._begin()
        with self:
            yield

    def say(self, line: str) -> None:
        """Print a line, above the progress bar where there is one."""
        self.console.print(line, markup=False)

    def __call__(self, row: Row) -> None:
        if row.kind == "record":
            self._show(row)
        elif row.kind == "probe":
            coverage = row.values.get("probe.coverage")
            if coverage is not None:
                self._coverage = f" · coverage {coverage:.2f}"
        elif row.kind == "finding":
            found = row.values
            self.say(f"step {row.step:,}: {found['status']} {found['check']}: {found['evidence']}")
            if found["try_next"]:
                self.say(f"  try: {found['try_next']}")
        elif row.values.get("event") == "rollback":
            self.say(
                f"step {row.values['from']}: a loss or gradient was not finite; the update was "
                f"refused, back to step {row.values['to']}"
            )
        elif row.values.get("event") == "remedy":
            did = row.values
            undone = f", instead of {did['undone']}" if did["undone"] else ""
            self.say(
                f"step {row.step:,}: remedy {did['number']} for {did['finding']}: "
                f"{did['remedy']}{undone}; on with weights {did['weights']}"
            )
            self.say(f"  {_change(did['before'], did['after'])}")
        elif row.values.get("event") == "end":
            self._stop()

    def _show(self, row: Row) -> None:
        progress = float(row.values["progress"])
        if self._first is None:
            self._first = (row.step, row.seconds, progress)
            if self._progress is not None:
                self._progress.start()
                self._task = self._progress.add_task("", total=1.0, line="")
        line = f"step {row.step:,} · {self._rate(row, progress)}{_numbers(row)}{self._coverage}"
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=min(1.0, progress), line=line)
        elif time.monotonic() - self._said >= _LOG_SECONDS or progress >= 1.0:
            self._said = time.monotonic()
            self.say(f"{min(100, round(100 * progress)):3d} % · {line}")

    def _rate(self, row: Row, progress: float) -> str:
        assert self._first is not None
        step, seconds, before = self._first
        spent, done = row.seconds - seconds, progress - before
        if spent <= 0 or done <= 0:
            return "…"
        left = spent * max(0.0, 1.0 - progress) / done
        return f"{(row.step - step) / spent:.1f} steps/s · {_clock(left)} left"

    def _stop(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.stop()
            self._task = None


def _change(before: str, after: str) -> str:
    """What a remedy does to the settings; new weights alone leave them as they are."""
    if not before and not after:
        return "the settings stay as they are"
    return f"{before or 'nothing'} becomes {after or 'nothing'}"


def _numbers(row: Row) -> str:
    """The few numbers that matter: the critic's estimate, or, where its loss is none, both losses;
    and its slope where a penalty tells."""
    parts = []
    estimate = row.values.get("critic.terms.wasserstein")
    if estimate is not None:
        parts.append(f"estimate {-estimate:.3g}")
    else:
        losses = {name: row.values.get(f"{name}.loss") for name in ("critic", "generator")}
        parts += [f"{name} {loss:.3g}" for name, loss in losses.items() if loss is not None]
    prefix, suffix = "critic.input_gradient_norms.", ".mean"
    slopes = {
        name.removeprefix(prefix).removesuffix(suffix): value
        for name, value in row.values.items()
        if name.startswith(prefix) and name.endswith(suffix)
    }
    parts += [
        f"slope {value:.2f}" if len(slopes) == 1 else f"slope {name} {value:.2f}"
        for name, value in slopes.items()
    ]
    return "".join(f" · {part}" for part in parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
