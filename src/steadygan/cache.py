"""Where steadygan keeps what it can make again: measurements of the machine, decoded data."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$STEADYGAN_CACHE``, else ``steadygan`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    It need not exist, and need not be writable: nothing depends on it but time.
    """
    chosen = os.environ.get("STEADYGAN_CACHE")
    if chosen:
        return Path(chosen)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "steadygan"
