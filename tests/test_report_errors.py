from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import binomtest

from compare.proofs.parity import random_weights
from compare.report.errors import (
    EXAMPLES,
    HAND_PICKED,
    LONGEST_TEXT,
    calibrations_of,
    confusions_of,
    examples_of,
    examples_of_texts,
    hand_picked,
    label_noise_of,
    slices_of,
)
from compare.report.explanations import SHOWN_WORDS, explanation_checks_of, word_effects
from compare.report.form import WordEffect
from shared.data.corpus import Corpus
from shared.data.encoded import encode_texts
from shared.data.sources import load_reviews
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.metrics import calibration_error
from shared.predictions import Predictions
from shared.reference.model import build
from shared.reference.training import predict_probabilities
from shared.runs import Run
from shared.specification import Specification
from shared.text import Vocabulary
from shared.weights import Checkpoint, save_checkpoint

VOCABULARY = Vocabulary(("<pad>", "<unk>", *(f"w{number}" for number in range(40))))
SMALL = Specification(vectors="random", embedding_size=6, hidden_size=5, max_length=12, vocabulary_size=42)
# Central and one-sided differences with step h err by h^2 and h, and by rounding 1e-16 / h.
STEP, CENTRAL_DIFFERENCE, ONE_SIDED = 1e-5, 1e-8, 1e-3
# A reference's own answer in float32, where the measured change is one of float64.
ROUNDING = 1e-6

MODELS = [
    {"architecture": "rnn", "pooling": "last"},
    {"architecture": "lstm", "pooling": "concat"},
    {"architecture": "gru", "pooling": "mean", "layers": 2},
    {"architecture": "bilstm", "pooling": "max", "truncation": "head"},
    {"architecture": "bigru", "pooling": "ends", "truncation": "head_tail"},
    {"architecture": "gru", "pooling": "last", "head": "sigmoid"},
    {"architecture": "lstm", "pooling": "last", "padding": "left", "truncation": "head"},
    {"architecture": "birnn", "pooling": "concat", "padding": "right", "head": "sigmoid"},
    {"architecture": "gru", "pooling": "concat", "classes": 4},
]


def checkpoint_of(fields: Mapping[str, object], seed: int = 0) -> Checkpoint:
    classes = int(str(fields.get("classes", 2)))
    specification = SMALL.replaced(**{name: value for name, value in fields.items() if name != "classes"})
    weights = random_weights(specification, len(VOCABULARY), seed, classes)
    return Checkpoint(specification, VOCABULARY, weights, tuple(f"class {number}" for number in range(classes)))


def run_of(
    predictions: Predictions, directory: Path, framework: str = "keras", architecture: str = "lstm", seed: int = 0
) -> Run:
    """A run as far as errors are looked at."""
    record = SimpleNamespace(framework=framework, architecture=architecture, seed=seed)
    return Run(directory, record, [], predictions)


def of_two(right: Sequence[float], labels: Sequence[int], names: Sequence[str] | None = None) -> Predictions:
    """Predictions of two classes, by the probability of the right one."""
    probabilities = np.array([[p, 1 - p] if label == 0 else [1 - p, p] for p, label in zip(right, labels, strict=True)])
    ids = np.array([f"{row:06d}" for row in range(len(labels))] if names is None else list(names), object)
    return Predictions(ids, np.array(labels, np.int16), probabilities.astype(np.float32), ("negative", "positive"))


def corpus_of(folder: Path, rows: Sequence[tuple[str, str, str]], **fields: object) -> Corpus:
    """Read test reviews of one's own: id, text and label; training has all of their words but those in ``new``."""
    learnt = [(" ".join(word for word in text.split() if not word.startswith("new")), label) for _, text, label in rows]
    training = [(f"train {row}", f"{text} number{row}", label) for row, (text, label) in enumerate([*learnt, *learnt])]
    for name, content in (("train.csv", training), ("test.csv", rows)):
        with (folder / name).open("x", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "text", "label"), *content])
    small = {"vectors": "random", "embedding_size": 4, "hidden_size": 3, "minimum_count": 1, **fields}
    given_paths = {"data": str(folder / "train.csv"), "test_data": str(folder / "test.csv")}
    return load_corpus(Specification.model_validate({**given_paths, **small}))


