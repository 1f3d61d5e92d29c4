"""Composes data, recipe, networks, training and metrics into what a user asks for."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import torch
from torch import Tensor

from steadygan.data import Dataset, load
from steadygan.data import names as data_names
from steadygan.environment import choose_device, environment_of, now
from steadygan.errors import (
    NetworkError,
    ProcessLostError,
    RecipeError,
    RunError,
    SteadyganError,
    UsageError,
)
from steadygan.history import HistoryWriter, RunFiles
from steadygan.interfaces import GradientPenalty, Samples, SampleSpec
from steadygan.metrics import CoverageProbe, measure, sample, samples_wanted
from steadygan.networks import check_networks, couples_samples
from steadygan.penalties import FiniteDifference
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
    default_for,
    from_json,
    override,
    resolve,
    to_json,
)
from steadygan.record import Record
from steadygan.run import Run, data_to_json
from steadygan.stabilisers import pack
from steadygan.step import has_batch_statistics
from steadygan.training import (
    AlternatingUpdates,
    CheckpointStore,
    Execution,
    ExtragradientUpdates,
    Observer,
    Probe,
    Sampler,
    ScoreProbe,
    Status,
    Stop,
    Trainer,
    Training,
    TrainingState,
    Trial,
    choose,
    derive_seed,
    draw_labels,
    draw_latent,
    save_tensors,
    synchronise,
    write_atomically,
)

RecipeSource: TypeAlias = "str | Recipe | Callable[[SampleSpec], Recipe] | None"
DataSource: TypeAlias = Any  # a name, a path, an array, a tensor or a Dataset
Say: TypeAlias = Callable[[str], None]

_PROBE_SAMPLES = 1_000  # that the probes are computed on, at most
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
    observers: Sequence[Observer] = (),
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
        observers: see every row of the history as it is written.
        say: gets the lines that a person should read.

    Raises:
        UsageError: something given cannot be used; nothing was written then.
    """
    processes = join()
    chosen_device = choose_device(device, processes)
    if not processes.leads:
        observers, say = (), _silent
    if restarts() and (earlier := processes.told(lambda: _earlier(out))):
        return resume(
            earlier, recipe, data=data, device=device, data_root=data_root,
            observers=observers, say=say,
        )  # fmt: skip
    if isinstance(recipe, str):
        resolve(recipe)  # a misspelt name is said before the data are read
    # The source is read as the recipe says, and a recipe may depend on what was read: so first as
    # the overrides alone say, and again only where the recipe itself wants it otherwise.
    options = override(Recipe(), [o for o in overrides if o.startswith("data.")]).data
    dataset = load(data, options, root=data_root)
    chosen = default_for(dataset.name) if recipe is None else recipe
    resolved = recipe_for(chosen, dataset.spec, overrides)
    resolved = _with_budget(resolved, overrides, seed=seed, steps=steps, minutes=minutes)
    if resolved.data != options:
        dataset = load(data, resolved.data, root=data_root)
    for note in dataset.notes:
        say(note)
    _check_sharing(resolved, processes)
    _rehearse(resolved, dataset, chosen_device)
    resolved = processes.told(lambda: _with_execution(resolved, dataset, chosen_device))
    torch.set_num_threads(resolved.training.threads or 1)
    state = _new_state(resolved, dataset, chosen_device, processes)
    recipe_json, data_json = to_json(resolved), data_to_json(dataset, _source(data))
    # Nothing above writes, nothing below refuses.
    files = RunFiles(processes.told(lambda: _new_run(out, dataset, resolved).root))
    if not processes.leads:
        return _advance(files, resolved, dataset, state, observers, say, processes)
    _write_json(files.data, data_json)
    environment = environment_of(chosen_device, overrides, data_root, processes.size)
    _write_json(files.environment, environment)
    with _alone(files):
        _write_json(files.recipe, recipe_json)  # last: now it is a run that can be resumed
        return _advance(files, resolved, dataset, state, observers, say, processes)


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
    say: Say = _silent,
) -> Run:
    """Continue a run from its last checkpoint: on the CPU bit by bit as if never interrupted.

    Args:
        run: the run directory.
        recipe: only where the run uses classes of your own: the recipe that names them, again.
        data: only where the source was an array, or has moved.
        steps, minutes: a new budget, to go on beyond the old one; written to the recipe.
        device: None goes on where the run was.
        data_root, observers, say: as in ``train``.

    Raises:
        UsageError: the run, its data or its classes are missing or not what they were.
    """
    processes = join()
    if not processes.leads:
        observers, say = (), _silent
    files = RunFiles(Path(run.directory if isinstance(run, Run) else run))
    recipe_json, data_json = files.read(files.recipe), files.read(files.data)
    environment = files.read(files.environment)
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
        if new_budget:
            _write_json(files.recipe, to_json(extended))
        return _advance(
            files, extended, dataset, state, observers, say, processes, new_budget=new_budget
        )


