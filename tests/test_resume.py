"""Killed at any moment and resumed, a run ends as if it had never been killed."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steadygan.history import History

RECIPE = [
    "--set", "architecture=MLP(hidden=(24,), generator_norm=batch)",
    "--set", "training.batch_size=32",
    "--set", "training.checkpoint_every=7",
    "--set", "training.probe_every=105",
    "--set", "training.sample_every=0",
    "--set", "training.record_every=5",
    "--set", "generator_optimiser.lr=Linear(1e-3, 0)",
    "--set", "training.threads=1",
]  # fmt: skip
STEPS = 420

# Ends its own process, as SIGKILL does, at the n-th call of what a checkpoint write goes through.
KILL_INSIDE = """
import os, pathlib, signal, sys
moment, count = sys.argv[1], int(sys.argv[2])
def kill(*a, **k):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*a, **k)
if moment == "fsync":
    original, os.fsync = os.fsync, kill
elif moment == "rename":
    original, pathlib.Path.replace = pathlib.Path.replace, kill
else:  # half of the bytes are in the temporary file
    import steadygan.training.checkpoint as checkpoint
    whole = checkpoint.write_atomically
    def half(path, content):
        global count
        count -= 1
        if count == 0:
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            temporary.write_bytes(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(path, content)
    checkpoint.write_atomically = half
from steadygan.cli import main
sys.exit(main(sys.argv[3:]))
"""


def train_command(out: Path) -> list[str]:
    # The directory comes last: KILL_INSIDE reads it there.
    return ["train", "25-grid", "--steps", str(STEPS), "--seed", "5", *RECIPE, "--out", str(out)]


def steadygan(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "steadygan", *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True)


def result(run: Path) -> tuple[bytes, dict[str, bytes]]:
    """The bytes of the final weights, and of every tensor of the last and the best checkpoint."""
    from steadygan.training import load_tensors

    last = sorted((run / "checkpoints").glob("step-*.safetensors"))[-1]
    tensors, numbers = load_tensors(last)
    assert numbers["step"] == STEPS
    best, _ = load_tensors(run / "checkpoints" / "best.safetensors")
    return (run / "generator.safetensors").read_bytes(), {
        f"{which} {name}": tensor.numpy().tobytes()
        for which, checkpoint in (("last", tensors), ("best", best))
        for name, tensor in checkpoint.items()
    }


def records(run: Path) -> list[tuple[int, dict[str, float]]]:
    rows = History.read(run / "history.jsonl").rows
    return [(r.step, dict(r.values)) for r in rows if r.kind in ("record", "probe")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that is never killed."""
    out = tmp_path_factory.mktemp("resume") / "whole"
    steadygan(*train_command(out))
    return out


def kill_at_random_moments(whole: Path, folder: Path, count: int, seed: int) -> None:
    rng = random.Random(seed)
    seconds = json.loads((whole / "status.json").read_text())["seconds"]
    inside = outside = 0
    for number in range(2 * count):
        if inside + outside == count:
            break
        out = folder / f"killed-{number}"
        if number % 5 == 4:  # inside a checkpoint write
            moment = rng.choice(["fsync", "rename", "half"])
            at = str(rng.randint(6, 60))
            script = [sys.executable, "-c", KILL_INSIDE, moment, at, *train_command(out)]
            process = subprocess.Popen(script, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert process.wait(timeout=120) == -signal.SIGKILL
            inside += 1
        else:
            process = subprocess.Popen(
                [sys.executable, "-m", "steadygan", *train_command(out)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while not (out / "recipe.json").exists():
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.8 * seconds))
            process.kill()
            if process.wait() == 0:  # it was done before: no kill, so another try
                shutil.rmtree(out)
                continue
            assert process.returncode == -signal.SIGKILL
            outside += 1
        steadygan("resume", str(out))
        assert result(out) == result(whole), f"kill {number} changed the weights"
        assert records(out) == records(whole), f"kill {number} changed the history"
        shutil.rmtree(out)
    assert inside >= count // 6
    assert inside + outside == count


def test_killed_and_resumed_equals_never_killed(whole: Path, tmp_path: Path) -> None:
    kill_at_random_moments(whole, tmp_path, 5, seed=1)


@pytest.mark.slow
def test_killed_at_20_random_moments(whole: Path, tmp_path: Path) -> None:
    kill_at_random_moments(whole, tmp_path, 20, seed=2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_saves_and_says_how_to_resume(
    whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run with a space"
    process = subprocess.Popen(
        [sys.executable, "-m", "steadygan", *train_command(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out / "checkpoints" / "step-000000007.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    second = steadygan("resume", str(out), check=False)  # while the first still holds the run
    assert second.returncode == 2
    assert "being trained by another process" in second.stderr
    process.send_signal(signal.SIGCONT)
    process.send_signal(number)
    text, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == ""
    assert f"resume with: steadygan resume '{out}'" in text
    assert json.loads((out / "status.json").read_text())["status"] == "interrupted"
    steadygan("resume", str(out))
    assert result(out) == result(whole)
    assert records(out) == records(whole)


def test_a_run_killed_before_its_first_checkpoint_starts_anew(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    steadygan(*train_command(out))
    shutil.rmtree(out / "checkpoints")
    (out / "generator.safetensors").unlink()
    (out / "status.json").unlink()
    assert "running" in steadygan("info", str(out)).stdout
    steadygan("resume", str(out))
    assert result(out) == result(whole)
    assert records(out) == records(whole)
