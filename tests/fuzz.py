"""``python -m tests.fuzz TARGET --seconds N``: everything that is read, from files wrong in ways nobody thought of.

A reader answers, or raises one `LockstepError` of one line. It never raises anything else, and never takes memory
beyond what a file of that size can be worth. Coverage guides the search (atheris); `tests/test_fuzz.py` searches
shortly with hypothesis, from the same files.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gc
import gzip
import io
import json
import random
import sys
import tarfile
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shared.configuration import read_configuration
from shared.data.reviews import Reading
from shared.data.sources import load_file
from shared.errors import LockstepError
from shared.history import Epoch, History, read_history
from shared.native import opening, read_archive
from shared.predictions import Predictions, read_predictions, save_predictions
from shared.resuming import State, read_state, save_state
from shared.runs import read_record
from shared.specification import preset
from shared.terminal import printable, say
from shared.text.vocabulary import Vocabulary
from shared.vectors.pretrained import load_vectors, read_vectors
from shared.weights import Checkpoint, initialise, read_checkpoint, save_checkpoint
from tests.attack.materials import reseal_checkpoint, seal_anyway

# The files are of some kilobytes. What is decompressed can be a thousand times as long; buffers and Python's own
# objects come to it.
MOST_MEMORY = 64_000_000  # bytes
LONGEST = 10.0  # seconds, of one file
TEXTS = ("a great film", "dull, and badly acted", 'it said "no"', "fine\u2028again", "null", "0", "très bon", "")


@dataclass(frozen=True)
class Target:
    """A reader, and files that it reads.

    Attributes
    ----------
    seeds : () -> list of bytes
        Whole files, from which the search begins.
    read : (bytes, folder) -> object
        Writes the bytes into the empty folder, and reads them.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def written_and_read(content: bytes, folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return written_and_read


def _archive(path: Path) -> object:
    with opening(path, "a model", "save it again"):
        return read_archive(path)


def _table(name: str) -> Callable[[bytes, Path], object]:
    return _file(name, lambda path: load_file(path, Reading()))


@cache
def _checkpoint() -> dict[str, bytes]:
    """The files of a small checkpoint, by name."""
    specification = preset("smoke").replaced(vectors="random", embedding_size=3, hidden_size=2, max_length=8)
    vocabulary = Vocabulary(("<pad>", "<unk>", "great", "dull"))
    weights = initialise(specification, load_vectors("random", vocabulary, 3), 2)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "checkpoint")
        save_checkpoint(place, Checkpoint(specification, vocabulary, weights, ("negative", "positive")))
        return {path.name: path.read_bytes() for path in place.iterdir()}


def _in_a_checkpoint(name: str, *, sealed: bool) -> Callable[[bytes, Path], object]:
    """Read a checkpoint of which one file is another; sealed again, its checksums are right."""

    def read(content: bytes, folder: Path) -> object:
        place = folder / "checkpoint"
        place.mkdir()
        for each, usual in _checkpoint().items():
            (place / each).write_bytes(content if each == name else usual)
        if sealed:
            reseal_checkpoint(place)
        return read_checkpoint(place)

    return read


