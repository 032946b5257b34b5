"""``predictions.parquet``: one schema, written and read here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shared.data.sources import CLASS_NAMES
from shared.errors import LockstepError
from shared.files import written_whole

SCHEMA = pa.schema(
    [
        pa.field("review_id", pa.string(), nullable=False),
        pa.field("label", pa.int8()),  # null where it is not known
        pa.field("prediction", pa.int8(), nullable=False),
        *(pa.field(f"probability_{name}", pa.float32(), nullable=False) for name in CLASS_NAMES),
    ]
)


class Reviewed(Protocol):
    """Reviews, in whatever form, of which predictions are made."""

    @property
    def review_ids(self) -> np.ndarray:
        """Unique ids, ``<str>[reviews]``."""

    @property
    def labels(self) -> np.ndarray:
        """Right classes, ``<int8>[reviews]``; -1 where not known."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of one model, in the order of the review ids.

    Attributes
    ----------
    review_ids : <str>[reviews]
        Sorted.
    labels : <int8>[reviews]
        -1 where not known.
    probabilities : <float32>[reviews, classes]
        Rows sum to 1.
    """

    review_ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, reviews: Reviewed, probabilities: np.ndarray) -> Predictions:
        """Put probabilities that came in the reviews' order into the order of their ids."""
        order = np.argsort(reviews.review_ids, kind="stable")
        return cls(reviews.review_ids[order], reviews.labels[order], probabilities[order])

    @property
    def classes(self) -> np.ndarray:
        """Most probable class of each review, ``<int8>[reviews]``."""
        return self.probabilities.argmax(axis=1).astype(np.int8)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write predictions in the one schema, whole or not at all."""
    columns = [
        pa.array(predictions.review_ids.tolist(), pa.string()),
        pa.array(predictions.labels, pa.int8(), mask=predictions.labels < 0),
        pa.array(predictions.classes, pa.int8()),
        *(pa.array(column, pa.float32()) for column in predictions.probabilities.T),
    ]
    with written_whole(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), temporary)


def read_predictions(path: Path) -> Predictions:
    """Read what :func:`write_predictions` wrote.

    Raises
    ------
    LockstepError
        If the file is missing, damaged or has another schema.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise LockstepError(f"{path}: cannot read predictions ({str(error).splitlines()[0]})") from error
    if not table.schema.equals(SCHEMA):
        raise LockstepError(f"{path}: its columns are not those of a predictions file")
    return Predictions(
        np.array(table["review_id"].to_pylist()),
        table["label"].fill_null(-1).to_numpy(),
        np.stack([table[f"probability_{name}"].to_numpy() for name in CLASS_NAMES], axis=1),
    )
