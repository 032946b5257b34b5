"""An LSTM layer with the variables and the arithmetic of `keras.layers.LSTM`, trained faster on a CPU.

Keras multiplies the inputs step by step and TensorFlow adds the kernels' gradients up step by step.
Here what the inputs contribute is one product for all steps, and with the backward pass written by
hand so is each kernel's gradient; the loops are left with the recurrent product alone. The same is
done for PyTorch's GRU in `torch_layers.gru`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable("lockstep")
class LSTM(layers.LSTM):
    """`keras.layers.LSTM` with ``return_sequences``; elsewhere than in training on a CPU just that."""

    def call(
        self,
        sequences: tf.Tensor,
        initial_state: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Return outputs ``[batch, time, hidden]``, as `keras.layers.LSTM` does.

        Parameters
        ----------
        sequences : <float32>[batch, time, size]
            Of any lengths; what is padded is the reader's matter.
        initial_state, mask : optional
            With either, Keras' own layer computes.
        training : bool
            Whether a gradient will be asked for.
        """
        plain = mask is None and initial_state is None
        if not (training and plain) or tf.config.list_logical_devices("GPU"):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        inputs = tf.transpose(sequences, (1, 0, 2))  # [time, batch, size]
        given = tf.matmul(inputs, self.cell.kernel) + self.cell.bias  # [time, batch, 4 * hidden]
        outputs = steps(given, tf.convert_to_tensor(self.cell.recurrent_kernel))  # [time, batch, hidden]
        return tf.transpose(outputs, (1, 0, 2))


@tf.custom_gradient
def steps(given: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
    """Return outputs ``[time, batch, hidden]`` of what the inputs contribute, and their gradient.

    Parameters
    ----------
    given : <float32>[time, batch, 4 * hidden]
        In Keras' gate order i, f, g, o; the state before it is zero.
    kernel : <float32>[hidden, 4 * hidden]
        The recurrent kernel.
    """
    time, batch, hidden = tf.shape(given)[0], tf.shape(given)[1], kernel.shape[0]
    zero = tf.zeros((batch, hidden))

    def step(at: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *written: tf.TensorArray) -> tuple[tf.Tensor, ...]:
        i, f, g, o = tf.split(read.read(at) + tf.matmul(h, kernel), 4, axis=1)  # each [batch, hidden]
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        # c = f c + i g, h = o tanh(c)
        c = f * c + i * g
        h = o * tf.tanh(c)
        values = tf.concat([i, f, g, o], axis=1), c, h
        return at + 1, h, c, *(array.write(at, value) for array, value in zip(written, values, strict=True))

    read = unstacked(given)
    empty = [tf.TensorArray(tf.float32, time, element_shape=(None, size)) for size in (4 * hidden, hidden, hidden)]
    *_, gates, cells, outputs = tf.while_loop(lambda at, *_: at < time, step, (0, zero, zero, *empty))
    gates, cells, outputs = gates.stack(), cells.stack(), outputs.stack()

    def gradient(d_outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        i, f, g, o = tf.split(gates, 4, axis=2)  # each [time, batch, hidden]
        before_c = tf.concat([zero[None], cells[:-1]], axis=0)
        before_h = tf.concat([zero[None], outputs[:-1]], axis=0)
        tanh_c = tf.tanh(cells)
        # What the gradients of the cell and of the output are multiplied by for each gate.
        factors = tf.concat([g * i * (1 - i), before_c * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)], axis=2)
        of_c = o * (1 - tanh_c * tanh_c)  # of the output, for the cell
        arrays = [unstacked(array) for array in (d_outputs, of_c, factors, f)]

        def back(at: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, written: tf.TensorArray) -> tuple[tf.Tensor, ...]:
            d_output, cell_factor, gate_factors, forget = (array.read(at) for array in arrays)
            d_h = d_h + d_output
            d_c = d_c + d_h * cell_factor
            d_gates = tf.concat([d_c, d_c, d_c, d_h], axis=1) * gate_factors  # [batch, 4 * hidden]
            return at - 1, tf.matmul(d_gates, transposed), d_c * forget, written.write(at, d_gates)

        transposed = tf.transpose(kernel)
        empty = tf.TensorArray(tf.float32, time, element_shape=(None, 4 * hidden))
        *_, d_given = tf.while_loop(lambda at, *_: at >= 0, back, (time - 1, zero, zero, empty))
        d_given = d_given.stack()  # [time, batch, 4 * hidden]
        flat = tf.reshape(d_given, (-1, 4 * hidden))
        return d_given, tf.matmul(tf.reshape(before_h, (-1, hidden)), flat, transpose_a=True)

    return outputs, gradient


def unstacked(values: tf.Tensor) -> tf.TensorArray:
    """Return an array of which a loop reads one step at a time."""
    return tf.TensorArray(values.dtype, tf.shape(values)[0]).unstack(values)
