"""``python -m lessons``: execute the lessons and make their site."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys
from collections.abc import Iterator, Sequence

from shared.command_line import Parser, guarded
from shared.terminal import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run; return the exit code."""
    parser = Parser("python -m lessons", description="Execute the lessons; each is kept until something changes.")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="a number, as 7, or a name; default: all")
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _execute(parsed.lessons))


def _execute(names: Sequence[str]) -> int:
    from lessons.notebooks import executed, find_lesson, lessons

    for path in [find_lesson(name) for name in names] or lessons():
        notebook = executed(path, lambda text: say(text, aside=True))
        for line in _shown(notebook):
            say(line)
    return 0


def _shown(notebook: object) -> Iterator[str]:
    """The claims of a lesson, and the titles of what else it shows."""
    for cell in notebook.cells:  # type: ignore[attr-defined]
        for output in cell.get("outputs", ()):
            if "lockstep" in output.get("metadata", {}).get("text/html", {}):
                yield output["data"]["text/plain"]


if __name__ == "__main__":
    sys.exit(main())
