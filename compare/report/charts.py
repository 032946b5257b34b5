"""Charts of the report as Vega-Lite specifications, and the library that draws them in a browser.

Names that are not the project's own (of classes, of published results) go into the data of a specification, never
into one of its expressions: a library that reads expressions would read theirs.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Literal, get_args

import altair as alt
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict

from compare.grid.baselines import BASELINE
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.report import marks, waterfall
from compare.report.form import Calibration, Cell, Pair, Point, Range, SideBySide, Slice, Statistics
from compare.report.verdict import LEVEL, title_of
from shared.terminal import printable

Section = Literal["headline", "settings", "differences", "learning", "cost", "errors", "agreement"]
SECTIONS: tuple[Section, ...] = get_args(Section)

# Okabe and Ito's colours that no framework has.
SOURCE_COLOURS = {
    "seed": "#E69F00",
    "framework": "#56B4E9",
    "seed in one framework only": marks.INK,
    "test reviews": "#999999",
}
# Baselines this far below all networks are said, not drawn: they would press all others together.
FAR_BELOW = 0.05
MOST_CLASSES, MOST_CLASS_LETTERS = 20, 24
MOST_NAMES = 24
ZERO = "#440154"  # of viridis


CLEARLY = f"Lines are 95 % intervals. Filled: clear after Holm's correction (p < {LEVEL})."


class Chart(BaseModel):
    """A figure of the report.

    ``description`` is the text that stands for the picture, ``note`` says how to read it. ``wide`` charts take
    the width of the page, others stand beside each other; one that ``begins`` a row does not stand beside the one
    before it. A chart with an ``architecture`` shows that one only, and stands beside those of its ``kind`` for
    the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    section: Section
    kind: str
    title: str
    note: str
    description: str
    wide: bool = False
    begins: bool = False
    architecture: str | None = None
    specification: dict[str, Any]


def charts_of(statistics: Statistics) -> list[Chart]:
    """Return the charts for which there are numbers, in the order of `SECTIONS`.

    Parameters
    ----------
    statistics : Statistics
        Of a report.

    Returns
    -------
    list of Chart
        Each with a specification that Vega-Lite's schema allows.
    """
    makers: tuple[Callable[[Statistics], Iterable[Chart]], ...] = (
        _accuracy,
        _explained,
        _differences,
        _variances,
        _learning,
        _time_to_accuracy,
        _accuracy_and_seconds,
        _latency,
        _speed,
        _memory,
        _slices,
        _reliability,
        _confusions,
        _agreement,
    )
    families = [list(maker(statistics)) for maker in makers]
    return [chart for family in families for chart in _in_rows(family)]


def charts_of_both(both: SideBySide) -> list[Chart]:
    """Return the charts on two experiments: the accuracy of each cell in both, and the differences."""
    return [*_accuracy_of_both(both), *_differences_of_both(both)]


def _in_rows(charts: Sequence[Chart]) -> list[Chart]:
    """Say which charts begin a row: the first ones, and the first of every kind that has one for each architecture."""
    kinds = [chart.kind if chart.architecture else None for chart in charts]
    return [
        chart.model_copy(
            update={"begins": kinds[place] is not None and (place == 0 or kinds[place - 1] != kinds[place])}
        )
        for place, chart in enumerate(charts)
    ]


@cache
def library() -> str:
    """Return the JavaScript that draws charts: Vega, Vega-Lite and Vega-Embed, which sets ``vegaEmbed``.

    It comes with vl-convert-python and needs no network. It draws without ``eval`` where Vega-Embed is told to
    (``ast: true``), as `script` does.
    """
    import vl_convert

    major, minor = re.findall(r"\d+", alt.SCHEMA_VERSION)[:2]
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=f"{major}.{minor}")
    return _inlined(f"(() => {{\n{bundle}\n}})();")


def script() -> str:
    """Return the JavaScript that sets ``Charts``: ``draw(specifications)``, ``show(frameworks, architectures)``."""
    return _inlined(_asset("charts.js"))


def style() -> str:
    """Return the CSS of the figures, whose colours are the page's ``--ink``, ``--paper``, ``--quiet`` and so on."""
    return _asset("charts.css")


def figure(chart: Chart) -> Markup:
    """Return the HTML in which ``Charts.draw`` draws a chart; until then it has the description."""
    place = f"chart-{chart.name}"
    kind, title, note, description = (
        escape(printable(text)) for text in (chart.kind, chart.title, chart.note, chart.description)
    )
    # What is the same for all charts of a row is read once.
    before = f'<div class="row"><h3>{kind}</h3><p class="note">{note}</p></div>' if chart.begins else ""
    hidden = " hidden" if chart.architecture else ""
    if chart.architecture:
        title = f'<span class="unseen">{kind}, </span>{escape(ARCHITECTURE_TITLES[chart.architecture])}'
    return Markup(  # noqa: S704 (escaped)
        f'{before}<figure class="chart{" wide" if chart.wide else ""}" id="{place}" data-chart="{chart.name}" '
        f'tabindex="0" aria-labelledby="{place}-title">'
        f'<figcaption><strong id="{place}-title">{title}</strong> <span class="note"{hidden}>{note}</span></figcaption>'
        # Vega gives the element that it draws in a role of its own.
        f'<div class="drawing" role="img" aria-label="{description}"><div><p>{description}</p></div></div></figure>'
    )


def _asset(name: str) -> str:
    return files("compare.report").joinpath("assets", name).read_text(encoding="utf-8")


def _inlined(javascript: str) -> str:
    """Return JavaScript that cannot end the element in which it stands; it has such text in strings only."""
    return re.sub(r"<(?=/script|!--)", r"\\x3C", javascript, flags=re.IGNORECASE)


