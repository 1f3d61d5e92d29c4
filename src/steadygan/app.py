"""Composes data, recipe, networks, training and metrics into what a user asks for."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import torch
from torch import Tensor

from steadygan.data import Dataset, load
from steadygan.data import names as data_names
from steadygan.diagnosis import Diagnosis, Doctor, check_names
from steadygan.diagnosis import Status as Level
from steadygan.environment import choose_device, environment_of, now
from steadygan.errors import (
    PreflightError,
    ProcessLostError,
    RecipeError,
    RunError,
    SteadyganError,
    UsageError,
)
from steadygan.history import History, HistoryWriter, RunFiles
from steadygan.interfaces import GradientPenalty, Samples, SampleSpec, Stored
from steadygan.metrics import (
    HealthProbe,
    measure,
    metric_probes,
    sample,
    samples_wanted,
    with_metrics,
)
from steadygan.networks import copy_of, couples_samples
from steadygan.processes import (
    ALONE,
    Processes,
    check_batch,
    join,
    leave,
    most_threads,
    restarts,
)
from steadygan.recipes import (
    Recipe,
    build_networks,
    default_for,
    from_json,
    override,
    preflight,
    resolve,
    to_json,
)
from steadygan.record import summarise
from steadygan.reporting import WrittenReport, check_page, gather, gather_several, write
from steadygan.run import Run, data_to_json, write_json
from steadygan.stabilisers import pack
from steadygan.step import has_batch_statistics
from steadygan.tensorboard import TensorBoard, require_tensorboard
from steadygan.training import (
    AlternatingUpdates,
    CapturedUpdates,
    CheckpointStore,
    DualityGapProbe,
    Execution,
    ExtragradientUpdates,
    LayerProbe,
    MovementProbe,
    NextBatch,
    Observer,
    Probe,
    Report,
    Sampler,
    ScoreProbe,
    Status,
    Stop,
    Trainer,
    Training,
    TrainingState,
    Trial,
    Updates,
    choose,
    derive_seed,
    differs,
    draw_labels,
    draw_latent,
    save_tensors,
    synchronise,
    why_not,
)
from steadygan.treatment import OLDER_CHECKPOINTS, Treatment, recipe_file_of

RecipeSource: TypeAlias = "str | Recipe | Callable[[SampleSpec], Recipe] | None"
DataSource: TypeAlias = Any  # a name, a path, an array, a tensor or a Dataset
Say: TypeAlias = Callable[[str], None]

_ENCODED_VALUES = 2**22  # of training samples that are encoded once, not batch by batch
_PROBE_SAMPLES = 1_000  # that the probes are computed on, at most
_COPIED_SAMPLES, _COPIED_VALUES = 5_000, 2**24  # of training, among which copies are looked for
_PROBE_VALUES = 2**18  # of them that they differentiate together, or half a batch
_REHEARSAL = 4  # samples (packs, where the critic judges those) of the trial before training
_WORTH_MEASURING = 200  # steps; shorter runs are over before other ways are measured
_TRIALS = 3  # steps that are timed for each way to carry them out
_SHEET_IMAGES = 100
_SHEET_VECTORS = 2_000


def _silent(line: str) -> None:
    """The default: nobody reads."""


def train(
    data: DataSource,
    recipe: RecipeSource = None,
    *,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    allow: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    tensorboard: bool = False,
    auto_remedy: bool = False,
    say: Say = _silent,
) -> Run:
    """Train a GAN and return its run.

    Args:
        data: a named set (``"digits"``), a path, an array or tensor ``(n, …)``, or a ``Dataset``.
        recipe: a preset's name, ``"module:function"``, a ``Recipe``, or a function from the data's
            ``SampleSpec`` to one; None takes the data set's default.
        out: the run directory, new or empty; None makes ``runs/DATA-RECIPE-N``.
        overrides: ``"key=value"`` settings, as the command line's ``--set``.
        seed: of the run; None keeps the recipe's.
        steps, minutes: the budget; None keeps the recipe's.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` …
        data_root: where named sets are looked for first.
        allow: checks of the preflight whose errors do not stop the run; it remembers them.
        observers: see every row of the history as it is written.
        tensorboard: write rows and sheets for TensorBoard, too, into the run's ``tensorboard``.
        auto_remedy: treat what the doctor finds, within the budget (``docs/doctor.md``).
        say: gets the lines that a person should read.

    Raises:
        UsageError: something given cannot be used; nothing was written then.
        PreflightError: among them, what the checks before the first step found.
    """
    check_names(allow)
    processes = join()
    chosen_device = choose_device(device, processes)
    _check_treatment(auto_remedy, processes)
    if not processes.leads:
        observers, say = (), _silent
    if restarts() and (earlier := processes.told(lambda: _earlier(out))):
        return resume(
            earlier, recipe, data=data, device=device, data_root=data_root,
            observers=observers, tensorboard=tensorboard, say=say,
        )  # fmt: skip
    if tensorboard:
        require_tensorboard()
    resolved, dataset = _read(data, recipe, overrides, data_root)
    resolved = _with_budget(resolved, overrides, seed=seed, steps=steps, minutes=minutes)
    resolved = replace(resolved, training=with_metrics(resolved.training))
    for note in dataset.notes:
        say(note)
    _check_sharing(resolved, processes)
    _stop_on_errors(preflight(resolved, dataset, chosen_device), allow, say)
    _rehearse(resolved, dataset, chosen_device)
    # Not the recipe: pieces of the user's own may not be such that one process can send them.
    settings = processes.told(lambda: _with_execution(resolved, dataset, chosen_device).training)
    resolved = replace(resolved, training=settings)
    torch.set_num_threads(resolved.training.threads or 1)
    state = _new_state(resolved, dataset, chosen_device, processes)
    # What cannot be measured is said now; made once, since features of the data may take minutes.
    probes: list[Probe] = []
    processes.told(lambda: probes.extend(_probes(resolved, dataset, state, processes)))
    recipe_json, data_json = to_json(resolved), data_to_json(dataset, _source(data))
    # Nothing above writes, nothing below refuses.
    files = RunFiles(processes.told(lambda: _new_run(out, dataset, resolved).root))
    if not processes.leads:
        return _advance(files, resolved, dataset, state, observers, say, processes)
    write_json(files.data, data_json)
    environment = environment_of(chosen_device, overrides, data_root, processes.size)
    environment["allowed"] = list(allow)
    environment["auto_remedy"] = auto_remedy
    write_json(files.environment, environment)
    with _alone(files):
        write_json(files.recipe, recipe_json)  # last: now it is a run that can be resumed
        return _advance(
            files, resolved, dataset, state, observers, say, processes, probes=probes,
            tensorboard=tensorboard, auto_remedy=auto_remedy,
        )  # fmt: skip


def check(
    recipe: RecipeSource,
    data: DataSource,
    *,
    overrides: Sequence[str] = (),
    device: str = "auto",
    data_root: str | Path | None = None,
    say: Say = _silent,
) -> Diagnosis:
    """What ``train`` checks before its first step, and nothing more: nothing is written.

    Args:
        recipe, data, overrides, device, data_root, say: as in ``train``.

    Raises:
        UsageError: something given cannot be used.
    """
    chosen_device = choose_device(device)
    resolved, dataset = _read(data, recipe, overrides, data_root)
    for note in dataset.notes:
        say(note)
    return preflight(resolved, dataset, chosen_device)


def resume(
    run: str | Path | Run,
    recipe: RecipeSource = None,
    *,
    data: DataSource = None,
    steps: int | None = None,
    minutes: float | None = None,
    device: str | None = None,
    data_root: str | Path | None = None,
    observers: Sequence[Observer] = (),
    tensorboard: bool = False,
    auto_remedy: bool | None = None,
    say: Say = _silent,
) -> Run:
    """Continue a run from its last checkpoint: on the CPU bit by bit as if never interrupted.

    Args:
        run: the run directory.
        recipe: only where the run uses classes of your own: the recipe that names them, again.
        data: only where the source was an array, or has moved.
        steps, minutes: a new budget, to go on beyond the old one; written to the recipe.
        device: None goes on where the run was.
        data_root, observers, tensorboard, say: as in ``train``.
        auto_remedy: as in ``train``; None goes on as the run was begun.

    Raises:
        UsageError: the run, its data or its classes are missing or not what they were.
    """
    processes = join()
    if not processes.leads:
        observers, say = (), _silent
    if tensorboard:
        require_tensorboard()
    files = RunFiles(Path(run.directory if isinstance(run, Run) else run))
    recipe_file = recipe_file_of(files)
    recipe_json, data_json = files.read(recipe_file), files.read(files.data)
    environment = files.read(files.environment)
    if auto_remedy is None:
        auto_remedy = bool(environment.get("auto_remedy", False))
    _check_treatment(auto_remedy, processes)
    source = data if data is not None else data_json["source"]
    if source is None:
        raise RunError(f"{files.root} was trained on an array in memory: pass it again as data.")
    spec = Run(files.root).spec
    own = None
    if recipe is not None:
        own = recipe_for(recipe, spec, environment.get("overrides", []))
    resolved = from_json(recipe_json, own)
    extended = _with_budget(resolved, steps=steps, minutes=minutes)
    dataset = load(source, resolved.data, root=data_root or environment.get("data_root"))
    if dataset.fingerprint != data_json["fingerprint"]:
        raise RunError(
            f"the data at {dataset.name} are not those that {files.root} was trained on: "
            f"fingerprint {dataset.fingerprint[:12]} instead of {data_json['fingerprint'][:12]}."
        )
    chosen_device = choose_device(device or environment["device"], processes)
    current = environment_of(
        chosen_device, environment.get("overrides", []), data_root, processes.size
    )
    for name in ("torch", "processor", "device", "processes"):
        if current[name] != environment.get(name):
            say(
                f"note: {name} was {environment.get(name)!r} and is {current[name]!r}: "
                "the run goes on, but not bit by bit as it would have."
            )
    _check_sharing(resolved, processes)
    if resolved.training.threads is not None:
        torch.set_num_threads(min(resolved.training.threads, most_threads(processes)))
    state = _new_state(resolved, dataset, chosen_device, processes)
    new_budget = extended != resolved
    if not processes.leads:
        return _advance(
            files, extended, dataset, state, observers, say, processes, new_budget=new_budget
        )
    with _alone(files):
        if new_budget or recipe_file != files.recipe:
            for file in (recipe_file, files.recipe):
                write_json(file, to_json(extended))
        return _advance(
            files, extended, dataset, state, observers, say, processes, new_budget=new_budget,
            tensorboard=tensorboard, auto_remedy=auto_remedy, own=own,
        )  # fmt: skip


def _read(
    data: DataSource,
    recipe: RecipeSource,
    overrides: Sequence[str],
    data_root: str | Path | None,
) -> tuple[Recipe, Dataset]:
    """The recipe and the data that these stand for."""
    if isinstance(recipe, str):
        resolve(recipe)  # a misspelt name is said before the data are read
    # The source is read as the recipe says, and a recipe may depend on what was read: so first as
    # the overrides alone say, and again only where the recipe itself wants it otherwise.
    options = override(Recipe(), [o for o in overrides if o.startswith("data.")]).data
    dataset = load(data, options, root=data_root)
    chosen = default_for(dataset.name) if recipe is None else recipe
    resolved = recipe_for(chosen, dataset.spec, overrides)
    if resolved.data != options:
        dataset = load(data, resolved.data, root=data_root)
    return resolved, dataset


def _stop_on_errors(diagnosis: Diagnosis, allow: Sequence[str], say: Say) -> None:
    """Say what the preflight warns of and what is allowed.

    Raises:
        PreflightError: there are errors that are not allowed.
    """
    for finding in (*diagnosis.errors, *diagnosis.warnings):
        if finding.check in allow:
            say(f"allowed: {finding.check}: {finding.evidence}")
        elif finding.status is not Level.ERROR:
            say(finding.line)
    errors = diagnosis.without(allow).errors
    if errors:
        options = " ".join(f"--allow {each.check}" for each in errors)
        raise PreflightError([*(each.line for each in errors), f"to train all the same: {options}"])


def _advance(
    files: RunFiles,
    recipe: Recipe,
    dataset: Dataset,
    state: TrainingState,
    observers: Sequence[Observer],
    say: Say,
    processes: Processes,
    *,
    probes: Sequence[Probe] = (),
    new_budget: bool = False,
    tensorboard: bool = False,
    auto_remedy: bool = False,
    own: Recipe | None = None,
) -> Run:
    """Train from the last checkpoint, or from the start where there is none, to an end."""
    settings = recipe.training
    store = CheckpointStore(
        files.checkpoints, settings.keep_checkpoints,
        older=OLDER_CHECKPOINTS if auto_remedy else 0, apart=max(1, settings.probe_every),
    )  # fmt: skip
    probes = probes or _probes(recipe, dataset, state, processes)
    trainer = _trainer(recipe, dataset, state, store, files, say, processes, probes)
    resumed = processes.told(store.has_any)
    if resumed:
        store.restore(state)
    processes.wait()  # nobody writes a checkpoint before all have read theirs
    if new_budget:
        state.stop = None  # whoever gives more wants more, plateau or not
    if not processes.leads:
        try:
            with _stopping_on_signals(state, say):
                trainer.run()
        except ProcessLostError as error:
            # It may be the first process that is gone; if not, it writes the same.
            with suppress(OSError):
                _write_end(files, state, Status.PROCESS_LOST, str(error))
            raise
        leave(processes)
        return Run(files.root, recipe)
    shape = "×".join(str(side) for side in dataset.spec.shape)
    say(
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.validation):,} held-out "
        f"samples of {shape} · recipe {recipe.name}, seed {recipe.seed} · {state.device}, "
        f"{f'{processes.size} processes of ' if processes.size > 1 else ''}"
        f"{Execution.of(recipe.training)} · {files.root}"
    )
    write_json(files.status, {"status": Status.RUNNING})
    for path in (files.generator, files.metrics):
        path.unlink(missing_ok=True)  # of an earlier end; the checkpoints hold what counts
    history = HistoryWriter(files.history, keep=state.rows)
    writers: list[HistoryWriter | TensorBoard] = [history]
    if tensorboard:
        writers.append(TensorBoard(files, state.step))
    # It goes on from the rows that are kept: a resumed run finds what it would have found.
    rows = History.read(files.history).rows
    doctor = Doctor(to_json(recipe), rows)
    watching: list[Observer] = [*writers, doctor, *observers]
    treatment = None
    if auto_remedy:
        treatment = Treatment(
            files, recipe, dataset.spec, rows,
            lambda changed: _new_state(changed, dataset, state.device), own,
        )  # fmt: skip
        watching.append(treatment)
    _let_watch(trainer, watching, doctor, treatment)
    try:
        if resumed:
            trainer.emit_event(event="resume")
            say(f"resuming {files.root} at step {state.step}")
        with _stopping_on_signals(state, say):
            probed = any(row.kind == "probe" and row.step == state.step for row in rows)
            if treatment is not None and probed:
                trainer.findings()  # it may have been killed between a finding and its remedy
            outcome = trainer.run()
            while treatment is not None and outcome.status is Status.RUNNING:
                recipe, event = treatment.carry_out(state, store)
                probes = _probes(recipe, dataset, state, processes)  # packing may be another
                trainer = _trainer(recipe, dataset, state, store, files, say, processes, probes)
                doctor.recipe = to_json(recipe)
                _let_watch(trainer, watching, doctor, treatment)
                trainer.emit_event(**event)
                store.save(state)
                outcome = trainer.run()
        leave(processes)  # what follows needs no other
        if outcome.status is Status.NON_FINITE:
            store.restore(state)  # what is left to look at: the last good weights
        _save_generator(files, state)
        _write_end(files, state, outcome.status, outcome.reason)
        if outcome.status in (Status.FINISHED, Status.PLATEAU):
            _measure(files, recipe, dataset, state, say)
        say(f"diagnosis: {doctor.diagnosis().verdict}; steadygan diagnose {files.root} says more")
    except ProcessLostError as error:
        _write_end(files, state, Status.PROCESS_LOST, str(error))
        raise
    finally:
        for writer in writers:
            writer.close()
    return Run(files.root, recipe)  # with it, since it may hold classes of the caller's own


def _write_end(files: RunFiles, state: TrainingState, status: Status, reason: str) -> None:
    """How the run ended, and when."""
    times = {"step": state.step, "seconds": round(state.seconds, 3), "ended": now()}
    write_json(files.status, {"status": status, "reason": reason, **times})


def _let_watch(
    trainer: Trainer, observers: Sequence[Observer], doctor: Doctor, treatment: Treatment | None
) -> None:
    """Let the doctor see every row, and the treatment all that it finds."""
    trainer.observers = [*observers, *trainer.observers]
    trainer.findings = doctor.found
    if treatment is None:
        return

    def found() -> list[dict[str, Any]]:
        new = doctor.found()
        treatment.consider(doctor.present, trainer.state, trainer.progress())
        return new

    trainer.findings = found


def _check_treatment(auto_remedy: bool, processes: Processes) -> None:
    """Raises UsageError where a run is to be treated that several processes train."""
    if auto_remedy and processes.size > 1:
        raise UsageError("--auto-remedy treats runs of one process: leave it out, or use one.")


def _trainer(
    recipe: Recipe,
    dataset: Dataset,
    state: TrainingState,
    store: CheckpointStore,
    files: RunFiles,
    say: Say,
    processes: Processes,
    probes: Sequence[Probe],
) -> Trainer:
    stored = _on_device(dataset.train, recipe, state)
    encode: Callable[[Samples], Samples] = dataset.encode
    if len(stored) * math.prod(dataset.spec.shape) <= _ENCODED_VALUES:
        stored, encode = dataset.encode(stored), _as_they_are
    held_out = _encoded(dataset, dataset.validation, recipe, state, "validation")
    training = _encoded(dataset, dataset.train, recipe, state, "train", len(held_out))
    codec = dataset.codec
    real = None if len(codec.shape) == 3 else codec.decode(held_out.x)

    def write_sheet(step: int, samples: Tensor) -> None:
        files.samples.mkdir(exist_ok=True)
        sheet = codec.sheet(codec.decode(samples), real=real)
        sheet.save(files.samples / f"step-{step:09d}.png")

    count = _SHEET_IMAGES if len(codec.shape) == 3 else _SHEET_VECTORS
    rng = torch.Generator(state.device).manual_seed(derive_seed(recipe.seed, "sheet"))
    critic = state.networks["critic"]
    couples = couples_samples(critic, *_example(recipe, held_out, training))
    if couples and processes.size > 1 and not has_batch_statistics(critic):
        raise UsageError(
            "the critic's score of a sample changes with the rest of its batch, and not by batch "
            "normalisation or minibatch standard deviation: train it in one process."
        )
    updates = replace(_updates(recipe), couples_samples=couples, processes=processes)
    step, reason = _step_of(recipe, dataset, state.device, updates)
    if reason is not None and state.device.type == "cuda":
        say(f"note: updates are not captured in CUDA graphs: {reason}")
    settings = recipe.training
    has_coverage = settings.probe_every and any(isinstance(p, HealthProbe) for p in probes)
    if settings.best == Training().best and not has_coverage:
        settings = replace(settings, best=None)  # nobody asked for it, and it cannot be had
    return Trainer(
        state=state,
        updates=step,
        stored=stored,
        encode=encode,
        settings=settings,
        store=store,
        probes=probes,
        sheet_latent=draw_latent(count, recipe.latent_dim, rng),
        sheet_labels=_sheet_labels(recipe, dataset, count, state.device),
        on_sheet=write_sheet,
        processes=processes,
    )


def _probes(
    recipe: Recipe, dataset: Dataset, state: TrainingState, processes: Processes
) -> list[Probe]:
    """Every probe that fits the recipe and the data; metrics only where they are reported."""
    held_out = _encoded(dataset, dataset.validation, recipe, state, "validation")
    training = _encoded(dataset, dataset.train, recipe, state, "train", len(held_out))
    packing, latent_dim = recipe.packing, recipe.latent_dim
    part = _at_a_time(recipe, held_out)
    probes: list[Probe] = []
    if packing is None or min(len(held_out), len(training)) >= packing.size:
        probes.append(ScoreProbe(training, held_out, latent_dim, packing, part))
        probes.append(LayerProbe(held_out, latent_dim, dataset.spec.bounds, packing, part))
    if len(held_out) > 5:
        values = max(1, math.prod(dataset.spec.shape))
        most = max(len(held_out), min(_COPIED_SAMPLES, _COPIED_VALUES // values))
        known = _encoded(dataset, dataset.train, recipe, state, "train", most)
        probes.append(HealthProbe(known, held_out, latent_dim))
    movement = MovementProbe()
    state.controllers["movement"] = movement
    probes.append(movement)
    if processes.leads:
        probes += metric_probes(recipe.training, dataset, held_out, latent_dim, state.device)
        if recipe.training.duality_gap_steps:
            probes.append(_duality_gap(recipe, dataset, state, held_out, training))
    return probes


def _at_a_time(recipe: Recipe, samples: Samples) -> int:
    """How many samples probes differentiate together, in whole packs: many small ones, of others
    half a training batch, since gradients by layer take the generator's graph and two of the
    critic's at once."""
    size = 1 if recipe.packing is None else recipe.packing.size
    half = recipe.training.batch_size // recipe.training.accumulation // 2
    few = max(half, _PROBE_VALUES // math.prod(samples.x.shape[1:]))
    return max(1, few // size) * size


def _duality_gap(
    recipe: Recipe, dataset: Dataset, state: TrainingState, held_out: Samples, training: Samples
) -> DualityGapProbe:
    size = 1 if recipe.packing is None else recipe.packing.size
    if len(held_out) < size:
        raise RecipeError(
            f"training.duality_gap_steps: there are {len(held_out)} held-out samples, at least "
            f"{size} are needed: hold more out, or set it to 0."
        )
    for name, network in state.networks.items():
        copy_of(network, name)  # what cannot be copied is said before training
    couples = couples_samples(state.networks["critic"], *_example(recipe, held_out, training))
    whole = len(held_out) // size * size
    return DualityGapProbe(
        updates=replace(_updates(recipe), couples_samples=couples),
        settings=recipe.training,
        stored=_on_device(dataset.train, recipe, state),
        encode=dataset.encode,
        held_out=Samples(held_out.x[:whole], None if held_out.y is None else held_out.y[:whole]),
    )


def _updates(recipe: Recipe) -> AlternatingUpdates:
    return AlternatingUpdates(
        objective=recipe.objective,
        critic_optimiser=recipe.critic_optimiser,
        generator_optimiser=recipe.generator_optimiser,
        latent_dim=recipe.latent_dim,
        batch_size=recipe.training.batch_size,
        penalties=recipe.penalty,
        constraints=recipe.constraint,
        auxiliary=recipe.auxiliary,
        stabilisers=recipe.stabiliser,
        n_critic=recipe.n_critic,
        burst=recipe.burst,
        ema=recipe.ema,
        clip_gradient_norm=recipe.training.clip_gradient_norm,
        accumulation=recipe.training.accumulation,
        precision=Execution.of(recipe.training).precision,
    )


def _as_they_are(samples: Samples) -> Samples:
    return samples


def _on_device(samples: Stored, recipe: Recipe, state: TrainingState) -> Stored:
    """The samples where the run trains; their labels only where its networks take them."""
    return samples.on(state.device, labels=recipe.conditional)


def _encoded(
    dataset: Dataset,
    part: Stored,
    recipe: Recipe,
    state: TrainingState,
    what: str,
    most: int = _PROBE_SAMPLES,
) -> Samples:
    """A fixed choice of at most ``most`` samples, encoded, on the run's device; fewer are the first
    of more."""
    rng = torch.Generator().manual_seed(derive_seed(state.seed, "probe", what))
    chosen = torch.randperm(len(part), generator=rng)[:most]
    return dataset.encode(_on_device(part.take(chosen), recipe, state))


def _example(recipe: Recipe, *parts: Samples) -> tuple[Tensor, Tensor | None]:
    """A few samples as the critic sees them: in packs, if it does."""
    packing = recipe.packing
    x = torch.cat([part.x for part in parts])
    if packing is not None:
        chosen = torch.arange(8 * packing.size, device=x.device) % len(x)  # there may be few
        return pack(x[chosen], packing.size), None
    labels = [part.y for part in parts if part.y is not None]
    return x[:8], torch.cat(labels)[:8] if labels else None


def _sheet_labels(
    recipe: Recipe, dataset: Dataset, count: int, device: torch.device
) -> Tensor | None:
    """Every class as often as the others, in order, so that rows of a sheet show one class."""
    classes = recipe.generator_spec(dataset.spec).classes
    return None if classes is None else torch.arange(count, device=device) * classes // count


def _new_state(
    recipe: Recipe, dataset: Dataset, device: torch.device, processes: Processes = ALONE
) -> TrainingState:
    """Networks, optimisers and averages before the first step, from the recipe's seed alone."""
    networks = build_networks(recipe, dataset.spec)
    for network in networks.values():
        network.to(device).train()
        Execution.of(recipe.training).lay_out(network)
    for constraint in recipe.constraint:
        constraint.prepare(networks["critic"])
    return TrainingState(
        seed=recipe.seed,
        device=device,
        networks=networks,
        optimisers={
            "critic": recipe.critic_optimiser.build(networks["critic"].parameters()),
            "generator": recipe.generator_optimiser.build(networks["generator"].parameters()),
        },
        averages=_updates(recipe).averages(networks),
        sampler=Sampler(len(dataset.train), seed=0),
        rank=processes.rank,
    )


def _check_sharing(recipe: Recipe, processes: Processes) -> None:
    """Raises UsageError where several processes cannot share a step of the recipe."""
    if processes.size == 1:
        return
    pack = 1 if recipe.packing is None else recipe.packing.size
    check_batch(recipe.training.batch_size, recipe.training.accumulation, pack, processes)
    for term in recipe.penalty:
        if not isinstance(term.penalty, GradientPenalty):
            raise UsageError(
                f"the penalty {term.name} draws for each batch it is given, and not for the whole: "
                "train it in one process."
            )


def _rehearse(recipe: Recipe, dataset: Dataset, device: torch.device) -> None:
    """One step of a state that is thrown away, on a few samples: what does not go together is said
    before anything is written.

    Raises:
        SteadyganError: whatever the recipe's pieces, ours or the user's, say or raise.
    """
    packs = recipe.training.accumulation * (1 if recipe.packing is None else recipe.packing.size)
    batch = min(_REHEARSAL * packs, recipe.training.batch_size)
    try:
        state, next_real = _trial_start(recipe, dataset, device, batch)
        updates = replace(_updates(recipe), batch_size=batch, n_critic=1, burst=None)
        _plain_step(recipe, updates)(state, next_real, 0.0)
    except SteadyganError:
        raise
    except Exception as error:  # whatever a piece of the user's raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RecipeError(
            f"the recipe {recipe.name} fails in its first step ({reason})."
        ) from error


def _trial_start(
    recipe: Recipe, dataset: Dataset, device: torch.device, batch: int
) -> tuple[TrainingState, NextBatch]:
    """A state that is thrown away, and always the same samples."""
    state = _new_state(recipe, dataset, device)
    chosen = torch.arange(batch) % len(dataset.train)
    few = _on_device(dataset.train.take(chosen), recipe, state)
    return state, lambda: dataset.encode(few)


def _plain_step(recipe: Recipe, updates: AlternatingUpdates) -> Updates:
    return ExtragradientUpdates(updates) if recipe.extragradient else updates


def _step_of(
    recipe: Recipe, dataset: Dataset, device: torch.device, updates: AlternatingUpdates
) -> tuple[Updates, str | None]:
    """How a step is carried out, captured where that can be; else with the reason."""
    step = _plain_step(recipe, updates)
    if not recipe.training.graphs:
        return step, "training.graphs is off"
    reason = why_not(step, device) or differs(
        updates, partial(_trial_start, recipe, dataset, device, updates.batch_size)
    )
    return (step, reason) if reason else (CapturedUpdates(updates), None)


def _measure(
    files: RunFiles, recipe: Recipe, dataset: Dataset, state: TrainingState, say: Say
) -> None:
    """Measure the finished generator, write the values and say them."""
    rng = torch.Generator(state.device).manual_seed(derive_seed(recipe.seed, "metrics"))
    wanted, counts, labels = samples_wanted(dataset), dataset.class_counts, None
    if recipe.conditional and counts is not None:
        labels = draw_labels(wanted, counts, rng)
    samples = sample(state.sampling_generator, wanted, recipe.latent_dim, rng, labels=labels)
    measurements = measure(dataset, samples, labels)
    write_json(files.metrics, {"measurements": [asdict(m) for m in measurements]})
    for measurement in measurements:
        say(str(measurement))


def _save_generator(files: RunFiles, state: TrainingState) -> None:
    averaged = "generator" in state.averages
    metadata = {"network": "generator", "averaged": averaged, "step": state.step}
    save_tensors(files.generator, state.sampling_generator.state_dict(), metadata)


def recipe_for(
    recipe: str | Recipe | Callable[[SampleSpec], Recipe],
    spec: SampleSpec,
    overrides: Sequence[str] = (),
) -> Recipe:
    """The recipe that a name, function or recipe stands for, on data of this kind."""
    return override(_call(recipe, spec), overrides)


def open_run(directory: str | Path, recipe: RecipeSource = None) -> Run:
    """A run; with the recipe that names them where it uses classes of your own."""
    run = Run(directory)
    if recipe is None:
        return run
    overrides = run.files.read(run.files.environment).get("overrides", [])
    return Run(directory, recipe_for(recipe, run.spec, overrides))


def report(
    runs: str | Path | Run | Sequence[str | Path | Run],
    out: str | Path | None = None,
    *,
    figures: str | Path | None = None,
    data_root: str | Path | None = None,
    recipe: RecipeSource = None,
) -> WrittenReport:
    """Write what is known of a run, or of several side by side, into one HTML file.

    Args:
        runs: a run, several, or the directory of a comparison, which stands for its runs.
        out: the file; None writes ``report.html`` into the run, or, of several, into the working
            directory.
        figures: a folder for every figure as PNG and SVG; None writes none.
        data_root: where named data sets are looked for first.
        recipe: only where the run uses classes of your own: the recipe that names them.

    Raises:
        UsageError: a directory is no run, or a place cannot be written.
    """
    given = [runs] if isinstance(runs, (str, Path, Run)) else list(runs)
    if not given:
        raise UsageError("a report needs at least one run.")
    opened = [
        each if isinstance(each, Run) else open_run(each, recipe)
        for several in given
        for each in _runs_of(several)
    ]
    alone = opened[0] if len(opened) == 1 else None
    default = Path() if alone is None else alone.directory
    page = default / "report.html" if out is None else Path(out)
    check_page(page)  # before the work
    document = gather_several(opened) if alone is None else gather(alone, data_root)
    return write(document, page, None if figures is None else Path(figures))


def _runs_of(given: str | Path | Run) -> list[str | Path | Run]:
    """The runs of a comparison that have begun, or the run itself."""
    if isinstance(given, Run) or not (Path(given) / "comparison.json").exists():
        return [given]
    members = sorted(path.parent for path in Path(given).glob("runs/*/recipe.json"))
    if not members:
        raise RunError(f"{given} is a comparison of which no training has begun.")
    return list(members)


def _call(recipe: str | Recipe | Callable[[SampleSpec], Recipe], spec: SampleSpec) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    function = resolve(recipe) if isinstance(recipe, str) else recipe
    try:
        result = function(spec)
    except SteadyganError:
        raise
    except Exception as error:  # whatever a function of the user's raises
        reason = f"{type(error).__name__}: {error}"
        raise RecipeError(f"the recipe function {recipe} failed ({reason}).") from error
    if not isinstance(result, Recipe):
        raise RecipeError(f"the recipe function returned {type(result).__name__}, not a Recipe.")
    return result


def _with_budget(
    recipe: Recipe,
    overrides: Sequence[str] = (),
    *,
    seed: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
) -> Recipe:
    if steps is not None or minutes is not None:
        limits = {"steps": steps, "epochs": None, "minutes": minutes}
        # The preset's other limits give way; those that were asked for stay.
        asked = {assignment.partition("=")[0].strip() for assignment in overrides}
        changes: dict[str, Any] = {
            name: limit
            for name, limit in limits.items()
            if limit is not None or f"training.{name}" not in asked
        }
        recipe = replace(recipe, training=replace(recipe.training, **changes))
    return recipe if seed is None else replace(recipe, seed=seed)


def _with_execution(recipe: Recipe, dataset: Dataset, device: torch.device) -> Recipe:
    """Choose what the recipe leaves open of how steps are carried out, and freeze it."""
    training = recipe.training
    torch.set_num_threads(most_threads(join()))
    execution = Execution.of(training)
    if training.steps is None or training.steps >= _WORTH_MEASURING:
        key = {
            "recipe": {
                k: v for k, v in to_json(replace(recipe, seed=0)).items() if k != "training"
            },
            "batch": (training.batch_size, training.accumulation),
            "spec": dataset.spec,
        }
        networks = _new_state(recipe, dataset, device).networks.values()
        execution = choose(
            training,
            partial(_trial, recipe, dataset, device),
            key=key,
            images=len(dataset.spec.shape) == 3,
            convolutional=any(p.ndim == 4 for each in networks for p in each.parameters()),
            device=device,
        )
    torch.set_num_threads(execution.threads)
    return replace(recipe, training=execution.freeze(training))


def _trial(recipe: Recipe, dataset: Dataset, device: torch.device, execution: Execution) -> Trial:
    """A few steps of a state that is thrown away: their time, and the first one's penalties."""
    torch.set_num_threads(execution.threads)
    frozen = replace(recipe, training=execution.freeze(recipe.training))
    batch = recipe.training.batch_size
    state, next_real = _trial_start(frozen, dataset, device, batch)
    updates = replace(_updates(frozen), n_critic=1, burst=None)
    carried_out, _ = _step_of(frozen, dataset, device, updates)

    def step() -> Mapping[str, Sequence[Report]]:
        return carried_out(state, next_real, 0.0)

    first = step()["critic"][0]
    step()  # captures, where it is captured
    names = {term.name for term in recipe.penalty}
    seconds = []
    for _ in range(_TRIALS):
        synchronise(device)
        began = time.perf_counter()
        step()
        synchronise(device)
        seconds.append(time.perf_counter() - began)
    terms = summarise([first.flat()])
    return Trial(min(seconds), {name: terms[f"terms.{name}"] for name in names})


def _earlier(out: str | Path | None) -> Path | None:
    """The run that these processes trained before one of them was lost, if they had begun it."""
    note = _note_of_torchrun()
    root = Path(out) if out is not None else Path(note.read_text()) if note.exists() else None
    return root if root is not None and RunFiles(root).recipe.exists() else None


def _note_of_torchrun() -> Path:
    """Where a run without ``--out`` is noted, by the process that started this one and will start
    the next."""
    return Path("runs") / f".torchrun-{os.getppid()}"


def _new_run(out: str | Path | None, dataset: Dataset, recipe: Recipe) -> RunFiles:
    """A new or empty directory for the run.

    Raises:
        RunError: ``out`` holds something already, or cannot be made.
    """
    try:
        if out is not None:
            root = Path(out)
            root.mkdir(parents=True, exist_ok=True)
            files = RunFiles(root)
            if files.recipe.exists():
                raise RunError(
                    f"{root} already holds a run: continue it with 'steadygan resume {root}', "
                    "or choose another --out."
                )
            if any(root.iterdir()):
                raise RunError(f"{root} is not empty: choose another --out.")
            return files
        parent = Path("runs")
        parent.mkdir(exist_ok=True)
        number = 1
        while True:
            root = parent / f"{dataset.name}-{recipe.name}-{number}"
            try:
                root.mkdir()
            except FileExistsError:
                number += 1
            else:
                if join().size > 1:
                    _note_of_torchrun().write_text(str(root))
                return RunFiles(root)
    except OSError as error:
        raise RunError(
            f"no run directory can be made at {error.filename}: {error.strerror}."
        ) from None


def _alone(files: RunFiles) -> AbstractContextManager[None]:
    """On the run's ``data.json``, which is never rewritten."""
    return alone(files.data, f"{files.root} is being trained by another process.")


@contextmanager
def alone(path: Path, complaint: str) -> Iterator[None]:
    """Two processes that train one run would write over each other. The system gives a lock on a
    file, which must never be rewritten, back however the process ends.

    Raises:
        RunError: another process holds it; with ``complaint``.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(complaint) from None
        yield


def _source(data: DataSource) -> str | None:
    """How a resume finds the data again: by name, by full path, or not at all."""
    if isinstance(data, str) and data in data_names():
        return data
    return str(Path(data).resolve()) if isinstance(data, (str, Path)) else None


@contextmanager
def _stopping_on_signals(state: TrainingState, say: Say) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after the step; a second one at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each, handler in previous.items():
            signal.signal(each, handler)
        name = signal.Signals(number).name
        state.stop = state.stop or Stop(Status.INTERRUPTED, name)
        say(f"{name}: finishing this step and saving; again to end at once")

    previous: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.getsignal(number)
            signal.signal(number, stop)
    except ValueError:  # not in the main thread: signals belong to the caller
        previous.clear()
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
