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
    worth : dict of str to Interval
        Of fields that the ladder switched from the one value to the other, in accuracy.
    facts : dict of str to (str, str)
        What is no field.
    arrays : list of Array
        Weights; None if they were not compared.
    notes : list of str
        What was supposed, and where the worth is from.
    """

    first: str
    second: str
    fields: list[Changed]
    worth: dict[str, Interval]
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
    measured = _ladder(ladder)
    one, other = read_things(first, second)
    plain = one.specification.without_idle_fields(), other.specification.without_idle_fields()
    fields = [
        described(name, *plain)
        for name in Specification.model_fields
        if name in one.said & other.said and getattr(plain[0], name) != getattr(plain[1], name)
    ]
    worth = {} if measured is None else _worth(fields, measured)
    notes = [*one.notes, *other.notes]
    if measured is not None and worth:
        where = f"{TITLES[measured.framework]} {ARCHITECTURE_TITLES[measured.architecture]}"
        reviews = f"{measured.data.sizes['train']:,} reviews"
        notes.append(f"worth: measured by the ladder, in {where} trained on {reviews}, where all else is its recipe's")
    unsaid = [name for name in Specification.model_fields if name not in one.said & other.said]
    if unsaid:
        notes.append("compared in the fields that both of them say: what trained it stands in no file of weights alone")
    arrays = _arrays(one, other)
    if arrays == []:
        notes.append("the weights are equal, bit for bit")
    return Differences(first, second, fields, worth, _facts(one, other), arrays, notes)


def _ladder(path: Path | None) -> MeasuredLadder | None:
    if path is None and not LADDER.is_file():
        return None
    return read_json(path or LADDER, "what lockstep ladder wrote", MeasuredLadder, "name another --ladder")


def _worth(fields: list[Changed], ladder: MeasuredLadder) -> dict[str, Interval]:
    """Return what rungs measured that switched exactly one of these fields between the same two values."""
    base = ladder.rungs[0].name
    found = {}
    for rung in ladder.rungs:
        if rung.accuracy_difference is None or rung.against != base or len(rung.changes) != 1:
            continue
        ((name, value),) = rung.changes.items()
        usual = ladder.specification.get(name, Specification.model_fields[name].default)
        for one in fields:
            if one.name == name and {one.first, one.second} == {usual, value}:
                found[name] = rung.accuracy_difference if one.second == value else _reversed(rung.accuracy_difference)
    return found


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
        for name in {**one.weights, **other.weights}
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
                    *([_worth_cell(found.worth.get(field.name))] if found.worth else []),
                )
            )
            for field in found.fields
        ]
        measured = (WORTH,) if found.worth else ()
        caption = "1 field differs" if len(rows) == 1 else f"{len(rows)} fields differ"
        tables.append(Table("fields", caption, (*columns, *measured), rows))
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


def _worth_cell(interval: Interval | None) -> Cell:
    return Cell("") if interval is None else WORTH.cell(interval.mean, interval.low, interval.high)


def _short(digest: str) -> str:
    return digest[:LONGEST_FACT]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else " × ".join(map(str, shape))
