"""Tables that predictions are written to, row by row: CSV, TSV, JSON Lines and Parquet, told by the ending."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import LockstepError

if TYPE_CHECKING:
    import pyarrow as pa

# Puts some more rows of columns after those that are there.
Write = Callable[[Sequence[Sequence[Any]]], None]

# Characters that some programs take for the end of a line, as JSON writes them.
LINE_ENDS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\u0085\u2028\u2029"}


def check_ending(path: Path) -> str:
    """Return the ending that says how a table is written; ``.csv`` for standard output.

    Raises
    ------
    LockstepError
        If it is none of those that are known.
    """
    ending = ".csv" if str(path) == "-" else path.suffix.lower()
    if ending not in FORMS:
        raise LockstepError(f"{path}: the ending says the form: {', '.join(FORMS)}; give the file one of these")
    return ending


@contextmanager
def _save_delimited(path: Path, fields: Sequence[pa.Field], delimiter: str) -> Iterator[Write]:
    with path.open("x", newline="", encoding="utf-8") as file:
        # Everything that is no number is between quotes: a lone carriage return would end a row elsewhere.
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([field.name for field in fields])
        yield lambda columns: writer.writerows(zip(*map(_as_cells, columns), strict=True))


def _as_cells(values: Sequence[Any]) -> Iterator[Any]:
    return (value if type(value) in (str, int, float) else _as_text(value) for value in values)


def _as_text(value: Any) -> str | None:
    """Return what is no text as text; what is missing stays so."""
    if value is None or isinstance(value, str):
        return value
    return _as_json(value) if isinstance(value, (dict, list, bool)) else _spelled(value)


def _as_json(value: Any) -> str:
    text = json.dumps(_sayable(value), ensure_ascii=False, default=_spelled, allow_nan=False)
    return text.translate(LINE_ENDS)


def _sayable(value: Any) -> Any:
    """Return a value as JSON can say it: what is not a number is missing."""
    if isinstance(value, dict):
        return {key: _sayable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_sayable(one) for one in value]
    if isinstance(value, float) and math.isinf(value):
        raise LockstepError("a row has an infinite number, which JSON cannot say; write .parquet or .csv")
    return None if isinstance(value, float) and math.isnan(value) else value


def _spelled(value: Any) -> str:
    if isinstance(value, bytes):
        raise LockstepError("a row has bytes that are no text, which only .parquet can hold; write that")
    return str(value)


@contextmanager
def _save_json_lines(path: Path, fields: Sequence[pa.Field]) -> Iterator[Write]:
    names = [field.name for field in fields]
    with path.open("x", newline="\n", encoding="utf-8") as file:

        def write(columns: Sequence[Sequence[Any]]) -> None:
            for row in zip(*columns, strict=True):
                file.write(_as_json(dict(zip(names, row, strict=True))) + "\n")

        yield write


@contextmanager
def _save_parquet(path: Path, fields: Sequence[pa.Field]) -> Iterator[Write]:
    import pyarrow as pa  # a CSV file does without it
    import pyarrow.parquet as pq

    schema = fields if isinstance(fields, pa.Schema) else pa.schema(fields)
    with path.open("xb") as file, pq.ParquetWriter(file, schema) as writer:  # a path need not be UTF-8

        def write(columns: Sequence[Sequence[Any]]) -> None:
            arrays = [
                pa.array(map(_as_text, values) if pa.types.is_string(field.type) else values, field.type)
                for field, values in zip(fields, columns, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

        yield write


FORMS: dict[str, Callable[[Path, Sequence[pa.Field]], AbstractContextManager[Write]]] = {
    ".csv": lambda path, fields: _save_delimited(path, fields, ","),
    ".tsv": lambda path, fields: _save_delimited(path, fields, "\t"),
    ".jsonl": _save_json_lines,
    ".parquet": _save_parquet,
}


def table_writer(path: Path, ending: str, fields: Sequence[pa.Field]) -> AbstractContextManager[Write]:
    """Make a new table; use it as a context manager that gives a function to add rows with.

    Parameters
    ----------
    path : Path
        Nothing is there yet (see `shared.output`).
    ending : str
        As :func:`check_ending` returned it.
    fields : sequence of pyarrow.Field
        Names of the columns and, for Parquet, their types. Strings are written to the letter; in a column of strings
        anything else is written as JSON has it, and what is missing stays missing.
    """
    return FORMS[ending](path, fields)
