"""Comparisons: what they plan, that they survive and go on, and that the table is right."""

from __future__ import annotations

import io
import json
import math
import shutil
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import steadygan
from steadygan.app import alone
from steadygan.comparison import (
    Axis,
    Column,
    Combination,
    Comparison,
    Member,
    MemberResult,
    Panel,
    Plan,
    Results,
    columns_of,
    draw,
    pack,
    parse_axis,
    resume_comparison,
    spread_of,
)
from steadygan.errors import RecipeError, RunError, UsageError
from steadygan.record import Row
from steadygan.run import Run

TINY = ["architecture=MLP(hidden=(16,16))", "training.batch_size=16"]
ROWS = np.random.default_rng(0).normal(5.0, 2.0, (300, 2))


def on_rows(out: Path, recipes: str = "wgan-gp", **options: Any) -> Comparison:
    """A comparison of seconds, on an array."""
    options = {"seeds": 2, "steps": 4, "overrides": TINY} | options
    return steadygan.compare(ROWS, recipes, out=out, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- the plan


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("n_critic=1,2,5", "n_critic", ("1", "2", "5")),
        ("ema=none", "ema", ("none",)),
        (" lr = 1e-3 , Linear(1e-3,0) ", "lr", ("1e-3", "Linear(1e-3,0)")),
        ("a=MLP(hidden=(16,16)),DCGAN(width=8)", "a", ("MLP(hidden=(16,16))", "DCGAN(width=8)")),
        ("best=Signal('a,b','lower'),none", "best", ("Signal('a,b','lower')", "none")),
        ("x=[1,2],(3,4)", "x", ("[1,2]", "(3,4)")),
    ],
)
def test_a_grid_is_split_at_the_commas_between_values(
    text: str, key: str, values: tuple[str, ...]
) -> None:
    assert parse_axis(text) == Axis(key, values)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("n_critic", "key=value"),
        ("=1,2", "key=value"),
        ("n_critic=", "empty"),
        ("n_critic=1,,2", "empty"),
        ("n_critic=1,2,1", "'1' is given twice"),
        ("lr=Linear(1e-3,0", r"\( is never closed"),
        ("lr=Linear)1", r"\) closes nothing"),
        ("lr=([1)]", r"\) closes nothing"),
        ("name='a,b", "' is never closed"),
    ],
)
def test_a_grid_that_cannot_be_read_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        parse_axis(text)


VALUES = st.recursive(
    st.text("abc123.-", min_size=1, max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"F({','.join(parts)})"),
    max_leaves=6,
)


@given(st.lists(VALUES, min_size=1, max_size=5, unique=True))
def test_values_joined_with_commas_come_apart_as_they_were(values: list[str]) -> None:
    assert parse_axis("key=" + ",".join(values)).values == tuple(values)


PLAN = Plan(
    data="8-ring",
    fingerprint="f",
    recipes=("wgan", "mine.py:recipe"),
    seeds=2,
    overrides=("latent_dim=3",),
    grid=(Axis("n_critic", ("1", "2")), Axis("ema", ("none", "EMA(0.9)", "EMA(0,9)"))),
    steps=5,
)


def test_every_recipe_meets_every_combination_with_every_seed() -> None:
    members = PLAN.members()
    assert len(members) == len(set(members)) == 2 * 2 * 3 * 2
    assert [m.seed for m in members[:3]] == [0, 1, 0]
    assert members[0].combination == Combination("wgan", ("n_critic=1", "ema=none"))
    assert members[-1].combination == Combination("mine.py:recipe", ("n_critic=2", "ema=EMA(0,9)"))
    assert PLAN.overrides_of(members[0].combination) == (
        "latent_dim=3", "n_critic=1", "ema=none",
    )  # fmt: skip


