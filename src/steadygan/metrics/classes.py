"""What a classifier, trained on real labels, says of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassReport:
    """Attributes:
    shares: of each class among the samples, by most probable class, up to the largest label.
    top_probability: mean probability of each sample's most probable class.
    held_out_accuracy: of the classifier on real samples it was not trained on.
    held_out_top_probability: mean top probability there, to compare.
    n_train, n_held_out: samples the classifier was trained and tested on.
    predicted: the most probable class of each sample, ``(n,)``.
    """

    shares: tuple[float, ...]
    top_probability: float
    held_out_accuracy: float
    held_out_top_probability: float
    n_train: int
    n_held_out: int
    predicted: Tensor


def class_report(
    train: Tensor, train_labels: Tensor, held_out: Tensor, held_out_labels: Tensor, fake: Tensor
) -> ClassReport:
    """Train a classifier on real features and report what it sees in ``fake`` ones.

    A support vector machine with a Gaussian kernel on standardised features, its probabilities
    calibrated by cross-validation on the training samples (Platt 1999).

    Args:
        train, held_out, fake: features ``(n, d)``.
        train_labels, held_out_labels: integers ``(n,)``; every class at least 5 times in training.
    """
    classes = 1 + max(int(labels.max()) for labels in (train_labels, held_out_labels))
    known, probabilities = _trained(train, train_labels)
    of_held_out, of_fake = probabilities(held_out), probabilities(fake)
    predicted = known[of_fake.argmax(1)]
    return ClassReport(
        shares=tuple((np.bincount(predicted, minlength=classes) / len(fake)).tolist()),
        top_probability=float(of_fake.max(1).mean()),
        held_out_accuracy=float((known[of_held_out.argmax(1)] == held_out_labels.numpy()).mean()),
        held_out_top_probability=float(of_held_out.max(1).mean()),
        n_train=len(train),
        n_held_out=len(held_out),
        predicted=torch.as_tensor(predicted),
    )


def classification_accuracy(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor
) -> Tensor:
    """Which test samples the classifier of ``class_report``, trained on ``train``, gets right:
    bool ``(n,)``.

    Trained on generated samples and tested on real ones, the mean is the classification accuracy
    score (Ravuri & Vinyals 2019): near that of a training on real ones, samples can stand in.

    Args:
        train, test: features ``(n, d)``.
        train_labels, test_labels: integers ``(n,)``; every class at least 5 times in training.
    """
    known, probabilities = _trained(train, train_labels)
    return torch.as_tensor(known[probabilities(test).argmax(1)] == test_labels.numpy())


def _trained(train: Tensor, labels: Tensor) -> tuple[np.ndarray, Callable[[Tensor], np.ndarray]]:
    """The classes, and a function from features to the probability of each."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    # One scale for all features: scaling each alone would blow up the pixels that hardly vary.
    scale = float(train.std()) or 1.0
    model = make_pipeline(
        StandardScaler(with_std=False),
        CalibratedClassifierCV(SVC(C=10.0, gamma="scale"), ensemble=False),
    )
    model.fit(train.numpy() / scale, labels.numpy())

    def probabilities(features: Tensor) -> np.ndarray:
        return np.asarray(model.predict_proba(features.numpy() / scale))

    return model.classes_, probabilities
