"""The commands of ``lockstep``: what each is for and which module has it, so that help waits for none of them."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command, before anything of it is imported.

    Attributes
    ----------
    what : str
        What it does, on one line.
    module : str
        Its ``register(commands)`` makes the parser; empty where `compare.__main__` itself does.
    """

    what: str
    module: str = ""


GRID, REPORT, PROOFS = "compare.grid.commands", "compare.report.commands", "compare.proofs.commands"
STUDIES, EXPLAIN = "compare.studies.commands", "compare.explain.commands"
ENSEMBLES, EXCHANGE = "compare.ensembles.commands", "compare.exchange.commands"

# By what people come for, in the order in which they meet it.
GROUPS = {
    "one model": {
        "train": Command("train a model in one framework and write a run"),
        "predict": Command("read texts with a trained model, in a framework or without one"),
        "convert": Command("a trained model from one file format to another, exactly or not at all", EXCHANGE),
        "tasks": Command("list the data sets with a published model, for --task"),
    },
    "the comparison": {
        "run": Command("train every cell of the grid that is not finished yet", GRID),
        "report": Command("write the page of an experiment, or of two beside each other", REPORT),
        "results": Command("print a table of an experiment or of a report, or write it as a file", REPORT),
        "baseline": Command("train one baseline and write its run", GRID),
        "ensemble": Command("let all networks of some experiments answer together", ENSEMBLES),
        "label": Command("write what an experiment's models think of its unlabelled reviews", ENSEMBLES),
        "track": Command("finished runs into TensorBoard or MLflow: parameters, history, results, files", EXCHANGE),
    },
    "why two models differ": {
        "explain": Command("train from A to B, field by field, and measure what each difference is worth", EXPLAIN),
        "diff": Command("say what differs between two runs, models, recipes or files of settings", EXPLAIN),
        "ladder": Command("switch one framework's default at a time", STUDIES),
        "ablation": Command("switch one part of a recipe at a time", STUDIES),
    },
    "proof and speed": {
        "parity": Command("hold each framework against the NumPy reference, to rounding error", PROOFS),
        "portability": Command("open every checkpoint in every framework and in the NumPy reference", PROOFS),
        "fates": Command("follow one training in every framework: where they part, and why", PROOFS),
        "witnesses": Command("hold frameworks told to act like another against that one's own code", PROOFS),
        "benchmark": Command("measure speed: training, prediction, learning, growth, reading", STUDIES),
    },
    "this program": {
        "config": Command("print what lockstep.toml says, or what it may say to a command"),
        "completion": Command("print the code with which bash, zsh or fish complete commands and flags"),
        "docs": Command("put the figures of results/ into the tables of the README, docs/ and the lessons"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}

EXAMPLES = (
    "lockstep train pytorch --preset smoke --out runs/mine",
    'lockstep predict runs/mine "A film to remember."',
    "lockstep run --preset smoke && lockstep report runs/smoke",
    "lockstep explain keras pytorch:lstm --budget 30m",
)


def overview(version: str) -> str:
    """Return what ``lockstep`` says of itself: its commands by group, and examples."""
    width = max(map(len, COMMANDS))
    lines = [
        f"lockstep {version}: the same text classifier in Keras, PyTorch, Flair and fastai, proven equal and compared",
        "",
        "usage: lockstep COMMAND …; each has its own --help",
    ]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:<{width}}  {command.what}" for name, command in group.items()]
    lines += ["", "flags of every command: --quiet, --verbose, --config FILE; and lockstep --version"]
    return "\n".join([*lines, "", "examples:", *(f"  {example}" for example in EXAMPLES)])
