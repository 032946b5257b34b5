"""Canonical weights: names, shapes, initial values, PyTorch's layout, and checkpoints.

Gate orders: LSTM ``i, f, g, o``; GRU ``z, r, n`` in the reset-after form, whose bias has one row for
the input and one for the recurrent side. Kernels are ``[in, out]``.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from safetensors.numpy import load, save

from shared.classes import check_class_names
from shared.differences import refuse_non_finite
from shared.errors import LockstepError
from shared.files import (
    check_file,
    check_regular,
    check_seal,
    manifest,
    read_bytes,
    reading,
    save_bytes,
    save_json,
    seal,
)
from shared.output import Kind
from shared.specification import Specification, from_record
from shared.text import PADDING_ID, UNKNOWN_ID, Vocabulary
from shared.text.tokens import TEXT_RULES_VERSION

if TYPE_CHECKING:
    from shared.vectors import VectorTable

Weights = dict[str, np.ndarray]

# Ends of the names of arrays that `folded` makes part of others.
TRAINING_ONLY = ("second_bias", "reprojection.kernel", "reprojection.bias")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
# Version 1 had no checksums; it is still read.
CHECKPOINT_VERSION = 2
CHECKPOINT = Kind(
    "a checkpoint",
    frozenset(("weights.safetensors", "model.json", "vocabulary.txt", "pretraining.json")),
    proof="model.json",
)
LARGEST_MODEL_FILE = 10_000_000  # bytes


def shapes(
    specification: Specification, vocabulary_size: int, classes: int, *, training: bool = False
) -> dict[str, tuple[int, ...]]:
    """Return the name and the shape of every canonical array, in canonical order.

    Parameters
    ----------
    specification : Specification
        The model fields are used.
    vocabulary_size : int
        Rows of the embedding.
    classes : int
        That the model tells apart.
    training : bool
        Those that are trained: a reprojection and second biases stand for themselves. In a checkpoint they are part of
        the word vectors and of the biases (see `folded`), and every reader has one model to know.
    """
    hidden, gates = specification.hidden_size, GATES[specification.cell]
    bias = (2, gates * hidden) if specification.cell == "gru" else (gates * hidden,)
    named: dict[str, tuple[int, ...]] = {"embedding": (vocabulary_size, specification.embedding_size)}
    size = specification.embedding_size
    if training and specification.reprojection:
        named |= {"reprojection.kernel": (size, size), "reprojection.bias": (size,)}
    for layer in range(specification.layers):
        for direction in specification.directions:
            named[f"rnn.{layer}.{direction}.input_kernel"] = (size, gates * hidden)
            named[f"rnn.{layer}.{direction}.recurrent_kernel"] = (hidden, gates * hidden)
            named[f"rnn.{layer}.{direction}.bias"] = bias
            if training and specification.second_bias and specification.cell != "gru":
                named[f"rnn.{layer}.{direction}.second_bias"] = bias
        size = hidden * len(specification.directions)
    named["head.kernel"] = (specification.features, specification.outputs(classes))
    named["head.bias"] = (specification.outputs(classes),)
    return named


def initialise(specification: Specification, vectors: VectorTable, classes: int) -> Weights:
    """Draw initial weights from the specification's seed.

    Each array has a generator of its own, seeded by (seed, name): the embedding of an LSTM and of a
    GRU are equal, and adding a layer changes no other array.

    Parameters
    ----------
    specification : Specification
        The model fields, ``padding`` and ``seed``.
    vectors : VectorTable
        Rows that were found start from their vectors, the others from the framework's
        distribution, and a padding row that is not read from 0.
    classes : int
        That the model tells apart.

    Raises
    ------
    LockstepError
        If a head of one logit is to tell apart more than two.

    Returns
    -------
    dict of str to <float32> array
        By ``initialisation``. Keras, and this recipe: Glorot-uniform input kernels and head (Glorot &
        Bengio 2010), orthogonal recurrent kernels (Saxe et al. 2014), biases 0 except the LSTM's
        forget gate 1 (Jozefowicz et al. 2015), embedding uniform(-0.05, 0.05). PyTorch: all of a
        layer uniform within ``1 / sqrt(hidden)``, the head within ``1 / sqrt(features)``, embedding
        standard normal. fastai: as PyTorch, but the embedding 0.01 times a truncated normal.
    """
    if specification.head == "sigmoid" and classes != 2:
        raise LockstepError(f"head: a sigmoid tells two classes apart, there are {classes}; use --head softmax")
    weights = {}
    for name, shape in shapes(specification, len(vectors.found), classes, training=True).items():
        generator = np.random.default_rng([specification.seed, zlib.crc32(name.encode())])
        if name == "embedding":
            drawn = EMBEDDINGS[specification.initialisation](generator, shape)
            if specification.initialisation == "flair" and vectors.found.any():
                drawn = np.zeros(shape)
            values = np.where(vectors.found[:, None], vectors.vectors, drawn)
            if specification.unread_id == PADDING_ID:
                values[PADDING_ID] = 0
        elif specification.initialisation == "keras":
            values = _drawn_as_keras(generator, name, shape, specification)
        else:
            values = _drawn_as_pytorch(generator, name, shape, specification)
        weights[name] = np.ascontiguousarray(values, dtype=np.float32)
    return weights


# fastai truncates by the remainder: what is drawn beyond 2 comes back near 0.
def _glorot(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    limit = np.sqrt(6 / (shape[0] + shape[1]))
    return generator.uniform(-limit, limit, shape)


EMBEDDINGS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "keras": lambda generator, shape: generator.uniform(-0.05, 0.05, shape),
    "pytorch": lambda generator, shape: generator.standard_normal(shape),
    "flair": _glorot,
    "fastai": lambda generator, shape: 0.01 * np.fmod(generator.standard_normal(shape), 2),
}


def _drawn_as_keras(
    generator: np.random.Generator, name: str, shape: tuple[int, ...], specification: Specification
) -> np.ndarray:
    if name.endswith("recurrent_kernel"):
        return _orthogonal(generator, shape)
    if name.endswith("bias"):
        values = np.zeros(shape)
        if name.startswith("rnn") and name.endswith(".bias") and specification.cell == "lstm":
            values[specification.hidden_size : 2 * specification.hidden_size] = 1
        return values
    return _glorot(generator, shape)


def _drawn_as_pytorch(
    generator: np.random.Generator, name: str, shape: tuple[int, ...], specification: Specification
) -> np.ndarray:
    linear = {"head": specification.features, "reprojection": specification.embedding_size}.get(name.split(".")[0])
    if linear is not None:
        if specification.initialisation == "flair" and name.endswith("kernel"):
            return _glorot(generator, shape)
        return generator.uniform(-(linear**-0.5), linear**-0.5, shape)
    limit = specification.hidden_size**-0.5
    if name.endswith(".bias") and specification.cell != "gru" and not specification.second_bias:
        return generator.uniform(-limit, limit, (2, *shape)).sum(axis=0)  # the sum of its two biases
    return generator.uniform(-limit, limit, shape)


def _orthogonal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw a matrix with orthonormal rows (QR of a normal matrix, signs made unique)."""
    q, r = np.linalg.qr(generator.standard_normal((shape[1], shape[0])))
    return (q * np.sign(np.diag(r))).T


