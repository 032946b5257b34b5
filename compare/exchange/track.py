"""Finished runs for the trackers that teams use: event files for TensorBoard, runs in an MLflow store."""

from __future__ import annotations

import importlib
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from compare.tables import escaped
from shared.errors import LockstepError
from shared.files import (
    MANIFEST,
    cache_directory,
    check_regular,
    checksum,
    digest,
    is_whole,
    manifest,
    read_bytes,
    reading,
    save_bytes,
    save_json,
)
from shared.output import Kind, Output, alone, check_folder
from shared.runs import LARGEST_RECORD, RUN, Run, read_experiment, read_run, records_of, run_directory
from shared.specification import from_record
from shared.terminal import printable

TITLES = {"tensorboard": "TensorBoard", "mlflow": "MLflow"}
RECORD = "record.json"
# TensorBoard knows an event file by "tfevents" in its name; the rest of the usual name is a time and a host.
EVENTS = "events.out.tfevents.lockstep"
LOG = Kind("a TensorBoard log", frozenset({EVENTS, RECORD, MANIFEST}), proof=RECORD)

# By this tag a run is found again in MLflow.
RECORD_TAG = "lockstep.record"
# MLflow takes no more at once, or of a value (mlflow.utils.validation).
MOST_METRICS, MOST_PARAMETERS, LONGEST_VALUE = 1_000, 100, 6_000
LONGEST_PART = 100  # letters, of what the name of a metric is made of
LONGEST_REASON = 300  # letters, of the first sentence that MLflow says
# What MLflow and its libraries are told; what the user has set stays, but for the telemetry.
QUIET = {"MLFLOW_LOGGING_LEVEL": "WARNING", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "GIT_PYTHON_REFRESH": "quiet"}
NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
MLFLOW_DEFAULT = "mlflow.db"


@dataclass(frozen=True)
class Point:
    """Metrics at one moment of a training.

    Attributes
    ----------
    step : int
        Training steps done.
    time : float
        Seconds since 1970, UTC.
    metrics : dict of str to float
        By name.
    """

    step: int
    time: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Tracked:
    """A finished run as a tracker takes it.

    Attributes
    ----------
    name : str
        ``keras lstm seed 0``.
    digest : str
        SHA-256 of ``record.json``, hexadecimal. The record has the checksums of all other files.
    started, ended : float
        Seconds since 1970, UTC. The record was written at the end, and its file says when.
    parameters : dict of str to object
        Every field of the specification, what trained it, on which data and machine.
    points : tuple of Point
        The epochs, ``epoch/<column of history.csv>``, and at the end the record's results.
    files : tuple of str
        Of the run, by their paths in its directory.
    directory : Path
        The run's.
    """

    name: str
    digest: str
    started: float
    ended: float
    parameters: dict[str, object]
    points: tuple[Point, ...]
    files: tuple[str, ...]
    directory: Path


def read_tracked(path: Path) -> tuple[str, list[Tracked]]:
    """Read a finished run, or all finished runs of an experiment, with the name of the experiment.

    A run that lies in no experiment is an experiment of its own. Damaged runs are named on standard error
    and left out.

    Raises
    ------
    LockstepError
        If there is nothing that can be read.
    """
    if not (path / RECORD).exists():
        return _name_of(path), [_tracked(run) for run in read_experiment(path)[0]]
    run = read_run(path)
    _ = run.validation  # damage is found here
    place, record = path.resolve(), run.record
    experiment = place.parents[min(2, len(place.parents) - 1)]
    inside = run_directory(experiment, record.framework, record.architecture, record.seed) == place
    return _name_of(experiment if inside else place), [_tracked(run)]


def _name_of(directory: Path) -> str:
    return printable(directory.resolve().name) or "runs"


def _tracked(run: Run) -> Tracked:
    record, path = run.record, run.directory / RECORD
    seconds, ended = record.seconds, path.stat().st_mtime
    started = max(0.0, ended - seconds.setup - seconds.training - seconds.prediction)
    whole = {RECORD, *record.files} if record.files else RUN.entries  # the first records kept no checksums
    return Tracked(
        name=printable(f"{record.framework} {record.architecture} seed {record.seed}"),
        digest=checksum(path),
        started=started,
        ended=ended,
        parameters=_parameters(run),
        points=(*_epochs(run, started + seconds.setup), Point(_steps(run, len(run.history)), ended, _results(run))),
        files=tuple(sorted(name for name in RUN.entries & whole if (run.directory / name).is_file())),
        directory=run.directory,
    )


