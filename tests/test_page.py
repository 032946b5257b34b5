"""The page of a report in a real browser: what it draws, sorts, hides, finds, saves and prints, and never does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compare.__main__ import main as lockstep
from compare.names import ARCHITECTURE_TITLES
from compare.report.form import Statistics
from compare.report.page import REPORT_FILES, write_report
from compare.report.statistics import Wishes
from compare.report.tables import tables_of
from compare.tables import as_csv
from shared.data.encoded import encode_texts
from shared.files import save_page
from shared.output import PAGE, Output
from shared.reference.model import build, softmax
from shared.runs import run_directory
from shared.terminal import printable
from shared.weights import read_checkpoint
from tests.browser import Opened, chromium, open_page
from tests.conftest import ROOT
from tests.statistics_samples import sample_explained, sample_witnesses
from tests.synthetic import write_experiment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FRAMEWORKS, ARCHITECTURES, SEEDS = ("keras", "pytorch", "flair", "fastai"), ("lstm", "gru", "bilstm"), (0, 1, 2)
GRID = tuple((framework, architecture) for framework in FRAMEWORKS for architecture in ARCHITECTURES)
WICKED = (
    "<script>alert(1)</script> </script><img src=x onerror=alert(2)> \"double\" 'single' \x00 \u202egnp.exe \u2028 "
    "&lt;script&gt;alert(3)&lt;/script&gt; javascript:alert(4) ${alert(5)} <!-- great"
)
LONG = f" in /{'a-folder-of-a-long-name' * 9}"  # as the path of a run may be
PHONE, DESKTOP = 390, 1_200  # pixels
A4, PAPER = 688, [594.96, 841.92]  # pixels of a line between margins of 14 mm; points, as Chromium rounds them
READABLE = 4.5  # WCAG 2.2, 1.4.3: contrast of text
# The page shows a tenth of a per cent, and its word vectors are rounded.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Report:
    """Where an experiment and its page are, and the page's numbers."""

    experiment: Path
    page: Path
    statistics: Statistics


def write(experiment: Path, out: Path, wishes: Wishes | None = None) -> Report:
    """Write the report of an experiment, or of a report's own folder."""
    with ExitStack() as stack:
        places = {name: stack.enter_context(Output(out / name, PAGE)) for name in REPORT_FILES}
        statistics = write_report(experiment, places, wishes)
    return Report(experiment, out / "index.html", statistics)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Report:
    """A whole grid with three seeds, a baseline, both proofs and a wicked review of the reader's own."""
    folder = tmp_path_factory.mktemp("whole")
    experiment = write_experiment(folder, {"negative": 250, "positive": 250}, GRID, ("tf-idf",), seeds=SEEDS)
    for proof in ("parity.json", "portability.json"):
        shutil.copy(ROOT / "results" / proof, experiment / proof)
    save_page(experiment / "witnesses.json", sample_witnesses().model_dump())
    save_page(experiment / "explain.json", sample_explained(LONG).model_dump())
    return write(experiment, folder / "report", Wishes(reviews=(WICKED,)))


