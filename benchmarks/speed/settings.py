"""What every contestant trains: WGAN-GP with its published settings, on networks of three sizes.

Imports no torch, since one contestant has none.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Setting:
    """One problem. An iteration is ``n_critic`` critic updates and one of the generator.

    Attributes:
        name: on the command line.
        title: in results.
        shape: of one sample.
        latent_dim: length of the latent vector.
        batch: samples per update.
        per_round: iterations that are timed together.
        width: of a DCGAN, or None for an MLP.
        hidden: units of the MLP's hidden layers.
        n_critic, weight, lr, beta1, beta2: WGAN-GP's (Gulrajani et al. 2017, algorithm 1).
    """

    name: str
    title: str
    shape: tuple[int, ...]
    latent_dim: int
    batch: int
    per_round: int
    width: int | None = None
    hidden: tuple[int, ...] = (512, 512, 512)
    n_critic: int = 5
    weight: float = 10.0
    lr: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9

    @property
    def columns(self) -> int:
        return math.prod(self.shape)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Setting:
        values = json.loads(text)
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def dcgan(size: int, width: int, batch: int, *, name: str = "dcgan", per_round: int = 2) -> Setting:
    title = f"DCGAN {size}×{size}×3, width {width}, batch {batch}"
    return Setting(name, title, (3, size, size), 128, batch, per_round, width=width)


SETTINGS = (
    dcgan(32, 64, 64),
    Setting("mlp-64", "MLP 64-512-512-512, batch 64", (64,), 64, 64, per_round=20),
    Setting("mlp-2", "MLP 2-512-512-512, batch 256", (2,), 2, 256, per_round=10),
)
