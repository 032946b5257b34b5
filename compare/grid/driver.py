"""Trains every cell of a grid, each in a process of its own, and shows one progress for the whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from compare.grid.baselines import BASELINE, BASELINES
from compare.grid.reuse import DATA_FIELDS, compared_fields, refuse_other
from shared.cell import inputs_of, tell_accounts
from shared.command_line import EXIT_BUSY
from shared.contract import module_name
from shared.data.corpus import describe_sizes
from shared.errors import LockstepError
from shared.files import save_page
from shared.loading import load_corpus
from shared.output import PAGE, check_folder, clear_leftovers, is_claimed, remove_page, written
from shared.runs import Run, is_finished, read_run, run_directory
from shared.specification import Specification, flags_of, specification_of
from shared.startup import EXIT_INTERRUPTED, SIGNALS
from shared.terminal import console, printable

# How a cell ends that was stopped, by this process or by the keyboard.
STOPPED = {*(-number for number in SIGNALS), EXIT_INTERRUPTED}
# A cell that does not stop when told to is killed.
SECONDS_TO_STOP = 30
SECONDS_BETWEEN_LOOKS = 0.5
LARGEST_LOG = 1_000_000  # bytes, the last ones


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
    framework, architecture : str
        As the run's record will say.
    specification : Specification
        What is asked for.
    compared : frozenset of str
        Fields in which a run that is there must agree with it.
    """

    title: str
    directory: Path
    command: tuple[str, ...]
    framework: str
    architecture: str
    specification: Specification
    compared: frozenset[str]

    @property
    def log(self) -> Path:
        """Where what the process said is kept if it fails."""
        return self.directory.with_name(f"{self.directory.name}.log")


def cells_of_grid(
    experiment: Path,
    specification: Specification,
    frameworks: Sequence[str],
    architectures: Sequence[str],
    seeds: Sequence[int],
    given: Mapping[str, object],
    machine_flags: Sequence[str],
    baselines: bool,
) -> list[Cell]:
    """List the cells in the order in which they run: baselines, the longest first, then seed by seed."""
    flags = flags_of(given)
    cells = []
    for name in reversed(BASELINES) if baselines else ():
        asked = specification.replaced(seed=0)
        directory = run_directory(experiment, BASELINE, name, asked.seed)
        command = ("-m", "compare", "baseline", name, *flags, "--out", str(directory))
        compared = frozenset(compared_fields(BASELINE, asked.recipe, given))
        cells.append(Cell(f"baseline {name}", directory, command, BASELINE, name, asked, compared))
    for seed in seeds:
        for architecture in architectures:
            # Of a task the published model may have other fields in each architecture.
            asked = specification_of({**given, "architecture": architecture, "seed": seed})
            for framework in frameworks:
                title = f"{framework} {architecture} seed {seed}"
                directory = run_directory(experiment, framework, architecture, seed)
                cells.append(network_cell(title, directory, framework, asked, given, machine_flags))
    return cells


