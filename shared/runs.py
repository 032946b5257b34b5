"""A run on disk: ``record.json``, ``history.csv``, predictions of the test and the validation reviews, a checkpoint."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import LockstepError
from shared.files import write_json, written_whole
from shared.history import Epoch, History, read_history
from shared.predictions import Predictions, read_predictions, write_predictions
from shared.weights import Checkpoint, write_checkpoint

RECORD_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Strict):
    """Which reviews: `empty` counts the test reviews without a single token."""

    source: str
    fingerprint: str
    sizes: dict[str, int]
    empty: int


class Parameters(_Strict):
    """Numbers in the canonical weights, and how many of them the framework trains."""

    total: int
    trainable: int


class Seconds(_Strict):
    """Wall-clock seconds; training is without validation, setup is all before it."""

    setup: float
    training: float
    prediction: float


class Machine(_Strict):
    """What it ran on."""

    system: str
    processor: str
    cores: int
    memory_gb: float
    python: str


class Record(_Strict):
    """``record.json``.

    ``metrics`` has ``validation`` and ``test``, each with every metric of `shared.metrics.evaluate`;
    ``reviews_per_second`` has ``training`` and ``prediction``; memory is the process's peak.
    """

    record_version: int = RECORD_VERSION
    framework: str
    framework_version: str
    architecture: str
    recipe: str
    seed: int
    specification: dict[str, object]
    data: Data
    parameters: Parameters
    metrics: dict[str, dict[str, float]]
    seconds: Seconds
    reviews_per_second: dict[str, float]
    peak_memory_mb: float
    device: str
    threads: int
    machine: Machine
    commit: str


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
        return read_predictions(self.directory / "validation.parquet")


def run_directory(runs: Path, framework: str, architecture: str, seed: int) -> Path:
    """Where a cell's run stands below its experiment's directory."""
    return runs / framework / architecture / f"seed-{seed}"


def experiment_name(preset: str, recipe: str) -> str:
    """``quick`` in the lockstep recipe, ``quick-idiomatic`` in the other."""
    return preset if recipe == "lockstep" else f"{preset}-{recipe}"


def is_finished(directory: Path) -> bool:
    """Whether a whole run stands there; runs are renamed into place when whole."""
    return (directory / "record.json").is_file()


def write_run(
    directory: Path,
    record: Record,
    history: History,
    predictions: Predictions,
    validation: Predictions,
    checkpoint: Checkpoint | None,
) -> None:
    """Write a run whole or not at all; baselines have no checkpoint."""
    with written_whole(directory) as temporary:
        temporary.mkdir()
        write_json(temporary / "record.json", record.model_dump())
        history.write(temporary / "history.csv")
        write_predictions(temporary / "predictions.parquet", predictions)
        write_predictions(temporary / "validation.parquet", validation)
        if checkpoint is not None:
            write_checkpoint(temporary / "checkpoint", checkpoint)


def read_record(path: Path) -> Record:
    """Read ``record.json``.

    Raises
    ------
    LockstepError
        If it is missing, damaged or of another version.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("record_version") != RECORD_VERSION:
            raise LockstepError(f"{path}: record version {values.get('record_version')}, not {RECORD_VERSION}")
        return Record.model_validate(values)
    except OSError as error:
        raise LockstepError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, AttributeError, ValidationError) as error:
        raise LockstepError(f"{path}: not a record ({str(error).splitlines()[0]})") from error


def read_runs(experiment: Path) -> list[Run]:
    """Read all finished runs of an experiment, in the order of their paths.

    Raises
    ------
    LockstepError
        If there is none.
    """
    records = sorted(path for path in experiment.glob("*/*/seed-*/record.json") if not path.parent.name.startswith("."))
    if not records:
        raise LockstepError(f"{experiment}: no finished runs; make some with: python -m compare run")
    return [
        Run(
            path.parent,
            read_record(path),
            read_history(path.parent / "history.csv"),
            read_predictions(path.parent / "predictions.parquet"),
        )
        for path in records
    ]


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
