"""A run on disk: ``record.json``, ``history.csv``, predictions of the test and the validation reviews, a checkpoint."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.data.account import Account
from shared.errors import LockstepError
from shared.files import check_file, check_seal, manifest, read_bytes, reading, save_json, seal
from shared.frameworks import FRAMEWORKS, REFERENCE
from shared.history import LONGEST_ROW, Epoch, History, read_history
from shared.metrics import evaluate
from shared.output import Kind, Output
from shared.predictions import Predictions, read_predictions, save_predictions
from shared.specification import DEFAULT_PRESET, from_record
from shared.terminal import counted, say
from shared.weights import CHECKPOINT, Checkpoint, read_specification, save_checkpoint

# Version 1 had no checksums. Its runs are read, and what can be recomputed is.
RECORD_VERSION = 2
LARGEST_RECORD = 10_000_000  # bytes
FILES = ("record.json", "history.csv", "predictions.parquet", "validation.parquet")
RUN = Kind(
    "a run",
    frozenset((*FILES, *(f"checkpoint/{entry}" for entry in CHECKPOINT.entries))),
    proof="record.json",
)
# Metrics are computed again from the predictions: sums in another order on another machine.
METRIC_TOLERANCE = 1e-4

Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Percentile = Literal["p50", "p95", "p99"]
Found = TypeVar("Found")


def _known(framework: str) -> str:
    known = (*FRAMEWORKS, REFERENCE, "baseline")
    if framework not in known:
        raise ValueError(f"{framework!r} is none of {', '.join(known)}")
    return framework


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Strict):
    """Which reviews: `empty` counts the test reviews without a single token, `accounts` say what was read and left out.

    Of records from before there were other classes, `class_names` is empty.
    """

    source: str
    fingerprint: str
    sizes: dict[str, Count]
    empty: Count
    class_names: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()


class Parameters(_Strict):
    """Numbers in the canonical weights, and how many of them the framework trains."""

    total: Count
    trainable: Count


class Seconds(_Strict):
    """Wall-clock seconds; training is without validation, setup is all before it."""

    setup: Positive
    training: Positive
    prediction: Positive


class Load(_Strict):
    """What a training had of the machine, its validation included.

    Attributes
    ----------
    processor_seconds : float
        Processor time of the process, over all its threads.
    wall_seconds : float
        Time that passed.
    busy_elsewhere : float or None
        How many of the cores that the process may use others kept busy meanwhile, as a mean; what a hypervisor gave
        to other machines counts too. None where the system does not say.
    load_average : float or None
        Threads that ran or waited for a processor, its own among them: mean of the one-minute averages at its
        beginning and at its end.
    contended : bool or None
        Whether others left it clearly less than it could use (see `shared.load.load_between`): then its times are
        not those of the framework. None where that is not known.
    """

    processor_seconds: Positive
    wall_seconds: Positive
    busy_elsewhere: Positive | None
    load_average: Positive | None
    contended: bool | None


class Machine(_Strict):
    """What it ran on."""

    system: str
    processor: str
    cores: int
    memory_gb: float
    python: str


class Record(_Strict):
    """``record.json``.

    ``optimizer`` is empty in records of earlier versions and of baselines. ``metrics`` has ``validation`` and
    ``test``, each with every metric of `shared.metrics.evaluate`;
    ``out_of_domain`` has the same for sources of other tasks that the model was tested on too;
    ``reviews_per_second`` has ``training`` and ``prediction``; memory is the process's peak. ``load`` is that of the
    training, None in records of earlier versions. ``latency_ms`` are percentiles of what the answer about a single
    review takes, in milliseconds: of a network from its word ids, of a baseline from its text. ``inputs`` has the
    SHA-256 of the files that the specification names, ``files`` that of every file of the run, by its path
    there, and ``checksum`` that of the record itself. ``resumed`` is how often the training went on from a state that
    was kept of it: its seconds and its load are then of all parts together, without what was lost between a state and
    the end of its process; the other seconds and the memory are those of the last process.
    """

    record_version: Literal[1, 2] = 2
    framework: Annotated[str, AfterValidator(_known)]
    framework_version: str
    architecture: str
    optimizer: str = ""
    recipe: Literal["lockstep", "idiomatic"]
    seed: Count
    specification: dict[str, object]
    data: Data
    parameters: Parameters
    metrics: dict[Literal["validation", "test"], dict[str, Finite]]
    out_of_domain: dict[str, dict[str, Finite]] = {}
    seconds: Seconds
    reviews_per_second: dict[Literal["training", "prediction"], Positive]
    latency_ms: dict[Percentile, Positive] = {}
    peak_memory_mb: Positive
    load: Load | None = None
    device: str
    threads: Annotated[int, Field(ge=1)]
    resumed: Count = 0
    machine: Machine
    commit: str
    inputs: dict[str, str] = {}
    files: dict[str, str] = {}
    checksum: str = ""

    @model_validator(mode="after")
    def _means_something(self) -> Record:
        specification = from_record(self.specification)
        for name in ("seed", "recipe"):
            if getattr(self, name) != getattr(specification, name):
                raise ValueError(f"{name} {getattr(self, name)!r} is not the specification's")
        if self.framework != "baseline" and self.architecture != specification.architecture:
            raise ValueError(f"architecture {self.architecture!r} is not the specification's")
        for name, expected in (
            ("metrics", {"validation", "test"}),
            ("reviews_per_second", {"training", "prediction"}),
        ):
            if getattr(self, name).keys() != expected:
                raise ValueError(f"{name} are not {' and '.join(sorted(expected))}")
        if self.latency_ms and len(self.latency_ms) != len(get_args(Percentile)):
            raise ValueError("latency_ms: a percentile is missing")
        if not {"train", "validation", "test"} <= self.data.sizes.keys():
            raise ValueError("data.sizes: a split is missing")
        return self


@dataclass(frozen=True)
class Run:
    """A finished run, as read from its directory."""

    directory: Path
    record: Record
    history: list[Epoch]
    predictions: Predictions

    @cached_property
    def validation(self) -> Predictions:
        """Predictions of the validation reviews, from which the weights of an ensemble come."""
        return _scored_predictions(self.directory, self.record, "validation")


def run_directory(runs: Path, framework: str, architecture: str, seed: int) -> Path:
    """Where a cell's run stands below its experiment's directory."""
    return runs / framework / architecture / f"seed-{seed}"


def experiment_name(recipe: str, preset: str | None = None, task: str | None = None) -> str:
    """``quick``, ``reuters``, ``reuters-tuned``: task and preset as far as given, and ``-idiomatic`` in that recipe."""
    parts = (task, preset or (None if task else DEFAULT_PRESET), None if recipe == "lockstep" else recipe)
    return "-".join(part for part in parts if part)


def is_finished(directory: Path) -> bool:
    """Whether a whole run stands there; runs are renamed into place when whole."""
    return (directory / "record.json").is_file()


def write_run(
    place: Output,
    record: Record,
    history: History,
    predictions: Predictions,
    validation: Predictions,
    checkpoint: Checkpoint | None,
) -> None:
    """Write a run whole or not at all; baselines have no checkpoint. The record comes last: it names the others."""
    with place.written() as directory:
        directory.mkdir()
        history.save(directory / "history.csv")
        save_predictions(directory / "predictions.parquet", predictions)
        save_predictions(directory / "validation.parquet", validation)
        if checkpoint is not None:
            save_checkpoint(directory / "checkpoint", checkpoint)
        values = record.model_copy(update={"files": manifest(directory)}).model_dump(exclude={"checksum"})
        save_json(directory / "record.json", seal(values))


def read_record(path: Path) -> Record:
    """Read ``record.json``.

    Raises
    ------
    LockstepError
        If it is missing, damaged, changed by hand, or of another version.
    """
    with reading(path, "a record", "remove the run and train it again"):
        values = json.loads(read_bytes(path, "a record", LARGEST_RECORD))
        version = values["record_version"]
        if version not in (1, RECORD_VERSION):
            raise LockstepError(f"{path}: record version {version}, this program reads {RECORD_VERSION}")
        if version == RECORD_VERSION:
            check_seal(values)
        record = Record.model_validate(values)
        if version == RECORD_VERSION and not {"history.csv", "predictions.parquet", "validation.parquet"} <= set(
            record.files
        ):
            raise LockstepError(f"{path}: names no checksums of its files")
    return record


def read_run(directory: Path) -> Run:
    """Read a finished run, hold its files against their checksums and its record against its predictions.

    Raises
    ------
    LockstepError
        If a file is missing, damaged or changed, or the record says what its predictions do not.
    """
    record = read_record(directory / "record.json")
    epochs = _epochs(record)
    check_file(directory / "history.csv", None, largest=(epochs + 1) * LONGEST_ROW)
    for name, expected in record.files.items():
        check_file(directory / name, expected)
    history = read_history(directory / "history.csv")
    if len(history) != epochs:
        raise LockstepError(f"{directory / 'history.csv'}: has {len(history)} epochs, its record {epochs}")
    _check_checkpoint(directory, record)
    return Run(directory, record, history, _scored_predictions(directory, record, "test"))


def _epochs(record: Record) -> int:
    specification = from_record(record.specification)
    batches = specification.batches_of(record.data.sizes["train"])
    return 0 if record.framework == "baseline" else specification.epochs_of(batches)


def _check_checkpoint(directory: Path, record: Record) -> None:
    """Refuse a run whose checkpoint says that another model was trained; its weights are read by who opens it."""
    model = directory / "checkpoint" / "model.json"
    if record.framework == "baseline" and not model.exists():
        return
    if read_specification(model.parent) != from_record(record.specification):
        raise LockstepError(
            f"{model}: describes another model than the run's record; remove the run and train it again"
        )


def _scored_predictions(directory: Path, record: Record, split: Literal["validation", "test"]) -> Predictions:
    """Read the predictions of a split, and compute its metrics again."""
    path = directory / {"test": "predictions.parquet", "validation": "validation.parquet"}[split]
    predictions = read_predictions(path)
    if record.data.class_names and predictions.class_names != record.data.class_names:
        raise LockstepError(f"{path}: has other classes than its record; remove the run and train it again")
    if len(predictions.review_ids) != record.data.sizes[split]:
        expected = f"{record.data.sizes[split]:,} {split} reviews"
        raise LockstepError(f"{path}: has {len(predictions.review_ids):,} predictions, its record {expected}")
    if (predictions.labels < 0).any():
        row = int(np.flatnonzero(predictions.labels < 0)[0])
        raise LockstepError(f"{path}: review {predictions.review_ids[row]!r} has no label, so it cannot be scored")
    _check_metrics(directory / "record.json", split, record.metrics[split], predictions)
    return predictions


def _check_metrics(path: Path, split: str, said: Mapping[str, float], predictions: Predictions) -> None:
    computed = evaluate(predictions.labels, predictions.probabilities)
    for name in sorted(computed.keys() | said.keys()):
        if name not in said or name not in computed:
            raise LockstepError(f"{path}: the metric {name!r} of {split} is missing, or unknown")
        if not abs(said[name] - computed[name]) <= METRIC_TOLERANCE:
            raise LockstepError(
                f"{path}: says {name} {said[name]:.4f} of {split}, its own predictions give {computed[name]:.4f}; "
                "remove the run and train it again"
            )


def read_runs(experiment: Path) -> list[Run]:
    """Read all finished runs of an experiment, as :func:`read_experiment` does."""
    return read_experiment(experiment)[0]


def read_experiment(experiment: Path) -> tuple[list[Run], list[str]]:
    """Read all finished runs of an experiment, in the order of their paths.

    Returns
    -------
    list of Run
        Those that can be read whole.
    list of str
        Why the others cannot, each in one line that names its run; they were named on standard error too.

    Raises
    ------
    LockstepError
        If there is none that can be read.
    """
    if _are_records_alone(experiment):
        raise LockstepError(
            f"{experiment}: holds records without their predictions; lockstep report --records-only reads these"
        )
    found, left_out = _read_each(experiment, _read_placed_run)
    _note_old(experiment, [run.record for run in found])
    return found, left_out


def read_records(experiment: Path) -> tuple[list[Record], list[str]]:
    """Read the records of an experiment alone, such as were published without the files beside them.

    Each is held against its own checksum; whether it says what its predictions do is not known then.

    Returns
    -------
    list of Record
        Those that can be read, in the order of their paths.
    list of str
        Why the others cannot, each in one line that names its run; they were named on standard error too.

    Raises
    ------
    LockstepError
        If there is none that can be read.
    """
    found, left_out = _read_each(experiment, _read_placed_record)
    _note_old(experiment, found)
    return found, left_out


def _read_each(experiment: Path, read: Callable[[Path, Path], Found]) -> tuple[list[Found], list[str]]:
    """Return what can be read of an experiment's runs, and why the others cannot."""
    if not experiment.is_dir():
        raise LockstepError(f"{experiment}: is no folder of runs; name an experiment such as runs/quick")
    found, left_out = [], []
    for path in records_of(experiment):
        try:
            found.append(read(experiment, path.parent))
        except LockstepError as error:
            left_out.append(str(error))
            say(f"left out: {error}", aside=True)
    if not found:
        why = "none of its runs can be read" if left_out else "no finished runs; make some with lockstep run"
        raise LockstepError(f"{experiment}: {why}")
    return found, left_out