def _sealed_json(content: bytes) -> bytes:
    """Give what is still an object of JSON the seal that it needs to be looked at."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(values, dict):
        return content
    values.pop("checksum", None)
    try:
        return json.dumps(seal_anyway(values)).encode()
    except (ValueError, RecursionError):
        return content


def _model_json(content: bytes, folder: Path) -> object:
    return _in_a_checkpoint("model.json", sealed=False)(_sealed_json(content), folder)


def _record(content: bytes, folder: Path) -> object:
    return _file("record.json", read_record)(_sealed_json(content), folder)


@cache
def _records() -> list[bytes]:
    found = sorted(Path(__file__).parents[1].glob("results/full*/*/lstm/seed-0/record.json"))[:2]
    return [path.read_bytes() for path in found]


def _saved(save: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        save(Path(name, "file"))
        return Path(name, "file").read_bytes()


def _states() -> list[bytes]:
    notes = {"training": {"seed": 0}, "resumed": 0, "measured": {"wall": 1.5}}
    arrays = {"model/embedding": np.ones((2, 3), np.float32), "optimizer/step": np.array([3.0])}
    return [_saved(lambda path: save_state(path, State(3, arrays, notes)))]


def _history() -> list[bytes]:
    return [_saved(History([Epoch(1, 0.7, 0.5, 0.6, 0.6, 0.01, 1.5), Epoch(2, 0.5, 0.8, 0.5, 0.7, 0.005, 1.4)]).save)]


def _predictions() -> list[bytes]:
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5], [1, 0]], np.float32)
    ids = np.array(["a", "b", "c"], dtype=object)
    made = Predictions(ids, np.array([1, 0, 0], np.int16), probabilities, ("negative", "positive"))
    return [_saved(lambda path: save_predictions(path, made))]


def _csv(delimiter: str = ",") -> bytes:
    file = io.StringIO()
    rows = [(text, n % 2) for n, text in enumerate(TEXTS)]
    csv.writer(file, delimiter=delimiter).writerows([("text", "label"), *rows])
    return file.getvalue().encode()


def _jsonl() -> bytes:
    return "".join(json.dumps({"text": text, "label": n % 2}) + "\n" for n, text in enumerate(TEXTS)).encode()


def _parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": list(TEXTS), "label": [n % 2 for n in range(len(TEXTS))]}), file)
    return file.getvalue()


def _members() -> dict[str, bytes]:
    return {
        f"aclImdb/{part}/{label}/{n}_{9 if label == 'pos' else 2}.txt": f"{TEXTS[n]} {label}".encode()
        for part in ("train", "test")
        for label in ("pos", "neg")
        for n in range(3)
    }


def _tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in _members().items():
            described = tarfile.TarInfo(name)
            described.size = len(content)
            archive.addfile(described, io.BytesIO(content))
    return file.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


VECTORS = b"3 2\ngreat 0.5 -1\ndull 1e-3 2\nfilm 0 0\n"
CONFIGURATION = b'preset = "smoke"\nthreads = 2\n[run]\nseeds = [0, 1]\nno-baselines = true\n'
TARGETS = {
    "record": Target(_records, _record),
    "history": Target(_history, _file("history.csv", read_history)),
    "predictions": Target(_predictions, _file("predictions.parquet", read_predictions)),
    "model-json": Target(lambda: [_checkpoint()["model.json"]], _model_json),
    "weights": Target(
        lambda: [_checkpoint()["weights.safetensors"]], _in_a_checkpoint("weights.safetensors", sealed=True)
    ),
    "vocabulary": Target(lambda: [_checkpoint()["vocabulary.txt"]], _in_a_checkpoint("vocabulary.txt", sealed=True)),
    "csv": Target(lambda: [_csv()], _table("reviews.csv")),
    "tsv": Target(lambda: [_csv("\t")], _table("reviews.tsv")),
    "jsonl": Target(lambda: [_jsonl()], _table("reviews.jsonl")),
    "json": Target(lambda: [b"[%s]" % b",".join(_jsonl().splitlines())], _table("reviews.json")),
    "parquet": Target(lambda: [_parquet()], _table("reviews.parquet")),
    "fasttext": Target(lambda: [b"__label__good a great film\n__label__bad dull\n"], _table("reviews.txt")),
    "gz": Target(lambda: [gzip.compress(_csv(), mtime=0)], _table("reviews.csv.gz")),
    "bz2": Target(lambda: [bz2.compress(_csv())], _table("reviews.csv.bz2")),
    "tar": Target(lambda: [_tar("w")], _table("reviews.tar")),
    "tar-gz": Target(lambda: [_tar("w:gz")], _table("reviews.tar.gz")),
    "zip": Target(lambda: [_zip(_members()), _zip({"reviews.csv": _csv()})], _table("reviews.zip")),
    "archive": Target(lambda: [_zip({"config.json": b"{}", "a.h5": b"\x89HDF"})], _file("model.keras", _archive)),
    "vectors": Target(lambda: [VECTORS], _file("vectors.txt", lambda path: read_vectors(str(path)))),
    "state": Target(_states, _file("state", read_state)),
    "configuration": Target(lambda: [CONFIGURATION], _file("lockstep.toml", read_configuration)),
}


class Found(AssertionError):  # noqa: N818 (an outcome)
    """What a reader must not do."""


def check(target: Target, content: bytes) -> None:
    """Have a target read a file, and hold what it does.

    Raises
    ------
    Found
        If it raises anything but a `LockstepError` of one line, takes too long, or too much memory.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        pool = pa.default_memory_pool()
        before, began = pool.bytes_allocated(), time.monotonic()
        tracemalloc.start()
        try:
            target.read(content, Path(name))
        except LockstepError as error:
            if not printable(str(error)).strip():
                raise Found("an error without a word") from error
        except MemoryError as error:
            raise Found("all memory was asked for") from error
        except Exception as error:
            raise Found(f"{type(error).__name__}: {error}") from error
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if peak > MOST_MEMORY or pool.bytes_allocated() - before > MOST_MEMORY:
            raise Found(f"{peak / 1e6:.0f} MB of memory for a file of {len(content):,} bytes")
        if time.monotonic() - began > LONGEST:
            raise Found(f"{time.monotonic() - began:.0f} s for a file of {len(content):,} bytes")


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Return a file with changes of the kinds that break readers: other bytes and numbers, pieces lost or doubled."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        start = draw.randrange(len(made) + 1)
        length = draw.choice((1, 1, 2, 4, 8, 64))
        kind = draw.randrange(6)
        if kind == 0:
            made[start : start + length] = draw.randbytes(length)
        elif kind == 1:
            del made[start : start + length]
        elif kind == 2:
            made[start:start] = made[start : start + length] * draw.choice((1, 2, 100))
        elif kind == 3:
            size = draw.choice((1, 2, 4, 8))
            number = draw.choice((0, 1, -1, 1 << 31, (1 << 63) - 1, 255)) % (1 << 8 * size)
            made[start : start + size] = number.to_bytes(size, draw.choice(("little", "big")))  # type: ignore[arg-type]
        elif kind == 4:
            made[start:start] = draw.choice((b'"', b"\n", b"\0", b",", b"\xff", b"{", b"[" * 2_000, b"1" * 400, b"nan"))
        else:
            del made[start:]
    return bytes(made)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"], help="what reads")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="of each target; default: 60")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument("--plain", action="store_true", help="without atheris, by chance alone")
    return parser


