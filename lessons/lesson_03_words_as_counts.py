# %% [markdown]
# # 3. Words as counts
#
# **After this lesson you can**
#
# - turn a text into a row of numbers: one-hot vectors, a bag of words, counts, n-grams;
# - work out TF-IDF on paper, in the form of the textbooks and in that of scikit-learn, and say where they differ;
# - train a linear model on such rows, and say what it can learn and what it never can.
#
# You need vectors, logarithms, and Python. How the texts were cleaned stands in
# [the lesson before](lesson_02_cleaning_text.ipynb).

# %% [markdown]
# ## Two letters to Rome
#
# In 47 BC Caesar won a battle at Zela in a few hours. It is told that he reported it to a friend in Rome with three words:
# *veni, vidi, vici*. Let us say that the report arrived as two letters. The first says *I came I saw*. The second says
# *I conquered*.
#
# An archivist in Rome has a thousand letters to file and no time to read. For each letter he notes which words stand in it.
# One day somebody asks for “the letter about the victory”. The note *I* is no help: every general writes *I*. The note
# *conquered* stands on one letter only, and that is the one.
#
# So a word says much about a text if it is **frequent in this text** and **rare in the others**. In 1972 Karen Spärck Jones
# turned the second half of that sentence into a formula. Search engines have used it ever since.

# %% [markdown]
# ## From a word to a row of numbers
#
# Number the different words of all texts; each is a **term**. The **one-hot** vector $e_j$ of term number $j$ has a one at
# place $j$ and zeros elsewhere. A text is a sequence of words $w_1 \dots w_T$. Add up their one-hot vectors and you have the
# text's **counts**:
#
# $$x_d = \sum_{t=1}^{T} e_{w_t} \qquad\qquad \text{bag of words: } \min(1, x_d)$$
#
# The sum forgets who came first. That is the price of all methods in this lesson. The **bag of words** of this lesson also
# forgets how often: it only says which terms are there. (That of lesson 1 had counts in it.)
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $N$ | number of texts | 2 |
# | $M$ | number of terms, the size of the vocabulary | 4 |
# | $e_j$ | one-hot vector of term $j$ | 4 |
# | $x$ | counts; $x_{dj}$ says how often text $d$ has term $j$ | 2 × 4 |
# | $n_j$ | in how many texts term $j$ stands | 4 |
# | $\mathrm{tf}$ | term frequency: the share of a text's words | 2 × 4 |
# | $\mathrm{idf}$ | inverse document frequency: how rare a term is | 4 |

# %% tags=["hide-input"]
from __future__ import annotations

import re
from typing import Any

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.loading import load_corpus
from shared.specification import preset
from shared.text import DEFAULT_CLEANING, Pipeline
from shared.text.tokens import tokenize
from shared.text.vectorizers import bag_of_words, counts, textbook_tf_idf, tf_idf

# %%
CLEAN = Pipeline.parse(DEFAULT_CLEANING)
LETTERS = ["I came I saw", "I conquered"]


def terms_of(text: str, longest: int = 1) -> list[str]:
    """Return the words of a text and, if asked, the runs of up to `longest` words."""
    w = tokenize(CLEAN(text))
    return [" ".join(w[t : t + n]) for n in range(1, longest + 1) for t in range(len(w) - n + 1)]


def count(texts: list[str], terms: list[str], longest: int = 1) -> np.ndarray:
    """Return the counts: the sum of the one-hot vectors of each text's terms."""
    e = dict(zip(terms, np.eye(len(terms)), strict=True))
    nothing = np.zeros(len(terms))
    return np.array([sum((e[term] for term in terms_of(text, longest) if term in e), nothing) for text in texts])


terms = sorted({term for text in LETTERS for term in terms_of(text)})
x = count(LETTERS, terms)
print(terms)
print(x.astype(int))

# %% [markdown]
# The project counts with scikit-learn, told to use the project's own cleaning and words. It must come to the same:

