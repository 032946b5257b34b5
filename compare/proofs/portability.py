"""Whether a checkpoint opens everywhere: trained in each, opened in each, in the reference, and without a framework."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from compare import workers
from compare.grid.driver import run_grid
from compare.grid.executors import LocalExecutor, machine_flags
from compare.names import NO_FRAMEWORK
from compare.proofs.parity import PROBABILITIES
from compare.workers import Workers
from shared.cell import measure_latency
from shared.contract import FRAMEWORKS, REFERENCE
from shared.data.encoded import EncodedReviews
from shared.differences import largest, largest_difference, refuse_non_finite, within
from shared.errors import LockstepError
from shared.files import save_page
from shared.loading import load_corpus
from shared.output import Output
from shared.predictions import Predictions, read_predictions
from shared.predictor import Predictor
from shared.runs import Record, read_runs, run_directory, this_commit, this_machine
from shared.specification import ARCHITECTURES, Specification, from_record
from shared.terminal import console, counted, say

EVERYONE = (*FRAMEWORKS, REFERENCE)
TIMED = 5  # passes over the reviews without a framework, of which the median is taken


def run_portability(experiment: Path, reviews: int, place: Output, train: bool = True) -> bool:
    """Open every checkpoint of an experiment in all frameworks and the reference.

    Cells that are missing, such as the reference's own, are trained first. Prints a matrix for each
    architecture and writes what was measured.

    Parameters
    ----------
    experiment : Path
        Runs in the lockstep recipe, such as ``runs/quick``.
    reviews : int
        Test reviews to predict, at most.
    place : Output
        ``portability.json`` in the experiment, where the report finds it.
    train : bool, default True
        False: train nothing, and open the checkpoints that are there in the frameworks that trained them.
        Architectures that one of these lacks are left out, and named.

    Returns
    -------
    bool
        Whether every difference is within tolerance.

    Raises
    ------
    LockstepError
        If there is no run, a cell cannot be trained or none can be compared, or what a checkpoint answers is not
        finite.
    """
    shown = console()
    records = [run.record for run in read_runs(experiment) if run.record.framework in EVERYONE]
    if not records or records[0].recipe != "lockstep":
        raise LockstepError(f"{experiment}: no networks trained in the lockstep recipe")
    names, seeds = _trained(experiment, records) if train else _there(experiment, records)
    first = next(record for record in records if record.architecture in seeds)
    test = load_corpus(from_record(first.specification)).test
    test = test.take(np.arange(min(reviews, len(test))))
    matrices: dict[str, list[list[float]]] = {}
    without: dict[str, dict[str, Any]] = {}
    with Workers(names) as ask:
        for architecture, seed in seeds.items():
            runs = [run_directory(experiment, trained_in, architecture, seed) for trained_in in names]
            matrices[architecture] = [
                [
                    _difference(run, f"opened in {name}", ask(workers.predict_with_checkpoint, name, run, test), test)
                    for name in names
                ]
                for run in runs
            ]
            without[architecture] = _without_framework(runs, test)
            shown.print(_table(architecture, names, matrices[architecture], without[architecture]["differences"]))
    measured = {
        "names": names,
        "reviews": len(test),
        "tolerance": PROBABILITIES,
        "matrices": matrices,
        "without_framework": without,
        "machine": this_machine().model_dump(),
        "commit": this_commit(),
    }
    with place.written() as temporary:
        save_page(temporary, measured)
    difference = largest(
        value
        for architecture, rows in matrices.items()
        for row in [*rows, without[architecture]["differences"]]
        for value in row
    )
    fine = within(difference, PROBABILITIES)
    verdict = "within" if fine else "OUT OF"
    shown.print(f"largest difference of a probability {difference:.1e}, {verdict} the tolerance {PROBABILITIES:.0e}")
    return fine


def _trained(experiment: Path, records: Sequence[Record]) -> tuple[Sequence[str], dict[str, int]]:
    """Train what is missing, and return who trains and opens, and the seed of each architecture."""
    seed = min(record.seed for record in records)
    specifications = {record.architecture: from_record(record.specification) for record in reversed(records)}
    architectures = [name for name in ARCHITECTURES if name in specifications]
    # Of a task the published model may have other fields in each architecture.
    fields = {name: specifications[name].model_dump(exclude={"architecture", "seed"}) for name in architectures}
    for given, alike in groupby(architectures, fields.__getitem__):
        _train_missing(experiment, given, list(alike), seed)
    return EVERYONE, dict.fromkeys(architectures, seed)


def _there(experiment: Path, records: Sequence[Record]) -> tuple[Sequence[str], dict[str, int]]:
    """Return who has trained, and the first seed that all of them have of each architecture."""
    names = [name for name in EVERYONE if any(record.framework == name for record in records)]
    seeds = {}
    for architecture in ARCHITECTURES:
        of_each = [
            {record.seed for record in records if (record.framework, record.architecture) == (name, architecture)}
            for name in names
        ]
        common = set.intersection(*of_each)
        if common:
            seeds[architecture] = sorted(common)[0]
        elif any(of_each):
            lacking = ", ".join(name for name, found in zip(names, of_each, strict=True) if not found)
            why = f"no run of {lacking}" if lacking else f"no seed that {', '.join(names)} all have"
            say(f"left out: {architecture}: {why}", aside=True)
    if not seeds:
        raise LockstepError(f"{experiment}: no architecture of which {', '.join(names)} have a run of the same seed")
    return names, seeds


def _train_missing(experiment: Path, given: Mapping[str, Any], architectures: Sequence[str], seed: int) -> None:
    failed = run_grid(
        experiment,
        Specification(**given),
        EVERYONE,
        architectures,
        [seed],
        executor=LocalExecutor(flags=machine_flags("cpu", None)),
        baselines=False,
        given=given,
    )
    if failed:
        raise LockstepError(f"{counted(failed, 'cell')} could not be trained; see the log named above of each")


def _without_framework(runs: Sequence[Path], test: EncodedReviews) -> dict[str, Any]:
    """Open checkpoints in NumPy alone: each one's difference, and of the first how fast it answers."""
    predictors = [Predictor.load(run) for run in runs]
    answers = [predictor.probabilities(test) for predictor in predictors]
    seconds = []
    for _ in range(TIMED):
        started = time.perf_counter()
        predictors[0].probabilities(test)
        seconds.append(time.perf_counter() - started)
    return {
        "differences": [
            _difference(run, "opened without a framework", answer, test)
            for run, answer in zip(runs, answers, strict=True)
        ],
        "reviews_per_second": len(test) / float(np.median(seconds)),
        "latency_ms": measure_latency(lambda row: predictors[0].probabilities(test.take(np.array([row]))), len(test)),
    }


def _difference(run: Path, how: str, probabilities: np.ndarray, test: EncodedReviews) -> float:
    """How far probabilities under a run's checkpoint are from those that the trainer itself gave."""
    path = run / "predictions.parquet"
    stored = read_predictions(path)
    if not np.isin(test.review_ids.astype(object), stored.review_ids).all():
        raise LockstepError(f"{path}: was made of other test reviews; train the experiment again")
    refuse_non_finite(f"{run / 'checkpoint'}: the probabilities, {how}", probabilities)
    predicted = Predictions.of(test, probabilities, stored.class_names)
    rows = np.searchsorted(stored.review_ids, predicted.review_ids)
    return largest_difference(predicted.probabilities, stored.probabilities[rows])


def _table(architecture: str, names: Sequence[str], rows: Sequence[Sequence[float]], without: Sequence[float]) -> Table:
    table = Table("trained in", title=f"{architecture}: largest difference of a probability, by where it is opened")
    for name in (*names, NO_FRAMEWORK):
        table.add_column(name, justify="right")
    for name, row, difference in zip(names, rows, without, strict=True):
        table.add_row(name, *(f"{value:.0e}" for value in (*row, difference)))
    return table
