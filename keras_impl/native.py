"""Keras' own file, ``.keras``: read and written.

A file is judged by its configuration, which is JSON, and Keras never makes anything of that: the same
model is built here from the sizes that were read, once they fit the arrays in the file, and only the
numbers come from there.
"""

from __future__ import annotations

import io
import json
import math
import warnings
from functools import reduce
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
from keras import layers

from keras_impl.model import CELLS, sentiment_classifier
from keras_impl.weights import export_weights, load_weights
from shared.errors import LockstepError
from shared.native import NativeModel, head_of, one_output, opening, read_archive
from shared.specification import Specification
from shared.weights import Checkpoint, Weights, shapes

CELL_OF_CLASS = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
RECURRENT = (*CELL_OF_CLASS, "Bidirectional")
CHAINED = ("InputLayer", "Embedding", "SpatialDropout1D", *RECURRENT, "Dropout", "Dense")
OWN = ("lockstep>Mirror", "lockstep>MaskedPooling", "lockstep>BatchParts")
OWN_CELLS = ("lockstep>LSTM", "lockstep>GRU", "lockstep>SimpleRNN")  # Keras' own but for speed and a second bias
LARGEST_CONFIGURATION = 10_000_000  # bytes; a real one has some thousand
MOST_LAYERS = 1_000  # eight recurrent ones that read both ways, a batch in 64 parts, are some five hundred
ARRAYS = "model.weights.h5"
SAVE_AGAIN = "save the model again with model.save('name.keras')"

LEAVE_OUT = "build the model without it and copy the weights: what it predicts stays the same"
POOL_BY_LAST = "let the last recurrent layer return its last output instead"
NO_COUNTERPART = {
    "Concatenate": "only a chain of layers is read, one input and one output each",
    "Conv1D": "there are no convolutions here; train the model without it",
    "Functional": "a model within a model; build one chain of layers",
    "GlobalAveragePooling1D": f"a review without words scores NaN there, here the head's bias; {POOL_BY_LAST}",
    "GlobalMaxPooling1D": f"it ignores the mask, so padding takes part in the maximum; {POOL_BY_LAST}",
    "Lambda": "it holds code, and code from a file is never run; build the model from layers",
    "RNN": "a cell of its own is not read; use the layer LSTM, GRU or SimpleRNN and copy the weights",
    "Sequential": "a model within a model; build one chain of layers",
    "TextVectorization": "a model of token ids is read; save the layers after it, its words go to --vocabulary",
}

# What a recurrent layer must be to have an exact counterpart, and what to do if it is not.
REQUIRED: dict[str, tuple[object, str]] = {
    "activation": ("tanh", "states here go through tanh; train it with activation='tanh'"),
    "recurrent_activation": ("sigmoid", "gates here are logistic; train it with recurrent_activation='sigmoid'"),
    "reset_after": (True, "the reset gate here acts after the recurrent product; train it with reset_after=True"),
    "go_backwards": (False, "one direction here reads from left to right; train it with Bidirectional instead"),
    "stateful": (False, "no review here knows the one before; build it with stateful=False and copy the weights"),
    "return_state": (False, "only outputs are read here; build it with return_state=False and copy the weights"),
    "second_bias": (False, "convert the checkpoint of this model instead, which adds the two biases"),
}


class Layer(NamedTuple):
    """A layer as the configuration describes it."""

    name: str
    kind: str
    values: dict[str, Any]
    calls: list[dict[str, Any]]

    def refused(self, why: str) -> LockstepError:
        """Return the error that names this layer."""
        return LockstepError(f"layer {self.name!r} ({self.kind}): {why}")


def read_native(path: Path) -> NativeModel:
    """Read a ``.keras`` file as canonical weights and a specification.

    Parameters
    ----------
    path : Path
        A linear chain, Sequential or functional, or our own model.

    Raises
    ------
    LockstepError
        If the file is damaged, or a layer has no exact counterpart.
    """
    with opening(path, "a .keras file of Keras 3", SAVE_AGAIN):
        return _read(path)


