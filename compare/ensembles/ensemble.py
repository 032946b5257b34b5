"""Many models that answer together: the mean of their probabilities, and a pool weighted by the validation reviews.

A weighted pool multiplies the models' probabilities, each raised to its weight, and scales the product to
1: the logarithmic opinion pool (Heskes 1998, "Selecting weighting factors in logarithmic opinion pools").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from compare.grid.baselines import BASELINE, LINEAR
from compare.report.form import Ensemble, Interval
from compare.report.tables import ensemble_table
from compare.tables import print_table
from shared.command_line import announce
from shared.errors import LockstepError
from shared.files import save_page
from shared.metrics import accuracy_interval, evaluate
from shared.output import Output
from shared.predictions import Predictions
from shared.runs import Run, read_runs, this_commit

# Less than this, a model's probability counts as this: its logarithm is to stay finite.
SMALLEST_PROBABILITY = 1e-6
# Of the weights' squared distance from equal ones. It decides between models that say the same, and little else.
PENALTY = 1e-3
# Of the validation reviews; each is predicted with weights from the others.
FOLDS = 10


def run_ensemble(experiments: Sequence[Path], place: Output) -> None:
    """Let all finished networks of some experiments answer together, print the table, write the numbers.

    Parameters
    ----------
    experiments : sequence of Path
        Directories of runs, made with the same test reviews.
    place : Output
        A JSON file.

    Raises
    ------
    LockstepError
        If there are no runs, or they were not scored on the same reviews.
    """
    runs = [run for experiment in experiments for run in read_runs(experiment)]
    ensembles = summarise_ensemble(runs)
    found = {
        "experiments": [path.name for path in experiments],
        "commit": this_commit(),
        "ensembles": ensembles,
    }
    with place.written() as temporary:
        save_page(temporary, found)
    print_table(ensemble_table(ensembles_of(ensembles)), aside=place.streams)
    announce(place, "")


def summarise_ensemble(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Score the networks together, alone and with the linear baselines, by plain mean and by weighted pool.

    The weights are those of the logarithmic opinion pool with the smallest log loss on the
    validation reviews, one for each framework and architecture of an experiment; its seeds share
    it. Test reviews play no part in them. What is said of the validation reviews comes from weights
    that did not see them.

    Parameters
    ----------
    runs : sequence of Run
        With predictions of the same validation and test reviews.

    Raises
    ------
    LockstepError
        If two runs were not scored on the same reviews.
    """
    _check(runs)
    networks = [run for run in runs if run.record.framework != BASELINE]
    linear = [run for run in runs if run.record.framework == BASELINE and run.record.architecture in LINEAR]
    rows = [_row("networks", networks, weighted=False), _row("networks, weighted", networks, weighted=True)]
    if linear:
        rows.append(_row("networks and linear baselines, weighted", [*networks, *linear], weighted=True))
        rows.append(_row("linear baselines, weighted", linear, weighted=True))
    return rows


def ensembles_of(rows: Sequence[Mapping[str, Any]]) -> list[Ensemble]:
    """Return what :func:`summarise_ensemble` found as a report has it."""
    return [
        Ensemble(
            name=row["name"],
            models=row["models"],
            accuracy=Interval(value=row["accuracy"], low=row["accuracy_low"], high=row["accuracy_high"]),
            validation_log_loss=row["validation_log_loss"],
            metrics=row["metrics"],
        )
        for row in rows
    ]


