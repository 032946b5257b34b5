from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shared.data.__main__ import main
from shared.data.corpus import Corpus
from shared.description import FEW_CLASSES, LONGEST_NAME, MOST_NAMES, QUANTILES, Description, describe, draw
from shared.loading import load_corpus
from shared.output import Output
from shared.specification import Specification
from shared.text import DEFAULT_CLEANING, Pipeline, tokenize
from shared.vectors import VectorTable, load_vectors

CLEAN = Pipeline.parse(DEFAULT_CLEANING)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reviews of which some are copies, and some differ in letters' case and markup alone."""
    folder = tmp_path_factory.mktemp("leaky")
    texts = [f"review number {number} is {'good' if number % 2 else 'bad'}" for number in range(60)]
    # Everyone's copy in capitals: the splits keep equal texts together, not these.
    texts += [f"<b>{text.upper()}</b>!" for text in texts[:40]]
    texts = [text.replace("!", ".") for text in texts]
    labels = [number % 2 for number in range(60)] + [number % 2 for number in range(40)]
    pd.DataFrame({"text": texts, "label": labels}).to_csv(folder / "leaky.csv", index=False)
    return folder / "leaky.csv"


def test_a_description_of_real_reviews_agrees_with_counting(corpus: Corpus, smoke: Specification) -> None:
    table = load_vectors("glove", corpus.vocabulary, 50)
    description = describe(corpus, Specification(), table)
    assert [split.reviews for split in description.splits] == [
        len(corpus.train),
        len(corpus.validation),
        len(corpus.test),
    ]
    assert description.vocabulary == len(corpus.vocabulary) - 2
    assert description.vocabulary_with_vector == table.found.sum()
    for split, texts, encoded in zip(
        description.splits, corpus.texts[:3], (corpus.train, corpus.validation, corpus.test), strict=True
    ):
        words = [tokenize(CLEAN(text)) for text in texts]
        everything = [word for review in words for word in review]
        assert split.lengths.tolist() == [len(review) for review in words]
        assert split.labels == {
            "negative": int((encoded.labels == 0).sum()),
            "positive": int((encoded.labels == 1).sum()),
        }
        assert np.isclose(split.known, np.mean([word in corpus.vocabulary.ids for word in everything]))
        has = {word for word, found in zip(corpus.vocabulary.words, table.found, strict=True) if found}
        assert np.isclose(split.with_vector, np.mean([word in has for word in everything]))
        read = sum(min(len(review), smoke.max_length) for review in words)
        assert np.isclose(split.read, read / len(everything))
        assert split.quantiles[0] == min(map(len, words))
        assert split.quantiles[-1] == max(map(len, words))
        assert len(split.quantiles) == len(QUANTILES)
        assert split.copies == len(words) - len({tuple(review) for review in words})
    training = {tuple(tokenize(CLEAN(text))) for text in corpus.texts[0]}
    assert [split.in_training for split in description.splits] == [
        0,
        *(sum(tuple(tokenize(CLEAN(text))) in training for text in texts) for texts in corpus.texts[1:3]),
    ]


def test_copies_in_disguise_are_counted(leaky: Path) -> None:
    specification = Specification(data=str(leaky), vectors="random", minimum_count=1)
    corpus = load_corpus(specification)
    table = VectorTable(np.zeros((len(corpus.vocabulary), 5), np.float32), np.zeros(len(corpus.vocabulary), bool))
    train, validation, test = describe(corpus, specification, table).splits
    copies = {tuple(tokenize(CLEAN(text))) for text in corpus.texts[0]}
    assert test.in_training == sum(tuple(tokenize(CLEAN(text))) in copies for text in corpus.texts[2])
    assert test.in_training > 0
    assert train.copies + validation.copies + test.copies + validation.in_training + test.in_training >= 35
    assert train.with_vector == 0


def test_the_command_prints_and_draws(capsys: pytest.CaptureFixture[str], leaky: Path, tmp_path: Path) -> None:
    for suffix, begins in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        out = tmp_path / f"corpus{suffix}"
        assert main(["describe", "--data", str(leaky), "--minimum-count", "1", "--out", str(out)]) == 0
        assert out.read_bytes().startswith(begins)
    printed = capsys.readouterr().out
    for expected in ("leaky.csv", "train", "validation", "test", "50.0%", "median", "copies of a training review"):
        assert expected in printed, expected
    assert b"reviews and labels" in (tmp_path / "corpus.svg").read_bytes()


