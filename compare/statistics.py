"""What a set of runs says, as numbers: one dictionary that the report and the README are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from compare.baselines import BASELINE, BASELINES
from compare.ensemble import summarise_ensemble
from compare.reuse import compared_fields, fields_of
from shared.contract import FRAMEWORKS, REFERENCE
from shared.data.encoding import load_corpus
from shared.errors import LockstepError
from shared.metrics import accuracy_interval
from shared.runs import RECORD_VERSION, Run
from shared.specification import ARCHITECTURES, LOCKSTEP_FIELDS, Specification, from_record

# What may differ between the cells of one experiment.
CELL_FIELDS = {"architecture", "seed"}
# What may differ between architectures: a language model is of one.
ARCHITECTURE_FIELDS = {"start_from"}
HARDEST = 3


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
        _refuse_difference(run, networks[0], compared - ARCHITECTURE_FIELDS)
        _refuse_difference(run, alike, compared & ARCHITECTURE_FIELDS)


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
        "specification": _common(networks),
        "machine": record.machine.model_dump(),
        "commits": sorted({run.record.commit for run in runs}),
        "versions": {run.record.framework: run.record.framework_version for run in runs},
        "threads": sorted({run.record.threads for run in networks}),
        "cells": [cell for cell in cells if cell["framework"] != BASELINE],
        "baselines": [cell for cell in cells if cell["framework"] == BASELINE],
        "spread": _spread(cells),
        # The majority class agrees with nobody, and would take the colours from those who nearly do.
        "agreement": _agreement([groups[name][0] for name in by_architecture if name != (BASELINE, "majority")]),
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


def _hardest(networks: Sequence[Run]) -> list[dict[str, Any]]:
    """Reviews whose right class got the smallest mean probability from the networks."""
    probabilities = np.stack([run.predictions.probabilities for run in networks])  # [models, reviews, classes]
    predictions = networks[0].predictions
    labels = predictions.labels.astype(np.int64)
    right = np.take_along_axis(probabilities, labels[None, :, None], axis=2)[:, :, 0]  # [models, reviews]
    wrong = probabilities.argmax(axis=2) != labels  # [models, reviews]
    texts = _test_texts(networks[0])
    return [
        {
            "review_id": str(predictions.review_ids[row]),
            "label": int(labels[row]),
            "mean_probability_of_label": float(right[:, row].mean()),
            "models_wrong": int(wrong[:, row].sum()),
            "models": len(networks),
            "text": texts.get(str(predictions.review_ids[row])),
        }
        for row in np.argsort(right.mean(axis=0), kind="stable")[:HARDEST]
    ]


def _test_texts(run: Run) -> dict[str, str]:
    """Texts of the test reviews by id; empty if the data are no longer where they were."""
    specification: Specification = from_record(run.record.specification)
    try:
        corpus = load_corpus(specification)
    except LockstepError:
        return {}
    if corpus.fingerprint != run.record.data.fingerprint:
        return {}
    return dict(zip(corpus.test.review_ids.tolist(), corpus.texts[2], strict=True))
