"""Metrics: one file each; every value says what it was computed on."""

from steadygan.metrics.classes import ClassReport, class_report
from steadygan.metrics.coverage import coverage
from steadygan.metrics.digit_reader import DigitReader, digit_reader
from steadygan.metrics.measurement import Measurement
from steadygan.metrics.modes import ModeReport, mode_report
from steadygan.metrics.near_copies import NearCopies, near_copies
from steadygan.metrics.stacked_modes import StackReport, held_out_modes, modes_of, stack_report
from steadygan.metrics.suite import CoverageProbe, measure, sample, samples_wanted

__all__ = [
    "ClassReport",
    "CoverageProbe",
    "DigitReader",
    "Measurement",
    "ModeReport",
    "NearCopies",
    "StackReport",
    "class_report",
    "coverage",
    "digit_reader",
    "held_out_modes",
    "measure",
    "mode_report",
    "modes_of",
    "near_copies",
    "sample",
    "samples_wanted",
    "stack_report",
]
