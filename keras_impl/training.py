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
from shared.history import History, Progress, Recorder, Step, mean_loss
from shared.memory import keep_freed_memory
from shared.resuming import Keeper
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
    keeper: Keeper | None = None,
) -> History:
    """Train in place (see `shared.contract`)."""
    batches = Batches(train_reviews, specification)
    access = partial(export_weights, model), partial(load_weights, model)
    recorder = Recorder(specification, len(batches), validation_reviews.labels, progress, *access)
    recording = Recording(model, batches, validation_reviews, recorder)
    trained = with_masks(model, batches.batch(0, 0).masks)
    trained.compile(
        optimizer=OPTIMIZERS[specification.optimizer](specification, model.get_layer("head").bias),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=REDUCTIONS[specification.loss_reduction]
        ),
        metrics=["accuracy"],
        jit_compile=False,
    )
    weights = class_weights(specification, train_reviews.labels, trained.output.shape[1])
    optimizer = trained.optimizer
    optimizer.build(trained.trainable_variables)
    recorder.resume(keeper, partial(export_optimizer, optimizer), partial(load_optimizer, optimizer))
    # Of an epoch that was begun there are fewer batches: it is a `fit` of its own.
    for end in (recorder.epoch + 1, batches.epochs) if recorder.begun else (batches.epochs,):
        given = dataset(batches, trained.input, weights, recorder.epoch, recorder.begun)
        options = {"shuffle": False, "verbose": 0, "callbacks": [recording]}
        trained.fit(given, initial_epoch=recorder.epoch, epochs=end, **options)
    return recorder.history


def dataset(
    batches: Batches,
    inputs: Mapping[str, keras.KerasTensor],
    weights: np.ndarray | None,
    epoch: int = 0,
    begun: int = 0,
) -> tf.data.Dataset:
    """Return the shared batches as `fit` takes them; each pass over it is the next epoch.

    Parameters
    ----------
    batches : Batches
        Of the training reviews.
    inputs : dict of str to KerasTensor
        What the model takes.
    weights : <float32>[classes] or None
        What each class's losses are multiplied by. Keras divides their sum by the reviews, not by the weights.
    epoch, begun : int
        The first epoch, and how many of its batches are done.
    """
    epochs = itertools.count(epoch)

    def generate() -> Iterator[tuple[Masks | np.ndarray, ...]]:
        for batch in batches.epoch(next(epochs), begun):
            given = named_inputs(batch.tokens, batch.masks), batch.labels
            yield given if weights is None else (*given, weights[batch.labels])

    signature = {name: tf.TensorSpec(one.shape, one.dtype) for name, one in inputs.items()}
    labels, of_reviews = (tf.TensorSpec((None,), kind) for kind in (tf.int64, tf.float32))
    given = (signature, labels) if weights is None else (signature, labels, of_reviews)
    made = tf.data.Dataset.from_generator(generate, output_signature=given)
    return made.apply(tf.data.experimental.assert_cardinality(len(batches) - begun)).prefetch(tf.data.AUTOTUNE)


class Recording(keras.callbacks.Callback):
    """Gives the optimizer each step's constants and records what happens."""

    def __init__(
        self, predictor: keras.Model, batches: Batches, validation_reviews: EncodedReviews, recorder: Recorder
    ) -> None:
        super().__init__()
        self.predictor, self.batches, self.recorder = predictor, batches, recorder
        self.validation_reviews = validation_reviews

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self.recorder.start_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Set the constants; start the metrics anew, so that they are this batch's own."""
        self.step, optimizer = self.recorder.coming(), self.model.optimizer
        optimizer.learning_rate = self.step.learning_rate
        if isinstance(optimizer, SGD):  # Keras' own has no others that move
            optimizer.set_step(self.step)
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Record the step."""
        assert logs is not None
        size = self.batches.size(self.recorder.begun)
        loss = mean_loss(self.batches.specification, float(logs["loss"]), size)
        self.recorder.step(loss, float(logs["accuracy"]) * size, size, self.step.learning_rate)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score the validation reviews."""
        self.recorder.end_epoch(lambda: predict_probabilities(self.predictor, self.validation_reviews))


