# %% [markdown]
# # 6. Back-propagation through time
#
# **After this lesson you can**
#
# - derive the gradient of a recurrent network with the chain rule, step by step;
# - write it in twenty lines of NumPy, and prove to yourself that it is right;
# - say what it costs, in multiplications and in memory;
# - say what is lost when the way back is cut short.
#
# You need [lesson 5](lesson_05_a_net_with_memory.ipynb) and the chain rule.

# %% [markdown]
# ## A soup that is too salty
#
# Five cooks stand in a row, and a pot goes down the row. Each cook takes the pot, adds something, serves a guest one
# spoonful, and hands the pot on. All five work from one and the same recipe card.
#
# Tonight the guests complain. So the chef starts at the end of the row and walks back. She asks every cook two questions.
# How bad was the spoonful that *you* served? And how much of the trouble further down came out of *your* pot? She adds the
# two answers. Then she knows how much is to be blamed on this cook's pot, and how much of that he got from the one before.
#
# At each cook she also writes a note: a little less salt. At the front of the row she holds five notes. But there is only
# one card. So she adds up the notes and changes the card once.
#
# That is the whole of **back-propagation through time**, BPTT for short. The pot is the state. The card is the weights.
# The two questions are the two terms of the gradient of a state. Adding up the notes is the sum over time.

# %% [markdown]
# ## The equations, forwards
#
# This is the network of lesson 5. Only two sums get names of their own, $u_t$ and $s_t$, because we shall stop at them on
# the way back:
#
# $$u_t = x_t W + h_{t-1} U + b \qquad h_t = \tanh(u_t) \qquad s_t = h_t V + c \qquad p_t = \operatorname{softmax}(s_t)$$
#
# $$L = \sum_t L_t \qquad L_t = -\ln p_t[y_t]$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $x_t$ | the letter that is read at step $t$, one-hot | words × 5 |
# | $u_t$, $h_t$ | the sum, and the state made of it | words × 8 |
# | $s_t$, $p_t$ | the scores of the letters, and their probabilities | words × 5 |
# | $y_t$ | the number of the right letter; −1 where none is asked for | words |
# | $W$, $U$, $V$ | the weights | 5 × 8, 8 × 8, 8 × 5 |
# | $b$, $c$ | the biases | 8 and 5 |
# | $\mathrm{d}h_t$ | short for $\partial L / \partial h_t$; the same for every other symbol | as $h_t$ |
#
# Several words can be read side by side, one to a row. With one word, each of these matrices has one row.

# %% tags=["hide-input"]
from __future__ import annotations

import time
from typing import Any

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.reference.cells import rnn_backward
from shared.reference.model import SentimentClassifier, softmax
from shared.specification import Specification

# %%
LETTERS = ["start", "d", "a", "t", "end"]
HIDDEN = 8

Weights = dict[str, np.ndarray]


def one_hot(letters: str | list[str]) -> np.ndarray:
    """Return letters as rows of zeros with a single one."""
    return np.eye(5)[[LETTERS.index(letter) for letter in letters]]


def new_weights(seed: int, inputs: int = 5, hidden: int = HIDDEN) -> Weights:
    """Draw small weights, as lesson 5 does; the biases are zero."""
    generator = np.random.default_rng(seed)
    shapes = {"W": (inputs, hidden), "U": (hidden, hidden), "V": (hidden, 5)}
    weights = {name: 0.3 * generator.normal(size=shape) for name, shape in shapes.items()}
    return {**weights, "b": np.zeros(hidden), "c": np.zeros(5)}