def write_native(checkpoint: Checkpoint, path: Path) -> tuple[str, ...]:
    """Write a ``.keras`` file: plain Keras layers where they can say the model, else our own.

    Parameters
    ----------
    checkpoint : Checkpoint
        Any.
    path : Path
        Ends in ``.keras``.

    Returns
    -------
    tuple of str
        What the user should know.
    """
    specification, weights = checkpoint.specification, checkpoint.weights
    vocabulary_size, outputs = len(weights["embedding"]), len(weights["head.bias"])
    if specification.pooling == "last":
        model = plain_classifier(specification, vocabulary_size, outputs)
        model.set_weights([weights[name] for name in shapes(specification, vocabulary_size, outputs)])
        notes = (*one_output(checkpoint, "the probability"), *_left_out(specification))
    else:
        model = sentiment_classifier(specification, vocabulary_size, outputs)
        load_weights(model, weights)
        pooling = f"pooling {specification.pooling} needs our own layers"
        notes = (f"{pooling}: the file opens after 'import keras_impl.model', and gives logits",)
        notes += one_output(checkpoint, "the logit")
    model.save(path)
    return notes


def plain_classifier(specification: Specification, vocabulary_size: int, outputs: int) -> keras.Model:
    """The classifier with pooling ``last``, in layers that open anywhere; from tokens to probabilities."""
    cell = CELLS[specification.cell]
    model = keras.Sequential([keras.Input((None,), dtype="int32", name="tokens")])  # [batch, time]
    trainable = specification.train_embedding
    size, states = specification.embedding_size, 0.0 if _left_out(specification) else specification.recurrent_dropout
    model.add(layers.Embedding(vocabulary_size, size, mask_zero=True, trainable=trainable, name="embedding"))
    if specification.spatial_dropout:
        model.add(layers.SpatialDropout1D(specification.spatial_dropout))
    for number in range(specification.layers):
        more = number < specification.layers - 1
        layer = cell(specification.hidden_size, return_sequences=more, recurrent_dropout=states, name=f"rnn.{number}")
        model.add(layers.Bidirectional(layer, name=layer.name) if len(specification.directions) == 2 else layer)
    if specification.dropout:
        model.add(layers.Dropout(specification.dropout))
    model.add(layers.Dense(outputs, activation=specification.head, name="head"))
    return model


def _left_out(specification: Specification) -> tuple[str, ...]:
    """Say which dropout Keras' layers do not have."""
    if not specification.recurrent_dropout or specification.cell == "rnn":
        return ()
    dropped = f"recurrent-dropout {specification.recurrent_dropout} is left out, which only further training can tell"
    return (f"{dropped}: Keras drops states for each gate anew, here one mask serves all",)


def _read(path: Path) -> NativeModel:
    members = read_archive(path)
    configuration = _configuration(members["config.json"])
    described = configuration["config"]["layers"]
    if len(described) > MOST_LAYERS:
        raise LockstepError(f"it has {len(described):,} layers, at most {MOST_LAYERS:,} are read")
    found = [_layer(one) for one in described]
    if any(layer.kind in OWN for layer in found):
        return _read_own(path, members[ARRAYS], configuration["config"], found)
    return _read_chain(path, members[ARRAYS], configuration, found)


def _configuration(content: bytes) -> dict[str, Any]:
    """Return what ``config.json`` says, if it is a Sequential or functional model."""
    if len(content) > LARGEST_CONFIGURATION:
        raise LockstepError(f"damaged: its config.json has {len(content):,} bytes; {SAVE_AGAIN}")
    configuration: dict[str, Any] = json.loads(content)
    kind = configuration["class_name"]
    if kind not in ("Sequential", "Functional"):
        raise LockstepError(f"model {kind!r}: a class of its own is code; build it as a Sequential or functional model")
    return configuration


