"""Canonical weights: names, shapes, initial values, PyTorch's layout, and checkpoints.

Gate orders: LSTM ``i, f, g, o``; GRU ``z, r, n`` in the reset-after form, whose bias has one row for
the input and one for the recurrent side. Kernels are ``[in, out]``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from shared.data.sources import CLASS_NAMES
from shared.errors import LockstepError
from shared.files import write_json, written_whole
from shared.specification import Specification, from_record
from shared.text import PADDING_ID, UNKNOWN_ID, Vocabulary
from shared.text.tokens import TEXT_RULES_VERSION
from shared.vectors import VectorTable

Weights = dict[str, np.ndarray]

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
CHECKPOINT_VERSION = 1


def shapes(specification: Specification, vocabulary_size: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Return the name and the shape of every canonical array, in canonical order.

    Parameters
    ----------
    specification : Specification
        The model fields are used.
    vocabulary_size : int
        Rows of the embedding.
    classes : int
        Columns of the head.
    """
    hidden, gates = specification.hidden_size, GATES[specification.cell]
    bias = (2, gates * hidden) if specification.cell == "gru" else (gates * hidden,)
    named: dict[str, tuple[int, ...]] = {"embedding": (vocabulary_size, specification.embedding_size)}
    size = specification.embedding_size
    for layer in range(specification.layers):
        for direction in specification.directions:
            named[f"rnn.{layer}.{direction}.input_kernel"] = (size, gates * hidden)
            named[f"rnn.{layer}.{direction}.recurrent_kernel"] = (hidden, gates * hidden)
            named[f"rnn.{layer}.{direction}.bias"] = bias
        size = hidden * len(specification.directions)
    named["head.kernel"] = (specification.features, classes)
    named["head.bias"] = (classes,)
    return named


def initialise(specification: Specification, vectors: VectorTable, classes: int = len(CLASS_NAMES)) -> Weights:
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
        Columns of the head.

    Returns
    -------
    dict of str to <float32> array
        By ``initialisation``. Keras, and this recipe: Glorot-uniform input kernels and head (Glorot &
        Bengio 2010), orthogonal recurrent kernels (Saxe et al. 2014), biases 0 except the LSTM's
        forget gate 1 (Jozefowicz et al. 2015), embedding uniform(-0.05, 0.05). PyTorch: all of a
        layer uniform within ``1 / sqrt(hidden)``, the head within ``1 / sqrt(features)``, embedding
        standard normal. fastai: as PyTorch, but the embedding 0.01 times a truncated normal.
    """
    weights = {}
    for name, shape in shapes(specification, len(vectors.found), classes).items():
        generator = np.random.default_rng([specification.seed, zlib.crc32(name.encode())])
        if name == "embedding":
            drawn = EMBEDDINGS[specification.initialisation](generator, shape)
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
EMBEDDINGS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "keras": lambda generator, shape: generator.uniform(-0.05, 0.05, shape),
    "pytorch": lambda generator, shape: generator.standard_normal(shape),
    "fastai": lambda generator, shape: 0.01 * np.fmod(generator.standard_normal(shape), 2),
}


def _drawn_as_keras(
    generator: np.random.Generator, name: str, shape: tuple[int, ...], specification: Specification
) -> np.ndarray:
    if name.endswith("recurrent_kernel"):
        return _orthogonal(generator, shape)
    if name.endswith("bias"):
        values = np.zeros(shape)
        if name.startswith("rnn") and specification.cell == "lstm":
            values[specification.hidden_size : 2 * specification.hidden_size] = 1
        return values
    limit = np.sqrt(6 / (shape[0] + shape[1]))
    return generator.uniform(-limit, limit, shape)


def _drawn_as_pytorch(
    generator: np.random.Generator, name: str, shape: tuple[int, ...], specification: Specification
) -> np.ndarray:
    if name.startswith("head"):
        limit = specification.features**-0.5
        return generator.uniform(-limit, limit, shape)
    limit = specification.hidden_size**-0.5
    if name.endswith("bias") and specification.cell != "gru":
        return generator.uniform(-limit, limit, (2, *shape)).sum(axis=0)  # the sum of its two biases
    return generator.uniform(-limit, limit, shape)


def _orthogonal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw a matrix with orthonormal rows (QR of a normal matrix, signs made unique)."""
    q, r = np.linalg.qr(generator.standard_normal((shape[1], shape[0])))
    return (q * np.sign(np.diag(r))).T


