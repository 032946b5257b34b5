"""The one guard in front of everything that is written.

Whoever writes says where and what (`Output`). It is looked at twice: before the work begins, and again at
the moment when what was made takes its place. Nothing is replaced unless that was asked for, and then only a
plain file, or a directory that holds nothing but what this program puts into such a directory.

While the work goes on, the place is claimed by a hidden directory beside it, ``.<name>.lockstep-work``, with
a lock that dies with its owner. What is made is made in there. One that stands there without an owner is what
a killed process left, and the next one that writes beside it clears it away.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import math
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from shared.errors import BusyError, LockstepError
from shared.startup import CLOSED, undisturbed

STANDARD_OUTPUT = Path("-")

# Stands in files that their own command makes anew from other files; those it replaces without being told to.
MARK = "made by Lockstep, which makes it anew"
# Where the mark is looked for: at the beginning and at the end.
MARK_WITHIN = 4_096
LARGEST_PROOF = 50_000_000  # bytes

WORK = ".lockstep-work"
LONGEST_NAME = 255 - len(WORK) - 1  # bytes, on the usual file systems
SECONDS_BETWEEN_LOOKS = 0.05
# Whoever only looks whether a place is claimed holds its lock for less than this.
SECONDS_OF_A_LOOK = 0.5

# Of renameat2(2), from linux/fs.h.
AT_FDCWD, RENAME_NOREPLACE, RENAME_EXCHANGE = -100, 1, 2
NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


@dataclass(frozen=True)
class Kind:
    """What is written, and how one that this program wrote is known.

    Attributes
    ----------
    name : str
        With its article, for messages.
    entries : frozenset of str
        Of a directory: the files that may stand in it, with ``/`` between folders. Empty for a single file.
    proof : str
        Of a directory: the JSON file that must be in it, a key of `PROOFS`.
    marked : bool
        Of a file: replaced without being asked if `MARK` stands in it.
    """

    name: str
    entries: frozenset[str] = frozenset()
    proof: str = ""
    marked: bool = False

    def stranger(self, directory: Path) -> str | None:
        """Say why a directory is not wholly one of ours; None if it is."""
        for folder, folders, files in os.walk(directory):
            here = Path(folder)
            for name in (*folders, *files):
                path = here / name
                inside = path.relative_to(directory).as_posix()
                mode = path.lstat().st_mode
                known = (stat.S_ISREG(mode) and inside in self.entries) or (
                    stat.S_ISDIR(mode) and any(entry.startswith(f"{inside}/") for entry in self.entries)
                )
                if not known:
                    return f"{inside!r} in it is no part of one"
        return None if _says(directory / self.proof, PROOFS[self.proof]) else f"it has no {self.proof} that says so"


def _says(proof: Path, key: str) -> bool:
    """Whether a JSON file has this name in it."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        if proof.is_file() and proof.stat().st_size <= LARGEST_PROOF:  # reading a pipe might never end
            return key in json.loads(proof.read_bytes())
    return False


FILE = Kind("a file")
PAGE = Kind("a page", marked=True)

# The file that shows what a directory is, and the name in it: of runs, of checkpoints, and of the lessons' site.
PROOFS = {"record.json": "record_version", "model.json": "format_version", "site.json": "site_version"}

# What this process has claimed itself.
_CLAIMED: set[Path] = set()


