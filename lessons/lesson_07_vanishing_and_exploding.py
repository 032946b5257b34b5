# %% [markdown]
# # 7. Vanishing and exploding
#
# **After this lesson you can**
#
# - say why a gradient shrinks or grows with every step that it walks back, and by how much;
# - measure it in a network before you train it;
# - tell which cure is for which illness, and show it.
#
# You need [lesson 6](lesson_06_back_propagation_through_time.ipynb): the gradient of a state is made from the one after it.

# %% [markdown]
# ## Fifty years of interest, and a gambler
#
# Two savings books lie in a drawer for fifty years. One grows by 5 % a year, the other loses 5 % a year to fees. That is
# hardly to be felt in a single year. After fifty, a coin in the first has become more than eleven, and of a coin in the
# second less than a tenth is left. A product of fifty factors does not forgive: only a factor of exactly 1 is harmless.
#
# Now a gambler. A coin is tossed. Heads, his money grows by half. Tails, he loses half. That sounds fair, and *on average* it
# is: the factors 1.5 and 0.5 have the mean 1. He plays fifty rounds. With 25 heads and 25 tails, the most likely outcome, he
# is left with less than a thousandth of his money. One head and one tail together are $1.5 \cdot 0.5 = 0.75$, and he
# has had that 25 times. In a product it is not the mean of the factors that counts, but the mean of their **logarithms**.
#
# A gradient that walks back through fifty steps is multiplied fifty times. It is the savings book, and as the factors differ
# from step to step, it is the gambler too.

# %% tags=["hide-input"]
from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.reference.cells import CELLS, State
from shared.specification import Specification
from shared.vectors.pretrained import VectorTable
from shared.weights import initialise

# %%
grown, shrunk, ruined = 1.05**50, 0.95**50, (1.5 * 0.5) ** 25
claim(
    f"after fifty years: {grown:.1f} and {shrunk:.3f}; the gambler of 25 heads has {ruined:.5f}",
    grown > 11 and shrunk < 0.1 and ruined < 1e-3,
)

# %%
years = np.arange(51)
tosses = np.random.default_rng(0).choice([1.5, 0.5], size=(20, 50))
with picture(
    "Money after so many rounds. Twenty gamblers drift down, though their game is fair on average.",
    "Two straight lines from 1, one up to 11 and one down to 0.08, and twenty jagged lines, most of which fall far below 1.",
    width=5.5,
    height=3,
) as figure:
    (axes,) = axes_of(figure)
    for path in tosses:
        axes.plot(np.append(1, path.cumprod()), color=COLOURS[3], alpha=0.35, linewidth=1)
    axes.plot(years, 1.05**years, color=COLOURS[0], linewidth=2)
    axes.plot(years, 0.95**years, color=COLOURS[1], linewidth=2)
    axes.text(51, grown, "+5 % a year", color=COLOURS[0], va="center")
    axes.text(51, shrunk, "−5 % a year", color=COLOURS[1], va="center")
    axes.text(51, ruined, "gamblers", color=COLOURS[3], va="center")
    axes.set_yscale("log")
    axes.set_yticks([1e2, 1, 1e-2, 1e-4, 1e-6, 1e-8])
    axes.set(xlabel="years, or rounds", ylabel="money", xlim=(0, 66), xticks=range(0, 51, 10))

# %% [markdown]
# ## The equation
#
# Lesson 6 found two moves from one state to the one before: through the tanh, and through $U$. Take a loss at the last step
# only, and write the two moves as one:
#
# $$\mathrm{d}h_{t-1} = \mathrm{d}h_t\, J_t \qquad J_t = \operatorname{diag}(1 - h_t^2)\; U^\top$$
#
# $$\mathrm{d}h_{T-k} = \mathrm{d}h_T \, J_T \, J_{T-1} \cdots J_{T-k+1}$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $\mathrm{d}h_t$ | the gradient of the loss by the state at step $t$ | 1 × 64 |
# | $J_t$ | the **Jacobian**: how each part of $h_t$ moves with each part of $h_{t-1}$ | 64 × 64 |
# | $U$ | from the last state to the new one | 64 × 64 |
# | $T$, $k$ | the last step, and the number of steps back | 50, 0 … 50 |
# | $\lVert\cdot\rVert$ | the norm, the length of a vector | a number |
# | $s$ | the largest **singular value** of $U$: the most by which $U$ can stretch a vector | a number |
#
# The derivative $1 - h_t^2$ of the tanh is 1 at most, so each step multiplies the length by $s$ at most:
#
# $$\lVert \mathrm{d}h_{T-k} \rVert \le s^k \, \lVert \mathrm{d}h_T \rVert$$
#
# If $s < 1$, the gradient **vanishes**: it must, like the book with the fee. If $s > 1$, it may **explode**. It need not,
# for the tanh takes its share, and not every vector is stretched the most. This was worked out by Hochreiter (1991) and Bengio,
# Simard and Frasconi (1994).
#
# Here is the code. The function is a parameter, since we shall try others than tanh.

