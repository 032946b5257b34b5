# %% [markdown]
# # 14. IMDB, honestly
#
# **After this lesson you can**
#
# - find the words that moved a network, by two methods, and say which one to believe;
# - put the majority class and a linear model beside every accuracy;
# - look for copies and for shared films between training and test;
# - say what 88 %, 93 % and 95.68 % mean in errors, and what they cost.
#
# You need [lesson 9](lesson_09_the_gru.ipynb) for the GRU, and nothing else.

# %% [markdown]
# ## Three reviews in a pocket
#
# Somebody has trained a network on film reviews, and does what too few people do: takes three reviews that it has never seen, and
# reads them beside its answers. The first pans a disaster film. The network is 99 % sure that it is negative. Good. The
# second praises a thriller about students who stop their hearts. The network says 80 % negative. A miss, says the post,
# and marks it. The third is about a film for children. The child loved it, and the network says 98 % positive. Next
# topic.
#
# But the data set keeps the number of stars in the name of each review's file, and the third one's says four of ten. It is
# *negative*. The post does not mark it. It is an easy slip: the answer sounds like the text.
#
# So two of three were wrong, and not one. Three reviews prove little either way. The lesson is another: we believe an answer
# that looks like the text. A network does the same.

# %% tags=["hide-input"]
from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture, read_results
from shared.cell import initial_weights
from shared.data.encoded import EncodedReviews, encode_texts
from shared.data.reviews import TEST, TRAIN
from shared.data.sources import load_reviews
from shared.history import Silent
from shared.loading import load_corpus
from shared.metrics import accuracy_interval
from shared.reference.model import build, softmax
from shared.reference.training import predict_probabilities, train
from shared.specification import preset
from shared.text import Pipeline, tokenize

ARCHIVE = os.environ.get("LOCKSTEP_ACLIMDB", "")

# %%
BLOG = {"test/neg/8348_2": 0.01, "test/pos/9074_9": 0.20, "test/neg/5828_4": 0.98}  # positive, as the post says
stars = [int(name.rsplit("_", 1)[1]) for name in BLOG]
labels = np.array(["/pos/" in name for name in BLOG], int)
right = [(p > 0.5) == bool(label) for p, label in zip(BLOG.values(), labels, strict=True)]
claim(
    f"the three have {', '.join(map(str, stars))} of 10 stars; the post's network is right on {sum(right)}",
    sum(right) == 1,
)
low, high = accuracy_interval(1 / 3, 3)
claim(f"one of three right: the accuracy may be anything from {low:.0%} to {high:.0%}", low < 0.1 and high > 0.75)

# %% [markdown]
# The reviews belong to the official test set. Where the environment variable `LOCKSTEP_ACLIMDB` names a copy of the archive,
# this lesson reads them there. Elsewhere three stand-ins take their place, written for this lesson with the same traps:
# plain anger, praise in dark words, blame in bright ones.

# %%
STAND_INS = [
    "This film promises a storm and delivers a puddle. The plot is awful, the dialogue is worse, and the worst part is that "
    "good actors waste their time in it. I kept hoping that it would end. Avoid it.",
    "Four young doctors stop their own hearts to see what comes after death. One by one they are haunted by bad things that "
    "they did, by fear, guilt and terrible dreams. They try to find a cure before someone dies. The story is intriguing, "
    "the suspense builds, and the young cast makes it a small cult film.",
    "My little girl loved it, and she laughed so much that I had to smile. The songs are lovely and the animation is "
    "beautiful, the voices are very good. The books are great, quiet and wise. This is none of that. I would take her "
    "again, to see her happy.",
]
NAMES = ["the first (negative)", "the second (positive)", "the third (negative)"]
texts = STAND_INS
if ARCHIVE:
    official = load_reviews(ARCHIVE)
    rows = {name: row for row, name in enumerate(official.review_ids)}
    texts = [official.texts[rows[name]] for name in BLOG]
print("the official reviews" if ARCHIVE else "LOCKSTEP_ACLIMDB names no archive here: these are stand-ins.")

