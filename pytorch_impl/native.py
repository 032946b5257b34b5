"""PyTorch's own files: a state_dict as ``.safetensors``, ``.pt`` or ``.pth``, read and written.

A state_dict holds tensors and no computation. What is read is the model that the names and the
shapes tell; what they cannot tell is supposed, and said.
"""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

from shared.differences import refuse_non_finite
from shared.errors import LockstepError
from shared.files import save_bytes
from shared.native import (
    NativeModel,
    check_header,
    from_metadata,
    one_output,
    opening,
    read_archive,
    specification_of,
    to_metadata,
)
from shared.specification import POOLINGS, Specification
from shared.weights import GATES, Checkpoint, Weights, from_torch_layout, to_torch_layout

# torch.nn.LSTM, GRU and RNN name their parameters so, after the name of the module.
RECURRENT = re.compile(r"(.*?)(weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)_l([0-9]+)(_reverse)?")
# Our own model has a module for each layer and direction instead.
OWN_MODULE = re.compile(r"(.*?)([0-9]+)\.([01])\.")

# All that a state_dict's own file calls for; PyTorch would make more, some of any size.
PLAIN = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)"
    r"|torch [A-Za-z0-9]+Storage|torch\.storage (Typed|Untyped)Storage"
)
LONGEST_NAME = 200  # characters; a real one has some dozen
SAVE_ALONE = "save model.state_dict() alone, as .safetensors or with torch.save"

CELL_OF_GATES = {gates: cell for cell, gates in GATES.items()}


class Cell(NamedTuple):
    """One direction of one layer: its place, and the names of its tensors by kind."""

    layer: int
    back: int
    names: dict[str, str]


def read_native(path: Path, pooling: str | None = None) -> NativeModel:
    """Read a state_dict as canonical weights and a specification.

    Parameters
    ----------
    path : Path
        ``.safetensors``, ``.pt`` or ``.pth``.
    pooling : str, optional
        How the model pools. Default: what the file's metadata says, or ``last``.

    Raises
    ------
    LockstepError
        If the file is damaged or holds more than tensors, or a tensor has no exact counterpart.
    """
    what = f"a {path.suffix} file" if path.suffix == ".safetensors" else "a file of torch.save since PyTorch 1.6"
    with opening(path, what, SAVE_ALONE):
        return _read(*_load(path), pooling)


def write_native(checkpoint: Checkpoint, path: Path) -> tuple[str, ...]:
    """Write the state_dict of a plain ``nn.Embedding``, ``nn.LSTM``, ``GRU`` or ``RNN``, and ``nn.Linear``.

    Parameters
    ----------
    checkpoint : Checkpoint
        Any.
    path : Path
        ``.safetensors``, which has room for metadata, or ``.pt``, a dict of tensors only.

    Returns
    -------
    tuple of str
        What the user should know.
    """
    tensors = {name: torch.from_numpy(array.copy()) for name, array in _state_dict(checkpoint).items()}
    if path.suffix == ".safetensors":
        content = save(tensors, {"format": "pt", **to_metadata(checkpoint)})
    else:
        torch.save(tensors, stream := io.BytesIO())
        content = stream.getvalue()
    save_bytes(path, content)
    pooling, notes = checkpoint.specification.pooling, one_output(checkpoint, "the logit")
    if path.suffix == ".safetensors" or pooling == "last":
        return notes
    return (*notes, f"a {path.suffix} file does not say how the model pools: pass --pooling {pooling} to read it again")


def _state_dict(checkpoint: Checkpoint) -> Weights:
    """Return a plain model's arrays by PyTorch's names."""
    weights, specification = checkpoint.weights, checkpoint.specification
    arrays = {"embedding.weight": weights["embedding"]}
    for layer in range(specification.layers):
        for back, way in enumerate(specification.directions):
            suffix = f"_l{layer}" + ("_reverse" if back else "")
            for name, array in to_torch_layout(weights, f"rnn.{layer}.{way}", specification.cell).items():
                arrays[f"rnn.{name}{suffix}"] = array
    return {**arrays, "head.weight": weights["head.kernel"].T, "head.bias": weights["head.bias"]}


