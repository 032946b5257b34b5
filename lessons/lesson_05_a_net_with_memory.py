# %% [markdown]
# # 5. A net with memory
#
# **After this lesson you can**
#
# - say what a recurrent network keeps from step to step, and write its equation;
# - train one, in fifty lines of NumPy, to spell a word;
# - show by an experiment, not by words, that the memory is what does it.
#
# You need matrices and Python. You do not need to have seen a recurrent network.

# %% [markdown]
# ## A clerk with one slip of paper
#
# A clerk spells words aloud, a letter at a time. Somebody hands her the letter that she has just said, and she says the
# next one. The word is *data*. She is handed `d` and says `a`. She is handed `a` and says `t`. She is handed `t` and says
# `a`. Then she is handed `a` again, and she is stuck: is this the first `a`, after which comes `t`, or the second one,
# after which the word is over?
#
# The letter does not tell her. If the letter is all she has, she can do no better than to toss a coin at each `a`. So she
# takes a slip of paper and notes a little something at every step. What she notes is up to her. The slip is small, and it
# is the only thing that she keeps.
#
# The slip is the **state** of a recurrent network. This lesson is about learning what to write on it.

# %% [markdown]
# ## The equation
#
# At step $t$ the network sees the input $x_t$ and its own state $h_{t-1}$, and makes a new state and an answer:
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b) \qquad p_t = \operatorname{softmax}(h_t V + c)$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $x_t$ | the letter at step $t$, one-hot: three letters and two marks, which come below | 5 |
# | $h_t$ | the state: what is on the slip | 8 |
# | $W$ | from the letter to the state | 5 × 8 |
# | $U$ | from the last state to the new one: **the memory** | 8 × 8 |
# | $V$ | from the state to the scores of the five | 8 × 5 |
# | $p_t$ | the probability of each of the five to come next | 5 |
# | $b$, $c$ | biases | 8 and 5 |
#
# The **softmax** turns scores $s$ into probabilities, positive numbers with the sum 1: $e^{s_j} / \sum_k e^{s_k}$.
#
# The same $W$, $U$ and $V$ are used at every step. That is why the network can read a word of any length with the same
# number of weights. This is the network of Elman (1990). Libraries call it *SimpleRNN* or *RNN*.
#
# It is asked for the next letter, so its loss is the cross-entropy, $-\ln p_t[\text{next letter}]$, summed over the steps.

# %% tags=["hide-input"]
from __future__ import annotations

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.reference.cells import rnn_forward

# %% [markdown]
# Two marks are needed beside the letters: a start, so that there is something to begin with, and an end, so that the
# network can say that the word is over.

# %%
LETTERS = ["start", "d", "a", "t", "end"]
READ = np.eye(5)[[LETTERS.index(letter) for letter in ["start", "d", "a", "t", "a"]]]
NEXT = [LETTERS.index(letter) for letter in ["d", "a", "t", "a", "end"]]
HIDDEN = 8

Weights = dict[str, np.ndarray]


def new_weights(seed: int) -> Weights:
    """Draw small weights; the biases are zero."""
    generator = np.random.default_rng(seed)
    shapes = {"W": (5, HIDDEN), "U": (HIDDEN, HIDDEN), "V": (HIDDEN, 5)}
    weights = {name: 0.3 * generator.normal(size=shape) for name, shape in shapes.items()}
    return {**weights, "b": np.zeros(HIDDEN), "c": np.zeros(5)}


def softmax(scores: np.ndarray) -> np.ndarray:
    """Turn scores into probabilities."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def forward(weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the states, the first of them zero, and the probabilities at every step."""
    h = [np.zeros(HIDDEN)]
    for x_t in x:
        h.append(np.tanh(x_t @ weights["W"] + h[-1] @ weights["U"] + weights["b"]))
    states = np.array(h)
    return states, softmax(states[1:] @ weights["V"] + weights["c"])


def loss_of(p: np.ndarray) -> float:
    """Cross-entropy of the true next letters, summed over the five steps."""
    return float(-np.log(p[np.arange(5), NEXT]).sum())


# %% [markdown]
# The equation in `forward` is the very one that the project proves its four frameworks against. With one step and the same
# numbers, {source}`shared/reference/cells.py#rnn_forward` gives the same state:

