"""Tokenizing: words with their apostrophes, ``!`` and ``?``."""

from __future__ import annotations

import re

# Runs of letters and digits; an apostrophe between two of them belongs to the word (don't, director's).
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
TOKEN = re.compile(WORD.pattern + "|[!?]")

# Part of every cache key: raise it when a rule above or a cleaning step changes.
TEXT_RULES_VERSION = 1


def tokenize(text: str) -> list[str]:
    """Split cleaned text into words and the marks ``!`` and ``?``.

    Parameters
    ----------
    text : str
        Text as a :class:`shared.text.pipeline.Pipeline` returns it.

    Returns
    -------
    list of str
        Runs of letters and digits; an apostrophe between two of them belongs to the word
        (``don't``, ``director's``). Everything else separates.
    """
    return TOKEN.findall(text)
