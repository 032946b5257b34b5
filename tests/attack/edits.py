"""Values that were edited and sealed again, or are of an earlier version: their meaning is checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.attack.harness import REFUSED, Case, Scene, check_kept, check_manners, snapshot
from tests.attack.inputs import (
    COPY,
    ENSEMBLE,
    LABEL,
    PORTABILITY,
    PREDICT_LINES,
    PREDICTION,
    PSEUDO,
    REPORT,
    START,
    Reader,
    judge,
    right_answer,
)
from tests.attack.materials import RUN, reseal, reseal_checkpoint

RECORD, PREDICTIONS, MODEL, HISTORY = "record.json", "predictions.parquet", "checkpoint/model.json", "history.csv"
VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", -1, 0, 7, 10**7, 10**30, 1.5, float("nan"), float("inf"), [], {}, [[]], {"a": {"b": 1}}),
    *("\x1b[31mred", "[/bold]", "<script>alert(1)</script>", "a|b", "\u202eold", "x" * 100_000, "../../etc"),
)


def _edit_json(path: Path, keys: list[str], value: Any) -> bool:
    """Set a value; return whether that changes anything."""
    values = json.loads(path.read_bytes())
    inner = values
    for key in keys[:-1]:
        inner = inner[key]
    if inner[keys[-1]] == value and type(inner[keys[-1]]) is type(value):
        return False
    if isinstance(value, type) and value is KeyError:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path.write_text(json.dumps(values))
    return True


def _paths_in(values: dict[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from _paths_in(value, (*before, key))


def _sealed_again(scene: Scene, name: str, version_one: bool) -> None:
    run = scene.path(RUN)
    if name == MODEL:
        changes = {"format_version": 1} if version_one else {}
        reseal_checkpoint(run / "checkpoint", **changes)
    record = json.loads((run / RECORD).read_bytes())
    reseal(run, **({"record_version": 1} if version_one and "record_version" in record else {}))


def _value(name: str, place: float, reader: Reader, version_one: bool, scene: Scene) -> None:
    """Put another value at a random place of a record or of a model's description."""
    path = scene.path(RUN, name)
    every = [keys for keys in _paths_in(json.loads(path.read_bytes())) if keys[0] not in ("checksum", "files")]
    keys = every[int(place * len(every))]
    value = scene.random.choice([*VALUES, KeyError])
    try:
        if not _edit_json(path, list(keys), value):
            return
    except (KeyError, TypeError):
        return
    _sealed_again(scene, name, version_one)
    before = snapshot(scene.folder)
    done = scene.run(*reader.words)
    # What a value that may be means is not known here; but it may not crash, hang or say what a terminal acts on.
    judge(f"{RUN}/{name}", reader, scene, None, done)
    check_kept(before, snapshot(scene.folder), ["experiment/portability.json", "made", "made.json", "made.parquet"])


def _metric(split: str, metric: str, value: float, reader: Reader, version_one: bool, scene: Scene) -> None:
    """A metric that the predictions do not give is refused, however well it is sealed."""
    right = right_answer(reader, scene)
    _edit_json(scene.path(RUN, RECORD), ["metrics", split, metric], value)
    _sealed_again(scene, RECORD, version_one)
    judge(f"{RUN}/{RECORD}", reader, scene, right, scene.run(*reader.words))


