from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import LockstepError
from shared.text import DEFAULT_CLEANING, UNKNOWN_ID, Pipeline, Vocabulary, tokenize
from shared.text.tokens import change_words, find_words, held_characters, visible_characters

clean = Pipeline.parse(DEFAULT_CLEANING)

# Letters, digits and signs of one script each, with the marks that stand on its letters.
SCRIPTS = {
    "Cyrillic": "\u0444\u0438\u043b\u044c\u043c\u0451\u0439\u0301 12",
    "Greek": "\u03c4\u03b1\u03b9\u03bd\u03af\u03b1\u03c2\u0301 12",
    "Hebrew": "\u05d0\u05d1\u05e1\u05e8\u05d8\u05b8\u05bc\u05f3 12",
    "Arabic": "\u0641\u064a\u0644\u0645\u0640\u064e\u0651\u200c \u0661\u0662",
    "Devanagari": "\u092b\u093f\u0932\u094d\u092e\u093c\u0902\u0905\u200d \u0967\u0968",
    "Tamil": "\u0baa\u0b9f\u0bae\u0bcd\u0bbe\u0bc8\u0b85 \u0be7",
    "Thai": "\u0e2b\u0e19\u0e31\u0e07\u0e14\u0e35\u0e21\u0e32\u0e01\u0e40\u0e33\u0e4c \u0e51",
    "Lao": "\u0eae\u0eb9\u0e9a\u0ec0\u0e87\u0ebb\u0eb2\u0eb3\u0ec8 \u0ed1",
    "Khmer": "\u1781\u17d2\u1798\u17c2\u179a\u1785 \u17e1",
    "Myanmar": "\u1019\u103c\u1014\u103a\u102c\u1000\u1039 \u1041",
    "Ethiopic": "\u134a\u120d\u121d\u1325\u135f 12",
    "Armenian": "\u0586\u056b\u056c\u0574\u055e 12",
    "Georgian": "\u10e4\u10d8\u10da\u10db 12",
    "Hangul": "\uc601\ud654\u1112\u1161\u11ab 12",
    "Japanese": "\u6620\u753b\u3059\u3054\u304b\u3099\u30d5\u30a3\u30eb\u30e0\u30fc\uff8a\uff9f 12",
    "Chinese": "\u7535\u5f71\u597d\u770b\U00020000\ufe00\u3007 12",
}
EMOJI = {
    "alone": "\U0001f494",
    "with a variation selector": "\u2764\ufe0f",
    "with a skin tone": "\U0001f44d\U0001f3fd",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "with tone, joiner and sign": "\U0001f3c3\U0001f3fd\u200d\u2640\ufe0f",
    "a flag": "\U0001f1e9\U0001f1ea",
    "a flag of a region": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "a rainbow flag": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "a keycap of a digit": "1\ufe0f\u20e3",
    "a keycap of a sign": "#\ufe0f\u20e3",
    "a letter": "\U0001f171\ufe0f",
    "a trade mark": "\u2122\ufe0f",
}
EMOTICONS = (
    *(":)", ":-)", ":(", ":-(", ";)", ";-)", "=)", "=(", ":]", "=]", ":[", ":'(", ":')", ":o)", ":^)"),
    *(":D", ":-D", ";D", "=D", ":d", ":P", ":p", ":-p", ";p", ":O", ":o", ":/", ":-/", ":\\", ":|", ":*", ":-*"),
    *("<3", "</3", "^_^", "^^", "^-^", "-_-"),
)
# What English is written with, but no character that an emoticon starts with.
ENGLISH = (
    "abc ABC 0123 .,!?'\"()[]*/&-+%$#@>~|\\\n\t"
    "\u00e9\u00fc\u00df\u00f8\u00bd\u00b2\u2013\u2026\u201c\u2019\u00a3\u00a0\u00ad\u00b8\x96"
)
# Everything that a rule looks for, and what stands around it.
PIECES = (
    *("film", "a", "D", "p", "o", "3", "10", "_", " ", "\n", ".", ",", "!", "?", "'", '"', "$", "-", "*", "/", "\\"),
    *("(", ")", "[", "]", ":", ";", "=", "<", "</", "^", "|", "http://", *EMOTICONS),
)
ASCII_TEXT = st.lists(st.sampled_from(PIECES), max_size=15).map("".join) | st.text(st.characters(max_codepoint=127))
MARKED = "\u0301\ufe0f\u200d\u20e3\U0001f3fd\u00e9\u00bd\u00a9\u05d0\u05f4\uff1f"
ALL_PIECES = (*PIECES, *MARKED, *EMOJI.values(), *"".join(SCRIPTS.values()))
ANY_TEXT = st.text(st.characters()) | ASCII_TEXT | st.lists(st.sampled_from(ALL_PIECES), max_size=15).map("".join)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A film<br /><br />to see!", ["a", "film", "to", "see", "!"]),
        ("I don't know; the director's cut?", ["i", "don't", "know", "the", "director's", "cut", "?"]),
        ("I don\u2019t \u2018really\u2019 know", ["i", "don't", "really", "know"]),
        ("4/10, [sic] under_scored back`tick", ["4", "10", "sic", "under", "scored", "back", "tick"]),
        ("5 < 6 and 7 > 3", ["5", "6", "and", "7", "3"]),
        ("Tom &amp; Jerry &lt;b&gt;", ["tom", "jerry", "b"]),
        ("Sómě Áccěnts", ["sómě", "áccěnts"]),
        ("<h2></h2><!-- nothing -->", []),
        ("", []),
    ],
)
def test_tokens_of_a_review(text: str, tokens: list[str]) -> None:
    assert tokenize(clean(text)) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("3.5 U.S. foo_bar 10:30 1,000 x-ray and/or", "3 5 U S foo bar 10 30 1 000 x ray and or"),
        ("rock'n'roll 'tis O'Neill's dogs'", "rock'n'roll tis O'Neill's dogs"),
        ("\u00bd \u2167 x\u00b2 3\u00bd", "\u00bd \u2167 x\u00b2 3\u00bd"),
        ("cafe\u0301s nai\u0308ve", "cafe\u0301s nai\u0308ve"),
        ("\u0130stanbul".lower(), "i\u0307stanbul"),
        (
            "\u0445\u043e\u0440\u043e\u0448\u0438\u0439, \u0444\u0438\u043b\u044c\u043c!",
            "\u0445\u043e\u0440\u043e\u0448\u0438\u0439 \u0444\u0438\u043b\u044c\u043c !",
        ),
        ("यह फिल्म अच्छी\u0964", "यह फिल्म अच्छी"),
        ("\u0d05\u0d35\u0d28\u0d4d\u200d", "\u0d05\u0d35\u0d28\u0d4d\u200d"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\u061f",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u061f",
        ),
        (
            "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651\u064e\u0629",
            "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651\u064e\u0629",
        ),
        ('\u05d0\u05e8\u05d4"\u05d1 "\u05e9\u05dc\u05d5\u05dd"', '\u05d0\u05e8\u05d4"\u05d1 \u05e9\u05dc\u05d5\u05dd'),
        ("导演乏味\uff0c很好\uff01", "导 演 乏 味 很 好 \uff01"),
        ("映画はフィルムだ", "映 画 は フィルム だ"),
        ("人々々", "人 々 々"),
        ("한국어 영화", "한국어 영화"),
        ("ดีมาก", "ดี ม า ก"),
        ("ខ្មែរ", "ខ្ មែ រ"),
        ("\u056b\u0576\u0579\u0578\u055e\u0582", "\u056b\u0576\u0579\u0578\u055e\u0582"),
        ("\u00a9 1999 \u2122 \u2013 \u2605", "1999"),
    ],
)
def test_words_of_every_script(text: str, tokens: str) -> None:
    assert tokenize(text) == tokens.split(" ")


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_are_those_of_unicode(script: str) -> None:
    @given(st.text(SCRIPTS[script]))
    def compare(text: str) -> None:
        text = regex.sub(r"(?<!\S)[\p{M}\p{Grapheme_Extend}\u200d]+", "", text)  # what stands on no letter is no word
        boundaries = [found.start() for found in regex.finditer(r"(?w)\b", text)]
        segments = [text[start:end] for start, end in pairwise(boundaries)]
        assert tokenize(text) == [segment for segment in segments if not segment.isspace()]

    compare()


