"""``python -m compare``, and the console script ``lockstep``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shared.command_line import (
    FilledPath,
    FolderPath,
    InputPath,
    OutputPath,
    Parser,
    add_machine_flags,
    add_output,
    announce,
    guarded,
    natural,
    output,
    positive,
)
from shared.contract import FRAMEWORKS, module_name
from shared.errors import LockstepError
from shared.output import PAGE
from shared.runs import RUN, experiment_name
from shared.specification import (
    ARCHITECTURES,
    POOLINGS,
    add_specification_flags,
    given_flags,
    specification_from_flags,
)
from shared.terminal import say

COMPARED_ARCHITECTURES = ("lstm", "gru", "bilstm")


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

    run = commands.add_parser("run", help="train every cell of the grid that is not finished yet")
    _add_grid_flags(run)
    run.add_argument("--experiment", metavar="NAME", help="default: <preset>, or <preset>-idiomatic")
    run.add_argument("--runs", type=FolderPath, default=FolderPath("runs"), metavar="DIR", help="default: runs")
    run.add_argument(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="networks side by side, sharing the cores; default: 1 (of baselines, one for each core)",
    )
    run.add_argument("--no-baselines", action="store_true", help="leave the baselines out")
    run.set_defaults(run=_run)

    report = commands.add_parser("report", help="write index.html, report.md and statistics.json of an experiment")
    report.add_argument("experiment", type=InputPath, metavar="DIR", help="for example runs/quick")
    report.add_argument(
        "--out",
        type=FolderPath,
        metavar="DIR",
        help="default: reports/<name of the experiment>; its own pages there "
        "are made anew, other files only with --overwrite",
    )
    report.add_argument("--overwrite", action="store_true", help="replace files of the same names that it did not make")
    report.set_defaults(run=_report)

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
        help="speed, learning (needs --data), growth, reading; default: all. What --out has of other parts stays",
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

    parity = commands.add_parser("parity", help="hold each framework against the NumPy reference, to rounding error")
    parity.add_argument("--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four")
    add_output(parity, "default: runs/parity.json", default=OutputPath("runs/parity.json"))
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
    portability.set_defaults(run=_portability)

    ensemble = commands.add_parser("ensemble", help="ask all networks of some experiments together")
    ensemble.add_argument("experiments", type=InputPath, nargs="+", metavar="DIR", help="for example runs/full")
    add_output(ensemble, "default: reports/ensemble.json", default=OutputPath("reports/ensemble.json"))
    ensemble.set_defaults(run=_ensemble)

    label = commands.add_parser(
        "label", help="write what the models of an experiment think of its unlabelled reviews, for --pseudo-labels"
    )
    label.add_argument("experiment", type=InputPath, metavar="DIR", help="for example runs/full")
    add_output(label, "default: pseudo-labels.parquet in the experiment")
    label.set_defaults(run=_label)

    for name, described in (
        ("ladder", "switch one framework default at a time and measure what it is worth"),
        ("ablation", "switch one part of the full recipe at a time and measure what it is worth"),
    ):
        study = commands.add_parser(name, help=described)
        study.add_argument("--framework", default="pytorch", metavar="NAME", help="that trains; default: pytorch")
        study.add_argument("--rungs", nargs="+", default=[], metavar="NAME", help="default: all")
        study.add_argument("--seeds", nargs="+", type=natural, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
        study.add_argument(
            "--out", type=FolderPath, default=FolderPath("runs") / name, metavar="DIR", help=f"default: runs/{name}"
        )
        add_machine_flags(study)
        study.add_argument("--jobs", type=positive, default=1, metavar="N", help="rungs side by side; default: 1")
        add_specification_flags(study, without=("recipe", "seed"))
        study.set_defaults(run=_ladder, study=name)

    results = commands.add_parser(
        "results", help="put the figures of results/ into the README's and the lesson's tables"
    )
    results.add_argument(
        "results", type=InputPath, nargs="?", default=InputPath("results"), metavar="DIR", help="default: results"
    )
    results.add_argument(
        "--readme", type=FilledPath, default=FilledPath("README.md"), metavar="FILE", help="default: README.md"
    )
    results.set_defaults(run=_results)

    _add_convert_command(commands)

    tasks = commands.add_parser("tasks", help="list the data sets with a published model, for --task")
    tasks.set_defaults(run=_tasks)

    baseline = commands.add_parser("baseline", help="train one baseline and write its run")
    baseline.add_argument(
        "name",
        metavar="NAME",
        help="majority, mean-of-vectors, tf-idf, linear-svm, nb-svm or nb-svm-trigrams",
    )
    add_output(baseline, "where its run will stand", metavar="DIR", required=True)
    add_specification_flags(baseline)
    baseline.set_defaults(run=_baseline)
    return parser


def _add_convert_command(commands: Any) -> None:
    convert = commands.add_parser(
        "convert",
        help="a trained model from one file format to another, exactly or not at all",
        description="Read a trained model and write it in another format, always through canonical weights. "
        "INPUT: a checkpoint directory, a .keras file, a PyTorch state_dict (.safetensors, .pt, .pth). "
        "OUTPUT: a directory (a checkpoint), .keras, .safetensors, .pt, .onnx. "
        "What has no exact counterpart is refused by name, never approximated.",
        epilog="example: lockstep convert model.keras model --vocabulary words.txt; lockstep convert model model.onnx",
    )
    convert.add_argument("input", type=InputPath, metavar="INPUT", help="a trained model")
    add_output(convert, "where to write it; the suffix says the format", "output", metavar="OUTPUT")
    convert.add_argument(
        "--vocabulary",
        type=InputPath,
        metavar="FILE",
        help="the model's words, one a line in the order of the ids, <pad> and <unk> first; default: placeholders",
    )
    convert.add_argument(
        "--class-names",
        nargs="+",
        metavar="NAME",
        help="by label; default: what INPUT says, or negative positive, or class-0 class-1 … where there are more",
    )
    convert.add_argument(
        "--pooling", choices=POOLINGS, help="how a state_dict's model pools; default: what it says, or last"
    )
    convert.add_argument(
        "--max-length",
        type=positive,
        metavar="N",
        help="tokens of a review that are read; default: what INPUT says, or 192",
    )
    convert.set_defaults(run=_convert)


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
    add_specification_flags(parser, without=("architecture", "seed"))


def _refuse_doubles(flag: str, values: Sequence[object]) -> None:
    """Refuse a list in which a value stands twice: its cells would count twice."""
    for place, value in enumerate(values):
        if value in values[:place]:
            raise LockstepError(f"{flag}: {value} stands twice")


def _check_names(frameworks: Sequence[str], architectures: Sequence[str]) -> None:
    """Refuse names of frameworks and architectures that are unknown or stand twice."""
    _refuse_doubles("--frameworks", frameworks)
    _refuse_doubles("--architectures", architectures)
    for framework in frameworks:
        module_name(framework)
    for architecture in architectures:
        if architecture not in ARCHITECTURES:
            raise LockstepError(f"unknown architecture {architecture!r}: choose among {', '.join(ARCHITECTURES)}")


def _implementation_command(given: list[str]) -> int:
    command, framework, *rest = given if len(given) > 1 else [*given, "--help"]
    if framework.startswith("-"):
        say(f"usage: lockstep {command} {{{','.join(FRAMEWORKS)}}} … (each has its own --help)")
        return 0 if framework in ("-h", "--help") else 2
    return importlib.import_module("shared.command_line").main(
        framework, importlib.import_module(f"{module_name(framework)}.__main__").load, [command, *rest]
    )


def _run(arguments: argparse.Namespace) -> int:
    from compare.grid import run_grid

    _check_names(arguments.frameworks, arguments.architectures)
    _refuse_doubles("--seeds", arguments.seeds)
    specification = specification_from_flags(arguments)
    name = arguments.experiment or experiment_name(specification.recipe, arguments.preset, arguments.task)
    if name in (".", "..") or Path(name).name != name:
        raise LockstepError(f"--experiment: {name!r} is no name of a folder in --runs; leave out what leads to it")
    failed = run_grid(
        arguments.runs / name,
        specification,
        arguments.frameworks,
        arguments.architectures,
        arguments.seeds,
        device=arguments.device,
        threads=arguments.threads,
        jobs=arguments.jobs,
        baselines=not arguments.no_baselines,
        given=given_flags(arguments),
    )
    return 1 if failed else 0


def _ladder(arguments: argparse.Namespace) -> int:
    from compare.grid import machine_flags
    from compare.ladder import DEFAULTS, ablation, run_ladder, rungs_of

    module_name(arguments.framework)
    _refuse_doubles("--seeds", arguments.seeds)
    _refuse_doubles("--rungs", arguments.rungs)
    study = DEFAULTS
    if arguments.study == "ablation":  # there these two are rungs, not part of the recipe
        study = ablation(arguments.start_from or "none", arguments.pseudo_labels or "none")
        arguments.start_from = arguments.pseudo_labels = None
    specification = specification_from_flags(arguments)
    failed = run_ladder(
        arguments.out,
        study,
        specification,
        arguments.framework,
        arguments.seeds,
        rungs_of(specification, arguments.framework, arguments.rungs, study),
        given=given_flags(arguments),
        machine=machine_flags(arguments.device, arguments.threads, arguments.jobs),
        jobs=arguments.jobs,
    )
    return 1 if failed else 0


def _report(arguments: argparse.Namespace) -> int:
    from compare.report import REPORT_FILES, write_report

    out = arguments.out or Path("reports") / arguments.experiment.resolve().name
    with ExitStack() as stack:
        places = {name: stack.enter_context(output(arguments, out / name, PAGE)) for name in REPORT_FILES}
        write_report(arguments.experiment, places)
    say(str(out / "index.html"))
    say(str(out / "report.md"))
    return 0


def _benchmark(arguments: argparse.Namespace) -> int:
    from compare.benchmark import PARTS, Plan, run_benchmark

    _check_names(arguments.frameworks, arguments.architectures)
    parts = arguments.parts or [part for part in PARTS if part != "learning" or arguments.data]
    for part in parts:
        if part not in PARTS:
            raise LockstepError(f"unknown part {part!r}: choose from {', '.join(PARTS)}")
    _refuse_doubles("--parts", parts)
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


def _parity(arguments: argparse.Namespace) -> int:
    from compare.parity import run_parity

    _check_names(arguments.frameworks, ())
    with output(arguments, arguments.out, PAGE) as place:
        return 0 if run_parity(arguments.frameworks, place) else 1


def _portability(arguments: argparse.Namespace) -> int:
    from compare.portability import run_portability

    with output(arguments, arguments.experiment / "portability.json", PAGE) as place:
        return 0 if run_portability(arguments.experiment, arguments.reviews, place) else 1


def _ensemble(arguments: argparse.Namespace) -> int:
    from compare.ensemble import run_ensemble

    _refuse_doubles("the experiments", [path.resolve() for path in arguments.experiments])
    with output(arguments, arguments.out, PAGE) as place:
        run_ensemble(arguments.experiments, place)
    return 0


def _label(arguments: argparse.Namespace) -> int:
    from compare.teacher import write_pseudo_labels

    with output(arguments, arguments.out or arguments.experiment / "pseudo-labels.parquet") as place:
        write_pseudo_labels(arguments.experiment, place)
    return 0


def _results(arguments: argparse.Namespace) -> int:
    from compare.results import fill_lesson, fill_readme

    fill_readme(arguments.results, arguments.readme)
    fill_lesson(arguments.results, arguments.readme.parent / "lessons" / "differences.md")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from compare.convert import Wishes, convert, describe, kind_of

    names = tuple(arguments.class_names) if arguments.class_names else None
    wishes = Wishes(arguments.vocabulary, names, arguments.pooling, arguments.max_length)
    with output(arguments, arguments.output, kind_of(arguments.output)) as place:
        checkpoint, notes = convert(arguments.input, place, wishes)
    for note in notes:
        say(f"note: {note}", aside=True)
    announce(place, describe(checkpoint))
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


def _baseline(arguments: argparse.Namespace) -> int:
    from compare.baselines import train_baseline

    specification = specification_from_flags(arguments)
    with output(arguments, arguments.out, RUN) as place:
        record = train_baseline(arguments.name, specification, place)
    announce(place, f"test accuracy {record.metrics['test']['accuracy']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
