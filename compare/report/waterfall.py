"""From one training to another, step by step: what `lockstep explain` measured, as the report shows it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import altair as alt

from compare.explain.form import Explained, Part
from compare.explain.words import change, explanation_table, levels
from compare.report import marks
from compare.report.form import Statistics
from compare.tables import Table
from shared.terminal import printable

# Okabe and Ito's, of which no framework has any.
UP, DOWN = "#56B4E9", "#E69F00"
NOTE = (
    "Blue goes up, orange down; pale: no field, but other code. Thin lines: 95 % intervals of a step, as far as the "
    "picture reaches."
)
# A telephone has room for so many letters before the bars, and a line of the picture for so many lines of them.
NAME_LETTERS, NAME_LINES = 18, 3
# Above and below the levels, as a share of what lies between the highest and the lowest.
ROOM = 0.12


def name_of(place: int, name: str = "explanation") -> str:
    """Return what the table and the chart of an explanation are called, counted from 0."""
    return f"{name}-{place + 1}" if place else name


def explained_tables(statistics: Statistics) -> list[Table]:
    """Return the table of each explanation; one of other reviews says so."""
    return [
        replace(explanation_table(one), name=name_of(place), notes=_notes(one, statistics))
        for place, one in enumerate(statistics.explained)
    ]


def _notes(explained: Explained, statistics: Statistics) -> Sequence[str]:
    notes = explanation_table(explained).notes
    if explained.fingerprint == statistics.data.fingerprint:
        return notes
    return ["These trainings read other reviews than the models of this page (another fingerprint).", *notes]


def waterfall_rows(explained: Explained) -> list[marks.Row]:
    """Return a row for each end and each step between them, in per cent and points.

    Parameters
    ----------
    explained : Explained
        What was measured.

    Returns
    -------
    list of dict
        ``row`` is its name in lines of `NAME_LETTERS`, each name once; ``before`` and ``after`` are levels of test
        accuracy, equal at an end; ``low`` and ``high`` the interval of ``after``; ``next`` names the row below.
    """
    first, second = explained.first, explained.second
    rows = [
        _row(first.title, first.accuracy.mean, first.accuracy.mean, "end"),
        *(_step(part, before, after) for part, before, after in levels(explained)),
        _row(second.title, second.accuracy.mean, second.accuracy.mean, "end"),
    ]
    seen: set[str] = set()
    for row in rows:
        plain, count = row["row"], 1
        while row["row"] in seen:
            count += 1
            row["row"] = f"{plain} ({count})"
        seen.add(row["row"])
    for row, below in pairwise(rows):
        row["next"] = below["row"]
    low, high = _domain(rows)
    for row in rows:
        row["edge"] = min(high, max(row["before"], row["after"], row.get("high", low)))
    return rows


def _row(name: str, before: float, after: float, kind: str) -> marks.Row:
    lines = textwrap.wrap(printable(name), NAME_LETTERS, max_lines=NAME_LINES, placeholder=" …")
    return {
        "row": "\n".join(lines),
        "name": printable(name),
        "kind": kind,
        "before": marks.percent(before),
        "after": marks.percent(after),
    }


def _step(part: Part, before: float, after: float) -> marks.Row:
    row = _row(part.name, before, after, "field" if part.kind == "field" else "code")
    interval = part.accuracy
    if interval.low is not None and interval.high is not None:
        row |= {"low": marks.percent(before + interval.low), "high": marks.percent(before + interval.high)}
    row |= {"value": marks.percent(interval.mean), "change": printable(change(part.fields))}
    return row


def _domain(rows: Sequence[marks.Row]) -> tuple[float, float]:
    """Return where the axis begins and ends: intervals of few seeds may be wider than all the rest, and are cut."""
    found = [row[key] for row in rows for key in ("before", "after")]
    room = ROOM * (max(found) - min(found)) or 0.5
    return max(0.0, min(found) - room), min(100.0, max(found) + room)


def said(rows: Sequence[marks.Row]) -> str:
    """Say every row in words."""
    return ", ".join(
        f"{row['name']} {row['after']:.1f} %" if row["kind"] == "end" else f"{row['name']} {row['value']:+.1f} points"
        for row in rows
    )


def waterfall_picture(rows: Sequence[marks.Row]) -> marks.Picture:
    """Draw the rows of `waterfall_rows` below each other, joined by thin lines.

    Names stand in the data alone: the only expressions are these.
    """
    lines = alt.Axis(domain=False, ticks=False, grid=False, labelLimit=0, labelExpr="split(datum.label, '\\n')")
    y = alt.Y("row:N", sort=None, title=None, axis=lines)
    scale = alt.Scale(domain=list(_domain(rows)), zero=False, nice=False, padding=44)
    x = marks.number_axis("before", "test accuracy, %", scale=scale)
    told = marks.tooltip(
        name="what is changed",
        change="from → to",
        value="points|+.2f",
        after="accuracy after it, %|.2f",
        low="from|.2f",
        high="to|.2f",
    )
    plain = alt.Chart().encode(y=y)
    steps, ends = plain.transform_filter("datum.kind != 'end'"), plain.transform_filter("datum.kind == 'end'")
    numbers = plain.encode(x="edge:Q")
    texts = (
        (numbers.transform_filter("datum.kind != 'end'"), alt.Text("value:Q", format="+.1f")),
        (numbers.transform_filter("datum.kind == 'end'"), alt.Text("after:Q", format=".1f")),
    )
    return marks.layered(
        rows,
        plain.transform_filter("isValid(datum.next)")
        .mark_rule(color=marks.QUIET, strokeWidth=1)
        .encode(x="after:Q", y2="next:N"),
        steps.mark_bar(height={"band": 0.55}).encode(
            x=x,
            x2="after:Q",
            color=alt.when("datum.after >= datum.before").then(alt.value(UP)).otherwise(alt.value(DOWN)),
            opacity=alt.when("datum.kind == 'field'").then(alt.value(1)).otherwise(alt.value(0.5)),
            tooltip=told,
        ),
        steps.transform_filter("isValid(datum.low)")
        .mark_rule(color=marks.INK, strokeWidth=1.5, clip=True)
        .encode(x="low:Q", x2="high:Q"),
        ends.mark_point(shape="diamond", filled=True, size=90, opacity=1, color=marks.INK).encode(
            x="after:Q", tooltip=told
        ),
        # The number would be hard to read where a thin line runs through it.
        *(
            chart.mark_text(align="left", dx=9, stroke=marks.PAPER, strokeWidth=5).encode(text=text)
            for chart, text in texts
        ),
        *(chart.mark_text(align="left", dx=9, color=marks.INK).encode(text=text) for chart, text in texts),
        height=16 + 13 * max(row["row"].count("\n") + 1 for row in rows),
        lines="row",
    )
