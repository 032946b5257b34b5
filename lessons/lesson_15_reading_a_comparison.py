# %% [markdown]
# # 15. Reading a comparison
#
# **After this lesson you can**
#
# - say what a 95 % interval promises, and check by simulation that it keeps the promise;
# - compare two models on the same reviews with McNemar's test, by hand, and correct for many comparisons;
# - tell how much of a difference is the seed, and how many seeds it takes to see one;
# - recognise a figure that is too good: joined rows, training reviews, a class that is most of the data.
#
# You need means and standard deviations. Everything else is built here.

# %% [markdown]
# ## Two archers
#
# Two archers shoot at a fair. One hits 88 times in 100, the other 86 times. A sign goes up: *best archer of the valley*.
# Next year they shoot again, and it is the other way round. Nobody was cheating. A hundred arrows are just too few to tell
# two such archers apart.
#
# A comparison of models is such a fair. The arrows are test reviews, a hit is a right answer, and the sign is a bold number
# in a table. There is one thing at our fair that the archers do not have: both models shoot at **the same targets**. A
# review that is hard for one is often hard for the other. This helps a great deal, if we use it. It is also a trap, if a
# program mixes the targets up. A published result stood for three years before somebody saw that this had happened. We come
# to that at the end.

# %% [markdown]
# ## The equations
#
# Of $n$ test reviews $k$ are answered rightly. The accuracy is $\hat p = k/n$. Its 95 % **Wilson interval** (Wilson 1927) is
#
# $$\frac{\hat p + \frac{q^2}{2n} \pm q \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{q^2}{4 n^2}}}{1 + \frac{q^2}{n}}$$
#
# For two models on the same reviews, only those count that one gets right and the other wrong: $b$ for the first, $c$ for
# the second. If both models are equally good, each such review is a toss of a coin. So the **exact McNemar test** (McNemar
# 1947) asks how rare so uneven a row of tosses is:
#
# $$P = \min\Bigl(1, \; 2 \sum_{i=0}^{\min(b, c)} \binom{b + c}{i} \, 2^{-(b + c)}\Bigr)$$
#
# | symbol | what it is | example |
# | --- | --- | --- |
# | $n$, $k$, $\hat p$ | test reviews, right answers, accuracy | 5,001 reviews |
# | $q$ | 97.5 % point of the normal distribution | 1.96 |
# | $b$, $c$ | reviews that only the first, only the second gets right | 196 and 272 |
# | $P$ | how often equal models look at least so unequal | below |

# %% tags=["hide-input"]
from __future__ import annotations

from collections.abc import Sequence
from math import comb, erf, gamma, sqrt
from typing import Any

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture, read_results
from shared.data.encoded import EncodedReviews
from shared.frameworks import FRAMEWORKS
from shared.loading import load_corpus
from shared.metrics import accuracy_interval
from shared.specification import preset
from shared.vectors import load_vectors

# %%
Q = 1.959963984540054


def wilson(p: np.ndarray | float, n: int) -> tuple[Any, Any]:
    """Return the two ends of the interval of an accuracy on n reviews."""
    middle, half = p + Q**2 / (2 * n), Q * np.sqrt(p * (1 - p) / n + Q**2 / (4 * n**2))
    return (middle - half) / (1 + Q**2 / n), (middle + half) / (1 + Q**2 / n)


def mcnemar(b: int, c: int) -> float:
    """Return P, with whole numbers as long as possible."""
    return min(1.0, 2 * sum(comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c))


low, high = wilson(0.88, 100)
claim(
    f"the archer with 88 of 100 is somewhere between {low:.0%} and {high:.0%}; the project's own function says the same",
    np.allclose((low, high), accuracy_interval(0.88, 100), atol=1e-9) and low < 0.86,
)

# %% [markdown]
# ## What 95 % means
#
# It is a promise about the *method*: of all intervals made in this way, about 95 in 100 hold the true accuracy. We can hold it
# to that, for in a simulation we know the truth. Take a model that is right 88 times in 100, and test it 20,000 times on
# fresh reviews.

