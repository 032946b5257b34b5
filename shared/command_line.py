"""The command line that all four implementations share: ``train`` and ``predict``."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path, PosixPath
from threading import Timer, main_thread
from typing import TYPE_CHECKING, Any, NoReturn, cast

from shared.configuration import NAME as CONFIGURATION
from shared.configuration import NO_FILE, Configuration, configure_flags, find_configuration
from shared.configuration import check_names as check_configuration
from shared.durations import interval
from shared.errors import BusyError, LockstepError, did_you_mean
from shared.frameworks import FRAMEWORKS
from shared.output import FILE, Kind, Output, check_standard_output
from shared.startup import EXIT_INTERRUPTED, INTERRUPTED, SIGNALS, interrupt
from shared.terminal import ALWAYS, QUIET, VERBOSE, VERBOSITY, is_quiet, is_verbose, printable, progress_bar, say

# The help of a command must not wait for what only its work needs: NumPy, pydantic and the like are imported there.
if TYPE_CHECKING:
    import numpy as np

    from shared.contract import Implementation
    from shared.data.reviews import Reading
    from shared.history import Progress
    from shared.prediction import Outcome, Predict, Questions
    from shared.weights import Checkpoint

EXIT_BAD_INPUT = 2
EXIT_BUSY = 75
DEVICES = ("auto", "cpu", "cuda", "mps")
LONGEST_NUMBER = 18  # digits of a flag


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, whatever was typed, and guess what was meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse flags that are not known, and ``--flag=--``, of which `argparse` makes an empty list."""
        parsed, rest = super().parse_known_args(args, namespace)
        for action in self._actions:
            value = getattr(parsed, action.dest, None)
            if action.nargs is None and (value == [] or (isinstance(value, list) and [] in value)):
                self.error(f"argument {'/'.join(action.option_strings) or action.dest}: expected one argument")
        if rest:
            word = next((word for word in rest if word.startswith("-")), rest[0])
            guess = did_you_mean(word.partition("=")[0], self._option_string_actions) if word.startswith("-") else ""
            self.error(f"unrecognized arguments: {' '.join(rest)}{guess}")
        return parsed, rest

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Say which choice was perhaps meant; `argparse` does it from Python 3.14 on."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and end with exit code 2."""
        say(f"error: {message}; see {self.prog} --help", aside=True)
        raise SystemExit(EXIT_BAD_INPUT)


class InputPath(PosixPath):
    """A path that a command reads; a type for flags."""


class OutputPath(PosixPath):
    """A path that a command writes to; a type for flags. Every such flag stands beside ``--overwrite``."""


class FolderPath(PosixPath):
    """A folder into which a command puts files of its own; nothing that was there is replaced."""


class FilledPath(PosixPath):
    """A text in which a command writes the tables between its marks anew."""


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
    return guarded(lambda: _run(framework, load, parse(_parser(framework), given)))


def _run(framework: str, load: Callable[[], Implementation], parsed: argparse.Namespace) -> int:
    return cast(int, parsed.run(framework, load, parsed))


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """Give a command the flags that all commands have."""
    group = parser.add_argument_group("of every command")
    how_much = group.add_mutually_exclusive_group()
    how_much.add_argument("--quiet", action="store_true", help="print nothing but answers, warnings and errors")
    how_much.add_argument(
        "--verbose", action="store_true", help="print what libraries say too, and where in the code an error came up"
    )
    group.add_argument(
        "--config",
        type=InputPath,
        metavar="FILE",
        help=f"values for flags that are not typed, in TOML; default: {CONFIGURATION}, where there is one; "
        f"{NO_FILE}: no file",
    )


