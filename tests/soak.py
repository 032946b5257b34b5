"""``python -m tests.soak --seed N``: a long comparison in which everything goes wrong that can, at random moments.

Grids are trained round by round. In each round one trouble comes: a process is killed, the disk is full or cannot be
written, the cache is gone, another driver starts in the same folder, the clock jumps. After each round every finished
run must be whole, agree with its predictions and be the very one that it was. In the end all must be there. Some are
then trained once more elsewhere, undisturbed, and must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from shared.errors import LockstepError
from shared.output import WORK
from shared.runs import is_finished, read_run
from shared.terminal import printable, say
from tests.attack.harness import Wrong
from tests.conftest import ROOT

WORDS = "good bad fine dull great awful film plot scene actor story music slow quick warm cold true false".split()  # noqa: SIM905
MODEL = (
    *("--vectors", "random", "--minimum-count", "1", "--max-length", "16", "--embedding-size", "4"),
    *("--hidden-size", "4", "--epochs", "2", "--batch-size", "16", "--data", "reviews.csv"),
)
ARCHITECTURES = ("lstm", "gru")
DISK = "256m"  # of memory, where a file system can be mounted
LEFT_ON_A_FULL_DISK = (0, 4_096, 20_000, 60_000)  # bytes
LONGEST_ROUND = 600.0  # seconds; a driver that waits for ever is wrong
# 0 all is well, 1 a cell failed, 2 a clear refusal, 75 another is at work, 130 interrupted; and signals that are sent.
ENDS = {0, 1, 2, 75, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}
TRAINED_AGAIN = 4  # cells, in the end


@dataclass
class Soak:
    """One soak: its folder, what was asked for so far, and what is finished.

    Attributes
    ----------
    folder : Path
        Commands run in it; runs, cache and reports are on a small file system of their own, where one can be mounted.
    random : Random
        Draws troubles and moments.
    finished : dict of Path to str
        The state of each finished run, as it was first seen.
    """

    folder: Path
    random: Random
    mounted: bool = False
    seeds: int = 0
    seconds: float = 8.0
    finished: dict[Path, str] = field(default_factory=dict)

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def runs(self) -> Path:
        return self.disk / "runs"

    @property
    def cache(self) -> Path:
        return self.disk / "cache"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a group of its own, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-m", "compare", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "LOCKSTEP_CACHE": str(self.cache)},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def driver(self) -> subprocess.Popen[str]:
        """Start the grid of all seeds so far."""
        seeds = map(str, range(self.seeds))
        return self.start(
            *("run", "--no-baselines", "--frameworks", "pytorch", "--architectures", *ARCHITECTURES, "--jobs", "2"),
            *("--runs", str(self.runs), "--experiment", "soak", *MODEL, "--checkpoint-every", "2steps"),
            *("--seeds", *seeds),
        )

    def workers(self) -> list[int]:
        """Processes that train a cell of this soak, whoever started them."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (place / "cmdline").read_bytes().split(b"\0")
                if b"pytorch_impl" in words and any(str(self.runs).encode() in word for word in words):
                    found.append(int(place.name))
        return found

    def wait(self) -> None:
        """Let some time pass, so that the trouble comes at any moment of a round."""
        time.sleep(self.random.random() * self.seconds)

    def end(self, process: subprocess.Popen[str]) -> str:
        """Wait for a command; hold how it ends and what it says."""
        try:
            said, _ = process.communicate(timeout=LONGEST_ROUND)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise Wrong(f"did not end within {LONGEST_ROUND:.0f} s") from error
        if process.returncode not in ENDS:
            raise Wrong(f"exit code {process.returncode}: {said[-700:]}")
        if "Traceback (most recent call last)" in said:
            raise Wrong(f"a traceback: {said[-1_500:]}")
        return said


