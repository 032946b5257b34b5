"""What every case needs: a folder of its own, commands that run in forked processes, and a judgement."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import resource
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from shared.output import WORK
from tests.attack.commands import ROOT, main_of, stand_ins

SECONDS = 30.0  # at most, of one command
MEGABYTES = 1_500  # at most, of one command; what is imported takes some hundred
ADDRESS_SPACE = 8 << 30  # bytes; protects the machine, not the verdict
FINE, FAILED, REFUSED, BUSY, INTERRUPTED = 0, 1, 2, 75, 130
# What a terminal would act on: nothing of the kind is said, whatever names and texts hold.
ACTED_ON = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Wrong(Exception):  # noqa: N818 (an outcome)
    """What a case found; the message says it."""


@dataclass(frozen=True)
class Case:
    """One thing to try.

    Attributes
    ----------
    title : str
        What is tried, in a line.
    attempt : (scene) -> None
        Raises `Wrong` if it does not go as it must.
    """

    title: str
    attempt: Callable[[Scene], None]


@dataclass
class Done:
    """How a command ended: code, what it said, peak memory in megabytes, seconds."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str
    peak: float
    seconds: float
    late: bool = False

    def __str__(self) -> str:
        return f"python -m {' '.join(map(repr, self.arguments))} -> {self.code}: {self.err.strip()[-700:]!r}"


@dataclass
class Scene:
    """A folder with copies of the materials, in which the commands of one case run.

    Attributes
    ----------
    folder : Path
        Commands run in it; `cache` is beside it.
    random : Random
        The case's own.
    """

    folder: Path
    random: Random
    said: list[Done] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        return self.folder.parent / "cache"

    def path(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)

    def start(self, *arguments: str, real: bool = False, **options: Any) -> Started:
        """Start a command; `real` is an interpreter of its own, else a fork of this process."""
        environment = {"LOCKSTEP_CACHE": str(self.cache), "COLUMNS": "200", "MPLCONFIGDIR": str(self.folder.parent)}
        environment |= options.pop("environment", {})
        start = _start_real if real else _start_forked
        return start(self.folder, tuple(map(str, arguments)), environment, **options)

    def run(self, *arguments: str, **options: Any) -> Done:
        """Run a command to its end."""
        done = self.start(*arguments, **options).wait()
        self.said.append(done)
        return done

    def apart(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function in a process of its own, so that this one stays fit to be forked."""
        started = _start_forked(
            self.folder,
            (getattr(function, "__name__", "a step of the case"),),
            {},
            call=lambda: function(*arguments) or 0,
        )
        done = started.wait()
        if done.code:
            raise RuntimeError(f"the case cannot be arranged: {done.err}")


class Started:
    """A running command, and the ends of its pipes."""

    def __init__(self, arguments: tuple[str, ...], pid: int, out: int, err: int) -> None:
        self.arguments, self.pid, self.pipes = arguments, pid, {out: bytearray(), err: bytearray()}
        self.began = time.monotonic()
        self.process_file = os.pidfd_open(pid)

    def signal(self, number: int) -> None:
        """Send a signal to the process alone, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process_file, number)

    def wait(self, seconds: float = SECONDS) -> Done:
        """Read what it says until it has ended; it is killed after so many seconds, with what it started."""
        open_pipes, ended, late, usage, status = set(self.pipes), False, False, None, 0
        last = self.began + seconds
        while True:
            watched = [*open_pipes, *(() if ended else (self.process_file,))]
            ready, _, _ = select.select(watched, [], [], 0.2 if ended else max(0.01, last - time.monotonic()))
            for pipe in open_pipes & set(ready):
                piece = os.read(pipe, 1 << 16)
                self.pipes[pipe] += piece[: max(0, (1 << 22) - len(self.pipes[pipe]))]
                if not piece:
                    open_pipes.discard(pipe)
            if self.process_file in ready:
                _, status, usage = os.wait4(self.pid, 0)
                ended = True
                self.took = time.monotonic() - self.began
            if ended and (not open_pipes or not ready):
                break
            if not ended and time.monotonic() >= last:
                late = True
                try:
                    os.killpg(self.pid, signal.SIGKILL)
                except ProcessLookupError:
                    os.kill(self.pid, signal.SIGKILL)
                last += 10
        out, err = (bytes(said).decode("utf-8", "backslashreplace") for said in self.pipes.values())
        for descriptor in (*self.pipes, self.process_file):
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(status)
        return Done(self.arguments, code, out, err, usage.ru_maxrss / 1000 if usage else 0, self.took, late)


def _start_real(
    folder: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    shell: str = "",
    stdin: bytes = b"",
    python: tuple[str, ...] = (),
) -> Started:
    """Start ``python -m <arguments>``; `shell` is put after it, as redirections are."""
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    command: list[str] = [sys.executable, *python, "-m", *arguments]
    if shell:
        command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", *command]
    read = folder.parent / "stdin"
    read.write_bytes(stdin)
    with read.open("rb") as given:
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=out_end,
            stderr=err_end,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
        )
    os.close(out_end)
    os.close(err_end)
    process.returncode = 0  # it is waited for here
    return Started(arguments, process.pid, out, err)


