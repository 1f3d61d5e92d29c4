"""Extractors by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from steadygan.data import Dataset
from steadygan.errors import UsageError, did_you_mean
from steadygan.features.extractor import Extractor
from steadygan.features.inception import inception
from steadygan.features.label_classifier import label_classifier
from steadygan.features.mobilenet import mobilenet
from steadygan.features.module import own_module
from steadygan.features.pixels import Pixels, principal_components
from steadygan.features.prepare import check_images
from steadygan.features.pretrained import timm_model, transformers_model
from steadygan.features.resnet56 import resnet56


@dataclass(frozen=True)
class Wish:
    """What is asked of an extractor.

    Attributes:
        argument: what follows the colon of its name, or nothing.
        dataset: the real samples: their shape, and what some extractors are fitted to.
        weights: a file, or None for where it is usually kept.
        device: for the network.
    """

    argument: str
    dataset: Dataset
    weights: Path | None
    device: torch.device


Build: TypeAlias = Callable[[Wish], Extractor]


def _pca(wish: Wish) -> Extractor:
    if wish.argument and not wish.argument.isdigit():
        raise UsageError(f"pca:{wish.argument}: write the number of components, pca:64.")
    return principal_components(wish.dataset, int(wish.argument or 64))


# Name: description, whether it takes images only, and how it is made.
EXTRACTORS: dict[str, tuple[str, bool, Build]] = {
    "pixels": (
        "the values themselves", False, lambda wish: Pixels(tuple(wish.dataset.spec.shape))
    ),
    "pca": ("their first principal components; pca:64", False, _pca),
    "classifier": (
        "a small network trained on the data's own labels", False,
        lambda wish: label_classifier(wish.dataset, wish.device),
    ),
    "mobilenet": (
        "MobileNetV2, ImageNet, from a local file", True,
        lambda wish: mobilenet(wish.weights, wish.device),
    ),
    "resnet56-cifar10": (
        "ResNet-56, CIFAR-10, from a local file", True,
        lambda wish: resnet56(wish.weights, wish.device),
    ),
    "inception": (
        "the network of published FIDs (extra fid)", True,
        lambda wish: inception(wish.weights, wish.device),
    ),
    "timm": (
        "timm:NAME with --weights FILE (extra timm)", True,
        lambda wish: timm_model(wish.argument, wish.weights, wish.device),
    ),
    "transformers": (
        "transformers:FOLDER, DINOv2 for example (extra transformers)", True,
        lambda wish: transformers_model(wish.argument, wish.weights, wish.device),
    ),
}  # fmt: skip


def choose_extractor(
    name: str,
    dataset: Dataset,
    *,
    weights: Path | None = None,
    device: torch.device | None = None,
) -> Extractor:
    """The extractor called ``name``, for samples as ``dataset`` has them.

    Args:
        name: one of ``EXTRACTORS``, with an argument after a colon where it takes one;
            ``module:function`` or ``file.py:function`` for one that makes a module of your own.

    Raises:
        UsageError: there is none, or it does not fit the data.
    """
    chosen = device or torch.device("cpu")
    kind, colon, argument = name.partition(":")
    if kind in EXTRACTORS:
        _, images_only, build = EXTRACTORS[kind]
        if images_only:
            check_images(kind, dataset.spec)
        return build(Wish(argument, dataset, weights, chosen))
    if not colon:
        raise UsageError(
            f"unknown features {name!r}.{did_you_mean(name, list(EXTRACTORS))} "
            "Your own: module:function or file.py:function."
        )
    return own_module(name, dataset.spec, chosen)
