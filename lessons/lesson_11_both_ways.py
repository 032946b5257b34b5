# %% [markdown]
# # 11. Both ways
#
# **After this lesson you can**
#
# - write a network that reads a sentence from both ends, and say what each of its states has read;
# - show a task that no reader from the left can do, however large it is;
# - take the right state out of a bidirectional network, with padding and without;
# - say when you must not use one.
#
# You need [the network of lesson 5](lesson_05_a_net_with_memory.ipynb) and how it is [trained](lesson_06_back_propagation_through_time.ipynb).

# %% [markdown]
# ## The interpreter and the translator
#
# An interpreter sits in her booth and hears: *"We met at the pool and …"*. She has to say it in German, now. Is it a pool
# to swim in, *das Becken*? A pool of cars that a firm shares, *der Fuhrpark*? Or the game with balls and a cue, *Billard*? She cannot know.
# The word that settles it has not been said yet: *… and she had forgotten her **towel***, *… the **petrol***, *… the **chalk***.
#
# Two floors up a translator has the same sentence on paper. He reads to the full stop, goes back to *pool*, and writes the right word.
# He is not cleverer. He has seen the other side of the word.
#
# A network that reads from left to right is the interpreter. In this lesson we give it a colleague who reads from
# right to left, and let them compare notes at every word.

# %% [markdown]
# ## The equation
#
# Two networks read the same words. One starts at the first word, the other at the last:
#
# $$\overrightarrow{h}_t = \tanh(x_t W_f + \overrightarrow{h}_{t-1} U_f + b_f) \qquad
# \overleftarrow{h}_t = \tanh(x_t W_b + \overleftarrow{h}_{t+1} U_b + b_b)$$
#
# $$h_t = [\overrightarrow{h}_t ; \overleftarrow{h}_t] \qquad p_t = \operatorname{softmax}(h_t V + c)$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $x_t$ | the word at place $t$ of $T$, one-hot: $x_t W$ is a row of $W$ | 45 |
# | $\overrightarrow{h}_t$ | the forward state: has read the words 1 to $t$ | 16 |
# | $\overleftarrow{h}_t$ | the backward state: has read the words $T$ down to $t$ | 16 |
# | $h_t$ | both, one after the other | 32 |
# | $W_f, U_f, b_f$ and $W_b, U_b, b_b$ | each reader has weights of its own | 45 × 16, 16 × 16, 16 |
# | $V$, $c$ | from both states to the scores of three meanings | 32 × 3, 3 |
#
# This is the bidirectional network of Schuster and Paliwal (1997). With LSTM cells it is a BiLSTM (Graves and Schmidhuber 2005).

# %% tags=["hide-input"]
from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # these matrices are small: more threads would wait for each other

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture, read_results
from shared.reference.model import SentimentClassifier, build, softmax
from shared.reference.training import Adam
from shared.specification import Specification, preset
from shared.weights import shapes

# %% [markdown]
# Three meanings, and for each of them words that give it away. We call such a word a **clue**.

# %%
MEANINGS = ("water", "cars", "game")
CLUES = (
    "towel swim goggles splash wet dive".split(),
    "petrol garage engine drivers van tyres".split(),
    "chalk balls rack pocket tip triangle".split(),
)
PLAIN = "we they she he met stood waited at by the and had brought forgotten her his lost on to in then later near once a".split()
WORDS = ["pool", ".", *PLAIN, *(word for clues in CLUES for word in clues)]
NUMBER = {word: number for number, word in enumerate(WORDS)}
assert len(WORDS) == 45
CLUE_NUMBERS = np.array([[NUMBER[word] for word in clues] for clues in CLUES])


