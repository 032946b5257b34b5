"""What differs between two things, each with what it means and what the ladder measured it to be worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compare.explain.answer import described
from compare.explain.form import Changed
from compare.explain.things import Thing, read_things
from compare.explain.words import WORTH, shown
from compare.formats import Interval, Ladder, LadderRow
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.tables import Cell, Column, Row, Table, written_out
from compare.tables import described as described_table
from shared.differences import largest_difference
from shared.files import read_json
from shared.specification import Specification
from shared.weights import Weights

LADDER = Path("results/ladder.json")
LONGEST_FACT = 16  # letters of a digest


class MeasuredRow(LadderRow):
    """A rung, and the fields that it changes."""

    changes: dict[str, Any]


class MeasuredLadder(Ladder):
    """``ladder.json`` as far as it says what a field is worth."""

    specification: dict[str, Any]
    rungs: list[MeasuredRow]  # type: ignore[assignment]


@dataclass(frozen=True)
class Array:
    """An array that differs: its shapes, None where it is missing, and the largest difference of one shape."""

    name: str
    first: tuple[int, ...] | None
    second: tuple[int, ...] | None
    difference: float | None


@dataclass(frozen=True)
class Differences:
    """All that differs.

    Attributes
    ----------
    first, second : str
        As they were given.
    fields : list of Changed
        Of the specification.
    worth : dict of tuple of str to Interval
        Of fields that the ladder switched from the one value to the other, alone or together, in accuracy.
    measured : str
        Where the worth is from; empty if there is none.
    facts : dict of str to (str, str)
        What is no field.
    arrays : list of Array
        Weights; None if they were not compared.
    notes : list of str
        What was supposed.
    """

    first: str
    second: str
    fields: list[Changed]
    worth: dict[tuple[str, ...], Interval]
    measured: str
    facts: dict[str, tuple[str, str]]
    arrays: list[Array] | None
    notes: list[str]


def differences(first: str, second: str, ladder: Path | None = None) -> Differences:
    """Hold two things against each other.

    Parameters
    ----------
    first, second : str
        As `compare.explain.things.read_things` takes them.
    ladder : Path, optional
        What ``lockstep ladder`` wrote. By default the project's own, if it is there.

    Raises
    ------
    LockstepError
        If one of them, or the ladder, cannot be read.
    """
    known = _ladder(ladder)
    one, other = read_things(first, second)
    plain = one.specification.without_idle_fields(), other.specification.without_idle_fields()
    fields = [
        described(name, *plain)
        for name in Specification.model_fields
        if name in one.said & other.said and getattr(plain[0], name) != getattr(plain[1], name)
    ]
    notes = [*one.notes, *other.notes]
    worth = {} if known is None else _worth(fields, *plain, known)
    measured = _where(known) if known is not None and worth else ""
    unsaid = [name for name in Specification.model_fields if name not in one.said & other.said]
    if unsaid:
        notes.append("compared in the fields that both of them say: what trained it stands in no file of weights alone")
    arrays = _arrays(one, other)
    if arrays == []:
        notes.append("the weights are equal, bit for bit")
    return Differences(first, second, fields, worth, measured, _facts(one, other), arrays, notes)


def _ladder(path: Path | None) -> MeasuredLadder | None:
    if path is None and not LADDER.is_file():
        return None
    return read_json(path or LADDER, "what lockstep ladder wrote", MeasuredLadder, "name another --ladder")


def _where(ladder: MeasuredLadder) -> str:
    model = f"{TITLES[ladder.framework]} {ARCHITECTURE_TITLES[ladder.architecture]}"
    return (
        f"Worth: what lockstep ladder measured when it changed this alone in its own recipe ({model}, trained on "
        f"{ladder.data.sizes['train']:,} reviews). Beside other changes it may be worth more, less or nothing: "
        "lockstep explain measures that."
    )


@dataclass(frozen=True)
class _Switch:
    """A rung: the values that it changes, beside which others, and what that was worth."""

    changed: dict[str, tuple[Any, Any]]
    beside: dict[str, Any]
    worth: Interval


def _worth(
    fields: list[Changed], one: Specification, other: Specification, ladder: MeasuredLadder
) -> dict[tuple[str, ...], Interval]:
    """Return what rungs measured that switched some of these fields, and no others, between the same values.

    Where rungs switched the same beside other values (a sum of losses with clipping and without it), the one counts
    whose values both ends have.
    """
    switches = _switches(ladder)
    contested: dict[frozenset[str], set[str]] = {}
    for switch in switches:
        contested.setdefault(frozenset(switch.changed), set()).update(switch.beside)
    found: dict[tuple[str, ...], Interval] = {}
    for switch in sorted(switches, key=lambda switch: -len(switch.changed)):
        direction = _direction(switch, fields)
        matters = contested[frozenset(switch.changed)]
        fits = all(
            getattr(end, name) == switch.beside.get(name, _usual(ladder, name))
            for name in matters
            for end in (one, other)
        )
        taken = {name for names in found for name in names}
        if direction and fits and not taken & switch.changed.keys():
            names = tuple(field.name for field in fields if field.name in switch.changed)
            found[names] = switch.worth if direction > 0 else _reversed(switch.worth)
    return found


def _switches(ladder: MeasuredLadder) -> list[_Switch]:
    changes = {rung.name: rung.changes for rung in ladder.rungs}
    found = []
    for rung in ladder.rungs:
        if rung.accuracy_difference is not None:
            beside = changes.get(rung.against or "", {})
            values = {
                name: tuple(made.get(name, _usual(ladder, name)) for made in (beside, rung.changes))
                for name in {**beside, **rung.changes}
            }
            changed = {name: (before, after) for name, (before, after) in values.items() if before != after}
            found.append(_Switch(changed, beside, rung.accuracy_difference))
    return found


def _usual(ladder: MeasuredLadder, name: str) -> Any:
    return ladder.specification.get(name, Specification.model_fields[name].default)


def _direction(switch: _Switch, fields: list[Changed]) -> int:
    """Return 1 if the first end has all values from before the switch and the second all after, -1 the other way."""
    values = {field.name: (field.first, field.second) for field in fields}
    for direction in (1, -1):
        if all(values.get(name) == ends[::direction] for name, ends in switch.changed.items()):
            return direction
    return 0


def _reversed(interval: Interval) -> Interval:
    ends = interval.low, interval.high
    low, high = (None, None) if None in ends else (-ends[1], -ends[0])  # type: ignore[operator]
    return Interval(mean=-interval.mean, low=low, high=high)


def _facts(one: Thing, other: Thing) -> dict[str, tuple[str, str]]:
    names = [name for name in {**one.facts, **other.facts} if name in one.facts and name in other.facts]
    found = {name: (one.facts[name], other.facts[name]) for name in names if one.facts[name] != other.facts[name]}
    if one.class_names and other.class_names and one.class_names != other.class_names:
        found["classes"] = (_listed(one.class_names), _listed(other.class_names))
    if one.words and other.words and one.words != other.words:
        new = [f"{len(set(mine) - set(theirs)):,} of its own" for mine, theirs in _both_ways(one.words, other.words)]
        found["words"] = (f"{len(one.words):,}, {new[0]}", f"{len(other.words):,}, {new[1]}")
    return found


def _both_ways(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    return (one, other), (other, one)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _arrays(one: Thing, other: Thing) -> list[Array] | None:
    """Return the arrays that differ; None if one of the things has none."""
    if one.weights is None or other.weights is None:
        return None
    return [
        found
        for name in sorted({**one.weights, **other.weights})
        if (found := _array(name, one.weights, other.weights)) is not None
    ]


def _array(name: str, one: Weights, other: Weights) -> Array | None:
    mine, theirs = one.get(name), other.get(name)
    if mine is None or theirs is None or mine.shape != theirs.shape:
        return Array(name, None if mine is None else mine.shape, None if theirs is None else theirs.shape, None)
    if np.array_equal(mine, theirs):
        return None
    return Array(name, mine.shape, theirs.shape, largest_difference(mine, theirs))


def tables_of(found: Differences) -> list[Table]:
    """Return a table each of fields, of what is no field, and of weights, as far as they differ."""
    tables = []
    first, second = Column("first", found.first, "text"), Column("second", found.second, "text")
    if found.fields:
        columns = (Column("field", "field", "text"), first, second, Column("meaning", "what it is", "text"))
        rows = [
            Row(
                (
                    *(Cell(field.name, style="code"), Cell(shown(field.first)), Cell(shown(field.second))),
                    Cell(field.meaning),
                    *([_worth_cell(field.name, found.worth)] if found.worth else []),
                )
            )
            for field in found.fields
        ]
        measured = (WORTH,) if found.worth else ()
        caption = "1 field differs" if len(rows) == 1 else f"{len(rows)} fields differ"
        notes = (found.measured,) if found.measured else ()
        tables.append(Table("fields", caption, (*columns, *measured), rows, notes))
    if found.facts:
        rows = [
            Row((Cell(name), *(Cell(_short(value) if "SHA" in name or "print" in name else value) for value in values)))
            for name, values in found.facts.items()
        ]
        tables.append(Table("facts", "beside the fields", (Column("what", "what", "text"), first, second), rows))
    if found.arrays:
        largest = Column("difference", "largest difference", form=".3g")
        rows = [
            Row(
                (
                    *(Cell(array.name, style="code"), Cell(_shape(array.first)), Cell(_shape(array.second))),
                    largest.cell(array.difference),
                )
            )
            for array in found.arrays
        ]
        columns = (Column("array", "array", "text"), first, second, largest)  # type: ignore[assignment]
        tables.append(Table("weights", f"{len(rows)} arrays differ", columns, rows))
    return tables


def lines_of(tables: Sequence[Table], form: str) -> list[str]:
    """Return the lines of tables in Markdown, or of a list of them in JSON, which may be empty."""
    if form == "json":
        return json.dumps([described_table(table) for table in tables], indent=2, ensure_ascii=False).splitlines()
    return written_out(tables, form).splitlines()


def _worth_cell(name: str, worth: dict[tuple[str, ...], Interval]) -> Cell:
    """Return what a field is worth; of fields that were switched together, the first has the number."""
    for names, interval in worth.items():
        if name == names[0]:
            return WORTH.cell(interval.mean, interval.low, interval.high)
        if name in names:
            return Cell(f"with {names[0]}")
    return Cell("")


def _short(digest: str) -> str:
    return digest[:LONGEST_FACT]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else " × ".join(map(str, shape))
