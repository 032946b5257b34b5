"""Is a difference real: intervals, tests, agreement, variance and power, all on answers to the same test reviews.

Every function takes NumPy arrays and returns numbers or parts of ``statistics.json``. What is random has a fixed
seed, so that a report can be made again. Lesson 15 explains them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy.stats import norm
from statsmodels.stats import contingency_tables
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from compare.report.form import CellName, Interval, Pair, Variance
from shared.errors import LockstepError
from shared.metrics import accuracy_interval

Model = tuple[np.ndarray, np.ndarray]  # <bool>[reviews]: is it right; <int>[reviews]: its class
Kind = Literal["framework", "architecture", "baseline", "other"]

LEVEL = 0.05
POWER = 0.8
REPLICATES = 10_000
BASELINE = "baseline"
# What is left of a sum of fractions that is 0: the smallest real difference is 1 / (seeds × reviews).
ROUNDING = 1e-12
# Counts of resamples that are held in memory at one time.
COUNTS_AT_ONCE = 2_000_000
# Effects that the power of a t test is solved for. Below, the difference is 0 but for rounding. Above, the noncentral
# t distribution of so few seeds fails, and three seeds are enough.
SMALLEST_EFFECT = 1e-8
LARGEST_EFFECT = 5.0
SEEDS_OF_LARGEST_EFFECT = 3


def mean_accuracy(right: np.ndarray) -> Interval:
    """Mean accuracy over the seeds, with its 95 % interval for another sample of reviews.

    The interval is Wilson's (Wilson 1927) for the mean accuracy on so many reviews, however many seeds there are. For
    one seed it has its nominal coverage. For several it covers more than 95 %: the mean over the seeds of a review is
    between 0 and 1, and of all variables between 0 and 1 with mean p none has a larger variance than p(1 - p), that
    of a single answer (Bhatia and Davis 2000). The seeds are taken as they are: the interval is not for other seeds.

    Parameters
    ----------
    right : <bool>[seeds, reviews]
        Whether the model of a seed is right about a review.
    """
    value = float(right.mean())
    low, high = accuracy_interval(value, right.shape[1])
    return Interval(value=value, low=low, high=high)


def paired_bootstrap(differences: np.ndarray, replicates: int = REPLICATES, seed: int = 0) -> Interval:
    """Mean difference and its 95 % interval: the percentile bootstrap over reviews (Efron and Tibshirani 1993, ch. 13).

    Reviews are drawn with replacement, each with the answers of both models, so what a review is to both stays in.
    A resample is drawn as how often each distinct value occurs in it, which is multinomial: exact, and fast, since
    there are few distinct values. The negative of the differences has the negative of the interval (to within the
    error of the resampling where the mean is 0). With only a few reviews that are not 0 the interval is too narrow.

    Parameters
    ----------
    differences : <float64>[reviews]
        Of each review: first model less second model, as a mean over the seeds.
    replicates
        Resamples.
    seed
        Of the random numbers.
    """
    mean = _without_rounding(float(differences.mean()))
    sign = -1.0 if mean < 0 else 1.0
    values, counts = np.unique(sign * differences, return_counts=True)
    # The most frequent first: what is left for the others is then few, and drawn faster.
    order = np.argsort(-counts, kind="stable")
    means = _resampled_means(values[order], counts[order], replicates, np.random.default_rng(seed))
    low, high = np.quantile(means, [LEVEL / 2, 1 - LEVEL / 2])
    # The mean of equal values may differ from the value in its last digit, which would leave it outside.
    ends = sorted((sign * min(float(low), abs(mean)) + 0.0, sign * max(float(high), abs(mean)) + 0.0))
    return Interval(value=mean, low=ends[0], high=ends[1])


def _resampled_means(
    values: np.ndarray, counts: np.ndarray, replicates: int, generator: np.random.Generator
) -> np.ndarray:
    reviews = int(counts.sum())
    at_once = max(1, COUNTS_AT_ONCE // len(values))
    batches = [min(at_once, replicates - start) for start in range(0, replicates, at_once)]
    return np.concatenate(
        [generator.multinomial(reviews, counts / reviews, size=batch) @ values / reviews for batch in batches]
    )


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> float:
    """Two-sided p-value of McNemar's exact test of whether both are right about as many reviews (McNemar 1947).

    Of the reviews that only one gets right, it is binomial how many are the first's. Without any it is 1.

    Parameters
    ----------
    first_right, second_right : <bool>[reviews]
    """
    first_only, second_only = _discordant(first_right, second_right)
    # The exact test does not look at the reviews that both get right or both wrong.
    return float(contingency_tables.mcnemar([[0, first_only], [second_only, 0]], exact=True).pvalue)


def _discordant(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int]:
    """Return how many reviews only the first, and how many only the second gets right."""
    return int(np.count_nonzero(first_right & ~second_right)), int(np.count_nonzero(second_right & ~first_right))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for being several, in their order (Holm 1979).

    Of all that are then below 0.05 the chance that even one is wrong is at most 5 %, however the tests depend on
    one another.
    """
    if not p_values:
        return []
    return [float(value) for value in multipletests(p_values, alpha=LEVEL, method="holm")[1]]


