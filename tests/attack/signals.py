"""Signals at random moments: one line, no traceback, what stood there is kept, nothing is left."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from tests.attack.harness import (
    FINE,
    INTERRUPTED,
    Case,
    Done,
    Scene,
    Wrong,
    check_kept,
    check_manners,
    check_no_leftovers,
    copy,
    snapshot,
)
from tests.attack.kills import JOBS, Job, is_whole
from tests.attack.materials import OTHER_RUN, TRAIN

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONG = Job((*TRAIN, "--epochs", "300", "--out", "made"), old=OTHER_RUN)


def _judge(job: Job, before: dict[str, str], scene: Scene, done: Done, allowed: set[int]) -> None:
    check_manners(done, allowed)
    if done.code == INTERRUPTED and done.err.count("interrupted: ") != 1:
        raise Wrong(f"was interrupted and does not say so once: {done}")
    after = snapshot(scene.folder)
    check_kept(before, after, [job.place])
    check_no_leftovers(scene.folder.parent)
    if done.code == FINE or (after != before and not job.pages):  # the signal can come when all is written
        is_whole(scene, job)


def _signalled(job: Job, number: int, seconds: float, twice: bool, overwrite: bool, scene: Scene) -> None:
    if overwrite and job.old:
        copy(scene.path(job.old), scene.path(job.place))
    words = [*job.words, *(["--overwrite"] if overwrite else [])]
    before = snapshot(scene.folder)
    started = scene.start(*words, prepare=(scene.folder.parent / "ready").touch)
    _wait_until(scene.folder.parent / "ready")
    time.sleep(seconds)
    started.signal(number)
    if twice:
        time.sleep(scene.random.random() * 0.05)
        started.signal(scene.random.choice(SIGNALS))
    _judge(job, before, scene, started.wait(), {FINE, INTERRUPTED})


def _wait_until(path: Path) -> None:
    last = time.monotonic() + 20
    while not path.exists() and time.monotonic() < last:
        time.sleep(0.002)


def _signalled_process(job: Job, number: int, seconds: float, scene: Scene) -> None:
    """An interpreter of its own: before our first line and after our last it dies as every interpreter does."""
    before = snapshot(scene.folder)
    started = scene.start(*job.words, real=True)
    time.sleep(seconds)
    started.signal(number)
    done = started.wait()
    _judge(job, before, scene, done, {FINE, INTERRUPTED, -number})


def cases(random: Random) -> Iterator[Case]:
    for job, longest in ((LONG, 1.5), (JOBS[0], 0.4), (JOBS[1], 0.3), (JOBS[2], 0.1), (JOBS[3], 0.1), (JOBS[5], 0.5)):
        for number in SIGNALS:
            for attempt in range(10 if job is LONG else 5):
                seconds = random.uniform(0, longest)
                twice, overwrite = attempt % 3 == 0, attempt % 2 == 0 and not job.pages
                said = f"{job.name}: {signal.Signals(number).name} after {seconds:.2f} s{', twice' if twice else ''}"
                yield Case(said, partial(_signalled, job, number, seconds, twice, overwrite))
    for job in (LONG, JOBS[1], JOBS[5]):
        for number in SIGNALS:
            for _ in range(4):
                seconds = random.uniform(0.05, 4)
                said = f"a process, {job.name}: {signal.Signals(number).name} after {seconds:.2f} s"
                yield Case(said, partial(_signalled_process, job, number, seconds))
