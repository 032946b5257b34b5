"""Tokenizing texts of any script: words, ``!`` and ``?``, emoji and emoticons.

Words are those of Unicode's default word boundaries (UAX #29), but of the marks between two letters only
the apostrophe joins: ``don't`` is one word, ``3.5``, ``U.S.`` and ``foo_bar`` are two each. What is ASCII
alone is read by a shorter pattern, which gives the same more than twice as fast.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

import regex

# Part of every cache key: raise it when a rule below or a cleaning step changes.
TEXT_RULES_VERSION = 2
# So are these: what a letter is, and its lower case, are what their tables of Unicode say.
UNICODE_TABLES = (unicodedata.unidata_version, regex.__version__)

# Also places that Unicode keeps for emoji to come. Digits, # and * are emoji in keycaps alone, the signs of
# copyright and trade mark where a variation selector says so.
PICTURE = r"[\p{Emoji}[\p{Extended_Pictographic}&&\p{Cn}]--[0-9#*\p{Regional_Indicator}©®™]]"

# Letters that Unicode lets stand alone where a script has no spaces (Han, Hiragana, Thai, Khmer), what has a
# rule of its own below, and tone marks. The rest form words: letters, numbers, and what Unicode takes for letters.
APART = rf"\p{{Han}}\p{{WB=Katakana}}{PICTURE}\p{{Grapheme_Extend}}\p{{Sk}}[[\p{{L}}\p{{Nl}}]&&\p{{WB=Other}}]"
LETTER = rf"[\p{{L}}\p{{N}}\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}--[{APART}]]"
# Accents, vowel signs, variation selectors and joiners stay on what they follow.
MARK = r"[\p{M}\p{Grapheme_Extend}\u200d]"
# The last letter or digit of a run may be a keycap, which is an emoji.
RUN = rf"{LETTER}[{LETTER}[{MARK}--\u20e3]]*(?!\ufe0f?\u20e3)"
# Hebrew writes its abbreviations with a quotation mark inside.
INSIDE = r"""(?:'|(?<=\p{WB=Hebrew_Letter})["\u05f4](?=\p{WB=Hebrew_Letter}))"""
KATAKANA = rf"\p{{WB=Katakana}}[\p{{WB=Katakana}}{MARK}]*"
ALONE = rf"[\p{{L}}\p{{N}}--{PICTURE}]{MARK}*"
# The first is for speed: between ASCII characters, a word of ASCII ends where its letters do.
ANY_WORD = rf"[a-zA-Z0-9]++(?![^\x00-&(-\x7f])|{RUN}(?:{INSIDE}{RUN})*|{KATAKANA}|{ALONE}"
ASCII_WORD = "[a-zA-Z0-9]+(?:'[a-zA-Z0-9]+)*"

# With its skin tone or variation selector; and several that a joiner makes one.
WHOLE_PICTURE = rf"(?:{PICTURE}|[©®™]\ufe0f)[{MARK}\p{{Emoji_Modifier}}--\u200d]*"
FLAG = rf"\p{{Regional_Indicator}}{{1,2}}{MARK}*"
EMOJI = rf"{WHOLE_PICTURE}(?:\u200d{WHOLE_PICTURE})*|{FLAG}|[#*]\ufe0f?\u20e3"

# The emoticons: few enough to be right. Letters stand in both cases, since texts are lower-cased before.
# :) :-) ;) =] :'( :o) wherever they stand, but no "(see:(5))", where a word follows.
FACE = r"""[:;=]'?[-oO^]?(?:[)\]]|[(\[](?![(\[]*["'$]?[\w]))"""
# :D :-P :/ where no word touches them: no "http://", "Codename:Dragonfly" or "Rating:***".
FACE_APART = r"[:;=](?<![\w*/\\|:;=-][:;=])-?[dDpPoO/\\|*](?![\w=*/\\|])"
# ^_^ ^^ ^-^ and -_-, but no underlining.
EYES = r"\^(?<!\^\^)[_-]?\^(?![\w^])|-(?<![\w-]-)_-(?![\w-])"
# <3 and </3, but no "<30" or "<3.5".
HEART = r"</?3(?![\w]|[.,:/-]\d)"
EMOTICON = f"{FACE}|{FACE_APART}|{EYES}|{HEART}"
ANY_EMOTICON = EMOTICON.replace(r"\w", rf"\w{LETTER}{MARK}")

# Chinese, Japanese and Arabic have their own ! and ?.
ANY_TOKEN = regex.compile(f"(?V1){ANY_WORD}|[!?\uff01\uff1f\u061f]|{ANY_EMOTICON}|{EMOJI}")
ASCII_TOKEN = re.compile(f"{ASCII_WORD}|[!?]|{EMOTICON}")
ANY_WORD_PATTERN = regex.compile(f"(?V1){ANY_WORD}")
ASCII_WORD_PATTERN = re.compile(ASCII_WORD)


def tokenize(text: str) -> list[str]:
    """Split cleaned text into its tokens.

    Parameters
    ----------
    text : str
        Text as a :class:`shared.text.pipeline.Pipeline` returns it.

    Returns
    -------
    list of str
        In the order of the text. Everything else separates.

        - Words: runs of letters, numbers and the accents and vowel signs on them; an apostrophe between two
          of them belongs to the word (``don't``, ``director's``). Where a script has no spaces, Unicode's
          boundaries decide: each Chinese character and each Hiragana is a token, so is each letter with its
          signs in Thai, Lao, Khmer and Myanmar, and Katakana in a row are one.
        - The marks ``!`` and ``?``, also those of Chinese, Japanese and Arabic.
        - Emoji, each whole sequence one token: with its skin tone, families, flags, keycaps.
        - The usual ASCII emoticons, as ``:)``, ``;-)``, ``:'(``, ``:d``, ``<3``, ``^_^``.
    """
    return ASCII_TOKEN.findall(text) if text.isascii() else ANY_TOKEN.findall(text)


def find_words(text: str) -> list[str]:
    """Return the words among the tokens of a text, in its order."""
    return (ASCII_WORD_PATTERN if text.isascii() else ANY_WORD_PATTERN).findall(text)


def change_words(change: Callable[[str], str], text: str) -> str:
    """Replace each word of a text by what a function makes of it."""
    return (ASCII_WORD_PATTERN if text.isascii() else ANY_WORD_PATTERN).sub(lambda found: change(found[0]), text)


def visible_characters(text: str) -> int:
    """How many characters of a text are no white space."""
    return len("".join(text.split()))


def held_characters(tokens: Iterable[str]) -> int:
    """How many of the characters of a text its tokens hold; the others of :func:`visible_characters` are lost."""
    return len("".join(tokens))
