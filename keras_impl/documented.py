"""The classifier as Keras' documentation writes it: the idiomatic recipe."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from keras import layers

from keras_impl.model import CELLS
from keras_impl.training import Recording
from keras_impl.weights import export_weights, load_weights
from shared.data.batches import Batches
from shared.data.encoded import EncodedReviews
from shared.history import History, Progress, Recorder
from shared.specification import Specification
from shared.weights import Weights

# Keras decides on these too: its layers return the last output.
DECIDED_FIELDS = ("pooling",)


def build(specification: Specification, weights: Weights) -> keras.Model:
    """Build the model; Keras draws all but pretrained word vectors (see `shared.contract.Native`)."""
    model = documented_classifier(specification, len(weights["embedding"]), len(weights["head.bias"]))
    if specification.vectors != "random":
        model.get_layer("embedding").set_weights([weights["embedding"]])
    model.specification = specification
    model.compile(jit_compile=False)  # XLA would compile anew for each length
    return model


def documented_classifier(specification: Specification, vocabulary_size: int, outputs: int) -> keras.Model:
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
    return keras.Model(tokens, layers.Dense(outputs, name="head")(features))


def train(
    model: keras.Model,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place by `fit` on arrays (see `shared.contract.Native`)."""
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    adam = keras.optimizers.Adam(
        specification.learning_rate,
        beta_1=specification.beta_1,
        beta_2=specification.beta_2,
        epsilon=specification.epsilon,
        global_clipnorm=specification.gradient_clipping or None,
    )
    model.compile(
        optimizer=adam,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(
        train_reviews.padded(np.arange(len(train_reviews)), specification.max_length),  # [reviews, max_length]
        train_reviews.labels.astype(np.int64),
        batch_size=specification.batch_size,
        epochs=batches.epochs,
        verbose=0,
        callbacks=[Recording(model, batches, validation_reviews, recorder)],
    )
    return recorder.history
