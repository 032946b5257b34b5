"""Cells of the report, from records and histories: which seeds are compared, means, intervals and ranges over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from compare.grid.baselines import BASELINE, BASELINES
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.report.form import Cell, Interval, Point, Range, SeedRun
from shared.contract import FRAMEWORKS, REFERENCE
from shared.history import Epoch
from shared.metrics import accuracy_interval
from shared.runs import Record
from shared.specification import ARCHITECTURES, from_record

# Validation accuracies to which the seconds of training are told.
GOALS = ("0.85", "0.87", "0.88", "0.90")
# Of each framework, architecture and seed.
CellSeed = tuple[str, str, int]
Histories = Mapping[CellSeed, Sequence[Epoch]]


def cells_of(records: Sequence[Record], histories: Histories) -> list[Cell]:
    """Return the cells in the order of frameworks and architectures, each with the seeds on which it is compared.

    Frameworks are compared on the seeds that all of them have of an architecture: with other seeds, a difference
    between seeds would look like one between frameworks.
    """
    groups: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.seed):
        groups[record.framework, record.architecture].append(record)
    frameworks, architectures = (*FRAMEWORKS, REFERENCE, BASELINE), (*ARCHITECTURES, *BASELINES)
    names = sorted(groups, key=lambda name: (frameworks.index(name[0]), architectures.index(name[1])))
    common = _common_seeds(groups)
    return [_cell(groups[name], histories, common.get(name[1], set())) for name in names]


def _common_seeds(groups: Mapping[tuple[str, str], Sequence[Record]]) -> dict[str, set[int]]:
    """Return the seeds that every framework has, by architecture; the reference's own cells are there for a proof."""
    common: dict[str, set[int]] = {}
    for (framework, architecture), records in groups.items():
        if framework in FRAMEWORKS:
            seeds = {record.seed for record in records}
            common[architecture] = common.get(architecture, seeds) & seeds
    return common


def _cell(records: Sequence[Record], histories: Histories, common: set[int]) -> Cell:
    first = records[0]
    own = {record.seed for record in records}
    seeds = sorted(common & own) or sorted(own)
    compared = [record for record in records if record.seed in seeds]
    runs = tuple(
        _seed_run(record, histories.get((record.framework, record.architecture, record.seed), ())) for record in records
    )
    chosen = [run for run in runs if run.seed in seeds]
    accuracy = float(np.mean([record.metrics["test"]["accuracy"] for record in compared]))
    low, high = accuracy_interval(accuracy, first.data.sizes["test"])
    sources = list(dict.fromkeys(source for run in chosen for source in run.out_of_domain))
    return Cell(
        framework=first.framework,
        architecture=first.architecture,
        version=first.framework_version,
        runs=runs,
        compared_seeds=tuple(seeds),
        comparable=bool(common & own) or first.framework not in FRAMEWORKS,
        accuracy=Interval(value=accuracy, low=low, high=high),
        metrics=_means([run.metrics for run in chosen]),
        validation_accuracy=float(np.mean([run.validation_metrics["accuracy"] for run in chosen])),
        out_of_domain={
            source: _means([run.out_of_domain[source] for run in chosen if source in run.out_of_domain])
            for source in sources
        },
        parameters=first.parameters,
        seconds=_ranges([run.seconds for run in chosen]),
        reviews_per_second=_ranges([run.reviews_per_second for run in chosen]),
        latency_ms=_ranges([run.latency_ms for run in chosen if run.latency_ms]),
        peak_memory_mb=_range([run.peak_memory_mb for run in chosen]),
        seconds_to={goal: _reached([run.seconds_to.get(goal) for run in chosen]) for goal in runs[0].seconds_to},
        contended_seeds=tuple(run.seed for run in chosen if run.contended),
    )


