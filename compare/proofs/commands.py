"""``lockstep parity`` and ``portability``."""

from __future__ import annotations

import argparse
from typing import Any

from compare.choices import check_names
from shared.command_line import (
    InputPath,
    OutputPath,
    add_output,
    output,
    positive,
)
from shared.contract import FRAMEWORKS
from shared.output import PAGE


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


def _parity(arguments: argparse.Namespace) -> int:
    from compare.proofs.parity import run_parity

    check_names(arguments.frameworks, ())
    with output(arguments, arguments.out, PAGE) as place:
        return 0 if run_parity(arguments.frameworks, place, arguments.short) else 1


def _portability(arguments: argparse.Namespace) -> int:
    from compare.proofs.portability import run_portability

    with output(arguments, arguments.experiment / "portability.json", PAGE) as place:
        return 0 if run_portability(arguments.experiment, arguments.reviews, place, arguments.train) else 1
