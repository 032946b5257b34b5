"""Texts and labels that are given in memory: what is refused, and in which words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from shared.errors import LockstepError
from shared.specification import Specification

# Fields that have another name in scikit-learn.
CALLED = {"seed": "random_state", "class_weights": "class_weight"}
SHOWN = 5  # labels in a message


class InputError(LockstepError, ValueError):
    """What an estimator refuses: one line that says what to do. scikit-learn's tools know it as a ValueError."""


def pairs_of(X: Any, y: Any) -> tuple[list[str], np.ndarray]:  # noqa: N803
    """Return texts and their labels; see :func:`texts_of` and :func:`labels_of`.

    Raises
    ------
    InputError
        If they are of other lengths, or columns of a table with its rows in another order.
    """
    texts, labels = texts_of(X), labels_of(y)
    if len(texts) != len(labels):
        raise InputError(f"X has {len(texts):,} texts, y {len(labels):,} labels: inconsistent numbers of samples")
    rows = [one.index for one in (X, y) if hasattr(one, "iloc")]
    if len(rows) == 2 and not rows[0].equals(rows[1]) and rows[0].sort_values().equals(rows[1].sort_values()):
        raise InputError("X and y have the same index in another order; bring them into one, such as y.loc[X.index]")
    return texts, labels


def texts_of(X: Any) -> list[str]:  # noqa: N803
    """Return raw texts as a list.

    Parameters
    ----------
    X : sequence of str, of shape (n_texts,)
        A list, an array or a pandas Series.

    Raises
    ------
    InputError
        If it is something else, or one of them is no text.
    """
    texts = _listed("X", X, "a sequence of texts, such as a list, an array or a column of a table")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"X: number {place} is {text!r:.40} ({type(text).__name__}), which is no text")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InputError(f"X: number {place} is not UTF-8")
    return texts


def labels_of(y: Any) -> np.ndarray:
    """Return labels as an array of strings, whole numbers or bools.

    Raises
    ------
    InputError
        If one is missing, they are of several types, or they are no classes.
    """
    if y is None:
        raise InputError("y: requires y to be passed, but the target y is None; give a label for each text")
    is_column = getattr(y, "ndim", 1) == 2 and y.shape[1] == 1  # which counts, as in scikit-learn
    listed = _listed("y", column_or_1d(y, warn=True) if is_column else y, "a sequence of labels")
    kinds = set()
    for place, label in enumerate(listed):
        plain = label.item() if isinstance(label, np.generic) else label
        if plain is None or type(plain).__name__ == "NAType" or (isinstance(plain, float) and plain != plain):
            raise InputError(
                f"y: number {place} is {label!r}: Input contains NaN, and a text to train on needs a label"
            )
        if not isinstance(plain, (str, bool, int, float)):
            raise InputError(f"y: number {place} is {plain!r:.40}. Unknown label type: {type(plain).__name__}")
        kinds.add(next(kind for kind in (str, bool, int, float) if isinstance(plain, kind)).__name__)
    if len(kinds) > 1 and kinds != {"int", "float"}:
        raise InputError(f"y: has labels of several types ({', '.join(sorted(kinds))}); make them one")
    labels = np.array(listed, dtype=None if kinds != {"str"} else str)
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise InputError(f"y: {error}") from error
    return labels


def _listed(name: str, values: Any, wanted: str) -> list[Any]:
    if hasattr(values, "__array__") and not hasattr(values, "iloc"):
        values = np.asarray(values)
    wrong = isinstance(values, (str, bytes, Mapping, Set)) or not isinstance(values, Sized)
    if wrong or not hasattr(values, "__iter__"):
        raise InputError(f"{name}: is a {type(values).__name__}, expected {wanted}")
    if getattr(values, "ndim", 1) != 1:
        raise InputError(f"{name}: has {values.ndim} dimensions, expected {wanted}")
    if not len(values):
        raise InputError(f"{name}: found 0 sample(s), while a minimum of 1 is required: give some")
    return list(values)


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Say in the words of parameters what is said in those of flags: ``--batch-size`` is ``batch_size`` here."""
    try:
        yield
    except InputError:
        raise
    except LockstepError as error:
        raise InputError(_in_words_of_parameters(str(error))) from error


def _in_words_of_parameters(message: str) -> str:
    said = message
    for name in sorted(Specification.model_fields, key=len, reverse=True):
        if "_" in name or name in CALLED:
            said = re.sub(rf"(?<!\w){name.replace('_', '-')}(?=[:,; ])", CALLED.get(name, name), said)
    return re.sub(r"(?<!\S)--([a-z][a-z0-9_-]*)", lambda flag: flag[1].replace("-", "_"), said)


def shown(labels: Sequence[Any]) -> str:
    """Return some labels for a message."""
    more = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
    return ", ".join(f"{label!r:.40}" for label in labels[:SHOWN]) + more
