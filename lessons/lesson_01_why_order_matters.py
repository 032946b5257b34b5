# %% [markdown]
# # 1. Why order matters
#
# **After this lesson you can**
#
# - say what a bag of words is, and what it throws away;
# - show that *no* classifier of bags can tell two reviews with the same bag apart;
# - compute the score of a recurrent network by hand, and watch it tell them apart;
# - say when order is worth the trouble, on real film reviews.
#
# You need Python, a little NumPy, and the product of a vector and a matrix. Everything else is explained when it comes.

# %% [markdown]
# ## The cinema with the magnets
#
# A small cinema has a board in front of the door. The owner puts up the best line of last week's review, one magnet for
# each word:
#
# > there is nothing to hate and much to love
#
# Every morning she counts her magnets, because children like to take them. Nine magnets, all there. What she does not see:
# last night somebody changed the places of two of them.
#
# > there is nothing to love and much to hate
#
# She counts nine magnets, all there. She goes in and wonders why nobody comes.
#
# Her way of looking at a text has a name. It is called a **bag of words**: which words are there, and how often, as if you
# had shaken them in a bag. The people in the street look at it in another way. They **read**, one word after the other.
#
# Much is lost in the bag. *Once in a blue moon* means *hardly ever*, but neither *blue* nor *moon* means that. And
# *Hello world* is a greeting in one order of its letters only. How many orders are there?

# %% tags=["hide-input"]
from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise
from math import factorial, prod

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.data.reviews import TEST, TRAIN, Reading
from shared.data.sources import load_reviews
from shared.reference.model import SentimentClassifier
from shared.reference.training import Adam
from shared.specification import Specification
from shared.tasks.agreement import load
from shared.text import tokenize

# %%
HATED = "there is nothing to love and much to hate"
LOVED = "there is nothing to hate and much to love"


def orders(parts: list[str]) -> int:
    """Count the different orders of some parts, of which some may be equal."""
    return factorial(len(parts)) // prod(factorial(count) for count in Counter(parts).values())


moon, hello, board = orders(["once", "in", "a", "blue", "moon"]), orders(list("Hello world")), orders(HATED.split())
claim(
    f"there are {moon} orders of “once in a blue moon”, {board:,} of the words on the board, "
    f"and {hello:,} of the letters of “Hello world” and the space between them",
    (moon, board, hello) == (120, 181_440, 3_326_400),
)

# %% [markdown]
# All of these orders give the same bag. Whoever looks at the bag sees one text where there are thousands.
#
# ## Two ways to score a review
#
# We want a number, the **score**: above 0 the review is positive, below 0 it is negative. Let the review be the words
# $x_1, x_2, \dots, x_T$.
#
# **From the bag.** Each word has a weight. Count the words, multiply, add:
#
# $$n_v = \text{how often word } v \text{ stands in the review} \qquad s = \sum_v n_v\, w_v + c$$
#
# **By reading.** A recurrent network keeps a short list of numbers, its **state** $h$. It reads a word, and makes a new
# state of the word and the old state. After the last word it scores the state:
#
# $$h_t = \tanh(e_{x_t} W + h_{t-1} U + b) \qquad s = h_T\, k + c$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $n$ | the bag: one count for each word of the vocabulary | 37 |
# | $w$ | the weight of each word | 37 |
# | $e_{x_t}$ | the vector of the word at step $t$: eight numbers that are learnt | 8 |
# | $h_t$ | the state after $t$ words; $h_0$ is zero | 16 |
# | $W$ | from the word to the state | 8 × 16 |
# | $U$ | from the old state to the new one | 16 × 16 |
# | $k$ | from the state to the score | 16 |
# | $b$, $c$ | constants that are added, called biases | 16 and 1 |
#
# Look at where the order could come in. In the first equation it cannot: a sum does not care in which order you add. In
# the second one the old state goes through $U$ and the $\tanh$ at every step, so an early word is changed more often than a
# late one.

# %% [markdown]
# ## Reviews in pairs
#
# To compare the two ways we need reviews where only the order decides. Here are seven forms. Each has two places. Put a
# word of praise and a word of blame there, then let them change places: that makes a pair with one bag and two meanings.