def command_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's commands, by name."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def parse(
    parser: argparse.ArgumentParser, given: Sequence[str], commands: Sequence[str] | None = None
) -> argparse.Namespace:
    """Parse what was typed, with what a configuration file says in place of what was not.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Has a parser for each command.
    given : sequence of str
        What was typed, a command first.
    commands : sequence of str, optional
        All that a file may have a table for; by default it may have more than are known here.

    Raises
    ------
    LockstepError
        If the file is not there, or says what no flag can.
    """
    parsers = command_parsers(parser)
    for one in parsers.values():
        add_common_flags(one)
    command = given[0] if given else ""
    if command in parsers and not {"-h", "--help"} & set(given):
        configuration = find_configuration(given)
        _check_configuration(configuration, command, commands)
        configured = configure_flags(parsers[command], command, configuration)
        parsed = parser.parse_args(given)
        _set_verbosity(parsed)
        said = [words for name, (words, value) in configured.items() if getattr(parsed, name) is value]
        if said:
            say(f"{configuration.path}: {', '.join(said)}", aside=True)
        return parsed
    return parser.parse_args(given)


def _check_configuration(configuration: Configuration, command: str, commands: Sequence[str] | None) -> None:
    if configuration.path is None:
        return
    from shared.specification import Specification

    everywhere = ("task", "preset", "like", "device", "threads", "quiet", "verbose", *Specification.model_fields)
    known = commands or (*(name for name in configuration.commands if not did_you_mean(name, [command])), command)
    check_configuration(configuration, everywhere, known)


def _set_verbosity(parsed: argparse.Namespace) -> None:
    """Tell this process, and those that it starts, how much to say."""
    chosen = QUIET if parsed.quiet else VERBOSE if parsed.verbose else None
    if chosen:
        os.environ[VERBOSITY] = chosen


def guarded(command: Callable[[], int]) -> int:
    """Run a command; turn what a user can cause into one line on stderr and an exit code."""
    with _verbosity_of_one_command():
        return _guarded(command)


def _guarded(command: Callable[[], int]) -> int:
    try:
        with _signals_interrupt():
            code = command()
            sys.stdout.flush()  # whether it arrives is found here, not when Python ends
            return code
    except BusyError as error:
        return _failed(str(error), EXIT_BUSY)
    except LockstepError as error:
        if is_verbose():
            traceback.print_exc()
        return _failed(str(error))
    except KeyboardInterrupt:
        say(INTERRUPTED, aside=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 1
    except MemoryError:
        return _failed("there is not enough memory; take fewer reviews or a smaller model")
    except OSError as error:
        advice = "; free some space" if error.errno == errno.ENOSPC else ""
        where = f": {error.filename}" if error.filename else ""
        _drop_output()
        return _failed(f"{error.strerror or error}{where}{advice}; nothing half-written was left")


@contextmanager
def _verbosity_of_one_command() -> Iterator[None]:
    kept = os.environ.get(VERBOSITY)
    try:
        yield
    finally:
        os.environ.pop(VERBOSITY, None)
        if kept is not None:
            os.environ[VERBOSITY] = kept


def _drop_output() -> None:
    """Send what standard output cannot take nowhere, so that it does not fail again when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def _failed(message: str, code: int = EXIT_BAD_INPUT) -> int:
    say(f"error: {message}", aside=True)
    return code


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Have the signals that end a process raise KeyboardInterrupt, once; a second one does not disturb the first."""
    came: list[int] = []
    later: list[Timer] = []

    def stop(number: int, frame: object) -> None:
        if not came:
            came.append(number)
            interrupt()

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        """Where nothing can be raised, as in ``__del__``, Python drops the exception: ask again in a moment."""
        if not issubclass(unraisable.exc_type, KeyboardInterrupt) or not came:
            hook(unraisable)
            return
        later.append(Timer(0.01, ask_again))
        later[-1].daemon = True
        later[-1].start()

    def ask_again() -> None:
        number = came.pop()  # until now a further signal was not heard: it could have been raised in the hook
        signal.pthread_kill(cast(int, main_thread().ident), number)

    hook = sys.unraisablehook
    taken = {number: signal.getsignal(number) for number in SIGNALS}
    taken = {number: handler for number, handler in taken.items() if handler is not signal.SIG_IGN}  # as nohup has it
    for number in taken:
        signal.signal(number, stop)
    sys.unraisablehook = again
    try:
        yield
    finally:
        for timer in later:
            timer.cancel()
        sys.unraisablehook = hook
        for number, handler in taken.items():
            signal.signal(number, handler)


def add_output(
    parser: argparse.ArgumentParser, what: str, flag: str = "--out", *, metavar: str = "FILE", **options: object
) -> None:
    """Give a parser a flag for a place to write to and, once, ``--overwrite``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Gets them.
    what : str
        The help of the flag.
    flag, metavar : str
        Its names.
    **options
        As `add_argument` takes them.
    """
    parser.add_argument(flag, type=OutputPath, metavar=metavar, help=what, **options)  # type: ignore[arg-type]
    if "--overwrite" not in parser._option_string_actions:
        parser.add_argument("--overwrite", action="store_true", help="replace what is there, if it is of the same kind")


def output(arguments: argparse.Namespace, path: Path, kind: Kind = FILE) -> Output:
    """Return a place that a command writes to: with ``--overwrite`` or not, and never what it reads."""
    inputs = tuple(_inputs(arguments))
    return Output(path, kind, overwrite=getattr(arguments, "overwrite", False), inputs=inputs)


def _inputs(arguments: argparse.Namespace) -> Iterator[Path]:
    from shared.specification import SOURCE_FIELDS

    for name, value in vars(arguments).items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, InputPath):
                yield Path(one)
            elif name in SOURCE_FIELDS and isinstance(one, str):
                yield from (Path(one), Path(one.partition(":")[2] or one))  # of a task's source, NAME:PATH