def _layer(described: dict[str, Any]) -> Layer:
    """Return a described layer, or refuse one that this room does not know; nothing is made yet."""
    values, kind = described["config"], described["class_name"]
    registered = described.get("registered_name") or kind
    layer = Layer(described.get("name") or values["name"], kind, values, described.get("inbound_nodes", []))
    if registered in OWN:
        return layer._replace(kind=registered)
    if registered in OWN_CELLS:
        return layer
    if registered != kind or not described["module"].startswith("keras"):
        raise layer.refused("a layer of its own has no counterpart here; build the model from Keras' layers")
    return layer


def _read_chain(path: Path, arrays: bytes, configuration: dict[str, Any], found: list[Layer]) -> NativeModel:
    """Read a linear chain of Keras' own layers."""
    for layer in found:
        if layer.kind not in CHAINED and not _is_mask(layer):
            raise layer.refused(NO_COUNTERPART.get(layer.kind, "has no counterpart in the classifier"))
    chain = found if configuration["class_name"] == "Sequential" else _chain(configuration["config"], found)
    embedding, spatial, recurrent, dropout, head = _parts([layer for layer in chain if layer.kind != "InputLayer"])
    _check_numbers(chain)
    if not embedding.values.get("mask_zero"):
        raise embedding.refused("mask_zero=False: it reads padding as words; train it with mask_zero=True")
    _check_recurrent(recurrent)
    _check_head(head)
    cells, units = _cells(recurrent[0]), _size(head, "units")
    specification = Specification().replaced(
        data="unknown",
        vectors="random",
        architecture=("bi" if len(cells) == 2 else "") + CELL_OF_CLASS[cells["forward"].kind],
        vocabulary_size=_size(embedding, "input_dim"),
        embedding_size=_size(embedding, "output_dim"),
        train_embedding=embedding.values.get("trainable", True),
        hidden_size=_size(cells["forward"], "units"),
        layers=len(recurrent),
        pooling="last",
        dropout=dropout.values["rate"] if dropout else 0,
        spatial_dropout=_rate_of_words(spatial, recurrent),
        recurrent_dropout=_rate_of_states(recurrent),
        head=head_of(units),
        **_fixed_length(configuration["config"], found),
    )
    _check_arrays(arrays, specification, units)
    first = layers.Embedding(specification.vocabulary_size, specification.embedding_size)
    middle = [_same(layer, last=layer is recurrent[-1]) for layer in recurrent]
    last = layers.Dense(units, use_bias=head.values.get("use_bias", True))
    _load_arrays(_joined([first, *middle, last], configuration["class_name"]), path)
    weights = {"embedding": first.get_weights()[0]}
    for number, layer in enumerate(middle):
        weights |= _recurrent_weights(layer, number, specification.cell)
    kernel, *bias = last.get_weights()
    weights |= {"head.kernel": kernel, "head.bias": bias[0] if bias else np.zeros(units, np.float32)}
    return NativeModel(specification, weights, notes=(*_other_masks(specification, spatial), *_supposed_head(head)))


def _fixed_length(config: dict[str, Any], found: list[Layer]) -> dict[str, Any]:
    """Return the length that the input layer fixes, if it does; a Sequential may know it from its first batch."""
    given = [layer.values.get("batch_shape") for layer in found if layer.kind == "InputLayer"]
    shape = (given or [config.get("build_input_shape")])[0]
    return {"max_length": shape[1]} if shape and shape[1] is not None else {}


def _size(layer: Layer, name: str) -> int:
    """Return a size that the configuration gives a layer."""
    value = layer.values[name]
    if type(value) is not int or value < 1:
        raise layer.refused(f"{name}={value!r} is no size; {SAVE_AGAIN}")
    return value


def _joined(made: list[keras.layers.Layer], kind: str) -> keras.Model:
    """Return a chain of layers as a model of the file's kind, since a kind has its own order of arrays."""
    tokens = keras.Input((None,), dtype="int32")  # [batch, time]
    if kind == "Sequential":
        return keras.Sequential([tokens, *made])
    return keras.Model(tokens, reduce(lambda values, layer: layer(values), made, tokens))


