"""Trains every cell of a grid, each in a process of its own, and shows one progress for the whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from compare.baselines import BASELINES
from shared.command_line import EXIT_INTERRUPTED
from shared.contract import module_name
from shared.data.encoding import describe_sizes, load_corpus
from shared.errors import LockstepError
from shared.runs import is_finished, read_record, run_directory
from shared.specification import Specification

# How a cell ends that was stopped, by this process or by the keyboard.
STOPPED = {-signal.SIGTERM, -signal.SIGINT, EXIT_INTERRUPTED}


@dataclass(frozen=True)
class Cell:
    """One process to run and the run that it leaves.

    Attributes
    ----------
    title : str
        What the display says.
    directory : Path
        Where the run will stand.
    command : tuple of str
        Arguments of the Python interpreter.
    """

    title: str
    directory: Path
    command: tuple[str, ...]

    @property
    def log(self) -> Path:
        """What the process said; kept only where it failed."""
        return self.directory.with_name(f"{self.directory.name}.log")


def cells_of_grid(
    experiment: Path,
    frameworks: Sequence[str],
    architectures: Sequence[str],
    seeds: Sequence[int],
    given: Sequence[str],
    machine_flags: Sequence[str],
    baselines: bool,
) -> list[Cell]:
    """List the cells in the order in which they run: baselines, then seed by seed."""
    cells = []
    for name in BASELINES if baselines else ():
        directory = run_directory(experiment, "baseline", name, 0)
        command = ("-m", "compare", "baseline", name, *given, "--out", str(directory))
        cells.append(Cell(f"baseline {name}", directory, command))
    for seed in seeds:
        for architecture in architectures:
            for framework in frameworks:
                directory = run_directory(experiment, framework, architecture, seed)
                chosen = ("--architecture", architecture, "--seed", str(seed), "--out", str(directory))
                command = ("-m", module_name(framework), "train", "--progress", "json", *given, *machine_flags, *chosen)
                cells.append(Cell(f"{framework} {architecture} seed {seed}", directory, command))
    return cells


def run_grid(
    experiment: Path,
    specification: Specification,
    frameworks: Sequence[str],
    architectures: Sequence[str],
    seeds: Sequence[int],
    *,
    device: str,
    threads: int | None,
    jobs: int,
    baselines: bool,
    given: Sequence[str],
) -> int:
    """Run all cells that are not finished.

    Parameters
    ----------
    experiment : Path
        The directory of the runs.
    specification : Specification
        Of all cells, but for architecture and seed.
    frameworks, architectures, seeds : sequences
        The grid.
    device : str
        Passed on to each cell.
    threads : int or None
        Of each cell; None shares the cores among the jobs.
    jobs : int
        Cells that run side by side. What they take is then not the time of a machine of their own.
    baselines : bool
        Run the linear baselines too.
    given : sequence of str
        The flags that make the specification, passed on to each cell.

    Returns
    -------
    int
        How many cells failed; what they said is in a log beside where their run would be.
    """
    flags = machine_flags(device, threads, jobs)
    cells = cells_of_grid(experiment, frameworks, architectures, seeds, given, flags, baselines)
    return run_cells(experiment, specification, cells, jobs)


def machine_flags(device: str, threads: int | None, jobs: int = 1) -> list[str]:
    """Return what every cell is told about the machine; no number of threads is an equal share of the cores.

    Raises
    ------
    LockstepError
        If there are to be no jobs.
    """
    if jobs < 1:
        raise LockstepError("--jobs: at least 1")
    return ["--device", device, "--threads", str(threads or max(1, (os.cpu_count() or 1) // jobs))]


def run_cells(experiment: Path, specification: Specification, cells: Sequence[Cell], jobs: int = 1) -> int:
    """Run the cells that are not finished, and return how many failed.

    Parameters
    ----------
    experiment : Path
        What the display calls the whole.
    specification : Specification
        The data and text fields that all cells share: the reviews are encoded before the first.
    cells : sequence of Cell
        In the order in which they start.
    jobs : int
        Cells that run side by side.
    """
    console = Console(stderr=True, highlight=False)
    corpus = load_corpus(specification, progress=console.is_terminal)  # the cells find it in the cache
    sizes = ", ".join(f"{count:,} {name}" for name, count in describe_sizes(corpus).items())
    console.print(f"{experiment}: {len(cells)} cells on {corpus.source} ({sizes} reviews)")
    del corpus
    started = time.monotonic()
    with _Display(console, cells, jobs) as display, ThreadPoolExecutor(jobs) as pool:
        running = _Running()
        try:
            futures = [pool.submit(_run_cell, cell, display, running) for cell in cells]
            outcomes = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            running.stop()
            raise
    failed = outcomes.count(False)
    minutes = (time.monotonic() - started) / 60
    console.print(f"{len(cells) - failed} cells are finished, {failed} failed; {minutes:.1f} minutes")
    return failed


def _run_cell(cell: Cell, display: _Display, running: _Running) -> bool:
    if is_finished(cell.directory):
        display.finish(cell, "finished before" + _score(cell))
        return True
    cell.log.parent.mkdir(parents=True, exist_ok=True)
    display.start(cell)
    started = time.monotonic()
    with cell.log.open("w", encoding="utf-8") as log:
        code = _follow([sys.executable, *cell.command], log, lambda state: display.update(cell, state), running)
    seconds = time.monotonic() - started
    if code == 0 and is_finished(cell.directory):
        cell.log.unlink()
        display.finish(cell, f"done in {seconds:.0f} s" + _score(cell), seconds)
        return True
    if code in STOPPED:
        cell.log.unlink()
        display.finish(cell, f"stopped after {seconds:.0f} s; the same command goes on", seconds)
        return False
    display.finish(cell, f"FAILED after {seconds:.0f} s: {_last_line(cell.log)} (see {cell.log})", seconds)
    return False


def _follow(command: Sequence[str], log: IO[str], update: Callable[[dict[str, float]], None], running: _Running) -> int:
    """Run a process and hand on each line of its progress; it is among those `running` meanwhile."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        running.add(process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"done"'):
                update(json.loads(line))
        code = process.wait()
        running.processes.discard(process)
        return code