def _load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return tensors by name, and the metadata of a ``.safetensors`` file."""
    if path.suffix == ".safetensors":
        check_header(path)
        with safe_open(path, framework="pt") as file:
            tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    else:
        tensors, metadata = _load_archive(path), {}
    for name, value in tensors.items():
        _check_tensor(name, value)
    return tensors, metadata


def _load_archive(path: Path) -> dict[str, torch.Tensor]:
    """Return what ``torch.save`` wrote, if that calls for nothing but tensors."""
    members = read_archive(path)
    [pickled] = [content for name, content in members.items() if name.endswith("/data.pkl")]
    _check_plain(pickled)
    # Packed anew: PyTorch looks at no checksum, and gives what happens to lie in memory if an entry is damaged.
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    stream.seek(0)
    loaded = torch.load(stream, map_location="cpu", weights_only=True)
    if not isinstance(loaded, dict):
        raise LockstepError(f"holds a {type(loaded).__name__}, not a dict of tensors; save model.state_dict()")
    return dict(loaded)


def _check_plain(pickled: bytes) -> None:
    """Raise if a pickle calls for anything but tensors; it is taken apart here, and nothing is made."""
    for operation, argument, _ in pickletools.genops(pickled):
        called = operation.name if operation.name in ("STACK_GLOBAL", "INST") else argument
        if operation.name in ("GLOBAL", "STACK_GLOBAL", "INST") and not PLAIN.fullmatch(str(called)):
            kind = str(called).replace(" ", ".")[:LONGEST_NAME]
            raise LockstepError(
                f"damaged, or holds objects other than tensors, which are never run ({kind}); {SAVE_ALONE}"
            )


def _check_tensor(name: object, value: object) -> None:
    """Raise unless this is a name, and a tensor with numbers in it."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        kind = f"{len(name):,} characters" if isinstance(name, str) else f"a {type(name).__name__}"
        raise LockstepError(f"a name in it is {kind}, no name of a parameter; {SAVE_ALONE}")
    if not isinstance(value, torch.Tensor):
        raise LockstepError(f"{name!r} is a {type(value).__name__}, not a tensor; save model.state_dict() alone")
    if value.numel() == 0:
        raise LockstepError(f"{name!r} is {list(value.shape)}, without a number in it; {SAVE_ALONE}")


