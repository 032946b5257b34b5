"""Runs in TensorBoard and MLflow, read back with the packages themselves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.__main__ import main
from compare.exchange.track import (
    EVENTS,
    RECORD_TAG,
    MLflowStore,
    Tracked,
    log_directory,
    metric_part,
    read_tracked,
)
from shared.errors import LockstepError
from shared.files import checksum, manifest
from shared.runs import read_run
from tests.conftest import ROOT, Command
from tests.sealed import reseal_run
from tests.synthetic import write_experiment

REASON = "the extra 'track' is not installed"
EPOCHS = 3
OUT_OF_DOMAIN = {"../../a|b\x1b[31m": {"accuracy": 0.1 + 0.2}, "imdb": {"accuracy": 1 / 3}}
FRAMEWORKS = ("torch", "tensorflow", "keras", "flair", "fastai")

# Runs a command as a user does and tells which modules it imported and where it connected to.
OBSERVED = f"""
import json, sys, threading
connected = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        connected.append(repr(arguments))
sys.addaudithook(watch)
from compare.__main__ import main
code = main(sys.argv[1:])
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
loaded = sorted({{name.partition(".")[0] for name in sys.modules}} & set({FRAMEWORKS}))
print(json.dumps({{"code": code, "loaded": loaded, "connected": connected}}))
"""


def observed(folder: Path, *arguments: object) -> tuple[dict[str, Any], list[str]]:
    """Run a command of lockstep in a folder; return what was seen of it, and the lines that it said."""
    # MLflow sends no telemetry from where it takes for a test; a user's machine is none.
    strange = ("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS", "MLFLOW_TRACKING_URI", "DO_NOT_TRACK")
    environment = {name: value for name, value in os.environ.items() if name not in strange}
    environment = {**environment, "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "false"}
    done = subprocess.run(
        [sys.executable, "-c", OBSERVED, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *lines, seen = done.stdout.splitlines()
    return json.loads(seen), lines


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLflow puts the files of runs into the folder where a store was first opened, and keeps the store."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    yield
    os.chdir(before)


@pytest.fixture(scope="module")
def experiment(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained for some epochs, one that was tested out of domain, a baseline; and a damaged one."""
    folder = tmp_path_factory.mktemp("track")
    experiment = write_experiment(
        folder, {"good": 40, "bad": 40}, (("keras", "lstm"), ("pytorch", "lstm")), ("majority",), OUT_OF_DOMAIN
    )
    small = ("--vectors", "random", "--embedding-size", 4, "--hidden-size", 3, "--batch-size", 7, "--epochs", EPOCHS)
    place = experiment / "reference" / "gru" / "seed-0"
    flags = ("--data", folder / "texts.csv", "--architecture", "gru", "--progress", "none", "--threads", 1)
    done = command("shared.reference", "train", *flags, *small, "--out", place)
    assert done.returncode == 0, done.stderr
    history = experiment / "pytorch" / "lstm" / "seed-0" / "history.csv"
    history.write_bytes(history.read_bytes().replace(b"0.5", b"0.6", 1))
    return experiment


@pytest.fixture(scope="module")
def whole(experiment: Path) -> list[Path]:
    """The runs that are not damaged."""
    return [experiment / place / "seed-0" for place in ("baseline/majority", "keras/lstm", "reference/gru")]


def title(run: Path) -> str:
    return f"{run.parts[-3]} {run.parts[-2]} seed 0"