def forward(weights: Weights, x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the states h_0, h_1, … and the probabilities p_1, p_2, …; x is [steps, words, letters]."""
    h, p = [np.zeros((x.shape[1], len(weights["U"])))], []
    for x_t in x:
        u_t = x_t @ weights["W"] + h[-1] @ weights["U"] + weights["b"]
        h.append(np.tanh(u_t))
        s_t = h[-1] @ weights["V"] + weights["c"]
        p.append(softmax(s_t))
    return h, p


def loss_of(p: list[np.ndarray], y: np.ndarray) -> float:
    """Cross-entropy of the right letters, summed over steps and words; y is [steps, words]."""
    steps, words = np.nonzero(y >= 0)
    return float(-np.log(np.array(p)[steps, words, y[steps, words]]).sum())


# %% [markdown]
# ## The way back, in four moves
#
# **Move 1: from the loss to the scores.** Write the loss of one step with the softmax spelled out:
# $L_t = -s_t[y_t] + \ln \sum_j e^{s_t[j]}$. Its derivative by one score $s_t[j]$ is $p_t[j]$, and one less for the right letter:
#
# $$\mathrm{d}s_t = p_t - \text{one-hot}(y_t)$$
#
# **Move 2: from the scores, and from the next step, to the state.** The state $h_t$ is used in two places: in
# $s_t = h_t V + c$ and in $u_{t+1} = x_{t+1} W + h_t U + b$. The chain rule adds what comes back from both. These are the
# chef's two questions:
#
# $$\mathrm{d}h_t = \mathrm{d}s_t V^\top + \mathrm{d}u_{t+1} U^\top$$
#
# Why the transpose? Part $i$ of the state enters score $j$ with the factor $V_{ij}$. So its blame is $\sum_j \mathrm{d}s_t[j]\,V_{ij}$,
# and that is $\mathrm{d}s_t V^\top$. At the last step there is no next one, and the second term is zero.
#
# **Move 3: through the tanh.** Its derivative is $1 - \tanh^2$, part by part ($\odot$ multiplies part by part):
#
# $$\mathrm{d}u_t = \mathrm{d}h_t \odot (1 - h_t^2)$$
#
# **Move 4: to the weights.** Pretend for a moment that each step had a $U$ of its own, $U_t$. It appears in one place only,
# $h_{t-1} U_t$, so its gradient is $h_{t-1}^\top \mathrm{d}u_t$: that is one note of the chef. But all the $U_t$ are the same $U$. A
# small change of $U$ changes all of them, so the effects add up:
#
# $$\mathrm{d}U = \sum_t h_{t-1}^\top \mathrm{d}u_t \qquad \mathrm{d}W = \sum_t x_t^\top \mathrm{d}u_t \qquad \mathrm{d}b = \sum_t \mathrm{d}u_t
# \qquad \mathrm{d}V = \sum_t h_t^\top \mathrm{d}s_t \qquad \mathrm{d}c = \sum_t \mathrm{d}s_t$$
#
# Where $x_t$ is a word vector that is trained too, it gets its share: $\mathrm{d}x_t = \mathrm{d}u_t W^\top$.
#
# Here is the code. Python counts from 0, so $x_t$ is `x[t - 1]`. The list `h` has $h_0$ in front, so $h_t$ is `h[t]`. Leave `cut`
# aside for now.


# %%
def backward(
    weights: Weights, x: np.ndarray, y: np.ndarray, h: list[np.ndarray], p: list[np.ndarray], cut: int = 0
) -> tuple[Weights, dict[int, np.ndarray]]:
    """Return the gradients by the weights and by x, and d_u of every step; with a cut, in pieces of so many steps."""
    d = {name: np.zeros_like(value) for name, value in {**weights, "x": x}.items()}
    d_u = {}
    from_next = np.zeros_like(h[0])
    for t in reversed(range(1, len(h))):
        asked = (y[t - 1] >= 0)[:, None]
        d_s = (p[t - 1] - np.eye(5)[y[t - 1]]) * asked  # move 1
        d_h = d_s @ weights["V"].T + from_next  # move 2
        d_u[t] = d_h * (1 - h[t] ** 2)  # move 3
        d["W"] += x[t - 1].T @ d_u[t]  # move 4
        d["U"] += h[t - 1].T @ d_u[t]
        d["V"] += h[t].T @ d_s
        d["b"] += d_u[t].sum(axis=0)
        d["c"] += d_s.sum(axis=0)
        d["x"][t - 1] = d_u[t] @ weights["W"].T
        from_next = d_u[t] @ weights["U"].T
        if cut and (len(h) - t) % cut == 0:
            from_next = np.zeros_like(from_next)
    return d, d_u


# %% [markdown]
# ## Is it right?
#
# Gradients are easy to get a little wrong, and a network with a wrong gradient often still learns, only worse. So never
# believe one: measure it. Move one weight up by $\varepsilon$, then down, and see how the loss changes. That is a
# **central difference**:
#
# $$\frac{\partial L}{\partial w} \approx \frac{L(w + \varepsilon) - L(w - \varepsilon)}{2\varepsilon}$$


# %%
def central_differences(weights: Weights, name: str, x: np.ndarray, y: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    """Measure the gradient by one array of weights, a number at a time."""
    measured = np.zeros_like(weights[name])
    for place in np.ndindex(measured.shape):
        losses = []
        for step in (epsilon, -epsilon):
            moved = {**weights, name: weights[name].copy()}
            moved[name][place] += step
            losses.append(loss_of(forward(moved, x)[1], y))
        measured[place] = (losses[0] - losses[1]) / (2 * epsilon)
    return measured


x = one_hot(["start", "d", "a", "t", "a"])[:, None]  # one word
y = np.array([[LETTERS.index(letter)] for letter in ["d", "a", "t", "a", "end"]])
weights = new_weights(seed=0)
h, p = forward(weights, x)
d, d_u = backward(weights, x, y, h, p)
errors = {name: np.abs(d[name] - central_differences(weights, name, x, y)).max() for name in weights}
print({name: f"{error:.0e}" for name, error in errors.items()})
claim(
    f"all {sum(value.size for value in weights.values())} gradients agree with central differences, to {max(errors.values()):.0e}",
    max(errors.values()) < 1e-8,
)

# %% [markdown]
# The project has this code too, for whole reviews and for every cell: {source}`shared/reference/model.py#SentimentClassifier`.
# It asks one question at the end of a text. So we ask our network for one letter at the end too, and compare everything.
# Two words are read side by side. In both the **first letter decides what is asked at the end**: `d a a a a a` shall be
# answered with `d`, and `t a a a a a` with `t`. We shall need these two again.

# %%
FIRST_DECIDES = np.stack([one_hot("daaaaa"), one_hot("taaaaa")], axis=1)  # [6 steps, 2 words, 5 letters]
STEPS = len(FIRST_DECIDES)
AT_THE_END = np.full((STEPS, 2), -1)
AT_THE_END[-1] = [LETTERS.index("d"), LETTERS.index("t")]

sizes = {"embedding_size": 5, "hidden_size": HIDDEN}
specification = Specification(architecture="rnn", vectors="random", pooling="last").replaced(**sizes)
names = {"W": "rnn.0.forward.input_kernel", "U": "rnn.0.forward.recurrent_kernel", "b": "rnn.0.forward.bias"}
names |= {"V": "head.kernel", "c": "head.bias"}
embedding = np.vstack([np.zeros(5), np.eye(5)])  # its row 0 is padding, so a letter's row is one further down
model = SentimentClassifier(specification, {"embedding": embedding, **{names[name]: weights[name] for name in names}})
tokens = (FIRST_DECIDES.argmax(axis=2) + 1).T.astype(np.int32)
_, mean_loss, reference = model.loss_and_gradients(tokens, AT_THE_END[-1])

h, p = forward(weights, FIRST_DECIDES)
d, d_u = backward(weights, FIRST_DECIDES, AT_THE_END, h, p)
apart = max(np.abs(d[name] / 2 - reference[names[name]]).max() for name in names)  # it takes the mean of two words
claim(
    f"our gradients and those of the project's reference differ by {apart:.0e} at most",
    apart < 1e-13 and abs(loss_of(p, AT_THE_END) / 2 - mean_loss) < 1e-13,
)
d_s = p[-1] - np.eye(5)[AT_THE_END[-1]]
one_step = rnn_backward((d_s @ weights["V"].T,), (h[-1],))[0]
claim(
    "moves 2 and 3 at the last step give what its rnn_backward gives, to 1e-15",
    np.allclose(one_step, d_u[STEPS], atol=1e-15),
)

# %% [markdown]
# ## See it flow
#
# Here is the way back through “data”. Every state gets an arrow from its own answer and, but for the last, one from
# the state after it. The thicker the arrow, the larger that gradient.

# %%
h, p = forward(weights, x)
d_u = backward(weights, x, y, h, p)[1]
own = [float(np.linalg.norm((p[t] - np.eye(5)[y[t]]) @ weights["V"].T)) for t in range(5)]
later = [float(np.linalg.norm(d_u[t + 1] @ weights["U"].T)) for t in range(1, 5)]
with picture(
    "The gradient flows back: into each state from its own answer, and from the state after it.",
    "Five states in a row. Orange arrows come down from each answer, blue ones from each state to the one before.",
    width=5.5,
    height=3,
) as figure:
    (axes,) = axes_of(figure)
    for t in range(5):
        axes.text(
            t, 0, f"$h_{t + 1}$", ha="center", va="center", bbox={"boxstyle": "circle", "fc": "none", "ec": "black"}
        )
        axes.text(t, 1, f"says {LETTERS[y[t, 0]]}", ha="center", va="bottom")
        axes.text(t, -0.75, f"reads {['start', 'd', 'a', 't', 'a'][t]}", ha="center", va="top")
        axes.plot([t, t], [-0.7, -0.28], color="black", linewidth=0.7)
        ends = [((t + 0.0, 0.3), (t + 0.0, 0.97), own[t], COLOURS[1])]
        if t < 4:
            ends.append(((t + 0.2, 0.0), (t + 0.8, 0.0), later[t], COLOURS[0]))
        for head, tail, size, colour in ends:
            style = {"arrowstyle": "-|>", "color": colour, "linewidth": 6 * size, "mutation_scale": 8 + 12 * size}
            axes.annotate("", head, tail, arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
    for t, size in enumerate(own):
        axes.text(t + 0.1, 0.62, f"{size:.2f}", color=COLOURS[1])
    for t, size in enumerate(later):
        axes.text(t + 0.5, -0.22, f"{size:.2f}", ha="center", va="top", color=COLOURS[0])
    axes.set(xlim=(-0.5, 4.5), ylim=(-1, 1.2))
    axes.axis("off")
claim("every state but the last gets a gradient from both sides", min(own) > 0 and min(later) > 0)

# %% [markdown]
# ## What it costs
#
# We count multiplications instead of seconds: they are the same on every computer. A product of an $a \times n$ and an
# $n \times m$ matrix takes $a\,n\,m$ multiplications, each with an addition. The hidden cell below defines `Counted`: an array
# that computes as usual, and adds to `Counted.done` what each matrix product takes. How it does so does not matter here.


# %% tags=["hide-input"]
class Counted(np.ndarray):
    """An array that counts the multiplications in matrix products."""

    done = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """Compute as usual, and count if it is a matrix product."""
        plain = [np.asarray(one) for one in inputs]
        if ufunc is np.matmul:
            Counted.done += plain[0].size * plain[1].shape[-1]
        if out is not None:
            options["out"] = tuple(np.asarray(one) for one in out)
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Counted)


# %% [markdown]
# The network gets a real size now: 100 inputs, 64 hidden. `view(Counted)` makes its weights count.


# %%
def cost(steps: int) -> tuple[int, int, float, float]:
    """Return the multiplications forwards and backwards of so many steps, and the seconds of both."""
    generator = np.random.default_rng(0)
    large = new_weights(seed=0, inputs=100, hidden=64)
    x, y = generator.normal(size=(steps, 1, 100)), generator.integers(0, 5, (steps, 1))
    counting: Weights = {name: value.view(Counted) for name, value in large.items()}
    Counted.done = 0
    h, p = forward(counting, x)
    forwards = Counted.done
    backward(counting, x, y, h, p)
    backwards = Counted.done - forwards
    began = time.perf_counter()
    h, p = forward(large, x)
    between = time.perf_counter()
    backward(large, x, y, h, p)
    return forwards, backwards, between - began, time.perf_counter() - between


# %%
costs = {steps: cost(steps) for steps in (100, 200, 400, 800)}
print("  steps    forwards   backwards      seconds, forwards and backwards")
for steps, (forwards, backwards, *seconds) in costs.items():
    print(f"{steps:7,} {forwards:11,} {backwards:11,}      {seconds[0]:.4f}  {seconds[1]:.4f}")
claim(
    "eight times the steps cost eight times the multiplications, both ways",
    all(costs[800][n] == 8 * costs[100][n] for n in (0, 1)),
)
claim(
    "the way back costs 2 times the way forward; both together are 3 forward passes",
    all(backwards == 2 * forwards for forwards, backwards, *_ in costs.values()),
)

# %% [markdown]
# Two is no accident. Each product on the way forward, say $h_{t-1} U$, is answered by two on the way back: one for the
# weights, $h_{t-1}^\top \mathrm{d}u_t$, and one for what went in, $\mathrm{d}u_t U^\top$. In seconds you will see somewhat more or less than
# two, because the tanh, the softmax and Python itself take time as well.
#
# The dearer thing is **memory**. The way back needs every $h_t$, so all of them are kept until it is done. A text twice as
# long takes twice the memory, for each text of the batch. That is one reason to cut.

# %% [markdown]
# ## Cutting the way back
#
# *Truncated* BPTT cuts a long text into pieces of, say, 35 steps. The state is handed on from piece to piece. The gradient
# is not: at the edge of a piece the second term is set to zero. A loss early in a piece therefore walks back less far than
# one at its end. That is what `cut` does above. PyTorch's word for it is `detach`. The chef walks back along the last few
# cooks only, and the first ones never hear a word.
#
# What is lost? Take the two words in which the first letter decides. With a cut of less than 6 steps no gradient arrives
# at the step that reads the first letter. We train from 20 starting points, with cuts of 1, 2, 4 and 6 steps. Six is the
# whole word.


# %%
def train(seed: int, cut: int, steps: int = 600, rate: float = 0.1) -> float:
    """Train on the two words in which the first letter decides; return the last loss."""
    weights = new_weights(seed)
    for _ in range(steps):
        h, p = forward(weights, FIRST_DECIDES)
        d, _ = backward(weights, FIRST_DECIDES, AT_THE_END, h, p, cut)
        weights = {name: value - rate * d[name] for name, value in weights.items()}
    return loss_of(p, AT_THE_END)


CUTS = (1, 2, 4, 6)
learned = {cut: sum(train(seed, cut) < 0.1 for seed in range(20)) for cut in CUTS}
print("starting points, of 20, that learn it:", learned)
claim(f"with the whole way back {learned[6]} of 20 starting points learn it", learned[6] >= 15)
claim(
    f"cut after one step {learned[1]} of 20 still do, by luck",
    1 <= learned[1] <= 10 and learned[6] - learned[1] >= 6,
)

# %%
with picture(
    "With the whole way back most starting points learn what the first letter decides. Cut after one step, few do.",
    "Four bars for cuts of 1, 2, 4 and 6 steps. For 6, the whole word, most of 20 starting points learn it; for 1, few do.",
    width=5.5,
    height=2.8,
) as figure:
    (axes,) = axes_of(figure)
    colours = [COLOURS[1]] * 3 + [COLOURS[0]]
    bars = axes.bar([str(cut) for cut in CUTS], list(learned.values()), color=colours, width=0.6)
    axes.bar_label(bars)
    axes.set(xlabel="steps that the gradient walks back (6: to the first letter)")
    axes.set(ylabel="learn it, of 20", ylim=(0, 22))

# %% [markdown]
# Try it on one gradient. The loss is at the last letter. How much of $\mathrm{d}U$, and how much of its direction, is left when
# you cut?

# %%
stages = {}
for name, steps in (("before training", 0), ("after 100 steps", 100)):
    weights = new_weights(seed=0)
    for step in range(steps + 1):
        h, p = forward(weights, FIRST_DECIDES)
        d, d_u = backward(weights, FIRST_DECIDES, AT_THE_END, h, p)
        if step < steps:
            weights = {one: value - 0.1 * d[one] for one, value in weights.items()}
    notes = [h[t - 1].T @ d_u[t] for t in range(1, STEPS + 1)]
    stages[name] = {
        "arrives": [float(np.linalg.norm(d_u[t])) for t in range(1, STEPS + 1)],
        "notes": [[float(f"{value:.4g}") for value in note.flat] for note in notes],
    }
    claim(f"{name}, the notes of all steps add up to dU", np.allclose(sum(notes), d["U"], atol=1e-14))
interaction(
    "lesson_06",
    {"letters": list("daaaaa"), "stages": stages},
    "Cut the way back, and see what is left of the gradient.",
)

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **BPTT is often presented as an algorithm of its own.** It is the ordinary chain rule, on a network that is drawn once
#   for each step. Only the sum over time is added, because the copies share their weights (exercise 2).
# - **Every loss is walked back to the start, one reads, so the cost grows with the square of the length.** One walk carries
#   all the losses, because move 2 adds them as it passes. Walking each back alone gives the same gradient and costs more:

# %%
weights = new_weights(seed=0)
h, p = forward(weights, x)
together = backward(weights, x, y, h, p)[0]
counting: Weights = {name: value.view(Counted) for name, value in weights.items()}
Counted.done, alone = 0, []
for t in range(5):
    only = np.where(np.arange(5)[:, None] == t, y, -1)[: t + 1]
    alone.append(backward(counting, x[: t + 1], only, h[: t + 2], p[: t + 1])[0]["U"])
separately, Counted.done = Counted.done, 0
backward(counting, x, y, h, p)
claim(
    f"five walks, one for each loss, give the same dU, with {separately:,} multiplications instead of {Counted.done:,}",
    np.allclose(sum(alone), together["U"], atol=1e-14) and separately == 3 * Counted.done,
)

# %% [markdown]
# - **A network cannot learn anything beyond its cut, it is said.** It can, with luck, as the bars above show. Only the
#   gradient is cut, the state is not. An echo of the first letter may still be in it, and the last steps can learn to listen to it.
# - **A truncated gradient is taken for the true one, only less exact.** A part of it is missing altogether. In our two words the
#   weights that read the first letter, `d` or `t`, get a gradient of exactly zero from every cut of less than 6 steps:

# %%
h, p = forward(weights, FIRST_DECIDES)
first = [LETTERS.index("d"), LETTERS.index("t")]
rows = {cut: backward(weights, FIRST_DECIDES, AT_THE_END, h, p, cut)[0]["W"][first] for cut in range(1, 7)}
claim(
    "cut after 1 to 5 steps, the first letter's weights get a gradient of exactly 0; with 6 they get one",
    not any(rows[cut].any() for cut in range(1, 6)) and bool(rows[6].all()),
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Forget the second term: let the chef ask only about the spoonful. Which gradients of “data” become wrong, and which stay right?
# (`cut=1` does it. `x` and `y` are still those of “data”.)

# %% tags=["solution"]
weights = new_weights(seed=0)
h, p = forward(weights, x)
whole, forgetful = (backward(weights, x, y, h, p, cut)[0] for cut in (0, 1))
off = {name: float(np.abs(forgetful[name] - whole[name]).max()) for name in weights}
print({name: f"{error:.1e}" for name, error in off.items()})
claim(
    "W, U and b are wrong without it; V and c, which come after the state, stay right",
    min(off["W"], off["U"], off["b"]) > 1e-3 and max(off["V"], off["c"]) < 1e-15,
)

# %% [markdown]
# ### Exercise 2
#
# Give every step a $U$ of its own, all with the same numbers. Measure the gradient of each copy by central differences.
# What do they add up to?


# %% tags=["solution"]
def loss_of_copies(copies: list[np.ndarray]) -> float:
    """Return the loss of “data” where step t uses copies[t] in place of U."""
    state, p = np.zeros((1, HIDDEN)), []
    for x_t, own_U in zip(x, copies, strict=True):
        state = np.tanh(x_t @ weights["W"] + state @ own_U + weights["b"])
        p.append(softmax(state @ weights["V"] + weights["c"]))
    return loss_of(p, y)


weights = new_weights(seed=0)
of_U = backward(weights, x, y, *forward(weights, x))[0]["U"]
total = np.zeros_like(weights["U"])
for t in range(5):
    for place in np.ndindex(total.shape):
        for moved in (1e-5, -1e-5):
            copies = [weights["U"].copy() for _ in range(5)]
            copies[t][place] += moved
            total[place] += loss_of_copies(copies) / (2 * moved)
claim("the gradients of the five copies add up to the gradient of U", np.allclose(total, of_U, atol=1e-8))

# %% [markdown]
# ### Exercise 3
#
# How small should $\varepsilon$ be? Check $\mathrm{d}U$ with $10^{-1}, 10^{-3}, 10^{-5}, 10^{-9}$ and $10^{-13}$. Why does the error rise again?

# %% tags=["solution"]
weights = new_weights(seed=0)
of_U = backward(weights, x, y, *forward(weights, x))[0]["U"]
off_by = {}
for epsilon in (1e-1, 1e-3, 1e-5, 1e-9, 1e-13):
    off_by[epsilon] = float(np.abs(central_differences(weights, "U", x, y, epsilon) - of_U).max())
    print(f"{epsilon:.0e}: off by {off_by[epsilon]:.0e}")
# Too large: the loss is curved, and the error falls with the square of epsilon. Too small: the two losses agree in nearly
# all of their sixteen digits, and the difference is made of rounding, which is then divided by epsilon.
claim(
    "1e-5 is better than 1e-1 and than 1e-13, by a factor of 1,000 at least",
    1e3 * off_by[1e-5] < min(off_by[1e-1], off_by[1e-13]),
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/reference/cells.py#rnn_backward`: moves 2 and 3, for a batch; the LSTM's and the GRU's stand beside it.
# - {source}`shared/reference/model.py#SentimentClassifier`: the walk back through a whole review, through padding, layers and
#   both directions. It is not cut: every gradient reaches the first word that was read.
# - `python -m compare parity` holds the gradients of all four frameworks against it.
#
# Next: [why so little of the gradient arrives](lesson_07_vanishing_and_exploding.ipynb).
