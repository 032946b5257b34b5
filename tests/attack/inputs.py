"""Every file that is read, times damage, times every command that reads it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.attack.harness import (
    FINE,
    REFUSED,
    Case,
    Done,
    Scene,
    Wrong,
    check_kept,
    check_manners,
    check_named,
    check_no_leftovers,
    snapshot,
)
from tests.attack.materials import BASELINE_RUN, OTHER_RUN, PREDICT, RUN, RUN_FILES, SIZES, TRAIN, TRAINING

ROUNDS = 5  # times every kind of damage is done to every file, at another place


@dataclass(frozen=True)
class Reader:
    """A command that reads.

    Attributes
    ----------
    words : tuple of str
        Its arguments; it writes to ``made``, with what suffix it likes.
    answers : tuple of str
        What it writes that is the same each time; standard output where there is none.
    whole : bool
        Whether it reads a whole experiment, and can leave a part of it out.
    """

    words: tuple[str, ...]
    answers: tuple[str, ...] = ()
    whole: bool = False


REPORT = Reader(("compare", "report", "experiment", "--out", "made"), ("made/statistics.json", "made/report.md"), True)
ENSEMBLE = Reader(("compare", "ensemble", "experiment", "--out", "made.json"), ("made.json",), True)
LABEL = Reader(("compare", "label", "experiment", "--out", "made.parquet"), ("made.parquet",), True)
PORTABILITY = Reader(("compare", "portability", "experiment"), ("experiment/portability.json",), True)
PREDICTION = Reader((*PREDICT, "--input", "reviews.csv", "--output", "made.parquet"), ("made.parquet",))
PREDICT_LINES = Reader((*PREDICT, "a great film", "an awful film"))
WITHOUT_FRAMEWORK = Reader(("compare", "predict", RUN, "a great film", "an awful film"))
COPY = Reader(
    ("compare", "convert", RUN, "made"), ("made/weights.safetensors", "made/vocabulary.txt", "made/model.json")
)
ONNX = Reader(("compare", "convert", RUN, "made.onnx"), ("made.onnx",))
TRAINED = ("made/predictions.parquet", "made/checkpoint/weights.safetensors", "made/checkpoint/vocabulary.txt")
START = Reader((*TRAIN, "--start-from", RUN, "--out", "made"), TRAINED)
PLAIN = Reader((*TRAIN, "--out", "made"), TRAINED)
BASELINE = Reader(("compare", "baseline", "tf-idf", *TRAINING, "--out", "made"), ("made/predictions.parquet",))
DESCRIBE = Reader(("shared.data", "describe", "--data", "reviews.csv", "--vectors", "random", "--minimum-count", "1"))
PSEUDO = Reader((*TRAIN, "--pseudo-labels", "pseudo.parquet", "--out", "made"), TRAINED)


def _trained_on(source: str) -> Reader:
    how = ("--epochs", "1", "--architecture", "gru", "--progress", "none", "--threads", "1")
    return Reader(("shared.reference", "train", "--data", source, *SIZES, *how, "--out", "made"), TRAINED)


ARCHIVE, PARQUET = _trained_on("reviews.tar.gz"), _trained_on("reviews.parquet")
ARCHIVE_UNLABELLED = Reader(
    tuple("reviews.tar.gz" if word == "extra.txt" else word for word in (*TRAIN, "--out", "made")), TRAINED
)
VECTORS = Reader(tuple("vectors.txt" if word == "random" else word for word in (*TRAIN, "--out", "made")), TRAINED)
NEIGHBOURS = Reader(("shared.vectors", "neighbours", "great", "--vectors", "vectors.txt", "--count", "3"))

# Which of a run's files each command holds against its checksum; the others are not looked at.
EXPERIMENT_READERS = (REPORT, ENSEMBLE, LABEL, PORTABILITY)
CHECKPOINT_READERS = (PREDICTION, PREDICT_LINES, WITHOUT_FRAMEWORK, COPY, ONNX, START)

# A damaged one can only be told by its form: any damage that leaves it well-formed is another input.
UNSEALED = {"reviews.csv", "extra.txt", "vectors.txt", "reviews.parquet", "pseudo.parquet", "experiment/parity.json"}

Damage = Callable[[Scene, Path], None]


def _flip(scene: Scene, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[scene.random.randrange(len(content))] ^= 1 << scene.random.randrange(8)
    path.write_bytes(content)


def _flip_some(scene: Scene, path: Path) -> None:
    for _ in range(20):
        _flip(scene, path)


def _cut(scene: Scene, path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: scene.random.randrange(len(content))])


def _cut_a_bit(scene: Scene, path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -scene.random.choice([1, 2, 8, 16])])


def _append(scene: Scene, path: Path) -> None:
    with path.open("ab") as file:
        file.write(scene.random.choice([b"\0", b"\n", b"}", scene.random.randbytes(100)]))


def _zeros(scene: Scene, path: Path) -> None:
    content = bytearray(path.read_bytes())
    start = scene.random.randrange(len(content))
    length = min(len(content) - start, scene.random.choice([1, 16, 512]))
    content[start : start + length] = bytes(length)
    path.write_bytes(content)


def _empty(scene: Scene, path: Path) -> None:
    path.write_bytes(b"")


def _garbage(scene: Scene, path: Path) -> None:
    path.write_bytes(scene.random.randbytes(scene.random.choice([1, 10, 5_000])))


def _words(scene: Scene, path: Path) -> None:
    texts = [
        "null",
        "[]",
        "{}",
        "3",
        '"x"',
        "true",
        "[" * 100_000,
        '{"a":' * 50_000,
        "NaN",
        "\ufeff{}",
        "\u202e",
        "1e999",
    ]
    path.write_text(scene.random.choice(texts))


def _missing(scene: Scene, path: Path) -> None:
    path.unlink()


def _directory(scene: Scene, path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(scene: Scene, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _loop(scene: Scene, path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _swapped(scene: Scene, path: Path) -> None:
    """Put another file of the experiment there, often one of the same name."""
    others = [scene.path(run, name) for run in (RUN, OTHER_RUN, BASELINE_RUN) for name in RUN_FILES]
    others = [other for other in others if other.exists() and other.read_bytes() != path.read_bytes()]
    same = [other for other in others if other.name == path.name]
    shutil.copyfile(scene.random.choice(same if same and scene.random.random() < 0.7 else others), path)


DAMAGES: dict[str, tuple[Damage, int]] = {
    "a bit flipped": (_flip, ROUNDS),
    "twenty bits flipped": (_flip_some, 2),
    "cut off": (_cut, 2),
    "its end cut off": (_cut_a_bit, 2),
    "something appended": (_append, 2),
    "zeros in it": (_zeros, 2),
    "empty": (_empty, 1),
    "garbage": (_garbage, 1),
    "other words": (_words, 3),
    "missing": (_missing, 1),
    "a directory": (_directory, 1),
    "a pipe": (_pipe, 1),
    "a link to itself": (_loop, 1),
    "another file": (_swapped, 2),
}


def _targets() -> Iterator[tuple[str, Reader]]:
    """Every file and every command that reads it."""
    for name in RUN_FILES:
        for reader in EXPERIMENT_READERS:
            yield f"{RUN}/{name}", reader
        if name.startswith("checkpoint/"):
            for reader in CHECKPOINT_READERS:
                yield f"{RUN}/{name}", reader
    for reader in (REPORT, ENSEMBLE, LABEL):
        for name in RUN_FILES[:4]:
            yield f"{BASELINE_RUN}/{name}", reader
    yield "experiment/portability.json", REPORT
    yield "reviews.csv", PLAIN
    yield "reviews.csv", BASELINE
    yield "reviews.csv", DESCRIBE
    yield "reviews.csv", PREDICTION
    yield "extra.txt", PLAIN
    yield "reviews.parquet", PARQUET
    for _ in range(3):
        yield "reviews.tar.gz", ARCHIVE
    yield "reviews.tar.gz", ARCHIVE_UNLABELLED
    yield "vectors.txt", VECTORS
    yield "vectors.txt", NEIGHBOURS
    yield "pseudo.parquet", PSEUDO


_right: dict[Reader, dict[str, bytes]] = {}


def right_answer(reader: Reader, scene: Scene) -> dict[str, bytes]:
    """Return the command's answer in whole materials; asked once in a process."""
    if reader not in _right:
        done = scene.run(*reader.words)
        if done.code:
            raise Wrong(f"fails where nothing is damaged: {done}")
        _right[reader] = answer_of(reader, scene, done)
        for name in {answer.split("/")[0] for answer in reader.answers} - {"experiment"}:
            _remove(scene.path(name))
    return _right[reader]


