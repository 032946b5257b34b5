"""Reviews as arrays of word ids, and new texts made into such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.data.account import LARGEST_UNKNOWN_SHARE
from shared.specification import Padding, Specification
from shared.terminal import counted
from shared.text import PADDING_ID, UNKNOWN_ID, Pipeline, Vocabulary, tokenize

# Of fewer words a share says little: a good review of five may have two that are rare.
FEWEST_WORDS = 100


@dataclass(frozen=True)
class EncodedReviews:
    """Reviews as word ids, cut to ``max_length`` when they are read.

    Attributes
    ----------
    review_ids : <object>[reviews]
        Stable ids, strings.
    labels : <int16>[reviews]
        Class of each review, -1 where it is not known.
    tokens : <int32>[total]
        Ids of all words of the whole corpus, review after review (memory-mapped).
    starts, sizes : <int64>[reviews]
        Where each review begins in `tokens`, and how many words it has.
    max_length : int
        Words of a review that are read.
    head : int
        Of these, how many from its beginning; the others are its last.
    padding : str
        ``masked``: right-padded to the longest of a batch, for a model that does not read padding.
        ``right`` or ``left``: padded there to ``max_length``, whatever the batch, for one that reads
        it as a word; so a score depends on ``max_length``, but not on the reviews beside it.
    """

    review_ids: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    max_length: int
    head: int
    padding: Padding = "masked"

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        """Words of each review that are read, ``<int64>[reviews]``; 0 for an empty review."""
        return np.minimum(self.sizes, self.max_length)

    def take(self, rows: np.ndarray) -> EncodedReviews:
        """Return the reviews of these rows; the words are not copied."""
        return replace(
            self,
            review_ids=self.review_ids[rows],
            labels=self.labels[rows],
            starts=self.starts[rows],
            sizes=self.sizes[rows],
        )

    def joined(self, *others: EncodedReviews) -> EncodedReviews:
        """Return these reviews and others of the same corpus after them; the words are not copied."""
        every = (self, *others)

        def of_all(name: str) -> np.ndarray:
            return np.concatenate([getattr(one, name) for one in every])

        return replace(
            self,
            review_ids=of_all("review_ids"),
            labels=of_all("labels"),
            starts=of_all("starts"),
            sizes=of_all("sizes"),
        )

    def padded(self, rows: np.ndarray, minimum_length: int = 1) -> np.ndarray:
        """Return the words of some reviews as one padded array.

        Parameters
        ----------
        rows : <int>[batch]
            Which reviews.
        minimum_length : int
            Pad to at least this many columns.

        Returns
        -------
        <int32>[batch, time]
            `time` is the longest of these reviews, or ``max_length`` where padding is read; padding
            is ``PADDING_ID``.
        """
        lengths = self.lengths[rows, None]  # [batch, 1]
        longest = lengths.max(initial=0) if self.padding == "masked" else self.max_length
        time = np.arange(max(minimum_length, longest))  # [time]
        word = time - (len(time) - lengths if self.padding == "left" else 0)  # [batch, time] or [time]
        skipped = np.where(word >= self.head, self.sizes[rows, None] - lengths, 0)  # [batch, time]
        real = (word >= 0) & (word < lengths)  # [batch, time]
        places = np.where(real, self.starts[rows, None] + word + skipped, 0)  # [batch, time]
        padded = np.full(real.shape, PADDING_ID, np.int32)
        padded[real] = self.tokens[places[real]]
        return padded

    def whole(self) -> Iterator[np.ndarray]:
        """Ids of each review's words, ``<int32>[size]``, also of those that are not read."""
        for start, size in zip(self.starts, self.sizes, strict=True):
            yield self.tokens[start : start + size]

    def words(self, row: int) -> np.ndarray:
        """Ids of one review's words that are read, ``<int32>[length]``, without padding."""
        return replace(self, padding="masked").padded(np.array([row]), 0)[0]


def count_unknown(reviews: EncodedReviews) -> np.ndarray:
    """Return how many words of each review are not in the vocabulary, ``<int64>[reviews]``, also of those not read."""
    return np.array([np.count_nonzero(words == UNKNOWN_ID) for words in reviews.whole()], np.int64)


@dataclass
class Coverage:
    """How much of some texts a model's vocabulary knows, counted some texts at a time.

    Attributes
    ----------
    texts, empty, strange : int
        All of them, those without a word, and those of whose words none is known.
    words, unknown : int
        Of all texts.
    """

    texts: int = 0
    empty: int = 0
    strange: int = 0
    words: int = 0
    unknown: int = 0

    def add(self, reviews: EncodedReviews) -> Coverage:
        """Count texts that are encoded for the model, and return itself."""
        unknown = count_unknown(reviews)
        self.texts += len(reviews)
        self.empty += int(np.count_nonzero(reviews.sizes == 0))
        self.strange += int(np.count_nonzero((unknown == reviews.sizes) & (unknown > 0)))
        self.words += int(reviews.sizes.sum())
        self.unknown += int(unknown.sum())
        return self

    def warnings(self) -> list[str]:
        """Return of which texts the answers say little, each a sentence."""
        found = []
        if self.empty:
            found.append(f"{counted(self.empty, 'text')} without a word: the answer is the model's for no input")
        if self.strange:
            found.append(f"{counted(self.strange, 'text')} without a word that the model knows: the answer is a guess")
        if self.words >= FEWEST_WORDS and self.unknown > LARGEST_UNKNOWN_SHARE * self.words:
            share = self.unknown / self.words
            found.append(f"{share:.0%} of the words are unknown to the model: it was trained on texts of another kind")
        return found


def head_tokens(specification: Specification) -> int:
    """How many of ``max_length`` words are read from the beginning of a longer review."""
    shares = {"head": 1.0, "tail": 0.0, "head_tail": 0.5}
    return int(specification.max_length * shares[specification.truncation])


def encode_texts(
    texts: Sequence[str],
    vocabulary: Vocabulary,
    specification: Specification,
    review_ids: Sequence[str] | None = None,
    labels: np.ndarray | None = None,
) -> EncodedReviews:
    """Encode new texts for prediction, exactly as the training reviews were encoded.

    Parameters
    ----------
    texts : sequence of str
        Raw reviews; an empty one has length 0.
    vocabulary : Vocabulary
        The checkpoint's.
    specification : Specification
        The checkpoint's: ``cleaning``, ``max_length``, ``truncation`` and ``padding``.
    review_ids : sequence of str, optional
        Default: ``review-000000`` and so on.
    labels : <int16>[reviews], optional
        Default: -1, not known.
    """
    clean = Pipeline.parse(specification.cleaning)
    encoded = [vocabulary.encode(tokenize(clean(text))) for text in texts]
    sizes = np.array([len(words) for words in encoded], np.int64)
    return EncodedReviews(
        as_array([f"review-{row:06d}" for row in range(len(texts))] if review_ids is None else review_ids),
        np.full(len(texts), -1, np.int16) if labels is None else labels,
        np.concatenate([*encoded, np.zeros(1, np.int32)]),
        np.cumsum(sizes) - sizes,
        sizes,
        specification.max_length,
        head_tokens(specification),
        specification.padding,
    )


def as_array(review_ids: Sequence[str]) -> np.ndarray:
    """Return ``<object>[reviews]``: an array of NumPy's own strings gives each the room of the longest."""
    return np.array(list(review_ids), object)
