"""Tar archives, read as a stream: to their end and with every checksum, within bounds, or refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from shared.errors import LockstepError
from shared.files import check_regular, reading

PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
TAR_MAGIC = 257  # where a tar archive says that it is one
PIECE = 1 << 20  # bytes read at once where nothing is kept
LARGEST_HEADER = 1 << 20  # bytes: all that describes one member, such as a long name
# xz says how much memory unpacking takes; its highest level says 65 MB.
LARGEST_DICTIONARY = 200_000_000

# An archive of very short files unpacks to 400 times its size: most of it are headers. Reading them takes
# time, but no memory.
LARGEST_EXPANSION = 500
# What is kept of it is text, which packs to a third.
LARGEST_KEPT = 100
SPARE = 64_000_000  # bytes that an archive may unpack to whatever its size
OVERHEAD = 200  # bytes that a member takes in memory beside its contents


def tar_members(
    path: Path, wanted: Callable[[str], object], largest: int, advice: str = "make or copy it again"
) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of some members of a tar archive, packed by gzip, bzip2, xz or not at all.

    Use nothing of it before the iterator has come to its end: only there the checksum of all is known.

    Parameters
    ----------
    path : Path
        The archive. Nothing is unpacked to the disk.
    wanted : (name) -> object
        Whether a member is yielded.
    largest : int
        Bytes of a member at most.
    advice : str
        What to do about a damaged one.

    Raises
    ------
    LockstepError
        If the archive is damaged or cut, unpacks to far more than its size, or a member is too large, lies
        outside of it or is no plain file.
    """
    with reading(path, "a readable tarball", advice):
        check_regular(path)
        size = path.stat().st_size
        kept = SPARE + LARGEST_KEPT * size
        with path.open("rb") as file, _unpacked(file) as unpacked:
            stream = _Stream(unpacked, SPARE + LARGEST_EXPANSION * size)
            archive = tarfile.TarFile(fileobj=stream, tarinfo=_Member)  # type: ignore[arg-type]
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it remembers them all
                _refuse_climbing(path, member.name)
                if wanted(member.name):
                    _check_member(path, member, largest)
                    kept -= member.size + OVERHEAD
                    if kept < 0:
                        raise LockstepError(f"{path}: refused, its contents are over {LARGEST_KEPT} times its size")
                    yield member.name, stream.content(member)
                stream.header = 0
            stream.finish()


def is_tarball(path: Path) -> bool:
    """Whether a file is named as a tar archive, or begins as one or as a packed file does."""
    if ".tar" in path.suffixes or path.suffix in (".tgz", ".tbz2", ".txz"):
        return True
    with path.open("rb") as file:
        beginning = file.read(TAR_MAGIC + 5)
    return beginning.startswith(PACKED) or beginning[TAR_MAGIC:] == b"ustar"


def _unpacked(file: BufferedReader) -> IO[bytes]:
    """Return what a file unpacks to, by its first bytes."""
    beginning = file.peek(PIECE)
    if beginning.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if beginning.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if beginning.startswith(b"\xfd7zXZ\x00"):
        lzma.LZMADecompressor(memlimit=LARGEST_DICTIONARY).decompress(beginning, max_length=1)
        return lzma.LZMAFile(file)
    return file


def _refuse_climbing(path: Path, name: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise LockstepError(f"{path}: refused, its member {name!r:.200} climbs out of the archive")


def _check_member(path: Path, member: tarfile.TarInfo, largest: int) -> None:
    if not member.isreg() or member.issparse():
        raise LockstepError(f"{path}: refused, its member {member.name!r:.200} is not a plain file")
    if member.size > largest:
        raise LockstepError(
            f"{path}: refused, its member {member.name!r:.200} has {member.size:,} bytes, at most {largest:,} are read"
        )


class _Member(tarfile.TarInfo):
    """A member; what stands where the next one should be is an error unless it is the end marker.

    tarfile takes any damaged header for the end.
    """

    @classmethod
    def fromtarfile(cls, archive: Any) -> Any:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError("it ends without an end marker") from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {archive.fileobj.tell():,}") from error


class _Stream:
    """What an archive unpacks to, read forwards only: all that tarfile needs of a file.

    Parameters
    ----------
    file : binary file
        Unpacks when it is read.
    largest : int
        Bytes at most.

    Attributes
    ----------
    header : int
        Bytes of the present member's header so far; they are kept in memory.
    """

    def __init__(self, file: IO[bytes], largest: int) -> None:
        self.file, self.largest = file, largest
        self.place = self.header = 0

    def tell(self) -> int:
        return self.place

    def seek(self, place: int) -> None:
        if place < self.place:
            raise tarfile.ReadError("a member's size is below 0")
        while self.place < place and self._read(min(place - self.place, PIECE)):
            pass

    def read(self, size: int) -> bytes:
        """Read a part of a header."""
        self.header += size
        if size < 0 or self.header > LARGEST_HEADER:
            raise tarfile.ReadError(f"a member's header has over {LARGEST_HEADER:,} bytes")
        return self._read(size)

    def content(self, member: tarfile.TarInfo) -> bytes:
        """Read the contents of the member whose header was just read."""
        content = self._read(member.size)
        if len(content) != member.size:
            raise tarfile.ReadError(f"it ends within its member {member.name!r:.200}")
        return content

    def finish(self) -> None:
        """Read to the end, where the checksum is: only zeros follow a tar's end marker."""
        while rest := self._read(PIECE):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("something follows its end marker")

    def _read(self, size: int) -> bytes:
        content = self.file.read(size)
        self.place += len(content)
        if self.place > self.largest:
            raise tarfile.ReadError(f"it unpacks to more than {self.largest:,} bytes")
        return content
