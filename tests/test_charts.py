"""Charts: what is in a specification, and what a browser draws of it under the page's strict policy."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.report import charts
from compare.report.charts import Chart, charts_of, charts_of_both
from compare.report.form import (
    Beside,
    Calibration,
    CalibrationBin,
    Cell,
    Confusion,
    Data,
    Interval,
    Pair,
    Point,
    PublishedResult,
    Range,
    SeedRun,
    SideBySide,
    Slice,
    Statistics,
    Variance,
)
from compare.report.waterfall import waterfall_rows
from shared.runs import Machine, Parameters
from tests.browser import Opened, chromium, open_page
from tests.statistics_samples import sample_explained

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FRAMEWORKS, ARCHITECTURES, SEEDS = ("keras", "pytorch", "flair", "fastai"), ("lstm", "gru", "bilstm"), (0, 1, 2)
BASELINES = {"nb-svm": 0.912, "linear-svm": 0.897, "tf-idf": 0.893, "mean-of-vectors": 0.81, "majority": 0.5}
SECONDS = {"keras": 31.0, "pytorch": 22.0, "flair": 48.0, "fastai": 26.0, "baseline": 1.4}
SLICES = (
    ("length", "1 to 128 words"),
    ("length", "129 to 256 words"),
    ("length", "over 256 words"),
    ("unknown words", "none"),
    ("unknown words", "some"),
    ("cut off", "read whole"),
    ("cut off", "cut off"),
    ("negation", "with a negation"),
    ("contrast", "with a contrast"),
)


def make_statistics(
    frameworks: Sequence[str] = FRAMEWORKS,
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Sequence[int] = SEEDS,
    class_names: Sequence[str] = ("negative", "positive"),
    **changed: Any,
) -> Statistics:
    """Return the statistics of a grid that nobody trained: drawn numbers of plausible size."""
    generator = np.random.default_rng(0)
    cells = [
        _cell(generator, framework, architecture, seeds) for framework in frameworks for architecture in architectures
    ]
    names = [cell.name for cell in cells]
    compared = [*names, *(["baseline/nb-svm"] if changed.get("baselines", True) else [])]
    fields: dict[str, Any] = {
        "name": "pretended",
        "recipe": "lockstep",
        "task": "classification",
        "data": Data(
            source="packaged",
            fingerprint="0" * 64,
            sizes={"train": 20_000, "validation": 2_500, "test": 2_500},
            empty=0,
            class_names=tuple(class_names),
            accounts=(),
        ),
        "cells": cells,
        "baselines": [_cell(generator, "baseline", name, seeds[:1], accuracy) for name, accuracy in BASELINES.items()],
        "published": (
            PublishedResult(name="ULMFiT", accuracy=0.954, source="Howard & Ruder 2018", url="https://example.org"),
            PublishedResult(
                name="NB-SVM, bigrams", accuracy=0.912, source="Wang & Manning 2012", url="https://example.org"
            ),
        ),
        "spread": {},
        "pairs": [_pair(generator, *pair, seeds) for pair in itertools.combinations(compared, 2)],
        "variances": [
            Variance(
                architecture=name,
                frameworks=len(frameworks),
                seeds=tuple(seeds),
                seed=0.0021,
                framework=0.0004,
                reviews=0.0066,
                remainder=0.0003,
            )
            for name in architectures
        ],
        "settings": (),
        "explained": (sample_explained(), sample_explained(", to a name that is far too long for an axis <b>")),
        "confusions": [_confusion(generator, name, seeds, len(class_names)) for name in names],
        "slices": [
            Slice(
                kind=kind,
                label=label,
                reviews=800,
                accuracy={name: _interval(generator.normal(0.87, 0.02), 0.02) for name in compared},
            )
            for kind, label in SLICES
        ],
        "calibrations": [_calibration(generator, name) for name in names],
        "machines": (Machine(system="Linux", processor="one", cores=2, memory_gb=8.0, python="3.11"),),
        "threads": (2,),
        "commits": ("0" * 40,),
    }
    return Statistics(**(fields | changed))


def _interval(value: float, half: float) -> Interval:
    return Interval(value=min(value, 1.0), low=value - half, high=min(1.0, value + half))


def _range(values: Sequence[float]) -> Range:
    return Range(mean=float(np.mean(values)), low=min(values), high=max(values))


def _cell(
    generator: np.random.Generator, framework: str, architecture: str, seeds: Sequence[int], accuracy: float = 0.872
) -> Cell:
    # Frameworks differ in speed and not in accuracy, as in an experiment that succeeds.
    shared = np.random.default_rng([*seeds, *architecture.encode()])
    runs = [_run(generator, shared, framework, seed, accuracy) for seed in seeds]
    value = float(np.mean([run.metrics["accuracy"] for run in runs]))
    return Cell(
        framework=framework,
        architecture=architecture,
        version="1.0",
        runs=tuple(runs),
        compared_seeds=tuple(seeds),
        accuracy=_interval(value, 0.013),
        metrics={"accuracy": value},
        validation_accuracy=value,
        parameters=Parameters(total=1_000, trainable=1_000),
        seconds={name: _range([run.seconds[name] for run in runs]) for name in runs[0].seconds},
        reviews_per_second={
            name: _range([run.reviews_per_second[name] for run in runs]) for name in runs[0].reviews_per_second
        },
        latency_ms={name: _range([run.latency_ms[name] for run in runs]) for name in runs[0].latency_ms},
        peak_memory_mb=_range([run.peak_memory_mb for run in runs]),
        seconds_to={"0.85": _range([9.0, 9.5]), "0.87": _range([19.0, 21.0]), "0.88": None, "0.90": None}
        if framework != "baseline"
        else {},
        contended_seeds=tuple(run.seed for run in runs if run.contended),
    )


def _run(
    generator: np.random.Generator, shared: np.random.Generator, framework: str, seed: int, accuracy: float
) -> SeedRun:
    network = framework != "baseline"
    value = accuracy + shared.normal(0, 0.003) + generator.normal(0, 0.0004) if network else accuracy
    slower = SECONDS[framework] * shared.uniform(0.8, 1.6)
    epochs = 6 if network else 0
    curve = [
        Point(
            epoch=epoch,
            steps=625 * epoch,
            seconds=slower / epochs * epoch * generator.uniform(0.97, 1.03),
            training_loss=0.62 * 0.66**epoch + 0.02 + shared.normal(0, 0.008),
            validation_loss=0.32 + 0.02 * (epoch - 3) ** 2 / 4 + shared.normal(0, 0.006),
            validation_accuracy=min(1.0, value - 0.12 * 0.45**epoch + shared.normal(0, 0.002)),
        )
        for epoch in range(1, epochs + 1)
    ]
    return SeedRun(
        seed=seed,
        metrics={"accuracy": value},
        validation_metrics={"accuracy": value},
        seconds={"setup": 1.0, "training": slower, "prediction": 2.0},
        reviews_per_second={"training": 120_000 / slower, "prediction": 2_500 / generator.uniform(0.5, 1.5)},
        latency_ms={"p50": 1.1 * slower / 20, "p95": 2.0 * slower / 20, "p99": 3.1 * slower / 20},
        peak_memory_mb=900 + 20 * slower,
        contended=framework == "flair" and seed == 1,
        curve=tuple(curve),
        commit="0" * 40,
    )


def _pair(generator: np.random.Generator, first: str, second: str, seeds: Sequence[int]) -> Pair:
    (one, architecture), (other, another) = first.split("/"), second.split("/")
    kind = "baseline" if other == "baseline" else "framework" if architecture == another else "architecture"
    if kind == "architecture" and one != other:
        kind = "other"
    difference = generator.normal(0, 0.0004) if kind == "framework" else generator.normal(-0.01, 0.01)
    return Pair(
        first=first,
        second=second,
        kind=kind,
        seeds=tuple(seeds),
        difference=Interval(value=difference, low=difference - 0.0009, high=difference + 0.0009),
        first_only=10.0,
        second_only=12.0,
        mcnemar=0.4,
        holm=0.01 if abs(difference) > 0.0009 else 1.0,
        kappa=0.98 if kind == "framework" else 0.8,
        agreement=min(1.0, 0.99 + generator.normal(0, 0.003)) if kind == "framework" else 0.9,
        reviews_needed=None,
        seeds_needed=None,
    )


def _confusion(generator: np.random.Generator, name: str, seeds: Sequence[int], classes: int) -> Confusion:
    matrix = generator.integers(0, 9, (classes, classes)) + 100 * np.eye(classes, dtype=int)
    return Confusion(cell=name, seeds=tuple(seeds), matrix=tuple(map(tuple, matrix.tolist())), pairs=())


def _calibration(generator: np.random.Generator, name: str) -> Calibration:
    edges = np.linspace(0, 1, 11)
    bins = [
        CalibrationBin(
            low=low,
            high=high,
            predictions=0 if high <= 0.5 else 250,
            confidence=None if high <= 0.5 else (low + high) / 2,
            accuracy=None if high <= 0.5 else float(np.clip((low + high) / 2 - 0.05 + generator.normal(0, 0.01), 0, 1)),
        )
        for low, high in itertools.pairwise(edges.tolist())
    ]
    return Calibration(cell=name, bins=tuple(bins))


WHOLE = make_statistics()
LEFT_OUT = {
    "pairs": ("differences-", "agreement"),
    "variances": ("variances",),
    "explained": ("explanation",),
    "confusions": ("confusion-",),
    "slices": ("slices-",),
    "calibrations": ("reliability-",),
    "baselines": ("accuracy-seconds-baselines",),
}
SEVERAL = {
    "whole": WHOLE,
    "one seed": make_statistics(seeds=(0,)),
    "one framework": make_statistics(frameworks=("flair",)),
    "two by two": make_statistics(frameworks=("keras", "pytorch"), architectures=("lstm", "gru")),
    "many classes": make_statistics(frameworks=("keras",), class_names=[f"class {number}" for number in range(18)]),
    "the least": make_statistics(
        **dict.fromkeys([*LEFT_OUT, "published"], ()), frameworks=("pytorch",), architectures=("lstm",), seeds=(3,)
    ),
}


@functools.cache
def whole_charts() -> list[Chart]:
    return charts_of(WHOLE)


def by_name(found: Sequence[Chart]) -> dict[str, Chart]:
    return {chart.name: chart for chart in found}


def rows_of(chart: Chart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chart.specification["datasets"]["rows"]
    return rows


def make_both() -> SideBySide:
    second = make_statistics(frameworks=("keras", "pytorch"))
    cells = [
        Beside(
            cell=cell.name,
            first=cell.accuracy,
            second=Interval(value=0.88, low=0.87, high=0.89),
            seeds=SEEDS,
            difference=None if cell.architecture == "gru" else Interval(value=0.01, low=0.002, high=0.018),
            holm=None if cell.architecture == "gru" else 0.01,
            training_seconds=(cell.seconds["training"], cell.seconds["training"]),
            busy=(False, True),
        )
        for cell in second.cells
    ]
    return SideBySide(first=WHOLE, second=second, names=("quick", "<b>tuned</b>"), cells=tuple(cells), settings=())


# --- Specifications ---


@pytest.mark.parametrize("statistics", SEVERAL.values(), ids=SEVERAL)
def test_every_specification_is_one_that_vega_lite_allows(statistics: Statistics) -> None:
    found = charts_of(statistics)
    assert len(by_name(found)) == len(found)
    for chart in found:
        alt.LayerChart.from_dict(chart.specification)  # raises where the schema does not allow it
        assert rows_of(chart)
        json.dumps(chart.specification, allow_nan=False)
    sections = [chart.section for chart in found]
    assert sections == sorted(sections, key=charts.SECTIONS.index)


def test_two_experiments_have_charts_too() -> None:
    found = charts_of_both(make_both())
    assert [chart.name for chart in found] == ["accuracy-beside", "differences-beside"]
    for chart in found:
        alt.LayerChart.from_dict(chart.specification)
    # Where there is no difference, because the reviews are others, there is no row.
    assert {row["architecture"] for row in rows_of(found[1])} == {"lstm", "bilstm"}


@pytest.mark.parametrize(("part", "names"), LEFT_OUT.items())
def test_a_chart_without_numbers_is_left_out(part: str, names: tuple[str, ...]) -> None:
    whole, rest = set(by_name(whole_charts())), set(by_name(charts_of(make_statistics(**{part: ()}))))
    assert whole - rest == {name for name in whole if name.startswith(names)}


def test_curves_and_latency_that_were_not_kept_are_left_out() -> None:
    cells = [
        cell.model_copy(
            update={
                "runs": tuple(run.model_copy(update={"curve": ()}) for run in cell.runs),
                "latency_ms": {},
                "seconds_to": {},
            }
        )
        for cell in WHOLE.cells
    ]
    names = set(by_name(charts_of(WHOLE.model_copy(update={"cells": tuple(cells)}))))
    assert not {name for name in names if name.startswith(("learning", "time-to", "latency"))}
    assert {"accuracy", "accuracy-seconds", "memory", "speed"} <= names


def test_descriptions_say_the_numbers() -> None:
    found = by_name(whole_charts())
    accuracy = WHOLE.cells[0].accuracy
    assert accuracy.low is not None
    assert accuracy.high is not None
    said = f"Keras LSTM {100 * accuracy.value:.1f} ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})"
    assert said in found["accuracy"].description
    assert "majority class 50.0" in found["accuracy"].description
    for chart in found.values():
        assert re.search(r"\d", chart.description), chart.name
        assert chart.title
        assert chart.note


def test_a_curve_is_the_mean_of_the_seeds_between_the_lowest_and_the_highest() -> None:
    runs = WHOLE.cells[0].runs
    rows = [
        row for row in rows_of(by_name(whole_charts())["learning-accuracy-seconds-lstm"]) if row["row"] == "Keras LSTM"
    ]
    for epoch, row in enumerate(rows):
        points = [run.curve[epoch] for run in runs]
        values = [100 * point.validation_accuracy for point in points]
        # Five significant digits are kept.
        assert row["x"] == pytest.approx(np.mean([point.seconds for point in points]), rel=1e-4)
        assert (row["value"], row["low"], row["high"]) == pytest.approx(
            (np.mean(values), min(values), max(values)), rel=1e-4
        )
    assert len(rows) == len(runs[0].curve)


def test_only_the_compared_seeds_are_drawn() -> None:
    cells = [cell.model_copy(update={"compared_seeds": (1,)}) for cell in WHOLE.cells]
    found = by_name(charts_of(WHOLE.model_copy(update={"cells": tuple(cells)})))
    rows = rows_of(found["learning-loss-steps-gru"])
    assert all(row["low"] == row["high"] == row["value"] for row in rows)
    assert not [row for row in rows_of(found["accuracy-seconds"]) if "seed" in row]


def test_the_front_has_networks_that_no_faster_one_betters() -> None:
    wanted = {"keras": (10.0, 0.86), "pytorch": (20.0, 0.85), "flair": (30.0, 0.88), "fastai": (30.0, 0.87)}
    cells = []
    for cell in make_statistics(architectures=("lstm",), seeds=(0,)).cells:
        seconds, accuracy = wanted[cell.framework]
        changed = {"seconds": {"training": Range(mean=seconds, low=seconds, high=seconds)}}
        cells.append(cell.model_copy(update={**changed, "accuracy": Interval(value=accuracy)}))
    statistics = make_statistics(architectures=("lstm",), seeds=(0,), baselines=()).model_copy(
        update={"cells": tuple(cells)}
    )
    description = by_name(charts_of(statistics))["accuracy-seconds"].description
    assert description.endswith("Networks that no faster one betters: Keras LSTM, Flair LSTM.")


def test_a_contended_run_is_hollow() -> None:
    rows = rows_of(by_name(whole_charts())["accuracy-seconds"])
    assert {(row["framework"], row["seed"]) for row in rows if "seed" in row and row["hollow"]} == {("flair", 1)}
    assert {row["framework"] for row in rows if row.get("mean") and row["hollow"]} == {"flair"}


EXPRESSIONS = {"filter", "calculate", "expr", "test", "labelExpr", "signal", "toggle", "zoom", "translate"}


def expressions_of(node: object) -> set[str]:
    """Return every text of a specification that its reader evaluates."""
    if isinstance(node, list):
        return set().union(*map(expressions_of, node))
    if not isinstance(node, dict):
        return set()
    own = {value for key, value in node.items() if key in EXPRESSIONS and isinstance(value, str)}
    return own.union(*(expressions_of(value) for key, value in node.items() if key != "datasets"))


PLAIN = make_statistics(frameworks=("keras",), architectures=("lstm",), seeds=(0,), pairs=(), variances=())


@settings(max_examples=10, deadline=None)
@given(names=st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True), paper=st.text(), label=st.text())
def test_no_name_reaches_an_expression(names: list[str], paper: str, label: str) -> None:
    changed = PLAIN.model_copy(
        update={
            "data": PLAIN.data.model_copy(update={"class_names": tuple(names)}),
            "published": (PublishedResult(name=paper, accuracy=0.9, source=paper, url=""),),
            "slices": tuple(one.model_copy(update={"label": label}) for one in PLAIN.slices),
            "explained": tuple(sample_explained(paper) for _ in PLAIN.explained),
        }
    )
    plain, hostile = (by_name(charts_of(one)) for one in (PLAIN, changed))
    for name, chart in hostile.items():
        assert expressions_of(chart.specification) == expressions_of(plain[name].specification)
        assert chart.title == plain[name].title


def test_the_waterfall_leads_from_one_end_to_the_other() -> None:
    chart = by_name(whole_charts())["explanation"]
    rows = rows_of(chart)
    assert [(row["before"], row["after"]) for row in rows] == [(88, 88), (88, 82), (82, 83), (83, 83), (83, 83)]
    assert (rows[1]["low"], rows[1]["high"]) == (81.5, 82.5), "the interval of a step lies about its end"
    assert rows[1]["change"] == "0.001 → 0.1"
    assert [row["next"] for row in rows[:-1]] == [row["row"] for row in rows[1:]]
    assert "Keras 88.0 %, learning_rate -6.0 points, vectors +1.0 points," in chart.description


def test_steps_of_one_name_stay_apart_and_a_wide_interval_does_not_press_the_rest() -> None:
    plain = sample_explained()
    wide = plain.parts[0].accuracy.model_copy(update={"low": -9.0, "high": 9.0})
    first = plain.parts[0].model_copy(update={"accuracy": wide})
    end = plain.second.model_copy(update={"title": plain.first.title})
    again = plain.model_copy(update={"parts": [first, first, *plain.parts[1:]], "second": end})
    rows = waterfall_rows(again)
    assert len({row["row"] for row in rows}) == len(rows) == 6
    assert max(row["edge"] for row in rows) <= 90


def test_classes_of_the_same_beginning_stay_apart() -> None:
    long = "a class whose name is far too long to stand on an axis, number"
    statistics = make_statistics(frameworks=("keras",), class_names=[f"{long} {number}" for number in range(3)])
    rows = rows_of(by_name(charts_of(statistics))["confusion-lstm"])
    assert len({row["label"] for row in rows}) == 3
    assert max(len(row["label"]) for row in rows) < 30


def test_more_than_twenty_classes_have_no_heat_map() -> None:
    statistics = make_statistics(frameworks=("keras",), class_names=[str(number) for number in range(21)])
    assert not [chart for chart in charts_of(statistics) if chart.name.startswith("confusion")]


def test_a_figure_shows_text_as_text() -> None:
    hostile = '<script>alert(1)</script>" onclick="alert(2)'
    chart = by_name(charts_of(PLAIN))["accuracy"].model_copy(update={"description": hostile, "note": hostile})
    html = charts.figure(chart)
    assert "<script" not in html
    assert escape(hostile) in html


# --- The library ---


def test_the_library_is_the_same_each_time_and_cannot_end_its_script() -> None:
    again = charts.library.__wrapped__()
    assert again == charts.library()
    for script in (again, charts.script()):
        assert "</script" not in script.lower()
        assert "<!--" not in script
    # A page has 5 MB, of which the numbers and the reviews need most.
    assert len(again) < 1_200_000
    specifications = {chart.name: chart.specification for chart in whole_charts()}
    assert len(json.dumps(specifications, separators=(",", ":"))) < 400_000


# --- In a browser ---


def make_page(path: Path, found: Sequence[Chart]) -> Path:
    """Write a page with charts, under the policy that a report has."""
    start = "Charts.draw(JSON.parse(document.getElementById('charts').textContent));"
    script = "\n".join([charts.library(), charts.script(), start])
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:"
    data = json.dumps({chart.name: chart.specification for chart in found}).replace("<", "\\u003c")
    colours = Path(charts.__file__).with_name("assets") / "page.css"
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>charts</title>'
        f"<style>{colours.read_text(encoding='utf-8')}{charts.style()}</style>"
        f'<main><div class="figures">{"".join(map(charts.figure, found))}</div></main>'
        f'<script type="application/json" id="charts">{data}</script><script>{script}</script>',
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_page(tmp_path_factory.mktemp("charts") / "whole.html", whole_charts())


@pytest.fixture(scope="module")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ("accuracy", "differences-lstm", "differences-gru", "learning-accuracy-seconds-lstm", "agreement", "memory")
    found = by_name(whole_charts())
    return make_page(tmp_path_factory.mktemp("charts") / "small.html", [found[name] for name in names])


def wait(opened: Opened) -> None:
    opened.page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)


def marks(opened: Opened, name: str) -> int:
    """Count the points and bars of a chart."""
    found = "svg :is(.mark-symbol, .mark-rect).role-mark path"
    return int(opened.page.evaluate(f"document.querySelectorAll('#chart-{name} {found}').length"))


def labels(opened: Opened, place: str) -> list[str]:
    found: list[str] = opened.page.evaluate(
        f"[...document.querySelectorAll('{place} svg .role-axis-label text')].map((text) => text.textContent)"
    )
    return found


# Text of a picture that is cut off at its edge; a pixel of rounding is allowed.
CUT = """[...document.querySelectorAll('.drawing svg')].flatMap((svg) => {
  const room = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter((text) => text.textContent && getComputedStyle(text).opacity !== '0')
    .filter((text) => { const box = text.getBoundingClientRect();
      const spare = [box.left - room.left, room.right - box.right, box.top - room.top, room.bottom - box.bottom];
      return Math.min(...spare) < -1; })
    .map((text) => `${svg.closest('figure').id}: ${text.textContent}`);
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1_280, 390])
def test_every_chart_is_drawn_and_nothing_is_cut(browser: Browser, whole_page: Path, width: int, scheme: Any) -> None:
    with open_page(browser, whole_page, width=width, colour_scheme=scheme) as opened:
        wait(opened)
        opened.assert_quiet()
        for chart in whole_charts():
            assert marks(opened, chart.name) > 0, chart.name
            picture = opened.page.locator(f"#chart-{chart.name} [role=img]")
            assert picture.get_attribute("aria-label") == chart.description
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.page.evaluate(CUT) == []
        assert opened.page.evaluate("document.querySelectorAll('.drawing p').length") == 0


