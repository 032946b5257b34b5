"""The lessons: their form, that they run, and the site that is made of them, in a browser.

The site is made once, from nothing, by the command that `make lessons` calls.
"""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from lessons.notebooks import BLANK, SOLUTION, executed, find_lesson, lessons, read_lesson, with_blanks
from lessons.show import INTERACTIONS, claim, command, drawn, interaction, picture
from lessons.source_pages import address
from shared.errors import LockstepError
from tests.browser import chromium, open_page
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

LESSONS = lessons()
NAMES = [path.stem for path in LESSONS]
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
MAY_IMPORT = {"numpy", "shared", "lessons.show"} | sys.stdlib_module_names
LONGEST_SCRIPT = 100  # lines
LARGEST_SITE = 40_000_000  # bytes
SECONDS = 3_000


def cells_of(lesson: Path, kind: str) -> list[Any]:
    return [cell for cell in read_lesson(lesson).cells if cell.cell_type == kind]


def is_solution(cell: Any) -> bool:
    return SOLUTION in cell.metadata.get("tags", [])


# --- their form


def test_there_are_fifteen_in_order() -> None:
    assert [int(name.split("_")[1]) for name in NAMES] == list(range(1, 16))


@each_lesson
def test_a_lesson_has_all_its_parts(lesson: Path) -> None:
    text = "\n".join(cell.source for cell in cells_of(lesson, "markdown"))
    number = int(lesson.stem.split("_")[1])
    assert text.startswith(f"# {number}. ")
    assert "**After this lesson you can**" in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [one for one in headings if one in ("Exercises", "Where this is in the project")]
    assert any("texts" in one and "err" in one for one in headings)
    assert "$" in text, "there is no equation"
    assert "{source}`" in text, "it says of no line of the project that it explains it"
    assert re.findall(r"^### (Exercise \d)", text, re.MULTILINE) == ["Exercise 1", "Exercise 2", "Exercise 3"]
    code = "\n".join(cell.source for cell in cells_of(lesson, "code"))
    assert "claim(" in code
    assert re.search(r"\b(picture|drawn)\(", code)
    assert f'"lesson_{number:02}"' in code, "it has no interaction of its own"


@each_lesson
def test_each_exercise_is_followed_by_its_solution_which_checks_itself(lesson: Path) -> None:
    cells = read_lesson(lesson).cells
    places = [number for number, cell in enumerate(cells) if cell.source.lstrip().startswith("### Exercise")]
    places += [number for number, cell in enumerate(cells) if "\n### Exercise" in cell.source]
    assert len(places) == 3
    for number in places:
        assert is_solution(cells[number + 1])
        assert "claim(" in cells[number + 1].source
    assert sum(map(is_solution, cells)) == 3


