"""How good probabilities are."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import f1_score, roc_auc_score

from shared.differences import refuse_non_finite

# Probabilities are clipped here before their logarithm: a float32 softmax can be exactly 0.
SMALLEST_PROBABILITY = 1e-7
CALIBRATION_BINS = 15


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of reviews whose most probable class is right."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def accuracy_interval(accuracy: float, reviews: int) -> tuple[float, float]:
    """95 % Wilson interval of an accuracy on so many reviews."""
    interval = binomtest(round(accuracy * reviews), reviews).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative logarithm of the right class's probability, in nats."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(right, SMALLEST_PROBABILITY, 1)).mean())


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error over 15 equal bins of confidence (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(right[bins == one].mean() - confidence[bins == one].mean()) * np.mean(bins == one) for one in set(bins)]
    return float(sum(gaps))


def evaluate(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return every metric of the record.

    Parameters
    ----------
    labels : <int8>[reviews]
        Right classes.
    probabilities : <float32>[reviews, classes]
        Rows sum to 1.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``macro_f1``, ``roc_auc`` (higher is better); ``log_loss``, ``brier`` (summed
        over the classes, Brier 1950), ``calibration_error`` (lower is better).

    Raises
    ------
    LockstepError
        If a probability is not finite.
    """
    refuse_non_finite("probabilities", probabilities)
    targets = np.eye(probabilities.shape[1])[labels]
    return {
        "accuracy": accuracy(labels, probabilities),
        "macro_f1": float(f1_score(labels, probabilities.argmax(axis=1), average="macro")),
        "roc_auc": float(roc_auc_score(labels, probabilities[:, 1])),
        "log_loss": log_loss(labels, probabilities),
        "brier": float(((probabilities - targets) ** 2).sum(axis=1).mean()),
        "calibration_error": calibration_error(labels, probabilities),
    }
