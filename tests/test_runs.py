from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data.encoding import Corpus
from shared.errors import LockstepError
from shared.files import write_json, written_whole
from shared.predictions import SCHEMA, Predictions, read_predictions, write_predictions
from shared.runs import experiment_name, read_record, read_runs, run_directory, this_commit, this_machine


def test_schema_is_the_documented_one() -> None:
    assert SCHEMA.names == ["review_id", "label", "prediction", "probability_negative", "probability_positive"]
    assert [str(field.type) for field in SCHEMA] == ["string", "int8", "int8", "float", "float"]


@given(
    st.lists(st.tuples(st.text(min_size=1), st.integers(-1, 1), st.floats(0, 1, width=32)), unique_by=lambda r: r[0])
)
def test_predictions_survive_their_file(rows: list[tuple[str, int, float]]) -> None:
    import tempfile

    rows = [row for row in rows if row[0].encode("utf-8", "ignore").decode() == row[0] and "\0" not in row[0]]
    positive = np.array([row[2] for row in rows], np.float32)
    made = Predictions(
        np.array([row[0] for row in rows], str),
        np.array([row[1] for row in rows], np.int8),
        np.stack([1 - positive, positive], axis=1),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        write_predictions(path, made)
        assert pq.read_schema(path).equals(SCHEMA)
        again = read_predictions(path)
    assert again.review_ids.tolist() == made.review_ids.tolist()
    assert np.array_equal(again.labels, made.labels)
    assert np.array_equal(again.probabilities, made.probabilities)


def test_predictions_are_ordered_by_review_id(corpus: Corpus) -> None:
    shuffled = corpus.test.take(np.random.default_rng(0).permutation(len(corpus.test)))
    values = np.arange(len(shuffled), dtype=np.float32)
    ordered = Predictions.of(shuffled, np.stack([values, values], axis=1))
    assert ordered.review_ids.tolist() == sorted(shuffled.review_ids.tolist())
    place = int(ordered.probabilities[0, 0])
    assert shuffled.review_ids[place] == ordered.review_ids[0]
    assert shuffled.labels[place] == ordered.labels[0]


def test_other_files_are_no_predictions(tmp_path: Path) -> None:
    with pytest.raises(LockstepError, match="cannot read predictions"):
        read_predictions(tmp_path / "absent.parquet")
    pq.write_table(pa.table({"review_id": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(LockstepError, match="its columns are not those"):
        read_predictions(tmp_path / "other.parquet")


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"first": 1})

    def fail_halfway() -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail_halfway()
    assert json.loads(path.read_text()) == {"first": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
    with written_whole(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "old").touch()
    with written_whole(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["new"]


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    for text, reason in [("{", "not a record"), ("[]", "not a record"), ('{"record_version": 9}', "record version 9")]:
        (tmp_path / "record.json").write_text(text)
        with pytest.raises(LockstepError, match=reason) as error:
            read_record(tmp_path / "record.json")
        assert "\n" not in str(error.value)
    with pytest.raises(LockstepError, match="no finished runs"):
        read_runs(tmp_path)


def test_names_and_places() -> None:
    assert experiment_name("quick", "lockstep") == "quick"
    assert experiment_name("quick", "idiomatic") == "quick-idiomatic"
    assert str(run_directory(Path("runs/quick"), "flair", "gru", 3)) == "runs/quick/flair/gru/seed-3"


def test_machine_and_commit_are_described() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_gb > 0
    assert this_commit()