# %%
generator = np.random.default_rng(0)
TRUTH, REVIEWS, TIMES = 0.88, 500, 20_000
low, high = wilson(generator.binomial(REVIEWS, TRUTH, TIMES) / REVIEWS, REVIEWS)
covered = float(((low <= TRUTH) & (high >= TRUTH)).mean())
error = 3 * sqrt(0.95 * 0.05 / TIMES)  # three standard errors of a share of so many
claim(
    f"{covered:.1%} of 20,000 intervals hold the truth (the simulation itself is good to {error:.1%})",
    abs(covered - 0.95) < 0.01,
)

# %%
with picture(
    "Sixty tests of the same model. About one interval in twenty misses the truth, and nothing tells you which.",
    "Sixty vertical intervals around 88 per cent. A few, in another colour, lie wholly above or below the dotted line.",
    width=6,
    height=3,
) as figure:
    (axes,) = axes_of(figure)
    for number in range(60):
        misses = not low[number] <= TRUTH <= high[number]
        axes.plot(
            [number] * 2, [100 * low[number], 100 * high[number]], color=COLOURS[int(misses)], linewidth=2 + 2 * misses
        )
    axes.axhline(100 * TRUTH, color="black", linestyle=":")
    axes.set(xlabel="test", ylabel="accuracy, %")

# %% [markdown]
# Many texts use a shorter interval, $\hat p \pm q \sqrt{\hat p (1 - \hat p) / n}$. It breaks its promise where accuracies are
# high and tests are small, where Wilson's comes close. Take a model that is right 98 times in 100, and 50 reviews:

# %%
n, truth = 50, 0.98
p = generator.binomial(n, truth, TIMES) / n
half = Q * np.sqrt(p * (1 - p) / n)
short = float(((p - half <= truth) & (truth <= p + half)).mean())
low, high = wilson(p, n)
kept = float(((low <= truth) & (truth <= high)).mean())
claim(
    f"the short interval holds the truth in {short:.0%} of the tests, Wilson's in {kept:.0%}",
    short < 0.75 and kept > 0.9,
)

# %% [markdown]
# ## The same reviews
#
# Now real figures. The project trained four frameworks and some simple models, and tested all on the same 5,001 reviews.

# %%
quick = read_results("quick/statistics.json")
cells = {f"{one['framework']}/{one['architecture']}": one["accuracy"] for one in [*quick["cells"], *quick["baselines"]]}
pairs = {(one["first"], one["second"]): one for one in quick["pairs"]}
LSTM, COUNTS = "keras/lstm", "baseline/tf-idf"
for name in (LSTM, COUNTS):
    print(f"{name:18} {cells[name]['value']:.2%}   {cells[name]['low']:.2%} to {cells[name]['high']:.2%}")
pair = pairs[LSTM, COUNTS]
b, c = int(pair["first_only"]), int(pair["second_only"])
P = mcnemar(b, c)
print(f"only the LSTM is right: {b}; only TF-IDF is right: {c}; P = {P:.4f}")

# %%
n = quick["data"]["sizes"]["test"]
claim(
    f"of {n:,} test reviews {b} are right with the LSTM only, {c} with TF-IDF only",
    n == 5_001 and b < c and b + c > 400,
)
claim("the two intervals overlap", cells[LSTM]["high"] > cells[COUNTS]["low"])
claim(f"yet equal models would look so unequal in {P:.2%} of all tests only", P < 0.01)
worst = max(abs(mcnemar(int(one["first_only"]), int(one["second_only"])) - one["mcnemar"]) for one in pairs.values())
claim(
    f"our test gives the P of all {len(pairs)} pairs in the project's report; the largest difference is {worst:.0e}",
    worst < 1e-9,
)

# %% [markdown]
# So **overlapping intervals do not mean “no difference”**. Each interval allows for luck: the reviews that were drawn may have
# been easy or hard. But they were the same for both models, so in the pair most of that luck cancels. How large is the
# difference? Draw reviews with replacement, each with both answers, and look at how the difference moves. This is the
# **paired bootstrap** (Efron & Tibshirani 1993).

# %%
draws = generator.multinomial(n, [b / n, c / n, 1 - (b + c) / n], size=10_000)
low, high = np.quantile((draws[:, 0] - draws[:, 1]) / n, [0.025, 0.975])
claim(
    f"LSTM less TF-IDF: {(b - c) / n:+.1%}, interval {low:+.1%} to {high:+.1%}, as in the report",
    abs(low - pair["difference"]["low"]) < 0.001 and abs(high - pair["difference"]["high"]) < 0.001 and high < 0,
)

