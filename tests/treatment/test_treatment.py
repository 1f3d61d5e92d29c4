"""A run that is broken on purpose is repaired within its budget; a sound one is left alone."""

from __future__ import annotations

import math
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from steadygan import load, train
from steadygan.app import resume
from steadygan.cli import main
from steadygan.data import Dataset
from steadygan.errors import UsageError
from steadygan.interfaces import PerSample, Samples, Scores
from steadygan.metrics import mode_report
from steadygan.networks import MLP
from steadygan.objectives import Minimax, Wasserstein
from steadygan.penalties import Term, TwoSided
from steadygan.processes import Processes
from steadygan.recipes import Recipe
from steadygan.record import Row
from steadygan.run import Run
from steadygan.schedules import Linear
from steadygan.training import SGD, Adam, Training, load_tensors

STEPS = 900
SOUND = Recipe(
    architecture=MLP(hidden=(48, 48, 48), activation="leaky_relu"),
    latent_dim=4,
    penalty=(Term(TwoSided(), 0.1),),
    critic_optimiser=Adam(lr=Linear(1e-3, 1e-4), beta1=0.5),
    generator_optimiser=Adam(lr=Linear(1e-3, 1e-4), beta1=0.5),
    seed=3,
    training=Training(
        steps=STEPS, batch_size=96, record_every=10, probe_every=45, checkpoint_every=45,
        sample_every=0, precision="float32", memory_format="contiguous", threads=1,
    ),
)  # fmt: skip
BROKEN = {
    "a generator far too fast": replace(
        SOUND, generator_optimiser=SGD(lr=30.0, momentum=0.9), ema=None
    ),
    "a critic that stands still": replace(SOUND, critic_optimiser=Adam(lr=1e-14)),
    "a loss that saturates": replace(
        SOUND,
        objective=Minimax(saturating=True),
        penalty=(),
        critic_optimiser=Adam(lr=2e-3, beta1=0.5),
        generator_optimiser=Adam(lr=2e-5, beta1=0.5),
    ),
}


class ReversedCritic(Wasserstein):
    """A fault of the code."""

    def critic_loss(self, real_scores: Scores, fake_scores: Scores) -> PerSample:
        return real_scores - fake_scores


@dataclass(frozen=True)
class Corrupt:
    """A batch that is no number, once at each of these shares of the budget."""

    at: tuple[float, ...]
    name = "corrupt"

    def view(self, samples: Samples, *, rng: torch.Generator, progress: float) -> Samples:
        due = [share for share in self.at if share <= progress and share not in MET]
        MET.update(due[:1])
        return Samples(samples.x * (math.nan if due else 1.0), samples.y)


MET: set[float] = set()


def modes(run: Run, data: Dataset) -> int:
    assert data.modes is not None
    samples = data.codec.encode(torch.from_numpy(run.sample(2_000)).float())
    # Near a mode is near enough here: how sharp they are takes a longer training.
    return mode_report(samples, data.modes.centres, 3 * data.modes.sigma).found


def remedies(run: Run) -> list[Row]:
    return [row for row in run.history.rows if row.values.get("event") == "remedy"]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_run_is_repaired_within_its_budget(fault: str, tmp_path: Path) -> None:
    data = load("8-ring")
    left = train(data, BROKEN[fault], out=tmp_path / "left", allow=("lipschitz",))
    lines: list[str] = []
    run = train(data, BROKEN[fault], out=tmp_path / "treated", auto_remedy=True, say=lines.append)
    assert modes(left, data) < 6, "the fault does not bite"
    assert (run.status, modes(run, data)) == ("finished", 8)
    assert run.info()["step"] == STEPS
    done = remedies(run)
    assert 1 <= len(done) <= 3
    assert all(row.values["before"] != row.values["after"] for row in done)
    assert run.recipe != BROKEN[fault]
    assert Run(run.directory).recipe == run.recipe
    # What was found has its row before what was done about it.
    rows = run.history.rows
    found = [row.values["check"] for row in rows[: rows.index(done[0])] if row.kind == "finding"]
    assert done[0].values["finding"] in found
    steps = [row.step for row in rows if row.kind == "probe"]
    assert steps == sorted(steps)


