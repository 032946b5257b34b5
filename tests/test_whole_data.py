"""What is read is whole, within bounds, or refused in one line; damaged caches are made anew."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.data.archive import LARGEST_KEPT, SPARE
from shared.data.corpus import Corpus
from shared.data.encoded import encode_texts
from shared.data.lines import LONGEST_ID, LONGEST_REVIEW
from shared.data.reviews import Reviews
from shared.data.sources import load_reviews, load_unlabelled
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.predictions import Predictions, save_predictions
from shared.specification import Specification
from shared.text import Vocabulary
from shared.vectors import load_vectors
from shared.vectors.corpus import vectors_for
from shared.vectors.text_format import LONGEST_LINE
from tests.conftest import CLASS_NAMES, ROOT
from tests.test_data import acl_files, write_tarball

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar": bytes,
}
TRIES = 150
MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))


def refusal(source: Path | str, load: Callable[[str], object] = load_reviews) -> str:
    """The one line by which a source is refused; it names the source."""
    with pytest.raises(LockstepError) as error:
        load(str(source))
    message = str(error.value)
    assert str(source) in message
    assert "\n" not in message
    assert len(message) < 1_000
    return message


def small_tar() -> bytes:
    return tar_of([(tarfile.TarInfo(name), content) for name, content in acl_files(reviews=8).items()])


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def same(first: Reviews, second: Reviews) -> bool:
    return (first.review_ids, first.texts) == (second.review_ids, second.texts) and all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("labels", "groups", "official")
    )


def is_same(path: Path, expected: Reviews) -> bool:
    """Whether a source gives the expected reviews; False if it is refused, and nothing else may it do."""
    try:
        found = load_reviews(str(path))
    except LockstepError:
        return False
    assert same(found, expected), "other reviews were read, without a word"
    return True


def headers(content: bytes) -> np.ndarray:
    """Places of a plain tar's headers, byte for byte."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        starts = [member.offset for member in archive]
    return np.concatenate([np.arange(start, start + tarfile.BLOCKSIZE) for start in starts])


@pytest.mark.parametrize("suffix", PACKED)
def test_a_flipped_byte_of_an_archive_is_seen(tmp_path: Path, suffix: str) -> None:
    whole = PACKED[suffix](small_tar())
    path = tmp_path / f"reviews.{suffix}"
    path.write_bytes(whole)
    expected = load_reviews(str(path))
    assert len(expected) == 32
    generator = np.random.default_rng(7)
    # A plain tar has no checksum but its headers'.
    places = headers(whole) if suffix == "tar" else np.arange(len(whole))
    refused = 0
    for _ in range(TRIES):
        damaged = bytearray(whole)
        place = generator.choice(places)
        damaged[place] ^= generator.choice([*(1 << np.arange(8)), 255])
        path.write_bytes(damaged)
        if not is_same(path, expected):
            refused += 1
            assert "download" not in refusal(path)
    assert refused > 0.9 * TRIES


