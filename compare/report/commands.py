"""``lockstep report`` and ``results``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shared.command_line import FolderPath, InputPath, OutputPath, add_output, announce, natural, output
from shared.errors import LockstepError
from shared.output import PAGE, STANDARD_OUTPUT
from shared.terminal import say

FORMATS = ("table", "markdown", "csv", "json", "latex")


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    report = commands.add_parser(
        "report",
        help="write the page of an experiment, or of two beside each other",
        description="Write index.html (one file, works offline), report.md and statistics.json. Of a folder that holds "
        "a report and no runs, the pages are made again from its numbers.",
        epilog="examples: lockstep report runs/quick; lockstep report runs/quick runs/quick-idiomatic",
    )
    report.add_argument(
        "experiments", type=InputPath, nargs="+", metavar="DIR", help="for example runs/quick; two are compared"
    )
    report.add_argument(
        "--out",
        type=FolderPath,
        metavar="DIR",
        help="default: reports/<name of the experiment>, or <first>-and-<second>; its own pages there "
        "are made anew, other files only with --overwrite",
    )
    report.add_argument("--overwrite", action="store_true", help="replace files of the same names that it did not make")
    report.add_argument(
        "--allow-mixed",
        action="store_true",
        help="compare runs that differ in more than they may; the page says in what",
    )
    report.add_argument(
        "--records-only",
        action="store_true",
        help="read record.json alone, where predictions were not kept; the page says what it lacks",
    )
    report.add_argument(
        "--review",
        action="append",
        metavar="TEXT",
        help="a text to predict by every model and to show; may be given several times",
    )
    report.add_argument(
        "--explain",
        action="append",
        type=InputPath,
        metavar="FILE",
        help="explain.json of lockstep explain, to be shown beside the settings; may be given several times. What "
        "stands in DIR itself is shown in any case, as parity.json, portability.json and witnesses.json are",
    )
    report.add_argument(
        "--playground",
        type=natural,
        default=8,
        metavar="MB",
        help="megabytes of trained models that the page may carry, for readers to try; 0: none; default: 8",
    )
    report.set_defaults(run=_report)

    results = commands.add_parser(
        "results", help="print a table of an experiment or of a report, or write it as a file"
    )
    results.add_argument(
        "runs",
        type=InputPath,
        metavar="RUNS",
        help="an experiment such as runs/quick, the folder of a report, or its statistics.json",
    )
    results.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    results.add_argument(
        "--table",
        default="headline",
        metavar="NAME",
        help="another one: pairs, cost, seeds, …, or all; default: headline",
    )
    add_output(results, "default: - (standard output)", default=OutputPath(STANDARD_OUTPUT))
    results.set_defaults(run=_results)


def _report(arguments: argparse.Namespace) -> int:
    from compare.report import page
    from compare.report.statistics import Wishes
    from compare.report.tables import headline_table, tables_of_both
    from compare.tables import print_table

    experiments = arguments.experiments
    if len(experiments) > 2:
        raise LockstepError(f"report: at most two experiments are compared, not {len(experiments)}")
    _check_reviews(arguments)
    wishes = Wishes(
        arguments.allow_mixed,
        arguments.records_only,
        tuple(arguments.review or ()),
        arguments.playground,
        tuple(arguments.explain or ()),
    )
    names = [path.resolve().name for path in experiments]
    out = arguments.out or Path("reports") / "-and-".join(names)
    files = page.REPORT_FILES if len(experiments) == 1 else page.FILES_OF_BOTH
    with ExitStack() as stack:
        places = {name: stack.enter_context(output(arguments, out / name, PAGE)) for name in files}
        if len(experiments) == 1:
            table = headline_table(page.write_report(experiments[0], places, wishes))
        else:
            both = page.write_side_by_side(experiments[0], experiments[1], places, wishes)
            table = tables_of_both(both)["beside"]
    print_table(table)
    say(str(out / "index.html"))
    say(str(out / "report.md"))
    return 0


def _check_reviews(arguments: argparse.Namespace) -> None:
    """Refuse texts that nothing would answer."""
    if any(not text.strip() for text in arguments.review or ()):
        raise LockstepError("--review: the text is empty")
    if arguments.review and (arguments.records_only or len(arguments.experiments) > 1):
        raise LockstepError("--review: needs the trained models of one experiment, not two, and no --records-only")
    if arguments.explain and len(arguments.experiments) > 1:
        raise LockstepError("--explain: needs one experiment, not two")


def _results(arguments: argparse.Namespace) -> int:
    from compare.report.reading import statistics_of
    from compare.report.tables import tables_of
    from compare.tables import print_table, written_out
    from shared.files import save_text

    if arguments.table == "all" and arguments.format == "csv":
        raise LockstepError("--table all: a CSV file holds one table; name one, or choose another --format")
    with output(arguments, arguments.out) as place:
        tables = tables_of(statistics_of(arguments.runs))
        chosen = list(tables.values()) if arguments.table == "all" else [tables.get(arguments.table)]
        found = [table for table in chosen if table is not None]
        if not found:
            raise LockstepError(
                f"--table: {arguments.runs} has no table {arguments.table!r}; choose from all, {', '.join(tables)}"
            )
        if place.streams and arguments.format == "table":
            for table in found:
                print_table(table)
            return 0
        with place.written() as temporary:
            save_text(temporary, written_out(found, arguments.format))
        if not place.streams:
            announce(place, "")
    return 0
