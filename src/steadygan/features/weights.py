"""Weights of pretrained networks: looked for on disk, never downloaded by us."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from torch import Tensor, nn

from steadygan.cache import cache_folder
from steadygan.errors import DataError, MissingExtraError


def find_weights(given: Path | None, name: str, pattern: str) -> Path:
    """The file ``given``, else the first ``pattern`` in ``nets/`` under ``$STEADYGAN_DATA`` or the
    user's cache.

    Raises:
        DataError: there is none.
    """
    if given is not None:
        if not given.is_file():
            raise DataError(f"there is no file {given} with the weights of {name}.")
        return given
    root = os.environ.get("STEADYGAN_DATA")
    folders = [Path(each) / "nets" for each in (root, cache_folder()) if each]
    for folder in folders:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
    looked = " and ".join(str(folder) for folder in folders)
    raise DataError(
        f"the weights of {name} ({pattern}) are not in {looked}: put them there, or name the file "
        "with --weights."
    )


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_into(network: nn.Module, path: Path) -> None:
    """Load a ``.safetensors`` file into ``network``, in the network's own precision.

    Raises:
        DataError: the file cannot be read, or holds other weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
        network.load_state_dict(tensors)
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} does not hold the weights asked for ({reason}).") from None


def of_another_torch(package: str, error: RuntimeError) -> MissingExtraError:
    """What to say of a package whose import failed over a torchvision built for another torch."""
    reason = " ".join(str(error).split())[:100]
    return MissingExtraError(
        f"{package} cannot be imported ({reason}): install the torchvision that belongs to this "
        "torch."
    )
