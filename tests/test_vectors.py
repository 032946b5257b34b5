from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.errors import LockstepError
from shared.text import Vocabulary
from shared.vectors import load_vectors, pretrained, read_vectors
from shared.vectors.pretrained import Archive
from shared.vectors.space import WordVectors
from shared.vectors.text_format import save_vectors

VOCABULARY = Vocabulary(("<pad>", "<unk>", "the", "film", "zzxq"))


def test_packaged_glove_has_the_published_vectors() -> None:
    table = load_vectors("glove", VOCABULARY, 50)
    assert table.found.tolist() == [False, False, True, True, False]
    # The first numbers of "the" in Stanford's glove.6B.50d.txt.
    assert np.allclose(table.vectors[2, :3], [0.418, 0.24968, -0.41242])
    assert (table.vectors[[0, 1, 4]] == 0).all()
    whole = read_vectors("glove", words=3_000)
    assert (len(whole), whole.words[0], whole.vectors.shape) == (3_000, "the", (3_000, 50))
    assert np.array_equal(whole.vectors[whole.row("film")], table.vectors[3])


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_text_files_with_and_without_a_header(tmp_path: Path, header: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(header + "film 1.5 -2\nother 0 0\nthe 3e-1 4\n")
    table = load_vectors(str(path), VOCABULARY, 2)
    assert table.vectors[[2, 3]].tolist() == [[np.float32(0.3), 4.0], [1.5, -2.0]]
    assert table.found.tolist() == [False, False, True, True, False]
    assert read_vectors(str(path)).words == ("film", "other", "the")
    assert read_vectors(str(path), words=1).vectors.tolist() == [[1.5, -2.0]]


def test_rows_of_a_text_file_come_from_the_cache_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    for number in ("1", "23"):
        path.write_text(f"the {number}\n")
        for _ in range(2):
            assert load_vectors(str(path), VOCABULARY, 1).vectors[2].tolist() == [float(number)]


def test_random_finds_nothing() -> None:
    assert not load_vectors("random", VOCABULARY, 7).found.any()
    with pytest.raises(LockstepError, match="say nothing"):
        read_vectors("random")


DAMAGED = [
    ("the 1 2\nfilm 1\n", "line 2: 1 numbers, expected --embedding-size 2"),
    ("the 1 2\nfilm 1 2 3\n", "line 2: 3 numbers"),
    ("the 1 2\nfilm 1 x\n", "line 2: not a number"),
    ("the 1 2\nfilm 1 1-2\n", "line 2: not a number"),
    ("the 1 nan\n", "line 1: a number is not finite"),
    ("the 1 1e39\n", "line 1: a number is not finite"),
    ("the 1 2\nthe 1 2\n", "line 2: the word 'the' stands twice"),
    ("other 1 2\n", "for no word of the vocabulary"),
    ("", "for no word of the vocabulary"),
    ("2 3\nthe 1 2\nfilm 1 2\n", "line 1: 3 numbers announced, expected --embedding-size 2"),
    ("3 2\nthe 1 2\nfilm 1 2\n", "line 1: 3 words announced, the file has 2"),
    ("1 2\nthe 1 2\nfilm 1 2\n", "line 1: 1 words announced, the file has 2"),
    ("2 0\n\n\n", "line 1: 0 numbers announced"),
    ("the 1 2\n\nfilm 1 2\n", "line 2: 0 numbers"),
    # Lines of words that nobody asked for are checked too.
    ("the 1 2\nother 1\n", "line 2: 1 numbers"),
    ("the 1 2\nother 1 nan\n", "line 2: a number is not finite"),
    ("the 1 2\nother 1 Infinity\n", "line 2: a number is not finite"),
    ("the 1 2\nother 1 x\n", "line 2: not a number"),
]


@pytest.mark.parametrize(("text", "reason"), DAMAGED)
def test_damaged_files_are_refused_with_the_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text)
    for _ in range(2):  # a refused file is not in the cache
        with pytest.raises(LockstepError, match=reason):
            load_vectors(str(path), VOCABULARY, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a 1 2\nb 1\n", "line 2: 1 numbers, expected 2"),
        ("a 1 2\na 1 2\n", "line 2: the word 'a' stands twice"),
        ("1 3\na 1 2\n", "line 2: 2 numbers, expected 3"),
        ("a\n", "line 1: 0 numbers"),
        ("", "no word vectors"),
    ],
)
def test_a_whole_table_is_checked_too(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(text)
    with pytest.raises(LockstepError, match=reason):
        read_vectors(str(path))


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(LockstepError, match="cannot read word vectors"):
        load_vectors("nowhere.txt", VOCABULARY, 2)


SOME_WORDS = st.lists(st.from_regex(r"[\w'?!]{1,6}", fullmatch=True), min_size=1, max_size=5, unique=True)
SOME_VECTORS = arrays(np.float32, (5, 3), elements=st.floats(allow_nan=False, allow_infinity=False, width=32))


@settings(deadline=None)
@given(SOME_WORDS, SOME_VECTORS)
def test_what_is_written_is_read_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], vectors: np.ndarray
) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    save_vectors(path, WordVectors(tuple(words), vectors[: len(words)]))
    table = read_vectors(str(path))
    assert table.words == tuple(words)
    assert np.array_equal(table.vectors, vectors[: len(words)])