def metrics_of(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Every metric of a run with its steps, out of its files alone."""
    record = json.loads((run / "record.json").read_text())
    batches = -(-record["data"]["sizes"]["train"] // record["specification"]["batch_size"])
    expected: dict[str, list[tuple[int, float]]] = {}
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        epoch = int(row.pop("epoch"))
        for name, value in row.items():
            expected.setdefault(f"epoch/{name}", []).append((epoch * batches, float(value)))
    groups = {**record["metrics"], **{f"out_of_domain/{name}": one for name, one in record["out_of_domain"].items()}}
    groups |= {name: record[name] for name in ("seconds", "reviews_per_second", "latency_ms", "load") if record[name]}
    last = len(rows) * batches
    for group, values in groups.items():
        for name, value in values.items():
            if value is not None and name != "contended":
                expected[f"{group}/{name}"] = [(last, float(value))]
    expected["peak_memory_mb"] = [(last, float(record["peak_memory_mb"]))]
    return expected


def with_readable_names(found: dict[str, Any]) -> dict[str, Any]:
    """Give the source whose name no tracker takes its own name back."""
    strange, _ = OUT_OF_DOMAIN
    return {name.replace(metric_part(strange), strange): value for name, value in found.items()}


def parameters_of(run: Path) -> dict[str, Any]:
    """What must stand in the parameters of a run, out of its record alone."""
    record = json.loads((run / "record.json").read_text())
    same = ("framework", "framework_version", "architecture", "commit", "device", "threads", "seed", "recipe")
    return {
        **record["specification"],
        **{name: record[name] for name in same},
        **record["machine"],
        "data_fingerprint": record["data"]["fingerprint"],
        "train_reviews": record["data"]["sizes"]["train"],
        "weights": record["parameters"]["total"],
    }


# --- TensorBoard ---


@pytest.fixture(scope="module")
def accumulate() -> Iterator[Any]:
    """Read an event file as TensorBoard does, with its stand-in for TensorFlow."""
    pytest.importorskip("tensorboard", reason=REASON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorboard.compat.notf", types.ModuleType("notf"))
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        def read(directory: Path) -> Any:
            found = EventAccumulator(str(directory), {"scalars": 0, "tensors": 0, "compressedHistograms": 0})
            return found.Reload()

        yield read


@pytest.fixture(scope="module")
def logs(experiment: Path, accumulate: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("logs")
    seen, _ = observed(folder, "track", experiment, "--to", "tensorboard", "--out", "logs")
    return folder / "logs" / "experiment", seen


def log_of(logs: Path, run: Path) -> Path:
    return logs / title(run).replace(" ", "-")


def test_tensorboard_has_every_metric_of_a_run(logs: tuple[Path, dict[str, Any]], whole: list, accumulate: Any) -> None:
    for run in whole:
        read = accumulate(log_of(logs[0], run))
        found = {tag: [(one.step, one.value) for one in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
        # TensorBoard keeps float32; that is all that is lost.
        expected = {
            tag: [(step, float(np.float32(value))) for step, value in points] for tag, points in metrics_of(run).items()
        }
        assert with_readable_names(found) == expected
    assert len(found["epoch/training_loss"]) == EPOCHS
    assert len({loss for _, loss in found["epoch/training_loss"]}) == EPOCHS


def test_tensorboard_has_the_parameters_and_says_where_the_checkpoint_is(
    logs: tuple[Path, dict[str, Any]], whole: list[Path], accumulate: Any
) -> None:
    from tensorboard.plugins.hparams import metadata

    for run in whole:
        log = log_of(logs[0], run)
        read = accumulate(log)
        content = read.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        session = metadata.parse_session_start_info_plugin_data(content)
        found = {name: getattr(value, value.WhichOneof("kind")) for name, value in session.hparams.items()}
        for name, value in parameters_of(run).items():
            assert found[name] == (value if isinstance(value, int | float | str) else str(value)), name
        end = read.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
        assert metadata.parse_session_end_info_plugin_data(end).status == 1  # STATUS_SUCCESS
        checkpoint = run / "checkpoint"
        assert session.model_uri == (checkpoint.as_uri() if checkpoint.exists() else "")
        (text,) = read.Tensors("run")
        said = text.tensor_proto.string_val[0].decode().replace("\\", "")
        assert (str(checkpoint) in said) == checkpoint.exists()
        assert checksum(run / "record.json") in said
        assert (log / "record.json").read_bytes() == (run / "record.json").read_bytes()


def test_epochs_stand_at_the_times_when_they_ended(
    logs: tuple[Path, dict[str, Any]], whole: list[Path], accumulate: Any
) -> None:
    run = whole[-1]
    record = json.loads((run / "record.json").read_text())
    points = accumulate(log_of(logs[0], run)).Scalars("epoch/seconds")
    # Each epoch ends after its own seconds; a time of this century has microseconds as a float64.
    gaps = np.diff([point.wall_time for point in points])
    assert gaps == pytest.approx([point.value for point in points[1:]], rel=1e-6, abs=2e-6)
    ended = (run / "record.json").stat().st_mtime
    assert ended - record["seconds"]["training"] - record["seconds"]["prediction"] <= points[-1].wall_time <= ended


@pytest.mark.parametrize("tracker", ["tensorboard", "mlflow"])
def test_no_framework_is_imported_and_nothing_is_sent(tracker: str, request: pytest.FixtureRequest) -> None:
    _, seen = request.getfixturevalue("logs" if tracker == "tensorboard" else "store")
    assert seen == {"code": 0, "loaded": [], "connected": []}


def test_a_damaged_run_is_named_and_left_out(
    logs: tuple[Path, dict[str, Any]], whole: list[Path], experiment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {path.name for path in logs[0].iterdir()} == {log_of(logs[0], run).name for run in whole}
    read_tracked(experiment)
    assert f"left out: {experiment}/pytorch/lstm/seed-0/history.csv: was changed or damaged" in capsys.readouterr().err


def test_a_log_that_is_there_is_not_written_again(
    logs: tuple[Path, dict[str, Any]], experiment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in logs[0].rglob("*")}

    before = state()
    assert main(["track", str(experiment), "--to", "tensorboard", "--out", str(logs[0].parent)]) == 0
    assert state() == before
    assert capsys.readouterr().out.count("was there already") == 3


def test_a_log_of_another_run_is_replaced_only_with_overwrite(
    whole: list[Path], tmp_path: Path, accumulate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, out = tmp_path / "runs", tmp_path / "logs"
    for run in whole[1:]:
        shutil.copytree(run, runs / "/".join(run.parts[-3:]))
    words = ["track", str(runs), "--to", "tensorboard", "--out", str(out)]
    assert main(words) == 0
    shutil.rmtree(out / "runs" / "keras-lstm-seed-0")
    changed = runs / "reference" / "gru" / "seed-0"
    log = out / "runs" / "reference-gru-seed-0"
    reseal_run(changed, peak_memory_mb=4_321.0)
    before = manifest(out)
    assert main(words) == 2
    assert "reference-gru-seed-0: a TensorBoard log is there already; pass --overwrite" in capsys.readouterr().err
    assert manifest(out) == before  # nor was the other run's log written before this one was refused
    assert main([*words, "--overwrite"]) == 0
    (memory,) = accumulate(log).Scalars("peak_memory_mb")
    assert memory.value == 4_321.0
    assert (out / "runs" / "keras-lstm-seed-0" / EVENTS).exists()
    # A log whose event file was damaged is made anew; a folder with a file of somebody else's is left alone.
    (log / EVENTS).write_bytes(b"damaged")
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0
    (log / "notes.txt").write_text("mine")
    reseal_run(changed, peak_memory_mb=1.0)
    before = manifest(out)
    assert main([*words, "--overwrite"]) == 2
    assert "'notes.txt' in it is no part of one" in capsys.readouterr().err
    assert manifest(out) == before
    assert not list(out.rglob(".*"))


@pytest.mark.parametrize("inside", ["..", "."])
def test_logs_are_not_put_among_runs(
    inside: str, experiment: Path, accumulate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = manifest(experiment)
    words = ["track", str(experiment), "--to", "tensorboard", "--out", os.path.normpath(experiment / inside)]
    assert main(words) == 2
    assert f"{experiment}: holds runs, and logs are kept apart" in capsys.readouterr().err
    assert manifest(experiment) == before


# --- MLflow ---


@pytest.fixture(scope="module")
def store(experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder in which the experiment was handed to MLflow as it comes."""
    pytest.importorskip("mlflow", reason=REASON)
    folder = tmp_path_factory.mktemp("a folder ü")
    seen, _ = observed(folder, "track", experiment, "--to", "mlflow")
    return folder, seen


@pytest.fixture(scope="module")
def client(store: tuple[Path, dict[str, Any]]) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{store[0]}/mlflow.db")


def runs_in(client: Any, experiment: str) -> dict[str, Any]:
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    named = {run.info.run_name: run for run in found}
    assert len(named) == len(found)
    return named


def test_mlflow_has_every_value_of_every_run_to_the_last_bit(client: Any, whole: list[Path]) -> None:
    found = runs_in(client, "experiment")
    assert found.keys() == {title(run) for run in whole}
    for run in whole:
        kept = found[title(run)]
        history = {
            name: sorted((one.step, one.value) for one in client.get_metric_history(kept.info.run_id, name))
            for name in kept.data.metrics
        }
        assert with_readable_names(history) == metrics_of(run)
        for name, value in parameters_of(run).items():
            said = kept.data.params[name]
            assert (float(said) == value) if type(value) is float else said == str(value), name
        assert kept.info.status == "FINISHED"
        assert kept.data.tags[RECORD_TAG] == checksum(run / "record.json")
        assert kept.data.tags["lockstep.framework"] == run.parts[-3]
        record = json.loads((run / "record.json").read_text())
        # MLflow keeps milliseconds, of which each end may be rounded.
        assert kept.info.end_time - kept.info.start_time == pytest.approx(
            1_000 * sum(record["seconds"].values()), abs=1
        )


def test_mlflow_has_the_files_byte_for_byte(
    client: Any, store: tuple[Path, dict[str, Any]], whole: list[Path], tmp_path: Path
) -> None:
    assert {path.name for path in store[0].iterdir()} == {"mlflow.db", "mlruns"}
    for run in whole:
        kept = runs_in(client, "experiment")[title(run)]
        copied = tmp_path / "/".join(run.parts[-3:])
        copied.mkdir(parents=True)
        client.download_artifacts(kept.info.run_id, "", str(copied))
        assert manifest(copied) == manifest(run)
        assert read_run(copied).record == read_run(run).record


def test_tracked_twice_there_is_one_run(
    client: Any, store: tuple[Path, dict[str, Any]], experiment: Path, whole: list[Path]
) -> None:
    before = {run.info.run_id for run in runs_in(client, "experiment").values()}
    _, lines = observed(store[0], "track", experiment, "--to", "mlflow")
    assert sum("was there already" in line for line in lines) == len(whole)
    assert {run.info.run_id for run in runs_in(client, "experiment").values()} == before


@pytest.fixture
def opened(store: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MLflowStore:
    monkeypatch.chdir(tmp_path)  # MLflow puts the files of runs in a new experiment there
    return MLflowStore(f"sqlite:///{store[0]}/mlflow.db")


@pytest.fixture
def tracked(whole: list[Path]) -> Tracked:
    _, (run,) = read_tracked(whole[1])
    return run


def test_what_a_killed_process_left_is_deleted_and_the_run_tracked(opened: MLflowStore, tracked: Tracked) -> None:
    with opened.entered("killed") as experiment_id:
        left = opened.client.create_run(experiment_id, tags={RECORD_TAG: tracked.digest}, run_name=tracked.name)
        assert not opened.has(experiment_id, tracked)
        saved = opened.save(experiment_id, tracked)
        assert opened.has(experiment_id, tracked)
    assert [run.info.run_id for run in runs_in(opened.client, "killed").values()] == [saved]
    assert opened.client.get_run(left.info.run_id).info.lifecycle_stage == "deleted"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(OSError(28, "No space left on device"), LockstepError), (KeyboardInterrupt("stopped"), KeyboardInterrupt)],
)
def test_a_run_that_cannot_be_handed_over_whole_is_not_there(
    opened: MLflowStore,
    tracked: Tracked,
    raised: BaseException,
    expected: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise raised

    name = f"failing {type(raised).__name__}"
    with opened.entered(name) as experiment_id:
        with monkeypatch.context() as patch:
            patch.setattr(opened.client, "log_artifact", fail)
            with pytest.raises(expected, match=r"No space left|stopped"):
                opened.save(experiment_id, tracked)
        assert not opened.has(experiment_id, tracked)
        assert not runs_in(opened.client, name)
        opened.save(experiment_id, tracked)
        assert len(runs_in(opened.client, name)) == 1


def test_an_experiment_that_was_deleted_is_named(opened: MLflowStore, tracked: Tracked) -> None:
    with opened.entered("gone") as experiment_id:
        opened.client.delete_experiment(experiment_id)
    with pytest.raises(LockstepError, match="'gone' was deleted; restore it"), opened.entered("gone"):
        pass


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("carrier-pigeon://x", "unsupported URI 'carrier-pigeon://x'"),
        ("sqlite:////proc/nowhere/mlflow.db", "/proc/nowhere/mlflow.db: cannot be written"),
        ("sqlite:///texts.csv", "texts.csv: not an SQLite database"),
        ("sqlite:///other.db", "other.db: is the database of another program"),
        ("sqlite:///.", ": is a directory, not a file"),
        ("sqlite://", "is gone when the command ends"),
        ("http://me:secret@127.0.0.1:9/", "http://me:***@127.0.0.1:9/: MLflow cannot use it"),
    ],
)
def test_a_store_that_cannot_be_used_is_refused_in_one_line(
    uri: str,
    said: str,
    whole: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("mlflow", reason=REASON)
    import sqlite3

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    Path("texts.csv").write_text("text,label\n" * 100)
    with sqlite3.connect("other.db") as other:
        other.execute("CREATE TABLE vinyl (title TEXT)")
    other.close()
    before = manifest(tmp_path)
    assert main(["track", str(whole[1]), "--to", "mlflow", "--uri", uri]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
    assert "secret" not in error
    assert manifest(tmp_path) == before


def test_a_store_that_may_only_be_read_is_refused(
    store: tuple[Path, dict[str, Any]], whole: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "mlflow.db"
    shutil.copy(store[0] / "mlflow.db", copied)
    copied.chmod(0o400)
    if os.access(copied, os.W_OK):
        pytest.skip("this user may write to every file")
    assert main(["track", str(whole[1]), "--to", "mlflow", "--uri", f"sqlite:///{copied}"]) == 2
    assert capsys.readouterr().err == f"error: {copied}: cannot be written (Permission denied)\n"


# --- names, flags, extras ---


def test_names_that_mean_something_elsewhere_are_harmless(
    whole: list[Path],
    opened: MLflowStore,
    client: Any,
    tmp_path: Path,
    accumulate: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "a|b `c` <b>\x1b[31m\n\u202e.."
    run = tmp_path / name / "/".join(whole[1].parts[-3:])
    shutil.copytree(whole[1], run)
    out = tmp_path / "logs"
    assert main(["track", str(run.parents[2]), "--to", "tensorboard", "--out", str(out)]) == 0
    (folder,) = out.iterdir()
    assert folder.name == "a|b `c` <b>\\x1b[31m\\n\\u202e.."
    text = accumulate(folder / "keras-lstm-seed-0").Tensors("run")[0].tensor_proto.string_val[0].decode()
    assert "<b>" not in text
    assert "\x1b" not in text
    assert all(line.startswith("| ") and line.endswith(" |") for line in text.splitlines())
    for experiment in ([], ["--experiment", f"../{name}"]):
        words = ["track", str(run.parents[2]), "--to", "mlflow", "--uri", opened.uri, *experiment]
        assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    for kept in (folder.name, f"../{folder.name}"):
        assert list(runs_in(client, kept)) == ["keras lstm seed 0"]
    assert {path.name for path in tmp_path.iterdir()} <= {name, "logs", "mlruns"}


def test_the_architecture_of_a_record_leads_to_no_other_folder(whole: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "mine"
    shutil.copytree(whole[0], run)
    reseal_run(run, architecture="../../../x")
    experiment, (tracked,) = read_tracked(run)
    assert experiment == "mine"
    assert log_directory(tmp_path, experiment, tracked) == tmp_path / "mine" / "baseline-.._.._.._x-seed-0"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.text(), st.text("./ |é_", max_size=6)), min_size=1, max_size=6, unique=True))
def test_every_name_becomes_one_that_mlflow_takes_and_no_two_the_same(names: list[str]) -> None:
    validation = pytest.importorskip("mlflow.utils.validation", reason=REASON)
    made = [f"out_of_domain/{metric_part(name)}/accuracy" for name in names]
    for one in made:
        validation._validate_metric(one, 0.5, 0, 0)
    assert len(set(made)) == len(names)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "tensorboard"], "--to tensorboard needs --out DIR"),
        (["--to", "tensorboard", "--out", "x", "--uri", "x"], "--uri is for --to mlflow"),
        (["--to", "mlflow", "--out", "x"], "--out is for --to tensorboard"),
        (["--to", "mlflow", "--overwrite"], "--overwrite is for --to tensorboard"),
        (["--to", "mlflow", "--experiment", ""], "--experiment: is empty"),
        (["--to", "mlflow", "--uri", ""], "--uri: is empty"),
    ],
)
def test_flags_of_the_other_tracker_are_refused(
    words: list[str], said: str, whole: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["track", str(whole[0]), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("tracker", "needed"), [("tensorboard", "TensorBoard"), ("mlflow", "MLflow")])
def test_an_extra_that_is_not_installed_is_named(
    tracker: str,
    needed: str,
    whole: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    out = ["--out", str(tmp_path / "logs")] if tracker == "tensorboard" else []
    assert main(["track", str(whole[0]), "--to", tracker, *out]) == 2
    assert capsys.readouterr().err == f'error: --to {tracker} needs {needed}: pip install "lockstep[track]"\n'
    assert not list(tmp_path.iterdir())
