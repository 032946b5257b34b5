"""``python -m compare``, and the console script ``lockstep``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.command_line import guarded
from shared.contract import FRAMEWORKS, module_name
from shared.errors import LockstepError
from shared.runs import experiment_name
from shared.specification import (
    ARCHITECTURES,
    POOLINGS,
    Specification,
    add_specification_flags,
    flags_of,
    specification_from_flags,
)

COMPARED_ARCHITECTURES = ("lstm", "gru", "bilstm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in ("train", "predict"):
        return guarded(lambda: _implementation_command(given))
    parsed = _parser().parse_args(given)
    return guarded(lambda: parsed.run(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("lockstep", description="The same movie-review classifier in four frameworks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in ("train", "predict"):
        commands.add_parser(
            name, help=f"python -m <framework>_impl {name}: lockstep {name} FRAMEWORK …", add_help=False
        )

    run = commands.add_parser("run", help="train every cell of the grid that is not finished yet")
    _add_grid_flags(run)
    run.add_argument("--experiment", metavar="NAME", help="default: <preset>, or <preset>-idiomatic")
    run.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="default: runs")
    run.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="cells side by side, sharing the cores; default: 1"
    )
    run.add_argument("--no-baselines", action="store_true", help="leave the baselines out")
    run.set_defaults(run=_run)

    report = commands.add_parser("report", help="write index.html, report.md and statistics.json of an experiment")
    report.add_argument("experiment", type=Path, metavar="DIR", help="for example runs/quick")
    report.add_argument("--out", type=Path, metavar="DIR", help="default: reports/<name of the experiment>")
    report.set_defaults(run=_report)

    benchmark = commands.add_parser(
        "benchmark",
        help="measure speed: of every cell, of each framework's documented way, of learning, and how it grows",
        description="For an idle machine: nothing else should run. All of it takes about forty minutes on two cores.",
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
        help="speed, learning (needs --data), growth; default: all. What --out has of other parts stays",
    )
    benchmark.add_argument("--repeats", type=int, default=3, metavar="N", help="pairs of measurements; default: 3")
    benchmark.add_argument(
        "--data", metavar="SOURCE", help="official reviews, for learning: the seconds to an accuracy"
    )
    benchmark.add_argument("--unlabelled", default="none", metavar="SOURCE", help="as for train; default: none")
    benchmark.add_argument(
        "--out", type=Path, default=Path("reports/benchmark.json"), help="default: reports/benchmark.json"
    )
    benchmark.set_defaults(run=_benchmark)

    parity = commands.add_parser("parity", help="hold each framework against the NumPy reference, to rounding error")
    parity.add_argument("--frameworks", nargs="+", default=list(FRAMEWORKS), metavar="NAME", help="default: all four")
    parity.add_argument("--out", type=Path, default=Path("runs/parity.json"), help="default: runs/parity.json")
    parity.set_defaults(run=_parity)

    portability = commands.add_parser(
        "portability",
        help="open every checkpoint of an experiment in every framework and in the NumPy reference",
        description="Cells that the experiment lacks, such as the reference's own, are trained first.",
    )
    portability.add_argument("experiment", type=Path, metavar="DIR", help="for example runs/quick")
    portability.add_argument(
        "--reviews", type=int, default=1_000, metavar="N", help="test reviews to predict; default: 1000"
    )
    portability.set_defaults(run=_portability)

    ensemble = commands.add_parser("ensemble", help="ask all networks of some experiments together")
    ensemble.add_argument("experiments", type=Path, nargs="+", metavar="DIR", help="for example runs/full")
    ensemble.add_argument(
        "--out", type=Path, default=Path("reports/ensemble.json"), help="default: reports/ensemble.json"
    )
    ensemble.set_defaults(run=_ensemble)

    label = commands.add_parser(
        "label", help="write what the models of an experiment think of its unlabelled reviews, for --pseudo-labels"
    )
    label.add_argument("experiment", type=Path, metavar="DIR", help="for example runs/full")
    label.add_argument("--out", type=Path, metavar="FILE", help="default: pseudo-labels.parquet in the experiment")
    label.set_defaults(run=_label)

    for name, described in (
        ("ladder", "switch one framework default at a time and measure what it is worth"),
        ("ablation", "switch one part of the full recipe at a time and measure what it is worth"),
    ):
        study = commands.add_parser(name, help=described)
        study.add_argument("--framework", default="pytorch", metavar="NAME", help="that trains; default: pytorch")
        study.add_argument("--rungs", nargs="+", default=[], metavar="NAME", help="default: all")
        study.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
        study.add_argument("--out", type=Path, default=Path("runs") / name, metavar="DIR", help=f"default: runs/{name}")
        _add_machine_flags(study)
        study.add_argument("--jobs", type=int, default=1, metavar="N", help="rungs side by side; default: 1")
        add_specification_flags(study, without=("recipe", "seed"))
        study.set_defaults(run=_ladder, study=name)

    results = commands.add_parser(
        "results", help="put the figures of results/ into the README's and the lesson's tables"
    )
    results.add_argument(
        "results", type=Path, nargs="?", default=Path("results"), metavar="DIR", help="default: results"
    )
    results.add_argument("--readme", type=Path, default=Path("README.md"), metavar="FILE", help="default: README.md")
    results.set_defaults(run=_results)

    _add_convert_command(commands)

    baseline = commands.add_parser("baseline", help="train one baseline and write its run")
    baseline.add_argument("name", metavar="NAME", help="majority, mean-of-vectors, tf-idf, nb-svm or nb-svm-trigrams")
    baseline.add_argument("--out", type=Path, required=True, metavar="DIR")
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
    convert.add_argument("input", type=Path, metavar="INPUT", help="a trained model")
    convert.add_argument("output", type=Path, metavar="OUTPUT", help="where to write it; the suffix says the format")
    convert.add_argument("--overwrite", action="store_true", help="replace OUTPUT, if it is a model of the same kind")
    convert.add_argument(
        "--vocabulary",
        type=Path,
        metavar="FILE",
        help="the model's words, one a line in the order of the ids, <pad> and <unk> first; default: placeholders",
    )
    convert.add_argument("--class-names", nargs="+", metavar="NAME", help="by label; default: negative positive")
    convert.add_argument(
        "--pooling", choices=POOLINGS, help="how a state_dict's model pools; default: what it says, or last"
    )
    convert.add_argument(
        "--max-length",
        type=int,
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
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="default: 0")
    _add_machine_flags(parser)
    add_specification_flags(parser, without=("architecture", "seed"))


def _add_machine_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="default: auto")
    parser.add_argument("--threads", type=int, metavar="N", help="of each cell; default: one for each core")


def _check_names(frameworks: Sequence[str], architectures: Sequence[str]) -> None:
    for framework in frameworks:
        module_name(framework)
    for architecture in architectures:
        if architecture not in ARCHITECTURES:
            raise LockstepError(f"unknown architecture {architecture!r}: choose among {', '.join(ARCHITECTURES)}")


def _implementation_command(given: list[str]) -> int:
    command, framework, *rest = given if len(given) > 1 else [*given, "--help"]
    if framework.startswith("-"):
        print(f"usage: lockstep {command} {{{','.join(FRAMEWORKS)}}} … (each has its own --help)")
        return 0 if framework in ("-h", "--help") else 2
    return importlib.import_module("shared.command_line").main(
        framework, importlib.import_module(f"{module_name(framework)}.__main__").load, [command, *rest]
    )


def _run(arguments: argparse.Namespace) -> int:
    from compare.grid import run_grid

    _check_names(arguments.frameworks, arguments.architectures)
    specification = specification_from_flags(arguments)
    name = arguments.experiment or experiment_name(arguments.preset, specification.recipe)
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
        given=_given_flags(arguments),
    )
    return 1 if failed else 0


def _given_flags(arguments: argparse.Namespace) -> list[str]:
    """Return the specification's flags again, for the subprocess of a cell."""
    given = {name: getattr(arguments, name, None) for name in Specification.model_fields}
    return ["--preset", arguments.preset, *flags_of(given)]


