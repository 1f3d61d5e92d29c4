"""Stabilisers: what else steadies training."""

from steadygan.stabilisers.augmentation import (
    DifferentiableAugmentation,
    change_colours,
    cut_out,
    translate,
)
from steadygan.stabilisers.ema import EMA, ema_decay, untrained_copy, update_average
from steadygan.stabilisers.feature_matching import FeatureMatching, mean_distance
from steadygan.stabilisers.historical_averaging import (
    HistoricalAveraging,
    squared_distance,
    take_mean,
)
from steadygan.stabilisers.historical_critic import HistoricalCritic
from steadygan.stabilisers.instance_noise import InstanceNoise, add_noise
from steadygan.stabilisers.latent_noise import LatentNoise
from steadygan.stabilisers.packing import Packing, pack

__all__ = [
    "EMA",
    "DifferentiableAugmentation",
    "FeatureMatching",
    "HistoricalAveraging",
    "HistoricalCritic",
    "InstanceNoise",
    "LatentNoise",
    "Packing",
    "add_noise",
    "change_colours",
    "cut_out",
    "ema_decay",
    "mean_distance",
    "pack",
    "squared_distance",
    "take_mean",
    "translate",
    "untrained_copy",
    "update_average",
]
