"""``lockstep ensemble`` and ``label``."""

from __future__ import annotations

import argparse
from typing import Any

from compare.choices import refuse_doubles
from shared.command_line import InputPath, OutputPath, add_output, output
from shared.output import PAGE


def register(commands: Any) -> None:
    """Add the commands of this room to the command line."""
    ensemble = commands.add_parser("ensemble", help="let all networks of some experiments answer together")
    ensemble.add_argument("experiments", type=InputPath, nargs="+", metavar="DIR", help="for example runs/full")
    add_output(ensemble, "default: reports/ensemble.json", default=OutputPath("reports/ensemble.json"))
    ensemble.set_defaults(run=_ensemble)

    label = commands.add_parser(
        "label", help="write what the models of an experiment think of its unlabelled reviews, for --pseudo-labels"
    )
    label.add_argument("experiment", type=InputPath, metavar="DIR", help="for example runs/full")
    add_output(label, "default: pseudo-labels.parquet in the experiment")
    label.set_defaults(run=_label)


def _ensemble(arguments: argparse.Namespace) -> int:
    from compare.ensembles.ensemble import run_ensemble

    refuse_doubles("the experiments", [path.resolve() for path in arguments.experiments])
    with output(arguments, arguments.out, PAGE) as place:
        run_ensemble(arguments.experiments, place)
    return 0


def _label(arguments: argparse.Namespace) -> int:
    from compare.ensembles.pseudo_labels import write_pseudo_labels

    with output(arguments, arguments.out or arguments.experiment / "pseudo-labels.parquet") as place:
        write_pseudo_labels(arguments.experiment, place)
    return 0
