"""File events of a forked command: what it makes, renames, flushes and takes away, counted and disturbed."""

from __future__ import annotations

import builtins
import io
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.attack.harness import Scene, Wrong, copy

OF_OS = ("open", "mkdir", "rename", "replace", "unlink", "remove", "rmdir", "fsync", "symlink", "link")
TAKES_AWAY = ("unlink", "remove", "rmdir")
_counted: dict[tuple[str, ...], int] = {}


def disturb(folder: Path, happen: Callable[[int, str, str], None]) -> None:
    """Call ``happen(number, event, path)`` before every event below a folder, and before every flush.

    Parameters
    ----------
    folder : Path
        Events elsewhere do not count.
    happen : callable
        Numbers begin with 1.
    """
    import shared.output

    count = 0

    def event(name: str, path: object) -> None:
        nonlocal count
        where = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if os.path.isabs(where) and not where.startswith(str(folder)):
            return
        count += 1
        happen(count, name, where)

    def wrapped(name: str, original: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def call(path: Any, *given: Any, **options: Any) -> Any:
            if writes(*given, **options):
                event(name, path)
            return original(path, *given, **options)

        return call

    def flags_write(flags: int = 0, *_: Any, **__: Any) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def mode_writes(mode: str = "r", *_: Any, **__: Any) -> bool:
        return bool(set(mode) & set("wax+"))

    def always(*_: Any, **__: Any) -> bool:
        return True

    for name in OF_OS:
        setattr(os, name, wrapped(name, getattr(os, name), flags_write if name == "open" else always))
    opened = wrapped("open", io.open, mode_writes)
    io.open = builtins.open = opened  # type: ignore[assignment]
    if hasattr(shared.output, "_renameat2"):
        shared.output._renameat2 = wrapped("renameat2", shared.output._renameat2, always)


def kill(at: int, number: int, name: str, path: str) -> None:
    """Kill this process before an event."""
    if number == at:
        os.kill(os.getpid(), signal.SIGKILL)


def fail(at: int, error: int, number: int, name: str, path: str) -> None:
    """Have the disk fail from an event on, but for what takes away."""
    if number >= at and name not in TAKES_AWAY:
        raise OSError(error, os.strerror(error), path)


def count(scene: Scene, words: list[str], cold: bool = False) -> int:
    """Return how many events a command has that runs to its end; asked once in a process."""
    key = (*words, str(cold), str(scene.path("made").exists()))
    if key not in _counted:
        other = Scene(scene.folder.parent / "counted" / "folder", scene.random)
        other.folder.parent.mkdir()
        copy(scene.folder, other.folder)
        if not cold:
            copy(scene.cache, other.cache)
        log = other.folder.parent / "events"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
        os.close(descriptor)
        done = other.run(*words, prepare=partial(disturb, other.folder.parent, partial(_write_down, log)))
        if done.code:
            raise Wrong(f"fails where nothing is disturbed: {done}")
        _counted[key] = len(log.read_text().splitlines())
    return _counted[key]


def _write_down(log: Path, number: int, name: str, path: str) -> None:
    with io.FileIO(log, "a") as file:
        file.write(f"{name} {path!r}\n".encode())
