"""What the charts of a report share: layers of rows, colours, shapes, axes, and numbers in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import altair as alt

from compare.names import COLOURS, MARKERS, TITLES
from compare.report.form import Interval, Range
from shared.contract import REFERENCE

Row: TypeAlias = dict[str, Any]

# The page says what these colours are, on screen by day and by night and on paper.
INK, PAPER, QUIET, ACCENT = (f"var(--{name})" for name in ("ink", "paper", "quiet", "accent"))
# matplotlib's letters for the shapes of Vega.
SHAPES = {"s": "square", "o": "circle", "^": "triangle-up", "D": "diamond", "x": "cross", "|": "M-.25,-1H.25V1H-.25Z"}
# From this ratio of the largest to the smallest on, an axis is logarithmic.
WIDE_RATIO = 15


class Picture(NamedTuple):
    """Rows, and a chart of them that does not have them yet; of what it has a line for each, if it has lines."""

    rows: list[Row]
    drawn: alt.LayerChart
    lines: str | None


def layered(
    rows: Sequence[Row],
    *layers: alt.Chart,
    height: int,
    lines: str | None = None,
    selections: Sequence[alt.Parameter] = (),
) -> Picture:
    """Draw layers over each other.

    Parameters
    ----------
    rows : sequence of dict
        With ``framework`` and ``architecture`` where they are of a cell, and ``second_framework`` and
        ``second_architecture`` where they are of a second one too: the page leaves out those that the reader hides.
    *layers : alt.Chart
        From the lowest on, without data.
    height : int
        In pixels, of all or of a line.
    lines : str, optional
        The field that has a line for each of its values.
    selections : sequence of alt.Parameter
        What the reader can choose in the picture.
    """
    if lines:
        height *= len(distinct(row[lines] for row in rows))
    drawn = alt.LayerChart(layer=list(layers), data=alt.NamedData("rows")).add_params(*selections)
    return Picture(list(rows), drawn.properties(height=height), lines)


def legend_choice(field: str = "framework") -> alt.Parameter:
    """Return the choice that a click on an entry of the legend makes; another click takes it back."""
    return alt.selection_point(name="chosen", fields=[field], bind="legend", toggle="true")


def zoom(*channels: Literal["x", "y"]) -> alt.Parameter:
    """Return a zoom that leaves the wheel to the page unless Ctrl is held, and the pointer unless Shift is."""
    return alt.selection_interval(
        name="zoom",
        bind="scales",
        encodings=list(channels),
        zoom="wheel![event.ctrlKey || event.metaKey]",
        translate="[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
    )


def dimmed(choice: alt.Parameter, full: float = 1.0) -> Any:
    """Return the opacity of what the reader chose in the legend, and of the rest."""
    return alt.when(choice).then(alt.value(full)).otherwise(alt.value(full / 8))


def legend(titles: Mapping[str, str], **options: Any) -> alt.Legend:
    """Return a legend that calls keys of this project by their titles."""
    return alt.Legend(title=None, labelExpr=f"{json.dumps(titles)}[datum.label]", symbolOpacity=1, **options)


def framework_legend(frameworks: Sequence[str]) -> alt.Legend:
    """Return the legend of the frameworks, which colours and shapes share."""
    return legend({name: TITLES[name] for name in frameworks})


def framework_scale(frameworks: Sequence[str]) -> alt.Scale:
    """Return the frameworks' colours."""
    # Black would not be seen by night, and the page's own ink is black by day.
    return alt.Scale(
        domain=list(frameworks), range=[INK if name == REFERENCE else COLOURS[name] for name in frameworks]
    )


def colour(frameworks: Sequence[str]) -> alt.Color:
    """Colour by framework."""
    return alt.Color("framework:N", scale=framework_scale(frameworks), legend=framework_legend(frameworks))


def shape(frameworks: Sequence[str]) -> alt.Shape:
    """Shape by framework, so that nobody needs to tell the colours apart."""
    scale = alt.Scale(domain=list(frameworks), range=[SHAPES[MARKERS[name]] for name in frameworks])
    return alt.Shape("framework:N", scale=scale, legend=framework_legend(frameworks))


