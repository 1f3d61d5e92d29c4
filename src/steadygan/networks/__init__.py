"""Generators and critics: plain modules, the architectures that build them, and their checks."""

from steadygan.networks.custom import Custom
from steadygan.networks.dcgan import DCGAN, DCGANCritic, DCGANGenerator
from steadygan.networks.inspect import (
    check_networks,
    copy_of,
    couples_samples,
    parameter_count,
    undisturbed,
)
from steadygan.networks.mlp import MLP, MLPCritic, MLPGenerator
from steadygan.networks.recurrent import Recurrent, RecurrentCritic, RecurrentGenerator
from steadygan.networks.resnet import ResNet, ResNetCritic, ResNetGenerator

__all__ = [
    "DCGAN",
    "MLP",
    "Custom",
    "DCGANCritic",
    "DCGANGenerator",
    "MLPCritic",
    "MLPGenerator",
    "Recurrent",
    "RecurrentCritic",
    "RecurrentGenerator",
    "ResNet",
    "ResNetCritic",
    "ResNetGenerator",
    "check_networks",
    "copy_of",
    "couples_samples",
    "parameter_count",
    "undisturbed",
]
