"""``index.html`` (one file, works offline), ``report.md`` and ``statistics.json`` of an experiment."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from compare.figures import (
    ARCHITECTURE_TITLES,
    TITLES,
    accuracy_figure,
    agreement_figure,
    learning_figure,
    speed_figure,
)
from compare.results import scientific
from shared.contract import FRAMEWORKS
from shared.data.sources import CLASS_NAMES
from shared.files import write_json, write_text
from shared.runs import read_runs

EXCERPT = 700
MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~])")


def write_report(experiment: Path, out: Path) -> dict[str, Any]:
    """Write the report of an experiment and return its numbers.

    What `parity` and `portability` measured is shown too, if they were run.

    Parameters
    ----------
    experiment : Path
        A directory of runs, such as ``runs/quick``.
    out : Path
        Where ``index.html``, ``report.md`` and ``statistics.json`` go.

    Raises
    ------
    LockstepError
        If there is no finished run, or the runs cannot be compared.
    """
    from compare.statistics import summarise

    summary = summarise(read_runs(experiment))
    summary["name"] = experiment.resolve().name
    summary["portability"] = _read(experiment / "portability.json")
    summary["parity"] = _read(experiment.parent / "parity.json")
    write_json(out / "statistics.json", summary)
    write_text(out / "report.md", render("report.md.j2", summary))
    write_text(out / "index.html", render("report.html.j2", summary))
    return summary


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if name != "rows"}


def render(template: str, summary: dict[str, Any]) -> str:
    """Fill one of the templates; all text from reviews is escaped for its format."""
    environment = Environment(
        loader=PackageLoader("compare"),
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),  # noqa: S701 (Markdown: see below)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda value, digits=1: f"{value * 100:.{digits}f}"
    environment.filters["count"] = lambda value: f"{value:,.0f}"
    environment.filters["scientific"] = scientific
    environment.filters["markdown"] = _markdown
    environment.filters["excerpt"] = _excerpt
    cells = summary["cells"]
    figures = {}
    if template.endswith(".html.j2"):
        agreement = summary["agreement"]
        drawn = {
            "accuracy": accuracy_figure(cells, summary["baselines"]),
            "learning": learning_figure(cells),
            "speed": speed_figure(cells),
            "agreement": agreement_figure(agreement["names"], agreement["matrix"]),
        }
        figures = {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704 (names and numbers only)
    return environment.get_template(template).render(
        summary,
        figures=figures,
        frameworks=list(dict.fromkeys(cell["framework"] for cell in cells)),
        framework_count=len({cell["framework"] for cell in cells} & set(FRAMEWORKS)),
        architectures=list(dict.fromkeys(cell["architecture"] for cell in cells)),
        cell_of={(cell["framework"], cell["architecture"]): cell for cell in cells},
        titles=TITLES,
        architecture_titles=ARCHITECTURE_TITLES,
        class_names=CLASS_NAMES,
        lowest_agreement=_lowest_agreement(summary),
        verdict=_verdict(summary),
    )


def _lowest_agreement(summary: dict[str, Any]) -> dict[str, float]:
    """Smallest agreement between two frameworks, for each architecture."""
    names, matrix = summary["agreement"]["names"], summary["agreement"]["matrix"]
    lowest: dict[str, float] = {}
    for architecture in {cell["architecture"] for cell in summary["cells"]}:
        rows = [place for place, name in enumerate(names) if name.split()[1] == architecture]
        lowest[architecture] = min(matrix[row][column] for row in rows for column in rows)
    return lowest


def _verdict(summary: dict[str, Any]) -> str:
    """Say in one sentence how the networks stand to the linear baselines."""
    best = max(summary["cells"], key=lambda cell: cell["accuracy"])
    network = f"{TITLES[best['framework']]} {ARCHITECTURE_TITLES[best['architecture']]}"
    said = f"The best network, {network}, is right on {best['accuracy']:.1%} of the test reviews"
    if not summary["baselines"]:
        return said + "."
    linear = max(summary["baselines"], key=lambda cell: cell["accuracy"])
    points = (best["accuracy"] - linear["accuracy"]) * 100
    place = "above" if points >= 0 else "below"
    title = ARCHITECTURE_TITLES[linear["architecture"]]
    return f"{said}, {abs(points):.1f} points {place} the best baseline, {title} ({linear['accuracy']:.1%})."


def _excerpt(text: str) -> str:
    """Shorten a review to its beginning and its end, where the verdict often stands."""
    plain = " ".join(text.replace("<br />", " ").split())
    return plain if len(plain) <= EXCERPT else f"{plain[: EXCERPT // 2]} […] {plain[-EXCERPT // 2 :]}"


def _markdown(text: str) -> str:
    """Escape untrusted text for Markdown, in which HTML would be live too."""
    return MARKDOWN_SPECIAL.sub(r"\\\1", html.escape(text, quote=False))
