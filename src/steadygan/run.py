"""A run: the directory that training leaves, read back, sampled and exported."""

from __future__ import annotations

import logging
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steadygan.data import Dataset
from steadygan.errors import MissingExtraError, RunError, UsageError, did_you_mean
from steadygan.history import History, RunFiles
from steadygan.interfaces import Codec, SampleSpec
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
        """``finished``, ``plateau``, ``interrupted``, ``non_finite``; ``running`` while it runs, or
        where it was killed."""
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
        return list(self.files.read(self.files.metrics)["measurements"])

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

    def weights(self, checkpoint: str | None = None) -> tuple[dict[str, Tensor], str]:
        """The generator's weights and where they were found.

        Args:
            checkpoint: ``"best"``, a step, or None for the last there are.

        Raises:
            RunError: there are none (yet).
        """
        if checkpoint is None and self.files.generator.exists():
            return load_tensors(self.files.generator)[0], self.files.generator.name
        folder = self.files.checkpoints
        known = sorted(folder.glob("step-*.safetensors"))
        if checkpoint is None:
            if not known:
                raise RunError(f"{self.directory} holds no weights yet: train or resume it first.")
            path = known[-1]
        elif checkpoint.isdigit():
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
        tensors, _ = load_tensors(path)
        prefix = "averages.generator."
        if not any(name.startswith(prefix) for name in tensors):
            prefix = "networks.generator."
        return {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix)
        }, path.name

    def generator(self, checkpoint: str | None = None) -> nn.Module:
        """The trained generator, on the CPU, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            spec = self.recipe.generator_spec(self.spec)
            networks = self.recipe.architecture.build(spec, self.recipe.latent_dim)
        generator = networks["generator"]
        weights, name = self.weights(checkpoint)
        try:
            generator.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise RunError(
                f"{name} of {self.directory} does not fit the recipe: {reason}"
            ) from None
        return generator.eval().requires_grad_(False)

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
        if count < 1:
            raise UsageError(f"{count} samples cannot be drawn: choose at least 1.")
        rng = torch.Generator().manual_seed(derive_seed(seed, "sample"))
        labels = self._labels(count, label, seed)
        encoded = sample(
            self.generator(checkpoint), count, self.recipe.latent_dim, rng, labels=labels
        )
        return self.codec.decode(encoded)

    def _labels(self, count: int, label: str | int | None, seed: int) -> Tensor | None:
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