class Output:
    """A place that is written to: looked at and claimed on entering, written whole or not at all.

    Use as a context manager around the work, and :meth:`written` in it when there is something to write.

    Parameters
    ----------
    path : Path
        The file or the directory; ``-`` is standard output, for a file.
    kind : Kind, default FILE
        What it will be.
    overwrite : bool, default False
        Replace one that stands there.
    inputs : tuple of Path, optional
        What the same command reads: that is never replaced.

    Raises
    ------
    LockstepError
        If something stands there that may not be replaced, or nothing can be written there.
    BusyError
        If another process is writing there.
    """

    def __init__(
        self, path: Path, kind: Kind = FILE, *, overwrite: bool = False, inputs: tuple[Path, ...] = ()
    ) -> None:
        self.path, self.kind, self.overwrite, self.inputs = path, kind, overwrite, inputs
        self.place = Path(os.path.abspath(path))
        self._work: _Work | None = None
        self._made: list[Path] = []  # parent directories that did not exist

    def __str__(self) -> str:
        return "standard output" if self.streams else str(self.path)

    @property
    def streams(self) -> bool:
        """Whether this is standard output."""
        return self.path == STANDARD_OUTPUT

    def __enter__(self) -> Output:
        if self.streams:
            self._check_stream()
            return self
        self._look(self.place)
        self._refuse_inputs()
        if self.place in _CLAIMED:
            raise LockstepError(f"{self.path}: is named twice; each needs a place of its own")
        try:
            with undisturbed():
                self._claim()
            self._look(self.place)  # again: something may have come while another process had the claim
        except OSError as error:
            self._leave()
            raise LockstepError(f"{self.path}: cannot be written ({error.strerror})") from error
        except BusyError as error:
            raise BusyError(
                f"{self.path}: another process is writing there; wait for it, or name another place"
            ) from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._leave()

    def _claim(self) -> None:
        for last in (False, True):
            try:
                self._made += _make_parents(self.place.parent)
                self._work = _Work.claim(self.place)
                _CLAIMED.add(self.place)
                return
            except FileNotFoundError:  # another process took an empty parent away, which it had made itself
                if last:
                    raise

    def _leave(self) -> None:
        """Give the place free, and leave nothing that was made for nothing."""
        with undisturbed():
            if self._work is not None:
                self._work.release()
                self._work = None
                _CLAIMED.discard(self.place)
            self._unmake()

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Yield a path where a file or a directory is to be made; it takes its place if the block succeeds.

        It has the place's own name, for writers that go by the suffix. What was made is on the disk before
        it is seen.

        Raises
        ------
        LockstepError
            If something else stands at the place by now; what was made is then kept beside it.
        """
        if self.streams:
            yield from self._streamed()
            return
        assert self._work is not None, "enter the output before it is written to"
        temporary = self._work.empty_place(self.place.name)
        yield temporary
        _flush(temporary)
        self._put(temporary)
        _flush_entry(self.place.parent)
        self.overwrite = True  # what stands there now is its own

    def _check_stream(self) -> None:
        check_standard_output()
        if self.kind.entries:
            raise LockstepError(f"-: {self.kind.name} is a directory, which standard output cannot take; name a place")

    def _streamed(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / "output"
            yield temporary
            sys.stdout.flush()
            with temporary.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.flush()

    def _look(self, place: Path) -> None:
        """Refuse what may not be replaced."""
        if not place.name:
            raise LockstepError(f"{self.path}: names no place of its own; add a name")
        try:
            mode = place.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError) as error:
            raise LockstepError(
                f"{self.path}: cannot be written ({getattr(error, 'strerror', None) or error})"
            ) from error
        if stat.S_ISLNK(mode):
            raise LockstepError(f"{self.path}: is a symbolic link, which is not replaced; name the place it leads to")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            what = "a pipe or a socket" if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else "a device"
            raise LockstepError(f"{self.path}: is {what}, which is not replaced; - is standard output")
        if stat.S_ISDIR(mode):
            self._look_at_directory(place)
        elif self.kind.entries:
            raise LockstepError(f"{self.path}: is a file; {self.kind.name} is a directory, name another place")
        elif not (self.overwrite or (self.kind.marked and _is_marked(place))):
            raise LockstepError(f"{self.path}: exists; pass --overwrite to replace it, or name another place")

    def _look_at_directory(self, place: Path) -> None:
        if not self.kind.entries:
            raise LockstepError(f"{self.path}: is a directory; name a file")
        if not any(place.iterdir()):
            return
        strange = self.kind.stranger(place)
        if strange:
            raise LockstepError(
                f"{self.path}: exists and is not {self.kind.name} alone ({strange}), so it is not replaced; "
                "name another place"
            )
        if not self.overwrite:
            raise LockstepError(
                f"{self.path}: {self.kind.name} is there already; pass --overwrite to replace it, or name another place"
            )

    def _refuse_inputs(self) -> None:
        """Refuse to replace what is read, and to put anything into a run or a checkpoint, which are whole."""
        for proof, key in PROOFS.items():
            for folder in self.place.parents[:2]:
                if _says(folder / proof, key):
                    raise LockstepError(
                        f"{self.path}: would stand in a run or a checkpoint ({folder}); name another place"
                    )
        if not self.place.exists():
            return
        place = self.place.resolve()
        for path in self.inputs:
            with suppress(OSError, ValueError):
                read = path.expanduser().resolve(strict=True)
                inside = read in place.parents and not self.kind.marked
                if inside or read == place or place in read.parents:
                    raise LockstepError(f"{self.path}: is read by the same command ({path}), and is not replaced")

    def _put(self, temporary: Path) -> None:
        try:
            if _rename_to_nothing(temporary, self.place):
                return
            self._look(self.place)
        except LockstepError as error:
            kept = _free_name(self.place)
            os.rename(temporary, kept)
            raise LockstepError(f"{error}; it came there meanwhile, what was made is {kept}") from error
        assert self._work is not None
        old = self._work.replaced
        _exchange(temporary, self.place, old)
        try:
            self._look(old)
        except LockstepError as error:  # put there between the look and the exchange
            kept = _free_name(self.place)
            os.rename(old, kept)
            raise LockstepError(f"{error}; it came there meanwhile, and is {kept} now") from error

    def _unmake(self) -> None:
        """Take away the parent directories that were made for nothing."""
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def written(path: Path, kind: Kind = FILE, *, overwrite: bool = False, inputs: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Enter an `Output` and write to it in one go."""
    with Output(path, kind, overwrite=overwrite, inputs=inputs) as output, output.written() as temporary:
        yield temporary


