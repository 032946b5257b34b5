"""Keras' recurrent layers: trained faster on a CPU, with a second bias, with a dropped state.

Keras multiplies the inputs step by step and TensorFlow adds the kernels' gradients up step by step. Here what the
inputs contribute is one product for all steps, and with the backward pass written by hand so is each kernel's
gradient; the loops are left with the recurrent product and what is done element by element. The same is done for
PyTorch in `torch_layers.cells`. Variables and arithmetic are those of Keras' layers, but that an LSTM or a simple RNN
may get a second bias, as PyTorch's have.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers

Gradient = Callable[..., tuple[tf.Tensor, ...]]


class _Fast:
    """Puts `steps` of a layer in the place of Keras' loop, where nothing asks for more than outputs.

    Parameters
    ----------
    units : int
        As in Keras' layer, and so are the options.
    second_bias : bool
        Train another bias of the shape of the first, and add the two. A GRU has two anyway.
    """

    def __init__(self, units: int, *, second_bias: bool = False, **options: object) -> None:
        super().__init__(units, **options)  # type: ignore[call-arg]
        self.has_second_bias = second_bias
        self.second_bias: keras.Variable | None = None

    def build(self, sequences_shape: tuple[int | None, ...]) -> None:
        """Make the variables; among the layer's weights the second bias comes first."""
        super().build(sequences_shape)  # type: ignore[misc]
        if self.has_second_bias:
            shape = self.cell.bias.shape  # type: ignore[attr-defined]
            self.second_bias = self.add_weight(shape=shape, name="second_bias")  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, object]:
        """Return what makes the layer again."""
        more = {"second_bias": True} if self.has_second_bias else {}
        return {**super().get_config(), **more}  # type: ignore[misc]

    def call(
        self,
        sequences: tf.Tensor,
        initial_state: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Return outputs ``[batch, time, hidden]``, as the layer of Keras does.

        Parameters
        ----------
        sequences : <float32>[batch, time, size]
            Of any lengths; what is padded is the reader's matter.
        initial_state, mask : optional
            With either, or on a GPU, Keras' own layer computes. It knows no second bias.
        training : bool
            Whether a gradient will be asked for.
        """
        on_gpu, plain = bool(tf.config.list_logical_devices("GPU")), mask is None and initial_state is None
        if self.has_second_bias and not plain:
            raise NotImplementedError("a layer with a second bias takes neither mask nor initial state")
        if not plain or (on_gpu and not self.has_second_bias):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)  # type: ignore[misc]
        inputs = tf.transpose(sequences, (1, 0, 2))  # [time, batch, size]
        outputs = one_by_one(self, inputs) if on_gpu else self.steps(inputs)  # [time, batch, hidden]
        return tf.transpose(outputs, (1, 0, 2))

    def steps(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("lockstep")
class SimpleRNN(_Fast, layers.SimpleRNN):
    """`keras.layers.SimpleRNN` with ``return_sequences``; the one of the three that is no faster."""

    def steps(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``."""
        return one_by_one(self, inputs)


@keras.saving.register_keras_serializable("lockstep")
class LSTM(_Fast, layers.LSTM):
    """`keras.layers.LSTM` with ``return_sequences``."""

    def steps(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``."""
        kernels = map(tf.convert_to_tensor, (self.cell.kernel, self.cell.recurrent_kernel))
        return lstm(inputs, *kernels, whole_bias(self))


@keras.saving.register_keras_serializable("lockstep")
class GRU(_Fast, layers.GRU):
    """`keras.layers.GRU` with ``return_sequences`` and ``reset_after``."""

    def steps(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``."""
        input_bias, recurrent_bias = tf.unstack(self.cell.bias)  # each [3 * hidden]
        hidden = self.cell.units
        # Only of n does the state's bias stand inside of the reset; of z and r the two are one.
        bias = input_bias + tf.concat([recurrent_bias[: 2 * hidden], tf.zeros(hidden)], axis=0)
        given = contribution(inputs, tf.convert_to_tensor(self.cell.kernel), bias)
        return gru_steps(given, tf.convert_to_tensor(self.cell.recurrent_kernel), recurrent_bias[2 * hidden :])


@tf.custom_gradient
def contribution(inputs: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Return what the inputs contribute to all steps, ``[time, batch, gates * hidden]``, and its gradient.

    Parameters
    ----------
    inputs : <float32>[time, batch, size]
    kernel : <float32>[size, gates * hidden]
    bias : <float32>[gates * hidden]
    """
    given = tf.matmul(flat(inputs), kernel) + bias

    def gradient(d_given: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return contribution_gradient(inputs, transposed_gates(kernel, (0, 1, 2)), d_given)

    return tf.reshape(given, (*tf.unstack(tf.shape(inputs)[:2]), kernel.shape[1])), gradient


@tf.custom_gradient
def lstm(
    inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, Gradient]:
    """Return an LSTM's outputs ``[time, batch, hidden]``, and their gradient.

    TensorFlow's kernel for all steps is used forward. Its gradient would add up the kernels' gradients step by step.

    Parameters
    ----------
    inputs : <float32>[time, batch, size]
        The state before them is zero.
    kernel : <float32>[size, 4 * hidden]
        In Keras' gate order i, f, g, o, as the other two.
    recurrent_kernel : <float32>[hidden, 4 * hidden]
    bias : <float32>[4 * hidden]
    """
    time, hidden = tf.shape(inputs)[0], recurrent_kernel.shape[0]
    zero, nothing = tf.zeros((tf.shape(inputs)[1], hidden)), tf.zeros(hidden)
    peepholes = {"wci": nothing, "wcf": nothing, "wco": nothing, "use_peephole": False}
    i, cells, f, o, g, tanh_c, outputs = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.cast(time, tf.int64),
        x=inputs,
        cs_prev=zero,
        h_prev=zero,
        w=tf.concat([kernel, recurrent_kernel], axis=0),
        b=bias,
        cell_clip=-1.0,  # none
        **peepholes,
    )  # each [time, batch, hidden]

    def gradient(d_outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        before = tf.concat([zero[None], cells[:-1]], axis=0)
        transposed = transposed_gates(recurrent_kernel, (0, 2, 1, 3))  # the gradient below has i, g, f, o
        kept = {"i": i, "f": f, "o": o, "ci": g, "co": tanh_c, "cs": cells, "cs_prev": before}
        sizes = {"x": zero, "h_prev": zero, "w": tf.zeros((2 * hidden, 4 * hidden)), "b": tf.zeros(4 * hidden)}

        def back(at: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, written: tf.TensorArray) -> tuple[tf.Tensor, ...]:
            values = {name: array[at] for name, array in kept.items()}  # each [batch, hidden]
            d_h = d_h + d_outputs[at]
            d_c, d_gates, *_ = tf.raw_ops.LSTMBlockCellGrad(cs_grad=d_c, h_grad=d_h, **values, **sizes, **peepholes)
            return at - 1, tf.matmul(d_gates, transposed), d_c, written.write(at, d_gates)

        *_, d_given = tf.while_loop(lambda at, *_: at >= 0, back, (time - 1, zero, zero, *empty(time, 4 * hidden)))
        d_given = d_given.stack()  # [time, batch, 4 * hidden]
        d_inputs, d_kernel, d_bias = contribution_gradient(inputs, transposed_gates(kernel, (0, 2, 1, 3)), d_given)
        sums = (d_kernel, kernel_gradient(zero, outputs, d_given), d_bias)
        # Back to i, f, g, o.
        return d_inputs, *(tf.concat([i, f, g, o], -1) for i, g, f, o in (tf.split(each, 4, axis=-1) for each in sums))

    return outputs, gradient


@tf.custom_gradient
def gru_steps(given: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Return outputs ``[time, batch, hidden]`` of what the inputs contribute, and their gradient.

    Parameters
    ----------
    given : <float32>[time, batch, 3 * hidden]
        In Keras' gate order z, r, n; the state before it is zero.
    kernel : <float32>[hidden, 3 * hidden]
        The recurrent kernel.
    bias : <float32>[hidden]
        The recurrent bias of n.
    """
    time, zero = tf.shape(given)[0], tf.zeros((tf.shape(given)[1], kernel.shape[0]))  # [batch, hidden]
    hidden = kernel.shape[0]
    given_open, given_n = given[:, :, : 2 * hidden], given[:, :, 2 * hidden :]

    def step(at: tf.Tensor, h: tf.Tensor, *written: tf.TensorArray) -> tuple[tf.Tensor, ...]:
        open_gates, g = tf.split(tf.matmul(h, kernel), [2 * hidden, hidden], axis=1)
        z, r = tf.split(tf.sigmoid(given_open[at] + open_gates), 2, axis=1)  # each [batch, hidden]
        # n = tanh(x + r g), h' = n + z (h - n)
        g = g + bias
        n = tf.tanh(given_n[at] + r * g)
        before, h = h, n + z * (h - n)
        return at + 1, h, *write(written, at, z, r, n, g, before, h)

    _, _, *saved, outputs = tf.while_loop(lambda at, *_: at < time, step, (0, zero, *empty(time, *[hidden] * 6)))
    outputs = outputs.stack()

    def gradient(d_outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        transposed = transposed_gates(kernel, (0, 1, 2))

        def back(at: tf.Tensor, d_h: tf.Tensor, *written: tf.TensorArray) -> tuple[tf.Tensor, ...]:
            z, r, n, g, before_h = (array.read(at) for array in saved)  # each [batch, hidden]
            d_h = d_h + d_outputs[at]
            kept = d_h * z
            d_n = of_tanh(n, d_h - kept)
            d_z = of_sigmoid(z, d_h * (before_h - n))
            d_r = of_sigmoid(r, d_n * g)
            d_state = tf.concat([d_z, d_r, d_n * r], axis=1)  # [batch, 3 * hidden]
            return at - 1, kept + tf.matmul(d_state, transposed), *write(written, at, d_state, d_n)

        *_, d_state, d_n = tf.while_loop(
            lambda at, *_: at >= 0, back, (time - 1, zero, *empty(time, 3 * hidden, hidden))
        )
        d_state, d_n = d_state.stack(), d_n.stack()
        d_given = tf.concat([d_state[:, :, : 2 * hidden], d_n], axis=2)
        d_bias = tf.reduce_sum(d_state[:, :, 2 * hidden :], axis=(0, 1))
        return d_given, kernel_gradient(zero, outputs, d_state), d_bias

    return outputs, gradient


class DroppedState(layers.Layer):
    """A recurrent layer of Keras, or of ours, whose state is dropped where it enters the recurrent product.

    No kernel of TensorFlow does that, so a plain loop computes it. Gal & Ghahramani (2016): one mask for all steps.
    Keras' own ``recurrent_dropout`` has one for each gate instead.

    Parameters
    ----------
    layer : layer
        `keras.layers.SimpleRNN`, `LSTM` or `GRU` with ``return_sequences``; its variables are shared.
    """

    def __init__(self, layer: layers.RNN) -> None:
        super().__init__()
        self.layer = layer

    def call(self, sequences: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Return outputs ``[batch, time, hidden]``.

        Parameters
        ----------
        sequences : <float32>[batch, time, size]
            Of any lengths.
        factors : <float32>[batch, hidden]
            What the state is multiplied by.
        """
        inputs = tf.transpose(sequences, (1, 0, 2))  # [time, batch, size]
        outputs = one_by_one(self.layer, inputs, factors)  # [time, batch, hidden]
        return tf.transpose(outputs, (1, 0, 2))

    def compute_output_shape(
        self, sequences_shape: tuple[int | None, ...], factors_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return ``(batch, time, hidden)``."""
        return (*sequences_shape[:2], self.layer.units)


def whole_bias(layer: layers.RNN) -> tf.Tensor:
    """Return a layer's bias; the second one, if there is one, is added."""
    bias, second = tf.convert_to_tensor(layer.cell.bias), getattr(layer, "second_bias", None)
    return bias if second is None else bias + tf.convert_to_tensor(second)


def one_by_one(layer: layers.RNN, inputs: tf.Tensor, factors: tf.Tensor | None = None) -> tf.Tensor:
    """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``, step by step.

    Parameters
    ----------
    layer : layer
        `keras.layers.SimpleRNN`, `LSTM` or `GRU`, or ours.
    inputs : <float32>[time, batch, size]
        The state before them is zero.
    factors : <float32>[batch, hidden], optional
        For the state where it is multiplied by the recurrent kernel, the same in all steps; what the state carries
        over by itself is whole. By default that is whole too.
    """
    cell, bias = layer.cell, whole_bias(layer)
    step, states = STEPS[type(cell)]
    kernel, recurrent_kernel = map(tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel))
    input_bias, recurrent_bias = tf.unstack(bias) if bias.shape.rank == 2 else (bias, 0.0)
    time, batch, _ = tf.unstack(tf.shape(inputs))
    # a_t = x_t W + b, for all t at once
    a = tf.reshape(tf.matmul(flat(inputs), kernel) + input_bias, (time, batch, kernel.shape[1]))
    contributed = tf.TensorArray(tf.float32, time, element_shape=(None, kernel.shape[1])).unstack(a)

    def one(at: tf.Tensor, written: tf.TensorArray, *state: tf.Tensor) -> tuple[tf.Tensor, ...]:
        # r_t = (h_{t-1} m) U (+ c in the GRU)
        h = state[0] if factors is None else state[0] * factors
        r = tf.matmul(h, recurrent_kernel) + recurrent_bias
        state = step(contributed.read(at), r, state)
        return at + 1, written.write(at, state[0]), *state

    [outputs], zero = empty(time, cell.units), tf.zeros((batch, cell.units))
    _, outputs, *_ = tf.while_loop(lambda at, *_: at < time, one, (0, outputs, *[zero] * states))
    return outputs.stack()


State = tuple[tf.Tensor, ...]


def rnn_step(a: tf.Tensor, r: tf.Tensor, state: State) -> State:
    """Return the state of a simple RNN after a step, given what input and state contribute."""
    return (tf.tanh(a + r),)


def lstm_step(a: tf.Tensor, r: tf.Tensor, state: State) -> State:
    """Return an LSTM's h and c."""
    i, f, g, o = tf.split(a + r, 4, axis=1)
    # c' = f c + i g, h' = o tanh(c')
    c = tf.sigmoid(f) * state[1] + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c


def gru_step(a: tf.Tensor, r: tf.Tensor, state: State) -> State:
    """Return the state of a GRU, whose reset gate acts after the recurrent product."""
    (a_z, a_r, a_n), (r_z, r_r, r_n) = tf.split(a, 3, axis=1), tf.split(r, 3, axis=1)
    z, reset = tf.sigmoid(a_z + r_z), tf.sigmoid(a_r + r_r)
    # n = tanh(a + reset r), h' = z h + (1 - z) n
    n = tf.tanh(a_n + reset * r_n)
    return (z * state[0] + (1 - z) * n,)


# A step, and how many arrays its state has.
STEPS = {
    layers.SimpleRNNCell: (rnn_step, 1),
    layers.LSTMCell: (lstm_step, 2),
    layers.GRUCell: (gru_step, 1),
}


def of_sigmoid(value: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Return the gradient before a sigmoid, given its value and the gradient after it: ``d s (1 - s)``."""
    return tf.raw_ops.SigmoidGrad(y=value, dy=gradient)


def of_tanh(value: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Return the gradient before a tanh, given its value and the gradient after it: ``d (1 - t^2)``."""
    return tf.raw_ops.TanhGrad(y=value, dy=gradient)


def transposed_gates(kernel: tf.Tensor, order: tuple[int, ...]) -> tf.Tensor:
    """Return the transpose of ``[size, gates * hidden]``, gates in another order.

    Gate by gate, because TensorFlow makes one operation of a whole transpose and the product after it, which is a
    quarter slower than the product alone.
    """
    gates = tf.split(kernel, len(order), axis=1)
    return tf.concat([tf.transpose(gates[number]) for number in order], axis=0)


def contribution_gradient(
    inputs: tf.Tensor, transposed: tf.Tensor, d_given: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the gradients of inputs, kernel and bias, given the transposed kernel and that of what they contribute."""
    rows = flat(d_given)
    d_inputs = tf.reshape(tf.matmul(rows, transposed), tf.shape(inputs))
    d_bias = tf.matmul(tf.ones((1, tf.shape(rows)[0])), rows)[0]  # a sum, by the faster kernel
    return d_inputs, tf.matmul(flat(inputs), rows, transpose_a=True), d_bias


def kernel_gradient(zero: tf.Tensor, outputs: tf.Tensor, d_state: tf.Tensor) -> tf.Tensor:
    """Return the gradient of a recurrent kernel: one product of the states before each step and what they led to."""
    before = tf.concat([zero[None], outputs[:-1]], axis=0)  # [time, batch, hidden]
    return tf.matmul(flat(before), flat(d_state), transpose_a=True)


def flat(steps: tf.Tensor) -> tf.Tensor:
    """Return ``[time, batch, size]`` as ``[time * batch, size]``."""
    return tf.reshape(steps, (-1, steps.shape[2]))


def empty(time: tf.Tensor, *sizes: int) -> list[tf.TensorArray]:
    """Return arrays into which a loop writes ``[batch, size]`` at each step."""
    return [tf.TensorArray(tf.float32, time, element_shape=(None, size)) for size in sizes]


def write(arrays: tuple[tf.TensorArray, ...], at: tf.Tensor, *values: tf.Tensor) -> list[tf.TensorArray]:
    """Write one step's values, each into its array."""
    return [array.write(at, value) for array, value in zip(arrays, values, strict=True)]
