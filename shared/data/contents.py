"""What a text file holds, told by its first lines where its name says something else."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

from shared.data.lines import beginning
from shared.data.meaning import TEXT_COLUMNS, is_usual

DELIMITERS = "\t,"
LOOKED_AT = 100  # lines


def holds_objects(head: bytes, encoding: str) -> bool:
    """Whether the first line of a file is a JSON object with a key of a usual name, or begins a list of objects.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.
    encoding : str
        As Python calls it.
    """
    first = next(_lines(head, encoding), "").strip()
    if first.startswith("[") and first[1:].lstrip().startswith('{"'):
        return True
    try:
        found = json.loads(first) if first.startswith("{") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and any(map(is_usual, found))


def delimiter_of_table(head: bytes, encoding: str) -> str | None:
    """Return the comma or the tab between the fields of a file that begins with a header; None if it does not.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.
    encoding : str
        As Python calls it.

    Returns
    -------
    str or None
        The header has a text column and another one of a usual name, and most rows have as many fields as it.
    """
    lines = list(_lines(head, encoding))
    return next((delimiter for delimiter in DELIMITERS if _is_table(lines, delimiter)), None)


def _is_table(lines: list[str], delimiter: str) -> bool:
    rows = list(_rows(lines, delimiter))
    names = [name.strip().lower() for name in rows[0]] if rows else []
    if sum(map(is_usual, names)) < 2 or not any(name in TEXT_COLUMNS for name in names):
        return False
    alike = sum(len(row) == len(names) for row in rows[1:])
    return 0 < len(rows) - 1 <= 2 * alike


def _rows(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the rows that the lines hold; the last one may be cut."""
    try:
        yield from filter(None, csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return


def _lines(head: bytes, encoding: str) -> Iterator[str]:
    """Yield the first lines that are not blank, each with its end."""
    for line in beginning(head, encoding).split("\n", LOOKED_AT)[:LOOKED_AT]:
        if line.strip():
            yield line.removesuffix("\r") + "\n"
