"""The reference is the oracle of all others, so its own gradients are held against central differences."""

from __future__ import annotations

import numpy as np
import pytest

from compare.proofs.parity import CASES, LENGTHS, WORDS, Case, random_reviews, random_weights
from shared.data.batches import CHANNELS, FEATURES, STATES, class_weights
from shared.data.batches import WORDS as OF_WORDS
from shared.reference.model import build, softmax
from shared.weights import Weights

# Central differences with step h err by h^2 and by rounding 1e-16 / h: both near 1e-10 at this step.
STEP = 1e-5
CENTRAL_DIFFERENCE = 1e-8
ENTRIES = 4  # of each array, chosen at random


@pytest.mark.parametrize("case", [case for case in CASES if case.lengths == "random"], ids=str)
def test_gradients_are_those_of_central_differences(case: Case) -> None:
    specification = case.specification
    model = build(specification, random_weights(specification, WORDS, classes=case.classes))
    reviews = random_reviews(LENGTHS[case.lengths], classes=case.classes)
    tokens, labels = reviews.padded(np.arange(len(reviews))), reviews.labels.astype(np.int64)
    generator = np.random.default_rng(2)
    shapes = {FEATURES: (len(reviews), specification.features), OF_WORDS: (*tokens.shape, 1)}
    if specification.spatial_dropout:
        shapes[CHANNELS] = (len(reviews), 1, specification.embedding_size)
    if specification.recurrent_dropout:
        shapes[STATES] = (len(reviews), specification.state_size)
    masks = {name: generator.uniform(0.5, 1.5, shape) for name, shape in shapes.items()}
    weights = class_weights(specification, labels, case.classes)

    def passed() -> tuple[np.ndarray, float, Weights]:
        return model.loss_and_gradients(tokens, labels, masks, weights)

    _, _, gradients = passed()
    assert gradients.keys() == model.weights.keys()
    for name, array in model.weights.items():
        assert gradients[name].shape == array.shape
        for flat in generator.choice(array.size, min(ENTRIES, array.size), replace=False):
            place = np.unravel_index(flat, array.shape)
            was = array[place]
            losses = []
            for step in (STEP, -STEP):
                array[place] = was + step
                losses.append(passed()[1])
            array[place] = was
            assert abs((losses[0] - losses[1]) / (2 * STEP) - gradients[name][place]) < CENTRAL_DIFFERENCE, name


def test_words_that_do_not_occur_have_no_gradient() -> None:
    case = CASES[0]
    model = build(case.specification, random_weights(case.specification, WORDS))
    tokens = np.array([[5, 7, 5], [7, 0, 0]], np.int32)
    _, _, gradients = model.loss_and_gradients(tokens, np.array([0, 1]))
    assert np.flatnonzero(np.abs(gradients["embedding"]).sum(axis=1)).tolist() == [5, 7]


def test_a_step_of_lstm_by_hand() -> None:
    """One unit, one word, numbers small enough for a pocket calculator."""
    case = Case("lstm", "last", 1, "fixed")
    specification = case.specification.replaced(embedding_size=1, hidden_size=1)
    weights = {
        "embedding": np.array([[0.0], [0.0], [2.0]], np.float32),
        "rnn.0.forward.input_kernel": np.array([[0.5, -0.5, 1.0, 0.25]], np.float32),
        "rnn.0.forward.recurrent_kernel": np.zeros((1, 4), np.float32),
        "rnn.0.forward.bias": np.array([0.0, 1.0, -1.0, 0.5], np.float32),
        "head.kernel": np.array([[1.0, -1.0]], np.float32),
        "head.bias": np.zeros(2, np.float32),
    }
    # i = sigmoid(1) = .731059, g = tanh(2 - 1) = .761594, c = i g = .556770, o = sigmoid(1) = .731059,
    # h = o tanh(c) = .731059 * .505577 = .369606
    logits = build(specification, weights).logits(np.array([[2]], np.int32))
    assert np.allclose(logits, [[0.369606, -0.369606]], atol=1e-6)


def test_one_logit_is_two_of_which_the_first_is_zero() -> None:
    """Its softmax is the sigmoid, its cross-entropy the binary one; a large logit loses nothing."""
    case = Case("gru", "last", 1, "random", head="sigmoid")
    model = build(case.specification, random_weights(case.specification, WORDS))
    tokens, labels = np.array([[3, 4], [5, 0], [6, 7]], np.int32), np.array([1, 0, 0])
    for scale in (1, 100):
        model.weights["head.kernel"] *= scale
        logits, loss, gradients = model.loss_and_gradients(tokens, labels)
        z = logits[:, 1]
        assert np.array_equal(logits, np.stack([np.zeros(3), z], axis=1))
        assert np.allclose(softmax(logits)[:, 1], 1 / (1 + np.exp(-z)), atol=1e-15)
        assert np.isclose(loss, np.log1p(np.exp(np.where(labels == 1, -z, z))).mean(), rtol=1e-12)
        assert np.allclose(gradients["head.bias"], (1 / (1 + np.exp(-z)) - labels).mean())


def test_a_weighted_loss_is_divided_by_reviews_and_not_by_weights() -> None:
    case = Case("rnn", "mean", 1, "random", classes=3)
    model = build(case.specification, random_weights(case.specification, WORDS, classes=3))
    tokens, labels = np.array([[3, 4], [5, 0], [6, 7]], np.int32), np.array([2, 0, 2])
    weights = np.array([3.0, 100.0, 0.5])
    logits, loss, _ = model.loss_and_gradients(tokens, labels, None, weights)
    losses = -np.log(softmax(logits)[np.arange(3), labels])
    assert np.isclose(loss, (0.5 * losses[0] + 3 * losses[1] + 0.5 * losses[2]) / 3, rtol=1e-12)


def test_a_state_that_is_dropped_is_still_carried_over() -> None:
    """With every unit dropped from the recurrent product no step sees the one before, but an LSTM's cell adds up."""
    specification = Case("lstm", "last", 1, "fixed").specification
    weights = random_weights(specification, WORDS)
    tokens = np.array([[3, 4, 5]], np.int32)
    dropped = build(specification, weights).logits(tokens, {STATES: np.zeros((1, specification.state_size))})
    weights["rnn.0.forward.recurrent_kernel"][:] = 0
    assert np.allclose(dropped, build(specification, weights).logits(tokens), atol=1e-12)
    weights["rnn.0.forward.bias"][5:10] = -50  # forgets
    assert not np.allclose(dropped, build(specification, weights).logits(tokens), atol=1e-3)
