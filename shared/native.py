"""A model in a framework's own file: what a room reads of it, and what such a file can say of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.errors import LockstepError
from shared.specification import Specification, from_record
from shared.weights import Checkpoint, Weights

METADATA_VERSION = "1"


@dataclass(frozen=True)
class NativeModel:
    """What `read_native` of a room makes of a file.

    Attributes
    ----------
    specification : Specification
        The model fields come from the file; what it cannot say has its default.
    weights : dict of str to <float32> array
        Canonical weights.
    class_names : tuple of str, optional
        By label, if the file says them.
    notes : tuple of str
        What was supposed or rounded, one line each, for the user to read.
    """

    specification: Specification
    weights: Weights
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def specification_of(weights: Mapping[str, np.ndarray], cell: str, pooling: str, **known: Any) -> Specification:
    """Return the specification that fits canonical weights of a model that was trained elsewhere.

    Parameters
    ----------
    weights : mapping
        Canonical names and shapes.
    cell : str
        ``rnn``, ``lstm`` or ``gru``.
    pooling : str
        How its outputs become one vector.
    **known
        Further fields that the file says.

    Raises
    ------
    LockstepError
        If a size is out of range.
    """
    both_ways = "rnn.0.backward.input_kernel" in weights
    vocabulary_size, embedding_size = weights["embedding"].shape
    fields = {
        "data": "unknown",
        "vectors": "random",
        "vocabulary_size": vocabulary_size,
        "architecture": f"bi{cell}" if both_ways else cell,
        "embedding_size": embedding_size,
        "hidden_size": len(weights["rnn.0.forward.recurrent_kernel"]),
        "layers": 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("rnn.")),
        "pooling": pooling,
        "dropout": 0,
    }
    return Specification().replaced(**{**fields, **known})


def head_of_classes(kernel: np.ndarray, bias: np.ndarray) -> Weights:
    """Return a canonical head; one logistic unit becomes two classes.

    ``sigmoid(z) = exp(z) / (exp(0) + exp(z))``, the second of a softmax over ``[0, z]``: the first
    class gets a column of zeros.

    Parameters
    ----------
    kernel : <float32>[features, units]
    bias : <float32>[units]
    """
    if len(bias) == 1:
        kernel = np.concatenate([np.zeros_like(kernel), kernel], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    return {"head.kernel": np.ascontiguousarray(kernel), "head.bias": bias}


def to_metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """Return what a file with room for text says of its model; all but the words and the weights."""
    return {
        "lockstep_format": METADATA_VERSION,
        "architecture": checkpoint.specification.architecture,
        "pooling": checkpoint.specification.pooling,
        "class_names": json.dumps(checkpoint.class_names, ensure_ascii=False),
        "specification": json.dumps(checkpoint.specification.model_dump(), ensure_ascii=False),
    }


def from_metadata(metadata: Mapping[str, str]) -> tuple[Specification, tuple[str, ...]] | None:
    """Read the specification and the class names that :func:`to_metadata` wrote; None if it did not.

    Raises
    ------
    LockstepError
        If it did and they are damaged or of another version.
    """
    version = metadata.get("lockstep_format")
    if version is None:
        return None
    if version != METADATA_VERSION:
        raise LockstepError(f"metadata of version {version}, this program reads {METADATA_VERSION}")
    try:
        specification, class_names = (json.loads(metadata[name]) for name in ("specification", "class_names"))
        return from_record(specification), tuple(map(str, class_names))
    except (KeyError, TypeError, ValueError) as error:
        raise LockstepError(f"damaged metadata ({error})") from error