def check(weights: Mapping[str, np.ndarray], specification: Specification) -> None:
    """Raise a LockstepError unless these are float32 arrays with the specification's names and shapes."""
    sizes = [weights[name].shape[axis] if name in weights else 0 for name, axis in (("embedding", 0), ("head.bias", 0))]
    expected = shapes(specification, *sizes)
    missing, extra = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or extra:
        problem = f"{missing[0]!r} is missing" if missing else f"{extra[0]!r} is not one of its arrays"
        raise LockstepError(f"weights do not fit the {specification.architecture} model: {problem}")
    for name, shape in expected.items():
        if weights[name].shape != shape or weights[name].dtype != np.float32:
            found = f"{weights[name].dtype}{list(weights[name].shape)}"
            raise LockstepError(f"weights do not fit the model: {name} is {found}, expected float32{list(shape)}")


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
    return {**weights, "embedding": embedding, **{name: source[name] for name in common}}


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


def from_torch_layout(layer: Mapping[str, np.ndarray], prefix: str, cell: str, gradients: bool = False) -> Weights:
    """Undo :func:`to_torch_layout`; two biases of an LSTM or RNN are added to one.

    Of `gradients`, that of the sum is that of either bias, and ``bias_ih``'s is taken.
    """
    order = tuple(np.argsort(TORCH_GATE_ORDER[cell]))
    input_bias, recurrent_bias = reordered(layer["bias_ih"], order), reordered(layer["bias_hh"], order)
    one_bias = input_bias if gradients else input_bias + recurrent_bias
    return {
        f"{prefix}.input_kernel": np.ascontiguousarray(reordered(layer["weight_ih"].T, order)),
        f"{prefix}.recurrent_kernel": np.ascontiguousarray(reordered(layer["weight_hh"].T, order)),
        f"{prefix}.bias": np.stack([input_bias, recurrent_bias]) if cell == "gru" else one_bias,
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
    class_names: tuple[str, ...] = CLASS_NAMES


class _ModelFile(BaseModel):
    """What ``model.json`` holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int
    specification: dict[str, object]
    text_rules_version: int
    padding_id: int
    unknown_id: int
    class_names: tuple[str, ...]


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write ``weights.safetensors``, ``model.json`` and ``vocabulary.txt``, whole or not at all."""
    check(checkpoint.weights, checkpoint.specification)
    described = _ModelFile(
        format_version=CHECKPOINT_VERSION,
        specification=checkpoint.specification.model_dump(),
        text_rules_version=TEXT_RULES_VERSION,
        padding_id=PADDING_ID,
        unknown_id=UNKNOWN_ID,
        class_names=checkpoint.class_names,
    )
    with written_whole(directory) as temporary:
        temporary.mkdir()
        (temporary / "weights.safetensors").write_bytes(save(checkpoint.weights))
        checkpoint.vocabulary.write(temporary / "vocabulary.txt")
        write_json(temporary / "model.json", described.model_dump())


def read_checkpoint(directory: Path) -> Checkpoint:
    """Read and check what :func:`write_checkpoint` wrote.

    Raises
    ------
    LockstepError
        If a file is missing or damaged, its format version is another, or an array is missing or
        has another shape.
    """
    if (directory / "checkpoint").is_dir():
        directory = directory / "checkpoint"
    try:
        values = json.loads((directory / "model.json").read_text(encoding="utf-8"))
        weights = load_file(directory / "weights.safetensors")
    except OSError as error:
        raise LockstepError(f"{directory}: not a checkpoint ({error.strerror or error}: {error.filename})") from error
    except (ValueError, SafetensorError) as error:
        raise LockstepError(f"{directory}: a damaged checkpoint ({error})") from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != CHECKPOINT_VERSION:
        raise LockstepError(f"{directory}: format version {version}, this program reads {CHECKPOINT_VERSION}")
    try:
        described = _ModelFile.model_validate(values)
    except ValidationError as error:
        raise LockstepError(f"{directory}: a damaged checkpoint (model.json: {error.errors()[0]['msg']})") from error
    if described.text_rules_version != TEXT_RULES_VERSION:
        raise LockstepError(f"{directory}: made with other text rules ({described.text_rules_version}); train it again")
    specification = from_record(described.specification)
    vocabulary = Vocabulary.read(directory / "vocabulary.txt")
    check(weights, specification)
    if len(vocabulary) != len(weights["embedding"]):
        rows = len(weights["embedding"])
        raise LockstepError(f"{directory}: {len(vocabulary)} words in the vocabulary, {rows} rows in the embedding")
    return Checkpoint(specification, vocabulary, weights, described.class_names)