def stroke_width(frameworks: Sequence[str]) -> alt.StrokeWidth:
    """Draw thick to thin: where lines coincide, all of them stay visible."""
    return alt.StrokeWidth("framework:O", scale=_falling(frameworks, 8.5, 1.5), legend=framework_legend(frameworks))


def size(frameworks: Sequence[str]) -> alt.Size:
    """Draw large to small: where points coincide, all of them stay visible."""
    return alt.Size("framework:O", scale=_falling(frameworks, 170, 30), legend=framework_legend(frameworks))


def _falling(frameworks: Sequence[str], largest: float, smallest: float) -> alt.Scale:
    step = (largest - smallest) / max(1, len(frameworks) - 1)
    return alt.Scale(
        type="ordinal",
        domain=list(frameworks),
        range=[round(largest - step * place, 2) for place in range(len(frameworks))],
    )


def rows_axis() -> alt.Y:
    """Return the axis of a chart with a line for each row, in the order of the rows."""
    return alt.Y("row:N", sort=None, title=None, axis=alt.Axis(domain=False, ticks=False, grid=True))


def number_axis(
    field: str,
    title: str,
    values: Iterable[float] = (),
    form: str = ",~r",
    zero: bool = False,
    padding: int = 0,
    scale: alt.Scale | None = None,
) -> alt.X:
    """Return the horizontal axis of numbers: logarithmic, and said to be, if the ratios of ``values`` are large."""
    found = list(values)
    if found and min(found) > 0 and max(found) / min(found) > WIDE_RATIO:
        scale, title = alt.Scale(type="log", padding=padding, nice=False), f"{title}, logarithmic"
    scale = scale or alt.Scale(zero=zero, padding=padding)
    # A tick needs more room on a narrow screen than Vega-Lite gives it.
    ticks = alt.ExprRef("max(2, floor(width / 65))")
    return alt.X(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(format=form, tickCount=ticks))


def tooltip(**fields: str) -> list[alt.Tooltip]:
    """Return what the pointer shows, by field; a format follows the title after a bar."""
    told = []
    for field, title in fields.items():
        title, _, form = title.partition("|")
        told.append(
            alt.Tooltip(f"{field}:Q", title=title, format=form) if form else alt.Tooltip(f"{field}:N", title=title)
        )
    return told


def frameworks_of(rows: Iterable[Row]) -> list[str]:
    """Return the frameworks of some rows, in the order in which they stand everywhere."""
    present = {row.get("framework") for row in rows}
    return [name for name in TITLES if name in present]


def interval_row(interval: Interval) -> Row:
    """Return the fields of an interval of shares, in per cent."""
    row = {"value": percent(interval.value)}
    if interval.low is not None and interval.high is not None:
        row |= {"low": percent(interval.low), "high": percent(interval.high)}
    return row


def range_row(found: Range) -> Row:
    """Return the fields of a range over the seeds."""
    return {"value": rounded(found.mean), "low": rounded(found.low), "high": rounded(found.high)}


def percent(share: float) -> float:
    """Return a share in per cent, or a difference of shares in points."""
    return round(100 * share, 3)


def rounded(value: float) -> float:
    """Return a value with five significant digits, more than a chart shows."""
    return float(f"{value:.5g}")


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return each value once, in their order; None is none."""
    return [value for value in dict.fromkeys(values) if value is not None]


def in_words(row: Row, form: str = ".1f") -> str:
    """Say a value and what lies around it."""
    said = format(row["value"], form)
    around = "low" in row and row["low"] != row["high"]
    return f"{said} ({format(row['low'], form)} to {format(row['high'], form)})" if around else said


def all_in_words(rows: Iterable[Row], form: str = ".1f") -> str:
    """Say the value of every row."""
    return ", ".join(f"{row['row']} {in_words(row, form)}" for row in rows)


def shared_domain(values: Iterable[float]) -> list[float]:
    """Return where an axis begins and ends that several charts share."""
    found = list(values)
    room = 0.04 * (max(found) - min(found)) or 0.5
    return [rounded(min(found) - room), rounded(max(found) + room)]