def _advance(
    files: RunFiles,
    recipe: Recipe,
    dataset: Dataset,
    state: TrainingState,
    observers: Sequence[Observer],
    say: Say,
    processes: Processes,
    *,
    new_budget: bool = False,
) -> Run:
    """Train from the last checkpoint, or from the start where there is none, to an end."""
    store = CheckpointStore(files.checkpoints, recipe.training.keep_checkpoints)
    trainer = _trainer(recipe, dataset, state, store, files, say, processes)
    resumed = processes.told(store.has_any)
    if resumed:
        store.restore(state)
    processes.wait()  # nobody writes a checkpoint before all have read theirs
    if new_budget:
        state.stop = None  # whoever gives more wants more, plateau or not
    if not processes.leads:
        with _stopping_on_signals(state, say):
            trainer.run()
        leave(processes)
        return Run(files.root, recipe)
    shape = "×".join(str(side) for side in dataset.spec.shape)
    say(
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.validation):,} held-out "
        f"samples of {shape} · recipe {recipe.name}, seed {recipe.seed} · {state.device}, "
        f"{f'{processes.size} processes of ' if processes.size > 1 else ''}"
        f"{Execution.of(recipe.training)} · {files.root}"
    )
    _write_json(files.status, {"status": Status.RUNNING})
    for path in (files.generator, files.metrics):
        path.unlink(missing_ok=True)  # of an earlier end; the checkpoints hold what counts
    history = HistoryWriter(files.history, keep=state.rows)
    trainer.observers = [history, *observers, *trainer.observers]
    try:
        if resumed:
            trainer.emit_event(event="resume")
            say(f"resuming {files.root} at step {state.step}")
        with _stopping_on_signals(state, say):
            outcome = trainer.run()
        leave(processes)  # what follows needs no other
        if outcome.status is Status.NON_FINITE:
            store.restore(state)  # what is left to look at: the last good weights
        _save_generator(files, state)
        status = {
            "status": outcome.status,
            "reason": outcome.reason,
            "step": state.step,
            "seconds": round(state.seconds, 3),
            "ended": now(),
        }
        _write_json(files.status, status)
        if outcome.status in (Status.FINISHED, Status.PLATEAU):
            _measure(files, recipe, dataset, state, say)
    except ProcessLostError as error:
        status = {
            "status": Status.PROCESS_LOST,
            "reason": str(error),
            "step": state.step,
            "seconds": round(state.seconds, 3),
            "ended": now(),
        }
        _write_json(files.status, status)
        raise
    finally:
        history.close()
    return Run(files.root, recipe)  # with it, since it may hold classes of the caller's own