def check(weights: Mapping[str, np.ndarray], specification: Specification) -> None:
    """Raise a LockstepError unless these are finite float32 arrays with the specification's names and shapes."""
    rows, outputs = (len(weights[name]) if name in weights else 0 for name in ("embedding", "head.bias"))
    if outputs == 1 and specification.head == "softmax":
        raise LockstepError("weights do not fit the model: a softmax of one output is always 1; its head is a sigmoid")
    expected = shapes(specification, rows, outputs)
    missing, extra = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or extra:
        problem = f"{missing[0]!r} is missing" if missing else f"{extra[0]!r} is not one of its arrays"
        raise LockstepError(f"weights do not fit the {specification.architecture} model: {problem}")
    for name, shape in expected.items():
        if weights[name].shape != shape or weights[name].dtype != np.float32:
            found = f"{weights[name].dtype}{list(weights[name].shape)}"
            raise LockstepError(f"weights do not fit the model: {name} is {found}, expected float32{list(shape)}")
        refuse_non_finite(name, weights[name])


def folded(weights: Weights) -> Weights:
    """Return the weights of the same model without what only training needs.

    A second bias is added to the first. A reprojection is put into the word vectors: what reads them multiplies by one
    matrix less. Both are exact but for one rounding.

    Parameters
    ----------
    weights : dict of str to <float32> array
        With or without such arrays.
    """
    found = {name: array for name, array in weights.items() if not name.endswith(TRAINING_ONLY)}
    for name in weights:
        if name.endswith("second_bias"):
            first = name.replace("second_bias", "bias")
            found[first] = found[first] + weights[name]
    if "reprojection.kernel" in weights:
        found["embedding"] = weights["embedding"] @ weights["reprojection.kernel"] + weights["reprojection.bias"]
    return found


