from __future__ import annotations

import math

import numpy as np
import pytest

from shared.text import DEFAULT_CLEANING, Pipeline
from shared.text.vectorizers import bag_of_words, counts, textbook_tf_idf, tf_idf

CLEAN = Pipeline.parse(DEFAULT_CLEANING)
TEXTS = ["I came I saw", "I conquered"]


def rows(vectorizer: object, texts: list[str]) -> list[dict[str, float]]:
    matrix = vectorizer.transform(texts).toarray()
    return [dict(zip(vectorizer.get_feature_names_out(), row, strict=True)) for row in matrix.tolist()]


def test_counts() -> None:
    assert rows(counts(CLEAN).fit(TEXTS), TEXTS) == [
        {"i": 2, "came": 1, "saw": 1, "conquered": 0},
        {"i": 1, "came": 0, "saw": 0, "conquered": 1},
    ]


def test_bag_of_words() -> None:
    assert rows(bag_of_words(CLEAN).fit(TEXTS), TEXTS) == [
        {"i": 1, "came": 1, "saw": 1, "conquered": 0},
        {"i": 1, "came": 0, "saw": 0, "conquered": 1},
    ]


def test_textbook_tf_idf() -> None:
    first, second = rows(textbook_tf_idf(CLEAN).fit(TEXTS), TEXTS)
    assert first == {"i": 0, "came": math.log(2) / 4, "saw": math.log(2) / 4, "conquered": 0}
    assert second == {"i": 0, "came": 0, "saw": 0, "conquered": math.log(2) / 2}


def test_textbook_tf_idf_of_other_texts() -> None:
    vectorizer = textbook_tf_idf(CLEAN)
    assert np.array_equal(vectorizer.fit_transform(TEXTS).toarray(), vectorizer.transform(TEXTS).toarray())
    known, nothing = rows(vectorizer, ["I saw Rome, I came, I saw", ""])
    assert known["saw"] == pytest.approx(2 / 6 * math.log(2)), "Rome is not in the vocabulary"
    assert set(nothing.values()) == {0}


def test_smoothed_tf_idf() -> None:
    raw = {"i": 1 * (1 + math.log(3 / 3)), "conquered": 1 * (1 + math.log(3 / 2))}
    length = math.hypot(*raw.values())
    assert rows(tf_idf(CLEAN).fit(TEXTS), TEXTS)[1] == pytest.approx(
        {"i": raw["i"] / length, "came": 0, "saw": 0, "conquered": raw["conquered"] / length}
    )


@pytest.mark.parametrize(
    ("ngrams", "terms"),
    [
        ((1, 1), {"i", "came", "saw"}),
        ((2, 2), {"i came", "came i", "i saw"}),
        ((3, 3), {"i came i", "came i saw"}),
        ((1, 3), {"i", "came", "saw", "i came", "came i", "i saw", "i came i", "came i saw"}),
    ],
)
def test_ngrams(ngrams: tuple[int, int], terms: set[str]) -> None:
    for make in (bag_of_words, counts, tf_idf, textbook_tf_idf):
        assert set(make(CLEAN, ngrams).fit(TEXTS[:1]).get_feature_names_out()) == terms


def test_words_are_those_of_the_models() -> None:
    texts = ["It's <b>great</b>!", "it\u2019s so-so"]
    assert counts(CLEAN).fit(texts).vocabulary_.keys() == {"it's", "great", "!", "so"}
    assert counts(Pipeline(), min_df=1).fit(texts).vocabulary_.keys() == {"great"}
    assert counts(CLEAN, min_df=2).fit(texts).vocabulary_.keys() == {"it's"}
