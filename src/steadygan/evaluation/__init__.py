"""Evaluation: what ``steadygan evaluate`` does, of a run or of two sets of samples."""

from steadygan.evaluation.evaluate import evaluate_run, evaluate_samples, names
from steadygan.evaluation.work import Evaluation

__all__ = ["Evaluation", "evaluate_run", "evaluate_samples", "names"]
