"""Whether a run that is there is the one that was asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from compare.grid.baselines import BASELINE
from shared.errors import LockstepError
from shared.recipes import IDIOMATIC_FIELDS
from shared.runs import RECORD_VERSION, Record, Run
from shared.specification import Specification, from_record


def _of_groups(*groups: str) -> set[str]:
    return {
        name
        for name, field in Specification.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra["group"] in groups
    }


DATA_FIELDS = _of_groups("data")
# What a baseline reads.
BASELINE_FIELDS = {*_of_groups("data", "text"), "embedding_size", "class_weights"}


def compared_fields(framework: str, recipe: str, given: Collection[str] = ()) -> set[str]:
    """Return the fields of the specification that decide what a run is.

    Parameters
    ----------
    framework : str
        That trained it, or ``baseline``.
    recipe : str
        In the idiomatic one the framework chooses some fields itself.
    given : collection of str
        Fields that the user gave: those it does not choose.
    """
    if framework == BASELINE:
        return BASELINE_FIELDS
    fields = set(Specification.model_fields)
    return fields - (IDIOMATIC_FIELDS - set(given)) if recipe == "idiomatic" else fields


def fields_of(record: Record) -> dict[str, Any]:
    """Return every field, also those that did not exist yet when the run was made: it had their defaults."""
    return from_record(record.specification).model_dump()


def refuse_other(run: Run, asked: Mapping[str, object], inputs: Mapping[str, str], elsewhere: str) -> None:
    """Refuse a run that is not what was asked for.

    Parameters
    ----------
    run : Run
        That is there.
    asked : mapping
        Fields of the specification that must be its own, ``framework``, ``architecture`` and ``data fingerprint``.
    inputs : mapping of str to str
        SHA-256 of the files that fields name, as they are now.
    elsewhere : str
        The flag with which the new runs go to another place.

    Raises
    ------
    LockstepError
        In one line: the run, the field, both values, and what to do.
    """
    for name, found, expected in _pairs(run.record, asked, inputs):
        if found != expected:
            raise LockstepError(
                f"{run.directory}: made with {name} {found!r}, not {expected!r}; "
                f"remove it, or choose another {elsewhere}"
            )


def _pairs(
    record: Record, asked: Mapping[str, object], inputs: Mapping[str, str]
) -> Iterator[tuple[str, object, object]]:
    found = {
        **fields_of(record),
        "framework": record.framework,
        "architecture": record.architecture,
        "data fingerprint": record.data.fingerprint,
    }
    for name, value in asked.items():
        yield name, found[name], value
    if record.record_version == RECORD_VERSION:  # earlier ones did not say
        for name in sorted({*record.inputs, *inputs} & set(asked)):
            yield f"a file for {name} of SHA-256", record.inputs.get(name), inputs.get(name)
