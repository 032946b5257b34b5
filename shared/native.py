"""A model in a framework's own file: what a room reads of it, and what such a file can say of itself.

What a file claims is held against its own size before a framework opens it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.classes import check_class_names
from shared.errors import LockstepError
from shared.files import BoundedFile, check_regular, digest, reading
from shared.specification import Specification, from_record
from shared.weights import Checkpoint, Weights, check

METADATA_VERSION = "1"
CHECKSUM = "lockstep_sha256"
SAID = ("lockstep_format", "architecture", "pooling", "class_names", "specification")

LARGEST_HEADER = 10_000_000  # bytes; a real one has some thousand
# Neither Keras nor PyTorch compresses, and weights that someone else compressed shrink by a tenth.
LARGEST_EXPANSION = 4


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

    def __post_init__(self) -> None:
        """Whatever way a file was read, its arrays are checked."""
        check(self.weights, self.specification)
        if self.classes < 2:
            raise LockstepError("its head has one output for a softmax, which is 1 for every review; give it a sigmoid")

    @property
    def classes(self) -> int:
        """How many classes the model tells apart."""
        return self.specification.classes(len(self.weights["head.bias"]))


# As Keras and PyTorch pack. Another method can ask for a gigabyte before the first byte comes out.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opening(path: Path, what: str, advice: str) -> Iterator[None]:
    """As `shared.files.reading`, for a plain file: a refusal gets the path, damage gets the advice too."""
    with reading(path, what, advice):
        check_regular(path)
        try:
            yield
        except LockstepError as error:
            raise LockstepError(f"{path}: {error}") from error


def read_archive(path: Path) -> dict[str, bytes]:
    """Read every member of a zip archive against its checksum; what unpacks to far more is not read.

    Raises
    ------
    LockstepError
        If the members claim more than the file can hold, or one stands twice.
    zipfile.BadZipFile
        If a checksum is another.
    """
    with BoundedFile(path) as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        claimed, size = sum(member.file_size for member in members), path.stat().st_size
        # What they take in the file counts too: so much memory is asked for before it is read.
        if claimed > LARGEST_EXPANSION * size or sum(member.compress_size for member in members) > size:
            raise LockstepError(f"claims {claimed:,} bytes in a file of {size:,}; save the model again, uncompressed")
        if any(member.compress_type not in METHODS for member in members):
            raise LockstepError("damaged, or packed as no framework packs; save the model again")
        if len({member.filename for member in members}) < len(members):
            raise LockstepError("damaged: a name stands twice in its archive; save the model again")
        return {member.filename: archive.read(member) for member in members}


def check_header(path: Path) -> None:
    """Raise a LockstepError if the header of a ``.safetensors`` file claims more than there is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, LARGEST_HEADER):
        raise LockstepError(f"damaged: its header claims {length:,} bytes in a file of {size:,}; save the model again")


def specification_of(weights: Mapping[str, np.ndarray], cell: str, pooling: str) -> Specification:
    """Return the specification that fits canonical weights of a model that was trained elsewhere.

    Parameters
    ----------
    weights : mapping
        Canonical names and shapes.
    cell : str
        ``rnn``, ``lstm`` or ``gru``.
    pooling : str
        How its outputs become one vector.

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
        "head": head_of(len(weights["head.bias"])),
        "dropout": 0,
    }
    return Specification().replaced(**fields)


def head_of(outputs: int) -> str:
    """Return the kind of a head with so many outputs: one alone can only be a sigmoid's logit."""
    return "sigmoid" if outputs == 1 else "softmax"


def one_output(checkpoint: Checkpoint, what: str) -> tuple[str, ...]:
    """Return what the user should know of a file whose head has one output, and nothing of another's.

    Parameters
    ----------
    checkpoint : Checkpoint
        That was written.
    what : str
        That the output is: the logit, or the probability.
    """
    if checkpoint.specification.head == "softmax":
        return ()
    return (f"the head has one output, {what} of {checkpoint.class_names[1]!r}",)


def to_metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """Return what a file with room for text says of its model, and a checksum of that and the weights."""
    said = {
        "lockstep_format": METADATA_VERSION,
        "architecture": checkpoint.specification.architecture,
        "pooling": checkpoint.specification.pooling,
        "class_names": json.dumps(checkpoint.class_names, ensure_ascii=False),
        "specification": json.dumps(checkpoint.specification.model_dump(), ensure_ascii=False),
    }
    return {**said, CHECKSUM: _checksum(said, checkpoint.weights)}


def _checksum(said: Mapping[str, str], weights: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of what the metadata says and of the canonical arrays."""
    arrays = []
    for name in sorted(weights):
        # PyTorch's two biases of an LSTM add up to 0.0 where ours was -0.0: adding 0 makes them one.
        numbers = np.add(weights[name], 0, dtype="<f4").tobytes()
        arrays.append(digest(name, str(weights[name].shape), numbers))
    return digest(*(said.get(name, "") for name in SAID), *arrays)


def from_metadata(
    metadata: Mapping[str, str], weights: Mapping[str, np.ndarray] | None = None
) -> tuple[Specification, tuple[str, ...]] | None:
    """Read the specification and the class names that :func:`to_metadata` wrote; None if it did not.

    Parameters
    ----------
    metadata : mapping
        Of the file.
    weights : mapping, optional
        The file's canonical weights, to be held against the checksum; files of earlier versions have none.

    Raises
    ------
    LockstepError
        If it did and they are damaged or of another version, or anything was changed since.
    """
    version = metadata.get("lockstep_format")
    if version is None and CHECKSUM not in metadata:
        return None
    if version != METADATA_VERSION:
        raise LockstepError(f"metadata of version {version}, this program reads {METADATA_VERSION}")
    try:
        specification, class_names = (json.loads(metadata[name]) for name in ("specification", "class_names"))
        if not isinstance(class_names, list) or not all(isinstance(name, str) for name in class_names):
            raise TypeError("class_names is no list of names")
        said = from_record(specification), tuple(class_names)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise LockstepError(f"damaged metadata ({error}); write the file again") from error
    check_class_names(said[1])
    if weights is not None and metadata.get(CHECKSUM) not in (None, _checksum(metadata, weights)):
        raise LockstepError(
            "was changed or damaged after it was written: its weights, or what it says of them, do not fit its "
            f"checksum ({CHECKSUM} in its metadata); write it again"
        )
    return said