def _check_distinct(tensors: list[torch.Tensor]) -> None:
    """Raise if the tensors have more numbers than their file: one number can be said to fill a matrix."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors) > sum(storages.values()):
        advice = "save {name: tensor.clone() for name, tensor in model.state_dict().items()}"
        raise LockstepError(f"some of its tensors share their numbers; {advice}")


def _read(tensors: dict[str, torch.Tensor], metadata: dict[str, str], pooling: str | None) -> NativeModel:
    cells = _cells(tensors)
    embedding, head = _embedding_and_head(tensors, cells)
    head_bias = head.removesuffix("weight") + "bias"
    _refuse_the_rest(tensors, {embedding, head, head_bias, *(name for cell in cells for name in cell.names.values())})
    _check_distinct(list(tensors.values()))
    arrays = {name: _array(name, tensor) for name, tensor in tensors.items()}
    kind = _kind_of_cell(arrays, cells)
    _check_shapes(arrays, cells, kind, arrays[embedding].shape[1])
    kernel = np.ascontiguousarray(arrays[head].T)  # [features, units]
    bias = arrays.get(head_bias, np.zeros(kernel.shape[1], np.float32))  # [units]
    if bias.shape != kernel.shape[1:]:
        raise LockstepError(f"{head_bias!r} is {list(bias.shape)}, expected {list(kernel.shape[1:])}")
    weights = {"embedding": arrays[embedding]}
    for cell in cells:
        weights |= _canonical(arrays, cell, kind)
    weights |= {"head.kernel": kernel, "head.bias": bias}
    said = from_metadata(metadata, weights)
    if said is not None and pooling not in (None, said[0].pooling):
        raise LockstepError(f"--pooling {pooling}: its metadata says {said[0].pooling}")
    chosen = said[0].pooling if said else pooling or "last"
    specification = specification_of(weights, kind, chosen)
    _check_pooling(specification, head, len(kernel))
    notes = _rounding(arrays, cells, kind)
    if said:
        return NativeModel(said[0], weights, said[1], notes)
    return NativeModel(specification, weights, None, (*notes, *_suppositions(specification, pooling, len(bias))))


def _cells(tensors: dict[str, torch.Tensor]) -> list[Cell]:
    """Find the recurrent layers, in PyTorch's layout or in our own.

    Returns
    -------
    list of Cell
        Layer by layer, forward before backward.
    """
    found: dict[tuple[str, int, int], dict[str, str]] = {}
    for name in tensors:
        match = RECURRENT.fullmatch(name)
        if match is None:
            continue
        module, kind, layer, reverse = match.groups()
        if kind == "weight_hr":
            raise LockstepError(f"{name!r}: an LSTM with projections (proj_size) has no counterpart; train it without")
        found.setdefault((module, int(layer), int(reverse is not None)), {})[kind] = name
    if not found:
        raise LockstepError("no recurrent layer in it (no weight_ih_l0); what an LSTMCell does is code, not tensors")
    places = _places(list(found))
    cells = sorted((Cell(*places[key], names) for key, names in found.items()), key=lambda cell: cell[:2])
    _check_complete(cells)
    return cells


def _places(keys: list[tuple[str, int, int]]) -> dict[tuple[str, int, int], tuple[int, int]]:
    """Return the layer and the direction of each (module, layer, direction) that names tell."""
    modules = sorted({module for module, _, _ in keys})
    if len(modules) == 1:
        return {key: key[1:] for key in keys}
    own = {module: OWN_MODULE.fullmatch(module) for module in modules}
    stems = {match and match[1] for match in own.values()}
    if len(stems) > 1 or None in stems or any(key[1:] != (0, 0) for key in keys):
        listed = " and ".join(repr(module.rstrip(".")) for module in modules[:2])
        raise LockstepError(f"{listed} are recurrent modules of their own, and a state_dict does not say their order")
    return {key: (int(own[key[0]][2]), int(own[key[0]][3])) for key in keys}


def _check_complete(cells: list[Cell]) -> None:
    """Raise unless every layer has the same directions, and every cell its tensors."""
    layers, ways = cells[-1].layer + 1, 1 + max(cell.back for cell in cells)
    # The number is looked at first: a name can claim any.
    if len(cells) != layers * ways or [cell[:2] for cell in cells] != [divmod(n, ways) for n in range(len(cells))]:
        raise LockstepError(f"a layer or a direction is missing among {layers:,} recurrent layers")
    for cell in cells:
        for kind in ("weight_ih", "weight_hh"):
            if kind not in cell.names:
                raise LockstepError(f"{kind} is missing beside {min(cell.names.values())!r}")
        if len({"bias_ih", "bias_hh"} & cell.names.keys()) == 1:
            raise LockstepError(f"one of the two biases is missing beside {cell.names['weight_ih']!r}")


def _embedding_and_head(tensors: dict[str, torch.Tensor], cells: list[Cell]) -> tuple[str, str]:
    """Return the names of the embedding's and the head's weight; the embedding has no bias."""
    recurrent = {name for cell in cells for name in cell.names.values()}
    matrices = [name for name in tensors if name not in recurrent and name.endswith("weight")]
    matrices = [name for name in matrices if tensors[name].ndim == 2]
    with_bias = [name for name in matrices if name.removesuffix("weight") + "bias" in tensors]
    without = [name for name in matrices if name not in with_bias]
    if len(with_bias) == 1 and len(without) == 1:
        return without[0], with_bias[0]
    if len(with_bias) > 1:
        raise LockstepError(f"{with_bias[0]!r} and {with_bias[1]!r}: one linear layer, the head, has a counterpart")
    size = tensors[cells[0].names["weight_ih"]].shape[-1:]
    embeddings = [name for name in without if tensors[name].shape[1:] == size]
    if not with_bias and len(without) == 2 and len(embeddings) == 1:
        return embeddings[0], next(name for name in without if name != embeddings[0])
    listed = ", ".join(map(repr, matrices)) or "none"
    raise LockstepError(f"which is the embedding and which the linear head cannot be told among {listed}")


def _refuse_the_rest(tensors: dict[str, torch.Tensor], known: set[str]) -> None:
    others = [name for name in tensors if name not in known]
    if others:
        more = f" (nor have {len(others) - 1} more)" if len(others) > 1 else ""
        model = "an embedding, recurrent layers and one linear head"
        raise LockstepError(f"{others[0]!r} has no counterpart{more}; what is read is {model}")


def _array(name: str, tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor's own numbers; none are rounded here."""
    if tensor.dtype != torch.float32:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise LockstepError(f"{name!r} is {kind}, only float32 is read; convert it with model.float() and save again")
    array: np.ndarray = tensor.numpy().copy()
    refuse_non_finite(repr(name), array)
    return array


