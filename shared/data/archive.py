"""Tar archives, read as a stream: to their end and with every checksum, within bounds, or refused."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from shared.data.packing import LARGEST_KEPT, SPARE, Gauge, read_up_to, unpacked
from shared.errors import LockstepError
from shared.files import check_regular, reading

TAR_MAGIC = 257  # where a tar archive says that it is one
TAR_SUFFIXES = (".tgz", ".tbz2", ".tbz", ".txz", ".tzst")
PIECE = 1 << 20  # bytes read at once where nothing is kept
LARGEST_HEADER = 1 << 20  # bytes: all that describes one member, such as a long name
# An archive of very short files unpacks to 400 times its size: most of it are headers. Reading them takes
# time, but no memory.
LARGEST_EXPANSION = 500
OVERHEAD = 200  # bytes that a member takes in memory beside its contents


def tar_members(
    path: Path,
    wanted: Callable[[str], object],
    largest: int,
    advice: str = "make or copy it again",
    gauge: Gauge | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of some members of a tar archive, packed by gzip, bzip2, xz, Zstandard or not at all.

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
    gauge : Gauge, optional
        Is kept up to date.

    Raises
    ------
    LockstepError
        If the archive is damaged or cut, unpacks to far more than its size, or a member is too large, lies
        outside of it or is no plain file.
    """
    with reading(path, "a readable tarball", advice):
        kept = SPARE + LARGEST_KEPT * path.stat().st_size
        for member, stream in _members(path, advice, gauge):
            if not member.isdir() and wanted(member.name):
                _check_member(path, member, largest)
                kept -= member.size + OVERHEAD
                if kept < 0:
                    raise LockstepError(f"{path}: refused, its contents are over {LARGEST_KEPT} times its size")
                yield member.name, stream.content(member)


def tar_names(path: Path, advice: str = "make or copy it again") -> Iterator[str]:
    """Yield the names of what is no folder in a tar archive, in its order.

    Raises
    ------
    LockstepError
        As :func:`tar_members` does, and if the names alone would take far more memory than the archive has.
    """
    room = SPARE + LARGEST_KEPT * path.stat().st_size
    for member, _ in _members(path, advice, None):
        if not member.isdir():
            room -= len(member.name) + OVERHEAD
            if room < 0:
                raise LockstepError(f"{path}: refused, its contents are over {LARGEST_KEPT} times its size")
            yield member.name


@contextmanager
def tar_member(path: Path, name: str, advice: str, gauge: Gauge) -> Iterator[IO[bytes]]:
    """Open the first file of this name in a tar archive, to be read forwards.

    Raises
    ------
    LockstepError
        As :func:`tar_members` does.
    """
    for member, stream in _members(path, advice, gauge):
        if member.name == name:
            _check_member(path, member, SPARE + LARGEST_KEPT * path.stat().st_size)
            yield cast(IO[bytes], _MemberFile(stream, member))
            return
    raise LockstepError(f"{path}: its member {name!r:.200} is not there any more; {advice}")


def _members(path: Path, advice: str, gauge: Gauge | None) -> Iterator[tuple[tarfile.TarInfo, _Stream]]:
    """Yield every member when its header was read, with the stream that its contents follow in."""
    with reading(path, "a readable tarball", advice):
        check_regular(path)
        size = path.stat().st_size
        with path.open("rb") as file, unpacked(file) as contents:
            stream = _Stream(contents, SPARE + LARGEST_EXPANSION * size)
            archive = tarfile.TarFile(fileobj=stream, tarinfo=_Member)  # type: ignore[arg-type]
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else it remembers them all
                member.name = inner_name(path, member.name)
                if gauge is not None:
                    gauge.done = file.tell()
                stream.member = member.name
                yield member, stream
                stream.header = 0
            stream.finish()


def is_tarball(path: Path, beginning: bytes) -> bool:
    """Whether a file is named as a tar archive, or what it unpacks to begins as one."""
    name = path.name.lower()
    return ".tar" in Path(name).suffixes or name.endswith(TAR_SUFFIXES) or beginning[TAR_MAGIC:][:5] == b"ustar"


def inner_name(path: Path, name: str) -> str:
    """Return the name of a member of an archive without the ``./`` that some begin with.

    Raises
    ------
    LockstepError
        If the member would lie outside of the archive.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise LockstepError(f"{path}: refused, its member {name!r:.200} climbs out of the archive")
    return str(parts)


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


class _MemberFile(io.RawIOBase):
    """The contents of the member whose header was just read."""

    def __init__(self, stream: _Stream, member: tarfile.TarInfo) -> None:
        self.stream, self.name, self.left = stream, member.name, member.size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        content = self.stream.piece(size)
        if size and not content:
            raise tarfile.ReadError(f"it ends within its member {self.name!r:.200}")
        self.left -= len(content)
        return content


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
    member : str
        Name of the present member.
    """

    def __init__(self, file: IO[bytes], largest: int) -> None:
        self.file, self.largest = file, largest
        self.place = self.header = 0
        self.member = ""

    def tell(self) -> int:
        return self.place

    def seek(self, place: int) -> None:
        if place < self.place:
            raise tarfile.ReadError("a member's size is below 0")
        while self.place < place:
            if not self._read(min(place - self.place, PIECE)):
                raise self._ends_within()

    def read(self, size: int) -> bytes:
        """Read a part of a header."""
        self.header += size
        if size < 0 or self.header > LARGEST_HEADER:
            raise tarfile.ReadError(f"a member's header has over {LARGEST_HEADER:,} bytes")
        return self._read(size)

    def piece(self, size: int) -> bytes:
        """Read up to so many bytes of the contents of the member whose header was just read."""
        return self._read(size)

    def content(self, member: tarfile.TarInfo) -> bytes:
        """Read all of them."""
        content = read_up_to(cast(IO[bytes], _MemberFile(self, member)), member.size)
        if len(content) != member.size:
            raise self._ends_within()
        return content

    def _ends_within(self) -> tarfile.ReadError:
        return tarfile.ReadError(f"it ends within its member {self.member!r:.200}")

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
