from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from shared.data.reviews import TEST, TRAIN, VALIDATION, Reviews
from shared.data.sources import load_reviews
from shared.data.splits import GROUPS_CACHED, MOST_GROUPS_IN_FOLDS, sample, split
from shared.errors import LockstepError
from shared.files import digest
from shared.specification import Specification

FRACTIONS = (0.07, 0.1, 0.2, 0.33, 0.5, 0.6, 0.9)


def table(labels: np.ndarray, groups: np.ndarray | None = None) -> Reviews:
    """Reviews as a table gives them: no official test, a group of its own for each unless told."""
    names = [f"row-{row:07d}" for row in range(len(labels))]
    own = np.arange(len(labels), dtype=np.int64)
    classes = ("negative", "positive", *(f"class-{label}" for label in range(2, int(labels.max(initial=1)) + 1)))
    return Reviews("table.csv", names, names, labels.astype(np.int16), own if groups is None else groups, classes)


def check_sides(reviews: Reviews, sides: np.ndarray) -> None:
    for side in (TRAIN, VALIDATION, TEST):
        assert set(reviews.labels[sides == side].tolist()) == {0, 1}
    first = np.unique(reviews.groups, return_index=True)[1]
    by_group = dict(zip(reviews.groups[first].tolist(), sides[first].tolist(), strict=True))
    assert [by_group[group] for group in reviews.groups.tolist()] == sides.tolist(), "a group is on one side"


@pytest.mark.parametrize("test_fraction", FRACTIONS)
@pytest.mark.parametrize("validation_fraction", [0.1, 0.35, 0.8])
def test_single_reviews_are_held_out_to_the_fraction(test_fraction: float, validation_fraction: float) -> None:
    reviews = table(np.arange(1_000) % 10 < 3)
    chosen = Specification(test_fraction=test_fraction, validation_fraction=validation_fraction)
    sides = split(reviews, chosen)
    check_sides(reviews, sides)
    tested = sides == TEST
    for label, total in ((0, 700), (1, 300)):
        assert abs(np.count_nonzero(tested & (reviews.labels == label)) - test_fraction * total) < 1
    assert abs(tested.sum() - test_fraction * 1_000) <= 0.5
    assert abs(np.count_nonzero(sides == VALIDATION) - validation_fraction * np.count_nonzero(~tested)) <= 0.5


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_grouped_reviews_are_held_out_to_one_group(fraction: float, seed: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 31, 400)  # films, some of one class and some of both
    groups = np.repeat(np.arange(400), sizes)
    leaning = np.repeat(np.random.default_rng(seed).random(400), sizes)
    labels = np.random.default_rng(seed).random(len(groups)) < leaning
    reviews = table(labels, groups)
    sides = split(reviews, Specification(test_fraction=fraction, split_seed=seed))
    check_sides(reviews, sides)
    assert abs(np.count_nonzero(sides == TEST) - fraction * len(reviews)) <= sizes.max() / 2
    for label in (0, 1):
        held = np.count_nonzero(labels[sides == TEST] == label)
        assert abs(held - fraction * np.count_nonzero(labels == label)) <= sizes.max()


SOME_GROUPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any), min_size=6, max_size=60)


@settings(deadline=None, max_examples=300)
@given(SOME_GROUPS, st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.integers(0, 3))
def test_any_groups_are_split_if_each_class_has_three(
    counts: list[tuple[int, int]], test_fraction: float, validation_fraction: float, seed: int
) -> None:
    sizes = np.array(counts)
    groups = np.repeat(np.arange(len(sizes)), sizes.sum(axis=1))
    reviews = table(np.concatenate([np.repeat([0, 1], pair) for pair in counts]), groups)
    chosen = Specification(test_fraction=test_fraction, validation_fraction=validation_fraction, split_seed=seed)
    if not ((sizes > 0).sum(axis=0) >= 3).all():
        with pytest.raises(LockstepError, match=r"too few texts that differ|are of one class"):
            split(reviews, chosen)
        return
    sides = split(reviews, chosen)
    check_sides(reviews, sides)
    if ((sizes > 0).sum(axis=0) >= 12).all() and 0.2 < test_fraction < 0.8:  # no class is near to missing
        assert abs(np.count_nonzero(sides == TEST) - test_fraction * len(reviews)) <= sizes.sum(axis=1).max()


def test_a_class_of_three_reviews_is_on_all_three_sides() -> None:
    reviews = table(np.arange(1_000) >= 997)
    for fraction in (0.01, 0.2, 0.97):
        for seed in range(5):
            sides = split(reviews, Specification(test_fraction=fraction, split_seed=seed))
            assert sorted(sides[997:].tolist()) == [TRAIN, VALIDATION, TEST]
            assert abs(np.count_nonzero(sides == TEST) - 1_000 * fraction) <= 1


