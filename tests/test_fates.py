from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compare.__main__ import main as lockstep
from compare.proofs import fates
from compare.proofs.courses import Course, ReorderedReference, course, probabilities, reference_course
from compare.proofs.fates import (
    FACTOR,
    FIRST_STEPS,
    FLOAT32,
    FLOAT64,
    LOSS,
    ORDERS,
    PROBABILITIES,
    UNIT,
    Fates,
    Training,
    compared_steps,
    follow,
    training_of,
    verdict,
)
from compare.workers import Ask
from shared import reference
from shared.data.batches import Batches
from shared.history import Silent
from shared.reference.model import build
from shared.reference.training import train
from shared.specification import Specification, preset

STEPS = 24


def small(pooling: str, **fields: object) -> Specification:
    return preset("smoke").replaced(
        reviews=600, vocabulary_size=1_000, max_length=24, hidden_size=8, batch_size=16, pooling=pooling, **fields
    )


@pytest.fixture(scope="module")
def even(cache: Path) -> Training:
    """A training in which no maximum ties."""
    return training_of(small("mean"), STEPS)


@pytest.fixture(scope="module")
def leaping(cache: Path) -> Training:
    """A training in which some do."""
    return training_of(small("concat"), STEPS)


@pytest.mark.parametrize("steps", [1, 2, FIRST_STEPS, FIRST_STEPS + 1, 100, 282])
def test_steps_are_compared_one_by_one_and_then_farther_apart(steps: int) -> None:
    chosen = compared_steps(steps)
    assert chosen[:FIRST_STEPS] == list(range(1, FIRST_STEPS + 1))[:steps]
    assert chosen[-1] == steps
    gaps = np.diff([0, *chosen])
    assert (gaps > 0).all()
    assert (gaps <= np.maximum(1, np.ceil(np.array(chosen) / 8))).all()


def test_a_training_has_the_steps_that_were_asked_for_and_both_classes(even: Training) -> None:
    assert even.steps == STEPS
    assert len(np.unique(even.training.labels)) == 2
    several = training_of(small("mean"), 70)
    assert several.specification.epochs > 1
    assert 70 <= several.steps < 70 + several.specification.epochs
    whole = training_of(small("mean"))
    assert whole.steps >= whole.specification.minimum_steps


def test_the_float64_reference_is_the_reference_itself(even: Training) -> None:
    """Weights after the last step, to the last bit; the copies on the way are copies."""
    model = build(even.specification, even.weights)
    history = train(model, even.training, even.validation, even.specification, Silent())
    found = reference_course(*even.given)
    assert found.losses == history.step_losses
    for name, array in model.weights.items():
        assert (found.weights[STEPS][name] == array).all(), name
        assert (found.weights[0][name] == even.weights[name]).all(), name
    assert (found.weights[1]["head.kernel"] != found.weights[0]["head.kernel"]).any()
    answers = probabilities(even.specification, found.weights[STEPS], even.validation)
    expected = reference.training.predict_probabilities(model, even.validation)
    assert np.abs(answers - expected).max() <= UNIT, "which are the same numbers in float32"


@pytest.mark.parametrize("pooling", ["mean", "concat"])
@pytest.mark.parametrize("architecture", ["lstm", "bigru"])
def test_float32_is_float32_throughout(cache: Path, architecture: str, pooling: str) -> None:
    """The course asserts it of logits, outputs and gradients; here it is asserted of what comes out."""
    specification = small(pooling, architecture=architecture, layers=2, recurrent_dropout=0.2, word_dropout=0.1)
    given = training_of(specification, 3).given
    exact, single, other = (
        reference_course(*given, precision=precision, order=order)
        for precision, order in ((np.float64, None), (np.float32, None), (np.float32, 1))
    )
    for name, array in single.weights[3].items():
        assert array.dtype == other.weights[3][name].dtype == np.float32
        assert exact.weights[3][name].dtype == np.float64
    assert 0 < np.abs(single.weights[3]["head.kernel"] - exact.weights[3]["head.kernel"]).max() < 1e-5
    assert any((single.weights[3][name] != other.weights[3][name]).any() for name in single.weights[3])


