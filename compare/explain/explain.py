"""Trains the way from one end to the other, and writes what each step of it is worth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare.explain.answer import complete_seeds, described, explained
from compare.explain.budget import SECONDS_AROUND, Plan, estimated, kept_plan, key_of, planned, save_plan
from compare.explain.figures import waterfall_figure
from compare.explain.form import Explained
from compare.explain.question import USUAL_PAIRS, Question
from compare.explain.words import explanation_table, fields_table, sentences, waterfall_table
from compare.grid.cells import Setting, finished_records, place_of, seconds_of, train_settings
from compare.grid.executors import Executor
from compare.tables import as_markdown, escaped, print_table
from shared.files import save_page
from shared.output import Output
from shared.runs import Record, is_finished
from shared.terminal import counted, say

FILES = ("explain.json", "explain.md", "explain.svg")


@dataclass(frozen=True)
class Means:
    """With what it is trained.

    Attributes
    ----------
    runs : Path
        Holds the runs.
    pages : Path
        Holds the plan of a budget, beside what is written.
    seeds : tuple of int
        Those that were asked for.
    executor : Executor
        Trains them.
    budget : float or None
        Seconds that all may take.
    """

    runs: Path
    pages: Path
    seeds: tuple[int, ...]
    executor: Executor
    budget: float | None = None


def explain(question: Question, means: Means) -> Explained | None:
    """Train what is not finished, and return what it says.

    What differs, and how long it will take, is said before.

    Returns
    -------
    Explained or None
        Over the seeds of which every training is finished; None if there is none.

    Raises
    ------
    LockstepError
        If the budget is too small, or a finished run is not what is asked for.
    """
    tell_question(question)
    plan = _plan(question, means)
    if plan is None:
        return None
    settings = question.settings(plan.seeds, plan.pairs)
    records = _train(question, settings, means)
    complete = complete_seeds(question, plan.seeds, plan.pairs, records)
    missing = [str(seed) for seed in plan.seeds if seed not in complete]
    if missing:
        advice = "the same command goes on; --together changes fields at once that fail without each other"
        say(f"left out: seed {', '.join(missing)}, of which trainings failed; {advice}", aside=True)
    return explained(question, complete, plan.pairs, records, means.runs) if complete else None


def tell_question(question: Question) -> None:
    """Print the fields that differ."""
    first, second = question.first, question.second
    fields = [
        described(name, first.specification, second.specification)
        for player in question.players
        for name in player.fields
    ]
    if fields:
        print_table(fields_table(fields, first.title, second.title), aside=True)
    for player in question.players:
        if len(player.fields) > 1:
            say(f"changed together: {', '.join(player.fields)}", aside=True)


def _plan(question: Question, means: Means) -> Plan | None:
    """Return how much is trained, and say how long that takes; None if the ends cannot be trained."""
    started = time.monotonic()
    key = "" if means.budget is None else key_of(question, means.seeds, means.budget)
    plan = kept_plan(means.pages, key) if key else None
    seconds = _seconds(question, means)
    if seconds is None:
        return None
    if plan is None:
        left = None if means.budget is None else max(0.0, means.budget - (time.monotonic() - started))
        plan = planned(question, means.seeds, means.runs, seconds, means.executor.jobs, left)
        if key:
            plan = plan.model_copy(update={"key": key})
            save_plan(means.pages, plan)
    settings = question.settings(plan.seeds, plan.pairs)
    orders = "all orders" if question.exact else f"{2 * plan.pairs} orders"
    seeds = f"{len(plan.seeds)} of {len(means.seeds)} seeds"
    expected = estimated(settings, means.runs, seconds, means.executor.jobs)
    changes = counted(len(question.players), "change")
    say(f"{changes} in {orders}, {seeds}: {expected}", aside=True)
    return plan


def _seconds(question: Question, means: Means) -> dict[str, float] | None:
    """Return the seconds of a training, by framework; where none is finished, both ends are trained first."""
    first = means.seeds[0]
    needed = question.ends(first)
    known = seconds_of(finished_records(means.runs, question.settings([first], USUAL_PAIRS)).values())
    around = SECONDS_AROUND
    if not {one.framework for one in needed} <= known.keys():
        say("both ends are trained first: their times say how long the rest will take", aside=True)
        count = sum(not is_finished(place_of(means.runs, one)) for one in needed)
        started = time.monotonic()
        records = _train(question, needed, means)
        found = [record for record in records.values() if record is not None]
        if len(found) < len(needed):
            return None
        known = seconds_of(found)
        each = (time.monotonic() - started) * min(means.executor.jobs, count) / count
        around = max(0.0, each - sum(known.values()) / len(known))
    return {framework: seconds + around for framework, seconds in known.items()}


def _train(question: Question, settings: Sequence[Setting], means: Means) -> dict[Setting, Record | None]:
    """Train what is not finished; where all is finished, the runs are only read."""
    if all(is_finished(place_of(means.runs, one)) for one in settings):
        found = finished_records(means.runs, settings)
        if len(found) == len(settings):
            return dict(found)
    titles = {one: _title(question, one) for one in settings}
    return train_settings(means.runs, settings, means.executor, titles=titles, elsewhere="--runs")


def _title(question: Question, setting: Setting) -> str:
    """Return what the progress calls a training."""
    start, specification = question.first.specification, setting.specification
    if specification.recipe == "idiomatic":
        return f"{setting.framework}'s own code, seed {specification.seed}"
    count = sum(
        any(getattr(specification, name) != getattr(start, name) for name in player.fields)
        for player in question.players
    )
    return f"{setting.framework} seed {specification.seed}, {count} of {len(question.players)} changed"


def save_explained(found: Explained, places: dict[str, Output]) -> None:
    """Make the three files, each whole or not at all."""
    pages: dict[str, str | dict[str, Any]] = {
        "explain.json": found.model_dump(),
        "explain.svg": waterfall_figure(found),
        "explain.md": page_of(found),
    }
    for name, content in pages.items():
        with places[name].written() as temporary:
            save_page(temporary, content)


def page_of(found: Explained) -> str:
    """Return the explanation in Markdown."""
    return f"""# From {escaped(found.first.title)} to {escaped(found.second.title)}

{escaped(sentences(found))}

{as_markdown(explanation_table(found), caption=False)}
![test accuracy from one end to the other, part by part](explain.svg)
"""


def tell_explained(found: Explained) -> None:
    """Print the waterfall, and what it says in words."""
    print_table(waterfall_table(found))
    say("")
    say(sentences(found))
