"""The waterfall as SVG."""

from __future__ import annotations

import io

import matplotlib
from matplotlib.figure import Figure

from compare.explain.form import Explained
from compare.explain.words import levels
from shared.pictures import PALETTE, STYLE

matplotlib.use("svg")

UP, DOWN, INK, LINE = PALETTE[0], PALETTE[1], PALETTE[6], PALETTE[7]
LONGEST_NAME = 60  # letters


def waterfall_figure(explained: Explained) -> str:
    """Draw the way from the accuracy of the first end to that of the second, one bar a part.

    Parameters
    ----------
    explained : Explained
        As ``lockstep explain`` wrote it (`compare.explain.form.read_explained`).

    Returns
    -------
    str
        An SVG element. Blue goes up and vermilion down; what is no field is hatched.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure((9, 1.2 + 0.34 * (len(explained.parts) + 2)), layout="constrained")
        _draw(figure, explained)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _draw(figure: Figure, explained: Explained) -> None:
    axes = figure.subplots()
    steps = list(levels(explained))
    first, last = explained.first, explained.second
    for place, (part, before, after) in enumerate(steps, 1):
        width = (after - before) * 100
        axes.barh(
            place,
            width,
            left=before * 100,
            color=UP if width >= 0 else DOWN,
            alpha=1 if part.kind == "field" else 0.5,
            hatch="" if part.kind == "field" else "///",
            edgecolor="white",
            height=0.7,
        )
        interval = part.accuracy
        if interval.low is not None and interval.high is not None:
            error = [[(interval.mean - interval.low) * 100], [(interval.high - interval.mean) * 100]]
            axes.errorbar(after * 100, place, xerr=error, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
        axes.plot([after * 100] * 2, [place - 0.35, place + 1.35], color=LINE, linewidth=0.8)
    ends = (0, first.accuracy.mean), (len(steps) + 1, last.accuracy.mean)
    axes.plot([first.accuracy.mean * 100] * 2, [-0.35, 1.35], color=LINE, linewidth=0.8)
    for place, level in ends:
        axes.plot(level * 100, place, "D", color=INK)
    worth = [f"{part.accuracy.mean * 100:+.1f}" for part, _, _ in steps]
    names = [
        f"{first.title}  {first.accuracy.mean:.1%}",
        *(f"{part.name}  {said}" for (part, _, _), said in zip(steps, worth, strict=True)),
        f"{last.title}  {last.accuracy.mean:.1%}",
    ]
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.invert_yaxis()
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, 0), min(high, 100))  # few seeds have intervals that are wider than any accuracy
    axes.set_xlabel("test accuracy of both ends, and between them the sum so far, %")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
