"""The rules of the code base, read from its imports."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import steadygan

ROOT = Path(steadygan.__file__).parent

# Data flows one way: a module imports from its own layer's folder and from earlier layers only.
LAYERS = [
    {"errors", "cache", "memory"},
    {"interfaces", "schedules", "reference", "processes", "own_code"},
    {"record", "data"},
    {"networks"},
    {"objectives", "penalties", "constraints", "stabilisers"},
    {"step", "conformance"},
    {"training"},
    {"history", "environment"},
    {"features"},
    {"metrics", "tensorboard"},
    {"diagnosis"},
    {"recipes"},
    {"run"},
    {"treatment"},
    {"evaluation", "reporting"},
    {"app"},
    {"comparison"},
    {"cli"},
    {"__init__", "__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Slow to import, or optional: only inside the functions that use them.
LAZY = {
    "sklearn",
    "scipy",
    "pandas",
    "matplotlib",
    "PIL",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "ot",
    "torch_fidelity",
    "timm",
    "transformers",
    "tensorboard",
}


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    """(layer, dotted path, syntax tree) of every module of the package."""
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        layer = relative.parts[0].removesuffix(".py")
        yield layer, str(relative), ast.parse(path.read_text(encoding="utf-8"))


MODULES = list(modules())


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where data flow"
            yield node.module or ""


def top_level_imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        yield from imports(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else ()


def test_every_layer_has_a_place_in_the_flow() -> None:
    assert {layer for layer, _, _ in modules()} == set(RANK)


@pytest.mark.parametrize(("layer", "path", "tree"), MODULES, ids=[path for _, path, _ in MODULES])
def test_data_flow_one_way(layer: str, path: str, tree: ast.Module) -> None:
    if layer in ("__init__", "__main__"):
        return
    for name in imports(tree):
        if not name.startswith("steadygan."):
            assert name != "steadygan", f"{path} imports the package's own front"
            continue
        other = name.split(".")[1]
        same = other == layer
        assert same or RANK[other] < RANK[layer], f"{path} imports {name}, against the flow"


def test_history_and_diagnosis_know_no_trainer() -> None:
    for layer, path, tree in MODULES:
        if layer in ("history", "diagnosis"):
            assert not any("training" in name for name in imports(tree)), path


def test_reports_are_made_of_what_training_left_and_not_by_the_trainer() -> None:
    for layer, path, tree in MODULES:
        if layer == "reporting":
            assert not any("training" in name for name in imports(tree)), path


def test_slow_libraries_are_imported_where_they_are_used() -> None:
    for _, path, tree in MODULES:
        heavy = {name.split(".")[0] for name in top_level_imports(tree)} & LAZY
        assert not heavy, f"{path} imports {heavy} when it is loaded"


def test_the_command_line_loads_no_torch() -> None:
    for layer, path, tree in MODULES:
        if layer == "cli":
            for name in top_level_imports(tree):
                root = name.split(".")[:2]
                light = root[0] != "steadygan" or root[1] in ("cli", "errors", "memory")
                assert name.split(".")[0] != "torch", path
                assert light, f"{path} imports {name} when it is loaded"
    code = (
        "import sys\nfrom steadygan.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "assert 'steadygan.cli.train' in sys.modules\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_importing_the_package_loads_nothing_slow() -> None:
    loaded = ", ".join(f"'{name}' in sys.modules" for name in sorted(LAZY | {"torch"}))
    code = f"import sys, steadygan\nprint(any([{loaded}]))\nsteadygan.train\nprint([{loaded}])"
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    bare, with_app = result.stdout.splitlines()
    assert bare == "False"
    present = dict(zip(sorted(LAZY | {"torch"}), ast.literal_eval(with_app), strict=True))
    assert {name for name, there in present.items() if there} == {"torch"}


def test_every_public_name_exists_and_is_documented() -> None:
    for name in steadygan.__all__:
        thing = getattr(steadygan, name)
        assert thing.__doc__, name
    assert set(steadygan.__all__) <= set(dir(steadygan))
    with pytest.raises(AttributeError, match="nonsense"):
        steadygan.nonsense  # noqa: B018
    for folder in sorted(p.parent for p in ROOT.glob("*/__init__.py")):
        module = importlib.import_module(f"steadygan.{folder.name}")
        for name in getattr(module, "__all__", []):
            assert hasattr(module, name), f"{folder.name}.{name}"


def test_no_pickle_is_loaded() -> None:
    for _, path, tree in MODULES:
        names = set(imports(tree))
        assert not names & {"pickle", "dill", "joblib", "shelve"}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                call = f"{node.value.id}.{node.attr}"
                assert call not in ("torch.load", "torch.save"), f"{path} uses {call}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, f"{path} allows pickle"