@pytest.mark.parametrize("name", [name for name in SEVERAL if name != "whole"])
def test_charts_of_other_grids_are_drawn(browser: Browser, tmp_path: Path, name: str) -> None:
    found = charts_of(SEVERAL[name])
    with open_page(browser, make_page(tmp_path / "page.html", found), width=390) as opened:
        wait(opened)
        opened.assert_quiet()
        assert [chart.name for chart in found if not marks(opened, chart.name)] == []
        assert opened.page.evaluate(CUT) == []


def test_charts_of_two_experiments_are_drawn(browser: Browser, tmp_path: Path) -> None:
    with open_page(browser, make_page(tmp_path / "page.html", charts_of_both(make_both()))) as opened:
        wait(opened)
        opened.assert_quiet()
        assert (marks(opened, "accuracy-beside"), marks(opened, "differences-beside")) == (12, 4)
        legend = "#chart-accuracy-beside svg .role-legend-label text"
        assert opened.page.locator(legend).all_text_contents() == ["quick", "<b>tuned</b>"]


def test_a_whole_grid_is_drawn_in_two_seconds(browser: Browser, whole_page: Path) -> None:
    page = browser.new_page()
    try:
        client = page.context.new_cdp_session(page)
        # Processor time of the page's thread: other tests run at the same time.
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(whole_page.as_uri())
        page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)
        measured = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
    finally:
        page.close()
    # 1.1 s on an idle machine, of which other processes on its cores make up to 1.6 s.
    assert 0 < measured["TaskDuration"] < 2.5


