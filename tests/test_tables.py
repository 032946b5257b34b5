"""Tables of predictions say to the letter what was put into them, whatever reads them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import LockstepError
from shared.tables import FORMS, check_ending, table_writer

FIELDS = [pa.field("text", pa.string()), pa.field("score", pa.float32())]
# Everything that a file in UTF-8 can hold: quotes, delimiters, each sign that some program ends a line at.
TEXTS = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from(",;\t\"'\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
)
ROWS = st.lists(st.tuples(TEXTS, st.floats(0, 1, width=32)), max_size=5)


def read(path: Path) -> list[tuple[str, float]]:
    """Read a table with the standard library, or with pyarrow."""
    if path.suffix == ".parquet":
        return [(row["text"], row["score"]) for row in pq.read_table(path).to_pylist()]
    if path.suffix == ".jsonl":
        # Also for programs that end a line elsewhere than at a line feed.
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [(row["text"], row["score"]) for row in rows]
    with path.open(newline="", encoding="utf-8") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        return [(row["text"], float(row["score"])) for row in csv.DictReader(file, delimiter=delimiter)]


def write(path: Path, rows: list[tuple[str, float]], fields: list[pa.Field] = FIELDS) -> None:
    with table_writer(path, path.suffix, fields) as add:
        for start in range(0, len(rows), 2):  # some at a time
            add(list(zip(*rows[start : start + 2], strict=True)))


@pytest.mark.parametrize("ending", FORMS)
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_what_is_written_is_read_to_the_letter(
    ending: str, rows: list[tuple[str, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tables") / f"table{ending}"
    write(path, rows)
    assert read(path) == rows


def test_lines_end_at_line_feeds_only_and_pandas_reads_them(tmp_path: Path) -> None:
    texts = ["one\u2028line", "two\x85lines", "a\rb", 'say "no"', "007"]
    for ending in (".csv", ".tsv", ".jsonl"):
        path = tmp_path / f"table{ending}"
        write(path, [(text, 0.5) for text in texts])
        lines = path.read_bytes().split(b"\n")
        assert len(lines) == len(texts) + (1 if ending == ".jsonl" else 2)
    table = pd.read_csv(tmp_path / "table.csv", dtype=str, keep_default_na=False, lineterminator="\n")
    assert table["text"].tolist() == texts


def test_values_that_are_no_text_are_kept_as_json(tmp_path: Path) -> None:
    values = [{"a": [1, None]}, ["x"], True, 3, None, "plain"]
    fields = [pa.field("value", pa.string())]
    for ending in (".csv", ".parquet"):
        write(tmp_path / f"table{ending}", [(value,) for value in values], fields)
    assert pq.read_table(tmp_path / "table.parquet")["value"].to_pylist() == [
        *('{"a": [1, null]}', '["x"]', "true", "3", None, "plain")
    ]
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as file:
        assert [row["value"] for row in csv.DictReader(file)][:3] == ['{"a": [1, null]}', '["x"]', "true"]
    write(tmp_path / "table.jsonl", [(value,) for value in values], fields)
    lines = (tmp_path / "table.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in lines] == values


def test_json_lines_are_json_whatever_a_number_is(tmp_path: Path) -> None:
    """NaN and Infinity are no JSON: the one is missing, the other would be lost."""
    fields = [pa.field("value", pa.float64())]
    write(tmp_path / "table.jsonl", [(1.5,), (float("nan"),), ({"a": [float("nan")]},)], fields)
    lines = (tmp_path / "table.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=pytest.fail)["value"] for line in lines] == [1.5, None, {"a": [None]}]
    for place, value in enumerate((float("inf"), -float("inf"), b"\x00\xff")):
        with pytest.raises(LockstepError, match=r"write (that|\.parquet)|can hold; write that"):
            write(tmp_path / f"{place}.jsonl", [(value,)], fields)
    with pytest.raises(LockstepError, match=r"bytes that are no text, which only \.parquet can hold"):
        write(tmp_path / "table.csv", [(b"\x00\xff",)], fields)


def test_parquet_keeps_the_types_of_its_source(tmp_path: Path) -> None:
    fields = [pa.field("stars", pa.int64()), pa.field("tags", pa.list_(pa.string()))]
    write(tmp_path / "table.parquet", [(5, ["a"]), (None, [])], fields)
    table = pq.read_table(tmp_path / "table.parquet")
    assert table.schema.types == [field.type for field in fields]
    assert table.to_pylist() == [{"stars": 5, "tags": ["a"]}, {"stars": None, "tags": []}]


@pytest.mark.parametrize("name", ["predictions.xlsx", "predictions", "predictions.csv.gz", "predictions.json"])
def test_any_other_ending_is_refused(name: str) -> None:
    with pytest.raises(LockstepError, match=r"\.csv, \.tsv, \.jsonl, \.parquet"):
        check_ending(Path(name))
    assert check_ending(Path("A.CSV")) == ".csv"