@pytest.fixture(scope="module")
def changed(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The same page, made of numbers in which every text is wicked and two accuracies are all but equal."""
    folder = tmp_path_factory.mktemp("changed")
    found = report.statistics
    first, second, *cells = found.cells
    value = first.accuracy.model_copy(update={"value": first.accuracy.value + 1e-9})
    examples = [one.model_copy(update={"text": WICKED, "review_id": WICKED, "note": WICKED}) for one in found.examples]
    data = found.data.model_copy(update={"class_names": (WICKED, f"not {WICKED}"), "accounts": (WICKED,)})
    wicked = found.model_copy(
        update={
            "cells": (first, second.model_copy(update={"accuracy": value}), *cells),
            "examples": tuple(examples),
            "data": data,
            "name": WICKED,
            "missing": (WICKED,),
            "commands": (WICKED,),
            "explained": (sample_explained(WICKED),),
        }
    )
    (folder / "statistics.json").write_text(wicked.model_dump_json(), encoding="utf-8")
    shutil.copy(report.page.with_name("playground.json"), folder)
    return write(folder, folder / "report")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def opening(browser: Browser) -> Iterator[Open]:
    """Open pages that stay open, and are quiet to the end."""
    with ExitStack() as stack:
        pages: list[Opened] = []

        def open_one(path: Path, **options: Any) -> Opened:
            pages.append(stack.enter_context(open_page(browser, path, **options)))
            wait(pages[-1].page)
            return pages[-1]

        yield open_one
        for one in pages:
            one.assert_quiet()


@pytest.fixture(scope="module")
def opened(opening: Open, report: Report) -> Opened:
    """The page on a wide screen by day; a test that changes it changes it back."""
    return opening(report.page)


@pytest.fixture(scope="module")
def narrow(opening: Open, report: Report) -> Opened:
    """The page on a telephone by night."""
    return opening(report.page, width=PHONE, colour_scheme="dark")


@pytest.fixture(scope="module")
def wicked(opening: Open, changed: Report) -> Opened:
    return opening(changed.page)


@pytest.fixture(scope="module")
def printed(opening: Open, report: Report) -> Page:
    """The page as on a sheet of A4, after what a browser tells a page that is to be printed."""
    page = opening(report.page, width=A4).page
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    return page


def wait(page: Page) -> None:
    """Wait until all charts are drawn."""
    page.wait_for_selector("html[data-ready][data-charts=drawn]", timeout=60_000)


MARKS = """() => Object.fromEntries(
  [...document.querySelectorAll("figure[data-chart]:not([hidden])")].map((figure) =>
    [figure.dataset.chart, figure.querySelectorAll("svg .role-mark :is(path, line)").length]))"""


def marks(page: Page) -> dict[str, int]:
    """Count the marks of each chart that is shown."""
    found: dict[str, int] = page.evaluate(MARKS)
    return found


# --- Charts and tables ---


def test_every_chart_is_drawn_and_the_page_is_quiet(opened: Opened) -> None:
    opened.assert_quiet()
    found = marks(opened.page)
    names = {"accuracy", "differences-lstm", "variances", "accuracy-seconds", "agreement", "memory"}
    assert names <= found.keys()
    assert [name for name, number in found.items() if number == 0] == []
    assert opened.page.locator("figure[data-chart]").count() == len(found)


def test_a_proof_that_was_made_is_on_the_page(opened: Opened, report: Report) -> None:
    assert report.statistics.parity is not None
    assert opened.page.locator("#same #table-parity tbody tr").count() == len(report.statistics.parity.tolerances)
    assert opened.page.locator("#same [id^=table-portability]").count() > 0
    assert opened.page.locator("#same #table-witnesses tbody tr").count() == 2


def test_what_was_explained_is_drawn_and_told(opened: Opened) -> None:
    section = opened.page.locator("#settings")
    assert section.locator("h3").all_inner_texts() == [f"From Keras{LONG} to Flair{LONG}"]
    assert section.locator("#table-explanation tbody tr").count() == 5
    assert section.locator("#chart-explanation svg .mark-rect.role-mark path").count() == 3
    assert (
        f"Of the 5.0 points by which Flair{LONG} is below Keras{LONG}, 6.0 come from learning_rate"
        in section.inner_text()
    )


def headline(page: Page, column: int) -> list[tuple[str, str]]:
    """Return the names of the headline's rows and the values of a column, as the rows stand."""
    found = page.evaluate(
        "(column) => [...document.querySelectorAll('#table-headline tbody tr')].map((row) =>"
        " [row.cells[0].textContent, row.cells[column].dataset.value])",
        column,
    )
    return [(name, value) for name, value in found]


def test_the_headline_is_sorted_by_full_values_with_pointer_and_keys(wicked: Opened, changed: Report) -> None:
    page, table = wicked.page, tables_of(changed.statistics)["headline"]
    place = [column.name for column in table.columns].index("accuracy")
    head = page.locator("#table-headline thead th").nth(place)
    first, second = (row.cells[place] for row in table.rows[:2])
    assert first.text == second.text, "otherwise what is shown would do"
    before = headline(page, place)
    assert [float(value) for _, value in before] == [row.cells[place].value for row in table.rows]
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert headline(page, place) == sorted(before, key=lambda row: -float(row[1]))
    assert headline(page, place).index(before[1]) < headline(page, place).index(before[0])
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert headline(page, place) == sorted(before, key=lambda row: float(row[1]))
    other = page.locator("#table-headline thead th").first
    other.get_by_role("button").focus()
    page.keyboard.press("Space")
    assert other.get_attribute("aria-sort") == "ascending"
    assert head.get_attribute("aria-sort") == "none"


def test_a_framework_is_hidden_in_tables_reviews_and_charts_and_comes_back(opened: Opened) -> None:
    page = opened.page
    before = marks(page)
    own = page.locator("[data-framework~=keras]")
    choice = page.get_by_role("checkbox", name="Keras", exact=True)
    choice.uncheck()
    wait(page)
    shown = "(all) => all.filter((one) => one.checkVisibility()).length"
    assert own.count() > 0
    assert own.evaluate_all(shown) == 0
    assert page.locator("#table-headline tr[data-framework=pytorch]").evaluate_all(shown) == len(ARCHITECTURES)
    after = marks(page)
    for name in ("accuracy", "differences-lstm", "memory"):
        assert 0 < after[name] < before[name]
    choice.check()
    wait(page)
    assert marks(page) == before
    assert page.locator("#table-headline tr[data-framework=keras]").evaluate_all(shown) == len(ARCHITECTURES)


def colours(page: Page) -> list[str]:
    """Return the colours of paper, ink and a chart's text."""
    return [
        page.evaluate("getComputedStyle(document.body).backgroundColor"),
        page.evaluate("getComputedStyle(document.body).color"),
        page.evaluate("getComputedStyle(document.querySelector('#chart-accuracy svg text')).fill"),
    ]


def test_the_theme_changes_page_and_charts(opened: Opened) -> None:
    page, day = opened.page, colours(opened.page)
    page.get_by_role("button", name="Change to dark colours").click()
    night = colours(page)
    assert all(one != other for one, other in zip(day, night, strict=True))
    page.get_by_role("button", name="Change to light colours").click()
    assert colours(page) == day


# --- Reviews ---


def test_search_narrows_the_reviews_and_says_how_many_are_left(opened: Opened) -> None:
    page = opened.page
    reviews = page.locator("#reviews .review")
    texts = [text.lower() for text in reviews.all_text_contents()]
    shown = "(all) => all.flatMap((one, place) => one.checkVisibility() ? [place] : [])"
    said, search, more = page.locator("#found"), page.locator("#search"), page.locator("#more")
    assert len(texts) > 8
    assert reviews.evaluate_all(shown) == list(range(8))
    assert more.text_content() == f"Show all {len(texts)}"
    more.click()
    assert reviews.evaluate_all(shown) == list(range(len(texts)))
    assert not more.is_visible()
    word = re.findall(r"text\d+", texts[-1])[0]
    for query in (word, word.upper(), f"own {word[:5]}", "no such word", WICKED):
        search.fill(query)
        expected = [place for place, text in enumerate(texts) if all(one in text for one in query.lower().split())]
        assert reviews.evaluate_all(shown) == expected
        assert said.text_content() == f"{len(expected)} of {len(texts)} reviews"
    search.fill(word)
    assert 0 < len(reviews.evaluate_all(shown)) < len(texts)
    search.fill("")
    kinds = reviews.evaluate_all("(all) => all.map((one) => one.dataset.kinds)")
    page.get_by_role("checkbox", name="frameworks disagree").uncheck()
    assert reviews.evaluate_all(shown) == [place for place, kind in enumerate(kinds) if kind != "split"]
    page.get_by_role("checkbox", name="frameworks disagree").check()


def test_a_review_that_is_typed_gets_the_probability_of_the_reference(opened: Opened, report: Report) -> None:
    page = opened.page
    found, expected = [], []
    for architecture in ARCHITECTURES:
        checkpoint = read_checkpoint(run_directory(report.experiment, "keras", architecture, 0))
        specification, vocabulary = checkpoint.specification, checkpoint.vocabulary
        page.get_by_role("combobox", name="Model").select_option(f"Keras {ARCHITECTURE_TITLES[architecture]}")
        for text in ("", "own1x2 other3 other4 own1x1", "unknown words ALONE", "own0x1 " * 20, WICKED):
            page.get_by_role("textbox", name="Your review").fill(text)
            said = str(page.locator("#playground .answer").text_content())
            found.append(float(said.split(": ")[1].split(" %")[0]) / 100)
            ids = encode_texts([text], vocabulary, specification).padded(np.array([0]))
            expected.append(softmax(build(specification, checkpoint.weights).logits(ids))[0][1])
    assert np.ptp(expected) > 5 * TOLERANCE, "they are not all alike"
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    page.get_by_role("textbox", name="Your review").fill("")


def test_wicked_texts_are_shown_as_text_and_run_nothing(wicked: Opened, opened: Opened) -> None:
    page, shown = wicked.page, " ".join(printable(WICKED).split())
    assert "\u202e" not in shown
    assert "<script>alert(1)</script>" in shown
    places = ("h1", "#reviews blockquote", "#reviews h4", "#picked blockquote", ".notice li", "pre", "#method p.quiet")
    for place in places:
        found = " ".join(str(page.locator(place).first.text_content()).split())
        assert shown in found, place
    assert shown in [" ".join(text.split()) for text in opened.page.locator("#picked blockquote").all_text_contents()]
    page.get_by_role("textbox", name="Your review").fill(WICKED)
    page.locator("#search").fill(WICKED)
    assert page.locator("body :is(img, iframe, object, embed)").count() == 0
    assert page.locator("body script:not([type='application/json'])").count() == 1
    assert page.locator(":is(a[href^='javascript'], [onclick], [onerror], [onload])").count() == 0
    wicked.assert_quiet()


# --- Narrow screens, colours, paper ---


BEYOND = """(width) => [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility())
  .filter((one) => { const box = one.getBoundingClientRect(); return box.width > 1 && box.right > width + 1; })
  .map((one) => `${one.closest("[id]")?.id} ${one.tagName}.${one.className?.baseVal ?? one.className}`)"""


def test_a_telephone_shows_the_headline_without_scrolling_sideways(narrow: Opened, report: Report) -> None:
    page = narrow.page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    rows = page.locator("#table-headline tbody tr")
    assert rows.count() == len(tables_of(report.statistics)["headline"].rows)
    outside = page.evaluate(BEYOND, PHONE)
    fitting = ("table-headline", "table-explanation", "table-witnesses", "answer", "chart-")
    assert [one for one in outside if one.startswith(fitting)] == []
    cells = page.locator("#table-headline tbody td[data-label^='Accuracy']")
    assert cells.count() == rows.count()
    assert all(box["x"] >= 0 and box["width"] > 0 for box in (cell.bounding_box() or {"x": -1} for cell in cells.all()))


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((one, place) => one * a + below[place] * (1 - a));
  const luminance = (colour) => colour.map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const paper = (element) => element === null ? [255, 255, 255]
    : over(channels(getComputedStyle(element).backgroundColor), paper(element.parentElement));
  // What a picture's text stands on: the page, or in a table of colours the rectangle of the same number.
  const ground = (text) => {
    const texts = [...text.parentElement.querySelectorAll("text")];
    const cells = text.closest("svg").querySelectorAll(".mark-rect.role-mark path");
    const coloured = text.parentElement.matches(".mark-text.role-mark") && cells.length === texts.length;
    return coloured ? channels(getComputedStyle(cells[texts.indexOf(text)]).fill) : paper(text.closest("figure"));
  };
  const halo = (element) => element.ownerSVGElement && getComputedStyle(element).stroke !== "none"; // beneath another
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Map();
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement, style = getComputedStyle(element);
    if (!node.data.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.closest("script, style, .unseen, .skip") || halo(element)) continue;
    const drawn = element.ownerSVGElement, below = drawn ? ground(element) : paper(element);
    const colour = channels(drawn ? style.fill : style.color);
    const [light, dark] = [luminance(over(colour, below)), luminance(below)].sort((a, b) => b - a);
    const kind = drawn ? `svg text of ${element.closest("figure").id}`
      : `${element.parentElement.className} ${element.tagName}.${element.className}`;
    found.set(kind, Math.min(found.get(kind) ?? Infinity, (light + 0.05) / (dark + 0.05)));
  }
  return Object.fromEntries(found);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_by_day_and_by_night(opened: Opened, scheme: Any) -> None:
    page = opened.page
    page.emulate_media(color_scheme=scheme)
    page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    page.get_by_role("textbox", name="Your review").fill("own1x2 other3 other4 unknown")
    found: dict[str, float] = page.evaluate(CONTRASTS)
    page.emulate_media(color_scheme="light")
    for kind in ("P.quiet", "answers LI", "SPAN.tag", "SMALL.", "TD.", "A.", "BUTTON.", "svg text", "CAPTION.", "LI."):
        assert any(kind in name for name in found), f"no {kind} was measured"
    assert {kind: contrast for kind, contrast in found.items() if contrast < READABLE} == {}