# --- what the reference says of single words


@pytest.mark.parametrize("fields", MODELS, ids=str)
def test_gradients_by_the_word_vectors_are_those_of_central_differences(fields: dict[str, object]) -> None:
    checkpoint = checkpoint_of(fields)
    model = build(checkpoint.specification, checkpoint.weights)
    # Each word stands once, so its row of the embedding is its vector in one place.
    tokens = np.array([[2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 0, 0, 0, 0]], np.int32)
    direction = np.random.default_rng(1).normal(size=(2, model.classes))
    if checkpoint.specification.head == "sigmoid":
        direction[:, 0] = 0

    def value() -> float:
        return float((model.logits(tokens) * direction).sum())

    value()
    gradients = model.word_vector_gradients(direction)
    assert gradients.shape == (2, 7, checkpoint.specification.embedding_size)
    for row, place in [(0, 0), (0, 3), (0, 6), (1, 0), (1, 2)]:
        vector = model.weights["embedding"][tokens[row, place]]
        for dimension in (0, 5):
            was = vector[dimension]
            values = []
            for step in (STEP, -STEP):
                vector[dimension] = was + step
                values.append(value())
            vector[dimension] = was
            found = (values[0] - values[1]) / (2 * STEP)
            assert abs(found - gradients[row, place, dimension]) < CENTRAL_DIFFERENCE
    if checkpoint.specification.padding == "masked":
        assert not gradients[1, 3:].any()


TEXTS = [
    " ".join(f"w{number}" for number in range(9)),
    " ".join(f"w{number}" for number in range(12, 39)),  # longer than what is read
    "W7! An unknown w8.",
    "w3",
    "",
]
READ = {
    "tail": [f"w{number}" for number in range(27, 39)],
    "head": [f"w{number}" for number in range(12, 24)],
    "head_tail": [f"w{number}" for number in (*range(12, 18), *range(33, 39))],
}


@pytest.mark.parametrize("fields", MODELS, ids=str)
def test_the_change_is_the_models_own_when_the_word_is_taken_away(fields: dict[str, object]) -> None:
    checkpoint = checkpoint_of(fields)
    specification = checkpoint.specification
    model = build(specification, checkpoint.weights)
    classes = np.array([1, 0, len(checkpoint.class_names) - 1, 1, 0])

    def probability(words: Sequence[str], shown: int) -> float:
        reviews = encode_texts([" ".join(words)], VOCABULARY, specification)
        return float(predict_probabilities(model, reviews)[0, shown])

    read = [TEXTS[0].split(), READ[specification.truncation], ["w7", "!", "an", "unknown", "w8"], ["w3"], []]
    for words, shown, effects in zip(read, classes, word_effects(checkpoint, TEXTS, classes), strict=True):
        assert len(effects) == min(SHOWN_WORDS, len(words))
        assert len({effect.place for effect in effects}) == len(effects)
        for effect in effects:
            assert effect.word == words[effect.place]
            shorter = words[: effect.place] + words[effect.place + 1 :]
            change = probability(shorter, shown) - probability(words, shown)
            assert effect.change == pytest.approx(change, abs=ROUNDING)
        changes = [abs(effect.change) for effect in effects]
        assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize("fields", MODELS, ids=str)
