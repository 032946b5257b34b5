from __future__ import annotations

import importlib
import re

import pytest

from compare.results import TABLES, filled
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