def _start_forked(
    folder: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    prepare: Callable[[], None] | None = None,
    call: Callable[[], int] | None = None,
    stdin: bytes = b"",
    closed: Collection[int] = (),
    encoding: str = "utf-8",
    file_size: int | None = None,
) -> Started:
    """Fork, and run a command as ``python -m`` would; `prepare` is called right before its main().

    Parameters
    ----------
    closed : collection of int
        Standard streams that are closed.
    encoding : str
        Of the streams.
    file_size : int, optional
        No file can get larger than so many bytes.
    """
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    run = call or _command(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(out_end)
        os.close(err_end)
        return Started(arguments, pid, out, err)
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.update(environment)
        _redirect(folder.parent / f"stdin-{os.getpid()}", stdin, out_end, err_end, closed, encoding)
        os.closerange(3, 256)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        stand_ins()
        if call is None:
            _begin()
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        if prepare:
            prepare()
        code = run()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except OSError as error:  # as the interpreter has it
                code = 120
                os.write(2, f"Exception ignored in: {stream!r}\n{error!r}\n".encode())
        os._exit(code if isinstance(code, int) and 0 <= code < 256 else 1)
    raise AssertionError


def _command(arguments: tuple[str, ...]) -> Callable[[], int]:
    module, *given = arguments
    main = main_of(module)  # imported before the fork, once for all
    return lambda: main(given)


def _begin() -> None:
    from shared.startup import begin

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    begin()


def _redirect(read: Path, stdin: bytes, out: int, err: int, closed: Collection[int], encoding: str) -> None:
    read.write_bytes(stdin)
    given = os.open(read, os.O_RDONLY)
    read.unlink()
    for number, descriptor in enumerate((given, out, err)):
        os.dup2(descriptor, number)
    streams: list[Any] = []
    for number, mode in enumerate(("rb", "wb", "wb")):
        if number in closed:
            os.close(number)
            streams.append(None)
            continue
        errors = "backslashreplace" if number == 2 else "strict"
        made = io.TextIOWrapper(
            io.BufferedReader(io.FileIO(number, "rb", closefd=False))
            if mode == "rb"
            else io.BufferedWriter(io.FileIO(number, "wb", closefd=False)),
            encoding,
            errors,
            line_buffering=number == 2,
        )
        streams.append(made)
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams


def snapshot(folder: Path) -> dict[str, str]:
    """Say of everything below a folder what it is: kind, and content, target or device."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            found[str(path.relative_to(folder))] = _state(path)
    return found


def _state(path: Path) -> str:
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISREG(state.st_mode):
        return f"file {hashlib.sha256(path.read_bytes()).hexdigest()}"
    if stat.S_ISDIR(state.st_mode):
        return "directory"
    return f"special {stat.S_IFMT(state.st_mode):o} {state.st_rdev}"


def check_manners(done: Done, allowed: Collection[int]) -> None:
    """Codes, no traceback, one error line, nothing that a terminal acts on, memory and time in bounds."""
    said = done.err + done.out
    if done.late:
        raise Wrong(f"did not end within {SECONDS:.0f} s: {done}")
    if "Traceback (most recent call last)" in said or "Exception ignored" in said:
        raise Wrong(f"a traceback: {done}")
    if done.code not in allowed:
        raise Wrong(f"exit code {done.code}, not {sorted(allowed)}: {done} {done.out[-200:]!r}")
    errors = error_lines(done)
    if len(errors) > 1:
        raise Wrong(f"{len(errors)} error lines: {done}")
    if done.code in (REFUSED, BUSY) and not errors:
        raise Wrong(f"code {done.code} without an error line: {done}")
    acted = ACTED_ON.search(said)
    if acted:
        raise Wrong(f"says {acted[0]!r} to the terminal: {done}")
    if done.peak > MEGABYTES:
        raise Wrong(f"took {done.peak:.0f} MB: {done}")


def error_lines(done: Done) -> list[str]:
    """Lines that are errors, argparse's among them."""
    return [line for line in done.err.splitlines() if re.match(r"(error: |[\w .-]+: error: )", line)]


def check_named(done: Done, *names: str) -> None:
    """What is refused, or left out, is named."""
    lines = [*error_lines(done), *(line for line in done.err.splitlines() if "left out" in line or "made anew" in line)]
    if not any(name in line for line in lines for name in names):
        raise Wrong(f"names none of {', '.join(names)}: {done}")


def check_kept(before: dict[str, str], after: dict[str, str], but: Iterable[str] = (), new: Iterable[str] = ()) -> None:
    """Nothing that stood there is lost or changed, and nothing is new, but for what lies at or below some paths."""

    def within(path: str, places: Iterable[str]) -> bool:
        return any(path == place or path.startswith(f"{place}/") for place in places)

    but, new = tuple(but), tuple(new)
    for path, state in before.items():
        if after.get(path) != state and not within(path, but):
            raise Wrong(f"{path} was {state}, is {after.get(path, 'gone')}")
    for path in after.keys() - before.keys():
        if not within(path, (*but, *new)) and not any(place.startswith(f"{path}/") for place in (*but, *new)):
            raise Wrong(f"{path} is new")


def check_no_leftovers(folder: Path) -> None:
    """No work directory of the product stands there."""
    left = [str(path.relative_to(folder)) for path in folder.rglob(f".*{WORK}")]
    if left:
        raise Wrong(f"left {', '.join(left)}")


def copy(source: Path, target: Path) -> None:
    """Copy a file or a directory, links as links."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