def test_what_is_expected_is_the_slope_towards_a_vector_of_zeros(fields: dict[str, object]) -> None:
    checkpoint = checkpoint_of(fields)
    model = build(checkpoint.specification, checkpoint.weights)
    text, classes = TEXTS[0], np.array([1])
    tokens = encode_texts([text], VOCABULARY, checkpoint.specification).padded(np.array([0]))

    def probability() -> float:
        return float(np.exp(log_softmax(model.logits(tokens), axis=1))[0, 1])

    before = probability()
    (effects,) = word_effects(checkpoint, [text], classes)
    slopes = []
    for effect in effects:
        row = VOCABULARY.ids[effect.word]
        vector = model.weights["embedding"][row].copy()
        model.weights["embedding"][row] = vector * (1 - STEP)
        slopes.append((probability() - before) / STEP)
        model.weights["embedding"][row] = vector
    expected = [effect.expected for effect in effects]
    assert expected == pytest.approx(slopes, abs=ONE_SIDED * max(map(abs, slopes)))
    assert max(map(abs, slopes)) > 1e-6


def test_candidates_are_the_words_with_the_largest_product() -> None:
    """Of 12 words that are read, the 8 with the largest slopes; all 12 slopes by moving each vector a little."""
    checkpoint = checkpoint_of({"architecture": "lstm", "pooling": "concat"})
    model = build(checkpoint.specification, checkpoint.weights)
    text = " ".join(f"w{number}" for number in range(12))
    tokens = encode_texts([text], VOCABULARY, checkpoint.specification).padded(np.array([0]))
    slopes = []
    for row in tokens[0]:
        vector = model.weights["embedding"][row].copy()
        odds = []
        for scale in (1, 1 - STEP):
            model.weights["embedding"][row] = vector * scale
            odds.append(float(np.diff(model.logits(tokens)[0])[0]))
        model.weights["embedding"][row] = vector
        slopes.append(abs(odds[1] - odds[0]) / STEP)
    (effects,) = word_effects(checkpoint, [text], np.array([1]))
    assert {effect.place for effect in effects} == set(np.argsort(slopes)[-SHOWN_WORDS:].tolist())


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=4), model=st.sampled_from(MODELS))
def test_any_text_can_be_explained(texts: list[str], model: dict[str, object]) -> None:
    checkpoint = checkpoint_of(model)
    reviews = encode_texts(texts, VOCABULARY, checkpoint.specification)
    found = word_effects(checkpoint, texts, np.zeros(len(texts), np.int64))
    assert [len(effects) for effects in found] == np.minimum(reviews.lengths, SHOWN_WORDS).tolist()
    for effects, length in zip(found, reviews.lengths, strict=True):
        assert all(0 <= effect.place < length and abs(effect.change) <= 1 for effect in effects)


def test_the_check_by_hand() -> None:
    def effects(pairs: Sequence[tuple[float, float]]) -> tuple[WordEffect, ...]:
        return tuple(WordEffect(word="w", place=0, change=change, expected=expected) for expected, change in pairs)

    first, second = [(0.1, 0.2), (0.2, 0.4), (0.3, 0.5)], [(0.1, 0.2), (0.2, 0.1), (-0.3, 0.5)]
    one = examples_of_check([effects(first), effects(second)])
    (check,) = explanation_checks_of(one)
    # Ranks 1 2 3 against 1 2 3, and 2 3 1 against 2 1 3: Spearman's 1 and 1 - 6 (0 + 4 + 4) / (3 * 8) = -1.
    assert check.rank_correlation == pytest.approx(0)
    assert (check.reviews, check.words) == (2, 6)
    assert check.same_direction == pytest.approx(5 / 6)
    (flat,) = explanation_checks_of(examples_of_check([effects([(0.1, 0.2), (0.1, 0.3), (0.1, 0.4)])]))
    assert flat.rank_correlation is None, "what is all alike has no order"
    assert not explanation_checks_of(examples_of_check([()]))


def examples_of_check(reviews: Sequence[tuple[WordEffect, ...]]) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(explanations=[SimpleNamespace(cell="keras/lstm", seed=0, words=words)]) for words in reviews
    ]


