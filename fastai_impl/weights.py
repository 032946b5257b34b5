"""Canonical weights into and out of the fastai model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from shared.weights import Weights, from_torch_layout, to_torch_layout


@torch.no_grad()
def load_weights(model: nn.Module, weights: Weights) -> None:
    """Copy canonical weights into the model.

    LSTM and RNN get one bias, as the equations have it: PyTorch's second is held at zero, unless
    ``second_bias`` is asked for. Were both trained, Adam would move their sum twice as fast.
    """
    _copy(model.embedding.weight, weights["embedding"])
    for prefix, cell, suffix in _recurrent_cells(model):
        for name, values in to_torch_layout(weights, prefix, model.specification.cell).items():
            _copy(getattr(cell, name + suffix), values)
        if model.specification.cell != "gru":
            getattr(cell, "bias_hh" + suffix).requires_grad_(model.specification.second_bias)
    _copy(model.head.weight, weights["head.kernel"].T)
    _copy(model.head.bias, weights["head.bias"])


def export_weights(model: nn.Module) -> Weights:
    """Return canonical weights (see `shared.contract`)."""
    return _canonical(model, _array)


def export_gradients(model: nn.Module) -> Weights:
    """Return the gradients of the last backward pass, by canonical name and layout."""
    return _canonical(model, _gradient)


def _canonical(model: nn.Module, read: Callable[[torch.Tensor], np.ndarray]) -> Weights:
    weights = {"embedding": read(model.embedding.weight)}
    for prefix, cell, suffix in _recurrent_cells(model):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        layer = {name: read(getattr(cell, name + suffix)) for name in names}
        weights |= from_torch_layout(layer, prefix, model.specification.cell, gradients=read is _gradient)
    weights["head.kernel"] = np.ascontiguousarray(read(model.head.weight).T)
    weights["head.bias"] = read(model.head.bias)
    return weights


def count_trainable(model: nn.Module) -> int:
    """Return how many numbers the optimizer trains."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _recurrent_cells(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Yield the canonical prefix, the PyTorch layer and its parameters' suffix, cell by cell."""
    for layer in range(model.specification.layers):
        for back, way in enumerate(model.specification.directions):
            prefix = f"rnn.{layer}.{way}"
            if isinstance(model.rnn, nn.ModuleList):
                yield prefix, model.rnn[layer][back], "_l0"
            else:
                yield prefix, model.rnn, f"_l{layer}" + ("_reverse" if back else "")


def _copy(parameter: nn.Parameter, values: np.ndarray) -> None:
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def _array(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().cpu().numpy().copy()


def _gradient(parameter: torch.Tensor) -> np.ndarray:
    """Return a parameter's gradient; a second bias that is held at zero has none."""
    return _array(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
