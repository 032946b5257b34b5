from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss
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
    recorder = Recorder(specification, 50, np.array([0, 1], np.int8), Silent(), lambda: now, loaded.append)
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
    labels = np.array([0, 1], np.int8)
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


def test_metrics_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 500)
    positive = generator.random(500).astype(np.float32)
    probabilities = np.stack([1 - positive, positive], axis=1)
    measured = evaluate(labels, probabilities)
    assert measured["log_loss"] == pytest.approx(sklearn_log_loss(labels, probabilities.astype(float)), rel=1e-5)
    assert measured["brier"] == pytest.approx(2 * brier_score_loss(labels, positive), rel=1e-5)
    assert measured["accuracy"] == np.mean((positive > 0.5) == labels)


def test_calibration_error_by_hand() -> None:
    # Two bins: confidence 0.9 and right half the time; confidence 0.6 and always right.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert calibration_error(np.array([0, 1, 1, 1]), probabilities) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


def test_a_sure_and_wrong_answer_has_a_finite_loss() -> None:
    measured = evaluate(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]], np.float32))
    assert np.isfinite(measured["log_loss"])