# %%
weights = new_weights(seed=0)
states, p = forward(weights, READ)
a = READ[:1] @ weights["W"] + weights["b"]
(expected,), kept_for_the_way_back = rnn_forward(a, states[:1] @ weights["U"], (states[:1],))
claim(
    f"one step here and one step of the project's reference differ by {np.abs(expected - states[1:2]).max():.0e}",
    np.allclose(expected, states[1:2], atol=1e-15),
)

# %% [markdown]
# ## Learning
#
# The gradient is found by walking the word backwards. Each state was used twice: for the answer at its own step and for
# the next state. So its gradient has two terms. Lesson 6 derives this; here is the code.


# %%
def backward(weights: Weights, x: np.ndarray, states: np.ndarray, p: np.ndarray) -> Weights:
    """Return the gradient of the loss by every weight."""
    gradient = {name: np.zeros_like(value) for name, value in weights.items()}
    d_next = np.zeros(HIDDEN)  # of the state, from the step after it
    for t in reversed(range(len(x))):
        d_scores = p[t] - np.eye(5)[NEXT[t]]
        gradient["V"] += np.outer(states[t + 1], d_scores)
        gradient["c"] += d_scores
        d_sum = (d_scores @ weights["V"].T + d_next) * (1 - states[t + 1] ** 2)
        gradient["W"] += np.outer(x[t], d_sum)
        gradient["U"] += np.outer(states[t], d_sum)
        gradient["b"] += d_sum
        d_next = d_sum @ weights["U"].T
    return gradient


def train(seed: int, steps: int = 400, rate: float = 0.1, memory: bool = True) -> tuple[Weights, list[float]]:
    """Train on the one word by gradient descent; without memory, U is zero and stays zero."""
    weights, losses = new_weights(seed), []
    weights["U"] *= memory
    for _ in range(steps):
        states, p = forward(weights, READ)
        losses.append(loss_of(p))
        for name, gradient in backward(weights, READ, states, p).items():
            weights[name] -= rate * gradient * (memory or name != "U")
    return weights, losses


def spell(weights: Weights, longest: int = 8) -> str:
    """Let the network speak: each letter that it says is the next that it reads."""
    h, letter, word = np.zeros(HIDDEN), "start", ""
    while len(word) < longest:
        x_t = np.eye(5)[LETTERS.index(letter)]
        h = np.tanh(x_t @ weights["W"] + h @ weights["U"] + weights["b"])
        letter = LETTERS[int(np.argmax(h @ weights["V"] + weights["c"]))]
        if letter == "end":
            break
        word += "?" if letter == "start" else letter  # the start mark is no letter
    return word


# %% [markdown]
# One starting point proves nothing. Here are twenty, each with memory and without.

# %%
SEEDS = range(20)
with_memory = [train(seed) for seed in SEEDS]
without_memory = [train(seed, memory=False) for seed in SEEDS]
spelled = [spell(weights) for weights, _ in with_memory]
print("before training:  ", *(spell(new_weights(seed)) or "(nothing)" for seed in range(5)))
print("with memory:      ", *spelled[:5])
print("without memory:   ", *(spell(weights) for weights, _ in without_memory[:5]))

# %%
claim(f"with memory, {spelled.count('data')} of 20 starting points spell “data”", spelled.count("data") == 20)
lowest = min(min(losses) for _, losses in without_memory)
claim(
    f"without memory the loss never falls below 2 ln 2 = {2 * np.log(2):.4f}; the lowest of 20 was {lowest:.4f}",
    lowest >= 2 * np.log(2),
)
claim("without memory no starting point spells it", all(spell(weights) != "data" for weights, _ in without_memory))

# %% [markdown]
# Where does $2 \ln 2$ come from? Without $U$ both `a`s give the same state, so the same probabilities. One of them is
# followed by `t`, the other by the end. If the network gives the `t` the probability $q$, the end gets at most $1 - q$, and
# the two steps cost at least $-\ln q - \ln(1 - q)$. That is smallest at $q = \tfrac12$: the coin that the clerk tosses.

# %%
with picture(
    "With memory the loss goes to zero. Without, it stops at two tosses of a coin.",
    "Two bundles of twenty falling lines. One is near zero after 100 steps, the other levels off at 1.386.",
    width=5.5,
    height=3.2,
) as figure:
    (axes,) = axes_of(figure)
    for runs, colour in ((without_memory, COLOURS[1]), (with_memory, COLOURS[0])):
        for _, values in runs:
            axes.plot(values, color=colour, alpha=0.35, linewidth=1)
    axes.axhline(2 * np.log(2), color="black", linestyle=":", linewidth=1)
    axes.text(398, 2 * np.log(2) + 0.12, "2 ln 2", ha="right")
    axes.text(150, 1.9, "without U", color=COLOURS[1])
    axes.text(60, 0.35, "with U", color=COLOURS[0])
    axes.set(xlabel="step", ylabel="loss of the word", xlim=(0, 400), ylim=(0, None))