def _ladder(arguments: argparse.Namespace) -> int:
    from compare.grid import machine_flags
    from compare.ladder import DEFAULTS, ablation, run_ladder, rungs_of

    module_name(arguments.framework)
    if len(set(arguments.seeds)) < len(arguments.seeds):
        raise LockstepError("--seeds: a seed stands twice")
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
        given=_given_flags(arguments),
        machine=machine_flags(arguments.device, arguments.threads, arguments.jobs),
        jobs=arguments.jobs,
    )
    return 1 if failed else 0


def _report(arguments: argparse.Namespace) -> int:
    from compare.report import write_report

    out = arguments.out or Path("reports") / arguments.experiment.resolve().name
    write_report(arguments.experiment, out)
    print(f"{out / 'index.html'}\n{out / 'report.md'}")
    return 0


def _benchmark(arguments: argparse.Namespace) -> int:
    from compare.benchmark import PARTS, Plan, run_benchmark

    _check_names(arguments.frameworks, arguments.architectures)
    parts = arguments.parts or [part for part in PARTS if part != "learning" or arguments.data]
    for part in parts:
        if part not in PARTS:
            raise LockstepError(f"unknown part {part!r}: choose from {', '.join(PARTS)}")
    if "learning" in parts and not arguments.data:
        raise LockstepError("--parts learning: pass --data with the official reviews")
    if arguments.repeats < 1:
        raise LockstepError("--repeats: at least 1")
    cells = tuple(arguments.frameworks), tuple(arguments.architectures)
    plan = Plan(*cells, arguments.repeats, arguments.data, arguments.unlabelled, tuple(parts))
    run_benchmark(plan, arguments.out)
    return 0


