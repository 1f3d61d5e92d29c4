"""Changing single settings of a recipe: ``--set training.steps=500``."""

from __future__ import annotations

import ast
import dataclasses
import math
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from steadygan.errors import RecipeError, did_you_mean
from steadygan.recipes.components import SCHEDULES, component
from steadygan.recipes.recipe import Recipe
from steadygan.schedules import Schedule


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
        recipe = _replaced(recipe, path.strip().split("."), text.strip(), path.strip())
    return recipe


def _replaced(owner: Any, keys: Sequence[str], text: str, path: str) -> Any:
    """A copy of the dataclass ``owner`` with the value at ``keys`` replaced."""
    key, rest = keys[0], keys[1:]
    fields = [field.name for field in dataclasses.fields(owner)]
    if key not in fields:
        done = path.split(".")[: -len(keys)]
        known = [".".join([*done, name]) for name in fields]
        raise RecipeError(f"unknown setting {path!r}.{did_you_mean('.'.join([*done, key]), known)}")
    value = getattr(owner, key)
    if not rest:
        new = _parsed(text, _hints(type(owner))[key], path)
    elif isinstance(value, tuple):
        new = _replaced_in_tuple(value, rest, text, path)
    elif dataclasses.is_dataclass(value):
        new = _replaced(value, rest, text, path)
    else:
        where = path[: -len(".".join(rest)) - 1]
        raise RecipeError(f"unknown setting {path!r}: {where} is {value!r} and has no settings.")
    return dataclasses.replace(owner, **{key: new})


def _replaced_in_tuple(items: tuple[Any, ...], keys: Sequence[str], text: str, path: str) -> Any:
    names = [str(getattr(item, "name", "")) for item in items]
    if keys[0].isdigit() and int(keys[0]) < len(items):
        index, keys = int(keys[0]), keys[1:]
    elif keys[0] in names:
        index, keys = names.index(keys[0]), keys[1:]
    elif len(items) == 1:
        index = 0
    else:
        known = [f"{i} ({name})" for i, name in enumerate(names)] or ["nothing"]
        raise RecipeError(f"unknown setting {path!r}: there is {', '.join(known)} here.")
    if not keys:
        raise RecipeError(f"{path} is a whole component: set one of its settings, or all of them.")
    changed = _replaced(items[index], keys, text, path)
    return (*items[:index], changed, *items[index + 1 :])


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
    try:
        value = _value(text)
    except RecipeError:
        raise
    except (SyntaxError, ValueError):
        value = text  # a bare word, such as a choice
    fitted = _fit(value, hint)
    if fitted is _MISFIT:
        raise RecipeError(f"{path} takes {_describe(hint)}, not {text!r}.")
    return fitted


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return _literal(ast.parse(text, mode="eval").body)


def _literal(node: ast.expr) -> Any:
    """Numbers, strings, tuples, and components of ours; nothing is evaluated."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        cls = component(node.func.id)
        named = {word.arg: _literal(word.value) for word in node.keywords if word.arg}
        fields = [field.name for field in dataclasses.fields(cls)]
        given = [_literal(argument) for argument in node.args]
        if len(given) > len(fields):
            raise RecipeError(f"{node.func.id} takes at most {len(fields)} settings.")
        named = dict(zip(fields, given, strict=False)) | named
        hints = _hints(cls)
        for key, value in named.items():
            if key not in fields:
                raise RecipeError(
                    f"{node.func.id} has no setting {key!r}.{did_you_mean(key, fields)}"
                )
            named[key] = _fit(value, hints[key])
            if named[key] is _MISFIT:
                raise RecipeError(f"{node.func.id}.{key} takes {_describe(hints[key])}.")
        try:
            return cls(**named)
        except TypeError as error:  # a setting without a default is missing
            raise RecipeError(f"{node.func.id}: {error}.") from None
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_literal(each) for each in node.elts)
    if isinstance(node, ast.Name):
        return _WORDS.get(node.id.lower(), node.id)
    return ast.literal_eval(node)


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
        item = get_args(hint)[0]
        items = value if isinstance(value, tuple) else (value,) if value is not None else ()
        fitted = tuple(_fit(each, item) for each in items)
        return _MISFIT if _MISFIT in fitted else fitted
    if hint in _SCALARS:
        return _SCALARS[hint](value)
    if hint is Schedule:
        return value if isinstance(value, SCHEDULES) else _MISFIT
    if isinstance(hint, type):
        return value if _is_component(value) and isinstance(value, hint) else _MISFIT
    return _MISFIT


def _is_component(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1e5
    return value if isinstance(value, int) and not isinstance(value, bool) else _MISFIT


def _real(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else _MISFIT


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
    named = {int: "a whole number", float: "a number", bool: "true or false", type(None): "none"}
    return named.get(hint) or f"a component such as {_examples(hint)}"


def _examples(hint: Any) -> str:
    from steadygan.recipes.components import COMPONENTS

    if hint is Schedule:
        return "Linear(1e-4, 0)"
    fitting = [name for name, cls in COMPONENTS.items() if _could_be(cls, hint)]
    return ", ".join(f"{name}(…)" for name in fitting[:4]) or getattr(hint, "__name__", str(hint))


def _could_be(cls: type[Any], hint: Any) -> bool:
    try:
        return isinstance(hint, type) and isinstance(cls(), hint)
    except TypeError:
        return False
