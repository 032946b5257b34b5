"""Tasks: each a data set with its loader, its origin and its published model, in a file of its own.

Nothing else knows a task's name. A new task is a new file here that has a `Task` called ``TASK``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from shared.data.reviews import Reading, Reviews
from shared.errors import LockstepError

# For every architecture; what a preset says of a single one stands under the architecture's name.
EVERY = "*"
Preset = Mapping[str, Mapping[str, Any]]
Load = Callable[[str, Path | None, Reading], Reviews]


@dataclass(frozen=True)
class Task:
    """A data set, and the models that were published on it.

    Attributes
    ----------
    name : str
        For ``--task``.
    title : str
        What is told apart, in a line.
    sources : dict of str to str
        Names that ``--data`` takes, and what each is; the first is the task's own. ``NAME:PATH`` is read from a file.
    load : (name, path, reading) -> Reviews
        Labelled ones of one of the sources; the path is None where the user named none.
    load_unlabelled : (name, path, reading) -> Reviews, or None
        Those without labels, for ``--unlabelled``; None where there are only those of `load`.
    classes : tuple of str
        Empty where the data name them.
    metric : str
        That counts: a key of `shared.metrics.evaluate`.
    licence, citation : str
        Of the data.
    url, checksum : str
        Of what is downloaded, ``sha256:…``; empty where nothing is.
    needs : str
        What file the user must bring; empty where none.
    presets : dict of str to preset
        ``published`` first: fields of the specification, by architecture or for `EVERY` one.
    tested_on : tuple of str
        Sources of other tasks that the finished models are tested on too.
    """

    name: str
    title: str
    sources: Mapping[str, str]
    load: Load
    classes: tuple[str, ...]
    metric: str
    licence: str
    citation: str
    load_unlabelled: Load | None = None
    url: str = ""
    checksum: str = ""
    needs: str = ""
    presets: Mapping[str, Preset] = field(default_factory=dict)
    tested_on: tuple[str, ...] = ()

    def fields(self, preset: str, architecture: str | None) -> dict[str, Any]:
        """Return the fields of the specification that one of its presets sets for an architecture.

        Raises
        ------
        LockstepError
            If it has no such preset.
        """
        if preset not in self.presets:
            raise LockstepError(f"{self.name}: unknown preset {preset!r}: choose one of {', '.join(self.presets)}")
        chosen = self.presets[preset]
        common = dict(chosen.get(EVERY, {}))
        return {**common, **chosen.get(architecture or str(common.get("architecture", "lstm")), {})}


@lru_cache
def tasks() -> dict[str, Task]:
    """Return every task by its name, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}").TASK for name in names]
    return {task.name: task for task in found}


def find_task(name: str) -> Task:
    """Return a task by its name, or raise a LockstepError that lists them."""
    if name not in tasks():
        raise LockstepError(f"unknown task {name!r}: choose among {', '.join(tasks())}; lockstep tasks describes them")
    return tasks()[name]


def refuse_path(source: str, path: Path | None) -> None:
    """Refuse a path behind the name of a source that is read from no file of the user's."""
    if path is not None:
        raise LockstepError(f"{source} is part of Lockstep and read from no file: leave out {str(path)!r:.80}")


def need_path(source: str, path: Path | None, needs: str) -> Path:
    """Return the path of a source that the user must bring, or raise a LockstepError that says what and how."""
    if path is None:
        raise LockstepError(f"{source} needs {needs}: name it, {source}:PATH")
    return path


def archive_of(source: str, path: Path | None, url: str, checksum: str) -> tuple[Path, str]:
    """Return where an archive is, downloaded if the user named no copy, and what to do if it is damaged."""
    from shared.data.forms import AGAIN
    from shared.files import download

    if path is not None:
        return path, AGAIN
    return download(url, checksum, f"name a copy, {source}:PATH"), "download it again"


def read_as(reading: Reading, **usual: Any) -> Reading:
    """Return how the file of a task is read: as is usual for it, but where the user says something else."""
    return replace(reading, **{name: value for name, value in usual.items() if name not in reading.flags()})


def named(reviews: Reviews, source: str) -> Reviews:
    """Return reviews under the name by which they were asked for."""
    account = reviews.account and reviews.account.model_copy(update={"source": source})
    return replace(reviews, source=source, account=account)


def task_of(source: str) -> tuple[Task, str, Path | None] | None:
    """Return the task of a source ``NAME`` or ``NAME:PATH``, its name and its path; None of any other."""
    name, colon, path = source.partition(":")
    for task in tasks().values():
        if name in task.sources:
            return task, name, Path(path) if colon else None
    return None
