# %% [markdown]
# # 12. One model, four frameworks
#
# **After this lesson you can**
#
# - say what “the same model” means, and test it: same weights, same reviews, same numbers;
# - name the conventions that hide between two frameworks, and show what each of them costs when it is mixed up;
# - tell a difference between frameworks from a difference between their defaults.
#
# You need Python and the idea of a trained network. Lesson 9 has [the GRU](lesson_09_the_gru.ipynb) in full.
#
# If you open only one lesson, this one tells you what the project proves: **the four programs are one model.** With the same
# weights they give the same answers. With the same steps they learn the same. And what one of them has learnt, the other
# three can use. What still differs between two published results is what each framework does when nobody says otherwise.

# %% [markdown]
# ## Four kitchens, one recipe
#
# A baker sends her recipe to four kitchens. Four loaves come back, and they are not alike. The third is flat. “That oven
# is no good,” somebody says, and a review is written: *the best ovens of the year*.
#
# The baker is not so sure. She drives out and looks. The recipe said “a cup of flour”, and the four kitchens have four
# cups. It did not say how long to knead, so each kneaded as it always does. Nobody compared ovens. They compared habits.
#
# So she does three things, in this order. She brings **the same dough** to all four ovens. Then she lets them make the
# dough too, with **every step written down**. Only then does she ask what each **habit** is worth, one at a time.
#
# Keras, PyTorch, Flair and fastai are the kitchens. The loaf is a network that says whether a film review is good or bad.

# %% [markdown]
# ## The equation
#
# A review is a row of words. Each word $w_t$ is looked up in a table $E$ of word vectors. A GRU reads the vectors one after
# another. After each it has a **state** $h_t$: a row of numbers, which is all that it keeps of what it has read.
#
# $$
# \begin{aligned}
# x_t &= E[w_t] &\quad& \text{the word as a vector} \\
# z &= \sigma(x_t W_z + b_z + h_{t-1} U_z + d_z) && \text{update gate} \\
# r &= \sigma(x_t W_r + b_r + h_{t-1} U_r + d_r) && \text{reset gate} \\
# n &= \tanh\bigl(x_t W_n + b_n + r\,(h_{t-1} U_n + d_n)\bigr) && \text{candidate: what is new} \\
# h_t &= z\,h_{t-1} + (1 - z)\,n && \text{the state}
# \end{aligned}
# $$
#
# A **gate** is a row of numbers between 0 and 1, made by the sigmoid $\sigma(u) = 1 / (1 + e^{-u})$, that multiplies another row
# number by number, as a tap lets through more or less water. The update gate $z$ says how much of the old state stays; the
# reset gate $r$ says how much of it the candidate $n$ gets to see.
#
# At the end the states are made into one row, and that row into one score for each answer. The softmax turns the scores into
# probabilities:
#
# $$v = [\, h_T \;;\; \max_t h_t \;;\; \tfrac1T \textstyle\sum_t h_t \,] \qquad \ell = v K + k \qquad p = \operatorname{softmax}(\ell)$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $w_t$, $x_t$ | number of the word at step $t$, and its vector | –, 50 |
# | $h_t$ | the state after step $t$ | 16 |
# | $z$, $r$, $n$ | update gate, reset gate, candidate | 16 each |
# | $W_z$, $W_r$, $W_n$ | from the word; side by side they are $W$ | 50 × 16 each |
# | $U_z$, $U_r$, $U_n$ | from the last state; side by side they are $U$ | 16 × 16 each |
# | $b_z$, $b_r$, $b_n$ | biases of the word's side; side by side they are $b$ | 16 each |
# | $d_z$, $d_r$, $d_n$ | biases of the state's side; side by side they are $d$ | 16 each |
# | $v$ | what is known of the review: last, largest and mean state | 48 |
# | $K$, $k$ | matrix and bias of the **head**, the last layer, which makes the scores | 48 × 2, 2 |
# | $\ell$ | the two scores, called **logits** | 2 |
#
# Libraries call a matrix of weights such as $W$, $U$ or $K$ a **kernel**.

# %% tags=["hide-input"]
from __future__ import annotations

import ast
import csv
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

import shared
from lessons.show import COLOURS, axes_of, claim, command, interaction, picture, read_results
from shared.cell import initial_weights
from shared.data.encoded import encode_texts
from shared.history import Silent
from shared.loading import load_corpus
from shared.recipes import DOCUMENTED
from shared.reference.model import build
from shared.reference.training import train
from shared.specification import preset
from shared.weights import Checkpoint, read_checkpoint, save_checkpoint, to_torch_layout

PROJECT = Path(shared.__file__).parents[1]