@pytest.mark.parametrize("kind", EMOJI)
def test_an_emoji_is_one_token_wherever_it_stands(kind: str) -> None:
    emoji = EMOJI[kind]
    assert tokenize(emoji) == [emoji]
    assert tokenize(f"film 370{emoji}{emoji}{EMOJI['alone']}good\u00e9") == [
        *("film", "370", emoji, emoji, EMOJI["alone"], "good\u00e9"),
    ]
    assert tokenize(clean(f"<b>{emoji}</b>")) == [emoji]


@pytest.mark.parametrize("emoticon", EMOTICONS)
def test_an_emoticon_is_one_token_and_survives_the_cleaning(emoticon: str) -> None:
    assert tokenize(emoticon) == [emoticon]
    for text in (f"A film {emoticon} so good", f"A film ({emoticon}, so good", f"A film<br />{emoticon}<br />so good"):
        assert tokenize(clean(text)) == ["a", "film", emoticon.lower(), "so", "good"]
    for steps in ("stop_words", "lemmatization", "stemming", "accents", "contractions"):
        assert tokenize(Pipeline.parse(steps)(f"film {emoticon} good")) == ["film", emoticon, "good"], steps


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("movie 196:)", "movie 196 :)"),
        ("so good:-)It was", "so good :-) It was"),
        ("the ticket:( he", "the ticket :( he"),
        ("(so bad :))))", "so bad :)"),
        ("why?:( :((((", "why ? :( :("),
        ("sad &lt;3 don\u2019t :\u2019( cry", "sad <3 don't :'( cry"),
        ("I like that^^)", "I like that ^^"),
        ("awful!</3.", "awful ! </3"),
    ],
)
def test_emoticons_that_touch_a_word(text: str, tokens: str) -> None:
    assert tokenize(Pipeline.parse("html,apostrophes")(text)) == tokens.split(" ")


