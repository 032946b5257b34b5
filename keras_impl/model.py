"""The model in Keras.

Every room has this file; what all of them define stands in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

import keras
import tensorflow as tf
from keras import KerasTensor, layers, ops

from keras_impl.recurrent import GRU, LSTM, DroppedState, SimpleRNN
from keras_impl.weights import load_weights
from shared.data.batches import CHANNELS, FEATURES, NUMBERS, PLACES, STATES, VECTOR_MASKS, WORDS
from shared.specification import POOLED, Specification
from shared.weights import Weights

CELLS = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
FAST_CELLS = {**CELLS, "lstm": LSTM, "gru": GRU}  # the same, trained faster
# A GRU has two biases anyway.
SECOND_BIAS_CELLS = {"rnn": partial(SimpleRNN, second_bias=True), "lstm": partial(LSTM, second_bias=True)}

MakeCell = Callable[..., layers.RNN]
Values = TypeVar("Values")  # arrays, or what stands for them in a graph


def build(specification: Specification, weights: Weights) -> keras.Model:
    """Build the model from canonical weights (see `shared.contract`)."""
    vocabulary_size, outputs = len(weights["embedding"]), len(weights["head.bias"])
    parts = 1 if tf.config.list_logical_devices("GPU") else min(specification.batch_parts, specification.batch_size)
    cells = SECOND_BIAS_CELLS if "rnn.0.forward.second_bias" in weights else FAST_CELLS
    reprojected = "reprojection.kernel" in weights
    model = sentiment_classifier(specification, vocabulary_size, outputs, cells, parts, reprojected=reprojected)
    load_weights(model, weights)
    model.specification = specification
    model.compile(jit_compile=False)  # XLA would compile anew for each length
    return model


def sentiment_classifier(
    specification: Specification,
    vocabulary_size: int,
    outputs: int,
    cells: Mapping[str, MakeCell] = CELLS,
    parts: int = 1,
    *,
    reprojected: bool = False,
) -> keras.Model:
    """Embedding, recurrent layers, pooling over real tokens, linear head; from tokens to what the head says."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")  # [batch, time]
    words = layers.Embedding(
        vocabulary_size, specification.embedding_size, trainable=specification.train_embedding, name="embedding"
    )(tokens)  # [batch, time, embedding]
    encoder = Encoder(specification, cells, parts, reprojected=reprojected)
    features = encoder(words, tokens)  # [batch, features]
    model = keras.Model(tokens, layers.Dense(outputs, name="head")(features))
    model.encoder = encoder
    return model


class Encoder:
    """From word vectors to a review's features: recurrent layers and pooling, a batch in parts.

    Before the recurrent layers there may be a linear map of the word vectors, the reprojection.

    No masked steps: they cost a selection at every step of the loop. Each direction is a layer of
    its own that reads from left to right, the backward one after each review was reversed within
    its own length. Padding then comes after the real tokens in both, and what is never read cannot
    matter.

    The rows of a batch are cut into parts, which TensorFlow computes side by side: they have the
    layers in common and nothing to wait for.

    Parameters
    ----------
    specification : Specification
        Of the model.
    cells : mapping of str to recurrent layers
        By cell.
    parts : int
        Of a batch.
    reprojected : bool
        Whether there is a reprojection.
    """

    def __init__(
        self, specification: Specification, cells: Mapping[str, MakeCell], parts: int, *, reprojected: bool
    ) -> None:
        self.specification, self.parts = specification, parts
        self.reprojection = layers.Dense(specification.embedding_size, name="reprojection") if reprojected else None
        self.recurrent = [
            [
                cells[specification.cell](specification.hidden_size, return_sequences=True, name=f"rnn.{number}.{way}")
                for way in specification.directions
            ]
            for number in range(specification.layers)
        ]
        self.mirror = Mirror(specification.unread_id)
        self.pooling = MaskedPooling(
            specification.pooling, specification.unread_id, name="features" if parts == 1 else "pooling"
        )

    def __call__(self, words: KerasTensor, tokens: KerasTensor, state_mask: KerasTensor | None = None) -> KerasTensor:
        """Return features ``<float32>[batch, features]``.

        Parameters
        ----------
        words : <float32>[batch, time, embedding]
            Word vectors.
        tokens : <int32>[batch, time]
            Padded on the right.
        state_mask : <float32>[batch, state_size], optional
            Factors for the states (see `shared.data.batches.Batch`).
        """
        given = [words, tokens] if state_mask is None else [words, tokens, state_mask]
        if self.parts == 1:
            return self._features(*given)
        each = zip(*(BatchParts(self.parts)(values) for values in given), strict=True)
        return layers.Concatenate(axis=0, name="features")([self._features(*part) for part in each])

    def _features(self, inputs: KerasTensor, tokens: KerasTensor, state_mask: KerasTensor | None = None) -> KerasTensor:
        inputs = self.reprojection(inputs) if self.reprojection else inputs
        mirror, outputs = self.mirror, []  # of each direction, in its own order: [batch, time, hidden]
        for layer in self._cells(state_mask):
            if outputs:
                both = [outputs[0], *(mirror([y, tokens]) for y in outputs[1:])]
                inputs = layers.Concatenate()(both) if len(both) > 1 else both[0]
            outputs = [cell(mirror([inputs, tokens]) if back else inputs) for back, cell in enumerate(layer)]
        return self.pooling([tokens, *outputs])

    def _cells(self, state_mask: KerasTensor | None) -> list[list[Callable[[KerasTensor], KerasTensor]]]:
        """Return the recurrent layers, each with its columns of the factors for the states, if there are any."""
        if state_mask is None:
            return self.recurrent
        specification = self.specification
        masks = iter(ops.split(state_mask, specification.layers * len(specification.directions), axis=1))
        return [[partial(DroppedState(cell), factors=next(masks)) for cell in layer] for layer in self.recurrent]