# %% [markdown]
# ## What is on the slip
#
# Unrolled, the network is a row of copies of itself. Each square below is one of the eight numbers of the state.

# %%
trained = with_memory[0][0]
states, p = forward(trained, READ)
with picture(
    "“data”, unrolled: the letter is the same at both a's, the state is not.",
    "Five columns for start, d, a, t, a. Each shows eight shaded squares, the state, and above it the letter predicted.",
    width=5.5,
    height=3.2,
) as figure:
    (axes,) = axes_of(figure)
    shades = axes.imshow(states[1:].T, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(5), ["start", "d", "a (first)", "t", "a (second)"])
    axes.set(xlabel="letter that is read", ylabel="part of the state")
    above = axes.secondary_xaxis("top")
    above.set_xticks(range(5), [f"{LETTERS[n]}: {p[t, n]:.0%}" for t, n in enumerate(NEXT)])
    above.set_xlabel("letter that is said, and its probability")
    figure.colorbar(shades, ax=axes, label="value")
between = float(np.linalg.norm(states[3] - states[5]))
claim(f"the states at the two a's are {between:.1f} apart, of a largest possible {2 * np.sqrt(8):.1f}", between > 1)

# %%
interaction(
    "lesson_05",
    {
        "letters": LETTERS,
        "with": {name: value.round(4).tolist() for name, value in trained.items()},
        "without": {name: value.round(4).tolist() for name, value in without_memory[0][0].items()},
    },
    "Hand the network letters, one by one, and watch its state. Then take its memory away.",
)

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“An RNN has as many layers as the text has words.”** It has one layer, used as often. The unrolled picture shows
#   copies; they share their weights. What grows with the text is the work, not the network.
# - **“The loop lets it remember everything.”** Everything has to go through the state, here eight numbers, and each step
#   writes over them. Lesson 7 measures how little survives.
# - **Start and end marks** are often left out of such examples. Then the network cannot be asked to begin, nor can it say
#   that it is done, and the puzzle of the two `a`s disappears with the end mark.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# How many weights does this network have? Write the formula with `letters` and `hidden`, and check it.

# %% tags=["solution"]
letters, hidden = 5, HIDDEN
count = letters * hidden + hidden * hidden + hidden + hidden * letters + letters
claim(f"the network has {count} weights", count == sum(value.size for value in trained.values()))

# %% [markdown]
# ### Exercise 2
#
# Check the gradient of $U$: move one weight by $\pm 10^{-5}$ and compare the change of the loss with what `backward` says.

# %% tags=["solution"]
weights = new_weights(seed=3)
states, p = forward(weights, READ)
calculated = backward(weights, READ, states, p)["U"]
measured = np.zeros_like(calculated)
for place in np.ndindex(measured.shape):
    pair = []
    for step in (1e-5, -1e-5):
        moved = {name: value.copy() for name, value in weights.items()}
        moved["U"][place] += step
        pair.append(loss_of(forward(moved, READ)[1]))
    measured[place] = (pair[0] - pair[1]) / 2e-5
error = float(np.abs(measured - calculated).max())
claim(f"the two differ by {error:.0e} at most", error < 1e-8)

# %% [markdown]
# ### Exercise 3
#
# How small can the slip be? Find the smallest `HIDDEN` with which most starting points still learn the word.

# %% tags=["solution"]
kept = HIDDEN
right = {}
for HIDDEN in (1, 2, 3, 4, 8):
    right[HIDDEN] = sum(spell(train(seed, steps=1_000)[0]) == "data" for seed in range(10))
HIDDEN = kept
print("right, of 10 starting points:", right)
claim(
    f"with three parts {right[3]} of 10 learn it, with two {right[2]}, with one {right[1]}",
    right[8] == 10 and right[3] >= 8 > max(right[2], right[1]),
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/reference/cells.py#rnn_forward` and {source}`shared/reference/cells.py#rnn_backward`: the same step, for
#   a batch of reviews.
# - `lockstep run --architectures rnn` trains this cell on film reviews in all four frameworks.
#
# Next: [how the gradient is found](lesson_06_back_propagation_through_time.ipynb).
