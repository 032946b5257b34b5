"""Parts of a batch side by side, each on a thread of its own.

The threads wait for each other after the forward pass and after the backward pass. A kernel of which every thread has
a share waits for the slowest at its end. A recurrent layer calls thousands of small ones in a step; beside another busy
process each of them can wait for a thread that is not running.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial, reduce
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

Answer = TypeVar("Answer")

# Of the thread that is inside of `side_by_side`; a part itself has none, and does what it is given one after the other.
_of_thread = threading.local()


@contextmanager
def side_by_side(model: nn.Module, threads_elsewhere: int = 1) -> Iterator[None]:
    """Give PyTorch's threads to the parts of a batch; the rest of the model is computed by one thread.

    The sums are the same, and in the same order, on any number of threads. A model of the idiomatic recipe, or on
    another device than the CPU, keeps PyTorch's own way.

    Parameters
    ----------
    model : nn.Module
        Has a ``specification``.
    threads_elsewhere : int
        Threads of the rest, for a model in which it is large; its sums may then depend on their number.
    """
    threads = torch.get_num_threads()
    own_way = model.specification.recipe != "lockstep" or next(model.parameters()).device.type != "cpu"
    if own_way or _pool() is not None or threads == 1:
        yield
        return
    torch.set_num_threads(threads_elsewhere)
    try:
        # PyTorch's number of threads is each thread's own.
        with ThreadPoolExecutor(threads, "part", torch.set_num_threads, (1,)) as _of_thread.pool:
            yield
    finally:
        _of_thread.pool = None
        torch.set_num_threads(threads)


def in_parts(
    function: Callable[..., Tensor], parts: int, parameters: Sequence[Tensor], inputs: Tensor, *others: Tensor
) -> Tensor:
    """Return ``function(inputs, *others)``, of which each row depends on the same row of its arguments only.

    It can be differentiated once, and not with hooks on the parameters: each part would call them.

    Parameters
    ----------
    function : (inputs, ...) -> outputs
        Differentiable; rows of the outputs ``<float32>[batch, ...]`` are those of the inputs.
    parts : int
        That the batch is cut into. It does not depend on the machine: sums over parts would be rounded differently.
        On another device than a CPU the batch stays whole.
    parameters : sequence of tensors
        That the function reads and that get gradients; others that it reads get none.
    inputs : <float32>[batch, ...]
        Get a gradient too, if they ask for it.
    others : tensors of [batch, ...]
        Get none.

    Raises
    ------
    RuntimeError
        In the backward pass, if a parameter has a hook, or if it is the second one.
    """
    if inputs.device.type != "cpu":
        return function(inputs, *others)
    return _InParts.apply(function, parts, torch.is_grad_enabled(), inputs, others, *parameters)


class _InParts(torch.autograd.Function):
    """Every part is a graph of its own, from its rows of the inputs and the parameters to its rows of the outputs."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        function: Callable[..., Tensor],
        parts: int,
        learning: bool,
        inputs: Tensor,
        others: tuple[Tensor, ...],
        *parameters: Tensor,
    ) -> Tensor:
        def compute(rows: slice) -> tuple[Tensor, Tensor]:
            x = inputs[rows].detach().requires_grad_(learning and inputs.requires_grad)
            with torch.set_grad_enabled(learning):
                return x, function(x, *(each[rows] for each in others))

        ctx.rows = _rows_of_parts(len(inputs), parts)
        graphs = _computed([partial(compute, rows) for rows in ctx.rows])
        ctx.graphs, ctx.parameters = (graphs, parameters) if learning else ([], ())
        return torch.cat([y.detach() for _, y in graphs])

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        needs_inputs, needs = ctx.needs_input_grad[3], ctx.needs_input_grad[5:]
        if ctx.graphs is None:
            raise RuntimeError("a batch in parts can be differentiated once: compute it again")
        trained = [parameter for parameter, needed in zip(ctx.parameters, needs, strict=True) if needed]
        if any(parameter._backward_hooks for parameter in trained):
            raise RuntimeError("a parameter has a hook, which each part of a batch would call: remove it")

        def differentiate(rows: slice, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
            wanted = [*trained, x] if needs_inputs else trained
            return torch.autograd.grad(y, wanted, d_outputs[rows], materialize_grads=True)

        jobs = [partial(differentiate, rows, *graph) for rows, graph in zip(ctx.rows, ctx.graphs, strict=True)]
        found = list(zip(*_computed(jobs), strict=True))
        ctx.graphs = ctx.parameters = None
        d_inputs = torch.cat(found.pop()) if needs_inputs else None
        # Part by part: the order of a sum must not depend on which thread was ready first.
        sums = (reduce(torch.add, of_parts) for of_parts in found)
        return None, None, None, d_inputs, None, *(next(sums) if needed else None for needed in needs)


def _computed(jobs: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Do jobs, side by side inside of `side_by_side`, and return their answers in the same order."""
    pool = _pool()
    if pool is None or len(jobs) == 1:
        return [job() for job in jobs]
    futures = [pool.submit(_in_mode, torch.is_inference_mode_enabled(), job) for job in jobs]
    wait(futures)
    return [future.result() for future in futures]


def _pool() -> ThreadPoolExecutor | None:
    return getattr(_of_thread, "pool", None)


def _in_mode(inference: bool, job: Callable[[], Answer]) -> Answer:
    with torch.inference_mode(inference), torch.no_grad():  # the modes are each thread's own too
        return job()


def _rows_of_parts(rows: int, parts: int) -> list[slice]:
    """Cut rows into parts, as equal as can be."""
    parts = max(1, min(rows, parts))
    ends = [rows * number // parts for number in range(parts + 1)]
    return [slice(*pair) for pair in pairwise(ends)]
