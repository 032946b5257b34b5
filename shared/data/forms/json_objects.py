"""JSON: an object a line, a list of objects, or an object that holds such a list."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from shared.data.contents import holds_objects
from shared.data.forms import Form, Row, Table
from shared.data.lines import LONGEST_LINE, SHOWN, Lines
from shared.data.meaning import is_usual
from shared.data.packing import Content
from shared.data.reviews import Reading
from shared.data.trees import Tree
from shared.errors import LockstepError

# Objects need not have the same keys; those of so many are the columns.
LOOKED_AT = 1_000
MOST_COLUMNS = 1_000
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".text")

SCALAR = r'(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)'
PAIR = rf'"(?:[^"\\]|\\.)*"\s*:\s*{SCALAR}'
LIST_WITHIN = re.compile(rf'\s*\{{\s*(?:{PAIR}\s*,\s*)*"(?:[^"\\]|\\.)*"\s*:\s*(?=\[\s*(?:\{{|\]))')
KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:')
AFTER_THE_LIST = re.compile(rf"\s*(?:,\s*{PAIR}\s*)*\}}\s*\Z")
# Of a data frame: a column, its rows by number, its columns, its schema, or a row by its number.
IN_COLUMNS = re.compile(
    r'\s*\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*\{\s*"[0-9]+"\s*:|"[0-9]+"\s*:\s*\{|'
    r'"columns"\s*:\s*\[\s*"|"schema"\s*:\s*\{\s*"fields")'
)
HALF_A_SIGN = re.compile("[\ud800-\udfff]")


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By its name, or by its first line; a delimiter that is named makes a table of what is not called JSON."""
    if not isinstance(source, Content):
        return False
    if source.suffix in FORM.suffixes:
        return True
    if reading.delimiter != "auto" or source.suffix == ".parquet":
        return False
    if source.suffix in TEXT_SUFFIXES:
        return holds_objects(head, reading.encoding)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def open_objects(content: Content, reading: Reading) -> Table:
    """Open a JSON Lines or a JSON file."""
    lines = Lines(content, reading.encoding)
    table = Table(content.described, "", (), iter(()), gauges=[content.gauge])
    if _is_one_value(lines):
        table.form, objects = "a JSON file", _Values(table, lines.pieces()).objects()
    elif _is_in_columns(lines):
        raise LockstepError(
            f"{table.source}: is JSON in columns, as pandas writes it: write it with orient='records', lines=True"
        )
    else:
        table.form, objects = "a JSON Lines file", _objects_of_lines(table, lines)
    first = list(islice(objects, LOOKED_AT))
    if not first:
        raise LockstepError(f"{table.source}: holds no rows")
    table.columns = tuple(dict.fromkeys(key for _, one in first for key in one))
    if len(table.columns) > MOST_COLUMNS:
        raise LockstepError(f"{table.source}: its objects have over {MOST_COLUMNS:,} different keys; write one a row")
    table.rows = _rows(table, chain(first, objects))
    return table


Object = tuple[str, dict[str, Any]]  # its place, and itself


def _rows(table: Table, objects: Iterator[Object]) -> Iterator[Row]:
    known, late = set(table.columns), set[str]()
    for place, one in objects:
        if not one.keys() <= known:
            for key in one.keys() - known - late:
                if is_usual(key):
                    raise LockstepError(
                        f"{table.source}: {place} has a {key!r:.{SHOWN}}, which the first {LOOKED_AT:,} have not; "
                        "write it in the first, as null where it is not known"
                    )
                if len(late) < MOST_COLUMNS:
                    late.add(key)
        yield Row(place, tuple(map(one.get, table.columns)))
    if late:
        table.notes.append(f"{len(late):,} keys that the first {LOOKED_AT:,} objects have not are ignored.")


def _is_one_value(lines: Lines) -> bool:
    """Whether a file is one list or object, and not one a line."""
    head = next(iter(lines.pieces()), "")
    if head.lstrip().startswith("["):
        return True
    if _is_an_object_a_line(head):
        return False
    within = LIST_WITHIN.match(head)
    return within is not None and not any(is_usual(key) for key in KEY.findall(within[0]))


def _is_in_columns(lines: Lines) -> bool:
    """Whether a file is one object of a data frame's columns."""
    head = next(iter(lines.pieces()), "")
    return IN_COLUMNS.match(head) is not None and not _is_an_object_a_line(head)


