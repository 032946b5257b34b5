"""Figures of the report, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from compare.names import ARCHITECTURE_TITLES, COLOURS, MARKERS, TITLES
from shared.pictures import STYLE

matplotlib.use("svg")
matplotlib.rcParams.update(STYLE)


def accuracy_figure(cells: Sequence[dict[str, Any]], baselines: Sequence[dict[str, Any]]) -> str:
    """Test accuracy of every cell with its interval, and the two best baselines as lines across."""
    best = sorted(baselines, key=lambda baseline: -baseline["accuracy"])
    architectures = list(dict.fromkeys(cell["architecture"] for cell in cells))
    frameworks = list(dict.fromkeys(cell["framework"] for cell in cells))
    figure = Figure((9, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, framework in enumerate(frameworks):
        chosen = [cell for cell in cells if cell["framework"] == framework]
        x = np.array([architectures.index(cell["architecture"]) for cell in chosen])
        y = np.array([cell["accuracy"] for cell in chosen]) * 100
        low = np.array([cell["accuracy_low"] for cell in chosen]) * 100
        high = np.array([cell["accuracy_high"] for cell in chosen]) * 100
        offset = (place - (len(frameworks) - 1) / 2) * 0.16
        axes.errorbar(
            x + offset,
            y,
            yerr=[y - low, high - y],
            fmt=MARKERS[framework],
            color=COLOURS[framework],
            capsize=3,
            label=TITLES[framework],
        )
    for style, baseline in zip(("--", ":"), best, strict=False):
        axes.axhline(
            baseline["accuracy"] * 100,
            color=COLOURS["baseline"],
            linestyle=style,
            label=ARCHITECTURE_TITLES[baseline["architecture"]],
        )
    axes.set_xticks(range(len(architectures)), [ARCHITECTURE_TITLES[name] for name in architectures])
    axes.set_ylabel("test accuracy, %")
    figure.legend(loc="outside right upper", frameon=False)
    return _svg(figure)


def learning_figure(cells: Sequence[dict[str, Any]]) -> str:
    """Validation accuracy and training loss by epoch; lines that coincide are drawn thick to thin."""
    architectures = list(dict.fromkeys(cell["architecture"] for cell in cells))
    figure = Figure((9, 4.6), layout="constrained")
    axes = figure.subplots(2, len(architectures), squeeze=False, sharex="col", sharey="row")
    widths = {name: 5.0 - 1.0 * place for place, name in enumerate(TITLES)}
    handles: dict[str, Any] = {}
    for column, architecture in enumerate(architectures):
        for cell in (cell for cell in cells if cell["architecture"] == architecture):
            epochs = [row["epoch"] for row in cell["history"]]
            style = {
                "color": COLOURS[cell["framework"]],
                "linewidth": widths[cell["framework"]],
                "marker": MARKERS[cell["framework"]],
                "markersize": widths[cell["framework"]] + 3,
            }
            scores = [row["validation_accuracy"] * 100 for row in cell["history"]]
            (handles[cell["framework"]],) = axes[0, column].plot(epochs, scores, **style)
            axes[1, column].plot(epochs, [row["training_loss"] for row in cell["history"]], **style)
        axes[0, column].set_title(ARCHITECTURE_TITLES[architecture])
        axes[1, column].set_xlabel("epoch")
        axes[1, column].xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("validation accuracy, %")
    axes[1, 0].set_ylabel("training loss")
    figure.legend(handles.values(), [TITLES[name] for name in handles], loc="outside right upper", frameon=False)
    return _svg(figure)


def speed_figure(cells: Sequence[dict[str, Any]]) -> str:
    """Reviews a second in training, by architecture and framework."""
    architectures = list(dict.fromkeys(cell["architecture"] for cell in cells))
    frameworks = list(dict.fromkeys(cell["framework"] for cell in cells))
    figure = Figure((9, 3), layout="constrained")
    axes = figure.subplots()
    for place, framework in enumerate(frameworks):
        chosen = [cell for cell in cells if cell["framework"] == framework]
        x = np.array([architectures.index(cell["architecture"]) for cell in chosen])
        heights = [cell["reviews_per_second"]["training"] for cell in chosen]
        offset = (place - (len(frameworks) - 1) / 2) * 0.2
        bars = axes.bar(x + offset, heights, 0.19, color=COLOURS[framework], label=TITLES[framework])
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=8, padding=1)
    axes.set_xticks(range(len(architectures)), [ARCHITECTURE_TITLES[name] for name in architectures])
    axes.set_ylabel("reviews/s in training")
    figure.legend(loc="outside right upper", frameon=False)
    return _svg(figure)


def agreement_figure(names: Sequence[str], matrix: Sequence[Sequence[float]]) -> str:
    """Share of equal predictions between every two models, as a heat map."""
    values = np.array(matrix) * 100
    figure = Figure((9, 7), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(values, cmap="viridis", vmin=min(80.0, values.min()), vmax=100, edgecolors="white")
    places = np.arange(len(names)) + 0.5
    axes.set_xticks(places, names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    middle = (min(80.0, values.min()) + 100) / 2
    for row, column in np.ndindex(values.shape):
        colour = "white" if values[row, column] < middle else "black"
        place = (column + 0.5, row + 0.5)
        axes.annotate(f"{values[row, column]:.1f}", place, ha="center", va="center", color=colour, fontsize=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
