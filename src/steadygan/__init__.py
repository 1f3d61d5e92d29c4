"""steadygan: train GANs that stay stable, and be told, with evidence, when they do not.

The public names; each is imported when it is first used, so that ``steadygan --help`` and the
NumPy reference load no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steadygan.app import check, report, resume, train
    from steadygan.comparison import compare
    from steadygan.data import DataOptions, Dataset, load
    from steadygan.diagnosis import Diagnosis, Finding, Monitor, preflight_networks
    from steadygan.errors import SteadyganError
    from steadygan.interfaces import Samples, SampleSpec
    from steadygan.penalties import Term
    from steadygan.recipes import Recipe, preflight
    from steadygan.record import Record, Row
    from steadygan.run import Run
    from steadygan.step import critic_step, generator_step

_HOME = {
    "DataOptions": "data",
    "Dataset": "data",
    "Diagnosis": "diagnosis",
    "Finding": "diagnosis",
    "Monitor": "diagnosis",
    "Recipe": "recipes",
    "Record": "record",
    "Row": "record",
    "Run": "run",
    "SampleSpec": "interfaces",
    "Samples": "interfaces",
    "SteadyganError": "errors",
    "Term": "penalties",
    "check": "app",
    "compare": "comparison",
    "critic_step": "step",
    "generator_step": "step",
    "load": "data",
    "report": "app",
    "preflight": "recipes",
    "preflight_networks": "diagnosis",
    "resume": "app",
    "train": "app",
}

__all__ = [
    "DataOptions",
    "Dataset",
    "Diagnosis",
    "Finding",
    "Monitor",
    "Recipe",
    "Record",
    "Row",
    "Run",
    "SampleSpec",
    "Samples",
    "SteadyganError",
    "Term",
    "check",
    "compare",
    "critic_step",
    "generator_step",
    "load",
    "preflight",
    "preflight_networks",
    "report",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'steadygan' has no attribute {name!r}")
    value = getattr(import_module(f"steadygan.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