def started_from(weights: Weights, vocabulary: Vocabulary, checkpoint: Checkpoint) -> Weights:
    """Return initial weights with a checkpoint's recurrent layers, and its vectors of the words that both know.

    The head stays as it was drawn. A direction that the checkpoint lacks stays so too: what reads
    backward can start from a forward model in one half.

    Parameters
    ----------
    weights : dict of str to <float32> array
        As drawn.
    vocabulary : Vocabulary
        Words of their embedding.
    checkpoint : Checkpoint
        Trained, for whatever task.

    Raises
    ------
    LockstepError
        If an array of both has another shape, or they share no recurrent layer.
    """
    source = checkpoint.weights
    common = [name for name in weights if name.startswith("rnn") and name in source]
    if not common:
        raise LockstepError("--start-from: the checkpoint and the model have no recurrent layer in common")
    for name in ("embedding", *common):
        theirs, ours = (arrays[name].shape[name == "embedding" :] for arrays in (source, weights))
        if theirs != ours:
            raise LockstepError(f"--start-from: the checkpoint's {name} is {list(theirs)}, the model's {list(ours)}")
    rows = np.array([checkpoint.vocabulary.ids.get(word, -1) for word in vocabulary.words])  # [vocabulary]
    embedding = np.where(rows[:, None] >= 0, source["embedding"][rows], weights["embedding"])
    started = {**weights, "embedding": embedding, **{name: source[name] for name in common}}
    # The checkpoint's vectors and biases are whole: what would be added to them begins as nothing.
    for name in weights:
        if name.endswith("second_bias") and name.replace("second_bias", "bias") in common:
            started[name] = np.zeros_like(weights[name])
    if "reprojection.kernel" in weights:
        started["reprojection.kernel"] = np.eye(len(weights["reprojection.bias"]), dtype=np.float32)
        started["reprojection.bias"] = np.zeros_like(weights["reprojection.bias"])
    return started


