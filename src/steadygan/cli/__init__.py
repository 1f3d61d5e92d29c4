"""The command line: one file per command.

No module here imports torch, or what imports torch, before a command runs: ``--help`` stays fast.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from steadygan.cli.check import check
from steadygan.cli.compare import compare
from steadygan.cli.diagnose import diagnose
from steadygan.cli.evaluate import evaluate
from steadygan.cli.export import export
from steadygan.cli.info import info
from steadygan.cli.output import print_lines
from steadygan.cli.recipes import recipes
from steadygan.cli.report import report
from steadygan.cli.resume import resume
from steadygan.cli.sample import sample
from steadygan.cli.train import train
from steadygan.errors import PreflightError, ProcessLostError, SteadyganError
from steadygan.memory import keep_freed_memory

_LAST_WORDS = 10.0  # seconds that the first of several processes has to say why they end

app = typer.Typer(
    name="steadygan",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_lines(f"steadygan {version('steadygan')}")
        raise typer.Exit


@app.callback()
def _front(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Train GANs that stay stable, and be told, with evidence, when they do not."""


for command in (
    train,
    check,
    resume,
    compare,
    evaluate,
    diagnose,
    report,
    sample,
    info,
    export,
):
    app.command()(command)
app.add_typer(recipes, name="recipes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0 done, 1 the training was given up or the disk failed, 2 something given cannot be used,
    128 + signal interrupted.
    """
    # Read by torch's thread pool when it is loaded. Its threads wait for each other by spinning, up
    # to a millisecond each time; next to another busy process that made training 4 to 20 times
    # slower, and a short spin costs nothing measurable alone (docs/decisions/0008-threads.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    keep_freed_memory()
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        code = app(args=given or ["--help"], prog_name="steadygan", standalone_mode=False)
    except typer.TyperException as error:  # an option or argument that does not parse
        return _refuse(2, error.format_message())
    except ProcessLostError as error:
        return _refuse(1, str(error))
    except PreflightError as error:
        return _refuse(2, *error.lines)
    except SteadyganError as error:
        return _refuse(2, str(error))
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _refuse(1, f"the system refused{where}: {error.strerror or error}.")
    except (KeyboardInterrupt, typer.Abort):
        return _refuse(130, "interrupted.")
    return code if isinstance(code, int) else 0


def _refuse(code: int, *messages: str) -> int:
    """Say why, each message in a line, and return the code."""
    if os.environ.get("RANK", "0") != "0":
        # Of several processes the first speaks for all. torchrun ends the others as soon as one has
        # ended, so that whoever ends before it would cut it short; who is left has failed alone.
        time.sleep(_LAST_WORDS)
    for message in messages:
        print(f"steadygan: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code
