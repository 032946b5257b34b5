"""Batches of like length: the same ones, in the same order, for all four frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.data.encoded import EncodedReviews
from shared.specification import Specification

# Reviews are sorted by length within runs of this many batches, so that a batch holds reviews of
# like length (little padding) but not always the same ones together.
BATCHES_SORTED_TOGETHER = 50

# Of prediction. Few reviews lie far apart in length, and are not padded to the longest of all: a batch
# of at least the smallest size ends where the reviews come to less than this share of its longest.
PREDICTION_BATCH_SIZE = 256
SMALLEST_BATCH_SIZE = 16
LIKE_LENGTH = 0.8

# Which dropout a mask is of, and what sets its generator apart from the others'.
FEATURES, WORDS, CHANNELS, STATES = "features", "words", "channels", "states"
PLACES, NUMBERS = "places", "numbers"
GENERATORS = {FEATURES: (), WORDS: (1,), CHANNELS: (2,), STATES: (3,), PLACES: (4,), NUMBERS: (5,)}
# What the word vectors of a batch are multiplied by, in this order.
VECTOR_MASKS = (WORDS, CHANNELS, PLACES, NUMBERS)

Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class Batch:
    """One training step's input.

    Attributes
    ----------
    tokens : <int32>[batch, time]
        Padded word ids.
    labels : <int64>[batch]
        Class of each review.
    masks : dict of str to <float32> array
        What is multiplied by 0 or ``1 / (1 - rate)``: always the pooled ``features``, ``[batch, features]``; and,
        where the specification has such a dropout, the ``words``' vectors, ``[batch, time, 1]``, their
        ``channels``, ``[batch, 1, embedding]``, those at some ``places``, ``[batch, time, 1]``, single ``numbers`` of
        them, ``[batch, time, embedding]``, and the ``states`` that a step gets from the one before it,
        ``[batch, state_size]``: of every layer its directions side by side, in canonical order. What is left at
        ``places`` is multiplied by 1, as in Flair's WordDropout.
    """

    tokens: np.ndarray
    labels: np.ndarray
    masks: Masks


def _shuffled(generator: np.random.Generator, lengths: np.ndarray, size: int) -> np.ndarray:
    return generator.permutation(len(lengths))


def _like_length(generator: np.random.Generator, lengths: np.ndarray, size: int) -> np.ndarray:
    shuffled = generator.permutation(len(lengths))
    run = np.arange(len(shuffled)) // (size * BATCHES_SORTED_TOGETHER)
    by_length = shuffled[np.lexsort((lengths[shuffled], run))]
    whole = len(by_length) // size
    batches = by_length[: whole * size].reshape(whole, size)
    return np.concatenate([generator.permutation(batches).reshape(-1), by_length[whole * size :]])


def _sorted_dl(generator: np.random.Generator, lengths: np.ndarray, size: int) -> np.ndarray:
    """As ``SortedDL.shuffle_fn`` of fastai 2.8 does it: the longest review first, so that memory runs out at once."""
    shuffled = generator.permutation(len(lengths))
    longest = np.flatnonzero(shuffled == np.argmax(lengths))[:1]
    shuffled[:1], shuffled[longest] = shuffled[longest], shuffled[:1].copy()
    run = np.arange(len(shuffled)) // (size * BATCHES_SORTED_TOGETHER)
    by_length = shuffled[np.lexsort((-lengths[shuffled], run))]
    ends = -(-len(by_length) // size) * size - size  # where the last batch begins
    between = by_length[size : max(size, ends)].reshape(-1, size)
    return np.concatenate([by_length[:size], generator.permutation(between).reshape(-1), by_length[max(size, ends) :]])


ORDERS = {"like_length": _like_length, "shuffled": _shuffled, "sorted_dl": _sorted_dl}


class Batches:
    """All training batches of a run, as a function of (seed, epoch).

    Within an epoch every review comes once, but for those of a last batch that ``drop_last`` leaves out. Every batch
    has ``batch_size`` reviews except that the last may be smaller, so cutting :meth:`order` into pieces of
    ``batch_size`` gives the batches.

    Parameters
    ----------
    reviews : EncodedReviews
        Training reviews.
    specification : Specification
        ``batch_size``, ``batch_order``, ``drop_last``, ``seed``, the rates of dropout and the sizes of what is dropped.
    """

    def __init__(self, reviews: EncodedReviews, specification: Specification) -> None:
        self.reviews = reviews
        self.specification = specification
        self._orders: dict[int, np.ndarray] = {}  # of the epoch that is under way

    def __len__(self) -> int:
        return self.specification.batches_of(len(self.reviews))

    @property
    def epochs(self) -> int:
        """Passes over the reviews that the specification asks for."""
        return self.specification.epochs_of(len(self))

    def order(self, epoch: int) -> np.ndarray:
        """Return the rows in the order of training, ``<int64>[reviews]``, without those that are left out."""
        generator = np.random.default_rng([self.specification.seed, epoch])
        order = ORDERS[self.specification.batch_order](generator, self.reviews.lengths, self.specification.batch_size)
        return order[: len(self) * self.specification.batch_size]

    def masks(self, epoch: int, number: int, tokens: np.ndarray) -> Masks:
        """Return all masks of one batch (see `Batch`).

        A word is dropped wherever it stands in the batch, and a channel or a unit of the state in every step of a
        review (Gal & Ghahramani 2016, sections 4.1 and 4.2).

        Parameters
        ----------
        epoch, number : int
            Of the batch.
        tokens : <int32>[batch, time]
            Its words.
        """
        wanted, reviews = self.specification, len(tokens)

        def kept(name: str, rate: float, *shape: int) -> np.ndarray:
            if rate == 0:
                return np.ones(shape, np.float32)
            generator = np.random.default_rng([wanted.seed, epoch, number, *GENERATORS[name]])
            return (generator.random(shape, np.float32) >= rate).astype(np.float32) / np.float32(1 - rate)

        masks = {FEATURES: kept(FEATURES, wanted.dropout, reviews, wanted.features)}
        if wanted.word_dropout:
            masks[WORDS] = kept(WORDS, wanted.word_dropout, wanted.vocabulary_size)[tokens, None]
        if wanted.token_dropout:
            masks[PLACES] = np.sign(kept(PLACES, wanted.token_dropout, *tokens.shape, 1))
        if wanted.embedding_dropout:
            masks[NUMBERS] = kept(NUMBERS, wanted.embedding_dropout, *tokens.shape, wanted.embedding_size)
        if wanted.spatial_dropout:
            masks[CHANNELS] = kept(CHANNELS, wanted.spatial_dropout, reviews, 1, wanted.embedding_size)
        if wanted.recurrent_dropout:
            masks[STATES] = kept(STATES, wanted.recurrent_dropout, reviews, wanted.state_size)
        return masks

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

    def epoch(self, epoch: int, begun: int = 0) -> Iterator[Batch]:
        """Yield the batches of one epoch in order, but for the first ones that are done."""
        for number in range(begun, len(self)):
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


def class_weights(specification: Specification, labels: np.ndarray, classes: int) -> np.ndarray | None:
    """Return what each class's losses are multiplied by in training, or None where all count alike.

    Parameters
    ----------
    specification : Specification
        ``class_weights``: ``balanced`` gives every class the same share of the loss,
        ``reviews / (classes * reviews of the class)`` (King & Zeng 2001, as scikit-learn has it).
    labels : <int16>[reviews]
        Of the training reviews.
    classes : int
        Of the model.

    Returns
    -------
    <float32>[classes] or None
        0 for a class that no review has. The loss of a batch is the sum of the weighted losses, divided by the
        number of its reviews if it is their mean.
    """
    if specification.class_weights == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    weights = len(labels) / (present.sum() * np.maximum(counts, 1))
    return np.where(present, weights, 0).astype(np.float32)