# %% [markdown]
# ## Two models, side by side
#
# We train a small GRU, by the project's NumPy reference: 2,000 words, vectors of 16 numbers, 16 units, the mean of all states, and
# the last 128 words of each review. It has no other words than the reviews'.

# %%
specification = preset("smoke").replaced(
    reviews=25_000,
    vocabulary_size=2_000,
    max_length=128,
    vectors="random",
    architecture="gru",
    embedding_size=16,
    hidden_size=16,
    pooling="mean",
    epochs=2,
    learning_rate=8e-3,
)
corpus = load_corpus(specification)
network = build(specification, initial_weights(specification, corpus))
train(network, corpus.train, corpus.validation, specification, Silent())
answers = predict_probabilities(network, corpus.test)[:, 1]
y = corpus.test.labels

# %% [markdown]
# Beside it goes a linear model that knows only *which* of the words occur, logistic regression:
#
# $$p = \sigma(x \cdot w + b) \qquad x_j = \frac{[\text{word } j \text{ occurs}]}{\sqrt{\text{words that occur}}}$$


# %%
def bag(reviews: EncodedReviews) -> np.ndarray:
    """Return a row for each review: which words occur in it, scaled to length 1."""
    x = np.zeros((len(reviews), len(corpus.vocabulary)), np.float32)
    for row, words in enumerate(reviews.whole()):
        x[row, words] = 1
    x[:, :2] = 0  # padding and unknown words
    return x / np.sqrt(np.maximum(1, x.sum(axis=1, keepdims=True)))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """One over one plus e to the minus z."""
    return 1 / (1 + np.exp(-z))


x, target = bag(corpus.train), corpus.train.labels.astype(np.float32)
w, b = np.zeros(x.shape[1], np.float32), 0.0
velocity = np.zeros_like(w)
for _ in range(150):
    error = sigmoid(x @ w + b) - target
    velocity = 0.9 * velocity - 12 * (error @ x + 0.1 * w) / len(x)
    w += velocity
    b -= 0.5 * float(error.mean())
linear = sigmoid(bag(corpus.test) @ w + b)
majority = max(y.mean(), 1 - y.mean())
gru_accuracy, linear_accuracy = (float(np.mean((p > 0.5) == y)) for p in (answers, linear))
claim(
    f"on {len(y):,} test reviews: majority class {majority:.1%}, small GRU {gru_accuracy:.1%}, linear {linear_accuracy:.1%}",
    majority < 0.52 and 0.80 < gru_accuracy < 0.88 and 0.84 < linear_accuracy < 0.90,
)

# %% [markdown]
# The linear model has no idea of order, and it has a weight for each word where the network has sixteen. It is not
# behind. Keep that in mind for the rest of the lesson. And here is what both say of the three reviews:

# %%
three = encode_texts(texts, corpus.vocabulary, specification)
by_network = predict_probabilities(network, three)[:, 1]
by_linear = sigmoid(bag(three) @ w + b)
for row, name in enumerate(NAMES):
    post = list(BLOG.values())[row]
    print(f"{name:22} positive: post {post:4.0%}, GRU {by_network[row]:4.0%}, linear {by_linear[row]:4.0%}")
claim(
    "the linear model calls the third positive, as the post's network does, and the first negative",
    bool(by_linear[2] > 0.5 and by_linear[0] < 0.2 and by_network[0] < 0.3),
)

# %% [markdown]
# ## Which words moved it?
#
# Call $p$ the probability of *positive*, and $z = \ln\frac{p}{1 - p}$ its log-odds. There are two usual ways to ask a network
# about word $t$. **Occlusion** takes the word away and asks again:
#
# $$\Delta_t = z(x) - z(x \text{ without word } t)$$
#
# **Gradient × input** asks how $z$ would begin to change if the word's vector $x_t$ shrank:
#
# $$G_t = x_t \cdot \frac{\partial z}{\partial x_t}$$
#
# | symbol | what it is | shape |
# | --- | --- | --- |
# | $x_t$ | vector of word $t$ | 16 |
# | $z$, $p$ | log-odds and probability of *positive* | numbers |
# | $\Delta_t$ | what the word did: measured | number |
# | $G_t$ | what a straight line says it did: foretold | number |
#
# Gradient × input needs one pass back for all words. Occlusion needs one pass forward for each word. For a linear model they are the
# same (exercise 1). A network is not linear, so occlusion is the one to believe: it is what the network does.


