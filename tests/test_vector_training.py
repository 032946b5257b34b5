from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from shared.data.reviews import TEST
from shared.data.sources import load_reviews
from shared.data.splits import sample, split
from shared.errors import LockstepError
from shared.specification import Specification
from shared.text import Pipeline, Vocabulary
from shared.vectors import load_vectors, read_vectors
from shared.vectors.__main__ import main
from shared.vectors.corpus import training_texts, words_of
from shared.vectors.glove import Cooccurrences, Parameters, cost_and_gradient, count_cooccurrences, train_glove, weights
from shared.vectors.training import TrainingOptions, train_vectors
from tests.conftest import Command

DATA = Specification(reviews=250)


@pytest.fixture(scope="module")
def reviews() -> list[list[str]]:
    """Words of real reviews."""
    return training_texts(DATA)


def test_cooccurrences_of_the_three_sentences() -> None:
    """The example of Stanford's course on deep learning for language: a window of one word."""
    sentences = ["I like deep learning .", "I like NLP .", "I enjoy flying ."]
    words = ["I", "like", "enjoy", "deep", "learning", "NLP", "flying", "."]
    counts = count_cooccurrences([np.array([words.index(w) for w in line.split()]) for line in sentences], 8, window=1)
    assert counts.toarray().tolist() == [
        [0, 2, 1, 0, 0, 0, 0, 0],
        [2, 0, 0, 1, 0, 1, 0, 0],
        [1, 0, 0, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 0, 0, 1],
        [0, 0, 1, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 1, 1, 0],
    ]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=9), max_size=4), st.integers(1, 5))
def test_a_pair_counts_one_over_its_distance(texts: list[list[int]], window: int) -> None:
    expected = np.zeros((5, 5))
    for text in texts:
        for place, word in enumerate(text):
            for other in range(max(0, place - window), min(len(text), place + window + 1)):
                if other != place:
                    expected[word, text[other]] += 1 / abs(place - other)
    counted = count_cooccurrences([np.array(text, np.int32) for text in texts], 5, window).toarray()
    assert np.allclose(counted, expected)


def test_weights_are_those_of_the_paper() -> None:
    """Figure 1 of the paper: x_max is 100 and alpha three quarters."""
    assert np.allclose(weights(np.array([0.0, 1, 16, 100, 1e6])), [0, 100**-0.75, 0.16**0.75, 1, 1])


def random_parameters(generator: np.random.Generator, vocabulary: int, size: int) -> Parameters:
    shapes = ((vocabulary, size), (vocabulary, size), (vocabulary,), (vocabulary,))
    return Parameters(*(generator.normal(size=shape) for shape in shapes))


@pytest.mark.parametrize(("x_max", "alpha"), [(100, 0.75), (3, 0.4)])
def test_gradient_is_that_of_central_differences(x_max: float, alpha: float) -> None:
    generator = np.random.default_rng(0)
    parameters = random_parameters(generator, 6, 3)
    # Pairs that share words, one of them twice: their slopes must add up.
    pairs = Cooccurrences(
        np.array([0, 0, 3, 5, 2, 2]), np.array([1, 4, 3, 0, 5, 5]), np.array([0.5, 1.0, 7.0, 250.0, 2.0, 2.0])
    )
    cost, gradient = cost_and_gradient(parameters, pairs, x_max, alpha)
    expected = sum(
        min(1, (x / x_max) ** alpha)
        * (
            parameters.words[i] @ parameters.contexts[j]
            + parameters.word_biases[i]
            + parameters.context_biases[j]
            - np.log(x)
        )
        ** 2
        for i, j, x in zip(pairs.rows, pairs.columns, pairs.counts, strict=True)
    )
    assert np.isclose(cost, expected)
    step = 1e-6
    for values, slopes in zip(parameters.arrays(), gradient.arrays(), strict=True):
        for place in np.ndindex(values.shape):
            there = values[place]
            values[place] = there + step
            above, _ = cost_and_gradient(parameters, pairs, x_max, alpha)
            values[place] = there - step
            below, _ = cost_and_gradient(parameters, pairs, x_max, alpha)
            values[place] = there
            assert np.isclose((above - below) / (2 * step), slopes[place], rtol=1e-6, atol=1e-7)


