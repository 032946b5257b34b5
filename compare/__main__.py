"""``python -m compare``, and the console script ``lockstep``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from compare.ensembles import commands as ensembles
from compare.exchange import commands as exchange
from compare.explain import commands as explain
from compare.grid import commands as grid
from compare.proofs import commands as proofs
from compare.report import commands as report
from compare.studies import commands as studies
from shared.command_line import FilledPath, InputPath, Parser, guarded
from shared.contract import FRAMEWORKS, module_name
from shared.terminal import say

ROOMS = (grid, report, proofs, studies, explain, ensembles, exchange)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in ("train", "predict"):
        return guarded(lambda: _implementation_command(given))
    parsed = _parser().parse_args(given)
    return guarded(lambda: parsed.run(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = Parser("lockstep", description="The same movie-review classifier in four frameworks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in ("train", "predict"):
        commands.add_parser(
            name, help=f"python -m <framework>_impl {name}: lockstep {name} FRAMEWORK …", add_help=False
        )
    for room in ROOMS:
        room.register(commands)
    docs = commands.add_parser(
        "docs", help="put the figures of results/ into the tables of the README, docs/ and the lessons"
    )
    docs.add_argument(
        "results", type=InputPath, nargs="?", default=InputPath("results"), metavar="DIR", help="default: results"
    )
    docs.add_argument(
        "--files",
        type=FilledPath,
        nargs="+",
        metavar="FILE",
        help="texts in which every table has its place; default: README.md, docs/*.md and lessons/*.md",
    )
    docs.set_defaults(run=_docs)
    tasks = commands.add_parser("tasks", help="list the data sets with a published model, for --task")
    tasks.set_defaults(run=_tasks)
    return parser


def _implementation_command(given: list[str]) -> int:
    command, framework, *rest = given if len(given) > 1 else [*given, "--help"]
    if framework.startswith("-"):
        say(f"usage: lockstep {command} {{{','.join(FRAMEWORKS)}}} … (each has its own --help)")
        return 0 if framework in ("-h", "--help") else 2
    return importlib.import_module("shared.command_line").main(
        framework, importlib.import_module(f"{module_name(framework)}.__main__").load, [command, *rest]
    )


def _docs(arguments: argparse.Namespace) -> int:
    from compare.published import documents, fill_documents

    changed = fill_documents(arguments.results, arguments.files or documents(Path()))
    for path in changed:
        say(f"{path}: its tables are new")
    if not changed:
        say("every table says what the results say")
    return 0


def _tasks(arguments: argparse.Namespace) -> int:
    from shared.tasks import tasks

    for task in tasks().values():
        sources = "; ".join(f"{name}: {what}" for name, what in task.sources.items())
        lines = {
            "sources for --data": sources,
            "classes": ", ".join(task.classes) or "named by the data",
            "metric": task.metric,
            "presets": ", ".join(task.presets) or "the common ones",
            "needs": task.needs or "nothing but the package",
            "downloaded from": f"{task.url} ({task.checksum})" if task.url else "",
            "licence": task.licence,
            "cite": task.citation,
        }
        say(f"{task.name}: {task.title}")
        for name, value in lines.items():
            if value:
                say(f"  {name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
