"""How much memory this process and this machine have, from Linux's own files."""

from __future__ import annotations

from pathlib import Path

MIB = 2**20


def of_process(field: str) -> int:
    """``VmHWM`` (the most resident so far) or ``VmRSS`` (now), in bytes."""
    return _field(Path("/proc/self/status"), field)


def of_machine() -> int:
    """All of it, in bytes."""
    return _field(Path("/proc/meminfo"), "MemTotal")


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return 1024 * int(value.split()[0])
    raise ValueError(f"{path} has no field {name}.")