def _parameters(run: Run) -> dict[str, object]:
    record = run.record
    sizes = record.data.sizes
    return {
        **from_record(record.specification).model_dump(),
        "framework": record.framework,
        "framework_version": record.framework_version,
        "architecture": record.architecture,  # of a baseline, its own name
        "record_version": record.record_version,
        "commit": record.commit,
        "data_source": record.data.source,
        "data_fingerprint": record.data.fingerprint,
        **{f"{split}_reviews": sizes[split] for split in ("train", "validation", "test")},
        "class_names": ", ".join(record.data.class_names),
        "weights": record.parameters.total,
        "trained_weights": record.parameters.trainable,
        "device": record.device,
        "threads": record.threads,
        **record.machine.model_dump(),
        "contended": record.load and record.load.contended,
    }


def _steps(run: Run, epochs: int) -> int:
    """Training steps in so many epochs; the last batch of an epoch may be smaller."""
    batch_size = from_record(run.record.specification).batch_size
    return epochs * -(-run.record.data.sizes["train"] // batch_size)


def _epochs(run: Run, started: float) -> Iterator[Point]:
    ends = accumulate((epoch.seconds for epoch in run.history), initial=started)
    next(ends)
    for epoch, end in zip(run.history, ends, strict=True):
        columns = {name: value for name, value in vars(epoch).items() if name != "epoch"}
        yield Point(_steps(run, epoch.epoch), end, {f"epoch/{name}": value for name, value in columns.items()})


def _results(run: Run) -> dict[str, float]:
    record = run.record
    load = record.load.model_dump() if record.load else {}
    groups: dict[str, Mapping[str, float]] = {
        "test": record.metrics["test"],
        "validation": record.metrics["validation"],
        **{f"out_of_domain/{metric_part(source)}": metrics for source, metrics in record.out_of_domain.items()},
        "seconds": record.seconds.model_dump(),
        "reviews_per_second": dict(record.reviews_per_second.items()),
        "latency_ms": dict(record.latency_ms.items()),
        "load": {name: value for name, value in load.items() if value is not None and name != "contended"},
    }
    named = {
        f"{group}/{metric_part(name)}": value for group, values in groups.items() for name, value in values.items()
    }
    return {**named, "peak_memory_mb": record.peak_memory_mb}


def metric_part(name: str) -> str:
    """Return a name as a part of the name of a metric: MLflow takes letters, digits and ``_-. :``, and no ``..``.

    One that had to be changed ends in its digest, so that no two become the same.
    """
    kept = re.sub(r"[^\w.\- :]", "_", name[:LONGEST_PART])
    return name if kept == name and name.strip(".") else f"{kept.strip('.')}_{digest(name)[:8]}"


def log_directory(out: Path, experiment: str, run: Tracked) -> Path:
    """Where the event file of a run is put below ``--out``: ``quick/keras-lstm-seed-0``."""
    return out / experiment / run.name.replace("/", "_").replace(" ", "-")


def check_no_runs(out: Path, experiment: str) -> None:
    """Raise a LockstepError if logs below ``--out`` would stand among runs."""
    for folder in (out, out / experiment):
        if folder.is_dir() and records_of(folder):
            raise LockstepError(f"{folder}: holds runs, and logs are kept apart; name another folder with --out")


def is_logged(run: Tracked, directory: Path) -> bool:
    """Whether a whole TensorBoard log of this very record stands there."""
    with suppress(OSError, ValueError):  # `Output` says what is wrong with what cannot be read
        whole = directory.is_dir() and LOG.stranger(directory) is None and is_whole(directory)
        return whole and checksum(directory / RECORD) == run.digest
    return False


def save_log(run: Tracked, place: Output) -> None:
    """Write the TensorBoard log of a run whole or not at all: the event file, the record, their checksums.

    The event file has a scalar for each metric, which TensorBoard keeps as **float32**; the exact values are
    in ``record.json`` beside it. It has the parameters for the HParams page, and a text that says where
    the run's files lie. No TensorFlow takes part.

    Raises
    ------
    LockstepError
        If TensorBoard is not installed, or nothing can be written there.
    """
    events = list(_events(run))
    with place.written() as directory:
        directory.mkdir()
        with (directory / EVENTS).open("xb") as file:
            writer = _module("tensorboard.summary.writer.record_writer").RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())
        save_bytes(directory / RECORD, read_bytes(run.directory / RECORD, "a record", LARGEST_RECORD))
        save_json(directory / MANIFEST, manifest(directory))


