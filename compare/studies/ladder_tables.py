"""The tables of ladder and ablation: what each switch is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.tables import Cell, Column, Row, Table

ACCURACY = Column("accuracy", "test accuracy", unit="%", form=".1f", scale=100, data_unit="share")
DIFFERENCE = Column("difference", "difference", unit="points", form="+.2f", scale=100, data_unit="share")
LOSS_DIFFERENCE = Column("log_loss_difference", "of log loss", form="+.3f")
SPEED_RATIO = Column("speed_ratio", "speed", form=".2f", suffix="×")
DIFFERENCES = {
    "accuracy_difference": DIFFERENCE,
    "log_loss_difference": LOSS_DIFFERENCE,
    "speed_ratio": SPEED_RATIO,
}


def switches_table(studies: Sequence[dict[str, Any]]) -> Table:
    """What each switch is worth: of each study a line for where it starts from, and its switches below that.

    Studies that start from the same recipe, data and seeds share that line, and a switch that both have stands once.

    Parameters
    ----------
    studies : sequence of dict
        What ``ladder.json`` and ``ablation.json`` have.
    """
    headings = dict.fromkeys(study["heading"] for study in studies)
    columns = (
        Column("switched", "what is switched", "text"),
        Column("whose", " or ".join(headings), "text"),
        Column("against", "against", "text"),
        *DIFFERENCES.values(),
        Column("seeds", "seeds", "text"),
    )
    starts: dict[str, dict[str, Row]] = {}  # by what the note says of a start: its rows, by the name of the switch
    for study in studies:
        rows_of_start = starts.setdefault(_data(study), {study["rungs"][0]["name"]: _start(study)})
        for rung in study["rungs"][1:]:
            rows_of_start.setdefault(rung["name"], _switch(rung))
    rows = [row for rows_of_start in starts.values() for row in rows_of_start.values()]
    notes = (
        *starts,
        "Differences are of the test reviews, seed by seed, from the line in italics above or from what stands under "
        "“against”; in brackets: 95 % t-intervals over the seeds.",
    )
    return Table("switches", "What each switch is worth", columns, rows, notes)


def _start(study: dict[str, Any]) -> Row:
    base = study["rungs"][0]
    accuracy = ACCURACY.cell(_mean(base["accuracy_of_seeds"])).text
    title = Cell(f"{base['title']}: {accuracy} % of {study['data']['sizes']['test']:,} reviews", style="emphasis")
    return Row((title, *[Cell("")] * (2 + len(DIFFERENCES)), Cell(_numbers(base["seeds"]))))


def _switch(rung: dict[str, Any]) -> Row:
    against = "" if rung["against"] == "lockstep" else rung["against_title"]
    words = Cell(rung["title"]), Cell(rung["whose"]), Cell(against)
    return Row((*words, *_differences(rung), Cell(_numbers(rung["seeds"]))))


def _differences(rung: dict[str, Any]) -> list[Cell]:
    return [_interval(column, rung.get(name)) for name, column in DIFFERENCES.items()]


def _interval(column: Column, interval: dict[str, Any] | None) -> Cell:
    """Return a mean and its interval; the recipe itself has none, and its place is empty."""
    if interval is None:
        return Cell("")
    return column.cell(interval["mean"], interval["low"], interval["high"])


def _data(study: dict[str, Any]) -> str:
    """Say of which model, data and seeds a study's numbers are."""
    base, sizes, source = study["rungs"][0], study["data"]["sizes"], study["data"]["source"].rpartition("/")[2]
    model = f"{TITLES[study['framework']]} {study['framework_version']}, {ARCHITECTURE_TITLES[study['architecture']]}"
    return (
        f"{base['title'][0].upper()}{base['title'][1:]}: {model}; {sizes['train']:,} reviews to train on and "
        f"{sizes['test']:,} to test ({source}); seeds {_numbers(base['seeds'])}."
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _numbers(seeds: Sequence[int]) -> str:
    """Return numbers as they are said: 0–4, or 0, 2, 5."""
    first, last = min(seeds), max(seeds)
    if len(seeds) > 2 and sorted(seeds) == list(range(first, last + 1)):
        return f"{first}–{last}"
    return ", ".join(map(str, sorted(seeds)))


def rungs_table(study: dict[str, Any]) -> Table:
    """The same of one study by the names that ``--rungs`` takes, with the accuracies.

    Parameters
    ----------
    study : dict
        What ``ladder.json`` has.
    """
    return Table(
        "rungs",
        f"{study['framework']} {study['architecture']}: {study['title']}",
        (Column("rung", "rung", "text"), Column("against", "against", "text"), ACCURACY, *DIFFERENCES.values()),
        [
            Row(
                (
                    Cell(rung["name"]),
                    Cell("" if place == 0 else rung["against"]),
                    ACCURACY.cell(_mean(rung["accuracy_of_seeds"])),
                    *_differences(rung),
                )
            )
            for place, rung in enumerate(study["rungs"])
        ],
        ("In brackets: 95 % t-intervals over the seeds.",),
    )
