# %% [markdown]
# # 9. The GRU and its conventions
#
# **After this lesson you can**
#
# - write the equations of the GRU, and say what its two gates do;
# - name the three points on which books and libraries differ, and tell which of them change the numbers;
# - turn a GRU into a simple RNN, or into a network that never reads a word, by setting its two gates;
# - count the weights of any recurrent layer, in the way of the library that printed them.
#
# You need the gates of [lesson 8](lesson_08_the_lstm.ipynb).

# %% [markdown]
# ## Two bakers and one card
#
# Anna and Ben keep a sourdough. Every evening they mix some old dough with some new. How much? On the wall hangs a card from
# their grandmother. It says *nine tenths*.
#
# Anna reads: **keep** nine tenths of the old dough, and add one tenth of new. Ben reads: **add** nine tenths of new dough to
# one tenth of the old. Both bake good bread, for both have adjusted everything else to their reading. But when Anna falls ill
# and Ben bakes from her notes, the bread fails. After a week, almost nothing of Anna's dough is in it.
#
# The card is the **update gate** $z$ of the **GRU** (gated recurrent unit, Cho et al. 2014). Some books read it like Anna,
# others like Ben. As long as you train your own network, you will not notice. You will when you copy weights, or
# equations.

# %% tags=["hide-input"]
from __future__ import annotations

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture, read_results
from shared.cell import initial_weights
from shared.history import Silent
from shared.loading import load_corpus
from shared.metrics import accuracy
from shared.reference.cells import gru_forward, rnn_forward
from shared.reference.model import build, softmax
from shared.reference.training import predict_probabilities, train
from shared.specification import Specification, preset
from shared.weights import shapes

# %%
days = np.arange(8)
anna, ben = 0.9**days, 0.1**days
claim(
    f"after a week, {anna[7]:.0%} of Anna's dough is left, and {ben[7]:.0e} of Ben's", anna[7] > 0.4 and ben[7] < 1e-6
)

# %%
with picture(
    "z both ways. The same 0.9 keeps about half of the old dough for a week, or replaces nearly all of it in two days.",
    "Two lines over eight days, the share of the first dough. When z keeps, it falls slowly to about a half. "
    "When z renews, it falls to a tenth on the first day and to nothing on the second.",
    width=5.8,
    height=3.0,
) as figure:
    (axes,) = axes_of(figure)
    axes.plot(days, anna, color=COLOURS[0], marker="o")
    axes.plot(days, ben, color=COLOURS[1], marker="o")
    axes.text(4.1, 0.72, "Anna: z = 0.9 keeps", color=COLOURS[0])
    axes.text(2.1, 0.08, "Ben: z = 0.9 renews", color=COLOURS[1])
    axes.set(xlabel="day", ylabel="share of the first dough", ylim=(0, 1.05))

# %% [markdown]
# ## The equations
#
# The LSTM has a cell and a state. The GRU has only a state, $h$. Where the LSTM has two gates, one to keep and one to write,
# the GRU has one: what is not kept is written. This is the form that the project uses, and PyTorch and Keras with it:
#
# $$
# \begin{aligned}
# z &= \sigma(x_t W_z + b_z + h_{t-1} U_z + d_z) &\quad& \text{update gate: how much of the old state stays} \\
# r &= \sigma(x_t W_r + b_r + h_{t-1} U_r + d_r) && \text{reset gate: how much of it the candidate sees} \\
# n &= \tanh\bigl(x_t W_n + b_n + r\,(h_{t-1} U_n + d_n)\bigr) && \text{candidate: what is new} \\
# h_t &= z\,h_{t-1} + (1 - z)\,n && \text{the state}
# \end{aligned}
# $$
#
# | symbol | what it is | shape below |
# | --- | --- | --- |
# | $x_t$ | the word at step $t$, as a vector | 50 |
# | $h_t$ | the state | 16 |
# | $z$, $r$ | the gates, between 0 and 1 | 16 each |
# | $n$ | the candidate, between -1 and 1 | 16 |
# | $W_z$, $W_r$, $W_n$ | from the word | 50 × 16 each |
# | $U_z$, $U_r$, $U_n$ | from the last state | 16 × 16 each |
# | $b_z$, $b_r$, $b_n$ | biases of the word's side | 16 each |
# | $d_z$, $d_r$, $d_n$ | biases of the state's side | 16 each |
#
# Anna tastes the old dough before she decides what the new one shall be. That is the reset gate. Note what it does *not* do: it
# does not erase the state. It hides the state from the candidate. Only $z$ decides what stays.
#
# The code has two switches. We come to them in a moment.

