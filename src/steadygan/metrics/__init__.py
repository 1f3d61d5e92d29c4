"""Metrics: one file each; every value says what it was computed on."""

from steadygan.metrics.catalogue import METRICS, Metric, Pair, Value, check_names
from steadygan.metrics.classes import ClassReport, class_report, classification_accuracy
from steadygan.metrics.coverage import coverage
from steadygan.metrics.digit_reader import DigitReader, digit_reader
from steadygan.metrics.earth_mover import earth_mover
from steadygan.metrics.frechet import Gaussian, frechet_distance, gaussian, gaussian_of
from steadygan.metrics.health import HealthProbe
from steadygan.metrics.held_out_estimate import held_out_estimate
from steadygan.metrics.inception_score import inception_score
from steadygan.metrics.kernel import kernel_distance, kernel_distance_of_subsets
from steadygan.metrics.measurement import Measurement
from steadygan.metrics.memorisation import copying
from steadygan.metrics.modes import ModeReport, mode_report
from steadygan.metrics.ndb import bins_of, different_bins
from steadygan.metrics.near_copies import NearCopies, near_copies
from steadygan.metrics.neighbours import nearest_neighbours
from steadygan.metrics.prdc import PRDC, prdc
from steadygan.metrics.probe import MetricProbe, metric_probes, with_metrics
from steadygan.metrics.sliced_wasserstein import directions, sliced_wasserstein
from steadygan.metrics.stacked_modes import StackReport, held_out_modes, modes_of, stack_report
from steadygan.metrics.suite import (
    measure,
    measure_modes,
    sample,
    samples_wanted,
)

__all__ = [
    "METRICS",
    "PRDC",
    "ClassReport",
    "DigitReader",
    "Gaussian",
    "HealthProbe",
    "Measurement",
    "Metric",
    "MetricProbe",
    "ModeReport",
    "NearCopies",
    "Pair",
    "StackReport",
    "Value",
    "bins_of",
    "check_names",
    "class_report",
    "classification_accuracy",
    "copying",
    "coverage",
    "different_bins",
    "digit_reader",
    "directions",
    "earth_mover",
    "frechet_distance",
    "gaussian",
    "gaussian_of",
    "held_out_estimate",
    "held_out_modes",
    "inception_score",
    "kernel_distance",
    "kernel_distance_of_subsets",
    "measure",
    "measure_modes",
    "metric_probes",
    "mode_report",
    "modes_of",
    "near_copies",
    "nearest_neighbours",
    "prdc",
    "sample",
    "samples_wanted",
    "sliced_wasserstein",
    "stack_report",
    "with_metrics",
]