# %%
def log_odds(tokens: np.ndarray) -> np.ndarray:
    """Return `z` of some reviews of equal length."""
    logits = network.logits(tokens)
    return logits[:, 1] - logits[:, 0]


def occlusion(words: np.ndarray) -> np.ndarray:
    """Return the change by each word, measured: the words after it move up."""
    without = np.array([np.delete(words, t) for t in range(len(words))])
    return log_odds(words[None])[0] - log_odds(without)


def gradient_times_input(words: np.ndarray) -> np.ndarray:
    """Return the change by each word, foretold."""
    log_odds(words[None])
    gradient = network.word_vector_gradients(np.array([[-1.0, 1.0]]))[0]
    return np.sum(gradient * network.weights["embedding"][words], axis=1)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the place of each value in their order."""
    return values.argsort().argsort()


measured = [occlusion(three.words(row)) for row in range(3)]
foretold = [gradient_times_input(three.words(row)) for row in range(3)]
alike = [np.corrcoef(ranks(one), ranks(two))[0, 1] for one, two in zip(measured, foretold, strict=True)]
claim(
    f"the two agree on the order of the words with rank correlations of {', '.join(f'{one:.2f}' for one in alike)}: "
    "well, but not fully",
    min(alike) > 0.3 and max(alike) < 0.999,
)
missed = max(float(np.abs(one - two).max()) for one, two in zip(measured, foretold, strict=True))
largest = max(float(np.abs(one).max()) for one in measured)
print(f"The largest effect of a word is {largest:.2f}; the largest error of gradient × input is {missed:.2f}.")

# %%
clean = Pipeline.parse(specification.cleaning)
spoken = [tokenize(clean(text))[-specification.max_length :] for text in texts]
with picture(
    "The three reviews, and the words that moved the small GRU most: taken away, one at a time.",
    "Three panels of bars. For each review the seven words with the largest effect, to the left if they made it more "
    "negative and to the right if they made it more positive.",
    height=7,
) as figure:
    for axes, words, effects, name in zip(axes_of(figure, rows=3), spoken, measured, NAMES, strict=True):
        most = np.argsort(-np.abs(effects))[:7][::-1]
        axes.barh(range(len(most)), effects[most], color=[COLOURS[int(effects[t] < 0)] for t in most])
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(most)), [words[t] for t in most])
        axes.text(0, 1.04, name, transform=axes.transAxes)
    axes.set(xlabel="change of the log-odds by the word")

# %% [markdown]
# Read the third panel beside the review. The words that move the network are bright or dark by themselves. Whether they are about the
# film, about a child or about a book hardly enters. Words that praise something else are a good way to fool such models: above,
# the linear one fell for them, as the post's network did.
#
# The project's reports do this for every network, and check it. They foretell the strongest words and then measure them:

# %%
records = {name: read_results(f"{name}/statistics.json") for name in ("quick", "full", "full-pretrained")}
checks = [check["rank_correlation"] for check in records["quick"]["explanation_checks"]]
claim(
    f"in the report of the packaged reviews the rank correlations are {', '.join(f'{one:.2f}' for one in checks)}",
    min(checks) > 0.7 and max(checks) < 0.95,
)


# %% [markdown]
# Now edit the reviews. The page has the GRU and the linear model inside, rounded a little.


# %%
def rounded(array: np.ndarray, digits: int = 3) -> list[Any]:
    """Return whole numbers, to be divided by a power of ten: they take less room."""
    return np.round(array * 10**digits).astype(int).tolist()


weights = {name.replace("rnn.0.forward.", ""): array for name, array in network.weights.items()}
data = {
    "words": list(corpus.vocabulary.words),
    "gru": {name: rounded(array) for name, array in weights.items()},
    "linear": rounded(w),
    "bias": round(b, 3),
    "longest": specification.max_length,
    "reviews": [[name, " ".join(text.replace("<br />", " ").split())] for name, text in zip(NAMES, texts, strict=True)],
}
size = len(json.dumps(data, separators=(",", ":")))
coarse = build(specification, {name: np.round(array, 3) for name, array in network.weights.items()})
moved = np.abs(
    softmax(coarse.logits(corpus.test.padded(np.arange(500))))
    - predict_probabilities(network, corpus.test.take(np.arange(500)))
).max()
claim(
    f"rounding moves no probability of 500 reviews by more than {moved:.3f}; the page carries {size // 1000} kB",
    bool(moved < 0.03) and size < 300_000,
)
interaction(
    "lesson_14", data, "Edit a review, strike out words, and watch a network and a linear model change their minds."
)

# %% [markdown]
# ## Beside every network
#
# The project's own comparison puts simple models beside the networks in every report: logistic regression on TF-IDF
# ([lesson 3](lesson_03_words_as_counts.ipynb)), and NB-SVM, a linear model in which each word, or run of up to three words
# (trigrams), is first scaled by its weight in naive Bayes. These are the records, on the packaged reviews (5,001 for testing) and
# on the official ones (25,000):


# %%
def accuracy(name: str, framework: str, architecture: str) -> float:
    """Return a test accuracy from the project's records, a mean over the seeds."""
    cells = records[name]["cells"] + records[name]["baselines"]
    (value,) = (
        cell["accuracy"]["value"]
        for cell in cells
        if (cell["framework"], cell["architecture"]) == (framework, architecture)
    )
    return float(value)