# %%
claim(
    "the counts here and those of the project are equal, and so are the bags of words",
    np.array_equal(counts(CLEAN).fit_transform(LETTERS).toarray(), x)
    and np.array_equal(bag_of_words(CLEAN).fit_transform(LETTERS).toarray(), np.minimum(1, x)),
)

# %% [markdown]
# ## TF-IDF, in two forms
#
# TF-IDF multiplies two numbers: how frequent is the term here, and how rare is it elsewhere? The recipe of the textbooks
# and that of scikit-learn bear one name and give different numbers.
#
# | | textbook | scikit-learn, “smoothed” |
# | --- | --- | --- |
# | frequent here | $\mathrm{tf}_{dj} = \dfrac{x_{dj}}{\sum_k x_{dk}}$ | $\mathrm{tf}_{dj} = x_{dj}$ |
# | rare elsewhere | $\mathrm{idf}_j = \ln \dfrac{N}{n_j}$ | $\mathrm{idf}_j = 1 + \ln \dfrac{1 + N}{1 + n_j}$ |
# | the product | $\mathrm{tf}_{dj} \, \mathrm{idf}_j$ | $\mathrm{tf}_{dj} \, \mathrm{idf}_j$, then each row divided by its length |
#
# The length of a row is the root of the sum of its squares.


# %%
def textbook(x: np.ndarray) -> np.ndarray:
    """Weigh counts as textbooks do."""
    N, n = len(x), (x > 0).sum(axis=0)
    tf = x / x.sum(axis=1, keepdims=True)
    idf = np.log(N / n)
    return tf * idf


def smoothed(x: np.ndarray) -> np.ndarray:
    """Weigh counts as scikit-learn does."""
    N, n = len(x), (x > 0).sum(axis=0)
    idf = 1 + np.log((1 + N) / (1 + n))
    weighed = x * idf
    return weighed / np.sqrt((weighed**2).sum(axis=1, keepdims=True))


conquered, i = terms.index("conquered"), terms.index("i")
print("textbook:", *(f"{term} {weight:.3f}" for term, weight in zip(terms, textbook(x)[1], strict=True)))
print("smoothed:", *(f"{term} {weight:.3f}" for term, weight in zip(terms, smoothed(x)[1], strict=True)))

# %% [markdown]
# Do it once on paper. *Conquered* is one of the two words of the second letter, so its term frequency is $\tfrac12$. It stands
# in one of two letters, so its inverse document frequency is $\ln \tfrac21$. The product is $\tfrac12 \ln 2$. And *I*? It
# stands in both letters, $\ln \tfrac22 = 0$, so its weight is zero however often Caesar says it.

# %%
claim(
    f"textbook TF-IDF of “conquered” in the second letter is {textbook(x)[1, conquered]:.4f}, and ½ ln 2 is "
    f"{np.log(2) / 2:.4f}",
    np.isclose(textbook(x)[1, conquered], np.log(2) / 2, atol=1e-12),
)
claim(
    f"“I” weighs {textbook(x)[1, i]:.0f} in the textbook's form and {smoothed(x)[1, i]:.2f} in the smoothed one",
    textbook(x)[1, i] == 0 and 0.5 < smoothed(x)[1, i] < 0.6,
)
ours, theirs = (textbook, smoothed), (textbook_tf_idf, tf_idf)
errors = [np.abs(weigh(x) - make(CLEAN).fit_transform(LETTERS)).max() for weigh, make in zip(ours, theirs, strict=True)]
claim("both forms are those of the project, to twelve digits", max(errors) < 1e-12)

