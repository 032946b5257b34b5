"""Every form, packed in every way, gives the same texts, labels and ids to the letter; what is none is refused."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.data.forms import forms, open_table
from shared.data.meaning import Meaning
from shared.data.packing import content_of
from shared.data.reviews import TEST, TRAIN, VALIDATION, Reading, Reviews
from shared.data.sources import load_reviews, load_unlabelled
from shared.data.trees import look_into
from shared.errors import LockstepError
from tests.conftest import ROOT
from tests.test_data import acl_files

NAMES = ("negative", "positive")
# What other readers take for missing, for the end of a line, for a quote or for a number.
ODD = ["null", "NA", "None", "nan", "007", "half\u2028line", "next\u0085line", "form\x0cfeed", "tab-less", "naïve ☃ 😀"]
TEXTS = [*ODD, *(f"film {number}, said 'so' and \"so\"" for number in range(14))]
LABELS = [number % 2 for number in range(len(TEXTS))]


def pack_zstandard(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    return sink.getvalue().to_pybytes()


def tar_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": pack_zstandard,
}


def delimited(delimiter: str, rows: list[list[Any]], **options: Any) -> bytes:
    made = io.StringIO()
    csv.writer(made, delimiter=delimiter, lineterminator="\n", **options).writerows(rows)
    return made.getvalue().encode()


def parquet(columns: dict[str, Any], metadata: dict[bytes, bytes] | None = None, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), sink, **options)
    return sink.getvalue().to_pybytes()


def rows() -> list[list[Any]]:
    return [["text", "label"], *map(list, zip(TEXTS, LABELS, strict=True))]


def objects() -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]


FILES: dict[str, Callable[[], bytes]] = {
    "reviews.csv": lambda: delimited(",", rows()),
    "REVIEWS.CSV": lambda: b"\xef\xbb\xbf" + delimited(",", rows(), quoting=csv.QUOTE_ALL).replace(b"\n", b"\r\n"),
    "reviews.tsv": lambda: delimited("\t", rows()),
    "unquoted.tsv": lambda: "".join(f"{text}\t{label}\n" for text, label in rows()).encode(),
    "reviews.jsonl": lambda: "".join(f"{json.dumps(one)}\n" for one in objects()).encode(),
    "lines.json": lambda: "".join(f"{json.dumps(one, ensure_ascii=False)}\n\n" for one in objects()).encode(),
    "reviews.json": lambda: json.dumps(objects()).encode(),
    "indented.json": lambda: json.dumps(objects(), indent=2).encode(),
    "within.json": lambda: json.dumps({"version": 1, "data": objects(), "license": "none"}).encode(),
    "json-without-a-suffix": lambda: json.dumps(objects()).encode(),
    "reviews.parquet": lambda: parquet({"text": TEXTS, "label": LABELS}, row_group_size=7),
    "parquet-without-a-suffix": lambda: parquet({"text": TEXTS, "label": [float(one) for one in LABELS]}),
    "fasttext.txt": lambda: "".join(f"__label__{NAMES[label]} {text}\n" for text, label in rows()[1:]).encode(),
    "fasttext.train": lambda: "".join(f"__label__{label} {text}\n" for text, label in rows()[1:]).encode(),
}


def check(reviews: Reviews) -> None:
    assert list(reviews.texts) == TEXTS
    assert reviews.labels.tolist() == LABELS
    assert reviews.class_names == NAMES
    assert reviews.account is not None
    assert (reviews.account.read, reviews.account.used) == (len(TEXTS), len(TEXTS))
    assert reviews.account.classes == {"negative": len(TEXTS) // 2, "positive": len(TEXTS) // 2}


@pytest.mark.parametrize("packer", [*PACKERS, ".zip", ".tar.gz", "folder"])
@pytest.mark.parametrize("name", FILES)
def test_every_form_packed_in_every_way_gives_the_same(tmp_path: Path, name: str, packer: str) -> None:
    content = FILES[name]()
    path = tmp_path / f"{name}{packer}"
    if packer == "folder":
        path.mkdir()
        (path / name).write_bytes(content)
    elif packer == ".zip":
        path = tmp_path / "archive.zip"
        path.write_bytes(zip_of({name: content, f"__MACOSX/._{name}": b"of macOS"}))
    elif packer == ".tar.gz":
        path.write_bytes(gzip.compress(tar_of({name: content})))
    else:
        path.write_bytes(PACKERS[packer](content))
    check(load_reviews(str(path)))


@pytest.mark.parametrize("name", FILES)
def test_one_form_recognises_a_file_and_no_other(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name]())
    content = content_of(path)
    assert sum(form.recognises(content, content.head(), Reading()) for form in forms()) == 1


TREES: dict[str, Callable[[], dict[str, bytes]]] = {
    "class folders": lambda: {f"{NAMES[n % 2]}/{n:02d}.txt": text.encode() for n, text in enumerate(TEXTS)},
    "class folders below another": lambda: {
        f"data/{'pos' if n % 2 else 'neg'}/{n}_5.txt": text.encode() for n, text in enumerate(TEXTS)
    },
    "with train, val and test": lambda: {
        f"{part_of(n)}/{'pos' if n % 2 else 'neg'}/my review {n}.txt": text.encode() for n, text in enumerate(TEXTS)
    },
    "Flair's folder": lambda: by_part(
        ".txt", lambda rows: "".join(f"__label__{NAMES[label]} {text}\n" for text, label in rows).encode()
    ),
    "CSV by split": lambda: by_part(".csv", lambda rows: delimited(",", [["text", "label"], *rows])),
    "JSON Lines by split": lambda: by_part(".jsonl", lambda rows: b"".join(
        json.dumps({"text": text, "label": label}).encode() + b"\n" for text, label in rows)),
    "shards of a hub": lambda: {
        f"plain_text/{name}-00000-of-00001.parquet": content for name, content in by_part("", as_parquet).items()
    },
    "shards in folders": lambda: {
        f"default/{name}/0000.parquet": content for name, content in by_part("", as_parquet).items()
    },
}  # fmt: skip


def as_parquet(rows: list[list[Any]]) -> bytes:
    return parquet({"text": [text for text, _ in rows], "label": [label for _, label in rows]})


def part_of(number: int) -> str:
    return ("train", "train", "train", "val", "val", "test")[number // 2 % 6]


def by_part(suffix: str, write: Callable[[list[list[Any]]], bytes]) -> dict[str, bytes]:
    parts: dict[str, list[list[Any]]] = {"train": [], "val": [], "test": []}
    for number, row in enumerate(rows()[1:]):
        parts[part_of(number)].append(row)
    names = {"train": "train", "val": "dev" if suffix else "validation", "test": "test"}
    return {f"{names[part]}{suffix}": write(found) for part, found in parts.items()}


TREE_PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    ".zip": zip_of,
    ".tar": tar_of,
    ".tar.gz": lambda files: gzip.compress(tar_of(files)),
    ".tbz2": lambda files: bz2.compress(tar_of(files)),
    ".tar.xz": lambda files: lzma.compress(tar_of(files)),
    ".tar.zst": lambda files: pack_zstandard(tar_of(files)),
    "-without-a-suffix": lambda files: gzip.compress(tar_of(files)),
}


@pytest.mark.parametrize("packer", ["folder", *TREE_PACKERS])
@pytest.mark.parametrize("name", TREES)
def test_every_layout_of_folders_packed_in_every_way_gives_the_same(tmp_path: Path, name: str, packer: str) -> None:
    files = {**TREES[name](), "README.md": b"about it", ".gitattributes": b"hidden"}
    path = tmp_path / f"data{packer}"
    if packer == "folder":
        for inner, content in files.items():
            (path / inner).parent.mkdir(parents=True, exist_ok=True)
            (path / inner).write_bytes(content)
    else:
        path.write_bytes(TREE_PACKERS[packer](files))
    reviews = load_reviews(str(path))
    assert sorted(zip(reviews.texts, reviews.labels.tolist(), strict=True)) == sorted(zip(TEXTS, LABELS, strict=True))
    assert reviews.class_names == NAMES
    assert reviews.account is not None
    assert reviews.account.files_ignored == 2
    assert set(reviews.account.files_ignored_names) == {"README.md", ".gitattributes"}
    if name.startswith("class folders"):
        assert reviews.official is None
    else:
        assert reviews.official is not None
        expected = {text: part_of(number) for number, text in enumerate(TEXTS)}
        sides = {"train": TRAIN, "val": VALIDATION, "test": TEST}
        assert reviews.official.tolist() == [sides[expected[text]] for text in reviews.texts]
    tree = look_into(path, "")
    assert sum(form.recognises(tree, b"", Reading()) for form in forms()) == 1


def test_layout_of_the_published_archive_is_told_and_cousins_are_not(tmp_path: Path) -> None:
    files = acl_files(reviews=8)
    path = tmp_path / "reviews.tar"
    path.write_bytes(tar_of(files))
    published = load_reviews(str(path))
    assert published.in_folds
    assert list(published.review_ids[:2]) == ["test/neg/0_1", "test/neg/1_1"]
    path.write_bytes(tar_of({**files, "aclImdb/train/pos/mine.txt": b"my own review", "aclImdb/imdb.vocab": b"the"}))
    cousin = load_reviews(str(path))
    assert not cousin.in_folds
    assert len(cousin) == len(published) + 1
    assert "train/pos/mine" in list(cousin.review_ids)
    assert cousin.account is not None
    assert cousin.account.files_ignored_names == ["aclImdb/imdb.vocab"]


def test_the_same_file_again_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({"neg/1.txt": b"bad", "pos/1.txt": b"good", "pos/2.txt": b"fine"}))
    content = tar_of({"neg/1.txt": b"bad", "pos/1.txt": b"good"})
    again = tar_of({"pos/1.txt": b"good"})
    path = tmp_path / "b.tar"
    path.write_bytes(content[: -2 * tarfile.BLOCKSIZE * 8].rstrip(b"\0").ljust(4 * tarfile.BLOCKSIZE, b"\0") + again)
    reviews = load_reviews(str(path))
    assert reviews.account is not None
    assert reviews.account.left_out == {"the same file again": 1}
    assert reviews.account.read == 3


@pytest.mark.parametrize("names", [("neg", "pos"), ("bad", "good")])
def test_a_folder_of_unlabelled_texts_stands_beside_the_classes(tmp_path: Path, names: tuple[str, str]) -> None:
    files = {f"{label}/{n}_{n}.txt": f"film {n} {label}".encode() for label in names for n in range(3)}
    path = tmp_path / "train.tar"
    path.write_bytes(tar_of({"unsup/0_0.txt": b"seen", **files, "unsup/1_0.txt": b"too"}))
    reviews = load_reviews(str(path))
    assert len(reviews) == 6
    assert reviews.account is not None
    assert reviews.account.left_out == {"without a label": 2}
    assert reviews.official is None
    assert list(load_unlabelled(str(path)).texts) == ["seen", "too"]


def test_films_of_a_part_of_the_published_archive_stay_together(tmp_path: Path) -> None:
    files = {f"{label}/{n}_5.txt": f"{n} {label}".encode() for label in ("neg", "pos") for n in range(3)}
    path = tmp_path / "train.tar"
    path.write_bytes(tar_of({**files, "urls_pos.txt": b"one\ntwo\none\n", "urls_neg.txt": b"two\nfour\nfive\n"}))
    groups = load_reviews(str(path)).groups.tolist()
    assert groups[3] == groups[5]
    assert groups[0] == groups[4]
    assert len(set(groups)) == 4


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_members_that_begin_with_a_dot_are_read_as_the_folder_is(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    for number, name in enumerate(TREES):
        files = TREES[name]()
        plain, dotted = tmp_path / f"plain{number}", tmp_path / f"dotted{number}"
        plain.write_bytes(pack(files))
        dotted.write_bytes(pack({f"./{inner}": content for inner, content in files.items()}))
        one, two = load_reviews(str(plain)), load_reviews(str(dotted))
        assert list(one.texts) == list(two.texts)
        assert list(one.review_ids) == list(two.review_ids)


@pytest.mark.parametrize(
    ("name", "form", "holds"),
    [
        ("reviews.csv", "a CSV file", "reviews.txt"),
        ("reviews.tsv", "a TSV file", "reviews.text"),
        ("reviews.jsonl", "a JSON Lines file", "reviews.txt"),
        ("reviews.json", "a JSON file", "reviews.txt"),
        ("reviews.jsonl", "a JSON Lines file", "reviews.csv"),
        ("reviews.jsonl", "a JSON Lines file", "reviews.tsv"),
    ],
)
def test_the_contents_of_a_file_tell_its_form(tmp_path: Path, name: str, form: str, holds: str) -> None:
    path = tmp_path / holds
    path.write_bytes(FILES[name]())
    reviews = load_reviews(str(path))
    check(reviews)
    assert reviews.account is not None
    assert reviews.account.form == form
    content = content_of(path)
    assert sum(one.recognises(content, content.head(), Reading()) for one in forms()) == 1


@pytest.mark.parametrize(
    "written", ["text,label", "text, so fine\na film, so dull\n", "{\n[{ fine }]\n", "review\nb\n"]
)
def test_lines_that_only_resemble_a_table_are_texts(tmp_path: Path, written: str) -> None:
    path = tmp_path / "texts.txt"
    path.write_text(written)
    assert list(load_unlabelled(str(path)).texts) == written.strip().split("\n")


def test_the_first_line_for_excel_names_the_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    for delimiter in (";", "\t", ","):
        start = f"\ufeffsep={delimiter}\r\n".encode()
        path.write_bytes(start + delimited(delimiter, rows(), quoting=csv.QUOTE_ALL).replace(b"\n", b"\r\n"))
        check(load_reviews(str(path)))
    path.write_text("sep=;\ntext;label\nfine;1\nbad;film;0\n")
    assert "line 4 has 3 fields, the header has 2" in refusal(path)


GIVEN = {
    "--encoding": Reading(encoding="cp1252"),
    "--delimiter": Reading(delimiter=";"),
    "--no-header": Reading(header=False),
}


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("reviews.jsonl", ("--delimiter", "--no-header")),
        ("reviews.json", ("--delimiter", "--no-header")),
        ("reviews.parquet", ("--encoding", "--delimiter", "--no-header")),
        ("fasttext.txt", ("--no-header",)),
    ],
)
def test_flags_that_say_nothing_of_a_form_are_refused(tmp_path: Path, name: str, flags: tuple[str, ...]) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / name, tmp_path / "folder" / name):
        path.write_bytes(FILES[name]())
    for flag in flags:
        for path in (tmp_path / name, tmp_path / "folder"):
            assert f"{flag} is of no use for a" in refusal(path, GIVEN[flag])
        for other in (
            load_reviews(str(tmp_path / name), GIVEN[flag], NAMES),
            load_unlabelled(str(tmp_path / name), GIVEN[flag]),
        ):
            assert other.account is not None
            assert f"{flag} is of no use for a" in other.account.paragraph()


def test_flags_for_tables_are_refused_for_class_folders(tmp_path: Path) -> None:
    path = tmp_path / "data.tar"
    path.write_bytes(tar_of(TREES["class folders"]()))
    for flag in ("--delimiter", "--no-header"):
        assert f"{flag} is of no use for class folders; leave it out" in refusal(path, GIVEN[flag])


def test_an_encoding_that_is_not_that_of_the_file_is_named_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\nfine,1\nna\u00efve,0\n", "utf-8")
    assert "it looks like UTF-8: leave --encoding out" in refusal(path, Reading(encoding="utf-16"))
    folders = tmp_path / "data.tar"
    folders.write_bytes(tar_of({"bad/1.txt": b"dull", "good/1.txt": b"fine"}))
    assert "it looks like UTF-8: leave --encoding out" in refusal(folders, Reading(encoding="utf-16"))
    with pytest.raises(LockstepError) as error:
        load_reviews(str(path), Reading(encoding="nope"))
    assert str(error.value).startswith("--encoding 'nope': no such encoding")
    assert "again" not in str(error.value)


def test_reviews_without_labels_are_apart(tmp_path: Path) -> None:
    files = {**acl_files(reviews=4), "aclImdb/train/unsup/0_0.txt": b"seen", "aclImdb/train/unsup/1_0.txt": b"too"}
    for name, content in (("r.tar", tar_of(files)), ("r.zip", zip_of(files))):
        (tmp_path / name).write_bytes(content)
        labelled = load_reviews(str(tmp_path / name))
        assert len(labelled) == 16
        assert labelled.account is not None
        assert labelled.account.left_out == {"without a label": 2}
        assert list(load_unlabelled(str(tmp_path / name)).texts) == ["seen", "too"]
    shards = {
        "data/train-00000-of-00001.parquet": parquet({"text": TEXTS, "label": LABELS}),
        "data/unsupervised-00000-of-00001.parquet": parquet({"text": ["seen", "too"], "label": [-1, -1]}),
    }
    (tmp_path / "hub.zip").write_bytes(zip_of(shards))
    assert list(load_reviews(str(tmp_path / "hub.zip")).texts) == TEXTS
    assert list(load_unlabelled(str(tmp_path / "hub.zip")).texts) == ["seen", "too"]


def test_all_texts_of_what_sets_none_apart_can_be_unlabelled(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("one\n\n two \nthree")
    found = load_unlabelled(str(path))
    assert list(found.texts) == ["one", " two ", "three"]
    assert list(found.review_ids) == ["line-000000", "line-000002", "line-000003"]
    assert found.labels.tolist() == [-1, -1, -1]
    assert found.account is not None
    assert "Blank lines, which are skipped: 1." in found.account.paragraph()
    (tmp_path / "labelled.csv").write_bytes(FILES["reviews.csv"]())
    assert list(load_unlabelled(str(tmp_path / "labelled.csv")).texts) == TEXTS


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes("one \u2028 one\ntwo \u0085 two\r\nthree \x0b\x1c three\n\ufeff four\n".encode())
    assert list(load_unlabelled(str(path)).texts) == [
        "one \u2028 one",
        "two \u0085 two",
        "three \x0b\x1c three",
        "\ufeff four",
    ]
    path.write_bytes(b"of an old Mac\rthe second\r")
    assert list(load_unlabelled(str(path)).texts) == ["of an old Mac", "the second"]


def test_names_of_classes_that_a_hub_wrote_are_used(tmp_path: Path) -> None:
    names = ["World", "Sports", "Business"]
    features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}, "text": {"_type": "Value"}}}}
    labels = [number % 3 for number in range(len(TEXTS))]
    path = tmp_path / "news.parquet"
    path.write_bytes(parquet({"text": TEXTS, "label": labels}, {b"huggingface": json.dumps(features).encode()}))
    reviews = load_reviews(str(path))
    assert reviews.class_names == ("Business", "Sports", "World")
    assert [reviews.class_names[label] for label in reviews.labels.tolist()] == [names[label] for label in labels]
    for damaged in (b"[1]", b"{", b'{"info": null}'):
        path.write_bytes(parquet({"text": TEXTS, "label": LABELS}, {b"huggingface": damaged}))
        check(load_reviews(str(path)))


def test_the_word2vec_tutorial_of_kaggle_is_read(tmp_path: Path) -> None:
    """Its quotes are doubled in one copy, and have backslashes before them in another."""
    path = tmp_path / "labeledTrainData.tsv"
    for quote in ('""', '\\"'):
        lines = ["id\tsentiment\treview", f'"1_8"\t1\t"{quote}A film{quote} of note"', '"2_3"\t0\t"Dull, so dull"']
        path.write_text("\n".join(lines) + "\n")
        reviews = load_reviews(str(path))
        assert list(reviews.texts) == ['"A film" of note', "Dull, so dull"]
        assert list(reviews.review_ids) == ["1_8", "2_3"]
        assert reviews.labels.tolist() == [1, 0]


texts = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), min_size=1, max_size=8
)
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"), min_size=1, max_size=12).filter(
    lambda text: text.strip() and not text.startswith(("\ufeff", "__label__"))
)


def read_texts(name: str, content: bytes, reading: Reading = Reading()) -> list[tuple[str, str | None]]:  # noqa: B008
    """Texts and ids as prediction reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        table = open_table(path, reading)
        meaning = Meaning.of(table, reading, "predict")
        return [(meaning.text(row), meaning.review_id(row)) for row in table.rows]


