"""What a set of runs says, as numbers: one dictionary that the report and the README are made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from compare.ensembles.ensemble import summarise_ensemble
from compare.grid.baselines import BASELINE, BASELINES
from compare.grid.reuse import compared_fields, fields_of
from shared.contract import FRAMEWORKS, REFERENCE
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.metrics import accuracy_interval
from shared.runs import RECORD_VERSION, Record, Run
from shared.specification import ARCHITECTURES, LOCKSTEP_FIELDS, from_record
from shared.tasks import EVERY, task_of

# What may differ between the cells of one experiment.
CELL_FIELDS = {"architecture", "seed"}
HARDEST = 3
# Of more classes than this the most confused pairs are listed instead.
LARGEST_TABLE = 20
CONFUSED_PAIRS = 10


def check_comparable(runs: Sequence[Run]) -> None:
    """Raise a LockstepError that names two runs and what they may not differ in.

    Parameters
    ----------
    runs : sequence of Run
        Of one experiment, at least one network among them.
    """
    for run in runs:
        fingerprints = run.record.data.fingerprint, runs[0].record.data.fingerprint
        if len(set(fingerprints)) > 1:
            raise LockstepError(
                f"{run.directory} and {runs[0].directory} were not made with the same reviews "
                f"(fingerprints {fingerprints[0][:12]} and {fingerprints[1][:12]})"
            )
        if run.predictions.class_names != runs[0].predictions.class_names:
            raise LockstepError(f"{run.directory} and {runs[0].directory} have other names of the classes")
        if run.record.framework == BASELINE and run.record.architecture not in BASELINES:
            raise LockstepError(f"{run.directory}: unknown baseline {run.record.architecture!r}; remove it")
    networks = [run for run in runs if run.record.framework != BASELINE]
    for run in runs:
        # A baseline has an architecture of its own, and reads nothing that depends on the networks'.
        alike = next((one for one in networks if one.record.architecture == run.record.architecture), networks[0])
        compared = compared_fields(run.record.framework, run.record.recipe) - CELL_FIELDS
        own = _architecture_fields(networks[0])
        _refuse_difference(run, networks[0], compared - own)
        _refuse_difference(run, alike, compared & own)


def _architecture_fields(run: Run) -> set[str]:
    """Return what may differ between architectures: a language model is of one, and so is a task's published model."""
    found = task_of(fields_of(run.record)["data"])
    presets = found[0].presets.values() if found else ()
    published = {name for preset in presets for one, fields in preset.items() if one != EVERY for name in fields}
    return {"start_from"} | published


def _refuse_difference(run: Run, other: Run, compared: Collection[str]) -> None:
    """Refuse two runs that differ in a field, or in the file that it named."""
    values, expected = fields_of(run.record), fields_of(other.record)
    both = f"{run.directory} and {other.directory} differ in"
    versions = {run.record.record_version, other.record.record_version}
    for name in sorted(compared):
        if values[name] != expected[name]:
            raise LockstepError(f"{both} {name}: {values[name]!r} and {expected[name]!r}")
        # Earlier versions did not say.
        if versions == {RECORD_VERSION} and run.record.inputs.get(name) != other.record.inputs.get(name):
            raise LockstepError(f"{both} what {name} named: another file stood at {values[name]!r}")