def test_what_the_reader_hides_has_no_marks_and_comes_back_in_its_place(browser: Browser, small_page: Path) -> None:
    with open_page(browser, small_page) as opened:
        wait(opened)
        before = labels(opened, "#chart-accuracy")
        drawn = marks(opened, "accuracy")
        lines = "#chart-learning-accuracy-seconds-lstm .mark-line path"
        colours = f"[...document.querySelectorAll('{lines}')].map((one) => one.getAttribute('stroke'))"
        order = opened.page.evaluate(colours)
        opened.page.evaluate("() => Charts.show(['pytorch', 'flair'], ['lstm'])")
        wait(opened)
        assert marks(opened, "accuracy") == drawn - 10
        assert "Keras LSTM" not in labels(opened, "#chart-accuracy")
        assert "NB-SVM" in labels(opened, "#chart-accuracy")
        assert opened.page.locator("#chart-differences-gru").is_hidden()
        assert marks(opened, "differences-lstm") == 1
        opened.page.evaluate("() => Charts.show(['pytorch'], ['lstm'])")
        wait(opened)
        # Between one framework and itself there is no difference: the heading goes too.
        assert opened.page.locator(".figures .row").first.is_hidden()
        opened.page.evaluate(f"() => Charts.show({json.dumps(FRAMEWORKS)}, {json.dumps(ARCHITECTURES)})")
        wait(opened)
        assert labels(opened, "#chart-accuracy") == before
        # The thick line is beneath the thin ones again.
        assert opened.page.evaluate(colours) == order
        assert len(order) == len(FRAMEWORKS)
        opened.assert_quiet()