quick_networks = [cell["accuracy"]["value"] for cell in records["quick"]["cells"]]
full_networks = [cell["accuracy"]["value"] for cell in records["full"]["cells"]]
wide = accuracy("full-pretrained", "pytorch", "bilstm")
ensembles = read_results("ensemble.json")["ensembles"]
(ensemble,) = (one for one in ensembles if one["name"] == "networks and linear baselines, weighted")
published = records["quick"]["published"][0]
claim(
    f"packaged: twelve networks {min(quick_networks):.1%} to {max(quick_networks):.1%}, TF-IDF "
    f"{accuracy('quick', 'baseline', 'tf-idf'):.1%}, NB-SVM on trigrams {accuracy('quick', 'baseline', 'nb-svm-trigrams'):.1%}",
    max(quick_networks) < accuracy("quick", "baseline", "tf-idf"),
)
claim(
    f"official: twelve networks {min(full_networks):.1%} to {max(full_networks):.1%}, TF-IDF "
    f"{accuracy('full', 'baseline', 'tf-idf'):.1%}, NB-SVM on trigrams {accuracy('full', 'baseline', 'nb-svm-trigrams'):.1%}, "
    f"a BiLSTM that starts from a language model {wide:.1%}",
    max(full_networks)
    < accuracy("full", "baseline", "tf-idf")
    < accuracy("full", "baseline", "nb-svm-trigrams")
    < wide,
)
away = records["quick"]["cells"][3]["out_of_domain"]["rotten-tomatoes"]["accuracy"]
claim(
    f"the PyTorch LSTM of {accuracy('quick', 'pytorch', 'lstm'):.0%} is right on {away:.0%} of single sentences about films",
    away < 0.76,
)

# %% [markdown]
# A network that loses to TF-IDF has not shown that it needs the order of the words. Here all of them lose to it, until one starts
# from a language model: a network that has first learnt to foretell the next word of many reviews without labels. (It also has
# twice the units.)
#
# ## What 88 %, 93 % and 95.68 % mean
#
# Percentages near the top look alike. Errors do not. And a model costs arithmetic: for each word, each weight of the recurrent layer is
# used once forward and about twice more on the way back. An LSTM of $h$ units on vectors of $e$ numbers has
# $4h(e + h + 1)$ of them, in each direction. (Word vectors and language models are trained before that; it is not counted here.)


# %%
def multiplications(e: int, h: int, directions: int, words: int, reviews: int, epochs: int) -> float:
    """Multiplications of an LSTM's training on reviews of full length: three for each weight and word."""
    return 3.0 * directions * 4 * h * (e + h + 1) * words * reviews * epochs


