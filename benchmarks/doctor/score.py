"""Score the doctor on runs that ``runs.py`` trained, by replaying their histories.

    python benchmarks/doctor/runs.py FOLDER --group unseen --share I/N
    python benchmarks/doctor/score.py FOLDER --group unseen --write FILE

The first command resumes; one process for each I below N. The rules were seen on all groups but
``unseen``: those give no score any more. ``--each`` prints every run.

What the doctor says is taken twice: at the end, from the whole history, and on the way, as a user
sees it, row by row with a look at every probe and one at the end; there a run is alarmed if
anything was ever said. Runs are trained whatever the preflight says, which is told apart.

A faulty run bites if it ends farther from held-out samples than every sound run on the same
substrate from the same base (from any, where no sound run starts from that base), or does not
finish; that is the oracle's word, which the doctor never reads. Faults that do not bite are scored
apart. No run is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # beside which report lies

import report
from baselines import BASELINES, Printed
from cases import GROUPS, Case
from shares import of
from substrates import SUBSTRATES
from truth import Limits, Run, of_group, read

from steadygan.data import DataOptions, Dataset
from steadygan.diagnosis import Doctor, Finding
from steadygan.history import History
from steadygan.recipes import preflight

NOTHING = "(nothing)"


@dataclass(frozen=True)
class Told:
    """What the doctor said on the way.

    Attributes:
        finding: said for the first time.
        at: the share of the budget that was spent.
        delay: since its own beginning, as a share of the budget.
    """

    finding: Finding
    at: float
    delay: float


def listen(history: History, recipe: dict[str, object]) -> tuple[list[Told], list[Finding]]:
    """What is said on the way, and what at the end, first what explains most."""
    doctor = Doctor(recipe)
    told: list[Told] = []
    steps = recipe["training"]["steps"]  # type: ignore[index]

    def ask(step: int) -> None:
        for said in doctor.found():
            finding = Finding.from_json(said)
            since = step if finding.since is None else finding.since
            told.append(Told(finding, step / steps, (step - since) / steps))

    for row in history.rows:
        doctor(row)
        if row.kind == "probe":
            ask(row.step)
    if history.rows:
        ask(history.rows[-1].step)
    return told, list(doctor.present)


@dataclass(frozen=True)
class Scored:
    """A run and what was said of it.

    Attributes:
        run: with the oracle's word.
        bites: whether that finds it worse than its sound matches.
        limit: the distance of the worst of those.
        told, end: by the doctor on the way, and at the end.
        naive: what each baseline says.
        before: the errors of the preflight.
    """

    run: Run
    bites: bool
    limit: float
    told: Sequence[Told]
    end: Sequence[Finding]
    naive: Mapping[str, Sequence[str]]
    before: Sequence[str]

    @property
    def case(self) -> Case:
        return self.run.case

    @cached_property
    def at_the_end(self) -> list[str]:
        return [finding.check for finding in self.end]

    @cached_property
    def on_the_way(self) -> list[str]:
        return [told.finding.check for told in self.told]

    def rightly(self, names: Sequence[str]) -> bool:
        """Whether the first of the names is one that the fault may be called by."""
        return bool(names) and names[0] in self.case.accepted

    def among(self, names: Sequence[str]) -> bool:
        return any(name in self.case.accepted for name in names)


def errors_before(case: Case) -> list[str]:
    """What the preflight would have stopped the run for."""
    spec = _loaded(case.on, DataOptions()).spec
    recipe = case.recipe(spec)
    return [each.check for each in preflight(recipe, _loaded(case.on, recipe.data)).errors]


@cache
def _loaded(on: str, options: DataOptions) -> Dataset:
    return SUBSTRATES[on].load(options)


def examine(runs: Sequence[Run]) -> list[Scored]:
    """Replay every run's history."""
    limits = Limits(runs)
    scored = []
    for run in runs:
        history = History.read(run.folder / "history.jsonl")
        told, end = listen(history, json.loads((run.folder / "recipe.json").read_text()))
        wasserstein = run.case.start.startswith("wgan")
        printed = Printed.of(history, wasserstein=wasserstein, finished=run.finished)
        naive = {name: rule(printed) for name, rule in BASELINES.items()}
        limit, bites = limits(run.case), not limits.keeps(run)
        scored.append(Scored(run, bites, limit, told, end, naive, errors_before(run.case)))
    return scored


