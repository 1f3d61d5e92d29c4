"""The monitor in loops of strangers: what it names, misses, cries wolf at, breaks or changes.

python benchmarks/doctor/loops.py [OUT.md [LOOP …]]

Every loop runs twice from the same seed, with the monitor and with nothing in its place: the
weights must come out bit by bit alike.
"""

from __future__ import annotations

import io
import sys
import time
import traceback
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from loop_cases import CASES, WRONG_USES, Case
from loop_cases_fourth import CASES as FOURTH
from loop_cases_third import CASES as THIRD

from steadygan import Monitor


class Nothing:
    def critic(self, *args: Any, **named: Any) -> None:
        pass

    def generator(self, *args: Any, **named: Any) -> None:
        pass

    def close(self) -> None:
        pass


class Watching:
    """Makes the loop's monitors, and keeps what they were made of."""

    def __init__(self, real: bool) -> None:
        self.real = real
        self.networks: list[Any] = []
        self.monitors: list[Any] = []

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.networks += given[:2]
        monitor = Monitor(*given, **named) if self.real else Nothing()
        self.monitors.append(monitor)
        return monitor

    def weights(self) -> list[torch.Tensor]:
        return [v for n in self.networks for v in n.state_dict().values()]


def run(case: Case) -> dict[str, Any]:
    sides = []
    error, wall = "", [0.0, 0.0]
    out = io.StringIO()
    for real in (False, True):
        torch.manual_seed(0)
        watching = Watching(real)
        start = time.perf_counter()
        try:
            with redirect_stdout(out), redirect_stderr(out), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case.run(watching)
        except Exception as e:
            if not real:
                raise
            where = traceback.extract_tb(e.__traceback__)[-1]
            error = f"{type(e).__name__}: {e} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})"
        wall[real] = time.perf_counter() - start
        sides.append(watching)
    plain, seen = (s.weights() for s in sides)
    same = len(plain) == len(seen) and all(
        torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0)) for a, b in zip(plain, seen, strict=True)
    )
    if error:
        return {"outcome": "crashed", "said": error, "same": same, "wall": wall}
    found = [f for monitor in sides[1].monitors for f in monitor.diagnosis().findings]
    alarms = [f for f in found if f.status in ("warning", "error")]
    names = [f.check for f in alarms]
    if not case.names:
        outcome = "false alarm" if names else "quiet"
    elif case.names & set(names):
        outcome = (
            "named right" if set(names) <= case.names | case.beside else "named right, with others"
        )
    else:
        outcome = "named wrong" if names else "missed"
    return {
        "outcome": outcome if same else f"{outcome}, CHANGED",
        "said": "; ".join(f"{f.check} ({f.status}): {f.evidence}" for f in alarms),
        "not_run": [f.check for f in found if f.status == "not_run"],
        "findings": found,
        "same": same,
        "wall": wall,
    }


def group(case: Case) -> str:
    kind = "faulty" if case.names else "wrong use" if case.fault else "sound"
    return f"{kind}, {case.afterwards} afterwards" if case.afterwards else kind


def main() -> None:
    torch.set_num_threads(1)
    out, only = sys.argv[1] if len(sys.argv) > 1 else None, set(sys.argv[2:])
    rows, counts = [], Counter[tuple[str, str]]()
    for case in (*CASES, *THIRD, *FOURTH, *WRONG_USES):
        if only and case.name not in only:
            continue
        result = run(case)
        counts[group(case), result["outcome"]] += 1
        when = f" ({case.afterwards} afterwards)" if case.afterwards else ""
        row = [case.name, (case.fault or "none") + when, result["outcome"], result["said"]]
        rows.append([*row, f"{result['wall'][1] / result['wall'][0]:.1f}"])
        print(" | ".join(row), flush=True)
    head = ["loop", "fault", "outcome", "said", "time beside that without"]
    lines = ["| " + " | ".join(each) + " |" for each in (head, ["---"] * 5, *rows)]
    total = ["", *(f"- {kind}, {what}: {n}" for (kind, what), n in sorted(counts.items()))]
    print("\n".join(total))
    if out is not None:
        Path(out).write_text("\n".join(lines + total) + "\n")


if __name__ == "__main__":
    main()
