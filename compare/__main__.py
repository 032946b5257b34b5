"""``python -m compare``, and the console script ``lockstep``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import argparse
import importlib
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import cast

from compare.command_list import COMMANDS, overview
from shared import __version__
from shared.command_line import (
    FilledPath,
    InputPath,
    Parser,
    add_common_flags,
    check_file,
    command_parsers,
    guarded,
    parse,
)
from shared.errors import LockstepError, did_you_mean
from shared.frameworks import FRAMEWORKS, REFERENCE, module_name
from shared.terminal import say
from shared.train_and_predict import add_predict

SHELLS = ("bash", "zsh", "fish")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    flags, given = _common_flags(list(sys.argv[1:] if arguments is None else arguments))
    if not given or given[0] in ("-h", "--help", "help"):
        return guarded(lambda: _answer(overview(__version__)))
    if given[0] in ("--version", "version"):
        return guarded(lambda: _answer(f"lockstep {__version__}"))
    command, *rest = given
    if command not in COMMANDS:
        what, known = ("flag", FLAGS) if command.startswith("-") else ("command", COMMANDS)
        guess = did_you_mean(command, known) if command != "--config" else ", which names a file, alone"
        say(f"error: there is no {what} {command!r}{guess}; lockstep --help lists them", aside=True)
        return 2
    if command == "train" or (command == "predict" and _names_a_framework(rest)):
        return guarded(lambda: _implementation_command(command, [*flags, *rest]))
    return guarded(lambda: _run([command, *flags, *rest]))


FLAGS = ("--quiet", "--verbose", "--config", "--version", "--help")


def _common_flags(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the flags of every command that stand at the beginning, and what follows."""
    place = 0
    while place < len(words):
        if words[place] in ("--quiet", "--verbose") or words[place].startswith("--config="):
            place += 1
        elif words[place] == "--config" and place + 1 < len(words):
            place += 2
        else:
            break
    return [*words[:place]], [*words[place:]]


def _names_a_framework(words: Sequence[str]) -> bool:
    """Whether a prediction is asked of a framework; without one a checkpoint stands in its place."""
    first = _common_flags(words)[1][:1]
    return _names_a_checkpoint(words) or bool({*first} & {*FRAMEWORKS, REFERENCE})


def _names_a_checkpoint(words: Sequence[str]) -> bool:
    """Whether the flag of a framework's prediction is among them."""
    return any(word.partition("=")[0] == "--checkpoint" for word in words)


def _answer(text: str) -> int:
    for line in text.splitlines():
        say(line)
    return 0


def _run(given: Sequence[str]) -> int:
    parsed = parse(_parser(given[:1]), given, list(COMMANDS), OF_A_FRAMEWORK if given[0] == "predict" else ())
    code: int = parsed.run(parsed)
    return code


# What `predict` in a framework has, and without one has not.
OF_A_FRAMEWORK = ("device", "checkpoint")