@pytest.mark.parametrize(
    "text",
    [
        *("http://imdb.com/a?b=d", "ftp:/x file:\\x C:\\d", "(c) (8) 8) B)", "10:30 4:3 1:d", "x=(a+b)"),
        *("see:(5)", "(see:(5))", 'said:("no")', "cost:($5)", "Codename:Dragonfly saw:Part 2", "grade:D-"),
        *("tl;dr is it;s", "Rating:***/**** :***", "==== :=: :: --- -- - ___ _-_-_", "tortu^^^^^ 2^^3 x^2"),
        *("<30 <3.5 <3/10 <3rd </30", ":D\u00bd :(\u00bd <3\u00bd", "|:---:|---:|", "3D: (D): p: o:"),
        *("(text): (a); [b]: [c];", ":x :Dog :part ;on =open", ":_ :-_ ;-; :-: =-="),
    ],
)
def test_what_is_no_emoticon(text: str) -> None:
    assert tokenize(text) == re.findall(r"[^\W_]+|[!?]", text)


@given(ASCII_TEXT)
@example("a:( b:(c :-((d ^^ ^^^ -_- <3 <3. don't 1'2 (=D) :D:D //:/")
def test_ascii_is_read_as_it_is_in_other_texts(text: str) -> None:
    """ASCII alone has a pattern of its own."""
    for other in ("caf\u00e9", "\u6620"):
        assert tokenize(f"{text} {other}") == [*tokenize(text), other]
        assert tokenize(f"{other} {text}") == [other, *tokenize(text)]
        assert find_words(f"{text} {other}") == [*find_words(text), other]