def check_standard_output() -> None:
    """Raise a LockstepError if standard output was closed: what is asked for would be lost."""
    if 1 in CLOSED:
        raise LockstepError(
            "standard output is closed, and the answer would be lost; leave it open, or name a file to write to"
        )


def remove_page(path: Path) -> None:
    """Take away a file that its own command makes anew; one without the mark stays."""
    if stat.S_ISREG(path.lstat().st_mode) and _is_marked(path):
        path.unlink()


def check_folder(folder: Path) -> None:
    """Raise a LockstepError if nothing can be written into a folder; it need not exist, and is not made."""
    probe = folder / ".lockstep-probe"
    try:
        with Output(probe):
            pass
    except LockstepError as error:
        raise LockstepError(str(error).replace(str(probe), str(folder))) from error


class _Work:
    """The hidden directory that claims a place, and its lock.

    A lock on a file belongs to an open file and ends with the process that opened it, however it ends.
    """

    def __init__(self, place: Path, directory: Path, lock: int) -> None:
        self.place, self.directory, self.lock = place, directory, lock

    @property
    def replaced(self) -> Path:
        """Where what stood at the place before is put."""
        return self.directory / "replaced"

    @classmethod
    def claim(cls, place: Path, patience: float = SECONDS_OF_A_LOOK) -> _Work:
        """Claim a place, and clear away what killed processes left beside it.

        Parameters
        ----------
        place : Path
            Absolute.
        patience : float
            Seconds to wait for whoever has it; then a BusyError is raised.
        """
        directory = place.with_name(f".{_short(place.name)}{WORK}")
        work = cls._locked(place, directory, patience)
        try:
            work._clear()
            for other in sorted(place.parent.glob(f".*{WORK}")):
                if other != directory:
                    cls.clear(other)
        except BaseException:
            work.release()
            raise
        return work

    @classmethod
    def clear(cls, directory: Path) -> bool:
        """Clear away what a killed process left, if it is nobody's, and return whether it was."""
        with suppress(BusyError, OSError):
            left = cls._locked(directory.with_name(directory.name[1 : -len(WORK)]), directory, 0)
            left._clear()
            left.release()
            return True
        return False

    @classmethod
    def _locked(cls, place: Path, directory: Path, patience: float) -> _Work:
        last = time.monotonic() + patience
        while True:
            directory.mkdir(exist_ok=True)
            if directory.is_symlink():
                raise FileExistsError(errno.EEXIST, "a link is in the way", str(directory))
            try:
                lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except FileNotFoundError:  # its owner took it away meanwhile
                continue
            except BaseException:
                with suppress(OSError):
                    directory.rmdir()
                raise
            work = cls(place, directory, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(lock), os.stat(directory / "lock")):
                    return work
                os.close(lock)
            except FileNotFoundError:
                os.close(lock)
            except BlockingIOError as error:
                os.close(lock)
                if time.monotonic() >= last:
                    raise BusyError(f"{place}: another process is writing there") from error
                time.sleep(SECONDS_BETWEEN_LOOKS)
            except BaseException:
                work.release()
                raise

    def empty_place(self, name: str) -> Path:
        """Return a path with this name at which nothing is."""
        folder = self.directory / "new"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder / name

    def _clear(self) -> None:
        """Take away what a killed process left; what it had put aside goes back where it was."""
        if os.path.lexists(self.replaced) and not os.path.lexists(self.place):
            os.rename(self.replaced, self.place)
        self._empty()

    def _empty(self) -> None:
        for path in (self.directory / "new", self.replaced):  # and nothing else that may be in there
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the place free."""
        with suppress(OSError):
            self._empty()
            (self.directory / "lock").unlink()
            self.directory.rmdir()
        os.close(self.lock)


@contextmanager
def alone(place: Path) -> Iterator[Path]:
    """Wait until nobody else is in a block of this kind for the same place, and keep others out meanwhile.

    Yields
    ------
    Path
        Beside the place, with its name; nothing is there, and what is made there is taken away afterwards.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    work = _Work.claim(place, math.inf)
    try:
        yield work.empty_place(place.name)
    finally:
        work.release()