def _chart(
    name: str,
    section: Section,
    words: tuple[str, str, str],
    picture: marks.Picture,
    wide: bool = False,
    architecture: str | None = None,
    least_frameworks: int = 1,
) -> Chart:
    """Put a chart together; ``words`` are what all of its kind are called, its note and its description."""
    kind, note, description = words
    # Validated by the tests, which takes as long as all else; the rows are too many to be copied with each layer.
    specification = picture.drawn.properties(
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        usermeta={"least_frameworks": least_frameworks, "lines": picture.lines},
    ).to_dict(validate=False)
    specification.pop("config", None)  # of Altair's theme; the page's script has its own
    return Chart(
        name=name,
        section=section,
        kind=kind,
        title=f"{kind}, {ARCHITECTURE_TITLES[architecture]}" if architecture else kind,
        note=note,
        description=description,
        wide=wide,
        architecture=architecture,
        specification={**specification, "datasets": {"rows": picture.rows}},
    )


# --- Cells ---


def _networks(statistics: Statistics) -> list[Cell]:
    """Return the cells by architecture, then by framework as everywhere."""
    architectures, frameworks = marks.distinct(cell.architecture for cell in statistics.cells), list(TITLES)
    return sorted(
        statistics.cells,
        key=lambda cell: (architectures.index(cell.architecture), frameworks.index(cell.framework)),
    )


def _by_architecture(statistics: Statistics) -> dict[str, list[Cell]]:
    found: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell in _networks(statistics):
        found[cell.architecture].append(cell)
    return dict(found)


def _of(cell: Cell) -> marks.Row:
    """Return the fields by which the row of a cell is named, coloured and hidden."""
    return _of_name(cell.name)


# --- Accuracy ---


def _accuracy(statistics: Statistics) -> Iterable[Chart]:
    networks = [{**_of(cell), **marks.interval_row(cell.accuracy)} for cell in _networks(statistics)]
    baselines = sorted(statistics.baselines, key=lambda cell: -cell.accuracy.value)
    lowest = min(cell.accuracy.value for cell in statistics.cells) - FAR_BELOW
    compared = [
        {"row": title_of(cell.name), "kind": "baseline", **marks.interval_row(cell.accuracy)} for cell in baselines
    ]
    near = [row for row in compared if row["value"] >= 100 * lowest]
    published = [
        {"row": printable(f"{one.name} ({one.source})"), "value": marks.percent(one.accuracy), "kind": "published"}
        for one in statistics.published
        if one.accuracy >= lowest
    ]
    for rows in (near, published):
        if rows:
            rows[0] |= {"best": True}
    description = f"Test accuracy in per cent with 95 % intervals. {marks.all_in_words(networks)}."
    description += f" Baselines: {marks.all_in_words(compared)}." if compared else ""
    description += f" Published: {marks.all_in_words(published)}." if published else ""
    note = "Lines are 95 % intervals."
    note += f" Dashed: the best {' and the best '.join(_kinds(near, published))}." if near or published else ""
    left_out = ", ".join(row["row"] for row in compared if row not in near)
    note += f" Too far below to be drawn: {left_out}." if left_out else ""
    yield _chart(
        "accuracy",
        "headline",
        ("Test accuracy", note, description),
        _accuracy_picture([*networks, *near, *published], "test accuracy, %"),
        wide=True,
    )


def _kinds(baselines: Sequence[marks.Row], published: Sequence[marks.Row]) -> list[str]:
    return ["baseline"] * bool(baselines) + ["published result"] * bool(published)


def _accuracy_picture(rows: Sequence[marks.Row], title: str) -> marks.Picture:
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    x = marks.number_axis("value", title, padding=40)
    told = marks.tooltip(row="model", value="accuracy, %|.2f", low="from|.2f", high="to|.2f")
    plain = alt.Chart().encode(y=marks.rows_axis())
    networks = plain.transform_filter("isValid(datum.framework)").encode(opacity=marks.dimmed(chosen))
    others = plain.transform_filter("!isValid(datum.framework)")
    reach = {"x": "low:Q", "x2": "high:Q"}
    numbers = plain.transform_calculate(edge="isValid(datum.high) ? datum.high : datum.value").encode(
        x="edge:Q", text=alt.Text("value:Q", format=".1f")
    )
    return marks.layered(
        rows,
        networks.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2.5)
        .encode(color=marks.colour(frameworks), **reach),
        others.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5, color=marks.QUIET).encode(**reach),
        alt.Chart().transform_filter("datum.best").mark_rule(color=marks.QUIET, strokeDash=[5, 4]).encode(x=x),
        networks.mark_point(filled=True, size=90).encode(
            x=x, color=marks.colour(frameworks), shape=marks.shape(frameworks), tooltip=told
        ),
        others.mark_point(filled=True, size=90, opacity=1, color=marks.QUIET).encode(
            x=x,
            shape=alt.when("datum.kind == 'baseline'")
            .then(alt.value(marks.SHAPES["|"]))
            .otherwise(alt.value("triangle-right")),
            tooltip=told,
        ),
        # The number would be hard to read where the dashed lines run through it.
        numbers.mark_text(align="left", dx=9, stroke=marks.PAPER, strokeWidth=5),
        numbers.mark_text(align="left", dx=9, color=marks.INK),
        selections=[chosen],
        height=21,
        lines="row",
    )


# --- From one training to another ---


def _explained(statistics: Statistics) -> Iterable[Chart]:
    for place, one in enumerate(statistics.explained):
        rows = waterfall.waterfall_rows(one)
        description = f"From one training to another, step by step, test accuracy: {waterfall.said(rows)}."
        yield _chart(
            waterfall.name_of(place),
            "settings",
            ("Test accuracy, step by step", waterfall.NOTE, description),
            waterfall.waterfall_picture(rows),
            wide=True,
        )


# --- Differences ---


def _differences(statistics: Statistics) -> Iterable[Chart]:
    found: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in statistics.pairs:
        if pair.kind == "framework":
            found[pair.first.split("/")[1]].append(pair)
    rows = {name: [_difference(pair) for pair in pairs] for name, pairs in found.items()}
    limit = _limit([row for some in rows.values() for row in some])
    for architecture, some in rows.items():
        title = ARCHITECTURE_TITLES[architecture]
        clear = [row["row"] for row in some if row["clear"]]
        description = (
            f"Differences of test accuracy between frameworks, {title}, in points with 95 % intervals. "
            f"{marks.all_in_words(some, '+.2f')}. "
            + (f"Clear after correction for all pairs: {', '.join(clear)}." if clear else "No difference is clear.")
        )
        yield _chart(
            f"differences-{architecture}",
            "differences",
            ("Differences between frameworks", f"Points of accuracy. {CLEARLY}", description),
            _differences_picture(some, limit),
            architecture=architecture,
            least_frameworks=2,
        )


