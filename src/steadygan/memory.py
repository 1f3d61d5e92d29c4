"""How the process asks the system for memory."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's mallopt(3): free memory at the end of the heap that is given back to the system, and
# the size from which on a piece of memory is asked for, and given back, by itself.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER, _GIGABYTE = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Let the process keep freed memory for its next use; False where that cannot be had.

    A training step frees and asks for the same tensors again and again. By default glibc gives
    them back to the system in between, which then clears every page anew: 5 to 15 % of a step on a
    CPU (docs/decisions/0014-execution.md). What the process holds at most grows by a hundredth. It
    concerns the whole process: the command line does it, the library leaves it to its user.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_MMAP_THRESHOLD, _GIGABYTE))