# %% [markdown]
# ## Many comparisons
#
# At a fair with twenty pairs of equal archers, a 5 % test puts up a sign for one of them. On average, that is one false sign.
# The **correction of Holm** (1979) takes the number of tests into account. Sort the P values. Multiply the smallest by $m$, the
# number of tests, the next by $m - 1$, and so on, and never let one fall below the one before it.


# %%
def holm(values: Sequence[float]) -> np.ndarray:
    """Return the corrected P values, in their order."""
    p = np.asarray(values)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


equal = np.random.default_rng(1).uniform(size=(20_000, 20))  # P values of twenty tests where nothing differs
signs = float((equal < 0.05).any(axis=1).mean())
after = float(np.mean([(holm(row) < 0.05).any() for row in equal]))
claim(
    f"with twenty equal pairs, {signs:.0%} of the fairs put up a false sign; after Holm {after:.1%}",
    signs > 0.55 and after < 0.06,
)

# %%
recorded = [one["mcnemar"] for one in pairs.values()]
corrected = holm(recorded)
claim("our correction is the report's", np.allclose(corrected, [one["holm"] for one in pairs.values()], atol=1e-9))
claim(
    f"of {len(pairs)} pairs {sum(p < 0.05 for p in recorded)} are below 5 % alone, {int((corrected < 0.05).sum())} after the "
    "correction",
    len(pairs) == 153 and (corrected < 0.05).sum() < sum(p < 0.05 for p in recorded),
)
doubtful = max((one for one in pairs.values() if one["mcnemar"] < 0.05), key=lambda one: one["mcnemar"])
claim(
    f"{doubtful['first']} against {doubtful['second']}: {doubtful['mcnemar']:.4f} alone, {doubtful['holm']:.3f} after it",
    doubtful["holm"] > 0.05,
)
ties = [one for one in pairs.values() if one["kind"] == "framework" and one["first_only"] == one["second_only"] == 0]
claim(f"{len(ties)} pairs of frameworks are ties: not one review is answered differently", len(ties) >= 9)

# %% [markdown]
# Three readings of that last pair, and all three are right. Alone, its two models differ. Picked out of 153 pairs, the evidence
# is not quite enough. Say beforehand which pair you care about, and you need no correction. A **tie** is a result as well: a
# table that calls one of several equal models “first” has invented something.
#
# ## Seeds against frameworks
#
# An interval from reviews says nothing about **seeds**, the starting points of training. For that one has to train again.
# On the official 25,000 test reviews each framework was trained with three seeds.

# %%
full = read_results("full/statistics.json")
by_seed = {
    name: np.array(
        [
            [100 * run["metrics"]["accuracy"] for run in cell["runs"]]
            for framework in FRAMEWORKS
            for cell in full["cells"]
            if (cell["framework"], cell["architecture"]) == (framework, name)
        ]
    )
    for name in ("lstm", "gru", "bilstm")
}  # of each architecture: <float>[frameworks, seeds]

# %%
with picture(
    "Each row is one seed, and each mark a framework. The marks lie on one another; the rows do not. Bar: Wilson's interval.",
    "Three panels, LSTM, GRU and BiLSTM. In each, three rows of four marks that nearly coincide, at accuracies that differ "
    "from row to row by 0.1 to 0.4 points, and a bar about 0.7 points wide.",
    width=6,
    height=3,
) as figure:
    for axes, (name, table) in zip(axes_of(figure, 1, 3, sharex=True, sharey=True), by_seed.items(), strict=True):
        for number, row in enumerate(table):
            axes.plot(row, [3, 2, 1], "osv^"[number], color=COLOURS[number], alpha=0.7, markersize=8)
        axes.plot([100 * end for end in wilson(table.mean() / 100, 25_000)], [0, 0], color="black", linewidth=4)
        axes.set_yticks([3, 2, 1, 0], ["seed 0", "seed 1", "seed 2", "reviews"])
        axes.set(xlabel=f"{name.upper().replace('BIL', 'BiL')}, %", ylim=(-0.5, 3.5))