def _kind_of_cell(arrays: Weights, cells: list[Cell]) -> str:
    """Tell LSTM, GRU and RNN by how many gates lie above each other."""
    name = cells[0].names["weight_hh"]
    shape = arrays[name].shape
    gates, left = divmod(shape[0], shape[1] or 1) if len(shape) == 2 else (0, 0)
    if left or gates not in CELL_OF_GATES:
        raise LockstepError(f"{name!r} is {list(shape)}: 4 gates are an LSTM, 3 a GRU, 1 an RNN, and this is none")
    return CELL_OF_GATES[gates]


def _check_shapes(arrays: Weights, cells: list[Cell], kind: str, size: int) -> None:
    """Raise unless each layer reads what the one below gives."""
    hidden = arrays[cells[0].names["weight_hh"]].shape[1]
    rows, ways = GATES[kind] * hidden, 1 + cells[-1].back
    for cell in cells:
        inputs = size if cell.layer == 0 else ways * hidden
        expected = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
        for part, name in cell.names.items():
            if arrays[name].shape != expected[part]:
                shape = list(arrays[name].shape)
                raise LockstepError(f"{name!r} is {shape}, expected {list(expected[part])}; all layers have one size")


def _canonical(arrays: Weights, cell: Cell, kind: str) -> Weights:
    """Return one cell's canonical arrays; a layer without biases has zeros."""
    layer = {part: arrays[name] for part, name in cell.names.items()}
    zeros = np.zeros(len(layer["weight_hh"]), np.float32)
    way = "backward" if cell.back else "forward"
    with np.errstate(over="ignore"):  # a sum that is infinite is refused as such
        return from_torch_layout({"bias_ih": zeros, "bias_hh": zeros, **layer}, f"rnn.{cell.layer}.{way}", kind)


def _check_pooling(specification: Specification, head: str, features: int) -> None:
    """Raise unless the head reads as many features as the pooling gives, and say which would fit."""
    if specification.features == features:
        return
    fitting = [name for name in POOLINGS if specification.replaced(pooling=name).features == features]
    advice = f"--pooling {', '.join(fitting)} would fit" if fitting else "no pooling would fit"
    raise LockstepError(
        f"{head!r} reads {features} features, and pooling {specification.pooling} of this "
        f"{specification.architecture} gives {specification.features}; {advice}"
    )


def _rounding(arrays: Weights, cells: list[Cell], kind: str) -> tuple[str, ...]:
    """Say that biases were added, if that can have rounded one."""
    second = [arrays[cell.names["bias_hh"]] for cell in cells if "bias_hh" in cell.names]
    if kind == "gru" or not any(bias.any() for bias in second):
        return ()
    return (f"the two biases of each {kind.upper()} were added to one: exact but for one float32 rounding",)


def _suppositions(specification: Specification, pooling: str | None, units: int) -> tuple[str, ...]:
    """Say what a state_dict does not: pooling, padding, nonlinearity, and what the head's output means."""
    supposed = ["id 0 is padding that no output depends on (packed sequences)"]
    if pooling is None:
        supposed.append(f"pooling {specification.pooling}")
    if specification.cell == "rnn":
        supposed.append("tanh")
    supposed.append("a softmax over the head" if units > 1 else "a sigmoid over the head, class 1 against class 0")
    return (f"a state_dict does not say what is computed; supposed: {', '.join(supposed)}",)
