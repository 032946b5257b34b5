"""Cleaning steps that look at characters: HTML, apostrophes, accents, special characters, digits, case.

Every step is a pure function of a text of any kind, and takes time in proportion to its length. All but
`remove_html` find nothing more when they are applied again.
"""

from __future__ import annotations

import html
import re
import unicodedata

from shared.text.tokens import find_words

# A tag starts with a letter, a slash or a bang: "5 < 6 and 7 > 3" is text. Excluding "<" inside
# keeps matching linear in the length of the text, whatever the text is.
TAG = re.compile(r"<[/!]?[a-zA-Z][^<>]*>")
# What no browser shows, by how it begins and ends.
COMMENT = (re.compile("<!--"), re.compile("-->"))
SCRIPT = (re.compile(r"<script\b[^<>]*>", re.ASCII | re.IGNORECASE), re.compile(r"</script\b[^<>]*>", re.ASCII | re.I))
STYLE = (re.compile(r"<style\b[^<>]*>", re.ASCII | re.IGNORECASE), re.compile(r"</style\b[^<>]*>", re.ASCII | re.I))
# No character has a number this long, and Python's `int` refuses one of some thousand digits.
ENDLESS_REFERENCE = re.compile("&#[0-9]{100,};?")
# Quotation marks right and left, the modifier letter, the acute accent, and Windows-1252's in Latin-1.
APOSTROPHE = re.compile("[\u2019\u2018\u02bc\u00b4\x92]")
# The block of marks that Latin, Greek and Cyrillic accents decompose to. Marks of other scripts stay:
# in Hindi or Hebrew they are vowels.
ACCENT = re.compile("[\u0300-\u036f]+")
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
DIGITS = re.compile(r"\d+")


def remove_html(text: str) -> str:
    """Take tags, comments, scripts and styles out without joining words, and decode entities once.

    Each is replaced by one space, so ``good<br /><br />film`` stays two words, and the ends are
    stripped. Comments, ``<script>`` and ``<style>`` go with what they contain where they are closed;
    where they are not, only the tag goes, since the rest is more likely a review than a program.
    Comments do not nest, as in HTML. A second application may find more: ``&lt;b&gt;`` is the text
    ``<b>``, which is a tag the next time. So the result is text to be read by a model, and not safe
    to be put into a page.
    """
    if "<!--" in text:
        text = _without(text, *COMMENT)
    if "</" in text:
        text = _without(_without(text, *SCRIPT), *STYLE)
    return html.unescape(ENDLESS_REFERENCE.sub("\ufffd", TAG.sub(" ", text))).strip()


def _without(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    # Looking for the end of each beginning would be quadratic where none is closed.
    *closed, rest = closing.split(text)
    return " ".join([*(opening.split(part, maxsplit=1)[0] for part in closed), rest])


def straighten_apostrophes(text: str) -> str:
    """Write curly and accent-like apostrophes as ``'``."""
    return text if text.isascii() else APOSTROPHE.sub("'", text)


class _Unaccented(dict[int, str]):
    """Each character without its accents, worked out when it is first seen.

    Character by character, because `unicodedata.normalize` sorts the marks behind a letter in
    quadratic time, and a hostile text has millions of them.
    """

    def __missing__(self, code: int) -> str:
        bare = ACCENT.sub("", unicodedata.normalize("NFD", chr(code)))
        self[code] = unicodedata.normalize("NFC", bare)
        return self[code]


_UNACCENTED = _Unaccented()


def remove_accents(text: str) -> str:
    """Take accents off letters, composed or not: ``Sómě těxt`` becomes ``Some text``.

    Letters that are no letter with an accent stay as they are (``ø``, ``ß``), as do all other scripts.
    """
    return text if text.isascii() else NOT_ASCII.sub(lambda run: run[0].translate(_UNACCENTED), text)


def remove_special_characters(text: str) -> str:
    """Keep the words, with one space between two: letters and digits of any script, with what belongs to them.

    Accents and vowel signs stay on their letters. Apostrophes inside a word stay, because ``don t`` would
    no longer be a negation; curly ones count. Emoji and emoticons go, as all signs do.
    """
    return " ".join(find_words(straighten_apostrophes(text)))


def remove_digits(text: str) -> str:
    """Replace digits of any script by white space, which becomes single spaces everywhere."""
    return " ".join(DIGITS.sub(" ", text).split())


def lower_case(text: str) -> str:
    """Lower the case of all letters."""
    return text.lower()
