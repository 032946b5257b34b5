"""What a command does first, before it imports anything that takes time: streams, and what a signal says.

Every ``__main__`` calls :func:`begin` before its other imports, so this imports the standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

EXIT_INTERRUPTED = 130
INTERRUPTED = "interrupted: nothing half-written was left"
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


# The streams that were closed when the process began, by their numbers.
CLOSED: set[int] = set()

# How many blocks must not be disturbed now, and whether a signal came meanwhile.
_undisturbed = 0
_came = False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a block end before a signal interrupts the command; for moments only."""
    global _undisturbed, _came
    _undisturbed += 1
    try:
        yield
    finally:
        _undisturbed -= 1
        if _came and not _undisturbed:
            _came = False
            raise KeyboardInterrupt


def interrupt() -> None:
    """Raise KeyboardInterrupt: now, or when the block that must not be disturbed has ended."""
    global _came
    if not _undisturbed:
        raise KeyboardInterrupt
    _came = True


def begin() -> None:
    """Make the three streams safe, and let a signal end the process with one line.

    A stream that was closed is opened on nothing: the next file to be opened would get its number, and
    receive what libraries print. A character that a terminal cannot show is written as its escape.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        CLOSED.add(descriptor)  # it takes the place of one that is closed
    os.close(descriptor)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 (open as long as the process)
    sys.stdout = _safe(sys.stdout)
    sys.stderr = _safe(sys.stderr)
    for number in SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # nohup's stays ignored
            signal.signal(number, _leave)


def _safe(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: nothing has begun yet, or all is done."""
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(EXIT_INTERRUPTED)