def summarise(runs: Sequence[Run]) -> dict[str, Any]:
    """Return everything that the report shows, ready for JSON.

    Parameters
    ----------
    runs : sequence of Run
        All finished runs of one experiment.

    Raises
    ------
    LockstepError
        If there is no network among them, or they cannot be compared.
    """
    networks = [run for run in runs if run.record.framework != BASELINE]
    if not networks:
        raise LockstepError("no network is finished yet; only baselines are")
    check_comparable(runs)
    groups: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.record.framework, run.record.architecture].append(run)
    frameworks, architectures = (*FRAMEWORKS, REFERENCE, BASELINE), (*ARCHITECTURES, *BASELINES)
    names = sorted(groups, key=lambda name: (frameworks.index(name[0]), architectures.index(name[1])))
    by_architecture = sorted(names, key=lambda name: architectures.index(name[1]))
    cells = [_cell(groups[name]) for name in names]
    record = networks[0].record
    return {
        "recipe": record.recipe,
        "data": record.data.model_dump(),
        "class_names": list(networks[0].predictions.class_names),
        "accounts": [text for one in record.data.accounts for text in (one.paragraph(), *one.warnings())],
        "specification": _common(networks),
        "by_architecture": _by_architecture(networks),
        "machine": record.machine.model_dump(),
        "commits": sorted({run.record.commit for run in runs}),
        "versions": {run.record.framework: run.record.framework_version for run in runs},
        "threads": sorted({run.record.threads for run in networks}),
        "cells": [cell for cell in cells if cell["framework"] != BASELINE],
        "baselines": [cell for cell in cells if cell["framework"] == BASELINE],
        "spread": _spread(cells),
        # The majority class agrees with nobody, and would take the colours from those who nearly do.
        "agreement": _agreement([groups[name][0] for name in by_architecture if name != (BASELINE, "majority")]),
        "confusions": [_confusions(groups[name][0]) for name in names if name[0] != BASELINE],
        "ensembles": summarise_ensemble(runs),
        "hardest": _hardest(networks),
    }


def _common(networks: Sequence[Run]) -> dict[str, Any]:
    """Fields of the specification that all networks share, without those that their recipe ignores."""
    first, *others = (fields_of(run.record) for run in networks)
    ignored = LOCKSTEP_FIELDS if first["recipe"] == "idiomatic" else ()
    return {
        name: value
        for name, value in first.items()
        if name not in ignored and all(other[name] == value for other in others)
    }


