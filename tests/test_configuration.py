"""``lockstep.toml``: it says what flags would, never more, and never without a word."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.__main__ import OF_A_FRAMEWORK, _parser, main
from compare.command_list import COMMANDS as ALL_COMMANDS
from shared.command_line import command_parsers, parse
from shared.configuration import COMMANDS, NAME, described, find_configuration, flags_by_name, toml
from shared.errors import LockstepError
from shared.frameworks import FRAMEWORKS
from shared.specification import Specification
from shared.train_and_predict import parser_of_framework


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(*typed: str) -> dict[str, object]:
    return vars(parse(_parser(typed[:1]), typed, list(ALL_COMMANDS)))


def test_typed_flags_come_before_the_file_and_the_file_before_the_preset(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / NAME).write_text(
        'preset = "smoke"\nthreads = 1\n[run]\nseeds = [3, 4]\nno-baselines = true\njobs = 2\n'
        '[results]\nformat = "csv"\n'
    )
    found = parsed("run", "--jobs", "1", "--threads", "2")
    asked = {"preset": "smoke", "threads": 2, "seeds": [3, 4], "no_baselines": True, "jobs": 1, "hidden_size": None}
    assert {name: found[name] for name in asked} == asked
    # What holds is said, and what was typed instead is not.
    assert capsys.readouterr().err == "lockstep.toml: --preset smoke, --seeds 3 4, --no-baselines true\n"
    assert parsed("results", "runs/x")["format"] == "csv"


def test_another_file_or_none_can_be_named(folder: Path) -> None:
    (folder / NAME).write_text('[results]\nformat = "csv"\n')
    (folder / "mine.toml").write_text('[results]\nformat = "json"\n')
    assert parsed("results", "x", "--config", "mine.toml")["format"] == "json"
    assert parsed("results", "x", "--config=none")["format"] == "table"


@pytest.mark.parametrize(
    ("text", "command", "said"),
    [
        ('presett = "smoke"', "run", "presett cannot stand above all tables; did you mean preset?"),
        ("jobs = 2", "run", "jobs cannot stand above all tables; put it into one, such as [run]"),
        ("[run]\nbatch-size = 8\nbatch_size = 16", "run", "batch_size stands there twice, with - and with _"),
        ("quiet = true", "run", "quiet can only be typed"),
        ("[run]\nno-header = true", "run", "write header = false"),
        ("[[run]]\nepochs = 1", "run", "write [run], not [[run]]"),
        ("[rnu]\njobs = 2", "run", "[rnu] is the name of no command; did you mean run?"),
        ("[run]\njobz = 2", "run", "[run]: there is no flag jobz; did you mean jobs?"),
        ("[run]\njobs = true", "run", "jobs: takes a value, not true"),
        ("[run]\njobs = 0", "run", "jobs: '0' is not a whole number above 0"),
        ("[run]\njobs = [1, 2]", "run", "jobs: takes one value, not a list"),
        ("[run]\nseeds = [true]", "run", "seeds: takes values, not true"),
        ("[run]\nno_baselines = 1", "run", "no_baselines: is true or false, not 1"),
        ('[results]\nformat = "cvs"', "results", "did you mean csv?"),
        ("[run]\nepochs = 2026-11-26", "run", "epochs is neither text, number"),
        ("[run]\nepochs = {a = 1}", "run", "write [epochs], not [[epochs]], and no table within a table"),
        ('[run]\nconfig = "x"', "run", "config can only be typed"),
        ("[run", "run", "not a configuration file in TOML"),
        ("\ud800", "run", "not a configuration file in TOML"),
    ],
)
def test_what_no_flag_can_say_is_refused_in_one_line(
    text: str, command: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / NAME).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert main([command, "nowhere"] if command == "results" else [command]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {NAME}: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_file_that_is_named_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--config", "nowhere.toml"]) == 2
    assert capsys.readouterr().err.startswith("error: nowhere.toml: ")


def test_every_flag_of_every_command_can_stand_in_a_file(folder: Path) -> None:
    """What ``lockstep config COMMAND`` prints is such a file, and without the comments' marks it is read again."""
    root = _parser()
    for command, parser in command_parsers(root).items():
        lines = [*described(parser, command, find_configuration(["--config", "none"]))]
        text = "\n".join(line.removeprefix("# ") for line in lines)
        assert set(tomllib.loads(text)[command]) == set(flags_by_name(parser)), command


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.lists(st.text())
    )
)
def test_values_are_written_as_toml_reads_them(value: object) -> None:
    assert tomllib.loads(f"a = {toml(value)}")["a"] == value


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(
        st.sampled_from(sorted(Specification.model_fields)), st.integers(1, 9) | st.text(min_size=1, max_size=5)
    )
)
def test_a_value_is_what_the_flag_would_have_made_of_it(values: dict[str, object]) -> None:
    fields = {name: value for name, value in values.items() if Specification.model_fields[name].annotation is not bool}
    flags = flags_by_name(command_parsers(_parser(["run"]))["run"])
    fields = {name: value for name, value in fields.items() if name in flags}
    Path(NAME).write_text("[run]\n" + "\n".join(f"{name} = {toml(value)}" for name, value in fields.items()))
    typed = [f"--{name.replace('_', '-')}={value}" for name, value in fields.items()]
    assert parsed("run") == parsed("run", "--config", "none", *typed) | {"config": None}