# %%
Parts = dict[str, np.ndarray]  # of the letters z, r, n
Layer = tuple[Parts, Parts, Parts, Parts]  # W, U, b, d


def sigmoid(u: np.ndarray) -> np.ndarray:
    """Turn any number into one between 0 and 1; written so that nothing overflows."""
    return 0.5 * (1 + np.tanh(0.5 * u))


def step(x_t: np.ndarray, h: np.ndarray, layer: Layer, keeps: bool = True, reset_after: bool = True) -> np.ndarray:
    """Return the new state: z keeps or renews, and the reset gate acts after the product or before it."""
    W, U, b, d = layer
    z = sigmoid(x_t @ W["z"] + b["z"] + h @ U["z"] + d["z"])
    r = sigmoid(x_t @ W["r"] + b["r"] + h @ U["r"] + d["r"])
    past = r * (h @ U["n"] + d["n"]) if reset_after else (r * h) @ U["n"] + d["n"]
    n = np.tanh(x_t @ W["n"] + b["n"] + past)
    return z * h + (1 - z) * n if keeps else (1 - z) * h + z * n


def drawn(inputs: int, units: int, seed: int = 0) -> Layer:
    """Return a layer of random weights."""
    generator = np.random.default_rng(seed)
    W, U, b, d = (
        {gate: 0.2 * generator.normal(size=shape) for gate in "zrn"}
        for shape in ((inputs, units), (units, units), (units,), (units,))
    )
    return W, U, b, d


# %% [markdown]
# It is the same step as {source}`shared/reference/cells.py#gru_forward`, which lays the three parts side by side. If you open
# that function: our gate $r$ is called `reset` there, and its `r` is the state's side, $h_{t-1} U + d$.

# %%
generator = np.random.default_rng(1)
layer = drawn(50, 16)
W, U, b, d = layer
x_t, h = generator.normal(size=(4, 50)), generator.normal(size=(4, 16))
from_word = np.hstack([x_t @ W[gate] + b[gate] for gate in "zrn"])
from_state = np.hstack([h @ U[gate] + d[gate] for gate in "zrn"])
reference = gru_forward(from_word, from_state, (h,))[0][0]
apart = float(np.abs(step(x_t, h, layer) - reference).max())
claim(f"one step here and one step of the project's reference differ by {apart:.0e} at most", apart < 1e-13)

# %% [markdown]
# ## Two gates, and what they can turn it into
#
# Large biases force a gate open or shut: with a bias of 1,000 the sigmoid is 1, with −1,000 it is 0, whatever the word and the
# state say. Let $z = 0$ and $r = 1$. The state equation becomes $h_t = n$, and the candidate
# becomes $\tanh(x_t W_n + b_n + h_{t-1} U_n + d_n)$. That is the simple network of
# [lesson 5](lesson_05_a_net_with_memory.ipynb), letter by letter.


# %%
def forced(layer: Layer, z: float, r: float) -> Layer:
    """Return the layer with both gates forced to 0 or 1."""
    W, U, b, d = layer
    # 2,000 (z - ½) is 1,000 for z = 1 and -1,000 for z = 0; full_like makes one such number for each unit.
    return W, U, {**b, "z": np.full_like(b["z"], 2_000 * (z - 0.5)), "r": np.full_like(b["r"], 2_000 * (r - 0.5))}, d


simple = rnn_forward(x_t @ W["n"] + b["n"], h @ U["n"] + d["n"], (h,))[0][0]
apart = float(np.abs(step(x_t, h, forced(layer, z=0, r=1)) - simple).max())
claim(f"with z = 0 and r = 1 the GRU is the simple RNN: they differ by {apart:.0e}", apart <= 1e-15)
frozen = step(x_t, h, forced(layer, z=0, r=1), keeps=False)
claim("in the other convention the same z = 0 and r = 1 freeze the state: h is what it was", np.array_equal(frozen, h))
kept = step(x_t, h, forced(layer, z=1, r=0))
claim("with z = 1 and r = 0 the state is what it was: the reset gate alone erases nothing", np.array_equal(kept, h))

# %%
interaction(
    "lesson_09",
    {"inputs": [1, 0, 0, 0, 0, 0, 0, 0], "W": 1.5, "U": 1.2},
    "A GRU with one unit reads a 1 and then seven zeros. Set its gates by hand.",
)

