"""Files that are made new, files that are read, their checksums, and the place where caches live."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.errors import LockstepError
from shared.output import MARK, alone, clear_leftover
from shared.terminal import say

# Part of every cached directory's place: raise it when what stands in one changes.
CACHE_VERSION = "3"
MANIFEST = "manifest.json"
LARGEST_JSON = 100_000_000  # bytes

Model = TypeVar("Model", bound=BaseModel)


def cache_directory() -> Path:
    """Where encoded reviews and downloads are kept: ``$LOCKSTEP_CACHE``, or the user's cache."""
    import pooch  # with what it downloads by it takes a twentieth of a second, and most commands download nothing

    return Path(os.environ.get("LOCKSTEP_CACHE") or pooch.os_cache("lockstep"))


def remove_cached(directory: Path) -> None:
    """Remove a directory of the cache, and nothing that is elsewhere."""
    if cache_directory() in directory.parents:
        shutil.rmtree(directory, ignore_errors=True)


def cached(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return a directory of the cache; it is made if it is not there, and made anew if it is damaged.

    Of processes that need the same one, the first makes it and the others wait.

    Parameters
    ----------
    name : str
        What it holds, in a word.
    key : str
        Hash of all that its contents depend on.
    make : (directory) -> None
        Puts files into a new, empty directory.

    Returns
    -------
    Path
        Its files have been held against their checksums.
    """
    place = cache_directory() / name / f"{CACHE_VERSION}-{key}"
    if is_whole(place):
        clear_leftover(place)
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "set LOCKSTEP_CACHE to a folder that can be written"
        raise LockstepError(f"{place.parent}: the cache cannot be made ({error.strerror}); {advice}") from error
    with alone(place) as temporary:
        if is_whole(place):  # made by another process meanwhile
            return place
        if os.path.lexists(place):
            say(f"{place}: this part of the cache is damaged; it is made anew", aside=True)
            _remove(place)
        temporary.mkdir()
        make(temporary)
        save_json(temporary / MANIFEST, manifest(temporary))
        os.rename(temporary, place)
    return place


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def is_whole(directory: Path) -> bool:
    """Whether the files of a directory are those that its manifest names, byte for byte."""
    try:
        listed = json.loads((directory / MANIFEST).read_bytes())
        found = manifest(directory)
    except (OSError, ValueError, RecursionError):
        return False
    found.pop(MANIFEST, None)
    return bool(listed == found)


def manifest(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a directory, by its path there."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): checksum(path) for path in files}


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, expected: str | None, largest: int | None = None) -> None:
    """Hold a file against the checksum that stands beside it.

    Parameters
    ----------
    path : Path
        The file.
    expected : str or None
        Its SHA-256; None if none is known.
    largest : int, optional
        Bytes that it may have.

    Raises
    ------
    LockstepError
        If it is missing, no plain file, larger, or has other bytes.
    """
    with reading(path, "whole"):
        check_regular(path)
        if largest is not None and path.stat().st_size > largest:
            raise LockstepError(f"{path}: has {path.stat().st_size:,} bytes, at most {largest:,} can be right")
        if expected is not None and checksum(path) != expected:
            raise LockstepError(f"{path}: was changed or damaged after it was written (its checksum is another)")


def download(url: str, checksum: str, instead: str) -> Path:
    """Download a file into the cache, once, and check its checksum.

    Parameters
    ----------
    url : str
        Its last part names the file in the cache.
    checksum : str
        ``<algorithm>:<hexadecimal>``.
    instead : str
        What the user can do where the download fails.

    Raises
    ------
    LockstepError
        If the download fails or the checksum differs; nothing half-downloaded is kept.
    """
    import pooch

    try:
        name = url.rsplit("/", 1)[-1]
        return Path(pooch.retrieve(url, checksum, name, cache_directory() / "downloads", progressbar=True))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LockstepError(f"cannot download {url}: {reason}; or {instead}") from error


class BoundedFile(io.BufferedReader):
    """A file of which never more is asked for than there is, whatever length its contents claim.

    ``read(n)`` of Python's own files takes memory for ``n`` bytes first, and archives say what ``n`` is.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._length = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or all that is left."""
        left = max(0, self._length - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


@contextmanager
def reading(path: Path, what: str, advice: str = "") -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into one line.

    Parameters
    ----------
    path : Path
        The file: the line begins with it.
    what : str
        What it should be, with its article: "not <what>, or damaged".
    advice : str, optional
        What to do.

    Raises
    ------
    LockstepError
        For every error that damaged contents cause, in this program or in a library that reads them.
    """
    end = f"; {advice}" if advice else ""
    try:
        yield
    except LockstepError as error:
        if str(path) in str(error):
            raise
        raise LockstepError(f"{path}: {error}{end}") from error
    except (MemoryError, KeyboardInterrupt):
        raise
    except OSError as error:
        if error.errno is not None:
            raise LockstepError(f"{path}: cannot be read ({error.strerror}){end}") from error
        raise LockstepError(f"{path}: not {what}, or damaged ({_reason(error)}){end}") from error
    except Exception as error:  # what parsers raise has no common class
        raise LockstepError(f"{path}: not {what}, or damaged ({_reason(error)}){end}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else first["msg"]
    if isinstance(error, KeyError):
        return f"{error} is missing"
    said = str(error).strip().splitlines()
    return said[0][:300] if said else type(error).__name__


def check_regular(path: Path) -> None:
    """Refuse what is no plain file: reading a pipe or a device may never end.

    Raises
    ------
    LockstepError
        If it is one; a file that is missing is left to whoever opens it.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if stat.S_ISDIR(mode):
        raise LockstepError(f"{path}: is a directory, not a file")
    if not stat.S_ISREG(mode):
        raise LockstepError(f"{path}: is a pipe or a device, not a file")


def read_bytes(path: Path, what: str, largest: int) -> bytes:
    """Read a plain file of at most so many bytes.

    Raises
    ------
    LockstepError
        If it is larger, no plain file, or cannot be read.
    """
    with reading(path, what):
        check_regular(path)
        size = path.stat().st_size
        if size > largest:
            raise LockstepError(f"{path}: not {what}: it has {size:,} bytes, at most {largest:,} are read")
        return path.read_bytes()


def read_json(path: Path, what: str, model: type[Model], advice: str = "") -> Model:
    """Read a JSON file of a known form.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it should be, with its article.
    model : subclass of pydantic.BaseModel
        Its form.
    advice : str, optional
        What to do if it is not.

    Raises
    ------
    LockstepError
        In one line: path, what is wrong, what to do.
    """
    with reading(path, what, advice):
        content = read_bytes(path, what, LARGEST_JSON)
        values = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        if isinstance(values, dict) and {"made_by", "checksum"} & values.keys():  # earlier ones had no seal
            check_seal(values)
        return model.model_validate(values)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def save_text(path: Path, text: str) -> None:
    """Make a new file of a text, in UTF-8; what stands there is never replaced (see `shared.output`)."""
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def save_bytes(path: Path, content: bytes) -> None:
    """Make a new file of bytes; what stands there is never replaced (see `shared.output`)."""
    with path.open("xb") as file:
        file.write(content)


def save_page(path: Path, content: str | Mapping[str, Any]) -> None:
    """Make a new file that its own command may make anew (`shared.output.PAGE`): markup, or values as JSON."""
    if isinstance(content, str):
        save_text(path, f"{content}<!-- {MARK} -->\n")
    else:
        save_json(path, seal({"made_by": MARK, **content}))


def save_json(path: Path, value: Any) -> None:
    """Make a new file of indented UTF-8 JSON; what stands there is never replaced.

    Raises
    ------
    ValueError
        If a number in it is not finite, which JSON cannot say.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # of a file name that is no UTF-8
        text = json.dumps(value, indent=2, allow_nan=False)
    save_text(path, f"{text}\n")


def seal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with their own checksum among them, as ``checksum``."""
    return {**values, "checksum": _seal_of(values)}


def check_seal(values: Mapping[str, Any]) -> None:
    """Raise a LockstepError if values that were sealed are others now."""
    if values.get("checksum") != _seal_of(values):
        raise LockstepError("was changed or damaged after it was written (its checksum is another)")


def _seal_of(values: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in values.items() if name != "checksum"}
    return digest(json.dumps(kept, sort_keys=True, ensure_ascii=True, allow_nan=False))


def digest(*parts: bytes | str) -> str:
    """SHA-256 of the parts, each preceded by its length so that no two lists of parts collide."""
    return digest_of(parts)


def digest_of(parts: Iterable[bytes | str]) -> str:
    """SHA-256 of parts as :func:`digest` makes it, read one after the other."""
    total = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(encoded).to_bytes(8, "little"))
        total.update(encoded)
    return total.hexdigest()


def code_checksum(packages: Collection[str]) -> str:
    """Return the SHA-256 of the code of our packages among some, as it is now."""
    here = Path(__file__).parents[1]
    files = [path for package in packages for path in sorted(here.joinpath(*package.split(".")).rglob("*.py"))]
    return digest_of(part for path in files for part in (path.relative_to(here).as_posix(), path.read_bytes()))
