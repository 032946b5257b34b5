"""Figures of the report, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from shared.pictures import STYLE

matplotlib.use("svg")
matplotlib.rcParams.update(STYLE)

# Okabe & Ito's palette, safe for colour-blind readers.
COLOURS = {
    "keras": "#D55E00",
    "pytorch": "#0072B2",
    "flair": "#009E73",
    "fastai": "#CC79A7",
    "reference": "#000000",
    "baseline": "#666666",
}
MARKERS = {"keras": "s", "pytorch": "o", "flair": "^", "fastai": "D", "reference": "x", "baseline": "|"}
TITLES = {"keras": "Keras", "pytorch": "PyTorch", "flair": "Flair", "fastai": "fastai", "reference": "NumPy reference"}
ARCHITECTURE_TITLES = {
    "rnn": "SimpleRNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "birnn": "BiRNN",
    "bigru": "BiGRU",
    "bilstm": "BiLSTM",
    "majority": "majority class",
    "mean-of-vectors": "mean of word vectors + LR",
    "tf-idf": "TF-IDF + LR",
    "linear-svm": "TF-IDF + linear SVM",
    "nb-svm": "NB-SVM",
    "nb-svm-trigrams": "NB-SVM, trigrams",
}


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
