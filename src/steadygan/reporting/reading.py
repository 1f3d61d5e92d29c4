"""What both kinds of report read of a run: its files as they are, or what is missing of them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable
from typing import Any

from steadygan.errors import SteadyganError
from steadygan.history import History
from steadygan.reporting.document import Block, Image, Missing, Picture, Section, Sheets
from steadygan.reporting.pictures import from_file, is_picture
from steadygan.run import Run

_SHEETS = 24  # that the slider holds, at most

Make = Callable[[], "Block | Iterable[Block]"]


def by_reason(missing: Iterable[Missing]) -> list[tuple[str, list[str]]]:
    """Why something is missing, and all that is missing for this reason."""
    reasons: dict[str, list[str]] = {}
    for block in missing:
        reasons.setdefault(block.why, []).append(block.what)
    return list(reasons.items())


def attempt(what: str, make: Make) -> list[Block]:
    """What ``make`` returns, or what is missing and why."""
    try:
        made = make()
        if isinstance(made, Iterable):
            return list(made)
        return [made]
    except SteadyganError as error:
        return [Missing(what, str(error))]
    except Exception as error:  # whatever a network or class of the user's raises
        return [Missing(what, " ".join(f"{type(error).__name__}: {error}".split())[:300])]


def section_of(title: str, lead: str, *parts: Iterable[Block]) -> Section:
    """A section of the blocks of all parts."""
    return Section(title, lead, tuple(block for part in parts for block in part))


def history_of(run: Run) -> tuple[History, str]:
    """The history, or an empty one and why there is none."""
    try:
        history = run.history
    except SteadyganError as error:
        there = run.files.history.exists()
        return History([]), str(error) if there else "training wrote no history."
    return history, "" if history.rows else "training ended before its first row of the history."


def environment_of(run: Run) -> dict[str, Any]:
    """What was written down of the machine, or nothing."""
    try:
        return run.files.read(run.files.environment)
    except SteadyganError:
        return {}


def ending_of(run: Run) -> dict[str, Any]:
    """How the run ended; where nobody could write that, it is as if it ran."""
    try:
        ending = run.files.read(run.files.status)
    except SteadyganError:
        return {"status": "running"}
    damaged = [k for k in ("step", "seconds") if not isinstance(ending.get(k), (int, float))]
    return {key: value for key, value in ending.items() if key not in damaged}


def reached(run: Run, history: History) -> tuple[int | None, float | None]:
    """The step and the seconds of training that a run came to: as written at its end, or, where
    it was killed, as far as its history goes."""
    ending, last = ending_of(run), history.rows[-1] if history.rows else None
    step = ending.get("step", None if last is None else last.step)
    return step, ending.get("seconds", None if last is None else last.seconds)


def status_of(run: Run) -> str:
    return str(ending_of(run)["status"])


def recipe_name(run: Run) -> str:
    return str(run.recipe_json.get("name", "a recipe"))


def sheets_of(run: Run) -> Block:
    """The sheets that training kept, or, where it kept none, samples of the last generator."""
    paths = [p for p in sorted(run.files.samples.glob("step-*.png")) if is_picture(p)]
    is_image = len(run.spec.shape) == 3
    if not paths:
        sheet = run.codec.sheet(run.sample(100))
        picture = Picture(_png(sheet), "image/png", *sheet.size, "100 generated samples")
        caption = "100 samples of the last generator, seed 0. Training kept no sheets."
        return Image("Samples", caption, picture)
    last = len(paths) - 1
    chosen = sorted({round(i * last / (_SHEETS - 1)) for i in range(_SHEETS)} if last else {0})
    steps = [int(paths[i].stem.removeprefix("step-")) for i in chosen]
    what = "images" if is_image else "samples, real ones behind them in grey"
    pictures = tuple(
        from_file(paths[i], f"generated {what} after step {step:,}")
        for i, step in zip(chosen, steps, strict=True)
    )
    every = f"{len(chosen)} of {len(paths)} sheets" if len(chosen) < len(paths) else "Every sheet"
    averaged = "by the generator's average" if run.recipe_json.get("ema") else "by the generator"
    return Sheets(
        "Samples over time",
        f"{every} that training kept, always of the same latent vectors: {what}, drawn {averaged}.",
        tuple(f"step {step:,}" for step in steps),
        pictures,
        len(pictures) - 1,
    )


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def in_digits(value: Any) -> str:
    """A number as it is printed; ``?`` where there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "?" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if value and abs(value) < 0.01:  # a kernel distance of 0.0004 is not 0
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 1_000 else f"{value:,.0f}"


def interval_in_words(interval: Any) -> str:
    """`` [low, high]``, or nothing where it is no interval."""
    if not isinstance(interval, (list, tuple)) or len(interval) != 2:
        return ""
    return f" [{in_digits(interval[0])}, {in_digits(interval[1])}]"


def measurements_of(run: Run) -> list[dict[str, Any]]:
    """The measurements, if they can be read; where they have their place it is said why not."""
    try:
        return run.metrics
    except Exception:
        return []
