"""``train`` and ``predict``, as all implementations have them: flags, progress and what is said."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shared.command_line import (
    DEVICES,
    InputPath,
    Parser,
    add_checkpoint_flag,
    add_machine_flags,
    add_output,
    announce,
    guarded,
    output,
    parse,
    positive,
)
from shared.errors import LockstepError, did_you_mean
from shared.frameworks import FRAMEWORKS
from shared.output import check_standard_output
from shared.terminal import ALWAYS, is_quiet, printable, progress_bar, say

# The help of a command must not wait for what only its work needs: NumPy, pydantic and the like are imported there.
if TYPE_CHECKING:
    import numpy as np

    from shared.contract import Implementation
    from shared.data.reviews import Reading
    from shared.history import Progress
    from shared.prediction import Outcome, Predict, Questions
    from shared.weights import Checkpoint


def main(framework: str, load: Callable[[], Implementation], arguments: Sequence[str] | None = None) -> int:
    """Run one implementation's command line and return its exit code.

    Parameters
    ----------
    framework : str
        Whose command line it is.
    load : () -> Implementation
        Called only when the framework is needed, after the arguments were checked.
    arguments : sequence of str, optional
        Default: ``sys.argv[1:]``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _run(framework, load, parse(parser_of_framework(framework), given)))


def _run(framework: str, load: Callable[[], Implementation], parsed: argparse.Namespace) -> int:
    return cast(int, parsed.run(framework, load, parsed))


def parser_of_framework(framework: str) -> argparse.ArgumentParser:
    """Return the parser of one framework's program: its ``train`` and ``predict``, with all flags."""
    from shared.contract import module_name
    from shared.specification import add_specification_flags

    program = f"python -m {module_name(framework)}"
    parser = Parser(program, description=f"The movie-review classifier in {framework}.")
    commands = parser.add_subparsers(required=True, metavar="train | predict")

    train = commands.add_parser(
        "train",
        help="train a model and write a run: record, history, predictions, checkpoint",
        epilog=f"example: {program} train --architecture bilstm --preset quick --seed 0 --out runs/mine",
    )
    add_output(train, "default: runs/<preset>/<framework>/<architecture>/seed-<n>", metavar="DIR")
    train.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    add_machine_flags(train)
    add_checkpoint_flag(train, "off")
    add_specification_flags(train)
    train.set_defaults(run=_train)

    predict = commands.add_parser(
        "predict",
        help="read reviews with a checkpoint that any of the four frameworks wrote",
        epilog=f'example: {program} predict --checkpoint runs/mine "A film to remember."',
    )
    predict.add_argument(
        "--checkpoint", type=InputPath, required=True, metavar="DIR", help="a checkpoint, or a run that has one"
    )
    _add_text_flags(predict)
    predict.add_argument("--device", choices=DEVICES, default="auto", help="default: auto")
    predict.set_defaults(run=_predict_in_a_framework)
    return parser


def add_predict(commands: Any) -> None:
    """Add ``predict`` without a framework: any checkpoint, read by `shared.predictor`."""
    predict = commands.add_parser(
        "predict",
        description="Read texts with a trained model, whichever framework trained it; none is loaded. A framework's "
        "name in place of the checkpoint has that framework do it: lockstep predict pytorch --checkpoint runs/mine …",
        epilog='example: lockstep predict runs/mine "A film to remember."',
    )
    predict.add_argument("checkpoint", type=InputPath, metavar="CHECKPOINT", help="a checkpoint, or a run that has one")
    _add_text_flags(predict)
    predict.set_defaults(run=_predict_without_a_framework)


def _add_text_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser what says which texts are predicted, and where the answers go."""
    from shared.specification import READING_FIELDS, add_field_flags

    parser.add_argument("reviews", nargs="*", metavar="REVIEW", help="default: standard input, a text a line")
    parser.add_argument(
        "--input",
        type=InputPath,
        metavar="FILE",
        help="texts in any form that train --data reads; labels are not needed",
    )
    add_output(
        parser,
        "a .csv, .tsv, .jsonl or .parquet: all columns of the input, the prediction, a probability of each class; "
        "- is CSV on standard output",
        "--output",
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="default: one for each core")
    add_field_flags(parser, [name for name in READING_FIELDS if name != "split_column"])


class BarProgress:
    """A progress bar on a terminal; elsewhere one line an epoch."""

    def __init__(self, title: str) -> None:
        self.bar = progress_bar(desc=title, unit=" steps", leave=False)

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Move the bar."""
        if not self.bar.disable:
            self.bar.total = total
            self.bar.set_postfix(epoch=epoch, loss=f"{loss:.4f}", refresh=False)
            self.bar.update(done - self.bar.n)

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        if not is_quiet() or text.startswith(ALWAYS):
            self.bar.write(printable(text), file=sys.stderr)


class JsonProgress:
    """JSON lines on standard output, for a program that draws the progress of many cells."""

    SECONDS_BETWEEN = 0.2

    def __init__(self) -> None:
        self.last = 0.0

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Print the state, not more often than `SECONDS_BETWEEN`."""
        now = time.monotonic()
        if done == total or now - self.last >= self.SECONDS_BETWEEN:
            self.last = now
            say(json.dumps({"done": done, "total": total, "epoch": epoch, "loss": loss}))
            sys.stdout.flush()

    def message(self, text: str) -> None:
        """Print a line on standard error, where it becomes the cell's log."""
        say(text, aside=True)


