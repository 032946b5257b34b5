"""What a lesson shows: claims that are checked, pictures, interactions, and what a command answers.

A lesson computes with NumPy and `shared`; this draws. Outside a notebook claims and answers are printed and pictures
are drawn to nowhere, so that a lesson is also a script.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shared.files import digest
from shared.pictures import PALETTE, STYLE

INTERACTIONS = Path(__file__).parent / "interactions"
RESULTS = Path(__file__).parents[1] / "results"
INK = "#000000"  # becomes the reader's own text colour, so that a picture can be read on dark ground too
COLOURS = tuple(colour for colour in PALETTE if colour != INK)


class Shown:
    """HTML for a notebook, and text for everything else.

    Parameters
    ----------
    markup, text : str
        The two forms.
    kind : str
        ``claim``, ``picture`` or ``interaction``: by it the site finds what a notebook shows.
    title : str
        Plain text.
    """

    def __init__(self, markup: str, text: str, kind: str, title: str) -> None:
        self.markup, self.text = markup, text
        self.metadata = {"lockstep": {"kind": kind, "title": title}}

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self.markup, "text/plain": self.text}, {"text/html": self.metadata}

    def __repr__(self) -> str:
        return self.text


def claim(statement: str, holds: bool) -> None:
    """Show a statement that was checked just now, or stop the lesson.

    Parameters
    ----------
    statement : str
        One sentence in plain text, with the measured figures in it.
    holds : bool
        Whether it is true here.

    Raises
    ------
    AssertionError
        If it is not.
    """
    if not holds:
        raise AssertionError(f"this claim does not hold: {statement}")
    markup = f'<p class="claim"><strong>Checked:</strong> {html.escape(statement)}</p>'
    _display(Shown(markup, f"Checked: {statement}", "claim", statement))


@contextmanager
def picture(title: str, description: str, width: float = 7.0, height: float = 3.5) -> Iterator[Figure]:
    """Yield a figure to draw on, and show it when the block ends.

    What is drawn in black gets the colour of the reader's text. Use `COLOURS` for the rest.

    Parameters
    ----------
    title : str
        What the picture says, one sentence; it stands below.
    description : str
        What a reader who cannot see it needs to know.
    width, height : float
        Inches.

    Yields
    ------
    matplotlib.figure.Figure
        Empty; ``figure.subplots()`` gives axes.
    """
    # Logarithmic axes have powers of ten as labels.
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": digest(title), "text.parse_math": True}):
        figure = Figure((width, height), layout="constrained")
        yield figure
        buffer = StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn(buffer.getvalue(), title, description)


def axes_of(figure: Figure, rows: int = 1, columns: int = 1, **options: Any) -> list[Axes]:
    """Return the axes of a new grid, row by row."""
    return list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def drawn(svg: str, title: str, description: str) -> None:
    """Show a picture that the lesson wrote as SVG itself.

    Parameters
    ----------
    svg : str
        One ``<svg>`` element with a ``viewBox``. Text of readers or reviews in it must be escaped.
    title, description : str
        As of :func:`picture`.
    """
    markup = (
        f'<figure class="picture">{_inline(svg, description)}<figcaption>{html.escape(title)}</figcaption></figure>'
    )
    _display(Shown(markup, f"Picture: {title}", "picture", title))


def interaction(name: str, data: Any, title: str) -> None:
    """Show ``interactions/NAME.js`` at work on data.

    The script is the body of a function of ``root``, the element that it fills, ``data``, and ``element``, the function
    of ``interactions/element.js`` that adds an element.

    Parameters
    ----------
    name : str
        Of the file, without its ending.
    data : object
        What JSON can hold.
    title : str
        What to do with it, one sentence.
    """
    script, element = ((INTERACTIONS / f"{one}.js").read_text(encoding="utf-8") for one in (name, "element"))
    # "</script>" or "<!--" in a review would end the element.
    values = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    markup = (
        f'<div class="interaction" id="{name}"><p class="interaction-title">{html.escape(title)}</p>'
        "<noscript>This needs JavaScript.</noscript>"
        f'<div class="interaction-body"></div><script type="application/json">{values}</script>'
        f"<script>(function (root, data, element) {{\n{script}\n}})("
        f'document.querySelector("#{name} .interaction-body"), '
        f"JSON.parse(document.querySelector(\"#{name} script[type='application/json']\").textContent),\n"
        f"{element});</script></div>"
    )
    _display(Shown(markup, f"Interaction, on the lesson's page: {title}", "interaction", title))


def read_results(name: str) -> Any:
    """Return what a command of the project measured: the values of ``results/NAME``, a JSON file."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def command(*arguments: object, seconds: float = 600) -> str:
    """Run ``python -m …`` in a process of its own and return what it prints.

    Two frameworks do not share a process well, and a lesson imports none.

    Parameters
    ----------
    *arguments
        Of Python after ``-m``: ``command("keras_impl", "predict", "--checkpoint", folder, "A film.")``.
    seconds : float
        When to give up.

    Raises
    ------
    AssertionError
        If the command fails, with what it says, or takes longer.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    line = [sys.executable, "-m", *map(str, arguments)]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=seconds, env=environment)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"python -m {' '.join(line[2:])}: takes longer than {seconds} s") from error
    if done.returncode:
        raise AssertionError(f"python -m {' '.join(line[2:])}: {done.stderr.strip()[-2_000:]}")
    return done.stdout


def _inline(svg: str, description: str) -> str:
    """Return an SVG element that takes the text colour and the width of the page, and can be read aloud."""
    element = svg[svg.index("<svg") :]
    element = re.sub(rf'((?:fill|stroke)(?:: ?|="))(?:{INK}|black)\b', r"\1currentColor", element)
    # What Matplotlib draws without naming a colour is black; text inherits the page's.
    element = element.replace(
        "<svg ", f'<svg role="img" aria-label="{html.escape(description)}" fill="currentColor" ', 1
    )
    marks = dict.fromkeys(re.findall(r'\bid="([^"]+)"', element))
    for number, mark in enumerate(marks):  # ids of two pictures on one page must differ
        new = f"p{digest(description)[:8]}-{number}"
        element = re.sub(rf'(\bid="|url\(#|href="#){re.escape(mark)}(?=["\)])', rf"\g<1>{new}", element)
    return element


def _display(shown: Shown) -> None:
    """Show in a notebook; print where there is none."""
    shell = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        from IPython.display import display

        display(shown)  # type: ignore[no-untyped-call]
    elif shown.metadata["lockstep"]["kind"] == "claim":
        print(shown.text)
