"""How a run goes on under a remedy: with which weights, and from where its counters stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from steadygan.interfaces import Constraint
from steadygan.training import CheckpointStore, TrainingState, load_slots, load_tensors, step_of

# Where each average takes its first weights from, if it was not kept before.
_AVERAGED = {"generator": "generator", "historical_critic": "critic"}


def last_sound(store: CheckpointStore, began: int, before: int) -> Path | None:
    """The newest checkpoint with a step in [``began``, ``before``), or None; that of step 0 holds
    new weights."""
    sound = [path for path in store.paths() if max(1, began) <= step_of(path) < before]
    return sound[-1] if sound else None


def go_on_from(state: TrainingState, fresh: TrainingState, checkpoint: Path | None) -> int | None:
    """Give the state the networks, optimisers and averages of ``fresh``, with the weights of the
    checkpoint where they fit. Steps, rows and time go on from where they stand.

    Returns:
        The step that the weights are of; None of new ones.
    """
    state.updates = dict.fromkeys(fresh.networks, 0)
    at = None
    if checkpoint is not None:
        tensors, numbers = load_tensors(checkpoint)
        _take(fresh, tensors)
        state.updates |= numbers["updates"]
        at = int(numbers["step"])
    state.networks, state.optimisers = fresh.networks, fresh.optimisers
    state.averages = fresh.averages
    state.controllers, state.window = {}, {}
    state.stop, state.rollbacks = None, 0
    state.reseed()
    return at


def redraw(state: TrainingState, constraints: tuple[Constraint, ...]) -> None:
    """Draw every layer's weights anew, as torch draws them, whatever the architecture did to them;
    averages follow."""
    for network in state.networks.values():
        for module in network.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    for constraint in constraints:
        constraint.project(state.networks["critic"])
    for name, average in state.averages.items():
        average.load_state_dict(state.networks[_network_of(name)].state_dict())


def _take(fresh: TrainingState, tensors: Mapping[str, Tensor]) -> None:
    taken = []
    for name, network in fresh.networks.items():
        if _fits(network, weights := _under(tensors, f"networks.{name}.")):
            network.load_state_dict(weights)
            slots = _under(tensors, f"optimisers.{name}.")
            if _slots_of(slots) == _slots_made_by(fresh, name):
                load_slots(fresh.optimisers[name], slots)
            taken.append(name)
    for name, average in fresh.averages.items():
        of = _network_of(name)
        kept = _under(tensors, f"averages.{name}.")
        if of in taken and not _fits(average, kept):
            kept = dict(fresh.networks[of].state_dict())
        if of in taken:
            average.load_state_dict(kept)


def _network_of(average: str) -> str:
    return _AVERAGED.get(average, average.removeprefix("history_"))


def _fits(module: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    mine = {name: value.shape for name, value in module.state_dict().items()}
    return mine == {name: value.shape for name, value in weights.items()}


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _slots_of(tensors: Mapping[str, Any]) -> set[str]:
    return {name.split(".", 1)[1] for name in tensors}


def _slots_made_by(state: TrainingState, network: str) -> set[str]:
    """The names of what the optimiser keeps for each parameter."""
    kind = type(state.optimisers[network]).__name__
    return set(_SLOTS.get(kind, ()))


# What torch's optimisers keep per parameter; those of others begin anew.
_SLOTS = {
    "Adam": ("step", "exp_avg", "exp_avg_sq"),
    "AdamW": ("step", "exp_avg", "exp_avg_sq"),
    "RMSprop": ("step", "square_avg"),
    "SGD": (),
}
