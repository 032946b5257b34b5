"""Cleaning and tokenizing: HTML out, lower case, words with their apostrophes, ``!`` and ``?``."""

from __future__ import annotations

import html
import re

# A tag starts with a letter, a slash or a bang: "5 < 6 and 7 > 3" is text. Excluding "<" inside
# keeps matching linear in the length of the text, whatever the text is.
TAG = re.compile(r"<[/!]?[a-zA-Z][^<>]*>|<!--[^<>]*-->")
APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00b4": "'", "\x92": "'"})
TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]")

# Part of every cache key: raise it when any rule above changes.
TEXT_RULES_VERSION = 1


def clean(text: str) -> str:
    """Take HTML out without joining words, straighten apostrophes, lower the case.

    Parameters
    ----------
    text : str
        Any Unicode text.

    Returns
    -------
    str
        Each tag is replaced by one space, so ``good<br /><br />film`` stays two words; entities
        such as ``&amp;`` become the characters they stand for.
    """
    return html.unescape(TAG.sub(" ", text)).translate(APOSTROPHES).lower()


def tokenize(text: str) -> list[str]:
    """Split cleaned text into words and the marks ``!`` and ``?``.

    Parameters
    ----------
    text : str
        Text as :func:`clean` returns it.

    Returns
    -------
    list of str
        Runs of letters and digits; an apostrophe between two of them belongs to the word
        (``don't``, ``director's``). Everything else separates.
    """
    return TOKEN.findall(text)
