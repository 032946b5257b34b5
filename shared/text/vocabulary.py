"""The words that the models know, in order of frequency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from shared.errors import LockstepError
from shared.files import read_bytes, reading, save_text

PADDING_ID = 0
UNKNOWN_ID = 1
SPECIAL_WORDS = ("<pad>", "<unk>")

# Of a file that is read.
LARGEST_FILE = 200_000_000  # bytes
MOST_WORDS = 10_000_000


class Vocabulary:
    """Words and their ids: 0 is ``<pad>``, 1 is ``<unk>``, then words from frequent to rare.

    Parameters
    ----------
    words : sequence of str
        All words in the order of their ids, the two special words first.

    Raises
    ------
    LockstepError
        If the special words are missing or a word stands twice.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.ids = {word: number for number, word in enumerate(self.words)}
        if self.words[:2] != SPECIAL_WORDS:
            raise LockstepError(f"a vocabulary starts with {SPECIAL_WORDS}, this one with {self.words[:2]!r:.80}")
        if len(self.ids) != len(self.words):
            raise LockstepError("a word stands twice in the vocabulary")

    @classmethod
    def from_counts(cls, words: Sequence[str], counts: np.ndarray, size: int, minimum_count: int) -> Vocabulary:
        """Keep the most frequent words; words of equal count stand in alphabetical order.

        Parameters
        ----------
        words : sequence of str
            Distinct words.
        counts : <int64>[len(words)]
            How often each occurs in the training reviews.
        size : int
            Words in the vocabulary at most, the two special words included.
        minimum_count : int
            Rarer words are unknown words.
        """
        frequent = np.flatnonzero(counts >= max(1, minimum_count)).tolist()
        ranked = sorted(frequent, key=lambda number: (-counts[number], words[number]))
        return cls(SPECIAL_WORDS + tuple(words[number] for number in ranked[: size - len(SPECIAL_WORDS)]))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Ids of the tokens, ``<int32>[tokens]``; words outside the vocabulary are ``UNKNOWN_ID``."""
        find = self.ids.get
        return np.fromiter((find(token, UNKNOWN_ID) for token in tokens), dtype=np.int32)

    def save(self, path: Path) -> None:
        """Make a new file of one word a line, in UTF-8; line *n* (from 0) is the word with id *n*."""
        save_text(path, "".join(f"{word}\n" for word in self.words))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read what :meth:`save` wrote.

        Raises
        ------
        LockstepError
            If the file is missing or is not a vocabulary.
        """
        with reading(path, "a vocabulary"):
            content = read_bytes(path, "a vocabulary", LARGEST_FILE)
            if not content.endswith(b"\n"):
                raise LockstepError(f"{path}: not a whole vocabulary, its last line does not end")
            if content.count(b"\n") > MOST_WORDS:
                raise LockstepError(f"{path}: not a vocabulary, it has over {MOST_WORDS:,} lines")
            return cls(content.decode("utf-8").split("\n")[:-1])
