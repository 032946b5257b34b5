"""Canonical weights into and out of the Flair model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from flair.embeddings import DocumentRNNEmbeddings
from flair.models import TextClassifier
from torch import nn

from shared.weights import Weights, from_torch_layout, to_torch_layout


@torch.no_grad()
def load_weights(model: TextClassifier, weights: Weights) -> None:
    """Copy canonical weights into the model.

    LSTM and RNN get one bias, as the equations have it: PyTorch's second is held at zero, unless
    ``second_bias`` is asked for. Were both trained, Adam would move their sum twice as fast.
    """
    _copy(model.embeddings.embedding.weight, weights["embedding"])
    for prefix, cell, suffix in _recurrent_cells(model):
        for name, values in to_torch_layout(weights, prefix, model.specification.cell).items():
            _copy(getattr(cell, name + suffix), values)
        if model.specification.cell != "gru":
            getattr(cell, "bias_hh" + suffix).requires_grad_(model.specification.second_bias)
    _copy(model.decoder.weight, weights["head.kernel"].T)
    _copy(model.decoder.bias, weights["head.bias"])


def export_weights(model: TextClassifier) -> Weights:
    """Return canonical weights (see `shared.contract`)."""
    return _canonical(model, _array)


def export_gradients(model: TextClassifier) -> Weights:
    """Return the gradients of the last backward pass, by canonical name and layout."""
    return _canonical(model, _gradient)


def _canonical(model: TextClassifier, read: Callable[[torch.Tensor], np.ndarray]) -> Weights:
    weights = {"embedding": _embedding(model, read)}
    for prefix, cell, suffix in _recurrent_cells(model):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        layer = {name: read(getattr(cell, name + suffix)) for name in names}
        weights |= from_torch_layout(layer, prefix, model.specification.cell, gradients=read is _gradient)
    weights["head.kernel"] = _head_kernel(model, read)
    weights["head.bias"] = read(model.decoder.bias)
    return weights


def count_trainable(model: TextClassifier) -> int:
    """Return how many numbers the optimizer trains."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@torch.no_grad()
def _embedding(model: TextClassifier, read: Callable[[torch.Tensor], np.ndarray]) -> np.ndarray:
    """Return the word vectors; those of Flair's own encoder with its linear map put into them."""
    encoder = model.embeddings
    if not isinstance(encoder, DocumentRNNEmbeddings):
        return read(encoder.embedding.weight)
    vectors = encoder.embeddings.embeddings[0].embedding.weight[:-1]  # without Flair's unknown word
    return _array(encoder.word_reprojection_map(vectors))


def _head_kernel(model: TextClassifier, read: Callable[[torch.Tensor], np.ndarray]) -> np.ndarray:
    """Return the head's kernel, its rows in canonical order.

    Flair's bidirectional document vector is (forward, backward) at the first token, then at the
    last. In canonical ``ends`` each direction's own first output comes before its own last.
    """
    kernel = read(model.decoder.weight).T
    if isinstance(model.embeddings, DocumentRNNEmbeddings) and model.specification.pooling == "ends":
        forward_first, backward_last, forward_last, backward_first = np.split(kernel, 4)
        kernel = np.concatenate([forward_first, backward_first, forward_last, backward_last])
    return np.ascontiguousarray(kernel)


def _recurrent_cells(model: TextClassifier) -> Iterator[tuple[str, nn.Module, str]]:
    """Yield the canonical prefix, the PyTorch layer and its parameters' suffix, cell by cell."""
    rnn = model.embeddings.rnn
    for layer in range(model.specification.layers):
        for back, way in enumerate(model.specification.directions):
            prefix = f"rnn.{layer}.{way}"
            if isinstance(rnn, nn.ModuleList):
                yield prefix, rnn[layer][back], "_l0"
            else:
                yield prefix, rnn, f"_l{layer}" + ("_reverse" if back else "")


def _copy(parameter: nn.Parameter, values: np.ndarray) -> None:
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))


def _array(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().cpu().numpy().copy()


def _gradient(parameter: torch.Tensor) -> np.ndarray:
    """Return a parameter's gradient; a second bias that is held at zero has none."""
    return _array(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