@settings(deadline=None)
@given(texts, st.sampled_from([",", "\t", ";"]), st.booleans())
def test_texts_of_rows_come_back_to_the_letter(given: list[str], delimiter: str, minimal: bool) -> None:
    ids = [f"{number:03d}" for number in range(len(given))]
    made = io.StringIO(newline="")
    # Where lines end with a line feed alone, Python puts no quotes around a carriage return.
    quoting, end = (csv.QUOTE_MINIMAL, "\r\n") if minimal else (csv.QUOTE_ALL, "\n")
    writer = csv.writer(made, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([["id", "text"], *zip(ids, given, strict=True)])
    name, said = {",": ("a.csv", "auto"), "\t": ("a.tsv", "auto"), ";": ("a.csv", "semicolon")}[delimiter]
    read = read_texts(name, made.getvalue().encode(), Reading(delimiter=said))
    assert read == list(zip(given, ids, strict=True))


@settings(deadline=None)
@given(texts, st.booleans(), st.sampled_from([None, 1]))
def test_texts_of_json_and_parquet_come_back_to_the_letter(
    given: list[str], ascii_only: bool, indent: int | None
) -> None:
    found = [{"text": text, "id": number} for number, text in enumerate(given)]
    expected = [(text, str(number)) for number, text in enumerate(given)]
    listed = json.dumps(found, ensure_ascii=ascii_only, indent=indent)
    assert read_texts("a.json", listed.encode()) == expected
    by_line = "\n".join(json.dumps(one, ensure_ascii=ascii_only) for one in found)
    assert read_texts("a.jsonl", by_line.encode()) == expected
    assert read_texts("a.parquet", parquet({"text": given, "id": list(range(len(given)))})) == expected


@settings(deadline=None)
@given(st.lists(lines, min_size=1, max_size=8), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-8-sig"]))
def test_lines_come_back_to_the_letter(given: list[str], encoding: str) -> None:
    content = "\n".join(given).encode(encoding)
    assert [text for text, _ in read_texts("a.txt", content, Reading(encoding=encoding))] == given
    labelled = "\n".join(f"__label__x {line}" for line in given).encode(encoding)
    read = read_texts("a.txt", labelled, Reading(encoding=encoding))
    assert [text for text, _ in read] == [line.lstrip() for line in given]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl", "a.txt", "a.parquet", "a"]))
def test_no_bytes_make_another_error_than_one_line(content: bytes, name: str) -> None:
    for start in (
        b"",
        b"text,label\n",
        b"text\tlabel\n",
        b'{"text": "a"}\n',
        b'[{"text": "a"},',
        b"__label__a b\n",
        b"\x1f\x8b",
    ):
        said = ""
        try:
            read_texts(name, start + content)
        except LockstepError as error:
            said = str(error)
        assert "\n" not in said
        assert len(said) < 1_000


def refusal(path: Path, reading: Reading = Reading(), load: Callable[..., Reviews] = load_reviews) -> str:  # noqa: B008
    """The one line by which a source is refused; nothing of it is kept."""
    kept = Path(os.environ["LOCKSTEP_CACHE"]) / "sources"
    before = set(kept.glob("*"))
    with pytest.raises(LockstepError) as error:
        load(str(path), reading)
    assert set(kept.glob("*")) == before, "nothing half-read is kept"
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    assert "download" not in message
    return message


def bad_files() -> Iterator[tuple[str, bytes, str]]:
    """Name, contents, and what is said."""
    yield "sheet.xlsx", zip_of({"[Content_Types].xml": b"", "xl/sheet.xml": b""}), "none of the forms that are read: "
    yield "picture.png", b"\x89PNG\r\n\x1a\n", "JSON and JSON Lines (.json, .jsonl)"
    yield "nested.zip", zip_of({"inner.zip": zip_of({"a.csv": b"text,label\n"})}), "is packed within an archive"
    yield "nested.tar", tar_of({"inner.csv.gz": gzip.compress(b"text,label\n")}), "is packed within an archive"
    yield (
        "two.zip",
        zip_of({"a.csv": b"text,label\na,1\n", "b.csv": b"text,label\na,1\n"}),
        "several data sets (a.csv, b",
    )
    sets = {f"{one}/train/{label}/1.txt": one.encode() + label.encode() for one in "ab" for label in ("neg", "pos")}
    yield (
        "sets.tar",
        tar_of({name.replace("1.txt", f"{name[0]}.txt"): text for name, text in sets.items()}),
        "several data sets",
    )
    yield "cut.csv.gz", gzip.compress(FILES["reviews.csv"]())[:-9], "make or copy it again"
    yield "cut.csv.bz2", bz2.compress(FILES["reviews.csv"]())[:-9], "make or copy it again"
    yield "cut.csv.xz", lzma.compress(FILES["reviews.csv"]())[:-9], "make or copy it again"
    yield "cut.csv.zst", pack_zstandard(FILES["reviews.csv"]())[:-9], "make or copy it again"
    yield "cut.zip", zip_of({"a.csv": FILES["reviews.csv"]()})[:-9], "make or copy it again"
    yield "climbing.zip", zip_of({"../a.csv": b"text,label\n"}), "climbs out of the archive"
    yield "windows.zip", zip_of({"..\\a.csv": b"text,label\n"}), "climbs out of the archive"
    yield "absolute.zip", zip_of({"/etc/a.csv": b"text,label\n"}), "climbs out of the archive"
    yield "nothing.zip", zip_of({}), "holds no texts in a layout that is read"
    yield "bomb.csv.gz", gzip.compress(b"text,label\n" + (b"a" * 1_000 + b",1\n") * 100_000), "over 100 times its size"
    yield "bomb.zip", zip_of({"a.csv": b"text,label\n" + (b"a" * 1_000 + b",1\n") * 100_000}), "at most"
    yield "quote.csv", b'text,label\nfine,1\n"open,0\nmore,1\n', "the row that begins in line 3 is damaged"
    yield "quote.tsv", b'text\tlabel\nfine\t1\n"open\t0\nmore\t1\n', "the row that begins in line 3 has a quote that"
    yield (
        "wide.tsv",
        b"text\tlabel\nfine\t1\nbad\tfilm\t0\n",
        "line 3 has 3 fields, the header has 2; put texts with tabs",
    )
    yield (
        "return.csv",
        b"text,label\nfine,1\nb\rd,0\n",
        "line 3 is damaged (a carriage return stands in a field without",
    )
    yield "nul.csv", b"text,label\nfine,1\nb\0d,0\n", "line 3 holds a NUL"
    yield "wide.csv", "text,label\nfine,1\n".encode("utf-16"), "--encoding utf-16"
    yield "wider.csv", "text,label\nfine,1\n".encode("utf-16-le"), "--encoding utf-16"
    yield "latin.csv", "text,label\nfine,1\nnaïve,0\n".encode("latin-1"), "line 3 is not UTF-8"
    yield "broken.jsonl", b'{"text": "fine", "label": 1}\n{"text": "bad", "label": \n', "line 2 is no JSON object"
    yield "list.jsonl", b'{"text": "fine", "label": 1}\n["bad", 0]\n', "line 2 is no JSON object, with a key"
    yield "half.jsonl", b'{"text": "fine \\ud800", "label": 1}\n', "line 1 holds half of a sign"
    yield "deep.jsonl", b'{"text": "fine", "label": 1, "more": ' + b"[" * 100_000 + b"\n", "line 1 is no JSON object"
    yield (
        "late.jsonl",
        b'{"text": "a", "label": 1}\n' * 1_000 + b'{"text": "a", "Review": "b"}\n',
        "line 1001 has a 'Review'",
    )
    yield "cut.json", b'[{"text": "fine", "label": 1}, {"text": "b', "row 2: Unterminated string"
    yield "more.json", b'[{"text": "fine", "label": 1}] and more', "something follows its list"
    yield "comma.json", b'[{"text": "fine", "label": 1} {"text": "bad", "label": 0}]', "not by a comma"
    yield "numbers.json", b"[1, 2]", "row 1 is no JSON object"
    yield "columns.json", b'{"text": {"0": "fine"}, "label": {"0": 1}}', "write it with orient='records', lines=True"
    yield "split.json", b'{"columns":["text","label"],"index":[0],"data":[["fine",1]]}', "is JSON in columns"
    yield "schema.json", b'{"schema":{"fields":[]},"data":[{"text":"fine","label":1}]}', "is JSON in columns"
    yield "index.json", b'{\n "0": {"text": "fine", "label": 1}\n}', "is JSON in columns"
    yield (
        "twice.jsonl",
        b'{"text": "a", "label": 1}\n{"text": "b", "label": 1, "label": 0}\n',
        "line 2 has the key 'label' twice",
    )
    yield "twice.json", b'[{"text": "a", "label": 1, "text": "b"}]', "row 1 has the key 'text' twice"
    yield "lists.jsonl", b'{"text": "a", "label": 1}\n{"text": "b", "label": [0]}\n', "line 2 has a list as label"
    yield "dicts.jsonl", b'{"text": "a", "label": {"stars": 1}}\n', "line 1 has a dict as label, which is no class"
    yield "uneven.txt", b"text,label\nfine,1\nbad, so bad,0\ndull,0\n", "line 3 has 3 fields, the header has 2"
    yield "labels.txt", b"__label__a __label__b fine\n", "line 1 has several labels"
    yield "only.txt", b"fine\nbad\n", "has no labels to train on"
    yield "empty.csv", b"", "holds no rows"
    yield "blank.csv", b'text,label\n"",1\n" ",0\n', "all 2 texts are empty"
    yield "doubled.parquet", doubled_parquet(), "has several columns 'text'"
    yield (
        "bytes.parquet",
        parquet({"text": [b"fine", b"bad"], "label": [1, 0]}),
        "has a bytes as text, which is no text",
    )


def doubled_parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(("name", "content", "reason"), list(bad_files()), ids=[name for name, _, _ in bad_files()])
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert reason in message
    assert len(message) < 1_000


def hostile_zip(**changes: int) -> bytes:
    member = zipfile.ZipInfo("a.csv")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", changes.pop("method", zipfile.ZIP_DEFLATED)) as archive:
        for name, value in changes.items():
            setattr(member, name, value)
        archive.writestr(member, "text,label\nfine,1\nbad,0\n")
    return made.getvalue()


def test_hostile_zip_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "reviews.zip"
    path.write_bytes(hostile_zip(external_attr=0o120777 << 16))
    assert "is not a plain file" in refusal(path)
    path.write_bytes(hostile_zip(compress_type=zipfile.ZIP_LZMA))
    assert "packed in a way that is not read" in refusal(path)
    whole = bytearray(hostile_zip())
    for place, signature in ((6, b"PK\x03\x04"), (8, b"PK\x01\x02")):
        whole[whole.index(signature) + place] |= 1
    path.write_bytes(whole)
    assert "is encrypted" in refusal(path)
    whole = bytearray(zip_of({"a.csv": FILES["reviews.csv"]()}))
    whole[60] ^= 0xFF
    path.write_bytes(whole)
    assert "make or copy it again" in refusal(path)


def test_a_folder_that_holds_nothing_that_is_read_says_the_layouts(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    assert "<class>/*.txt" in refusal(folder)
    for name in ("notes.md", "more.md"):
        (folder / name).write_text("x")
    assert "train-00000-of-00001.parquet" in refusal(folder)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("train-00000-of-00003", "train-00001-of-00003", "test-00000-of-00001"), "part 00002 of train (3 parts)"),
        (("train-00001-of-00002", "test-00000-of-00001"), "part 00000 of train (2 parts)"),
        (("part-00000-of-00002-0a1b", "part-00002-of-00002-0a1b"), "part 00001 of part (2 parts)"),
    ],
)
def test_a_part_that_is_missing_is_named(names: tuple[str, ...], missing: str, tmp_path: Path) -> None:
    """A download that was interrupted leaves such a folder."""
    for name in names:
        (tmp_path / f"{name}.parquet").write_bytes(parquet({"text": TEXTS, "label": LABELS}))
    assert f"is not whole, {missing} is missing; fetch it, or name one file" in refusal(tmp_path)
    assert load_reviews(str(tmp_path / f"{names[0]}.parquet"), Reading()).texts, "one file is read alone"