# %%
PRAISE = (
    ["brilliant", "clever", "funny", "lovely", "moving", "original", "warm", "witty"],
    ["admire", "enjoy", "love", "praise"],
)
BLAME = (
    ["awful", "boring", "clumsy", "dull", "flat", "lazy", "silly", "tedious"],
    ["forget", "hate", "mock", "regret"],
)
# Each form, and which of its two places decides: 0 the first, 1 the second.
ADJECTIVES = {
    "it is not {} it is {}": 1,
    "it is {} and not {}": 0,
    "it is more {} than {}": 0,
    "it is less {} than {}": 1,
    "it begins {} and ends {}": 1,
}
VERBS = {"there is nothing to {} and much to {}": 1, "there is much to {} and nothing to {}": 0}

Reviews = list[tuple[str, int]]  # the text, and 1 for positive or 0 for negative


def make_reviews() -> tuple[Reviews, Reviews]:
    """Return reviews to train on and reviews to test with; a pair stands side by side."""
    train: Reviews = []
    test: Reviews = []
    for kind, forms in enumerate((ADJECTIVES, VERBS)):
        for form, decides in forms.items():
            for i, good in enumerate(PRAISE[kind]):
                for j, bad in enumerate(BLAME[kind]):
                    pair = [(form.format(good, bad), int(decides == 0)), (form.format(bad, good), int(decides == 1))]
                    (test if (i + j) % 4 == 0 else train).extend(pair)
    return train, test


train_reviews, test_reviews = make_reviews()
VOCABULARY = sorted({word for text, _ in train_reviews for word in text.split()})
print(len(train_reviews), "to train on,", len(test_reviews), "to test with, for example:")
for text, positive in test_reviews[:4]:
    print("   positive" if positive else "   negative", "|", text)

# %% [markdown]
# The two words of a test review never meet in a training review. So nothing can be learnt by heart: whoever answers right
# has understood the form.

# %%
trained_on = {frozenset(text.split()) for text, _ in train_reviews}
claim(
    f"of the {len(test_reviews)} test reviews none has the words of a training review, and each training word is known",
    not any(frozenset(text.split()) in trained_on for text, _ in test_reviews)
    and all(word in VOCABULARY for text, _ in test_reviews for word in text.split()),
)

# %% [markdown]
# ## One bag, one score


# %%
def bag(text: str) -> np.ndarray:
    """Count each word of the vocabulary in a text."""
    count = Counter(text.split())
    return np.array([count[word] for word in VOCABULARY])


n_hated, n_loved = bag(HATED), bag(LOVED)
claim("the two reviews on the board have the same bag", np.array_equal(n_hated, n_loved))

generator = np.random.default_rng(0)
w, c = generator.normal(size=(1_000, len(VOCABULARY))), generator.normal(size=1_000)
claim(
    "1,000 bag classifiers with random weights: each gives the two reviews exactly the same score",
    np.array_equal(w @ n_hated + c, w @ n_loved + c),
)

# %% [markdown]
# We need not try more. A classifier of bags is a function, and it is handed the same thing twice. It may be a sum, a deep
# network, or a forest of trees: it has to give the same answer twice. In a pair one answer is right and one is wrong. So
# it is right on exactly half of the test reviews.