def test_paper_has_all_in_its_width_and_no_scroll_bars(printed: Page) -> None:
    assert printed.evaluate(BEYOND, A4) == []
    scrolling = """() => [...document.querySelectorAll("body *")]
      .filter((one) => one.checkVisibility() && !one.closest("svg"))
      .filter((one) => /auto|scroll/.test(getComputedStyle(one).overflow))
      .map((one) => `${one.tagName}.${one.className}`)"""
    assert printed.evaluate(scrolling) == []
    assert printed.locator("#answer li").first.is_visible()
    for gone in ("nav", ".filters", ".tools", "#try", "#search", ".skip"):
        assert not printed.locator(gone).first.is_visible(), gone
    rows = printed.locator("#table-headline tr")
    assert set(rows.evaluate_all("(all) => all.map((row) => getComputedStyle(row).display)")) == {"table-row"}
    assert printed.locator("#table-pairs").is_visible()


def pdf_text(content: bytes) -> str:
    """Return the text of a PDF file that Chromium wrote, without spaces.

    A page shows numbers of glyphs; what letters they are is in a table of the font, in UTF-16 (ISO 32000-1, 9.10).
    """
    objects = dict(re.findall(rb"(\d+) 0 obj\s(.*?)endobj", content, re.DOTALL))
    streams = {number: _inflated(body) for number, body in objects.items() if b"/FlateDecode" in body}
    letters = {
        number: _letters(streams[found[1]])
        for number, body in objects.items()
        if (found := re.search(rb"/ToUnicode (\d+) 0 R", body))
    }
    fonts = {name: letters[number] for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", content) if number in letters}
    text = []
    for stream in streams.values():
        font: dict[int, str] = {}
        for name, glyphs in re.findall(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>(?= ?Tj|[^<]*TJ)", stream):
            if name:
                font = fonts.get(name, {})
            else:
                numbers = re.findall(rb"....", glyphs)
                text.append("".join(font.get(int(number, 16), "") for number in numbers))
    return re.sub(r"\s", "", "".join(text))


def _inflated(body: bytes) -> bytes:
    return zlib.decompressobj().decompress(re.split(rb"stream\r?\n", body, maxsplit=1)[1])


def _letters(table: bytes) -> dict[int, str]:
    found = {}
    for kind, lines in re.findall(rb"beginbf(char|range)(.*?)endbf", table, re.DOTALL):
        for entry in re.findall(rb"(<.*>)", lines):
            first, *last, text = (bytes.fromhex(one) for one in re.findall(r"<([0-9A-Fa-f]+)>", entry.decode()))
            begin = int.from_bytes(first)
            end = int.from_bytes(last[0]) if kind == b"range" else begin
            for glyph in range(begin, end + 1):
                letter = text.decode("utf-16-be")
                found[glyph] = letter[:-1] + chr(ord(letter[-1]) + glyph - begin)
    return found


def test_a_pdf_has_the_headline_on_sheets_of_a4(printed: Page, report: Report) -> None:
    content = printed.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", content)) > 1
    for box in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content):
        assert [float(side) for side in box] == pytest.approx(PAPER, abs=1)
    text, table = pdf_text(content), tables_of(report.statistics)["headline"]
    for shown in (table.caption, *(cell.text for row in table.rows for cell in row.cells)):
        assert re.sub(r"\s", "", shown) in text, shown


# --- Without eyes, without a pointer, without scripts ---


def test_everything_has_a_name(opened: Opened) -> None:
    page = opened.page
    nameless = """() => ({
      figures: [...document.querySelectorAll("figure")].filter((one) =>
        !document.getElementById(one.getAttribute("aria-labelledby"))?.textContent.trim()),
      heads: [...document.querySelectorAll("th")].filter((one) => !["col", "row"].includes(one.scope)),
      tables: [...document.querySelectorAll("table")].filter((one) => !one.caption?.textContent.trim()),
      pictures: [...document.querySelectorAll("svg, canvas, .drawing")].filter((one) =>
        !one.closest("[role=img][aria-label]")?.getAttribute("aria-label").trim()),
      images: [...document.querySelectorAll("img:not([alt])")],
      controls: [...document.querySelectorAll("input, select, textarea")].filter((one) => !one.labels.length),
      buttons: [...document.querySelectorAll("button")].filter((one) =>
        !one.textContent.trim() && !one.getAttribute("aria-label")),
    })"""
    found: dict[str, list[Any]] = page.evaluate(f"""() => Object.fromEntries(Object.entries(({nameless})())
      .map(([kind, all]) => [kind, all.map((one) => one.outerHTML.slice(0, 200))]))""")
    assert {kind: nameless for kind, nameless in found.items() if nameless} == {}
    ids: list[str] = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert sorted(ids) == sorted(set(ids))
    anchors: list[str] = page.evaluate(
        "[...document.querySelectorAll('nav a, .skip')].map((one) => one.getAttribute('href'))"
    )
    assert len(anchors) > 5
    assert {anchor[1:] for anchor in anchors} <= set(ids)
    levels: list[int] = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) == 1, "a level of headings is left out"


