"""The examples run as they are, and what the README says of them holds."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from steadygan.cli import main
from steadygan.conformance import check_objective, check_penalty, check_stabiliser
from steadygan.diagnosis.watching import CHECKS
from steadygan.interfaces import Objective, Penalty
from steadygan.recipes import PRESETS, Recipe, override
from steadygan.recipes.components import KINDS

# Described in usage.md, or on the page as settings.
NOT_METHODS = {"Linear", "Cosine", "Exponential", "SGD", "RMSProp", "Adam", "AdamW"}
ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_manual_loop_runs_and_is_short() -> None:
    path = EXAMPLES / "manual_loop.py"
    assert len(path.read_text().splitlines()) < 40
    command = [sys.executable, str(path), "3"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"step 3: estimate -?\d+\.\d{4}, \d+ of 25 modes\n", output)


def test_the_monitored_dcgan_is_healthy_but_for_what_it_does_not_do(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "monitor_dcgan.py"), "40", str(tmp_path / "run")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.startswith("healthy: ")
    assert (tmp_path / "run" / "history.jsonl").read_text().count('"kind": "record"') == 4


def test_own_classes_conform() -> None:
    own = load("own_recipe")
    objective, penalty = own.Energy(), own.Midpoints()
    assert isinstance(objective, Objective)
    assert isinstance(penalty, Penalty)
    check_objective(objective)
    check_penalty(penalty)
    check_stabiliser(own.Fade())


def test_each_own_piece_takes_under_20_lines() -> None:
    tree = ast.parse((EXAMPLES / "own_recipe.py").read_text())
    pieces = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    assert {"Energy", "Midpoints", "Fade", "generator", "critic"} <= set(pieces)
    assert max(pieces.values()) < 20


def test_an_own_recipe_trains_resumes_and_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = ["--recipe", f"{EXAMPLES / 'own_recipe.py'}:recipe"]
    out = str(tmp_path / "run")
    assert main(["train", "digits", *recipe, "--steps", "20", "--out", out]) == 0
    written = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert written["objective"]["class"] == "own_recipe:Energy"
    assert main(["resume", out, "--steps", "30"]) == 2
    assert "--recipe" in capsys.readouterr().err
    assert main(["resume", out, "--steps", "30", *recipe]) == 0
    assert main(["sample", out, "-n", "4", "-o", str(tmp_path / "a.png"), *recipe]) == 0
    assert main(["info", out]) == 0


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", page.read_text()):
            name = target[0] or target[1]
            assert (page.parent / name).exists(), f"{page.relative_to(ROOT)} links to {name}"


def test_the_snippets_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text()
    first = next(b for b in re.findall(r"```python\n(.*?)```", text, re.S) if "train(" in b)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    exec(first.replace("steps=2000", "steps=20"), scope)
    assert getattr(scope["images"], "shape", None) == (16, 8, 8, 1)


def test_the_page_of_the_doctor_lists_every_check_of_a_run_in_order() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text()
    section = page.split("## While training")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.M) == [check.name for check in CHECKS]


def test_the_page_of_methods_names_every_method_and_its_settings_parse() -> None:
    page = (ROOT / "docs" / "methods.md").read_text()
    for name in {each.__name__ for kind in KINDS.values() for each in kind} - NOT_METHODS:
        assert re.search(rf"[`\"]{name}[(`]", page), name
    for name in set(PRESETS) - {"digits", "wgan-gp-resnet"}:
        assert f"`{name}`" in page, name
    settings = re.findall(r'([a-z_.]+)="([^"]+)"', page.replace("…", "critic_optimiser."))
    assert len(settings) > 8
    for path, value in settings:
        changes = ["n_critic=1", f"{path.replace('..', '.')}={value}"]
        if path == "auxiliary":
            changes.insert(0, "conditional=true")
        override(Recipe(), changes)