@given(st.text(ENGLISH))
def test_english_gives_the_tokens_that_it_gave(text: str) -> None:
    assert tokenize(text) == re.findall(r"[^\W_]+(?:'[^\W_]+)*|[!?]", text)


@given(ANY_TEXT)
def test_tokens_stand_in_the_text_and_hold_all_letters_and_digits(text: str) -> None:
    end, between = 0, []
    for token in tokenize(text):
        start = text.index(token, end)
        between.append(text[end:start])
        end = start + len(token)
    lost = "".join([*between, text[end:]])
    assert not any(map(str.isalnum, lost))
    assert not {"!", "?"} & set(lost)
    assert visible_characters(text) - held_characters(tokenize(text)) == len("".join(lost.split()))


@given(ANY_TEXT, ANY_TEXT, st.sampled_from(" \n\t\u3000"))
def test_no_token_reaches_over_white_space(left: str, right: str, space: str) -> None:
    assert tokenize(left + space + right) == tokenize(left) + tokenize(right)


@given(ANY_TEXT)
def test_words_are_tokens_and_change_one_by_one(text: str) -> None:
    words, tokens = find_words(text), iter(tokenize(text))
    # The letter of an emoticon is a word too, for those who look for words alone.
    assert all(any(word in token for token in tokens) for word in words)
    seen: list[str] = []
    without = change_words(lambda word: seen.append(word) or "", text)
    assert seen == words
    assert len(without) == len(text) - held_characters(words)
    assert change_words(lambda word: word, text) == text


def test_lost_characters_are_counted() -> None:
    text = "A (good) film\u2026 :)\n\u2605"
    assert visible_characters(text) == 15
    assert held_characters(tokenize(text)) == len("Agoodfilm:)")


@given(st.lists(st.sampled_from("<>!?/ abc'&;-"), max_size=60).map("".join))
def test_cleaning_leaves_no_complete_tag(text: str) -> None:
    assert "<br" not in clean(f"x<br {text.replace('>', '').replace('<', '')}>y")


def test_cleaning_takes_linear_time_on_hostile_markup() -> None:
    # Quadratic matching would take hours on this; linear matching takes a fraction of a second.
    assert clean("<" * 5_000_000).count("<") == 5_000_000
    assert tokenize(clean("<!--" * 1_000_000)) == ["!"] * 1_000_000


def test_vocabulary_is_ordered_by_frequency_then_alphabet() -> None:
    vocabulary = Vocabulary.from_counts(["rare", "b", "a", "the"], np.array([1, 3, 3, 9]), size=10, minimum_count=2)
    assert vocabulary.words == ("<pad>", "<unk>", "the", "a", "b")
    assert vocabulary.encode(["the", "rare", "b"]).tolist() == [2, UNKNOWN_ID, 4]
    assert vocabulary.encode([]).dtype == np.int32


def test_vocabulary_size_counts_the_special_words() -> None:
    words = [f"word{number}" for number in range(50)]
    assert len(Vocabulary.from_counts(words, np.arange(50) + 5, size=12, minimum_count=1)) == 12


@given(st.lists(st.text(st.characters(categories=("L", "N")), min_size=1), unique=True, max_size=30))
def test_vocabulary_survives_its_file(words: list[str]) -> None:
    import tempfile

    vocabulary = Vocabulary(("<pad>", "<unk>", *words))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocabulary.txt"
        vocabulary.save(path)
        assert Vocabulary.read(path).words == vocabulary.words


@pytest.mark.parametrize("words", [("<unk>", "<pad>"), ("<pad>", "<unk>", "a", "a"), ()])
def test_damaged_vocabulary_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(LockstepError):
        Vocabulary(words)
