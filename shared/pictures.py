"""Pictures as files: one style, PNG or SVG, written whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from shared.errors import LockstepError
from shared.output import Output

FORMATS = (".png", ".svg")
# Okabe & Ito's palette, safe for colour-blind readers.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#666666")
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "lockstep",  # the same figure has the same bytes
    "text.parse_math": False,  # a dollar in a word is a dollar
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def check_format(path: Path) -> None:
    """Refuse a file name of another format before the work is done.

    Raises
    ------
    LockstepError
        If it ends in neither ``.png`` nor ``.svg``.
    """
    if path.suffix not in FORMATS:
        raise LockstepError(f"{path}: a picture ends in {' or '.join(FORMATS)}")


@contextmanager
def picture(place: Output, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure to draw on, `width` by `height` inches, and write it whole or not at all."""
    check_format(place.path)
    with matplotlib.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        yield figure
        # Without a date the same figure has the same bytes.
        metadata = {"Date": None} if place.path.suffix == ".svg" else {}
        with place.written() as temporary:
            figure.savefig(temporary, dpi=150, metadata=metadata)
