"""Where files are kept that belong to the user rather than to a run."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``steadygan`` in ``XDG_CACHE_HOME``, or in ``~/.cache``; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steadygan"
