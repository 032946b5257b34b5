from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.errors import LockstepError
from shared.text import Vocabulary
from shared.vectors import load_vectors

VOCABULARY = Vocabulary(("<pad>", "<unk>", "the", "film", "zzxq"))


def test_packaged_glove_has_the_published_vectors() -> None:
    table = load_vectors("glove", VOCABULARY, 50)
    assert table.found.tolist() == [False, False, True, True, False]
    # The first numbers of "the" in Stanford's glove.6B.50d.txt.
    assert np.allclose(table.vectors[2, :3], [0.418, 0.24968, -0.41242])
    assert (table.vectors[[0, 1, 4]] == 0).all()


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_text_files_with_and_without_a_header(tmp_path: Path, header: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(header + "film 1.5 -2\nother 0 0\nthe 3e-1 4\n")
    table = load_vectors(str(path), VOCABULARY, 2)
    assert table.vectors[[2, 3]].tolist() == [[np.float32(0.3), 4.0], [1.5, -2.0]]
    assert table.found.tolist() == [False, False, True, True, False]


def test_random_finds_nothing() -> None:
    assert not load_vectors("random", VOCABULARY, 7).found.any()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("the 1 2\nfilm 1\n", "line 2: 1 numbers"),
        ("the 1 2\nfilm 1 x\n", "line 2: not a number"),
        ("the 1 nan\n", "line 1: a number is not finite"),
        ("the 1 2\nthe 1 2\n", "line 2: the word 'the' stands twice"),
        ("other 1 2\n", "for no word of the vocabulary"),
    ],
)
def test_damaged_files_are_refused_with_the_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text)
    with pytest.raises(LockstepError, match=reason):
        load_vectors(str(path), VOCABULARY, 2)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(LockstepError, match="cannot read word vectors"):
        load_vectors("nowhere.txt", VOCABULARY, 2)