def _limit(rows: Sequence[marks.Row]) -> float:
    """Return how far an axis of differences goes to both sides of zero, in points."""
    widest = max((abs(row.get(key, 0)) for row in rows for key in ("value", "low", "high")), default=0)
    return math.ceil(widest * 11) / 10 or 0.1


def _difference(pair: Pair) -> marks.Row:
    (first, architecture), second = pair.first.split("/"), pair.second.split("/")[0]
    return {
        "framework": first,
        "second_framework": second,
        "architecture": architecture,
        "row": f"{TITLES[first]} − {TITLES[second]}",
        **marks.interval_row(pair.difference),
        "p": marks.rounded(pair.holm),
        "clear": pair.holm < LEVEL,
    }


def _differences_picture(rows: Sequence[marks.Row], limit: float) -> marks.Picture:
    scale = alt.Scale(domain=[-limit, limit], nice=False)
    x = marks.number_axis("value", "difference in accuracy, points", scale=scale)
    told = marks.tooltip(
        row="difference", value="points|+.2f", low="from|+.2f", high="to|+.2f", p="p, corrected for all pairs|.3g"
    )
    plain = alt.Chart().encode(y=marks.rows_axis())
    return marks.layered(
        rows,
        alt.Chart().mark_rule(color=marks.QUIET, strokeWidth=1.5).encode(x=alt.XDatum(0)),
        plain.transform_filter("isValid(datum.low)")
        .mark_rule(color=marks.ACCENT, strokeWidth=2.5)
        .encode(x="low:Q", x2="high:Q"),
        plain.mark_point(size=80, stroke=marks.ACCENT, strokeWidth=2, filled=True, opacity=1).encode(
            x=x,
            fill=alt.when("datum.clear").then(alt.value(marks.ACCENT)).otherwise(alt.value(marks.PAPER)),
            tooltip=told,
        ),
        height=24,
        lines="row",
    )


def _variances(statistics: Statistics) -> Iterable[Chart]:
    rows = [
        {
            "architecture": one.architecture,
            "row": ARCHITECTURE_TITLES[one.architecture],
            "source": source,
            "value": marks.percent(value),
        }
        for one in statistics.variances
        for source, value in zip(SOURCE_COLOURS, (one.seed, one.framework, one.remainder, one.reviews), strict=True)
        if value is not None
    ]
    if not rows:
        return
    said = ", ".join(f"{row['row']} by {row['source']} {row['value']:.2f}" for row in rows)
    colours = alt.Scale(domain=list(SOURCE_COLOURS), range=list(SOURCE_COLOURS.values()))
    bars = (
        alt.Chart()
        .mark_bar()
        .encode(
            x=marks.number_axis("value", "standard deviation of accuracy, points", zero=True),
            y=marks.rows_axis(),
            yOffset=alt.YOffset("source:N", sort=list(SOURCE_COLOURS)),
            color=alt.Color("source:N", scale=colours, legend=alt.Legend(title=None)),
            tooltip=marks.tooltip(row="model", source="moved by", value="points|.3f"),
        )
    )
    yield _chart(
        "variances",
        "differences",
        (
            "What moves the accuracy",
            "Standard deviations: how far another seed, framework or sample of test reviews would move it.",
            f"Standard deviations of test accuracy in points: {said}.",
        ),
        marks.layered(rows, bars, height=18 * len(SOURCE_COLOURS), lines="row"),
        wide=True,
    )


# --- Learning ---


def _learning(statistics: Statistics) -> Iterable[Chart]:
    cells = {name: some for name, some in _by_architecture(statistics).items() if any(map(_curves, some))}
    if not cells:
        return
    for measure, axis in (("loss", "loss"), ("accuracy", "validation accuracy, %")):
        for against, unit in (("steps", "training steps"), ("seconds", "seconds of training")):
            rows = {
                name: [row for cell in some for row in _learned(cell, measure, against)] for name, some in cells.items()
            }
            domain = marks.shared_domain(row[key] for some in rows.values() for row in some for key in ("low", "high"))
            for architecture, some in rows.items():
                title = ARCHITECTURE_TITLES[architecture]
                what = "Training and validation loss" if measure == "loss" else "Validation accuracy"
                note = "Means; bands from the lowest to the highest seed. Lines that coincide are drawn thick to thin."
                note += " Dashed: validation." if measure == "loss" else ""
                yield _chart(
                    f"learning-{measure}-{against}-{architecture}",
                    "learning",
                    (f"{what} by {against}", note, _learning_said(some, what, against, title)),
                    _learning_picture(some, (unit, axis), domain),
                    architecture=architecture,
                )


def _curves(cell: Cell) -> list[tuple[Point, ...]]:
    return [run.curve for run in cell.runs if run.curve and run.seed in cell.compared_seeds]


def _learned(cell: Cell, measure: str, against: str) -> Iterable[marks.Row]:
    """Mean, lowest and highest over the seeds after each epoch that all of them have."""
    fields = {"training": "training_loss", "validation": "validation_loss"}
    for kind, field in fields.items() if measure == "loss" else (("validation", "validation_accuracy"),):
        for points in zip(*_curves(cell), strict=False):
            values = [getattr(point, field) for point in points]
            if measure == "accuracy":
                values = [100 * value for value in values]
            yield {
                **_of(cell),
                "kind": kind,
                "epoch": points[0].epoch,
                "x": marks.rounded(sum(getattr(point, against) for point in points) / len(points)),
                "value": marks.rounded(sum(values) / len(values)),
                "low": marks.rounded(min(values)),
                "high": marks.rounded(max(values)),
            }