# %%
over_frameworks = max(float(np.ptp(table, axis=0).max()) for table in by_seed.values())
over_seeds = max(float(np.ptp(table, axis=1).max()) for table in by_seed.values())
claim(
    f"with one seed the frameworks are {over_frameworks:.2f} points apart at most, with one framework the seeds {over_seeds:.2f}",
    over_frameworks < 0.15 and over_seeds > 2 * over_frameworks,
)

# %% [markdown]
# Had we trained each framework with *its own* seed, we might have seen a third of a point, and somebody would have explained
# it. With equal seeds the difference is gone. Compare in pairs: same seed, same reviews.
#
# ## How many seeds?
#
# Let the true difference be $d$, and let it move from seed to seed with standard deviation $s$. A $t$ test over $m$ seeds finds
# it if $|\bar d| / (\hat s / \sqrt m)$ is above the 97.5 % point of the $t$ distribution with $m - 1$ degrees of freedom. How
# often it does is its **power**. We compute the point from the density, and the power by simulation.


# %%
def t_point(freedom: int, share: float = 0.975) -> float:
    """Return the point of the t distribution below which this share lies."""
    t = np.linspace(0, 200, 400_001)
    scale = gamma((freedom + 1) / 2) / (sqrt(freedom * np.pi) * gamma(freedom / 2))
    density = scale * (1 + t**2 / freedom) ** (-(freedom + 1) / 2)
    below = 0.5 + np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * (t[1] - t[0]))])
    return float(np.interp(share, below, t))


def power(seeds: int, ratio: float, times: int = 10_000) -> float:
    """Return how often a difference of `ratio` standard deviations is found with so many seeds."""
    d = np.random.default_rng(seeds).normal(ratio, 1, size=(times, seeds))
    t = np.abs(d.mean(axis=1)) / (d.std(axis=1, ddof=1) / sqrt(seeds))
    return float((t > t_point(seeds - 1)).mean())


SEEDS = (2, 3, 4, 5, 7, 10, 15, 20, 30)
RATIOS = np.arange(0, 3.01, 0.25)
powers = [[round(power(seeds, ratio), 3) for ratio in RATIOS] for seeds in SEEDS]
claim(f"the point for 9 degrees of freedom is {t_point(9):.3f}", abs(t_point(9) - 2.262) < 0.001)
claim(
    f"a difference as large as its own spread is found in {power(3, 1):.0%} of the cases with 3 seeds, in {power(10, 1):.0%} with 10",
    power(3, 1) < 0.3 and power(10, 1) > 0.7,
)
claim(
    f"where there is none, {power(5, 0):.0%} of the tests find one all the same: that is the 5 %",
    abs(power(5, 0) - 0.05) < 0.015,
)

# %%
interaction(
    "lesson_15",
    {"seeds": SEEDS, "ratios": RATIOS.tolist(), "power": powers},
    "How many seeds? Set the true difference, how far seeds move it, and how many you train.",
)

# %% [markdown]
# ## How 97.42 became 93.68
#
# In 2019 a paper reported 97.42 % on the official film reviews (Thongtan & Phienthrakul 2019). Its model joined two descriptions
# of each review: a learnt vector, and weighted counts of runs of words. By 2022 the much larger pre-trained Transformers had not
# surpassed it. Zhang & Arefyev (2022) wanted to know what made it so good, and found an error in how it was evaluated. Put
# right, the accuracy is 93.68 %. The two sets of descriptions had been **in different orders**, so that joined rows did not
# belong to one review. The authors had published their code and data, and that is how it could be found.
#
# One would expect that mixed-up rows make a result *worse*. Why was it better? We build it: two small models, both on the same
# 3,000 test reviews. One weighs which words occur (naive Bayes), the other takes the mean of their vectors.

# %%
corpus = load_corpus(preset("smoke").replaced(reviews=6_000, test_fraction=0.5, max_length=200, vocabulary_size=5_000))
words = len(corpus.vocabulary)
vectors = np.asarray(load_vectors("glove", corpus.vocabulary, 50).vectors, np.float64)


def occurring(reviews: EncodedReviews) -> np.ndarray:
    """Return which words each review has, ``[reviews, words]``, without padding and the unknown word."""
    found = np.zeros((len(reviews), words))
    for row, tokens in enumerate(reviews.whole()):
        found[row, tokens] = 1
    found[:, :2] = 0
    return found


