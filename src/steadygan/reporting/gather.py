"""From a run directory to its report, as data.

Whatever is absent or cannot be computed (a run that was killed, weights that are not finite, data
that have moved, a user's own class without its recipe) becomes ``Missing`` with the reason. Only a
directory that is no run at all is an error.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from steadygan.data import Dataset
from steadygan.errors import RunError
from steadygan.history import History
from steadygan.reporting.curves import Curves, in_words
from steadygan.reporting.document import (
    Block,
    Code,
    Document,
    Facts,
    Image,
    Missing,
    Section,
    Sheets,
    Table,
    Tile,
    Tiles,
)
from steadygan.reporting.examination import Examination
from steadygan.reporting.reading import (
    Make,
    attempt,
    by_reason,
    ending_of,
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
from steadygan.reporting.sources import sources_of
from steadygan.run import Run

_ENDINGS = {
    "finished": "it trained to the end of its budget",
    "plateau": "it stopped because the chosen signal no longer improved",
    "interrupted": "it was asked to stop, and can be resumed",
    "non_finite": "it was given up: losses or gradients kept being infinite or not a number",
    "unsaved": "it was given up: no remedy was left for what the doctor found",
    "process_lost": "another process of the training ended; it can be resumed",
    "running": "it still runs, or was killed; if it was, it can be resumed",
}


def gather(run: Run, data_root: str | Path | None = None) -> Document:
    """The report of one run.

    Args:
        run: opened with its own recipe, where it uses classes of its own.
        data_root: where named data sets are looked for first.
    """
    history, no_history = history_of(run)
    curves = Curves(history, run.recipe_json)
    examined = Examination(run, _dataset(run, data_root))

    def curve(title: str, make: Make) -> list[Block]:
        return [Missing(title, no_history)] if no_history else attempt(title, make)

    sheets = attempt("Samples over time", lambda: sheets_of(run))
    sections = (
        section_of(
            "Samples",
            "What the generator makes of one fixed batch of latent vectors while it trains, and "
            "between two of them.",
            sheets,
            attempt("Latent interpolation", examined.interpolation),
        ),
        section_of(
            "Quality",
            "Each value stands with the samples and features it was computed on, and, where it "
            "makes sense, beside the same metric of real data against other real data.",
            attempt("Metrics", lambda: _metrics(run)),
            curve("Coverage during training", curves.coverage),
            curve("Metrics during training", curves.metrics) if curves.asked else [],
            curve("Findings", lambda: curves.findings(run.diagnosis())),
            curves.remedies(),
        ),
        section_of(
            "Training",
            "The terms of the losses apart, the estimate that the critic was trained for, and what "
            "happened on the way. Dotted lines mark rollbacks, resumes, remedies and the best "
            "checkpoint, dashed ones where something began that was found.",
            curve("Estimate of the Wasserstein distance", curves.estimate),
            curve("Duality gap", curves.duality_gap),
            curve("Terms of the losses", curves.losses),
            curve("Mean scores during training", curves.scores),
            curve("Events", curves.events),
        ),
        section_of(
            "Gradients",
            "Whether both networks were taught at all, and whether the critic's slope is what its "
            "penalty asks for.",
            curve("Gradient norms", curves.gradient_norms),
            attempt("Gradient norms by layer", examined.gradients_by_layer),
            curve("Norm of the critic's gradient by its input", curves.slopes),
            attempt("Input-gradient norms of the last critic", examined.slopes),
            curve("Penalty", curves.penalties),
        ),
        section_of(
            "Critic",
            "The last critic: whom it tells apart, and its weights.",
            attempt("Scores of the last critic", examined.scores),
            curve("Length of the weights", curves.weight_norms),
            attempt("Weights of the critic", examined.weights),
        ),
        section_of(
            "Real and generated",
            "Where generated samples lie among real ones that were held out of training.",
            attempt("Map of real and generated samples", examined.pca),
            attempt("t-SNE of real and generated samples", lambda: _tsne(run, examined)),
            attempt("Columns of real and generated samples", examined.columns),
        ),
        section_of(
            "Memorisation",
            "Whether samples are copies of training data.",
            attempt("Nearest training samples", examined.neighbours),
        ),
        section_of(
            "Speed",
            "How fast it trained.",
            attempt("Timings", lambda: _timings(history)),
            curve("Speed", curves.speed),
        ),
        _reproduce(run),
    )
    front = _front(run, history, sheets, sections)
    name, data = recipe_name(run), run.data["name"]
    began = environment_of(run).get("began", "")
    seed = run.recipe_json.get("seed", "?")
    return Document(
        title=f"{name} on {data}",
        subtitle=" · ".join(
            part for part in (str(run.directory), f"seed {seed}", _day(began)) if part
        ),
        status=status_of(run),
        sections=(front, *sections),
    )


def _dataset(run: Run, data_root: str | Path | None) -> Dataset | RunError:
    try:
        return run.dataset(data_root)
    except Exception as error:  # of the user's classes too
        return RunError(f"it needs the data again: {error}")


def _day(moment: object) -> str:
    return str(moment)[:16].replace("T", " ") + " UTC" if moment else ""


def _metrics(run: Run) -> Block:
    measured = run.metrics
    if not measured:
        status = status_of(run)
        raise RunError(
            "there are no measurements: they are made at the end of training, and the status of "
            f"this run is {status!r}."
        )
    rows = tuple(
        (
            str(m.get("name", "?")),
            in_digits(m.get("value")) + interval_in_words(m.get("interval")),
            "" if m.get("reference") is None else in_digits(m["reference"]),
            in_digits(m.get("n_fake", 0)),
            in_digits(m["n_real"]) if m.get("n_real") else "none",
            str(m.get("features", "")),
            "; ".join(_remarks(m)),
        )
        for m in measured
    )
    return Table(
        "Metrics",
        ("metric", "value", "real against real", "n generated", "n real", "features", "note"),
        rows,
        "Computed on the generator's last weights, except where the note names a checkpoint. In "
        "brackets: how far the value moves with other samples, 95 %, where that was computed.",
        numeric=(1, 2, 3, 4),
    )


def _remarks(measurement: Mapping[str, Any]) -> Iterator[str]:
    """Whatever else a measurement says of how it was made."""
    if measurement.get("checkpoint"):
        yield f"of checkpoint {measurement['checkpoint']}"
    if measurement.get("note"):
        yield str(measurement["note"])
    for key in ("resize", "preprocessing"):
        if measurement.get(key):
            yield f"{key}: {measurement[key]}"
    if measurement.get("over"):
        yield f"interval over {measurement['over']}"


def _timings(history: History) -> Block:
    rows = [row for row in history.rows if row.seconds > 0]
    if not rows:
        raise RunError("the history holds no times.")
    last = rows[-1]
    minutes = last.seconds / 60
    share = last.waited / last.seconds
    entries = [
        ("training time", f"{last.seconds:,.1f} s ({minutes:,.1f} minutes), over all resumes"),
        ("steps", f"{last.step:,}"),
        ("mean speed", f"{last.step / last.seconds:,.1f} steps per second"),
        ("time of a step", f"{1_000 * last.seconds / max(1, last.step):,.2f} ms, "
                           "probes and checkpoints included"),
        ("waited for data", f"{last.waited:,.1f} s, {share:.1%} of the time"),
    ]  # fmt: skip
    return Facts("Timings", tuple(entries))


def _tsne(run: Run, examined: Examination) -> Iterator[Block]:
    if math.prod(run.spec.shape) > 2:  # others are drawn as they are
        yield examined.tsne()


def _recipe_facts(run: Run) -> Facts:
    recipe, environment = run.recipe_json, environment_of(run)
    training = recipe.get("training", {})
    budget = [
        f"{training[key]:,} {key}"
        for key in ("steps", "epochs", "minutes")
        if training.get(key) is not None
    ]
    penalties = [
        f"{in_words(term['penalty'])} × {in_words(term.get('weight'))}"
        + (f", every {term['every']} updates" if term.get("every", 1) > 1 else "")
        for term in recipe.get("penalty") or []
    ]
    ema = recipe.get("ema")
    optional = {
        "auxiliary classifier": recipe.get("auxiliary"),
        "constraint": recipe.get("constraint"),
        "stabilisers": recipe.get("stabiliser"),
    }
    execution = (
        f"{training.get('precision', '?')}, {training.get('memory_format', '?')}, "
        f"{training.get('threads', '?')} thread(s), {environment.get('device', '?')}"
    )
    return Facts(
        "Recipe",
        (
            ("objective", in_words(recipe.get("objective"))),
            ("penalty", "; ".join(penalties) or "none"),
            *((name, in_words(part)) for name, part in optional.items() if part),
            ("networks", in_words(recipe.get("architecture"))),
            ("latent vector", f"{recipe.get('latent_dim', '?')} numbers from N(0, 1)"),
            ("labels", "trained with" if recipe.get("conditional") else "not used in training"),
            ("critic updates per step", str(recipe.get("n_critic", "?"))),
            ("critic's optimiser", in_words(recipe.get("critic_optimiser"))),
            ("generator's optimiser", in_words(recipe.get("generator_optimiser"))),
            ("samples are drawn from", f"the generator's average, {in_words(ema)}" if ema
             else "the generator itself"),
            ("batch", f"{training.get('batch_size', '?')} samples"),
            ("budget", ", ".join(budget) or "?"),
            ("carried out in", execution),
        ),
    )  # fmt: skip


def _data_facts(run: Run) -> Facts:
    data = run.data
    spec = data["spec"]
    shape = "×".join(str(side) for side in spec["shape"])
    classes = data.get("class_names") or ()
    shown = ", ".join(map(str, classes[:12])) + (" …" if len(classes) > 12 else "")
    kind = "channels × height × width" if len(spec["shape"]) == 3 else "columns"
    return Facts(
        "Data",
        (
            ("data", f"{data['name']}" + (f", from {data['source']}" if data["source"] else "")),
            ("samples", f"{data['n_train']:,} to train on, {data['n_validation']:,} held out"),
            ("one sample", f"{shape} ({kind})"),
            *([("classes", f"{len(classes)}: {shown}")] if classes else []),
            *([("notes", "; ".join(data["notes"]))] if data.get("notes") else []),
        ),
    )


def _front(
    run: Run, history: History, sheets: Sequence[Block], sections: Sequence[Section]
) -> Section:
    ending = ending_of(run)
    status = str(ending["status"])
    step, seconds = reached(run, history)
    tiles = [Tile("status", status.replace("_", " "), _why(status, ending))]
    if step is not None:
        of = run.recipe_json.get("training", {}).get("steps")
        tiles.append(Tile("steps", in_digits(step), f"of {in_digits(of)}" if of else ""))
    if seconds is not None:
        tiles.append(Tile("training time", _duration(float(seconds)), _where(run)))
    tiles += _headline_metrics(run)
    picture = next((b.pictures[b.start] for b in sheets if isinstance(b, Sheets)), None)
    if picture is None:
        picture = next((b.picture for b in sheets if isinstance(b, Image)), None)
    blocks: list[Block] = [
        Tiles(tuple(tiles), picture),
        *attempt("Data", lambda: _data_facts(run)),
        *attempt("Recipe", lambda: _recipe_facts(run)),
    ]
    everything = [*blocks, *(block for section in sections for block in section.blocks)]
    missing = [block for block in everything if isinstance(block, Missing)]
    if missing:
        blocks.append(
            Table(
                "Not in this report",
                ("why", "what"),
                tuple((why, ", ".join(what)) for why, what in by_reason(missing)),
                "Everything else was found or computed.",
            )
        )
    lead = (
        f"Trained with the recipe {recipe_name(run)} on {in_digits(run.data['n_train'])} samples "
        f"of {run.data['name']}: {_ENDINGS.get(status, status)}."
    )
    return Section("At a glance", lead, tuple(blocks))


def _why(status: str, ending: Mapping[str, Any]) -> str:
    return str(ending.get("reason") or _ENDINGS.get(status, ""))


def _where(run: Run) -> str:
    environment = environment_of(run)
    if not environment:
        return ""
    device = str(environment.get("device", "?"))
    return f"on {device}" + (
        f", {environment['cores']} cores" if device == "cpu" and environment.get("cores") else ""
    )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3_600:.1f} h"


def _headline_metrics(run: Run) -> list[Tile]:
    tiles = []
    for m in measurements_of(run)[:3]:
        against = "" if m.get("reference") is None else f"real data: {in_digits(m['reference'])}; "
        on = f"{in_digits(m.get('n_fake', 0))} samples, {m.get('features', '?')}"
        tiles.append(Tile(str(m.get("name")), in_digits(m.get("value")), f"{against}{on}"))
    return tiles


def _reproduce(run: Run) -> Section:
    where = shlex.quote(str(run.directory))
    environment = environment_of(run)
    again = "" if status_of(run) in ("finished", "plateau") else f"steadygan resume {where}\n"
    commands = (
        f"{again or f'steadygan resume {where} --steps N   # go on beyond its budget'}".rstrip()
        + f"\nsteadygan sample {where} -n 100 -o samples.png"
        + f"\nsteadygan export {where} -o generator.onnx"
        + f"\nsteadygan info {where} --json"
    )
    blocks: list[Block] = [Code("Go on with it", commands)]
    if environment:
        wanted = (
            "steadygan", "python", "torch", "platform", "processor", "cores", "device",
            "processes", "began",
        )  # fmt: skip
        entries = [(key, str(environment[key])) for key in wanted if key in environment]
        given = environment.get("command")
        command = shlex.join(["steadygan", *map(str, given[1:] if isinstance(given, list) else [])])
        blocks.append(Facts("Environment", (*entries, ("command", command))))
    else:
        blocks.append(Missing("Environment", "environment.json is not there or cannot be read"))
    blocks += [
        Code("The recipe, whole", json.dumps(run.recipe_json, indent=2), folded=True),
        Code("The data", json.dumps(run.data, indent=2), folded=True),
        Code("Cite", _bibtex(run, environment)),
    ]
    lead = "What it takes to go on with this run, to train it again, and whom to cite."
    return Section("Reproduce", lead, tuple(blocks))


def _bibtex(run: Run, environment: Mapping[str, Any]) -> str:
    version = environment.get("steadygan", "unknown")
    year = str(environment.get("began", ""))[:4]
    software = (
        "@software{steadygan,\n  author = {{The steadygan developers}},\n  title = {{steadygan}},\n"
        f"  version = {{{version}}},\n" + (f"  year = {{{year}}}\n" if year else "") + "}"
    )
    return "\n\n".join([software, *(each.bibtex() for each in sources_of(run.recipe_json))])