# %% [markdown]
# ## Point one: z both ways
#
# Cho et al. (2014) let $z$ keep, and so do PyTorch and Keras: $h_t = z\,h_{t-1} + (1 - z)\,n$. Chung et al. (2014) turn it
# round, and many courses follow them: $h_t = (1 - z)\,h_{t-1} + z\,n$.
#
# This difference is harmless, in a way. $1 - \sigma(u) = \sigma(-u)$. So whoever flips the signs of $W_z$, $U_z$, $b_z$ and
# $d_z$ gets the same network. Both forms can learn exactly the same things.


# %%
def flipped(layer: Layer) -> Layer:
    """Return the layer with the signs of all parts of z turned round."""
    W, U, b, d = ({**part, "z": -part["z"]} for part in layer)
    return W, U, b, d


apart = float(np.abs(step(x_t, h, flipped(layer), keeps=False) - step(x_t, h, layer)).max())
claim(f"with the signs of z's weights flipped, the two forms differ by {apart:.0e}", apart < 1e-13)

# %% [markdown]
# ## Point two: reset before the product, or after
#
# In the published paper the state is reset first and multiplied then: $(r\,h_{t-1})\,U_n$. NVIDIA's library cuDNN multiplies first,
# because then one large product serves all three parts: $r\,(h_{t-1} U_n + d_n)$. PyTorch has only this form. Keras has both, and
# calls the choice `reset_after`.
#
# This difference is not harmless. In the first form $r$ picks among the *old* units, in the second among the *new* ones. No
# flipping of signs turns one into the other. There is one exception: if all units have the same $r$, it may stand on either
# side.

# %%
apart = float(np.abs(step(x_t, h, layer) - step(x_t, h, layer, reset_after=False)).max())
claim(f"same weights, same input, reset before or after: the states differ by up to {apart:.1f}", apart > 0.1)
zero = {**d, "n": 0 * d["n"]}
one_r = ({**W, "r": 0 * W["r"]}, {**U, "r": 0 * U["r"]}, {**b, "r": 0 * b["r"] + 0.5}, {**zero, "r": 0 * d["r"]})
apart = float(np.abs(step(x_t, h, one_r) - step(x_t, h, one_r, reset_after=False)).max())
claim(f"with one r for all units, and no d_n, they differ by {apart:.0e}", apart < 1e-13)

# %% [markdown]
# Does it matter in practice? Train a GRU of 16 units on film reviews, in the project's form. Then let the very same weights
# be read by the other forms.

