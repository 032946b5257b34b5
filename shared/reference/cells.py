"""One step of each recurrent cell, forward and backward.

A cell sees the two sides of its pre-activation: ``a = x_t W + b`` from the input and ``r = h_{t-1} U``
(plus a bias of its own in the GRU) from the state before. It returns the new state and what the way
back needs. On the way back it turns the gradient of its new state into the gradients of ``a`` and
``r``, and of the state before as far as the state enters without ``U``.

Lessons 5 to 9 derive these equations and check them.

All arrays are float64: states ``[batch, hidden]``, ``a`` and ``r`` ``[batch, gates * hidden]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

State = tuple[np.ndarray, ...]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))``, written so that nothing overflows."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def rnn_forward(a: np.ndarray, r: np.ndarray, state: State) -> tuple[State, State]:
    """Elman (1990), "Finding structure in time"."""
    # h_t = tanh(x_t W + h_{t-1} U + b)
    h = np.tanh(a + r)
    return (h,), (h,)


def rnn_backward(d_state: State, kept: State) -> tuple[np.ndarray, np.ndarray, State]:
    """The way back through :func:`rnn_forward`."""
    (d_h,), (h,) = d_state, kept
    # tanh'(u) = 1 - tanh(u)^2
    d_a = d_h * (1 - h**2)
    return d_a, d_a, (np.zeros_like(h),)


def lstm_forward(a: np.ndarray, r: np.ndarray, state: State) -> tuple[State, State]:
    """Hochreiter & Schmidhuber (1997), with the forget gate of Gers, Schmidhuber & Cummins (2000)."""
    _, c_before = state
    u_i, u_f, u_g, u_o = np.split(a + r, 4, axis=1)
    # i = sigmoid(u_i), f = sigmoid(u_f), g = tanh(u_g), o = sigmoid(u_o)
    i, f, g, o = sigmoid(u_i), sigmoid(u_f), np.tanh(u_g), sigmoid(u_o)
    # c_t = f c_{t-1} + i g
    c = f * c_before + i * g
    # h_t = o tanh(c_t)
    h = o * np.tanh(c)
    return (h, c), (i, f, g, o, c_before, c)


def lstm_backward(d_state: State, kept: State) -> tuple[np.ndarray, np.ndarray, State]:
    """The way back through :func:`lstm_forward`."""
    (d_h, d_c), (i, f, g, o, c_before, c) = d_state, kept
    # h_t = o tanh(c_t)
    d_o = d_h * np.tanh(c)
    d_c = d_c + d_h * o * (1 - np.tanh(c) ** 2)
    # c_t = f c_{t-1} + i g
    d_i, d_f, d_g = d_c * g, d_c * c_before, d_c * i
    # sigmoid'(u) = s (1 - s), tanh'(u) = 1 - t^2
    d_a = np.concatenate([d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g**2), d_o * o * (1 - o)], axis=1)
    return d_a, d_a, (np.zeros_like(d_h), d_c * f)


def gru_forward(a: np.ndarray, r: np.ndarray, state: State) -> tuple[State, State]:
    """Cho et al. (2014), with the reset gate after the recurrent product, as in cuDNN."""
    (h_before,) = state
    (a_z, a_r, a_n), (r_z, r_r, r_n) = np.split(a, 3, axis=1), np.split(r, 3, axis=1)
    # z = sigmoid(a_z + r_z), reset = sigmoid(a_r + r_r)
    z, reset = sigmoid(a_z + r_z), sigmoid(a_r + r_r)
    # n = tanh(a_n + reset r_n)
    n = np.tanh(a_n + reset * r_n)
    # h_t = z h_{t-1} + (1 - z) n
    h = z * h_before + (1 - z) * n
    return (h,), (z, reset, n, r_n, h_before)


def gru_backward(d_state: State, kept: State) -> tuple[np.ndarray, np.ndarray, State]:
    """The way back through :func:`gru_forward`."""
    (d_h,), (z, reset, n, r_n, h_before) = d_state, kept
    # h_t = z h_{t-1} + (1 - z) n
    d_z = d_h * (h_before - n) * z * (1 - z)
    d_n = d_h * (1 - z) * (1 - n**2)
    # n = tanh(a_n + reset r_n)
    d_reset = d_n * r_n * reset * (1 - reset)
    d_a = np.concatenate([d_z, d_reset, d_n], axis=1)
    d_r = np.concatenate([d_z, d_reset, d_n * reset], axis=1)
    return d_a, d_r, (d_h * z,)


class Cell(NamedTuple):
    """A cell's two ways and how many arrays its state has."""

    forward: Callable[[np.ndarray, np.ndarray, State], tuple[State, State]]
    backward: Callable[[State, State], tuple[np.ndarray, np.ndarray, State]]
    states: int


CELLS = {
    "rnn": Cell(rnn_forward, rnn_backward, 1),
    "lstm": Cell(lstm_forward, lstm_backward, 2),
    "gru": Cell(gru_forward, gru_backward, 1),
}
