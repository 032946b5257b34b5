"""Adding a framework is one folder and one entry, as CONTRIBUTING.md says: what is there then knows of it.

The framework is PyTorch under another name. It has no documented values, so nothing native.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

from tests.conftest import ROOT
from tests.copied import copy_code
from tests.twins import FUNCTIONS, OPTIONAL

ENTRY = """    Framework(
        name="toy",
        title="Toy",
        module="toy_impl",
        imports=("torch",),
        beneath=("torch_layers",),
        colour="#56B4E9",
        marker="^",
    ),
)
FRAMEWORKS ="""
# In the room of PyTorch, what is said of documented values.
NATIVE = (
    "    from pytorch_impl import documented\n",
    "native=Native(decided_fields=documented.DECIDED_FIELDS, build=documented.build, train=documented.train),",
    ", Native",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code with one folder and one entry more."""
    folder = copy_code(tmp_path_factory.mktemp("project"))
    room = folder / "toy_impl"
    room.mkdir()
    for name in ("__init__.py", *FUNCTIONS):
        if name != OPTIONAL:
            text = (ROOT / "pytorch_impl" / name).read_text()
            for words in NATIVE if name == "__main__.py" else ():
                assert words in text
                text = text.replace(words, "")
            (room / name).write_text(text.replace("pytorch_impl", "toy_impl").replace('"pytorch"', '"toy"'))
    registry = folder / "shared/frameworks.py"
    before = registry.read_text()
    assert before.count(")\nFRAMEWORKS =") == 1
    registry.write_text(before.replace(")\nFRAMEWORKS =", ENTRY))
    return folder


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=600
    )


def test_it_has_a_wall_and_is_walled_off(project: Path) -> None:
    done = run(project, "tests.walls")
    assert done.returncode == 0, done.stdout
    assert "toy_impl knows torch only, with torch_layers beneath it KEPT" in " ".join(done.stdout.split())
    shutil.copytree(project, other := project.parent / "broken")
    (other / "flair_impl/__init__.py").write_text("import toy_impl\n")
    assert run(other, "tests.walls").returncode != 0


def test_it_is_a_twin_of_the_others(project: Path) -> None:
    done = run(project, "tests.twins")
    assert done.returncode == 0, done.stdout
    shutil.copytree(project, other := project.parent / "unlike")
    (other / "toy_impl/training.py").write_text("")
    done = run(other, "tests.twins")
    assert done.returncode != 0
    assert "toy_impl/training.py: defines no function predict_probabilities" in done.stdout


def test_it_is_packaged(project: Path) -> None:
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert "toy_impl" in find_namespace_packages(str(project), exclude=find["exclude"], include=find["include"])


def test_its_models_are_trained_and_compared(project: Path, tmp_path: Path) -> None:
    flags = ("--preset", "smoke", "--reviews", 300, "--epochs", 1, "--out", tmp_path / "run")
    done = run(project, "toy_impl", "train", *flags)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run/record.json").read_text())["framework"] == "toy"
    done = run(project, "compare", "parity", "--short", "--frameworks", "toy", "--out", tmp_path / "parity.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(json.loads((tmp_path / "parity.json").read_text())["largest"]) == ["toy"]