def test_a_click_on_the_legend_dims_the_rest(browser: Browser, small_page: Path) -> None:
    with open_page(browser, small_page) as opened:
        wait(opened)
        opened.page.locator("#chart-memory .role-legend-symbol path").first.click(force=True)
        opacity = ".map((bar) => Number(bar.getAttribute('opacity') ?? 1))"
        bars = f"[...document.querySelectorAll('#chart-memory .mark-rect.role-mark path')]{opacity}"
        opened.page.wait_for_timeout(300)
        assert opened.page.evaluate(bars).count(1) == len(ARCHITECTURES)
        opened.page.locator("#chart-memory .role-legend-symbol path").first.click(force=True)
        opened.page.wait_for_timeout(300)
        assert opened.page.evaluate(bars).count(1) == len(WHOLE.cells)


def test_keys_zoom_and_enlarge(browser: Browser, small_page: Path) -> None:
    with open_page(browser, small_page) as opened:
        wait(opened)
        page, name = opened.page, "#chart-learning-accuracy-seconds-lstm"
        before = sorted(labels(opened, name))
        page.focus(name)
        page.keyboard.press("+")
        page.wait_for_timeout(300)
        assert sorted(labels(opened, name)) != before
        page.keyboard.press("0")
        page.wait_for_timeout(300)
        assert sorted(labels(opened, name)) == before
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog svg")
        assert page.locator("dialog h2").text_content() == "Validation accuracy by seconds, LSTM"
        description = by_name(whole_charts())[name.removeprefix("#chart-")].description
        assert page.locator("dialog [role=img]").get_attribute("aria-label") == description
        page.wait_for_timeout(300)
        sizes = [
            float(page.evaluate(f"parseFloat(getComputedStyle(document.querySelector('{place} svg text')).fontSize)"))
            for place in ("dialog", name)
        ]
        assert sizes[0] > 1.3 * sizes[1]
        heights = page.evaluate("['scrollHeight', 'clientHeight'].map((one) => document.querySelector('dialog')[one])")
        assert heights[0] <= heights[1] + 1
        whole = sorted(labels(opened, "dialog"))
        page.keyboard.press("+")
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert sorted(labels(opened, "dialog")) != whole
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        assert page.evaluate("document.activeElement.id") == name[1:]
        opened.assert_quiet()


