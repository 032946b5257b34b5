"""Models as users of PyTorch write them, made and run in PyTorch's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shared.specification import Specification
from shared.weights import Weights
from tests.conformance.jobs import implementation
from tests.conformance.native_jobs import HIDDEN, SIZE, WORDS, tokens


def plain_torch(cell: str, ways: int = 1, layers: int = 1, pooling: str = "last", **options: Any) -> Any:
    """A model as PyTorch's documentation would have a user write it, all its weights drawn."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    units, bias = options.pop("units", 2), options.pop("bias", True)

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(WORDS, SIZE, padding_idx=0)
            self.rnn = getattr(nn, cell)(
                SIZE, HIDDEN, layers, batch_first=True, bidirectional=ways == 2, bias=bias, **options
            )
            self.head = nn.Linear(HIDDEN * ways * (3 if pooling == "concat" else 1), units)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            lengths = (tokens != 0).sum(dim=1)
            words = self.embedding(tokens)
            packed = pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
            outputs, state = self.rnn(packed)
            hidden = state[0] if isinstance(state, tuple) else state
            last = torch.cat(list(hidden[-ways:]), dim=1)
            values, _ = pad_packed_sequence(outputs, batch_first=True)
            real = (torch.arange(values.shape[1]) < lengths[:, None])[:, :, None]
            pooled = {
                "last": last,
                "max": values.masked_fill(~real, -torch.inf).amax(dim=1),
                "mean": (values * real).sum(dim=1) / lengths[:, None],
            }
            names = ["last", "max", "mean"] if pooling == "concat" else [pooling]
            return self.head(torch.cat([pooled[name] for name in names], dim=1))

    torch.manual_seed(4)
    model = Plain().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.6)
    return model


def save_torch(framework: str, path: Path, cell: str, options: dict[str, Any], prefix: str = "") -> np.ndarray:
    """Save a user's model and return its probabilities for the rows that have a word."""
    implementation(framework)
    import torch

    model = plain_torch(cell, **options)
    _save_state_dict({prefix + name: tensor for name, tensor in model.state_dict().items()}, path)
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens()[with_words()])).double()
    probabilities = (
        logits.softmax(dim=1) if logits.shape[1] > 1 else torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1)
    )
    return probabilities.numpy()


def with_words() -> np.ndarray:
    """The rows that PyTorch can pack, ``<bool>[rows]``."""
    return (tokens() != 0).any(axis=1)


def open_torch(framework: str, path: Path, cell: str, options: dict[str, Any]) -> np.ndarray:
    """What a user's model answers with the weights of a file."""
    implementation(framework)
    import torch
    from safetensors.torch import load_file

    model = plain_torch(cell, **options)
    state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        return model(torch.from_numpy(tokens()[with_words()])).double().softmax(dim=1).numpy()


def save_our_torch(framework: str, specification: Specification, weights: Weights, path: Path) -> np.ndarray:
    """Save the room's own model; return its probabilities."""
    import torch

    model = implementation(framework).build(specification, weights)
    _save_state_dict(model.state_dict(), path)
    with torch.no_grad():
        return model(torch.from_numpy(tokens())).softmax(dim=1).numpy()


def save_changed_torch(framework: str, path: Path, name: str) -> None:
    """Save a user's state_dict with something in it that has no counterpart."""
    implementation(framework)
    import torch

    cell, options, change = REFUSED_TORCH[name][0]
    model = plain_torch(cell, **options)
    state = change(dict(model.state_dict()))
    if state == "the model itself":
        torch.save(torch.nn.Sequential(torch.nn.LSTM(SIZE, HIDDEN)), path)
    else:
        _save_state_dict(state, path)


def save_code(framework: str, path: Path, touched: Path) -> None:
    """Save a state_dict beside an object that touches a file when it is unpickled."""
    implementation(framework)

    class Code:
        def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
            return Path.touch, (touched,)

    _save_state_dict({**plain_torch("LSTM").state_dict(), "code": Code()}, path)


