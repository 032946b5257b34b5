"""What is learnt from reviews without labels: words, vectors, pseudo-labels; never from the test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compare.grid.baselines import BASELINES
from shared.data.corpus import Corpus
from shared.data.sources import load_reviews, load_unlabelled
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.predictions import Predictions, read_predictions, save_predictions
from shared.runs import read_record
from shared.specification import Specification, flags_of
from shared.vectors.corpus import vectors_for
from shared.weights import read_checkpoint
from tests.conftest import Command
from tests.test_data import acl_files, write_tarball

ADDED = 30


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official layout with unlabelled reviews; the first of these is a copy of a test review."""
    files = acl_files()
    copied = files["aclImdb/test/pos/3_10.txt"]
    for number in range(ADDED):
        text = copied if number == 0 else f"unseenword and otherword stand in unlabelled review {number}".encode()
        files[f"aclImdb/train/unsup/{number}_0.txt"] = text
    films = [f"http://www.imdb.com/title/tt{number:07d}/usercomments" for number in range(ADDED)]
    files["aclImdb/train/urls_unsup.txt"] = "\n".join(films).encode()
    return write_tarball(tmp_path_factory.mktemp("archive") / "reviews.tar.gz", files)


@pytest.fixture
def specification(archive: Path) -> Specification:
    return Specification(
        data=str(archive), unlabelled=str(archive), validation_fraction=0.25, vectors="corpus", embedding_size=8
    )


def test_the_archive_gives_both_kinds_apart(archive: Path) -> None:
    labelled, unlabelled = load_reviews(str(archive)), load_unlabelled(str(archive))
    assert len(labelled) == 240
    assert set(labelled.labels.tolist()) == {0, 1}
    assert len(unlabelled) == ADDED
    assert set(unlabelled.labels.tolist()) == {-1}
    assert unlabelled.review_ids[1] == "train/unsup/1_0"
    again = load_unlabelled(str(archive))  # now from the cache
    assert again.texts == unlabelled.texts
    assert again.official is None


def test_a_table_gives_texts_whatever_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    pd.DataFrame({"text": ["one film", "another"], "label": [1, 0]}).to_csv(path)
    assert load_unlabelled(str(path)).labels.tolist() == [-1, -1]


def test_without_unlabelled_reviews_there_is_one_line(tmp_path: Path) -> None:
    path = write_tarball(tmp_path / "labelled.tar.gz", acl_files())
    with pytest.raises(LockstepError, match=r"has no texts without labels \(train/unsup"):
        load_unlabelled(str(path))
    with pytest.raises(LockstepError, match=r"no such file or directory, nor one of the sources .*stanford"):
        load_unlabelled("nowhere")
    with pytest.raises(LockstepError, match="pass --unlabelled too"):
        Specification().replaced(pseudo_labels="labels.parquet")


def test_they_add_words_but_nothing_of_the_test_set(specification: Specification) -> None:
    corpus, plain = load_corpus(specification), load_corpus(specification.replaced(unlabelled="none"))
    assert len(corpus.unlabelled) == ADDED - 1, "a text that is tested on is left out"
    assert "unseenword" in corpus.vocabulary.ids
    assert "unseenword" not in plain.vocabulary.ids
    assert corpus.fingerprint != plain.fingerprint
    for side, name in enumerate(("train", "validation", "test")):
        ours, theirs = getattr(corpus, name), getattr(plain, name)
        assert np.array_equal(ours.review_ids, theirs.review_ids)
        assert corpus.texts[side] == plain.texts[side]
    outside = set(corpus.outside_test.review_ids.tolist())
    assert not outside & set(corpus.test.review_ids.tolist())
    assert len(outside) == len(corpus.outside_test) == 120 + ADDED - 1


def test_vectors_of_the_corpus_are_the_same_again_and_of_its_words(
    specification: Specification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = load_corpus(specification)
    table = vectors_for(specification, corpus)
    assert table.vectors.shape == (len(corpus.vocabulary), 8)
    assert not table.found[:2].any(), "padding and unknown words have no vector"
    assert table.found[corpus.vocabulary.ids["unseenword"]]
    assert np.sqrt((table.vectors[table.found] ** 2).mean(axis=1)) == pytest.approx(0.3, rel=1e-5), "whatever the count"
    assert np.array_equal(vectors_for(specification, corpus).vectors, table.vectors), "from the cache"
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path))
    assert np.array_equal(vectors_for(specification, load_corpus(specification)).vectors, table.vectors)


def test_words_of_the_test_set_alone_have_no_vector(specification: Specification) -> None:
    corpus = load_corpus(specification.replaced(minimum_count=1))
    table = vectors_for(specification, corpus)
    counted = {word for side in (0, 1, 3) for text in corpus.texts[side] for word in text.lower().split()}
    known = [word for word, found in zip(corpus.vocabulary.words, table.found, strict=True) if found]
    assert known
    assert {word for word in known if word.isalpha()} <= {word.strip(":") for word in counted}


def pseudo_labels(corpus: Corpus, path: Path, positive: float) -> Path:
    """Predictions of all unlabelled reviews but the last."""
    chosen = corpus.unlabelled.take(np.arange(len(corpus.unlabelled) - 1))
    probabilities = np.tile(np.array([1 - positive, positive], np.float32), (len(chosen), 1))
    save_predictions(path, Predictions.of(chosen, probabilities, corpus.class_names))
    return path


