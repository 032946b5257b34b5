from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LockstepError
from shared.text import DEFAULT_CLEANING, UNKNOWN_ID, Pipeline, Vocabulary, tokenize

clean = Pipeline.parse(DEFAULT_CLEANING)


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


@given(st.text())
def test_any_text_becomes_words_and_marks(text: str) -> None:
    for token in tokenize(clean(text)):
        assert token in ("!", "?") or all(part.isalnum() for part in token.split("'"))


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