# %%
HIDDEN, INPUTS, STEPS, SEEDS = 64, 32, 50, range(5)

Function = Callable[[np.ndarray], np.ndarray]
FUNCTIONS: dict[str, tuple[Function, Function]] = {  # and their derivatives
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "ReLU": (lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(float)),
    "none": (lambda u: u, np.ones_like),
}


def steps_back(W: np.ndarray, U: np.ndarray, b: np.ndarray, x: np.ndarray, function: str = "tanh") -> np.ndarray:
    """Return the norm of d_h after 0, 1, 2 … steps back, as a share of that at the last step."""
    f, derivative = FUNCTIONS[function]
    h, sums = np.zeros((1, len(U))), []
    for x_t in x:
        sums.append(x_t @ W + h @ U + b)
        h = f(sums[-1])
    d_h = last_gradient()
    norms = [np.linalg.norm(d_h)]
    for u_t in reversed(sums):
        J_t = derivative(u_t).T * U.T  # the same as diag(derivative) U^T
        d_h = d_h @ J_t
        norms.append(np.linalg.norm(d_h))
    return np.array(norms) / norms[0]


def last_gradient() -> np.ndarray:
    """Return some gradient of the last state; its direction hardly matters."""
    return np.random.default_rng(99).normal(size=(1, HIDDEN))


# %% [markdown]
# We measure networks as they come from the shop: **before training**, with 50 random inputs. The first weights are the project's
# own, drawn as PyTorch draws them, from $-1/\sqrt{64}$ to $1/\sqrt{64}$. The other common choice, Keras', is an
# **orthogonal** $U$: it turns a vector and leaves its length as it is. We shall write $Q$ for such a matrix.


# %%
def first_weights(cell: str, seed: int, framework: str = "pytorch") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return W, U and b of a new cell, as the framework would draw them."""
    specification = Specification(
        architecture=cell,
        vectors="random",
        embedding_size=INPUTS,
        hidden_size=HIDDEN,
        initialisation=framework,
        seed=seed,
    )
    nothing = VectorTable(np.zeros((3, INPUTS), np.float32), np.zeros(3, bool))
    weights = initialise(specification, nothing, classes=2)
    kinds = ("input_kernel", "recurrent_kernel", "bias")
    W, U, b = (weights[f"rnn.0.forward.{kind}"].astype(float) for kind in kinds)
    return W, U, b


def inputs(seed: int, size: float = 1) -> np.ndarray:
    """Return 50 random inputs, [steps, 1, 32]."""
    return size * np.random.default_rng(seed).normal(size=(STEPS, 1, INPUTS))


def measure(function: str = "tanh", scale: float | None = None, size: float = 1) -> np.ndarray:
    """Typical norms of 5 networks: U is PyTorch's, or, with a scale, so many times an orthogonal matrix."""
    logarithms = []
    for seed in SEEDS:
        W, U, b = first_weights("rnn", seed)
        if scale is not None:
            U = scale * first_weights("rnn", seed, "keras")[1]
        logarithms.append(np.log(steps_back(W, U, b, inputs(seed, size), function)))
    return np.exp(np.mean(logarithms, axis=0))  # the mean of the logarithms, as for the gambler


# %% [markdown]
# First two checks. $J_t$ shall be what it claims to be: we nudge each part of a state and see how the next one moves. And the
# norms shall be those that the project's own cells give.


