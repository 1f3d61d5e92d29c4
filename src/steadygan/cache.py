"""Where steadygan keeps what it can make again: measurements of the machine, decoded images."""

from __future__ import annotations

import os
from pathlib import Path

# Holds nothing and takes nothing: what looks here makes its things anew each time.
NOWHERE = Path(os.devnull)


def cache_folder() -> Path:
    """``$STEADYGAN_CACHE`` (``NOWHERE`` if that is ``off``), else ``user_folder``.

    It need not exist, and need not be writable: nothing depends on it but time.
    """
    chosen = os.environ.get("STEADYGAN_CACHE")
    if chosen == "off":
        return NOWHERE
    return Path(chosen) if chosen else user_folder()


def user_folder() -> Path:
    """``steadygan`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; ``NOWHERE`` where there is no home."""
    shared = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(shared) if shared else Path.home() / ".cache") / "steadygan"
    except RuntimeError:
        return NOWHERE