def _same(layer: Layer, last: bool) -> keras.layers.Layer:
    """Return a new recurrent layer with the arrays of this one."""
    made = [
        CELLS[CELL_OF_CLASS[cell.kind]](
            _size(cell, "units"),
            return_sequences=not last,
            use_bias=cell.values.get("use_bias", True),
            go_backwards=way == "backward",
        )
        for way, cell in _cells(layer).items()
    ]
    return layers.Bidirectional(made[0], backward_layer=made[1]) if len(made) == 2 else made[0]


def _is_mask(layer: Layer) -> bool:
    """Whether this is ``tokens != 0``, the mask that earlier Keras 3 wrote into functional models."""
    if layer.kind != "NotEqual" or len(layer.calls) != 1:
        return False
    arguments = layer.calls[0]["args"]
    return len(_read_by(arguments)) == 1 and arguments[1:] == [0]


def _chain(config: dict[str, Any], found: list[Layer]) -> list[Layer]:
    """Return a functional model's layers from input to output; refuse a graph that is not a chain."""
    by_name = {layer.name: layer for layer in found}
    masks = {layer.name for layer in found if _is_mask(layer)}
    ends = config["output_layers"]
    ends = list(ends.values()) if isinstance(ends, dict) else ends if isinstance(ends[0], list) else [ends]
    if len(ends) != 1:
        raise LockstepError(f"it has {len(ends)} outputs; only a chain of layers is read")
    chain = [by_name[ends[0][0]]]
    while chain[-1].kind != "InputLayer" and len(chain) <= len(found):
        chain.append(by_name[_only_input(chain[-1], masks)])
    for layer in found:
        if layer.name in masks and _read_by(layer.calls) != [(chain[-1].name, 0, 0)]:
            raise layer.refused("a mask of anything but the tokens has no counterpart here")
        if layer not in chain and layer.name not in masks:
            raise layer.refused("stands beside the chain from input to output; only a chain of layers is read")
    return chain[::-1]


def _only_input(layer: Layer, masks: set[str]) -> str:
    """Return the name of the one layer that this one reads, if it is called in no special way."""
    if len(layer.calls) != 1:
        raise layer.refused(f"is used {len(layer.calls)} times; only a chain of layers is read")
    call = layer.calls[0]
    inputs = _read_by(call["args"])
    if len(inputs) != 1 or len(call["args"]) != 1:
        raise layer.refused(f"reads {len(inputs)} inputs; only a chain of layers is read")
    for name, value in call.get("kwargs", {}).items():
        sources = {source for source, *_ in _read_by(value)}
        masked = name == "mask" and sources and sources <= masks
        if value not in (None, False) and not masked:
            raise layer.refused(f"is called with {name}=…, which has no counterpart here")
    return inputs[0][0]


def _read_by(value: Any) -> list[tuple[str, int, int]]:
    """Return the layers whose outputs stand in a call's arguments, of which of their calls, and which output."""
    if isinstance(value, list | tuple):
        return [source for one in value for source in _read_by(one)]
    if not isinstance(value, dict):
        return []
    if value.get("class_name") == "__keras_tensor__":
        return [tuple(value["config"]["keras_history"])]
    return [source for one in value.values() for source in _read_by(one)]


def _parts(chain: list[Layer]) -> tuple[Layer, Layer | None, list[Layer], Layer | None, Layer]:
    """Return embedding, dropout of words, recurrent layers, dropout and head, or refuse what is out of place."""
    embedding, *rest = chain
    if embedding.kind != "Embedding":
        raise embedding.refused("stands first, where an Embedding is read")
    spatial = rest.pop(0) if rest and rest[0].kind == "SpatialDropout1D" else None
    recurrent = list(takewhile(lambda layer: layer.kind in RECURRENT, rest))
    rest = rest[len(recurrent) :]
    if recurrent and [layer.kind for layer in rest] in (["Dense"], ["Dropout", "Dense"]):
        return embedding, spatial, recurrent, rest[0] if len(rest) == 2 else None, rest[-1]
    for layer in rest[:-1]:
        if layer.kind == "Dense":
            raise layer.refused("a further Dense layer; only one, the head, has a counterpart")
    if not rest or rest[-1].kind != "Dense":
        raise chain[-1].refused("stands last, where a Dense head is read")
    if rest[0].kind == "SpatialDropout1D":
        raise rest[0].refused(f"only one SpatialDropout1D, right after the Embedding, has a counterpart; {LEAVE_OUT}")
    if rest[0].kind == "Dropout":
        raise rest[0].refused(f"only one Dropout, right before the head, has a counterpart; {LEAVE_OUT}")
    raise rest[0].refused("is out of place; Embedding, recurrent layers, Dropout and a Dense head are read")


