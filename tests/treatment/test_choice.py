"""Which remedy is due, and when: the choice, without a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from steadygan.diagnosis import Finding
from steadygan.diagnosis import Status as Level
from steadygan.diagnosis.doctor import since_last_remedy
from steadygan.history import RunFiles
from steadygan.interfaces import SampleSpec
from steadygan.recipes import Recipe, to_json
from steadygan.record import Row
from steadygan.run import write_json
from steadygan.training import SGD, CheckpointStore, Status, Stop, step_of
from steadygan.treatment import REMEDIES, Treatment, last_sound
from steadygan.treatment.treatment import Policy

POINTS = SampleSpec((2,), None, None)
BUDGET = 1_000
ILL = Recipe(penalty=(), generator_optimiser=SGD(lr=30.0))


@dataclass
class State:
    """What the choice looks at."""

    step: int
    stop: Stop | None = None


def error(check: str, status: Level = Level.ERROR) -> Finding:
    return Finding(check, status, "seen", try_next="do this")


def found(check: str, step: int) -> Row:
    return Row("finding", step, 0.0, error(check).to_json())


def remedy(number: int, check: str, name: str, step: int, base: int) -> Row:
    values = {"event": "remedy", "number": number, "finding": check, "remedy": name, "base": base}
    return Row("event", step, 0.0, values)


def asked(
    folder: Path, rows: list[Row], step: int, *present: Finding, policy: Policy = REMEDIES
) -> tuple[State, Treatment]:
    """The state after the treatment considered what is present."""
    files = RunFiles(folder)
    files.remedies.mkdir(exist_ok=True)
    for number in range(4):
        write_json(files.remedies / f"recipe-{number}.json", to_json(ILL))
    treatment = Treatment(files, ILL, POINTS, rows, lambda recipe: None, policy=policy)  # type: ignore[arg-type,return-value]
    state = State(step)
    treatment.consider(present, state, step / BUDGET)  # type: ignore[arg-type]
    return state, treatment


def due(state: State) -> str | None:
    return state.stop.reason.removesuffix(" is due") if state.stop is not None else None


def test_nothing_found_is_nothing_done(tmp_path: Path) -> None:
    state, _ = asked(tmp_path, [], 400)
    assert state.stop is None


def test_the_first_remedy_of_what_explains_most_is_due(tmp_path: Path) -> None:
    rows = [found("nothing_learns", 400), found("mode_collapse", 400)]
    state, _ = asked(tmp_path, rows, 400, error("nothing_learns"), error("mode_collapse"))
    assert state.stop is not None
    assert state.stop.status is Status.RUNNING
    assert due(state) == REMEDIES["nothing_learns"][0].name


def test_another_policy_has_other_remedies(tmp_path: Path) -> None:
    other = REMEDIES["memorisation"][1:]
    rows = [found("nothing_learns", 400)]
    policy = {"nothing_learns": other}
    state, _ = asked(tmp_path, rows, 400, error("nothing_learns"), policy=policy)
    assert due(state) == other[0].name


def test_what_is_gone_again_is_not_treated(tmp_path: Path) -> None:
    state, _ = asked(tmp_path, [found("nothing_learns", 300)], 400)
    assert state.stop is None


def test_what_a_slow_run_shows_as_well_must_last(tmp_path: Path) -> None:
    rows = [found("mode_collapse", 300)]
    early, _ = asked(tmp_path, rows, 450, error("mode_collapse"))
    late, _ = asked(tmp_path, rows, 710, error("mode_collapse"))
    assert early.stop is None
    assert due(late) == REMEDIES["mode_collapse"][0].name


def test_what_was_gone_in_between_has_not_lasted(tmp_path: Path) -> None:
    rows = [found("mode_collapse", 200), found("reversed_loss", 200)]
    for check, stopped in (("mode_collapse", Status.RUNNING), ("reversed_loss", Status.UNSAVED)):
        for since, stop in ((150, stopped), (550, None)):
            again = replace(error(check), since=since)
            state, _ = asked(tmp_path, rows, 600, again)
            assert (state.stop and state.stop.status) == stop


def test_a_finding_that_comes_back_gets_the_next_remedy(tmp_path: Path) -> None:
    first, second, *_ = REMEDIES["critic_too_strong"]
    rows = [
        found("critic_too_strong", 300),
        remedy(1, "critic_too_strong", first.name, 300, 0),
        found("critic_too_strong", 600),
    ]
    state, _ = asked(tmp_path, rows, 600, error("critic_too_strong", Level.WARNING))
    assert due(state) == second.name


def test_a_refused_update_is_treated_only_when_the_run_is_given_up(tmp_path: Path) -> None:
    rows = [found("divergence", 100)]
    state, treatment = asked(tmp_path, rows, 400, error("divergence"))
    assert state.stop is None
    given_up = State(400, Stop(Status.NON_FINITE, "no number"))
    treatment.consider([error("divergence")], given_up, 0.4)  # type: ignore[arg-type]
    assert due(given_up) == REMEDIES["divergence"][0].name


def test_a_fault_of_the_code_hides_what_follows_from_it_and_ends_the_run(tmp_path: Path) -> None:
    rows = [found("reversed_loss", 200), found("mode_collapse", 200)]
    present = error("reversed_loss"), error("mode_collapse")
    early, _ = asked(tmp_path, rows, 400, *present)
    late, _ = asked(tmp_path, rows, 600, *present)
    assert early.stop is None
    assert late.stop is not None
    assert late.stop.status is Status.UNSAVED
    assert "reversed_loss" in late.stop.reason
    assert "do this" in late.stop.reason


def test_remedies_are_budgeted(tmp_path: Path) -> None:
    rows = [remedy(n, "lipschitz", f"remedy {n}", 100 * n, n - 1) for n in (1, 2, 3)]
    rows.append(found("nothing_learns", 400))
    early, _ = asked(tmp_path, rows, 400, error("nothing_learns"))
    late, _ = asked(tmp_path, rows, 700, error("nothing_learns"))
    assert early.stop is None
    assert late.stop is not None
    assert late.stop.status is Status.UNSAVED
    warned, _ = asked(tmp_path, rows, 700, error("critic_too_strong", Level.WARNING))
    assert warned.stop is None  # a warning is no reason to give a run up


def test_nothing_begins_that_cannot_show_whether_it_helps(tmp_path: Path) -> None:
    state, _ = asked(tmp_path, [found("nothing_learns", 950)], 950, error("nothing_learns"))
    assert state.stop is None


def test_a_run_that_is_already_to_stop_is_let_go(tmp_path: Path) -> None:
    _, treatment = asked(tmp_path, [], 100)
    state = State(400, Stop(Status.INTERRUPTED, "SIGINT"))
    treatment.consider([error("nothing_learns")], state, 0.4)  # type: ignore[arg-type]
    assert state.stop == Stop(Status.INTERRUPTED, "SIGINT")


def test_a_run_goes_back_to_before_the_finding_and_not_to_before_the_last_remedy(
    tmp_path: Path,
) -> None:
    """What a remedy began with is sound as well, as long as it was there before the finding."""
    store = CheckpointStore(tmp_path, keep=9)
    for step in (0, 100, 200, 300):
        (tmp_path / f"step-{step:09d}.safetensors").touch()
    for began, before, at in ((0, 250, 200), (0, 200, 100), (200, 250, 200), (200, 200, None)):
        found = last_sound(store, began, before)
        assert (None if found is None else step_of(found)) == at
    assert last_sound(store, 0, 50) is None  # new weights need no checkpoint


def test_after_a_remedy_rows_count_as_those_of_a_run_of_its_own() -> None:
    rows = [
        Row("record", 290, 0.0, {}),
        remedy(1, "lipschitz", "bounded slope", 300, 0),
        Row("record", 310, 0.0, {}),
    ]
    left, began = since_last_remedy(rows)
    assert began == 300
    assert [row.step for row in left] == [10]
    assert since_last_remedy(rows[:1]) == (rows[:1], 0)
