"""Training, validation and test: deterministic, stratified, and one split for all of a group."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from shared.data.reviews import SPLITS, TEST, TRAIN, VALIDATION, Reviews
from shared.errors import LockstepError
from shared.files import cached, digest
from shared.specification import Specification

# Part of a cached split's place: raise it when a rule below changes.
SPLIT_VERSION = 1
# From so many groups on a split takes longer than reading it from the cache.
GROUPS_CACHED = 5_000
# The published results were split by scikit-learn's folds, whose time grows with the square of the groups.
MOST_GROUPS_IN_FOLDS = 25_000
BLOCK = 1 << 16  # groups that become Python's numbers at once


def sample(reviews: Reviews, size: int | None, seed: int) -> Reviews:
    """Return a sample with the labels (and an official split) in the proportions of the whole.

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
    official = np.zeros(len(reviews), np.int8) if reviews.official is None else reviews.official
    strata = reviews.labels.astype(int) * len(SPLITS) + official
    shuffled = np.random.default_rng([seed, len(reviews)]).permutation(len(reviews))
    # A review's place within its stratum, as a share of it: the smallest shares are the sample.
    place = np.empty(len(reviews))
    for stratum in np.unique(strata):
        rows = shuffled[strata[shuffled] == stratum]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return reviews.take(np.sort(np.argsort(place, kind="stable")[:size]))


def split(reviews: Reviews, specification: Specification, held_out: Sequence[int] = (TEST, VALIDATION)) -> np.ndarray:
    """Say for each review whether it is for training, validation or test.

    Parameters
    ----------
    reviews : Reviews
        Labelled reviews.
    specification : Specification
        ``test_fraction`` and ``validation_fraction`` (of what the source itself does not hold out: an official
        split stays as it is), and ``split_seed``.
    held_out : sequence of int
        What there has to be beside training reviews; who has the test reviews elsewhere asks for `VALIDATION` alone.

    Returns
    -------
    <int8>[reviews]
        `TRAIN`, `VALIDATION` or `TEST`. Reviews of one group are in one split, unless the source itself puts them
        elsewhere. What is held out differs from its fraction by one group at most, unless a class would be
        missing. It is kept in the cache if making it takes long.

    Raises
    ------
    LockstepError
        If a class has too few different texts for all splits, or there is one class only.
    """
    # The folds are scikit-learn's, whose import alone takes a second.
    if not reviews.in_folds and len(np.unique(reviews.groups)) < GROUPS_CACHED:
        return _split(reviews, specification, held_out)

    def make(directory: Path) -> None:
        np.save(directory / "splits.npy", _split(reviews, specification, held_out))

    official = b"" if reviews.official is None else reviews.official.tobytes()
    chosen = (specification.test_fraction, specification.validation_fraction, specification.split_seed)
    rules = (SPLIT_VERSION, version("scikit-learn"), np.__version__, reviews.in_folds, tuple(held_out))
    key = digest(repr((rules, chosen)), reviews.labels.tobytes(), reviews.groups.tobytes(), official)
    return np.load(cached("splits", key, make) / "splits.npy")


def _split(reviews: Reviews, specification: Specification, held_out: Sequence[int]) -> np.ndarray:
    splits = np.full(len(reviews), TRAIN, np.int8) if reviews.official is None else reviews.official.copy()
    missing = [which for which in held_out if not (splits == which).any()]
    _check_classes(reviews, np.flatnonzero(splits == TRAIN), parts=1 + len(missing))
    fractions = {TEST: specification.test_fraction, VALIDATION: specification.validation_fraction}
    for place, which in enumerate(missing):
        rest = np.flatnonzero(splits == TRAIN)
        least_kept = len(missing) - place  # groups of every class: one for training, one for each split that is left
        splits[rest[_held_out(reviews, rest, fractions[which], specification.split_seed, least_kept)]] = which
    untrained = np.setdiff1d(reviews.labels, reviews.labels[splits == TRAIN])
    if len(untrained):
        raise LockstepError(
            f"{reviews.source}: {_names(reviews, untrained)}: every text of it is held out, none is left to train on; "
            "add some, or leave the class out with --labels"
        )
    for which in sorted((TRAIN, *held_out)):
        classes = np.unique(reviews.labels[splits == which])
        if len(classes) < 2:
            raise LockstepError(
                f"{reviews.source}: the {SPLITS[which]} split has {_names(reviews, classes)} only: "
                f"{np.count_nonzero(splits == which):,} of {len(reviews):,} texts; add others"
            )
    return splits


def _names(reviews: Reviews, classes: np.ndarray) -> str:
    return ", ".join(reviews.class_names[label] for label in classes.tolist()) or "no texts"


def _check_classes(reviews: Reviews, rows: np.ndarray, parts: int) -> None:
    """Refuse reviews of which a class cannot be in every part."""
    labels, groups = reviews.labels[rows], reviews.groups[rows]
    classes = np.unique(labels)
    where = "" if reviews.official is None else " to train on"
    if len(classes) < 2:
        raise LockstepError(
            f"{reviews.source}: all {len(rows):,} texts{where} are of one class ({_names(reviews, classes)}); "
            "a classifier needs two, add texts of another"
        )
    if parts == 1:
        return
    for label in classes.tolist():
        rows_of_label = groups[labels == label]
        found = len(np.unique(rows_of_label))
        if found < parts:
            name = reviews.class_names[label]
            raise LockstepError(
                f"{reviews.source}: the class {name} has too few texts that differ: {found} of {len(rows_of_label):,}; "
                f"{parts} are needed, one for each split; add some, or leave the class out"
            )