# %%
def cell_steps_back(cell: str, W: np.ndarray, U: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the same norms for any cell of the project; of an LSTM, those of h and c together."""
    input_bias, recurrent_bias = b if b.ndim == 2 else (b, np.zeros_like(b))
    state: State = tuple(np.zeros((1, HIDDEN)) for _ in range(CELLS[cell].states))
    kept = []
    for x_t in x:
        state, keep = CELLS[cell].forward(x_t @ W + input_bias, state[0] @ U + recurrent_bias, state)
        kept.append(keep)
    d_state: State = (last_gradient(), *(np.zeros((1, HIDDEN)) for _ in state[1:]))
    norms = [np.linalg.norm(d_state)]
    for keep in reversed(kept):
        _, d_r, direct = CELLS[cell].backward(d_state, keep)
        d_state = (direct[0] + d_r @ U.T, *direct[1:])
        norms.append(np.linalg.norm(d_state))
    return np.array(norms) / norms[0]


W, U, b = first_weights("rnn", seed=0)
before, a = np.random.default_rng(0).normal(size=(1, HIDDEN)), inputs(0)[0] @ W + b
J = (1 - np.tanh(a + before @ U) ** 2).T * U.T
nudges = 1e-5 * np.eye(HIDDEN)
moved = (np.tanh(a + (before + nudges) @ U) - np.tanh(a + (before - nudges) @ U)) / 2e-5
claim(
    f"the Jacobian agrees with central differences to {np.abs(J - moved.T).max():.0e}",
    np.allclose(J, moved.T, atol=1e-8),
)
ours, theirs = steps_back(W, U, b, inputs(0)), cell_steps_back("rnn", W, U, b, inputs(0))
claim("our norms are those of the project's cells, at all 50 distances", np.allclose(ours, theirs, rtol=1e-9))

# %% [markdown]
# ## Fifty steps back

# %%
curves = {
    "tanh, PyTorch": measure(),
    "ReLU, U = Q": measure("ReLU", 1),
    "tanh, U = Q": measure("tanh", 1),
    "no function, U = Q": measure("none", 1),
    "tanh, U = 2 Q": measure("tanh", 2),
    "ReLU, U = 2 Q": measure("ReLU", 2),
}
left = {name: float(curve[-1]) for name, curve in curves.items()}
for name, share in left.items():
    print(f"{name:26} {share:8.0e}")
claim(
    f"PyTorch's first weights leave about {left['tanh, PyTorch']:.0e} of the gradient after 50 steps",
    left["tanh, PyTorch"] < 1e-11,
)
claim(f"an orthogonal U leaves about {left['tanh, U = Q']:.0e}", 1e-7 < left["tanh, U = Q"] < 1e-3)
claim(f"twice that U multiplies it by about {left['tanh, U = 2 Q']:,.0f}", left["tanh, U = 2 Q"] > 20)

# %%
with picture(
    "The norm of the gradient against the distance: straight lines on this scale, as with interest.",
    "Six lines from 1 at distance 0. Two rise, to 1e3 and 1e7. One stays at 1. Three fall, the lowest to 1e-14.",
    width=5.5,
    height=4.2,
) as figure:
    (axes,) = axes_of(figure)
    for (name, curve), colour in zip(curves.items(), (*COLOURS[:3], "black", *COLOURS[3:5]), strict=True):
        axes.plot(curve, color=colour, linewidth=2)
        axes.text(51, curve[-1], name, color=colour, va="center")
    axes.plot(3 ** (-0.5 * years), color="black", linestyle=":")
    axes.text(51, 3**-25, "0.58 a step", va="center")
    axes.set_yscale("log")
    axes.set_yticks([1e6, 1, 1e-6, 1e-12])
    axes.set(xlabel="steps back", ylabel="norm of the gradient", xlim=(0, 75), xticks=range(0, 51, 10))

# %% [markdown]
# The lines are nearly straight. On a logarithmic scale that means a fixed factor for each step: interest. For PyTorch's
# weights the factor can be foretold. Numbers drawn evenly from $-1/\sqrt{n}$ to $1/\sqrt{n}$ have the variance $1/(3n)$. So a
# random vector that is multiplied by an $n \times n$ matrix of them is left with about $1/\sqrt{3} \approx 0.58$ of its length.
# The tanh takes the rest.

# %%
once = [np.linalg.norm(last_gradient() @ first_weights("rnn", seed)[1].T) for seed in SEEDS]
factor = float(np.mean(once) / np.linalg.norm(last_gradient()))
per_step = left["tanh, PyTorch"] ** (1 / STEPS)
claim(
    f"U alone leaves {factor:.2f} of the length, near 0.58; with the tanh {per_step:.2f} a step",
    abs(factor - 3**-0.5) < 0.05 and per_step < factor,
)

# %% [markdown]
# What does it matter? The weights learn from a sum over all distances (lesson 6). What comes from fifty words back is drowned
# by what comes from the last ten. The network is not *unable* to use a distant word. It is not *told* to.
#
# ## The gambler
#
# The same weights meet other inputs, and the product is another one. Strong inputs drive the tanh to its flat ends, where its
# derivative is small.

# %%
sizes = (0.1, 1, 3)
by_size = {scale: [float(measure("tanh", scale, size)[-1]) for size in sizes] for scale in (1, 1.5)}
for scale, shares in by_size.items():
    print(f"{scale} × orthogonal U, inputs of size 0.1, 1, 3:", *(f"{share:.0e}" for share in shares))
claim(
    f"with 1.5 × orthogonal U the gradient grows {by_size[1.5][0]:.0f}-fold on small inputs, and {by_size[1.5][2]:.0e} is left on large ones",
    by_size[1.5][0] > 5 and by_size[1.5][2] < 1e-2,
)

# %%
generator = np.random.default_rng(7)
interaction(
    "lesson_07",
    {
        "matrices": {
            "orthogonal": np.linalg.qr(generator.normal(size=(16, 16)))[0].round(4).tolist(),
            "PyTorch's": generator.uniform(-0.25, 0.25, (16, 16)).round(4).tolist(),
        },
        "inputs": (0.5 * generator.normal(size=(STEPS, 16))).round(3).tolist(),
        "last": generator.normal(size=16).round(3).tolist(),
    },
    "A smaller network, of 16 units. Move the scale of U. Where does the gradient vanish, where does it explode? Then clip it.",
)

# %% [markdown]
# ## Two illnesses, two cures
#
# **Clipping** (Pascanu, Mikolov and Bengio 2013) makes a gradient $g$ shorter if it is longer than $c$, and leaves its
# direction as it is:
#
# $$g \leftarrow g \, \min\!\left(1, \frac{c}{\lVert g \rVert}\right)$$
#
# It can only make a gradient smaller. So it cannot help one that is too small already. Let us see both. The task is that of
# lesson 6: the first of 21 letters decides the answer at the end. We train twenty networks side by side, from an orthogonal
# $U$ times a scale. All arrays have one more axis in front, the network, so that NumPy works on all twenty at once.


# %%
def transposed(a: np.ndarray) -> np.ndarray:
    """Transpose each of the matrices."""
    return a.swapaxes(-1, -2)


def train(
    scale: float, clip: float | None, networks: int = 20, steps: int = 300, rate: float = 0.1
) -> tuple[int, float]:
    """Return how many networks learn the task, and the largest norm of a gradient that was used."""
    generator, hidden, largest = np.random.default_rng(0), 16, 0.0
    Q = np.linalg.qr(generator.normal(size=(networks, hidden, hidden)))[0]
    shapes = {"W": (3, hidden), "V": (hidden, 2)}
    w = {name: 0.3 * generator.normal(size=(networks, *shape)) for name, shape in shapes.items()}
    w |= {"U": scale * Q, "b": np.zeros((networks, 1, hidden)), "c": np.zeros((networks, 1, 2))}
    x = np.eye(3)[[[0, 1], *[[2, 2]] * 20]]  # two words, [21 steps, 2, 3]: one begins with 0, the other with 1
    for _ in range(steps):
        h = [np.zeros((networks, 2, hidden))]
        for x_t in x:
            h.append(np.tanh(x_t @ w["W"] + h[-1] @ w["U"] + w["b"]))
        scores = h[-1] @ w["V"] + w["c"]
        p = 1 / (1 + np.exp(scores[..., ::-1] - scores))  # the softmax of two
        d_scores = p - np.eye(2)
        d = {name: np.zeros_like(value) for name, value in w.items()}
        d["V"], d["c"] = transposed(h[-1]) @ d_scores, d_scores.sum(axis=1, keepdims=True)
        d_h = d_scores @ transposed(w["V"])
        for t in reversed(range(1, len(h))):
            d_u = d_h * (1 - h[t] ** 2)
            d["W"] += x[t - 1].T @ d_u
            d["U"] += transposed(h[t - 1]) @ d_u
            d["b"] += d_u.sum(axis=1, keepdims=True)
            d_h = d_u @ transposed(w["U"])
        norm: np.ndarray = np.sqrt(sum((value**2).sum(axis=(1, 2), keepdims=True) for value in d.values()))
        shorter = np.minimum(1, clip / norm) if clip else np.ones_like(norm)
        largest = max(largest, float((norm * shorter).max()))
        w = {name: value - rate * shorter * d[name] for name, value in w.items()}
    return int((p[:, [0, 1], [0, 1]] > 0.9).all(axis=1).sum()), largest


# %%
trained = {(scale, clip): train(scale, clip) for scale in (0.5, 1, 3) for clip in (None, 1.0)}
for (scale, clip), (learned, largest) in trained.items():
    how = "clipped at 1" if clip else "not clipped"
    print(f"U = {scale} Q, {how}: {learned:2} of 20 learn it; largest gradient {largest:,.1f}")
claim(
    f"exploding, U = 3 Q: {trained[3, None][0]} of 20 learn it without clipping, {trained[3, 1.0][0]} with",
    trained[3, None][0] <= 12 and trained[3, 1.0][0] >= 17,
)
claim(
    f"vanishing, U = 0.5 Q: {trained[0.5, None][0]} of 20 learn it without clipping, {trained[0.5, 1.0][0]} with",
    trained[0.5, None][0] <= 1 and trained[0.5, 1.0][0] <= 1,
)

# %% [markdown]
# Note how differently they show. An explosion is seen at once: the loss leaps, or becomes *not a number*. Vanishing is
# silent. The loss falls a little, then it stays, and nothing is reported.
#
# What does help against vanishing is a path on which the gradient is **not multiplied** by a matrix and a derivative. That is
# the idea of the LSTM, the cell of the next lesson. It has a memory, $c_t = f_t \odot c_{t-1} + \dots$, that is carried on by
# addition. The factor on the way back is $f_t$, a number between 0 and 1 that is called the *forget gate*. With the gate open,
# it is near 1. It has to be open, though. At the start its bias decides. The [GRU](lesson_09_the_gru.ipynb), a cell with other
# gates, is measured beside it:

# %%
gated = {}
for forget in (0, 1, 3):
    ends = []
    for seed in SEEDS:
        W, U, b = first_weights("lstm", seed)
        b[HIDDEN : 2 * HIDDEN] = forget
        ends.append(cell_steps_back("lstm", W, U, b, inputs(seed))[-1])
    gated[f"LSTM, forget bias {forget}"] = float(np.exp(np.mean(np.log(ends))))
ends = [cell_steps_back("gru", *first_weights("gru", seed), inputs(seed))[-1] for seed in SEEDS]
gated["GRU"] = float(np.exp(np.mean(np.log(ends))))
print(*(f"{name:20} {share:7.0e}" for name, share in gated.items()), sep="\n")
closed, opened = gated["LSTM, forget bias 0"], gated["LSTM, forget bias 3"]
claim(
    f"an LSTM with forget bias 0 leaves about {closed:.0e}, with 3 about {opened:.1f}", closed < 1e-8 and opened > 0.05
)

# %% [markdown]
# So a gate alone is no cure: a new LSTM whose gates are half shut forgets as well. [Lesson 8](lesson_08_the_lstm.ipynb)
# opens them.
#
# ## Where the texts disagree, or err
#
# - **The tanh keeps all values between −1 and 1, so nothing can explode, it is said.** The *states* cannot. The gradient can:

# %%
squashed = float(measure("tanh", 3)[-1])
claim(f"with tanh and 3 × orthogonal U the gradient grows {squashed:.0e}-fold over 50 steps", squashed > 1e3)

# %% [markdown]
# - **ReLU is said to solve it.** ReLU is the function $\max(u, 0)$. Its derivative is 1 or 0. About half of the units are at 0,
#   and the gradient that would pass through them is lost: about $1/\sqrt{2} \approx 0.71$ of the length stays at each step. And
#   its states have no upper bound. So the gradient vanishes with one $U$ and explodes with another, just as with tanh:

# %%
halves = left["ReLU, U = Q"] ** (1 / STEPS)
claim(
    f"ReLU with U = Q leaves about {left['ReLU, U = Q']:.0e}, so {halves:.2f} a step; with 2 Q {left['ReLU, U = 2 Q']:.0e}",
    left["ReLU, U = Q"] < 1e-5 and left["ReLU, U = 2 Q"] > 1e3 and abs(halves - 2**-0.5) < 0.07,
)

# %% [markdown]
# - **Or a good start is said to solve it.** It helps: from $U = Q$ the task above is learnt. But it is no more than a start. How
#   much is left depends on the inputs, as the gambler knows.

# %%
claim(
    f"the same orthogonal U leaves {by_size[1][0]:.2f} with small inputs and {by_size[1][2]:.0e} with large ones",
    by_size[1][0] > 0.005 and by_size[1][2] < 1e-7,
)
claim(f"from U = Q, with clipping, {trained[1, 1.0][0]} of 20 learn the task above", trained[1, 1.0][0] >= 16)

# %% [markdown]
# - **The tanh is chosen, some write, because its second derivative goes to zero slowly.** No second derivative stands in any
#   of our equations. What counts is the first: it is 1 at most, so tanh can only shrink what $U$ hands it. In the LSTM what
#   counts is the additive path. As a test, take no function at all. Its second derivative is zero everywhere, and with an
#   orthogonal $U$ nothing is lost:

# %%
claim(
    f"with no function and an orthogonal U, {left['no function, U = Q']:.6f} of the gradient is left after 50 steps",
    abs(left["no function, U = Q"] - 1) < 1e-4,
)
claim(
    "with tanh and an orthogonal U no step lengthens the gradient",
    bool((np.diff(np.log(curves["tanh, U = Q"])) < 1e-6).all()),
)

# %% [markdown]
# - **A gate is 0 or 1, say some texts.** Others say that a sigmoid, $\sigma(u) = 1/(1+e^{-u})$, *never* is. In the equation it
#   never is: a gate is always a little open. In float32, the numbers that networks are trained in, it can be. From about 17 on
#   the sigmoid is rounded to exactly 1. Below about −89 the power in the plain formula overflows, and it gives exactly 0. Then
#   the derivative $\sigma(u)\,(1 - \sigma(u))$ is exactly 0 too.

# %%
with np.errstate(over="ignore"):
    sigmoid = {x: np.float32(1) / (np.float32(1) + np.exp(np.float32(-x))) for x in (16, 18, -87, -90)}
print({x: f"{value:.9g}" for x, value in sigmoid.items()})
claim(
    "in float32 the sigmoid of 16 is less than 1, that of 18 is 1; that of −87 is more than 0, that of −90 is 0",
    bool(sigmoid[16] < 1 == sigmoid[18] and sigmoid[-87] > 0 == sigmoid[-90]),
)

# %% [markdown]
# - **Some texts warn of explosion only.** Gradients vanish as well, and more quietly. One network can do both: above, $1.5\,Q$ explodes
#   on small inputs and vanishes on large ones.
#
# ## Exercises
#
# ### Exercise 1
#
# What share of gamblers has less money after 50 rounds than before? Count the outcomes; do not toss coins.

# %% tags=["solution"]
poorer = sum(comb(50, heads) for heads in range(51) if 1.5**heads * 0.5 ** (50 - heads) < 1) / 2**50
average = sum(comb(50, heads) * 1.5**heads * 0.5 ** (50 - heads) for heads in range(51)) / 2**50
claim(
    f"{poorer:.0%} of gamblers are poorer, and the average is still {average:.3f}",
    poorer > 0.9 and abs(average - 1) < 1e-9,
)

# %% [markdown]
# ### Exercise 2
#
# What is $s$, the largest singular value of PyTorch's $U$? The gradient vanishes. Does the bound say that it must?

# %% tags=["solution"]
stretches = [float(np.linalg.norm(first_weights("rnn", seed)[1], 2)) for seed in SEEDS]
claim(
    f"it is {min(stretches):.2f} to {max(stretches):.2f}, more than 1: the bound allows an explosion, and yet the gradient vanishes",
    min(stretches) > 1 and left["tanh, PyTorch"] < 1e-11,
)

# %% [markdown]
# ### Exercise 3
#
# Find the scale of an orthogonal $U$ with which about all of the gradient is left after 50 steps, by halving an interval. Then measure
# it with inputs three times as large.

# %% tags=["solution"]
low, high = 1.0, 2.0
for _ in range(12):
    middle = (low + high) / 2
    low, high = (middle, high) if measure("tanh", middle)[-1] < 1 else (low, middle)
there, elsewhere = (float(measure("tanh", low, size)[-1]) for size in (1, 3))
claim(
    f"a scale of {low:.2f} leaves {there:.2f}; with larger inputs {elsewhere:.0e}: no scale is right for all texts",
    0.5 < there < 2 and elsewhere < 1e-2,
)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/weights.py#initialise`: the first weights, as PyTorch, Keras and fastai draw them; `--initialisation` chooses.
# - {source}`shared/reference/training.py#Adam` clips by the norm of all gradients together; `--gradient-clipping` sets $c$, which is 1 if
#   you say nothing.
# - {source}`shared/reference/cells.py#lstm_backward`: the additive path is its last line.
#
# Next: [the LSTM, gate by gate](lesson_08_the_lstm.ipynb).
