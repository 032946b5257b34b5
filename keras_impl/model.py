"""The model in Keras."""

from __future__ import annotations

from collections.abc import Mapping

import keras
from keras import KerasTensor, layers, ops

from keras_impl.lstm import LSTM
from keras_impl.weights import load_weights
from shared.specification import POOLED, Specification
from shared.weights import Weights

CELLS = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
TRAINED_CELLS = {**CELLS, "lstm": LSTM}  # the same, trained faster

# In the idiomatic recipe Keras decides on these: its layers return the last output.
DECIDED_FIELDS = ("pooling",)


def idiomatic(specification: Specification) -> Specification:
    """Return the specification with what Keras' guides write: last output, Adam as it comes."""
    return specification.replaced(
        pooling="last", learning_rate=1e-3, epsilon=1e-7, schedule="constant", gradient_clipping=0, batch_size=32
    )


def build(specification: Specification, weights: Weights) -> keras.Model:
    """Build the model of a recipe from canonical weights (see `shared.contract`)."""
    vocabulary_size, classes = len(weights["embedding"]), len(weights["head.bias"])
    if specification.recipe == "idiomatic":
        model = masked_classifier(specification, vocabulary_size, classes)
        if specification.vectors != "random":
            model.get_layer("embedding").set_weights([weights["embedding"]])
    else:
        model = sentiment_classifier(specification, vocabulary_size, classes, TRAINED_CELLS)
        load_weights(model, weights)
    model.compile(jit_compile=False)  # XLA would compile anew for each length
    return model


def sentiment_classifier(
    specification: Specification,
    vocabulary_size: int,
    classes: int,
    cells: Mapping[str, type[layers.RNN]] = CELLS,
) -> keras.Model:
    """Embedding, recurrent layers, pooling over real tokens, linear head; from tokens to logits.

    No masked steps: they cost a selection at every step of the loop. Each direction is a layer of
    its own that reads from left to right, the backward one after each review was reversed within
    its own length. Padding then comes after the real tokens in both, and what is never read cannot
    matter.
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")  # [batch, time]
    inputs = layers.Embedding(
        vocabulary_size, specification.embedding_size, trainable=specification.train_embedding, name="embedding"
    )(tokens)  # [batch, time, embedding]
    cell = cells[specification.cell]
    mirror = Mirror(specification.unread_id)
    outputs: list[KerasTensor] = []  # of each direction, in its own order: [batch, time, hidden]
    for number in range(specification.layers):
        if number > 0:
            both = [outputs[0], *(mirror([y, tokens]) for y in outputs[1:])]
            inputs = layers.Concatenate()(both) if len(both) > 1 else both[0]
        outputs = [
            cell(specification.hidden_size, return_sequences=True, name=f"rnn.{number}.{way}")(
                mirror([inputs, tokens]) if way == "backward" else inputs
            )
            for way in specification.directions
        ]
    pooling = MaskedPooling(specification.pooling, specification.unread_id, name="features")
    features = pooling([tokens, *outputs])  # [batch, features]
    return keras.Model(tokens, layers.Dense(classes, name="head")(features))


def with_masks(model: keras.Model, word_dropout: bool) -> keras.Model:
    """Return the same model, layers and weights shared, that also takes a batch's masks."""
    tokens, words = model.input, model.get_layer("embedding").output  # [batch, time, embedding]
    features = model.get_layer("features").output  # [batch, features]
    masks = [keras.Input(features.shape[1:], name="dropout_mask")]
    if word_dropout:
        masks.append(keras.Input((None, 1), name="word_mask"))
        after_embedding = keras.Model([tokens, words], features)
        features = after_embedding([tokens, layers.Multiply()([words, masks[1]])])
    return keras.Model([tokens, *masks], model.get_layer("head")(layers.Multiply()([features, masks[0]])))


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
        parts = [pool(y, real, how) for how in POOLED[self.pooling] for y in outputs]
        return ops.concatenate(parts, axis=1)

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
    mask = ops.expand_dims(real, 2)  # [batch, time, 1]
    if how == "mean":
        total = ops.sum(outputs * ops.cast(mask, outputs.dtype), axis=1)  # [batch, hidden]
        return total / ops.cast(ops.maximum(lengths, 1), outputs.dtype)
    if how == "max":  # outputs lie between -1 and 1
        return ops.max(ops.where(mask, outputs, -1.0), axis=1) * not_empty
    place = ops.zeros_like(lengths) if how == "first" else ops.maximum(lengths - 1, 0)  # [batch, 1]
    return ops.squeeze(take_places(outputs, place), axis=1) * not_empty


def masked_classifier(specification: Specification, vocabulary_size: int, classes: int) -> keras.Model:
    """The same architecture as Keras' guides write it: ``mask_zero``, ``Bidirectional``, ``Dropout``."""
    tokens = keras.Input((specification.max_length,), dtype="int32", name="tokens")  # [batch, time]
    values = layers.Embedding(
        vocabulary_size,
        specification.embedding_size,
        mask_zero=True,
        trainable=specification.train_embedding,
        name="embedding",
    )(tokens)
    for number in range(specification.layers):
        more = number < specification.layers - 1
        layer = CELLS[specification.cell](
            specification.hidden_size, return_sequences=more, name=f"rnn.{number}.forward"
        )
        values = (layers.Bidirectional(layer) if len(specification.directions) == 2 else layer)(values)
    features = layers.Dropout(specification.dropout)(values)  # [batch, features]
    return keras.Model(tokens, layers.Dense(classes, name="head")(features))