def _learning_said(rows: Sequence[marks.Row], what: str, against: str, title: str) -> str:
    last = {(row["row"], row["kind"]): row for row in rows}
    form = ".3f" if "loss" in what else ".1f"
    both = len({kind for _, kind in last}) > 1
    said = ", ".join(
        f"{name} {f'{kind} ' if both else ''}{marks.in_words(row, form)} at {row['x']:,.0f}"
        for (name, kind), row in last.items()
    )
    return f"{what} of {title} against {against} of training, after each epoch. At the end: {said} {against}."


def _learning_picture(rows: Sequence[marks.Row], titles: tuple[str, str], domain: Sequence[float]) -> marks.Picture:
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    kinds = marks.distinct(row["kind"] for row in rows)
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=kinds, range=[[1, 0], [7, 4]][: len(kinds)]), legend=None)
    x = marks.number_axis("x", titles[0], zero=True)
    scale = alt.Scale(domain=list(domain), nice=False)
    y = alt.Y("value:Q", title=titles[1], scale=scale)
    plain = alt.Chart().encode(x=x, color=marks.colour(frameworks), detail="kind:N")
    layers = [
        plain.mark_line().encode(
            y=y,
            strokeDash=dash,
            strokeWidth=marks.stroke_width(frameworks),
            opacity=marks.dimmed(chosen),
        ),
        plain.mark_point(filled=True, opacity=1).encode(
            y=y,
            shape=marks.shape(frameworks),
            size=marks.size(frameworks),
            opacity=marks.dimmed(chosen),
            tooltip=marks.tooltip(
                row="model",
                kind="on",
                epoch="epoch",
                x=f"{titles[0]}|,.4~r",
                value="mean|.4~r",
                low="lowest seed|.4~r",
                high="highest seed|.4~r",
            ),
        ),
    ]
    if any(row["low"] != row["high"] for row in rows):
        band = plain.mark_area().encode(
            y=alt.Y("low:Q", title=titles[1], scale=scale), y2="high:Q", opacity=marks.dimmed(chosen, 0.22)
        )
        layers.insert(0, band)
    return marks.layered(rows, *layers, selections=[chosen, marks.zoom("x", "y")], height=230)


def _time_to_accuracy(statistics: Statistics) -> Iterable[Chart]:
    for architecture, cells in _by_architecture(statistics).items():
        rows = [
            {**_of(cell), "goal": f"{float(goal):.0%}".replace("%", " %"), **marks.range_row(found)}
            for goal in sorted({goal for cell in cells for goal in cell.seconds_to}, key=float)
            for cell in cells
            if (found := cell.seconds_to.get(goal)) is not None
        ]
        if not rows:
            continue
        title, goals = ARCHITECTURE_TITLES[architecture], marks.distinct(row["goal"] for row in rows)
        said = "; ".join(
            f"to {goal}: {marks.all_in_words(row for row in rows if row['goal'] == goal)}" for goal in goals
        )
        yield _chart(
            f"time-to-accuracy-{architecture}",
            "learning",
            (
                "Seconds to a validation accuracy",
                "Means over the seeds, lines from fastest to slowest; left out where a seed did not reach it.",
                f"Seconds of training to a validation accuracy, {title}: {said}.",
            ),
            _offset_picture(
                rows,
                "goal",
                alt.Y("goal:N", sort=None, title="validation accuracy"),
                marks.number_axis("value", "seconds of training", zero=True),
                marks.tooltip(row="model", goal="to", value="seconds|,.1f", low="fastest|,.1f", high="slowest|,.1f"),
            ),
            architecture=architecture,
        )


def _offset_picture(
    rows: Sequence[marks.Row], lines: str, y: alt.Y, x: alt.X, told: list[alt.Tooltip], *beneath: alt.Chart
) -> marks.Picture:
    """Draw the frameworks below each other within every line of a chart."""
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    plain = (
        alt.Chart()
        .transform_filter("isValid(datum.framework)")
        .encode(
            y=y,
            yOffset=alt.YOffset("framework:N", scale=alt.Scale(domain=frameworks, paddingOuter=0.4)),
            color=marks.colour(frameworks),
            opacity=marks.dimmed(chosen),
        )
    )
    return marks.layered(
        rows,
        plain.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q"),
        plain.mark_point(filled=True, size=60).encode(x=x, shape=marks.shape(frameworks), tooltip=told),
        *beneath,
        selections=[chosen],
        height=12 * len(frameworks) + 10,
        lines=lines,
    )


# --- Cost ---


def _accuracy_and_seconds(statistics: Statistics) -> Iterable[Chart]:
    networks = [cell for cell in _networks(statistics) if "training" in cell.seconds]
    baselines = [cell for cell in statistics.baselines if "training" in cell.seconds]
    if not networks:
        return
    rows = [_cost(cell) for cell in networks]
    runs = [row for cell in networks if len(cell.compared_seeds) > 1 for row in _cost_of_seeds(cell)]
    front = [row["row"] for row in _front(rows)]
    note = "Large: means, with lines over the range of the seeds. " + ("Small: single seeds. " if runs else "")
    note += "Stepped: the best accuracy of any network in that time or less (Pareto front)."
    note += " Hollow: other work ran on the machine at the same time." if any(row["hollow"] for row in rows) else ""
    yield _chart(
        "accuracy-seconds",
        "cost",
        (
            "Accuracy against training time",
            note,
            f"Test accuracy against seconds of training: {_cost_said(rows)}. "
            f"Networks that no faster one betters: {', '.join(front)}.",
        ),
        _cost_picture(rows, runs),
        wide=True,
    )
    lowest = min(cell.accuracy.value for cell in networks) - FAR_BELOW
    near = sorted((cell for cell in baselines if cell.accuracy.value >= lowest), key=lambda cell: -cell.accuracy.value)
    if not near:
        return
    others = [{**_cost(cell), "framework": None, "architecture": None, "best": cell is near[0]} for cell in near]
    front = [row["row"] for row in _front([*rows, *others])]
    yield _chart(
        "accuracy-seconds-baselines",
        "cost",
        (
            "The same with the baselines",
            "Grey: baselines. Stepped: the best accuracy of any model in that time or less.",
            f"Test accuracy against seconds of training: {_cost_said([*others, *rows])}. "
            f"Models that no faster one betters: {', '.join(front)}.",
        ),
        _cost_picture([*rows, *others], []),
        wide=True,
    )