def test_glove_fits_counts_that_products_of_vectors_made() -> None:
    """Counts that some vectors explain exactly are learnt: the cost falls to a thousandth."""
    generator = np.random.default_rng(1)
    true = random_parameters(generator, 40, 3)
    logarithms = true.words @ true.contexts.T / 2 + true.word_biases[:, None] + true.context_biases
    vectors, costs = train_glove(sparse.csr_array(np.exp(logarithms)), embedding_size=5, epochs=1_500, x_max=1)
    assert vectors.shape == (40, 5)
    assert vectors.dtype == np.float32
    assert costs[-1] < costs[0] / 1_000


METHODS = [
    {},
    {"architecture": "cbow"},
    {"objective": "hierarchical-softmax"},
    {"architecture": "cbow", "objective": "hierarchical-softmax"},
    {"method": "fasttext", "buckets": 5_000},
    {"method": "glove", "epochs": 3},
]


@pytest.mark.parametrize("given", METHODS, ids=lambda given: "-".join(map(str, given.values())) or "default")
def test_every_method_trains_on_real_reviews_and_is_deterministic(
    reviews: list[list[str]], given: dict[str, object]
) -> None:
    options = TrainingOptions.of(**{"embedding_size": 12, "epochs": 1, **given})
    table = train_vectors(reviews, options)
    assert table.words[0] == "the"
    assert table.vectors.shape == (len(table), 12)
    assert table.vectors.dtype == np.float32
    assert np.isfinite(table.vectors).all()
    counts = pd.Series([word for text in reviews for word in text]).value_counts()
    assert set(table.words) == set(counts[counts >= 5].index), "every word that is frequent enough, and no other"
    assert np.array_equal(train_vectors(reviews, options).vectors, table.vectors)
    other = train_vectors(reviews, options.model_copy(update={"seed": 1}))
    assert not np.array_equal(other.vectors, table.vectors)


@pytest.mark.parametrize(
    "changed",
    [
        {"architecture": "cbow"},
        {"objective": "hierarchical-softmax"},
        {"negative": 2},
        {"sample": 0},
        {"window": 2},
        {"learning_rate": 0.05},
        {"epochs": 2},
    ],
    ids=str,
)
def test_every_option_of_word2vec_counts(reviews: list[list[str]], changed: dict[str, object]) -> None:
    plain = {"embedding_size": 5, "epochs": 1, "minimum_count": 20}
    vectors, others = (
        train_vectors(reviews[:80], TrainingOptions.of(**options)).vectors for options in (plain, plain | changed)
    )
    assert not np.array_equal(vectors, others)


def test_fasttext_has_a_vector_for_an_unseen_word(reviews: list[list[str]]) -> None:
    options = TrainingOptions(method="fasttext", embedding_size=16, buckets=20_000, epochs=3)
    unseen = ["unwatchabletest", "actorly"]
    table = train_vectors(reviews, options, also=[*unseen, "film"])
    assert not set(unseen) & {word for text in reviews for word in text}
    assert table.words[-2:] == tuple(unseen), "a word that has a vector does not get a second row"
    near = (
        table.unit[table.row("actorly")] @ table.unit[[table.row(word) for word in ("actor", "actors", "but", "he")]].T
    )
    assert near[:2].min() > near[2:].max(), "it is near the words that share its letters"


def test_only_fasttext_has_vectors_for_unseen_words(reviews: list[list[str]]) -> None:
    for method in ("word2vec", "glove"):
        with pytest.raises(LockstepError, match="fasttext has"):
            train_vectors(reviews, TrainingOptions(method=method), also=["zzxq"])


