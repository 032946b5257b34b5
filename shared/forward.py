"""One direction of a recurrent layer, forward only: float32, written into buffers that are there already.

The readable form of the same equations, in float64 and with the way back, is `shared.reference`. Here gates lie one
behind the other, ``[gates, batch, hidden]``, so that each operation runs over memory without a gap; and every gate is
a hyperbolic tangent, so that one call makes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from shared.weights import GATES, Weights

# The gates that are sigmoids come first.
GATE_ORDER = {"rnn": (0,), "lstm": (0, 1, 3, 2), "gru": (0, 1, 2)}
SIGMOIDS = {"rnn": 0, "lstm": 3, "gru": 2}

Step = Callable[..., None]
# What is done with the states of the rows that read step t: called with t and ``<float32>[rows, hidden]``.
Seen = Callable[[int, np.ndarray], None]


class Direction(NamedTuple):
    """One direction of one layer, its gates in the order of `GATE_ORDER`; the sigmoids' halved (see `_sigmoids`)."""

    input_kernel: np.ndarray  # [gates, in, hidden]
    recurrent_kernel: np.ndarray  # [gates, hidden, hidden]
    bias: np.ndarray  # [gates, 1, hidden]
    state_bias: np.ndarray  # of a GRU's candidate, [hidden]
    step: Step

    def table(self, inputs: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return what inputs give to the gates, ``<float32>[gates, inputs, hidden]``, in `out` if that is given."""
        given = np.matmul(inputs, self.input_kernel, out=out)
        given += self.bias
        return given


def direction_of(weights: Weights, prefix: str, cell: str) -> Direction:
    """Arrange one direction's canonical weights.

    Parameters
    ----------
    weights : dict of str to <float32> array
        Canonical.
    prefix : str
        ``rnn.<layer>.<direction>``.
    cell : str
        ``rnn``, ``lstm`` or ``gru``.
    """
    gates = GATES[cell]

    def arranged(array: np.ndarray) -> np.ndarray:
        parts = np.stack(np.split(np.atleast_2d(array), gates, axis=1))[list(GATE_ORDER[cell])]  # [gates, in, hidden]
        parts[: SIGMOIDS[cell]] *= 0.5
        return parts

    bias = arranged(weights[f"{prefix}.bias"])  # [gates, 1 or 2, hidden]
    state_bias = bias[-1, -1]
    if cell == "gru":
        # That of the candidate is multiplied by the reset gate; the others can be added now.
        bias[:-1, 0] += bias[:-1, 1]
    input_kernel, recurrent_kernel = (
        arranged(weights[f"{prefix}.{name}"]) for name in ("input_kernel", "recurrent_kernel")
    )
    return Direction(input_kernel, recurrent_kernel, bias[:, :1], state_bias, STEPS[cell])


def run(direction: Direction, table: np.ndarray, reads: np.ndarray, counts: Sequence[int], seen: Seen) -> np.ndarray:
    """Walk one direction of one layer along time.

    Parameters
    ----------
    direction : Direction
        Its weights.
    table : <float32>[gates, rows, hidden]
        What the gates get from each input.
    reads : <int64>[time, batch]
        Which row of the table each review reads in each step.
    counts : sequence of int
        How many reviews, the first ones, read in each step.
    seen : (step, states) -> None
        Gets the states ``<float32>[count, hidden]`` after each step; they are overwritten in the next.

    Returns
    -------
    <float32>[batch, hidden]
        The state of each review after its last word; 0 where there is none.
    """
    gates, _, hidden = table.shape
    batch = reads.shape[1]
    state, cell = np.zeros((2, batch, hidden), np.float32)
    given, total = np.empty((2, gates * batch * hidden), np.float32)
    for t, count in enumerate(counts):
        shape, size = (gates, count, hidden), gates * count * hidden
        a, u = given[:size].reshape(shape), total[:size].reshape(shape)
        h = state[:count]
        # a_t = x_t W + b
        table.take(reads[t, :count], axis=1, out=a, mode="clip")  # with "raise" NumPy would take a buffer
        # u = h_{t-1} U
        np.matmul(h, direction.recurrent_kernel, out=u)
        direction.step(a, u, h, cell[:count], direction.state_bias)
        seen(t, h)
    return state


def _sigmoids(halves: np.ndarray) -> None:
    """Replace x/2 by ``sigmoid(x) = (1 + tanh(x/2)) / 2``, whose tangent was taken already."""
    halves *= 0.5
    halves += 0.5


# One step of each cell, in place: `u` has h U and becomes the gates, `h` and `c` become the new state.


def _rnn(a: np.ndarray, u: np.ndarray, h: np.ndarray, c: np.ndarray, state_bias: np.ndarray) -> None:
    # h_t = tanh(a + u)
    u += a
    np.tanh(u[0], out=h)


def _lstm(a: np.ndarray, u: np.ndarray, h: np.ndarray, c: np.ndarray, state_bias: np.ndarray) -> None:
    u += a
    np.tanh(u, out=u)
    _sigmoids(u[:3])
    i, f, o, g = u
    # c_t = f c_{t-1} + i g
    c *= f
    g *= i
    c += g
    # h_t = o tanh(c_t)
    np.tanh(c, out=h)
    h *= o


def _gru(a: np.ndarray, u: np.ndarray, h: np.ndarray, c: np.ndarray, state_bias: np.ndarray) -> None:
    both, n = u[:2], u[2]
    both += a[:2]
    np.tanh(both, out=both)
    _sigmoids(both)
    z, reset = both
    # n = tanh(a_n + reset (u_n + b))
    n += state_bias
    n *= reset
    n += a[2]
    np.tanh(n, out=n)
    # h_t = z h_{t-1} + (1 - z) n = n + z (h_{t-1} - n)
    h -= n
    h *= z
    h += n


STEPS: dict[str, Step] = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


class Kept:
    """Puts every output of a direction where the next layer reads it.

    Parameters
    ----------
    outputs : <float32>[time * batch, hidden]
        Gets them.
    places : <int64>[time, batch]
        Which row each review's output of each step is.
    """

    def __init__(self, outputs: np.ndarray, places: np.ndarray) -> None:
        self.outputs, self.places = outputs, places

    def __call__(self, t: int, states: np.ndarray) -> None:
        """Take the states after step t."""
        self.outputs[self.places[t, : len(states)]] = states


class Pool:
    """Pools the outputs of a direction over the words of each review; 0 where there is none.

    Parameters
    ----------
    wanted : sequence of str
        Of ``first``, ``last``, ``max``, ``mean``.
    batch, hidden : int
        Reviews and units.
    """

    def __init__(self, wanted: Sequence[str], batch: int, hidden: int) -> None:
        self.first, self.max, self.sum = (
            np.zeros((batch, hidden), np.float32) if how in wanted else None for how in ("first", "max", "mean")
        )

    def __call__(self, t: int, states: np.ndarray) -> None:
        """Take the states after step t."""
        rows = len(states)
        if self.first is not None and t == 0:
            self.first[:rows] = states
        if self.max is not None:
            if t == 0:
                self.max[:rows] = states
            np.maximum(self.max[:rows], states, out=self.max[:rows])
        if self.sum is not None:
            self.sum[:rows] += states

    def parts(self, state: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """Return each kind of pooling that is wanted, ``<float32>[batch, hidden]``; `state` is the last one."""
        mean = None if self.sum is None else self.sum / np.maximum(lengths, 1)[:, None].astype(np.float32)
        parts = {"first": self.first, "last": state, "max": self.max, "mean": mean}
        return {how: part for how, part in parts.items() if part is not None}
