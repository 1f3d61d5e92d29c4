"""Where a run trains: the device, and what is written down of the machine and its libraries."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from steadygan.errors import UsageError
from steadygan.processes import ALONE, Processes, a_gpu_each, local_rank, local_size


def choose_device(name: str, processes: Processes = ALONE) -> torch.device:
    """The device called ``name``; ``"auto"`` takes CUDA where there is some, else the CPU. Of
    several processes each takes a GPU of its own.

    Raises:
        UsageError: torch does not know it, or cannot use it here.
    """
    gpu = f"cuda:{local_rank()}" if processes.size > 1 else "cuda"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    gpus = torch.cuda.device_count()
    if processes.size > 1 and name.startswith("cuda") and gpus and not a_gpu_each():
        raise UsageError(
            f"{local_size()} processes on this machine cannot have a GPU each, of {gpus}: "
            "start fewer, or choose --device cpu."
        )
    if name == "cuda" or (processes.size > 1 and name.startswith("cuda:")):
        name = gpu
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("it holds no numbers")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UsageError(f"device {name!r} cannot be used ({reason}): try cpu.") from None
    return device


def environment_of(
    device: torch.device,
    overrides: Sequence[str],
    data_root: str | Path | None,
    processes: int = 1,
) -> dict[str, Any]:
    """What a run's numbers depend on beside its recipe and data, JSON-able."""
    try:
        own_version = version("steadygan")
    except PackageNotFoundError:  # run from a source tree
        own_version = "unknown"
    return {
        "steadygan": own_version,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "device": str(device),
        "processes": processes,
        "command": sys.argv,
        "overrides": list(overrides),
        "data_root": None if data_root is None else str(Path(data_root).resolve()),
        "began": now(),
    }


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