def _by_architecture(networks: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Fields in which architectures differ as they may, and their values by architecture."""
    values: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for run in networks:
        fields = fields_of(run.record)
        for name in sorted(_architecture_fields(run)):
            values[name][run.record.architecture] = fields[name]
    return {name: found for name, found in values.items() if len({repr(value) for value in found.values()}) > 1}


def _cell(runs: Sequence[Run]) -> dict[str, Any]:
    """Means over the seeds of one framework and architecture; 95 % Wilson interval of the accuracy."""
    records = [run.record for run in runs]
    accuracies = [record.metrics["test"]["accuracy"] for record in records]
    accuracy = float(np.mean(accuracies))
    low, high = accuracy_interval(accuracy, records[0].data.sizes["test"])
    return {
        "framework": records[0].framework,
        "architecture": records[0].architecture,
        "seeds": [record.seed for record in records],
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_of_seeds": accuracies,
        "metrics": {
            name: float(np.mean([record.metrics["test"][name] for record in records]))
            for name in records[0].metrics["test"]
        },
        "validation_accuracy": float(np.mean([record.metrics["validation"]["accuracy"] for record in records])),
        "out_of_domain": _out_of_domain(records),
        "parameters": records[0].parameters.model_dump(),
        "seconds": {
            name: float(np.mean([getattr(record.seconds, name) for record in records]))
            for name in ("setup", "training", "prediction")
        },
        "reviews_per_second": {
            name: float(np.mean([record.reviews_per_second[name] for record in records]))
            for name in ("training", "prediction")
        },
        "peak_memory_mb": max(record.peak_memory_mb for record in records),
        "history": [
            {
                "epoch": epoch.epoch,
                "training_loss": epoch.training_loss,
                "validation_accuracy": epoch.validation_accuracy,
            }
            for epoch in runs[0].history
        ],
    }


def _out_of_domain(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Mean metrics on the reviews of other tasks, by their source, over the seeds that were tested on them."""
    found: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    for record in records:
        for source, metrics in record.out_of_domain.items():
            found[source].append(metrics)
    return {
        source: {name: float(np.mean([one[name] for one in several])) for name in several[0]}
        for source, several in found.items()
    }


def _spread(cells: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Largest difference of accuracy between frameworks, for each architecture that two of them trained."""
    by_architecture: defaultdict[str, list[float]] = defaultdict(list)
    for cell in cells:
        if cell["framework"] in FRAMEWORKS:
            by_architecture[cell["architecture"]].append(cell["accuracy"])
    return {name: max(values) - min(values) for name, values in by_architecture.items() if len(values) > 1}


def _agreement(runs: Sequence[Run]) -> dict[str, Any]:
    """Share of test reviews on which two models predict the same class, for every two models."""
    classes = np.stack([run.predictions.classes for run in runs])  # [models, reviews]
    matrix = (classes[:, None] == classes[None]).mean(axis=2)  # [models, models]
    names = [f"{run.record.framework} {run.record.architecture}" for run in runs]
    return {"names": names, "matrix": matrix.round(6).tolist()}


def _confusions(run: Run) -> dict[str, Any]:
    """Say which classes a network takes for which.

    Returns
    -------
    dict
        ``matrix``: test reviews by their class and by the class predicted; None for more than `LARGEST_TABLE` classes.
        ``pairs``: those confused most often, each with its number of reviews and their share of the class.
    """
    predictions, classes = run.predictions, len(run.predictions.class_names)
    flat = predictions.labels.astype(np.int64) * classes + predictions.classes
    matrix = np.bincount(flat, minlength=classes**2).reshape(classes, classes)
    wrong = matrix * ~np.eye(classes, dtype=bool)
    most = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED_PAIRS]
    pairs = [divmod(int(one), classes) for one in most if wrong.flat[one]]
    return {
        "framework": run.record.framework,
        "architecture": run.record.architecture,
        "seed": run.record.seed,
        "matrix": matrix.tolist() if classes <= LARGEST_TABLE else None,
        "pairs": [
            {
                "label": label,
                "prediction": prediction,
                "reviews": int(matrix[label, prediction]),
                "share": float(matrix[label, prediction] / matrix[label].sum()),
            }
            for label, prediction in pairs
        ],
    }


def _hardest(networks: Sequence[Run]) -> list[dict[str, Any]]:
    """Reviews whose right class got the smallest mean probability from the networks."""
    first = networks[0].predictions
    rows, labels = np.arange(len(first.labels)), first.labels
    right = np.mean([run.predictions.probabilities[rows, labels] for run in networks], axis=0)  # [reviews]
    answers = np.stack([run.predictions.classes for run in networks])  # [models, reviews]
    chosen = np.argsort(right, kind="stable")[:HARDEST].tolist()
    wrong = {row: Counter(answers[answers[:, row] != labels[row], row].tolist()) for row in chosen}
    ids = first.review_ids[chosen].tolist()
    texts = _test_texts(networks[0], ids)
    return [
        {
            "review_id": review_id,
            "label": int(labels[row]),
            "mean_probability_of_label": float(right[row]),
            "models_wrong": sum(wrong[row].values()),
            "models": len(networks),
            "wrong_answer": max(wrong[row], key=wrong[row].__getitem__, default=None),
            "text": texts.get(review_id),
        }
        for row, review_id in zip(chosen, ids, strict=True)
    ]


def _test_texts(run: Run, review_ids: Collection[str]) -> dict[str, str]:
    """Texts of some test reviews by id; empty if the data are no longer where they were."""
    try:
        corpus = load_corpus(from_record(run.record.specification))
    except LockstepError:
        return {}
    if corpus.fingerprint != run.record.data.fingerprint:
        return {}
    rows = {review_id: row for row, review_id in enumerate(corpus.test.review_ids.tolist())}
    return {review_id: corpus.texts[2][rows[review_id]] for review_id in review_ids}
