"""How a step is carried out: precision, memory format and threads, chosen by measurement.

None of them changes what is computed, all of them how it is rounded: so they are chosen once,
before a run, and frozen in it. Choices are kept in the cache folder, so that the same recipe on the
same machine is carried out in the same way the next time.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from steadygan.cache import cache_folder
from steadygan.processes import usable_cores
from steadygan.training.checkpoint import write_atomically
from steadygan.training.settings import Training

AUTO = "auto"

# A way that is less than this share faster is not worth other rounding.
_MARGIN = 0.10
# Relative difference of a penalty in bfloat16 from that in float32 that is taken for rounding.
_AGREEMENT = 0.01
# Matrix products must gain this much in bfloat16 before whole steps are tried in it: where the
# processor has to emulate it, such a step may take minutes.
_NATIVE = 1.2


@dataclass(frozen=True)
class Execution:
    """One way to carry out a step.

    Attributes:
        precision: ``"float32"``, or ``"bfloat16"``: autocast, with weights, losses, norms and
            everything between the networks in float32.
        memory_format: of images and convolutions: ``"contiguous"`` or ``"channels_last"``.
        threads: of the CPU.
    """

    precision: str
    memory_format: str
    threads: int

    @classmethod
    def of(cls, training: Training) -> Execution:
        """What the settings say; what they leave open, as torch would do it by itself."""
        return cls(
            precision="float32" if training.precision == AUTO else training.precision,
            memory_format=(
                "contiguous" if training.memory_format == AUTO else training.memory_format
            ),
            threads=training.threads or torch.get_num_threads(),
        )

    def freeze(self, training: Training) -> Training:
        return replace(training, **asdict(self))

    def lay_out(self, network: nn.Module) -> None:
        """Bring the weights into the memory format, in place."""
        if self.memory_format == "channels_last":
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __str__(self) -> str:
        plural = "" if self.threads == 1 else "s"
        layout = ", channels last" if self.memory_format == "channels_last" else ""
        return f"{self.threads} thread{plural}, {self.precision}{layout}"


@dataclass(frozen=True)
class Trial:
    """What carrying out a step told: seconds, and the penalties of its critic's loss by name."""

    seconds: float
    penalties: Mapping[str, float]

    def agrees_with(self, other: Trial) -> bool:
        return all(
            abs(value - other.penalties[name]) <= _AGREEMENT * abs(other.penalties[name])
            for name, value in self.penalties.items()
        )


def choose(
    training: Training,
    trial: Callable[[Execution], Trial],
    *,
    key: Mapping[str, Any],
    images: bool,
    convolutional: bool,
    device: torch.device,
) -> Execution:
    """The fastest way to carry out a step of those that ``training`` leaves open.

    Args:
        training: what it sets is not tried otherwise.
        trial: carries out a step, from the same state each time.
        key: what the answer depends on beside the machine and the settings that are open; JSON.
        images: whether samples are images. Only there is bfloat16 chosen unasked: its 8 bits are
            those of a pixel, but fewer than numbers of a table or coordinates have.
        convolutional: whether the networks convolve images; to others the memory format is nothing.
        device: where the run trains.
    """
    file = _file_of({
        "machine": machine(device), "open": _open(training), "images": images, "of": key,
    })  # fmt: skip
    kept = _read(file)
    if kept is not None:
        return kept
    best = Execution.of(training)
    measured = trial(best)
    for attribute in _open(training):
        for alternative in _alternatives(
            attribute, best, images=images, convolutional=convolutional, device=device
        ):
            other = trial(alternative)
            if other.seconds > (1.0 - _MARGIN) * measured.seconds:
                break
            if attribute == "precision" and not other.agrees_with(measured):
                break
            best, measured = alternative, other
    _keep(file, best)
    return best


def _open(training: Training) -> list[str]:
    """The attributes that are to be chosen, in the order in which they are tried."""
    given = {
        "memory_format": training.memory_format != AUTO,
        "precision": training.precision != AUTO,
        "threads": training.threads is not None,
    }
    return [name for name, is_given in given.items() if not is_given]


def _alternatives(
    attribute: str, best: Execution, *, images: bool, convolutional: bool, device: torch.device
) -> Iterator[Execution]:
    """Other values of one attribute, each tried only if the one before was faster."""
    if attribute == "memory_format" and convolutional:
        yield replace(best, memory_format="channels_last")
    if attribute == "precision" and images and bfloat16_gain(device) >= _NATIVE:
        yield replace(best, precision="bfloat16")
    if attribute == "threads" and device.type == "cpu":
        threads = best.threads // 2
        while threads >= 1:
            yield replace(best, threads=threads)
            threads //= 2


def bfloat16_gain(device: torch.device) -> float:
    """How many times as fast matrix products are in bfloat16 as in float32, measured once."""
    file = _file_of({"machine": machine(device), "of": "bfloat16_gain"})
    try:
        return float(json.loads(file.read_text())["gain"])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # none yet, damaged, or not to be read: measured
    seconds = {}
    # On a GPU small products take as long as it takes to launch them, in whatever precision.
    side = 512 if device.type == "cpu" else 4096
    for dtype in (torch.float32, torch.bfloat16):
        factor = torch.ones(side, side, dtype=dtype, device=device)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            factor @ factor
            synchronise(device)
            times.append(time.perf_counter() - began)
        seconds[dtype] = min(times)
    gain = seconds[torch.float32] / seconds[torch.bfloat16]
    _write(file, {"gain": round(gain, 2)})
    return gain


def synchronise(device: torch.device) -> None:
    """Wait for what was asked of a device that works by itself."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: torch.device) -> dict[str, Any]:
    """What measurements of speed depend on: processor, cores that may be used, torch, device."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _file_of(key: Mapping[str, Any]) -> Path:
    text = json.dumps(key, sort_keys=True, default=str)
    return cache_folder() / "execution" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _read(file: Path) -> Execution | None:
    try:
        return Execution(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # none yet, or damaged


def _keep(file: Path, execution: Execution) -> None:
    _write(file, asdict(execution))


def _write(file: Path, content: Mapping[str, Any]) -> None:
    """Into the cache, where that can be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, (json.dumps(content) + "\n").encode())
    except OSError:
        pass
