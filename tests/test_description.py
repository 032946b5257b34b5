from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shared.data.__main__ import main
from shared.data.corpus import Corpus
from shared.description import QUANTILES, describe, draw
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
    assert [side.reviews for side in description.sides] == [len(corpus.train), len(corpus.validation), len(corpus.test)]
    assert description.vocabulary == len(corpus.vocabulary) - 2
    assert description.vocabulary_with_vector == table.found.sum()
    for side, texts, encoded in zip(
        description.sides, corpus.texts[:3], (corpus.train, corpus.validation, corpus.test), strict=True
    ):
        words = [tokenize(CLEAN(text)) for text in texts]
        everything = [word for review in words for word in review]
        assert side.lengths.tolist() == [len(review) for review in words]
        assert side.labels == {
            "negative": int((encoded.labels == 0).sum()),
            "positive": int((encoded.labels == 1).sum()),
        }
        assert np.isclose(side.known, np.mean([word in corpus.vocabulary.ids for word in everything]))
        has = {word for word, found in zip(corpus.vocabulary.words, table.found, strict=True) if found}
        assert np.isclose(side.with_vector, np.mean([word in has for word in everything]))
        read = sum(min(len(review), smoke.max_length) for review in words)
        assert np.isclose(side.read, read / len(everything))
        assert side.quantiles[0] == min(map(len, words))
        assert side.quantiles[-1] == max(map(len, words))
        assert len(side.quantiles) == len(QUANTILES)
        assert side.copies == len(words) - len({tuple(review) for review in words})
    training = {tuple(tokenize(CLEAN(text))) for text in corpus.texts[0]}
    assert [side.in_training for side in description.sides] == [
        0,
        *(sum(tuple(tokenize(CLEAN(text))) in training for text in texts) for texts in corpus.texts[1:3]),
    ]


def test_copies_in_disguise_are_counted(leaky: Path) -> None:
    specification = Specification(data=str(leaky), vectors="random", minimum_count=1)
    corpus = load_corpus(specification)
    table = VectorTable(np.zeros((len(corpus.vocabulary), 5), np.float32), np.zeros(len(corpus.vocabulary), bool))
    train, validation, test = describe(corpus, specification, table).sides
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
    assert main(["describe", "--data", str(leaky), *flags]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert reason in printed.err
    assert printed.err.count("\n") == 1


def test_reviews_without_a_word_are_described(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    pd.DataFrame({"text": ["." * number for number in range(40)], "label": [0, 1] * 20}).to_csv(path, index=False)
    specification = Specification(data=str(path), vectors="random")
    corpus = load_corpus(specification)
    description = describe(corpus, specification, load_vectors("random", corpus.vocabulary, 3))
    assert [side.known for side in description.sides] == [0, 0, 0]
    with Output(tmp_path / "empty.png") as place:
        draw(description, place)
    assert (tmp_path / "empty.png").read_bytes().startswith(b"\x89PNG")