def test_the_wheel_scrolls_the_page_and_zooms_with_control(browser: Browser, small_page: Path) -> None:
    with open_page(browser, small_page) as opened:
        wait(opened)
        page, name = opened.page, "#chart-learning-accuracy-seconds-lstm"
        page.evaluate(f"document.querySelector('{name}').scrollIntoView({{block: 'center'}})")
        box = page.locator(f"{name} svg").bounding_box()
        assert box
        before, top = sorted(labels(opened, name)), page.evaluate("scrollY")
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(300)
        page.keyboard.up("Control")
        zoomed = sorted(labels(opened, name))
        assert zoomed != before
        page.mouse.wheel(0, -100)
        page.wait_for_timeout(300)
        assert page.evaluate("scrollY") < top
        assert sorted(labels(opened, name)) == zoomed


def test_the_pointer_shows_names_as_text(browser: Browser, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    statistics = make_statistics(frameworks=("keras",), architectures=("lstm",), class_names=("plain", hostile))
    with open_page(browser, make_page(tmp_path / "page.html", charts_of(statistics))) as opened:
        wait(opened)
        opened.page.locator("#chart-confusion-lstm .mark-rect.role-mark path").last.hover(force=True)
        opened.page.wait_for_selector(".chart-tooltip")
        assert hostile[:20] in (opened.page.locator(".chart-tooltip").text_content() or "")
        assert opened.page.locator("img").count() == 0
        opened.assert_quiet()


def test_paper_has_every_picture_whole(browser: Browser, whole_page: Path) -> None:
    with open_page(browser, whole_page) as opened:
        wait(opened)
        opened.page.set_viewport_size({"width": 688, "height": 1_000})  # A4 less its margins, in CSS pixels
        opened.page.emulate_media(media="print")
        opened.page.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 688
        assert opened.page.evaluate(CUT) == []
        wide = ".filter((one) => one.scrollWidth > one.clientWidth + 1).length"
        assert opened.page.evaluate(f"[...document.querySelectorAll('figure .drawing')]{wide}") == 0


def test_without_scripts_the_text_stands_for_the_picture(browser: Browser, small_page: Path) -> None:
    with open_page(browser, small_page, scripts=False) as opened:
        assert "Keras LSTM 87" in (opened.page.locator("#chart-accuracy .drawing p").text_content() or "")
