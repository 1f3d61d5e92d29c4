"""A peer's own code, taken out of its scripts when the benchmark runs.

Scripts train as soon as they are imported, on data and networks of their own. So their text is
parsed, the functions and the loop that make up a training step are picked out, and run in a
namespace in which the names that they use stand for our networks and data.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

# A print statement of Python 2: the word, a blank, and no parenthesis.
_PRINT = re.compile(r"^(\s*)print[ \t]+[^(\s].*$", re.MULTILINE)


class PeerError(Exception):
    """The peer's code is not what the adaptor was written for."""


class Script:
    """A peer's script, parsed.

    Args:
        path: of the script.
        python2: rewrite what Python 3 does not read or reads otherwise, and nothing else: print
            statements become ``pass``, and ``/`` between integers is left to ``floor_division``.

    Raises:
        PeerError: it cannot be read or parsed.
    """

    def __init__(self, path: Path, *, python2: bool = False) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            self.tree = ast.parse(_PRINT.sub(r"\1pass", text) if python2 else text)
        except (OSError, SyntaxError) as error:
            raise PeerError(f"{path.name}: {error}") from None

    def function(self, name: str) -> ast.FunctionDef:
        """The function of this name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
        raise PeerError(f"{self.path.name} has no function {name}.")

    def assignment(self, name: str) -> ast.Assign:
        """The first assignment to this name alone."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [name]:
                return node
        raise PeerError(f"{self.path.name} assigns nothing to {name}.")

    def loop(self, target: str, over: str) -> ast.For:
        """The first loop ``for TARGET in OVER``, as ``ast.unparse`` writes both."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.For) and (
                (ast.unparse(node.target), ast.unparse(node.iter)) == (target, over)
            ):
                return node
        raise PeerError(f"{self.path.name} has no loop 'for {target} in {over}'.")

    def compiled(self, nodes: Sequence[ast.stmt]) -> CodeType:
        """The nodes as code, whose tracebacks name the peer's own lines."""
        module = ast.fix_missing_locations(ast.Module(body=list(nodes), type_ignores=[]))
        return compile(module, str(self.path), "exec")

    def run(self, nodes: Sequence[ast.stmt], names: dict[str, Any]) -> None:
        exec(self.compiled(nodes), names)


def floor_division(node: ast.stmt) -> ast.stmt:
    """With every ``/`` in it as ``//``, as Python 2 divides integers."""
    for each in ast.walk(node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Div):
            each.op = ast.FloorDiv()
    return node


def with_argument(node: ast.stmt, function: str, position: int, old: Any, new: Any) -> ast.stmt:
    """With the constant ``old`` at this position of calls of ``function`` replaced by ``new``."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and ast.unparse(each.func) == function:
            argument = each.args[position] if len(each.args) > position else None
            if isinstance(argument, ast.Constant) and argument.value == old:
                each.args[position] = ast.Constant(new)
    return node


def packages(folder: Path, names: Mapping[str, str]) -> None:
    """Register packages without running their ``__init__``, which would load what steps need not.

    Args:
        folder: that holds them.
        names: dotted name to folder below ``folder``.
    """
    import sys
    import types

    for name, place in names.items():
        if not (folder / place).is_dir():
            raise PeerError(f"there is no folder {place} in {folder.name}.")
        package = types.ModuleType(name)
        package.__path__ = [str(folder / place)]
        sys.modules[name] = package