def _parser(names: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Return a parser of some commands; what the others need is not imported."""
    parser = Parser("lockstep", description="The same text classifier in four frameworks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    modules = {COMMANDS[name].module: None for name in names}
    for module in modules:
        if module:
            importlib.import_module(module).register(commands)
    _register_own(commands)
    if "predict" in names:
        add_predict(commands)
    for name in COMMANDS:
        if name not in commands.choices:
            commands.add_parser(name, add_help=False)
    return parser


def parser_of_all() -> argparse.ArgumentParser:
    """Return a parser of all commands with all flags, but those of ``train``; it takes a second."""
    parser = _parser()
    for one in command_parsers(parser).values():
        add_common_flags(one)
    return parser


def _register_own(commands: argparse._SubParsersAction[Parser]) -> None:
    docs = commands.add_parser("docs")
    docs.add_argument(
        "results", type=InputPath, nargs="?", default=InputPath("results"), metavar="DIR", help="default: results"
    )
    docs.add_argument(
        "--files",
        type=FilledPath,
        nargs="+",
        metavar="FILE",
        help="texts in which every table has its place; default: README.md, docs/*.md and lessons/*.md",
    )
    docs.set_defaults(run=_docs)
    commands.add_parser("tasks").set_defaults(run=_tasks)
    config = commands.add_parser(
        "config",
        description="Without a command: what the file says, as it is understood. With one: every flag of the command, "
        "as lines for such a file.",
        epilog="example: lockstep config run > lockstep.toml",
    )
    config.add_argument("command", nargs="?", metavar="COMMAND", help="such as run")
    config.set_defaults(run=_config)
    completion = commands.add_parser(
        "completion",
        description='For bash and zsh add the line eval "$(lockstep completion bash)", or zsh, to ~/.bashrc or '
        "~/.zshrc; for fish: lockstep completion fish > ~/.config/fish/completions/lockstep.fish",
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell that completes")
    completion.set_defaults(run=_completion)


def _implementation_command(command: str, words: list[str]) -> int:
    flags, rest = _common_flags(words)
    if rest[:1] in (["-h"], ["--help"]):
        say(f"usage: lockstep {command} {{{','.join(FRAMEWORKS)}}} … (each has its own --help)")
        return 0
    if not rest or rest[0].startswith("-"):
        without = ", or without one: lockstep predict CHECKPOINT …" if command == "predict" else ""
        raise LockstepError(f"in which framework? lockstep {command} {'|'.join(FRAMEWORKS)} …{without}")
    framework, *rest = rest
    asked_for_help = bool({"-h", "--help"} & {*rest})
    if command == "predict" and not (asked_for_help or _names_a_checkpoint(rest)) and Path(framework).exists():
        raise LockstepError(f"{framework} is a framework, which needs --checkpoint; for the folder write ./{framework}")
    return importlib.import_module("shared.train_and_predict").main(
        framework, importlib.import_module(f"{module_name(framework)}.__main__").load, [command, *flags, *rest]
    )


def _docs(arguments: argparse.Namespace) -> int:
    from compare.published import documents, fill_documents

    changed = fill_documents(arguments.results, arguments.files or documents(Path()))
    for path in changed:
        say(f"{path}: its tables are new")
    if not changed:
        say("every table says what the results say")
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


def _complete_parser(command: str) -> argparse.ArgumentParser:
    """Return a parser that has all flags of a command, those of ``train`` as every framework has them."""
    if command != "train":
        return _parser([command])
    from shared.train_and_predict import parser_of_framework

    return parser_of_framework(FRAMEWORKS[0])


def complete(line: str) -> None:
    """Answer a shell that asks how a line goes on, as `argcomplete` has it; does not return.

    Parameters
    ----------
    line : str
        As it was typed so far.
    """
    import argcomplete

    words = _common_flags(line.split()[1:])[1]
    command = words[0] if words else ""
    parser = _parser([command] if command in COMMANDS else [])
    one = command_parsers(parser).get(command)
    in_framework = command == "train" or (command == "predict" and words[1:2] and words[1] in FRAMEWORKS)
    if one and in_framework:
        one = _offer_frameworks(parser, command)
    if one:
        add_common_flags(one)
        for action in one._actions:
            _offer_values(action)
    argcomplete.autocomplete(parser)


def _offer_frameworks(parser: argparse.ArgumentParser, command: str) -> Parser:
    """Put a framework's name between a command and its flags."""
    from shared.train_and_predict import parser_of_framework

    flags = command_parsers(parser_of_framework(FRAMEWORKS[0]))[command]
    for action in flags._actions:
        _offer_values(action)
    between = Parser(f"lockstep {command}", add_help=False)
    frameworks = between.add_subparsers()
    for name in FRAMEWORKS:
        frameworks.add_parser(name, parents=[cast(Parser, flags)], add_help=False)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            action.choices[command] = between  # type: ignore[index]
    return between


def _offer_values(action: argparse.Action) -> None:
    """Let a flag complete what it takes, where its parser checks that later or not at all."""
    from argcomplete.completers import ChoicesCompleter

    from shared.specification import ARCHITECTURES, PRESETS

    names = {
        **dict.fromkeys(("framework", "frameworks", "like"), FRAMEWORKS),
        "architectures": ARCHITECTURES,
        "preset": tuple(PRESETS),
        "command": tuple(COMMANDS),
    }
    choices = names.get(action.dest, ())
    if not choices and isinstance(action.metavar, str) and "|" in action.metavar:
        choices = tuple(action.metavar.split("|"))
    if choices and not action.choices:
        action.completer = ChoicesCompleter(list(choices))  # type: ignore[attr-defined, arg-type]


def _config(arguments: argparse.Namespace) -> int:
    from shared.configuration import NAME, configure_flags, described, find_configuration, written_as_toml

    configuration = find_configuration(["--config", str(arguments.config)] if arguments.config else [])
    check_file(configuration, "", list(COMMANDS))
    for name in ("train", *configuration.commands):  # a training has the flags that stand above all tables
        own = command_parsers(_complete_parser(name))[name]
        configure_flags(own, name, configuration, OF_A_FRAMEWORK if name == "predict" else ())
    if arguments.command is None:
        if configuration.path is None:
            say(f"there is no {NAME} in this folder; lockstep config COMMAND prints what it may say", aside=True)
        return _answer(written_as_toml(configuration))
    if arguments.command not in COMMANDS:
        raise LockstepError(f"there is no command {arguments.command!r}{did_you_mean(arguments.command, COMMANDS)}")
    parser = command_parsers(_complete_parser(arguments.command))[arguments.command]
    return _answer("\n".join(described(parser, arguments.command, configuration)))


def _completion(arguments: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    return _answer(shellcode(["lockstep"], shell=arguments.shell))


if __name__ == "__main__":
    sys.exit(main())