def kill_a_worker(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """A cell's process is killed, as by a system that is out of memory."""
    workers = soak.workers()
    if workers:
        with suppress(ProcessLookupError):
            os.kill(soak.random.choice(workers), signal.SIGKILL)


def kill_the_driver(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """The driver is killed; its cells live on."""
    driver.kill()


def kill_all(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """The driver and its cells are killed, as when the machine loses power."""
    for worker in soak.workers():
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    driver.kill()


def interrupt(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """Ctrl-C: the whole group is interrupted."""
    with suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGINT)


def terminate(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """The driver is asked to end, as by a batch system."""
    driver.terminate()


def lose_the_cache(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """The cache is deleted while it is used."""
    shutil.rmtree(soak.cache, ignore_errors=True)


def second_driver(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """Another driver starts in the same folder."""
    soak.end(soak.driver())


def cold_cache_for_two(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """Two drivers find no cache."""
    shutil.rmtree(soak.cache, ignore_errors=True)
    soak.end(soak.driver())


def move_the_clock(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """What is on the disk is suddenly of the far past or future, as after a clock was set."""
    moment = time.time() + soak.random.choice((-1, 1)) * 20 * 365 * 86_400
    for path in soak.disk.rglob("*"):
        with suppress(OSError):
            os.utime(path, (moment, moment), follow_symlinks=False)


def fill_the_disk(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """The disk is full for a while, but for some bytes."""
    filler = soak.disk / "filler"
    with _full(filler, soak.random.choice(LEFT_ON_A_FULL_DISK)):
        time.sleep(soak.seconds)


def report_on_a_full_disk(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """A report is written when the disk is full: whole, or not at all."""
    soak.end(driver)
    page = soak.disk / "report" / "index.html"
    arguments = ("report", str(soak.runs / "soak"), "--playground", "0", "--out", str(page.parent), "--overwrite")
    soak.end(soak.start(*arguments))
    before = page.read_bytes() if page.exists() else None
    with _full(soak.disk / "filler", soak.random.choice(LEFT_ON_A_FULL_DISK)):
        soak.end(soak.start(*arguments))
    after = page.read_bytes() if page.exists() else None
    if before is not None and (after is None or b"</html>" not in after[-200:]):
        raise Wrong("a report that was there is not whole any more")


def read_only(soak: Soak, driver: subprocess.Popen[str]) -> None:
    """The disk cannot be written for a while; that can only begin when no file on it is open for writing."""
    subprocess.run(["mount", "-o", "remount,ro", soak.disk], capture_output=True, check=False)
    try:
        time.sleep(soak.seconds / 2)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", soak.disk], capture_output=True, check=True)


ANYWHERE: tuple[Callable[[Soak, subprocess.Popen[str]], None], ...] = (
    kill_a_worker,
    kill_the_driver,
    kill_all,
    interrupt,
    terminate,
    lose_the_cache,
    second_driver,
    cold_cache_for_two,
    move_the_clock,
)
ON_A_DISK_OF_ITS_OWN = (fill_the_disk, report_on_a_full_disk, read_only)


@contextmanager
def _full(filler: Path, left: int) -> Iterator[None]:
    """Fill a small file system; nothing is done where it is no small one."""
    free = shutil.disk_usage(filler.parent).free
    with suppress(OSError), filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - left))
    try:
        yield
    finally:
        filler.unlink(missing_ok=True)


@contextmanager
def _small_disk(place: Path) -> Iterator[bool]:
    """Mount a small file system, or make a folder where that is not allowed."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(place)]
    mounted = not subprocess.run(command, capture_output=True, check=False).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=False)


def check(soak: Soak) -> None:
    """Hold what must be true at any moment: what is finished is whole, and is what it was."""
    for path, state in soak.finished.items():
        if not is_finished(path) or _state(path) != state:
            raise Wrong(f"{path.name}: a finished run is lost or changed")
    for path in sorted(soak.runs.glob("soak/pytorch/*/seed-*")):
        if not path.is_dir():
            continue  # a log
        try:
            read_run(path)  # holds every checksum, and the record against its predictions
        except LockstepError as error:
            raise Wrong(f"a run that looks finished and is not: {error}") from error
        soak.finished.setdefault(path, _state(path))


def _state(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path)} {hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


def finish(soak: Soak) -> None:
    """Run once more, undisturbed: all cells are there, and nothing that killed processes left."""
    while soak.workers():  # of a driver that was killed
        time.sleep(0.2)
    process = soak.driver()
    said = soak.end(process)
    if process.returncode:
        raise Wrong(f"undisturbed, it ends with {process.returncode}: {said[-700:]}")
    check(soak)
    if len(soak.finished) != soak.seeds * len(ARCHITECTURES):
        raise Wrong(f"{len(soak.finished)} of {soak.seeds * len(ARCHITECTURES)} cells are there")
    left = [str(path.relative_to(soak.disk)) for path in soak.runs.rglob(f".*{WORK}")]
    if left:
        raise Wrong(f"left: {', '.join(left)}")


def train_again(soak: Soak, most: int = TRAINED_AGAIN) -> int:
    """Train some cells elsewhere, undisturbed, and hold weights and predictions against the soak's, bit by bit."""
    chosen = soak.random.sample(sorted(soak.finished), min(most, len(soak.finished)))
    for number, path in enumerate(chosen):
        place = soak.folder / f"again-{number}"
        words = ["--architecture", path.parent.name, "--seed", path.name.removeprefix("seed-"), "--preset", "quick"]
        subprocess.run(
            [sys.executable, "-m", "pytorch_impl", "train", *words, *MODEL, "--threads", "1", "--out", str(place)],
            cwd=soak.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
        for name in ("checkpoint/weights.safetensors", "predictions.parquet"):
            if (place / name).read_bytes() != (path / name).read_bytes():
                raise Wrong(f"{path.name}: {name} is not what an undisturbed training gives")
    return len(chosen)


def soak_for(soak: Soak, cells: int, cells_a_round: int) -> Counter[str]:
    """Train so many cells under troubles, each in turn in an order that is drawn, and return how often each came."""
    troubles = [*ANYWHERE, *(ON_A_DISK_OF_ITS_OWN if soak.mounted else ())]
    came: Counter[str] = Counter()
    order: list[Callable[[Soak, subprocess.Popen[str]], None]] = []
    while soak.seeds * len(ARCHITECTURES) < cells:
        order = order or soak.random.sample(troubles, len(troubles))
        trouble = order.pop()
        soak.seeds += max(1, cells_a_round // len(ARCHITECTURES))
        began = time.monotonic()
        driver = soak.driver()
        try:
            soak.wait()
            trouble(soak, driver)
            soak.end(driver)
            check(soak)
        except Wrong as wrong:
            raise Wrong(f"{trouble.__name__}, cells up to seed {soak.seeds - 1}: {wrong}") from wrong
        soak.seconds = 0.7 * soak.seconds + 0.3 * min(60.0, time.monotonic() - began)
        came[trouble.__name__] += 1
        say(f"{len(soak.finished):>4} finished, {time.monotonic() - began:4.0f} s: {trouble.__name__}", aside=True)
    finish(soak)
    return came


def save_reviews(path: Path, random: Random) -> None:
    """Make a small file of labelled texts."""
    rows = [f"{' '.join(random.choices(WORDS, k=random.randint(1, 24)))},{number % 2}" for number in range(160)]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of troubles and moments; default: 0")
    parser.add_argument("--cells", type=int, default=300, metavar="N", help="to train; default: 300")
    parser.add_argument("--again", type=int, default=TRAINED_AGAIN, metavar="N", help="to train twice; default: 4")
    parser.add_argument("--round", type=int, default=10, metavar="N", help="new cells in a round; default: 10")
    return parser


def main() -> int:
    """Soak, and say what came of it."""
    arguments = _parser().parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as name, _small_disk(Path(name, "disk")) as mounted:
        soak = Soak(Path(name), Random(arguments.seed), mounted)
        save_reviews(soak.folder / "reviews.csv", Random(0))
        if not mounted:
            say("no file system can be mounted here: full and read-only disks are left out", aside=True)
        try:
            came = soak_for(soak, arguments.cells, arguments.round)
            again = train_again(soak, arguments.again)
        except Wrong as wrong:
            say(f"WRONG, seed {arguments.seed}: {printable(str(wrong))}")
            return 1
        finally:
            for worker in soak.workers():
                os.kill(worker, signal.SIGKILL)
    for trouble, times in sorted(came.items()):
        say(f"{times:>4} × {trouble}")
    say(f"{len(soak.finished)} cells: none lost, none half-written, {again} trained again and equal to the last bit; "
        f"seed {arguments.seed}, {(time.monotonic() - began) / 60:.1f} minutes")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