def test_pseudo_labelled_reviews_are_trained_on(specification: Specification, tmp_path: Path) -> None:
    plain = load_corpus(specification)
    for positive, expected in ((1.0, {1}), (0.0, {0}), (0.5, {0, 1})):
        path = pseudo_labels(plain, tmp_path / f"{positive}.parquet", positive)
        chosen = specification.replaced(pseudo_labels=str(path))
        corpus = load_corpus(chosen)
        added = corpus.train.take(np.arange(len(plain.train), len(corpus.train)))
        assert len(added) == len(plain.unlabelled) - 1, "those without a prediction are left out"
        assert set(added.labels.tolist()) == expected
        assert np.array_equal(load_corpus(chosen).train.labels, corpus.train.labels), "drawn the same again"
        assert corpus.texts[0][len(plain.train) :] == plain.texts[3][:-1]
        assert corpus.fingerprint != plain.fingerprint
        assert np.array_equal(corpus.validation.labels, plain.validation.labels)
        assert np.array_equal(vectors_for(chosen, corpus).vectors, vectors_for(specification, plain).vectors)
        assert len(corpus.outside_test) == len(plain.outside_test), "each review once"


def test_predictions_of_other_reviews_are_refused(specification: Specification, tmp_path: Path) -> None:
    corpus = load_corpus(specification)
    path = tmp_path / "other.parquet"
    halves = np.full((len(corpus.test), 2), 0.5, np.float32)
    save_predictions(path, Predictions.of(corpus.test, halves, corpus.class_names))
    with pytest.raises(LockstepError, match="has a prediction for none of the unlabelled reviews"):
        load_corpus(specification.replaced(pseudo_labels=str(path)))


def test_a_language_model_and_pseudo_labels_carry_over(
    command: Command, specification: Specification, tmp_path: Path
) -> None:
    """The whole way by its commands: grid, labels, language model, and a student in another framework."""
    small = {"hidden_size": 4, "epochs": 1, "batch_size": 32, "max_length": 12}
    shared = specification.replaced(**small).model_dump(exclude={"architecture", "seed"})
    given = flags_of({name: value for name, value in shared.items() if value != Specification().model_dump()[name]})
    runs = tmp_path / "runs"
    grid = ("--frameworks", "pytorch", "--architectures", "lstm", "--jobs", 2, "--runs", runs)
    done = command("compare", "run", *given, *grid, "--experiment", "small")
    assert done.returncode == 0, done.stderr
    assert f"{len(BASELINES) + 1} cells finished, 0 failed" in done.stderr
    assert read_record(runs / "small/pytorch/lstm/seed-0/record.json").data.sizes["unlabelled"] == ADDED - 1

    done = command("compare", "label", runs / "small")
    assert done.returncode == 0, done.stderr
    labels = read_predictions(runs / "small" / "pseudo-labels.parquet")
    assert sorted(load_corpus(specification).unlabelled.review_ids.tolist()) == labels.review_ids.tolist()
    assert np.allclose(labels.probabilities.sum(axis=1), 1, atol=1e-5)

    model = tmp_path / "language-model"
    done = command("pytorch_impl.pretraining", *given, "--architecture", "bilstm", "--out", model)
    assert done.returncode == 0, done.stderr
    checkpoint = read_checkpoint(model)
    assert "rnn.0.backward.bias" in checkpoint.weights
    assert command("pytorch_impl.pretraining", *given, "--out", model).returncode == 2, "it is not replaced unasked"
    deep = command("pytorch_impl.pretraining", *given, "--layers", 2, "--out", tmp_path / "deep")
    assert "one recurrent layer only" in deep.stderr
    further = ("--start-from", model, "--architecture", "lstm", "--learning-rate", 1e-7, "--out", tmp_path / "further")
    assert command("pytorch_impl.pretraining", *given, *further).returncode == 0
    continued = read_checkpoint(tmp_path / "further").weights
    for name in ("embedding", "rnn.0.forward.recurrent_kernel"):
        assert np.allclose(continued[name], checkpoint.weights[name], atol=1e-4), f"{name} goes on from where it was"

    taught = ("--start-from", model, "--pseudo-labels", runs / "small" / "pseudo-labels.parquet")
    tiny = ("--learning-rate", 1e-7, "--architecture", "bilstm", "--out", tmp_path / "student")
    done = command("keras_impl", "train", *given, *taught, *tiny)
    assert done.returncode == 0, done.stderr
    student = read_checkpoint(tmp_path / "student")
    for name, array in checkpoint.weights.items():
        if name.startswith("rnn"):
            assert np.allclose(student.weights[name], array, atol=1e-4), f"{name} starts as the language model left it"
    assert read_record(tmp_path / "student/record.json").data.sizes["train"] == 90 + ADDED - 1

    done = command("compare", "ensemble", runs / "small", "--out", tmp_path / "ensemble.json")
    assert done.returncode == 0, done.stderr
    assert "networks and linear baselines, weighted" in (tmp_path / "ensemble.json").read_text()
