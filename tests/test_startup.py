"""What a command says where there is no environment: one line, whichever command it is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

from shared.startup import EXTRAS, _extra_of
from tests.attack.commands import runnable_modules
from tests.conftest import ROOT

MODULES = [*sorted(runnable_modules()), "tests.attack", "tests.parity"]
# As the console script does it.
CONSOLE = "import sys; from compare.console import lockstep; sys.exit(lockstep())"
PACKAGES = sorted({module.partition(".")[0] for module in MODULES} | {"torch_layers"})


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of an environment without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the code in it, as git makes it: without an environment."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in (*PACKAGES, "Makefile"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def run(python: Path | str, *arguments: str, where: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(path or where)}
    return subprocess.run([python, *arguments], capture_output=True, text=True, cwd=where, env=environment)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command ends with."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("\n")
    return done.stderr[len("error: ") : -1]


@pytest.mark.parametrize("module", [*MODULES, "lockstep"])
def test_without_packages_every_command_says_so_in_one_line(module: str, bare: Path, clone: Path) -> None:
    arguments = ("-c", CONSOLE) if module == "lockstep" else ("-m", module)
    # Alone `lockstep` shows what it can do, which needs no package.
    work = ("run",) if module in ("lockstep", "compare") else ()
    said = refused(run(bare, *arguments, *work, where=clone))
    assert re.fullmatch(
        r"this Python has no package '\w+'; run `make .venv/ready`, then `source .venv/bin/activate`", said
    )


def test_an_environment_that_make_built_is_to_be_activated(bare: Path, clone: Path, tmp_path: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "ready").touch()
    here = refused(run(bare, "-m", "compare", "run", where=clone))
    assert here.endswith("; run `source .venv/bin/activate` first")
    elsewhere = refused(run(bare, "-m", "compare", "run", where=tmp_path, path=clone))
    assert elsewhere.endswith(f"; run `source '{clone}/.venv'/bin/activate` first")


@pytest.mark.parametrize("ready", [True, False])
def test_in_an_environment_that_lacks_a_package_pip_installs_it(clone: Path, ready: bool) -> None:
    venv.create(clone / ".venv", symlinks=True, with_pip=False)
    if ready:
        (clone / ".venv" / "ready").touch()
    said = refused(run(clone / ".venv" / "bin" / "python", "-m", "keras_impl", where=clone))
    assert said.endswith("install Lockstep's requirements, in its folder: `python -m pip install --editable '.[all]'`")


OLD = """
import runpy, sys
sys.version_info = (3, 10, 13, "final", 0)
sys.argv = ["-m"]  # as Python has it while it looks for the module
runpy.run_module(sys.orig_argv[-1], run_name="__main__")
"""


@pytest.mark.parametrize("module", MODULES)
def test_an_older_python_says_so_in_one_line(module: str, clone: Path) -> None:
    said = refused(run(sys.executable, "-c", OLD, module, where=clone))
    assert said.startswith("this is Python 3.10, and 3.11 or newer is needed; run `make .venv/ready`")


def test_an_older_python_can_read_what_comes_before_that_line() -> None:
    files = {ROOT / "shared" / "startup.py", ROOT / "compare" / "console.py"}
    for module in MODULES:
        parts = module.split(".")
        folder = ROOT.joinpath(*parts)
        files |= {ROOT.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts) + folder.is_dir())}
        files.add(folder / "__main__.py" if folder.is_dir() else folder.with_suffix(".py"))
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("statement", "last"),
    [
        ("import shared.nothing", "ModuleNotFoundError: No module named 'shared.nothing'"),
        ("import json.nothing", "ModuleNotFoundError: No module named 'json.nothing'"),
        ("raise ModuleNotFoundError('of no name')", "ModuleNotFoundError: of no name"),
        ("raise ValueError('a bug')", "ValueError: a bug"),
    ],
)
def test_a_bug_is_still_shown_with_its_place(statement: str, last: str, clone: Path) -> None:
    done = run(sys.executable, "-c", f"from shared.startup import begin; begin(); {statement}", where=clone)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback ")
    assert done.stderr.splitlines()[-1] == last


def test_a_program_that_imports_shared_keeps_its_own_messages(clone: Path) -> None:
    done = run(
        sys.executable, "-c", "import shared.errors, sys; print(sys.excepthook is sys.__excepthook__)", where=clone
    )
    assert done.stdout == "True\n", done.stderr


DROPPED = """
import os, signal, sys, time
from shared.startup import begin
begin()
from shared.command_line import guarded

class Closing:
    def __del__(self):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        for _ in range(1_000):
            pass  # the signal arrives here, where Python drops what is raised

def command():
    for _ in range(int(sys.argv[2])):
        Closing()
    time.sleep(8)
    return 0

sys.exit(guarded(command))
"""


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_arrives_while_an_object_is_deleted_ends_the_command(name: str, times: int) -> None:
    command = [sys.executable, "-c", DROPPED, name, str(times)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (130, "interrupted: nothing half-written was left\n")


def test_every_package_of_an_extra_is_asked_for_by_the_name_of_that_extra() -> None:
    """What `pip install "lockstep[…]"` is advised for a missing package is what pyproject.toml says brings it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brought: dict[str, set[str]] = {}
    for extra in set(extras) - {"all", "dev", "docs"}:
        for requirement in extras[extra]:
            distribution = re.split(r"[<>=!~\[; ]", requirement)[0].replace("-", "_")
            brought.setdefault(distribution.removesuffix("_python"), set()).add(extra)
    assert len(brought) > 10
    for package, choices in brought.items():
        assert _extra_of(package) in choices, package
    assert EXTRAS.keys() <= brought.keys()
