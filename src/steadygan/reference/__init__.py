"""WGAN-GP in NumPy: to be read, and to check the engine against. It imports no torch."""

from steadygan.reference.layers import Dense, norms, penalty
from steadygan.reference.optimisers import SGD, Adam, RMSProp
from steadygan.reference.wgan_gp import WGANGP

__all__ = ["SGD", "WGANGP", "Adam", "Dense", "RMSProp", "norms", "penalty"]