@pytest.mark.parametrize("suffix", PACKED)
def test_a_cut_archive_is_refused(tmp_path: Path, suffix: str) -> None:
    plain = small_tar()
    whole = PACKED[suffix](plain)
    path = tmp_path / f"reviews.{suffix}"
    end = len(plain.rstrip(b"\0")) if suffix == "tar" else len(whole)  # zeros after the end marker mean nothing
    cuts = {0, 1, 5, 511, 512, 513, 1_024, end - 1, end // 1_024 * 1_024}
    cuts |= set(np.random.default_rng(3).integers(0, end, 60).tolist())
    for cut in sorted(cut for cut in cuts if cut < end):
        path.write_bytes(whole[:cut])
        assert "make or copy it again" in refusal(path), cut
    if suffix == "tar":
        path.write_bytes(whole[: tarfile.BLOCKSIZE + 10])
        assert "it ends within its member 'aclImdb/train/neg/0_1.txt'" in refusal(path)


@pytest.mark.parametrize("suffix", PACKED)
def test_what_follows_the_end_of_an_archive_is_not_lost_silently(tmp_path: Path, suffix: str) -> None:
    plain = small_tar()
    path = tmp_path / f"reviews.{suffix}"
    path.write_bytes(PACKED[suffix](plain + plain))
    assert "something follows its end marker" in refusal(path)
    hole = bytearray(plain)
    start = len(plain) // 2 // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
    hole[start : start + 4 * tarfile.BLOCKSIZE] = bytes(4 * tarfile.BLOCKSIZE)
    path.write_bytes(PACKED[suffix](bytes(hole)))
    refusal(path)


def test_archives_of_other_programs_are_read(tmp_path: Path) -> None:
    """Long names in both of their forms, directories, and gzip files that are joined."""
    names = list(acl_files(reviews=8).items())
    expected = load_reviews(str(write_tarball(tmp_path / "expected.tar.gz", dict(names))))
    for number, form in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT)):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            folder = tarfile.TarInfo("aclImdb/")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for name, content in names:
                long = "" if form == tarfile.USTAR_FORMAT else "ä" * 150 + "/"
                member = tarfile.TarInfo(long + name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        content = file.getvalue()
        path = tmp_path / f"{number}.tar.gz"
        path.write_bytes(gzip.compress(content[:5_000]) + gzip.compress(content[5_000:]))
        assert same(load_reviews(str(path)), expected)


def test_a_member_that_stands_twice_is_refused_unless_it_is_the_same(tmp_path: Path) -> None:
    files = [(tarfile.TarInfo(name), content) for name, content in acl_files(reviews=8).items()]
    name, content = "aclImdb/train/pos/3_10.txt", dict(acl_files(reviews=8))["aclImdb/train/pos/3_10.txt"]
    path = tmp_path / "reviews.tar"
    path.write_bytes(tar_of([*files, (tarfile.TarInfo(name), content)]))
    assert len(load_reviews(str(path))) == 32
    path.write_bytes(tar_of([*files, (tarfile.TarInfo(name), b"another review")]))
    assert f"{name} is there twice, with different contents" in refusal(path)
    path.write_bytes(tar_of([*files, (tarfile.TarInfo("copy/train/pos/03_10.txt"), b"another review")]))
    assert "is there twice" in refusal(path)


@pytest.mark.parametrize("packed", [True, False])
def test_fewer_reviews_than_the_list_of_films_has_are_refused(tmp_path: Path, packed: bool) -> None:
    files = acl_files()
    for number in (3, 4):
        del files[f"aclImdb/test/neg/{number}_1.txt"]
    path = write_files(tmp_path / "reviews", files) if not packed else write_tarball(tmp_path / "r.tar.gz", files)
    message = refusal(path)
    assert "test/neg has 58 reviews and test/urls_neg.txt lists 60" in message
    assert "remove test/urls_neg.txt to read what is there" in message
    del files["aclImdb/test/urls_neg.txt"]
    path = write_files(tmp_path / "second", files) if not packed else write_tarball(tmp_path / "s.tar.gz", files)
    assert len(load_reviews(str(path))) == 238
    unlabelled = {"train/unsup/0_0.txt": b"a film", "train/urls_unsup.txt": b"http://a\nhttp://b\n"}
    message = refusal(write_tarball(tmp_path / "unsup.tar.gz", unlabelled), load_unlabelled)
    assert "train/unsup has 1 reviews and train/urls_unsup.txt lists 2" in message


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


# What a file claims is refused before memory is taken for it.

LIMITED = """
import resource, sys
from shared.data.sources import load_reviews
from shared.errors import LockstepError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))  # a failing test must not take the machine
try:
    load_reviews(sys.argv[1])
except LockstepError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, error)
"""


def memory_of_refusal(path: Path) -> tuple[int, str]:
    """Megabytes that reading a source took until it was refused, and the message."""
    given = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(given, capture_output=True, cwd=ROOT, text=True, timeout=300)
    assert done.stdout, done.stderr[-500:] or "it was accepted"
    megabytes, _, message = done.stdout.strip().partition(" ")
    assert str(path) in message
    assert "\n" not in message
    return int(megabytes), message


class Zeros(io.RawIOBase):
    """An endless file."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return bytes(size)


def zeros(path: Path, size: int, count: int = 1) -> Path:
    """An archive whose reviews are zeros."""
    with gzip.open(path, "wb", 1) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for number in range(count):
            member = tarfile.TarInfo(f"train/pos/{number}_9.txt")
            member.size = size
            archive.addfile(member, Zeros())
    return path


def test_a_huge_member_is_refused_by_name_before_it_is_read(tmp_path: Path) -> None:
    megabytes, message = memory_of_refusal(zeros(tmp_path / "bomb.tar.gz", 400 * MEGABYTE))
    assert "'train/pos/0_9.txt' has 419,430,400 bytes, at most 10,000,000 are read" in message
    assert megabytes < 100


def test_many_members_are_bounded_by_the_size_of_the_archive(tmp_path: Path) -> None:
    path = zeros(tmp_path / "bomb.tar.gz", LONGEST_REVIEW, 40)
    megabytes, message = memory_of_refusal(path)
    assert "over 100 times its size" in message
    assert megabytes < 100 + (SPARE + LARGEST_KEPT * path.stat().st_size) / MEGABYTE


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_that_claims_much_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", 1) as packed:
        member = tarfile.TarInfo("name")
        member.type, member.size = kind, 300 * MEGABYTE
        packed.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(300):
            packed.write(bytes(MEGABYTE))
    megabytes, message = memory_of_refusal(path)
    assert "header has over" in message
    assert megabytes < 100


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.xz"
    packer = lzma.LZMACompressor(preset=0)
    member = tarfile.TarInfo("notes")
    member.size = 300 * MEGABYTE
    with path.open("wb") as file:
        file.write(packer.compress(member.tobuf()))
        for _ in range(300):
            file.write(packer.compress(bytes(MEGABYTE)))
        file.write(packer.flush())
    assert "unpacks to more than" in refusal(path)
    path.write_bytes(lzma.compress(small_tar(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]))
    assert "emory" in refusal(path), "the dictionary that it asks for"


def test_a_negative_size_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("train/pos/0_9.txt")
    for name in ("train/pos/0_9.txt", "notes"):
        member.name = name
        header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
        header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1,024, in base 256
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        path = tmp_path / "reviews.tar"
        path.write_bytes(bytes(header) + bytes(10_240))
        refusal(path)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "txt"])
def test_a_long_text_is_refused_with_its_row(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"reviews.{suffix}"
    texts = ["fine", "bad", "x" * (LONGEST_REVIEW + 1)]
    if suffix == "txt":
        path.write_text("\n".join(texts))
        assert "line 3 has a text of 10,000,001 characters" in refusal(path, load_unlabelled)
        return
    frame = pd.DataFrame({"text": texts, "label": [1, 0, 1]})
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    assert "row 3 has a text of 10,000,001 characters, at most 10,000,000 are read" in refusal(path)


def test_a_long_id_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    pd.DataFrame({"text": ["fine", "bad"], "label": [1, 0], "review_id": ["a", "b" * (LONGEST_ID + 1)]}).to_csv(path)
    assert "row 2 has a review_id of 201 characters, at most 200 are read" in refusal(path)
    name = f"train/pos/{'1' * 5_000}_9.txt"
    assert "over 200 characters" in refusal(write_tarball(tmp_path / "reviews.tar.gz", {name: b"fine"}))


def test_a_value_that_is_stored_once_for_many_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reviews.parquet"
    rows = pa.array(np.zeros(1_000_000, np.int32))
    for name, other in (("text", "label"), ("label", "text")):
        long = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * MEGABYTE]))
        short = pa.DictionaryArray.from_arrays(rows, pa.array(["1"]))
        pq.write_table(pa.table({name: long, other: short}), path)
        assert path.stat().st_size < 3 * MEGABYTE
        megabytes, message = memory_of_refusal(path)
        assert "over 100 times its size" in message
        assert megabytes < 500


def test_wrong_names_and_labels_are_shown_in_part(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text(f"{'a' * MEGABYTE},b\n1,2\n")
    assert "no text column" in refusal(path)
    path.write_text(f"text,label\nfine,{'9' * MEGABYTE}\n")
    assert "row 1 has label" in refusal(path)


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    for name in ("reviews.csv", "reviews.parquet", "reviews.tar.gz", "reviews.txt"):
        os.mkfifo(tmp_path / name)
        load = load_unlabelled if name.endswith("txt") else load_reviews
        assert "is a pipe or a device" in refusal(tmp_path / name, load)
    assert "is a pipe or a device" in refusal("/dev/zero")
    folder = write_files(tmp_path / "folder", acl_files())
    os.mkfifo(folder / "aclImdb/train/pos/999_9.txt")
    with pytest.raises(LockstepError, match=r"999_9\.txt: is a pipe or a device"):
        load_reviews(str(folder))
    words = Vocabulary(("<pad>", "<unk>", "the"))
    assert "is a pipe or a device" in refusal(tmp_path / "reviews.txt", lambda path: load_vectors(path, words, 2))
    assert "is a pipe or a device" in refusal(tmp_path / "reviews.txt", lambda path: Vocabulary.read(Path(path)))


def test_a_line_without_an_end_is_no_word_vector(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    words = Vocabulary(("<pad>", "<unk>", "the"))
    path.write_bytes(b"the 1 2\n" + b"1" * (2 * LONGEST_LINE))
    assert "line 2: has over 1,000,000 bytes" in refusal(path, lambda path: load_vectors(path, words, 2))
    path.write_bytes(b"9" * 5_000 + b" 2\nthe 1 2\n")
    refusal(path, lambda path: load_vectors(path, words, 2))
    path.write_bytes(b"the 1_0 2\n")
    assert "line 1: not a number" in refusal(path, lambda path: load_vectors(path, words, 2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<pad>\n<unk>\nthe", "its last line does not end"),
        (b"<unk>\n<pad>\n", "a vocabulary starts with"),
        (b"<pad>\n<unk>\nthe\nthe\n", "stands twice"),
        (b"<pad>\n<unk>\n\xff\n", "not a vocabulary"),
        (b"", "not a whole vocabulary"),
    ],
)
def test_a_damaged_vocabulary_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    assert reason in refusal(path, lambda path: Vocabulary.read(Path(path)))


def test_ids_of_any_length_take_no_more_room_than_their_own(tmp_path: Path) -> None:
    encoded = encode_texts(["a"] * 3, Vocabulary(("<pad>", "<unk>")), Specification(), ["a\0", "b" * 200, "a"])
    assert encoded.review_ids.dtype == object
    assert encoded.review_ids.tolist() == ["a\0", "b" * 200, "a"]
    ordered = Predictions.of(encoded, np.full((3, 2), 0.5, np.float32), CLASS_NAMES)
    assert ordered.review_ids.tolist() == ["a", "a\0", "b" * 200]


# Caches.


@pytest.fixture
def sources(tmp_path: Path) -> Specification:
    archive = write_tarball(tmp_path / "reviews.tar.gz", acl_files())
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("good 1 2\nbad 3 4\n")
    return Specification(data=str(archive), vectors=str(vectors), embedding_size=2, validation_fraction=0.25)


def loaded(specification: Specification) -> tuple[Corpus, list[np.ndarray]]:
    corpus = load_corpus(specification)
    own = specification.replaced(vectors="corpus")
    tables = [vectors_for(chosen, corpus).vectors for chosen in (specification, own)]
    return corpus, [corpus.train.padded(np.arange(len(corpus.train))), corpus.test.labels, *tables]


def damaged_in_three_ways(path: Path) -> Iterator[None]:
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), None):
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        yield


def test_damaged_caches_are_made_anew_and_said(
    sources: Specification, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, expected = loaded(sources)
    names = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert names == {
        *("manifest.json", "known.json", "texts.utf8", "texts-ends.npy", "ids.utf8", "ids-ends.npy"),
        *("rows.npy", "labels.npy", "groups.npy", "splits.npy"),
        *("tokens.npy", "boundaries.npy", "counts.json", "vocabulary.txt", "vectors.npy", "found.npy"),
    }
    assert not capsys.readouterr().err
    for path in sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file()):
        for _ in damaged_in_three_ways(path):
            again, found = loaded(sources)
            assert again.fingerprint == corpus.fingerprint
            assert again.vocabulary.words == corpus.vocabulary.words
            assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True)), path
            said = capsys.readouterr().err.splitlines()
            assert len(said) == 1, path
            assert "this part of the cache is damaged; it is made anew" in said[0]
            assert str(path.parent) in said[0]


def test_a_changed_source_is_read_anew_though_its_size_and_time_stay(sources: Specification) -> None:
    path = Path(sources.data)
    load_reviews(sources.data)
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    refusal(path)


# Pseudo-labels.


def test_how_many_reviews_got_a_pseudo_label_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = tmp_path / "more.txt"
    texts.write_text("".join(f"a film, number {number}\n" for number in range(20)))
    archive = write_tarball(tmp_path / "reviews.tar.gz", acl_files())
    plain = Specification(data=str(archive), unlabelled=str(texts), validation_fraction=0.25)
    ids = [f"line-{number:06d}" for number in range(20)]

    def learnt_from(review_ids: list[str]) -> str:
        path = tmp_path / f"{len(review_ids)}-{review_ids[-1]}.parquet"
        count = len(review_ids)
        probabilities = np.full((count, 2), 0.5, np.float32)
        save_predictions(
            path, Predictions(np.array(review_ids, object), np.full(count, -1, np.int16), probabilities, CLASS_NAMES)
        )
        corpus = load_corpus(plain.replaced(pseudo_labels=str(path)))
        assert len(corpus.train) == 90 + len(set(review_ids) & set(ids))
        return capsys.readouterr().err

    assert learnt_from(ids) == "", "nothing to say where every review has one"
    assert "15 of 20 unlabelled reviews get a label; 0 of its" in learnt_from(ids[:15])
    assert "20 of 20 unlabelled reviews get a label" in learnt_from([*ids, "other"])
    said = learnt_from([*ids[:3], "other", "others"])
    assert "3 of 20 unlabelled reviews get a label; 2 of its predictions are of other reviews" in said
    assert len(said.splitlines()) == 1
