"""``lockstep`` before any command's work: what it says of itself, how fast, how much, and what a shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import compare.__main__
from compare.__main__ import SHELLS, main
from compare.command_list import COMMANDS, EXAMPLES, GROUPS
from shared import __version__
from shared.command_line import command_parsers
from tests.conftest import ROOT

LOCKSTEP = "import sys; from compare.console import lockstep; sys.exit(lockstep())"


def lockstep(*arguments: str, where: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOCKSTEP, *arguments],
        capture_output=True,
        text=True,
        cwd=where,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["--quiet"]])
def test_alone_it_shows_every_command_and_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    said = capsys.readouterr().out
    for title, group in GROUPS.items():
        assert f"{title}:" in said
        for name, command in group.items():
            assert any(line.split()[:1] == [name] and command.what in line for line in said.splitlines())
    assert all(example in said for example in EXAMPLES)
    assert max(map(len, said.splitlines())) <= 112  # of the title


def test_the_list_has_the_commands_that_there_are() -> None:
    """A command that a module registers and the list does not name could not be reached; nor one of another module."""
    parsers = command_parsers(compare.__main__._parser())
    assert set(parsers) == set(COMMANDS)
    for name in COMMANDS:
        alone = command_parsers(compare.__main__._parser([name]))[name]
        assert alone.format_help() == parsers[name].format_help(), name


def test_help_and_version_import_nothing_that_takes_time() -> None:
    """What help waits for: a tenth of a second, or more than a whole one if it imports these."""
    heavy = {"numpy", "pydantic", "pandas", "pyarrow", "scipy", "sklearn", "rich", "tqdm", "tensorflow", "torch"}
    program = "import sys; from compare.console import lockstep; lockstep(); print(*sorted(sys.modules))"
    for argument in ("--help", "--version", "rnu"):
        words = [sys.executable, "-c", program, argument]
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
        assert not heavy & set(done.stdout.splitlines()[-1].split()), argument


def test_version() -> None:
    done = lockstep("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"lockstep {__version__}\n", "")
    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_given_code_that_completes(shell: str) -> None:
    done = lockstep("completion", shell)
    assert done.returncode == 0
    assert "lockstep" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True).returncode == 0


def completed(line: str, tmp_path: Path) -> set[str]:
    """What bash would be told for a line, by the protocol of argcomplete."""
    answer = tmp_path / "answer"
    lockstep(
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_IFS="\n",
        _ARGCOMPLETE_SHELL="bash",
        _ARGCOMPLETE_STDOUT_FILENAME=str(answer),
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
        COMP_TYPE="9",
        where=tmp_path,
    )
    return {word.strip() for word in answer.read_text().split("\n")}


def test_commands_flags_and_choices_are_completed(tmp_path: Path) -> None:
    assert set(COMMANDS) <= completed("lockstep ", tmp_path)
    assert completed("lockstep rep", tmp_path) == {"report"}
    assert completed("lockstep run --ep", tmp_path) == {"--epochs", "--epsilon", "--epsilon-place"}
    assert {"keras", "pytorch", "flair", "fastai"} <= completed("lockstep train ", tmp_path)
    assert completed("lockstep train keras --lea", tmp_path) == {"--learning-rate"}
    assert completed("lockstep results runs --format m", tmp_path) == {"markdown"}
    assert completed("lockstep --quiet run --frameworks k", tmp_path) == {"keras"}
    assert completed("lockstep train pytorch --preset w", tmp_path) == {"wide"}
    assert completed("lockstep run --pooling co", tmp_path) == {"concat"}
    assert completed("lockstep predict pytorch --che", tmp_path) == {"--checkpoint"}
    assert completed("lockstep config tra", tmp_path) == {"train", "track"}


def test_quiet_leaves_answers_warnings_and_errors(tmp_path: Path) -> None:
    (tmp_path / "lockstep.toml").write_text('[results]\nformat = "csv"\n')
    loud = lockstep("results", str(ROOT / "results" / "quick"), where=tmp_path)
    quiet = lockstep("--quiet", "results", str(ROOT / "results" / "quick"), where=tmp_path)
    assert loud.returncode == quiet.returncode == 0
    assert "lockstep.toml: --format csv" in loud.stderr
    assert (quiet.stdout, quiet.stderr) == (loud.stdout, "")
    wrong = lockstep("results", "nowhere", "--quiet", where=tmp_path)
    assert wrong.stderr.startswith("error: nowhere")


def test_verbose_shows_where_an_error_came_up(tmp_path: Path) -> None:
    plain = lockstep("results", "nowhere", where=tmp_path)
    full = lockstep("--verbose", "results", "nowhere", where=tmp_path)
    assert plain.returncode == full.returncode == 2
    assert full.stderr.startswith("Traceback")
    assert full.stderr.endswith(plain.stderr)


@pytest.mark.parametrize("flags", [["--quiet"], ["--verbose"], ["--config", "none"], ["--config=none"]])
@pytest.mark.parametrize("command", [["train", "pytorch"], ["predict", "pytorch"], ["predict"], ["run"]])
def test_flags_of_every_command_may_stand_before_it_and_behind_it(
    flags: list[str], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([*flags, *command, "--help"], [command[0], *flags, *command[1:], "--help"], [*command, *flags, "-h"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 0, words
        assert "--quiet" in capsys.readouterr().out


def test_how_much_one_command_says_is_not_how_much_the_next_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "nowhere", "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert main(["results", "nowhere"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_every_command_has_the_flags_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        words = [name, "pytorch", "--help"] if name == "train" else [name, "--help"]
        with pytest.raises(SystemExit):
            raise SystemExit(main(words))
        said = capsys.readouterr().out
        assert all(flag in said for flag in ("--quiet", "--verbose", "--config")), name
