"""Data: a source becomes tensors in two splits, and a codec back to what the user brought."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from steadygan.cache import NOWHERE, cache_folder, user_folder
from steadygan.data.arrays import load_array, load_array_file
from steadygan.data.cifar10 import CIFAR10_MARKS, load_cifar10
from steadygan.data.codecs import ImageCodec, VectorCodec
from steadygan.data.dataset import DataOptions, Dataset, Mixture, StackedDigits
from steadygan.data.digits import load_digits
from steadygan.data.idx import is_idx, load_idx, load_named
from steadygan.data.images import load_folder
from steadygan.data.points import (
    load_grid,
    load_parallel_lines,
    load_ring,
    load_swiss_roll,
    parallel_lines,
)
from steadygan.data.stacked_mnist import load_stacked_mnist
from steadygan.errors import DataError, did_you_mean

__all__ = [
    "DataOptions",
    "Dataset",
    "ImageCodec",
    "Mixture",
    "StackedDigits",
    "VectorCodec",
    "load",
    "load_array",
    "names",
    "parallel_lines",
]

# Sets that need no files.
_EMBEDDED: dict[str, tuple[str, Callable[[DataOptions], Dataset]]] = {
    "digits": ("1,797 handwritten digits, grey 8×8 (scikit-learn)", load_digits),
    "8-ring": ("2-D points, 8 Gaussians on a ring", load_ring),
    "25-grid": ("2-D points, 25 Gaussians on a grid", load_grid),
    "swiss-roll": ("2-D points on a spiral", load_swiss_roll),
    "parallel-lines": ("2-D points on a line (WGAN paper, example 1)", load_parallel_lines),
}

_MNIST_FILES = "the four IDX files of MNIST (yann.lecun.com/exdb/mnist and its mirrors)"

# Sets whose files lie in a folder of their name, under a data root.
_EXTERNAL: dict[str, tuple[str, Callable[[Path, DataOptions], Dataset], str]] = {
    "mnist": (
        "70,000 handwritten digits, grey 28×28",
        lambda folder, options: load_named("mnist", folder, options),
        _MNIST_FILES,
    ),
    "fashion-mnist": (
        "70,000 pieces of clothing, grey 28×28",
        lambda folder, options: load_named("fashion-mnist", folder, options),
        "the four IDX files of github.com/zalandoresearch/fashion-mnist",
    ),
    "stacked-mnist": (
        "128,000 stacks of three handwritten digits, 1,000 modes, colour 28×28",
        load_stacked_mnist,
        _MNIST_FILES,
    ),
    "cifar10": (
        "60,000 photographs of 10 classes, colour 32×32",
        load_cifar10,
        "the binary version from cs.toronto.edu/~kriz/cifar.html",
    ),
}

# Sets that are made of the files of another.
_MADE_OF = {"stacked-mnist": "mnist"}


def names() -> dict[str, str]:
    """Every named data set with a one-line description."""
    described = {name: text for name, (text, _) in _EMBEDDED.items()}
    return described | {name: text for name, (text, _, _) in _EXTERNAL.items()}


def load(
    source: str | Path | np.ndarray | Tensor | Dataset,
    options: DataOptions | None = None,
    *,
    root: str | Path | None = None,
) -> Dataset:
    """Read a data source; there is always a held-out split.

    Args:
        source: a named set (see ``names``); a folder of images; a ``.npy``, ``.npz`` or IDX
            file; an array or tensor ``(n, …)``; or a ``Dataset``, returned as it is.
        options: size, channels, share held out.
        root: where named sets are looked for first; then the folder that the environment variable
            ``STEADYGAN_DATA`` names, then ``~/.cache/steadygan``.

    Raises:
        DataError: there is no such source, or nothing in it can be used.
    """
    options = options or DataOptions()
    if isinstance(source, Dataset):
        return source
    if isinstance(source, (np.ndarray, Tensor)):
        return load_array(source, options)
    if isinstance(source, str) and source in _EMBEDDED:
        return _EMBEDDED[source][1](options)
    if isinstance(source, str) and source in _EXTERNAL:
        return _EXTERNAL[source][1](_find_external(_MADE_OF.get(source, source), root), options)
    return _load_path(Path(source), options)


def _load_path(path: Path, options: DataOptions) -> Dataset:
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name that no file system takes
        raise DataError(f"{str(path)[:80]!r} cannot be looked at: {error.strerror}.") from None
    if is_folder:
        if any((path / name).exists() for name in CIFAR10_MARKS):
            return load_cifar10(path, options)
        if (path / "train-images-idx3-ubyte").exists() or (
            path / "train-images-idx3-ubyte.gz"
        ).exists():
            return load_named(path.resolve().name, path, options)
        return load_folder(path, options)
    if not path.exists():
        hint = "" if len(path.parts) > 1 or path.suffix else did_you_mean(str(path), list(names()))
        raise DataError(f"there is no data set and no file {str(path)!r}.{hint}")
    if path.suffix in (".npy", ".npz"):
        return load_array_file(path, options)
    if is_idx(Path(path.name.removesuffix(".gz"))):
        return load_idx(path, options)
    raise DataError(
        f"{path} is not a kind of file that can be trained on: give a folder of images, a .npy or "
        ".npz array, or an IDX file."
    )


def _find_external(name: str, root: str | Path | None) -> Path:
    """The folder of a named set under the first data root that has it."""
    cache = cache_folder()
    if cache == NOWHERE:  # nothing is to be cached; data that a user put there are none the less
        cache = user_folder()
    roots = [root, os.environ.get("STEADYGAN_DATA"), cache]
    looked = []
    for base in (Path(each) for each in roots if each):
        for folder in (base / "images" / name, base / name):
            if folder.is_dir():
                return folder
        looked.append(str(base))
    raise DataError(
        f"{name} was not found in {', '.join(looked)}: put {_EXTERNAL[name][2]} into "
        f"{cache / name}, or say where it is with --data-root or STEADYGAN_DATA."
    )