def test_another_order_is_the_same_gradient(even: Training) -> None:
    """Each row keeps its label and masks, and the logits come back in the order of the batch."""
    batch = Batches(even.training, even.specification).batch(0, 0)
    exact = {name: array.astype(np.float64) for name, array in even.weights.items()}
    given = batch.tokens, batch.labels, batch.masks, np.array([0.5, 2.0])
    logits, loss, gradients = build(even.specification, even.weights).loss_and_gradients(*given)
    found = ReorderedReference(even.specification, exact, 1).loss_and_gradients(*given)
    np.testing.assert_allclose(found[0], logits, rtol=1e-12)
    assert found[1] == pytest.approx(loss, rel=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(found[2][name], gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())


@pytest.mark.parametrize("architecture", ["lstm", "bilstm"])
def test_leads_are_those_of_the_maxima(cache: Path, architecture: str) -> None:
    """Compared with a loop over reviews, units and directions."""
    training = training_of(small("concat", architecture=architecture), 1)
    exact = {name: array.astype(np.float64) for name, array in training.weights.items()}
    model = ReorderedReference(training.specification, exact, None)
    batch = Batches(training.training, training.specification).batch(0, 0)
    model.loss_and_gradients(batch.tokens, batch.labels, batch.masks)
    directions, hidden = len(training.specification.directions), training.specification.hidden_size
    leads: list[float] = []
    for way in range(directions):
        for row, tokens in enumerate(batch.tokens):
            outputs = np.sort(model.passes[-1][way].outputs[row][tokens != 0], axis=0)  # [real tokens, hidden]
            kept = batch.masks["features"][row].reshape(3, directions, hidden)[1, way] > 0
            leads += (outputs[-1] - outputs[-2])[kept].tolist() if len(outputs) > 1 else []
    assert model.leads == [min(leads)]


class Faulty:
    """Asks a framework for another training than the one that the reference does."""

    def __init__(self, ask: Ask, **fields: object) -> None:
        self.ask, self.fields = ask, fields

    def __call__(self, job: Callable[..., Any], framework: str, specification: Specification, *given: Any) -> Any:
        return self.ask(job, framework, specification.replaced(**self.fields), *given)


@pytest.fixture(scope="module")
def true(ask: Ask, even: Training) -> Fates:
    return follow(ask, ["keras", "pytorch"], even)


def test_true_frameworks_do_what_rounding_does(true: Fates, even: Training) -> None:
    fine, sentences = verdict([true])
    assert fine, sentences
    assert true.frameworks == ["keras", "pytorch"]
    assert true.judged == STEPS
    assert not true.ties
    assert set(true.differences) == {*ORDERS, "keras", "pytorch"}
    for run, curves in true.differences.items():
        assert curves.keys() == {PROBABILITIES, LOSS, *even.weights}
        assert true.starts[run] == 0
        assert all(len(curve) == len(true.steps) for curve in curves.values())
    # Rounding of float64 is 5e8 times smaller, and leaves nothing to see.
    assert max(map(max, true.differences[FLOAT64].values())) < 1e-10
    assert "Keras, PyTorch" in sentences[0]
    assert "What grows is rounding." in sentences[0]


@pytest.mark.parametrize(
    "fields",
    [{"epsilon_place": "before"}, {"beta_2": 0.99}, {"schedule": "constant"}, {"weight_decay": 1e-4}, {"seed": 1}],
    ids=str,
)
def test_another_cause_than_rounding_is_named(ask: Ask, even: Training, true: Fates, fields: dict[str, object]) -> None:
    faulty = follow(Faulty(ask, **fields), ["pytorch"], even)
    fine, sentences = verdict([faulty])
    assert not fine
    assert sentences[0].startswith("With pooling mean: PyTorch has a cause other than rounding. After step ")
    first = faulty.excesses("pytorch")[0]
    assert first.ratio > FACTOR
    assert first.step <= 3, "it is seen where it begins"
    assert not true.excesses("pytorch")


def test_other_initial_weights_are_named(ask: Ask, even: Training) -> None:
    def moved(job: Callable[..., Any], framework: str, specification: Specification, weights: Any, *rest: Any) -> Any:
        return ask(job, framework, specification, {**weights, "head.bias": weights["head.bias"] + 1}, *rest)

    found = follow(moved, ["pytorch"], even)
    assert found.excesses("pytorch")[0].quantity == "initial weights"
    assert "After step 0 its initial weights" in verdict([found])[1][0]


def test_where_rounding_decides_a_maximum_nothing_is_judged(
    ask: Ask, leaping: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = reference_course(*leaping.given)
    assert len(exact.leads) == STEPS
    tie = 1 + int(np.argmin(exact.leads[2:])) + 2
    monkeypatch.setattr(fates, "TIE", exact.leads[tie - 1])
    found = follow(ask, ["reference"], leaping)
    assert found.ties == [tie]
    assert found.judged == tie - 1
    assert not found.excesses("reference")
    at = found.steps.index(tie)
    late, early = (replace(found, differences=json.loads(json.dumps(found.differences))) for _ in range(2))
    late.differences["reference"]["head.kernel"][at] = 0.1
    assert verdict([late])[0]
    early.differences["reference"]["head.kernel"][at - 1] = 0.1
    fine, sentences = verdict([early])
    assert not fine
    assert f"After step {found.steps[at - 1]} its head.kernel differs by 1e-01" in sentences[0]
    assert f"from step {tie} on rounding decides maxima: in 1 of {STEPS} steps" in sentences[1]


def made(curve: list[float]) -> Fates:
    curves = {"head.bias": curve}
    return Fates("mean", [1, 2, 4, 8][: len(curve)], 8, [], {"keras": curves, **dict.fromkeys(ORDERS, curves)}, {})


def test_growth_says_where_and_how_fast() -> None:
    found = made([1e-6, 2e-6, 1e-3, 2.56e-4]).growth("keras", "head.bias")
    assert found.first_above == 4
    assert (found.first, found.last) == (1e-6, 2.56e-4)
    assert found.doubling == pytest.approx(7 / 8), "256 times as much, eight doublings, in seven steps"
    assert found.leap == pytest.approx(500)
    assert found.leap_step == 4
    still = made([1e-6, 1e-6, 1e-6, 1e-6]).growth("keras", "head.bias")
    assert (still.first_above, still.doubling) == (None, None)
    nothing = made([0.0, 0.0, 1e-9, 0.0]).growth("keras", "head.bias")
    assert nothing.leap == 1, "less than a float32 can say is no difference"
    assert made([1e-6]).growth("keras", "head.bias").leap_step == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_not_explained(value: float) -> None:
    found = made([1e-6, value, 1e-6, 1e-6])
    found.differences = {**found.differences, **{run: {"head.bias": [1e-6] * 4} for run in FLOAT32}}
    found.starts["keras"] = 0.0
    assert [one.step for one in found.excesses("keras")] == [2]


def test_the_command_writes_what_it_found_and_fails_where_rounding_does_not_explain_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["fates", "--frameworks", "reference", "--steps", "5", "--out", str(tmp_path), "--batch-size", "16"]
    asked += ["--reviews", "600", "--vocabulary-size", "1000", "--max-length", "24", "--hidden-size", "8"]
    assert lockstep(asked) == 0
    said = capsys.readouterr().out
    assert "With pooling mean, up to step 5: NumPy reference: at most" in said
    record = json.loads((tmp_path / "fates.json").read_text())
    assert [one["pooling"] for one in record["trainings"]] == ["concat", "mean"]
    assert record["explained_by_rounding"]
    assert record["trainings"][1]["steps"] == [1, 2, 3, 4, 5]
    assert record["trainings"][1]["growth"]["reference"]["embedding"]["first_above"] is None
    page, picture = (tmp_path / "fates.md").read_text(), (tmp_path / "fates.svg").read_text()
    for name in record["trainings"][0]["differences"]["reference"]:
        assert f"| {name} | NumPy, float32, other order |" in page
        assert picture.count(f">{name}<") == 2
    assert "](fates.svg)" in page
    # What the reference exports is float32, and so as far from float64 as its last digit.
    monkeypatch.setattr(fates, "FACTOR", 1e-9)
    assert lockstep([*asked, "--pooling", "mean"]) == 1
    assert "NumPy reference has a cause other than rounding" in capsys.readouterr().out
    assert not json.loads((tmp_path / "fates.json").read_text())["explained_by_rounding"]


def test_the_job_is_what_a_worker_trains(ask: Ask, even: Training) -> None:
    found: Course = ask(course, "pytorch", *even.given)
    assert sorted(found.weights) == [0, *compared_steps(STEPS)]
    assert len(found.losses) == STEPS
    assert (found.weights[1]["head.kernel"] != found.weights[2]["head.kernel"]).any(), "copies, not the live arrays"