def test_the_first_key_skips_to_the_answer(narrow: Opened) -> None:
    page = narrow.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.locator(".skip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#answer"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#answer, #results') !== null")


def test_without_scripts_the_numbers_are_there(browser: Browser, report: Report) -> None:
    with open_page(browser, report.page, scripts=False) as one:
        page = one.page
        assert page.locator("noscript p").is_visible()
        assert page.locator("#table-headline tbody tr").count() == len(tables_of(report.statistics)["headline"].rows)
        assert page.locator("#chart-accuracy .drawing p").is_visible()
        one.assert_quiet()


# --- What may run, what is saved, when it is ready ---


def test_the_policy_allows_one_script_and_it_alone_runs(wicked: Opened) -> None:
    page = wicked.page
    policy = str(page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content"))
    parts = {name: values for name, *values in (part.split() for part in policy.split(";"))}
    script = str(page.locator("script:not([type])").text_content())
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert parts["default-src"] == ["'none'"]
    assert parts["script-src"] == [f"'sha256-{digest}'"]
    assert "unsafe-eval" not in policy
    assert parts["base-uri"] == parts["form-action"] == ["'none'"]
    wicked.assert_quiet()
    page.evaluate(
        "() => { const other = document.createElement('script'); other.textContent = 'window.ran = true';"
        " document.body.append(other); other.remove(); }"
    )
    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in wicked.problems.pop()


def saved(page: Page, button: str) -> tuple[str, str]:
    """Press a button; return the name and the text of the file that it saves."""
    with page.expect_download() as downloading:
        page.locator(button).click()
    download = downloading.value
    return download.suggested_filename, Path(download.path()).read_text(encoding="utf-8")


def test_tables_and_numbers_are_saved_whole(opened: Opened, report: Report) -> None:
    tables = tables_of(report.statistics)
    for name in ("headline", "parity", "cost"):
        assert saved(opened.page, f"[data-csv='{name}']") == (f"{name}.csv", as_csv(tables[name]))
    name, text = saved(opened.page, "#save-statistics")
    assert name == "statistics.json"
    assert json.loads(text) == report.statistics.model_dump(mode="json")
    assert Statistics.model_validate_json(text) == report.statistics


WATCH = """new MutationObserver(() => {
  for (const [name, value] of [["ready", "yes"], ["charts", "drawn"]])
    if (document.documentElement?.dataset[name] === value) (window.times ??= {})[name] ??= performance.now();
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-ready", "data-charts"] });"""


def test_one_need_not_wait_for_the_charts(browser: Browser, report: Report) -> None:
    with open_page(browser, report.page) as one:
        one.page.add_init_script(WATCH)
        one.page.reload()
        wait(one.page)
        times: dict[str, float] = one.page.evaluate("window.times")
        one.assert_quiet()
    print(f"ready after {times['ready']:.0f} ms, drawn after {times['charts']:.0f} ms")
    assert times["ready"] < times["charts"]


# --- Two experiments ---


@pytest.fixture(scope="module")
def both(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page on a part of the grid and a copy of it."""
    folder = tmp_path_factory.mktemp("both")
    for name in ("first", "second"):
        for framework in FRAMEWORKS[:2]:
            shutil.copytree(report.experiment / framework / "lstm", folder / name / framework / "lstm")
    assert lockstep(["report", str(folder / "first"), str(folder / "second"), "--out", str(folder / "both")]) == 0
    return folder / "both" / "index.html"


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_two_experiments_side_by_side(opening: Open, both: Path, width: int) -> None:
    page = opening(both, width=width).page
    found = marks(page)
    assert set(found) == {"accuracy-beside", "differences-beside"}
    assert min(found.values()) >= 2
    assert page.locator("#table-beside tbody tr").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
