"""Files and what they unpack to, told by their first bytes: read as a stream, within bounds, never onto the disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, cast

from shared.errors import LockstepError
from shared.files import check_regular

GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
PACKED = (GZIP, BZIP2, XZ, ZSTD)
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
HEAD = 1 << 16  # bytes by which a form is told
PIECE = 1 << 18  # bytes read at once
# xz says how much memory unpacking takes; its highest level says 65 MB.
LARGEST_DICTIONARY = 200_000_000

# Text packs to a third; what unpacks to far more is refused.
LARGEST_KEPT = 100
SPARE = 64_000_000  # bytes that a file may unpack to whatever its size


@dataclass
class Gauge:
    """How much of a source is read: bytes of the files on the disk, or files of a folder.

    Attributes
    ----------
    total, done : int
    unit : str
        ``B`` or `` files``.
    """

    total: int = 0
    done: int = 0
    unit: str = "B"


@dataclass
class Content:
    """One file of text or numbers, whatever it is packed in.

    Attributes
    ----------
    path : Path
        The file on the disk.
    name : str
        What it is called when it is unpacked.
    opener : () -> context manager of a binary file
        Opens it anew, from its beginning.
    packed : bool
        Whether it is no file on the disk by itself.
    inner : bool
        Whether it is a member of an archive.
    gauge : Gauge
        How far it was read when it was last read from.
    """

    path: Path
    name: str
    opener: Callable[[], AbstractContextManager[IO[bytes]]]
    packed: bool = False
    inner: bool = False
    gauge: Gauge = field(default_factory=Gauge)
    _head: bytes | None = None

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Open it at its beginning."""
        return self.opener()

    def head(self) -> bytes:
        """Return its first bytes."""
        if self._head is None:
            with self.open() as file:
                self._head = read_up_to(file, HEAD)
        return self._head

    @property
    def suffix(self) -> str:
        """The ending of its name, in small letters."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def described(self) -> str:
        """Path, and in an archive the name there."""
        return str(self.path) if unpacked_name(self.path.name) == self.name else f"{self.path} ({self.name:.200})"


def content_of(path: Path) -> Content:
    """Return a file on the disk as it is when it is unpacked.

    Raises
    ------
    LockstepError
        When it is read: if it is damaged, cut, or unpacks to far more than its size.
    """
    check_regular(path)
    with path.open("rb") as file:
        packed = file.read(len(XZ)).startswith(PACKED)
    size = path.stat().st_size
    gauge = Gauge(size)

    @contextmanager
    def opener() -> Iterator[IO[bytes]]:
        with path.open("rb") as raw:
            if packed:
                with unpacked(raw) as file:
                    yield cast(IO[bytes], Bounded(path, file, SPARE + LARGEST_KEPT * size, gauge, raw))
            else:
                yield cast(IO[bytes], Bounded(path, raw, SPARE + size, gauge, raw))

    return Content(path, unpacked_name(path.name) if packed else path.name, opener, packed, gauge=gauge)


def unpacked_name(name: str) -> str:
    """Return the name of a packed file without the ending that says so."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
    return stem if suffix in SUFFIXES else name


def unpacked(file: BufferedReader) -> IO[bytes]:
    """Return what a file unpacks to, by its first bytes."""
    beginning = file.peek(PIECE)
    if beginning.startswith(GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if beginning.startswith(BZIP2):
        return bz2.BZ2File(file)
    if beginning.startswith(XZ):
        lzma.LZMADecompressor(memlimit=LARGEST_DICTIONARY).decompress(beginning, max_length=1)
        return lzma.LZMAFile(file)
    if beginning.startswith(ZSTD):
        import pyarrow as pa

        return cast(IO[bytes], pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd"))
    return file


def read_up_to(file: IO[bytes], size: int) -> bytes:
    """Read so many bytes, or all that there are."""
    pieces, missing = [], size
    while missing and (piece := file.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


class Bounded(io.RawIOBase):
    """A file that is read forwards only, and not beyond a number of bytes.

    Parameters
    ----------
    path : Path
        For messages.
    file : binary file
        Unpacks when it is read.
    largest : int
        Bytes at most.
    gauge : Gauge
        Is kept up to date.
    raw : binary file
        Tells how much of what is on the disk was read.
    """

    def __init__(self, path: Path, file: IO[bytes], largest: int, gauge: Gauge, raw: IO[bytes]) -> None:
        self.path, self.file, self.left, self.gauge, self.raw = path, file, largest, gauge, raw

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to so many bytes; all, if it is below 0."""
        if size < 0:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        content = self.file.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise LockstepError(f"{self.path}: refused, its contents are over {LARGEST_KEPT} times its size")
        self.gauge.done = self.raw.tell()
        return content