def _check(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs:
        for kind, ours, theirs in (
            ("test", run.predictions, first.predictions),
            ("validation", run.validation, first.validation),
        ):
            both = f"{run.directory} and {first.directory}"
            if ours.class_names != theirs.class_names:
                raise LockstepError(f"{both} have other names of the classes")
            if not np.array_equal(ours.review_ids, theirs.review_ids):
                raise LockstepError(f"{both} have other {kind} reviews")


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs by experiment, framework and architecture; seeds of one cell are together."""
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[f"{run.directory.parents[2].name} {run.record.framework} {run.record.architecture}"].append(run)
    return dict(groups)


def group_weights(groups: Mapping[str, Sequence[Run]]) -> np.ndarray:
    """Return the weight of each group in the pool, ``<float64>[groups]``, by the validation reviews."""
    labels = next(iter(groups.values()))[0].validation.labels
    return pool_weights(_means(groups, "validation"), labels)


def _row(name: str, runs: Sequence[Run], weighted: bool) -> dict[str, Any]:
    groups = grouped(runs)
    test, validation = _means(groups, "predictions"), _means(groups, "validation")
    labels, held_out = runs[0].predictions.labels, runs[0].validation.labels
    if weighted:
        weights = pool_weights(validation, held_out)  # [groups]
        together, unseen = pooled(weights, test), _unseen(validation, held_out)
    else:
        weights = np.array([len(group) for group in groups.values()]) / len(runs)
        together, unseen = (np.tensordot(weights, one, axes=1) for one in (test, validation))
    metrics, metrics_of_validation = evaluate(labels, together), evaluate(held_out, unseen)
    low, high = accuracy_interval(metrics["accuracy"], len(labels))
    return {
        "name": name,
        "models": len(runs),
        "accuracy": metrics["accuracy"],
        "accuracy_low": low,
        "accuracy_high": high,
        "validation_accuracy": metrics_of_validation["accuracy"],
        "validation_log_loss": metrics_of_validation["log_loss"],
        "metrics": metrics,
        "weights": dict(sorted(zip(groups, weights.tolist(), strict=True), key=lambda one: -one[1])),
    }


def _unseen(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pool each fold of the reviews with weights from the other folds, ``<float64>[reviews, classes]``."""
    together = np.zeros(probabilities.shape[1:])  # [reviews, classes]
    rows = np.random.default_rng(0).permutation(len(labels))
    for fold in np.array_split(rows, min(FOLDS, len(rows))):
        others = np.setdiff1d(rows, fold)
        together[fold] = pooled(pool_weights(probabilities[:, others], labels[others]), probabilities[:, fold])
    return together


def _means(groups: Mapping[str, Sequence[Run]], split: str) -> np.ndarray:
    """Return each group's mean probabilities of a split, ``<float64>[groups, reviews, classes]``."""
    read: list[list[Predictions]] = [[getattr(run, split) for run in group] for group in groups.values()]
    return np.stack([np.mean([one.probabilities.astype(float) for one in group], axis=0) for group in read])


def pooled(weights: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithmic opinion pool, ``softmax(sum of weight * log(probability))``.

    Parameters
    ----------
    weights : <float64>[models]
    probabilities : <float64>[models, reviews, classes]

    Returns
    -------
    <float64>[reviews, classes]
    """
    return softmax(np.tensordot(weights, _logarithms(probabilities), axes=1), axis=1)


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))


def pool_weights(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the weights of the logarithmic opinion pool with the smallest log loss.

    The loss is convex in them; a small penalty on their distance from equal weights makes the
    smallest one unique where models agree.

    Parameters
    ----------
    probabilities : <float64>[models, reviews, classes]
        Of the models.
    labels : <int16>[reviews]
        Right classes.

    Returns
    -------
    <float64>[models]
        Not negative. Their sum is about 1, more where models err independently of each other.
    """
    logarithms, reviews = _logarithms(probabilities), np.arange(len(labels))
    right = logarithms[:, reviews, labels].mean(axis=1)  # [models]
    equal = 1 / len(probabilities)

    def loss_and_gradient(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = log_softmax(np.tensordot(weights, logarithms, axes=1), axis=1)  # [reviews, classes]
        expected = np.tensordot(logarithms, np.exp(scores), axes=2) / len(labels)  # [models]
        away = weights - equal
        loss = -scores[reviews, labels].mean() + PENALTY * (away @ away)
        return loss, expected - right + 2 * PENALTY * away

    start, bounds = np.full(len(probabilities), equal), [(0, None)] * len(probabilities)
    return minimize(loss_and_gradient, start, jac=True, bounds=bounds, method="L-BFGS-B").x
