"""Parquet files, with the names of classes that Hugging Face keeps in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.data.forms import Form, Row, Table
from shared.data.packing import LARGEST_KEPT, SPARE, Content
from shared.data.reviews import Reading
from shared.data.trees import Tree
from shared.errors import LockstepError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
# A text that stands in many rows is stored once. Where all of a group of rows is small, it is made once too; of a
# large group, which would stay in memory as a whole for that, few rows are read at once.
LARGE_GROUP = 20_000_000  # bytes
ROWS, ROWS_OF_LARGE = 4_096, 32  # in memory at once
BUFFER = 1 << 20  # bytes
LARGEST_PACKED = 500_000_000  # bytes: it cannot be read forwards only


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By its first bytes or its name."""
    return isinstance(source, Content) and (head.startswith(MAGIC) or source.suffix in FORM.suffixes)


def open_parquet(content: Content, reading: Reading) -> Table:
    """Open a Parquet file."""
    with _opened(content) as file:
        schema = file.schema_arrow
        _check_sizes(content, file)
        rows = file.metadata.num_rows
    doubled = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if doubled is not None:
        raise LockstepError(f"{content.described}: has several columns {doubled!r:.40}; rename all but one")
    content.gauge.total, content.gauge.unit = rows, " rows"
    table = Table(content.described, "a Parquet file", tuple(schema.names), iter(()), gauges=[content.gauge])
    table.schema, table.label_names = schema, _label_names(schema)
    table.rows = _rows(table, content)
    return table


@contextmanager
def _opened(content: Content, dictionaries: list[str] | None = None) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if content.packed:
        with content.open() as file:
            whole = file.read(LARGEST_PACKED + 1)
            while len(whole) <= LARGEST_PACKED and (piece := file.read(LARGEST_PACKED)):
                whole += piece
        if len(whole) > LARGEST_PACKED:
            raise LockstepError(f"{content.described}: is packed and over {LARGEST_PACKED:,} bytes; unpack it")
        yield pq.ParquetFile(pa.BufferReader(whole), read_dictionary=dictionaries, buffer_size=BUFFER)
    else:
        with content.path.open("rb") as file:  # a path need not be UTF-8
            yield pq.ParquetFile(file, read_dictionary=dictionaries, buffer_size=BUFFER)


def _check_sizes(content: Content, file: pq.ParquetFile) -> None:
    """Refuse a file that says it is far larger in memory."""
    largest = _largest(content)
    groups = [file.metadata.row_group(number).total_byte_size for number in range(file.metadata.num_row_groups)]
    if file.metadata.num_rows > largest // 8 or sum(groups) > largest:
        raise _too_large(content)


def _largest(content: Content) -> int:
    return SPARE + LARGEST_KEPT * content.path.stat().st_size


def _too_large(content: Content) -> LockstepError:
    return LockstepError(f"{content.described}: refused, its contents are over {LARGEST_KEPT} times its size")


def _rows(table: Table, content: Content) -> Iterator[Row]:
    assert table.schema is not None
    wanted = [name for name in table.columns if table.wants(name)]
    texts = [name for name in wanted if _is_text(table.schema.field(name).type)]
    left, number = _largest(content), 0
    with _opened(content) as file:
        groups = range(file.metadata.num_row_groups)
        large = any(file.metadata.row_group(group).total_byte_size > LARGE_GROUP for group in groups)
    with _opened(content, [] if large else texts) as file:
        rows = ROWS_OF_LARGE if large else ROWS
        for batch in file.iter_batches(rows, columns=wanted, use_threads=False):  # see `shared.predictions`
            values: dict[str, list[Any]] = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                left -= _size(column)
                if left < 0:
                    raise _too_large(content)
                values[name] = _once_each(column) if _is_dictionary(column) else column.to_pylist()
            nothing = [None] * len(batch)
            for row in zip(*(values.get(name, nothing) for name in table.columns), strict=True):
                number += 1
                yield Row(f"row {number}", row)
            content.gauge.done = number


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_dictionary(column: pa.Array) -> bool:
    import pyarrow as pa

    return pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)


def _codes(column: pa.DictionaryArray) -> tuple[pa.Array, np.ndarray]:
    """Return the different texts of a column, and which of them each row has that has one."""
    codes, places = np.unique(column.indices.drop_null().to_numpy(), return_inverse=True)
    return column.dictionary.take(codes), places


def _size(column: pa.Array) -> int:
    """Bytes of a column's texts, each as often as it stands there; of lists and the like their own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_dictionary(column):
        return 0 if pa.types.is_primitive(column.type) else column.nbytes
    different, places = _codes(column)
    return int(pc.binary_length(different).to_numpy(zero_copy_only=False)[places].sum(dtype=np.int64))


def _once_each(column: pa.DictionaryArray) -> list[str | None]:
    """Return the texts of a column; one that stands in many rows is made once."""
    different, places = _codes(column)
    texts, found = different.to_pylist(), iter(places.tolist())
    return [texts[next(found)] if is_known else None for is_known in column.is_valid().to_pylist()]


def _label_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Return the names of classes by column, as the library ``datasets`` writes them."""
    written = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(written)["info"]["features"] if written else {}
        return {
            column: tuple(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


FORM = Form("Parquet (.parquet)", (".parquet",), recognises, open_parquet, ("encoding", "delimiter", "header"))
