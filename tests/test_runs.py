from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract import FRAMEWORKS
from shared.data.corpus import Corpus
from shared.errors import LockstepError
from shared.files import seal
from shared.predictions import Predictions, read_predictions, save_predictions, schema_of
from shared.runs import (
    experiment_name,
    read_experiment,
    read_record,
    read_records,
    read_runs,
    run_directory,
    this_commit,
    this_machine,
)
from tests.conftest import ROOT
from tests.sealed import reseal_run
from tests.synthetic import write_experiment


def test_schema_is_the_documented_one() -> None:
    schema = schema_of(("negative", "positive"))
    assert schema.names == ["review_id", "label", "prediction", "probability_negative", "probability_positive"]
    assert [str(field.type) for field in schema] == ["string", "int8", "int8", "float", "float"]


def test_labels_are_as_small_as_the_number_of_classes_allows() -> None:
    for classes, kind in ((127, "int8"), (128, "int16"), (1_000, "int16")):
        schema = schema_of([f"class {number}" for number in range(classes)])
        assert [str(schema.field(name).type) for name in ("label", "prediction")] == [kind, kind]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(
    ids=st.lists(NAMES, unique=True),
    class_names=st.one_of(
        st.lists(NAMES, min_size=1, max_size=6, unique=True), st.just([f"class {number}" for number in range(200)])
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_predictions_survive_their_file(ids: list[str], class_names: list[str], seed: int) -> None:
    generator, names = np.random.default_rng(seed), tuple(class_names)
    made = Predictions(
        np.array(sorted(ids), object),
        generator.integers(-1, len(names), len(ids)).astype(np.int16),
        generator.dirichlet(np.full(len(names), 0.2), len(ids)).astype(np.float32).reshape(-1, len(names)),
        names,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        save_predictions(path, made)
        assert pq.read_schema(path).equals(schema_of(names))
        again = read_predictions(path)
    assert again.review_ids.tolist() == made.review_ids.tolist()
    assert again.class_names == names
    assert np.array_equal(again.labels, made.labels)
    assert np.array_equal(again.probabilities, made.probabilities)


def test_predictions_are_ordered_by_review_id(corpus: Corpus) -> None:
    shuffled = corpus.test.take(np.random.default_rng(0).permutation(len(corpus.test)))
    values = np.arange(len(shuffled), dtype=np.float32)
    shares = values / len(values)
    ordered = Predictions.of(shuffled, np.stack([shares, 1 - shares], axis=1), corpus.class_names)
    assert ordered.review_ids.tolist() == sorted(shuffled.review_ids.tolist())
    place = round(ordered.probabilities[0, 0] * len(values))
    assert shuffled.review_ids[place] == ordered.review_ids[0]
    assert shuffled.labels[place] == ordered.labels[0]


def test_other_files_are_no_predictions(tmp_path: Path) -> None:
    with pytest.raises(LockstepError, match="cannot be read"):
        read_predictions(tmp_path / "absent.parquet")
    pq.write_table(pa.table({"review_id": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(LockstepError, match="its columns are not those"):
        read_predictions(tmp_path / "other.parquet")


IDS, LABELS = np.array(["a", "b"], object), np.array([0, 1], np.int16)
CLASSES = ("negative", "positive")
PROBABILITIES = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)


@pytest.mark.parametrize(
    ("ids", "labels", "probabilities", "reason"),
    [
        (IDS, LABELS, [[0.75, 0.25], [7, -6]], "review 'b' has probabilities that are not between 0 and 1"),
        (IDS, LABELS, [[np.nan, np.nan], [0.5, 0.5]], "review 'a' has probabilities"),
        (IDS, LABELS, [[np.nan, 0.25], [0.5, 0.5]], "review 'a' has probabilities"),
        (IDS, LABELS, [[np.inf, 0.25], [0.5, 0.5]], "review 'a' has probabilities"),
        (IDS, LABELS, [[0.9, 0.9], [0.5, 0.5]], "do not sum to 1"),
        (IDS, [0, 2], PROBABILITIES, "review 'b' has a label that is none of 2 classes"),
        (IDS, [-2, 0], PROBABILITIES, "review 'a' has a label"),
        (["a", "a"], LABELS, PROBABILITIES, "review 'a' stands twice"),
        (["b", "a"], LABELS, PROBABILITIES, "not in the order of the ids"),
        (["a", "b" * 1_001], LABELS, PROBABILITIES, "no text of at most 1000 characters"),
        (["a", None], LABELS, PROBABILITIES, "no text"),
        (IDS, LABELS, PROBABILITIES[:1], "do not fit"),
        (IDS, [0], PROBABILITIES, "do not fit"),
    ],
)
def test_predictions_that_mean_nothing_cannot_be_made(
    ids: object, labels: object, probabilities: object, reason: str
) -> None:
    with pytest.raises(LockstepError, match=reason):
        Predictions(np.array(ids, object), np.array(labels, np.int16), np.array(probabilities, np.float32), CLASSES)


def test_predictions_of_other_numbers_of_classes_do_not_fit() -> None:
    with pytest.raises(LockstepError, match="2 reviews and 3 classes do not fit"):
        Predictions(IDS, LABELS, PROBABILITIES, ("one", "two", "three"))


def change(table: pa.Table, column: str, values: list[object]) -> pa.Table:
    place = table.schema.get_field_index(column)
    return table.set_column(place, table.schema.field(column), pa.array(values, table.schema.field(column).type))


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("prediction", [1, 0], "not the class with the highest probability"),
        ("probability_negative", [7, 0.5], "review 'a' has probabilities"),
        ("review_id", ["b", "a"], "not in the order of the ids"),
        ("label", [5, 1], "none of 2 classes"),
        # Columns that may not be empty cannot be written so; a file in which they may has another schema.
        ("prediction", [None, 0], "its columns are not those"),
        ("review_id", [None, "b"], "its columns are not those"),
        ("probability_negative", [None, 0.5], "its columns are not those"),
    ],
)
def test_edited_predictions_are_refused(tmp_path: Path, column: str, values: list[object], reason: str) -> None:
    path = tmp_path / "predictions.parquet"
    save_predictions(tmp_path / "whole.parquet", Predictions(IDS, LABELS, PROBABILITIES, CLASSES))
    table = change(pq.read_table(tmp_path / "whole.parquet"), column, values)
    if None in values:
        table = table.cast(pa.schema([field.with_nullable(True) for field in table.schema]))
    pq.write_table(table, path)
    with pytest.raises(LockstepError, match=reason) as error:
        read_predictions(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    for text, reason in [
        ("{", "not a record"),
        ("[]", "not a record"),
        ("[" * 100_000, "not a record"),
        ('{"record_version": 9}', "record version 9"),
        ('{"record_version": 2}', "was changed or damaged"),
        (json.dumps(seal({"record_version": 2})), "is missing|Field required"),
    ]:
        (tmp_path / "record.json").write_text(text)
        with pytest.raises(LockstepError, match=reason) as error:
            read_record(tmp_path / "record.json")
        assert "\n" not in str(error.value)
        assert str(error.value).startswith(str(tmp_path / "record.json"))
    with pytest.raises(LockstepError, match="no finished runs"):
        read_runs(tmp_path)


def test_records_of_the_results_are_read() -> None:
    """They are of version 1, which had no checksums."""
    records = sorted((ROOT / "results").rglob("record.json"))
    assert len(records) > 50
    for path in records:
        assert read_record(path).record_version == 1


@pytest.mark.parametrize("name", ["full", "full-pretrained"])
def test_published_records_are_read_without_their_runs(name: str) -> None:
    """Of these experiments `record.json` alone was published."""
    records, left_out = read_records(ROOT / "results" / name)
    assert not left_out
    assert len(records) == len(list((ROOT / "results" / name).rglob("record.json"))) > 20
    assert {record.framework for record in records} >= set(FRAMEWORKS)
    with pytest.raises(LockstepError, match="holds records without their predictions"):
        read_experiment(ROOT / "results" / name)


def test_records_alone_are_held_against_their_checksums_and_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = write_experiment(tmp_path, {"one": 30, "two": 30}, networks=[("keras", "gru"), ("keras", "lstm")])
    whole = [run.record for run in read_runs(experiment)]
    for path in experiment.rglob("*"):
        if path.is_file() and path.name != "record.json":
            path.unlink()
    assert read_records(experiment) == (whole, [])
    (changed,) = experiment.glob("keras/lstm/seed-0/record.json")
    changed.write_text(changed.read_text().replace('"seed": 0', '"seed": 1'))
    (experiment / "flair").mkdir()
    shutil.copytree(experiment / "keras" / "gru", experiment / "flair" / "gru")
    found, left_out = read_records(experiment)
    assert found == whole[:1]
    assert len(left_out) == 2
    assert "holds the run of another cell" in left_out[0]
    assert f"{changed}: was changed or damaged" in left_out[1]
    assert capsys.readouterr().err.count("left out: ") == 2
    with pytest.raises(LockstepError, match="is no folder of runs"):
        read_records(tmp_path / "nowhere")


def test_load_and_latency_survive_their_file(tmp_path: Path) -> None:
    networks = [("keras", "gru"), ("keras", "lstm")]
    experiment = write_experiment(tmp_path, {"one": 30, "two": 30}, networks, contended=networks[:1])
    gru, lstm = read_records(experiment)[0]
    assert gru.load is not None
    assert lstm.load is not None
    assert (gru.load.contended, lstm.load.contended) == (True, False)
    assert gru.load.busy_elsewhere == 1.5
    assert gru.latency_ms == {"p50": 1.0, "p95": 2.0, "p99": 3.0}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latency_ms": {"p50": 1.0}}, "a percentile is missing"),
        ({"latency_ms": {"p50": 1.0, "p95": 1.0, "p98": 1.0}}, "latency_ms"),
        ({"latency_ms": {"p50": 1.0, "p95": 1.0, "p99": -1.0}}, "latency_ms"),
        ({"load": {"processor_seconds": -1}}, "load"),
        ({"load": "idle"}, "load"),
    ],
)
def test_a_load_or_latency_that_means_nothing_is_refused(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    experiment = write_experiment(tmp_path, {"one": 30, "two": 30}, networks=[("keras", "gru")])
    (place,) = experiment.glob("*/*/seed-0")
    reseal_run(place, **changes)
    with pytest.raises(LockstepError, match=reason):
        read_record(place / "record.json")


def test_a_run_from_before_its_load_was_measured_is_read(tmp_path: Path) -> None:
    experiment = write_experiment(tmp_path, {"one": 30, "two": 30}, networks=[("keras", "gru")])
    (place,) = experiment.glob("*/*/seed-0")
    record = json.loads((place / "record.json").read_text())
    del record["load"], record["latency_ms"]
    (place / "record.json").write_text(json.dumps(seal(record)))
    (run,) = read_runs(experiment)
    assert run.record.load is None
    assert run.record.latency_ms == {}


def test_a_run_from_before_there_were_other_classes_is_read(tmp_path: Path) -> None:
    """Its record names no classes and nothing out of its domain; the labels in its predictions are of one byte."""
    experiment = write_experiment(tmp_path, {"negative": 40, "positive": 40}, networks=[("pytorch", "lstm")])
    (place,) = experiment.glob("*/*/seed-0")
    assert str(pq.read_schema(place / "predictions.parquet").field("label").type) == "int8"
    record = json.loads((place / "record.json").read_text())
    newer = ("class_names", "accounts"), ("spatial_dropout", "recurrent_dropout", "head", "class_weights", "labels")
    for section, names in zip((record["data"], record["specification"]), newer, strict=True):
        for name in names:
            del section[name]
    del record["out_of_domain"]
    (place / "record.json").write_text(json.dumps(seal(record)))
    (run,) = read_runs(experiment)
    assert run.record.data.class_names == ()
    assert run.predictions.class_names == ("negative", "positive")
    assert run.predictions.labels.dtype == np.int16


def test_a_run_whose_record_names_other_classes_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = write_experiment(tmp_path, {"one": 30, "two": 30, "three": 30}, networks=[("pytorch", "lstm")])
    (place,) = experiment.glob("*/*/seed-0")
    record = json.loads((place / "record.json").read_text())
    record["data"]["class_names"] = ["one", "two", "four"]
    (place / "record.json").write_text(json.dumps(seal(record)))
    with pytest.raises(LockstepError, match="none of its runs can be read"):
        read_runs(experiment)
    assert "predictions.parquet: has other classes than its record" in capsys.readouterr().err


def test_names_and_places() -> None:
    assert experiment_name("lockstep") == "quick"
    assert experiment_name("idiomatic", "full") == "full-idiomatic"
    assert experiment_name("lockstep", None, "reuters") == "reuters"
    assert experiment_name("idiomatic", "tuned", "reuters") == "reuters-tuned-idiomatic"
    assert str(run_directory(Path("runs/quick"), "flair", "gru", 3)) == "runs/quick/flair/gru/seed-3"


def test_machine_and_commit_are_described() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_gb > 0
    assert this_commit()