class _Running:
    """The processes of the cells under way; one that starts while they are being stopped is stopped too."""

    def __init__(self) -> None:
        self.processes: set[subprocess.Popen[str]] = set()
        self.stopping = False

    def add(self, process: subprocess.Popen[str]) -> None:
        """Count a process in; first that, then the question, so that `stop` misses none."""
        self.processes.add(process)
        if self.stopping:
            process.terminate()

    def stop(self) -> None:
        """Stop what still runs; a cell that is stopped leaves nothing half-written."""
        self.stopping = True
        for process in list(self.processes):
            process.terminate()


def _score(cell: Cell) -> str:
    record = read_record(cell.directory / "record.json")
    return f", test accuracy {record.metrics['test']['accuracy']:.4f}"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


class _Display:
    """One line for each finished cell and, on a terminal, a bar for each running cell and one for the grid."""

    def __init__(self, console: Console, cells: Sequence[Cell], jobs: int) -> None:
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.console = console
        self.jobs = jobs
        self.left = list(cells)
        self.total = len(cells)
        self.spent: defaultdict[str, list[float]] = defaultdict(
            list
        )  # seconds of the cells, by all words of their title
        self.grid = self.progress.add_task("cells", total=self.total, note="")
        self.bars: dict[Cell, TaskID] = {}

    def __enter__(self) -> _Display:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def start(self, cell: Cell) -> None:
        """Show a cell as running."""
        self.bars[cell] = self.progress.add_task(cell.title, total=None, note="starting")

    def update(self, cell: Cell, state: dict[str, float]) -> None:
        """Show how far a cell has come."""
        note = f"epoch {state['epoch']:.0f}, loss {state['loss']:.4f}"
        self.progress.update(self.bars[cell], completed=state["done"], total=state["total"], note=note)

    def finish(self, cell: Cell, outcome: str, seconds: float = 0.0) -> None:
        """Show a cell's outcome, and how long the others may take."""
        self.left.remove(cell)
        if cell in self.bars:
            self.progress.remove_task(self.bars[cell])
            for word in cell.title.split():
                self.spent[word].append(seconds)
        done = self.total - len(self.left)
        self.progress.update(self.grid, completed=done, note=self._estimate())
        self.console.print(f"[{done:>2}/{self.total}] {cell.title}: {outcome}", markup=False, soft_wrap=True)

    def _estimate(self) -> str:
        """Say how long the cells that are left may take, each as long as those that are most like it."""
        known = sorted(self.spent.items(), key=lambda one: len(one[1]))
        seconds = 0.0
        for cell in self.left:
            like = [spent for word, spent in known if word in cell.title.split()] or [spent for _, spent in known]
            if not like:
                return ""
            seconds += sum(like[0]) / len(like[0])
        return f"about {seconds / 60 / self.jobs:.0f} min left" if self.left else ""