def kappa(first_classes: np.ndarray, second_classes: np.ndarray) -> float | None:
    """Cohen's kappa: how far two models agree beyond chance, 1 for always (Cohen 1960).

    Parameters
    ----------
    first_classes, second_classes : <int>[reviews]
        Predicted classes, from 0.

    Returns
    -------
    float or None
        None where both predict one and the same class for every review: they cannot but agree.
    """
    size = int(max(first_classes.max(), second_classes.max())) + 1
    places = first_classes.astype(np.int64) * size + second_classes
    table = np.bincount(places, minlength=size * size).reshape(size, size)
    if np.count_nonzero(table) == 1 and table.trace():
        return None
    return float(cohens_kappa(table, return_results=False))


def reviews_needed(differences: np.ndarray) -> int | None:
    """Test reviews that a paired z test at the 5 % level needs to see this difference with 80 % power.

    n = (z₀.₉₇₅ + z₀.₈)² s² / d², where d is the mean and s² the variance of the differences of the reviews (Chow, Shao
    and Wang, *Sample Size Calculations in Clinical Research*, 2nd ed. 2008, section 3.1). It takes for granted that
    the true difference is the one that was found, and that the seeds stay the same: it is for planning, and says no
    more about the reviews at hand than their p-value does (Hoenig and Heisey 2001).

    Parameters
    ----------
    differences : <float64>[reviews]
        Of each review: first model less second model, as a mean over the seeds.

    Returns
    -------
    int or None
        At least 2; None where the mean difference is 0, and for a single review.
    """
    mean = _without_rounding(float(differences.mean()))
    if not mean or len(differences) < 2:
        return None
    quantiles = norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER)
    return max(2, math.ceil(quantiles**2 * float(differences.var(ddof=1)) / mean**2))


def seeds_needed(differences_of_seeds: np.ndarray) -> int | None:
    """Seeds that a paired t test at the 5 % level needs to see this difference with 80 % power.

    The power of the t test is that of the noncentral t distribution (Cohen 1988, ch. 2). As for reviews, it takes for
    granted that mean and spread are those that were found; from a few seeds that is a rough estimate.

    Parameters
    ----------
    differences_of_seeds : <float64>[seeds]
        Accuracy of the first less that of the second, on the same test reviews.

    Returns
    -------
    int or None
        At least 3; None for fewer than 2 seeds, and where the mean or the spread of the differences is 0.
    """
    if len(differences_of_seeds) < 2 or np.ptp(differences_of_seeds) < ROUNDING:
        return None
    effect = abs(_without_rounding(float(differences_of_seeds.mean()))) / float(differences_of_seeds.std(ddof=1))
    if effect < SMALLEST_EFFECT:
        return None
    if effect > LARGEST_EFFECT:
        return SEEDS_OF_LARGEST_EFFECT
    return math.ceil(TTestPower().solve_power(effect, alpha=LEVEL, power=POWER, alternative="two-sided"))


