"""The exceptions that users see, and the guess that goes with a wrong name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LockstepError(Exception):
    """A problem that the user can mend.

    The message is one line: what is wrong, where, and what to do. Every command prints it as
    ``error: <message>`` and exits with code 2.
    """


class BusyError(LockstepError):
    """Another process is at work in the same place: exit code 75, "try again later" (sysexits.h)."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` if one of the known words is close to a wrong one, or nothing."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
