"""Constraints: imposed on the critic's weights."""

from steadygan.constraints.weight_clipping import WeightClipping, clip_weights

__all__ = ["WeightClipping", "clip_weights"]
