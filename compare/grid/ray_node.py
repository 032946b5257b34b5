"""What a node of a Ray cluster does for a grid: it runs one cell's process, and hands back what came of it.

`compare.grid.ray_executor` sends these functions to a node. What takes long to import would cost every process there.
"""

from __future__ import annotations

import functools
import os
import platform
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from compare.grid.executors import SECONDS_TO_STOP, last_part, started, states_of
from shared.command_line import EXIT_BAD_INPUT
from shared.errors import LockstepError
from shared.files import (
    cache_directory,
    cached,
    checksum,
    code_checksum,
    digest,
    is_whole,
    manifest,
    remove_cached,
    save_bytes,
)
from shared.frameworks import IMPLEMENTATIONS, REGISTRY
from shared.output import is_claimed

ROOT = Path(__file__).parents[2]
SOURCES = ("shared", "compare", "torch_layers", *IMPLEMENTATIONS)
# What decides a result beside this program: packages as their distributions are called.
DECISIVE = ("numpy", "scipy", "scikit-learn", "gensim", *(name for one in REGISTRY for name in one.imports))
SECONDS_BETWEEN_STATES = 1.0
PATIENCE = 0.2  # seconds, until an order to stop is heard
# Of the driver's environment a cell gets what begins so; what is said of a node's own cache stays.
PASSED_ON = ("LOCKSTEP_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "TF_", "KERAS_", "PYTHONHASHSEED")
OWN = "LOCKSTEP_CACHE"

Answer = dict[str, Any]
Fetch = Callable[[Any], dict[str, bytes]]


@dataclass(frozen=True)
class Input:
    """A file or a folder that a cell reads.

    Attributes
    ----------
    given : str
        As its flag names it.
    place : str
        Absolute, where the driver runs.
    files : dict of str to str
        SHA-256 of each of its files, by its path in the folder; of a file by ``.``.
    content : object
        What `Order.fetch` makes the files of; None where they were not sent.
    """

    given: str
    place: str
    files: dict[str, str]
    content: Any


@dataclass(frozen=True)
class Order:
    """What a node is asked to run.

    Attributes
    ----------
    command : tuple of str
        Arguments of the Python interpreter, with `directory` where the run is to go.
    directory : str
        The run's place, absolute.
    driver : str
        The machine that asks.
    folder : str
        The driver's current folder, to which `inputs` are relative.
    token : str
        A place that the driver holds: a node that sees this shares the folder, and its locks.
    shared : bool or None
        Whether the run is written in place; None: if the node sees the token.
    environment : dict of str to str
        Of the driver, as far as it is passed on.
    inputs : tuple of Input
        What the cell reads.
    encoded : tuple or None
        Name and key in the cache, and content, of the encoded reviews.
    """

    command: tuple[str, ...]
    directory: str
    driver: str
    folder: str
    token: str
    shared: bool | None
    environment: dict[str, str]
    inputs: tuple[Input, ...] = ()
    encoded: tuple[str, str, Any] | None = None


def describe_node(token: str, encoded: str) -> Answer:
    """Say what this node is called, what code it has, whether it sees what the driver holds and has encoded reviews."""
    return {
        "node": socket.gethostname(),
        "code": code_digest(),
        "shared": is_claimed(Path(token)),
        "encoded": is_whole(cache_directory() / encoded),
    }


@functools.cache
def code_digest() -> str:
    """Return a digest of this program, its Python and the packages that decide results."""
    return digest(platform.python_version(), *map(_version, DECISIVE), code_checksum(SOURCES))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what cells on other machines get of an environment."""
    return {name: value for name, value in environment.items() if name.startswith(PASSED_ON) and name != OWN}


def files_of(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder, or of a file, as `Input.files` has them; empty if there is none."""
    return manifest(path) if path.is_dir() else {".": checksum(path)} if path.is_file() else {}


def run_cell(order: Order, fetch: Fetch) -> Iterator[Answer]:
    """Run a cell's process.

    Parameters
    ----------
    order : Order
        What is run, and what it needs.
    fetch : (content) -> dict of str to bytes
        Brings files here that were sent once for the whole cluster.

    Yields
    ------
    dict
        First ``node`` and ``shared``; then states of its progress; at last ``code``, ``said``, and ``run``: its files,
        where the folder of the runs is not shared, otherwise None.
    """
    shared = is_claimed(Path(order.token)) if order.shared is None else order.shared
    yield {"node": socket.gethostname(), "shared": shared}
    place = Path(order.directory)
    if not shared:
        # The same for each try: what a killed one kept of its training is gone on with.
        key = digest(order.driver, order.directory, *order.command)
        place = cache_directory() / "cells" / key / place.name
    if not shared and _is_finished(place):  # the driver went away before it was handed over
        yield from _handed_over(place, 0, "")
        return
    try:
        folder = _prepared(order, fetch)
    except LockstepError as error:
        yield {"code": EXIT_BAD_INPUT, "said": f"error: {error}", "run": None}
        return
    command = [str(place) if word == order.directory else word for word in order.command]
    with tempfile.TemporaryFile() as log:
        with started(command, log, cwd=folder, env=_environment(order)) as process:
            try:
                yield from _seldom(states_of(process, PATIENCE))
                process.wait()
            finally:
                _end(process)
        code, said = process.returncode, last_part(log)
    if shared or not _is_finished(place):
        yield {"code": code, "said": said, "run": None}
    else:
        yield from _handed_over(place, code, said)


def run_task(order: Order) -> Iterator[Answer]:
    """Run a cell's process where Ray has sent it."""
    import ray

    yield from run_cell(order, ray.get)


def _is_finished(place: Path) -> bool:
    return (place / "record.json").is_file()


def _handed_over(place: Path, code: int, said: str) -> Iterator[Answer]:
    files = {name: (place / name).read_bytes() for name in files_of(place)}
    yield {"code": code, "said": said, "run": files}
    remove_cached(place.parent)


def _seldom(states: Iterator[dict[str, float]]) -> Iterator[dict[str, float]]:
    """Leave out states that come too soon: a driver hears of hundreds of cells."""
    last = -SECONDS_BETWEEN_STATES
    for state in states:
        if state and time.monotonic() - last >= SECONDS_BETWEEN_STATES:
            last = time.monotonic()
            yield state


def _end(process: subprocess.Popen[bytes]) -> None:
    """Tell a process that still runs to stop, and kill it if it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment(order: Order) -> dict[str, str]:
    """Return the environment of the cell's process: the node's, but what decides a result as on the driver."""
    own = {name: value for name, value in os.environ.items() if name not in passed_on(os.environ)}
    paths = [str(ROOT), *filter(None, [own.get("PYTHONPATH", "")])]
    return {**own, **order.environment, "PYTHONPATH": os.pathsep.join(paths)}


def _prepared(order: Order, fetch: Fetch) -> Path:
    """Have all that a cell reads on this node, once, and return the folder in which it is to run.

    Raises
    ------
    LockstepError
        If it reads something that is not here and was not sent.
    """
    if order.encoded is not None:
        name, key, content = order.encoded
        cached(name, key, lambda directory: save_files(directory, fetch(content)))
    absent = [one for one in order.inputs if files_of(Path(one.place)) != one.files]
    if not absent:
        there = Path(order.folder)
        return there if there.is_dir() else _cache()
    for one in absent:
        if os.path.isabs(os.path.expanduser(one.given)) or one.content is None:
            raise LockstepError(
                f"{one.place}: node {socket.gethostname()} does not have it as {order.driver} has; put it where all "
                "nodes see it, or name it by a relative path: then it is sent"
            )
    sent = [one for one in order.inputs if one.content is not None]

    def make(directory: Path) -> None:
        below(directory, order.folder).mkdir(parents=True)
        for one in sent:
            save_files(below(directory, one.place), fetch(one.content))

    key = digest(order.folder, *(word for one in sent for word in (one.place, *sorted(one.files.values()))))
    folder = below(cached("inputs", key, make), order.folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _cache() -> Path:
    cache_directory().mkdir(parents=True, exist_ok=True)
    return cache_directory()


def below(directory: Path, place: str) -> Path:
    """Return where an absolute path stands in a folder that stands for the root of the driver's machine."""
    return directory.joinpath(*Path(place).parts[1:])


def save_files(place: Path, content: Mapping[str, bytes]) -> None:
    """Make a new file (of one named ``.``), or new files in a folder."""
    for name, data in content.items():
        path = place if name == "." else place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_bytes(path, data)