def with_masks(model: keras.Model, names: Collection[str]) -> keras.Model:
    """Return the same model, layers and weights shared, that also takes a batch's masks and gives all logits.

    Parameters
    ----------
    model : Model
        Of `build`.
    names : collection of str
        Of the masks (see `shared.data.batches.Batch`).

    Returns
    -------
    Model
        From `named_inputs` to ``<float32>[batch, classes]``.
    """
    specification, tokens = model.specification, model.input
    words, features = (model.get_layer(name).output for name in ("embedding", "features"))
    shapes = {
        FEATURES: features.shape[1:],
        WORDS: (None, 1),
        CHANNELS: (1, specification.embedding_size),
        PLACES: (None, 1),
        NUMBERS: (None, specification.embedding_size),
        STATES: (specification.state_size,),
    }
    masks = {name: keras.Input(shapes[name], name=f"{name}_mask") for name in names}
    for name in VECTOR_MASKS:
        words = layers.Multiply()([words, masks[name]]) if name in masks else words
    if masks.keys() - {FEATURES}:
        features = model.encoder(words, tokens, masks.get(STATES))
    outputs = model.get_layer("head")(layers.Multiply()([features, masks[FEATURES]]))  # [batch, outputs]
    return keras.Model(named_inputs(tokens, masks), class_logits(outputs, specification))


def named_inputs(tokens: Values, masks: Mapping[str, Values]) -> dict[str, Values]:
    """Return a batch's tokens and masks under the names that `with_masks` gives its inputs."""
    return {"tokens": tokens, **{f"{name}_mask": mask for name, mask in masks.items()}}


def class_logits(outputs: KerasTensor, specification: Specification) -> KerasTensor:
    """Return the logits of all classes, ``[batch, classes]``, of what the head says."""
    return both_logits(outputs) if specification.head == "sigmoid" else outputs


def both_logits(outputs: KerasTensor) -> KerasTensor:
    """Return the logits 0 and z of one number z, ``<float32>[batch, 2]`` of ``<float32>[batch, 1]``.

    Their softmax is z's sigmoid, and their cross-entropy its binary cross-entropy: exp(z) / (exp(0) + exp(z)).
    """
    return ops.concatenate([ops.zeros_like(outputs), outputs], axis=1)


