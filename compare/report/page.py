"""``index.html`` (one file, works offline), ``report.md`` and ``statistics.json`` of an experiment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from compare import formats
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.published import escaped, judged, scientific
from compare.report.figures import accuracy_figure, agreement_figure, learning_figure, speed_figure
from shared.contract import FRAMEWORKS
from shared.errors import LockstepError
from shared.files import read_json, save_page
from shared.output import Output
from shared.runs import read_experiment
from shared.terminal import printable, say

EXCERPT = 700
SHOWN_CLASSES, SHOWN_NAME = 8, 24
# What may begin something at the beginning of a line too; `escaped` knows the rest.
LIVE_AT_THE_BEGINNING = re.compile(r"(?<!\\)([#+\-.!:=(){}])")

# What a report is made of.
REPORT_FILES = ("statistics.json", "report.md", "index.html")


def write_report(experiment: Path, places: Mapping[str, Output]) -> dict[str, Any]:
    """Write the report of an experiment and return its numbers.

    What `parity` and `portability` measured is shown too, if they were run. Runs that cannot be read are
    named and left out, and so is what those two left if it is damaged.

    Parameters
    ----------
    experiment : Path
        A directory of runs, such as ``runs/quick``.
    places : mapping of str to Output
        Where each of `REPORT_FILES` goes.

    Raises
    ------
    LockstepError
        If there is no finished run, or the runs cannot be compared.
    """
    from compare.report.statistics import summarise

    runs, left_out = read_experiment(experiment)
    summary = summarise(runs)
    summary["name"] = experiment.resolve().name
    summary["portability"] = _measured(experiment / "portability.json", formats.Portability, left_out)
    summary["parity"] = _measured(experiment.parent / "parity.json", formats.Parity, left_out)
    summary["left_out"] = left_out
    contents: dict[str, str | dict[str, Any]] = {
        "statistics.json": summary,
        "report.md": render("report.md.j2", summary),
        "index.html": render("report.html.j2", summary),
    }
    for name, content in contents.items():
        with places[name].written() as temporary:
            save_page(temporary, content)
    return summary


def _measured(path: Path, form: type[formats.Form], left_out: list[str]) -> dict[str, Any] | None:
    """Return what a command measured; None if it was not run, or what it left is damaged."""
    if not os.path.lexists(path):
        return None
    try:
        return read_json(path, "what its command wrote", form, f"run {path.stem} again").model_dump()
    except LockstepError as error:
        left_out.append(str(error))
        say(f"left out: {error}", aside=True)
        return None


def render(template: str, summary: dict[str, Any]) -> str:
    """Fill one of the templates.

    Every text that is filled in is escaped for its format, by the environment and not by the template.

    Parameters
    ----------
    template : str
        ``report.html.j2`` or ``report.md.j2``.
    summary : dict
        Contents of ``statistics.json``.
    """
    page = template.endswith(".html.j2")
    environment = Environment(
        loader=PackageLoader("compare.report"),
        autoescape=page,  # noqa: S701 (in Markdown `finalize` escapes)
        finalize=_shown if page else _escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda value, digits=1: f"{value * 100:.{digits}f}"
    environment.filters["count"] = lambda value: f"{value:,.0f}"
    environment.filters["scientific"] = scientific
    environment.filters["judged"] = judged
    environment.filters["markdown"] = _markdown
    environment.filters["excerpt"] = _excerpt
    environment.filters["name"] = _name
    environment.filters["listed"] = _listed
    cells = summary["cells"]
    figures = {}
    if page:
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
        lowest_agreement=_lowest_agreement(summary),
        verdict=_verdict(summary),
        sources=list(dict.fromkeys(source for cell in cells for source in cell["out_of_domain"])),
    )


def _lowest_agreement(summary: dict[str, Any]) -> dict[str, float]:
    """Smallest agreement between two frameworks, for each architecture."""
    names, matrix = summary["agreement"]["names"], summary["agreement"]["matrix"]
    lowest: dict[str, float] = {}
    for architecture in {cell["architecture"] for cell in summary["cells"]}:
        rows = [place for place, name in enumerate(names) if name.split()[1] == architecture]
        if len(rows) > 1:
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


def _shown(value: object) -> object:
    """Return a value without characters that a browser acts on; Jinja escapes the rest."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(value: object) -> object:
    """Return a value as Markdown shows it."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _excerpt(text: str) -> str:
    """Shorten a review to its beginning and its end, where the verdict often stands."""
    plain = " ".join(text.replace("<br />", " ").split())
    return plain if len(plain) <= EXCERPT else f"{plain[: EXCERPT // 2]} […] {plain[-EXCERPT // 2 :]}"


def _name(name: str) -> str:
    """Shorten the name of a class, where it stands in a table."""
    return name if len(name) <= SHOWN_NAME else f"{name[: SHOWN_NAME - 1]}…"


def _listed(class_names: Sequence[str]) -> str:
    """Name the classes, some of them where they are many."""
    shown = ", ".join(map(_name, class_names[:SHOWN_CLASSES]))
    others = len(class_names) - SHOWN_CLASSES
    return f"{shown} and {others:,} other classes" if others > 0 else shown


def _markdown(text: str) -> Markup:
    """Escape a review, which stands at the beginning of a line."""
    return Markup(LIVE_AT_THE_BEGINNING.sub(r"\\\1", escaped(text)))  # noqa: S704 (escaped)
