"""Several processes at one place, and what others put there in the middle."""

from __future__ import annotations

import os
import posix  # its functions are not those that are disturbed
import shutil
from collections.abc import Iterator
from functools import partial
from io import FileIO
from pathlib import Path
from random import Random

from tests.attack import events
from tests.attack.harness import (
    BUSY,
    FAILED,
    FINE,
    REFUSED,
    Case,
    Scene,
    Wrong,
    check_kept,
    check_manners,
    check_no_leftovers,
    copy,
    snapshot,
)
from tests.attack.kills import JOBS, POINTS, Job, is_whole
from tests.attack.materials import RUN, TRAIN
from tests.attack.outputs import GRID

FOREIGN = "years of someone else's work\n"


def _together(job: Job, processes: int, overwrite: bool, scene: Scene) -> None:
    if overwrite and job.old:
        copy(scene.path(job.old), scene.path(job.place))
    words = [*job.words, *(["--overwrite"] if overwrite else [])]
    before = snapshot(scene.folder)
    started = [scene.start(*words) for _ in range(processes)]
    every = [one.wait() for one in started]
    for done in every:
        check_manners(done, {FINE, BUSY, REFUSED})
    codes = sorted(done.code for done in every)
    may_win = processes if overwrite or job.marked else 1
    if not 1 <= codes.count(FINE) <= may_win:
        raise Wrong(
            f"{codes.count(FINE)} of {processes} say that they wrote {job.place}: {[str(one) for one in every]}"
        )
    is_whole(scene, job)
    check_kept(before, snapshot(scene.folder), [job.place])
    check_no_leftovers(scene.folder.parent)


def _cold_cache(processes: int, scene: Scene) -> None:
    """One makes the cache and the others wait."""
    shutil.rmtree(scene.cache)
    started = [scene.start(*TRAIN, "--out", f"made-{number}") for number in range(processes)]
    for one in started:
        check_manners(one.wait(), {FINE})
    answers = {scene.path(f"made-{number}", "predictions.parquet").read_bytes() for number in range(processes)}
    if len(answers) > 1:
        raise Wrong("with one cache their predictions differ")
    check_no_leftovers(scene.folder.parent)


def _put(place: Path, what: str, at: int, number: int, name: str, path: str) -> None:
    """Someone else puts something of theirs at the place; what stands there they take away first."""
    if number != at:
        return
    if os.path.lexists(place):
        posix.rename(place, f"{place}.aside")
    if what == "a link":
        posix.symlink("precious", place)
    elif what == "a pipe":
        posix.mkfifo(place)
    else:
        if what == "a directory":
            posix.mkdir(place)
        with FileIO(place / "thesis.txt" if what == "a directory" else place, "w") as file:
            file.write(FOREIGN.encode())
    with FileIO(place.parents[1] / "was-put", "w"):
        pass


def _foreign_in_the_middle(job: Job, what: str, overwrite: bool, share: float, scene: Scene) -> None:
    """Whatever comes to the place, and when: afterwards it is still there, or beside the place."""
    if overwrite:
        copy(scene.path(job.old), scene.path(job.place))
    words = [*job.words, *(["--overwrite"] if overwrite else [])]
    at = 1 + int(share * events.count(scene, words))
    before = snapshot(scene.folder)
    place = scene.path(job.place)
    done = scene.run(*words, prepare=partial(events.disturb, scene.folder.parent, partial(_put, place, what, at)))
    check_manners(done, {FINE, REFUSED})
    check_kept(before, {name: state for name, state in snapshot(scene.folder).items() if name in before}, [job.place])
    theirs = {"a link": Path.is_symlink, "a pipe": Path.is_fifo}.get(what, _is_foreign)
    if (scene.folder.parent / "was-put").exists() and not any(theirs(path) for path in scene.folder.rglob("*")):
        raise Wrong(f"{what} that someone else put there at event {at} is gone: {done}")
    check_no_leftovers(scene.folder)


def _is_foreign(path: Path) -> bool:
    return path.is_file() and path.read_bytes() == FOREIGN.encode()


def _reader_meets_writer(scene: Scene) -> None:
    """A run is replaced while reports are made: each has the old one or the new one, or names what it left out."""
    words = [*TRAIN, "--out", RUN, "--overwrite"]
    writing = scene.start(*words)
    reading = [scene.start("compare", "ensemble", "experiment", "--out", f"made-{number}.json") for number in range(3)]
    for one in (writing, *reading):
        check_manners(one.wait(), {FINE})
    check_no_leftovers(scene.folder)


def _two_drivers(drivers: int, scene: Scene) -> None:
    """Drivers of one experiment: every cell is trained once, and both end well."""
    words = ("compare", "run", *GRID, "--seeds", "0", "1", "--runs", "made", "--experiment", "e")
    started = [scene.start(*words, real=True) for _ in range(drivers)]
    for one in started:
        check_manners(one.wait(120), {FINE})
    for seed in (0, 1):
        is_whole(scene, Job((), f"made/e/reference/gru/seed-{seed}"))
    left = [path.name for path in scene.path("made/e/reference/gru").iterdir() if not path.name.startswith("seed-")]
    if left:
        raise Wrong(f"left {left}")
    check_no_leftovers(scene.folder)


def _twice(words: tuple[str, ...], allowed: tuple[int, ...], scene: Scene) -> None:
    check_manners(scene.run(*words), allowed)


def cases(random: Random) -> Iterator[Case]:
    for job in JOBS:
        for processes in (2, 3):
            for overwrite in (False, True):
                for _ in range(2):
                    said = f"{processes} times {job.name}{' --overwrite' if overwrite else ''} at once"
                    yield Case(said, partial(_together, job, processes, overwrite))
        if not job.pages:
            for what in ("a file", "a directory", "a link", "a pipe"):
                for point in range(POINTS // 2):
                    # A plain file may be replaced by a file when that was asked for.
                    overwrite = point % 2 == 1 and what != "a file"
                    share = (point + random.random()) / (POINTS // 2)
                    said = f"{job.name}{' --overwrite' if overwrite else ''}: {what} comes at {share:.0%} of the events"
                    yield Case(said, partial(_foreign_in_the_middle, job, what, overwrite, share))
    for processes in (2, 3, 4):
        for _ in range(3):
            yield Case(f"{processes} processes and a cold cache", partial(_cold_cache, processes))
    for _ in range(6):
        yield Case("a run is replaced while it is read", _reader_meets_writer)
    for drivers in (2, 2, 3):
        yield Case(f"{drivers} drivers of one experiment", partial(_two_drivers, drivers))
    run = ("compare", "run", *GRID, "--runs", "made")
    yield Case("a seed twice", partial(_twice, (*run, "--seeds", "0", "0"), (FINE, FAILED, REFUSED)))
