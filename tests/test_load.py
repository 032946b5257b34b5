"""The machine's load beside a training, and how long the answer about one review takes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cell import FEWEST_TIMED, TIMED_REVIEWS, WARM_UP_CALLS, measure_latency
from shared.load import SHORTEST, LoadMeter, Snapshot, busy_seconds, load_between, snapshot
from shared.runs import Load, read_records

needs_counters = pytest.mark.skipif(snapshot().busy is None, reason="the system does not say how busy its cores are")
TICKS = 100

# user nice system idle iowait irq softirq steal guest guest_nice: the guests' time stands in user and nice already.
STAT = """cpu  9999 9999 9999 9999 9999 9999 9999 9999 9999 9999
cpu0 1000 200 300 5000 40 50 60 70 800 90
cpu1 0 0 0 7000 0 0 0 100 0 0
cpu3 300 0 0 6000 0 0 0 0 300 0
intr 24823520 0 0
ctxt 5
btime 1700000000
"""


@pytest.mark.parametrize(
    ("cores", "seconds", "count"),
    [
        ({0}, 16.8, 1),
        ({1}, 1.0, 1),  # what the hypervisor took is busy too
        ({0, 3}, 19.8, 2),  # a container of two of a host's cores; one in between is switched off
        ({0, 1, 3}, 20.8, 3),
        ({7, 9}, 20.8, 3),  # the container's own are numbered anew
    ],
)
def test_only_the_cores_that_the_process_may_use_count(cores: set[int], seconds: float, count: int) -> None:
    assert busy_seconds(STAT, cores, TICKS) == (pytest.approx(seconds), count)


def test_old_kernels_count_fewer_kinds_of_time() -> None:
    assert busy_seconds("cpu 1 2 3 4\ncpu0 100 200 300 400\n", {0}, TICKS) == (6.0, 1)


@pytest.mark.parametrize("stat", ["", "cpu  1 2 3 4\n", "cpufreq 3 4\n", "cpu0 broken\n", "\n\n"])
def test_without_counters_nothing_is_known(stat: str) -> None:
    assert busy_seconds(stat, {0, 1}, TICKS) == (None, 2)


@given(st.text())
def test_whatever_the_file_holds_is_read_or_left(stat: str) -> None:
    busy, cores = busy_seconds(stat, {0}, TICKS)
    assert cores >= 1
    assert busy is None or busy >= 0


def between(
    threads: int, own: float, busy: float | None, cores: int = 2, wall: float = 10.0, later_cores: int | None = None
) -> Load:
    """The load over ten seconds in which all cores together were busy for so many seconds, by us for `own`."""
    counted = None if busy is None else 1_000.0
    before = Snapshot(50.0, 3.0, counted, cores, 1.0)
    after = Snapshot(50.0 + wall, 3.0 + own, None if busy is None else 1_000.0 + busy, later_cores or cores, 2.0)
    return load_between(before, after, threads)


@pytest.mark.parametrize(
    ("threads", "own", "busy", "cores", "contended"),
    [
        (2, 18.0, 18.5, 2, False),  # alone, services in the background
        (2, 10.0, 20.0, 2, True),  # somebody else has a core
        (2, 10.0, 12.5, 2, True),  # a quarter of a core is more than a tenth of two
        (1, 10.0, 20.5, 2, False),  # beside one of one thread: a core for each
        (1, 6.7, 20.0, 2, True),  # three of one thread share two cores
        (8, 60.0, 65.0, 8, False),
        (8, 60.0, 80.0, 8, True),
        (2, 19.0, 69.0, 8, False),  # others use five of eight cores: two are left
        (4, 18.0, 19.0, 2, False),  # more threads than cores contend with each other
        (2, 0.5, 1.0, 2, False),  # it waits, but not for a processor
    ],
)
def test_contended_is_who_did_not_have_what_it_could_use(
    threads: int, own: float, busy: float, cores: int, contended: bool
) -> None:
    load = between(threads, own, busy, cores)
    assert load.contended is contended
    assert load.busy_elsewhere == pytest.approx((busy - own) / 10)
    assert (load.processor_seconds, load.wall_seconds) == (pytest.approx(own), 10)
    assert load.load_average == 1.5


def test_what_is_not_known_is_not_said() -> None:
    for load in (
        between(2, own=10, busy=None),  # no counters
        between(2, own=10, busy=0),  # counters that count nothing, not even this process
        between(2, own=10, busy=12, later_cores=1),  # a core was switched off: the sums are not of the same cores
    ):
        assert load.busy_elsewhere is None
        assert load.contended is None
        assert load.processor_seconds == 10
    short = between(2, own=SHORTEST, busy=2 * SHORTEST, wall=SHORTEST * 0.9)
    assert short.busy_elsewhere is not None
    assert short.contended is None


def test_ticks_that_round_to_less_than_our_own_time_are_no_negative_load() -> None:
    assert between(2, own=10.0, busy=9.9).busy_elsewhere == 0


@contextmanager
def others_at_work(count: int) -> Iterator[None]:
    """Keep so many cores busy with processes that are not ours; they are at work when the block begins."""
    endless = "print(flush=True)\nwhile True: pass"
    processes = [subprocess.Popen([sys.executable, "-c", endless], stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@needs_counters
def test_the_work_of_others_is_seen() -> None:
    """As many endless loops as there are cores; what else runs on the machine can only add to them."""
    cores = snapshot().cores
    with LoadMeter(cores) as idle:
        time.sleep(1.5)
    with others_at_work(cores), LoadMeter(cores) as loaded:
        time.sleep(1.5)
    assert loaded.load.contended
    assert loaded.load.busy_elsewhere is not None
    assert idle.load.busy_elsewhere is not None
    # Counted in ticks of 10 ms; every core is busy all the time, whoever else wants it.
    assert loaded.load.busy_elsewhere > 0.85 * cores
    assert loaded.load.busy_elsewhere > 0.9 * idle.load.busy_elsewhere
    assert loaded.load.processor_seconds < 0.5, "their time is not ours"


@needs_counters
def test_our_own_work_is_not_that_of_others() -> None:
    """All threads count. However full the machine is, ours and theirs together are no more than its cores."""
    cores = snapshot().cores
    text = b"x" * 1_000_000

    def work() -> None:
        end = time.perf_counter() + 1.5
        while time.perf_counter() < end:
            hashlib.sha256(text).digest()  # without the interpreter's lock, so on a core of its own

    threads = [threading.Thread(target=work) for _ in range(cores)]
    with LoadMeter(cores) as meter:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    load = meter.load
    assert load.busy_elsewhere is not None
    share = load.processor_seconds / load.wall_seconds
    assert share > 0.1, "it got next to nothing of the machine, so this shows nothing"
    assert share + load.busy_elsewhere < 1.05 * cores


def test_a_machine_that_does_not_say_is_measured_as_far_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: no affinity, no /proc."""

    def missing(self: Path, *_: object, **__: object) -> str:
        raise FileNotFoundError(self)

    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(Path, "read_text", missing)
    with LoadMeter(2) as meter:
        sum(range(100_000))
    assert meter.load.busy_elsewhere is None
    assert meter.load.contended is None
    assert meter.load.processor_seconds > 0
    assert meter.load.wall_seconds > 0


