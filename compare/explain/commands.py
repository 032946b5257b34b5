"""``lockstep explain`` and ``diff``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

from compare.choices import add_executor_flags, refuse_doubles
from shared.command_line import FolderPath, InputPath, add_machine_flags, natural, output
from shared.durations import duration
from shared.output import PAGE
from shared.recipes import DOCUMENTED
from shared.specification import add_specification_flags, given_flags
from shared.terminal import say

END = (
    f"{', '.join(DOCUMENTED)} (what its documentation writes) or lockstep, each perhaps with an architecture "
    f"({next(iter(DOCUMENTED))}:lstm); the folder of a run; or a .toml or .json file of settings"
)


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    explain = commands.add_parser(
        "explain",
        help="train from A to B, field by field, and measure what each difference is worth",
        description="List the fields in which A and B differ, train what lies between them in one framework, and "
        "divide the difference in test accuracy among the fields so that the parts add up to the whole: Shapley "
        "values, over all orders of up to four fields, over drawn ones of more. Another framework with the same "
        "fields, and a framework's own code (--recipe idiomatic), are lines of their own. Fields that you give hold at "
        "both ends. Finished trainings are not repeated: the same command goes on.",
        epilog="examples: lockstep explain keras flair --architecture lstm --budget 30m; "
        "lockstep explain runs/mine keras; lockstep explain pytorch:lstm mine.toml --seeds 0 1 2",
    )
    explain.add_argument("first", metavar="A", help=END)
    explain.add_argument("second", metavar="B", help="likewise")
    explain.add_argument(
        "--seeds", nargs="+", type=natural, default=[0, 1, 2, 3, 4], metavar="N", help="default: 0 1 2 3 4"
    )
    explain.add_argument(
        "--budget",
        type=duration,
        metavar="TIME",
        help="such as 90s, 30m or 2h: takes as many seeds and orders as fit; default: all seeds, of more than four "
        "fields eight orders",
    )
    explain.add_argument(
        "--together", nargs="+", action="append", default=[], metavar="FIELD",
        help="fields that are changed at once, such as optimizer learning_rate; may be given several times",
    )  # fmt: skip
    explain.add_argument(
        "--out",
        type=FolderPath,
        default=FolderPath("runs/explain"),
        metavar="DIR",
        help="of explain.json, .md and .svg, and of the plan of a --budget; default: runs/explain",
    )
    explain.add_argument(
        "--runs",
        type=FolderPath,
        default=FolderPath("runs/studies"),
        metavar="DIR",
        help="of the runs, which ladder, ablation and witnesses share; default: runs/studies",
    )
    explain.add_argument("--overwrite", action="store_true", help="replace files of these names that it did not make")
    add_machine_flags(explain)
    add_executor_flags(explain, "trainings")
    add_specification_flags(explain, without=("seed",))
    explain.set_defaults(run=_explain)
    _register_diff(commands)


def _register_diff(commands: Any) -> None:
    diff = commands.add_parser(
        "diff",
        help="say what differs between two runs, models, recipes or files of settings; trains nothing",
        description="Say what differs, a line each: the value in A, the value in B, what it means, and what the ladder "
        "measured it to be worth, if it did. Of runs also data, versions and machine; of models also the weights. "
        "Ends with 0 if nothing differs, with 1 if something does, and with 2 on an error, as diff does.",
        epilog="examples: lockstep diff runs/mine runs/theirs; lockstep diff keras pytorch:lstm; "
        "lockstep diff model.keras model.pt",
    )
    diff.add_argument("first", metavar="A", help=f"{END}; a checkpoint; or a model: .keras, .safetensors, .pt, .pth")
    diff.add_argument("second", metavar="B", help="likewise")
    diff.add_argument(
        "--ladder",
        type=InputPath,
        metavar="FILE",
        help="what lockstep ladder measured; default: results/ladder.json, if there is one",
    )
    diff.add_argument(
        "--format",
        choices=("table", "markdown", "json"),
        default="table",
        help="default: table; json: a list",
    )
    diff.set_defaults(run=_diff)


def _explain(arguments: argparse.Namespace) -> int:
    from compare.explain.ends import read_ends
    from compare.explain.explain import FILES, Means, explain, save_explained, tell_explained
    from compare.explain.question import asked
    from compare.grid.executors import executor_of

    refuse_doubles("--seeds", arguments.seeds)
    ends = read_ends(arguments.first, arguments.second, given_flags(arguments))
    question = asked(*ends, arguments.together)
    for end in ends:
        for note in end.notes:
            say(f"note: {note}", aside=True)
    with ExitStack() as stack:
        executor = stack.enter_context(executor_of(arguments))
        means = Means(arguments.runs, arguments.out, tuple(arguments.seeds), executor, arguments.budget)
        places = {name: stack.enter_context(output(arguments, arguments.out / name, PAGE)) for name in FILES}
        found = explain(question, means)
        if found is None:
            say("no seed is finished: nothing can be said; the same command goes on", aside=True)
            return 1
        save_explained(found, places)
    tell_explained(found)
    for name in FILES:
        say(str(arguments.out / name))
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    from compare.explain.diff import differences, lines_of, tables_of
    from compare.tables import print_table

    found = differences(arguments.first, arguments.second, arguments.ladder)
    tables = tables_of(found)
    if arguments.format == "table":
        for table in tables:
            print_table(table)
    else:
        for line in lines_of(tables, arguments.format):
            say(line)
    if not tables:
        say("nothing differs", aside=arguments.format != "table")
    for note in found.notes:
        say(f"note: {note}", aside=True)
    return 1 if tables else 0
