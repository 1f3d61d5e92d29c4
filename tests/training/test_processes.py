"""Several processes compute what one computes, and end, resume and restart together."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import torch
from sharing import CASES

from steadygan import app, processes
from steadygan.environment import choose_device
from steadygan.errors import UsageError
from steadygan.networks import MLP
from steadygan.objectives import Wasserstein
from steadygan.processes import ALONE, Processes
from steadygan.recipes import Recipe
from steadygan.run import Run
from steadygan.training import load_tensors

T = TypeVar("T")

SCRIPT = Path(__file__).parent / "sharing.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
SMALL = [
    "--set", "architecture=MLP(hidden=(16,))", "--set", "training.batch_size=16",
    "--set", "training.threads=1", "--set", "training.probe_every=0",
    "--set", "training.checkpoint_every=10", "--set", "training.record_every=5",
]  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "STEADYGAN_CACHE": str(folder / "cache")}


def shared(folder: Path, dtype: str, steps: int) -> Path:
    """What one process and each of two got, in files NAME-SIZE-RANK."""
    arguments = [str(SCRIPT), str(folder), dtype, str(steps)]
    for command in ([sys.executable, *arguments], [*TORCHRUN, *arguments]):
        subprocess.run(command, check=True, capture_output=True, env=environment(folder))
    return folder


@pytest.fixture(scope="module")
def in_double(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory.mktemp("double"), "float64", 50)


@pytest.fixture(scope="module")
def in_single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory.mktemp("single"), "float32", 1)


def largest_difference(folder: Path, name: str, rank: int) -> tuple[float, str]:
    """Norm-wise, of all tensors: weights, running statistics, averages, and what was recorded."""
    alone, _ = load_tensors(folder / f"{name}-1-0.safetensors")
    together, _ = load_tensors(folder / f"{name}-2-{rank}.safetensors")
    assert alone.keys() == together.keys()
    if "relativistic" in name:  # no score's level matters: its gradient is rounding, by which Adam
        for tensors in (alone, together):  # steps as if it were more
            del tensors["networks.critic.head.score.bias"]
    return max(
        (float((alone[key].double() - together[key].double()).norm())
         / max(float(alone[key].double().norm()), 1e-12), key)
        for key in alone
        if "relativistic" not in name or not key.startswith("record.")
    )  # fmt: skip


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_in_double_are_those_of_one_process(
    name: str, rank: int, in_double: Path
) -> None:
    difference, where = largest_difference(in_double, name, rank)
    assert difference < 1e-9, where


@pytest.mark.parametrize("name", CASES)
def test_one_step_in_single_is_that_of_one_process_but_for_rounding(
    name: str, in_single: Path
) -> None:
    alone, _ = load_tensors(in_single / f"{name}-1-0.safetensors")
    together, _ = load_tensors(in_single / f"{name}-2-1.safetensors")
    for key, value in alone.items():
        if ".gradient_norms." in key:
            assert float(together[key]) == pytest.approx(float(value), rel=1e-4), key
        elif key.startswith("networks.") and key.endswith("weight"):
            # Adam's first step is lr · g / |g|: where a gradient is rounding, its sign may be, too.
            assert float((together[key] - value).norm() / value.norm()) < 5e-4, key


def test_an_update_that_is_not_finite_for_one_is_refused_by_all(in_double: Path) -> None:
    for name in ("1-0", "2-0", "2-1"):
        found, _ = load_tensors(in_double / f"refused-{name}.safetensors")
        assert bool(found["refused"])
        assert bool(found["same"])


def train(folder: Path, *more: str, torchrun: tuple[str, ...] = ()) -> list[str]:
    return [*TORCHRUN, *torchrun, "-m", "steadygan", "train", "digits", "--out",
            str(folder / "run"), *SMALL, *more]  # fmt: skip


def test_a_run_goes_from_two_processes_to_one_and_back(tmp_path: Path) -> None:
    env = environment(tmp_path)
    first = subprocess.run(train(tmp_path, "--steps", "20"), capture_output=True, text=True,
                           check=True, env=env)  # fmt: skip
    assert first.stdout.count("2 processes of 1 thread") == 1  # one of them speaks
    steadygan = [sys.executable, "-m", "steadygan"]
    resume = ["resume", str(tmp_path / "run"), "--steps"]
    alone = subprocess.run([*steadygan, *resume, "30"], capture_output=True, text=True,
                           check=True, env=env)  # fmt: skip
    assert "note: processes was 2 and is 1" in alone.stdout
    subprocess.run([*TORCHRUN, "-m", "steadygan", *resume, "40"], capture_output=True,
                   check=True, env=env)  # fmt: skip
    # Alone, with the same budgets, which its learning rates go by.
    whole = [*steadygan, "train", "digits", "--out", str(tmp_path / "whole"), *SMALL, "--steps"]
    subprocess.run([*whole, "20"], capture_output=True, check=True, env=env)
    for steps in ("30", "40"):
        again = [*steadygan, "resume", str(tmp_path / "whole"), "--steps", steps]
        subprocess.run(again, capture_output=True, check=True, env=env)
    ends = [tmp_path / name / "checkpoints" / "step-000000040.safetensors"
            for name in ("run", "whole")]  # fmt: skip
    (mine, numbers), (its, expected) = (load_tensors(end) for end in ends)
    assert numbers["sampler"] == expected["sampler"]
    assert numbers["updates"] == expected["updates"]
    for key in (key for key in its if key.startswith("networks.") and key.endswith("weight")):
        assert float((mine[key] - its[key]).norm() / its[key].norm()) < 1e-3, key
    rows = Run(tmp_path / "run").history.of_kind("record")
    assert [row.step for row in rows] == list(range(5, 45, 5))


def worker(torchrun: subprocess.Popen[str], rank: int) -> int:
    """The process id of a rank, once it trains."""
    folder = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children")
    for _ in range(600):
        for child in folder.read_text().split():
            try:
                given = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"RANK={rank}".encode() in given:
                return int(child)
        time.sleep(0.1)
    raise AssertionError("no such process")


def wait_for_checkpoint(run: Path, after: int = 0) -> None:
    for _ in range(600):
        if any(int(p.stem.removeprefix("step-")) > after for p in run.glob("checkpoints/step-*")):
            return
        time.sleep(0.1)
    raise AssertionError("no checkpoint was written")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_the_others_with_a_status(tmp_path: Path, rank: int) -> None:
    command = train(tmp_path, "--steps", "1000000")
    with subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment(tmp_path),
    ) as torchrun:  # fmt: skip
        wait_for_checkpoint(tmp_path / "run")
        os.kill(worker(torchrun, rank), signal.SIGKILL)
        began = time.monotonic()
        _, errors = torchrun.communicate(timeout=60)
    assert torchrun.returncode != 0
    assert time.monotonic() - began < 60
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["status"] == "process_lost"
    assert "another process of this training was lost" in status["reason"]
    lines = [line for line in errors.splitlines() if line.startswith("steadygan: ")]
    assert len(lines) == rank  # the first process speaks, where it is left
    assert all("another process of this training was lost" in line for line in lines)
    assert 'steadygan/app.py"' not in errors  # no traceback of ours


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("named", [True, False])
def test_a_restart_goes_on_from_the_checkpoint(tmp_path: Path, named: bool) -> None:
    command = train(tmp_path, "--steps", "600", torchrun=("--max-restarts", "1"))
    run = tmp_path / "run"
    if not named:
        at = command.index("--out")
        del command[at : at + 2]
        run = tmp_path / "runs" / "digits-digits-1"
    with subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
        env=environment(tmp_path),
    ) as torchrun:  # fmt: skip
        wait_for_checkpoint(run)
        os.kill(worker(torchrun, 1), signal.SIGKILL)
        _, errors = torchrun.communicate(timeout=120)
    assert torchrun.returncode == 0, errors
    assert Run(run).info()["status"] == "finished"
    events = [row.values["event"] for row in Run(run).history.of_kind("event")]
    assert events.count("resume") == 1
    assert Run(run).info()["step"] == 600


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["training.batch_size=15"], "choose a multiple of 2"),
        (["training.batch_size=6", "training.accumulation=3"], ""),
        (["training.batch_size=10", "training.accumulation=5", "penalty=[]"], ""),
        (["training.batch_size=4", "stabiliser=[Packing(size=4)]", "architecture.hidden=[8]"],
         "choose a multiple of 8"),
        (["penalty=[Term(penalty=FiniteDifference(TwoSided()), weight=1.0)]"], "in one process"),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_is_said_before_training(settings: list[str], complaint: str) -> None:
    from steadygan.app import _check_sharing
    from steadygan.interfaces import SampleSpec
    from steadygan.recipes import override, resolve

    recipe = override(resolve("digits")(SampleSpec((1, 8, 8), None, None)), settings)
    _check_sharing(recipe, ALONE)
    if complaint:
        with pytest.raises(UsageError, match=complaint):
            _check_sharing(recipe, Processes(0, 2))
    else:
        _check_sharing(recipe, Processes(0, 2))


def test_the_whole_is_told_once_and_left_with_code_2(tmp_path: Path) -> None:
    run = subprocess.run(train(tmp_path, "--set", "training.batch_size=15"), capture_output=True,
                         text=True, check=False, env=environment(tmp_path))  # fmt: skip
    lines = [line for line in run.stderr.splitlines() if line.startswith("steadygan: ")]
    assert len(lines) == 1
    assert "cannot be shared out to 2 processes" in lines[0]
    assert not (tmp_path / "run").exists()


class Sending(Processes):
    """Alone, but what is told is sent."""

    def told(self, decide: Callable[[], T]) -> T:
        told: T = pickle.loads(pickle.dumps(decide()))
        return told


def test_pieces_that_cannot_be_sent_are_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local(Wasserstein):
        pass

    monkeypatch.setattr(app, "join", Sending)
    recipe = Recipe(objective=Local(), architecture=MLP(hidden=(8,)))
    run = app.train("8-ring", recipe, out=tmp_path / "run", steps=1)
    assert run.info()["status"] == "finished"


def test_more_processes_than_gpus_are_refused_but_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    pair = Processes(1, 2)
    for name in ("auto", "cuda", "cuda:0"):
        with pytest.raises(UsageError, match=r"2 processes .* of 1: start fewer"):
            choose_device(name, pair)
    assert choose_device("cpu", pair) == torch.device("cpu")


def test_shares_of_a_batch_make_the_whole() -> None:
    batch = torch.arange(12).reshape(6, 2)
    parts = [Processes(rank, 3).own(batch) for rank in range(3)]
    assert torch.equal(torch.cat(parts), batch)
    spread = [Processes(rank, 3).spread(part.double()) for rank, part in enumerate(parts)]
    torch.testing.assert_close(torch.stack(spread).mean(0), batch.double())


def test_alone_nothing_is_asked_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert processes.join() is ALONE
    values = torch.randn(4)
    assert ALONE.own(values) is values
    assert ALONE.whole(values) is values
    assert ALONE.mean([values])[0] is values
    assert ALONE.told(lambda: 3) == 3
    with ALONE.passing():
        assert torch.equal(processes.batch_mean(values), values.mean(0))