@pytest.mark.parametrize("word", ["", "two words", "line\nbreak"])
def test_a_word_that_the_format_cannot_say_leaves_no_file(tmp_path: Path, word: str) -> None:
    with pytest.raises(LockstepError, match="white space"):
        save_vectors(tmp_path / "vectors.txt", WordVectors(("good", word), np.ones((2, 2), np.float32)))
    assert not list(tmp_path.iterdir())


def served_archive(folder: Path, url: str, damaged: bool = False) -> Archive:
    path = folder / "glove.tiny.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.txt", "the 9 9\n")
        archive.writestr("glove.tiny.2d.txt", "the 1 2\nother 0 0\nfilm 3 4\n")
    if damaged:
        path.write_bytes(path.read_bytes().replace(b"film 3 4", b"film 3 5"))
    return Archive(f"{url}/{path.name}", "md5:" + hashlib.md5(path.read_bytes()).hexdigest(), "glove.tiny.2d.txt", 2)


def test_an_archive_is_downloaded_checked_and_read_without_unpacking_it(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = server
    cache = tmp_path / "cache"
    monkeypatch.setenv("LOCKSTEP_CACHE", str(cache))
    monkeypatch.setitem(pretrained.ARCHIVES, "tiny", served_archive(folder, url))
    assert load_vectors("tiny", VOCABULARY, 2).vectors[[2, 3]].tolist() == [[1, 2], [3, 4]]
    assert read_vectors("tiny").words == ("the", "other", "film")
    assert {path.name for path in cache.rglob("*.*")} == {
        *("glove.tiny.zip", "vectors.npy", "found.npy", "manifest.json")
    }
    assert not list(tmp_path.rglob("outside.txt"))


def test_damaged_archives_are_refused(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = server
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    whole = served_archive(folder, url)
    monkeypatch.setitem(pretrained.ARCHIVES, "tiny", Archive(whole.url, "md5:" + "0" * 32, whole.member, 2))
    with pytest.raises(LockstepError, match="cannot download"):
        load_vectors("tiny", VOCABULARY, 2)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    monkeypatch.setitem(pretrained.ARCHIVES, "tiny", Archive(whole.url, whole.checksum, "absent.txt", 2))
    with pytest.raises(LockstepError, match="has no member"):
        load_vectors("tiny", VOCABULARY, 2)
    monkeypatch.setitem(pretrained.ARCHIVES, "tiny", served_archive(folder, url, damaged=True))
    with pytest.raises(LockstepError, match="not a readable zip file"):
        load_vectors("tiny", VOCABULARY, 2)


@pytest.mark.parametrize("name", list(pretrained.ARCHIVES))
def test_published_archives_are_named_whole(name: str) -> None:
    archive = pretrained.ARCHIVES[name]
    assert archive.url.startswith("https://nlp.stanford.edu/data/glove.")
    assert archive.member == f"{name}.txt"
    assert archive.member.endswith(f".{archive.embedding_size}d.txt")
    assert len(archive.checksum.removeprefix("sha256:")) == 64
    with pytest.raises(LockstepError, match="not --embedding-size 7"):  # and nothing is downloaded
        load_vectors(name, VOCABULARY, 7)