def _cost_said(rows: Sequence[marks.Row]) -> str:
    return ", ".join(f"{row['row']} {row['value']:.1f} % in {row['x']:,.1f} s" for row in rows)


def _cost_of_seeds(cell: Cell) -> Iterable[marks.Row]:
    for run in cell.runs:
        if run.seed in cell.compared_seeds:
            yield {
                **_of(cell),
                "seed": run.seed,
                "x": marks.rounded(run.seconds["training"]),
                "value": marks.percent(run.metrics["accuracy"]),
                "hollow": bool(run.contended),
            }


def _cost(cell: Cell) -> marks.Row:
    seconds = cell.seconds["training"]
    accuracies = [run.metrics["accuracy"] for run in cell.runs if run.seed in cell.compared_seeds]
    return {
        **_of(cell),
        "x": marks.rounded(seconds.mean),
        "left": marks.rounded(seconds.low),
        "right": marks.rounded(seconds.high),
        "value": marks.percent(cell.accuracy.value),
        "low": marks.percent(min(accuracies)),
        "high": marks.percent(max(accuracies)),
        "hollow": bool(cell.contended_seeds),
        "mean": True,
    }


def _front(rows: Sequence[marks.Row]) -> list[marks.Row]:
    """Return the rows that no faster one equals or betters, from the fastest on."""
    front: list[marks.Row] = []
    for row in sorted(rows, key=lambda row: (row["x"], -row["value"])):
        if not front or row["value"] > front[-1]["value"]:
            front.append(row)
    return front


