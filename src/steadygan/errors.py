"""Every error that steadygan raises on purpose.

    SteadyganError
    ├── UsageError           something the user gave cannot be used; also a ValueError
    │   ├── DataError        a data source is missing, unreadable or of the wrong shape
    │   ├── RecipeError      a recipe, or a value set on it, does not fit
    │   ├── NetworkError     a network does not fit the data or the method
    │   ├── PreflightError   the checks before the first step found errors
    │   └── RunError         a run directory is missing, incomplete or does not match
    ├── ProcessLostError     another process that trains the same run has ended
    └── MissingExtraError    an optional dependency is needed; also an ImportError

A message says what is wrong, where, and what to do, in one line. The command line prints it and
ends with exit code 2. Violated invariants of our own are ``assert``s, not errors of this tree.
"""

from __future__ import annotations


class SteadyganError(Exception):
    """The root: catch this to catch all that steadygan raises on purpose."""


class UsageError(SteadyganError, ValueError):
    """Something the user gave cannot be used."""


class DataError(UsageError):
    """A data source is missing, unreadable or of the wrong shape."""


class RecipeError(UsageError):
    """A recipe, or a value set on it, does not fit."""


class NetworkError(UsageError):
    """A network does not fit the data or the method."""


class PreflightError(UsageError):
    """The checks before the first step found errors.

    Attributes:
        lines: one for each, and one that says how to train all the same.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class RunError(UsageError):
    """A run directory is missing, incomplete or does not match."""


class ProcessLostError(SteadyganError, RuntimeError):
    """Another process that trains the same run has ended, or cannot be reached."""


class MissingExtraError(SteadyganError, ImportError):
    """An optional dependency is needed: the message names the extra to install."""


def did_you_mean(word: str, known: list[str]) -> str:
    """``" Did you mean 'x'?"`` where one of ``known`` is close to ``word``, else all of them."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(sorted(known))}." if known else ""