def test_the_order_is_drawn_from_the_seed() -> None:
    reviews = table(np.random.default_rng(0).integers(0, 2, 2_000))
    first, again, other = (split(reviews, Specification(split_seed=seed)) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert 0.1 < np.mean(first != other) < 0.6
    places = np.flatnonzero(first == TEST)
    assert abs(places.mean() - 1_000) < 100, "from all over the table"


# Of `sides` as scikit-learn's folds gave them when the published results were made.
PUBLISHED = {
    ("packaged", None, 0): "c154902451ca4f3c",
    ("packaged", None, 1): "ff84af27bf7bf728",
    ("packaged", 4_000, 0): "4800adc56ad35028",
    ("rotten-tomatoes", 2_000, 0): "d124b4372e38723f",
}


@pytest.mark.parametrize(("source", "size", "seed"), PUBLISHED)
def test_the_splits_of_published_results_stay(source: str, size: int | None, seed: int) -> None:
    sides = split(sample(load_reviews(source), size, seed=0), Specification(split_seed=seed))
    assert digest(sides.tobytes())[:16] == PUBLISHED[source, size, seed]


def test_other_fractions_of_a_packaged_source_are_honoured_too() -> None:
    packaged = load_reviews("packaged")
    for fraction in (0.6, 0.3):
        sides = split(packaged, Specification(test_fraction=fraction))
        assert abs(np.mean(sides == TEST) - fraction) < 0.01
        check_sides(packaged, sides)


@pytest.mark.parametrize(
    ("labels", "groups", "reason"),
    [
        (np.zeros(100), None, r"table.csv: all 100 texts are of one class \(negative\)"),
        (np.ones(100), None, r"table.csv: all 100 texts are of one class \(positive\)"),
        (np.arange(100) < 2, None, "the class positive has too few texts that differ: 2 of 2; 3 are needed"),
        (
            np.arange(100) % 2,
            np.arange(100) // 50,
            "the class negative has too few texts that differ: 2 of 50; 3 are needed",
        ),
    ],
)
def test_what_cannot_be_split_is_refused_for_its_reason(
    labels: np.ndarray, groups: np.ndarray | None, reason: str
) -> None:
    with pytest.raises(LockstepError, match=reason) as error:
        split(table(labels, groups), Specification())
    assert "\n" not in str(error.value)


def official(reviews: Reviews, splits: np.ndarray) -> Reviews:
    return replace(reviews, source="folder", official=splits.astype(np.int8))


def test_reviews_outside_an_official_test_need_two_classes() -> None:
    reviews = table(np.arange(40) % 2)
    with pytest.raises(LockstepError, match=r"folder: all 20 texts to train on are of one class \(negative\)"):
        split(official(reviews, np.where(reviews.labels == 1, TEST, TRAIN)), Specification())
    with pytest.raises(LockstepError, match="folder: the test split has positive only: 3 of 40 texts"):
        split(official(reviews, np.where(np.isin(np.arange(40), (1, 3, 5)), TEST, TRAIN)), Specification())


@pytest.mark.parametrize("held_out", [(TEST,), (VALIDATION,), (TEST, VALIDATION)])
def test_what_the_source_holds_out_stays_and_the_rest_is_held_out_from_training(held_out: tuple[int, ...]) -> None:
    reviews = table(np.arange(400) % 2)
    given = np.full(400, TRAIN)
    for which in held_out:
        given[which * 20 : which * 20 + 20] = which
    splits = split(official(reviews, given), Specification(test_fraction=0.3, validation_fraction=0.25))
    for which, fraction in ((TEST, 0.3), (VALIDATION, 0.25)):
        if which in held_out:
            assert_array_equal(splits == which, given == which)
        else:
            rest = np.isin(splits, (TRAIN, which)) if which == VALIDATION else given == TRAIN
            assert np.count_nonzero(splits == which) == pytest.approx(fraction * rest.sum(), abs=1)


@pytest.mark.parametrize("classes", [5, 46, 1_000])
def test_every_class_is_in_every_split(classes: int) -> None:
    sizes = np.random.default_rng(classes).integers(3, 40, classes)
    reviews = table(np.random.default_rng(0).permutation(np.repeat(np.arange(classes), sizes)))
    splits = split(reviews, Specification(validation_fraction=0.2))
    for which in (TRAIN, VALIDATION, TEST):
        assert_array_equal(np.unique(reviews.labels[splits == which]), np.arange(classes))
    assert np.mean(splits == TEST) == pytest.approx(0.2, abs=0.01)


def test_a_large_split_is_linear_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path))
    assert GROUPS_CACHED < MOST_GROUPS_IN_FOLDS
    seconds = []
    for size in (30_000, 120_000):
        reviews = table(np.random.default_rng(1).integers(0, 2, size))
        started = time.perf_counter()
        first = split(reviews, Specification(test_fraction=0.6))
        seconds.append(time.perf_counter() - started)
        assert_array_equal(first, split(reviews, Specification(test_fraction=0.6)))
    assert seconds[1] < 10 * seconds[0] + 1, seconds
    kept = list(tmp_path.rglob("splits.npy"))
    assert len(kept) == 2
    for change in ({"split_seed": 1}, {"test_fraction": 0.5}, {"validation_fraction": 0.2}):
        changed = split(reviews, Specification(**{"test_fraction": 0.6, **change}))
        assert (changed != first).any(), change
    kept[0].write_bytes(kept[0].read_bytes()[:-1])
    kept[1].unlink()
    assert_array_equal(first, split(reviews, Specification(test_fraction=0.6)))
