"""``python -m lessons``: execute the lessons and make their site."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.command_line import Parser, add_output, announce, guarded, output
from shared.terminal import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    parser = Parser("python -m lessons", description="Execute the lessons; each is kept until something changes.")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="a number, as 7, or a file; default: all")
    add_output(parser, "make the whole site there instead of printing what was checked", metavar="DIR")
    parsed = parser.parse_args(arguments)
    if parsed.overwrite and not parsed.out:
        parser.error("--overwrite is about the site; name its place with --out")
    if parsed.out and parsed.lessons:
        parser.error("--out makes the site of all lessons; leave the LESSONs out")
    return guarded(lambda: _make_site(parsed) if parsed.out else _execute(parsed.lessons))


def _make_site(arguments: argparse.Namespace) -> int:
    from lessons.website import make_site, site_kind

    with output(arguments, arguments.out, site_kind(arguments.out)) as place, TemporaryDirectory() as staging:
        make_site(place, Path(staging), lambda text: say(text, aside=True))
        announce(place, "open index.html in a browser")
    return 0


def _execute(names: Sequence[str]) -> int:
    from lessons.notebooks import all_executed, find_lesson, lessons

    paths = [find_lesson(name) for name in names] or lessons()
    with closing(all_executed(paths, lambda text: say(text, aside=True))) as notebooks:
        for notebook in notebooks:
            for line in _shown(notebook):
                say(line)
    return 0


def _shown(notebook: object) -> Iterator[str]:
    """The claims of a lesson, and the titles of what else it shows."""
    for cell in notebook.cells:  # type: ignore[attr-defined]
        for shown in cell.get("outputs", ()):
            if "lockstep" in shown.get("metadata", {}).get("text/html", {}):
                yield shown["data"]["text/plain"]


if __name__ == "__main__":
    sys.exit(main())
