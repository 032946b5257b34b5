from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.data.batches import (
    CHANNELS,
    FEATURES,
    SMALLEST_BATCH_SIZE,
    STATES,
    WORDS,
    Batches,
    class_weights,
    prediction_batches,
)
from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews, encode_texts
from shared.data.reviews import SPLITS, TEST, Reviews
from shared.data.sources import load_reviews
from shared.data.splits import sample, split
from shared.errors import LockstepError
from shared.files import download
from shared.loading import load_corpus
from shared.specification import Specification
from shared.text import PADDING_ID, UNKNOWN_ID, Vocabulary


@pytest.fixture(scope="module")
def packaged() -> Reviews:
    return load_reviews("packaged")


def acl_files(films: int = 12, reviews: int = 60) -> dict[str, bytes]:
    """A small data set in the aclImdb layout: reviews of one film stand side by side."""
    files = {}
    for part in ("train", "test"):
        for label in ("neg", "pos"):
            listed = []
            for number in range(reviews):
                film = number * films // reviews + (100 if part == "test" else 0)
                listed.append(f"http://www.imdb.com/title/tt{film:07d}/usercomments")
                text = f"{part} {label} review {number} of film {film}: {'bad' if label == 'neg' else 'good'}"
                files[f"aclImdb/{part}/{label}/{number}_{1 if label == 'neg' else 10}.txt"] = text.encode()
            files[f"aclImdb/{part}/urls_{label}.txt"] = "\n".join(listed).encode()
    return files


def write_tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_packaged_reviews_are_the_official_training_reviews(packaged: Reviews) -> None:
    assert len(packaged) == 25_000
    assert Counter(packaged.labels.tolist()) == {0: 12_500, 1: 12_500}
    assert len(set(packaged.review_ids)) == 25_000
    assert packaged.review_ids[0] == "packaged-00000"
    assert packaged.texts[0].startswith("I rented I AM CURIOUS-YELLOW")


def test_rotten_tomatoes_sentences_are_a_second_set() -> None:
    assert len(load_reviews("rotten-tomatoes")) == 8_530


def test_split_is_stratified_and_keeps_copies_and_neighbours_together(packaged: Reviews) -> None:
    specification = Specification()
    sides = split(packaged, specification)
    assert np.array_equal(sides, split(packaged, specification)), "the split is deterministic"
    for side, share in zip(range(3), (0.72, 0.08, 0.2), strict=True):
        assert abs(np.mean(sides == side) - share) < 0.01
        assert abs(packaged.labels[sides == side].mean() - 0.5) < 0.02
    by_group = pd.Series(sides).groupby(packaged.groups).nunique()
    assert by_group.max() == 1
    by_text = pd.Series(sides).groupby(pd.Series(packaged.texts)).nunique()
    assert len(by_text) < len(packaged), "there are copies"
    assert by_text.max() == 1


def test_another_split_seed_is_another_split(packaged: Reviews) -> None:
    first, second = (split(packaged, Specification(split_seed=seed)) for seed in (0, 1))
    assert (first != second).mean() > 0.1


def test_validation_shares_no_film_with_training_and_the_official_test_stays(tmp_path: Path) -> None:
    path = write_tarball(tmp_path / "reviews.tar.gz", acl_files())
    reviews = load_reviews(str(path))
    sides = split(reviews, Specification(validation_fraction=0.25))
    parts = np.array([review_id.split("/")[0] for review_id in reviews.review_ids])
    assert np.array_equal(sides == TEST, parts == "test")
    films = np.array([text.split("film ")[1].split(":")[0] for text in reviews.texts])
    training, validation = (set(films[sides == side]) for side in (0, 1))
    assert validation
    assert not training & validation


