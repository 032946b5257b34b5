"""Intervals, tests and variances against published and hand-computed examples, and against simulation.

Simulations have fixed seeds. Their tolerance is four standard errors of the simulated number where nothing else is
said: a right method fails one in 16,000 of such tests when the seed is changed.
"""

import gc
import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from compare.report.form import Interval, Variance
from compare.report.inference import (
    holm,
    kappa,
    mcnemar,
    mean_accuracy,
    paired_bootstrap,
    pairs_of,
    reviews_needed,
    seeds_needed,
    variance_of,
)
from shared.errors import LockstepError


@pytest.fixture(autouse=True, scope="module")
def _little_garbage():
    """Every correction by statsmodels collects garbage, which takes long where much is loaded."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def four_errors(share: float, simulations: int) -> float:
    return 4 * math.sqrt(share * (1 - share) / simulations)


def so_many(right: int, reviews: int) -> np.ndarray:
    return np.arange(reviews) < right


def repeated(values: list[float], counts: list[int]) -> np.ndarray:
    return np.repeat(np.array(values, dtype=np.float64), counts)


def answers(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Classes of two models that give this table (first by second)."""
    first, second = np.indices(np.shape(table))
    counts = np.ravel(table)
    return np.repeat(first.ravel(), counts), np.repeat(second.ravel(), counts)


# --- accuracy ---


