"""A GRU layer with the parameters and the arithmetic of `torch.nn.GRU`, trained faster on a CPU.

On a CPU PyTorch has one fused kernel for the LSTM and none for the GRU: it takes a dozen small
operations for every step, remembers each for the backward pass, and adds the gradient of the
recurrent kernel up step by step. Here the backward pass is written by hand: what does not depend on
the steps after is computed for many steps at once, and the kernel's gradient is one product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

# Steps whose factors of the backward pass are computed at once: enough to hide what calling an
# operation costs, few enough that what it reads is still in the cache.
STEPS_AT_ONCE = 16


class GRU(nn.GRU):
    """`torch.nn.GRU` of one layer and one direction, ``batch_first``; elsewhere than in training on a CPU just that."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return outputs ``[batch, time, hidden]`` and the last one ``[1, batch, hidden]``, as `torch.nn.GRU` does.

        Parameters
        ----------
        inputs : <float32>[batch, time, size]
            The state before them is zero.
        """
        if inputs.device.type != "cpu" or not torch.is_grad_enabled():
            return super().forward(inputs)
        given = nn.functional.linear(inputs.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0)
        outputs = _Steps.apply(given, self.weight_hh_l0, self.bias_hh_l0)  # [time, batch, hidden]
        return outputs.transpose(0, 1), outputs[-1:]


class _Steps(torch.autograd.Function):
    """The recurrent part, given what the inputs contribute; all arrays are ``[time, batch, ...]``.

    PyTorch's gate order is r, z, n.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, given: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """Return outputs ``[time, batch, hidden]`` of ``[time, batch, 3 * hidden]``."""
        time, batch, gates = given.shape
        hidden = gates // 3
        given = given.contiguous()
        outputs = given.new_zeros(time + 1, batch, hidden)  # outputs[0] is the state before the first step
        open_gates = given.new_empty(time, batch, 2 * hidden)  # r, z
        recurrent = given.new_empty(time, batch, gates)
        candidate = given.new_empty(time, batch, hidden)  # n
        transposed = kernel.t()
        for x, h, g, rz, n, y in zip(given, outputs, recurrent, open_gates, candidate, outputs[1:], strict=False):
            # g = h U + c
            torch.addmm(bias, h, transposed, out=g)
            # r = sigmoid(x_r + g_r), z = sigmoid(x_z + g_z)
            torch.add(x[:, : 2 * hidden], g[:, : 2 * hidden], out=rz).sigmoid_()
            # n = tanh(x_n + r g_n)
            torch.addcmul(x[:, 2 * hidden :], rz[:, :hidden], g[:, 2 * hidden :], out=n).tanh_()
            # h' = n + z (h - n)
            torch.lerp(n, h, rz[:, hidden:], out=y)
        ctx.save_for_backward(kernel, outputs, open_gates, recurrent, candidate)
        return outputs[1:]

    @staticmethod
    def backward(ctx: FunctionCtx, d_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of the three inputs."""
        kernel, outputs, open_gates, recurrent, candidate = ctx.saved_tensors
        time, batch, hidden = candidate.shape
        d_outputs = d_outputs.contiguous()
        d_recurrent = torch.empty_like(recurrent)  # of g: r, z, n
        d_given_n = torch.empty_like(candidate)  # of x_n; x_r and x_z have the gradients of g_r and g_z
        d_h = torch.zeros_like(candidate[0])
        for end in range(time, 0, -STEPS_AT_ONCE):
            steps = slice(max(0, end - STEPS_AT_ONCE), end)
            r, z = open_gates[steps].split(hidden, dim=2)  # [steps, batch, hidden]
            n, h, g_n = candidate[steps], outputs[steps], recurrent[steps, :, 2 * hidden :]
            # What d_h is multiplied by for each gate, d_h being the gradient of the step's output.
            of_n = (1 - z) * (1 - n * n)  # n' = 1 - n^2
            factors = torch.stack([of_n * g_n * r * (1 - r), (h - n) * z * (1 - z), of_n * r], dim=2)
            for step in reversed(range(len(n))):
                place = steps.start + step
                d_h = d_h + d_outputs[place]
                torch.mul(d_h[:, None], factors[step], out=d_recurrent[place].view(batch, 3, hidden))
                torch.mul(d_h, of_n[step], out=d_given_n[place])
                d_h = torch.addmm(d_h * z[step], d_recurrent[place], kernel)
        flat = d_recurrent.view(-1, 3 * hidden)
        d_kernel = flat.t() @ outputs[:-1].reshape(-1, hidden)
        d_given = torch.cat([d_recurrent[:, :, : 2 * hidden], d_given_n], dim=2)
        return d_given, d_kernel, flat.sum(dim=0)