# %%
with picture(
    "The same two letters, weighed twice. The textbook's form erases “I”; the smoothed one keeps it.",
    "Two tables of four words and two letters. Textbook: I is 0 in both letters, conquered 0.35, came and saw 0.17. "
    "Smoothed: in the first letter I has 0.71, in the second 0.58; conquered 0.81; came and saw 0.50.",
    width=5.2,
    height=2.8,
) as figure:
    for axes, weigh, name in zip(axes_of(figure, 1, 2), ours, ("textbook", "smoothed"), strict=True):
        matrix = weigh(x).T
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1.5 * matrix.max(), aspect="auto")
        for place, weight in np.ndenumerate(matrix):
            axes.text(place[1], place[0], f"{weight:.2f}", ha="center", va="center", color="#222222")
        axes.set_xticks(range(2), ["letter 1", "letter 2"])
        axes.set_yticks(range(len(terms)), terms)
        axes.set(xlabel=name)

# %% [markdown]
# Why smooth at all? The ones inside the logarithm act as if there were one more text that has every term. So nothing is
# divided by zero. The one in front keeps the words that all texts share, such as *I* here: they weigh little, but their
# counts are not thrown away. Dividing by the length puts long and short texts on one scale, as the textbook's division by
# the number of words does.

# %%
interaction(
    "lesson_03",
    {"examples": [LETTERS, ["not good but bad", "not bad but good"], ["A great, great film!", "A film, a bad one?"]]},
    "Edit the two texts and watch their matrix. Make a word stand in both, or in one of them twice.",
)

# %% [markdown]
# ## A little of the order back: n-grams
#
# An **n-gram** is a run of $n$ words. If the runs of two words are terms too, *not bad* is a term of its own. Two reviews
# with the very same words can be told apart then:

# %%
PAIR = ["not good but bad", "not bad but good"]
words = sorted({term for text in PAIR for term in terms_of(text)})
runs = sorted({term for text in PAIR for term in terms_of(text, 2)})
first, second = count(PAIR, runs, longest=2)
apart = [term for term, one, two in zip(runs, first, second, strict=True) if one != two]
print("only in one of them:", apart)
claim(
    f"counted word by word the two are equal; with pairs of words they differ in {len(apart)} terms",
    np.array_equal(*count(PAIR, words)) and len(apart) == 6,
)

# %% [markdown]
# ## A linear model on counts
#
# Now give every term $j$ a weight $\theta_j$: above zero if it speaks for a good review, below if against. Add up, and
# squeeze the sum into a probability with the **sigmoid** $\sigma$. Here $x_d$ is the row of text $d$ after weighing, its
# TF-IDF:
#
# $$p_d = \sigma(x_d \cdot \theta + b) \qquad \sigma(s) = \frac{1}{1 + e^{-s}}$$
#
# This is **logistic regression**, the smallest network there is. Its loss is the **cross-entropy**, as later in
# this course: minus the logarithm of the probability that it gives to the right answer. The gradient of the loss is the mean
# over the reviews of error times input, $\frac1N \sum_d (p_d - y_d)\, x_d$, where $y_d$ is 1 for a positive review and 0 for
# a negative one. We follow it downhill, with **momentum**: each step keeps nine tenths of the step before.
#
# The bias is treated apart. Its input is 1 in every review, while the entries of a row are far smaller, because the row has
# length 1. At the full rate the bias would overshoot. So it gets a tenth of the rate, and no momentum.
#
# Real reviews have thousands of terms, nearly all of them zero in any one review. So the project's matrix is **sparse**: only
# what is not zero is stored. It knows `@` as NumPy does.


# %%
def train(x: Any, y: np.ndarray, steps: int = 100, rate: float = 20.0) -> tuple[np.ndarray, float]:
    """Fit logistic regression by gradient descent with momentum; return the weights and the bias."""
    theta, b, step = np.zeros(x.shape[1]), 0.0, np.zeros(x.shape[1])
    across = x.T.tocsr()  # stored the other way round, which makes its product fast
    for _ in range(steps):
        error = (1 / (1 + np.exp(-(x @ theta + b))) - y) / len(y)
        step = 0.9 * step + across @ error
        theta -= rate * step
        b -= rate / 10 * error.sum()  # shorter steps: see above
    return theta, b


