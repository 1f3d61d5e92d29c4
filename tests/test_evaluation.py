from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import steadygan
from steadygan.data import load
from steadygan.errors import DataError, RunError, UsageError
from steadygan.evaluation import Evaluation, evaluate_run, evaluate_samples, names
from steadygan.metrics import Measurement
from steadygan.run import Run
from steadygan.training import load_tensors, save_tensors


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("STEADYGAN_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "digits"
    steadygan.train("digits", out=out, steps=3, overrides=["architecture=MLP(hidden=(16,))"])
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy, since measuring writes to it."""
    import shutil

    return Path(shutil.copytree(trained, tmp_path / "run"))


def gaussians(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((n, 4)) + shift
    return found.astype(np.float32)


def by_name(found: Evaluation) -> dict[str, Measurement]:
    return {each.name: each for each in found.measurements}


TWO_SETS = ["fid", "kid", "precision", "recall", "density", "coverage", "ndb", "bin-divergence",
            "sliced-wasserstein", "earth-mover"]  # fmt: skip


def test_samples_of_the_same_distribution_score_as_other_real_ones_do() -> None:
    found = evaluate_samples(gaussians(1_000, 0), gaussians(500, 1), metrics=TWO_SETS, draws=20)
    assert found.n == 500
    for each in found.measurements:
        assert (each.n_real, each.n_fake) == (500, 500)
        assert each.features == "coordinates"
        assert each.preprocessing == "standardised as for training"
        assert each.reference is not None
        if each.interval is not None:
            low, high = each.interval
            assert low <= each.value <= high
            assert each.over
            if each.name not in ("ndb",):
                assert low - (high - low) <= each.reference <= high + (high - low), each.name
    assert [each.name for each in found.measurements] == TWO_SETS


def test_a_shift_moves_every_metric_away_from_what_real_ones_score() -> None:
    real = gaussians(1_000, 0)
    found = by_name(evaluate_samples(real, gaussians(500, 1, 1.0), metrics=TWO_SETS, draws=20))
    for name in ("fid", "kid", "sliced-wasserstein", "earth-mover", "bin-divergence"):
        each = found[name]
        assert each.interval is not None
        assert each.reference is not None
        assert each.interval[0] > each.reference, name
    for name in ("precision", "recall", "density", "coverage"):
        each = found[name]
        assert each.interval is not None
        assert each.reference is not None
        assert each.interval[1] < each.reference, name
    assert found["ndb"].value > (found["ndb"].reference or 0.0)
    # In the data's own units of 1, as standardised: a shift of 1 in each of 4 columns.
    assert found["fid"].value == pytest.approx(4.0, rel=0.2)


def test_numbers_are_compared_in_the_units_of_the_real_ones() -> None:
    real = gaussians(400, 0) * 100 + 7
    apart = evaluate_samples(real, gaussians(200, 1), metrics=["fid"], draws=0)
    same = evaluate_samples(real, gaussians(200, 1) * 100 + 7, metrics=["fid"], draws=0)
    assert by_name(apart)["fid"].value > 1.0
    assert by_name(same)["fid"].value < 0.2


def test_the_same_seed_gives_the_same_values_and_another_one_others() -> None:
    args = gaussians(300, 0), gaussians(300, 1)
    one, again = (evaluate_samples(*args, draws=10) for _ in range(2))
    assert one == again
    other = evaluate_samples(*args, draws=10, seed=1)
    assert by_name(other)["fid"].value != by_name(one)["fid"].value


def test_too_few_samples_are_said() -> None:
    rows = np.random.default_rng(0).standard_normal((60, 40)).astype(np.float32)
    found = evaluate_samples(rows, rows[:50], metrics=["fid"], count=30, draws=0)
    assert "fewer samples than the 40 features" in by_name(found)["fid"].note
    whole = evaluate_samples(rows, rows[:50], metrics=["fid"], count=50, draws=0)
    assert by_name(whole)["fid"].reference is None
    assert "no real against real: 100 real samples are needed" in whole.notes[0]
    least = evaluate_samples(rows[:20], rows[:4], draws=0)
    assert "coverage left out: it needs 6 samples of each, there are 4" in least.notes


def test_a_run_is_measured_and_keeps_what_was_measured_before(run: Path) -> None:
    before = json.loads((run / "metrics.json").read_text())["measurements"]
    found = evaluate_run(run, count=150, draws=10)
    content = json.loads((run / "metrics.json").read_text())
    after = {(each["name"], each["features"]): each for each in content["measurements"]}
    kept = {(m["name"], m["features"]) for m in before} - {("coverage", "pixels")}
    assert kept <= set(after)
    assert after["coverage", "pixels"]["n_fake"] == 150
    order = [m["name"] for m in content["measurements"]]
    assert order[: len(before)] == [m["name"] for m in before]  # what a report shows first stays so
    assert {"fid", "kid", "memorisation", "critic estimate, held out"} <= set(by_name(found))
    assert Run(run).metrics == content["measurements"]
    assert all(str(Measurement(**each)) for each in content["measurements"])
    # The first samples' nearest training samples, in all of the training data.
    (first, *_) = content["neighbours"]["of"]
    assert 0 <= first["train"] < len(load("digits").train)
    again = evaluate_run(run, count=150, draws=10)
    assert again == found
    names_after = [(m["name"], m["features"]) for m in Run(run).metrics]
    assert len(names_after) == len(set(names_after))
    evaluate_run(run, features="pca:5", metrics=["fid"], count=150, draws=0)
    spaces = [m["features"] for m in Run(run).metrics if m["name"] == "fid"]
    assert spaces[0] == "pixels"
    assert spaces[1].startswith("5 principal components")


def test_a_checkpoint_and_its_critic_are_measured(run: Path) -> None:
    last = evaluate_run(run, metrics=["critic-estimate"], count=100, draws=0)
    first = evaluate_run(run, metrics=["critic-estimate"], count=100, draws=0, checkpoint="0")
    assert first.fake.endswith("0 weights")
    names_found = [each.name for each in last.measurements]
    assert names_found == ["critic estimate, held out", "critic estimate, training"]
    assert first.measurements[0].value != last.measurements[0].value
    kept = [m for m in Run(run).metrics if m["name"] == "critic estimate, held out"]
    assert [m["checkpoint"] for m in kept] == ["", "0"]  # one does not stand for the other
    assert "; checkpoint 0; " in str(first.measurements[0])
    with pytest.raises(RunError, match="no checkpoint '99'"):
        evaluate_run(run, checkpoint="99")


def test_a_damaged_list_of_measurements_is_said_before_the_work(run: Path) -> None:
    seen: list[str] = []
    for text in ("{", "[]", '{"measurements": 1}', '{"measurements": [1]}'):
        (run / "metrics.json").write_text(text)
        with pytest.raises(RunError, match=r"metrics\.json"):
            evaluate_run(run, count=100, progress=lambda what, done, total: seen.append(what))
        assert not seen
        assert (run / "metrics.json").read_text() == text


def test_samples_that_are_not_finite_are_refused(run: Path) -> None:
    path = run / "generator.safetensors"
    tensors, numbers = load_tensors(path)
    save_tensors(path, {k: v * torch.nan for k, v in tensors.items()}, numbers)
    before = (run / "metrics.json").read_bytes()
    with pytest.raises(RunError, match=r"100 of 100 samples .* are not finite.*--checkpoint"):
        evaluate_run(run, count=100)
    assert (run / "metrics.json").read_bytes() == before


calls: list[int] = []


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)
        nn.init.constant_(self.layer.weight, 0.1)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        found: torch.Tensor = self.layer(x.flatten(1))
        return found


def make(spec: object) -> nn.Module:
    return Counting()


def make_infinite(spec: object) -> nn.Module:
    made = Counting()
    nn.init.constant_(made.layer.bias, torch.inf)
    return made


def test_real_features_are_kept_for_the_same_data_extractor_and_choice(
    run: Path, own_cache: Path
) -> None:
    def seen(**changed: object) -> int:
        calls.clear()
        settings = {"features": f"{__name__}:make", "metrics": ["fid"], "count": 100, "draws": 0}
        evaluate_run(run, **(settings | changed))  # type: ignore[arg-type]
        return sum(calls) - 2  # a trial of two samples comes before

    assert seen() == 300  # real, others, generated
    assert seen() == 100
    assert seen(metrics=["kid"]) == 100  # other metrics of the same features
    assert seen(count=90) == 270
    assert seen(seed=1) == 300
    for path in own_cache.glob("real-*"):
        path.write_bytes(b"damaged")
    assert seen() == 300
    assert seen(checkpoint="0") == 100


def test_the_classifier_gives_the_inception_score(run: Path) -> None:
    found = evaluate_run(run, features="classifier", metrics=["inception-score"], draws=10)
    (score,) = found.measurements
    assert score.reference is not None
    assert score.reference > 8.0  # real digits: ten classes, surely told apart
    assert 1.0 <= score.value < score.reference
    assert "accuracy" in score.features


def test_labelled_samples_teach_a_classifier(tmp_path: Path) -> None:
    digits = load("digits")
    x = torch.cat([digits.train.x, digits.validation.x]).numpy()
    y = torch.cat([digits.train.y, digits.validation.y]).numpy()  # type: ignore[list-item]
    np.savez(tmp_path / "real.npz", x=x, y=y)
    np.savez(tmp_path / "good.npz", x=x[::2], y=y[::2])
    np.savez(tmp_path / "wrong.npz", x=x[::2], y=np.roll(y[::2], 1))
    values = {}
    for name in ("good", "wrong"):
        found = evaluate_samples(
            tmp_path / "real.npz", tmp_path / f"{name}.npz", metrics=["accuracy-score"], draws=10
        )
        (values[name],) = found.measurements
    assert values["good"].value > 0.95
    assert values["good"].reference == pytest.approx(values["good"].value, abs=0.03)
    assert values["wrong"].value < 0.3


def test_a_choice_too_small_for_a_metric_is_refused_or_left_out(run: Path, tmp_path: Path) -> None:
    # Features of a network are computed of the chosen samples only: 3 of 1,797, none held out.
    with pytest.raises(UsageError, match=r"20 held-out samples, .* chosen; raise -n"):
        evaluate_run(run, features="classifier", metrics=["memorisation"], count=3)
    left = evaluate_run(run, features="classifier", count=3, draws=0)
    assert "memorisation" not in by_name(left)
    enough = evaluate_run(run, features="classifier", metrics=["memorisation"], count=300, draws=0)
    assert "held out" in enough.measurements[0].note
    digits = load("digits")
    np.savez(tmp_path / "real.npz", x=digits.train.x.numpy(), y=digits.train.y.numpy())  # type: ignore[union-attr]
    where = tmp_path / "real.npz"
    with pytest.raises(UsageError, match="5 samples of each class among 30 to train on"):
        evaluate_samples(where, where, metrics=["accuracy-score"], count=30)
    assert "accuracy-score" not in by_name(evaluate_samples(where, where, count=30, draws=0))


def test_features_that_are_not_finite_are_named(run: Path) -> None:
    with pytest.raises(DataError, match=r"300 of 300|200 of 200"):
        evaluate_run(run, features=f"{__name__}:make_infinite", metrics=["fid"], count=100)


def test_modes_of_a_known_mixture(tmp_path: Path) -> None:
    grid = load("25-grid")
    np.save(tmp_path / "points.npy", grid.codec.decode(grid.validation.x))
    found = by_name(evaluate_samples("25-grid", tmp_path / "points.npy", metrics=["modes"]))
    assert found["modes found"].value == 25
    assert found["high-quality share"].value > 0.95


def test_what_cannot_be_measured_is_refused_in_a_line(run: Path) -> None:
    rows = gaussians(50, 0)
    cases: list[tuple[str, type[Exception], object]] = [
        ("unknown metric 'fud'. Did you mean 'fid'", UsageError,
         lambda: evaluate_samples(rows, rows, metrics=["fud"])),
        ("inception-score cannot be measured", UsageError,
         lambda: evaluate_samples(rows, rows, metrics=["inception-score"])),
        ("critic-estimate cannot be measured: it needs a run", UsageError,
         lambda: evaluate_samples(rows, rows, metrics=["critic-estimate"])),
        ("accuracy-score cannot be measured: it needs labels", UsageError,
         lambda: evaluate_run(run, metrics=["accuracy-score"], count=100)),
        ("51 samples of each cannot be compared", UsageError,
         lambda: evaluate_samples(rows, rows, count=51)),
        ("are of shape 3, the real ones of 4", DataError,
         lambda: evaluate_samples(rows, rows[:, :3])),
        ("draws of the bootstrap", UsageError, lambda: evaluate_samples(rows, rows, draws=-1)),
        ("seed is -1", UsageError, lambda: evaluate_samples(rows, rows, seed=-1)),
        ("no metric is named", UsageError, lambda: evaluate_samples(rows, rows, metrics=[])),
        ("are not those that", RunError, lambda: evaluate_run(run, data="8-ring")),
    ]  # fmt: skip
    for words, kind, call in cases:
        with pytest.raises(kind, match=words):
            call()  # type: ignore[operator]


def test_every_metric_is_described() -> None:
    assert all(names().values())
    assert set(TWO_SETS) <= set(names())
