"""The command line that all four implementations share: ``train`` and ``predict``."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from shared.errors import LockstepError
from shared.history import Progress, Silent
from shared.specification import Specification, add_specification_flags, specification_from_flags

if TYPE_CHECKING:
    from shared.contract import Implementation
    from shared.data.sources import Reviews

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


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
    parsed = _parser(framework).parse_args(arguments)
    return guarded(lambda: parsed.run(framework, load, parsed))


def guarded(command: Callable[[], int]) -> int:
    """Run a command; turn what a user can cause into one line on stderr and an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_INTERRUPTED))
    try:
        return command()
    except LockstepError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted: nothing half-written was left", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        advice = "; free some space" if error.errno == errno.ENOSPC else ""
        where = f": {error.filename}" if error.filename else ""
        print(f"error: {error.strerror or error}{where}{advice}; nothing half-written was left", file=sys.stderr)
        return EXIT_BAD_INPUT


def _parser(framework: str) -> argparse.ArgumentParser:
    from shared.contract import module_name

    program = f"python -m {module_name(framework)}"
    parser = argparse.ArgumentParser(program, description=f"The movie-review classifier in {framework}.")
    commands = parser.add_subparsers(required=True, metavar="train | predict")

    train = commands.add_parser(
        "train",
        help="train a model and write a run: record, history, predictions, checkpoint",
        epilog=f"example: {program} train --architecture bilstm --preset quick --seed 0 --out runs/mine",
    )
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/<preset>/<framework>/<architecture>/seed-<n>"
    )
    train.add_argument("--overwrite", action="store_true", help="replace a finished run in --out")
    train.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    add_machine_flags(train)
    add_specification_flags(train)
    train.set_defaults(run=_train)

    predict = commands.add_parser(
        "predict",
        help="read reviews with a checkpoint that any of the four frameworks wrote",
        epilog=f'example: {program} predict --checkpoint runs/mine "A film to remember."',
    )
    predict.add_argument("reviews", nargs="*", metavar="REVIEW", help="default: standard input, one review a line")
    predict.add_argument(
        "--checkpoint", type=Path, required=True, metavar="DIR", help="a checkpoint, or a run that has one"
    )
    predict.add_argument(
        "--input", metavar="FILE", help="a .csv or .parquet with a text column, or a source as for train --data"
    )
    predict.add_argument(
        "--output", type=Path, metavar="FILE", help="write predictions.parquet's format here instead of printing"
    )
    add_machine_flags(predict)
    predict.set_defaults(run=_predict)
    return parser


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser ``--device`` and ``--threads``."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="default: auto")
    parser.add_argument("--threads", type=positive, metavar="N", help="default: one for each core")


def positive(text: str) -> int:
    """Read a whole number above 0, as the type of a flag."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


class BarProgress:
    """A progress bar on a terminal; elsewhere one line an epoch."""

    def __init__(self, title: str) -> None:
        self.bar = tqdm(desc=title, unit=" steps", disable=None, leave=False)

    def update(self, done: int, total: int, epoch: int, loss: float) -> None:
        """Move the bar."""
        if not self.bar.disable:
            self.bar.total = total
            self.bar.set_postfix(epoch=epoch, loss=f"{loss:.4f}", refresh=False)
            self.bar.update(done - self.bar.n)

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.write(text, file=sys.stderr)


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
            print(json.dumps({"done": done, "total": total, "epoch": epoch, "loss": loss}), flush=True)

    def message(self, text: str) -> None:
        """Print a line on standard error, where it becomes the cell's log."""
        print(text, file=sys.stderr, flush=True)


def _progress(kind: str, title: str) -> Progress:
    if kind == "none":
        return Silent()
    return JsonProgress() if kind == "json" else BarProgress(title)


