"""Files written whole or not at all, and the place where caches live."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pooch

from shared.errors import LockstepError


def cache_directory() -> Path:
    """Where encoded reviews and downloads are kept: ``$LOCKSTEP_CACHE``, or the user's cache."""
    return Path(os.environ.get("LOCKSTEP_CACHE") or pooch.os_cache("lockstep"))


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
    try:
        name = url.rsplit("/", 1)[-1]
        return Path(pooch.retrieve(url, checksum, name, cache_directory() / "downloads", progressbar=True))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LockstepError(f"cannot download {url}: {reason}; or {instead}") from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that becomes `path` only if the block succeeds.

    The block makes a file or a directory of it. What stood at `path` before is replaced, and stays if
    the block fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        temporary = workspace / path.name
        yield temporary
        if path.is_dir():
            os.replace(path, workspace / "replaced")
        os.replace(temporary, path)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def refuse_directory(path: Path) -> None:
    """Refuse to put a file in the place of a directory, which would be deleted with all that is in it.

    Raises
    ------
    LockstepError
        If there is a directory at `path`.
    """
    if path.is_dir():
        raise LockstepError(f"{path}: is a directory; name a file")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8, whole or not at all."""
    refuse_directory(path)
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def digest(*parts: bytes | str) -> str:
    """SHA-256 of the parts, each preceded by its length so that no two lists of parts collide."""
    total = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(encoded).to_bytes(8, "little"))
        total.update(encoded)
    return total.hexdigest()
