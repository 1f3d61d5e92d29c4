"""The commands as a user types them, and everything they might type wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from steadygan.cli import main
from steadygan.history import History

TINY = ["--set", "architecture=MLP(hidden=(16,))", "--set", "training.batch_size=16"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on digits, shared by the tests that only read it."""
    path = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "digits", "--out", str(path), "--steps", "60", "--seed", "3", *TINY]) == 0
    return path


def test_a_run_directory_holds_everything(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert names == {
        "recipe.json", "data.json", "environment.json", "status.json", "metrics.json",
        "history.jsonl", "samples", "checkpoints", "generator.safetensors",
    }  # fmt: skip
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["seed"] == 3
    assert recipe["training"]["steps"] == 60
    assert recipe["training"]["threads"] >= 1  # resolved, so that a resume has as many
    environment = json.loads((run / "environment.json").read_text())
    assert {"torch", "python", "device", "processor", "steadygan"} <= set(environment)
    history = History.read(run / "history.jsonl")
    assert history.column("critic.terms.wasserstein")[0][-1] == 60
    assert history.last("probe.coverage") is not None
    assert sorted(p.name for p in (run / "samples").iterdir()) == [
        "step-000000000.png",
        "step-000000060.png",
    ]
    with Image.open(run / "samples" / "step-000000060.png") as sheet:
        assert min(sheet.size) >= 300
    assert (run / "checkpoints" / "best.safetensors").exists()
    measured = {
        m["name"]: m for m in json.loads((run / "metrics.json").read_text())["measurements"]
    }
    assert {"coverage", "near-copies", "mean top probability"} <= set(measured)


def test_training_says_what_it_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["train", "digits", "--out", str(out), "--steps", "30", *TINY]) == 0
    text = capsys.readouterr().out
    assert "coverage" in text
    assert "samples, 1,438 real, pixels" in text
    assert f"run: {out}" in text
    assert "steadygan sample" in text
    assert "\x1b" not in text  # a log is plain


def test_json_stands_alone_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "digits", "--out", str(out), "--steps", "20", "--json", *TINY]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "finished"
    assert "coverage" in captured.err


