"""A checkpoint that one framework trained opens in the others and in the reference, and scores the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from compare.parity import PROBABILITIES
from compare.portability import EVERYONE
from compare.report import write_report
from tests.conftest import ARCHITECTURES, Command


@pytest.fixture(scope="module")
def opened(command: Command, smoke_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = tmp_path_factory.mktemp("portability") / "smoke"
    shutil.copytree(smoke_runs, experiment)
    done = command("compare", "portability", experiment, "--reviews", 300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "within the tolerance" in done.stdout
    return experiment


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_checkpoint_opens_everywhere(opened: Path, architecture: str) -> None:
    found = json.loads((opened / "portability.json").read_text())
    assert tuple(found["names"]) == EVERYONE
    assert found["reviews"] == 300
    matrix = found["matrices"][architecture]
    assert len(matrix) == len(EVERYONE)
    for row in matrix:
        assert len(row) == len(EVERYONE)
        assert max(row) <= PROBABILITIES
    assert any(value > 0 for row in matrix for value in row), "float32 and float64 cannot agree in every digit"


def test_the_report_shows_the_matrices(opened: Path, tmp_path: Path) -> None:
    write_report(opened, tmp_path)
    for name in ("index.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "LSTM, trained in ↓ opened in →" in text
        assert text.count("NumPy reference") > len(ARCHITECTURES)


def test_an_experiment_without_runs_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("compare", "portability", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "no finished runs" in done.stderr
