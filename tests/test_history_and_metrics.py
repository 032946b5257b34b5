from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from shared.history import Recorder, Silent, epsilon_at, learning_rate_at, mean_loss, read_history
from shared.metrics import calibration_error, evaluate
from shared.specification import Specification


def rates(schedule: str, steps: int = 100) -> list[float]:
    specification = Specification(schedule=schedule, learning_rate=0.5)
    return [learning_rate_at(specification, step, steps) for step in range(steps)]


def test_schedules() -> None:
    assert rates("constant") == [0.5] * 100
    linear = rates("linear")
    assert linear[0] == 0.5
    assert linear[-1] == pytest.approx(0.005)
    assert np.allclose(np.diff(linear), -0.005)
    cycle = rates("one_cycle")
    assert max(cycle) == cycle[24] == 0.5
    assert 0 < cycle[0] < cycle[10]
    assert 0 < cycle[-1] < cycle[50]


@pytest.mark.parametrize("schedule", ["constant", "linear", "one_cycle"])
def test_schedules_are_positive_however_few_the_steps(schedule: str) -> None:
    for steps in range(1, 6):
        assert min(rates(schedule, steps)) > 0


def test_epsilon_before_the_bias_correction_counts_more_at_first() -> None:
    after, before = (Specification(epsilon_place=place) for place in ("after", "before"))
    assert [epsilon_at(after, step) for step in (0, 9_999)] == [1e-7, 1e-7]
    assert epsilon_at(before, 0) == pytest.approx(1e-7 / 0.001**0.5), "31.6 times as much"
    assert epsilon_at(before, 9_999) == pytest.approx(1e-7, rel=1e-4)
    # Keras' own formula: m alpha sqrt(1 - beta_2^t) / (sqrt(v) + epsilon), for some m, v and t.
    v, t = 3e-12, 5
    keras = (1 - 0.999**t) ** 0.5 / (v**0.5 + 1e-7)
    assert 1 / ((v / (1 - 0.999**t)) ** 0.5 + epsilon_at(before, t - 1)) == pytest.approx(keras)


def test_the_record_of_a_sum_is_its_mean() -> None:
    assert mean_loss(Specification(), 0.5, 10) == 0.5
    assert mean_loss(Specification(loss_reduction="sum"), 5.0, 10) == 0.5


def test_the_last_weights_are_averaged() -> None:
    """Of 100 steps the last half, every tenth: 60, 70, … 100."""
    now, loaded = {"kernel": np.zeros(2, np.float32)}, []
    specification = Specification(epochs=2, weight_averaging=0.5)
    recorder = Recorder(specification, 50, np.array([0, 1], np.int16), Silent(), lambda: now, loaded.append)
    for epoch in range(2):
        recorder.start_epoch()
        for step in range(50):
            now["kernel"] = np.full(2, 50 * epoch + step + 1, np.float32)
            recorder.step(1.0, 0, 10, 0.1)
        assert not loaded
        recorder.end_epoch(lambda: np.array([[0.9, 0.1], [0.8, 0.2]], np.float32))
    (averaged,) = loaded
    assert averaged["kernel"].tolist() == [80, 80]
    assert averaged["kernel"].dtype == np.float32


def test_recorder_weighs_batches_by_their_size(tmp_path: Path) -> None:
    labels = np.array([0, 1], np.int16)
    recorder = Recorder(Specification(epochs=1), 2, labels, Silent(), dict, lambda _: None)
    recorder.start_epoch()
    recorder.step(1.0, 30, 30, 0.1)
    recorder.step(4.0, 0, 10, 0.05)
    recorder.end_epoch(lambda: np.array([[0.9, 0.1], [0.8, 0.2]], np.float32))
    (epoch,) = recorder.history.epochs
    assert epoch.training_loss == pytest.approx(1.75)
    assert epoch.training_accuracy == pytest.approx(0.75)
    assert epoch.validation_accuracy == 0.5
    assert epoch.validation_loss == pytest.approx(-(np.log(0.9) + np.log(0.2)) / 2)
    assert epoch.learning_rate == 0.05
    assert recorder.history.step_losses == [1.0, 4.0]
    assert recorder.history.reviews == 40
    recorder.history.save(tmp_path / "history.csv")
    assert read_history(tmp_path / "history.csv") == recorder.history.epochs


def expected_metrics(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """What scikit-learn finds; of the classes that occur each is asked for against the rest."""
    occurring = np.unique(labels)
    asked = [1] if probabilities.shape[1] == 2 else occurring
    one_hot = np.eye(probabilities.shape[1])[labels]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
        "macro_f1": float(f1_score(labels, probabilities.argmax(axis=1), average="macro")),
        "roc_auc": float(np.mean([roc_auc_score(labels == one, probabilities[:, one]) for one in asked])),
        "log_loss": sklearn_log_loss(one_hot, probabilities),
        "brier": sum(brier_score_loss(one_hot[:, one], probabilities[:, one]) for one in range(probabilities.shape[1])),
    }


@settings(deadline=None)
@given(
    classes=st.integers(2, 7),
    reviews=st.integers(2, 60),
    absent=st.integers(0, 6),
    tied=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_metrics_agree_with_scikit_learn(classes: int, reviews: int, absent: int, tied: bool, seed: int) -> None:
    """Also where a class does not occur, and where many reviews have the same probability."""
    generator = np.random.default_rng(seed)
    occurring = [one for one in range(classes) if one != absent or classes == 2]
    labels = generator.choice(occurring, reviews).astype(np.int16)
    labels[:2] = occurring[:2]  # of one class alone there is nothing to rank
    probabilities = generator.dirichlet(np.ones(classes), reviews)
    if tied:
        probabilities = np.maximum(probabilities.round(1), 0.01)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    measured = evaluate(labels, probabilities)
    for name, value in expected_metrics(labels, probabilities).items():
        assert measured[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_a_thousand_classes_are_measured() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 1_000, 3_000).astype(np.int16)
    probabilities = generator.dirichlet(np.ones(1_000), 3_000)
    assert len(np.unique(labels)) < 1_000, "some do not occur"
    measured = evaluate(labels, probabilities)
    for name, value in expected_metrics(labels, probabilities).items():
        assert measured[name] == pytest.approx(value, rel=1e-6), name
    assert evaluate(labels, np.eye(1_000)[labels]) == {
        "accuracy": 1,
        "macro_f1": 1,
        "roc_auc": 1,
        "log_loss": 0,
        "brier": 0,
        "calibration_error": 0,
    }


@pytest.mark.parametrize("classes", [2, 5])
def test_reviews_of_one_class_leave_nothing_to_rank(classes: int) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(classes), 20)
    assert evaluate(np.ones(20, np.int16), probabilities)["roc_auc"] == 0.5


def test_calibration_error_by_hand() -> None:
    # Two bins: confidence 0.9 and right half the time; confidence 0.6 and always right.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert calibration_error(np.array([0, 1, 1, 1]), probabilities) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


def test_calibration_is_of_the_most_probable_class() -> None:
    # Of five classes: sure of 0.44 and right every time; the other probabilities play no part.
    probabilities = np.array([[0.44, 0.41, 0.05, 0.05, 0.05]])
    assert calibration_error(np.array([0]), probabilities) == pytest.approx(0.56)


def test_a_sure_and_wrong_answer_has_a_finite_loss() -> None:
    measured = evaluate(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]], np.float32))
    assert np.isfinite(measured["log_loss"])
