"""Yelp: whether a review of a business is for or against it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.data.reviews import Reading, Reviews, Texts
from shared.errors import LockstepError
from shared.tasks import EVERY, Preset, Task, named, need_path, read_as

SOURCE = "yelp"
NEEDS = (
    "yelp_academic_dataset_review.json of the Yelp Open Dataset "
    "(https://business.yelp.com/data/resources/open-dataset), or a CSV file of Yelp Review Polarity"
)
CLASS_NAMES = ("negative", "positive")
# The file of the open data set: a JSON object a line.
OPEN_COLUMNS = {"stars", "text"}
OPEN = {"text_column": "text", "label_column": "stars", "labels": "1,2=negative 4,5=positive"}
# The file of Zhang et al.: no header, a label, a text.
POLARITY: dict[str, Any] = {"header": False, "label_column": "1", "text_column": "2", "labels": "1=negative 2=positive"}


def load(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the user's file.

    Parameters
    ----------
    name : str
        ``yelp``.
    path : Path or None
        The file of the open data set, of whose stars 1 and 2 are negative, 4 and 5 positive, and 3 is left out; or the
        polarity CSV, without a header, whose 1 is negative and 2 positive. Its contents say which of them it is.
    reading : Reading
        What the user says otherwise.

    Raises
    ------
    LockstepError
        If there is no such file, or it is neither.
    """
    from shared.data.sources import load_file

    path = need_path(name, path, NEEDS)
    if _is_polarity(path, reading):
        return _with_line_breaks(named(load_file(path, read_as(reading, **POLARITY)), f"{name}:{path}"))
    return named(load_file(path, read_as(reading, **OPEN)), f"{name}:{path}")


def _is_polarity(path: Path, reading: Reading) -> bool:
    from shared.data.forms import open_table

    table = open_table(path, reading)
    if set(table.columns) >= OPEN_COLUMNS:
        return False
    first = table.header or next((row.values for row in table.rows), ())
    if len(first) == 2 and first[0] in ("1", "2"):
        return True
    raise LockstepError(f"{path}: is neither of what {SOURCE} reads, {NEEDS}; a file of your own needs no task")


def _with_line_breaks(reviews: Reviews) -> Reviews:
    r"""Return the reviews with line breaks where the polarity CSV has ``\n``, two characters."""
    import pyarrow.compute as pc

    assert isinstance(reviews.texts, Texts)
    parts = [pc.replace_substring(part, pattern="\\n", replacement="\n") for part in reviews.texts.parts]
    return replace(reviews, texts=Texts(parts, reviews.texts.rows))


# Nimesh Sinha (2018), "Understanding LSTM and its quick implementation in keras for sentiment analysis". Keras 1's
# dropout of an Embedding takes whole words, its dropout_W channels of their vectors, its dropout_U units of the state.
PUBLISHED: Preset = {
    EVERY: {
        "cleaning": "lower_case",
        "vocabulary_size": 2_500,
        "minimum_count": 1,
        "max_length": 1_000,
        "padding": "left",
        "vectors": "random",
        "embedding_size": 128,
        "hidden_size": 200,
        "pooling": "last",
        "dropout": 0.0,
        "word_dropout": 0.2,
        "spatial_dropout": 0.2,
        "recurrent_dropout": 0.2,
        "epochs": 1,
        "batch_size": 32,
        "batch_order": "shuffled",
        "learning_rate": 1e-3,
        "schedule": "constant",
        "epsilon_place": "before",
        "gradient_clipping": 0.0,
    },
    "lstm": {},
}

TASK = Task(
    name="yelp",
    title="reviews of businesses, negative or positive",
    sources={SOURCE: "the user's file of the Yelp Open Dataset or of Yelp Review Polarity, yelp:PATH"},
    load=load,
    classes=CLASS_NAMES,
    metric="accuracy",
    licence="Yelp Dataset Terms of Use: academic and personal use, no redistribution",
    citation="Yelp Open Dataset; Xiang Zhang, Junbo Zhao and Yann LeCun (2015), Character-level Convolutional Networks "
    "for Text Classification (polarity)",
    needs=NEEDS,
    presets={"published": PUBLISHED},
)
