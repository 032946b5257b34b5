"""A file that says what commands would otherwise be told by flags: ``lockstep.toml``.

What is typed comes before what the file says, and what the file says before what a preset says. Whatever it changes is
said, so that no file in a folder changes what is trained without a word.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import LockstepError, did_you_mean

NAME = "lockstep.toml"
# What --config takes for no file at all; the cells of a grid are told everything by flags, and read none.
NO_FILE = "none"
LARGEST = 1_000_000  # bytes
# Flags that say how this command is told things: a file cannot say them.
OF_THE_COMMAND_LINE = {"help", "config", "version", "quiet", "verbose"}
ADVICE = "see lockstep config"
# Of `lockstep`, each of which a file may have a table for; `compare` has what they are, which no room imports.
COMMANDS = (
    "train",
    "predict",
    "convert",
    "tasks",
    "run",
    "report",
    "results",
    "baseline",
    "ensemble",
    "label",
    "track",
    "explain",
    "diff",
    "ladder",
    "ablation",
    "parity",
    "portability",
    "fates",
    "witnesses",
    "benchmark",
    "config",
    "completion",
    "docs",
)


@dataclass(frozen=True)
class Configuration:
    """What a file says.

    Attributes
    ----------
    path : Path or None
        None where there is no file.
    everywhere : mapping of str to value
        Of every command that has such a flag, by the flag's name with underscores.
    commands : mapping of str to (mapping of str to value)
        Of one command, by its name.
    """

    path: Path | None = None
    everywhere: Mapping[str, Any] = field(default_factory=dict)
    commands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, command: str) -> dict[str, Any]:
        """Return what holds for a command, whether or not it has such flags."""
        return {**self.everywhere, **self.commands.get(command, {})}


def find_configuration(arguments: Sequence[str]) -> Configuration:
    """Read the file that ``--config`` names, or the ``lockstep.toml`` of this folder, or none.

    Parameters
    ----------
    arguments : sequence of str
        As they were typed.

    Raises
    ------
    LockstepError
        If two are named, the file is not there, or it is not TOML, or not of flags.
    """
    named = [*_named(arguments)]
    if len(named) > 1:
        raise LockstepError("--config: is given twice; name one file")
    if named:
        return Configuration() if named[-1] == NO_FILE else read_configuration(Path(named[-1]))
    here = Path(NAME)
    return read_configuration(here) if os.path.lexists(here) else Configuration()  # a broken link is an error


def _named(arguments: Sequence[str]) -> Iterator[str]:
    for place, word in enumerate(arguments):
        if word == "--":
            return
        if word.startswith("--config="):
            yield word.partition("=")[2]
        elif word == "--config" and place + 1 < len(arguments):
            yield arguments[place + 1]


def read_configuration(path: Path) -> Configuration:
    """Read a file.

    Raises
    ------
    LockstepError
        If it cannot be read, or holds what no flag can say.
    """
    values = _parsed(path)
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    everywhere = {name: value for name, value in values.items() if name not in tables}
    plain = {name: _plain(f"{path}: [{name}]", table) for name, table in tables.items()}
    return Configuration(path, _plain(str(path), everywhere), plain)


def _parsed(path: Path) -> dict[str, Any]:
    from shared.files import read_bytes, reading  # only here: most commands find no file

    with reading(path, "a configuration file in TOML", f"mend it, or go without it: --config {NO_FILE}"):
        return tomllib.loads(read_bytes(path, "a configuration file", LARGEST).decode("utf-8-sig"))


def _plain(place: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with underscores in its names; an empty text is as if the line were not there."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        plain = name.replace("-", "_")
        values = value if isinstance(value, list) else [value]
        if values and all(isinstance(one, dict) for one in values):
            raise LockstepError(f"{place}: write [{name}], not [[{name}]], and no table within a table")
        if not all(isinstance(one, (str, int, float, bool)) for one in values):
            raise LockstepError(f"{place}: {name} is neither text, number, true, false nor a list of these")
        if plain in OF_THE_COMMAND_LINE:
            raise LockstepError(f"{place}: {name} can only be typed")
        if plain in found:
            raise LockstepError(f"{place}: {name} stands there twice, with - and with _")
        found[plain] = value
    return {name: value for name, value in found.items() if value != ""}


def check_names(configuration: Configuration, everywhere: Sequence[str], commands: Sequence[str]) -> None:
    """Refuse a name that no command has, so that a slip of the pen is not passed over.

    Parameters
    ----------
    configuration : Configuration
        What a file says.
    everywhere : sequence of str
        Names that may stand above all tables.
    commands : sequence of str
        Names that a table may have.

    Raises
    ------
    LockstepError
        If there is another one.
    """
    for name in configuration.commands:
        if name not in commands:
            raise LockstepError(
                f"{configuration.path}: [{name}] is the name of no command{did_you_mean(name, commands)}; {ADVICE}"
            )
    for name in configuration.everywhere:
        if name not in everywhere:
            guess = did_you_mean(name, everywhere) or "; put it into one, such as [run]"
            raise LockstepError(f"{configuration.path}: {name} cannot stand above all tables{guess}; {ADVICE}")


def configure_flags(
    parser: argparse.ArgumentParser, command: str, configuration: Configuration, others: Collection[str] = ()
) -> dict[str, tuple[str, Any]]:
    """Have a command's flags default to what a file says, and return that by destination: as typed, and the value.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command; its defaults are set.
    command : str
        Its name.
    configuration : Configuration
        What the file says.
    others : collection of str
        Flags that this form of the command does not have and another one has: they are passed over.

    Raises
    ------
    LockstepError
        If a value is none that the flag takes, or the command's table names a flag that it does not have.
    """
    flags = flags_by_name(parser)
    own = configuration.commands.get(command, {})
    said = {}
    for name, value in configuration.of(command).items():
        if name not in flags:
            if name in own and name not in others:
                positive = name.removeprefix("no_")
                guess = f"; write {positive} = false" if positive in flags else did_you_mean(name, flags)
                raise LockstepError(f"{configuration.path}: [{command}]: there is no flag {name}{guess}")
            continue
        flag = flags[name]
        try:
            made = _value(parser, flag, value)
        except argparse.ArgumentError as error:
            raise LockstepError(f"{configuration.path}: {name}: {error.message}") from error
        parser.set_defaults(**{flag.dest: made})
        flag.required = False
        said[flag.dest] = f"--{name.replace('_', '-')} {_typed(value)}", made
    return said


def flags_by_name(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return what a file can say to a command: its flags, by their names with underscores."""
    found = {}
    for action in parser._actions:
        long = [option for option in action.option_strings if option.startswith("--")]
        name = long[0].removeprefix("--").replace("-", "_") if long else ""  # of --x and --no-x the first
        if name and name not in OF_THE_COMMAND_LINE:
            found[name] = action
    return found


