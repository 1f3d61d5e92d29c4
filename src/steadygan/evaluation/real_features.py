"""Real samples' features and what real samples score, kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from steadygan.cache import cache_folder
from steadygan.data import Dataset
from steadygan.errors import DataError, RunError
from steadygan.features import Extractor, NetworkFeatures
from steadygan.features.prepare import as_stored
from steadygan.interfaces import Samples
from steadygan.training import derive_seed, load_tensors, save_tensors, write_atomically

Progress: TypeAlias = Callable[[str, int, int], None]  # what is done, how much of it, of how much

BLOCK = 500  # samples between two reports of progress
_VERSION = 1  # of all that decides cached values beside what their key holds


def real_features(
    data: Dataset, extractor: Extractor, chosen: Tensor, key: str, progress: Progress
) -> Tensor:
    """Features of the chosen real samples; of a network from the user's cache where they are."""
    path = cache_folder() / f"real-features-{key}.safetensors"
    what = "features of real samples"
    if not isinstance(extractor, NetworkFeatures):
        return features_of(extractor, encoded(data, chosen), what, progress, len(chosen))
    with suppress(RunError, KeyError):
        kept = load_tensors(path)[0]["features"]
        if len(kept) == len(chosen):
            return kept
    found = features_of(extractor, encoded(data, chosen), what, progress, len(chosen))
    with suppress(OSError):  # a cache that cannot be written only costs the time again
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, {"features": found}, {"extractor": extractor.identity})
    return found


def encoded(data: Dataset, chosen: Tensor) -> Iterator[Tensor]:
    """The chosen of training and held-out samples together, encoded, some at a time."""
    for block in torch.split(chosen, BLOCK):
        yield data.codec.encode(taken(data, block).x)


def taken(data: Dataset, chosen: Tensor) -> Samples:
    """The chosen of training and held-out samples together, stored."""
    n, first = len(data.train), chosen < len(data.train)
    parts = data.train.take(chosen[first]), data.validation.take(chosen[~first] - n)
    back = torch.empty_like(chosen)  # where in the parts each of the chosen is
    back[first] = torch.arange(len(parts[0]))
    back[~first] = torch.arange(len(parts[0]), len(chosen))
    x = torch.cat([part.x.cpu() for part in parts])[back]
    labels = [part.y for part in parts if part.y is not None]
    return Samples(x, torch.cat(labels)[back] if len(labels) == len(parts) else None)


def features_of(
    extractor: Extractor,
    samples: Iterator[Tensor],
    what: str,
    progress: Progress,
    total: int,
) -> Tensor:
    """Features ``(n, dim)`` of encoded samples that come in parts."""
    found: list[Tensor] = []
    for part in samples:
        for block in torch.split(part, BLOCK):
            progress(what, sum(map(len, found)), total)
            found.append(extractor(as_stored(block)))
    features = torch.cat(found)
    bad = int((~torch.isfinite(features)).any(1).sum())
    if bad:
        raise DataError(
            f"{extractor.name}: {bad:,} of {total:,} {what} are not finite: look at these samples, "
            "or choose other --features."
        )
    return features


def shuffled(count: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(derive_seed(seed, "evaluate", "real"))
    return torch.randperm(count, generator=rng)


def key_of(data: Dataset, extractor: Extractor, n: int, seed: int) -> str:
    """Of all that decides the features of the chosen real samples, and their metrics."""
    parts = [_VERSION, data.fingerprint, extractor.identity, extractor.preprocessing, n, seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def known_references(key: str) -> dict[str, float]:
    """What other real samples score, by metric, as far as it has been computed."""
    try:
        content = json.loads(_references(key).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def keep_references(key: str, values: Mapping[str, float]) -> None:
    path = _references(key)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(values).encode())


def _references(key: str) -> Path:
    return cache_folder() / f"real-against-real-{key}.json"
