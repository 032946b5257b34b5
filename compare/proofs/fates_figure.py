"""The picture of `compare.proofs.fates`: difference against step."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.names import COLOURS, MARKERS, TITLES
from shared.pictures import STYLE

if TYPE_CHECKING:
    from compare.proofs.fates import Fates

COLUMNS = 4
PANEL_HEIGHT = 2.5  # inches
MARKED_EVERY = 6  # compared steps


def fates_figure(all_fates: Sequence[Fates], float64: str, float32: Sequence[str]) -> str:
    """Return SVG text: a panel for each array, a block of panels for each training.

    Parameters
    ----------
    all_fates : sequence of Fates
        The trainings, one below the other.
    float64 : str
        The run of the reference in float64 and another order.
    float32 : sequence of str
        Its runs in float32.
    """
    rows = [-(-len(fates.differences[float64]) // COLUMNS) for fates in all_fates]
    with matplotlib.rc_context(STYLE):
        figure = Figure((12, PANEL_HEIGHT * sum(rows) + 0.8), layout="constrained")
        blocks = figure.subfigures(len(rows), 1, height_ratios=rows, squeeze=False)[:, 0]
        for block, count, fates in zip(blocks, rows, all_fates, strict=True):
            leaps = ": where rounding decides a maximum, curves leap" if fates.ties else ""
            block.suptitle(f"pooling {fates.pooling}{leaps}", fontsize="medium", fontweight="bold")
            panels = block.subplots(count, COLUMNS, sharex=True, sharey=True, squeeze=False)
            quantities = list(fates.differences[float64])
            for panel in panels.flat[len(quantities) :]:
                panel.set_visible(False)
            for quantity, panel in zip(quantities, panels.flat, strict=False):
                _draw(panel, fates, quantity, float64, float32)
            for panel in panels[:, 0]:
                panel.set_ylabel("difference")
            for panel in panels[-1]:
                panel.set_xlabel("step")
        lines, labels = blocks[0].axes[0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _draw(panel: Axes, fates: Fates, quantity: str, float64: str, float32: Sequence[str]) -> None:
    """Draw the curves of one array: first what rounding does, over it the frameworks."""
    black = COLOURS["reference"]

    def curve(run: str) -> list[float]:
        return [value or float("nan") for value in fates.differences[run][quantity]]  # 0 has no logarithm

    panel.semilogy(fates.steps, curve(float64), ":", color=black, linewidth=1, label="NumPy float64, other order")
    for number, run in enumerate(float32):
        label = "" if number else "NumPy float32, three orders"
        panel.semilogy(fates.steps, curve(run), "--", color=black, linewidth=1, label=label)
    for number, run in enumerate(fates.frameworks):
        panel.semilogy(
            fates.steps,
            curve(run),
            color=COLOURS[run],
            marker=MARKERS[run],
            markersize=4,
            markevery=(number, MARKED_EVERY),  # of equal curves all markers are seen
            linewidth=1.2,
            alpha=0.9,
            label=TITLES[run],
        )
    if fates.ties:
        panel.axvline(fates.ties[0], color=COLOURS["baseline"], linewidth=0.8, label="a maximum ties from here")
    panel.yaxis.set_major_formatter("{x:.0e}")
    panel.minorticks_off()
    panel.set_title(quantity, fontsize="small")
