"""What the tables of a report have in common: columns, rows about a cell, means with their intervals and ranges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from compare.report.form import (
    Cell,
    Interval,
    Range,
    Statistics,
)
from compare.report.verdict import listed, title_of
from compare.tables import Cell as Entry
from compare.tables import Column, Row

MODEL = Column("model", "Model", "text")
SEEDS = Column("seeds", "Seeds", form="d")
PARAMETERS = Column("parameters", "Parameters", form=",d")
MEMORY = Column("peak_memory", "Peak memory", better="lower", unit="MB", form=",.0f")
# Of what `shared.metrics.evaluate` returns: title, direction.
METRICS: dict[str, tuple[str, Any]] = {
    "accuracy": ("Accuracy", "higher"),
    "macro_f1": ("Macro F1", "higher"),
    "roc_auc": ("ROC AUC", "higher"),
    "log_loss": ("Log loss", "lower"),
    "brier": ("Brier score", "lower"),
    "calibration_error": ("Calibration error", "lower"),
}
COMMON_SEEDS = "Frameworks are compared on the seeds that all of them have of an architecture; means are over these."
INTERVAL_NOTE = (
    "In brackets: the 95 % interval (Wilson) that so many test reviews allow; it says nothing about other seeds."
)


def share(name: str, title: str, better: Any = "higher", form: str = ".2f") -> Column:
    """Return a column of shares of 1 that are shown in per cent."""
    return Column(name, title, better=better, unit="%", form=form, scale=100, data_unit="share")


def points(name: str, title: str, form: str = ".2f") -> Column:
    """Return a column of differences between shares, shown in percentage points."""
    return Column(name, title, unit="points", form=form, scale=100, data_unit="share")


def metric(name: str) -> Column:
    """Return the column of a metric; accuracy is shown in per cent."""
    title, better = METRICS.get(name, (name.replace("_", " ").capitalize(), None))
    return share(name, title, better) if name == "accuracy" else Column(name, title, better=better, form=".4f")


def seconds_column(name: str, title: str) -> Column:
    """Return a column of seconds."""
    return Column(f"{name}_seconds", title, better="lower", unit="s", form=",.1f")


def rate_column(name: str, title: str) -> Column:
    """Return a column of reviews a second."""
    return Column(f"{name}_rate", title, better="higher", unit="reviews/s", form=",.0f")


def row_of(cell: Cell, *entries: Entry) -> Row:
    """Return a row about a cell, which can be filtered by framework and architecture."""
    return Row(
        (Entry(title_of(cell.name)), *entries),
        {"framework": cell.framework, "architecture": cell.architecture, "group": _group(cell)},
    )


def _group(cell: Cell) -> str:
    return "baseline" if cell.framework == "baseline" else "network"


def everything(statistics: Statistics) -> tuple[Cell, ...]:
    """Return the cells of the networks and then the baselines."""
    return (*statistics.cells, *statistics.baselines)


def interval_entry(column: Column, interval: Interval, note: str = "") -> Entry:
    """Return a value with its 95 % interval."""
    return column.cell(interval.value, interval.low, interval.high, note=note)


def range_entry(column: Column, found: Range | None, seeds: int, missing: str = "–") -> Entry:
    """Return the mean of seeds, and the smallest and largest where there are several."""
    if found is None:
        return column.cell(None, missing=missing)
    return column.cell(found.mean, *((found.low, found.high) if seeds > 1 else (None, None)))


def mean_entry(column: Column, found: Range | None) -> Entry:
    """Return the mean of seeds alone."""
    return column.cell(None if found is None else found.mean)


def numbers(values: Iterable[int]) -> str:
    """Return ``0, 1 and 2``."""
    return listed([str(value) for value in values])


def seeds_entry(cell: Cell) -> Entry:
    """Return how many seeds there are, and on which it is compared where these are not all."""
    note = ""
    if not cell.comparable:
        note = "no seed in common with the others"
    elif set(cell.compared_seeds) != set(cell.seeds):
        note = f"compared on {len(cell.compared_seeds)}: {numbers(cell.compared_seeds)}"
    return SEEDS.cell(len(cell.seeds), note=note)
