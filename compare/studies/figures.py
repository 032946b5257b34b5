"""Figures of the studies, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from compare.names import COLOURS, MARKERS, TITLES
from shared.pictures import STYLE

matplotlib.use("svg")
matplotlib.rcParams.update(STYLE)


def ladder_figure(rungs: Sequence[dict[str, Any]]) -> str:
    """Difference of test accuracy and ratio of speed for every default that was switched."""
    chosen = [rung for rung in rungs if "accuracy_difference" in rung]
    figure = Figure((9, 1 + 0.3 * len(chosen)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    places = np.arange(len(chosen))
    for panel, name, scale, still in ((axes[0], "accuracy_difference", 100, 0), (axes[1], "speed_ratio", 1, 1)):
        values = np.array([list(rung[name].values()) for rung in chosen], float).reshape(-1, 3) * scale  # [rungs, 3]
        widths = np.nan_to_num(np.abs(values[:, 1:] - values[:, :1])).T  # one seed has no interval
        panel.errorbar(values[:, 0], places, xerr=widths, fmt="o", color=COLOURS["pytorch"], capsize=3)
        panel.axvline(still, color=COLOURS["baseline"], linewidth=1)
    axes[0].set_yticks(places, [rung["name"] for rung in chosen])
    axes[0].invert_yaxis()
    axes[0].set_xlabel("difference of test accuracy, points")
    axes[1].set_xlabel("training speed, ratio")
    return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def growth_figure(growth: Sequence[dict[str, Any]]) -> str:
    """Seconds of an epoch by reviews, length and hidden size; a straight line is a power, its exponent the slope."""
    sizes = list(dict.fromkeys(row["size"] for row in growth))
    figure = Figure((9, 3.4), layout="constrained")
    for panel, size in zip(figure.subplots(1, len(sizes), squeeze=False)[0], sizes, strict=True):
        for row in (row for row in growth if row["size"] == size):
            name = row["framework"]
            label = f"{TITLES[name]} {row['exponent']:.2f}"
            panel.loglog(row["values"], row["seconds"], marker=MARKERS[name], color=COLOURS[name], label=label)
        panel.set_xlabel(size.replace("_", " "))
        panel.set_xticks(row["values"], [f"{value:,}" for value in row["values"]])
        panel.minorticks_off()
        panel.legend(frameon=False, fontsize="small")
    figure.axes[0].set_ylabel("seconds of an epoch")
    return _svg(figure)