def _without_rounding(mean: float) -> float:
    return mean if abs(mean) > ROUNDING else 0.0


@dataclass(frozen=True)
class _Matched:
    """Two cells and their models of the same seeds."""

    first: CellName
    second: CellName
    seeds: tuple[int, ...]
    models: tuple[tuple[Model, Model], ...]

    def p_value(self) -> float:
        return max(mcnemar(first, second) for (first, _), (second, _) in self.models)

    def pair(self, p_value: float, corrected: float) -> Pair:
        of_reviews = np.mean([first.astype(int) - second for (first, _), (second, _) in self.models], axis=0)
        only = np.array([_discordant(first, second) for (first, _), (second, _) in self.models])
        kappas = [kappa(first, second) for (_, first), (_, second) in self.models]
        defined = [value for value in kappas if value is not None]
        return Pair(
            first=self.first,
            second=self.second,
            kind=_kind(self.first, self.second),
            seeds=self.seeds,
            difference=paired_bootstrap(of_reviews),
            first_only=float(only[:, 0].mean()),
            second_only=float(only[:, 1].mean()),
            mcnemar=p_value,
            holm=corrected,
            kappa=float(np.mean(defined)) if defined else None,
            agreement=float(np.mean([(first == second).mean() for (_, first), (_, second) in self.models])),
            reviews_needed=reviews_needed(of_reviews),
            seeds_needed=seeds_needed((only[:, 0] - only[:, 1]) / len(of_reviews)),
        )


def pairs_of(cells: Mapping[CellName, Mapping[int, Model]]) -> list[Pair]:
    """Compare every cell with every other, on the seeds that both have.

    A baseline has one seed and is held against every seed of a network. Cells without a common seed are no pair.

    The p-value of a pair is the largest over its seeds: it is small only where every seed shows a difference, and is
    a valid p-value for "at some seed there is none" (an intersection-union test, Berger 1982). Holm's correction needs
    no more than valid p-values, and is over all pairs that are returned. Kappa is the mean over the seeds at which
    it is defined.

    Parameters
    ----------
    cells
        Of each cell name and seed: <bool>[reviews] whether the model is right, and <int>[reviews] its classes, of the
        same reviews in the same order.

    Raises
    ------
    LockstepError
        If not all models answered as many reviews.
    """
    _require_same_reviews(cells)
    matched = [_matched(first, second, cells[first], cells[second]) for first, second in combinations(cells, 2)]
    matched = [one for one in matched if one.seeds]
    p_values = [one.p_value() for one in matched]
    return [one.pair(*values) for one, *values in zip(matched, p_values, holm(p_values), strict=True)]


def _require_same_reviews(cells: Mapping[CellName, Mapping[int, Model]]) -> None:
    sizes = {
        (name, seed): len(answer)
        for name, models in cells.items()
        for seed, model in models.items()
        for answer in model
    }
    for (name, seed), size in sizes.items():
        expected = next(iter(sizes.values()))
        if size != expected:
            raise LockstepError(
                f"{name}, seed {seed}: {size} reviews, other models have {expected}; compare models on the same reviews"
            )


def _matched(
    first: CellName, second: CellName, of_first: Mapping[int, Model], of_second: Mapping[int, Model]
) -> _Matched:
    alone_first, alone_second = _alone(first, of_first), _alone(second, of_second)
    if alone_first and not alone_second:
        of_first = dict.fromkeys(of_second, alone_first)
    elif alone_second and not alone_first:
        of_second = dict.fromkeys(of_first, alone_second)
    seeds = tuple(sorted(of_first.keys() & of_second.keys()))
    return _Matched(first, second, seeds, tuple((of_first[seed], of_second[seed]) for seed in seeds))


