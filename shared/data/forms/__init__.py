"""Forms that labelled texts come in, each in a file of its own.

A new form is a new file here that has a `Form` called ``FORM``; nothing else needs to know it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.data.lines import codec_of
from shared.data.packing import PACKED, Content, Gauge
from shared.data.reviews import Reading
from shared.data.trees import ZIP, Tree, look_into
from shared.errors import LockstepError
from shared.files import reading as guarded

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SHOWN_FILES = 5
AGAIN = "make or copy it again"
FLAGS = {"encoding": "--encoding", "delimiter": "--delimiter", "header": "--no-header"}
# Zip archives, too, but of parts that make sense to their own programs alone.
OFFICE = (".xlsx", ".xlsm", ".xls", ".ods", ".docx", ".odt")


class Row(NamedTuple):
    """One row of a table.

    Attributes
    ----------
    place : str
        Where it stands, for messages: ``line 12``, ``row 3``, ``train/pos/0_9.txt``.
    values : tuple
        One a column, as the file has it: text to the letter; numbers, None and lists where the form has such.
    """

    place: str
    values: tuple[Any, ...]


@dataclass
class Table:
    """Labelled texts as a table that is read once, row by row.

    Attributes
    ----------
    source : str
        Path, for messages.
    form : str
        What it was taken for, with its article: ``a CSV file``.
    columns : tuple of str
        Their names.
    rows : iterator of Row
        Raises a LockstepError with file and line.
    roles : dict of str to str
        Which columns are ``text``, ``label``, ``split`` and ``id`` where the form itself says so.
    names_classes : bool
        Its labels are names even where they are numbers.
    label_names : dict of str to tuple of str
        Of columns that hold numbers of classes: their names, as the metadata of the file have them.
    schema : pyarrow.Schema or None
        Types of the columns, where the form has some.
    row_id : str
        The id of a row that has none: a format of its number in the order of the file, from 0.
    header : tuple of str
        The first row of a table, where it may be data.
    wanted : set of str or None
        Columns whose values are used; others may be None. Set it before the first row is read.
    gauges : list of Gauge
        How far its files are read.
    left_out : Counter of str
        Files or rows that the form itself leaves out, by why; complete when all rows are read.
    notes : list of str
        What there is to say of the whole, each a sentence; complete when all rows are read.
    blank : int
        Blank lines so far, which are skipped.
    files_ignored : int
        Files that fit no pattern.
    files_ignored_names : list of str
        Some of them.
    sets_apart : bool
        It is known before it is read that some of its texts are set apart as those without labels.
    films : () -> list of str, or None
        When all rows are read: what each is of; reviews of one film are in one split.
    order : () -> <int64>[rows], or None
        When all rows are read: how to sort them.
    neighbours : int
        So many rows that stand side by side are in one split.
    published : bool
        It is laid out as IMDB's archive is; known when all rows are read.
    of_no_use : list of str
        Flags that were given and say nothing of such a form.
    """

    source: str
    form: str
    columns: tuple[str, ...]
    rows: Iterator[Row]
    roles: dict[str, str] = field(default_factory=dict)
    names_classes: bool = False
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    schema: pa.Schema | None = None
    row_id: str = "row-{:06d}"
    header: tuple[str, ...] = ()
    wanted: set[str] | None = None
    gauges: list[Gauge] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    blank: int = 0
    files_ignored: int = 0
    files_ignored_names: list[str] = field(default_factory=list)
    sets_apart: bool = False
    films: Callable[[], list[str]] | None = None
    order: Callable[[], np.ndarray] | None = None
    neighbours: int = 1
    published: bool = False
    of_no_use: list[str] = field(default_factory=list)

    def ignore_file(self, name: str) -> None:
        """Count a file that fits no pattern."""
        self.files_ignored += 1
        if len(self.files_ignored_names) < SHOWN_FILES:
            self.files_ignored_names.append(name)

    def wants(self, column: str) -> bool:
        """Whether the values of a column are used."""
        return self.wanted is None or column in self.wanted


@dataclass(frozen=True)
class Form:
    """One form.

    Attributes
    ----------
    title : str
        For the list of forms: ``CSV (.csv)``.
    suffixes : tuple of str
        Endings of such files, in small letters.
    recognises : (source, head, reading) -> bool
        Whether a `Content` with these first bytes, or a `Tree` (then there are none), is of this form; at most one
        form says so of any.
    open : (source, reading) -> Table
        Opens it.
    of_no_use : tuple of str
        Fields of `Reading` that say nothing of this form.
    """

    title: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Any, bytes, Reading], bool]
    open: Callable[[Any, Reading], Table]
    of_no_use: tuple[str, ...] = ()


@lru_cache
def forms() -> tuple[Form, ...]:
    """Return every form, in the order of their files' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").FORM for name in names)


def open_table(path: Path, reading: Reading, advice: str = AGAIN) -> Table:
    """Open labelled texts in any form that is read.

    Parameters
    ----------
    path : Path
        A file, an archive or a folder; its form is told by its contents and its name.
    reading : Reading
        How it is to be read.
    advice : str
        What to do about a damaged one.

    Raises
    ------
    LockstepError
        If there is no such file, it is of no form that is read, or damaged.
    """
    codec_of(reading.encoding)
    with guarded(path, "a readable file", advice):
        found = path.expanduser()
        if not found.exists():
            raise LockstepError(f"{path}: no such file or directory")
        if found.suffix.lower() in OFFICE:
            raise not_read(path)
        table = open_content(look_into(found, advice), reading)
    table.rows = _guarded(table.rows, path, table.form, advice)
    table.notes += [f"{flag} is of no use for {table.form}." for flag in table.of_no_use]
    return table


def open_content(source: Content | Tree, reading: Reading) -> Table:
    """Open what a path leads to, or a file within an archive or a folder."""
    head = source.head() if isinstance(source, Content) else b""
    if isinstance(source, Content) and source.inner and head.startswith((*PACKED, ZIP)):
        raise LockstepError(f"{source.described}: is packed within an archive; unpack it and name the file itself")
    for form in forms():
        if form.recognises(source, head, reading):
            table = form.open(source, reading)
            table.of_no_use += [FLAGS[name] for name in form.of_no_use if name in reading.flags()]
            return table
    raise not_read(source.path)


def not_read(path: Path) -> LockstepError:
    """Return the one line that says what is read."""
    titles = ", ".join(dict.fromkeys(form.title for form in forms()))
    return LockstepError(
        f"{path}: is none of the forms that are read: {titles}; each also packed (.gz, .bz2, .xz, .zst, .zip, .tar); "
        "tables of text need one of these endings, or .txt"
    )


def _guarded(rows: Iterator[Row], path: Path, form: str, advice: str) -> Iterator[Row]:
    with guarded(path, form, advice):
        yield from rows
