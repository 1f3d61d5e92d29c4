"""What the history of a run shows over its steps: figures of its rows, and nothing else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from steadygan.diagnosis import Diagnosis, Finding, Status
from steadygan.history import History
from steadygan.metrics import METRICS
from steadygan.recipes import component_to_json
from steadygan.recipes.components import COMPONENTS
from steadygan.record import Row
from steadygan.reporting.document import (
    Axis,
    Block,
    Findings,
    Lines,
    Mark,
    Missing,
    Reference,
    Role,
    Series,
    Table,
    finite,
)

STEP = Axis("training step", "steps")
_MARKED = ("rollback", "resume", "remedy")
_MOST = 600  # points that a curve is drawn with; more are summed up in windows
_ROLES: Mapping[str, Role] = {
    "real": "train",
    "train": "train",
    "validation": "held-out",
    "fake": "generated",
}
_NAMES = {
    "real": "real, training batches",
    "train": "real, training data",
    "validation": "real, held out",
    "fake": "generated",
}


@dataclass(frozen=True)
class Curves:
    """The curves of one history.

    Attributes:
        history: of the run.
        recipe: as JSON; says what the numbers were computed on.
    """

    history: History
    recipe: Mapping[str, Any]

    def losses(self) -> list[Block]:
        """The terms of each network's loss, apart, in one figure per network."""
        return [self._terms(network) for network in ("critic", "generator")]

    def _terms(self, network: str) -> Block:
        prefix = f"{network}.terms."
        names = self._names(prefix)
        series = [self._series(f"{prefix}{name}", _words(name), i) for i, name in enumerate(names)]
        if len(names) > 1:
            series.append(self._series(f"{network}.loss", "their sum, the loss", len(names)))
        return self._lines(
            f"Terms of the {network}'s loss",
            f"Each term as it entered the loss, weight included: means over {self._window} of "
            f"batches of {self._batch}. A loss is no measure of quality: under most objectives it "
            "may rise while samples improve.",
            Axis("loss", "units of the score"),
            series,
            (Reference(0.0, "0"),),
        )

    def estimate(self) -> Block:
        """The critic's estimate of the distance, on training and on held-out data."""
        series = [
            self._series(f"probe.estimate.{part}", _NAMES[part], _ROLES[part])
            for part in ("train", "validation")
        ]
        return self._lines(
            "Estimate of the Wasserstein distance",
            "Mean score of real samples minus mean score of generated ones, at most 1,000 of each, "
            "networks in evaluation mode. It estimates the distance and is not it. Where "
            "held-out data lie well below training data, the critic has memorised the latter.",
            Axis("mean D(real) − mean D(generated)", "units of the score"),
            series,
            (Reference(0.0, "0"),),
        )

    def coverage(self) -> Block:
        """Coverage by the probes."""
        features = "coordinates, pixels or columns as the networks see them"
        return self._lines(
            "Coverage during training",
            "Share of held-out samples that have a generated one within the distance of their 5th "
            f"real neighbour, as many generated as held-out samples; features: {features}. Higher "
            "is better; real data reach 0.97 with samples enough.",
            Axis("coverage", "share of samples"),
            [self._series("probe.coverage", "coverage of held-out data", "held-out")],
        )

    def metrics(self) -> list[Block]:
        """Metrics that training measured, one figure each, if it was asked for any."""
        return [self._metric(name) for name in self.asked]

    @property
    def asked(self) -> list[str]:
        """What training was to measure besides coverage: metrics, perhaps with ``@features``."""
        names = map(str, self.recipe.get("training", {}).get("metrics") or ())
        return [name for name in names if name != "coverage" and name.partition("@")[0] in METRICS]

    def _metric(self, name: str) -> Block:
        kind, _, features = name.partition("@")
        metric = METRICS[kind]
        space = features or "coordinates, pixels or columns as the networks see them"
        return self._lines(
            f"{name} during training",
            f"{metric.text[0].upper()}{metric.text[1:]}: as many generated as held-out samples, at "
            f"the probes; features: {space}. {metric.better.capitalize()} is better; what real "
            "data score at this number of samples, steadygan evaluate says.",
            Axis(kind, metric.unit),
            [self._series(f"probe.{name}", f"{kind} of held-out data", "held-out")],
        )

    def duality_gap(self) -> list[Block]:
        """What each network could still gain, if training measured it."""
        steps = self.recipe.get("training", {}).get("duality_gap_steps")
        if not steps:
            return []
        series = [
            self._series("probe.duality_gap", "duality gap", 2),
            self._series("probe.duality_gap.critic", "of it, the critic", 0),
            self._series("probe.duality_gap.generator", "of it, the generator", 1),
        ]
        figure = self._lines(
            "Duality gap",
            f"What each network's loss lost in {steps:,} updates of a copy against the other "
            "network as it stood, on held-out samples, penalties left out. 0 at an equilibrium; "
            "compare it with itself, at as many updates.",
            Axis("gap", "units of the loss"),
            series,
            (Reference(0.0, "0"),),
        )
        return [figure]

    def gradient_norms(self) -> Block:
        """The norm of each network's gradient."""
        series = [
            self._series(f"{network}.gradient_norms.{network}", f"{network}", i)
            for i, network in enumerate(("critic", "generator"))
        ]
        return self._lines(
            "Gradient norms",
            "Euclidean norm of the loss's gradient by all weights of a network, before any "
            f"clipping: means over {self._window}, batches of {self._batch}.",
            Axis("gradient norm", "score units per unit of weight", log=True),
            series,
        )

    def slopes(self) -> Block:
        """Norms of the critic's gradient by its input, with their spread, against 1."""
        prefix = "critic.input_gradient_norms."
        series = []
        for index, name in enumerate(
            sorted({n.removeprefix(prefix).rsplit(".", 1)[0] for n in self._names_at(prefix)})
        ):
            series.append(self._banded(f"{prefix}{name}", f"{_words(name)}, in training", index))
        series.append(
            self._series("probe.input_gradient_norm", "held-out interpolates, probe", "held-out")
        )
        return self._lines(
            "Norm of the critic's gradient by its input",
            f"‖∇ₓD‖ where each penalty looks (mean of batches of {self._batch}, band: ± 1 standard "
            "deviation), and at interpolates of held-out and generated samples (probe, at most "
            "1,000). 1 is the slope of an optimal critic between the two distributions; the "
            "estimate above is in its units only where the slope is near 1.",
            Axis("‖∇ₓD‖", "score units per unit of encoded input"),
            series,
            (Reference(1.0, "1"),),
        )

    def penalties(self) -> list[Block]:
        """The penalties of the critic's loss, apart from the objective, if there are any."""
        names = _penalties(self.recipe)
        series = [
            self._series(f"critic.terms.{name}", _words(name), i) for i, name in enumerate(names)
        ]
        if not names:
            return []
        weights = ", ".join(
            f"{_words(name)} × {weight}" for name, weight in _penalties(self.recipe).items()
        )
        figure = self._lines(
            "Penalty",
            f"What the penalty added to the critic's loss, weight included ({weights}): means over "
            f"{self._window}.",
            Axis("penalty", "units of the score"),
            series,
        )
        return [figure]

    def scores(self) -> Block:
        """Mean scores over training."""
        series = [
            self._series(f"critic.scores.{part}.mean", _NAMES[part], _ROLES[part])
            for part in ("real", "fake")
        ]
        return self._lines(
            "Mean scores during training",
            f"What the critic said of its batches of {self._batch}: means over {self._window}. "
            "Only the difference has a meaning under a Wasserstein objective: the level drifts.",
            Axis("score D(x)", "units of the score"),
            series,
        )

    def weight_norms(self) -> Block:
        """The length of each network's weights."""
        series = [
            self._series(f"probe.weight_norm.{network}", network, i)
            for i, network in enumerate(("critic", "generator"))
        ]
        return self._lines(
            "Length of the weights",
            "Euclidean norm of all weights of a network, at the probes.",
            Axis("norm of all weights", "units of weight"),
            series,
        )

    def speed(self) -> Block:
        """Steps per second and the share of time that training waited for data."""
        rows = [row for row in self.history.rows if row.kind == "record"]
        rows = [Row("record", 0, 0.0, {}), *rows]
        x, y = [], []
        for before, after in pairwise(_thinned(rows, _MOST)):
            seconds, steps = after.seconds - before.seconds, after.step - before.step
            x.append(float(after.step))
            y.append(steps / seconds if seconds > 0 and steps > 0 else None)
        return self._lines(
            "Speed",
            "Steps between two rows of the history by the seconds of training between them, probes "
            "and checkpoints included.",
            Axis("speed", "steps per second"),
            [Series("steps per second", finite(x), finite(y), 0)] if x else [],
        )

    def marks(self) -> tuple[Mark, ...]:
        """What happened, and what was found, where it began, to be marked on the curves; of the
        best checkpoints only the last."""
        events = [row for row in self.history.rows if row.kind == "event"]
        best = [row for row in events if row.values.get("event") == "best"][-1:]
        shown = best + [row for row in events if row.values.get("event") in _MARKED]
        marks = [
            Mark(float(row.values.get("from", row.step)), str(row.values["event"])) for row in shown
        ] + [
            Mark(
                float(step if finding.since is None else finding.since),
                _words(finding.check),
                "error" if finding.status is Status.ERROR else "warning",
                Findings.anchor(index),
            )
            for index, (step, finding) in enumerate(self.found())
        ]
        # Where labels have no room the last ones go: what was found stays.
        return tuple(sorted(marks, key=lambda mark: (mark.x, mark.tone == "event"))[:40])

    def events(self) -> Block:
        """Everything that happened, in order."""
        rows = [
            (f"{row.step:,}", _clock(row.seconds), str(row.values.get("event")), self._detail(row))
            for row in self.history.of_kind("event")
        ]
        refused = sum(
            float(row.values.get(f"{network}.refused") or 0)
            for row in self.history.of_kind("record")
            for network in ("critic", "generator")
        )
        if not rows:
            return Missing("Events", "training wrote none into its history.")
        return Table(
            "Events",
            ("step", "training time", "event", ""),
            tuple(rows),
            f"Updates refused because a loss or gradient was not finite: {refused:,.0f}.",
            numeric=(0, 1),
        )

    def found(self) -> tuple[tuple[int, Finding], ...]:
        """What was found while it trained, each with the step; rows that are damaged left out."""
        found = []
        for row in self.history.of_kind("finding"):
            with suppress(KeyError, TypeError, ValueError):
                found.append((row.step, Finding.from_json(row.values)))
        return tuple(found)

    def findings(self, diagnosis: Diagnosis) -> Block:
        """What was found on the way, and what is said of the whole."""
        return Findings("Findings", self.found(), diagnosis.verdict, diagnosis.not_run, "Training")

    def remedies(self) -> list[Block]:
        """What was changed on the way for what was found, if anything was."""
        done = [r for r in self.history.of_kind("event") if r.values.get("event") == "remedy"]
        if not done:
            return []
        keys = ("finding", "remedy", "undone", "weights", "before", "after", "why", "source")
        rows = tuple(
            (f"{row.step:,}", *(str(row.values.get(key, "")) for key in keys)) for row in done
        )
        columns = ("step", "for", "remedy", "in place of", "weights", *keys[4:])
        return [Table("Remedies", columns, rows, numeric=(0,))]

    def _detail(self, row: Row) -> str:
        """What the history says of an event, in words."""
        rest = {key: value for key, value in row.values.items() if key != "event"}
        if row.values.get("event") == "rollback":
            return (
                f"a loss or gradient was not finite at step {row.values.get('from')}; "
                f"back to step {row.values.get('to')}"
            )
        if row.values.get("event") == "remedy":
            return f"{row.values.get('remedy')}, for {row.values.get('finding')}"
        if row.values.get("event") == "best":
            signal = self.recipe.get("training", {}).get("best") or {}
            return f"best {signal.get('name', 'value')} so far, {in_words(row.values.get('value'))}"
        return ", ".join(f"{key}: {in_words(value)}" for key, value in rest.items())

    @property
    def _window(self) -> str:
        every = self.recipe.get("training", {}).get("record_every")
        return "the windows of each run's rows" if every is None else f"windows of {every:,} steps"

    @property
    def _batch(self) -> str:
        size = self.recipe.get("training", {}).get("batch_size")
        return "each run's own size" if size is None else f"{size:,}"

    def _names_at(self, prefix: str) -> list[str]:
        return [name for name in self.history.names() if name.startswith(prefix)]

    def _names(self, prefix: str) -> list[str]:
        names = {name.removeprefix(prefix) for name in self._names_at(prefix)}
        known = list(_penalties(self.recipe))
        return sorted(names, key=lambda name: (name in known, name))  # the objective first

    def _series(self, name: str, label: str, role: Role) -> Series:
        """One number of the history; where training went back a step, the line breaks."""
        x, y = self._column(name)
        return summed_up(Series(label, finite(x), finite(y), role))

    def _banded(self, name: str, label: str, role: Role) -> Series:
        mean = self._series(f"{name}.mean", label, role)
        std = self._series(f"{name}.std", label, role)
        if len(std.y) != len(mean.y):
            return mean
        pairs = list(zip(mean.y, std.y, strict=True))
        low = finite(None if m is None or s is None else m - s for m, s in pairs)
        high = finite(None if m is None or s is None else m + s for m, s in pairs)
        return Series(label, mean.x, mean.y, role, low, high)

    def _column(self, name: str) -> tuple[list[float], list[float | None]]:
        x: list[float] = []
        y: list[float | None] = []
        for row in self.history.rows:
            value = row.values.get(name)
            if not isinstance(value, (int, float)):
                continue
            if x and row.step <= x[-1]:  # rolled back
                x.append(x[-1])
                y.append(None)
            x.append(float(row.step))
            y.append(float(value))
        return x, y

    def _lines(
        self,
        title: str,
        caption: str,
        y: Axis,
        series: Sequence[Series],
        references: tuple[Reference, ...] = (),
    ) -> Block:
        shown = tuple(each for each in series if any(value is not None for value in each.y))
        if not shown:
            recorded = any(each.y for each in series)
            why = (
                "no such number of the history is finite."
                if recorded
                else "the history holds no such numbers."
            )
            return Missing(title, why)
        lost = sum(
            isinstance(value, float) and not math.isfinite(value)
            for row in self.history.rows
            for value in row.values.values()
        )
        if lost and any(None in each.y for each in shown):
            caption += " Gaps: the number was not finite, or training had gone back."
        return Lines(title, caption, STEP, y, shown, references, self.marks())