# PyTorch's gate order is i, f, g, o for LSTM, as here, and r, z, n for GRU.
TORCH_GATE_ORDER = {"rnn": (0,), "lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}


def to_torch_layout(weights: Mapping[str, np.ndarray], prefix: str, cell: str) -> Weights:
    """Arrange one direction of one layer as ``torch.nn.LSTM``, ``GRU`` and ``RNN`` want it.

    Parameters
    ----------
    weights : mapping
        Canonical weights.
    prefix : str
        ``rnn.<layer>.<direction>``.
    cell : str
        ``rnn``, ``lstm`` or ``gru``.

    Returns
    -------
    dict
        ``weight_ih [gates * hidden, in]``, ``weight_hh [gates * hidden, hidden]``, ``bias_ih`` and
        ``bias_hh [gates * hidden]``. Where the canonical bias is one, ``bias_hh`` is zero.
    """
    order = TORCH_GATE_ORDER[cell]
    bias = weights[f"{prefix}.bias"]
    input_bias, recurrent_bias = bias if cell == "gru" else (bias, np.zeros_like(bias))
    return {
        "weight_ih": np.ascontiguousarray(reordered(weights[f"{prefix}.input_kernel"], order).T),
        "weight_hh": np.ascontiguousarray(reordered(weights[f"{prefix}.recurrent_kernel"], order).T),
        "bias_ih": reordered(input_bias, order),
        "bias_hh": reordered(recurrent_bias, order),
    }


def from_torch_layout(layer: Mapping[str, np.ndarray], prefix: str, cell: str) -> Weights:
    """Undo :func:`to_torch_layout`; two biases of an LSTM or RNN are added to one."""
    order = tuple(np.argsort(TORCH_GATE_ORDER[cell]))
    input_bias, recurrent_bias = reordered(layer["bias_ih"], order), reordered(layer["bias_hh"], order)
    return {
        f"{prefix}.input_kernel": np.ascontiguousarray(reordered(layer["weight_ih"].T, order)),
        f"{prefix}.recurrent_kernel": np.ascontiguousarray(reordered(layer["weight_hh"].T, order)),
        f"{prefix}.bias": np.stack([input_bias, recurrent_bias]) if cell == "gru" else input_bias + recurrent_bias,
    }


def reordered(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Put the gates, which lie side by side on the last axis, in another order."""
    gates = np.split(array, len(order), axis=-1)
    return np.concatenate([gates[gate] for gate in order], axis=-1)


@dataclass(frozen=True)
class Checkpoint:
    """A trained model that any implementation can load.

    Attributes
    ----------
    specification : Specification
        With it, `build` makes the model and reviews are encoded.
    vocabulary : Vocabulary
        Words by id.
    weights : dict of str to <float32> array
        Canonical weights.
    class_names : tuple of str
        By label.
    """

    specification: Specification
    vocabulary: Vocabulary
    weights: Weights
    class_names: tuple[str, ...]


class _ModelFile(BaseModel):
    """What ``model.json`` holds; `files` has the SHA-256 of the others, `checksum` its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int
    specification: dict[str, object]
    text_rules_version: int
    padding_id: int
    unknown_id: int
    class_names: tuple[str, ...]
    files: dict[str, str] = {}
    checksum: str = ""


def save_checkpoint(directory: Path, checkpoint: Checkpoint, **notes: object) -> None:
    """Make a new directory with ``weights.safetensors``, ``vocabulary.txt`` and ``model.json``, which names the others.

    Parameters
    ----------
    directory : Path
        Nothing is there yet (see `shared.output`).
    checkpoint : Checkpoint
        Any.
    **notes
        Of the training, if there are some to keep: ``pretraining.json``.
    """
    check(checkpoint.weights, checkpoint.specification)
    check_class_names(checkpoint.class_names)
    directory.mkdir()
    save_bytes(directory / "weights.safetensors", save(checkpoint.weights))
    checkpoint.vocabulary.save(directory / "vocabulary.txt")
    if notes:
        save_json(directory / "pretraining.json", notes)
    described = _ModelFile(
        format_version=CHECKPOINT_VERSION,
        specification=checkpoint.specification.model_dump(),
        text_rules_version=TEXT_RULES_VERSION,
        padding_id=PADDING_ID,
        unknown_id=UNKNOWN_ID,
        class_names=checkpoint.class_names,
        files=manifest(directory),
    )
    save_json(directory / "model.json", seal(described.model_dump(mode="json", exclude={"checksum"})))


def read_checkpoint(directory: Path) -> Checkpoint:
    """Read and check what :func:`save_checkpoint` wrote.

    Raises
    ------
    LockstepError
        If a file is missing, damaged or changed, the format version is another, or an array is missing,
        not finite or has another shape.
    """
    if (directory / "checkpoint").is_dir():
        directory = directory / "checkpoint"
    _check_against_run(directory)
    with reading(directory, "a checkpoint", "name a directory that train, pretraining or convert wrote"):
        described = _described(directory / "model.json")
        for name in ("weights.safetensors", "vocabulary.txt"):
            check_file(directory / name, described.files.get(name))
        specification = from_record(described.specification)
        weights = _read_weights(directory / "weights.safetensors")
        vocabulary = Vocabulary.read(directory / "vocabulary.txt")
        check(weights, specification)
        check_class_names(described.class_names)
        rows, outputs = len(weights["embedding"]), len(weights["head.bias"])
        if len(vocabulary) != rows:
            raise LockstepError(f"{len(vocabulary)} words in the vocabulary, {rows} rows in the embedding")
        classes = len(described.class_names)
        if outputs != specification.outputs(classes) or (specification.head == "sigmoid" and classes != 2):
            raise LockstepError(f"{classes} class names, the {specification.head} head has {outputs} outputs")
    return Checkpoint(specification, vocabulary, weights, described.class_names)


def _check_against_run(checkpoint: Path) -> None:
    """Hold a checkpoint that stands in a run against the run's record, which names its checksum."""
    record = checkpoint.parent / "record.json"
    if checkpoint.name != "checkpoint" or not record.is_file():
        return
    expected = None
    with reading(record, "a record", "remove the run and train it again"):
        values = json.loads(read_bytes(record, "a record", LARGEST_MODEL_FILE))
        if values["record_version"] > 1:
            check_seal(values)
            expected = values["files"]["checkpoint/model.json"]
    check_file(checkpoint / "model.json", expected)


def read_specification(directory: Path) -> Specification:
    """Return the specification of a checkpoint without reading its weights.

    Raises
    ------
    LockstepError
        If ``model.json`` is missing, damaged or changed.
    """
    return from_record(_described(directory / "model.json").specification)


def _described(path: Path) -> _ModelFile:
    with reading(path, "the description of a model"):
        values = json.loads(read_bytes(path, "the description of a model", LARGEST_MODEL_FILE))
        version = values["format_version"]
        if version not in (1, CHECKPOINT_VERSION):
            raise LockstepError(f"{path}: format version {version}, this program reads {CHECKPOINT_VERSION}")
        if version == CHECKPOINT_VERSION:
            check_seal(values)
        described = _ModelFile.model_validate(values)
        if version == CHECKPOINT_VERSION and not {"weights.safetensors", "vocabulary.txt"} <= described.files.keys():
            raise LockstepError(f"{path}: names no checksums of its files")
        if (described.padding_id, described.unknown_id) != (PADDING_ID, UNKNOWN_ID):
            raise LockstepError(
                f"{path}: has other ids for padding and unknown words than {PADDING_ID} and {UNKNOWN_ID}"
            )
        if described.text_rules_version != TEXT_RULES_VERSION:
            raise LockstepError(f"{path}: made with other text rules ({described.text_rules_version}); train it again")
        return described


def _read_weights(path: Path) -> Weights:
    """Read arrays from a safetensors file, whose own size bounds what they may claim."""
    with reading(path, "a safetensors file"):
        check_regular(path)
        with path.open("rb") as file:
            (header,) = struct.unpack("<Q", file.read(8))
        if header > path.stat().st_size - 8:
            raise LockstepError(f"{path}: is cut off, or no safetensors file")
        return dict(load(path.read_bytes()))