def _trainer(
    recipe: Recipe,
    dataset: Dataset,
    state: TrainingState,
    store: CheckpointStore,
    files: RunFiles,
    say: Say,
    processes: Processes,
) -> Trainer:
    stored = _on_device(dataset.train, recipe, state)
    held_out = _encoded(dataset, dataset.validation, recipe, state, "validation")
    training = _encoded(dataset, dataset.train, recipe, state, "train", len(held_out))
    packing = recipe.packing
    probes: list[Probe] = []
    if packing is None or min(len(held_out), len(training)) >= packing.size:
        probes.append(ScoreProbe(training, held_out, recipe.latent_dim, packing))
    if len(held_out) > 5:
        probes.append(CoverageProbe(held_out, recipe.latent_dim))
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
    if couples and any(
        isinstance(term.penalty, (GradientPenalty, FiniteDifference)) for term in recipe.penalty
    ):
        say(
            "note: the critic's score of a sample changes with the rest of its batch (batch "
            "normalisation? dropout?); a gradient penalty per sample needs one that does not"
        )
    if couples and processes.size > 1 and not has_batch_statistics(critic):
        raise UsageError(
            "the critic's score of a sample changes with the rest of its batch, and not by batch "
            "normalisation or minibatch standard deviation: train it in one process."
        )
    updates = replace(_updates(recipe), couples_samples=couples, processes=processes)
    settings = recipe.training
    has_coverage = settings.probe_every and any(isinstance(p, CoverageProbe) for p in probes)
    if settings.best == Training().best and not has_coverage:
        settings = replace(settings, best=None)  # nobody asked for it, and it cannot be had
    return Trainer(
        state=state,
        updates=ExtragradientUpdates(updates) if recipe.extragradient else updates,
        stored=stored,
        encode=dataset.encode,
        settings=settings,
        store=store,
        probes=probes,
        sheet_latent=draw_latent(count, recipe.latent_dim, rng),
        sheet_labels=_sheet_labels(recipe, dataset, count, state.device),
        on_sheet=write_sheet,
        processes=processes,
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


def _on_device(samples: Samples, recipe: Recipe, state: TrainingState) -> Samples:
    """The samples where the run trains; their labels only where its networks take them."""
    y = samples.y if recipe.conditional else None
    return Samples(samples.x.to(state.device), None if y is None else y.to(state.device))


def _encoded(
    dataset: Dataset,
    part: Samples,
    recipe: Recipe,
    state: TrainingState,
    what: str,
    most: int = _PROBE_SAMPLES,
) -> Samples:
    """A fixed choice of at most ``_PROBE_SAMPLES`` samples, encoded, on the run's device."""
    rng = torch.Generator().manual_seed(derive_seed(state.seed, "probe", what))
    chosen = torch.randperm(len(part), generator=rng)[: min(most, _PROBE_SAMPLES)]
    few = Samples(part.x[chosen], None if part.y is None else part.y[chosen])
    return dataset.encode(_on_device(few, recipe, state))


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
    torch.manual_seed(derive_seed(recipe.seed, "initialisation"))
    spec, critic_spec = recipe.generator_spec(dataset.spec), recipe.critic_spec(dataset.spec)
    try:
        networks = recipe.architecture.build(spec, recipe.latent_dim)
        if critic_spec != spec:  # packs: a critic for wider samples
            wider = recipe.architecture.build(critic_spec, recipe.latent_dim)
            networks["critic"] = wider["critic"]
    except (RuntimeError, MemoryError) as error:  # out of memory, mostly
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise NetworkError(f"the networks cannot be built: {reason}") from None
    check_networks({"generator": networks["generator"]}, spec, recipe.latent_dim)
    check_networks({"critic": networks["critic"]}, critic_spec, recipe.latent_dim)
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
        step = _trial_of(recipe, dataset, device, batch)
        step()
    except SteadyganError:
        raise
    except Exception as error:  # whatever a piece of the user's raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RecipeError(
            f"the recipe {recipe.name} fails in its first step ({reason})."
        ) from error


def _trial_of(
    recipe: Recipe, dataset: Dataset, device: torch.device, batch: int
) -> Callable[[], dict[str, list[Record]]]:
    """A step of a state that is thrown away, with one critic update, on always the same samples."""
    state = _new_state(recipe, dataset, device)
    updates = replace(_updates(recipe), batch_size=batch, n_critic=1, burst=None)
    chosen = torch.arange(batch) % len(dataset.train)
    y = None if dataset.train.y is None else dataset.train.y[chosen]
    few = _on_device(Samples(dataset.train.x[chosen], y), recipe, state)
    step = ExtragradientUpdates(updates) if recipe.extragradient else updates
    return lambda: step(state, lambda: dataset.encode(few), 0.0)


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
    _write_json(files.metrics, {"measurements": [asdict(m) for m in measurements]})
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
    step = _trial_of(frozen, dataset, device, recipe.training.batch_size)
    first = step()["critic"][0]
    names = {term.name for term in recipe.penalty}
    seconds = []
    for _ in range(_TRIALS):
        synchronise(device)
        began = time.perf_counter()
        step()
        synchronise(device)
        seconds.append(time.perf_counter() - began)
    penalties = {name: float(value) for name, value in first.terms.items() if name in names}
    return Trial(min(seconds), penalties)


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


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


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
