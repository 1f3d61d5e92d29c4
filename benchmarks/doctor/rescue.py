"""Train faulty runs of the doctor's again, treated by it and in blind arms, and tabulate.

    python benchmarks/doctor/runs.py RUNS --group test                # first, to its end
    python benchmarks/doctor/rescue.py RUNS FOLDER train --group test --share I/N
    python benchmarks/doctor/rescue.py RUNS FOLDER harm --group test --share I/N
    python benchmarks/doctor/rescue.py RUNS FOLDER table --group test \\
        --write benchmarks/results/doctor/rescue.md

``train`` and ``harm`` resume, one process for each I below N; each run becomes FOLDER/ARM/NAME.
``--steps`` tries them with another budget.

A third of the faults is taken, every third case of the group, which is every cause once. Arms, all
with the same budget in steps: ``doctor`` is ``--auto-remedy``; ``nothing`` is the run of RUNS;
``seed`` another seed; ``half`` both learning rates halved; ``rollback`` goes back to the last
checkpoint from before a finding, with the same settings; ``random`` answers a finding with a
remedy drawn from all but the indicated one; ``preset`` trains the preset ``wgan-gp`` in place of
everything but the data and the size of networks and batches. Those that need a finding treat when
the doctor would. A run that is given up is not rescued, whatever the arm.

Judged by the oracle alone: a run is good if it finished within ``SLACK`` times the worst of the
sound runs on the same substrate from the same base (any base, where that has none). Counted are
faults that bite, so measured, and that a setting can mend (``arms.BEYOND`` lists the others, fixed
before any test run was rescued). Some remedies, and the preset, put a new piece in the place of the
one that was planted: those rescues are counted apart too.

Harm: ``--auto-remedy`` changes no bit of a run in which it finds nothing to treat, which is a test
of its own. So ``harm`` replays the sound runs and trains only those in which a treatment would
begin.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # beside which report lies

import report
from arms import ARMS, BEYOND, treating
from cases import GROUPS, Case
from runs import data_of, truth_of
from shares import of, share
from substrates import Substrate
from truth import Limits, Run, of_group, read

from steadygan import SampleSpec, app
from steadygan.data import DataOptions
from steadygan.diagnosis import Doctor, names
from steadygan.errors import SteadyganError
from steadygan.history import History, RunFiles
from steadygan.recipes import to_json
from steadygan.record import Row
from steadygan.treatment import Treatment

SLACK = 1.1
WORSE = 1.25  # times the distance that the same sound run has left alone: harm


def chosen(group: str) -> list[Case]:
    """A third of the faults, every cause once."""
    return [case for case in of_group(group) if case.faulty][::3]


# Training.


def carry_out(case: Case, arm: str, folder: Path, steps: int | None = None) -> None:
    """Train a case in an arm and write what is true of it."""
    root = folder / arm / case.name
    if (root / "oracle.json").exists():
        return
    if root.exists():
        shutil.rmtree(root)  # of an earlier time that was cut off
    began = time.monotonic()
    first = case.substrate.load(DataOptions())
    recipe = ARMS[arm].recipe(case, case.recipe(first.spec), first.spec)
    if steps is not None:
        every = max(1, steps // 20)
        limits = replace(recipe.training, steps=steps, probe_every=every, checkpoint_every=every)
        recipe = replace(recipe, training=limits)
    data = data_of(case, recipe, first)
    policy = ARMS[arm].policy
    with nullcontext() if policy is None else treating(policy(case)):
        run = app.train(data, recipe, out=root, auto_remedy=policy is not None, allow=list(names()))
    truth = truth_of(run, data)
    events = [row.values for row in run.history.rows if row.values.get("event") == "remedy"]
    about = {
        "arm": arm, "status": run.status,
        "remedies": [f"{event['remedy']} for {event['finding']}" for event in events],
        "replaced": sorted(planted(to_json(recipe)) - planted(to_json(run.recipe))),
        "seconds": round(time.monotonic() - began, 1), "truth": truth,
    }  # fmt: skip
    for kind in ("checkpoints", "remedies"):
        shutil.rmtree(root / kind, ignore_errors=True)
    (root / "oracle.json").write_text(json.dumps(about, indent=1) + "\n")
    said = f"{arm} {case.name}: {run.status}, {truth}, {about['remedies']}"
    print(said, file=sys.stderr, flush=True)


def carry_out_all(jobs: Sequence[tuple[Case, str]], given: argparse.Namespace) -> None:
    part, parts = map(int, given.share.split("/"))
    failed = []
    for case, arm in jobs[part::parts]:
        try:
            carry_out(case, arm, given.folder, given.steps)
        except SteadyganError as error:  # a fault of this benchmark: the others go on
            failed.append(f"{arm} {case.name}: {error}")
            print(f"FAILED {failed[-1]}", file=sys.stderr, flush=True)
    if failed:
        raise SystemExit("\n".join(["these were not trained:", *failed]))


def planted(part: Any) -> set[str]:
    """The classes of this benchmark in a part of a recipe's JSON."""
    if isinstance(part, list):
        return set().union(*map(planted, part))
    if not isinstance(part, Mapping):
        return set()
    name = str(part.get("class", "")).rpartition(":")
    return set().union(*map(planted, part.values())) | ({name[2]} if name[0] == "faults" else set())


