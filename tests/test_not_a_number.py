"""What is not a number is a failure, wherever it comes from."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compare import workers
from compare.proofs import parity
from compare.proofs.parity import TOLERANCES, Case, violations
from shared.contract import FRAMEWORKS, REFERENCE
from shared.data.corpus import Corpus
from shared.differences import (
    is_finite,
    largest,
    largest_difference,
    refuse_non_finite,
    relative_difference,
    within,
)
from shared.errors import LockstepError
from shared.history import Recorder, Silent
from shared.metrics import evaluate
from shared.specification import Specification
from tests.conftest import ROOT, Command

NAN, INFINITY = float("nan"), float("inf")
COMPARING = ("compare/proofs", "tests/parity", "tests/conformance")
# Counts and sizes, of which none can be NaN.
COUNTED = {
    "max(LENGTHS[self.lengths])",
    "max(lengths)",
    "min(ENTRIES, array.size)",
    "min((record.seed for record in records))",
    "min(reviews, len(test))",
}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_largest_of_numbers_with_nan_is_nan(place: int) -> None:
    """Python's own takes the first, or passes over it: by where it stands."""
    values = [1.0, 2.0, 3.0]
    values[place] = NAN
    assert np.isnan(largest(values))
    assert largest([1.0, INFINITY]) == INFINITY
    with pytest.raises(ValueError, match="nothing was measured"):
        largest([])


@pytest.mark.parametrize("difference", [largest_difference, relative_difference])
def test_differences_of_what_is_not_a_number(difference: Callable[[Any, Any], float]) -> None:
    right = {"a": np.ones(3), "b": np.ones((2, 2))}
    assert difference(right, right) == 0
    for name, array in right.items():
        for side in range(2):
            wrong = array.copy()
            wrong.flat[-1] = NAN
            sides = [right, right]
            sides[side] = {**right, name: wrong}
            assert np.isnan(difference(*sides)), name
    same = {"a": np.array([INFINITY])}
    assert not within(difference(same, same), 1e9)
    assert difference(2.0, 1.0) == 1
    assert not within(difference(NAN, 1.0), 1e9)


@pytest.mark.parametrize("difference", [largest_difference, relative_difference])
def test_what_cannot_be_compared_is_refused(difference: Callable[[Any, Any], float]) -> None:
    arrays = {"a": np.ones(3), "b": np.ones(2)}
    with pytest.raises(LockstepError, match="'b' is missing"):
        difference({"a": np.ones(3)}, arrays)
    with pytest.raises(LockstepError, match="'b' is none of the expected arrays"):
        difference(arrays, {"a": np.ones(3)})
    with pytest.raises(LockstepError, match=r"b has the shape \[1\], expected \[2\]"):
        difference({**arrays, "b": np.ones(1)}, arrays)
    for nothing in ({}, np.ones(0)):
        with pytest.raises(LockstepError, match="nothing can be compared"):
            difference(nothing, nothing)


def test_relative_differences_are_of_each_arrays_own_size() -> None:
    expected = {"large": np.array([100.0, 1.0]), "small": np.array([0.01])}
    assert relative_difference({**expected, "large": np.array([100.0, 2.0])}, expected) == 0.01
    assert relative_difference({**expected, "small": np.array([0.02])}, expected) == pytest.approx(1)


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_numbers_that_are_not_finite_are_refused_by_name(value: float) -> None:
    refuse_non_finite("head.bias", np.ones(3))
    assert is_finite(1.0)
    assert not is_finite(value)
    with pytest.raises(LockstepError, match=r"^head\.bias: 1 of 3 numbers are not finite"):
        refuse_non_finite("head.bias", np.array([1, value, 2]))
    with pytest.raises(LockstepError, match="not finite"):
        evaluate(np.array([0, 1]), np.array([[0.5, 0.5], [value, 0.5]]))


@pytest.mark.parametrize("quantity", TOLERANCES)
def test_nan_is_out_of_every_tolerance(quantity: str) -> None:
    fine = dict.fromkeys(TOLERANCES, 0.0)
    assert not violations(fine)
    assert violations({**fine, quantity: NAN}) == [f"{quantity}: nan, allowed {TOLERANCES[quantity]:.0e}"]