def test_a_sound_run_is_left_alone_to_the_last_bit(tmp_path: Path) -> None:
    short = replace(SOUND, training=replace(SOUND.training, steps=450))
    runs = [train("8-ring", short, out=tmp_path / str(auto), auto_remedy=auto) for auto in (0, 1)]
    assert not remedies(runs[1])
    weights = [(run.directory / "generator.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(("at", "weights"), [
    ((0.30, 0.32, 0.34, 0.80), "of step 135"), ((0.30, 0.32, 0.34, 0.36), "of step 45"),
])  # fmt: skip
def test_what_a_run_got_over_does_not_cost_its_weights(
    at: tuple[float, ...], weights: str, tmp_path: Path
) -> None:
    """It is given up at the fourth refused update; the first three may be long ago."""
    MET.clear()
    short = replace(SOUND.training, steps=180, probe_every=15)
    recipe = replace(SOUND, stabiliser=(Corrupt(at),), training=short)
    run = train("8-ring", recipe, out=tmp_path / "run", auto_remedy=True)
    (remedy,) = remedies(run)
    assert remedy.values["finding"] == "divergence"
    assert remedy.values["weights"] == weights


def test_a_fault_of_the_code_ends_with_a_name_and_the_advice(tmp_path: Path) -> None:
    recipe = replace(SOUND, objective=ReversedCritic())
    run = train("8-ring", recipe, out=tmp_path / "run", auto_remedy=True, allow=("lipschitz",))
    info = run.info()
    assert info["status"] == "unsaved"
    assert "reversed_loss" in info["reason"]
    assert "sign" in info["reason"]
    assert info["step"] < STEPS
    assert not remedies(run)


KILL = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_treatment as tests
from steadygan import train
left = {rows}
def observer(row):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
train("8-ring", tests.BROKEN[{fault!r}], out=sys.argv[1], auto_remedy=True, observers=[observer])
"""


def test_a_treated_run_that_is_killed_goes_on_identically(tmp_path: Path) -> None:
    fault = "a critic that stands still"
    whole = train("8-ring", BROKEN[fault], out=tmp_path / "whole", auto_remedy=True)
    rows = whole.history.rows
    remedy = rows.index(remedies(whole)[0])
    # While it is found, right at the remedy, and some way into what follows.
    for number in (remedy, remedy + 1, remedy + 25):
        out = tmp_path / f"killed-{number}"
        script = KILL.format(folder=str(Path(__file__).parent), rows=number, fault=fault)
        killed = subprocess.run([sys.executable, "-c", script, str(out)], check=False)
        assert killed.returncode == -signal.SIGKILL
        run = resume(out)
        assert _weights(run) == _weights(whole)
        assert _told(run) == _told(whole)
        assert run.recipe == whole.recipe


def _weights(run: Run) -> tuple[bytes, dict[str, bytes]]:
    last = sorted((run.directory / "checkpoints").glob("step-*.safetensors"))[-1]
    tensors, _ = load_tensors(last)
    return (run.directory / "generator.safetensors").read_bytes(), {
        name: tensor.numpy().tobytes() for name, tensor in tensors.items()
    }


def _told(run: Run) -> list[tuple[str, int, str]]:
    return [
        (row.kind, row.step, str(sorted(row.values.items())))  # as text: NaN equals nothing
        for row in run.history.rows
        if row.values.get("event") != "resume"
    ]


def test_several_processes_refuse_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import steadygan.app as app

    monkeypatch.setattr(app, "join", lambda: Processes(rank=0, size=2))
    with pytest.raises(UsageError, match="one process"):
        train("8-ring", SOUND, out=tmp_path / "run", auto_remedy=True)
    assert not (tmp_path / "run").exists()


def test_the_command_line_says_what_it_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: Sequence[str] = (
        "architecture=MLP(hidden=(32,32), activation=leaky_relu)", "latent_dim=4",
        "critic_optimiser.lr=1e-14", "penalty.weight=0.1", "training.batch_size=64",
        "training.record_every=5", "training.probe_every=10", "training.checkpoint_every=10",
        "training.sample_every=0", "training.threads=1",
    )  # fmt: skip
    given = [word for each in settings for word in ("--set", each)]
    out = str(tmp_path / "run")
    code = main(["train", "8-ring", "--auto-remedy", "--steps", "190", *given, "--out", out])
    said = capsys.readouterr().out
    assert code in (0, 1)
    # Which of the two findings comes first depends on how a processor rounds.
    assert re.search("remedy 1 for (nothing_learns|critic_too_weak): steady settings", said)
    assert "critic_optimiser.lr=1e-14" in said
    assert main(["report", out]) == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Remedies" in page
    assert "steady settings" in page
    assert (tmp_path / "run" / "remedies" / "recipe-0.json").exists()
