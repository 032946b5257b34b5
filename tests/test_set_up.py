"""`make` builds the environment, or says why not: the real Makefile, with a stub in place of Python."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from shared.frameworks import FRAMEWORKS, REGISTRY, Framework
from tests.conftest import ROOT

# It writes what it is asked to do, and does what an environment needs to be told from a whole one.
STUB = """#!/bin/sh
echo "$*" >> "$PWD/asked"
case "$*" in
    "-c import sys;"*) ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"-r requirements.lock") echo half > .venv/package; sleep "${SECONDS_TO_INSTALL:-0}"; echo whole > .venv/package ;;
    "-m compare ${FAILING:-nothing}"*) exit 1 ;;
    "-c from shared.frameworks "*) test -z "$UNLISTED" && echo FRAMEWORKS ;;
    "-c import "*|"-c from "*)
        test "$(cat .venv/package)" = whole || exit 1
        case "$*" in *"${BROKEN:-nothing}"*) exit 1 ;; esac ;;
esac
""".replace("FRAMEWORKS", " ".join(FRAMEWORKS))
LONG = 60  # seconds; nothing waits for them


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and what it depends on."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
        os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    (tmp_path / "stub").write_text(STUB)
    (tmp_path / "stub").chmod(0o755)
    return tmp_path


def compared(project: Path) -> list[str]:
    """The commands of `compare`, by their first word, in the order in which they were run."""
    return [line.split()[2] for line in asked(project) if line.startswith("-m compare ")]


def start(project: Path, **variables: object) -> subprocess.Popen[str]:
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of the make that runs the tests
        environment.pop(inherited, None)
    return subprocess.Popen(
        ["make", "compare", f"PYTHON={project / 'stub'}"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def make(project: Path, **variables: object) -> tuple[int, str]:
    """Exit code, and all that was said."""
    process = start(project, **variables)
    said, _ = process.communicate(timeout=LONG)
    return process.returncode, said


def asked(project: Path) -> list[str]:
    return (project / "asked").read_text().splitlines() if (project / "asked").exists() else []


def installs(project: Path) -> int:
    return sum(line.endswith("-r requirements.lock") for line in asked(project))


def imports(project: Path) -> list[str]:
    """What was imported, in the order in which it was: frameworks, and all other packages at once."""
    loaded = re.compile(r"-c from shared\.contract import load_implementation; load_implementation\('(.*)'\)")
    found = [loaded.fullmatch(line) for line in asked(project)]
    others = [line for line in asked(project) if line.startswith("-c import ") and "sys" not in line]
    return [match[1] for match in found if match] + others


def wait_until_half_installed(project: Path, process: subprocess.Popen[str]) -> None:
    while not (project / ".venv/package").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def test_an_environment_is_made_once(project: Path) -> None:
    code, said = make(project)
    assert code == 0, said
    assert (project / ".venv/ready").exists()
    assert installs(project) == 1
    assert tuple(imports(project)[:-1]) == FRAMEWORKS, (
        "one process a framework: two in one process can block each other"
    )
    assert imports(project)[-1].startswith("-c import altair")
    assert make(project)[0] == 0
    assert (installs(project), len(imports(project))) == (1, 5)


def test_a_comparison_has_its_proofs_in_the_report(project: Path) -> None:
    code, said = make(project, PRESET="smoke")
    assert code == 0, said
    assert compared(project) == ["run", "parity", "portability", "report"]
    asked_for = [line for line in asked(project) if line.startswith("-m compare ")]
    assert "parity --short --out runs/smoke/parity.json" in asked_for[1]
    assert "portability runs/smoke --no-train" in asked_for[2]
    assert "report runs/smoke" in asked_for[3]


def test_where_frameworks_need_not_agree_nothing_is_proven(project: Path) -> None:
    code, said = make(project, RECIPE="idiomatic")
    assert code == 0, said
    assert compared(project) == ["run", "report"]


@pytest.mark.parametrize("proof", ["parity", "portability"])
def test_a_proof_that_fails_is_reported_and_fails(project: Path, proof: str) -> None:
    """Its page is made all the same: it shows what failed, and no earlier proof that held."""
    old = project / "runs/quick" / f"{proof}.json"
    old.parent.mkdir(parents=True)
    old.write_text("held")
    code, said = make(project, FAILING=proof)
    assert code != 0
    assert compared(project) == ["run", "parity", "portability", "report"]
    assert f"error: the report is made, but a proof failed: {proof} (see above)" in said.splitlines()
    assert not old.exists()


@pytest.mark.parametrize(
    ("command", "asked_for"), [("run", ["run"]), ("report", ["run", "parity", "portability", "report"])]
)
def test_what_cannot_be_made_ends_the_comparison(project: Path, command: str, asked_for: list[str]) -> None:
    code, said = make(project, FAILING=command)
    assert code != 0
    assert compared(project) == asked_for
    assert "the report is made" not in said


def test_an_install_that_was_killed_is_made_anew(project: Path) -> None:
    process = start(project, SECONDS_TO_INSTALL=LONG)
    wait_until_half_installed(project, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (project / ".venv/ready").exists()
    (project / ".venv/left").touch()
    code, said = make(project)
    assert code == 0, said
    assert (project / ".venv/package").read_text() == "whole\n"
    assert not (project / ".venv/left").exists()
    assert installs(project) == 2


@pytest.mark.parametrize("package", [*(f"('{name}')" for name in FRAMEWORKS), "onnxruntime"])
def test_what_cannot_be_imported_is_not_ready(project: Path, package: str) -> None:
    code, said = make(project, BROKEN=package)
    assert code != 0, said
    assert not (project / ".venv/ready").exists()
    assert not [line for line in asked(project) if line.startswith("-m compare")]
    assert make(project)[0] == 0
    assert (project / ".venv/ready").exists()
    assert installs(project) == 2


@pytest.mark.parametrize("target", ["compare", "clean"])
def test_an_environment_of_somebody_else_stays(project: Path, target: str) -> None:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/activate").write_text("theirs")
    command = ["make", target, f"PYTHON={project / 'stub'}"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if line.startswith("error: .venv: was not made by this Makefile")]
    assert [path.name for path in (project / ".venv").iterdir()] == ["bin"]
    assert (project / ".venv/bin/activate").read_text() == "theirs"
    assert "-m venv .venv" not in asked(project)


def test_nothing_is_put_in_the_place_of_a_file(project: Path) -> None:
    (project / ".venv").write_text("theirs")
    assert make(project)[0] != 0
    assert (project / ".venv").read_text() == "theirs"


def test_a_link_to_an_environment_of_somebody_else_stays(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    theirs = tmp_path_factory.mktemp("theirs")
    (theirs / "pyvenv.cfg").touch()
    (project / ".venv").symlink_to(theirs)
    assert make(project)[0] != 0
    assert [path.name for path in theirs.iterdir()] == ["pyvenv.cfg"]


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_what_was_finished_is_brought_up_to_date_in_place(project: Path, name: str) -> None:
    assert make(project)[0] == 0
    (project / ".venv/kept").touch()
    os.utime(project / ".venv/ready", (1_100_000_000, 1_100_000_000))
    os.utime(project / name, (1_200_000_000, 1_200_000_000))
    assert make(project)[0] == 0
    assert (project / ".venv/kept").exists()
    assert installs(project) == 2
    os.utime(project / ".venv/ready", (1_100_000_000, 1_100_000_000))
    assert make(project, BROKEN="onnxruntime")[0] != 0
    assert not (project / ".venv/ready").exists(), "an update that failed leaves nothing that counts as ready"
    assert make(project)[0] == 0
    assert not (project / ".venv/kept").exists(), "and is made anew"


def test_an_environment_of_an_earlier_version_is_taken_over(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv/ready").touch()
    os.utime(project / ".venv/ready", (1, 1))
    assert make(project)[0] == 0
    assert installs(project) == 1


@pytest.mark.skipif(shutil.which("flock") is None, reason="without flock there is nothing to wait with")
def test_of_two_at_once_one_installs(project: Path) -> None:
    first = start(project, SECONDS_TO_INSTALL=2)
    wait_until_half_installed(project, first)
    code, said = make(project)
    assert code == 0, said
    assert "Another make is at work on .venv; waiting for it." in said
    assert first.communicate(timeout=LONG)[0] is not None
    assert first.returncode == 0
    assert installs(project) == 1
    assert (project / ".venv/package").read_text() == "whole\n"


@pytest.mark.skipif(shutil.which("flock") is None, reason="without flock there is nothing to wait with")
def test_an_install_whose_make_was_killed_goes_on_alone(project: Path) -> None:
    """What make had started still installs: the next one waits for that instead of deleting under its hands."""
    first = start(project, SECONDS_TO_INSTALL=1)
    wait_until_half_installed(project, first)
    first.kill()
    first.wait()
    code, said = make(project)
    assert code == 0, said
    assert (project / ".venv/package").read_text() == "whole\n"


def test_too_old_a_python_is_refused(project: Path) -> None:
    (project / "stub").write_text("#!/bin/sh\nexit 1\n")
    code, said = make(project)
    assert code != 0
    assert "error: Python 3.11, 3.12 or 3.13 is needed" in said
    assert not (project / ".venv").exists()


def test_where_the_list_of_frameworks_cannot_be_read_nothing_is_ready(project: Path) -> None:
    code, said = make(project, UNLISTED="yes")
    assert code != 0, said
    assert not (project / ".venv/ready").exists()


def requirements(*extras: str) -> set[str]:
    """The packages that pyproject.toml names: of these extras, or without any of the project itself."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [described["optional-dependencies"][extra] for extra in extras] or [described["dependencies"]]
    return {re.match(r"[\w-]+", one)[0].lower() for group in groups for one in group} - {"lockstep"}