def is_claimed(path: Path) -> bool:
    """Whether a process that is alive has claimed this place."""
    place = Path(os.path.abspath(path))
    directory = place.with_name(f".{_short(place.name)}{WORK}")
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def clear_leftover(place: Path) -> None:
    """Clear away what a killed process left where it made this place."""
    directory = place.with_name(f".{_short(place.name)}{WORK}")
    if directory.is_dir():
        _Work.clear(directory)


def clear_leftovers(folder: Path) -> int:
    """Clear away what killed processes left in a folder and below it, and return how many there were."""
    return sum(map(_Work.clear, sorted(folder.rglob(f".*{WORK}"))))


def _short(name: str) -> str:
    """Return a name that leaves room for `WORK`; a long one becomes its digest."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= LONGEST_NAME else hashlib.sha256(encoded).hexdigest()


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder and those above it, and return the ones that did not exist, the highest first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    missing.reverse()
    for one in missing:
        one.mkdir(exist_ok=True)
    return missing


def _free_name(place: Path) -> Path:
    number = 1
    while os.path.lexists(kept := place.with_name(f"{place.name}.{number}")):
        number += 1
    return kept


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        beginning = file.read(MARK_WITHIN)
        file.seek(max(0, path.stat().st_size - MARK_WITHIN))
        return MARK.encode() in beginning + b"\n" + file.read(MARK_WITHIN)


def _flush(path: Path) -> None:
    """Have a file, or all of a directory, on the disk."""
    for folder, _, names in os.walk(path):
        for name in names:
            _flush_entry(Path(folder, name))
        _flush_entry(Path(folder))
    if not path.is_dir():
        _flush_entry(path)


def _flush_entry(path: Path) -> None:
    with suppress(PermissionError):  # a directory of others may be written to and not opened
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF):  # a file system that has no such thing
                raise
        finally:
            os.close(descriptor)


def _renameat2(source: Path, target: Path, flag: int) -> bool:
    """Rename by Linux' own call; False where there is none such."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    if library.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(target))


def _rename_to_nothing(source: Path, target: Path) -> bool:
    """Rename to a name that is free; return False if it is not."""
    try:
        if _renameat2(source, target, RENAME_NOREPLACE):
            return True
    except FileExistsError:
        return False
    if os.path.lexists(target):
        return False
    os.rename(source, target)
    return True


def _exchange(new: Path, place: Path, old: Path) -> None:
    """Put `new` at `place`, and what is there to `old`; at no moment is there nothing, where the system can do that."""
    if _renameat2(new, place, RENAME_EXCHANGE):
        os.rename(new, old)
        return
    if place.is_dir():
        os.rename(place, old)
        os.rename(new, place)
    else:
        os.replace(new, place)
