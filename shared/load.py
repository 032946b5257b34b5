"""How busy the machine was while a model trained: whether the time that it took is a time of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from shared.runs import Load

# proc_stat(5); "guest" and "guest_nice" stand in "user" and "nice" too. "steal" is what a hypervisor gave to others.
TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
BUSY = ("user", "nice", "system", "irq", "softirq", "steal")
# Others may take a tenth of the processor time that a training could use: it then took at most about a tenth longer,
# and services in the background do not mark every training.
LEFT_AT_LEAST = 0.9
# The system counts in ticks of 10 ms: in less than this, one tick is more than 2 %.
SHORTEST = 0.5  # seconds


@dataclass(frozen=True)
class Snapshot:
    """Clocks and counters of one moment, in seconds.

    Attributes
    ----------
    wall : float
        Of a clock that is never set back.
    processor : float
        Processor time of this process so far, over all its threads.
    busy : float or None
        How long the cores that this process may use have been busy since the system started, summed, whoever used
        them; None where the system does not say (macOS, some sandboxes).
    cores : int
        How many cores these are.
    load_average : float or None
        Threads that ran or waited for a processor, averaged over about the last minute.
    """

    wall: float
    processor: float
    busy: float | None
    cores: int
    load_average: float | None


class LoadMeter:
    """Measures the machine's load over a ``with`` block; afterwards :attr:`load` has it.

    Parameters
    ----------
    threads : int
        That the block may use.
    """

    load: Load
    # What was measured of the same work before, by a process that has ended; it counts too.
    earlier: Snapshot | None = None

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> LoadMeter:
        now = snapshot()
        self.before = now if self.earlier is None else _less(now, self.earlier)
        return self

    def so_far(self) -> Snapshot:
        """Return what has passed in the block, as `earlier` takes it."""
        return _less(snapshot(), self.before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.load = load_between(self.before, snapshot(), self.threads)


def _less(now: Snapshot, earlier: Snapshot) -> Snapshot:
    """Return the clocks and counters less others: what passed, or when it would have begun in one piece."""
    busy = None
    if now.busy is not None and earlier.busy is not None and now.cores == earlier.cores:
        busy = now.busy - earlier.busy
    return Snapshot(now.wall - earlier.wall, now.processor - earlier.processor, busy, now.cores, earlier.load_average)


def snapshot() -> Snapshot:
    """Read the clocks and counters."""
    try:
        mine: Collection[int] = os.sched_getaffinity(0)
    except AttributeError:  # macOS
        mine = range(os.cpu_count() or 1)
    stat, average = "", None
    with suppress(OSError):
        stat = Path("/proc/stat").read_text(encoding="ascii", errors="replace")
    with suppress(OSError):
        average = os.getloadavg()[0]
    busy, cores = busy_seconds(stat, mine, os.sysconf("SC_CLK_TCK"))
    return Snapshot(time.perf_counter(), time.process_time(), busy, cores, average)


def busy_seconds(stat: str, cores: Collection[int], ticks_per_second: int) -> tuple[float | None, int]:
    """Return for how long cores have been busy since the system started, summed, and how many they are.

    In a container ``/proc/stat`` may list the cores of the whole host: only those that the process may use count.
    It may also number the container's own from 0, whatever their numbers on the host: then all that are listed do.

    Parameters
    ----------
    stat : str
        What is in ``/proc/stat``; empty where there is no such file.
    cores : collection of int
        Numbers of those that the process may use.
    ticks_per_second : int
        The unit of the counters.
    """
    found = {}
    for line in stat.splitlines():
        name, *values = line.split()[: len(TIMES) + 1] or [""]
        number = name.removeprefix("cpu")
        if name.startswith("cpu") and number.isdecimal() and all(value.isdecimal() for value in values):
            times = dict(zip(TIMES, map(int, values), strict=False))  # old kernels count fewer
            found[int(number)] = sum(times.get(kind, 0) for kind in BUSY)
    if not found:
        return None, len(cores)
    mine = set(cores) if found.keys() >= set(cores) else found.keys()
    return sum(found[number] for number in mine) / ticks_per_second, len(mine)


def load_between(before: Snapshot, after: Snapshot, threads: int) -> Load:
    """Return the load between two moments.

    The training is called contended if what others left of the cores is less than nine tenths of what it could use,
    ``min(threads, cores)``. So two trainings of one thread each do not contend for two cores, but they do with a
    third. How much of that it used does not count: a framework that uses half of its cores would else seem alone.

    Parameters
    ----------
    before, after : Snapshot
        Of the same process.
    threads : int
        That the process may use.
    """
    wall, processor = after.wall - before.wall, after.processor - before.processor
    elsewhere = _busy_elsewhere(before, after)
    contended = None
    if elsewhere is not None and wall >= SHORTEST:
        contended = after.cores - elsewhere < LEFT_AT_LEAST * min(threads, after.cores)
    averages = [one.load_average for one in (before, after) if one.load_average is not None]
    return Load(
        processor_seconds=processor,
        wall_seconds=wall,
        busy_elsewhere=elsewhere,
        load_average=sum(averages) / len(averages) if averages else None,
        contended=contended,
    )


def _busy_elsewhere(before: Snapshot, after: Snapshot) -> float | None:
    """Return how many cores others kept busy, as a mean; None where the counters do not say."""
    wall, processor = after.wall - before.wall, after.processor - before.processor
    if before.busy is None or after.busy is None or before.cores != after.cores or wall <= 0:
        return None
    busy = after.busy - before.busy
    # Some sandboxes have the file and count nothing in it: then not even this process is seen.
    if busy < 0.8 * processor - 0.1:
        return None
    return max(0.0, busy - processor) / wall
