"""The Inception network of the FID (Szegedy et al. 2016), as torch-fidelity carries it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from steadygan.errors import DataError, MissingExtraError
from steadygan.features.extractor import NetworkFeatures
from steadygan.features.prepare import rgb
from steadygan.features.weights import digest, of_another_torch

# Of the one file that published values are computed with; its name carries the first digits. It is
# a pickle, and no other is handed over to be loaded.
PUBLISHED = "6726825d"
_SIDE = 299


def inception(weights: Path | None = None, device: torch.device | None = None) -> NetworkFeatures:
    """2,048 features of the published TensorFlow weights, and the head without its bias.

    Args:
        weights: ``weights-inception-2015-12-05-6726825d.pth``; None has torch-fidelity find it in
            torch's cache, or download it.
        device: to compute on.

    Raises:
        MissingExtraError: without the extra ``fid``.
        DataError: there is no such file, it is another, or it cannot be downloaded.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise MissingExtraError(
            "the Inception network needs an extra: pip install 'steadygan[fid]'."
        ) from None
    except RuntimeError as error:
        raise of_another_torch("torch-fidelity", error) from None
    if weights is not None:
        if not weights.is_file():
            raise DataError(f"there is no file {weights} with the weights of Inception.")
        if not digest(weights).startswith(PUBLISHED):
            raise DataError(
                f"{weights} is not the published file (its SHA-256 does not begin with "
                f"{PUBLISHED}): take the one of torch-fidelity's release v0.2.0."
            )
    chosen = device or torch.device("cpu")
    try:
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat",
            ["2048"],
            feature_extractor_weights_path=None if weights is None else str(weights),
        )
    except OSError as error:  # URLError among them
        raise DataError(
            f"the weights of Inception cannot be downloaded ({error}): name the file with "
            "--weights."
        ) from None
    head = nn.Linear(2_048, network.fc.out_features, bias=False)
    head.weight = network.fc.weight
    return NetworkFeatures(
        name="Inception, ImageNet",
        dim=2_048,
        network=_Pooled(network).to(chosen),
        prepare=_bytes,
        resize=f"bilinear as TensorFlow 1 does, to {_SIDE}×{_SIDE}",
        preprocessing="8 bits, RGB on white, (x − 128) / 128",
        identity=f"inception {PUBLISHED}",
        head=head.to(chosen).requires_grad_(False),
        device=chosen,
        batch=32,
    )


class _Pooled(nn.Module):
    """The only layer that was asked for, out of its tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network(images)[0]
        return features


def _bytes(images: Tensor) -> Tensor:
    return (rgb(images) * 255.0).round().to(torch.uint8)