def test_odd_names_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], leaky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("[bold]$x$_:smile:.csv").write_bytes(leaky.read_bytes())
    assert main(["describe", "--data", "[bold]$x$_:smile:.csv", "--out", "odd.svg"]) == 0
    assert "[bold]$x$_:smile:.csv" in capsys.readouterr().out
    assert b"[bold]$x$_:smile:.csv" in Path("odd.svg").read_bytes()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--data", "nowhere"), "nowhere"),
        (("--out", "corpus.pdf"), ".png or .svg"),
        (("--vectors", "absent"), "absent"),
    ],
)
def test_bad_commands_say_so_in_one_line(
    capsys: pytest.CaptureFixture[str], leaky: Path, flags: tuple[str, ...], reason: str
) -> None:
    data = () if "--data" in flags else ("--data", str(leaky))
    assert main(["describe", *data, *flags]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    *account, error = printed.err.splitlines()
    assert error.startswith("error: ")
    assert reason in error
    assert all("leaky.csv" in line for line in account), "what was read of the reviews, where they were read"


def texts_of(path: Path, counts: dict[str, int]) -> Specification:
    """Write texts of these classes, which have a word each and one of its own."""
    rows = [(f"word{number} text{row}", name) for number, name in enumerate(counts) for row in range(counts[name])]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)
    return Specification(data=str(path), vectors="random", minimum_count=1)


def described(path: Path, counts: dict[str, int]) -> Description:
    specification = texts_of(path, counts)
    corpus = load_corpus(specification)
    return describe(corpus, specification, load_vectors("random", corpus.vocabulary, 3))


def test_few_classes_keep_their_order_and_many_stand_from_frequent_to_rare(tmp_path: Path) -> None:
    few = {"b": 20, "a": 30, "c": 40}
    assert described(tmp_path / "few.csv", few).classes == ["a", "b", "c"]
    many = {f"class {number:02}": 10 + 4 * number for number in range(12)}
    description = described(tmp_path / "many.csv", many)
    counts = [description.splits[0].labels[name] for name in description.classes]
    assert counts == sorted(counts, reverse=True)
    totals = {name: sum(split.labels[name] for split in description.splits) for name in many}
    assert totals == many


@pytest.mark.parametrize("classes", [FEW_CLASSES, FEW_CLASSES + 1, 46, MOST_NAMES + 30])
def test_a_picture_names_as_many_classes_as_fit(tmp_path: Path, classes: int) -> None:
    names = [f"_kind {number} of $things$ that have a long name" for number in range(classes)]
    description = described(tmp_path / "texts.csv", dict.fromkeys(names, 12))
    with Output(tmp_path / "corpus.svg") as place:
        draw(description, place)
    picture = (tmp_path / "corpus.svg").read_text()
    shown = sum(f">{name[: LONGEST_NAME - 1]}…<" in picture for name in names)
    assert shown == (classes if classes <= MOST_NAMES else 0)
    assert (f"{classes} classes, from frequent to rare" in picture) == (classes > MOST_NAMES)


def test_the_command_lists_the_most_frequent_classes_and_counts_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = ["reviews", "copies within", *(f"kind {number}" for number in range(MOST_NAMES + 3))]
    counts = {name: 100 - number for number, name in enumerate(names)}
    specification = texts_of(tmp_path / "texts.csv", counts)
    assert main(["describe", "--data", specification.data, "--vectors", "random", "--minimum-count", "1"]) == 0
    printed = capsys.readouterr().out
    assert "5 rarer classes" in printed
    for name in ("reviews", "copies within"):
        assert len([line for line in printed.splitlines() if f" {name} " in line]) == 2, (
            "a class and a row of that name"
        )


def test_words_are_counted_in_pieces(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    table = load_vectors("glove", corpus.vocabulary, 50)
    whole = describe(corpus, Specification(), table)
    monkeypatch.setattr("shared.description.REVIEWS_AT_ONCE", 7)
    for split, expected in zip(describe(corpus, Specification(), table).splits, whole.splits, strict=True):
        assert (split.known, split.with_vector, split.read) == (expected.known, expected.with_vector, expected.read)


def test_reviews_without_a_word_are_described(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    pd.DataFrame({"text": ["." * number for number in range(40)], "label": [0, 1] * 20}).to_csv(path, index=False)
    specification = Specification(data=str(path), vectors="random")
    corpus = load_corpus(specification)
    description = describe(corpus, specification, load_vectors("random", corpus.vocabulary, 3))
    assert [split.known for split in description.splits] == [0, 0, 0]
    with Output(tmp_path / "empty.png") as place:
        draw(description, place)
    assert (tmp_path / "empty.png").read_bytes().startswith(b"\x89PNG")
