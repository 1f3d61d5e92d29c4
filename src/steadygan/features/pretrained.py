"""Any model of timm or transformers, DINOv2 for example, with weights from disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steadygan.errors import DataError, MissingExtraError
from steadygan.features.extractor import NetworkFeatures
from steadygan.features.prepare import ImagesTo
from steadygan.features.weights import digest, load_into, of_another_torch


def timm_model(
    name: str, weights: Path | None = None, device: torch.device | None = None
) -> NetworkFeatures:
    """What a model of timm pools before its classifier.

    Args:
        name: as timm calls it: ``vit_small_patch14_dinov2``.
        weights: a ``.safetensors`` file under timm's names.
        device: to compute on.

    Raises:
        MissingExtraError: without the extra ``timm``.
        DataError: no name or no file is given, there is no such model, or the file does not fit.
    """
    try:
        import timm
    except ImportError:
        raise MissingExtraError("this needs an extra: pip install 'steadygan[timm]'.") from None
    except RuntimeError as error:
        raise of_another_torch("timm", error) from None
    if not name or weights is None:
        raise DataError("name the model and its file: --features timm:NAME --weights FILE.")
    try:
        network = timm.create_model(name, pretrained=False)
    except RuntimeError as error:
        raise DataError(f"timm has no model {name!r} ({error}).") from None
    load_into(network, _existing(weights))
    network.reset_classifier(0)  # after loading: published files hold it
    settings = timm.data.resolve_model_data_config(network)
    prepare = ImagesTo(int(settings["input_size"][-1]), settings["mean"], settings["std"])
    dim = int(network.num_features)
    return _features(f"timm {name}", dim, network, prepare, digest(weights), device)


def transformers_model(
    folder: str, weights: Path | None = None, device: torch.device | None = None
) -> NetworkFeatures:
    """The class token (or, of other models, what they pool) of an image model of transformers.

    Args:
        folder: with ``config.json``, ``model.safetensors`` and perhaps
            ``preprocessor_config.json``.
        weights: None; the folder has them.
        device: to compute on.

    Raises:
        MissingExtraError: without the extra ``transformers``.
        DataError: there is no such folder, or it holds no image model.
    """
    try:
        from transformers import AutoModel
    except ImportError:
        raise MissingExtraError(
            "this needs an extra: pip install 'steadygan[transformers]'."
        ) from None
    except RuntimeError as error:
        raise of_another_torch("transformers", error) from None
    path = Path(folder)
    if weights is not None or not folder or not (path / "config.json").is_file():
        raise DataError(
            "name the folder with config.json and model.safetensors: "
            "--features transformers:FOLDER."
        )
    try:
        network = AutoModel.from_pretrained(path, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} holds no model that can be loaded ({reason}).") from None
    prepare = _prepared_as(path / "preprocessor_config.json")
    dim = int(network.config.hidden_size)
    key = digest(_existing(path / "model.safetensors"))
    name = f"transformers {path.resolve().name}"
    return _features(name, dim, _ClassToken(network), prepare, key, device)


def _features(
    name: str,
    dim: int,
    network: nn.Module,
    prepare: ImagesTo,
    key: str,
    device: torch.device | None,
) -> NetworkFeatures:
    chosen = device or torch.device("cpu")
    return NetworkFeatures(
        name=name,
        dim=dim,
        network=network.to(chosen),
        prepare=prepare,
        resize=prepare.resize,
        preprocessing=prepare.preprocessing,
        identity=f"{name} {key[:16]} {prepare}",
        device=chosen,
        batch=32,
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"there is no file {path} with weights.")
    return path


def _prepared_as(path: Path) -> ImagesTo:
    """As the model's own settings say; ImageNet's, at 224 pixels, where they are silent."""
    settings: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    size = settings.get("crop_size") or settings.get("size") or {}
    if isinstance(size, int):  # as older versions of transformers wrote it
        size = {"height": size}
    side = int(size.get("height", size.get("shortest_edge", 224)))
    default = ImagesTo(side)
    return ImagesTo(
        side,
        tuple(settings.get("image_mean", default.mean)),
        tuple(settings.get("image_std", default.std)),
    )


class _ClassToken(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found = self.network(pixel_values=images)
        pooled = getattr(found, "pooler_output", None)
        features: Tensor = found.last_hidden_state[:, 0] if pooled is None else pooled
        return features