def _check_numbers(chain: list[Layer]) -> None:
    """Raise unless all layers compute in float32 with plain weights."""
    for layer in chain:
        policy = layer.values.get("dtype", "float32")
        name = policy["config"].get("name", policy["class_name"]) if isinstance(policy, dict) else policy
        if name != "float32" and layer.kind != "InputLayer":
            raise layer.refused(f"dtype {name!r}: only float32 is read; build it in float32 and copy the weights")
        if layer.values.get("lora_rank") or layer.values.get("quantization_config"):
            raise layer.refused("LoRA and quantization have no counterpart; build it without and copy the weights")


def _check_recurrent(recurrent: list[Layer]) -> None:
    """Raise unless every layer has an exact counterpart and all are of one kind and size."""
    for layer in recurrent:
        cells = _cells(layer)
        for way, cell in cells.items():
            _check_cell(cell, way)
        last = layer is recurrent[-1]
        if last and cells["forward"].values.get("return_sequences"):
            raise layer.refused("return_sequences=True: the head would answer each token; set it False in the last one")
        if last and layer.values.get("zero_output_for_mask"):
            raise layer.refused("zero_output_for_mask=True: a padded review loses its last state; set it False")
        first = _cells(recurrent[0])
        alike = len(cells) == len(first) and cells["forward"].kind == first["forward"].kind
        if not alike or cells["forward"].values["units"] != first["forward"].values["units"]:
            raise layer.refused(
                "differs from the first recurrent layer in kind, units or directions; no model here does"
            )


def _cells(layer: Layer) -> dict[str, Layer]:
    """Return the cells of a layer by direction, those within a Bidirectional too."""
    if layer.kind != "Bidirectional":
        return {"forward": layer}
    if layer.values.get("merge_mode", "concat") != "concat":
        mode = layer.values["merge_mode"]
        raise layer.refused(f"merge_mode={mode!r} has no exact counterpart; train it with merge_mode='concat'")
    forward = _layer(layer.values["layer"])
    backward = _layer(layer.values.get("backward_layer") or layer.values["layer"])
    for cell in (forward, backward):
        if cell.kind not in CELL_OF_CLASS:
            raise cell.refused(NO_COUNTERPART.get(cell.kind, "is not an LSTM, a GRU or a SimpleRNN"))
    if forward.kind != backward.kind or forward.values["units"] != backward.values["units"]:
        raise layer.refused("its two directions differ in kind or units; here they are alike")
    return {"forward": forward, "backward": backward}


def _check_cell(cell: Layer, way: str) -> None:
    """Raise unless one direction of a recurrent layer has an exact counterpart."""
    _check_numbers([cell])
    for name, (required, advice) in REQUIRED.items():
        value = cell.values.get(name, required)
        # Keras describes a backward layer, rightly, as one that goes backwards.
        if value != required and (name, way) != ("go_backwards", "backward"):
            raise cell.refused(f"{name}={_shown(value)} has no exact counterpart: {advice}")


def _rate_of_words(spatial: Layer | None, recurrent: list[Layer]) -> object:
    """Return the share of the word vectors' channels that are dropped, by a layer of its own or in the first one."""
    given = [(cell, cell.values.get("dropout", 0)) for layer in recurrent for cell in _cells(layer).values()]
    first = given[: len(_cells(recurrent[0]))]
    for cell, rate in given[len(first) :]:
        if rate:
            raise cell.refused(f"dropout={_shown(rate)} between recurrent layers has no counterpart; {LEAVE_OUT}")
    (cell, rate), (_, other) = first[0], first[-1]
    if rate != other or (rate and spatial):
        raise cell.refused(f"dropout={_shown(rate)} beside another of the same words has no counterpart; {LEAVE_OUT}")
    return spatial.values["rate"] if spatial else rate