def network_cell(
    title: str,
    directory: Path,
    framework: str,
    specification: Specification,
    given: Mapping[str, object],
    machine_flags: Sequence[str],
) -> Cell:
    """Return the cell of one network.

    Parameters
    ----------
    title : str
        What the display says.
    directory : Path
        Where its run will stand.
    framework : str
        That trains it.
    specification : Specification
        What is asked for.
    given : mapping
        What makes that specification on the command line, but for architecture and seed: ``preset`` and ``task``, where
        they were given, and fields.
    machine_flags : sequence of str
        What it is told about the machine.
    """
    architecture, seed = specification.architecture, str(specification.seed)
    command = ("-m", module_name(framework), "train", "--progress", "json", *flags_of(given), *machine_flags)
    chosen = ("--architecture", architecture, "--seed", seed, "--out", str(directory))
    compared = frozenset(compared_fields(framework, specification.recipe, given))
    return Cell(title, directory, (*command, *chosen), framework, architecture, specification, compared)


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
    given: Mapping[str, object],
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
    given : mapping
        What makes the specification, passed on to each cell: ``preset``, and fields that are not the preset's.

    Returns
    -------
    int
        How many cells failed; what they said is in a log beside where their run would be.

    Raises
    ------
    LockstepError
        If a finished run is not what is asked for; nothing was trained then.
    """
    flags = machine_flags(device, threads, jobs)
    cells = cells_of_grid(experiment, specification, frameworks, architectures, seeds, given, flags, baselines)
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


def run_cells(
    experiment: Path,
    specification: Specification,
    cells: Sequence[Cell],
    jobs: int = 1,
    elsewhere: str = "--experiment",
) -> int:
    """Run the cells that are not finished, and return how many failed.

    Parameters
    ----------
    experiment : Path
        Holds the runs; what killed processes left in it is cleared away.
    specification : Specification
        The data and text fields that all cells share: the reviews are encoded before the first.
    cells : sequence of Cell
        In the order in which they start. One that another process is at is waited for when the others are done.
    jobs : int
        Networks that run side by side; of baselines, one for each core.
    elsewhere : str
        The flag that names another place, for messages.

    Raises
    ------
    LockstepError
        If a finished run is not what is asked for; nothing was trained then.
    """
    clear_leftovers(experiment)
    check_folder(experiment)
    shown = console(aside=True)
    corpus = load_corpus(specification, progress=shown.is_terminal)  # the cells find it in the cache
    sizes = ", ".join(f"{count:,} {name}" for name, count in describe_sizes(corpus).items())
    title = f"{experiment}: {len(cells)} cells on {corpus.source} ({sizes} reviews)"
    asked = _Asked(specification, corpus.fingerprint, elsewhere)
    for cell in cells:
        run = _readable(cell)
        if run is not None:
            asked.refuse_other(cell, run)
    tell_accounts(corpus, lambda text: shown.print(printable(text), soft_wrap=True))
    del corpus
    shown.print(printable(title), soft_wrap=True)
    started = time.monotonic()
    with _Display(shown, cells, jobs) as display:
        driver = _Driver(display, asked)
        baselines = [cell for cell in cells if cell.framework == BASELINE]
        networks = [cell for cell in cells if cell.framework != BASELINE]
        # A baseline is busy in one thread.
        outcomes = driver.run_all(driver.run, baselines, max(jobs, os.cpu_count() or 1))
        outcomes += driver.run_all(driver.run, networks, jobs)
        busy = [cell for cell, outcome in zip([*baselines, *networks], outcomes, strict=True) if outcome is None]
        outcomes += driver.run_all(driver.wait_and_run, busy, jobs)
    finished = outcomes.count(True)
    minutes = (time.monotonic() - started) / 60
    failed = len(cells) - finished
    shown.print(f"{finished} cells are finished, {failed} failed; {minutes:.1f} minutes")
    return failed


def _readable(cell: Cell) -> Run | None:
    """Return a cell's finished run; None if there is none or it is damaged, which is said when its turn comes."""
    with suppress(LockstepError):
        return read_run(cell.directory) if is_finished(cell.directory) else None
    return None


class _Asked:
    """What cells ask for beside their specification; what several share is read once."""

    def __init__(self, specification: Specification, fingerprint: str, elsewhere: str) -> None:
        self.fingerprints = {_data_of(specification): fingerprint}
        self.inputs: dict[tuple[str, str], dict[str, str]] = {}
        self.elsewhere = elsewhere

    def refuse_other(self, cell: Cell, run: Run) -> None:
        """Raise a LockstepError if a run is not what its cell asks for."""
        asked = cell.specification
        data, files = _data_of(asked), (asked.vectors, asked.start_from)
        if data not in self.fingerprints:
            self.fingerprints[data] = load_corpus(asked).fingerprint
        if files not in self.inputs:
            self.inputs[files] = inputs_of(asked)
        fields = {name: getattr(asked, name) for name in Specification.model_fields if name in cell.compared}
        names = {"framework": cell.framework, "architecture": cell.architecture}
        refuse_other(
            run,
            {**fields, **names, "data fingerprint": self.fingerprints[data]},
            self.inputs[files],
            self.elsewhere,
        )


def _data_of(specification: Specification) -> tuple[object, ...]:
    return tuple(getattr(specification, name) for name in sorted(DATA_FIELDS))


