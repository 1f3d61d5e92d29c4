"""A run: the directory that training leaves, read back, sampled and exported."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steadygan.data import Dataset, load
from steadygan.diagnosis import Diagnosis, diagnose
from steadygan.errors import MissingExtraError, RunError, UsageError, did_you_mean
from steadygan.history import History, RunFiles
from steadygan.interfaces import Codec, Samples, SampleSpec
from steadygan.metrics import sample
from steadygan.recipes import Recipe, component_from_json, component_to_json, from_json
from steadygan.training import (
    derive_seed,
    draw_labels,
    load_tensors,
    save_tensors,
    write_atomically,
)


def data_to_json(dataset: Dataset, source: str | None) -> dict[str, Any]:
    """What a run must know of its data later, without reading them again."""
    return {
        "name": dataset.name,
        "source": source,
        "fingerprint": dataset.fingerprint,
        "n_train": len(dataset.train),
        "n_validation": len(dataset.validation),
        "spec": dataset.spec._asdict(),
        "class_names": dataset.class_names,
        "class_counts": dataset.class_counts,
        "codec": component_to_json(dataset.codec, "codec"),
        "notes": dataset.notes,
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """One of the run's JSON files, complete or as it was before."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


class Run:
    """A run directory.

    Args:
        directory: of the run.
        recipe: only where the run uses classes of your own: the recipe that holds them.

    Raises:
        RunError: it is not a run directory.
    """

    def __init__(self, directory: str | Path, recipe: Recipe | None = None) -> None:
        self.directory = Path(directory)
        self.files = RunFiles(self.directory)
        self._own = recipe
        self._recipe_json = self.files.read(self.files.recipe)
        self._data = self.files.read(self.files.data)

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r}, status={self.status!r})"

    @property
    def recipe_json(self) -> dict[str, Any]:
        """The recipe as it was written, which can be read without the classes that it names."""
        return self._recipe_json

    @property
    def data(self) -> dict[str, Any]:
        """What is known of the data without reading them again; see ``data_to_json``."""
        return self._data

    @cached_property
    def recipe(self) -> Recipe:
        return from_json(self._recipe_json, self._own)

    @cached_property
    def spec(self) -> SampleSpec:
        spec = self._data["spec"]
        bounds = None if spec["bounds"] is None else tuple(spec["bounds"])
        return SampleSpec(tuple(spec["shape"]), bounds, spec["classes"])

    @cached_property
    def codec(self) -> Codec:
        codec: Codec = component_from_json(self._data["codec"], path="codec")
        return codec

    @property
    def status(self) -> str:
        """``finished``, ``plateau``, ``interrupted``, ``non_finite``, ``unsaved``; ``running``
        while it runs, or where it was killed."""
        return (
            str(self.files.read(self.files.status)["status"])
            if self.files.status.exists()
            else "running"
        )

    @property
    def history(self) -> History:
        return History.read(self.files.history)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The measurements made at the end of training; empty where it did not end."""
        if not self.files.metrics.exists():
            return []
        measured = self.files.read(self.files.metrics)["measurements"]
        if not isinstance(measured, list) or not all(isinstance(each, dict) for each in measured):
            raise RunError(f"{self.files.metrics} holds no measurements: is the file damaged?")
        return measured

    def diagnosis(self) -> Diagnosis:
        """What is wrong with the run, as far as it went: it may still be running."""
        return diagnose(self.history, self._recipe_json)

    def info(self) -> dict[str, Any]:
        """What there is to know at a glance, JSON-able."""
        status = self.files.read(self.files.status) if self.files.status.exists() else {}
        checkpoints = sorted(path.name for path in self.files.checkpoints.glob("*.safetensors"))
        return {
            "run": str(self.directory),
            "status": self.status,
            "reason": status.get("reason"),
            "step": status.get("step"),
            "seconds": status.get("seconds"),
            "data": {
                k: self._data[k] for k in ("name", "source", "n_train", "n_validation", "spec")
            },
            "recipe": self._recipe_json.get("name"),
            "seed": self._recipe_json.get("seed"),
            "checkpoints": checkpoints,
            "metrics": self.metrics,
            "environment": self.files.read(self.files.environment),
        }

    def weights(
        self, checkpoint: str | None = None, network: str = "generator", *, average: bool = True
    ) -> tuple[dict[str, Tensor], str]:
        """A network's weights and where they were found.

        Args:
            checkpoint: ``"best"``, a step, or None for the last there are.
            network: ``"generator"`` or ``"critic"``.
            average: those of its average, where it has one, and not those that are trained.

        Raises:
            RunError: there are none (yet).
        """
        last = checkpoint is None and network == "generator" and average
        if last and self.files.generator.exists():
            return load_tensors(self.files.generator)[0], self.files.generator.name
        path = self.checkpoint_file(checkpoint)
        tensors, _ = load_tensors(path)
        prefix = f"averages.{network}."
        if not average or not any(name.startswith(prefix) for name in tensors):
            prefix = f"networks.{network}."
        return {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }, path.name

    def checkpoint_file(self, checkpoint: str | None = None) -> Path:
        """Where a checkpoint lies: ``"best"``, a step, or None for the last there is.

        Raises:
            RunError: there is no such one.
        """
        folder = self.files.checkpoints
        known = sorted(folder.glob("step-*.safetensors"))
        if checkpoint is None:
            if not known:
                raise RunError(f"{self.directory} holds no weights yet: train or resume it first.")
            return known[-1]
        if checkpoint.isdigit():
            path = folder / f"step-{int(checkpoint):09d}.safetensors"
        else:
            path = folder / f"{checkpoint}.safetensors"
        if not path.exists():
            names = [p.stem.removeprefix("step-").lstrip("0") or "0" for p in known]
            best = ["best"] if (folder / "best.safetensors").exists() else []
            raise RunError(
                f"{self.directory} has no checkpoint {checkpoint!r}: there are "
                f"{', '.join([*best, *names]) or 'none'}."
            )
        return path

    def generator(self, checkpoint: str | None = None) -> nn.Module:
        """The trained generator, or its average where it has one, on the CPU, in evaluation mode,
        without gradients."""
        return self.network("generator", checkpoint).requires_grad_(False)

    def critic(self, checkpoint: str | None = None) -> nn.Module:
        """The critic of a checkpoint, on the CPU, in evaluation mode, without gradients; for
        samples, or packs of them, as it saw in training."""
        return self.network("critic", checkpoint).requires_grad_(False)

    def network(
        self, name: str, checkpoint: str | None = None, *, average: bool = True
    ) -> nn.Module:
        """The ``"generator"`` or the ``"critic"``, under its constraints, on the CPU, in evaluation
        mode; arguments and errors as ``weights``."""
        of = {"generator": self.recipe.generator_spec, "critic": self.recipe.critic_spec}[name]
        spec = of(self.spec)
        weights, where = self.weights(checkpoint, name, average=average)
        with torch.random.fork_rng(devices=[]):
            network = self.recipe.architecture.build(spec, self.recipe.latent_dim)[name]
            for constraint in self.recipe.constraint if name == "critic" else ():
                constraint.prepare(network)  # may give the weights other names
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise RunError(
                f"{where} of {self.directory} does not fit the recipe: {reason}"
            ) from None
        return network.eval()

    def dataset(self, data_root: str | Path | None = None) -> Dataset:
        """The data that the run was trained on, loaded again from where they were.

        Args:
            data_root: where named sets are looked for first; None looks where the run did.

        Raises:
            RunError: they were an array in memory, or are not what they were.
            DataError: they are not there any more.
        """
        source = self._data["source"]
        if source is None:
            raise RunError(f"{self.directory} was trained on an array in memory.")
        if data_root is None and self.files.environment.exists():
            data_root = self.files.read(self.files.environment).get("data_root")
        dataset = load(source, self.recipe.data, root=data_root)
        if dataset.fingerprint != self._data["fingerprint"]:
            raise RunError(
                f"the data at {dataset.name} are not those that {self.directory} was trained on."
            )
        return dataset

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        label: str | int | None = None,
        checkpoint: str | None = None,
    ) -> np.ndarray:
        """Samples in the user's form: images ``(count, height, width, channels)`` uint8, or rows
        ``(count, columns)`` float32. The same seed gives the same samples.

        Args:
            count: how many.
            seed: of the samples.
            label: of a conditional run: the class they are to be of, by name, or by its number
                where no class has that name; None draws classes as they are frequent in the
                training data.
            checkpoint: see ``weights``.

        Raises:
            UsageError: ``count`` is below 1, or there is no such label.
        """
        return self.codec.decode(self.encoded_samples(count, seed, label, checkpoint).x)

    def encoded_samples(
        self,
        count: int,
        seed: int = 0,
        label: str | int | None = None,
        checkpoint: str | None = None,
    ) -> Samples:
        """The samples of ``sample`` as the networks see them, ``(count, *shape)``, and their
        labels."""
        if count < 1:
            raise UsageError(f"{count} samples cannot be drawn: choose at least 1.")
        rng = torch.Generator().manual_seed(derive_seed(seed, "sample"))
        labels = self.labels(count, label, seed)
        generator, latent_dim = self.generator(checkpoint), self.recipe.latent_dim
        return Samples(sample(generator, count, latent_dim, rng, labels=labels), labels)

    def labels(self, count: int, label: str | int | None, seed: int) -> Tensor | None:
        """Integer labels ``(count,)`` to sample with, as ``sample``; None of a run without."""
        if not self.recipe.conditional:
            if label is not None:
                raise UsageError(
                    f"{self.directory} was trained without labels: train a conditional recipe "
                    "(cgan, acgan, projection) to sample by label."
                )
            return None
        if label is None:
            rng = torch.Generator().manual_seed(derive_seed(seed, "labels"))
            return draw_labels(count, self._data["class_counts"], rng)
        return torch.full((count,), self._class_of(label))

    def _class_of(self, label: str | int) -> int:
        names = list(self._data["class_names"])
        if label in names:
            return names.index(label)
        label = str(label)
        if label.isdigit() and int(label) < len(names):
            return int(label)
        raise UsageError(f"there is no class {label!r}.{did_you_mean(label, names)}")

    def write_samples(
        self,
        path: str | Path,
        count: int,
        *,
        seed: int = 0,
        label: str | int | None = None,
        checkpoint: str | None = None,
    ) -> list[Path]:
        """Draw samples, as ``sample``, and write them in the form that the ending of ``path`` asks
        for.

        Images: ``.png`` one sheet, ``.npz``/``.npy`` an array, no ending a folder of PNGs. Vectors:
        ``.csv``, ``.npy``, ``.npz``, or ``.png`` a plot.
        """
        samples = self.sample(count, seed=seed, label=label, checkpoint=checkpoint)
        return self.codec.write(samples, Path(path))

    def export(self, path: str | Path, *, checkpoint: str | None = None) -> Path:
        """The generator for use elsewhere: ``.safetensors`` weights or ``.onnx`` network.

        The ONNX network maps ``latent`` ``(batch, latent_dim)``, drawn from N(0, 1), and, of a
        conditional run, ``label`` ``(batch,)`` int64, to ``samples`` ``(batch, *shape)`` in encoded
        form (images in [−1, 1]).

        Raises:
            UsageError: another ending.
            MissingExtraError: ONNX without the extra ``onnx``.
        """
        path = Path(path)
        exporters = {".safetensors": self._export_safetensors, ".onnx": self._export_onnx}
        if path.suffix not in exporters:
            raise UsageError(f"{path} must end in {' or '.join(exporters)}.")
        if path.exists():
            raise UsageError(f"{path} exists already: choose another name or remove it.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            exporters[path.suffix](path, checkpoint)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
        return path

    def _export_safetensors(self, path: Path, checkpoint: str | None) -> None:
        weights, _ = self.weights(checkpoint)
        metadata = {"recipe": self._recipe_json, "data": self._data, "network": "generator"}
        save_tensors(path, weights, metadata)

    def _export_onnx(self, path: Path, checkpoint: str | None) -> None:
        try:
            import onnx  # noqa: F401
            import onnxscript  # noqa: F401
        except ImportError:
            raise MissingExtraError("ONNX needs an extra: pip install 'steadygan[onnx]'.") from None
        generator = self.generator(checkpoint)
        # Two rows: with one the exporter would take the batch for a constant.
        example: dict[str, Tensor] = {"latent": torch.zeros(2, self.recipe.latent_dim)}
        if self.recipe.conditional:
            example["label"] = torch.zeros(2, dtype=torch.int64)
        batch = torch.export.Dim("batch")
        log = logging.getLogger("torch.onnx")
        level = log.level
        log.setLevel(logging.ERROR)  # it tells of libraries that nothing here needs
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = torch.onnx.export(
                    generator,
                    tuple(example.values()),
                    input_names=list(example),
                    output_names=["samples"],
                    dynamic_shapes=tuple({0: batch} for _ in example),
                    dynamo=True,
                    verbose=False,
                )
        finally:
            log.setLevel(level)
        assert program is not None
        write_atomically(path, program.model_proto.SerializeToString())
