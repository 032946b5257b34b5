"""Whether runs may stand in one report, and in what they differ if they may not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from compare.grid.baselines import BASELINE, BASELINES
from compare.grid.reuse import compared_fields, fields_of
from shared.errors import LockstepError
from shared.runs import RECORD_VERSION, Record, run_directory
from shared.tasks import EVERY, task_of

# What may differ between the cells of one experiment.
CELL_FIELDS = {"architecture", "seed"}


def check_comparable(experiment: Path, records: Sequence[Record], allow_mixed: bool = False) -> list[str]:
    """Refuse records that differ in what they may not.

    Parameters
    ----------
    experiment : Path
        Where they stand, for messages.
    records : sequence of Record
        One network among them at least.
    allow_mixed : bool
        Do not refuse other reviews, other values of fields or other files.

    Returns
    -------
    list of str
        In what they differ, where that is allowed.

    Raises
    ------
    LockstepError
        That names two runs and what they differ in.
    """
    networks = [record for record in records if record.framework != BASELINE]
    differences: list[str] = []
    for record in records:
        if record.framework == BASELINE and record.architecture not in BASELINES:
            raise LockstepError(f"{_place(experiment, record)}: unknown baseline {record.architecture!r}; remove it")
        differences += _data_differences(experiment, record, records[0])
    if not differences:
        for record in records:
            # A baseline has an architecture of its own, and reads nothing that depends on the networks'.
            alike = next((one for one in networks if one.architecture == record.architecture), networks[0])
            compared = compared_fields(record.framework, record.recipe) - CELL_FIELDS
            own = _architecture_fields(networks[0])
            differences += _differences(experiment, record, networks[0], compared - own)
            differences += _differences(experiment, record, alike, compared & own)
    if differences and not allow_mixed:
        raise LockstepError(f"{differences[0]}; --allow-mixed compares them all the same, and marks it")
    return list(dict.fromkeys(differences))


def _place(experiment: Path, record: Record) -> Path:
    return run_directory(experiment, record.framework, record.architecture, record.seed)


def _data_differences(experiment: Path, record: Record, other: Record) -> list[str]:
    both = f"{_place(experiment, record)} and {_place(experiment, other)}"
    if record.data.class_names != other.data.class_names and record.data.class_names and other.data.class_names:
        raise LockstepError(f"{both} have other names of the classes: they cannot stand in one report")
    fingerprints = record.data.fingerprint, other.data.fingerprint
    if len(set(fingerprints)) > 1:
        shown = " and ".join(one[:12] for one in fingerprints)
        return [f"{both} were not made with the same reviews (fingerprints {shown})"]
    return []


def _architecture_fields(record: Record) -> set[str]:
    """Return what may differ between architectures: a language model is of one, and so is a task's published model."""
    found = task_of(fields_of(record)["data"])
    presets = found[0].presets.values() if found else ()
    published = {name for preset in presets for one, fields in preset.items() if one != EVERY for name in fields}
    return {"start_from"} | published


def _differences(experiment: Path, record: Record, other: Record, compared: Collection[str]) -> list[str]:
    """Say in which fields two records differ, and in which files that they name."""
    values, expected = fields_of(record), fields_of(other)
    both = f"{_place(experiment, record)} and {_place(experiment, other)} differ in"
    versions = {record.record_version, other.record_version}
    found = []
    for name in sorted(compared):
        if values[name] != expected[name]:
            found.append(f"{both} {name}: {values[name]!r} and {expected[name]!r}")
        # Earlier versions did not say.
        elif versions == {RECORD_VERSION} and record.inputs.get(name) != other.inputs.get(name):
            found.append(f"{both} what {name} named: another file stood at {values[name]!r}")
    return found
