"""How long reading takes and how much memory: before training on a large file, of IMDB, and of its prediction."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from rich.console import Console

from shared.configuration import NO_FILE
from shared.contract import module_name
from shared.data.sources import load_reviews
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.specification import flags_of, preset

# Texts of the large file, and of one that is so many times smaller: memory must not grow with the texts.
TEXTS = 1_000_000
SMALLER = 10
# Of the model that predicts: the smallest that is of use.
PREDICTING = preset("smoke").replaced(epochs=1)
FRAMEWORK = "pytorch"
SECONDS_BETWEEN_LOOKS = 0.02

IMDB = (
    "import time; started = time.perf_counter()\n"
    "from shared.loading import load_corpus; from shared.specification import Specification\n"
    "imported = time.perf_counter(); load_corpus(Specification()); print(time.perf_counter() - imported)"
)


def reading_part(texts: int, console: Console) -> dict[str, Any]:
    """Measure reading, each step in a process of its own with a cache of its own.

    Parameters
    ----------
    texts : int
        Texts of the large file.
    console : Console
        Is told what is measured.

    Returns
    -------
    dict
        ``rows``, one a measurement: ``what``, ``texts``, ``seconds``, ``texts_a_second`` and ``peak_memory_mb``.
    """
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("cold", "warm"):
            seconds = _encode_imdb(folder / "imdb-cache")
            rows.append(_row(f"encoding IMDB, {kind}", 25_000, seconds, None))
            console.print(f"encoding IMDB, {kind}: {seconds:.2f} s")
        checkpoint = _checkpoint(folder)
        for count in (texts // SMALLER, texts):
            table = folder / f"{count}.csv"
            _save_table(table, count)
            seconds, memory = _training_starts(table, folder / f"cache-{count}")
            rows.append(_row("from the start to the first training step", count, seconds, memory))
            console.print(f"{count:,} texts: training starts after {seconds:.0f} s, at its peak {memory:,.0f} MB")
            seconds, memory = _prediction(table, checkpoint, folder / f"{count}-predicted.csv")
            rows.append(_row("predict --input", count, seconds, memory))
            console.print(f"{count:,} texts: {count / seconds:,.0f} predicted a second, at its peak {memory:,.0f} MB")
    return {"rows": rows}


def _row(what: str, texts: int, seconds: float, memory: float | None) -> dict[str, Any]:
    return {
        "what": what,
        "texts": texts,
        "seconds": seconds,
        "texts_a_second": texts / seconds,
        "peak_memory_mb": memory,
    }


def _save_table(path: Path, count: int) -> None:
    """Write sentences of film reviews, each with a number of its own so that none is a copy."""
    reviews = load_reviews("rotten-tomatoes")
    sentences, labels = list(reviews.texts), reviews.labels.tolist()
    chosen = np.random.default_rng(0).integers(0, len(sentences), count).tolist()
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows((f"{sentences[one]} {row}", labels[one]) for row, one in enumerate(chosen))


def _encode_imdb(cache: Path) -> float:
    """Seconds to load the packaged reviews, imports not counted."""
    done = subprocess.run([sys.executable, "-c", IMDB], capture_output=True, text=True, env=_environment(cache))
    _check(done.returncode, done.stderr)
    return float(done.stdout.split()[-1])


def _checkpoint(folder: Path) -> Path:
    """Train the model that predicts."""
    load_corpus(PREDICTING)
    run = folder / "run"
    command = _command("train", *flags_of(PREDICTING.model_dump()), "--out", str(run), "--progress", "none")
    done = subprocess.run(command, capture_output=True, text=True)
    _check(done.returncode, done.stderr)
    return run


def _training_starts(table: Path, cache: Path) -> tuple[float, float]:
    """Seconds from the start of a training to its first step, and its peak memory until then, in MB."""
    command = _command("train", "--data", str(table), "--progress", "json", "--out", str(table.with_suffix(".run")))
    with _started(command, cache) as (process, started, log):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"done"'):
                return time.perf_counter() - started, peak_memory_of(process.pid)
        process.wait()
        log.seek(0)
        raise LockstepError(f"training ended before its first step: {log.read().strip()[-300:]}")


def _prediction(table: Path, checkpoint: Path, out: Path) -> tuple[float, float]:
    """Seconds and peak memory, in MB, of a prediction, its start included."""
    return run_watched(
        _command("predict", "--checkpoint", str(checkpoint), "--input", str(table), "--output", str(out))
    )


def run_watched(command: Sequence[str]) -> tuple[float, float]:
    """Run a command and return its seconds, from its start to its end, and its peak memory in MB.

    Raises
    ------
    LockstepError
        If it fails.
    """
    peak = 0.0
    with _started(command, None) as (process, started, log):
        while process.poll() is None:
            peak = max(peak, peak_memory_of(process.pid))
            time.sleep(SECONDS_BETWEEN_LOOKS)
        seconds = time.perf_counter() - started
        log.seek(0)
        _check(process.returncode, log.read())
    return seconds, peak


def _command(*arguments: str) -> list[str]:
    command, *flags = arguments
    return [sys.executable, "-m", module_name(FRAMEWORK), command, "--config", NO_FILE, *flags]


def _environment(cache: Path | None) -> Mapping[str, str]:
    return {**os.environ, **({} if cache is None else {"LOCKSTEP_CACHE": str(cache)})}


@contextmanager
def _started(command: Sequence[str], cache: Path | None) -> Iterator[tuple[subprocess.Popen[str], float, IO[str]]]:
    """Start a process and kill it at the end; what it says aside is in a file."""
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=_environment(cache)
        ) as process:
            try:
                yield process, started, log
            finally:
                process.kill()


def peak_memory_of(process: int) -> float:
    """Peak resident memory of a running process so far, in megabytes of 10^6 bytes; 0 where nobody says it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 / 1e6 if found else 0.0


def _check(code: int, said: str) -> None:
    if code:
        raise LockstepError(f"a measured command failed: {said.strip()[-300:]}")
