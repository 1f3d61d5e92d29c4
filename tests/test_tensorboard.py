"""What TensorBoard is given: the same numbers and sheets as the run holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steadygan
from steadygan.cli import main
from steadygan.diagnosis.loss_files import read_losses
from steadygan.errors import MissingExtraError, UsageError
from steadygan.run import Run
from steadygan.tensorboard import read_scalars

TINY = [
    "architecture=MLP(hidden=(8,))", "training.batch_size=16", "training.record_every=2",
    "training.probe_every=4", "training.sample_every=4", "training.checkpoint_every=4",
]  # fmt: skip


def events(folder: Path) -> Any:
    """All that was written there, as TensorBoard reads it."""
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="the extra 'tensorboard' is not installed",
    )
    found = accumulators.EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    return found.Reload()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_same_scalars_and_sheets(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    run = steadygan.train("digits", out=tmp_path / "run", steps=8, overrides=TINY, tensorboard=True)
    found = events(run.files.tensorboard)
    steps, values = run.history.column("critic.terms.wasserstein")
    written = found.Scalars("critic/terms.wasserstein")
    assert [each.step for each in written] == steps
    assert [each.value for each in written] == pytest.approx(values, rel=1e-6)
    assert len(found.Scalars("probe/coverage")) == 2
    assert [each.step for each in found.Images("samples")] == [0, 4, 8]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_resumed_run_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    out = tmp_path / "run"
    steadygan.train("digits", out=out, steps=4, overrides=TINY, tensorboard=True)
    run = steadygan.resume(out, steps=8, tensorboard=True)
    found = events(run.files.tensorboard)
    steps, _ = run.history.column("critic.loss")
    assert [each.step for each in found.Scalars("critic/loss")] == steps == [2, 4, 6, 8]
    assert [each.step for each in found.Images("samples")] == [0, 4, 8]


def test_without_the_extra_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    out = tmp_path / "run"
    assert main(["train", "digits", "--out", str(out), "--steps", "4", "--tensorboard"]) == 2
    assert "pip install 'steadygan[tensorboard]'" in capsys.readouterr().err
    assert not out.exists()
    run = steadygan.train("digits", out=out, steps=2, overrides=TINY)  # nobody asked: no need
    assert Run(run.directory).status == "finished"
    assert not run.files.tensorboard.exists()
    with pytest.raises(MissingExtraError):
        steadygan.resume(run, steps=4, tensorboard=True)


@pytest.fixture
def writer() -> Any:
    """The class that scripts write with."""
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    return pytest.importorskip("torch.utils.tensorboard").SummaryWriter


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_a_run_wrote_for_it_is_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    out = tmp_path / "run"
    steadygan.train("digits", out=out, steps=4, overrides=TINY, tensorboard=True)
    run = steadygan.resume(out, steps=8, tensorboard=True)
    losses = read_losses(run.files.tensorboard)
    steps, values = run.history.column("critic.loss")
    assert losses.critic_steps is not None
    assert losses.critic_steps.tolist() == steps
    assert losses.critic == pytest.approx(values, rel=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_of_a_script_are_read(
    writer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with writer(str(tmp_path)) as board:
        for step in range(60):
            board.add_scalar("Loss/D", 1 + step % 7, step)
            if step % 2 == 0:
                board.add_scalar("loss_G", float("nan") if step == 40 else step % 5, step)
        board.add_text("note", "no number", 0)
        board.add_hparams({"lr": 1.0}, {"x": 1.0})  # writes into a folder of its own
    scalars = read_scalars(tmp_path)
    assert set(scalars) == {"Loss/D", "loss_G"}
    assert scalars["Loss/D"][1][:3] == [1.0, 2.0, 3.0]
    file = next(path for path in tmp_path.iterdir() if path.is_file())
    assert np.array_equal(read_losses(file).generator, scalars["loss_G"][1], equal_nan=True)
    main(["diagnose", "--history", str(tmp_path)])
    assert "error: divergence (since step 40)" in capsys.readouterr().out
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / file.name).write_bytes(file.read_bytes()[:-100])  # of a script that still writes
    assert read_scalars(torn)["Loss/D"][0][:3] == [0, 1, 2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_a_restart_did_again_counts_once(writer: Any, tmp_path: Path) -> None:
    for number, steps in enumerate((range(8), range(5, 10))):
        with writer(str(tmp_path), filename_suffix=f".{number}") as board:
            for step in steps:
                board.add_scalar("d_loss", 10 * number + step, step)
                board.add_scalar("g_loss", 10 * number + step)  # steps that nobody gave
    scalars = read_scalars(tmp_path)
    assert scalars["d_loss"] == (list(range(10)), [0, 1, 2, 3, 4, 15, 16, 17, 18, 19])
    assert scalars["g_loss"] == ([0] * 5, [15, 16, 17, 18, 19])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_that_were_written_together(writer: Any, tmp_path: Path) -> None:
    with writer(str(tmp_path)) as board:
        for step in range(3):
            board.add_scalars("Loss", {"D": step, "G": 2 * step}, step)
    losses = read_losses(tmp_path)
    assert (losses.critic.tolist(), losses.generator.tolist()) == ([0, 1, 2], [0, 2, 4])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_several_runs_are_named_and_nothing_is_said_to_be_nothing(
    writer: Any, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        with writer(str(tmp_path / "runs" / name)) as board:
            board.add_scalar("d_loss", 1.0, 0)
    with pytest.raises(UsageError, match=r"holds 2 runs .* as .*one\. There are: one, two\."):
        read_losses(tmp_path / "runs")
    with pytest.raises(UsageError, match="among d_loss: name it with --generator-loss"):
        read_losses(tmp_path / "runs" / "one")
    nothing = tmp_path / "events.out.tfevents.0"
    nothing.write_bytes(b"something else")
    with pytest.raises(UsageError, match="holds no scalars"):
        read_losses(nothing)


def test_without_the_extra_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    (tmp_path / "events.out.tfevents.0").touch()
    assert main(["diagnose", "--history", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'steadygan[tensorboard]'" in line