corpus = load_corpus(preset("smoke").replaced(reviews=8_000, test_fraction=0.5))
texts, tests = list(corpus.texts[0]), list(corpus.texts[2])
y, answers = np.array(corpus.train.labels), np.array(corpus.test.labels)
print(f"{len(texts):,} reviews to learn from, {len(tests):,} others to be tested on")

# %%
right, weights = {}, {}
for longest in (1, 2):
    vectorizer = tf_idf(CLEAN, (1, longest), min_df=3)  # terms that stand in at least three reviews
    rows = vectorizer.fit_transform(texts)
    theta, b = train(rows, y)
    right[longest] = (vectorizer.transform(tests) @ theta + b > 0) == answers
    weights[longest] = dict(zip(vectorizer.get_feature_names_out(), theta, strict=True))
    filled = rows.nnz / np.prod(rows.shape, dtype=float)
    print(
        f"up to {longest}: {rows.shape[1]:,} terms, {filled:.1%} of the matrix not zero, right {right[longest].mean():.1%}"
    )

# %%
majority = max(answers.mean(), 1 - answers.mean())
claim(
    f"words alone are right for {right[1].mean():.1%} of {len(tests):,} new reviews; always giving the most frequent answer, "
    f"for {majority:.1%}",
    right[1].mean() > 0.82 > 0.6 > majority,
)
gained, lost = int((right[2] & ~right[1]).sum()), int((right[1] & ~right[2]).sum())
surplus = (gained - lost) / np.sqrt(gained + lost)
claim(
    f"with pairs of words it is {right[2].mean():.1%}: {gained} reviews more are right, {lost} others are wrong now; "
    f"if chance had dealt them out, that would be {surplus:.1f} standard deviations from even",
    gained > lost and surplus > 2,
)

# %% [markdown]
# The gain is small, but more than chance explains: pairs tell the model something that words do not.
#
# A model that hardly knows order is right on more than four reviews of five. Keep that in mind when a network is praised: the
# first question is what this one gets on the same reviews. And its weights can be read like a list:

# %%
ordered = sorted(weights[2], key=lambda term: weights[2][term])
shown = ordered[:9] + ordered[-9:]
with picture(
    "What the linear model weighs most: nine terms against a review and nine for it.",
    f"Bars. To the left, from the strongest: {', '.join(ordered[:9])}. To the right: {', '.join(ordered[:-10:-1])}.",
    width=5.2,
    height=4.6,
) as figure:
    (axes,) = axes_of(figure)
    values = [weights[2][term] for term in shown]
    axes.barh(range(len(shown)), values, color=[COLOURS[0] if value > 0 else COLOURS[1] for value in values])
    axes.set_yticks(range(len(shown)), shown)
    axes.set(xlabel="weight θ: against the review, or for it")
strong = ("bad", "the worst", "?", "7", "the best", "great")
claim(
    "weights: " + ", ".join(f"“{term}” {weights[2][term]:+.1f}" for term in strong),
    all((weights[2][term] > 0) == (term in strong[3:]) and abs(weights[2][term]) > 2 for term in strong),
)

# %% [markdown]
# Nobody told the model what these words mean. *7* is there because people write *7/10* or *7 out of 10*, and a question mark seldom
# praises a film. But the list is all it has: *bad* weighs the same in *not bad* as in *bad*, unless the pair is a term too.

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“TF-IDF” is not one number.** Many texts work an example out by the textbook's form, and then call scikit-learn, which
#   has the other one. A reader who checks finds two different numbers and thinks that he erred. He did not.
# - **The base of the logarithm** is sometimes 10, sometimes $e$, sometimes 2. In the textbook's form that multiplies every
#   weight by one and the same factor. In the smoothed form, with its “1 +”, it does change the proportions.
# - **“Bag of words”** means ones and zeros in some texts and counts in others. Here it means ones and zeros;
#   in lesson 1 it meant counts.
# - **Letters that get lost.** scikit-learn's own rule for words wants at least two letters, so *I* vanishes without a word,
#   and *don't* becomes *don*. The project brings its own rule.