def sentences(generator: np.random.Generator, side: str, count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw sentences with a clue left of "pool", right of it, or none; return words, meanings, and the place of "pool"."""
    left, right = int(generator.integers(2, 7)), int(generator.integers(side == "right", 9))
    x = generator.integers(2, 2 + len(PLAIN), size=(count, left + 1 + right + 1))
    x[:, left], x[:, -1] = NUMBER["pool"], NUMBER["."]
    meanings = generator.integers(len(MEANINGS), size=count)
    clues = CLUE_NUMBERS[meanings, generator.integers(CLUE_NUMBERS.shape[1], size=count)]
    if side == "left":
        x[np.arange(count), generator.integers(left, size=count)] = clues
    if side == "right":
        x[np.arange(count), left + 1 + generator.integers(right, size=count)] = clues
    return x, meanings, left


SIDES = ("left", "right", "none")
for side in SIDES:
    x, meanings, _ = sentences(np.random.default_rng(1), side, 1)
    print(f"{side:6}", *(WORDS[word] for word in x[0]), "→", MEANINGS[meanings[0]])

# %% [markdown]
# The sentences are nonsense, on purpose: nothing but the clue tells the meaning. In a third of them there is no clue, and nobody
# can know. Chance is one in three.
#
# `walk` is one reader. The second reader is the same function on the reversed sentence, and its states are turned round again.

# %%
Weights = dict[str, np.ndarray]


def new_weights(ways: str, hidden: int, seed: int) -> Weights:
    """Draw weights for the readers in ways: "f", "b", or "fb"."""
    generator = np.random.default_rng(seed)
    weights = {"V": 0.3 * generator.normal(size=(len(ways) * hidden, len(MEANINGS))), "c": np.zeros(len(MEANINGS))}
    for way in ways:
        weights["W" + way] = 0.3 * generator.normal(size=(len(WORDS), hidden))
        weights["U" + way] = np.linalg.qr(generator.normal(size=(hidden, hidden)))[0]
        weights["b" + way] = np.zeros(hidden)
    return weights


def walk(x: np.ndarray, W: np.ndarray, U: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Read from the first column to the last; return the state at every place, by place and sentence."""
    h = [np.zeros((len(x), len(U)))]
    for x_t in x.T:
        h.append(np.tanh(W[x_t] + h[-1] @ U + b))
    return np.array(h[1:])


def states_of(weights: Weights, x: np.ndarray, way: str) -> np.ndarray:
    """Return one reader's states in the order of the words, whichever way it reads."""
    one = weights["W" + way], weights["U" + way], weights["b" + way]
    return walk(x, *one) if way == "f" else walk(x[:, ::-1], *one)[::-1]


def both_ways(weights: Weights, x: np.ndarray, ways: str = "fb") -> np.ndarray:
    """Return [h→; h←] at every place."""
    return np.concatenate([states_of(weights, x, way) for way in ways], axis=2)


# %% [markdown]
# ## What each state has read
#
# Change one word and look which states change. That shows what a state has read.

# %%
SENTENCE = "we met at the pool and she had lost the chalk .".split()
x = np.array([[NUMBER[word] for word in SENTENCE]])
weights = new_weights("fb", 16, seed=0)
has_read = np.zeros((2, len(SENTENCE), len(SENTENCE)), bool)  # by reader, place of the state, word
for word in range(len(SENTENCE)):
    changed = x.copy()
    changed[0, word] = NUMBER["his"]
    for reader, way in enumerate("fb"):
        moved = states_of(weights, changed, way) != states_of(weights, x, way)
        has_read[reader, :, word] = moved.any(axis=(1, 2))
places = np.arange(len(SENTENCE))
claim(
    "a forward state has read the words up to its own, a backward state those from its own on, and no other",
    bool((has_read[0] == (places[:, None] >= places)).all() and (has_read[1] == (places[:, None] <= places)).all()),
)
claim(
    f"at the last word the backward state has read {has_read[1, -1].sum()} word; at the first, {has_read[1, 0].sum()} of {len(SENTENCE)}",
    int(has_read[1, -1].sum()) == 1 and bool(has_read[1, 0].all()),
)

# %%
with picture(
    "“pool” from both sides: the forward state has read what is left of it, the backward state what is right.",
    "A square of words by words. In each row, the state at that word: the forward state has read the part up to the diagonal, the "
    "backward state the part from the diagonal on. The row of pool is framed; only the backward part holds chalk.",
    height=4.2,
) as figure:
    (axes,) = axes_of(figure)
    for reader, colour, marker in ((0, COLOURS[0], "<"), (1, COLOURS[1], ">")):
        rows, columns = np.nonzero(has_read[reader])
        axes.plot(columns, rows + (0.16 if reader else -0.16), marker, color=colour, markersize=6)
    row = SENTENCE.index("pool")
    axes.axhspan(row - 0.45, row + 0.45, color=COLOURS[3], alpha=0.3, linewidth=0)
    axes.set_xticks(places, SENTENCE, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, SENTENCE)
    axes.text(0, -1.1, "read by the forward state", color=COLOURS[0], va="center")
    axes.text(len(SENTENCE) - 1, -1.1, "by the backward state", color=COLOURS[1], ha="right", va="center")
    axes.set(xlabel="word that is read", ylabel="state at", ylim=(len(SENTENCE) - 0.5, -1.6))

# %% [markdown]
# ## A task for two
#
# Three taggers learn to name the meaning at *pool*. One reads from the left, one from the right, and one both ways. The
# single readers get twice the state, so that all three have 32 numbers to go by.


# %%
def gradients(weights: Weights, x: np.ndarray, meanings: np.ndarray, place: int, ways: str) -> Weights:
    """Return the gradient of the mean cross-entropy at one place."""
    h = both_ways(weights, x, ways)[place]
    d_scores = (softmax(h @ weights["V"] + weights["c"]) - np.eye(len(MEANINGS))[meanings]) / len(x)
    gradient = {"V": h.T @ d_scores, "c": d_scores.sum(axis=0)}
    for way, d_h in zip(ways, np.split(d_scores @ weights["V"].T, len(ways), axis=1), strict=True):
        read = x[:, : place + 1] if way == "f" else x[:, : place - 1 if place else None : -1]  # up to the place
        W, U, b = (weights[name + way] for name in "WUb")
        states = walk(read, W, U, b)
        d_W, d_U, d_b = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
        for t in reversed(range(len(states))):
            d_sum = d_h * (1 - states[t] ** 2)
            np.add.at(d_W, read[:, t], d_sum)
            d_U += states[t - 1].T @ d_sum if t else 0
            d_b += d_sum.sum(axis=0)
            d_h = d_sum @ U.T
        gradient |= {"W" + way: d_W, "U" + way: d_U, "b" + way: d_b}
    return gradient


def train(ways: str, seed: int = 0, steps: int = 1_200, wait: int = 0) -> Weights:
    """Train a tagger of "pool" that answers so many words after it."""
    generator, weights = np.random.default_rng(100 + seed), new_weights(ways, 32 // len(ways), seed)
    optimizer = Adam(weights, preset("smoke").replaced(gradient_clipping=1.0))
    for step in range(steps):
        x, meanings, pool = sentences(generator, SIDES[step % 3], 32)
        optimizer.update(
            gradients(weights, x, meanings, min(pool + wait, x.shape[1] - 1), ways), 0.01 * (1 - step / steps)
        )
    return weights


def probabilities(weights: Weights, x: np.ndarray, place: int, ways: str) -> np.ndarray:
    """Return the probabilities of the meanings at a place, by sentence."""
    return softmax(both_ways(weights, x, ways)[place] @ weights["V"] + weights["c"])


def accuracy(weights: Weights, ways: str, side: str, wait: int = 0) -> float:
    """Share of right meanings in new sentences with the clue on one side."""
    generator, right = np.random.default_rng(7), []
    for _ in range(40):
        x, meanings, pool = sentences(generator, side, 50)
        said = probabilities(weights, x, min(pool + wait, x.shape[1] - 1), ways).argmax(axis=1)
        right.append(np.mean(said == meanings))
    return float(np.mean(right))


# %%
READERS = {"f": "from the left", "b": "from the right", "fb": "both ways"}
taggers = {ways: train(ways) for ways in READERS}
right = {(ways, side): accuracy(weights, ways, side) for ways, weights in taggers.items() for side in SIDES}
for ways, name in READERS.items():
    print(f"{name:15}", {side: f"{right[ways, side]:.0%}" for side in SIDES})
claim(
    f"the reader from the left is right on {right['f', 'left']:.1%} with the clue on the left, "
    f"and on {right['f', 'right']:.1%} with the clue on the right: one in three",
    right["f", "left"] > 0.93 and right["f", "right"] < 0.45,
)
claim(
    f"the reader of both ways is right on {right['fb', 'left']:.1%} and {right['fb', 'right']:.1%}",
    min(right["fb", "left"], right["fb", "right"]) > 0.95,
)
claim(
    f"without a clue nobody is right on more than {max(right[ways, 'none'] for ways in READERS):.1%}",
    max(right[ways, "none"] for ways in READERS) < 0.4,
)

# %%
with picture(
    "Each reader knows its own side. Together they know both.",
    "Three groups of bars: clue left of pool, right of it, none. From the left: about 100, 33 and 33 percent. From the right: 33, 100 "
    "and 33. Both ways: 100, 100 and 33.",
    height=3.0,
) as figure:
    (axes,) = axes_of(figure)
    for number, (ways, name) in enumerate(READERS.items()):
        bars = axes.bar(
            np.arange(3) + 0.27 * (number - 1), [right[ways, side] for side in SIDES], 0.24, color=COLOURS[number]
        )
        axes.bar_label(bars, [name.removeprefix("from the ").removesuffix(" ways")] * 3, padding=2)
    axes.axhline(1 / 3, color="black", linestyle=":", linewidth=1)
    axes.set_xticks(range(3), ["clue on the left", "clue on the right", "no clue"])
    axes.set(ylabel="right meanings at “pool”", ylim=(0, 1.12))

# %% [markdown]
# More units, layers or data would not help the reader from the left. At *pool* it holds the same state whatever comes after.

# %%
BEGINNING = "we met at the pool and she had forgotten the"
x = np.array([[NUMBER[word] for word in [*BEGINNING.split(), last, "."]] for last in ("swim", "petrol", "chalk")])
pool = BEGINNING.split().index("pool")
apart = {way: float(np.ptp(states_of(taggers["fb"], x, way)[pool], axis=0).max()) for way in "fb"}
claim(
    f"three sentences that differ after “pool”: the forward states there differ by {apart['f']:.0e}, the backward ones by {apart['b']:.1f}",
    apart["f"] < 1e-12 and apart["b"] > 0.1,
)

# %% [markdown]
# Hide the right side and see.

# %% tags=["hide-input"]
SHOWN = {
    "water": "we met at the pool and she had forgotten her towel .",
    "cars": "we met at the pool and she had forgotten the petrol .",
    "game": "we met at the pool and she had forgotten the chalk .",
    "water, clue on the left": "he stood wet by the pool and waited .",
}
answered = {}
for name, sentence in SHOWN.items():
    words = sentence.removesuffix(" .").split()
    at = words.index("pool")
    read = [[*words[: at + 1 + shown], "."] for shown in range(len(words) - at)]
    numbers = [np.array([[NUMBER[word] for word in each]]) for each in read]
    answered[name] = {
        ways: [probabilities(taggers[ways], x, at, ways)[0].round(3).tolist() for x in numbers] for ways in ("f", "fb")
    }
surest = max(max(steps[0]) for name in MEANINGS for steps in answered[name].values())
claim(f"with all hidden no reader gives any meaning more than {surest:.0%}", surest < 0.6)
interaction(
    "lesson_11",
    {"sentences": SHOWN, "answered": answered, "meanings": MEANINGS, "readers": READERS},
    "Hide what stands right of “pool”, and let it appear word by word.",
)

# %% [markdown]
# ## Which state to take
#
# A review needs one answer, not one at every word. So the states have to be made into one vector. It is often done by taking the
# last output, `outputs[:, -1]`. In a network that reads forwards that is right: the last state has read everything. In a
# bidirectional one it is half right. The forward half has read everything. The backward half has read one word.
#
# Here is the project's own model, a BiLSTM with random weights, on 300 different sentences that all end with a full stop.

# %%
BILSTM = preset("smoke").replaced(
    architecture="bilstm", embedding_size=8, hidden_size=6, layers=1, pooling="last", vectors="random"
)


def model_of(specification: Specification, seed: int = 0) -> SentimentClassifier:
    """Build the project's reference model with random weights."""
    generator = np.random.default_rng(seed)
    sizes = shapes(specification, len(WORDS) + 2, len(MEANINGS))
    return build(specification, {name: 0.5 * generator.normal(size=size) for name, size in sizes.items()})


def outputs_of(model: SentimentClassifier, tokens: np.ndarray) -> np.ndarray:
    """Return what the two readers put out, by sentence, place and unit."""
    model.logits(tokens)
    return np.concatenate([one.outputs for one in model.passes[-1]], axis=2)


# %%
x = sentences(np.random.default_rng(3), "right", 300)[0]
tokens = x + 2  # the project's words 0 and 1 are padding and the unknown word
model = model_of(BILSTM)
last_outputs = outputs_of(model, tokens)[:, -1]
different = {
    "sentences": len(np.unique(x, axis=0)),
    "forward half": len(np.unique(last_outputs[:, :6], axis=0)),
    "backward half": len(np.unique(last_outputs[:, 6:].round(12), axis=0)),
}
claim(
    f"of {different['sentences']} different sentences the forward halves of the last outputs take {different['forward half']} "
    f"values, the backward halves {different['backward half']}",
    different["sentences"] == different["forward half"] == 300 and different["backward half"] == 1,
)
backward_at_first = outputs_of(model, tokens)[:, 0, 6:]
claim(
    f"at the first word the backward halves take {len(np.unique(backward_at_first, axis=0))} values",
    len(np.unique(backward_at_first, axis=0)) == 300,
)

# %% [markdown]
# The backward half of `outputs[:, -1]` is a constant here. The classifier is given twelve numbers and learns from six. The backward
# reader's last state, the one that has read everything, stands at the **first** word. That is what the project takes:

# %%
outputs = outputs_of(model, tokens)
ends = np.concatenate([outputs[:, -1, :6], outputs[:, 0, 6:]], axis=1)
claim(
    "the project takes the forward state at the last word and the backward state at the first",
    np.array_equal(ends, model.features),
)

# %% [markdown]
# In PyTorch these two are in `h_n`, the second thing that an `LSTM` returns. In Keras, `Bidirectional` takes them by itself, unless
# `return_sequences=True`.
#
# ### Padding
#
# Reviews of one batch have different lengths, and the short ones are filled up with **padding**. Then `[:, -1]` is
# not even the last word. The project keeps every state as it is while it passes padding:

# %%
padded = np.concatenate([tokens, np.zeros((len(tokens), 10), int)], axis=1)
at_end = outputs_of(model, padded)[:, -1]
masked = float(np.abs(model.features - ends).max())
reads_padding = model_of(BILSTM.replaced(padding="right"))
reads_padding.logits(padded)
unmasked = float(np.abs(reads_padding.features - ends).max())
claim(f"ten places of padding change the project's features by {masked:.0e}", masked < 1e-12)
claim("the backward half of the last output is now zero: it has read nothing at all", not at_end[:, 6:].any())
claim(f"if the padding is read as a word, features change by up to {unmasked:.2f}", unmasked > 0.01)

# %% [markdown]
# ### Pooling
#
# Making one vector of many states is called **pooling**. The project has three kinds, over real words only, and
# its preset puts them side by side (*concat*): the last states; of every unit the largest value (*max*); and the average
# (*mean*). Max and mean look at every place, so they find each reader's full state wherever it stands.


# %%
def pooled(outputs: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Pool the outputs of two readers of equal size: last, max, mean."""
    hidden, rows, end = outputs.shape[2] // 2, np.arange(len(outputs)), real.sum(axis=1) - 1
    last = np.concatenate([outputs[rows, end, :hidden], outputs[:, 0, hidden:]], axis=1)
    largest = np.where(real[:, :, None], outputs, -np.inf).max(axis=1)
    average = (outputs * real[:, :, None]).sum(axis=1) / real.sum(axis=1, keepdims=True)
    return np.concatenate([last, largest, average], axis=1)


lengths = np.random.default_rng(4).integers(1, padded.shape[1], size=len(padded))
uneven = np.where(np.arange(padded.shape[1]) < lengths[:, None], np.maximum(padded, 1), 0)
concat = model_of(BILSTM.replaced(pooling="concat"))
ours = pooled(outputs_of(concat, uneven), uneven != 0)
difference = float(np.abs(ours - concat.features).max())
claim(
    f"pooling here and in the project differ by {difference:.0e}, for lengths of 1 to {lengths.max()} words",
    difference < 1e-12,
)

# %% [markdown]
# ## Side by side, not on top
#
# The two LSTMs do not know of each other. Each reads the words. Neither reads what the other puts out. The backward one *is* an
# ordinary LSTM on the reversed sentence:

# %%
lstm = model_of(BILSTM.replaced(architecture="lstm"))
lstm.weights["embedding"] = model.weights["embedding"]
for kind in ("input_kernel", "recurrent_kernel", "bias"):
    lstm.weights[f"rnn.0.forward.{kind}"] = model.weights[f"rnn.0.backward.{kind}"]
alone = outputs_of(lstm, tokens[:, ::-1])[:, ::-1]
difference = float(np.abs(alone - outputs[:, :, 6:]).max())
claim(f"the backward half and a plain LSTM on the reversed sentences differ by {difference:.0e}", difference < 1e-12)

# %% [markdown]
# ## When not to
#
# The backward reader starts at the end. So there must be an end. Where words arrive one by one and an answer is due at once, as in live
# captions, the backward states of *all* words change with every new word.

# %%
T = 12
x = sentences(np.random.default_rng(2), "right", 1)[0]
x = np.resize(x, (1, T))
first, longer = both_ways(taggers["fb"], x[:, :-1]), both_ways(taggers["fb"], x)[:-1]
kept = [int((first[:, 0, half] == longer[:, 0, half]).all(axis=1).sum()) for half in (slice(16), slice(16, None))]
read_live = {"forward": T, "backward": sum(range(1, T + 1))}
claim(f"one word more: {kept[0]} of {T - 1} forward states stay, and {kept[1]} backward ones", kept == [T - 1, 0])
claim(
    f"reading {T} words live takes {read_live['forward']} steps forwards, and backwards {read_live['backward']}: all over again for each word",
    read_live == {"forward": 12, "backward": 78},
)

# %% [markdown]
# For the same reason it must not be asked for the *next* word, as a language model is. At word $t$ the backward state has already read
# word $t + 1$. The answer is in the question.
#
# And does it pay for film reviews? There the answer comes at the end, and a forward LSTM has read everything by then. The project
# measured it on IMDB's 25,000 test reviews, with three seeds in four frameworks. In a second experiment the networks have twice
# the units, and begin with the weights of a language model, which has learnt to foretell the next word of reviews:

# %%
means = {}
for experiment in ("full", "full-pretrained"):
    found = read_results(f"{experiment}/statistics.json")["cells"]
    for architecture in ("lstm", "bilstm"):
        cells = [cell for cell in found if cell["architecture"] == architecture]
        accuracies = [run["metrics"]["accuracy"] for cell in cells for run in cell["runs"]]
        means[experiment, architecture] = 100 * float(np.mean(accuracies))
gains = [means[experiment, "bilstm"] - means[experiment, "lstm"] for experiment in ("full", "full-pretrained")]
claim(
    f"LSTM {means['full', 'lstm']:.1f} %, BiLSTM {means['full', 'bilstm']:.1f} %; from a language model "
    f"{means['full-pretrained', 'lstm']:.1f} % and {means['full-pretrained', 'bilstm']:.1f} %: under one point",
    all(abs(gain) < 1 for gain in gains),
)

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“A BiLSTM is two LSTMs stacked.”** They stand side by side, as shown above. Stacking is another thing: a second layer reads the
#   outputs of the first. You can do both. Exercise 1 counts the weights.
# - **“Take the last output.”** Right for one direction. For two it throws half of the network away, without an error and without a
#   warning. The loss still falls, because the forward half still works.
# - **“It sees the future, so it is better.”** Where the answer is due at a word, and what settles it comes later, it is the
#   difference between chance and right. Where the answer is due at the end, it need not gain anything, and costs twice the work.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# With $d$ numbers a word and $n$ units, how many weights has an LSTM, a BiLSTM, and two LSTMs on top of each other? Check your formulas
# with the project's shapes.

# %% tags=["solution"]
d, n = BILSTM.embedding_size, BILSTM.hidden_size
formulas = {
    ("lstm", 1): 4 * n * (d + n + 1),
    ("bilstm", 1): 2 * 4 * n * (d + n + 1),
    ("lstm", 2): 4 * n * (d + n + 1) + 4 * n * (n + n + 1),
}
counted = {}
for architecture, layers in formulas:
    sizes = shapes(BILSTM.replaced(architecture=architecture, layers=layers), len(WORDS), 2)
    counted[architecture, layers] = sum(int(np.prod(size)) for name, size in sizes.items() if name.startswith("rnn"))
claim(
    f"weights: LSTM {counted['lstm', 1]}, BiLSTM {counted['bilstm', 1]}, two on top of each other {counted['lstm', 2]}",
    counted == formulas,
)

# %% [markdown]
# ### Exercise 2
#
# Some libraries put out zeros at padding. Somebody takes the largest value of each unit over *all* places, padding with it. How
# many of the pooled numbers are wrong, and which?

# %% tags=["solution"]
real = (uneven != 0)[:, :, None]
outputs = outputs_of(concat, uneven)
over_real = np.where(real, outputs, -np.inf).max(axis=1)
over_all = np.where(real, outputs, 0.0).max(axis=1)
wrong = over_real != over_all
claim(
    f"{wrong.mean():.0%} of them: those of short reviews whose largest value is below zero, and no others",
    0.01 < wrong.mean() < 0.9 and np.array_equal(wrong, (over_real < 0) & (lengths < uneven.shape[1])[:, None]),
)

# %% [markdown]
# ### Exercise 3
#
# The interpreter may wait. Let the reader from the left answer 2, 4 or 8 words after *pool* instead of at it. How often is it right when the clue
# stands on the right?

# %% tags=["solution"]
waited = {wait: accuracy(train("f", wait=wait), "f", "right", wait) for wait in (0, 2, 4, 8)}
print({wait: f"{share:.0%}" for wait, share in waited.items()})
claim(
    f"answering at once {waited[0]:.0%}, 4 words later {waited[4]:.0%}, 8 words later {waited[8]:.0%}: some delay buys what the second reader gave",
    waited[0] < 0.45 and waited[0] + 0.1 < waited[4] < waited[8] and waited[8] > 0.9,
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/reference/model.py#SentimentClassifier`: walks both ways, and pools over real words. It reverses nothing and is held
#   equal to the four frameworks, which do.
# - {source}`shared/specification.py#POOLED`: the kinds of pooling.
# - `lockstep run --architectures lstm bilstm` compares the two in all four frameworks.
#
# Next: [one model, four frameworks](lesson_12_one_model_four_frameworks.ipynb).
