"""The arithmetic of the doctor's score, on runs made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadygan.diagnosis import Finding, Status
from steadygan.history import History
from steadygan.record import Row

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "doctor"


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are scripts: their folder is where they find each other."""
    monkeypatch.syspath_prepend(str(BENCHMARK))


def case(cause: str, on: str = "8-ring", start: str = "wgan-gp", seed: int = 0) -> Any:
    from cases import Case

    return Case("development", cause, on, start, 1.0, seed)


def run(of: Any, distance: float, status: str = "finished") -> Any:
    from truth import Run

    return Run(of, Path(), status, distance, {})


def scored(
    cause: str,
    *,
    bites: bool = True,
    told: Sequence[tuple[str, float]] = (),
    end: Sequence[str] = (),
    naive: Sequence[str] = (),
) -> Any:
    from baselines import BASELINES
    from score import Scored, Told

    def finding(name: str) -> Finding:
        return Finding(name, Status.ERROR, "seen")

    return Scored(
        run(case(cause), 2.0), bites, 1.0,
        [Told(finding(name), at, 0.1) for name, at in told],
        [finding(name) for name in end], dict.fromkeys(BASELINES, naive), (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    # Of none and of all there is a closed form, by 0.025^(1/n); the other is from tables.
    [(0, 10, (0.0, 1 - 0.025**0.1)), (10, 10, (0.025**0.1, 1.0)), (5, 10, (0.18709, 0.81291))],
)
def test_bounds_of_a_share_are_exact(hits: int, n: int, expected: tuple[float, float]) -> None:
    from shares import bounds, share

    assert bounds(hits, n) == pytest.approx(expected, abs=1e-5)
    assert share(hits, n).startswith(f"{hits} of {n} = ")


def test_a_share_of_nothing_is_none() -> None:
    from shares import of

    assert of([]) == "none"
    assert of([True, False]).startswith("1 of 2 = 50.0% (")


def test_a_fault_bites_beyond_the_worst_matched_sound_run() -> None:
    from truth import Limits

    sound = [
        run(case("as it is"), 2.0), run(case("no average"), 3.0),
        run(case("as it is", start="hinge"), 5.0),
        run(case("small batches"), 9.0, "non_finite"),
        run(case("as it is", on="digits"), 20.0),
    ]  # fmt: skip
    limits = Limits([*sound, run(case("momentum"), 100.0)])
    assert limits(case("momentum")) == 3.0
    assert limits(case("momentum", start="nsgan")) == 5.0  # no sound run starts from it
    assert np.isnan(limits(case("momentum", on="adult")))
    assert limits.keeps(run(case("momentum"), 3.0))
    assert not limits.keeps(run(case("momentum"), 3.1))
    assert limits.keeps(run(case("momentum"), 3.1), slack=1.1)
    assert not limits.keeps(run(case("momentum"), 1.0, "non_finite"))
    assert not limits.keeps(run(case("momentum"), float("inf")))


def test_runs_that_are_not_trained_are_said(tmp_path: Path) -> None:
    from truth import read

    cases = [case("momentum", seed=seed) for seed in range(3)]
    for each, status in zip(cases, ("finished", "refused: no such thing"), strict=False):
        (tmp_path / each.name).mkdir()
        about = {"status": status, "truth": {"distance": 1.5}}
        (tmp_path / each.name / "oracle.json").write_text(json.dumps(about))
    runs, missing = read(tmp_path, cases)
    assert [(each.case, each.distance) for each in runs] == [(cases[0], 1.5)]
    assert missing == cases[1:]


def test_what_is_said_on_the_way_stands_though_it_is_gone_at_the_end() -> None:
    from score import listen

    steps = 100
    # No update moves the generator at three probes in a row; from then on they do.
    rows = [
        Row("probe", step, 0.0, {
            "probe.movement.generator": 0.0 if step <= 50 else 1e-3,
            "probe.movement.critic": 1e-3,
        })
        for step in range(10, steps + 1, 10)
    ]  # fmt: skip
    told, end = listen(History(rows), {"training": {"steps": steps}})
    assert [each.finding.check for each in told] == ["nothing_learns"]
    since = told[0].finding.since
    assert since is not None
    assert told[0].at <= 0.5
    assert told[0].delay == pytest.approx(told[0].at - since / steps)
    assert told[0].delay > 0
    assert end == []


def test_shares_count_every_run_once() -> None:
    from score import _beside, _confusion, _goals, _smallest

    biting = [
        scored("momentum", told=[("oscillation", 0.3)], end=["oscillation"]),
        scored("momentum", told=[("lipschitz", 0.3), ("divergence", 0.4)],
               end=["lipschitz", "divergence"], naive=["divergence"]),
        scored("detached", told=[("nothing_learns", 0.5)]),
        scored("detached"),
    ]  # fmt: skip
    sound = [scored("as it is", told=[("mode_collapse", 0.3)], naive=["divergence"])]
    sound += [scored("as it is")] * 3
    _, *rows = _goals(biting, sound)
    counts = [[cell.split(" = ")[0] for cell in row[2:]] for row in rows]
    assert counts == [
        ["2 of 4", "3 of 4"],  # found
        ["1 of 4", "2 of 4"],  # rightly named first
        ["2 of 4", "3 of 4"],  # rightly named among others
        ["0 of 4", "1 of 4"],  # sound, and alarmed
    ]
    assert _smallest(biting) == "0.0% of nothing_learns found at the end"
    assert _confusion(biting) == [
        ["", "nothing_learns", "oscillation", "lipschitz", "(nothing)"],
        ["nothing_learns", "", "", "", "2"],
        ["oscillation", "", "1", "1", ""],
    ]
    _, *rules = _beside(biting, sound)
    for row in rules[2:]:
        assert [cell.split(" = ")[0] for cell in row[1:]] == ["1 of 4", "1 of 4", "1 of 4"]


def test_the_page_names_what_went_wrong() -> None:
    from score import page

    alarmed = scored("as it is", told=[("mode_collapse", 0.3)])
    missed = scored("detached")
    idle = scored("momentum", bites=False, end=["oscillation"])
    text = "\n".join(page([alarmed, missed, idle], [case("momentum", seed=7)]))
    assert "3 runs: 2 faulty, of which 1 bite by the oracle and 1 do not, and 1 sound" in text
    assert "**Not complete**: 1 faulty runs" in text
    assert f"- missed at the end: {missed.case.name.removeprefix('development-')}" in text
    assert f"- alarmed: {alarmed.case.name.removeprefix('development-')}: mode_collapse at" in text


def printed(**changes: Any) -> Any:
    from baselines import Printed

    fine = Printed(
        np.full(20, -0.5), np.full(20, 0.2), (np.ones(20), np.ones(20)),
        refused=False, wasserstein=True, finished=True,
    )  # fmt: skip
    return replace(fine, **changes)


def last_rows(value: float, n: int) -> np.ndarray:
    return np.array([-0.5] * (20 - n) + [value] * n)


@pytest.mark.parametrize(
    ("rule", "changes", "expected"),
    [
        ("not_a_number", {}, []),
        ("not_a_number", {"refused": True}, ["divergence"]),
        ("not_a_number", {"finished": False}, ["divergence"]),
        ("not_a_number", {"generator": last_rows(np.nan, 1)}, ["divergence"]),
        ("thresholds", {}, []),
        ("thresholds", {"critic": last_rows(-2e3, 3)}, ["exploding_gradients"]),
        ("thresholds", {"critic": last_rows(-2e3, 2)}, []),
        ("thresholds", {"critic": last_rows(1e-3, 3)}, ["critic_too_strong"]),
        ("thresholds", {"gradients": (last_rows(200.0, 3),)}, ["exploding_gradients"]),
        ("signs", {}, []),
        ("signs", {"critic": last_rows(0.1, 3)}, ["critic_too_weak"]),
        ("signs", {"wasserstein": False}, ["critic_too_strong"]),
        ("signs", {"wasserstein": False, "critic": np.ones(20)}, []),
        ("losses_alone", {"critic": np.linspace(-0.5, -0.6, 20)}, ["nothing_learns"]),
    ],
)
def test_naive_rules_say_what_they_are_for(
    rule: str, changes: dict[str, Any], expected: list[str]
) -> None:
    import baselines

    assert getattr(baselines, rule)(printed(**changes)) == expected
