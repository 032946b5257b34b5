"""Training and prediction in Keras."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_impl.model import class_logits, named_inputs, with_masks
from keras_impl.weights import canonical_variables, export_weights, load_weights
from shared.data.batches import Batches, Masks, class_weights, prediction_batches
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress, Recorder, learning_rate_at, mean_loss
from shared.memory import keep_freed_memory
from shared.specification import Specification
from shared.weights import Weights

REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum"}


def configure(device: str, threads: int | None, specification: Specification) -> str:
    """Choose the device, the threads and the seed of Keras' own generators.

    In the lockstep recipe the threads are for operations side by side, each of them on one.
    """
    keep_freed_memory()
    if threads is not None:
        lockstep = specification.recipe == "lockstep"
        tf.config.threading.set_intra_op_parallelism_threads(1 if lockstep else threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(specification.seed)
    accelerated = bool(tf.config.list_physical_devices("GPU"))
    if device == "mps" or (device == "cuda" and not accelerated):
        raise LockstepError(f"--device {device}: TensorFlow finds no such device; use --device cpu or auto")
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    return "cuda" if accelerated and device != "cpu" else "cpu"


def train(
    model: keras.Model,
    train_reviews: EncodedReviews,
    validation_reviews: EncodedReviews,
    specification: Specification,
    progress: Progress,
) -> History:
    """Train in place (see `shared.contract`)."""
    if specification.second_bias and specification.cell != "gru":
        raise LockstepError(
            f"second-bias: Keras' {specification.cell} layer has one bias; train it in another framework"
        )
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    recording = Recording(model, batches, validation_reviews, recorder)
    constants = {
        "learning_rate": specification.learning_rate,
        "beta_1": specification.beta_1,
        "beta_2": specification.beta_2,
        "epsilon": specification.epsilon,
        "global_clipnorm": specification.gradient_clipping or None,
    }
    lockstep = specification.recipe == "lockstep"
    dense = BiasCorrectedAdam if specification.epsilon_place == "after" else DenseAdam
    adam = dense if lockstep else keras.optimizers.Adam
    trained = with_masks(model, batches.batch(0, 0).masks) if lockstep else model
    trained.compile(
        optimizer=adam(**constants),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=REDUCTIONS[specification.loss_reduction]
        ),
        metrics=["accuracy"],
        jit_compile=False,
    )
    if lockstep:
        weights = class_weights(specification, train_reviews.labels, trained.output.shape[1])
        given = dataset(batches, trained.input, weights)
        trained.fit(given, epochs=batches.epochs, shuffle=False, verbose=0, callbacks=[recording])
    else:
        rows = np.arange(len(train_reviews))
        tokens = train_reviews.padded(rows, specification.max_length)  # [reviews, max_length]
        labels = train_reviews.labels.astype(np.int64)
        trained.fit(
            tokens,
            labels,
            batch_size=specification.batch_size,
            epochs=batches.epochs,
            verbose=0,
            callbacks=[recording],
        )
    return recorder.history


def dataset(batches: Batches, inputs: Mapping[str, keras.KerasTensor], weights: np.ndarray | None) -> tf.data.Dataset:
    """Return the shared batches as `fit` takes them; each pass over it is the next epoch.

    Parameters
    ----------
    batches : Batches
        Of the training reviews.
    inputs : dict of str to KerasTensor
        What the model takes.
    weights : <float32>[classes] or None
        What each class's losses are multiplied by. Keras divides their sum by the reviews, not by the weights.
    """
    epochs = itertools.count()

    def generate() -> Iterator[tuple[Masks | np.ndarray, ...]]:
        for batch in batches.epoch(next(epochs)):
            given = named_inputs(batch.tokens, batch.masks), batch.labels
            yield given if weights is None else (*given, weights[batch.labels])

    signature = {name: tf.TensorSpec(one.shape, one.dtype) for name, one in inputs.items()}
    labels, of_reviews = (tf.TensorSpec((None,), kind) for kind in (tf.int64, tf.float32))
    given = (signature, labels) if weights is None else (signature, labels, of_reviews)
    made = tf.data.Dataset.from_generator(generate, output_signature=given)
    return made.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(tf.data.AUTOTUNE)


class Recording(keras.callbacks.Callback):
    """Sets each step's learning rate and records what happens."""

    def __init__(
        self, predictor: keras.Model, batches: Batches, validation_reviews: EncodedReviews, recorder: Recorder
    ) -> None:
        super().__init__()
        self.predictor, self.batches, self.recorder = predictor, batches, recorder
        self.validation_reviews = validation_reviews
        self.step = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self.recorder.start_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Set the learning rate; start the metrics anew, so that they are this batch's own."""
        self.learning_rate = learning_rate_at(self.batches.specification, self.step, self.recorder.steps)
        self.model.optimizer.learning_rate = self.learning_rate
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Record the step."""
        assert logs is not None
        size = self.batches.size(batch)
        loss = mean_loss(self.batches.specification, float(logs["loss"]), size)
        self.recorder.step(loss, float(logs["accuracy"]) * size, size, self.learning_rate)
        self.step += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the validation reviews."""
        self.recorder.end_epoch(lambda: predict_probabilities(self.predictor, self.validation_reviews))