def _rate_of_states(recurrent: list[Layer]) -> object:
    """Return the share of all states that is dropped."""
    first, *others = [cell for layer in recurrent for cell in _cells(layer).values()]
    rate = first.values.get("recurrent_dropout", 0)
    for cell in others:
        if cell.values.get("recurrent_dropout", 0) != rate:
            raise cell.refused(f"its recurrent_dropout differs from that of {first.name!r}; {LEAVE_OUT}")
    return rate


def _other_masks(specification: Specification, spatial: Layer | None) -> tuple[str, ...]:
    """Say that Keras draws more masks than are drawn here, if it does."""
    gates = specification.recurrent_dropout and specification.cell != "rnn"
    ways = specification.spatial_dropout and not spatial and len(specification.directions) == 2
    if not gates and not ways:
        return ()
    return (
        "dropout in a recurrent layer: Keras draws a mask for each gate or direction, here one serves all; "
        "only further training can tell",
    )


def _supposed_head(head: Layer) -> tuple[str, ...]:
    """Say what the file leaves to the loss."""
    if head.values.get("activation", "linear") != "linear":
        return ()
    return ("supposed: a softmax over the head, which has no activation of its own",)


def _check_head(layer: Layer) -> None:
    """Raise unless the head's answer is a softmax, or can be written as one."""
    units, activation = layer.values["units"], layer.values.get("activation", "linear")
    if activation == "sigmoid" and units > 1:
        raise layer.refused(f"{units} units with a sigmoid are {units} answers of their own; train it with a softmax")
    if units == 1 and activation != "sigmoid":
        raise layer.refused(f"1 unit with activation={_shown(activation)} does not say a class; give it a sigmoid")
    if activation not in ("linear", "softmax", "sigmoid"):
        raise layer.refused(f"activation={_shown(activation)} has no exact counterpart; train it with a softmax")


def _shown(value: object) -> str:
    """Return a property's value in few words; a function of its own is a dict in the file."""
    return repr(value.get("config")) if isinstance(value, dict) else repr(value)


def _check_arrays(content: bytes, specification: Specification, units: int) -> None:
    """Raise unless the file has as many numbers as its configuration says, and has them itself."""
    with h5py.File(io.BytesIO(content), "r") as file:
        sizes = [_bytes_of(name, item) for name, item in _members(file).items()]
    if not sizes:
        raise LockstepError("it was never built and has no weights; call it on a batch and save it again")
    expected = shapes(specification, specification.vocabulary_size, units)
    needed = 4 * sum(math.prod(shape) for name, shape in expected.items() if not name.endswith("bias"))
    if max(needed, sum(sizes)) > len(content):
        claimed = f"{max(needed, sum(sizes)):,} bytes of weights where there are {len(content):,}"
        raise LockstepError(f"damaged: its layers claim {claimed}; {SAVE_AGAIN}")