def builtin_extremes(path: Path) -> list[str]:
    """Calls of Python's own ``max`` and ``min``."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("max", "min")]


def test_no_measured_difference_goes_through_pythons_own_maximum() -> None:
    places = [ROOT / place for place in COMPARING]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.glob("*.py")))]
    assert len(files) > 10
    found = {f"{file.relative_to(ROOT)}: {call}" for file in files for call in builtin_extremes(file)}
    assert not {one for one in found if one.split(": ", 1)[1] not in COUNTED}


def test_a_missing_gradient_is_a_failure() -> None:
    case = Case("lstm", "last", 1, "random")

    def ask(job: Callable[..., Any], framework: str, *given: Any) -> Any:
        answer = job(REFERENCE, *given)
        return (*answer[:2], {"embedding": answer[2]["embedding"]}) if job is workers.forward_and_backward else answer

    with pytest.raises(LockstepError, match=r"'rnn.0.forward.input_kernel' is missing"):
        parity.measure(ask, "pytorch", case)


def recorder(**changes: Any) -> Recorder:
    specification = Specification(epochs=1).replaced(**changes)
    weights = {"kernel": np.ones(2, np.float32)}
    made = Recorder(specification, 3, np.array([0, 1], np.int16), Silent(), lambda: weights, lambda _: None)
    made.start_epoch()
    return made


@pytest.mark.parametrize("loss", [NAN, INFINITY])
def test_a_training_that_diverges_says_where_and_what_to_try(loss: float) -> None:
    made = recorder(learning_rate=0.5, gradient_clipping=0)
    made.step(1.0, 0, 2, 0.1)
    with pytest.raises(LockstepError) as error:
        made.step(loss, 0, 2, 0.1)
    assert str(error.value) == (
        f"training diverged in step 2 of 3, epoch 1: the loss is {loss}; "
        "try --learning-rate 0.05 (it was 0.5) or --gradient-clipping 1"
    )
    with pytest.raises(LockstepError) as error:
        recorder(learning_rate=0.5, gradient_clipping=1).step(loss, 0, 2, 0.1)
    assert "clipping" not in str(error.value), "it is asked for already"


def test_answers_and_weights_that_are_not_finite_end_the_training() -> None:
    right = np.full((2, 2), 0.5, np.float32)
    made = recorder()
    with pytest.raises(LockstepError, match="epoch 1: probabilities of the validation reviews: 1 of 4 numbers"):
        made.end_epoch(lambda: np.array([[0.5, 0.5], [NAN, 0.5]], np.float32))
    made = recorder()
    for _ in range(3):
        made.step(1.0, 0, 2, 0.1)
    made.export()["kernel"][1] = NAN
    with pytest.raises(LockstepError, match="step 3 of 3, epoch 1: kernel: 1 of 2 numbers are not finite"):
        made.end_epoch(lambda: right)


@pytest.fixture(scope="module")
def sizes(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Flags of a training of a moment."""
    path = tmp_path_factory.mktemp("diverging") / "reviews.csv"
    names = np.array(["neg", "pos"])[corpus.train.labels]
    table = pd.DataFrame({"text": corpus.texts[0], "label": names}).sample(200, random_state=0)
    table.assign(review_id=[f"review-{row}" for row in range(len(table))]).to_csv(path, index=False)
    model = ("--embedding-size", 8, "--hidden-size", 6, "--max-length", 12, "--batch-size", 16)
    return ("--data", path, "--vectors", "random", *model)


def check_refused(done: CompletedProcess[str], step: str, out: Path) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: training diverged in step {step} of "), done.stderr
    assert "epoch 1: the loss is nan; try --learning-rate " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_documented_training_that_diverges_ends_in_one_line_and_leaves_nothing(
    command: Command, sizes: tuple[object, ...], framework: str, tmp_path: Path
) -> None:
    """Through each framework's own trainer and its callbacks; of the lockstep recipe see `tests.parity.faults`."""
    flags = ("train", "--recipe", "idiomatic", *sizes, "--out", tmp_path / "run")
    check_refused(command("tests.diverging", framework, *flags), "3", tmp_path / "run")


def test_so_does_one_of_the_reference(command: Command, sizes: tuple[object, ...], tmp_path: Path) -> None:
    flags = ("train", *sizes, "--out", tmp_path / "run")
    check_refused(command("tests.diverging", REFERENCE, *flags), "3", tmp_path / "run")


def test_so_does_a_language_model(
    command: Command,
    sizes: tuple[object, ...],
    corpus: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    """Its vectors are finite, and their products are not."""
    vectors = tmp_path_factory.mktemp("huge") / "vectors.txt"
    signs = np.random.default_rng(0).choice(["3e38", "-3e38"], (len(corpus.vocabulary), 8))
    lines = [" ".join([word, *row]) for word, row in zip(corpus.vocabulary.words[2:], signs, strict=False)]
    vectors.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = command("pytorch_impl.pretraining", *sizes, "--vectors", vectors, "--out", tmp_path / "model")
    check_refused(done, "1", tmp_path / "model")


def test_the_reference_has_no_documented_way(command: Command, sizes: tuple[object, ...], tmp_path: Path) -> None:
    done = command("shared.reference", "train", "--recipe", "idiomatic", *sizes, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: recipe: reference has no documentation of its own to follow")
    assert not list(tmp_path.iterdir())