@keras.saving.register_keras_serializable("lockstep")
class DenseAdam(keras.optimizers.Adam):
    """Keras' Adam on gradients of which each is one array.

    An embedding's gradient arrives as one slice for each occurrence of a word. Keras would clip by
    the norm of the slices, which is not that of the gradient, their sum over equal words.
    """

    def apply(self, grads: list[tf.Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Sum slices over equal words, clip, update."""
        super().apply([tf.convert_to_tensor(gradient) for gradient in grads], trainable_variables)


@keras.saving.register_keras_serializable("lockstep")
class BiasCorrectedAdam(DenseAdam):
    """Adam with epsilon after the bias correction, as in Kingma & Ba (2015), algorithm 1.

    Keras adds it before: in the first steps its epsilon counts up to 31 times as much, which shows
    on the embeddings of rare words.
    """

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Update one variable and its moments."""
        index = self._get_variable_index(variable)
        updated = {"var": variable, "m": self._momentums[index], "v": self._velocities[index]}
        # In float32, 1 - 0.999 is off by 1e-5. The kernel's moments are, so the correction is that of its betas.
        first, second = (tf.cast(tf.constant(beta, tf.float32), tf.float64) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(self.iterations + 1, tf.float64)
        correction = tf.sqrt(1 - second**step)
        rate = tf.cast(learning_rate, tf.float64) * correction / (1 - first**step)
        # TensorFlow's one kernel for all of it corrects before it adds epsilon; here it is told to correct nothing.
        tf.raw_ops.ResourceApplyAdam(
            **{name: tf_variable(value).handle for name, value in updated.items()},
            beta1_power=0.0,
            beta2_power=0.0,
            lr=tf.cast(rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=tf.cast(self.epsilon * correction, tf.float32),
            grad=gradient,
        )


def tf_variable(variable: keras.Variable | tf.Variable) -> tf.Variable:
    """Return TensorFlow's variable: Keras hands an optimizer that or its own around it."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def forward_and_backward(
    model: keras.Model, reviews: EncodedReviews, masks: Masks
) -> tuple[np.ndarray, float, Weights]:
    """Return logits, loss and gradients of one batch (see `shared.contract`)."""
    tokens = reviews.padded(np.arange(len(reviews)))  # [batch, time]
    masked, variables = with_masks(model, masks), canonical_variables(model)
    weights = class_weights(model.specification, reviews.labels, masked.output.shape[1])
    of_reviews = None if weights is None else weights[reviews.labels]  # [batch]
    with tf.GradientTape() as tape:
        logits = masked(named_inputs(tokens, masks), training=True)  # [batch, classes]
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(reviews.labels, logits, of_reviews)
    gradients = tape.gradient(loss, [variable.value for variable in variables.values()])
    arrays = [np.array(tf.convert_to_tensor(gradient)) for gradient in gradients]  # an embedding's arrives as slices
    return logits.numpy(), float(loss), dict(zip(variables, arrays, strict=True))


def predict_probabilities(model: keras.Model, reviews: EncodedReviews) -> np.ndarray:
    """Return ``<float32>[reviews, classes]`` in the order of the reviews."""
    specification = model.specification
    probabilities = np.zeros((len(reviews), specification.classes(model.output.shape[1])), np.float32)
    for rows, tokens in prediction_batches(reviews, fixed_length=model.input.shape[1]):
        logits = class_logits(model.predict_on_batch(tokens), specification)  # [batch, classes]
        probabilities[rows] = ops.convert_to_numpy(ops.softmax(logits))
    return probabilities