def _members(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the arrays that lie in a file of arrays, and refuse what leads out of it."""
    links: dict[str, object] = {}
    items: dict[str, h5py.HLObject] = {}
    file.visititems_links(links.__setitem__)
    for name, link in links.items():
        if not isinstance(link, h5py.HardLink):
            raise LockstepError(f"damaged: {name!r} leads out of its place; {SAVE_AGAIN}")
    file.visititems(items.__setitem__)
    return {name: item for name, item in items.items() if isinstance(item, h5py.Dataset)}


def _bytes_of(name: str, array: h5py.Dataset) -> int:
    """Return how many bytes an array claims, if it has plain numbers."""
    if array.external or array.is_virtual:
        raise LockstepError(f"damaged: {name!r} lies in another file; {SAVE_AGAIN}")
    if array.dtype != np.float32 and array.dtype.kind not in "iu":  # counters and seeds are whole numbers
        raise LockstepError(f"{name!r} is {array.dtype}, only float32 is read; build the model in float32")
    return int(array.size) * array.dtype.itemsize


def _load_arrays(model: keras.Model, path: Path) -> None:
    """Put the file's numbers into a model that was built here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except Exception as error:  # what Keras' layers, the archive or HDF5 raise
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise LockstepError(
            f"damaged, or of another Keras: not the arrays of its layers ({reason}); {SAVE_AGAIN}"
        ) from error


def _recurrent_weights(layer: keras.layers.Layer, number: int, cell: str) -> Weights:
    """Return one layer's canonical arrays; a layer without biases has zeros."""
    both = isinstance(layer, layers.Bidirectional)
    ways = {"forward": layer.forward_layer, "backward": layer.backward_layer} if both else {"forward": layer}
    weights = {}
    for way, one in ways.items():
        kernel, recurrent, *bias = one.get_weights()
        zeros = np.zeros((2, kernel.shape[1]) if cell == "gru" else kernel.shape[1], np.float32)
        weights[f"rnn.{number}.{way}.input_kernel"] = kernel
        weights[f"rnn.{number}.{way}.recurrent_kernel"] = recurrent
        weights[f"rnn.{number}.{way}.bias"] = bias[0] if bias else zeros
    return weights


def _read_own(path: Path, arrays: bytes, config: dict[str, Any], found: list[Layer]) -> NativeModel:
    """Read our own model (`keras_impl.model.sentiment_classifier`), if nothing in it was changed."""
    by_name = {layer.name: layer for layer in found}
    cells = [layer for layer in found if layer.kind in CELL_OF_CLASS]
    _check_numbers(found)
    for cell in cells:
        _check_cell(cell, "forward")
        if cell.values.get("dropout") or cell.values.get("recurrent_dropout"):
            raise cell.refused("dropout in one of our own layers; they have none")
    embedding, head = by_name["embedding"], by_name["head"]
    parts = next((_size(layer, "parts") for layer in found if layer.kind == "lockstep>BatchParts"), 1)
    units = _size(head, "units")
    specification = Specification().replaced(
        data="unknown",
        vectors="random",
        architecture=("bi" if "rnn.0.backward" in by_name else "") + CELL_OF_CLASS[cells[0].kind],
        vocabulary_size=_size(embedding, "input_dim"),
        embedding_size=_size(embedding, "output_dim"),
        train_embedding=embedding.values.get("trainable", True),
        hidden_size=_size(cells[0], "units"),
        layers=1 + max(int(cell.name.split(".")[1]) for cell in cells),
        pooling=by_name["features" if parts == 1 else "pooling"].values["pooling"],
        head=head_of(units),
        dropout=0,
    )
    _check_arrays(arrays, specification, units)
    model = sentiment_classifier(specification, specification.vocabulary_size, units, parts=parts)
    made = model.get_config()
    same = _wiring(found) == _wiring([_layer(described) for described in made["layers"]])
    if not same or head.values.get("activation") != "linear" or made["output_layers"] != config["output_layers"]:
        raise LockstepError("our own layers in another model; only keras_impl.model.sentiment_classifier is read")
    _load_arrays(model, path)
    return NativeModel(specification, export_weights(model))


def _wiring(found: list[Layer]) -> dict[str, tuple[object, ...]]:
    """Return what each layer reads, by names that do not depend on how many models were made before."""
    names: dict[str, str] = {}
    for layer in found:
        same = [other for other in names.values() if other.startswith(layer.kind)]
        ours = layer.kind in ("lockstep>Mirror", "lockstep>BatchParts", "Concatenate")
        names[layer.name] = f"{layer.kind} {len(same)}" if ours else layer.name
    return {
        names[layer.name]: (
            layer.kind,
            layer.values.get("axis"),
            layer.values.get("unread_id"),
            [[(names[name], *place) for name, *place in _read_by(call)] for call in layer.calls],
        )
        for layer in found
    }
