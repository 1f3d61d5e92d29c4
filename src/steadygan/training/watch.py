"""Controllers: they watch the signals of a run, decide, and are part of its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from steadygan.record import Row
from steadygan.training.settings import Plateau, Signal
from steadygan.training.state import Status, Stop, TrainingState


class Action(Protocol):
    """A change to the state, applied between steps."""

    def apply(self, state: TrainingState) -> None: ...


class Observer(Protocol):
    """Sees every row of a run; may answer with an action."""

    def __call__(self, row: Row) -> Action | None: ...


class BestSoFar:
    """Remembers the best value of a signal; ``improved`` says whether the last row had it."""

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.value: float | None = None
        self.improved = False

    def __call__(self, row: Row) -> None:
        value = row.values.get(self.signal.name)
        if isinstance(value, (int, float)):
            self.improved = self.signal.improves(value, self.value)
            if self.improved:
                self.value = value

    def state(self) -> dict[str, Any]:
        return {"value": self.value}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.value = state["value"]
        self.improved = False


class PlateauStop:
    """Asks for the end of the run once the signal has stopped improving."""

    def __init__(self, plateau: Plateau) -> None:
        self.plateau = plateau
        self.value: float | None = None
        self.waited = 0

    def __call__(self, row: Row) -> Stop | None:
        value = row.values.get(self.plateau.signal.name)
        if not isinstance(value, (int, float)):
            return None
        if self.plateau.signal.improves(value, self.value, by=self.plateau.minimum):
            self.value, self.waited = value, 0
            return None
        self.waited += 1
        if self.waited < self.plateau.patience:
            return None
        reason = (
            f"{self.plateau.signal.name} has not improved on {self.value} for {self.waited} reports"
        )
        return Stop(Status.PLATEAU, reason)

    def state(self) -> dict[str, Any]:
        return {"value": self.value, "waited": self.waited}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.value, self.waited = state["value"], state["waited"]
