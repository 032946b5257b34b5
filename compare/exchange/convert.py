"""Trained models from one file format to another, always through canonical weights."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare.workers import Workers
from shared.classes import MOST_CLASSES, check_class_names
from shared.contract import load_implementation, module_name
from shared.errors import LockstepError
from shared.files import check_regular, read_bytes, reading
from shared.native import NativeModel
from shared.output import FILE, Kind, Output
from shared.specification import Specification
from shared.terminal import counted
from shared.text import Pipeline, Vocabulary, tokenize
from shared.text.vocabulary import SPECIAL_WORDS
from shared.weights import CHECKPOINT, Checkpoint, read_checkpoint, save_checkpoint

# Whose room reads and writes a file with this suffix.
FRAMEWORK_OF = {".keras": "keras", ".safetensors": "pytorch", ".pt": "pytorch", ".pth": "pytorch"}
INPUTS = "a checkpoint directory, .keras, .safetensors, .pt or .pth"
OUTPUTS = "a directory (a name without a suffix), .keras, .safetensors, .pt or .onnx"

# What the first two ids are called elsewhere; they mean the same here.
PADDING_WORDS = {"", "<pad>", "<PAD>", "[PAD]"}
UNKNOWN_WORDS = {"<unk>", "<UNK>", "[UNK]", "<oov>", "<OOV>"}
LONGEST_WORD = 1_000  # letters

# Of two classes that nobody named: the second is what most models of two classes are asked for.
CLASS_NAMES = ("negative", "positive")
SHOWN_NAMES = 5  # of classes, in a message


@dataclass(frozen=True)
class Wishes:
    """What the user says of a model that its file does not.

    Attributes
    ----------
    vocabulary : Path, optional
        A text file, one word a line, in the order of the ids.
    class_names : tuple of str, optional
        By label.
    pooling : str, optional
        How a state_dict's model pools.
    max_length : int, optional
        Tokens of a review that are read.
    """

    vocabulary: Path | None = None
    class_names: tuple[str, ...] | None = None
    pooling: str | None = None
    max_length: int | None = None


def kind_of(target: Path) -> Kind:
    """Return what a target will be, by its suffix: a checkpoint's directory, or a file."""
    return FILE if target.suffix else CHECKPOINT


def convert(source: Path, place: Output, wishes: Wishes) -> tuple[Checkpoint, list[str]]:
    """Read a model, write it in another format, and return it.

    Parameters
    ----------
    source : Path
        The format is told by the suffix; a directory is a checkpoint.
    place : Output
        Where to write; the format is told by the suffix of its path.
    wishes : Wishes
        What the source does not say.

    Returns
    -------
    checkpoint : Checkpoint
        What was written.
    notes : list of str
        What the user should know of it, one line each.

    Raises
    ------
    LockstepError
        If the source is damaged or has no exact counterpart, or the target cannot be written.
    """
    target = place.path
    _check_source(source, wishes)
    _check_target(target)
    checkpoint, notes = _read(source, wishes)
    if target.suffix and source.is_dir():
        notes.append(f"a {target.suffix} file holds no words: vocabulary.txt stays with the checkpoint")
    if not target.suffix and checkpoint.vocabulary.words[2:3] == _placeholders(3)[2:]:
        notes.append("no --vocabulary: the words are placeholders, so predict from text will know none of them")
    with place.written() as temporary:
        return checkpoint, [*notes, *_write(checkpoint, temporary)]


def _check_source(source: Path, wishes: Wishes) -> None:
    with reading(source, "a model"):
        if not source.exists():
            raise LockstepError(f"{source}: no such file or directory")
        if not source.is_dir():
            check_regular(source)
            if source.suffix not in FRAMEWORK_OF:
                raise LockstepError(f"{source}: cannot read {_kind(source)}; INPUT is {INPUTS}")
            source.open("rb").close()  # a file that may not be read is not a damaged one
    if wishes.pooling and FRAMEWORK_OF.get(source.suffix) != "pytorch":
        raise LockstepError(f"--pooling is for a PyTorch state_dict; {source} says itself how it pools")
    if wishes.class_names:
        try:
            check_class_names(wishes.class_names)
        except LockstepError as error:
            raise LockstepError(f"--class-names: {error}") from error


def _check_target(target: Path) -> None:
    if target.suffix not in ("", ".keras", ".safetensors", ".pt", ".onnx"):
        raise LockstepError(f"{target}: cannot write {_kind(target)}; OUTPUT is {OUTPUTS}")
    if target.suffix == ".onnx" and importlib.util.find_spec("onnx") is None:
        raise LockstepError(f"{target}: onnx is not installed: pip install 'lockstep[onnx]', or run make")


def _kind(path: Path) -> str:
    return f"{path.suffix!r} files" if path.suffix else "a file without a suffix"


def _read(source: Path, wishes: Wishes) -> tuple[Checkpoint, list[str]]:
    """Return the source's model with the wishes put over it, and what to say of it."""
    native, words = _native(source, wishes)
    specification = native.specification
    if specification.padding != "masked":
        advice = "no other format says that; train it with --padding masked"
        raise LockstepError(f"{source}: this model reads padding ({specification.padding}) as words, {advice}")
    if wishes.max_length is not None:
        specification = specification.replaced(max_length=wishes.max_length)
    rows, notes = len(native.weights["embedding"]), list(native.notes)
    if wishes.vocabulary is not None:
        words = read_words(wishes.vocabulary, rows)
        notes += _of_words(words, specification)
    class_names = wishes.class_names or native.class_names
    if class_names is None:
        class_names = _names_of_classes(native.classes)
        notes.append(f"no --class-names: supposed {_listed(class_names)}")
    _check_classes(source, class_names, native.classes)
    vocabulary = words or Vocabulary(_placeholders(rows))
    return Checkpoint(specification, vocabulary, native.weights, class_names), notes


