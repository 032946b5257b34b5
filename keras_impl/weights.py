"""Canonical weights into and out of the Keras model."""

from __future__ import annotations

from collections.abc import Mapping

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
    found = {"embedding": model.get_layer("embedding").weights[0]}
    for layer in model.layers:
        if layer.name == "reprojection":
            found |= _named("reprojection", layer, LINEAR)
    for prefix, layer in _recurrent(model):
        found |= _named(prefix, layer, RECURRENT)
    return found | _named("head", model.get_layer("head"), LINEAR)


def count_trainable(model: keras.Model) -> int:
    """Return how many numbers the optimizer trains."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


# What Keras calls a layer's variables, and what they are called here, in canonical order.
LINEAR = {"kernel": "kernel", "bias": "bias"}
RECURRENT = {
    "kernel": "input_kernel",
    "recurrent_kernel": "recurrent_kernel",
    "bias": "bias",
    "second_bias": "second_bias",
}


def _recurrent(model: keras.Model) -> list[tuple[str, keras.layers.RNN]]:
    """Return each direction of each recurrent layer after its canonical name, in canonical order.

    Keras has a model's layers in the order in which they can be computed.
    """
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Bidirectional):
            # Keras puts a word of its own before the name that it was given: forward_rnn.0.forward.
            number = layer.forward_layer.name.split(".")[1]
            found |= {(number, 0): layer.forward_layer, (number, 1): layer.backward_layer}
        elif layer.name.startswith("rnn."):
            _, number, way = layer.name.split(".")
            found[number, int(way == "backward")] = layer
    ways = ("forward", "backward")
    return [(f"rnn.{number}.{ways[back]}", found[number, back]) for number, back in sorted(found)]


def _named(prefix: str, layer: keras.layers.Layer, kinds: Mapping[str, str]) -> dict[str, keras.Variable]:
    """Return a layer's variables by canonical name; a layer need not have all kinds."""
    variables = {variable.name: variable for variable in layer.weights}
    return {f"{prefix}.{kind}": variables[name] for name, kind in kinds.items() if name in variables}