def answer_of(reader: Reader, scene: Scene, done: Done) -> dict[str, bytes]:
    """What the command answered."""
    if not reader.answers:
        return {"standard output": done.out.encode()}
    return {name: scene.path(name).read_bytes() for name in reader.answers}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def judge(name: str, reader: Reader, scene: Scene, right: dict[str, bytes] | None, done: Done) -> None:
    """Refused by name, or left out by name, or answered as if nothing had been damaged.

    Parameters
    ----------
    name : str
        The file that was damaged.
    right : dict, optional
        The answer; None if any answer is one.
    """
    check_manners(done, {FINE, 1, REFUSED} if reader is PORTABILITY else {FINE, REFUSED})
    names = [name, str(Path(name).parent)] if name.startswith("experiment/") else [name]
    if done.code == REFUSED:
        check_named(done, *names)
        return
    if right is None or answer_of(reader, scene, done) == right:
        return
    if reader.whole and "left out: " in done.err:
        check_named(done, *names)
        return
    raise Wrong(f"damage was accepted, and the answer is another: {done} {done.out[-300:]!r}")


def _attempt(name: str, damage: Damage, reader: Reader, scene: Scene) -> None:
    right = right_answer(reader, scene)
    damage(scene, scene.path(name))
    before = snapshot(scene.folder)
    done = scene.run(*reader.words)
    optional = name == "experiment/portability.json" and damage is _missing
    judge(name, reader, scene, None if name in UNSEALED or optional else right, done)
    written = [*{answer.split("/")[0] if answer.startswith("made") else answer for answer in reader.answers}]
    check_kept(before, snapshot(scene.folder), () if done.code else written)
    check_no_leftovers(scene.folder)


