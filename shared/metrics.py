"""How good probabilities are; lesson 15 says how to read them."""

from __future__ import annotations

import numpy as np

from shared.differences import refuse_non_finite

# SciPy and scikit-learn are imported where they are used: it takes a second, and most commands compute no metric.

# Probabilities are clipped here before their logarithm: a float32 softmax can be exactly 0.
SMALLEST_PROBABILITY = 1e-7
CALIBRATION_BINS = 15


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of reviews whose most probable class is right."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def accuracy_interval(accuracy: float, reviews: int) -> tuple[float, float]:
    """95 % Wilson interval of an accuracy on so many reviews."""
    from scipy.stats import binomtest

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


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve; of more than two classes, the mean over those that occur, each against the rest.

    Where only one class occurs there is nothing to rank, and it is 0.5.
    """
    occurring = np.unique(labels)
    if len(occurring) < 2:
        return 0.5
    classes = [1] if probabilities.shape[1] == 2 else occurring.tolist()
    return float(np.mean([_area(labels == one, probabilities[:, one]) for one in classes]))


def _area(inside: np.ndarray, scores: np.ndarray) -> float:
    """Share of pairs of a review inside and one outside of which the one inside has the higher score; ties are half."""
    from scipy.stats import rankdata

    positive, negative = int(inside.sum()), int((~inside).sum())
    return float((rankdata(scores)[inside].sum() - positive * (positive + 1) / 2) / (positive * negative))


def evaluate(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return every metric of the record.

    Parameters
    ----------
    labels : <int16>[reviews]
        Right classes.
    probabilities : <float32>[reviews, classes]
        Rows sum to 1.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``macro_f1`` (the mean over the classes that occur or are predicted), ``roc_auc`` (of more
        than two classes, the mean of each that occurs against the rest; higher is better); ``log_loss``,
        ``brier`` (summed over the classes, Brier 1950), ``calibration_error`` (lower is better).

    Raises
    ------
    LockstepError
        If a probability is not finite.
    """
    from sklearn.metrics import f1_score

    refuse_non_finite("probabilities", probabilities)
    targets = np.eye(probabilities.shape[1])[labels]
    return {
        "accuracy": accuracy(labels, probabilities),
        "macro_f1": float(f1_score(labels, probabilities.argmax(axis=1), average="macro", zero_division=0)),
        "roc_auc": roc_auc(labels, probabilities),
        "log_loss": log_loss(labels, probabilities),
        "brier": float(((probabilities - targets) ** 2).sum(axis=1).mean()),
        "calibration_error": calibration_error(labels, probabilities),
    }
