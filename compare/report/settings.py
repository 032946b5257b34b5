"""What is set where, and the commands that ask for it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from compare.grid.reuse import DATA_FIELDS, fields_of
from compare.report.comparable import CELL_FIELDS
from compare.report.form import Scalar, Setting
from shared.contract import DECIDED_FIELDS, FRAMEWORKS
from shared.recipes import DOCUMENTED, IDIOMATIC_FIELDS
from shared.runs import Record
from shared.specification import PRESETS, Specification, flags_of, specification_of
from shared.tasks import task_of


def settings_of(networks: Sequence[Record]) -> list[Setting]:
    """Return every field of the specification by cell, without those that the recipe does not use."""
    firsts: dict[str, Record] = {}
    for record in networks:
        firsts.setdefault(f"{record.framework}/{record.architecture}", record)
    # Idiomatic runs from before there was an optimizer among the fields had other values than they say in these.
    early = networks[0].recipe == "idiomatic" and any("optimizer" not in one.specification for one in networks)
    ignored = {*CELL_FIELDS, *(DECIDED_FIELDS if early else ())}
    found = []
    if early and any(record.optimizer for record in networks):
        values: dict[str, Scalar] = {name: record.optimizer for name, record in firsts.items()}
        found.append(_setting("optimizer", "what changes the weights", "", values))
    for name, field in Specification.model_fields.items():
        if name not in ignored:
            values = {cell: fields_of(record)[name] for cell, record in firsts.items()}
            found.append(_setting(name, str(field.description), field.default, values))
    return found


def _setting(name: str, description: str, default: Scalar, values: dict[str, Scalar]) -> Setting:
    differs = len({repr(value) for value in values.values()}) > 1
    return Setting(field=name, description=description, default=default, values=values, differs=differs)


def commands_of(experiment: Path, networks: Sequence[Record], baselines: bool) -> list[str]:
    """Return the commands that make the experiment again, for a shell."""
    frameworks = list(dict.fromkeys(record.framework for record in networks if record.framework in FRAMEWORKS))
    architectures = list(dict.fromkeys(record.architecture for record in networks))
    seeds = sorted({record.seed for record in networks})
    grid = ["--frameworks", *frameworks, "--architectures", *architectures, "--seeds", *map(str, seeds)]
    flags = flags_of(_given(networks[0]))
    name = experiment.resolve().name
    words = ["lockstep", "run", *flags, *grid, "--experiment", name, *([] if baselines else ["--no-baselines"])]
    return [shlex.join(words), shlex.join(["lockstep", "report", f"runs/{name}"])]


def _given(record: Record) -> dict[str, object]:
    """Return the flags that ask for what a record has: the nearest preset, and the fields that differ from it."""
    values = fields_of(record)
    free = {*CELL_FIELDS, *(IDIOMATIC_FIELDS if record.recipe == "idiomatic" else ())}
    task = task_of(values["data"])
    choices: list[dict[str, object]] = [{"preset": name} for name in PRESETS]
    if task and task[0].presets:
        choices = [{"task": task[0].name, "preset": name} for name in task[0].presets]
    if record.recipe == "lockstep":
        choices += [{**choice, "like": framework} for choice in choices for framework in DOCUMENTED]
    nearest: dict[str, object] | None = None
    for choice in choices:
        base = specification_of({**choice, "architecture": record.architecture}).model_dump()
        differing = {
            name: value
            for name, value in values.items()
            if name not in free and value != base[name] and (value is not None or name in DATA_FIELDS)
        }
        if nearest is None or len(differing) + len(choice) < len(nearest):
            nearest = {**choice, **differing}
    return nearest or {}
