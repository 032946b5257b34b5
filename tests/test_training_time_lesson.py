from __future__ import annotations

import json
from pathlib import Path

import pytest

from compare.published import marks_of
from lessons.training_time import LESSON, PARTS, lesson_with
from tests.conftest import ROOT, Command


def test_figures_in_the_lesson_are_those_of_the_results() -> None:
    text = LESSON.read_text(encoding="utf-8")
    assert lesson_with(ROOT / "results") == text
    assert marks_of(text, "the lesson") == ["parts", "longest"]
    for name in marks_of(text, "the lesson"):
        assert text.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].count("\n|") == 10, name


@pytest.mark.parametrize("framework", ["keras", "pytorch"])
def test_every_part_is_found_and_the_recurrent_layer_is_the_largest(
    command: Command, framework: str, tmp_path: Path
) -> None:
    cell = ("--frameworks", framework, "--architectures", "lstm")
    done = command("lessons.training_time", *cell, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    seconds = json.loads((tmp_path / "training_time.json").read_text())["cells"][0]["seconds"]
    assert list(seconds) == list(PARTS)
    assert min(seconds.values()) > 0
    assert max(seconds, key=seconds.get) == "recurrent layer"
