"""Puts measured figures into the README, ``docs/`` and the lessons, from the files of ``results/``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compare import formats
from compare.explain.form import read_explained
from compare.explain.words import explanation_table
from compare.grid.cost import cluster_table
from compare.proofs.tables import fates_table, parity_table, portability_table, witnesses_table
from compare.report.form import Ensemble, Interval, Statistics
from compare.report.reading import read_statistics
from compare.report.tables import accuracy_table, ensemble_table
from compare.studies.ladder_tables import switches_table
from compare.studies.tables import (
    analogies_table,
    answering_table,
    commands_table,
    corpus_text,
    debiasing_table,
    direction_table,
    growth_table,
    learning_table,
    longest_table,
    parts_table,
    reading_table,
    speed_table,
    vectors_table,
)
from compare.tables import Table, as_markdown
from shared.errors import LockstepError
from shared.files import read_bytes, read_json, reading, save_text
from shared.output import written

LARGEST_TEXT = 10_000_000  # bytes
MARK = re.compile(r"^<!-- (/?)([a-z][a-z0-9-]*) -->$", re.MULTILINE)
WHAT, ADVICE = "what its command wrote", "make it again"

Values = dict[str, Any]
Make = Callable[[Path], Table | str]


def _made(form: type[formats.Form], make: Callable[[Values], Table]) -> Make:
    """Return what reads a file of a known form and makes a table of it."""
    return lambda path: make(read_json(path, WHAT, form, ADVICE).model_dump())


def _measured(make: Callable[[Values], Table | str]) -> Make:
    """Return what reads a file of a lesson, whose form only its own table knows."""
    return lambda path: make(read_json(path, WHAT, formats.Values, ADVICE).root)


def _accuracy(path: Path) -> Table:
    statistics: Statistics = read_statistics(path)
    return accuracy_table(statistics)


def _ensembles(path: Path) -> Table:
    found = read_json(path, WHAT, formats.Ensembles, ADVICE)
    return ensemble_table(
        [
            Ensemble(
                name=one.name,
                models=one.models,
                accuracy=Interval(value=one.accuracy, low=one.accuracy_low, high=one.accuracy_high),
                validation_log_loss=one.validation_log_loss,
                metrics={},
            )
            for one in found.ensembles
        ]
    )


def _study(path: Path) -> Values:
    return read_json(path, WHAT, formats.Ladder, ADVICE).model_dump()


def _switches(results: Path) -> Table:
    studies = []
    for name in ("ladder.json", "quick-ablation.json", "ablation.json"):
        with reading(results / name, WHAT, ADVICE):
            studies.append(_study(results / name))
    return switches_table(studies)


# By the name between the marks: the file of results/, or "" for several, and what makes the table.
TABLES: dict[str, tuple[str, Make]] = {
    **{
        name: (f"{name}/statistics.json", _accuracy)
        for name in (
            *("quick", "quick-idiomatic", "full", "full-pretrained"),
            *("reuters", "reuters-tuned", "reuters-clean", "agreement"),
        )
    },
    "ensemble": ("ensemble.json", _ensembles),
    "ablation": ("ablation.json", lambda path: switches_table([_study(path)])),
    "switches": ("", _switches),
    "benchmark": ("benchmark.json", _made(formats.Speed, speed_table)),
    "learning": ("benchmark.json", _made(formats.Learning, learning_table)),
    "growth": ("benchmark.json", _made(formats.Growth, growth_table)),
    "reading": ("benchmark.json", _made(formats.Reading, reading_table)),
    "answering": ("benchmark.json", _made(formats.Answering, answering_table)),
    "parity": ("parity.json", lambda path: parity_table(read_json(path, WHAT, formats.Parity, ADVICE))),
    "portability": (
        "portability.json",
        lambda path: portability_table(read_json(path, WHAT, formats.Portability, ADVICE)),
    ),
    "fates": ("fates.json", lambda path: fates_table(read_json(path, WHAT, formats.Fates, ADVICE))),
    "explain": ("explain.json", lambda path: explanation_table(read_explained(path))),
    "cluster": ("cluster.json", _measured(cluster_table)),
    "witnesses": ("witnesses.json", lambda path: witnesses_table(read_json(path, WHAT, formats.Witnesses, ADVICE))),
    "commands": ("commands.json", _made(formats.Commands, commands_table)),
    "parts": ("training_time.json", _measured(parts_table)),
    "longest": ("training_time.json", _measured(longest_table)),
    "corpus": ("word_vectors.json", _measured(corpus_text)),
    "training": ("word_vectors.json", _measured(vectors_table)),
    "direction": ("word_vectors.json", _measured(direction_table)),
    "analogies": ("word_vectors.json", _measured(analogies_table)),
    "cost": ("word_vectors.json", _measured(debiasing_table)),
}


def documents(root: Path) -> list[Path]:
    """Return the texts of a project in which tables stand: the README, ``docs/`` and the lessons."""
    return [root / "README.md", *sorted(root.glob("docs/*.md")), *sorted(root.glob("lessons/*.md"))]


def fill_documents(results: Path, files: Sequence[Path]) -> list[Path]:
    """Write every table between ``<!-- name -->`` and ``<!-- /name -->`` anew; nothing is written if one fails.

    Parameters
    ----------
    results : Path
        Directory with the files that `TABLES` names.
    files : sequence of Path
        Texts with the tables, each in one of them.

    Returns
    -------
    list of Path
        Those that were not as they should be, and are now.

    Raises
    ------
    LockstepError
        If a file or a mark is missing, a mark names no table, or a file is damaged.
    """
    texts = {path: _read(path) for path in files}
    marked = {name for path, text in texts.items() for name in marks_of(text, str(path))}
    for name in TABLES:
        if name not in marked:
            where = ", ".join(map(str, files))
            raise LockstepError(f"{where}: no <!-- {name} --> … <!-- /{name} --> for a table to stand in; add them")
    new = {path: filled(results, text, str(path)) for path, text in texts.items()}
    changed = [path for path in files if new[path] != texts[path]]
    for path in changed:
        fill(path, new[path])
    return changed


def _read(path: Path) -> str:
    with reading(path, "a text in UTF-8"):
        return read_bytes(path, "a text in UTF-8", LARGEST_TEXT).decode("utf-8")


def fill(path: Path, text: str) -> None:
    """Write a text back whose tables are new; `filled` has found every mark in it."""
    with written(path, overwrite=True) as temporary:
        save_text(temporary, text)


def filled(results: Path, text: str, where: str = "the text") -> str:
    """Return a text with the tables that it has marks for, as `results` has them.

    Raises
    ------
    LockstepError
        If a mark names no table or has no end, or a table cannot be made.
    """
    for name in marks_of(text, where):
        file, make = TABLES[name]
        path = results / file
        with reading(path, WHAT, ADVICE):
            table = make(path)
        written_out = as_markdown(table, caption=False) if isinstance(table, Table) else table
        between = re.compile(rf"(^<!-- {name} -->\n).*?(^<!-- /{name} -->$)", re.DOTALL | re.MULTILINE)
        text = between.sub(lambda found, new=written_out: f"{found[1]}{new}{found[2]}", text)  # type: ignore[misc]
    return text


def marks_of(text: str, where: str) -> list[str]:
    """Return the names of the tables that a text has marks for.

    Raises
    ------
    LockstepError
        If a mark names no table, or has no beginning or no end.
    """
    marks = [(name, bool(end)) for end, name in MARK.findall(text)]
    for name, _ in marks:
        if name not in TABLES:
            raise LockstepError(f"{where}: <!-- {name} --> names no table; there are {', '.join(sorted(TABLES))}")
    for place, (name, end) in enumerate(marks):
        expected = (name, not end)
        partner = marks[place - 1 : place] if end else marks[place + 1 : place + 2]
        if partner != [expected]:
            lacking = f"<!-- {name} --> before" if end else f"<!-- /{name} --> after"
            raise LockstepError(f"{where}: has no {lacking} its <!-- {'/' if end else ''}{name} -->")
    return list(dict.fromkeys(name for name, _ in marks))
