"""Constraints: imposed on the critic's weights."""

from steadygan.constraints.spectral_norm import SpectralNorm
from steadygan.constraints.weight_clipping import WeightClipping, clip_weights
from steadygan.constraints.weight_norm import WeightNorm

__all__ = ["SpectralNorm", "WeightClipping", "WeightNorm", "clip_weights"]
