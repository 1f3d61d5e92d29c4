"""What is true of runs that were trained, by the oracle and never by the doctor's signals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import CASES, Case


@dataclass(frozen=True)
class Run:
    """One run and the oracle's word on it.

    Attributes:
        case: what it is of.
        folder: that it lies in.
        status: of its end.
        distance: of its final samples, over that between real ones.
        about: all of ``oracle.json``.
    """

    case: Case
    folder: Path
    status: str
    distance: float
    about: Mapping[str, Any]

    @property
    def finished(self) -> bool:
        return self.status == "finished"


def read(folder: Path, cases: Iterable[Case]) -> tuple[list[Run], list[Case]]:
    """The runs of these cases in FOLDER/NAME, and the cases that are not trained there."""
    runs, missing = [], []
    for case in cases:
        file = folder / case.name / "oracle.json"
        about = json.loads(file.read_text()) if file.exists() else None
        if about is None or about["status"].startswith("refused: "):  # of an earlier benchmark
            missing.append(case)
            continue
        distance = about["truth"]["distance"]
        runs.append(Run(case, file.parent, about["status"], distance, about))
    return runs, missing


def of_group(group: str) -> list[Case]:
    return [case for case in CASES if case.group == group]


class Limits:
    """How far off the worst of the matched sound runs ends.

    Args:
        runs: the sound ones among them that finished count, by substrate and base recipe; a base
            that no sound run starts from takes the worst of its substrate's.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._worst: dict[tuple[str, str], float] = {}
        for run in runs:
            if not run.case.faulty and run.finished:
                for key in ((run.case.on, run.case.start), (run.case.on, "")):
                    self._worst[key] = max(self._worst.get(key, 0.0), run.distance)

    def __call__(self, case: Case) -> float:
        """NaN where no sound run of the substrate is there."""
        anywhere = self._worst.get((case.on, ""), math.nan)
        return self._worst.get((case.on, case.start), anywhere)

    def keeps(self, run: Run, slack: float = 1.0) -> bool:
        """Whether it finished, no farther off than the limit times ``slack``."""
        return run.finished and run.distance <= slack * self(run.case)
