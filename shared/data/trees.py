"""Files in folders, in tar archives and in zip archives, all looked at in one way."""

from __future__ import annotations

import os
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, NoReturn, cast

from shared.data.archive import inner_name, is_tarball, tar_member, tar_members, tar_names
from shared.data.packing import LARGEST_KEPT, SPARE, Bounded, Content, Gauge, content_of
from shared.data.reviews import split_of
from shared.errors import LockstepError
from shared.files import BoundedFile, check_regular, read_bytes, reading

ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
# LZMA in a zip archive may ask for any memory.
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
# What macOS puts beside every file.
JUNK = "__MACOSX"


def is_visible(name: str) -> bool:
    """Whether neither a file nor a folder above it is hidden."""
    return not (name.startswith((".", JUNK)) or "/." in name or f"/{JUNK}" in name)


class Tree(ABC):
    """Files with names such as ``train/pos/0_9.txt``.

    Parameters
    ----------
    path : Path
        The folder or the archive.
    advice : str
        What to do about a damaged one.

    Attributes
    ----------
    names : list of str
        Of all files.
    gauge : Gauge
        How far :meth:`contents` has come.
    """

    names: list[str]

    def __init__(self, path: Path, advice: str) -> None:
        self.path, self.advice, self.gauge = path, advice, Gauge()

    @property
    def visible(self) -> list[str]:
        """Names of the files that are not hidden."""
        return list(filter(is_visible, self.names))

    def each_name(self) -> Iterator[str]:
        """Yield the names one by one, for who need not know all."""
        return iter(self.names)

    @abstractmethod
    def content(self, name: str) -> Content:
        """Return one of the files."""

    @abstractmethod
    def contents(self, wanted: Callable[[str], object], largest: int) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of some small files, of at most so many bytes each."""


class Folder(Tree):
    """A folder on the disk; links to other folders are not followed."""

    @cached_property
    def names(self) -> list[str]:  # type: ignore[override]
        """Of all files, sorted."""
        found = []
        for folder, _, names in os.walk(self.path, onerror=_raise):
            inner = os.path.relpath(folder, self.path).replace(os.sep, "/")
            found += [name if inner == "." else f"{inner}/{name}" for name in names]
        return sorted(found)

    def content(self, name: str) -> Content:
        """Return one of the files; it may be packed."""
        return content_of(self.path / name)

    def contents(self, wanted: Callable[[str], object], largest: int) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of some small files, sorted by name."""
        chosen = [name for name in self.names if wanted(name)]
        self.gauge.total, self.gauge.unit = len(chosen), " files"
        for self.gauge.done, name in enumerate(chosen, 1):
            yield name, read_bytes(self.path / name, "a text", largest)


def _raise(error: OSError) -> NoReturn:
    raise LockstepError(f"{error.filename}: cannot be read ({error.strerror})") from error


class Tar(Tree):
    """A tar archive, packed or not."""

    @cached_property
    def names(self) -> list[str]:  # type: ignore[override]
        """Of all files, in the order of the archive."""
        return list(self.each_name())

    def each_name(self) -> Iterator[str]:
        """Yield the names as the archive is read."""
        return tar_names(self.path, self.advice)

    def content(self, name: str) -> Content:
        """Return one of the members; each opening reads the archive up to it."""
        gauge = Gauge(self.path.stat().st_size)
        return Content(
            self.path,
            name,
            lambda: tar_member(self.path, name, self.advice, gauge),
            packed=True,
            inner=True,
            gauge=gauge,
        )

    def contents(self, wanted: Callable[[str], object], largest: int) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of some small members, in the order of the archive."""
        self.gauge.total = self.path.stat().st_size
        yield from tar_members(self.path, wanted, largest, self.advice, self.gauge)


class Zip(Tree):
    """A zip archive."""

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        found: dict[str, zipfile.ZipInfo] = {}
        with BoundedFile(self.path) as file, zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                name = inner_name(self.path, member.filename.replace("\\", "/"))
                if name in found:
                    raise LockstepError(f"{self.path}: refused, its member {name!r:.200} is there twice")
                if not member.is_dir():
                    found[name] = member
        return found

    @property
    def names(self) -> list[str]:  # type: ignore[override]
        """Of all files, in the order of the archive."""
        return list(self._members)

    @property
    def _largest(self) -> int:
        return SPARE + LARGEST_KEPT * self.path.stat().st_size

    def _check(self, name: str, largest: int) -> zipfile.ZipInfo:
        member = self._members[name]
        kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where another system made it
        problem = ""
        if member.flag_bits & 0x1:
            problem = "is encrypted"
        elif member.compress_type not in ZIP_METHODS:
            problem = f"is packed in a way that is not read (method {member.compress_type})"
        elif kind not in (0, stat.S_IFREG):
            problem = "is not a plain file"
        elif member.file_size > largest:
            problem = f"has {member.file_size:,} bytes, at most {largest:,} are read"
        if problem:
            raise LockstepError(f"{self.path}: refused, its member {name!r:.200} {problem}")
        return member

    def content(self, name: str) -> Content:
        """Return one of the members."""
        gauge = Gauge(self.path.stat().st_size)

        @contextmanager
        def opener() -> Iterator[IO[bytes]]:
            member = self._check(name, self._largest)
            with BoundedFile(self.path) as raw, zipfile.ZipFile(raw) as archive, archive.open(member) as file:
                yield cast(IO[bytes], Bounded(self.path, file, self._largest, gauge, raw))

        return Content(self.path, name, opener, packed=True, inner=True, gauge=gauge)

    def contents(self, wanted: Callable[[str], object], largest: int) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of some small members, in the order of the archive."""
        with (
            reading(self.path, "a readable zip archive", self.advice),
            BoundedFile(self.path) as file,
            zipfile.ZipFile(file) as archive,
        ):
            chosen = [(name, self._check(name, largest)) for name in self._members if wanted(name)]
            if sum(member.file_size for _, member in chosen) > self._largest:
                raise LockstepError(f"{self.path}: refused, its contents are over {LARGEST_KEPT} times its size")
            self.gauge.total, self.gauge.unit = len(chosen), " files"
            for self.gauge.done, (name, member) in enumerate(chosen, 1):
                yield name, archive.read(member)


def look_into(path: Path, advice: str) -> Content | Tree:
    """Return the files of a folder or an archive; of an archive that holds a single file, and of a file, that file.

    Raises
    ------
    LockstepError
        If it is damaged, or an archive that is refused.
    """
    if path.is_dir():
        return Folder(path, advice)
    check_regular(path)
    with path.open("rb") as file:
        beginning = file.read(len(ZIP))
    if beginning in (ZIP, EMPTY_ZIP):
        return _alone(Zip(path, advice))
    content = content_of(path)
    if is_tarball(path, b"") or is_tarball(path, content.head()):
        return _alone(Tar(path, advice))
    return content


def _alone(tree: Tree) -> Content | Tree:
    """Return the only file of an archive, unless its folders say what it is."""
    names = list(islice(filter(is_visible, tree.each_name()), 2))
    if len(names) != 1:
        return tree
    *folders, _ = names[0].split("/")
    return tree if len(folders) >= 2 and split_of(folders[-2]) is not None else tree.content(names[0])