class SGD(keras.optimizers.Optimizer):
    """Stochastic gradient descent with momentum as PyTorch has it, on gradients of which each is one array.

    An embedding's gradient arrives as one slice for each occurrence of a word. Keras would clip by
    the norm of the slices, which is not that of the gradient, their sum over equal words.

    Parameters
    ----------
    specification : Specification
        ``weight_decay`` and ``gradient_clipping``; Adam reads ``beta_2``, ``optimizer`` and ``repeated_words`` too.
    undecayed : keras.Variable
        The head's bias, which moves all answers alike: no weight is taken off it.
    """

    moments: tuple[str, ...] = ("velocity",)  # arrays that are kept for each one that is trained

    def __init__(self, specification: Specification, undecayed: keras.Variable) -> None:
        clipping = specification.gradient_clipping or None
        super().__init__(specification.learning_rate, global_clipnorm=clipping, name=specification.optimizer)
        self.specification, self.undecayed = specification, undecayed.path
        self.momentum, self.epsilon = (self.add_variable(shape=(), name=name) for name in ("momentum", "epsilon"))

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the moments, all 0."""
        if not self.built:
            super().build(variables)
            self._moments = self.add_optimizer_variables(variables, self.moments)

    def set_step(self, step: Step) -> None:
        """Set the constants of the step that comes next, but for the learning rate."""
        self.momentum.assign(step.momentum)
        self.epsilon.assign(step.epsilon)

    def apply(self, grads: list[tf.Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Sum slices over equal words, clip, update."""
        summed = [tf.convert_to_tensor(gradient) for gradient in grads]
        self.squares = {}  # by the place of a variable whose gradient came in slices
        if self.specification.repeated_words == "apart":
            sliced = {place: one for place, one in enumerate(grads) if isinstance(one, tf.IndexedSlices)}
            self.squares = {place: squares_of_slices(one, tf.shape(summed[place])) for place, one in sliced.items()}
        self.norms = {place: tf.norm(summed[place]) for place in self.squares}
        super().apply(summed, trainable_variables)

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Update one variable and its moments."""
        index = self._get_variable_index(variable)
        decay = self.specification.weight_decay
        if self._trainable_variables[index].path == self.undecayed:
            decay = 0.0
        variable, moments = tf_variable(variable), [tf_variable(arrays[index]) for arrays in self._moments]
        squares = self.squares.get(index)
        if squares is not None and self.specification.gradient_clipping:
            squares = squares * (tf.norm(gradient) / tf.maximum(self.norms[index], 1e-30)) ** 2
        if decay and self.specification.optimizer == "adamw":
            # theta <- theta - alpha lambda theta
            variable.assign_sub(learning_rate * decay * variable)
        elif decay:
            # g <- g + lambda theta, the gradient of lambda / 2 |theta|^2
            gradient = gradient + decay * variable
            squares = None if squares is None else squares + tf.square(decay * variable)
        self.take_step(gradient, variable, learning_rate, squares, *moments)

    def take_step(
        self,
        gradient: tf.Tensor,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
        squares: tf.Tensor | None,
        velocity: tf.Variable,
    ) -> None:
        """Take a step: ``m <- mu m + g``, ``theta <- theta - alpha m``."""
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=velocity.handle,
            lr=tf.convert_to_tensor(learning_rate),
            grad=gradient,
            momentum=tf.convert_to_tensor(self.momentum),
        )


class Adam(SGD):
    """Kingma & Ba (2015), algorithm 1, epsilon after the bias correction; with ``adamw`` Loshchilov & Hutter's decay.

    Keras adds epsilon before it: in the first steps its epsilon counts up to 31 times as much, which shows
    on the embeddings of rare words.
    """

    moments = ("momentum", "velocity")

    def take_step(
        self,
        gradient: tf.Tensor,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
        squares: tf.Tensor | None,
        momentum: tf.Variable,
        velocity: tf.Variable,
    ) -> None:
        """Take a step: ``theta <- theta - alpha m^ / (sqrt(v^) + epsilon)``."""
        beta_1, beta_2 = tf.convert_to_tensor(self.momentum), tf.constant(self.specification.beta_2, tf.float32)
        # In float32, 1 - 0.999 is off by 1e-5. The kernel's moments are, so the correction is that of its betas.
        first, second, rate, epsilon = (
            tf.cast(value, tf.float64) for value in (beta_1, beta_2, learning_rate, tf.convert_to_tensor(self.epsilon))
        )
        step = tf.cast(self.iterations + 1, tf.float64)
        correction = tf.sqrt(1 - second**step)
        if squares is not None:  # the kernel makes beta_2 v + (1 - beta_2) g^2 of v; the difference is put in before
            velocity.assign_add((1 - beta_2) / beta_2 * (squares - tf.square(gradient)))
        # TensorFlow's one kernel for all of it corrects before it adds epsilon; here it is told to correct nothing.
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=0.0,
            beta2_power=0.0,
            lr=tf.cast(rate * correction / (1 - first**step), tf.float32),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(epsilon * correction, tf.float32),
            grad=gradient,
        )


OPTIMIZERS: dict[str, type[SGD]] = {"sgd": SGD, "adam": Adam, "adamw": Adam}


def export_optimizer(optimizer: SGD) -> dict[str, np.ndarray]:
    """Return the optimizer's variables, by their numbers."""
    return {str(number): np.array(variable) for number, variable in enumerate(optimizer.variables)}


def load_optimizer(optimizer: SGD, arrays: Mapping[str, np.ndarray]) -> None:
    """Set what :func:`export_optimizer` returned; the optimizer is built."""
    for number, variable in enumerate(optimizer.variables):
        variable.assign(arrays[str(number)])


def squares_of_slices(slices: tf.IndexedSlices, shape: tf.Tensor) -> tf.Tensor:
    """Return the sums of the squares of a gradient's slices, of the gradient's shape (see ``repeated_words``)."""
    return tf.math.unsorted_segment_sum(tf.square(slices.values), slices.indices, shape[0])


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