def would_treat(run: Run) -> bool:
    """Whether ``--auto-remedy`` would have begun to treat a run that was left alone."""
    if not run.finished:
        return True
    spec = _spec(run.case.substrate)
    recipe = run.case.recipe(spec)
    doctor = Doctor(to_json(recipe))
    treatment = Treatment(RunFiles(run.folder), recipe, spec, [], _not_rebuilt)
    for row in History.read(run.folder / "history.jsonl").rows:
        doctor(row)
        if row.kind != "probe":
            continue
        new = doctor.found()
        state = SimpleNamespace(step=row.step, stop=None)
        treatment.consider(doctor.present, state, row.step / recipe.training.steps)  # type: ignore
        if state.stop is not None:
            return True
        for finding in new:
            treatment(Row("finding", row.step, row.seconds, finding))
    return False


@cache
def _spec(substrate: Substrate) -> SampleSpec:
    return substrate.load(DataOptions()).spec


def _not_rebuilt(recipe: object) -> Any:
    raise AssertionError("a replay carries nothing out")


def left_alone(given: argparse.Namespace) -> tuple[list[Run], Limits]:
    """The runs of RUNS, and what they say is good."""
    runs, missing = read(given.runs, of_group(given.group))
    if missing:
        raise SystemExit(
            f"{len(missing)} runs of {given.group} are not trained in {given.runs}, among them "
            f"{missing[0].name}: run runs.py first."
        )
    return runs, Limits(runs)


def arms_for(run: Run, limits: Limits) -> set[str]:
    """Beside ``nothing``: all where a rescue counts; what no setting mends only the doctor sees."""
    if run.case.cause in BEYOND:
        return {"doctor"}
    return set() if limits.keeps(run, SLACK) else set(ARMS) - {"nothing"}


def train(given: argparse.Namespace) -> None:
    runs, limits = left_alone(given)
    cases = chosen(given.group)
    jobs = []
    for run in (run for run in runs if run.case in cases):
        if all(word not in run.case.name for word in given.only or [""]):
            continue
        wanted = arms_for(run, limits)
        jobs += [(run.case, arm) for arm in given.arms if arm in wanted]
    carry_out_all(jobs, given)


def harm(given: argparse.Namespace) -> None:
    runs, _ = left_alone(given)
    touched = [run.case for run in runs if not run.case.faulty and would_treat(run)]
    print(f"{len(touched)} sound runs would be treated", file=sys.stderr)
    carry_out_all([(case, "doctor") for case in touched], given)


# The table.


@dataclass(frozen=True)
class Rescue:
    """A faulty run in all arms.

    Attributes:
        alone: without any treatment.
        arms: by name, ``nothing`` among them; those that were trained.
        limit: the distance that is good, with slack.
    """

    alone: Run
    arms: Mapping[str, Run]
    limit: float

    def good(self, arm: str) -> bool:
        run = self.arms[arm]
        return run.finished and run.distance <= self.limit


def difference(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, float, float]:
    """How much larger the first share is than the second, over the same runs, and its 95 % bounds
    (Bonett & Price 2012, adjusted Wald interval for paired proportions)."""
    n = len(first)
    only = [sum(a and not b for a, b in zip(x, y, strict=True))
            for x, y in ((first, second), (second, first))]  # fmt: skip
    gain, loss = ((each + 1) / (n + 2) for each in only)
    half = 1.959964 * math.sqrt((gain + loss - (gain - loss) ** 2) / (n + 2))
    middle = gain - loss
    return (only[0] - only[1]) / n, max(-1.0, middle - half), min(1.0, middle + half)