def _value(parser: argparse.ArgumentParser, flag: argparse.Action, value: Any) -> Any:
    """Return what the flag would have made of the value, had it been typed."""
    if flag.nargs == 0:
        if not isinstance(value, bool):
            raise argparse.ArgumentError(None, f"is true or false, not {value!r:.80}")
        return value
    if isinstance(value, bool):
        raise argparse.ArgumentError(None, f"takes a value, not {str(value).lower()}")
    many = flag.nargs in ("+", "*") or isinstance(flag, argparse._AppendAction)
    if isinstance(value, list) and not many:
        raise argparse.ArgumentError(None, "takes one value, not a list")
    values = value if isinstance(value, list) else [value]
    made = []
    for one in values:
        if isinstance(one, bool):
            raise argparse.ArgumentError(None, f"takes values, not {str(one).lower()}")
        made.append(parser._get_value(flag, str(one)))
        parser._check_value(flag, made[-1])
    return made if many else made[0]


def _typed(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_typed, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def described(parser: argparse.ArgumentParser, command: str, configuration: Configuration) -> Iterator[str]:
    """Yield the lines of a TOML table with every flag of a command: what a file says, or as a comment what holds else.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command, as it was made: no default of it is changed.
    command : str
        Its name.
    configuration : Configuration
        What the file says.
    """
    values = configuration.of(command)
    yield f"[{command}]"
    for name, flag in flags_by_name(parser).items():
        what = "".join(f"  # {text}" for text in [(flag.help or "").replace("%%", "%")] if text)
        if name in values:
            yield f"{name} = {toml(values[name])}{what}"
        else:
            yield f"# {name} = {toml(_default(flag))}{what}"


def _default(flag: argparse.Action) -> Any:
    """Return what holds where a flag is not given, as far as its parser knows; an example of a type else."""
    from shared.specification import DEFAULT_PRESET, preset

    if flag.default is not None and flag.default is not argparse.SUPPRESS:
        many = isinstance(flag.default, (list, tuple))
        return (
            [*flag.default] if many else flag.default if isinstance(flag.default, (int, float)) else str(flag.default)
        )
    value = getattr(preset(DEFAULT_PRESET), flag.dest, None)
    return ([] if flag.nargs in ("+", "*") else "") if value is None else value


def written_as_toml(configuration: Configuration) -> str:
    """Return what a file says as the TOML of it, with underscores in the names of flags."""
    lines = [f"# {configuration.path}"] if configuration.path else []
    lines += [f"{name} = {toml(value)}" for name, value in configuration.everywhere.items()]
    for command, values in configuration.commands.items():
        lines += ["", f"[{command}]", *(f"{name} = {toml(value)}" for name, value in values.items())]
    return "\n".join(lines)


def toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(
            letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}" for letter in value
        )
        return f'"{escaped}"'
    return repr(value)