def test_the_names_of_runs_are_apart_and_safe() -> None:
    clashing = replace(PLAN, recipes=("a/b.py:f", "a-b.py:f", "A-b.py:f", "x" * 300))
    names = [member.name.casefold() for member in clashing.members()]
    assert len(set(names)) == len(names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._=+-") for name in names)
    assert max(map(len, names)) < 200


def test_a_plan_comes_back_from_json() -> None:
    assert Plan.from_json(json.loads(json.dumps(PLAN.to_json()))) == PLAN
    with pytest.raises(RunError, match="seeds"):
        Plan.from_json({k: v for k, v in PLAN.to_json().items() if k != "seeds"})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"recipes": ()}, "no recipe"),
        ({"recipes": ("wgan", "wgan")}, "'wgan' is given twice"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": 1_000}, "12,000 trainings"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": None, "minutes": math.inf}, "minutes is inf"),
        ({"minutes": 1.0}, "two budgets"),
        ({"grid": (Axis("latent_dim", ("1",)),)}, "latent_dim is both set and in the grid"),
        ({"grid": (Axis("ema", ("1",)), Axis("ema", ("2",)))}, "'ema' is given twice"),
        ({"grid": (Axis("training.steps", ("1", "2")),)}, "beside the budget"),
        ({"overrides": ("seed=3",)}, "seed cannot be set"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        replace(PLAN, **changes)


# --- what was found


def found(member: Member, value: float | None, **others: float) -> MemberResult:
    if value is None:
        return MemberResult(member, "failed", "it broke")
    numbers = {"coverage": value} | others
    measured = tuple(
        {"name": n, "value": v, "n_real": 50, "n_fake": 1_000, "features": "pixels"}
        for n, v in numbers.items()
    )
    return MemberResult(member, "finished", "done", 5, 10.0 * member.seed, measured)


def test_mean_and_spread_are_over_the_seeds_that_finished() -> None:
    plan = replace(PLAN, recipes=("a", "b"), grid=(), seeds=3)
    values = [0.2, 0.4, None, 0.9, None, None]
    members = tuple(
        found(member, value, modes=seven)
        for member, value, seven in zip(plan.members(), values, [7, 8] * 3, strict=True)
    )
    results = Results("data", plan, members)
    first, second = results.rows
    spread = first.spreads()["coverage"]
    assert spread.mean == pytest.approx(0.3)
    assert spread.std == pytest.approx(math.sqrt(0.02))  # (0.1² + 0.1²) / (2 − 1)
    assert spread.values == {0: 0.2, 1: 0.4}
    assert second.spreads()["coverage"].std is None
    assert (first.seconds, second.seconds) == (5.0, 0.0)
    assert {c.heading: c.cells for c in columns_of(results)} == {
        "recipe": ("a", "b"),
        "finished": ("2 of 3", "1 of 3"),
        "status": ("1 failed", "2 failed"),
        "seconds": ("5.0", "0.0"),
        "coverage": ("0.300 ± 0.141", "0.900"),
        "modes": ("7.5 ± 0.7", "8"),
    }
    assert results.failures() == [
        "a failed with seed 2: it broke",
        "b failed with seed 1, 2: it broke",
    ]
    assert "coverage: on 1,000 samples and 50 real, pixels." in results.caption()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6))
def test_the_spread_is_the_sample_standard_deviation(values: list[float]) -> None:
    spread = spread_of(dict(enumerate(values)))
    assert spread.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert spread.std == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)


@given(
    st.lists(st.tuples(st.text("ab ", max_size=20), st.text("c", max_size=20)), min_size=2),
    st.integers(45, 150),
)
def test_packed_tables_fit_and_hold_every_column_once(
    texts: list[tuple[str, str]], width: int
) -> None:
    columns = [Column(f"{i} {heading}", (cell,)) for i, (heading, cell) in enumerate(texts)]
    tables = pack(columns, width)
    assert [c for table in tables for c in table[1:]] == columns[1:]
    for table in tables:
        assert table[0] is columns[0]
        assert sum(column.width + 2 for column in table) <= width


