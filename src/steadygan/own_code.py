"""What users name as ``module:function`` or ``file.py:function``: their own code, imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from steadygan.errors import UsageError, did_you_mean


def own_function(text: str, error: type[UsageError] = UsageError) -> Any:
    """The function or class that ``text`` names.

    Raises:
        UsageError: of the kind ``error``: there is none, or its module cannot be imported.
    """
    module_name, _, function_name = text.rpartition(":")
    module = _module(module_name, error)
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise error(
            f"{module_name} has no function {function_name!r}.{did_you_mean(function_name, known)}"
        )
    return function


def _module(name: str, error: type[UsageError]) -> object:
    """Import a module by name, with the working directory first, or a file by its path."""
    path = Path(name)
    is_file = name.endswith(".py")
    folder = str((path.parent if is_file else Path()).resolve())
    sys.path.insert(0, folder)  # so that it finds what lies beside it
    try:
        return _from_file(path, error) if is_file else importlib.import_module(name)
    except UsageError:
        raise
    except (Exception, SystemExit) as raised:  # whatever the user's own module raises
        reason = " ".join(f"{type(raised).__name__}: {raised}".split())
        raise error(f"{name or 'nothing'} cannot be imported ({reason}).") from raised
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _from_file(path: Path, error: type[UsageError]) -> object:
    if not path.is_file():
        raise error(f"there is no file {path}.")
    name = path.stem
    if _belongs_to_another(name, path):
        raise error(f"{path} has the name of another module, {name!r}: rename the file.")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # inspect.getsource and dataclasses look the module up by its name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _belongs_to_another(name: str, path: Path) -> bool:
    """Whether Python's library or an installed package has a module ``name``, whose place the file
    would take for everyone who imports it later."""
    if name in sys.stdlib_module_names:
        return True
    own = {path.parent.resolve(), Path.cwd()}
    found = PathFinder.find_spec(
        name, [each for each in sys.path if Path(each).resolve() not in own]
    )
    return found is not None and found.loader is not None