def _cost_picture(means: Sequence[marks.Row], runs: Sequence[marks.Row]) -> marks.Picture:
    rows = [*means, *runs]
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    architectures = marks.distinct(row["architecture"] for row in rows)
    x = marks.number_axis("x", "seconds of training", (row["x"] for row in rows), padding=16)
    y = alt.Y("value:Q", title="test accuracy, %", scale=alt.Scale(zero=False, padding=12))
    shape = alt.Shape(
        "architecture:N",
        scale=alt.Scale(
            domain=architectures, range=["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
        ),
        legend=marks.legend(
            {name: ARCHITECTURE_TITLES[name] for name in architectures},
            symbolFillColor=marks.QUIET,
            symbolStrokeWidth=0,
        ),
    )
    networks = alt.Chart().transform_filter("isValid(datum.framework)")
    baselines = alt.Chart().transform_filter("!isValid(datum.framework)").encode(x=x, y=y)
    coloured = networks.encode(y=y, color=marks.colour(frameworks), opacity=marks.dimmed(chosen))
    points = coloured.encode(
        x=x,
        stroke=alt.Stroke(
            "framework:N", scale=marks.framework_scale(frameworks), legend=marks.framework_legend(frameworks)
        ),
        fillOpacity=alt.when("datum.hollow").then(alt.value(0)).otherwise(alt.value(1)),
        shape=shape,
    )
    told = marks.tooltip(
        row="model", x="seconds|,.1f", left="fastest|,.1f", right="slowest|,.1f", value="accuracy, %|.2f"
    )
    told += marks.tooltip(low="lowest seed|.2f", high="highest seed|.2f")
    with_baselines = any(row["framework"] is None for row in means)
    layers = [
        _front_line(alt.Chart() if with_baselines else networks, x).mark_line(
            interpolate="step-after", color=marks.QUIET, strokeWidth=2
        ),
        coloured.transform_filter("datum.mean").mark_rule(strokeWidth=1.5).encode(x=alt.X("left:Q"), x2="right:Q"),
        coloured.transform_filter("datum.mean")
        .mark_rule(strokeWidth=1.5)
        .encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q")),
        points.transform_filter("!datum.mean")
        .mark_point(filled=True, size=22, strokeWidth=1)
        .encode(tooltip=marks.tooltip(row="model", seed="seed", x="seconds|,.1f", value="accuracy, %|.2f")),
        points.transform_filter("datum.mean").mark_point(filled=True, size=130, strokeWidth=2).encode(tooltip=told),
    ]
    if with_baselines:
        layers += [
            baselines.mark_point(filled=True, size=110, color=marks.QUIET, shape="triangle-down", opacity=1).encode(
                fillOpacity=alt.when("datum.hollow").then(alt.value(0)).otherwise(alt.value(1)),
                stroke=alt.value(marks.QUIET),
                tooltip=told,
            ),
            baselines.transform_filter("datum.best")
            .mark_text(**_beside(means), dy=-9, color=marks.QUIET)
            .encode(text="row:N"),
        ]
    return marks.layered(rows, *layers, selections=[chosen, marks.zoom("x", "y")], height=380)


def _beside(means: Sequence[marks.Row]) -> dict[str, Any]:
    """Return on which hand of the best baseline its name has room."""
    seconds = [row["x"] for row in means]
    is_late = any(row.get("best") and row["x"] > math.sqrt(min(seconds) * max(seconds)) for row in means)
    return {"align": "right", "dx": -8} if is_late else {"align": "left", "dx": 8}


def _front_line(chart: alt.Chart, x: alt.X) -> alt.Chart:
    """Return the best accuracy up to each time; the browser computes it, for the cells that are shown."""
    return (
        chart.transform_filter("datum.mean")
        .transform_window(
            front="max(value)",
            sort=[alt.SortField("x", order="ascending"), alt.SortField("value", order="descending")],
            frame=[None, 0],
        )
        .encode(x=x, y=alt.Y("front:Q"), order="x:Q")
    )


def _latency(statistics: Statistics) -> Iterable[Chart]:
    cells = [cell for cell in _networks(statistics) if cell.latency_ms]
    rows = [
        {**_of(cell), "percentile": _percentile_title(name), **marks.range_row(found)}
        for cell in cells
        for name, found in sorted(cell.latency_ms.items(), key=lambda item: item[1].mean)
    ]
    if not rows:
        return
    titles = marks.distinct(row["percentile"] for row in rows)
    said = "; ".join(
        f"{title}: {marks.all_in_words((row for row in rows if row['percentile'] == title), '.2f')}" for title in titles
    )
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    x = marks.number_axis("value", "milliseconds", (row["value"] for row in rows), zero=True)
    shapes = alt.Scale(domain=titles, range=["circle", "triangle-right", "diamond", "square"][: len(titles)])
    plain = alt.Chart().encode(y=marks.rows_axis(), color=marks.colour(frameworks), opacity=marks.dimmed(chosen))
    drawn = marks.layered(
        rows,
        plain.mark_line(strokeWidth=2).encode(x=x, detail="row:N"),
        plain.mark_point(filled=True, size=70, opacity=1).encode(
            x=x,
            shape=alt.Shape(
                "percentile:N",
                scale=shapes,
                legend=alt.Legend(title=None, symbolFillColor=marks.QUIET, symbolStrokeWidth=0),
            ),
            tooltip=marks.tooltip(
                row="model", percentile="share of reviews", value="ms, mean|.3f", low="fastest|.3f", high="slowest|.3f"
            ),
        ),
        selections=[chosen],
        height=22,
        lines="row",
    )
    yield _chart(
        "latency",
        "cost",
        (
            "Time to predict one review",
            "The time within which half, 95 % and 99 % of the reviews are predicted one by one. Means over the seeds.",
            f"Milliseconds to predict one review. {said}.",
        ),
        drawn,
    )


def _percentile_title(name: str) -> str:
    """Return "median" for "p50", "99 %" for "p99", and other names as they are."""
    found = re.fullmatch(r"p_?(\d+)", name)
    if not found:
        return printable(name)
    return "median" if found[1] == "50" else f"{found[1]} %"


def _speed(statistics: Statistics) -> Iterable[Chart]:
    values = {cell.name: cell.reviews_per_second.get("training") for cell in statistics.cells}
    yield from _bars(statistics, "speed", ("Speed of training", "reviews a second"), values)


def _memory(statistics: Statistics) -> Iterable[Chart]:
    values = {cell.name: cell.peak_memory_mb for cell in statistics.cells}
    yield from _bars(statistics, "memory", ("Memory", "MB at the peak"), values)


def _bars(
    statistics: Statistics, name: str, titles: tuple[str, str], values: Mapping[str, Range | None]
) -> Iterable[Chart]:
    """Draw a bar for each cell, and the range over its seeds."""
    rows = [{**_of(cell), **marks.range_row(found)} for cell in _networks(statistics) if (found := values[cell.name])]
    if not rows:
        return
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    x = marks.number_axis("value", titles[1], zero=True)
    told = marks.tooltip(row="model", value=f"{titles[1]}|,.0f", low="lowest seed|,.0f", high="highest seed|,.0f")
    plain = alt.Chart().encode(y=marks.rows_axis(), opacity=marks.dimmed(chosen))
    drawn = marks.layered(
        rows,
        plain.mark_bar(height={"band": 0.7}).encode(x=x, color=marks.colour(frameworks), tooltip=told),
        plain.mark_rule(color=marks.INK, strokeWidth=1.5).encode(x="low:Q", x2="high:Q"),
        selections=[chosen],
        height=22,
        lines="row",
    )
    description = f"{titles[0]}, {titles[1]}: {marks.all_in_words(rows, ',.0f')}."
    yield _chart(name, "cost", (titles[0], "Means, with lines over the range of the seeds.", description), drawn)


# --- Errors ---


def _slices(statistics: Statistics) -> Iterable[Chart]:
    best = max(statistics.baselines, key=lambda cell: cell.accuracy.value, default=None)
    for architecture, cells in _by_architecture(statistics).items():
        rows = [row for one in statistics.slices for row in _sliced(one, cells, best)]
        if not any(row.get("framework") for row in rows):
            continue
        title, labels = ARCHITECTURE_TITLES[architecture], marks.distinct(row["slice"] for row in rows)
        said = "; ".join(
            f"{' '.join(label.split())}: {marks.all_in_words(row for row in rows if row['slice'] == label)}"
            for label in labels
        )
        axis = alt.Axis(labelExpr="split(datum.label, '\\n')", labelLineHeight=14)
        y, x = alt.Y("slice:N", sort=None, title=None, axis=axis), marks.number_axis("value", "test accuracy, %")
        told = marks.tooltip(
            row="model", slice="on", reviews="reviews|,", value="accuracy, %|.2f", low="from|.2f", high="to|.2f"
        )
        compared = [row for row in rows if not row.get("framework")]
        beneath = (
            alt.Chart()
            .transform_filter("!isValid(datum.framework)")
            .mark_tick(color=marks.QUIET, thickness=2, bandSize=34)
            .encode(x=x, y=y, tooltip=told)
        )
        note = "Lines are 95 % intervals." + (f" Grey: {compared[0]['row']}." if compared else "")
        yield _chart(
            f"slices-{architecture}",
            "errors",
            ("Accuracy by kind of review", note, f"Test accuracy in per cent, {title}. {said}."),
            _offset_picture(rows, "slice", y, x, told, *([beneath] if compared else [])),
            architecture=architecture,
        )


def _sliced(one: Slice, cells: Sequence[Cell], baseline: Cell | None) -> Iterable[marks.Row]:
    label = {"slice": f"{one.kind}:\n{printable(one.label)}", "reviews": one.reviews}
    for cell in cells:
        if cell.name in one.accuracy:
            yield {**_of(cell), **label, **marks.interval_row(one.accuracy[cell.name])}
    if baseline is not None and baseline.name in one.accuracy:
        yield {"row": title_of(baseline.name), **label, **marks.interval_row(one.accuracy[baseline.name])}


def _reliability(statistics: Statistics) -> Iterable[Chart]:
    calibrations = {one.cell: one for one in statistics.calibrations}
    for architecture, cells in _by_architecture(statistics).items():
        rows = [row for cell in cells if cell.name in calibrations for row in _bins(cell, calibrations[cell.name])]
        if not rows:
            continue
        title = ARCHITECTURE_TITLES[architecture]
        said = "; ".join(
            f"{name}: "
            + ", ".join(f"{row['x']:.0f} % sure, {row['value']:.0f} % right" for row in rows if row["row"] == name)
            for name in marks.distinct(row["row"] for row in rows)
        )
        yield _chart(
            f"reliability-{architecture}",
            "errors",
            (
                "Reliability",
                "On the dashed line a model is right as often as it is sure; below it, it is too sure.",
                f"Share of right predictions by confidence, {title}. {said}.",
            ),
            _reliability_picture(rows),
            architecture=architecture,
        )


def _bins(cell: Cell, calibration: Calibration) -> Iterable[marks.Row]:
    for one in calibration.bins:
        if one.predictions and one.confidence is not None and one.accuracy is not None:
            row = {
                "x": marks.percent(one.confidence),
                "value": marks.percent(one.accuracy),
                "predictions": one.predictions,
            }
            yield {**_of(cell), **row}


def _reliability_picture(rows: Sequence[marks.Row]) -> marks.Picture:
    frameworks, chosen = marks.frameworks_of(rows), marks.legend_choice()
    floor = 10 * math.floor(min(row["x"] for row in rows) / 10)
    lowest = min(floor, 10 * math.floor(min(row["value"] for row in rows) / 10))
    across, up = (alt.Scale(domain=[low, 100], nice=False) for low in (floor, lowest))
    x = marks.number_axis("x", "confidence, %", scale=across)
    y = alt.Y("value:Q", title="right predictions, %", scale=up)
    plain = alt.Chart().encode(x=x, y=y, color=marks.colour(frameworks), opacity=marks.dimmed(chosen))
    told = marks.tooltip(row="model", x="confidence, %|.1f", value="right, %|.1f", predictions="predictions|,")
    diagonal = {"x": alt.XDatum(floor, scale=across), "y": alt.YDatum(floor, scale=up)}
    return marks.layered(
        rows,
        plain.mark_line().encode(strokeWidth=marks.stroke_width(frameworks)),
        plain.mark_point(filled=True).encode(shape=marks.shape(frameworks), size=marks.size(frameworks), tooltip=told),
        alt.Chart()
        .mark_rule(color=marks.INK, strokeDash=[5, 4])
        .encode(x2=alt.X2Datum(100), y2=alt.Y2Datum(100), **diagonal),
        selections=[chosen, marks.zoom("x", "y")],
        height=260,
    )


def _confusions(statistics: Statistics) -> Iterable[Chart]:
    names = _class_titles(statistics.data.class_names)
    matrices = {one.cell: one.matrix for one in statistics.confusions if one.matrix}
    if len(names) > MOST_CLASSES:
        return
    for architecture, cells in _by_architecture(statistics).items():
        rows = [
            {**_of(cell), "label": label, "prediction": prediction, "reviews": matrix[place][other]}
            for cell in cells
            if (matrix := matrices.get(cell.name))
            for place, label in enumerate(names)
            for other, prediction in enumerate(names)
            if matrix[place][other] or len(names) == 2
        ]
        if not rows:
            continue
        title = ARCHITECTURE_TITLES[architecture]
        yield _chart(
            f"confusion-{architecture}",
            "errors",
            (
                "Which class is taken for which",
                "Share of a class's reviews in per cent, over all frameworks and seeds that are shown.",
                f"Test reviews by class and predicted class, {title}. {_confusion_said(rows)}",
            ),
            _confusion_picture(rows, names),
            wide=len(names) > 8,
            architecture=architecture,
        )


def _class_titles(class_names: Sequence[str]) -> list[str]:
    """Return names of classes that are short, and differ."""
    short = [
        name if len(name) <= MOST_CLASS_LETTERS else f"{name[: MOST_CLASS_LETTERS - 1]}…"
        for name in map(printable, class_names)
    ]
    return [f"{name} ({place})" if short.count(name) > 1 else name for place, name in enumerate(short)]


def _confusion_said(rows: Sequence[marks.Row]) -> str:
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        counts[row["label"], row["prediction"]] += row["reviews"]
    wrong = sorted((pair for pair in counts if pair[0] != pair[1]), key=lambda pair: -counts[pair])[:5]
    totals: defaultdict[str, int] = defaultdict(int)
    for (label, _), count in counts.items():
        totals[label] += count
    said = ", ".join(
        f"{label} as {prediction} {counts[label, prediction] / totals[label]:.1%}"
        for label, prediction in wrong
        if counts[label, prediction]
    )
    return f"Most often mistaken: {said}." if said else "No review is mistaken."


def _confusion_picture(rows: Sequence[marks.Row], names: Sequence[str]) -> marks.Picture:
    scale, few = alt.Scale(domain=list(names)), len(names) <= 8
    plain = (
        alt.Chart()
        .transform_aggregate(reviews="sum(reviews)", groupby=["label", "prediction"])
        .transform_joinaggregate(all="sum(reviews)", groupby=["label"])
        .transform_calculate(share="100 * datum.reviews / max(1, datum.all)")
        .encode(
            x=alt.X(
                "prediction:N",
                scale=scale,
                title="predicted class",
                axis=alt.Axis(labelAngle=0 if few else -50),
            ),
            y=alt.Y("label:N", scale=scale, title="class"),
        )
    )
    told = marks.tooltip(label="class", prediction="predicted", reviews="reviews|,", share="of the class, %|.2f")
    picture = marks.layered(rows, *_heat(plain, "share", [0, 100], told, few), height=max(150, 28 * len(names)))
    # Of many classes, most are never taken for each other: what has no row has the colour of zero.
    return picture._replace(drawn=picture.drawn.properties(view=alt.ViewBackground(fill=ZERO)))


def _heat(
    chart: alt.Chart, field: str, domain: Sequence[float], told: list[alt.Tooltip], written: bool
) -> list[alt.Chart]:
    """Return the layers of a heat map: squares, and their numbers where there is room for them."""
    scale = alt.Scale(scheme="viridis", domain=list(domain), clamp=True)
    legend = alt.Legend(title=None, gradientLength=160, format=".4~r")
    squares = chart.mark_rect(stroke=marks.PAPER, strokeWidth=1).encode(
        color=alt.Color(f"{field}:Q", scale=scale, legend=legend), tooltip=told
    )
    middle = (domain[0] + domain[1]) / 2
    room = 1 if written else alt.ExprRef("width > 640 ? 1 : 0")
    numbers = chart.mark_text(opacity=room).encode(
        tooltip=told,
        text=alt.Text(f"{field}:Q", format=".1f"),
        color=alt.when(f"datum.{field} < {middle}").then(alt.value("white")).otherwise(alt.value("black")),
    )
    return [squares, numbers]


# --- Agreement ---


def _agreement(statistics: Statistics) -> Iterable[Chart]:
    order = [cell.name for cell in (*_networks(statistics), *statistics.baselines)]
    known = {name for pair in statistics.pairs for name in (pair.first, pair.second)}
    if len(known) > MOST_NAMES:
        known = {name for name in known if not name.startswith(f"{BASELINE}/")}
    names = [name for name in order if name in known][:MOST_NAMES]
    pairs = [pair for pair in statistics.pairs if {pair.first, pair.second} <= set(names)]
    if not pairs:
        return
    rows = [
        {**_agreed(first, second, pair), "place": names.index(second)}
        for pair in pairs
        for first, second in ((pair.first, pair.second), (pair.second, pair.first))
    ]
    rows.sort(key=lambda row: (names.index(row.pop("of")), row["place"]))
    domain = [min(80.0, *(row["value"] for row in rows)), 100.0]
    plain = alt.Chart().encode(
        x=alt.X("second:N", sort=alt.EncodingSortField("place", op="min"), title=None, axis=alt.Axis(labelAngle=-50)),
        y=alt.Y("row:N", sort=None, title=None),
    )
    told = marks.tooltip(row="model", second="with", value="same predictions, %|.2f", kappa="Cohen's kappa|.3f")
    ordered = sorted(pairs, key=lambda pair: pair.agreement)
    least, most = ordered[0], ordered[-1]
    description = (
        f"Share of test reviews that two cells predict alike, for {len(pairs)} pairs. "
        f"Least: {title_of(least.first)} and {title_of(least.second)} {least.agreement:.1%}. "
        f"Most: {title_of(most.first)} and {title_of(most.second)} {most.agreement:.1%}."
    )
    yield _chart(
        "agreement",
        "agreement",
        ("Agreement", "Share of test reviews that two cells predict alike, in per cent.", description),
        marks.layered(rows, *_heat(plain, "value", domain, told, len(names) <= 4), height=30, lines="row"),
        wide=True,
    )


def _agreed(first: str, second: str, pair: Pair) -> marks.Row:
    row: marks.Row = {
        "of": first,
        "row": title_of(first),
        "second": title_of(second),
        "value": marks.percent(pair.agreement),
    }
    if pair.kappa is not None:
        row["kappa"] = round(pair.kappa, 4)
    for prefix, name in (("", first), ("second_", second)):
        framework, architecture = name.split("/")
        if framework != BASELINE:
            row |= {f"{prefix}framework": framework, f"{prefix}architecture": architecture}
    return row


# --- Two experiments ---


def _accuracy_of_both(both: SideBySide) -> Iterable[Chart]:
    names = [printable(name) for name in both.names]
    rows = [
        {**_of_name(one.cell), "experiment": name, **marks.interval_row(accuracy)}
        for one in both.cells
        for name, accuracy in zip(names, (one.first, one.second), strict=True)
    ]
    said = "; ".join(
        f"{name}: {marks.all_in_words(row for row in rows if row['experiment'] == name)}" for name in names
    )
    chosen = marks.legend_choice("experiment")
    x, legend = marks.number_axis("value", "test accuracy, %"), alt.Legend(title=None)
    plain = alt.Chart().encode(
        y=marks.rows_axis(),
        yOffset=alt.YOffset("experiment:N", scale=alt.Scale(domain=names)),
        color=alt.Color(
            "experiment:N", scale=alt.Scale(domain=names, range=[marks.QUIET, marks.ACCENT]), legend=legend
        ),
        opacity=marks.dimmed(chosen),
    )
    drawn = marks.layered(
        rows,
        plain.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5).encode(x="low:Q", x2="high:Q"),
        plain.mark_point(filled=True, size=90, opacity=1).encode(
            x=x,
            shape=alt.Shape("experiment:N", scale=alt.Scale(domain=names, range=["circle", "diamond"]), legend=legend),
            tooltip=marks.tooltip(
                row="model", experiment="experiment", value="accuracy, %|.2f", low="from|.2f", high="to|.2f"
            ),
        ),
        selections=[chosen],
        height=36,
        lines="row",
    )
    description = f"Test accuracy in per cent, in both experiments. {said}."
    words = ("Test accuracy in both experiments", "Lines are 95 % intervals.", description)
    yield _chart("accuracy-beside", "headline", words, drawn, wide=True)


def _differences_of_both(both: SideBySide) -> Iterable[Chart]:
    rows = [
        {
            **_of_name(one.cell),
            **marks.interval_row(one.difference),
            "p": marks.rounded(one.holm),
            "clear": one.holm < LEVEL,
        }
        for one in both.cells
        if one.difference is not None and one.holm is not None
    ]
    if not rows:
        return
    first, second = (printable(name) for name in both.names)
    words = (
        "Change of accuracy",
        f"Accuracy in {second} less that in {first}. {CLEARLY}",
        f"Accuracy in {second} less that in {first}, in points with 95 % intervals: "
        f"{marks.all_in_words(rows, '+.2f')}.",
    )
    yield _chart("differences-beside", "headline", words, _differences_picture(rows, _limit(rows)), wide=True)


def _of_name(name: str) -> marks.Row:
    framework, architecture = name.split("/")
    return {"framework": framework, "architecture": architecture, "row": title_of(name)}