@pytest.mark.parametrize("name", ["a.png", "a.npz", "a.npy", "folder"])
def test_samples_in_the_form_the_path_asks_for(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sub" / name
    assert main(["sample", str(run), "-n", "7", "-o", str(path)]) == 0
    assert "7 samples" in capsys.readouterr().out
    if name == "folder":
        assert len(list(path.glob("*.png"))) == 7
    elif name == "a.npz":
        assert np.load(path)["x"].shape == (7, 8, 8, 1)
    else:
        assert path.stat().st_size > 100


def test_the_seed_of_samples_decides(run: Path, tmp_path: Path) -> None:
    def draw(name: str, seed: int) -> Any:
        path = tmp_path / name
        assert main(["sample", str(run), "-n", "5", "-o", str(path), "--seed", str(seed)]) == 0
        return np.load(path)

    assert np.array_equal(draw("a.npy", 1), draw("b.npy", 1))
    assert not np.array_equal(draw("a.npy", 1), draw("c.npy", 2))


def test_samples_of_another_checkpoint(run: Path, tmp_path: Path) -> None:
    def draw(*options: str) -> Any:
        path = tmp_path / "x.npy"
        assert main(["sample", str(run), "-n", "5", "-o", str(path), *options]) == 0
        return np.load(path)

    last = draw()
    assert np.array_equal(last, draw("--checkpoint", "60"))
    assert not np.array_equal(last, draw("--checkpoint", "0"))
    draw("--checkpoint", "best")


def test_info_and_recipes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(run)]) == 0
    assert "finished at step 60" in capsys.readouterr().out
    assert main(["info", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["n_train"] == 1438
    assert main(["recipes"]) == 0
    assert "wgan-gp" in capsys.readouterr().out
    assert main(["recipes", "--json"]) == 0
    assert "wgan" in json.loads(capsys.readouterr().out)
    assert main(["recipes", "show", "wgan-gp"]) == 0
    assert "penalty.0.weight = 0.1" in capsys.readouterr().out
    assert main(["recipes", "show", "wgan-gp", "--data", "32", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["penalty"][0]["weight"] == 10.0


def test_no_command_is_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:\n" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("steadygan 0.")


def test_export_as_safetensors(run: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = tmp_path / "g.safetensors"
    assert main(["export", str(run), "-o", str(path)]) == 0
    assert load_file(path).keys() == load_file(run / "generator.safetensors").keys()
    assert main(["export", str(run), "-o", str(path)]) == 2  # nothing is overwritten


def test_export_as_onnx_gives_the_same_samples(run: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    import torch

    from steadygan.run import Run

    path = tmp_path / "g.onnx"
    assert main(["export", str(run), "-o", str(path)]) == 0
    latent = torch.randn(5, 64)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (samples,) = session.run(None, {"latent": latent.numpy()})
    expected = Run(run).generator()(latent).numpy()
    assert np.abs(samples - expected).max() < 1e-5


def test_a_conditional_run_is_sampled_and_exported_by_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = ["--steps", "5", "--set", "architecture.width=4", "--set", "training.batch_size=16"]
    assert main(["train", "digits", "--recipe", "acgan", "--out", str(out), *options]) == 0
    assert "label accuracy" in capsys.readouterr().out
    for name, label in (("a", ["--label", "3"]), ("b", ["--label", "4"]), ("c", [])):
        path = str(tmp_path / f"{name}.npy")
        assert main(["sample", str(out), "-n", "7", "-o", path, *label]) == 0
    arrays = [np.load(tmp_path / f"{name}.npy") for name in "abc"]
    assert all(array.shape == arrays[0].shape for array in arrays)
    assert not np.array_equal(arrays[0], arrays[1])
    assert main(["sample", str(out), "--label", "12"]) == 2
    assert "no class '12'" in capsys.readouterr().err
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    import torch

    from steadygan.run import Run

    path = str(tmp_path / "onnx.onnx")
    assert main(["export", str(out), "-o", path]) == 0
    latent, labels = torch.randn(5, 110), torch.tensor([0, 9, 3, 3, 1])
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (samples,) = session.run(None, {"latent": latent.numpy(), "label": labels.numpy()})
    expected = Run(out).generator()(latent, labels).numpy()
    assert np.abs(samples - expected).max() < 1e-5


def test_a_finished_run_goes_on_to_a_new_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", "25-grid", "--out", str(out), "--steps", "20", *TINY]) == 0
    assert main(["resume", str(out), "--steps", "40"]) == 0
    assert "resuming" in capsys.readouterr().out
    assert json.loads((out / "status.json").read_text())["step"] == 40
    steps, _ = History.read(out / "history.jsonl").column("critic.loss")
    assert steps == [10, 20, 30, 40]


def test_points_are_sampled_as_rows(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["train", "8-ring", "--out", str(out), "--steps", "10", *TINY]) == 0
    assert main(["sample", str(out), "-n", "9", "-o", str(tmp_path / "p.csv")]) == 0
    assert np.loadtxt(tmp_path / "p.csv", delimiter=",", skiprows=1).shape == (9, 2)
    assert main(["sample", str(out), "-n", "9", "-o", str(tmp_path / "p.png")]) == 0


def test_a_mixed_folder_trains_and_what_it_skips_is_named(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--set", "architecture.width=4", "--set", "training.batch_size=4"]
    out = tmp_path / "run"
    assert main(["train", str(mixed), "--out", str(out), "--steps", "3", *small]) == 0
    text = capsys.readouterr().out
    assert "4 unreadable file(s) skipped" in text
    for name in ("truncated.png", "text.png", "empty.jpg", "dangling.png"):
        assert name in text
    assert main(["resume", str(out), "--steps", "5"]) == 0
    assert main(["sample", str(out), "-n", "3", "-o", str(tmp_path / "pngs")]) == 0
    with Image.open(next((tmp_path / "pngs").iterdir())) as image:
        assert (image.mode, image.size) == ("RGB", (20, 20))


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with things that are not right."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEADYGAN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("keep me")
    (tmp_path / "fake.png").write_text("hello")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    np.save(tmp_path / "nan.npy", np.array([[1.0, np.nan]] * 5))
    np.save(tmp_path / "odd.npy", np.zeros((20, 3, 9, 9), np.uint8))
    np.save(tmp_path / "tiny.npy", np.zeros((20, 2), np.float32))
    (tmp_path / "mine.py").write_text(
        "from steadygan.recipes import Recipe\n"
        "def recipe(spec):\n    return Recipe()\n"
        "def number(spec):\n    return 3\n"
        "def broken(spec):\n    raise KeyError('my own mistake')\n"
    )
    return tmp_path


BAD = [
    (["train"], "DATA"),
    (["tran", "digits"], "tran"),
    (["train", "digit"], "Did you mean 'digits'"),
    (["train", "absent/folder"], "absent/folder"),
    (["train", "empty"], "no images"),
    (["train", "fake.png"], "fake.png"),
    (["train", "table.csv"], "table.csv"),
    (["train", "nan.npy"], "not finite"),
    (["train", "mnist"], "STEADYGAN_DATA"),
    (["train", "digits", "--recipe", "wgangp"], "Did you mean 'wgan-gp'"),
    (["train", "digits", "--recipe", "absent:recipe"], "absent"),
    (["train", "digits", "--recipe", "mine.py:recipes"], "Did you mean 'recipe'"),
    (["train", "digits", "--recipe", "mine.py:number"], "not a Recipe"),
    (["train", "digits", "--recipe", "mine.py:broken"], "my own mistake"),
    (["train", "25-grid", "--recipe", "wgan-gp-resnet"], "for images"),
    (["train", "digits", "--steps", "0"], "steps is 0"),
    (["train", "digits", "--steps", "-5"], "steps is -5"),
    (["train", "digits", "--steps", "many"], "--steps"),
    (["train", "digits", "--minutes", "0"], "minutes is 0"),
    (["train", "digits", "--minutes", "nan"], "minutes is nan"),
    (["train", "digits", "--seed", "-1"], "seed is -1"),
    (["train", "digits", "--device", "gpu"], "gpu"),
    (["train", "digits", "--step", "5"], "--step"),
    (["train", "digits", "--set", "training.step=5"], "Did you mean 'training.steps'"),
    (["train", "digits", "--set", "training.steps"], "key=value"),
    (["train", "digits", "--set", "training.batch_size=0"], "batch_size is 0"),
    (["train", "digits", "--set", "training.batch_size=7", "--set", "training.accumulation=2"],
     "does not divide"),
    (["train", "digits", "--set", "data.validation=2"], "validation is 2"),
    (["train", "digits", "--set", "data.size=9", "--recipe", "wgan-gp"], "9"),
    (["train", "digits", "--set", "architecture=DCGAN(width=0)"], "width"),
    (["train", "digits", "--set", "architecture=MLP(hidden=(0,))"], "hidden"),
    (["train", "digits", "--set", "architecture.activation=rellu"], "Did you mean 'relu'"),
    (["train", "digits", "--set", "latent_dim=0"], "latent_dim is 0"),
    (["train", "tiny.npy", "--set", "architecture=DCGAN()"], "(2,)"),
    (["train", "digits", "--minutes", "inf"], "minutes is inf"),
    (["train", "digits", "--device", "meta"], "meta"),
    (["train", "digits", "--set", "penalty.weight=-10"], "weight is -10"),
    (["train", "digits", "--set", "critic_optimiser.lr=Linear(1e-3, 0, 0.5, 0.5)"], "begin < end"),
    (["train", "digits", "--set", "critic_optimiser.eps=-1"], "eps"),
    (["train", "digits", "--set", "training.threads=99999999999"], "threads"),
    (["train", "digits", "--set", "training.batch_size=1000000000000"], "batch_size"),
    (["train", "digits", "--set", "latent_dim=100000000000"], "cannot be built"),
    (["train", "a" * 300], "cannot be looked at"),
    (["train", "digits", "--out", "full"], "not empty"),
    (["train", "digits", "--out", "table.csv"], "table.csv"),
    (["train", "digits", "--out", "table.csv/run"], "table.csv"),
    (["resume", "absent"], "absent"),
    (["resume", "full"], "not a run directory"),
    (["sample", "full", "-o", "a.png"], "not a run directory"),
    (["info", "table.csv"], "not a run directory"),
    (["export", "empty"], "not a run directory"),
    (["recipes", "show", "nothing"], "nothing"),
    (["recipes", "show", "wgan-gp", "--data", "round"], "round"),
    (["recipes", "shoe"], "shoe"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "complaint"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_what_is_wrong_ends_in_one_line_and_code_2(
    workshop: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(str(p) for p in workshop.rglob("*"))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("steadygan: ")
    assert complaint in captured.err
    assert "Traceback" not in captured.err
    after = sorted(str(p) for p in workshop.rglob("*") if "__pycache__" not in str(p))
    assert after == before, "something was left on disk"
    assert (workshop / "full" / "precious.txt").read_text() == "keep me"


BAD_ON_A_RUN = [
    (["sample", "RUN", "-n", "0", "-o", "a.png"], "choose at least 1"),
    (["sample", "RUN", "-o", "a.gif"], ".gif"),
    (["sample", "RUN", "-o", "full"], "not an empty folder"),
    (["sample", "RUN", "-o", "a.npy", "--checkpoint", "17"], "no checkpoint '17'"),
    (["sample", "RUN", "-o", "a.npy", "--checkpoint", "worst"], "no checkpoint 'worst'"),
    (["export", "RUN", "-o", "a.pkl"], ".safetensors or .onnx"),
    (["sample", "RUN", "-o", "table.csv/x.png"], "cannot be written"),
    (["sample", "RUN", "-o", "table.csv/x"], "cannot be written"),
    (["train", "digits", "--out", "RUN"], "already holds a run"),
    (["resume", "RUN", "--steps", "0"], "steps is 0"),
]


@pytest.mark.parametrize(
    ("arguments", "complaint"), BAD_ON_A_RUN, ids=[" ".join(a) for a, _ in BAD_ON_A_RUN]
)
def test_what_is_wrong_on_a_run_leaves_it_as_it_was(
    run: Path, workshop: Path, arguments: list[str], complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    assert main([str(run) if a == "RUN" else a for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert complaint in captured.err
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before
    assert (workshop / "full" / "precious.txt").exists()


def test_limits_that_were_asked_for_stay_beside_the_budget(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["train", "digits", "--out", str(out), "--steps", "3", *TINY]
    assert main([*command, "--set", "training.minutes=5"]) == 0
    training = json.loads((out / "recipe.json").read_text())["training"]
    assert (training["steps"], training["minutes"]) == (3, 5.0)


@pytest.mark.parametrize("name", ["data.json", "environment.json", "status.json", "metrics.json"])
def test_a_file_that_lacks_its_keys_is_one_line(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "run"
    shutil.copytree(run, damaged)
    (damaged / name).write_text("{}")
    assert main(["info", str(damaged)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{name} lacks" in error


@pytest.mark.parametrize("damage", ["recipe", "data", "checkpoint", "generator", "changed data"])
def test_a_damaged_run_is_one_line(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "rows.npy"
    np.save(source, np.random.default_rng(0).normal(size=(64, 2)))
    out = tmp_path / "run"
    assert main(["train", str(source), "--out", str(out), "--steps", "10", *TINY]) == 0
    command = ["resume", str(out), "--steps", "20"]
    if damage == "recipe":
        (out / "recipe.json").write_text('{"class": "Recipe", "n_critics": 3}')
    elif damage == "data":
        (out / "data.json").write_text("{")
    elif damage == "checkpoint":
        for path in (out / "checkpoints").iterdir():
            path.write_bytes(path.read_bytes()[:50])
    elif damage == "generator":
        (out / "generator.safetensors").write_bytes(b"")
        command = ["sample", str(out), "-o", str(tmp_path / "a.npy")]
    else:
        np.save(source, np.random.default_rng(1).normal(size=(64, 2)))
    capsys.readouterr()
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
