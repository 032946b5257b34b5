"""``lockstep report``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shared.command_line import (
    FolderPath,
    InputPath,
    output,
)
from shared.output import PAGE
from shared.terminal import say


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    report = commands.add_parser("report", help="write index.html, report.md and statistics.json of an experiment")
    report.add_argument("experiment", type=InputPath, metavar="DIR", help="for example runs/quick")
    report.add_argument(
        "--out",
        type=FolderPath,
        metavar="DIR",
        help="default: reports/<name of the experiment>; its own pages there "
        "are made anew, other files only with --overwrite",
    )
    report.add_argument("--overwrite", action="store_true", help="replace files of the same names that it did not make")
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from compare.report.page import REPORT_FILES, write_report

    out = arguments.out or Path("reports") / arguments.experiment.resolve().name
    with ExitStack() as stack:
        places = {name: stack.enter_context(output(arguments, out / name, PAGE)) for name in REPORT_FILES}
        write_report(arguments.experiment, places)
    say(str(out / "index.html"))
    say(str(out / "report.md"))
    return 0
