"""Reads ``statistics.json`` of a report, or makes its contents of the runs of an experiment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from compare.formats import Values
from compare.report.form import STATISTICS_VERSION, Statistics
from shared.errors import LockstepError
from shared.files import check_regular, read_json, reading

NAME = "statistics.json"
WHAT = "what a report wrote"
ADVICE = "make the report again: lockstep report RUNS"


def read_statistics(path: Path) -> Statistics:
    """Read ``statistics.json``.

    Raises
    ------
    LockstepError
        If it is missing, damaged, changed by hand, or of another version.
    """
    values = read_json(path, WHAT, Values, ADVICE).root
    with reading(path, WHAT, ADVICE):
        _check_version(path, values)
        return Statistics.model_validate(unsealed(values))


def unsealed(values: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in a file of a report without its seal, which has been looked at when it was read."""
    return {name: value for name, value in values.items() if name not in ("made_by", "checksum")}


def _check_version(path: Path, values: dict[str, Any]) -> None:
    version = values.get("version")
    if {"first", "second"} <= values.keys():
        raise LockstepError(f"{path}: is of two experiments beside each other; name the report of one of them")
    if version == STATISTICS_VERSION:
        return
    if isinstance(version, int) and version > STATISTICS_VERSION:
        raise LockstepError(f"{path}: made by a later version of this program; read it with that one")
    if version is None and "cells" not in values:
        raise LockstepError("has no cells: it is another file")
    raise LockstepError(f"{path}: made by an earlier version; {ADVICE}")


def statistics_of(place: Path) -> Statistics:
    """Return the numbers of an experiment or of a report.

    Parameters
    ----------
    place : Path
        A directory of runs such as ``runs/quick``, a directory of a report, or its ``statistics.json``.

    Raises
    ------
    LockstepError
        If nothing stands there, or it cannot be read.
    """
    if not os.path.lexists(place):
        raise LockstepError(
            f"{place}: nothing is there; name an experiment such as runs/quick, or the folder of a report"
        )
    if not place.is_dir():
        with reading(place, WHAT, ADVICE):
            check_regular(place)
        return read_statistics(place)
    if os.path.lexists(place / NAME):
        return read_statistics(place / NAME)
    from compare.report.statistics import summarise_experiment  # it takes time to import

    return summarise_experiment(place)
