"""``lockstep run`` and ``baseline``."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from compare.choices import COMPARED_ARCHITECTURES, add_executor_flags, check_names, refuse_doubles
from shared.command_line import (
    FolderPath,
    add_checkpoint_flag,
    add_machine_flags,
    add_output,
    announce,
    natural,
    output,
)
from shared.errors import LockstepError
from shared.frameworks import FRAMEWORKS
from shared.runs import RUN, experiment_name
from shared.specification import (
    ARCHITECTURES,
    add_specification_flags,
    given_flags,
    specification_from_flags,
)


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    run = commands.add_parser("run", help="train every cell of the grid that is not finished yet")
    _add_grid_flags(run)
    run.add_argument("--experiment", metavar="NAME", help="default: <preset>, or <preset>-idiomatic")
    run.add_argument("--runs", type=FolderPath, default=FolderPath("runs"), metavar="DIR", help="default: runs")
    add_executor_flags(run, "networks")
    run.add_argument("--no-baselines", action="store_true", help="leave the baselines out")
    run.set_defaults(run=_run)

    baseline = commands.add_parser("baseline", help="train one baseline and write its run")
    baseline.add_argument(
        "name",
        metavar="NAME",
        help="majority, mean-of-vectors, tf-idf, linear-svm, nb-svm or nb-svm-trigrams",
    )
    add_output(baseline, "where its run will stand", metavar="DIR", required=True)
    add_specification_flags(baseline)
    baseline.set_defaults(run=_baseline)


def _run(arguments: argparse.Namespace) -> int:
    from compare.grid.driver import run_grid
    from compare.grid.executors import executor_of

    check_names(arguments.frameworks, arguments.architectures)
    refuse_doubles("--seeds", arguments.seeds)
    specification = specification_from_flags(arguments)
    name = arguments.experiment or experiment_name(specification.recipe, arguments.preset, arguments.task)
    if name in (".", "..") or Path(name).name != name:
        raise LockstepError(f"--experiment: {name!r} is no name of a folder in --runs; leave out what leads to it")
    with executor_of(arguments) as executor:
        failed = run_grid(
            arguments.runs / name,
            specification,
            arguments.frameworks,
            arguments.architectures,
            arguments.seeds,
            executor=executor,
            baselines=not arguments.no_baselines,
            given=given_flags(arguments),
            checkpoint_every=arguments.checkpoint_every,
        )
    _print_results(arguments.runs / name)
    return 1 if failed else 0


def _print_results(experiment: Path) -> None:
    """End with what came out, as far as it can be compared: what fails here was said where it failed."""
    from compare.report.statistics import Wishes, summarise_experiment
    from compare.report.tables import headline_table
    from compare.tables import print_table

    with suppress(LockstepError):
        found = summarise_experiment(experiment, Wishes(records_only=True))
        print_table(headline_table(found.model_copy(update={"published": ()})), aside=True)


def _baseline(arguments: argparse.Namespace) -> int:
    from compare.grid.baselines import train_baseline

    specification = specification_from_flags(arguments)
    with output(arguments, arguments.out, RUN) as place:
        record = train_baseline(arguments.name, specification, place)
    announce(place, f"test accuracy {record.metrics['test']['accuracy']:.4f}")
    return 0


def _add_grid_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four")
    parser.add_argument(
        "--architectures",
        nargs="+",
        default=list(COMPARED_ARCHITECTURES),
        metavar="NAME",
        help=f"among {', '.join(ARCHITECTURES)}; default: {' '.join(COMPARED_ARCHITECTURES)}",
    )
    parser.add_argument("--seeds", nargs="+", type=natural, default=[0], metavar="N", help="default: 0")
    add_machine_flags(parser)
    add_checkpoint_flag(parser, "10m; off in the idiomatic recipe")
    add_specification_flags(parser, without=("architecture", "seed"))