Names = Callable[[Scored], Sequence[str]]
WAYS: dict[str, Names] = {
    "at the end": lambda run: run.at_the_end,
    "on the way": lambda run: run.on_the_way,
}


def page(scored: Sequence[Scored], missing: Sequence[Case]) -> list[str]:
    """The result in Markdown."""
    faulty = [run for run in scored if run.case.faulty]
    biting = [run for run in faulty if run.bites]
    idle = [run for run in faulty if not run.bites]
    sound = [run for run in scored if not run.case.faulty]
    return [
        f"{len(scored)} runs: {len(faulty)} faulty, of which {len(biting)} bite by the oracle and "
        f"{len(idle)} do not, and {len(sound)} sound. Brackets hold exact 95 % bounds (Clopper and "
        "Pearson). *At the end* the whole history is judged; *on the way* counts whatever was ever "
        "said while the run trained, as a user sees it.",
        "",
        *(_missing(missing) if missing else ()),
        "## Goals",
        "",
        *report.table(_goals(biting, sound)),
        "",
        f"Smallest share of a class: goal ≥ 80 %, {_smallest(biting)}.",
        "",
        *_delays(biting),
        "",
        f"Before the first step the preflight alone would have stopped "
        f"{of(bool(run.before) for run in biting)} of these faults and "
        f"{of(bool(run.before) for run in sound)} of the sound runs; here all were let pass. "
        f"Stopped or found at the end: "
        f"{of(bool(run.before or run.at_the_end) for run in biting)}.",
        "",
        "## Beside rules that people have",
        "",
        "Sources and numbers: `benchmarks/doctor/baselines.py`.",
        "",
        *report.table(_beside(biting, sound)),
        "",
        "## By class",
        "",
        *report.table(_by(biting, "class", lambda run: run.case.accepted[0])),
        "",
        "## By substrate",
        "",
        *report.table(_by(biting, "substrate", lambda run: run.case.on)),
        "",
        *report.table(_alarms(sound, "substrate", lambda run: run.case.on)),
        "",
        "## By base recipe",
        "",
        *report.table(_by(biting, "base", lambda run: run.case.start)),
        "",
        "## By cause",
        "",
        *report.table(_by(biting, "cause", lambda run: run.case.cause)),
        "",
        "## What is called what",
        "",
        "Rows: the class of the cause, the first of the names it may be called by. Columns: the "
        "first name at the end.",
        "",
        *report.table(_confusion(biting)),
        "",
        "## Faults that do not bite",
        "",
        *(f"- named {way}: {of(bool(names(run)) for run in idle)}; rightly: "
          f"{of(run.rightly(names(run)) for run in idle)}" for way, names in WAYS.items()),
        "",
        "## Sound runs",
        "",
        *report.table(_alarms(sound, "kind", lambda run: run.case.cause)),
        "",
        *(f"- alarmed: {_short(run)}: {_said(run)}" for run in sound if run.on_the_way),
        "",
        "## Faults that were missed or called otherwise",
        "",
        *(f"- missed at the end: {_short(run)}{_off(run)}: {_said(run)}"
          for run in biting if not run.at_the_end),
        *(f"- called otherwise: {_short(run)} ({' or '.join(run.case.accepted)}){_off(run)}: "
          f"{_said(run)}"
          for run in biting if run.at_the_end and not run.rightly(run.at_the_end)),
    ]  # fmt: skip


def _missing(cases: Sequence[Case]) -> list[str]:
    kinds = Counter("faulty" if case.faulty else "sound" for case in cases)
    counts = " and ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    return [f"**Not complete**: {counts} runs are not trained yet.", ""]


def _goals(biting: Sequence[Scored], sound: Sequence[Scored]) -> list[list[str]]:
    rows = [["", "goal", *WAYS]]
    for what, goal, those, holds in (
        ("faults found", "≥ 95 %", biting, lambda run, names: bool(names)),
        ("first name right, of all", "≥ 85 %", biting, lambda run, names: run.rightly(names)),
        ("a right name among them", "", biting, lambda run, names: run.among(names)),
        ("sound runs alarmed", "≤ 2 %", sound, lambda run, names: bool(names)),
    ):
        cells = [of(holds(run, names(run)) for run in those) for names in WAYS.values()]
        rows.append([what, goal, *cells])
    return rows


