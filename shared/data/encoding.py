"""Reviews as arrays of word ids: made once, cached by content, memory-mapped by every process."""

from __future__ import annotations

import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.data.sources import CLASS_NAMES, Reviews, load_reviews, load_unlabelled
from shared.data.splits import SPLITS, TEST, TRAIN, UNLABELLED, VALIDATION, sample, split
from shared.errors import LockstepError
from shared.files import cached, digest
from shared.predictions import read_predictions
from shared.specification import Padding, Specification
from shared.terminal import say
from shared.text import PADDING_ID, Pipeline, Vocabulary, tokenize
from shared.text.tokens import TEXT_RULES_VERSION


@dataclass(frozen=True)
class EncodedReviews:
    """Reviews as word ids, cut to ``max_length`` when they are read.

    Attributes
    ----------
    review_ids : <object>[reviews]
        Stable ids, strings.
    labels : <int8>[reviews]
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


@dataclass(frozen=True)
class Corpus:
    """A data set, split and encoded.

    Attributes
    ----------
    source : str
        What ``--data`` named.
    fingerprint : str
        Hash of ids, texts, labels and split: equal for two runs only if their data were equal.
    texts_fingerprint : str
        The same without pseudo-labels; what is learnt from the texts alone depends on this.
    vocabulary : Vocabulary
        Built from the training reviews and those without labels.
    train, validation, test : EncodedReviews
        The three sides.
    unlabelled : EncodedReviews
        Reviews without labels, whose text is none of the test reviews'.
    texts : tuple of list of str
        Raw texts of the four, in the same order.
    """

    source: str
    fingerprint: str
    texts_fingerprint: str
    vocabulary: Vocabulary
    train: EncodedReviews
    validation: EncodedReviews
    test: EncodedReviews
    unlabelled: EncodedReviews
    texts: tuple[list[str], ...]

    @property
    def outside_test(self) -> EncodedReviews:
        """Every review but those of the test set, once, in the order of the source."""
        sides = (self.train, self.validation, self.unlabelled)
        starts, first = np.unique(np.concatenate([side.starts for side in sides]), return_index=True)

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(side, name) for side in sides])[first]

        return replace(
            self.train,
            review_ids=joined("review_ids"),
            labels=joined("labels"),
            starts=starts,
            sizes=joined("sizes"),
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return CLASS_NAMES


def head_tokens(specification: Specification) -> int:
    """How many of ``max_length`` words are read from the beginning of a longer review."""
    shares = {"head": 1.0, "tail": 0.0, "head_tail": 0.5}
    return int(specification.max_length * shares[specification.truncation])


def load_corpus(specification: Specification, progress: bool = False) -> Corpus:
    """Load, split and encode the reviews that a specification names.

    Parameters
    ----------
    specification : Specification
        The data and text fields are used.
    progress : bool
        Show a bar while reviews are encoded (not when they come from the cache).

    Raises
    ------
    LockstepError
        If the source cannot be read or is too small to be split.
    """
    reviews = sample(load_reviews(specification.data), specification.reviews, specification.split_seed)
    sides = split(reviews, specification)
    if specification.unlabelled != "none":
        reviews, sides = _with_unlabelled(reviews, sides, load_unlabelled(specification.unlabelled))
    fingerprint = digest(*reviews.review_ids, *reviews.texts, reviews.labels.tobytes(), sides.tobytes())
    # Letters and lower case are what this Python's tables of Unicode say.
    rules = (TEXT_RULES_VERSION, unicodedata.unidata_version)
    words = (specification.cleaning, specification.vocabulary_size, specification.minimum_count)

    def make(directory: Path) -> None:
        _encode_corpus(directory, reviews.texts, (sides == TRAIN) | (sides == UNLABELLED), specification, progress)

    encoded = cached("encoded", digest(fingerprint, repr((rules, words))), make)
    boundaries = np.load(encoded / "boundaries.npy")
    everything = EncodedReviews(
        _as_array(reviews.review_ids),
        reviews.labels,
        np.load(encoded / "tokens.npy", mmap_mode="r"),
        boundaries[:-1],
        np.diff(boundaries),
        specification.max_length,
        head_tokens(specification),
        specification.padding,
    )
    rows = [np.flatnonzero(sides == side) for side in (TRAIN, VALIDATION, TEST, UNLABELLED)]
    texts_fingerprint = fingerprint
    if specification.pseudo_labels != "none":
        everything, learnt = _pseudo_labelled(everything, rows[UNLABELLED], specification)
        rows[TRAIN] = np.concatenate([rows[TRAIN], learnt])
        fingerprint = digest(fingerprint, everything.labels.tobytes())
    train, validation, test, unlabelled = (everything.take(chosen) for chosen in rows)
    return Corpus(
        reviews.source,
        fingerprint,
        texts_fingerprint,
        Vocabulary.read(encoded / "vocabulary.txt"),
        train,
        validation,
        test,
        unlabelled,
        tuple([reviews.texts[row] for row in chosen.tolist()] for chosen in rows),
    )


def _as_array(review_ids: Sequence[str]) -> np.ndarray:
    """Return ``<object>[reviews]``: an array of NumPy's own strings gives each the room of the longest."""
    return np.array(review_ids, object)