def _native(source: Path, wishes: Wishes) -> tuple[NativeModel, Vocabulary | None]:
    if source.is_dir():
        checkpoint = read_checkpoint(source)
        named = NativeModel(checkpoint.specification, checkpoint.weights, checkpoint.class_names)
        return named, checkpoint.vocabulary
    framework = FRAMEWORK_OF[source.suffix]
    return in_its_room(framework, "read_native", source, *([wishes.pooling] if framework == "pytorch" else [])), None


def _write(checkpoint: Checkpoint, target: Path) -> Sequence[str]:
    if not target.suffix:
        save_checkpoint(target, checkpoint)
        return ()
    if target.suffix == ".onnx":
        importlib.import_module("compare.exchange.onnx_export").write_onnx(checkpoint, target)
        return ()
    return in_its_room(FRAMEWORK_OF[target.suffix], "write_native", checkpoint, target)


def in_its_room(framework: str, function: str, *arguments: object) -> Any:
    """Call a function of a room's ``native.py`` in a process of its own, and return what it returns."""
    try:
        with Workers([framework]) as ask:
            return ask(_call, framework, function, arguments)
    except BrokenProcessPool as error:
        raise LockstepError(f"the {framework} process was ended from outside; is there enough memory?") from error


def _call(framework: str, function: str, arguments: Sequence[object]) -> Any:
    # TensorFlow complains of a missing GPU, which no conversion needs; its errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load_implementation(framework)  # imports the framework as its room does, or says how to install it
    return getattr(importlib.import_module(f"{module_name(framework)}.native"), function)(*arguments)


def read_words(path: Path, rows: int) -> Vocabulary:
    """Read a vocabulary that another program wrote: one word a line, line *n* (from 0) has id *n*.

    Parameters
    ----------
    path : Path
        UTF-8 text.
    rows : int
        Rows of the embedding: so many words there must be.

    Raises
    ------
    LockstepError
        If the file is missing, no UTF-8, has another number of words, one that is too long or stands twice,
        or other words at ids 0 and 1.
    """
    what = "a vocabulary in UTF-8, one word a line"
    content = read_bytes(path, what, largest=4 * rows * (LONGEST_WORD + 1))
    with reading(path, what):
        text = content.decode("utf-8-sig")
    text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    found = text.count("\n") + 1  # counted before they are cut: each costs far more than its letters
    if found != rows:
        raise LockstepError(f"{path}: {found:,} words, the embedding has {rows:,} rows; give one line for each id")
    words = text.split("\n")
    for number, word in enumerate(words, 1):
        if len(word) > LONGEST_WORD:
            raise LockstepError(f"{path}: line {number:,} has {len(word):,} letters, a word at most {LONGEST_WORD:,}")
    if words[0] not in PADDING_WORDS or words[1] not in UNKNOWN_WORDS:
        first = f"{words[0]!r} and {words[1]!r}"
        raise LockstepError(f"{path}: starts with {first}; ids 0 and 1 are padding (<pad>) and unknown words (<unk>)")
    try:
        return Vocabulary((*SPECIAL_WORDS, *words[2:]))
    except LockstepError as error:
        raise LockstepError(f"{path}: {error}") from error


def _of_words(vocabulary: Vocabulary, specification: Specification) -> list[str]:
    """Say by which rules texts will be read, and which words these never give: a text has them as unknown ones."""
    clean = Pipeline.parse(specification.cleaning)
    lost = [word for word in vocabulary.words[len(SPECIAL_WORDS) :] if tokenize(clean(word)) != [word]]
    supposed = (
        f"supposed: texts are cleaned by {specification.cleaning} and cut into words as Lockstep does it; "
        "a file of words does not say how"
    )
    if not lost:
        return [supposed]
    words = f"{len(lost):,} of {len(vocabulary) - len(SPECIAL_WORDS):,} words"
    shown = _listed([repr(word) for word in lost])
    return [
        supposed,
        f"warning: {words} then stand in no text ({shown}): where the original knew them, this model answers as to an "
        "unknown word; write them as that cleaning leaves them",
    ]


def _placeholders(rows: int) -> tuple[str, ...]:
    """Return words that no review has, for a model whose own are not known."""
    return (*SPECIAL_WORDS, *(f"<id-{number}>" for number in range(len(SPECIAL_WORDS), rows)))


def _names_of_classes(classes: int) -> tuple[str, ...]:
    return CLASS_NAMES if classes == len(CLASS_NAMES) else tuple(f"class-{label}" for label in range(classes))


def _check_classes(source: Path, class_names: Sequence[str], classes: int) -> None:
    if classes > MOST_CLASSES:
        raise LockstepError(f"{source}: {classes:,} classes, at most {MOST_CLASSES:,} are read")
    if len(class_names) != classes:
        raise LockstepError(f"{source}: {len(class_names)} class names ({_listed(class_names)}), {classes} classes")


def _listed(class_names: Sequence[str]) -> str:
    return ", ".join([*class_names[:SHOWN_NAMES], *(["…"] if len(class_names) > SHOWN_NAMES else [])])


def describe(checkpoint: Checkpoint) -> str:
    """Say a model in a few words."""
    specification, weights = checkpoint.specification, checkpoint.weights
    layers = f"{counted(specification.layers, 'layer')} of {specification.hidden_size}"
    sizes = f"{len(weights['embedding']):,} words, {len(checkpoint.class_names):,} classes"
    return f"{specification.architecture}, {layers}, pooling {specification.pooling}, {sizes}"
