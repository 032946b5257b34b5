"""Toxic comments: whether a comment on Wikipedia's talk pages is rude or hateful."""

from __future__ import annotations

from pathlib import Path

from shared.data.reviews import Reading, Reviews
from shared.tasks import EVERY, Preset, Task, named, need_path, read_as

SOURCE = "toxic-comments"
NEEDS = (
    "train.csv of Kaggle's Toxic Comment Classification Challenge "
    "(https://www.kaggle.com/c/jigsaw-toxic-comment-classification-challenge)"
)
CLASS_NAMES = ("clean", "toxic")


def load(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the user's file.

    Parameters
    ----------
    name : str
        ``toxic-comments``.
    path : Path or None
        Kaggle's CSV: ``id``, ``comment_text``, ``toxic`` and five kinds of toxicity, each 0 or 1.
    reading : Reading
        What the user says otherwise: ``--label-column threat`` learns that kind.

    Raises
    ------
    LockstepError
        If there is no such file, or it has other columns.
    """
    from shared.data.sources import load_file

    path = need_path(name, path, NEEDS)
    usual = {"text_column": "comment_text", "label_column": "toxic", "id_column": "id", "labels": "0=clean 1=toxic"}
    return named(load_file(path, read_as(reading, **usual)), f"{name}:{path}")


def load_unlabelled(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the comments of Kaggle's test.csv, or of another of its files; its parameters are those of `load`."""
    from shared.data.sources import load_unlabelled as load_from_path

    path = need_path(name, path, NEEDS)
    usual = {"text_column": "comment_text", "id_column": "id"}
    return named(load_from_path(str(path), read_as(reading, **usual)), f"{name}:{path}")


# Tanul Singh (2020), "Deep Learning For NLP: Zero To Transformers & BERT": 12,000 comments, which have 43,496 words.
# Keras' dropout of a recurrent layer takes channels of the word vectors, as its SpatialDropout1D does.
PUBLISHED: Preset = {
    EVERY: {
        "reviews": 12_000,
        "cleaning": "lower_case",
        "vocabulary_size": 50_000,
        "minimum_count": 1,
        "max_length": 1_500,
        "padding": "left",
        "vectors": "glove.840B.300d",
        "embedding_size": 300,
        "train_embedding": False,
        "pooling": "last",
        "dropout": 0.0,
        "head": "sigmoid",
        "epochs": 5,
        "batch_size": 64,
        "batch_order": "shuffled",
        "learning_rate": 1e-3,
        "schedule": "constant",
        "epsilon_place": "before",
        "gradient_clipping": 0.0,
    },
    "lstm": {"hidden_size": 100, "spatial_dropout": 0.3, "recurrent_dropout": 0.3},
    "gru": {"hidden_size": 300, "spatial_dropout": 0.3},
    "bilstm": {"hidden_size": 300, "spatial_dropout": 0.3, "recurrent_dropout": 0.3},
}

TASK = Task(
    name="toxic-comments",
    title="comments on Wikipedia's talk pages, clean or toxic",
    sources={SOURCE: "the user's file of Kaggle's challenge, toxic-comments:PATH"},
    load=load,
    load_unlabelled=load_unlabelled,
    classes=CLASS_NAMES,
    metric="roc_auc",
    licence="CC0 1.0 (labels); CC BY-SA 3.0 (comments, by Wikipedia's authors)",
    citation="Jigsaw and Conversation AI (2017), Toxic Comment Classification Challenge; Ellery Wulczyn, Nithum Thain "
    "and Lucas Dixon (2017), Ex Machina: Personal Attacks Seen at Scale",
    needs=NEEDS,
    presets={"published": PUBLISHED},
)
