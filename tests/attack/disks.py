"""Disks that fill up or fail in the middle: what stood there is kept, one line says so, nothing is left."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from functools import partial
from random import Random

from tests.attack import events
from tests.attack.harness import (
    FINE,
    REFUSED,
    Case,
    Scene,
    check_kept,
    check_manners,
    check_no_leftovers,
    copy,
    snapshot,
)
from tests.attack.kills import JOBS, POINTS, Job, is_whole

ERRORS = (errno.ENOSPC, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE)


def _arranged(job: Job, overwrite: bool, scene: Scene) -> list[str]:
    if overwrite and job.old:
        copy(scene.path(job.old), scene.path(job.place))
    elif overwrite:
        check_manners(scene.run(*job.words), {FINE})
    return [*job.words, *(["--overwrite"] if overwrite else [])]


def _judge(job: Job, before: dict[str, str], scene: Scene) -> None:
    done = scene.said[-1]
    check_manners(done, {FINE, REFUSED})
    after = snapshot(scene.folder)
    check_kept(before, after, [job.place])
    check_no_leftovers(scene.folder)
    if done.code == FINE or (after != before and not job.pages):  # what failed may have come after the exchange
        is_whole(scene, job)


def _fails_at(job: Job, overwrite: bool, share: float, error: int, scene: Scene) -> None:
    words = _arranged(job, overwrite, scene)
    before = snapshot(scene.folder)
    at = 1 + int(share * events.count(scene, words))
    scene.run(*words, prepare=partial(events.disturb, scene.folder.parent, partial(events.fail, at, error)))
    _judge(job, before, scene)


def _files_stay_small(job: Job, overwrite: bool, size: int, scene: Scene) -> None:
    """The system lets no file grow beyond a size; libraries in C meet that too."""
    words = _arranged(job, overwrite, scene)
    before = snapshot(scene.folder)
    scene.run(*words, file_size=size)
    _judge(job, before, scene)


def _small_disk(job: Job, kilobytes: int, scene: Scene) -> None:
    """A file system that is full; where none can be mounted, files that stay small."""
    disk = scene.path("disk")
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        disk.rmdir()
        _files_stay_small(job, False, kilobytes * 200, scene)
        return
    try:
        words = [f"disk/{word}" if word == job.place else word for word in job.words]
        before = snapshot(scene.folder)
        done = scene.run(*words)
        check_manners(done, {FINE, REFUSED})
        check_kept(before, snapshot(scene.folder), [f"disk/{job.place}"] if done.code == FINE or job.pages else [])
        check_no_leftovers(scene.folder)
    finally:
        subprocess.run(["umount", disk], check=False)


def cases(random: Random) -> Iterator[Case]:
    for job in JOBS:
        for overwrite in (False, True):
            for point in range(POINTS // 2):
                share, error = (point + random.random()) / (POINTS // 2), random.choice(ERRORS)
                said = f"{job.name}{' --overwrite' if overwrite else ''}"
                yield Case(
                    f"{said}: {errno.errorcode[error]} from {share:.0%} on",
                    partial(_fails_at, job, overwrite, share, error),
                )
            for _ in range(4):
                size = int(10 ** random.uniform(0, 4.5))
                yield Case(f"{said}: files of {size} bytes at most", partial(_files_stay_small, job, overwrite, size))
        for _ in range(3):
            kilobytes = random.choice([4, 8, 12, 16, 24, 40])
            yield Case(f"{job.name}: a disk of {kilobytes} KB", partial(_small_disk, job, kilobytes))