# %%
specification = preset("smoke").replaced(
    architecture="gru",
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

# %%
tokens = corpus.test.padded(np.arange(len(corpus.test)))
arrays = {kind: model.weights[f"rnn.0.forward.{kind}"] for kind in ("input_kernel", "recurrent_kernel", "bias")}
sides = (arrays["input_kernel"], arrays["recurrent_kernel"], *arrays["bias"])
W, U, b, d = (dict(zip("zrn", np.split(side, 3, axis=-1), strict=True)) for side in sides)
learnt: Layer = (W, U, b, d)


def positive(layer: Layer, keeps: bool = True, reset_after: bool = True) -> np.ndarray:
    """Return the probability that each test review is positive, read by one form of the GRU."""
    h = np.zeros((len(tokens), 16))
    for t in range(tokens.shape[1]):
        real = tokens[:, t, None] != specification.unread_id
        new = step(model.weights["embedding"][tokens[:, t]], h, layer, keeps, reset_after)
        h = np.where(real, new, h)
    return softmax(h @ model.weights["head.kernel"] + model.weights["head.bias"])[:, 1]


# %%
ours = positive(learnt)
theirs = predict_probabilities(model, corpus.test)[:, 1]
claim(
    "with our step the trained weights give the project's own probabilities, to 1e-6",
    float(np.abs(ours - theirs).max()) < 1e-6,
)
labels = corpus.test.labels
right = accuracy(labels, np.stack([1 - ours, ours], axis=1))
claim(f"it is right on {right:.0%} of {len(labels)} reviews that it has not seen", right > 0.7)
before = positive(learnt, reset_after=False)
changed = int(((before > 0.5) != (ours > 0.5)).sum())
still = accuracy(labels, np.stack([1 - before, before], axis=1))
claim(
    f"with the reset before the product {changed} answers change, and one probability moves by {np.abs(before - ours).max():.2f}; "
    f"yet {still:.0%} are right",
    changed >= 10 and np.abs(before - ours).max() > 0.1 and still > 0.7,
)
renews = positive(learnt, keeps=False)
worse = accuracy(labels, np.stack([1 - renews, renews], axis=1))
claim(f"with z the other way round the accuracy falls from {right:.0%} to {worse:.0%}", worse < right - 0.05)

# %%
with picture(
    "The same weights, two GRUs. Every dot is a review; if the forms agreed, all would lie on the diagonal.",
    "A cloud of dots around a diagonal. Both axes are the probability of positive, with the reset after and before.",
    width=4.6,
    height=3.8,
) as figure:
    (axes,) = axes_of(figure)
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    other = (before > 0.5) != (ours > 0.5)
    axes.scatter(ours[~other], before[~other], s=7, color=COLOURS[0], alpha=0.6, linewidths=0)
    axes.scatter(ours[other], before[other], s=16, color=COLOURS[1], linewidths=0)
    axes.text(0.03, 0.97, "another answer", color=COLOURS[1], va="top")
    axes.set(xlabel="positive, reset after", ylabel="positive, reset before", aspect="equal")

# %% [markdown]
# Nothing here raised an error. All shapes fit. With the reset on the wrong side most answers are still right, so a glance at the
# accuracy would not tell. This is how it happens: some teaching books write the GRU out by hand with the reset *before*, and then call
# a library that resets *after*, and show both as one model in several frameworks. Each of them trains well. They
# are still not the same function. The project holds its four frameworks to one form, and measures it:

# %%
parity = read_results("parity.json")
grus = [row for row in parity["rows"] if row["architecture"] in ("gru", "bigru") and "logits" in row["differences"]]
largest = max(row["differences"]["logits"] for row in grus)
frameworks = sorted({row["framework"] for row in grus})
claim(
    f"in {len(grus)} cases with a GRU, {', '.join(frameworks)} and the reference differ by {largest:.0e} at most",
    len(frameworks) == 4 and largest < 1e-5,
)

# %% [markdown]
# ## Point three: one bias or two
#
# In the gates, $b$ and $d$ are simply added. One of them would do. The candidate is another matter when the reset comes
# after: there $d_n$ is inside the bracket, multiplied by $r$, and $b_n$ is not. So this form needs two biases, and the
# other needs one.

# %%
W, U, b, d = layer
moved: Layer = (W, U, {**b, "n": b["n"] + 1}, {**d, "n": d["n"] - 1})
after, before_product = (
    float(np.abs(step(x_t, h, moved, reset_after=form) - step(x_t, h, layer, reset_after=form)).max())
    for form in (True, False)
)
claim(
    f"1 taken from d_n and given to b_n changes the state by {after:.1f} (reset after) and {before_product:.0e} (before)",
    after > 0.05 and before_product < 1e-13,
)

# %% [markdown]
# All three points in one table:
#
# | where | z | reset | biases |
# | --- | --- | --- | --- |
# | Cho et al. (2014) | keeps | before | left out |
# | Chung et al. (2014) | renews | before | left out |
# | Keras, `reset_after=False` | keeps | before | one |
# | Keras by default, PyTorch, cuDNN, this project | keeps | after | two |
#
# ## Counting weights
#
# A layer of `gates` parts, each with `inputs` × `units` from the word, `units` × `units` from the state, and its biases, has
#
# $$\text{directions} \cdot \text{gates} \cdot (\text{inputs} \cdot \text{units} + \text{units}^2 + \text{biases} \cdot \text{units})$$
#
# weights. The RNN has 1 such part, the GRU 3, the LSTM 4. One course shows an LSTM with 160,400 weights, a GRU with
# 541,800 and a bidirectional LSTM with 1,442,400, one below the other. It looks as if the GRU were much the larger cell. Can
# you find the sizes? All three read word vectors of 300 numbers.


# %%
def count(gates: int, units: int, biases: int, directions: int = 1, inputs: int = 300) -> int:
    """Return how many weights a recurrent layer has."""
    return directions * gates * (inputs * units + units * units + biases * units)


def stored(architecture: str, units: int) -> int:
    """Return how many the project stores for its recurrent layer."""
    changes = {"architecture": architecture, "hidden_size": units, "embedding_size": 300, "vectors": "random"}
    named = shapes(Specification().replaced(**changes), vocabulary_size=10, classes=2)
    return sum(int(np.prod(shape)) for name, shape in named.items() if name.startswith("rnn"))


printed = {"LSTM, 100 units": 160_400, "GRU, 300 units": 541_800, "BiLSTM, 300 units": 1_442_400}
for (name, number), formula, ours_stored in zip(
    printed.items(),
    (count(4, 100, biases=1), count(3, 300, biases=2), count(4, 300, biases=1, directions=2)),
    (stored("lstm", 100), stored("gru", 300), stored("bilstm", 300)),
    strict=True,
):
    claim(f"{name}: {number:,}", number == formula == ours_stored)

# %% [markdown]
# So the LSTM was small, not its formula. With equal units the GRU has three quarters of the weights of the LSTM. And the
# library matters: PyTorch gives every cell two biases, Keras only the GRU with `reset_after`.

# %%
keras_way = {"RNN": count(1, 300, 1), "GRU": count(3, 300, 2), "LSTM": count(4, 300, 1)}
pytorch_way = {"RNN": count(1, 300, 2), "GRU": count(3, 300, 2), "LSTM": count(4, 300, 2)}
for name, number in keras_way.items():
    print(f"{name:4}  300 units   Keras {number:8,}   PyTorch {pytorch_way[name]:8,}")
claim(
    f"counted alike, GRU : LSTM = {pytorch_way['GRU']:,} : {pytorch_way['LSTM']:,} = 3 : 4",
    4 * pytorch_way["GRU"] == 3 * pytorch_way["LSTM"],
)
claim(f"the GRU with one bias has {count(3, 300, 1):,}", count(3, 300, 1) == 541_800 - 900)

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“With reset 1 and update 0 the GRU is a plain RNN.”** True where $z$ keeps. Some texts say so below an equation in which
#   $z$ renews. There the state freezes, as we checked: such a network would never read a word.
# - **$C_{t-1}$ in the candidate of a GRU.** That is a slip from the LSTM. The GRU has no cell. Its candidate depends
#   on the word and on $h_{t-1}$.
# - **“The reset gate throws the past away.”** It hides the past from the candidate. With $z = 1$ everything stays, whatever
#   $r$ is.
# - **“The original resets after the product.”** Keras' manual says so, of the first draft of Cho et al. on arXiv. It calls the
#   published form, before the product, the default. In Keras 3 the default is after.
# - **Who, and when.** The GRU is of Cho et al. (2014). It came 17 years after the LSTM, and from other authors.
# - **“The GRU is the smaller cell, so this GRU is smaller.”** Compare with equal units, and count biases in one way. Whether
#   it is *better* is not a matter of counting; [lesson 15](lesson_15_reading_a_comparison.ipynb) shows how to find out.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# A colleague's program has a GRU in which $z$ renews. Give it the weights that we have learnt, changed so that it answers
# as ours does.

# %% tags=["solution"]
answers = positive(flipped(learnt), keeps=False)
difference = float(np.abs(answers - ours).max())
claim(f"with flipped signs the probabilities differ by {difference:.0e} at most", difference < 1e-9)

# %% [markdown]
# ### Exercise 2
#
# An LSTM shall have no more weights than a GRU of 300 units, which has 541,800. Both read vectors of 300 numbers; the LSTM has
# one bias. How many units can it have?

# %% tags=["solution"]
units = max(units for units in range(1, 301) if count(4, units, biases=1) <= 541_800)
claim(
    f"{units} units, which make {count(4, units, 1):,} weights", count(4, units + 1, 1) > 541_800 >= count(4, units, 1)
)

# %% [markdown]
# ### Exercise 3
#
# What are the gates worth to the trained network? Force $r = 1$ and leave $z$ as it is; then force $z = 0$ as well, which makes
# it a simple RNN. Measure the accuracy of each on the test reviews.

# %% tags=["solution"]
W, U, b, d = learnt
gates_forced = {"learnt": learnt, "r = 1": (W, U, {**b, "r": b["r"] + 1_000}, d), "z = 0, r = 1": forced(learnt, 0, 1)}
scores = {}
for name, one in gates_forced.items():
    p = positive(one)
    scores[name] = accuracy(labels, np.stack([1 - p, p], axis=1))
told = ", ".join(f"{name}: {score:.2f}" for name, score in scores.items())
claim(f"accuracy: {told}; without z it falls", scores["z = 0, r = 1"] < scores["learnt"] - 0.05)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/reference/cells.py#gru_forward` and {source}`shared/reference/cells.py#gru_backward`: the cell, and its way
#   back.
# - {source}`shared/weights.py#to_torch_layout`: PyTorch has the order r, z, n, the project z, r, n.
# - {source}`lessons/silent_errors.py#biases_not_reordered`: what happens if the kernels are put in order and the biases are not.
#
# Next: [how far a network can remember](lesson_10_the_growing_gap.ipynb).