def announce(place: Output, text: str) -> None:
    """Say what was written where; beside standard output if that is the place."""
    say(f"{place}: {text}" if text else str(place), aside=place.streams)


def _parser(framework: str) -> argparse.ArgumentParser:
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


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser ``--device`` and ``--threads``."""
    parser.add_argument("--device", choices=DEVICES, default="auto", help="default: auto")
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="default: one for each core; no more are busy than a batch has parts (--batch-parts)",
    )


def add_checkpoint_flag(parser: argparse.ArgumentParser, default: str) -> None:
    """Give a parser ``--checkpoint-every``; the default is for its help."""
    parser.add_argument(
        "--checkpoint-every",
        type=interval,
        metavar="INTERVAL",
        help="keep the state of the training every 10m (1h, 500steps, 1epoch): killed, the same command goes on from "
        f"there, to the same result; default: {default}",
    )


def natural(text: str) -> int:
    """Read a whole number, 0 or above, as the type of a flag."""
    if text == "0":
        return 0
    try:
        return positive(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or above") from error


def positive(text: str) -> int:
    """Read a whole number above 0, as the type of a flag."""
    if not (text.isascii() and text.isdecimal()) or len(text) > LONGEST_NUMBER or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


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


def _progress(kind: str, title: str) -> Progress:
    from shared.history import Silent

    if kind == "none":
        return Silent()
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
        if outcome.empty:
            noun = "text" if outcome.empty == 1 else "texts"
            say(f"{outcome.empty:,} {noun} without a word: the answer is the model's for no input", aside=True)
        scored = _scored(questions, outcome)
        if place is not None:
            announce(place, f"{outcome.texts:,} predictions{scored}")
        elif scored:
            say(scored.removeprefix(", "), aside=True)
    return 0


def _check_is_there(checkpoint: Path) -> None:
    if not checkpoint.exists():
        guess = did_you_mean(str(checkpoint), FRAMEWORKS)
        raise LockstepError(f"{checkpoint}: there is no such checkpoint{guess}")


def _scored(questions: Questions, outcome: Outcome) -> str:
    if outcome.foreign is not None:
        return (
            f", no accuracy: the column {questions.label_column!r} has {outcome.foreign!r:.40}, "
            "which is none of the model's classes"
        )
    if not outcome.labelled:
        return ""
    return f", accuracy {outcome.right / outcome.labelled:.4f} on {outcome.labelled:,} with a label"


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
