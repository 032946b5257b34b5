"""Trained models packed for the report's page, where ``assets/playground.js`` runs them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from compare.names import ARCHITECTURE_TITLES, TITLES
from shared.data.encoded import head_tokens
from shared.differences import largest_difference, within
from shared.errors import LockstepError
from shared.reference.model import build, softmax
from shared.runs import Run
from shared.specification import POOLED, Specification
from shared.text import UNKNOWN_ID, Pipeline
from shared.weights import Checkpoint, Weights, read_checkpoint

# Steps that the page does exactly as `shared.text` does.
CLEANING = {"html", "apostrophes", "lower_case"}
# Rows of an embedding whose numbers get 16 bits, the others get 12: words are in order of frequency, and the first
# 2,048 are most of every review. Largest difference of a probability so, of a BiLSTM and an LSTM of the quick preset
# over 1,000 test reviews: 4e-4, in 1.6 MB. Otherwise, of its twelve models over 300 test reviews: 1e-4 with 16
# bits for all rows (2.0 MB), 3e-4 with float16 (2.0 MB), 1.5e-3 with 12 bits (1.5 MB), 2e-2 with 8 bits (1.0 MB).
FREQUENT_WORDS = 2_048
# What packing may change of a probability, on texts of random words.
ROUNDING = 5e-4
RANDOM_TEXTS, LONGEST_RANDOM_TEXT = 32, 200
LARGEST_MODELS = 8_000_000  # bytes of JSON
SMALLEST_PARAMETER = 1.5 * 4 / 3  # bytes of JSON: 12 bits in base64


class _Packed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackedRows(_Packed):
    """Rows of the embedding: each is whole numbers times the row's scale.

    ``scales`` are float32. ``numbers`` are int16, or two of 12 bits, less -2,048, in three bytes: the first one's low
    eight bits, its high four below the second one's low four, the second one's high eight. All in base64, lowest byte
    first.
    """

    bits: Literal[12, 16]
    scales: str
    numbers: str


class PlaygroundModel(_Packed):
    """A trained model as the page reads it.

    ``head_words`` is how many of ``max_length`` words are read from the beginning; ``pooled`` what is put side by side
    of every direction; ``words`` the vocabulary with line ends between; ``arrays`` all canonical weights but the
    embedding, float32 in base64.
    """

    name: str
    class_names: tuple[str, ...]
    cleaning: tuple[str, ...]
    max_length: int
    head_words: int
    cell: Literal["rnn", "lstm", "gru"]
    directions: tuple[str, ...]
    layers: int
    hidden_size: int
    embedding_size: int
    pooled: tuple[str, ...]
    head: Literal["softmax", "sigmoid"]
    words: str
    embedding: tuple[PackedRows, ...]
    arrays: dict[str, str]


def playground_models(
    runs: Sequence[Run], largest_bytes: int = LARGEST_MODELS
) -> tuple[list[PlaygroundModel], list[str]]:
    """Pack one model of each architecture: of its first run that has a checkpoint, by framework and then by seed.

    Parameters
    ----------
    runs : sequence of Run
        Of an experiment.
    largest_bytes : int
        Of all models together, as :func:`playground_json` writes them. The largest are left out until they fit.

    Returns
    -------
    list of PlaygroundModel
        In the order of the architectures' names.
    list of str
        Why a model is missing, a sentence each.
    """
    models, left_out = [], []
    for run in _one_of_each_architecture(runs):
        name = f"{TITLES[run.record.framework]} {ARCHITECTURE_TITLES[run.record.architecture]}"
        least = run.record.parameters.total * SMALLEST_PARAMETER
        if least > largest_bytes:  # and need not be packed
            left_out.append(_too_large(name, least, largest_bytes))
            continue
        try:
            models.append(packed(name, read_checkpoint(run.directory)))
        except LockstepError as error:
            left_out.append(f"{name}: {error}")
    sizes = {model.name: len(playground_json([model])) for model in models}
    for model in sorted(models, key=lambda model: -sizes[model.name]):
        if sum(sizes[one.name] for one in models) > largest_bytes:
            models.remove(model)
            left_out.append(_too_large(model.name, sizes[model.name], largest_bytes))
    return models, left_out


def _too_large(name: str, size: float, largest_bytes: int) -> str:
    return f"{name}: needs {size / 1e6:.1f} MB of a page whose models may have {largest_bytes / 1e6:.1f} MB together"


def _one_of_each_architecture(runs: Iterable[Run]) -> list[Run]:
    """Return the first run with a checkpoint of each architecture; the reference stands after the frameworks."""
    frameworks = list(TITLES)
    trained = [run for run in runs if (run.directory / "checkpoint").is_dir() and run.record.framework in TITLES]
    trained.sort(key=lambda run: (run.record.architecture, frameworks.index(run.record.framework), run.record.seed))
    return [next(group) for _, group in groupby(trained, lambda run: run.record.architecture)]


def playground_json(models: Sequence[PlaygroundModel]) -> str:
    """Return models as JSON in ASCII without ``<``, ``>`` and ``&``: it may stand in a ``<script>`` of a page."""
    text = json.dumps([model.model_dump() for model in models], separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def packed(name: str, checkpoint: Checkpoint) -> PlaygroundModel:
    """Pack a model so that the page's probabilities are within 1e-3 of the reference's.

    Parameters
    ----------
    name : str
        As the page shows it.
    checkpoint : Checkpoint
        Any.

    Raises
    ------
    LockstepError
        If the page cannot do what the model does, or packing changes its answers too much.
    """
    specification, weights = checkpoint.specification, checkpoint.weights
    steps = Pipeline.parse(specification.cleaning).names
    if set(steps) - CLEANING:
        raise LockstepError(f"the page has no cleaning step {sorted(set(steps) - CLEANING)[0]!r}")
    if specification.padding != "masked":
        raise LockstepError("the page cannot read padding as a word")
    return PlaygroundModel(
        name=name,
        class_names=checkpoint.class_names,
        cleaning=steps,
        max_length=specification.max_length,
        head_words=head_tokens(specification),
        cell=specification.cell,
        directions=specification.directions,
        layers=specification.layers,
        hidden_size=specification.hidden_size,
        embedding_size=specification.embedding_size,
        pooled=tuple(POOLED[specification.pooling]),
        head=specification.head,
        words="\n".join(checkpoint.vocabulary.words),
        embedding=_packed_embedding(specification, weights),
        arrays={name: _base64(array.astype("<f4")) for name, array in weights.items() if name != "embedding"},
    )


def _packed_embedding(specification: Specification, weights: Weights) -> tuple[PackedRows, ...]:
    """Pack the embedding in the fewest bits that keep the answers."""
    vectors = weights["embedding"]
    texts = _random_texts(specification, len(vectors))
    expected = _probabilities(specification, weights, texts)
    for frequent in (FREQUENT_WORDS, len(vectors)):
        blocks = [_rounded(vectors[:frequent], 16), _rounded(vectors[frequent:], 12)]
        unpacked = np.concatenate([block.numbers * block.scales[:, None] for block in blocks])
        found = _probabilities(specification, {**weights, "embedding": unpacked}, texts)
        if within(largest_difference(found, expected), ROUNDING):
            return tuple(block.packed() for block in blocks if len(block.scales))
    raise LockstepError(f"its answers change by over {ROUNDING:g} when its word vectors are rounded to 16 bits")


class _Rounded(NamedTuple):
    """Rows of an embedding as whole numbers."""

    bits: Literal[12, 16]
    numbers: np.ndarray  # <int16>[rows, size]
    scales: np.ndarray  # what a row's numbers are to be multiplied by, <float32>[rows]

    def packed(self) -> PackedRows:
        """As :class:`PackedRows` says."""
        numbers = self.numbers.astype("<i2") if self.bits == 16 else _two_in_three_bytes(self.numbers.ravel())
        return PackedRows(bits=self.bits, scales=_base64(self.scales.astype("<f4")), numbers=_base64(numbers))


def _rounded(vectors: np.ndarray, bits: Literal[12, 16]) -> _Rounded:
    most = 2 ** (bits - 1) - 1
    scales = (np.abs(vectors).max(axis=1) / most).astype(np.float32)
    scales[scales == 0] = 1
    numbers = np.clip(np.rint(vectors / scales[:, None]), -most, most)
    return _Rounded(bits, numbers.astype(np.int16), scales)


def _two_in_three_bytes(numbers: np.ndarray) -> np.ndarray:
    """Pack whole numbers from -2,048 to 2,047, ``<int16>[n]`` to ``<uint8>[3 * ceil(n / 2)]``."""
    first, second = np.append(numbers + 2_048, [0] * (len(numbers) % 2)).astype(np.int32).reshape(-1, 2).T
    return np.stack([first & 255, first >> 8 | (second & 15) << 4, second >> 4], axis=1).astype(np.uint8)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _random_texts(specification: Specification, words: int) -> np.ndarray:
    """Word ids ``<int32>[texts, time]``, as frequent as their ranks say (Zipf 1949)."""
    generator = np.random.default_rng(0)
    ranks = np.arange(1, words - UNKNOWN_ID + 1)
    size = RANDOM_TEXTS, min(specification.max_length, LONGEST_RANDOM_TEXT)
    return (generator.choice(ranks, size, p=1 / ranks / (1 / ranks).sum()) + UNKNOWN_ID - 1).astype(np.int32)


def _probabilities(specification: Specification, weights: Weights, texts: np.ndarray) -> np.ndarray:
    return softmax(build(specification, weights).logits(texts))