def _seed_run(record: Record, history: Sequence[Epoch]) -> SeedRun:
    curve = tuple(_curve(record, history))
    load = record.load
    return SeedRun(
        seed=record.seed,
        metrics=record.metrics["test"],
        validation_metrics=record.metrics["validation"],
        out_of_domain=record.out_of_domain,
        seconds={name: getattr(record.seconds, name) for name in ("setup", "training", "prediction")},
        reviews_per_second={name: record.reviews_per_second[name] for name in ("training", "prediction")},
        latency_ms=dict(record.latency_ms),
        peak_memory_mb=record.peak_memory_mb,
        processor_seconds=load.processor_seconds if load else None,
        busy_elsewhere=load.busy_elsewhere if load else None,
        contended=load.contended if load else None,
        curve=curve,
        seconds_to={
            goal: next((point.seconds for point in curve if point.validation_accuracy >= float(goal)), None)
            for goal in GOALS
        }
        if curve
        else {},
        commit=record.commit,
    )


def _curve(record: Record, history: Sequence[Epoch]) -> list[Point]:
    """Return the ends of the epochs; seconds are those of training, without validation."""
    steps = -(-record.data.sizes["train"] // from_record(record.specification).batch_size)
    seconds = np.cumsum([epoch.seconds for epoch in history]).tolist()
    return [
        Point(
            epoch=epoch.epoch,
            steps=epoch.epoch * steps,
            seconds=spent,
            training_loss=epoch.training_loss,
            validation_loss=epoch.validation_loss,
            validation_accuracy=epoch.validation_accuracy,
        )
        for epoch, spent in zip(history, seconds, strict=True)
    ]


def _means(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in values])) for name in values[0]}


def _range(values: Sequence[float]) -> Range:
    return Range(mean=float(np.mean(values)), low=min(values), high=max(values))


def _ranges(values: Sequence[Mapping[str, float]]) -> dict[str, Range]:
    return {name: _range([one[name] for one in values]) for name in (values[0] if values else ())}


def _reached(seconds: Sequence[float | None]) -> Range | None:
    """Return the seconds to a goal; None if one seed did not reach it."""
    reached = [one for one in seconds if one is not None]
    return _range(reached) if len(reached) == len(seconds) else None


def missing_of(cells: Sequence[Cell]) -> list[str]:
    """Name the cells and seeds that a whole grid of these frameworks, architectures and seeds would have."""
    networks = {(cell.framework, cell.architecture): cell for cell in cells if cell.framework in FRAMEWORKS}
    frameworks, architectures = (
        (list(dict.fromkeys(one)) for one in zip(*networks, strict=True)) if networks else ((), ())
    )
    found = []
    for framework, architecture in product(frameworks, architectures):
        title = f"{TITLES[framework]} {ARCHITECTURE_TITLES[architecture]}"
        cell = networks.get((framework, architecture))
        if cell is None:
            found.append(f"{title} is missing.")
            continue
        others = {seed for one in networks.values() if one.architecture == architecture for seed in one.seeds}
        lacking = sorted(others - set(cell.seeds))
        if lacking:
            found.append(f"{title}: seed {', '.join(map(str, lacking))} is missing.")
    for architecture in architectures:
        of_architecture = [cell for cell in networks.values() if cell.architecture == architecture]
        if any(cell.seeds != cell.compared_seeds for cell in of_architecture):
            seeds = ", ".join(map(str, of_architecture[0].compared_seeds))
            found.append(
                f"{ARCHITECTURE_TITLES[architecture]}: the frameworks are compared on the seeds that all have: {seeds}."
            )
        elif not all(cell.comparable for cell in of_architecture):
            found.append(
                f"{ARCHITECTURE_TITLES[architecture]}: the frameworks have no seed in common, and are not compared."
            )
    return found


def spread_of(cells: Sequence[Cell]) -> dict[str, float]:
    """Largest difference of accuracy between frameworks on the same seeds, for each architecture that two trained."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for cell in cells:
        if cell.framework in FRAMEWORKS and cell.comparable:
            values[cell.architecture].append(cell.accuracy.value)
    return {name: max(found) - min(found) for name, found in values.items() if len(found) > 1}
