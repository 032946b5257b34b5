"""The lessons' site: lessons, the project's own texts, the report pages and the API, in one folder without a network.

What Sphinx reads is laid out in a staging folder first, so that links between the project's texts hold in both
places. The finished folder has ``site.json``, which lists its files: by that a later run knows that it may replace it.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from importlib.metadata import distribution
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from compare.names import repository
from lessons.conversion import conversion_page
from lessons.notebooks import ROOT, SOLUTION, all_executed, lessons, with_blanks
from lessons.source_pages import LIBRARY, reference, save_source_pages
from shared.errors import LockstepError
from shared.files import read_bytes, save_json, save_text
from shared.output import Kind, Output

SITE = Path(__file__).parent / "site"
PROOF = "site.json"
LARGEST_LIST = 1_000_000  # bytes
# The project's own texts, where they stand.
TEXTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/*.png", "lessons/*.md", "results/*.svg")
# What is outside the site is shown by the repository; a lesson's file is a page.
OUTSIDE = re.compile(r"\]\((?:\.\./)*LICENSE\)")
LESSON_FILE = re.compile(r"(lesson_\d\d_\w+)\.py\)")
TEXT_FILE = re.compile(r"\]\((?!\w+:)([^)\s]+\.md(?:#[^)\s]*)?)\)")
SOURCE_ROLE = re.compile(r"\{source\}`(?P<path>[^`#]+)(?:#(?P<name>[^`]+))?`")
MATHJAX = "sphinx-mathjax-offline/static/mathjax"
MATHJAX_FILES = ("tex-chtml.js", "output/chtml/fonts/woff-v2/*.woff")


def site_kind(path: Path) -> Kind:
    """Return what a site of ours is, as far as one that stands there says itself which files it has."""
    entries: frozenset[str] = frozenset()
    with suppress(LockstepError, ValueError, TypeError, KeyError, RecursionError):
        listed = json.loads(read_bytes(path / PROOF, "the list of a site's files", LARGEST_LIST))["files"]
        entries = frozenset(str(entry) for entry in listed)
    return Kind("a site of lessons", entries | {PROOF}, PROOF)


def make_site(place: Output, staging: Path, tell: Callable[[str], None]) -> None:
    """Execute what has changed, and make the whole site.

    Parameters
    ----------
    place : Output
        Of the kind that :func:`site_kind` gives, entered.
    staging : Path
        An empty folder for what Sphinx reads.
    tell : callable
        Is told what goes on.

    Raises
    ------
    LockstepError
        If a cell of a lesson fails, or Sphinx has a complaint.
    """
    if not SITE.is_dir():
        raise LockstepError(f"the site is made from a clone of {repository()}; what is installed here has no {SITE}")
    # Each lesson keeps one processor busy.
    with closing(all_executed(lessons(), tell, os.cpu_count() or 1)) as made_now:
        notebooks = dict(zip(lessons(), made_now, strict=True))
    explained = explained_in(notebooks)
    make_staging(staging, notebooks, explained)
    tell("Sphinx: making pages")
    with place.written() as made:
        _make_pages(staging, made, tell)
        for unneeded in (".buildinfo", "objects.inv"):
            (made / unneeded).unlink(missing_ok=True)
        shutil.rmtree(made / "_sources", ignore_errors=True)
        save_source_pages(made, explained)
        _make_reports(made)
        _make_notebooks(made / "notebooks", notebooks)
        save_text(made / "slides.html", slides(notebooks))
        files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
        save_json(made / PROOF, {"site_version": 1, "files": files})


def _make_pages(staging: Path, made: Path, tell: Callable[[str], None]) -> None:
    """Run Sphinx, which starts processes of its own; an interruption ends them all."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-j", "auto"]
    command += ["-d", str(staging / ".doctrees"), str(staging), str(made)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as sphinx:
        try:
            said, _ = sphinx.communicate()
        except BaseException:
            os.killpg(sphinx.pid, signal.SIGKILL)
            raise
    if sphinx.returncode:
        for line in said.splitlines():
            tell(line.replace(str(staging), "."))
        raise LockstepError("Sphinx has complaints, which stand above; mend those pages and try again")


def make_staging(staging: Path, notebooks: Mapping[Path, NotebookNode], explained: Mapping[str, list[str]]) -> None:
    """Lay out what Sphinx reads: the same folders as in the project, and the lessons' pages at the root."""
    shutil.copytree(SITE, staging, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in TEXTS:
        for path in ROOT.glob(pattern):
            target = staging / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".md":
                text = OUTSIDE.sub(f"]({repository()}/blob/main/LICENSE)", path.read_text(encoding="utf-8"))
                save_text(target, LESSON_FILE.sub(r"\1.ipynb)", text))
            else:
                shutil.copyfile(path, target)
    for path, notebook in notebooks.items():
        nbformat.write(_as_page(path, notebook), staging / "lessons" / f"{path.stem}.ipynb")
    save_text(staging / "conversion.md", conversion_page())
    _make_mathjax(staging / "_static" / "mathjax")
    _make_reference(staging / "api", explained)


def _as_page(path: Path, notebook: NotebookNode) -> NotebookNode:
    """Return a lesson as a page: solutions are folded, and the notebooks are offered below the title."""
    page = nbformat.from_dict(notebook)
    name = path.stem
    colab = f"https://colab.research.google.com/github/{repository().partition('github.com/')[2]}"
    links = (
        f'<p class="lesson-links"><a href="../notebooks/{name}.ipynb">This lesson as a notebook</a> · '
        f'<a href="../notebooks/{name}_blanks.ipynb">with blanks for the exercises</a> · '
        f'<a href="{colab}/blob/gh-pages/notebooks/{name}.ipynb">in Colab</a></p>'
    )
    page.cells.insert(1, new_markdown_cell(links, id="links"))
    for cell in page.cells:
        if any(_kind(output) == "picture" for output in cell.get("outputs", [])):
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
        if SOLUTION in cell.metadata.get("tags", []):
            cell.metadata.tags = [*cell.metadata.tags, "hide-cell"]
            cell.metadata.mystnb = {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"}
    return page


def _make_mathjax(target: Path) -> None:
    package = Path(str(distribution("sphinx-mathjax-offline").locate_file(MATHJAX)))
    for pattern in MATHJAX_FILES:
        for path in package.glob(pattern):
            place = target / path.relative_to(package)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def explained_in(notebooks: Mapping[Path, NotebookNode]) -> dict[str, list[str]]:
    """Return the names of the lessons that link to a source file, by its path."""
    found: dict[str, list[str]] = {}
    for lesson, notebook in notebooks.items():
        text = "\n".join(cell.source for cell in notebook.cells)
        for path in dict.fromkeys(match["path"] for match in SOURCE_ROLE.finditer(text)):
            found.setdefault(path, []).append(lesson.stem)
    return found


def _make_reference(target: Path, explained: Mapping[str, list[str]]) -> None:
    """Lay out the API reference: one page a package."""
    target.mkdir()
    for folder in LIBRARY:
        save_text(target / f"{folder}.md", reference(folder, explained))
    listed = "\n".join(LIBRARY)
    listing = f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    save_text(target / "index.md", f"# API reference\n\nMade from the docstrings.\n\n{listing}")


def _make_reports(made: Path) -> None:
    """Add the committed report pages; what they link to in the repository is here, if it is a lesson."""
    (made / "reports").mkdir()
    for path in sorted(ROOT.glob("results/*/index.html")):
        page = path.read_text(encoding="utf-8")
        page = re.sub(rf"{re.escape(repository())}/blob/main/lessons/(lesson_\w+)\.py", r"../lessons/\1.html", page)
        save_text(made / "reports" / f"{path.parent.name}.html", page)


def _make_notebooks(target: Path, notebooks: Mapping[Path, NotebookNode]) -> None:
    """Write every lesson as an executed notebook and as one with blanks."""
    target.mkdir()
    for path, notebook in notebooks.items():
        nbformat.write(_for_jupyter(notebook), target / f"{path.stem}.ipynb")
        nbformat.write(_for_jupyter(with_blanks(notebook)), target / f"{path.stem}_blanks.ipynb")


def _for_jupyter(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook that stands alone: it installs the project first, and links to the repository."""
    alone = nbformat.from_dict(notebook)
    for cell in alone.cells:
        if cell.cell_type == "markdown":
            cell.source = SOURCE_ROLE.sub(_repository_link, cell.source)
            cell.source = TEXT_FILE.sub(rf"]({repository()}/blob/main/lessons/\1)", cell.source)
    alone.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    version = distribution("lockstep").version
    wheel = f"{repository()}/releases/download/v{version}/lockstep-{version}-py3-none-any.whl"
    install = (
        "from importlib.util import find_spec\n\n"
        'if find_spec("lessons") is None:  # where the project is not installed yet, as in Colab\n'
        f"    %pip install --quiet 'lockstep[all,docs] @ {wheel}'"
    )
    alone.cells.insert(0, new_code_cell(install, id="install"))
    return alone


def _repository_link(match: re.Match[str]) -> str:
    label = f"{match['name']} in {match['path']}" if match["name"] else match["path"]
    return f"[`{label}`]({repository()}/blob/main/{match['path']})"


def slides(notebooks: Mapping[Path, NotebookNode]) -> str:
    """Return one page with every picture of every lesson, one a screen, and what was checked beside it."""
    parts = []
    for path, notebook in notebooks.items():
        title = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
        shown = [output for cell in notebook.cells for output in cell.get("outputs", []) if _kind(output)]
        claims = [html.escape(output["data"]["text/plain"]) for output in shown if _kind(output) == "claim"]
        listed = "".join(f"<li>{claim.removeprefix('Checked: ')}</li>" for claim in claims[:5])
        link = f'<p><a href="lessons/{path.stem}.html">the lesson</a></p>'
        parts.append(f"<section><h1>{html.escape(title)}</h1><ul>{listed}</ul>{link}</section>")
        parts += [
            f"<section><h2>{html.escape(title)}</h2>{output['data']['text/html']}</section>"
            for output in shown
            if _kind(output) == "picture"
        ]
    return (SITE / "slides.html").read_text(encoding="utf-8").replace("<!-- slides -->", "\n".join(parts))


def _kind(output: NotebookNode) -> str:
    return str(output.get("metadata", {}).get("text/html", {}).get("lockstep", {}).get("kind", ""))
