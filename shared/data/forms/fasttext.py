"""Lines such as ``__label__positive A fine film``: fastText's form, which Flair reads too."""

from __future__ import annotations

from collections.abc import Iterator

from shared.data.forms import Form, Row, Table
from shared.data.lines import Lines, first_line, without_end
from shared.data.packing import Content
from shared.data.reviews import Reading
from shared.data.trees import Tree
from shared.errors import LockstepError

MARK = "__label__"
OTHER_SUFFIXES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet")


def starts_with_a_label(head: bytes, reading: Reading) -> bool:
    """Whether the first line of a file does."""
    return first_line(head, reading.encoding).startswith(MARK)


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By its first line."""
    return (
        isinstance(source, Content)
        and source.suffix not in OTHER_SUFFIXES
        and reading.delimiter == "auto"
        and starts_with_a_label(head, reading)
    )


def open_lines(content: Content, reading: Reading) -> Table:
    """Open a file with a label and a text a line."""
    lines = Lines(content, reading.encoding)
    table = Table(content.described, "a fastText file", ("label", "text"), iter(()), names_classes=True)
    table.gauges = [content.gauge]
    table.roles = {"text": "text", "label": "label"}
    table.rows = _rows(table, lines)
    return table


def _rows(table: Table, lines: Lines) -> Iterator[Row]:
    for line in lines:
        text = without_end(line)
        if not text.strip():
            table.blank += 1
            continue
        label = None
        while text.startswith(MARK):
            if label is not None:
                raise LockstepError(f"{table.source}: line {lines.number} has several labels; leave it one")
            label, _, text = text.removeprefix(MARK).partition(" ")
            text = text.lstrip()
        yield Row(f"line {lines.number}", (label, text))


FORM = Form("fastText (__label__x text)", (), recognises, open_lines, ("header",))
