from __future__ import annotations

import json

from compare.published import marks_of
from lessons.word_vectors import LESSON, METHODS, RESULT, lesson_with
from shared.vectors.training import TrainingOptions
from tests.conftest import ROOT


def test_figures_in_the_lesson_are_those_of_the_results() -> None:
    text = LESSON.read_text(encoding="utf-8")
    assert lesson_with(ROOT / "results") == text
    assert len(marks_of(text, "the lesson")) == 5
    for name in marks_of(text, "the lesson"):
        assert len(text.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]) > 20, name


def test_every_method_of_the_lesson_was_measured() -> None:
    measured = json.loads((ROOT / "results" / RESULT).read_text())
    assert [trained["method"] for trained in measured["trained"]] == list(METHODS)
    assert {TrainingOptions.of(**given).method for given in METHODS.values()} == {"word2vec", "fasttext", "glove"}