# %%
rule = r"(?u)\b\w\w+\b"  # scikit-learn's default
found = re.findall(rule, "i came i saw"), re.findall(rule, "don't")
claim(
    f"scikit-learn's rule finds {found[0]} in “i came i saw” and {found[1]} in “don't”",
    found == (["came", "saw"], ["don"]),
)
n = (x > 0).sum(axis=0)
tens = x / x.sum(axis=1, keepdims=True) * np.log10(len(x) / n)
claim(
    "with base 10 every weight of the textbook's form is 0.434 times as large",
    np.allclose(tens, textbook(x) / np.log(10)),
)
natural, ten = (1 + log(3 / 2) for log in (np.log, np.log10))
claim(
    f"in the smoothed form “conquered” weighs {natural:.2f} times as much as “I” with base e, {ten:.2f} times with base 10",
    natural > 1.3 > 1.2 > ten and np.isclose(natural, smoothed(x)[1, conquered] / smoothed(x)[1, i]),
)


# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Work out on paper the smoothed TF-IDF of *conquered* in the second letter. Start with the two weights before the row is
# divided by its length.

# %% tags=["solution"]
of_i = 1 * (1 + np.log(3 / 3))
of_conquered = 1 * (1 + np.log(3 / 2))
answer = of_conquered / np.sqrt(of_i**2 + of_conquered**2)
claim(f"it is {answer:.4f}", np.isclose(answer, smoothed(x)[1, conquered], atol=1e-12))

# %% [markdown]
# ### Exercise 2
#
# A third letter arrives: *I saw Rome, I came, I saw*. The archivist keeps his list of four terms. What is the textbook's
# TF-IDF of *saw* in it? Is *Rome* one of its words? Find out how the project decides.

# %% tags=["solution"]
vectorizer = textbook_tf_idf(CLEAN).fit(LETTERS)
row = vectorizer.transform(["I saw Rome, I came, I saw"]).toarray()[0]
saw = row[list(vectorizer.get_feature_names_out()).index("saw")]
claim(
    f"it is {saw:.4f}: two of the six words that are on the list, times ln 2; with Rome it would be two of seven",
    np.isclose(saw, 2 / 6 * np.log(2), atol=1e-12),
)

# %% [markdown]
# ### Exercise 3
#
# If pairs of words help, why not runs of five? Measure it: of the runs of $n$ words in the test reviews, how many never stood
# in any of the reviews to learn from?

# %% tags=["solution"]
unseen = {}
for n in (1, 2, 3, 5):
    runs_of = [
        {" ".join(w[t : t + n]) for t in range(len(w) - n + 1)} for w in map(terms_of, texts[:2_000] + tests[:200])
    ]
    known = set().union(*runs_of[:2_000])
    asked = [run for runs in runs_of[2_000:] for run in runs]
    unseen[n] = sum(run not in known for run in asked) / len(asked)
print({n: f"{share:.0%}" for n, share in unseen.items()})
claim(
    f"{unseen[1]:.0%} of the words are new, {unseen[2]:.0%} of the pairs, {unseen[3]:.0%} of the runs of three, "
    f"{unseen[5]:.0%} of those of five",
    unseen[1] < 0.1 < unseen[2] < unseen[3] < 0.9 < unseen[5],
)

# %% [markdown]
# That is the wall of this method. A longer run says more, and has almost never been seen. To read far, a model has to
# *carry* what it read instead of counting it. That is the net with memory, two lessons from here.
#
# Counting has a second weakness. To it, *awful* and *terrible* are as foreign to each other as *awful* and *Tuesday*: three
# terms, three columns. In the next lesson words become vectors, and vectors can be near each other.

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/text/vectorizers.py#tf_idf` and {source}`shared/text/vectorizers.py#textbook_tf_idf`: the two forms.
# - {source}`shared/text/tokens.py#tokenize`: what a word is.
# - {source}`shared/text/pipeline.py#Pipeline`: the cleaning before it.
#
# Next: [words as vectors, and their bias](lesson_04_words_as_vectors.ipynb).
