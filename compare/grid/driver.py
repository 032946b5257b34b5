"""Trains every cell of a grid, each in a process of its own, and shows one progress for the whole."""

from __future__ import annotations

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from compare.grid.baselines import BASELINE, BASELINES
from compare.grid.executors import CHECKPOINT_EVERY, STOPPED, Ending, Executor, LocalExecutor, State
from compare.grid.reuse import DATA_FIELDS, compared_fields, refuse_other
from shared.cell import inputs_of, tell_accounts
from shared.command_line import EXIT_BUSY
from shared.configuration import NO_FILE
from shared.contract import module_name, refuse_interval
from shared.data.corpus import describe_sizes
from shared.durations import Interval
from shared.errors import LockstepError
from shared.files import save_page
from shared.loading import load_corpus
from shared.output import PAGE, check_folder, clear_leftovers, is_claimed, remove_page, written
from shared.runs import Run, is_finished, read_run, run_directory
from shared.specification import Specification, flags_of, specification_of
from shared.terminal import console, counted, printable

SECONDS_BETWEEN_LOOKS = 0.5
# Of a cell that is killed, or whose machine goes away.
TRIES = 3
# Of a cell that is killed so much is lost; most cells are shorter, and keep nothing.
USUAL_INTERVAL = "10m"


# A cell is told everything: what a file says was told to the driver.
NO_CONFIGURATION = ("--config", NO_FILE)


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
        command = ("-m", "compare", "baseline", name, *NO_CONFIGURATION, *flags, "--out", str(directory))
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
    # A framework's own code cannot go on in the middle.
    usual = CHECKPOINT_EVERY not in machine_flags and specification.recipe == "lockstep"
    kept = (CHECKPOINT_EVERY, USUAL_INTERVAL) if usual else ()
    flags = ("--progress", "json", *NO_CONFIGURATION, *flags_of(given), *machine_flags, *kept)
    command = ("-m", module_name(framework), "train", *flags)
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
    executor: Executor,
    baselines: bool,
    given: Mapping[str, object],
    checkpoint_every: Interval | None = None,
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
    executor : Executor
        Trains them. What cells that run side by side take is not the time of a machine of their own.
    baselines : bool
        Run the linear baselines too.
    given : mapping
        What makes the specification, passed on to each cell: ``preset``, and fields that are not the preset's.
    checkpoint_every : Interval, optional
        How often a cell keeps its state, to go on there if it is killed; default in the lockstep recipe: every
        `USUAL_INTERVAL`.

    Returns
    -------
    int
        How many cells failed; what they said is in a log beside where their run would be.

    Raises
    ------
    LockstepError
        If a finished run is not what is asked for, or the recipe cannot keep a state; nothing was trained then.
    """
    refuse_interval(checkpoint_every, specification)
    cells = cells_of_grid(experiment, specification, frameworks, architectures, seeds, given, executor.flags, baselines)
    return run_cells(experiment, specification, cells, executor)


def run_cells(
    experiment: Path,
    specification: Specification,
    cells: Sequence[Cell],
    executor: Executor | None = None,
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
    executor : Executor, optional
        Runs them; by default one after the other, on this machine.
    elsewhere : str
        The flag that names another place, for messages.

    Raises
    ------
    LockstepError
        If a finished run is not what is asked for; nothing was trained then.
    """
    executor = executor or LocalExecutor()
    clear_leftovers(experiment)
    check_folder(experiment)
    shown = console(aside=True)
    corpus = load_corpus(specification, progress=shown.is_terminal)  # the cells find it in the cache
    sizes = ", ".join(f"{count:,} {name}" for name, count in describe_sizes(corpus).items())
    title = f"{experiment}: {counted(len(cells), 'cell')} on {corpus.source} ({sizes} reviews)"
    asked = _Asked(specification, corpus.fingerprint, elsewhere)
    for cell in cells:
        run = _readable(cell)
        if run is not None:
            asked.refuse_other(cell, run)
            executor.learn(run.record)

    def tell(text: str) -> None:
        shown.print(printable(text), soft_wrap=True)

    tell_accounts(corpus, tell)
    tell(title)
    started = time.monotonic()
    outcomes: dict[Path, bool | None] = {}
    with executor.opened(experiment, corpus, tell), _Display(shown, cells, executor.jobs) as display:
        del corpus
        driver = _Driver(display, asked, executor)
        rounds = executor.rounds(cells)
        for some, at_once in rounds:
            outcomes |= driver.run_all(driver.run, some, at_once)
        busy = [cell for some, _ in rounds for cell in some if outcomes[cell.directory] is None]
        outcomes |= driver.run_all(driver.wait_and_run, busy, executor.jobs)
    finished = list(outcomes.values()).count(True)
    minutes = (time.monotonic() - started) / 60
    failed = len(cells) - finished
    shown.print(f"{counted(finished, 'cell')} finished, {failed:,} failed; {minutes:.1f} minutes")
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
    """Has cells run, so many at once, and says what comes of them."""

    def __init__(self, display: _Display, asked: _Asked, executor: Executor) -> None:
        self.display, self.asked, self.executor = display, asked, executor
        self.stopping = threading.Event()

    def run_all(
        self, run: Callable[[Cell], bool | None], cells: Sequence[Cell], at_once: int
    ) -> dict[Path, bool | None]:
        """Run cells and return what came of each, by its directory; stop all if one is interrupted."""
        with ThreadPoolExecutor(at_once) as pool:
            try:
                return dict(zip([cell.directory for cell in cells], pool.map(run, cells), strict=True))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.stopping.set()
                self.executor.stop()
                raise

    def run(self, cell: Cell) -> bool | None:
        """Return whether a cell is finished; None if another process is at it."""
        if is_finished(cell.directory):
            return self._take(cell, "finished before")
        if is_claimed(cell.directory):
            return None
        try:
            ending = self._tried(cell)
        except (OSError, LockstepError) as error:
            return self._fail(cell, f"{getattr(error, 'strerror', None) or error}")
        seconds = f"{self.display.seconds(cell):.0f} s"
        if is_finished(cell.directory):
            return self._take(cell, f"done in {seconds}" if ending.code == 0 else "finished meanwhile")
        if ending.code == EXIT_BUSY:
            self.display.put_off(cell)
            return None
        if self.stopping.is_set() or (ending.code in STOPPED and not ending.lost):
            self.display.finish(cell, f"stopped after {seconds}; the same command goes on")
            return False
        why = f"{ending.lost}, {TRIES} times" if ending.lost else _reason(ending)
        return self._fail(cell, f"after {seconds}: {why} ({_keep_log(cell, ending.said)})")

    def _tried(self, cell: Cell) -> Ending:
        """Run a cell, and again if it was lost on the way."""
        for attempt in range(1, TRIES + 1):
            ending = self.executor.run(cell, partial(self.display.update, cell))
            if not ending.lost or self.stopping.is_set() or is_finished(cell.directory):
                break
            if attempt < TRIES:
                self.display.put_off(cell)
                self.display.say(f"{cell.title}: {ending.lost}; it is tried again ({attempt + 1} of {TRIES})")
        return ending

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

    def _take(self, cell: Cell, how: str) -> bool:
        """Count a run that is there, if it is what was asked for."""
        try:
            run = read_run(cell.directory)
            self.asked.refuse_other(cell, run)
        except LockstepError as error:
            return self._fail(cell, f"({how}): {error}")
        self.executor.learn(run.record)
        _remove_log(cell)
        self.display.finish(cell, f"{how}, test accuracy {run.record.metrics['test']['accuracy']:.4f}")
        return True

    def _fail(self, cell: Cell, why: str) -> bool:
        self.display.finish(cell, f"FAILED {why}")
        return False


def _reason(ending: Ending) -> str:
    if ending.code == 0:
        return "it ended well and left no run"
    if ending.code < 0:
        return f"it was killed by {signal.Signals(-ending.code).name}"
    lines = ending.said.strip().splitlines()
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

    def update(self, cell: Cell, state: State) -> None:
        """Show a cell as running, and how far it has come."""
        if cell.directory not in self.bars:
            bar = self.progress.add_task(printable(cell.title), total=None, note="starting")
            self.bars[cell.directory] = bar, time.monotonic()
        if state:
            note = f"epoch {state['epoch']:.0f}, loss {state['loss']:.4f}"
            self.progress.update(self.bars[cell.directory][0], completed=state["done"], total=state["total"], note=note)

    def seconds(self, cell: Cell) -> float:
        """Return for how many seconds a cell has been running."""
        return time.monotonic() - self.bars[cell.directory][1] if cell.directory in self.bars else 0.0

    def put_off(self, cell: Cell) -> float:
        """Show a cell as not running any more; return for how many seconds it did."""
        seconds = self.seconds(cell)
        if cell.directory in self.bars:
            self.progress.remove_task(self.bars.pop(cell.directory)[0])
        return seconds

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
