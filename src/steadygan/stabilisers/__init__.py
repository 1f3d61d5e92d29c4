"""Stabilisers: what else steadies training."""

from steadygan.stabilisers.ema import EMA, ema_decay, update_average

__all__ = ["EMA", "ema_decay", "update_average"]
