"""Canonical weights into and out of the parts that a model on PyTorch is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from shared.specification import Specification
from shared.weights import Weights, from_torch_layout, to_torch_layout


class Parts(NamedTuple):
    """Where a framework keeps the parts of the classifier.

    Attributes
    ----------
    specification : Specification
        Of the model.
    embedding : nn.Embedding
        The word vectors.
    rnn : nn.Module
        Layers of one direction each (a `ModuleList` of `ModuleList`), or one layer of PyTorch with
        all of them.
    head : nn.Linear
        From features to logits.
    reprojection : nn.Module
        Of the word vectors: linear, or none, which is an `nn.Identity`.
    """

    specification: Specification
    embedding: nn.Embedding
    rnn: nn.Module
    head: nn.Linear
    reprojection: nn.Module


@torch.no_grad()
def load_parts(parts: Parts, weights: Weights) -> None:
    """Copy canonical weights into the parts.

    LSTM and RNN get one bias, as the equations have it: PyTorch's second is held at zero, unless the weights have a
    ``second_bias``. Were both trained, Adam would move their sum twice as fast.
    """
    _copy(parts.embedding.weight, weights["embedding"])
    if isinstance(parts.reprojection, nn.Linear):
        _copy(parts.reprojection.weight, weights["reprojection.kernel"].T)
        _copy(parts.reprojection.bias, weights["reprojection.bias"])
    for prefix, cell, suffix in _recurrent_cells(parts):
        for name, values in to_torch_layout(weights, prefix, parts.specification.cell).items():
            _copy(getattr(cell, name + suffix), values)
        if parts.specification.cell != "gru":
            second = getattr(cell, "bias_hh" + suffix)
            second.requires_grad_(f"{prefix}.second_bias" in weights)
            if second.requires_grad:
                _copy(second, weights[f"{prefix}.second_bias"])
    _copy(parts.head.weight, weights["head.kernel"].T)
    _copy(parts.head.bias, weights["head.bias"])


def export_parts(parts: Parts) -> Weights:
    """Return the canonical weights of the parts."""
    return _canonical(parts, array)


def export_part_gradients(parts: Parts) -> Weights:
    """Return the gradients of the last backward pass, by canonical name and layout."""
    return _canonical(parts, _gradient)


def trainable_count(model: nn.Module) -> int:
    """Return how many numbers the optimizer trains."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def array(parameter: Tensor) -> np.ndarray:
    """Return a copy of a tensor's values."""
    return parameter.detach().cpu().numpy().copy()


def _canonical(parts: Parts, read: Callable[[Tensor], np.ndarray]) -> Weights:
    weights = {"embedding": read(parts.embedding.weight)}
    if isinstance(parts.reprojection, nn.Linear):
        weights["reprojection.kernel"] = np.ascontiguousarray(read(parts.reprojection.weight).T)
        weights["reprojection.bias"] = read(parts.reprojection.bias)
    for prefix, cell, suffix in _recurrent_cells(parts):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        layer = {name: read(getattr(cell, name + suffix)) for name in names}
        if parts.specification.cell != "gru":
            second = layer.pop("bias_hh")
            if getattr(cell, "bias_hh" + suffix).requires_grad:
                weights[f"{prefix}.second_bias"] = second
            layer["bias_hh"] = np.zeros_like(second)  # held at zero, or an array of its own
        weights |= from_torch_layout(layer, prefix, parts.specification.cell)
    weights["head.kernel"] = np.ascontiguousarray(read(parts.head.weight).T)
    weights["head.bias"] = read(parts.head.bias)
    return weights


def _recurrent_cells(parts: Parts) -> Iterator[tuple[str, nn.Module, str]]:
    """Yield the canonical prefix, the PyTorch layer and its parameters' suffix, cell by cell."""
    for layer in range(parts.specification.layers):
        for back, way in enumerate(parts.specification.directions):
            prefix = f"rnn.{layer}.{way}"
            if isinstance(parts.rnn, nn.ModuleList):
                yield prefix, parts.rnn[layer][back], "_l0"
            else:
                yield prefix, parts.rnn, f"_l{layer}" + ("_reverse" if back else "")


def _copy(parameter: nn.Parameter, values: np.ndarray) -> None:
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def _gradient(parameter: Tensor) -> np.ndarray:
    """Return a parameter's gradient; one that is not trained has none."""
    return array(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
