# %% [markdown]
# # 8. The LSTM, gate by gate
#
# **After this lesson you can**
#
# - write the six equations of the LSTM, and say what each gate is for;
# - set the weights of a cell by hand, so that it keeps a subject and lets go of it;
# - read the gates of a trained network over a real review;
# - say when an LSTM keeps its gradient, and when it does not.
#
# You need the recurrent network of [lesson 5](lesson_05_a_net_with_memory.ipynb) and the vanishing gradient of
# [lesson 7](lesson_07_vanishing_and_exploding.ipynb).

# %% [markdown]
# ## What to keep, what to forget
#
# Read this, and fill the blank:
#
# > **Tom** Cruise walks to the edge of the roof, looks down at the street, ties one shoe, and then the other, waves to
# > the crew far below, and … ▢ jumps.
#
# *He*, of course. There are more than twenty words between the name and the blank. You kept one small fact, and none of
# the roof, the street or the shoes could wash it away.
#
# Now this:
#
# > **Maria** wrote the scene in one night and sent it off. **Tom** read it on the train and laughed twice, and then … ▢
# > called.
#
# Again *he*. Maria came first, and she is important. But the subject has changed. To answer well you must *let go* of Maria
# at the moment when Tom comes in. Keeping is half of a memory. Forgetting at the right word is the other half.
#
# The simple network of lesson 5 writes over its whole state at every word. It has no way to say “leave this alone”. The
# **LSTM** (long short-term memory) has. It has a **cell**, a second state beside $h$, and three **gates**: numbers between 0
# and 1 that multiply something, as a tap lets through more or less water.

# %% [markdown]
# ## The equations
#
# $$
# \begin{aligned}
# i &= \sigma(x_t W_i + h_{t-1} U_i + b_i) &\quad& \text{input gate: how much to write} \\
# f &= \sigma(x_t W_f + h_{t-1} U_f + b_f) && \text{forget gate: how much to keep} \\
# g &= \tanh(x_t W_g + h_{t-1} U_g + b_g) && \text{candidate: what to write} \\
# o &= \sigma(x_t W_o + h_{t-1} U_o + b_o) && \text{output gate: how much to show} \\
# c_t &= f \, c_{t-1} + i \, g && \text{the cell} \\
# h_t &= o \tanh(c_t) && \text{the state that others see}
# \end{aligned}
# $$
#
# Products such as $f\,c_{t-1}$ are taken number by number. The sigmoid $\sigma(u) = 1 / (1 + e^{-u})$ turns any number into
# one between 0 and 1.
#
# | symbol | what it is | shape below |
# | --- | --- | --- |
# | $x_t$ | the word at step $t$, as a vector | 50 |
# | $h_t$ | the state: what the next step and the next layer see | 16 |
# | $c_t$ | the cell: what is kept | 16 |
# | $i$, $f$, $o$ | the gates, between 0 and 1, one number for each part of the cell | 16 each |
# | $g$ | the candidate, between -1 and 1 | 16 |
# | $W_i$, $W_f$, $W_g$, $W_o$ | from the word | 50 × 16 each |
# | $U_i$, $U_f$, $U_g$, $U_o$ | from the last state | 16 × 16 each |
# | $b_i$, $b_f$, $b_g$, $b_o$ | biases | 16 each |
#
# The line that matters is the fifth. The cell is not pressed through a matrix or a tanh on its way to the next step. It is
# multiplied by $f$, and something is added. With $f = 1$ and $i = 0$ it stays exactly what it was.

# %% tags=["hide-input"]
from __future__ import annotations

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.cell import initial_weights
from shared.history import Silent
from shared.loading import load_corpus
from shared.metrics import accuracy
from shared.reference.cells import State, lstm_backward, lstm_forward
from shared.reference.model import build
from shared.reference.training import predict_probabilities, train
from shared.specification import preset
from shared.text import tokenize

# %%
Parts = dict[str, np.ndarray]  # of the letters i, f, g, o