def brought(modules: set[str]) -> set[str]:
    """The distributions that these modules come from."""
    return {
        distribution.lower().replace("_", "-")
        for name, owners in packages_distributions().items()
        if name in modules
        for distribution in owners
    }


def test_every_required_package_is_imported() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (packages,) = re.findall(r"^PACKAGES := (.*)$", makefile, re.MULTILINE)
    imported = {name.strip().split(".")[0] for name in packages.split(",")}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(FRAMEWORKS) <= extras.keys()
    required = requirements() | requirements(*extras.keys() - set(FRAMEWORKS))
    # Files only, which nothing can import; and what there is for Linux alone, for a search that is no test.
    assert required - brought(imported) == {"sphinx-mathjax-offline", "atheris"}


@pytest.mark.parametrize("framework", REGISTRY, ids=FRAMEWORKS)
def test_an_implementation_imports_every_package_of_its_framework(framework: Framework) -> None:
    """And no other framework's, but for what lies beneath its own: the Makefile imports nothing else of them."""
    code = (
        f"import sys; from shared.contract import load_implementation; load_implementation({framework.name!r})\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.rpartition("LOADED ")[2].split())
    assert requirements(framework.name) <= brought(loaded)
    own = {*framework.imports, *framework.beneath}
    assert own <= loaded
    assert loaded & {package for other in REGISTRY for package in other.imports} <= own
