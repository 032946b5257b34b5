"""The smoke preset in the lockstep recipe: formats, accuracy, agreement, and the same again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from compare.workers import Ask
from shared.contract import FRAMEWORKS
from shared.data.corpus import Corpus
from shared.differences import within
from shared.predictions import read_predictions, schema_of
from shared.runs import Run, read_record, read_runs
from shared.specification import Specification
from shared.weights import read_checkpoint
from tests.conformance import jobs
from tests.conftest import ARCHITECTURES, Command


@pytest.fixture(scope="module")
def cells(smoke_runs: Path) -> dict[tuple[str, str], Run]:
    return {(run.record.framework, run.record.architecture): run for run in read_runs(smoke_runs)}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_prediction_files_have_the_one_schema(
    cells: dict[tuple[str, str], Run], corpus: Corpus, framework: str, architecture: str
) -> None:
    path = cells[framework, architecture].directory / "predictions.parquet"
    schema = pq.read_schema(path)
    expected = schema_of(corpus.class_names)
    assert schema.equals(expected, check_metadata=True)
    assert schema.names == expected.names
    assert schema.types == expected.types
    table = pq.read_table(path)
    assert table["review_id"].to_pylist() == sorted(corpus.test.review_ids.tolist())
    assert not table["label"].null_count
    probabilities = np.stack([table[name].to_numpy() for name in expected.names[3:]], axis=1)
    assert np.array_equal(table["prediction"].to_numpy(), probabilities.argmax(axis=1))


def test_run_directories_are_whole(cells: dict[tuple[str, str], Run], framework: str, smoke: Specification) -> None:
    run = cells[framework, "gru"]
    names = {path.name for path in run.directory.iterdir()}
    assert names == {"record.json", "history.csv", "predictions.parquet", "validation.parquet", "checkpoint"}
    assert not list(run.directory.parent.glob(".*")), "no temporary folder is left"
    assert not list(run.directory.parent.glob("*.log")), "a cell that finished has no log"
    record = run.record
    assert record.specification == smoke.replaced(architecture="gru").model_dump()
    assert record.framework_version
    assert len(run.history) == smoke.epochs
    assert record.metrics["test"].keys() == {
        *("accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "calibration_error")
    }
    assert record.peak_memory_mb > 100


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_parameter_counts_are_identical(cells: dict[tuple[str, str], Run], architecture: str) -> None:
    counts = {cells[name, architecture].record.parameters for name in FRAMEWORKS}
    (count,) = counts
    assert count.total == count.trainable


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_cell_learns(cells: dict[tuple[str, str], Run], framework: str, architecture: str) -> None:
    assert cells[framework, architecture].record.metrics["test"]["accuracy"] > 0.70


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_frameworks_differ_by_two_points_at_most_and_agree(
    cells: dict[tuple[str, str], Run], architecture: str
) -> None:
    accuracies = [cells[name, architecture].record.metrics["test"]["accuracy"] for name in FRAMEWORKS]
    assert within(np.ptp(accuracies), 0.02)
    classes = [cells[name, architecture].predictions.classes for name in FRAMEWORKS]
    for first in classes:
        for second in classes:
            assert np.mean(first == second) >= 0.95


def test_the_same_seed_gives_the_same_predictions(
    command: Command, cells: dict[tuple[str, str], Run], framework: str, tmp_path: Path
) -> None:
    first = cells[framework, "bilstm"].directory
    flags = ("--preset", "smoke", "--architecture", "bilstm", "--seed", 0, "--out", tmp_path / "again")
    done = command(f"{framework}_impl", "train", *flags)
    assert done.returncode == 0, done.stderr
    one, other = (read_predictions(place / "predictions.parquet") for place in (first, tmp_path / "again"))
    assert np.array_equal(one.probabilities, other.probabilities)


def test_idiomatic_recipe_trains_and_its_checkpoint_is_exact(
    command: Command, ask: Ask, framework: str, corpus: Corpus, tmp_path: Path
) -> None:
    """Even a model with the framework's own layers leaves as canonical weights, and scores the same."""
    flags = ("--preset", "smoke", "--recipe", "idiomatic", "--architecture", "bilstm", "--epochs", 1)
    flags = (*flags, "--max-length", 32)
    done = command(f"{framework}_impl", "train", *flags, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / "run" / "record.json")
    assert record.recipe == "idiomatic"
    assert record.data.fingerprint == corpus.fingerprint
    checkpoint = read_checkpoint(tmp_path / "run")
    assert checkpoint.specification.recipe == "idiomatic"
    test = corpus.test
    short = type(test)(test.review_ids, test.labels, test.tokens, test.starts, test.sizes, 32, 0)
    # Two biases are added to one, a linear map is put into the embedding: rounding, no more.
    assert ask(jobs.largest_difference_from_checkpoint, framework, tmp_path / "run", short) <= 1e-5