def _damaged_cache(damage: Damage, file: str, scene: Scene) -> None:
    """A damaged cache is made anew; the answer is the same."""
    right = right_answer(PLAIN, scene)
    found = [path for path in sorted(scene.cache.rglob(file)) if path.is_file()]
    if not found:
        raise Wrong(f"the cache has no {file}; it has {[path.name for path in scene.cache.rglob('*')]}")
    path = scene.random.choice(found)
    content = path.read_bytes()
    damage(scene, path)
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return
    for number in range(2):
        done = scene.run(*PLAIN.words)
        check_manners(done, {FINE})
        if answer_of(PLAIN, scene, done) != right:
            raise Wrong(f"a damaged cache was used: {path}")
        if number == 0 and file != "lock" and "made anew" not in done.err and path.parts[-3] == "encoded":
            raise Wrong(f"does not say that a damaged cache was made anew: {path}: {done}")
        _remove(scene.path("made"))


def cases(random: Random) -> Iterator[Case]:
    for name, reader in _targets():
        for said, (damage, times) in DAMAGES.items():
            if said == "another file" and not name.startswith("experiment/"):
                continue
            for _ in range(times):
                yield Case(f"{name} {said}: {' '.join(reader.words[:3])}", partial(_attempt, name, damage, reader))
    for file in ("tokens.npy", "boundaries.npy", "vocabulary.txt", "manifest.json"):
        for said, (damage, times) in DAMAGES.items():
            if said not in ("another file", "something appended"):
                for _ in range(min(2, times)):
                    yield Case(f"cache: {file} {said}", partial(_damaged_cache, damage, file))