class NoProgress:
    """What is wrong with the data or a state is said nevertheless; the rest is not."""

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Print a warning on standard error."""
        if text.startswith(ALWAYS):
            say(text, aside=True)


def _progress(kind: str, title: str) -> Progress:
    if kind == "none":
        return NoProgress()
    return JsonProgress() if kind == "json" else BarProgress(title)


def _train(framework: str, load: Callable[[], Implementation], arguments: argparse.Namespace) -> int:
    from shared.cell import train_cell
    from shared.runs import RUN, experiment_name, run_directory
    from shared.specification import Specification, specification_from_flags

    specification = specification_from_flags(arguments)
    experiment = Path("runs") / experiment_name(specification.recipe, arguments.preset, arguments.task)
    default = run_directory(experiment, framework, specification.architecture, specification.seed)
    progress = _progress(arguments.progress, f"{framework} {specification.architecture}")
    given = {name for name in Specification.model_fields if getattr(arguments, name, None) is not None}
    with output(arguments, arguments.out or default, RUN) as place:
        machine = arguments.device, arguments.threads
        record = train_cell(load(), specification, given, place, *machine, progress, arguments.checkpoint_every)
    test = record.metrics["test"]
    progress.message(
        f"{place}: test accuracy {test['accuracy']:.4f}, log loss {test['log_loss']:.4f}, "
        f"{record.seconds.training:.1f} s of training, {record.reviews_per_second['training']:,.0f} reviews/s"
    )
    return 0


def _predict_in_a_framework(framework: str, load: Callable[[], Implementation], arguments: argparse.Namespace) -> int:
    def opened(checkpoint: Checkpoint) -> Predict:
        implementation = load()
        specification = checkpoint.specification.replaced(recipe="lockstep")
        implementation.configure(arguments.device, arguments.threads or os.cpu_count() or 1, specification)
        return partial(implementation.predict_probabilities, implementation.build(specification, checkpoint.weights))

    return _predict(arguments, opened)


def _predict_without_a_framework(arguments: argparse.Namespace) -> int:
    def opened(checkpoint: Checkpoint) -> Predict:
        from shared.predictor import Predictor

        return Predictor(checkpoint, arguments.threads).probabilities

    return _predict(arguments, opened)


def _predict(arguments: argparse.Namespace, opened: Callable[[Checkpoint], Predict]) -> int:
    """Predict the texts that flags name, with what the opened checkpoint gives."""
    from shared.data.reviews import Reading
    from shared.prediction import check_columns, predict_all
    from shared.tables import check_ending
    from shared.weights import read_checkpoint

    reading = Reading.of(arguments)
    if reading != Reading() and not arguments.input:
        raise LockstepError("--text-column and the like say how --input is read; give an --input")
    with output(arguments, arguments.output) if arguments.output else nullcontext() as place:
        if place is not None:
            check_ending(place.path)
        _check_is_there(arguments.checkpoint)
        checkpoint = read_checkpoint(arguments.checkpoint)
        questions = _questions(arguments, reading)
        if place is not None:
            check_columns(questions.fields, checkpoint.class_names)
        predict = opened(checkpoint)
        if place is None:
            check_standard_output()

        def tell(*answer: Any) -> None:
            say(describe(*answer))

        outcome = predict_all(questions, checkpoint, predict, place, tell)
        for line in questions.described():
            say(line, aside=True)
        for warning in outcome.coverage.warnings():
            say(f"warning: {warning}", aside=True)
        scored = _scored(questions, outcome)
        if place is not None:
            announce(place, f"{outcome.coverage.texts:,} predictions{scored}")
        elif scored:
            say(scored.removeprefix(", "), aside=True)
    return 0


def _check_is_there(checkpoint: Path) -> None:
    if not checkpoint.exists():
        guess = did_you_mean(str(checkpoint), FRAMEWORKS)
        raise LockstepError(f"{checkpoint}: there is no such checkpoint{guess}")
    if not checkpoint.is_dir():
        raise LockstepError(f"{checkpoint}: is a file; a checkpoint is a folder")


def _questions(arguments: argparse.Namespace, reading: Reading) -> Questions:
    from shared.prediction import lines_of_standard_input, questions_of_source, questions_of_texts

    if arguments.input and arguments.reviews:
        raise LockstepError("give reviews as arguments or with --input, not both")
    if arguments.input and str(arguments.input) == "-":
        raise LockstepError("--input: standard input is read without this flag, a text a line")
    if arguments.input:
        return questions_of_source(str(arguments.input), reading)
    for number, text in enumerate(arguments.reviews, 1):
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise LockstepError(f"review {number} is not UTF-8")
    return questions_of_texts(iter(arguments.reviews) if arguments.reviews else lines_of_standard_input())


def _scored(questions: Questions, outcome: Outcome) -> str:
    if outcome.foreign is not None:
        return (
            f", no accuracy: the column {questions.label_column!r} has {outcome.foreign!r:.40}, "
            "which is none of the model's classes"
        )
    hidden = ""
    if outcome.hidden:
        hidden = f"; {outcome.hidden:,} are labelled -1, which means not known: if it is a class, say so with --labels"
    if not outcome.labelled:
        return hidden
    return f", accuracy {outcome.right / outcome.labelled:.4f} on {outcome.labelled:,} with a label{hidden}"


def describe(text: str, probabilities: np.ndarray, class_names: Sequence[str], width: int = 60) -> str:
    """Say a prediction on one line: both probabilities, a plain reading, the review's beginning.

    Parameters
    ----------
    text : str
        The review; what a terminal would act on is shown as a space.
    probabilities : <float32>[classes]
        Of the classes.
    class_names : sequence of str
        Their names.
    width : int
        Characters of the review at most.
    """
    best = int(probabilities.argmax())
    each = "  ".join(f"{name} {probability:.4f}" for name, probability in zip(class_names, probabilities, strict=True))
    start = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: width * 4]).split())
    shown = start if len(start) <= width else start[: width - 1] + "…"
    return f"{each}  {probabilities[best]:.0%} {class_names[best]}  {shown}"