# --- slices


def test_slices_by_hand(tmp_path: Path) -> None:
    """Ids are not in the order of the file, as predictions are; every number is counted again from the texts."""
    generator = np.random.default_rng(0)
    rows = []
    for number in generator.permutation(200).tolist():
        words = [f"common{one}" for one in generator.integers(0, 5, generator.integers(1, 30))]
        if number % 3 == 0:
            words[-1] = ("NOT", "don't")[number % 2]
        if number % 4 == 0:
            words.insert(0, "but" if number % 8 else "However")  # cut off in a long one
        rows.append((f"{number:03d}", " ".join(words), ("negative", "positive")[number % 2]))
    corpus = corpus_of(tmp_path, rows, max_length=10)
    texts = {name: text.lower().split() for name, text, _ in rows}
    names = sorted(texts)
    labels = [int(name) % 2 for name in names]
    seeds = [generator.uniform(size=200) for _ in range(2)]
    runs = [run_of(of_two(right, labels, names), tmp_path, seed=seed) for seed, right in enumerate(seeds)]
    cells = {"keras/lstm": runs}
    slices = slices_of(cells, corpus)
    right = np.mean([one > 0.5 for one in seeds], axis=0)
    read = [texts[name][-10:] for name in names]
    sizes = np.array([len(texts[name]) for name in names])
    expected = {
        ("negation", "yes"): np.array([bool({"not", "don't"} & set(words)) for words in read]),
        ("contrast", "yes"): np.array([bool({"but", "however"} & set(words)) for words in read]),
        ("cut off", "nothing"): sizes <= 10,
        ("cut off", "up to half"): (sizes > 10) & (sizes <= 20),
        ("cut off", "more than half"): sizes > 20,
    }
    expected |= {(kind, "no"): ~expected[kind, "yes"] for kind in ("negation", "contrast")}
    found = {(one.kind, one.label): one for one in slices}
    for name, inside in expected.items():
        accuracy = found[name].accuracy["keras/lstm"]
        assert found[name].reviews == inside.sum()
        assert accuracy.value == pytest.approx(right[inside].mean())
    lengths = [one for one in slices if one.kind == "length"]
    assert sum(one.reviews for one in lengths) == 200
    assert len(lengths) == 4
    edge = int(lengths[0].label.removeprefix("up to ").removesuffix(" words"))
    assert lengths[0].reviews == (sizes <= edge).sum()
    assert lengths[1].label.startswith(f"{edge + 1} to ")
    assert not [one for one in slices if one.kind == "unknown words"], "where all reviews are alike there is no slice"


def one_cell(corpus: Corpus, right: Sequence[float]) -> dict[str, list[Run]]:
    """Predictions of a corpus's test reviews, whose ids stand in their order."""
    predictions = of_two(right, corpus.test.labels.tolist(), corpus.test.review_ids.tolist())
    return {"keras/lstm": [run_of(predictions, Path())]}


