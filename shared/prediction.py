"""Predictions of a file of any size: read, encoded, predicted and written some thousand texts at a time."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from shared.data.account import NOT_KNOWN
from shared.data.encoded import Coverage, EncodedReviews, encode_texts
from shared.data.labels import Classes
from shared.errors import LockstepError
from shared.output import Output
from shared.terminal import progress_bar, say
from shared.weights import Checkpoint

# A text that is typed must not wait for what only files need: that is imported where it is used.
if TYPE_CHECKING:
    import pyarrow as pa

    from shared.data.reviews import Reading, Reviews

TEXTS_AT_ONCE = 8_192
LETTERS_AT_ONCE = 50_000_000  # of them; long texts come fewer at a time
PREDICTION = "prediction"
TYPES_OF_HUBS = {"string": "string", "float": "float32"}

Predict = Callable[[EncodedReviews], np.ndarray]


class Question(NamedTuple):
    """A text to predict, its label as it is written or None, and all that stands in its row."""

    text: str
    label: str | None
    values: tuple[Any, ...]


@dataclass
class Questions:
    """Texts to predict, read when they are needed.

    Attributes
    ----------
    fields : pyarrow.Schema, or sequence of str
        Columns of the input, which the output keeps, and what a Parquet file says of them; of columns of texts, their
        names.
    rows : iterator of Question
        In the order of the input.
    described : () -> list of str
        What to say when all are read: what was read, which columns were used and which were not.
    label_column : str
        Empty where there are no labels.
    labels : str
        What they mean (see `shared.data.reviews.Reading`).
    """

    fields: pa.Schema | Sequence[str]
    rows: Iterator[Question]
    described: Callable[[], list[str]] = field(default=list)
    label_column: str = ""
    labels: str = "auto"


@dataclass
class Outcome:
    """What is known when all is predicted.

    Attributes
    ----------
    coverage : Coverage
        Of the texts that were predicted.
    right, labelled : int
        Right predictions, among texts whose label is one of the model's classes.
    hidden : int
        Texts whose label is -1, where that means that it is not known.
    foreign : str or None
        A label that is none of them; then the column means something else.
    """

    coverage: Coverage = field(default_factory=Coverage)
    right: int = 0
    labelled: int = 0
    hidden: int = 0
    foreign: str | None = None


def questions_of_texts(texts: Iterator[str]) -> Questions:
    """Take texts that were typed or piped in."""
    return Questions(["text"], (Question(text, None, (text,)) for text in texts))


def questions_of_source(source: str, reading: Reading) -> Questions:
    """Open what ``--input`` names: a task's source, or a file or a folder in any form that is read.

    Raises
    ------
    LockstepError
        If it is of no such form, has no text column, or cannot be read.
    """
    from shared.data.forms import open_table
    from shared.data.meaning import Meaning
    from shared.data.sources import load_reviews

    if not Path(source).expanduser().exists() and _names_a_source(source):
        return _questions_of_reviews(load_reviews(source, reading))
    table = open_table(Path(source), reading)
    meaning = Meaning.of(table, reading, "predict")
    fields = table.columns if table.schema is None else table.schema
    rows = (Question(meaning.text(row), meaning.label(row), row.values) for row in table.rows)
    return Questions(fields, rows, lambda: meaning.described(source), meaning.columns.get("label", ""), reading.labels)


def _names_a_source(source: str) -> bool:
    from shared.tasks import task_of  # only here: each task is a module of its own

    return task_of(source) is not None


def _questions_of_reviews(reviews: Reviews) -> Questions:
    def rows() -> Iterator[Question]:
        for review_id, text, label in zip(reviews.review_ids, reviews.texts, reviews.labels.tolist(), strict=True):
            name = reviews.class_names[label] if label >= 0 else None
            yield Question(text, name, (review_id, text, name))

    account, fields = reviews.account, ["review_id", "text", "label"]
    return Questions(fields, rows(), lambda: [account.paragraph()] if account else [], "label")


def lines_of_standard_input() -> Iterator[str]:
    """Yield the lines of standard input as they come; only a line feed ends one.

    Raises
    ------
    LockstepError
        If they are not UTF-8, there are none, or they are a CSV or a JSON file.
    """
    from shared.data.lines import without_end

    if sys.stdin.isatty():
        say("type a review a line, end with Ctrl-D", aside=True)
    number = 0
    for number, raw in enumerate(sys.stdin.buffer, 1):
        try:
            line = without_end(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise LockstepError(f"standard input: line {number} is not UTF-8 (byte {error.start})") from error
        if number == 1:
            _refuse_table(line.removeprefix("\ufeff"))
        yield line
    if not number:
        raise LockstepError("no reviews: give them as arguments, with --input, or on standard input")


def _refuse_table(line: str) -> None:
    """Refuse a first line that is the header of a CSV file or the beginning of a JSON file."""
    from shared.data.meaning import LABEL_COLUMNS, TEXT_COLUMNS

    advice = "save it and pass it with --input FILE; a line of standard input is a text"
    if line.strip() in ("{", "[") or _is_json(line):
        raise LockstepError(f"standard input looks like JSON, not like a text a line: {advice}")
    for delimiter, what in ((",", "a CSV file"), ("\t", "a TSV file")):
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
        known = set(names) & {*TEXT_COLUMNS, *LABEL_COLUMNS}
        if set(names) & set(TEXT_COLUMNS) and (len(names) == 1 or len(known) > 1 or all(map(str.isidentifier, names))):
            raise LockstepError(f"standard input looks like {what} with the columns {', '.join(names)}: {advice}")


def _is_json(line: str) -> bool:
    try:
        return line.lstrip().startswith(("{", "[")) and isinstance(json.loads(line), (dict, list))
    except (ValueError, RecursionError):
        return False


def check_columns(fields: pa.Schema | Sequence[str], class_names: Sequence[str]) -> pa.Schema:
    """Return the columns of the output: those of the input, the prediction, a probability of each class.

    Raises
    ------
    LockstepError
        If the input has a column of the name of one that is added.
    """
    import pyarrow as pa

    from shared.predictions import PROBABILITY

    if not isinstance(fields, pa.Schema):
        fields = pa.schema([pa.field(name, pa.string()) for name in fields])
    added = [PREDICTION, *(f"{PROBABILITY}{name}" for name in class_names)]
    taken = [one.name for one in fields if one.name in added]
    if taken:
        raise LockstepError(f"the input has a column {taken[0]!r} already, which predictions would replace; rename it")
    types = [pa.string(), *[pa.float32()] * len(class_names)]
    more = [pa.field(name, kind) for name, kind in zip(added, types, strict=True)]
    return pa.schema([*fields, *more], metadata=_described(fields.metadata, more))


def _described(metadata: dict[bytes, bytes] | None, more: Sequence[pa.Field]) -> dict[bytes, bytes] | None:
    """Add columns to what a file of Hugging Face says of its own, where names of classes stand."""
    if not metadata or b"huggingface" not in metadata:
        return metadata
    try:
        said = json.loads(metadata[b"huggingface"])
        said["info"]["features"] |= {one.name: {"dtype": TYPES_OF_HUBS[str(one.type)], "_type": "Value"}
                                     for one in more}  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return metadata
    return {**metadata, b"huggingface": json.dumps(said).encode()}


def predict_all(
    questions: Questions, checkpoint: Checkpoint, predict: Predict, place: Output | None, tell: Callable[..., None]
) -> Outcome:
    """Predict every text, in order, and write the table or tell each answer.

    Parameters
    ----------
    questions : Questions
        The texts.
    checkpoint : Checkpoint
        Its vocabulary and specification encode them.
    predict : (reviews) -> <float32>[reviews, classes]
        The model.
    place : Output or None
        Where the table goes; None tells each answer instead.
    tell : (text, probabilities, class_names) -> None
        Called for each text where there is no place.
    """
    outcome, classes = Outcome(), Classes.of(checkpoint.class_names, questions.labels, "--labels")
    with ExitStack() as stack:
        write = None
        if place is not None:
            from shared.tables import check_ending, table_writer

            fields = check_columns(questions.fields, checkpoint.class_names)
            temporary = stack.enter_context(place.written())
            write = stack.enter_context(table_writer(temporary, check_ending(place.path), fields))
        bar = stack.enter_context(progress_bar(desc="predicting", unit=" texts", leave=False))
        for some in _some_at_once(questions.rows):
            encoded = encode_texts([one.text for one in some], checkpoint.vocabulary, checkpoint.specification)
            probabilities = predict(encoded)  # [texts, classes]
            _count(outcome, encoded, probabilities, [one.label for one in some], classes)
            if write is not None:
                write(_columns(some, probabilities, checkpoint.class_names))
            else:
                for one, row in zip(some, probabilities, strict=True):
                    tell(one.text, row, checkpoint.class_names)
            bar.update(len(some))
        if write is not None and not outcome.coverage.texts:
            raise LockstepError("the input holds no texts")
    return outcome


def _some_at_once(rows: Iterator[Question]) -> Iterator[list[Question]]:
    some: list[Question] = []
    letters = 0
    for row in rows:
        some.append(row)
        letters += len(row.text)
        if len(some) >= TEXTS_AT_ONCE or letters > LETTERS_AT_ONCE:
            yield some
            some, letters = [], 0
    if some:
        yield some


def _count(
    outcome: Outcome, encoded: EncodedReviews, probabilities: np.ndarray, labels: list[str | None], classes: Classes
) -> None:
    outcome.coverage.add(encoded)
    for label, answer in zip(labels, probabilities.argmax(axis=1).tolist(), strict=True):
        if label is None or classes.is_not_known(label):
            outcome.hidden += label == NOT_KNOWN
            continue
        known = classes.find(label)
        if known is not None:
            outcome.labelled += 1
            outcome.right += known == answer
        elif outcome.foreign is None:
            outcome.foreign = label


def _columns(some: Sequence[Question], probabilities: np.ndarray, class_names: Sequence[str]) -> list[Sequence[Any]]:
    inputs = list(zip(*(one.values for one in some), strict=True))
    answers = [class_names[label] for label in probabilities.argmax(axis=1).tolist()]
    # The shortest decimal numbers that are these float32 again.
    shares = [[float(number) for number in column.astype(str)] for column in probabilities.astype(np.float32).T]
    return [*inputs, answers, *shares]