@pytest.mark.parametrize(
    ("right", "reviews", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_of_an_accuracy_is_the_published_one(right, reviews, low, high):
    """Newcombe 1998, *Statistics in Medicine* 17, table I, method 3: four decimals."""
    interval = mean_accuracy(so_many(right, reviews)[None])
    assert interval.value == right / reviews
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_interval_of_an_accuracy_covers_95_percent():
    """Exactly, by the sum over all numbers of right answers.

    Coverage goes up and down with the accuracy, as there are only whole answers: by about 2 % at 200 reviews, around
    95 % (Brown, Cai and DasGupta 2001, figure 5).
    """
    intervals = [mean_accuracy(so_many(right, 200)[None]) for right in range(201)]
    low, high = np.array([(one.low, one.high) for one in intervals]).T
    accuracies = np.linspace(0.5, 0.95, 181)
    inside = (low <= accuracies[:, None]) & (accuracies[:, None] <= high)
    covered = (scipy.stats.binom.pmf(np.arange(201), 200, accuracies[:, None]) * inside).sum(axis=1)
    assert covered.mean() == pytest.approx(0.95, abs=0.003)
    assert covered.min() > 0.925


def test_interval_of_several_seeds_covers_at_least_95_percent():
    generator = np.random.default_rng(1)
    simulations, reviews, seeds = 2000, 300, 3
    covered = 0
    for _ in range(simulations):
        difficulty = generator.beta(1.5, 0.3, reviews)
        interval = mean_accuracy(generator.random((seeds, reviews)) < difficulty)
        covered += interval.low <= 1.5 / 1.8 <= interval.high
    assert covered / simulations > 0.95 - four_errors(0.95, simulations)


def test_seeds_that_all_answer_alike_are_one_seed():
    right = so_many(81, 263)[None]
    assert mean_accuracy(np.repeat(right, 3, axis=0)) == mean_accuracy(right)


# --- paired bootstrap ---


def test_bootstrap_of_zeros_and_ones_is_binomial():
    """The number of ones in a resample is binomial: of 4 in 30 its quantiles are 1 and 8.

    The binomial distribution function is more than 0.011 from 0.025 and 0.975 there: seven standard errors of a share
    of 10,000 resamples, so these cannot have other quantiles.
    """
    exact = scipy.stats.binom.ppf([0.025, 0.975], 30, 4 / 30) / 30
    assert exact == pytest.approx([1 / 30, 8 / 30])
    interval = paired_bootstrap(repeated([1, 0], [4, 26]))
    assert (interval.value, interval.low, interval.high) == pytest.approx((4 / 30, *exact))


def test_bootstrap_is_that_of_scipy():
    """Both resample at random: quantiles of 10,000 means are within 0.1 of their standard error."""
    differences = repeated([-1, -1 / 3, 0, 1 / 3, 2 / 3, 1], [7, 30, 250, 41, 12, 10])
    ours = paired_bootstrap(differences)
    theirs = scipy.stats.bootstrap(
        (differences,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    error = differences.std() / math.sqrt(len(differences))
    assert ours.value == pytest.approx(differences.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.1 * error)
    assert ours.high == pytest.approx(theirs.high, abs=0.1 * error)


def test_bootstrap_of_many_distinct_values_is_the_normal_interval():
    """More counts than are held at one time; at 1,000 reviews the mean is normal to within the resampling's 0.1."""
    differences = np.random.default_rng(2).normal(0.3, 2, 1000)
    interval = paired_bootstrap(differences)
    error = differences.std() / math.sqrt(1000)
    assert (interval.low - interval.value) / error == pytest.approx(-1.96, abs=0.1)
    assert (interval.high - interval.value) / error == pytest.approx(1.96, abs=0.1)


def test_bootstrap_is_the_same_again():
    differences = repeated([-1, 0, 1], [30, 400, 70])
    assert paired_bootstrap(differences, seed=3) == paired_bootstrap(differences[::-1].copy(), seed=3)
    assert paired_bootstrap(differences, replicates=50, seed=3) != paired_bootstrap(differences, replicates=50, seed=4)


@pytest.mark.parametrize("seeds", [1, 3])
def test_bootstrap_interval_covers_95_percent(seeds):
    """Two models of the same reviews, which are hard or easy for both.

    As if the models were not paired, the interval would be 1.5 times as wide, 2.2 times for three seeds, and cover more
    than 99 %. From 600 reviews, of which 60 differ, and 1,000 resamples it may be short of 95 % by 0.5 %.
    """
    generator = np.random.default_rng(6 + seeds)
    simulations, reviews = 2000, 600
    covered = 0
    for simulation in range(simulations):
        hard = generator.random(reviews) < 0.12
        first = generator.random((seeds, reviews)) < np.where(hard, 0.35, 0.98)
        second = generator.random((seeds, reviews)) < np.where(hard, 0.15, 0.98)
        interval = paired_bootstrap(first.mean(axis=0) - second.mean(axis=0), replicates=1000, seed=simulation)
        covered += interval.low <= 0.12 * 0.2 <= interval.high
    assert covered / simulations == pytest.approx(0.95, abs=four_errors(0.95, simulations) + 0.005)


DIFFERENCES = st.integers(1, 4).flatmap(
    lambda seeds: st.lists(st.integers(-seeds, seeds), min_size=1, max_size=80).map(lambda few: np.array(few) / seeds)
)


@settings(max_examples=100, deadline=None)
@given(DIFFERENCES)
def test_negative_differences_have_the_negative_interval(differences):
    interval = paired_bootstrap(differences)
    negative = paired_bootstrap(-differences)
    assert interval.low <= interval.value <= interval.high
    assert negative.value == -interval.value
    # The quantiles of 10,000 means of a mean of 0 are within 0.2 standard errors, and within one value of a review.
    error = 0.0 if interval.value else 0.2 * differences.std() / math.sqrt(len(differences)) + 1 / len(differences)
    assert (negative.low, negative.high) == pytest.approx((-interval.high, -interval.low), abs=error, rel=0)


# --- McNemar, Holm, kappa ---


def discordant(first_only: int, second_only: int, both: int = 0, neither: int = 0) -> tuple[np.ndarray, np.ndarray]:
    first, second = answers([[neither, second_only], [first_only, both]])
    return first == 1, second == 1


def test_mcnemar_of_the_textbook():
    """Agresti, *Categorical Data Analysis*, table 10.1: approval of the prime minister, asked twice of 1,600 people.

    The exact p-value is that of ``mcnemar.exact`` of R's exact2x2, 3.716e-05.
    """
    first, second = discordant(150, 86, both=794, neither=570)
    exact = 2 * Fraction(sum(math.comb(236, few) for few in range(87)), 2**236)
    assert mcnemar(first, second) == pytest.approx(float(exact), rel=1e-9)
    assert mcnemar(first, second) == pytest.approx(3.716e-05, rel=1e-4)


@pytest.mark.parametrize(
    ("first_only", "second_only", "p_value"),
    [(0, 0, 1), (1, 0, 1), (1, 5, 14 / 64), (5, 1, 14 / 64), (0, 6, 2 / 64), (3, 3, 1), (2, 8, 2 * 56 / 1024)],
)
def test_mcnemar_by_hand(first_only, second_only, p_value):
    assert mcnemar(*discordant(first_only, second_only, both=7, neither=2)) == pytest.approx(p_value, rel=1e-12)


def test_mcnemar_is_right_one_time_in_twenty_at_most():
    """Where both models are equally good; the exact test keeps below its 5 %, and not far below at 100 discordant."""
    p_values = np.array([mcnemar(*discordant(one, 100 - one)) for one in range(101)])
    rejected = scipy.stats.binom.pmf(np.arange(101), 100, 0.5)[p_values <= 0.05].sum()
    assert 0.03 < rejected <= 0.05


def test_holm_by_hand():
    """0.005 × 4, 0.01 × 3, 0.03 × 2, and 0.04 × 1, which is raised to the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.7]) == [0.7]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_never_below_what_it_corrects_and_keeps_the_order(p_values):
    corrected = np.array(holm(p_values))
    raw = np.array(p_values)
    assert np.all(corrected >= raw)
    # Holm's correction is never larger than Bonferroni's.
    assert np.all(corrected <= np.minimum(raw * len(raw), 1) + 1e-12)
    assert np.all(np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0)
    assert corrected[raw.argmin()] == pytest.approx(min(1, raw.min() * len(raw)))


def test_kappa_of_the_textbook():
    """Fleiss, Levin and Paik, *Statistical Methods for Rates and Proportions*, table 18.1: (0.89 - 0.66) / 0.34."""
    assert kappa(*answers([[75, 1, 4], [5, 4, 1], [0, 0, 10]])) == pytest.approx(0.23 / 0.34)


def test_kappa_by_hand():
    assert kappa(*answers([[20, 5], [10, 15]])) == pytest.approx((0.7 - 0.5) / 0.5)
    assert kappa(*answers([[0, 5], [5, 0]])) == pytest.approx(-1)
    assert kappa(*answers([[0, 9], [0, 0]])) == 0
    assert kappa(*answers([[9, 0], [0, 0]])) is None
    assert kappa(*answers([[0, 0], [0, 9]])) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=60), st.sampled_from("hil"))
def test_kappa_is_that_of_scikit_learn(pairs, kind):
    first, second = np.array(pairs).astype(kind).T
    if len(np.unique([first, second])) == 1:
        assert kappa(first, second) is None
    else:
        assert kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_of_many_classes_of_two_bytes():
    """The number of a place in a table of 300 classes is above the largest of an int16."""
    classes = np.arange(300, dtype=np.int16)
    assert kappa(classes, classes) == pytest.approx(1)


# --- power ---


def test_reviews_needed_by_hand():
    """12 reviews for the first, 4 for the second, of 100: mean 0.08, variance (16 - 100 × 0.08²) / 99 = 0.155152.

    (1.959964 + 0.841621)² × 0.155152 / 0.08² = 190.3.
    """
    differences = repeated([1, -1, 0], [12, 4, 84])
    assert reviews_needed(differences) == 191
    assert reviews_needed(-differences) == 191
    # A hundred times the reviews, the same shares: n is the same but for the 99 (188.37 and 188.39).
    assert reviews_needed(np.tile(differences, 100)) == 189


def test_reviews_needed_where_it_cannot_be_known():
    assert reviews_needed(repeated([1, -1, 0], [5, 5, 90])) is None
    assert reviews_needed(np.zeros(10)) is None
    assert reviews_needed(np.ones(1)) is None
    assert reviews_needed(np.ones(10)) == 2
    # 1/7 + 2/7 + 4/7 - 1 is not 0 in floating point, in every order.
    assert reviews_needed(np.tile(np.array([1, 2, 4, -7]) / 7, 999)) is None


def test_so_many_reviews_have_80_percent_power():
    shares = {1.0: 0.062, -1.0: 0.04, 0.0: 0.898}
    reviews = reviews_needed(repeated(list(shares), [round(share * 100_000) for share in shares.values()]))
    simulations = 10_000
    counts = np.random.default_rng(4).multinomial(reviews, list(shares.values()), size=simulations)
    means = (counts[:, 0] - counts[:, 1]) / reviews
    variances = (counts[:, 0] + counts[:, 1]) / reviews - means**2
    rejected = np.mean(np.abs(means) / np.sqrt(variances / reviews) > scipy.stats.norm.ppf(0.975))
    assert rejected == pytest.approx(0.8, abs=four_errors(0.8, simulations))


@pytest.mark.parametrize(("effect", "needed"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_seeds_needed_are_those_of_g_power(effect, needed):
    """Matched pairs, small, medium and large effect (Cohen 1988): G*Power 3.1 and R's power.t.test say the same."""
    spread = np.array([-1.0, 0.0, 1.0])  # standard deviation 1
    assert seeds_needed(0.01 * (spread + effect)) == needed
    assert seeds_needed(-0.01 * (spread + effect)) == needed


def test_so_many_seeds_have_80_percent_power():
    """A whole number of seeds has at least 80 %, and one seed less has not."""
    needed = seeds_needed(np.array([-1.0, 0.0, 1.0]) + 0.9)
    simulations = 20_000
    generator = np.random.default_rng(8)

    def power(seeds: int) -> float:
        return np.mean(scipy.stats.ttest_1samp(generator.normal(0.9, 1, (simulations, seeds)), 0, axis=1).pvalue < 0.05)

    tolerance = four_errors(0.8, simulations)
    assert power(needed) > 0.8 - tolerance
    assert power(needed - 1) < 0.8 + tolerance
    assert power(needed - 2) < 0.8


def test_seeds_needed_where_it_cannot_be_known():
    assert seeds_needed(np.array([0.01])) is None
    assert seeds_needed(np.array([0.01, 0.01, 0.01])) is None
    assert seeds_needed(np.array([0.1 + 0.2, 0.3, 0.3])) is None
    assert seeds_needed(np.array([0.01, -0.01])) is None


@pytest.mark.filterwarnings("error")
@settings(deadline=None)
@given(st.floats(-5, 6), st.floats(-6, 0))
def test_seeds_needed_is_a_number_for_every_effect(effect, scale):
    """From 0.00001 to a million standard deviations; never fewer seeds than a z test needs, whose spread is known."""
    found = seeds_needed(10**scale * (np.array([-1.0, 0.0, 1.0]) + 10**effect))
    assert isinstance(found, int)
    assert found >= max(3, (1.96 + 0.84) ** 2 / 10 ** (2 * effect))


def test_more_effect_never_needs_more_seeds():
    found = [seeds_needed(np.array([-1.0, 0.0, 1.0]) + effect) for effect in np.geomspace(0.05, 50, 60)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 3


# --- pairs ---


def model(right: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return right, np.where(right, labels, 1 - labels).astype(np.int16)


def made_cells(seed: int = 0, reviews: int = 400) -> dict:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, reviews)
    names = ["keras/lstm", "keras/gru", "pytorch/lstm", "baseline/nb-svm", "baseline/majority"]
    return {
        name: {
            one: model(generator.random(reviews) < 0.6 + 0.1 * place, labels)
            for one in ([0] if name.startswith("baseline") else [0, 1, 2])
        }
        for place, name in enumerate(names)
    }


def test_pair_by_hand():
    """Ten reviews of class 1 and two seeds: the first is right about 8 and 9, the second about 7 and 7."""
    labels = np.ones(10, dtype=int)
    first = {0: model(so_many(8, 10), labels), 1: model(so_many(9, 10), labels)}
    second = {0: model(so_many(7, 10), labels), 1: model(so_many(7, 10), labels)}
    (pair,) = pairs_of({"keras/lstm": first, "flair/lstm": second})
    assert (pair.first, pair.second, pair.kind, pair.seeds) == ("keras/lstm", "flair/lstm", "framework", (0, 1))
    assert pair.difference.value == pytest.approx(0.15)
    assert (pair.first_only, pair.second_only) == (1.5, 0)
    assert pair.mcnemar == pair.holm == 1  # of one discordant review; of two it is 0.5
    assert pair.agreement == pytest.approx(0.85)
    # Seed 0: observed 0.9, by chance 0.8 × 0.7 + 0.2 × 0.3 = 0.62. Seed 1: 0.8, and 0.9 × 0.7 + 0.1 × 0.3 = 0.66.
    assert pair.kappa == pytest.approx((0.28 / 0.38 + 0.14 / 0.34) / 2)
    # By review one of 1, one of 1/2: mean 0.15, variance (1.25 - 10 × 0.15²) / 9 = 0.113889; 7.84888 × … / 0.0225.
    assert pair.reviews_needed == 40
    # By seed 0.1 and 0.2: the effect is 0.15 / 0.070711 = 2.12.
    assert pair.seeds_needed == 5


def test_pairs_are_all_pairs_in_order_and_of_their_kinds():
    found = [(pair.first, pair.second, pair.kind, pair.seeds) for pair in pairs_of(made_cells())]
    every = (0, 1, 2)
    assert found == [
        ("keras/lstm", "keras/gru", "architecture", every),
        ("keras/lstm", "pytorch/lstm", "framework", every),
        ("keras/lstm", "baseline/nb-svm", "baseline", every),
        ("keras/lstm", "baseline/majority", "baseline", every),
        ("keras/gru", "pytorch/lstm", "other", every),
        ("keras/gru", "baseline/nb-svm", "baseline", every),
        ("keras/gru", "baseline/majority", "baseline", every),
        ("pytorch/lstm", "baseline/nb-svm", "baseline", every),
        ("pytorch/lstm", "baseline/majority", "baseline", every),
        ("baseline/nb-svm", "baseline/majority", "baseline", (0,)),
    ]


def test_p_values_are_the_largest_over_the_seeds_and_holm_is_over_all_pairs():
    cells = made_cells()
    pairs = pairs_of(cells)
    for pair in pairs:
        first, second = cells[pair.first], cells[pair.second]
        of_seeds = [mcnemar(first.get(one, first[0])[0], second.get(one, second[0])[0]) for one in pair.seeds]
        assert pair.mcnemar == max(of_seeds)
    assert [pair.holm for pair in pairs] == holm([pair.mcnemar for pair in pairs])
    assert any(pair.holm < 0.05 for pair in pairs)


def test_only_common_seeds_count_and_cells_without_any_are_no_pair():
    cells = made_cells()
    networks = {name: cells[name] for name in ("keras/lstm", "keras/gru", "pytorch/lstm")}
    apart = {
        name: {one + place: models[one] for one in models} for place, (name, models) in enumerate(networks.items())
    }
    apart["pytorch/lstm"] = {7: cells["pytorch/lstm"][0]}
    apart["baseline/nb-svm"] = cells["baseline/nb-svm"]
    found = {(pair.first, pair.second): pair.seeds for pair in pairs_of(apart)}
    assert found == {
        ("keras/lstm", "keras/gru"): (1, 2),
        ("keras/lstm", "baseline/nb-svm"): (0, 1, 2),
        ("keras/gru", "baseline/nb-svm"): (1, 2, 3),
        ("pytorch/lstm", "baseline/nb-svm"): (7,),
    }
    assert pairs_of({}) == pairs_of({"keras/lstm": cells["keras/lstm"]}) == []


def test_models_of_other_reviews_are_refused():
    cells = made_cells()
    cells["pytorch/lstm"] = made_cells(reviews=399)["pytorch/lstm"]
    with pytest.raises(LockstepError, match="pytorch/lstm, seed 0: 399 reviews, other models have 400"):
        pairs_of(cells)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_identical_cells_do_not_differ(seed, reviews):
    """Kappa is 1, or undefined where every answer is the same class."""
    models = made_cells(seed, reviews)["keras/lstm"]
    (pair,) = pairs_of({"keras/lstm": models, "fastai/lstm": models})
    assert pair.difference == Interval(value=0, low=0, high=0)
    assert (pair.mcnemar, pair.holm, pair.agreement, pair.first_only, pair.second_only) == (1, 1, 1, 0, 0)
    assert pair.kappa in (1, None)
    assert pair.reviews_needed is pair.seeds_needed is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_swapped_cells_swap_the_pair(seed, reviews):
    made = made_cells(seed, reviews)
    (pair,) = pairs_of({name: made[name] for name in ("keras/gru", "pytorch/lstm")})
    (swapped,) = pairs_of({name: made[name] for name in ("pytorch/lstm", "keras/gru")})
    assert swapped.difference.value == -pair.difference.value
    if pair.difference.value:
        assert (swapped.difference.low, swapped.difference.high) == (-pair.difference.high, -pair.difference.low)
    assert (swapped.first_only, swapped.second_only) == (pair.second_only, pair.first_only)
    same = {"mcnemar", "holm", "kappa", "agreement", "reviews_needed", "seeds_needed", "kind", "seeds"}
    assert swapped.model_dump(include=same) == pytest.approx(pair.model_dump(include=same), rel=1e-12)


def test_chance_that_any_of_several_equal_pairs_differs_is_below_5_percent():
    """Four equally good models, six pairs: without the correction more than 10 % of studies would find a difference."""
    generator = np.random.default_rng(9)
    simulations = 1000
    raw = corrected = 0
    for _ in range(simulations):
        p_values = [mcnemar(first, second) for first, second in combinations(generator.random((4, 300)) < 0.85, 2)]
        raw += min(p_values) < 0.05
        corrected += min(holm(p_values)) < 0.05
    assert corrected / simulations <= 0.05 + four_errors(0.05, simulations)
    assert raw / simulations > 0.1


# --- variance ---


def with_accuracies(accuracies: list[list[float]], reviews: int) -> dict[str, dict[int, np.ndarray]]:
    frameworks = [f"framework {place}" for place in range(len(accuracies))]
    return {
        name: {seed: so_many(round(one * reviews), reviews) for seed, one in enumerate(row)}
        for name, row in zip(frameworks, accuracies, strict=True)
    }


def test_variance_by_hand():
    """Frameworks 0.82 and 0.86 (variance 0.0008), seeds 0.82, 0.84, 0.86 (variance 0.0004), no remainder."""
    found = variance_of("lstm", with_accuracies([[0.80, 0.82, 0.84], [0.84, 0.86, 0.88]], 100))
    assert (found.architecture, found.frameworks, found.seeds) == ("lstm", 2, (0, 1, 2))
    assert found.framework == pytest.approx(math.sqrt(0.0008))
    assert found.seed == pytest.approx(math.sqrt(0.0004))
    assert found.remainder == pytest.approx(0, abs=1e-9)


def test_variance_of_the_published_example():
    """Shrout and Fleiss 1979, tables 2 and 3: six targets by four judges, here tenths of an accuracy.

    Mean squares of targets 11.24, judges 32.49, residual 1.02.
    """
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = variance_of("gru", with_accuracies([[one / 10 for one in row] for row in ratings], 10))
    # Published with two decimals: 0.005 in a mean square of 1.02 is 0.25 % of a standard deviation.
    assert found.framework == pytest.approx(math.sqrt((11.24 - 1.02) / 4) / 10, rel=0.0025)
    assert found.seed == pytest.approx(math.sqrt((32.49 - 1.02) / 6) / 10, rel=0.0025)
    assert found.remainder == pytest.approx(math.sqrt(1.02) / 10, rel=0.0025)


def simulated(generator: np.random.Generator, framework: float, seed: float, remainder: float) -> Variance:
    shape = (8, 8)
    accuracies = (
        0.85
        + generator.normal(0, framework, (shape[0], 1))
        + generator.normal(0, seed, (1, shape[1]))
        + generator.normal(0, remainder, shape)
    )
    return variance_of("lstm", with_accuracies(accuracies.tolist(), 4000))


def test_variance_split_recovers_its_parts():
    """Of 8 frameworks and 8 seeds the estimated variances have a standard error of about √(2/7) of themselves.

    That is 2.7 % of the mean of 400, and four of it 11 %. Rounding to 4,000 reviews is a hundredth of the smallest.
    """
    generator = np.random.default_rng(10)
    parts = {"framework": 0.02, "seed": 0.03, "remainder": 0.01}
    found = [simulated(generator, **parts) for _ in range(400)]
    for name, part in parts.items():
        assert np.mean([getattr(one, name) ** 2 for one in found]) == pytest.approx(part**2, rel=0.11)


def test_spread_of_seeds_is_not_taken_for_a_framework():
    """Without any effect of the framework half of the estimates are 0, and those of the plain means never are."""
    generator = np.random.default_rng(11)
    found = [simulated(generator, framework=0, seed=0.01, remainder=0.01) for _ in range(200)]
    assert np.mean([one.framework == 0 for one in found]) > 0.4
    assert np.median([one.framework for one in found]) < 0.01 / 4
    assert np.median([one.seed for one in found]) == pytest.approx(0.01, rel=0.2)


def test_one_seed_and_one_framework_have_the_plain_variance_of_the_rest():
    one_seed = variance_of("lstm", with_accuracies([[0.8], [0.9]], 100))
    assert one_seed.seed is one_seed.remainder is None
    assert one_seed.framework == pytest.approx(math.sqrt(0.005))
    one_framework = variance_of("lstm", with_accuracies([[0.8, 0.9]], 100))
    assert one_framework.framework is one_framework.remainder is None
    assert one_framework.seed == pytest.approx(math.sqrt(0.005))
    alone = variance_of("lstm", with_accuracies([[0.8]], 100))
    assert alone.seed is alone.framework is alone.remainder is None
    assert alone.reviews == pytest.approx(math.sqrt(0.8 * 0.2 / 100))


def test_only_seeds_that_all_frameworks_have_are_split():
    right = with_accuracies([[0.80, 0.82, 0.84], [0.84, 0.86, 0.88]], 100)
    more = {
        "keras": {**right["framework 0"], 5: so_many(3, 100)},
        "flair": {**right["framework 1"], 9: so_many(3, 100)},
    }
    assert variance_of("lstm", more) == variance_of("lstm", right)
    with pytest.raises(LockstepError, match="lstm: no seed that all frameworks have"):
        variance_of("lstm", {"keras": {0: so_many(8, 10)}, "flair": {1: so_many(8, 10)}})
    with pytest.raises(LockstepError, match="no seed"):
        variance_of("lstm", {})


def test_spread_by_the_sample_of_reviews_is_that_of_new_samples():
    """Six models of one world of reviews: the mean accuracy on other samples spreads as each sample says of itself.

    The spread of 2,000 means is known to 1 / √4,000 = 1.6 %, four of which are 6.3 %. For independent models it would
    be 0.6 of it, for a single model 1.5 times.
    """
    generator = np.random.default_rng(12)
    means, said = [], []
    for _ in range(2000):
        difficulty = generator.beta(1.5, 0.3, 200)
        right = generator.random((2, 3, 200)) < difficulty
        models = {name: dict(enumerate(seeds)) for name, seeds in zip(("keras", "flair"), right, strict=True)}
        means.append(right.mean())
        said.append(variance_of("lstm", models).reviews)
    assert np.mean(said) == pytest.approx(np.std(means), rel=0.063)