@each_lesson
def test_a_lesson_imports_numpy_and_shared_only(lesson: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(lesson.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    strangers = {name for name in imported if not {name, name.partition(".")[0]} & MAY_IMPORT}
    assert not strangers


@each_lesson
def test_an_interaction_is_short_and_asks_for_nothing(lesson: Path) -> None:
    script = (INTERACTIONS / f"{lesson.stem[:9]}.js").read_text(encoding="utf-8")
    assert len(script.splitlines()) <= LONGEST_SCRIPT
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|\bfetch\(|\bimport\b|\beval\(|innerHTML", script)


# --- what shows and what runs them


def test_a_claim_that_does_not_hold_stops_the_lesson() -> None:
    with pytest.raises(AssertionError, match="two is three"):
        claim("two is three", 2 == 3)


def test_outside_a_notebook_a_claim_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    claim("one is one", True)
    with picture("A line.", "It rises.") as figure:
        figure.subplots().plot([0, 1])
    assert capsys.readouterr().out == "Checked: one is one\n"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is shown in a notebook."""
    kept: list[Any] = []
    monkeypatch.setattr("lessons.show._display", kept.append)
    return kept


def test_what_a_lesson_shows_cannot_become_markup(shown: list[Any]) -> None:
    attack = '</script><script>alert(1)</script><img src=x onerror="alert(2)">&'
    claim(attack, True)
    with picture(attack, attack) as figure:
        figure.subplots().set_title("plain")
    interaction("lesson_05", {"letters": [attack]}, attack)
    for one in shown:
        found = BeautifulSoup(one.markup, "html.parser")
        assert not found.find_all("img")
        assert "alert(1)" not in "".join(script.text for script in found.find_all("script", type=None))
        for data in found.find_all("script", type="application/json"):
            assert attack in data.text.encode().decode("unicode_escape")


def test_a_picture_takes_the_colour_of_the_text_and_is_the_same_each_time(shown: list[Any]) -> None:
    for _ in range(2):
        with picture("A line.", "It rises.") as figure:
            figure.subplots().plot([0, 1], color="black")
    first, second = (one.markup for one in shown)
    assert first == second
    assert "#000000" not in first
    assert "currentColor" in first
    assert BeautifulSoup(first, "html.parser").svg["aria-label"] == "It rises."


def test_only_a_colour_becomes_the_colour_of_the_text_and_not_a_word(shown: list[Any]) -> None:
    drawn('<svg viewBox="0 0 1 1"><path stroke="black"/><text fill="#000000">a "black" comedy</text></svg>', "A.", "B.")
    found = BeautifulSoup(shown[0].markup, "html.parser")
    assert (found.path["stroke"], found.find("text")["fill"]) == ("currentColor", "currentColor")
    assert found.find("text").text == 'a "black" comedy'


def test_a_command_that_takes_too_long_is_named() -> None:
    with pytest.raises(AssertionError, match=r"python -m timeit .*: takes longer than 0.5 s"):
        command("timeit", "import time; time.sleep(60)", seconds=0.5)


def test_two_pictures_of_one_page_share_no_id(shown: list[Any]) -> None:
    for name in ("one", "two"):
        with picture(name, name) as figure:
            figure.subplots().plot([0, 1])
    first, second = ({tag["id"] for tag in BeautifulSoup(one.markup, "html.parser").find_all(id=True)} for one in shown)
    assert first
    assert not first & second


def test_a_lesson_is_found_by_its_number_and_by_its_name() -> None:
    assert find_lesson("7").stem == find_lesson("lesson_07_vanishing_and_exploding").stem
    assert find_lesson("lessons/lesson_07_vanishing_and_exploding.py").stem == find_lesson("007").stem
    for name in ("77", "0", "", "-1", "5.0"):
        with pytest.raises(LockstepError, match=f"'{name}': no such lesson"):
            find_lesson(name)


def test_overwrite_alone_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lessons", "5", "--overwrite"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--out" in done.stderr


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "lesson_05_broken.py").write_text("# %%\nprint('before')\n\n# %%\nundefined + 1\n")
    with pytest.raises(LockstepError, match=r"lesson_05_broken\.py: a cell failed: NameError: name 'undefined'"):
        executed(tmp_path / "lesson_05_broken.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"# %%\nimport os\nos._exit(3)\n", "Kernel died"),
        (b"# %%\nimport time\ntime.sleep(60)\n", "a cell took longer than 1 s"),
        (b"# %%\nx = (\n", "SyntaxError"),
        (b"# %%\n'\xff'\n", "not a lesson in UTF-8"),
    ],
)
def test_whatever_stops_a_lesson_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, said: str
) -> None:
    monkeypatch.setattr("lessons.notebooks.LONGEST", 1)
    (tmp_path / "lesson_05_stops.py").write_bytes(text)
    told = list[str]()
    with pytest.raises(LockstepError, match=said) as caught:
        executed(tmp_path / "lesson_05_stops.py", told.append)
    assert "\n" not in str(caught.value)
    assert not [line for line in told if "\x1b" in line or "\n" in line]


def test_what_a_lesson_writes_to_stderr_is_told(tmp_path: Path) -> None:
    told = list[str]()
    (tmp_path / "lesson_05_warns.py").write_text("# %%\nimport sys\nprint('look out', file=sys.stderr)\n")
    executed(tmp_path / "lesson_05_warns.py", told.append)
    assert [line for line in told if "wrote to stderr" in line and "look out" in line]


def test_a_lesson_sees_absolute_paths_and_no_settings_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCKSTEP_CACHE", "kept")
    monkeypatch.setenv("LOCKSTEP_REUTERS", "archive")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "mine"))
    (tmp_path / "archive").write_text("one")
    (tmp_path / "mine/profile_default/startup").mkdir(parents=True)
    (tmp_path / "mine/profile_default/startup/mine.py").write_text("print('mine')")
    lesson, told = tmp_path / "lesson_05_paths.py", list[str]()
    lesson.write_text("# %%\nimport os\nprint([os.environ[name] for name in ('LOCKSTEP_CACHE', 'LOCKSTEP_REUTERS')])\n")
    shown = executed(lesson, told.append).cells[0].outputs
    assert [one.text for one in shown] == [f"{[str(tmp_path / 'kept'), str(tmp_path / 'archive')]}\n"]
    executed(lesson, told.append)
    assert len(told) == 2, "nothing has changed"
    (tmp_path / "archive").write_text("another")
    executed(lesson, told.append)
    assert len(told) == 4, "the archive has changed"
    (tmp_path / "archive").unlink()
    with pytest.raises(LockstepError, match=r"archive: cannot be read .* LOCKSTEP_REUTERS"):
        executed(lesson)


INTERRUPTED = """
import sys
from contextlib import closing
from pathlib import Path
from lessons.notebooks import all_executed
from shared.command_line import guarded

def run():
    with closing(all_executed([Path(sys.argv[1])] * 2, print, 2)) as notebooks:
        list(notebooks)

sys.exit(guarded(run))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_lesson_and_what_it_started(tmp_path: Path, cache: Path, number: signal.Signals) -> None:
    lesson, mark = tmp_path / "lesson_05_long.py", tmp_path / "pids"
    lesson.write_text(
        "# %%\nimport os, subprocess, sys\nfrom pathlib import Path\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        f"Path({str(mark)!r}).write_text(f'{{os.getpid()}} {{other.pid}} ')\nother.wait()\n"
    )
    command = [sys.executable, "-c", INTERRUPTED, str(lesson)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        until = time.monotonic() + 60
        while not (mark.exists() and mark.read_text().endswith(" ")) and time.monotonic() < until:
            time.sleep(0.05)
        running.send_signal(number)
        _, said = running.communicate(timeout=30)
    assert (running.returncode, said) == (130, "interrupted: nothing half-written was left\n")
    assert not [one for one in mark.read_text().split() if is_running(int(one))]
    assert not list((cache / lesson.stem).iterdir())


def is_running(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_executed_lesson_is_kept_until_its_text_changes(tmp_path: Path) -> None:
    lesson, told = tmp_path / "lesson_05_kept.py", list[str]()
    lesson.write_text("# %%\nprint(1 + 1)\n")
    for _ in range(2):
        assert executed(lesson, told.append).cells[0].outputs[0].text == "2\n"
    assert len(told) == 2, "it was executed once: told when it began and when it ended"
    lesson.write_text("# %%\nprint(1 + 2)\n")
    assert executed(lesson, told.append).cells[0].outputs[0].text == "3\n"


def test_a_name_of_the_project_has_an_address_and_what_is_not_there_has_none() -> None:
    found = address("shared/reference/cells.py#lstm_forward")
    assert found
    path, _, line = found.partition("#L-")
    assert path == "source/shared/reference/cells.py.html"
    text = (ROOT / "shared/reference/cells.py").read_text(encoding="utf-8").splitlines()[int(line) - 1]
    assert text.startswith("def lstm_forward(")
    assert address("shared/reference/cells.py#no_such_name") is None
    assert address("shared/no_such_file.py") is None


# --- the site


@pytest.fixture(scope="module")
def site(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, made from nothing; which executes every lesson with its exercises' solutions."""
    if "LOCKSTEP_SITE" in os.environ:  # to look again at one that was made before
        return Path(os.environ["LOCKSTEP_SITE"])
    place = tmp_path_factory.mktemp("lessons") / "site"
    command = [sys.executable, "-m", "lessons", "--out", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-10_000:]
    print(done.stderr)
    return place


@cache
def soup_of(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def places_of(page: Path) -> frozenset[str]:
    """What of a page a link can name; some pages are named by thousands."""
    return frozenset(str(tag.get(key)) for tag in soup_of(page).find_all() for key in ("id", "name") if tag.get(key))


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_ran_to_its_end_and_says_nothing_else(site: Path, name: str) -> None:
    notebook = nbformat.read(site / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert sum("Checked:" in str(output.get("data", {}).get("text/plain", "")) for output in outputs) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_with_blanks_has_no_solution_in_it(site: Path, name: str) -> None:
    blanks = nbformat.read(site / "notebooks" / f"{name}_blanks.ipynb", as_version=4)
    nbformat.validate(blanks)
    assert [cell.source for cell in blanks.cells if is_solution(cell)] == [BLANK] * 3
    assert not [cell for cell in blanks.cells if cell.get("outputs")]
    assert blanks.metadata.kernelspec.name == "python3"
    texts = "\n".join(cell.source for cell in blanks.cells if cell.cell_type == "markdown")
    near = re.findall(r"\]\((?!\w+:)([^)#\s]+\.(?:md|ipynb))", texts)
    assert not [link for link in near if not (site / "notebooks" / link).is_file()]
    whole = read_lesson(find_lesson(name))
    assert with_blanks(whole).cells[0].source == whole.cells[0].source
    assert "pip install" in blanks.cells[0].source


def test_every_page_links_to_what_is_there_and_takes_nothing_from_elsewhere(site: Path) -> None:
    broken = []
    for page in site.rglob("*.html"):
        if "reports" in page.relative_to(site).parts:  # they are tested as reports
            continue
        for tag in soup_of(page).find_all(["a", "link", "script", "img", "iframe"]):
            target = tag.get("href") or tag.get("src")
            if not target:
                continue
            parts = urlsplit(target)
            if parts.scheme in ("http", "https", "mailto", "data"):
                if tag.name != "a" and parts.scheme != "data":
                    broken.append(f"{page.relative_to(site)}: takes {target}")
                continue
            found = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not found.is_file():
                broken.append(f"{page.relative_to(site)}: {target}: no such file")
            elif (
                parts.fragment
                and found.suffix == ".html"
                and not {unquote(parts.fragment), parts.fragment} & places_of(found)
            ):
                broken.append(f"{page.relative_to(site)}: {target}: no such place")
    assert not broken, "\n".join(broken[:50])


def test_the_site_is_small_and_says_which_files_it_has(site: Path) -> None:
    files = {path.relative_to(site).as_posix(): path.stat().st_size for path in site.rglob("*") if path.is_file()}
    assert sum(files.values()) <= LARGEST_SITE, f"{sum(files.values()) / 1e6:.0f} MB"
    listed = set(json.loads((site / "site.json").read_text())["files"])
    assert listed == set(files) - {"site.json"}


@pytest.mark.skipif("LOCKSTEP_SITE" in os.environ, reason="another session executed the lessons")
def test_made_again_it_replaces_itself_and_executes_nothing(site: Path) -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "lessons", "--out", str(site), "--overwrite"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert "executing" not in done.stderr
    print(f"nothing changed: {time.monotonic() - began:.0f} s")


def test_a_folder_that_is_no_site_is_not_replaced(tmp_path: Path, site: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("kept")
    command = [sys.executable, "-m", "lessons", "--out", str(tmp_path / "mine"), "--overwrite"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 2
    assert "diary.txt" in done.stderr
    assert (tmp_path / "mine" / "diary.txt").read_text() == "kept"


def test_the_slides_have_every_picture(site: Path) -> None:
    pictures = sum(len(soup_of(site / "lessons" / f"{name}.html").select("figure.picture")) for name in NAMES)
    assert len(soup_of(site / "slides.html").select("figure.picture")) == pictures >= 15


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def pages_of(site: Path) -> list[Path]:
    """Every page but those of source code, which are alike, and reports, which have tests of their own."""
    left_out = ("source", "reports", "_static")
    pages = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] not in left_out]
    return [*pages, site / "source/shared/reference/cells.py.html"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1_280])
def test_every_page_is_quiet_whole_and_fits(site: Path, browser: Browser, width: int, scheme: Any) -> None:
    wrong = []
    for page in pages_of(site):
        name = page.relative_to(site)
        with open_page(browser, page, width=width, colour_scheme=scheme) as opened:
            opened.page.wait_for_function("!window.MathJax || (MathJax.startup && MathJax.startup.promise)")
            opened.page.evaluate("window.MathJax ? MathJax.startup.promise.then(() => 1) : 1")
            equations = opened.page.locator(".math").count()
            rendered = opened.page.locator(".math mjx-container").count()
            too_wide = opened.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            missing = opened.page.evaluate("[...document.images].filter((one) => !one.naturalWidth).length")
            if opened.problems or opened.requests:
                wrong.append(f"{name}: {opened.problems} {opened.requests}")
            if equations != rendered or opened.page.locator("mjx-merror").count():
                wrong.append(f"{name}: {rendered} of {equations} equations are rendered")
            if too_wide > 1 or missing:
                wrong.append(f"{name}: {too_wide} pixels too wide, {missing} images missing")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("width", "scheme"), [(1_280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", NAMES)
def test_every_control_of_an_interaction_changes_what_is_shown(
    site: Path, browser: Browser, name: str, width: int, scheme: Any
) -> None:
    with open_page(browser, site / "lessons" / f"{name}.html", width=width, colour_scheme=scheme) as opened:
        body = opened.page.locator(".interaction-body")
        assert body.count() == 1
        idle = [kind for kind, moved in used(body) if not moved]
        assert not idle, f"nothing happens: {idle}"
        opened.assert_quiet()


# How a reader would use each kind of control, as a script of the element.
TELL = "for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind, {bubbles: true}));"
USES = {
    "input[type=checkbox]": "one => one.click()",
    "input[type=radio]:not(:checked)": "one => one.click()",
    "input[type=range]": "one => { const middle = (Number(one.min) + Number(one.max)) / 2;"
    f"one.value = Number(one.value) < middle ? one.max : one.min; {TELL} }}",
    "input[type=number]": f"one => {{ one.stepUp(); {TELL} }}",
    "select": f"one => {{ one.selectedIndex = (one.selectedIndex + 1) % one.options.length; {TELL} }}",
    "input[type=text], textarea": f"one => {{ one.value = 'a wonderful film and not boring'; {TELL} }}",
}


def used(body: Locator) -> Iterator[tuple[str, bool]]:
    """Use every control once, and all buttons twice; yield what it is and whether what is shown has changed."""

    def state() -> str:
        return str(body.evaluate("one => one.innerHTML + [...one.querySelectorAll('output')].map(x => x.value)"))

    for kind, use in USES.items():
        for number in range(body.locator(kind).count()):
            before = state()
            body.locator(kind).nth(number).evaluate(use)
            yield f"{kind} {number}", state() != before
    moved = []
    for number in 2 * list(range(body.locator("button").count())):
        button, before = body.locator("button").nth(number), state()
        if button.is_enabled() and button.is_visible():
            button.click()
            moved.append(state() != before)
    if moved:
        yield "any button", any(moved)


def test_the_search_finds_a_word_from_a_folder(site: Path, browser: Browser) -> None:
    with open_page(browser, site / "search.html") as opened:
        opened.page.goto(f"{(site / 'search.html').as_uri()}?q=gradient")
        opened.page.wait_for_selector("#search-results li", timeout=20_000)
        opened.assert_quiet()


SHOWN = "[...document.querySelectorAll('section')].findIndex(one => Math.abs(one.getBoundingClientRect().top) < 3)"


@pytest.mark.parametrize("size", [(1_280, 800), (844, 390)])
def test_the_arrow_keys_reach_every_slide(site: Path, browser: Browser, size: tuple[int, int]) -> None:
    with open_page(browser, site / "slides.html") as opened:
        opened.page.set_viewport_size({"width": size[0], "height": size[1]})
        sections, seen = opened.page.locator("section").count(), list[int]()
        for key in [*["ArrowRight"] * (sections - 1), "ArrowLeft"]:
            opened.page.keyboard.press(key)
            opened.page.wait_for_timeout(50)
            seen.append(opened.page.evaluate(SHOWN))
        assert seen == [*range(1, sections), sections - 2]


def test_without_scripts_a_lesson_still_has_its_text_and_pictures(site: Path, browser: Browser) -> None:
    with open_page(browser, site / "lessons" / f"{NAMES[4]}.html", scripts=False) as opened:
        assert opened.page.locator("figure.picture svg").count() >= 1
        assert "This needs JavaScript." in opened.page.locator("noscript").first.inner_text()
