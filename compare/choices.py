"""What several commands let a user choose, and how a wrong choice is refused."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from shared.command_line import positive
from shared.errors import LockstepError
from shared.frameworks import module_name
from shared.specification import ARCHITECTURES

COMPARED_ARCHITECTURES = ("lstm", "gru", "bilstm")


def refuse_doubles(flag: str, values: Sequence[object]) -> None:
    """Refuse a list in which a value stands twice: its cells would count twice."""
    for place, value in enumerate(values):
        if value in values[:place]:
            raise LockstepError(f"{flag}: {value} stands twice")


def check_names(frameworks: Sequence[str], architectures: Sequence[str]) -> None:
    """Refuse names of frameworks and architectures that are unknown or stand twice."""
    refuse_doubles("--frameworks", frameworks)
    refuse_doubles("--architectures", architectures)
    for framework in frameworks:
        module_name(framework)
    for architecture in architectures:
        if architecture not in ARCHITECTURES:
            raise LockstepError(f"unknown architecture {architecture!r}: choose among {', '.join(ARCHITECTURES)}")


def add_executor_flags(parser: argparse.ArgumentParser, what: str) -> None:
    """Give a parser ``--jobs``, ``--executor`` and ``--address``; what is trained side by side is for its help."""
    parser.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help=f"{what} side by side, sharing the cores; default: 1, on a Ray cluster as many as it holds",
    )
    parser.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="what trains: this machine, or the nodes of a Ray cluster; default: local",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of the cluster's head, with --executor ray; default: $RAY_ADDRESS, or this machine's cluster",
    )
