"""``lockstep ladder``, ``ablation`` and ``benchmark``."""

from __future__ import annotations

import argparse
import os
from typing import Any

from compare.choices import COMPARED_ARCHITECTURES, add_executor_flags, check_names, refuse_doubles
from shared.command_line import FolderPath, OutputPath, add_machine_flags, add_output, natural, output, positive
from shared.errors import LockstepError
from shared.frameworks import FRAMEWORKS, module_name
from shared.output import PAGE
from shared.specification import (
    add_specification_flags,
    flags_of,
    given_flags,
    specification_from_flags,
)


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    for name, described in (
        ("ladder", "switch one framework default at a time and measure what it is worth"),
        ("ablation", "switch one part of the full recipe at a time and measure what it is worth"),
    ):
        study = commands.add_parser(name, help=described)
        study.add_argument("--framework", default="pytorch", metavar="NAME", help="that trains; default: pytorch")
        study.add_argument("--rungs", nargs="+", default=[], metavar="NAME", help="default: all")
        study.add_argument(
            "--seeds", nargs="+", type=natural, default=[0, 1, 2, 3, 4], metavar="N", help="default: 0 1 2 3 4"
        )
        study.add_argument(
            "--out",
            type=FolderPath,
            default=FolderPath("runs/studies"),
            metavar="DIR",
            help="of the runs, which all studies share, and of what is written; default: runs/studies",
        )
        add_machine_flags(study)
        add_executor_flags(study, "rungs")
        add_specification_flags(study, without=("recipe", "seed"))
        study.set_defaults(run=_ladder, study=name)

    benchmark = commands.add_parser(
        "benchmark",
        help="measure speed: of every cell, of each framework's documented way, of learning, and how it grows",
        description="For an idle machine: nothing else should run. All of it takes about fifty minutes on two cores.",
    )
    benchmark.add_argument(
        "--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four"
    )
    benchmark.add_argument(
        "--architectures",
        nargs="+",
        default=list(COMPARED_ARCHITECTURES),
        metavar="NAME",
        help=f"default: {' '.join(COMPARED_ARCHITECTURES)}",
    )
    benchmark.add_argument(
        "--parts",
        nargs="+",
        metavar="NAME",
        help="speed, learning (needs --data), growth, reading, answering; default: all. What --out has of others stays",
    )
    benchmark.add_argument("--repeats", type=positive, default=3, metavar="N", help="pairs of measurements; default: 3")
    benchmark.add_argument(
        "--texts",
        type=positive,
        default=1_000_000,
        metavar="N",
        help="of the large file that is read; default: 1000000",
    )
    benchmark.add_argument(
        "--busy",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="busy processes that run beside the training; default: one for each core",
    )
    benchmark.add_argument(
        "--data", metavar="SOURCE", help="official reviews, for learning: the seconds to an accuracy"
    )
    benchmark.add_argument("--unlabelled", default="none", metavar="SOURCE", help="as for train; default: none")
    add_output(benchmark, "default: reports/benchmark.json", default=OutputPath("reports/benchmark.json"))
    benchmark.set_defaults(run=_benchmark)


def _ladder(arguments: argparse.Namespace) -> int:
    from compare.grid.executors import executor_of
    from compare.grid.reuse import DATA_FIELDS
    from compare.studies.ladder import run_ladder
    from compare.studies.rungs import DEFAULTS, ablation, rungs_of

    module_name(arguments.framework)
    refuse_doubles("--seeds", arguments.seeds)
    refuse_doubles("--rungs", arguments.rungs)
    study = DEFAULTS
    if arguments.study == "ablation":  # there these two are rungs, not part of the recipe
        study = ablation(arguments.start_from or "none", arguments.pseudo_labels or "none")
        arguments.start_from = arguments.pseudo_labels = None
    specification = specification_from_flags(arguments)
    # Of the data the table has a line of its own.
    chosen = {name: value for name, value in given_flags(arguments).items() if name not in DATA_FIELDS}
    study = study.from_there(flags_of(chosen))
    rungs = rungs_of(specification, arguments.framework, arguments.rungs, study)
    with executor_of(arguments) as executor:
        failed = run_ladder(
            arguments.out, study, specification, arguments.framework, arguments.seeds, rungs, executor=executor
        )
    return 1 if failed else 0


def _benchmark(arguments: argparse.Namespace) -> int:
    from compare.studies.benchmark import PARTS, Plan, run_benchmark

    check_names(arguments.frameworks, arguments.architectures)
    parts = arguments.parts or [part for part in PARTS if part != "learning" or arguments.data]
    for part in parts:
        if part not in PARTS:
            raise LockstepError(f"unknown part {part!r}: choose from {', '.join(PARTS)}")
    refuse_doubles("--parts", parts)
    if "learning" in parts and not arguments.data:
        raise LockstepError("--parts learning: pass --data with the official reviews")
    cells = tuple(arguments.frameworks), tuple(arguments.architectures)
    official = arguments.data, arguments.unlabelled
    plan = Plan(*cells, arguments.repeats, *official, tuple(parts), arguments.busy, arguments.texts)
    with (
        output(arguments, arguments.out, PAGE) as place,
        output(arguments, arguments.out.with_suffix(".svg"), PAGE) as picture,
    ):
        run_benchmark(plan, place, picture)
    return 0
