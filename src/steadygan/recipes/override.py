"""Changing single settings of a recipe: ``--set training.steps=500``."""

from __future__ import annotations

import ast
import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from steadygan.errors import RecipeError, UsageError, did_you_mean
from steadygan.networks import Custom
from steadygan.recipes.components import COMPONENTS, KINDS, component
from steadygan.recipes.recipe import Recipe


def override(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """The recipe with each ``"path=value"`` applied, in order.

    A path goes through fields by name (``training.steps``) and through tuples by number or by the
    name of an element (``penalty.0.weight``, ``penalty.gradient_penalty.weight``); where there is
    just one element the step may be left out (``penalty.weight``). A value is a number, a word,
    ``none``, ``true``, ``false``, numbers with commas, or a component with its settings:
    ``Linear(2e-4, 0)``, ``DCGAN(width=32)``.

    Raises:
        RecipeError: an unknown path, or a value that does not fit.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise RecipeError(f"--set {assignment!r}: write it as key=value, training.steps=500.")
        path = path.strip()
        recipe = _changed(recipe, Recipe, path.split("."), text.strip(), path)
    return recipe


def _changed(value: Any, hint: Any, keys: Sequence[str], text: str, path: str) -> Any:
    """A copy of ``value``, annotated with ``hint``, where ``text`` is set at ``keys``."""
    if not keys:
        return _parsed(text, hint, path)
    if isinstance(value, tuple):
        return _changed_tuple(value, hint, keys, text, path)
    if not _is_component(value):
        where = path[: -len(".".join(keys)) - 1]
        raise RecipeError(f"unknown setting {path!r}: {where} is {value!r} and has no settings.")
    key, rest = keys[0], keys[1:]
    if key not in _fields(value):
        raise _unknown(path, keys, _fields(value))
    new = _changed(getattr(value, key), _hints(type(value))[key], rest, text, path)
    return dataclasses.replace(value, **{key: new})


def _changed_tuple(
    items: tuple[Any, ...], hint: Any, keys: Sequence[str], text: str, path: str
) -> Any:
    names = [str(getattr(item, "name", "")) for item in items]
    places = {name: i for i, name in enumerate(names) if name and names.count(name) == 1}
    places |= {str(i): i for i in range(len(items))}
    if keys[0] in places:
        index, keys = places[keys[0]], keys[1:]
    elif len(items) != 1:
        known = [f"{i} ({name})" if name else str(i) for i, name in enumerate(names)]
        raise RecipeError(
            f"unknown setting {path!r}: there is {', '.join(known) or 'nothing'} here."
        )
    elif _is_component(items[0]) and keys[0] in _fields(items[0]):
        index = 0  # the only element: its step is left out
    else:
        settings = _fields(items[0]) if _is_component(items[0]) else []
        raise _unknown(path, keys, [*places, *settings])
    item_hint = dict(enumerate(_item_hints(hint, len(items)))).get(index, Any)
    changed = _changed(items[index], item_hint, keys, text, path)
    return (*items[:index], changed, *items[index + 1 :])


def _unknown(path: str, keys: Sequence[str], known: Sequence[str]) -> RecipeError:
    """The error for ``keys[0]``, which is none of ``known`` at its level of the path."""
    done = path.split(".")[: -len(keys)]
    here = [".".join([*done, name]) for name in known]
    return RecipeError(f"unknown setting {path!r}.{did_you_mean('.'.join([*done, keys[0]]), here)}")


def _fields(value: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(value)]


def _is_component(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except NameError as error:  # a class of the user's, annotated with what it does not import
        raise RecipeError(f"the annotations of {cls.__name__} cannot be read: {error}.") from None


_WORDS: dict[str, Any] = {
    "none": None, "null": None,
    "true": True, "yes": True, "on": True,
    "false": False, "no": False, "off": False,
}  # fmt: skip


def _parsed(text: str, hint: Any, path: str) -> Any:
    """The value that ``text`` stands for, checked against the annotation ``hint``."""
    if hint is str:
        return text
    fitted = _fit(_value(text), hint)
    if fitted is _MISFIT:
        raise RecipeError(f"{path} takes {_describe(hint)}, not {text!r}.")
    return fitted


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return _literal(ast.parse(text, mode="eval").body)
    except UsageError:  # a ValueError too, and what a component says of its own settings
        raise
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text


def _literal(node: ast.expr) -> Any:
    """Numbers, strings, tuples, and components of ours; nothing is evaluated."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _built(node.func.id, node)
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_literal(each) for each in node.elts)
    if isinstance(node, ast.Name):
        return _WORDS.get(node.id.lower(), node.id)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return ast.unparse(node)  # words, such as probe.coverage