train, test = occurring(corpus.train), occurring(corpus.test)
y, labels = np.asarray(corpus.train.labels), np.asarray(corpus.test.labels)

# %%
good, bad = 1 + train[y == 1].sum(axis=0), 1 + train[y == 0].sum(axis=0)
ratio = np.log(good / good.sum()) - np.log(bad / bad.sum())  # naive Bayes: a weight for each word


def means(found: np.ndarray) -> np.ndarray:
    """Return the mean vector of each review's words, and a one."""
    return np.column_stack([found @ vectors / np.maximum(found.sum(axis=1, keepdims=True), 1), np.ones(len(found))])


w = np.zeros(51)  # logistic regression, by Newton's method
for _ in range(15):
    x, p = means(train), 1 / (1 + np.exp(-means(train) @ w))
    w -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(51), x.T @ (p - y) + 1e-3 * w)
first, second = test @ ratio, means(test) @ w
first, second = first / first.std(), second / second.std()


def right(scores: np.ndarray) -> float:
    """Return the share of test reviews whose sign is right."""
    return float(((scores > 0) == labels).mean())


# %% [markdown]
# Now join the two in three ways: each review with itself; each with *another review of the same label*, as happens when both
# files have all good reviews first and then all bad ones; and each with any other.


# %%
def of_same_label(scores: np.ndarray) -> np.ndarray:
    """Shuffle scores among the good reviews, and among the bad ones."""
    shuffled = scores.copy()
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        shuffled[rows] = scores[generator.permutation(rows)]
    return shuffled


joined = {
    "first model alone": right(first),
    "second model alone": right(second),
    "joined, the same review": right(first + second),
    "joined, same label": float(np.mean([right(first + of_same_label(second)) for _ in range(20)])),
    "joined, any review": float(np.mean([right(first + generator.permutation(second)) for _ in range(20)])),
}
for what, value in joined.items():
    print(f"{what:26} {value:.1%}")
itself, same_label, any_review = list(joined.values())[2:]
claim(f"the wrong join with equal labels gains {100 * (same_label - itself):.1f} points", same_label - itself > 0.025)
claim(f"a join with any review loses {100 * (itself - any_review):.1f} points", itself - any_review > 0.05)

# %%
with picture(
    "The same two models, joined three ways. The best figure is the wrong one.",
    "Five horizontal bars of accuracy. The join with another review of the same label is longest, about 87 per cent; the "
    "right join has about 82, the join with any review about 70.",
    width=6,
    height=2.6,
) as figure:
    (axes,) = axes_of(figure)
    colours = [COLOURS[5], COLOURS[5], COLOURS[0], COLOURS[1], COLOURS[1]]
    axes.barh(list(joined), [100 * value for value in joined.values()], color=colours, height=0.6)
    for height, value in enumerate(joined.values()):
        axes.text(100 * value + 0.5, height, f"{value:.1%}", va="center")
    axes.invert_yaxis()
    axes.set(xlabel="test accuracy, %", xlim=(50, 93))

# %% [markdown]
# The right join does not even help here: the second model is too weak. The wrong one with equal labels looks like a great
# success. Now it is plain why. Two models that read **the same** hard review tend to be wrong together. Two that read two
# *different* bad reviews make their mistakes independently, so one helps the other. It is as if every test review came with a
# second one, and with the promise that both have the same label. Nobody has that where the model is used. The published figure
# rose as well, and a join with any review lowers it. The rise suggests that there, too, most joined rows had the same label.
#
# Is there a check that would have caught it? Yes. Look at one label only. There the right join leaves the two models
# related, because a hard review is hard for both. The wrong join leaves nothing.

# %%
bad_only = labels == 0
related = float(np.corrcoef(first[bad_only], second[bad_only])[0, 1])
unrelated = float(np.corrcoef(first[bad_only], of_same_label(second)[bad_only])[0, 1])
claim(
    f"among bad reviews the two models' scores correlate with {related:.2f}; joined wrongly with {unrelated:.2f}",
    related > 0.2 and abs(unrelated) < 0.1,
)

