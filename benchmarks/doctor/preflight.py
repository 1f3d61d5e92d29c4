"""The preflight on configurations that were written down before its rules.

python benchmarks/doctor/preflight.py
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # beside which report lies

import report
from preflight_cases import FAULTY, SOUND, Case, RecipeCase

from steadygan.diagnosis import Diagnosis, Status, preflight_networks
from steadygan.errors import UsageError
from steadygan.recipes import preflight


def examine(case: Case) -> Diagnosis | str:
    """Its findings, or the line that refuses to build it."""
    try:
        if isinstance(case.how, RecipeCase):
            return preflight(*case.how.recipe())
        given = dict(vars(case.how.build()))
        return preflight_networks(
            given.pop("generator"),
            given.pop("critic"),
            given.pop("real"),
            latent=given.pop("latent_dim"),
            **given,
        )
    except UsageError as error:
        return str(error)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z, share = 1.96, hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return centre - half, centre + half


def share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits} of {n} = {hits / n:.1%} (95 %: {low:.1%} to {high:.1%})"


def is_named(case: Case, found: Diagnosis | str) -> bool:
    """Whether a finding of the right weight has an acceptable name; a refusal counts where the
    fault is one that recipes refuse to hold."""
    if isinstance(found, str):
        return case.status == "error"
    flagged = found.errors if case.status == "error" else (*found.errors, *found.warnings)
    return any(finding.check in case.wrong for finding in flagged)


def main() -> None:
    began = time.perf_counter()
    faulty = [(case, examine(case)) for case in FAULTY]
    sound = [(case, examine(case)) for case in SOUND]
    seconds = time.perf_counter() - began
    named = [case for case, found in faulty if is_named(case, found)]
    falsely = [(case, found) for case, found in sound if isinstance(found, str) or found.errors]
    undue = [
        (case, [w for w in found.warnings if w.check not in case.may_warn])
        for case, found in sound
        if not isinstance(found, str)
    ]
    undue = [(case, warnings) for case, warnings in undue if warnings]
    rows = [["fault", "cases", "named", "sound with it"]]
    alarms = Counter(
        finding.check
        for case, found in sound
        if not isinstance(found, str)
        for finding in (*found.errors, *found.warnings)
        if finding.check not in case.may_warn
    )
    for name in dict.fromkeys(case.wrong[0] for case in FAULTY):
        of = [case for case in FAULTY if case.wrong[0] == name]
        hits = sum(case in named for case in of)
        rows.append([name, f"{len(of)}", f"{hits}", f"{alarms[name]}"])
    errors = [case for case in FAULTY if case.status == "error"]
    notes = [
        f"Faults named: {share(len(named), len(FAULTY))}; "
        f"of those that stop a run: {share(sum(c in named for c in errors), len(errors))}.",
        "",
        f"Sound configurations with an error: {share(len(falsely), len(SOUND))}; with a warning "
        f"that none deserves: {share(len(undue), len(SOUND))}.",
        "",
        f"{len(FAULTY) + len(SOUND)} configurations in {seconds:.0f} s on one thread. "
        "A fault counts as named where a finding of its weight bears one of the names written down "
        "with it, or where the recipe refuses to be built.",
        "",
    ]
    for case, found in faulty:
        if case not in named:
            notes.append(f"- missed: {case.name} ({', '.join(case.wrong)}); {_told(found)}")
    notes += [f"- false error: {case.name}; {_told(found)}" for case, found in falsely]
    notes += [
        f"- undue warning: {case.name}; {'; '.join(w.line for w in warnings)}"
        for case, warnings in undue
    ]
    report.write("doctor/preflight", "The preflight", rows, notes)


def _told(found: Diagnosis | str) -> str:
    if isinstance(found, str):
        return f"refused: {found}"
    told = [f.line for f in found.of(Status.ERROR, Status.WARNING)]
    return "; ".join(told) or "nothing found"


if __name__ == "__main__":
    main()
