"""Each framework against the reference, and so against each other. Tolerances: see `compare.proofs.parity`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compare.__main__ import main as lockstep
from compare.formats import Parity
from compare.proofs.parity import (
    CASES,
    SHORT,
    TOLERANCES,
    TRAININGS,
    Case,
    Training,
    measure,
    measure_training,
    violations,
)
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


def test_the_short_proof_is_a_part_of_the_whole() -> None:
    """Which faults it notices, see `test_faults`."""
    assert set(SHORT.cases) < set(CASES)
    assert set(SHORT.trainings) < set(TRAININGS)
    assert {case.architecture for case in SHORT.cases} >= {"lstm", "gru", "bilstm"}
    for field in ("layers", "head", "class_weights"):
        assert {getattr(case, field) for case in SHORT.cases} == {getattr(case, field) for case in CASES}, field


def test_the_short_proof_says_so_and_fails_where_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held against less than rounding a right framework fails; what was measured is written all the same."""
    path = tmp_path / "parity.json"
    asked = ["parity", "--short", "--frameworks", "pytorch", "--out", str(path)]
    assert lockstep(asked) == 0
    assert (
        f"{len(SHORT.cases)} of {len(CASES)} models and {len(SHORT.trainings)} of {len(TRAININGS)} trainings"
        in " ".join(capsys.readouterr().out.split())
    )
    found = Parity.model_validate(json.loads(path.read_text()))
    assert found.short
    assert (found.cases, found.trainings) == (len(SHORT.cases), len(SHORT.trainings))
    assert found.largest.keys() == {"pytorch"}
    monkeypatch.setitem(TOLERANCES, "gradients", 1e-12)
    assert lockstep(asked) == 1
    found = Parity.model_validate(json.loads(path.read_text()))
    assert found.tolerances["gradients"] < (found.largest["pytorch"]["gradients"] or 0.0)
