"""Models as users of PyTorch write them, made and run in PyTorch's own process."""

from __future__ import annotations

import warnings
import zipfile
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

    model = plain_torch(cell, **options)
    _save_state_dict({prefix + name: tensor for name, tensor in model.state_dict().items()}, path)
    return _probabilities(model)


def _probabilities(model: Any) -> np.ndarray:
    """Of a user's model, for the rows that have a word."""
    import torch

    with torch.no_grad():
        logits = model(torch.from_numpy(tokens()[with_words()])).double()
    both = torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1)
    return (both if logits.shape[1] == 1 else logits.softmax(dim=1)).numpy()


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
    return _probabilities(model)


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


def save_hostile_torch(framework: str, path: Path, name: str) -> None:
    """Write a file that claims or asks for more than there is."""
    implementation(framework)
    HOSTILE_TORCH[name][1](path)


def _state() -> dict[str, Any]:
    return dict(plain_torch("LSTM").state_dict())


def _saved(change: Callable[[dict[str, Any]], Any], **options: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        import torch

        torch.save(change(_state()), path, **options)

    return make


def _safe(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda path: _save_state_dict(change(_state()), path)


def _header(header: bytes, length: int | None = None, numbers: int = 0) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write((len(header) if length is None else length).to_bytes(8, "little") + header)
            file.truncate(file.tell() + numbers)  # takes no room on the disk

    return make


def _filled(name: str, *shape: int) -> Callable[[dict[str, Any]], Any]:
    """One number that is said to fill a matrix."""

    def change(state: dict[str, Any]) -> Any:
        import torch

        return {**state, name: torch.ones(1).expand(shape)}

    return change


def _of_a_kind(kind: str) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> Any:
        import torch

        kinds = {
            "sparse": lambda tensor: tensor.to_sparse(),
            "meta": lambda tensor: tensor.to("meta"),
            "quantized": lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
        }
        return {**state, "head.weight": kinds[kind](state["head.weight"])}

    return change


def _buffer(path: Path) -> None:
    """A pickle that calls for 100 GB of zeros, which PyTorch holds to be harmless."""
    size = (100_000_000_000).to_bytes(6, "little")
    pickled = b"\x80\x02}X\x01\x00\x00\x00ac__builtin__\nbytearray\n\x8a\x06" + size + b"\x85Rs."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickled)
        archive.writestr("model/version", "3\n")


def _bomb(path: Path) -> None:
    """Members of zeros, which unpack to a thousand times the file."""
    plain = path.with_suffix(".plain")
    _saved(lambda state: state)(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as member:
                for _ in range(600 if name.endswith("data/0") else 0):
                    member.write(bytes(1 << 20))
                member.write(old.read(name))
    plain.unlink()


def _twice(path: Path) -> None:
    _saved(lambda state: state)(path)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = next(name for name in archive.namelist() if name.endswith("data/0"))
        archive.writestr(name, archive.read(name)[::-1])


LARGE = "99999999999"
DIGITS = "9" * 5_000
OBJECTS = "holds objects other than tensors, which are never run"

# The suffix, how it is made, and what the refusal says.
HOSTILE_TORCH: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "far layer": (
        ".safetensors",
        _safe(_with(f"rnn.weight_ih_l{LARGE}", 16, SIZE)),
        "a layer or a direction is missing among 100,000,000,000 recurrent layers",
    ),
    "far layer, .pt": (".pt", _saved(_with(f"rnn.weight_ih_l{LARGE}", 16, SIZE)), "is missing among 100,000,000,000"),
    "layer of 5,000 digits": (".safetensors", _safe(_with(f"rnn.weight_ih_l{DIGITS}", 16, SIZE)), "5,015 characters"),
    "other digits": (".safetensors", _safe(_with("rnn.weight_ih_l\u0663", 16, SIZE)), "has no counterpart"),
    "far module": (
        ".pt",
        _saved(lambda state: _renamed("rnn.", "rnn.0.0.")(state) | _renamed("rnn.", f"rnn.{'9' * 150}.0.")(state)),
        "is missing among 1,000,",
    ),
    "nine layers": (
        ".pt",
        lambda path: _save_state_dict(plain_torch("GRU", layers=9).state_dict(), path),
        "layers: Input should be less than or equal to 8",
    ),
    "header of 2 ** 60": (".safetensors", _header(b"{}", 1 << 60), "its header claims"),
    "header of 150 MB": (".safetensors", _header(b"{}", 150_000_000, 200_000_000), "its header claims"),
    "header in headers": (".safetensors", _header(b"[" * 9_000_000), "damaged"),
    "no header": (".safetensors", _header(b"", 0), "damaged"),
    "empty": (".safetensors", lambda path: path.write_bytes(b""), "damaged"),
    "many tensors": (
        ".safetensors",
        _header(
            b"{%b}" % b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % n for n in range(100_000))
        ),
        "without a number in it",
    ),
    "wide and empty": (
        ".safetensors",
        _header(b'{"head.weight":{"dtype":"F32","shape":[99999999999,0],"data_offsets":[0,0]}}'),
        "'head.weight' is [99999999999, 0], without a number in it",
    ),
    "wide and empty, .pt": (".pt", _saved(_with("head.weight", 2_000_000_000, 0)), "without a number in it"),
    "one number": (".pt", _saved(_filled("embedding.weight", 10_000_000, SIZE)), "share their numbers"),
    "one small number": (".pt", _saved(_filled("head.bias", 2)), "share their numbers"),
    "shared": (
        ".pt",
        _saved(lambda state: {**state, "rnn.bias_hh_l0": state["rnn.bias_ih_l0"]}),
        "share their numbers",
    ),
    "sparse": (".pt", _saved(_of_a_kind("sparse")), OBJECTS),
    "meta": (".pt", _saved(_of_a_kind("meta")), OBJECTS),
    "quantized": (".pt", _saved(_of_a_kind("quantized")), OBJECTS),
    "buffer": (".pt", _buffer, f"{OBJECTS} (__builtin__.bytearray)"),
    "bomb": (".pt", _bomb, "claims 629,"),
    "a member twice": (".pt", _twice, "a name stands twice in its archive"),
    "a number for a name": (".pt", _saved(lambda state: {**state, 7: state["head.bias"]}), "a name in it is a int"),
    "before 1.6": (".pt", _saved(lambda state: state, _use_new_zipfile_serialization=False), "since PyTorch 1.6"),
    "empty .pt": (".pt", lambda path: path.write_bytes(b""), "damaged"),
    "archive of nothing": (".pt", lambda path: zipfile.ZipFile(path, "w").close(), "damaged"),
}
