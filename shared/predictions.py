"""``predictions.parquet``: one form, written and read here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shared.errors import LockstepError
from shared.files import check_regular, reading

PROBABILITY = "probability_"
REVIEW_ID = pa.field("review_id", pa.string(), nullable=False)
FIRST_FIELDS = 3
# Rows of probabilities are a float32 softmax, or a pool of some: they sum to 1 but for rounding.
SUM_TOLERANCE = 1e-3
LARGEST_ID = 1_000  # characters
# Every row has an id of its own, which takes more than that.
ROWS_A_BYTE = 50


def schema_of(class_names: Sequence[str]) -> pa.Schema:
    """Return the columns of a predictions file of these classes; labels are as small as their number allows."""
    label = pa.int8() if len(class_names) <= np.iinfo(np.int8).max else pa.int16()
    return pa.schema(
        [
            REVIEW_ID,
            pa.field("label", label),  # null where it is not known
            pa.field("prediction", label, nullable=False),
            *(pa.field(f"{PROBABILITY}{name}", pa.float32(), nullable=False) for name in class_names),
        ]
    )


class Reviewed(Protocol):
    """Reviews, in whatever form, of which predictions are made."""

    @property
    def review_ids(self) -> np.ndarray:
        """Unique ids, ``<str>[reviews]``."""

    @property
    def labels(self) -> np.ndarray:
        """Right classes, ``<int16>[reviews]``; -1 where not known."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of one model, in the order of the review ids; nothing else can be made.

    Attributes
    ----------
    review_ids : <object>[reviews]
        Strings, sorted, each once.
    labels : <int16>[reviews]
        -1 where not known.
    probabilities : <float32>[reviews, classes]
        Between 0 and 1; rows sum to 1.
    class_names : tuple of str
        By label.

    Raises
    ------
    LockstepError
        If the arrays say something else.
    """

    review_ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        rows, classes = len(self.review_ids), len(self.class_names)
        if self.probabilities.shape != (rows, classes) or self.labels.shape != (rows,):
            shapes = f"{list(self.probabilities.shape)} probabilities, {len(self.labels)} labels"
            raise LockstepError(f"{rows} reviews and {classes} classes do not fit {shapes}")
        # Written so that NaN, of which every comparison is false, is refused.
        between = ((self.probabilities >= 0) & (self.probabilities <= 1)).all(axis=1)  # [reviews]
        whole = np.abs(self.probabilities.sum(axis=1) - 1) <= SUM_TOLERANCE  # [reviews]
        self._refuse(
            np.logical_not(between & whole), "has probabilities that are not between 0 and 1 or do not sum to 1"
        )
        self._refuse((self.labels < -1) | (self.labels >= classes), f"has a label that is none of {classes} classes")
        ids = self.review_ids
        if not all(isinstance(one, str) and len(one) <= LARGEST_ID for one in ids.tolist()):
            raise LockstepError(f"a review id is no text of at most {LARGEST_ID} characters")
        self._refuse(np.array([False, *(ids[1:] <= ids[:-1])]), "stands twice, or is not in the order of the ids")

    def _refuse(self, wrong: np.ndarray, what: str) -> None:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise LockstepError(f"review {self.review_ids[row]!r} {what}")

    @classmethod
    def of(cls, reviews: Reviewed, probabilities: np.ndarray, class_names: tuple[str, ...]) -> Predictions:
        """Put probabilities that came in the reviews' order into the order of their ids."""
        ids = np.array(reviews.review_ids, object)
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], reviews.labels[order], probabilities[order], class_names)

    @property
    def classes(self) -> np.ndarray:
        """Most probable class of each review, ``<int16>[reviews]``."""
        return self.probabilities.argmax(axis=1).astype(np.int16)


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Make a new file of predictions."""
    schema = schema_of(predictions.class_names)
    columns = [
        pa.array(predictions.review_ids.tolist(), pa.string()),
        pa.array(predictions.labels, schema.field("label").type, mask=predictions.labels < 0),
        pa.array(predictions.classes, schema.field("prediction").type),
        *(pa.array(column, pa.float32()) for column in predictions.probabilities.T),
    ]
    with path.open("xb") as file:  # a path need not be UTF-8, as pyarrow wants it
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), file)


def _read_table(path: Path) -> pa.Table:
    """Read a table whose rows and ids are bounded, before they take memory, by the size of the file."""
    file = pq.ParquetFile(pa.BufferReader(path.read_bytes()), read_dictionary=["review_id"])
    rows, size = file.metadata.num_rows, path.stat().st_size
    if rows > ROWS_A_BYTE * size:
        raise LockstepError(f"{path}: claims {rows:,} rows in {size:,} bytes")
    table = file.read(use_threads=False)  # of a damaged file, Arrow's threads outlive what they read: a crash
    ids = table.schema.get_field_index("review_id")
    if ids >= 0 and pa.types.is_dictionary(table.schema.field(ids).type):
        for chunk in table.column(ids).chunks:
            if (pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0) > 4 * LARGEST_ID:
                raise LockstepError(f"{path}: a review id is longer than {LARGEST_ID} characters")
        table = table.set_column(ids, REVIEW_ID, table.column(ids).cast(pa.string()))
    return table


def read_predictions(path: Path) -> Predictions:
    """Read what :func:`save_predictions` wrote, and check that it means what it should.

    Raises
    ------
    LockstepError
        If the file is missing, damaged or has other columns; if a probability, a label or an id cannot be
        one; if a prediction is not the most probable class.
    """
    with reading(path, "a predictions file", "take the predictions of a run, or make some with lockstep label"):
        check_regular(path)
        table = _read_table(path)
        names = [field.name.removeprefix(PROBABILITY) for field in list(table.schema)[FIRST_FIELDS:]]
        if not table.schema.equals(schema_of(names)) or not names or len(set(names)) < len(names):
            raise LockstepError(f"{path}: its columns are not those of a predictions file")
        found = Predictions(
            np.array(table["review_id"].to_pylist(), object),
            table["label"].fill_null(-1).to_numpy().astype(np.int16),
            np.stack([table[f"{PROBABILITY}{name}"].to_numpy() for name in names], axis=1),
            tuple(names),
        )
        if not np.array_equal(table["prediction"].to_numpy(), found.classes):
            raise LockstepError(f"{path}: a prediction is not the class with the highest probability")
    return found
