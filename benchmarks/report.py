"""What every result says of itself, and where it is written."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def write(name: str, title: str, rows: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    """Write a table (its first row the header) to ``results/NAME.md`` and print it."""
    write_page(name, title, [*table(rows), "", *notes])


def write_page(name: str, title: str, content: Sequence[str]) -> None:
    """Write lines of Markdown to ``results/NAME.md``, under what they are of, and print them."""
    write_to(RESULTS / f"{name}.md", name, title, content)


def write_to(path: Path, name: str, title: str, content: Sequence[str]) -> None:
    """As ``write_page``, to a file of another name than the benchmark's."""
    lines = [f"# {title}", "", *(f"- {line}" for line in origin(name)), "", *content]
    text = "\n".join(lines).rstrip() + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(text)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, its first row the header."""
    head, *body = rows
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]


def in_folder(main: Callable[[Path], None]) -> None:
    """Run ``main`` in the folder of the first argument, where runs that are finished are kept, or
    in a temporary one."""
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))


def keep_picture(source: Path, name: str, width: int = 1_100) -> None:
    """Keep a figure that a run drew as ``results/NAME.png``, in a size for a page."""
    from PIL import Image

    picture = Image.open(source).convert("RGB")
    picture.thumbnail((width, 10 * width))
    path = RESULTS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(64).save(path, optimize=True)


def origin(name: str) -> list[str]:
    import torch

    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    # The results that other benchmarks have just written are no change of the code.
    if _git("status", "--porcelain", "--", ".", ":!benchmarks/results"):
        commit += ", with changes that are not committed"
    arguments = " ".join(
        "FOLDER" if "/" in each and not each.startswith("benchmarks/") else each
        for each in sys.argv[1:]
    )
    return [
        f"command: `python benchmarks/{name}.py{' ' if arguments else ''}{arguments}`",
        f"commit: {commit}",
        f"machine: {os.cpu_count()} cores, {platform.machine()}, "
        f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, "
        f"Python {platform.python_version()}",
        f"date: {datetime.now(UTC):%Y-%m-%d}",
    ]


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    root = RESULTS.parent.parent
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=root
    ).stdout.strip()
