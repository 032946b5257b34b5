"""The corpus that a specification names: read, split, encoded, and labelled by predictions where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.data.corpus import Corpus, read_corpus
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.files import digest
from shared.predictions import Predictions, read_predictions
from shared.specification import Specification
from shared.terminal import say


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
        If a source cannot be read or is too small to be split, or pseudo-labels are of other classes or reviews.
    """
    corpus = read_corpus(specification, progress)
    if specification.pseudo_labels == "none":
        return corpus
    path = Path(specification.pseudo_labels)
    learnt = _drawn(path, corpus, read_predictions(path), specification.split_seed)
    texts = {name: row for row, name in enumerate(corpus.unlabelled.review_ids.tolist())}
    added = [corpus.texts[3][texts[name]] for name in learnt.review_ids.tolist()]
    return replace(
        corpus,
        fingerprint=digest(corpus.fingerprint, *learnt.review_ids.tolist(), learnt.labels.tobytes()),
        train=corpus.train.joined(learnt),
        texts=([*corpus.texts[0], *added], *corpus.texts[1:]),
    )


def _drawn(path: Path, corpus: Corpus, predictions: Predictions, seed: int) -> EncodedReviews:
    """Return the unlabelled reviews that have predictions, under labels drawn from their probabilities.

    A drawn label's expected cross-entropy is that of the probabilities themselves, so this is
    distillation (Hinton et al. 2015) that every framework's loss can do as it is.
    """
    if predictions.class_names != corpus.class_names:
        raise LockstepError(
            f"{path}: its classes are {predictions.class_names}, those of the data {corpus.class_names}"
        )
    places = {review_id: place for place, review_id in enumerate(predictions.review_ids.tolist())}
    found = np.array([places.get(review_id, -1) for review_id in corpus.unlabelled.review_ids.tolist()], np.int64)
    learnt = corpus.unlabelled.take(np.flatnonzero(found >= 0))
    if not len(learnt):
        raise LockstepError(f"{path}: has a prediction for none of the unlabelled reviews")
    others = len(places) - len(learnt)
    if len(learnt) < len(found) or others:
        say(
            f"{path}: {len(learnt):,} of {len(found):,} unlabelled reviews get a label; "
            f"{others:,} of its predictions are of other reviews",
            aside=True,
        )
    # From the last class down, so that of two classes the second one is drawn where the number is below its share.
    shares = predictions.probabilities[found[found >= 0], ::-1].cumsum(axis=1)  # [reviews, classes]
    drawn = np.random.default_rng([seed, len(learnt)]).random((len(learnt), 1))
    places_from_last = (drawn >= shares[:, :-1]).sum(axis=1)
    return replace(learnt, labels=(len(corpus.class_names) - 1 - places_from_last).astype(np.int16))