def page(
    rescues: Sequence[Rescue], sound: Sequence[tuple[Run, Run | None]], absent: int
) -> list[str]:
    """The result in Markdown.

    Args:
        rescues: all that were chosen.
        sound: runs left alone, each with the treated one where a treatment would begin.
        absent: runs that are not trained yet.
    """
    mendable = [each for each in rescues if each.alone.case.cause not in BEYOND]
    beyond = [each for each in rescues if each.alone.case.cause in BEYOND]
    bite = [each for each in mendable if not each.good("nothing")]
    whole = [each for each in bite if set(each.arms) == set(ARMS)]
    return [
        f"{len(rescues)} of the faulty runs, every cause once: {len(beyond)} that no setting "
        f"mends, {len(mendable) - len(bite)} that do not bite, {len(bite)} that count. Good is an "
        f"end within {SLACK} times the worst matched sound run's distance, by the oracle; a run "
        "that is given up is not. Brackets hold 95 % bounds: exact for shares (Clopper and "
        "Pearson), Bonett and Price's for paired differences.",
        "",
        *([f"**Not complete**: {absent} runs are not trained yet.", ""] if absent else ()),
        "## Arms",
        "",
        *report.table(_arms(whole)),
        "",
        *_headline(whole),
        "",
        "## By class",
        "",
        *report.table(_by_class(whole)),
        "",
        "## Harm",
        "",
        *_harm(sound),
        "",
        "## Each run",
        "",
        "Distances; good ones are bold.",
        "",
        *report.table(_each(bite)),
        "",
        "## Faults that no setting mends",
        "",
        *report.table(_beyond(beyond)),
    ]


def _arms(whole: Sequence[Rescue]) -> list[list[str]]:
    rows = [["arm", "goal", "rescued", "of those with the planted piece replaced", "time"]]
    for arm in ARMS:
        good = [each for each in whole if each.good(arm)]
        times = [_seconds(each.arms[arm]) / _seconds(each.alone) for each in whole]
        replaced = sum(bool(each.arms[arm].about.get("replaced")) for each in good)
        rows.append([
            arm, "≥ 90 %" if arm == "doctor" else "", share(len(good), len(whole)),
            f"{len(good) if arm == 'preset' else replaced}",
            f"{np.median(times):.2f} times" if times else "",
        ])  # fmt: skip
    return rows


def _seconds(run: Run) -> float:
    return max(0.1, float(run.about["seconds"]))


def _headline(whole: Sequence[Rescue]) -> list[str]:
    if not whole:
        return []
    good = {arm: [each.good(arm) for each in whole] for arm in ARMS}
    lines = []
    for what, arms in (
        ("blind arm that keeps the recipe", [a for a in ARMS if a != "doctor" and ARMS[a].keeps]),
        ("blind arm of all", [a for a in ARMS if a != "doctor"]),
    ):
        best = max(arms, key=lambda arm: sum(good[arm]))
        points = [f"{100 * each:+.0f}" for each in difference(good["doctor"], good[best])]
        lines.append(
            f"- The doctor less the best {what} (`{best}`): {points[0]} points "
            f"({points[1]} to {points[2]}); goal ≥ 40."
        )
    return [
        *lines,
        "- Time is the median of wall seconds beside the same run left alone, on a machine that "
        "did other work meanwhile: what is treated may update its critic more often.",
    ]


def _by_class(whole: Sequence[Rescue]) -> list[list[str]]:
    rows = [["class", "runs", "doctor", *(arm for arm in ARMS if arm != "doctor")]]
    for name in sorted({each.alone.case.accepted[0] for each in whole}):
        those = [each for each in whole if each.alone.case.accepted[0] == name]
        counts = [f"{sum(e.good(arm) for e in those)}" for arm in ARMS if arm != "doctor"]
        rows.append([name, f"{len(those)}", of(e.good("doctor") for e in those), *counts])
    return rows