@keras.saving.register_keras_serializable("lockstep")
class BatchParts(layers.Layer):
    """Cuts the rows of a batch into parts, as equal as can be; how many does not depend on the machine."""

    def __init__(self, parts: int, **options: object) -> None:
        super().__init__(**options)
        self.parts = parts

    def call(self, inputs: KerasTensor) -> list[KerasTensor]:
        """Return the parts of ``[batch, ...]``."""
        ends = tf.shape(inputs)[0] * tf.range(self.parts + 1) // self.parts
        return tf.split(inputs, ends[1:] - ends[:-1], num=self.parts)

    def compute_output_spec(self, inputs: KerasTensor) -> list[KerasTensor]:
        """Return the shapes: the number of rows is not known."""
        return [KerasTensor((None, *inputs.shape[1:]), dtype=inputs.dtype) for _ in range(self.parts)]

    def get_config(self) -> dict[str, object]:
        """Return what makes the layer again."""
        return {**super().get_config(), "parts": self.parts}


@keras.saving.register_keras_serializable("lockstep")
class Mirror(layers.Layer):
    """Reverses each review within its own length; padding that is not read stays where it is."""

    def __init__(self, unread_id: int, **options: object) -> None:
        super().__init__(**options)
        self.unread_id = unread_id

    def call(self, inputs: list[KerasTensor]) -> KerasTensor:
        """Return ``[batch, time, size]`` reordered, given it and tokens ``[batch, time]``."""
        values, tokens = inputs
        real = ops.not_equal(tokens, self.unread_id)  # [batch, time]
        lengths = ops.sum(ops.cast(real, "int32"), axis=1, keepdims=True)  # [batch, 1]
        time = ops.arange(ops.shape(tokens)[1], dtype="int32")  # [time]
        return take_places(values, ops.where(real, lengths - 1 - time, time))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the shape of the values."""
        return input_shape[0]

    def get_config(self) -> dict[str, object]:
        """Return what makes the layer again."""
        return {**super().get_config(), "unread_id": self.unread_id}


@keras.saving.register_keras_serializable("lockstep")
class MaskedPooling(layers.Layer):
    """Makes one vector of the outputs at real tokens; an empty review's is zero."""

    def __init__(self, pooling: str, unread_id: int, **options: object) -> None:
        super().__init__(**options)
        self.pooling, self.unread_id = pooling, unread_id

    def call(self, inputs: list[KerasTensor]) -> KerasTensor:
        """Return features ``[batch, features]`` of tokens ``[batch, time]`` and each direction's outputs."""
        tokens, *outputs = inputs
        real = ops.not_equal(tokens, self.unread_id)  # [batch, time]
        pooled = [pool(y, real, how) for how in POOLED[self.pooling] for y in outputs]
        return ops.concatenate(pooled, axis=1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return ``(batch, features)``."""
        sizes = [shape[-1] or 0 for shape in input_shape[1:]]
        return (input_shape[0][0], sum(sizes) * len(POOLED[self.pooling]))

    def get_config(self) -> dict[str, object]:
        """Return what makes the layer again."""
        return {**super().get_config(), "pooling": self.pooling, "unread_id": self.unread_id}


def take_places(values: KerasTensor, places: KerasTensor) -> KerasTensor:
    """Reorder ``[batch, time, size]`` along time by places ``<int32>[batch, places]``."""
    batch, time, size = ops.shape(values)
    starts = ops.arange(batch, dtype="int32")[:, None] * time  # [batch, 1]
    return ops.take(ops.reshape(values, (-1, size)), places + starts, axis=0)


def pool(outputs: KerasTensor, real: KerasTensor, how: str) -> KerasTensor:
    """Pool ``[batch, time, hidden]`` to ``[batch, hidden]`` by ``first``, ``last``, ``max`` or ``mean``."""
    lengths = ops.sum(ops.cast(real, "int32"), axis=1, keepdims=True)  # [batch, 1]
    not_empty = ops.cast(lengths > 0, outputs.dtype)  # [batch, 1]
    mask = ops.cast(real, outputs.dtype)  # [batch, time]
    if how == "mean":
        weights = mask / ops.cast(ops.maximum(lengths, 1), outputs.dtype)  # [batch, time]
        return ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), outputs), axis=1)
    if how == "max":  # outputs lie between -1 and 1; a part may have no rows
        return ops.max(outputs - ops.expand_dims(4 * (1 - mask), 2), axis=1, initial=-5) * not_empty
    place = ops.zeros_like(lengths) if how == "first" else ops.maximum(lengths - 1, 0)  # [batch, 1]
    return ops.squeeze(take_places(outputs, place), axis=1) * not_empty