# %% [markdown]
# Here it is in NumPy, with the same names. It reads one review at a time. Frameworks read several at once, a **batch**, and
# fill the shorter ones up with an empty word, the **padding**. Neither is needed here.

# %%
Weights = dict[str, np.ndarray]
LAYER = "rnn.0.forward"


def sigmoid(u: np.ndarray) -> np.ndarray:
    """Squash into the range from 0 to 1."""
    return 0.5 * (1 + np.tanh(0.5 * u))


def states_of(weights: Weights, words: np.ndarray, reset_first: bool = False) -> np.ndarray:
    """Return the state after each word, given the words' numbers."""
    W_z, W_r, W_n = np.split(weights[f"{LAYER}.input_kernel"], 3, axis=1)
    U_z, U_r, U_n = np.split(weights[f"{LAYER}.recurrent_kernel"], 3, axis=1)
    (b_z, b_r, b_n), (d_z, d_r, d_n) = (np.split(one, 3) for one in weights[f"{LAYER}.bias"])
    h, states = np.zeros(len(U_n)), []
    for x in weights["embedding"][words]:
        z = sigmoid(x @ W_z + b_z + h @ U_z + d_z)
        r = sigmoid(x @ W_r + b_r + h @ U_r + d_r)
        # With reset_first it is another function, which some texts write: see below.
        past = (r * h) @ U_n + d_n if reset_first else r * (h @ U_n + d_n)
        n = np.tanh(x @ W_n + b_n + past)
        h = z * h + (1 - z) * n
        states.append(h)
    return np.array(states)


def logits_of(weights: Weights, h: np.ndarray) -> np.ndarray:
    """Return the two logits of one review, given its states."""
    v = np.concatenate([h[-1], h.max(axis=0), h.mean(axis=0)])
    return v @ weights["head.kernel"] + weights["head.bias"]


# %% [markdown]
# ## The same dough
#
# Someone has to make the weights. No framework shall have the advantage, so the project's NumPy reference trains them, for
# a few seconds, on real film reviews. It is not a good model. It need not be: the question is whether four frameworks
# agree on it. What matters is that no weight is zero any more, for zeros hide mistakes.

# %%
SPECIFICATION = preset("smoke").replaced(
    architecture="gru", reviews=1_000, hidden_size=16, epochs=4, batch_size=32, max_length=48, learning_rate=0.01
)
corpus = load_corpus(SPECIFICATION)
fresh = initial_weights(SPECIFICATION, corpus)
model = build(SPECIFICATION, fresh)
train(model, corpus.train, corpus.validation, SPECIFICATION, Silent())
trained = {name: array.astype(np.float32) for name, array in model.weights.items()}
shutil.rmtree("dough", ignore_errors=True)  # of an earlier run of this cell
save_checkpoint(Path("dough"), Checkpoint(SPECIFICATION, corpus.vocabulary, trained, corpus.class_names))
for name, array in trained.items():
    print(f"{name:30} {array.shape}")

# %%
biases = [array for name, array in trained.items() if name.endswith("bias")]
claim("after training no bias is zero", all(np.all(array != 0) for array in biases))

# %% [markdown]
# The folder `dough` is a **checkpoint**: the weights under names that belong to no framework, the words, and what the model
# is. Now the reviews. Three are ours, one has a single word, and the rest are real ones that the model has not seen.