def _events(run: Tracked) -> Iterator[Any]:
    """Yield the ``Event`` messages of a log in their order."""
    event, summary, tensor, types = (
        _module(f"tensorboard.compat.proto.{name}_pb2") for name in ("event", "summary", "tensor", "types")
    )
    hparams = _module("tensorboard.plugins.hparams.metadata")
    plugin, api = (_module(f"tensorboard.plugins.hparams.{name}_pb2") for name in ("plugin_data", "api"))

    def message(time: float, step: int, *values: Any) -> Any:
        return event.Event(wall_time=time, step=step, summary=summary.Summary(value=values))

    def session(tag: str, **content: Any) -> Any:
        data = hparams.create_summary_metadata(plugin.HParamsPluginData(**content))
        return summary.Summary.Value(tag=tag, metadata=data, tensor=hparams.NULL_TENSOR)

    yield event.Event(wall_time=run.started, file_version="brain.Event:2")
    # As tensorboard.plugins.hparams.summary makes it, which imports TensorFlow.
    start = plugin.SessionStartInfo(start_time_secs=run.started, model_uri=_checkpoint_of(run))
    for name, value in run.parameters.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[name].number_value = value
        else:
            start.hparams[name].string_value = printable(str(value))
    yield message(run.started, 0, session(hparams.SESSION_START_INFO_TAG, session_start_info=start))
    for point in run.points:
        scalars = [summary.Summary.Value(tag=name, simple_value=value) for name, value in point.metrics.items()]
        yield message(point.time, point.step, *scalars)
    text = tensor.TensorProto(dtype=types.DT_STRING, string_val=[_whereabouts(run).encode()])
    shown = _module("tensorboard.plugins.text.metadata").create_summary_metadata("", "")
    yield message(run.ended, 0, summary.Summary.Value(tag="run", metadata=shown, tensor=text))
    end = plugin.SessionEndInfo(status=api.STATUS_SUCCESS, end_time_secs=run.ended)
    yield message(run.ended, 0, session(hparams.SESSION_END_INFO_TAG, session_end_info=end))


def _checkpoint_of(run: Tracked) -> str:
    return (run.directory.resolve() / "checkpoint").as_uri() if "checkpoint/model.json" in run.files else ""


def _whereabouts(run: Tracked) -> str:
    """Say in Markdown which run this is and where its files lie."""
    directory = run.directory.resolve()
    lies = {"run": run.name, "record (SHA-256)": run.digest, "directory": str(directory)}
    if _checkpoint_of(run):
        lies["checkpoint"] = str(directory / "checkpoint")
    rows = [("what", "value"), ("---", "---"), *((name, escaped(value)) for name, value in lies.items())]
    return "".join(f"| {name} | {value} |\n" for name, value in rows)


