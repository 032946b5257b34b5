"""A data set, read, split and encoded: what a model is trained and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from shared.data.account import Account
from shared.data.encoded import EncodedReviews, as_array, count_unknown, head_tokens
from shared.data.encoding import Encoded, encode, encode_in_memory
from shared.data.groups import hashes_of
from shared.data.reviews import SPLITS, TEST, TRAIN, UNLABELLED, VALIDATION, Reading, Reviews, taken
from shared.data.sources import load_reviews, load_unlabelled
from shared.data.splits import sample, split
from shared.errors import LockstepError
from shared.files import digest_of
from shared.specification import Specification
from shared.text import Vocabulary


@dataclass(frozen=True)
class Corpus:
    """A data set, split and encoded.

    Attributes
    ----------
    source : str
        What ``--data`` named.
    fingerprint : str
        Hash of ids, texts, labels, classes and split: equal for two runs only if their data were equal.
    texts_fingerprint : str
        The same without pseudo-labels; what is learnt from the texts alone depends on this.
    class_names : tuple of str
        By label.
    vocabulary : Vocabulary
        Built from the training reviews and those without labels.
    train, validation, test : EncodedReviews
        The three splits.
    unlabelled : EncodedReviews
        Reviews without labels, whose text is none of the test reviews'.
    texts : tuple of sequence of str
        Raw texts of the four, in the same order; of a large file they are read from the disk when they are asked for.
    accounts : tuple of Account
        Of every source that was read.
    """

    source: str
    fingerprint: str
    texts_fingerprint: str
    class_names: tuple[str, ...]
    vocabulary: Vocabulary
    train: EncodedReviews
    validation: EncodedReviews
    test: EncodedReviews
    unlabelled: EncodedReviews
    texts: tuple[Sequence[str], ...]
    accounts: tuple[Account, ...]

    @property
    def outside_test(self) -> EncodedReviews:
        """Every review but those of the test set, once, in the order of the source."""
        every = self.train.joined(self.validation, self.unlabelled)
        return every.take(np.unique(every.starts, return_index=True)[1])


def read_and_split(specification: Specification) -> tuple[Reviews, np.ndarray, tuple[Account, ...]]:
    """Read the labelled reviews that a specification names, and say which split each is in.

    Parameters
    ----------
    specification : Specification
        Its data fields.

    Returns
    -------
    reviews : Reviews
        Of ``data``, ``test_data`` and ``validation_data``.
    splits : <int8>[reviews]
        `TRAIN`, `VALIDATION` or `TEST`.
    accounts : tuple of Account
        Of what was read.

    Raises
    ------
    LockstepError
        If a source cannot be read or is too small to be split.
    """
    reading = Reading.of(specification)
    reviews = load_reviews(specification.data, reading)
    accounts = [reviews.account]
    for name, which in (("test_data", TEST), ("validation_data", VALIDATION)):
        if getattr(specification, name) != "none":
            held_out = load_reviews(getattr(specification, name), reading, reviews.class_names)
            held_out = _own_part(held_out, which, name.replace("_", "-"))
            accounts.append(held_out.account)
            reviews = _with_held_out(reviews, held_out, which, name.replace("_", "-"))
    reviews = sample(reviews, specification.reviews, specification.split_seed)
    splits = split(reviews, specification)
    found = [one for one in accounts if one is not None]
    if found and reviews.official is not None:
        found[0] = found[0].model_copy(update={"also_trained_on": _also_trained_on(reviews, splits)})
    return reviews, splits, tuple(found)


def read_corpus(specification: Specification, progress: bool = False) -> Corpus:
    """Read, split and encode the reviews that a specification names; pseudo-labels are left to `shared.loading`.

    Parameters
    ----------
    specification : Specification
        The data and text fields are used.
    progress : bool
        Show a bar while reviews are encoded (not when they come from the cache).

    Raises
    ------
    LockstepError
        If a source cannot be read or is too small to be split.
    """
    reviews, splits, accounts = read_and_split(specification)
    if specification.unlabelled != "none":
        others = load_unlabelled(specification.unlabelled, Reading.of(specification))
        accounts += () if others.account is None else (others.account,)
        reviews, splits = _with_unlabelled(reviews, splits, others)
    fingerprint = _fingerprint(reviews, splits)
    encoded = encode(reviews.texts, _counted(splits), fingerprint, specification, progress)
    return _put_together(reviews, splits, accounts, encoded, fingerprint, specification)


def corpus_of(reviews: Reviews, specification: Specification, vocabulary: Vocabulary | None = None) -> Corpus:
    """Split and encode labelled texts that are in memory, as :func:`read_corpus` does those of a source.

    Nothing is held out for testing, and nothing of the texts is kept in the cache.

    Parameters
    ----------
    reviews : Reviews
        All of them have a label.
    specification : Specification
        ``validation_fraction``, ``split_seed`` and the text fields are used.
    vocabulary : Vocabulary, optional
        Of a model that is trained on; a new one is made of the training texts otherwise.

    Raises
    ------
    LockstepError
        If they are too few to be split.
    """
    splits = split(reviews, specification, held_out=(VALIDATION,))
    encoded = encode_in_memory(reviews.texts, _counted(splits), specification, vocabulary)
    accounts = () if reviews.account is None else (reviews.account,)
    return _put_together(reviews, splits, accounts, encoded, _fingerprint(reviews, splits), specification)


def _counted(splits: np.ndarray) -> np.ndarray:
    """Which texts the vocabulary is made of, ``<bool>[reviews]``."""
    return (splits == TRAIN) | (splits == UNLABELLED)


def _put_together(
    reviews: Reviews,
    splits: np.ndarray,
    accounts: tuple[Account, ...],
    encoded: Encoded,
    fingerprint: str,
    specification: Specification,
) -> Corpus:
    everything = EncodedReviews(
        as_array(reviews.review_ids),
        reviews.labels,
        encoded.tokens,
        encoded.boundaries[:-1],
        np.diff(encoded.boundaries),
        specification.max_length,
        head_tokens(specification),
        specification.padding,
    )
    rows = [np.flatnonzero(splits == one) for one in (TRAIN, VALIDATION, TEST, UNLABELLED)]
    if accounts:
        held_out = everything.take(np.concatenate(rows[1:3]))
        shares = {"lost_share": encoded.lost_share, "unknown_share": _unknown_share(held_out)}
        accounts = (accounts[0].model_copy(update=shares), *accounts[1:])
    train, validation, test, unlabelled = (everything.take(chosen) for chosen in rows)
    return Corpus(
        reviews.source,
        fingerprint,
        fingerprint,
        reviews.class_names,
        encoded.vocabulary,
        train,
        validation,
        test,
        unlabelled,
        tuple(taken(reviews.texts, chosen) for chosen in rows),
        accounts,
    )


def describe_sizes(corpus: Corpus) -> dict[str, int]:
    """Number of reviews in each split, by its name; those without labels where there are some."""
    parts = (corpus.train, corpus.validation, corpus.test)
    sizes = {name: len(part) for name, part in zip(SPLITS, parts, strict=True)}
    return {**sizes, "unlabelled": len(corpus.unlabelled)} if len(corpus.unlabelled) else sizes


def _fingerprint(reviews: Reviews, splits: np.ndarray) -> str:
    numbers = (reviews.labels.tobytes(), splits.tobytes())
    return digest_of(chain(reviews.review_ids, reviews.texts, reviews.class_names, numbers))


def _unknown_share(reviews: EncodedReviews) -> float:
    """Share of unknown words among those of reviews that the vocabulary was not made of."""
    return int(count_unknown(reviews).sum()) / max(1, int(reviews.sizes.sum()))


def _own_part(held_out: Reviews, which: int, name: str) -> Reviews:
    """Of reviews that say their own split, take those of the split that is asked for."""
    if held_out.official is None or (held_out.official == which).all():
        return held_out
    part = held_out.take(np.flatnonzero(held_out.official == which))
    if not len(part):
        raise LockstepError(
            f"--{name} {held_out.source}: says its own split and has no {SPLITS[which]} texts; "
            "name a file of these alone, or pass --split-column none"
        )
    left_out = f"that its own split does not call {SPLITS[which]}"
    if part.account is None:
        return part
    counts = np.bincount(part.labels, minlength=len(part.class_names)).tolist()
    account = part.account.model_copy(
        update={
            "used": len(part),
            "left_out": {**part.account.left_out, left_out: len(held_out) - len(part)},
            "classes": dict(zip(part.class_names, counts, strict=True)),
        }
    )
    return replace(part, account=account)


def _also_trained_on(reviews: Reviews, splits: np.ndarray) -> int:
    """Count the texts that a source holds out and that stand among its training texts too.

    Raises
    ------
    LockstepError
        If they are all of a split: it would measure nothing.
    """
    hashes = hashes_of(reviews.texts)
    trained_on = np.isin(hashes, hashes[splits == TRAIN])
    total = 0
    for which in (VALIDATION, TEST):
        copies = int(np.count_nonzero(trained_on[splits == which]))
        if copies and copies == np.count_nonzero(splits == which):
            raise LockstepError(
                f"{reviews.source}: all {copies:,} {SPLITS[which]} texts stand among the training texts too; "
                "hold out others"
            )
        total += copies
    return total


def _with_held_out(reviews: Reviews, held_out: Reviews, which: int, name: str) -> Reviews:
    """Add reviews that are held out for one split, in the place of those that the source itself held out for it."""
    official = np.full(len(reviews), TRAIN, np.int8) if reviews.official is None else reviews.official
    kept = np.flatnonzero(official != which)
    known = set(reviews.review_ids)
    ids = [f"{name}/{one}" if one in known else one for one in held_out.review_ids]
    return _joined(
        replace(reviews, official=official).take(kept),
        replace(held_out, review_ids=ids, official=np.full(len(held_out), which, np.int8)),
    )


def _joined(reviews: Reviews, others: Reviews) -> Reviews:
    """Put the one after the other; their groups are told apart."""
    shift = 1 + int(reviews.groups.max(initial=0)) - int(others.groups.min(initial=0))
    official = [
        np.full(len(one), TRAIN, np.int8) if one.official is None else one.official for one in (reviews, others)
    ]
    return replace(
        reviews,
        review_ids=[*reviews.review_ids, *others.review_ids],
        texts=_joined_texts(reviews.texts, others.texts),
        labels=np.concatenate([reviews.labels, others.labels]),
        groups=np.concatenate([reviews.groups, others.groups + shift]),
        official=np.concatenate(official),
    )


def _joined_texts(texts: Sequence[str], others: Sequence[str]) -> Sequence[str]:
    join = getattr(texts, "joined", None)
    return join(others) if join else [*texts, *others]


def _with_unlabelled(reviews: Reviews, splits: np.ndarray, unlabelled: Reviews) -> tuple[Reviews, np.ndarray]:
    """Append the reviews without labels; a text that is tested on is not learnt from."""
    tested = hashes_of(taken(reviews.texts, np.flatnonzero(splits == TEST)))
    rows = np.flatnonzero(~np.isin(hashes_of(unlabelled.texts), tested))
    known = set(reviews.review_ids)
    ids = [f"unlabelled/{name}" if name in known else name for name in unlabelled.review_ids]
    added = replace(unlabelled, review_ids=ids).take(rows)
    return _joined(reviews, added), np.concatenate([splits, np.full(len(added), UNLABELLED, np.int8)])