def _alone(name: CellName, models: Mapping[int, Model]) -> Model | None:
    """Return the one model of a baseline, which stands for every seed."""
    if not name.startswith(f"{BASELINE}/") or len(models) != 1:
        return None
    return next(iter(models.values()))


def _kind(first: CellName, second: CellName) -> Kind:
    framework, _, architecture = first.partition("/")
    other_framework, _, other_architecture = second.partition("/")
    if BASELINE in (framework, other_framework):
        return "baseline"
    if architecture == other_architecture:
        return "framework"
    return "architecture" if framework == other_framework else "other"


def variance_of(architecture: str, right: Mapping[str, Mapping[int, np.ndarray]]) -> Variance:
    """Split how far the accuracy of an architecture moves: by the seed, by the framework, by the sample of reviews.

    Accuracies by framework and seed are a crossed random-effects model with one observation each,
    accuracy = mean + framework + seed + remainder. Its variances are estimated by the method of moments: mean squares
    of the analysis of variance are set equal to what is expected of them, and what comes out negative is 0 (Searle,
    Casella and McCulloch, *Variance Components*, 1992, ch. 4). The remainder is what a seed does in one framework only,
    such as rounding that grows in training; all models share the reviews. Two trainings in one framework that
    differ in the seed alone are √(seed² + remainder²) apart from their mean.

    With one seed, or one framework, there is nothing to tell the remainder from the rest: it is then a part of
    what is estimated, which is the plain variance of the accuracies.

    Parameters
    ----------
    architecture
        Its name.
    right
        Of each framework and seed: <bool>[reviews], whether the model is right. Seeds that not all frameworks have
        are left out.

    Returns
    -------
    Variance
        Standard deviations of an accuracy between 0 and 1. ``seed`` is None for fewer than 2 seeds, ``framework`` for
        fewer than 2 frameworks, ``remainder`` for fewer than 2 of either. ``reviews`` is the standard error of
        the mean accuracy of all models on a sample of so many reviews.

    Raises
    ------
    LockstepError
        If there is no seed that all frameworks have.
    """
    seeds = sorted(set.intersection(*(set(models) for models in right.values()))) if right else []
    if not seeds:
        raise LockstepError(f"{architecture}: no seed that all frameworks have; train one with every framework")
    answers = np.array([[models[seed] for seed in seeds] for models in right.values()], dtype=np.float64)
    framework, seed, remainder = _components(answers.mean(axis=2))
    of_reviews = answers.mean(axis=(0, 1))
    return Variance(
        architecture=architecture,
        frameworks=len(right),
        seeds=tuple(seeds),
        seed=seed,
        framework=framework,
        reviews=float(of_reviews.std() / math.sqrt(len(of_reviews))),
        remainder=remainder,
    )


def _components(accuracies: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Return the standard deviations of framework, seed and remainder of <float64>[frameworks, seeds]."""
    frameworks, seeds = accuracies.shape
    of_framework = float(accuracies.mean(axis=1).var(ddof=1)) if frameworks > 1 else None
    of_seed = float(accuracies.mean(axis=0).var(ddof=1)) if seeds > 1 else None
    if of_framework is None or of_seed is None:
        return _deviation(of_framework), _deviation(of_seed), None
    rest = accuracies - accuracies.mean(axis=1, keepdims=True) - accuracies.mean(axis=0) + accuracies.mean()
    remainder = float((rest**2).sum() / ((frameworks - 1) * (seeds - 1)))
    # A mean over s seeds has the variance framework + remainder / s, and a mean over frameworks likewise.
    return (
        _deviation(of_framework - remainder / seeds),
        _deviation(of_seed - remainder / frameworks),
        _deviation(remainder),
    )


def _deviation(variance: float | None) -> float | None:
    return None if variance is None else math.sqrt(max(variance, 0.0))
