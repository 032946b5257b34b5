"""Where the cells of a grid are trained: here by this machine, in `compare.grid.ray_executor` by a cluster.

Whoever runs a grid does not know which it is: it hands over a cell, is told how that goes on, and learns how it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from shared.errors import LockstepError
from shared.startup import EXIT_INTERRUPTED, SIGNALS

# Every process of a cluster's nodes imports this: nothing that takes long.
if TYPE_CHECKING:
    from compare.grid.driver import Cell
    from shared.data.corpus import Corpus
    from shared.durations import Interval
    from shared.runs import Record

# How a cell ends that was stopped, by its executor or by the keyboard.
STOPPED = {*(-number for number in SIGNALS), EXIT_INTERRUPTED}
# A cell that does not stop when told to is killed.
SECONDS_TO_STOP = 30
LARGEST_LOG = 1_000_000  # bytes, the last ones
CHECKPOINT_EVERY = "--checkpoint-every"

State = dict[str, float]
Tell = Callable[[State], None]


@dataclass(frozen=True)
class Ending:
    """How a cell's process ended.

    Attributes
    ----------
    code : int
        Its exit code; of one that a signal ended, that number below 0.
    said : str
        The last part of what it said on standard error.
    lost : str
        Why it did not come to its own end, such as that it was killed: it is worth another try. Empty otherwise.
    """

    code: int
    said: str = ""
    lost: str = ""


class Executor(Protocol):
    """What trains cells, several at once.

    Attributes
    ----------
    jobs : int
        Networks that are trained at once, as far as that is known before they are.
    flags : tuple of str
        What every network's process is told about its machine.
    """

    jobs: int
    flags: tuple[str, ...]

    def opened(self, experiment: Path, corpus: Corpus, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Be ready for cells whose runs stand below a folder, and most of which need this corpus."""

    def rounds(self, cells: Sequence[Cell]) -> list[tuple[list[Cell], int]]:
        """Divide cells into those that run one group after the other, each with how many are handed over at once."""

    def run(self, cell: Cell, tell: Tell) -> Ending:
        """Run a cell's process to its end.

        Parameters
        ----------
        cell : Cell
            Its run stands in its directory afterwards, whole, if it ended well.
        tell : (state) -> None
            Is given an empty state when the process starts, and then those that it prints about its progress.

        Raises
        ------
        LockstepError
            If it cannot be run at all.
        OSError
            Likewise.
        """

    def learn(self, record: Record) -> None:
        """Take note of what a finished cell needed."""

    def stop(self) -> None:
        """Stop every cell, soon; nothing half-written is left. May be called from any thread."""


class LocalExecutor:
    """Runs each cell in a process of this machine."""

    def __init__(self, jobs: int = 1, flags: Sequence[str] = ()) -> None:
        self.jobs, self.flags = jobs, tuple(flags)
        self.processes: set[subprocess.Popen[bytes]] = set()
        self.stopping = threading.Event()

    def opened(self, experiment: Path, corpus: Corpus, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Need nothing: the corpus is in the cache."""
        return nullcontext()

    def rounds(self, cells: Sequence[Cell]) -> list[tuple[list[Cell], int]]:
        """Run the baselines first, one for each core: a baseline is busy in one thread."""
        from compare.grid.baselines import BASELINE

        baselines = [cell for cell in cells if cell.framework == BASELINE]
        networks = [cell for cell in cells if cell.framework != BASELINE]
        return [(baselines, max(self.jobs, os.cpu_count() or 1)), (networks, self.jobs)]

    def run(self, cell: Cell, tell: Tell) -> Ending:
        """Run a cell's process to its end; what kills it from outside is worth another try."""
        tell({})
        with tempfile.TemporaryFile() as log, started(cell.command, log) as process:
            # First it is counted in, then the question is asked, so that `stop` misses none.
            self.processes.add(process)
            if self.stopping.is_set():
                process.terminate()
            for state in states_of(process):
                tell(state)
            code = process.wait()
            self.processes.discard(process)
            killed = code == -signal.SIGKILL and not self.stopping.is_set()
            return Ending(code, last_part(log), "it was killed by SIGKILL" if killed else "")

    def learn(self, record: Record) -> None:
        """Need nothing: what runs at once was chosen by the user."""

    def stop(self) -> None:
        """Tell every process to stop, and kill those that do not."""
        self.stopping.set()
        for process in list(self.processes):
            process.terminate()
        killer = threading.Timer(SECONDS_TO_STOP, self._kill)
        killer.daemon = True
        killer.start()

    def _kill(self) -> None:
        for process in list(self.processes):
            process.kill()


@contextmanager
def executor_of(arguments: argparse.Namespace) -> Iterator[Executor]:
    """Yield what the flags of `compare.choices.add_executor_flags` and those about the machine ask for.

    Raises
    ------
    LockstepError
        If there is no such cluster, or the flags do not fit together.
    """
    every: Interval | None = getattr(arguments, "checkpoint_every", None)
    if arguments.executor == "ray":
        from compare.grid.ray_executor import RayExecutor, connected, usual_threads

        with connected(arguments.address) as ray:
            threads = arguments.threads or usual_threads(ray)
            yield RayExecutor(ray, machine_flags(arguments.device, threads, checkpoint_every=every), arguments.jobs)
        return
    if arguments.address:
        raise LockstepError("--address: is that of a Ray cluster; pass --executor ray too, or leave it out")
    jobs = arguments.jobs or 1
    yield LocalExecutor(jobs, machine_flags(arguments.device, arguments.threads, jobs, every))


def machine_flags(
    device: str, threads: int | None, jobs: int = 1, checkpoint_every: Interval | None = None
) -> list[str]:
    """Return what every cell is told about the machine; no number of threads is an equal share of the cores.

    Raises
    ------
    LockstepError
        If there are to be no jobs.
    """
    if jobs < 1:
        raise LockstepError("--jobs: at least 1")
    kept = [CHECKPOINT_EVERY, str(checkpoint_every)] if checkpoint_every else []
    return ["--device", device, "--threads", str(threads or max(1, (os.cpu_count() or 1) // jobs)), *kept]


@contextmanager
def started(command: Sequence[str], log: IO[bytes], **where: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of this Python; what it says on standard error goes into a log.

    Parameters
    ----------
    command : sequence of str
        Arguments of the interpreter.
    log : binary file
        Open for writing.
    **where
        ``cwd`` and ``env``, as `subprocess.Popen` takes them.
    """
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen([sys.executable, *command], stdin=nothing, stdout=pipe, stderr=log, **where) as process:
        yield process


def states_of(process: subprocess.Popen[bytes], patience: float | None = None) -> Iterator[State]:
    """Yield what a process prints about its progress, until it closes its output.

    Parameters
    ----------
    process : subprocess.Popen
        Of `started`.
    patience : float, optional
        Yield an empty state when nothing has come for so many seconds.
    """
    assert process.stdout is not None
    waiting = select.poll()
    waiting.register(process.stdout)
    rest = b""
    while True:
        if patience is not None and not waiting.poll(patience * 1_000):
            yield {}
            continue
        piece = os.read(process.stdout.fileno(), 65_536)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b'{"done"'):  # frameworks print too
                yield json.loads(line)


def last_part(log: IO[bytes]) -> str:
    """Return the end of a log as text."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - LARGEST_LOG))
    return log.read().decode("utf-8", errors="replace")
