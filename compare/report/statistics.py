"""What the runs of an experiment came to: every number of the report, from records and predictions."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from compare import formats
from compare.ensembles.ensemble import ensembles_of, summarise_ensemble
from compare.explain.form import Explained, read_explained
from compare.grid.baselines import BASELINE
from compare.grid.reuse import fields_of
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.report.cells import CellSeed, cells_of, missing_of, spread_of
from compare.report.comparable import check_comparable
from compare.report.errors import calibrations_of, confusions_of, examples_of, hand_picked, label_noise_of, slices_of
from compare.report.explanations import explanation_checks_of
from compare.report.form import Data, Statistics
from compare.report.inference import pairs_of, variance_of
from compare.report.published_results import published_results
from compare.report.settings import commands_of, settings_of
from shared.contract import FRAMEWORKS
from shared.data.corpus import Corpus
from shared.errors import LockstepError
from shared.files import read_json
from shared.history import Epoch
from shared.loading import load_corpus
from shared.runs import Record, Run, read_experiment, read_records
from shared.specification import from_record
from shared.tasks import task_of
from shared.terminal import say

NO_PREDICTIONS = (
    "Only the records of these runs were read, not their predictions: there are no paired differences, no agreement, "
    "no ensembles and no reviews here."
)


OTHER_REVIEWS = (
    "The models were not tested on the same reviews: their accuracies stand beside each other, and nothing more can be "
    "said about their differences."
)

Made = TypeVar("Made", bound=formats.Form)


@dataclass(frozen=True)
class Wishes:
    """What a user wants of a report beyond the runs.

    Attributes
    ----------
    allow_mixed : bool
        Compare runs that differ in more than they may; the page says in what.
    records_only : bool
        Read ``record.json`` alone.
    reviews : tuple of str
        Texts to predict and show.
    playground : int
        Megabytes of trained models that the page may carry, for readers to try.
    explained : tuple of Path
        What ``lockstep explain`` wrote, to be shown beside what stands in the experiment's own folder.
    """

    allow_mixed: bool = False
    records_only: bool = False
    reviews: tuple[str, ...] = ()
    playground: int = 8
    explained: tuple[Path, ...] = ()


def summarise_experiment(experiment: Path, wishes: Wishes | None = None) -> Statistics:
    """Return everything that the report of an experiment shows.

    Parameters
    ----------
    experiment : Path
        A directory of runs, such as ``runs/quick``. What `parity`, `portability`, `witnesses` and `explain`
        measured and left there is taken in too.
    wishes : Wishes, optional
        Default: none.

    Raises
    ------
    LockstepError
        If there is no finished network, or runs cannot be compared.
    """
    return summarise(read_runs_of(experiment, wishes or Wishes()), wishes or Wishes())


class Found(NamedTuple):
    """What was read of an experiment: its records, its whole runs if they are wanted, and why others were left out."""

    experiment: Path
    records: Sequence[Record]
    runs: Sequence[Run]
    left_out: Sequence[str]


def read_runs_of(experiment: Path, wishes: Wishes) -> Found:
    """Read what a report is made of, once: each run that cannot be read is named on standard error."""
    if wishes.records_only:
        records, left_out = read_records(experiment)
        return Found(experiment, records, (), left_out)
    runs, left_out = read_experiment(experiment)
    return Found(experiment, [run.record for run in runs], runs, left_out)


def summarise(found: Found, wishes: Wishes) -> Statistics:
    """Return everything that the report shows of runs that were read (see :func:`summarise_experiment`)."""
    experiment, left_out = found.experiment, list(found.left_out)
    places = (experiment / "parity.json", experiment.parent / "parity.json")
    parity = next((path for path in places if os.path.lexists(path)), places[0])
    proofs = {
        "portability": _measured(experiment / "portability.json", formats.Portability, left_out),
        "parity": _measured(parity, formats.Parity, left_out),
        "witnesses": _measured(experiment / "witnesses.json", formats.Witnesses, left_out),
    }
    own = _measured(experiment / "explain.json", Explained, left_out)
    explained = with_explained((own,) if own else (), wishes)
    failed = [_failure(experiment, path) for path in _logs(experiment)]
    statistics = _summarise(experiment, found.records, found.runs, wishes)
    return statistics.model_copy(
        update={
            **proofs,
            "explained": explained,
            "left_out": tuple(left_out),
            "missing": (*failed, *statistics.missing),
        },
    )


def with_explained(known: Sequence[Explained], wishes: Wishes) -> tuple[Explained, ...]:
    """Return what was explained, each question once: what is wished for takes the place of what was known.

    Raises
    ------
    LockstepError
        If one that is wished for cannot be read.
    """
    named = [*known, *(read_explained(path) for path in wishes.explained)]
    # Their cells stand in `explain.json`: hundreds of trainings, of which no page shows any.
    return tuple({_question(one): one.model_copy(update={"cells": []}) for one in named}.values())


def _question(one: Explained) -> tuple[str, ...]:
    common = json.dumps(one.specification, sort_keys=True)
    return one.first.title, one.second.title, one.framework, one.fingerprint, common


def _logs(experiment: Path) -> list[Path]:
    """Return what processes of cells left that failed."""
    return sorted(log for log in experiment.glob("*/*/seed-*.log") if not log.with_suffix("").exists())


def _failure(experiment: Path, log: Path) -> str:
    """Say which cell failed, and where it said why."""
    framework, architecture = log.parent.parent.name, log.parent.name
    title = " ".join((TITLES.get(framework, framework), ARCHITECTURE_TITLES.get(architecture, architecture)))
    seed = log.stem.removeprefix("seed-")
    return f"{title} seed {seed} failed: {log.relative_to(experiment)} has what it said."


def _measured(path: Path, form: type[Made], left_out: list[str]) -> Made | None:
    """Return what a command measured; None if it was not run, or what it left is damaged."""
    if not os.path.lexists(path):
        return None
    try:
        return read_json(path, "what its command wrote", form, f"run {path.stem} again")
    except LockstepError as error:
        left_out.append(str(error))
        say(f"left out: {error}", aside=True)
        return None


def _summarise(experiment: Path, records: Sequence[Record], runs: Sequence[Run], wishes: Wishes) -> Statistics:
    networks = [record for record in records if record.framework != BASELINE]
    if not networks:
        raise LockstepError(f"{experiment}: no network is finished yet; only baselines are")
    mixed = check_comparable(experiment, records, wishes.allow_mixed)
    histories: dict[CellSeed, list[Epoch]] = {
        (run.record.framework, run.record.architecture, run.record.seed): run.history for run in runs
    }
    cells = cells_of(records, histories)
    first = networks[0]
    found = Statistics(
        name=experiment.resolve().name,
        recipe=first.recipe,
        task=_task_name(first),
        data=_data(first),
        missing=tuple(missing_of(cells)) + ((NO_PREDICTIONS,) if wishes.records_only else ()),
        mixed=tuple(mixed),
        cells=tuple(cell for cell in cells if cell.framework != BASELINE),
        baselines=tuple(cell for cell in cells if cell.framework == BASELINE),
        published=published_results(fields_of(first)["data"]),
        spread=spread_of(cells),
        settings=tuple(settings_of(networks)),
        machines=tuple(dict.fromkeys(record.machine for record in records)),
        threads=tuple(sorted({record.threads for record in networks})),
        commits=tuple(sorted({record.commit for record in records})),
        commands=tuple(commands_of(experiment, networks, bool(len(networks) < len(records)))),
    )
    if wishes.records_only:
        return found
    return found.model_copy(update=_of_predictions(found, runs, wishes))


def _of_predictions(found: Statistics, runs: Sequence[Run], wishes: Wishes) -> dict[str, object]:
    """Return the parts that are made of predictions, and not of records alone."""
    if not _same_reviews(runs):
        return {"missing": (*found.missing, OTHER_REVIEWS)}
    compared = _compared_runs(found, runs)
    answers = {
        name: {run.record.seed: (run.predictions.classes == run.predictions.labels, run.predictions.classes)
               for run in several}
        for name, several in compared.items()
    }  # fmt: skip
    right: defaultdict[str, dict[str, dict[int, np.ndarray]]] = defaultdict(dict)
    for cell in found.cells:
        if cell.framework in FRAMEWORKS and cell.comparable:
            right[cell.architecture][cell.framework] = {seed: one for seed, (one, _) in answers[cell.name].items()}
    networks = {name: several for name, several in compared.items() if not name.startswith(f"{BASELINE}/")}
    corpus = _corpus(found, [run for several in networks.values() for run in several])
    missing = list(found.missing)
    if corpus is None:
        missing.append(f"The reviews are no longer where they were ({found.data.source}): their texts are not shown.")
    examples = (*examples_of(networks, corpus), *hand_picked(networks, corpus, wishes.reviews))
    return {
        "pairs": tuple(pairs_of(answers)),
        "variances": tuple(variance_of(name, of_frameworks) for name, of_frameworks in right.items()),
        "ensembles": tuple(ensembles_of(summarise_ensemble(runs))),
        "confusions": confusions_of(networks),
        "calibrations": calibrations_of(compared),
        "slices": slices_of(compared, corpus) if corpus else (),
        "label_noise": label_noise_of(networks),
        "examples": examples,
        "explanation_checks": explanation_checks_of(examples),
        "missing": tuple(missing),
    }


def _same_reviews(runs: Sequence[Run]) -> bool:
    first = runs[0].predictions
    return all(
        np.array_equal(getattr(run.predictions, name), getattr(first, name))
        for run in runs
        for name in ("review_ids", "labels")
    )


def _compared_runs(found: Statistics, runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs of each cell on which it is compared, in the order of the seeds."""
    compared = {}
    for cell in (*found.cells, *found.baselines):
        compared[cell.name] = [
            run
            for seed in cell.compared_seeds
            for run in runs
            if (run.record.framework, run.record.architecture, run.record.seed)
            == (cell.framework, cell.architecture, seed)
        ]
    return compared


def _corpus(found: Statistics, networks: Sequence[Run]) -> Corpus | None:
    """Return the reviews if they are still what the runs were made with."""
    with suppress(LockstepError):
        corpus = load_corpus(from_record(networks[0].record.specification))
        if corpus.fingerprint == found.data.fingerprint:
            return corpus
    return None


def _data(record: Record) -> Data:
    data = record.data
    accounts = [text for one in data.accounts for text in (one.paragraph(), *one.warnings())]
    names = data.class_names or ("negative", "positive")  # records of two classes did not name them once
    return Data(
        source=data.source,
        fingerprint=data.fingerprint,
        sizes=data.sizes,
        empty=data.empty,
        class_names=names,
        accounts=tuple(accounts),
    )


def _task_name(record: Record) -> str:
    found = task_of(fields_of(record)["data"])
    return found[0].name if found else ""