class _Driver:
    """Runs cells, in as many threads as there are jobs."""

    def __init__(self, display: _Display, asked: _Asked) -> None:
        self.display, self.asked = display, asked
        self.processes: set[subprocess.Popen[str]] = set()
        self.stopping = threading.Event()

    def run_all(self, run: Callable[[Cell], bool | None], cells: Sequence[Cell], jobs: int) -> list[bool | None]:
        """Run cells, so many at once, and return what came of each; stop all if one is interrupted."""
        with ThreadPoolExecutor(jobs) as pool:
            try:
                return list(pool.map(run, cells))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.stop()
                raise

    def run(self, cell: Cell) -> bool | None:
        """Return whether a cell is finished; None if another process is at it."""
        if is_finished(cell.directory):
            return self._take(cell, "finished before")
        if is_claimed(cell.directory):
            return None
        self.display.start(cell)
        started = time.monotonic()
        try:
            with tempfile.TemporaryFile() as log:
                code = self._follow(cell, log)
                said = _last_part(log)
        except OSError as error:
            return self._fail(cell, f"{error.strerror or error}")
        seconds = f"{time.monotonic() - started:.0f} s"
        if is_finished(cell.directory):
            return self._take(cell, f"done in {seconds}" if code == 0 else "finished meanwhile")
        if code == EXIT_BUSY:
            self.display.put_off(cell)
            return None
        if code in STOPPED:
            self.display.finish(cell, f"stopped after {seconds}; the same command goes on")
            return False
        return self._fail(cell, f"after {seconds}: {_reason(code, said)} ({_keep_log(cell, said)})")

    def wait_and_run(self, cell: Cell) -> bool:
        """Wait while another process is at a cell; run it if that one does not finish it."""
        self.display.say(f"{cell.title}: another process is at it; waiting for that")
        while not self.stopping.is_set():
            if not is_claimed(cell.directory):
                outcome = self.run(cell)
                if outcome is not None:
                    return outcome
            self.stopping.wait(SECONDS_BETWEEN_LOOKS)
        return False

    def stop(self) -> None:
        """Stop what still runs; a cell that is stopped leaves nothing half-written."""
        self.stopping.set()
        for process in list(self.processes):
            process.terminate()
        killer = threading.Timer(SECONDS_TO_STOP, self._kill)
        killer.daemon = True
        killer.start()

    def _kill(self) -> None:
        for process in list(self.processes):
            process.kill()

    def _take(self, cell: Cell, how: str) -> bool:
        """Count a run that is there, if it is what was asked for."""
        try:
            run = read_run(cell.directory)
            self.asked.refuse_other(cell, run)
        except LockstepError as error:
            return self._fail(cell, f"({how}): {error}")
        _remove_log(cell)
        self.display.finish(cell, f"{how}, test accuracy {run.record.metrics['test']['accuracy']:.4f}")
        return True

    def _fail(self, cell: Cell, why: str) -> bool:
        self.display.finish(cell, f"FAILED {why}")
        return False

    def _follow(self, cell: Cell, log: IO[bytes]) -> int:
        """Run a cell's process, show each line of its progress, and return its exit code."""
        command = [sys.executable, *cell.command]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        with subprocess.Popen(
            command, stdin=nothing, stdout=pipe, stderr=log, text=True, encoding="utf-8", errors="replace"
        ) as process:
            # First it is counted in, then the question is asked, so that `stop` misses none.
            self.processes.add(process)
            if self.stopping.is_set():
                process.terminate()
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith('{"done"'):  # frameworks print too
                    self.display.update(cell, json.loads(line))
            code = process.wait()
            self.processes.discard(process)
        return code


def _last_part(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - LARGEST_LOG))
    return log.read().decode("utf-8", errors="replace")


def _reason(code: int, said: str) -> str:
    if code == 0:
        return "it ended well and left no run"
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}"
    lines = said.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _keep_log(cell: Cell, said: str) -> str:
    """Write what a failed cell said beside where its run would be, and say where that is."""
    try:
        with written(cell.log, PAGE) as temporary:
            save_page(temporary, said if said.endswith("\n") else f"{said}\n")
    except (LockstepError, OSError) as error:
        return f"what it said is not kept: {error}"
    return f"see {cell.log}"


def _remove_log(cell: Cell) -> None:
    """Take away what an earlier, failed process of this cell said."""
    with suppress(OSError):
        remove_page(cell.log)


class _Display:
    """One line for each finished cell and, on a terminal, a bar for each running cell and one for the grid."""

    def __init__(self, console: Console, cells: Sequence[Cell], jobs: int) -> None:
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.console = console
        self.jobs = jobs
        self.left = list(cells)
        self.total = len(cells)
        # Seconds of the cells, by all words of their title.
        self.spent: defaultdict[str, list[float]] = defaultdict(list)
        self.grid = self.progress.add_task("cells", total=self.total, note="")
        self.bars: dict[Path, tuple[TaskID, float]] = {}  # of each running cell, and when it started

    def __enter__(self) -> _Display:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self.console.print(printable(text), soft_wrap=True)

    def start(self, cell: Cell) -> None:
        """Show a cell as running."""
        bar = self.progress.add_task(printable(cell.title), total=None, note="starting")
        self.bars[cell.directory] = bar, time.monotonic()

    def update(self, cell: Cell, state: dict[str, float]) -> None:
        """Show how far a cell has come."""
        note = f"epoch {state['epoch']:.0f}, loss {state['loss']:.4f}"
        self.progress.update(self.bars[cell.directory][0], completed=state["done"], total=state["total"], note=note)

    def put_off(self, cell: Cell) -> float:
        """Show a cell as not running any more; return for how many seconds it did."""
        bar, started = self.bars.pop(cell.directory)
        self.progress.remove_task(bar)
        return time.monotonic() - started

    def finish(self, cell: Cell, outcome: str) -> None:
        """Show a cell's outcome, and how long the others may take."""
        self.left.remove(cell)
        if cell.directory in self.bars:
            seconds = self.put_off(cell)
            for word in cell.title.split():
                self.spent[word].append(seconds)
        done = self.total - len(self.left)
        self.progress.update(self.grid, completed=done, note=self._estimate())
        self.say(f"[{done:>2}/{self.total}] {cell.title}: {outcome}")

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
