"""``lockstep parity`` and ``portability``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

from compare.choices import add_executor_flags, check_names, refuse_doubles
from shared.command_line import (
    FolderPath,
    InputPath,
    OutputPath,
    add_machine_flags,
    add_output,
    natural,
    output,
    positive,
)
from shared.errors import LockstepError
from shared.frameworks import FRAMEWORKS
from shared.output import PAGE
from shared.recipes import DOCUMENTED_FIELDS
from shared.specification import add_specification_flags, given_flags, specification_from_flags


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    parity = commands.add_parser("parity", help="hold each framework against the NumPy reference, to rounding error")
    parity.add_argument("--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four")
    add_output(parity, "default: runs/parity.json", default=OutputPath("runs/parity.json"))
    parity.add_argument(
        "--short", action="store_true", help="measure a few models and one training only, as make compare does"
    )
    parity.set_defaults(run=_parity)

    portability = commands.add_parser(
        "portability",
        help="open every checkpoint of an experiment in every framework and in the NumPy reference",
        description="Cells that the experiment lacks, such as the reference's own, are trained first.",
    )
    portability.add_argument("experiment", type=InputPath, metavar="DIR", help="for example runs/quick")
    portability.add_argument(
        "--reviews", type=positive, default=1_000, metavar="N", help="test reviews to predict; default: 1000"
    )
    portability.add_argument(
        "--no-train",
        dest="train",
        action="store_false",
        help="train nothing: compare the frameworks whose checkpoints are there",
    )
    portability.set_defaults(run=_portability)

    witnesses = commands.add_parser(
        "witnesses",
        help="hold every framework that is told to act like another against that one's own code",
        description="Each framework's own code is trained with the values of its documentation (--recipe idiomatic), "
        "and every framework with --like it. Their test accuracies should be the same but for the seeds. What is "
        "finished is not trained again.",
    )
    witnesses.add_argument(
        "--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four"
    )
    witnesses.add_argument(
        "--seeds", nargs="+", type=natural, default=[0, 1, 2, 3, 4], metavar="N", help="default: 0 1 2 3 4"
    )
    witnesses.add_argument(
        "--runs", type=FolderPath, default=FolderPath("runs/studies"), metavar="DIR", help="default: runs/studies"
    )
    add_output(witnesses, "default: runs/witnesses.json", default=OutputPath("runs/witnesses.json"))
    add_machine_flags(witnesses)
    add_executor_flags(witnesses, "trainings")
    add_specification_flags(witnesses, without=("recipe", "like", "seed"))
    witnesses.set_defaults(run=_witnesses)

    fates = commands.add_parser(
        "fates",
        help="follow one training in every framework: where they part, and whether rounding explains it",
        description="Each array is compared with the NumPy reference in float64 after many steps, beside the same "
        "reference in float32. Where a maximum is pooled, the same is trained with the mean too: rounding decides "
        "between outputs that tie. Writes fates.json, fates.md and fates.svg.",
    )
    fates.add_argument("--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four")
    fates.add_argument(
        "--steps", type=positive, metavar="N", help="train this many, or a few more; default: as the preset says"
    )
    fates.add_argument(
        "--out", type=FolderPath, default=FolderPath("runs/fates"), metavar="DIR", help="default: runs/fates"
    )
    add_specification_flags(fates, without=("recipe",))
    # Not quick, which takes the reference a quarter of an hour.
    fates.set_defaults(run=_fates, preset="smoke")


def _parity(arguments: argparse.Namespace) -> int:
    from compare.proofs.parity import run_parity

    check_names(arguments.frameworks, ())
    with output(arguments, arguments.out, PAGE) as place:
        return 0 if run_parity(arguments.frameworks, place, arguments.short) else 1


def _portability(arguments: argparse.Namespace) -> int:
    from compare.proofs.portability import run_portability

    with output(arguments, arguments.experiment / "portability.json", PAGE) as place:
        return 0 if run_portability(arguments.experiment, arguments.reviews, place, arguments.train) else 1


def _witnesses(arguments: argparse.Namespace) -> int:
    from compare.grid.executors import executor_of
    from compare.proofs.witnesses import run_witnesses

    check_names(arguments.frameworks, ())
    refuse_doubles("--seeds", arguments.seeds)
    for name in given_flags(arguments):
        if name in DOCUMENTED_FIELDS:
            flag = name.replace("_", "-")
            raise LockstepError(f"--{flag}: here each framework's documentation decides on it; leave it out")
    specification = specification_from_flags(arguments)
    with output(arguments, arguments.out, PAGE) as place, executor_of(arguments) as executor:
        same = run_witnesses(
            arguments.runs, specification, arguments.frameworks, arguments.seeds, place, executor=executor
        )
    return 0 if same else 1


def _fates(arguments: argparse.Namespace) -> int:
    from compare.proofs.fates import run_fates

    check_names(arguments.frameworks, ())
    with ExitStack() as stack:
        places = {
            suffix: stack.enter_context(output(arguments, arguments.out / f"fates{suffix}", PAGE))
            for suffix in (".json", ".md", ".svg")
        }
        same = run_fates(arguments.frameworks, specification_from_flags(arguments), arguments.steps, places)
    return 0 if same else 1
