"""Intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t


class OverSeeds(NamedTuple):
    """A mean over seeds and its interval of 95 %, by Student's t; one seed has no interval."""

    mean: float
    low: float | None
    high: float | None


def over_seeds(values: Sequence[float] | np.ndarray) -> OverSeeds:
    """Return the mean of one value a seed, and its interval.

    Raises
    ------
    ValueError
        If there is no value.
    """
    if not len(values):
        raise ValueError("no value, so no mean")
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return OverSeeds(mean, None, None)
    half = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return OverSeeds(mean, mean - half, mean + half)