# %%
n_test = np.array([bag(text) for text, _ in test_reviews])
y_test = np.array([positive for _, positive in test_reviews])
right = [int(((n_test @ w[k] + c[k] > 0) == y_test).sum()) for k in range(1_000)]
claim(
    f"each of the 1,000 is right on exactly {right[0]} of {len(y_test)} test reviews",
    set(right) == {len(y_test) // 2},
)

# %% [markdown]
# Can training help? Logistic regression starts from $w = 0$, gives every review the probability ½, and moves $w$ against
# the gradient, the direction in which the error grows: $\frac1N \sum_i (p_i - y_i)\, n_i$. Here $y$ is 1 for positive and
# 0 for negative. In a pair $n$ is the same, and $p - y$ is once +½ and once -½. They cancel. Training ends before it begins:

# %%
n_train = np.array([bag(text) for text, _ in train_reviews])
y_train = np.array([positive for _, positive in train_reviews])
gradient = (0.5 - y_train) @ n_train / len(y_train)
claim("the gradient of all 37 weights is zero", len(gradient) == 37 and np.abs(gradient).max() < 1e-12)

# %%
with picture(
    "Two reviews, one bag. Every word finds its place in it, and where it came from is lost.",
    "Nine words of each review in two columns, left and right. Lines lead from each to the same eight entries of one "
    "bag in the middle. Only the words love and hate have changed places.",
    width=5,
    height=4,
) as figure:
    (axes,) = axes_of(figure)
    entries = sorted(set(HATED.split()))
    for side, text, colour in ((-1, HATED, COLOURS[1]), (1, LOVED, COLOURS[0])):
        for place, word in enumerate(text.split()):
            changed = word in ("love", "hate")
            in_bag = 0.5 + entries.index(word)
            axes.plot([side * 0.85, side * 0.36], [place, in_bag], color=colour, linewidth=2 if changed else 0.7)
            axes.text(side * 0.9, place, word, ha="right" if side < 0 else "left", va="center", color=colour)
    for place, word in enumerate(entries):
        axes.text(0, 0.5 + place, f"{word} {Counter(HATED.split())[word]}", ha="center", va="center")
    for x, head in ((-1.1, "negative"), (0, "the bag"), (1.1, "positive")):
        axes.text(x, -1.2, head, ha="center", weight="bold")
    axes.set(xlim=(-1.6, 1.6), ylim=(8.6, -1.6))
    axes.axis("off")

# %% [markdown]
# ## Reading
#
# Now the network. The names in the code are those of the equation.

# %%
Weights = dict[str, np.ndarray]


def new_weights(seed: int, words: int, hidden: int = 16, size: int = 8) -> Weights:
    """Draw weights: U orthogonal, so that it keeps the length of the state, the others small."""
    generator = np.random.default_rng(seed)
    shapes = {"e": (words, size), "W": (size, hidden), "k": (hidden, 1)}
    weights = {name: 0.3 * generator.normal(size=shape) for name, shape in shapes.items()}
    U, _ = np.linalg.qr(generator.normal(size=(hidden, hidden)))
    return {**weights, "U": U, "b": np.zeros(hidden), "c": np.zeros(1)}


def states(weights: Weights, ids: list[int]) -> np.ndarray:
    """Return the state after each word."""
    h = [np.zeros(len(weights["U"]))]
    for x_t in ids:
        h.append(np.tanh(weights["e"][x_t] @ weights["W"] + h[-1] @ weights["U"] + weights["b"]))
    return np.array(h[1:])


def score(weights: Weights, ids: list[int]) -> float:
    """Return the score of the last state."""
    return float((states(weights, ids)[-1] @ weights["k"] + weights["c"])[0])


def numbered(text: str, words: list[str]) -> list[int]:
    """Return the number of each word; number 0 is kept for places where no word stands."""
    return [1 + words.index(word) for word in text.split()]


# %% [markdown]
# Before any training, the network already gives the two reviews different scores. It does not know what is good. But it is
# *able* to see the difference, and this ability is what a bag lacks.

# %%
differences = []
for seed in range(1_000):
    weights = new_weights(seed, len(VOCABULARY) + 1)
    differences.append(abs(score(weights, numbered(HATED, VOCABULARY)) - score(weights, numbered(LOVED, VOCABULARY))))
claim(
    f"1,000 untrained networks: the scores of the two reviews differ in every one, by {np.median(differences):.2f} "
    "in the middle one",
    min(differences) > 1e-9 and bool(np.median(differences) > 0.05),
)

# %% [markdown]
# Training shows the network some reviews, asks how the weights have to move for better scores, and moves them a little.
# How that is found is the matter of [lesson 6](lesson_06_back_propagation_through_time.ipynb). Here we let the project's
# own NumPy network do it. It has the same equation, under longer names.

# %%
LONG_NAMES = {
    "e": "embedding",
    "W": "rnn.0.forward.input_kernel",
    "U": "rnn.0.forward.recurrent_kernel",
    "b": "rnn.0.forward.bias",
    "k": "head.kernel",
    "c": "head.bias",
}


def in_rows(texts: list[str], words: list[str]) -> np.ndarray:
    """Return texts as rows of numbers, with zeros where a text is shorter than the longest."""
    rows = [numbered(text, words) for text in texts]
    longest = max(map(len, rows))
    return np.array([row + [0] * (longest - len(row)) for row in rows], np.int32)


def train(reviews: Reviews, words: list[str], seed: int, steps: int) -> tuple[Weights, SentimentClassifier]:
    """Train on 64 reviews a step; the optimizer changes the weights in place."""
    weights = new_weights(seed, len(words) + 1)
    chosen = Specification(
        architecture="rnn", vectors="random", embedding_size=8, hidden_size=16, pooling="last", head="sigmoid"
    ).replaced(gradient_clipping=1.0, padding="masked")
    model = SentimentClassifier(chosen, {long: weights[short] for short, long in LONG_NAMES.items()})
    optimizer, generator = Adam(model.weights, chosen), np.random.default_rng(seed)
    tokens, labels = in_rows([text for text, _ in reviews], words), np.array([positive for _, positive in reviews])
    for _ in range(steps):
        rows = generator.integers(len(reviews), size=64)
        _, _, gradients = model.loss_and_gradients(tokens[rows], labels[rows])
        optimizer.update(gradients, 0.01)
    return weights, model


trained = [train(train_reviews, VOCABULARY, seed, steps=300) for seed in range(3)]

# %%
texts = [text for text, _ in test_reviews]
weights, model = trained[0]
ours = np.array([score(weights, numbered(text, VOCABULARY)) for text in texts])
theirs = model.logits(in_rows(texts, VOCABULARY))[:, 1]
claim(f"our score and the project's differ by at most {np.abs(ours - theirs).max():.0e}", np.allclose(ours, theirs))

shares = [float(((one.logits(in_rows(texts, VOCABULARY))[:, 1] > 0) == y_test).mean()) for _, one in trained]
claim(
    f"three trained networks are right on {', '.join(f'{share:.0%}' for share in shares)} of the test reviews, "
    "where a bag is right on 50%",
    min(shares) > 0.95,
)

# %% [markdown]
# Where do the two reviews part? After each word we can ask the network what it would say if the review ended there. The
# score becomes a probability by $p = 1 / (1 + e^{-s})$.


# %%
def probabilities(weights: Weights, text: str) -> np.ndarray:
    """Return the probability of “positive” after each word."""
    s = states(weights, numbered(text, VOCABULARY)) @ weights["k"] + weights["c"]
    return 1 / (1 + np.exp(-s[:, 0]))


p_hated, p_loved = probabilities(weights, HATED), probabilities(weights, LOVED)
with picture(
    "Read from top to bottom. While the words are the same, so is the opinion. Then one word differs.",
    "Two lines over the nine words. They are one line for the first four words, part at the fifth, and end near zero "
    "and near one.",
    width=5,
    height=3.8,
) as figure:
    (axes,) = axes_of(figure)
    axes.axvline(0.5, color="black", linestyle=":", linewidth=1)
    for p, colour, symbol in ((p_hated, COLOURS[1], "s"), (p_loved, COLOURS[0], "o")):
        axes.plot(p, range(9), f"{symbol}-", color=colour, markersize=5)
    axes.text(p_hated[-1] + 0.05, 8, "much to hate", color=COLOURS[1], va="center")
    axes.text(p_loved[-1] - 0.05, 8, "much to love", color=COLOURS[0], va="center", ha="right")
    pairs = zip(HATED.split(), LOVED.split(), strict=True)
    axes.set_yticks(range(9), [one if one == other else f"{one} | {other}" for one, other in pairs])
    axes.set(xlabel="probability of “positive”", ylabel="word that was read", ylim=(8.5, -0.5), xlim=(-0.03, 1.03))
# %% [markdown]
# What the lines do in between is no opinion: the network was trained to be right at the end only, and may lean anywhere on
# its way. What counts is that from the fifth word on the states differ, and that the difference is still there at the last.

# %%
claim(
    f"up to the fourth word the two are equal; at the end they are {p_hated[-1]:.2f} and {p_loved[-1]:.2f}",
    np.array_equal(p_hated[:4], p_loved[:4]) and bool(p_hated[-1] < 0.1 and p_loved[-1] > 0.9),
)

# %% [markdown]
# ## Is that so in real reviews?
#
# The project comes with 25,000 reviews from IMDB, half of them positive. Many have both *not* and *funny* in them. The bag
# is then the same as far as these two words go. But does it matter whether *not* stands right before *funny*?

# %%
real = load_reviews("packaged")
praised = np.array(real.labels) == 1
words_of = [tokenize(text.lower()) for text in real.texts]


def told_apart(word: str) -> tuple[float, float, int]:
    """Return the positive share of reviews with “not” and a word, apart and side by side, and how many are the latter."""
    both = np.array(["not" in words and word in words for words in words_of])
    beside = np.array([("not", word) in pairwise(words) for words in words_of])
    return float(praised[both & ~beside].mean()), float(praised[beside].mean()), int(beside.sum())


for word in ("funny", "worth"):
    apart, beside, count = told_apart(word)
    claim(
        f"“not” and “{word}” in a review, but apart: {apart:.0%} are positive; “not {word}”, {count} reviews: {beside:.0%}",
        apart > 0.4 and beside < 0.15,
    )

# %% [markdown]
# So order counts. But be fair to the bag: most reviews use many words of praise or many words of blame, and then counting
# is enough. On film reviews, a good classifier of counts comes close to every network in this project.
# [Lesson 14](lesson_14_imdb_honestly.ipynb) measures how close. What a bag can never do is the pairs above: there it gets
# half, however much data it is given.
#
# ## Try it
#
# Below are a bag and a network side by side. The weight $w_v$ of a word in the bag is learnt from the 25,000 reviews: the
# logarithm of how much more often it stands in a positive review than in a negative one (*naive Bayes*). The network is
# the trained one.

# %%
present = np.array([[word in words for word in VOCABULARY] for words in map(set, words_of)])
w_v = np.log((1 + present[praised].sum(axis=0)) / (1 + present[~praised].sum(axis=0)))
by_weight = [VOCABULARY[k] for k in np.argsort(w_v)]
claim(
    f"the lowest weight has “{by_weight[0]}”, the highest “{by_weight[-1]}”",
    by_weight[0] in chain(*BLAME) and by_weight[-1] in chain(*PRAISE),
)
interaction(
    "lesson_01",
    {
        "reviews": [HATED, *[text for text, _ in test_reviews if text.split()[-1] in ("dull", "funny", "hate")][::6]],
        "words": VOCABULARY,
        "bag": w_v.round(3).tolist(),
        "network": {name: value.round(4).tolist() for name, value in weights.items()},
    },
    "Let words change places, or shuffle them all. Watch the score of the bag, and that of the network.",
)

# %% [markdown]
# A shuffled review is no English any more, and the network was never shown such. Do not ask whether its score is *right*.
# See that it moves, and that the other one never does.

# %% [markdown]
# ## Where the texts disagree, or err
#
# **“The verb has to remember its subject: the boys … went.”** It is a good idea with an unlucky verb. English *went* is the
# same for every subject: *the boy went, the boys went*. A program that has read nothing gets it right. *Has* and *have* do
# differ: *the boy has, the boys have*. The project's agreement task is made of them, in equal numbers, so that only a reader
# of the subject can do better than a coin:

# %%
sentences = load("agreement", None, Reading())
short = np.array([int(name[4:6]) <= 6 for name in sentences.review_ids])  # “gap-06/00123”: six words between
print(sentences.texts[0], "|", sentences.texts[1])
share = float(np.mean(sentences.labels))
claim(f"in the agreement task {share:.0%} of the answers are “have”, the others “has”", share == 0.5)

# %% [markdown]
# **“A plain recurrent network cannot bridge a gap between the two.”** It can. It learns short gaps quickly and long ones
# later, and some starting points never get there. [Lesson 10](lesson_10_the_growing_gap.ipynb) measures how long it takes.
# Here are one to six words between subject and verb, other nouns among them:


# %%
def chosen_from(split: int) -> Reviews:
    """Return the sentences of one split with short gaps."""
    rows = np.flatnonzero(short & (sentences.official == split))
    return [(sentences.texts[row], int(sentences.labels[row])) for row in rows.tolist()]


known = sorted({word for text, _ in chosen_from(TRAIN) for word in text.split()})
_, reader = train(chosen_from(TRAIN), known, seed=0, steps=500)
unseen = chosen_from(TEST)
said = reader.logits(in_rows([text for text, _ in unseen], known))[:, 1] > 0
share = float(np.mean(said == [answer for _, answer in unseen]))
claim(f"after 500 steps it has {share:.1%} of {len(unseen)} unseen sentences right, over gaps of 1 to 6", share > 0.95)

# %% [markdown]
# **Who made the GRU?** The LSTM is by Hochreiter and Schmidhuber (1997). The GRU is often put in the same years. It is
# by Cho and others (2014). You will meet both in lessons [8](lesson_08_the_lstm.ipynb) and [9](lesson_09_the_gru.ipynb).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Shuffle the words of `LOVED` 1,000 times. How many of the orders does the trained network call positive? How many
# different scores does the bag (`w_v`) give?

# %% tags=["solution"]
generator = np.random.default_rng(1)
shuffled = [" ".join(generator.permutation(LOVED.split())) for _ in range(1_000)]
called = sum(score(weights, numbered(text, VOCABULARY)) > 0 for text in shuffled)
scores = {float(bag(text) @ w_v) for text in shuffled}
claim(
    f"the network calls {called} of 1,000 orders positive; the bag gives {len(scores)} score",
    20 < called < 980 and len(scores) == 1,
)

# %% [markdown]
# ### Exercise 2
#
# Put *pairs* of neighbouring words into the bag instead of words. That tells `HATED` and `LOVED` apart: only one
# of them has the pair *love and*. Does it always help? Find two reviews of opposite meaning that have the same bag of
# pairs. (Hint: let two pieces of the review begin with the same word and end with the same word, and swap what is between.)


# %% tags=["solution"]
def bag_of_runs(text: str, length: int) -> Counter[tuple[str, ...]]:
    """Count the runs of so many neighbouring words."""
    words = text.split()
    return Counter(tuple(words[k : k + length]) for k in range(len(words) - length + 1))


first = "first it is dull and then it is brilliant and over"
second = "first it is brilliant and then it is dull and over"
claim(
    "pairs tell the two reviews on the board apart, but not a film that gets better from one that gets worse; "
    "runs of three tell these apart",
    bag_of_runs(HATED, 2) != bag_of_runs(LOVED, 2)
    and bag_of_runs(first, 2) == bag_of_runs(second, 2)
    and bag_of_runs(first, 3) != bag_of_runs(second, 3),
)

# %% [markdown]
# ### Exercise 3
#
# Make the network blind to order. Leave out the $\tanh$, and let $U$ be the matrix that changes nothing (ones on the
# diagonal). What is $h_T$ then? Check with the shuffled reviews that all scores are the same.


# %% tags=["solution"]
def blind_score(weights: Weights, ids: list[int]) -> float:
    """Score the sum of what all words add to the state: a bag of words with the weights (e W + b) k."""
    h = np.zeros(len(weights["U"]))
    for x_t in ids:
        h = weights["e"][x_t] @ weights["W"] + h + weights["b"]
    return float((h @ weights["k"] + weights["c"])[0])


blind = [blind_score(weights, numbered(text, VOCABULARY)) for text in shuffled]
claim(
    f"the scores of 1,000 orders differ by {max(blind) - min(blind):.0e} at most: rounding",
    max(blind) - min(blind) < 1e-9,
)

# %% [markdown]
# So a bag of words is the recurrent network that only adds. Whatever such a network can do beyond a bag, it can do because
# of $U$ and $\tanh$. [Lesson 5](lesson_05_a_net_with_memory.ipynb) looks at what it writes into its state.
#
# ## Where this is in the project
#
# - {source}`shared/reference/model.py#SentimentClassifier`: the network that was trained here, in NumPy.
# - {source}`shared/tasks/agreement.py#load`: *has* or *have*, up to 60 words after its subject.
# - {source}`shared/text/vectorizers.py#bag_of_words`: bags for real reviews, also of pairs and longer runs.
#
# Next: [how a messy review becomes words](lesson_02_cleaning_text.ipynb).