def summed_up(series: Series) -> Series:
    """The series itself, or means over windows of its points with a band from least to most where
    it has more than can be seen."""
    width = math.ceil(len(series.x) / _MOST)
    if width < 2:
        return series
    x, y, low, high = [], [], [], []
    for start in range(0, len(series.x), width):
        values = [v for v in series.y[start : start + width] if v is not None]
        x.append(series.x[min(start + width, len(series.x)) - 1])
        y.append(sum(values) / len(values) if values else None)
        low.append(min(values, default=None))
        high.append(max(values, default=None))
    return Series(series.name, finite(x), finite(y), series.role, finite(low), finite(high))


def _thinned(rows: Sequence[Row], most: int) -> Iterator[Row]:
    width = max(1, math.ceil(len(rows) / most))
    yield from rows[::width]


def _penalties(recipe: Mapping[str, Any]) -> dict[str, str]:
    """The penalties of a recipe by the name they have in records, and their weights in words."""
    named = {}
    for term in recipe.get("penalty") or []:
        part = term["penalty"]
        every = int(term.get("every", 1))
        weight = in_words(term.get("weight"))
        named[_recorded(part)] = weight + (f", every {every} updates" if every > 1 else "")
    return named


def _recorded(penalty: Mapping[str, Any]) -> str:
    """What a penalty is called in records: as ``interfaces.name_of``, from JSON."""
    if penalty.get("class") == "FiniteDifference":
        return _recorded(penalty["penalty"])
    title = str(penalty.get("class", penalty.get("function")))
    return str(getattr(COMPONENTS.get(title), "name", title.split(":")[-1]))


def in_words(value: Any) -> str:
    """A part of a recipe, given as JSON, as one would write it in Python; of our own classes only
    the settings that are not as they are by default."""
    if isinstance(value, Mapping):
        title = str(value.get("function") or value.get("class") or "")
        standard = _defaults(title)
        inner = ", ".join(
            f"{key}={in_words(each)}"
            for key, each in value.items()
            if key not in ("class", "function", "source_sha256")
            and not (key in standard and standard[key] == each)
        )
        title = title.split(":")[-1]
        return f"{title}({inner})" if "class" in value else title
    if isinstance(value, (list, tuple)):
        whole = all(isinstance(each, (int, float)) for each in value)
        return (
            "×".join(map(in_words, value))
            if value and whole
            else (", ".join(map(in_words, value)) or "none")
        )
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _defaults(title: str) -> dict[str, Any]:
    """The settings that one of our classes has where nobody sets them, as JSON."""
    cls = COMPONENTS.get(title)
    if cls is None:
        return {}
    return {
        field.name: component_to_json(field.default)
        for field in dataclasses.fields(cls)
        if field.default is not dataclasses.MISSING
    }


def _words(name: str) -> str:
    return name.replace("_", " ")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