def test_unknown_words_are_counted_among_those_that_are_read(tmp_path: Path) -> None:
    """Of the last four words none, one or two in ten reviews each; in ten more one that is cut off."""
    texts = ["a b c d", "a b c new1", "a new2 c new3", "new4 a b c d"]
    rows = [(f"{number:02d}", f"t{number} {texts[number % 4]}", "ab"[number // 4 % 2]) for number in range(40)]
    corpus = corpus_of(tmp_path, rows, max_length=4)
    found = [one for one in slices_of(one_cell(corpus, [0.9] * 40), corpus) if one.kind == "unknown words"]
    # Half are 0 %, ten 25 %, ten 50 %: quartiles 0, half way to 25, and a quarter of the way from 25 to 50.
    assert [(one.label, one.reviews) for one in found] == [
        ("up to 0.0 %", 20),
        ("over 12.5 to 31.2 %", 10),
        ("over 31.2 %", 10),
    ]


def test_intervals_are_wilsons(tmp_path: Path) -> None:
    rows = [(f"{number:03d}", f"t{number}" + " x" * (number % 2), "ab"[number // 2 % 2]) for number in range(100)]
    corpus = corpus_of(tmp_path, rows)
    right = [0.9 if number < 37 else 0.1 for number in range(100)]
    slices = [one for one in slices_of(one_cell(corpus, right), corpus) if one.kind == "length"]
    assert [one.reviews for one in slices] == [50, 50]
    for one in slices:
        interval = one.accuracy["keras/lstm"]
        exact = binomtest(round(interval.value * one.reviews), one.reviews).proportion_ci(0.95, method="wilson")
        assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    other = {"keras/lstm": [run_of(of_two([0.9], [0], ["unheard of"]), Path("runs"))]}
    with pytest.raises(LockstepError, match="runs: has a prediction of 'unheard of', which is no test review"):
        slices_of(other, corpus)


def test_lists_of_english_words_say_nothing_about_another_language(tmp_path: Path) -> None:
    """A Portuguese "no" is "in the", a French "but" a goal."""
    rows = [(f"{number:02d}", f"t{number} x" + " no but" * (number % 2), "ab"[number // 2 % 2]) for number in range(40)]
    corpus = corpus_of(tmp_path, rows)
    assert {one.kind for one in slices_of(one_cell(corpus, [0.9] * 40), corpus)} == {"length"}


# --- calibration and confusion


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1_000), classes=st.integers(2, 30), sharpness=st.floats(0.1, 20))
def test_the_calibration_error_follows_from_the_bins(seed: int, classes: int, sharpness: float) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(60, classes)) * sharpness
    probabilities = np.exp(log_softmax(logits, axis=1)).astype(np.float32)
    labels = generator.integers(0, classes, 60).astype(np.int16)
    ids = np.array([f"{row:02d}" for row in range(60)], object)
    predictions = Predictions(ids, labels, probabilities, tuple(map(str, range(classes))))
    (found,) = calibrations_of({"keras/lstm": [run_of(predictions, Path())]})
    assert sum(one.predictions for one in found.bins) == 60
    gaps = [one.predictions * abs(one.confidence - one.accuracy) for one in found.bins if one.predictions]
    assert sum(gaps) / 60 == pytest.approx(calibration_error(labels, probabilities), abs=1e-9)
    assert found.bins[-1].high == 1
    assert found.bins[0].low <= 1 / classes
    assert all(one.low == other.high for one, other in zip(found.bins[1:], found.bins[:-1], strict=True))
    assert all(one.low <= one.confidence <= one.high for one in found.bins if one.predictions)


def test_a_confusion_is_summed_over_the_seeds(tmp_path: Path) -> None:
    labels = [0, 0, 0, 1, 1]
    seeds = [[0.9, 0.9, 0.1, 0.9, 0.1], [0.9, 0.2, 0.1, 0.9, 0.8]]
    runs = [run_of(of_two(right, labels), tmp_path, seed=seed) for seed, right in enumerate(seeds, 3)]
    (found,) = confusions_of({"keras/lstm": runs})
    assert found.matrix == ((3, 3), (1, 3))
    assert found.seeds == (3, 4)
    assert [(one.label, one.prediction, one.reviews) for one in found.pairs] == [(0, 1, 3), (1, 0, 1)]
    assert [one.share for one in found.pairs] == [0.5, 0.25]


def test_of_many_classes_the_most_confused_are_listed(tmp_path: Path) -> None:
    classes = 21
    labels = np.repeat(np.arange(classes), 4).astype(np.int16)
    answers = labels.copy()
    answers[:3] = 7  # three of class 0 for 7
    answers[8:10] = 1  # two of class 2 for 1
    ids = np.array([f"{row:03d}" for row in range(len(labels))], object)
    predictions = Predictions(ids, labels, np.eye(classes, dtype=np.float32)[answers], tuple(map(str, range(classes))))
    (found,) = confusions_of({"keras/lstm": [run_of(predictions, tmp_path)]})
    assert found.matrix is None
    pairs = [(one.label, one.prediction, one.reviews, one.share) for one in found.pairs]
    assert pairs == [(0, 7, 3, 0.75), (2, 1, 2, 0.5)]


# --- errors that look like wrong labels, and examples

#        all wrong and sure   all wrong   split   one sure and wrong   all right
LABELS = [1, 0, 1, 0, 1]
RIGHT = {
    "keras/lstm": [[0.01, 0.30, 0.60, 0.90, 0.99], [0.03, 0.20, 0.70, 0.90, 0.99]],
    "pytorch/lstm": [[0.02, 0.40, 0.40, 0.80, 0.99], [0.02, 0.30, 0.20, 0.80, 0.99]],
    "keras/gru": [[0.04, 0.40, 0.70, 0.02, 0.99], [0.02, 0.40, 0.70, 0.04, 0.99]],
}
BASELINE = {"baseline/nb-svm": [[0.6, 0.6, 0.1, 0.1, 0.1]]}


def cells_of(folder: Path, right: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, list[Run]]:
    return {
        name: [
            run_of(of_two(values, LABELS), folder / name / f"seed-{seed}", *name.split("/"), seed)
            for seed, values in enumerate(seeds)
        ]
        for name, seeds in right.items()
    }


def test_label_noise_is_what_every_network_is_sure_of(tmp_path: Path) -> None:
    found = label_noise_of(cells_of(tmp_path, {**RIGHT, **BASELINE}))
    assert found is not None
    assert (found.errors, found.reviews, found.share) == (4, 1, 0.25)
    # 2, 2; 3, 3; 3, 3 of the six networks' errors: 2.67 on average
    assert "6 networks" in found.rule
    assert "37.5 %" in found.rule
    unsure = {name: [[0.06, *values[1:]] for values in seeds] for name, seeds in RIGHT.items()}
    nothing = label_noise_of(cells_of(tmp_path, unsure))
    assert nothing is not None
    assert (nothing.reviews, nothing.share) == (0, 0)
    assert label_noise_of(cells_of(tmp_path, {"keras/lstm": RIGHT["keras/lstm"][:1], **BASELINE})) is None


def test_sure_networks_that_contradict_each_other_say_nothing_of_a_label(tmp_path: Path) -> None:
    ids, names = np.array(["a"], object), ("x", "y", "z")
    answers = [np.array([[0.01, 0.98, 0.01]], np.float32), np.array([[0.01, 0.01, 0.98]], np.float32)]
    runs = [run_of(Predictions(ids, np.zeros(1, np.int16), one, names), tmp_path) for one in answers]
    found = label_noise_of({"keras/lstm": runs})
    assert found is not None
    assert (found.errors, found.reviews) == (1, 0)


def test_examples_are_errors_of_every_kind(tmp_path: Path) -> None:
    found = examples_of(cells_of(tmp_path, {**RIGHT, **BASELINE}), None)
    assert [(one.review_id, one.kinds) for one in found] == [
        ("000000", ("all wrong", "confident", "label noise")),
        ("000001", ("all wrong",)),
        ("000002", ("split",)),
        ("000003", ("confident",)),
    ]
    first = found[0]
    assert first.text is None
    assert first.explanations == ()
    assert (first.label, first.shown_class) == (1, 1)
    assert first.probabilities == pytest.approx(
        {"keras/lstm": 0.02, "pytorch/lstm": 0.02, "keras/gru": 0.03, "baseline/nb-svm": 0.6}, abs=1e-6
    )
    assert first.answers == {"keras/lstm": 0, "pytorch/lstm": 0, "keras/gru": 0, "baseline/nb-svm": 1}
    # With too little room each kind comes in its turn.
    assert [one.review_id for one in examples_of(cells_of(tmp_path, RIGHT), None, 3)] == ["000000", "000002", "000003"]
    assert examples_of(cells_of(tmp_path, BASELINE), None) == ()


def test_examples_have_their_texts_and_are_explained(tmp_path: Path) -> None:
    long = "good " * 3_000
    texts = ["<script>alert(1)</script> bad", long, "good film", "bad film", "fine"]
    rows = [(f"{row:06d}", text, ("negative", "positive")[LABELS[row]]) for row, text in enumerate(texts)]
    corpus = corpus_of(tmp_path, rows[::-1], max_length=10)
    cells = cells_of(tmp_path, {**BASELINE, **RIGHT})
    specification = Specification(vectors="random", embedding_size=4, hidden_size=3, max_length=10)
    for name in ("pytorch/lstm", "keras/gru"):
        architecture = name.split("/")[1]
        own = specification.replaced(architecture=architecture)
        weights = random_weights(own, len(corpus.vocabulary))
        cells[name][0].directory.mkdir(parents=True)
        checkpoint = Checkpoint(own, corpus.vocabulary, weights, corpus.class_names)
        save_checkpoint(cells[name][0].directory / "checkpoint", checkpoint)
    found = {one.review_id: one for one in examples_of(cells, corpus)}
    assert found["000000"].text == texts[0]
    assert (found["000001"].words_read, found["000001"].words) == (10, 3_000)
    shown = found["000001"].text
    assert shown == f"{long[: LONGEST_TEXT // 2]} […] {long[-LONGEST_TEXT // 2 :]}"
    for one in found.values():
        # The first cell of each architecture that has a checkpoint.
        assert [(explanation.cell, explanation.seed) for explanation in one.explanations] == [
            ("pytorch/lstm", 0),
            ("keras/gru", 0),
        ]
    trained = Checkpoint(own, corpus.vocabulary, weights, corpus.class_names)
    (effects,) = word_effects(trained, [texts[2]], np.array([1]))
    shown = found["000002"].explanations[1].words
    assert [(one.word, one.place) for one in shown] == [(one.word, one.place) for one in effects]
    # Sums in another order, as there are other reviews beside it.
    assert [one.change for one in shown] == pytest.approx([one.change for one in effects], abs=1e-12)
    assert {one.cell for one in explanation_checks_of(found.values())} == {"pytorch/lstm", "keras/gru"}


def test_there_are_no_more_examples_than_are_asked_for(tmp_path: Path) -> None:
    predictions = of_two(np.linspace(0, 0.49, 500), [0] * 500)
    found = examples_of({"keras/lstm": [run_of(predictions, tmp_path)]}, None)
    assert len(found) == EXAMPLES
    means = [one.probabilities["keras/lstm"] for one in found]
    assert means == sorted(means)
    assert means[0] == 0


# --- the blog post's reviews, and texts that are given


def picked_cells(folder: Path, names: Sequence[str], labels: Sequence[int]) -> dict[str, list[Run]]:
    order = np.argsort(names)
    right = np.linspace(0.2, 0.8, len(names))
    predictions = of_two(right[order], np.array(labels)[order], np.array(names)[order])
    return {"keras/lstm": [run_of(predictions, folder)]}


def test_the_posts_reviews_are_shown_where_they_are_tested_on(tmp_path: Path) -> None:
    names, labels = [*HAND_PICKED, "test/neg/1_1"], [0, 1, 0, 0]
    found = hand_picked(picked_cells(tmp_path, names, labels), None)
    assert [one.review_id for one in found] == list(HAND_PICKED)
    assert [one.label for one in found] == [0, 1, 0]
    assert [one.shown_class for one in found] == [0, 1, 0]
    # The post says 99 % negative, 80 % negative, 98 % positive.
    assert [one.published for one in found] == pytest.approx([0.99, 0.20, 0.02])
    assert [one.probabilities["keras/lstm"] for one in found] == pytest.approx([0.2, 0.4, 0.6])
    assert all(one.kinds == ("hand-picked",) and one.note for one in found)
    assert hand_picked(picked_cells(tmp_path, ["test/neg/1_1", "train/neg/8348_2"], [0, 0]), None) == ()
    # Another data set of this layout.
    assert hand_picked(picked_cells(tmp_path, ["test/neg/8348_2", "x"], [1, 0]), None) == ()


@pytest.mark.parametrize("classes", [2, 3])
def test_given_texts_are_predicted_by_each_network_that_has_a_checkpoint(tmp_path: Path, classes: int) -> None:
    checkpoints = {
        name: checkpoint_of({"architecture": name.split("/")[1], "classes": classes}, seed)
        for seed, name in enumerate(("keras/lstm", "pytorch/lstm", "keras/gru"))
    }
    cells = {
        name: [run_of(of_two([0.5], [0]), tmp_path / name / f"seed-{seed}", *name.split("/"), seed) for seed in (4, 5)]
        for name in (*checkpoints, "flair/gru", "baseline/nb-svm")
    }
    for name, checkpoint in checkpoints.items():
        cells[name][0].directory.mkdir(parents=True)
        save_checkpoint(cells[name][0].directory / "checkpoint", checkpoint)
    texts = ["w1 w2 w3", "", "w4 " * 30]
    found = examples_of_texts(texts, cells)
    assert [one.review_id for one in found] == ["Review 1", "Review 2", "Review 3"]
    assert [one.text for one in found] == texts
    assert [(one.words_read, one.words) for one in found] == [(3, 3), (0, 0), (12, 30)]
    asked = {
        name: predict_probabilities(
            build(checkpoint.specification, checkpoint.weights),
            encode_texts(texts, VOCABULARY, checkpoint.specification),
        )
        for name, checkpoint in checkpoints.items()
    }
    mean = np.mean(list(asked.values()), axis=0)
    for row, one in enumerate(found):
        assert one.label is None
        assert one.shown_class == (1 if classes == 2 else mean[row].argmax())
        assert one.probabilities == pytest.approx({name: rows[row, one.shown_class] for name, rows in asked.items()})
        assert one.answers == {name: rows[row].argmax() for name, rows in asked.items()}
        assert [(explanation.cell, explanation.seed) for explanation in one.explanations] == [
            ("keras/lstm", 4),
            ("keras/gru", 4),
        ]
    assert hand_picked(cells, None, texts) == found
    assert examples_of_texts([], cells) == ()


def test_texts_need_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(LockstepError, match="--review: no network here has kept its checkpoint"):
        examples_of_texts(["good"], cells_of(tmp_path, {**RIGHT, **BASELINE}))


ARCHIVE = os.environ.get("LOCKSTEP_ACLIMDB", "")


@pytest.mark.skipif(not ARCHIVE, reason="LOCKSTEP_ACLIMDB does not name a copy of the official archive")
def test_the_official_archive_has_the_posts_reviews(tmp_path: Path) -> None:
    reviews = load_reviews(ARCHIVE)
    rows = [row for row, name in enumerate(reviews.review_ids) if name.startswith("test/")]
    names, labels = [reviews.review_ids[row] for row in rows], reviews.labels[rows].tolist()
    found = hand_picked(picked_cells(tmp_path, names, labels), None)
    assert [one.review_id for one in found] == list(HAND_PICKED)
    assert [reviews.class_names[one.shown_class] for one in found] == [one.class_name for one in HAND_PICKED.values()]
    begins = ("This movie is a disaster within", "Five medical students", "All in all, this is a movie")
    texts = dict(zip(reviews.review_ids, reviews.texts, strict=True))
    assert all(texts[one.review_id].startswith(begin) for one, begin in zip(found, begins, strict=True))