def _are_records_alone(experiment: Path) -> bool:
    """Whether all runs were published as ``record.json`` and nothing else."""
    places = [path.parent for path in records_of(experiment)]
    return bool(places) and all([path.name for path in place.iterdir()] == ["record.json"] for place in places)


def _read_placed_run(experiment: Path, directory: Path) -> Run:
    run = read_run(directory)
    _check_place(experiment, directory, run.record)
    _ = run.validation  # damage is found here, not where it is first used
    return run


def _read_placed_record(experiment: Path, directory: Path) -> Record:
    record = read_record(directory / "record.json")
    _check_place(experiment, directory, record)
    return record


def _note_old(experiment: Path, records: Sequence[Record]) -> None:
    old = sum(record.record_version < RECORD_VERSION for record in records)
    if old:
        runs = f"{counted(old, 'run')} of an earlier version"
        say(f"note: {experiment}: {runs}, which kept no checksums of its files", aside=True)


def _check_place(experiment: Path, directory: Path, record: Record) -> None:
    """Refuse a run that was copied to another cell's place: it would count twice."""
    own = run_directory(experiment, record.framework, record.architecture, record.seed)
    if own != directory:
        raise LockstepError(f"{directory}: holds the run of another cell, {own}; remove it")


def records_of(experiment: Path) -> list[Path]:
    """Return where the records of an experiment's runs are, or should be, in their order."""
    places = sorted(path for path in experiment.glob("*/*/seed-*") if path.is_dir() and any(path.iterdir()))
    return [place / "record.json" for place in places]


def this_machine() -> Machine:
    """Describe the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(memory, 1),
        python=platform.python_version(),
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def this_commit() -> str:
    """Return the commit of the working copy, with ``+`` if it was changed, or ``unknown``."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return described.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def peak_memory_mb() -> float:
    """Peak resident memory of this process, in megabytes of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
