"""Recipes: the complete description of a run, the presets, JSON and single settings."""

from steadygan.recipes.build import build_networks
from steadygan.recipes.examine import preflight
from steadygan.recipes.override import override
from steadygan.recipes.presets import PRESETS, Preset, default_for, names, resolve
from steadygan.recipes.recipe import Recipe
from steadygan.recipes.serialise import (
    component_from_json,
    component_to_json,
    from_json,
    settings,
    to_json,
)

__all__ = [
    "PRESETS",
    "Preset",
    "Recipe",
    "build_networks",
    "component_from_json",
    "component_to_json",
    "default_for",
    "from_json",
    "names",
    "override",
    "preflight",
    "resolve",
    "settings",
    "to_json",
]