def _save_state_dict(state: Any, path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)


def _renamed(old: str, new: str) -> Callable[[dict[str, Any]], Any]:
    return lambda state: {name.replace(old, new): tensor for name, tensor in state.items()}


def _without(left_out: str) -> Callable[[dict[str, Any]], Any]:
    return lambda state: {name: tensor for name, tensor in state.items() if left_out not in name}


def _in_numbers(kind: str) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> Any:
        import torch

        return {name: tensor.to(getattr(torch, kind)) for name, tensor in state.items()}

    return change


def _with(name: str, *shape: int) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> Any:
        import torch

        return {**state, name: torch.ones(shape)}

    return change


def _second_module(state: dict[str, Any]) -> Any:
    second = {name.replace("rnn.", "lstm2."): tensor for name, tensor in state.items() if name.startswith("rnn.")}
    return {**_renamed("rnn.", "lstm1.")(state), **second}


# How a state_dict is made, what is done to it, and what the refusal says.
REFUSED_TORCH: dict[str, tuple[tuple[str, dict[str, Any], Callable[[dict[str, Any]], Any]], str]] = {
    "projections": (("LSTM", {}, _with("rnn.weight_hr_l0", 2, HIDDEN)), "'rnn.weight_hr_l0': an LSTM with projections"),
    "normalized": (("LSTM", {}, _with("norm.weight", HIDDEN)), "'norm.weight' has no counterpart"),
    "peephole": (("LSTM", {}, _with("rnn.peephole_i", HIDDEN)), "'rnn.peephole_i' has no counterpart"),
    "two linear": (
        ("LSTM", {}, lambda state: _with("fc.weight", 3, 2)(_with("fc.bias", 3)(state))),
        "'head.weight' and 'fc.weight': one linear layer",
    ),
    "half": (("GRU", {}, _in_numbers("float16")), "is float16, only float32 is read; convert it with model.float()"),
    "brain half": (("GRU", {}, _in_numbers("bfloat16")), "is bfloat16, only float32 is read"),
    "double": (("GRU", {}, _in_numbers("float64")), "is float64, only float32 is read"),
    "two modules": (("LSTM", {}, _second_module), "'lstm1' and 'lstm2' are recurrent modules of their own"),
    "a cell": (("LSTM", {}, _renamed("_l0", "")), "no recurrent layer in it"),
    "one direction missing": (
        ("LSTM", {"ways": 2, "layers": 2}, _without("l1_reverse")),
        "a layer or a direction is missing",
    ),
    "bias missing": (("LSTM", {}, _without("bias_hh")), "one of the two biases is missing"),
    "no embedding": (("LSTM", {}, _without("embedding")), "which is the embedding"),
    "gates": (("LSTM", {}, _with("rnn.weight_hh_l0", 2 * HIDDEN, HIDDEN)), "4 gates are an LSTM"),
    "input size": (
        ("LSTM", {}, _with("embedding.weight", WORDS, 9)),
        "weight_ih_l0' is [16, 5], expected [16, 9]",
    ),
    "one direction read": (
        ("LSTM", {"ways": 2}, _with("head.weight", 2, HIDDEN)),
        "'head.weight' reads 4 features, and pooling last of this bilstm gives 8; no pooling would fit",
    ),
    "concatenated": (
        ("LSTM", {"pooling": "concat"}, lambda state: state),
        "reads 12 features, and pooling last of this lstm gives 4; --pooling concat would fit",
    ),
    "a training checkpoint": (
        ("LSTM", {}, lambda state: {"model": state, "epoch": 3}),
        "'model' is a dict",
    ),
    "a tensor": (("LSTM", {}, lambda state: state["head.weight"]), "holds a Tensor, not a dict of tensors"),
    "a module": (
        ("LSTM", {}, lambda state: "the model itself"),
        "holds objects other than tensors",
    ),
}
