"""Killed before each of its file events: the old is whole, or the new is, and the next command goes on."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.attack import events
from tests.attack.harness import FINE, Case, Scene, Wrong, check_kept, check_manners, check_no_leftovers, copy, snapshot
from tests.attack.materials import BASELINE_RUN, OTHER_RUN, PREDICT, RUN, TRAIN, TRAINING

POINTS = 36  # kill points of a job, spread over all of its events


@dataclass(frozen=True)
class Job:
    """A command that writes to ``made``, with what suffix it likes.

    Attributes
    ----------
    words : tuple of str
        Without ``--overwrite``.
    place : str
        What it writes.
    old : str
        The material that stands there when it has to overwrite.
    marked : bool
        Whether it replaces its own without being told to.
    pages : bool
        Whether it makes several files in a folder, each of them whole.
    """

    words: tuple[str, ...]
    place: str = "made"
    old: str = ""
    marked: bool = False
    pages: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.words[:2])


JOBS = (
    Job((*TRAIN, "--out", "made"), old=OTHER_RUN),
    Job(("compare", "baseline", "majority", *TRAINING, "--out", "made"), old=BASELINE_RUN),
    Job(("compare", "convert", RUN, "made"), old="model"),
    Job((*PREDICT, "--input", "reviews.csv", "--output", "made.parquet"), "made.parquet", "pseudo.parquet"),
    Job(("compare", "ensemble", "experiment", "--out", "made.json"), "made.json", "results/mine.json", marked=True),
    Job(("compare", "report", "experiment", "--out", "made"), marked=True, pages=True),
)


def is_whole(scene: Scene, job: Job) -> None:
    """Raise `Wrong` unless what stands at the place can be read from end to end."""
    place = scene.path(job.place)
    done = scene.start("whole", call=partial(_read, place, job.pages)).wait()
    if done.code:
        raise Wrong(f"{job.place} is not whole: {done.err[-500:]}")


def _read(place: Path, page: bool) -> int:
    import pyarrow.parquet as pq

    from shared.runs import read_run
    from shared.weights import read_checkpoint

    if page:
        for path in place.glob("[!.]*"):
            content = path.read_text()
            assert "</html>" in content or path.suffix != ".html", path
            assert path.suffix != ".json" or json.loads(content)
    elif place.suffix == ".parquet":
        table = pq.read_table(place)
        assert table.num_rows, place
        assert "prediction" in table.column_names, place
    elif place.suffix == ".json":
        json.loads(place.read_text())
    elif (place / "record.json").exists():
        assert read_run(place).validation
        if (place / "checkpoint").exists():
            read_checkpoint(place)
    else:
        read_checkpoint(place)
    return 0


def _killed(job: Job, overwrite: bool, cold: bool, share: float, scene: Scene) -> None:
    words = [*job.words, *(["--overwrite"] if overwrite else [])]
    if cold:
        shutil.rmtree(scene.cache)
    if overwrite and job.old:
        copy(scene.path(job.old), scene.path(job.place))
    elif overwrite:
        check_manners(scene.run(*job.words), {FINE})
    old = snapshot(scene.folder)
    at = 1 + int(share * events.count(scene, words, cold))
    done = scene.run(*words, prepare=partial(events.disturb, scene.folder.parent, partial(events.kill, at)))
    if done.code not in (FINE, -signal.SIGKILL):
        raise Wrong(f"was to be killed at event {at}: {done}")
    check_kept(old, {name: state for name, state in snapshot(scene.folder).items() if name in old}, [job.place])
    place = scene.path(job.place)
    if overwrite and not place.exists():
        raise Wrong(f"killed at event {at}, and {job.place} is gone")
    if place.exists() and any(place.iterdir() if place.is_dir() else [place]):
        same = all(
            old.get(name) == state for name, state in snapshot(place.parent).items() if name.startswith(job.place)
        )
        if not same:
            is_whole(scene, job)
    check_manners(scene.run(*job.words, *([] if job.pages else ["--overwrite"])), {FINE})
    is_whole(scene, job)
    if cold:  # what is left of a cache's making goes when the next is made beside it
        check_manners(scene.run(*job.words, "--minimum-count", "2", "--overwrite"), {FINE})
    check_no_leftovers(scene.folder.parent)


def _killed_at_a_time(job: Job, seconds: float, scene: Scene) -> None:
    """A process of its own, killed at some moment."""
    copy(scene.path(job.old), scene.path(job.place))
    old = snapshot(scene.path(job.place))
    started = scene.start(*job.words, "--overwrite", real=True)
    time.sleep(seconds)
    started.signal(signal.SIGKILL)
    started.wait()
    if snapshot(scene.path(job.place)) != old:
        is_whole(scene, job)
    check_manners(scene.run(*job.words, "--overwrite"), {FINE})
    is_whole(scene, job)
    check_no_leftovers(scene.folder.parent)


def cases(random: Random) -> Iterator[Case]:
    for job in JOBS:
        for overwrite in (False, True):
            for point in range(POINTS if "train" in job.words else POINTS // 2):
                share = (point + random.random()) / (POINTS if "train" in job.words else POINTS // 2)
                flag = " --overwrite" if overwrite else ""
                yield Case(
                    f"{job.name}{flag}, killed at {share:.0%} of its events",
                    partial(_killed, job, overwrite, False, share),
                )
    for point in range(POINTS // 2):
        share = (point + random.random()) / (POINTS // 2)
        yield Case(f"a cold cache, killed at {share:.0%} of the events", partial(_killed, JOBS[0], False, True, share))
    for _ in range(6):
        seconds = random.uniform(1.5, 5)
        yield Case(f"train --overwrite, killed after {seconds:.1f} s", partial(_killed_at_a_time, JOBS[0], seconds))
