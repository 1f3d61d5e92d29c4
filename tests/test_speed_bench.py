"""The speed benchmarks' own machinery: peers' code taken from scripts, turns, counts and fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from steadygan.interfaces import Samples

SPEED = Path(__file__).parent.parent / "benchmarks" / "speed"


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are scripts: their folder is where they find each other."""
    monkeypatch.syspath_prepend(str(SPEED))


# What a peer's script is like: it trains on import, with what is not there, in Python 2.
SCRIPT = """
import tflib
data = tflib.load()
RATE = 3

def penalty(x, size):
    print "penalty of", x
    return x / size

for epoch in xrange(2):
    for i, batch in enumerate(data):
        if i % 2:
            print 'done'
        total.append(RATE * penalty(batch, 2) + draw(BATCH, 2))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_a_peers_step_runs_without_its_script(script: Path) -> None:
    from peer_code import Script, floor_division, with_argument

    peer = Script(script, python2=True)
    names = {"data": [5, 7], "total": [], "BATCH": 10, "draw": lambda batch, latent: latent}
    penalty = floor_division(peer.function("penalty"))
    peer.run([peer.assignment("RATE"), penalty], names)
    loop = with_argument(peer.loop("(i, batch)", "enumerate(data)"), "draw", 1, 2, 100)
    peer.run([loop], names)
    assert names["total"] == [3 * 2 + 100, 3 * 3 + 100]
    assert "tflib" not in names


def test_a_peer_that_is_not_what_it_was_is_said(script: Path) -> None:
    from peer_code import PeerError, Script

    with pytest.raises(PeerError, match=r"script\.py"):
        Script(script)  # no Python 3
    peer = Script(script, python2=True)
    for missing in (peer.function, peer.assignment, lambda name: peer.loop(name, "data")):
        with pytest.raises(PeerError, match=r"script\.py .*gone"):
            missing("gone")
    with pytest.raises(PeerError, match=r"nowhere\.py"):
        Script(script.parent / "nowhere.py")


def test_everyone_takes_turns_and_another_one_begins_each_round() -> None:
    from alternation import alternate, ratios, with_spread

    calls: list[str] = []

    class Timed:
        def __init__(self, name: str, seconds: float) -> None:
            self.name, self.each = name, seconds

        def seconds(self, iterations: int) -> float:
            calls.append(self.name)
            return self.each * iterations

    runs = {"a": Timed("a", 1.0), "b": Timed("b", 4.0), "c": Timed("c", 2.0)}
    times = alternate(runs, rounds=3, iterations=5)
    assert "".join(calls) == "abcbcacab"
    assert times == {"a": [1.0] * 3, "b": [4.0] * 3, "c": [2.0] * 3}
    assert ratios(times, "b", "c") == [2.0] * 3
    assert with_spread([3.0, 1.0, 2.0]) == "2.00 (1.00 to 3.00)"


def small() -> Any:
    from settings import Setting

    return Setting("small", "small", (4,), 3, batch=8, per_round=1, hidden=(6, 6))


def test_a_setting_reaches_a_process_as_it_is() -> None:
    from settings import SETTINGS, Setting

    for setting in SETTINGS:
        assert Setting.from_json(setting.to_json()) == setting


@pytest.mark.parametrize("module", ["ours", "ours_shared", "eager"])
def test_a_worker_makes_the_iterations_that_it_is_asked_for(module: str) -> None:
    from alternation import Worker
    from contestants import Contestant

    options = {"processes": 2} if module == "ours_shared" else {"precision": "bfloat16"}
    worker = Worker(Contestant(module, options), small(), None, threads=1)
    try:
        assert worker.seconds(3) > 0
        assert worker.updates == (15, 3)
        generator = (3 + 1) * 6 + (6 + 1) * 6 + (6 + 1) * 4
        critic = (4 + 1) * 6 + (6 + 1) * 6 + (6 + 1) * 1
        assert worker.parameters == (generator, critic)
        assert 0 < worker.before <= worker.peak
    finally:
        worker.close()


def test_a_peer_that_is_missing_or_fails_gives_its_reason(tmp_path: Path) -> None:
    from alternation import Worker, WorkerError
    from contestants import CONTESTANTS

    peer = CONTESTANTS["caogang"]
    with pytest.raises(WorkerError, match="no folder caogang"):
        Worker(peer, small(), tmp_path, threads=1)
    (tmp_path / "caogang").mkdir()
    with pytest.raises(WorkerError, match=r"PeerError: gan_toy\.py"):
        Worker(peer, small(), tmp_path, threads=1)


def test_the_textbook_loop_has_the_penalty_of_the_paper() -> None:
    from contestants import eager

    critic = torch.nn.Linear(5, 1).double()
    batches = torch.rand(2, 6, 5, dtype=torch.float64)
    expected = (critic.weight.norm() - 1).square()
    assert torch.allclose(eager.gradient_penalty(critic, *batches), expected)


def test_operations_counted_by_torch_are_those_by_hand() -> None:
    import rates
    from settings import dcgan

    for setting in (small(), dcgan(16, 4, 2)):
        found = rates.by_hand(setting)
        assert rates.counted(setting) == found.eager
        assert found.needed < found.eager


def test_a_power_is_found_and_what_breaks_first_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import memory
    import scaling

    assert scaling.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert scaling.reached(4, 48, 2, 4_800) == pytest.approx(40)
    assert scaling.reached(4, 48, 0, 4_800) == float("inf")
    points = [scaling.Point(10, 0.432, 100), scaling.Point(20, 0.864, 400)]
    growth = scaling.powers(points)
    assert growth == {"time": pytest.approx(1), "memory": pytest.approx(2)}
    monkeypatch.setattr(memory, "of_machine", lambda: 2_600)
    assert scaling.ends(points[-1], 1_000, growth) == ("memory", pytest.approx(40))
    monkeypatch.setattr(memory, "of_machine", lambda: 10**9)
    assert scaling.ends(points[-1], 1_000, growth) == ("time", pytest.approx(100))


def test_the_pipeline_is_timed_apart_from_the_bare_step() -> None:
    import pipeline

    now = 0.0

    def updates(state: object, next_real: object, progress: float) -> dict[str, list[object]]:
        nonlocal now
        next_real()  # type: ignore[operator]
        now += 1.0
        return {}

    turns = pipeline.Turns(updates, turn=4, clock=lambda: now)
    for _ in range(2 * 8 + 1):
        turns(None, lambda: Samples(torch.zeros(1)), 0.0)
        now += 0.25  # what a trainer does between the calls
    assert turns.bare == [4.0] * 4
    assert turns.with_pipeline == [5.0] * 4
    assert turns.intervals(2) == [(10.0, 8.0)] * 2
    assert turns.median() == 1.25
