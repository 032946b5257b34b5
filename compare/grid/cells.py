"""Trains a list of settings, whatever they are for: equal ones are trained once, in a place that follows from them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compare.grid.driver import Cell, network_cell, run_cells
from compare.grid.executors import Executor
from compare.grid.reuse import compared_fields
from shared.errors import LockstepError
from shared.recipes import DOCUMENTED, documented
from shared.runs import Record, is_finished, read_run, run_directory
from shared.specification import DEFAULT_PRESET, Specification, from_record, preset

# Of the digest that names a folder; 48 bits keep a million of them apart.
DIGITS = 12


@dataclass(frozen=True)
class Setting:
    """What is trained, and by whom.

    Attributes
    ----------
    framework : str
        One of `shared.contract.FRAMEWORKS`, or the reference.
    specification : Specification
        Whole: seed and architecture too, and in the idiomatic recipe what the framework's documentation writes (see
        `own_code`).
    """

    framework: str
    specification: Specification


def own_code(framework: str, specification: Specification) -> Setting:
    """Return the setting of a framework's own code, with the fields that this specification has.

    Parameters
    ----------
    framework : str
        One of `shared.recipes.DOCUMENTED`.
    specification : Specification
        What its documentation writes, or other values where the own code follows them.
    """
    return Setting(framework, specification.replaced(recipe="idiomatic", batch_parts=1))


def train_settings(
    folder: Path,
    settings: Iterable[Setting],
    executor: Executor,
    *,
    titles: Mapping[Setting, str] | None = None,
    elsewhere: str = "--out",
) -> dict[Setting, Record | None]:
    """Train the settings that are not finished, each in a process of its own, and return the records of all.

    Progress is shown. When it is interrupted, what is finished stays, and the same call goes on.

    Parameters
    ----------
    folder : Path
        Holds the runs, each where `place_of` says.
    settings : iterable of Setting
        In the order in which they start; one that stands twice is trained once.
    executor : Executor
        Trains them.
    titles : mapping, optional
        What the progress calls a setting; one that is not in it has framework, architecture and seed.
    elsewhere : str
        The flag that names another folder, for messages.

    Returns
    -------
    dict of Setting to (Record or None)
        None where training failed: what it said is in a log beside where its run would be.

    Raises
    ------
    LockstepError
        If a finished run is not what its setting asks for (other data under the same name, changed by hand): nothing
        was trained then.
    """
    asked = list(dict.fromkeys(settings))
    if asked:
        named = titles or {}
        cells = [_cell(folder, setting, named.get(setting, ""), executor.flags) for setting in asked]
        run_cells(folder, asked[0].specification, cells, executor, elsewhere)
    found = finished_records(folder, asked)
    return {setting: found.get(setting) for setting in asked}


def finished_records(folder: Path, settings: Iterable[Setting]) -> dict[Setting, Record]:
    """Return the records of those settings that are finished; a run that is damaged or another's is left out."""
    found = {}
    for setting in settings:
        place = place_of(folder, setting)
        if is_finished(place):
            with suppress(LockstepError):
                record = read_run(place).record
                if _is_of(record, setting):
                    found[setting] = record
    return found


def place_of(folder: Path, setting: Setting) -> Path:
    """Return where a setting's run stands: ``<folder>/<digest>/<framework>/<architecture>/seed-<n>``.

    The digest is of the fields that are not the defaults, but for seed and architecture. So whoever asks for equal
    settings in the same folder shares their runs, each ``<folder>/<digest>`` is an experiment that ``lockstep report``
    reads, and a field that is added to the specification later moves no run.
    """
    specification = setting.specification
    told = json.dumps(sorted(_changed(specification, Specification()).items()))
    digest = hashlib.sha256(told.encode()).hexdigest()[:DIGITS]
    return run_directory(folder / digest, setting.framework, specification.architecture, specification.seed)


def seconds_of(records: Iterable[Record]) -> dict[str, float]:
    """Return the mean seconds that a finished cell of each framework took, from start to prediction.

    Parameters
    ----------
    records : iterable of Record
        Of cells of like size: what they are trained on and for how long is not looked at.

    Returns
    -------
    dict of str to float
        By framework; one without a record is not in it. Wall-clock seconds, beside the jobs that ran then.
    """
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for record in records:
        seconds[record.framework].append(record.seconds.setup + record.seconds.training + record.seconds.prediction)
    return {framework: sum(each) / len(each) for framework, each in seconds.items()}


def _cell(folder: Path, setting: Setting, title: str, machine: Sequence[str]) -> Cell:
    specification = setting.specification
    title = title or f"{setting.framework} {specification.architecture} seed {specification.seed}"
    return network_cell(title, place_of(folder, setting), setting.framework, specification, given_of(setting), machine)


def given_of(setting: Setting) -> dict[str, object]:
    """Return the fields whose flags ask for a setting without a preset; architecture and seed are apart.

    In the idiomatic recipe a framework decides on some itself: of these, those that are not as it decides.
    """
    specification, decided = setting.specification, DOCUMENTED.get(setting.framework, {})
    given = _changed(specification, preset(DEFAULT_PRESET))
    if specification.recipe == "idiomatic" and decided:
        own = documented(setting.framework, specification).replaced(batch_parts=1)
        names = {*decided, "batch_parts"}
        given = {name: value for name, value in given.items() if name not in names}
        given |= {name: value for name, value in _changed(specification, own).items() if name in names}
    if "epochs" in given:  # who asks for epochs alone gets just these
        given["minimum_steps"] = specification.minimum_steps
    return given


def _changed(specification: Specification, base: Specification) -> dict[str, object]:
    apart = {"architecture", "seed"}
    usual = base.model_dump(exclude=apart)
    return {name: value for name, value in specification.model_dump(exclude=apart).items() if value != usual[name]}


def _is_of(record: Record, setting: Setting) -> bool:
    found, asked = from_record(record.specification), setting.specification
    compared = compared_fields(setting.framework, asked.recipe, given_of(setting))
    same = all(getattr(found, name) == getattr(asked, name) for name in compared)
    return same and record.framework == setting.framework