def _is_an_object_a_line(head: str) -> bool:
    """Whether an object ends in the first line, and something follows."""
    first, _, second = head.lstrip().partition("\n")
    try:
        return isinstance(json.loads(first), dict) and bool(second.strip())
    except (ValueError, RecursionError):
        return False


class _KeyTwiceError(Exception):
    """An object has a key twice, so nobody knows which value counts."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _KeyTwiceError(f"has the key {counts.most_common(1)[0][0]!r:.{SHOWN}} twice; keep one of them")
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_once_each)


def _objects_of_lines(table: Table, lines: Lines) -> Iterator[Object]:
    for line in lines:
        if not line.strip():
            table.blank += 1
            continue
        place = f"line {lines.number}"
        try:
            found = DECODER.decode(line)
        except _KeyTwiceError as error:
            raise LockstepError(f"{table.source}: {place} {error}") from error
        except (ValueError, RecursionError) as error:
            reason = "too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
            raise LockstepError(f"{table.source}: {place} is no JSON object ({reason:.100})") from error
        yield place, _checked(table, place, found, line)


def _checked(table: Table, place: str, found: Any, source: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise LockstepError(f"{table.source}: {place} is no JSON object, with a key for each column")
    if "\\ud" in source.lower() and HALF_A_SIGN.search(json.dumps(found, ensure_ascii=False)):
        raise LockstepError(f"{table.source}: {place} holds half of a sign (\\ud800 to \\udfff), which is no text")
    return found


class _Values:
    """The objects of a list, taken from pieces of text as they come."""

    def __init__(self, table: Table, pieces: Iterator[str]) -> None:
        self.table, self.pieces = table, pieces
        self.text, self.place = "", 0

    def objects(self) -> Iterator[Object]:
        self._more()
        within = LIST_WITHIN.match(self.text)
        self.place = within.end() if within else 0
        self._take("[")
        number, sign = 0, self._next()
        while sign != "]":
            number += 1
            place = f"row {number}"
            yield place, self._object(place)
            sign = self._next()
            if sign == ",":
                self.place += 1
                sign = self._next()
            elif sign != "]":
                raise self._damaged(f"{place} is followed by {sign!r}, not by a comma" if sign else "it ends too early")
        self.place += 1
        self._finish(within is not None)

    def _finish(self, within: bool) -> None:
        while self._more():
            if len(self.text) > LONGEST_LINE:
                break
        rest = self.text[self.place :]
        if not (AFTER_THE_LIST.match(rest) if within else not rest.strip()):
            raise self._damaged("something follows its list of objects")

    def _object(self, place: str) -> dict[str, Any]:
        while True:
            try:
                found, end = DECODER.raw_decode(self.text, self.place)
            except _KeyTwiceError as error:
                raise LockstepError(f"{self.table.source}: {place} {error}") from error
            except RecursionError as error:
                raise self._damaged(f"{place} is too deep") from error
            except ValueError as error:
                if not (self._may_go_on(error) and len(self.text) < LONGEST_LINE and self._more()):
                    raise self._damaged(f"{place}: {error}") from error
                continue
            source, self.place = self.text[self.place : end], end
            return _checked(self.table, place, found, source)

    def _may_go_on(self, error: ValueError) -> bool:
        """Whether a value may only have been cut by the end of what was read."""
        ends = isinstance(error, json.JSONDecodeError) and error.pos >= len(self.text) - len('"\\u0000')
        return ends or "Unterminated string" in str(error)

    def _next(self) -> str:
        """Return the next sign that is no space; empty at the end."""
        while True:
            while self.place < len(self.text):
                if not self.text[self.place].isspace():
                    return self.text[self.place]
                self.place += 1
            if not self._more():
                return ""

    def _take(self, sign: str) -> None:
        if self._next() != sign:
            raise self._damaged(f"it does not begin with {sign!r}")
        self.place += 1

    def _more(self) -> bool:
        piece = next(self.pieces, None)
        if piece is None:
            return False
        self.text, self.place = self.text[self.place :] + piece, 0
        return True

    def _damaged(self, reason: str) -> LockstepError:
        return LockstepError(f"{self.table.source}: not a JSON list of objects, or damaged ({reason:.200})")


FORM = Form(
    "JSON and JSON Lines (.json, .jsonl)",
    (".json", ".jsonl", ".ndjson"),
    recognises,
    open_objects,
    ("delimiter", "header"),
)