def test_latency_is_of_single_reviews_in_their_order() -> None:
    asked: list[int] = []

    def answer(row: int) -> None:
        asked.append(row)
        time.sleep(0.02 if row == 7 else 0.0)

    found = measure_latency(answer, 1_000)
    assert asked == [*range(WARM_UP_CALLS), *range(TIMED_REVIEWS)]
    assert list(found) == ["p50", "p95", "p99"]
    assert 0 < found["p50"] <= found["p95"] <= found["p99"]
    assert found["p99"] - found["p50"] > 0.1, "one of a hundred is slow: a hundredth of 20 ms and more"


def test_percentiles_are_those_of_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only calls move: the call of row n takes n milliseconds."""
    now = 0.0

    def answer(row: int) -> None:
        nonlocal now
        now += row / 1_000

    monkeypatch.setattr("shared.cell.time.perf_counter", lambda: now)
    found = measure_latency(answer, 60)
    assert found == {f"p{share}": pytest.approx(np.percentile(range(60), share)) for share in (50, 95, 99)}


def test_a_slow_model_answers_fewer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    now = 0.0

    def answer(row: int) -> None:
        nonlocal now
        now += 2.0
        asked.append(row)

    monkeypatch.setattr("shared.cell.time.perf_counter", lambda: now)
    assert measure_latency(answer, 1_000) == {"p50": 2_000, "p95": 2_000, "p99": 2_000}
    assert len(asked) == WARM_UP_CALLS + FEWEST_TIMED


def test_fewer_reviews_than_are_timed() -> None:
    asked: list[int] = []
    assert measure_latency(asked.append, 2).keys() == {"p50", "p95", "p99"}
    assert asked == [0, 1, 0, 1, 0, 0, 1]
    assert measure_latency(asked.append, 0) == {}


def test_every_record_says_what_its_training_had(smoke_runs: Path) -> None:
    records, left_out = read_records(smoke_runs)
    assert not left_out
    for record in records:
        where = f"{record.framework} {record.architecture}"
        assert record.load is not None, where
        assert record.load.wall_seconds >= record.seconds.training * 0.99, "validation is in it too"
        assert record.load.processor_seconds > 0, where
        assert record.latency_ms.keys() == {"p50", "p95", "p99"}, where
        assert 0 < record.latency_ms["p50"] <= record.latency_ms["p95"] <= record.latency_ms["p99"], where