def _smallest(biting: Sequence[Scored]) -> str:
    classes = sorted({run.case.accepted[0] for run in biting})
    shares = {}
    for name in classes:
        those = [run for run in biting if run.case.accepted[0] == name]
        shares[name] = sum(bool(run.at_the_end) for run in those) / len(those)
    if not shares:
        return "none"
    least = min(shares, key=lambda name: shares[name])
    return f"{shares[least]:.1%} of {least} found at the end"


def _delays(biting: Sequence[Scored]) -> list[str]:
    first = [run.told[0] for run in biting if run.told]
    if not first:
        return []

    def spread(values: list[float]) -> str:
        middle, most = np.quantile(values, (0.5, 0.9))
        return f"{middle:.1%} (median), {most:.1%} (nine of ten), {max(values):.1%} (latest)"

    return [
        "Delay as a share of the budget, of faults found on the way. They are there from the first "
        "step on: the first finding comes at "
        f"{spread([told.at for told in first])}. After what it says is its own beginning: "
        f"{spread([told.delay for told in first])}."
    ]


def _beside(biting: Sequence[Scored], sound: Sequence[Scored]) -> list[list[str]]:
    rules: dict[str, Names] = {f"the doctor, {way}": names for way, names in WAYS.items()}
    rules |= {name: lambda run, name=name: run.naive[name] for name in BASELINES}  # type: ignore[misc]
    rows = [["", "faults found", "first name right", "sound runs alarmed"]]
    for name, names in rules.items():
        found = of(bool(names(run)) for run in biting)
        right = of(run.rightly(names(run)) for run in biting)
        rows.append([name, found, right, of(bool(names(run)) for run in sound)])
    return rows


def _by(runs: Sequence[Scored], what: str, key: Callable[[Scored], str]) -> list[list[str]]:
    rows = [[what, "bite", "found at the end", "on the way", "first name right at the end"]]
    for name in sorted({key(run) for run in runs}):
        those = [run for run in runs if key(run) == name]
        rows.append([
            name, f"{len(those)}", of(bool(run.at_the_end) for run in those),
            f"{sum(bool(run.on_the_way) for run in those)}",
            of(run.rightly(run.at_the_end) for run in those),
        ])  # fmt: skip
    return rows


def _alarms(sound: Sequence[Scored], what: str, key: Callable[[Scored], str]) -> list[list[str]]:
    rows = [[what, "sound", "alarmed on the way", "by"]]
    for name in dict.fromkeys(key(run) for run in sound):
        those = [run for run in sound if key(run) == name]
        checks = Counter(check for run in those for check in run.on_the_way)
        by = ", ".join(f"{check} {n}" for check, n in checks.most_common())
        rows.append([name, f"{len(those)}", of(bool(run.on_the_way) for run in those), by])
    return rows


def _confusion(biting: Sequence[Scored]) -> list[list[str]]:
    counts = Counter((run.case.accepted[0], (run.at_the_end or [NOTHING])[0]) for run in biting)
    classes = sorted({row for row, _ in counts})
    called = [*classes, *sorted({name for _, name in counts} - {*classes, NOTHING}), NOTHING]
    body = [[row, *(f"{counts[row, name] or ''}" for name in called)] for row in classes]
    return [["", *called], *body]


def _short(run: Scored) -> str:
    return run.run.case.name.removeprefix(f"{run.case.group}-")


def _off(run: Scored) -> str:
    return f", {run.run.distance:.3g} off where sound runs end within {run.limit:.3g}"


def _said(run: Scored) -> str:
    told = ", ".join(f"{told.finding.check} at {told.at:.0%}" for told in run.told) or "nothing"
    return f"{told}; at the end {', '.join(run.at_the_end) or 'nothing'}"


def main(given: argparse.Namespace) -> None:
    runs, missing = read(given.folder, of_group(given.group))
    scored = examine(runs)
    if given.each:
        for run in scored:
            mark = ("bites" if run.bites else "idle") if run.case.faulty else "sound"
            print(f"{_short(run):64} {mark:6} {run.run.distance:9.3g} {_said(run)}")
    title = {
        "test": "The doctor on its test runs",
        "fresh": "The doctor on its fresh runs",
        "unseen": "The doctor on runs that its rules were not seen on",
        "development": "The doctor on the runs that its rules were seen on: no score",
    }[given.group]
    content = page(scored, missing)
    if given.write is None:
        print("\n".join(content))
    else:
        report.write_to(given.write, "doctor/score", title, content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--group", choices=GROUPS, required=True)
    parser.add_argument("--each", action="store_true", help="print every run")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the page goes")
    main(parser.parse_args())