def edit_table(path: Path, change: Callable[[dict[str, list[Any]]], Any]) -> None:
    """Read a Parquet file, change its columns, write it with the types that Arrow finds best or had."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    made = change(columns)
    columns = made if isinstance(made, dict) else columns
    arrays, fields = [], []
    for name, values in columns.items():
        kind = table.schema.field(name).type if name in table.column_names else None
        try:
            array = pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            array = pa.array([None if value is None else str(value) for value in values])
        arrays.append(array)
        fields.append(pa.field(name, array.type, nullable=name == "label" or None in values))
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)


def _set(column: str, row: int, value: Any) -> Callable[[dict[str, list[Any]]], None]:
    def change(columns: dict[str, list[Any]]) -> None:
        columns[column][row] = value

    return change


def _all(column: str, value: Any) -> Callable[[dict[str, list[Any]]], None]:
    def change(columns: dict[str, list[Any]]) -> None:
        columns[column] = [value] * len(columns[column])

    return change


def _without(column: str) -> Callable[[dict[str, list[Any]]], None]:
    return lambda columns: columns.pop(column) and None


def _rows(rows: slice) -> Callable[[dict[str, list[Any]]], dict[str, list[Any]]]:
    return lambda columns: {name: values[rows] for name, values in columns.items()}


def _doubled(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [values[0], *values] for name, values in columns.items()}


def _one_class_more(columns: dict[str, list[Any]]) -> None:
    columns["probability_neutral"] = [0.0] * len(columns["label"])


P, N = "probability_positive", "probability_negative"
TABLES: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "labels are null": _all("label", None),
    "a label is null": _set("label", 1, None),
    "a label is 2": _set("label", 1, 2),
    "a label is -1": _set("label", 1, -1),
    "all labels are 0": _all("label", 0),
    "a label is a word": _set("label", 1, "positive"),
    "a probability is 7": _set(P, 1, 7.0),
    "a probability is -0.1": _set(P, 1, -0.1),
    "a probability is NaN": _set(P, 1, float("nan")),
    "a probability is infinite": _set(P, 1, float("inf")),
    "a probability is null": _set(P, 1, None),
    "all probabilities are NaN": _all(P, float("nan")),
    "a row does not sum to 1": _set(N, 1, 0.123),
    "a prediction is another": lambda columns: _set("prediction", 1, 1 - columns["prediction"][1])(columns),
    "a prediction is null": _set("prediction", 1, None),
    "a row is missing": _rows(slice(1, None)),
    "all rows are missing": _rows(slice(0, 0)),
    "the rows are in another order": _rows(slice(None, None, -1)),
    "a row stands twice": _doubled,
    "an id is null": _set("review_id", 1, None),
    "an id is empty": _set("review_id", 1, ""),
    "an id is another": _set("review_id", 0, "aaa"),
    "an id is huge": _set("review_id", 0, "a" * 1_000_000),
    "an id has an escape in it": _set("review_id", 0, "\x1b[31ma"),
    "no labels": _without("label"),
    "no ids": _without("review_id"),
    "no probabilities": _without(P),
    "a class more": _one_class_more,
}
# Well-formed predictions of something else: other predictions, where nothing is there to compare them with.
FINE_FOR_PSEUDO = {
    *("labels are null", "a label is null", "a label is -1", "all labels are 0", "a row is missing", "an id is empty"),
    *("an id is another", "an id has an escape in it"),
}


def _table(name: str, said: str, reader: Reader, version_one: bool, scene: Scene) -> None:
    right = right_answer(reader, scene)
    path = scene.path(name)
    scene.apart(edit_table, path, TABLES[said])
    if name.startswith("experiment/"):
        _sealed_again(scene, RECORD, version_one)
    done = scene.run(*reader.words)
    any_answer = reader is PSEUDO and said in FINE_FOR_PSEUDO
    judge(name, reader, scene, None if any_answer else right, done)


def _history(said: str, reader: Reader, scene: Scene) -> None:
    path = scene.path(RUN, HISTORY)
    head, row = path.read_text().splitlines()[:2]
    changed = {
        "no rows": head,
        "no head": row,
        "two epochs": f"{head}\n{row}\n{row.replace('1', '2', 1)}",
        "epoch 0": f"{head}\n0{row[1:]}",
        "a number is nan": f"{head}\n{row.rpartition(',')[0]},nan",
        "a number is inf": f"{head}\n{row.rpartition(',')[0]},1e999",
        "a number is a word": f"{head}\n{row.rpartition(',')[0]},soon",
        "a number too few": f"{head}\n{row.rpartition(',')[0]}",
        "a number too many": f"{head}\n{row},1",
        "a quote is open": f'{head}\n"{row}',
        "the digits are Arabic": f"{head}\n{row.replace('1', chr(0x661))}",
        "a column is renamed": f"{head.replace('seconds', 'hours')}\n{row}",
        "a null character": f"{head}\n{row}\0",
        "negative seconds": f"{head}\n{row.rpartition(',')[0]},-5",
        "an accuracy of 7": f"{head}\n{','.join([*row.split(',')[:2], '7', *row.split(',')[3:]])}",
    }[said]
    right = right_answer(reader, scene)
    path.write_text(f"{changed}\n")
    _sealed_again(scene, RECORD, False)
    judge(f"{RUN}/{HISTORY}", reader, scene, right, scene.run(*reader.words))


HISTORIES = (
    *("no rows", "no head", "two epochs", "epoch 0", "a number is nan", "a number is inf", "a number is a word"),
    *("a number too few", "a number too many", "a quote is open", "the digits are Arabic", "a column is renamed"),
    *("a null character", "negative seconds", "an accuracy of 7"),
)


def _words(content: Callable[[list[str]], list[str]], reader: Reader, scene: Scene) -> None:
    """Other words in a vocabulary that is sealed again: only its form can be checked."""
    path = scene.path(RUN, "checkpoint/vocabulary.txt")
    path.write_text("\n".join(content(path.read_text().splitlines())) + "\n")
    _sealed_again(scene, MODEL, False)
    done = scene.run(*reader.words)
    check_manners(done, {REFUSED})
    judge(f"{RUN}/checkpoint/vocabulary.txt", reader, scene, None, done)


VOCABULARIES: dict[str, Callable[[list[str]], list[str]]] = {
    "a word is missing": lambda words: words[:-1],
    "a word stands twice": lambda words: [*words[:-1], words[2]],
    "the first two are gone": lambda words: [*words[2:], "a", "b"],
    "a word too many": lambda words: [*words, "onemore"],
    "no words": lambda words: [],
    "a word is a megabyte": lambda words: [*words[:-1], "x" * 1_000_000, "y"],
}


def cases(random: Random) -> Iterator[Case]:
    for reader in (REPORT, ENSEMBLE, LABEL, PORTABILITY):
        short = " ".join(reader.words[:2])
        for version_one in (False, True):
            for split in ("test", "validation"):
                for metric, value in (("accuracy", 0.99), ("log_loss", 0.01), ("accuracy", float("nan"))):
                    if split == "test" or reader in (ENSEMBLE, LABEL):
                        attempt = partial(_metric, split, metric, value, reader, version_one)
                        yield Case(f"{short}: {split} {metric} says {value}", attempt)
        for number in range(50):
            attempt = partial(_value, RECORD, random.random(), reader, number % 3 == 0)
            yield Case(f"{short}: a value of record.json", attempt)
        for said in TABLES:
            files = (PREDICTIONS, "validation.parquet") if reader in (ENSEMBLE, LABEL) else (PREDICTIONS,)
            for file in files:
                attempt = partial(_table, f"{RUN}/{file}", said, reader, random.random() < 0.3)
                yield Case(f"{short}: {file}: {said}", attempt)
    for said in TABLES:
        yield Case(f"train --pseudo-labels: {said}", partial(_table, "pseudo.parquet", said, PSEUDO, False))
    for said in HISTORIES:
        yield Case(f"report: history.csv: {said}", partial(_history, said, REPORT))
    for reader in (PREDICTION, PREDICT_LINES, COPY, START):
        short = " ".join(reader.words[:2])
        for number in range(40):
            attempt = partial(_value, MODEL, random.random(), reader, number % 3 == 0)
            yield Case(f"{short}: a value of model.json", attempt)
        for said, content in VOCABULARIES.items():
            yield Case(f"{short}: vocabulary.txt: {said}", partial(_words, content, reader))
