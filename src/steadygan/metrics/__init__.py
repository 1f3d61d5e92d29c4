"""Metrics: one file each; every value says what it was computed on."""

from steadygan.metrics.classes import ClassReport, class_report
from steadygan.metrics.coverage import coverage
from steadygan.metrics.measurement import Measurement
from steadygan.metrics.modes import ModeReport, mode_report
from steadygan.metrics.near_copies import NearCopies, near_copies
from steadygan.metrics.suite import CoverageProbe, measure, sample, samples_wanted

__all__ = [
    "ClassReport",
    "CoverageProbe",
    "Measurement",
    "ModeReport",
    "NearCopies",
    "class_report",
    "coverage",
    "measure",
    "mode_report",
    "near_copies",
    "sample",
    "samples_wanted",
]