def test_lockstep_config_prints_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / NAME).write_text('preset = "smoke"\n[run]\nno-baselines = true\n')
    assert main(["config"]) == 0
    assert tomllib.loads(capsys.readouterr().out) == {"preset": "smoke", "run": {"no_baselines": True}}
    assert main(["config", "run"]) == 0
    assert tomllib.loads(capsys.readouterr().out) == {"run": {"preset": "smoke", "no_baselines": True}}
    assert main(["config", "rnu"]) == 2
    assert "did you mean run?" in capsys.readouterr().err


def test_lockstep_config_refuses_what_a_command_would(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.toml").write_text('[run]\njobs = "x"\n')
    (folder / "mine.toml").write_text('\ufeff[predict]\ndevice = "cpu"\n', encoding="utf-8")  # as Notepad writes it
    assert main(["config", "--config", "other.toml"]) == 2
    assert "jobs: 'x' is not a whole number above 0" in capsys.readouterr().err
    assert main(["--config", "mine.toml", "config", "predict"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["predict"] == {}


def test_two_files_and_a_broken_link_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "none", "results", "x", "--config", "none"]) == 2
    assert capsys.readouterr().err == "error: --config: is given twice; name one file\n"
    (folder / NAME).symlink_to("nowhere.toml")
    assert main(["results", "x"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {NAME}: ")


def test_an_empty_text_is_no_value_and_a_table_serves_both_forms_of_predict(folder: Path) -> None:
    (folder / NAME).write_text('task = ""\n[predict]\ndevice = "cpu"\nthreads = 1\n')
    assert parsed("run")["task"] is None
    assert parse(_parser(["predict"]), ["predict", "x"], list(ALL_COMMANDS), OF_A_FRAMEWORK).threads == 1


def test_a_file_that_cannot_be_looked_at_is_an_error(folder: Path) -> None:
    (folder / NAME).mkdir()
    with pytest.raises(LockstepError, match=NAME):
        find_configuration([])


def test_the_commands_that_a_file_may_name_are_those_that_there_are() -> None:
    """Rooms read the file too, and cannot import what `compare` has."""
    assert tuple(ALL_COMMANDS) == COMMANDS


@pytest.mark.parametrize("room", FRAMEWORKS)
@pytest.mark.parametrize("table", ["nosuch", "trian", "pytorch"])
def test_a_table_of_no_command_is_refused_by_a_room_too(room: str, table: str, tmp_path: Path) -> None:
    (tmp_path / "lockstep.toml").write_text(f"[{table}]\nhidden-size = 3\n")
    with pytest.raises(LockstepError, match=f"\\[{table}\\] is the name of no command"):
        parse(parser_of_framework(room), ["train", "--out", "x", "--config", str(tmp_path / "lockstep.toml")])
    (tmp_path / "lockstep.toml").write_text("[report]\noverwrite = true\n")
    parse(parser_of_framework(room), ["train", "--out", "x", "--config", str(tmp_path / "lockstep.toml")])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--epochs", "1", "--epochs=2"), "warning: --epochs is given more than once; the last one counts\n"),
        (("--data", "a.csv", "--data", "b.csv"), "warning: --data is given more than once; the last one counts\n"),
        (("--epochs", "2", "--batch-size", "4"), ""),
    ],
)
def test_a_flag_that_is_typed_twice_is_named(
    given: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parse(parser_of_framework("keras"), ["train", "--out", "x", "--config", "none", *given])
    assert capsys.readouterr().err == said
