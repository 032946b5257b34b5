"""A checkpoint that one framework trained opens in the others and in the reference, and scores the same."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compare.formats import Portability
from compare.names import ARCHITECTURE_TITLES, NO_FRAMEWORK
from compare.proofs.parity import PROBABILITIES
from compare.proofs.portability import EVERYONE
from shared.contract import REFERENCE
from shared.differences import largest, within
from shared.runs import read_runs, run_directory
from shared.weights import read_checkpoint, save_checkpoint
from tests.conftest import ARCHITECTURES, Command
from tests.sealed import reseal_run
from tests.synthetic import write_experiment, write_texts
from tests.test_compare import reported


@pytest.fixture(scope="module")
def opened(command: Command, smoke_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = tmp_path_factory.mktemp("portability") / "[bold]|\x1b[31m<b>\n\u202e$x$"  # a name like any other
    shutil.copytree(smoke_runs, experiment)
    done = command("compare", "portability", experiment, "--reviews", 300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
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
        assert within(largest(row), PROBABILITIES)
    assert any(value > 0 for row in matrix for value in row), "float32 and float64 cannot agree in every digit"
    without = found["without_framework"][architecture]
    assert len(without["differences"]) == len(EVERYONE)
    assert within(largest(without["differences"]), PROBABILITIES)
    assert without["reviews_per_second"] > 0
    assert 0 < without["latency_ms"]["p50"] <= without["latency_ms"]["p99"]


def test_the_report_shows_the_matrices(opened: Path, tmp_path: Path) -> None:
    reported(opened, tmp_path)
    for name in ("index.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "in 4 frameworks and the NumPy reference, lockstep recipe" in text
        assert text.count("Trained in ↓, opened in →") >= len(ARCHITECTURES)
        for architecture in ARCHITECTURES:
            title = ARCHITECTURE_TITLES[architecture]
            assert f"{title}: largest difference of a probability, by where a checkpoint was trained" in text
        assert text.count("NumPy reference") > len(ARCHITECTURES)
        for architecture in ARCHITECTURES:
            assert f"{ARCHITECTURE_TITLES[architecture]}, {NO_FRAMEWORK}" in text, "in the table of costs"
        assert "a model trained in one framework opens in every other and gives the same probabilities" in text


@pytest.mark.parametrize(
    ("classes", "architecture", "fields"),
    [
        (5, "lstm", ()),
        (46, "gru", ("--class-weights", "balanced")),
        (2, "bilstm", ("--head", "sigmoid", "--spatial-dropout", 0.3, "--recurrent-dropout", 0.3)),
    ],
)
def test_so_does_every_checkpoint_of_other_classes(
    command: Command, tmp_path: Path, classes: int, architecture: str, fields: tuple[object, ...]
) -> None:
    """The reference's is there; the four frameworks' are trained as it was."""
    texts = write_texts(tmp_path / "texts.csv", {f"kind {number}": 14 for number in range(classes)})
    small = ("--vectors", "random", "--embedding-size", 8, "--hidden-size", 6, "--max-length", 8, "--epochs", 1)
    grid = ("--frameworks", REFERENCE, "--architectures", architecture, "--no-baselines")
    done = command("compare", "run", "--data", texts, *small, *fields, *grid, "--runs", tmp_path, "--experiment", "x")
    assert done.returncode == 0, done.stderr
    done = command("compare", "portability", tmp_path / "x", "--reviews", 100)
    assert done.returncode == 0, done.stdout + done.stderr
    found = Portability.model_validate(json.loads((tmp_path / "x" / "portability.json").read_text()))
    matrix = found.matrices[architecture]
    assert within(largest(found.without_framework[architecture].differences), PROBABILITIES)
    assert [len(row) for row in matrix] == [len(EVERYONE)] * len(EVERYONE)
    assert within(largest(value for row in matrix for value in row), PROBABILITIES)
    for run in read_runs(tmp_path / "x"):
        assert len(run.predictions.class_names) == run.predictions.probabilities.shape[1] == classes


def test_without_training_the_frameworks_that_have_runs_are_compared(
    command: Command, smoke_runs: Path, tmp_path: Path
) -> None:
    """One lacks an architecture, which is left out and named; the reference has trained nothing."""
    experiment = tmp_path / "smoke"
    places = [("keras", "lstm"), ("pytorch", "lstm"), ("pytorch", "gru"), ("fastai", "lstm"), ("fastai", "gru")]
    for name, architecture in places:
        shutil.copytree(*(run_directory(runs, name, architecture, 0) for runs in (smoke_runs, experiment)))
    before = sorted(path.relative_to(experiment) for path in experiment.rglob("*"))
    done = command("compare", "portability", experiment, "--no-train", "--reviews", 50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "within the tolerance" in done.stdout
    assert "left out: gru: no run of keras" in done.stderr
    found = Portability.model_validate(json.loads((experiment / "portability.json").read_text()))
    assert found.names == ["keras", "pytorch", "fastai"]
    assert (found.reviews, list(found.matrices)) == (50, ["lstm"])
    assert within(largest(value for row in found.matrices["lstm"] for value in row), PROBABILITIES)
    after = sorted(path.relative_to(experiment) for path in experiment.rglob("*"))
    assert after == sorted([*before, Path("portability.json")]), "nothing was trained"


def test_without_training_one_seed_is_compared(command: Command, tmp_path: Path) -> None:
    """Who has trained other seeds, or other architectures, cannot be held against each other."""
    texts = {"one": 30, "two": 30}
    experiment = write_experiment(tmp_path, texts, networks=[("keras", "lstm"), ("pytorch", "gru")])
    done = command("compare", "portability", experiment, "--no-train")
    assert done.returncode == 2
    assert "no architecture of which keras, pytorch have a run of the same seed" in done.stderr.splitlines()[-1]
    assert not (experiment / "portability.json").exists()


def test_an_experiment_without_runs_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("compare", "portability", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "no finished runs" in done.stderr


@pytest.mark.parametrize("value", [np.nan, 3e38], ids=["not a number", "too large for float32"])
def test_a_checkpoint_that_answers_with_nan_is_named_and_fails(
    command: Command, smoke_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    places = {name: run_directory(tmp_path / "smoke", name, "gru", 0) for name in EVERYONE}
    for name, place in places.items():
        shutil.copytree(run_directory(smoke_runs, name, "gru", 0), place)
    wrong = places["pytorch"] / "checkpoint"
    checkpoint = read_checkpoint(wrong)
    shutil.rmtree(wrong)
    kernel = np.full_like(checkpoint.weights["head.kernel"], value)
    monkeypatch.setattr("shared.weights.refuse_non_finite", lambda *_: None)  # nothing else would write it
    save_checkpoint(wrong, replace(checkpoint, weights={**checkpoint.weights, "head.kernel": kernel}))
    reseal_run(places["pytorch"])
    done = command("compare", "portability", tmp_path / "smoke", "--reviews", 50)
    assert done.returncode == 2, done.stdout
    assert str(wrong) in done.stderr.splitlines()[-1]
    assert "not finite" in done.stderr.splitlines()[-1]
    assert "within the tolerance" not in done.stdout
    assert not (tmp_path / "smoke" / "portability.json").exists()