def sigmoid(u: np.ndarray) -> np.ndarray:
    """Turn any number into one between 0 and 1."""
    return 1 / (1 + np.exp(-u))


def step(x_t: np.ndarray, h: np.ndarray, c: np.ndarray, W: Parts, U: Parts, b: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Return the new state and the new cell."""
    i = sigmoid(x_t @ W["i"] + h @ U["i"] + b["i"])
    f = sigmoid(x_t @ W["f"] + h @ U["f"] + b["f"])
    g = np.tanh(x_t @ W["g"] + h @ U["g"] + b["g"])
    o = sigmoid(x_t @ W["o"] + h @ U["o"] + b["o"])
    c = f * c + i * g
    h = o * np.tanh(c)
    return h, c


# %% [markdown]
# The project proves its four frameworks against {source}`shared/reference/cells.py#lstm_forward`. That function puts the
# four matrices side by side and multiplies once. It gives the same numbers:

# %%
generator = np.random.default_rng(0)
W = {gate: generator.normal(size=(50, 16)) for gate in "ifgo"}
U = {gate: generator.normal(size=(16, 16)) for gate in "ifgo"}
b = {gate: generator.normal(size=16) for gate in "ifgo"}
x_t, h_before, c_before = generator.normal(size=50), generator.normal(size=16), generator.normal(size=16)
from_word = x_t @ np.hstack(list(W.values())) + np.hstack(list(b.values()))
from_state = h_before @ np.hstack(list(U.values()))
h_there, c_there = lstm_forward(from_word[None], from_state[None], (h_before[None], c_before[None]))[0]
h_here, c_here = step(x_t, h_before, c_before, W, U, b)
apart = max(np.abs(h_there - h_here).max(), np.abs(c_there - c_here).max())
claim(f"one step here and one step of the project's reference differ by {apart:.0e} at most", apart < 1e-13)

# %% [markdown]
# ## A cell made by hand
#
# A single cell can solve both stories. Let it hold $+1$ for *she* and $-1$ for *he*. The input has two numbers: is this word
# `Maria`? Is it `Tom`? A name opens the input gate and closes the forget gate. Every other word does the opposite.

# %%
BY_HAND = np.array(  # columns i, f, g, o
    [
        [16.0, -16.0, 4.0, 0.0],  # W, if the word is Maria
        [16.0, -16.0, -4.0, 0.0],  # W, if the word is Tom
        [-8.0, 8.0, 0.0, 8.0],  # b
    ]
)
ROOF = (
    "Tom Cruise walks to the edge of the roof looks down at the street ties one shoe and then the other "
    "waves to the crew far below and"
)
SCENE = "Maria wrote the scene in one night and sent it off Tom read it on the train and laughed twice and then"


def cells(text: str, weights: np.ndarray) -> np.ndarray:
    """Return the cell after each word; U is zero."""
    state: State = (np.zeros((1, 1)), np.zeros((1, 1)))
    seen = []
    for word in text.split():
        x = np.array([[word == "Maria", word == "Tom", 1.0]], float)  # the 1 is for the row b
        state, _ = lstm_forward(x @ weights, np.zeros((1, 4)), state)
        seen.append(float(state[1][0, 0]))
    return np.array(seen)


# %% [markdown]
# What did we gain by the forget gate? Compare two cells that lack it. One never forgets: $f$ is always 1. The other always
# forgets a little: $f$ is always 0.9.

# %%
never, always = BY_HAND.copy(), BY_HAND.copy()
never[:, 1] = (0, 0, 50)
always[:, 1] = (0, 0, np.log(9))  # the sigmoid of ln 9 is 0.9
gate, never_forgets, always_forgets = ((cells(ROOF, one), cells(SCENE, one)) for one in (BY_HAND, never, always))
claim(
    f"with a forget gate the cell holds {gate[0][-1]:.2f} (he) after {len(gate[0]) - 1} more words, "
    f"and {gate[1][-1]:.2f} (he) after Maria and Tom",
    gate[0][-1] < -0.95 and gate[1][-1] < -0.95,
)
claim(
    f"if f is always 1, Maria and Tom add up to {abs(never_forgets[1][-1]):.2f}: neither she nor he",
    abs(never_forgets[1][-1]) < 0.05,
)
claim(
    f"if f is always 0.9, only {abs(always_forgets[0][-1]):.2f} is left on the roof", abs(always_forgets[0][-1]) < 0.1
)

# %%
with picture(
    "One cell reads the second story: 1 is “she”, minus 1 is “he”. Only the cell with a forget gate changes its mind.",
    "Three lines over the words of the story. With the gate: plus one from Maria on, minus one from Tom on. "
    "Never forgetting: plus one, then zero. Always forgetting: decays to zero, jumps to minus, decays again.",
    width=5.8,
    height=3.4,
) as figure:
    (axes,) = axes_of(figure)
    words = SCENE.split()
    for (_, line), colour, name, height, thick in (
        (gate, COLOURS[0], "with a forget gate", -0.88, 4),
        (never_forgets, COLOURS[1], "f = 1 always", 0.08, 1.5),
        (always_forgets, COLOURS[2], "f = 0.9 always", -0.55, 1.5),
    ):
        axes.plot(line, color=colour, linewidth=thick)
        axes.text(len(words) - 0.9, height, name, color=colour, ha="right")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(range(len(words)), words, rotation=90)
    axes.set(ylabel="cell", ylim=(-1.25, 1.25))

# %% [markdown]
# The cell with $f = 1$ is the LSTM as it was first published. Hochreiter and Schmidhuber (1997) gave it input and output
# gates only: $c_t = c_{t-1} + i\,g$. Such a cell holds what it has for ever. To let go, it would have to learn, through $U$,
# to subtract exactly what it holds. And when a text goes on and on, it fills up. Gers, Schmidhuber and Cummins (2000) added
# the forget gate. What every library calls *LSTM* today is that one.

# %% [markdown]
# ## Gates over a real review
#
# Nobody sets gates by hand. They are learnt, like all other weights. Here is an LSTM of 16 units that learns, in a few
# seconds, to tell good film reviews from bad ones. It reads at most 80 words, and only its last state is used for the answer.

# %%
specification = preset("smoke").replaced(
    architecture="lstm",
    pooling="last",
    hidden_size=16,
    max_length=80,
    epochs=4,
    learning_rate=1e-2,
    vocabulary_size=5_000,
)
corpus = load_corpus(specification)
model = build(specification, initial_weights(specification, corpus))
train(model, corpus.train, corpus.validation, specification, Silent())
right = accuracy(corpus.test.labels, predict_probabilities(model, corpus.test))
claim(f"it is right on {right:.0%} of {len(corpus.test):,} reviews that it has not seen", right > 0.7)

# %% [markdown]
# How do we get at the gates? While the model reads, it keeps what its way back will need (lesson 6). For each word that is one
# tuple: $i$, $f$, $g$, $o$, the cell before and the cell after. `model.passes[0][0].kept` is the list of these tuples, for the
# first layer and its only direction. `zip(*kept)` turns the list round: all $i$ together, all $f$ together, and so on.
# `np.stack` makes one array of each.

# %%
tokens = corpus.test.padded(np.arange(len(corpus.test)))
model.logits(tokens)
i, f, g, o, _, c = (np.stack(part, axis=1) for part in zip(*model.passes[0][0].kept, strict=True))
real = tokens != specification.unread_id  # [review, word]; gates are [review, word, unit]
STRONG = ["worst", "terrible", "waste", "bad", "worse"]
strong = np.isin(tokens, [corpus.vocabulary.ids[word] for word in STRONG])
usual = {name: float(part[real].mean()) for name, part in (("i", i), ("f", f))}
there = {name: float(part[strong].mean()) for name, part in (("i", i), ("f", f))}
claim(
    f"at {strong.sum()} words such as “worst” the forget gate is lower ({there['f']:.2f}, on average {usual['f']:.2f}) "
    f"and the input gate is higher ({there['i']:.2f}, on average {usual['i']:.2f})",
    there["f"] < usual["f"] - 0.03 and there["i"] > usual["i"] + 0.03,
)

# %% [markdown]
# Nobody told it so. At a word that decides, it lets go of the old and writes more of the new: Maria goes, Tom comes. Look
# at it in one review. (A low gate does not say why the network answers as it does;
# [lesson 14](lesson_14_imdb_honestly.ipynb) asks which words moved it.)

# %%
OPENING = "This is absolutely the worst trash"
row = next(n for n, text in enumerate(corpus.texts[2]) if text.startswith(OPENING))
SHOWN = 18
shown = tokenize(corpus.texts[2][row].lower())[:SHOWN]
here = shown.index("worst")
with picture(
    "Gates over a real review. At “worst” the forget gate drops, the input gate opens, and the cell changes.",
    "Above, two lines over the words of a review: at the word worst the forget gate has its lowest point and the input "
    "gate its highest. Below, the sixteen parts of the cell as shades: they change at that word and then stay.",
    width=5.8,
    height=4.6,
) as figure:
    above, below = axes_of(figure, rows=2, sharex=True)
    for part, colour, name, where in ((f, COLOURS[0], "forget gate", 0.87), (i, COLOURS[1], "input gate", 0.22)):
        above.plot(part[row, :SHOWN].mean(axis=1), color=colour, marker="o", markersize=3)
        above.text(SHOWN - 1, where, name, color=colour, ha="right")
    above.set(ylabel="mean of 16 units", ylim=(0.15, 0.95))
    above.axvspan(here - 0.5, here + 0.5, color=COLOURS[4], alpha=0.25, linewidth=0)
    shades = below.imshow(c[row, :SHOWN].T, cmap="PuOr", vmin=-3, vmax=3, aspect="auto")
    below.set(ylabel="part of the cell")
    below.set_xticks(range(SHOWN), shown, rotation=90)
    figure.colorbar(shades, ax=below, label="value of c")
claim(
    "of these words “worst” has the lowest forget gate and the highest input gate",
    f[row, :SHOWN].mean(axis=1).argmin() == here == i[row, :SHOWN].mean(axis=1).argmax(),
)

# %% [markdown]
# The mean over 16 units hides something. The units have different habits. Some forget within a word or two, others keep:

# %%
by_unit = np.sort(f[real].mean(axis=0))
claim(
    f"the mean forget gate of the unit that forgets most is {by_unit[0]:.2f}, of the one that keeps most {by_unit[-1]:.2f}",
    by_unit[0] < 0.6 and by_unit[-1] > 0.88,
)

# %% [markdown]
# ## Does the gradient survive?
#
# Follow the cell alone, and hold the gates fixed. Then $\partial c_t / \partial c_{t-1} = f$. Over $n$ steps the gradient
# is multiplied by $n$ forget gates: $f^n$, if they are all alike. No matrix, no tanh. That is the whole trick. It is also
# its limit: $f$ is a number below 1, and at the start it is set by the bias, $f \approx \sigma(b_f)$.
#
# A network that is not trained yet gets its first lesson through these gates. So we measure there. Take 64 units, random
# weights as PyTorch draws them, and 50 random words. Send a gradient in at the last state. How much of its length is left 50
# steps back? We follow $h$ and $c$ together, and the gates are not held fixed.

# %%
HIDDEN, BACK, SEEDS = 64, 50, range(5)


def surviving(forget_bias: float, seed: int) -> np.ndarray:
    """Return the length of the gradient 0, 1, … BACK steps before the last state, over that at the last."""
    generator = np.random.default_rng(seed)
    limit = HIDDEN**-0.5
    W = generator.uniform(-limit, limit, (50, 4 * HIDDEN))
    U = generator.uniform(-limit, limit, (HIDDEN, 4 * HIDDEN))
    b = np.repeat([0.0, forget_bias, 0.0, 0.0], HIDDEN)
    state: State = (np.zeros((1, HIDDEN)), np.zeros((1, HIDDEN)))
    kept = []
    for x_t in 0.5 * generator.normal(size=(BACK + 1, 1, 50)):
        state, one = lstm_forward(x_t @ W + b, state[0] @ U, state)
        kept.append(one)
    d_h, d_c = generator.normal(size=(1, HIDDEN)), np.zeros((1, HIDDEN))
    lengths = [np.hypot(np.linalg.norm(d_h), np.linalg.norm(d_c))]
    for one in kept[:0:-1]:
        _, d_sum, (_, d_c) = lstm_backward((d_h, d_c), one)
        d_h = d_sum @ U.T
        lengths.append(np.hypot(np.linalg.norm(d_h), np.linalg.norm(d_c)))
    return np.array(lengths) / lengths[0]


def typical(forget_bias: float) -> np.ndarray:
    """Return the geometric mean over the seeds."""
    return np.exp(np.mean([np.log(surviving(forget_bias, seed)) for seed in SEEDS], axis=0))


# %%
left = {bias: typical(bias) for bias in (0, 1, 3)}
bounds = {0: (1e-12, 1e-9), 1: (1e-6, 1e-3), 3: (0.05, 5)}
claim(
    f"50 steps back, with b_f = 0, 1, 3, there is {left[0][-1]:.0e}, {left[1][-1]:.0e}, {left[3][-1]:.1f} of the gradient",
    all(low < left[bias][-1] < high for bias, (low, high) in bounds.items()),
)
alone = {bias: float(sigmoid(np.array(float(bias))) ** BACK) for bias in left}
claim(
    f"the way through the cell alone would leave {alone[0]:.0e}, {alone[1]:.0e}, {alone[3]:.2f}: there are other ways too, "
    "through h and the gates",
    all(left[bias][-1] > 2 * alone[bias] for bias in left),
)

# %%
with picture(
    "The same LSTM with three forget biases, before training. With one of them much of the gradient gets 50 steps back.",
    "Three lines over the distance on a logarithmic scale: with bias 0 the gradient falls to a hundred-billionth, with "
    "bias 1 to about a ten-thousandth, with bias 3 it stays near 1.",
    width=5.5,
    height=3.2,
) as figure:
    (axes,) = axes_of(figure)
    for (bias, line), colour in zip(left.items(), COLOURS, strict=False):
        axes.semilogy(line, color=colour)
        axes.text(BACK + 0.7, line[-1], f"$b_f$ = {bias}", color=colour, va="center")
    axes.set_yticks([10.0**-n for n in range(0, 12, 2)])
    axes.set(xlabel="steps back", ylabel="share that is left", xlim=(0, 57))

# %% [markdown]
# So the LSTM does not abolish the vanishing gradient. It makes its size a *number that can be set and learnt*. This is why
# Keras starts the forget bias at 1, as Jozefowicz, Zaremba and Sutskever (2015) advise. PyTorch draws it around 0. The
# project can start in either way:

# %%
starts = {}
for way in ("keras", "pytorch"):
    fresh = initial_weights(specification.replaced(initialisation=way), corpus)
    starts[way] = fresh["rnn.0.forward.bias"][16:32]  # the parts are i, f, g, o
claim(
    f"Keras' forget biases start at {starts['keras'].mean():.0f}, PyTorch's between {starts['pytorch'].min():.1f} and "
    f"{starts['pytorch'].max():.1f}",
    bool((starts["keras"] == 1).all() and (np.abs(starts["pytorch"]) <= 0.5).all()),
)

# %%
BIASES = [n / 2 for n in range(-2, 13)]
interaction(
    "lesson_08",
    {"back": BACK, "biases": BIASES, "measured": [float(f"{typical(bias)[-1]:.2e}") for bias in BIASES]},
    "Move the forget bias, and the number of words. How much of the cell is kept?",
)

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“The LSTM solved the vanishing gradient.”** Only while the forget gate is open. The picture above is an LSTM, and with
#   $b_f = 0$ its gradient is gone.
# - **$h_t = o\, c_t$**, without the tanh. Then $h$ is not bounded, because $c$ is not: it is a sum. Below we look how large
#   it gets.
# - **$\tilde c$ and $c$ mixed up**, or $\tilde h$ for $h$. A tilde marks the candidate, our $g$. The candidate is what might be
#   written. The cell is what is kept. They are different numbers. Two things go on to the next step: the cell $c$ and the
#   state $h$. The candidate does not.
# - **Equations without biases.** They look simpler, but then there is no $b_f$. Where word and state are zero, $f$ is
#   exactly ½, and cannot be anything else.
# - **“The gate is 0 or 1.”** A sigmoid never gets there; it comes close. On a computer it can round to 1, and in float32
#   this happens early.
# - **“LSTM(32) has 32 layers”, or “32 cells in a row”.** It is one layer. *Units* is the width of $h$ and of $c$. How many
#   steps are made depends on the text.
# - **The year.** Some texts date the LSTM to the years when it became popular. It is of 1997, its forget gate of 2000.

# %%
largest = float(np.abs(c[real]).max())
claim(f"in the test reviews |c| gets as large as {largest:.1f}, tanh(c) stays below 1", largest > 1.5)
half = float(sigmoid(np.array(0.0)))
claim(f"without a bias and with zero input f = {half}, which leaves {half**50:.0e} after 50 steps", half == 0.5)
near, nearer = (float(sigmoid(np.array(u, np.float32))) for u in (10, 20))
claim(f"in float32 the sigmoid of 10 is {near:.6f}, and that of 20 rounds to {nearer:.0f}", near < 1 and nearer == 1)
claim("the candidate g never leaves the range from -1 to 1, the cell does", float(np.abs(g).max()) <= 1 < largest)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# How many weights does the LSTM above have, without the word vectors and the head? Write the formula with `inputs` and
# `units`. Does it depend on the length of the reviews?

# %% tags=["solution"]
inputs, units = 50, 16
count = 4 * (inputs * units + units * units + units)
stored = sum(array.size for name, array in model.weights.items() if name.startswith("rnn"))
claim(f"it has {count:,} weights, however long the review", count == stored)

# %% [markdown]
# ### Exercise 2
#
# Which forget bias keeps half of the cell over 100 steps? Solve $\sigma(b_f)^{100} = \tfrac12$, and check.

# %% tags=["solution"]
forget = 0.5 ** (1 / 100)
bias = np.log(forget / (1 - forget))
claim(f"b_f = {bias:.2f}, so f = {forget:.4f}", bool(np.isclose(sigmoid(bias) ** 100, 0.5)) and 4.9 < bias < 5.0)

# %% [markdown]
# ### Exercise 3
#
# What is the forget gate worth to the trained network? Hold it at 0, and then at 1, by its bias, and measure the test accuracy.
# The bias of the reference has the parts $i$, $f$, $g$, $o$, in this order.

# %% tags=["solution"]
name, held = "rnn.0.forward.bias", {}
learnt = model.weights[name].copy()
for gate_at, forced in ((0, -100.0), (1, 100.0)):
    model.weights[name][16:32] = forced
    held[gate_at] = accuracy(corpus.test.labels, predict_probabilities(model, corpus.test))
    model.weights[name] = learnt.copy()
claim(
    f"accuracy {right:.2f} as learnt; {held[0]:.2f} if it forgets everything, {held[1]:.2f} if it forgets nothing",
    max(held.values()) < right - 0.03,
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/reference/cells.py#lstm_forward` and {source}`shared/reference/cells.py#lstm_backward`: the cell, and its
#   way back.
# - {source}`shared/weights.py#initialise`: where the forget bias starts, in Keras' way and in PyTorch's.
# - {source}`torch_layers/cells.py`: the same cell for PyTorch, Flair and fastai.
#
# Next: [a cell with fewer parts, the GRU](lesson_09_the_gru.ipynb).
