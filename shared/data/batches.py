"""Batches of like length: the same ones, in the same order, for all four frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.data.encoding import EncodedReviews
from shared.specification import Specification

# Reviews are sorted by length within runs of this many batches, so that a batch holds reviews of
# like length (little padding) but not always the same ones together.
BATCHES_SORTED_TOGETHER = 50

# Of prediction. Few reviews lie far apart in length, and are not padded to the longest of all: a batch
# of at least the smallest size ends where the reviews come to less than this share of its longest.
PREDICTION_BATCH_SIZE = 256
SMALLEST_BATCH_SIZE = 16
LIKE_LENGTH = 0.8

# Sets the generator of the words' masks apart from that of the features'.
WORDS = 1


@dataclass(frozen=True)
class Batch:
    """One training step's input.

    Attributes
    ----------
    tokens : <int32>[batch, time]
        Padded word ids.
    labels : <int64>[batch]
        Class of each review.
    masks : tuple of <float32> arrays
        What the pooled features are multiplied by, ``[batch, features]``: 0 or ``1 / (1 - dropout)``;
        and, with word dropout, what the words' vectors are, ``[batch, time, 1]``.
    """

    tokens: np.ndarray
    labels: np.ndarray
    masks: tuple[np.ndarray, ...]


class Batches:
    """All training batches of a run, as a function of (seed, epoch).

    Within an epoch every review comes once. Every batch has ``batch_size`` reviews except that the
    last may be smaller, so cutting :meth:`order` into pieces of ``batch_size`` gives the batches.

    Parameters
    ----------
    reviews : EncodedReviews
        Training reviews.
    specification : Specification
        ``batch_size``, ``batch_order``, ``seed``, ``dropout`` and the size of the pooled features.
    """

    def __init__(self, reviews: EncodedReviews, specification: Specification) -> None:
        self.reviews = reviews
        self.specification = specification
        self._orders: dict[int, np.ndarray] = {}  # of the epoch that is under way

    def __len__(self) -> int:
        return -(-len(self.reviews) // self.specification.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Return the rows of all reviews in the order of training, ``<int64>[reviews]``."""
        size = self.specification.batch_size
        generator = np.random.default_rng([self.specification.seed, epoch])
        shuffled = generator.permutation(len(self.reviews))
        if self.specification.batch_order == "shuffled":
            return shuffled
        lengths = self.reviews.lengths[shuffled]
        run = np.arange(len(shuffled)) // (size * BATCHES_SORTED_TOGETHER)
        by_length = shuffled[np.lexsort((lengths, run))]
        whole = len(by_length) // size
        batches = by_length[: whole * size].reshape(whole, size)
        return np.concatenate([generator.permutation(batches).reshape(-1), by_length[whole * size :]])

    def dropout_mask(self, epoch: int, number: int, reviews: int) -> np.ndarray:
        """Return the mask of one batch, ``<float32>[reviews, features]``."""
        rate = self.specification.dropout
        if rate == 0:
            return np.ones((reviews, self.specification.features), np.float32)
        generator = np.random.default_rng([self.specification.seed, epoch, number])
        kept = generator.random((reviews, self.specification.features), np.float32) >= rate
        return kept.astype(np.float32) / np.float32(1 - rate)

    def word_mask(self, epoch: int, number: int, tokens: np.ndarray) -> np.ndarray:
        """Return the mask of one batch's words, ``<float32>[batch, time, 1]``.

        A word is dropped wherever it stands in the batch (Gal & Ghahramani 2016, section 4.2).

        Parameters
        ----------
        epoch, number : int
            Of the batch.
        tokens : <int32>[batch, time]
            Its words.
        """
        rate = self.specification.word_dropout
        generator = np.random.default_rng([self.specification.seed, epoch, number, WORDS])
        kept = generator.random(self.specification.vocabulary_size, np.float32) >= rate  # [vocabulary]
        return (kept / np.float32(1 - rate)).astype(np.float32)[tokens, None]

    def masks(self, epoch: int, number: int, tokens: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return all masks of one batch (see `Batch`)."""
        mask = self.dropout_mask(epoch, number, len(tokens))
        return (mask, self.word_mask(epoch, number, tokens)) if self.specification.word_dropout else (mask,)

    def size(self, number: int) -> int:
        """Reviews in batch `number`."""
        size = self.specification.batch_size
        return min(size, len(self.reviews) - number * size)

    def rows(self, epoch: int, number: int) -> np.ndarray:
        """Return the rows of batch `number` of an epoch, ``<int64>[batch]``."""
        if epoch not in self._orders:
            self._orders = {epoch: self.order(epoch)}
        start = number * self.specification.batch_size
        return self._orders[epoch][start : start + self.size(number)]

    def tokens(self, epoch: int, number: int) -> np.ndarray:
        """Return only the tokens of batch `number`, ``<int32>[batch, time]``."""
        return self.reviews.padded(self.rows(epoch, number))

    def batch(self, epoch: int, number: int) -> Batch:
        """Return batch `number` of an epoch."""
        tokens, labels = self.tokens(epoch, number), self.reviews.labels[self.rows(epoch, number)]
        return Batch(tokens, labels.astype(np.int64), self.masks(epoch, number, tokens))

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch in order."""
        for number in range(len(self)):
            yield self.batch(epoch, number)


def prediction_batches(
    reviews: EncodedReviews, batch_size: int = PREDICTION_BATCH_SIZE, fixed_length: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and tokens for prediction, from long to short reviews.

    Parameters
    ----------
    reviews : EncodedReviews
        In any order; results are put back by the rows.
    batch_size : int
        Reviews at once.
    fixed_length : int, optional
        Pad to this many columns, for a model that takes no other; else to the batch's longest.

    Yields
    ------
    rows : <int64>[batch]
    tokens : <int32>[batch, time]
    """
    order = np.argsort(-reviews.lengths, kind="stable")
    while len(order):
        lengths = reviews.lengths[order[:batch_size]]
        alike = len(lengths) if fixed_length else np.count_nonzero(lengths >= LIKE_LENGTH * lengths[0])
        rows, order = np.split(order, [max(alike, min(batch_size, SMALLEST_BATCH_SIZE))])
        yield rows, reviews.padded(rows, fixed_length or 1)