def _train(framework: str, load: Callable[[], Implementation], arguments: argparse.Namespace) -> int:
    from shared.cell import train_cell
    from shared.runs import experiment_name, is_finished, run_directory

    specification = specification_from_flags(arguments)
    experiment = Path("runs") / experiment_name(arguments.preset, specification.recipe)
    default = run_directory(experiment, framework, specification.architecture, specification.seed)
    target: Path = arguments.out or default
    if target.exists() and not (is_finished(target) or (target.is_dir() and not any(target.iterdir()))):
        raise LockstepError(f"{target}: exists and is not a run; choose another --out")
    if is_finished(target) and not arguments.overwrite:
        raise LockstepError(f"{target}: a finished run is there; pass --overwrite to replace it, or another --out")
    progress = _progress(arguments.progress, f"{framework} {specification.architecture}")
    given = {name for name in Specification.model_fields if getattr(arguments, name, None) is not None}
    record = train_cell(load(), specification, given, target, arguments.device, arguments.threads, progress)
    test = record.metrics["test"]
    progress.message(
        f"{target}: test accuracy {test['accuracy']:.4f}, log loss {test['log_loss']:.4f}, "
        f"{record.seconds.training:.1f} s of training, {record.reviews_per_second['training']:,.0f} reviews/s"
    )
    return 0


def _predict(framework: str, load: Callable[[], Implementation], arguments: argparse.Namespace) -> int:
    from shared.data.encoding import encode_texts
    from shared.data.sources import CLASS_NAMES
    from shared.predictions import Predictions, write_predictions
    from shared.weights import read_checkpoint

    checkpoint = read_checkpoint(arguments.checkpoint)
    if arguments.output and len(checkpoint.class_names) != len(CLASS_NAMES):
        classes = f"two classes, this model has {len(checkpoint.class_names)}"
        raise LockstepError(f"--output: predictions.parquet has columns for {classes}; print them instead")
    reviews = _reviews_to_predict(arguments)
    encoded = encode_texts(
        reviews.texts, checkpoint.vocabulary, checkpoint.specification, reviews.review_ids, reviews.labels
    )
    implementation = load()
    implementation.configure(arguments.device, arguments.threads, checkpoint.specification.seed)
    model = implementation.build(checkpoint.specification.replaced(recipe="lockstep"), checkpoint.weights)
    probabilities = implementation.predict_probabilities(model, encoded)
    empty = int((encoded.sizes == 0).sum())
    if empty:
        print(f"{empty} review(s) without a word: the answer is the model's for no input", file=sys.stderr)
    if arguments.output:
        write_predictions(arguments.output, Predictions.of(encoded, probabilities))
        print(f"{arguments.output}: {len(encoded):,} predictions{_scored(reviews.labels, probabilities)}")
    else:
        for text, row in zip(reviews.texts, probabilities, strict=True):
            print(describe(text, row, checkpoint.class_names))
    return 0


def _scored(labels: np.ndarray, probabilities: np.ndarray) -> str:
    known = labels >= 0
    if not known.any():
        return ""
    right = probabilities[known].argmax(axis=1) == labels[known]
    return f", accuracy {right.mean():.4f} on {known.sum():,} with a label"


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


def _reviews_to_predict(arguments: argparse.Namespace) -> Reviews:
    from shared.data.sources import Reviews, load_reviews, load_table

    if arguments.input and arguments.reviews:
        raise LockstepError("give reviews as arguments or with --input, not both")
    if arguments.input:
        path = Path(arguments.input)
        table = path.suffix in (".csv", ".parquet") and path.exists()
        return load_table(path, labelled=False) if table else load_reviews(arguments.input)
    texts = arguments.reviews or _standard_input()
    for number, text in enumerate(texts, 1):
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise LockstepError(f"review {number} is not UTF-8")
    ids = [f"review-{row:06d}" for row in range(len(texts))]
    return Reviews("arguments", ids, texts, np.full(len(texts), -1, np.int8), np.arange(len(texts)))


def _standard_input() -> list[str]:
    if sys.stdin.isatty():
        print("type a review a line, end with Ctrl-D", file=sys.stderr)
    try:
        lines = sys.stdin.buffer.read().decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise LockstepError(f"standard input is not UTF-8 (byte {error.start})") from error
    if not lines:
        raise LockstepError("no reviews: give them as arguments, with --input, or on standard input")
    return lines
