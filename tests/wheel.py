"""``make package``: the wheel, built and used in an empty environment, as whoever installs it would.

The base must do without a framework, and without gensim and Matplotlib; then one framework is added by its extra.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from shared import __version__
from shared.terminal import say
from tests.conftest import ROOT

# What the base does without: each comes with an extra.
NOT_IN_THE_BASE = ("torch", "tensorflow", "flair", "fastai", "gensim", "matplotlib", "altair", "mlflow", "ray", "onnx")
TRAIN = ("train", "pytorch", "--preset", "smoke", "--reviews", "400", "--epochs", "1", "--out", "run", "--quiet")


def build(folder: Path) -> Path:
    """Build the wheel of this checkout, from a copy of what is in the repository, and return its path."""
    source = folder / "source"
    source.mkdir()
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    pack = subprocess.run(["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=files, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", source], input=pack.stdout, check=True)
    flags = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *flags, "-w", str(folder), str(source)]
    subprocess.run(command, check=True)
    return next(folder.glob("lockstep-*.whl"))


class Installed:
    """An environment of its own, and an empty folder in which its ``lockstep`` is called."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.wheel = folder / "empty", wheel
        self.folder.mkdir()
        self.binaries = folder / "environment" / "bin"
        venv.create(folder / "environment", with_pip=True)

    def install(self, *requirements: str) -> None:
        """Install the wheel with some extras, or another package."""
        command = [str(self.binaries / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*command, *requirements], check=True)

    def lockstep(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Call it and hold its exit code."""
        done = subprocess.run(
            [self.binaries / "lockstep", *arguments], cwd=self.folder, capture_output=True, text=True, env={"PATH": ""}
        )
        assert done.returncode == code, f"lockstep {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def lacks(self, packages: Sequence[str]) -> None:
        """Hold that none of these came along."""
        program = f"import importlib.util as u; print(*[n for n in {tuple(packages)!r} if u.find_spec(n)])"
        found = subprocess.run([self.binaries / "python", "-c", program], capture_output=True, text=True, check=True)
        assert not found.stdout.split(), f"the base brings {found.stdout}"


def check_base(installed: Installed) -> None:
    """What needs no framework works, and what needs one says in one line which extra brings it."""
    installed.lacks(NOT_IN_THE_BASE)
    assert installed.lockstep("--version").stdout == f"lockstep {__version__}\n"
    assert "explain" in installed.lockstep().stdout
    assert "imdb" in installed.lockstep("tasks").stdout
    assert "learning_rate" in installed.lockstep("config", "run").stdout
    installed.lockstep("baseline", "tf-idf", "--preset", "smoke", "--reviews", "400", "--out", "baseline")
    for arguments, extra in (
        (("train", "keras", "--preset", "smoke", "--reviews", "400"), "keras"),
        (("train", "pytorch", "--preset", "smoke", "--reviews", "400"), "pytorch"),
        (("report", "runs/x"), "report"),
    ):
        said = installed.lockstep(*arguments, code=2).stderr
        assert said.startswith("error: "), said
        assert f"'lockstep[{extra}]'" in said, said
        assert said.count("\n") == 1, said


def check_framework(installed: Installed) -> None:
    """Train, predict with and without the framework, and see that the answers agree."""
    installed.lockstep(*TRAIN)
    text = "A wonderful, moving film."
    said = installed.lockstep("predict", "pytorch", "--checkpoint", "run", text).stdout
    assert "negative" in said
    assert installed.lockstep("predict", "run", text).stdout == said


def main() -> int:
    """Build, install, use."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        say(f"{wheel.name}: built")
        installed = Installed(folder, wheel)
        installed.install(str(wheel))
        check_base(installed)
        say("the base: installed into an empty environment, and used")
        installed.install("torch==2.13.0")  # on a machine with PyPI's usual build this brings CUDA
        installed.install(f"{wheel}[pytorch]")
        check_framework(installed)
        say("with [pytorch]: a model trained, and read with and without PyTorch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
