"""Many models asked together: the mean of their probabilities, and a mean weighted by the validation reviews."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from compare.baselines import BASELINE, LINEAR
from shared.errors import LockstepError
from shared.files import write_json
from shared.metrics import accuracy_interval, evaluate
from shared.predictions import Predictions
from shared.runs import Run, read_runs, this_commit

# Expectation-maximization multiplies the weights until they stand still; the loss is convex in them.
ITERATIONS = 2_000


def run_ensemble(experiments: Sequence[Path], out: Path) -> None:
    """Ask all finished networks of some experiments together, print the table, write the numbers.

    Parameters
    ----------
    experiments : sequence of Path
        Directories of runs, made with the same test reviews.
    out : Path
        A JSON file.

    Raises
    ------
    LockstepError
        If there are no runs, or they were not scored on the same reviews.
    """
    runs = [run for experiment in experiments for run in read_runs(experiment)]
    rows = summarise_ensemble(runs)
    write_json(out, {"experiments": [path.name for path in experiments], "commit": this_commit(), "ensembles": rows})
    table = Table("ensemble", "models", "test accuracy, %", "log loss", "weights")
    for row in rows:
        heaviest = ", ".join(f"{name} {weight:.2f}" for name, weight in list(row["weights"].items())[:4])
        accuracy, loss = f"{row['accuracy'] * 100:.2f}", f"{row['metrics']['log_loss']:.4f}"
        table.add_row(row["name"], str(row["models"]), accuracy, loss, heaviest)
    console = Console(highlight=False)
    console.print(table)
    console.print(str(out))


def summarise_ensemble(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Score the networks together, alone and with the linear baselines, each by plain and by weighted mean.

    The weights are those of the linear opinion pool with the smallest log loss on the validation
    reviews, one for each framework and architecture of an experiment; its seeds share it. Test
    reviews play no part in them.

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
        rows.append(_row("linear baselines", linear, weighted=False))
    return rows


def _check(runs: Sequence[Run]) -> None:
    first = runs[0]
    for run in runs:
        for kind, ours, theirs in (
            ("test", run.predictions, first.predictions),
            ("validation", run.validation, first.validation),
        ):
            if not np.array_equal(ours.review_ids, theirs.review_ids):
                raise LockstepError(f"{run.directory} and {first.directory} have other {kind} reviews")


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs by experiment, framework and architecture; seeds of one cell are together."""
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[f"{run.directory.parents[2].name} {run.record.framework} {run.record.architecture}"].append(run)
    return dict(groups)


def group_weights(groups: Mapping[str, Sequence[Run]]) -> np.ndarray:
    """Return the weight of each group in the pool, ``<float64>[groups]``, by the validation reviews."""
    labels = next(iter(groups.values()))[0].validation.labels
    return pool_weights(_means(groups, "validation"), labels.astype(np.int64))


def _row(name: str, runs: Sequence[Run], weighted: bool) -> dict[str, Any]:
    groups = grouped(runs)
    sizes = np.array([len(group) for group in groups.values()], float)
    weights = group_weights(groups) if weighted else sizes / sizes.sum()  # [groups]
    labels = runs[0].predictions.labels
    metrics = evaluate(labels, np.tensordot(weights, _means(groups, "predictions"), axes=1))
    held_out = evaluate(runs[0].validation.labels, np.tensordot(weights, _means(groups, "validation"), axes=1))
    low, high = accuracy_interval(metrics["accuracy"], len(labels))
    return {
        "name": name,
        "models": len(runs),
        "accuracy": metrics["accuracy"],
        "accuracy_low": low,
        "accuracy_high": high,
        "validation_accuracy": held_out["accuracy"],
        "metrics": metrics,
        "weights": dict(sorted(zip(groups, weights.tolist(), strict=True), key=lambda one: -one[1])),
    }


def _means(groups: Mapping[str, Sequence[Run]], side: str) -> np.ndarray:
    """Return each group's mean probabilities of a side, ``<float64>[groups, reviews, classes]``."""
    read: list[list[Predictions]] = [[getattr(run, side) for run in group] for group in groups.values()]
    return np.stack([np.mean([one.probabilities.astype(float) for one in group], axis=0) for group in read])


def pool_weights(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the weights of the linear opinion pool with the smallest log loss.

    The weights of a mixture of fixed distributions by expectation-maximization (Dempster, Laird &
    Rubin 1977, section 4.3): each step takes the mean share that a model has in the mixture's
    probability of the right class. The loss is convex in them, so there is one smallest.

    Parameters
    ----------
    probabilities : <float64>[models, reviews, classes]
        Of the models.
    labels : <int64>[reviews]
        Right classes.

    Returns
    -------
    <float64>[models]
        Not negative; their sum is 1.
    """
    right = np.maximum(probabilities[:, np.arange(len(labels)), labels], 1e-12)  # [models, reviews]
    weights = np.full(len(right), 1 / len(right))  # [models]
    for _ in range(ITERATIONS):
        weights = weights * (right / (weights @ right)).mean(axis=1)
    return weights
