"""Rows of fields with a delimiter between: CSV and TSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain

from shared.data.contents import delimiter_of_table, holds_objects
from shared.data.forms import Form, Row, Table
from shared.data.lines import LONGEST_LINE, LONGEST_REVIEW, Lines, first_line, without_end
from shared.data.packing import Content
from shared.data.reviews import Reading
from shared.data.trees import Tree
from shared.errors import LockstepError

SEPARATED_BY = {",": "commas", "\t": "tabs", ";": "semicolons"}
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
OTHER_SUFFIXES = (".json", ".jsonl", ".ndjson", ".parquet")
LINE_SUFFIXES = (".txt", ".text")
SEPARATOR = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)  # a first line for Excel
TAB_SUFFIXES = (".tsv", ".tab")
MOST_LINES = 10_000  # of one field between quotes in a TSV file


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By its name, or by its header; a delimiter that is named makes a table of any other text."""
    if not isinstance(source, Content) or head.startswith(b"PAR1"):
        return False
    if reading.delimiter != "auto":
        return source.suffix in FORM.suffixes or source.suffix not in OTHER_SUFFIXES
    if source.suffix in LINE_SUFFIXES:
        return reading.header and delimiter_of_table(head, reading.encoding) is not None
    return source.suffix in FORM.suffixes and not holds_objects(head, reading.encoding)


def open_rows(content: Content, reading: Reading) -> Table:
    """Open a CSV or a TSV file."""
    separator = SEPARATOR.fullmatch(first_line(content.head(), reading.encoding))
    delimiter = _delimiter(content, reading, separator[1] if separator else None)
    lines = Lines(content, reading.encoding, skip=1 if separator else 0)
    form = "a TSV file" if delimiter == "\t" else "a CSV file"
    table = Table(content.described, form, (), iter(()), gauges=[content.gauge])
    records = _tab_separated(table, lines) if delimiter == "\t" else _delimited(table, lines, delimiter)
    first = next(records, None)
    if first is None:
        raise LockstepError(f"{table.source}: holds no rows")
    if reading.header:
        table.columns = table.header = tuple(name.strip() for name in first[1])
    else:
        table.columns = tuple(str(number) for number in range(1, len(first[1]) + 1))
        records = chain([first], records)
    separated = SEPARATED_BY.get(delimiter, repr(delimiter))
    table.rows = _rows(table, records, "header" if reading.header else "first row", separated)
    return table


def _delimiter(content: Content, reading: Reading, said: str | None) -> str:
    if reading.delimiter == "auto" and said:
        return said
    if reading.delimiter == "auto" and content.suffix in LINE_SUFFIXES:
        return delimiter_of_table(content.head(), reading.encoding) or ","
    if reading.delimiter == "auto":
        return "\t" if content.suffix in TAB_SUFFIXES else ","
    delimiter = NAMED.get(reading.delimiter.lower(), reading.delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise LockstepError(
            f"{content.described}: --delimiter {reading.delimiter!r:.40}: one character, or one of {', '.join(NAMED)}"
        )
    return delimiter


Record = tuple[int, list[str]]  # the line that it begins in, and its fields


def _rows(table: Table, records: Iterator[Record], first: str, separated: str) -> Iterator[Row]:
    width = len(table.columns)
    for number, (line, fields) in enumerate(records, 1):
        if len(fields) != width:
            found = f"{len(fields)} field{'s' if len(fields) != 1 else ''}, the {first} has {width}"
            raise LockstepError(f"{table.source}: line {line} has {found}; put texts with {separated} between quotes")
        yield Row(f"line {line}: row {number}", tuple(fields))


def _delimited(table: Table, lines: Lines, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1 + lines.skip
    try:
        for fields in reader:
            if len(fields) > 1 or (fields and (fields[0].strip() or len(table.columns) == 1)):
                yield line, fields
            else:
                table.blank += 1
            line = reader.line_num + 1 + lines.skip
    except csv.Error as error:
        if "field limit" in str(error):
            raise LockstepError(
                f"{table.source}: the row that begins in line {line} has a field of over {LONGEST_REVIEW:,} "
                "characters, at most so many are read; perhaps a quote never closes"
            ) from error
        reason = "a carriage return stands in a field without quotes" if "new-line" in str(error) else str(error)
        raise LockstepError(
            f"{table.source}: the row that begins in line {line} is damaged ({reason}); "
            "put quotes around a text, and double those in it"
        ) from error


def _tab_separated(table: Table, lines: Lines) -> Iterator[Record]:
    """Yield rows of a TSV file: some writers put quotes around fields, others take quotes for letters of the text."""
    each = iter(lines)
    for line in each:
        number = lines.number
        text = without_end(line)
        if not text.strip() and "\t" not in text:
            table.blank += 1
            continue
        fields = text.split("\t")
        if '"' in text:
            fields = _unquoted(table, text, fields, number, each)
        yield number, fields


def _unquoted(table: Table, text: str, fields: list[str], number: int, more: Iterator[str]) -> list[str]:
    """Take the quotes from around fields; a field that begins with a quote and does not close goes on.

    A field is taken to the letter if it begins with a quote and has others at which it does not end.
    """
    if not any(field.startswith('"') and not _closes(field) for field in fields):
        return [_inside(field) for field in fields]
    # A delimiter or a line end stands between quotes.
    pieces = [text]
    for _ in range(MOST_LINES):
        try:
            return next(csv.reader(["\n".join(pieces)], delimiter="\t", strict=True))
        except csv.Error as error:
            following = next(more, None) if "unexpected end" in str(error) else None
            if following is None or sum(map(len, pieces)) > LONGEST_LINE:
                break
            pieces.append(without_end(following))
    raise LockstepError(
        f"{table.source}: the row that begins in line {number} has a quote that never closes; "
        "put quotes around a text, and double those in it"
    )


def _closes(field: str) -> bool:
    return field.count('"') % 2 == 0


def _inside(field: str) -> str:
    """Return what stands between the quotes of a field; those in it are doubled, or have a backslash before them."""
    if len(field) < 2 or not (field.startswith('"') and field.endswith('"')):
        return field
    inner = field[1:-1]
    for escaped in ('""', '\\"'):
        if '"' not in inner.replace(escaped, ""):
            return inner.replace(escaped, '"')
    return field


FORM = Form("CSV and TSV (.csv, .tsv)", (".csv", *TAB_SUFFIXES), recognises, open_rows)
