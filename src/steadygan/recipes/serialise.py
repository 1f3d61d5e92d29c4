"""Recipes as JSON, and back.

Ours: ``{"class": "TwoSided", "target": 1.0}``. Your own: ``{"class": "mine:MyPenalty",
"source_sha256": …, fields}``; a function: ``{"function": "mine:make", "source_sha256": …}``. Such
are compared with what the recipe names now, never imported from the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from steadygan.errors import RecipeError
from steadygan.recipes.components import COMPONENTS, component
from steadygan.recipes.recipe import Recipe


def to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON-able dicts, lists, numbers and strings.

    Raises:
        RecipeError: a field holds what cannot be written; the message names it.
    """
    written: dict[str, Any] = component_to_json(recipe)
    return written


def component_to_json(value: Any, path: str = "recipe") -> Any:
    """Any part of a recipe, as ``to_json``."""
    if isinstance(value, float) and not math.isfinite(value):
        raise RecipeError(f"{path} is {value}, which JSON cannot hold: choose a finite number.")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [component_to_json(each, f"{path}.{i}") for i, each in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: component_to_json(getattr(value, field.name), f"{path}.{field.name}")
            for field in dataclasses.fields(value)
        }
        return {**_identity(type(value)), **fields}
    if isinstance(value, (FunctionType, type)):
        return {"function": _name(value), "source_sha256": _source_hash(value)}
    raise RecipeError(
        f"{path} holds a {type(value).__name__}, which a recipe cannot keep: "
        "use a frozen dataclass, a function, numbers, strings or tuples."
    )


def from_json(data: Mapping[str, Any], own: Recipe | None = None) -> Recipe:
    """The recipe that ``to_json`` wrote.

    Args:
        data: parsed JSON.
        own: the recipe that holds the classes and functions of your own, where it uses any.

    Raises:
        RecipeError: something is unknown, missing, or not what it was; the message names it.
    """
    recipe = component_from_json(data, own)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"this is not a recipe but a {type(recipe).__name__}.")
    return recipe


# Stand-ins for the own recipe: none was given, or it has nothing at this place.
_NO_RECIPE: Any = object()
_NOTHING: Any = object()


def component_from_json(data: Any, own: Any = None, path: str = "recipe") -> Any:
    """Any part of a recipe, as ``from_json``; ``own`` is the same part of the own recipe."""
    return _read(data, _NO_RECIPE if own is None else own, path)


def _read(data: Any, own: Any, path: str) -> Any:
    if isinstance(data, list):
        return tuple(_read(each, _part(own, i), f"{path}.{i}") for i, each in enumerate(data))
    if not isinstance(data, Mapping):
        return data
    name = data.get("function") or data.get("class")
    if not isinstance(name, str):
        raise RecipeError(f"{path} has neither a class nor a function: is the file damaged?")
    if ":" in name:
        return _own(data, name, own, path)
    cls = component(name)
    known = [field.name for field in dataclasses.fields(cls)]
    for key in data:
        if key not in known and key != "class":
            raise RecipeError(f"{path}.{key} is unknown to this version's {name}.")
    values = {
        key: _read(data[key], _part(own, key), f"{path}.{key}") for key in known if key in data
    }
    for key in known:
        if key not in values:
            raise RecipeError(
                f"{path}.{key} is missing: the file is damaged, or from another version."
            )
    try:
        return cls(**values)
    except TypeError as error:  # a value of a type that no comparison or loop there can take
        raise RecipeError(f"{path} is no {name}: {error}; is the file damaged?") from None


def _part(own: Any, key: str | int) -> Any:
    """What the own recipe has at the next step of the path."""
    if own is _NO_RECIPE:
        return own
    if isinstance(key, int):
        return own[key] if isinstance(own, tuple) and key < len(own) else _NOTHING
    return getattr(own, key, _NOTHING)


def _own(data: Mapping[str, Any], name: str, own: Any, path: str) -> Any:
    """The user's own component, if it is still what the run was trained with."""
    if own is _NO_RECIPE:
        raise RecipeError(
            f"{path} uses {name}, which is not steadygan's: name the recipe that holds it again, "
            "--recipe module:function."
        )
    now = "nothing" if own is _NOTHING else component_to_json(own, path)
    for where, was, is_now in _changes(data, now, path):
        raise RecipeError(
            f"{name} at {path} is not what the run was trained with: {where} was {_short(was)} "
            f"and is {_short(is_now)}."
        )
    return own


def _changes(was: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two parts in JSON differ, with both values: fields first, then the source code."""
    if isinstance(was, Mapping) and isinstance(now, Mapping) and _title(was) == _title(now):
        for key in sorted(dict.fromkeys([*was, *now]), key=lambda key: key == "source_sha256"):
            where = f"{path}.{key}" if key != "source_sha256" else f"its source code ({path})"
            yield from _changes(was.get(key), now.get(key), where)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _changes(one, other, f"{path}.{index}")
    elif was != now:
        yield path, _title(was), _title(now)


def _title(part: Any) -> Any:
    """A component's class or function; of anything else, itself."""
    if isinstance(part, Mapping):
        return part.get("function") or part.get("class")
    return part


def settings(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Every setting of a recipe by its dotted path, as ``--set`` takes it, with its value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = [] if isinstance(value, Recipe) else [(path, type(value).__name__)]
        for field in dataclasses.fields(value):
            inner = f"{path}.{field.name}" if path else field.name
            entries += settings(getattr(value, field.name), inner)
        return entries
    if isinstance(value, tuple) and any(dataclasses.is_dataclass(each) for each in value):
        return [e for i, each in enumerate(value) for e in settings(each, f"{path}.{i}")]
    return [(path, "none" if value is None else str(value))]


def _identity(cls: type[Any]) -> dict[str, Any]:
    if COMPONENTS.get(cls.__name__) is cls:
        return {"class": cls.__name__}
    return {"class": _name(cls), "source_sha256": _source_hash(cls)}


def _name(thing: type[Any] | FunctionType) -> str:
    return f"{thing.__module__}:{thing.__qualname__}"


def _source_hash(thing: type[Any] | FunctionType) -> str | None:
    """SHA-256 of the source, or None where Python does not know it (typed at a prompt)."""
    try:
        return hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
