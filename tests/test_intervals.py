from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from compare.intervals import over_seeds


def test_a_mean_and_its_interval_by_hand() -> None:
    """Of 1, 2, 3 the deviation is 1; Student's t at 97.5 % with two degrees of freedom is 4.302653 in every table."""
    found = over_seeds([1, 2, 3])
    assert found.mean == 2
    assert (found.low, found.high) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))


@pytest.mark.parametrize("count", [2, 3, 5, 50])
def test_it_is_the_interval_of_students_test(count: int) -> None:
    values = np.random.default_rng(count).normal(0.8, 0.01, count)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    found = over_seeds(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """Of 4,000 draws a share of 95 % has a standard error of 0.35 points; three of them are allowed."""
    draws = np.random.default_rng(0).normal(0.7, 0.02, (4_000, 5))
    covered = [low <= 0.7 <= high for _, low, high in map(over_seeds, draws) if low is not None and high is not None]
    assert len(covered) == len(draws)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.0105)


def test_one_seed_has_no_interval_and_equal_ones_a_point() -> None:
    assert over_seeds([0.5]) == (0.5, None, None)
    assert over_seeds([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("values", [[], np.array([])])
def test_no_seed_has_no_mean(values: list[float] | np.ndarray) -> None:
    with pytest.raises(ValueError, match="no value, so no mean"):
        over_seeds(values)
