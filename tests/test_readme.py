from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path

import pytest

from compare.__main__ import main as lockstep
from compare.published import TABLES, filled
from shared.files import seal
from tests.conftest import ROOT, Command

README = (ROOT / "README.md").read_text()


def test_figures_in_the_readme_are_those_of_the_results() -> None:
    assert filled(ROOT / "results", README) == README
    for name in TABLES:
        table = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
        assert table.count("\n|") >= 3, name


def test_commands_in_the_readme_exist(command: Command) -> None:
    for module, verb in set(re.findall(r"^(?:cat \S+ \| )?python -m (\w+) (\w+)", README, re.MULTILINE)):
        assert command(module, verb, "--help").returncode == 0, f"{module} {verb}"


def test_commands_of_shared_in_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"^python -m (shared\.\w+) (\w+)", README, re.MULTILINE))
    assert {module for module, _ in named} == {"shared.data", "shared.vectors"}
    for module, verb in named:
        with pytest.raises(SystemExit) as finished:
            importlib.import_module(f"{module}.__main__").main([verb, "--help"])
        assert finished.value.code == 0, f"{module} {verb}"
        assert "usage" in capsys.readouterr().out


def test_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the figures, the README and the lesson that the command fills."""
    shutil.copytree(ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("keras", "*.html", "*.svg"))
    (tmp_path / "lessons").mkdir()
    for name in ("README.md", "lessons/differences.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def results(folder: Path) -> int:
    return lockstep(["results", str(folder / "results"), "--readme", str(folder / "README.md")])


def test_the_command_fills_the_readme(copied: Path) -> None:
    readme = copied / "README.md"
    readme.write_text(re.sub(r"(<!-- parity -->\n).*?(<!-- /)", r"\1old\n\2", README, flags=re.DOTALL))
    assert results(copied) == 0
    assert readme.read_text() == README


def changed(file: Path, *keys: str | int, value: object) -> None:
    """Put another value into a JSON file; `Ellipsis` takes it away."""
    whole = json.loads(file.read_text())
    place = whole
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    file.write_text(json.dumps(seal(whole) if "checksum" in whole else whole))


DAMAGE = [
    ("quick/statistics.json", ("cells", 0, "accuracy"), None),
    ("quick/statistics.json", ("cells", 0, "accuracy"), 7),
    ("quick/statistics.json", ("cells", 0, "framework"), "theano"),
    ("quick/statistics.json", ("cells",), []),
    ("full/statistics.json", ("baselines", 0, "architecture"), "oracle"),
    ("full/statistics.json", ("spread", "lstm"), "much"),
    ("ensemble.json", ("ensembles", 0, "validation_log_loss"), ...),
    ("ablation.json", ("rungs", 1, "speed_ratio"), ...),
    ("ablation.json", ("rungs", 0, "accuracy_of_seeds"), []),
    ("ladder.json", ("rungs", 1, "accuracy_difference", "mean"), float("nan")),
    ("benchmark.json", ("speed",), ...),
    ("benchmark.json", ("speed", "rows", 0, "ratio", "median"), -1.0),
    ("benchmark.json", ("learning", "rows", 0, "seconds_to"), {"soon": 1}),
    ("benchmark.json", ("growth", "rows", 0, "size"), "depth"),
    ("parity.json", ("largest", "keras", "loss"), ...),
    ("parity.json", ("tolerances", "loss"), -1.0),
    ("portability.json", ("matrices", "lstm", 0), [0]),
    ("portability.json", ("names", 0), "theano"),
    ("commands.json", ("commands", 0, "seconds"), "ages"),
]


@pytest.mark.parametrize(("file", "keys", "value"), DAMAGE)
def test_damaged_figures_are_refused_in_one_line(
    copied: Path, file: str, keys: tuple[str | int, ...], value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied / "results" / file
    changed(path, *keys, value=value)
    assert results(copied) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: not what its command wrote, or damaged (")
    assert said.endswith("; make it again\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"commands": ' + "[" * 100_000, "\x00"])
def test_files_that_are_no_json_are_refused_in_one_line(
    copied: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied / "results" / "commands.json"
    path.write_text(text)
    assert results(copied) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: ")
    assert said.count("\n") == 1


def test_what_was_not_a_number_is_shown_as_a_failure(copied: Path) -> None:
    changed(copied / "results" / "parity.json", "largest", "flair", "loss", value=None)
    changed(copied / "results" / "portability.json", "matrices", "gru", 0, 1, value=1.0)
    assert results(copied) == 0
    written = (copied / "README.md").read_text()
    assert re.search(r"^\| loss \| \S+ \| \S+ \| not a number ✗ \|", written, re.MULTILINE)
    assert re.search(r"^\| Keras \| \S+ \| 1e\+00 ✗ \|", written, re.MULTILINE)
    assert written.count("✗") == 2


def test_a_readme_without_marks_or_text_is_refused(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = copied / "README.md"
    for content, reason in (
        (README.replace("<!-- /parity -->", "").encode(), "has no <!-- parity --> … <!-- /parity -->"),
        (b"\xff", "not a text in UTF-8"),
    ):
        readme.write_bytes(content)
        assert results(copied) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: {readme}: {reason}")
        assert said.count("\n") == 1
        assert readme.read_bytes() == content
