"""The one mutable object of a run: all that a resume must restore."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from steadygan.interfaces import Stateful
from steadygan.record import FlatRecord
from steadygan.training.sampler import Sampler
from steadygan.training.seeds import derive_seed
from steadygan.training.settings import Training


class Status(StrEnum):
    """How a run stands; every run ends with one of them."""

    RUNNING = "running"  # or killed: nothing could be written
    FINISHED = "finished"  # a limit of the budget was reached
    PLATEAU = "plateau"  # the chosen signal stopped improving
    INTERRUPTED = "interrupted"  # asked to stop; can be resumed
    NON_FINITE = "non_finite"  # given up after the rollback limit
    UNSAVED = "unsaved"  # given up: no remedy is left for what the doctor found
    PROCESS_LOST = "process_lost"  # another process of the training ended; can be resumed


@dataclass(frozen=True)
class Stop:
    """An action: end the run after this step, with this status, for this reason."""

    status: Status
    reason: str

    def apply(self, state: TrainingState) -> None:
        state.stop = self


@dataclass
class TrainingState:
    """Networks, optimisers, averages, random states and counters.

    Attributes:
        seed: of the run.
        device: of networks and random states.
        networks: by name; ``generator`` and ``critic`` in the common case.
        optimisers: by the name of the network they update.
        averages: averaged copies of networks, by name.
        sampler: which training samples come next.
        rngs: random states by what they are drawn for.
        controllers: what decides during training and must be resumed (plateau, best checkpoint).
        step: steps done.
        updates: updates attempted, by network.
        rows: rows emitted so far; a resume cuts the history back to as many.
        rollbacks: non-finite updates so far.
        seconds: of training, over all resumes.
        waited: seconds, of those, in which it waited for data.
        window: records since the last row, by network; they outlive a checkpoint, so that rows
            (and what is decided by them) fall on the same steps in a resumed run.
        stop: set to end the run after the step.
        rank: of this process. The global random streams, which networks may draw from (dropout),
            are its own; all others are the same in every process.
    """

    seed: int
    device: torch.device
    networks: dict[str, nn.Module]
    optimisers: dict[str, Optimizer]
    averages: dict[str, nn.Module]
    sampler: Sampler
    rngs: dict[str, torch.Generator] = field(default_factory=dict)
    controllers: dict[str, Stateful] = field(default_factory=dict)
    step: int = 0
    updates: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    rollbacks: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    window: dict[str, list[FlatRecord]] = field(default_factory=dict)
    stop: Stop | None = None
    rank: int = 0

    def __post_init__(self) -> None:
        for name in ("latent", "penalty", "view"):
            self.rngs.setdefault(name, torch.Generator(self.device))
        self.updates = dict.fromkeys(self.networks, 0) | self.updates
        self.reseed()

    def reseed(self) -> None:
        """Start every random stream anew, from the seed, the step and the rollbacks so far.

        After a rollback this keeps the run from walking into the same non-finite update again.
        """
        here = (self.seed, self.step, self.rollbacks)
        for name, rng in self.rngs.items():
            rng.manual_seed(derive_seed(*here, name))
        self.sampler.seed = derive_seed(*here, "sampler")
        shared = derive_seed(*here, "global", *([self.rank] if self.rank else []))
        torch.manual_seed(shared)
        random.seed(shared)
        np.random.seed(shared % 2**32)  # noqa: NPY002 what users' networks may draw from

    @property
    def sampling_generator(self) -> nn.Module:
        """The generator that samples are drawn from: its average where there is one."""
        return self.averages.get("generator", self.networks["generator"])

    def spent(self, budget: Training) -> float:
        """How much of the budget is spent, from 0; 1 or more ends the run."""
        shares = [0.0]
        if budget.steps is not None:
            shares.append(self.step / budget.steps)
        if budget.epochs is not None:
            shares.append(self.sampler.drawn / (budget.epochs * self.sampler.size))
        if budget.minutes is not None:
            shares.append(self.seconds / (60.0 * budget.minutes))
        return max(shares)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state, by a dotted name."""
        tensors: dict[str, Tensor] = {}
        for group, modules in (("networks", self.networks), ("averages", self.averages)):
            for name, module in modules.items():
                tensors |= {f"{group}.{name}.{k}": v for k, v in module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, slots in optimiser.state_dict()["state"].items():
                tensors |= {
                    f"optimisers.{name}.{index}.{slot}": value
                    for slot, value in slots.items()
                    if isinstance(value, Tensor)
                }
        tensors |= {f"rngs.{name}": rng.get_state() for name, rng in self.rngs.items()}
        tensors["rngs.global"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["rngs.global_cuda"] = torch.cuda.get_rng_state(self.device)
        return tensors

    def numbers(self) -> dict[str, Any]:
        """The rest of the state, as JSON."""
        algorithm, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
        return {
            "seed": self.seed,
            "step": self.step,
            "updates": self.updates,
            "rows": self.rows,
            "rollbacks": self.rollbacks,
            "seconds": self.seconds,
            "waited": self.waited,
            "sampler": self.sampler.state(),
            "window": {name: [r.to_json() for r in rs] for name, rs in self.window.items()},
            "controllers": {name: each.state() for name, each in self.controllers.items()},
            "optimisers": {name: _groups(each) for name, each in self.optimisers.items()},
            # An end that was decided, not asked for from outside, is an end after a resume too.
            "plateau": self.stop.reason
            if self.stop is not None and self.stop.status is Status.PLATEAU
            else None,
            "python_random": random.getstate(),
            "numpy_random": [algorithm, np.asarray(keys).tolist(), position, has_gauss, gauss],
        }

    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Restore what ``tensors`` and ``numbers`` returned, in place."""
        for group, modules in (("networks", self.networks), ("averages", self.averages)):
            for name, module in modules.items():
                module.load_state_dict(_under(tensors, f"{group}.{name}."))
        for name, optimiser in self.optimisers.items():
            groups = optimiser.state_dict()["param_groups"]
            for group, saved in zip(groups, numbers["optimisers"][name], strict=True):
                group.update({k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()})
            load_slots(optimiser, _under(tensors, f"optimisers.{name}."), groups)
        for name, rng in self.rngs.items():
            rng.set_state(tensors[f"rngs.{name}"])
        torch.set_rng_state(tensors["rngs.global"])
        if self.device.type == "cuda" and "rngs.global_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["rngs.global_cuda"], self.device)
        self.stop = None
        if numbers["plateau"] is not None:
            self.stop = Stop(Status.PLATEAU, numbers["plateau"])
        self.seed = numbers["seed"]
        self.step = numbers["step"]
        self.updates = dict(numbers["updates"])
        self.rows = numbers["rows"]
        self.rollbacks = numbers["rollbacks"]
        self.seconds = numbers["seconds"]
        self.waited = numbers["waited"]
        self.sampler.load_state(numbers["sampler"])
        self.window = {
            name: [FlatRecord.from_json(each, self.device) for each in records]
            for name, records in numbers["window"].items()
        }
        for name, controller in self.controllers.items():
            controller.load_state(numbers["controllers"][name])
        version, internal, gauss = numbers["python_random"]
        random.setstate((version, tuple(internal), gauss))
        np.random.set_state(tuple(numbers["numpy_random"]))  # noqa: NPY002
        if self.rank:  # the file holds those of rank 0
            torch.manual_seed(derive_seed(self.seed, self.step, "global", self.rank))


def load_slots(
    optimiser: Optimizer,
    tensors: Mapping[str, Tensor],
    groups: list[dict[str, Any]] | None = None,
) -> None:
    """Give the optimiser what it keeps per parameter.

    Args:
        tensors: by the parameter's number and the slot: ``0.exp_avg``.
        groups: its parameter groups; None leaves them as they are.
    """
    slots: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, slot = key.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, mine in slots.items():
        slots[number] = {k: _laid_out(v, parameters[number]) for k, v in mine.items()}
    groups = optimiser.state_dict()["param_groups"] if groups is None else groups
    optimiser.load_state_dict({"state": slots, "param_groups": groups})


def _groups(optimiser: Optimizer) -> list[dict[str, Any]]:
    # What ``make_capturable`` makes of them belongs to the process, not to the run.
    return [
        {
            key: value.item() if isinstance(value, Tensor) else value
            for key, value in group.items()
            if key not in ("params", "capturable")
        }
        for group in optimiser.state_dict()["param_groups"]
    ]


def _laid_out(value: Any, parameter: Tensor) -> Any:
    """In the parameter's own memory format, which files do not keep and fused updates rely on."""
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    return value


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """In evaluation mode and without gradients; every module's mode is put back."""
    modes = [(module, module.training) for network in networks for module in network.modules()]
    try:
        for network in networks:
            network.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
