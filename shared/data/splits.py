"""Training, validation and test: deterministic, stratified, and never two sides for one group."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from shared.data.sources import Reviews
from shared.errors import LockstepError
from shared.specification import Specification

TRAIN, VALIDATION, TEST, UNLABELLED = 0, 1, 2, 3
SPLITS = ("train", "validation", "test")


def sample(reviews: Reviews, size: int | None, seed: int) -> Reviews:
    """Return a sample with the labels (and an official test) in the proportions of the whole.

    Parameters
    ----------
    reviews : Reviews
        All of them.
    size : int or None
        Reviews to keep; None, or more than there are, keeps all.
    seed : int
        Fixes the sample.
    """
    if size is None or size >= len(reviews):
        return reviews
    official = np.zeros(len(reviews), bool) if reviews.official_test is None else reviews.official_test
    strata = reviews.labels.astype(int) * 2 + official
    shuffled = np.random.default_rng([seed, len(reviews)]).permutation(len(reviews))
    # A review's place within its stratum, as a share of it: the smallest shares are the sample.
    place = np.empty(len(reviews))
    for stratum in np.unique(strata):
        rows = shuffled[strata[shuffled] == stratum]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return reviews.take(np.sort(np.argsort(place, kind="stable")[:size]))


def split(reviews: Reviews, specification: Specification) -> np.ndarray:
    """Say for each review whether it is for training, validation or test.

    Parameters
    ----------
    reviews : Reviews
        Labelled reviews.
    specification : Specification
        ``test_fraction`` (unless the source has an official test, which stays as it is),
        ``validation_fraction`` and ``split_seed``.

    Returns
    -------
    <int8>[reviews]
        `TRAIN`, `VALIDATION` or `TEST`. Reviews of one group are on one side of the validation
        split, and of the test split unless it is official.

    Raises
    ------
    LockstepError
        If there are too few reviews or groups for three sides with both labels.
    """
    sides = np.full(len(reviews), TRAIN, np.int8)
    if reviews.official_test is not None:
        sides[reviews.official_test] = TEST
    else:
        sides[_held_out(reviews, np.arange(len(reviews)), specification.test_fraction, specification.split_seed)] = TEST
    rest = np.flatnonzero(sides == TRAIN)
    sides[rest[_held_out(reviews, rest, specification.validation_fraction, specification.split_seed)]] = VALIDATION
    for side, name in enumerate(SPLITS):
        if len(np.unique(reviews.labels[sides == side])) < 2:
            raise LockstepError(
                f"{reviews.source}: {len(reviews)} reviews are too few, the {name} split has no two labels"
            )
    return sides


def _held_out(reviews: Reviews, rows: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Positions in `rows` that are held out: one fold of a stratified grouped partition."""
    folds = max(2, round(1 / fraction))
    groups = reviews.groups[rows]
    if len(np.unique(groups)) < folds:
        raise LockstepError(f"{reviews.source}: too few reviews to hold out {fraction:.0%} of them")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, held_out = next(splitter.split(rows, reviews.labels[rows], groups))
    return held_out