def test_the_figure_has_five_panels_in_a_row_at_most() -> None:
    def size(count: int) -> tuple[int, int]:
        picture = np.zeros((20, 20, 3), np.uint8)
        panels = [Panel(f"recipe {i}\nn_critic={i}", picture) for i in range(count - 1)]
        png = draw(
            [*panels, Panel("broken_$x\nn_critic=0", None, "failed: $1 is not_finite_")], "heading"
        )
        with Image.open(io.BytesIO(png)) as image:
            image.load()
            return image.size

    one, five, six, fifteen = (size(count) for count in (1, 5, 6, 15))
    assert five == (5 * one[0], one[1])
    assert six[0] == 3 * one[0]
    assert fifteen[0] == 5 * one[0]
    assert fifteen[1] > 2.5 * one[1]


# --- trainings


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison with a recipe that does not fit, shared by the tests that only read it."""
    out = tmp_path_factory.mktemp("compare") / "done"
    on_rows(out, "wgan-gp,wgan-gp-resnet,wgan", grid=["n_critic=1,2"])
    return out


def test_the_directory_of_a_comparison_holds_everything(done: Path) -> None:
    assert {p.name for p in done.iterdir()} == {
        "comparison.json", "results.json", "table.md", "figure.png", "runs",
    }  # fmt: skip
    assert {p.name for p in (done / "runs").iterdir()} == {
        f"{recipe}-n_critic={n}-seed{seed}"
        for recipe in ("wgan-gp", "wgan")
        for n in (1, 2)
        for seed in (0, 1)
    }
    run = Run(done / "runs" / "wgan-n_critic=2-seed1")
    assert (run.status, run.recipe.name, run.recipe.n_critic) == ("finished", "wgan", 2)
    assert (run.recipe.seed, run.recipe.training.steps) == (1, 4)
    assert run.recipe.training.batch_size == 16
    with Image.open(done / "figure.png") as image:
        assert image.width > image.height  # three panels above three


def test_a_recipe_that_does_not_fit_fails_alone(done: Path) -> None:
    results = json.loads((done / "results.json").read_text())
    status = {(row["recipe"], row["status"], row["finished"]) for row in results["rows"]}
    assert status == {
        ("wgan-gp", "finished", 2), ("wgan-gp-resnet", "2 failed", 0), ("wgan", "finished", 2),
    }  # fmt: skip
    failed = [m["reason"] for m in results["members"] if m["status"] == "failed"]
    assert failed == ["wgan-gp-resnet is for images; on points and tables use wgan-gp."] * 4
    assert "is for images" in (done / "table.md").read_text()


def test_the_results_are_those_of_the_runs(done: Path) -> None:
    results = json.loads((done / "results.json").read_text())
    table = (done / "table.md").read_text()
    runs = [Run(done / "runs" / f"wgan-gp-n_critic=1-seed{seed}") for seed in (0, 1)]
    row = results["rows"][0]
    assert row["setting"] == ["n_critic=1"]
    assert [m["name"] for m in row["metrics"]] == [m["name"] for m in runs[0].metrics]
    for index, metric in enumerate(row["metrics"]):
        values = [run.metrics[index]["value"] for run in runs]
        assert list(metric["values"].values()) == values
        assert metric["mean"] == pytest.approx(sum(values) / 2)
        assert metric["std"] == pytest.approx(abs(values[0] - values[1]) / math.sqrt(2))
        assert f"{metric['mean']:.3f} ± {metric['std']:.3f}" in table
    assert row["seconds"] == statistics.median(run.info()["seconds"] for run in runs)


def test_a_member_is_what_train_alone_gives(done: Path, tmp_path: Path) -> None:
    alone = steadygan.train(
        ROWS, "wgan", out=tmp_path / "run", overrides=[*TINY, "n_critic=2"], seed=1, steps=4
    )
    member = done / "runs" / "wgan-n_critic=2-seed1"
    assert (member / "generator.safetensors").read_bytes() == (alone.files.generator.read_bytes())


@pytest.mark.parametrize("damage", ["killed", "half made", "absent", "not measured"])
def test_what_was_interrupted_is_gone_on_with(done: Path, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "copy"
    shutil.copytree(done, out)
    run = out / "runs" / "wgan-gp-n_critic=1-seed1"
    whole = (run / "generator.safetensors").read_bytes()
    if damage == "absent":
        shutil.rmtree(run)
    elif damage == "half made":
        (run / "recipe.json").unlink()
    elif damage == "not measured":
        (run / "metrics.json").unlink()
    else:
        for name in ("generator.safetensors", "metrics.json"):
            (run / name).unlink()
        (run / "checkpoints" / "step-000000004.safetensors").unlink()
        (run / "status.json").write_text('{"status": "running"}')
    seen: list[Row] = []
    said: list[str] = []
    before = contents(out / "runs")
    again = resume_comparison(out, data=ROWS, observers=[seen.append], say=said.append)
    assert again.results.interrupted is None
    assert (run / "generator.safetensors").read_bytes() == whole
    resumed = damage in ("killed", "not measured")
    assert any(row.values.get("event") == "resume" for row in seen) == resumed
    assert sum(line.endswith(" …") for line in said) == 1
    unchanged = {k: v for k, v in before.items() if run.name not in k}
    assert unchanged.items() <= contents(out / "runs").items()
    was, now = (json.loads((d / "results.json").read_text())["rows"] for d in (done, out))
    assert [row["metrics"] for row in now] == [row["metrics"] for row in was]


def test_the_same_call_again_trains_nothing(done: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    shutil.copytree(done, out)
    said: list[str] = []
    before = contents(out)
    on_rows(out, "wgan-gp,wgan-gp-resnet,wgan", grid=["n_critic=1,2"], say=said.append)
    assert len(said) == 12
    assert all("kept, " in line for line in said)
    after = contents(out)
    assert after == before


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seeds": 3}, "seeds was 2 and is 3"),
        ({"steps": 5}, "steps was 4 and is 5"),
        ({"grid": ["n_critic=1"]}, "grid was n_critic=1,2 and is n_critic=1"),
        ({"overrides": TINY[:1]}, "overrides was"),
        ({"recipes": "wgan"}, "recipes was wgan-gp wgan-gp-resnet wgan and is wgan"),
    ],
)
def test_another_plan_is_refused(done: Path, changes: dict[str, Any], complaint: str) -> None:
    before = contents(done)
    options = {"recipes": "wgan-gp,wgan-gp-resnet,wgan", "grid": ["n_critic=1,2"]} | changes
    with pytest.raises(RunError, match=complaint):
        on_rows(done, **options)
    assert contents(done) == before


def test_other_data_are_refused(done: Path) -> None:
    with pytest.raises(RunError, match="the data have changed"):
        steadygan.compare(
            ROWS + 1, "wgan-gp,wgan-gp-resnet,wgan", out=done, seeds=2, steps=4, overrides=TINY,
            grid=["n_critic=1,2"],
        )  # fmt: skip
    with pytest.raises(RunError, match="not those"):
        resume_comparison(done, data=ROWS + 1)
    with pytest.raises(RunError, match="pass it again as data"):
        resume_comparison(done)


MINE = """
from pathlib import Path
import torch
from steadygan import Recipe
from steadygan.networks import Custom, MLP

