"""Runs a study: a recipe with one thing switched at a time, seed by seed, and the page of what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compare.grid.cells import Setting, place_of, train_settings
from compare.grid.executors import Executor
from compare.studies.figures import ladder_figure
from compare.studies.ladder_statistics import summarise_ladder
from compare.studies.ladder_tables import rungs_table, switches_table
from compare.studies.rungs import Rung, Study
from compare.tables import as_markdown, escaped, print_table
from shared.files import save_page
from shared.output import PAGE, written
from shared.specification import Specification
from shared.terminal import say


def run_ladder(
    folder: Path,
    study: Study,
    specification: Specification,
    framework: str,
    seeds: Sequence[int],
    rungs: Sequence[Rung],
    *,
    executor: Executor,
) -> int:
    """Train what is not finished, print the table, and write it as ``.json``, ``.md`` and ``.svg``.

    Parameters
    ----------
    folder : Path
        Holds the runs, where `compare.grid.cells.place_of` says, and what is written.
    study : Study
        What the table and its files are called.
    specification : Specification
        Of the lowest rung, but for the seed.
    framework : str
        That trains all of them.
    seeds : sequence of int
        Rungs are compared seed by seed.
    rungs : sequence of Rung
        As `compare.studies.rungs.rungs_of` gives them.
    executor : Executor
        Trains them.

    Returns
    -------
    int
        How many cells failed.

    Raises
    ------
    LockstepError
        If a finished run is not what is asked for, or none of the recipe's is finished.
    """
    settings = {  # all rungs of a seed one after the other: their speeds are compared
        (rung.name, seed): Setting(framework, specification.replaced(**rung.changes, seed=seed))
        for seed in seeds
        for rung in rungs
    }
    titles = {setting: f"{name} seed {seed}" for (name, seed), setting in settings.items()}
    records = train_settings(folder, settings.values(), executor, titles=titles)
    found = {
        rung.name: {seed: record for seed in seeds if (record := records[settings[rung.name, seed]])} for rung in rungs
    }
    summary = {"title": study.title, "heading": study.heading, **summarise_ladder(rungs, found)}
    for row in summary["rungs"]:  # of all its seeds
        row["folder"] = place_of(folder, settings[row["name"], seeds[0]]).parent.relative_to(folder).as_posix()
    pages: dict[str, str | dict[str, Any]] = {
        ".json": summary,
        ".svg": ladder_figure(summary["rungs"]),
        ".md": _page(study, summary),
    }
    for suffix, content in pages.items():
        with written(folder / f"{study.name}{suffix}", PAGE) as temporary:
            save_page(temporary, content)
    print_table(rungs_table(summary))
    say(str(folder / f"{study.name}.md"))
    return sum(record is None for record in records.values())


def _page(study: Study, summary: dict[str, Any]) -> str:
    model = escaped(f"{summary['framework']} {summary['framework_version']}, {summary['architecture']}")
    return f"""# {study.title}

{model}. Every row is trained by the same recipe with one thing switched, and compared with the same seed without the
switch; in brackets 95 % t-intervals over the seeds.

{as_markdown(switches_table([summary]), caption=False)}
![difference of test accuracy by what is switched]({study.name}.svg)
"""
