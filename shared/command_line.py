"""What every command has: flags, one-line errors, a configuration file, places to write to, signals, exit codes."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PosixPath
from threading import Timer, main_thread
from typing import Any, NoReturn, cast

from shared.configuration import COMMANDS, NO_FILE, Configuration, configure_flags, find_configuration
from shared.configuration import NAME as CONFIGURATION
from shared.configuration import check_names as check_configuration
from shared.durations import interval
from shared.errors import BusyError, LockstepError, did_you_mean
from shared.output import FILE, Kind, Output
from shared.startup import EXIT_INTERRUPTED, INTERRUPTED, SIGNALS, interrupt
from shared.terminal import QUIET, VERBOSE, VERBOSITY, is_verbose, say

EXIT_BAD_INPUT = 2
EXIT_BUSY = 75
DEVICES = ("auto", "cpu", "cuda", "mps")
LARGEST_RECORD = 10_000_000  # bytes
LONGEST_NUMBER = 18  # digits of a flag


class _Store(argparse._StoreAction):
    """What a flag does that takes a value: a second one is not taken in silence."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        if option and isinstance(parser, Parser):
            if self.dest in parser.typed:
                say(f"warning: {option} is given more than once; the last one counts", aside=True)
            parser.typed.add(self.dest)
        super().__call__(parser, namespace, values, option)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, whatever was typed, and guess what was meant."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.typed: set[str] = set()
        for name in (None, "store"):
            self.register("action", name, _Store)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse flags that are not known, and ``--flag=--``, of which `argparse` makes an empty list."""
        self.typed = set()
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
    parser: argparse.ArgumentParser,
    given: Sequence[str],
    commands: Sequence[str] | None = None,
    others: Collection[str] = (),
) -> argparse.Namespace:
    """Parse what was typed, with what a configuration file says in place of what was not.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Has a parser for each command.
    given : sequence of str
        What was typed, a command first.
    commands : sequence of str, optional
        All that a file may have a table for; by default those of `lockstep` and the one that was typed.
    others : collection of str
        As `shared.configuration.configure_flags` has it.

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
        check_file(configuration, command, commands)
        configured = configure_flags(parsers[command], command, configuration, others)
        parsed = parser.parse_args(given)
        _set_verbosity(parsed)
        said = [words for name, (words, value) in configured.items() if getattr(parsed, name) is value]
        if said:
            say(f"{configuration.path}: {', '.join(said)}", aside=True)
        return parsed
    return parser.parse_args(given)


def check_file(configuration: Configuration, command: str, commands: Sequence[str] | None) -> None:
    """Refuse a file that has a name which no command has (see `shared.configuration.check_names`)."""
    if configuration.path is None:
        return
    from shared.specification import Specification

    everywhere = ("task", "preset", "like", "device", "threads", *Specification.model_fields)
    check_configuration(configuration, everywhere, commands or (*COMMANDS, command))


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
    for name, value in vars(arguments).items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, InputPath):
                yield Path(one)
                with suppress(OSError):  # a name that is too long is refused by whoever opens it
                    for path in (Path(one, "record.json"), *Path(one).glob("*/*/*/record.json")):
                        yield from _sources_of_run(path)
            else:
                yield from _sources({name: one})


def _sources(values: Mapping[str, object]) -> Iterator[Path]:
    """Yield the paths that fields of the specification may name; of a task's source, NAME:PATH, the path too."""
    from shared.specification import SOURCE_FIELDS

    for name, value in values.items():
        if name in SOURCE_FIELDS and isinstance(value, str):
            yield from (Path(value), Path(value.partition(":")[2] or value))


def _sources_of_run(record: Path) -> Iterator[Path]:
    """Yield what a run was trained on, which its readers may read again; a damaged record is refused later."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        if record.is_file() and record.stat().st_size <= LARGEST_RECORD:
            yield from _sources(json.loads(record.read_bytes())["specification"])


def announce(place: Output, text: str) -> None:
    """Say what was written where; beside standard output if that is the place."""
    say(f"{place}: {text}" if text else str(place), aside=place.streams)


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