class Generator(torch.nn.Linear):
    def forward(self, latent):
        # A batch that is trained on: not when it is checked.
        if len(latent) == 16 and torch.is_grad_enabled() and Path({flag!r}).exists():
            raise {error}
        return super().forward(latent)

def generator(spec, latent_dim):
    return Generator(latent_dim, spec.shape[0])

def critic(spec):
    return torch.nn.Sequential(torch.nn.Linear(spec.shape[0], 4), torch.nn.Linear(4, 1))

def recipe(spec):
    return Recipe(name="mine", architecture=Custom(generator, critic), latent_dim=4)
"""


@pytest.mark.parametrize("error", ["RuntimeError('out of\\nmemory')", "KeyError('mine')"])
def test_a_crash_is_recorded_kept_and_retried(tmp_path: Path, error: str) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    mine = tmp_path / "crashing_recipe.py"
    mine.write_text(MINE.format(flag=str(flag), error=error))
    out, recipes = tmp_path / "out", f"{mine}:recipe,wgan-gp"
    options: dict[str, Any] = {"overrides": ["training.batch_size=16"], "seeds": 1}
    first = on_rows(out, recipes, **options)
    assert [m.status for m in first.results.members] == ["failed", "finished"]
    reason = first.results.members[0].reason
    assert reason in ("RuntimeError: out of memory", "KeyError: 'mine'")
    run = first.run(first.results.members[0].member)
    assert run.status == "running"  # as if it had been killed, and yet it is not resumed:

    flag.unlink()
    kept = on_rows(out, recipes, **options)
    assert [m.status for m in kept.results.members] == ["failed", "finished"]
    assert kept.results.members[0].reason == reason

    retried = on_rows(out, recipes, retry=True, **options)
    assert "resume" in run.files.history.read_text()
    assert [m.status for m in retried.results.members] == ["finished", "finished"]
    assert retried.run(retried.results.members[0].member).sample(3).shape == (3, 2)


def test_own_code_that_was_mended_is_trained_anew(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    mine = tmp_path / "mended_recipe.py"
    broken = MINE.format(flag=str(flag), error="ValueError('a slip')")
    mine.write_text(broken)
    options: dict[str, Any] = {"overrides": ["training.batch_size=16"], "seeds": 1}
    first = on_rows(tmp_path / "out", f"{mine}:recipe", **options)
    (member,) = first.results.members
    history = first.run(member.member).files.history
    mine.write_text(broken.replace("return Generator(", "return torch.nn.Linear("))
    retried = on_rows(tmp_path / "out", f"{mine}:recipe", retry=True, **options)
    assert [m.status for m in retried.results.members] == ["finished"]
    assert "resume" not in history.read_text()

    moved = mine.rename(tmp_path / "elsewhere.py")
    with pytest.raises(RecipeError, match="there is no file"):
        resume_comparison(tmp_path / "out", data=ROWS)
    assert moved.exists()


def test_two_processes_do_not_train_one_comparison(done: Path) -> None:
    with alone(done / "comparison.json", "held"), pytest.raises(RunError, match="another process"):
        resume_comparison(done, data=ROWS)


def test_a_training_given_up_is_a_failure(tmp_path: Path) -> None:
    wild = ["critic_optimiser=SGD(lr=1e30)", "generator_optimiser=SGD(lr=1e30)"]
    comparison = on_rows(tmp_path / "out", overrides=[*TINY, *wild], seeds=1, steps=10)
    (result,) = comparison.results.members
    assert result.status == "failed"
    assert result.reason is not None
    assert result.reason.startswith("non_finite: ")
    assert not comparison.results.finished
    (kept,) = on_rows(tmp_path / "out", overrides=[*TINY, *wild], seeds=1, steps=10).results.members
    assert kept == result


def test_one_member_does_not_choose_the_threads_of_the_next(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    out = tmp_path / "out"
    on_rows(out, grid=["training.threads=7,none"], seeds=1)
    threads = [
        Run(out / "runs" / f"wgan-gp-training.threads={n}-seed0").recipe.training.threads
        for n in ("7", "none")
    ]
    assert threads == [7, before]


def test_the_budget_in_seconds_and_the_default_recipe(tmp_path: Path) -> None:
    comparison = steadygan.compare(
        "digits", out=tmp_path / "out", seeds=1, seconds=0.3, overrides=TINY
    )
    (result,) = comparison.results.members
    assert result.member.combination.recipe == "digits"
    assert comparison.run(result.member).recipe.training.minutes == pytest.approx(0.005)
    assert comparison.run(result.member).recipe.training.steps is None
    with pytest.raises(UsageError, match="two budgets"):
        steadygan.compare("digits", out=tmp_path / "no", seconds=1, steps=1)
    assert not (tmp_path / "no").exists()