def test_directory_and_tarball_are_the_same_reviews(tmp_path: Path) -> None:
    files = acl_files()
    tarball = load_reviews(str(write_tarball(tmp_path / "reviews.tar.gz", files)))
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for folder in (tmp_path, tmp_path / "aclImdb"):
        reviews = load_reviews(str(folder))
        assert reviews.review_ids == tarball.review_ids
        assert reviews.texts == tarball.texts
        assert np.array_equal(reviews.groups, tarball.groups)
    again = load_reviews(str(tmp_path / "reviews.tar.gz"))  # now from the cache
    assert again.texts == tarball.texts
    assert np.array_equal(again.official, tarball.official)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_of_text_and_label(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"review": ['a "good", film\nindeed', "", "bad"], "sentiment": ["Positive", "neg", "0"]})
    path = tmp_path / f"reviews{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    reviews = load_reviews(str(path))
    assert reviews.texts == ['a "good", film\nindeed', "", "bad"]
    assert reviews.labels.tolist() == [1, 0, 0]
    assert reviews.review_ids == ["row-000000", "row-000001", "row-000002"]


def bad_sources(folder: Path) -> Iterator[tuple[str, str]]:
    yield "nowhere", "no such file"
    (folder / "empty").mkdir()
    yield "empty", "holds no texts in a layout that is read"
    (folder / "columns.csv").write_text("a,b\n1,2\n")
    yield "columns.csv", "no text column"
    (folder / "unlabelled.csv").write_text("text\nfine\n")
    yield "unlabelled.csv", "no label column"
    (folder / "labels.csv").write_text("text,label\nfine,1\nmaybe,2\n")
    yield "labels.csv", "row 2 has label"
    (folder / "missing.csv").write_text("text,label\nfine,1\nmaybe,\n")
    yield (
        "missing.csv",
        "all 1 texts with a label are positive; a classifier needs two classes, add texts of another (1 ",
    )
    (folder / "nothing.csv").write_text("")
    yield "nothing.csv", "holds no rows"
    (folder / "no-rows.csv").write_text("text,label\n")
    yield "no-rows.csv", "holds no texts"
    (folder / "wide.csv").write_text("text,label\nGood, really good,1\nBad, really bad,0\n")
    yield "wide.csv", "line 2 has 3 fields, the header has 2; put texts with commas between quotes"
    (folder / "one-wide.csv").write_text('text,label\n"two\nlines",1\nGood, really good,1\n')
    yield "one-wide.csv", "line 4 has 3 fields"
    (folder / "trailing.csv").write_text("text,label\ngood,1,\nbad,0,\n")
    yield "trailing.csv", "line 2 has 3 fields"
    (folder / "narrow.csv").write_text("text,label\ngood,1\nbad\n")
    yield "narrow.csv", "line 3 has 1 field, the header has 2"
    (folder / "open-quote.csv").write_text('text,label\ngood,1\n"bad,0\ngood,1\n')
    yield "open-quote.csv", "the row that begins in line 3 is damaged"
    (folder / "stray-quote.csv").write_text('text,label\ngood,1\n"bad" it is,0\n')
    yield "stray-quote.csv", "the row that begins in line 3 is damaged"
    (folder / "same-name.csv").write_text("text,text,label\ngood,bad,1\n")
    yield "same-name.csv", "has 2 columns 'text'; rename all but one"
    (folder / "reviews.txt").write_text("good\nbad\n")
    yield "reviews.txt", "has no labels to train on"
    (folder / "reviews.docx").write_bytes(b"PK")
    yield "reviews.docx", "is none of the forms that are read"
    (folder / "latin.csv").write_bytes("text,label\nna\u00efve,1\n".encode("latin-1"))
    yield "latin.csv", "not UTF-8"
    (folder / "damaged.parquet").write_bytes(b"PAR1 but no more")
    yield "damaged.parquet", "not a readable file, or damaged"
    (folder / "damaged.tar.gz").write_bytes(b"\x1f\x8b not a tarball")
    yield "damaged.tar.gz", "not a readable tarball"
    whole = write_tarball(folder / "whole.tar.gz", acl_files()).read_bytes()
    (folder / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    yield "cut.tar.gz", "not a readable tarball"
    write_tarball(folder / "climbing.tar.gz", {"aclImdb/../../train/pos/1_9.txt": b"out"})
    yield "climbing.tar.gz", "climbs out"
    write_tarball(folder / "absolute.tar.gz", {"/etc/train/pos/1_9.txt": b"out"})
    yield "absolute.tar.gz", "climbs out"
    with tarfile.open(folder / "link.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("train/pos/1_9.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    yield "link.tar.gz", "not a plain file"
    write_tarball(folder / "bytes.tar.gz", {**acl_files(), "aclImdb/train/pos/3_10.txt": b"\xff\xfe"})
    yield "bytes.tar.gz", "not UTF-8"


def test_bad_sources_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, reason in bad_sources(tmp_path):
        with pytest.raises(LockstepError) as error:
            load_reviews(str(tmp_path / name))
        message = str(error.value)
        assert reason in message, name
        assert name in message
        assert "\n" not in message


def test_too_few_reviews_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("text,label\n" + "".join(f"review {n},{n % 2}\n" for n in range(4)))
    with pytest.raises(LockstepError, match=r"too few texts that differ: .* 3 are needed, one for each split"):
        load_corpus(Specification(data=str(path)))


def test_official_archive_is_downloaded_once_and_checked(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    url, folder = server
    path = write_tarball(folder / "aclImdb_v1.tar.gz", acl_files())
    checksum = "md5:" + hashlib.md5(path.read_bytes()).hexdigest()
    downloaded = download(f"{url}/{path.name}", checksum, "name a copy")
    path.unlink()
    assert download(f"{url}/{path.name}", checksum, "name a copy") == downloaded, "the second time it is there"
    assert len(load_reviews(str(downloaded))) == 240


def test_wrong_checksum_and_failed_download_leave_nothing(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    url, folder = server
    write_tarball(folder / "aclImdb_v1.tar.gz", acl_files())
    with pytest.raises(LockstepError, match=r"cannot download .*aclImdb_v1"):
        download(f"{url}/aclImdb_v1.tar.gz", "md5:" + "0" * 32, "name a copy")
    with pytest.raises(LockstepError, match="cannot download"):
        download(f"{url}/absent.tar.gz", "md5:" + "0" * 32, "name a copy")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_sample_keeps_the_proportions(packaged: Reviews) -> None:
    taken = sample(packaged, 1_000, seed=3)
    assert len(taken) == 1_000
    assert taken.labels.mean() == 0.5
    assert sample(packaged, 1_000, seed=3).review_ids == taken.review_ids
    assert sample(packaged, None, seed=3) is packaged


def test_fingerprint_depends_on_the_reviews_and_the_split_only(corpus: Corpus, smoke: Specification) -> None:
    assert load_corpus(smoke.replaced(max_length=10, vocabulary_size=500, seed=9)).fingerprint == corpus.fingerprint
    assert load_corpus(smoke.replaced(split_seed=1)).fingerprint != corpus.fingerprint
    assert load_corpus(smoke.replaced(reviews=3_999)).fingerprint != corpus.fingerprint


def test_encoded_reviews_are_mapped_from_the_cache(corpus: Corpus, smoke: Specification) -> None:
    again = load_corpus(smoke)
    assert isinstance(again.train.tokens, np.memmap)
    assert again.vocabulary.words == corpus.vocabulary.words
    rows = np.arange(50)
    assert np.array_equal(again.test.padded(rows), corpus.test.padded(rows))


def test_new_texts_are_encoded_as_the_corpus_was(corpus: Corpus, smoke: Specification) -> None:
    encoded = encode_texts(corpus.texts[2][:40], corpus.vocabulary, smoke)
    assert np.array_equal(encoded.padded(np.arange(40)), corpus.test.padded(np.arange(40)))


def test_odd_reviews_are_encoded(corpus: Corpus, smoke: Specification) -> None:
    texts = ["", "<br /><br/>", "zzxq qxzzy", "good " * 100_000, "\x00 \u202e \U0001f600"]
    encoded = encode_texts(texts, corpus.vocabulary, smoke)
    assert encoded.lengths.tolist() == [0, 0, 2, smoke.max_length, 1]
    assert encoded.words(2).tolist() == [UNKNOWN_ID, UNKNOWN_ID]
    assert encoded.padded(np.array([0])).tolist() == [[PADDING_ID]]


@given(
    st.lists(st.lists(st.integers(2, 9), max_size=12), min_size=1, max_size=6),
    st.integers(1, 8),
    st.sampled_from(["head", "tail", "head_tail"]),
    st.sampled_from(["masked", "right", "left"]),
)
def test_padding_and_truncation(reviews: list[list[int]], max_length: int, truncation: str, padding: str) -> None:
    vocabulary = Vocabulary(("<pad>", "<unk>", *(f"w{number}" for number in range(2, 10))))
    texts = [" ".join(vocabulary.words[word] for word in words) for words in reviews]
    specification = Specification(max_length=max_length, truncation=truncation, padding=padding)
    encoded = encode_texts(texts, vocabulary, specification)
    padded = encoded.padded(np.arange(len(texts)))
    head = {"head": max_length, "tail": 0, "head_tail": max_length // 2}[truncation]
    for number, (row, words) in enumerate(zip(padded, reviews, strict=True)):
        tail = max_length - head
        kept = words if len(words) <= max_length else words[:head] + (words[-tail:] if tail else [])
        empty = [PADDING_ID] * (len(row) - len(kept))
        assert row.tolist() == (empty + kept if padding == "left" else kept + empty)
        assert encoded.words(number).tolist() == kept
    longest = max(1, *(min(len(words), max_length) for words in reviews))
    assert padded.shape[1] == (longest if padding == "masked" else max_length), (
        "read padding is the same in every batch"
    )


def lengths_of(count: int, seed: int = 0) -> EncodedReviews:
    generator = np.random.default_rng(seed)
    sizes = generator.integers(0, 40, count)
    tokens = generator.integers(2, 100, sizes.sum() + 1).astype(np.int32)
    ids = np.array([f"r{row}" for row in range(count)])
    labels = generator.integers(0, 2, count).astype(np.int8)
    return EncodedReviews(ids, labels, tokens, np.cumsum(sizes) - sizes, sizes, 32, 32)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 5))
def test_every_review_comes_once_an_epoch_in_batches_of_one_size(count: int, size: int, epoch: int) -> None:
    batches = Batches(lengths_of(count), Specification(batch_size=size))
    order = batches.order(epoch)
    assert sorted(order.tolist()) == list(range(count))
    made = list(batches.epoch(epoch))
    assert len(made) == len(batches)
    assert [len(batch.labels) for batch in made] == [min(size, count - n * size) for n in range(len(batches))]


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    reviews = lengths_of(500)
    one = Batches(reviews, Specification(seed=1, batch_size=32))
    for first, second in zip(
        one.epoch(2), Batches(reviews, Specification(seed=1, batch_size=32)).epoch(2), strict=True
    ):
        assert np.array_equal(first.tokens, second.tokens)
        assert all(np.array_equal(first.masks[name], second.masks[name]) for name in first.masks)
    assert not np.array_equal(one.order(0), one.order(1))
    assert not np.array_equal(one.order(0), Batches(reviews, Specification(seed=2, batch_size=32)).order(0))


def test_shuffled_batches_hold_any_length() -> None:
    reviews = lengths_of(2_000)
    widths = {}
    for order in ("like_length", "shuffled"):
        batches = Batches(reviews, Specification(batch_size=20, batch_order=order))
        assert sorted(batches.order(1).tolist()) == list(range(2_000))
        widths[order] = np.mean([np.ptp(reviews.lengths[batches.order(1)[n * 20 : n * 20 + 20]]) for n in range(100)])
    assert widths["like_length"] < 3
    assert widths["shuffled"] > 20


def test_batches_of_like_length_waste_little(corpus: Corpus) -> None:
    specification = Specification(batch_size=64)
    tokens = np.concatenate([batch.tokens.ravel() for batch in Batches(corpus.train, specification).epoch(0)])
    assert np.mean(tokens != PADDING_ID) > 0.95


def test_dropout_masks_keep_the_mean() -> None:
    rates = {FEATURES: "dropout", WORDS: "word_dropout", CHANNELS: "spatial_dropout", STATES: "recurrent_dropout"}
    specification = Specification(**dict.fromkeys(rates.values(), 0.3), layers=2, architecture="bilstm")
    tokens = np.random.default_rng(0).integers(0, specification.vocabulary_size, (1_000, 20)).astype(np.int32)
    masks = Batches(lengths_of(10), specification).masks(1, 2, tokens)
    assert {name: mask.shape for name, mask in masks.items()} == {
        FEATURES: (1_000, specification.features),
        WORDS: (1_000, 20, 1),
        CHANNELS: (1_000, 1, specification.embedding_size),
        STATES: (1_000, 2 * 2 * specification.hidden_size),
    }
    for name, mask in masks.items():
        assert mask.dtype == np.float32
        assert set(np.unique(mask)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
        assert abs(mask.mean() - 1) < 0.02
        only = dict.fromkeys(rates.values(), 0.0) | {rates[name]: 0.3}
        alone = Batches(lengths_of(10), specification.replaced(**only))
        assert np.array_equal(alone.masks(1, 2, tokens)[name], mask), "one mask does not depend on another"


def test_what_is_not_dropped_has_no_mask() -> None:
    masks = Batches(lengths_of(10), Specification(dropout=0)).batch(0, 0).masks
    assert list(masks) == [FEATURES]
    assert (masks[FEATURES] == 1).all()


@given(st.lists(st.integers(0, 4), min_size=1))
def test_balanced_classes_have_the_same_share_of_the_loss(labels: list[int]) -> None:
    chosen = np.array(labels, np.int16)
    weights = class_weights(Specification(class_weights="balanced"), chosen, 5)
    assert weights is not None
    assert weights.dtype == np.float32
    shares = np.bincount(chosen, weights[chosen], minlength=5)
    present = np.bincount(chosen, minlength=5) > 0
    assert np.allclose(shares, np.where(present, len(labels) / present.sum(), 0), rtol=1e-5)
    assert class_weights(Specification(), chosen, 5) is None


def test_a_word_is_dropped_wherever_it_stands() -> None:
    batches = Batches(lengths_of(50), Specification(word_dropout=0.5, batch_size=50))
    batch = batches.batch(0, 0)
    mask = batch.masks[WORDS]
    assert mask.shape == (*batch.tokens.shape, 1)
    for word in np.unique(batch.tokens):
        assert len(np.unique(mask[batch.tokens == word])) == 1
    assert set(np.unique(mask)) == {np.float32(0), np.float32(2)}
    assert not np.array_equal(batches.masks(0, 1, batch.tokens)[WORDS], mask)


def test_prediction_batches_cover_every_review() -> None:
    reviews = lengths_of(70)
    seen = []
    for rows, tokens in prediction_batches(reviews, batch_size=16):
        seen += rows.tolist()
        assert np.array_equal(tokens, reviews.padded(rows))
    assert sorted(seen) == list(range(70))


def test_few_reviews_are_not_predicted_at_the_length_of_the_longest() -> None:
    reviews = lengths_of(200)
    batches = [tokens for _, tokens in prediction_batches(reviews)]
    padded = sum(tokens.size for tokens in batches)
    words = reviews.lengths.sum()
    assert padded < 1.1 * words
    assert min(len(tokens) for tokens in batches[:-1]) >= SMALLEST_BATCH_SIZE
    ((_, tokens),) = prediction_batches(reviews, fixed_length=32)
    assert tokens.size > 1.5 * words, "one batch, as there is nothing to save"


def test_split_names_and_sizes(corpus: Corpus) -> None:
    assert SPLITS == ("train", "validation", "test")
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == 4_000
    assert [len(texts) for texts in corpus.texts] == [len(corpus.train), len(corpus.validation), len(corpus.test), 0]
