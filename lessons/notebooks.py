"""Lessons as notebooks: executed, kept while nothing changes, and with blanks for the exercises.

A lesson is a jupytext file in percent format, ``lessons/lesson_NN_….py``. It is executed in an empty folder, by a
kernel of its own. The result is kept under a name made from all code that it may depend on.
"""

from __future__ import annotations

import atexit
import os
import platform
import re
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import jupytext
import matplotlib
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from lessons.show import INTERACTIONS
from shared.errors import LockstepError
from shared.files import cache_directory, cached, digest_of, reading
from shared.frameworks import IMPLEMENTATIONS

HERE = Path(__file__).parent
ROOT = HERE.parent
# A lesson may start any of these in a process of its own, and reads measured results.
DEPENDS_ON = ("shared", *IMPLEMENTATIONS, "torch_layers", "compare", "results")
DEPENDS_ON_LESSONS = ("notebooks", "show", "silent_errors", "training_time", "word_vectors", "cleaning_speed")
ENDINGS = (".py", ".json", ".js", ".j2")
# Each names a file; what a lesson that reads it shows differs with that.
VARIABLES = ("LOCKSTEP_ACLIMDB", "LOCKSTEP_REUTERS")
LONGEST = 600  # seconds a cell
SOLUTION = "solution"
COLOUR = re.compile(r"\x1b\[[\d;]*m")
BLANK = "# Your answer. The solution is on the lesson's page.\n"

# A signal reaches the main thread only: it says so here, and ends the kernels of the others.
_INTERRUPTED = Event()
_RUNNING: set[NotebookClient] = set()


def lessons() -> list[Path]:
    """Return the files of all lessons, in order."""
    return sorted(HERE.glob("lesson_*.py"))


def find_lesson(name: str) -> Path:
    """Return the file of a lesson.

    Parameters
    ----------
    name : str
        Its number, as ``7``, or its file, with the ending or without.

    Raises
    ------
    LockstepError
        If there is none.
    """
    for path in lessons():
        if path.stem == Path(name).stem or path.stem.split("_")[1] == name.lstrip("0").zfill(2):
            return path
    raise LockstepError(f"{name!r}: no such lesson; there are {', '.join(path.stem for path in lessons())}")


def read_lesson(path: Path) -> NotebookNode:
    """Return a lesson as a notebook that was not executed."""
    return jupytext.read(path)


def executed(path: Path, tell: Callable[[str], None] = lambda _: None) -> NotebookNode:
    """Return a lesson as an executed notebook: from the cache, if nothing it depends on has changed.

    Parameters
    ----------
    path : Path
        Of the lesson.
    tell : callable
        Is told when a lesson is executed, and how long that took.

    Returns
    -------
    NotebookNode
        Its metadata tell in ``lockstep.seconds`` how long it took.

    Raises
    ------
    LockstepError
        If a cell fails: with the lesson and the error; `tell` is told the cell.
    """

    def make(folder: Path) -> None:
        with TemporaryDirectory() as work:  # what a lesson writes is not kept
            nbformat.write(_execute(path, Path(work), tell), folder / "lesson.ipynb")

    script = INTERACTIONS / f"{path.stem[: len('lesson_00')]}.js"
    with reading(path, "a lesson in UTF-8"):
        text = path.read_text(encoding="utf-8")
    archives = [_state_of(archive) for name, archive in _archives().items() if name in text]
    key = digest_of([_code(), text, script.read_bytes(), *archives])
    return nbformat.read(cached(path.stem, key, make) / "lesson.ipynb", as_version=4)


def all_executed(
    paths: Sequence[Path], tell: Callable[[str], None] = lambda _: None, at_once: int = 1
) -> Generator[NotebookNode, None, None]:
    """Yield lessons as :func:`executed` returns them, in order; an interruption ends their kernels.

    None is executed in the main thread, where nbclient would take the signals for itself.

    Parameters
    ----------
    paths : sequence of Path
        Of the lessons.
    tell : callable
        As of :func:`executed`.
    at_once : int, default 1
        How many to execute at the same time.

    Raises
    ------
    LockstepError
        As of :func:`executed`; what runs at that moment goes on to its end, and is kept.
    """
    with ThreadPoolExecutor(at_once) as pool, _interruptible(pool):
        waiting = [pool.submit(executed, path, tell) for path in paths]
        try:
            for one in waiting:
                yield one.result()
        except LockstepError:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _interruptible(pool: ThreadPoolExecutor) -> Iterator[None]:
    """End all that a pool executes if the block ends early, but for an error of ours."""
    _INTERRUPTED.clear()
    try:
        yield
    except LockstepError:
        raise
    except BaseException:
        _INTERRUPTED.set()
        pool.shutdown(wait=False, cancel_futures=True)
        for client in list(_RUNNING):
            _end_kernel(client)
        raise


