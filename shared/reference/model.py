"""The whole model, forward and backward through time.

Unlike the four frameworks' models this one does not reverse anything: its backward direction walks
from the last place to the first, and at padding every state stays what it was. That both ways agree
is part of the proof. Lesson 6 derives the way back, lesson 11 the two directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.data.batches import FEATURES, STATES, VECTOR_MASKS, Masks
from shared.reference.cells import CELLS, State, sigmoid
from shared.specification import POOLED, Specification
from shared.weights import Weights


def build(specification: Specification, weights: Weights) -> SentimentClassifier:
    """Build the model from canonical weights (see `shared.contract`)."""
    return SentimentClassifier(specification, {name: array.astype(np.float64) for name, array in weights.items()})


@dataclass
class _Pass:
    """What one direction of one layer keeps on the way forward."""

    inputs: np.ndarray  # [batch, time, in]
    before: np.ndarray  # what enters the recurrent product of each step, [batch, time, hidden]
    kept: list[State]
    outputs: np.ndarray  # [batch, time, hidden]


class SentimentClassifier:
    """Embedding, recurrent layers, pooling over real tokens, linear head; dropout before, in and after the layers.

    Parameters
    ----------
    specification : Specification
        The model fields.
    weights : dict of str to <float64> array
        Canonical weights; training changes them in place. Of float32 all is computed in float32, which shows what its
        rounding does.
    """

    def __init__(self, specification: Specification, weights: Weights) -> None:
        self.specification = specification
        self.weights, self.dtype = weights, weights["embedding"].dtype
        self.classes = specification.classes(len(weights["head.bias"]))

    def logits(self, tokens: np.ndarray, masks: Masks | None = None) -> np.ndarray:
        """Return ``<float64>[batch, classes]`` of padded tokens ``<int32>[batch, time]``.

        Of a head of one logit z these are the two logits 0 and z, whose softmax is z's sigmoid.
        """
        weights = self.weights
        self.tokens, self.real = tokens, tokens != self.specification.unread_id  # [batch, time]
        self.masks = masks or {}
        inputs = self.vectors = self._masked(weights["embedding"][tokens], *VECTOR_MASKS)  # [batch, time, embedding]
        if "reprojection.kernel" in weights:
            inputs = self.vectors @ weights["reprojection.kernel"] + weights["reprojection.bias"]
        self.passes: list[list[_Pass]] = []  # of each layer, of each direction
        for layer in range(self.specification.layers):
            ways = [self._walk(layer, way, inputs) for way in self.specification.directions]
            inputs = np.concatenate([one.outputs for one in ways], axis=2)  # [batch, time, directions * hidden]
            self.passes.append(ways)
        parts = [self._pool(way, how) for how, way in self._parts()]
        self.features = self._masked(np.concatenate(parts, axis=1), FEATURES)  # [batch, features]
        outputs = self.features @ weights["head.kernel"] + weights["head.bias"]  # [batch, outputs]
        if self.specification.head == "softmax":
            return outputs
        return np.concatenate([np.zeros_like(outputs), outputs], axis=1)

    def loss_and_gradients(
        self,
        tokens: np.ndarray,
        labels: np.ndarray,
        masks: Masks | None = None,
        class_weights: np.ndarray | None = None,
    ) -> tuple[np.ndarray, float, Weights]:
        """Return the logits, the mean of the reviews' losses, and its gradient by every canonical array.

        Parameters
        ----------
        tokens : <int32>[batch, time]
            Padded.
        labels : <int64>[batch]
            Right classes.
        masks : dict of str to <float32> array, optional
            What is dropped (see `shared.data.batches.Batch`); default: nothing.
        class_weights : <float32>[classes], optional
            What the losses of each class's reviews are multiplied by.
        """
        logits = self.logits(tokens, masks)  # [batch, classes]
        losses, d_outputs = LOSSES[self.specification.head](logits, labels)  # [batch], [batch, outputs]
        if class_weights is not None:
            losses, d_outputs = losses * class_weights[labels], d_outputs * class_weights[labels, None]
        # L = 1/B sum_b w[label_b] l_b
        loss = float(losses.mean())
        d_outputs = d_outputs / len(labels)
        gradients = {name: np.zeros_like(array) for name, array in self.weights.items()}
        gradients["head.kernel"] = self.features.T @ d_outputs
        gradients["head.bias"] = d_outputs.sum(axis=0)
        self.d_vectors = self._back_to_words(d_outputs, gradients)  # [batch, time, embedding]
        np.add.at(gradients["embedding"], tokens, self.d_vectors)
        return logits, loss, gradients

    def squares_of_places(self) -> np.ndarray:
        """Return the sums of the squares of each word's gradients at its places, ``<float64>[vocabulary, embedding]``.

        After :meth:`loss_and_gradients`, of its batch.
        """
        squares = np.zeros_like(self.weights["embedding"])
        np.add.at(squares, self.tokens, np.square(self.d_vectors))
        return squares

    def word_vector_gradients(self, d_logits: np.ndarray) -> np.ndarray:
        """Return the gradient of a function of the logits by the word vector in each place, after :meth:`logits`.

        Parameters
        ----------
        d_logits : <float64>[batch, classes]
            The function's gradient by the logits that were returned last.

        Returns
        -------
        <float64>[batch, time, embedding]
            0 at padding that is not read.
        """
        # Of a head of one logit z, the first of the two logits is always 0.
        d_outputs = d_logits if self.specification.head == "softmax" else d_logits[:, 1:]
        return self._back_to_words(d_outputs, {})

    def _masked(self, values: np.ndarray, *names: str) -> np.ndarray:
        """Multiply by the masks of these names, as far as there are any; its gradient does the same."""
        for name in names:
            values = values * self.masks[name] if name in self.masks else values
        return values

    def _state_mask(self, layer: int, way: str) -> np.ndarray:
        """Factors for the state of one direction of one layer, ``[batch, hidden]``, or ``[1, 1]`` of 1."""
        if STATES not in self.masks:
            return np.ones((1, 1), self.dtype)
        directions, hidden = self.specification.directions, self.specification.hidden_size
        start = (layer * len(directions) + directions.index(way)) * hidden
        return self.masks[STATES][:, start : start + hidden]

    def _parts(self) -> list[tuple[str, int]]:
        """Pooling and direction of each part of the features, in canonical order."""
        ways = range(len(self.specification.directions))
        return [(how, way) for how in POOLED[self.specification.pooling] for way in ways]

    def _array(self, layer: int, way: str, kind: str) -> np.ndarray:
        return self.weights[f"rnn.{layer}.{way}.{kind}"]

    def _order(self, way: str) -> np.ndarray:
        time = np.arange(self.tokens.shape[1])
        return time if way == "forward" else time[::-1]

    def _walk(self, layer: int, way: str, inputs: np.ndarray) -> _Pass:
        """Walk one direction of one layer along time."""
        cell, hidden = CELLS[self.specification.cell], self.specification.hidden_size
        recurrent, mask = self._array(layer, way, "recurrent_kernel"), self._state_mask(layer, way)
        bias = self._array(layer, way, "bias")
        second = self.weights.get(f"rnn.{layer}.{way}.second_bias", 0.0)
        input_bias, recurrent_bias = bias if bias.ndim == 2 else (bias, second)
        # a_t = x_t W + b, for all t at once
        a = inputs @ self._array(layer, way, "input_kernel") + input_bias  # [batch, time, gates * hidden]
        batch, time = self.tokens.shape
        state: State = tuple(np.zeros((batch, hidden), self.dtype) for _ in range(cell.states))
        outputs, before = (np.zeros((batch, time, hidden), self.dtype) for _ in range(2))
        kept: list[State] = [()] * time
        for t in self._order(way):
            # dropped here only, the same in every step: what the state is carried over by is whole
            before[:, t] = state[0] * mask
            # r_t = (h_{t-1} m) U (+ c in the GRU)
            stepped, kept[t] = cell.forward(a[:, t], before[:, t] @ recurrent + recurrent_bias, state)
            # at padding the state stays what it was
            real = self.real[:, t, None]  # [batch, 1]
            state = tuple(np.where(real, new, old) for new, old in zip(stepped, state, strict=True))
            outputs[:, t] = state[0]
        return _Pass(inputs, before, kept, outputs)

    def _walk_back(self, layer: int, way: str, one: _Pass, d_outputs: np.ndarray, gradients: Weights) -> np.ndarray:
        """Walk the same way back; add this layer's gradients and return that of its inputs."""
        cell = CELLS[self.specification.cell]
        kernel, recurrent = self._array(layer, way, "input_kernel"), self._array(layer, way, "recurrent_kernel")
        mask = self._state_mask(layer, way)
        d_a, d_r = (np.zeros((*self.tokens.shape, kernel.shape[1]), self.dtype) for _ in range(2))
        d_state: State = tuple(np.zeros_like(one.outputs[:, 0]) for _ in range(cell.states))
        for t in self._order(way)[::-1]:
            d_state = (d_state[0] + d_outputs[:, t], *d_state[1:])
            real = self.real[:, t, None]  # [batch, 1]
            d_a[:, t], d_r[:, t], d_direct = cell.backward(tuple(real * d for d in d_state), one.kept[t])
            # what a padded step passed on unchanged comes back unchanged
            d_state = tuple(np.where(real, d, old) for d, old in zip(d_direct, d_state, strict=True))
            # r_t = (h_{t-1} m) U
            d_state = (d_state[0] + d_r[:, t] @ recurrent.T * mask, *d_state[1:])
        prefix = f"rnn.{layer}.{way}"
        gradients[f"{prefix}.input_kernel"] = np.einsum("bti,btg->ig", one.inputs, d_a, optimize=True)
        gradients[f"{prefix}.recurrent_kernel"] = np.einsum("bth,btg->hg", one.before, d_r, optimize=True)
        d_bias = d_a.sum(axis=(0, 1))
        if self.specification.cell == "gru":
            d_bias = np.stack([d_bias, d_r.sum(axis=(0, 1))])
        gradients[f"{prefix}.bias"] = d_bias
        if f"{prefix}.second_bias" in self.weights:
            gradients[f"{prefix}.second_bias"] = d_bias.copy()
        return d_a @ kernel.T  # [batch, time, in]

    def _place(self, way: int, how: str) -> np.ndarray:
        """Where each review's first or last output in reading order stands, ``<int64>[batch]``."""
        end = np.maximum(self.real.sum(axis=1) - 1, 0)
        return end if (how == "last") == (way == 0) else np.zeros_like(end)

    def _pool(self, way: int, how: str) -> np.ndarray:
        """Pool one direction's outputs over real tokens to ``[batch, hidden]``; zero if there are none."""
        outputs, lengths = self.passes[-1][way].outputs, self.real.sum(axis=1, dtype=self.dtype)[:, None]
        if how == "mean":
            return (outputs * self.real[:, :, None]).sum(axis=1) / np.maximum(lengths, 1)
        if how == "max":
            return np.where(lengths > 0, np.where(self.real[:, :, None], outputs, -1.0).max(axis=1), 0.0)
        return outputs[np.arange(len(outputs)), self._place(way, how)] * (lengths > 0)

    def _unpool(self, way: int, how: str, d_part: np.ndarray) -> np.ndarray:
        """Spread a pooled part's gradient over the outputs it came from, ``[batch, time, hidden]``."""
        outputs, lengths = self.passes[-1][way].outputs, self.real.sum(axis=1, dtype=self.dtype)[:, None]
        real = self.real[:, :, None]
        if how == "mean":
            return real * (d_part / np.maximum(lengths, 1))[:, None]
        if how == "max":
            largest = real & (outputs == np.where(real, outputs, -1.0).max(axis=1)[:, None])
            return largest * (d_part / np.maximum(largest.sum(axis=1, dtype=self.dtype), 1))[:, None]
        d_outputs = np.zeros_like(outputs)
        d_outputs[np.arange(len(outputs)), self._place(way, how)] = d_part * (lengths > 0)
        return d_outputs

    def _back_to_words(self, d_head: np.ndarray, gradients: Weights) -> np.ndarray:
        """Return the gradient by each place's word vector, ``[batch, time, embedding]``; add those of the layers."""
        d_features = self._masked(d_head @ self.weights["head.kernel"].T, FEATURES)
        hidden, directions = self.specification.hidden_size, self.specification.directions
        d_outputs = [np.zeros_like(one.outputs) for one in self.passes[-1]]
        for (how, way), d_part in zip(
            self._parts(), np.split(d_features, d_features.shape[1] // hidden, axis=1), strict=True
        ):
            d_outputs[way] += self._unpool(way, how, d_part)
        for layer in reversed(range(self.specification.layers)):
            ways = zip(directions, self.passes[layer], d_outputs, strict=True)
            d_inputs = sum(
                (self._walk_back(layer, way, one, d, gradients) for way, one, d in ways), np.zeros((), self.dtype)
            )
            d_outputs = np.split(d_inputs, len(directions), axis=2) if layer else []
        if "reprojection.kernel" in self.weights:
            gradients["reprojection.kernel"] = np.einsum("bti,btj->ij", self.vectors, d_inputs, optimize=True)
            gradients["reprojection.bias"] = d_inputs.sum(axis=(0, 1))
            d_inputs = d_inputs @ self.weights["reprojection.kernel"].T
        return self._masked(d_inputs, *VECTOR_MASKS)


def _softmax_losses(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cross-entropies ``[batch]`` and their gradients by the head's outputs, ``[batch, classes]``."""
    probabilities, rows = softmax(logits), np.arange(len(labels))
    # l = -log p[label]
    losses = -np.log(probabilities[rows, labels])
    # dl/dlogits = p - onehot(label)
    d_logits = probabilities.copy()
    d_logits[rows, labels] -= 1
    return losses, d_logits


def _sigmoid_losses(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return binary cross-entropies ``[batch]`` and their gradients by the head's one output, ``[batch, 1]``."""
    z, y = logits[:, 1], labels  # [batch]
    # p = sigmoid(z)
    p = sigmoid(z)
    # l = -log p if y = 1, -log(1 - p) if y = 0; -log sigmoid(s) = log(1 + exp(-s)), and 1 - sigmoid(z) = sigmoid(-z)
    losses = np.logaddexp(0, np.where(y == 1, -z, z))
    # dl/dz = p - y
    return losses, (p - y)[:, None]


LOSSES = {"softmax": _softmax_losses, "sigmoid": _sigmoid_losses}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities ``[batch, classes]``; the largest logit is taken off first so that nothing overflows."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)