def test_test_labels_are_no_part_of_a_split(tmp_path: Path) -> None:
    """Kaggle's toxic comments come with train.csv, test.csv and test_labels.csv."""
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_bytes(FILES["reviews.csv"]())
    (tmp_path / "test_labels.csv").write_text("id,toxic\n1,-1\n")
    reviews = load_reviews(str(tmp_path))
    assert len(reviews) == 2 * len(TEXTS)
    assert reviews.account is not None
    assert reviews.account.files_ignored_names == ["test_labels.csv"]


def test_a_test_file_without_labels_is_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_bytes(FILES["reviews.tsv"]())
    (tmp_path / "dev.tsv").write_bytes(FILES["reviews.tsv"]())
    (tmp_path / "test.tsv").write_text("index\ttext\n0\tfine\n1\tbad\n")
    reviews = load_reviews(str(tmp_path))
    assert reviews.account is not None
    assert reviews.account.left_out == {"without a label": 2}
    assert reviews.account.columns_ignored == ["index"]
    assert reviews.official is not None
    assert set(reviews.official.tolist()) == {TRAIN, VALIDATION}


def test_a_source_that_changes_is_read_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for label, text in (("bad", "dull"), ("good", "fine")):
        (folder / label).mkdir(parents=True)
        (folder / label / "1.txt").write_text(text)
    assert list(load_reviews(str(folder)).texts) == ["dull", "fine"]
    (folder / "good" / "1.txt").write_text("better")
    assert list(load_reviews(str(folder)).texts) == ["dull", "better"]
    (folder / "good" / "2.txt").write_text("best")
    assert len(load_reviews(str(folder))) == 3


