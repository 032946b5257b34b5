"""Texts that word vectors may be trained on: never a test review."""

from __future__ import annotations

from pathlib import Path
from sys import intern

import numpy as np
from tqdm import tqdm

from shared.data.sources import load_reviews, load_table
from shared.data.splits import TEST, sample, split
from shared.errors import LockstepError
from shared.specification import Specification
from shared.text import clean, tokenize


def training_texts(
    specification: Specification, unlabelled: Path | None = None, progress: bool = False
) -> list[list[str]]:
    """Return the words of the training and validation reviews, and of another file's texts.

    Parameters
    ----------
    specification : Specification
        Its data fields; the split is the one that a classifier with these fields gets.
    unlabelled : Path, optional
        A text file with one text a line, or a ``.csv`` or ``.parquet`` file with a text column.
    progress : bool
        Show a bar.

    Returns
    -------
    list of lists of str
        Words of each text. A text whose words are those of a test review is left out, wherever it
        stands.

    Raises
    ------
    LockstepError
        If a source cannot be read.
    """
    reviews = sample(load_reviews(specification.data), specification.reviews, specification.split_seed)
    sides = split(reviews, specification)
    test = {tuple(words_of(reviews.texts[row])) for row in np.flatnonzero(sides == TEST)}
    texts = [reviews.texts[row] for row in np.flatnonzero(sides != TEST)]
    if unlabelled:
        texts += read_unlabelled(unlabelled)
    shown = tqdm(texts, "words", unit=" texts", disable=not progress, leave=False)
    return [words for words in map(words_of, shown) if tuple(words) not in test]


def read_unlabelled(path: Path) -> list[str]:
    """Read texts without labels: one a line, or a table's text column.

    Raises
    ------
    LockstepError
        If the file cannot be read or holds no text.
    """
    if path.suffix in (".csv", ".parquet"):
        return load_table(path, labelled=False).texts
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise LockstepError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    except OSError as error:
        raise LockstepError(f"{path}: cannot be read ({error.strerror})") from error
    if not any(text.strip() for text in texts):
        raise LockstepError(f"{path}: holds no text")
    return texts


def words_of(text: str) -> list[str]:
    """Words of a text, as the classifier reads them; in memory, each word stands once."""
    return list(map(intern, tokenize(clean(text))))
