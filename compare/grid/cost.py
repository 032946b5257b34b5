"""What grids cost on a cluster: the seconds of a grid that was trained, laid out on more processors."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compare.explain.budget import SECONDS_AROUND
from compare.tables import Column, Row, Table
from shared.files import save_page
from shared.output import PAGE, written
from shared.runs import read_records
from shared.terminal import counted

PROCESSORS = (2, 16, 128, 1_024)
GRIDS = (1, 10, 1_000)


def make_cost(experiment: Path, out: Path) -> None:
    """Write what a table of costs needs, from the records of an experiment.

    Parameters
    ----------
    experiment : Path
        Such as ``results/full``: of each cell its record is enough.
    out : Path
        A JSON file.

    Raises
    ------
    LockstepError
        If there is no record, or something else stands at `out`.
    """
    records, _ = read_records(experiment)
    seconds = [sum(record.seconds.model_dump().values()) + SECONDS_AROUND for record in records]
    threads = max(record.threads for record in records)
    values = {
        "experiment": experiment.name,
        "cells": len(records),
        "threads": threads,
        "processor_hours": sum(seconds) * threads / 3_600,
        "longest_seconds": max(seconds),
        "largest_memory_mb": max(record.peak_memory_mb for record in records),
        "rows": [
            {
                "processors": processors,
                "hours": {str(grids): makespan(seconds * grids, processors // threads) / 3_600 for grids in GRIDS},
            }
            for processors in PROCESSORS
        ],
        "machine": records[0].machine.model_dump(),
    }
    with written(out, PAGE) as temporary:
        save_page(temporary, values)


def makespan(seconds: Sequence[float], places: int) -> float:
    """Return when the last of some cells ends, if each starts where a place is free first.

    Parameters
    ----------
    seconds : sequence of float
        Of each cell, in the order in which they start.
    places : int
        How many run at once.
    """
    ends = [0.0] * min(places, len(seconds))
    for each in seconds:
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def cluster_table(cost: dict[str, Any]) -> Table:
    """Hours that grids take, by the processors of a cluster.

    Parameters
    ----------
    cost : dict
        What `make_cost` wrote.
    """
    processors = Column("processors", "processors", form=",d")
    hours = {
        str(grids): Column(f"hours_{grids}", counted(grids, "grid"), better="lower", unit="h", form=",.2f")
        for grids in GRIDS
    }
    total, longest = cost["processor_hours"], cost["longest_seconds"] / 3_600
    most = math.ceil(total / longest)
    return Table(
        "cluster",
        "How long grids take on a cluster",
        (processors, *hours.values()),
        [
            Row(
                (
                    processors.cell(row["processors"]),
                    *(column.cell(row["hours"][grids]) for grids, column in hours.items()),
                )
            )
            for row in cost["rows"]
        ],
        (
            f"One grid is the {cost['cells']} cells of the experiment {cost['experiment']}, "
            f"{counted(cost['threads'], 'thread')} each: {total:.2f} processor-hours; 10 are {10 * total:,.1f}, "
            f"1,000 are {1_000 * total:,.0f}. The largest cell takes {cost['largest_memory_mb'] / 1_000:.1f} GB.",
            f"Measured: the seconds of each cell, on {cost['machine']['cores']} cores "
            f"({cost['machine']['processor']}). Added: {SECONDS_AROUND:.0f} s a cell, to start Python and its "
            "framework and to write the run. Computed: each cell starts where a processor is free first.",
            f"No number of grids ends before the longest cell, of {60 * longest:.1f} minutes: much more than {most} "
            f"processors do not help one grid, nor {10 * most:,} ten, nor {1_000 * most:,} a thousand.",
        ),
    )