# %%
OURS = ["A film to remember.", "I wanted to love it. I could not.", "Boring."]
texts = [*OURS, *list(corpus.texts[2])[:57]]
with Path("reviews.csv").open("w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["text"], *([text] for text in texts)])

PACKAGES = {"Keras": "keras_impl", "PyTorch": "pytorch_impl", "Flair": "flair_impl", "fastai": "fastai_impl"}


def answers_of(package: str) -> np.ndarray:
    """Let a framework read the reviews, in a process of its own; return its probabilities."""
    command(package, "predict", "--checkpoint", "dough", "--input", "reviews.csv", "--output", f"{package}.csv")
    with Path(f"{package}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([[float(row[f"probability_{name}"]) for name in corpus.class_names] for row in rows])


probabilities = {name: answers_of(package) for name, package in PACKAGES.items()}

# %% [markdown]
# And NumPy, twice: the project's reference, which reads all reviews as one padded batch, and the two functions above, which
# read one review at a time. Both compute with twice as many digits as the frameworks do.


# %%
def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


checkpoint = read_checkpoint(Path("dough"))
weights = {name: array.astype(np.float64) for name, array in checkpoint.weights.items()}
encoded = encode_texts(texts, checkpoint.vocabulary, SPECIFICATION)
rows = range(len(texts))
batch = encoded.padded(np.array(rows))  # [reviews, longest review]
logits = build(SPECIFICATION, weights).logits(batch)
one_by_one = np.array([logits_of(weights, states_of(weights, encoded.words(row))) for row in rows])
claim(
    f"the equations above and the project's reference differ by {np.abs(logits - one_by_one).max():.0e} at most",
    np.allclose(logits, one_by_one, atol=1e-10),
)

# %%
print("good, with which probability?")
for row, text in enumerate(OURS):
    print(f"{text:36}", *(f"{name} {p[row, 1]:.6f}" for name, p in probabilities.items()), sep="  ")
apart = {name: float(np.abs(p - softmax(logits)).max()) for name, p in probabilities.items()}
claim(
    f"on {len(texts)} reviews the four frameworks' probabilities are within {max(apart.values()):.0e} of the equations",
    max(apart.values()) < 1e-5,
)

# %% [markdown]
# Probabilities could agree only because they are squeezed between 0 and 1. The logits are not squeezed. Only their
# difference matters, and it can be had back: $\ell_{good} - \ell_{bad} = \ln p_{good} - \ln p_{bad}$.

# %%
differences = {name: np.log(p[:, 1]) - np.log(p[:, 0]) for name, p in probabilities.items()}
apart = {name: float(np.abs(d - (logits[:, 1] - logits[:, 0])).max()) for name, d in differences.items()}
claim(
    f"this difference of logits is the same, too, to {max(apart.values()):.0e}; from one review to another it changes by up "
    f"to {np.ptp(differences['Keras']):.1f}",
    max(apart.values()) < 1e-5 and np.ptp(differences["Keras"]) > 0.5,
)
answers = {name: (p[:, 1] > 0.5).tolist() for name, p in probabilities.items()}
claim("all four give every review the same answer", all(a == answers["Keras"] for a in answers.values()))

# %% [markdown]
# ## Four columns of code
#
# Is that one program under four names? It is not. Below is what each framework's model is made of, taken out of the
# project's own files a moment ago. The lesson does not import them. It reads them as text. The hidden cell defines `code_of`,
# which returns the lines of a function or class without its documentation.

# %% tags=["hide-input"]
MODELS = {  # of each framework: the file, and the function or class that is the model
    "Keras": ("keras_impl/model.py", "sentiment_classifier"),
    "PyTorch": ("pytorch_impl/model.py", "SentimentClassifier"),
    "Flair": ("flair_impl/model.py", "ReviewEmbeddings"),
    "fastai": ("fastai_impl/model.py", "SentimentClassifier"),
}


def code_of(path: str, name: str) -> list[str]:
    """Return the lines of a function or class, without what it says about itself."""
    text = (PROJECT / path).read_text(encoding="utf-8")
    (found,) = (one for one in ast.parse(text).body if getattr(one, "name", "") == name)
    said = {
        number
        for one in ast.walk(found)
        if isinstance(one, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(one)
        for number in range(one.body[0].lineno, (one.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    inside = range(found.lineno, (found.end_lineno or 0) + 1)
    return [line for number, line in lines if number in inside and number not in said and line.strip()]


# %%
code = {name: code_of(*place) for name, place in MODELS.items()}
for name, lines in code.items():
    print(f"{name}: {len(lines)} lines, from {MODELS[name][0]}")
claim("no two of the four are the same text", len({tuple(lines) for lines in code.values()}) == 4)

# %% tags=["hide-input"]
PARTS = ("look up\nthe words", "read them\nin order", "one row for\nthe review", "two\nscores")
CALLS = {  # what each framework's code calls these parts
    "Keras": ("layers.Embedding", "layers.GRU", "MaskedPooling", "layers.Dense"),
    "PyTorch": ("nn.Embedding", "nn.GRU", "pool", "nn.Linear"),
    "Flair": ("nn.Embedding", "nn.GRU", "ReviewEmbeddings", "TextClassifier"),
    "fastai": ("layers.Embedding", "nn.GRU", "pool", "Head"),
}


def text_of(*folders: str) -> str:
    """Return all Python text of some of the project's folders."""
    return "\n".join(
        path.read_text(encoding="utf-8") for one in folders for path in sorted((PROJECT / one).glob("*.py"))
    )


absent = [
    call
    for name, calls in CALLS.items()
    for call in calls
    if call.split(".")[-1] not in text_of(PACKAGES[name], *(["torch_layers"] if name != "Keras" else []))
]
claim("each name in the picture stands in the code of its framework's package, or of the layers it uses", not absent)

# %% tags=["hide-input"]
with picture(
    "Four columns of code, one number: the logits' difference for “A film to remember.”",
    "Four columns, one for each framework, with the names of its own parts from top to bottom: words, GRU, pooling, head. "
    "All four end in the same number.",
    width=5.6,
    height=3.9,
) as figure:
    (axes,) = axes_of(figure)
    axes.set(xlim=(-1.3, 3.5), ylim=(-1.3, 4.6))
    axes.axis("off")
    for column, (name, calls) in enumerate(CALLS.items()):
        axes.text(column, 4.25, name, ha="center", color=COLOURS[column], weight="bold", size=11)
        for row, call in enumerate(calls):
            call = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[._])", "\n", call)
            axes.text(column, 3.45 - row, call, ha="center", va="center", family="monospace", size=9)
        axes.annotate("", (1.5, -0.62), (column, 0.1), arrowprops={"arrowstyle": "-", "color": COLOURS[column]})
    for row, part in enumerate(PARTS):
        axes.text(-1.3, 3.45 - row, part, ha="left", va="center", size=9, style="italic")
    axes.text(1.5, -1.05, f"{differences['PyTorch'][0]:+.4f}", ha="center", weight="bold", size=16)

# %%
interaction(
    "lesson_12",
    {
        "code": code,
        "files": {name: place[0] for name, place in MODELS.items()},
        "reviews": [text if len(text) < 90 else text[:90] + " …" for text in texts[:8]],
        "good": {name: p[:8, 1].tolist() for name, p in probabilities.items()},
        "first": int(np.abs(probabilities["Keras"][:8, 1] - probabilities["PyTorch"][:8, 1]).argmax()),
    },
    "Switch the framework and the one it is held against. Lines that the other does not have are marked ≠. Watch the answer.",
)

# %% [markdown]
# PyTorch, Flair and fastai share the layers of the package `torch_layers`, since all three are made of PyTorch. Keras shares
# nothing with them but the numbers. Each package puts the same arrays into its own places, and that is where it goes wrong
# most easily.
#
# ## What the code does not say
#
# Each line of this table is a convention. Most of them raise no error when they are mixed up; only a kernel that is the wrong way
# round, or a bias too few, may fail to fit.
#
# | convention | Keras | PyTorch, and so Flair and fastai |
# | --- | --- | --- |
# | order of the GRU's three parts | $z$, $r$, $n$ | $r$, $z$, $n$ |
# | a kernel is | inputs × outputs | outputs × inputs |
# | first axis of a batch | reviews | time, unless `batch_first=True` |
# | biases of an LSTM | one | two, and both are trained |
# | reset gate | after the product (`reset_after`, the default) | after the product |
# | padding | read, unless `mask_zero` | read, unless packed |
# | loss of a batch | mean | mean; Flair: sum |
#
# *Read* means that the network goes on over the empty words behind a text, and its state goes on changing. `mask_zero` tells
# Keras to leave them out. PyTorch leaves them out if the batch is **packed**: handed over without its padding, together with
# the length of each text.
#
# We mix up four of them on purpose, with the dough from above, and look at how far the probabilities move.


# %%
def moved(others: np.ndarray) -> float:
    """Return the largest change of a probability against the right logits."""
    return float(np.abs(softmax(others) - softmax(logits)).max())


def each(weights: Weights, **options: Any) -> np.ndarray:
    """Return the logits of all reviews, one by one."""
    return np.array([logits_of(weights, states_of(weights, encoded.words(row), **options)) for row in rows])


def swapped_biases(weights: Weights) -> Weights:
    """Return what comes of reordering the kernels for PyTorch, but not the biases."""
    theirs = to_torch_layout(weights, LAYER, "gru")
    assert np.array_equal(theirs["weight_ih"][:16], np.split(weights[f"{LAYER}.input_kernel"], 3, axis=1)[1].T)
    z, r, n = np.split(weights[f"{LAYER}.bias"], 3, axis=1)
    return {**weights, f"{LAYER}.bias": np.concatenate([r, z, n], axis=1)}


def axes_exchanged(weights: Weights) -> np.ndarray:
    """Read along the first axis, as a layer that expects time first does, but give it reviews first."""
    h = np.stack([states_of(weights, column) for column in batch.T], axis=1)  # [review, time, hidden]
    return np.array([logits_of(weights, h[row, : len(encoded.words(row))]) for row in rows])


fresh64 = {name: array.astype(np.float64) for name, array in fresh.items()}
before = float(np.abs(each(swapped_biases(fresh64)) - each(fresh64)).max())
mixed_up = {
    "biases keep the\nother order": moved(each(swapped_biases(weights))),
    "reset before\nthe product": moved(each(weights, reset_first=True)),
    "padding is read": moved(np.array([logits_of(weights, states_of(weights, words)) for words in batch])),
    "reviews and time\nchange places": moved(axes_exchanged(weights)),
}
for what, change in mixed_up.items():
    print(f"{what.replace(chr(10), ' '):34} {change:.4f}")
print(f"{'the four frameworks':34} {max(np.abs(p - softmax(logits)).max() for p in probabilities.values()):.7f}")

# %%
claim(
    "each of the four mistakes moves a probability by more than 100 times the project's limit of 1e-5",
    min(mixed_up.values()) > 1e-3,
)
claim("with fresh weights the forgotten biases change nothing at all: a test before training passes", before == 0)

# %%
with picture(
    "Mistakes that raise no error, against what rounding does. Each mark of the scale is a hundred times the last.",
    "Bars on a logarithmic scale. Four mistakes lie between a thousandth and one, the frameworks near a ten-millionth.",
    width=6,
    height=3,
) as figure:
    (axes,) = axes_of(figure)
    rounding = max(float(np.abs(p - softmax(logits)).max()) for p in probabilities.values())
    bars = {"four frameworks\nagainst NumPy": rounding, **mixed_up}
    axes.barh(list(bars), list(bars.values()), color=[COLOURS[0], *[COLOURS[1]] * 4], left=1e-9, height=0.6)
    axes.axvline(1e-5, color="black", linestyle=":")
    axes.text(1.3e-5, 0, "limit: $10^{-5}$", va="center")
    axes.set(xscale="log", xlim=(1e-9, 1), xlabel="largest change of a probability")
    axes.set_xticks([1e-8, 1e-6, 1e-4, 1e-2, 1])

# %% [markdown]
# The forgotten biases are the most treacherous. A fresh network has biases of zero, so whoever tests the conversion before
# training sees perfect agreement. That is why the project's tests draw every bias at random.
#
# ## Every step written down
#
# So far the frameworks only read. Do they also *learn* the same? The project measures this over many models and writes the
# figures to a file, which we open here.

# %%
parity = read_results("parity.json")
portability = read_results("portability.json")
WHAT = {
    "logits": "logits",
    "gradients": "gradients, relative",
    "step losses": "loss, each of 100 steps",
    "trained probabilities": "probability, 100 steps later",
}
worst = {what: max(one[what] for one in parity["largest"].values()) for what in WHAT}
for what, title in WHAT.items():
    print(f"{title:30} largest difference {worst[what]:.0e}   allowed {parity['tolerances'][what]:.0e}")
claim(
    f"over {parity['cases']} models and {parity['trainings']} trainings no framework leaves its limits",
    all(worst[what] < parity["tolerances"][what] for what in WHAT) and parity["cases"] >= 100,
)
claim(
    "in each of the four, logits are within 1e-5 of the reference and losses within 1e-3 for 100 steps",
    worst["logits"] < 1e-5 and worst["step losses"] < 1e-3,
)
largest = max(np.max(matrix) for matrix in portability["matrices"].values())
claim(
    f"a checkpoint that any of the four or NumPy wrote answers {portability['reviews']:,} reviews alike in all five: "
    f"{largest:.0e} at most",
    largest < 1e-5 and len(portability["names"]) == 5,
)

# %% [markdown]
# These are two different proofs. **Parity** says: given the same weights, a framework computes the same function and the
# same gradient, and takes the same first hundred steps. **Portability** says: what one has trained, another can open.
# Neither says that two long trainings end in the same weights. What rounding changes grows as training goes on.
#
# ## What each habit is worth
#
# Now let each kitchen bake as it likes. In the *lockstep* recipe everything is written down. In the *idiomatic* recipe each
# model is trained as its framework's own documentation shows. The reviews are the same, and so is the number of passes over them.

# %%
ARCHITECTURES = ("lstm", "gru", "bilstm")


def measured(experiment: str) -> dict[str, list[float]]:
    """Return the test accuracy in per cent, by framework, of the three architectures."""
    cells = read_results(f"{experiment}/statistics.json")["cells"]
    found = {(one["framework"], one["architecture"]): 100 * one["accuracy"]["value"] for one in cells}
    return {name: [found[name.lower(), one] for one in ARCHITECTURES] for name in PACKAGES}


lockstep, idiomatic = measured("quick"), measured("quick-idiomatic")
with picture(
    "The same four frameworks: every step written down (left), and each by its own habits (right).",
    "Two panels of accuracy for LSTM, GRU and BiLSTM. On the left four points lie on one another near 88 per cent. On the "
    f"right they spread from {min(map(min, idiomatic.values())):.0f} to {max(map(max, idiomatic.values())):.0f}.",
    width=6,
    height=3.2,
) as figure:
    panels = axes_of(figure, 1, 2, sharey=True)
    for axes, title, accuracies in zip(panels, ("written down", "by habit"), (lockstep, idiomatic), strict=True):
        for number, (name, values) in enumerate(accuracies.items()):
            axes.plot(values, "osv^"[number], color=COLOURS[number], markersize=8, alpha=0.8)
            if accuracies is idiomatic:
                axes.text(2.25, values[2] + (0.6, -0.6, 0.6, -0.6)[number], name, color=COLOURS[number], va="center")
        axes.set_xticks(range(3), ["LSTM", "GRU", "BiLSTM"])
        axes.set(xlabel=title, xlim=(-0.4, 2.4 if accuracies is lockstep else 4.1))
    panels[0].set_ylabel("test accuracy, %")

# %%
of_lockstep, of_habit = (float(np.ptp(list(values.values()), axis=0).max()) for values in (lockstep, idiomatic))
claim(
    f"written down, the four are {of_lockstep:.2f} points apart at most; by habit up to {of_habit:.0f} points",
    of_lockstep < 0.5 and of_habit > 10,
)
means = {name: float(np.mean(values)) for name, values in idiomatic.items()}
print("by habit, mean of three:", ", ".join(f"{name} {value:.1f} %" for name, value in means.items()))
claim(
    "by habit Keras is first and Flair last",
    max(means, key=means.__getitem__) == "Keras" and min(means, key=means.__getitem__) == "Flair",
)

# %% [markdown]
# A table that shows only the right half would say “choose Keras”. The left half says that there is nothing to choose. So
# where does the right half come from?
#
# Every habit has a name: it is a **field** of the model's specification, and a flag of each of the four programs. What a
# framework's documentation writes is one value for each of these fields.

# %%
keras, flair = DOCUMENTED["keras"], DOCUMENTED["flair"]
differing = [name for name in {**keras, **flair} if keras.get(name) != flair.get(name)]
for name in differing:
    print(
        f"{name:20} Keras {keras.get(name, 'as the preset has it')!s:22} Flair {flair.get(name, 'as the preset has it')}"
    )
fields = {name for values in DOCUMENTED.values() for name in values}
claim(
    f"Keras' documentation and Flair's differ in {len(differing)} of {len(fields)} fields; the learning rate is one of them",
    2 < len(differing) < len(fields) and "learning_rate" in differing,
)

# %% [markdown]
# So any framework can be told to act like any other: `python -m pytorch_impl train --like keras` takes Keras' values, and
# PyTorch then trains as Keras' own code does. Given the same random numbers, the two agree up to rounding
# (`tests/conformance/test_own_code.py` holds them to it): no habit of the right half is left without a name.
#
# What is each habit worth? Start at the lockstep recipe, switch **one**, train with several **seeds** (starting
# points of the random numbers), and switch it back. The project calls the result a ladder, and each habit a rung. All rungs are
# trained in one framework, PyTorch: so what they show is the habit, and nothing else.
#
# Two habits need a word. **Clipping** shortens a gradient that is too long before it is used; its direction stays
# ([lesson 7](lesson_07_vanishing_and_exploding.ipynb)). *Fixed* word vectors are not trained along with the rest.

# %%
ladder = read_results("ladder.json")
rungs = {
    one["name"]: {side: 100 * value for side, value in one["accuracy_difference"].items()}
    for one in ladder["rungs"]
    if one.get("against") == "lockstep" and "accuracy_difference" in one
}
NAMES = {
    "sgd": "plain descent at 0.1, not Adam (Flair)",
    "learning-rate-1e-3": "learning rate .001 (Keras, PyTorch, fastai)",
    "frozen-vectors": "word vectors stay fixed (Flair)",
    "last-state": "last state alone (all but fastai)",
    "truncation-head": "beginnings, not ends (Keras)",
    "second-bias": "a second bias (PyTorch and its kin)",
    "loss-sum": "sum of the losses (Flair)",
    "no-clipping": "no clipping (all but Flair)",
    "batch-size-32": "batches of 32 (Keras, Flair)",
}


def leaves_zero_out(worth: dict[str, float]) -> bool:
    """Return whether a 95 % interval does not hold zero."""
    return worth["low"] > 0 or worth["high"] < 0


seeds = len(ladder["rungs"][0]["seeds"])
said = ", ".join(f"{title} {rungs[name]['mean']:+.1f}" for name, title in NAMES.items())
with picture(
    f"Nine habits, each switched alone, with 95 % intervals over {seeds} seeds. Light bars: the interval holds zero.",
    f"Nine horizontal bars, in points of accuracy: {said}.",
    width=6,
    height=3.6,
) as figure:
    (axes,) = axes_of(figure)
    for height, name in enumerate(reversed(NAMES)):
        one = rungs[name]
        axes.barh(height, one["mean"], height=0.5, color=COLOURS[1] if leaves_zero_out(one) else COLOURS[5])
        axes.plot([one["low"], one["high"]], [height, height], color="black", linewidth=1)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(NAMES)), list(reversed(NAMES.values())), fontsize=9)
    axes.set(xlabel="points of accuracy")

# %%
claim(
    f"each bar is a mean over {seeds} seeds, after training on {ladder['data']['sizes']['train']:,} reviews",
    seeds >= 3 and all(one["seeds"] == ladder["rungs"][0]["seeds"] for one in ladder["rungs"] if one["name"] in NAMES),
)
rate, clear = rungs["learning-rate-1e-3"], [name for name, one in rungs.items() if leaves_zero_out(one)]
claim(
    f"the learning rate alone moves {rate['mean']:+.1f} points ({rate['low']:.1f} to {rate['high']:.1f})",
    rate["high"] < -5,
)
claim(
    f"of {len(rungs)} habits {len(clear)} have an interval without zero; the second bias and Adam's epsilon have not",
    len(clear) < len(rungs) / 2 and not {"second-bias", "epsilon-1e-8", "epsilon-before"} & set(clear),
)
of_pytorch = [one["name"] for one in ladder["rungs"] if one["name"] in rungs and "PyTorch" in one["whose"].split(", ")]
total = sum(rungs[name]["mean"] for name in of_pytorch)
gap = idiomatic["PyTorch"][0] - lockstep["PyTorch"][0]
claim(
    f"PyTorch's {len(of_pytorch)} parts add up to {total:.1f} points, its LSTM loses {gap:.1f}: parts need not add up",
    abs(total - gap) > 3,
)

# %% [markdown]
# The bars all begin at zero because every habit was switched **alone, from one starting point**, and they may not be added up:
# what one habit costs depends on the others, since a low learning rate hurts less where there are more steps, and clipping
# matters more where losses are summed. The ladder says what is worth looking at. It is not a bill.
#
# A bill is what `lockstep explain keras flair` writes. It goes from one set of values to the other, field by field, in
# several orders, and takes for each field the mean of what it changes. These means (Shapley values) add up to the whole,
# whatever depends on what. Fields that make sense only together, such as an optimizer and its learning rate, are one line.
# What is left over has lines of its own: another framework with the same fields, and a framework's own code with the values
# that it has anyway.

# %%
bill = read_results("explain.json")
ends = [100 * bill[end]["accuracy"]["mean"] for end in ("first", "second")]
worth = [{side: 100 * value for side, value in part["accuracy"].items()} for part in bill["parts"]]
levels = ends[0] + np.cumsum([0.0, *(one["mean"] for one in worth)])


def label(name: str) -> str:
    """Return a line's name, short enough for a picture."""
    first, *others = name.replace("_", " ").split(" + ")
    return (
        f"{first} and {len(others)} more"
        if others
        else first.replace("Keras's", "Keras'").replace(" instead of its", ", not its")
    )


labels = [label(part["name"]) for part in bill["parts"]]
said = ", ".join(f"{name} {one['mean']:+.1f}" for name, one in zip(labels, worth, strict=True))
with picture(
    "From Keras' own code to Flair's, line by line. Each bar begins where the one above it ends; only at both ends is that a model's test accuracy. Light bars: the interval holds zero.",
    f"{len(worth)} bars, in points of accuracy, from {ends[0]:.1f} to {ends[1]:.1f} per cent: {said}.",
    width=6,
    height=4.4,
) as figure:
    (axes,) = axes_of(figure)
    for place, one in enumerate(worth):
        colour = COLOURS[1] if leaves_zero_out(one) else COLOURS[5]
        axes.barh(-place, one["mean"], left=levels[place], height=0.6, color=colour)
        axes.plot([levels[place + 1]] * 2, [-place + 0.3, -place - 1.3], color="black", linewidth=0.8)
    for level, end in zip(ends, ("Keras", "Flair"), strict=True):
        axes.axvline(level, color="black", linewidth=0.8, linestyle=":")
        axes.text(level, 0.9, f"{end} {level:.1f}", ha="center")
    axes.set_yticks(range(0, -len(labels), -1), labels, fontsize=9)
    axes.set(xlabel="the sum so far, %", xlim=(levels.min() - 2, levels.max() + 1), ylim=(-len(labels) + 0.3, 1.6))

# %%
sure = [name for name, one in zip(labels, worth, strict=True) if leaves_zero_out(one)]
claim(
    f"the {len(worth)} lines add up to the whole: {ends[0]:.1f} {sum(one['mean'] for one in worth):+.1f} = {ends[1]:.1f} %",
    abs(levels[-1] - ends[1]) < 1e-6,
)
claim(
    f"over {len(bill['seeds'])} seeds and {bill['orders']} orders, {len(sure)} of {len(worth)} intervals leave zero out: {', '.join(sure)}",
    0 < len(sure) < len(worth) / 2,
)

# %% [markdown]
# The sum is exact; most lines are not, because two seeds of the same code can differ by several points here. A line whose
# interval holds zero is not shown to be worth nothing. It asks for more seeds and orders; `--budget 30m` takes as many as fit
# into half an hour. `lockstep diff A B` says without any training in which fields two runs differ.

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“Framework A is more accurate than framework B.”** Ask first whether defaults were compared. With the defaults written
#   down, the difference in this lesson fell below half a point.
# - **“`LSTM(32)` has 32 layers.”** The number is that of **units**, the length of the state. It is one layer. Exercise 1
#   counts.
# - **“The GRU”** is two functions. Cho et al. (2014) reset the state before it is multiplied by $U_n$. PyTorch and Keras reset
#   after, as does cuDNN, NVIDIA's library for graphics cards, which both call there. Some courses write one from scratch and
#   then call the other from a library, under one heading. We changed it above: the weights fit, nothing is raised, and the
#   answers are others.
# - **“PyTorch expects the batch first.”** Its recurrent layers expect time first. `batch_first=True` changes that for inputs
#   and outputs, but not for the last state `h_n`.
# - **“Summing the loss multiplies the learning rate by the batch.”** For plain gradient descent, yes. Adam divides by the
#   gradient's own size, and next to nothing is left of the factor. Exercise 2 shows both.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Write the number of weights of one GRU layer as a formula of `units` and `inputs`. Check it with the arrays above. Then
# say what a second *layer* would add.

# %% tags=["solution"]
units, inputs = 16, 50
one_layer = 3 * (inputs * units + units * units + 2 * units)
second_layer = 3 * (units * units + units * units + 2 * units)  # its inputs are the first layer's states
stored = sum(array.size for name, array in trained.items() if name.startswith("rnn"))
claim(
    f"16 units are one layer of {one_layer:,} weights; a second layer would add {second_layer:,}",
    one_layer == stored and {name.split(".")[1] for name in trained if name.startswith("rnn")} == {"0"},
)

# %% [markdown]
# ### Exercise 2
#
# A gradient $g$ is the mean over 32 reviews. Flair's sum is $32 g$. Take the first step with plain gradient descent and
# with Adam, for both. How much longer is the step?


# %% tags=["solution"]
def first_step(g: np.ndarray, adam: bool, rate: float = 0.01) -> np.ndarray:
    """Return the first step; in Adam's, the corrected moments are g and g squared."""
    return -rate * (g / (np.sqrt(g**2) + 1e-7) if adam else g)


g = np.random.default_rng(0).normal(size=1_000) * 1e-3
longer = {
    adam: float(np.linalg.norm(first_step(32 * g, adam)) / np.linalg.norm(first_step(g, adam)))
    for adam in (False, True)
}
claim(
    f"plain descent: {longer[False]:.1f} times as long; Adam: {longer[True]:.3f} times",
    abs(longer[False] - 32) < 1e-6 and abs(longer[True] - 1) < 0.01,
)

# %% [markdown]
# ### Exercise 3
#
# Is 1e-5 strict enough? Find the review that is closest to 50 %, and compare its distance with the largest difference
# between any two frameworks.

# %% tags=["solution"]
stacked = np.stack([p[:, 1] for p in probabilities.values()])  # [frameworks, reviews]
closest = float(np.abs(stacked - 0.5).min())
between = float(np.ptp(stacked, axis=0).max())
claim(
    f"the closest review is {closest:.4f} from 50 %, the frameworks are {between:.0e} apart: no answer can flip",
    between < closest / 5,
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`keras_impl/model.py#sentiment_classifier`, {source}`pytorch_impl/model.py#SentimentClassifier`,
#   {source}`flair_impl/model.py#ReviewEmbeddings`, {source}`fastai_impl/model.py#SentimentClassifier`: the four models.
# - {source}`shared/weights.py#to_torch_layout`: gate order, kernels and biases for PyTorch.
# - {source}`compare/proofs/parity.py#Case` and {source}`compare/proofs/portability.py`: the two proofs.
# - {source}`shared/recipes.py#DOCUMENTED`: what each documentation writes. {source}`compare/studies/rungs.py#RUNGS`: the habits
#   that are switched; {source}`compare/studies/ladder.py` trains them. {source}`compare/explain/shapley.py`: the bill.
# - {source}`lessons/silent_errors.py#CASES`: more mistakes that raise nothing.
# - `lockstep parity` and `lockstep portability` measure everything anew.
#
# Next: [other data](lesson_13_other_data.ipynb). To judge such tables: [reading a comparison](lesson_15_reading_a_comparison.ipynb).