MEASURED = """
import resource, sys
from shared.data.reviews import Reading
from shared.data.sources import load_reviews
load_reviews(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reviews = load_reviews(sys.argv[1])
taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(taken // 1024, len(reviews), sum(map(len, reviews.texts)))
"""


@pytest.mark.parametrize("name", ["large.csv.gz", "large.parquet", "large.jsonl"])
def test_texts_of_a_large_file_are_never_all_in_memory(tmp_path: Path, name: str) -> None:
    """120 MB of texts, some MB of memory beside what each row leaves."""
    count, words = 200_000, "so fine a film, and then so long " * 18
    small, path = tmp_path / f"small{''.join(Path(name).suffixes)}", tmp_path / name
    for target, size in ((small, 100), (path, count)):
        if name.endswith(".parquet"):
            schema = pa.schema([("text", pa.string()), ("label", pa.int64())])
            with pq.ParquetWriter(target, schema) as writer:
                for start in range(0, size, 10_000):
                    numbers = range(start, min(size, start + 10_000))
                    columns = [pa.array([f"{n} {words}" for n in numbers]), pa.array([n % 2 for n in numbers])]
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            continue
        with gzip.open(target, "wb", 1) if name.endswith(".gz") else target.open("wb") as file:
            if name.endswith(".gz"):
                file.write(b"text,label\n")
            for n in range(size):
                row = (
                    f'"{n} {words}",{n % 2}\n'
                    if name.endswith(".gz")
                    else f'{{"text": "{n} {words}", "label": {n % 2}}}\n'
                )
                file.write(row.encode())
    done = subprocess.run([sys.executable, "-c", MEASURED, path, small], capture_output=True, cwd=ROOT, text=True)
    assert done.stdout, done.stderr[-500:]
    megabytes, read, letters = map(int, done.stdout.split())
    assert (read, letters > 110_000_000) == (count, True)
    assert megabytes < 80