def _pseudo_labelled(
    everything: EncodedReviews, unlabelled: np.ndarray, specification: Specification
) -> tuple[EncodedReviews, np.ndarray]:
    """Draw labels from predicted probabilities; return all reviews with them, and the rows that got one.

    A drawn label's expected cross-entropy is that of the probabilities themselves, so this is
    distillation (Hinton et al. 2015) that every framework's loss can do as it is.
    """
    path = Path(specification.pseudo_labels)
    predictions = read_predictions(path)
    if predictions.class_names != CLASS_NAMES:
        raise LockstepError(f"{path}: its classes are {predictions.class_names}, not {CLASS_NAMES}")
    places = {review_id: place for place, review_id in enumerate(predictions.review_ids.tolist())}
    found = np.array([places.get(review_id, -1) for review_id in everything.review_ids[unlabelled].tolist()], np.int64)
    learnt = unlabelled[found >= 0]
    if not len(learnt):
        raise LockstepError(f"{path}: has a prediction for none of the unlabelled reviews")
    others = len(places) - len(learnt)
    if len(learnt) < len(unlabelled) or others:
        say(
            f"{path}: {len(learnt):,} of {len(unlabelled):,} unlabelled reviews get a label; "
            f"{others:,} of its predictions are of other reviews",
            aside=True,
        )
    probabilities = predictions.probabilities[found[found >= 0], 1]
    drawn = np.random.default_rng([specification.split_seed, len(learnt)]).random(len(learnt)) < probabilities
    labels = everything.labels.copy()
    labels[learnt] = drawn
    return replace(everything, labels=labels), learnt


def _with_unlabelled(reviews: Reviews, sides: np.ndarray, unlabelled: Reviews) -> tuple[Reviews, np.ndarray]:
    """Append the reviews without labels; a text that is tested on is not learnt from."""
    tested = {reviews.texts[row] for row in np.flatnonzero(sides == TEST)}
    known = set(reviews.review_ids)
    ids = [f"unlabelled/{name}" if name in known else name for name in unlabelled.review_ids]
    rows = [row for row, text in enumerate(unlabelled.texts) if text not in tested]
    added = replace(unlabelled, review_ids=ids).take(np.array(rows, np.int64))
    both = replace(
        reviews,
        review_ids=reviews.review_ids + added.review_ids,
        texts=reviews.texts + added.texts,
        labels=np.concatenate([reviews.labels, added.labels]),
    )
    return both, np.concatenate([sides, np.full(len(added), UNLABELLED, np.int8)])


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
    labels : <int8>[reviews], optional
        Default: -1, not known.
    """
    clean = Pipeline.parse(specification.cleaning)
    encoded = [vocabulary.encode(tokenize(clean(text))) for text in texts]
    sizes = np.array([len(words) for words in encoded], np.int64)
    return EncodedReviews(
        _as_array([f"review-{row:06d}" for row in range(len(texts))] if review_ids is None else review_ids),
        np.full(len(texts), -1, np.int8) if labels is None else labels,
        np.concatenate([*encoded, np.zeros(1, np.int32)]),
        np.cumsum(sizes) - sizes,
        sizes,
        specification.max_length,
        head_tokens(specification),
        specification.padding,
    )


def _encode_corpus(
    directory: Path, texts: Sequence[str], counted: np.ndarray, specification: Specification, progress: bool
) -> None:
    """Save ids, boundaries and the vocabulary of the reviews that are counted, ``<bool>[reviews]``."""
    clean = Pipeline.parse(specification.cleaning)
    provisional: defaultdict[str, int] = defaultdict(lambda: len(provisional))  # in order of first sight
    seen = array("i")
    sizes = np.zeros(len(texts), np.int64)
    for row, text in enumerate(tqdm(texts, "encoding", unit=" reviews", disable=not progress, leave=False)):
        tokens = tokenize(clean(text))
        seen.extend(map(provisional.__getitem__, tokens))
        sizes[row] = len(tokens)
    flat = np.frombuffer(seen, np.int32) if seen else np.zeros(0, np.int32)
    words = list(provisional)
    counts = np.bincount(flat[np.repeat(counted, sizes)], minlength=len(words))
    vocabulary = Vocabulary.from_counts(words, counts, specification.vocabulary_size, specification.minimum_count)
    vocabulary.save(directory / "vocabulary.txt")
    # One id more than there are words, so that the array is never empty and can be mapped.
    np.save(directory / "tokens.npy", np.append(vocabulary.encode(words)[flat], np.int32(PADDING_ID)))
    np.save(directory / "boundaries.npy", np.concatenate([[0], np.cumsum(sizes)]))


def describe_sizes(corpus: Corpus) -> dict[str, int]:
    """Number of reviews in each split, by its name; those without labels where there are some."""
    sizes = {name: len(side) for name, side in zip(SPLITS, (corpus.train, corpus.validation, corpus.test), strict=True)}
    return {**sizes, "unlabelled": len(corpus.unlabelled)} if len(corpus.unlabelled) else sizes
