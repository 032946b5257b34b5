"""A batch in parts: the same model in any number of parts, and the same bits on any number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import GRADIENTS, LENGTHS, LOGITS, WORDS, random_reviews, random_weights
from compare.workers import Ask
from shared.contract import REFERENCE
from shared.data.batches import Batches, Masks
from shared.data.encoded import EncodedReviews
from shared.differences import relative_difference
from shared.predictions import read_predictions
from shared.specification import ARCHITECTURES, POOLINGS, Specification
from tests.conformance import jobs
from tests.conftest import Command

SMALL = Specification(vectors="random", embedding_size=5, hidden_size=4, vocabulary_size=WORDS, layers=2)
ON_PYTORCH = ("pytorch", "flair", "fastai")


def masks_of(specification: Specification, reviews: EncodedReviews) -> Masks:
    return Batches(reviews, specification).masks(0, 0, reviews.padded(np.arange(len(reviews))))


def assert_same_pass(ask: Ask, framework: str, specification: Specification, job: object, *more: object) -> None:
    """Logits and gradients are the reference's, of reviews among which one is empty."""
    weights, reviews = random_weights(specification, WORDS), random_reviews(LENGTHS["random"], WORDS)
    masks = masks_of(specification, reviews)
    expected = ask(workers.forward_and_backward, REFERENCE, specification, weights, reviews, masks)
    logits, _, gradients = ask(job, framework, specification, weights, reviews, masks, *more)
    assert np.abs(logits - expected[0]).max() <= LOGITS
    assert gradients.keys() == expected[2].keys()
    for name, gradient in gradients.items():
        assert relative_difference(gradient, expected[2][name]) <= GRADIENTS, name


@pytest.mark.parametrize("parts", [1, 3, 8, 50])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_any_number_of_parts_is_the_same_model(ask: Ask, framework: str, architecture: str, parts: int) -> None:
    specification = SMALL.replaced(architecture=architecture, batch_parts=parts)
    assert_same_pass(ask, framework, specification, workers.forward_and_backward)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("architecture", ["rnn", "bigru", "lstm"])
def test_masks_are_cut_as_the_rows_are(ask: Ask, framework: str, architecture: str, parts: int) -> None:
    dropped = {"word_dropout": 0.3, "spatial_dropout": 0.3, "recurrent_dropout": 0.3}
    specification = SMALL.replaced(architecture=architecture, batch_parts=parts, **dropped)
    assert_same_pass(ask, framework, specification, workers.forward_and_backward)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", ["lstm", "bigru"])
def test_steps_in_pieces_are_the_same_layer(ask: Ask, architecture: str, pooling: str, steps: int) -> None:
    """In each room on PyTorch the layer is the same code, so one of them stands for all."""
    specification = SMALL.replaced(architecture=architecture, pooling=pooling)
    assert_same_pass(ask, "pytorch", specification, jobs.forward_and_backward_in_pieces, steps)


@pytest.mark.parametrize("changes", [{"train_embedding": False}, {"second_bias": True}, {"padding": "left"}], ids=str)
def test_what_is_not_trained_or_not_read_is_the_same_in_parts(ask: Ask, changes: dict[str, object]) -> None:
    """In each room on PyTorch the parts are the same code, so one of them stands for all."""
    lengths = {"padding": "fixed"}.get(next(iter(changes)), "random")
    specification = SMALL.replaced(architecture="bilstm", max_length=11, **changes)
    weights, reviews = random_weights(specification, WORDS), random_reviews(LENGTHS[lengths], WORDS)
    masks = masks_of(specification, reviews)
    for parts in (1, 3):
        in_parts = specification.replaced(batch_parts=parts)
        found = ask(workers.forward_and_backward, "pytorch", in_parts, weights, reviews, masks)
        if parts == 1:
            whole = found
    assert np.abs(found[0] - whole[0]).max() <= LOGITS
    for name, gradient in found[2].items():
        assert relative_difference(gradient, whole[2][name]) <= GRADIENTS, name


def test_what_parts_refuse(ask: Ask) -> None:
    again = "a batch in parts can be differentiated once: compute it again"
    hook = "a parameter has a hook, which each part of a batch would call: remove it"
    unused = "5.0 0.0"
    said = ask(jobs.refusals_of_parts, "pytorch")
    assert said[::2] == ["part of 2", again, hook, unused]
    assert set(said[1::2]) == {"3 threads"}


@pytest.mark.parametrize(("architecture", "parts"), [("bilstm", "2"), ("gru", "5"), ("rnn", "1")])
def test_the_same_bits_on_any_number_of_threads(
    command: Command, framework: str, architecture: str, parts: str, tmp_path: Path
) -> None:
    """Above 32,768 numbers PyTorch cuts a sum among its threads: the vocabulary is large enough for that."""
    size = ("--batch-parts", parts, "--reviews", "400", "--minimum-count", "1", "--max-length", "40", "--epochs", "1")
    for threads in ("1", "3"):
        place = ("--threads", threads, "--out", tmp_path / threads, "--progress", "none")
        done = command(f"{framework}_impl", "train", "--architecture", architecture, *size, *place)
        assert done.returncode == 0, done.stderr
    one, three = (tmp_path / threads for threads in ("1", "3"))
    for name in ("checkpoint/weights.safetensors", "predictions.parquet"):
        assert (one / name).read_bytes() == (three / name).read_bytes(), name
    assert len(read_predictions(one / "predictions.parquet").review_ids) > 0