def main() -> int:
    """Search one target, or all in turn, and stop at the first thing found."""
    arguments = _parser().parse_args()
    if arguments.target != "all" and not arguments.plain:
        return _guided(arguments.target, arguments.seconds, arguments.seed)
    for name in TARGETS if arguments.target == "all" else [arguments.target]:
        tried = _by_chance(TARGETS[name], arguments.seconds, arguments.seed)
        say(f"{name}: {tried:,} files, nothing found")
    return 0


def _by_chance(target: Target, seconds: float, seed: int) -> int:
    draw, seeds, tried, began = random.Random(seed), target.seeds(), 0, time.monotonic()
    while time.monotonic() - began < seconds:
        content = mutated(draw.choice(seeds), draw)
        try:
            check(target, content)
        except Found:
            Path("found").write_bytes(content)
            say("the file is kept: found", aside=True)
            raise
        tried += 1
    return tried


def _guided(name: str, seconds: int, seed: int) -> int:
    """Hand the search to atheris, which does not return; what it finds it keeps in a file ``crash-…``."""
    import atheris

    target = TARGETS[name]
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-corpus-"))
    for number, content in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(content)
        check(target, content)  # which imports what it needs
    for function in [one for one in gc.get_objects() if isinstance(one, FunctionType)]:
        if str(function.__module__).partition(".")[0] == "shared":  # all of Python's would take minutes
            atheris.instrument_func(function)
    flags = [f"-max_total_time={seconds}", f"-seed={seed + 1}", "-max_len=65536", "-rss_limit_mb=4096", "-verbosity=0"]
    atheris.Setup(["tests.fuzz", *flags, str(corpus)], lambda content: check(target, content))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
