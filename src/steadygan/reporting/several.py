"""Several runs side by side: what is set apart, what came of it, and every curve in one figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from steadygan.history import History
from steadygan.reporting.curves import Curves, in_words
from steadygan.reporting.document import (
    Block,
    Document,
    Image,
    Lines,
    Missing,
    Section,
    Series,
    Sheets,
    Table,
    Text,
)
from steadygan.reporting.reading import (
    attempt,
    environment_of,
    history_of,
    in_digits,
    interval_in_words,
    measurements_of,
    reached,
    recipe_name,
    section_of,
    sheets_of,
    status_of,
)
from steadygan.run import Run


def gather_several(runs: Sequence[Run]) -> Document:
    """Several runs side by side: their settings that differ, metrics, samples and curves."""
    names = _names(runs)
    everything = [history_of(run) for run in runs]
    histories = [history for history, _ in everything]
    missing = [
        Missing(f"History of {name}", why)
        for name, (_, why) in zip(names, everything, strict=True)
        if why
    ]
    sections = (
        Section(
            "At a glance",
            "One column per run. Values of one run each: without several seeds per setting a "
            "difference between two columns may be chance.",
            (_standings(names, runs, histories), _side_by_side(names, runs), *missing),
        ),
        section_of("Samples", "The last sheet of each run.", _last_sheets(names, runs)),
        section_of(
            "Settings",
            "Only what differs between the runs.",
            attempt("Settings that differ", lambda: _differences(names, runs)),
        ),
        section_of("Training", "The same curve of every run.", _overlays(names, runs, histories)),
    )
    data = dict.fromkeys(str(run.data["name"]) for run in runs)
    return Document(
        title=f"{len(runs)} runs compared",
        subtitle=f"on {', '.join(data)}",
        status="",
        sections=sections,
    )


def _names(runs: Sequence[Run]) -> list[str]:
    """Of each run the shortest end of its path that no other has."""
    parts = [run.directory.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{i + 1}: {run.directory}" for i, run in enumerate(runs)]


def _standings(names: Sequence[str], runs: Sequence[Run], histories: Sequence[History]) -> Table:
    came_to = [reached(*each) for each in zip(runs, histories, strict=True)]

    def row(title: str, of: Callable[[Run], str]) -> tuple[str, ...]:
        return (title, *(of(run) for run in runs))

    rows = (
        row("recipe", recipe_name),
        row("data", lambda run: f"{run.data['name']}, {in_digits(run.data['n_train'])} samples"),
        row("seed", lambda run: str(run.recipe_json.get("seed", "?"))),
        row("status", lambda run: status_of(run).replace("_", " ")),
        ("steps", *(in_digits(step) for step, _ in came_to)),
        ("seconds of training", *(in_digits(seconds) for _, seconds in came_to)),
        row("device", lambda run: str(environment_of(run).get("device", "?"))),
    )
    return Table("Runs", ("", *names), rows)


def _side_by_side(names: Sequence[str], runs: Sequence[Run]) -> Block:
    measured = [{_measured_as(m): m for m in measurements_of(run)} for run in runs]
    metrics = list(dict.fromkeys(what for each in measured for what in each))
    if not metrics:
        return Missing("Metrics", "no run has any that can be read: they are made at the end")

    def cell(m: Mapping[str, Any] | None) -> str:
        if m is None:
            return "—"
        real = "" if m.get("reference") is None else f" (real {in_digits(m['reference'])})"
        n = f"n {in_digits(m.get('n_fake', 0))}" + (
            f"/{in_digits(m['n_real'])}" if m.get("n_real") else ""
        )
        return f"{in_digits(m.get('value'))}{interval_in_words(m.get('interval'))}{real}; {n}"

    rows = tuple((*what, *(cell(each.get(what)) for each in measured)) for what in metrics)
    return Table(
        "Metrics",
        ("metric", "features", *names),
        rows,
        "Real: the same metric of real data against other real data. n: generated/real samples. "
        "Values of a row compare where n agrees.",
    )


def _measured_as(measurement: Mapping[str, Any]) -> tuple[str, str]:
    """The metric, and what it was computed on: one metric has other values in other features."""
    checkpoint = measurement.get("checkpoint")
    of = f"{measurement.get('features')}" + (f", checkpoint {checkpoint}" if checkpoint else "")
    return str(measurement.get("name")), of


def _last_sheets(names: Sequence[str], runs: Sequence[Run]) -> Iterator[Block]:
    for name, run in zip(names, runs, strict=True):
        (block,) = attempt(f"Samples of {name}", partial(sheets_of, run))
        if isinstance(block, Sheets):
            yield Image(name, f"{block.labels[-1]}.", block.pictures[-1], tile=True)
        elif isinstance(block, Image):
            yield replace(block, title=name, tile=True)
        else:
            yield block


def _differences(names: Sequence[str], runs: Sequence[Run]) -> Block:
    rows = tuple(_apart([run.recipe_json for run in runs]))
    if not rows:
        return Text("All settings are the same.")
    return Table("Settings that differ", ("setting", *names), rows)


def _apart(values: Sequence[Any], path: str = "") -> Iterator[tuple[str, ...]]:
    """Where parts of several recipes differ: the dotted path, and each value in words. Components
    of one class are compared setting by setting, others as a whole."""
    if all(each == values[0] for each in values):
        return
    if all(isinstance(each, Mapping) for each in values) and (
        len({each.get("class", each.get("function")) for each in values}) == 1
    ):
        for key in dict.fromkeys(key for each in values for key in each):
            where = f"{path}.{key}" if path else key
            yield from _apart([each.get(key) for each in values], where)
    elif all(isinstance(each, list) for each in values) and (
        len({len(each) for each in values}) == 1 and isinstance(values[0][0], Mapping)
    ):
        for index in range(len(values[0])):
            yield from _apart([each[index] for each in values], f"{path}.{index}")
    else:
        yield (path, *map(in_words, values))


def _overlays(
    names: Sequence[str], runs: Sequence[Run], histories: Sequence[History]
) -> Iterator[Block]:
    """One figure per curve, one line per run."""
    recipe = _common([run.recipe_json for run in runs])
    curves = [Curves(history, recipe) for history in histories]
    makers: tuple[Callable[[Curves], Block | list[Block]], ...] = (
        Curves.coverage,
        Curves.metrics,
        Curves.estimate,
        Curves.losses,
        Curves.gradient_norms,
        Curves.slopes,
        Curves.speed,
    )
    for make in makers:
        columns = []
        for each in curves:
            made = make(each)
            columns.append(made if isinstance(made, list) else [made])
        for blocks in zip(*columns, strict=True):
            yield from _overlaid(names, blocks)


def _common(recipes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The first recipe, of its training settings only those that all share: for common captions."""
    first, *others = (dict(recipe.get("training", {})) for recipe in recipes)
    agreed = {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}
    return {**recipes[0], "training": agreed}


def _overlaid(names: Sequence[str], blocks: Sequence[Block]) -> Iterator[Block]:
    """A figure for every number that several runs have, with one line per run."""
    lines = {name: b for name, b in zip(names, blocks, strict=True) if isinstance(b, Lines)}
    if not lines:
        yield next(b for b in blocks if isinstance(b, Missing))
        return
    first = next(iter(lines.values()))
    labels = list(dict.fromkeys(s.name for b in lines.values() for s in b.series))
    for label in labels:
        series: list[Series] = []
        for index, name in enumerate(names):
            found = next((s for s in _series(lines.get(name)) if s.name == label), None)
            if found is not None:
                series.append(replace(found, name=name, role=index, low=(), high=()))
        absent = [name for name in names if name not in {s.name for s in series}]
        note = f" Not recorded by {', '.join(absent)}." if absent else ""
        title = first.title if len(labels) == 1 else f"{first.title}: {label}"
        yield replace(
            first, title=title, caption=first.caption + note, series=tuple(series), marks=()
        )


def _series(block: Lines | None) -> tuple[Series, ...]:
    return () if block is None else block.series
