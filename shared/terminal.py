"""What is said on a terminal: plain text, whatever names and reviews hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from tqdm import tqdm

# How much is said, and by which variable the processes that a command starts learn of it.
QUIET, VERBOSE = "quiet", "verbose"
VERBOSITY = "LOCKSTEP_VERBOSITY"
# What is said however quiet a command is told to be.
ALWAYS = ("error: ", "warning: ", "interrupted: ")


def is_quiet() -> bool:
    """Return whether nothing but answers, warnings and errors is to be said (``--quiet``)."""
    return os.environ.get(VERBOSITY) == QUIET


def is_verbose() -> bool:
    """Return whether an error is to be shown with its traceback, and what libraries say too (``--verbose``)."""
    return os.environ.get(VERBOSITY) == VERBOSE


def printable(text: str) -> str:
    """Return a text on one line that a terminal shows and does not act on.

    Escape characters, line ends, marks of direction and bytes that are no text become their escapes.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def counted(count: int, noun: str) -> str:
    """Return how many there are, in words: ``1 run``, ``2,000 runs``; the plural of the noun ends with an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def say(text: str, *, aside: bool = False) -> None:
    """Print one line, whatever it holds.

    Parameters
    ----------
    text : str
        The line.
    aside : bool, default False
        On standard error: what is no part of the answer. With ``--quiet`` only warnings and errors are printed.
    """
    if aside and is_quiet() and not text.startswith(ALWAYS):
        return
    print(printable(text), file=sys.stderr if aside else sys.stdout, flush=aside)


def console(*, aside: bool = False, width: int | None = None) -> Console:
    """Return what prints tables and progress; brackets, colons and numbers in names mean nothing to it.

    Parameters
    ----------
    aside : bool, default False
        On standard error.
    width : int, optional
        Columns where there is no terminal.
    """
    from rich.console import Console  # only here: it takes a tenth of a second to import

    made = Console(stderr=aside, markup=False, emoji=False, highlight=False, quiet=aside and is_quiet())
    if width and not made.is_terminal:
        made.width = width
    return made


def progress_bar(iterable: Iterable[Any] | None = None, *, hidden: bool | None = None, **options: Any) -> tqdm:
    """Return a bar on standard error, of `tqdm`; there is none where nobody looks at a terminal, or with ``--quiet``.

    Parameters
    ----------
    iterable : iterable, optional
        What is gone through.
    hidden : bool, optional
        Whether to show none; by default that follows from where standard error goes.
    **options
        As `tqdm.tqdm` takes them.
    """
    from tqdm import tqdm  # only here: it takes a tenth of a second to import

    return tqdm(iterable, disable=True if is_quiet() else hidden, **options)