def _harm(sound: Sequence[tuple[Run, Run | None]]) -> list[str]:
    touched = [(alone, treated) for alone, treated in sound if treated is not None]
    worse = [(alone, treated) for alone, treated in touched if _is_worse(alone, treated)]
    lines = [
        f"Of {len(sound)} sound runs the doctor would treat "
        f"{of(treated is not None for _, treated in sound)}, and leaves the others as they are, "
        f"bit by bit. Worse for it: {share(len(worse), len(sound))}; goal < 2 %. Worse is more "
        f"than {WORSE} times the distance that the same run has left alone, or given up.",
        "",
    ]
    for alone, treated in touched:
        end = "" if treated.finished else f", {treated.status}"
        lines.append(
            f"- treated: {_short(alone.case)}: {alone.distance:.3g} alone, "
            f"{treated.distance:.3g} treated{end}: {'; '.join(treated.about['remedies'])}"
        )
    return lines


def _is_worse(alone: Run, treated: Run) -> bool:
    return not treated.finished or treated.distance > WORSE * alone.distance


def _each(bite: Sequence[Rescue]) -> list[list[str]]:
    rows = [["run", "good within", *ARMS, "remedies of the doctor"]]
    for each in bite:
        treated = each.arms.get("doctor")
        remedies = list(treated.about["remedies"]) if treated else []
        if treated and treated.about["replaced"]:
            remedies.append(f"replaced {', '.join(treated.about['replaced'])}")
        cells = [_cell(each, arm) for arm in ARMS]
        rows.append([_short(each.alone.case), f"{each.limit:.3g}", *cells, "; ".join(remedies)])
    return rows


def _cell(rescue: Rescue, arm: str) -> str:
    if arm not in rescue.arms:
        return ""
    run = rescue.arms[arm]
    text = f"{run.distance:.3g}" + ("" if run.finished else f" ({run.status})")
    return f"**{text}**" if rescue.good(arm) else text


def _beyond(beyond: Sequence[Rescue]) -> list[list[str]]:
    rows = [["run", "good within", "nothing", "doctor", "remedies"]]
    for each in beyond:
        treated = each.arms.get("doctor")
        remedies = "; ".join(treated.about["remedies"]) if treated else ""
        cells = [_cell(each, arm) for arm in ("nothing", "doctor")]
        rows.append([_short(each.alone.case), f"{each.limit:.3g}", *cells, remedies])
    return rows


def _short(case: Case) -> str:
    return case.name.removeprefix(f"{case.group}-")


def table(given: argparse.Namespace) -> None:
    runs, limits = left_alone(given)
    cases = chosen(given.group)
    trained = {arm: _by_case(read(given.folder / arm, of_group(given.group))[0]) for arm in ARMS}
    rescues, absent = [], 0
    for alone in (run for run in runs if run.case in cases):
        arms = {arm: found[alone.case] for arm, found in trained.items() if alone.case in found}
        arms["nothing"] = alone
        absent += len(arms_for(alone, limits) - set(arms))
        rescues.append(Rescue(alone, arms, SLACK * limits(alone.case)))
    sound: list[tuple[Run, Run | None]] = []
    for alone in (run for run in runs if not run.case.faulty):
        treated = trained["doctor"].get(alone.case)
        if treated is None and would_treat(alone):
            absent += 1
        sound.append((alone, treated))
    content = page(rescues, sound, absent)
    if given.write is None:
        print("\n".join(content))
    else:
        title = f"What the doctor saves, and what it harms, on {given.group} runs"
        report.write_to(given.write, "doctor/rescue", title, content)


def _by_case(runs: Iterable[Run]) -> dict[Case, Run]:
    return {run.case: run for run in runs}


ACTIONS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "train": train,
    "harm": harm,
    "table": table,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", type=Path, help="where runs.py put its runs")
    parser.add_argument("folder", type=Path)
    parser.add_argument("action", choices=tuple(ACTIONS))
    parser.add_argument("--group", choices=GROUPS, required=True)
    parser.add_argument("--only", nargs="*", metavar="WORD")
    parser.add_argument("--arms", nargs="*", choices=tuple(ARMS), default=tuple(ARMS))
    parser.add_argument("--share", default="0/1", metavar="I/N")
    parser.add_argument("--steps", type=int, help="another budget, to try it out")
    parser.add_argument("--write", type=Path, metavar="FILE")
    torch.set_num_threads(1)
    asked = parser.parse_args()
    ACTIONS[asked.action](asked)
