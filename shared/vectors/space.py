"""Words as points: nearest neighbours and analogies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.errors import LockstepError


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, usually from the most frequent word to the rarest.

    Attributes
    ----------
    words : tuple of str
        Distinct.
    vectors : <float32>[words, embedding_size]
        Row by row in their order.
    """

    words: tuple[str, ...]
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def unit(self) -> np.ndarray:
        """The vectors at length 1, ``<float32>[words, embedding_size]``; a zero vector stays zero."""
        return unit(self.vectors)

    def find(self, word: str) -> int | None:
        """The row of a word, or else of its lower case, or None: many tables know lower case only."""
        return self.rows.get(word, self.rows.get(word.lower()))

    def row(self, word: str) -> int:
        """The row of a word as :meth:`find` has it.

        Raises
        ------
        LockstepError
            If it has none.
        """
        row = self.find(word)
        if row is None:
            raise LockstepError(f"no vector for the word {word!r} among {len(self):,} words")
        return row

    def neighbours(self, word: str, count: int = 10) -> list[tuple[str, float]]:
        """The words nearest to a word, without itself, and their cosines.

        Raises
        ------
        LockstepError
            If the word has no vector.
        """
        row = self.row(word)
        return self._nearest(self.unit[row], [row], count)

    def analogy(self, first: str, second: str, third: str, count: int = 10) -> list[tuple[str, float]]:
        """Answer "`first` is to `second` as `third` is to …" by 3CosAdd.

        Parameters
        ----------
        first, second, third : str
            As in ``man king woman``. None of the three is an answer: the nearest word to
            king - man + woman is king itself more often than not.
        count : int
            Answers, best first.

        Returns
        -------
        list of (str, float)
            Words and the cosine of each to ``second - first + third``, all three at length 1
            (Mikolov et al. 2013; the name is Levy & Goldberg's, 2014).

        Raises
        ------
        LockstepError
            If a word has no vector.
        """
        rows = [self.row(word) for word in (first, second, third)]
        return self._nearest(unit(three_cos_add(self.unit, np.array([rows])))[0], rows, count)

    def _nearest(self, vector: np.ndarray, excluded: list[int], count: int) -> list[tuple[str, float]]:
        cosines = self.unit @ vector
        cosines[excluded] = -np.inf
        count = min(count, len(self) - len(set(excluded)))
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(self.words[row], float(cosines[row])) for row in best]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale each row to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


def three_cos_add(vectors: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """The points where the answers of analogies should lie.

    Parameters
    ----------
    vectors : <float>[words, embedding_size]
        At length 1.
    questions : <int>[questions, 3]
        Rows of first, second and third.

    Returns
    -------
    <float>[questions, embedding_size]
        second - first + third.
    """
    first, second, third = questions.T
    return vectors[second] - vectors[first] + vectors[third]