def test_the_end_of_a_long_text_is_read() -> None:
    """gensim alone would ignore everything after the ten-thousandth word."""
    text = ["a", "b"] * 6_000 + ["z", "y"] * 20
    early = train_vectors([text], TrainingOptions(embedding_size=4, epochs=1, sample=0, learning_rate=0.1))
    late = train_vectors([text[:12_000], text[12_000:]], TrainingOptions(embedding_size=4, epochs=1, sample=0,
                                                                         learning_rate=0.1))  # fmt: skip
    untrained = train_vectors([text], TrainingOptions(embedding_size=4, epochs=1, sample=0, learning_rate=1e-12))
    for table in (early, late):
        assert not np.allclose(table.vectors[table.row("z")], untrained.vectors[untrained.row("z")], atol=1e-4)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"method": "lsa"}, "--method"),
        ({"window": 0}, "--window"),
        ({"sample": 1}, "--sample"),
        ({"shortest_subword": 4, "longest_subword": 3}, "shortest-subword is above"),
        ({"embedding_size": "many"}, "--embedding-size"),
        ({"windows": 3}, "--windows"),
    ],
)
def test_options_out_of_range_are_refused(given: dict[str, object], reason: str) -> None:
    with pytest.raises(LockstepError, match=reason) as error:
        TrainingOptions.of(**given)
    assert "\n" not in str(error.value)


def test_too_few_words_are_refused() -> None:
    with pytest.raises(LockstepError, match="--minimum-count"):
        train_vectors([["a", "b", "a"]], TrainingOptions())


def test_no_test_review_is_trained_on(tmp_path: Path) -> None:
    reviews = sample(load_reviews("packaged"), DATA.reviews, DATA.split_seed)
    sides = split(reviews, DATA)
    test = [reviews.texts[row] for row in np.flatnonzero(sides == TEST)]
    unlabelled = tmp_path / "more.csv"
    fresh = "a text that stands nowhere else"
    pd.DataFrame({"text": [test[0].upper(), fresh, ""]}).to_csv(unlabelled, index=False)
    texts = [tuple(words) for words in training_texts(DATA.replaced(unlabelled=str(unlabelled)))]
    expected = [reviews.texts[row] for row in np.flatnonzero(sides != TEST)] + [fresh, ""]
    clean = Pipeline.parse(DATA.cleaning)
    assert texts == [tuple(words_of(text, clean)) for text in expected], "the test review in capitals is not among them"
    assert not {tuple(words_of(text, clean)) for text in test} & set(texts)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "holds no text"), (b" \n\n", "holds no text"), (b"na\xefve\n", "not UTF-8"), (None, "no such file")],
)
def test_bad_unlabelled_texts_are_refused(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "more.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LockstepError, match=reason):
        training_texts(DATA.replaced(unlabelled=str(path)))


def test_trained_vectors_are_what_the_classifier_reads(command: Command, tmp_path: Path) -> None:
    """As a user would, in processes whose strings hash differently; unlabelled text adds its words."""
    more = tmp_path / "more.txt"
    more.write_text("zorblax\n" * 5 + "one line is one text\n")
    files = []
    for hash_seed in ("1", "2"):
        files.append(tmp_path / f"vectors-{hash_seed}.txt")
        flags = ("--reviews", 200, "--unlabelled", more, "--epochs", 1, "--embedding-size", 8, "--out", files[-1])
        done = command("shared.vectors", "train", *flags, env={**os.environ, "PYTHONHASHSEED": hash_seed})
        assert done.returncode == 0, done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
    table = load_vectors(str(files[0]), Vocabulary(("<pad>", "<unk>", "film", "zorblax", "zzxq")), 8)
    assert table.found.tolist() == [False, False, True, True, False]
    assert read_vectors(str(files[0])).words[0] == "the"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--method", "lsa"), "--method"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
        (("--unlabelled", "absent.txt", "--reviews", "300"), "absent.txt"),
        (("--also", "zzxq", "--reviews", "300"), "fasttext has"),
    ],
)
def test_bad_training_commands_say_so_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, flags: tuple[str, ...], reason: str
) -> None:
    assert main(["train", "--out", str(tmp_path / "vectors.txt"), *flags]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert reason in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.iterdir())
