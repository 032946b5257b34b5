"""Expanding contractions by rule: ``I don't`` is ``I do not``, whatever the case and the apostrophe."""

from __future__ import annotations

import re

from shared.text.characters import straighten_apostrophes

# Contractions that are no word and one of the endings below.
WHOLE = {"let's": "let us", "y'all": "you all", "c'mon": "come on"}
ENDINGS = {"ll": "will", "ve": "have", "re": "are"}
# What is left before "n't" where it is no word: can't, won't, shan't, ain't.
NEGATED = {"ca": "can", "wo": "will", "sha": "shall", "ai": "is"}
PERSONS = {"i", "you", "he", "she", "it", "we", "they", "who", "that", "there"}
QUESTIONS = {"how", "where", "when", "why", "what"}
# Nothing belongs to these with 's: it has "its", he "his", who "whose".
NEVER_OWNERS = {"he", "she", "it", "that", "there", "here", "who", *QUESTIONS}
AFTER_HAS = {"been", "got", "gotten", "had"}
# Participles that are hardly ever an infinitive; regular ones are known by their -ed.
AFTER_HAD = re.compile(
    "been|better|bought|brought|caught|chosen|done|drawn|driven|eaten|fallen|felt|forgotten|found|given|gone|got|gotten|"
    "grown|had|heard|held|hidden|kept|known|learnt|left|lost|made|meant|met|paid|said|sat|seen|sent|shown|slept|sold|"
    r"spent|stood|taken|taught|thought|thrown|told|understood|won|worn|written|\w*[^\We]ed"
)
ADVERBS = "already|also|always|ever|just|never|not|only|probably|really"

# A whole word: not what stands around the apostrophes of "O'Neill's". Three endings are "shouldn't've" and more.
CONTRACTION = re.compile(
    r"\b(?<!\w')([^\W\d_]++)((?:'(?i:ll|ve|re|all|mon|[dmst])){1,3})(?!'?\w)"
    rf"(?=\s+(?:(?i:{ADVERBS})\s+)?([^\W_]+)|)"
)


def expand_contractions(text: str) -> str:
    """Write contractions out: ``I don't`` becomes ``I do not``, ``WON'T`` ``WILL NOT``.

    Apostrophes of every form count and become straight; case is kept. The ambiguous ones:

    - ``'s`` is a verb after a word that owns nothing by it (it, he, she, that, there, here, who, what,
      where, when, why, how): ``has`` before been, got, gotten or had, otherwise ``is``. After any other
      word it is a possessive and stays (``director's``, ``everyone's``). ``let's`` is ``let us``.
    - ``'d`` is ``did`` after how, where, when, why, what. After I, you, he, she, it, we, they, who, that,
      there it is ``had`` before better, been or a participle that is not an infinitive too, with or
      without an adverb between; otherwise ``would``. After any other word it stays (``OK'd``).
    - ``ain't`` is ``is not``.

    An apostrophe before a word (``'em``) may be a quotation mark, and stays.
    """
    return CONTRACTION.sub(_expanded, straighten_apostrophes(text))


def _expanded(match: re.Match[str]) -> str:
    host, endings, following = match.groups()
    whole = WHOLE.get((host + endings).lower())
    if whole:
        return with_case_of(host + endings, whole)
    words = host
    for ending in endings[1:].split("'"):
        words = _with_ending(words, ending, (following or "").lower())
    return words


def _with_ending(words: str, ending: str, following: str) -> str:
    host, letters = words.lower(), ending.lower()
    if letters == "t" and host.endswith("n") and len(host) > 2:
        verb = words[:-1]
        return with_case_of(verb, NEGATED.get(host[:-1], verb)) + (" NOT" if ending.isupper() else " not")
    verb = ENDINGS.get(letters, "")
    if letters == "m" and host == "i":
        verb = "am"
    elif letters == "s" and host in NEVER_OWNERS:
        verb = "has" if following in AFTER_HAS else "is"
    elif letters == "d" and host in QUESTIONS:
        verb = "did"
    elif letters == "d" and host in PERSONS:
        verb = "had" if AFTER_HAD.fullmatch(following) else "would"
    if not verb:
        return f"{words}'{ending}"
    return f"{words} {verb.upper() if ending.isupper() else verb}"


def with_case_of(model: str, word: str) -> str:
    """Write a word in lower case, Capitalised or in CAPITALS, as another is."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
