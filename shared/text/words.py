"""Cleaning steps that look words up: stemming, lemmatization, stop-word removal.

White space becomes single spaces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from shared.text.characters import straighten_apostrophes
from shared.text.contractions import expand_contractions, with_case_of
from shared.text.tokens import change_words

# Longer than any word of a dictionary ("pneumonoultramicroscopicsilicovolcanoconiosis" has 45 letters).
LONGEST_WORD = 50

# Nothing of this goes: a review without its negations says the opposite.
NEGATIONS = {
    *("no", "not", "nor", "never", "none", "nobody", "noone", "nothing", "nowhere", "neither", "without"),
    *("cannot", "cant", "couldnt", "hasnt"),
}
# Words of scikit-learn's list that say what a film is like; the list is for documents of any kind.
OPINIONS = {"cry", "empty", "interest", "least", "less", "serious", "sincere", "thin", "top", "well"}


def _each_word(change: Callable[[str], str], text: str) -> str:
    changed = change_words(
        lambda word: change(word) if len(word) <= LONGEST_WORD else word, straighten_apostrophes(text)
    )
    return " ".join(changed.split())


# Loaded when they are first asked for, and without caches of their own: the pipeline has one.
@cache
def _stemmer() -> Callable[[str], str]:
    import Stemmer

    return Stemmer.Stemmer("english", 0).stemWord


@cache
def _lemmatizer() -> Callable[[str], str]:
    from simplemma import Lemmatizer

    return partial(Lemmatizer(cache_max_size=0).lemmatize, lang="en")


def _stem(word: str) -> str:
    lowered = word.lower()
    stem = _stemmer()(lowered)
    return word if stem == lowered else with_case_of(word, stem)


def _lemmatize(word: str) -> str:
    lowered = word.lower()
    # simplemma takes "don't" for a form of "do", and "me" for a form of "I".
    lemma = lowered if "n't" in lowered else _lemmatizer()(lowered).lower()
    return word if lemma == lowered else with_case_of(word, lemma)


@cache
def stop_words() -> frozenset[str]:
    """Words that say little about a review, without those that do.

    Source: scikit-learn's ``ENGLISH_STOP_WORDS`` (the Glasgow list), less `NEGATIONS` and `OPINIONS`.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS) - NEGATIONS - OPINIONS


def _unless_stop_word(word: str) -> str:
    lowered = word.lower()
    # "it's" is two stop words; "don't" is one and a negation, and stays.
    words = expand_contractions(lowered).split() if "'" in lowered else [lowered]
    return "" if stop_words().issuperset(words) else word


def stem(text: str) -> str:
    """Cut each word to its stem, which need not be a word: ``feeling`` to ``feel``, ``movies`` to ``movi``.

    The algorithm is Porter's second ("english" of Snowball, https://snowballstem.org), by PyStemmer.
    Case is kept. A stem is not always its own stem: ``only``, ``onli``, ``on``.
    """
    return _each_word(_stem, text)


def lemmatize(text: str) -> str:
    """Replace each word by its form in a dictionary: ``am`` by ``be``, ``movies`` by ``movie``.

    The table is simplemma's for English. It sees no context, so ``saw`` is always ``see``, and a
    lemma may be a form of another word: ``felled``, ``fell``, ``fall``. Case is kept, and so is ``don't``.
    """
    return _each_word(_lemmatize, text)


def remove_stop_words(text: str) -> str:
    """Take words out that say little about a review (``the``, ``it's``), and leave every negation.

    Case does not matter. After stemming the list no longer fits (``very`` is ``veri``), so this step
    comes before.
    """
    return _each_word(_unless_stop_word, text)
