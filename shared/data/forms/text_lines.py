"""A text a line, without labels."""

from __future__ import annotations

from collections.abc import Iterator

from shared.data.contents import delimiter_of_table, holds_objects
from shared.data.forms import Form, Row, Table
from shared.data.forms.fasttext import starts_with_a_label
from shared.data.lines import Lines, without_end
from shared.data.packing import Content
from shared.data.reviews import Reading
from shared.data.trees import Tree


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By its name, unless its first lines are rows or objects."""
    return (
        isinstance(source, Content)
        and source.suffix in FORM.suffixes
        and reading.delimiter == "auto"
        and not starts_with_a_label(head, reading)
        and not holds_objects(head, reading.encoding)
        and not (reading.header and delimiter_of_table(head, reading.encoding))
    )


def open_lines(content: Content, reading: Reading) -> Table:
    """Open a file with a text a line."""
    lines = Lines(content, reading.encoding)
    table = Table(content.described, "a file with a text a line", ("text", "id"), iter(()), gauges=[content.gauge])
    table.roles = {"text": "text", "id": "id"}
    table.rows = _rows(table, lines)
    return table


def _rows(table: Table, lines: Lines) -> Iterator[Row]:
    for line in lines:
        text = without_end(line)
        if text.strip():
            yield Row(f"line {lines.number}", (text, f"line-{lines.number - 1:06d}"))
        else:
            table.blank += 1


FORM = Form("a text a line (.txt)", (".txt", ".text"), recognises, open_lines, ("header",))
