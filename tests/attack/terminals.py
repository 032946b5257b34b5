"""Streams that are closed, full, broken, or cannot say what there is to say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random

from tests.attack.harness import FAILED, FINE, REFUSED, Case, Done, Scene, Wrong, check_kept, check_manners, snapshot
from tests.attack.inputs import DESCRIBE, ENSEMBLE, NEIGHBOURS, PREDICTION, REPORT
from tests.attack.materials import PREDICT, TRAIN

HOSTILE = "großartig 🎬 \u202e \x1b[31m [/bold] \\x1b 片"
COMMANDS: dict[str, tuple[str, ...]] = {
    "predict": (*PREDICT, HOSTILE, "a great film"),
    "predict, from standard input": PREDICT,
    "predict to a file": PREDICTION.words,
    "predict to standard output": (*PREDICT, "--input", "reviews.csv", "--output", "-"),
    "train": (*TRAIN, "--out", "größe-片"),
    "report": REPORT.words,
    "ensemble": ENSEMBLE.words,
    "describe": DESCRIBE.words,
    "neighbours": NEIGHBOURS.words,
    "convert": ("compare", "convert", "model", "größe-片"),
    "a refusal": ("compare", "convert", "größe-片-\x1b[31m-\u202e.keras", "made"),
    "help": ("compare", "--help"),
    "a bad flag": ("compare", "run", "--größe", "片"),
}
STDIN = f"a great film\n{HOSTILE}\n".encode()


# What these say goes to standard output and nowhere else.
ANSWERS = ("predict", "predict, from standard input", "predict to standard output")


def _encoded(name: str, encoding: str, scene: Scene) -> None:
    done = scene.run(*COMMANDS[name], encoding=encoding, stdin=STDIN)
    check_manners(_text(name, done), {REFUSED} if name in ("a refusal", "a bad flag") else {FINE})


def _closed(name: str, closed: tuple[int, ...], scene: Scene) -> None:
    before = snapshot(scene.folder)
    done = scene.run(*COMMANDS[name], closed=closed, stdin=STDIN)
    refused = name in ("a refusal", "a bad flag") or (0 in closed and "standard input" in name)
    refused |= 1 in closed and name in ANSWERS
    done = _text(name, done)
    if 2 in closed and done.code == REFUSED:
        if not refused:
            raise Wrong(f"is refused: {done}")
    else:
        check_manners(done, {REFUSED} if refused else {FINE})
    check_kept(before, {path: state for path, state in snapshot(scene.folder).items() if path in before})


def _text(name: str, done: Done) -> Done:
    """A Parquet file on standard output is no text."""
    if name == "predict to standard output":
        done.out = ""
    return done


def _broken() -> None:
    """Standard output becomes a pipe that nobody reads."""
    read, write = os.pipe()
    os.dup2(write, 1)
    os.close(read)
    os.close(write)


def _on(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.close(descriptor)


def _nobody_reads(name: str, scene: Scene) -> None:
    done = scene.run(*COMMANDS[name], prepare=_broken, stdin=STDIN)
    refused = {REFUSED} if name in ("a refusal", "a bad flag") else set()
    check_manners(_text(name, done), {FINE, FAILED, *refused})


def _full(name: str, scene: Scene) -> None:
    """Standard output is on a device without space."""
    device = scene.path("full")
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 7))
    except PermissionError:
        return
    done = scene.run(*COMMANDS[name], prepare=partial(_on, device), stdin=STDIN)
    device.unlink()
    check_manners(_text(name, done), {FINE, FAILED, REFUSED})


def _in_a_shell(name: str, after: str, environment: dict[str, str], scene: Scene) -> None:
    done = scene.run(*COMMANDS[name], real=True, shell=after, environment=environment, stdin=STDIN)
    allowed = {FINE, FAILED, REFUSED, 141} if "|" in after else {FINE, REFUSED}
    if "2>&-" not in after or done.code != REFUSED:
        check_manners(_text(name, done), allowed)


SHELL = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| head -n 1", "| head -c 1", "2>&1 | head -c 1", "| true")


def cases(random: Random) -> Iterator[Case]:
    for name in COMMANDS:
        for encoding in ("ascii", "latin-1", "cp1252", "cp437"):
            yield Case(f"{name}, in {encoding}", partial(_encoded, name, encoding))
        for count in (1, 2, 3):
            for closed in combinations((0, 1, 2), count):
                yield Case(f"{name}, without {closed}", partial(_closed, name, closed))
        if name != "help":  # that is argparse's
            yield Case(f"{name}, which nobody reads", partial(_nobody_reads, name))
            yield Case(f"{name}, on a full device", partial(_full, name))
    for after in SHELL:
        for name in random.sample(["predict", "report", "describe", "a refusal"], 2):
            yield Case(f"a process, {name} {after}", partial(_in_a_shell, name, after, {}))
    for variables in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        for name in ("predict", "predict, from standard input", "a refusal", "describe"):
            yield Case(f"a process, {name}, {variables}", partial(_in_a_shell, name, "", variables))