# %% [markdown]
# Better still, never join by position. Each row carries an id, and rows are joined by it. The project's predictions do.

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **Evaluation on training data.** One course evaluates on the training texts in its prose, and on the test texts in its code. The two numbers are not alike, as the next cell shows for naive Bayes.
# - **“86 %”, without the majority class.** Accuracy means nothing until one knows what the most frequent class alone would give.
#   If 86 of 100 reviews are good, “good” is right 86 times, and has read nothing.
# - **“The intervals overlap, so there is no difference.”** See above. The pair decides.
# - **“The interval is narrow, so the result is sound.”** It only says how many reviews there were. Exercise 1.

# %%
seen, fresh = float(((train @ ratio > 0) == y).mean()), right(test @ ratio)
claim(f"naive Bayes: {seen:.0%} on the reviews it was trained on, {fresh:.0%} on others", seen - fresh > 0.05)
reuters = read_results("reuters-tuned/statistics.json")
most = [
    one["accuracy"]["value"] for of in (quick, reuters) for one in of["baselines"] if one["architecture"] == "majority"
]
claim(
    f"the majority class alone has {most[0]:.1%} on these film reviews, {most[1]:.1%} on Reuters, which has 46 classes",
    abs(most[0] - 0.5) < 0.01 and 0.3 < most[1] < 0.4,
)
agreement = read_results("agreement/statistics.json")
(rnn,) = (one for one in agreement["cells"] if (one["framework"], one["architecture"]) == ("keras", "rnn"))
claim(
    f"a simple RNN on lesson 10's task: {rnn['accuracy']['value']:.2%}, known to within a point or so, and no better than a coin",
    rnn["accuracy"]["low"] < 0.5 < rnn["accuracy"]["high"] and rnn["accuracy"]["high"] - rnn["accuracy"]["low"] < 0.03,
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Give 97.42 % and 93.68 % on 25,000 reviews their Wilson intervals. Do they overlap? What did the interval not protect from?

# %% tags=["solution"]
wrong, corrected_one = wilson(0.9742, 25_000), wilson(0.9368, 25_000)
claim(
    f"{wrong[0]:.2%} to {wrong[1]:.2%} and {corrected_one[0]:.2%} to {corrected_one[1]:.2%}: far apart, and the error is in neither",
    wrong[0] > corrected_one[1] and wrong[1] - wrong[0] < 0.005,
)

# %% [markdown]
# ### Exercise 2
#
# Ten seeds of one model have true accuracies around 88 % with a standard deviation of 0.3 points. Somebody reports the best.
# By how much is that too good, on average?

# %% tags=["solution"]
best = generator.normal(88, 0.3, size=(20_000, 10)).max(axis=1)
claim(f"the best of ten is {best.mean() - 88:.2f} points above the model", 0.4 < best.mean() - 88 < 0.52)

# %% [markdown]
# ### Exercise 3
#
# How many test reviews does it take to see the difference of LSTM and TF-IDF in 80 of 100 tests? A test of the mean difference
# $d$ needs $(1.96 + 0.84)^2 s^2 / d^2$, where $s^2$ is the variance of one review's difference: 1, 0 or −1.

# %% tags=["solution"]
d = (b - c) / n
variance = (b + c) / (n - 1) - d**2 * n / (n - 1)
quantile = np.interp(0.8, [0.5 * (1 + erf(x / sqrt(2))) for x in np.linspace(0, 2, 20_001)], np.linspace(0, 2, 20_001))
needed = int(np.ceil((Q + quantile) ** 2 * variance / d**2))
claim(
    f"about {needed:,} reviews; the report says {pair['reviews_needed']:,}", abs(needed - pair["reviews_needed"]) <= 2
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/metrics.py#accuracy_interval`: Wilson's interval.
# - {source}`compare/report/inference.py#mcnemar`, {source}`compare/report/inference.py#holm`,
#   {source}`compare/report/inference.py#paired_bootstrap`, {source}`compare/report/inference.py#seeds_needed`: what was built here.
# - {source}`compare/report/verdict.py`: from these figures to sentences.
#
# This is the last lesson. The first was [why order matters](lesson_01_why_order_matters.ipynb), and the shortest way through
# all of it is [one model, four frameworks](lesson_12_one_model_four_frameworks.ipynb).
