"""What is said on a terminal: plain text, whatever names and reviews hold."""

from __future__ import annotations

import sys

from rich.console import Console


def printable(text: str) -> str:
    """Return a text on one line that a terminal shows and does not act on.

    Escape characters, line ends, marks of direction and bytes that are no text become their escapes.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def say(text: str, *, aside: bool = False) -> None:
    """Print one line, whatever it holds.

    Parameters
    ----------
    text : str
        The line.
    aside : bool, default False
        On standard error: what is no part of the answer.
    """
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
    made = Console(stderr=aside, markup=False, emoji=False, highlight=False)
    if width and not made.is_terminal:
        made.width = width
    return made