def setting(name: str, field: str, cell: str) -> int:
    """Return what a run was told, from its record."""
    (found,) = (one["values"] for one in records[name]["settings"] if one["field"] == field)
    return int(found[cell])


def cost(name: str, architecture: str) -> float:
    """Return the multiplications of one PyTorch model of the project."""
    fields = ("embedding_size", "hidden_size", "max_length", "epochs")
    e, h, words, epochs = (setting(name, field, f"pytorch/{architecture}") for field in fields)
    directions = 2 if architecture == "bilstm" else 1
    return multiplications(e, h, directions, words, records[name]["data"]["sizes"]["train"], epochs)


seeds = 3 * 4  # of four frameworks; the GRU's costs three quarters of the LSTM's
whole = seeds * (1.75 * cost("full", "lstm") + cost("full", "bilstm"))
whole += seeds * (cost("full-pretrained", "lstm") + cost("full-pretrained", "bilstm"))
shown = [
    ("LSTM, packaged reviews", accuracy("quick", "pytorch", "lstm"), cost("quick", "lstm")),
    ("LSTM, official reviews", accuracy("full", "pytorch", "lstm"), cost("full", "lstm")),
    ("BiLSTM from a language model", wide, cost("full-pretrained", "bilstm")),
    ("63 models together", ensemble["accuracy"], whole),
]
for name, a, used in shown:
    print(f"{name:30} {a:6.2%}  {1_000 * (1 - a):4.0f} errors in 1,000  {used:.0e} multiplications")
print(
    f"{published['source']:30} {published['accuracy']:6.2%}  {1_000 * (1 - published['accuracy']):4.0f} errors in 1,000"
)
claim(
    f"from {shown[0][1]:.1%} to {ensemble['accuracy']:.1%}: the errors fall by "
    f"{1 - (1 - ensemble['accuracy']) / (1 - shown[0][1]):.0%}, the multiplications rise {whole / shown[0][2]:,.0f}-fold",
    ensemble["models"] == 63 and whole / shown[0][2] > 1_000 and ensemble["accuracy"] > 0.92,
)

# %%
with picture(
    "Errors in 1,000 reviews: the linear models (orange) stand among the networks. The bottom bar is of other test reviews.",
    "Horizontal bars of errors in a thousand reviews, from about 120 for the quick LSTM down to 43 for the best published "
    "recurrent model. TF-IDF has 95, NB-SVM 83, the BiLSTM from a language model 80, 63 models together 71.",
    height=3.6,
) as figure:
    (axes,) = axes_of(figure)
    bars = [(name, a, COLOURS[0]) for name, a, _ in shown]
    for name, baseline in (("TF-IDF, linear", "tf-idf"), ("NB-SVM, trigrams", "nb-svm-trigrams")):
        bars.append((name, accuracy("full", "baseline", baseline), COLOURS[1]))
    bars.append((f"published, {published['source'].split()[-1]}", published["accuracy"], COLOURS[2]))
    bars.sort(key=lambda one: one[1])
    errors = [1_000 * (1 - a) for _, a, _ in bars]
    axes.barh(range(len(bars)), errors, color=[colour for *_, colour in bars])
    for row, value in enumerate(errors):
        axes.text(value + 2, row, f"{value:.0f}", va="center")
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.set(xlabel="errors in 1,000 test reviews", xlim=(0, 135))

# %% [markdown]
# - **88 %** is a small LSTM after two passes over the packaged reviews. It is tested on 5,001 of them, and the others on the official
#   25,000: a landmark, no more.
# - **93 %** is 63 models that answer together. No single model here has it. Its price is in the table.
# - **95.68 %** is what Sachan, Zaheer and Salakhutdinov (2019) report for one BiLSTM that is also trained on reviews without
#   labels, with small changes of the inputs that are made as harmful as possible. This project does not reach it.
#
# Training's seconds are another story: [where the time goes](training_time.md).
#
# How near is the top? Some labels are doubtful: the star count of a review that says something else. And an accuracy on so many
# reviews has an interval of its own:

