"""Each framework against the reference, and so against each other. Tolerances: see `compare.proofs.parity`."""

from __future__ import annotations

import pytest

from compare.proofs.parity import CASES, TRAININGS, Case, Training, measure, measure_training, violations
from compare.workers import Ask
from shared.contract import FRAMEWORKS


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_and_backward(ask: Ask, framework: str, case: Case) -> None:
    assert not violations(measure(ask, framework, case))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("training", TRAININGS, ids=str)
def test_training_stays_in_step(ask: Ask, framework: str, training: Training) -> None:
    assert not violations(measure_training(ask, framework, training))