def _held_out(reviews: Reviews, rows: np.ndarray, fraction: float, seed: int, least_kept: int) -> np.ndarray:
    """Positions in `rows` that are held out; `least_kept` groups of every class are not."""
    groups, group_of_row = np.unique(reviews.groups[rows], return_inverse=True)
    classes, class_of_row = np.unique(reviews.labels[rows], return_inverse=True)
    cells = group_of_row * len(classes) + class_of_row
    counts = np.bincount(cells, minlength=len(groups) * len(classes)).reshape(len(groups), len(classes))
    folds = round(1 / fraction)
    is_one_fold = folds >= 2 and abs(folds * fraction - 1) < 1e-9
    enough = folds <= len(groups) <= MOST_GROUPS_IN_FOLDS and folds <= counts.sum(axis=0).min()
    if reviews.in_folds and is_one_fold and enough:
        return _one_fold(reviews, rows, folds, seed)
    return np.flatnonzero(_held_groups(counts, fraction, seed, least_kept)[group_of_row])


def _one_fold(reviews: Reviews, rows: np.ndarray, folds: int, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, held_out = next(splitter.split(rows, reviews.labels[rows], reviews.groups[rows]))
    return held_out


def _held_groups(counts: np.ndarray, fraction: float, seed: int, least_kept: int) -> np.ndarray:
    """Say which groups are held out, ``<bool>[groups]``.

    Parameters
    ----------
    counts : <int64>[groups, classes]
        Reviews of each class in each group.
    fraction : float
        Share of the reviews, and of each class, to hold out.
    seed : int
        Fixes the order in which groups are looked at.
    least_kept : int
        Groups of each class that are not held out, at least; of those that are, there is one.
    """
    order = np.random.default_rng([seed, len(counts)]).permutation(len(counts))
    shuffled, least = counts[order], {True: 1, False: least_kept}
    targets = _targets(counts.sum(axis=0), fraction)
    held = _nearest(shuffled, targets)
    _cover(shuffled > 0, shuffled.sum(axis=1), held, least)
    _settle(shuffled, held, int(targets.sum() - shuffled[held].sum()), least)
    result = np.empty(len(counts), bool)
    result[order] = held
    return result


def _targets(totals: np.ndarray, fraction: float) -> np.ndarray:
    """Reviews of each class to hold out, ``<int64>[classes]``: rounded so that their sum is right too."""
    exact = fraction * totals
    targets = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(targets.sum())
    targets[np.argsort(targets - exact, kind="stable")[:missing]] += 1
    return targets


def _nearest(counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Hold out each group that brings the counts of its classes nearer to the targets, in one pass."""
    held = np.zeros(len(counts), bool)
    missing = targets.tolist()
    for start in range(0, len(counts), BLOCK):
        for place, sizes in enumerate(counts[start : start + BLOCK].tolist(), start):
            # By how much the squared distance to the targets becomes smaller.
            if sum(size * (2 * short - size) for size, short in zip(sizes, missing, strict=True)) > 0:
                held[place] = True
                missing = [short - size for size, short in zip(sizes, missing, strict=True)]
        if max(missing) <= 0:
            break
    return held


def _cover(has: np.ndarray, sizes: np.ndarray, held: np.ndarray, least: dict[bool, int]) -> None:
    """Move the smallest groups that help, until every class is in both parts; the rarest class comes first.

    Parameters
    ----------
    has : <bool>[groups, classes]
        Which groups have reviews of which class.
    sizes : <int64>[groups]
        Reviews of each group.
    held : <bool>[groups]
        Is changed.
    least : dict of bool to int
        Groups of each class that are held out (True) and that are not, at least.
    """
    for label in np.argsort(has.sum(axis=0), kind="stable"):
        for part in (True, False):
            while np.count_nonzero(has[held == part, label]) < least[part]:
                other = held != part
                needed = has[other].sum(axis=0) <= least[not part]  # [classes], of the other part
                able = np.flatnonzero(other & has[:, label] & ~(has & needed).any(axis=1))
                if not len(able):
                    break
                held[able[sizes[able].argmin()]] = part


def _settle(counts: np.ndarray, held: np.ndarray, short: int, least: dict[bool, int]) -> None:
    """Move groups into the part that has `short` reviews too few (below 0: out of it), while that brings it nearer."""
    part, short = short > 0, abs(short)
    places = np.flatnonzero(held != part)
    spare = (counts[places] > 0).sum(axis=0) - least[not part]  # [classes]
    for place in places if short else ():
        sizes = counts[place]
        if abs(short - sizes.sum()) < short and (spare[sizes > 0] > 0).all():
            held[place] = part
            spare -= sizes > 0
            short -= int(sizes.sum())
        if short <= 0:
            break