# %%
noise, tests = records["quick"]["label_noise"]["reviews"], records["quick"]["data"]["sizes"]["test"]
claim(
    f"on {noise} of {tests:,} test reviews all twelve networks are sure of the other class: where their labels err, "
    f"more than {1 - noise / tests:.1%} is not to be had honestly",
    0.005 < noise / tests < 0.03,
)
widths = [high - low for low, high in (accuracy_interval(0.88, reviews) for reviews in (5_001, 25_000))]
claim(
    f"88 % of 5,001 reviews is known to ±{widths[0] / 2:.1%}, of 25,000 to ±{widths[1] / 2:.1%}",
    widths[0] > 2 * widths[1],
)

# %% [markdown]
# ## Copies and shared films
#
# A test review that stands in the training set is not a test. Neither, quite, is one about a film that was trained on, as the names of
# actors then carry the verdict. The packaged reviews come without film names, but copies can be found by reading:


# %%
def known_texts(texts: list[str], test: np.ndarray) -> int:
    """Count the test reviews whose text is also trained on."""
    trained = {text for text, held_out in zip(texts, test, strict=True) if not held_out}
    return sum(text in trained for text, held_out in zip(texts, test, strict=True) if held_out)


packaged = list(load_reviews("packaged").texts)
repeated = len(packaged) - len(set(packaged))
drawn = np.array([np.random.default_rng(seed).permutation(len(packaged)) < len(packaged) // 5 for seed in range(5)])
leaked = [known_texts(packaged, test) for test in drawn]
project = len(set(corpus.texts[2]) & {*corpus.texts[0], *corpus.texts[1]})
claim(
    f"of {len(packaged):,} reviews {repeated} repeat another; drawn at random, {min(leaked)} to {max(leaked)} test reviews "
    f"have a copy in training; in the project's split {project}",
    repeated == 96 and min(leaked) > 10 and project == 0,
)
if ARCHIVE:
    assert official.official is not None
    both = known_texts(list(official.texts), official.official == TEST)
    films, part = official.groups, official.official == TRAIN
    ours = np.random.default_rng(0).random(part.sum()) < 0.2  # a split of the training reviews, one by one
    shared_film = np.isin(films[part][ours], films[part][~ours]).mean()
    claim(f"in the official split {both} test reviews have a copy in training, of 25,000", both == 123)
    claim(
        f"its training reviews, split at random: {shared_film:.0%} of those held out are about a film that is trained on",
        shared_film > 0.9,
    )

# %% [markdown]
# ## Where the errors are
#
# An average hides its parts. Cut the test reviews by length, and by whether a word such as *not* or *never* occurs:

# %%
slices = [one for one in records["quick"]["slices"] if one["kind"] in ("length", "negation")]
by_length = [one for one in slices if one["kind"] == "length"]
for one in slices:
    a, other = (one["accuracy"][cell]["value"] for cell in ("pytorch/lstm", "baseline/tf-idf"))
    print(f"{one['kind']:9} {one['label']:18} {one['reviews']:5,} reviews: LSTM {a:.1%}, TF-IDF {other:.1%}")
ends = [by_length[place]["accuracy"] for place in (0, -1)]
drop = {cell: ends[0][cell]["value"] - ends[1][cell]["value"] for cell in ("pytorch/lstm", "baseline/tf-idf")}
claim(
    f"from the shortest to the longest quarter the accuracy changes: the LSTM's by {-100 * drop['pytorch/lstm']:+.1f} points, "
    f"TF-IDF's by {-100 * drop['baseline/tf-idf']:+.1f}",
    drop["pytorch/lstm"] > 0.03 and abs(drop["baseline/tf-idf"]) < 0.02,
)

# %% [markdown]
# Is the network's memory too short for long reviews? Or has it not read them? That LSTM reads the last 192 words only, and TF-IDF reads
# all. A trial decides. The linear model has no memory that could fail: give it, too, the last words only.

# %%
sizes = np.array([len(words) for words in corpus.test.whole()])
quarters = np.digitize(sizes, np.quantile(sizes, [0.25, 0.5, 0.75]))
ends_only = np.zeros((len(y), len(corpus.vocabulary)), np.float32)
for row in range(len(y)):
    ends_only[row, corpus.test.words(row)] = 1
ends_only[:, :2] = 0
ends_only /= np.sqrt(np.maximum(1, ends_only.sum(axis=1, keepdims=True)))
of_ends = sigmoid(ends_only @ w + b)
longest = quarters == 3
for name, p in (("small GRU", answers), ("linear, all words", linear), ("linear, the last 128", of_ends)):
    print(f"{name:21}", *(f"{np.mean((p > 0.5)[quarters == q] == y[quarters == q]):.1%}" for q in range(4)))
lost = float(np.mean((linear > 0.5)[longest] == y[longest]) - np.mean((of_ends > 0.5)[longest] == y[longest]))
claim(
    f"in the longest quarter the linear model loses {100 * lost:.1f} points when it reads the last "
    f"{specification.max_length} words only",
    lost > 0.04 and setting("quick", "max_length", "pytorch/lstm") == 192,
)

# %% [markdown]
# With the same words the linear model falls as far as the small GRU. What looks like a short memory is words that were never read. Look
# at slices before you explain an error, and then test the explanation.
#
# ## Where the texts disagree, or err
#
# - **The third review.** It has four of ten stars. The post counts one miss in three; it is two, and the first claim of this lesson
#   shows it. The rule behind it: look at the label, not only at whether the answer sounds right.
# - **An accuracy without its neighbours.** Accuracies of 86 or 88 % are given without the majority class (here one half) and without a
#   linear model. With them one sees whether the order of the words was needed at all.
# - **Gradients as explanations.** It is often written that they show what the network looked at. They show a slope at one point. The two methods above agree
#   well, but not fully. Where a gate is shut the slope is nearly zero, though taking the word away may open it.
# - **Comparing with a published number.** It was reached on other splits, with other texts without labels. Without the same test reviews
#   it is a landmark, and no rival.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# For a linear model without scaling, $z = \sum_j x_j w_j + b$, show with numbers that occlusion and gradient × input are the same.

# %% tags=["solution"]
occurs = (bag(three)[0] > 0).astype(float)
present = np.flatnonzero(occurs)
taken_away = np.array([occurs @ w - np.delete(occurs, j) @ np.delete(w, j) for j in present])
difference = float(np.abs(taken_away - occurs[present] * w[present]).max())
claim(f"over {len(present)} words the two differ by less than a millionth", difference < 1e-6)

# %% [markdown]
# ### Exercise 2
#
# Split the packaged reviews at random so that all copies of a text go to the same side. How many leak now?

# %% tags=["solution"]
different = sorted(set(packaged))
held_out = set(np.random.default_rng(0).permutation(len(different))[: len(different) // 5].tolist())
side = {text: number in held_out for number, text in enumerate(different)}
careful = np.array([side[text] for text in packaged])
claim(f"{known_texts(packaged, careful)} of {careful.sum():,} leak", known_texts(packaged, careful) == 0)

# %% [markdown]
# ### Exercise 3
#
# A model has 88 %, another one 95.68 %. Which share of the first one's errors is gone? How many of 25,000 reviews are that? Does the 95 %
# interval of the second touch that of NB-SVM on trigrams?

# %% tags=["solution"]
gone = 1 - (1 - 0.9568) / (1 - 0.88)
better = accuracy_interval(0.9568, 25_000)[0]
nearest = accuracy_interval(accuracy("full", "baseline", "nb-svm-trigrams"), 25_000)[1]
claim(
    f"{gone:.0%} of the errors, {round((0.9568 - 0.88) * 25_000):,} reviews; {better:.1%} at least against {nearest:.1%} at most",
    0.6 < gone < 0.68 and better > nearest,
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`compare/report/explanations.py#word_effects`: gradient × input first, then occlusion, for every network of a report.
# - {source}`compare/report/errors.py#slices_of` and {source}`compare/report/errors.py#HAND_PICKED`: the slices, and the post's three
#   reviews.
# - {source}`compare/grid/baselines.py`: majority class, TF-IDF, NB-SVM.
# - {source}`shared/data/splits.py#split`: copies and films stay on one side.
# - `lockstep report DIR --review TEXT` shows the same for a review of your own.
#
# Next: [how to read a comparison](lesson_15_reading_a_comparison.ipynb).
