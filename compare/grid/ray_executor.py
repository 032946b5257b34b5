"""Runs the cells of a grid on the nodes of a Ray cluster.

A cell goes to Ray as one task that asks for the processors and the memory that cells like it need. Where the folder of
the runs is shared, the cell writes its run there itself; elsewhere the run comes back through Ray's object store, and
is put in its place whole. Tasks that fail are not tried again by Ray: the grid does so, and says why.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.grid.baselines import BASELINE
from compare.grid.executors import STOPPED, Ending, Tell
from compare.grid.ray_node import (
    Answer,
    Input,
    Order,
    code_digest,
    describe_node,
    files_of,
    passed_on,
    run_task,
    save_files,
)
from shared.command_line import EXIT_BAD_INPUT, EXIT_BUSY
from shared.data.corpus import Corpus
from shared.errors import BusyError, LockstepError
from shared.files import CACHE_VERSION, MANIFEST
from shared.output import Output
from shared.runs import RUN, Record, is_finished, read_run
from shared.specification import SOURCE_FIELDS, Specification
from shared.startup import EXIT_INTERRUPTED, SIGNALS
from shared.terminal import counted

if TYPE_CHECKING:
    from compare.grid.driver import Cell

SECONDS_TO_CONNECT = 10
SECONDS_TO_DESCRIBE = 120
# An autoscaler may bring a node on which a cell has room.
SECONDS_FOR_ROOM = 120
SECONDS_BETWEEN_LOOKS = 1
SECONDS_TO_BE_SEEN = 60
# Threads of this process that each wait for a cell. More cells than the nodes hold are handed over, so that an
# autoscaler sees them.
MOST_AT_ONCE = 1_000
# No more are busy than a batch has parts.
USUAL_THREADS = 2
# Bytes of a cell of which nothing like it is finished: results/ has up to 6.2 GB, most below 3.
USUAL_MEMORY = 4_000_000_000
MARGIN = 1.25


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Join a Ray cluster, and leave it afterwards.

    Parameters
    ----------
    address : str or None
        ``host:port`` of its head; None: what ``RAY_ADDRESS`` says, or the cluster that this machine is in.

    Yields
    ------
    module
        Ray.

    Raises
    ------
    LockstepError
        If Ray is not installed, or there is no such cluster.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported: nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise LockstepError("--executor ray: Ray is not installed; pip install 'lockstep[ray]'") from error
    asked = address or os.environ.get("RAY_ADDRESS") or "auto"
    _check_address(asked)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    _silence()
    try:
        ray.init(address=asked, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError, SystemExit) as error:
        if asked == "auto" and isinstance(error, ConnectionError):
            reason = "this machine is in no cluster"
        else:
            said = "" if isinstance(error, SystemExit) else str(error).partition("\n")[0]
            reason = f"the cluster at {asked} cannot be joined ({said or 'no answer'})"
        advice = "start one with `ray start --head`, or name its head with --address"
        raise LockstepError(f"--executor ray: {reason}; {advice}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():  # Ray takes SIGTERM for itself
                signal.signal(number, handler)
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Refuse what cannot be reached: Ray itself tries for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65_536):
        advice = "of a ray:// address run the command on a node of the cluster" if "://" in address else "usually :6379"
        raise LockstepError(f"--address: {address!r:.80} is not HOST:PORT of a cluster's head ({advice})")
    try:
        socket.create_connection((host, int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise LockstepError(f"--address: nothing answers at {address} ({reason}); is the cluster's head up?") from error


def _silence() -> None:
    """Keep what Ray says of dead workers off standard output: the grid says it in its own words."""
    with suppress(ImportError):
        from ray._private import worker

        worker._worker_logs_enabled = False


def usual_threads(ray: Any) -> int:
    """Return how many threads a cell gets that was given no number: two, if a node has as many processors."""
    return min(USUAL_THREADS, int(max((node.get("CPU", 0) for node in _nodes(ray)), default=0)) or USUAL_THREADS)


def _nodes(ray: Any) -> list[dict[str, float]]:
    """Return the resources of the nodes that are there and train."""
    return [node["Resources"] for node in ray.nodes() if _trains(node)]


def _trains(node: Answer) -> bool:
    return bool(node["Alive"] and node["Resources"].get("CPU", 0) >= 1)


class RayExecutor:
    """Runs each cell in a process of whichever node has room.

    Parameters
    ----------
    ray : module
        That is connected.
    flags : sequence of str
        What every network's process is told about the machine; its processors are those of ``--threads``.
    jobs : int or None
        Cells at once; None: as many as have room.
    shared : bool or None
        Whether nodes write runs in place; None: those that see the folder.
    """

    def __init__(self, ray: Any, flags: Sequence[str], jobs: int | None = None, shared: bool | None = None) -> None:
        self.ray, self.flags, self.limit, self.shared = ray, tuple(flags), jobs, shared
        self.threads = int(self.flags[self.flags.index("--threads") + 1]) if "--threads" in self.flags else 1
        self.jobs = jobs or max(1, sum(int(node["CPU"]) // self.threads for node in _nodes(ray)))
        self.peaks: dict[str, float] = {}  # megabytes of finished cells, by framework
        self.told: set[str] = set()
        self.streams: set[Any] = set()
        self.stopping = threading.Event()
        self.guard = threading.Lock()  # of the above, and of places that are claimed: signals are held off one by one
        self.sent: dict[str, Any] = {}
        self.token, self.everywhere = "", False
        self.encoded: tuple[str, str, Any] | None = None
        self.say: Callable[[str], None] = lambda text: None
        self.task = ray.remote(max_retries=0)(run_task)

    @contextmanager
    def opened(self, experiment: Path, corpus: Corpus, say: Callable[[str], None]) -> Iterator[None]:
        """Ask every node whether it has this program and sees the folder, and send the encoded reviews once.

        Raises
        ------
        LockstepError
            If a node has another version of the program, or of what decides results.
        """
        place = experiment.absolute() / f".lockstep-shared-{uuid.uuid4().hex}"
        self.say = say
        with Output(place):
            self.token = str(place)
            folder = _encoded_folder(corpus)
            answers = self._described(folder)
            seen = [bool(one["shared"]) if self.shared is None else self.shared for one in answers]
            self.everywhere = bool(seen) and all(seen)
            if folder is not None and not all(one["encoded"] for one in answers):
                key = folder.name.removeprefix(f"{CACHE_VERSION}-")
                self.encoded = folder.parent.name, key, self._put(folder, _without_manifest(files_of(folder)))
            nodes = _nodes(self.ray)
            how = (
                "are written where they stand, which all nodes see"
                if self.everywhere
                else "come back through Ray's object store from nodes that do not see their folder"
            )
            processors = sum(node["CPU"] for node in nodes)
            say(f"Ray: {counted(len(nodes), 'node')} with {processors:.0f} processors; runs {how}")
            try:
                yield
            finally:
                self.sent, self.encoded = {}, None

    def rounds(self, cells: Sequence[Cell]) -> list[tuple[list[Cell], int]]:
        """Hand over all cells at once, as far as the user allows it: Ray finds room for them."""
        return [(list(cells), self.limit or min(MOST_AT_ONCE, max(1, len(cells))))]

    def learn(self, record: Record) -> None:
        """Take note of the memory that a finished cell needed."""
        self.peaks[record.framework] = max(self.peaks.get(record.framework, 0.0), record.peak_memory_mb)

    def run(self, cell: Cell, tell: Tell) -> Ending:
        """Run a cell on a node; a worker or a node that dies is worth another try."""
        needs = self._needs(cell)
        order = self._order(cell)
        with self.guard:
            if self.stopping.is_set():
                return Ending(EXIT_INTERRUPTED)
            stream = self.task.options(name=cell.title, num_returns="streaming", **needs).remote(order)
            self.streams.add(stream)
        try:
            return self._followed(cell, stream, needs, tell)
        except self.ray.exceptions.RayError as error:
            return self._ending_of(error)
        finally:
            with self.guard:
                self.streams.discard(stream)

    def stop(self) -> None:
        """Cancel every task: the node tells the cell's process to stop, and kills it if it does not."""
        self.stopping.set()
        with self.guard:
            for stream in self.streams:
                self.ray.cancel(stream)

    def _needs(self, cell: Cell) -> dict[str, float]:
        """Return the resources of a cell; memory of those that are finished, or a guess, which is said."""
        processors = 1 if cell.framework == BASELINE else self.threads
        peak = self.peaks.get(cell.framework)
        memory = int(peak * 1_000_000 * MARGIN) if peak else USUAL_MEMORY
        if not peak:
            largest = max((node.get("memory", 0.0) for node in _nodes(self.ray)), default=0.0)
            memory = min(memory, int(largest)) or memory
            with self.guard:
                new = cell.framework not in self.told
                self.told.add(cell.framework)
            if new:
                self.say(
                    f"{cell.framework}: no cell is finished here that says what memory it needs; "
                    f"{memory / 1e9:.1f} GB are asked for"
                )
        cuda = "cuda" in self.flags and cell.framework != BASELINE
        return {"num_cpus": processors, "memory": memory, **({"num_gpus": 1} if cuda else {})}

    def _order(self, cell: Cell) -> Order:
        directory = str(cell.directory.absolute())
        return Order(
            command=tuple(directory if word == str(cell.directory) else word for word in cell.command),
            directory=directory,
            driver=socket.gethostname(),
            folder=str(Path.cwd()),
            token=self.token,
            shared=self.shared,
            environment=passed_on(os.environ),
            inputs=tuple(self._inputs(cell.specification)),
            encoded=self.encoded,
        )

    def _inputs(self, specification: Specification) -> Iterator[Input]:
        """Yield the files and folders that a cell reads; relative ones are sent, unless all nodes see them."""
        for name in SOURCE_FIELDS:
            value = str(getattr(specification, name))
            for given in {value, value.partition(":")[2]} - {""}:  # of a task's source, NAME:PATH
                place = os.path.abspath(os.path.expanduser(given))
                if not os.path.exists(place):
                    continue
                with self.guard:
                    if place not in self.sent:
                        files = files_of(Path(place))
                        send = not self.everywhere and not os.path.isabs(os.path.expanduser(given))
                        self.sent[place] = Input(given, place, files, self._put(Path(place), files) if send else None)
                yield self.sent[place]

    def _put(self, place: Path, files: dict[str, str]) -> Any:
        """Put files into the object store: each node fetches them once."""
        return self.ray.put({name: (place if name == "." else place / name).read_bytes() for name in files})

    def _described(self, encoded: Path | None) -> list[Answer]:
        """Ask every node what it is.

        Raises
        ------
        LockstepError
            If one cannot run cells as this machine would.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ask = self.ray.remote(num_cpus=0, max_retries=1)(describe_node)
        nodes = [node for node in self.ray.nodes() if _trains(node)]
        there = Path(*encoded.parts[-2:]).as_posix() if encoded is not None else ""
        asked = [
            ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
                self.token, there
            )
            for node in nodes
        ]
        answers = []
        for node, one in zip(nodes, asked, strict=True):
            name = node["NodeManagerHostname"]
            try:
                answers.append(self.ray.get(one, timeout=SECONDS_TO_DESCRIBE))
            except self.ray.exceptions.RayTaskError as error:
                raise LockstepError(
                    f"node {name} cannot run cells ({str(error).splitlines()[-1]}); install this version of Lockstep "
                    "and of the frameworks on it"
                ) from error
            except self.ray.exceptions.RayError:  # it went away, or is slow: cells find others
                self.say(f"node {name} does not answer")
        for answer in answers:
            if answer["code"] != code_digest():
                raise LockstepError(
                    f"node {answer['node']} has another version of Lockstep, of Python or of the frameworks' packages, "
                    "which may give other results; install the same on all nodes"
                )
        return answers

    def _followed(self, cell: Cell, stream: Any, needs: dict[str, float], tell: Tell) -> Ending:
        """Hear a task to its end."""
        with ExitStack() as stack:
            self._wait_for_room(stream, needs)
            place: Output | None = None
            last: Answer = {}
            for one in stream:
                last = self.ray.get(one)
                if "done" in last:
                    tell(last)
                elif "node" in last:
                    tell({})
                    if not last["shared"]:
                        try:
                            place = stack.enter_context(self._claimed(cell.directory))
                        except LockstepError as error:
                            self.ray.cancel(stream)
                            return Ending(EXIT_BUSY if isinstance(error, BusyError) else EXIT_BAD_INPUT, str(error))
            code, said = last["code"], last["said"]
            if last["run"] is not None and place is not None:
                try:
                    with self.guard, place.written() as temporary:
                        save_sent_run(temporary, last["run"])
                except LockstepError as error:
                    return Ending(1, str(error), "its run came back damaged")
            if code == 0 and place is None:
                _wait_until_seen(cell.directory)
            if code == -signal.SIGKILL or (code in STOPPED and not self.stopping.is_set()):
                name = signal.Signals(-code).name if code < 0 else "a signal"
                return Ending(code, said, f"its process was ended by {name}")
            return Ending(code, said)

    @contextmanager
    def _claimed(self, directory: Path) -> Iterator[Output]:
        """Hold a place while a node works for it."""
        output = Output(directory, RUN)
        with self.guard:
            output.__enter__()
        try:
            yield output
        finally:
            with self.guard:
                output.__exit__(None, None, None)

    def _wait_for_room(self, stream: Any, needs: dict[str, float]) -> None:
        """Wait until a task has started.

        Raises
        ------
        LockstepError
            If for `SECONDS_FOR_ROOM` no node is there that could ever take it.
        """
        without: float | None = None
        while not self.ray.wait([stream], timeout=SECONDS_BETWEEN_LOOKS)[0]:
            if any(_has_room(node, needs) for node in _nodes(self.ray)):
                without = None
                continue
            what = f"{needs['num_cpus']} processors and {needs['memory'] / 1e9:.1f} GB"
            if without is None:
                without = time.monotonic()
                self.say(f"no node has {what} for a cell; waiting {SECONDS_FOR_ROOM} s for one to join")
            if time.monotonic() - without >= SECONDS_FOR_ROOM:
                self.ray.cancel(stream)
                raise LockstepError(
                    f"needs {what}, which no node of the cluster has ({_sizes(_nodes(self.ray))}); "
                    "pass fewer --threads, or add a larger node"
                )

    def _ending_of(self, error: Exception) -> Ending:
        """Say what it means that Ray has no answer."""
        exceptions = self.ray.exceptions
        if self.stopping.is_set():
            return Ending(EXIT_INTERRUPTED)
        if isinstance(error, exceptions.RayTaskError) and not isinstance(error, exceptions.TaskCancelledError):
            return Ending(1, str(error))
        why = {
            exceptions.OutOfMemoryError: "its node ran out of memory",
            exceptions.NodeDiedError: "its node went away",
            exceptions.WorkerCrashedError: "its Ray worker died",
            exceptions.ObjectLostError: "its run was lost on the way back",
        }
        found = next((told for kind, told in why.items() if isinstance(error, kind)), type(error).__name__)
        return Ending(1, str(error), found)


def _wait_until_seen(directory: Path) -> None:
    """Wait for a run that a node has put in place: a network file system may show it here a while later."""
    last = time.monotonic() + SECONDS_TO_BE_SEEN
    while not is_finished(directory) and time.monotonic() < last:
        for folder in (*reversed(directory.absolute().parents[:4]), directory):
            with suppress(OSError):
                os.listdir(folder)  # opening a folder has NFS ask its server anew
        time.sleep(SECONDS_BETWEEN_LOOKS / 10)


def _sizes(nodes: Sequence[dict[str, float]]) -> str:
    return "; ".join(f"{node['CPU']:.0f} and {node.get('memory', 0) / 1e9:.1f} GB" for node in nodes) or "none is there"


def _has_room(node: dict[str, float], needs: dict[str, float]) -> bool:
    names = {"num_cpus": "CPU", "memory": "memory", "num_gpus": "GPU"}
    return all(node.get(names[name], 0.0) >= amount for name, amount in needs.items())


def _encoded_folder(corpus: Corpus) -> Path | None:
    """Return where the cache has a corpus as word ids, from which they are memory-mapped."""
    tokens = corpus.train.tokens
    return Path(tokens.filename).parent if isinstance(tokens, np.memmap) and tokens.filename else None


def _without_manifest(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if name != MANIFEST}


def save_sent_run(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make the directory of a run that came from a node.

    Raises
    ------
    LockstepError
        If it is not whole, or holds what is no part of a run.
    """
    strange = sorted(files.keys() - RUN.entries)
    if strange:
        raise LockstepError(f"{directory.name}: {strange[0]!r:.80} is no part of a run")
    save_files(directory, files)
    read_run(directory)
