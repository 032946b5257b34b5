"""Lessons as notebooks: executed, kept while nothing changes, and with blanks for the exercises.

A lesson is a jupytext file in percent format, ``lessons/lesson_NN_….py``. It is executed in an empty folder, by a
kernel of its own. The result is kept under a name made from all code that it may depend on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from lessons.show import INTERACTIONS
from shared.errors import LockstepError
from shared.files import cached, digest_of

HERE = Path(__file__).parent
ROOT = HERE.parent
# A lesson may start any of these in a process of its own, and reads measured results.
DEPENDS_ON = ("shared", "keras_impl", "pytorch_impl", "flair_impl", "fastai_impl", "torch_layers", "compare", "results")
DEPENDS_ON_LESSONS = ("show", "silent_errors", "training_time", "word_vectors", "cleaning_speed")
ENDINGS = (".py", ".json", ".js", ".j2")
# What a lesson finds there differs with these.
VARIABLES = ("LOCKSTEP_ACLIMDB", "LOCKSTEP_REUTERS")
LONGEST = 600  # seconds a cell
SOLUTION = "solution"
BLANK = "# Your answer. The solution is on the lesson's page.\n"


def lessons() -> list[Path]:
    """Return the files of all lessons, in order."""
    return sorted(HERE.glob("lesson_*.py"))


def find_lesson(name: str) -> Path:
    """Return the file of a lesson.

    Parameters
    ----------
    name : str
        Its number, as ``7``, or the name of its file without the ending.

    Raises
    ------
    LockstepError
        If there is none.
    """
    for path in lessons():
        if path.stem == name or path.stem.split("_")[1] == name.zfill(2):
            return path
    raise LockstepError(f"{name}: no such lesson; there are {', '.join(path.stem for path in lessons())}")


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
        If a cell fails: with the lesson, the cell and the error.
    """

    def make(folder: Path) -> None:
        nbformat.write(_execute(path, folder, tell), folder / "lesson.ipynb")

    script = INTERACTIONS / f"{path.stem[: len('lesson_00')]}.js"
    key = digest_of(
        [_code(), path.read_bytes(), script.read_bytes(), *(str(os.environ.get(name)) for name in VARIABLES)]
    )
    return nbformat.read(cached(path.stem, key, make) / "lesson.ipynb", as_version=4)


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
    notebook = read_lesson(path)
    began = time.monotonic()
    tell(f"{path.stem}: executing")
    client = NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore:IProgress not found",
        "OPENBLAS_NUM_THREADS": "1",  # of small products, threads make a busy machine many times slower
    }
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise LockstepError(f"{path}: a cell failed: {error.ename}: {error.evalue}\n{error}") from error
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the time of day: the same lesson gives the same notebook
    seconds = time.monotonic() - began
    notebook.metadata["lockstep"] = {"seconds": round(seconds, 1)}
    tell(f"{path.stem}: {seconds:.0f} s")
    return notebook


@cache
def _code() -> str:
    """Return a digest of all that any lesson may depend on."""
    files = [path for name in DEPENDS_ON for path in (ROOT / name).rglob("*") if path.suffix in ENDINGS]
    files += [HERE / f"{name}.py" for name in DEPENDS_ON_LESSONS]
    files.append(ROOT / "requirements.lock")
    return digest_of(part for path in sorted(files) for part in (path.relative_to(ROOT).as_posix(), path.read_bytes()))
