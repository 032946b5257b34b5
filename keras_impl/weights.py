"""Canonical weights into and out of the Keras model."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from shared.weights import Weights


def load_weights(model: keras.Model, weights: Weights) -> None:
    """Copy canonical weights into the model; they are laid out as Keras lays out its own."""
    for name, variable in canonical_variables(model).items():
        variable.assign(weights[name])


def export_weights(model: keras.Model) -> Weights:
    """Return canonical weights (see `shared.contract`)."""
    return {name: np.array(variable, np.float32) for name, variable in canonical_variables(model).items()}


def canonical_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the model's variables by canonical name, in canonical order."""
    return {
        name: variable for layer, names in _layers(model) for name, variable in zip(names, layer.weights, strict=True)
    }


def count_trainable(model: keras.Model) -> int:
    """Return how many numbers the optimizer trains."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def _layers(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, list[str]]]:
    """Yield each layer that has weights, and their canonical names in Keras' order."""
    yield model.get_layer("embedding"), ["embedding"]
    for layer in model.layers:
        pair = [layer]
        if isinstance(layer, keras.layers.Bidirectional):
            pair = [layer.forward_layer, layer.backward_layer]
        elif not layer.name.startswith("rnn."):
            continue
        number = pair[0].name.split(".")[1]
        ways = ("forward", "backward") if len(pair) == 2 else (layer.name.split(".")[2],)
        for way, one in zip(ways, pair, strict=True):
            yield one, [f"rnn.{number}.{way}.{kind}" for kind in ("input_kernel", "recurrent_kernel", "bias")]
    yield model.get_layer("head"), ["head.kernel", "head.bias"]