def _built(name: str, call: ast.Call) -> Any:
    """The component of ours that ``Name(value, key=value)`` stands for."""
    cls = component(name)
    hints = _hints(cls)
    fields = dataclasses.fields(cls)
    known = [field.name for field in fields]
    if len(call.args) > len(known):
        raise RecipeError(f"{name} takes at most {len(known)} settings.")
    given = [*zip(known, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
    values: dict[str, Any] = {}
    for key, node in given:
        if key not in known:  # None is **
            raise RecipeError(
                f"{name} has no setting {key or '**'!r}.{did_you_mean(key or '', known)}"
            )
        if key in values:
            raise RecipeError(f"{name} is given {key!r} twice.")
        values[key] = _fit(_literal(node), hints[key])
        if values[key] is _MISFIT:
            wanted, text = _describe(hints[key]), ast.unparse(node)
            raise RecipeError(f"{name}.{key} takes {wanted}, not {text!r}.")
    required = [f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING]
    missing = [key for key in required if key not in values]
    if missing:
        raise RecipeError(f"{name} needs {' and '.join(missing)}.")
    return cls(**values)


_MISFIT: Any = object()


def _fit(value: Any, hint: Any) -> Any:
    """``value`` as the annotation wants it, or ``_MISFIT``."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        fits = (_fit(value, option) for option in get_args(hint))
        return next((fit for fit in fits if fit is not _MISFIT), _MISFIT)
    if origin is Literal:
        return value if value in get_args(hint) else _MISFIT
    if origin is tuple:
        items = value if isinstance(value, tuple) else (value,) if value is not None else ()
        wanted = _item_hints(hint, len(items))
        if len(wanted) != len(items):
            return _MISFIT
        fitted = tuple(_fit(each, one) for each, one in zip(items, wanted, strict=True))
        return _MISFIT if any(each is _MISFIT for each in fitted) else fitted
    if hint in _SCALARS:
        return _SCALARS[hint](value)
    return value if isinstance(value, _classes(hint)) else _MISFIT


def _item_hints(hint: Any, count: int) -> tuple[Any, ...]:
    """The annotation of each of ``count`` elements of a tuple annotated with ``hint``."""
    options = (hint, *get_args(hint))
    arguments: tuple[Any, ...] = next(
        (get_args(each) for each in options if get_origin(each) is tuple), ()
    )
    return (arguments[0],) * count if arguments[1:] == (...,) else arguments


def _classes(hint: Any) -> tuple[type[Any], ...]:
    """The components of ours that fit ``hint``, by the table; none where Python alone can."""
    return KINDS.get(hint) or tuple(each for each in COMPONENTS.values() if each is hint)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1e5
    return value if isinstance(value, int) and not isinstance(value, bool) else _MISFIT


def _real(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Not infinite, not NaN, and no whole number too large for a float.
    return float(value) if number and abs(value) <= sys.float_info.max else _MISFIT


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    int: _whole,
    float: _real,
    bool: lambda value: value if isinstance(value, bool) else _MISFIT,
    str: lambda value: value if isinstance(value, str) else _MISFIT,
    type(None): lambda value: None if value is None else _MISFIT,
}


def _describe(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_describe(option) for option in get_args(hint))
    if origin is Literal:
        return " or ".join(str(choice) for choice in get_args(hint))
    if origin is tuple:
        return f"{_describe(get_args(hint)[0])}, or several with commas"
    fitting = ", ".join(f"{each.__name__}(…)" for each in _classes(hint) if each is not Custom)
    if fitting:
        return f"a component such as {fitting}"
    return _NAMES.get(hint, "what only a recipe of your own can give (--recipe module:function)")


_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    type(None): "none",
}
