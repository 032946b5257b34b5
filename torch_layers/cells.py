"""LSTM, GRU and simple RNN with the parameters and the arithmetic of `torch.nn`, faster on a CPU.

On a CPU PyTorch has one fused kernel, for the LSTM; it is called for as many steps at once as the cache has room for.
For the other two it takes a dozen small operations for every step, remembers each for the backward pass, and adds the
gradients of the kernels up step by step. Here the backward pass is written by hand: what the inputs contribute is one
product for many steps, and so is the gradient of each kernel; what is left to a step is done in place.

The loops are TorchScript, which runs without Python's global lock: parts of a batch run side by side. Without the
decorator the same functions compute the same, and slower.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

# Steps whose factors of the backward pass are computed at once: enough to hide what calling an operation costs,
# few enough that what it reads is still in the cache.
STEPS_AT_ONCE = 16

# Bytes of an LSTM's gates that are computed at once. Two threads with more than twice as much between them wait for
# memory: of 400 steps of 32 reviews and 100 units, 20 MB, they were a third slower.
GATES_AT_ONCE = 16 * 2**20


def scripted(function: Callable) -> Callable:
    """Return the function in TorchScript, which PyTorch 2.13 keeps and calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(function)


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` of one layer and one direction; on another device than a CPU just that."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``, and the last state."""
        if inputs.device.type != "cpu":
            return super().forward(inputs)
        gates = inputs.shape[0] * inputs.shape[1] * 4 * self.hidden_size * inputs.element_size()  # bytes
        outputs: list[Tensor] = []
        state = None
        for steps in inputs.chunk(max(1, -(-gates // GATES_AT_ONCE))):
            y, state = super().forward(steps, state)
            outputs.append(y)
        assert state is not None
        return torch.cat(outputs), state


class _ByHand:
    """Puts `steps` in the place of PyTorch's loop on a CPU."""

    steps: type[torch.autograd.Function]

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs ``[time, batch, hidden]`` of inputs ``[time, batch, size]``, and the last one."""
        if inputs.device.type != "cpu":
            return super().forward(inputs)
        outputs = self.steps.apply(inputs, self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
        return outputs, outputs[-1:]


class _RNNSteps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, *biases: Tensor) -> Tensor:
        """Return outputs ``[time, batch, hidden]``; the arguments are those of PyTorch's layer."""
        given = nn.functional.linear(inputs, kernel, biases[0] + biases[1])  # [time, batch, hidden]
        outputs = _rnn_forward(given, recurrent_kernel.t())
        ctx.save_for_backward(inputs, kernel, recurrent_kernel, outputs)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments."""
        inputs, kernel, recurrent_kernel, outputs = ctx.saved_tensors
        d_given = _rnn_backward(d_outputs.clone(memory_format=torch.contiguous_format), recurrent_kernel, outputs)
        flat = d_given.flatten(0, 1)  # [time * batch, hidden]
        d_bias = flat.sum(dim=0)
        d_inputs = (flat @ kernel).view_as(inputs) if ctx.needs_input_grad[0] else None
        d_recurrent = d_given[1:].flatten(0, 1).t() @ outputs[:-1].flatten(0, 1)
        return d_inputs, flat.t() @ inputs.flatten(0, 1), d_recurrent, d_bias, d_bias


@scripted
def _rnn_forward(given: Tensor, kernel: Tensor) -> Tensor:
    """Turn what the inputs contribute into outputs, in place. The state before the first step is zero."""
    steps = given.unbind(0)
    steps[0].tanh_()
    for at in range(1, len(steps)):
        # h' = tanh(x + h U)
        steps[at].addmm_(steps[at - 1], kernel).tanh_()
    return given


@scripted
def _rnn_backward(d_outputs: Tensor, kernel: Tensor, outputs: Tensor) -> Tensor:
    """Turn the gradient of the outputs into that of what the inputs contribute, in place."""
    steps = d_outputs.unbind(0)
    slopes = (1 - outputs * outputs).unbind(0)  # tanh' = 1 - tanh^2
    at = len(steps) - 1
    while at > 0:
        steps[at].mul_(slopes[at])
        steps[at - 1].addmm_(steps[at], kernel)
        at -= 1
    steps[0].mul_(slopes[0])
    return d_outputs


class RNN(_ByHand, nn.RNN):
    """`torch.nn.RNN` with tanh, of one layer and one direction; on another device than a CPU just that."""

    steps = _RNNSteps


class _GRUSteps(torch.autograd.Function):
    """PyTorch's gate order is r, z, n. What a step computes stands in one row, n | r | z | g.

    There g is what the state contributes to n, before r is multiplied. The first three are then what the inputs
    contribute to, and the last three what the state does: either product writes where its sum is needed.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, *biases: Tensor) -> Tensor:
        """Return outputs ``[time, batch, hidden]``; the arguments are those of PyTorch's layer."""
        hidden = recurrent_kernel.shape[1]
        kernel = kernel.roll(hidden, 0)  # n, r, z
        bias = torch.cat([biases[0].roll(hidden), biases[1][2 * hidden :]])  # n, r, z, g
        bias[hidden : 3 * hidden] += biases[1][: 2 * hidden]
        gates, outputs = _gru_forward(inputs, kernel.t(), recurrent_kernel.t(), bias, STEPS_AT_ONCE)
        ctx.save_for_backward(inputs, kernel, recurrent_kernel, gates, outputs)
        return outputs[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments."""
        inputs, kernel, recurrent_kernel, gates, outputs = ctx.saved_tensors
        hidden = recurrent_kernel.shape[1]
        d_outputs = d_outputs.clone(memory_format=torch.contiguous_format)
        d_inputs, d_kernel, d_recurrent, d_bias = _gru_backward(
            d_outputs, inputs, kernel, recurrent_kernel, gates, outputs, STEPS_AT_ONCE, ctx.needs_input_grad[0]
        )
        d_kernel, d_input_bias = d_kernel.roll(-hidden, 0), d_bias[: 3 * hidden].roll(-hidden)
        return d_inputs, d_kernel, d_recurrent, d_input_bias, d_bias[hidden:]


@scripted
def _gru_forward(
    inputs: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, steps_at_once: int
) -> tuple[Tensor, Tensor]:
    """Return gates ``[time, batch, 4 * hidden]``, and the state before each step and after the last."""
    time, batch, size = inputs.shape
    hidden = recurrent_kernel.shape[0]
    gates = inputs.new_empty([time, batch, 4 * hidden])
    outputs = inputs.new_empty([time + 1, batch, hidden])
    outputs[0] = 0.0
    states = outputs.unbind(0)
    n, r, z, g = [gate.unbind(0) for gate in gates.split(hidden, dim=2)]
    open_gates = gates[:, :, hidden : 3 * hidden].unbind(0)
    of_state = gates[:, :, hidden:].unbind(0)
    for start in range(0, time, steps_at_once):
        end = min(start + steps_at_once, time)
        flat = gates[start:end].view([-1, 4 * hidden])
        flat.copy_(bias)
        flat[:, : 3 * hidden].addmm_(inputs[start:end].view([-1, size]), kernel)
        for at in range(start, end):
            of_state[at].addmm_(states[at], recurrent_kernel)
            open_gates[at].sigmoid_()
            # n = tanh(x + r g)
            n[at].addcmul_(r[at], g[at]).tanh_()
            # h' = n + z (h - n)
            torch.lerp(n[at], states[at], z[at], out=states[at + 1])
    return gates, outputs


@scripted
def _gru_backward(
    d_outputs: Tensor,
    inputs: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    gates: Tensor,
    outputs: Tensor,
    steps_at_once: int,
    needs_inputs: bool,
) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
    """Return the gradients of inputs, kernel, recurrent kernel and the four biases n, r, z, g.

    The gradient of the outputs is added up in place.
    """
    time, batch, hidden = d_outputs.shape
    size = inputs.shape[2]
    d_inputs = torch.empty_like(inputs) if needs_inputs else None
    d_kernel, d_recurrent = torch.zeros_like(kernel), torch.zeros_like(recurrent_kernel)
    d_bias = gates.new_zeros([4 * hidden])
    end = time
    while end > 0:
        start = max(0, end - steps_at_once)
        steps = end - start
        n, r, z, g = gates[start:end].split(hidden, dim=2)
        d_gates = torch.empty_like(gates[start:end])
        d_n, d_r, d_z, d_g = d_gates.split(hidden, dim=2)
        # What the gradient of a step's output is multiplied by, for each gate, before sigmoid and tanh.
        torch.ops.aten.tanh_backward(1 - z, n, grad_input=d_n)  # tanh' = 1 - tanh^2
        torch.mul(d_n, r, out=d_g)
        torch.ops.aten.sigmoid_backward(d_n * g, r, grad_input=d_r)  # sigmoid' = sigmoid (1 - sigmoid)
        torch.ops.aten.sigmoid_backward(outputs[start:end] - n, z, grad_input=d_z)
        d_steps = d_gates.view([steps, batch, 4, hidden]).unbind(0)
        d_states, open_gates = d_gates[:, :, hidden:].unbind(0), z.unbind(0)
        at = steps - 1
        while at >= 0:
            d_h = d_outputs[start + at]
            d_steps[at].mul_(d_h.unsqueeze(1))
            if start + at > 0:
                d_outputs[start + at - 1].addcmul_(d_h, open_gates[at]).addmm_(d_states[at], recurrent_kernel)
            at -= 1
        # While these steps are in the cache: n, r, z are of what the inputs contribute, r, z, g of what the state does.
        flat = d_gates.view([steps * batch, 4 * hidden])
        d_given, d_state = flat[:, : 3 * hidden], flat[:, hidden:]
        if d_inputs is not None:
            torch.mm(d_given, kernel, out=d_inputs[start:end].view([steps * batch, size]))
        d_kernel.addmm_(d_given.t(), inputs[start:end].view([steps * batch, size]))
        d_recurrent.addmm_(d_state.t(), outputs[start:end].view([steps * batch, hidden]))
        d_bias += flat.sum(dim=0)
        end = start
    return d_inputs, d_kernel, d_recurrent, d_bias


class GRU(_ByHand, nn.GRU):
    """`torch.nn.GRU` of one layer and one direction; on another device than a CPU just that."""

    steps = _GRUSteps