class MLflowStore:
    """An experiment in an MLflow store: its runs are found, and others are put into it.

    Nothing global is set but environment variables that switch MLflow's telemetry off and its log down.

    Parameters
    ----------
    uri : str, optional
        Of the store. Default: ``MLFLOW_TRACKING_URI``, or MLflow's own default, ``sqlite:///mlflow.db`` in
        the working directory.

    Raises
    ------
    LockstepError
        If MLflow is not installed, or cannot use the store.
    """

    def __init__(self, uri: str | None = None) -> None:
        check_installed("mlflow")
        self.mlflow = _module("mlflow")
        self.uri = _uri(self.mlflow, uri)
        self.client: Any = None
        with self._told():
            self.database = _database(self.uri)

    @property
    def title(self) -> str:
        """The store's URI without the password that may be in it."""
        return _without_password(self.uri)

    @contextmanager
    def entered(self, experiment: str) -> Iterator[str]:
        """Open the store and yield the id of the experiment with this name; what there is not yet is made.

        Of this user's processes on this machine one at a time is in this block for the same store: two that
        track the same run would both find that it is not there.
        """
        with alone(cache_directory() / "track" / digest(str(self.database or self.uri))):
            with self._told():
                self._open()
                found = self.client.get_experiment_by_name(experiment)
                if found is not None and found.lifecycle_stage != "active":
                    advice = "restore it with mlflow experiments restore, or name another with --experiment"
                    raise LockstepError(f"{self.title}: the experiment {experiment!r} was deleted; {advice}")
                made = found.experiment_id if found else self.client.create_experiment(experiment)
            yield made

    def _open(self) -> None:
        if self.database is not None:
            if self.database.exists():
                _check_database(self.database)
            else:
                self._make_database(self.database)
        self.client = self.mlflow.MlflowClient(tracking_uri=self.uri)

    def _make_database(self, path: Path) -> None:
        """Make an empty store; MLflow cannot open one whose making was interrupted."""
        with Output(path) as place, place.written() as temporary:
            quoted = re.sub("[%?#]", lambda found: f"%{ord(found[0]):02X}", str(temporary))
            self.mlflow.MlflowClient(tracking_uri=f"sqlite:///{quoted}").search_experiments()

    def has(self, experiment_id: str, run: Tracked) -> bool:
        """Whether the run is in the experiment; one that was begun and not finished is deleted."""
        with self._told():
            wanted = f"tags.`{RECORD_TAG}` = '{run.digest}'"
            states = {one.info.run_id: one.info.status for one in self.client.search_runs([experiment_id], wanted)}
            for run_id, state in states.items():
                if state == "RUNNING":
                    self.client.delete_run(run_id)
            return "FINISHED" in states.values()

    def save(self, experiment_id: str, run: Tracked) -> str:
        """Put a run into the experiment and return its id: parameters, metrics (float64), tags, all files.

        Raises
        ------
        LockstepError
            If the store cannot take it; what it has of the run is deleted.
        """
        tags = {name: _text(run.parameters[name]) for name in ("framework", "architecture", "recipe", "seed", "commit")}
        with self._told():
            made = self.client.create_run(
                experiment_id,
                start_time=_milliseconds(run.started),
                tags={RECORD_TAG: run.digest, **{f"lockstep.{name}": value for name, value in tags.items()}},
                run_name=run.name,
            )
            run_id = str(made.info.run_id)
            try:
                self._log(run_id, run)
                self.client.set_terminated(run_id, "FINISHED", _milliseconds(run.ended))
            except BaseException:
                self.client.delete_run(run_id)
                raise
            return run_id

    def _log(self, run_id: str, run: Tracked) -> None:
        parameters = [self.mlflow.entities.Param(name, _text(value)) for name, value in run.parameters.items()]
        for start in range(0, len(parameters), MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[start : start + MOST_PARAMETERS])
        metrics = [
            self.mlflow.entities.Metric(name, value, _milliseconds(point.time), point.step)
            for point in run.points
            for name, value in point.metrics.items()
        ]
        for start in range(0, len(metrics), MOST_METRICS):
            self.client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])
        for name in run.files:
            self.client.log_artifact(run_id, str(run.directory / name), name.rpartition("/")[0] or None)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn whatever MLflow and the libraries of its stores raise into one line."""
        try:
            yield
        except (LockstepError, MemoryError):
            raise
        except Exception as error:  # they have no common class
            said = _without_password(str(error)).strip().splitlines() or [type(error).__name__]
            reason = said[0].partition(". ")[0][:LONGEST_REASON]
            raise LockstepError(f"{self.title}: MLflow cannot use it ({reason}); name another with --uri") from error


def _without_password(text: str) -> str:
    return re.sub(r"(://[^/@:\s]*:)[^/\s]*@", r"\1***@", text)


def _text(value: object) -> str:
    """Return what MLflow keeps of a parameter, which is text: floats have all their digits."""
    text = printable(str(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _milliseconds(seconds: float) -> int:
    return round(max(0.0, seconds) * 1_000)


def _uri(mlflow: Any, uri: str | None) -> str:
    asked = uri or str(mlflow.get_tracking_uri())
    # MLflow quotes the folder in its default, and then makes an empty folder with the quoted name.
    scheme, _, path = asked.partition(":///")
    own = scheme == "sqlite" and not uri and unquote(path) == os.path.abspath(MLFLOW_DEFAULT)
    return f"sqlite:///{MLFLOW_DEFAULT}" if own else asked


def _database(uri: str) -> Path | None:
    """Return the SQLite file of a store that is one, with no link in its path."""
    if not re.match(r"sqlite(\+\w+)?:", uri):
        return None
    name = unquote(_module("sqlalchemy").make_url(uri).database or ":memory:")
    if name == ":memory:":
        raise LockstepError(f"{uri}: is gone when the command ends; name a file: sqlite:///{MLFLOW_DEFAULT}")
    return Path(name).resolve()


def _check_database(path: Path) -> None:
    """Refuse at once what MLflow would try again and again for a minute, and databases of other programs."""
    check_regular(path)
    check_folder(path.parent)
    if not os.access(path, os.W_OK):
        raise LockstepError(f"{path}: cannot be written (Permission denied)")
    tables = _tables(path)
    if tables and not {"experiments", "alembic_version"} <= tables:
        raise LockstepError(f"{path}: is the database of another program; name another place with --uri")


def _tables(path: Path) -> set[str]:
    with reading(path, "an SQLite database", "name another place with --uri"), closing(sqlite3.connect(path)) as opened:
        return {name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def check_installed(tracker: str) -> None:
    """Raise a LockstepError if the package of a tracker, ``mlflow`` or ``tensorboard``, cannot be imported."""
    if tracker == "mlflow":  # MLflow reads these when it is imported
        os.environ.update(NO_TELEMETRY)
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
    _module(tracker)


def _module(name: str) -> Any:
    """Import a module of an extra."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        tracker = "tensorboard" if name.startswith("tensorboard") else "mlflow"
        raise LockstepError(f'--to {tracker} needs {TITLES[tracker]}: pip install "lockstep[track]"') from error
