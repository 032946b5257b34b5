"""The files of a report: ``index.html`` (works offline), ``report.md``, ``statistics.json``, ``playground.json``."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from compare.explain.words import sentences
from compare.formats import Values
from compare.grid.baselines import BASELINE
from compare.names import ARCHITECTURE_TITLES, TITLES, repository
from compare.report import charts as pictures
from compare.report.charts import charts_of
from compare.report.form import Part, SideBySide, Statistics
from compare.report.playground import PlaygroundModel, playground_models
from compare.report.reading import read_statistics, unsealed
from compare.report.side_by_side import summarise_both
from compare.report.statistics import Wishes, read_runs_of, summarise, with_explained
from compare.report.tables import tables_of, tables_of_both
from compare.report.verdict import answers_of, answers_of_both, title_of
from compare.report.waterfall import name_of
from compare.tables import as_csv, as_html, as_markdown, escaped, paragraph
from shared.contract import REFERENCE
from shared.errors import LockstepError
from shared.files import read_json, reading, save_page
from shared.output import Output
from shared.runs import Run, records_of
from shared.terminal import counted, printable

SHOWN_CLASSES, SHOWN_NAME = 8, 24
# What may end a script in HTML or begin a comment in one, and what a viewer of the file might act on.
LIVE_IN_A_SCRIPT = re.compile(r"[<>&]|[^ -~]")

# What a report is made of.
REPORT_FILES = ("statistics.json", "playground.json", "report.md", "index.html")
FILES_OF_BOTH = ("statistics.json", "report.md", "index.html")
KINDS = {
    "all wrong": "all models are wrong",
    "split": "frameworks disagree",
    "confident": "sure and wrong",
    "label noise": "perhaps a wrong label",
    "hand-picked": "hand-picked",
    "given": "your text",
}
SECTIONS = {
    "answer": "Answer",
    "results": "Results",
    "differences": "Differences",
    "same": "Same model?",
    "settings": "Settings",
    "learning": "Learning",
    "cost": "Cost",
    "errors": "Errors",
    "picked": "Hand-picked",
    "try": "Try it",
    "method": "Method",
}


class Playground(Part):
    """``playground.json``: the trained models that the page runs, and why others are not among them."""

    models: tuple[PlaygroundModel, ...] = ()
    left_out: tuple[str, ...] = ()


def write_report(experiment: Path, places: Mapping[str, Output], wishes: Wishes | None = None) -> Statistics:
    """Write the report of an experiment, or of a published report's numbers, and return these.

    Parameters
    ----------
    experiment : Path
        A directory of runs, such as ``runs/quick``; or of a report, whose pages are made anew.
    places : mapping of str to Output
        Where each of `REPORT_FILES` goes.
    wishes : Wishes, optional
        Default: none.

    Raises
    ------
    LockstepError
        If there is no finished run, or the runs cannot be compared.
    """
    wishes = wishes or Wishes()
    if os.path.lexists(experiment / "statistics.json") and not records_of(experiment):
        if wishes.reviews:
            raise LockstepError(f"--review: {experiment} holds a report and no trained models; name the runs")
        statistics = read_statistics(experiment / "statistics.json")
        statistics = statistics.model_copy(update={"explained": with_explained(statistics.explained, wishes)})
        playground = read_playground(experiment / "playground.json")
    else:
        found = read_runs_of(experiment, wishes)
        statistics = summarise(found, wishes)
        playground = _playground(found.runs, wishes)
    for name, content in pages_of(statistics, playground).items():
        with places[name].written() as temporary:
            save_page(temporary, content)
    return statistics


def write_side_by_side(
    first: Path, second: Path, places: Mapping[str, Output], wishes: Wishes | None = None
) -> SideBySide:
    """Write the page on two experiments and return its numbers; the parameters are those of `write_report`, twice."""
    both = summarise_both(first, second, wishes)
    for name, content in pages_of_both(both).items():
        with places[name].written() as temporary:
            save_page(temporary, content)
    return both


def _playground(runs: Sequence[Run], wishes: Wishes) -> Playground:
    if not wishes.playground:
        return Playground()
    networks = [run for run in runs if run.record.framework != BASELINE]
    models, left_out = playground_models(networks, wishes.playground * 1_000_000)
    return Playground(models=tuple(models), left_out=tuple(left_out))


def read_playground(path: Path) -> Playground:
    """Read ``playground.json``; empty where there is none.

    Raises
    ------
    LockstepError
        If it is damaged or was changed by hand.
    """
    if not os.path.lexists(path):
        return Playground()
    what, advice = "what a report keeps of its models", "make the report again"
    values = read_json(path, what, Values, advice).root
    with reading(path, what, advice):
        return Playground.model_validate(unsealed(values))


def pages_of(statistics: Statistics, playground: Playground) -> dict[str, str | dict[str, Any]]:
    """Return the contents of the files of `REPORT_FILES`: text, or what becomes JSON."""
    return {
        "statistics.json": statistics.model_dump(mode="json"),
        "playground.json": playground.model_dump(mode="json"),
        "report.md": markdown_page(statistics),
        "index.html": html_page(statistics, playground),
    }


def markdown_page(statistics: Statistics) -> str:
    """Return ``report.md``. Every text that is filled in is escaped, by the environment and not by the template."""
    environment = _environment(finalize=_escaped)
    environment.filters["markdown"] = _markdown
    environment.filters["table"] = lambda table: Markup(as_markdown(table))  # noqa: S704 (escaped there)
    return environment.get_template("report.md.j2").render(_values(statistics))


def html_page(statistics: Statistics, playground: Playground) -> str:
    """Return ``index.html``: one file whose content-security policy allows its own script and nothing else."""
    values = _values(statistics)
    models = [model.model_dump(mode="json") for model in playground.models]
    own = {
        "title": statistics.name,
        "models": playground.models,
        "unplayable": playground.left_out,
        "sections": _sections(values, bool(models or playground.left_out)),
    }
    return _html("index.html.j2", {**values, **own}, charts_of(statistics), statistics, models)


def _html(
    template: str,
    values: Mapping[str, Any],
    charts: Sequence[pictures.Chart],
    numbers: Part,
    models: Sequence[dict[str, Any]] = (),
) -> str:
    """Fill a page: its text, and the data that its script reads."""
    environment = _environment(finalize=_shown, autoescape=True)
    environment.filters["table"] = as_html
    environment.filters["cell_data"] = _cell_data
    environment.filters["figure"] = pictures.figure
    script = _script()
    data = {
        "statistics": numbers.model_dump(mode="json"),
        "tables": {name: as_csv(table) for name, table in values["tables"].items()},
        "charts": {chart.name: chart.specification for chart in charts},
        "models": models,
    }
    style = "\n".join([_asset("page.css"), pictures.style(), _asset("playground.css")])
    page = environment.get_template(template).render(
        **values,
        # Scripts and styles are our own; of the data, what could end a script is written as JSON may write it.
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        json={name: Markup(_in_script(value)) for name, value in data.items()},  # noqa: S704
        script_hash=_hash(script),
        charts=charts,
    )
    return page.lstrip()


def pages_of_both(both: SideBySide) -> dict[str, str | dict[str, Any]]:
    """Return the contents of the files of a page on two experiments, by the names in `FILES_OF_BOTH`."""
    tables = tables_of_both(both)
    cells = (*both.first.cells, *both.second.cells)
    values = {
        **{name: getattr(both, name) for name in SideBySide.model_fields},
        "title": " and ".join(both.names),
        "answers": answers_of_both(both),
        "answers_of": answers_of,
        "tables": tables,
        "left_out": (*both.first.left_out, *both.second.left_out),
        "frameworks": list(dict.fromkeys(cell.framework for cell in cells)),
        "architectures": list(dict.fromkeys(cell.architecture for cell in cells)),
        "titles": TITLES,
        "architecture_titles": ARCHITECTURE_TITLES,
        "kinds": KINDS,
        "sections": {
            "answer": "Answer",
            "results": "Accuracy",
            "settings": "Settings",
            "first": both.names[0],
            "second": both.names[1],
            "method": "Method",
        },
    }
    environment = _environment(finalize=_escaped)
    environment.filters["table"] = lambda table: Markup(as_markdown(table))  # noqa: S704 (escaped there)
    return {
        "statistics.json": both.model_dump(mode="json"),
        "report.md": environment.get_template("side_by_side.md.j2").render(values),
        "index.html": _html("side_by_side.html.j2", values, pictures.charts_of_both(both), both),
    }


def _environment(finalize: Any, autoescape: bool = False) -> Environment:
    environment = Environment(
        loader=PackageLoader("compare.report"),
        autoescape=autoescape,  # noqa: S701 (in Markdown `finalize` escapes)
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell_title"] = title_of
    environment.filters["listed_classes"] = _listed
    environment.globals["lessons_at"] = f"{repository()}/blob/main/lessons"
    return environment


def _values(statistics: Statistics) -> dict[str, Any]:
    """Return what both templates are filled with."""
    tables = tables_of(statistics)
    cells = statistics.cells
    return {
        **{name: getattr(statistics, name) for name in Statistics.model_fields},
        "answers": answers_of(statistics),
        "tables": tables,
        "same_tables": [name for name in tables if name in ("parity", "witnesses") or name.startswith("portability")],
        "waterfalls": [
            {"name": name_of(place), "title": tables[name_of(place)].caption, "said": sentences(one)}
            for place, one in enumerate(statistics.explained)
        ],
        "confusion_tables": [name for name in tables if name.startswith("confusion")],
        "frameworks": list(dict.fromkeys(cell.framework for cell in cells)),
        "trained_in": _trained_in({cell.framework for cell in cells}),
        "architectures": list(dict.fromkeys(cell.architecture for cell in cells)),
        "titles": TITLES,
        "architecture_titles": ARCHITECTURE_TITLES,
        "kinds": KINDS,
    }


def _trained_in(names: set[str]) -> str:
    """Count the frameworks; the reference is none."""
    frameworks = names - {REFERENCE}
    reference = [f"the {TITLES[REFERENCE]}"] if REFERENCE in names else []
    return " and ".join([*([counted(len(frameworks), "framework")] if frameworks else []), *reference])


def _sections(values: Mapping[str, Any], playable: bool) -> dict[str, str]:
    """Return titles of the sections that the page has, by their anchors."""
    tables, examples = values["tables"], values["examples"]
    absent = {
        "differences": not {"pairs", "variances"} & set(tables),
        "same": not values["same_tables"],
        "picked": not any({"hand-picked", "given"} & set(example.kinds) for example in examples),
        "try": not playable,
    }
    order = list(SECTIONS)
    if values["recipe"] == "idiomatic":  # what explains the results comes before them
        order.remove("settings")
        order.insert(order.index("results"), "settings")
    return {anchor: SECTIONS[anchor] for anchor in order if not absent.get(anchor)}


def _asset(name: str) -> str:
    return files("compare.report").joinpath("assets", name).read_text(encoding="utf-8")


def _script() -> str:
    """Return the one script of the page: the library of pictures, the playground, the page itself."""
    return "\n".join([pictures.library(), pictures.script(), _asset("playground.js"), _asset("page.js")])


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _in_script(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return LIVE_IN_A_SCRIPT.sub(lambda found: _in_json(found[0]), text)


def _in_json(letter: str) -> str:
    """Return a letter of a JSON string, one that is not plain text as JSON's escape."""
    if letter in "<>&":
        return f"\\u{ord(letter):04x}"
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]


def _cell_data(name: str) -> Markup:
    framework, _, architecture = name.partition("/")
    return Markup('data-framework="{}" data-architecture="{}"').format(framework, architecture)


def _shown(value: object) -> object:
    """Return a value without characters that a browser acts on; Jinja escapes the rest."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _escaped(value: object) -> object:
    """Return a value as Markdown shows it."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _listed(class_names: Sequence[str]) -> str:
    """Name the classes, some of them where they are many."""
    shown = ", ".join(map(_name, class_names[:SHOWN_CLASSES]))
    others = len(class_names) - SHOWN_CLASSES
    return f"{shown} and {others:,} other classes" if others > 0 else shown


def _name(name: str) -> str:
    return name if len(name) <= SHOWN_NAME else f"{name[: SHOWN_NAME - 1]}…"


def _markdown(text: str) -> Markup:
    """Escape a text that stands at the beginning of a line."""
    return Markup(paragraph(escaped(text)))  # noqa: S704 (escaped)
