"""The reference is the oracle of all others, so its own gradients are held against central differences."""

from __future__ import annotations

import numpy as np
import pytest

from compare.parity import CASES, LENGTHS, WORDS, Case, random_reviews, random_weights
from shared.reference.model import build

# Central differences with step h err by h^2 and by rounding 1e-16 / h: both near 1e-10 at this step.
STEP = 1e-5
CENTRAL_DIFFERENCE = 1e-8
ENTRIES = 4  # of each array, chosen at random


@pytest.mark.parametrize("case", [case for case in CASES if case.lengths == "random"], ids=str)
def test_gradients_are_those_of_central_differences(case: Case) -> None:
    model = build(case.specification, random_weights(case.specification, WORDS))
    reviews = random_reviews(LENGTHS[case.lengths])
    tokens, labels = reviews.padded(np.arange(len(reviews))), reviews.labels.astype(np.int64)
    generator = np.random.default_rng(2)
    shapes = ((len(reviews), case.specification.features), (*tokens.shape, 1))
    masks = tuple(generator.uniform(0.5, 1.5, shape) for shape in shapes)
    _, _, gradients = model.loss_and_gradients(tokens, labels, masks)
    assert gradients.keys() == model.weights.keys()
    for name, array in model.weights.items():
        assert gradients[name].shape == array.shape
        for flat in generator.choice(array.size, min(ENTRIES, array.size), replace=False):
            place = np.unravel_index(flat, array.shape)
            was = array[place]
            losses = []
            for step in (STEP, -STEP):
                array[place] = was + step
                losses.append(model.loss_and_gradients(tokens, labels, masks)[1])
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
