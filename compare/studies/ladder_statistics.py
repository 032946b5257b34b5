"""What the records of a study say: differences seed by seed, and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compare.intervals import over_seeds
from compare.studies.rungs import BASE, LEARNT_FROM, Rung
from shared.errors import LockstepError
from shared.runs import Record


def summarise_ladder(rungs: Sequence[Rung], records: Mapping[str, Mapping[int, Record]]) -> dict[str, Any]:
    """Return what the table shows, ready for JSON.

    Parameters
    ----------
    rungs : sequence of Rung
        In the order of the table.
    records : mapping
        Of each rung, by its name and then by seed. A rung is compared over the seeds for which both
        it and what it is compared with are finished; one without such a seed is left out.

    Raises
    ------
    LockstepError
        If the recipe itself is not among the records, or two were not made with the same reviews.
    """
    if not records[BASE]:
        raise LockstepError("no run of the recipe itself is finished: nothing can be compared with it")
    first = next(iter(records[BASE].values()))
    alike = [records[rung.name] for rung in rungs if not LEARNT_FROM & rung.changes.keys()]
    if len({record.data.fingerprint for of_rung in alike for record in of_rung.values()}) > 1:
        raise LockstepError("the rungs were not made with the same reviews (their fingerprints differ)")
    titles = {rung.name: rung.title for rung in rungs}
    rows = [_row(rung, titles[rung.against], records[rung.name], records[rung.against]) for rung in rungs]
    return {
        "framework": first.framework,
        "framework_version": first.framework_version,
        "architecture": first.architecture,
        "specification": {name: value for name, value in first.specification.items() if name != "seed"},
        "data": first.data.model_dump(),
        "machine": first.machine.model_dump(),
        "threads": first.threads,
        "commits": sorted({record.commit for of_rung in records.values() for record in of_rung.values()}),
        "rungs": [row for row in rows if row["seeds"]],
    }


def _row(rung: Rung, against_title: str, own: Mapping[int, Record], other: Mapping[int, Record]) -> dict[str, Any]:
    seeds = [seed for seed in own if seed in other]
    pairs = [(own[seed], other[seed]) for seed in seeds]
    tests = [(one.metrics["test"], two.metrics["test"]) for one, two in pairs]
    row = {
        "name": rung.name,
        "title": rung.title,
        "whose": rung.whose,
        "changes": dict(rung.changes),
        "against": rung.against,
        "against_title": against_title,
        "seeds": seeds,
        "accuracy_of_seeds": [one["accuracy"] for one, _ in tests],
        "reviews_per_second_of_seeds": [one.reviews_per_second["training"] for one, _ in pairs],
    }
    if rung.name != BASE and seeds:
        row["accuracy_difference"] = over_seeds([one["accuracy"] - two["accuracy"] for one, two in tests])._asdict()
        row["log_loss_difference"] = over_seeds([one["log_loss"] - two["log_loss"] for one, two in tests])._asdict()
        row["speed_ratio"] = _speed_ratio([pair for pair in pairs if _machine_of(pair[0]) == _machine_of(pair[1])])
    return row


def _machine_of(record: Record) -> tuple[object, ...]:
    """What a speed depends on beside the training itself: another command may have made the run elsewhere."""
    return record.framework_version, record.device, record.threads, record.machine


def _speed_ratio(pairs: Sequence[tuple[Record, Record]]) -> dict[str, float | None]:
    """Geometric mean of the ratios of training speed and its interval; None of no pairs."""
    if not pairs:
        return {"mean": None, "low": None, "high": None}
    speeds = np.array([[record.reviews_per_second["training"] for record in pair] for pair in pairs])  # [pairs, 2]
    logarithms = over_seeds(np.log(speeds[:, 0] / speeds[:, 1]))._asdict()
    return {name: None if value is None else float(np.exp(value)) for name, value in logarithms.items()}