def _end_kernel(client: NotebookClient) -> None:
    """End a kernel at once, and what it has started; one that has not begun stops at its first cell."""
    process = getattr(getattr(client.km, "provisioner", None), "process", None)
    if process is not None and process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own


def _check_interrupted(**_: object) -> None:
    if _INTERRUPTED.is_set():
        raise LockstepError("interrupted")


def with_blanks(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook without outputs, in which every solution is a blank."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            if SOLUTION in cell.metadata.get("tags", []):
                cell.source = BLANK
    return copy


def _execute(path: Path, folder: Path, tell: Callable[[str], None]) -> NotebookNode:
    _check_interrupted()  # it may have waited for another process, which made the same lesson
    notebook = read_lesson(path)
    began = time.monotonic()
    tell(f"{path.stem}: executing")
    client = NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=_check_interrupted,
    )
    _RUNNING.add(client)
    try:
        with TemporaryDirectory() as settings:
            client.execute(env=_environment(settings))
    except CellExecutionError as error:
        for line in COLOUR.sub("", str(error)).strip().splitlines():
            tell(line)
        reason = (error.evalue.strip().splitlines() or ["without a reason"])[-1]
        raise LockstepError(f"{path}: a cell failed: {error.ename}: {reason}") from error
    except CellTimeoutError as error:
        raise LockstepError(f"{path}: a cell took longer than {LONGEST} s, and was stopped") from error
    except RuntimeError as error:  # a kernel that did not start, or was killed
        raise LockstepError(f"{path}: {error}; there may not be enough memory") from error
    finally:
        _RUNNING.discard(client)
        atexit.unregister(client._cleanup_kernel)  # it stays registered where a kernel did not start
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the time of day: the same lesson gives the same notebook
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                tell(f"{path.stem}: a cell wrote to stderr, and its page shows it: {output['text'].strip()}")
    seconds = time.monotonic() - began
    notebook.metadata["lockstep"] = {"seconds": round(seconds, 1)}
    tell(f"{path.stem}: {seconds:.0f} s")
    return notebook


def _environment(settings: str) -> dict[str, str]:
    """Return a kernel's variables: paths that hold in its own folder, and no settings of the user."""
    return {
        **os.environ,
        "LOCKSTEP_CACHE": os.path.abspath(cache_directory()),
        **_archives(),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore:IProgress not found",
        "OPENBLAS_NUM_THREADS": "1",  # of small products, threads make a busy machine many times slower
        "IPYTHONDIR": settings,
        "MATPLOTLIBRC": os.path.join(matplotlib.get_data_path(), "matplotlibrc"),
    }


def _archives() -> dict[str, str]:
    """Return the absolute paths that the variables name, by those that are set."""
    return {name: os.path.abspath(os.environ[name]) for name in VARIABLES if os.environ.get(name)}


def _state_of(path: str) -> str:
    """Return what tells whether a file is another than it was."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise LockstepError(
            f"{path}: cannot be read ({error.strerror}); correct {' or '.join(VARIABLES)}, or unset it"
        ) from error
    return f"{path} {found.st_size} {found.st_mtime_ns}"


@cache
def _code() -> str:
    """Return a digest of all that any lesson may depend on: the project's files, Python, and what is installed."""
    files = [path for name in DEPENDS_ON for path in (ROOT / name).rglob("*") if path.suffix in ENDINGS]
    files += [HERE / f"{name}.py" for name in DEPENDS_ON_LESSONS] + [INTERACTIONS / "element.js"]
    parts = [part for path in sorted(files) for part in (path.relative_to(ROOT).as_posix(), path.read_bytes())]
    installed = sorted({f"{one.name} {one.version}" for one in distributions()})
    return digest_of([*parts, platform.python_version(), *installed])
