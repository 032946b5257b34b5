"""Every command of the project, as ``python -m`` names them, and every flag of theirs that is a path."""

from __future__ import annotations

import argparse
import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from compare.__main__ import parser_of_all
from shared.command_line import FilledPath, FolderPath, InputPath, OutputPath
from shared.frameworks import IMPLEMENTATIONS

ROOT = Path(__file__).parents[2]
WRITTEN = (OutputPath, FolderPath, FilledPath)

# Attacked as they are. The four rooms have the reference's command line, which needs no framework.
MODULES = (
    *("compare", "shared.reference", "shared.data", "shared.vectors", "pytorch_impl.pretraining"),
    *("lessons", "lessons.silent_errors", "lessons.training_time", "lessons.word_vectors", "lessons.cleaning_speed"),
)
SAME_AS_THE_REFERENCE = IMPLEMENTATIONS


class _Found(Exception):  # noqa: N818 (no error)
    """Carries a parser out of a main()."""


def main_of(module: str) -> Callable[[list[str]], int]:
    """Return what ``python -m <module>`` runs."""
    if module == "shared.reference":
        from shared.reference.__main__ import load
        from shared.train_and_predict import main

        return lambda given: main("reference", load, given)
    package = ROOT.joinpath(*module.split(".")).is_dir()
    return importlib.import_module(f"{module}.__main__" if package else module).main


def parser_of(module: str) -> argparse.ArgumentParser:
    """Return the parser of a main(), wherever it is built; `compare` builds one command's only, so that is asked."""
    if module == "compare":
        return parser_of_all()
    original = argparse.ArgumentParser.parse_args

    def caught(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _Found(self)

    argparse.ArgumentParser.parse_args = caught
    try:
        main_of(module)([])
    except _Found as found:
        return found.args[0]
    finally:
        argparse.ArgumentParser.parse_args = original
    raise AssertionError(f"{module}: its main() asks no parser")


def commands_of(module: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the name and the parser of each command of a module; one without commands has one, called ''."""
    parser = parser_of(module)
    chosen = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not chosen:
        yield "", parser
    for action in chosen:
        yield from action.choices.items()


def actions(modules: Iterable[str] = MODULES) -> Iterator[tuple[str, str, argparse.Action]]:
    """Yield module, command and action of everything that the commands of some modules take."""
    for module in modules:
        for command, parser in commands_of(module):
            for action in parser._actions:
                if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
                    yield module, command, action


def name_of(action: argparse.Action) -> str:
    """The longest of its flags, or the name of what has no flag."""
    return max(action.option_strings, key=len, default=action.dest)


def writing_flags() -> set[tuple[str, str, str]]:
    """Return module, command and flag of every path that is written to."""
    return {(module, command, name_of(action)) for module, command, action in actions() if action.type in WRITTEN}


def reading_flags() -> set[tuple[str, str, str]]:
    """Return module, command and flag of every path that is read."""
    return {(module, command, name_of(action)) for module, command, action in actions() if action.type is InputPath}


def runnable_modules() -> set[str]:
    """Return every module of the product that can be started with ``python -m``."""
    found = set()
    for folder in ("shared", "compare", "lessons", "torch_layers", *SAME_AS_THE_REFERENCE):
        for path in (ROOT / folder).rglob("*.py"):
            with contextlib.suppress(UnicodeDecodeError):
                if '\nif __name__ == "__main__":\n    sys.exit(' in path.read_text(encoding="utf-8"):
                    parts = path.relative_to(ROOT).with_suffix("").parts
                    found.add(".".join(parts[:-1] if parts[-1] == "__main__" else parts))
    return found


def stand_ins() -> None:
    """Have the reference stand for every framework, in this process: for speed, and where none is installed."""
    import compare.grid.driver
    import compare.proofs.portability
    import compare.workers

    def entered(self: Any) -> Callable[..., Any]:
        return lambda job, framework, *given: job("reference", *given)

    compare.workers.Workers.__enter__ = entered
    compare.workers.Workers.__exit__ = lambda self, *_: None
    compare.proofs.portability.EVERYONE = ("reference",)