def _parity(arguments: argparse.Namespace) -> int:
    from compare.parity import run_parity

    _check_names(arguments.frameworks, ())
    return 0 if run_parity(arguments.frameworks, arguments.out) else 1


def _portability(arguments: argparse.Namespace) -> int:
    from compare.portability import run_portability

    if arguments.reviews < 1:
        raise LockstepError("--reviews: at least 1")
    return 0 if run_portability(arguments.experiment, arguments.reviews) else 1


def _ensemble(arguments: argparse.Namespace) -> int:
    from compare.ensemble import run_ensemble

    run_ensemble(arguments.experiments, arguments.out)
    return 0


def _label(arguments: argparse.Namespace) -> int:
    from compare.teacher import write_pseudo_labels

    write_pseudo_labels(arguments.experiment, arguments.out or arguments.experiment / "pseudo-labels.parquet")
    return 0


def _results(arguments: argparse.Namespace) -> int:
    from compare.results import fill_lesson, fill_readme

    fill_readme(arguments.results, arguments.readme)
    fill_lesson(arguments.results, arguments.readme.parent / "lessons" / "differences.md")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from compare.convert import Wishes, convert, describe

    names = tuple(arguments.class_names) if arguments.class_names else None
    wishes = Wishes(arguments.vocabulary, names, arguments.pooling, arguments.max_length)
    checkpoint, notes = convert(arguments.input, arguments.output, wishes, arguments.overwrite)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"{arguments.output}: {describe(checkpoint)}")
    return 0


def _baseline(arguments: argparse.Namespace) -> int:
    from compare.baselines import train_baseline

    record = train_baseline(arguments.name, specification_from_flags(arguments), arguments.out)
    print(f"{arguments.out}: test accuracy {record.metrics['test']['accuracy']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
